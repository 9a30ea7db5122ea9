//! What processes know together of how hooks fare.

use std::sync::Arc;

use async_trait::async_trait;
use contract::ports::{Document, Documents, Listed, Outgoing, Page, QueueError, QueueSender, StoreError, StoreResult};

use crate::sim::{Sim, State};
use crate::stores::fails;

pub(crate) struct SimDocuments(pub(crate) Arc<Sim>);

#[async_trait]
impl Documents for SimDocuments {
    async fn get(&self, partition: &str, name: &str) -> StoreResult<Option<Arc<Document>>> {
        let read = |state: &mut State| Ok(state.documents.get(&place(partition, name)).cloned());
        self.0.step("documents.get", read, fails).await
    }

    async fn put(&self, partition: &str, document: &Document) -> StoreResult<()> {
        let write = |state: &mut State| {
            let place = place(partition, &document.name);
            let stored = state.documents.get(&place).map_or(0, |stored| stored.version);
            if document.version != stored + 1 {
                return Err(StoreError::Conflict);
            }
            state.opened += usize::from(document.body.contains("\"open\""));
            state.documents.insert(place, Arc::new(document.clone()));
            Ok(())
        };
        self.0.step("documents.put", write, fails).await
    }

    async fn list(&self, _: &str, _: usize, _: Option<&str>) -> StoreResult<Page<Listed<Document>>> {
        unreachable!("no stage lists documents")
    }

    async fn delete(&self, _: &str, _: &str) -> StoreResult<bool> {
        unreachable!("no stage deletes documents")
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
