//! What operators see of an event: log lines with one id from publishing to the
//! last attempt, and what is counted.

use std::cell::RefCell;
use std::io::{self, Write};
use std::sync::{Arc, Once};
use std::time::Duration;

use async_trait::async_trait;
use contract::ports::{Outgoing, QueueError, QueueSender};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusRecorder};
use serde_json::{Value, json};
use tests::world::{Answer, World};
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::{LevelFilter, dynamic_filter_fn};
use tracing_subscriber::layer::SubscriberExt as _;

thread_local! {
    /// What this thread, and so this test, has logged; none unless it listens.
    static LOG: RefCell<Option<Vec<u8>>> = const { RefCell::new(None) };
}

struct Line;

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LOG.with_borrow_mut(|log| log.as_mut().map_or(Ok(bytes.len()), |log| log.write(bytes)))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Log;

impl Log {
    /// One subscriber for all threads: of several, those that come and go, each
    /// may settle for the others which lines anybody wants.
    fn start() -> Self {
        static STARTED: Once = Once::new();
        STARTED.call_once(|| {
            let listens = dynamic_filter_fn(|_, _| LOG.with_borrow(Option::is_some));
            let lines = tracing_subscriber::fmt::layer().json().flatten_event(true).with_writer(|| Line);
            let layer = lines.with_filter(listens.with_max_level_hint(LevelFilter::DEBUG));
            tracing::subscriber::set_global_default(tracing_subscriber::registry().with(layer)).unwrap();
            tracing::callsite::rebuild_interest_cache();
        });
        LOG.set(Some(Vec::new()));
        Self
    }

    fn text(&self) -> String {
        LOG.with_borrow(|log| String::from_utf8(log.clone().unwrap()).unwrap())
    }

