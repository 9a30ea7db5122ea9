//! Who the deployment is to receivers: the keys it signs requests with, and the directory that lists
//! them.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use domain::identity::{Identity, IdentityKey, MAX_KEYS};
use domain::secret::Secret;
use domain::secret::jwk::Jwk;
use domain::signature::sign_directory;
use domain::time::Timestamp;
use domain::whole;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::jwks::JsonWebKeySet;
use crate::Deps;
use crate::audited::note_rotated_identity;
use crate::auth::Operator;
use crate::input::{Body, refuse};
use crate::problem::Problem;

const MEDIA_TYPE: &str = "application/http-message-signatures-directory+json";
/// What a verifier may keep. A new key signs later than that.
const CACHE_CONTROL: &str = "public, max-age=300";
/// How long the directory's own signatures are good.
const SIGNED_FOR: Duration = Duration::from_secs(3_600);
const USUAL_SIGNS_AFTER: u32 = 600;
const MAX_SIGNS_AFTER: u32 = 7 * 24 * 3_600;
const USUAL_OVERLAP: u32 = 24 * 3_600;
const MAX_OVERLAP: u32 = 30 * 24 * 3_600;

#[derive(Serialize, ToSchema)]
#[schema(as = Identity)]
pub(crate) struct IdentityView {
    /// What `Signature-Agent` says; null where the deployment has no public address that is an https
    /// origin
    agent: Option<String>,
    /// Those that the directory lists, the newest first
    keys: Vec<IdentityKeyView>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = IdentityKey)]
pub(crate) struct IdentityKeyView {
    key_id: String,
    /// It signs requests now
    signs: bool,
    created_at: String,
    signs_from: String,
    /// Null for the newest
    listed_until: Option<String>,
}

#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct IdentityRotation {
    /// Seconds after which the new key signs, so that verifiers have read of it by then, up to 604,800;
    /// 600 by default
    #[serde(default, deserialize_with = "whole::optional::<0, MAX_SIGNS_AFTER, _>")]
    #[schema(maximum = 604_800)]
    signs_after: Option<u32>,
    /// Seconds for which the former key is listed after that, up to 2,592,000; 86,400 by default
    #[serde(default, deserialize_with = "whole::optional::<0, MAX_OVERLAP, _>")]
    #[schema(maximum = 2_592_000)]
    overlap: Option<u32>,
}

fn agent(deps: &Deps) -> Option<String> {
    deps.public_url.as_ref().and_then(|url| url.https_origin())
}

fn view(deps: &Deps, identity: &Identity, now: Timestamp) -> IdentityView {
    let signing = identity.signing(now);
    let view = |key: &IdentityKey| {
        Some(IdentityKeyView {
            key_id: Jwk::of(&key.secret)?.kid,
            signs: signing == Some(key),
            created_at: key.created_at.to_string(),
            signs_from: key.signs_from.to_string(),
            listed_until: key.listed_until.map(|at| at.to_string()),
        })
    };
    IdentityView { agent: agent(deps), keys: identity.listed(now).filter_map(view).collect() }
}

async fn current(deps: &Deps) -> Result<Identity, Problem> {
    Ok(deps.identity.get().await?.map(|found| Identity::clone(&found)).unwrap_or_default())
}

/// The keys that the deployment signs requests with
///
/// Where a hook has a signature of the scheme `http_message`. The keys themselves are never shown.
#[utoipa::path(get, path = "/v1/identity", operation_id = "identity.get", tag = "identity", responses((status = 200, body = IdentityView)))]
pub(crate) async fn read(_: Operator, State(deps): State<Arc<Deps>>) -> Result<Json<IdentityView>, Problem> {
    let identity = current(&deps).await?;
    Ok(Json(view(&deps, &identity, deps.clock.now())))
}

