//! Counts what a DynamoDB client consumes, by asking for it with each call.

use std::sync::{Arc, Mutex};

use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::BoxError;
use aws_sdk_dynamodb::operation::{delete_item, get_item, put_item, query, transact_write_items};
use aws_sdk_dynamodb::types::{ConsumedCapacity, ReturnConsumedCapacity};
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeSerializationInterceptorContextMut, FinalizerInterceptorContextRef,
};

/// Calls, rows and capacity units since the last reset.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Usage {
    pub read_calls: usize,
    pub rows_read: usize,
    pub read_units: f64,
    pub write_calls: usize,
    pub write_units: f64,
}

/// Clones share the counts.
#[derive(Clone, Debug, Default)]
pub struct Meter(Arc<Mutex<Usage>>);

impl Meter {
    /// The counts so far, which start again from zero.
    pub fn reset(&self) -> Usage {
        std::mem::take(&mut *self.0.lock().expect("no test panics while counting"))
    }

    fn wrote(&self, capacity: Option<&ConsumedCapacity>) {
        let mut usage = self.0.lock().expect("no test panics while counting");
        usage.write_calls += 1;
        usage.write_units += units(capacity);
    }

    fn read(&self, rows: usize, capacity: Option<&ConsumedCapacity>) {
        let mut usage = self.0.lock().expect("no test panics while counting");
        usage.read_calls += 1;
        usage.rows_read += rows;
        usage.read_units += units(capacity);
    }
}

fn units(capacity: Option<&ConsumedCapacity>) -> f64 {
    capacity.and_then(ConsumedCapacity::capacity_units).expect("every call asks for what it consumed")
}

impl Intercept for Meter {
    fn name(&self) -> &'static str {
        "Meter"
    }

    fn modify_before_serialization(
        &self,
        context: &mut BeforeSerializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let total = Some(ReturnConsumedCapacity::Total);
        let input = context.input_mut();
        if let Some(input) = input.downcast_mut::<put_item::PutItemInput>() {
            input.return_consumed_capacity = total;
        } else if let Some(input) = input.downcast_mut::<delete_item::DeleteItemInput>() {
            input.return_consumed_capacity = total;
        } else if let Some(input) = input.downcast_mut::<get_item::GetItemInput>() {
            input.return_consumed_capacity = total;
        } else if let Some(input) = input.downcast_mut::<query::QueryInput>() {
            input.return_consumed_capacity = total;
        } else if let Some(input) = input.downcast_mut::<transact_write_items::TransactWriteItemsInput>() {
            input.return_consumed_capacity = total;
        }
        Ok(())
    }

    fn read_after_execution(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let Some(Ok(output)) = context.output_or_error() else { return Ok(()) };
        if let Some(output) = output.downcast_ref::<put_item::PutItemOutput>() {
            self.wrote(output.consumed_capacity());
        } else if let Some(output) = output.downcast_ref::<delete_item::DeleteItemOutput>() {
            self.wrote(output.consumed_capacity());
        } else if let Some(output) = output.downcast_ref::<transact_write_items::TransactWriteItemsOutput>() {
            self.wrote(output.consumed_capacity().first());
        } else if let Some(output) = output.downcast_ref::<get_item::GetItemOutput>() {
            self.read(output.item().map_or(0, |_| 1), output.consumed_capacity());
        } else if let Some(output) = output.downcast_ref::<query::QueryOutput>() {
            self.read(usize::try_from(output.scanned_count()).unwrap_or(0), output.consumed_capacity());
        }
        Ok(())
    }
}
