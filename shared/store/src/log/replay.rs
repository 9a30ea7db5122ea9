//! What a process that died left in the log, and the proof that it is all that was promised.
//!
//! A record that is not whole ends the log only where nothing says that it was on disk. What says
//! so: the file `synced`; the header of a segment, for all records before it, since no segment is
//! begun before the last one is on disk; and any later record, for those it knew to be synced.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::record::{HEADER, LogEntry, find, take_change};
use super::segment::{self, Head};
use super::synced;
use crate::damage::{Damage, Fault, io_fault};
use crate::identity::StoreId;

pub(crate) const HOLDS: &str = "the newest changes of all tables";

/// The log of a folder, read and proved.
pub(crate) struct Recovered {
    /// The number of the newest record that is whole, with all before it.
    pub(crate) newest: u64,
    /// Segments that hold what comes after what was applied, oldest first.
    segments: Vec<PathBuf>,
    applied: u64,
    seed: u64,
}

/// Reads a log behind record `applied`, which the trees have.
pub(crate) fn recover(directory: &Path, log: u64, store: StoreId, applied: u64) -> Result<Recovered, Fault> {
    let synced = synced::read(directory, store)?;
    let survey = survey(directory, log, store, applied, synced)?;
    match survey.damage() {
        Some(damage) => Err(damage.into()),
        None => Ok(survey.records_behind(applied)),
    }
}

/// What there is of a log, be it whole or not.
pub(crate) struct Survey {
    /// The number of the newest record that is whole, with all before it that the trees have not.
    pub(crate) newest: u64,
    /// All records from this one to the newest are whole.
    pub(crate) first: u64,
    /// This one was on disk.
    pub(crate) proved: u64,
    /// Records that are whole and come after one that is not.
    pub(crate) behind: u64,
    by: PathBuf,
    folder: PathBuf,
    broken: Option<(PathBuf, usize)>,
    unreadable: Option<PathBuf>,
    segments: Vec<PathBuf>,
    seed: u64,
}

/// Reads a log behind record `applied`, which the trees have; `synced` is what the file of this name says.
pub(crate) fn survey(directory: &Path, log: u64, store: StoreId, applied: u64, synced: u64) -> Result<Survey, Fault> {
    let folder = super::folder(directory, log);
    let mut proved = Proved { by: directory.join(synced::FILE), number: synced };
    let mut heads = Vec::new();
    let mut unreadable = None;
    for path in segment_files(&folder)? {
        match segment::read_head(&path, store).map_err(io_fault(&path))? {
            Some(head) => heads.push((head, path)),
            None => unreadable = Some(path),
        }
    }
    heads.sort_unstable_by_key(|(head, _)| head.sequence);
    for (head, path) in &heads {
        proved.claim(head.first.saturating_sub(1), path);
    }
    let mut run = Run { newest: applied, broken: None, segments: Vec::new(), whole: Vec::new() };
    for (head, path) in heads {
        run.read(head, path, store, &mut proved)?;
    }
    let Run { newest, broken, segments, whole } = run;
    let (first, behind) = (
        first_of(&whole, newest),
        whole.iter().map(|(first, last)| (last + 1).saturating_sub(*first.max(&(newest + 1)))).sum(),
    );
    let (by, proved) = (proved.by, proved.number);
    Ok(Survey { newest, first, proved, behind, by, folder, broken, unreadable, segments, seed: store.seed() })
}

/// The log in use and the first record of the segments that follow each other up to its newest:
/// for when the checkpoint does not say it.
pub(crate) fn find_log(directory: &Path, store: StoreId) -> Result<Option<(u64, u64)>, Fault> {
    let folder = directory.join(super::FOLDER);
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io_fault(&folder)(error)),
    };
    let mut newest = None;
    for entry in entries {
        let name = entry.map_err(io_fault(&folder))?.file_name();
        newest = newest.max(name.to_str().and_then(|name| name.parse::<u64>().ok()));
    }
    let Some(log) = newest else { return Ok(None) };
    let mut heads = Vec::new();
    for path in segment_files(&super::folder(directory, log))? {
        heads.extend(segment::read_head(&path, store).map_err(io_fault(&path))?);
    }
    heads.sort_unstable_by_key(|head| std::cmp::Reverse(head.sequence));
    let row = heads.chunk_by(|newer, older| newer.sequence == older.sequence + 1).next();
    Ok(Some((log, row.and_then(|row| row.last()).map_or(0, |head| head.first))))
}

/// Where the records begin that follow each other without a hole up to `newest`.
fn first_of(whole: &[(u64, u64)], newest: u64) -> u64 {
    let mut first = newest + 1;
    while let Some((earlier, _)) = whole.iter().find(|(start, last)| *start < first && *last + 1 >= first) {
        first = *earlier;
    }
    first
}

impl Survey {
    /// What is wrong where records are missing that were on disk.
    pub(crate) fn damage(&self) -> Option<Damage> {
        if self.proved <= self.newest {
            return None;
        }
        let (from, to) = (self.newest + 1, self.proved);
        let missing = format!("records {from} to {to} were on disk, as {} says", file_name(&self.by));
        Some(match (&self.broken, &self.unreadable) {
            (Some((path, place)), _) => Damage::new(path, format!("is damaged at byte {place}: {missing}"), HOLDS),
            (None, Some(path)) => Damage::new(path, format!("has no readable header: {missing}"), HOLDS),
            (None, None) => Damage::new(&self.folder, format!("lacks a segment: {missing}"), HOLDS),
        })
    }

