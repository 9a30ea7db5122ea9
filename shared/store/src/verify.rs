//! The proof that a directory holds what was acknowledged, before anything of it is read.

use std::fs::{self, File};
use std::io::{self, BufRead as _, Read};
use std::path::Path;

use xxhash_rust::xxh3::Xxh3;

use crate::checkpoint::{self, Checkpoint};
use crate::damage::{Damage, Fault, io_fault};
use crate::identity::{self, Identity, Stage};
use crate::log::{self, Recovered};
use crate::store::{OpenError, Options, TableSpec};
use crate::table_file::{FileRows, Gap, Row};
use crate::trees::{self, CURRENT, MARK, hash};
use crate::{DirectoryLock, archive, checked_file};

/// What a directory without the file `store` may hold for a store to be made there.
const RESERVED: [&str; 6] = [trees::FOLDER, log::FOLDER, log::synced::FILE, checkpoint::FILE, "keyspaces", "keys"];

/// What was found in a directory.
pub(crate) enum Found {
    /// No store, or one that was never finished.
    Nothing,
    Store(Box<Proved>),
}

pub(crate) struct Proved {
    pub(crate) identity: Identity,
    pub(crate) checkpoint: Checkpoint,
    pub(crate) log: Option<Recovered>,
    pub(crate) files: usize,
    pub(crate) bytes: u64,
}

/// Reads every byte that the store relies on. All that is wrong is told, not just the first.
pub(crate) fn prove(directory: &Path, tables: &[TableSpec]) -> Result<Found, Vec<Fault>> {
    let one = |fault| vec![fault];
    if crate::repair::is_unfinished(directory) {
        let what = "says that a repair was begun and not finished; `hookline repair --apply` finishes it";
        let holds = "where the files of before the repair are";
        return Err(one(Damage::new(&directory.join(crate::repair::FILE), what, holds).into()));
    }
    let identity = match Identity::read(directory).map_err(one)? {
        Some(Identity { stage: Stage::Creating, .. }) => return Ok(Found::Nothing),
        Some(identity) => identity,
        None => return no_store(directory).map(|()| Found::Nothing).map_err(one),
    };
    let checkpoint = Checkpoint::read(directory)
        .map_err(one)?
        .ok_or_else(|| one(Damage::new(&directory.join(checkpoint::FILE), "is missing", checkpoint::HOLDS).into()))?;
    if checkpoint.store != identity.id {
        let what = "belongs to another store";
        return Err(one(Damage::new(&directory.join(checkpoint::FILE), what, checkpoint::HOLDS).into()));
    }
    let mut faults = Vec::new();
    let (mut files, mut bytes, mut newest) = (0, 0, (0, ""));
    for spec in tables {
        match prove_tree(directory, spec, &checkpoint) {
            Ok(tree) => {
                (files, bytes) = (files + tree.files, bytes + tree.bytes);
                newest = newest.max((tree.applied, spec.name));
            }
            Err(found) => faults.extend(found),
        }
    }
    let log = match prove_log(directory, &checkpoint) {
        // What a table has was in the log, and on disk, before. Without it the other tables would be behind.
        Ok(Some(log)) if log.newest < newest.0 => {
            let what = format!("lacks records {} to {}, which the table {} has", log.newest + 1, newest.0, newest.1);
            faults.push(Damage::new(&directory.join(log::FOLDER), what, log::HOLDS).into());
            None
        }
        Ok(log) => log,
        Err(fault) => {
            faults.push(fault);
            None
        }
    };
    if !faults.is_empty() {
        return Err(faults);
    }
    Ok(Found::Store(Box::new(Proved { identity, checkpoint, log, files, bytes })))
}

fn no_store(directory: &Path) -> Result<(), Fault> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(io_fault(directory)(error)),
    };
    for entry in entries {
        let name = entry.map_err(io_fault(directory))?.file_name();
        if let Some(name) = RESERVED.iter().find(|reserved| *name == ***reserved) {
            let what = format!("is missing, though there is {name} beside it");
            return Err(Damage::new(&directory.join(identity::FILE), what, identity::HOLDS).into());
        }
    }
    Ok(())
}

