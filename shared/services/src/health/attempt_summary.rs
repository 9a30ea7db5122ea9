use domain::health::{End, Failure};
use domain::ids::{EventType, TraceId};
use domain::time::Timestamp;

/// How one attempt ended, as far as its hook's health is concerned.
#[derive(Clone, Copy, Debug)]
pub struct AttemptSummary<'a> {
    pub trace: TraceId,
    pub event_type: &'a EventType,
    pub at: Timestamp,
    /// A first attempt that went out at once, so that it is among the newest of the log.
    pub is_usual: bool,
    /// None after a success.
    pub failure: Option<Failure>,
    /// The endpoint wants no more requests.
    pub end: Option<End>,
    /// Requests per second that an endpoint takes which has refused this one for their number.
    pub told_rate: Option<u32>,
}

impl AttemptSummary<'_> {
    pub(super) fn not_after(self, now: Timestamp) -> Self {
        let at = self.at.min(now);
        Self { at, failure: self.failure.map(|failure| Failure { at, ..failure }), ..self }
    }
}
