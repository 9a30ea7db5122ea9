use std::ops::Bound;

use async_trait::async_trait;

use super::codec::{after_prefix, decode_expiring, encode_expiring, key, prefix_range};
use super::store::{Store, Table};
use crate::cursor;
use crate::domain::delivery::{Attempt, Delivery, Outcome};
use crate::domain::ids::{DeliveryId, EventSeq, HookId, TenantId};
use crate::ports::{DeliveryLog, Expected, LogFilter, Page, StoreError, StoreResult};
use crate::time::Timestamp;

/// Rows one call looks at before it returns a short page, so that a filter
/// that admits nothing cannot hold a thread.
const SCANNED_ROWS: usize = 2_000;

#[derive(Clone)]
pub struct EmbeddedDeliveryLog(pub Store);

fn log_prefix(tenant: &TenantId, hook: HookId) -> Vec<u8> {
    let mut prefix = key(b'd', &[tenant.as_str()]);
    prefix.extend_from_slice(&hook.0.to_bytes());
    prefix
}

fn delivery_key(tenant: &TenantId, id: DeliveryId) -> Vec<u8> {
    let mut row = log_prefix(tenant, id.hook);
    row.extend_from_slice(&id.event.0.to_bytes());
    row
}

fn attempts_prefix(tenant: &TenantId, id: DeliveryId) -> Vec<u8> {
    let mut row = delivery_key(tenant, id);
    row[0] = b'a';
    row
}

fn attempt_row(delivery: &Delivery, attempt: &Attempt) -> (Vec<u8>, Vec<u8>) {
    let mut row = attempts_prefix(&delivery.tenant, delivery.id);
    row.extend_from_slice(&attempt.number.to_be_bytes());
    (row, encode_expiring(attempt, delivery.expires_at))
}

/// The smallest key of a log at or after a time.
fn key_at(tenant: &TenantId, hook: HookId, at: Timestamp) -> Vec<u8> {
    let millis = u64::try_from(at.as_millis()).unwrap_or(0);
    delivery_key(tenant, DeliveryId { event: EventSeq(ulid::Ulid::from_parts(millis, 0)), hook })
}

#[async_trait]
impl DeliveryLog for EmbeddedDeliveryLog {
    async fn record(&self, delivery: &Delivery, expected: Expected) -> StoreResult<()> {
        let now = self.0.clock().now();
        let row = delivery_key(&delivery.tenant, delivery.id);
        let value = encode_expiring(delivery, delivery.expires_at);
        let failed = delivery.last_attempt.as_ref().filter(|attempt| attempt.outcome != Outcome::Success);
        let attempt = failed.map(|attempt| attempt_row(delivery, attempt));
        let delivery = delivery.clone();
        self.0
            .write(move |tx| {
                let found = tx.get(Table::Logs, &row)?.map(|value| decode_expiring::<Delivery>(&value, now));
                let found = found.transpose()?.flatten();
                if Expected::of(found.as_ref()) != expected {
                    return Err(StoreError::Conflict);
                }
                // A success gets a row of its own once another attempt takes its place.
                let overwritten = found.and_then(|row| row.last_attempt).filter(|a| a.outcome == Outcome::Success);
                let last = delivery.last_attempt.as_ref().map(|attempt| attempt.number);
                if let Some(success) = overwritten.filter(|attempt| Some(attempt.number) != last) {
                    let (row, value) = attempt_row(&delivery, &success);
                    tx.put(Table::Logs, row, value);
                }
                tx.put(Table::Logs, row, value);
                if let Some((row, value)) = attempt {
                    tx.put(Table::Logs, row, value);
                }
                Ok(())
            })
            .await
    }

    async fn get(&self, tenant: &TenantId, id: DeliveryId) -> StoreResult<Option<Delivery>> {
        let value = self.0.get(Table::Logs, &delivery_key(tenant, id))?;
        Ok(value.map(|value| decode_expiring(&value, self.0.clock().now())).transpose()?.flatten())
    }

    async fn attempts(&self, delivery: &Delivery) -> StoreResult<Vec<Attempt>> {
        let now = self.0.clock().now();
        let mut attempts: Vec<Attempt> = Vec::new();
        for row in self.0.range(Table::Logs, prefix_range(attempts_prefix(&delivery.tenant, delivery.id))) {
            attempts.extend(decode_expiring(&row?.1, now)?);
        }
        let last = delivery.last_attempt.iter().filter(|a| a.outcome == Outcome::Success);
        attempts.extend(last.cloned());
        attempts.sort_by_key(|attempt| attempt.number);
        Ok(attempts)
    }

    async fn list(
        &self,
        tenant: &TenantId,
        hook: HookId,
        filter: &LogFilter,
        limit: usize,
        cursor: Option<&str>,
    ) -> StoreResult<Page<Delivery>> {
        let prefix = log_prefix(tenant, hook);
        let start = filter.since.map_or_else(|| prefix.clone(), |since| key_at(tenant, hook, since));
        let mut end = filter.until.map_or_else(|| after_prefix(&prefix), |until| key_at(tenant, hook, until));
        if let Some(text) = cursor {
            let event: EventSeq = cursor::decode_as(&prefix, text)?;
            end = end.min(delivery_key(tenant, DeliveryId { event, hook }));
        }
        if start >= end {
            return Ok(Page { items: Vec::new(), next: None });
        }
        let now = self.0.clock().now();
        let mut items: Vec<Delivery> = Vec::new();
        let range = (Bound::Included(start), Bound::Excluded(end));
        let mut last_read = None;
        for (scanned, row) in self.0.range(Table::Logs, range).rev().enumerate() {
            if items.len() == limit || scanned == SCANNED_ROWS {
                return Ok(Page { items, next: last_read });
            }
            let (row_key, value) = row?;
            if let Some((_, seq)) = row_key.split_last_chunk::<16>() {
                let seq = EventSeq(ulid::Ulid::from_bytes(*seq));
                last_read = Some(cursor::encode(&prefix, seq.to_string().as_bytes()));
            }
            items.extend(decode_expiring::<Delivery>(&value, now)?.filter(|delivery| filter.admits(delivery)));
        }
        Ok(Page { items, next: None })
    }
}
