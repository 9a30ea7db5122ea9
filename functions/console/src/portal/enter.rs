//! In by a one-time link, and out again.

use api_client::{Caller, Refusal};
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::request::Parts;
use http::{StatusCode, header};
use maud::{Markup, html};
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde_json::{Value, json};

use super::WANTED;
use crate::Shared;
use crate::components::field::Field;
use crate::cookies::{self, Area, Jar};
use crate::failure::Failure;
use crate::page::{Page, is_of_ours, see_other};
use crate::reader::Reader;
use crate::same_origin::Form;
use crate::texts::Texts;
use crate::visit::{PortalSession, PortalVisit};

/// Longer than a session can be refreshed; the API says when it is over.
const COOKIE_SECONDS: u64 = 31 * 24 * 3_600;

#[derive(Deserialize)]
struct Entered {
    token: String,
    #[serde(flatten)]
    session: PortalSession,
}

/// The code is behind the `#`: only a script of ours, or the reader, can bring it here.
pub(crate) async fn page(reader: Reader) -> Page {
    let t = reader.language(None).texts();
    Page::new("", t.enter_title, form(t, None)).that_takes_a_code(true)
}

fn form(t: &Texts, mistake: Option<&str>) -> Markup {
    html! {
        section.empty {
            h1 { (t.enter_title) }
            @if mistake.is_none() { p { (t.enter_wait) } }
            form method="post" action="/portal/enter" data-enter {
                (Field { mistake, ..Field::new("code", t.enter_code) }.help(t.enter_by_hand).required().input("text", ""))
                button.button.primary { (t.enter_button) }
            }
        }
    }
}

pub(crate) async fn send(
    State(app): State<Shared>,
    reader: Reader,
    parts: Parts,
    form_sent: Form,
) -> Result<Response, Failure> {
    let code = form_sent.typed("code").unwrap_or_default().trim_start_matches('#');
    let caller = Caller::anonymous(&parts);
    let entered: Result<Entered, Refusal> =
        app.api.on_behalf_of(&caller).post(&["v1", "portal", "sessions"], &json!({ "code": code })).await;
    let Entered { token, session } = match entered {
        Ok(entered) => entered,
        Err(Refusal { status: StatusCode::UNAUTHORIZED | StatusCode::UNPROCESSABLE_ENTITY, .. }) => {
            let t = reader.language(None).texts();
            let page = Page::new("", t.enter_title, form(t, Some(t.enter_refused)));
            return Ok(page.that_takes_a_code(true).with_status(StatusCode::FORBIDDEN).into_response());
        }
        Err(refusal) => return Err(refusal.into()),
    };
    let jar = Jar::of(&parts.headers, !session.branding.embed_origins.is_empty()).ok_or_else(Failure::plain_http)?;
    let wanted = cookies::get(&parts.headers, WANTED)
        .map(|text| percent_decode_str(text).decode_utf8_lossy().into_owned())
        .filter(|address| is_of_ours(address) && Area::of(address) == Area::Portal);
    let landing = format!("/portal{}", session.landing);
    let landing = if is_of_ours(&landing) { landing } else { "/portal/hooks".to_owned() };
    let mut response = see_other(wanted.as_deref().unwrap_or(&landing));
    let headers = response.headers_mut();
    headers.append(header::SET_COOKIE, jar.session(Area::Portal, &token, COOKIE_SECONDS));
    headers.append(header::SET_COOKIE, jar.note(WANTED, "", 0));
    Ok(response)
}

pub(crate) async fn ended(reader: Reader) -> Page {
    let t = reader.language(None).texts();
    Page::new("", t.ended_title, html! { section.empty { h1 { (t.ended_title) } p { (t.ended_help) } } })
}

/// From now on for as long as the session was made for.
pub(crate) async fn refresh(visit: PortalVisit, form: Form) -> Result<Response, Failure> {
    let _: Value = visit.api().post(&["v1", "portal", "session", "refresh"], &json!({})).await?;
    Ok(see_other(form.get("back").filter(|address| is_of_ours(address)).unwrap_or("/portal/hooks")))
}

pub(crate) async fn log_out(visit: PortalVisit) -> Result<Response, Failure> {
    visit.api().delete(&["v1", "portal", "session"]).await?;
    let mut response = see_other("/portal/ended");
    for cookie in Jar::end(Area::Portal).into_iter().chain([Jar::end_embedded()]) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    Ok(response)
}
