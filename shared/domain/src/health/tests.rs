use super::*;
use crate::ids::{EventSeq, HookId};
use crate::seconds::Seconds;
use crate::settings::Verification;
use ulid::Ulid;

const START: Timestamp = Timestamp::from_millis(1_780_000_000_000);
const BREAKER: CircuitBreaker = CircuitBreaker { failures: 3, probe_after: Seconds::new(60), unknown: Unknown::NONE };
const LEASE: Duration = Duration::from_secs(75);

fn at(seconds: u64) -> Timestamp {
    START.saturating_add(Duration::from_secs(seconds))
}

fn failure(delivery: u128, seconds: u64) -> Failure {
    let delivery = DeliveryId { event: EventSeq(Ulid(delivery)), hook: HookId(Ulid(1)) };
    Failure { delivery, at: at(seconds), is_break: true, exhausted: false, probe: false }
}

fn broken() -> Health {
    let mut health = Health::default();
    (0..3).for_each(|number| drop(health.fail(failure(number, 0), &BREAKER)));
    health
}

#[test]
fn failures_in_a_row_of_several_deliveries_open_the_circuit() {
    let mut health = broken();
    assert_eq!(health.circuit, Circuit::Open { since: START, probe_at: at(60) });
    assert_eq!(health.admit(at(59), LEASE), Admission::NotBefore(at(60)));
}

#[test]
fn one_delivery_alone_never_opens_it_nor_do_answers_that_refuse_one_request() {
    let mut health = Health::default();
    (0..50).for_each(|seconds| drop(health.fail(failure(1, seconds), &BREAKER)));
    assert_eq!(health.circuit, Circuit::Closed);
    let mut health = Health::default();
    (0..50).for_each(|n| drop(health.fail(Failure { is_break: false, ..failure(n, 0) }, &BREAKER)));
    assert_eq!((health.circuit, health.consecutive_failures), (Circuit::Closed, 50));
}

#[test]
fn a_breaker_that_is_off_never_opens() {
    let mut health = Health::default();
    let off = CircuitBreaker { failures: 0, ..BREAKER };
    (0..500).for_each(|n| drop(health.fail(failure(n, 0), &off)));
    assert_eq!(health.circuit, Circuit::Closed);
}

#[test]
fn the_probe_is_taken_once_and_its_failure_waits_for_the_next() {
    let mut health = broken();
    assert_eq!(health.admit(at(60), LEASE), Admission::Probe);
    assert_eq!(health.admit(at(60), LEASE), Admission::NotBefore(at(135)));
    health.fail(Failure { probe: true, ..failure(9, 61) }, &BREAKER);
    assert_eq!(health.admit(at(61), LEASE), Admission::NotBefore(at(121)));
    assert_eq!(health.succeed(at(130), true), Some(HealthChange::Recovered));
    assert_eq!(health.admit(at(130), LEASE), Admission::Go);
    assert_eq!((health.ramp(at(130)), health.ramp(at(133)), health.ramp(at(140))), (Some(5), Some(40), None));
}

#[test]
fn a_probe_that_is_given_back_can_be_taken_at_once_and_once() {
    let mut health = broken();
    assert_eq!(health.admit(at(60), LEASE), Admission::Probe);
    health.give_back(at(135), at(62));
    assert_eq!(health.admit(at(62), LEASE), Admission::Probe);
    health.give_back(at(135), at(63));
    assert_eq!(health.admit(at(63), LEASE), Admission::NotBefore(at(137)));
}

#[test]
fn what_has_been_down_for_long_is_probed_less_often_and_at_least_each_hour() {
    let mut health = broken();
    for (seconds, wait) in [(60, 60), (600, 60), (1_200, 120), (20_000, 2_000), (400_000, 3_600)] {
        health.fail(Failure { probe: true, ..failure(9, seconds) }, &BREAKER);
        assert_eq!(health.admit(at(seconds), LEASE), Admission::NotBefore(at(seconds + wait)), "{seconds}");
    }
}

#[test]
fn each_change_is_told_once_until_a_success() {
    let mut health = Health::default();
    let mut told = Vec::new();
    for round in 0..2 {
        for number in 0..20 {
            told.extend(health.fail(Failure { exhausted: true, ..failure(number, round) }, &BREAKER));
        }
        told.extend(health.succeed(at(round), true));
    }
    let once = [HealthChange::Exhausted, HealthChange::Failing, HealthChange::Recovered];
    assert_eq!(told, [once, once].concat());
}

