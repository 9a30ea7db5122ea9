//! One execution: its attempts one after the other, what was sent and answered, what comes next.

use axum::extract::Path;
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use maud::{Markup, html};
use serde_json::{Value, json};

use super::frame::EXECUTIONS;
use super::hooks::name;
use crate::api::{Entry, Hook, WholeAttempt, WholeDelivery};
use crate::components::badge::{Tone, badge, is_open};
use crate::components::listing::{address, path};
use crate::components::timeline::{Step, timeline};
use crate::components::{exchange, facts, field, heading, id, notice, time};
use crate::failure::Failure;
use crate::page::{Answer, Page, back_to, is_of_ours, see_other};
use crate::query::{Done, Query};
use crate::reader::{Language, Reader};
use crate::same_origin::Form;
use crate::texts::fill;
use crate::visit::PortalVisit;

pub(crate) fn done(visit: &PortalVisit, done: &str) -> Markup {
    html! { @if let Some(text) = visit.texts().done(done) { (notice::toast(text)) } }
}

pub(crate) async fn page(visit: PortalVisit, Path(delivery): Path<String>, Query(query): Query<Done>) -> Answer {
    let t = visit.texts();
    let found: WholeDelivery = visit.api().get(&visit.path(&["deliveries", &delivery]), &[]).await?;
    let delivery = &found.delivery;
    let hook: Option<Hook> = match visit.api().get(&visit.path(&["hooks", &delivery.hook_id]), &[]).await {
        Ok(hook) => Some(hook),
        Err(refusal) if refusal.status == StatusCode::NOT_FOUND => None,
        Err(refusal) => return Err(refusal.into()),
    };
    let retry = path(&["portal", "executions", &delivery.id, "retry"]);
    let cancel = path(&["portal", "executions", &delivery.id, "cancel"]);
    let actions = html! {
        @if visit.session.may("send_again") {
            (field::button(&retry, &visit.form_token, "primary", t.retry))
            @if is_open(&delivery.status) {
                (notice::confirm(t.cancel_delivery, t.cancel_question, &field::button(&cancel, &visit.form_token, "danger", t.cancel_delivery)))
            }
        }
    };
    let language = visit.language();
    let event = path(&["portal", "events", &delivery.event_id]);
    let hook_page = path(&["portal", "hooks", &delivery.hook_id]);
    let main = html! {
        (done(&visit, &query.done))
        (heading(&format!("{} {}", t.delivery, delivery.event_type), &actions))
        div #live data-live {
            (facts(&[
                (t.status, badge(Tone::of_status(&delivery.status), t.status_of(&delivery.status))),
                (t.hook, html! { @match &hook { Some(hook) => a href=(hook_page) { (name(hook)) }, None => code { (delivery.hook_id) } } }),
                (t.event_id, html! { a href=(event) { code { (delivery.event_id) } } " – " a href=(event) { (t.why_here) } }),
                ("ID", id(&delivery.id, t.copy)),
                (t.last_change, time::exact(&delivery.updated_at, &visit.reader, language)),
            ]))
            @if let Some(until) = &delivery.waits_until {
                p { (t.waits_until) ": " (time::exact(until, &visit.reader, language)) }
            }
            @if let Some(reason) = &delivery.reason { (notice::notice(Tone::Warning, &html! { p { (t.reason) ": " (reason) } })) }
            h2 { (t.attempts) }
            (timeline(&steps(&visit.reader, visit.language(), &found)))
        }
    };
    Ok(Page::new(EXECUTIONS, format!("{} {}", t.delivery, delivery.event_type), main))
}

/// Of so many attempts, the last ones, a page has room for what was sent and answered.
const WITH_EXCHANGE: usize = 5;

