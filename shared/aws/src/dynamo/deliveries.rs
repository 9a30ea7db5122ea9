mod attempt;

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use ulid::Ulid;

use attempt::{attempt_fields, attempt_key, attempt_row, read_attempt};

use super::events::absent_or_expired;
use super::item::{Item, SK};
use super::row_kind::RowKind;
use super::table::{Condition, Consistency, DynamoTable, KeyRange, Refused, SortOrder};
use contract::cursor;
use contract::ports::{
    Clock, DeliveryLog, Expected, Listed, LogFilter, OfRow as _, Page, StoreError, StoreResult, TimeRange,
};
use domain::delivery::{Attempt, AttemptOutcome, Delivery, Status, Trigger};
use domain::ids::{DeliveryId, EventSeq, HookId, TenantId};
use domain::time::Timestamp;

/// Rows that one page may look at, so that a filter which admits almost
/// nothing costs a bounded call and hands back a cursor instead.
const MAX_ROWS_PER_PAGE: usize = 1_000;
/// A filtered page reads this many rows at a time, however few it needs.
const MIN_FILTERED_READ: usize = 100;

/// The log in the table `logs`.
///
/// A delivery that succeeds at once is one item below 1 KB, hence one write
/// unit. An attempt that failed is an item of its own as well, written first:
/// a writer that dies between the two leaves an attempt that the same delivery,
/// redelivered, writes again.
#[derive(Clone)]
pub struct DynamoDeliveryLog {
    table: DynamoTable,
    clock: Arc<dyn Clock>,
}

impl DynamoDeliveryLog {
    pub fn new(client: Client, logs_table: impl Into<String>, clock: Arc<dyn Clock>) -> Self {
        Self { table: DynamoTable::new(client, logs_table), clock }
    }

    async fn keep_attempt(&self, delivery: &Delivery, attempt: &Attempt, expected: Expected) -> StoreResult<()> {
        let row = attempt_row(attempt, attempts_partition(&delivery.tenant, delivery.id), delivery.expires_at);
        match self.table.put(row.clone(), Some(absent_or_expired(self.clock.now()))).await {
            Ok(()) => Ok(()),
            Err(Refused::Condition(_)) => {
                // Somebody logged this attempt and got further, or died before
                // writing the delivery. The delivery's own row tells which.
                let stored = self.get(&delivery.tenant, delivery.id).await?;
                if Expected::of(stored.as_ref()) != expected {
                    return Err(StoreError::Conflict);
                }
                Ok(self.table.put(row, None).await?)
            }
            Err(Refused::Busy(error) | Refused::Other(error)) => Err(error),
        }
    }

    /// A success gets a row of its own before another attempt takes its place.
    /// Only attempts by hand and overtaken copies follow one, so its absence is
    /// part of the condition, and the usual write costs nothing for it.
    async fn put_row(&self, delivery: &Delivery, expected: Expected, condition: Condition) -> StoreResult<()> {
        let Expected::Attempts(count) = expected else {
            return Ok(self.table.put(delivery_row(delivery), Some(condition)).await?);
        };
        let unless = condition.clone().and("s <> :done").text(":done", Status::Succeeded.as_str());
        match self.table.put(delivery_row(delivery), Some(unless)).await {
            Err(Refused::Condition(Some(row))) => {
                let stored = self.read(&row, &delivery.tenant, delivery.id).of_row(delivery.id)?;
                let Some(stored) = stored.filter(|row| (row.status, row.attempt_count) == (Status::Succeeded, count))
                else {
                    return Err(StoreError::Conflict);
                };
                let last = delivery.last_attempt.as_ref().map(|attempt| attempt.number);
                let success = stored.last_attempt.filter(|attempt| attempt.outcome == AttemptOutcome::Success);
                if let Some(success) = success.filter(|attempt| Some(attempt.number) != last) {
                    let pk = attempts_partition(&delivery.tenant, delivery.id);
                    self.table.put(attempt_row(&success, pk, delivery.expires_at), None).await?;
                }
                Ok(self.table.put(delivery_row(delivery), Some(condition)).await?)
            }
            other => Ok(other?),
        }
    }

