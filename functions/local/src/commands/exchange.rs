//! Requests and answers as people read them.

use std::io::{self, Write};

use super::record::Record;
use super::table::shown;

/// What went out and what came back, as far as the API tells.
pub(super) fn print(exchange: &Record) -> io::Result<()> {
    let mut out = anstream::stdout().lock();
    if let Some(request) = exchange.record("request") {
        let text = |field| shown(&request.text(field).unwrap_or_default());
        writeln!(out, "  > {} {}", text("method"), text("url"))?;
        message(&mut out, '>', &request)?;
    } else if let Some(reason) = exchange.text("request_missing") {
        writeln!(out, "  > ({})", shown(&reason))?;
    }
    if let Some(response) = exchange.record("response") {
        let status = response.text("status_code").or_else(|| response.text("status"));
        writeln!(out, "  < {}", shown(&status.unwrap_or_default()))?;
        message(&mut out, '<', &response)?;
    } else if let Some(body) = exchange.text("response_body") {
        lines(&mut out, '<', &body)?;
    }
    Ok(())
}

fn message(out: &mut impl Write, mark: char, message: &Record) -> io::Result<()> {
    for header in message.records("headers") {
        let text = |field| shown(&header.text(field).unwrap_or_default());
        writeln!(out, "  {mark} {}: {}", text("name"), text("value"))?;
    }
    match message.text("body").filter(|body| !body.is_empty()) {
        Some(body) => {
            writeln!(out, "  {mark}")?;
            lines(out, mark, &body)
        }
        None => Ok(()),
    }
}

fn lines(out: &mut impl Write, mark: char, text: &str) -> io::Result<()> {
    text.lines().try_for_each(|line| writeln!(out, "  {mark} {}", shown(line)))
}

/// An attempt of a delivery, and its exchange.
pub(super) fn attempt(attempt: &Record) -> io::Result<()> {
    let text = |field| attempt.text(field).map(|text| shown(&text)).unwrap_or_default();
    {
        let mut out = anstream::stdout().lock();
        write!(out, "\nattempt {} ({}) at {}: {}", text("number"), text("trigger"), text("at"), text("outcome"))?;
        if let Some(status) = attempt.text("status_code") {
            write!(out, ", answered {}", shown(&status))?;
        }
        writeln!(out, ", {} ms", text("duration_ms"))?;
        for words in ["error", "remark"].into_iter().filter_map(|field| attempt.text(field)) {
            writeln!(out, "  {}", shown(&words))?;
        }
    }
    print(attempt)
}
