//! One configuration for all AWS clients of a function.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;

/// Three tries get over a throttled call or a dropped connection. More would
/// only hold on to a message that its queue can hand out again anyway.
const MAX_ATTEMPTS: u32 = 3;
/// Endpoints are in the same region, where a connection takes milliseconds.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(5);
/// A stage makes few calls per message. Bounding each, retries included, keeps
/// their sum within the margin that every lease has over the longest attempt.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(12);

/// Region, credentials and endpoints as the SDK finds them in the environment
/// (`AWS_ENDPOINT_URL` included), with bounded retries and deadlines.
pub async fn sdk_config() -> SdkConfig {
    aws_config::from_env().retry_config(retries()).timeout_config(timeouts()).load().await
}

pub fn retries() -> RetryConfig {
    RetryConfig::standard().with_max_attempts(MAX_ATTEMPTS)
}

pub fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(OPERATION_TIMEOUT)
        .build()
}
