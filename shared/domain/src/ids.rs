//! Typed identifiers. Those that others choose are checked here, once; those
//! that we make are ULIDs, so they sort by the time they were made.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};
use ulid::Ulid;

use crate::random::Random;
use crate::time::Timestamp;

/// Why a text is not the identifier it should be; the message is fit to show.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidId(pub String);

/// A ULID of the moment `now`.
pub fn new_ulid(now: Timestamp, random: &dyn Random) -> Ulid {
    let mut bytes = [0_u8; 16];
    random.fill(&mut bytes);
    Ulid::from_parts(millis(now), u128::from_be_bytes(bytes))
}

fn millis(time: Timestamp) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(0)
}

/// Reads what [`FromStr`] reads, without a copy of the text on the way.
struct Text<T>(PhantomData<T>);

impl<T: FromStr<Err = InvalidId>> Visitor<'_> for Text<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }
}

macro_rules! reads_text {
    ($name:ident) => {
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_str(Text(PhantomData))
            }
        }
    };
}

mod delivery_id;
mod event_seq;

pub use delivery_id::DeliveryId;
pub use event_seq::TraceId;

// The last list is of what clients and proxies take for directions in a path,
// and of what stands where the id would stand in the path of another resource.
macro_rules! chosen_id {
    ($(#[$doc:meta])* $name:ident, $what:literal, $max:literal, $extra:expr, $allowed:literal, $unnamable:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(std::sync::Arc<str>);

        impl $name {
            /// The longest allowed, in characters.
            pub const MAX_CHARS: usize = $max;

            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                let extra: &[u8] = $extra;
                let unnamable: &[&str] = $unnamable;
                if unnamable.contains(&text) {
                    return Err(InvalidId(format!(concat!("expected ", $what, " other than {}, which could not be part of a URL's path"), text)));
                }
                let fits = !text.is_empty()
                    && text.len() <= $max
                    && text.bytes().all(|b| b.is_ascii_alphanumeric() || extra.contains(&b));
                if fits {
                    Ok(Self(text.into()))
                } else {
                    Err(InvalidId(format!(
                        concat!("expected ", $what, " of 1 to {} characters from ", $allowed),
                        $max
                    )))
                }
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        reads_text!($name);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

chosen_id!(
    /// Whose hooks these are; chosen by the operator, or made.
    TenantId, "a tenant id", 64, b"_-", "a-z A-Z 0-9 _ -", &[]
);
chosen_id!(
    /// A named set of settings, such as `standard`.
    ProfileName, "a profile name", 64, b"_-", "a-z A-Z 0-9 _ -", &[]
);
chosen_id!(
    /// The publisher's name for an event; publishing it twice sends it once.
    EventId, "an event id", 128, b"_-.:", "a-z A-Z 0-9 _ - . :", &[".", "..", "batch"]
);
chosen_id!(
    /// A client's own name for a hook, unique in its tenant.
    HookUid, "a uid", 256, b"_-.", "a-z A-Z 0-9 _ - .", &[".", ".."]
);
chosen_id!(
    /// What happened, such as `post.published`.
    EventType, "an event type", 128, b"_-.", "a-z A-Z 0-9 _ - .", &[".", ".."]
);
chosen_id!(
    /// A label on events by which hooks can narrow what they get.
    Channel, "a channel", 128, b"_-.:", "a-z A-Z 0-9 _ - . :", &[]
);

/// A text that is put together of two on the stack: `N` bytes.
struct Joined<const N: usize>([u8; N]);

impl<const N: usize> Joined<N> {
    fn of(first: &str, second: &str) -> Self {
        let mut text = [0; N];
        let (start, end) = text.split_at_mut(first.len());
        start.copy_from_slice(first.as_bytes());
        end.copy_from_slice(second.as_bytes());
        Self(text)
    }

    fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("two whole texts are one")
    }
}

macro_rules! made_id {
    ($(#[$doc:meta])* $name:ident, $what:literal, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub Ulid);

        impl $name {
            pub fn new(now: Timestamp, random: &dyn Random) -> Self {
                Self(new_ulid(now, random))
            }

            fn text(&self) -> Joined<{ $prefix.len() + ulid::ULID_LEN }> {
                Joined::of($prefix, self.0.array_to_str(&mut [0; ulid::ULID_LEN]))
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                text.strip_prefix($prefix)
                    .and_then(parse_ulid)
                    .map(Self)
                    .ok_or_else(|| InvalidId(concat!("expected ", $what, " such as ", $prefix, "01J…").to_owned()))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.text().as_str())
            }
        }

        reads_text!($name);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.text().as_str())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    };
}

/// Only the one canonical spelling, so that an id has a single text form.
fn parse_ulid(text: &str) -> Option<Ulid> {
    let id = Ulid::from_string(text).ok()?;
    let mut canonical = [0_u8; ulid::ULID_LEN];
    (*id.array_to_str(&mut canonical) == *text).then_some(id)
}

made_id!(
    /// One subscription of a tenant.
    HookId, "a hook id", "hook_"
);
made_id!(
    /// One job that sends deliveries again.
    ReplayId, "a replay id", "rpl_"
);
made_id!(
    /// One job that removes the payloads of many events.
    ExpungementId, "an expungement id", "xpg_"
);
made_id!(
    /// One change that is proposed.
    PlanId, "a plan id", "plan_"
);
made_id!(
    /// One change that was made automatically.
    AdjustmentId, "the id of an adjustment", "adj_"
);
made_id!(
    /// An API key's public half.
    KeyId, "a key id", "key_"
);
made_id!(
    /// A session of somebody in a portal.
    SessionId, "a session id", "ses_"
);
made_id!(
    /// A one-time link to a portal.
    LinkId, "a link id", "lnk_"
);
made_id!(
    /// The time-ordered name an event gets once, when it is first recorded.
    /// Delivery ids and log keys derive from it, because publishers' ids need
    /// not sort by time.
    EventSeq, "an event sequence", "seq_"
);

made_id!(
    /// An entry of an audit, by when it was written.
    AuditId, "the id of an audit entry", "aud_"
);
made_id!(
    /// A row of activity, by when it was written.
    ActivityId, "the id of a row of activity", "act_"
);

impl AuditId {
    pub fn at(self) -> Timestamp {
        EventSeq(self.0).at()
    }

    /// The least that an entry of this time can be called.
    pub fn first_at(at: Timestamp) -> Self {
        Self(EventSeq::first_at(at).0)
    }
}

impl ActivityId {
    pub const MIN: Self = Self(Ulid(0));
    pub const MAX: Self = Self(Ulid(u128::MAX));

    pub fn at(self) -> Timestamp {
        EventSeq(self.0).at()
    }

    /// The least that a row of this time can be called.
    pub fn first_at(at: Timestamp) -> Self {
        Self(EventSeq::first_at(at).0)
    }

    /// The name right before it and the one right behind it; none at an end.
    pub fn before(self) -> Option<Self> {
        self.0.0.checked_sub(1).map(Ulid).map(Self)
    }

    pub fn behind(self) -> Option<Self> {
        self.0.0.checked_add(1).map(Ulid).map(Self)
    }
}

impl TenantId {
    /// The tenant that a request with this idempotency key makes, however often it is sent.
    pub fn of_request(key: &str) -> Self {
        let made = Ulid(first_half_of_hash(&["tenant", key]));
        Self(format!("tenant_{made}").into())
    }
}

impl EventId {
    /// The event that a request with this idempotency key publishes, however often it is sent.
    pub fn of_request(key: &str) -> Self {
        Self(format!("evt_{}", Ulid(first_half_of_hash(&["event", key]))).into())
    }
}

impl HookId {
    /// The hook that a request of `asker` with this idempotency key makes, however often it is sent. Who
    /// asks is part of it, because the answer has the hook's secret.
    pub fn of_request(tenant: &TenantId, asker: &str, key: &str) -> Self {
        Self(Ulid(first_half_of_hash(&["hook", tenant.as_str(), asker, key])))
    }
}

fn first_half_of_hash(parts: &[&str]) -> u128 {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let hash: [u8; 32] = hash.finalize().into();
    hash.first_chunk::<16>().map_or(0, |bytes| u128::from_be_bytes(*bytes))
}

#[cfg(test)]
mod tests;
