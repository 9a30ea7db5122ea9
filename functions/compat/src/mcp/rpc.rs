//! Requests and answers of JSON-RPC, and what can be wrong with them.

use api_client::{Calls, Refusal};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value, json};

use super::{EXTENSION, FORMER_VERSIONS, Members, VERSION};

const PARSE_ERROR: i32 = -32_700;
const INVALID_REQUEST: i32 = -32_600;
const METHOD_NOT_FOUND: i32 = -32_601;
const INVALID_PARAMS: i32 = -32_602;
const INTERNAL_ERROR: i32 = -32_603;
const HEADER_MISMATCH: i32 = -32_020;
const UNSUPPORTED_VERSION: i32 = -32_022;
const VERSION_HEADER: &str = "mcp-protocol-version";

pub(crate) type Answer = Result<Box<RawValue>, Failure>;

pub(crate) struct Request {
    /// As it came, for the answer.
    pub(crate) id: Box<RawValue>,
    pub(crate) method: String,
    pub(crate) params: Members,
    is_modern: bool,
    /// It says that it knows the extension, so it is told errors by the numbers of the SEP.
    knows_extension: bool,
}

#[derive(Deserialize)]
struct Message {
    jsonrpc: String,
    method: String,
    #[serde(default)]
    params: Option<Members>,
}

#[derive(Deserialize)]
struct WithId {
    id: Option<Box<RawValue>>,
}

type Misread = (Option<Box<RawValue>>, Failure);

impl Request {
    /// None for a notification.
    pub(crate) fn read(headers: &HeaderMap, body: &[u8]) -> Result<Option<Self>, Misread> {
        if serde_json::from_slice::<serde::de::IgnoredAny>(body).is_err() {
            return Err((None, Failure::new(PARSE_ERROR, "the body is not JSON").at(StatusCode::BAD_REQUEST)));
        }
        let id = serde_json::from_slice::<WithId>(body).ok().and_then(|message| message.id);
        let id = id.filter(|id| matches!(id.get().as_bytes(), [b'"' | b'-' | b'0'..=b'9', ..]));
        let has_id = serde_json::from_slice::<Map<String, Value>>(body).is_ok_and(|message| message.contains_key("id"));
        let wrong = |detail: &str| Failure::invalid_request(detail).at(StatusCode::BAD_REQUEST);
        let Ok(message) = serde_json::from_slice::<Message>(body) else {
            return Err((id, wrong("expected one request of JSON-RPC 2.0, with params that are an object")));
        };
        if message.jsonrpc != "2.0" {
            return Err((id, wrong("expected jsonrpc to be 2.0")));
        }
        let id = match (id, has_id) {
            (Some(id), _) => id,
            (None, false) => return Ok(None),
            (None, true) => return Err((None, wrong("expected an id that is a text or a number"))),
        };
        let params = message.params.unwrap_or_default();
        match envelope(headers, &message.method, &params) {
            Ok(knows) => {
                let is_modern = knows.is_some();
                let knows_extension = knows == Some(true);
                Ok(Some(Self { id, method: message.method, params, is_modern, knows_extension }))
            }
            Err(failure) => Err((Some(id), failure)),
        }
    }

    fn is_of_a_subscription(&self) -> bool {
        matches!(self.method.as_str(), "events/subscribe" | "events/unsubscribe")
    }

    /// A parameter that may be absent or null.
    pub(crate) fn optional<T: serde::de::DeserializeOwned>(
        &self,
        name: &str,
        expected: &str,
    ) -> Result<Option<T>, Failure> {
        let Some(raw) = self.params.get(name) else { return Ok(None) };
        let wrong = |_| Failure::invalid_params(format!("{name}: expected {expected}"));
        serde_json::from_str(raw.get()).map_err(wrong)
    }

    pub(crate) fn required<T: serde::de::DeserializeOwned>(&self, name: &str, expected: &str) -> Result<T, Failure> {
        let missing = || Failure::invalid_params(format!("{name}: is required: {expected}"));
        self.optional(name, expected)?.ok_or_else(missing)
    }
}

