use std::sync::Arc;

use super::Collection;
use crate::repositories::document_kind::DocumentKind;
use contract::ports::{Documents, StoreResult};
use domain::advice::AdvisorSettings;
use domain::ids::TenantId;

/// What each tenant asks of the advisor.
pub struct StoredAdvisors(Collection<AdvisorSettings>);

const PARTITION: &str = DocumentKind::Advisors.name();

impl StoredAdvisors {
    pub fn new(documents: Arc<dyn Documents>) -> Self {
        Self(Collection::new(documents))
    }

    /// The usual where it never asked for anything.
    pub async fn get(&self, tenant: &TenantId) -> StoreResult<AdvisorSettings> {
        let found = self.0.get(PARTITION, tenant.as_str()).await?;
        Ok(found.map(|settings| AdvisorSettings::clone(&settings)).unwrap_or_default())
    }

    /// Writes them if the stored version is one less than theirs.
    pub async fn put(&self, tenant: &TenantId, settings: &AdvisorSettings) -> StoreResult<()> {
        self.0.put(PARTITION, tenant.as_str(), settings.version, settings).await
    }

    pub async fn clear(&self, tenant: &TenantId) -> StoreResult<()> {
        self.0.delete(PARTITION, tenant.as_str()).await.map(drop)
    }
}
