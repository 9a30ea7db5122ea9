//! An event after it was published.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use contract::jobs::{Expunge, Job, JobMessage};
use domain::ids::EventId;
use domain::unknown::Unknown;
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::Deps;
use crate::auth::{InPortal, InTenant};
use crate::input::{Segments, segment};
use crate::problem::Problem;

#[derive(Serialize, ToSchema)]
#[schema(as = Event)]
pub(crate) struct EventView {
    id: String,
    #[serde(rename = "type")]
    event_type: String,
    timestamp: String,
    channels: Vec<String>,
    /// Not to be sent before
    #[serde(skip_serializing_if = "Option::is_none")]
    deliver_at: Option<String>,
    /// Not to be sent any more from then on, by its `ttl`
    #[serde(skip_serializing_if = "Option::is_none")]
    not_after: Option<String>,
    /// As published, byte for byte; absent once it was expunged.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Value>)]
    data: Option<Arc<RawValue>>,
    /// Its payload was removed.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    expunged: bool,
}

/// Read an event as it was published
///
/// It can be read once it has been fanned out, a moment after it was accepted.
#[utoipa::path(get, path = "/v1/tenants/{tenant}/events/{event}", operation_id = "events.get", tag = "events",
    params(("tenant" = String, Path), ("event" = String, Path)), responses((status = 200, body = EventView)))]
pub(crate) async fn get(
    InPortal(tenant): InPortal,
    State(deps): State<Arc<Deps>>,
    params: Segments,
) -> Result<Json<EventView>, Problem> {
    let id: EventId = segment(&params, "event", "event")?;
    let event = deps.events.get(&tenant, &id).await?.ok_or_else(|| Problem::not_found("event"))?;
    Ok(Json(EventView {
        id: event.id.to_string(),
        event_type: event.event_type.to_string(),
        timestamp: event.timestamp.to_string(),
        channels: event.channels.iter().map(ToString::to_string).collect(),
        deliver_at: event.deliver_at.map(|at| at.to_string()),
        not_after: event.not_after.map(|at| at.to_string()),
        expunged: event.data.is_none(),
        data: event.data,
    }))
}

/// Remove an event's payload for good
///
/// The event and its deliveries stay, without what was in it. Deliveries that
/// wait for a retry or for their time are settled as skipped. A first attempt
/// that is on its way at this moment carries its payload and may still arrive.
#[utoipa::path(delete, path = "/v1/tenants/{tenant}/events/{event}/data", operation_id = "events.expunge", tag = "events",
    params(("tenant" = String, Path), ("event" = String, Path)), responses((status = 204)))]
pub(crate) async fn expunge(
    InTenant(tenant): InTenant,
    State(deps): State<Arc<Deps>>,
    params: Segments,
) -> Result<StatusCode, Problem> {
    let id: EventId = segment(&params, "event", "event")?;
    if deps.events.get(&tenant, &id).await?.is_none() {
        return Err(Problem::not_found("event"));
    }
    // Asked for first, so that a process that dies here has promised nothing and left nothing undone.
    let job =
        JobMessage::new(&tenant, Job::Expunge(Expunge { event: id.clone(), cursor: None, unknown: Unknown::NONE }));
    deps.jobs.send_one(job.to_outgoing(None)).await?;
    deps.events.expunge(&tenant, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}
