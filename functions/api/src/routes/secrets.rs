use std::time::Duration;

use axum::Json;
use axum::extract::{RawPathParams, State};
use serde::{Deserialize, Serialize};
use shared::domain::hook::Hook;
use shared::domain::secret::{Secret, whsec_key};
use shared::time::Timestamp;
use utoipa::ToSchema;

use super::hooks::find;
use crate::Deps;
use crate::auth::InTenant;
use crate::input::Body;
use crate::problem::{FieldError, Problem};

const DEFAULT_OVERLAP: Duration = Duration::from_secs(24 * 3600);
const MAX_OVERLAP: Duration = Duration::from_secs(7 * 24 * 3600);

#[derive(Serialize, ToSchema)]
pub(crate) struct Secrets {
    /// The current secret.
    secret: String,
    /// Older ones that sign as well, until they expire.
    retiring: Vec<RetiringSecret>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct RetiringSecret {
    secret: String,
    expires_at: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rotation {
    /// The new secret, `whsec_` and 24 to 64 bytes in base64; made when absent.
    secret: Option<String>,
    /// Seconds for which the old secret signs as well, up to 604,800; 86,400 by default.
    overlap: Option<u64>,
}

fn view(hook: &Hook, now: Timestamp) -> Secrets {
    let mut live = hook.secrets.iter().filter(|secret| secret.is_live(now));
    Secrets {
        secret: live.next().map(|current| current.secret.reveal().to_owned()).unwrap_or_default(),
        retiring: live
            .map(|old| RetiringSecret {
                secret: old.secret.reveal().to_owned(),
                expires_at: old.expires_at.map(|at| at.to_string()),
            })
            .collect(),
    }
}

/// Reveal a hook's secret
#[utoipa::path(get, path = "/v1/tenants/{tenant}/hooks/{hook}/secret", tag = "hooks",
    params(("tenant" = String, Path), ("hook" = String, Path)), responses(
    (status = 200, body = Secrets), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 404, body = Problem)
))]
pub(crate) async fn reveal(
    InTenant(tenant): InTenant,
    State(deps): State<Deps>,
    params: RawPathParams,
) -> Result<Json<Secrets>, Problem> {
    Ok(Json(view(&find(&deps, &tenant, &params).await?, deps.clock.now())))
}

/// Rotate a hook's secret
///
/// Until the overlap has passed, requests carry a signature of each.
#[utoipa::path(post, path = "/v1/tenants/{tenant}/hooks/{hook}/secret/rotate", tag = "hooks",
    params(("tenant" = String, Path), ("hook" = String, Path)), request_body = Rotation, responses(
    (status = 200, body = Secrets), (status = 400, body = Problem), (status = 401, body = Problem),
    (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem),
    (status = 413, body = Problem), (status = 422, body = Problem)
))]
pub(crate) async fn rotate(
    InTenant(tenant): InTenant,
    State(deps): State<Deps>,
    params: RawPathParams,
    Body(rotation): Body<Rotation>,
) -> Result<Json<Secrets>, Problem> {
    let mut errors = Vec::new();
    let overlap = rotation.overlap.map_or(DEFAULT_OVERLAP, Duration::from_secs);
    if overlap > MAX_OVERLAP {
        errors.push(FieldError::new("overlap", format!("expected at most {} seconds", MAX_OVERLAP.as_secs())));
    }
    let secret = match rotation.secret {
        Some(given) => Secret::new(given),
        None => Secret::generate(deps.random.as_ref()),
    };
    if let Err(wrong) = whsec_key(&secret) {
        errors.push(FieldError::new("secret", wrong.to_string()));
    }
    if !errors.is_empty() {
        return Err(Problem::bad_body(errors));
    }
    let old = find(&deps, &tenant, &params).await?;
    let now = deps.clock.now();
    let mut new = old.clone();
    new.rotate(secret, overlap, now);
    new.updated_at = now;
    new.version += 1;
    deps.hooks.update(&old, &new).await?;
    Ok(Json(view(&new, now)))
}
