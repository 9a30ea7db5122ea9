//! A durable queue. Messages are on disk; memory holds only which are visible
//! when, so that nothing ever scans past settled ones.
//!
//! Messages and leases wait by the steady time, which a process takes up where
//! the last one left it: whoever sets the clock neither holds up what waits nor
//! brings it early.

mod dead_letters;
mod held;
mod index;
mod senders;
mod settlement;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ::store::Slice;
use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::Notify;

use super::codec;
use super::row_kind::RowKind;
use super::store::{Store, Table, Transaction};
use contract::messages::is_held;
use contract::ports::{Clock, ClockReading, Outgoing, QueueError, QueueReceiver, Received, StoreError, StoreResult};
use contract::stage::causes;
pub use dead_letters::{DeadLetter, DeadLetterId, DeadLetters, InvalidDeadLetterId, RedriveError};
use domain::time::Timestamp;
use domain::unknown::Unknown;
use index::{Arrival, Held, Index, Taken};
pub use senders::StageSender;

/// Of a queue's room, one part in this many is the stages' own: what they send to
/// finish what was accepted must not wait behind what is still to come.
const STAGES_SHARE: usize = 10;
/// The largest message, in bytes; SQS has the same limit.
const MAX_MESSAGE_BYTES: usize = 1024 * 1024;

#[derive(Clone, Debug)]
pub struct QueueOptions {
    /// How long a received message is leased before it comes back.
    pub lease: Duration,
    /// The most messages the queue holds before it refuses more.
    pub max_messages: usize,
    /// The most messages of one group that are leased at once.
    pub max_leased_per_group: usize,
    /// The most messages that are leased at once of groups which are not known
    /// to be quick. The rest is room for those that are.
    pub max_leased_to_others: usize,
    /// The most of these that are second and further leases of a group, so that
    /// the rest is room for those that have none.
    pub max_leased_to_busy: usize,
}

impl QueueOptions {
    /// The most messages it holds before it refuses those that no stage sends.
    pub(super) fn max_from_outside(&self) -> usize {
        self.max_messages - self.max_messages / STAGES_SHARE
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueStats {
    /// Visible or waiting for their time.
    pub waiting: usize,
    pub leased: usize,
}

#[derive(Clone)]
pub struct EmbeddedQueue {
    name: &'static str,
    options: QueueOptions,
    store: Store,
    clock: Arc<dyn Clock>,
    index: Arc<Mutex<Index>>,
    arrivals: Arc<Notify>,
}

impl EmbeddedQueue {
    /// Opens the queue and takes up what an earlier process left. Whatever was
    /// leased then may have been half processed, so all count as received once.
    pub async fn open(store: Store, name: &'static str, options: QueueOptions) -> StoreResult<Self> {
        let first = next_epoch(&store, name).await? << EPOCH_SHIFT;
        let clock = store.shared_clock();
        let mut index = Index::new(first, &options);
        for row in store.range(Table::Messages, codec::prefix_range(codec::key(RowKind::Message, &[name]))) {
            let (key, value) = row?;
            let (_, number) = key.split_last_chunk::<8>().ok_or_else(|| corrupt("a short key"))?;
            let number = u64::from_be_bytes(*number);
            let Ok((visible_at, group, _)) = decode(&value) else {
                tracing::error!(
                    queue = name,
                    number,
                    "message {number} of the queue {name} is damaged and left where it is"
                );
                continue;
            };
            // What its hook held back is judged anew: what held it may be gone, or
            // has forgotten whose turn is when.
            let visible_at = if is_held(group) { visible_at.min(clock.steady()) } else { visible_at };
            index.recover(number, visible_at, group);
        }
        Ok(Self { name, options, store, clock, index: Arc::new(Mutex::new(index)), arrivals: Arc::new(Notify::new()) })
    }

    pub fn name(&self) -> &'static str {
        self.name
    }

    pub(super) fn options(&self) -> &QueueOptions {
        &self.options
    }

    pub fn stats(&self) -> QueueStats {
        self.lock().stats()
    }

    /// Since when the oldest message could have been taken, in steady time; none
    /// when nothing is visible. Looks at every message.
    pub fn oldest(&self) -> Option<Timestamp> {
        self.lock().oldest()
    }

    /// When the next message becomes visible or a lease ends, in steady time; none
    /// when empty.
    pub fn next_change(&self) -> Option<Timestamp> {
        self.lock().next_change()
    }

    /// Returns when something was sent or deferred since the last call, or was
    /// settled and made room for another.
    pub async fn changed(&self) {
        self.arrivals.notified().await;
    }

    fn lock(&self) -> MutexGuard<'_, Index> {
        lock(&self.index)
    }

    fn row(&self, number: u64) -> Vec<u8> {
        let mut row = codec::key(RowKind::Message, &[self.name]);
        row.extend_from_slice(&number.to_be_bytes());
        row
    }

