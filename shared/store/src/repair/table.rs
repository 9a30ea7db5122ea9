//! One table of a damaged store: which of its rows can be read, and of which the newest state is
//! known.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::path::{Path, PathBuf};

use lsm_tree::{SeqNo, Slice};

use super::Loss;
use super::file_list::{self, Listed};
use crate::checkpoint::TreeMark;
use crate::damage::{Damage, Fault, io_fault};
use crate::identity::StoreId;
use crate::store::TableSpec;
use crate::table_file::{FileRows, Gap, Meta, Row, is_whole, read_meta};
use crate::trees::{self, MARK, read_mark};
use crate::verify::file_damage;

/// What a table is to have instead of what its files say.
pub(super) type Changes = BTreeMap<Slice, Change>;

#[derive(Clone)]
pub(super) enum Change {
    Put(Slice),
    Delete,
    /// Something that follows a hole in the log.
    Unknown {
        was_put: bool,
    },
}

struct TableFile {
    path: PathBuf,
    id: u64,
    /// Rows of files with a smaller one are newer, key by key.
    position: usize,
    /// What is known of its keys from its neighbours.
    bounds: Gap,
    /// It is not there, or is another one.
    is_lost: bool,
    /// No other file can have replaced it.
    is_current: bool,
    gaps: Vec<Gap>,
    /// Where it says so.
    newest: Option<SeqNo>,
}

impl TableFile {
    fn rows(&self) -> FileRows {
        match self.is_lost {
            true => FileRows::missing(self.bounds.clone()),
            false => FileRows::open(&self.path, self.id, self.bounds.clone()),
        }
    }
}

pub(super) struct DamagedTable {
    spec: TableSpec,
    folder: PathBuf,
    runs: Vec<Vec<TableFile>>,
    is_guessed: bool,
    pub(super) damages: Vec<(Damage, Loss)>,
    /// What its files say of whose they are, and how far they have what the log holds.
    marks: Vec<([u8; 16], u64)>,
    /// Not the newest state of any row is known.
    pub(super) is_unknown: bool,
}

/// What becomes of the rows of a table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) kept: u64,
    pub(super) unknown: u64,
}

impl DamagedTable {
    /// Reads the files of a table. Where a process died, some may be left that others replaced.
    pub(super) fn read(
        directory: &Path,
        spec: &TableSpec,
        mark: Option<&TreeMark>,
        is_clean: bool,
    ) -> Result<Self, Fault> {
        let folder = trees::folder(directory, spec.name);
        let list = file_list::find(&folder, spec, mark)?;
        let damages = list.damages.into_iter().map(|(damage, outcome)| (damage, Loss::Text(outcome))).collect();
        let mut table = Self {
            spec: spec.clone(),
            folder,
            runs: Vec::new(),
            is_guessed: list.is_guessed,
            damages,
            marks: Vec::new(),
            is_unknown: false,
        };
        for (position, run) in list.runs.into_iter().enumerate() {
            let metas: Vec<Option<Meta>> = run.iter().map(|file| read_meta(&table.file_path(file.id))).collect();
            let mut files = Vec::new();
            for (index, file) in run.iter().enumerate() {
                files.push(table.read_file(file, position, bounds(&metas, index))?);
            }
            table.runs.push(files);
        }
        if table.is_guessed && !is_clean {
            table.doubt_replaced_files();
        }
        Ok(table)
    }

    fn file_path(&self, id: u64) -> PathBuf {
        self.folder.join("tables").join(id.to_string())
    }

    fn read_file(&mut self, listed: &Listed, position: usize, bounds: Gap) -> Result<TableFile, Fault> {
        let path = self.file_path(listed.id);
        let damage = listed.sum.and_then(|sum| file_damage(&path, sum, &self.spec));
        let is_missing = !path.try_exists().map_err(io_fault(&path))?;
        let mut file = TableFile {
            path,
            id: listed.id,
            position,
            bounds,
            is_lost: is_missing,
            is_current: true,
            gaps: Vec::new(),
            newest: None,
        };
        let mut rows = file.rows();
        file.newest = rows.meta().map(|meta| meta.newest);
        let total = rows.meta().map(|meta| meta.rows);
        let must_read_all = damage.is_some() || listed.sum.is_none();
        let mut mark = None;
        for row in rows.by_ref() {
            if mark.is_none() && *row.key == *MARK {
                mark = row.value.as_deref().and_then(read_mark);
            }
            if !must_read_all && *row.key > *MARK {
                break;
            }
        }
        file.gaps.clone_from(&rows.gaps);
        let (mut read, mut total) = (rows.read, total);
        if let Some(damage) = damage {
            if file.gaps.is_empty() && total.is_some() && is_whole(&file.path) {
                // Every block is as it was written, so it is not the file that the table lists.
                file.is_lost = true;
                file.newest = None;
                file.gaps = vec![file.bounds.clone()];
                (read, total, mark) = (0, None, None);
            }
            self.damages.push((damage, Loss::rows(read, total, &file.gaps)));
        } else if !file.gaps.is_empty() {
            let damage = Damage::new(&file.path, "is not as it was written", self.spec.holds);
            self.damages.push((damage, Loss::rows(read, total, &file.gaps)));
        }
        self.marks.extend(mark);
        Ok(file)
    }

    /// A file may have been merged into any later one that came of a merge.
    fn doubt_replaced_files(&mut self) {
        let is_merged = |file: &TableFile| read_meta(&file.path).is_none_or(|meta| meta.is_merged);
        let newest_merged = self.runs.iter().flatten().filter(|file| is_merged(file)).map(|file| file.id).max();
        for file in self.runs.iter_mut().flatten() {
            file.is_current = newest_merged.is_none_or(|merged| file.id >= merged);
        }
    }

