use std::sync::Arc;

use async_trait::async_trait;
use ulid::Ulid;

use super::Collection;
use crate::repositories::document_kind::DocumentKind;
use contract::ports::{Documents, Listed, Page, Replays, StoreError, StoreResult, Unreadable};
use domain::ids::{HookId, ReplayId, TenantId};
use domain::replay::Replay;

pub struct StoredReplays(Collection<Replay>);

impl StoredReplays {
    pub fn new(documents: Arc<dyn Documents>) -> Self {
        Self(Collection::new(documents))
    }
}

fn partition(tenant: &TenantId, hook: HookId) -> String {
    DocumentKind::Replays.partition(&[tenant.as_str(), &hook.0.to_string()])
}

/// Its documents go by less than its id.
fn named(unreadable: Unreadable) -> Unreadable {
    let id = Ulid::from_string(&unreadable.id).map(|id| ReplayId(id).to_string());
    Unreadable { id: id.unwrap_or(unreadable.id), ..unreadable }
}

#[async_trait]
impl Replays for StoredReplays {
    async fn create(&self, replay: &Replay) -> StoreResult<()> {
        self.0.put(&partition(&replay.tenant, replay.hook), &replay.id.0.to_string(), 1, replay).await
    }

    async fn get(&self, tenant: &TenantId, hook: HookId, id: ReplayId) -> StoreResult<Option<Arc<Replay>>> {
        let found = self.0.get(&partition(tenant, hook), &id.0.to_string()).await;
        found.map_err(|error| match error {
            StoreError::Unreadable(unreadable) => named(unreadable).into(),
            other => other,
        })
    }

    async fn update(&self, replay: &Replay) -> StoreResult<()> {
        let partition = partition(&replay.tenant, replay.hook);
        self.0.put(&partition, &replay.id.0.to_string(), replay.version, replay).await
    }

    async fn list(
        &self,
        tenant: &TenantId,
        hook: HookId,
        limit: usize,
        cursor: Option<&str>,
    ) -> StoreResult<Page<Listed<Replay>>> {
        let Page { items, next } = self.0.page(&partition(tenant, hook), limit, cursor).await?;
        Ok(Page { items: items.into_iter().map(|row| row.map_err(named)).collect(), next })
    }

    async fn delete(&self, tenant: &TenantId, hook: HookId, id: ReplayId) -> StoreResult<bool> {
        self.0.delete(&partition(tenant, hook), &id.0.to_string()).await
    }
}
