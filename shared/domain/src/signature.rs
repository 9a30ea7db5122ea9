//! Signatures, made over the bytes that are sent.
//!
//! - `v1` and `v1a`: Standard Webhooks 1.0.0
//!   (<https://github.com/standard-webhooks/standard-webhooks>): HMAC-SHA256 or
//!   Ed25519 over `{id}.{timestamp}.{body}`.
//! - `hmac_sha256`: HMAC-SHA256 over the body, as GitHub and many others do.
//! - `stripe`: HMAC-SHA256 over `{timestamp}.{body}`
//!   (<https://docs.stripe.com/webhooks#verify-manually>).
//!
//! Every live secret signs, so that receivers can change theirs at any time of
//! a rotation. Ed25519 secrets sign `v1a` and nothing else, all others sign the
//! other schemes. A setting that no live secret can sign adds no header.

mod setting;
mod sign;

pub use setting::{Encoding, KeyForm, MAX_PREFIX_CHARS, MAX_SETTINGS, Scheme, SignatureSetting, check_all};
pub use sign::{check_secret, sign};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::secret::{InvalidSecret, Secret, whsec_key};

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
        STANDARD.encode_string(hmac_sha256(&whsec_key(secret)?, &[head.as_bytes(), body]), &mut header);
    }
    Ok(header)
}

fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
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
