//! Attempts are those of deliveries, as the log has them.

mod lists;

pub(crate) use lists::{endpoints_of_message, list_by_endpoint, list_by_message, messages_of_endpoint};

use api_client::Refusal;
use axum::Json;
use axum::extract::Path;
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::access::Access;
use super::answer::Refused;
use super::endpoints::Place;
use super::fields::{Fields, Query};
use super::ids::{attempt_id, attempt_of, endpoint_id, is_to, tenant_of};
use super::messages::{Message, find};
use super::page::Source;

/// A delivery with its attempts, as far as they are shown here.
#[derive(Deserialize)]
pub(crate) struct Delivery {
    pub(crate) id: String,
    pub(crate) event_id: String,
    pub(crate) hook_id: String,
    pub(crate) status: String,
    pub(crate) next_attempt_at: Option<String>,
    /// Those that cannot be read are entries of another kind.
    #[serde(default)]
    attempts: Vec<Value>,
}

#[derive(Deserialize)]
struct Made {
    number: u64,
    at: String,
    duration_ms: i64,
    status_code: Option<u16>,
    outcome: String,
    error: Option<String>,
    response_body: Option<String>,
    trigger: String,
    request: Option<Request>,
}

#[derive(Deserialize)]
struct Request {
    url: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Attempt {
    url: String,
    response: String,
    response_status_code: u16,
    response_duration_ms: i64,
    status: u8,
    status_text: &'static str,
    trigger_type: u8,
    msg_id: String,
    endpoint_id: String,
    pub(crate) id: String,
    pub(crate) timestamp: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    msg: Option<Message>,
    #[serde(skip)]
    pub(crate) number: u64,
}

pub(crate) const SUCCESS: u8 = 0;
pub(crate) const PENDING: u8 = 1;
pub(crate) const FAIL: u8 = 2;
pub(crate) const SENDING: u8 = 3;
pub(crate) const CANCELED: u8 = 4;

pub(crate) fn in_words(status: u8) -> &'static str {
    match status {
        SUCCESS => "success",
        PENDING => "pending",
        SENDING => "sending",
        CANCELED => "canceled",
        _ => "fail",
    }
}

/// How a delivery stands. That one is not sent at all is only told who asks for all statuses:
/// older SDKs know no word for it.
pub(crate) fn status_of(delivery: &str, expanded: bool) -> u8 {
    match delivery {
        "succeeded" => SUCCESS,
        "pending" | "waiting" => PENDING,
        "retrying" => SENDING,
        "skipped" if expanded => CANCELED,
        _ => FAIL,
    }
}

impl Delivery {
    /// The last one first. `url` is where the endpoint is now, for requests that cannot be shown any more.
    pub(crate) fn attempts(&self, url: &str) -> Vec<Attempt> {
        let made = self.attempts.iter().filter_map(|attempt| Made::deserialize(attempt).ok());
        let mut attempts: Vec<Attempt> = made.map(|made| self.attempt(made, url)).collect();
        attempts.reverse();
        attempts
    }

    fn attempt(&self, made: Made, url: &str) -> Attempt {
        let status = if made.outcome == "success" { SUCCESS } else { FAIL };
        let is_answered = made.status_code.is_some();
        Attempt {
            url: made.request.map_or_else(|| url.to_owned(), |request| request.url),
            // Of none, why there is none.
            response: if is_answered { made.response_body } else { made.error }.unwrap_or_default(),
            response_status_code: made.status_code.unwrap_or_default(),
            response_duration_ms: made.duration_ms,
            status,
            status_text: in_words(status),
            trigger_type: u8::from(matches!(&*made.trigger, "manual" | "replay")),
            msg_id: self.event_id.clone(),
            endpoint_id: endpoint_id(&self.hook_id),
            id: attempt_id(&self.id, made.number),
            timestamp: made.at,
            msg: None,
            number: made.number,
        }
    }
}

impl Attempt {
    /// As a list shows it that is asked for no content.
    pub(crate) fn without_content(self) -> Self {
        Self { response: "{}".to_owned(), ..self }
    }

