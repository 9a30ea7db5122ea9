//! Software of others, which a test fetches into `target/` by itself.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};

/// What was made, or nothing and a line that says why, where this machine lacks
/// something; a panic instead where `required` is set to 1.
#[expect(clippy::print_stdout, reason = "who runs the tests should see that some were skipped")]
#[expect(clippy::disallowed_methods, reason = "this switch is for whoever runs the tests")]
pub(crate) fn available<T>(what: &str, required: &str, made: anyhow::Result<T>) -> Option<T> {
    match made {
        Ok(made) => Some(made),
        Err(error) if std::env::var(required).is_ok_and(|value| value == "1") => {
            panic!("{required}=1, but {what} is not usable: {error:#}")
        }
        Err(error) => {
            println!("skipped: {what} is not usable: {error:#}");
            None
        }
    }
}

/// A folder of `target/` that `make` fills once for these words. A lock keeps
/// test processes that start together from doing it twice.
pub(crate) fn once(name: &str, words: &str, make: impl FnOnce(&Path) -> anyhow::Result<()>) -> anyhow::Result<PathBuf> {
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target");
    fs::create_dir_all(&target)?;
    let folder = target.canonicalize()?.join(name);
    let lock = File::create(folder.with_extension("lock"))?;
    lock.lock()?;
    let marker = folder.join("made-of");
    if fs::read_to_string(&marker).is_ok_and(|made_of| made_of == words) {
        return Ok(folder);
    }
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder)?;
    make(&folder)?;
    fs::write(marker, words)?;
    Ok(folder)
}

pub(crate) fn run(command: &mut Command) -> anyhow::Result<()> {
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("running {command:?}"))?;
    if !output.status.success() {
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        bail!("{command:?} failed: {out}{err}");
    }
    Ok(())
}
