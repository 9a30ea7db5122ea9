//! A repair that a crash interrupts.

use std::fs;

use super::super::torn::copy;
use super::{check, damaged, files_of_store, histories, open, options, rows, try_open};
use crate::{DirectoryLock, OpenError, examine, repair};

/// Where a crash may come: before each of the steps in which a file is moved.
#[tokio::test]
async fn a_repair_that_a_crash_interrupts_is_finished_by_the_next_and_the_store_does_not_start_before() {
    let [_, (_, history)] = histories().await;
    let copied = damaged(&history, |folder| fs::remove_file(folder.join("checkpoint")).unwrap());
    let old = files_of_store(copied.path());
    let lock = DirectoryLock::acquire(copied.path()).unwrap();
    for moves in 0.. {
        let folder = tempfile::tempdir().unwrap();
        copy(copied.path(), folder.path());
        let lock = DirectoryLock::acquire(folder.path()).unwrap();
        let is_done = crate::repair::interrupted(&lock, &options(), moves);
        let before = folder.path().join("before-repair-1");
        if is_done {
            assert!(moves > 8, "{moves} files were moved");
            break;
        }
        drop(lock);
        let Err(OpenError::Damaged { damages, .. }) = try_open(folder.path(), &options()) else {
            panic!("it opens after {moves} moves")
        };
        assert!(damages[0].file.ends_with("repair"), "{damages:?}");
        let lock = DirectoryLock::acquire(folder.path()).unwrap();
        assert_eq!(examine(&lock, &options()).unwrap().unfinished.as_deref(), Some(&*before));
        let finished = repair(&lock, &options()).unwrap().unwrap();
        assert!(finished.findings.is_none());
        assert!(files_of_store(&before) == old, "after {moves} moves");
        drop(lock);
        assert!(rows(&open(folder.path())) == *history.states.last().unwrap(), "after {moves} moves");
    }
    drop(lock);
}

#[tokio::test]
async fn what_a_crash_leaves_before_the_exchange_changes_nothing() {
    let [_, (_, history)] = histories().await;
    let copied = damaged(&history, |folder| fs::remove_file(folder.join("checkpoint")).unwrap());
    fs::create_dir(copied.path().join("repair-new")).unwrap();
    fs::write(copied.path().join("repair-new/store"), "half of a store").unwrap();
    assert_eq!(check(&history, copied.path(), "an unfinished store").absent, 0);
    assert!(!copied.path().join("repair-new").exists());
}
