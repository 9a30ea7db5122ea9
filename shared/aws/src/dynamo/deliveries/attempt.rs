//! An attempt as attributes: of its own item, or within the delivery's.

use super::super::item::Item;
use contract::ports::{StoreError, StoreResult};
use domain::delivery::{Attempt, Revision};
use domain::ids::EventSeq;
use domain::time::Timestamp;
use domain::unknown::Unknown;

/// The attributes of an attempt, besides those of any row.
const ATTEMPT: [&str; 15] = ["n", "t", "d", "u", "c", "o", "f", "a", "b", "v", "h", "m", "q", "k", "g"];

/// Ten digits hold every number and sort as numbers do.
pub(super) fn attempt_key(number: u32) -> String {
    format!("{number:010}")
}

pub(super) fn attempt_row(attempt: &Attempt, pk: String, expires_at: Timestamp) -> Item {
    attempt_fields(attempt, Item::new(pk, attempt_key(attempt.number))).expiring(expires_at)
}

pub(super) fn attempt_fields(attempt: &Attempt, item: Item) -> Item {
    item.number("n", attempt.number)
        .time("t", attempt.at)
        .number("d", attempt.duration_ms)
        .maybe_number("u", Some(attempt.rest_us).filter(|rest| *rest > 0))
        .maybe_number("c", attempt.status_code)
        .word("o", attempt.outcome)
        .maybe_text("f", attempt.error.as_deref())
        .maybe_text("a", attempt.remark.as_deref())
        .maybe_text("b", attempt.response_body.as_deref())
        .maybe_text("v", attempt.response_is_base64.then_some("base64"))
        .maybe_text("h", header_lines(&attempt.response_headers).as_deref())
        .maybe_text("m", attempt.revision.as_ref().map(revision_text).as_deref())
        .maybe_ulids("q", attempt.batch.iter().map(|event| event.0))
        .maybe_text("k", attempt.with_key.then_some("key"))
        .word("g", attempt.trigger)
        .with_unknown(&attempt.unknown)
}

/// `name:value`, a line each; values cannot hold a line's end.
fn header_lines(headers: &[(String, String)]) -> Option<String> {
    let lines: Vec<String> = headers.iter().map(|(name, value)| format!("{name}:{value}")).collect();
    Some(lines.join("\n")).filter(|text| !text.is_empty())
}

fn read_header_lines(text: &str) -> Vec<(String, String)> {
    text.lines().filter_map(|line| line.split_once(':')).map(|(n, v)| (n.to_owned(), v.to_owned())).collect()
}

/// Numbers take a tenth of the room of named ones.
fn revision_text(revision: &Revision) -> String {
    let Revision { hook, tenant, profile, base, form, .. } = revision;
    match (base, form) {
        (0, 0) => format!("{hook}.{tenant}.{profile}"),
        (base, 0) => format!("{hook}.{tenant}.{profile}.{base}"),
        (base, form) => format!("{hook}.{tenant}.{profile}.{base}.{form}"),
    }
}

fn read_revision(text: &str) -> StoreResult<Revision> {
    let mut numbers = text.split('.').map(str::parse::<u64>);
    let mut next = || numbers.next().and_then(Result::ok);
    match (next(), next(), next()) {
        (Some(hook), Some(tenant), Some(profile)) => {
            let [base, form] = [next(), next()].map(Option::unwrap_or_default);
            Ok(Revision { hook, tenant, profile, base, form, unknown: Unknown::NONE })
        }
        _ => Err(StoreError::Corrupt("a broken revision".into())),
    }
}

pub(super) fn read_attempt(item: &Item) -> StoreResult<Attempt> {
    Ok(Attempt {
        number: item.get_number("n")?,
        at: item.get_time("t")?,
        duration_ms: item.get_number("d")?,
        rest_us: item.find_number("u")?.unwrap_or_default(),
        status_code: item.find_number("c")?,
        outcome: item.get_word("o")?,
        error: item.find_text("f").map(str::to_owned),
        remark: item.find_text("a").map(str::to_owned),
        response_body: item.find_text("b").map(str::to_owned),
        response_is_base64: item.find_text("v").is_some(),
        response_headers: item.find_text("h").map(read_header_lines).unwrap_or_default(),
        revision: item.find_text("m").map(read_revision).transpose()?,
        batch: item.find_ulids("q")?.unwrap_or_default().into_iter().map(EventSeq).collect(),
        with_key: item.find_text("k").is_some(),
        trigger: item.get_word("g")?,
        unknown: item.unknown(&ATTEMPT),
    })
}
