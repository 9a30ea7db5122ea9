//! Keys, of operators and of a tenant: made, last used, revoked.

use axum::extract::Path;
use axum::response::{IntoResponse as _, Response};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::frame::KEYS;
use super::owner::Owner;
use super::shown::{COPY, ago, ago_or_never, done, mistakes_besides, unreadable};
use super::tenant;
use crate::api::{Entry, List};
use crate::components::field::{self, Field, Mistakes};
use crate::components::listing::{self, Column, address};
use crate::components::short::{IN_A_LIST, shortened};
use crate::components::{code, heading, notice};
use crate::failure::Failure;
use crate::page::{Answer, Page, see_other};
use crate::query::{Done, Query};
use crate::same_origin::Form;
use crate::visit::OperatorVisit;

/// Of a tenant's keys; it may have 1,000 of portals.
const MOST_SHOWN: usize = 100;
const FIELDS: [&str; 3] = ["name", "scope", "expires_in"];
const SCOPES: [(&str, &str); 4] = [
    ("tenant", "tenant: everything of this tenant"),
    ("publish", "publish: only publish events"),
    ("portal", "portal: see and change hooks, as a portal does"),
    ("planner", "planner: only propose plans"),
];

#[derive(Clone, Deserialize)]
struct Key {
    id: String,
    name: String,
    scope: String,
    created_at: String,
    expires_at: Option<String>,
    last_used_at: Option<String>,
}

#[derive(Deserialize)]
struct Made {
    key: String,
    name: String,
}

async fn shown(
    visit: &OperatorVisit,
    owner: &Owner,
    form: &Form,
    mistakes: &Mistakes,
    made: Option<&Made>,
    was_done: &str,
) -> Answer {
    let keys: List<Key> = visit.api().get(&owner.route(&["keys"]), &[]).await?;
    let value = |name| form.get(name).unwrap_or_default();
    let inner = html! {
        (done(was_done))
        @if let Some(made) = made {
            section #made {
                h2 { "The key" @if !made.name.is_empty() { " “" (made.name) "”" } }
                p { "It is shown this once. Keep it where secrets are kept." }
                (code::block("Key", &made.key, COPY))
            }
        }
        @if keys.items.is_empty() { (notice::empty("No keys yet", &html! { p { "Make one below." } })) }
        @else {
            (table(visit, owner, &keys))
            @if keys.items.len() > MOST_SHOWN { p { "And " (keys.items.len() - MOST_SHOWN) " more: " code { "hookline keys list" } } }
        }
        h2 { "A new key" }
        (field::form(&owner.page(&["keys"]), &visit.form_token, &html! {
            (mistakes_besides(mistakes, &FIELDS))
            (Field::new("name", "Name").help("What it is for.").mistakes(mistakes).input("text", value("name")))
            @if owner.0.is_some() { (Field::new("scope", "May").mistakes(mistakes).select(&SCOPES, value("scope"))) }
            (Field::new("expires_in", "Ends after days").help("Never when absent.").mistakes(mistakes).input("text", value("expires_in")))
            button.button.primary { "Create" }
        }))
    };
    match &owner.0 {
        Some(tenant) => {
            let tenant = tenant::load(visit, tenant).await?;
            Ok(tenant::around(visit, &tenant.id, "keys", tenant::title(&tenant), &inner))
        }
        None => Ok(Page::new(KEYS, "Operators' keys", html! { (heading("Operators' keys", &html! {})) (inner) })),
    }
}

fn table(visit: &OperatorVisit, owner: &Owner, keys: &List<Key>) -> Markup {
    let columns = ["Name", "Id", "May", "Created", "Last use", "Ends", "Revoke"].map(Column::text);
    let end = format!("{}/revoke", owner.page(&["keys"]));
    listing::table(
        "Keys",
        &columns,
        &html! {
            @for entry in keys.items.iter().take(MOST_SHOWN) {
                @match entry {
                    Entry::Unreadable { id, unreadable: why } => (unreadable(id, why, columns.len())),
                    Entry::Fine(key) => tr {
                        td { (shortened(&key.name, IN_A_LIST)) @if key.id == visit.key_id { " " span.help { "(this visit)" } } }
                        td { code { (key.id) } }
                        td { (key.scope) }
                        td { (ago(visit, &key.created_at)) }
                        td { (ago_or_never(visit, key.last_used_at.as_deref())) }
                        td { (ago_or_never(visit, key.expires_at.as_deref())) }
                        td { (notice::confirm("Revoke", "Whoever uses it gets in no more.", &field::form(&end, &visit.form_token, &html! {
                            input type="hidden" name="key" value=(key.id);
                            button.button.danger { "Revoke" }
                        }))) }
                    },
                }
            }
        },
    )
}

async fn make(visit: &OperatorVisit, owner: &Owner, form: &Form) -> Result<Response, Failure> {
    let mut body = Map::from_iter([("name".to_owned(), json!(form.typed("name").unwrap_or_default()))]);
    if let (Some(scope), Some(_)) = (form.typed("scope"), &owner.0) {
        body.insert("scope".to_owned(), json!(scope));
    }
    if let Some(days) = form.typed("expires_in") {
        // What is no number is told by the API.
        let seconds = days.parse::<u64>().map_or_else(|_| json!(days), |days| json!(days.saturating_mul(86_400)));
        body.insert("expires_in".to_owned(), seconds);
    }
    Ok(match visit.api().post::<Made>(&owner.route(&["keys"]), &Value::Object(body)).await {
        // As the answer to a form, so that it stands in no history.
        Ok(made) => shown(visit, owner, &Form::default(), &Mistakes::default(), Some(&made), "").await?.into_response(),
        Err(refusal) => {
            let mistakes = Mistakes::of_refusal(refusal)?;
            shown(visit, owner, form, &mistakes, None, "").await?.with_mistakes().into_response()
        }
    })
}

async fn end(visit: &OperatorVisit, owner: &Owner, form: &Form) -> Result<Response, Failure> {
    visit.api().delete(&owner.route(&["keys", form.get("key").unwrap_or_default()])).await?;
    Ok(see_other(&address(&owner.page(&["keys"]), &[("done", "revoked")], &[])))
}

pub(crate) async fn page(visit: OperatorVisit, Query(query): Query<Done>) -> Answer {
    shown(&visit, &Owner::OPERATORS, &Form::default(), &Mistakes::default(), None, &query.done).await
}

pub(crate) async fn create(visit: OperatorVisit, form: Form) -> Result<Response, Failure> {
    make(&visit, &Owner::OPERATORS, &form).await
}

pub(crate) async fn revoke(visit: OperatorVisit, form: Form) -> Result<Response, Failure> {
    end(&visit, &Owner::OPERATORS, &form).await
}

pub(crate) async fn of_tenant(visit: OperatorVisit, Path(tenant): Path<String>, Query(query): Query<Done>) -> Answer {
    shown(&visit, &Owner(Some(tenant)), &Form::default(), &Mistakes::default(), None, &query.done).await
}

pub(crate) async fn create_of_tenant(
    visit: OperatorVisit,
    Path(tenant): Path<String>,
    form: Form,
) -> Result<Response, Failure> {
    make(&visit, &Owner(Some(tenant)), &form).await
}

pub(crate) async fn revoke_of_tenant(
    visit: OperatorVisit,
    Path(tenant): Path<String>,
    form: Form,
) -> Result<Response, Failure> {
    end(&visit, &Owner(Some(tenant)), &form).await
}