/// Make a new key for the deployment
///
/// The first one signs at once. Any other is listed at once and signs later, and the former one stays
/// listed for the overlap. With both 0 the former ends at once: after a leak.
#[utoipa::path(post, path = "/v1/identity/rotate", operation_id = "identity.rotate", tag = "identity", request_body(content = Option<IdentityRotation>, examples(
        ("usual" = (summary = "The new key signs in ten minutes, and the former one is listed for a day more", value = json!({ "signs_after": 600, "overlap": 86_400 }))),
        ("leaked" = (summary = "After a leak: the former keys end at once", value = json!({ "signs_after": 0, "overlap": 0 })))
    )), responses(
    (status = 200, body = IdentityView),
    (status = 409, description = "Somebody else rotated it at the same time; or five keys are listed already")
))]
pub(crate) async fn identity_key(
    _: Operator,
    State(deps): State<Arc<Deps>>,
    asked: Body<IdentityRotation>,
) -> Result<Json<IdentityView>, Problem> {
    let (asked, wrong) = asked.open()?;
    let (signs_after, overlap) =
        (asked.signs_after.unwrap_or(USUAL_SIGNS_AFTER), asked.overlap.unwrap_or(USUAL_OVERLAP));
    let mut errors = Vec::new();
    whole::check("signs_after", signs_after, 0, MAX_SIGNS_AFTER, &mut errors);
    whole::check("overlap", overlap, 0, MAX_OVERLAP, &mut errors);
    refuse(wrong, errors)?;
    let now = deps.clock.now();
    let seconds = |seconds: u32| Duration::from_secs(seconds.into());
    let old = current(&deps).await?;
    let secret = Secret::generate_ed25519(deps.random.as_ref());
    let new = old.rotated(secret, now, seconds(signs_after), seconds(overlap)).ok_or_else(|| {
        Problem::limit_reached(format!(
            "limit reached: at most {MAX_KEYS} keys are listed; wait until one is listed no longer, or end all with \
             `signs_after` and `overlap` 0"
        ))
    })?;
    deps.identity.put(&new).await?;
    let view = view(&deps, &new, now);
    if let Some(key) = view.keys.first() {
        tracing::info!(key.id = %key.key_id, "the deployment has a new key to sign with, {}", key.key_id);
        note_rotated_identity(&deps.hook_health, &key.key_id).await?;
    }
    Ok(Json(view))
}

/// The directory of the deployment's keys
///
/// As Web Bot Auth has it: a JSON Web Key Set, signed by each of its keys. It needs no key.
#[utoipa::path(get, path = "/.well-known/http-message-signatures-directory", operation_id = "identity.directory", tag = "identity", security(()), responses(
    (status = 200, body = JsonWebKeySet, content_type = "application/http-message-signatures-directory+json"),
    (status = 404, description = "The deployment has no keys, or no public address that is an https origin"),
    (status = 503, description = "Not now; try again after `Retry-After` seconds")
))]
pub(crate) async fn directory(State(deps): State<Arc<Deps>>) -> Result<impl IntoResponse, Problem> {
    let missing = || Problem::not_found("directory");
    // Signed for where it belongs, whatever host was asked: a copy elsewhere is not to look like ours.
    let agent = agent(&deps).ok_or_else(missing)?;
    let identity = deps.identity.get().await?.ok_or_else(missing)?;
    let now = deps.clock.now();
    let keys = JsonWebKeySet::of(identity.jwks(now));
    let body = serde_json::to_vec(&keys).map_err(|_| Problem::internal())?;
    let secrets = identity.listed(now).map(|key| &key.secret);
    let signed = sign_directory(secrets, &agent, &body, now, now.saturating_add(SIGNED_FOR));
    let signed = signed.map_err(|_| Problem::internal())?;
    let mut response = body.into_response();
    let fixed = [("content-type", MEDIA_TYPE.to_owned()), ("cache-control", CACHE_CONTROL.to_owned())];
    for (name, value) in fixed.into_iter().chain(signed) {
        let value = header::HeaderValue::try_from(value).map_err(|_| Problem::internal())?;
        response.headers_mut().insert(name, value);
    }
    Ok(response)
}
