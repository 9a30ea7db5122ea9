//! Secrets, which never show themselves.

pub mod ed25519;
pub mod jwk;

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use super::key::KeyHash;
use super::unknown::{Unknown, keeps_unknown};
use crate::choices;
use crate::random::Random;
use crate::time::Timestamp;

/// Text that must not reach a log: `Debug` hides it and there is no `Display`.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself. Every call is a place where a secret could leak.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// A Standard Webhooks secret: `whsec_` and 32 random bytes in base64.
    pub fn generate(random: &dyn Random) -> Self {
        let mut bytes = [0_u8; 32];
        random.fill(&mut bytes);
        Self(format!("whsec_{}", STANDARD.encode(bytes)))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// What has secrets in it, all of which are sealed where it is stored.
pub trait HoldsSecrets {
    /// Every secret; one that is left out is stored in the clear.
    fn secrets_mut(&mut self) -> Vec<&mut Secret>;
}

/// A secret that signs until it expires; during a rotation several are live.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct SigningSecret {
    pub secret: Secret,
    /// Absent for the current secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// A header that holds one signature is signed with a former secret as long
    /// as one is live.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub signs_last: bool,
    /// Absent where an older version made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// SHA-256 of the idempotency key of the rotation that made it current.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made_with: Option<KeyHash>,
    #[serde(skip)]
    pub unknown: Unknown,
}

keeps_unknown!(SigningSecret);

choices! {
    /// When the new secret of a rotation begins to sign headers that hold one
    /// signature. Headers that hold a list are signed with all that are live.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
    pub enum Cutover {
        /// With the next request.
        #[default]
        AtOnce = "at_once",
        /// When the overlap has passed; the former one signs until then.
        AtEnd = "at_end",
        /// When it is asked for; the former one signs until then, and has no end.
        Manual = "manual",
    }
}

impl SigningSecret {
    pub fn current(secret: Secret) -> Self {
        Self { secret, expires_at: None, signs_last: false, created_at: None, made_with: None, unknown: Unknown::NONE }
    }

    pub fn made_at(secret: Secret, now: Timestamp) -> Self {
        Self { created_at: Some(now), ..Self::current(secret) }
    }

    pub fn is_live(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|end| now < end)
    }
}

/// Why a text cannot be a signing secret; fit to show, never contains it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSecret {
    #[error("expected whsec_ followed by 24 to 64 bytes in base64")]
    Whsec,
    #[error("expected whsk_ followed by a 32-byte Ed25519 seed in base64, alone or with its public key")]
    Whsk,
    #[error("expected 1 to {MAX_SECRET_CHARS} characters, none of them control characters")]
    Text,
    #[error("a whsk_ secret signs only with the scheme v1a, which is not among the signatures")]
    OnlyV1a,
}

/// The longest secret, in characters.
pub const MAX_SECRET_CHARS: usize = 256;

/// What a secret can sign with, told by its prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretKind {
    /// `whsec_…`: bytes for HMAC, as Standard Webhooks writes them.
    Whsec,
    /// `whsk_…`: an Ed25519 key.
    Ed25519,
    /// Any other text, used for HMAC as it is.
    Text,
}

impl SecretKind {
    pub fn of(secret: &Secret) -> Self {
        match secret.reveal() {
            text if text.starts_with("whsec_") => Self::Whsec,
            text if text.starts_with("whsk_") => Self::Ed25519,
            _ => Self::Text,
        }
    }
}

/// The key bytes of a `whsec_` secret: 24 to 64 bytes, as Standard Webhooks
/// 1.0.0 asks.
pub fn whsec_key(secret: &Secret) -> Result<Vec<u8>, InvalidSecret> {
    let encoded = secret.reveal().strip_prefix("whsec_").ok_or(InvalidSecret::Whsec)?;
    let key = STANDARD.decode(encoded).map_err(|_| InvalidSecret::Whsec)?;
    if (24..=64).contains(&key.len()) { Ok(key) } else { Err(InvalidSecret::Whsec) }
}

/// SHA-256, for secrets that only ever have to be recognised.
pub fn fingerprint(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::FixedRandom;

    #[test]
    fn debug_hides_the_text() {
        assert_eq!(format!("{:?}", Secret::new("hush")), "[secret]");
    }

    #[test]
    fn a_generated_secret_is_valid_and_new_each_time() {
        let (one, two) = (Secret::generate(&FixedRandom(0.5)), Secret::generate(&FixedRandom(0.25)));
        assert_eq!(whsec_key(&one).unwrap().len(), 32);
        assert!(one != two);
    }

    #[test]
    fn short_long_and_unprefixed_keys_are_refused() {
        for text in ["", "whsec_", "whsec_AAAA", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_****"] {
            assert_eq!(whsec_key(&Secret::new(text)), Err(InvalidSecret::Whsec), "{text}");
        }
    }
}
