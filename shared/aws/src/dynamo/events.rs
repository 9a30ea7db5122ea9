use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use serde_json::value::RawValue;
use ulid::Ulid;

use super::compress::{deflate, inflate};
use super::item::{EXPIRY, Item, SK, corrupt};
use super::row_kind::RowKind;
use super::table::{Condition, Consistency, DynamoTable, KeyRange, Refused, SortOrder};
use contract::cursor;
use contract::ports::{
    Clock, EventRef, Events, Listed, OfRow as _, Page, Recorded, StoreError, StoreResult, TimeRange,
};
use domain::event::{Event, FanoutPage, MAX_DATA_BYTES};
use domain::ids::{EventId, EventSeq, HookId, TenantId};
use domain::time::Timestamp;
use domain::unknown::Unknown;

/// Events and the pages of their fan-out in the table `logs`.
///
/// The row of page zero carries the event as well, so that an event with few
/// hooks is one write; later pages lie behind it in the same partition.
#[derive(Clone)]
pub struct DynamoEvents {
    table: DynamoTable,
    clock: Arc<dyn Clock>,
}

impl DynamoEvents {
    pub fn new(client: Client, logs_table: impl Into<String>, clock: Arc<dyn Clock>) -> Self {
        Self { table: DynamoTable::new(client, logs_table), clock }
    }

    /// Writes a row unless one is there, and says what the one that is there
    /// means to the writer. A condition, not a read, so that of two concurrent
    /// writers one wins.
    async fn record_row<T>(
        &self,
        item: Item,
        token: &str,
        read: impl FnOnce(&Item) -> StoreResult<T>,
    ) -> StoreResult<Recorded<T>> {
        match self.table.put(item, Some(absent_or_expired(self.clock.now()))).await {
            Ok(()) => Ok(Recorded::New),
            Err(Refused::Condition(Some(stored))) if stored.find_text("m") == Some(token) => {
                Ok(Recorded::Resumed(read(&stored)?))
            }
            Err(Refused::Condition(_)) => Ok(Recorded::Duplicate),
            Err(Refused::Busy(error) | Refused::Other(error)) => Err(error),
        }
    }
}

/// Rows outlive their expiry until DynamoDB gets to them.
pub(super) fn absent_or_expired(now: Timestamp) -> Condition {
    Condition::of("attribute_not_exists(pk) OR x <= :now").number(":now", now.as_millis())
}

fn partition(tenant: &TenantId, id: &EventId) -> String {
    RowKind::Event.partition(&[tenant.as_str(), id.as_str()])
}

/// Events that are in no hook's log, in order of time.
fn unclaimed_partition(tenant: &TenantId) -> String {
    RowKind::UnclaimedEvent.partition(&[tenant.as_str()])
}

/// Ten digits hold every page number and sort as numbers do.
fn page_key(number: u32) -> String {
    format!("{number:010}")
}

fn page_item(event: &Event, page: &FanoutPage) -> Item {
    Item::new(partition(&event.tenant, &event.id), page_key(page.number))
        .text("m", &page.token)
        .ulids("h", page.hooks.iter().map(|hook| hook.0))
        .maybe_text("c", page.next.as_deref())
        .expiring(event.expires_at)
}

fn read_page(item: &Item) -> StoreResult<FanoutPage> {
    Ok(FanoutPage {
        number: item.get_parsed(SK)?,
        token: item.get_text("m")?.to_owned(),
        hooks: item.get_ulids("h")?.into_iter().map(HookId).collect(),
        next: item.find_text("c").map(str::to_owned),
        unknown: Unknown::NONE,
    })
}

fn event_item(event: &Event, page: &FanoutPage) -> Item {
    let mut item = page_item(event, page)
        .ulids("q", std::iter::once(event.seq.0))
        .text("y", event.event_type.as_str())
        .time("t", event.timestamp)
        .maybe_number("na", event.not_after.map(Timestamp::as_millis))
        .maybe_number("da", event.deliver_at.map(Timestamp::as_millis));
    if !event.channels.is_empty() {
        let channels: Vec<&str> = event.channels.iter().map(|c| c.as_str()).collect();
        // A channel cannot hold a space.
        item = item.text("ch", channels.join(" "));
    }
    let Some(data) = event.data.as_ref().map(|data| data.get().as_bytes()) else { return item };
    match deflate(data) {
        Some(smaller) => item.bytes("z", smaller),
        None => item.bytes("d", data.to_vec()),
    }
}

