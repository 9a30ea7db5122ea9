use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::ids::DeliveryId;

/// Reading a row takes some milliseconds.
const LOOKS: u32 = 50;
const BETWEEN_LOOKS: Duration = Duration::from_millis(10);

/// The deliveries this process is attempting right now. Two copies of one
/// message would both find nothing in the log; here the second one waits.
#[derive(Clone, Debug, Default)]
pub struct InFlight(Arc<Mutex<HashSet<Entry>>>);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Entry {
    Delivery(DeliveryId),
    /// A batch that is sent again, by its first delivery.
    Batch(DeliveryId),
}

impl InFlight {
    /// None while another copy is under way. Ends when the guard is dropped.
    pub(crate) fn enter(&self, id: DeliveryId) -> Option<Guard> {
        let id = Entry::Delivery(id);
        self.lock().insert(id).then(|| Guard { set: self.clone(), entries: vec![id] })
    }

    /// The same for a delivery of a batch that is under way: its own message, if it
    /// is just looking at the log, will find the batch taken and leave.
    pub(crate) async fn enter_soon(&self, id: DeliveryId) -> Option<Guard> {
        for _ in 0..LOOKS {
            if let Some(guard) = self.enter(id) {
                return Some(guard);
            }
            tokio::time::sleep(BETWEEN_LOOKS).await;
        }
        self.enter(id)
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) struct Guard {
    set: InFlight,
    entries: Vec<Entry>,
}

impl Guard {
    /// Takes the batch as well of which this delivery is the first; false while
    /// another delivery of it is under way here.
    pub(crate) fn enter_batch(&mut self, first: DeliveryId) -> bool {
        let entry = Entry::Batch(first);
        let is_free = self.set.lock().insert(entry);
        if is_free {
            self.entries.push(entry);
        }
        is_free
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let mut set = self.set.lock();
        for entry in &self.entries {
            set.remove(entry);
        }
    }
}
