//! Random histories, crashes and damages against the specification in `docs/storage.md`: whatever
//! happens to the files, a store that opens holds the state after some write, and no older one
//! than the newest that was acknowledged.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::torn::{copy, copy_open};
use super::{MESSAGES, options, snapshot, try_open};
use crate::identity::Identity;
use crate::log::synced::Synced;
use crate::log::{SEGMENT_HEADER, record};
use crate::verify::{Found, prove};
use crate::{Error, Store, Table};

/// Damages of one run in CI. `HOOKLINE_DAMAGES=100000` tries more.
const DAMAGES: usize = 3_000;
/// Of each history, before the next one is made.
const PER_HISTORY: usize = 250;

/// A folder that is not on a disk, where there is such a place: what is synced is told here.
fn in_memory() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").unwrap_or_else(|_| tempfile::tempdir().unwrap())
}

/// xorshift: the same histories every time.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() >> 11).unwrap() % bound.max(1)
    }
}

type Rows = BTreeMap<(u8, Vec<u8>), Vec<u8>>;

/// A directory as it was left, and what a store over it may hold.
struct Image {
    folder: tempfile::TempDir,
    /// The states after each write, from the newest that was acknowledged on.
    states: Vec<Rows>,
}

fn rows(store: &Store) -> Rows {
    let of_table = |table: u8| {
        store.range(Table(table), vec![]..vec![u8::MAX]).map(move |row| {
            let (key, value) = row.unwrap();
            ((table, key.to_vec()), value.to_vec())
        })
    };
    (0..3).flat_map(of_table).collect()
}

async fn write(store: &Store, dice: &mut Dice, state: &mut Rows, number: usize) {
    let mut changes: Vec<(Table, Vec<u8>, Option<Vec<u8>>)> = Vec::new();
    for _ in 0..=dice.below(3) {
        let (table, key) =
            (Table(u8::try_from(dice.below(2)).unwrap()), vec![b'k', u8::try_from(dice.below(30)).unwrap()]);
        let value = vec![u8::try_from(number % 251).unwrap() | 1; [3, 40, 900][dice.below(3)]];
        changes.push((table, key, (dice.below(4) > 0).then_some(value)));
    }
    // Messages are written once and deleted once.
    changes.push((MESSAGES, number.to_be_bytes().to_vec(), Some(vec![7; 20])));
    let old = number.saturating_sub(1 + dice.below(20)).to_be_bytes().to_vec();
    let is_there = state.contains_key(&(MESSAGES.0, old.clone()));
    if is_there {
        changes.push((MESSAGES, old, None));
    }
    for (table, key, value) in changes.clone() {
        match value {
            Some(value) => drop(state.insert((table.0, key), value)),
            None => drop(state.remove(&(table.0, key))),
        }
    }
    let written = store.write(move |tx| {
        for (table, key, value) in changes {
            match value {
                Some(value) => tx.put(table, key, value),
                None if table == MESSAGES => tx.delete_single(table, key),
                None => tx.delete(table, key),
            }
        }
        Ok::<_, Error>(())
    });
    written.await.unwrap();
}

/// The directory after a clean stop, after a kill, and after a power failure.
async fn images(dice: &mut Dice) -> Vec<Image> {
    let folder = in_memory();
    let options = crate::Options {
        memtable_bytes: 2_000 + dice.below(20_000) as u64,
        segment_bytes: 4_000 + dice.below(40_000) as u64,
        ..options()
    };
    let (mut images, mut state, mut number) = (Vec::new(), Rows::new(), 0);
    let mut store = try_open(folder.path(), &options).unwrap();
    for _ in 0..3 {
        let mut states = vec![state.clone()];
        for _ in 0..5 + dice.below(60) {
            number += 1;
            write(&store, dice, &mut state, number).await;
            states.push(state.clone());
        }
        let killed = in_memory();
        copy_open(&store, folder.path(), killed.path());
        let failed = in_memory();
        copy(killed.path(), failed.path());
        images.push(Image { folder: killed, states: vec![state.clone()] });
        let lost = forget_syncs(failed.path(), dice);
        images.push(Image { folder: failed, states: states.split_off(states.len() - 1 - lost) });
        store.close();
        drop(store);
        let closed = in_memory();
        copy(folder.path(), closed.path());
        images.push(Image { folder: closed, states: vec![state.clone()] });
        store = try_open(folder.path(), &options).unwrap();
    }
    images
}

