//! The request a receiver gets, complete to the byte.

use bytes::Bytes;
use serde_json::value::RawValue;
use shared::domain::hook::Hook;
use shared::domain::payload;
use shared::domain::secret::InvalidSecret;
use shared::domain::signature::standard_webhooks;
use shared::messages::DeliveryMessage;
use shared::ports::HttpRequest;
use shared::time::Timestamp;

const USER_AGENT: &str = concat!("Hookline/", env!("CARGO_PKG_VERSION"));

#[derive(Debug, thiserror::Error)]
pub(crate) enum InvalidHook {
    #[error("the hook's url is not a URL")]
    Url(#[from] url::ParseError),
    #[error("the hook's secret cannot sign: {0}")]
    Secret(#[from] InvalidSecret),
}

/// The bytes that are signed are the bytes that are sent.
pub(crate) fn build(
    hook: &Hook,
    delivery: &DeliveryMessage,
    data: &RawValue,
    now: Timestamp,
) -> Result<HttpRequest, InvalidHook> {
    let url = hook.url.parse()?;
    let body = payload::standard(&delivery.event_type, delivery.event_timestamp, data.get());
    let id = delivery.delivery_id().to_string();
    let signature = standard_webhooks(hook.live_secrets(now), &id, now.as_secs(), &body)?;
    Ok(HttpRequest {
        method: "POST",
        url,
        headers: vec![
            ("content-type", "application/json".to_owned()),
            ("user-agent", USER_AGENT.to_owned()),
            ("webhook-id", id),
            ("webhook-timestamp", now.as_secs().to_string()),
            ("webhook-signature", signature),
        ],
        body: Bytes::from(body),
        timeout: hook.timeout,
    })
}
