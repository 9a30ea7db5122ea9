//! What is wrong with a file of the store, said so that an operator can act on it.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// One file that is not as it was written, or is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    pub file: PathBuf,
    /// What is wrong with it.
    pub what: String,
    /// What it holds, in the words of whoever made the tables.
    pub holds: String,
}

impl Damage {
    pub(crate) fn new(file: &Path, what: impl Into<String>, holds: impl Into<String>) -> Self {
        Self { file: file.to_owned(), what: what.into(), holds: holds.into() }
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}; it holds {}", self.file.display(), self.what, self.holds)
    }
}

/// A file could not be read, or is damaged.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    #[error("{0}")]
    Damaged(Damage),
    #[error("{} was written by a newer version (format {found}; this one knows up to {known})", file.display())]
    Newer { file: PathBuf, found: u32, known: u32 },
    #[error("cannot read {}", .0.display())]
    Io(PathBuf, #[source] io::Error),
}

impl From<Damage> for Fault {
    fn from(damage: Damage) -> Self {
        Self::Damaged(damage)
    }
}

pub(crate) fn io_fault(file: &Path) -> impl FnOnce(io::Error) -> Fault + use<> {
    let file = file.to_owned();
    move |error| Fault::Io(file, error)
}
