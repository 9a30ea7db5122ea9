//! How the deployment is: what fails, what lies aside, what the doctor says.

use maud::{Markup, html};

use super::dead_letters::{self, Letters};
use super::doctor::{self, Diagnosis};
use super::failing;
use super::frame::OVERVIEW;
use super::shown::done;
use crate::components::badge::{Tone, badge};
use crate::components::{heading, notice};
use crate::page::{Answer, Page};
use crate::query::{Done, Query};
use crate::visit::OperatorVisit;

/// The worst of them; the rest is on a page of its own.
const SHOWN: &str = "10";

pub(crate) async fn page(visit: OperatorVisit, Query(query): Query<Done>) -> Answer {
    let diagnosis = doctor::examine(&visit).await?;
    let letters = dead_letters::find(&visit, "").await?;
    let hooks = failing::find(&visit, "", SHOWN, "").await?;
    let are_more = hooks.next_cursor.is_some();
    let count = format!("{}{}", hooks.items.len(), if are_more { " or more" } else { "" });
    let main = html! {
        (done(&query.done))
        (heading("Overview", &html! {}))
        div #live data-live="30000" {
            ul.cards {
                li { (card("Failing hooks", "/console/failing", if hooks.items.is_empty() { Tone::Good } else { Tone::Bad }, &count)) }
                li { (letters_card(letters.as_ref(), &diagnosis)) }
                li { (card("Doctor", "/console/doctor", diagnosis.tone(), &diagnosis.status)) }
            }
            h2 { "Failing hooks" }
            @if hooks.items.is_empty() { (failing::none("")) } @else { (failing::table(&visit, &hooks.items)) }
            @if are_more { p { a href="/console/failing" { "All failing hooks" } } }
            h2 { "Queues and what they stand on" }
            @if diagnosis.checks.iter().all(|check| check.status == "ok") {
                (notice::notice(Tone::Good, &html! { p { "All " (diagnosis.checks.len()) " checks of the doctor went well." } }))
            }
            (doctor::table(&diagnosis))
        }
    };
    Ok(Page::new(OVERVIEW, "Overview", main))
}

fn card(title: &str, address: &str, tone: Tone, text: &str) -> Markup {
    html! { article.card { header { h2 { a href=(address) { (title) } } (badge(tone, text)) } } }
}

fn letters_card(letters: Option<&Letters>, diagnosis: &Diagnosis) -> Markup {
    let Some(letters) = letters else {
        let troubled = dead_letters::of_queues(diagnosis).iter().filter(|check| check.status != "ok").count();
        let (tone, text) = match troubled {
            0 => (Tone::Good, "none".to_owned()),
            1 => (Tone::Bad, "in 1 queue".to_owned()),
            count => (Tone::Bad, format!("in {count} queues")),
        };
        return card("Dead letters", "/console/dead-letters", tone, &text);
    };
    let count = letters.items.len();
    let text = if letters.next_cursor.is_some() { format!("{count} or more") } else { count.to_string() };
    card("Dead letters", "/console/dead-letters", if count == 0 { Tone::Good } else { Tone::Bad }, &text)
}
