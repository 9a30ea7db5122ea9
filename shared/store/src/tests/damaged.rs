//! Bytes that were on disk and are not as they were: the store says so and does not open, or
//! holds everything all the same.

use std::fs;
use std::path::{Path, PathBuf};

use super::torn::{copy, copy_open};
use super::{HOOKS, open, options, record, recorded, snapshot, try_open};
use crate::{DirectoryLock, OpenError, Store, examine, repair, verify};

const RECORDS: u8 = 40;

/// A store with files of every kind: in tables, in two segments of the log, and in its newest one.
async fn stores() -> [(&'static str, tempfile::TempDir); 2] {
    let folder = tempfile::tempdir().unwrap();
    let options = crate::Options { segment_bytes: 200_000, ..options() };
    let store = try_open(folder.path(), &options).unwrap();
    for number in 0..RECORDS / 2 {
        record(&store, number).await.unwrap();
    }
    store.close();
    drop(store);
    let store = try_open(folder.path(), &options).unwrap();
    for number in RECORDS / 2..RECORDS {
        record(&store, number).await.unwrap();
    }
    let killed = tempfile::tempdir().unwrap();
    copy_open(&store, folder.path(), killed.path());
    store.close();
    drop(store);
    [("killed", killed), ("closed", folder)]
}

/// Opens a damaged copy: it is refused with a file that is named, or holds everything.
fn told_or_whole(folder: &Path, what: &str) -> bool {
    match try_open(folder, &options()) {
        Ok(store) => {
            assert!(whole(&store), "{what}: something is missing, and nothing was said");
            false
        }
        Err(OpenError::Damaged { damages, .. }) => {
            assert!(!damages.is_empty() && damages.iter().all(|damage| damage.file.starts_with(folder)), "{what}");
            true
        }
        Err(OpenError::Newer { .. }) => true,
        Err(other) => panic!("{what}: {other}"),
    }
}

fn whole(store: &Store) -> bool {
    recorded(store) == (0..RECORDS).collect::<Vec<_>>()
}

fn relative(path: &Path, folder: &Path) -> PathBuf {
    path.strip_prefix(folder).unwrap().to_owned()
}

/// A copy in which this was done to one file.
fn damage(folder: &Path, file: &Path, with: impl FnOnce(&mut Vec<u8>)) -> tempfile::TempDir {
    let copied = tempfile::tempdir().unwrap();
    copy(folder, copied.path());
    let path = copied.path().join(file);
    let mut bytes = fs::read(&path).unwrap();
    with(&mut bytes);
    fs::write(path, bytes).unwrap();
    copied
}

#[tokio::test]
async fn a_bit_that_changes_anywhere_is_told_or_changes_nothing() {
    for (state, folder) in stores().await {
        for (file, bytes) in snapshot(folder.path()) {
            let file = relative(&file, folder.path());
            let step = (bytes.len() / 12).max(1);
            for place in (0..bytes.len()).step_by(step).chain(bytes.len().checked_sub(1)) {
                let copied = damage(folder.path(), &file, |bytes| bytes[place] ^= 0x10);
                told_or_whole(copied.path(), &format!("{state}: byte {place} of {}", file.display()));
            }
        }
    }
}

#[tokio::test]
async fn a_file_that_is_cut_zeroed_emptied_or_has_bytes_in_front_is_told_or_changes_nothing() {
    for (state, folder) in stores().await {
        for (file, bytes) in snapshot(folder.path()) {
            let file = relative(&file, folder.path());
            let what = |how: &str| format!("{state}: {} {how}", file.display());
            for part in 0..6 {
                let place = bytes.len() * part / 6;
                let copied = damage(folder.path(), &file, |bytes| bytes.truncate(place));
                told_or_whole(copied.path(), &what(&format!("cut at {place}")));
                let copied = damage(folder.path(), &file, |bytes| {
                    let end = (place / 4096 + 1) * 4096;
                    let end = end.min(bytes.len());
                    bytes[(place / 4096 * 4096).min(end)..end].fill(0);
                });
                told_or_whole(copied.path(), &what(&format!("with a page of zeroes at {place}")));
            }
            let copied = damage(folder.path(), &file, |bytes| drop(bytes.splice(0..0, *b"unknown bytes")));
            told_or_whole(copied.path(), &what("with bytes in front"));
        }
    }
}

#[tokio::test]
async fn a_file_that_is_missing_is_told_or_changes_nothing() {
    for (state, folder) in stores().await {
        for (file, _) in snapshot(folder.path()) {
            let file = relative(&file, folder.path());
            let copied = tempfile::tempdir().unwrap();
            copy(folder.path(), copied.path());
            fs::remove_file(copied.path().join(&file)).unwrap();
            told_or_whole(copied.path(), &format!("{state}: without {}", file.display()));
        }
        for folder_name in ["log", "tables", "tables/hooks", "tables/logs/tables"] {
            let copied = tempfile::tempdir().unwrap();
            copy(folder.path(), copied.path());
            let _ = fs::remove_dir_all(copied.path().join(folder_name));
            told_or_whole(copied.path(), &format!("{state}: without {folder_name}"));
        }
    }
}

#[tokio::test]
async fn files_of_another_store_are_told_or_change_nothing() {
    let ([(_, killed), (_, closed)], others) = (stores().await, stores().await);
    for (folder, (state, other)) in [killed, closed].iter().zip(others) {
        for (file, _) in snapshot(folder.path()) {
            let file = relative(&file, folder.path());
            let Ok(theirs) = fs::read(other.path().join(&file)) else { continue };
            let copied = damage(folder.path(), &file, |bytes| *bytes = theirs);
            told_or_whole(copied.path(), &format!("{state}: {} of another store", file.display()));
        }
        for part in ["tables", "tables/hooks", "tables/messages", "log"] {
            if !other.path().join(part).exists() {
                continue;
            }
            let copied = tempfile::tempdir().unwrap();
            copy(folder.path(), copied.path());
            let _ = fs::remove_dir_all(copied.path().join(part));
            copy(&other.path().join(part), &copied.path().join(part));
            let told = told_or_whole(copied.path(), part);
            // A store that was closed needs no log.
            assert!(told || (state == "closed" && part == "log"), "{state}: {part} of another store is not told");
        }
    }
}

/// Each older copy of a file is put beside newer ones.
#[tokio::test]
async fn older_copies_of_files_are_told_or_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let options = crate::Options { segment_bytes: 60_000, memtable_bytes: 30_000, ..options() };
    let store = try_open(folder.path(), &options).unwrap();
    let mut ages = Vec::new();
    for number in 0..RECORDS {
        record(&store, number).await.unwrap();
        if number % 10 == 5 {
            let age = tempfile::tempdir().unwrap();
            copy_open(&store, folder.path(), age.path());
            ages.push(age);
        }
    }
    let killed = tempfile::tempdir().unwrap();
    copy_open(&store, folder.path(), killed.path());
    store.close();
    drop(store);
    ages.push(killed);
    let mut told = 0;
    for newer in [folder.path(), ages.last().unwrap().path()] {
        for (age, older) in ages.iter().enumerate() {
            for (file, bytes) in snapshot(older.path()) {
                let file = relative(&file, older.path());
                let copied = tempfile::tempdir().unwrap();
                copy(newer, copied.path());
                let path = copied.path().join(&file);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, bytes).unwrap();
                told += usize::from(told_or_whole(copied.path(), &format!("{} of age {age}", file.display())));
            }
            for part in ["tables/hooks", "tables/messages", "tables", "log"] {
                let copied = tempfile::tempdir().unwrap();
                copy(newer, copied.path());
                let _ = fs::remove_dir_all(copied.path().join(part));
                copy(&older.path().join(part), &copied.path().join(part));
                told += usize::from(told_or_whole(copied.path(), &format!("{part} of age {age}")));
            }
        }
    }
    assert!(told > 20, "{told}");
}

