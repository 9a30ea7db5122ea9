//! What is said of a data directory that a command cannot work on.

use std::path::Path;

use anyhow::ensure;

/// Commands for a directory that is there already make none.
pub(crate) fn must_exist(data: &Path) -> anyhow::Result<()> {
    ensure!(data.is_dir(), "--data {}: there is no such directory", data.display());
    Ok(())
}

pub(crate) fn holds_no_store(data: &Path) -> anyhow::Error {
    anyhow::anyhow!("--data {}: it holds no store; a server makes one when it first starts there", data.display())
}
