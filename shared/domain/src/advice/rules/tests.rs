//! Each rule with a history in which it has to speak, one in which it has to be silent, and one
//! that is just short of it; and a month of traffic, to see how many plans a tenant gets.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::record::{BUSY, Recent};
use super::super::{AdviceKind, answered_by};
use super::*;
use crate::counts::{Counting, Durations};
use crate::hook::Hook;
use crate::ids::{EventType, HookId, PlanId};
use crate::plan::{Plan, PlanState};
use crate::profile::standard;
use crate::random::FixedRandom;
use crate::settings::Settings;
use crate::time::{Hour, Timestamp};

const NOW: Timestamp = Timestamp::from_millis(1_790_000_000_000);
const DAY: Duration = Duration::from_secs(86_400);

fn tenant() -> Tenant {
    let text = r#"{"id":"acme","created_at":"2026-01-01T00:00:00Z","updated_at":"2026-01-01T00:00:00Z","version":1}"#;
    serde_json::from_str(text).unwrap()
}

/// A hook that was made two months ago.
fn history(number: u64, change: &Value) -> HookHistory {
    let made = NOW.saturating_sub(60 * DAY);
    let mut hook = json!({
        "tenant": "acme", "id": HookId::new(made.saturating_add(Duration::from_secs(number)), &FixedRandom(0.5)),
        "name": "one", "url": format!("https://{number}.example.com/in"), "events": ["a"], "enabled": true,
        "secrets": [{ "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" }],
        "created_at": made, "updated_at": made, "version": 1,
    });
    let mut settings = json!({});
    for (name, value) in change.as_object().unwrap() {
        let of = if hook.get(name).is_some() || name == "filter" { &mut hook } else { &mut settings };
        of[name] = value.clone();
    }
    let own: Settings = serde_json::from_value(settings).unwrap();
    let settings = own.over(&standard().settings).complete().unwrap();
    let hook: Hook = serde_json::from_str(&hook.to_string()).unwrap();
    HookHistory { hook: Arc::new(hook), settings, health: Health::default(), secret_since: None, answers_https: None }
}

fn durations(millis: u32, count: u64) -> Durations {
    serde_json::from_value(json!({ Durations::class(millis).to_string(): count })).unwrap()
}

/// What there is to say of one hook.
fn advice_for(hook: HookHistory, record: HookRecord) -> Vec<Advice> {
    let id = hook.hook.id;
    advice(vec![hook], &TenantRecord { hooks: BTreeMap::from([(id, record)]), ..TenantRecord::default() })
}

fn advice(hooks: Vec<HookHistory>, record: &TenantRecord) -> Vec<Advice> {
    let (tenant, hooks) = (tenant(), hooks.into_iter().map(|hook| (hook.hook.id, hook)).collect());
    all(&TenantHistory { tenant: &tenant, record, hooks: &hooks, has_all_hooks: true, now: NOW })
}

fn patch(advice: &Advice) -> Value {
    serde_json::from_str(advice.change.patch.as_ref().unwrap().get()).unwrap()
}

fn week(recent: Recent) -> HookRecord {
    HookRecord { week: recent, ..HookRecord::default() }
}

#[test]
fn a_time_out_just_below_what_an_endpoint_needs() {
    let slow = |timeouts, slow_ms, attempts| {
        let durations = durations(slow_ms, attempts - timeouts);
        let recent = Recent { attempts, succeeded: attempts - timeouts, timeouts, durations, ..Recent::default() };
        advice_for(history(1, &json!({ "timeout": { "total": 10 } })), week(recent))
    };
    let [spoken] = &slow(50, 8_000, 500)[..] else { panic!("it has to speak") };
    assert_eq!((spoken.kind, patch(spoken)["timeout"]["total"].clone()), (AdviceKind::Timeout, json!(15)));
    assert_eq!(spoken.evidence[0].value, 50.0);
    for (timeouts, slow_ms, attempts) in [(19, 8_000, 200), (24, 8_000, 500), (50, 4_000, 500), (0, 8_000, 500)] {
        assert!(slow(timeouts, slow_ms, attempts).is_empty(), "{timeouts} of {attempts} at {slow_ms}");
    }
    // Nothing longer can be asked for.
    let recent =
        Recent { attempts: 500, succeeded: 450, timeouts: 50, durations: durations(20_000, 450), ..Recent::default() };
    assert!(advice_for(history(1, &json!({ "timeout": { "total": 30 } })), week(recent)).is_empty());
}

