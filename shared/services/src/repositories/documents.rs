//! Tenants, profiles and the like, kept as [`Documents`]: one store of small
//! JSON documents serves them all.

mod advisors;
mod event_types;
mod expungements;
mod hook_uids;
mod keyed_requests;
mod keys;
mod newest_first;
mod portal;
mod profiles;
mod proposals;
mod replays;
mod tenants;

use std::marker::PhantomData;
use std::sync::Arc;

use quick_cache::sync::Cache;
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use advisors::StoredAdvisors;
pub use event_types::StoredEventTypes;
pub use expungements::StoredExpungements;
pub use hook_uids::{StoredHookUids, UidHolder};
pub use keyed_requests::{Found, KeyedRequest, RequestName, StoredKeyedRequests};
pub use keys::StoredKeys;
pub use newest_first::{Dated, NewestFirst, beside};
pub use portal::{StoredPortalLinks, StoredPortalSessions};
pub use profiles::StoredProfiles;
pub use proposals::{StoredProposals, next_proposal};
pub use replays::StoredReplays;
pub use tenants::StoredTenants;

use crate::repositories::document_kind::DocumentKind;
use contract::ports::{
    Document, Documents, KEPT_REVISIONS, Listed, OfRow as _, Page, PlacedDocument, StoreError, StoreResult,
};
use contract::rows;

/// Documents that are kept parsed, of each kind.
const PARSED: usize = 4_096;

/// The documents of one kind.
pub struct Collection<T> {
    documents: Arc<dyn Documents>,
    /// A parsed document is used as long as the store hands out the same one.
    parsed: Cache<(String, String), (Arc<Document>, Arc<T>)>,
    kind: PhantomData<T>,
}

