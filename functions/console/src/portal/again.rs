//! Sending many again: counted first, then sent, with progress, and cancelled if need be.

use axum::extract::Path;
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use jiff::SignedDuration;
use maud::{Markup, html};
use serde_json::{Value, json};

use super::hook::{address_of, around, load};
use crate::api::{Hook, List, Replay};
use crate::components::badge::Tone;
use crate::components::chart::progress;
use crate::components::field::{self, Field, Mistakes};
use crate::components::listing::path;
use crate::components::{notice, replay, time};
use crate::failure::Failure;
use crate::page::{Answer, see_other};
use crate::same_origin::Form;
use crate::texts::fill;
use crate::visit::PortalVisit;

/// What can be sent again, as the API asks for it.
const CHOICES: [(&str, &str, Option<&str>); 6] = [
    ("failed", "failed", None),
    ("undelivered", "undelivered", None),
    ("waiting", "waiting", None),
    ("missing", "missing", None),
    ("skipped", "range", Some("skipped")),
    ("range", "range", None),
];
const FIELDS: [&str; 2] = ["kind", "since"];
const FORMER: usize = 20;

fn replay_address(replay: &Replay) -> String {
    path(&["portal", "hooks", &replay.hook_id, "replays", &replay.id])
}

pub(crate) async fn page(visit: PortalVisit, Path(hook): Path<String>) -> Answer {
    let hook = load(&visit, &hook).await?;
    asked(&visit, &hook, &Form::default(), &Mistakes::default()).await
}

async fn asked(visit: &PortalVisit, hook: &Hook, form: &Form, mistakes: &Mistakes) -> Answer {
    let t = visit.texts();
    let former: List<Replay> =
        visit.api().get(&visit.path(&["hooks", &hook.id, "replays"]), &[("limit", "100")]).await?;
    let labels =
        [t.again_failed, t.again_undelivered, t.again_waiting, t.again_missing, t.again_skipped, t.again_range];
    let choices: Vec<_> = CHOICES.into_iter().zip(labels).map(|((name, ..), label)| (name, label)).collect();
    let periods = [("1", t.last_hour), ("24", t.last_24_hours), ("168", t.last_7_days), ("720", t.last_30_days)];
    let value = |name, otherwise| form.get(name).unwrap_or(otherwise);
    let form = html! {
        (Field::new("kind", t.again_which).mistakes(mistakes).select(&choices, value("kind", "failed")))
        (Field::new("since", t.again_since).mistakes(mistakes).select(&periods, value("since", "168")))
        button.button.primary { (t.again_count) }
    };
    let former: Vec<_> = former.fine().collect();
    let inner = html! {
        p { (t.again_help) }
        @for error in mistakes.besides(&FIELDS) { (notice::notice(Tone::Bad, &html! { p lang="en" { (error.message) } })) }
        (field::form(&address_of(&hook.id, "send-again"), &visit.form_token, &form))
        @if !former.is_empty() {
            h2 { (t.again_former) }
            ul { @for replay in former.into_iter().rev().filter(|replay| !replay.dry_run).take(FORMER) {
                li { a href=(replay_address(replay)) { (time::exact(&replay.created_at, &visit.reader, visit.language())) } ": " (state(visit, replay)) }
            } }
        }
    };
    Ok(around(visit, hook, "send-again", &inner))
}

/// Counts, and sends nothing.
pub(crate) async fn count(visit: PortalVisit, Path(hook): Path<String>, form: Form) -> Result<Response, Failure> {
    let hook = load(&visit, &hook).await?.id;
    let chosen = CHOICES.into_iter().find(|(name, ..)| form.get("kind") == Some(name));
    let (_, kind, only) = chosen.ok_or_else(|| Failure::from_status(StatusCode::BAD_REQUEST, "kind"))?;
    let hours: i64 = form
        .get("since")
        .and_then(|hours| hours.parse().ok())
        .filter(|hours| (1..=24 * 400).contains(hours))
        .unwrap_or(168);
    let since = visit.reader.now - SignedDuration::from_hours(hours);
    let mut body = json!({ "kind": kind, "since": since.to_string(), "dry_run": true });
    if let (Some(only), Some(body)) = (only, body.as_object_mut()) {
        body.insert("only_status".to_owned(), json!(only));
    }
    begin(&visit, &hook, &body, &form).await
}

