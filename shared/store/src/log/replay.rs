//! What a process that died left in the log, and the proof that it is all that was promised.
//!
//! A record that is not whole ends the log only where nothing says that it was on disk. What says
//! so: the file `synced`; the header of a segment, for all records before it, since no segment is
//! begun before the last one is on disk; and any later record, for those it knew to be synced.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::record::{Entry, HEADER, find, take_change};
use super::segment::{self, Head};
use super::synced;
use crate::damage::{Damage, Fault, io_fault};
use crate::identity::StoreId;

const HOLDS: &str = "the newest changes of all tables";

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
    let folder = &super::folder(directory, log);
    let mut proved = Proved { by: directory.join(synced::FILE), number: synced::read(directory, store)? };
    let mut heads = Vec::new();
    let mut unreadable = None;
    for path in segment_files(folder)? {
        match segment::read_head(&path, store).map_err(io_fault(&path))? {
            Some(head) => heads.push((head, path)),
            None => unreadable = Some(path),
        }
    }
    heads.sort_unstable_by_key(|(head, _)| head.sequence);
    for (head, path) in &heads {
        proved.claim(head.first.saturating_sub(1), path);
    }
    let mut run = Run { newest: applied, broken: None, segments: Vec::new() };
    for (head, path) in heads {
        run.read(head, path, store, &mut proved)?;
    }
    if proved.number <= run.newest {
        return Ok(Recovered { newest: run.newest, segments: run.segments, applied, seed: store.seed() });
    }
    let missing =
        format!("records {} to {} were on disk, as {} says", run.newest + 1, proved.number, file_name(&proved.by));
    Err(match (run.broken, unreadable) {
        (Some((path, place)), _) => Damage::new(&path, format!("is damaged at byte {place}: {missing}"), HOLDS),
        (None, Some(path)) => Damage::new(&path, format!("has no readable header: {missing}"), HOLDS),
        (None, None) => Damage::new(folder, format!("lacks a segment: {missing}"), HOLDS),
    }
    .into())
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
        claim_behind(&bytes, place, next, store.seed(), |number| proved.claim(number, &path));
        self.segments.push(path);
        Ok(())
    }
}

/// Looks behind a record that is not whole for later ones, at every place: its length may be
/// what is damaged.
fn claim_behind(bytes: &[u8], broken: usize, next: u64, seed: u64, mut claim: impl FnMut(u64)) {
    let mut place = broken + 1;
    while let Some(header) = bytes.get(place..place + HEADER) {
        let number = u64::from_le_bytes(std::array::from_fn(|byte| header[12 + byte]));
        match (number > next && number - next < u64::from(u32::MAX)).then(|| find(&bytes[place..], seed)).flatten() {
            Some(record) => {
                claim(record.synced);
                place += record.length;
            }
            None => place += 1,
        }
    }
}

impl Recovered {
    /// Every change behind what was applied, with the number of its record, oldest first.
    pub(crate) fn replay(&self, mut change: impl FnMut(u64, Entry<'_>) -> Result<(), Fault>) -> Result<(), Fault> {
        for path in &self.segments {
            let bytes = fs::read(path).map_err(io_fault(path))?;
            let mut place = segment::HEADER;
            while let Some(record) = bytes.get(place..).and_then(|rest| find(rest, self.seed)) {
                if record.number > self.newest {
                    break;
                }
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
