//! Hooks: where to send, for which events, how to sign, how to retry.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::filter::Filter;
use super::ids::{Channel, EventId, EventType, HookId, HookUid, ProfileName, TenantId};
use super::invalid::FieldError;
use super::metadata::Metadata;
use super::operational::is_for_those_who_name_it;
use super::pattern::Pattern;
use super::seconds::Seconds;
use super::secret::{Cutover, HoldsSecrets, Secret, SecretKind, SigningSecret};
use super::settings::Settings;
use super::unknown::{Unknown, keeps_unknown};
use crate::time::Timestamp;

/// The most patterns or channels of one hook.
pub const MAX_PATTERNS: usize = 50;
/// How long a hook is kept after it has expired: until then it can be looked at, and be given another end.
pub const KEPT_AFTER_EXPIRY: Duration = Duration::from_secs(24 * 3600);
/// Why a hook is disabled that its owner has paused.
pub const DISABLED_BY_REQUEST: &str = "disabled by request";
/// Secrets that may be live at once while they are rotated.
pub const MAX_SECRETS: usize = 5;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct Hook {
    pub tenant: TenantId,
    pub id: HookId,
    #[serde(default)]
    pub name: String,
    #[serde(default)]
    pub description: String,
    /// Its client's own name for it, unique in its tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<HookUid>,
    #[serde(default, skip_serializing_if = "Metadata::is_empty")]
    pub metadata: Metadata,
    pub url: String,
    pub events: BTreeSet<Pattern>,
    /// Empty: events of any channel and of none.
    #[serde(default)]
    pub channels: BTreeSet<Channel>,
    /// Which events' `data` it wants; all when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<Filter>,
    pub enabled: bool,
    /// Why and when it was disabled, if not by its owner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled_reason: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled_at: Option<Timestamp>,
    /// From when on it gets nothing any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// What its endpoint has to return to verify itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verification_key: Option<Secret>,
    /// Where it takes settings from that it does not decide itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<ProfileName>,
    /// What it decides itself.
    #[serde(default)]
    pub settings: Settings,
    /// The current secret first, then those being rotated out.
    pub secrets: Vec<SigningSecret>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// Counts changes, so that two writers cannot overwrite each other.
    pub version: u64,
    #[serde(skip)]
    pub unknown: Unknown,
}

keeps_unknown!(Hook, Timeout, Subscription);

impl Hook {
    /// One that leaves everything to its profile, and asks for no event yet.
    pub fn new(tenant: TenantId, id: HookId, url: String, now: Timestamp) -> Self {
        Self {
            tenant,
            id,
            name: String::new(),
            description: String::new(),
            uid: None,
            metadata: Metadata::default(),
            url,
            events: BTreeSet::new(),
            channels: BTreeSet::new(),
            filter: None,
            enabled: true,
            disabled_reason: None,
            disabled_at: None,
            expires_at: None,
            verification_key: None,
            profile: None,
            settings: Settings::default(),
            secrets: Vec::new(),
            created_at: now,
            updated_at: now,
            version: 1,
            unknown: Unknown::NONE,
        }
    }

    /// Whether its owner has disabled it, and it did not come to that by itself.
    pub fn is_paused(&self) -> bool {
        !self.enabled && self.disabled_reason.as_deref() == Some(DISABLED_BY_REQUEST)
    }

    /// Whether its time is over.
    pub fn has_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }

    /// From when on nobody can give it another end.
    pub fn removed_at(&self) -> Option<Timestamp> {
        self.expires_at.map(|end| end.saturating_add(KEPT_AFTER_EXPIRY))
    }

    /// Whether it is to be removed, and is as good as gone.
    pub fn is_to_be_removed(&self, now: Timestamp) -> bool {
        self.removed_at().is_some_and(|at| at <= now)
    }

    /// Whether it may get anything now.
    pub fn takes_deliveries(&self, now: Timestamp) -> bool {
        self.enabled && !self.has_expired(now)
    }

    /// The part of a hook that matching needs.
    pub fn subscription(&self) -> Subscription {
        Subscription {
            hook: self.id,
            events: self.events.clone(),
            channels: self.channels.clone(),
            filter: self.filter.clone(),
            expires_at: self.expires_at,
            unknown: Unknown::NONE,
        }
    }

    /// What signs, of each kind that one first which signs headers that hold one
    /// signature.
    pub fn live_secrets(&self, now: Timestamp) -> Vec<&Secret> {
        let mut live: Vec<&SigningSecret> = self.secrets.iter().filter(|s| s.is_live(now)).collect();
        let alone = [false, true].map(|is_ed25519| {
            let mut same = live.iter().copied().filter(|s| is_of_ed25519(&s.secret) == is_ed25519);
            // Where all wait for former ones, those have ended, and the oldest is next.
            same.clone().find(|s| !s.signs_last).or_else(|| same.next_back())
        });
        live.sort_by_key(|s| !alone.iter().flatten().any(|one| std::ptr::eq(*one, *s)));
        live.into_iter().map(|s| &s.secret).collect()
    }

    /// Puts `secret` in the place of all secrets of its kind.
    pub fn replace_secret(&mut self, secret: Secret) {
        let is_ed25519 = is_of_ed25519(&secret);
        self.secrets.retain(|other| is_of_ed25519(&other.secret) != is_ed25519);
        self.secrets.insert(0, SigningSecret::current(secret));
    }

    /// Makes `secret` the current one. The present one of its kind stays live
    /// until `overlap` has passed, or until it is told to end. Beyond
    /// [`MAX_SECRETS`] the oldest are dropped that sign nothing alone.
    pub fn rotate(&mut self, secret: Secret, overlap: Duration, cutover: Cutover, now: Timestamp) {
        let end = now.saturating_add(overlap);
        let is_ed25519 = is_of_ed25519(&secret);
        if cutover != Cutover::Manual {
            for old in self.secrets.iter_mut().filter(|old| is_of_ed25519(&old.secret) == is_ed25519) {
                old.expires_at = Some(old.expires_at.map_or(end, |set| set.min(end)));
            }
        }
        self.secrets.retain(|s| s.is_live(now));
        let signs_last =
            cutover != Cutover::AtOnce && self.secrets.iter().any(|s| is_of_ed25519(&s.secret) == is_ed25519);
        self.secrets.insert(0, SigningSecret { signs_last, ..SigningSecret::made_at(secret, now) });
        while self.secrets.len() > MAX_SECRETS {
            let waits = self.secrets.iter().skip(1).rposition(|s| s.signs_last);
            let at = waits.filter(|_| signs_last).map_or(self.secrets.len() - 1, |at| at + 1);
            self.secrets.remove(at);
        }
    }

    /// Ends every rotation: of each kind the current secret signs from now on, and
    /// no other. False when none was under way.
    pub fn cut_over(&mut self, now: Timestamp) -> bool {
        let before = self.secrets.clone();
        self.secrets.retain(|s| s.is_live(now));
        for is_ed25519 in [false, true] {
            let mut others = false;
            self.secrets.retain(|s| is_of_ed25519(&s.secret) != is_ed25519 || !std::mem::replace(&mut others, true));
        }
        self.secrets.iter_mut().for_each(|s| s.signs_last = false);
        self.secrets != before
    }
}

