//! Messages that could not be processed: what and why, sent back or deleted.

use axum::extract::Path;
use axum::response::Response;
use http::StatusCode;
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::json;

use super::batch;
use super::doctor::{self, Check, Diagnosis};
use super::frame::DEAD_LETTERS;
use super::shown::{COPY, NEXT, ago, done, unreadable};
use crate::api::{Entry, List};
use crate::components::badge::badge;
use crate::components::listing::{self, Column, path};
use crate::components::short::{IN_A_LIST, shortened};
use crate::components::{code, facts, field, heading, id, notice, time};
use crate::failure::Failure;
use crate::page::{Answer, Page, see_other};
use crate::query::{Query, given};
use crate::visit::OperatorVisit;

const PATH: &str = "/console/dead-letters";

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Letter {
    id: String,
    queue: String,
    message_id: String,
    reason: String,
    at: String,
    size: u64,
    body: Option<String>,
}

pub(crate) type Letters = List<Letter>;

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct From {
    cursor: String,
    done: String,
}

/// None where the API has no route for them, as on AWS.
pub(crate) async fn find(visit: &OperatorVisit, cursor: &str) -> Result<Option<Letters>, Failure> {
    match visit.api().get(&["v1", "dead-letters"], &given(&[("limit", "100"), ("cursor", cursor)])).await {
        Ok(letters) => Ok(Some(letters)),
        Err(refusal) if refusal.status == StatusCode::NOT_FOUND => Ok(None),
        Err(refusal) => Err(refusal.into()),
    }
}

pub(crate) async fn list(visit: OperatorVisit, Query(from): Query<From>) -> Answer {
    let letters = find(&visit, &from.cursor).await?;
    let main = html! {
        (done(&from.done))
        (heading("Dead letters", &html! {}))
        @match &letters {
            None => (in_sqs(&of_queues(&doctor::examine(&visit).await?))),
            Some(letters) if letters.items.is_empty() && letters.next_cursor.is_none() => {
                (notice::empty("No dead letters", &html! { p { "Every message was processed. One that cannot be, however often it is tried, would lie here." } }))
            }
            Some(letters) => {
                p.help { "Fix the cause first, then send them back to the queue they came from." }
                (table(&visit, letters))
                (listing::pager(PATH, &[], letters.next_cursor.as_deref(), NEXT))
            }
        }
    };
    Ok(Page::new(DEAD_LETTERS, "Dead letters", main))
}

/// What the doctor says of each queue's dead letters.
pub(crate) fn of_queues(diagnosis: &Diagnosis) -> Vec<&Check> {
    let is_of_one = |check: &&Check| check.name.split('.').next() == Some("dead_letters");
    diagnosis.checks.iter().filter(is_of_one).collect()
}

fn in_sqs(checks: &[&Check]) -> Markup {
    html! {
        p { "Dead letters are in SQS: each queue has a dead-letter queue of its own. Messages that SQS shows say in their attribute " code { "reason" } " why they are there." }
        @for check in checks {
            article.card {
                header { h2 { code { (check.name) } } (badge(doctor::tone(&check.status), if check.status == "ok" { "none" } else { &check.status })) }
                @if check.status != "ok" { p { (check.detail) } }
                @if let Some(fix) = &check.fix {
                    @match fix.split_once(": aws ") {
                        Some((first, command)) => { p { (first) ":" } (code::block("Shell", &format!("aws {command}"), COPY)) },
                        None => p { (fix) },
                    }
                }
            }
        }
    }
}

fn table(visit: &OperatorVisit, letters: &Letters) -> Markup {
    let columns = [
        Column::hidden("Choose"),
        Column::text("Id"),
        Column::text("Queue"),
        Column::text("Dead since"),
        Column::text("Why"),
        Column::number("Bytes"),
    ];
    let table = listing::table(
        "Dead letters",
        &columns,
        &html! {
            @for entry in &letters.items {
                @match entry {
                    Entry::Unreadable { id, unreadable: why } => (unreadable(id, why, columns.len())),
                    Entry::Fine(letter) => tr {
                        td { (batch::choice(&letter.queue, &letter.id, &letter.id)) }
                        td { a href=(path(&["console", "dead-letters", &letter.id])) { code { (letter.id) } } }
                        td { code { (letter.queue) } }
                        td { (ago(visit, &letter.at)) }
                        td { (shortened(&letter.reason, IN_A_LIST)) }
                        td.number { (letter.size) }
                    },
                }
            }
        },
    );
    batch::letters_form(visit, &table)
}

pub(crate) async fn show(visit: OperatorVisit, Path(letter): Path<String>) -> Answer {
    let found: Letter = visit.api().get(&["v1", "dead-letters", &letter], &[]).await?;
    let here = path(&["console", "dead-letters", &found.id]);
    let actions = html! {
        (field::button(&format!("{here}/redrive"), &visit.form_token, "primary", "Send back to its queue"))
        (notice::confirm("Delete", "The message is gone for good.", &field::button(&format!("{here}/delete"), &visit.form_token, "danger", "Delete")))
    };
    let main = html! {
        (heading("Dead letter", &actions))
        (facts(&[
            ("Id", id(&found.id, COPY)),
            ("Queue", html! { code { (found.queue) } }),
            ("Message", id(&found.message_id, COPY)),
            ("Why", html! { (found.reason) }),
            ("Dead since", time::exact(&found.at, &visit.reader, super::shown::ENGLISH)),
        ]))
        @if let Some(body) = &found.body { (code::block("Message", &code::laid_out(body), COPY)) }
    };
    Ok(Page::new(DEAD_LETTERS, "Dead letter", main))
}

pub(crate) async fn redrive(visit: OperatorVisit, Path(letter): Path<String>) -> Result<Response, Failure> {
    visit.api().order(&["v1", "dead-letters", &letter, "redrive"], &json!({})).await?;
    Ok(see_other("/console/dead-letters?done=redriven"))
}

pub(crate) async fn delete(visit: OperatorVisit, Path(letter): Path<String>) -> Result<Response, Failure> {
    visit.api().delete(&["v1", "dead-letters", &letter]).await?;
    Ok(see_other("/console/dead-letters?done=deleted"))
}
