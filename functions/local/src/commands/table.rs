//! Answers for people.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};

use serde_json::value::RawValue;

use super::output::{Output, csv_line};
use super::record::{Record, plain};

/// A heading and the path of what stands below it.
pub(super) type Column = (&'static str, &'static str);

const NOTHING: &str = "-";
const GAP: usize = 2;
/// States, as opposed to settings, which are shown as they can be given.
const NESTED: [&str; 2] = ["health", "progress"];

/// Rows below each other, over several pages of a list.
pub(super) struct TextTable {
    columns: &'static [Column],
    widths: Vec<usize>,
    begun: bool,
}

impl TextTable {
    pub(super) fn new(columns: &'static [Column]) -> Self {
        Self { columns, widths: columns.iter().map(|(heading, _)| heading.len()).collect(), begun: false }
    }

    pub(super) fn print(&mut self, rows: &[Record]) -> io::Result<()> {
        if Output::is_csv() {
            return self.print_csv(rows);
        }
        let cells: Vec<Vec<String>> = rows.iter().map(|row| self.cells(row)).collect();
        for row in &cells {
            for (width, cell) in self.widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let mut out = anstream::stdout().lock();
        if !self.begun && !cells.is_empty() {
            self.begun = true;
            let headings = self.columns.iter().map(|(heading, _)| (*heading, Style::new().bold()));
            self.line(&mut out, headings)?;
        }
        cells.iter().try_for_each(|row| self.line(&mut out, row.iter().map(|cell| (cell.as_str(), style(cell)))))
    }

    /// The names of fields are above them, and values are as they came.
    fn print_csv(&mut self, rows: &[Record]) -> io::Result<()> {
        let mut out = io::stdout().lock();
        if !self.begun {
            self.begun = true;
            csv_line(&mut out, self.columns.iter().map(|(_, path)| *path))?;
        }
        for row in rows {
            let cells: Vec<String> = self.columns.iter().map(|(_, path)| row.text(path).unwrap_or_default()).collect();
            csv_line(&mut out, cells.iter().map(String::as_str))?;
            if let Some(why) = row.text("unreadable") {
                let id = shown(&row.text("id").unwrap_or_default());
                writeln!(anstream::stderr().lock(), "{id} cannot be read: {}", shown(&why))?;
            }
        }
        out.flush()
    }

    fn cells(&self, row: &Record) -> Vec<String> {
        let text = |path| row.text(path).filter(|text| !text.is_empty());
        let cell = |(_, path): &Column| text(path).map_or_else(|| NOTHING.to_owned(), |t| readable(path, &t));
        let mut cells: Vec<String> = self.columns.iter().map(cell).collect();
        // Of what cannot be read, its id and why are all there is.
        if let Some(why) = text("unreadable") {
            let known = text("id").unwrap_or_default();
            let told = [shown(&known), format!("cannot be read: {}", shown(&why))];
            cells.iter_mut().zip(told).for_each(|(cell, told)| *cell = told);
        }
        cells
    }

    fn line<'a>(&self, out: &mut impl Write, cells: impl Iterator<Item = (&'a str, Style)>) -> io::Result<()> {
        let last = self.widths.len().saturating_sub(1);
        for (n, ((cell, style), width)) in cells.zip(&self.widths).enumerate() {
            let padding = if n == last { 0 } else { width.saturating_sub(cell.chars().count()) + GAP };
            write!(out, "{style}{cell}{style:#}{:padding$}", "")?;
        }
        writeln!(out)
    }
}

/// One thing: a line for each field.
pub(super) fn details(record: &Record) -> io::Result<()> {
    let record = flat(record);
    if Output::is_csv() {
        let mut out = io::stdout().lock();
        csv_line(&mut out, record.0.iter().map(|(name, _)| name.as_str()))?;
        let cell = |value: &RawValue| if value.get() == "null" { String::new() } else { plain(value.get()) };
        let cells: Vec<String> = record.0.iter().map(|(_, value)| cell(value)).collect();
        return csv_line(&mut out, cells.iter().map(String::as_str));
    }
    let mut out = anstream::stdout().lock();
    let width = record.0.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    for (name, value) in &record.0 {
        let name = shown(name);
        let text = match value.get() {
            "null" | "\"\"" | "[]" => NOTHING.to_owned(),
            json => readable(&name, &plain(json)),
        };
        let style = style(&text);
        writeln!(out, "{name:width$}  {style}{text}{style:#}")?;
    }
    Ok(())
}

/// With a line for each part of what no flag can set; parts that are null are left out.
fn flat(record: &Record) -> Record {
    let mut fields = Vec::new();
    for (name, value) in &record.0 {
        match Record::parse(value.get()) {
            Ok(parts) if NESTED.contains(&name.as_str()) => {
                let parts = parts.0.into_iter().filter(|(_, value)| value.get() != "null");
                fields.extend(parts.map(|(part, value)| (format!("{name}.{part}"), value)));
            }
            _ => fields.push((name.clone(), value.clone())),
        }
    }
    Record(fields)
}

/// States that people look for.
fn style(cell: &str) -> Style {
    let color = match cell {
        "succeeded" | "success" | "finished" | "accepted" | "ok" => AnsiColor::Green,
        "failed" | "refused" | "cancelled" => AnsiColor::Red,
        "retrying" | "pending" | "running" | "warning" => AnsiColor::Yellow,
        "skipped" => AnsiColor::BrightBlack,
        _ => return Style::new(),
    };
    Style::new().fg_color(Some(color.into()))
}

/// Times to the second; no character that could steer a terminal.
fn readable(path: &str, text: &str) -> String {
    let name = path.rsplit('.').next().unwrap_or(path);
    let is_time =
        name.ends_with("_at") || name.starts_with("last_") || matches!(name, "at" | "timestamp" | "since" | "until");
    match text.split_once('T').filter(|_| is_time && text.ends_with('Z')) {
        Some((date, time)) => {
            let seconds = time.trim_end_matches('Z').split('.').next().unwrap_or(time);
            shown(&format!("{date} {seconds}Z"))
        }
        None => shown(text),
    }
}

/// Text from elsewhere, safe to print. Lines stay lines in a body only.
pub(super) fn shown(text: &str) -> String {
    text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_that_cannot_be_read_shows_its_id_and_why() {
        let table = TextTable::new(&[("NAME", "name"), ("URL", "url"), ("ENABLED", "enabled")]);
        let row = Record::parse(r#"{"id":"hook_1","unreadable":"it is damaged"}"#).unwrap();
        assert_eq!(table.cells(&row), ["hook_1", "cannot be read: it is damaged", NOTHING]);
    }

    #[test]
    fn a_state_has_a_line_for_each_part_and_a_setting_stays_as_it_can_be_given() {
        let record = r#"{"id":"h","health":{"circuit":"closed","verified_at":null},"retry":{"delays":[1]}}"#;
        let names: Vec<String> = flat(&Record::parse(record).unwrap()).0.into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["id", "health.circuit", "retry"]);
    }

    #[test]
    fn times_are_short_and_what_steers_a_terminal_is_not_printed() {
        assert_eq!(readable("last_attempt.at", "2026-11-21T05:56:52.876Z"), "2026-11-21 05:56:52Z");
        assert_eq!(readable("name", "Tom\u{1b}[2J\n"), "Tom\\u{1b}[2J\\n");
        assert_eq!(readable("format", "That Z"), "That Z");
    }
}
