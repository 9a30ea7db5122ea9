//! Copies that are made while the store serves.

use super::{HOOKS, open, options, record, recorded, try_open};
use crate::checkpoint::Checkpoint;
use crate::{DirectoryLock, Error, OpenError, repair, verify};

#[tokio::test]
async fn a_backup_holds_everything_acknowledged_before_it_and_nothing_later() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    for number in 0..20 {
        record(&store, number).await.unwrap();
    }
    let copies = tempfile::tempdir().unwrap();
    let to = copies.path().join("copy");
    store.backup(&to).await.unwrap();
    for number in 20..40 {
        record(&store, number).await.unwrap();
    }
    let report = verify(&DirectoryLock::acquire(&to).unwrap(), &options()).unwrap().unwrap();
    assert!(report.is_clean && report.records == 0 && report.bytes > 0, "{report:?}");
    let copied = open(&to);
    assert_eq!(recorded(&copied), (0..20).collect::<Vec<_>>());
    record(&copied, 99).await.unwrap();
    assert_eq!(recorded(&store), (0..40).collect::<Vec<_>>(), "the copy has files of its own");
}

/// Rows of two tables that belong together are both there or both not, whatever is flushed when.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_beside_writes_is_a_moment_of_all_tables() {
    let folder = tempfile::tempdir().unwrap();
    let options = crate::Options { memtable_bytes: 20_000, segment_bytes: 100_000, ..options() };
    let store = try_open(folder.path(), &options).unwrap();
    let writing = tokio::spawn({
        let store = store.clone();
        async move {
            for round in 0..10_u8 {
                for number in 0..=u8::MAX {
                    let written = store.write_in_order(move |tx| {
                        tx.put(HOOKS, [number], vec![round; 300]);
                        tx.put(super::MESSAGES, [number], vec![round; 10]);
                        Ok::<_, Error>(())
                    });
                    written.await.unwrap();
                }
                tokio::task::yield_now().await;
            }
        }
    });
    let copies = tempfile::tempdir().unwrap();
    let mut last = 0;
    for copy in 0..6 {
        let to = copies.path().join(copy.to_string());
        store.backup(&to).await.unwrap();
        let copied = open(&to);
        let rounds = |table| -> Vec<u8> {
            copied.range(table, vec![0]..vec![u8::MAX, 0]).map(|row| row.unwrap().1[0]).collect()
        };
        assert_eq!(rounds(HOOKS), rounds(super::MESSAGES), "copy {copy}");
        let sum: usize = rounds(HOOKS).into_iter().map(usize::from).sum();
        assert!(sum >= last, "later copies hold no less");
        last = sum;
    }
    writing.await.unwrap();
}

#[tokio::test]
async fn tables_of_different_moments_without_a_log_are_no_store() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    record(&store, 1).await.unwrap();
    store.close();
    drop(store);
    let mut checkpoint = Checkpoint::read(folder.path()).unwrap().unwrap();
    checkpoint.trees[0].applied += 1;
    checkpoint.write(folder.path()).unwrap();
    let Err(OpenError::Damaged { damages, .. }) = try_open(folder.path(), &options()) else { panic!("it is refused") };
    assert!(damages[0].file.ends_with("checkpoint"), "{damages:?}");
    assert!(damages[0].to_string().contains("end at different changes"), "{damages:?}");
    let lock = DirectoryLock::acquire(folder.path()).unwrap();
    assert!(repair(&lock, &options()).unwrap().is_some());
    drop(lock);
    assert_eq!(recorded(&open(folder.path())), [1], "a repair keeps what there is");
}
