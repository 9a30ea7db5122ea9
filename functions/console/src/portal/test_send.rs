//! Run a test request: the catalogue's example or JSON of one's own, and the whole exchange.

use axum::extract::Path;
use axum::response::{IntoResponse as _, Response};
use maud::html;
use serde_json::{Map, Value, json};

use super::delivery::done;
use super::edit::types;
use super::hook::{address_of, around, load};
use crate::api::{EventType, Hook, TestSend};
use crate::components::badge::Tone;
use crate::components::field::{self, Field, Mistakes};
use crate::components::{exchange, notice, time};
use crate::failure::Failure;
use crate::page::{Answer, Page};
use crate::query::{Done, Query};
use crate::same_origin::Form;
use crate::texts::fill;
use crate::visit::PortalVisit;

struct Asked<'a> {
    event_type: &'a str,
    data: &'a str,
}

pub(crate) async fn page(visit: PortalVisit, Path(hook): Path<String>, Query(query): Query<Done>) -> Answer {
    let hook = load(&visit, &hook).await?;
    let types = types(&visit).await?;
    let asked = Asked { event_type: "", data: "" };
    Ok(shown(&visit, &hook, &types, &asked, &Mistakes::default(), None, &query.done))
}

fn shown(
    visit: &PortalVisit,
    hook: &Hook,
    types: &[EventType],
    asked: &Asked<'_>,
    mistakes: &Mistakes,
    sent: Option<&TestSend>,
    was_done: &str,
) -> Page {
    let t = visit.texts();
    let mut names: Vec<&str> = types.iter().filter(|kind| !kind.archived).map(|kind| kind.name.as_str()).collect();
    names.extend(hook.events.iter().map(String::as_str).filter(|event| !event.ends_with('*')));
    names.sort_unstable();
    names.dedup();
    let form = html! {
        div.field {
            label for="event_type" { (t.event_type) }
            input type="text" id="event_type" name="event_type" value=(asked.event_type) list="event_types" autocomplete="off"
                aria-invalid=[mistakes.at("event_type").map(|_| "true")] aria-describedby=[mistakes.at("event_type").map(|_| "event_type-mistake")];
            datalist id="event_types" { @for name in &names { option value=(name) {} } }
            @if let Some(mistake) = mistakes.at("event_type") { p.mistake #event_type-mistake { (mistake) } }
        }
        (Field::new("data", t.test_data).help(t.test_data_help).mistakes(mistakes).area(asked.data, 6))
        button.button.primary { (t.test_run) }
    };
    let inner = html! {
        (done(visit, was_done))
        h2 { (t.test_title) }
        p.help { (t.test_help) }
        @for error in mistakes.besides(&["event_type", "data"]) { (notice::notice(Tone::Bad, &html! { p { (error.message) } })) }
        (field::form(&address_of(&hook.id, "test"), &visit.form_token, &form))
        @if hook.health.verification == "pending" {
            h2 { (t.verify_now) }
            p.help { (t.verify_now_help) }
            (field::button(&address_of(&hook.id, "verify"), &visit.form_token, "", t.verify_now))
        }
        @if let Some(sent) = sent {
            section #result aria-live="polite" {
                (notice::notice(if sent.status { Tone::Good } else { Tone::Bad }, &html! {
                    p { strong { (if sent.status { t.test_succeeded } else { t.test_failed }) } " " (fill(t.took, &[("time", &time::took(sent.duration_ms))])) }
                    p { code { (sent.result) } @if let Some(code) = sent.code { " (" (code) ")" } ": " (sent.message) }
                }))
                @if let Some(request) = &sent.request { (exchange::request(request, t)) }
                @match &sent.response { Some(response) => (exchange::response(response, t)), None => p.help { (t.no_answer) } }
            }
        }
    };
    around(visit, hook, "test", &inner)
}

pub(crate) async fn run(visit: PortalVisit, Path(hook): Path<String>, form: Form) -> Result<Response, Failure> {
    let hook = load(&visit, &hook).await?;
    let types = types(&visit).await?;
    let asked = Asked {
        event_type: form.typed("event_type").unwrap_or_default(),
        data: form.get("data").map(str::trim).unwrap_or_default(),
    };
    let mut mistakes = Mistakes::default();
    let mut body = Map::new();
    if !asked.event_type.is_empty() {
        body.insert("event_type".to_owned(), json!(asked.event_type));
    }
    if !asked.data.is_empty() {
        match serde_json::from_str::<Value>(asked.data) {
            Ok(data) => drop(body.insert("data".to_owned(), data)),
            Err(error) => mistakes.add("data", &format!("{}: {error}", visit.texts().form_no_json)),
        }
    }
    if !mistakes.is_empty() {
        let page = shown(&visit, &hook, &types, &asked, &mistakes, None, "");
        return Ok(page.with_mistakes().into_response());
    }
    tell(&visit, &hook, &types, &asked, "test", Value::Object(body)).await
}

/// The handshake: who returns the key is verified.
pub(crate) async fn verify(visit: PortalVisit, Path(hook): Path<String>) -> Result<Response, Failure> {
    let hook = load(&visit, &hook).await?;
    let types = types(&visit).await?;
    tell(&visit, &hook, &types, &Asked { event_type: "", data: "" }, "verify", json!({})).await
}

/// Sends it, and shows what came of it.
async fn tell(
    visit: &PortalVisit,
    hook: &Hook,
    types: &[EventType],
    asked: &Asked<'_>,
    what: &str,
    body: Value,
) -> Result<Response, Failure> {
    match visit.api().post::<TestSend>(&visit.path(&["hooks", &hook.id, what]), &body).await {
        Ok(sent) => Ok(shown(visit, hook, types, asked, &Mistakes::default(), Some(&sent), "").into_response()),
        Err(refusal) => {
            let mistakes = Mistakes::of_refusal(refusal)?;
            Ok(shown(visit, hook, types, asked, &mistakes, None, "").with_mistakes().into_response())
        }
    }
}
