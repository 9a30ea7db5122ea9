//! The handshake by which an endpoint shows that it wants a hook's requests.

use serde_json::Value;
use url::form_urlencoded;

use super::hook::Hook;
use super::secret::Secret;
use super::settings::Settings;
use crate::random::Random;
use crate::strict::without_bom;

/// How deep an answer is searched.
const MAX_DEPTH: usize = 16;
/// How often a text may be percent-encoded.
const MAX_ENCODINGS: usize = 3;

impl Secret {
    /// What an endpoint has to return; letters and digits only, so that any
    /// framework can echo it.
    pub fn generate_verification_key(random: &dyn Random) -> Self {
        let mut bytes = [0_u8; 16];
        random.fill(&mut bytes);
        Self::new(format!("{:032x}", u128::from_be_bytes(bytes)))
    }
}

impl Hook {
    /// Gives it another key where it has one: nothing that its owner has just
    /// placed in its requests can be the new one.
    pub fn renew_verification_key(&mut self, random: &dyn Random) {
        self.verification_key.iter_mut().for_each(|key| *key = Secret::generate_verification_key(random));
    }

    /// Whether its owner has placed something else in its requests than in those of `old`.
    pub fn places_other_text_than(&self, old: &Self) -> bool {
        let placed = |hook: &Self| {
            let Settings { headers, payload, auth, .. } = hook.settings.clone();
            (hook.url.clone(), headers, payload, auth)
        };
        placed(self) != placed(old)
    }

    /// Gives it a key unless it has one.
    pub fn provide_verification_key(&mut self, random: &dyn Random) {
        self.verification_key.get_or_insert_with(|| Secret::generate_verification_key(random));
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
    fn keys_are_long_and_made_of_all_that_was_drawn() {
        let (one, two) = (FixedRandom(0.5), FixedRandom(0.25));
        let (one, two) = (Secret::generate_verification_key(&one), Secret::generate_verification_key(&two));
        assert_eq!(one.reveal().len(), 32);
        assert!(one != two);
    }
}
