//! The operator's catalogue, which all tenants share.

use std::sync::Arc;

use ::domain::event_type::{EventTypeEntry, Owner, Source, StoredEventType};
use ::domain::ids::EventType;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;

use super::entries::{EventTypeChange, EventTypeView, add, change, remove};
use super::examples;
use super::list::{EventTypeList, EventTypeQuery, select};
use crate::Deps;
use crate::auth::{Anybody, Operator};
use crate::input::{Body, Query, Segments, segment};
use crate::problem::Problem;

/// Create an event type for all tenants
#[utoipa::path(post, path = "/v1/event-types", operation_id = "event_types.create_shared", tag = "event types", request_body(content = EventTypeEntry, example = examples::entry), responses(
    (status = 201, body = EventTypeView),
    (status = 409, description = "The name is taken, or there are 500 already")
))]
pub(crate) async fn create_shared(
    _: Operator,
    State(deps): State<Arc<Deps>>,
    entry: Body<EventTypeEntry>,
) -> Result<(StatusCode, Json<EventTypeView>), Problem> {
    let (entry, wrong) = entry.open()?;
    add(&deps, Owner::Operator, entry, wrong).await
}

/// List the event types of all tenants, in order of name
#[utoipa::path(get, path = "/v1/event-types", operation_id = "event_types.list_shared", tag = "event types", params(EventTypeQuery), responses(
    (status = 200, body = EventTypeList)
))]
pub(crate) async fn list_shared(
    _: Anybody,
    State(deps): State<Arc<Deps>>,
    Query(query): Query<EventTypeQuery>,
) -> Result<Json<EventTypeList>, Problem> {
    let stored = deps.catalogue.entries.all(Owner::Operator).await?;
    let known = stored.into_iter().map(|row| row.map(|stored| EventTypeView::stored(stored, Source::Operator)));
    select(known.collect(), None, &query)
}

/// Read an event type of all tenants
#[utoipa::path(get, path = "/v1/event-types/{type}", operation_id = "event_types.get_shared", tag = "event types", params(("type" = String, Path)), responses(
    (status = 200, body = EventTypeView)
))]
pub(crate) async fn get_shared(
    _: Anybody,
    State(deps): State<Arc<Deps>>,
    params: Segments,
) -> Result<Json<EventTypeView>, Problem> {
    let name: EventType = segment(&params, "type", "event type")?;
    let stored = deps.catalogue.entries.find(Owner::Operator, &name).await?;
    let stored = stored.ok_or_else(|| Problem::not_found("event type"))?;
    Ok(Json(EventTypeView::stored(StoredEventType::clone(&stored), Source::Operator)))
}

/// Change an event type of all tenants
///
/// Fields that are absent stay as they are.
#[utoipa::path(patch, path = "/v1/event-types/{type}", operation_id = "event_types.update_shared", tag = "event types",
    params(("type" = String, Path)), request_body(content = Option<EventTypeChange>, example = examples::change), responses((status = 200, body = EventTypeView)))]
pub(crate) async fn update_shared(
    _: Operator,
    State(deps): State<Arc<Deps>>,
    params: Segments,
    fields: Body<EventTypeChange>,
) -> Result<Json<EventTypeView>, Problem> {
    let (fields, wrong) = fields.open()?;
    change(&deps, Owner::Operator, &segment(&params, "type", "event type")?, fields, wrong).await
}

/// Delete an event type of all tenants
#[utoipa::path(delete, path = "/v1/event-types/{type}", operation_id = "event_types.delete_shared", tag = "event types", params(("type" = String, Path)), responses(
    (status = 204)
))]
pub(crate) async fn delete_shared(
    _: Operator,
    State(deps): State<Arc<Deps>>,
    params: Segments,
) -> Result<StatusCode, Problem> {
    remove(&deps, Owner::Operator, &segment(&params, "type", "event type")?).await
}
