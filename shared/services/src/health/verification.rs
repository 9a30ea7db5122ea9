//! Whether endpoints have verified themselves, and the few requests that they get until then: of each hook, and of
//! all hooks of a tenant with its host together, those that were deleted included.

use std::sync::Arc;

use crate::health::hook_health::HookHealth;
use crate::repositories::audit::Deed;
use crate::repositories::document_kind::DocumentKind;
use contract::ports::{Document, Documents, StoreError, StoreResult};
use contract::rows;
use contract::stage::causes;
use domain::health::{Admission, Health};
use domain::hook::Hook;
use domain::ids::TenantId;
use domain::rate::Limit;
use domain::settings::Verification;
use domain::time::Timestamp;
use domain::unverified::{Crowded, Exhausted, UnverifiedHosts};

/// Of several who change it at once, one gets through each time.
const TRIES: usize = 16;
const PARTITION: &str = DocumentKind::UnverifiedHosts.name();

/// What was found when a request was to be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// The endpoint has verified itself meanwhile; nothing was taken.
    Verified,
    Taken,
    /// The hook has had its own.
    HookExhausted {
        until: Timestamp,
    },
    Exhausted(Exhausted),
}

impl Turn {
    /// When to ask again, where there is no request.
    pub fn not_before(self) -> Option<Timestamp> {
        match self {
            Self::Verified | Self::Taken => None,
            Self::HookExhausted { until }
            | Self::Exhausted(Exhausted::Host { until, .. } | Exhausted::Tenant { until }) => Some(until),
        }
    }
}

/// A document for each tenant, which its own size bounds.
pub struct StoredUnverifiedHosts(Arc<dyn Documents>);

impl StoredUnverifiedHosts {
    /// `documents` that nothing else caches.
    pub fn new(documents: Arc<dyn Documents>) -> Self {
        Self(documents)
    }

    pub async fn get(&self, tenant: &TenantId) -> StoreResult<UnverifiedHosts> {
        Ok(self.read(tenant).await?.1)
    }

    async fn change<R>(&self, tenant: &TenantId, change: impl Fn(&mut UnverifiedHosts) -> R) -> StoreResult<R> {
        for _ in 0..TRIES {
            let (version, known) = self.read(tenant).await?;
            let mut hosts = known.clone();
            let result = change(&mut hosts);
            if hosts == known {
                return Ok(result);
            }
            let body = serde_json::to_string(&hosts).map_err(|error| StoreError::Corrupt(error.into()))?;
            let document = Document { name: tenant.to_string(), version: version + 1, body };
            match self.0.put(PARTITION, &document).await {
                Ok(()) => return Ok(result),
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error),
            }
        }
        Err(StoreError::Conflict)
    }

    /// What cannot be read begins anew: nothing that a hook gets may depend on a row that only counts.
    async fn read(&self, tenant: &TenantId) -> StoreResult<(u64, UnverifiedHosts)> {
        let document = match self.0.get(PARTITION, tenant.as_str()).await {
            Err(StoreError::Unreadable(unreadable)) => {
                tell_lost(tenant, &unreadable.to_string());
                self.0.delete(PARTITION, tenant.as_str()).await?;
                None
            }
            other => other?,
        };
        let Some(document) = document else { return Ok((0, UnverifiedHosts::default())) };
        let hosts = rows::from_json(document.body.as_bytes()).unwrap_or_else(|error: StoreError| {
            tell_lost(tenant, &causes(&error).to_string());
            UnverifiedHosts::default()
        });
        Ok((document.version, hosts))
    }

    /// Of a tenant that was deleted nothing is kept.
    pub async fn clear(&self, tenant: &TenantId) -> StoreResult<()> {
        self.0.delete(PARTITION, tenant.as_str()).await.map(drop)
    }
}

fn tell_lost(tenant: &TenantId, error: &str) {
    tracing::error!(
        tenant.id = %tenant,
        error,
        "what tenant {tenant} has sent to hosts that are not verified cannot be read and begins anew"
    );
}

/// None of a URL that nothing can be sent to.
fn authority(hook: &Hook) -> Option<String> {
    hook.destination().ok()?.authority()
}

impl HookHealth {
    /// The endpoint has returned its key.
    pub async fn verified(&self, hook: &Hook, at: Timestamp) {
        if let Err(error) = self.note_verified(hook, |health| health.verify(at, &hook.url), None).await {
            let (tenant, id) = (&hook.tenant, hook.id);
            tracing::warn!(tenant.id = %tenant, hook.id = %id, error = %causes(&error), "the verification of hook {id} was not written down");
        }
    }