/// What a request of 2026-07-28 says of itself, twice, and whether it knows the extension; none for one of
/// before, which says it in a header, or nowhere.
fn envelope(headers: &HeaderMap, method: &str, params: &Members) -> Result<Option<bool>, Failure> {
    let header = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    let meta: Map<String, Value> =
        params.get("_meta").and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default();
    let version = meta.get("io.modelcontextprotocol/protocolVersion");
    let said = header(VERSION_HEADER);
    if version.is_none() && (method == "initialize" || said.is_none_or(|said| FORMER_VERSIONS.contains(&said))) {
        return Ok(None);
    }
    let bad = |code, detail: &str| Err(Failure::new(code, detail).at(StatusCode::BAD_REQUEST));
    let capabilities = meta.get("io.modelcontextprotocol/clientCapabilities");
    let (Some(version), Some(capabilities)) =
        (version.and_then(Value::as_str), capabilities.and_then(Value::as_object))
    else {
        return bad(
            INVALID_PARAMS,
            "params._meta: expected io.modelcontextprotocol/protocolVersion and io.modelcontextprotocol/clientCapabilities",
        );
    };
    if said != Some(version) {
        return bad(HEADER_MISMATCH, "the header MCP-Protocol-Version is not what params._meta says");
    }
    if header("mcp-method") != Some(method) {
        return bad(HEADER_MISMATCH, "the header Mcp-Method is not the method of the body");
    }
    if method == "tools/call"
        && let Some(name) = params.get("name").and_then(|raw| serde_json::from_str::<String>(raw.get()).ok())
        && header("mcp-name") != Some(name.as_str())
    {
        return bad(HEADER_MISMATCH, "the header Mcp-Name is not the name of the body");
    }
    if version != VERSION {
        let data = json!({ "supported": [VERSION], "requested": version });
        let failure = Failure::new(UNSUPPORTED_VERSION, "this revision of the protocol is not spoken here");
        return Err(failure.with(data).at(StatusCode::BAD_REQUEST));
    }
    Ok(Some(capabilities.get("extensions").and_then(|all| all.get(EXTENSION)).is_some()))
}

/// One request, and whoever makes it.
pub(crate) struct Session<'a> {
    pub(crate) api: Calls<'a>,
    pub(crate) tenant: &'a str,
    pub(crate) request: &'a Request,
}

#[derive(Deserialize)]
pub(crate) struct CallerOfApi {
    pub(crate) id: String,
    /// The key or session itself, which an operator has several of.
    pub(crate) asked_with: String,
    /// When that ends.
    pub(crate) expires_at: Option<jiff::Timestamp>,
    pub(crate) capabilities: Vec<String>,
    pub(crate) now: jiff::Timestamp,
}

