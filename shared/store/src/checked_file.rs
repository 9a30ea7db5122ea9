//! Small files that are replaced as a whole and prove that they are whole: a line that names
//! their kind and format, one line of JSON, and a checksum of both lines.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;
use xxhash_rust::xxh3::xxh3_128;

use crate::damage::{Damage, Fault, io_fault};

/// Of the store's directory. A newer one is refused, an older one would be converted.
pub(crate) const FORMAT: u32 = 2;
const MAGIC: &str = "hookline";

/// Replaces the file of this name in `folder`: after a crash there is the old one or the new one.
pub(crate) fn write(folder: &Path, name: &str, content: &impl Serialize) -> io::Result<()> {
    let json = serde_json::to_string(content).map_err(io::Error::other)?;
    let text = format!("{MAGIC} {name} {FORMAT}\n{json}\n");
    let sum = xxh3_128(text.as_bytes());
    let unfinished = folder.join(format!("{name}.new"));
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&unfinished)?;
    file.write_all(format!("{text}{sum:032x}\n").as_bytes())?;
    file.sync_all()?;
    fs::rename(&unfinished, folder.join(name))?;
    sync_folder(folder)
}

/// None when there is no such file.
pub(crate) fn read<T: DeserializeOwned>(folder: &Path, name: &str, holds: &str) -> Result<Option<T>, Fault> {
    let path = folder.join(name);
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io_fault(&path)(error)),
    };
    let damaged = |what: &str| Fault::from(Damage::new(&path, what, holds));
    let text = std::str::from_utf8(&bytes).map_err(|_| damaged("is not as it was written"))?;
    let lines: Vec<&str> = text.split('\n').collect();
    let [head, json, sum, ""] = lines[..] else { return Err(damaged("is not as it was written (lines are missing)")) };
    let summed = &bytes[..head.len() + json.len() + 2];
    if sum != format!("{:032x}", xxh3_128(summed)) {
        return Err(damaged("is not as it was written (its checksum differs)"));
    }
    let format = head.strip_prefix(MAGIC).and_then(|rest| rest.trim_start().strip_prefix(name));
    match format.and_then(|format| format.trim().parse::<u32>().ok()) {
        Some(FORMAT) => {}
        Some(found) => return Err(Fault::Newer { file: path, found, known: FORMAT }),
        None => return Err(damaged("is a file of another kind")),
    }
    serde_json::from_str(json).map(Some).map_err(|error| damaged(&format!("cannot be understood ({error})")))
}

/// What a crash leaves of names must be known before anything relies on them.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_byte_that_changes_and_any_length_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "checkpoint", &["content"]).unwrap();
        let path = folder.path().join("checkpoint");
        let whole = fs::read(&path).unwrap();
        let found = || read::<Vec<String>>(folder.path(), "checkpoint", "a test");
        assert_eq!(found().unwrap().unwrap(), ["content"]);
        for place in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[place] ^= 1;
            fs::write(&path, &bytes).unwrap();
            assert!(matches!(found(), Err(Fault::Damaged(_))), "byte {place}");
            fs::write(&path, &whole[..place]).unwrap();
            assert!(matches!(found(), Err(Fault::Damaged(_))), "cut at {place}");
        }
        fs::write(&path, [&whole[..], b"\n"].concat()).unwrap();
        assert!(matches!(found(), Err(Fault::Damaged(_))));
        fs::remove_file(&path).unwrap();
        assert!(found().unwrap().is_none());
    }

    #[test]
    fn a_newer_format_and_a_file_under_another_name_are_told_apart_from_damage() {
        let folder = tempfile::tempdir().unwrap();
        let newer = format!("{MAGIC} checkpoint {}\n[]\n", FORMAT + 1);
        let sum = xxh3_128(newer.as_bytes());
        fs::write(folder.path().join("checkpoint"), format!("{newer}{sum:032x}\n")).unwrap();
        let found = read::<Vec<String>>(folder.path(), "checkpoint", "a test");
        assert!(matches!(found, Err(Fault::Newer { found: 3, known: 2, .. })), "{found:?}");
        write(folder.path(), "store", &["content"]).unwrap();
        fs::rename(folder.path().join("store"), folder.path().join("checkpoint")).unwrap();
        let found = read::<Vec<String>>(folder.path(), "checkpoint", "a test");
        assert!(matches!(&found, Err(Fault::Damaged(damage)) if damage.what.contains("another kind")), "{found:?}");
    }
}
