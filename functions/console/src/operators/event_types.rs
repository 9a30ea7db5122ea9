//! The catalogue, of all tenants or of one: types with schema and example, changed and imported.

mod import;

use std::collections::BTreeMap;

use axum::extract::Path;
use axum::response::{IntoResponse as _, Response};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::frame::EVENT_TYPES;
use super::owner::Owner;
use super::shown::{self, COPY, NEXT, done, mistakes_besides, unreadable};
use super::tenant;
use crate::api::{Entry, EventType, List};
use crate::components::badge::{Tone, badge};
use crate::components::field::{self, Field, Mistakes};
use crate::components::listing::{self, Column, address};
use crate::components::short::{IN_A_LIST, shortened};
use crate::components::{code, heading, notice};
use crate::failure::Failure;
use crate::page::{Answer, Page, see_other};
use crate::query::{Query, given};
use crate::same_origin::Form;
use crate::visit::OperatorVisit;

const FIELDS: [&str; 6] = ["name", "description", "schema", "example", "deprecated", "archived"];

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct From {
    cursor: String,
    done: String,
}

#[derive(Deserialize)]
struct Warning {
    field: String,
    message: String,
}

/// A type with its documents, as they were written.
#[derive(Deserialize)]
struct Warned {
    name: String,
    description: String,
    schema: Option<Box<RawValue>>,
    example: Option<Box<RawValue>>,
    deprecated: bool,
    archived: bool,
    #[serde(default)]
    warnings: Vec<Warning>,
}

async fn around(visit: &OperatorVisit, owner: &Owner, title: &str, inner: &Markup) -> Answer {
    match &owner.0 {
        Some(tenant) => {
            let tenant = tenant::load(visit, tenant).await?;
            let inner = html! { h2 { (title) } (inner) };
            Ok(tenant::around(visit, &tenant.id, "event-types", tenant::title(&tenant), &inner))
        }
        None => Ok(Page::new(EVENT_TYPES, title.to_owned(), html! { (heading(title, &html! {})) (inner) })),
    }
}

/// A page of the catalogue.
fn page_of(owner: &Owner, rest: &[&str]) -> String {
    owner.page(&[&["event-types"], rest].concat())
}

async fn listed(visit: &OperatorVisit, owner: &Owner, from: &From) -> Answer {
    let asked = given(&[("limit", "100"), ("cursor", &from.cursor)]);
    let types: List<EventType> = visit.api().get(&owner.route(&["event-types"]), &asked).await?;
    let columns = ["Type", "Description", "State"].map(Column::text);
    let inner = html! {
        (done(&from.done))
        p.actions {
            a.button.primary href=(page_of(owner, &["new"])) { "New event type" }
            a.button href=(page_of(owner, &["import"])) { "Import and export" }
        }
        @if types.items.is_empty() && types.next_cursor.is_none() {
            (notice::empty("No event types yet", &html! {
                p { "Events are delivered all the same. With types, customers see what they can ask for, and a schema refuses what does not fit." }
                (code::block("Shell", "hookline event-types create post.published --description 'A post went out'", COPY))
            }))
        } @else {
            (listing::table("Event types", &columns, &html! {
                @for entry in &types.items {
                    @match entry {
                        Entry::Unreadable { id, unreadable: why } => (unreadable(id, why, columns.len())),
                        Entry::Fine(kind) => tr {
                            td { a href=(page_of(owner, &["type", &kind.name])) { code { (kind.name) } } }
                            td { (shortened(&kind.description, IN_A_LIST)) }
                            td {
                                @if kind.archived { (badge(Tone::Neutral, "archived")) }
                                @else if kind.deprecated { (badge(Tone::Warning, "deprecated")) }
                                @else { (badge(Tone::Good, "in use")) }
                            }
                        },
                    }
                }
            }))
            (listing::pager(&page_of(owner, &[]), &[], types.next_cursor.as_deref(), NEXT))
        }
    };
    around(visit, owner, "Event types", &inner).await
}

/// What stands in the form.
#[derive(Default)]
struct Draft {
    name: String,
    description: String,
    schema: String,
    example: String,
    is_deprecated: bool,
    is_archived: bool,
}

