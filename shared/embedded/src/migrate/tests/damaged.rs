//! Old directories that are not as they were written.

use std::fs::OpenOptions;
use std::io::{Seek as _, SeekFrom, Write as _};

use super::*;
use crate::migrate::wal::OldLog;

fn overwrite(file: &Path, offset: u64, bytes: &[u8]) {
    let mut file = OpenOptions::new().write(true).open(file).unwrap();
    file.seek(SeekFrom::Start(offset)).unwrap();
    file.write_all(bytes).unwrap();
}

/// Where what was written ends, before the room for more.
fn written(file: &Path) -> u64 {
    let bytes = fs::read(file).unwrap();
    bytes.iter().rposition(|byte| *byte != 0).unwrap() as u64 + 1
}

/// Refused, with this file and offset named, until the torn tail is accepted.
async fn is_torn(data: &Path, file: &str, offset: u64) {
    let refused = refusal(data).await;
    let place = format!("{} from byte {offset} on", data.join(file).display());
    assert!(refused.contains(&place) && refused.contains("--accept-torn-tail"), "{place}: {refused}");
    let digests = old_digests(data);
    migrate(data, true).await.unwrap();
    assert_eq!(new_digests(data), digests, "{file} at {offset}");
}

#[tokio::test]
async fn a_journal_that_goes_on_behind_its_last_whole_batch_is_converted_only_when_that_is_accepted() {
    for what in [&[1, 2, 3][..], &[0, 0, 0, 0, 7]] {
        let folder = unpack(STOPPED);
        let data = data(&folder);
        let end = written(&data.join("0.jnl"));
        overwrite(&data.join("0.jnl"), end, what);
        is_torn(&data, "0.jnl", end).await;
    }
}

#[tokio::test]
async fn a_damaged_batch_of_the_journal_is_told_with_its_place() {
    let folder = unpack(STOPPED);
    let data = data(&folder);
    let end = written(&data.join("0.jnl"));
    let journal = fs::read(data.join("0.jnl")).unwrap();
    // The last byte of its last batch but a few, which its hash covers.
    overwrite(&data.join("0.jnl"), end - 20, &[journal[usize::try_from(end).unwrap() - 20] ^ 1]);
    let (files, tail) = journal::read(&data).unwrap();
    let offset = tail.unwrap().offset;
    assert!(offset > 0 && offset < end && offset == files[0].end);
    is_torn(&data, "0.jnl", offset).await;
}

#[tokio::test]
async fn an_older_journal_has_to_be_whole_and_none_may_be_missing() {
    let folder = unpack(STOPPED);
    let data = data(&folder);
    fs::copy(data.join("0.jnl"), data.join("1.jnl")).unwrap();
    let end = written(&data.join("0.jnl"));
    overwrite(&data.join("0.jnl"), end, &[9]);
    let refused = refusal(&data).await;
    assert!(refused.contains(&format!("0.jnl is damaged from byte {end} on")), "{refused}");
    assert!(migrate(&data, true).await.is_err(), "that is no torn tail");
    fs::remove_file(data.join("0.jnl")).unwrap();
    fs::copy(data.join("1.jnl"), data.join("3.jnl")).unwrap();
    assert!(refusal(&data).await.contains("2.jnl is missing, though there is 3.jnl"));
    fs::remove_file(data.join("1.jnl")).unwrap();
    fs::remove_file(data.join("3.jnl")).unwrap();
    assert!(refusal(&data).await.contains("0.jnl is missing, and so is any later journal"));
}

#[tokio::test]
async fn a_log_with_whole_records_behind_a_broken_one_is_converted_only_when_that_is_accepted() {
    let folder = unpack(KILLED);
    let data = data(&folder);
    let log = data.join("log/0.wal");
    let first = {
        let bytes = fs::read(&log).unwrap();
        u64::from(u32::from_le_bytes(bytes[8..12].try_into().unwrap())) + 20
    };
    overwrite(&log, first + 30, &[0xFF; 4]);
    is_torn(&data, "log/0.wal", first).await;
}

#[tokio::test]
async fn a_newest_record_of_the_log_that_is_not_whole_is_told_too() {
    let folder = unpack(KILLED);
    let data = data(&folder);
    let log = data.join("log/0.wal");
    let end = written(&log);
    overwrite(&log, end - 1, &[0xFF]);
    let [torn] = &OldLog::read(&data).unwrap().torn[..] else { panic!("it is torn") };
    assert!(torn.offset < end);
    is_torn(&data, "log/0.wal", torn.offset).await;
}

#[tokio::test]
async fn a_table_that_is_missing_or_damaged_is_refused_and_not_made_anew() {
    for keyspace in 1..=3 {
        let folder = unpack(STOPPED);
        let data = data(&folder);
        fs::remove_file(data.join(format!("keyspaces/{keyspace}/current"))).unwrap();
        let refused = refusal(&data).await;
        assert!(refused.contains("lack the table"), "{refused}");
        fs::remove_dir_all(data.join(format!("keyspaces/{keyspace}"))).unwrap();
        assert!(refusal(&data).await.contains("lack the table"));
    }
    let folder = unpack(STOPPED);
    let data = data(&folder);
    for entry in fs::read_dir(data.join("keyspaces/0/tables")).unwrap() {
        let path = entry.unwrap().path();
        overwrite(&path, 10, &[0xFF; 200]);
    }
    refusal(&data).await;
}

#[tokio::test]
async fn keys_that_do_not_open_what_was_sealed_are_refused_before_anything_changes() {
    let folder = unpack(STOPPED);
    let data = data(&folder);
    let other = unpack(KILLED);
    fs::copy(other.path().join("format-1/keys"), data.join("keys")).unwrap();
    assert!(refusal(&data).await.contains("cannot be opened with its file of keys"));
    fs::remove_file(data.join("keys")).unwrap();
    assert!(refusal(&data).await.contains("keys is missing, but secrets were sealed with it"));
}

#[tokio::test]
async fn old_files_that_are_kept_already_are_not_overwritten() {
    let folder = unpack(STOPPED);
    let data = data(&folder);
    fs::create_dir_all(data.join("format-1/keyspaces")).unwrap();
    assert!(refusal(&data).await.contains("holds files of an earlier conversion"));
}
