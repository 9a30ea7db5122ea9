//! Sending many again, for a customer: counted first, then with progress, and cancelled if need be.

use axum::extract::Path;
use axum::response::{IntoResponse as _, Response};
use jiff::SignedDuration;
use maud::{Markup, html};
use serde_json::{Value, json};

use super::hook::{around, load};
use super::shown::{self, ago, hook_address, mistakes_besides};
use super::tenant;
use crate::api::{Hook, List, Replay};
use crate::components::badge::{Tone, badge};
use crate::components::chart::progress;
use crate::components::field::{self, Field, Mistakes};
use crate::components::listing::{self, Column};
use crate::components::{notice, replay};
use crate::failure::Failure;
use crate::page::{Answer, see_other};
use crate::same_origin::Form;
use crate::visit::OperatorVisit;

/// As the API names them; the last ones are refused where it does not know them yet.
const KINDS: [(&str, &str); 6] = [
    ("failed", "what failed for good"),
    ("missing", "events it would get as it is now, and never got"),
    ("skipped", "what was skipped, as while it was disabled"),
    ("undelivered", "all that did not arrive"),
    ("waiting", "what waits while it is paused"),
    ("range", "everything"),
];
const PERIODS: [(&str, &str); 5] =
    [("1", "Last hour"), ("24", "Last 24 hours"), ("168", "Last 7 days"), ("720", "Last 30 days"), ("9600", "All")];
const FIELDS: [&str; 3] = ["kind", "since", "rate"];
/// Hooks whose replays are listed for one tenant.
const MOST_HOOKS: &str = "50";

fn replay_address(tenant: &str, replay: &Replay) -> String {
    format!("{}/replays/{}", hook_address(tenant, &replay.hook_id), replay.id)
}

async fn of_hook(visit: &OperatorVisit, tenant: &str, hook: &str) -> Result<Vec<Replay>, Failure> {
    let list: List<Replay> =
        visit.api().get(&["v1", "tenants", tenant, "hooks", hook, "replays"], &[("limit", "100")]).await?;
    Ok(list.fine().cloned().collect())
}

fn state(replay: &Replay) -> Markup {
    let tone = match replay.status.as_str() {
        "finished" => Tone::Good,
        "failed" => Tone::Bad,
        "running" => Tone::Warning,
        _ => Tone::Neutral,
    };
    html! { (badge(tone, &replay.status)) @if replay.dry_run { " " (badge(Tone::Neutral, "only counted")) } }
}

fn table(visit: &OperatorVisit, tenant: &str, replays: &[(Option<&str>, Replay)]) -> Markup {
    let columns = [
        Column::text("Replay"),
        Column::text("Hook"),
        Column::text("Sends"),
        Column::text("State"),
        Column::number("Found"),
        Column::number("Sent"),
        Column::number("Skipped"),
        Column::number("Failed"),
    ];
    listing::table(
        "Replays",
        &columns,
        &html! {
            @for (hook, replay) in replays {
                tr {
                    td { a href=(replay_address(tenant, replay)) { (ago(visit, &replay.created_at)) } }
                    td { @match hook { Some(name) => (name), None => "this one" } }
                    td { (replay.kind) @if let Some(only) = &replay.only_status { ", " (only) } }
                    td { (state(replay)) }
                    td.number { (replay.progress.found) }
                    td.number { (replay.progress.sent) }
                    td.number { (replay.progress.skipped) }
                    td.number { (replay.progress.failed) }
                }
            }
        },
    )
}

/// Of all hooks of a tenant.
pub(crate) async fn of_tenant(visit: OperatorVisit, Path(tenant): Path<String>) -> Answer {
    let tenant = tenant::load(&visit, &tenant).await?;
    let hooks: List<Hook> = visit.api().get(&["v1", "tenants", &tenant.id, "hooks"], &[("limit", MOST_HOOKS)]).await?;
    let mut replays = Vec::new();
    for hook in hooks.fine() {
        let of_this = of_hook(&visit, &tenant.id, &hook.id).await?;
        replays.extend(of_this.into_iter().map(|replay| (Some(shown::name(hook)), replay)));
    }
    replays.sort_by(|(_, a), (_, b)| b.created_at.cmp(&a.created_at));
    let inner = html! {
        @if hooks.next_cursor.is_some() { p.help { "Of the first " (MOST_HOOKS) " hooks." } }
        div #live data-live {
            @if replays.is_empty() {
                (notice::empty("Nothing was sent again", &html! { p { "Open a hook and choose " strong { "Send again" } "." } }))
            } @else { (table(&visit, &tenant.id, &replays)) }
        }
    };
    Ok(tenant::around(&visit, &tenant.id, "replays", tenant::title(&tenant), &inner))
}

pub(crate) async fn page(visit: OperatorVisit, Path((tenant, hook)): Path<(String, String)>) -> Answer {
    asked(&visit, &tenant, &hook, &Form::default(), &Mistakes::default()).await
}