    async fn marks(&self, pk: &str, range: KeyRange, order: SortOrder, limit: usize) -> StoreResult<Page<EventSeq>> {
        let rows = self.table.query(pk, range, order, limit, Consistency::Strong).await?;
        let now = self.clock.now();
        let (mut items, mut last) = (Vec::new(), None);
        for row in &rows.items {
            let seq: Ulid = row.get_parsed(SK)?;
            last = Some(cursor::encode(pk, seq.to_string().as_bytes()));
            // All that counts is in its key.
            if row.is_live(now).unwrap_or(true) {
                items.push(EventSeq(seq));
            }
        }
        Ok(Page { items, next: last.filter(|_| rows.more) })
    }

    fn read(&self, row: &Item, tenant: &TenantId, id: DeliveryId) -> StoreResult<Option<Delivery>> {
        if row.is_live(self.clock.now())? { read_delivery(row, tenant, id).map(Some) } else { Ok(None) }
    }
}

fn partition(tenant: &TenantId, hook: HookId) -> String {
    RowKind::Delivery.partition(&[tenant.as_str(), &hook.0.to_string()])
}

/// The marks of a hook's exhausted deliveries.
fn marks_partition(tenant: &TenantId, hook: HookId) -> String {
    RowKind::ExhaustedMark.partition(&[tenant.as_str(), &hook.0.to_string()])
}

/// The marks of what waits for a hook.
fn waiting_partition(tenant: &TenantId, hook: HookId) -> String {
    RowKind::WaitingMark.partition(&[tenant.as_str(), &hook.0.to_string()])
}

fn attempts_partition(tenant: &TenantId, id: DeliveryId) -> String {
    RowKind::Attempt.partition(&[tenant.as_str(), &id.hook.0.to_string(), &id.event.0.to_string()])
}

fn delivery_row(delivery: &Delivery) -> Item {
    let mut row = Item::new(partition(&delivery.tenant, delivery.id.hook), delivery.id.event.0.to_string())
        .text("e", delivery.event_id.as_str())
        .text("y", delivery.event_type.as_str())
        .word("s", delivery.status)
        .number("n", delivery.attempt_count)
        .maybe_number("i", (delivery.due_step > 0).then_some(delivery.due_step))
        .maybe_number("w", delivery.next_attempt_at.map(Timestamp::as_millis))
        .time("c", delivery.created_at)
        .time("u", delivery.updated_at)
        .maybe_text("l", Some(delivery.requests.join(" ")).filter(|text| !text.is_empty()).as_deref())
        .maybe_number("b", delivery.restarted_at.map(Timestamp::as_millis))
        .maybe_text("r", delivery.reason.as_deref())
        .maybe_number("q", delivery.waits_until.map(Timestamp::as_millis))
        .expiring(delivery.expires_at)
        .with_unknown(&delivery.unknown);
    if let Some(attempt) = &delivery.last_attempt {
        row = row.map("a", attempt_fields(attempt, Item::default()));
    }
    row
}

/// The attributes of a delivery's row, besides those of any row.
const DELIVERY: [&str; 13] = ["e", "y", "s", "n", "i", "w", "c", "u", "l", "b", "r", "q", "a"];

fn read_delivery(row: &Item, tenant: &TenantId, id: DeliveryId) -> StoreResult<Delivery> {
    Ok(Delivery {
        tenant: tenant.clone(),
        id,
        event_id: row.get_parsed("e")?,
        event_type: row.get_parsed("y")?,
        status: row.get_word("s")?,
        attempt_count: row.get_number("n")?,
        due_step: row.find_number("i")?.unwrap_or_default(),
        next_attempt_at: row.find_time("w")?,
        created_at: row.get_time("c")?,
        updated_at: row.get_time("u")?,
        last_attempt: row.find_map("a").map(|a| read_attempt(&a)).transpose()?,
        requests: row.find_text("l").unwrap_or_default().split_whitespace().map(str::to_owned).collect(),
        restarted_at: row.find_time("b")?,
        reason: row.find_text("r").map(str::to_owned),
        waits_until: row.find_time("q")?,
        expires_at: row.get_time("x")?,
        unknown: row.unknown(&DELIVERY),
    })
}

