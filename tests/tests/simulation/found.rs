//! What seeds once found, told by hand so that it stays found.

use std::time::Duration;

use serde_json::json;

use crate::endpoint::Answer;
use crate::mutants::Mutant;
use crate::plan::{Action, Plan, START, TENANT, bare};
use crate::run::carry_out;
use crate::verdict::Promise;

/// An event with this time to live.
fn short_lived(ttl: u64) -> Action {
    let message = json!({ "tenant": TENANT, "id": "e", "type": "order.paid", "data": 1, "ttl": ttl });
    Action::Publish(Box::new(serde_json::from_value(message).unwrap()))
}

#[test]
fn an_event_that_expires_while_its_hook_or_its_health_is_read_is_not_sent() {
    for slow in ["hooks.get", "documents.get"] {
        let Plan { mut state, actions, processes, schedules } =
            bare(1, &[], vec![Answer::Status(200)], vec![(START, short_lived(20))]);
        state.slow = Some((slow, Duration::from_secs(15)));
        let verdict = carry_out(Plan { state, actions, processes, schedules }, None);
        assert_eq!(verdict.broken, [], "slow {slow}");
        assert_eq!((verdict.tally.requests, verdict.tally.skipped), (0, 1), "slow {slow}");
    }
}

#[test]
fn an_attempt_by_hand_does_not_bring_back_a_retry_that_was_skipped_meanwhile() {
    // While the answer is awaited, the retry comes due and the event has
    // expired. It takes two processes, hence a few tries.
    for seed in 0..20 {
        let asked = START.saturating_add(Duration::from_secs(7));
        let actions = vec![(START, short_lived(8)), (asked, Action::RetryByHand)];
        let verdict = carry_out(bare(seed, &[10], vec![Answer::Status(500), Answer::Timeout], actions), None);
        assert_eq!(verdict.broken, []);
        assert_eq!((verdict.tally.requests, verdict.tally.manual), (2, 1));
    }
}

#[test]
fn a_write_that_a_client_repeated_is_recognised_after_another_attempt_was_logged() {
    // A retry and an attempt by hand end at about the same time. One of them
    // writes, is told of a conflict with itself, and looks after the other wrote.
    let run = |seed, mutant| {
        let asked = START.saturating_add(Duration::from_secs(10));
        let script = vec![Answer::Status(500), Answer::Timeout];
        let mut plan = bare(seed, &[10], script, vec![(START, short_lived(400)), (asked, Action::RetryByHand)]);
        plan.state.doubled = Some("log.record");
        carry_out(plan, mutant).broken
    };
    let mut noticed = 0;
    for seed in 0..100 {
        assert_eq!(run(seed, None), [], "seed {seed}");
        let broken = run(seed, Some(Mutant::KnowsTheLastAttemptOnly));
        noticed += usize::from(broken.iter().any(|(promise, _)| *promise == Promise::LogIsTrue));
    }
    assert!(noticed > 0, "no run came to it");
}
