//! A store of which something is damaged, and what a repair makes of it: nothing older than what
//! was written last, and everything else that can be read.

mod histories;

use std::fs;
use std::path::Path;

use super::torn::copy;
use super::{MESSAGES, open, options, snapshot, try_open};
use crate::{DirectoryLock, Loss, OpenError, examine, repair, verify};
use histories::*;

#[tokio::test]
async fn a_damaged_block_costs_its_own_rows_and_older_states_of_them() {
    for (state, history) in histories().await {
        for index in large_files(&history) {
            let file = |folder: &Path| table_files(folder, "hooks").swap_remove(index);
            let copied = damaged(&history, |folder| flip(&file(folder), 9_000));
            let damaged_file = file(copied.path());
            let Outcome { findings, absent, .. } = check(&history, copied.path(), &format!("{state}: file {index}"));
            let [finding] = &findings.files[..] else { panic!("{state}: {findings:?}") };
            assert_eq!(finding.damage.file, damaged_file);
            assert_eq!(finding.damage.holds, "rows of a test");
            let Loss::Rows { read, total: Some(total), ranges } = &finding.loss else { panic!("{finding:?}") };
            assert!(ranges.len() == 1 && ranges[0].contains("key/"), "{ranges:?}");
            assert!(read < total && total - read < 40, "{read} of {total}");
            assert!(absent <= total - read + findings.tables[0].unknown, "{absent}, {findings:?}");
        }
    }
}

#[tokio::test]
async fn damaged_metadata_of_a_file_costs_no_row_while_its_blocks_can_be_read() {
    for (state, history) in histories().await {
        for index in large_files(&history) {
            let file = |folder: &Path| table_files(folder, "hooks").swap_remove(index);
            let end = usize::try_from(fs::metadata(file(history.folder.path())).unwrap().len()).unwrap();
            for place in [end - 5, end - 30, end - 60, end - 400] {
                let copied = damaged(&history, |folder| flip(&file(folder), place));
                let Outcome { findings, absent, .. } =
                    check(&history, copied.path(), &format!("{state}: byte {place}"));
                assert_eq!(absent, 0, "{state}: byte {place} of {end}: {findings:?}");
            }
        }
    }
}

/// Each of its blocks is whole, and it is another file all the same.
#[tokio::test]
async fn no_row_is_taken_from_a_file_of_another_store() {
    let ([_, (_, history)], [_, (_, other)]) = (histories().await, histories().await);
    let file = |history: &History| table_files(history.folder.path(), "hooks").remove(0);
    let copied = damaged(&history, |folder| {
        let place = folder.join(file(&history).strip_prefix(history.folder.path()).unwrap());
        fs::copy(file(&other), place).unwrap();
    });
    let Outcome { findings, .. } = check(&history, copied.path(), "a file of another store");
    assert!(matches!(findings.files[0].loss, Loss::Rows { read: 0, .. }), "{findings:?}");
}

#[tokio::test]
async fn rows_of_a_file_that_is_missing_are_not_there_in_an_older_state() {
    for (state, history) in histories().await {
        for index in 0..table_files(history.folder.path(), "hooks").len() {
            let copied =
                damaged(&history, |folder| fs::remove_file(table_files(folder, "hooks").remove(index)).unwrap());
            let Outcome { findings, rows, .. } = check(&history, copied.path(), &format!("{state}: without {index}"));
            assert!(findings.files[0].damage.what == "is missing", "{findings:?}");
            let other_table = history.states.last().unwrap().keys().filter(|(table, _)| *table == MESSAGES.0);
            assert!(other_table.into_iter().all(|key| rows.contains_key(key)), "another table has all");
        }
    }
}

#[tokio::test]
async fn a_list_of_files_that_is_missing_or_damaged_is_made_again_where_that_can_be_proved() {
    for (state, history) in histories().await {
        let current = |folder: &Path| folder.join("tables/hooks/current");
        let damages: [Harm<'_>; 4] = [
            ("without current", &|folder| fs::remove_file(current(folder)).unwrap()),
            ("with a damaged current", &|folder| flip(&current(folder), 3)),
            ("with a damaged list", &|folder| flip(&version(folder, "hooks"), 40)),
            ("with a list of another checksum", &|folder| flip(&current(folder), 12)),
        ];
        for (what, damage) in damages {
            let copied = damaged(&history, damage);
            let Outcome { findings, absent, .. } = check(&history, copied.path(), &format!("{state}: {what}"));
            assert_eq!(absent, 0, "{state}: {what}: {findings:?}");
        }
        let copied = damaged(&history, |folder| fs::remove_file(version(folder, "hooks")).unwrap());
        let Outcome { absent, .. } = check(&history, copied.path(), &format!("{state}: without a list"));
        assert!(absent == 0 || state == "killed", "a store that was closed has no other files than its own");
    }
}

