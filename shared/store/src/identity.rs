//! Which store this is: an id that its log, its checkpoint and a row of each tree carry, so that
//! files of another store are not taken for its own.

use std::fmt;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::checked_file;
use crate::damage::Fault;

pub(crate) const FILE: &str = "store";
pub(crate) const HOLDS: &str = "the identity of this store";

#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct StoreId(u128);

impl StoreId {
    pub(crate) fn new() -> io::Result<Self> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).map_err(io::Error::other)?;
        Ok(Self(u128::from_le_bytes(bytes)))
    }

    pub(crate) fn bytes(self) -> [u8; 16] {
        self.0.to_le_bytes()
    }

    pub(crate) fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(u128::from_le_bytes(bytes))
    }

    /// What the hashes of the log begin with, so that a record of another store has another one.
    pub(crate) fn seed(self) -> u64 {
        (self.0 ^ (self.0 >> 64)) as u64
    }
}

impl fmt::Debug for StoreId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl From<StoreId> for String {
    fn from(id: StoreId) -> Self {
        format!("{id:?}")
    }
}

impl TryFrom<String> for StoreId {
    type Error = std::num::ParseIntError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        u128::from_str_radix(&text, 16).map(Self)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Stage {
    /// Its files are being made: a process that dies here leaves nothing worth keeping.
    Creating,
    /// It was never said to be in use.
    New,
    /// From now on an empty store is one that has lost something.
    InUse,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Identity {
    pub(crate) id: StoreId,
    pub(crate) stage: Stage,
}

impl Identity {
    pub(crate) fn read(folder: &Path) -> Result<Option<Self>, Fault> {
        checked_file::read(folder, FILE, HOLDS)
    }

    pub(crate) fn write(self, folder: &Path) -> io::Result<()> {
        checked_file::write(folder, FILE, &self)
    }
}