    fn lines(&self) -> Vec<Value> {
        self.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// The targets and messages of the lines with this trace.
fn story<'a>(lines: &'a [Value], trace: &str) -> Vec<(&'a str, &'a str)> {
    let of_trace = lines.iter().filter(|line| line["trace.id"] == trace);
    of_trace.map(|line| (line["target"].as_str().unwrap(), line["message"].as_str().unwrap())).collect()
}

#[tokio::test]
async fn one_id_leads_from_publishing_through_every_stage_to_the_last_attempt() {
    let log = Log::start();
    let world = World::new().await;
    let hook = world.hook(json!({ "retry": { "delays": [60], "jitter": 0 } })).await;
    world.endpoint.answer(&hook.url, [Answer::Status(500)]);
    let event = world.publish(json!({ "type": "a", "data": 1 })).await;
    world.publish(json!({ "id": "another", "type": "a", "data": 2 })).await;
    world.settle().await;
    let delivery = world.delivery(&event).await["id"].as_str().unwrap().to_owned();
    let lines = log.lines();
    let trace = &delivery[14..30];
    let failure = format!("attempt 1 for hook {} failed with 500, next in 1 m", hook.id);
    let success = format!("attempt 2 for hook {} succeeded", hook.id);
    let expected = [
        ("api::routes::events::new_event", "event accepted"),
        ("fanout", "event fanned out to 1 hook(s)"),
        ("deliver::logged", failure.as_str()),
        ("requeue", "delivery is due"),
        ("deliver::logged", success.as_str()),
    ];
    assert_eq!(story(&lines, trace), expected);
    let about_it = |line: &&Value| line["event.id"] == event.as_str() || line["delivery.id"] == delivery.as_str();
    assert!(lines.iter().filter(about_it).all(|line| line["trace.id"] == trace));
    let failed = lines.iter().find(|line| line["message"] == failure.as_str()).unwrap();
    assert_eq!(failed["event.id"], event.as_str());
    assert_eq!(
        (&failed["level"], &failed["attempt.no"], &failed["outcome"]),
        (&json!("INFO"), &json!(1), &json!("status"))
    );
}

#[tokio::test]
async fn what_went_wrong_is_told_without_being_asked_and_with_the_id() {
    let log = Log::start();
    let world = World::new().await;
    let hook = world.hook(json!({ "while_paused": { "deliveries": "skip" } })).await;
    world.endpoint.answer(&hook.url, [Answer::Timeout]);
    let event = world.publish(json!({ "type": "a", "data": 1 })).await;
    world.drain().await;
    let delivery = world.delivery(&event).await["id"].as_str().unwrap().to_owned();
    world.send_to_events(r#"{"tenant":"acme","id":"e","token":"t","type":"a"}"#).await;
    let late = world.publish(json!({ "type": "a", "data": 1, "deliver_at": "2026-02-01T00:00:00Z" })).await;
    world.drain().await;
    world.patch(&hook.path(), json!({ "enabled": false })).await.expect(200);
    world.settle().await;

    let lines = log.lines();
    let told =
        |message: &str| lines.iter().find(|line| line["message"] == message && line["level"] != "DEBUG").unwrap();
    let failed = told(&format!("attempt 1 for hook {} failed with timeout, and the delivery with it", hook.id));
    assert_eq!((&failed["trace.id"], &failed["outcome"]), (&json!(delivery[14..30]), &json!("timeout")));
    assert_eq!(told("message rejected, its dead letter says why")["trace.id"].as_str().unwrap().len(), 16);
    let skipped = world.delivery(&late).await["id"].as_str().unwrap().to_owned();
    assert_eq!(told("delivery skipped: the hook is disabled")["trace.id"], &skipped[14..30]);
}

#[tokio::test]
async fn a_hook_that_is_disabled_by_itself_and_a_circuit_that_opens_and_closes_are_logged_by_name() {
    let log = Log::start();
    let world = World::new().await;
    let hook = world.hook(json!({ "circuit_breaker": { "failures": 2, "probe_after": 60 } })).await;
    world.endpoint.answer(&hook.url, vec![Answer::Status(500); 2]);
    for number in 0..3 {
        world.publish(json!({ "type": "a", "data": number })).await;
        world.drain().await;
    }
    world.settle().await;
    world.endpoint.answer(&hook.url, [Answer::Status(410)]);
    world.publish(json!({ "type": "a", "data": 1 })).await;
    world.settle().await;
    let lines = log.lines();
    let of_hook = |begin: &str| -> Vec<&Value> {
        let begin = format!("{begin} {} of tenant acme ", hook.id);
        lines.iter().filter(|line| line["message"].as_str().is_some_and(|text| text.starts_with(&begin))).collect()
    };
    let circuit = of_hook("the circuit of hook");
    let told: Vec<&str> = circuit.iter().map(|line| line["message"].as_str().unwrap()).collect();
    assert!(
        told.len() == 2 && told[0].contains("is open, to be tried at ") && told[1].ends_with("is closed again"),
        "{told:?}"
    );
    let [disabled] = of_hook("hook")[..] else { panic!("{lines:?}") };
    assert!(disabled["message"].as_str().unwrap().ends_with("was disabled: the endpoint answered 410 Gone"));
    assert_eq!((&disabled["level"], &disabled["hook.id"]), (&json!("WARN"), &json!(hook.id)));
}

struct Down;

#[async_trait]
impl QueueSender for Down {
    async fn send(&self, messages: &[Outgoing]) -> Vec<Result<(), QueueError>> {
        messages.iter().map(|_| Err(QueueError::Unavailable("it is down".into()))).collect()
    }
}

#[tokio::test]
async fn a_failure_of_our_own_is_counted_and_told_with_the_id() {
    let (log, counts) = (Log::start(), Counts::start());
    let mut world = World::new().await;
    world.hook(json!({})).await;
    world.rewire(|engine| engine.fanout.deliveries = Arc::new(Down));
    world.publish(json!({ "type": "a", "data": 1 })).await;
    world.drain().await;
    assert_eq!(counts.value(r#"hookline_faults{cause="queue"}"#), 1.0);
    let lines = log.lines();
    let told = |message: &str| lines.iter().find(|line| line["message"] == message).unwrap();
    let failed = told("message failed, will be tried again");
    assert_eq!(failed["trace.id"], told("event accepted")["trace.id"]);
    assert_eq!(failed["error"], "queue: the queue does not answer: it is down");
}

#[tokio::test]
async fn a_duplicate_and_the_pages_of_a_large_fan_out_are_told_with_their_publications_id() {
    let log = Log::start();
    let world = World::new().await;
    for _ in 0..101 {
        world.hook(json!({})).await;
    }
    let publish = async || world.publish(json!({ "id": "twice", "type": "a", "data": 1 })).await;
    publish().await;
    publish().await;
    world.settle().await;
    let lines = log.lines();
    let accepted: Vec<&str> = lines
        .iter()
        .filter(|line| line["message"] == "event accepted")
        .map(|l| l["trace.id"].as_str().unwrap())
        .collect();
    let [first, second] = accepted.as_slice() else { panic!("{accepted:?}") };
    let fanned_out =
        |trace| story(&lines, trace).iter().filter(|(_, message)| message.starts_with("event fanned out")).count();
    assert_eq!((fanned_out(first), fanned_out(second)), (2, 0));
    assert_eq!(story(&lines, second)[1..], [("fanout", "event was published before, dropped")]);
}

#[tokio::test]
async fn no_line_holds_a_body_a_secret_or_a_url() {
    let log = Log::start();
    let world = World::new().await;
    let hook = world
        .hook(json!({
            "url": "https://hidden.example.com/a-path?token=in-the-query",
            "retry": { "delays": [1] },
            "headers": [{ "name": "X-Key", "value": "a-secret-header", "secret": true }],
        }))
        .await;
    world.endpoint.answer(&hook.url, [Answer::Body(500, "what-was-answered".to_owned()), Answer::Status(410)]);
    world.publish(json!({ "type": "a", "data": "what-was-published" })).await;
    world.send_to_events(r#"{"tenant":"acme","type":"a","surprise":"what-was-refused"}"#).await;
    world.settle().await;
    let text = log.text();
    assert!(text.contains("failed with 410, and the delivery with it"));
    let secret = hook.secret.trim_start_matches("whsec_");
    for hidden in [
        secret,
        "a-path",
        "in-the-query",
        "a-secret-header",
        "what-was-answered",
        "what-was-published",
        "what-was-refused",
    ] {
        assert!(!text.contains(hidden), "{hidden}");
    }
}

/// Counts what this thread does.
struct Counts {
    recorder: &'static PrometheusRecorder,
    _guard: metrics::LocalRecorderGuard<'static>,
}

impl Counts {
    fn start() -> Self {
        // Of each test one, for as long as the process lives.
        let recorder: &'static _ = Box::leak(Box::new(PrometheusBuilder::new().build_recorder()));
        Self { recorder, _guard: metrics::set_default_local_recorder(recorder) }
    }

    /// The value of a line, which begins with the name and its labels.
    fn value(&self, line: &str) -> f64 {
        let text = self.recorder.handle().render();
        let found = text.lines().find_map(|l| l.strip_prefix(line)?.strip_prefix(' ')?.parse().ok());
        found.unwrap_or_else(|| panic!("no {line} in\n{text}"))
    }

    fn has(&self, line: &str) -> bool {
        self.recorder.handle().render().contains(line)
    }
}

#[tokio::test]
async fn events_and_deliveries_are_counted_whichever_way_they_came() {
    let counts = Counts::start();
    let world = World::new().await;
    let settings = json!({ "retry": { "delays": [60], "jitter": 0 }, "while_paused": { "deliveries": "skip" } });
    let hook = world.hook(settings).await;
    world.endpoint.answer(&hook.url, [Answer::Status(500), Answer::Timeout]);
    world.publish(json!({ "id": "one", "type": "a", "data": 1 })).await;
    world.publish(json!({ "id": "one", "type": "a", "data": 1 })).await;
    world.send_to_events(r#"{"tenant":"acme","type":"a","data":1}"#).await;
    world.settle().await;
    world.publish(json!({ "type": "a", "data": 1, "deliver_at": "2026-02-01T00:00:00Z" })).await;
    world.drain().await;
    world.patch(&hook.path(), json!({ "enabled": false })).await.expect(200);
    world.settle().await;
    for (line, value) in [
        ("hookline_events_accepted", 3.0),
        (r#"hookline_events_fanned_out{result="new"}"#, 3.0),
        (r#"hookline_events_fanned_out{result="duplicate"}"#, 1.0),
        (r#"hookline_attempts{outcome="status"}"#, 1.0),
        (r#"hookline_attempts{outcome="timeout"}"#, 1.0),
        (r#"hookline_attempts{outcome="success"}"#, 2.0),
        ("hookline_retries_scheduled", 2.0),
        (r#"hookline_deliveries_settled{status="succeeded"}"#, 2.0),
        (r#"hookline_deliveries_settled{status="skipped"}"#, 1.0),
    ] {
        assert_eq!(counts.value(line), value, "{line}");
    }
}

#[tokio::test]
async fn waiting_that_was_asked_for_is_no_delay_of_the_first_attempt() {
    let counts = Counts::start();
    let world = World::new().await;
    world.hook(json!({})).await;
    world.publish(json!({ "type": "a", "data": 1, "deliver_at": "2026-02-01T00:00:00Z" })).await;
    world.settle().await;
    assert_eq!(counts.value("hookline_first_attempt_delay_seconds_count"), 1.0);
    assert_eq!(counts.value("hookline_first_attempt_delay_seconds_sum"), 0.0);
    world.publish(json!({ "type": "a", "data": 2 })).await;
    world.clock.advance(Duration::from_secs(7));
    world.settle().await;
    assert_eq!(counts.value("hookline_first_attempt_delay_seconds_sum"), 7.0);
}

#[tokio::test]
async fn a_circuit_is_counted_as_it_opens_is_tried_and_closes() {
    let counts = Counts::start();
    let world = World::new().await;
    let hook = world.hook(json!({ "circuit_breaker": { "failures": 2, "probe_after": 60 } })).await;
    world.endpoint.answer(&hook.url, vec![Answer::Status(500); 3]);
    for number in 0..4 {
        world.publish(json!({ "type": "a", "data": number })).await;
        world.drain().await;
    }
    let to = |state: &str| format!(r#"hookline_circuit_transitions{{to="{state}"}}"#);
    assert_eq!(counts.value(&to("open")), 1.0);
    assert_eq!(world.engine.api.hook_health.circuits.open(), 1);
    assert!(!counts.has(&to("half_open")) && !counts.has(&to("closed")));
    world.settle().await;
    // The first that tried it failed, the second did not.
    assert_eq!([to("open"), to("half_open"), to("closed")].map(|line| counts.value(&line)), [2.0, 2.0, 1.0]);
    assert_eq!(world.engine.api.hook_health.circuits.open(), 0);
}
