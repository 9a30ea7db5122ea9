use std::io;
use std::panic::panic_any;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use serde_json::Value;

use super::*;
use crate::ports::{ManualClock, StoreError};

const NOW: Timestamp = Timestamp::from_millis(1_780_000_000_000);
const SOON: Timestamp = Timestamp::from_millis(1_780_000_005_000);
const FAR: Timestamp = Timestamp::from_millis(1_790_000_000_000);
const AFTER_A_REST: Timestamp = Timestamp::from_millis(1_780_000_001_000);

/// A stage that answers everything alike.
struct Answering(fn() -> Outcome);

#[async_trait]
impl Stage for Answering {
    async fn handle(&self, _: Message) -> Outcome {
        (self.0)()
    }
}

/// One that panics before there is anything to wait for.
struct Hasty;

impl Stage for Hasty {
    fn handle<'a, 'b>(&'a self, _: Message) -> std::pin::Pin<Box<dyn Future<Output = Outcome> + Send + 'b>>
    where
        'a: 'b,
        Self: 'b,
    {
        panic!("no future")
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Call {
    Done,
    Wait(Timestamp),
    Reject(&'static str),
    Release,
}

use Call::{Done, Reject, Release, Wait};

/// Remembers what it is told, schedules what waits long, and fails when it is meant to.
struct Recorder {
    is_down: bool,
    calls: Mutex<Vec<Call>>,
}

impl Recorder {
    fn note(&self, call: Call) -> Result<(), QueueError> {
        self.calls.lock().unwrap().push(call);
        if self.is_down { Err(QueueError::Unavailable("it is down".into())) } else { Ok(()) }
    }
}

impl Settlement for Recorder {
    async fn done(&self, _: &Received) -> Result<(), QueueError> {
        self.note(Done)
    }

    async fn wait(&self, _: &Received, until: Timestamp) -> Result<Waiting, QueueError> {
        self.note(Wait(until))?;
        Ok(if until == FAR { Waiting::Scheduled } else { Waiting::InQueue })
    }

    async fn reject(&self, _: &Received, reason: &str) -> Result<(), QueueError> {
        self.note(Reject(if reason == "not JSON" { "not JSON" } else { "another reason" }))
    }

    async fn release(&self, _: &Received) -> Result<(), QueueError> {
        self.note(Release)
    }
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn message() -> Received {
    Received {
        id: "m-1".to_owned(),
        body: r#"{"tenant":"acme","type":"post.published","data":1}"#.into(),
        content: None,
        receive_count: 3,
        is_due: false,
        sent_at: None,
        queue: "events".into(),
        receipt: "r-1".to_owned(),
    }
}

/// What the queue was told, where the message stands, and level, message and error of what was logged.
fn what_happens(stage: &dyn Stage, is_down: bool) -> (Vec<Call>, Disposition, Vec<String>) {
    let settlement = Recorder { is_down, calls: Mutex::default() };
    let lines = Lines::default();
    let writer = lines.clone();
    let log = tracing_subscriber::fmt().json().flatten_event(true).with_max_level(tracing::Level::TRACE);
    let disposition = tracing::subscriber::with_default(log.with_writer(move || writer.clone()).finish(), || {
        let clock = ManualClock::at(NOW);
        run(stage, &settlement, &clock, message()).now_or_never().expect("nothing here waits")
    });
    let text = String::from_utf8(std::mem::take(&mut *lines.0.lock().unwrap())).unwrap();
    let trace = trace_of("m-1", &message().body).unwrap().to_string();
    let logged = text.lines().map(|line| {
        let line: Value = serde_json::from_str(line).unwrap();
        assert_eq!(
            (&line["trace.id"], &line["queue"], &line["message.id"]),
            (&trace.as_str().into(), &"events".into(), &"m-1".into())
        );
        let parts = ["level", "message", "error"].map(|field| line[field].as_str());
        parts.into_iter().flatten().collect::<Vec<_>>().join(" | ")
    });
    (settlement.calls.into_inner().unwrap(), disposition, logged.collect())
}

fn store() -> Outcome {
    Outcome::Fault(Fault::Store(StoreError::Unavailable("no answer".into())))
}

fn queue() -> Outcome {
    Outcome::Fault(Fault::Queue(QueueError::Unavailable("no answer".into())))
}

#[test]
fn each_outcome_means_the_same_for_every_queue() {
    const FAILED: &str = "ERROR | message failed, will be tried again | ";
    const DEBUG_FULL: &str = "DEBUG | the next queue is full, the message waits";
    const UNSETTLED: &str =
        "ERROR | message could not be settled, will be handed out again | the queue does not answer: it is down";
    let failed = |error: &str| format!("{FAILED}{error}");
    let waits = |until| (vec![Wait(until)], Disposition::Unsettled);
    let fails = || (vec![Release], Disposition::Unsettled);
    type Case = (&'static str, Box<dyn Stage>, bool, (Vec<Call>, Disposition), Vec<String>);
    let case = |name, answer: fn() -> Outcome, is_down, happens, logged| -> Case {
        (name, Box::new(Answering(answer)), is_down, happens, logged)
    };
    let cases: Vec<Case> = vec![
        case("done", || Outcome::Done, false, (vec![Done], Disposition::Settled), vec![]),
        case("waits in its queue", || Outcome::NotBefore(SOON), false, waits(SOON), vec![]),
        case("waits elsewhere", || Outcome::NotBefore(FAR), false, (vec![Wait(FAR)], Disposition::Settled), vec![]),
        case(
            "rejected",
            || Rejection("not JSON".to_owned()).into(),
            false,
            (vec![Reject("not JSON")], Disposition::Settled),
            vec!["WARN | message rejected, its dead letter says why".to_owned()],
        ),
        case("the store fails", store, false, fails(), vec![failed("store: the store does not answer: no answer")]),
        case("a queue fails", queue, false, fails(), vec![failed("queue: the queue does not answer: no answer")]),
        case(
            "it is too large for the next queue",
            || Outcome::Fault(Fault::Queue(QueueError::TooLarge)),
            false,
            fails(),
            vec![failed("queue: the message is larger than the queue takes")],
        ),
        case(
            "it fails otherwise",
            || Outcome::Fault(Fault::Internal("no such key".into())),
            false,
            fails(),
            vec![failed("internal: no such key")],
        ),
        case(
            "the next queue is full",
            || Outcome::Fault(Fault::Queue(QueueError::Full)),
            false,
            waits(AFTER_A_REST),
            vec![DEBUG_FULL.to_owned()],
        ),
        case(
            "the disk is nearly full",
            || Outcome::Fault(Fault::Queue(QueueError::NoRoom)),
            false,
            waits(AFTER_A_REST),
            vec![DEBUG_FULL.to_owned()],
        ),
        case("panics with a text", || panic!("boom"), false, fails(), vec![failed("internal: panic: boom")]),
        case(
            "panics with a text that was made",
            || panic!("boom {}", std::hint::black_box(1)),
            false,
            fails(),
            vec![failed("internal: panic: boom 1")],
        ),
        case("panics without one", || panic_any(7), false, fails(), vec![failed("internal: panic: no message")]),
        ("panics at once", Box::new(Hasty), false, fails(), vec![failed("internal: panic: no future")]),
        case(
            "done, and it cannot be told",
            || Outcome::Done,
            true,
            (vec![Done], Disposition::Unsettled),
            vec![UNSETTLED.to_owned()],
        ),
        case("cannot be made to wait", || Outcome::NotBefore(FAR), true, waits(FAR), vec![UNSETTLED.to_owned()]),
        case(
            "cannot become a dead letter",
            || Rejection("not JSON".to_owned()).into(),
            true,
            (vec![Reject("not JSON")], Disposition::Unsettled),
            vec![UNSETTLED.to_owned()],
        ),
        case(
            "fails, and cannot be released",
            store,
            true,
            fails(),
            vec![failed("store: the store does not answer: no answer"), UNSETTLED.to_owned()],
        ),
    ];
    for (name, stage, is_down, (calls, disposition), logged) in cases {
        assert_eq!(what_happens(stage.as_ref(), is_down), (calls, disposition, logged), "{name}");
    }
}
