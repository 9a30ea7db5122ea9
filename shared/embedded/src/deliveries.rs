use std::ops::Bound;

use ::store::Slice;
use async_trait::async_trait;

use super::codec::{after_prefix, decode_expiring, encode_expiring, key, prefix_range};
use super::row_kind::RowKind;
use super::store::{Store, Table, Transaction};
use contract::cursor;
use contract::ports::{DeliveryLog, Expected, Listed, LogFilter, OfRow as _, Page, StoreError, StoreResult, TimeRange};
use domain::delivery::{Attempt, AttemptOutcome, Delivery, Status};
use domain::ids::{DeliveryId, EventSeq, HookId, TenantId};
use domain::time::Timestamp;

/// Rows one call looks at before it returns a short page, so that a filter
/// that admits nothing cannot hold a thread.
const SCANNED_ROWS: usize = 2_000;

/// Writes outlive the process at once, and reach the disk soon and in order
/// without being waited for: an attempt that a power failure takes from the log
/// is made again, because its message is then still there.
#[derive(Clone)]
pub struct EmbeddedDeliveryLog(pub Store);

fn log_prefix(tenant: &TenantId, hook: HookId) -> Vec<u8> {
    let mut prefix = key(RowKind::Delivery, &[tenant.as_str()]);
    prefix.extend_from_slice(&hook.0.to_bytes());
    prefix
}

fn delivery_key(tenant: &TenantId, id: DeliveryId) -> Vec<u8> {
    let mut row = log_prefix(tenant, id.hook);
    row.extend_from_slice(&id.event.0.to_bytes());
    row
}

/// The mark of an exhausted delivery.
fn mark_key(tenant: &TenantId, id: DeliveryId) -> Vec<u8> {
    let mut row = delivery_key(tenant, id);
    row[0] = RowKind::ExhaustedMark.prefix();
    row
}

/// The mark of a delivery that waits for its hook.
fn waiting_key(tenant: &TenantId, id: DeliveryId) -> Vec<u8> {
    let mut row = delivery_key(tenant, id);
    row[0] = RowKind::WaitingMark.prefix();
    row
}

fn attempts_prefix(tenant: &TenantId, id: DeliveryId) -> Vec<u8> {
    let mut row = delivery_key(tenant, id);
    row[0] = RowKind::Attempt.prefix();
    row
}

fn attempt_row(delivery: &Delivery, attempt: &Attempt) -> (Vec<u8>, Slice) {
    let mut row = attempts_prefix(&delivery.tenant, delivery.id);
    row.extend_from_slice(&attempt.number.to_be_bytes());
    (row, encode_expiring(attempt, delivery.expires_at))
}

fn is_waiting(row: &Delivery) -> bool {
    row.status == Status::Waiting
}

/// The smallest key of a log at or after a time.
fn key_at(tenant: &TenantId, hook: HookId, at: Timestamp) -> Vec<u8> {
    delivery_key(tenant, DeliveryId { event: EventSeq::first_at(at), hook })
}

impl EmbeddedDeliveryLog {
    /// The keys of all that belongs to a delivery.
    fn rows_of(&self, tenant: &TenantId, id: DeliveryId) -> StoreResult<Vec<Vec<u8>>> {
        let mut rows = vec![delivery_key(tenant, id), mark_key(tenant, id), waiting_key(tenant, id)];
        for row in self.0.range(Table::Logs, prefix_range(attempts_prefix(tenant, id))) {
            rows.push(row?.0.to_vec());
        }
        Ok(rows)
    }

    async fn delete_rows(&self, rows: Vec<Vec<u8>>) -> StoreResult<()> {
        let delete = move |tx: &mut Transaction<'_, '_>| {
            rows.into_iter().for_each(|row| tx.delete(Table::Logs, row));
            Ok(())
        };
        self.0.write(delete).await
    }