fn prove_log(directory: &Path, checkpoint: &Checkpoint) -> Result<Option<Recovered>, Fault> {
    let applied = checkpoint.applied();
    if !checkpoint.clean {
        return log::recover(directory, checkpoint.log, checkpoint.store, applied).map(Some);
    }
    // A store that was closed needs no log.
    if !checkpoint.is_of_one_moment() {
        let what = "is of tables that end at different changes, with no log to bring them together";
        return Err(Damage::new(&directory.join(checkpoint::FILE), what, checkpoint::HOLDS).into());
    }
    let synced = log::synced::read(directory, checkpoint.store)?;
    if synced > applied {
        let what = format!("is older than record {synced}, which was on disk");
        return Err(Damage::new(&directory.join(checkpoint::FILE), what, checkpoint::HOLDS).into());
    }
    Ok(None)
}

/// A tree whose files are all as they were written.
struct ProvedTree {
    files: usize,
    bytes: u64,
    /// The last record that is in its files.
    applied: u64,
}

/// Its files, that it is of this store, and that it is no older than the checkpoint knows it.
fn prove_tree(directory: &Path, spec: &TableSpec, checkpoint: &Checkpoint) -> Result<ProvedTree, Vec<Fault>> {
    let folder = trees::folder(directory, spec.name);
    let file = folder.join(CURRENT);
    let damaged = |file: &Path, what: &str| vec![Fault::from(Damage::new(file, what, spec.holds))];
    let current = read_file(&file, spec)?;
    let Some(mark) = checkpoint.tree(spec.name) else {
        return Err(damaged(&directory.join(checkpoint::FILE), &format!("does not know the table {}", spec.name)));
    };
    let Ok::<[u8; 25], _>(bytes) = current.as_slice().try_into() else {
        return Err(damaged(&file, "is not as it was written"));
    };
    let version = u64::from_le_bytes(std::array::from_fn(|byte| bytes[byte]));
    let sum = u128::from_le_bytes(std::array::from_fn(|byte| bytes[8 + byte]));
    let is_known = version == mark.version && hash(&current) == mark.current;
    // The process may have died between a new version and the checkpoint of it.
    let is_newer = version > mark.version && !checkpoint.clean;
    if !is_known && !is_newer {
        return Err(damaged(&file, &format!("is not version {}, which the checkpoint names", mark.version)));
    }
    let list = folder.join(format!("v{version}"));
    match read_file(&list, spec) {
        Ok(listed) if xxhash_rust::xxh3::xxh3_128(&listed) == sum => {}
        // Whichever of the two is damaged.
        _ if !is_known => {
            return Err(damaged(&file, &format!("names version {version}, which is not as it was written")));
        }
        Ok(_) => return Err(damaged(&list, "is not as it was written (its checksum differs)")),
        Err(faults) => return Err(faults),
    }
    let tables = list_files(&list).map_err(|what| damaged(&list, &what))?;
    let faults: Vec<Fault> = tables
        .iter()
        .filter_map(|(id, sum)| file_damage(&folder.join("tables").join(id.to_string()), *sum, spec).map(Fault::from))
        .collect();
    if !faults.is_empty() {
        return Err(faults);
    }
    let marks = tables.iter().filter_map(|(id, _)| find_mark(&folder.join("tables").join(id.to_string()), *id));
    let newest = marks.max_by_key(|row| row.seqno).and_then(|row| trees::read_mark(row.value.as_deref()?));
    let (owner, applied) = newest.ok_or_else(|| damaged(&folder, "does not say which store it belongs to"))?;
    if owner != checkpoint.store.bytes() {
        return Err(damaged(&folder, "belongs to another store"));
    }
    if applied < mark.applied_in_tree {
        return Err(damaged(&folder, "is older than the checkpoint knows it"));
    }
    let size =
        |(id, _): &(u64, u128)| fs::metadata(folder.join("tables").join(id.to_string())).map_or(0, |file| file.len());
    Ok(ProvedTree { files: tables.len() + 2, bytes: tables.iter().map(size).sum(), applied })
}

/// The newest mark in a file of a tree.
fn find_mark(file: &Path, id: u64) -> Option<Row> {
    let mut rows = FileRows::open(file, id, Gap::everything()).take_while(|row| *row.key <= *MARK);
    rows.find(|row| *row.key == *MARK)
}