/// The event sequences a list still has to look at, both ends included.
/// Sequences are numbers that begin with a time, so both the filter's times
/// and the cursor narrow one range. Nothing when the range is empty.
fn range(since: Option<Timestamp>, until: Option<Timestamp>, before: Option<Ulid>) -> Option<(Ulid, Ulid)> {
    let first_of = |at: Timestamp| EventSeq::first_at(at).0;
    let low = since.map_or(Ulid(0), first_of);
    let end = |exclusive: Ulid| exclusive.0.checked_sub(1).map(Ulid);
    let mut high = Ulid(u128::MAX);
    for bound in [until.map(first_of), before].into_iter().flatten() {
        high = high.min(end(bound)?);
    }
    (low <= high).then_some((low, high))
}

fn as_read(expression: &str, attempts: u32, now: Timestamp) -> Condition {
    Condition::of(expression).number(":n", attempts).number(":now", now.as_millis())
}

#[async_trait]
impl DeliveryLog for DynamoDeliveryLog {
    async fn record(&self, delivery: &Delivery, expected: Expected) -> StoreResult<()> {
        if let Some(failed) = delivery.last_attempt.as_ref().filter(|a| a.outcome != AttemptOutcome::Success) {
            self.keep_attempt(delivery, failed, expected).await?;
        }
        let now = self.clock.now();
        let condition = match expected {
            Expected::Absent => absent_or_expired(now),
            Expected::Attempts(count) => as_read("n = :n AND s <> :s AND s <> :w AND x > :now", count, now)
                .text(":s", Status::Skipped.as_str())
                .text(":w", Status::Waiting.as_str()),
            Expected::Skipped(count) => {
                as_read("n = :n AND s = :s AND x > :now", count, now).text(":s", Status::Skipped.as_str())
            }
            Expected::Waiting(count) => {
                as_read("n = :n AND s = :w AND x > :now", count, now).text(":w", Status::Waiting.as_str())
            }
        };
        let mark = (marks_partition(&delivery.tenant, delivery.id.hook), delivery.id.event.0.to_string());
        // Before the row, so that no exhausted delivery is without one.
        if delivery.status == Status::Failed {
            self.table.put(Item::new(mark.0.clone(), mark.1.clone()).expiring(delivery.expires_at), None).await?;
        }
        let waits = (waiting_partition(&delivery.tenant, delivery.id.hook), mark.1.clone());
        if delivery.status == Status::Waiting {
            self.table.put(Item::new(waits.0.clone(), waits.1.clone()).expiring(delivery.expires_at), None).await?;
        }
        self.put_row(delivery, expected, condition).await?;
        if matches!(expected, Expected::Waiting(_)) && delivery.status != Status::Waiting {
            self.table.delete(&waits.0, &waits.1).await?;
        }
        // Only attempts out of turn lead out of that state.
        let out_of_turn =
            delivery.last_attempt.as_ref().is_some_and(|a| matches!(a.trigger, Trigger::Manual | Trigger::Replay));
        if out_of_turn && delivery.status != Status::Failed {
            self.table.delete(&mark.0, &mark.1).await?;
        }
        Ok(())
    }

    async fn get(&self, tenant: &TenantId, id: DeliveryId) -> StoreResult<Option<Delivery>> {
        let pk = partition(tenant, id.hook);
        match self.table.get(&pk, &id.event.0.to_string(), Consistency::Strong).await? {
            Some(row) => self.read(&row, tenant, id).of_row(id),
            None => Ok(None),
        }
    }

