use aws_sdk_scheduler::Client;
use aws_sdk_scheduler::error::ProvideErrorMetadata as _;
use aws_sdk_scheduler::types::{
    ActionAfterCompletion, DeadLetterConfig, FlexibleTimeWindow, FlexibleTimeWindowMode, Target,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::sqs::group_id;
use contract::messages::DeliveryMessage;
use contract::ports::{BoxError, QueueError};
use domain::time::Timestamp;

/// Where schedules send, and on whose behalf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduleTarget {
    pub queue_url: String,
    /// The schedule group that new schedules join.
    pub group: String,
    /// The role Scheduler takes on to send; the creator needs `iam:PassRole` on it.
    pub role_arn: String,
    /// The queue that gets what could not be sent for a day.
    pub dead_letter_queue_arn: String,
}

/// One-time schedules of EventBridge Scheduler, for waits that a queue cannot
/// hold. Precise to 60 s, never early.
#[derive(Clone, Debug)]
pub struct Schedules {
    client: Client,
    target: ScheduleTarget,
}

/// The input of `sqs:SendMessage` as a universal target spells it.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct SendMessage<'a> {
    queue_url: &'a str,
    message_body: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_group_id: Option<String>,
}

impl Schedules {
    pub fn new(client: Client, target: ScheduleTarget) -> Self {
        Self { client, target }
    }

    /// Sends `body` to the target queue at `at`. The same message for the same
    /// time is scheduled once, however often this is called.
    pub async fn send_at(&self, body: &[u8], at: Timestamp) -> Result<(), QueueError> {
        let message = DeliveryMessage::parse(body).map_err(|error| QueueError::Unavailable(Box::new(error)))?;
        let target = self.sqs_target(body, &message).map_err(QueueError::Unavailable)?;
        let window = FlexibleTimeWindow::builder().mode(FlexibleTimeWindowMode::Off).build();
        let request = self
            .client
            .create_schedule()
            .name(name(&message, at))
            .group_name(&self.target.group)
            .schedule_expression(expression(at))
            .schedule_expression_timezone("UTC")
            .flexible_time_window(window.map_err(|error| QueueError::Unavailable(Box::new(error)))?)
            .action_after_completion(ActionAfterCompletion::Delete)
            .target(target);
        match request.send().await {
            Ok(_) => Ok(()),
            // A copy of this message was here before.
            Err(error) if error.code() == Some("ConflictException") => Ok(()),
            Err(error) => Err(QueueError::Unavailable(Box::new(error))),
        }
    }

    /// A universal target, because the SQS target of Scheduler knows message
    /// groups of FIFO queues only.
    fn sqs_target(&self, body: &[u8], message: &DeliveryMessage) -> Result<Target, BoxError> {
        let input = SendMessage {
            queue_url: &self.target.queue_url,
            message_body: std::str::from_utf8(body)?,
            message_group_id: group_id(&message.to_outgoing().group),
        };
        // The partition differs in China and GovCloud; the role is in ours.
        let partition = self.target.role_arn.split(':').nth(1).unwrap_or("aws");
        Ok(Target::builder()
            .arn(format!("arn:{partition}:scheduler:::aws-sdk:sqs:sendMessage"))
            .role_arn(&self.target.role_arn)
            .dead_letter_config(DeadLetterConfig::builder().arn(&self.target.dead_letter_queue_arn).build())
            .input(serde_json::to_string(&input)?)
            .build()?)
    }
}

/// At most 64 characters of letters, digits, `-` and `_`, the same for each
/// copy of one attempt's message.
fn name(message: &DeliveryMessage, at: Timestamp) -> String {
    let request = message.request.as_deref().unwrap_or_default();
    // The tenant is part of it: ids of hooks are not secret.
    let identity =
        format!("{}|{}|{}|{request}|{}", message.tenant, message.delivery_id(), message.step, at.as_millis());
    format!("hookline-{}", URL_SAFE_NO_PAD.encode(Sha256::digest(identity)))
}

/// `at()` takes whole seconds; rounding up keeps it from being early.
fn expression(at: Timestamp) -> String {
    let whole = Timestamp::from_millis((at.as_millis() + 999) / 1000 * 1000);
    let text = whole.to_string();
    format!("at({})", text.split('.').next().unwrap_or(&text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(step: u32, request: Option<&str>) -> DeliveryMessage {
        let json = serde_json::json!({
            "tenant": "acme", "hook": "hook_00000000010000000000000001", "event_id": "evt-1",
            "event_seq": "seq_00000000020000000000000002", "event_type": "post.published",
            "event_timestamp": "2026-01-31T09:30:00Z", "trigger": "retry", "step": step, "request": request,
        });
        DeliveryMessage::parse(json.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn a_time_is_rounded_up_to_a_whole_second() {
        let of = |text: &str| expression(Timestamp::parse(text).unwrap());
        assert_eq!(of("2026-01-31T09:30:00.000Z"), "at(2026-01-31T09:30:00)");
        assert_eq!(of("2026-01-31T09:30:59.001Z"), "at(2026-01-31T09:31:00)");
    }

    #[test]
    fn a_name_is_the_same_for_each_copy_and_fits() {
        let at = Timestamp::from_millis(1_000);
        let one = name(&message(3, None), at);
        assert_eq!(one, name(&message(3, None), at));
        assert!(one.len() <= 64 && one.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c)), "{one}");
        let others =
            [name(&message(4, None), at), name(&message(3, Some("r")), at), name(&message(3, None), Timestamp::MAX)];
        assert!(!others.contains(&one));
    }
}
