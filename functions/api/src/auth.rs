//! Who is asking, and may they: keys as bearer token or HTTP Basic.

mod key_cache;
mod throttle;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::ids::TenantId;
use domain::key::{ApiKey, KeyHash, Scope, parse_token};

use crate::Deps;
use crate::audited::{Asker, set_asker};
use crate::input::{Segments, segment};
use crate::problem::Problem;
pub use key_cache::KeyCache;
use throttle::KeySource;
pub use throttle::{ClientAddress, Throttle};

/// The least that an operator's key has, in characters: a key that is made at
/// random and as short as that is not found by trying.
pub const MIN_OPERATOR_KEY_CHARS: usize = 16;

/// The key that the deployment gives its operator, of which only the SHA-256 is
/// known here. Without one, only keys that were created are the operator's.
#[derive(Clone, Debug)]
pub struct OperatorKey(Option<KeyHash>);

impl OperatorKey {
    pub fn new(key: &str) -> Self {
        Self(Some(KeyHash::of(key)))
    }

    pub fn from_sha256(hash: Option<[u8; 32]>) -> Self {
        Self(hash.map(KeyHash::from_sha256))
    }

    pub fn is_set(&self) -> bool {
        self.0.is_some()
    }

    pub fn matches(&self, token: &str) -> bool {
        !token.is_empty() && self.0.as_ref().is_some_and(|hash| hash.matches(token))
    }
}

/// The operator; may do everything.
pub struct Operator;

/// Somebody who may do more than publish, for what is no tenant's own.
pub(crate) struct Anybody;

/// Somebody who may do everything within the tenant of the path.
pub(crate) struct InTenant(pub(crate) TenantId);

/// Somebody who may look after the hooks of the tenant of the path: see them,
/// their log and the catalogue, change hooks, and send again.
pub(crate) struct InPortal(pub(crate) TenantId);

/// Somebody who may publish for the tenant of the path.
pub(crate) struct MayPublish(pub(crate) TenantId);

/// Who is asking, as the audit trail names them; known after one of the above.
#[derive(Clone)]
pub(crate) struct Actor(pub(crate) String);

/// Whether a customer is asking or who looks after the tenant; known as [`Actor`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    Portal,
    Full,
}

impl FromRequestParts<Arc<Deps>> for Access {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Deps>) -> Result<Self, Problem> {
        parts.extensions.get::<Self>().copied().ok_or_else(Problem::internal)
    }
}

impl FromRequestParts<Arc<Deps>> for Actor {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Deps>) -> Result<Self, Problem> {
        parts.extensions.get::<Self>().cloned().ok_or_else(Problem::internal)
    }
}

enum Caller {
    Operator,
    Key(Arc<ApiKey>),
}

impl FromRequestParts<Arc<Deps>> for Operator {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, deps: &Arc<Deps>) -> Result<Self, Problem> {
        match authenticate(parts, deps, Freshness::Now).await? {
            Caller::Operator => Ok(Self),
            Caller::Key(_) => Err(Problem::new(StatusCode::FORBIDDEN, "only the operator's key may do this")),
        }
    }
}

impl FromRequestParts<Arc<Deps>> for Anybody {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, deps: &Arc<Deps>) -> Result<Self, Problem> {
        match authenticate(parts, deps, Freshness::Now).await? {
            Caller::Key(key) if key.scope == Scope::Publish => {
                Err(Problem::new(StatusCode::FORBIDDEN, "this key may only publish events"))
            }
            Caller::Key(key) if matches!(key.scope, Scope::Unknown(_)) => Err(unknown_scope()),
            Caller::Key(_) | Caller::Operator => Ok(Self),
        }
    }
}

impl FromRequestParts<Arc<Deps>> for InTenant {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, deps: &Arc<Deps>) -> Result<Self, Problem> {
        authorize(parts, deps, &[Scope::Tenant], Freshness::Now).await.map(Self)
    }
}

impl FromRequestParts<Arc<Deps>> for InPortal {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, deps: &Arc<Deps>) -> Result<Self, Problem> {
        authorize(parts, deps, &[Scope::Tenant, Scope::Portal], Freshness::Now).await.map(Self)
    }
}

impl FromRequestParts<Arc<Deps>> for MayPublish {
    type Rejection = Problem;

    /// Only publishing is worth a key that is remembered: it is the busy route,
    /// and what a revoked key can do there for some seconds leaves nothing behind.
    async fn from_request_parts(parts: &mut Parts, deps: &Arc<Deps>) -> Result<Self, Problem> {
        authorize(parts, deps, &[Scope::Tenant, Scope::Publish], Freshness::Remembered).await.map(Self)
    }
}