#[test]
fn a_rate_for_an_endpoint_that_answers_429() {
    let refused = |settings: &Value, throttled, attempts, best| {
        let recent = Recent { attempts, throttled, best_throttled_hour: best, ..Recent::default() };
        advice_for(history(1, settings), week(recent))
    };
    let [spoken] = &refused(&json!({}), 100, 1_000, 36_000)[..] else { panic!("it has to speak") };
    assert_eq!((spoken.kind, patch(spoken)), (AdviceKind::RateLimit, json!({ "rate_limit": 10 })));
    assert!(refused(&json!({}), 49, 400, 36_000).is_empty());
    assert!(refused(&json!({}), 100, 2_001, 36_000).is_empty());
    assert!(refused(&json!({ "rate_limit": 10 }), 100, 1_000, 36_000).is_empty(), "it is so slow already");
    // As its own headers say, while they are news.
    let told = |days: u32| {
        let mut hook = history(1, &json!({}));
        let at = NOW.saturating_sub(DAY * days);
        hook.health.told_rate = Some(crate::health::ToldRate { per_second: 3, at, unknown: Unknown::NONE });
        let recent = Recent { attempts: 1_000, throttled: 100, best_throttled_hour: 36_000, ..Recent::default() };
        patch(&advice_for(hook, week(recent))[0])
    };
    assert_eq!((told(1), told(8)), (json!({ "rate_limit": 3 }), json!({ "rate_limit": 10 })));
}

#[test]
fn a_schedule_that_gives_up_before_the_usual_outage_ends() {
    let hours = |hours: u64| Duration::from_secs(hours * 3_600);
    let outages = |lengths: &[u64], failed| {
        let retry = json!({ "retry": { "delays": [60, 3_600], "jitter": 0 } });
        let outages = lengths.iter().map(|length| hours(*length)).collect();
        advice_for(history(1, &retry), HookRecord { failed, outages, ..HookRecord::default() })
    };
    let [spoken] = &outages(&[4, 5, 1], 20)[..] else { panic!("it has to speak") };
    assert_eq!(spoken.kind, AdviceKind::RetrySchedule);
    let delays: Vec<u64> = serde_json::from_value(patch(spoken)["retry"]["delays"].clone()).unwrap();
    assert_eq!(delays[..2], [60, 3_600]);
    assert!(delays.iter().sum::<u64>() >= 5 * 3_600 * 3 / 2);
    for (lengths, failed) in
        [(&[4][..], 20), (&[4, 5], 4), (&[4, 5, 1, 1], 20), (&[1, 1, 1], 20), (&[90, 100], 20), (&[], 20)]
    {
        assert!(outages(lengths, failed).is_empty(), "{lengths:?}, {failed}");
    }
    let policy = spoken.change.patch.as_ref().unwrap().get();
    let policy: Value = serde_json::from_str(policy).unwrap();
    let policy: crate::retry::RetryPolicy = serde_json::from_value(policy["retry"].clone()).unwrap();
    let mut errors = Vec::new();
    policy.check("retry", &mut errors);
    assert!(errors.is_empty(), "{errors:?}");
}

#[test]
fn what_has_been_dead_for_long() {
    let dead = |days: u32, attempts, succeeded| {
        let mut hook = history(1, &json!({}));
        hook.health.failing_since = Some(NOW.saturating_sub(DAY * days));
        // Whatever else there is to it follows from that.
        let recent = Recent { attempts, succeeded, timeouts: attempts, throttled: 0, ..Recent::default() };
        advice_for(hook, week(recent))
    };
    let [spoken] = &dead(8, 30, 0)[..] else { panic!("it has to speak") };
    assert_eq!((spoken.kind, patch(spoken)), (AdviceKind::Dead, json!({ "enabled": false })));
    assert!(dead(6, 30, 0).is_empty() && dead(8, 9, 0).is_empty() && dead(8, 30, 1).is_empty());
    assert!(advice_for(history(1, &json!({ "enabled": false })), HookRecord::default()).is_empty());
}

