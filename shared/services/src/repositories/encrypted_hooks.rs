//! Hooks whose secrets are sealed in the store and open everywhere else.

use std::sync::Arc;

use async_trait::async_trait;
use futures::{StreamExt as _, TryStreamExt as _};
use quick_cache::sync::Cache;

use crate::secrets::envelope::{EnvelopeCipher, EnvelopeError};
use contract::ports::{Hooks, HooksLayer, Listed, OfRow as _, Page, PlacedDocument, StoreError, StoreResult};
use domain::hook::Hook;
use domain::ids::{HookId, TenantId};

/// Opened hooks that are kept, as many as the embedded store keeps parsed.
const KEPT: usize = 4_096;
/// Hooks of a page that are opened at once: each may need a key of its own.
const OPENED_AT_ONCE: usize = 16;

/// Seals secrets on their way into a store of hooks and opens them on their way
/// out. A seal is bound to tenant and hook, so a row that was copied to another
/// hook does not open there.
///
/// A stage that needs no secret reads the store without this and needs no right
/// to any key. What is opened stays open in this process until its row changes.
pub struct EncryptedHooks {
    inner: Arc<dyn Hooks>,
    cipher: Arc<EnvelopeCipher>,
    kept: Cache<HookId, Kept>,
}

/// A hook as it was read and as it was opened.
#[derive(Clone)]
struct Kept {
    tenant: TenantId,
    sealed: Arc<Hook>,
    opened: Arc<Hook>,
}

impl EncryptedHooks {
    pub fn new(inner: Arc<dyn Hooks>, cipher: Arc<EnvelopeCipher>) -> Self {
        Self { inner, cipher, kept: Cache::new(KEPT) }
    }

    async fn sealed(&self, hook: &Hook) -> Result<Hook, EnvelopeError> {
        let mut sealed = hook.clone();
        self.cipher.seal_all(&owner(&hook.tenant, hook.id), &mut sealed).await?;
        Ok(sealed)
    }

    async fn opened(&self, tenant: &TenantId, id: HookId, mut hook: Hook) -> StoreResult<Hook> {
        self.cipher.open_all(&owner(tenant, id), &mut hook).await.map_err(StoreError::from).of_row(id)?;
        Ok(hook)
    }
}

/// Neither part can hold a slash.
fn owner(tenant: &TenantId, hook: HookId) -> String {
    format!("hook/{tenant}/{hook}")
}

#[async_trait]
impl HooksLayer for EncryptedHooks {
    fn below(&self) -> &dyn Hooks {
        self.inner.as_ref()
    }

    async fn create_within(&self, hook: &Hook, most: u32) -> StoreResult<()> {
        self.inner.create_within(&self.sealed(hook).await?, most).await
    }

    async fn get(&self, tenant: &TenantId, id: HookId) -> StoreResult<Option<Arc<Hook>>> {
        let Some(sealed) = self.inner.get(tenant, id).await? else { return Ok(None) };
        // A store that caches hands out the same hook again and again; one that
        // does not, an equal one. Both cost no cryptography while nothing changed.
        let opened = match self.kept.get(&id).filter(|kept| kept.tenant == *tenant) {
            Some(kept) if Arc::ptr_eq(&kept.sealed, &sealed) => return Ok(Some(kept.opened)),
            Some(kept) if kept.sealed == sealed => kept.opened,
            // Apart, because it is large and hardly ever needed.
            _ => Arc::new(Box::pin(self.opened(tenant, id, sealed.as_ref().clone())).await?),
        };
        self.kept.insert(id, Kept { tenant: tenant.clone(), sealed, opened: Arc::clone(&opened) });
        Ok(Some(opened))
    }

    async fn update_with(&self, old: &Hook, new: &Hook, beside: &[PlacedDocument]) -> StoreResult<()> {
        // Both: the store keeps the old one as a former version.
        self.inner.update_with(&self.sealed(old).await?, &self.sealed(new).await?, beside).await
    }

    async fn list(&self, tenant: &TenantId, limit: usize, cursor: Option<&str>) -> StoreResult<Page<Listed<Hook>>> {
        let Page { items, next } = self.inner.list(tenant, limit, cursor).await?;
        let opening = futures::stream::iter(items).map(async |hook| match hook {
            Ok(hook) => {
                let id = hook.id;
                self.opened(tenant, id, hook).await.listed(id)
            }
            Err(unreadable) => Ok(Err(unreadable)),
        });
        Ok(Page { items: opening.buffered(OPENED_AT_ONCE).try_collect().await?, next })
    }

    async fn delete(&self, tenant: &TenantId, id: HookId, version: Option<u64>) -> StoreResult<bool> {
        self.kept.remove(&id);
        self.inner.delete(tenant, id, version).await
    }

    async fn revision(&self, tenant: &TenantId, id: HookId, version: u64) -> StoreResult<Option<Hook>> {
        match self.inner.revision(tenant, id, version).await? {
            Some(sealed) => Ok(Some(self.opened(tenant, id, sealed).await?)),
            None => Ok(None),
        }
    }
}