fn read_event(tenant: &TenantId, id: &EventId, item: &Item) -> StoreResult<Event> {
    let data = match (item.find_bytes("z"), item.find_bytes("d")) {
        (Some(deflated), _) => Some(inflate(deflated, MAX_DATA_BYTES)?),
        (None, Some(data)) => Some(data.to_vec()),
        // It was expunged.
        (None, None) => None,
    };
    let parse = |data| RawValue::from_string(String::from_utf8(data).map_err(corrupt)?).map_err(corrupt);
    let data = data.map(parse).transpose()?;
    let seq = item.get_ulids("q")?.first().copied().ok_or_else(|| StoreError::Corrupt("no sequence".into()))?;
    let channels = item.find_text("ch").unwrap_or_default().split_whitespace();
    Ok(Event {
        tenant: tenant.clone(),
        id: id.clone(),
        seq: EventSeq(seq),
        event_type: item.get_parsed("y")?,
        timestamp: item.get_time("t")?,
        not_after: item.find_time("na")?,
        deliver_at: item.find_time("da")?,
        channels: channels.map(|c| c.parse().map_err(corrupt)).collect::<StoreResult<_>>()?,
        data: data.map(Into::into),
        expires_at: item.get_time("x")?,
        // Its row is never written from here a second time.
        unknown: Unknown::NONE,
    })
}

#[async_trait]
impl Events for DynamoEvents {
    async fn record(&self, event: &Event, page: &FanoutPage) -> StoreResult<Recorded<(Event, FanoutPage)>> {
        self.record_row(event_item(event, page), &page.token, |stored| {
            Ok((read_event(&event.tenant, &event.id, stored)?, read_page(stored)?))
        })
        .await
    }

    async fn record_page(&self, event: &Event, page: &FanoutPage) -> StoreResult<Recorded<FanoutPage>> {
        self.record_row(page_item(event, page), &page.token, read_page).await
    }

    async fn get(&self, tenant: &TenantId, id: &EventId) -> StoreResult<Option<Event>> {
        let row = self.table.get(&partition(tenant, id), &page_key(0), Consistency::Strong).await?;
        match row {
            Some(row) if row.is_live(self.clock.now()).of_row(id)? => read_event(tenant, id, &row).of_row(id).map(Some),
            _ => Ok(None),
        }
    }

    async fn expired_at(&self, tenant: &TenantId, id: &EventId) -> StoreResult<Option<Timestamp>> {
        let row = self.table.get(&partition(tenant, id), &page_key(0), Consistency::Strong).await?;
        let expires_at = row.map(|row| row.get_time(EXPIRY)).transpose().of_row(id)?;
        Ok(expires_at.filter(|at| *at <= self.clock.now()))
    }

    async fn pages(
        &self,
        tenant: &TenantId,
        id: &EventId,
        limit: usize,
        cursor: Option<&str>,
    ) -> StoreResult<Page<Listed<FanoutPage>>> {
        let pk = partition(tenant, id);
        let range = match cursor {
            Some(cursor) => KeyRange::After(page_key(cursor::decode_as(&pk, cursor)?)),
            None => KeyRange::All,
        };
        let rows = self.table.query(&pk, range, SortOrder::Ascending, limit, Consistency::Strong).await?;
        let last = rows.items.last().filter(|_| rows.more).map(|row| row.get_text(SK)).transpose()?;
        let next = last.map(|key| cursor::encode(&pk, key.as_bytes()));
        let now = self.clock.now();
        let mut items = Vec::with_capacity(rows.items.len());
        for row in &rows.items {
            if row.is_live(now).unwrap_or(true) {
                items.push(read_page(row).listed(format_args!("page {} of {id}", row.get_text(SK)?))?);
            }
        }
        Ok(Page { items, next })
    }