fn month(types: &[(&str, u64)], unwanted: &[(&str, u64)]) -> TenantRecord {
    let counts = |of: &[(&str, u64)]| -> BTreeMap<EventType, u64> {
        of.iter().map(|(name, count)| (name.parse().unwrap(), *count)).collect()
    };
    TenantRecord {
        types: counts(types),
        unwanted: counts(unwanted),
        unwanted_of_month: counts(unwanted),
        first: Some(Hour::of(NOW.saturating_sub(30 * DAY))),
        ..TenantRecord::default()
    }
}

#[test]
fn event_types_that_never_come_or_that_a_filter_always_drops() {
    let asks = |change: Value, gets: &[(&str, u64)], mut record: TenantRecord| {
        let hook = history(1, &change);
        let types = gets.iter().map(|(name, count)| (name.parse().unwrap(), *count)).collect();
        record.hooks.insert(hook.hook.id, HookRecord { types, ..HookRecord::default() });
        advice(vec![hook], &record)
    };
    let never = asks(json!({ "events": ["a", "b", "c.*"] }), &[("a", 900)], month(&[("a", 1_500)], &[]));
    let [spoken] = &never[..] else { panic!("it has to speak") };
    assert_eq!((spoken.kind, patch(spoken)), (AdviceKind::UnusedEvents, json!({ "events": ["a", "c.*"] })));
    let filtered = json!({ "events": ["a", "b"], "filter": { "x": [1] } });
    let dropped = asks(filtered.clone(), &[("a", 900)], month(&[("a", 1_500), ("b", 200)], &[]));
    assert_eq!(patch(&dropped[0]), json!({ "events": ["a"] }));
    let silent = [
        asks(json!({ "events": ["a", "b"] }), &[("a", 900)], month(&[("a", 999)], &[])),
        asks(json!({ "events": ["a", "b"] }), &[("a", 900)], month(&[("a", 1_500), ("b", 1)], &[])),
        asks(json!({ "events": ["b"] }), &[], month(&[("a", 1_500)], &[])),
        asks(json!({ "events": ["a", "hook.failing"] }), &[("a", 900)], month(&[("a", 1_500)], &[])),
        asks(filtered, &[("a", 900)], month(&[("a", 1_500), ("b", 199)], &[])),
        asks(json!({ "events": ["a", "b"], "updated_at": NOW }), &[("a", 900)], month(&[("a", 1_500)], &[])),
        asks(
            json!({ "events": ["a", "b"] }),
            &[("a", 900)],
            TenantRecord { first: None, ..month(&[("a", 1_500)], &[]) },
        ),
        asks(
            json!({ "events": ["a", "b"] }),
            &[("a", 900)],
            TenantRecord { is_partial: true, ..month(&[("a", 1_500)], &[]) },
        ),
    ];
    assert!(silent.iter().all(Vec::is_empty), "{silent:?}");
}

#[test]
fn events_that_no_hook_wants() {
    let unwanted = |count, types: &[(&str, u64)], events: &[&str]| {
        advice(vec![history(1, &json!({ "events": events }))], &month(types, &[("noise", count)]))
    };
    let [spoken] = &unwanted(1_000, &[], &["a"])[..] else { panic!("it has to speak") };
    assert_eq!((spoken.kind, spoken.change.kind), (AdviceKind::UnwantedEvents, ChangeKind::External));
    assert_eq!(spoken.subject, "noise");
    assert!(unwanted(999, &[], &["a"]).is_empty());
    assert!(unwanted(1_000, &[("noise", 1)], &["a"]).is_empty(), "some hook got it");
    assert!(unwanted(1_000, &[], &["*"]).is_empty(), "a filter drops it");
}

