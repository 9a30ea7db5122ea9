//! What a tenant's endpoints get, for generators of code.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::Value;

use crate::Deps;
use crate::auth::InPortal;
use crate::openapi::webhooks::catalogue;
use crate::problem::Problem;
use crate::routes::hooks::owner;

/// Describe the webhooks of a tenant
///
/// An OpenAPI 3.1 document whose `webhooks` are the event types that the tenant knows and that are not
/// archived, with their schemas, and the headers and signatures of requests as hooks get them that
/// leave everything to the tenant's settings and its profile. Generators make types of it.
#[utoipa::path(get, path = "/v1/tenants/{tenant}/openapi.json", operation_id = "tenants.describe_webhooks", tag = "event types",
    params(("tenant" = String, Path)), responses((status = 200, body = Value)))]
pub(crate) async fn describe(
    InPortal(tenant): InPortal,
    State(deps): State<Arc<Deps>>,
) -> Result<Json<Value>, Problem> {
    let tenant = owner(&deps, &tenant).await?;
    let settings = deps.resolved.settle_open(&tenant).await?;
    // One that cannot be read is told of by the list of event types.
    let known: Vec<_> = deps.catalogue.all(&tenant).await?.into_iter().flatten().collect();
    Ok(Json(catalogue::document(&tenant, &settings, &known)))
}