    fn read_body(&self, number: u64) -> StoreResult<Bytes> {
        let value = self.store.get(Table::Messages, &self.row(number))?;
        let value = value.ok_or_else(|| corrupt("a message that is listed is not there"))?;
        let (_, _, body) = decode(&value)?;
        Ok(Bytes::copy_from_slice(body))
    }

    fn number(receipt: &str) -> Result<u64, QueueError> {
        receipt.parse().map_err(|_| QueueError::Unavailable("not a receipt of this queue".into()))
    }
}

/// Room for a million million messages in each run of the process.
const EPOCH_SHIFT: u32 = 40;

/// Counts the openings of a queue, so that no message id is ever used again,
/// also when the queue was empty at a restart.
async fn next_epoch(store: &Store, name: &'static str) -> StoreResult<u64> {
    let row = codec::key(RowKind::QueueOpenings, &[name]);
    store
        .write(move |tx| {
            let last = tx.get(Table::Messages, &row)?.map(|value| codec::decode::<u64>(&value)).transpose()?;
            let epoch = last.unwrap_or(0) + 1;
            tx.put(Table::Messages, row, codec::encode(&epoch));
            Ok(epoch)
        })
        .await
}

/// Eight bytes of visible-at, one of the group's length, the group, the body.
fn encode(visible_at: Timestamp, group: &str, body: &[u8]) -> Slice {
    let group = &group.as_bytes()[..group.len().min(255)];
    codec::compose(|value| {
        value.extend_from_slice(&visible_at.as_millis().to_be_bytes());
        value.push(u8::try_from(group.len()).unwrap_or(u8::MAX));
        value.extend_from_slice(group);
        value.extend_from_slice(body);
    })
}

fn decode(value: &[u8]) -> StoreResult<(Timestamp, &str, &[u8])> {
    let read = || {
        let (visible_at, rest) = value.split_first_chunk::<8>()?;
        let (length, rest) = rest.split_first()?;
        let (group, body) = rest.split_at_checked(usize::from(*length))?;
        Some((Timestamp::from_millis(i64::from_be_bytes(*visible_at)), std::str::from_utf8(group).ok()?, body))
    };
    read().ok_or_else(|| corrupt("a broken queue message"))
}

/// When a time of day will have come, by the time that nobody can set.
fn steady_time(now: ClockReading, at: Timestamp) -> Timestamp {
    now.steady.saturating_add(at.since(now.now))
}

fn corrupt(what: &'static str) -> StoreError {
    StoreError::Corrupt(what.into())
}

fn failed(error: StoreError) -> QueueError {
    QueueError::Unavailable(error.into())
}

/// When a send returns.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sent {
    /// On disk, and not visible before.
    Durably,
    /// Visible, and on disk before whatever is written after it.
    InOrder,
}

impl EmbeddedQueue {
    async fn send_as(&self, sent: Sent, messages: &[Outgoing]) -> Vec<Result<(), QueueError>> {
        // What was accepted goes on, and room is kept for that.
        if sent == Sent::Durably && self.store.is_nearly_full() {
            return messages.iter().map(|_| Err(QueueError::NoRoom)).collect();
        }
        let now = self.clock.read();
        let mut results = Vec::with_capacity(messages.len());
        let mut accepted = Vec::with_capacity(messages.len());
        {
            let mut index = self.lock();
            // All or none: whoever is told to come back would send all again.
            let room = match sent {
                Sent::Durably => self.options.max_from_outside(),
                Sent::InOrder => self.options.max_messages,
            };
            let full = index.len() + messages.len() > room;
            for message in messages {
                results.push(if message.body.len() > MAX_MESSAGE_BYTES {
                    Err(QueueError::TooLarge)
                } else if full {
                    Err(QueueError::Full)
                } else {
                    let visible_at = steady_time(now, message.due.unwrap_or(now.now));
                    let number = index.next_number();
                    let value = encode(visible_at, &message.group, &message.body);
                    let held = Held { body: message.body.clone(), content: message.content.clone() };
                    let arrival = Arrival { number, visible_at, group: Arc::clone(&message.group), held };
                    accepted.push((self.row(number), value, arrival));
                    Ok(())
                });
            }
        }
        if accepted.is_empty() {
            return results;
        }
        let (index, arrivals) = (Arc::clone(&self.index), Arc::clone(&self.arrivals));
        let work = move |tx: &mut Transaction<'_, '_>| {
            let mut entries = Vec::with_capacity(accepted.len());
            for (row, value, arrival) in accepted {
                tx.put(Table::Messages, row, value);
                entries.push(arrival);
            }
            // Here and not behind the await: a caller that stops waiting
            // must not leave a durable message that nobody knows of.
            tx.after_commit(move || {
                let mut index = lock(&index);
                entries.into_iter().for_each(|arrival| index.insert(arrival));
                index.wake(now.steady);
                drop(index);
                arrivals.notify_one();
            });
            Ok(())
        };
        let written = match sent {
            Sent::Durably => self.store.write(work).await,
            Sent::InOrder => self.store.write_in_order(work).await,
        };
        if let Err(error) = written {
            let error = Arc::new(error);
            for result in results.iter_mut().filter(|result| result.is_ok()) {
                *result = Err(QueueError::Unavailable(Arc::clone(&error).into()));
            }
        }
        results
    }

