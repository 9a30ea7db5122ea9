//! The directory of a store, for one process at a time.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::store::OpenError;

const LOCK: &str = "lock";
/// Somebody else may be about to close the store.
const TRIES: usize = 5;
const PAUSE: Duration = Duration::from_millis(100);

/// Held as long as this process may touch what is in the directory.
#[derive(Debug)]
pub struct DirectoryLock {
    path: PathBuf,
    _file: File,
}

impl DirectoryLock {
    /// Makes the directory where there is none, for its owner only, and locks it. Where another
    /// process has it, nothing in it is touched.
    pub fn acquire(path: &Path) -> Result<Self, OpenError> {
        let not_writable = |error| OpenError::NotWritable(path.to_owned(), error);
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(path).map_err(not_writable)?;
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(path.join(LOCK)).map_err(not_writable)?;
        for attempt in 1.. {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::Error(error)) => return Err(not_writable(error)),
                Err(TryLockError::WouldBlock) if attempt == TRIES => return Err(OpenError::Locked(path.to_owned())),
                Err(TryLockError::WouldBlock) => std::thread::sleep(PAUSE),
            }
        }
        Ok(Self { path: path.to_owned(), _file: file })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes sure that only the owner may look inside, and that files can be made and written.
    pub fn prepare(&self) -> Result<(), OpenError> {
        let probe = self.path.join("probe");
        let written = || -> io::Result<()> {
            #[cfg(unix)]
            {
                use std::os::unix::fs::PermissionsExt as _;
                fs::set_permissions(&self.path, fs::Permissions::from_mode(0o700))?;
            }
            fs::write(&probe, b"written")?;
            File::open(&probe)?.sync_all()?;
            fs::remove_file(&probe)
        };
        written().map_err(|error| OpenError::NotWritable(self.path.clone(), error))
    }
}