fn read_file(file: &Path, spec: &TableSpec) -> Result<Vec<u8>, Vec<Fault>> {
    fs::read(file).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => vec![Damage::new(file, "is missing", spec.holds).into()],
        _ => vec![io_fault(file)(error)],
    })
}

/// The ids and checksums of a tree's files. The list was proved to be as `lsm-tree` wrote it.
pub(crate) fn list_files(version: &Path) -> Result<Vec<(u64, u128)>, String> {
    let bytes = fs::read(version).map_err(|error| format!("cannot be read ({error})"))?;
    Ok(list_runs(&bytes)?.into_iter().flatten().collect())
}

/// The same in runs: the keys of a run's files follow each other, and earlier runs are newer.
pub(crate) fn list_runs(version: &[u8]) -> Result<Vec<Vec<(u64, u128)>>, String> {
    let failed = |error: &dyn std::fmt::Display| format!("cannot be understood ({error})");
    if archive::contents(&mut io::Cursor::new(version)).map_err(|error| failed(&error))?.is_none() {
        return Err("cannot be understood (its table of contents is not as it was written)".to_owned());
    }
    let archive = sfa::Reader::from_reader(&mut io::Cursor::new(version)).map_err(|error| failed(&error))?;
    let section = archive.toc().section(b"tables").ok_or("lists no files")?;
    let start = usize::try_from(section.pos()).unwrap_or(usize::MAX);
    let mut reader = version.get(start..).ok_or("lists no files")?.take(section.len());
    let mut runs = Vec::new();
    let mut read = || -> io::Result<()> {
        for _ in 0..take::<1>(&mut reader)?[0] {
            for _ in 0..take::<1>(&mut reader)?[0] {
                let mut run = Vec::new();
                for _ in 0..u32::from_le_bytes(take(&mut reader)?) {
                    let id = u64::from_le_bytes(take(&mut reader)?);
                    if take::<1>(&mut reader)? != [0] {
                        return Err(io::Error::other("it has checksums of another kind"));
                    }
                    let sum = u128::from_le_bytes(take(&mut reader)?);
                    take::<8>(&mut reader)?;
                    run.push((id, sum));
                }
                runs.push(run);
            }
        }
        Ok(())
    };
    read().map_err(|error| failed(&error))?;
    Ok(runs)
}

fn take<const N: usize>(reader: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    reader.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// What is wrong with a file of a tree, read to its end.
pub(crate) fn file_damage(file: &Path, sum: u128, spec: &TableSpec) -> Option<Damage> {
    let damage = |what: String| Some(Damage::new(file, what, spec.holds));
    match checksum(file) {
        Ok(found) if found == sum => None,
        Ok(_) => damage("is not as it was written (its checksum differs)".to_owned()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => damage("is missing".to_owned()),
        Err(error) => damage(format!("cannot be read ({error})")),
    }
}

fn checksum(file: &Path) -> io::Result<u128> {
    let mut reader = io::BufReader::with_capacity(256 * 1024, File::open(file)?);
    let mut hash = Xxh3::new();
    loop {
        let bytes = reader.fill_buf()?;
        if bytes.is_empty() {
            return Ok(hash.digest128());
        }
        hash.update(bytes);
        let read = bytes.len();
        reader.consume(read);
    }
}

/// What [`verify`] found to be as it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// Files of tables, and their bytes.
    pub files: usize,
    pub bytes: u64,
    /// Records of the log that wait for the tables.
    pub records: u64,
    /// The store was closed by the process that wrote it last.
    pub is_clean: bool,
    pub format: u32,
}

/// Checks a directory as opening it would, and changes nothing. None where there is no store.
pub fn verify(lock: &DirectoryLock, options: &Options) -> Result<Option<Report>, OpenError> {
    let directory = lock.path();
    match prove(directory, &options.tables).map_err(|faults| OpenError::refused(directory, faults))? {
        Found::Nothing => Ok(None),
        Found::Store(proved) => Ok(Some(Report {
            files: proved.files,
            bytes: proved.bytes,
            records: proved.log.map_or(0, |log| log.newest.saturating_sub(proved.checkpoint.applied())),
            is_clean: proved.checkpoint.clean,
            format: checked_file::FORMAT,
        })),
    }
}
