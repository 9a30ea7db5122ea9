//! Spans: what was done for an event, when, and below which other one.
//!
//! Off, unless a composition root [`install`]s a [`Recorder`]; then nothing here costs more than
//! the question whether it is on. What is under way is known to all that runs within its future,
//! so no stage hands it on.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use domain::random::Random as _;
use domain::time::Timestamp;
use domain::trace_context::TraceContext;
use serde::Deserialize;

use crate::ports::OsRandom;

static RECORDER: OnceLock<Recorder> = OnceLock::new();

thread_local! {
    static CURRENT: Cell<Option<TraceContext>> = const { Cell::new(None) };
}

/// Which traces are recorded that begin here.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampler {
    /// Of new traces, this part.
    pub ratio: f64,
    /// What came with a trace decides.
    pub follows_parent: bool,
}

/// Spans that have ended and are still to be sent.
#[derive(Debug)]
pub struct Recorder {
    sampler: Sampler,
    capacity: usize,
    ended: Mutex<(Vec<EndedSpan>, u64)>,
}

/// What somebody does, as OpenTelemetry tells it apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpanKind {
    Server,
    Client,
    Consumer,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Attribute {
    Text(String),
    Number(i64),
}

#[derive(Clone, Debug, PartialEq)]
pub struct EndedSpan {
    pub name: &'static str,
    pub kind: SpanKind,
    pub context: TraceContext,
    pub parent: Option<u64>,
    pub began_at: Timestamp,
    pub took: Duration,
    pub attributes: Vec<(&'static str, Attribute)>,
    pub error: Option<String>,
}

/// Something that is under way. It ends when it is dropped.
#[derive(Debug)]
pub struct Span {
    ended: EndedSpan,
    since: Instant,
}

impl Recorder {
    /// `capacity` is how many ended spans wait at most; later ones are lost.
    pub fn new(sampler: Sampler, capacity: usize) -> Self {
        Self { sampler, capacity, ended: Mutex::default() }
    }

    /// Those that have ended since, and how many were lost.
    pub fn take(&self) -> (Vec<EndedSpan>, u64) {
        std::mem::take(&mut *self.ended.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn push(&self, span: EndedSpan) {
        let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        match ended.0.len() < self.capacity {
            true => ended.0.push(span),
            false => ended.1 += 1,
        }
    }

    fn begins(&self, parent: Option<TraceContext>) -> TraceContext {
        let mut bytes = [0; 24];
        OsRandom.fill(&mut bytes);
        let (trace, span) = bytes.split_at(16);
        let trace = parent.map_or_else(|| u128::from_be_bytes(array(trace)), |parent| parent.trace);
        let span = u64::from_be_bytes(array(span));
        match parent.filter(|_| self.sampler.follows_parent) {
            Some(parent) => parent.child(span),
            None => TraceContext::new(trace, span, self.sampler.takes(trace)),
        }
    }
}

fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut array = [0; N];
    array.copy_from_slice(bytes);
    array
}

impl Sampler {
    /// By the half of a trace's id that is random in all versions.
    #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "a share need not be exact")]
    fn takes(self, trace: u128) -> bool {
        let share = (trace as u64 >> 11) as f64 / (1_u64 << 53) as f64;
        share < self.ratio
    }
}

/// From here on, what is begun is recorded. Once in a process.
pub fn install(recorder: Recorder) -> &'static Recorder {
    RECORDER.get_or_init(|| recorder)
}

pub fn is_on() -> bool {
    RECORDER.get().is_some()
}

/// None where nothing is recorded.
pub fn begin(name: &'static str, kind: SpanKind, parent: Option<TraceContext>, now: Timestamp) -> Option<Span> {
    let context = RECORDER.get()?.begins(parent);
    let parent = parent.map(|parent| parent.span);
    let (attributes, took) = (Vec::new(), Duration::ZERO);
    let ended = EndedSpan { name, kind, context, parent, began_at: now, took, attributes, error: None };
    Some(Span { ended, since: Instant::now() })
}

impl Span {
    pub fn context(&self) -> TraceContext {
        self.ended.context
    }

