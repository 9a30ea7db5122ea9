//! What an operator sees of a data directory that is damaged.

use std::path::Path;

use super::*;

async fn repair(data: &Path, flags: &[&str]) -> Said {
    let mut command = binary();
    command.arg("repair").args(flags).arg("--data").arg(data);
    run(command).await
}

/// A file of the first table, which holds tenants, hooks and keys.
fn table_file(data: &Path) -> PathBuf {
    let mut files = std::fs::read_dir(data.join("tables/hooks/tables")).unwrap();
    files.next().unwrap().unwrap().path()
}

#[tokio::test]
async fn damage_is_told_and_left_alone_until_it_is_to_be_repaired() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    let told = repair(&data, &[]).await;
    assert!(told.code == 1 && told.err.contains("there is no such directory"), "{}", told.err);
    assert_eq!(repair(&data, &["--nonsense"]).await.code, 2);

    let serve = async || {
        let mut command = binary();
        command.args(["serve", "--operator-key", KEY, "--data"]).arg(&data).stdout(Stdio::null());
        listening(command).await
    };
    let (mut server, address, _log) = serve().await;
    let used = repair(&data, &["--apply"]).await;
    assert!(used.code == 1 && used.err.contains("in use by another hookline process"), "{}", used.err);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = client.post(format!("http://{address}/v1/tenants")).bearer_auth(KEY).json(&json!({"id": "acme"}));
    assert_eq!(request.send().await.unwrap().status(), 201);
    server.kill().await.unwrap();

    let sound = repair(&data, &[]).await;
    assert_eq!((sound.code, sound.err.as_str()), (0, ""));
    assert!(sound.out.contains("is sound; nothing was changed"), "{}", sound.out);

    let file = table_file(&data);
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[40] ^= 1;
    std::fs::write(&file, &bytes).unwrap();
    let told = repair(&data, &[]).await;
    assert_eq!(told.code, 1, "{}", told.err);
    for part in [
        file.to_str().unwrap(),
        "\n  holds: tenants, hooks, API keys",
        "\n  lost: 0 of its ",
        "\n  messages, with events and deliveries that are under way, and dead letters: ",
        "--apply",
    ] {
        assert!(told.out.contains(part), "{part}: {}", told.out);
    }
    assert!(std::fs::read(&file).unwrap() == bytes && !data.join("before-repair-1").exists());

    let done = repair(&data, &["--apply"]).await;
    assert_eq!(done.code, 0, "{}", done.err);
    assert!(done.out.contains("before-repair-1"), "{}", done.out);
    let kept = data.join("before-repair-1").join(file.strip_prefix(&data).unwrap());
    assert!(std::fs::read(kept).unwrap() == bytes);
    assert_eq!(repair(&data, &[]).await.code, 0);
    // The tenant was in the log.
    let (_server, address, _log) = serve().await;
    let request = client.get(format!("http://{address}/v1/tenants/acme")).bearer_auth(KEY);
    assert_eq!(request.send().await.unwrap().status(), 200);
}
