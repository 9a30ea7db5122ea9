mod entries;
pub(crate) mod examples;
mod list;
pub(crate) mod shared;

use std::sync::Arc;

use ::domain::event_type::{EventTypeEntry, Owner};
use ::domain::ids::EventType;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;

use crate::Deps;
use crate::auth::{InPortal, InTenant};
use crate::input::{Body, Query, Segments, segment};
use crate::problem::Problem;
use crate::routes::hooks::owner as tenant_of;
pub(crate) use entries::check_all;
pub(crate) use entries::{EventTypeChange, changed, commit};
use entries::{EventTypeView, add, change, remove};
use list::{EventTypeList, TenantEventTypeQuery, select};

/// Create an event type of a tenant
///
/// For this tenant it stands in for the operator's and the profile's of the
/// same name. What is published is held against it, on AWS within 5 seconds.
#[utoipa::path(post, path = "/v1/tenants/{tenant}/event-types", operation_id = "event_types.create", tag = "event types",
    params(("tenant" = String, Path)), request_body(content = EventTypeEntry, example = examples::entry), responses(
    (status = 201, body = EventTypeView),
    (status = 409, description = "The name is taken, or there are 500 already")
))]
pub(crate) async fn create(
    InTenant(tenant): InTenant,
    State(deps): State<Arc<Deps>>,
    entry: Body<EventTypeEntry>,
) -> Result<(StatusCode, Json<EventTypeView>), Problem> {
    tenant_of(&deps, &tenant).await?;
    let (entry, wrong) = entry.open()?;
    add(&deps, Owner::Tenant(&tenant), entry, wrong).await
}

/// List what a tenant knows of event types, in order of name
///
/// Its own, the operator's, and those of the profile that applies to it.
#[utoipa::path(get, path = "/v1/tenants/{tenant}/event-types", operation_id = "event_types.list", tag = "event types",
    params(("tenant" = String, Path), TenantEventTypeQuery), responses((status = 200, body = EventTypeList)))]
pub(crate) async fn list(
    InPortal(tenant): InPortal,
    State(deps): State<Arc<Deps>>,
    Query(query): Query<TenantEventTypeQuery>,
) -> Result<Json<EventTypeList>, Problem> {
    let tenant = tenant_of(&deps, &tenant).await?;
    let known = deps.catalogue.all(&tenant).await?;
    let known = known.into_iter().map(|row| row.map(|known| EventTypeView::of(known.entry, known.source)));
    select(known.collect(), query.source, &query.rest())
}

/// Read an event type as a tenant knows it
#[utoipa::path(get, path = "/v1/tenants/{tenant}/event-types/{type}", operation_id = "event_types.get", tag = "event types",
    params(("tenant" = String, Path), ("type" = String, Path)), responses((status = 200, body = EventTypeView)))]
pub(crate) async fn get(
    InPortal(tenant): InPortal,
    State(deps): State<Arc<Deps>>,
    params: Segments,
) -> Result<Json<EventTypeView>, Problem> {
    let name: EventType = segment(&params, "type", "event type")?;
    let tenant = tenant_of(&deps, &tenant).await?;
    let found = deps.catalogue.find(&tenant, &name).await?.ok_or_else(|| Problem::not_found("event type"))?;
    Ok(Json(EventTypeView::of(found.entry().clone(), found.source())))
}

/// Change an event type of a tenant
///
/// Fields that are absent stay as they are. Only a tenant's own can be changed
/// here; to deviate from the operator's or the profile's, create one.
#[utoipa::path(patch, path = "/v1/tenants/{tenant}/event-types/{type}", operation_id = "event_types.update", tag = "event types",
    params(("tenant" = String, Path), ("type" = String, Path)), request_body(content = Option<EventTypeChange>, example = examples::change), responses(
    (status = 200, body = EventTypeView)
))]
pub(crate) async fn update(
    InTenant(tenant): InTenant,
    State(deps): State<Arc<Deps>>,
    params: Segments,
    fields: Body<EventTypeChange>,
) -> Result<Json<EventTypeView>, Problem> {
    let (fields, wrong) = fields.open()?;
    change(&deps, Owner::Tenant(&tenant), &segment(&params, "type", "event type")?, fields, wrong).await
}

/// Delete an event type of a tenant
///
/// If the operator's catalogue or the profile has it as well, theirs applies.
#[utoipa::path(delete, path = "/v1/tenants/{tenant}/event-types/{type}", operation_id = "event_types.delete", tag = "event types",
    params(("tenant" = String, Path), ("type" = String, Path)), responses((status = 204)))]
pub(crate) async fn delete(
    InTenant(tenant): InTenant,
    State(deps): State<Arc<Deps>>,
    params: Segments,
) -> Result<StatusCode, Problem> {
    remove(&deps, Owner::Tenant(&tenant), &segment(&params, "type", "event type")?).await
}
