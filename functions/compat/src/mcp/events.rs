//! Event types are those of the tenant's catalogue.

use serde::Deserialize;
use serde_json::{Value, json};

use super::arguments::{input_schema, payload_schema};
use super::rpc::{self, Answer, Condition, Failure, Session};

/// An event type, as far as it is told here.
#[derive(Deserialize)]
pub(super) struct EventType {
    pub(super) name: String,
    description: String,
    pub(super) schema: Option<Value>,
    archived: bool,
}

/// One that cannot be read is left out.
#[derive(Deserialize)]
#[serde(untagged)]
enum Listed {
    Read(EventType),
    Unreadable(serde::de::IgnoredAny),
}

#[derive(Deserialize)]
struct Page {
    items: Vec<Listed>,
    next_cursor: Option<String>,
}

pub(super) async fn list(session: &Session<'_>) -> Answer {
    let cursor: Option<String> = session.request.optional("cursor", "the nextCursor of an earlier answer")?;
    let mut query = vec![("limit", "100"), ("archived", "false")];
    query.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
    let page: Page =
        session.api.get(&session.path(&["event-types"]), &query).await.map_err(|refusal| session.refused(refusal))?;
    let read = page.items.into_iter().filter_map(|item| match item {
        Listed::Read(found) => Some(found),
        Listed::Unreadable(_) => None,
    });
    let events: Vec<Value> = read.map(|found| told(&found)).collect();
    let mut answer = json!({ "events": events });
    if let Some(next) = page.next_cursor {
        answer["nextCursor"] = next.into();
    }
    rpc::result(&answer)
}

fn told(found: &EventType) -> Value {
    json!({
        "name": found.name,
        "description": found.description,
        "delivery": ["webhook", "poll"],
        "inputSchema": input_schema(found.schema.as_ref()),
        "payloadSchema": payload_schema(found.schema.as_ref()),
    })
}

/// One that can be subscribed to.
pub(super) async fn find(session: &Session<'_>, name: &str) -> Result<EventType, Failure> {
    let missing = || session.condition(Condition::NotFound, json!({ "kind": "event" }));
    // Whose tenant it is shows first.
    session.caller().await?;
    match session
        .api
        .get::<EventType>(&session.path(&["event-types"]).into_iter().chain([name]).collect::<Vec<_>>(), &[])
        .await
    {
        Ok(found) if !found.archived => Ok(found),
        Ok(_) => Err(missing()),
        Err(refusal) if refusal.status == http::StatusCode::NOT_FOUND => Err(missing()),
        Err(refusal) => Err(session.refused(refusal)),
    }
}
