//! `Idempotency-Key`: a `POST` that is sent again does nothing more.
//!
//! What a request was answered is kept, and told again to the same asker. Some need no such
//! record, or less of one: see [`Way`].

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{FromRequestParts as _, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use contract::ports::StoreResult;
use contract::stage::causes;
use domain::ids::TenantId;
use domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use services::repositories::documents::{Found, KeyedRequest, RequestName};

use crate::Deps;
use crate::audited;
use crate::auth::{may_ask_in, presented};
use crate::input::{IdempotencyKey, Segments, body_bytes, segment};
use crate::problem::{Problem, ProblemCode};
use crate::request_check::Checked;

/// What is kept of an answer: a row of DynamoDB holds 400 KB, and it is encoded twice.
const MAX_KEPT_BYTES: usize = 200_000;
const MAX_ANSWER_BYTES: usize = 16 * 1024 * 1024;
/// A one-time code stays one: this is enough to ask again whose answer was lost.
const SESSION_TOLD_FOR: Duration = Duration::from_secs(10 * 60);
/// When to ask for what is under way.
const ASK_AGAIN: Duration = Duration::from_secs(2);

/// How a `POST` is made once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// Its answer is kept.
    Kept,
    /// What it makes says itself by which request it was made. Whether the same is asked is known
    /// from a record.
    Known,
    /// The same, but who looks for what another is just making does not find it. So one of them waits.
    Listed,
    /// As `Known` without a record: each event has a fingerprint of its own.
    Published,
    /// No key is asked for, and the body is the credential. Only who succeeds leaves a record.
    Entered,
    /// It changes nothing, or nothing more when it is called again. It has no use for a key.
    Repeatable,
}

impl Way {
    pub(crate) fn of(path: &str) -> Self {
        match path {
            "/v1/tenants"
            | "/v1/tenants/{tenant}/hooks"
            | "/v1/tenants/{tenant}/hooks/{hook}/secret/rotate"
            | "/v1/tenants/{tenant}/deliveries/{delivery}/retry"
            | "/v1/tenants/{tenant}/plans" => Self::Known,
            "/v1/tenants/{tenant}/hooks/{hook}/replays" => Self::Listed,
            "/v1/tenants/{tenant}/events" | "/v1/tenants/{tenant}/events/batch" => Self::Published,
            "/v1/portal/sessions" => Self::Entered,
            "/v1/profile-previews"
            | "/v1/portal/session/refresh"
            | "/v1/tenants/{tenant}/hooks/{hook}/preview"
            | "/v1/tenants/{tenant}/hooks/{hook}/confirm" => Self::Repeatable,
            _ => Self::Kept,
        }
    }

    /// Whether what was made answers, and not the record.
    fn knows(self) -> bool {
        matches!(self, Self::Known | Self::Listed)
    }
}

/// An answer, as it is kept.
#[derive(Serialize, Deserialize)]
struct Answer {
    status: u16,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    etag: Option<String>,
    /// Absent where it was too large.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    body: Option<String>,
}

/// Of whom, and which request.
struct Keyed {
    deps: Arc<Deps>,
    tenant: Option<TenantId>,
    name: RequestName,
    way: Way,
}

pub(crate) async fn once(deps: Arc<Deps>, request: Request, next: Checked) -> Result<Response, Problem> {
    let way = Way::of(next.path());
    if request.method() != Method::POST || matches!(way, Way::Repeatable | Way::Published) {
        return Ok(next.run(request).await);
    }
    let (mut parts, body) = request.into_parts();
    let IdempotencyKey(Some(key)) = IdempotencyKey::from_request_parts(&mut parts, &()).await? else {
        return Ok(next.run(Request::from_parts(parts, body)).await);
    };
    let Some((tenant, since)) = place(&mut parts, &deps, way).await? else {
        return Ok(next.run(Request::from_parts(parts, body)).await);
    };
    let body = body_bytes(Request::from_parts(parts.clone(), body)).await?;
    let credential = match way {
        Way::Entered => String::from_utf8_lossy(&body).into_owned(),
        _ => presented(&parts.headers).unwrap_or_default(),
    };
    let name = RequestName::new(&credential, &key, &target(&parts), &content(&parts.headers, &body));
    let keyed = Keyed { deps, tenant, name, way };
    // In a task of its own: whoever hangs up did not take back what was asked.
    let request = Request::from_parts(parts, Body::from(body));
    match tokio::spawn(audited::scope(keyed.answered(request, next, since))).await {
        Ok(response) => response,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(_) => Err(Problem::internal()),
    }
}

/// Where requests of this kind are kept, and since when; none where the route refuses whoever asks.
async fn place(parts: &mut Parts, deps: &Deps, way: Way) -> Result<Option<(Option<TenantId>, Timestamp)>, Problem> {
    let beginning = Timestamp::from_millis(0);
    if way == Way::Entered {
        let now = deps.clock.now().as_millis();
        let window = i64::try_from(SESSION_TOLD_FOR.as_millis()).unwrap_or(0);
        return Ok(Some((None, Timestamp::from_millis(now - window))));
    }
    let Ok(params) = Segments::from_request_parts(parts, &()).await;
    let tenant = if params.has("tenant") { Some(segment::<TenantId>(&params, "tenant", "tenant")?) } else { None };
    if !may_ask_in(parts, deps, tenant.as_ref()).await? {
        return Ok(None);
    }
    match tenant {
        None => Ok(Some((None, beginning))),
        // Of a former tenant of this id nothing is known.
        Some(id) => Ok(deps.tenants.get(&id).await?.map(|tenant| (Some(id), tenant.created_at))),
    }
}

