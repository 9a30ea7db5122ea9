//! The catalogue, of all tenants or of one: types with schema and example, changed and imported.

use std::collections::BTreeMap;

use axum::extract::Path;
use axum::response::{IntoResponse as _, Response};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::frame::EVENT_TYPES;
use super::shown::{self, COPY, NEXT, done, given, mistakes, mistakes_besides, unreadable};
use super::tenant;
use crate::api::{Entry, EventType, List};
use crate::components::badge::{Tone, badge};
use crate::components::field::{self, Field, Mistakes};
use crate::components::listing::{self, Column, address, path};
use crate::components::short::{IN_A_LIST, shortened};
use crate::components::{code, heading, notice};
use crate::failure::Failure;
use crate::page::{Answer, Page, see_other};
use crate::query::Query;
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

#[derive(Deserialize)]
struct Imported {
    created: u64,
    changed: u64,
    unchanged: u64,
    deleted: u64,
    #[serde(default)]
    warnings: Vec<Warning>,
}

/// Whose catalogue: a tenant's, or that of all tenants where there is none.
pub(crate) struct Owner(Option<String>);

impl Owner {
    fn route<'a>(&'a self, rest: &[&'a str]) -> Vec<&'a str> {
        let begin = self.0.as_deref().map_or_else(|| vec!["v1"], |tenant| vec!["v1", "tenants", tenant]);
        [begin.as_slice(), rest].concat()
    }

    fn page(&self, rest: &[&str]) -> String {
        let begin = self.0.as_deref().map_or_else(|| vec!["console"], |tenant| vec!["console", "tenants", tenant]);
        path(&[begin.as_slice(), &["event-types"], rest].concat())
    }

    async fn around(&self, visit: &OperatorVisit, title: &str, inner: &Markup) -> Answer {
        match &self.0 {
            Some(tenant) => {
                let tenant = tenant::load(visit, tenant).await?;
                let inner = html! { h2 { (title) } (inner) };
                Ok(tenant::around(visit, &tenant.id, "event-types", tenant::title(&tenant), &inner))
            }
            None => Ok(Page::new(EVENT_TYPES, title.to_owned(), html! { (heading(title, &html! {})) (inner) })),
        }
    }
}

async fn listed(visit: &OperatorVisit, owner: &Owner, from: &From) -> Answer {
    let asked = given(&[("limit", "100"), ("cursor", &from.cursor)]);
    let types: List<EventType> = visit.api().get(&owner.route(&["event-types"]), &asked).await?;
    let columns = ["Type", "Description", "State"].map(Column::text);
    let inner = html! {
        (done(&from.done))
        p.actions {
            a.button.primary href=(owner.page(&["new"])) { "New event type" }
            a.button href=(owner.page(&["import"])) { "Import and export" }
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
                            td { a href=(owner.page(&["type", &kind.name])) { code { (kind.name) } } }
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
            (listing::pager(&owner.page(&[]), &[], types.next_cursor.as_deref(), NEXT))
        }
    };
    owner.around(visit, "Event types", &inner).await
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
            "" => Some(shown::raw(&Value::Null)),
            text => shown::json(text, field, mistakes),
        };
        let (schema, example) = (value(&self.schema, "schema", mistakes), value(&self.example, "example", mistakes));
        let mut body = BTreeMap::from([
            ("description", shown::raw(&json!(self.description))),
            ("schema", schema?),
            ("example", example?),
            ("deprecated", shown::raw(&json!(self.is_deprecated))),
            ("archived", shown::raw(&json!(self.is_archived))),
        ]);
        if with_name {
            body.insert("name", shown::raw(&json!(self.name)));
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
    let here = if is_new { owner.page(&["new"]) } else { owner.page(&["type", &draft.name]) };
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
    owner.around(visit, if is_new { "New event type" } else { &draft.name }, &inner).await
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
                return Ok(see_other(&address(&owner.page(&["type", &kind.name]), &[("done", "created")], &[])));
            }
            Err(refusal) => wrong = mistakes(refusal)?,
        }
    }
    Ok(editor(visit, owner, &draft, true, &wrong, &[], "").await?.with_mistakes().into_response())
}

