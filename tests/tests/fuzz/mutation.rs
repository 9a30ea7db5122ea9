//! Inputs that are almost right: changed as bytes, which breaks the syntax, or as
//! JSON, which keeps it and breaks the meaning.

use arbtest::arbitrary::{Result, Unstructured};
use serde_json::{Map, Value, json};

/// More is a test of the allocator.
const MAX_BYTES: usize = 64 * 1024;

/// What parsers stumble over, to be put anywhere.
const TOKENS: &[&[u8]] = &[
    b"null",
    b"true",
    b"-0",
    b"1e999",
    b"18446744073709551616",
    b"0.1",
    b"\"\"",
    b"[]",
    b"{}",
    b"[",
    b"{",
    b"}",
    b"]",
    b",",
    b":",
    b"\\u0000",
    b"\\ud800",
    b"\\",
    b"\"",
    b"\xff\xfe",
    b"\xef\xbf\xbe",
    b"\0",
    b"\r\n",
    b" ",
    b"%",
    b"%00",
    b"*",
    b"..",
    b"$or",
    b"exists",
    b"wildcard",
    b"[0]",
    b"[4294967296]",
    b"::1",
    b"0x7f.1",
    b"@",
    b"#",
    b"://",
];

pub(crate) fn mutated(corpus: &[Vec<u8>], random: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    if random.ratio(1, 16)? {
        return Ok(random.bytes(random.len())?.to_vec());
    }
    let mut bytes = random.choose(corpus)?.clone();
    for _ in 0..random.int_in_range(1..=8)? {
        if random.ratio(1, 2)? {
            as_json(&mut bytes, random)?;
            continue;
        }
        let (from, to) = range(&bytes, random)?;
        match random.int_in_range(0..=7)? {
            0 => drop(bytes.drain(from..to)),
            1 => drop(bytes.splice(from..to, random.choose(TOKENS)?.iter().copied())),
            2 => drop(bytes.splice(from..from, random.choose(TOKENS)?.iter().copied())),
            3 => bytes.iter_mut().skip(from).take(1).for_each(|byte| *byte ^= 1 << (to % 8)),
            4 => {
                let other = random.choose(corpus)?;
                let (start, end) = range(other, random)?;
                drop(bytes.splice(from..to, other[start..end].iter().copied()));
            }
            5 => {
                let piece = bytes[from..to].repeat(random.int_in_range(1..=64)?);
                drop(bytes.splice(from..from, piece));
            }
            6 => {
                let number = random.choose(&["-1", "0", "1", "65536", "4294967296", "1e308", "0.0001"])?;
                drop(bytes.splice(number_at(&bytes, from), number.bytes()));
            }
            _ => drop(bytes.splice(from..from, random.arbitrary::<[u8; 4]>()?)),
        }
        bytes.truncate(MAX_BYTES);
    }
    Ok(bytes)
}

/// Ends mostly at the bounds of words, as what is worth replacing does.
fn range(bytes: &[u8], random: &mut Unstructured<'_>) -> Result<(usize, usize)> {
    let from = random.int_in_range(0..=bytes.len())?;
    let to = random.int_in_range(from..=bytes.len().min(from + 64))?;
    if random.ratio(1, 4)? {
        return Ok((from, to));
    }
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-.".contains(byte);
    let start = from - bytes[..from].iter().rev().take_while(|byte| is_word(byte)).count();
    Ok((start, to + bytes[to..].iter().take_while(|byte| is_word(byte)).count()))
}

/// The next number behind `from`, or nothing at the end.
fn number_at(bytes: &[u8], from: usize) -> std::ops::Range<usize> {
    let is_digit = |byte: &u8| byte.is_ascii_digit();
    let start = bytes[from..].iter().position(is_digit).map_or(bytes.len(), |skipped| from + skipped);
    start..start + bytes[start..].iter().take_while(|byte| is_digit(byte)).count()
}

/// Changes one value of the JSON that begins at the first brace, if there is any.
fn as_json(bytes: &mut Vec<u8>, random: &mut Unstructured<'_>) -> Result<()> {
    let Some(start) = bytes.iter().position(|byte| b"{[".contains(byte)) else { return Ok(()) };
    let Ok(mut whole) = serde_json::from_slice::<Value>(&bytes[start..]) else { return Ok(()) };
    let other = whole.clone();
    let mut place = &mut whole;
    // Goes down as far as chance will have it.
    while random.ratio(3, 4)? {
        let count = place.as_array().map(Vec::len).or(place.as_object().map(Map::len)).unwrap_or(0);
        if count == 0 {
            break;
        }
        let index = random.choose_index(count)?;
        place = match place {
            Value::Array(items) => &mut items[index],
            Value::Object(fields) => fields.iter_mut().nth(index).expect("it has as many").1,
            _ => break,
        };
    }
    match (random.int_in_range(0..=5)?, &mut *place) {
        (0, Value::Array(items)) => *items = vec![items.clone(); random.int_in_range(0..=64)?].concat(),
        (1, Value::Object(fields)) => {
            let name = fields.keys().nth(random.choose_index(fields.len().max(1))?).cloned().unwrap_or_default();
            fields.remove(&name);
        }
        (2, Value::Object(fields)) => drop(fields.insert(string(random)?, value(random)?)),
        (3, _) => *place = other,
        (4, Value::String(text)) => text.push_str(&string(random)?),
        _ => *place = value(random)?,
    }
    let text = whole.to_string();
    if text.len() <= MAX_BYTES {
        bytes.splice(start.., text.bytes());
    }
    Ok(())
}

fn value(random: &mut Unstructured<'_>) -> Result<Value> {
    Ok(match random.int_in_range(0..=8)? {
        0 => Value::Null,
        1 => random.arbitrary::<bool>()?.into(),
        2 => random.arbitrary::<i64>()?.into(),
        3 => json!(random.choose(&[-1.0, 0.0, 0.5, 1.0, 1e6, 1e18, 1e308])?),
        4 => Value::Array(Vec::new()),
        5 => json!({ string(random)?: string(random)? }),
        6 => (0..random.int_in_range(1..=150)?).fold(Value::Null, |inner, _| json!([inner])),
        _ => string(random)?.into(),
    })
}

fn string(random: &mut Unstructured<'_>) -> Result<String> {
    Ok(match random.int_in_range(0..=4)? {
        0 => String::new(),
        1 => random.arbitrary::<&str>()?.chars().take(40).collect(),
        2 => "x".repeat(*random.choose(&[64, 65, 128, 129, 200, 256, 2_048, 4_097, 20_000])?),
        3 => "é\u{0}\u{1f600}".repeat(random.int_in_range(1..=40)?),
        _ => String::from_utf8_lossy(random.choose(TOKENS)?).into_owned(),
    })
}
