//! Everything that a damaged directory says, read once.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read as _;
use std::path::Path;

use lsm_tree::Slice;

use super::findings::{Findings, Loss, TableRows};
use super::table::{Change, Changes, DamagedTable};
use crate::checkpoint::{self, Checkpoint};
use crate::damage::{Damage, Fault};
use crate::identity::{self, Identity, Stage, StoreId};
use crate::log::{self, synced};
use crate::store::Options;
use crate::table_file::Gap;

pub(super) struct Survey {
    pub(super) identity: Option<Identity>,
    checkpoint: Option<Checkpoint>,
    tables: Vec<DamagedTable>,
    /// What the log has for each table.
    changes: Vec<Changes>,
    /// The log may lack what a table had, and is not used for it.
    without_log: Vec<bool>,
    /// All records of the log from here to where it ends are whole.
    first_record: u64,
    damages: Vec<(Damage, Loss)>,
    doubts: Vec<String>,
}

/// None, and what is wrong, where something cannot be understood.
fn or_damage<T>(read: Result<T, Fault>) -> Result<Result<T, Damage>, Fault> {
    match read {
        Ok(read) => Ok(Ok(read)),
        Err(Fault::Damaged(damage)) => Ok(Err(damage)),
        Err(other) => Err(other),
    }
}

fn found<T>(read: Result<Option<T>, Fault>, path: &Path, holds: &str) -> Result<Result<T, Damage>, Fault> {
    Ok(or_damage(read)?.and_then(|read| read.ok_or_else(|| Damage::new(path, "is missing", holds))))
}

impl Survey {
    pub(super) fn read(directory: &Path, options: &Options) -> Result<Self, Fault> {
        let mut survey = Self {
            identity: None,
            checkpoint: None,
            tables: Vec::new(),
            changes: vec![BTreeMap::new(); options.tables.len()],
            without_log: vec![false; options.tables.len()],
            first_record: u64::MAX,
            damages: Vec::new(),
            doubts: Vec::new(),
        };
        let path = directory.join(identity::FILE);
        let no_identity = match found(Identity::read(directory), &path, identity::HOLDS)? {
            Ok(identity) => {
                survey.identity = Some(identity);
                None
            }
            Err(damage) => Some(damage),
        };
        let path = directory.join(checkpoint::FILE);
        let other = |checkpoint: &Checkpoint| survey.identity.is_some_and(|identity| identity.id != checkpoint.store);
        match found(Checkpoint::read(directory), &path, checkpoint::HOLDS)? {
            Ok(checkpoint) if other(&checkpoint) => {
                survey.lose_checkpoint(Damage::new(&path, "belongs to another store", checkpoint::HOLDS));
            }
            Ok(checkpoint) => survey.checkpoint = Some(checkpoint),
            Err(damage) => survey.lose_checkpoint(damage),
        }
        let checkpoint = survey.checkpoint.clone();
        let is_clean = checkpoint.as_ref().is_some_and(|checkpoint| checkpoint.clean);
        for spec in &options.tables {
            let mark = checkpoint.as_ref().and_then(|checkpoint| checkpoint.tree(spec.name));
            survey.tables.push(DamagedTable::read(directory, spec, mark, is_clean)?);
        }
        let store = survey.store_id(directory)?;
        if let Some(damage) = no_identity {
            let loss = match store {
                Some(_) => "nothing: other files say the same",
                None => "the log: without the identity of the store, its records cannot be told from others",
            };
            survey.damages.push((damage, Loss::Text(loss.to_owned())));
        }
        if let Some(store) = store {
            survey.tables.iter_mut().for_each(|table| table.refuse_others(store));
            survey.read_log(directory, store)?;
        } else {
            survey.doubts.push("nothing says which store this is, so files of others may be among its own".to_owned());
        }
        survey.doubt_older_tables();
        Ok(survey)
    }

    fn lose_checkpoint(&mut self, damage: Damage) {
        let loss = "nothing by itself: it is made again from what tables and log say of themselves".to_owned();
        self.damages.push((damage, Loss::Text(loss)));
        self.doubts.push(
            "without the checkpoint, nothing proves that the files of the tables are the newest ones; older copies of \
             them, if somebody has put such there, would be taken as they are"
                .to_owned(),
        );
    }

