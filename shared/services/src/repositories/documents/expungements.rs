use std::sync::Arc;

use ulid::Ulid;

use super::Collection;
use crate::repositories::document_kind::DocumentKind;
use contract::ports::{Documents, Listed, Page, StoreError, StoreResult, Unreadable};
use domain::expungement::Expungement;
use domain::ids::{ExpungementId, TenantId};

/// The expungements of each tenant, in order of time.
pub struct StoredExpungements(Collection<Expungement>);

fn partition(tenant: &TenantId) -> String {
    DocumentKind::Expungements.partition(&[tenant.as_str()])
}

/// Its documents go by less than its id.
fn named(unreadable: Unreadable) -> Unreadable {
    let id = Ulid::from_string(&unreadable.id).map(|id| ExpungementId(id).to_string());
    Unreadable { id: id.unwrap_or(unreadable.id), ..unreadable }
}

impl StoredExpungements {
    pub fn new(documents: Arc<dyn Documents>) -> Self {
        Self(Collection::new(documents))
    }

    pub async fn create(&self, expungement: &Expungement) -> StoreResult<()> {
        self.0.put(&partition(&expungement.tenant), &expungement.id.0.to_string(), 1, expungement).await
    }

    pub async fn get(&self, tenant: &TenantId, id: ExpungementId) -> StoreResult<Option<Arc<Expungement>>> {
        let found = self.0.get(&partition(tenant), &id.0.to_string()).await;
        found.map_err(|error| match error {
            StoreError::Unreadable(unreadable) => named(unreadable).into(),
            other => other,
        })
    }

    /// Writes it if the stored version is one less than its own.
    pub async fn update(&self, expungement: &Expungement) -> StoreResult<()> {
        let name = expungement.id.0.to_string();
        self.0.put(&partition(&expungement.tenant), &name, expungement.version, expungement).await
    }

    pub async fn list(
        &self,
        tenant: &TenantId,
        limit: usize,
        cursor: Option<&str>,
    ) -> StoreResult<Page<Listed<Expungement>>> {
        let Page { items, next } = self.0.page(&partition(tenant), limit, cursor).await?;
        Ok(Page { items: items.into_iter().map(|row| row.map_err(named)).collect(), next })
    }

    /// Whether it was there.
    pub async fn delete(&self, tenant: &TenantId, id: ExpungementId) -> StoreResult<bool> {
        self.0.delete(&partition(tenant), &id.0.to_string()).await
    }

    /// Deletes all of a tenant.
    pub async fn clear(&self, tenant: &TenantId) -> StoreResult<()> {
        for row in self.0.all(&partition(tenant)).await? {
            let id = row.map_or_else(|row| row.id, |expungement| expungement.id.0.to_string());
            self.0.delete(&partition(tenant), &id).await?;
        }
        Ok(())
    }
}
