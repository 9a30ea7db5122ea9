//! What a client may set on a hook: checked in full, then applied in full.

use std::collections::BTreeSet;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use shared::domain::address::AddressPolicy;
use shared::domain::hook::{Hook, MAX_PATTERNS, Timeout};
use shared::domain::ids::InvalidId;
use shared::domain::retry::{MAX_DELAY, MAX_RETRIES, RetryPolicy, Schedule};
use shared::domain::secret::{Secret, SigningSecret, whsec_key};
use utoipa::ToSchema;

use crate::input::MAX_NAME_CHARS;
use crate::problem::{FieldError, Problem};

const MAX_DESCRIPTION_CHARS: usize = 2_000;

/// Settings of a hook. `url` and `events` are required to create one.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct HookSettings {
    /// Up to 200 characters.
    name: Option<String>,
    /// Up to 2,000 characters.
    description: Option<String>,
    /// Where to send: https, port 443 or 80, a public address, at most 2,048 bytes.
    url: Option<String>,
    /// 1 to 50 event types (`post.published`), prefixes (`post.*`) or `*`.
    events: Option<Vec<String>>,
    /// Up to 50. Empty: events of any channel and of none.
    channels: Option<Vec<String>>,
    enabled: Option<bool>,
    retry: Option<Retry>,
    timeout: Option<TimeoutSettings>,
    /// `whsec_` and 24 to 64 bytes in base64; made when absent.
    secret: Option<String>,
}

/// When failed attempts are repeated: a list of delays, or exponential.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Retry {
    /// Seconds to wait before each retry, at most 50 of at most 604,800.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    delays: Option<Vec<f64>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    exponential: Option<Exponential>,
    /// The largest share of a delay that is added at random, 0 to 1; 0.1 by default.
    #[serde(default = "default_jitter")]
    jitter: f64,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Exponential {
    /// Seconds before the first retry, up to 604,800.
    initial: f64,
    /// Each delay is this many times the one before, 1 to 100.
    factor: f64,
    /// How many retries, up to 50.
    retries: u32,
    /// The longest delay in seconds, up to 604,800.
    max: f64,
}

fn default_jitter() -> f64 {
    RetryPolicy::default().jitter
}

/// Deadlines of one attempt, in seconds.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TimeoutSettings {
    /// To connect, 0.1 to 10; 5 by default.
    #[serde(default = "default_connect")]
    connect: f64,
    /// From connecting to the last byte of the answer, 0.1 to 30; 15 by default.
    #[serde(default = "default_total")]
    total: f64,
}

fn default_connect() -> f64 {
    f64::from(Timeout::default().connect_ms) / 1_000.0
}

fn default_total() -> f64 {
    f64::from(Timeout::default().total_ms) / 1_000.0
}

impl HookSettings {
    pub(crate) fn require(&self, fields: &[&str]) -> Result<(), Problem> {
        let absent = |field: &&&str| match **field {
            "url" => self.url.is_none(),
            "events" => self.events.is_none(),
            _ => false,
        };
        let missing = fields.iter().filter(absent).map(|field| FieldError::new(*field, "is required"));
        match missing.collect::<Vec<_>>() {
            none if none.is_empty() => Ok(()),
            missing => Err(Problem::bad_body(missing)),
        }
    }

    /// Applies every setting, or none and names all that are wrong.
    pub(crate) fn apply(self, hook: &mut Hook, addresses: &AddressPolicy) -> Result<(), Problem> {
        let mut errors = Vec::new();
        if let Some(name) = self.name {
            hook.name = text("name", name, MAX_NAME_CHARS, &mut errors);
        }
        if let Some(description) = self.description {
            hook.description = text("description", description, MAX_DESCRIPTION_CHARS, &mut errors);
        }
        if let Some(url) = self.url {
            match addresses.check_url(&url) {
                Ok(_) => hook.url = url,
                Err(refusal) => errors.push(FieldError::new("url", refusal.to_string())),
            }
        }
        if let Some(events) = self.events {
            hook.events = set("events", &events, &mut errors);
            if events.is_empty() {
                errors.push(FieldError::new("events", "expected at least one; use * for all"));
            }
        }
        if let Some(channels) = self.channels {
            hook.channels = set("channels", &channels, &mut errors);
        }
        if let Some(enabled) = self.enabled {
            hook.enabled = enabled;
        }
        if let Some(retry) = self.retry {
            match retry.to_policy() {
                Ok(policy) => hook.retry = policy,
                Err(wrong) => errors.extend(wrong),
            }
        }
        if let Some(timeout) = self.timeout {
            match timeout.to_timeout() {
                Ok(timeout) => hook.timeout = timeout,
                Err(wrong) => errors.extend(wrong),
            }
        }
        // A blank secret keeps the present one.
        if let Some(given) = self.secret.filter(|given| !given.is_empty()) {
            let secret = Secret::new(given);
            match whsec_key(&secret) {
                Ok(_) => hook.secrets = vec![SigningSecret { secret, expires_at: None }],
                Err(wrong) => errors.push(FieldError::new("secret", wrong.to_string())),
            }
        }
        if errors.is_empty() { Ok(()) } else { Err(Problem::bad_body(errors)) }
    }
}