    /// From the files that carry it: the identity, the checkpoint, most of the tables, the log.
    fn store_id(&self, directory: &Path) -> Result<Option<StoreId>, Fault> {
        let named = self.identity.map(|identity| identity.id);
        if let Some(id) = named.or_else(|| self.checkpoint.as_ref().map(|checkpoint| checkpoint.store)) {
            return Ok(Some(id));
        }
        let mut owners: BTreeMap<[u8; 16], usize> = BTreeMap::new();
        for owner in self.tables.iter().flat_map(DamagedTable::owners) {
            *owners.entry(owner).or_default() += 1;
        }
        let owner = owners.into_iter().max_by_key(|(_, files)| *files).map(|(owner, _)| StoreId::from_bytes(owner));
        Ok(owner.or_else(|| log_owner(directory)))
    }

    fn applied(&self, index: usize) -> u64 {
        let name = self.tables[index].spec().name;
        self.checkpoint.as_ref().and_then(|checkpoint| checkpoint.tree(name)).map_or(0, |mark| mark.applied_in_tree)
    }

    /// Where the log is, and the record up to which no table needs it.
    fn find_log(&self, directory: &Path, store: StoreId) -> Result<Option<(u64, u64)>, Fault> {
        if let Some(checkpoint) = &self.checkpoint
            && log::folder(directory, checkpoint.log).exists()
        {
            return Ok(Some((checkpoint.log, checkpoint.applied())));
        }
        let least = self.tables.iter().map(|table| table.mark().unwrap_or_default()).min().unwrap_or_default();
        let found = log::find_log(directory, store)?;
        Ok(found.map(|(log, first)| (log, least.max(first.saturating_sub(1)))))
    }

    fn read_log(&mut self, directory: &Path, store: StoreId) -> Result<(), Fault> {
        let synced = match or_damage(synced::read(directory, store))? {
            Ok(synced) => Some(synced),
            Err(damage) => {
                let loss = "nothing by itself: the log says of most records that they were on disk".to_owned();
                self.damages.push((damage, Loss::Text(loss)));
                let doubt = "without the file `synced`, nothing proves that the newest records are there";
                self.doubts.push(doubt.to_owned());
                None
            }
        };
        let newest_mark = self.tables.iter().filter_map(DamagedTable::mark).max().unwrap_or_default();
        let is_closed = self.checkpoint.as_ref().is_some_and(|checkpoint| checkpoint.clean);
        let log = if is_closed { None } else { self.find_log(directory, store)? };
        let Some((log, applied)) = log else {
            let known = self.checkpoint.as_ref().map_or(0, Checkpoint::applied).max(newest_mark);
            let lost = synced.unwrap_or_default().saturating_sub(known);
            if lost > 0 || self.checkpoint.as_ref().is_some_and(|checkpoint| !checkpoint.clean) {
                let (file, what, holds) = match is_closed {
                    true => (checkpoint::FILE, format!("is older than record {}", known + lost), checkpoint::HOLDS),
                    false => (log::FOLDER, "is missing".to_owned(), log::HOLDS),
                };
                self.lose_records(Damage::new(&directory.join(file), what, holds), known + 1, 0, lost);
            }
            return Ok(());
        };
        let log = log::survey(directory, log, store, applied, synced.unwrap_or_default())?;
        let damage = log.damage();
        let is_whole = damage.is_none() && synced.is_some();
        if let Some(damage) = damage {
            self.lose_records(damage, log.newest + 1, log.behind, log.proved - log.newest);
        }
        for (index, table) in self.tables.iter().enumerate() {
            let reached = table.mark().unwrap_or_default().max(self.applied(index));
            self.without_log[index] = log.newest < reached || (table.mark_may_be_newer() && !is_whole);
        }
        self.first_record = log.first;
        self.take_changes(log)
    }

    fn lose_records(&mut self, damage: Damage, first: u64, readable: u64, acknowledged: u64) {
        self.damages.push((damage, Loss::Records { first, readable, acknowledged }));
        self.doubts.push(format!(
            "what records from {first} on have changed, revoked or deleted is as it was before, unless the record can be \
             read: then the row is left out; look at hooks and API keys afterwards",
        ));
    }

