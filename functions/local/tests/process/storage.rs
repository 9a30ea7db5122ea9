//! What a directory is when it is damaged, used, copied and put back.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::json;

use crate::receiver::Receiver;
use crate::support::{KEY, PATIENCE, Server, binary, client, terminate, until};

async fn run(args: &[&str]) -> Output {
    tokio::time::timeout(PATIENCE, binary().args(args).output()).await.unwrap().unwrap()
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// All files of a folder and their bytes.
fn snapshot(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        match entry.file_type().unwrap().is_dir() {
            true => files.extend(snapshot(&entry.path())),
            false => files.push((entry.path(), fs::read(entry.path()).unwrap())),
        }
    }
    files.sort();
    files
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

async fn makes_key(server: &Server) -> (String, String) {
    let key = server.post("/v1/tenants/acme/keys", &json!({"name": "a key", "scope": "tenant"})).await.unwrap();
    assert_eq!(key.status, 201, "{key:?}");
    (key.body["id"].as_str().unwrap().to_owned(), key.body["key"].as_str().unwrap().to_owned())
}

async fn works(server: &Server, key: &str) -> bool {
    let url = format!("http://{}/v1/tenants/acme/hooks", server.address);
    client().get(url).bearer_auth(key).send().await.unwrap().status() == 200
}

/// With `--operator-key` absent, a server makes one; not where it may not start.
#[tokio::test]
async fn a_process_that_may_not_start_leaves_no_key_and_touches_no_file() {
    let directory = tempfile::tempdir().unwrap();
    let _first = Server::start(directory.path()).await;
    let before = names(directory.path());
    assert!(!before.contains(&"operator-key".to_owned()), "the first one was given its key: {before:?}");
    let data = directory.path().to_str().unwrap();
    let second = run(&["--listen", "127.0.0.1:0", "--data", data]).await;
    assert_eq!(second.status.code(), Some(1));
    assert!(text(&second).contains("in use by another hookline process"), "{}", text(&second));
    assert_eq!(names(directory.path()), before);
    assert!(second.stdout.is_empty(), "no key is shown that never works");
}

#[tokio::test]
async fn a_revoked_key_stays_revoked_or_nothing_starts_whatever_byte_changes() {
    let directory = tempfile::tempdir().unwrap();
    let mut server = Server::start(directory.path()).await;
    server.make_tenant().await;
    let ((revoked_id, revoked), (_, kept)) = (makes_key(&server).await, makes_key(&server).await);
    let url = format!("http://{}/v1/tenants/acme/keys/{revoked_id}", server.address);
    assert_eq!(client().delete(url).bearer_auth(KEY).send().await.unwrap().status(), 204);
    // Longer than the mark of what is on disk may stay away from it.
    server.child.kill().await.unwrap();

    let mut refused = 0;
    for (file, bytes) in snapshot(directory.path()) {
        let written = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        if written == 0 || file.ends_with("keys") {
            continue;
        }
        for place in [0, written / 2, written - 1] {
            let mut damaged = bytes.clone();
            damaged[place] ^= 4;
            fs::write(&file, &damaged).unwrap();
            let checked = run(&["verify", "--data", directory.path().to_str().unwrap()]).await;
            if checked.status.success() {
                // Nothing of it is needed, so all is there.
                let copied = tempfile::tempdir().unwrap();
                copy(directory.path(), copied.path());
                let mut server = Server::start(copied.path()).await;
                assert!(works(&server, &kept).await, "{} at {place}", file.display());
                assert!(!works(&server, &revoked).await, "{} at {place}", file.display());
                server.child.kill().await.unwrap();
            } else {
                refused += 1;
                let told = text(&checked);
                assert!(told.contains(file.to_str().unwrap()) && told.contains("backup"), "{told}");
            }
            fs::write(&file, &bytes).unwrap();
        }
    }
    assert!(refused > 10, "{refused}");
    let server = Server::start(directory.path()).await;
    assert!(works(&server, &kept).await && !works(&server, &revoked).await);
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        match entry.file_type().unwrap().is_dir() {
            true => copy(&from, &to),
            false => drop(fs::copy(from, to).unwrap()),
        }
    }
}

