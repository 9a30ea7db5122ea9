//! The trees behind the log: one `lsm-tree` for each table.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lsm_tree::compaction::Leveled;
use lsm_tree::config::{CompressionPolicy, PartitioningPolicy, PinningPolicy};
use lsm_tree::{
    AbstractTree as _, AnyTree, Cache, CompressionType, Config, DescriptorTable, Guard as _, SeqNo,
    SequenceNumberCounter, Slice,
};
use xxhash_rust::xxh3::xxh3_128;

use crate::checkpoint::TreeMark;
use crate::damage::{Damage, Fault, io_fault};
use crate::expiry::ExpiryFactory;
use crate::identity::StoreId;
use crate::log::Recovered;
use crate::memtable::{Change, Memtable, Memtables};
use crate::store::{Options, Table, TableSpec};

/// Where the trees lie in the store's directory.
pub(crate) const FOLDER: &str = "tables";
/// The file of a tree that names its version.
pub(crate) const CURRENT: &str = "current";
/// What one file of a tree takes on the disk. A compaction writes one at a time, and what it
/// writes of an index holds on to the blocks that were read for it.
const FILE_BYTES: u64 = 8 << 20;
/// Files that are kept open, of all trees together.
const OPEN_FILES: usize = 256;
/// Memtables of one tree that wait to be flushed before nothing more comes into it.
const MAX_SEALED: usize = 4;
/// A row of each tree's own: which store it belongs to, and how far it has what the log holds. It
/// is written into each file that a tree makes of a memtable, so it is never ahead of its tree.
pub(crate) const MARK: &[u8] = b"\0mark";

/// The newest there is.
const LATEST: SeqNo = SeqNo::MAX;

pub(crate) fn folder(directory: &Path, table: &str) -> PathBuf {
    directory.join(FOLDER).join(table)
}

pub(crate) struct Trees {
    directory: PathBuf,
    store: StoreId,
    trees: Vec<Tree>,
    seqno: SequenceNumberCounter,
    visible: SequenceNumberCounter,
    memtable_bytes: u64,
    strategy: Arc<Leveled>,
    /// Locked while a transaction reads and writes, so that they follow each other.
    memtables: Mutex<Memtables>,
    /// Bytes that were written and are in no tree.
    pub(crate) unapplied: AtomicUsize,
}

struct Tree {
    spec: TableSpec,
    tree: AnyTree,
    flushes: Mutex<Flushes>,
    /// One of its files is damaged, and none are merged.
    is_damaged: AtomicBool,
}

/// Which records of the log a tree holds, and where.
#[derive(Default)]
struct Flushes {
    /// In memory or in files.
    applied: u64,
    /// The memtable in use holds something.
    is_dirty: bool,
    /// The last records of the memtables that wait to be flushed, oldest first.
    sealed: Vec<u64>,
    /// In files.
    flushed: u64,
}

impl Flushes {
    fn in_files(&self) -> u64 {
        if self.is_dirty || !self.sealed.is_empty() { self.flushed } else { self.applied }
    }
}