    /// The rows of one kind and hook, newest first, as far as `read` takes them.
    fn read<T>(
        &self,
        kind: RowKind,
        (tenant, hook): (&TenantId, HookId),
        times: TimeRange,
        limit: usize,
        cursor: Option<&str>,
        read: impl Fn(EventSeq, &[u8]) -> StoreResult<Option<T>>,
    ) -> StoreResult<Page<T>> {
        let of_kind = |mut key: Vec<u8>| {
            key[0] = kind.prefix();
            key
        };
        let prefix = of_kind(log_prefix(tenant, hook));
        let at = |time| of_kind(key_at(tenant, hook, time));
        let start = times.since.map_or_else(|| prefix.clone(), at);
        let mut end = times.until.map_or_else(|| after_prefix(&prefix), at);
        if let Some(text) = cursor {
            let event: EventSeq = cursor::decode_as(&prefix, text)?;
            end = end.min(of_kind(delivery_key(tenant, DeliveryId { event, hook })));
        }
        if start >= end {
            return Ok(Page { items: Vec::new(), next: None });
        }
        let mut items: Vec<T> = Vec::new();
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
                items.extend(read(seq, &value)?);
            }
        }
        Ok(Page { items, next: None })
    }
}

#[async_trait]
impl DeliveryLog for EmbeddedDeliveryLog {
    async fn record(&self, delivery: &Delivery, expected: Expected) -> StoreResult<()> {
        let now = self.0.clock().expiry();
        let row = delivery_key(&delivery.tenant, delivery.id);
        let value = encode_expiring(delivery, delivery.expires_at);
        let failed = delivery.last_attempt.as_ref().filter(|attempt| attempt.outcome != AttemptOutcome::Success);
        let attempt = failed.map(|attempt| attempt_row(delivery, attempt));
        self.0
            .hand_over(move |tx| {
                let found = tx.get(Table::Logs, &row)?.map(|value| decode_expiring::<Delivery>(&value, now));
                let found = found.transpose().of_row(delivery.id)?.flatten();
                if Expected::of(found.as_ref()) != expected {
                    return Err(StoreError::Conflict);
                }
                let is_or_was_waiting = [found.as_ref(), Some(delivery)].map(|row| row.is_some_and(is_waiting));
                let was_failed = found.as_ref().is_some_and(|row| row.status == Status::Failed);
                // A success gets a row of its own once another attempt takes its place.
                let overwritten =
                    found.and_then(|row| row.last_attempt).filter(|a| a.outcome == AttemptOutcome::Success);
                let last = delivery.last_attempt.as_ref().map(|attempt| attempt.number);
                if let Some(success) = overwritten.filter(|attempt| Some(attempt.number) != last) {
                    let (row, value) = attempt_row(delivery, &success);
                    tx.put(Table::Logs, row, value);
                }
                tx.put(Table::Logs, row, value);
                if delivery.status == Status::Failed {
                    let mark = encode_expiring(&(), delivery.expires_at);
                    tx.put(Table::Logs, mark_key(&delivery.tenant, delivery.id), mark);
                } else if was_failed {
                    tx.delete(Table::Logs, mark_key(&delivery.tenant, delivery.id));
                }
                let waiting = waiting_key(&delivery.tenant, delivery.id);
                match is_or_was_waiting {
                    [_, true] => tx.put(Table::Logs, waiting, encode_expiring(&(), delivery.expires_at)),
                    [true, false] => tx.delete(Table::Logs, waiting),
                    [false, false] => {}
                }
                if let Some((row, value)) = attempt {
                    tx.put(Table::Logs, row, value);
                }
                Ok(())
            })
            .await
    }

    async fn get(&self, tenant: &TenantId, id: DeliveryId) -> StoreResult<Option<Delivery>> {
        let value = self.0.get(Table::Logs, &delivery_key(tenant, id))?;
        Ok(value.map(|value| decode_expiring(&value, self.0.clock().expiry())).transpose().of_row(id)?.flatten())
    }

