//! `hookline keys rotate`

use std::path::Path;

use anyhow::Context as _;
use contract::ports::SystemClock;
use embedded::Keyring;

use crate::data_directory;

#[expect(clippy::print_stdout, reason = "what to do next is what the caller waits for")]
pub(crate) fn rotate(data: &Path) -> anyhow::Result<()> {
    data_directory::must_exist(data)?;
    let id = Keyring::rotate(data, &SystemClock).context("the keys stay as they are")?;
    println!("master key {id} is the current one from the next start on; back up {} now", data.join("keys").display());
    Ok(())
}
