//! Which event types a hook asks for: `post.published`, `post.*` or `*`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::ids::{EventType, InvalidId};
use super::operational::is_operational;

/// An exact event type, a prefix with `.*` (everything below that prefix, at
/// any depth), or `*` for everything.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pattern(String);

impl Pattern {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Events about hooks are matched by their exact type alone.
    pub fn matches(&self, event_type: &EventType) -> bool {
        if is_operational(event_type) {
            return self.0 == event_type.as_str();
        }
        match self.0.strip_suffix('*') {
            Some(prefix) => event_type.as_str().starts_with(prefix),
            None => self.0 == event_type.as_str(),
        }
    }

    /// Every pattern that matches this type, the most specific first. Matching
    /// reads the subscriptions of exactly these, however many others exist.
    pub fn all_matching(event_type: &EventType) -> Vec<Self> {
        let text = event_type.as_str();
        let mut patterns = vec![Self(text.to_owned())];
        if is_operational(event_type) {
            return patterns;
        }
        patterns.extend(text.rmatch_indices('.').map(|(dot, _)| Self(format!("{}.*", &text[..dot]))));
        patterns.push(Self("*".to_owned()));
        patterns
    }
}

impl FromStr for Pattern {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let literal = match text {
            "*" => return Ok(Self(text.to_owned())),
            _ => text.strip_suffix(".*").unwrap_or(text),
        };
        literal.parse::<EventType>().map(|_| Self(text.to_owned())).map_err(|_| {
            InvalidId("expected an event type such as post.published, a prefix such as post.*, or *".to_owned())
        })
    }
}

impl TryFrom<String> for Pattern {
    type Error = InvalidId;
    fn try_from(text: String) -> Result<Self, InvalidId> {
        text.parse()
    }
}

impl From<Pattern> for String {
    fn from(pattern: Pattern) -> Self {
        pattern.0
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn event_type(text: &str) -> EventType {
        text.parse().unwrap()
    }

    #[test]
    fn all_matching_goes_from_the_exact_type_to_everything() {
        let texts: Vec<String> = Pattern::all_matching(&event_type("a.b.c")).into_iter().map(String::from).collect();
        assert_eq!(texts, ["a.b.c", "a.b.*", "a.*", "*"]);
    }

    #[test]
    fn a_prefix_needs_its_dot() {
        let pattern: Pattern = "post.*".parse().unwrap();
        assert!(pattern.matches(&event_type("post.published")));
        assert!(pattern.matches(&event_type("post.draft.saved")));
        assert!(!pattern.matches(&event_type("post")));
        assert!(!pattern.matches(&event_type("poster.made")));
    }

    #[test]
    fn events_about_hooks_are_for_those_who_name_them() {
        let kind = event_type("hook.disabled");
        assert_eq!(Pattern::all_matching(&kind), ["hook.disabled".parse().unwrap()]);
        for wide in ["*", "hook.*"] {
            assert!(!wide.parse::<Pattern>().unwrap().matches(&kind));
        }
    }

    #[test]
    fn other_globs_are_refused() {
        for text in ["", "**", "*.x", "post*", "a.*.b", ".*"] {
            assert!(text.parse::<Pattern>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn the_listed_patterns_are_exactly_those_that_match(
            kind in "[ab](\\.[ab]){0,3}", other in "([ab](\\.[ab]){0,3}(\\.\\*)?|\\*)"
        ) {
            let kind = event_type(&kind);
            let pattern: Pattern = other.parse().unwrap();
            prop_assert_eq!(Pattern::all_matching(&kind).contains(&pattern), pattern.matches(&kind));
        }
    }
}
