//! Rows of one file of a tree, as far as they can be read, and which keys cannot.
//!
//! Each block of a file has a checksum of its own, so what a damage costs is the block it is in.

use std::fs::{self, File};
use std::io::{BufReader, Read as _, Seek as _, SeekFrom};
use std::ops::{Bound, RangeBounds};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lsm_tree::coding::Decode as _;
use lsm_tree::table::Scanner;
use lsm_tree::table::block::Header;
use lsm_tree::{Cache, Checksum, CompressionType, InternalValue, SeqNo, Slice, Table};
use xxhash_rust::xxh3::xxh3_128;

use crate::archive;

/// Of blocks, while one file is read from one end to the other.
const CACHE_BYTES: u64 = 64 * 1024;
/// The version of files of a tree that this version of `lsm-tree` writes.
const TABLE_VERSION: &[u8] = &[3];
/// The type of the blocks that follow those of rows.
const INDEX: u8 = 1;

pub(crate) struct Row {
    pub(crate) key: Slice,
    pub(crate) seqno: SeqNo,
    /// None where the key was deleted.
    pub(crate) value: Option<Slice>,
}

/// Keys that are unknown, as they stand in what could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Gap {
    pub(crate) from: Bound<Slice>,
    /// With the first key that could be read again: a newer state of it may stand right before it.
    pub(crate) until: Bound<Slice>,
}

impl Gap {
    pub(crate) fn everything() -> Self {
        Self { from: Bound::Unbounded, until: Bound::Unbounded }
    }

    pub(crate) fn contains(&self, key: &[u8]) -> bool {
        RangeBounds::<[u8]>::contains(&(as_bytes(&self.from), as_bytes(&self.until)), key)
    }
}

fn as_bytes(bound: &Bound<Slice>) -> Bound<&[u8]> {
    match bound {
        Bound::Included(key) => Bound::Included(key),
        Bound::Excluded(key) => Bound::Excluded(key),
        Bound::Unbounded => Bound::Unbounded,
    }
}

/// What a file says of itself.
#[derive(Clone)]
pub(crate) struct Meta {
    pub(crate) first: Slice,
    pub(crate) last: Slice,
    pub(crate) rows: u64,
    pub(crate) newest: SeqNo,
    /// It was written when other files were merged, and not from memory.
    pub(crate) is_merged: bool,
}

enum Source {
    Indexed(Table, Box<dyn Iterator<Item = lsm_tree::Result<InternalValue>>>),
    /// Block after block: the index is unknown.
    Scanned(Box<Scanner>),
    /// What follows the place up to which the file could be read, last row first.
    Tail(Vec<Row>),
    Nothing,
}

/// The rows of a file in order of their keys, and the newest of each key first.
pub(crate) struct FileRows {
    source: Source,
    meta: Option<Meta>,
    /// Keys of the file are within these.
    bounds: Gap,
    last: Option<(Slice, SeqNo)>,
    /// Something before the next row could not be read.
    is_broken: bool,
    pub(crate) gaps: Vec<Gap>,
    pub(crate) read: u64,
}

fn open_table(path: &Path) -> Option<Table> {
    archive::contents(&mut File::open(path).ok()?).ok()??;
    let path = path.to_owned();
    let cache = Arc::new(Cache::with_capacity_bytes(CACHE_BYTES));
    let open = move || Table::recover(path, Checksum::from_raw(0), 0, 0, cache, None, false, false);
    catch_unwind(AssertUnwindSafe(open)).ok()?.ok()
}

/// None where the file is not there or has no metadata that can be read.
pub(crate) fn read_meta(path: &Path) -> Option<Meta> {
    open_table(path).map(|table| meta(&table))
}

fn meta(table: &Table) -> Meta {
    Meta {
        first: table.metadata.key_range.min().clone(),
        last: table.metadata.key_range.max().clone(),
        rows: table.metadata.item_count,
        newest: table.get_highest_seqno(),
        is_merged: table.metadata.data_block_compression != CompressionType::None,
    }
}

impl FileRows {
    /// `bounds` is what is known of its keys from elsewhere, and `id` the one it should have.
    pub(crate) fn open(path: &Path, id: u64, bounds: Gap) -> Self {
        let mut rows = Self {
            source: Source::Nothing,
            meta: None,
            bounds,
            last: None,
            is_broken: false,
            gaps: Vec::new(),
            read: 0,
        };
        match open_table(path) {
            Some(table) if table.metadata.id == id => {
                let meta = meta(&table);
                rows.bounds =
                    Gap { from: Bound::Included(meta.first.clone()), until: Bound::Included(meta.last.clone()) };
                rows.meta = Some(meta);
                let iter = Box::new(table.iter());
                rows.source = Source::Indexed(table, iter);
            }
            Some(_) => {}
            None => rows.source = scan(path).map_or(Source::Nothing, |scanner| Source::Scanned(Box::new(scanner))),
        }
        rows.is_broken = matches!(rows.source, Source::Nothing);
        rows
    }

    /// A file that is not there, or of another store.
    pub(crate) fn missing(bounds: Gap) -> Self {
        let (source, gaps) = (Source::Nothing, Vec::new());
        Self { source, meta: None, bounds, last: None, is_broken: true, gaps, read: 0 }
    }

    pub(crate) fn meta(&self) -> Option<&Meta> {
        self.meta.as_ref()
    }

