//! Nobody waits for the store in vain.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use futures::FutureExt as _;

use super::{HOOKS, PATIENCE, open, record, recorded};
use crate::Error;

#[tokio::test]
async fn nobody_waits_for_work_that_has_panicked() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    record(&store, 1).await.unwrap();
    let fatal = store.write(|tx| {
        tx.after_commit(|| panic!("as a test of what follows"));
        Ok::<_, Error>(())
    });
    assert!(matches!(fatal.await, Err(Error::Disk(_) | Error::Closed)));
    let failure = tokio::time::timeout(PATIENCE, store.failed()).await.unwrap();
    assert!(format!("{failure:?}").contains("panicked"), "{failure:?}");
    assert!(matches!(record(&store, 2).await, Err(Error::Disk(_) | Error::Closed)));
    drop(store);
    assert_eq!(recorded(&open(folder.path())), [1]);
}

#[test]
fn what_was_asked_for_is_done_though_nobody_waits_and_the_runtime_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let deadline = Instant::now() + PATIENCE;
    while !store.writer().sleeps() {
        assert!(Instant::now() < deadline);
        std::thread::sleep(Duration::from_millis(1));
    }
    let (tell, told) = std::sync::mpsc::channel();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let write = store.write(|tx| {
            tx.put(HOOKS, *b"key", *b"value");
            tx.after_commit(move || tell.send(()).unwrap());
            Ok::<_, Error>(())
        });
        assert!(write.now_or_never().is_none());
    });
    drop(runtime);
    told.recv_timeout(PATIENCE).unwrap();
}

#[test]
fn who_waits_without_a_runtime_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let mut write = std::pin::pin!(record(&store, 1));
    let deadline = Instant::now() + PATIENCE;
    while write.as_mut().now_or_never().is_none() {
        assert!(Instant::now() < deadline);
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(recorded(&store), [1]);
}

#[tokio::test]
async fn who_waits_for_room_is_told_when_the_store_closes() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    store.trees().unapplied.store(usize::MAX, Ordering::Relaxed);
    let mut write = std::pin::pin!(record(&store, 1));
    assert!(write.as_mut().now_or_never().is_none());
    store.close();
    let written = tokio::time::timeout(PATIENCE, write).await.unwrap();
    assert!(matches!(written, Err(Error::Disk(_) | Error::Closed)));
}