    pub(crate) fn with_message(self, message: Message) -> Self {
        Self { msg: Some(message), ..self }
    }

    fn is_of_class(&self, class: u16) -> bool {
        (class..class + 100).contains(&self.response_status_code)
    }
}

/// What lists of attempts can be narrowed by.
pub(crate) struct OfAttempts {
    status: Option<u16>,
    class: Option<u16>,
}

impl OfAttempts {
    fn read(query: &mut Fields) -> Self {
        Self {
            status: query.number("status", &[0, 1, 2, 3, 4]),
            class: query.number("status_code_class", &[0, 100, 200, 300, 400, 500]),
        }
    }

    fn admits(&self, attempt: &Attempt) -> bool {
        self.status.is_none_or(|status| status == u16::from(attempt.status))
            && self.class.is_none_or(|class| attempt.is_of_class(class))
    }
}

/// A delivery of this event's.
async fn delivery(access: &Access, tenant: &str, id: &str) -> Result<Delivery, Refusal> {
    access.api().get(&["v1", "tenants", tenant, "deliveries", id], &[]).await
}

pub(crate) async fn get(
    access: Access,
    Path((app, message, attempt)): Path<(String, String, String)>,
    Query(mut query): Query,
) -> Result<Json<Attempt>, Refused> {
    query.flag("expanded_statuses");
    query.end("expanded_statuses")?;
    of_message(&access, &tenant_of(&app)?, &message, &attempt).await.map(Json)
}

/// An attempt, unless it is another message's.
async fn of_message(access: &Access, tenant: &str, message: &str, attempt: &str) -> Result<Attempt, Refused> {
    let event = find(access, tenant, message).await?;
    let (id, _) = attempt_of(attempt).ok_or_else(Refused::not_found)?;
    let delivery = delivery(access, tenant, &id).await?;
    let found = delivery.attempts("").into_iter().find(|one| one.id == attempt);
    found.filter(|_| delivery.event_id == event.id).ok_or_else(Refused::not_found)
}

/// What was answered is in the log of a delivery, and cannot be taken out of it alone.
pub(crate) async fn expunge(
    access: Access,
    Path((app, message, attempt)): Path<(String, String, String)>,
) -> Result<StatusCode, Refused> {
    of_message(&access, &tenant_of(&app)?, &message, &attempt).await?;
    let detail = "an answer cannot be removed from the log by itself: set log_response_body or response_body_limit of \
                  the hook, so that answers are not kept";
    Err(Refused::new(StatusCode::NOT_IMPLEMENTED, "not_implemented", detail))
}

/// The deliveries of an event.
async fn deliveries(access: &Access, tenant: &str, event: &str) -> Result<Vec<Delivery>, Refused> {
    let path = ["v1", "tenants", tenant, "events", event, "deliveries"];
    Source::new(access, &path).all(lists::MOST_DELIVERIES).await
}

pub(crate) async fn resend(
    access: Access,
    Path((app, message, endpoint)): Path<(String, String, String)>,
) -> Result<Response, Refused> {
    let place = Place::of(&app, &endpoint)?;
    let event = find(&access, &place.tenant, &message).await?;
    if event.data.is_none() {
        let detail = "Unable to resend message. Payload is missing (probably expired).";
        return Err(Refused::new(StatusCode::BAD_REQUEST, "missing_payload", detail));
    }
    let hook = place.hook(&access).await?;
    let all = deliveries(&access, &place.tenant, &event.id).await?;
    let Some(delivery) = all.into_iter().find(|delivery| is_to(&delivery.id, &hook.id)) else {
        let detail = "the message did not go to this endpoint: send what it missed with replay-missing";
        return Err(Refused::conflict(detail));
    };
    let path = ["v1", "tenants", &*place.tenant, "deliveries", &*delivery.id, "retry"];
    access.once().post::<Value>(&path, &json!({})).await?;
    Ok((StatusCode::ACCEPTED, Json(json!({}))).into_response())
}
