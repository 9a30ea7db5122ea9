//! A code for a session.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use contract::stage::causes;
use domain::ids::{SessionId, TenantId};
use domain::key::{KeyHash, TokenId, generate_token, parse_token};
use domain::portal::{PortalLink, PortalSession};
use domain::unknown::Unknown;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::links::REMOVED_AT_ONCE;
use super::views::OwnSessionView;
use crate::Deps;
use crate::audited::{Asker, note_session, set_asker};
use crate::auth::{Requester, refused};
use crate::input::Body;
use crate::problem::Problem;

/// Sessions of a tenant that have not expired.
const MAX_SESSIONS: usize = 1_000;
/// One answer for a code that never was, was used, or has ended: whoever guesses learns nothing.
const UNKNOWN: &str = "the code is not known: it was used, or has ended; ask for a new link";

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PortalEntry {
    /// What stands behind the `#` of the link.
    code: String,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct CreatedPortalSession {
    #[serde(flatten)]
    session: OwnSessionView,
    /// What the session's requests carry as bearer token. It is shown here and never again.
    token: String,
}

/// Exchange the code of a link for a session
///
/// It works once. No key is asked for: the code is one.
#[utoipa::path(post, path = "/v1/portal/sessions", operation_id = "portal_sessions.create", tag = "portal", security(()), request_body(content = PortalEntry, example = json!({ "code": "hl_acme.lnk_01M7YRYFWQ4E9H6R5VS4N8GX2T.dJj6uVb9nXcDDlWqHcGk3yP1tUe8xQz5RmZsLaKfW0A" })), responses(
    (status = 201, body = CreatedPortalSession),
    (status = 401, description = "The code is not known, was used, or has ended"),
    (status = 409, description = "Limit reached: at most 1,000 sessions of a tenant. The code stays good"),
    (status = 429, description = "Too many codes that are not known; wait for `Retry-After` seconds"),
    (status = 503, description = "Not now; try again after `Retry-After` seconds")
))]
pub(crate) async fn create(
    Requester(address): Requester,
    State(deps): State<Arc<Deps>>,
    entry: Body<PortalEntry>,
) -> Result<(StatusCode, Json<CreatedPortalSession>), Problem> {
    let code = entry.checked()?.code;
    let unknown = || refused(&deps, address, &code, "too many codes that are not known", UNKNOWN);
    let link = find(&deps, &code).await?.ok_or_else(unknown)?;
    let tenant = deps.tenants.get(&link.tenant).await?.ok_or_else(unknown)?;
    make_room(&deps, &link.tenant).await?;
    let now = deps.clock.now();
    if !deps.portal_links.claim(&link, now).await? {
        return Err(unknown());
    }
    let id = SessionId::new(now, deps.random.as_ref());
    let token = generate_token(Some(&link.tenant), TokenId::Session(id), deps.random.as_ref());
    let session = PortalSession {
        tenant: link.tenant.clone(),
        id,
        hash: KeyHash::of(token.reveal()),
        capabilities: link.capabilities.clone(),
        seconds: link.session_seconds,
        landing: link.landing.clone(),
        return_url: link.return_url.clone(),
        user: link.user.clone(),
        created_at: now,
        expires_at: now.saturating_add(Duration::from_secs(link.session_seconds)),
        last_used_at: None,
        version: 1,
        unknown: Unknown::NONE,
    };
    deps.portal_sessions.create(&session).await?;
    let from = address.map(|address| address.to_string());
    set_asker(Asker { by: session.actor(), user: session.user.clone(), from });
    note_session(&deps.hook_health, &session, true).await?;
    // It can be used no more; that it is still there does no harm.
    if let Err(error) = deps.portal_links.delete(&link.tenant, link.id).await {
        tracing::warn!(link.id = %link.id, error = %causes(&error), "a link that was used is not deleted yet");
    }
    let session = OwnSessionView::of(&tenant, &session);
    Ok((StatusCode::CREATED, Json(CreatedPortalSession { session, token: token.reveal().to_owned() })))
}

/// The link of a code, if it can still be used.
async fn find(deps: &Deps, code: &str) -> Result<Option<Arc<PortalLink>>, Problem> {
    let Some((Some(tenant), TokenId::Link(id))) = parse_token(code) else { return Ok(None) };
    let now = deps.clock.now();
    let link = deps.portal_links.get(&tenant, id).await?;
    Ok(link.filter(|link| link.tenant == tenant && link.hash.matches(code) && link.is_open(now)))
}

/// Deletes sessions that have expired, and complains when there are too many others.
async fn make_room(deps: &Deps, tenant: &TenantId) -> Result<(), Problem> {
    let now = deps.clock.now();
    // Those that cannot be read open nothing, and take nobody's room.
    let (expired, live): (Vec<_>, Vec<_>) =
        deps.portal_sessions.all(tenant).await?.into_iter().flatten().partition(|session| session.is_expired(now));
    for session in expired.iter().take(REMOVED_AT_ONCE) {
        deps.portal_sessions.delete(tenant, session.id).await?;
    }
    match live.len() < MAX_SESSIONS {
        true => Ok(()),
        false => Err(Problem::limit_reached(format!("limit reached: at most {MAX_SESSIONS} sessions; end one first"))),
    }
}
