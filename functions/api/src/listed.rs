//! Lists in which some rows cannot be read.

use contract::ports::{Listed, Unreadable};
use serde::Serialize;
use utoipa::ToSchema;

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

impl<T> From<Unreadable> for ListEntry<T> {
    fn from(unreadable: Unreadable) -> Self {
        tracing::error!(error = %unreadable, "a list is answered without a row: {unreadable}");
        Self::Unreadable(unreadable.into())
    }
}