    async fn expunge(&self, tenant: &TenantId, id: &EventId) -> StoreResult<bool> {
        let Some(mut row) = self.table.get(&partition(tenant, id), &page_key(0), Consistency::Strong).await? else {
            return Ok(false);
        };
        if !row.is_live(self.clock.now())? {
            return Ok(false);
        }
        row.0.retain(|name, _| name != "z" && name != "d");
        // Nothing else ever changes the row, save its end and a new beginning.
        let same = Condition::of("x = :x").number(":x", row.get_time(EXPIRY)?.as_millis());
        self.table.put(row, Some(same)).await?;
        Ok(true)
    }

    async fn delete(&self, tenant: &TenantId, event: &EventRef) -> StoreResult<()> {
        let pk = partition(tenant, &event.id);
        let rows = self.table.query_all(&pk).await?;
        let stored = rows.first().filter(|row| row.find_text(SK) == Some(&page_key(0)));
        // One that cannot be read is nobody else's.
        let is_it =
            |row: &Item| row.get_ulids("q").map_or(true, |seq| seq.first().is_none_or(|seq| *seq == event.seq.0));
        if stored.is_some_and(is_it) {
            // Page zero is the event itself and goes last, so that what breaks off can be repeated.
            for row in rows.iter().rev() {
                // Meanwhile the id may be a later event's.
                let same = match row.find_text("m") {
                    Some(token) => Condition::of("m = :m").text(":m", token),
                    None => Condition::of("attribute_not_exists(m)"),
                };
                self.table.delete_if(&pk, row.get_text(SK)?, same).await?;
            }
        }
        self.table.delete(&unclaimed_partition(tenant), &event.seq.0.to_string()).await?;
        Ok(())
    }

    async fn unclaim(&self, tenant: &TenantId, events: &[(EventRef, Timestamp)]) -> StoreResult<()> {
        for (event, expires_at) in events {
            let row = Item::new(unclaimed_partition(tenant), event.seq.0.to_string());
            self.table.put(row.text("e", event.id.as_str()).expiring(*expires_at), None).await?;
        }
        Ok(())
    }

    async fn unclaimed(
        &self,
        tenant: &TenantId,
        times: TimeRange,
        limit: usize,
        cursor: Option<&str>,
    ) -> StoreResult<Page<EventRef>> {
        let pk = unclaimed_partition(tenant);
        let mut low = times.since.map_or(EventSeq(Ulid(0)), EventSeq::first_at).0;
        if let Some(cursor) = cursor {
            low = low.max(Ulid(cursor::decode_as::<Ulid>(&pk, cursor)?.0.saturating_add(1)));
        }
        let high = times.until.map_or(Ulid(u128::MAX), |until| Ulid(EventSeq::first_at(until).0.0.saturating_sub(1)));
        if low > high {
            return Ok(Page { items: Vec::new(), next: None });
        }
        let range = KeyRange::Between(low.to_string(), high.to_string());
        let rows = self.table.query(&pk, range, SortOrder::Ascending, limit, Consistency::Eventual).await?;
        let last = rows.items.last().filter(|_| rows.more).map(|row| row.get_text(SK)).transpose()?;
        let next = last.map(|key| cursor::encode(&pk, key.as_bytes()));
        let now = self.clock.now();
        let mut items = Vec::with_capacity(rows.items.len());
        for row in &rows.items {
            let read = || {
                let event = EventRef { seq: EventSeq(row.get_parsed::<Ulid>(SK)?), id: row.get_parsed("e")? };
                Ok(row.is_live(now)?.then_some(event))
            };
            match read().listed(row.get_text(SK)?)? {
                Ok(event) => items.extend(event),
                Err(unreadable) => {
                    tracing::error!(tenant.id = %tenant, error = %unreadable, "an event in no log is passed over")
                }
            }
        }
        Ok(Page { items, next })
    }
}
