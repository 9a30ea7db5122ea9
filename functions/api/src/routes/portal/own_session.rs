//! What a session may ask about itself.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use contract::ports::StoreError;
use domain::portal::PortalSession;

use super::views::OwnSessionView;
use crate::Deps;
use crate::audited::note_session;
use crate::auth::InSession;
use crate::problem::Problem;
use crate::routes::hooks::owner;
use crate::routes::subscriptions::{able, end_of_sessions};

/// Its own use is noted at the same time, by each process once a minute.
const MAX_TRIES: usize = 5;

/// Read the session that asks
///
/// Whose it is, what it may do, until when, and how its portal looks.
#[utoipa::path(get, path = "/v1/portal/session", operation_id = "portal_session.get", tag = "portal", responses((status = 200, body = OwnSessionView)))]
pub(crate) async fn get(
    InSession(session): InSession,
    State(deps): State<Arc<Deps>>,
) -> Result<Json<OwnSessionView>, Problem> {
    Ok(Json(OwnSessionView::of(&*owner(&deps, &session.tenant).await?, &session)))
}

/// Let the session that asks last longer
///
/// From now on for as long as it was made for, and 30 days in all at most.
#[utoipa::path(post, path = "/v1/portal/session/refresh", operation_id = "portal_session.refresh", tag = "portal",
    responses((status = 200, body = OwnSessionView)))]
pub(crate) async fn refresh(
    InSession(session): InSession,
    State(deps): State<Arc<Deps>>,
) -> Result<Json<OwnSessionView>, Problem> {
    let mut current = session;
    for _ in 0..MAX_TRIES {
        let expires_at = current.refreshed(deps.clock.now());
        let (version, former) = (current.version + 1, PortalSession::clone(&current));
        let refreshed = PortalSession { expires_at, version, ..former };
        match deps.portal_sessions.update(&refreshed).await {
            Ok(()) => {
                let tenant = owner(&deps, &refreshed.tenant).await?;
                return Ok(Json(OwnSessionView::of(&tenant, &refreshed)));
            }
            Err(StoreError::Conflict) => {
                let found = deps.portal_sessions.get(&current.tenant, current.id).await?;
                current = found.ok_or_else(|| Problem::new(StatusCode::UNAUTHORIZED, "the session was ended"))?;
            }
            Err(error) => return Err(error.into()),
        }
    }
    Err(StoreError::Conflict.into())
}

/// End the session that asks
#[utoipa::path(delete, path = "/v1/portal/session", operation_id = "portal_session.end", tag = "portal", responses((status = 204)))]
pub(crate) async fn end(InSession(session): InSession, State(deps): State<Arc<Deps>>) -> Result<StatusCode, Problem> {
    end_of_sessions(&deps, &session.tenant, able(&Ok(PortalSession::clone(&session)))).await?;
    if deps.portal_sessions.delete(&session.tenant, session.id).await? {
        note_session(&deps.hook_health, &session, false).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}
