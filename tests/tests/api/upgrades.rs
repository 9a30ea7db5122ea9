//! Two versions that live side by side: what earlier releases wrote is read and
//! written as they did, and what a later one might write passes through this one.

use std::fs;
use std::path::PathBuf;

use contract::jobs::{JobFound, JobMessage};
use contract::messages::{DeliveryMessage, EventMessage, EventRequest};
use domain::activity::Activity;
use domain::adjustment::Adjustment;
use domain::advice::AdvisorSettings;
use domain::capability::Capability;
use domain::counts::HourCounts;
use domain::delivery::{Attempt, Delivery};
use domain::event::{Event, FanoutPage};
use domain::event_type::StoredEventType;
use domain::expungement::Expungement;
use domain::health::Health;
use domain::hook::{Hook, Subscription};
use domain::identity::Identity;
use domain::key::{ApiKey, Scope};
use domain::plan::Plan;
use domain::portal::{PortalLink, PortalSession};
use domain::profile::Profile;
use domain::replay::Replay;
use domain::tenant::Tenant;
use embedded::DeadLetter;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use services::repositories::audit::AuditEntry;
use services::repositories::documents::UidHolder;

const RELEASES: [&str; 1] = ["0.1"];
/// Fields that hold JSON of publishers and customers, or what is made anew.
const NOT_OURS: [&str; 13] = [
    "data", "filter", "schema", "example", "value", "default", "circuit", "limit", "metadata", "patch", "before",
    "after", "d",
];
/// Objects that are only a name and what it stands for.
const NAMED: [&str; 2] = ["job", "change"];

fn lines(kind: &str) -> Vec<String> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("upgrades");
    let read = |release: &&str| {
        let path = root.join(release).join(format!("{kind}.jsonl"));
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    RELEASES.iter().map(read).flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>()).collect()
}

/// The same as a later release might have written it, once for each object in it.
fn of_the_next_release(text: &str) -> Vec<Value> {
    let whole: Value = serde_json::from_str(text).unwrap();
    let mut places = Vec::new();
    objects(&whole, "", &mut places);
    let changed = places.iter().map(|place| {
        let mut next = whole.clone();
        let object = next.pointer_mut(place).and_then(Value::as_object_mut).unwrap();
        object.insert(
            "from_the_next_release".to_owned(),
            json!({ "deep": [1.5, null], "n": 18_446_744_073_709_551_615_u64 }),
        );
        next
    });
    changed.collect()
}

fn objects(value: &Value, place: &str, places: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            let name = place.rsplit('/').next().unwrap_or_default();
            if !NAMED.contains(&name) {
                places.push(place.to_owned());
            }
            for (name, value) in fields.iter().filter(|(name, _)| !NOT_OURS.contains(&name.as_str())) {
                objects(value, &format!("{place}/{name}"), places);
            }
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(n, item)| objects(item, &format!("{place}/{n}"), places));
        }
        _ => {}
    }
}

fn check<T: DeserializeOwned + Serialize>(kind: &str) {
    for line in lines(kind) {
        let read: T = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{kind}: {error}: {line}"));
        assert_eq!(serde_json::to_string(&read).unwrap(), line, "{kind} is written as ever");
        for next in of_the_next_release(&line) {
            let read: T =
                serde_json::from_value(next.clone()).unwrap_or_else(|error| panic!("{kind}: {error}: {next}"));
            assert_eq!(serde_json::to_value(&read).unwrap(), next, "{kind} keeps what it does not know");
        }
    }
}

#[test]
fn rows_of_earlier_releases_are_read_and_those_of_later_ones_keep_their_fields() {
    check::<Hook>("rows/hook");
    check::<Subscription>("rows/subscription");
    check::<Tenant>("rows/tenant");
    check::<Profile>("rows/profile");
    check::<ApiKey>("rows/key");
    check::<PortalLink>("rows/portal_link");
    check::<PortalSession>("rows/portal_session");
    check::<Replay>("rows/replay");
    check::<StoredEventType>("rows/event_type");
    check::<AuditEntry>("rows/audit");
    check::<Health>("rows/health");
    check::<FanoutPage>("rows/fanout_page");
    check::<Event>("rows/event");
    check::<Attempt>("rows/attempt");
    check::<Delivery>("rows/delivery");
    check::<DeadLetter>("rows/dead_letter");
    check::<Plan>("rows/plan");
    check::<Adjustment>("rows/adjustment");
    check::<AdvisorSettings>("rows/advisor");
    check::<Expungement>("rows/expungement");
    check::<UidHolder>("rows/hook_uid");
    check::<Identity>("rows/identity");
    check::<Activity>("rows/activity");
    check::<HourCounts>("rows/hour_counts");
}

