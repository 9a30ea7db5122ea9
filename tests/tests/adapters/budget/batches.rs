//! Deliveries of a batch whose messages are handed to several functions at once.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use contract::messages::DeliveryMessage;
use contract::ports::{Clock as _, HttpRequest, HttpResponse, HttpResult, HttpSender, Outgoing, SendFault};
use contract::stage::Outcome;
use domain::delivery::Status;
use futures::future::join_all;

use super::stages::{Stages, message};

/// Answers the first requests with 500, and keeps all.
#[derive(Default)]
struct Recorder(Mutex<Vec<(String, Bytes)>>);

#[async_trait]
impl HttpSender for Recorder {
    async fn send(&self, request: HttpRequest) -> Result<HttpResult, SendFault> {
        let id = request.headers.iter().find(|(name, _)| name == "X-GitHub-Delivery").unwrap().1.clone();
        let mut seen = self.0.lock().unwrap();
        seen.push((id, request.body));
        let answer = HttpResponse::new(if seen.len() < 3 { 500 } else { 200 }, Vec::new(), Bytes::new());
        Ok(HttpResult { answer: Ok(answer), duration: Duration::from_millis(5) })
    }
}

async fn handle(deps: &deliver::Deps, outgoing: Outgoing) {
    let outcome = deliver::handle(deps, message("m", outgoing.body)).await;
    assert!(matches!(outcome, Outcome::Done), "{outcome:?}");
}

#[tokio::test]
async fn a_batch_is_sent_again_once_whichever_functions_get_its_messages() {
    let settings =
        r#"{"retry":{"delays":[5,25],"jitter":0.5},"batch":{"max_events":3,"max_wait":1},"payload":{"raw":true}}"#;
    let stages = Stages::with(settings).await;
    for event in ["evt-1", "evt-2", "evt-3"] {
        stages.fan_out(event).await;
    }
    let recorder = Arc::new(Recorder::default());
    let first = stages.deliver_through(recorder.clone());
    let deliveries = stages.deliveries.take().1;
    let ids: Vec<_> = deliveries.iter().map(|d| DeliveryMessage::parse(&d.body).unwrap().delivery_id()).collect();
    join_all(deliveries.into_iter().map(|delivery| handle(&first, delivery))).await;
    assert_eq!(recorder.0.lock().unwrap().len(), 1);

    // Every message to a function of its own, when it is due.
    let mut waiting = stages.retries.take().1;
    let mut handled = 0;
    while let Some(next) = (0..waiting.len()).min_by_key(|n| waiting[*n].due) {
        let retry = waiting.remove(next);
        let clock = &stages.stores.clock;
        clock.set(retry.due.unwrap().max(clock.now()));
        stages.meter.reset();
        handle(&stages.deliver_through(recorder.clone()), retry).await;
        if handled == 0 {
            let cost = stages.meter.reset();
            assert_eq!(cost.read_calls, 8, "its own hook, tenant, health and row, and two for each of the others");
        }
        handled += 1;
        waiting.extend(stages.retries.take().1);
        assert!(handled < 20, "the messages never come to rest");
    }
    let sent = recorder.0.lock().unwrap().clone();
    assert_eq!(sent.len(), 3);
    assert!(sent.iter().all(|request| *request == sent[0] && request.0.starts_with("batch_")), "{sent:?}");
    for id in ids {
        let row = stages.stores.deliveries.get(&stages.hook.tenant, id).await.unwrap().unwrap();
        assert_eq!((row.status, row.attempt_count), (Status::Succeeded, 3));
    }
}
