//! Hooks: where to send, for which events, how to sign, how to retry.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::ids::{Channel, EventType, HookId, TenantId};
use super::pattern::Pattern;
use super::retry::RetryPolicy;
use super::secret::{HoldsSecrets, Secret, SigningSecret};
use crate::time::Timestamp;

/// The most patterns or channels of one hook.
pub const MAX_PATTERNS: usize = 50;
/// Secrets that may be live at once while they are rotated.
pub const MAX_SECRETS: usize = 5;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hook {
    pub tenant: TenantId,
    pub id: HookId,
    #[serde(default)]
    pub name: String,
    #[serde(default)]
    pub description: String,
    pub url: String,
    pub events: BTreeSet<Pattern>,
    /// Empty: events of any channel and of none.
    #[serde(default)]
    pub channels: BTreeSet<Channel>,
    pub enabled: bool,
    pub retry: RetryPolicy,
    pub timeout: Timeout,
    /// The current secret first, then those being rotated out.
    pub secrets: Vec<SigningSecret>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// Counts changes, so that two writers cannot overwrite each other.
    pub version: u64,
}

impl Hook {
    /// The part of a hook that matching needs.
    pub fn subscription(&self) -> Subscription {
        Subscription {
            hook: self.id,
            events: self.events.clone(),
            channels: self.channels.clone(),
            enabled: self.enabled,
        }
    }

    pub fn live_secrets(&self, now: Timestamp) -> impl Iterator<Item = &Secret> {
        self.secrets.iter().filter(move |s| s.is_live(now)).map(|s| &s.secret)
    }

    /// Makes `secret` the current one. The present one keeps signing until
    /// `overlap` has passed; the oldest beyond [`MAX_SECRETS`] are dropped.
    pub fn rotate(&mut self, secret: Secret, overlap: Duration, now: Timestamp) {
        let end = now.saturating_add(overlap);
        for old in &mut self.secrets {
            old.expires_at = Some(old.expires_at.map_or(end, |set| set.min(end)));
        }
        self.secrets.retain(|s| s.is_live(now));
        self.secrets.insert(0, SigningSecret { secret, expires_at: None });
        self.secrets.truncate(MAX_SECRETS);
    }
}

impl HoldsSecrets for Hook {
    fn secrets_mut(&mut self) -> Vec<&mut Secret> {
        self.secrets.iter_mut().map(|signing| &mut signing.secret).collect()
    }
}

/// Deadlines of one attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timeout {
    pub connect_ms: u32,
    /// From the first byte out to the last byte in.
    pub total_ms: u32,
}

impl Timeout {
    /// The longest a hook may ask for. Every lease is sized for it.
    pub const MAX: Self = Self { connect_ms: 10_000, total_ms: 30_000 };
    /// The least that a hook may ask for.
    pub const MIN_MS: u32 = 100;

    pub fn connect(self) -> Duration {
        Duration::from_millis(self.connect_ms.into())
    }

    pub fn total(self) -> Duration {
        Duration::from_millis(self.total_ms.into())
    }
}

impl Default for Timeout {
    /// Standard Webhooks recommends 15 to 30 s in all.
    fn default() -> Self {
        Self { connect_ms: 5_000, total_ms: 15_000 }
    }
}

/// What matching needs to know of a hook; stored once per pattern.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscription {
    pub hook: HookId,
    pub events: BTreeSet<Pattern>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub channels: BTreeSet<Channel>,
    pub enabled: bool,
}

impl Subscription {
    pub fn wants_channels(&self, event: &BTreeSet<Channel>) -> bool {
        self.channels.is_empty() || !self.channels.is_disjoint(event)
    }

    /// Whether the row under `pattern` is the one that counts. A hook with
    /// `post.*` and `*` has a row under each; only its most specific match
    /// sends, so that no delivery is made twice.
    pub fn is_decided_by(&self, pattern: &Pattern, event_type: &EventType) -> bool {
        Pattern::all_matching(event_type).iter().find(|p| self.events.contains(p)) == Some(pattern)
    }
}
