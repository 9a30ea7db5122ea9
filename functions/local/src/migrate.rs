//! `hookline migrate`

use anyhow::Context as _;
use embedded::{Migrated, migrate};

use crate::cli::MigrateOptions;
use crate::data_directory;

#[expect(clippy::print_stdout, reason = "what to do next is what the caller waits for")]
pub(crate) async fn run(options: MigrateOptions) -> anyhow::Result<()> {
    let MigrateOptions { data, accept_torn_tail } = options;
    data_directory::must_exist(&data)?;
    let migrated = migrate(&data, accept_torn_tail).await;
    let archive = match migrated.with_context(|| format!("{} was not converted", data.display()))? {
        Migrated::Converted { rows, archive } => {
            let rows: Vec<String> = rows.iter().map(|table| format!("{} of {}", table.rows, table.table)).collect();
            println!("{} is of format 2 now; its rows were compared: {}", data.display(), rows.join(", "));
            archive
        }
        Migrated::Finished { archive } => {
            println!("{} is of format 2 now; an earlier run had compared its rows", data.display());
            archive
        }
    };
    println!("the old files are in {}; start the server, and remove them once all is well", archive.display());
    Ok(())
}