impl Trees {
    /// Makes the trees of a new store.
    pub(crate) fn create(directory: &Path, store: StoreId, options: &Options) -> lsm_tree::Result<Self> {
        match fs::remove_dir_all(directory.join(FOLDER)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        let trees = Self::open_all(directory, store, options)?;
        for tree in &trees.trees {
            trees.rotate(tree, 0);
        }
        trees.flush()?;
        crate::checked_file::sync_folder(&directory.join(FOLDER))?;
        crate::checked_file::sync_folder(directory)?;
        Ok(trees)
    }

    /// Opens trees that were proved to be of this store.
    pub(crate) fn open(directory: &Path, store: StoreId, options: &Options) -> Result<Self, Fault> {
        let trees = Self::open_all(directory, store, options).map_err(|error| tree_fault(directory, error))?;
        for Tree { spec, tree, flushes, .. } in &trees.trees {
            let folder = folder(directory, spec.name);
            let damaged = |what: &str| Damage::new(&folder, what, spec.holds);
            let mark = tree.get(MARK, LATEST).map_err(|error| tree_fault(&folder, error))?;
            let (_, applied) =
                mark.as_deref().and_then(read_mark).ok_or_else(|| damaged("does not say which store it belongs to"))?;
            let mut flushes = flushes.lock().unwrap_or_else(PoisonError::into_inner);
            (flushes.applied, flushes.flushed) = (applied, applied);
        }
        let newest = trees.trees.iter().filter_map(|tree| tree.tree.get_highest_seqno()).max().unwrap_or_default();
        trees.seqno.set(newest + 1);
        trees.visible.set(newest + 1);
        Ok(trees)
    }

    fn open_all(directory: &Path, store: StoreId, options: &Options) -> lsm_tree::Result<Self> {
        let (seqno, visible) = (SequenceNumberCounter::default(), SequenceNumberCounter::default());
        let cache = Arc::new(Cache::with_capacity_bytes(options.cache_bytes));
        let files = Arc::new(DescriptorTable::new(OPEN_FILES));
        let open = |spec: &TableSpec| {
            let expiry = spec.is_expired.clone().map(|is_expired| Arc::new(ExpiryFactory(is_expired)) as Arc<_>);
            // What is kept of a file in memory is for the cache to bound: what a flush or a
            // compaction pins stays, also when the file is later moved to a lower level.
            let tree = Config::new(folder(directory, spec.name), seqno.clone(), visible.clone())
                .use_cache(Arc::clone(&cache))
                .use_descriptor_table(Some(Arc::clone(&files)))
                .data_block_compression_policy(CompressionPolicy::new([CompressionType::None, CompressionType::Lz4]))
                .index_block_partitioning_policy(PartitioningPolicy::all(true))
                .filter_block_partitioning_policy(PartitioningPolicy::all(true))
                .index_block_pinning_policy(PinningPolicy::all(false))
                .filter_block_pinning_policy(PinningPolicy::all(false))
                .with_compaction_filter_factory(expiry)
                .open()?;
            Ok(Tree { spec: spec.clone(), tree, flushes: Mutex::default(), is_damaged: AtomicBool::new(false) })
        };
        let trees = options.tables.iter().map(open).collect::<lsm_tree::Result<Vec<_>>>()?;
        Ok(Self {
            directory: directory.to_owned(),
            store,
            trees,
            seqno,
            visible,
            memtable_bytes: options.memtable_bytes,
            strategy: Arc::new(Leveled::default().with_table_target_size(FILE_BYTES)),
            memtables: Mutex::default(),
            unapplied: AtomicUsize::new(0),
        })
    }

    pub(crate) fn memtables(&self) -> MutexGuard<'_, Memtables> {
        self.memtables.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn get(&self, table: Table, key: &[u8]) -> Result<Option<Slice>, Fault> {
        let tree = &self.trees[usize::from(table.0)];
        tree.tree.get(key, LATEST).map_err(|error| self.locate(tree, error))
    }

    /// Rows as they are now. To be called with the memtables locked, so that the versions of the
    /// trees that are looked at are not let go of meanwhile.
    pub(crate) fn range<R: std::ops::RangeBounds<Vec<u8>>>(
        self: &Arc<Self>,
        table: Table,
        range: R,
        _locked: &Memtables,
    ) -> impl DoubleEndedIterator<Item = Result<(Slice, Slice), Fault>> + use<R> {
        let rows = self.trees[usize::from(table.0)].tree.range(range, self.visible.get(), None);
        let trees = Arc::clone(self);
        let rows = rows
            .map(move |row| row.into_inner().map_err(|error| trees.locate(&trees.trees[usize::from(table.0)], error)));
        rows.filter(|row| !matches!(row, Ok((key, _)) if **key == *MARK))
    }

    /// Takes up what the log has and the trees have not, and puts it into their files.
    pub(crate) fn replay(&self, log: &Recovered) -> Result<(), Fault> {
        let mut last = 0;
        log.replay(|number, (table, key, value)| {
            // Records go whole into a file, or what is written once would be there twice.
            if std::mem::replace(&mut last, number) != number {
                self.all_applied(number - 1);
                self.flush_full(None)?;
            }
            let Some(tree) = self.trees.get(usize::from(table.0)) else {
                let what = format!("has a record ({number}) of a table that this version does not know");
                return Err(Damage::new(&self.directory.join(crate::log::FOLDER), what, "changes of all tables").into());
            };
            let mut flushes = tree.flushes.lock().unwrap_or_else(PoisonError::into_inner);
            if number > flushes.flushed {
                let seqno = self.seqno.next();
                match value {
                    Some(value) => tree.tree.insert(key, value, seqno),
                    None => tree.tree.remove(key, seqno),
                };
                flushes.is_dirty = true;
            }
            Ok(())
        })?;
        self.visible.fetch_max(self.seqno.get());
        self.all_applied(log.newest);
        self.flush_full(Some(u64::MAX))
    }

    fn flush_full(&self, needed: Option<u64>) -> Result<(), Fault> {
        if self.rotate_full(needed) {
            self.flush().map_err(|error| tree_fault(&self.directory, error))?;
        }
        Ok(())
    }

    /// Puts a memtable, whose last record this is, into the trees' memory.
    pub(crate) fn apply(&self, memtable: &Memtable, newest: u64) {
        let seqno = self.seqno.next();
        for (table, key, change) in memtable.changes() {
            let tree = &self.trees[usize::from(table.0)];
            match change {
                Change::Put(value) => tree.tree.insert(key.clone(), value.clone(), seqno),
                Change::Delete => tree.tree.remove(key.clone(), seqno),
                Change::DeleteSingle => tree.tree.remove_weak(key.clone(), seqno),
            };
            tree.flushes.lock().unwrap_or_else(PoisonError::into_inner).is_dirty = true;
        }
        self.visible.fetch_max(seqno + 1);
        self.all_applied(newest);
    }

    pub(crate) fn all_applied(&self, newest: u64) {
        for tree in &self.trees {
            let mut flushes = tree.flushes.lock().unwrap_or_else(PoisonError::into_inner);
            flushes.applied = flushes.applied.max(newest);
        }
    }

    /// The closed memtable is in the trees.
    pub(crate) fn applied(&self) {
        let _applied = {
            let mut memtables = self.memtables();
            let applied = memtables.applied();
            self.unapplied.store(memtables.bytes(), Ordering::Relaxed);
            applied
        };
    }

    /// Seals the memory of trees that hold enough, or something that `needed` would have in a
    /// file. Says whether there is something to flush.
    pub(crate) fn rotate_full(&self, needed: Option<u64>) -> bool {
        for tree in &self.trees {
            let (is_dirty, flushed, applied) = {
                let flushes = tree.flushes.lock().unwrap_or_else(PoisonError::into_inner);
                (flushes.is_dirty, flushes.sealed.last().copied().unwrap_or(flushes.flushed), flushes.applied)
            };
            let is_full = tree.tree.active_memtable().size() > self.memtable_bytes;
            if is_dirty && (is_full || needed.is_some_and(|needed| flushed < needed)) {
                self.rotate(tree, applied);
            }
        }
        self.trees.iter().any(|tree| tree.tree.sealed_memtable_count() > 0)
    }

    fn rotate(&self, tree: &Tree, newest: u64) {
        tree.tree.insert(MARK, mark(self.store, newest), self.seqno.next());
        tree.tree.rotate_memtable();
        let mut flushes = tree.flushes.lock().unwrap_or_else(PoisonError::into_inner);
        flushes.is_dirty = false;
        flushes.sealed.push(newest);
    }

    /// Whether a tree has so much to flush that nothing more may come into it.
    pub(crate) fn is_behind(&self) -> bool {
        self.trees.iter().any(|tree| tree.tree.sealed_memtable_count() >= MAX_SEALED)
    }

    /// Makes files of what was sealed.
    pub(crate) fn flush(&self) -> lsm_tree::Result<()> {
        for tree in &self.trees {
            let sealed = tree.flushes.lock().unwrap_or_else(PoisonError::into_inner).sealed.clone();
            let Some(newest) = sealed.last() else { continue };
            tree.tree.flush(&tree.tree.get_flush_lock(), self.oldest_read())?;
            let mut flushes = tree.flushes.lock().unwrap_or_else(PoisonError::into_inner);
            flushes.flushed = flushes.flushed.max(*newest);
            flushes.sealed.drain(..sealed.len());
        }
        Ok(())
    }

    /// Merges files once, where that is due; says whether anything was.
    pub(crate) fn compact(&self) -> lsm_tree::Result<bool> {
        let mut has_changed = false;
        for tree in self.trees.iter().filter(|tree| !tree.is_damaged.load(Ordering::Relaxed)) {
            let before = tree.tree.current_version().id();
            tree.tree.compact(self.strategy.clone(), self.oldest_read())?;
            has_changed |= tree.tree.current_version().id() != before;
        }
        Ok(has_changed)
    }

    /// Finds the files that are not as they were written. Those of their trees are merged no more.
    pub(crate) fn stop_compacting_damaged(&self) -> Vec<Damage> {
        let mut damages = Vec::new();
        for tree in self.trees.iter().filter(|tree| !tree.is_damaged.load(Ordering::Relaxed)) {
            let found = self.damaged_files(tree);
            tree.is_damaged.store(!found.is_empty(), Ordering::Relaxed);
            damages.extend(found);
        }
        damages
    }

    pub(crate) fn names(&self) -> Vec<&'static str> {
        self.trees.iter().map(|tree| tree.spec.name).collect()
    }

