//! Values to store, all different, all valid.

use std::collections::BTreeSet;
use std::time::Duration;

use contract::ports::{Clock, Listed, ManualClock, OsRandom, Page, StoreResult};
use domain::delivery::{Attempt, AttemptOutcome, Delivery, Revision, Status, Trigger};
use domain::event::{Event, FanoutPage};
use domain::hook::Hook;
use domain::ids::{DeliveryId, EventSeq, HookId, TenantId, new_ulid};
use domain::key::KeyHash;
use domain::secret::{Secret, SigningSecret};
use domain::settings::Settings;
use domain::tenant::Tenant;
use domain::time::Timestamp;
use domain::unknown::Unknown;
use serde_json::value::RawValue;

use super::START;

pub(crate) const RETENTION: Duration = Duration::from_secs(30 * 24 * 3600);

pub(crate) fn tenant_id(id: &str) -> TenantId {
    id.parse().unwrap()
}

pub(crate) fn tenant(id: &str) -> Tenant {
    Tenant {
        id: tenant_id(id),
        name: format!("{id} & Söhne"),
        profile: Some("oktopost".parse().unwrap()),
        settings: settings(r#"{"rate_limit":7}"#),
        retention_days: Some(7),
        strict_event_types: true,
        attributes: [("plan".to_owned(), "gold".to_owned())].into(),
        portal: serde_json::from_str(r##"{"name":"Hooks","colours":{"accent":"#1d4ed8"}}"##).unwrap(),
        metadata: serde_json::from_str(r#"{"plan":"gold"}"#).unwrap(),
        created_with: Some(KeyHash::of("a request")),
        created_at: START,
        updated_at: START,
        version: 1,
        unknown: Unknown::NONE,
    }
}

pub(crate) fn settings(json: &str) -> Settings {
    serde_json::from_str(json).unwrap()
}

pub(crate) fn hook_id() -> HookId {
    HookId(new_ulid(START, &OsRandom))
}

pub(crate) fn hook(tenant: &str, patterns: &[&str]) -> Hook {
    Hook {
        tenant: tenant_id(tenant),
        id: hook_id(),
        name: "a name".to_owned(),
        description: "ein Häkchen".to_owned(),
        uid: Some("häkchen".replace('ä', "ae").parse().unwrap()),
        metadata: serde_json::from_str(r#"{"team":"blau"}"#).unwrap(),
        url: "https://example.com/in?x=1".to_owned(),
        events: patterns.iter().map(|p| p.parse().unwrap()).collect(),
        channels: ["room:1".parse().unwrap()].into(),
        filter: Some(serde_json::from_str(r#"{"title":["Hello"]}"#).unwrap()),
        enabled: true,
        expires_at: None,
        disabled_reason: Some("the endpoint answered 410 Gone".to_owned()),
        disabled_at: Some(START),
        verification_key: Some(Secret::generate_verification_key(&OsRandom, domain::settings::VerificationKind::Key)),
        profile: Some("github".parse().unwrap()),
        settings: settings(r#"{"method":"PUT","retry":{"delays":[1,0.5]},"payload":{"raw":true}}"#),
        secrets: vec![SigningSecret { expires_at: Some(START), ..SigningSecret::current(Secret::generate(&OsRandom)) }],
        created_at: START,
        updated_at: START,
        version: 1,
        unknown: Unknown::NONE,
    }
}

/// The next version of a hook, changed by `change`.
pub(crate) fn changed(hook: &Hook, change: impl FnOnce(&mut Hook)) -> Hook {
    let mut new = Hook { version: hook.version + 1, ..hook.clone() };
    change(&mut new);
    new
}

pub(crate) fn raw(json: &str) -> std::sync::Arc<RawValue> {
    RawValue::from_string(json.to_owned()).unwrap().into()
}

pub(crate) fn event(tenant: &str, id: &str, clock: &ManualClock) -> Event {
    Event {
        tenant: tenant_id(tenant),
        id: id.parse().unwrap(),
        seq: EventSeq(new_ulid(clock.now(), &OsRandom)),
        event_type: "post.published".parse().unwrap(),
        timestamp: clock.now().saturating_sub(Duration::from_millis(77)),
        channels: BTreeSet::from(["room:1".parse().unwrap(), "b".parse().unwrap()]),
        not_after: Some(clock.now().saturating_add(Duration::from_secs(3_600))),
        deliver_at: Some(clock.now().saturating_add(Duration::from_secs(60))),
        data: Some(raw(r#"{"title":"Hello"}"#)),
        expires_at: clock.now().saturating_add(RETENTION),
        unknown: Unknown::NONE,
    }
}

pub(crate) fn page(number: u32, token: &str) -> FanoutPage {
    FanoutPage {
        number,
        token: token.to_owned(),
        hooks: vec![hook_id(), hook_id()],
        next: (number == 0).then(|| "a cursor".to_owned()),
        unknown: Unknown::NONE,
    }
}

/// A delivery that nobody tried yet, of an event recorded at `at`.
pub(crate) fn delivery(tenant: &str, hook: HookId, at: Timestamp) -> Delivery {
    let event = EventSeq(new_ulid(at, &OsRandom));
    let id = DeliveryId { event, hook };
    let event_id = format!("evt:{}", event.0).parse().unwrap();
    Delivery::new(tenant_id(tenant), id, event_id, "post.published".parse().unwrap(), at, RETENTION)
}

/// The same delivery after its next attempt.
pub(crate) fn attempted(delivery: &Delivery, outcome: AttemptOutcome) -> Delivery {
    let number = delivery.attempt_count + 1;
    let at = delivery.updated_at.saturating_add(Duration::from_secs(1));
    let succeeded = outcome == AttemptOutcome::Success;
    Delivery {
        status: if succeeded { Status::Succeeded } else { Status::Retrying },
        attempt_count: number,
        due_step: if succeeded { 0 } else { number },
        next_attempt_at: (!succeeded).then(|| at.saturating_add(Duration::from_secs(5))),
        updated_at: at,
        last_attempt: Some(attempt(number, at, outcome)),
        ..delivery.clone()
    }
}

fn attempt(number: u32, at: Timestamp, outcome: AttemptOutcome) -> Attempt {
    let status_code = match outcome {
        AttemptOutcome::Success => Some(204),
        AttemptOutcome::Status => Some(500),
        _ => None,
    };
    Attempt {
        number,
        at,
        duration_ms: 12,
        rest_us: 345,
        status_code,
        outcome,
        error: status_code.is_none().then(|| "no answer".to_owned()),
        remark: status_code.map(|_| "it broke off".to_owned()),
        response_body: status_code.map(|_| "ö\n\"".to_owned()),
        response_is_base64: outcome == AttemptOutcome::Gone,
        response_headers: vec![("server".to_owned(), "a: b".to_owned()), ("x".to_owned(), String::new())],
        revision: Some(Revision { hook: 3, tenant: 1, profile: 0, base: 7, form: 1, unknown: Unknown::NONE }),
        batch: vec![EventSeq(new_ulid(START, &OsRandom))],
        with_key: number == 1,
        trigger: if number == 1 { Trigger::First } else { Trigger::Retry },
        unknown: Unknown::NONE,
    }
}

/// The rows of a list in which all can be read.
pub(crate) fn readable<T: std::fmt::Debug>(rows: Vec<Listed<T>>) -> Vec<T> {
    rows.into_iter().map(|row| row.unwrap()).collect()
}

/// Follows a list to its end; `read` gets each cursor.
pub(crate) async fn all_pages<T, F>(mut read: impl FnMut(Option<String>) -> F) -> Vec<T>
where
    F: Future<Output = StoreResult<Page<T>>>,
{
    let mut items = Vec::new();
    let mut cursor = None;
    for _ in 0..1_000 {
        let page = read(cursor).await.unwrap();
        items.extend(page.items);
        match page.next {
            Some(next) => cursor = Some(next),
            None => return items,
        }
    }
    panic!("a list that does not end")
}
