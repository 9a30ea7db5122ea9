use std::sync::Arc;

use async_trait::async_trait;

use super::{Listed, Page, StoreResult};

/// A small JSON document, such as a tenant or a profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// Unique within its partition; lists are in its order.
    pub name: String,
    /// Counts writes from 1, so that two writers cannot overwrite each other.
    pub version: u64,
    pub body: String,
}

/// A document and where it lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlacedDocument {
    pub partition: String,
    pub document: Document,
}

layered! {
    /// Small documents that are read often and written seldom, in partitions.
    ///
    /// - A write whose version does not follow the stored one is a conflict, and
    ///   changes nothing; version 1 follows none.
    /// - What was written is read back, at once.
    /// - Pages are complete and in order of name.
    /// - A deleted document is gone; deleting one that is not there says so.
    /// - A document that cannot be read hides no other, and can be deleted.
    /// - Partitions do not see each other's documents.
    /// - Of documents that are written together either all are written or, where one is a
    ///   conflict, none.
    pub trait Documents, DocumentsLayer {
        /// May be a few seconds old where the adapter caches. While nothing was
        /// written, an adapter that caches returns the same `Arc`.
        async fn get(&self, partition: &str, name: &str) -> StoreResult<Option<Arc<Document>>>;
        async fn put(&self, partition: &str, document: &Document) -> StoreResult<()>;
        /// Writes each as [`put`](Self::put) does, in one transaction.
        async fn put_all(&self, documents: &[PlacedDocument]) -> StoreResult<()>;
        async fn list(&self, partition: &str, limit: usize, cursor: Option<&str>) -> StoreResult<Page<Listed<Document>>>;
        /// Whether it was there.
        async fn delete(&self, partition: &str, name: &str) -> StoreResult<bool>;
    }
}