impl Draft {
    fn of(kind: &Warned) -> Self {
        let text =
            |value: &Option<Box<RawValue>>| value.as_ref().map(|raw| code::laid_out(raw.get())).unwrap_or_default();
        Self {
            name: kind.name.clone(),
            description: kind.description.clone(),
            schema: text(&kind.schema),
            example: text(&kind.example),
            is_deprecated: kind.deprecated,
            is_archived: kind.archived,
        }
    }

    fn read(form: &Form) -> Self {
        let text = |name| form.typed(name).unwrap_or_default().to_owned();
        Self {
            name: text("name"),
            description: text("description"),
            schema: text("schema"),
            example: text("example"),
            is_deprecated: form.has("deprecated"),
            is_archived: form.has("archived"),
        }
    }

    /// What the API is asked for; the name only where it is new.
    fn body(&self, with_name: bool, mistakes: &mut Mistakes) -> Option<BTreeMap<&'static str, Box<RawValue>>> {
        let value = |text: &str, field: &str, mistakes: &mut Mistakes| match text {
            "" => Some(code::raw(&Value::Null)),
            text => shown::json(text, field, mistakes),
        };
        let (schema, example) = (value(&self.schema, "schema", mistakes), value(&self.example, "example", mistakes));
        let mut body = BTreeMap::from([
            ("description", code::raw(&self.description)),
            ("schema", schema?),
            ("example", example?),
            ("deprecated", code::raw(&self.is_deprecated)),
            ("archived", code::raw(&self.is_archived)),
        ]);
        if with_name {
            body.insert("name", code::raw(&self.name));
        }
        Some(body)
    }
}

async fn editor(
    visit: &OperatorVisit,
    owner: &Owner,
    draft: &Draft,
    is_new: bool,
    mistakes: &Mistakes,
    warnings: &[Warning],
    was_done: &str,
) -> Answer {
    let here = if is_new { page_of(owner, &["new"]) } else { page_of(owner, &["type", &draft.name]) };
    let inner = html! {
        (done(was_done))
        @for warning in warnings { (notice::notice(Tone::Warning, &html! { p { code { (warning.field) } ": " (warning.message) } })) }
        (field::form(&here, &visit.form_token, &html! {
            (mistakes_besides(mistakes, &FIELDS))
            @if is_new { (Field::new("name", "Name").help("Such as post.published; customers ask for post.* with it.").mistakes(mistakes).required().input("text", &draft.name)) }
            (Field::new("description", "Description").mistakes(mistakes).input("text", &draft.description))
            (Field::new("schema", "Schema").help("JSON Schema (2020-12) of data; events that do not fit are refused.").mistakes(mistakes).area(&draft.schema, 16))
            (Field::new("example", "Example").help("JSON; it has to fit the schema.").mistakes(mistakes).area(&draft.example, 8))
            (Field::new("deprecated", "Deprecated").help("Still delivered, and marked.").checkbox(draft.is_deprecated))
            (Field::new("archived", "Archived").help("Not offered any more.").checkbox(draft.is_archived))
            button.button.primary { (if is_new { "Create" } else { "Save" }) }
        }))
        @if !is_new {
            (notice::confirm("Delete", "Events of this type are delivered all the same, unless the tenant is strict.",
                &field::button(&format!("{here}/delete"), &visit.form_token, "danger", "Delete")))
        }
    };
    around(visit, owner, if is_new { "New event type" } else { &draft.name }, &inner).await
}

async fn edit(visit: &OperatorVisit, owner: &Owner, name: &str, was_done: &str) -> Answer {
    let found: Warned = visit.api().get(&owner.route(&["event-types", name]), &[]).await?;
    editor(visit, owner, &Draft::of(&found), false, &Mistakes::default(), &found.warnings, was_done).await
}

async fn make(visit: &OperatorVisit, owner: &Owner, form: &Form) -> Result<Response, Failure> {
    let draft = Draft::read(form);
    let mut wrong = Mistakes::default();
    if let Some(body) = draft.body(true, &mut wrong) {
        match visit.api().post::<EventType>(&owner.route(&["event-types"]), &body).await {
            Ok(kind) => {
                return Ok(see_other(&address(&page_of(owner, &["type", &kind.name]), &[("done", "created")], &[])));
            }
            Err(refusal) => wrong = Mistakes::of_refusal(refusal)?,
        }
    }
    Ok(editor(visit, owner, &draft, true, &wrong, &[], "").await?.with_mistakes().into_response())
}