/// Attempts and what comes next; operators see the same.
pub(crate) fn steps(reader: &Reader, language: Language, found: &WholeDelivery) -> Vec<Step> {
    let t = language.texts();
    let last = found.attempts.len().saturating_sub(1);
    let first_shown = found.attempts.len().saturating_sub(WITH_EXCHANGE);
    let mut steps = Vec::with_capacity(found.attempts.len() + 2);
    if first_shown > 0 {
        let inner = html! { p.help { (t.earlier_attempts) } };
        steps.push(Step { tone: Tone::Neutral, title: html! { (t.attempts) }, inner });
    }
    let attempts = found.attempts.iter().enumerate().map(|(index, entry)| match entry {
        Entry::Fine(attempt) => step(reader, language, attempt, index == last, index >= first_shown),
        Entry::Unreadable { id, unreadable } => Step {
            tone: Tone::Neutral,
            title: html! { (id) },
            inner: html! { p { (fill(t.unreadable, &[("why", unreadable)])) } },
        },
    });
    steps.extend(attempts);
    if let Some(next) = found.delivery.next_attempt_at.as_deref() {
        let at = time::relative(next, reader, language);
        let (before, after) = t.next_attempt.split_once("{time}").unwrap_or((t.next_attempt, ""));
        steps.push(Step {
            tone: Tone::Neutral,
            title: html! { (before) (at) (after) },
            inner: html! { p.help { (time::exact(next, reader, language)) } },
        });
    }
    steps
}

fn step(reader: &Reader, language: Language, whole: &WholeAttempt, is_open: bool, is_shown: bool) -> Step {
    let t = language.texts();
    let attempt = &whole.attempt;
    let tone = if attempt.outcome == "success" { Tone::Good } else { Tone::Bad };
    let came = match attempt.status_code {
        Some(code) => fill(t.answered_with, &[("code", &code.to_string())]),
        None => fill(t.not_answered, &[("why", attempt.error.as_deref().unwrap_or(&attempt.outcome))]),
    };
    let took = fill(t.took, &[("time", &time::took(attempt.duration_ms))]);
    let title = html! { (fill(t.attempt_number, &[("n", &attempt.number.to_string())])) ": " (came) ", " (took) };
    let inner = html! {
        p.help { (t.trigger(&attempt.trigger)) ", " (time::exact(&attempt.at, reader, language)) }
        @if let (Some(error), Some(_)) = (&attempt.error, attempt.status_code) { p.bad { (error) } }
        @if let Some(remark) = &attempt.remark { p.help { (remark) } }
        @if is_shown { details open[is_open] {
            summary { (t.details) }
            @match (&whole.request, &whole.request_missing) {
                (Some(request), _) => (exchange::request(request, t)),
                (None, Some(why)) => p.help { (fill(t.request_missing, &[("why", why)])) },
                (None, None) => {},
            }
            @if let Some(response) = &whole.response { (exchange::response(response, t)) }
            @else { p.help { (t.no_answer) } }
        } }
    };
    Step { tone, title, inner }
}

pub(crate) async fn retry(visit: PortalVisit, Path(delivery): Path<String>) -> Result<Response, Failure> {
    let _: Value = visit.api().post(&visit.path(&["deliveries", &delivery, "retry"]), &json!({})).await?;
    Ok(see_other(&address(&path(&["portal", "executions", &delivery]), &[("done", "retry")], &[])).into_response())
}

pub(crate) async fn cancel(visit: PortalVisit, Path(delivery): Path<String>) -> Result<Response, Failure> {
    let _: Value = visit.api().post(&visit.path(&["deliveries", &delivery, "cancel"]), &json!({})).await?;
    Ok(see_other(&address(&path(&["portal", "executions", &delivery]), &[("done", "cancelled")], &[])).into_response())
}

/// Each of those that were chosen in a list. What cannot be sent again is told of at the end.
pub(crate) async fn retry_selected(visit: PortalVisit, form: Form) -> Result<Response, Failure> {
    let mut done = if form.has("delivery") { "again" } else { "none" };
    for delivery in form.all("delivery") {
        let sent: Result<Value, _> =
            visit.api().post(&visit.path(&["deliveries", delivery, "retry"]), &json!({})).await;
        match sent {
            Ok(_) => {}
            Err(refusal) if matches!(refusal.status, StatusCode::NOT_FOUND | StatusCode::CONFLICT) => done = "some",
            Err(refusal) => return Err(refusal.into()),
        }
    }
    let back = form.get("back").filter(|back| is_of_ours(back)).unwrap_or("/portal/executions");
    Ok(back_to(back, done))
}
