use std::ops::Bound;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::codec::{after_prefix, decode_expiring, encode_expiring, expires_at_millis, key, prefix_range};
use super::row_kind::RowKind;
use super::store::{Store, Table};
use contract::cursor;
use contract::ports::{EventRef, Events, Listed, OfRow as _, Page, Recorded, StoreError, StoreResult, TimeRange};
use domain::event::{Event, FanoutPage};
use domain::ids::{EventId, EventSeq, TenantId};
use domain::time::Timestamp;
use domain::unknown::{Unknown, keeps_unknown};

/// Rows one call looks at before it returns a short page.
const SCANNED_ROWS: usize = 2_000;

/// Writes do not wait for the disk: until they are there, the message that
/// caused them is, and fan-out makes the same of it again.
#[derive(Clone)]
pub struct EmbeddedEvents(pub Store);

fn event_key(tenant: &TenantId, id: &EventId) -> Vec<u8> {
    key(RowKind::Event, &[tenant.as_str(), id.as_str()])
}

fn page_key(tenant: &TenantId, id: &EventId, number: u32) -> Vec<u8> {
    let mut row = key(RowKind::FanoutPage, &[tenant.as_str(), id.as_str()]);
    row.extend_from_slice(&number.to_be_bytes());
    row
}

/// An event that is in no hook's log, under its time.
fn unclaimed_key(tenant: &TenantId, seq: EventSeq) -> Vec<u8> {
    let mut row = key(RowKind::UnclaimedEvent, &[tenant.as_str()]);
    row.extend_from_slice(&seq.0.to_bytes());
    row
}

/// An event and the first page of its fan-out, which are written together.
#[derive(Serialize, Deserialize)]
#[serde(remote = "Self")]
pub(super) struct EventRow {
    pub event: Event,
    pub page: FanoutPage,
    #[serde(skip)]
    pub unknown: Unknown,
}

keeps_unknown!(EventRow);

/// The same, as it is first written.
#[derive(Serialize)]
struct NewEventRow<'a> {
    event: &'a Event,
    page: &'a FanoutPage,
}

impl EmbeddedEvents {
    fn row(&self, tenant: &TenantId, id: &EventId) -> StoreResult<Option<EventRow>> {
        let value = self.0.get(Table::Logs, &event_key(tenant, id))?;
        Ok(value.map(|value| decode_expiring(&value, self.0.clock().expiry())).transpose().of_row(id)?.flatten())
    }
}

#[async_trait]
impl Events for EmbeddedEvents {
    async fn record(&self, event: &Event, page: &FanoutPage) -> StoreResult<Recorded<(Event, FanoutPage)>> {
        let now = self.0.clock().expiry();
        let row = event_key(&event.tenant, &event.id);
        let value = encode_expiring(&NewEventRow { event, page }, event.expires_at);
        let (token, id) = (page.token.clone(), event.id.clone());
        self.0
            .write_in_order(move |tx| {
                let found = tx.get(Table::Logs, &row)?.map(|value| decode_expiring(&value, now));
                let found = found.transpose().of_row(&id)?;
                if let Some(EventRow { event, page, .. }) = found.flatten() {
                    return Ok(match page_is_of(&page, &token) {
                        true => Recorded::Resumed((event, page)),
                        false => Recorded::Duplicate,
                    });
                }
                tx.put(Table::Logs, row, value);
                Ok(Recorded::New)
            })
            .await
    }

    async fn record_page(&self, event: &Event, page: &FanoutPage) -> StoreResult<Recorded<FanoutPage>> {
        let now = self.0.clock().expiry();
        let row = page_key(&event.tenant, &event.id, page.number);
        let value = encode_expiring(page, event.expires_at);
        let token = page.token.clone();
        self.0
            .write_in_order(move |tx| {
                let found = tx.get(Table::Logs, &row)?.map(|value| decode_expiring(&value, now)).transpose()?;
                if let Some(page) = found.flatten() {
                    return Ok(match page_is_of(&page, &token) {
                        true => Recorded::Resumed(page),
                        false => Recorded::Duplicate,
                    });
                }
                tx.put(Table::Logs, row, value);
                Ok(Recorded::New)
            })
            .await
    }

    async fn get(&self, tenant: &TenantId, id: &EventId) -> StoreResult<Option<Event>> {
        Ok(self.row(tenant, id)?.map(|row| row.event))
    }

    async fn expired_at(&self, tenant: &TenantId, id: &EventId) -> StoreResult<Option<Timestamp>> {
        let value = self.0.get(Table::Logs, &event_key(tenant, id))?;
        let expires_at = value.and_then(|value| expires_at_millis(&value)).map(Timestamp::from_millis);
        Ok(expires_at.filter(|at| *at <= self.0.clock().expiry()))
    }

