//! Over directories that the version before format 2 has left, killed and stopped.
#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod damaged;
mod log;

use std::collections::BTreeMap;
use std::process::Command;

use fjall::PersistMode;
use tempfile::TempDir;

use super::*;

/// Killed: its newest rows are in the log alone.
const KILLED: &str = "format-1-killed.tar.gz";
const STOPPED: &str = "format-1-stopped.tar.gz";

fn unpack(name: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let archive = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/upgrades").join(name);
    let status = Command::new("tar").arg("-xzf").arg(archive).arg("-C").arg(folder.path()).status().unwrap();
    assert!(status.success());
    folder
}

fn data(folder: &TempDir) -> PathBuf {
    folder.path().join("format-1")
}

/// Every file and what is in it, but the lock.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.file_name().is_some_and(|name| name != "lock") {
                found.insert(path.strip_prefix(folder).unwrap().to_owned(), fs::read(&path).unwrap());
            }
        }
    }
    found
}

/// The rows that the old version would find.
fn old_digests(data: &Path) -> Vec<Digest> {
    let copy = tempfile::tempdir().unwrap();
    let files = OldFiles::read(data).unwrap();
    files.copy(data, &copy.path().join("copy")).unwrap();
    let old = OldStore::open(&copy.path().join("copy"), &files).unwrap();
    TABLES.map(|table| digest(old.rows(table)).unwrap()).into()
}

fn new_digests(data: &Path) -> Vec<Digest> {
    let store = open(data).unwrap();
    TABLES.map(|table| digest(store.range(table, ..)).unwrap()).into()
}

async fn refusal(data: &Path) -> String {
    let before = files(data);
    let refused = migrate(data, false).await.unwrap_err().to_string();
    assert_eq!(files(data), before, "who is refused changes nothing: {refused}");
    refused
}

#[tokio::test]
async fn a_directory_that_was_killed_or_stopped_has_the_same_rows_afterwards() {
    for name in [KILLED, STOPPED] {
        let folder = unpack(name);
        let data = data(&folder);
        let (before, digests) = (files(&data), old_digests(&data));
        let Migrated::Converted { rows, archive } = migrate(&data, false).await.unwrap() else { panic!("{name}") };
        assert!(rows.iter().all(|table| table.rows > 0), "{rows:?}");
        assert_eq!(rows.iter().map(|table| table.rows).collect::<Vec<_>>(), [0, 1, 2].map(|at| digests[at].rows));
        assert_eq!(files(&archive), before, "the old files are kept as they were");
        assert_eq!(new_digests(&data), digests, "{name}");
        for stays in ["keys", "operator-key"] {
            assert_eq!(fs::read(data.join(stays)).unwrap(), before[Path::new(stays)]);
        }
        let store = Store::open(&data, &Default::default(), clock()).unwrap();
        assert!(store.is_in_use().unwrap(), "an empty store is refused from now on");
        key_check::open_cipher(&store, &data).await.unwrap();
        assert!(!data.join(MIGRATION).exists());
    }
}

/// Otherwise what is shown about the log is shown about nothing.
#[test]
fn the_directory_that_was_killed_needs_its_log() {
    let folder = unpack(KILLED);
    let whole = old_digests(&data(&folder));
    fs::remove_dir_all(data(&folder).join("log")).unwrap();
    assert!(whole.iter().zip(old_digests(&data(&folder))).all(|(with, without)| *with != without));
}

#[tokio::test]
async fn what_is_no_directory_of_format_1_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let nowhere = folder.path().join("nowhere");
    let refused = migrate(&nowhere, false).await.unwrap_err().to_string();
    assert!(refused.contains("does not exist"), "{refused}");
    assert!(!nowhere.exists());
    assert!(refusal(folder.path()).await.contains("holds no store of format 1"));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "not even a lock");

    let new = folder.path().join("new");
    drop(Store::open(&new, &Default::default(), clock()).unwrap());
    assert!(refusal(&new).await.contains("format 2 already"));

    let unpacked = unpack(STOPPED);
    migrate(&data(&unpacked), false).await.unwrap();
    assert!(refusal(&data(&unpacked)).await.contains("format 2 already"));
    fs::remove_file(data(&unpacked).join("store")).unwrap();
    assert!(refusal(&data(&unpacked)).await.contains("store is missing, and the conversion was finished before"));
}

#[tokio::test]
async fn beside_a_server_of_either_version_nothing_is_converted() {
    let folder = unpack(STOPPED);
    let data = data(&folder);
    let old = fjall::Database::builder(&data).open().unwrap();
    assert!(matches!(migrate(&data, false).await, Err(MigrateError::Open(OpenError::Locked(_)))));
    drop(old);
    let lock = DirectoryLock::acquire(&data).unwrap();
    assert!(matches!(migrate(&data, false).await, Err(MigrateError::Open(OpenError::Locked(_)))));
    drop(lock);
    migrate(&data, false).await.unwrap();
}

/// What a start of the old version would find: everything, or a refusal.
fn start_old(data: &Path, digests: &[Digest]) -> bool {
    let copy = tempfile::tempdir().unwrap();
    let to = copy.path().join("copy");
    assert!(Command::new("cp").arg("-a").arg(data).arg(&to).status().unwrap().success());
    if let Err(error) = fjall::Database::builder(&to).open() {
        assert!(matches!(error, fjall::Error::InvalidVersion(None)), "{error}");
        return false;
    }
    assert_eq!(old_digests(data), digests);
    true
}

