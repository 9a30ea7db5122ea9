//! The whole catalogue as one document, which replaces what there is.

use std::collections::BTreeSet;

use axum::response::{IntoResponse as _, Response};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Warning, around, page_of};
use crate::components::badge::Tone;
use crate::components::field::{self, Field, Mistakes};
use crate::components::{code, notice};
use crate::failure::Failure;
use crate::operators::owner::Owner;
use crate::operators::shown::{self, COPY, mistakes_besides};
use crate::page::Answer;
use crate::same_origin::Form;
use crate::visit::OperatorVisit;

/// So many names are told of those that would go.
const MOST_TOLD: usize = 20;

#[derive(Deserialize)]
struct Imported {
    created: u64,
    changed: u64,
    unchanged: u64,
    deleted: u64,
    #[serde(default)]
    warnings: Vec<Warning>,
}

/// As far as it is compared with another.
#[derive(Default, Deserialize)]
struct Document {
    event_types: Vec<Named>,
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

impl Document {
    /// Nothing of what is none: the API says what is wrong with it.
    fn read(text: &str) -> Option<BTreeSet<String>> {
        let document: Self = serde_json::from_str(text).ok()?;
        Some(document.event_types.into_iter().map(|kind| kind.name).collect())
    }
}

/// What the page shows beside the catalogue.
enum Told<'a> {
    Nothing,
    Wrong(&'a Mistakes),
    /// These would be deleted, and it is asked first.
    Asked(&'a [String]),
    Done(&'a Imported),
}

async fn present(visit: &OperatorVisit, owner: &Owner) -> Result<Box<RawValue>, Failure> {
    Ok(visit.api().get(&owner.route(&["catalogue"]), &[]).await?)
}

pub(super) async fn form(visit: &OperatorVisit, owner: &Owner) -> Answer {
    shown_form(visit, owner, None, &Told::Nothing).await
}

async fn shown_form(visit: &OperatorVisit, owner: &Owner, text: Option<&str>, told: &Told<'_>) -> Answer {
    let present = code::laid_out(present(visit, owner).await?.get());
    let mistakes = if let Told::Wrong(mistakes) = told { mistakes } else { &Mistakes::NONE };
    let inner = html! {
        @if let Told::Done(imported) = told { (done(imported)) }
        p { "The whole catalogue as one document. What is not in it is deleted; what is kept stays as it is." }
        (field::form(&page_of(owner, &["import"]), &visit.form_token, &html! {
            (mistakes_besides(mistakes, &["catalogue"]))
            (Field::new("catalogue", "Catalogue").mistakes(mistakes).area(text.unwrap_or(&present), 24))
            @if let Told::Asked(gone) = told { (question(owner, gone)) }
            @else { button.button.primary { "Replace the catalogue" } }
        }))
        (code::block("As it is now", &present, COPY))
    };
    around(visit, owner, "Import and export", &inner).await
}

fn done(imported: &Imported) -> Markup {
    html! {
        section #imported {
            (notice::notice(Tone::Good, &html! { p { (imported.created) " created, " (imported.changed) " changed, " (imported.unchanged) " unchanged, " (imported.deleted) " deleted." } }))
            @for warning in &imported.warnings { (notice::notice(Tone::Warning, &html! { p { code { (warning.field) } ": " (warning.message) } })) }
        }
    }
}

/// The answer names them, so that it holds for just these.
fn question(owner: &Owner, gone: &[String]) -> Markup {
    let (count, types) = (gone.len(), if gone.len() == 1 { "event type" } else { "event types" });
    html! {
        (notice::notice(Tone::Warning, &html! {
            p role="alert" { "This deletes " (count) " " (types) " that it lacks:" @for name in gone.iter().take(MOST_TOLD) { " " code.tag { (name) } } @if count > MOST_TOLD { " …" } }
        }))
        p.actions {
            button.button.danger name="deleting" value=(gone.join(" ")) { "Replace it and delete " (count) " " (types) }
            a.button href=(page_of(owner, &["import"])) { "Cancel" }
        }
    }
}

pub(super) async fn take(visit: &OperatorVisit, owner: &Owner, form: &Form) -> Result<Response, Failure> {
    let text = form.get("catalogue").unwrap_or_default();
    let mut wrong = Mistakes::default();
    if let Some(body) = shown::json(text, "catalogue", &mut wrong) {
        let gone = gone(visit, owner, text).await?;
        if !gone.is_empty() && form.get("deleting") != Some(&gone.join(" ")) {
            return Ok(shown_form(visit, owner, Some(text), &Told::Asked(&gone)).await?.into_response());
        }
        match visit.api().put::<Imported>(&owner.route(&["catalogue"]), &body).await {
            Ok(imported) => {
                return Ok(shown_form(visit, owner, None, &Told::Done(&imported)).await?.into_response());
            }
            Err(refusal) => wrong = Mistakes::of_refusal(refusal)?,
        }
    }
    Ok(shown_form(visit, owner, Some(text), &Told::Wrong(&wrong)).await?.with_mistakes().into_response())
}

/// The names of those that a document lacks.
async fn gone(visit: &OperatorVisit, owner: &Owner, text: &str) -> Result<Vec<String>, Failure> {
    let Some(wanted) = Document::read(text) else { return Ok(Vec::new()) };
    let present = Document::read(present(visit, owner).await?.get()).unwrap_or_default();
    Ok(present.difference(&wanted).cloned().collect())
}
