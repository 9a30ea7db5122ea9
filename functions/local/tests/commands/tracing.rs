//! Traces, as a collector gets them and as endpoints do.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use tokio::net::TcpListener;

use super::*;

const GIVEN: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const UNSAMPLED: &str = "00-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-00f067aa0ba902b7-00";

type Shared<T> = Arc<Mutex<Vec<T>>>;

/// What was posted to the collector, spans one by one.
async fn collector() -> (String, Shared<Value>) {
    async fn take(State(spans): State<Shared<Value>>, headers: HeaderMap, body: String) -> &'static str {
        assert!(headers["content-type"] == "application/json" && headers["x-team"] == "a b", "{headers:?}");
        let told: Value = serde_json::from_str(&body).unwrap();
        for resource in told["resourceSpans"].as_array().unwrap() {
            let service = &resource["resource"]["attributes"][0];
            assert_eq!((&service["key"], &service["value"]["stringValue"]), (&json!("service.name"), &json!("hooks")));
            for scope in resource["scopeSpans"].as_array().unwrap() {
                spans.lock().unwrap().extend(scope["spans"].as_array().unwrap().iter().cloned());
            }
        }
        "{}"
    }
    let spans = Shared::default();
    let router = axum::Router::new().route("/v1/traces", axum::routing::post(take)).with_state(Arc::clone(&spans));
    (serve(router).await, spans)
}

/// An endpoint that answers 500 first, and what it was told of the trace.
async fn endpoint() -> (String, Shared<Option<String>>) {
    async fn take(State(told): State<Shared<Option<String>>>, headers: HeaderMap) -> StatusCode {
        let mut told = told.lock().unwrap();
        told.push(headers.get("traceparent").map(|value| value.to_str().unwrap().to_owned()));
        if told.len() == 1 { StatusCode::INTERNAL_SERVER_ERROR } else { StatusCode::OK }
    }
    let told = Shared::default();
    (serve(axum::Router::new().fallback(take).with_state(Arc::clone(&told))).await, told)
}

async fn serve(router: axum::Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

async fn traced(collector: &str) -> Deployment {
    Deployment::start_with(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", collector),
        ("OTEL_EXPORTER_OTLP_HEADERS", "x-team=a%20b"),
        ("OTEL_SERVICE_NAME", "hooks"),
        ("OTEL_BSP_SCHEDULE_DELAY", "50"),
    ])
    .await
}

async fn publish(deployment: &Deployment, id: &str, traceparent: Option<&str>) {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = client.post(format!("{}/v1/tenants/acme/events", deployment.api));
    let body = json!({ "id": id, "type": "a", "data": 1 }).to_string();
    let request = traceparent.into_iter().fold(request, |request, given| request.header("traceparent", given));
    let answer = request.bearer_auth(KEY).body(body).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 202);
}

