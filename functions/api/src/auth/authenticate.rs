//! Whose key or session a request came with.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use api_client::ClientAddress;
use axum::extract::ConnectInfo;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::ids::{KeyId, TenantId};
use domain::key::{ApiKey, Scope, TokenId, parse_token};
use domain::portal::PortalSession;

use super::key_cache;
use super::throttle::{KeySource, MAX_FAILURES, WINDOW};
use crate::Deps;
use crate::audited::{Asker, set_asker};
use crate::problem::{Problem, Quota};

pub(super) enum Caller {
    /// With one of the keys that were made for operators, or with the deployment's.
    Operator(Option<Arc<ApiKey>>),
    Key(Arc<ApiKey>),
    Session(Arc<PortalSession>),
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Freshness {
    Now,
    Remembered,
}

pub(super) async fn authenticate(parts: &Parts, deps: &Deps, freshness: Freshness) -> Result<Caller, Problem> {
    let Some((user, token)) = credentials(&parts.headers) else {
        return Err(Problem::new(
            StatusCode::UNAUTHORIZED,
            "expected `Authorization: Bearer <key>`, or HTTP Basic with tenant and key",
        ));
    };
    let from = address_of(parts).map(|address| address.to_string());
    if deps.operator.matches(&token) {
        set_asker(Asker { by: "operator".to_owned(), user: None, from });
        return Ok(Caller::Operator(None));
    }
    match find(deps, user.as_deref(), &token, freshness).await? {
        Some(Caller::Key(key)) => {
            set_asker(Asker { by: key.id.to_string(), user: None, from });
            known_key(deps, key)
        }
        Some(Caller::Session(session)) => {
            set_asker(Asker { by: session.actor(), user: session.user.clone(), from });
            known_session(deps, session)
        }
        Some(Caller::Operator(_)) | None => {
            Err(refused(deps, address_of(parts), &token, "too many keys that are not known", "the key is not known"))
        }
    }
}

fn known_key(deps: &Deps, key: Arc<ApiKey>) -> Result<Caller, Problem> {
    let now = deps.clock.now();
    if key.is_expired(now) {
        return Err(Problem::new(StatusCode::UNAUTHORIZED, "the key has expired"));
    }
    if deps.key_cache.claim_use(TokenId::Key(key.id), key.last_used_at, now) {
        key_cache::note_use(Arc::clone(&deps.keys), Arc::clone(&key), now);
    }
    Ok(match key.scope {
        Scope::Operator => Caller::Operator(Some(key)),
        _ => Caller::Key(key),
    })
}

fn known_session(deps: &Deps, session: Arc<PortalSession>) -> Result<Caller, Problem> {
    let now = deps.clock.now();
    if session.is_expired(now) {
        return Err(Problem::new(StatusCode::UNAUTHORIZED, "the session has expired"));
    }
    if deps.key_cache.claim_use(TokenId::Session(session.id), session.last_used_at, now) {
        key_cache::note_use_of_session(Arc::clone(&deps.portal_sessions), Arc::clone(&session), now);
    }
    Ok(Caller::Session(session))
}

/// Counts a failure, and tells whoever failed too often to wait.
pub(crate) fn refused(
    deps: &Deps,
    address: Option<IpAddr>,
    token: &str,
    too_many: &'static str,
    unknown: &'static str,
) -> Problem {
    let claimed = parse_token(token).map(|(_, id)| KeySource::Token(id));
    let sources: Vec<_> = claimed.into_iter().chain(address.map(KeySource::Address)).collect();
    match deps.throttle.failed(&sources, deps.clock.steady()) {
        Some(wait) => Problem::too_many(too_many, wait, Quota::new("unknown-keys", MAX_FAILURES, WINDOW)),
        None => Problem::new(StatusCode::UNAUTHORIZED, unknown),
    }
}

/// The key or session that is presented, if it is one.
async fn find(deps: &Deps, user: Option<&str>, token: &str, freshness: Freshness) -> Result<Option<Caller>, Problem> {
    let Some((tenant, id)) = parse_token(token) else { return Ok(None) };
    if user.zip(tenant.as_ref()).is_some_and(|(user, tenant)| user != tenant.as_str()) {
        return Ok(None);
    }
    match (id, tenant) {
        (TokenId::Key(id), tenant) => {
            let key = find_key(deps, tenant.as_ref(), id, freshness).await?;
            Ok(key.filter(|key| key.tenant == tenant && key.hash.matches(token)).map(Caller::Key))
        }
        (TokenId::Session(id), Some(tenant)) => {
            let session = deps.portal_sessions.get(&tenant, id).await?;
            Ok(session.filter(|one| one.tenant == tenant && one.hash.matches(token)).map(Caller::Session))
        }
        // A code opens nothing by itself.
        (TokenId::Session(_), None) | (TokenId::Link(_), _) => Ok(None),
    }
}

async fn find_key(
    deps: &Deps,
    tenant: Option<&TenantId>,
    id: KeyId,
    freshness: Freshness,
) -> Result<Option<Arc<ApiKey>>, Problem> {
    let now = deps.clock.read();
    let remembered = match freshness {
        Freshness::Remembered => deps.key_cache.get(id, now),
        Freshness::Now => None,
    };
    match remembered {
        Some(key) => Ok(Some(key)),
        None => Ok(deps.keys.get(tenant, id).await?.inspect(|key| deps.key_cache.put(key, now))),
    }
}

/// Where a request came from, as far as that is known.
pub(super) fn address_of(parts: &Parts) -> Option<IpAddr> {
    let given = parts.extensions.get::<ClientAddress>().map(|address| address.0);
    let socket = || parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip());
    given.or_else(socket)
}

/// The key that a request came with.
pub(crate) fn presented(headers: &HeaderMap) -> Option<String> {
    credentials(headers).map(|(_, key)| key)
}

/// User name, where there is one, and key.
fn credentials(headers: &HeaderMap) -> Option<(Option<String>, String)> {
    let (scheme, rest) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    let rest = rest.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some((None, rest.to_owned()));
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(rest).ok()?).ok()?;
    let (user, key) = text.split_once(':')?;
    Some((Some(user.to_owned()), key.to_owned()))
}
