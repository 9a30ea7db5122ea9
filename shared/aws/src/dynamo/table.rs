//! The handful of DynamoDB calls the stores are made of, and what their errors
//! mean to a store.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{
    AttributeValue, Delete, Put, ReturnValue, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
};

use super::item::{Item, PK, SK};
use super::tries::Tries;
use contract::ports::{OsRandom, StoreError, StoreResult};
use domain::random::Random as _;

/// The most actions DynamoDB takes in one transaction.
pub(super) const MAX_TRANSACTION_ACTIONS: usize = 100;

/// Which write a row is of, in rows of [`DynamoTable::put_named`].
const WRITE: &str = "o";

#[derive(Clone, Debug)]
pub(super) struct DynamoTable {
    client: Client,
    name: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Consistency {
    Strong,
    Eventual,
}

/// What must hold of the stored row for a write to happen.
#[derive(Clone, Debug, Default)]
pub(super) struct Condition {
    expression: String,
    values: Vec<(&'static str, AttributeValue)>,
}

impl Condition {
    pub(super) fn absent() -> Self {
        Self { expression: format!("attribute_not_exists({PK})"), values: Vec::new() }
    }

    pub(super) fn of(expression: &str) -> Self {
        Self { expression: expression.to_owned(), values: Vec::new() }
    }

    pub(super) fn and(mut self, expression: &str) -> Self {
        self.expression = format!("({}) AND {expression}", self.expression);
        self
    }

    pub(super) fn number(mut self, placeholder: &'static str, value: impl ToString + Copy) -> Self {
        self.values.push((placeholder, AttributeValue::N(value.to_string())));
        self
    }

    pub(super) fn text(mut self, placeholder: &'static str, value: &str) -> Self {
        self.values.push((placeholder, AttributeValue::S(value.to_owned())));
        self
    }
}

/// A range of sort keys in one partition.
#[derive(Clone, Debug)]
pub(super) enum KeyRange {
    All,
    After(String),
    Between(String, String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SortOrder {
    Ascending,
    Descending,
}

/// Rows in order, and whether the partition may hold more in this range.
#[derive(Debug)]
pub(super) struct Rows {
    pub items: Vec<Item>,
    pub more: bool,
}

/// What stood in the way of a conditional write.
pub(super) enum Refused {
    /// The row as it is stored; absent when there is none.
    Condition(Option<Item>),
    /// Another transaction or too many requests, for a moment.
    Busy(StoreError),
    Other(StoreError),
}

impl From<Refused> for StoreError {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Condition(_) => Self::Conflict,
            Refused::Busy(error) | Refused::Other(error) => error,
        }
    }
}

impl DynamoTable {
    pub(super) fn new(client: Client, name: impl Into<String>) -> Self {
        Self { client, name: name.into() }
    }

    pub(super) async fn get(&self, pk: &str, sk: &str, consistency: Consistency) -> StoreResult<Option<Item>> {
        let request = self.client.get_item().table_name(&self.name).key(PK, text(pk)).key(SK, text(sk));
        let output = request.consistent_read(consistency == Consistency::Strong).send().await.map_err(store_error)?;
        Ok(output.item.map(Item))
    }

    /// Without a condition the row is written over whatever is there.
    pub(super) async fn put(&self, item: Item, condition: Option<Condition>) -> Result<(), Refused> {
        let mut request = self.client.put_item().table_name(&self.name).set_item(Some(item.0));
        if let Some(condition) = condition {
            request = request
                .condition_expression(condition.expression)
                .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
            for (placeholder, value) in condition.values {
                request = request.expression_attribute_values(placeholder, value);
            }
        }
        match request.send().await {
            Ok(_) => Ok(()),
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(failed)) => {
                    Err(Refused::Condition(failed.item().cloned().map(Item)))
                }
                _ => Err(Refused::Other(store_error(error))),
            },
        }
    }