async fn hook(deployment: &Deployment, url: &str) {
    let create = format!("hooks create --json --event * --url {url} --set");
    deployment.run_with(&create, &[r#"retry={"delays":[0.1]}"#]).await.succeeded();
}

#[tokio::test]
async fn an_event_is_one_trace_over_all_stages_with_a_span_for_each_attempt() {
    let (collector, spans) = collector().await;
    let deployment = traced(&collector).await;
    let (url, told) = endpoint().await;
    hook(&deployment, &url).await;
    publish(&deployment, "e-1", Some(GIVEN)).await;
    assert_eq!(deployment.settled("e-1").await["status"], "succeeded");
    until("all spans have come", || async {
        let spans = spans.lock().unwrap();
        let has = |name: &str, number: usize| spans.iter().filter(|span| span["name"] == name).count() >= number;
        let all = [("publish", 1), ("fanout", 1), ("deliver", 2), ("attempt", 2), ("requeue", 1)];
        all.into_iter().all(|(name, number)| has(name, number))
    })
    .await;

    let spans = spans.lock().unwrap().clone();
    let by_id: HashMap<&str, &Value> = spans.iter().map(|span| (span["spanId"].as_str().unwrap(), span)).collect();
    let named = |name: &str| -> Vec<&Value> { spans.iter().filter(|span| span["name"] == name).collect() };
    let parent =
        |span: &Value| by_id.get(span["parentSpanId"].as_str().unwrap()).map(|span| span["name"].as_str().unwrap());
    assert!(spans.iter().all(|span| span["traceId"] == "4bf92f3577b34da6a3ce929d0e0e4736"), "{spans:?}");
    let counts = ["publish", "fanout", "deliver", "attempt"].map(|name| named(name).len());
    assert_eq!(counts, [1, 1, 2, 2]);
    assert_eq!(named("publish")[0]["parentSpanId"], "00f067aa0ba902b7");
    for (name, above) in [("fanout", "publish"), ("deliver", "fanout"), ("attempt", "deliver"), ("requeue", "fanout")] {
        assert!(named(name).iter().all(|span| parent(span) == Some(above)), "{name} is not below {above}: {spans:?}");
    }
    assert!(!named("requeue").is_empty());
    let kinds = ["publish", "fanout", "attempt"].map(|name| named(name)[0]["kind"].clone());
    assert_eq!(kinds, [2, 5, 3]);
    for span in &spans {
        let time = |name: &str| span[name].as_str().unwrap().parse::<u64>().unwrap();
        assert!(time("startTimeUnixNano") <= time("endTimeUnixNano"));
    }

    let mut sent: Vec<String> = named("attempt")
        .iter()
        .map(|span| format!("00-{}-{}-01", span["traceId"].as_str().unwrap(), span["spanId"].as_str().unwrap()))
        .collect();
    let mut got: Vec<String> = told.lock().unwrap().iter().map(|told| told.clone().unwrap()).collect();
    sent.sort();
    got.sort();
    assert_eq!(got, sent, "each request names its own attempt");
    let status = |span: &Value| {
        span["attributes"]
            .as_array()
            .unwrap()
            .iter()
            .find(|one| one["key"] == "http.response.status_code")
            .map(|one| one["value"]["intValue"].clone())
    };
    let mut statuses: Vec<_> =
        named("attempt").iter().map(|span| (status(span).unwrap(), span["status"]["code"].clone())).collect();
    statuses.sort_by_key(|(status, _)| status.to_string());
    assert_eq!(statuses, [(json!("200"), Value::Null), (json!("500"), json!(2))]);
}

#[tokio::test]
async fn what_is_not_sampled_is_not_recorded_and_stays_so_for_endpoints() {
    let (collector, spans) = collector().await;
    let deployment = traced(&collector).await;
    let (url, told) = endpoint().await;
    hook(&deployment, &url).await;
    publish(&deployment, "e-1", Some(UNSAMPLED)).await;
    deployment.settled("e-1").await;
    publish(&deployment, "e-2", None).await;
    deployment.settled("e-2").await;
    until("the other trace has come", || async { spans.lock().unwrap().iter().any(|span| span["name"] == "attempt") })
        .await;
    let told = told.lock().unwrap().clone();
    assert_eq!(told.len(), 3);
    for told in told[..2].iter().map(|told| told.as_ref().unwrap()) {
        assert!(told.starts_with("00-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-") && told.ends_with("-00"), "{told}");
    }
    let new = told[2].clone().unwrap();
    assert!(new.ends_with("-01"));
    assert!(spans.lock().unwrap().iter().all(|span| span["traceId"] == new[3..35]));
}

#[tokio::test]
async fn without_a_collector_what_was_given_is_carried_on_as_it_is_and_nothing_else() {
    let deployment = Deployment::start().await;
    let (url, told) = endpoint().await;
    hook(&deployment, &url).await;
    for (id, given) in [("e-1", Some(GIVEN)), ("e-2", None), ("e-3", Some("nonsense"))] {
        publish(&deployment, id, given).await;
        deployment.settled(id).await;
    }
    let given = Some(GIVEN.to_owned());
    assert_eq!(*told.lock().unwrap(), [given.clone(), given, None, None]);
}

#[tokio::test]
async fn variables_that_are_wrong_are_told_with_all_other_mistakes() {
    let mut command = binary();
    command.args(["serve", "--temporary", "--listen", "nowhere"]);
    command.env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1").env("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc");
    let said = run(command).await;
    assert_eq!(said.code, 2);
    assert!(
        said.err.contains("--listen") && said.err.contains("OTEL_EXPORTER_OTLP_PROTOCOL: expected http/json"),
        "{}",
        said.err
    );
}