    fn start_of_gap(&self) -> Bound<Slice> {
        self.last.as_ref().map_or_else(|| self.bounds.from.clone(), |(key, _)| Bound::Excluded(key.clone()))
    }

    fn accept(&mut self, row: Row) -> Row {
        if std::mem::take(&mut self.is_broken) {
            self.gaps.push(Gap { from: self.start_of_gap(), until: Bound::Included(row.key.clone()) });
        }
        self.last = Some((row.key.clone(), row.seqno));
        self.read += 1;
        row
    }

    fn follows(&self, row: &Row) -> bool {
        self.last.as_ref().is_none_or(|(key, seqno)| comes_before(key, *seqno, &row.key, row.seqno))
    }

    /// Nothing more can be read from the front.
    fn read_backwards(&mut self) {
        self.is_broken = true;
        let mut tail = Vec::<Row>::new();
        if let Source::Indexed(table, _) = &self.source {
            let read = || {
                for item in table.iter().rev() {
                    let Some(row) = item.ok().and_then(row) else { break };
                    let is_before =
                        tail.last().is_none_or(|next| comes_before(&row.key, row.seqno, &next.key, next.seqno));
                    if !is_before || !self.follows(&row) {
                        break;
                    }
                    tail.push(row);
                }
            };
            let _ = catch_unwind(AssertUnwindSafe(read));
        }
        self.source = Source::Tail(tail);
    }

    fn end(&mut self) {
        self.source = Source::Nothing;
        if std::mem::take(&mut self.is_broken) {
            self.gaps.push(Gap { from: self.start_of_gap(), until: self.bounds.until.clone() });
        }
    }
}

fn comes_before(key: &Slice, seqno: SeqNo, next: &Slice, next_seqno: SeqNo) -> bool {
    key < next || (key == next && seqno > next_seqno)
}

fn row(item: InternalValue) -> Option<Row> {
    let value = match item.key.value_type {
        lsm_tree::ValueType::Value => Some(item.value),
        lsm_tree::ValueType::Tombstone | lsm_tree::ValueType::WeakTombstone => None,
        // There are none in our trees.
        lsm_tree::ValueType::Indirection => return None,
    };
    Some(Row { key: item.key.user_key, seqno: item.key.seqno, value })
}

impl Iterator for FileRows {
    type Item = Row;

    fn next(&mut self) -> Option<Row> {
        loop {
            let step = match &mut self.source {
                Source::Indexed(_, iter) => catch_unwind(AssertUnwindSafe(|| iter.next())),
                Source::Scanned(scanner) => catch_unwind(AssertUnwindSafe(|| scanner.next())),
                Source::Tail(rows) => match rows.pop() {
                    Some(row) => return Some(self.accept(row)),
                    None => Ok(None),
                },
                Source::Nothing => Ok(None),
            };
            let is_scanned = matches!(self.source, Source::Scanned(_));
            match step {
                Ok(Some(Ok(item))) => match row(item) {
                    Some(row) if self.follows(&row) => return Some(self.accept(row)),
                    _ => self.read_backwards(),
                },
                // The next block is one of the index: all rows were read.
                Ok(Some(Err(lsm_tree::Error::InvalidTag(("BlockType", INDEX))))) if is_scanned => self.end(),
                Ok(Some(Err(_))) if is_scanned => self.read_backwards(),
                // The iterator goes on with the next block.
                Ok(Some(Err(_))) => self.is_broken = true,
                Ok(None) => {
                    self.end();
                    return None;
                }
                Err(_) => self.read_backwards(),
            }
        }
    }
}

fn scan(path: &Path) -> Option<Scanner> {
    let first = Header::decode_from(&mut BufReader::new(File::open(path).ok()?)).ok()?;
    let compression =
        if first.data_length == first.uncompressed_length { CompressionType::None } else { CompressionType::Lz4 };
    let path: PathBuf = path.to_owned();
    catch_unwind(move || Scanner::new(&path, usize::MAX, compression, 0)).ok()?.ok()
}

/// Whether each block of a file is as it was written. Then a file that as a whole is not what was
/// written is another one, of another store or of another time.
pub(crate) fn is_whole(path: &Path) -> bool {
    let check = || {
        let mut file = File::open(path).ok()?;
        archive::contents(&mut file).ok()?.filter(|contents| contents.has_right_length)?;
        let archive = sfa::Reader::from_reader(&mut file).ok()?;
        for section in archive.toc().iter() {
            file.seek(SeekFrom::Start(section.pos())).ok()?;
            let mut bytes = Vec::new();
            (&file).take(section.len()).read_to_end(&mut bytes).ok()?;
            let is_as_written = match section.name() {
                b"data" | b"tli" | b"index" | b"filter_tli" | b"filter" | b"meta" => are_blocks_whole(&bytes),
                b"table_version" => bytes == TABLE_VERSION,
                _ => true,
            };
            if !is_as_written {
                return None;
            }
        }
        Some(())
    };
    catch_unwind(check).ok().flatten().is_some() && fs::metadata(path).is_ok()
}

fn are_blocks_whole(mut bytes: &[u8]) -> bool {
    while !bytes.is_empty() {
        let Ok(header) = Header::decode_from(&mut bytes) else { return false };
        let Some((data, rest)) = bytes.split_at_checked(header.data_length as usize) else { return false };
        if xxh3_128(data) != header.checksum.into_u128() {
            return false;
        }
        bytes = rest;
    }
    true
}