impl<T: Serialize + DeserializeOwned + Send + Sync + 'static> Collection<T> {
    pub fn new(documents: Arc<dyn Documents>) -> Self {
        Self { documents, parsed: Cache::new(PARSED), kind: PhantomData }
    }

    pub async fn get(&self, partition: &str, name: &str) -> StoreResult<Option<Arc<T>>> {
        let Some(document) = self.documents.get(partition, name).await? else { return Ok(None) };
        let place = (partition.to_owned(), name.to_owned());
        if let Some((of, value)) = self.parsed.get(&place)
            && Arc::ptr_eq(&of, &document)
        {
            return Ok(Some(value));
        }
        let value: Arc<T> = Arc::new(parse(&document).of_row(name)?);
        self.parsed.insert(place, (document, Arc::clone(&value)));
        Ok(Some(value))
    }

    /// Writes version `version` of a document; see [`Documents::put`].
    pub async fn put(&self, partition: &str, name: &str, version: u64, value: &T) -> StoreResult<()> {
        self.documents.put(partition, &document(name, version, value)?).await
    }

    /// As `put`, and `beside` in the same transaction.
    pub async fn put_with(
        &self,
        partition: &str,
        name: &str,
        version: u64,
        value: &T,
        beside: &[PlacedDocument],
    ) -> StoreResult<()> {
        if beside.is_empty() {
            return self.put(partition, name, version, value).await;
        }
        let own = placed(partition, name, version, value)?;
        self.documents.put_all(&[std::slice::from_ref(&own), beside].concat()).await
    }

    /// As `put`, and the version before it is kept.
    pub async fn replace(&self, partition: &str, name: &str, version: u64, value: &T) -> StoreResult<()> {
        self.replace_with(partition, name, version, value, &[]).await
    }

    /// As `replace`, and `beside` in the transaction that writes the new version.
    pub async fn replace_with(
        &self,
        partition: &str,
        name: &str,
        version: u64,
        value: &T,
        beside: &[PlacedDocument],
    ) -> StoreResult<()> {
        let former = self.documents.get(partition, name).await?;
        // Any other one is refused below. What a version says never changes, so
        // keeping it for nothing, or once more, does no harm.
        if let Some(former) = former.filter(|former| former.version + 1 == version) {
            let place = revisions(partition, name);
            let kept = Document { name: revision_name(former.version), version: 1, body: former.body.clone() };
            match self.documents.put(&place, &kept).await {
                Ok(()) | Err(StoreError::Conflict) => {}
                Err(error) => return Err(error),
            }
            if let Some(beyond) = former.version.checked_sub(KEPT_REVISIONS).filter(|version| *version > 0) {
                self.documents.delete(&place, &revision_name(beyond)).await?;
            }
        }
        self.put_with(partition, name, version, value, beside).await
    }

    /// A version of a document, the present one or one that was kept.
    pub async fn revision(&self, partition: &str, name: &str, version: u64) -> StoreResult<Option<T>> {
        if let Some(current) = self.documents.get(partition, name).await?.filter(|found| found.version == version) {
            return parse(&current).of_row(name).map(Some);
        }
        let kept = self.documents.get(&revisions(partition, name), &revision_name(version)).await?;
        kept.map(|document| parse(&document)).transpose().of_row(name)
    }

    /// Deletes the versions that were kept.
    pub async fn forget(&self, partition: &str, name: &str) -> StoreResult<()> {
        let place = revisions(partition, name);
        for document in self.documents.list(&place, PARSED, None).await?.items {
            self.documents.delete(&place, &name_of(document)).await?;
        }
        Ok(())
    }

    /// Writes version 1 of a document. Versions of a former one of this name go.
    pub async fn begin(&self, partition: &str, name: &str, value: &T) -> StoreResult<()> {
        if self.documents.get(partition, name).await?.is_none() {
            self.forget(partition, name).await?;
        }
        self.put(partition, name, 1, value).await
    }

    pub async fn page(&self, partition: &str, limit: usize, cursor: Option<&str>) -> StoreResult<Page<Listed<T>>> {
        let page = self.documents.list(partition, limit, cursor).await?;
        let listed = |document: Listed<Document>| match document {
            Ok(document) => parse(&document).listed(&document.name),
            Err(unreadable) => Ok(Err(unreadable)),
        };
        let items = page.items.into_iter().map(listed).collect::<StoreResult<_>>()?;
        Ok(Page { items, next: page.next })
    }

    pub async fn all(&self, partition: &str) -> StoreResult<Vec<Listed<T>>> {
        let mut all = Vec::new();
        let mut cursor = None;
        loop {
            let page = self.page(partition, PARSED, cursor.as_deref()).await?;
            all.extend(page.items);
            match page.next {
                Some(next) => cursor = Some(next),
                None => return Ok(all),
            }
        }
    }

    /// Of all documents, those among them that cannot be read.
    pub async fn names(&self, partition: &str) -> StoreResult<Vec<String>> {
        let (mut names, mut cursor) = (Vec::new(), None);
        loop {
            let page = self.documents.list(partition, PARSED, cursor.as_deref()).await?;
            names.extend(page.items.into_iter().map(name_of));
            match page.next {
                Some(next) => cursor = Some(next),
                None => return Ok(names),
            }
        }
    }

    pub async fn delete(&self, partition: &str, name: &str) -> StoreResult<bool> {
        self.documents.delete(partition, name).await
    }
}

fn document<T: Serialize>(name: &str, version: u64, value: &T) -> StoreResult<Document> {
    let body = serde_json::to_string(value).map_err(|error| StoreError::Corrupt(error.into()))?;
    Ok(Document { name: name.to_owned(), version, body })
}

/// A document to be written beside something else.
pub(super) fn placed<T: Serialize>(
    partition: &str,
    name: &str,
    version: u64,
    value: &T,
) -> StoreResult<PlacedDocument> {
    Ok(PlacedDocument { partition: partition.to_owned(), document: document(name, version, value)? })
}

fn revisions(partition: &str, name: &str) -> String {
    DocumentKind::FormerVersions.partition(&[partition, name])
}

/// Ten digits sort as numbers do.
fn revision_name(version: u64) -> String {
    format!("{version:010}")
}

/// The name of a document, also of one that cannot be read.
pub fn name_of(document: Listed<Document>) -> String {
    document.map_or_else(|unreadable| unreadable.id, |document| document.name)
}

fn parse<T: DeserializeOwned>(document: &Document) -> StoreResult<T> {
    rows::from_json(document.body.as_bytes())
}