    async fn pages(
        &self,
        tenant: &TenantId,
        id: &EventId,
        limit: usize,
        cursor: Option<&str>,
    ) -> StoreResult<Page<Listed<FanoutPage>>> {
        let prefix = key(RowKind::FanoutPage, &[tenant.as_str(), id.as_str()]);
        let end = Bound::Excluded(after_prefix(&prefix));
        let start = match cursor {
            Some(cursor) => Bound::Excluded(page_key(tenant, id, cursor::decode_as(&prefix, cursor)?)),
            None => Bound::Included(prefix.clone()),
        };
        let now = self.0.clock().expiry();
        let mut items: Vec<Listed<FanoutPage>> = Vec::new();
        if cursor.is_none() {
            items.extend(self.row(tenant, id)?.map(|row| Ok(row.page)));
        }
        let mut last = 0;
        for row in self.0.range(Table::Logs, (start, end)) {
            if items.len() == limit {
                return Ok(Page { items, next: Some(cursor::encode(&prefix, last.to_string().as_bytes())) });
            }
            let (key, value) = row?;
            let number = key.last_chunk::<4>().ok_or_else(|| StoreError::Corrupt("a short key".into()))?;
            last = u32::from_be_bytes(*number);
            items.extend(decode_expiring(&value, now).listed(format_args!("page {last} of {id}"))?.transpose());
        }
        Ok(Page { items, next: None })
    }

    async fn expunge(&self, tenant: &TenantId, id: &EventId) -> StoreResult<bool> {
        let now = self.0.clock().expiry();
        let (key, id) = (event_key(tenant, id), id.clone());
        self.0
            .write(move |tx| {
                let found = tx.get(Table::Logs, &key)?.map(|value| decode_expiring::<EventRow>(&value, now));
                let found = found.transpose().of_row(&id)?;
                let Some(mut row) = found.flatten() else {
                    return Ok(false);
                };
                row.event.data = None;
                let expires_at = row.event.expires_at;
                tx.put(Table::Logs, key, encode_expiring(&row, expires_at));
                Ok(true)
            })
            .await
    }

    async fn delete(&self, tenant: &TenantId, event: &EventRef) -> StoreResult<()> {
        let row = event_key(tenant, &event.id);
        let stored = self.0.get(Table::Logs, &row)?;
        // One that cannot be read is nobody else's.
        let is_it = match stored.as_ref().map(|value| decode_expiring::<EventRow>(value, self.0.clock().expiry())) {
            Some(Ok(found)) => found.is_some_and(|row| row.event.seq == event.seq),
            Some(Err(_)) => true,
            None => false,
        };
        let mut pages = Vec::new();
        if is_it {
            let range = prefix_range(key(RowKind::FanoutPage, &[tenant.as_str(), event.id.as_str()]));
            for page in self.0.range(Table::Logs, range) {
                pages.push(page?.0.to_vec());
            }
        }
        let unclaimed = unclaimed_key(tenant, event.seq);
        self.0
            .write(move |tx| {
                tx.delete(Table::Logs, unclaimed);
                // Meanwhile the id may be a later event's.
                if is_it && tx.get(Table::Logs, &row)? == stored {
                    tx.delete(Table::Logs, row);
                    pages.into_iter().for_each(|page| tx.delete(Table::Logs, page));
                }
                Ok(())
            })
            .await
    }

    async fn unclaim(&self, tenant: &TenantId, events: &[(EventRef, Timestamp)]) -> StoreResult<()> {
        let row = |(event, expires_at): &(EventRef, Timestamp)| {
            (unclaimed_key(tenant, event.seq), encode_expiring(&event.id, *expires_at))
        };
        let rows: Vec<_> = events.iter().map(row).collect();
        self.0
            .write_in_order(move |tx| {
                rows.into_iter().for_each(|(row, value)| tx.put(Table::Logs, row, value));
                Ok(())
            })
            .await
    }

    async fn unclaimed(
        &self,
        tenant: &TenantId,
        times: TimeRange,
        limit: usize,
        cursor: Option<&str>,
    ) -> StoreResult<Page<EventRef>> {
        let prefix = key(RowKind::UnclaimedEvent, &[tenant.as_str()]);
        let at = |time: Timestamp| unclaimed_key(tenant, EventSeq::first_at(time));
        let end = times.until.map_or_else(|| after_prefix(&prefix), at);
        let mut start = times.since.map_or_else(|| prefix.clone(), at);
        if let Some(cursor) = cursor {
            let mut after = unclaimed_key(tenant, cursor::decode_as(&prefix, cursor)?);
            after.push(0);
            start = start.max(after);
        }
        if start >= end {
            return Ok(Page { items: Vec::new(), next: None });
        }
        let now = self.0.clock().expiry();
        let mut items: Vec<EventRef> = Vec::new();
        let mut last_read = None;
        for (scanned, row) in self.0.range(Table::Logs, start..end).enumerate() {
            if items.len() == limit || scanned == SCANNED_ROWS {
                return Ok(Page { items, next: last_read });
            }
            let (row_key, value) = row?;
            if let Some((_, seq)) = row_key.split_last_chunk::<16>() {
                let seq = EventSeq(ulid::Ulid::from_bytes(*seq));
                last_read = Some(cursor::encode(&prefix, seq.to_string().as_bytes()));
                match decode_expiring(&value, now).listed(seq)? {
                    Ok(id) => items.extend(id.map(|id| EventRef { seq, id })),
                    Err(unreadable) => {
                        tracing::error!(tenant.id = %tenant, error = %unreadable, "an event in no log is passed over")
                    }
                }
            }
        }
        Ok(Page { items, next: None })
    }
}

fn page_is_of(page: &FanoutPage, token: &str) -> bool {
    page.token == token
}
