//! Traces on their way from a function to a collector.

use std::sync::{Arc, Mutex};

use aws::traces::TraceExport;
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use contract::traces::{Attribute, EndedSpan, SpanKind};
use domain::time::Timestamp;
use domain::trace_context::TraceContext;
use services::runtime::config::Environment;
use services::runtime::traces::TracesConfig;
use tokio::net::TcpListener;

type Posted = Arc<Mutex<Vec<(HeaderMap, String)>>>;

async fn take(State((posted, status)): State<(Posted, StatusCode)>, headers: HeaderMap, body: String) -> StatusCode {
    posted.lock().unwrap().push((headers, body));
    status
}

async fn collector(status: StatusCode) -> (TraceExport, TracesConfig, Posted) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let posted = Posted::default();
    let router = Router::new().fallback(take).with_state((Arc::clone(&posted), status));
    tokio::spawn(async move { axum::serve(listener, router).await });
    let mut env = Environment::new(|name| match name {
        "OTEL_EXPORTER_OTLP_ENDPOINT" => Some(endpoint.clone()),
        "OTEL_EXPORTER_OTLP_HEADERS" => Some("api-key=x".to_owned()),
        _ => None,
    });
    let config = TracesConfig::read(&mut env);
    let config = env.finish(config).unwrap().unwrap();
    (TraceExport::new(config.clone()), config, posted)
}

#[tokio::test]
async fn a_function_posts_its_spans_with_the_headers_that_were_asked_for() {
    let (export, config, posted) = collector(StatusCode::OK).await;
    let span = EndedSpan {
        name: "fanout",
        kind: SpanKind::Consumer,
        context: TraceContext::new(1, 2, true),
        parent: Some(3),
        began_at: Timestamp::from_millis(5),
        took: std::time::Duration::from_micros(1_500),
        attributes: vec![("a", Attribute::Number(7))],
        error: Some("store".to_owned()),
    };
    export.post(config.request(&[span])).await.unwrap();
    let (headers, body) = posted.lock().unwrap().remove(0);
    assert!(headers["content-type"] == "application/json" && headers["api-key"] == "x", "{headers:?}");
    let told: serde_json::Value = serde_json::from_str(&body).unwrap();
    let span = &told["resourceSpans"][0]["scopeSpans"][0]["spans"][0];
    let expected = serde_json::json!({
        "traceId": "00000000000000000000000000000001", "spanId": "0000000000000002",
        "parentSpanId": "0000000000000003", "name": "fanout", "kind": 5, "flags": 1,
        "startTimeUnixNano": "5000000", "endTimeUnixNano": "6500000",
        "attributes": [{ "key": "a", "value": { "intValue": "7" } }],
        "status": { "code": 2, "message": "store" },
    });
    assert_eq!(*span, expected);
}

#[tokio::test]
async fn a_collector_that_refuses_or_is_not_there_is_told_and_holds_nothing_up() {
    let (export, config, _) = collector(StatusCode::SERVICE_UNAVAILABLE).await;
    assert_eq!(export.post(config.request(&[])).await.unwrap_err(), "the collector answered 503");
    let mut nowhere = config;
    "http://127.0.0.1:1/v1/traces".clone_into(&mut nowhere.endpoint);
    let failed = TraceExport::new(nowhere).post("{}".to_owned()).await.unwrap_err();
    assert_eq!(failed, "the collector could not be reached");
}