#[tokio::test]
async fn a_start_on_a_damaged_directory_says_what_to_do_and_changes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let mut server = Server::start(directory.path()).await;
    server.make_tenant().await;
    assert!(terminate(&mut server.child).await.success());
    let (file, _) = snapshot(&directory.path().join("tables/hooks/tables")).remove(0);
    let mut bytes = fs::read(&file).unwrap();
    bytes[60] ^= 1;
    fs::write(&file, bytes).unwrap();
    let before = snapshot(directory.path());
    let data = directory.path().to_str().unwrap();
    let refused = run(&["--listen", "127.0.0.1:0", "--data", data]).await;
    assert_eq!(refused.status.code(), Some(1));
    let told = text(&refused);
    for part in [file.to_str().unwrap(), "tenants, hooks", "backup", "hookline repair --data", "nothing was changed"] {
        assert!(told.contains(part), "{part} is not in {told}");
    }
    assert!(snapshot(directory.path()) == before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_of_a_busy_server_starts_elsewhere_with_everything_that_was_accepted() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path()).await;
    let receiver = Receiver::start().await;
    server.make_tenant().await;
    let (_, key) = makes_key(&server).await;
    let hook = server.subscribe(&receiver.steady()).await;
    receiver.refuse(true);
    for number in 0..50 {
        assert_eq!(server.publish(&number.to_string(), &json!({"number": number})).await.unwrap().status, 202);
    }
    let copies = tempfile::tempdir().unwrap();
    let api = format!("http://{}", server.address);
    for name in ["copy.tar", "copy"] {
        let to = copies.path().join(name);
        let made = run(&["backup", "--api", &api, "--key", KEY, "--to", to.to_str().unwrap()]).await;
        assert!(made.status.success(), "{}", text(&made));
        assert!(text(&made).contains("found sound"), "{}", text(&made));
        let again = run(&["backup", "--api", &api, "--key", KEY, "--to", to.to_str().unwrap()]).await;
        assert_eq!(again.status.code(), Some(2), "what is there is not written over");
    }
    assert_eq!(names(copies.path()), ["copy", "copy.tar"], "nothing unfinished is left");
    assert!(!directory.path().join("backup.part").exists());
    let denied = run(&["backup", "--api", &api, "--key", &key, "--to", "/nowhere/x.tar"]).await;
    assert_eq!(denied.status.code(), Some(1), "a tenant's key may not");

    // What happens later is not in it.
    assert_eq!(server.publish("later", &json!({"number": 1_000})).await.unwrap().status, 202);
    let unpacked = copies.path().join("unpacked");
    fs::create_dir(&unpacked).unwrap();
    tar::Archive::new(fs::File::open(copies.path().join("copy.tar")).unwrap()).unpack(&unpacked).unwrap();
    drop(server);
    receiver.refuse(false);
    for restored in [unpacked, copies.path().join("copy")] {
        let verified = run(&["verify", "--data", restored.to_str().unwrap()]).await;
        assert!(verified.status.success(), "{}", text(&verified));
        let server = Server::start(&restored).await;
        assert!(works(&server, &key).await);
        until("all that was accepted before is delivered", || async {
            let fates = server.fates(&hook).await;
            (0..50).all(|number: u32| fates.get(&number.to_string()).is_some_and(|fate| fate == "succeeded"))
        })
        .await;
        assert!(!server.fates(&hook).await.contains_key("later"));
    }
}

#[tokio::test]
async fn verify_tells_a_sound_directory_one_in_use_and_none() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let arguments = ["verify", "--data", data.to_str().unwrap()];
    assert!(text(&run(&arguments).await).contains("no such directory"));
    let mut server = Server::start(&data).await;
    server.make_tenant().await;
    assert!(text(&run(&arguments).await).contains("in use by another hookline process"));
    server.child.kill().await.unwrap();
    let before = snapshot(&data);
    let verified = run(&arguments).await;
    assert!(verified.status.success() && text(&verified).contains("left by a server that died"), "{}", text(&verified));
    assert!(snapshot(&data) == before, "nothing is changed");
    let mut server = Server::start(&data).await;
    assert!(terminate(&mut server.child).await.success());
    assert!(text(&run(&arguments).await).contains("closed by its server"));
}
