use std::sync::Arc;

use super::Collection;
use crate::repositories::document_kind::DocumentKind;
use contract::ports::{Document, Documents, Listed, PlacedDocument, StoreError, StoreResult};
use domain::event_type::{Owner, StoredEventType};
use domain::ids::{EventType, TenantId};

/// Who has a catalogue: one small document for each owner. Publishing asks for
/// that first, so that who has none costs no read for each type.
const MARKS: &str = DocumentKind::Catalogues.name();
/// No tenant can have this name.
const OPERATOR: &str = "*";

/// The entries of catalogues, a document each.
pub struct StoredEventTypes {
    entries: Collection<StoredEventType>,
    marks: Arc<dyn Documents>,
}

fn partition(owner: Owner<'_>) -> String {
    DocumentKind::EventTypes.partition(&[mark(owner)])
}

fn mark(owner: Owner<'_>) -> &str {
    match owner {
        Owner::Operator => OPERATOR,
        Owner::Tenant(id) => id.as_str(),
    }
}

impl StoredEventTypes {
    pub fn new(documents: Arc<dyn Documents>) -> Self {
        Self { entries: Collection::new(Arc::clone(&documents)), marks: documents }
    }

    pub async fn find(&self, owner: Owner<'_>, name: &EventType) -> StoreResult<Option<Arc<StoredEventType>>> {
        match self.marks.get(MARKS, mark(owner)).await? {
            Some(_) => self.entries.get(&partition(owner), name.as_str()).await,
            None => Ok(None),
        }
    }

    /// Every entry, in order of name.
    pub async fn all(&self, owner: Owner<'_>) -> StoreResult<Vec<Listed<StoredEventType>>> {
        self.entries.all(&partition(owner)).await
    }

    /// Writes an entry if the stored version is one less than its own.
    pub async fn put(&self, owner: Owner<'_>, event_type: &StoredEventType) -> StoreResult<()> {
        self.put_with(owner, event_type, &[]).await
    }

    /// The same, and `beside` in the same transaction.
    pub async fn put_with(
        &self,
        owner: Owner<'_>,
        event_type: &StoredEventType,
        beside: &[PlacedDocument],
    ) -> StoreResult<()> {
        // The mark comes first: without it an entry would not be looked for.
        if self.marks.get(MARKS, mark(owner)).await?.is_none() {
            let document = Document { name: mark(owner).to_owned(), version: 1, body: "{}".to_owned() };
            match self.marks.put(MARKS, &document).await {
                Ok(()) | Err(StoreError::Conflict) => {}
                Err(error) => return Err(error),
            }
        }
        let name = event_type.entry.name.as_str();
        self.entries.put_with(&partition(owner), name, event_type.version, event_type, beside).await
    }

    /// Whether it was there.
    pub async fn delete(&self, owner: Owner<'_>, name: &EventType) -> StoreResult<bool> {
        self.entries.delete(&partition(owner), name.as_str()).await
    }

    /// Deletes all that a tenant has.
    pub async fn clear(&self, tenant: &TenantId) -> StoreResult<()> {
        let owner = Owner::Tenant(tenant);
        for event_type in self.all(owner).await? {
            let name = event_type.map_or_else(|unreadable| unreadable.id, |stored| stored.entry.name.to_string());
            self.entries.delete(&partition(owner), &name).await?;
        }
        self.marks.delete(MARKS, mark(owner)).await?;
        Ok(())
    }
}