#[test]
fn a_success_is_written_down_once_a_minute_and_at_once_after_a_failure() {
    let mut health = Health::default();
    health.succeed(START, true);
    let before = health.clone();
    health.succeed(at(59), true);
    assert_eq!(health, before);
    health.succeed(at(60), true);
    assert_eq!(health.last_success, Some(at(60)));
    health.fail(failure(1, 61), &BREAKER);
    health.succeed(at(62), true);
    assert_eq!((health.last_success, health.consecutive_failures), (Some(at(62)), 0));
}

#[test]
fn an_unverified_endpoint_gets_no_more_than_its_limit_in_any_hour() {
    let limit: Verification = serde_json::from_str(r#"{"required":true,"per_hour":2}"#).unwrap();
    let mut health = Health::default();
    let mut sent: Vec<u64> = Vec::new();
    for seconds in (0..20_000).step_by(100) {
        if health.take_unverified(at(seconds), &limit) == Admission::Go {
            sent.push(seconds);
        }
    }
    assert!(sent.len() > 8);
    assert!(sent.windows(3).all(|three| three[2] - three[0] >= 3_600), "{sent:?}");
}

#[test]
fn enabling_a_hook_again_neither_closes_its_circuit_nor_forgets_what_would_open_it() {
    let mut health = broken();
    health.reset(at(10), &BREAKER);
    assert_eq!((health.consecutive_failures, health.failing_since), (0, None));
    assert_eq!(health.admit(at(59), LEASE), Admission::NotBefore(at(60)));
    assert_eq!(health.admit(at(60), LEASE), Admission::Probe);

    let mut close = Health::default();
    (0..2).for_each(|number| drop(close.fail(failure(number, 0), &BREAKER)));
    close.reset(at(1), &BREAKER);
    close.fail(failure(2, 2), &BREAKER);
    assert_ne!(close.circuit, Circuit::Closed);

    let mut recovered = broken();
    recovered.succeed(at(100), true);
    recovered.reset(at(101), &BREAKER);
    assert_eq!(recovered.ramp(at(101)), Some(10));
}

#[test]
fn a_hook_that_was_down_for_long_is_probed_soon_after_it_was_enabled_again() {
    let mut health = broken();
    health.fail(Failure { probe: true, ..failure(9, 100_000) }, &BREAKER);
    assert_eq!(health.admit(at(100_100), LEASE), Admission::NotBefore(at(103_600)));
    health.reset(at(100_100), &BREAKER);
    assert_eq!(health.admit(at(100_159), LEASE), Admission::NotBefore(at(100_160)));
    health.reset(at(100_150), &BREAKER);
    assert_eq!(health.admit(at(100_160), LEASE), Admission::Probe, "once more does not put it off");
}

#[test]
fn moving_to_and_fro_gives_no_more_requests_to_endpoints_that_are_not_verified() {
    let limit: Verification = serde_json::from_str(r#"{"required":true,"per_hour":2}"#).unwrap();
    let mut health = Health::default();
    let sent = (0..10).filter(|minute| {
        health.reset(at(minute * 60), &BREAKER);
        health.unverify();
        health.take_unverified(at(minute * 60), &limit) == Admission::Go
    });
    assert_eq!(sent.count(), 2);
}

#[test]
fn a_hook_counts_as_failing_from_its_second_failure_in_a_row_or_once_a_delivery_has_failed_for_good() {
    let mut health = Health::default();
    let mut powers = Vec::new();
    for number in 0..8 {
        health.fail(failure(number, 0), &BREAKER);
        powers.push(health.failing_power());
    }
    assert_eq!(powers, [None, Some(1), Some(1), Some(2), Some(2), Some(2), Some(2), Some(3)]);
    health.succeed(at(1), true);
    assert_eq!(health.failing_power(), None);
    health.fail(Failure { exhausted: true, ..failure(9, 2) }, &BREAKER);
    assert_eq!(health.failing_power(), Some(0));
}

#[test]
fn what_an_endpoint_said_of_its_rate_moves_with_the_clock_and_is_read_from_former_rows() {
    let row = r#"{"told_rate":{"per_second":3,"header":"RateLimit-Policy","at":"2026-05-28T20:26:40Z"}}"#;
    let mut health: Health = serde_json::from_str(row).unwrap();
    let told = |health: &Health| health.told_rate.as_ref().map(|told| (told.per_second, told.at)).unwrap();
    let (rate, before) = told(&health);
    health.shift(-3_600_000);
    assert_eq!((rate, told(&health)), (3, (3, before.shifted(-3_600_000))));
    let written = serde_json::to_string(&health).unwrap();
    assert!(written.contains(r#""header":"RateLimit-Policy""#), "for the version that wrote it: {written}");
}
