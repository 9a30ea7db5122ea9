//! Webhooks: list, get, create, update, delete.

use api_client::Refusal;
use axum::extract::Path;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::PROFILE;
use super::account::Account;
use super::answer::{Answer, List, Nothing, Refused, date, date_or_dash, done};
use super::fields::{Fields, Form, Query};

/// What the list can be ordered by, and what the API calls it.
const ORDERS: [(&str, &str); 6] = [
    ("name", "name"),
    ("description", "description"),
    ("lastExecutionDate", "last_execution"),
    ("isEnabled", "enabled"),
    ("created", "created"),
    ("modified", "modified"),
];

/// A hook, as far as it is shown here.
#[derive(Deserialize)]
struct Hook {
    id: String,
    name: String,
    description: String,
    events: Vec<String>,
    url: String,
    enabled: bool,
    health: Health,
    secret: Option<String>,
    created_at: String,
    updated_at: String,
}

#[derive(Deserialize)]
struct Health {
    last_execution: Option<String>,
}

#[derive(Deserialize)]
struct Hooks {
    items: Vec<Value>,
    total: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Webhook {
    id: String,
    name: String,
    description: String,
    /// Of a hook that was made elsewhere for several, all of them.
    event: String,
    url: String,
    last_execution_date: String,
    is_enabled: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
    created: String,
    modified: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct One {
    webhook: Webhook,
}

impl From<Hook> for Webhook {
    fn from(hook: Hook) -> Self {
        Self {
            id: hook.id,
            name: hook.name,
            description: hook.description,
            event: hook.events.join(","),
            url: hook.url,
            last_execution_date: date_or_dash(hook.health.last_execution.as_deref()),
            is_enabled: hook.enabled.into(),
            secret: hook.secret,
            created: date(&hook.created_at),
            modified: date(&hook.updated_at),
        }
    }
}

fn one(hook: Hook) -> Answer<One> {
    done(One { webhook: hook.into() })
}

pub(crate) async fn list(account: Account, Query(mut query): Query) -> Answer<List<Webhook>> {
    let (event, name) = (query.take("event"), query.take("name"));
    let order = query.take("_order").unwrap_or_else(|| "name".to_owned());
    let order = ORDERS.iter().find(|(theirs, _)| *theirs == order).map(|(_, ours)| *ours);
    if order.is_none() {
        let known: Vec<&str> = ORDERS.iter().map(|(theirs, _)| *theirs).collect();
        query.refuse("_order", format!("expected one of {}", known.join(", ")));
    }
    let (page, count) = query.page();
    query.end("event, name, _order, _page, _count")?;
    let (page, count) = (page.to_string(), count.to_string());
    let mut asked = vec![("order", order.unwrap_or("name")), ("page", &page), ("limit", &count)];
    asked.extend(event.as_deref().filter(|event| !event.is_empty()).map(|event| ("event", event)));
    asked.extend(name.as_deref().filter(|name| !name.is_empty()).map(|name| ("name", name)));
    let Hooks { items, total } = account.api().get(&account.path(&["hooks"]), &asked).await?;
    // One that cannot be read is an entry of another kind.
    let hooks = items.into_iter().filter_map(|item| serde_json::from_value::<Hook>(item).ok());
    done(List { items: hooks.map(Into::into).collect(), total })
}

pub(crate) async fn get(account: Account, Path(id): Path<String>, Query(query): Query) -> Answer<One> {
    query.end("none")?;
    one(account.api().get(&account.path(&["hooks", &id]), &[]).await?)
}

pub(crate) async fn create(account: Account, Form(mut form): Form) -> Answer<One> {
    let (event, name, url) = (form.required("event"), form.required("name"), form.required("url"));
    let mut body = rest(&mut form);
    check_event(&account, event.as_deref(), &mut form).await?;
    form.end("event, name, url, description, isEnabled")?;
    body.insert("profile".to_owned(), PROFILE.into());
    body.insert("events".to_owned(), json!([event]));
    body.insert("name".to_owned(), name.into());
    body.insert("url".to_owned(), url.into());
    one(account.api().post(&account.path(&["hooks"]), &body).await?)
}

pub(crate) async fn update(account: Account, Path(id): Path<String>, Form(mut form): Form) -> Answer<One> {
    let given = [form.take("event"), form.take("name"), form.take("url")];
    for (field, value) in ["event", "name", "url"].into_iter().zip(&given) {
        if value.as_ref().is_some_and(|value| value.trim().is_empty()) {
            form.refuse(field, "cannot be empty");
        }
    }
    let [event, name, url] = given;
    let mut body = rest(&mut form);
    check_event(&account, event.as_deref(), &mut form).await?;
    form.end("event, name, url, description, isEnabled")?;
    body.extend(event.map(|event| ("events".to_owned(), json!([event]))));
    body.extend(name.map(|name| ("name".to_owned(), name.into())));
    body.extend(url.map(|url| ("url".to_owned(), url.into())));
    one(account.api().patch(&account.path(&["hooks", &id]), &body).await?)
}

pub(crate) async fn delete(account: Account, Path(id): Path<String>) -> Answer<Nothing> {
    account.api().delete(&account.path(&["hooks", &id])).await?;
    done(Nothing {})
}

/// What can be left out when a webhook is made.
fn rest(form: &mut Fields) -> Map<String, Value> {
    let mut body = Map::new();
    body.extend(form.take("description").map(|text| ("description".to_owned(), text.into())));
    body.extend(form.flag("isEnabled").map(|enabled| ("enabled".to_owned(), enabled.into())));
    body
}

#[derive(Deserialize)]
struct Profile {
    event_types: Vec<Named>,
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

/// Whether there is such an event: of the system, or of the tenant's own catalogue.
async fn check_event(account: &Account, event: Option<&str>, form: &mut Fields) -> Result<(), Refused> {
    let Some(event) = event.filter(|event| !event.trim().is_empty()) else { return Ok(()) };
    let profile: Profile = account.api().get(&["v1", "profiles", PROFILE], &[]).await?;
    if profile.event_types.iter().any(|known| known.name == event) {
        return Ok(());
    }
    match account.api().get::<Named>(&account.path(&["event-types", event]), &[]).await {
        Ok(_) => Ok(()),
        Err(Refusal { status: StatusCode::NOT_FOUND, .. }) => {
            let known: Vec<&str> = profile.event_types.iter().map(|known| known.name.as_str()).collect();
            form.refuse("event", format!("is no event there is; expected one of {}", known.join(", ")));
            Ok(())
        }
        Err(refusal) => Err(refusal.into()),
    }
}