async fn asked(visit: &OperatorVisit, tenant: &str, hook: &str, form: &Form, mistakes: &Mistakes) -> Answer {
    let hook = load(visit, tenant, hook).await?;
    let mut former = of_hook(visit, tenant, &hook.id).await?;
    former.reverse();
    let former: Vec<_> = former.into_iter().map(|replay| (None, replay)).collect();
    let value = |name, otherwise| form.get(name).unwrap_or(otherwise);
    let inner = html! {
        (field::form(&format!("{}/replays", hook_address(tenant, &hook.id)), &visit.form_token, &html! {
            (mistakes_besides(mistakes, &FIELDS))
            (Field::new("kind", "What").mistakes(mistakes).select(&KINDS, value("kind", "failed")))
            (Field::new("since", "Accepted in the").mistakes(mistakes).select(&PERIODS, value("since", "168")))
            (Field::new("rate", "Deliveries a second").help("1 to 1,000").mistakes(mistakes).input("text", value("rate", "10")))
            button.button.primary { "Count first" }
        }))
        @if !former.is_empty() { h2 { "Before" } (table(visit, tenant, &former)) }
    };
    Ok(around(visit, tenant, &hook, "replays", &inner))
}

/// Counts, and sends nothing.
pub(crate) async fn count(
    visit: OperatorVisit,
    Path((tenant, hook)): Path<(String, String)>,
    form: Form,
) -> Result<Response, Failure> {
    let hours: i64 = form.get("since").and_then(|hours| hours.parse().ok()).unwrap_or(168).clamp(1, 24 * 400);
    let since = visit.reader.now - SignedDuration::from_hours(hours);
    let rate = form.typed("rate").unwrap_or("10");
    // What is no number is told by the API.
    let rate = rate.parse::<u64>().map_or_else(|_| json!(rate), |rate| json!(rate));
    let (kind, only) = match form.get("kind").unwrap_or_default() {
        "skipped" => ("range", Some("skipped")),
        kind => (kind, None),
    };
    let mut body = json!({ "kind": kind, "since": since.to_string(), "dry_run": true, "rate": rate });
    if let (Some(only), Some(body)) = (only, body.as_object_mut()) {
        body.insert("only_status".to_owned(), json!(only));
    }
    match begin(&visit, &tenant, &hook, &body).await {
        Ok(replay) => Ok(see_other(&replay_address(&tenant, &replay))),
        Err(refusal) => {
            let mistakes = Mistakes::of_refusal(refusal)?;
            Ok(asked(&visit, &tenant, &hook, &form, &mistakes).await?.with_mistakes().into_response())
        }
    }
}

async fn begin(visit: &OperatorVisit, tenant: &str, hook: &str, body: &Value) -> Result<Replay, api_client::Refusal> {
    visit.api().post(&["v1", "tenants", tenant, "hooks", hook, "replays"], body).await
}

type Named = Path<(String, String, String)>;

async fn found(visit: &OperatorVisit, tenant: &str, hook: &str, replay: &str) -> Result<Replay, Failure> {
    Ok(visit.api().get(&["v1", "tenants", tenant, "hooks", hook, "replays", replay], &[]).await?)
}

pub(crate) async fn show(visit: OperatorVisit, Path((tenant, hook, replay)): Named) -> Answer {
    let (hook, replay) = (load(&visit, &tenant, &hook).await?, found(&visit, &tenant, &hook, &replay).await?);
    let here = replay_address(&tenant, &replay);
    let (found, is_running) = (replay.progress.found, replay.status == "running");
    let inner = html! {
        div #live data-live="1000" {
            h2 { (if replay.dry_run { "Counting" } else { "Sending again" }) ": " (replay.kind) " " (state(&replay)) }
            @if is_running {
                (progress(found, None, "Deliveries found"))
                p.help { "It goes on by itself; this page can be left." }
                (field::button(&format!("{here}/cancel"), &visit.form_token, "", "Cancel"))
            } @else if replay.dry_run && replay.status == "finished" {
                @if found == 0 { p { "There is nothing to send." } }
                @else {
                    p { strong { (found) } (if found == 1 { " delivery was found." } else { " deliveries were found." }) }
                    (field::button(&format!("{here}/send"), &visit.form_token, "primary", &format!("Send {found} again")))
                }
            } @else {
                p { (replay.progress.sent) " sent, " (replay.progress.skipped) " skipped, " (replay.progress.failed) " failed." }
                @if let Some(reason) = &replay.reason { p.bad { (reason) } }
            }
        }
        p { a.button href=(format!("{}/replays", hook_address(&tenant, &hook.id))) { "All replays of this hook" } }
    };
    let page = around(&visit, &tenant, &hook, "replays", &inner);
    Ok(if is_running { page.that_is_asked_for_again() } else { page })
}

pub(crate) async fn send(visit: OperatorVisit, Path((tenant, hook, replay)): Named) -> Result<Response, Failure> {
    let counted = found(&visit, &tenant, &hook, &replay).await?;
    let replay = begin(&visit, &tenant, &hook, &replay::of_counted(&counted)).await?;
    Ok(see_other(&replay_address(&tenant, &replay)))
}

pub(crate) async fn cancel(visit: OperatorVisit, Path((tenant, hook, replay)): Named) -> Result<Response, Failure> {
    let found = found(&visit, &tenant, &hook, &replay).await?;
    replay::cancel(visit.api(), &["v1", "tenants", &tenant, "hooks", &hook, "replays", &replay]).await?;
    Ok(see_other(&replay_address(&tenant, &found)))
}
