use std::sync::Arc;

use async_trait::async_trait;

use super::{Listed, Page, StoreResult};
use domain::ids::{HookId, ReplayId, TenantId};
use domain::replay::Replay;

/// Replays, running and past.
///
/// - An update based on an older version is a conflict, and changes nothing.
/// - What was written is read back, at once.
/// - Pages are complete and in order of id, which is that of time.
/// - A replay is found under its own hook only.
#[async_trait]
pub trait Replays: Send + Sync {
    async fn create(&self, replay: &Replay) -> StoreResult<()>;
    async fn get(&self, tenant: &TenantId, hook: HookId, id: ReplayId) -> StoreResult<Option<Arc<Replay>>>;
    /// Writes `replay` if the stored version is one less than its own.
    async fn update(&self, replay: &Replay) -> StoreResult<()>;
    async fn list(
        &self,
        tenant: &TenantId,
        hook: HookId,
        limit: usize,
        cursor: Option<&str>,
    ) -> StoreResult<Page<Listed<Replay>>>;
    /// Whether it was there.
    async fn delete(&self, tenant: &TenantId, hook: HookId, id: ReplayId) -> StoreResult<bool>;
}
