//! A body as `application/x-www-form-urlencoded`, for forms and for the query
//! of a GET.

use std::borrow::Cow;

use serde_json::value::RawValue;
use url::form_urlencoded::byte_serialize;

use crate::json::{self, Kind};

/// The most pairs that nested values are flattened into. PHP reads a thousand
/// by default (`max_input_vars`).
const MAX_PAIRS: usize = 1000;
/// The deepest flattening, and the longest name it makes, in bytes. Each pair
/// repeats its whole name, so these bound the size of the form.
const MAX_DEPTH: usize = 16;
const MAX_NAME_BYTES: usize = 512;

/// The members of an object as pairs. Nested values are flattened as
/// `a[b]=c` and `a[0]=x`; strings are decoded, numbers keep their digits,
/// booleans are `true` and `false`, null and empty objects and arrays are
/// empty. What is no object is called `data`. A nested value that is too deep
/// or too large to be flattened is one pair with its JSON, so nothing is lost.
pub fn form(json_body: &[u8]) -> Vec<u8> {
    let mut form = Form { out: String::with_capacity(json_body.len() * 2), room: MAX_PAIRS };
    match serde_json::from_slice::<&RawValue>(json_body) {
        Err(_) => form.pair("data", json_body),
        Ok(root) => match json::members(root) {
            Some(members) => {
                for (name, value) in members {
                    form.value(&name, value, 1);
                }
            }
            None => form.value("data", root, 1),
        },
    }
    form.out.into_bytes()
}

struct Form {
    out: String,
    /// How many more pairs flattening may make.
    room: usize,
}

impl Form {
    fn value(&mut self, name: &str, value: &RawValue, depth: usize) {
        let text = value.get();
        match json::kind(value) {
            Kind::Null => self.pair(name, b""),
            Kind::Bool | Kind::Number => self.pair(name, text.as_bytes()),
            Kind::String => match json::text(value) {
                Some(decoded) => self.pair(name, decoded.as_bytes()),
                None => self.pair(name, text.as_bytes()),
            },
            Kind::Object | Kind::Array => self.nested(name, value, depth),
        }
    }

    fn nested(&mut self, name: &str, value: &RawValue, depth: usize) {
        match self.children(name, value, depth) {
            None => self.pair(name, value.get().as_bytes()),
            Some(children) if children.is_empty() => self.pair(name, b""),
            Some(children) => {
                self.room -= children.len();
                for (name, value) in children {
                    self.value(&name, value, depth + 1);
                }
            }
        }
    }

    /// The values in an object or array with their names, or none when they
    /// are too many, too deep, or their names too long.
    fn children<'a>(&self, name: &str, value: &'a RawValue, depth: usize) -> Option<Vec<(String, &'a RawValue)>> {
        if depth > MAX_DEPTH {
            return None;
        }
        let keyed: Vec<(Cow<'a, str>, &RawValue)> = match json::members(value) {
            Some(members) => members,
            None => {
                let elements = json::elements(value)?;
                elements.into_iter().enumerate().map(|(n, value)| (Cow::from(n.to_string()), value)).collect()
            }
        };
        let fits = |key: &str| name.len() + key.len() + 2 <= MAX_NAME_BYTES;
        if keyed.len() > self.room || !keyed.iter().all(|(key, _)| fits(key)) {
            return None;
        }
        Some(keyed.into_iter().map(|(key, value)| (format!("{name}[{key}]"), value)).collect())
    }

    fn pair(&mut self, name: &str, value: &[u8]) {
        if !self.out.is_empty() {
            self.out.push('&');
        }
        self.out.extend(byte_serialize(name.as_bytes()));
        self.out.push('=');
        self.out.extend(byte_serialize(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pairs(json: &str) -> Vec<(String, String)> {
        url::form_urlencoded::parse(&form(json.as_bytes())).into_owned().collect()
    }

    fn expected(of: &[(&str, &str)]) -> Vec<(String, String)> {
        of.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn each_kind_of_value_has_its_form() {
        let json = r#"{"s":"a b&\u00e9","n":1.10,"big":1e400,"t":true,"f":false,"z":null,"o":{},"l":[]}"#;
        let of = [("s", "a b&é"), ("n", "1.10"), ("big", "1e400"), ("t", "true"), ("f", "false")];
        assert_eq!(pairs(json), expected(&[&of[..], &[("z", ""), ("o", ""), ("l", "")]].concat()));
        assert_eq!(form(br#"{"a b":"x y"}"#), b"a+b=x+y");
    }

    #[test]
    fn nested_values_are_flattened_in_order() {
        let json = r#"{"a":{"b":"c","d":[1,{"e":null}]},"f":2}"#;
        assert_eq!(pairs(json), expected(&[("a[b]", "c"), ("a[d][0]", "1"), ("a[d][1][e]", ""), ("f", "2")]));
    }

    #[test]
    fn what_is_no_object_is_called_data() {
        assert_eq!(pairs(r#""x""#), expected(&[("data", "x")]));
        assert_eq!(pairs(r#"[1,{"a":2}]"#), expected(&[("data[0]", "1"), ("data[1][a]", "2")]));
        assert_eq!(pairs("no json"), expected(&[("data", "no json")]));
        assert_eq!(pairs(""), expected(&[("data", "")]));
    }

    #[test]
    fn what_is_too_large_or_deep_to_flatten_is_sent_as_json() {
        let many = format!("[{}1]", "1,".repeat(1000));
        assert_eq!(pairs(&format!(r#"{{"a":{many},"b":[1]}}"#)), expected(&[("a", &many), ("b[0]", "1")]));
        let long = format!(r#"{{"{}":1}}"#, "k".repeat(600));
        assert_eq!(pairs(&format!(r#"{{"a":{long}}}"#)), expected(&[("a", &long)]));
        let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(pairs(&deep).len(), 1);
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            form(&bytes);
        }

        #[test]
        fn any_json_becomes_readable_pairs(text in r#"\{"[ab&=\[]{0,3}":(\[\{"x":"\\\\ud800","y":-0\}(,1e9){0,3}\]|"\PC{0,5}")\}"#) {
            for byte in form(text.as_bytes()) {
                prop_assert!(byte.is_ascii_alphanumeric() || b"+%&=*-._".contains(&byte));
            }
        }
    }
}