    /// Ids of the stores that its files say they belong to.
    pub(super) fn owners(&self) -> impl Iterator<Item = [u8; 16]> {
        self.marks.iter().map(|(owner, _)| *owner)
    }

    /// Nothing is taken from the files of another store.
    pub(super) fn refuse_others(&mut self, store: StoreId) {
        if self.owners().all(|owner| owner == store.bytes()) {
            return;
        }
        let all = Gap::everything();
        for file in self.runs.iter_mut().flatten() {
            (file.is_lost, file.newest) = (true, None);
            file.bounds = all.clone();
            file.gaps = vec![all.clone()];
        }
        self.marks.clear();
        let damage = Damage::new(&self.folder, "belongs to another store", self.spec.holds);
        self.damages.push((damage, Loss::rows(0, None, &[all])));
    }

    /// The newest record of the log that its files say they have.
    pub(super) fn mark(&self) -> Option<u64> {
        self.marks.iter().map(|(_, applied)| *applied).max()
    }

    /// Nothing could be read, or what it says of itself may be older than the table was.
    pub(super) fn mark_may_be_newer(&self) -> bool {
        self.marks.is_empty() || self.gaps().any(|(_, gap)| gap.contains(MARK))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn spec(&self) -> &TableSpec {
        &self.spec
    }

    fn gaps(&self) -> impl Iterator<Item = (&TableFile, &Gap)> {
        self.runs.iter().flatten().flat_map(|file| file.gaps.iter().map(move |gap| (file, gap)))
    }

    /// Whether a newer state of a row may have been lost.
    fn is_doubtful(&self, file: &TableFile, row: &Row) -> bool {
        let is_newer = |other: &TableFile| match self.is_guessed {
            true => other.newest.is_none_or(|newest| row.seqno <= newest),
            false => other.position <= file.position,
        };
        self.is_unknown || !file.is_current || self.gaps().any(|(other, gap)| is_newer(other) && gap.contains(&row.key))
    }

    /// Hands over the rows that the table is to have, `changes` among them.
    pub(super) fn rows(
        &self,
        changes: &Changes,
        mut keep: impl FnMut(Slice, Slice) -> Result<(), Fault>,
    ) -> Result<Counts, Fault> {
        let mut counts = Counts::default();
        let mut runs = self.runs.iter().map(|files| Run::new(files)).collect::<Result<Vec<_>, _>>()?;
        while let Some(key) = runs.iter().filter_map(Run::key).min().cloned() {
            let mut newest: Option<(&TableFile, Row)> = None;
            for run in &mut runs {
                while run.key() == Some(&key) {
                    let Some((file, row)) = run.take()? else { break };
                    if newest.as_ref().is_none_or(|(_, newest)| row.seqno > newest.seqno) {
                        newest = Some((file, row));
                    }
                }
            }
            let Some((file, row)) = newest else { break };
            let is_unknown = match changes.get(&key) {
                Some(Change::Unknown { was_put }) => !was_put,
                Some(_) => continue,
                None => self.is_doubtful(file, &row),
            };
            if *key == *MARK {
                continue;
            }
            match row.value {
                Some(_) if is_unknown => counts.unknown += 1,
                // It is counted below.
                Some(_) if changes.contains_key(&key) => {}
                Some(value) => {
                    counts.kept += 1;
                    keep(key, value)?;
                }
                None => {}
            }
        }
        for (key, change) in changes {
            match change {
                Change::Put(value) => {
                    counts.kept += 1;
                    keep(key.clone(), value.clone())?;
                }
                Change::Unknown { was_put: true } => counts.unknown += 1,
                Change::Unknown { was_put: false } | Change::Delete => {}
            }
        }
        Ok(counts)
    }
}

/// Files of a run have no keys in common.
fn bounds(metas: &[Option<Meta>], index: usize) -> Gap {
    let before = metas[..index].iter().rev().flatten().next();
    let behind = metas[index + 1..].iter().flatten().next();
    Gap {
        from: before.map_or(Bound::Unbounded, |meta| Bound::Excluded(meta.last.clone())),
        until: behind.map_or(Bound::Unbounded, |meta| Bound::Excluded(meta.first.clone())),
    }
}

/// The rows of a run of files, one file after the other.
struct Run<'a> {
    files: std::slice::Iter<'a, TableFile>,
    open: Option<(&'a TableFile, FileRows)>,
    next: Option<(&'a TableFile, Row)>,
}

impl<'a> Run<'a> {
    fn new(files: &'a [TableFile]) -> Result<Self, Fault> {
        let mut run = Self { files: files.iter(), open: None, next: None };
        run.take()?;
        Ok(run)
    }

    fn key(&self) -> Option<&Slice> {
        self.next.as_ref().map(|(_, row)| &row.key)
    }

    fn take(&mut self) -> Result<Option<(&'a TableFile, Row)>, Fault> {
        let taken = self.next.take();
        loop {
            if let Some((file, rows)) = &mut self.open {
                if let Some(row) = rows.next() {
                    self.next = Some((file, row));
                    return Ok(taken);
                }
                if rows.gaps != file.gaps {
                    let error = std::io::Error::other("it is not the same each time it is read");
                    return Err(Fault::Io(file.path.clone(), error));
                }
            }
            let Some(file) = self.files.next() else {
                self.open = None;
                return Ok(taken);
            };
            self.open = Some((file, file.rows()));
        }
    }
}
