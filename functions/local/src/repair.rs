//! `hookline repair`: what of a damaged data directory can be saved.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use clap::Args;
use contract::ports::SystemClock;
use embedded::{DirectoryLock, Findings, Store};

use crate::data_directory;

#[derive(Args)]
pub(crate) struct RepairOptions {
    /// Directory that holds everything
    #[arg(long, env = "HOOKLINE_DATA", default_value = "data", value_name = "DIR")]
    data: PathBuf,

    /// Do it: the old files are kept in a folder beside the new ones
    #[arg(long)]
    apply: bool,
}

/// Damage that was found and left as it is counts as a failure.
#[expect(clippy::print_stdout, reason = "what was found is what the caller asks for")]
pub(crate) fn run(options: &RepairOptions) -> anyhow::Result<ExitCode> {
    let data = &options.data;
    data_directory::must_exist(data)?;
    let lock = DirectoryLock::acquire(data)?;
    let findings = Store::examine(&lock, Arc::new(SystemClock)).context("nothing was changed")?;
    if findings.is_empty {
        return Err(data_directory::holds_no_store(data));
    }
    if findings.is_sound() {
        println!("the store in {} is sound; nothing was changed", data.display());
        return Ok(ExitCode::SUCCESS);
    }
    print!("{}", report(&findings, data));
    if !options.apply {
        println!(
            "Nothing was changed. A backup has more, if there is one. Otherwise \
             `hookline repair --data {} --apply` does this and keeps the old files",
            data.display()
        );
        return Ok(ExitCode::FAILURE);
    }
    if let Some(repaired) = Store::repair(&lock, Arc::new(SystemClock))? {
        println!("Done. The store can be started; the old files are in {}", repaired.before.display());
    }
    Ok(ExitCode::SUCCESS)
}

fn report(findings: &Findings, data: &Path) -> String {
    let mut text = String::new();
    // Writing into a text does not fail.
    let mut line = |line: String| {
        let _ = writeln!(text, "{line}");
    };
    if let Some(before) = &findings.unfinished {
        line(format!(
            "A repair of {} was begun and not finished. The old files are in {}",
            data.display(),
            before.display()
        ));
        return text;
    }
    for file in &findings.files {
        line(format!("{} {}", file.damage.file.display(), file.damage.what));
        line(format!("  holds: {}", file.damage.holds));
        line(format!("  lost: {}", file.loss));
    }
    line("A repaired store has:".to_owned());
    for table in &findings.tables {
        let mut rows = format!("  {}, with {}: {} rows", table.name, table.holds, table.kept);
        if table.unknown > 0 {
            let left_out = format!("; {} are left out, since their newest state cannot be read", table.unknown);
            rows.push_str(&left_out);
        }
        if table.without_log {
            rows.push_str("; the log is not used for it, since it may be older");
        }
        line(rows);
    }
    for doubt in &findings.doubts {
        line(format!("Not certain: {doubt}"));
    }
    text
}
