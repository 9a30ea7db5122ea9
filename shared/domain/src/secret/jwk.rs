//! Public keys as JSON Web Keys (RFC 7517, RFC 8037), by which receivers find the one that verifies.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::VerifyingKey;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use utoipa::ToSchema;

use super::Secret;
use super::ed25519::verifying_key;

/// The public part of an Ed25519 key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Jwk {
    kty: &'static str,
    crv: &'static str,
    #[serde(rename = "use")]
    #[schema(rename = "use")]
    usage: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    alg: Option<&'static str>,
    /// The key's thumbprint, by RFC 7638
    pub kid: String,
    /// The key itself, in base64url
    x: String,
    /// From when on it may sign, in Unix seconds
    #[serde(skip_serializing_if = "Option::is_none")]
    nbf: Option<i64>,
    /// Until when it signs, in Unix seconds
    #[serde(skip_serializing_if = "Option::is_none")]
    exp: Option<i64>,
}

impl Jwk {
    /// None for what is no Ed25519 key.
    pub fn of(secret: &Secret) -> Option<Self> {
        let key = verifying_key(secret)?;
        let x = URL_SAFE_NO_PAD.encode(key.as_bytes());
        let (kty, crv, usage, kid) = ("OKP", "Ed25519", "sig", thumbprint(&key));
        Some(Self { kty, crv, usage, alg: Some("EdDSA"), kid, x, nbf: None, exp: None })
    }

    /// As a directory of HTTP Message Signatures lists it, where the algorithm has another name than in
    /// JOSE: with the times, in Unix seconds, from when and until when it is to be taken.
    #[must_use]
    pub fn in_directory(self, from: i64, until: Option<i64>) -> Self {
        Self { alg: None, nbf: Some(from), exp: until, ..self }
    }
}

/// What an Ed25519 key is called: SHA-256 of its required members, in base64url (RFC 7638, and
/// appendix A.3 of RFC 8037).
pub fn thumbprint(key: &VerifyingKey) -> String {
    let x = URL_SAFE_NO_PAD.encode(key.as_bytes());
    URL_SAFE_NO_PAD.encode(Sha256::digest(format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#)))
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    /// Appendix A of RFC 8037.
    #[test]
    fn the_published_thumbprint_holds() {
        let x = URL_SAFE_NO_PAD.decode("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo").unwrap();
        let jwk = Jwk::of(&Secret::new(format!("whpk_{}", STANDARD.encode(x)))).unwrap();
        assert_eq!(jwk.kid, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
        let expected = r#"{"kty":"OKP","crv":"Ed25519","use":"sig","alg":"EdDSA","kid":"kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
        assert_eq!(serde_json::to_string(&jwk).unwrap(), expected);
    }

    #[test]
    fn a_key_shows_no_more_than_its_public_part() {
        let secret = Secret::new("whsk_nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=");
        let shown = serde_json::to_string(&Jwk::of(&secret).unwrap()).unwrap();
        assert!(!shown.contains("nWGxne") && !shown.contains("\"d\""), "{shown}");
        assert_eq!(Jwk::of(&Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")), None);
    }
}
