//! How it goes with a subscription, in the words of the SEP: of what an endpoint answers no more than a category is
//! told.

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

use super::super::rpc::{Failure, Session};
use super::{Hook, Place, written};

/// Of the newest deliveries so many are looked at for the last that failed.
const NEWEST: &str = "20";

#[derive(Deserialize)]
pub(super) struct Health {
    pub(super) verified_at: Option<String>,
    pub(super) failing_since: Option<Timestamp>,
    last_success: Option<String>,
    /// There while the circuit is open.
    next_probe_at: Option<IgnoredAny>,
}

#[derive(Deserialize)]
pub(super) struct Challenged {
    outcome: String,
    pub(super) status: bool,
    response: Option<Responded>,
}

#[derive(Deserialize)]
struct Responded {
    status: u16,
}

impl Challenged {
    pub(super) fn reason(&self) -> &'static str {
        reason(&self.outcome, self.response.as_ref().map(|response| response.status))
    }
}

fn reason(outcome: &str, status: Option<u16>) -> &'static str {
    match (outcome, status) {
        (_, Some(400..=499)) => "http_4xx",
        (_, Some(500..=599)) => "http_5xx",
        ("timeout", _) => "timeout",
        ("tls", _) => "tls_error",
        (_, None) => "connection_refused",
        (_, Some(_)) => "challenge_failed",
    }
}

#[derive(Deserialize)]
struct Deliveries {
    items: Vec<Delivery>,
}

/// One that cannot be read has no attempt either.
#[derive(Deserialize)]
struct Delivery {
    last_attempt: Option<Attempt>,
}

#[derive(Deserialize)]
struct Attempt {
    outcome: String,
    status_code: Option<u16>,
}

/// As it was before this refresh.
pub(super) async fn of(session: &Session<'_>, place: &Place<'_>, hook: &Hook) -> Result<Value, Failure> {
    let health = &hook.health;
    let is_active = hook.enabled && health.next_probe_at.is_none();
    let mut status = json!({ "active": is_active, "lastDeliveryAt": health.last_success, "lastError": null });
    let Some(since) = health.failing_since else { return Ok(status) };
    let newest: Deliveries = session
        .api
        .get(&place.path(&["deliveries"]), &[("limit", NEWEST)])
        .await
        .map_err(|refusal| session.refused(refusal))?;
    let last = newest.items.iter().filter_map(|one| one.last_attempt.as_ref()).find(|last| last.outcome != "success");
    status["lastError"] = last.map(|last| reason(&last.outcome, last.status_code)).into();
    status["failedSince"] = written(since).into();
    Ok(status)
}
