//! The `data` of one event, read where and when a rule looks at it.

use std::borrow::Cow;
use std::cell::OnceCell;

use serde_json::value::RawValue;

use super::rule::Value;
use crate::json;

/// One value. However many rules look at it, it is read once; what no rule
/// looks at is never read.
pub(super) struct FilterNode<'a> {
    raw: &'a RawValue,
    read: OnceCell<Read<'a>>,
}

enum Read<'a> {
    /// Sorted by name.
    Object(Vec<(Cow<'a, str>, FilterNode<'a>)>),
    Array(Vec<FilterNode<'a>>),
    Leaf(Value<'a>),
    Nothing,
}

impl<'a> FilterNode<'a> {
    pub(super) fn new(raw: &'a RawValue) -> Self {
        Self { raw, read: OnceCell::new() }
    }

    /// The JSON of the value.
    pub(super) fn get(&self) -> &'a str {
        self.raw.get()
    }

    /// The elements of an array.
    pub(super) fn elements(&self) -> Option<&[Self]> {
        match self.read() {
            Read::Array(elements) => Some(elements),
            _ => None,
        }
    }

    /// The members of an object, by name; the last one where a name is repeated.
    pub(super) fn members(&self) -> Option<impl Iterator<Item = (&str, &Self)>> {
        let Read::Object(members) = self.read() else { return None };
        let is_last = |n: usize| members.get(n + 1).is_none_or(|next| next.0 != members[n].0);
        let all = members.iter().enumerate();
        Some(all.filter(move |(n, _)| is_last(*n)).map(|(_, (name, value))| (name.as_ref(), value)))
    }

    /// What an object holds by this name.
    pub(super) fn member(&self, name: &str) -> Option<&Self> {
        let Read::Object(members) = self.read() else { return None };
        let (last, value) = members[..members.partition_point(|(other, _)| other.as_ref() <= name)].last()?;
        (last == name).then_some(value)
    }

    /// The value itself, when it is neither object nor array.
    pub(super) fn leaf(&self) -> Option<&Value<'a>> {
        match self.read() {
            Read::Leaf(value) => Some(value),
            _ => None,
        }
    }

    fn read(&self) -> &Read<'a> {
        self.read.get_or_init(|| {
            if let Some(members) = json::members(self.raw) {
                let mut members: Vec<_> = members.into_iter().map(|(name, value)| (name, Self::new(value))).collect();
                members.sort_by(|one, two| one.0.cmp(&two.0));
                return Read::Object(members);
            }
            if let Some(elements) = json::elements(self.raw) {
                return Read::Array(elements.into_iter().map(Self::new).collect());
            }
            Value::read(self.raw).map_or(Read::Nothing, Read::Leaf)
        })
    }
}
