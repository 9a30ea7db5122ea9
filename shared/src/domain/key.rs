//! API keys. Only a hash is kept; the key itself is shown once.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;

use super::ids::{KeyId, TenantId};
use super::secret::{Secret, fingerprint};
use crate::ports::Random;
use crate::time::Timestamp;

/// What a key may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Everything within one tenant.
    Tenant,
    /// Publish events of one tenant, and nothing else.
    Publish,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiKey {
    pub tenant: TenantId,
    pub id: KeyId,
    #[serde(default)]
    pub name: String,
    pub scope: Scope,
    /// SHA-256 of the key's text.
    pub hash: KeyHash,
    pub created_at: Timestamp,
}

/// The SHA-256 of a key, compared in constant time.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeyHash(String);

impl KeyHash {
    pub fn of(text: &str) -> Self {
        Self(URL_SAFE_NO_PAD.encode(fingerprint(text)))
    }

    /// From a SHA-256 in hex.
    pub fn from_hex(hex: &str) -> Option<Self> {
        let digits = hex.as_bytes().chunks_exact(2);
        if hex.len() != 64 || !digits.remainder().is_empty() {
            return None;
        }
        let bytes: Option<Vec<u8>> =
            digits.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect();
        Some(Self(URL_SAFE_NO_PAD.encode(bytes?)))
    }

    pub fn matches(&self, text: &str) -> bool {
        self.0.as_bytes().ct_eq(Self::of(text).0.as_bytes()).into()
    }
}

impl PartialEq for KeyHash {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl Eq for KeyHash {}

impl fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[hash]")
    }
}

/// A tenant's key as text: `hl_<tenant>.<key id>.<32 random bytes>`. It names
/// its own row, so that authenticating is one read by primary key.
pub fn generate_token(tenant: &TenantId, id: KeyId, random: &dyn Random) -> Secret {
    let mut bytes = [0_u8; 32];
    random.fill(&mut bytes);
    Secret::new(format!("hl_{tenant}.{id}.{}", URL_SAFE_NO_PAD.encode(bytes)))
}

/// The row a presented key claims to be.
pub fn parse_token(text: &str) -> Option<(TenantId, KeyId)> {
    let (tenant, rest) = text.strip_prefix("hl_")?.split_once('.')?;
    let (id, _) = rest.split_once('.')?;
    Some((tenant.parse().ok()?, id.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::{OsRandom, SystemClock};

    #[test]
    fn a_token_names_its_row_and_matches_its_hash_only() {
        let tenant: TenantId = "ac_me-1".parse().unwrap();
        let id = KeyId::new(&SystemClock, &OsRandom);
        let token = generate_token(&tenant, id, &OsRandom);
        assert_eq!(parse_token(token.reveal()), Some((tenant, id)));
        let hash = KeyHash::of(token.reveal());
        assert!(hash.matches(token.reveal()));
        assert!(!hash.matches(&format!("{}x", token.reveal())));
    }

    #[test]
    fn a_hash_is_read_from_hex() {
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert!(KeyHash::from_hex(abc).is_some_and(|hash| hash.matches("abc")));
        assert!(KeyHash::from_hex(&abc[1..]).is_none() && KeyHash::from_hex(&"zz".repeat(32)).is_none());
    }
}
