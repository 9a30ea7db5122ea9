//! What regular expressions mean elsewhere. JSON Schema asks for those of
//! ECMA-262; Ajv uses them with the flag `u`, Python its module `re`.

use std::iter::Peekable;
use std::str::Chars;

const SHORTHAND: &str =
    r"uses \d, \w or \s, which are those of ECMA-262 here and in Ajv; in Python they match more of Unicode";
const BOUNDARY: &str = r"uses \b or \B, which know ASCII letters only in Ajv, and all of Unicode here and in Python";
const DOT: &str = "uses a dot, which here and in Python matches U+2028, U+2029 and a carriage return, and not in Ajv";
const END: &str = "ends with $, which in Python matches before a final line feed as well";
const NOT_PYTHON: &str = "uses what Python's re refuses";
const NOT_AJV: &str = "uses what Ajv refuses";

/// Each once, in the order in which they are met.
pub(super) fn warnings(pattern: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut note = |message: String| {
        if !found.contains(&message) {
            found.push(message);
        }
    };
    let mut chars = pattern.chars().peekable();
    let mut in_class = false;
    while let Some(char) = chars.next() {
        match char {
            '\\' => escape(&mut chars, in_class).into_iter().for_each(&mut note),
            '[' if in_class => note(format!("{NOT_AJV}: [ within a class, write \\[")),
            '[' => {
                in_class = true;
                chars.next_if_eq(&'^');
                if chars.peek() == Some(&']') {
                    note(format!("{NOT_PYTHON}, or reads otherwise: an empty class"));
                }
            }
            ']' if in_class => in_class = false,
            _ if in_class => {}
            ']' => note(format!("{NOT_AJV}: a bare ], write \\]")),
            '}' => note(format!("{NOT_AJV}: a bare }}, write \\}}")),
            '{' => {
                let inner: String = std::iter::from_fn(|| chars.next_if(|char| *char != '}')).collect();
                let closed = chars.next_if_eq(&'}').is_some();
                let is_repetition = inner.starts_with(|char: char| char.is_ascii_digit())
                    && inner.chars().all(|char| char.is_ascii_digit() || char == ',');
                if !closed || !is_repetition {
                    note(format!("{NOT_AJV}: a bare {{, write \\{{"));
                }
            }
            '.' => note(DOT.to_owned()),
            '$' => note(END.to_owned()),
            '(' if chars.next_if_eq(&'?').is_some() => {
                group(&mut chars).into_iter().for_each(&mut note);
            }
            '*' | '+' | '?' if chars.next_if_eq(&'+').is_some() => {
                note(format!("{NOT_AJV}: a possessive quantifier"));
            }
            _ => {}
        }
    }
    found
}

fn group(chars: &mut Peekable<Chars<'_>>) -> Option<String> {
    match chars.next()? {
        ':' | '=' | '!' => None,
        '<' if !matches!(chars.peek(), Some('=' | '!')) => {
            Some(format!("{NOT_PYTHON}: a group named (?<name>), which is (?P<name>) there"))
        }
        '<' => None,
        'P' => Some(format!("{NOT_AJV}: a group named (?P<name>), which is (?<name>) there")),
        other => Some(format!("{NOT_AJV}: a group that begins with (?{other}")),
    }
}

fn escape(chars: &mut Peekable<Chars<'_>>, in_class: bool) -> Option<String> {
    let char = chars.next()?;
    match char {
        'd' | 'D' | 'w' | 'W' | 's' | 'S' => Some(SHORTHAND.to_owned()),
        'b' | 'B' if !in_class => Some(BOUNDARY.to_owned()),
        'p' | 'P' | 'c' => Some(format!("{NOT_PYTHON}: \\{char}")),
        'u' if chars.peek() == Some(&'{') => Some(format!("{NOT_PYTHON}: \\u{{…}}")),
        'x' if chars.peek() == Some(&'{') => Some(format!("{NOT_PYTHON} and Ajv: \\x{{…}}")),
        'A' | 'Z' | 'z' | 'a' | 'U' => Some(format!("{NOT_AJV}: \\{char}")),
        '-' if in_class => None,
        '^' | '$' | '\\' | '.' | '*' | '+' | '?' | '(' | ')' | '[' | ']' | '{' | '}' | '|' | '/' => None,
        'f' | 'n' | 'r' | 't' | 'v' | 'x' | 'u' | 'b' | '0'..='9' => None,
        other => Some(format!("{NOT_AJV}: \\{other}")),
    }
}
