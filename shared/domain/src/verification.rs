//! The handshake by which an endpoint shows that it wants a hook's requests.

use serde_json::Value;

use super::hook::Hook;
use super::secret::Secret;
use crate::random::Random;

/// How deep an answer is searched.
const MAX_DEPTH: usize = 16;

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
    /// Gives it a key unless it has one.
    pub fn provide_verification_key(&mut self, random: &dyn Random) {
        self.verification_key.get_or_insert_with(|| Secret::generate_verification_key(random));
    }
}

/// Whether an answer returns the key: as the whole body, as any text within a
/// JSON body, or in the header that carried it, whose value is `header`.
pub fn returns_key(header: Option<&str>, body: &[u8], key: &Secret) -> bool {
    let key = key.reveal();
    if header.is_some_and(|value| value.trim() == key) {
        return true;
    }
    let Ok(text) = std::str::from_utf8(body) else { return false };
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
        for (header, body) in
            [("", " abc123\n"), ("", r#"{"a":[{"key":"abc123"}]}"#), ("", r#""abc123""#), ("abc123", "ok")]
        {
            assert!(returns_key(Some(header), body.as_bytes(), &key), "{header} {body}");
        }
        for (header, body) in [("", ""), ("", "xabc123"), ("", r#"{"abc123":1}"#), ("abc", "abc1234")] {
            assert!(!returns_key(Some(header), body.as_bytes(), &key), "{header} {body}");
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
