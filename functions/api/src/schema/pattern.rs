//! What a pattern costs. The engine is linear in the text, times the states of
//! the pattern, and `[ab]{500}` has five hundred.

use std::iter::Peekable;
use std::str::Chars;

/// States that cost one step for every 32 bytes of a text: about 0.2 us.
const STATES_PER_STEP: u64 = 2;
/// About what a class of Unicode takes, such as `\\p{L}`.
const UNICODE_CLASS: u64 = 200;

pub(super) fn steps(pattern: &str) -> u64 {
    1 + states(pattern) / STATES_PER_STEP
}

/// About how many states a pattern has: its characters, as often as they are
/// repeated. What is no pattern gets any number; it is refused elsewhere.
fn states(pattern: &str) -> u64 {
    let mut chars = pattern.chars().peekable();
    // The sizes of the groups that are open, and that of the last item.
    let (mut groups, mut last) = (vec![0_u64], 0_u64);
    while let Some(char) = chars.next() {
        let size = match char {
            '(' => {
                groups.push(0);
                last = 0;
                continue;
            }
            ')' if groups.len() > 1 => groups.pop().unwrap_or(0),
            '{' => last.saturating_mul(repetitions(&mut chars).saturating_sub(1)),
            '[' => class(&mut chars),
            '\\' => escape(&mut chars),
            _ => 1,
        };
        last = if char == '{' { last.saturating_add(size) } else { size };
        if let Some(group) = groups.last_mut() {
            *group = group.saturating_add(size);
        }
    }
    groups.into_iter().fold(0, u64::saturating_add)
}

/// The larger number of `{2,5}`.
fn repetitions(chars: &mut Peekable<Chars<'_>>) -> u64 {
    let inner: String = chars.by_ref().take_while(|char| *char != '}').collect();
    inner.split(',').filter_map(|number| number.trim().parse().ok()).max().unwrap_or(1)
}

fn class(chars: &mut Peekable<Chars<'_>>) -> u64 {
    let mut size = 1;
    while let Some(char) = chars.next() {
        match char {
            ']' => break,
            '\\' => size += escape(chars) - 1,
            _ => {}
        }
    }
    size
}

fn escape(chars: &mut Peekable<Chars<'_>>) -> u64 {
    let unicode = matches!(chars.next(), Some('p' | 'P'));
    if unicode && chars.peek() == Some(&'{') {
        chars.by_ref().take_while(|char| *char != '}').for_each(drop);
    }
    if unicode { UNICODE_CLASS } else { 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repetitions_multiply_what_they_repeat() {
        for (pattern, expected) in [
            ("abc", 3),
            ("a{4}b", 5),
            ("(ab){10}", 20),
            ("((a{5}b){5}){5}c", 151),
            ("[0-9a-f]{8}-[0-9a-f]{4}", 13),
            (r"\d{2,6}", 6),
            (r"[\]x]{3}", 3),
            (r"\p{L}{2}", 400),
            ("a{99999999999999999999}", 1),
        ] {
            assert_eq!(states(pattern), expected, "{pattern}");
        }
    }
}
