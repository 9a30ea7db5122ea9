//! What of a damaged store can be saved, and a store made of that.
//!
//! Never is an older state taken for the newest one: where what was written last of a row cannot
//! be read, the row is left out, though an older file still has it. So a key that was revoked
//! stays revoked, or is not there at all.

mod file_list;
mod findings;
mod rebuild;
mod survey;
mod table;

use std::fs;
use std::path::PathBuf;

use crate::damage::Fault;
use crate::store::{OpenError, Options};
use crate::verify::{Found, prove};
use crate::{DirectoryLock, Report, verify};
pub use findings::{Finding, Findings, Loss, TableRows};
use rebuild::unfinished;
pub(crate) use rebuild::{FILE, is_unfinished};
use survey::Survey;

/// What [`repair`] has done.
#[derive(Debug)]
pub struct Repaired {
    /// What was found before; none when a repair that a crash had interrupted was finished.
    pub findings: Option<Findings>,
    /// Where the files are that were there before.
    pub before: PathBuf,
    pub report: Report,
}

/// Reads everything and changes nothing.
pub fn examine(lock: &DirectoryLock, options: &Options) -> Result<Findings, OpenError> {
    look(lock, options).map(|(findings, _)| findings)
}

fn look(lock: &DirectoryLock, options: &Options) -> Result<(Findings, Option<Survey>), OpenError> {
    let directory = lock.path();
    let refused = |fault| OpenError::refused(directory, vec![fault]);
    if directory.join("keyspaces").exists() && !directory.join(crate::identity::FILE).exists() {
        return Err(OpenError::Unconverted(directory.to_owned()));
    }
    if let Some(before) = unfinished(directory).map_err(refused)? {
        return Ok((Findings { unfinished: Some(before), ..Findings::default() }, None));
    }
    let proved = prove(directory, &options.tables);
    if matches!(proved, Ok(Found::Nothing)) {
        return Ok((Findings { is_empty: true, ..Findings::default() }, None));
    }
    let survey = Survey::read(directory, options).map_err(refused)?;
    let mut findings = survey.findings().map_err(refused)?;
    if let Err(faults) = proved {
        findings.add_faults(faults).map_err(refused)?;
    }
    let survey = (!findings.is_sound()).then_some(survey);
    Ok((findings, survey))
}

/// Makes a store of what can be read, and puts it in place of the damaged one, whose files are
/// kept. None where there is nothing to repair.
pub fn repair(lock: &DirectoryLock, options: &Options) -> Result<Option<Repaired>, OpenError> {
    let directory = lock.path();
    let not_writable = |error| OpenError::NotWritable(directory.to_owned(), error);
    let failed = |fault| match fault {
        Fault::Io(_, error) => not_writable(error),
        fault => OpenError::refused(directory, vec![fault]),
    };
    let (findings, survey) = look(lock, options)?;
    let (findings, before) = match (findings.unfinished.clone(), survey) {
        (Some(before), _) => (None, before),
        (None, None) => return Ok(None),
        (None, Some(survey)) => {
            rebuild::build(directory, options, &survey, &findings).map_err(failed)?;
            let before = rebuild::begin_exchange(directory).map_err(not_writable)?;
            (Some(findings), before)
        }
    };
    rebuild::exchange(directory, &before).map_err(not_writable)?;
    let report = verify(lock, options)?.ok_or_else(|| not_writable(std::io::ErrorKind::NotFound.into()))?;
    Ok(Some(Repaired { findings, before: fs::canonicalize(&before).unwrap_or(before), report }))
}

/// Stops after this many moves of files, as a crash would; says whether there were no more.
#[cfg(test)]
pub(crate) fn interrupted(lock: &DirectoryLock, options: &Options, moves: usize) -> bool {
    let directory = lock.path();
    let (findings, survey) = look(lock, options).unwrap();
    assert!(rebuild::build(directory, options, &survey.unwrap(), &findings).is_ok());
    let before = rebuild::begin_exchange(directory).unwrap();
    let mut left = moves;
    let rename = |from: &std::path::Path, to: &std::path::Path| {
        left = left.checked_sub(1).ok_or(std::io::ErrorKind::Interrupted)?;
        fs::rename(from, to)
    };
    rebuild::exchange_with(directory, &before, rename).is_ok()
}
