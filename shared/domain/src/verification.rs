//! The handshake by which an endpoint shows that it wants a hook's requests.

use serde_json::Value;
use url::form_urlencoded;

use super::hook::Hook;
use super::secret::Secret;
use super::settings::{Settings, Verification, VerificationKind};
use crate::random::Random;
use crate::strict::without_bom;

/// How keys begin that only the endpoint is told.
const CONSENT: &str = "consent_";
/// How deep an answer is searched.
const MAX_DEPTH: usize = 16;
/// How often a text may be percent-encoded.
const MAX_ENCODINGS: usize = 3;

impl Secret {
    /// What an endpoint has to return; letters and digits only, so that any
    /// framework can echo it.
    pub fn generate_verification_key(random: &dyn Random, kind: VerificationKind) -> Self {
        let mut bytes = [0_u8; 16];
        random.fill(&mut bytes);
        let begin = if kind == VerificationKind::Options { CONSENT } else { "" };
        Self::new(format!("{begin}{:032x}", u128::from_be_bytes(bytes)))
    }

    /// Whether only the endpoint is told of it, so that whoever has it speaks for the endpoint: a hook's
    /// owner must not see it.
    fn is_of_consent(&self) -> bool {
        self.reveal().starts_with(CONSENT)
    }
}

impl Hook {
    /// Gives it another key where it has one: nothing that its owner has just
    /// placed in its requests can be the new one.
    pub fn renew_verification_key(&mut self, random: &dyn Random) {
        if let Some(key) = &mut self.verification_key {
            let kind = if key.is_of_consent() { VerificationKind::Options } else { VerificationKind::Key };
            *key = Secret::generate_verification_key(random, kind);
        }
    }

    /// Whether its owner has placed something else in its requests than in those of `old`.
    pub fn places_other_text_than(&self, old: &Self) -> bool {
        let placed = |hook: &Self| {
            let Settings { headers, payload, auth, .. } = hook.settings.clone();
            (hook.url.clone(), headers, payload, auth)
        };
        placed(self) != placed(old)
    }

    /// Gives it a key unless it has one for this kind of verification: one that was shown is none that
    /// only the endpoint knows.
    pub fn provide_verification_key(&mut self, random: &dyn Random, kind: VerificationKind) {
        if kind == VerificationKind::Challenge {
            // Each challenge is another text, and none is kept.
            self.verification_key = None;
            return;
        }
        let is_of_kind = |key: &Secret| key.is_of_consent() == (kind == VerificationKind::Options);
        if !self.verification_key.as_ref().is_some_and(is_of_kind) {
            self.verification_key = Some(Secret::generate_verification_key(random, kind));
        }
    }

    /// The key that its owner may see, to have it returned.
    pub fn shown_verification_key(&self) -> Option<&Secret> {
        self.verification_key.as_ref().filter(|key| !key.is_of_consent())
    }

    /// The key that only its endpoint is told, to consent with it.
    pub fn consent_key(&self) -> Option<&Secret> {
        self.verification_key.as_ref().filter(|key| key.is_of_consent())
    }
}

/// Whether a text of JSON has the key in any of its texts and names, however it
/// is encoded there: an endpoint that reflects what it gets would return it.
pub fn mentions_key(json: &str, key: &Secret) -> bool {
    match serde_json::from_str(json) {
        Ok(json) => any_text(&json, &|text| has_key(text, key.reveal())),
        Err(_) => has_key(json, key.reveal()),
    }
}

