use super::*;

const DAY: Duration = Duration::from_secs(86_400);
const START: Timestamp = Timestamp::from_millis(1_700_000_000_000);

fn hook(secrets: &[&str]) -> Hook {
    let secrets: Vec<_> = secrets.iter().map(|text| serde_json::json!({ "secret": text })).collect();
    let row = serde_json::json!({
        "tenant": "acme", "id": "hook_01KDYVGY008YH3QK2V7M4N9P0T", "url": "https://a.example/", "events": ["*"],
        "enabled": true, "secrets": secrets, "created_at": START, "updated_at": START, "version": 1,
    });
    serde_json::from_value(row).unwrap()
}

fn live(hook: &Hook, now: Timestamp) -> Vec<&str> {
    hook.live_secrets(now).into_iter().map(Secret::reveal).collect()
}

fn later(days: u32) -> Timestamp {
    START.saturating_add(DAY * days)
}

#[test]
fn one_secret_signs_alone_at_every_moment_of_a_rotation() {
    for (cutover, moments) in [
        (Cutover::AtOnce, [&["new", "old"][..], &["new"]]),
        (Cutover::AtEnd, [&["old", "new"], &["new"]]),
        (Cutover::Manual, [&["old", "new"], &["old", "new"]]),
    ] {
        let mut hook = hook(&["old"]);
        hook.rotate(Secret::new("new"), DAY, cutover, START);
        assert_eq!(moments, [START, later(1)].map(|now| live(&hook, now)), "{cutover:?}");
        assert!(hook.cut_over(later(1)) || cutover != Cutover::Manual);
        assert_eq!(live(&hook, later(1)), ["new"]);
        assert!(!hook.cut_over(later(1)));
    }
}

#[test]
fn rotations_within_a_rotation_take_turns() {
    let mut hook = hook(&["one"]);
    hook.rotate(Secret::new("two"), DAY, Cutover::AtEnd, START);
    hook.rotate(Secret::new("three"), DAY, Cutover::Manual, START);
    assert_eq!(live(&hook, START)[0], "one");
    assert_eq!(live(&hook, later(1)), ["two", "three"]);
    hook.rotate(Secret::new("four"), DAY, Cutover::AtOnce, later(1));
    assert_eq!(live(&hook, later(1))[0], "four");
    assert_eq!(live(&hook, later(2)), ["four"]);
}

#[test]
fn the_secret_that_signs_alone_is_never_dropped() {
    let mut hook = hook(&["first"]);
    for n in 0..10 {
        hook.rotate(Secret::new(format!("later {n}")), DAY, Cutover::Manual, START);
        assert_eq!(live(&hook, START)[0], "first");
    }
    assert_eq!(hook.secrets.len(), MAX_SECRETS);
    assert_eq!(hook.secrets[0].secret.reveal(), "later 9");
}

#[test]
fn keys_of_the_other_kind_are_left_alone() {
    let mut hook = hook(&["old", "whsk_other"]);
    hook.rotate(Secret::new("new"), DAY, Cutover::AtEnd, START);
    assert_eq!(live(&hook, START), ["old", "whsk_other", "new"]);
    assert!(hook.cut_over(START));
    assert_eq!(live(&hook, START), ["new", "whsk_other"]);
}

#[test]
fn a_rotation_of_nothing_signs_at_once() {
    let mut hook = hook(&[]);
    hook.rotate(Secret::new("new"), DAY, Cutover::Manual, START);
    assert!(!hook.secrets[0].signs_last);
}
