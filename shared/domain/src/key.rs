//! API keys. Only a hash is kept; the key itself is shown once.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;

use super::capability::{Capabilities, Capability};
use super::ids::{KeyId, LinkId, SessionId, TenantId};
use super::secret::{Secret, fingerprint};
use super::unknown::{Unknown, keeps_unknown};
use super::word::words;
use crate::random::Random;
use crate::time::Timestamp;

words! {
    /// What a key may do.
    pub enum Scope {
        /// Everything. Such a key has no tenant.
        Operator = "operator",
        /// Everything within one tenant.
        Tenant = "tenant",
        /// Publish events of one tenant, and nothing else.
        Publish = "publish",
        /// Look after the hooks of one tenant: no keys, no publishing, no secrets.
        Portal = "portal",
        /// Propose plans of one tenant, and nothing else.
        Planner = "planner",
        /// A portal key with capabilities of its own. Versions that do not know them
        /// do not know this scope either, and let it do nothing.
        Limited = "limited",
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct ApiKey {
    /// Absent for operators' keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<TenantId>,
    pub id: KeyId,
    #[serde(default)]
    pub name: String,
    pub scope: Scope,
    /// Of a limited key: what it may do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capabilities: Option<Capabilities>,
    /// SHA-256 of the key's text.
    pub hash: KeyHash,
    pub created_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// To the minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used_at: Option<Timestamp>,
    /// Counts writes, so that a key that was deleted is not written again.
    pub version: u64,
    #[serde(skip)]
    pub unknown: Unknown,
}

keeps_unknown!(ApiKey);

impl ApiKey {
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|at| at <= now)
    }

    pub fn is_for_a_portal(&self) -> bool {
        matches!(self.scope, Scope::Portal | Scope::Limited)
    }

    /// Which scope people know it by: capabilities tell portal keys apart.
    pub fn shown_scope(&self) -> Scope {
        if self.is_for_a_portal() { Scope::Portal } else { self.scope }
    }

    /// What it may do in a portal; nothing where it is no portal's.
    pub fn portal_capabilities(&self) -> Capabilities {
        match self.scope {
            Scope::Portal => Capabilities::usual(),
            Scope::Limited => self.capabilities.clone().unwrap_or_default(),
            _ => Capabilities::default(),
        }
    }

    pub fn allows(&self, capability: Capability) -> bool {
        self.scope == Scope::Tenant || self.portal_capabilities().allow(capability)
    }
}

/// The SHA-256 of a key, compared in constant time.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeyHash(String);

impl KeyHash {
    pub fn of(text: &str) -> Self {
        Self(URL_SAFE_NO_PAD.encode(fingerprint(text)))
    }

    /// Of a key whose SHA-256 is known and not the key.
    pub fn from_sha256(hash: [u8; 32]) -> Self {
        Self(URL_SAFE_NO_PAD.encode(hash))
    }

    /// In base64url.
    pub fn as_str(&self) -> &str {
        &self.0
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

/// The row that a text from outside claims to belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TokenId {
    Key(KeyId),
    /// A portal session.
    Session(SessionId),
    /// The code of a one-time link, which is exchanged for a session.
    Link(LinkId),
}

impl fmt::Display for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(id) => id.fmt(f),
            Self::Session(id) => id.fmt(f),
            Self::Link(id) => id.fmt(f),
        }
    }
}

impl TokenId {
    fn parse(text: &str) -> Option<Self> {
        let key = || text.parse().ok().map(Self::Key);
        let session = || text.parse().ok().map(Self::Session);
        key().or_else(session).or_else(|| text.parse().ok().map(Self::Link))
    }
}

/// A key, session or code as text: `hl_<tenant>.<id>.<32 random bytes>`, without a
/// tenant where it is the operator's. It names its own row, so that authenticating is
/// one read by primary key.
pub fn generate_token(tenant: Option<&TenantId>, id: TokenId, random: &dyn Random) -> Secret {
    let mut bytes = [0_u8; 32];
    random.fill(&mut bytes);
    let tenant = tenant.map_or("", TenantId::as_str);
    Secret::new(format!("hl_{tenant}.{id}.{}", URL_SAFE_NO_PAD.encode(bytes)))
}

/// The row that what was presented claims to be.
pub fn parse_token(text: &str) -> Option<(Option<TenantId>, TokenId)> {
    let (tenant, rest) = text.strip_prefix("hl_")?.split_once('.')?;
    let (id, _) = rest.split_once('.')?;
    let tenant = if tenant.is_empty() { None } else { Some(tenant.parse().ok()?) };
    Some((tenant, TokenId::parse(id)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::FixedRandom;
    use crate::time::Timestamp;

    #[test]
    fn a_token_names_its_row_and_matches_its_hash_only() {
        let (now, random) = (Timestamp::from_millis(1_769_851_800_000), FixedRandom(0.5));
        for (tenant, id) in [
            (None, TokenId::Key(KeyId::new(now, &random))),
            (Some("ac_me-1".parse().unwrap()), TokenId::Key(KeyId::new(now, &random))),
            (Some("acme".parse().unwrap()), TokenId::Session(SessionId::new(now, &random))),
            (Some("acme".parse().unwrap()), TokenId::Link(LinkId::new(now, &random))),
        ] {
            let token = generate_token(tenant.as_ref(), id, &FixedRandom(0.5));
            assert_eq!(parse_token(token.reveal()), Some((tenant, id)));
            let hash = KeyHash::of(token.reveal());
            assert!(hash.matches(token.reveal()));
            assert!(!hash.matches(&format!("{}x", token.reveal())));
        }
    }
}
