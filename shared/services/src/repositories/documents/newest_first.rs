use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use ulid::Ulid;

use super::{Collection, placed};
use crate::repositories::document_kind::DocumentKind;
use contract::ports::{Documents, Listed, Page, PlacedDocument, StoreError, StoreResult, Unreadable};
use domain::adjustment::Adjustment;
use domain::ids::{AdjustmentId, PlanId, TenantId};
use domain::plan::Plan;

/// What a tenant has many of, named by when they were made.
pub trait Dated: Serialize + DeserializeOwned + Send + Sync + 'static {
    const KIND: DocumentKind;
    type Id: Copy + Send + Sync + ToString;

    fn place(&self) -> (&TenantId, Self::Id, u64);
    fn ulid(id: Self::Id) -> Ulid;
    fn named(id: Ulid) -> Self::Id;
}

impl Dated for Plan {
    const KIND: DocumentKind = DocumentKind::Plans;
    type Id = PlanId;

    fn place(&self) -> (&TenantId, PlanId, u64) {
        (&self.tenant, self.id, self.version)
    }

    fn ulid(id: PlanId) -> Ulid {
        id.0
    }

    fn named(id: Ulid) -> PlanId {
        PlanId(id)
    }
}

impl Dated for Adjustment {
    const KIND: DocumentKind = DocumentKind::Adjustments;
    type Id = AdjustmentId;

    /// It is written once.
    fn place(&self) -> (&TenantId, AdjustmentId, u64) {
        (&self.tenant, self.id, 1)
    }

    fn ulid(id: AdjustmentId) -> Ulid {
        id.0
    }

    fn named(id: Ulid) -> AdjustmentId {
        AdjustmentId(id)
    }
}

/// Documents of each tenant, the newest first.
pub struct NewestFirst<T>(Collection<T>);

fn partition<T: Dated>(tenant: &TenantId) -> String {
    T::KIND.partition(&[tenant.as_str()])
}

/// Turned over, so that the newest comes first.
fn name<T: Dated>(id: T::Id) -> String {
    format!("{:032x}", u128::MAX - T::ulid(id).0)
}

fn id_of<T: Dated>(name: &str) -> Option<T::Id> {
    u128::from_str_radix(name, 16).ok().map(|turned| T::named(Ulid(u128::MAX - turned)))
}

/// Its documents have other names than itself.
fn with_id<T: Dated>(unreadable: Unreadable) -> Unreadable {
    let id = id_of::<T>(&unreadable.id).map(|id| id.to_string());
    Unreadable { id: id.unwrap_or(unreadable.id), ..unreadable }
}

impl<T: Dated> NewestFirst<T> {
    pub fn new(documents: Arc<dyn Documents>) -> Self {
        Self(Collection::new(documents))
    }

    /// Writes it if the stored version is one less than its own.
    pub async fn put(&self, row: &T) -> StoreResult<()> {
        let (tenant, id, version) = row.place();
        self.0.put(&partition::<T>(tenant), &name::<T>(id), version, row).await
    }

    /// As `put`, and `beside` in the same transaction.
    pub async fn put_with(&self, row: &T, beside: &[PlacedDocument]) -> StoreResult<()> {
        let (tenant, id, version) = row.place();
        self.0.put_with(&partition::<T>(tenant), &name::<T>(id), version, row, beside).await
    }

    pub async fn get(&self, tenant: &TenantId, id: T::Id) -> StoreResult<Option<Arc<T>>> {
        let found = self.0.get(&partition::<T>(tenant), &name::<T>(id)).await;
        found.map_err(|error| match error {
            StoreError::Unreadable(unreadable) => with_id::<T>(unreadable).into(),
            other => other,
        })
    }

    pub async fn list(&self, tenant: &TenantId, limit: usize, cursor: Option<&str>) -> StoreResult<Page<Listed<T>>> {
        let Page { items, next } = self.0.page(&partition::<T>(tenant), limit, cursor).await?;
        Ok(Page { items: items.into_iter().map(|row| row.map_err(with_id::<T>)).collect(), next })
    }

    pub async fn delete(&self, tenant: &TenantId, id: T::Id) -> StoreResult<bool> {
        self.0.delete(&partition::<T>(tenant), &name::<T>(id)).await
    }

    /// Deletes all of a tenant.
    pub async fn clear(&self, tenant: &TenantId) -> StoreResult<()> {
        let partition = partition::<T>(tenant);
        for name in self.0.names(&partition).await? {
            self.0.delete(&partition, &name).await?;
        }
        Ok(())
    }
}

/// To be written beside something else.
pub fn beside<T: Dated>(row: &T) -> StoreResult<PlacedDocument> {
    let (tenant, id, version) = row.place();
    placed(&partition::<T>(tenant), &name::<T>(id), version, row)
}
