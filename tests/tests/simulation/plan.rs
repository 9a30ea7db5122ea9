//! What happens in a run, drawn from its seed: hooks, events, changes, faults.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::dice::{Dice, Seeded};
use crate::endpoint::Answer;
use crate::sim::{State, Trace};
use contract::messages::EventMessage;

use domain::hook::Hook;
use domain::ids::HookId;
use domain::secret::{Secret, SigningSecret};
use domain::time::Timestamp;
use serde_json::json;

/// 2026-01-31T09:30:00Z
pub(crate) const START: Timestamp = Timestamp::from_millis(1_769_851_800_000);
/// When the hooks were made.
pub(crate) const LONG_AGO: Timestamp = Timestamp::from_millis(START.as_millis() - 3_600_000);
pub(crate) const TENANT: &str = "acme";
/// Seconds before each retry; the longest are longer than a message may be
/// invisible.
pub(crate) const LADDERS: [&[u64]; 7] =
    [&[], &[5], &[5, 300], &[1, 1, 1], &[60, 7_200], &[50_000], &[30, 30, 600, 50_000]];

/// What comes from outside, and when.
pub(crate) enum Action {
    Publish(Box<EventMessage>),
    Disable(HookId),
    Enable(HookId),
    Delete(HookId),
    /// Somebody asks for one more attempt at some delivery.
    RetryByHand,
}

pub(crate) struct Plan {
    pub(crate) state: State,
    pub(crate) actions: Vec<(Timestamp, Action)>,
    pub(crate) processes: usize,
    /// Whether waits beyond what a queue can do go to a scheduler.
    pub(crate) schedules: bool,
}

pub(crate) fn draw(seed: u64, traced: bool) -> Plan {
    let mut dice = Dice::new(seed);
    let mut actions = Vec::new();
    let (mut hooks, mut scripts) = (BTreeMap::new(), BTreeMap::new());
    for number in 0..=dice.index(5) {
        let hook = hook(number, &mut dice);
        scripts.insert(hook.id, script(&mut dice));
        changes(hook.id, &mut dice, &mut actions);
        hooks.insert(hook.id, vec![(LONG_AGO, Some(Arc::new(hook)))]);
    }
    for number in 0..=dice.index(4) {
        let event = event(number, &mut dice);
        let times = if dice.one_in(3) { 1 + dice.index(3) } else { 1 };
        for _ in 0..times {
            actions.push((soon(&mut dice), Action::Publish(Box::new(event.clone()))));
        }
    }
    for _ in 0..dice.index(3) {
        actions.push((sometime(&mut dice), Action::RetryByHand));
    }
    let faults_left = dice.pick(&[0, 1, 2, 4, 8, 12]);
    let odds = dice.pick(&[10, 40, 150, 400]);
    let (processes, schedules) = (1 + dice.index(3), dice.one_in(2));
    let page_size = dice.pick(&[1, 2, 100]);
    let trace = Trace { hash: seed, lines: traced.then(Vec::new) };
    let state = State { faults_left, odds, hooks, page_size, scripts, trace, ..State::new(dice) };
    Plan { state, actions, processes, schedules }
}

/// Two processes, and one hook for everything with this ladder and this script.
/// Nothing goes wrong by itself.
pub(crate) fn bare(seed: u64, ladder: &[u64], script: Vec<Answer>, actions: Vec<(Timestamp, Action)>) -> Plan {
    let mut dice = Dice::new(seed);
    let mut hook = hook(0, &mut dice);
    hook.events = ["*".parse().unwrap()].into();
    hook.settings = serde_json::from_value(
        json!({ "retry": { "delays": ladder, "jitter": 0 }, "circuit_breaker": { "failures": 0 } }),
    )
    .unwrap();
    let scripts = BTreeMap::from([(hook.id, script)]);
    let hooks = BTreeMap::from([(hook.id, vec![(LONG_AGO, Some(Arc::new(hook)))])]);
    Plan { state: State { hooks, scripts, ..State::new(dice) }, actions, processes: 2, schedules: false }
}

