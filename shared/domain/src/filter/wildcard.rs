//! Patterns with `*`, matched in time that is linear in the text.

/// The literal parts between the stars. A text matches when it begins with the
/// first, ends with the last, and has the others between them in order; taking
/// the leftmost place for each is always right, so nothing is tried twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wildcard {
    parts: Vec<String>,
}

impl Wildcard {
    /// `*` is any text; `\*` and `\\` are the characters themselves.
    pub(super) fn parse(pattern: &str) -> Result<Self, &'static str> {
        let mut parts = vec![String::new()];
        let mut after_star = false;
        let mut chars = pattern.chars();
        while let Some(c) = chars.next() {
            let literal = match c {
                '*' if after_star => return Err("expected no two wildcards * beside each other"),
                '*' => {
                    parts.push(String::new());
                    after_star = true;
                    continue;
                }
                '\\' => match chars.next() {
                    Some(escaped @ ('*' | '\\')) => escaped,
                    _ => return Err("expected a backslash only before * or another backslash"),
                },
                other => other,
            };
            after_star = false;
            if let Some(part) = parts.last_mut() {
                part.push(literal);
            }
        }
        Ok(Self { parts })
    }

    pub(super) fn matches(&self, text: &str) -> bool {
        let [first, middle @ .., last] = self.parts.as_slice() else {
            return self.parts.first().is_some_and(|only| only == text);
        };
        let Some(mut rest) = text.strip_prefix(first.as_str()).and_then(|rest| rest.strip_suffix(last.as_str())) else {
            return false;
        };
        for part in middle {
            match rest.find(part.as_str()) {
                Some(at) => rest = &rest[at + part.len()..],
                None => return false,
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn matches(pattern: &str, text: &str) -> bool {
        Wildcard::parse(pattern).unwrap().matches(text)
    }

    #[test]
    fn a_star_is_any_text_even_none() {
        for (pattern, text) in [
            ("*.png", ".png"),
            ("dir/*.png", "dir/a/b.png"),
            ("*/lib/*", "/usr/lib/x"),
            ("*", ""),
            ("a", "a"),
            ("a*b*c", "a-b-b-c"),
        ] {
            assert!(matches(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [("ab*ba", "aba"), ("*.png", "a.pngx"), ("a", "b"), ("a*b*c", "acb"), ("", "x")] {
            assert!(!matches(pattern, text), "{pattern} {text}");
        }
    }

    #[test]
    fn escapes_are_literal_and_nothing_else_is_escaped() {
        assert!(matches(r"a\*b", "a*b") && !matches(r"a\*b", "axb"));
        assert!(matches(r"a\\*", r"a\b"));
        assert!(matches(r"*\**", "a*b"));
        for pattern in [r"a\b", r"a\", "a**b"] {
            assert!(Wildcard::parse(pattern).is_err(), "{pattern}");
        }
    }

    #[test]
    fn a_hostile_pattern_takes_linear_time() {
        let pattern = format!("{}b", "*a".repeat(1000));
        let text = "a".repeat(256 * 1024);
        let started = std::time::Instant::now();
        assert!(!matches(&pattern, &text));
        assert!(started.elapsed() < std::time::Duration::from_secs(1));
    }

    /// What `*` means, in the fewest words and exponential time.
    fn obviously(pattern: &[char], text: &[char]) -> bool {
        match pattern.split_first() {
            None => text.is_empty(),
            Some(('*', rest)) => (0..=text.len()).any(|at| obviously(rest, &text[at..])),
            Some((c, rest)) => text.first() == Some(c) && obviously(rest, &text[1..]),
        }
    }

    proptest! {
        #[test]
        fn matching_means_what_a_star_means(pattern in "[ab*]{0,8}", text in "[ab]{0,10}") {
            if let Ok(wildcard) = Wildcard::parse(&pattern) {
                let (p, t): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
                prop_assert_eq!(wildcard.matches(&text), obviously(&p, &t));
            }
        }

        #[test]
        fn any_pattern_is_survived(pattern in "\\PC{0,20}", text in "\\PC{0,20}") {
            if let Ok(wildcard) = Wildcard::parse(&pattern) {
                wildcard.matches(&text);
            }
        }
    }
}
