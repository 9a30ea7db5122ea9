//! Dead letters, until they are redriven, deleted or too old.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{EmbeddedQueue, corrupt, encode};
use crate::codec;
use crate::row_kind::RowKind;
use crate::store::{Store, Table};
use contract::cursor;
use contract::ports::{Listed, OfRow as _, Page, QueueError, StoreError, StoreResult};
use domain::time::Timestamp;
use domain::unknown::{Unknown, keeps_unknown};

const KIND: u8 = RowKind::DeadLetter.prefix();
/// Rows that one transaction deletes.
const DELETED_AT_ONCE: usize = 1_000;

/// A message that could not be processed, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct DeadLetter {
    pub queue: String,
    pub message_id: String,
    pub reason: String,
    pub body: String,
    pub at: Timestamp,
    /// Whose turn it takes; unknown of those from before this was noted.
    #[serde(default)]
    pub group: String,
    #[serde(skip)]
    pub unknown: Unknown,
}

keeps_unknown!(DeadLetter);

impl DeadLetter {
    pub fn id(&self) -> DeadLetterId {
        DeadLetterId { at: self.at, message: self.message_id.clone() }
    }
}

/// `<milliseconds>-<message id>`: when it became a dead letter, and what it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetterId {
    at: Timestamp,
    message: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected the id of a dead letter")]
pub struct InvalidDeadLetterId;

impl FromStr for DeadLetterId {
    type Err = InvalidDeadLetterId;

    fn from_str(text: &str) -> Result<Self, InvalidDeadLetterId> {
        let (millis, message) = text.split_once('-').ok_or(InvalidDeadLetterId)?;
        let at = Timestamp::from_millis(millis.parse().map_err(|_| InvalidDeadLetterId)?);
        let id = Self { at, message: message.to_owned() };
        // One spelling, so that an id names one letter.
        if id.number().is_some() && id.to_string() == text { Ok(id) } else { Err(InvalidDeadLetterId) }
    }
}

impl fmt::Display for DeadLetterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.at.as_millis(), self.message)
    }
}

impl DeadLetterId {
    /// The oldest come first.
    pub(super) fn row(&self) -> Vec<u8> {
        let mut row = first_at(self.at);
        row.extend_from_slice(self.message.as_bytes());
        row
    }

    /// None when the key is damaged.
    fn of_row(row: &[u8]) -> Option<Self> {
        let (at, message) = row.strip_prefix(&[KIND])?.split_first_chunk::<8>()?;
        let (at, message) = (i64::from_be_bytes(*at), String::from_utf8(message.to_vec()).ok()?);
        Some(Self { at: Timestamp::from_millis(at), message })
    }

    fn number(&self) -> Option<u64> {
        self.message.rsplit_once('-')?.1.parse().ok()
    }
}

fn first_at(at: Timestamp) -> Vec<u8> {
    let mut row = vec![KIND];
    row.extend_from_slice(&at.as_millis().to_be_bytes());
    row
}

