use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;

use super::item::{Item, SK};
use super::table::{Condition, Consistency, DynamoTable, KeyRange, Refused, SortOrder};
use aws_sdk_dynamodb::types::TransactWriteItem;
use contract::cursor;
use contract::ports::{Document, Documents, Listed, OfRow as _, Page, PlacedDocument, StoreError, StoreResult};

/// Documents in the table `hooks`, an item each.
#[derive(Clone, Debug)]
pub struct DynamoDocuments {
    table: DynamoTable,
}

impl DynamoDocuments {
    pub fn new(client: Client, hooks_table: impl Into<String>) -> Self {
        Self { table: DynamoTable::new(client, hooks_table) }
    }
}

fn read(item: &Item) -> StoreResult<Document> {
    Ok(Document {
        name: item.get_text(SK)?.to_owned(),
        version: item.get_number("v")?,
        body: item.get_text("j")?.to_owned(),
    })
}

fn item(partition: &str, document: &Document) -> (Item, Condition) {
    let item = Item::new(partition.to_owned(), document.name.clone())
        .number("v", document.version)
        .text("j", document.body.as_str());
    let condition = match document.version {
        1 => Condition::absent(),
        version => Condition::of("v = :v").number(":v", version.saturating_sub(1)),
    };
    (item, condition)
}

/// The writes of documents, for a transaction that may write more.
pub(super) fn put_actions(table: &DynamoTable, documents: &[PlacedDocument]) -> Vec<TransactWriteItem> {
    let action = |placed: &PlacedDocument| {
        let (item, condition) = item(&placed.partition, &placed.document);
        table.put_action(item, Some(condition))
    };
    documents.iter().map(action).collect()
}

/// How often a transaction is tried that met another one or was throttled, and how long
/// it waits in between, longer each time. All hooks of a tenant share a count.
const TRIES: u32 = 8;
const PAUSE: Duration = Duration::from_millis(20);

pub(super) async fn transact(table: &DynamoTable, actions: Vec<TransactWriteItem>) -> Result<(), Refused> {
    for n in 1..TRIES {
        match table.transact(actions.clone()).await {
            Err(Refused::Busy(_)) => tokio::time::sleep(PAUSE * n).await,
            other => return other,
        }
    }
    table.transact(actions).await
}

/// Which of the conditions did not hold does not matter here.
pub(super) fn conflict(refused: Refused) -> StoreError {
    match refused {
        Refused::Condition(_) | Refused::Other(StoreError::LimitReached) => StoreError::Conflict,
        Refused::Busy(error) | Refused::Other(error) => error,
    }
}

#[async_trait]
impl Documents for DynamoDocuments {
    async fn get(&self, partition: &str, name: &str) -> StoreResult<Option<Arc<Document>>> {
        let row = self.table.get(partition, name, Consistency::Strong).await?;
        row.map(|item| read(&item).map(Arc::new)).transpose().of_row(name)
    }

    async fn put(&self, partition: &str, document: &Document) -> StoreResult<()> {
        let (item, condition) = item(partition, document);
        Ok(self.table.put_named(item, condition).await?)
    }

    async fn put_all(&self, documents: &[PlacedDocument]) -> StoreResult<()> {
        // One plain write costs half of a transaction.
        match documents {
            [] => Ok(()),
            [one] => self.put(&one.partition, &one.document).await,
            all => transact(&self.table, put_actions(&self.table, all)).await.map_err(conflict),
        }
    }

    async fn list(&self, partition: &str, limit: usize, cursor: Option<&str>) -> StoreResult<Page<Listed<Document>>> {
        let range = match cursor {
            Some(cursor) => KeyRange::After(cursor::decode_as::<String>(partition, cursor)?),
            None => KeyRange::All,
        };
        let rows = self.table.query(partition, range, SortOrder::Ascending, limit, Consistency::Strong).await?;
        let last = rows.items.last().filter(|_| rows.more).map(|row| row.get_text(SK)).transpose()?;
        let next = last.map(|name| cursor::encode(partition, name.as_bytes()));
        let listed = |row| read(row).listed(row.get_text(SK)?);
        let items = rows.items.iter().map(listed).collect::<StoreResult<Vec<_>>>()?;
        Ok(Page { items, next })
    }

    async fn delete(&self, partition: &str, name: &str) -> StoreResult<bool> {
        self.table.delete(partition, name).await
    }
}