    async fn attempts(&self, delivery: &Delivery) -> StoreResult<Vec<Listed<Attempt>>> {
        let now = self.0.clock().expiry();
        let Some(last) = &delivery.last_attempt else { return Ok(Vec::new()) };
        let mut attempts = Vec::new();
        for row in self.0.range(Table::Logs, prefix_range(attempts_prefix(&delivery.tenant, delivery.id))) {
            let (key, value) = row?;
            let number = key.last_chunk::<4>().ok_or_else(|| StoreError::Corrupt("a short key".into()))?;
            let number = u32::from_be_bytes(*number);
            // What was logged since the row was read is not part of it.
            if number < last.number {
                attempts.extend(decode_expiring::<Attempt>(&value, now).listed(number)?.transpose());
            }
        }
        attempts.push(Ok(last.clone()));
        Ok(attempts)
    }

    async fn list(
        &self,
        tenant: &TenantId,
        hook: HookId,
        filter: &LogFilter,
        limit: usize,
        cursor: Option<&str>,
    ) -> StoreResult<Page<Listed<Delivery>>> {
        let now = self.0.clock().expiry();
        let times = TimeRange { since: filter.since, until: filter.until };
        self.read(RowKind::Delivery, (tenant, hook), times, limit, cursor, |event, value| {
            Ok(filter.listed(decode_expiring(value, now).listed(DeliveryId { event, hook })?))
        })
    }

    async fn failed(
        &self,
        tenant: &TenantId,
        hook: HookId,
        times: TimeRange,
        limit: usize,
        cursor: Option<&str>,
    ) -> StoreResult<Page<EventSeq>> {
        let now = self.0.clock().expiry();
        self.read(RowKind::ExhaustedMark, (tenant, hook), times, limit, cursor, |seq, value| {
            // All that counts is in its key.
            Ok(decode_expiring::<()>(value, now).unwrap_or(Some(())).map(|()| seq))
        })
    }

    async fn waiting(
        &self,
        tenant: &TenantId,
        hook: HookId,
        limit: usize,
        cursor: Option<&str>,
    ) -> StoreResult<Page<EventSeq>> {
        let now = self.0.clock().expiry();
        let of_kind = |mut key: Vec<u8>| {
            key[0] = RowKind::WaitingMark.prefix();
            key
        };
        let prefix = of_kind(log_prefix(tenant, hook));
        let start = match cursor {
            Some(text) => {
                let event: EventSeq = cursor::decode_as(&prefix, text)?;
                Bound::Excluded(waiting_key(tenant, DeliveryId { event, hook }))
            }
            None => Bound::Included(prefix.clone()),
        };
        let mut items = Vec::new();
        let mut last_read = None;
        for (scanned, row) in self.0.range(Table::Logs, (start, Bound::Excluded(after_prefix(&prefix)))).enumerate() {
            if items.len() == limit || scanned == SCANNED_ROWS {
                return Ok(Page { items, next: last_read });
            }
            let (key, value) = row?;
            if let Some((_, seq)) = key.split_last_chunk::<16>() {
                let seq = EventSeq(ulid::Ulid::from_bytes(*seq));
                last_read = Some(cursor::encode(&prefix, seq.to_string().as_bytes()));
                // All that counts is in its key.
                items.extend(decode_expiring::<()>(&value, now).unwrap_or(Some(())).map(|()| seq));
            }
        }
        Ok(Page { items, next: None })
    }

    async fn delete(&self, deliveries: &[Delivery]) -> StoreResult<()> {
        let mut rows = Vec::new();
        for delivery in deliveries {
            rows.extend(self.rows_of(&delivery.tenant, delivery.id)?);
        }
        self.delete_rows(rows).await
    }

    async fn delete_unreadable(&self, tenant: &TenantId, id: DeliveryId) -> StoreResult<()> {
        self.delete_rows(self.rows_of(tenant, id)?).await
    }
}