fn any_text(json: &Value, is_it: &impl Fn(&str) -> bool) -> bool {
    match json {
        Value::String(text) => is_it(text),
        Value::Array(items) => items.iter().any(|item| any_text(item, is_it)),
        Value::Object(members) => members.iter().any(|(name, member)| is_it(name) || any_text(member, is_it)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

fn has_key(text: &str, key: &str) -> bool {
    let mut text = text.to_ascii_lowercase();
    for _ in 0..MAX_ENCODINGS {
        if text.contains(key) {
            return true;
        }
        let parts = form_urlencoded::parse(text.as_bytes());
        text = parts.map(|(name, value)| format!("{name}={value}&").to_ascii_lowercase()).collect();
    }
    text.contains(key)
}

/// Whether an answer returns the challenge that was sent, as `{"challenge":…}`.
pub fn returns_challenge(body: &[u8], challenge: &str) -> bool {
    let Ok(Value::Object(answer)) = serde_json::from_slice(without_bom(body)) else { return false };
    let returned = answer.get("challenge").and_then(Value::as_str).unwrap_or_default();
    // As long for one that is nearly right as for any other.
    let differs = |(a, b): (u8, u8)| a ^ b;
    returned.len() == challenge.len()
        && returned.bytes().zip(challenge.bytes()).map(differs).fold(0, |all, one| all | one) == 0
}

/// Whether an answer returns the key: as the whole body, as any text within a
/// JSON body, or in the header that carried it, whose value is `header`.
pub fn returns_key(header: Option<&str>, body: &[u8], key: &Secret) -> bool {
    let key = key.reveal();
    if header.is_some_and(|value| value.trim() == key) {
        return true;
    }
    let Ok(text) = std::str::from_utf8(without_bom(body)) else { return false };
    text.trim() == key || serde_json::from_str(text).is_ok_and(|json| holds(&json, key, MAX_DEPTH))
}

/// What the answer to OPTIONS says, or why it is no consent: its status says nothing. `allowed` are
/// the values of its `WebHook-Allowed-Origin` and `WebHook-Allowed-Rate`. In requests a minute, none
/// for any number.
pub fn consent(verification: &Verification, allowed: [Option<&str>; 2]) -> Result<Option<u32>, String> {
    let [origin, rate] = allowed;
    let Some(origin) = origin.map(str::trim) else {
        return Err("its answer to OPTIONS has no WebHook-Allowed-Origin".to_owned());
    };
    let asked = verification.origin.as_deref().unwrap_or_default();
    if origin != "*" && !origin.eq_ignore_ascii_case(asked) {
        return Err(format!("its WebHook-Allowed-Origin is neither * nor {asked}"));
    }
    match rate {
        Some(rate) => allowed_rate(rate),
        None if verification.rate.is_some() => Err("its answer to OPTIONS has no WebHook-Allowed-Rate".to_owned()),
        None => Ok(None),
    }
}

/// What `WebHook-Allowed-Rate` says, in requests a minute; none for any number.
pub fn allowed_rate(value: &str) -> Result<Option<u32>, String> {
    let value = value.trim();
    let is_number = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    match value {
        "*" => Ok(None),
        // More than can be counted is as good as the most that can.
        _ if is_number => match value.parse().unwrap_or(u32::MAX) {
            0 => Err(RATE_EXPECTED.to_owned()),
            rate => Ok(Some(rate)),
        },
        _ => Err(RATE_EXPECTED.to_owned()),
    }
}

const RATE_EXPECTED: &str = "its WebHook-Allowed-Rate is neither * nor a whole number above zero";

fn holds(json: &Value, key: &str, depth: usize) -> bool {
    let Some(depth) = depth.checked_sub(1) else { return false };
    match json {
        Value::String(text) => text == key,
        Value::Array(items) => items.iter().any(|item| holds(item, key, depth)),
        Value::Object(members) => members.values().any(|member| holds(member, key, depth)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::FixedRandom;

    #[test]
    fn the_key_is_found_in_the_body_in_json_and_in_the_header() {
        let key = Secret::new("abc123");
        for (header, body) in [
            ("", " abc123\n"),
            ("", r#"{"a":[{"key":"abc123"}]}"#),
            ("", r#""abc123""#),
            ("abc123", "ok"),
            ("", "\u{feff}abc123"),
            ("", "\u{feff}{\"a\":\"abc123\"}"),
        ] {
            assert!(returns_key(Some(header), body.as_bytes(), &key), "{header} {body}");
        }
        for (header, body) in [("", ""), ("", "xabc123"), ("", r#"{"abc123":1}"#), ("abc", "abc1234")] {
            assert!(!returns_key(Some(header), body.as_bytes(), &key), "{header} {body}");
        }
    }

    #[test]
    fn a_key_is_found_in_every_text_however_it_is_encoded() {
        let key = Secret::new("abc123");
        for json in [
            r#""https://a.example/?x=abc123""#,
            r#""https://a.example/%61bc123/""#,
            r#""https://a.example/%2561bc123""#,
            r#""https://a.example/#ABC123""#,
            r#"[{"name":"X","value":"1 abc123 2"}]"#,
            r#"{"type":"json","template":{"a":[{"abc123":1}]}}"#,
            r#"{"a":"\u0061bc123"}"#,
        ] {
            assert!(mentions_key(json, &key), "{json}");
        }
        for json in [r#""https://a.example/?x=abc12&y=3""#, "123", r#"["abc","123"]"#, "null", "{}"] {
            assert!(!mentions_key(json, &key), "{json}");
        }
    }

    #[test]
    fn consent_is_an_origin_and_a_rate_and_nothing_else() {
        let asks = |rate: &str| -> Verification {
            let json = format!(r#"{{"required":true,"kind":"options","origin":"Hooks.example.com"{rate}}}"#);
            serde_json::from_str(&json).unwrap()
        };
        let (with_rate, without) = (asks(r#","rate":120"#), asks(""));
        for (origin, rate, expected) in [
            ("hooks.example.com", Some("100"), Some(100)),
            ("*", Some(" 1 "), Some(1)),
            ("*", Some("*"), None),
            ("*", Some("99999999999"), Some(u32::MAX)),
        ] {
            assert_eq!(consent(&with_rate, [Some(origin), rate]), Ok(expected), "{origin} {rate:?}");
        }
        assert_eq!(consent(&without, [Some("*"), None]), Ok(None));
        for (origin, rate) in [
            (None, Some("100")),
            (Some("other.example.com"), Some("100")),
            (Some("hooks.example.com, *"), Some("100")),
            (Some("*"), None),
            (Some("*"), Some("0")),
            (Some("*"), Some("-5")),
            (Some("*"), Some("+5")),
            (Some("*"), Some("1.5")),
            (Some("*"), Some("")),
            (Some("*"), Some("many")),
        ] {
            assert!(consent(&with_rate, [origin, rate]).is_err(), "{origin:?} {rate:?}");
        }
    }

    #[test]
    fn keys_are_long_and_made_of_all_that_was_drawn() {
        let (one, two) = (FixedRandom(0.5), FixedRandom(0.25));
        let key = |random| Secret::generate_verification_key(random, VerificationKind::Key);
        let (one, two) = (key(&one), key(&two));
        assert_eq!(one.reveal().len(), 32);
        assert!(one != two);
    }
}
