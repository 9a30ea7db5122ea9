//! The Model Context Protocol, as an agent speaks it.

use axum::body::Body;
use axum::http::{Request, header};
use contract::ports::HttpRequest;
use serde_json::{Value, json};

use crate::world::Answer;

/// As a client of 2026-07-28 sends it.
pub fn request(tenant: &str, key: &str, method: &str, mut params: Value) -> Request<Body> {
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": { "extensions": { "io.modelcontextprotocol/events": {} } },
    });
    let name = params["name"].as_str().unwrap_or_default().to_owned();
    let body = json!({ "jsonrpc": "2.0", "id": 7, "method": method, "params": params });
    Request::post(format!("/mcp/{tenant}"))
        .header(header::AUTHORIZATION, format!("Bearer {key}"))
        .header("mcp-protocol-version", "2026-07-28")
        .header("mcp-method", method)
        .header("mcp-name", name)
        .body(Body::from(body.to_string()))
        .expect("the request is well formed")
}

/// Returns challenges, as the AI SDK's receiver does, and takes everything else.
pub fn echo(request: &HttpRequest) -> Answer {
    let body: Value = serde_json::from_slice(&request.body).expect("requests are JSON");
    match body["type"].as_str() {
        Some("verification") => Answer::Body(200, json!({ "challenge": body["challenge"] }).to_string()),
        _ => Answer::Status(204),
    }
}