fn soon(dice: &mut Dice) -> Timestamp {
    let within = dice.pick(&[1, 10_000, 600_000]);
    START.saturating_add(Duration::from_millis(dice.below(within)))
}

fn sometime(dice: &mut Dice) -> Timestamp {
    let within = dice.pick(&[5, 60, 900, 86_400]);
    START.saturating_add(Duration::from_millis(dice.below(within * 1_000)))
}

pub(crate) fn hook(number: usize, dice: &mut Dice) -> Hook {
    let patterns: &[&[&str]] = &[&["*"], &["order.*"], &["order.paid"], &["order.*", "*"]];
    // Mostly none: what a breaker holds back makes attempts rare.
    let breaker = json!({ "failures": dice.pick(&[0, 0, 0, 1, 2]), "probe_after": dice.pick(&[1, 30, 600]) });
    let retry = json!({ "delays": dice.pick(&LADDERS), "jitter": dice.pick(&[0.0, 0.1, 1.0]) });
    Hook {
        tenant: TENANT.parse().unwrap(),
        id: HookId::new(START, &Seeded(dice.next())),
        name: String::new(),
        description: String::new(),
        uid: None,
        metadata: Default::default(),
        url: format!("https://hook-{number}.example.com/in"),
        events: dice.pick(patterns).iter().map(|pattern| pattern.parse().unwrap()).collect(),
        channels: Default::default(),
        filter: None,
        enabled: true,
        disabled_reason: None,
        expires_at: None,
        disabled_at: None,
        verification_key: None,
        profile: None,
        settings: serde_json::from_value(json!({ "retry": retry, "circuit_breaker": breaker })).unwrap(),
        secrets: vec![SigningSecret::current(Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"))],
        created_at: START,
        updated_at: START,
        version: 1,
        unknown: domain::unknown::Unknown::NONE,
    }
}

fn script(dice: &mut Dice) -> Vec<Answer> {
    const FINE: Answer = Answer::Status(200);
    const DOWN: Answer = Answer::Status(500);
    let scripts = [
        vec![FINE],
        vec![FINE],
        vec![Answer::Slow(8)],
        vec![DOWN, FINE],
        vec![DOWN, Answer::Timeout, FINE],
        vec![DOWN],
        vec![Answer::RetryAfter(40), FINE],
        vec![Answer::RetryAfter(90)],
        vec![Answer::Status(410)],
        vec![DOWN, Answer::Status(410)],
        vec![Answer::Timeout, Answer::Slow(12)],
    ];
    dice.pick(&scripts)
}

fn changes(hook: HookId, dice: &mut Dice, actions: &mut Vec<(Timestamp, Action)>) {
    match dice.below(8) {
        0 => actions.push((sometime(dice), Action::Delete(hook))),
        1 => actions.push((sometime(dice), Action::Disable(hook))),
        2 => {
            let at = sometime(dice);
            actions.push((at, Action::Disable(hook)));
            actions.push((at.saturating_add(Duration::from_secs(dice.below(600))), Action::Enable(hook)));
        }
        _ => {}
    }
}

fn event(number: usize, dice: &mut Dice) -> EventMessage {
    let data = if dice.one_in(12) { json!("x".repeat(61_000)) } else { json!({ "number": number }) };
    let mut message = json!({
        "tenant": TENANT,
        "type": dice.pick(&["order.paid", "order.sent", "invoice"]),
        "data": data,
    });
    if !dice.one_in(4) {
        message["id"] = json!(format!("event-{number}"));
    }
    if dice.one_in(4) {
        let later = dice.pick(&[2, 300, 3_000, 90_000]);
        message["deliver_at"] = json!(START.saturating_add(Duration::from_secs(later)));
    }
    if dice.one_in(5) {
        message["ttl"] = json!(dice.pick(&[2, 20, 400]));
    }
    serde_json::from_value(message).unwrap()
}
