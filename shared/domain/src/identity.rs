//! Who a deployment is, to receivers that ask for more than a hook's signature: keys of its own, which
//! its directory lists.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::secret::jwk::Jwk;
use crate::secret::{HoldsSecrets, Secret};
use crate::time::Timestamp;
use crate::unknown::{Unknown, keeps_unknown};

/// Keys that are listed at once, at most: those of rotations that overlap.
pub const MAX_KEYS: usize = 5;

/// The keys of a deployment, the newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct Identity {
    pub keys: Vec<IdentityKey>,
    /// Counts changes, so that two writers cannot overwrite each other.
    pub version: u64,
    #[serde(skip)]
    pub unknown: Unknown,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct IdentityKey {
    /// An Ed25519 key, `whsk_…`.
    pub secret: Secret,
    pub created_at: Timestamp,
    /// Verifiers have to find it in the directory before they meet it in requests.
    pub signs_from: Timestamp,
    /// Until when it is listed; absent for the newest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listed_until: Option<Timestamp>,
    #[serde(skip)]
    pub unknown: Unknown,
}

keeps_unknown!(Identity, IdentityKey);

impl IdentityKey {
    fn is_listed(&self, now: Timestamp) -> bool {
        self.listed_until.is_none_or(|end| now < end)
    }
}

impl Identity {
    /// What is in the directory: also what signs later, and what signed until recently.
    pub fn listed(&self, now: Timestamp) -> impl Iterator<Item = &IdentityKey> {
        self.keys.iter().filter(move |key| key.is_listed(now))
    }

    /// What signs. Where none has its time yet, the oldest does.
    pub fn signing(&self, now: Timestamp) -> Option<&IdentityKey> {
        let listed = || self.listed(now);
        listed().find(|key| key.signs_from <= now).or_else(|| listed().last())
    }

    /// As a directory lists it. Its times are those for which it should be taken.
    pub fn jwks(&self, now: Timestamp) -> Vec<Jwk> {
        let jwk = |key: &IdentityKey| {
            let until = key.listed_until.map(Timestamp::as_secs);
            Some(Jwk::of(&key.secret)?.in_directory(key.created_at.as_secs(), until))
        };
        self.listed(now).filter_map(jwk).collect()
    }

    /// Lists a new key at once, which signs after `signs_after`; the former ones are listed for
    /// `overlap` longer. None where more than [`MAX_KEYS`] would be: each signs, did so until recently, or
    /// is to.
    #[must_use]
    pub fn rotated(&self, secret: Secret, now: Timestamp, signs_after: Duration, overlap: Duration) -> Option<Self> {
        let mut keys: Vec<IdentityKey> = self.listed(now).cloned().collect();
        // Nothing else could sign meanwhile.
        let signs_from = if keys.is_empty() { now } else { now.saturating_add(signs_after) };
        let end = signs_from.saturating_add(overlap);
        for key in &mut keys {
            key.listed_until = Some(key.listed_until.map_or(end, |set| set.min(end)));
        }
        keys.insert(0, IdentityKey { secret, created_at: now, signs_from, listed_until: None, unknown: Unknown::NONE });
        keys.retain(|key| key.is_listed(now));
        (keys.len() <= MAX_KEYS).then(|| Self { keys, version: self.version + 1, unknown: self.unknown.clone() })
    }
}

impl HoldsSecrets for Identity {
    fn secrets_mut(&mut self) -> Vec<&mut Secret> {
        self.keys.iter_mut().map(|key| &mut key.secret).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::FixedRandom;

    fn key(chance: f64) -> Secret {
        Secret::generate_ed25519(&FixedRandom(chance))
    }

    #[test]
    fn a_new_key_is_listed_before_it_signs_and_the_former_one_after_it_did() {
        let at = |seconds: i64| Timestamp::from_millis(seconds * 1_000);
        let (hour, day) = (Duration::from_secs(3_600), Duration::from_secs(86_400));
        let first = Identity::default().rotated(key(0.1), at(0), hour, day).unwrap();
        let signs = |identity: &Identity, now: i64| identity.signing(at(now)).unwrap().secret.clone();
        assert_eq!(signs(&first, 0), key(0.1), "the first key has nobody to wait for");
        let second = first.rotated(key(0.2), at(100), hour, day).unwrap();
        assert_eq!((second.jwks(at(100)).len(), second.version), (2, 2));
        assert_eq!(signs(&second, 3_699), key(0.1));
        assert_eq!(signs(&second, 3_700), key(0.2));
        assert_eq!(second.jwks(at(3_700 + 86_399)).len(), 2);
        assert_eq!(second.jwks(at(3_700 + 86_400)).len(), 1);
        let at_once = second.rotated(key(0.3), at(200), Duration::ZERO, Duration::ZERO).unwrap();
        assert_eq!((signs(&at_once, 200), at_once.keys.len()), (key(0.3), 1), "after a leak");
    }

    #[test]
    fn no_rotation_drops_a_key_that_signs_or_is_still_looked_up() {
        let at = |seconds: i64| Timestamp::from_millis(seconds * 1_000);
        let (hour, day) = (Duration::from_secs(3_600), Duration::from_secs(86_400));
        let mut identity = Identity::default();
        for (n, chance) in [0.1, 0.2, 0.3, 0.4, 0.5].into_iter().enumerate() {
            identity = identity.rotated(key(chance), at(i64::try_from(n).unwrap()), hour, day).unwrap();
        }
        assert_eq!(identity.keys.len(), MAX_KEYS);
        assert_eq!(identity.rotated(key(0.6), at(10), hour, day), None);
        assert_eq!(identity.signing(at(10)).unwrap().secret, key(0.1));
        let after_a_leak = identity.rotated(key(0.6), at(10), Duration::ZERO, Duration::ZERO).unwrap();
        assert_eq!(after_a_leak.keys.len(), 1);
        assert!(identity.rotated(key(0.6), at(2 * 86_400), hour, day).is_some(), "the former ones have gone by then");
    }
}
