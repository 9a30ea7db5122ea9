//! Keys that may do everything, beside the one that the deployment was given:
//! with them the operator's key is changed without an interruption.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use domain::key::Scope;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{CreatedKey, KeyList, Rights, add, revoke};
use crate::Deps;
use crate::auth::Operator;
use crate::input::{Body, Segments, segment};
use crate::listed::ListEntry;
use crate::problem::Problem;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewOperatorKey {
    /// For people, up to 200 characters.
    #[schema(max_length = 200)]
    #[serde(default)]
    name: String,
    /// Seconds after which it is refused, up to 315,360,000; it does not expire
    /// when absent.
    #[schema(minimum = 1, maximum = 315_360_000)]
    expires_in: Option<u64>,
}

/// Create an operator's key
#[utoipa::path(post, path = "/v1/keys", operation_id = "operator_keys.create", tag = "tenants", request_body(content = Option<NewOperatorKey>, example = json!({ "name": "deployment pipeline", "expires_in": 7_776_000 })), responses(
    (status = 201, body = CreatedKey),
    (status = 409, description = "Limit reached: at most 100 keys")
))]
pub(crate) async fn create_operators(
    _: Operator,
    State(deps): State<Arc<Deps>>,
    new: Body<NewOperatorKey>,
) -> Result<(StatusCode, Json<CreatedKey>), Problem> {
    let (new, wrong) = new.open()?;
    let rights = Rights { scope: Scope::Operator, capabilities: None };
    add(&deps, None, new.name, rights, new.expires_in, (wrong, Vec::new())).await
}

/// List the operator's keys, the oldest first
///
/// The one that the deployment was given is not among them.
#[utoipa::path(get, path = "/v1/keys", operation_id = "operator_keys.list", tag = "tenants", responses((status = 200, body = KeyList)))]
pub(crate) async fn list_operators(_: Operator, State(deps): State<Arc<Deps>>) -> Result<Json<KeyList>, Problem> {
    let keys = deps.keys.list(None).await?;
    Ok(Json(KeyList { items: ListEntry::all(keys, Into::into) }))
}

/// Revoke an operator's key
#[utoipa::path(delete, path = "/v1/keys/{key_id}", operation_id = "operator_keys.delete", tag = "tenants", params(("key_id" = String, Path)), responses(
    (status = 204)
))]
pub(crate) async fn delete_operators(
    _: Operator,
    State(deps): State<Arc<Deps>>,
    params: Segments,
) -> Result<StatusCode, Problem> {
    revoke(&deps, None, segment(&params, "key_id", "key")?).await
}
