//! Event types are those of all tenants.

use api_client::Refusal;
use axum::Json;
use axum::extract::Path;
use axum::response::Response;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::access::Access;
use super::answer::{Refused, made_or};
use super::applications::descending;
use super::fields::{Body, Fields, Given, NAME, Query, is_name};
use super::ids::found;
use super::page::{List, Page, Source};

/// More than a catalogue holds.
const MOST: usize = 1_000;
const KNOWN: &str = "name, description, archived, deprecated, schemas";
/// The version that the API has of a schema.
const VERSION: &str = "1";

/// An event type of the catalogue, as far as it is shown here.
#[derive(Deserialize)]
struct Entry {
    name: String,
    description: String,
    schema: Option<Value>,
    deprecated: bool,
    archived: bool,
    created_at: Option<String>,
    updated_at: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EventType {
    name: String,
    description: String,
    archived: bool,
    deprecated: bool,
    schemas: Option<Value>,
    created_at: Option<String>,
    updated_at: Option<String>,
}

impl EventType {
    fn of(entry: Entry, with_content: bool) -> Self {
        Self {
            name: entry.name,
            description: entry.description,
            archived: entry.archived,
            deprecated: entry.deprecated,
            schemas: entry.schema.filter(|_| with_content).map(|schema| json!({ VERSION: schema })),
            created_at: entry.created_at,
            updated_at: entry.updated_at,
        }
    }
}

struct EventTypeIn {
    description: Given<String>,
    archived: Given<bool>,
    deprecated: Given<bool>,
    schemas: Given<Map<String, Value>>,
}

impl EventTypeIn {
    fn take(body: &mut Fields) -> Self {
        let taken = Self {
            description: body.text("description"),
            archived: body.read("archived", "true or false"),
            deprecated: body.read("deprecated", "true or false"),
            schemas: body.read("schemas", "schemas by their versions, or null"),
        };
        if matches!(&taken.schemas, Given::Value(schemas) if !(schemas.len() == 1 && schemas.contains_key(VERSION))) {
            body.refuse("schemas", "expected one schema, of the version \"1\": no others are kept");
        }
        if taken.description == Given::Null {
            body.refuse("description", "cannot be null");
        }
        taken
    }

    fn whole(body: &mut Fields) -> Self {
        let taken = Self::take(body);
        if taken.description == Given::Absent {
            body.refuse("description", "is required");
        }
        taken
    }

    /// As the API has it. What is absent is left out, or as it was in the beginning.
    fn body(self, whole: bool) -> Map<String, Value> {
        let mut fields = Map::new();
        let mut set = |name: &str, value: Option<Value>| fields.extend(value.map(|value| (name.to_owned(), value)));
        set("description", self.description.value().map(Into::into));
        set("archived", self.archived.value().or(whole.then_some(false)).map(Into::into));
        set("deprecated", self.deprecated.value().or(whole.then_some(false)).map(Into::into));
        match self.schemas {
            Given::Value(mut schemas) => {
                set("schema", schemas.remove(VERSION));
            }
            Given::Absent if !whole => {}
            Given::Absent | Given::Null => set("schema", Some(Value::Null)),
        }
        fields
    }
}

pub(crate) async fn list(access: Access, Query(mut query): Query) -> Result<Json<List<EventType>>, Refused> {
    let page = Page::read(&mut query);
    let descending = descending(&mut query, false);
    let include_archived = query.flag("include_archived").unwrap_or(false);
    let with_content = query.flag("with_content").unwrap_or(false);
    query.end("limit, iterator, order, include_archived, with_content")?;
    let mut entries: Vec<Entry> = Source::new(&access, &["v1", "event-types"]).all(MOST).await?;
    entries.retain(|entry| include_archived || !entry.archived);
    if descending {
        entries.reverse();
    }
    Ok(Json(page.of(entries, |entry| entry.name.clone())?.map(|entry| EventType::of(entry, with_content))))
}

pub(crate) async fn create(access: Access, Body(mut body): Body) -> Result<Response, Refused> {
    let name = body.required::<String>("name", "a text").unwrap_or_default();
    if !name.is_empty() && !is_name(&name) {
        body.refuse("name", NAME);
    }
    let given = EventTypeIn::whole(&mut body);
    body.end(KNOWN)?;
    let exists = || {
        let detail = "An event_type with this name already exists";
        Refused::new(StatusCode::CONFLICT, "event_type_exists", detail)
    };
    let fields = given.body(true);
    match find(&access, &name).await? {
        // It is in use again, with what this request says of it.
        Some(known) if known.archived => {
            let changed: Entry = access.api().patch(&["v1", "event-types", &name], &fields).await?;
            Ok(made_or(true, EventType::of(changed, true)))
        }
        _ => match make(&access, &name, fields).await {
            Ok(entry) => Ok(made_or(true, EventType::of(entry, true))),
            Err(refusal) if refusal.is_taken() => Err(exists()),
            Err(refusal) => Err(refusal.into()),
        },
    }
}

async fn find(access: &Access, name: &str) -> Result<Option<Entry>, Refused> {
    found(access.api().get(&["v1", "event-types", name], &[]).await)
}

async fn make(access: &Access, name: &str, mut fields: Map<String, Value>) -> Result<Entry, Refusal> {
    fields.insert("name".to_owned(), name.into());
    // Its schema says what payloads look like, and refuses none.
    fields.insert("validate".to_owned(), false.into());
    fields.retain(|_, value| !value.is_null());
    access.once().post(&["v1", "event-types"], &fields).await
}

pub(crate) async fn get(
    access: Access,
    Path(name): Path<String>,
    Query(query): Query,
) -> Result<Json<EventType>, Refused> {
    query.end("none")?;
    let entry = find(&access, &name).await?.ok_or_else(Refused::not_found)?;
    Ok(Json(EventType::of(entry, true)))
}

pub(crate) async fn update(
    access: Access,
    Path(name): Path<String>,
    Body(mut body): Body,
) -> Result<Response, Refused> {
    let given = EventTypeIn::whole(&mut body);
    body.end("description, archived, deprecated, schemas")?;
    let fields = given.body(true);
    match find(&access, &name).await? {
        Some(_) => {
            let entry: Entry = access.api().patch(&["v1", "event-types", &name], &fields).await?;
            Ok(made_or(false, EventType::of(entry, true)))
        }
        None => Ok(made_or(true, EventType::of(make(&access, &name, fields).await?, true))),
    }
}

pub(crate) async fn patch(
    access: Access,
    Path(name): Path<String>,
    Body(mut body): Body,
) -> Result<Json<EventType>, Refused> {
    let given = EventTypeIn::take(&mut body);
    body.end("description, archived, deprecated, schemas")?;
    let entry: Entry = access.api().patch(&["v1", "event-types", &name], &given.body(false)).await?;
    Ok(Json(EventType::of(entry, true)))
}

pub(crate) async fn delete(
    access: Access,
    Path(name): Path<String>,
    Query(mut query): Query,
) -> Result<StatusCode, Refused> {
    let expunge = query.flag("expunge").unwrap_or(false);
    query.end("expunge")?;
    let path = ["v1", "event-types", &*name];
    match expunge {
        true => access.api().delete(&path).await?,
        false => drop(access.api().patch::<Value>(&path, &json!({ "archived": true })).await?),
    }
    Ok(StatusCode::NO_CONTENT)
}
