//! Changes at one place of a JSON text. All else stays as it was written.

use serde_json::value::RawValue;

use crate::json::{elements, members};

/// A step from a value into one of its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Name(String),
    Index(usize),
}

pub(super) enum Edit<'a> {
    /// In the place of what is there, or where nothing is.
    Put(&'a str),
    Remove,
    /// Of a name that is there several times, only the first is left.
    KeepFirst,
}

/// None where the text has no such place.
pub(super) fn edit(json: &RawValue, place: &[Step], change: &Edit<'_>) -> Option<Box<RawValue>> {
    RawValue::from_string(rewrite(json, place, change)?).ok()
}

fn rewrite(json: &RawValue, place: &[Step], change: &Edit<'_>) -> Option<String> {
    let (step, rest) = place.split_first()?;
    match step {
        Step::Index(index) => {
            let items = elements(json)?;
            let mut parts = Vec::with_capacity(items.len());
            for (n, item) in items.iter().enumerate() {
                match (n == *index, rest.is_empty()) {
                    (true, false) => parts.push(rewrite(item, rest, change)?),
                    (true, true) => parts.extend(put(change)),
                    (false, _) => parts.push(item.get().to_owned()),
                }
            }
            (*index < items.len()).then(|| format!("[{}]", parts.join(",")))
        }
        Step::Name(name) => {
            let (mut parts, mut is_there) = (Vec::new(), false);
            for (key, value) in members(json)? {
                let member = match (key == *name, rest.is_empty()) {
                    (true, _) if is_there => None,
                    (true, false) => Some(rewrite(value, rest, change)?),
                    (true, true) if matches!(change, Edit::KeepFirst) => Some(value.get().to_owned()),
                    (true, true) => put(change),
                    (false, _) => Some(value.get().to_owned()),
                };
                is_there |= key == *name;
                parts.extend(member.map(|value| format!("{}:{value}", serde_json::Value::from(key))));
            }
            if !is_there {
                let new = put(change).filter(|_| rest.is_empty())?;
                parts.push(format!("{}:{new}", serde_json::Value::from(name.as_str())));
            }
            Some(format!("{{{}}}", parts.join(",")))
        }
    }
}

fn put(change: &Edit<'_>) -> Option<String> {
    match change {
        Edit::Put(json) => Some((*json).to_owned()),
        Edit::Remove | Edit::KeepFirst => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_place_changes_and_all_else_keeps_its_bytes() {
        let json = RawValue::from_string(r#"{"a":{"b":[1.50, {"c":2}]},"d":null,"a":3}"#.to_owned()).unwrap();
        let name = |name: &str| Step::Name(name.to_owned());
        let at = |place: &[Step], change: Edit<'_>| edit(&json, place, &change).map(|json| json.get().to_owned());
        let deep = [name("a"), name("b"), Step::Index(1), name("c")];
        assert_eq!(at(&deep, Edit::Put("[]")).unwrap(), r#"{"a":{"b":[1.50,{"c":[]}]},"d":null}"#);
        assert_eq!(at(&deep[..3], Edit::Remove).unwrap(), r#"{"a":{"b":[1.50]},"d":null}"#);
        assert_eq!(
            at(&[name("e")], Edit::Put("0")).unwrap(),
            format!("{},\"e\":0}}", json.get().trim_end_matches('}'))
        );
        assert_eq!(at(&[name("a")], Edit::KeepFirst).unwrap(), r#"{"a":{"b":[1.50, {"c":2}]},"d":null}"#);
        for nowhere in [&[][..], &[Step::Index(0)], &[name("d"), name("x")], &[name("x"), name("y")]] {
            assert_eq!(at(nowhere, Edit::Put("1")), None);
        }
    }
}
