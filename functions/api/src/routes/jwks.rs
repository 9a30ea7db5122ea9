//! The public keys that verify a tenant's requests.
//!
//! No key is asked for, so that a receiver needs to know this address and nothing else. It shows what
//! every receiver of these requests has anyway, and a tenant that does not exist is answered as one
//! without keys. A look at all hooks of a tenant is not for anybody to ask for at will: what was found
//! holds for some seconds.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use contract::ports::{ClockReading, StoreResult};
use domain::ids::TenantId;
use domain::secret::jwk::Jwk;
use quick_cache::sync::Cache;
use serde::Serialize;
use utoipa::ToSchema;

use crate::Deps;
use crate::input::{Segments, segment};
use crate::problem::Problem;

/// What a receiver may keep: a new key signs beside the former one for longer, unless that was ended
/// at once.
const CACHE_CONTROL: &str = "public, max-age=300";
const FOUND_FOR: Duration = Duration::from_secs(5);
/// Tenants whose keys are remembered.
const REMEMBERED: usize = 1_024;
const READ_AT_ONCE: usize = 200;

#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub(crate) struct JsonWebKeySet {
    keys: Vec<Jwk>,
}

impl JsonWebKeySet {
    pub(super) fn of(keys: Vec<Jwk>) -> Self {
        Self { keys }
    }
}

/// The keys of tenants, as they were found last.
#[derive(Clone)]
pub struct PublicKeys(Arc<Cache<TenantId, Found>>);

#[derive(Clone)]
struct Found {
    at: ClockReading,
    document: Arc<str>,
}

impl Default for PublicKeys {
    fn default() -> Self {
        Self(Arc::new(Cache::new(REMEMBERED)))
    }
}

impl PublicKeys {
    async fn of(&self, deps: &Deps, tenant: &TenantId) -> StoreResult<Arc<str>> {
        let now = deps.clock.read();
        if self.0.get(tenant).is_some_and(|found| now.age_of(found.at) >= FOUND_FOR) {
            self.0.remove(tenant);
        }
        // Many that ask at the same time are one look.
        let look = async {
            let document = serde_json::to_string(&find(deps, tenant).await?).unwrap_or_default();
            StoreResult::Ok(Found { at: now, document: document.into() })
        };
        Ok(self.0.get_or_insert_async(tenant, look).await?.document)
    }
}

async fn find(deps: &Deps, tenant: &TenantId) -> StoreResult<JsonWebKeySet> {
    let mut keys: Vec<Jwk> = Vec::new();
    if deps.tenants.get(tenant).await?.is_none() {
        return Ok(JsonWebKeySet::default());
    }
    let (now, mut cursor) = (deps.clock.now(), None);
    loop {
        let page = deps.hooks.list(tenant, READ_AT_ONCE, cursor.as_deref()).await?;
        // One that cannot be read signs nothing either.
        for hook in page.items.into_iter().flatten() {
            keys.extend(hook.live_secrets(now).into_iter().filter_map(Jwk::of));
        }
        match page.next {
            Some(next) => cursor = Some(next),
            None => break,
        }
    }
    // In an order that tells nothing of hooks; some may share a key.
    keys.sort_by(|one, two| one.kid.cmp(&two.kid));
    keys.dedup();
    Ok(JsonWebKeySet { keys })
}

/// The public keys of a tenant's hooks
///
/// A JSON Web Key Set of the keys that sign with `v1a` now, those being rotated out among them. It needs
/// no key, and is empty for a tenant that there is not.
#[utoipa::path(get, path = "/v1/tenants/{tenant}/.well-known/jwks.json", operation_id = "jwks.get", tag = "hooks", security(()),
    params(("tenant" = String, Path)), responses(
    (status = 200, body = JsonWebKeySet, content_type = "application/jwk-set+json"),
    (status = 503, description = "Not now; try again after `Retry-After` seconds")
))]
pub(crate) async fn jwks(State(deps): State<Arc<Deps>>, params: Segments) -> Result<impl IntoResponse, Problem> {
    let tenant: TenantId = segment(&params, "tenant", "tenant")?;
    let document = deps.public_keys.of(&deps, &tenant).await?;
    let headers = [(header::CONTENT_TYPE, "application/jwk-set+json"), (header::CACHE_CONTROL, CACHE_CONTROL)];
    Ok((headers, document.to_string()))
}
