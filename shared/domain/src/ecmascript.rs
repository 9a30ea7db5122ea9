//! JSON as ECMAScript writes it: the bytes of `JSON.stringify(JSON.parse(text))`
//! (<https://tc39.es/ecma262/#sec-json.stringify>), for receivers that check a
//! signature over the body that they parsed and wrote again.
//!
//! One pass writes every token in its new form. Only where an object has keys
//! twice, or keys that are array indices out of their order, a second pass puts
//! members in their places, so the time is linear in the text however it is nested.

use std::collections::HashMap;
use std::ops::Range;

/// Objects of up to so many members compare their keys one by one.
const FEW: usize = 16;
/// Decimals of so many digits are what a double next to them is written as.
const EXACT_DIGITS: usize = 15;

/// Appends to `out` what ECMAScript makes of `json`, which has to be valid. At
/// most it grows as `1e20` does, whose five bytes in a list become 22.
pub fn rewrite(json: &str, out: &mut Vec<u8>) {
    let from = out.len();
    out.reserve(json.len());
    let mut writer = Writer { out, frames: Vec::new(), members: Vec::new(), unordered: Vec::new() };
    writer.write(json);
    let mut unordered = writer.unordered;
    if unordered.is_empty() {
        return;
    }
    unordered.sort_unstable_by_key(|object| object.place.start);
    let written = out.split_off(from);
    put_in_order(&written, from, &unordered, out);
}

struct Writer<'a> {
    out: &'a mut Vec<u8>,
    frames: Vec<Frame>,
    /// Of all objects that are open, the outermost first.
    members: Vec<Member>,
    unordered: Vec<Unordered>,
}

/// An object or an array that is open.
enum Frame {
    Array,
    Object { start: usize, first_member: usize, expects_key: bool, has_digits: bool },
}

/// Where a member was written: its key, quoted, and all of it.
struct Member {
    key: Range<usize>,
    end: usize,
}

/// An object whose members have to change places.
struct Unordered {
    place: Range<usize>,
    members: Vec<Range<usize>>,
}

impl Writer<'_> {
    fn write(&mut self, json: &str) {
        let bytes = json.as_bytes();
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            match byte {
                b' ' | b'\t' | b'\n' | b'\r' => at += 1,
                b'"' => at = self.string(json, at),
                b'-' | b'0'..=b'9' => {
                    let is_part = |byte: &u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
                    let len = bytes[at..].iter().take_while(|byte| is_part(byte)).count();
                    number(&json[at..at + len], self.out);
                    at += len;
                }
                _ => {
                    self.structural(byte);
                    at += 1;
                }
            }
        }
    }

    /// Brackets, commas and colons; the letters of `true`, `false` and `null` are
    /// copied as well.
    fn structural(&mut self, byte: u8) {
        match byte {
            b'{' => {
                let (start, first_member) = (self.out.len(), self.members.len());
                self.frames.push(Frame::Object { start, first_member, expects_key: true, has_digits: false });
            }
            b'[' => self.frames.push(Frame::Array),
            b',' => {
                self.end_member();
                if let Some(Frame::Object { expects_key, .. }) = self.frames.last_mut() {
                    *expects_key = true;
                }
            }
            b'}' => self.end_member(),
            _ => {}
        }
        self.out.push(byte);
        match (byte, self.frames.last()) {
            (b'}', Some(&Frame::Object { start, first_member, has_digits, .. })) => {
                let place = start..self.out.len();
                let members = &self.members[first_member..];
                if let Some(members) = order(self.out, members, has_digits) {
                    self.unordered.push(Unordered { place, members });
                }
                self.members.truncate(first_member);
                self.frames.pop();
            }
            (b']', _) => {
                self.frames.pop();
            }
            _ => {}
        }
    }

    fn end_member(&mut self) {
        if let Some(Frame::Object { first_member, .. }) = self.frames.last()
            && let Some(last) = self.members[*first_member..].last_mut()
        {
            last.end = self.out.len();
        }
    }

    /// Writes the string that begins at `at`, and tells where it ends.
    fn string(&mut self, json: &str, at: usize) -> usize {
        let start = self.out.len();
        let end = string(json, at, self.out);
        if let Some(Frame::Object { expects_key, has_digits, .. }) = self.frames.last_mut()
            && *expects_key
        {
            *expects_key = false;
            *has_digits |= self.out.get(start + 1).is_some_and(u8::is_ascii_digit);
            let key = start..self.out.len();
            self.members.push(Member { end: key.end, key });
        }
        end
    }
}

/// Writes the string that begins with the quote at `at` with as few escapes as
/// ECMAScript does, and tells where it ends.
fn string(json: &str, at: usize, out: &mut Vec<u8>) -> usize {
    let bytes = json.as_bytes();
    out.push(b'"');
    let mut at = at + 1;
    loop {
        let plain = bytes[at..].iter().take_while(|byte| !matches!(byte, b'"' | b'\\')).count();
        out.extend_from_slice(&bytes[at..at + plain]);
        at += plain;
        match (bytes.get(at), bytes.get(at + 1)) {
            (Some(b'\\'), Some(b'u')) => {
                let unit = unit(json, at);
                at += 6;
                let pair = match unit {
                    0xd800..0xdc00 if bytes[at..].starts_with(b"\\u") => [unit, self::unit(json, at)],
                    _ => [unit, 0],
                };
                match char::decode_utf16(pair).next() {
                    Some(Ok(char)) => {
                        at += if char.len_utf16() == 2 { 6 } else { 0 };
                        character(char, out);
                    }
                    // Half of a surrogate pair stays an escape.
                    _ => escaped(unit, out),
                }
            }
            (Some(b'\\'), Some(b'/')) => {
                out.push(b'/');
                at += 2;
            }
            // The short escapes are what ECMAScript writes as well.
            (Some(b'\\'), Some(&short)) => {
                out.extend_from_slice(&[b'\\', short]);
                at += 2;
            }
            _ => {
                out.push(b'"');
                return at + 1;
            }
        }
    }
}

