use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Collection, placed};
use crate::repositories::document_kind::DocumentKind;
use contract::ports::{Documents, PlacedDocument, StoreResult};
use domain::ids::TenantId;

/// Counts what is proposed to each tenant. Whoever proposes writes the next number with the plan, so
/// that nobody does so beside plans that somebody else has proposed meanwhile.
pub struct StoredProposals(Collection<Proposals>);

#[derive(Serialize, Deserialize)]
struct Proposals {
    count: u64,
}

const PARTITION: &str = DocumentKind::Proposals.name();

impl StoredProposals {
    pub fn new(documents: Arc<dyn Documents>) -> Self {
        Self(Collection::new(documents))
    }

    pub async fn count(&self, tenant: &TenantId) -> StoreResult<u64> {
        Ok(self.0.get(PARTITION, tenant.as_str()).await?.map_or(0, |proposals| proposals.count))
    }

    pub async fn clear(&self, tenant: &TenantId) -> StoreResult<()> {
        self.0.delete(PARTITION, tenant.as_str()).await.map(drop)
    }
}

/// The one that follows `count`, to be written beside a plan.
pub fn next_proposal(tenant: &TenantId, count: u64) -> StoreResult<PlacedDocument> {
    let count = count.saturating_add(1);
    placed(PARTITION, tenant.as_str(), count, &Proposals { count })
}
