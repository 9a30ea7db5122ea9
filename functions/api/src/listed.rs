//! Lists in which some rows cannot be read, and others are not asked for.

use std::str::FromStr;

use contract::ports::{Listed, Page, StoreResult, Unreadable};
use serde::Serialize;
use utoipa::ToSchema;

use crate::problem::Problem;

/// An entry of a list.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub enum ListEntry<T> {
    Read(T),
    Unreadable(UnreadableView),
}

/// What is stored and cannot be read by this version: it is damaged, or a newer
/// version wrote it. Reading it alone is answered with 500, deleting it works.
#[derive(Serialize, ToSchema)]
#[schema(as = Unreadable)]
pub struct UnreadableView {
    /// Its id, or its name where it has no id
    id: String,
    /// Why it cannot be read
    unreadable: String,
}

impl From<Unreadable> for UnreadableView {
    fn from(Unreadable { id, why }: Unreadable) -> Self {
        Self { id, unreadable: why }
    }
}

/// What a row that cannot be read is called.
pub(crate) fn id_of<T: FromStr>(row: &Unreadable) -> Result<T, Problem> {
    row.id.parse().map_err(|_| row.clone().into())
}

impl<T> ListEntry<T> {
    pub fn of<R>(row: Listed<R>, view: impl FnOnce(R) -> T) -> Self {
        match row {
            Ok(row) => Self::Read(view(row)),
            Err(unreadable) => unreadable.into(),
        }
    }

    pub fn map<U>(self, view: impl FnOnce(T) -> U) -> ListEntry<U> {
        match self {
            Self::Read(entry) => ListEntry::Read(view(entry)),
            Self::Unreadable(unreadable) => ListEntry::Unreadable(unreadable),
        }
    }

    /// All rows of a page.
    pub fn all<R>(rows: Vec<Listed<R>>, view: impl Fn(R) -> T) -> Vec<Self> {
        rows.into_iter().map(|row| Self::of(row, &view)).collect()
    }
}

/// Rows that are read at once where few of them are asked for.
const READ_AT_ONCE: usize = 200;

/// At most `limit` of the rows behind `cursor` that `is_wanted` or that cannot be read, which are shown
/// whatever they may be. It ends sooner once `most` rows were looked at.
pub(crate) async fn wanted_rows<R, Reading: Future<Output = StoreResult<Page<Listed<R>>>>>(
    limit: usize,
    most: usize,
    mut cursor: Option<String>,
    read: impl Fn(usize, Option<String>) -> Reading,
    is_wanted: impl Fn(&R) -> bool,
) -> StoreResult<Page<Listed<R>>> {
    let is_wanted = |row: &Listed<R>| row.as_ref().map_or(true, &is_wanted);
    let (mut items, mut looked_at, mut at_once) = (Vec::new(), 0, limit);
    loop {
        let mut page = read(at_once, cursor.clone()).await?;
        let room = limit - items.len();
        let last = page.items.iter().enumerate().filter(|(_, row)| is_wanted(row)).nth(room - 1);
        if let Some((last, _)) = last.filter(|(last, _)| last + 1 < page.items.len()) {
            // Only the store knows the cursor behind a row that is not the last of a page.
            page = read(last + 1, cursor).await?;
        }
        looked_at += page.items.len();
        items.extend(page.items.into_iter().filter(is_wanted).take(room));
        cursor = page.next;
        if cursor.is_none() || items.len() >= limit || looked_at >= most {
            return Ok(Page { items, next: cursor });
        }
        at_once = READ_AT_ONCE.max(limit);
    }
}

impl<T> From<Unreadable> for ListEntry<T> {
    fn from(unreadable: Unreadable) -> Self {
        tracing::error!(error = %unreadable, "a list is answered without a row: {unreadable}");
        Self::Unreadable(unreadable.into())
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    /// Rows from 0 to 999; the cursor is the number of the next one.
    async fn read(limit: usize, cursor: Option<String>) -> StoreResult<Page<Listed<usize>>> {
        let from: usize = cursor.map_or(0, |cursor| cursor.parse().unwrap());
        let to = (from + limit).min(1_000);
        Ok(Page { items: (from..to).map(Ok).collect(), next: (to < 1_000).then(|| to.to_string()) })
    }

    async fn pages(limit: usize, most: usize, is_wanted: fn(&usize) -> bool) -> (Vec<Vec<usize>>, Vec<usize>) {
        let (reads, mut pages, mut cursor) = (RefCell::new(Vec::new()), Vec::new(), None);
        loop {
            let read = |limit, cursor| {
                reads.borrow_mut().push(limit);
                read(limit, cursor)
            };
            let page = wanted_rows(limit, most, cursor, read, is_wanted).await.unwrap();
            pages.push(page.items.into_iter().map(Result::unwrap).collect());
            cursor = page.next;
            if cursor.is_none() {
                return (pages, reads.into_inner());
            }
        }
    }

    #[tokio::test]
    async fn every_wanted_row_comes_once_and_full_pages_are_read_for_few() {
        for limit in [1, 3, 20, 100] {
            for most in [100, 2_000] {
                let (pages, _) = pages(limit, most, |row| row % 7 == 0).await;
                assert!(pages.iter().all(|page| page.len() <= limit));
                assert_eq!(pages.concat(), (0..1_000).step_by(7).collect::<Vec<_>>(), "{limit} {most}");
            }
        }
        let (found, reads) = pages(20, 2_000, |row| *row < 19).await;
        assert_eq!(found, [(0..19).collect::<Vec<_>>()]);
        assert_eq!(reads, [20, 200, 200, 200, 200, 200]);
        let (found, reads) = pages(20, 100, |row| *row == 999).await;
        assert_eq!((found.len(), reads.len()), (5, 10), "{found:?} {reads:?}");
        let (_, reads) = pages(100, 2_000, |_| true).await;
        assert_eq!(reads, [100; 10], "where all is asked for, nothing is read twice");
    }
}
