//! Configuration from environment variables, with every problem told at once.
//!
//! A function reads all it needs through one [`Environment`] and then calls
//! [`Environment::finish`]: an operator who deploys with three variables wrong
//! hears about three.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use domain::address::AddressPolicy;
use domain::ids::ProfileName;
use domain::portal::{InvalidPublicUrl, PublicUrl};
use domain::profile::STANDARD;

pub const HOOKS_TABLE: &str = "HOOKLINE_HOOKS_TABLE";
pub const LOGS_TABLE: &str = "HOOKLINE_LOGS_TABLE";
pub const PROFILE: &str = "HOOKLINE_PROFILE";
pub const KMS_KEY_ID: &str = "HOOKLINE_KMS_KEY_ID";
pub const RETENTION_DAYS: &str = "HOOKLINE_RETENTION_DAYS";
pub const EVENTS_QUEUE_URL: &str = "HOOKLINE_EVENTS_QUEUE_URL";
pub const DELIVERIES_QUEUE_URL: &str = "HOOKLINE_DELIVERIES_QUEUE_URL";
pub const RETRIES_QUEUE_URL: &str = "HOOKLINE_RETRIES_QUEUE_URL";
pub const REDELIVERIES_QUEUE_URL: &str = "HOOKLINE_REDELIVERIES_QUEUE_URL";
pub const DEAD_LETTER_QUEUE_URL: &str = "HOOKLINE_DEAD_LETTER_QUEUE_URL";
pub const SOURCE_QUEUE_URLS: &str = "HOOKLINE_SOURCE_QUEUE_URLS";
pub const BATCH_CONCURRENCY: &str = "HOOKLINE_BATCH_CONCURRENCY";
pub const IN_FLIGHT_BUDGET: &str = "HOOKLINE_IN_FLIGHT_BUDGET";
pub const SCHEDULE_GROUP: &str = "HOOKLINE_SCHEDULE_GROUP";
pub const SCHEDULER_ROLE_ARN: &str = "HOOKLINE_SCHEDULER_ROLE_ARN";
pub const OPERATOR_KEY_SHA256: &str = "HOOKLINE_OPERATOR_KEY_SHA256";
pub const PUBLIC_URL: &str = "HOOKLINE_PUBLIC_URL";
pub const ALLOW_HTTP: &str = "HOOKLINE_ALLOW_HTTP";
pub const ALLOW_NETWORKS: &str = "HOOKLINE_ALLOW_NETWORKS";
pub const ALLOW_PORTS: &str = "HOOKLINE_ALLOW_PORTS";
pub const CA_FILE: &str = "HOOKLINE_CA_FILE";
pub const EGRESS_PROXY: &str = "HOOKLINE_EGRESS_PROXY";
pub const SCHEDULES_DEAD_LETTER_QUEUE_ARN: &str = "HOOKLINE_SCHEDULES_DEAD_LETTER_QUEUE_ARN";
pub const SCHEDULES_DEAD_LETTER_QUEUE_URL: &str = "HOOKLINE_SCHEDULES_DEAD_LETTER_QUEUE_URL";
pub const LOG: &str = "HOOKLINE_LOG";
pub const METRICS_NAMESPACE: &str = "HOOKLINE_METRICS_NAMESPACE";

type Lookup<'a> = dyn Fn(&str) -> Option<String> + 'a;

/// Variables by name, and what was wrong with those asked for so far.
pub struct Environment<'a> {
    lookup: Box<Lookup<'a>>,
    problems: Vec<String>,
}

/// Everything that is wrong with the environment; names variables, never shows
/// their values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the environment is incomplete: {}", .0.join("; "))]
pub struct ConfigError(pub Vec<String>);

/// The environment of this process.
#[expect(clippy::disallowed_methods, reason = "this is the one place that may read the process's environment")]
pub fn process_variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

impl<'a> Environment<'a> {
    pub fn new(lookup: impl Fn(&str) -> Option<String> + 'a) -> Self {
        Self { lookup: Box::new(lookup), problems: Vec::new() }
    }

