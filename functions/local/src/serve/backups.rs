//! `GET /v1/backup`, for the operator: the data directory as it is now, as a tar archive, while
//! everything goes on. On AWS, DynamoDB has backups of its own.

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use api::{Operator, Problem};
use axum::body::{Body, Bytes};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};
use contract::stage::causes;
use embedded::Store;
use futures::stream;
use local::Engine;
use tokio::sync::{Mutex, OwnedMutexGuard, mpsc};

/// Where a backup is put together, in the data directory, so that files can be linked.
pub(super) const FOLDER: &str = "backup.part";
/// Beside the store: the master keys, and the operator's key where it is kept.
const FILES: [&str; 2] = ["keys", "operator-key"];
/// Sent at once, and how many of them wait for who reads.
const CHUNK: usize = 64 * 1024;
const CHUNKS: usize = 16;

#[derive(Clone)]
struct BackupSource {
    data: PathBuf,
    store: Store,
    /// One backup at a time.
    turn: Arc<Mutex<()>>,
}

pub(super) fn routes(engine: &Engine, data: &Path) -> Router {
    let source = BackupSource { data: data.to_owned(), store: engine.store.clone(), turn: Arc::default() };
    Router::new().route("/v1/backup", get(send)).layer(Extension(source)).with_state(Arc::new(engine.api.clone()))
}

/// Removes what a process that died left of a backup.
pub(super) fn remove_unfinished(data: &Path) -> io::Result<()> {
    match std::fs::remove_dir_all(data.join(FOLDER)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

async fn send(_: Operator, Extension(source): Extension<BackupSource>) -> Result<Response, Problem> {
    let Ok(turn) = Arc::clone(&source.turn).try_lock_owned() else {
        return Err(Problem::conflict("another backup is being made; try again when it is done".to_owned()));
    };
    remove_unfinished(&source.data).map_err(|error| Problem::unavailable(error.to_string()))?;
    let part = Part { folder: source.data.join(FOLDER), _turn: turn };
    source.store.backup(&part.folder).await?;
    let (sender, chunks) = mpsc::channel(CHUNKS);
    tokio::task::spawn_blocking(move || {
        if let Err(error) = pack(&part, &source.data, &sender) {
            tracing::warn!(error = %causes(&error), "a backup was not finished");
            // Whoever reads must not take it for whole.
            let _ = sender.blocking_send(Err(error));
        }
    });
    let body = Body::from_stream(stream::unfold(chunks, async |mut chunks| Some((chunks.recv().await?, chunks))));
    Ok(([(header::CONTENT_TYPE, "application/x-tar")], body).into_response())
}

/// The folder of a backup under way, removed when it is sent.
struct Part {
    folder: PathBuf,
    _turn: OwnedMutexGuard<()>,
}

impl Drop for Part {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.folder) {
            tracing::warn!(%error, "what a backup was made of could not be removed; the next start does that");
        }
    }
}

type Chunk = Result<Bytes, io::Error>;

fn pack(part: &Part, data: &Path, sender: &mpsc::Sender<Chunk>) -> io::Result<()> {
    let mut archive = tar::Builder::new(BufWriter::with_capacity(CHUNK, Chunks(sender)));
    archive.append_dir_all(".", &part.folder)?;
    for name in FILES {
        if data.join(name).exists() {
            archive.append_path_with_name(data.join(name), name)?;
        }
    }
    archive.into_inner()?.flush()
}

struct Chunks<'a>(&'a mpsc::Sender<Chunk>);

impl Write for Chunks<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let sent = self.0.blocking_send(Ok(Bytes::copy_from_slice(bytes)));
        sent.map_err(|_| io::Error::other("whoever asked for the backup has gone away"))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