#[tokio::test]
async fn a_start_that_is_refused_names_file_content_and_remedy_and_changes_nothing() {
    let [(_, killed), _] = stores().await;
    let (file, _) = snapshot(&killed.path().join("tables/hooks/tables")).remove(0);
    let copied = damage(killed.path(), &relative(&file, killed.path()), |bytes| bytes[100] ^= 1);
    let before = snapshot(copied.path());
    let Err(refused) = try_open(copied.path(), &options()) else { panic!("it is damaged") };
    let text = refused.to_string();
    for part in ["tables/hooks/tables/", "rows of a test", "backup", "hookline repair --data"] {
        assert!(text.contains(part), "{text}");
    }
    assert!(snapshot(copied.path()) == before);
}

/// While the store is open, damage costs what the file holds, and not the store.
#[tokio::test]
async fn a_file_that_is_damaged_while_it_serves_costs_its_rows_alone() {
    let folder = tempfile::tempdir().unwrap();
    let options = crate::Options { memtable_bytes: 20_000, cache_bytes: 0, ..options() };
    let store = try_open(folder.path(), &options).unwrap();
    record(&store, 1).await.unwrap();
    store.close();
    drop(store);
    let store = try_open(folder.path(), &options).unwrap();
    let (file, bytes) = snapshot(&folder.path().join("tables/hooks/tables")).pop().unwrap();
    let damaged: Vec<u8> = bytes.iter().map(|byte| byte ^ 0xff).collect();
    fs::write(&file, damaged).unwrap();
    let Err(crate::Error::Damaged(damage)) = store.get(super::HOOKS, &[1]) else { panic!("it cannot be read") };
    assert_eq!(damage.file, file);
    assert!(store.get(super::MESSAGES, &[1]).unwrap().is_some(), "another file");
    // Enough for many flushes and compactions.
    for round in 0..4 {
        for number in 10..60 {
            record(&store, number).await.unwrap_or_else(|error| panic!("round {round}: {error}"));
        }
    }
    assert!(!store.has_failed());
    assert!(store.get(super::HOOKS, &[20]).unwrap().is_some());
    let deadline = std::time::Instant::now() + super::PATIENCE;
    while store.damages().is_empty() {
        assert!(std::time::Instant::now() < deadline, "the compactor finds it");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        record(&store, 61).await.unwrap();
        record(&store, 62).await.unwrap();
        record(&store, 63).await.unwrap();
    }
    assert_eq!(store.damages()[0].file, file);
    drop(store);
    assert!(matches!(try_open(folder.path(), &options), Err(OpenError::Damaged { .. })));
    // The backup of that file makes it well.
    fs::write(&file, bytes).unwrap();
    assert!(open(folder.path()).get(super::HOOKS, &[1]).unwrap().is_some());
}

