use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::ids::DeliveryId;

/// The deliveries this process is attempting right now. Two copies of one
/// message would both find nothing in the log; here the second one waits.
#[derive(Clone, Debug, Default)]
pub struct InFlight(Arc<Mutex<HashSet<DeliveryId>>>);

impl InFlight {
    /// None while another copy is under way. Ends when the guard is dropped.
    pub(crate) fn enter(&self, id: DeliveryId) -> Option<Guard> {
        self.lock().insert(id).then(|| Guard { set: self.clone(), id })
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<DeliveryId>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) struct Guard {
    set: InFlight,
    id: DeliveryId,
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.set.lock().remove(&self.id);
    }
}
