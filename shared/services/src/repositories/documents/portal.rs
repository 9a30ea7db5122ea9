use std::sync::Arc;

use async_trait::async_trait;

use super::Collection;
use crate::repositories::document_kind::DocumentKind;
use contract::ports::{Documents, Listed, Page, PortalLinks, PortalSessions, StoreError, StoreResult};
use domain::ids::{LinkId, SessionId, TenantId};
use domain::portal::{PortalLink, PortalSession};
use domain::time::Timestamp;

pub struct StoredPortalLinks(Collection<PortalLink>);

impl StoredPortalLinks {
    pub fn new(documents: Arc<dyn Documents>) -> Self {
        Self(Collection::new(documents))
    }
}

fn links(tenant: &TenantId) -> String {
    DocumentKind::PortalLinks.partition(&[tenant.as_str()])
}

#[async_trait]
impl PortalLinks for StoredPortalLinks {
    async fn create(&self, link: &PortalLink) -> StoreResult<()> {
        self.0.put(&links(&link.tenant), &link.id.to_string(), 1, link).await
    }

    async fn get(&self, tenant: &TenantId, id: LinkId) -> StoreResult<Option<Arc<PortalLink>>> {
        self.0.get(&links(tenant), &id.to_string()).await
    }

    /// A conditional write and no deletion: whether a deletion found its row cannot be told
    /// once it was tried twice.
    async fn claim(&self, link: &PortalLink, at: Timestamp) -> StoreResult<bool> {
        let used = PortalLink { used_at: Some(at), version: link.version + 1, ..link.clone() };
        match self.0.put(&links(&link.tenant), &link.id.to_string(), used.version, &used).await {
            Ok(()) => Ok(true),
            Err(StoreError::Conflict) => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn list(&self, tenant: &TenantId) -> StoreResult<Vec<Listed<PortalLink>>> {
        self.0.all(&links(tenant)).await
    }

    async fn delete(&self, tenant: &TenantId, id: LinkId) -> StoreResult<bool> {
        self.0.delete(&links(tenant), &id.to_string()).await
    }
}

pub struct StoredPortalSessions(Collection<PortalSession>);

impl StoredPortalSessions {
    pub fn new(documents: Arc<dyn Documents>) -> Self {
        Self(Collection::new(documents))
    }
}

fn sessions(tenant: &TenantId) -> String {
    DocumentKind::PortalSessions.partition(&[tenant.as_str()])
}

#[async_trait]
impl PortalSessions for StoredPortalSessions {
    async fn create(&self, session: &PortalSession) -> StoreResult<()> {
        self.0.put(&sessions(&session.tenant), &session.id.to_string(), 1, session).await
    }

    async fn get(&self, tenant: &TenantId, id: SessionId) -> StoreResult<Option<Arc<PortalSession>>> {
        self.0.get(&sessions(tenant), &id.to_string()).await
    }

    async fn update(&self, session: &PortalSession) -> StoreResult<()> {
        self.0.put(&sessions(&session.tenant), &session.id.to_string(), session.version, session).await
    }

    async fn list(
        &self,
        tenant: &TenantId,
        limit: usize,
        cursor: Option<&str>,
    ) -> StoreResult<Page<Listed<PortalSession>>> {
        self.0.page(&sessions(tenant), limit, cursor).await
    }

    async fn all(&self, tenant: &TenantId) -> StoreResult<Vec<Listed<PortalSession>>> {
        self.0.all(&sessions(tenant)).await
    }

    async fn delete(&self, tenant: &TenantId, id: SessionId) -> StoreResult<bool> {
        self.0.delete(&sessions(tenant), &id.to_string()).await
    }
}