#[tokio::test]
async fn a_hole_in_the_log_costs_it_and_all_that_follows() {
    let [(_, history), _] = histories().await;
    let log = super::log(history.folder.path()).join("0.wal");
    let log = |folder: &Path| folder.join(log.strip_prefix(history.folder.path()).unwrap());
    let copied = damaged(&history, |folder| flip(&log(folder), 300));
    let Outcome { findings, .. } = check(&history, copied.path(), "a bit in the log");
    let [finding] = &findings.files[..] else { panic!("{findings:?}") };
    assert_eq!(finding.damage.file, log(copied.path()));
    assert_eq!(finding.loss, Loss::Records { first: 25, readable: 7, acknowledged: 8 });

    let copied = damaged(&history, |folder| fs::remove_file(log(folder)).unwrap());
    let Outcome { findings, .. } = check(&history, copied.path(), "a missing segment");
    let [finding] = &findings.files[..] else { panic!("{findings:?}") };
    assert!(matches!(finding.loss, Loss::Records { first: 25, acknowledged: 8, .. }), "{finding:?}");
}

#[tokio::test]
async fn a_row_that_is_deleted_behind_a_hole_in_the_log_is_not_there() {
    let [(_, history), _] = histories().await;
    let copied = damaged(&history, |folder| flip(&super::log(folder).join("0.wal"), 300));
    let Outcome { findings, rows, .. } = check(&history, copied.path(), "a bit in the log");
    let (before, after) = (&history.states[25], &history.states[32]);
    let deleted = before.keys().filter(|key| !after.contains_key(*key)).collect::<Vec<_>>();
    assert!(!deleted.is_empty() && deleted.iter().all(|key| !rows.contains_key(*key)), "{deleted:?}");
    assert!(findings.tables[0].unknown > 0 && findings.tables[2].unknown > 0, "{findings:?}");
}

#[tokio::test]
async fn what_the_store_says_of_itself_is_made_again() {
    for (state, history) in histories().await {
        for file in ["store", "checkpoint", "synced"] {
            let damages: [Harm<'_>; 2] = [
                ("damaged", &|folder| {
                    flip(&folder.join(file), 20);
                    if file == "synced" {
                        flip(&folder.join(file), 4096 + 20);
                    }
                }),
                ("missing", &|folder| fs::remove_file(folder.join(file)).unwrap()),
            ];
            for (how, damage) in damages {
                let copied = damaged(&history, damage);
                let what = format!("{state}: {file} {how}");
                let Outcome { findings, absent, .. } = check(&history, copied.path(), &what);
                assert_eq!(findings.files[0].damage.file, copied.path().join(file), "{what}");
                assert_eq!(absent, 0, "{what}: {findings:?}");
                assert!(file == "store" || !findings.doubts.is_empty(), "{what}: it cannot be proved");
            }
        }
    }
}

/// Whatever is damaged: what the repair says is what it does, and nothing old comes back.
#[tokio::test]
async fn no_damage_brings_back_what_was_changed_or_deleted() {
    let mut repaired = 0;
    for (turn, (state, history)) in histories().await.into_iter().enumerate() {
        let of_others = |file: &Path| file.starts_with("tables") && !file.starts_with("tables/hooks");
        let files = files_of_store(history.folder.path()).into_iter().filter(|(file, _)| !of_others(file));
        for (number, (file, bytes)) in files.enumerate() {
            let end = bytes.len() - 1;
            let damages: [Harm<'_>; 4] = [
                ("a bit at the start", &|path| flip(path, 1)),
                ("a bit in the middle", &|path| flip(path, end / 2)),
                ("a cut", &|path| fs::write(path, &bytes[..end / 2]).unwrap()),
                ("zeroes", &|path| fs::write(path, vec![0; bytes.len()]).unwrap()),
            ];
            // Half of them each time, since each repair waits often for the disk.
            for (how, damage) in damages.iter().skip((turn + number) % 2).step_by(2) {
                let copied = damaged(&history, |folder| damage(&folder.join(&file)));
                let what = format!("{state}: {how} of {}", file.display());
                let verified = verify(&DirectoryLock::acquire(copied.path()).unwrap(), &options());
                if matches!(verified, Err(OpenError::Damaged { .. })) {
                    check(&history, copied.path(), &what);
                    repaired += 1;
                }
            }
        }
    }
    assert!(repaired > 15, "{repaired}");
}

#[tokio::test]
async fn a_sound_store_and_an_empty_directory_are_left_alone() {
    for (_, history) in histories().await {
        let lock = DirectoryLock::acquire(history.folder.path()).unwrap();
        let before = snapshot(history.folder.path());
        assert!(examine(&lock, &options()).unwrap().is_sound());
        assert!(repair(&lock, &options()).unwrap().is_none());
        assert!(snapshot(history.folder.path()) == before);
    }
    let folder = tempfile::tempdir().unwrap();
    let lock = DirectoryLock::acquire(folder.path()).unwrap();
    assert!(examine(&lock, &options()).unwrap().is_empty);
    assert!(repair(&lock, &options()).unwrap().is_none());
}

#[tokio::test]
async fn keys_stay_where_they_are_and_are_copied() {
    let [(_, history), _] = histories().await;
    let copied = damaged(&history, |folder| fs::remove_file(folder.join("checkpoint")).unwrap());
    fs::write(copied.path().join("keys"), "the keys").unwrap();
    check(&history, copied.path(), "without checkpoint");
    for folder in [copied.path().to_owned(), copied.path().join("before-repair-1")] {
        assert_eq!(fs::read(folder.join("keys")).unwrap(), b"the keys");
    }
    fs::remove_file(copied.path().join("checkpoint")).unwrap();
    let lock = DirectoryLock::acquire(copied.path()).unwrap();
    assert!(repair(&lock, &options()).unwrap().unwrap().before.ends_with("before-repair-2"));
}

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