    /// The sending end for a stage, which passes on what is already durable.
    pub fn for_stage(&self) -> StageSender {
        StageSender(self.clone())
    }
}

#[async_trait]
impl QueueReceiver for EmbeddedQueue {
    async fn receive(&self, max: usize) -> Result<Vec<Received>, QueueError> {
        let taken = self.lock().take(max, self.clock.steady());
        let mut received = Vec::with_capacity(taken.len());
        for Taken { number, receive_count, is_due, held } in taken {
            let read = || self.read_body(number).map(|body| Held { body, content: None });
            let Held { body, content } = match held.map_or_else(read, Ok) {
                Ok(held) => held,
                // Its lease ends by itself; the others must not wait for theirs.
                Err(error) => {
                    tracing::error!(queue = self.name, number, error = %causes(&error), "message {number} of the queue {} cannot be read", self.name);
                    continue;
                }
            };
            let receipt = number.to_string();
            let id = [self.name, "-", &receipt].concat();
            let (sent_at, queue) = (None, self.name.into());
            received.push(Received { id, body, content, receive_count, is_due, sent_at, queue, receipt });
        }
        Ok(received)
    }

    /// Does not wait for the disk: a message whose deletion is lost comes back,
    /// as one whose acknowledgement never happened.
    async fn ack(&self, receipt: &str) -> Result<(), QueueError> {
        let number = Self::number(receipt)?;
        let row = self.row(number);
        let written_once = self.lock().written_once(number);
        let deleted = self.store.write_in_order(move |tx| {
            match written_once {
                true => tx.delete_single(Table::Messages, row),
                false => tx.delete(Table::Messages, row),
            }
            Ok(())
        });
        deleted.await.map_err(failed)?;
        let mut index = self.lock();
        index.remove(number, self.clock.steady());
        // Most leave nobody behind who waited for their turn.
        let is_any = index.is_any();
        drop(index);
        if is_any {
            self.arrivals.notify_one();
        }
        Ok(())
    }

    async fn defer(&self, receipt: &str, until: Timestamp) -> Result<(), QueueError> {
        let number = Self::number(receipt)?;
        let row = self.row(number);
        let (index, arrivals) = (Arc::clone(&self.index), Arc::clone(&self.arrivals));
        let now = self.clock.read();
        let (until, now) = (steady_time(now, until), now.steady);
        self.lock().will_be_rewritten(number);
        let deferred = self.store.hand_over(move |tx| {
            let Some(value) = tx.get(Table::Messages, &row)? else {
                return Ok(());
            };
            let (_, group, body) = decode(&value)?;
            let rewritten = encode(until, group, body);
            tx.put(Table::Messages, row, rewritten);
            tx.after_commit(move || {
                lock(&index).defer(number, until, now);
                arrivals.notify_one();
            });
            Ok(())
        });
        deferred.await.map_err(failed)
    }

    async fn reject(&self, message: &Received, reason: &str) -> Result<(), QueueError> {
        let number = Self::number(&message.receipt)?;
        let row = self.row(number);
        let ClockReading { now, steady } = self.clock.read();
        let mut letter = DeadLetter {
            queue: self.name.to_owned(),
            message_id: message.id.clone(),
            reason: reason.to_owned(),
            body: String::from_utf8_lossy(&message.body).into_owned(),
            at: now,
            group: String::new(),
            unknown: Unknown::NONE,
        };
        let (index, arrivals) = (Arc::clone(&self.index), Arc::clone(&self.arrivals));
        let moved = self.store.hand_over(move |tx| {
            // A lease that ended may have let somebody else settle it.
            let Some(value) = tx.get(Table::Messages, &row)? else { return Ok(()) };
            decode(&value)?.1.clone_into(&mut letter.group);
            tx.put(Table::Messages, letter.id().row(), codec::encode(&letter));
            tx.delete(Table::Messages, row);
            tx.after_commit(move || {
                lock(&index).remove(number, steady);
                arrivals.notify_one();
            });
            Ok(())
        });
        moved.await.map_err(failed)
    }
}

fn lock(index: &Mutex<Index>) -> MutexGuard<'_, Index> {
    index.lock().unwrap_or_else(PoisonError::into_inner)
}
