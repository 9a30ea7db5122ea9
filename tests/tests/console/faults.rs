//! When the API does not do what a page needs, and when a page goes through API Gateway.

use std::io::Read as _;
use std::sync::Arc;

use api::gateway;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, Response, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::read::GzDecoder;
use serde_json::{Value, json};
use tests::browser::Browser;
use tests::world::{TENANT, World};
use tower::ServiceExt as _;

const INTERNAL: &str = "row 17 of table x";

/// Pages over an API that answers everything with this.
async fn page_over(status: StatusCode) -> Response<Body> {
    let problem = move || async move {
        let body = json!({ "detail": INTERNAL }).to_string();
        (status, [("content-type", "application/problem+json"), ("retry-after", "7")], body)
    };
    let pages = console::beside(Router::new().fallback(problem), console::Settings { now: Arc::new(|| 0) });
    let request = Request::get("/portal/executions?status=failed")
        .header("host", "hooks.example.com")
        .header("cookie", "__Host-hookline-portal=hl_acme.ses_x.y")
        .body(Body::empty())
        .unwrap();
    pages.oneshot(request).await.unwrap()
}

async fn text(response: Response<Body>) -> String {
    String::from_utf8(to_bytes(response.into_body(), usize::MAX).await.unwrap().to_vec()).unwrap()
}

#[tokio::test]
async fn a_store_that_does_not_answer_is_told_and_asked_again() {
    let response = page_over(StatusCode::SERVICE_UNAVAILABLE).await;
    assert_eq!(response.status(), 503);
    assert_eq!(
        (&response.headers()["refresh"], &response.headers()["retry-after"]),
        (&"5".parse().unwrap(), &"7".parse().unwrap())
    );
    let page = text(response).await;
    assert!(page.contains("The store does not answer") && page.contains("our fault, not yours"), "{page}");
    assert!(page.contains("href=\"/portal/executions?status=failed\""), "{page}");
}

#[tokio::test]
async fn a_page_tells_whose_fault_it_is_and_nothing_of_what_is_inside() {
    for (status, told) in [
        (StatusCode::INTERNAL_SERVER_ERROR, "Something went wrong here"),
        (StatusCode::TOO_MANY_REQUESTS, "Too many requests"),
        (StatusCode::FORBIDDEN, "You may not do this"),
        (StatusCode::NOT_FOUND, "There is no such page"),
    ] {
        let response = page_over(status).await;
        assert_eq!(response.status(), status);
        let page = text(response).await;
        assert!(page.contains(told), "{page}");
        assert_eq!(page.contains(INTERNAL), status.is_client_error(), "{page}");
    }
    // An answer that is no JSON is our fault as well.
    let response = page_over(StatusCode::OK).await;
    assert_eq!(response.status(), 500);
}

async fn through_the_gateway(world: &World, method: &str, path: &str, headers: Value, body: &str) -> Value {
    let event = json!({
        "version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": "", "headers": headers["headers"],
        "cookies": headers["cookies"], "body": body, "isBase64Encoded": false,
        "requestContext": { "http": { "method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1", "userAgent": "x" },
            "accountId": "1", "apiId": "1", "domainName": "x", "domainPrefix": "x", "requestId": "1", "routeKey": "$default",
            "stage": "$default", "time": "", "timeEpoch": 0 },
    });
    let event: gateway::GatewayEvent = serde_json::from_str(&event.to_string()).unwrap();
    serde_json::to_value(gateway::answer(world.router(), event).await.unwrap()).unwrap()
}

#[tokio::test]
async fn pages_go_through_the_gateway_compressed_and_with_their_cookies() {
    let world = World::new().await;
    let link = world.post("/v1/tenants/acme/portal-links", json!({})).await.expect(201).json();
    let sent = json!({ "headers": { "host": "hooks.example.com", "origin": "https://hooks.example.com" } });
    let body = format!("code={}", link["code"].as_str().unwrap());
    let entered = through_the_gateway(&world, "POST", "/portal/enter", sent, &body).await;
    assert_eq!(entered["statusCode"], 303, "{entered}");
    let cookie = entered["cookies"][0].as_str().unwrap().split(';').next().unwrap();
    let asked = json!({ "headers": { "host": "hooks.example.com", "accept-encoding": "gzip" }, "cookies": [cookie] });
    let page = through_the_gateway(&world, "GET", "/portal/hooks", asked.clone(), "").await;
    assert_eq!((&page["statusCode"], &page["isBase64Encoded"]), (&json!(200), &json!(true)), "{page}");
    let mut html = String::new();
    GzDecoder::new(&*STANDARD.decode(page["body"].as_str().unwrap()).unwrap()).read_to_string(&mut html).unwrap();
    assert!(html.contains("No hooks yet"), "{html}");
    let script = html.split('"').find(|part| part.starts_with("/assets/page-")).unwrap();
    let script = through_the_gateway(&world, "GET", script, asked, "").await;
    assert_eq!(script["isBase64Encoded"], true, "{script}");
}

#[tokio::test]
async fn times_are_those_of_the_readers_zone() {
    let world = World::new().await;
    let hook = world.hook(json!({})).await;
    let customer = Browser::in_portal_with_all(&world, TENANT).await;
    let path = format!("/portal/hooks/{}", hook.id);
    for (zone, told) in [("", "09:30:00 UTC"), ("Asia%2FKolkata", "15:00:00 IST"), ("Not%2FThere", "09:30:00 UTC")] {
        customer.set_cookie("hookline-zone", zone);
        let page = customer.get(&path).await.expect(200).text();
        assert!(page.contains(told), "{zone}: {page}");
    }
}