impl<'a> Session<'a> {
    pub(crate) fn path(&self, rest: &[&'a str]) -> Vec<&'a str> {
        [&["v1", "tenants", self.tenant], rest].concat()
    }

    /// Who asks; an invalid key is refused here.
    pub(crate) async fn caller(&self) -> Result<CallerOfApi, Failure> {
        self.api.get(&self.path(&["caller"]), &[]).await.map_err(|refusal| self.refused(refusal))
    }

    /// A condition that the SEP names, by the number that this client knows it by: clients of before it was
    /// final, ChatGPT among them, take those of the draft.
    pub(crate) fn condition(&self, condition: Condition, data: Value) -> Failure {
        let (name, final_code, draft_code) = match condition {
            Condition::NotFound => ("NotFound", -32_023, -32_011),
            Condition::Forbidden => ("Forbidden", -32_024, -32_012),
            Condition::ResourceExhausted => ("ResourceExhausted", -32_025, -32_013),
            Condition::Unsupported => ("Unsupported", -32_026, -32_014),
            Condition::CallbackEndpointError => ("CallbackEndpointError", -32_027, -32_015),
        };
        let code = if self.knows_extension() { final_code } else { draft_code };
        Failure::new(code, name).with(data)
    }

    pub(crate) fn knows_extension(&self) -> bool {
        self.request.knows_extension
    }

    /// The API's refusal.
    pub(crate) fn refused(&self, refusal: Refusal) -> Failure {
        let detail = refusal.detail.clone();
        let failure = match refusal.status {
            // Without somebody who asks, the SEP has these two forbidden.
            StatusCode::UNAUTHORIZED if self.knows_extension() && self.request.is_of_a_subscription() => {
                self.condition(Condition::Forbidden, json!({ "reason": detail })).at(StatusCode::UNAUTHORIZED)
            }
            StatusCode::UNAUTHORIZED => Failure::invalid_request(detail).at(StatusCode::UNAUTHORIZED),
            StatusCode::FORBIDDEN => self.condition(Condition::Forbidden, json!({ "reason": detail })),
            StatusCode::NOT_FOUND => self.condition(Condition::NotFound, json!({ "reason": detail })),
            StatusCode::CONFLICT if refusal.code == "limit_reached" => {
                self.condition(Condition::ResourceExhausted, json!({ "limit": "subscriptions", "reason": detail }))
            }
            StatusCode::TOO_MANY_REQUESTS => {
                self.condition(Condition::ResourceExhausted, json!({ "limit": "requests", "reason": detail }))
            }
            status if status.is_client_error() => Failure::invalid_params(detail),
            _ => Failure::new(INTERNAL_ERROR, detail),
        };
        Failure { retry_after: refusal.retry_after, ..failure }
    }
}

#[derive(Clone, Copy)]
pub(crate) enum Condition {
    NotFound,
    Forbidden,
    ResourceExhausted,
    Unsupported,
    CallbackEndpointError,
}

/// Why there is no result.
#[derive(Debug)]
pub(crate) struct Failure {
    code: i32,
    message: String,
    data: Option<Value>,
    status: StatusCode,
    retry_after: Option<HeaderValue>,
}

impl Failure {
    pub(crate) fn new(code: i32, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), data: None, status: StatusCode::OK, retry_after: None }
    }

    pub(crate) fn invalid_request(detail: impl Into<String>) -> Self {
        Self::new(INVALID_REQUEST, detail)
    }

    pub(crate) fn invalid_params(detail: impl Into<String>) -> Self {
        Self::new(INVALID_PARAMS, detail)
    }

    pub(crate) fn internal(detail: impl Into<String>) -> Self {
        Self::new(INTERNAL_ERROR, detail)
    }

    pub(crate) fn method_not_found() -> Self {
        Self::new(METHOD_NOT_FOUND, "there is no such method").at(StatusCode::NOT_FOUND)
    }

    pub(crate) fn with(self, data: Value) -> Self {
        Self { data: Some(data), ..self }
    }

    pub(crate) fn at(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    /// As the official SDKs answer clients of 2026-07-28; those of before take such a status for a broken server.
    pub(crate) fn answer_to(self, request: &Request) -> Response {
        let is_wrong = self.code == INVALID_PARAMS && self.status == StatusCode::OK && request.is_modern;
        let status = if is_wrong { StatusCode::BAD_REQUEST } else { self.status };
        self.at(status).answer(Some(&request.id))
    }

    pub(crate) fn answer(self, id: Option<&RawValue>) -> Response {
        let mut error = json!({ "code": self.code, "message": self.message });
        if let Some(data) = self.data {
            error["data"] = data;
        }
        let id = id.map_or("null", RawValue::get);
        let body = format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{error}}}"#);
        let mut response = (self.status, [(header::CONTENT_TYPE, "application/json")], body).into_response();
        if let Some(wait) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, wait);
        }
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

#[derive(Serialize)]
struct Complete<'a, T: Serialize> {
    #[serde(rename = "resultType")]
    result_type: &'static str,
    #[serde(rename = "_meta")]
    meta: Value,
    #[serde(flatten)]
    rest: &'a T,
}

/// What is answered in one piece. JSON in it stays as it is, where it is a raw value.
pub(crate) fn result(rest: &impl Serialize) -> Answer {
    let meta = json!({ "io.modelcontextprotocol/serverInfo": super::server_info() });
    to_raw_value(&Complete { result_type: "complete", meta, rest })
        .map_err(|error| Failure::internal(format!("the answer cannot be written: {error}")))
}

pub(crate) fn success(id: &RawValue, result: &RawValue) -> Response {
    let body = format!(r#"{{"jsonrpc":"2.0","id":{},"result":{}}}"#, id.get(), result.get());
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}
