//! What was found, said so that an operator can decide.

use std::fmt;
use std::ops::Bound;
use std::path::PathBuf;

use lsm_tree::Slice;

use crate::damage::{Damage, Fault};
use crate::table_file::Gap;

/// Bytes of a key that are shown.
const SHOWN: usize = 48;
/// Ranges of a file that are shown.
const RANGES: usize = 5;

/// What of a directory is not as it was written, and what would be lost with it.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    pub files: Vec<Finding>,
    /// What a repaired store would have.
    pub tables: Vec<TableRows>,
    /// What cannot be proved any more.
    pub doubts: Vec<String>,
    /// There is no store.
    pub is_empty: bool,
    /// A repair was begun that a crash has interrupted; the files of before are here.
    pub unfinished: Option<PathBuf>,
}

#[derive(Clone, Debug)]
pub struct Finding {
    pub damage: Damage,
    pub loss: Loss,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Loss {
    /// Of a file of a table.
    Rows {
        read: u64,
        /// Where the file says it.
        total: Option<u64>,
        /// Keys between which nothing can be read, in words.
        ranges: Vec<String>,
    },
    /// Of the log.
    Records {
        /// The first that is not whole.
        first: u64,
        /// Those behind it that are whole, and lost all the same.
        readable: u64,
        /// Those that were on disk, and may have been answered for.
        acknowledged: u64,
    },
    Text(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableRows {
    pub name: &'static str,
    pub holds: &'static str,
    pub kept: u64,
    /// Rows that are there in some state, which may not be the newest one.
    pub unknown: u64,
    /// Why the log is of no use to the table, where that is so.
    pub without_log: bool,
}

impl Findings {
    pub fn is_sound(&self) -> bool {
        self.files.is_empty() && self.unfinished.is_none() && !self.is_empty
    }

    pub(super) fn add(&mut self, damage: Damage, loss: Loss) {
        if !self.files.iter().any(|known| known.damage.file == damage.file) {
            self.files.push(Finding { damage, loss });
        }
    }

    /// What keeps the store from being opened and is not known yet.
    pub(super) fn add_faults(&mut self, faults: Vec<Fault>) -> Result<(), Fault> {
        for fault in faults {
            match fault {
                Fault::Damaged(damage) => self.add(damage, Loss::Text("see the other files".to_owned())),
                // It is told where something of it cannot be read.
                Fault::Io(..) if !self.files.is_empty() => {}
                other => return Err(other),
            }
        }
        Ok(())
    }

    /// Whether the repaired store may have less than there was.
    pub(super) fn may_lose(&self) -> bool {
        !self.doubts.is_empty()
            || self.files.iter().any(|file| matches!(file.loss, Loss::Rows { .. } | Loss::Records { .. }))
            || self.tables.iter().any(|table| table.unknown > 0)
    }
}

impl Loss {
    pub(super) fn rows(read: u64, total: Option<u64>, gaps: &[Gap]) -> Self {
        Self::Rows { read, total, ranges: gaps.iter().map(in_words).collect() }
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rows { read, total, ranges } if ranges.is_empty() => {
                write!(f, "no row: all {} can be read", total.unwrap_or(*read))
            }
            Self::Rows { read, total, ranges } => {
                match total {
                    Some(total) => write!(f, "{read} of its {total} rows can be read")?,
                    None => write!(f, "{read} of its rows can be read, and it does not say how many it has")?,
                }
                let shown: Vec<&str> = ranges.iter().take(RANGES).map(String::as_str).collect();
                write!(f, "; not {}", shown.join(", and not "))?;
                if ranges.len() > RANGES {
                    write!(f, ", nor {} more ranges", ranges.len() - RANGES)?;
                }
                Ok(())
            }
            Self::Records { first, readable, acknowledged } => write!(
                f,
                "record {first} is the first that is not whole; it and all that follow are lost, among them {readable} \
                 that could be read; {acknowledged} of them are known to have been on disk"
            ),
            Self::Text(text) => f.write_str(text),
        }
    }
}

fn in_words(gap: &Gap) -> String {
    let from = match &gap.from {
        Bound::Included(key) => format!("from {}", shown(key)),
        Bound::Excluded(key) => format!("behind {}", shown(key)),
        Bound::Unbounded => String::new(),
    };
    let until = match &gap.until {
        Bound::Included(key) => format!("up to {}", shown(key)),
        Bound::Excluded(key) => format!("before {}", shown(key)),
        Bound::Unbounded => String::new(),
    };
    match (from.is_empty(), until.is_empty()) {
        (true, true) => "any key".to_owned(),
        (true, false) => format!("keys {until}"),
        (false, true) => format!("keys {from}"),
        (false, false) => format!("keys {from} {until}"),
    }
}

/// Keys hold ids and no secrets; what they hold besides text is escaped.
fn shown(key: &Slice) -> String {
    let cut = if key.len() > SHOWN { "…" } else { "" };
    format!("\"{}{cut}\"", key[..key.len().min(SHOWN)].escape_ascii())
}
