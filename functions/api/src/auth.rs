//! Who is asking, and may they: keys as bearer token or HTTP Basic.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use shared::domain::ids::{KeyId, TenantId};
use shared::domain::key::{ApiKey, KeyHash, Scope, parse_token};
use shared::time::Timestamp;

use crate::Deps;
use crate::input::segment;
use crate::problem::Problem;

/// Keys that are remembered at most.
const REMEMBERED: usize = 1_000;

/// The operator's key, of which only the SHA-256 is known here. Without one,
/// nobody is the operator.
#[derive(Clone, Debug)]
pub struct OperatorKey(Option<KeyHash>);

impl OperatorKey {
    pub fn new(key: &str) -> Self {
        Self(Some(KeyHash::of(key)))
    }

    pub fn from_sha256(hash: Option<[u8; 32]>) -> Self {
        Self(hash.map(KeyHash::from_sha256))
    }

    fn matches(&self, token: &str) -> bool {
        !token.is_empty() && self.0.as_ref().is_some_and(|hash| hash.matches(token))
    }
}

/// Remembers keys for a while, so that publishing does not read one each time.
/// A revoked key can publish for at most that long.
#[derive(Clone, Debug)]
pub struct KeyCache {
    keep: Duration,
    keys: Arc<Mutex<HashMap<KeyId, (Timestamp, ApiKey)>>>,
}

impl KeyCache {
    /// Zero remembers nothing.
    pub fn new(keep: Duration) -> Self {
        Self { keep, keys: Arc::default() }
    }

    fn get(&self, id: KeyId, now: Timestamp) -> Option<ApiKey> {
        let keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        keys.get(&id).filter(|(read_at, _)| now.since(*read_at) < self.keep).map(|(_, key)| key.clone())
    }

    fn put(&self, key: &ApiKey, now: Timestamp) {
        if self.keep.is_zero() {
            return;
        }
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        if keys.len() >= REMEMBERED {
            keys.clear();
        }
        keys.insert(key.id, (now, key.clone()));
    }

    pub(crate) fn forget(&self, id: KeyId) {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
    }
}

/// The operator; may do everything.
pub(crate) struct Operator;

/// Somebody whose key is known, for what is everybody's.
pub(crate) struct Anybody;

/// Somebody who may do everything within the tenant of the path.
pub(crate) struct InTenant(pub(crate) TenantId);

/// Somebody who may see what the tenant of the path has.
pub(crate) struct MayRead(pub(crate) TenantId);

/// Somebody who may publish for the tenant of the path.
pub(crate) struct MayPublish(pub(crate) TenantId);

enum Caller {
    Operator,
    Key(ApiKey),
}

impl FromRequestParts<Deps> for Operator {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, deps: &Deps) -> Result<Self, Problem> {
        match authenticate(&parts.headers, deps, Freshness::Now).await? {
            Caller::Operator => Ok(Self),
            Caller::Key(_) => Err(Problem::new(StatusCode::FORBIDDEN, "only the operator's key may do this")),
        }
    }
}

impl FromRequestParts<Deps> for Anybody {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, deps: &Deps) -> Result<Self, Problem> {
        authenticate(&parts.headers, deps, Freshness::Now).await.map(|_| Self)
    }
}

impl FromRequestParts<Deps> for InTenant {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, deps: &Deps) -> Result<Self, Problem> {
        authorize(parts, deps, Scope::Tenant).await.map(Self)
    }
}

impl FromRequestParts<Deps> for MayRead {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, deps: &Deps) -> Result<Self, Problem> {
        authorize(parts, deps, Scope::Tenant).await.map(Self)
    }
}

impl FromRequestParts<Deps> for MayPublish {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, deps: &Deps) -> Result<Self, Problem> {
        authorize(parts, deps, Scope::Publish).await.map(Self)
    }
}

async fn authorize(parts: &mut Parts, deps: &Deps, needed: Scope) -> Result<TenantId, Problem> {
    // Only publishing is worth a key that is remembered: it is the busy route,
    // and what a revoked key can do there for some seconds leaves nothing behind.
    let freshness = if needed == Scope::Publish { Freshness::Remembered } else { Freshness::Now };
    let caller = authenticate(&parts.headers, deps, freshness).await?;
    let params = RawPathParams::from_request_parts(parts, deps).await.map_err(|_| Problem::not_found("tenant"))?;
    let tenant: TenantId = segment(&params, "tenant", "tenant")?;
    match caller {
        Caller::Operator => match deps.tenants.get(&tenant).await? {
            Some(_) => Ok(tenant),
            None => Err(Problem::not_found("tenant")),
        },
        // The same answer as for a tenant that does not exist.
        Caller::Key(key) if key.tenant != tenant => Err(Problem::not_found("tenant")),
        Caller::Key(key) if key.scope == Scope::Publish && needed != Scope::Publish => {
            Err(Problem::new(StatusCode::FORBIDDEN, "this key may only publish events"))
        }
        Caller::Key(_) => Ok(tenant),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Freshness {
    Now,
    Remembered,
}

async fn authenticate(headers: &HeaderMap, deps: &Deps, freshness: Freshness) -> Result<Caller, Problem> {
    let unknown = || Problem::new(StatusCode::UNAUTHORIZED, "the key is not known");
    let Some((user, token)) = credentials(headers) else {
        return Err(Problem::new(
            StatusCode::UNAUTHORIZED,
            "expected `Authorization: Bearer <key>`, or HTTP Basic with tenant and key",
        ));
    };
    if deps.operator.matches(&token) {
        return Ok(Caller::Operator);
    }
    let (tenant, id) = parse_token(&token).ok_or_else(unknown)?;
    if user.is_some_and(|user| user != tenant.as_str()) {
        return Err(unknown());
    }
    let now = deps.clock.now();
    let remembered = match freshness {
        Freshness::Remembered => deps.key_cache.get(id, now),
        Freshness::Now => None,
    };
    let key = match remembered {
        Some(key) => Some(key),
        None => {
            let key = deps.keys.get(&tenant, id).await?;
            key.inspect(|key| deps.key_cache.put(key, now))
        }
    };
    key.filter(|key| key.tenant == tenant && key.hash.matches(&token)).map(Caller::Key).ok_or_else(unknown)
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