    /// As [`put`](Self::put), for rows that do not tell who wrote them. A write
    /// whose answer was lost is made again by the SDK, and then its own row is in
    /// its way. That it is its own shows in a name made for this write.
    pub(super) async fn put_named(&self, item: Item, condition: Condition) -> Result<(), Refused> {
        let mut name = [0; 8];
        OsRandom.fill(&mut name);
        match self.put(item.bytes(WRITE, name.to_vec()), Some(condition)).await {
            Err(Refused::Condition(Some(stored))) if stored.find_bytes(WRITE) == Some(&name[..]) => Ok(()),
            other => other,
        }
    }

    /// Whether it was there. After a try that failed, which may have done it, that cannot
    /// be told any more and counts as yes.
    pub(super) async fn delete(&self, pk: &str, sk: &str) -> StoreResult<bool> {
        let request = self.client.delete_item().table_name(&self.name).key(PK, text(pk)).key(SK, text(sk));
        let (request, tries) = (request.return_values(ReturnValue::AllOld), Tries::default());
        let output = request.customize().interceptor(tries.clone()).send().await.map_err(store_error)?;
        Ok(output.attributes.is_some() || tries.count() > 1)
    }

    /// Deletes a row of which this holds, and leaves any other.
    pub(super) async fn delete_if(&self, pk: &str, sk: &str, condition: Condition) -> StoreResult<()> {
        let mut request = self.client.delete_item().table_name(&self.name).key(PK, text(pk)).key(SK, text(sk));
        request = request.condition_expression(condition.expression);
        for (placeholder, value) in condition.values {
            request = request.expression_attribute_values(placeholder, value);
        }
        match request.send().await {
            Ok(_) => Ok(()),
            Err(error) => match error.as_service_error() {
                Some(DeleteItemError::ConditionalCheckFailedException(_)) => Ok(()),
                _ => Err(store_error(error)),
            },
        }
    }

    pub(super) async fn query(
        &self,
        pk: &str,
        range: KeyRange,
        order: SortOrder,
        limit: usize,
        consistency: Consistency,
    ) -> StoreResult<Rows> {
        let mut request = self
            .client
            .query()
            .table_name(&self.name)
            .expression_attribute_values(":pk", text(pk))
            .scan_index_forward(order == SortOrder::Ascending)
            .limit(i32::try_from(limit.max(1)).unwrap_or(i32::MAX))
            .consistent_read(consistency == Consistency::Strong);
        request = match range {
            KeyRange::All => request.key_condition_expression("pk = :pk"),
            KeyRange::After(low) => request
                .key_condition_expression("pk = :pk AND sk > :low")
                .expression_attribute_values(":low", text(low)),
            KeyRange::Between(low, high) => request
                .key_condition_expression("pk = :pk AND sk BETWEEN :low AND :high")
                .expression_attribute_values(":low", text(low))
                .expression_attribute_values(":high", text(high)),
        };
        let output = request.send().await.map_err(store_error)?;
        Ok(Rows {
            more: output.last_evaluated_key.is_some(),
            items: output.items.unwrap_or_default().into_iter().map(Item).collect(),
        })
    }

    /// Everything in a partition, for the few that are small.
    pub(super) async fn query_all(&self, pk: &str) -> StoreResult<Vec<Item>> {
        let mut items: Vec<Item> = Vec::new();
        loop {
            let range = match items.last() {
                Some(last) => KeyRange::After(last.get_text(SK)?.to_owned()),
                None => KeyRange::All,
            };
            let rows = self.query(pk, range, SortOrder::Ascending, usize::MAX, Consistency::Strong).await?;
            items.extend(rows.items);
            if !rows.more {
                return Ok(items);
            }
        }
    }

    pub(super) fn put_action(&self, item: Item, condition: Option<Condition>) -> TransactWriteItem {
        let condition = condition.unwrap_or_default();
        let mut put = Put::builder().table_name(&self.name).set_item(Some(item.0));
        if !condition.expression.is_empty() {
            put = put
                .condition_expression(condition.expression)
                .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        }
        for (placeholder, value) in condition.values {
            put = put.expression_attribute_values(placeholder, value);
        }
        TransactWriteItem::builder().put(put.build().expect("table and item are set")).build()
    }