    pub fn set(&mut self, name: &'static str, value: impl Into<Attribute>) {
        self.ended.attributes.push((name, value.into()));
    }

    pub fn fail(&mut self, why: impl Into<String>) {
        self.ended.error = Some(why.into());
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        if let Some(recorder) = RECORDER.get().filter(|_| self.ended.context.is_sampled()) {
            self.ended.took = self.since.elapsed();
            recorder.push(self.ended.clone());
        }
    }
}

impl From<String> for Attribute {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&str> for Attribute {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<u16> for Attribute {
    fn from(number: u16) -> Self {
        Self::Number(number.into())
    }
}

impl From<u32> for Attribute {
    fn from(number: u32) -> Self {
        Self::Number(number.into())
    }
}

/// What is under way here, for what begins below it and for what is sent on.
pub fn current() -> Option<TraceContext> {
    CURRENT.get()
}

/// The same future, to which `context` is what is under way.
pub fn within<F: Future>(context: Option<TraceContext>, future: F) -> Within<F> {
    Within { context, future: Box::pin(future) }
}

pub struct Within<F> {
    context: Option<TraceContext>,
    future: Pin<Box<F>>,
}

impl<F: Future> Future for Within<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        // Put back also when it panics.
        let _outer = Outer(CURRENT.replace(self.context));
        self.future.as_mut().poll(context)
    }
}

struct Outer(Option<TraceContext>);

impl Drop for Outer {
    fn drop(&mut self) {
        CURRENT.set(self.0);
    }
}

#[derive(Deserialize)]
struct Traced {
    traceparent: Option<TraceContext>,
}

/// Where a message stands in a trace, as far as it says.
pub fn of_body(body: &[u8]) -> Option<TraceContext> {
    serde_json::from_slice::<Traced>(body).ok()?.traceparent
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recorder(ratio: f64, follows_parent: bool) -> Recorder {
        Recorder::new(Sampler { ratio, follows_parent }, 2)
    }

    #[test]
    fn a_part_of_new_traces_is_taken_and_a_parent_is_followed() {
        let taken = (0..1_000).filter(|_| recorder(0.25, true).begins(None).is_sampled()).count();
        assert!((150..350).contains(&taken), "{taken}");
        for sampled in [true, false] {
            let parent = TraceContext::new(7, 8, sampled);
            let child = recorder(if sampled { 0.0 } else { 1.0 }, true).begins(Some(parent));
            assert_eq!((child.trace, child.is_sampled()), (7, sampled));
            assert_ne!(child.span, 8);
            assert!(recorder(1.0, false).begins(Some(parent)).is_sampled());
        }
    }

    #[test]
    fn what_is_under_way_is_known_within_and_nowhere_else() {
        let one = TraceContext::new(1, 2, true);
        let within_one = within(Some(one), async {
            assert_eq!(current(), Some(one));
            within(None, async { assert_eq!(current(), None) }).await;
            assert_eq!(current(), Some(one));
        });
        futures::executor::block_on(within_one);
        assert_eq!(current(), None);
        assert!(begin("x", SpanKind::Client, Some(one), Timestamp::from_millis(0)).is_none(), "it is off");
    }

    #[test]
    fn spans_that_find_no_room_are_counted() {
        let all = recorder(1.0, true);
        for _ in 0..3 {
            let context = all.begins(None);
            let (attributes, took) = (Vec::new(), Duration::ZERO);
            all.push(EndedSpan {
                name: "x",
                kind: SpanKind::Client,
                context,
                parent: None,
                began_at: Timestamp::from_millis(0),
                took,
                attributes,
                error: None,
            });
        }
        let (spans, lost) = all.take();
        assert_eq!((spans.len(), lost, all.take().0.len()), (2, 1, 0));
    }
}
