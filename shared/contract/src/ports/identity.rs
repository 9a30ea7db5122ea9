use std::sync::Arc;

use async_trait::async_trait;

use super::StoreResult;
use domain::identity::Identity;

/// The keys of the deployment itself, of which there is one set.
///
/// - What is put is had again, with its secrets open, and is stored sealed.
/// - A put that is based on an older version is a conflict.
#[async_trait]
pub trait Identities: Send + Sync {
    /// None where none was made yet.
    async fn get(&self) -> StoreResult<Option<Arc<Identity>>>;
    /// Writes it if the stored version is one less than its own.
    async fn put(&self, identity: &Identity) -> StoreResult<()>;
}

/// Signs nothing, for who needs no identity.
pub struct NoIdentity;

#[async_trait]
impl Identities for NoIdentity {
    async fn get(&self) -> StoreResult<Option<Arc<Identity>>> {
        Ok(None)
    }

    async fn put(&self, _: &Identity) -> StoreResult<()> {
        Ok(())
    }
}
