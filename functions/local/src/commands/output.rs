//! In which form answers are printed.

use std::borrow::Cow;
use std::io::{self, Write};
use std::sync::OnceLock;

use clap::ValueEnum;

/// For all that one process prints.
static CHOSEN: OnceLock<Output> = OnceLock::new();

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// Columns, for people
    #[default]
    Table,
    /// The API's answer as it is
    Json,
    /// One entry a line
    Jsonl,
    /// RFC 4180, with a line of names first; what a spreadsheet would take for a formula begins with '
    Csv,
}

impl Output {
    /// Takes effect once.
    pub(super) fn choose(self) {
        let _ = CHOSEN.set(self);
    }

    pub(super) fn is_csv() -> bool {
        CHOSEN.get() == Some(&Self::Csv)
    }
}

/// One line of a file.
pub(super) fn csv_line<'a>(out: &mut impl Write, cells: impl IntoIterator<Item = &'a str>) -> io::Result<()> {
    let cells: Vec<Cow<'_, str>> = cells.into_iter().map(csv_cell).collect();
    write!(out, "{}\r\n", cells.join(","))
}

fn csv_cell(text: &str) -> Cow<'_, str> {
    // A spreadsheet would run it, and so do those that look past spaces.
    let is_formula =
        text.trim_start().starts_with(['=', '+', '-', '@', '\t', '\r']) || text.starts_with(['\t', '\r', '\n']);
    let text: Cow<'_, str> = match is_formula && text.parse::<f64>().is_err() {
        true => format!("'{text}").into(),
        false => text.into(),
    };
    if text.contains(['"', ',', '\r', '\n']) || text.starts_with(' ') || text.ends_with(' ') {
        format!("\"{}\"", text.replace('"', "\"\"")).into()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_where_they_have_to_be_and_none_is_a_formula() {
        for (text, cell) in [
            ("", ""),
            ("plain", "plain"),
            ("a,b", "\"a,b\""),
            ("say \"x\"", "\"say \"\"x\"\"\""),
            ("two\r\nlines", "\"two\r\nlines\""),
            (" padded", "\" padded\""),
            ("=HYPERLINK(\"x\")", "\"'=HYPERLINK(\"\"x\"\")\""),
            ("+1-2", "'+1-2"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("-cmd|' /C calc'!A0", "'-cmd|' /C calc'!A0"),
            ("\t=1", "'\t=1"),
            (" =1", "' =1"),
            ("-1.5", "-1.5"),
            ("+3", "+3"),
        ] {
            assert_eq!(csv_cell(text), cell, "{text:?}");
        }
        let mut out = Vec::new();
        csv_line(&mut out, ["a", "b,c"]).unwrap();
        assert_eq!(out, b"a,\"b,c\"\r\n");
    }
}