    /// Every change in whole records that come after one that is not.
    pub(crate) fn changes_behind(&self, mut change: impl FnMut(u64, LogEntry<'_>)) -> Result<(), Fault> {
        for path in self.segments.iter().filter(|_| self.behind > 0) {
            let bytes = fs::read(path).map_err(io_fault(path))?;
            let mut place = segment::HEADER;
            while place + HEADER <= bytes.len() {
                // Most places begin no record, and to hash what they say is a record takes long.
                let number = u64::from_le_bytes(std::array::from_fn(|byte| bytes[place + 12 + byte]));
                let is_possible = number <= self.newest.max(self.proved) + u64::from(u32::MAX);
                let Some(record) = is_possible.then(|| find(&bytes[place..], self.seed)).flatten() else {
                    place += 1;
                    continue;
                };
                place += record.length;
                let mut rest = record.changes;
                while record.number > self.newest
                    && let Some(entry) = take_change(&mut rest)
                {
                    change(record.number, entry);
                }
            }
        }
        Ok(())
    }

    /// For records up to the newest.
    pub(crate) fn records_behind(self, applied: u64) -> Recovered {
        Recovered { newest: self.newest, segments: self.segments, applied, seed: self.seed }
    }
}

/// The newest record that was certainly on disk, and what says so.
struct Proved {
    by: PathBuf,
    number: u64,
}

impl Proved {
    fn claim(&mut self, number: u64, by: &Path) {
        if number > self.number {
            (self.number, self.by) = (number, by.to_owned());
        }
    }
}

struct Run {
    newest: u64,
    /// The first record of the run that is not whole: its file and where it begins.
    broken: Option<(PathBuf, usize)>,
    segments: Vec<PathBuf>,
    /// First and last of records that are whole and follow each other.
    whole: Vec<(u64, u64)>,
}

impl Run {
    fn read(&mut self, head: Head, path: PathBuf, store: StoreId, proved: &mut Proved) -> Result<(), Fault> {
        let bytes = fs::read(&path).map_err(io_fault(&path))?;
        let (mut place, mut next) = (segment::HEADER, head.first);
        // Records that the trees have need not be whole any more; the next ones must follow on.
        let mut continues = head.first <= self.newest + 1;
        while let Some(record) = bytes.get(place..).and_then(|rest| find(rest, store.seed())) {
            if record.number != next {
                break;
            }
            proved.claim(record.synced, &path);
            if continues && record.number == self.newest + 1 {
                self.newest = record.number;
            }
            continues &= record.number <= self.newest;
            next += 1;
            place += record.length;
        }
        // The last place where the run goes no further.
        if next == self.newest + 1 {
            self.broken = Some((path.clone(), place));
        }
        if next > head.first {
            self.whole.push((head.first, next - 1));
        }
        claim_behind(&bytes, place, next, store.seed(), |number, synced| {
            self.whole.push((number, number));
            proved.claim(synced, &path);
        });
        self.segments.push(path);
        Ok(())
    }
}

/// Looks behind a record that is not whole for later ones, at every place: its length may be
/// what is damaged.
fn claim_behind(bytes: &[u8], broken: usize, next: u64, seed: u64, mut claim: impl FnMut(u64, u64)) {
    let mut place = broken + 1;
    while let Some(header) = bytes.get(place..place + HEADER) {
        let number = u64::from_le_bytes(std::array::from_fn(|byte| header[12 + byte]));
        match (number > next && number - next < u64::from(u32::MAX)).then(|| find(&bytes[place..], seed)).flatten() {
            Some(record) => {
                claim(record.number, record.synced);
                place += record.length;
            }
            None => place += 1,
        }
    }
}

impl Recovered {
    /// Every change behind what was applied, with the number of its record, oldest first.
    pub(crate) fn replay(&self, mut change: impl FnMut(u64, LogEntry<'_>) -> Result<(), Fault>) -> Result<(), Fault> {
        for path in &self.segments {
            let bytes = fs::read(path).map_err(io_fault(path))?;
            let (mut place, mut last) = (segment::HEADER, 0);
            while let Some(record) = bytes.get(place..).and_then(|rest| find(rest, self.seed)) {
                // Behind the newest may be what the segment held before it was used again.
                if record.number > self.newest || record.number <= last {
                    break;
                }
                last = record.number;
                place += record.length;
                if record.number <= self.applied {
                    continue;
                }
                let mut rest = record.changes;
                while !rest.is_empty() {
                    let entry = take_change(&mut rest).ok_or_else(|| {
                        Damage::new(path, format!("has a record ({}) of another format", record.number), HOLDS)
                    })?;
                    change(record.number, entry)?;
                }
            }
        }
        Ok(())
    }
}

fn segment_files(folder: &Path) -> Result<Vec<PathBuf>, Fault> {
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => Damage::new(folder, "is missing", HOLDS).into(),
        _ => io_fault(folder)(error),
    };
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|extension| extension == segment::EXTENSION) {
            paths.push(path);
        }
    }
    Ok(paths)
}

fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}