fn target(parts: &Parts) -> String {
    format!("{} {}", parts.method, parts.uri.path_and_query().map_or("", |target| target.as_str()))
}

/// The body, and of which version it asks for a change.
fn content(headers: &HeaderMap, body: &[u8]) -> Vec<u8> {
    // One that is there and says nothing is refused, which none is not.
    let tags = headers.get_all(header::IF_MATCH).iter();
    let tags: Vec<_> = tags.map(|tag| String::from_utf8_lossy(tag.as_bytes())).collect();
    [serde_json::json!(tags).to_string().as_bytes(), b"\n", body].concat()
}

impl Keyed {
    async fn answered(self, request: Request, next: Checked, since: Timestamp) -> Result<Response, Problem> {
        let (requests, tenant, now) = (&self.deps.keyed_requests, self.tenant.as_ref(), self.deps.clock.now());
        let found = match self.way {
            Way::Entered => requests.find(tenant, &self.name, since, now).await?,
            _ => Some(requests.claim(tenant, &self.name, since, now).await?),
        };
        match found {
            Some(Found::Other) => Err(other()),
            Some(Found::UnderWay) if matches!(self.way, Way::Kept | Way::Listed) => Err(under_way()),
            Some(Found::Answered(answer)) if !self.way.knows() => told_again(&answer),
            Some(Found::New(claimed)) => self.noted(next.run(request).await, Some(claimed)).await,
            None => self.noted(next.run(request).await, None).await,
            Some(Found::UnderWay | Found::Answered(_)) => Ok(next.run(request).await),
        }
    }

    async fn noted(self, response: Response, claimed: Option<KeyedRequest>) -> Result<Response, Problem> {
        let (requests, tenant) = (&self.deps.keyed_requests, self.tenant.as_ref());
        if !response.status().is_success() {
            // What was refused may be sent again, put right.
            if let Some(claimed) = claimed
                && let Err(error) = requests.forget(tenant, &self.name, &claimed).await
            {
                let error = causes(&error);
                tracing::warn!(%error, "a request that was refused counts as under way for a minute: {error}");
            }
            return Ok(response);
        }
        let (head, body) = response.into_parts();
        let body = to_bytes(body, MAX_ANSWER_BYTES).await.map_err(|_| Problem::internal())?;
        // It is done, whether or not that can be noted.
        if let Err(error) = self.note(head.status, &head.headers, &body, claimed).await {
            let error = causes(&error);
            tracing::warn!(%error, "the answer to a request with an idempotency key is not kept: {error}");
        }
        Ok(Response::from_parts(head, Body::from(body)))
    }

    async fn note(
        &self,
        status: StatusCode,
        headers: &HeaderMap,
        body: &Bytes,
        claimed: Option<KeyedRequest>,
    ) -> StoreResult<()> {
        let (requests, tenant, now) = (&self.deps.keyed_requests, self.tenant.as_ref(), self.deps.clock.now());
        let claimed = match claimed {
            Some(claimed) => claimed,
            None => match requests.claim(tenant, &self.name, now, now).await? {
                Found::New(claimed) => claimed,
                _ => return Ok(()),
            },
        };
        let body = (!self.way.knows()).then_some(body);
        let is_kept = requests.answer(tenant, &self.name, claimed.clone(), &kept(status, headers, body)).await?;
        // Else it would count as under way, and be made again after a minute. Where another has taken over,
        // this is refused as well.
        if !is_kept && body.is_some() {
            requests.answer(tenant, &self.name, claimed, &kept(status, headers, None)).await?;
        }
        Ok(())
    }
}

/// Without its body where that would be too much for a row, sealed as it is.
fn kept(status: StatusCode, headers: &HeaderMap, body: Option<&Bytes>) -> Vec<u8> {
    let etag = headers.get(header::ETAG).and_then(|tag| tag.to_str().ok()).map(str::to_owned);
    let body = body.and_then(|body| String::from_utf8(body.to_vec()).ok());
    let mut answer = Answer { status: status.as_u16(), etag, body };
    let mut text = serde_json::to_vec(&answer).unwrap_or_default();
    if text.len() > MAX_KEPT_BYTES {
        answer.body = None;
        text = serde_json::to_vec(&answer).unwrap_or_default();
    }
    text
}

fn told_again(answer: &[u8]) -> Result<Response, Problem> {
    let Answer { status, etag, body } = serde_json::from_slice(answer).map_err(|_| Problem::internal())?;
    let Some(body) = body else {
        return Err(Problem::conflict("this request was made before, and its answer was too large to be kept"));
    };
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    let mut response = (status, [(header::CONTENT_TYPE, "application/json")], body).into_response();
    if let Some(tag) = etag.and_then(|tag| HeaderValue::from_str(&tag).ok()) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    Ok(response)
}

/// As others call it; the draft has no name for it.
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

fn other() -> Problem {
    let detail = "another request was sent with this Idempotency-Key: take a new key for each request, and send the \
                  same body under the same key";
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail).with_code(ProblemCode::IdempotencyKeyReused)
}

fn under_way() -> Problem {
    let detail = "the request with this Idempotency-Key is under way; ask again, it is not made twice";
    Problem::conflict(detail).with_code(ProblemCode::RequestUnderWay).after(ASK_AGAIN)
}
