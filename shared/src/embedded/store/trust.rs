//! Whether the disk is to be trusted. Once a write or a sync has failed, nobody
//! knows what it holds until the store was opened anew.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::watch;

use super::remains;
use crate::ports::StoreError;

/// What many are told of one failure.
pub(super) type Told<T> = Result<T, Arc<fjall::Error>>;

pub(super) struct Trust {
    folder: PathBuf,
    lost: watch::Sender<Option<Arc<fjall::Error>>>,
}

impl Trust {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self { folder, lost: watch::Sender::new(None) }
    }

    /// The first failure, if there was one.
    pub(super) fn check(&self) -> Told<()> {
        self.lost.borrow().clone().map_or(Ok(()), Err)
    }

    /// Returns once something has failed, and how.
    pub(super) async fn failed(&self) -> StoreError {
        let mut lost = self.lost.subscribe();
        let found = lost.wait_for(Option::is_some).await;
        found.ok().and_then(|error| error.clone()).map_or_else(closed, |error| unavailable(&error))
    }

    /// Notes what became of something, and passes it on.
    pub(super) fn note(&self, result: fjall::Result<()>) -> Told<()> {
        let result = result.map_err(Arc::new);
        if let Err(error) = &result {
            // It may have been a sync of fjall's own.
            if self.check().is_ok() {
                remains::suspect(&self.folder);
            }
            self.lost.send_if_modified(|lost| {
                let is_first = lost.is_none();
                lost.get_or_insert_with(|| Arc::clone(error));
                is_first
            });
        }
        result
    }

    pub(super) fn note_io(&self, result: io::Result<()>) -> Told<()> {
        self.note(result.map_err(fjall::Error::from))
    }
}

pub(super) fn unavailable(error: &Arc<fjall::Error>) -> StoreError {
    StoreError::Unavailable(Arc::clone(error).into())
}

pub(super) fn closed() -> StoreError {
    StoreError::Unavailable("the store is closed".into())
}
