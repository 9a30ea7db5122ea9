//! `hookline verify`

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use contract::ports::SystemClock;
use embedded::{DirectoryLock, Keyring, Report, Store};

use crate::data_directory;

/// Checks a data directory that no server runs on, as a start would, and changes nothing.
#[expect(clippy::print_stdout, reason = "what was found is what the caller waits for")]
pub(crate) fn run(data: &Path) -> anyhow::Result<()> {
    data_directory::must_exist(data)?;
    let lock = DirectoryLock::acquire(data)?;
    let Some(report) = Store::verify(&lock, Arc::new(SystemClock))? else {
        return Err(data_directory::holds_no_store(data));
    };
    let Report { files, bytes, records, is_clean, format } = report;
    Keyring::open(data, false, &SystemClock).context("the store is sound, its secrets cannot be opened")?;
    let state = if is_clean { "closed by its server" } else { "left by a server that died" };
    println!("{}: sound", data.display());
    println!("  format {format}, {state}");
    println!("  {files} files of tables, {:.1} MiB, every byte read", bytes as f64 / f64::from(1 << 20));
    println!("  {records} records of the log that the next start puts into the tables");
    Ok(())
}