    /// The endpoint has said that it may be sent so many requests a minute, or any number. False where the
    /// hook has moved to another one since.
    pub async fn granted(&self, hook: &Hook, at: Timestamp, per_minute: Option<u32>) -> StoreResult<bool> {
        let allowed = Limit { per_second: None, per_minute };
        let (tenant, id) = (&hook.tenant, hook.id);
        let grant = |health: &mut Health| health.grant(at, &hook.url, per_minute);
        let is_noted = self.note_verified(hook, grant, Some(format!("the endpoint allows {allowed}"))).await?;
        if is_noted {
            tracing::info!(tenant.id = %tenant, hook.id = %id, "the endpoint of hook {id} allows {allowed}");
        }
        Ok(is_noted)
    }

    /// The same, and takes one of those requests; or says when there is one to take.
    pub async fn take_granted(
        &self,
        hook: &Hook,
        at: Timestamp,
        per_minute: Option<u32>,
    ) -> StoreResult<Option<Timestamp>> {
        self.granted(hook, at, per_minute).await?;
        let (tenant, id, now) = (&hook.tenant, hook.id, self.clock.now());
        let Some(limit) = (Limit { per_second: None, per_minute }).some() else { return Ok(None) };
        // Asked first: who waits takes no turn, since it takes one when it comes back.
        match self.rates.waits_until(tenant, id, now, limit).await? {
            None => self.rates.take(tenant, id, now, limit, false).await,
            turn => Ok(turn),
        }
    }

    async fn note_verified(
        &self,
        hook: &Hook,
        verify: impl Fn(&mut Health),
        detail: Option<String>,
    ) -> StoreResult<bool> {
        let (tenant, id) = (&hook.tenant, hook.id);
        // Another endpoint than the one that has returned the key. Should it move
        // just now, what is noted says which one it was.
        if self.hooks.get(tenant, id).await?.is_none_or(|stored| stored.url != hook.url) {
            return Ok(false);
        }
        let newly = |health: &mut Health| (health.verified_at(&hook.url).is_none(), verify(health)).0;
        if self.circuits.health.change(tenant, id, newly).await?.0 {
            self.note_verified_host(hook, self.clock.now()).await;
        }
        self.audit.note(tenant, id, Deed::by_itself("verified", detail)).await?;
        Ok(true)
    }

    /// Takes one of the requests that an endpoint gets which has not verified itself.
    pub async fn take_unverified(
        &self,
        hook: &Hook,
        verification: &Verification,
        now: Timestamp,
        crowded: Crowded,
    ) -> StoreResult<Turn> {
        let (tenant, id) = (&hook.tenant, hook.id);
        let health = self.health(tenant, id).await?;
        if health.verified_at(&hook.url).is_some() {
            return Ok(Turn::Verified);
        }
        // Asked of a copy, so that what the hook does not get takes none of its host's.
        let asked = Health::clone(&health).take_unverified(now, verification);
        if let Admission::NotBefore(until) = asked {
            return Ok(Turn::HookExhausted { until });
        }
        if let Some(authority) = authority(hook) {
            let take = |hosts: &mut UnverifiedHosts| hosts.take(&authority, verification.per_hour, now, crowded);
            if let Err(exhausted) = self.unverified.change(tenant, take).await? {
                return Ok(Turn::Exhausted(exhausted));
            }
        }
        let take = |health: &mut Health| health.take_unverified(now, verification);
        Ok(match self.circuits.health.change(tenant, id, take).await? {
            (Admission::NotBefore(until), _) => Turn::HookExhausted { until },
            (Admission::Go | Admission::Probe, _) => Turn::Taken,
        })
    }

    /// When the host of a hook gets another request, where it has had all for now; nothing is taken.
    pub async fn host_exhausted_until(
        &self,
        hook: &Hook,
        verification: &Verification,
        now: Timestamp,
    ) -> StoreResult<Option<Timestamp>> {
        let Some(authority) = authority(hook) else { return Ok(None) };
        let mut hosts = self.unverified.get(&hook.tenant).await?;
        let taken = hosts.take(&authority, verification.per_hour, now, Crowded::Forget);
        Ok(taken.err().and_then(|exhausted| Turn::Exhausted(exhausted).not_before()))
    }

    /// The endpoint of a hook has verified itself. Without this its host only gets fewer requests.
    async fn note_verified_host(&self, hook: &Hook, now: Timestamp) {
        let Some(authority) = authority(hook) else { return };
        if let Err(error) = self.unverified.change(&hook.tenant, |hosts| hosts.verify(&authority, now)).await {
            let (tenant, id) = (&hook.tenant, hook.id);
            tracing::warn!(tenant.id = %tenant, hook.id = %id, error = %causes(&error), "that the host of hook {id} has verified itself was not written down");
        }
    }
}
