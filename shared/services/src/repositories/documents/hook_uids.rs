use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Collection;
use crate::repositories::document_kind::DocumentKind;
use contract::ports::{Documents, StoreResult};
use domain::ids::{HookId, HookUid, TenantId};
use domain::time::Timestamp;
use domain::unknown::{Unknown, keeps_unknown};

/// Which hook has a uid, or was about to have it when this was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct UidHolder {
    pub hook: HookId,
    pub at: Timestamp,
    /// Counts writes, so that two who take a uid cannot overwrite each other.
    pub version: u64,
    #[serde(skip)]
    pub unknown: Unknown,
}

keeps_unknown!(UidHolder);

/// Who holds the uids of each tenant's hooks.
pub struct StoredHookUids(Collection<UidHolder>);

fn partition(tenant: &TenantId) -> String {
    DocumentKind::HookUids.partition(&[tenant.as_str()])
}

impl StoredHookUids {
    pub fn new(documents: Arc<dyn Documents>) -> Self {
        Self(Collection::new(documents))
    }

    pub async fn get(&self, tenant: &TenantId, uid: &HookUid) -> StoreResult<Option<Arc<UidHolder>>> {
        self.0.get(&partition(tenant), uid.as_str()).await
    }

    /// Writes it if the stored version is one less than its own, or there is none and this is the first.
    pub async fn put(&self, tenant: &TenantId, uid: &HookUid, holder: &UidHolder) -> StoreResult<()> {
        self.0.put(&partition(tenant), uid.as_str(), holder.version, holder).await
    }

    /// Whether it was there.
    pub async fn delete(&self, tenant: &TenantId, uid: &HookUid) -> StoreResult<bool> {
        self.0.delete(&partition(tenant), uid.as_str()).await
    }

    /// Deletes all of a tenant.
    pub async fn clear(&self, tenant: &TenantId) -> StoreResult<()> {
        let partition = partition(tenant);
        for name in self.0.names(&partition).await? {
            self.0.delete(&partition, &name).await?;
        }
        Ok(())
    }
}
