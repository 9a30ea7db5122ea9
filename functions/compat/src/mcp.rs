//! `/mcp/{tenant}`: the Model Context Protocol over streamable HTTP, stateless: events (SEP-3415) that agents
//! subscribe to by webhook or poll, and tools for support. A subscription is a hook.

mod arguments;
mod events;
mod poll;
mod rpc;
mod subscriptions;
mod tools;

use api_client::{ApiClient, Caller, single_headers};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use http::request::Parts;
use http::{HeaderMap, StatusCode, header};
use serde_json::json;
use serde_json::value::RawValue;

use rpc::{Answer, Failure, Request, Session};

/// As the API itself.
const MAX_BODY_BYTES: usize = 4 * 1024 * 1024;
/// The revision whose requests each carry who asks and what they can.
const VERSION: &str = "2026-07-28";
/// Those before it, which begin with `initialize`; the newest first.
const FORMER_VERSIONS: [&str; 3] = ["2025-11-25", "2025-06-18", "2025-03-26"];
const EXTENSION: &str = "io.modelcontextprotocol/events";

/// Of each, a request has one.
const SINGLE_HEADERS: [&str; 5] = ["Authorization", "Origin", "MCP-Protocol-Version", "Mcp-Method", "Mcp-Name"];

pub(crate) fn router(api: ApiClient) -> Router {
    Router::new()
        .route("/mcp/{tenant}", post(handle).fallback(method_not_allowed))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .with_state(api)
}

/// There is no stream to open and no session to end.
async fn method_not_allowed() -> Response {
    (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, "POST")]).into_response()
}

async fn handle(State(api): State<ApiClient>, Path(tenant): Path<String>, parts: Parts, body: Bytes) -> Response {
    if let Some(wrong) = single_headers::repeated(&parts.headers, &SINGLE_HEADERS).first() {
        let detail = format!("{}: {}", wrong.field, wrong.message);
        return Failure::invalid_request(detail).at(StatusCode::BAD_REQUEST).answer(None);
    }
    if is_of_another_origin(&parts.headers) {
        return Failure::invalid_request("the Origin is not this server's").at(StatusCode::FORBIDDEN).answer(None);
    }
    let request = match Request::read(&parts.headers, &body) {
        Ok(Some(request)) => request,
        // A notification; none means anything here.
        Ok(None) => return StatusCode::ACCEPTED.into_response(),
        Err((id, failure)) => return failure.answer(id.as_deref()),
    };
    let caller = Caller::of(&parts);
    let session = Session { api: api.on_behalf_of(&caller), tenant: &tenant, request: &request };
    match dispatch(&session).await {
        Ok(result) => rpc::success(&request.id, &result),
        Err(failure) => failure.answer_to(&request),
    }
}

/// Nothing here lives on cookies; a page elsewhere has no business to ask all the same.
fn is_of_another_origin(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    text(header::ORIGIN).is_some_and(|origin| {
        let authority = origin.split_once("://").map(|(_, authority)| authority);
        authority.is_none() || authority != text(header::HOST)
    })
}

async fn dispatch(session: &Session<'_>) -> Answer {
    match session.request.method.as_str() {
        "server/discover" => discover(session).await,
        "initialize" => initialize(session).await,
        "ping" => {
            session.caller().await?;
            rpc::result(&json!({}))
        }
        "events/list" => events::list(session).await,
        "events/subscribe" => subscriptions::subscribe(session).await,
        "events/unsubscribe" => subscriptions::unsubscribe(session).await,
        "events/poll" => poll::poll(session).await,
        "tools/list" => tools::list(session).await,
        "tools/call" => tools::call(session).await,
        _ => Err(Failure::method_not_found()),
    }
}

/// ChatGPT and the AI SDK look for `events`, the SEP has it among the extensions.
fn capabilities() -> serde_json::Value {
    json!({ "tools": {}, "events": {}, "extensions": { EXTENSION: {} } })
}

fn server_info() -> serde_json::Value {
    json!({ "name": "hookline", "title": "Hookline", "version": env!("CARGO_PKG_VERSION") })
}

async fn discover(session: &Session<'_>) -> Answer {
    session.caller().await?;
    rpc::result(&json!({
        "supportedVersions": [VERSION],
        "capabilities": capabilities(),
        "ttlMs": 0,
        "cacheScope": "private",
    }))
}

async fn initialize(session: &Session<'_>) -> Answer {
    session.caller().await?;
    let asked = session.request.params.get("protocolVersion").and_then(|raw| serde_json::from_str(raw.get()).ok());
    let asked: Option<String> = asked;
    let version = asked.filter(|asked| FORMER_VERSIONS.contains(&asked.as_str()));
    rpc::result(&json!({
        "protocolVersion": version.as_deref().unwrap_or(FORMER_VERSIONS[0]),
        "capabilities": capabilities(),
        "serverInfo": server_info(),
    }))
}

/// A member of an object of JSON as it came.
type Members = std::collections::BTreeMap<String, Box<RawValue>>;
