//! Who gets into a portal: a link that works once, and the session it leads to.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::capability::Capabilities;
use crate::ids::{LinkId, SessionId, TenantId};
use crate::key::KeyHash;
use crate::time::Timestamp;
use crate::unknown::{Unknown, keeps_unknown};

/// How old a session can get, however often it is refreshed: 30 days.
pub const MAX_SESSION_AGE: Duration = Duration::from_secs(30 * 24 * 3_600);

/// How the name of a session begins, where those who ask are named.
pub const SESSION: &str = "session:";

/// A link that can be exchanged once. Its code is not kept, only the SHA-256 of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct PortalLink {
    pub tenant: TenantId,
    pub id: LinkId,
    pub hash: KeyHash,
    /// What the session may do.
    pub capabilities: Capabilities,
    /// For how long the session lasts, in seconds.
    pub session_seconds: u64,
    /// The page that is shown first.
    pub landing: String,
    /// Where the pages lead back to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub return_url: Option<String>,
    /// Whom it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    /// Set once it was exchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used_at: Option<Timestamp>,
    /// Counts writes, so that of two exchanges one wins.
    pub version: u64,
    #[serde(skip)]
    pub unknown: Unknown,
}

keeps_unknown!(PortalLink);

impl PortalLink {
    /// Whether it can still be exchanged.
    pub fn is_open(&self, now: Timestamp) -> bool {
        self.used_at.is_none() && now < self.expires_at
    }
}

/// Somebody in a portal. The token is not kept, only the SHA-256 of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct PortalSession {
    pub tenant: TenantId,
    pub id: SessionId,
    pub hash: KeyHash,
    pub capabilities: Capabilities,
    /// For how long it lasts when it is refreshed, in seconds.
    pub seconds: u64,
    pub landing: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub return_url: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    /// To the minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used_at: Option<Timestamp>,
    /// Counts writes, so that a session that was ended is not written again.
    pub version: u64,
    #[serde(skip)]
    pub unknown: Unknown,
}

keeps_unknown!(PortalSession);

impl PortalSession {
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at <= now
    }

    /// When it ends at the latest.
    pub fn ends_by(&self) -> Timestamp {
        self.created_at.saturating_add(MAX_SESSION_AGE)
    }

    /// When it ends if it is refreshed now; never sooner than it would have.
    pub fn refreshed(&self, now: Timestamp) -> Timestamp {
        now.saturating_add(Duration::from_secs(self.seconds)).min(self.ends_by()).max(self.expires_at)
    }

    /// As the audit trail names it.
    pub fn actor(&self) -> String {
        format!("{SESSION}{}", self.id)
    }
}