fn is_of_ed25519(secret: &Secret) -> bool {
    SecretKind::of(secret) == SecretKind::Ed25519
}

impl HoldsSecrets for Hook {
    fn secrets_mut(&mut self) -> Vec<&mut Secret> {
        let signing = self.secrets.iter_mut().map(|signing| &mut signing.secret);
        signing.chain(&mut self.verification_key).chain(self.settings.secrets_mut()).collect()
    }
}

/// Deadlines of one attempt, in seconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
pub struct Timeout {
    /// To connect, 0.1 to 10; 5 by default.
    #[serde(default = "Timeout::usual_connect")]
    pub connect: Seconds,
    /// From connecting to the last byte of the answer, 0.1 to 30; 15 by default.
    #[serde(default = "Timeout::usual_total")]
    pub total: Seconds,
    #[serde(skip)]
    pub unknown: Unknown,
}

impl Timeout {
    /// The longest a hook may ask for. Every lease is sized for it.
    pub const MAX: &'static Self = &Self::new(Seconds::new(10), Seconds::new(30));
    /// The least that a hook may ask for.
    const MIN: Seconds = Seconds::from_millis(100);

    pub const fn new(connect: Seconds, total: Seconds) -> Self {
        Self { connect, total, unknown: Unknown::NONE }
    }

    fn usual_connect() -> Seconds {
        Self::default().connect
    }

    fn usual_total() -> Seconds {
        Self::default().total
    }

    pub fn check(&self, field: &str, errors: &mut Vec<FieldError>) {
        self.connect.check(&format!("{field}.connect"), Self::MIN, Self::MAX.connect, errors);
        self.total.check(&format!("{field}.total"), Self::MIN, Self::MAX.total, errors);
    }
}

impl Default for Timeout {
    /// Standard Webhooks recommends 15 to 30 s in all.
    fn default() -> Self {
        Self::new(Seconds::new(5), Seconds::new(15))
    }
}

/// What matching needs to know of a hook; stored once per pattern.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct Subscription {
    pub hook: HookId,
    pub events: BTreeSet<Pattern>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub channels: BTreeSet<Channel>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<Filter>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    #[serde(skip)]
    pub unknown: Unknown,
}

impl Subscription {
    /// Whether its hook's time is over.
    pub fn has_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }

    /// Whether an event of a matching type is wanted.
    pub fn wants(&self, channels: &BTreeSet<Channel>, data: &RawValue) -> bool {
        (self.channels.is_empty() || !self.channels.is_disjoint(channels))
            && self.filter.as_ref().is_none_or(|filter| filter.admits(data))
    }

    /// Whether one of its patterns takes the event; of those of Hookline's plans `*` takes none.
    pub fn asks_for(&self, id: &EventId, event_type: &EventType) -> bool {
        let by_name = is_for_those_who_name_it(id, event_type);
        self.events.iter().any(|pattern| (!by_name || pattern.as_str() != "*") && pattern.matches(event_type))
    }

    /// Whether the row under `pattern` is the one that counts. A hook with
    /// `post.*` and `*` has a row under each; only its most specific match
    /// sends, so that no delivery is made twice.
    pub fn is_decided_by(&self, pattern: &Pattern, event_type: &EventType) -> bool {
        Pattern::all_matching(event_type).iter().find(|p| self.events.contains(p)) == Some(pattern)
    }
}

#[cfg(test)]
mod tests;
