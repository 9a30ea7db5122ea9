//! `hookline backup`: a copy of a running server's data directory, opened before it counts.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use contract::ports::SystemClock;
use contract::stage::causes;
use embedded::{Store, StoreOptions, open_cipher};

use super::progress::{Progress, Unit};
use super::session::path;
use super::{Connection, Failure, Session};

#[derive(Args)]
pub(crate) struct BackupOptions {
    #[command(flatten)]
    pub(crate) connection: Connection,

    /// Where to put it: a file whose name ends in .tar, or a directory that is not there yet
    #[arg(long, value_name = "DIR|FILE")]
    pub(crate) to: PathBuf,
}

pub(crate) async fn run(session: &Session, to: &Path) -> Result<(), Failure> {
    if to.exists() {
        return Err(Failure::Usage(format!("--to {}: there is something already; name a new one", to.display())));
    }
    let is_archive = to.extension().is_some_and(|extension| extension == "tar");
    let (archive, unpacked) = (beside(to, "part.tar"), beside(to, "part"));
    let unwritable = |source| Failure::Unwritable { flag: "--to", path: to.to_owned(), source };
    let made = make(session, &archive, &unpacked).await;
    let kept = made.and_then(|()| {
        let (kept, removed) = if is_archive { (&archive, &unpacked) } else { (&unpacked, &archive) };
        fs::rename(kept, to)?;
        sync_parent(to)?;
        Ok(remove(removed)?)
    });
    if kept.is_err() {
        let _ = remove(&archive).and_then(|()| remove(&unpacked));
    }
    kept.map_err(|failure| match failure {
        Failure::Output(source) => unwritable(source),
        other => other,
    })?;
    session.print(&format!(
        "{}: a backup that was opened and found sound; it holds the file of keys, so keep it as safe as the server",
        to.display()
    ))
}

async fn make(session: &Session, archive: &Path, unpacked: &Path) -> Result<(), Failure> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(archive)?;
    let mut response = session.client().download(&path(["backup"])).await?;
    let (mut copied, total) = (0, response.content_length());
    let mut progress = Progress::new("copied", Unit::Bytes);
    while let Some(chunk) = response.chunk().await.map_err(Failure::Http)? {
        file.write_all(&chunk)?;
        copied += u64::try_from(chunk.len()).unwrap_or_default();
        progress.at(copied, total);
    }
    drop(progress);
    file.sync_all()?;
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(unpacked)?;
    tar::Archive::new(File::open(archive)?).unpack(unpacked)?;
    open(unpacked).await.map_err(|error| io::Error::other(format!("the backup does not open: {error}")))?;
    Ok(())
}

/// Opens it as a start would, and the secrets in it.
async fn open(directory: &Path) -> Result<(), String> {
    let store = Store::open(directory, &StoreOptions::default(), Arc::new(SystemClock)).map_err(|e| causes(&e))?;
    let opened = open_cipher(&store, directory).await.map(drop).map_err(|e| causes(&e));
    store.close();
    opened
}

fn beside(to: &Path, ending: &str) -> PathBuf {
    let mut name = to.file_name().unwrap_or_default().to_owned();
    name.push(".");
    name.push(ending);
    to.with_file_name(name)
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

fn sync_parent(path: &Path) -> io::Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if cfg!(unix) { File::open(parent)?.sync_all() } else { Ok(()) }
}