    fn take_changes(&mut self, log: log::Survey) -> Result<(), Fault> {
        let (changes, without_log) = (&mut self.changes, &self.without_log);
        let marks: Vec<u64> = self.tables.iter().map(|table| table.mark().unwrap_or_default()).collect();
        let mut unknown = vec![BTreeSet::new(); changes.len()];
        log.changes_behind(|number, (table, key, _)| {
            let index = usize::from(table.0);
            if marks.get(index).is_some_and(|mark| number > *mark) {
                unknown[index].insert(Slice::from(key));
            }
        })?;
        let applied = log.first - 1;
        log.records_behind(applied).replay(|_, (table, key, value)| {
            let index = usize::from(table.0);
            if let Some(changes) = changes.get_mut(index).filter(|_| !without_log[index]) {
                changes.insert(Slice::from(key), value.map_or(Change::Delete, |value| Change::Put(Slice::from(value))));
            }
            Ok(())
        })?;
        for (changes, unknown) in changes.iter_mut().zip(unknown) {
            for key in unknown {
                let was_put = matches!(changes.get(&key), Some(Change::Put(_)));
                changes.insert(key, Change::Unknown { was_put });
            }
        }
        Ok(())
    }

    /// The rows of a table that is older than the checkpoint knows it are not the newest ones,
    /// unless the log has all that has changed since.
    fn doubt_older_tables(&mut self) {
        for index in 0..self.tables.len() {
            let (least, first, without_log) = (self.applied(index), self.first_record, self.without_log[index]);
            let table = &mut self.tables[index];
            let is_older = table.is_empty() || (!table.mark_may_be_newer() && table.mark() < Some(least));
            let has_log = !without_log && first <= table.mark().unwrap_or_default() + 1;
            if is_older && !has_log {
                table.is_unknown = true;
                let what = if table.is_empty() { "has no files" } else { "is older than the checkpoint knows it" };
                let damage = Damage::new(table.folder(), what, table.spec().holds);
                table.damages.push((damage, Loss::rows(0, None, &[Gap::everything()])));
            }
        }
    }

    /// Hands over each row that the repaired store is to have, and counts.
    pub(super) fn rows(
        &self,
        mut keep: impl FnMut(usize, Slice, Slice) -> Result<(), Fault>,
    ) -> Result<Vec<TableRows>, Fault> {
        let mut counted = Vec::new();
        for (index, table) in self.tables.iter().enumerate() {
            let counts = table.rows(&self.changes[index], |key, value| keep(index, key, value))?;
            let (name, holds) = (table.spec().name, table.spec().holds);
            let without_log = self.without_log[index];
            counted.push(TableRows { name, holds, kept: counts.kept, unknown: counts.unknown, without_log });
        }
        Ok(counted)
    }

    pub(super) fn findings(&self) -> Result<Findings, Fault> {
        let mut findings = Findings { doubts: self.doubts.clone(), ..Findings::default() };
        let of_tables = self.tables.iter().flat_map(|table| &table.damages);
        for (damage, loss) in self.damages.iter().chain(of_tables) {
            findings.add(damage.clone(), loss.clone());
        }
        if !findings.is_sound() {
            findings.tables = self.rows(|_, _, _| Ok(()))?;
        }
        Ok(findings)
    }

    pub(super) fn stage(&self) -> Stage {
        self.identity.map_or(Stage::InUse, |identity| identity.stage)
    }
}

/// As the header of a segment says it, which proves itself.
fn log_owner(directory: &Path) -> Option<StoreId> {
    let folders = fs::read_dir(directory.join(log::FOLDER)).ok()?.flatten();
    let segments = folders.filter_map(|folder| fs::read_dir(folder.path()).ok()).flatten().flatten();
    segments.map(|segment| segment.path()).find_map(|path| {
        let mut header = [0; log::SEGMENT_HEADER];
        fs::File::open(&path).ok()?.read_exact(&mut header).ok()?;
        let id = StoreId::from_bytes(std::array::from_fn(|byte| header[8 + byte]));
        log::is_segment_of(&path, id).then_some(id)
    })
}
