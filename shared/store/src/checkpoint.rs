//! How far the trees have what the log holds, and which of their versions say so.

use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::checked_file;
use crate::damage::Fault;
use crate::identity::StoreId;

pub(crate) const FILE: &str = "checkpoint";
pub(crate) const HOLDS: &str = "how far the tables have what the log holds";

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Checkpoint {
    pub(crate) store: StoreId,
    /// The store was closed, and no log is needed. Then the trees are just these.
    pub(crate) clean: bool,
    /// The folder of the log.
    pub(crate) log: u64,
    pub(crate) trees: Vec<TreeMark>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TreeMark {
    pub(crate) name: String,
    /// No record of the log up to this one has anything for the tree that is not in its files.
    pub(crate) applied: u64,
    /// The tree itself says so of this one, which may be older.
    pub(crate) applied_in_tree: u64,
    /// The tree's version, and the hash of the file `current` that names it.
    pub(crate) version: u64,
    pub(crate) current: String,
}

impl Checkpoint {
    pub(crate) fn read(folder: &Path) -> Result<Option<Self>, Fault> {
        checked_file::read(folder, FILE, HOLDS)
    }

    pub(crate) fn write(&self, folder: &Path) -> io::Result<()> {
        checked_file::write(folder, FILE, self)
    }

    /// Every tree has all records up to this one.
    pub(crate) fn applied(&self) -> u64 {
        self.trees.iter().map(|tree| tree.applied).min().unwrap_or_default()
    }

    /// Nothing but a log could bring trees together that end at different records.
    pub(crate) fn is_of_one_moment(&self) -> bool {
        self.trees.iter().all(|tree| tree.applied == self.applied())
    }

    pub(crate) fn tree(&self, name: &str) -> Option<&TreeMark> {
        self.trees.iter().find(|tree| tree.name == name)
    }
}