#[test]
fn a_hook_twice_for_the_same_address() {
    let two = |change: Value| {
        let mut second = json!({ "url": "https://1.example.com/in" });
        second.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        advice(vec![history(1, &json!({ "events": ["a", "b"] })), history(2, &second)], &TenantRecord::default())
    };
    let [spoken] = &two(json!({}))[..] else { panic!("it has to speak") };
    assert_eq!((spoken.kind, patch(spoken)), (AdviceKind::Duplicate, json!({ "enabled": false })));
    assert_eq!(spoken.subject, history(2, &json!({})).hook.id.to_string(), "the newer one goes");
    for other in [
        json!({ "events": ["a", "c"] }),
        json!({ "url": "https://1.example.com/other" }),
        json!({ "filter": { "x": [1] } }),
        json!({ "method": "PUT" }),
        json!({ "enabled": false }),
    ] {
        assert!(two(other.clone()).is_empty(), "{other}");
    }
}

#[test]
fn each_of_many_hooks_of_one_address_is_compared_with_the_oldest_hundred() {
    let url = "https://1.example.com/in";
    let one = |number: u64, like: u64| history(number, &json!({ "url": url, "filter": { "x": [like] } }));
    let same_as = |last: u64, like: u64| {
        let hooks = (1..=300).map(|number| one(number, if number == last { like } else { number }));
        advice(hooks.collect(), &TenantRecord::default())
    };
    let [spoken] = &same_as(300, 100)[..] else { panic!("it has to speak") };
    assert_eq!(spoken.subject, one(300, 0).hook.id.to_string());
    assert!(same_as(300, 101).is_empty());
    assert!(same_as(2, 2).is_empty());
}

#[test]
fn rejected_advice_whose_number_was_nothing_rests_until_it_is_something() {
    let tenant = tenant();
    let told = |redirected| {
        let http = history(1, &json!({ "url": "http://a.example.com/in" }));
        let hook = HookHistory { answers_https: Some(true), ..http };
        let mut all = advice_for(hook, week(Recent { attempts: 100, redirected, ..Recent::default() }));
        all.remove(0)
    };
    let known = [rejected(&tenant, told(0), NOW)];
    for (redirected, days, is_answered) in [(0, 1, true), (0, 29, true), (0, 30, false), (1, 1, false)] {
        let now = NOW.saturating_add(DAY * days);
        assert_eq!(answered_by(&told(redirected), &known, now).is_some(), is_answered, "{redirected} after {days}");
    }
}

#[test]
fn https_where_the_address_is_http() {
    let http = |url: &str, answers, redirected, succeeded| {
        let hook = HookHistory { answers_https: answers, ..history(1, &json!({ "url": url })) };
        advice_for(hook, week(Recent { attempts: 100, redirected, succeeded, ..Recent::default() }))
    };
    for (answers, redirected) in [(Some(true), 0), (None, 20)] {
        let [spoken] = &http("http://a.example.com/in", answers, redirected, 0)[..] else { panic!("it has to speak") };
        assert_eq!((spoken.kind, patch(spoken)), (AdviceKind::Https, json!({ "url": "https://a.example.com/in" })));
    }
    assert!(http("http://a.example.com/in", None, 19, 0).is_empty());
    assert!(http("http://a.example.com/in", None, 20, 1).is_empty());
    assert!(http("http://a.example.com/in", Some(false), 20, 0).is_empty());
    assert!(http("http://a.example.com:8080/in", Some(true), 20, 0).is_empty());
    assert!(http("https://a.example.com/in", Some(true), 20, 0).is_empty());
}

#[test]
fn a_secret_older_than_a_year() {
    let aged = |days: Option<u32>, change: &Value| {
        let secret_since = days.map(|days| NOW.saturating_sub(DAY * days));
        advice_for(HookHistory { secret_since, ..history(1, change) }, HookRecord::default())
    };
    let [spoken] = &aged(Some(365), &json!({}))[..] else { panic!("it has to speak") };
    assert_eq!((spoken.kind, spoken.change.kind), (AdviceKind::OldSecret, ChangeKind::HookSecret));
    assert!(aged(Some(364), &json!({})).is_empty() && aged(None, &json!({})).is_empty());
    let rotating = json!({ "secrets": [{ "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" }, { "secret": "whsec_AfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" }] });
    assert!(aged(Some(400), &rotating).is_empty());
    assert!(aged(Some(400), &json!({ "signatures": [] })).is_empty());
}

