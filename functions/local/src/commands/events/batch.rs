//! Publishing a file of events.

use reqwest::Method;
use serde_json::value::RawValue;

use crate::commands::body::read;
use crate::commands::failure::Problem;
use crate::commands::progress::{Progress, Unit};
use crate::commands::record::Record;
use crate::commands::table::{Column, TextTable};
use crate::commands::{Failure, Session};

/// What the API takes at once; a little room is left for the batch's own text.
const MAX_EVENTS: usize = 100;
const MAX_BYTES: usize = 4 * 1024 * 1024 - 1_000;

const COLUMNS: &[Column] = &[("LINE", "line"), ("STATUS", "status"), ("ID", "id"), ("WHY", "why")];

/// An event and the line of the file that it stands in.
struct EventLine {
    line: usize,
    json: Box<RawValue>,
}

pub(super) async fn publish(session: &Session, file: &str) -> Result<(), Failure> {
    let events = parse(file, &read(file)?)?;
    let path = session.own(["events", "batch"])?;
    let mut table = TextTable::new(COLUMNS);
    let (mut accepted, mut refused) = (0, 0);
    let mut progress = Progress::new("published", Unit::Count);
    let all = u64::try_from(events.len()).ok();
    for batch in batches(&events) {
        let list: Vec<&str> = batch.iter().map(|event| event.json.get()).collect();
        let body = format!(r#"{{"events":[{}]}}"#, list.join(","));
        let text = session.ask(Method::POST, &path, &[], Some(body)).await.inspect_err(|_| {
            let first = batch.first().map_or(0, |event| event.line);
            let _ = session.note(&format!("stopped before line {first}: {accepted} accepted, {refused} refused"));
        })?;
        let results = session.read(&text)?.records("results");
        let wrong = results.iter().filter(|result| result.raw("error").is_some()).count();
        accepted += results.len() - wrong;
        refused += wrong;
        if session.json {
            session.print(&text)?;
        } else {
            let rows: Vec<Record> = batch.iter().zip(&results).map(|(event, result)| row(event.line, result)).collect();
            table.print(&rows)?;
        }
        progress.at(u64::try_from(accepted + refused).unwrap_or_default(), all);
    }
    drop(progress);
    match refused {
        0 if session.json => Ok(()),
        0 => session.note(&format!("{accepted} accepted")),
        _ => Err(Failure::Shown(format!("{refused} of {} refused", accepted + refused))),
    }
}

/// All is read before anything is published: half a file is hard to repair.
fn parse(file: &str, text: &str) -> Result<Vec<EventLine>, Failure> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(n, line)| match RawValue::from_string(line.to_owned()) {
            Ok(json) => Ok(EventLine { line: n + 1, json }),
            Err(error) => Err(Failure::Usage(format!("--batch {file}: line {} is not JSON: {error}", n + 1))),
        })
        .collect()
}

fn batches(events: &[EventLine]) -> Vec<&[EventLine]> {
    let (mut all, mut rest) = (Vec::new(), events);
    while !rest.is_empty() {
        let mut bytes = 0;
        let fits = rest.iter().take(MAX_EVENTS).take_while(|event| {
            bytes += event.json.get().len() + 1;
            bytes <= MAX_BYTES
        });
        let (batch, later) = rest.split_at(fits.count().max(1));
        all.push(batch);
        rest = later;
    }
    all
}

fn row(line: usize, result: &Record) -> Record {
    let why = result.raw("error").map(|problem| {
        let status = result.text("error.status").and_then(|status| status.parse().ok()).unwrap_or_default();
        Problem::read(status, problem.get()).to_string().replace("\n ", ";")
    });
    let fields = [
        ("line", Some(line.to_string())),
        ("status", Some(if why.is_some() { "refused" } else { "accepted" }.to_owned())),
        ("id", result.text("id")),
        ("why", why),
    ];
    Record(fields.into_iter().filter_map(|(name, text)| Some((name.to_owned(), raw(&text?)))).collect())
}

fn raw(text: &str) -> Box<RawValue> {
    serde_json::value::to_raw_value(text).expect("a text can be written as JSON")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_keep_within_both_limits_of_the_api() {
        let small = "{}\n\n".repeat(250);
        let sizes = |text: &str| batches(&parse("f", text).unwrap()).iter().map(|b| b.len()).collect::<Vec<_>>();
        assert_eq!(sizes(&small), [100, 100, 50]);
        let large = format!("\"{}\"\n", "x".repeat(MAX_BYTES / 2 - 10)).repeat(3);
        assert_eq!(sizes(&large), [2, 1]);
        assert_eq!(sizes(""), [0_usize; 0]);
    }
}