/// The same of the new version.
fn start_new(data: &Path, digests: &[Digest]) -> bool {
    match open(data) {
        Ok(store) => {
            assert!(store.is_in_use().unwrap());
            assert_eq!(TABLES.map(|table| digest(store.range(table, ..)).unwrap()).as_slice(), digests);
            true
        }
        Err(error) => {
            assert!(matches!(error, OpenError::Unconverted(_)), "{error}");
            false
        }
    }
}

#[tokio::test]
async fn a_crash_after_any_step_leaves_what_one_version_opens_whole_or_the_next_run_finishes() {
    let (mut crashed_at, mut has_refused_both) = (Vec::new(), false);
    loop {
        let folder = unpack(KILLED);
        let data = data(&folder);
        let (before, digests) = (files(&data), old_digests(&data));
        let mut done = Vec::new();
        let crashes_after = crashed_at.len();
        let mut crash = |step| {
            done.push(step);
            if done.len() > crashes_after { Err(io::Error::other("crashed")) } else { Ok(()) }
        };
        if migrate_in_steps(&data, false, &mut crash).await.is_ok() {
            break;
        }
        let step = done.pop().unwrap();
        let (old, new) = (start_old(&data, &digests), start_new(&data, &digests));
        assert!(!(old && new), "{step:?}");
        has_refused_both |= !old && !new;
        assert_eq!(old, matches!(step, Step::Copied | Step::Written | Step::Compared | Step::Archived), "{step:?}");
        if step == Step::Finished {
            assert!(matches!(migrate(&data, false).await, Err(MigrateError::Converted(_))));
        } else {
            let again = migrate(&data, false).await.unwrap();
            assert_eq!(matches!(again, Migrated::Finished { .. }), !old, "{step:?}");
        }
        assert!(start_new(&data, &digests), "{step:?}");
        assert!(!start_old(&data, &digests), "{step:?}");
        assert_eq!(files(&data.join(swap::ARCHIVE)), before, "{step:?}");
        crashed_at.push(step);
    }
    assert!(has_refused_both && crashed_at.len() > 12, "{crashed_at:?}");
    assert_eq!(crashed_at.last(), Some(&Step::Finished));
}

#[tokio::test]
async fn the_way_back_is_to_move_the_old_files_back() {
    let folder = unpack(KILLED);
    let data = data(&folder);
    let (before, digests) = (files(&data), old_digests(&data));
    migrate(&data, false).await.unwrap();
    for new in ["store", "checkpoint", "synced"] {
        fs::remove_file(data.join(new)).unwrap();
    }
    for new in ["tables", "log"] {
        let _ = fs::remove_dir_all(data.join(new));
    }
    for entry in fs::read_dir(data.join(swap::ARCHIVE)).unwrap() {
        let entry = entry.unwrap();
        fs::rename(entry.path(), data.join(entry.file_name())).unwrap();
    }
    fs::remove_dir(data.join(swap::ARCHIVE)).unwrap();
    assert_eq!(files(&data), before);
    assert!(start_old(&data, &digests));
    migrate(&data, false).await.unwrap();
    assert!(start_new(&data, &digests));
}

/// Rows that are in files, some of them in several, and that were removed in every way.
#[tokio::test]
async fn tables_with_files_are_converted_as_the_old_version_reads_them() {
    let folder = unpack(STOPPED);
    let data = data(&folder);
    let old = fjall::Database::builder(&data).open().unwrap();
    let tables = NAMES.map(|name| old.keyspace(name, fjall::KeyspaceCreateOptions::default).unwrap());
    for round in 0..3_u32 {
        for table in &tables {
            for number in 0..200_u32 {
                table.insert([b"row".as_slice(), &number.to_be_bytes()].concat(), vec![1; 1000]).unwrap();
                table.insert([b"once".as_slice(), &[round as u8], &number.to_be_bytes()].concat(), "1").unwrap();
            }
            table.rotate_memtable_and_wait().unwrap();
            for number in (round..200).step_by(7) {
                table.remove([b"row".as_slice(), &number.to_be_bytes()].concat()).unwrap();
                table.remove_weak([b"once".as_slice(), &[round as u8], &number.to_be_bytes()].concat()).unwrap();
            }
        }
    }
    let expected = tables.each_ref().map(|table| digest(table.iter().map(|row| row.into_inner())).unwrap());
    old.persist(PersistMode::SyncAll).unwrap();
    drop((tables, old));
    let before = files(&data);
    assert!(before.keys().any(|file| file.starts_with("keyspaces/2/tables")), "{:?}", before.keys());
    migrate(&data, false).await.unwrap();
    assert_eq!(new_digests(&data), expected);
    assert_eq!(files(&data.join(swap::ARCHIVE)), before);
}

#[test]
fn a_directory_of_format_2_is_none_for_versions_of_format_1() {
    let folder = tempfile::tempdir().unwrap();
    drop(Store::open(folder.path(), &Default::default(), clock()).unwrap());
    assert!(fjall::Database::builder(folder.path()).open().is_err(), "not an empty store beside the new one");
    assert!(!folder.path().join("keyspaces").exists());
    drop(Store::open(folder.path(), &Default::default(), clock()).unwrap());
}
