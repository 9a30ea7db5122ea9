//! Whether the disk is to be trusted. Once a write or a sync has failed, nobody knows what it
//! holds until the store was opened anew.

use std::io;
use std::sync::Arc;

use tokio::sync::watch;

use crate::store::Error;

/// What made the store useless for as long as it is open.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("the tables do not take what was written ({0:?})")]
    Tree(lsm_tree::Error),
}

impl From<lsm_tree::Error> for Failure {
    fn from(error: lsm_tree::Error) -> Self {
        match error {
            lsm_tree::Error::Io(error) => Self::Io(error),
            error => Self::Tree(error),
        }
    }
}

/// What many are told of one failure.
pub(crate) type Told<T> = Result<T, Arc<Failure>>;

pub(crate) struct DiskFailure {
    first: watch::Sender<Option<Arc<Failure>>>,
}

impl DiskFailure {
    pub(crate) fn none() -> Self {
        Self { first: watch::Sender::new(None) }
    }

    /// The first failure, if there was one.
    pub(crate) fn check(&self) -> Told<()> {
        self.first.borrow().clone().map_or(Ok(()), Err)
    }

    /// Returns once something has failed, and how.
    pub(crate) async fn failed(&self) -> Error {
        let mut first = self.first.subscribe();
        let found = first.wait_for(Option::is_some).await;
        found.ok().and_then(|error| error.clone()).map_or(Error::Closed, Error::Disk)
    }

    /// Notes what became of something, and passes it on.
    pub(crate) fn note<T, E: Into<Failure>>(&self, result: Result<T, E>) -> Told<T> {
        let result = result.map_err(|error| Arc::new(error.into()));
        if let Err(error) = &result {
            self.first.send_if_modified(|first| {
                let is_first = first.is_none();
                first.get_or_insert_with(|| Arc::clone(error));
                is_first
            });
        }
        result
    }
}
