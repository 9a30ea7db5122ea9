use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{EventSeq, HookId, InvalidId, Text, parse_ulid};

/// One event for one hook. Derived from both, so every copy of a delivery has
/// the same id, and so the id alone finds its row.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeliveryId {
    pub event: EventSeq,
    pub hook: HookId,
}

impl FromStr for DeliveryId {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        text.strip_prefix("dlv_")
            .filter(|rest| rest.len() == 2 * ulid::ULID_LEN && rest.is_ascii())
            .map(|rest| rest.split_at(ulid::ULID_LEN))
            .and_then(|(event, hook)| {
                Some(Self { event: EventSeq(parse_ulid(event)?), hook: HookId(parse_ulid(hook)?) })
            })
            .ok_or_else(|| InvalidId("expected a delivery id such as dlv_01J…".to_owned()))
    }
}

impl Serialize for DeliveryId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

reads_text!(DeliveryId);

impl fmt::Display for DeliveryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("dlv_")?;
        let mut text = [0_u8; ulid::ULID_LEN];
        f.write_str(self.event.0.array_to_str(&mut text))?;
        f.write_str(self.hook.0.array_to_str(&mut text))
    }
}

impl fmt::Debug for DeliveryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