#[derive(Debug, thiserror::Error)]
pub enum RedriveError {
    #[error("there is no such dead letter")]
    NotFound,
    #[error("the message is only just becoming a dead letter")]
    TooEarly,
    #[error(transparent)]
    Queue(#[from] QueueError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The dead letters of all queues of a store.
#[derive(Clone)]
pub struct DeadLetters {
    store: Store,
    queues: Vec<EmbeddedQueue>,
    kept_for: Duration,
}

impl DeadLetters {
    pub fn new(store: Store, queues: Vec<EmbeddedQueue>, kept_for: Duration) -> Self {
        Self { store, queues, kept_for }
    }

    /// Those that are not too old, the latest first.
    pub fn list(&self, limit: usize, cursor: Option<&str>) -> StoreResult<Page<Listed<DeadLetter>>> {
        const LIST: &str = "dead letters";
        let end = match cursor {
            Some(cursor) => cursor::decode_as::<DeadLetterId>(LIST, cursor)?.row(),
            None => codec::after_prefix(&[KIND]),
        };
        let start = self.oldest().min(end.clone());
        let rows = self.store.range(Table::Messages, start..end).rev().take(limit + 1);
        let mut items = Vec::new();
        for row in rows {
            let (key, value) = row?;
            let Some(id) = DeadLetterId::of_row(&key) else {
                tracing::error!("a dead letter is passed over whose key is damaged");
                continue;
            };
            let letter = codec::decode::<DeadLetter>(&value).listed(&id)?;
            items.push((id, letter));
        }
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(|(id, _)| cursor::encode(LIST, id.to_string().as_bytes()));
        let items = items.into_iter().map(|(_, letter)| letter).collect();
        Ok(Page { items, next })
    }

    pub fn get(&self, id: &DeadLetterId) -> StoreResult<Option<DeadLetter>> {
        let row = id.row();
        if row < self.oldest() {
            return Ok(None);
        }
        self.store.get(Table::Messages, &row)?.map(|value| codec::decode(&value)).transpose().of_row(id)
    }

    /// How many there are of each queue that has any.
    pub fn count(&self) -> StoreResult<BTreeMap<String, u64>> {
        let mut counts = BTreeMap::new();
        for row in self.store.range(Table::Messages, self.oldest()..codec::after_prefix(&[KIND])) {
            let (key, _) = row?;
            let id = DeadLetterId::of_row(&key);
            if let Some((queue, _)) = id.as_ref().and_then(|id| id.message.rsplit_once('-')) {
                *counts.entry(queue.to_owned()).or_default() += 1;
            }
        }
        Ok(counts)
    }

    /// Back to the queue it came from, as the message it was: an event that had
    /// got somewhere carries on from there.
    pub async fn redrive(&self, id: &DeadLetterId) -> Result<(), RedriveError> {
        let letter = self.get(id)?.ok_or(RedriveError::NotFound)?;
        let queue = self.queues.iter().find(|queue| queue.name() == letter.queue);
        let queue = queue.ok_or_else(|| corrupt("a dead letter of no queue"))?;
        let number = id.number().ok_or(RedriveError::NotFound)?;
        queue.take_back(number, &letter, id.row()).await
    }

    /// Whether it was there.
    pub async fn delete(&self, id: &DeadLetterId) -> StoreResult<bool> {
        let row = id.row();
        self.store
            .write(move |tx| {
                let found = tx.get(Table::Messages, &row)?.is_some();
                tx.delete(Table::Messages, row);
                Ok(found)
            })
            .await
    }

    /// Deletes those that are too old, and says how many they were.
    pub async fn expire(&self) -> StoreResult<usize> {
        let mut deleted = 0;
        loop {
            let rows = self.store.range(Table::Messages, vec![KIND]..self.oldest()).take(DELETED_AT_ONCE);
            let keys = rows.map(|row| Ok(row?.0)).collect::<StoreResult<Vec<_>>>()?;
            if keys.is_empty() {
                return Ok(deleted);
            }
            deleted += keys.len();
            let delete = move |tx: &mut super::Transaction<'_, '_>| {
                keys.into_iter().for_each(|key| tx.delete(Table::Messages, key));
                Ok(())
            };
            self.store.write(delete).await?;
        }
    }

    /// Where those begin that are kept.
    fn oldest(&self) -> Vec<u8> {
        first_at(self.store.clock().expiry().saturating_sub(self.kept_for))
    }
}

impl EmbeddedQueue {
    async fn take_back(&self, number: u64, letter: &DeadLetter, dead_row: Vec<u8>) -> Result<(), RedriveError> {
        let now = self.clock.steady();
        {
            let index = self.lock();
            // Whoever set it aside has not taken it off the list yet.
            if index.contains(number) {
                return Err(RedriveError::TooEarly);
            }
            if index.len() >= self.options.max_messages {
                return Err(QueueError::Full.into());
            }
        }
        let (row, value) = (self.row(number), encode(now, &letter.group, letter.body.as_bytes()));
        let (index, arrivals, group) = (self.index.clone(), self.arrivals.clone(), letter.group.clone());
        let moved = self.store.write(move |tx| {
            if tx.get(Table::Messages, &dead_row)?.is_none() {
                return Ok(false);
            }
            tx.delete(Table::Messages, dead_row);
            tx.put(Table::Messages, row, value);
            tx.after_commit(move || {
                let mut index = index.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                // It was received before, and some of it may have been done.
                index.take_back(number, now, &group);
                index.wake(now);
                drop(index);
                arrivals.notify_one();
            });
            Ok(true)
        });
        if moved.await? { Ok(()) } else { Err(RedriveError::NotFound) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_one_spelling_and_nothing_else_is_one() {
        let text = "1769851800000-events-1099511627776";
        assert_eq!(text.parse::<DeadLetterId>().unwrap().to_string(), text);
        for text in ["", "1", "1-", "1-events", "01-events-7", "x-events-7", "+1-events-7", "1-events-x"] {
            assert!(text.parse::<DeadLetterId>().is_err(), "{text}");
        }
    }
}
