use std::fmt;

use regex_lite::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::choices;
use crate::invalid::FieldError;
use crate::seconds::Seconds;
use crate::unknown::{Unknown, keeps_unknown};
use crate::whole::{self, whole};

/// The most events of one request.
const MAX_BATCH_EVENTS: u32 = 100;
/// The longest that a delivery waits for others to travel with. Leases allow for it.
pub const MAX_BATCH_WAIT: Seconds = Seconds::new(5);

/// Several events as one JSON array in one request. Each delivery is logged on
/// its own account; when one is sent again, so are the others, as one request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
pub struct Batch {
    /// Up to 100. 1: an array that holds one event. 0: no array.
    #[serde(deserialize_with = "whole::<0, MAX_BATCH_EVENTS, _>")]
    pub max_events: u32,
    /// Seconds that an event waits for others, up to 5; 0 by default.
    #[serde(default)]
    pub max_wait: Seconds,
    #[serde(skip)]
    pub unknown: Unknown,
}

impl Batch {
    pub(super) fn check(&self, field: &str, errors: &mut Vec<FieldError>) {
        whole::check(format!("{field}.max_events"), self.max_events, 0, MAX_BATCH_EVENTS, errors);
        self.max_wait.check(&format!("{field}.max_wait"), Seconds::new(0), MAX_BATCH_WAIT, errors);
    }
}

/// The most failures in a row that a circuit can be asked to bear.
const MAX_BREAKER_FAILURES: u32 = 10_000;
/// The longest that a circuit can stay open between two probes.
pub const MAX_PROBE_AFTER: Seconds = Seconds::new(24 * 3600);
/// The longest failure after which a hook can be disabled.
pub const MAX_DISABLE_AFTER: Seconds = Seconds::new(90 * 24 * 3600);

/// After this many failures in a row, of more than one delivery, nothing is sent
/// for a while, and then one request that tries. No answer, 5xx and 429 count.
/// Deliveries that wait for it use up no attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
pub struct CircuitBreaker {
    /// Up to 10,000; 0 for none.
    #[serde(deserialize_with = "whole::<0, MAX_BREAKER_FAILURES, _>")]
    pub failures: u32,
    /// Seconds until the next request tries, 1 to 86,400; 60 by default. What
    /// has been down for long is tried less often: after a tenth of that time,
    /// up to an hour.
    #[serde(default = "a_minute")]
    pub probe_after: Seconds,
    #[serde(skip)]
    pub unknown: Unknown,
}

fn a_minute() -> Seconds {
    Seconds::new(60)
}

impl CircuitBreaker {
    pub(super) const OFF: Self = Self { failures: 0, probe_after: Seconds::new(60), unknown: Unknown::NONE };

    pub(super) fn check(&self, field: &str, errors: &mut Vec<FieldError>) {
        whole::check(format!("{field}.failures"), self.failures, 0, MAX_BREAKER_FAILURES, errors);
        self.probe_after.check(&format!("{field}.probe_after"), Seconds::new(1), MAX_PROBE_AFTER, errors);
    }
}

/// The longest that deliveries can be asked to wait for a paused hook.
const MAX_WAIT: Seconds = Seconds::new(90 * 24 * 3600);
/// The most that can be asked to wait for one.
const MOST_WAITING: u32 = 1_000_000;
/// The most deliveries that a hook can be asked to catch up with, per second.
const MAX_CATCH_UP_RATE: u32 = crate::replay::MAX_RATE;

/// What becomes of deliveries that come due while their hook is paused, which is
/// disabled by request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
pub struct WhilePaused {
    #[serde(default)]
    pub deliveries: PausedDeliveries,
    /// Seconds that a delivery waits at most, 60 to 7,776,000; 604,800, a week, by
    /// default. What waits for longer is skipped.
    #[serde(default = "a_week")]
    pub max_wait: Seconds,
    /// About how many wait at most, 1 to 1,000,000; 100,000 by default. What comes
    /// due beyond that is skipped.
    #[serde(default = "many", deserialize_with = "whole::<1, MOST_WAITING, _>")]
    pub max_waiting: u32,
    /// How many go out per second once the hook is enabled, 1 to 1,000; 50 by default.
    #[serde(default = "fifty", deserialize_with = "whole::<1, MAX_CATCH_UP_RATE, _>")]
    pub catch_up_rate: u32,
    #[serde(skip)]
    pub unknown: Unknown,
}

choices! {
    /// What becomes of deliveries that come due while their hook is paused.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
    pub enum PausedDeliveries {
        /// They wait, and go out once the hook is enabled.
        #[default]
        Wait = "wait",
        /// They are skipped.
        Skip = "skip",
    }
}

fn a_week() -> Seconds {
    Seconds::new(7 * 24 * 3600)
}

fn many() -> u32 {
    100_000
}