#[test]
fn batches_for_an_endpoint_that_is_asked_a_hundred_times_a_second() {
    let busy = |busy_hours, change: &Value| {
        advice_for(history(1, change), week(Recent { busy_hours, busiest_hour: BUSY, ..Recent::default() }))
    };
    let [spoken] = &busy(3, &json!({}))[..] else { panic!("it has to speak") };
    assert_eq!((spoken.kind, patch(spoken)["batch"]["max_events"].clone()), (AdviceKind::Batches, json!(50)));
    assert!(busy(2, &json!({})).is_empty());
    assert!(busy(3, &json!({ "batch": { "max_events": 2 } })).is_empty());
}

/// A month of forty hooks of different fortune, a day's look after another: how an hour of each
/// goes is drawn from its number.
#[test]
fn a_month_of_traffic_gives_a_tenant_a_handful_of_plans() {
    let hooks: Vec<HookHistory> = (0..40).map(|number| history(number, &json!({}))).collect();
    let ids: Vec<HookId> = hooks.iter().map(|hook| hook.hook.id).collect();
    let (tenant, hooks) = (tenant(), hooks.into_iter().map(|hook| (hook.hook.id, hook)).collect());
    let mut known: Vec<Plan> = Vec::new();
    let start = NOW.saturating_sub(60 * DAY);
    let first = Hour::of(start);
    let hours: Vec<(Hour, Counting)> =
        (first.0..Hour::of(NOW).0).map(Hour).map(|hour| (hour, traffic(&ids, hour))).collect();
    for day in 30..60_u32 {
        let now = start.saturating_add(DAY * day);
        let mut record = TenantRecord::default();
        for (hour, counting) in hours.iter().filter(|(hour, _)| hour.start() <= now) {
            record.add(*hour, counting, now);
        }
        let history = TenantHistory { tenant: &tenant, record: &record, hooks: &hooks, has_all_hooks: true, now };
        let is_new = |one: &Advice| answered_by(one, &known, now).is_none();
        let wanted: Vec<Advice> = all(&history).into_iter().filter(is_new).take(5).collect();
        for one in wanted {
            known.insert(0, rejected(&tenant, one, now));
        }
    }
    assert!((1..=8).contains(&known.len()), "{:?}", known.iter().map(|plan| &plan.title).collect::<Vec<_>>());
}

/// Hook 3 is slow, hook 7 refuses what is too much, hook 11 is down for hours each week, all others
/// fail now and then.
fn traffic(ids: &[HookId], hour: Hour) -> Counting {
    let mut groups = Vec::new();
    for (number, id) in ids.iter().enumerate() {
        let draw = (number as i64 * 7_919 + hour.0 * 104_729) % 97;
        let group = |outcome: &str, code: Option<u16>, attempts: i64, millis: u32| {
            let succeeded = if outcome == "success" { attempts } else { 0 };
            let failed = if outcome == "success" { 0 } else { attempts / 10 };
            json!({
                "k": { "h": id, "y": "a", "o": outcome, "c": code },
                "v": { "n": attempts, "s": succeeded, "f": failed, "d": { Durations::class(millis).to_string(): attempts } },
            })
        };
        let is_down = number == 11 && hour.0 % 168 < 40;
        if is_down {
            groups.push(group("status", Some(503), 10, 20));
            continue;
        }
        let millis = if number == 3 { 9_000 } else { 80 };
        groups.push(group("success", Some(200), 20 + draw % 10, millis));
        match number {
            3 => groups.push(group("timeout", None, 3, 15_000)),
            7 => groups.push(group("status", Some(429), 4, 20)),
            _ if draw < 3 => groups.push(group("status", Some(500), 1, 20)),
            _ => {}
        }
    }
    let counts: crate::counts::HourCounts = serde_json::from_str(&json!({ "g": groups }).to_string()).unwrap();
    Counting::from(counts)
}

fn rejected(tenant: &Tenant, advice: Advice, now: Timestamp) -> Plan {
    let cause = Some(advice.cause());
    Plan {
        evidence: advice.evidence,
        impact: Some(advice.impact),
        cause,
        state: PlanState::Rejected,
        decided_at: Some(now),
        ..Plan::new(&tenant.id, PlanId::new(now, &FixedRandom(0.5)), advice.title, advice.change, "hookline", now)
    }
}
