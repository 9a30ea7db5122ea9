//! What processes know together of how hooks fare.

use std::sync::Arc;

use async_trait::async_trait;
use contract::ports::{
    Document, Documents, Listed, Outgoing, Page, PlacedDocument, QueueError, QueueSender, StoreError, StoreResult,
};

use crate::sim::{Sim, State};
use crate::stores::{self, fails, follows};

pub(crate) struct SimDocuments(pub(crate) Arc<Sim>);

#[async_trait]
impl Documents for SimDocuments {
    async fn get(&self, partition: &str, name: &str) -> StoreResult<Option<Arc<Document>>> {
        let read = |state: &mut State| Ok(state.documents.get(&place(partition, name)).cloned());
        self.0.step("documents.get", read, fails).await
    }

    async fn put(&self, partition: &str, document: &Document) -> StoreResult<()> {
        self.put_all(&[PlacedDocument { partition: partition.to_owned(), document: document.clone() }]).await
    }

    async fn put_all(&self, documents: &[PlacedDocument]) -> StoreResult<()> {
        let write = |state: &mut State| {
            if !documents.iter().all(|placed| follows(state, placed)) {
                return Err(StoreError::Conflict);
            }
            for placed in documents {
                state.opened += usize::from(placed.document.body.contains("\"open\""));
                state.documents.insert(stores::place(placed), Arc::new(placed.document.clone()));
            }
            Ok(())
        };
        self.0.step("documents.put", write, fails).await
    }

    async fn list(&self, _: &str, _: usize, _: Option<&str>) -> StoreResult<Page<Listed<Document>>> {
        unreachable!("no stage lists documents")
    }

    async fn delete(&self, partition: &str, name: &str) -> StoreResult<bool> {
        let delete = |state: &mut State| Ok(state.documents.remove(&place(partition, name)).is_some());
        self.0.step("documents.delete", delete, fails).await
    }
}

fn place(partition: &str, name: &str) -> (String, String) {
    (partition.to_owned(), name.to_owned())
}

/// Where events about hooks go: nobody here asks for them.
pub(crate) struct Unheard;

#[async_trait]
impl QueueSender for Unheard {
    async fn send(&self, messages: &[Outgoing]) -> Vec<Result<(), QueueError>> {
        messages.iter().map(|_| Ok(())).collect()
    }
}
