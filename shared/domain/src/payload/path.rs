//! Paths such as `a.b[0]["name with.dots"]`, for fields of a body and of `data`.

use std::fmt;

/// The longest path, in characters.
pub const MAX_PATH_CHARS: usize = 512;
/// The most steps of one path.
pub const MAX_DEPTH: usize = 16;

/// One step into a value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Step {
    Key(String),
    Position(usize),
}

/// Why a text is not a path; fit to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPath {
    #[error("expected a path such as a.b[0].c, with names that hold anything else quoted, such as [\"a.b\"]")]
    Form,
    #[error("expected a path of 1 to {MAX_PATH_CHARS} characters")]
    Length,
    #[error("expected at most {MAX_DEPTH} steps")]
    Depth,
}

/// Reads a path. A bare name may hold anything but `.`, `[`, `]`, `"` and
/// control characters; others are written as a JSON string in brackets.
pub(crate) fn parse(text: &str) -> Result<Vec<Step>, InvalidPath> {
    if text.is_empty() || text.chars().count() > MAX_PATH_CHARS {
        return Err(InvalidPath::Length);
    }
    let mut steps = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        if steps.len() == MAX_DEPTH {
            return Err(InvalidPath::Depth);
        }
        rest = if let Some(inner) = rest.strip_prefix('[') {
            let (step, after) = bracket(inner).ok_or(InvalidPath::Form)?;
            steps.push(step);
            after
        } else {
            let named = if steps.is_empty() { rest } else { rest.strip_prefix('.').ok_or(InvalidPath::Form)? };
            let (name, after) = named.split_at(named.find(['.', '[']).unwrap_or(named.len()));
            if name.is_empty() || name.contains(|c: char| c == ']' || c == '"' || c.is_control()) {
                return Err(InvalidPath::Form);
            }
            steps.push(Step::Key(name.to_owned()));
            after
        };
    }
    Ok(steps)
}

/// What follows a `[`: a quoted name or a position, and the rest after `]`.
fn bracket(inner: &str) -> Option<(Step, &str)> {
    if inner.starts_with('"') {
        let mut names = serde_json::Deserializer::from_str(inner).into_iter::<String>();
        let name = names.next()?.ok()?;
        let after = inner.get(names.byte_offset()..)?;
        return Some((Step::Key(name), after.strip_prefix(']')?));
    }
    let (digits, after) = inner.split_once(']')?;
    let canonical = digits == "0" || !digits.starts_with('0');
    // Six digits are more positions than any `data` has room for.
    if !canonical || digits.is_empty() || digits.len() > 6 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    Some((Step::Position(digits.parse().ok()?), after))
}

/// Steps as a path again, in its shortest form.
pub(crate) struct Shown<'a>(pub(crate) &'a [Step]);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, step) in self.0.iter().enumerate() {
            match step {
                Step::Position(at) => write!(f, "[{at}]")?,
                Step::Key(name)
                    if name.is_empty() || name.contains(|c: char| ".[]\"".contains(c) || c.is_control()) =>
                {
                    write!(f, "[{}]", serde_json::Value::from(name.as_str()))?;
                }
                Step::Key(name) if n == 0 => f.write_str(name)?,
                Step::Key(name) => write!(f, ".{name}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(text: &str) -> Step {
        Step::Key(text.to_owned())
    }

    #[test]
    fn names_positions_and_quoted_names_are_steps() {
        let steps = parse(r#"a.b-c[0][12]["x.\"y\"]"]["é"].$z q"#).unwrap();
        let expected =
            [key("a"), key("b-c"), Step::Position(0), Step::Position(12), key("x.\"y\"]"), key("é"), key("$z q")];
        assert_eq!(steps, expected);
        assert_eq!(parse(r#"["a.b"].c"#).unwrap(), [key("a.b"), key("c")]);
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            ".",
            "a.",
            ".a",
            "a..b",
            "a[",
            "a[]",
            "a[01]",
            "a[-1]",
            "a[x]",
            "a[0]b",
            "a]",
            "a\"b",
            "[\"a",
            "a[1234567]",
        ] {
            assert_eq!(parse(text), Err(InvalidPath::Form), "{text}");
        }
        assert_eq!(parse(""), Err(InvalidPath::Length));
        assert_eq!(parse(&"a".repeat(513)), Err(InvalidPath::Length));
        assert_eq!(parse(&vec!["a"; 17].join(".")), Err(InvalidPath::Depth));
    }

    proptest! {
        #[test]
        fn any_text_is_survived_and_what_parses_can_be_written_again(text in "[a\\.\\[\\]\"\\\\01é u]{0,20}|\\PC{0,30}") {
            if let Ok(steps) = parse(&text) {
                prop_assert_eq!(parse(&Shown(&steps).to_string()).unwrap(), steps);
            }
        }
    }
}
