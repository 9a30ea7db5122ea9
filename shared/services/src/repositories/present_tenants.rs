//! Events and activity of the tenants that there are now: what is left of a
//! former tenant of the same id counts as absent until it is deleted.

use std::sync::Arc;

use async_trait::async_trait;

use contract::ports::{
    ActivityLog, ActivityLogLayer, ActivityRange, ActivityRows, EventRef, Events, EventsLayer, Order, Recorded,
    StoreError, StoreResult, Tenants,
};
use domain::counts::HourCounts;
use domain::event::{Event, FanoutPage};
use domain::ids::{ActivityId, EventId, TenantId};
use domain::tenant::Tenant;
use domain::time::{Hour, Timestamp};

pub struct PresentEvents {
    stored: Arc<dyn Events>,
    tenants: Arc<dyn Tenants>,
}

impl PresentEvents {
    pub fn new(stored: Arc<dyn Events>, tenants: Arc<dyn Tenants>) -> Self {
        Self { stored, tenants }
    }

    /// Makes way for an event whose id a former tenant has used. Whether there was such a one.
    async fn make_way(&self, tenant: &TenantId, id: &EventId) -> StoreResult<bool> {
        let stored = match self.stored.get(tenant, id).await {
            Ok(Some(stored)) => stored,
            Ok(None) | Err(StoreError::Unreadable(_)) => return Ok(false),
            Err(error) => return Err(error),
        };
        if !is_former(self.tenants.as_ref(), tenant, stored.seq.at()).await? {
            return Ok(false);
        }
        self.stored.delete(tenant, &EventRef { seq: stored.seq, id: id.clone() }).await?;
        Ok(true)
    }
}

async fn is_former(tenants: &dyn Tenants, tenant: &TenantId, published_at: Timestamp) -> StoreResult<bool> {
    Ok(present(tenants, tenant).await?.is_some_and(|tenant| tenant.succeeds(published_at)))
}

async fn present(tenants: &dyn Tenants, id: &TenantId) -> StoreResult<Option<Arc<Tenant>>> {
    match tenants.get(id).await {
        // Whose something is cannot be told then, and nobody can look.
        Err(StoreError::Unreadable(_)) => Ok(None),
        found => found,
    }
}

#[async_trait]
impl EventsLayer for PresentEvents {
    fn below(&self) -> &dyn Events {
        self.stored.as_ref()
    }

    async fn record(&self, event: &Event, page: &FanoutPage) -> StoreResult<Recorded<(Event, FanoutPage)>> {
        match self.stored.record(event, page).await? {
            Recorded::Duplicate if self.make_way(&event.tenant, &event.id).await? => {
                self.stored.record(event, page).await
            }
            recorded => Ok(recorded),
        }
    }

    async fn get(&self, tenant: &TenantId, id: &EventId) -> StoreResult<Option<Event>> {
        match self.stored.get(tenant, id).await? {
            Some(event) if is_former(self.tenants.as_ref(), tenant, event.seq.at()).await? => Ok(None),
            found => Ok(found),
        }
    }

    async fn expired_at(&self, tenant: &TenantId, id: &EventId) -> StoreResult<Option<Timestamp>> {
        match self.stored.expired_at(tenant, id).await? {
            Some(at) if is_former(self.tenants.as_ref(), tenant, at).await? => Ok(None),
            at => Ok(at),
        }
    }
}

pub struct PresentActivity {
    stored: Arc<dyn ActivityLog>,
    tenants: Arc<dyn Tenants>,
}

impl PresentActivity {
    pub fn new(stored: Arc<dyn ActivityLog>, tenants: Arc<dyn Tenants>) -> Self {
        Self { stored, tenants }
    }

    async fn tenant(&self, id: &TenantId) -> StoreResult<Option<Arc<Tenant>>> {
        present(self.tenants.as_ref(), id).await
    }
}

fn is_of_former(tenant: &Tenant, counts: &HourCounts) -> bool {
    counts.counted_to.is_some_and(|to| tenant.succeeds(to.at()))
}

#[async_trait]
impl ActivityLogLayer for PresentActivity {
    fn below(&self) -> &dyn ActivityLog {
        self.stored.as_ref()
    }

    /// A former tenant's deliveries end after it, so that their events tell whose they are.
    async fn list(
        &self,
        tenant: &TenantId,
        range: ActivityRange,
        order: Order,
        limit: usize,
    ) -> StoreResult<ActivityRows> {
        let mut found = self.stored.list(tenant, range, order, limit).await?;
        if found.rows.is_empty() {
            return Ok(found);
        }
        if let Some(tenant) = self.tenant(tenant).await? {
            for (_, entries) in &mut found.rows {
                if let Ok(entries) = entries {
                    entries.retain(|entry| !tenant.succeeds(entry.event.at()));
                }
            }
            found.rows.retain(|(id, entries)| entries.is_ok() || !tenant.succeeds(id.at()));
        }
        Ok(found)
    }

    async fn counts(&self, tenant: &TenantId, since: Hour, until: Hour) -> StoreResult<Vec<(Hour, HourCounts)>> {
        let mut found = self.stored.counts(tenant, since, until).await?;
        if let Some(tenant) = self.tenant(tenant).await? {
            found.retain(|(_, counts)| !is_of_former(&tenant, counts));
        }
        Ok(found)
    }

    async fn put_counts(
        &self,
        tenant: &TenantId,
        hour: Hour,
        counts: &HourCounts,
        expected: Option<ActivityId>,
        expires_at: Timestamp,
    ) -> StoreResult<()> {
        let put = async |expected| self.stored.put_counts(tenant, hour, counts, expected, expires_at).await;
        match put(expected).await {
            // Those that are there may be a former tenant's, whom the writer was not told of.
            Err(StoreError::Conflict) if expected.is_none() => {
                let stored = self.stored.counts(tenant, hour, hour).await?.pop();
                match (self.tenant(tenant).await?, stored) {
                    (Some(tenant), Some((_, stored))) if is_of_former(&tenant, &stored) => put(stored.counted_to).await,
                    _ => Err(StoreError::Conflict),
                }
            }
            done => done,
        }
    }
}