async fn authorize(
    parts: &mut Parts,
    deps: &Deps,
    allowed: &[Scope],
    freshness: Freshness,
) -> Result<TenantId, Problem> {
    let caller = authenticate(parts, deps, freshness).await?;
    parts.extensions.insert(match &caller {
        Caller::Operator => Actor("operator".to_owned()),
        Caller::Key(key) => Actor(key.id.to_string()),
    });
    parts.extensions.insert(match &caller {
        Caller::Key(key) if key.scope == Scope::Portal => Access::Portal,
        Caller::Key(_) | Caller::Operator => Access::Full,
    });
    let Ok(params) = Segments::from_request_parts(parts, deps).await;
    let tenant: TenantId = segment(&params, "tenant", "tenant")?;
    match caller {
        Caller::Operator => match deps.tenants.get(&tenant).await? {
            Some(_) => Ok(tenant),
            None => Err(Problem::not_found("tenant")),
        },
        // The same answer as for a tenant that does not exist.
        Caller::Key(key) if key.tenant.as_ref() != Some(&tenant) => Err(Problem::not_found("tenant")),
        Caller::Key(key) if matches!(key.scope, Scope::Unknown(_)) => Err(unknown_scope()),
        Caller::Key(key) if !allowed.contains(&key.scope) => Err(Problem::new(
            StatusCode::FORBIDDEN,
            match key.scope {
                Scope::Publish => "this key may only publish events",
                _ => "this key may only look after hooks",
            },
        )),
        Caller::Key(_) => Ok(tenant),
    }
}

/// A key of a newer version may do nothing here.
fn unknown_scope() -> Problem {
    Problem::new(StatusCode::FORBIDDEN, "this key's scope is not known to this version of Hookline")
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Freshness {
    Now,
    Remembered,
}

async fn authenticate(parts: &Parts, deps: &Deps, freshness: Freshness) -> Result<Caller, Problem> {
    let Some((user, token)) = credentials(&parts.headers) else {
        return Err(Problem::new(
            StatusCode::UNAUTHORIZED,
            "expected `Authorization: Bearer <key>`, or HTTP Basic with tenant and key",
        ));
    };
    if deps.operator.matches(&token) {
        set_asker(Asker { by: "operator".to_owned(), from: address_of(parts) });
        return Ok(Caller::Operator);
    }
    let now = deps.clock.now();
    let Some(key) = find(deps, user.as_deref(), &token, freshness).await? else {
        return Err(match deps.throttle.failed(&sources(parts, &token), deps.clock.steady()) {
            Some(wait) => Problem::too_many("too many keys that are not known", wait),
            None => Problem::new(StatusCode::UNAUTHORIZED, "the key is not known"),
        });
    };
    if key.is_expired(now) {
        return Err(Problem::new(StatusCode::UNAUTHORIZED, "the key has expired"));
    }
    if deps.key_cache.claim_use(&key, now) {
        key_cache::note_use(Arc::clone(&deps.keys), Arc::clone(&key), now);
    }
    let caller = match key.scope {
        Scope::Operator => Caller::Operator,
        _ => Caller::Key(Arc::clone(&key)),
    };
    set_asker(Asker { by: key.id.to_string(), from: address_of(parts) });
    Ok(caller)
}

/// The key that is presented, if it is one.
async fn find(
    deps: &Deps,
    user: Option<&str>,
    token: &str,
    freshness: Freshness,
) -> Result<Option<Arc<ApiKey>>, Problem> {
    let Some((tenant, id)) = parse_token(token) else { return Ok(None) };
    if user.zip(tenant.as_ref()).is_some_and(|(user, tenant)| user != tenant.as_str()) {
        return Ok(None);
    }
    let now = deps.clock.read();
    let remembered = match freshness {
        Freshness::Remembered => deps.key_cache.get(id, now),
        Freshness::Now => None,
    };
    let key = match remembered {
        Some(key) => Some(key),
        None => deps.keys.get(tenant.as_ref(), id).await?.inspect(|key| deps.key_cache.put(key, now)),
    };
    Ok(key.filter(|key| key.tenant == tenant && key.hash.matches(token)))
}

/// Where a request comes from, as far as that is known.
fn address_of(parts: &Parts) -> Option<String> {
    let given = parts.extensions.get::<ClientAddress>().map(|address| address.0);
    let socket = || parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip());
    given.or_else(socket).map(|address| address.to_string())
}

/// Whom a failure is put down to, as far as that is known.
fn sources(parts: &Parts, token: &str) -> Vec<KeySource> {
    let given = parts.extensions.get::<ClientAddress>().map(|address| address.0);
    let socket = || parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip());
    let address = given.or_else(socket).map(KeySource::Address);
    parse_token(token).map(|(_, id)| KeySource::Key(id)).into_iter().chain(address).collect()
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
