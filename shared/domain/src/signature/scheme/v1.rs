//! Standard Webhooks 1.0.0, HMAC-SHA256 over `{id}.{timestamp}.{body}`:
//! `v1,<base64>` (<https://github.com/standard-webhooks/standard-webhooks>).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Algorithm, KeyForm, Signed, mac};
use crate::secret::{InvalidSecret, Secret, whsec_key};
use crate::signature::SignatureSetting;

pub(super) struct V1;

impl Algorithm for V1 {
    fn description(&self, _: &str) -> String {
        "Standard Webhooks: `v1,` and base64 of HMAC-SHA256 over `{id}.{timestamp}.{body}` with the hook's secret; \
         several with spaces between while it is rotated"
            .to_owned()
    }

    fn default_header(&self) -> Option<&'static str> {
        Some("webhook-signature")
    }

    fn is_standard(&self) -> bool {
        true
    }

    fn key_form(&self, _: Option<KeyForm>) -> Option<KeyForm> {
        Some(KeyForm::Whsec)
    }

    fn check_key(&self, chosen: KeyForm) -> Result<(), &'static str> {
        match chosen {
            KeyForm::Whsec => Ok(()),
            KeyForm::Text => Err("the scheme v1 takes only whsec"),
        }
    }

    fn sign(&self, _: &SignatureSetting, secrets: &[&Secret], signed: Signed<'_>) -> Result<String, InvalidSecret> {
        standard_webhooks(secrets.iter().copied(), signed.id, signed.unix_seconds, signed.body)
    }

    fn signatures<'a>(&self, values: &[&'a str]) -> Vec<&'a str> {
        values.iter().flat_map(|value| value.split(' ')).collect()
    }
}

/// The value of `webhook-signature`: a `v1,…` for each secret, separated by spaces.
pub fn standard_webhooks<'a>(
    secrets: impl IntoIterator<Item = &'a Secret>,
    id: &str,
    unix_seconds: i64,
    body: &[u8],
) -> Result<String, InvalidSecret> {
    let mut header = String::new();
    for secret in secrets {
        if !header.is_empty() {
            header.push(' ');
        }
        header.push_str("v1,");
        let head = format!("{id}.{unix_seconds}.");
        STANDARD.encode_string(mac(&whsec_key(secret)?, &[head.as_bytes(), body]), &mut header);
    }
    Ok(header)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The first vector is that of the specification's reference libraries.
    #[test]
    fn the_published_vectors_hold() {
        for (secret, id, at, body, expected) in [
            (
                "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
                "msg_p5jXN8AQM9LWM0D4loKWxJek",
                1_614_265_330,
                r#"{"test": 2432232314}"#,
                "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
            ),
            (
                "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
                "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk",
                1_649_367_553,
                r#"{"email":"test@example.com","username":"test_user"}"#,
                "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=",
            ),
        ] {
            let made = standard_webhooks([&Secret::new(secret)], id, at, body.as_bytes()).unwrap();
            assert_eq!(made, expected);
        }
    }

    #[test]
    fn every_live_secret_signs() {
        let secrets = [
            Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
            Secret::new("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"),
        ];
        let both = standard_webhooks(&secrets, "m", 1, b"x").unwrap();
        let each: Vec<String> = secrets.iter().map(|s| standard_webhooks([s], "m", 1, b"x").unwrap()).collect();
        assert_eq!(both, each.join(" "));
    }

    proptest! {
        #[test]
        fn any_changed_byte_changes_the_signature(body in proptest::collection::vec(any::<u8>(), 1..200), at in any::<prop::sample::Index>()) {
            let secret = Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
            let mut other = body.clone();
            other[at.index(body.len())] ^= 1;
            prop_assert_ne!(
                standard_webhooks([&secret], "m", 1, &body).unwrap(),
                standard_webhooks([&secret], "m", 1, &other).unwrap()
            );
        }
    }
}
