//! A durable store of a few tables in one directory of this machine, for one process.
//!
//! Every write is visible to all readers at once, in memory. A thread gets it into the log and
//! that onto the disk, once for all who wait, and another one into the trees (`lsm-tree`), which
//! a third one flushes to files and compacts. The log is the only place that is synced for a
//! write; it is kept until the trees have what it holds in files of their own. So whatever
//! survives a crash is everything up to some write: no effect without its cause.
//!
//! A store that cannot prove its state does not open. Every file carries a checksum that another
//! file or its own header vouches for, and everything is checked before the first read:
//!
//! ```text
//! store ──> checkpoint ──> current ──> v<N> ──> tables/<id>      (of each tree)
//!   │           └────────> log/<generation>/<n>.wal, synced
//!   └ the id that checkpoint, log and a row of each tree carry
//! ```
//!
//! This crate knows tables, keys and values, and nothing of what they mean.

mod archive;
mod backup;
mod checked_file;
mod checkpoint;
mod compactor;
mod damage;
mod directory;
mod disk_failure;
mod expiry;
mod free_space;
mod identity;
mod log;
mod memtable;
mod merged_rows;
mod repair;
mod store;
mod table_file;
#[cfg(test)]
mod tests;
mod transaction;
mod trees;
mod verify;
mod writer;

pub use damage::Damage;
pub use directory::DirectoryLock;
pub use lsm_tree::Slice;
pub use repair::{Finding, Findings, Loss, Repaired, TableRows, examine, repair};
pub use store::{Error, MIGRATION, OpenError, Options, Store, Table, TableSpec};
pub use transaction::Transaction;
pub use verify::{Report, verify};
pub use writer::Still;