    /// What nobody who reads may still look for is older than this. Whoever is about to read
    /// holds the memtables.
    fn oldest_read(&self) -> SeqNo {
        let _memtables = self.memtables();
        self.visible.get()
    }

    /// What is in files, for the checkpoint. Nothing may be flushed or compacted meanwhile.
    pub(crate) fn marks(&self) -> std::io::Result<Vec<TreeMark>> {
        let mark = |tree: &Tree| {
            let current = fs::read(folder(&self.directory, tree.spec.name).join(CURRENT))?;
            let flushes = tree.flushes.lock().unwrap_or_else(PoisonError::into_inner);
            Ok(TreeMark {
                name: tree.spec.name.to_owned(),
                applied: flushes.in_files(),
                applied_in_tree: flushes.flushed,
                version: tree.tree.current_version().id(),
                current: hash(&current),
            })
        };
        self.trees.iter().map(mark).collect()
    }

    /// Names the file that an error is about, by reading those there are.
    fn locate(&self, tree: &Tree, error: lsm_tree::Error) -> Fault {
        if let lsm_tree::Error::Io(error) = error {
            return io_fault(&folder(&self.directory, tree.spec.name))(error);
        }
        self.damaged_files(tree)
            .into_iter()
            .next()
            .map_or_else(|| tree_fault(&folder(&self.directory, tree.spec.name), error), Fault::Damaged)
    }

    fn damaged_files(&self, tree: &Tree) -> Vec<Damage> {
        let version = tree.tree.current_version();
        let damage =
            |file: &lsm_tree::Table| crate::verify::file_damage(&file.path, file.checksum().into_u128(), &tree.spec);
        version.iter_tables().filter_map(damage).collect()
    }
}

pub(crate) fn hash(bytes: &[u8]) -> String {
    format!("{:032x}", xxh3_128(bytes))
}

/// Never expired, whatever the table's rule reads from its first bytes.
fn mark(store: StoreId, applied: u64) -> Vec<u8> {
    [&i64::MAX.to_be_bytes()[..], &store.bytes(), &applied.to_le_bytes()].concat()
}

pub(crate) fn read_mark(value: &[u8]) -> Option<([u8; 16], u64)> {
    let (store, applied) = value.get(8..)?.split_first_chunk::<16>()?;
    Some((*store, u64::from_le_bytes(applied.try_into().ok()?)))
}

fn tree_fault(folder: &Path, error: lsm_tree::Error) -> Fault {
    match error {
        lsm_tree::Error::Io(error) => io_fault(folder)(error),
        error => Damage::new(folder, format!("cannot be read ({error})"), "a table").into(),
    }
}