    pub fn of_process() -> Self {
        Self::new(process_variable)
    }

    /// A variable that is set to something; empty counts as unset.
    pub fn optional(&self, name: &str) -> Option<String> {
        (self.lookup)(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
    }

    /// Empty after noting the problem when it is missing.
    pub fn required(&mut self, name: &str) -> String {
        self.optional(name).unwrap_or_else(|| {
            self.problems.push(format!("{name} is not set"));
            String::new()
        })
    }

    /// A value of another type, or `default` when unset.
    pub fn parsed<T: FromStr<Err: fmt::Display>>(&mut self, name: &str, default: T) -> T {
        match self.optional(name).map(|text| text.parse()) {
            None => default,
            Some(Ok(value)) => value,
            Some(Err(error)) => {
                self.problem(name, error);
                default
            }
        }
    }

    /// A number of at least one, or `default` when unset.
    pub fn positive<T: FromStr<Err: fmt::Display> + From<u8> + PartialOrd>(&mut self, name: &str, default: T) -> T {
        let value = self.parsed(name, default);
        if value < T::from(1) {
            self.problem(name, "must be at least 1");
        }
        value
    }

    /// Values separated by commas.
    pub fn list<T: FromStr<Err: fmt::Display>>(&mut self, name: &str) -> Vec<T> {
        let text = self.optional(name).unwrap_or_default();
        let mut values = Vec::new();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            match part.parse() {
                Ok(value) => values.push(value),
                Err(error) => self.problem(name, error),
            }
        }
        values
    }

    /// As [`switch`]; false when unset.
    pub fn flag(&mut self, name: &str) -> bool {
        let text = self.optional(name).unwrap_or_default();
        switch(&text).unwrap_or_else(|why| {
            self.problem(name, why);
            false
        })
    }

    pub fn problem(&mut self, name: &str, what: impl fmt::Display) {
        self.problems.push(format!("{name}: {what}"));
    }

    /// What was read, if all of it could be.
    pub fn finish<T>(self, value: T) -> Result<T, ConfigError> {
        if self.problems.is_empty() { Ok(value) } else { Err(ConfigError(self.problems)) }
    }
}

/// Reads what people write for yes and no; empty is no.
pub fn switch(text: &str) -> Result<bool, &'static str> {
    match text.trim().to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Ok(true),
        "" | "0" | "false" | "no" | "off" => Ok(false),
        _ => Err("expected 1, true, yes or on, or 0, false, no or off"),
    }
}

/// A part of a function's configuration.
pub trait FromEnvironment: Sized {
    /// Reads what it can; problems are noted in `env` and the value is then
    /// not to be used.
    fn read(env: &mut Environment<'_>) -> Self;

    fn from_env(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let mut env = Environment::new(lookup);
        let value = Self::read(&mut env);
        env.finish(value)
    }
}

impl<A: FromEnvironment, B: FromEnvironment> FromEnvironment for (A, B) {
    fn read(env: &mut Environment<'_>) -> Self {
        (A::read(env), B::read(env))
    }
}

/// Where things are stored and for how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreConfig {
    pub hooks_table: String,
    pub logs_table: String,
    /// How long events and the log are kept.
    pub retention: Duration,
}

impl FromEnvironment for StoreConfig {
    fn read(env: &mut Environment<'_>) -> Self {
        let days: u32 = env.positive(RETENTION_DAYS, 30);
        Self {
            hooks_table: env.required(HOOKS_TABLE),
            logs_table: env.required(LOGS_TABLE),
            retention: Duration::from_secs(u64::from(days) * 24 * 3600),
        }
    }
}

impl FromEnvironment for AddressPolicy {
    fn read(env: &mut Environment<'_>) -> Self {
        Self {
            allow_http: env.flag(ALLOW_HTTP),
            allow_networks: env.list(ALLOW_NETWORKS),
            allow_ports: env.list(ALLOW_PORTS),
        }
    }
}