/// Sets back how many records of the newest segment are known to be on disk, as if they were
/// written at once and never synced. Returns how many that are.
fn forget_syncs(folder: &Path, dice: &mut Dice) -> usize {
    let id = Identity::read(folder).unwrap().unwrap().id;
    let log = super::log(folder);
    let mut segments: Vec<(PathBuf, Vec<u8>)> = snapshot(&log);
    segments.retain(|(_, bytes)| record::find(bytes.get(SEGMENT_HEADER..).unwrap_or_default(), id.seed()).is_some());
    let first = |bytes: &[u8]| record::find(&bytes[SEGMENT_HEADER..], id.seed()).unwrap().number;
    let Some((path, mut bytes)) = segments.into_iter().max_by_key(|(_, bytes)| first(bytes)) else { return 0 };
    let (start, mut place, mut ends) = (first(&bytes), SEGMENT_HEADER, Vec::new());
    while let Some(found) = record::find(&bytes[place..], id.seed()) {
        if found.number != start + ends.len() as u64 {
            break;
        }
        ends.push((place, place + found.length));
        place += found.length;
    }
    // The trees may have them already.
    let applied = crate::checkpoint::Checkpoint::read(folder).unwrap().unwrap().applied();
    let forgettable = ends.len().min(usize::try_from((start + ends.len() as u64 - 1).saturating_sub(applied)).unwrap());
    let lost = dice.below(forgettable + 1);
    let known = start + ends.len() as u64 - 1 - lost as u64;
    for (from, to) in ends {
        let synced = record::find(&bytes[from..], id.seed()).unwrap().synced;
        record::reseal(&mut bytes[from..to], id.seed(), synced.min(known));
    }
    fs::write(path, bytes).unwrap();
    Synced::create(folder, id, known).unwrap();
    lost
}

/// What can happen to a file.
fn damage(dice: &mut Dice, bytes: &mut Vec<u8>, others: &[(PathBuf, Vec<u8>)]) -> String {
    let place = dice.below(bytes.len());
    let page = place / 4096 * 4096..(place / 4096 * 4096 + 4096).min(bytes.len());
    let short = place..(place + 1 + dice.below(600)).min(bytes.len());
    match dice.below(9) {
        0 | 1 if !bytes.is_empty() => bytes[place] ^= 1 << dice.below(8),
        2 => bytes[short].fill(0),
        3 => bytes[page].fill(0),
        4 => bytes.truncate(place),
        5 => bytes[short].iter_mut().for_each(|byte| *byte = u8::try_from(dice.below(256)).unwrap()),
        6 => {
            // A misdirected write: a page of another file, or of another place.
            let (_, other) = &others[dice.below(others.len())];
            let from = dice.below(other.len());
            let length = page.len().min(other.len() - from);
            bytes[page.start..page.start + length].copy_from_slice(&other[from..from + length]);
        }
        7 => drop(bytes.splice(place..place, [0; 7])),
        _ => {
            let (_, other) = &others[dice.below(others.len())];
            other.clone_into(bytes);
        }
    }
    format!("at {place} of {}", bytes.len())
}

#[tokio::test]
async fn no_damage_is_silent() {
    let wanted = std::env::vars().find(|(name, _)| name == "HOOKLINE_DAMAGES");
    let wanted = wanted.map_or(DAMAGES, |(_, count)| count.parse().unwrap());
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let (mut tried, mut refused) = (0, 0);
    while tried < wanted {
        let images = images(&mut dice).await;
        for image in &images {
            opens_with(image.folder.path(), image, "undamaged");
        }
        for _ in 0..PER_HISTORY {
            let image = &images[dice.below(images.len())];
            // Older and other files to be put in place of one.
            let other = &images[dice.below(images.len())];
            let (files, others) = (snapshot(image.folder.path()), snapshot(other.folder.path()));
            let (file, whole) = &files[dice.below(files.len())];
            let mut bytes = whole.clone();
            let what = if dice.below(12) == 0 {
                fs::remove_file(file).unwrap();
                "missing".to_owned()
            } else {
                let what = damage(&mut dice, &mut bytes, &others);
                fs::write(file, &bytes).unwrap();
                what
            };
            let what = format!("{} {what}", file.display());
            match prove(image.folder.path(), &options().tables) {
                Err(_) => refused += 1,
                Ok(Found::Nothing) => panic!("{what}: taken for no store"),
                Ok(Found::Store(_)) => opens_with(image.folder.path(), image, &what),
            }
            fs::write(file, whole).unwrap();
            tried += 1;
        }
    }
    println!("{tried} damages, {refused} refused, the others of no consequence");
    assert!(refused * 3 > tried, "{refused} of {tried}");
}

/// Opens a copy, which holds one of the states.
fn opens_with(folder: &Path, image: &Image, what: &str) {
    let copied = in_memory();
    copy(folder, copied.path());
    let store = match try_open(copied.path(), &options()) {
        Ok(store) => store,
        Err(error) => panic!("{what}: {error}"),
    };
    let found = rows(&store);
    assert!(image.states.contains(&found), "{what}: {} rows, which were never there together", found.len());
    drop(store);
}