    async fn attempts(&self, delivery: &Delivery) -> StoreResult<Vec<Listed<Attempt>>> {
        let now = self.clock.now();
        let last = delivery.last_attempt.as_ref();
        let mut attempts = Vec::new();
        for row in self.table.query_all(&attempts_partition(&delivery.tenant, delivery.id)).await? {
            let number: u32 = row.get_parsed(SK)?;
            // A higher number is being logged right now and is not part of this
            // state of the delivery yet.
            if row.is_live(now).unwrap_or(true) && last.is_some_and(|l| number < l.number) {
                attempts.push(read_attempt(&row).listed(number)?);
            }
        }
        attempts.extend(last.cloned().map(Ok));
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
        let pk = partition(tenant, hook);
        let limit = limit.max(1);
        let LogFilter { status, event, event_type, codes, .. } = filter;
        let filtered = status.is_some() || event.is_some() || event_type.is_some() || codes.is_some();
        let batch = if filtered { limit.max(MIN_FILTERED_READ) } else { limit };
        let mut before = cursor.map(|c| cursor::decode_as::<Ulid>(&pk, c)).transpose()?;
        let mut items = Vec::new();
        let mut rows_left = MAX_ROWS_PER_PAGE;

        while let Some((low, high)) = range(filter.since, filter.until, before) {
            let range = KeyRange::Between(low.to_string(), high.to_string());
            let read = batch.min(rows_left);
            let rows = self.table.query(&pk, range, SortOrder::Descending, read, Consistency::Strong).await?;
            rows_left = rows_left.saturating_sub(rows.items.len());
            let count = rows.items.len();
            for (index, row) in rows.items.iter().enumerate() {
                let seq: Ulid = row.get_parsed(SK)?;
                before = Some(seq);
                let id = DeliveryId { event: EventSeq(seq), hook };
                items.extend(filter.listed(self.read(row, tenant, id).listed(id)?));
                let more = rows.more || index + 1 < count;
                if items.len() == limit && more {
                    return Ok(Page { items, next: Some(cursor::encode(&pk, seq.to_string().as_bytes())) });
                }
            }
            match before {
                Some(seq) if rows.more && rows_left == 0 => {
                    return Ok(Page { items, next: Some(cursor::encode(&pk, seq.to_string().as_bytes())) });
                }
                _ if rows.more => {}
                _ => break,
            }
        }
        Ok(Page { items, next: None })
    }

    async fn failed(
        &self,
        tenant: &TenantId,
        hook: HookId,
        times: TimeRange,
        limit: usize,
        cursor: Option<&str>,
    ) -> StoreResult<Page<EventSeq>> {
        let pk = marks_partition(tenant, hook);
        let before = cursor.map(|c| cursor::decode_as::<Ulid>(&pk, c)).transpose()?;
        let Some((low, high)) = range(times.since, times.until, before) else {
            return Ok(Page { items: Vec::new(), next: None });
        };
        let range = KeyRange::Between(low.to_string(), high.to_string());
        self.marks(&pk, range, SortOrder::Descending, limit).await
    }

    async fn waiting(
        &self,
        tenant: &TenantId,
        hook: HookId,
        limit: usize,
        cursor: Option<&str>,
    ) -> StoreResult<Page<EventSeq>> {
        let pk = waiting_partition(tenant, hook);
        let after = cursor.map(|c| cursor::decode_as::<Ulid>(&pk, c)).transpose()?;
        let Some(low) = after.map_or(Some(0), |after| after.0.checked_add(1)) else {
            return Ok(Page { items: Vec::new(), next: None });
        };
        let range = KeyRange::Between(Ulid(low).to_string(), Ulid(u128::MAX).to_string());
        self.marks(&pk, range, SortOrder::Ascending, limit).await
    }

    async fn delete(&self, deliveries: &[Delivery]) -> StoreResult<()> {
        let mut rows = Vec::new();
        for delivery in deliveries {
            let (tenant, id) = (&delivery.tenant, delivery.id);
            let seq = id.event.0.to_string();
            let failed_once = delivery.attempt_count > 1 || delivery.status != Status::Succeeded;
            // Only what failed has attempts of its own; their numbers tell their keys.
            let attempts = if failed_once { delivery.attempt_count } else { 0 };
            rows.extend((1..=attempts).map(|number| (attempts_partition(tenant, id), attempt_key(number))));
            if failed_once {
                rows.push((marks_partition(tenant, id.hook), seq.clone()));
            }
            if delivery.status == Status::Waiting {
                rows.push((waiting_partition(tenant, id.hook), seq.clone()));
            }
            // The row goes last: while it is there, all of this can be repeated.
            rows.push((partition(tenant, id.hook), seq));
        }
        for (pk, sk) in rows {
            self.table.delete(&pk, &sk).await?;
        }
        Ok(())
    }

    async fn delete_unreadable(&self, tenant: &TenantId, id: DeliveryId) -> StoreResult<()> {
        let attempts = attempts_partition(tenant, id);
        for row in self.table.query_all(&attempts).await? {
            self.table.delete(&attempts, row.get_text(SK)?).await?;
        }
        let seq = id.event.0.to_string();
        self.table.delete(&marks_partition(tenant, id.hook), &seq).await?;
        self.table.delete(&waiting_partition(tenant, id.hook), &seq).await?;
        self.table.delete(&partition(tenant, id.hook), &seq).await?;
        Ok(())
    }
}