    pub(super) fn delete_action(&self, pk: &str, sk: &str, condition: Option<Condition>) -> TransactWriteItem {
        let condition = condition.unwrap_or_default();
        let mut delete = Delete::builder().table_name(&self.name).key(PK, text(pk)).key(SK, text(sk));
        if !condition.expression.is_empty() {
            delete = delete
                .condition_expression(condition.expression)
                .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        }
        for (placeholder, value) in condition.values {
            delete = delete.expression_attribute_values(placeholder, value);
        }
        TransactWriteItem::builder().delete(delete.build().expect("table and key are set")).build()
    }

    /// Adds to a number of a row, which is made when it is not there.
    pub(super) fn add_action(
        &self,
        pk: &str,
        sk: &str,
        name: &str,
        by: i64,
        condition: Option<Condition>,
    ) -> TransactWriteItem {
        let condition = condition.unwrap_or_default();
        let mut update = Update::builder()
            .table_name(&self.name)
            .key(PK, text(pk))
            .key(SK, text(sk))
            .update_expression(format!("ADD {name} :by"))
            .expression_attribute_values(":by", AttributeValue::N(by.to_string()));
        if !condition.expression.is_empty() {
            update = update.condition_expression(condition.expression);
        }
        for (placeholder, value) in condition.values {
            update = update.expression_attribute_values(placeholder, value);
        }
        TransactWriteItem::builder().update(update.build().expect("table, key and expression are set")).build()
    }

    /// All or nothing. Of what stood in the way, the first action's condition
    /// is told, and for any other [`StoreError::LimitReached`].
    pub(super) async fn transact(&self, actions: Vec<TransactWriteItem>) -> Result<(), Refused> {
        if actions.len() > MAX_TRANSACTION_ACTIONS {
            return Err(Refused::Other(StoreError::TooLarge));
        }
        let Err(error) = self.client.transact_write_items().set_transact_items(Some(actions)).send().await else {
            return Ok(());
        };
        let Some(TransactWriteItemsError::TransactionCanceledException(canceled)) = error.as_service_error() else {
            return Err(Refused::Other(store_error(error)));
        };
        let reasons = canceled.cancellation_reasons();
        let has = |code: &str| reasons.iter().any(|r| r.code() == Some(code));
        if reasons.first().and_then(|r| r.code()) == Some("ConditionalCheckFailed") {
            let stored = reasons.iter().find_map(|r| r.item.clone()).map(Item);
            return Err(Refused::Condition(stored));
        }
        if has("ConditionalCheckFailed") {
            return Err(Refused::Other(StoreError::LimitReached));
        }
        Err(if has("TransactionConflict") {
            Refused::Busy(StoreError::Conflict)
        } else if has("ThrottlingError") || has("ProvisionedThroughputExceeded") {
            // The SDK looks at the code of the whole, which is another one.
            Refused::Busy(StoreError::Unavailable(Box::new(error)))
        } else if has("ItemCollectionSizeLimitExceeded") || has("ValidationError") {
            Refused::Other(StoreError::TooLarge)
        } else {
            Refused::Other(StoreError::Unavailable(Box::new(error)))
        })
    }
}

fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

fn store_error<E>(error: SdkError<E>) -> StoreError
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let too_large = match error.code() {
        Some("ItemCollectionSizeLimitExceededException") => true,
        // The only sign of an item above 400 KB is in the message.
        Some("ValidationException") => error.message().is_some_and(|m| m.to_lowercase().contains("size")),
        _ => false,
    };
    match error.code() {
        _ if too_large => StoreError::TooLarge,
        // The second: a transaction on the same row is under way.
        Some("ConditionalCheckFailedException" | "TransactionConflictException") => StoreError::Conflict,
        _ => StoreError::Unavailable(Box::new(error)),
    }
}