/// The code unit of the escape `\uXXXX` at `at`.
fn unit(json: &str, at: usize) -> u16 {
    json.get(at + 2..at + 6).and_then(|hex| u16::from_str_radix(hex, 16).ok()).unwrap_or_default()
}

fn character(char: char, out: &mut Vec<u8>) {
    match char {
        '"' => out.extend_from_slice(b"\\\""),
        '\\' => out.extend_from_slice(b"\\\\"),
        '\u{8}' => out.extend_from_slice(b"\\b"),
        '\t' => out.extend_from_slice(b"\\t"),
        '\n' => out.extend_from_slice(b"\\n"),
        '\u{c}' => out.extend_from_slice(b"\\f"),
        '\r' => out.extend_from_slice(b"\\r"),
        '\0'..='\u{1f}' => escaped(u32::from(char) as u16, out),
        _ => out.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes()),
    }
}

fn escaped(unit: u16, out: &mut Vec<u8>) {
    out.extend_from_slice(format!("\\u{unit:04x}").as_bytes());
}

/// Writes a number as ECMAScript writes the double next to it; what is beyond
/// all doubles is infinite, and that is null.
fn number(text: &str, out: &mut Vec<u8>) {
    if is_written_so(text) {
        out.extend_from_slice(text.as_bytes());
        return;
    }
    let double: f64 = text.parse().unwrap_or(f64::INFINITY);
    match double.is_finite() {
        true => out.extend_from_slice(ryu_js::Buffer::new().format_finite(double).as_bytes()),
        false => out.extend_from_slice(b"null"),
    }
}

/// Whether a number certainly stays as it is written, which needs no arithmetic:
/// up to 15 digits, without an exponent, and with nothing to leave out.
fn is_written_so(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let longest = EXACT_DIGITS + usize::from(digits.contains('.'));
    if digits.len() > longest || digits.bytes().any(|byte| matches!(byte, b'e' | b'E')) {
        return false;
    }
    match digits.split_once('.') {
        None => text != "-0",
        // Below a millionth ECMAScript uses an exponent.
        Some((whole, fraction)) => !fraction.ends_with('0') && (whole != "0" || !fraction.starts_with("000000")),
    }
}

/// The members in ECMAScript's order, where that is another one: array indices
/// first, by their number; of a key that is there twice, the last value at the
/// place of the first.
fn order(written: &[u8], members: &[Member], has_digits: bool) -> Option<Vec<Range<usize>>> {
    let key = |member: &Member| &written[member.key.clone()];
    let repeated = match members.len() {
        0 | 1 => return None,
        2..=FEW => members.iter().enumerate().any(|(n, one)| members[..n].iter().any(|other| key(other) == key(one))),
        _ => {
            let mut known = HashMap::with_capacity(members.len());
            members.iter().any(|member| known.insert(key(member), ()).is_some())
        }
    };
    let index = |member: &Member| if has_digits { array_index(key(member)) } else { None };
    // None, which is no index, comes last.
    let rank = |member: &Member| index(member).map_or(u64::MAX, u64::from);
    if !repeated && members.is_sorted_by_key(rank) {
        return None;
    }
    let mut places: HashMap<&[u8], usize> = HashMap::with_capacity(members.len());
    let mut ordered: Vec<(u64, Range<usize>)> = Vec::with_capacity(members.len());
    for member in members {
        let (rank, whole) = (rank(member), member.key.start..member.end);
        match places.get(key(member)) {
            Some(place) => ordered[*place] = (rank, whole),
            None => {
                places.insert(key(member), ordered.len());
                ordered.push((rank, whole));
            }
        }
    }
    ordered.sort_by_key(|(rank, _)| *rank);
    Some(ordered.into_iter().map(|(_, member)| member).collect())
}

/// A quoted key that is an array index: up to 2^32 - 2, written as a number is.
fn array_index(quoted: &[u8]) -> Option<u32> {
    let digits = quoted.get(1..quoted.len() - 1)?;
    let is_number = digits.iter().all(u8::is_ascii_digit) && (digits == b"0" || !digits.starts_with(b"0"));
    let index: u32 = std::str::from_utf8(digits).ok().filter(|_| is_number)?.parse().ok()?;
    (index < u32::MAX).then_some(index)
}

/// Copies what was written with the members of its objects in order. `base` is
/// where the positions in `unordered` begin, which are sorted.
fn put_in_order(written: &[u8], base: usize, unordered: &[Unordered], out: &mut Vec<u8>) {
    enum Step {
        Copy(Range<usize>),
        Put(u8),
    }
    let mut steps = vec![Step::Copy(base..base + written.len())];
    while let Some(step) = steps.pop() {
        let range = match step {
            Step::Put(byte) => {
                out.push(byte);
                continue;
            }
            Step::Copy(range) => range,
        };
        let next = unordered.partition_point(|object| object.place.start < range.start);
        match unordered.get(next).filter(|object| object.place.start < range.end) {
            None => out.extend_from_slice(&written[range.start - base..range.end - base]),
            Some(Unordered { place, members }) => {
                out.extend_from_slice(&written[range.start - base..place.start - base]);
                out.push(b'{');
                steps.push(Step::Copy(place.end..range.end));
                steps.push(Step::Put(b'}'));
                for (n, member) in members.iter().enumerate().rev() {
                    steps.push(Step::Copy(member.clone()));
                    if n > 0 {
                        steps.push(Step::Put(b','));
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
