//! Which files a tree consists of, also where what says so is damaged.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::xxh3_128;

use crate::checkpoint::TreeMark;
use crate::damage::{Damage, Fault, io_fault};
use crate::store::TableSpec;
use crate::trees::{CURRENT, hash};
use crate::verify::{file_damage, list_runs};

/// A list of files that is longer is not searched for a bit that has changed.
const MAX_SEARCHED: usize = 64 * 1024;

pub(super) struct Listed {
    pub(super) id: u64,
    /// None where nothing says it.
    pub(super) sum: Option<u128>,
}

pub(super) struct FileList {
    /// Those that are newer first; the files of a run follow each other by their keys.
    pub(super) runs: Vec<Vec<Listed>>,
    /// Nothing lists the files: these are all that there are, in no order, and some may have been
    /// replaced by others.
    pub(super) is_guessed: bool,
    /// What is wrong with the files that say so, and what comes of that.
    pub(super) damages: Vec<(Damage, String)>,
}

struct Version {
    number: u64,
    path: PathBuf,
    bytes: Vec<u8>,
}

impl Version {
    /// What the file `current` holds that names this one.
    fn current(&self, bytes: &[u8]) -> Vec<u8> {
        [&self.number.to_le_bytes()[..], &xxh3_128(bytes).to_le_bytes(), &[0]].concat()
    }
}

/// Finds the files of the tree in `folder`, no older than the checkpoint knows it.
pub(super) fn find(folder: &Path, spec: &TableSpec, mark: Option<&TreeMark>) -> Result<FileList, Fault> {
    let path = folder.join(CURRENT);
    let current = match fs::read(&path) {
        Ok(bytes) => Some(bytes),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(io_fault(&path)(error)),
    };
    let named =
        current.as_deref().and_then(named_version).filter(|number| mark.is_none_or(|mark| *number >= mark.version));
    let versions = versions(folder)?;
    let names = |version: &Version, bytes: &[u8]| {
        let content = version.current(bytes);
        let is_named = named.is_some() && current.as_deref() == Some(&content);
        is_named || mark.is_some_and(|mark| version.number == mark.version && hash(&content) == mark.current)
    };
    let mut damages = Vec::new();
    let is_of_checkpoint = |mark: &TreeMark| current.as_deref().map(hash).as_deref() == Some(&mark.current);
    let mut damage = |file: &Path, what: String| damages.push(Damage::new(file, what, spec.holds));
    match (&current, named) {
        (None, _) => damage(&path, "is missing".to_owned()),
        (Some(_), None) => damage(&path, "is not as it was written".to_owned()),
        (Some(_), Some(number)) => {
            let file = folder.join(format!("v{number}"));
            let is_known = mark.is_none_or(|mark| number > mark.version || is_of_checkpoint(mark));
            match versions.iter().find(|version| version.number == number) {
                _ if !is_known => damage(&path, "is not as it was written".to_owned()),
                None => damage(&file, "is missing".to_owned()),
                Some(version) if !names(version, &version.bytes) => {
                    damage(&file, "is not as it was written (its checksum differs)".to_owned());
                }
                Some(_) => {}
            }
        }
    }
    let with = |damages: Vec<Damage>, runs, is_guessed, outcome: String| FileList {
        runs,
        is_guessed,
        damages: damages.into_iter().map(|damage| (damage, outcome.clone())).collect(),
    };
    let least = mark.map_or(0, |mark| mark.version);
    let possible = || versions.iter().filter(|version| version.number >= least);
    for version in possible().filter(|version| names(version, &version.bytes)) {
        if let Ok(runs) = list_runs(&version.bytes) {
            return Ok(with(damages, listed(runs), false, "nothing: another file has the same".to_owned()));
        }
    }
    for version in possible() {
        let Some(runs) = list_runs(&version.bytes).ok().filter(|runs| !runs.is_empty()) else { continue };
        let tables = folder.join("tables");
        if runs.iter().flatten().all(|(id, sum)| file_damage(&tables.join(id.to_string()), *sum, spec).is_none()) {
            let outcome = format!("nothing: {} lists files that are all as they were written", version.path.display());
            return Ok(with(damages, listed(runs), false, outcome));
        }
    }
    for version in possible().filter(|version| version.bytes.len() <= MAX_SEARCHED) {
        if let Some(runs) = with_a_bit_changed(version, |bytes| names(version, bytes)) {
            return Ok(with(
                damages,
                listed(runs),
                false,
                "nothing: one bit has changed, and it is known which".to_owned(),
            ));
        }
    }
    let outcome = "which files belong to the table; what may have been deleted or replaced is left out".to_owned();
    Ok(with(damages, all_files(&folder.join("tables"))?, true, outcome))
}

fn named_version(current: &[u8]) -> Option<u64> {
    let (number, rest) = current.split_first_chunk::<8>()?;
    (rest.len() == 17).then(|| u64::from_le_bytes(*number))
}

fn listed(runs: Vec<Vec<(u64, u128)>>) -> Vec<Vec<Listed>> {
    let run = |run: Vec<(u64, u128)>| run.into_iter().map(|(id, sum)| Listed { id, sum: Some(sum) }).collect();
    runs.into_iter().map(run).collect()
}

/// The checksum of the list is known, so a single bit that has changed can be found.
fn with_a_bit_changed(version: &Version, is_right: impl Fn(&[u8]) -> bool) -> Option<Vec<Vec<(u64, u128)>>> {
    let mut bytes = version.bytes.clone();
    for place in 0..bytes.len() * 8 {
        bytes[place / 8] ^= 1 << (place % 8);
        if is_right(&bytes) {
            return list_runs(&bytes).ok();
        }
        bytes[place / 8] ^= 1 << (place % 8);
    }
    None
}

/// Newest first.
fn versions(folder: &Path) -> Result<Vec<Version>, Fault> {
    let mut versions = Vec::new();
    for path in entries(folder)? {
        let name = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_prefix('v'));
        if let Some(number) = name.and_then(|number| number.parse().ok()) {
            let bytes = fs::read(&path).map_err(io_fault(&path))?;
            versions.push(Version { number, path, bytes });
        }
    }
    versions.sort_by_key(|version| std::cmp::Reverse(version.number));
    Ok(versions)
}

fn all_files(tables: &Path) -> Result<Vec<Vec<Listed>>, Fault> {
    let id = |path: &PathBuf| path.file_name()?.to_str()?.parse::<u64>().ok();
    let mut ids: Vec<u64> = entries(tables)?.iter().filter_map(id).collect();
    ids.sort_unstable_by_key(|id| std::cmp::Reverse(*id));
    Ok(ids.into_iter().map(|id| vec![Listed { id, sum: None }]).collect())
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, Fault> {
    match fs::read_dir(folder) {
        Ok(entries) => entries.map(|entry| Ok(entry.map_err(io_fault(folder))?.path())).collect(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(io_fault(folder)(error)),
    }
}