#[test]
fn messages_of_earlier_releases_are_read_and_those_of_later_ones_keep_their_fields() {
    check::<EventMessage>("messages/event");
    check::<EventMessage>("messages/continuation");
    check::<DeliveryMessage>("messages/delivery");
    check::<JobMessage>("messages/job");
    let jobs = lines("messages/job");
    for kind in JobMessage::KINDS {
        assert!(jobs.iter().any(|job| job.contains(&format!(r#""job":{{"{kind}":"#))), "no job is of the kind {kind}");
    }
}

#[test]
fn a_stage_reads_what_a_later_release_of_another_wrote() {
    let texts = |kind| lines(kind).into_iter().flat_map(|line| of_the_next_release(&line)).map(|next| next.to_string());
    for text in texts("messages/continuation") {
        let read = EventMessage::parse(text.as_bytes()).unwrap_or_else(|error| panic!("{error}: {text}"));
        assert!(matches!(read, EventRequest::Continue(_)));
    }
    for text in texts("messages/delivery") {
        DeliveryMessage::parse(text.as_bytes()).unwrap_or_else(|error| panic!("{error}: {text}"));
    }
    for text in texts("messages/job") {
        let found = JobMessage::parse(text.as_bytes());
        assert!(matches!(found, JobFound::Job(_)), "{text}: {found:?}");
    }
}

#[test]
fn publishers_are_still_told_of_a_field_that_nobody_knows() {
    for next in lines("messages/event").iter().flat_map(|line| of_the_next_release(line)) {
        let answer = EventMessage::parse(next.to_string().as_bytes());
        if next["internal"] == json!(true) {
            assert!(answer.is_ok(), "one of our own stages wrote it: {answer:?}");
            continue;
        }
        let reason = answer.unwrap_err().0;
        assert!(
            reason.contains("from_the_next_release: unknown field; expected one of `version`, `tenant`"),
            "{reason}"
        );
    }
}

#[test]
fn names_of_a_later_release_are_read_and_written_as_they_are() {
    let delivery = lines("rows/delivery").remove(0);
    for (name, newer) in
        [("retrying", "paused"), ("status\"", "rerouted\""), ("trigger\":\"retry", "trigger\":\"hunch")]
    {
        let row = delivery.replacen(&format!("\"{name}"), &format!("\"{newer}"), 2).replace("rerouted\":", "status\":");
        let read: Delivery = serde_json::from_str(&row).unwrap_or_else(|error| panic!("{error}: {row}"));
        assert_eq!(serde_json::to_string(&read).unwrap(), row);
    }
    let key = lines("rows/key").remove(0).replace("\"publish\"", "\"audit\"");
    assert_eq!(serde_json::to_string(&serde_json::from_str::<ApiKey>(&key).unwrap()).unwrap(), key);
    let session = lines("rows/portal_session").remove(0).replace("\"view\"", "\"view\",\"shred\"");
    assert_eq!(serde_json::to_string(&serde_json::from_str::<PortalSession>(&session).unwrap()).unwrap(), session);
    let portal = lines("rows/tenant").remove(1).replace("\"serif\"", "\"comic\"").replace("\"auto\"", "\"sepia\"");
    assert_eq!(serde_json::to_string(&serde_json::from_str::<Tenant>(&portal).unwrap()).unwrap(), portal);
    let health =
        lines("rows/health").remove(0).replace("\"failing\"", "\"tired\"").replace("failed_for_long", "asleep");
    assert_eq!(serde_json::to_string(&serde_json::from_str::<Health>(&health).unwrap()).unwrap(), health);
    let replay = lines("rows/replay").remove(0).replace("missing", "guessed").replace("running", "paused");
    assert_eq!(serde_json::to_string(&serde_json::from_str::<Replay>(&replay).unwrap()).unwrap(), replay);
}

#[test]
fn a_key_of_which_this_version_does_not_know_enough_may_do_nothing_more() {
    // Versions before capabilities do not know the scope of keys that have them, and let those do
    // nothing: they would take any other portal key for one that may do all that is usual.
    let limited = lines("rows/key").remove(1);
    assert!(limited.contains(r#""scope":"limited""#), "{limited}");
    let key: ApiKey = serde_json::from_str(&limited.replace("rotate", "shred")).unwrap();
    for capability in Capability::ALL {
        assert_eq!(key.allows(*capability), *capability == Capability::View, "{capability:?}");
    }
    let unknown: ApiKey = serde_json::from_str(&limited.replace("limited", "from_the_next_release")).unwrap();
    assert!(matches!(unknown.scope, Scope::Unknown(_)));
    assert!(Capability::ALL.iter().all(|capability| !unknown.allows(*capability)));
}