async fn change(visit: &OperatorVisit, owner: &Owner, name: &str, form: &Form) -> Result<Response, Failure> {
    let draft = Draft { name: name.to_owned(), ..Draft::read(form) };
    let mut wrong = Mistakes::default();
    if let Some(body) = draft.body(false, &mut wrong) {
        match visit.api().patch::<Value>(&owner.route(&["event-types", name]), &body).await {
            Ok(_) => return Ok(see_other(&address(&page_of(owner, &["type", name]), &[("done", "saved")], &[]))),
            Err(refusal) => wrong = Mistakes::of_refusal(refusal)?,
        }
    }
    Ok(editor(visit, owner, &draft, false, &wrong, &[], "").await?.with_mistakes().into_response())
}

async fn remove(visit: &OperatorVisit, owner: &Owner, name: &str) -> Result<Response, Failure> {
    visit.api().delete(&owner.route(&["event-types", name])).await?;
    Ok(see_other(&address(&page_of(owner, &[]), &[("done", "deleted")], &[])))
}

pub(crate) async fn list(visit: OperatorVisit, Query(from): Query<From>) -> Answer {
    listed(&visit, &Owner::OPERATORS, &from).await
}

pub(crate) async fn new(visit: OperatorVisit) -> Answer {
    editor(&visit, &Owner::OPERATORS, &Draft::default(), true, &Mistakes::default(), &[], "").await
}

pub(crate) async fn create(visit: OperatorVisit, form: Form) -> Result<Response, Failure> {
    make(&visit, &Owner::OPERATORS, &form).await
}

pub(crate) async fn page(visit: OperatorVisit, Path(name): Path<String>, Query(from): Query<From>) -> Answer {
    edit(&visit, &Owner::OPERATORS, &name, &from.done).await
}

pub(crate) async fn save(visit: OperatorVisit, Path(name): Path<String>, form: Form) -> Result<Response, Failure> {
    change(&visit, &Owner::OPERATORS, &name, &form).await
}

pub(crate) async fn delete(visit: OperatorVisit, Path(name): Path<String>) -> Result<Response, Failure> {
    remove(&visit, &Owner::OPERATORS, &name).await
}

pub(crate) async fn import(visit: OperatorVisit) -> Answer {
    import::form(&visit, &Owner::OPERATORS).await
}

pub(crate) async fn replace(visit: OperatorVisit, form: Form) -> Result<Response, Failure> {
    import::take(&visit, &Owner::OPERATORS, &form).await
}

/// The same of one tenant.
pub(crate) mod of_tenant {
    use super::*;

    pub(crate) async fn list(visit: OperatorVisit, Path(tenant): Path<String>, Query(from): Query<From>) -> Answer {
        listed(&visit, &Owner(Some(tenant)), &from).await
    }

    pub(crate) async fn new(visit: OperatorVisit, Path(tenant): Path<String>) -> Answer {
        editor(&visit, &Owner(Some(tenant)), &Draft::default(), true, &Mistakes::default(), &[], "").await
    }

    pub(crate) async fn create(
        visit: OperatorVisit,
        Path(tenant): Path<String>,
        form: Form,
    ) -> Result<Response, Failure> {
        make(&visit, &Owner(Some(tenant)), &form).await
    }

    pub(crate) async fn page(
        visit: OperatorVisit,
        Path((tenant, name)): Path<(String, String)>,
        Query(from): Query<From>,
    ) -> Answer {
        edit(&visit, &Owner(Some(tenant)), &name, &from.done).await
    }

    pub(crate) async fn save(
        visit: OperatorVisit,
        Path((tenant, name)): Path<(String, String)>,
        form: Form,
    ) -> Result<Response, Failure> {
        change(&visit, &Owner(Some(tenant)), &name, &form).await
    }

    pub(crate) async fn delete(
        visit: OperatorVisit,
        Path((tenant, name)): Path<(String, String)>,
    ) -> Result<Response, Failure> {
        remove(&visit, &Owner(Some(tenant)), &name).await
    }

    pub(crate) async fn import(visit: OperatorVisit, Path(tenant): Path<String>) -> Answer {
        import::form(&visit, &Owner(Some(tenant))).await
    }

    pub(crate) async fn replace(
        visit: OperatorVisit,
        Path(tenant): Path<String>,
        form: Form,
    ) -> Result<Response, Failure> {
        import::take(&visit, &Owner(Some(tenant)), &form).await
    }
}