fn fifty() -> u32 {
    50
}

impl WhilePaused {
    pub(super) fn check(&self, field: &str, errors: &mut Vec<FieldError>) {
        self.max_wait.check(&format!("{field}.max_wait"), Seconds::new(60), MAX_WAIT, errors);
        whole::check(format!("{field}.max_waiting"), self.max_waiting, 1, MOST_WAITING, errors);
        whole::check(format!("{field}.catch_up_rate"), self.catch_up_rate, 1, MAX_CATCH_UP_RATE, errors);
    }
}

keeps_unknown!(Batch, CircuitBreaker, WhilePaused);

/// Which names hooks may have: those that match all of some expressions.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NamePattern(Vec<Expression>);

#[derive(Clone, Debug)]
struct Expression {
    text: String,
    whole: Regex,
}

/// The longest pattern, in bytes; matching takes time in its length.
const MAX_PATTERN_BYTES: usize = 200;
/// What it is compiled to, in bytes: repetitions of repetitions take little room
/// in a pattern and a lot in memory.
const MAX_COMPILED_BYTES: usize = 64 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a regular expression of at most {MAX_PATTERN_BYTES} bytes")]
pub struct InvalidPattern;

impl NamePattern {
    pub fn admits(&self, name: &str) -> bool {
        self.0.iter().all(|expression| expression.whole.is_match(name))
    }

    /// Names that match both.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        let mut all = self.clone();
        all.0.extend(other.0.iter().filter(|one| self.0.iter().all(|own| own.text != one.text)).cloned());
        all
    }
}

/// Several expressions are shown as one with lookaheads, which JavaScript, Python
/// and PCRE read.
impl fmt::Display for NamePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((last, others)) = self.0.split_last() else { return Ok(()) };
        if others.is_empty() {
            return f.write_str(&last.text);
        }
        others.iter().try_for_each(|one| write!(f, "(?=(?:{})$)", one.text))?;
        write!(f, "(?:{})", last.text)
    }
}

impl TryFrom<String> for NamePattern {
    type Error = InvalidPattern;
    fn try_from(text: String) -> Result<Self, InvalidPattern> {
        if text.len() > MAX_PATTERN_BYTES {
            return Err(InvalidPattern);
        }
        if text.is_empty() {
            return Ok(Self::default());
        }
        // On its own as well, or `a)|(?:b` would get out of the parentheses.
        compile(&text)?;
        let whole = compile(&format!("^(?:{text})$"))?;
        Ok(Self(vec![Expression { text, whole }]))
    }
}

fn compile(pattern: &str) -> Result<Regex, InvalidPattern> {
    RegexBuilder::new(pattern).size_limit(MAX_COMPILED_BYTES).build().map_err(|_| InvalidPattern)
}

impl From<NamePattern> for String {
    fn from(pattern: NamePattern) -> Self {
        pattern.to_string()
    }
}

/// In whatever order.
impl PartialEq for NamePattern {
    fn eq(&self, other: &Self) -> bool {
        let within = |one: &Self, two: &Self| one.0.iter().all(|a| two.0.iter().any(|b| a.text == b.text));
        within(self, other) && within(other, self)
    }
}

impl utoipa::PartialSchema for NamePattern {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        String::schema()
    }
}

impl ToSchema for NamePattern {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_has_to_match_the_whole_name() {
        let pattern = NamePattern::try_from("[0-9A-Za-z]+|x y".to_owned()).unwrap();
        assert!(pattern.admits("Hook1") && pattern.admits("x y"));
        assert!(!pattern.admits("Hook 1") && !pattern.admits("") && !pattern.admits("Hook1\n"));
        assert!(NamePattern::default().admits("anything at all"));
        assert!(NamePattern::try_from("(".to_owned()).is_err());
    }

    #[test]
    fn a_name_matches_both_of_two_patterns_which_are_shown_as_one() {
        let pattern = |text: &str| NamePattern::try_from(text.to_owned()).unwrap();
        let both = pattern("[a-z]+|A").and(&pattern("[a-z0-9]{1,3}"));
        assert!(both.admits("abc") && !both.admits("A") && !both.admits("a1") && !both.admits("abcd"));
        assert_eq!(both.to_string(), "(?=(?:[a-z]+|A)$)(?:[a-z0-9]{1,3})");
        assert_eq!(both.and(&pattern("[a-z]+|A")), both);
        assert_eq!(pattern("a").and(&NamePattern::default()).to_string(), "a");
    }

    #[test]
    fn a_pattern_is_one_expression_and_small_once_compiled() {
        for text in ["a)|(?:b", "((((a{50}){50}){50}){50}){50}"] {
            assert!(NamePattern::try_from(text.to_owned()).is_err(), "{text}");
        }
        assert!(NamePattern::try_from(r"[\w -]{1,64}".to_owned()).is_ok());
    }
}
