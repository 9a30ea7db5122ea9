//! A copy of a store, made while it is at rest: everything is in files that never change.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use crate::checked_file::sync_folder;
use crate::checkpoint::Checkpoint;
use crate::identity;
use crate::log::synced::Synced;
use crate::trees::{self, CURRENT};

/// Copies what the checkpoint names into the folder `to`, which is on disk when this returns. The
/// copy is a store that was closed.
pub(crate) fn copy(directory: &Path, to: &Path, checkpoint: &Checkpoint, tables: &[&'static str]) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(to)?;
    builder.create(to.join(trees::FOLDER))?;
    for table in tables {
        let (from, into) = (trees::folder(directory, table), trees::folder(to, table));
        builder.create(&into)?;
        builder.create(into.join("tables"))?;
        let mark = checkpoint.tree(table).ok_or(io::ErrorKind::NotFound)?;
        copy_file(&from.join(CURRENT), &into.join(CURRENT))?;
        let version = format!("v{}", mark.version);
        copy_file(&from.join(&version), &into.join(&version))?;
        for (id, _) in crate::verify::list_files(&from.join(&version)).map_err(io::Error::other)? {
            let file = Path::new("tables").join(id.to_string());
            link_or_copy(&from.join(&file), &into.join(&file))?;
        }
        sync_folder(&into.join("tables"))?;
        sync_folder(&into)?;
    }
    sync_folder(&to.join(trees::FOLDER))?;
    Synced::create(to, checkpoint.store, checkpoint.applied())?;
    Checkpoint { clean: true, ..checkpoint.clone() }.write(to)?;
    copy_file(&directory.join(identity::FILE), &to.join(identity::FILE))?;
    sync_folder(to)
}

fn link_or_copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::hard_link(from, to).or_else(|_| copy_file(from, to))
}

fn copy_file(from: &Path, to: &Path) -> io::Result<()> {
    fs::copy(from, to)?;
    File::open(to)?.sync_all()
}