fn text(field: &str, value: String, max_chars: usize, errors: &mut Vec<FieldError>) -> String {
    if value.chars().count() > max_chars {
        errors.push(FieldError::new(field, format!("expected at most {max_chars} characters")));
    }
    value
}

fn set<T: FromStr<Err = InvalidId> + Ord>(field: &str, values: &[String], errors: &mut Vec<FieldError>) -> BTreeSet<T> {
    if values.len() > MAX_PATTERNS {
        errors.push(FieldError::new(field, format!("expected at most {MAX_PATTERNS} entries")));
        return BTreeSet::new();
    }
    let mut parsed = BTreeSet::new();
    for (index, value) in values.iter().enumerate() {
        match value.parse::<T>() {
            Ok(value) => {
                parsed.insert(value);
            }
            Err(error) => errors.push(FieldError::new(format!("{field}[{index}]"), error.to_string())),
        }
    }
    parsed
}

impl Retry {
    fn to_policy(&self) -> Result<RetryPolicy, Vec<FieldError>> {
        let mut errors = Vec::new();
        let schedule = match (&self.delays, &self.exponential) {
            (Some(delays), None) => delays_schedule(delays, &mut errors),
            (None, Some(exponential)) => exponential_schedule(exponential, &mut errors),
            _ => {
                errors.push(FieldError::new("retry", "expected either delays or exponential"));
                Schedule::Delays(Vec::new())
            }
        };
        check_range("retry.jitter", self.jitter, 0.0, 1.0, &mut errors);
        if errors.is_empty() { Ok(RetryPolicy { schedule, jitter: self.jitter }) } else { Err(errors) }
    }
}

fn delays_schedule(delays: &[f64], errors: &mut Vec<FieldError>) -> Schedule {
    if delays.len() > MAX_RETRIES {
        errors.push(FieldError::new("retry.delays", format!("expected at most {MAX_RETRIES} entries")));
    }
    for (index, delay) in delays.iter().enumerate() {
        check_range(&format!("retry.delays[{index}]"), *delay, 0.0, MAX_DELAY.as_secs_f64(), errors);
    }
    Schedule::Delays(delays.iter().copied().map(to_millis).collect())
}

fn exponential_schedule(exponential: &Exponential, errors: &mut Vec<FieldError>) -> Schedule {
    let Exponential { initial, factor, retries, max } = *exponential;
    check_range("retry.exponential.initial", initial, 0.0, MAX_DELAY.as_secs_f64(), errors);
    check_range("retry.exponential.factor", factor, 1.0, 100.0, errors);
    check_range("retry.exponential.retries", f64::from(retries), 0.0, MAX_RETRIES as f64, errors);
    check_range("retry.exponential.max", max, 0.0, MAX_DELAY.as_secs_f64(), errors);
    Schedule::Exponential { initial_ms: to_millis(initial), factor, retries, max_ms: to_millis(max) }
}

fn check_range(field: &str, value: f64, low: f64, high: f64, errors: &mut Vec<FieldError>) {
    if !(low..=high).contains(&value) {
        errors.push(FieldError::new(field, format!("expected a number from {low} to {high}")));
    }
}

/// Numbers out of range were reported before; the cast saturates.
fn to_millis(seconds: f64) -> u64 {
    (seconds * 1_000.0).round() as u64
}

impl From<&RetryPolicy> for Retry {
    fn from(policy: &RetryPolicy) -> Self {
        let (delays, exponential) = match &policy.schedule {
            Schedule::Delays(delays) => (Some(delays.iter().map(|ms| *ms as f64 / 1_000.0).collect()), None),
            Schedule::Exponential { initial_ms, factor, retries, max_ms } => {
                let exponential = Exponential {
                    initial: *initial_ms as f64 / 1_000.0,
                    factor: *factor,
                    retries: *retries,
                    max: *max_ms as f64 / 1_000.0,
                };
                (None, Some(exponential))
            }
        };
        Self { delays, exponential, jitter: policy.jitter }
    }
}

impl TimeoutSettings {
    fn to_timeout(self) -> Result<Timeout, Vec<FieldError>> {
        let mut errors = Vec::new();
        let least = f64::from(Timeout::MIN_MS) / 1_000.0;
        check_range("timeout.connect", self.connect, least, f64::from(Timeout::MAX.connect_ms) / 1_000.0, &mut errors);
        check_range("timeout.total", self.total, least, f64::from(Timeout::MAX.total_ms) / 1_000.0, &mut errors);
        let millis = |seconds| u32::try_from(to_millis(seconds)).unwrap_or(u32::MAX);
        match errors.is_empty() {
            true => Ok(Timeout { connect_ms: millis(self.connect), total_ms: millis(self.total) }),
            false => Err(errors),
        }
    }
}

impl From<Timeout> for TimeoutSettings {
    fn from(timeout: Timeout) -> Self {
        Self { connect: f64::from(timeout.connect_ms) / 1_000.0, total: f64::from(timeout.total_ms) / 1_000.0 }
    }
}
