//! `hookline keys`

use anyhow::Context as _;
use shared::embedded::Keyring;
use shared::ports::SystemClock;

use crate::cli::KeysCommand;

#[expect(clippy::print_stdout, reason = "what to do next is what the caller waits for")]
pub(crate) fn run(command: KeysCommand) -> anyhow::Result<()> {
    let KeysCommand::Rotate { data } = command;
    let id = Keyring::rotate(&data, &SystemClock).context("the keys stay as they are")?;
    println!("master key {id} is the current one from the next start on; back up {} now", data.join("keys").display());
    Ok(())
}
