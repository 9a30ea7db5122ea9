//! Lists, page by page.

use std::io::Write as _;

use clap::Args;
use reqwest::Method;
use serde_json::value::RawValue;

use super::record::Record;
use super::session::Path;
use super::table::{Column, TextTable};
use super::{Failure, Session};
use crate::numbers::whole;

/// The most that the API gives at once.
const LARGEST_PAGE: u32 = 100;

#[derive(Args)]
pub(crate) struct Page {
    /// Entries of a page, 1 to 100; the API gives 20 by default
    #[arg(long, value_name = "N", value_parser = whole::<u32>(1, LARGEST_PAGE.into()))]
    limit: Option<u32>,

    /// Read on where an earlier page ended
    #[arg(long)]
    cursor: Option<String>,

    /// Read on until the end
    #[arg(long)]
    all: bool,
}

/// The parameters that were given.
pub(super) fn given<const N: usize>(parameters: [(&'static str, &Option<String>); N]) -> Vec<(&'static str, String)> {
    parameters.into_iter().filter_map(|(name, value)| Some((name, value.clone()?))).collect()
}

impl Session {
    pub(super) async fn list(
        &self,
        path: &Path,
        mut query: Vec<(&'static str, String)>,
        page: Page,
        columns: &'static [Column],
    ) -> Result<(), Failure> {
        if let Some(limit) = page.limit.or(page.all.then_some(LARGEST_PAGE)) {
            query.push(("limit", limit.to_string()));
        }
        let mut table = TextTable::new(columns);
        let mut cursor = page.cursor;
        let mut shown = 0;
        loop {
            let mut query = query.clone();
            query.extend(cursor.take().map(|cursor| ("cursor", cursor)));
            let text = self.ask(Method::GET, path, &query, None).await?;
            if self.json && !self.jsonl && !page.all {
                return self.print(&text);
            }
            let answer = self.read(&text)?;
            let items = answer.items().map_err(|source| self.unreadable(source))?;
            shown += items.len();
            cursor = answer.text("next_cursor");
            if self.json {
                lines(&items)?;
            } else {
                let rows: Vec<Record> = items.iter().filter_map(|item| Record::parse(item.get()).ok()).collect();
                table.print(&rows)?;
            }
            if cursor.is_none() || !page.all {
                return if self.json && !self.jsonl {
                    Ok(())
                } else {
                    self.end_of_list(shown, &answer, cursor.as_deref())
                };
            }
        }
    }

    /// Asks for something that is answered with a few of `field`.
    pub(super) async fn table(
        &self,
        method: Method,
        path: &Path,
        (field, columns): (&str, &'static [Column]),
        none: &str,
    ) -> Result<(), Failure> {
        let text = self.ask(method, path, &[], None).await?;
        if self.json {
            return self.print(&text);
        }
        let rows = self.read(&text)?.records(field);
        TextTable::new(columns).print(&rows)?;
        if rows.is_empty() { self.note(none) } else { Ok(()) }
    }

    fn end_of_list(&self, shown: usize, answer: &Record, cursor: Option<&str>) -> Result<(), Failure> {
        let total = answer.text("total").map(|total| format!(" of {total}")).unwrap_or_default();
        match cursor {
            Some(cursor) => self.note(&format!("{shown}{total}; more with --all, or with --cursor {cursor}")),
            None if shown == 0 => self.note("none"),
            None => Ok(()),
        }
    }
}

pub(super) fn lines(items: &[Box<RawValue>]) -> Result<(), Failure> {
    let mut out = anstream::stdout().lock();
    items.iter().try_for_each(|item| writeln!(out, "{}", item.get()))?;
    Ok(out.flush()?)
}