#[tokio::test]
async fn a_log_that_lacks_what_a_table_has_is_told_also_when_nothing_else_says_that_it_was_there() {
    let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = open(folder.path());
    for number in 0..3 {
        record(&store, number).await.unwrap();
    }
    let earlier = tempfile::tempdir().unwrap();
    copy_open(&store, folder.path(), earlier.path());
    for number in 3..6 {
        record(&store, number).await.unwrap();
    }
    // Brings all records into the tables' files.
    store.backup(&elsewhere.path().join("backup")).await.unwrap();
    let later = tempfile::tempdir().unwrap();
    copy_open(&store, folder.path(), later.path());

    // One table of later: a crash between its files and the checkpoint leaves that, with the log.
    let mixed = tempfile::tempdir().unwrap();
    copy(earlier.path(), mixed.path());
    fs::remove_dir_all(mixed.path().join("tables/hooks")).unwrap();
    copy(&later.path().join("tables/hooks"), &mixed.path().join("tables/hooks"));
    let is_told = |error: OpenError| {
        let told = error.to_string();
        assert!(told.contains("lacks records") && told.contains("the table hooks has"), "{told}");
    };
    is_told(try_open(mixed.path(), &options()).err().unwrap());
    {
        let lock = DirectoryLock::acquire(mixed.path()).unwrap();
        is_told(verify(&lock, &options()).unwrap_err());
        assert!(!examine(&lock, &options()).unwrap().is_sound());
        assert!(repair(&lock, &options()).unwrap().is_some());
    }
    assert!(open(mixed.path()).get(HOOKS, &[5]).unwrap().is_some(), "what the table has is saved");
}
