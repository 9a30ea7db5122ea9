//! Consent that an endpoint gives later, at the address that it was told when it was asked.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use domain::hook::Hook;
use domain::ids::{HookId, TenantId};
use domain::key::KeyHash;
use domain::verification::allowed_rate;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::Deps;
use crate::auth::{Requester, refused};
use crate::input::{Query, Segments, segment};
use crate::problem::Problem;

/// One answer for whatever is wrong with the address: whoever guesses learns nothing.
const UNKNOWN: &str = "the address is not known: the hook was verified otherwise, has moved, or is gone";

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ConfirmQuery {
    /// As in `WebHook-Request-Callback`
    key: String,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct Confirmation {
    verified: bool,
    /// Requests a minute that the endpoint allows; null for any number
    allowed_per_minute: Option<u32>,
}

/// Consent to a hook's requests
///
/// Where an endpoint is sent by a request with OPTIONS that has `WebHook-Request-Callback`. No key of
/// the API is asked for: the address has one. `WebHook-Allowed-Rate` says how many requests a minute
/// may come.
#[utoipa::path(post, path = "/v1/tenants/{tenant}/hooks/{hook}/confirm", operation_id = "hooks.confirm", tag = "hooks", security(()),
    params(("tenant" = String, Path), ("hook" = String, Path), ConfirmQuery,
        ("WebHook-Allowed-Rate" = Option<String>, Header, pattern = r"^(\*|0*[1-9][0-9]*)$")), responses(
    (status = 200, body = Confirmation),
    (status = 401, description = "The address is not known"),
    (status = 429, description = "Too many addresses that are not known; wait for `Retry-After` seconds")
))]
pub(crate) async fn confirm(
    requester: Requester,
    state: State<Arc<Deps>>,
    params: Segments,
    query: Query<ConfirmQuery>,
    headers: HeaderMap,
) -> Result<Json<Confirmation>, Problem> {
    grant(requester, state, params, query, headers).await
}

/// Consent to a hook's requests, by a browser
///
/// The same as with POST, for people who find the address in a log of their endpoint.
#[utoipa::path(get, path = "/v1/tenants/{tenant}/hooks/{hook}/confirm", operation_id = "hooks.confirm_by_browser", tag = "hooks", security(()),
    params(("tenant" = String, Path), ("hook" = String, Path), ConfirmQuery,
        ("WebHook-Allowed-Rate" = Option<String>, Header, pattern = r"^(\*|0*[1-9][0-9]*)$")), responses(
    (status = 200, body = Confirmation),
    (status = 401, description = "The address is not known"),
    (status = 429, description = "Too many addresses that are not known; wait for `Retry-After` seconds")
))]
pub(crate) async fn confirm_by_browser(
    requester: Requester,
    state: State<Arc<Deps>>,
    params: Segments,
    query: Query<ConfirmQuery>,
    headers: HeaderMap,
) -> Result<Json<Confirmation>, Problem> {
    grant(requester, state, params, query, headers).await
}

async fn grant(
    Requester(address): Requester,
    State(deps): State<Arc<Deps>>,
    params: Segments,
    Query(query): Query<ConfirmQuery>,
    headers: HeaderMap,
) -> Result<Json<Confirmation>, Problem> {
    let unknown = || refused(&deps, address, &query.key, "too many addresses that are not known", UNKNOWN);
    let hook = find(&deps, &params, &query.key).await?.ok_or_else(unknown)?;
    let rate = headers.get("webhook-allowed-rate").map(|value| value.to_str().unwrap_or_default());
    let allowed_per_minute = match rate.map(allowed_rate) {
        Some(Ok(rate)) => rate,
        Some(Err(_)) => {
            let message = "expected * or a whole number above zero, in requests a minute";
            return Err(Problem::bad_parameter("WebHook-Allowed-Rate", message));
        }
        None => None,
    };
    if !deps.hook_health.granted(&hook, deps.clock.now(), allowed_per_minute).await? {
        return Err(unknown());
    }
    Ok(Json(Confirmation { verified: true, allowed_per_minute }))
}

/// The hook whose endpoint was told this key.
async fn find(deps: &Deps, params: &Segments, key: &str) -> Result<Option<Arc<Hook>>, Problem> {
    let names =
        segment::<TenantId>(params, "tenant", "tenant").ok().zip(segment::<HookId>(params, "hook", "hook").ok());
    let Some((tenant, id)) = names else { return Ok(None) };
    let Some(hook) = deps.hooks.get(&tenant, id).await? else { return Ok(None) };
    let Some(owner) = deps.tenants.get(&tenant).await? else { return Ok(None) };
    // By their hashes, so that the time it takes tells nothing.
    let is_told = |told: &domain::secret::Secret| KeyHash::of(told.reveal()).matches(key);
    let is_asked = deps.resolved.settle(&hook, &owner).await?.verification.asks_as().is_some();
    Ok(Some(hook).filter(|hook| is_asked && hook.consent_key().is_some_and(is_told)))
}