async fn begin(visit: &PortalVisit, hook: &str, body: &Value, form: &Form) -> Result<Response, Failure> {
    match visit.api().post::<Replay>(&visit.path(&["hooks", hook, "replays"]), body).await {
        Ok(replay) => Ok(see_other(&replay_address(&replay))),
        Err(refusal) => {
            let mistakes = Mistakes::of_refusal(refusal)?;
            let hook = load(visit, hook).await?;
            Ok(asked(visit, &hook, form, &mistakes).await?.with_mistakes().into_response())
        }
    }
}

async fn load_replay(visit: &PortalVisit, hook: &str, replay: &str) -> Result<Replay, Failure> {
    Ok(visit.api().get(&visit.path(&["hooks", hook, "replays", replay]), &[]).await?)
}

pub(crate) async fn show(visit: PortalVisit, Path((hook, replay)): Path<(String, String)>) -> Answer {
    let (hook, replay) = (load(&visit, &hook).await?, load_replay(&visit, &hook, &replay).await?);
    let inner = html! { div #live data-live="1000" { (progress_of(&visit, &hook, &replay)) } };
    let page = around(&visit, &hook, "send-again", &inner);
    Ok(if replay.status == "running" { page.that_is_asked_for_again() } else { page })
}

fn progress_of(visit: &PortalVisit, hook: &Hook, replay: &Replay) -> Markup {
    let t = visit.texts();
    let token = &visit.form_token;
    let here = replay_address(replay);
    let found = replay.progress.found.to_string();
    let is_running = replay.status == "running";
    html! {
        h2 { (if replay.dry_run { t.again_counting } else { t.again_sending }) }
        @if is_running {
            (progress(replay.progress.found, None, if replay.dry_run { t.again_counting } else { t.again_sending }))
            p.help { (t.again_can_leave) }
            (field::button(&format!("{here}/cancel"), token, "", t.again_cancel))
        } @else if replay.dry_run && replay.status == "finished" {
            @if replay.progress.found == 0 { p { (t.again_found_none) } }
            @else {
                p { strong { (fill(t.again_found, &[("n", &found)])) } }
                (field::button(&format!("{here}/send"), token, "primary", &fill(t.again_send, &[("n", &found)])))
            }
            p { a.button href=(address_of(&hook.id, "send-again")) { (t.tab_send_again) } }
        } @else {
            p { (state(visit, replay)) }
            p { a.button href=(address_of(&hook.id, "executions")) { (t.show_executions) } }
        }
    }
}

fn state(visit: &PortalVisit, replay: &Replay) -> String {
    let t = visit.texts();
    let text = match replay.status.as_str() {
        "finished" => t.again_finished,
        "cancelled" => t.again_cancelled,
        "failed" => t.again_failed_state,
        _ => t.again_sending,
    };
    let [sent, skipped, failed] =
        [replay.progress.sent, replay.progress.skipped, replay.progress.failed].map(|count| count.to_string());
    let why = replay.reason.as_deref().unwrap_or("–");
    fill(text, &[("sent", &sent), ("skipped", &skipped), ("failed", &failed), ("why", why)])
}

pub(crate) async fn send(
    visit: PortalVisit,
    Path((hook, replay)): Path<(String, String)>,
) -> Result<Response, Failure> {
    let counted = load_replay(&visit, &hook, &replay).await?;
    begin(&visit, &hook, &replay::of_counted(&counted), &Form::default()).await
}

pub(crate) async fn cancel(
    visit: PortalVisit,
    Path((hook, replay)): Path<(String, String)>,
) -> Result<Response, Failure> {
    let found = load_replay(&visit, &hook, &replay).await?;
    replay::cancel(visit.api(), &visit.path(&["hooks", &hook, "replays", &replay])).await?;
    Ok(see_other(&replay_address(&found)))
}
