//! In with a key that is typed once, or with a one-time link, and out again.
//!
//! Neither key nor link goes into the cookie. With it, a key is made for this visit alone,
//! which ends by itself and with the logout.

use api_client::{Caller, Calls, Refusal};
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::request::Parts;
use http::{HeaderMap, StatusCode, header};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::Shared;
use crate::api::{Entry, List};
use crate::components::field::Field;
use crate::cookies::{Area, Jar};
use crate::failure::Failure;
use crate::page::{Page, is_of_ours, see_other};
use crate::query::Query;
use crate::same_origin::Form;
use crate::visit::{OperatorVisit, key_id};

/// What the key behind a one-time link is called; `hookline console-link` makes it.
pub const LINK_NAME: &str = "One-time link to the console";
/// In which the link can be opened.
const LINK_SECONDS: u64 = 600;
const SESSION_NAME: &str = "Session of the console";
/// A working day, and a little.
const SESSION_SECONDS: u64 = 12 * 3_600;

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Back {
    back: String,
}

/// What `POST /v1/keys` is asked for a one-time link.
pub fn link_body() -> Value {
    json!({ "name": LINK_NAME, "expires_in": LINK_SECONDS })
}

/// The one-time link to the console at `address`, of what was answered.
///
/// # Errors
///
/// Where the answer holds no key.
pub fn link(address: &str, answer: &[u8]) -> serde_json::Result<String> {
    let made: MadeKey = serde_json::from_slice(answer)?;
    Ok(format!("{}/console/enter#{}", address.trim_end_matches('/'), made.key))
}

#[derive(Deserialize)]
struct NamedKey {
    id: String,
    name: String,
}

#[derive(Deserialize)]
struct MadeKey {
    id: String,
    key: String,
}

pub(crate) async fn login(Query(Back { back }): Query<Back>) -> Page {
    Page::new("", "Log in", login_form(&back, None))
}

fn login_form(back: &str, mistake: Option<&str>) -> Markup {
    let field = Field { mistake, ..Field::new("key", "Operator's key") };
    html! {
        section.empty {
            h1 { "Log in" }
            form method="post" action="/console/login" {
                input type="hidden" name="back" value=(back);
                (field.help("It is asked for once. The browser keeps a key that is made for this visit.").required().input("password", ""))
                button.button.primary { "Log in" }
            }
            p { "Or open a one-time link: " code { "hookline console-link" } " prints one." }
        }
    }
}

pub(crate) async fn log_in(State(app): State<Shared>, parts: Parts, form: Form) -> Result<Response, Failure> {
    let jar = jar(&parts.headers)?;
    let back = form.get("back").unwrap_or_default();
    let again = |message| {
        let page = Page::new("", "Log in", login_form(back, Some(message))).with_mistakes();
        Ok(page.into_response())
    };
    let caller = Caller::with_token(&parts, form.typed("key").unwrap_or_default());
    match make_session(app.api.on_behalf_of(&caller)).await {
        Ok(session) => Ok(into_the_console(jar, &session, back)),
        Err(Refusal { status: StatusCode::UNAUTHORIZED, .. }) => again("this key is not known, or has expired"),
        Err(Refusal { status: StatusCode::FORBIDDEN, .. }) => {
            again("this key is a tenant's; the console takes an operator's")
        }
        Err(refusal) => Err(refusal.into()),
    }
}

pub(crate) async fn page() -> Page {
    Page::new("", "Opening the console", enter_form(None)).that_takes_a_code(false)
}

fn enter_form(mistake: Option<&str>) -> Markup {
    let field = Field { mistake, ..Field::new("code", "Code") };
    html! {
        section.empty {
            h1 { "Opening the console" }
            form method="post" action="/console/enter" data-enter {
                (field.help("If nothing happens, paste the part of your link after the # here.").required().input("text", ""))
                button.button.primary { "Continue" }
            }
        }
    }
}

/// Of two that send it at once, one gets in: who cannot take the link away has come late.
pub(crate) async fn send(State(app): State<Shared>, parts: Parts, form: Form) -> Result<Response, Failure> {
    let jar = jar(&parts.headers)?;
    let code = form.typed("code").unwrap_or_default().trim_start_matches('#');
    let caller = Caller::with_token(&parts, code);
    let link = app.api.on_behalf_of(&caller);
    let used = || {
        let mistake = "this link was used before, or has ended; hookline console-link prints another one";
        let page = Page::new("", "Opening the console", enter_form(Some(mistake)));
        Ok(page.that_takes_a_code(false).with_mistakes().into_response())
    };
    let Some(id) = key_id(code) else { return used() };
    let session = match is_link(link, id).await {
        Ok(true) => make_session(link).await,
        Ok(false) => return used(),
        Err(refusal) => Err(refusal),
    };
    let session = match session {
        Ok(session) => session,
        Err(Refusal { status: StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, .. }) => return used(),
        Err(refusal) => return Err(refusal.into()),
    };
    if let Err(refusal) = link.delete(&["v1", "keys", id]).await {
        let own = Caller::with_token(&parts, &session.key);
        app.api.on_behalf_of(&own).delete(&["v1", "keys", &session.id]).await?;
        return if refusal.status.is_client_error() { used() } else { Err(refusal.into()) };
    }
    Ok(into_the_console(jar, &session, ""))
}

/// Any other key would be revoked by who takes it for a link.
async fn is_link(api: Calls<'_>, id: &str) -> Result<bool, Refusal> {
    let keys: List<NamedKey> = api.get(&["v1", "keys"], &[]).await?;
    Ok(keys.items.iter().any(|entry| matches!(entry, Entry::Fine(key) if key.id == id && key.name == LINK_NAME)))
}

async fn make_session(api: Calls<'_>) -> Result<MadeKey, Refusal> {
    api.post(&["v1", "keys"], &json!({ "name": SESSION_NAME, "expires_in": SESSION_SECONDS })).await
}

fn into_the_console(jar: Jar, session: &MadeKey, back: &str) -> Response {
    let back = if is_of_ours(back) && Area::of(back) == Area::Console { back } else { "/console" };
    let mut response = see_other(back);
    response.headers_mut().append(header::SET_COOKIE, jar.session(Area::Console, &session.key, SESSION_SECONDS));
    response
}

fn jar(headers: &HeaderMap) -> Result<Jar, Failure> {
    Jar::of(headers, false).ok_or_else(Failure::plain_http)
}

pub(crate) async fn log_out(visit: OperatorVisit) -> Result<Response, Failure> {
    if !visit.key_id.is_empty() {
        visit.api().delete(&["v1", "keys", &visit.key_id]).await?;
    }
    let mut response = see_other("/console/login");
    for cookie in Jar::end(Area::Console) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    Ok(response)
}