impl FromEnvironment for ProfileName {
    /// The profile of hooks whose tenants name none.
    fn read(env: &mut Environment<'_>) -> Self {
        let standard: Self = STANDARD.parse().expect("standard is a profile's name");
        env.parsed(PROFILE, standard)
    }
}

/// The SHA-256 of the key that may do everything, in hex; without one there is
/// no operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OperatorKeyHash(pub Option<[u8; 32]>);

impl FromEnvironment for OperatorKeyHash {
    fn read(env: &mut Environment<'_>) -> Self {
        let Some(text) = env.optional(OPERATOR_KEY_SHA256) else { return Self(None) };
        let hash = parse_sha256(&text);
        if hash.is_none() {
            env.problem(OPERATOR_KEY_SHA256, "expected 64 hexadecimal digits");
        }
        Self(hash)
    }
}

fn parse_sha256(text: &str) -> Option<[u8; 32]> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let mut hash = [0_u8; 32];
    if pairs.len() != hash.len() || !rest.is_empty() {
        return None;
    }
    for (byte, pair) in hash.iter_mut().zip(pairs) {
        let digit = |c: u8| char::from(c).to_digit(16).and_then(|d| u8::try_from(d).ok());
        *byte = digit(pair[0])? * 16 + digit(pair[1])?;
    }
    Some(hash)
}

/// Unset, nothing can be told of where this deployment is reached: a function cannot know that.
pub fn public_url(env: &mut Environment<'_>) -> Option<PublicUrl> {
    let parsed = env.optional(PUBLIC_URL)?.parse();
    parsed.map_err(|error: InvalidPublicUrl| env.problem(PUBLIC_URL, error)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_is_told_at_once() {
        let lookup = |name: &str| match name {
            RETENTION_DAYS => Some("0".to_owned()),
            LOGS_TABLE => Some("  ".to_owned()),
            _ => None,
        };
        let ConfigError(problems) = StoreConfig::from_env(lookup).unwrap_err();
        assert_eq!(
            problems,
            [
                "HOOKLINE_RETENTION_DAYS: must be at least 1",
                "HOOKLINE_HOOKS_TABLE is not set",
                "HOOKLINE_LOGS_TABLE is not set"
            ]
        );
    }

    #[test]
    fn networks_are_a_list_of_ranges() {
        let lookup = |name: &str| (name == ALLOW_NETWORKS).then(|| "127.0.0.0/8, ::1/128".to_owned());
        let policy = AddressPolicy::from_env(lookup).unwrap();
        assert!(!policy.allow_http);
        assert_eq!(policy.allow_networks, ["127.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()]);
        assert!(AddressPolicy::from_env(|_| Some("everything".to_owned())).is_err());
    }

    #[test]
    fn a_switch_is_written_as_people_write_it() {
        let policy = |text: &str| AddressPolicy::from_env(|name| (name == ALLOW_HTTP).then(|| text.to_owned()));
        for (on, off) in [("1", "0"), ("true", "false"), ("yes", "no"), ("on", "off"), ("True", "")] {
            assert_eq!((policy(on).unwrap().allow_http, policy(off).unwrap().allow_http), (true, false), "{on}");
        }
        assert!(policy("maybe").unwrap_err().to_string().contains("HOOKLINE_ALLOW_HTTP: expected 1, true, yes or on"));
    }

    #[test]
    fn the_operator_key_is_known_by_its_hash() {
        let hash = domain::secret::fingerprint("op");
        let hex = domain::hex::hex(&hash);
        assert_eq!(OperatorKeyHash::from_env(|_| Some(hex.clone())), Ok(OperatorKeyHash(Some(hash))));
        assert_eq!(OperatorKeyHash::from_env(|_| None), Ok(OperatorKeyHash(None)));
        assert!(OperatorKeyHash::from_env(|_| Some("abc".to_owned())).is_err());
        assert!(OperatorKeyHash::from_env(|_| Some("é".repeat(32))).is_err());
    }
}
