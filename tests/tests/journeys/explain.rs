//! "I did not get it": whatever the cause, one call names it.

mod causes;
mod versions;

use serde_json::{Value, json};
use tests::world::{Hook, TENANT, World};

fn path(event: &str) -> String {
    format!("/v1/tenants/{TENANT}/events/{event}/explain")
}

/// What is said of one hook.
async fn explained(world: &World, event: &str, hook: &Hook) -> Value {
    let answer = world.get(&format!("{}?hook={}", path(event), hook.id)).await.expect(200).json();
    let items = answer["items"].as_array().unwrap();
    assert_eq!((items.len(), &answer["next_cursor"]), (1, &Value::Null), "{answer}");
    assert_eq!(items[0]["hook_id"], json!(hook.id));
    items[0].clone()
}

#[track_caller]
fn assert_verdict(entry: &Value, verdict: &str, words: &str) {
    assert_eq!(entry["verdict"], verdict, "{entry}");
    assert!(entry["sentence"].as_str().unwrap().contains(words), "{entry}");
}

/// What the documents say of a cause is what is said, save for what stands for `…`.
#[track_caller]
fn assert_documented(entry: &Value, cause: &str) {
    let page = include_str!("../../../docs/explain.md");
    let row = page.lines().find(|line| line.starts_with(&format!("| {cause} |"))).expect("each cause has a row");
    let quoted = row.split_once(": \"").and_then(|(_, rest)| rest.rsplit_once("\" |")).expect("it quotes a sentence").0;
    let (mut said, sentence) = (entry["sentence"].as_str().unwrap(), entry["sentence"].to_string());
    for part in quoted.split('…') {
        said = said.split_once(part).unwrap_or_else(|| panic!("`{part}` of the documents is not in {sentence}")).1;
    }
    assert!(row.contains(&format!("`{}`", entry["verdict"].as_str().unwrap())), "{row}");
}

/// It went there and waits, for this alone.
#[track_caller]
fn assert_held(entry: &Value, by: &str, until: Option<&str>) {
    assert_verdict(entry, "chosen", "");
    let holds: Vec<&Value> = entry["held_by"].as_array().unwrap().iter().collect();
    assert_eq!(holds.len(), 1, "{entry}");
    assert_eq!((&holds[0]["by"], holds[0]["until"].as_str()), (&json!(by), until), "{entry}");
    let sentence = entry["sentence"].as_str().unwrap();
    assert!(sentence.contains(holds[0]["sentence"].as_str().unwrap()), "{entry}");
}
