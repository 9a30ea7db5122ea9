use std::sync::Arc;

use async_trait::async_trait;

use super::{Listed, Page, PlacedDocument, StoreError, StoreResult};
use domain::hook::{Hook, Subscription};
use domain::ids::{EventType, HookId, TenantId};

/// How many former versions are kept of anything that makes requests.
pub const KEPT_REVISIONS: u64 = 100;
/// The most bytes of former versions that are kept of one hook, as rows. They are
/// for the log, which shows requests of then; what is sent is never made of them.
pub const KEPT_REVISION_BYTES: usize = 512 * 1024;

/// Of a row of this size so small that their number alone bounds them, and
/// nobody has to look at the others to keep within the bound: half of it is for
/// these and half for larger ones.
pub fn is_small_revision(bytes: usize) -> bool {
    bytes <= KEPT_REVISION_BYTES / 2 / usize::try_from(KEPT_REVISIONS).unwrap_or(usize::MAX)
}

/// How many stay of former versions of these sizes, the newest first, when the
/// newest is not small. That one stays in any case.
pub fn kept_revisions(sizes: &[usize]) -> usize {
    let room = KEPT_REVISION_BYTES / 2;
    let ends = sizes.iter().scan(0_usize, |end, size| {
        *end = end.saturating_add(*size);
        Some(*end)
    });
    let most = usize::try_from(KEPT_REVISIONS).unwrap_or(usize::MAX);
    ends.take(most).take_while(|end| *end <= room).count().max(1)
}
layered! {
    /// Hooks and, in the same write, their subscription rows.
    ///
    /// - A hook is found under its own tenant only.
    /// - Creating a hook that exists is a conflict.
    /// - An update based on an older version is a conflict, and changes nothing.
    /// - An update moves the subscription rows with the hook: a pattern that was
    ///   dropped matches no more, one that was added matches.
    /// - Documents that are written beside an update are written with it or not at all: one that
    ///   is a conflict makes a conflict of the update.
    /// - Pages are complete and in order of id.
    /// - A deleted hook is gone and matches nothing; deleting one that is not there
    ///   says so, and one that is another version by now is not deleted.
    /// - The last [`KEPT_REVISIONS`] former versions of a hook can be read, until they
    ///   are forgotten. Of large ones only as many are kept, the newest first, as take
    ///   [`KEPT_REVISION_BYTES`] together, and one in any case.
    /// - A hook that cannot be read hides no other, and can be deleted.
    /// - However many hooks are created at once, a tenant never gets more than the
    ///   most it is allowed; deleting one makes room.
    pub trait Hooks, HooksLayer {
        /// [`StoreError::LimitReached`](super::StoreError::LimitReached) when the
        /// tenant has `most` hooks or more.
        async fn create_within(&self, hook: &Hook, most: u32) -> StoreResult<()>;
        /// May be a few seconds old where the adapter caches.
        async fn get(&self, tenant: &TenantId, id: HookId) -> StoreResult<Option<Arc<Hook>>>;
        /// Writes `new` in the place of `old`, if `old` is still what is stored, and `beside` in
        /// the same transaction, as [`Documents::put`](super::Documents::put) writes them.
        async fn update_with(&self, old: &Hook, new: &Hook, beside: &[PlacedDocument]) -> StoreResult<()>;
        async fn list(&self, tenant: &TenantId, limit: usize, cursor: Option<&str>) -> StoreResult<Page<Listed<Hook>>>;
        /// Whether it was there. Of a `version`, it is a conflict where another one is stored; of any, it
        /// need not be one that can be read.
        async fn delete(&self, tenant: &TenantId, id: HookId, version: Option<u64>) -> StoreResult<bool>;
        /// The hook as it was at this version; none when that is too long ago.
        async fn revision(&self, tenant: &TenantId, id: HookId, version: u64) -> StoreResult<Option<Hook>>;
        /// Forgets the former versions of a hook that was deleted.
        async fn forget(&self, tenant: &TenantId, id: HookId) -> StoreResult<()>;
    }
}

impl dyn Hooks + '_ {
    pub async fn create(&self, hook: &Hook) -> StoreResult<()> {
        self.create_within(hook, u32::MAX).await
    }

    /// Writes `new` in the place of `old`, if `old` is still what is stored.
    pub async fn update(&self, old: &Hook, new: &Hook) -> StoreResult<()> {
        self.update_with(old, new, &[]).await
    }

    /// Whether there is such a hook, be it one that can be read or not.
    pub async fn exists(&self, tenant: &TenantId, id: HookId) -> StoreResult<bool> {
        match self.get(tenant, id).await {
            Ok(found) => Ok(found.is_some()),
            Err(StoreError::Unreadable(_)) => Ok(true),
            Err(error) => Err(error),
        }
    }
}

/// A hook that asked for an event's type. Channels are the caller's to compare.
pub type Match = Subscription;

/// Which hooks ask for an event type.
///
/// - Finds every hook with the exact type, a `prefix.*` of it or `*`, once each.
/// - Reads the rows that match and no others, however many hooks there are.
/// - Pages are complete; a page may be shorter than its limit, and only the
///   last one has no `next`.
/// - A row that cannot be read hides no other.
/// - Another tenant's hooks are never found.
#[async_trait]
pub trait Subscriptions: Send + Sync {
    async fn matching(
        &self,
        tenant: &TenantId,
        event_type: &EventType,
        limit: usize,
        cursor: Option<&str>,
    ) -> StoreResult<Page<Listed<Match>>>;
}
