//! Messages that their hooks hold back.

use std::sync::Arc;

use super::EmbeddedQueue;

impl EmbeddedQueue {
    /// The groups of messages that their hooks hold back.
    pub fn held(&self) -> Vec<Arc<str>> {
        self.lock().held()
    }

    /// Lets the messages of a group wait no longer, and says how many did.
    /// Nothing is written: what is not handled before a restart is let go then.
    pub fn release(&self, group: &str) -> usize {
        let released = self.lock().release(group, self.clock.steady());
        if released > 0 {
            self.arrivals.notify_one();
        }
        released
    }
}