async fn change(visit: &OperatorVisit, owner: &Owner, name: &str, form: &Form) -> Result<Response, Failure> {
    let draft = Draft { name: name.to_owned(), ..Draft::read(form) };
    let mut wrong = Mistakes::default();
    if let Some(body) = draft.body(false, &mut wrong) {
        match visit.api().patch::<Value>(&owner.route(&["event-types", name]), &body).await {
            Ok(_) => return Ok(see_other(&address(&owner.page(&["type", name]), &[("done", "saved")], &[]))),
            Err(refusal) => wrong = mistakes(refusal)?,
        }
    }
    Ok(editor(visit, owner, &draft, false, &wrong, &[], "").await?.with_mistakes().into_response())
}

async fn import_form(
    visit: &OperatorVisit,
    owner: &Owner,
    text: Option<&str>,
    mistakes: &Mistakes,
    imported: Option<&Imported>,
) -> Answer {
    let present: Box<RawValue> = visit.api().get(&owner.route(&["catalogue"]), &[]).await?;
    let present = code::laid_out(present.get());
    let inner = html! {
        @if let Some(imported) = imported {
            section #imported {
                (notice::notice(Tone::Good, &html! { p { (imported.created) " created, " (imported.changed) " changed, " (imported.unchanged) " unchanged, " (imported.deleted) " deleted." } }))
                @for warning in &imported.warnings { (notice::notice(Tone::Warning, &html! { p { code { (warning.field) } ": " (warning.message) } })) }
            }
        }
        p { "The whole catalogue as one document. What is not in it is deleted; what is kept stays as it is." }
        (field::form(&owner.page(&["import"]), &visit.form_token, &html! {
            (mistakes_besides(mistakes, &["catalogue"]))
            (Field::new("catalogue", "Catalogue").mistakes(mistakes).area(text.unwrap_or(&present), 24))
            button.button.primary { "Replace the catalogue" }
        }))
        (code::block("As it is now", &present, COPY))
    };
    owner.around(visit, "Import and export", &inner).await
}

async fn take(visit: &OperatorVisit, owner: &Owner, form: &Form) -> Result<Response, Failure> {
    let text = form.get("catalogue").unwrap_or_default();
    let mut wrong = Mistakes::default();
    if let Some(body) = shown::json(text, "catalogue", &mut wrong) {
        match visit.api().put::<Imported>(&owner.route(&["catalogue"]), &body).await {
            Ok(imported) => {
                return Ok(import_form(visit, owner, None, &Mistakes::default(), Some(&imported))
                    .await?
                    .into_response());
            }
            Err(refusal) => wrong = mistakes(refusal)?,
        }
    }
    Ok(import_form(visit, owner, Some(text), &wrong, None).await?.with_mistakes().into_response())
}

async fn remove(visit: &OperatorVisit, owner: &Owner, name: &str) -> Result<Response, Failure> {
    visit.api().delete(&owner.route(&["event-types", name])).await?;
    Ok(see_other(&address(&owner.page(&[]), &[("done", "deleted")], &[])))
}

const ALL: Owner = Owner(None);

pub(crate) async fn list(visit: OperatorVisit, Query(from): Query<From>) -> Answer {
    listed(&visit, &ALL, &from).await
}

pub(crate) async fn new(visit: OperatorVisit) -> Answer {
    editor(&visit, &ALL, &Draft::default(), true, &Mistakes::default(), &[], "").await
}

pub(crate) async fn create(visit: OperatorVisit, form: Form) -> Result<Response, Failure> {
    make(&visit, &ALL, &form).await
}

pub(crate) async fn page(visit: OperatorVisit, Path(name): Path<String>, Query(from): Query<From>) -> Answer {
    edit(&visit, &ALL, &name, &from.done).await
}

pub(crate) async fn save(visit: OperatorVisit, Path(name): Path<String>, form: Form) -> Result<Response, Failure> {
    change(&visit, &ALL, &name, &form).await
}

pub(crate) async fn delete(visit: OperatorVisit, Path(name): Path<String>) -> Result<Response, Failure> {
    remove(&visit, &ALL, &name).await
}

pub(crate) async fn import(visit: OperatorVisit) -> Answer {
    import_form(&visit, &ALL, None, &Mistakes::default(), None).await
}

pub(crate) async fn replace(visit: OperatorVisit, form: Form) -> Result<Response, Failure> {
    take(&visit, &ALL, &form).await
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
        import_form(&visit, &Owner(Some(tenant)), None, &Mistakes::default(), None).await
    }

    pub(crate) async fn replace(
        visit: OperatorVisit,
        Path(tenant): Path<String>,
        form: Form,
    ) -> Result<Response, Failure> {
        take(&visit, &Owner(Some(tenant)), &form).await
    }
}
