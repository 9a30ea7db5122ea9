//! What several processes remember of hooks together, over the documents of
//! each adapter.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use contract::ports::{Clock, OsRandom};
use domain::health::{Admission, Failure};
use domain::ids::{DeliveryId, EventSeq, HookId, new_ulid};
use domain::rate::Limit;
use domain::seconds::Seconds;
use domain::settings::CircuitBreaker;
use futures::future::join_all;
use services::health::circuit_breaker::CircuitBreakers;
use services::health::failing_hooks::{Trouble, TroubleKind};
use services::health::rate_limiter::RateLimiter;
use services::repositories::audit::{AuditTrail, Deed};

use super::Stores;
use super::samples::{all_pages, hook_id, tenant_id};

const BREAKER: CircuitBreaker =
    CircuitBreaker { failures: 5, probe_after: Seconds::new(60), unknown: domain::unknown::Unknown::NONE };
/// As `deliver` remembers on AWS.
const FRESH_FOR: Duration = Duration::from_secs(5);

fn processes(stores: &Stores, count: usize) -> Vec<CircuitBreakers> {
    let clock: Arc<dyn Clock> = Arc::new(stores.clock.clone());
    (0..count).map(|_| CircuitBreakers::new(Arc::clone(&stores.documents), Arc::clone(&clock), FRESH_FOR)).collect()
}

fn failure(stores: &Stores, hook: HookId) -> Failure {
    let event = EventSeq(new_ulid(stores.clock.now(), &OsRandom));
    Failure {
        delivery: DeliveryId { event, hook },
        at: stores.clock.now(),
        is_break: true,
        exhausted: false,
        probe: false,
    }
}

pub(crate) async fn failures_that_several_processes_see_add_up(stores: &Stores) {
    let (tenant, hook) = (&tenant_id("acme"), hook_id());
    let processes = processes(stores, 3);
    for round in 0..6 {
        let failure = failure(stores, hook);
        let health = &processes[round % 3].health;
        health.change(tenant, hook, |health| health.fail(failure, &BREAKER)).await.unwrap();
    }
    stores.clock.advance(FRESH_FOR);
    for process in &processes {
        assert_eq!(process.health.get(tenant, hook).await.unwrap().consecutive_failures, 6);
        assert!(matches!(process.admit(tenant, hook, stores.clock.now()).await.unwrap(), Admission::NotBefore(_)));
    }
}

pub(crate) async fn of_all_processes_one_takes_the_probe(stores: &Stores) {
    let (tenant, hook) = (&tenant_id("acme"), hook_id());
    let processes = processes(stores, 4);
    for _ in 0..5 {
        let failure = failure(stores, hook);
        processes[0].health.change(tenant, hook, |health| health.fail(failure, &BREAKER)).await.unwrap();
    }
    stores.clock.advance(Duration::from_secs(60));
    let now = stores.clock.now();
    let asked = join_all(processes.iter().chain(&processes).map(|process| process.admit(tenant, hook, now))).await;
    let probes = asked.into_iter().filter(|admission| *admission.as_ref().unwrap() == Admission::Probe);
    assert_eq!(probes.count(), 1);
}

pub(crate) async fn another_tenants_hook_of_the_same_id_is_another(stores: &Stores) {
    let hook = hook_id();
    let [process] = &processes(stores, 1)[..] else { unreachable!("one was asked for") };
    let failure = failure(stores, hook);
    process.health.change(&tenant_id("acme"), hook, |health| health.fail(failure, &BREAKER)).await.unwrap();
    assert_eq!(process.health.get(&tenant_id("other"), hook).await.unwrap().consecutive_failures, 0);
    assert_eq!(process.health.all(&tenant_id("acme")).await.unwrap().len(), 1);
    assert_eq!(process.health.all(&tenant_id("other")).await.unwrap().len(), 0);
}

pub(crate) async fn what_was_removed_is_as_if_it_had_never_been(stores: &Stores) {
    let (tenant, hook) = (&tenant_id("acme"), hook_id());
    let [process] = &processes(stores, 1)[..] else { unreachable!("one was asked for") };
    let failure = failure(stores, hook);
    process.health.change(tenant, hook, |health| health.fail(failure, &BREAKER)).await.unwrap();
    process.health.remove(tenant, hook).await.unwrap();
    assert_eq!(*process.health.get(tenant, hook).await.unwrap(), Default::default());
}

pub(crate) async fn all_processes_together_keep_to_the_rate(stores: &Stores) {
    const LIMIT: u32 = 40;
    let (tenant, hook) = (&tenant_id("acme"), hook_id());
    let clock: Arc<dyn Clock> = Arc::new(stores.clock.clone());
    let processes: Vec<RateLimiter> =
        (0..3).map(|_| RateLimiter::shared(Arc::clone(&stores.documents), Arc::clone(&clock))).collect();
    let mut sent = Vec::new();
    for step in 0..30 {
        let now = stores.clock.now();
        let asked =
            join_all((0..9).map(|n| processes[(step + n) % 3].take(tenant, hook, now, Limit::per_second(LIMIT), true)))
                .await;
        sent.extend(asked.into_iter().filter(|turn| turn.as_ref().unwrap().is_none()).map(|_| now));
        stores.clock.advance(Duration::from_millis(100));
    }
    let most = usize::try_from(LIMIT).unwrap();
    assert!(sent.len() >= 2 * most, "{}", sent.len());
    assert!(sent.windows(most + 1).all(|several| several[most].since(several[0]) >= Duration::from_secs(1)));
}

pub(crate) async fn all_processes_together_keep_to_what_a_minute_may_see(stores: &Stores) {
    const LIMIT: u32 = 7;
    let (tenant, hook) = (&tenant_id("acme"), hook_id());
    let clock: Arc<dyn Clock> = Arc::new(stores.clock.clone());
    let processes: Vec<RateLimiter> =
        (0..2).map(|_| RateLimiter::shared(Arc::clone(&stores.documents), Arc::clone(&clock))).collect();
    let limit = Limit { per_second: Some(2), per_minute: Some(LIMIT) };
    let mut sent = Vec::new();
    for step in 0..75 {
        let now = stores.clock.now();
        let asked = join_all((0..3).map(|n| processes[(step + n) % 2].take(tenant, hook, now, limit, true))).await;
        sent.extend(asked.into_iter().filter(|turn| turn.as_ref().unwrap().is_none()).map(|_| now));
        stores.clock.advance(Duration::from_secs(2));
    }
    let most = usize::try_from(LIMIT).unwrap();
    assert!(sent.len() >= 2 * most, "{}", sent.len());
    assert!(sent.windows(most + 1).all(|several| several[most].since(several[0]) >= Duration::from_secs(60)));
    assert!(sent.windows(3).all(|several| several[2].since(several[0]) >= Duration::from_secs(1)));
}

pub(crate) async fn how_long_the_line_is_can_be_asked_anywhere_without_joining_it(stores: &Stores) {
    let (tenant, hook, now) = (&tenant_id("acme"), hook_id(), stores.clock.now());
    let clock: Arc<dyn Clock> = Arc::new(stores.clock.clone());
    let process = || RateLimiter::shared(Arc::clone(&stores.documents), Arc::clone(&clock));
    let (sender, asker) = (process(), process());
    assert_eq!(asker.waits_until(tenant, hook, now, Limit::per_second(1)).await.unwrap(), None);
    let mut last = None;
    for _ in 0..3 {
        sender.take(tenant, hook, now, Limit::per_second(1), false).await.unwrap();
        // Each time it sees what another process wrote.
        let until = asker.waits_until(tenant, hook, now, Limit::per_second(1)).await.unwrap();
        assert!(until > last && asker.waits_until(tenant, hook, now, Limit::per_second(1)).await.unwrap() == until);
        last = until;
    }
    assert_eq!(sender.take(tenant, hook, now, Limit::per_second(1), false).await.unwrap(), last);
}

pub(crate) async fn a_circuit_that_was_opened_in_the_future_is_probed_as_soon_as_was_meant(stores: &Stores) {
    for back in [20_000, 3_600_000] {
        let (tenant, hook) = (&tenant_id("acme"), hook_id());
        let [writer, reader] = &processes(stores, 2)[..] else { unreachable!("two were asked for") };
        for _ in 0..5 {
            let failure = failure(stores, hook);
            writer.health.change(tenant, hook, |health| health.fail(failure, &BREAKER)).await.unwrap();
        }
        stores.clock.jump(-back);
        let (now, probe_at) = (stores.clock.now(), stores.clock.now().saturating_add(Duration::from_secs(60)));
        for process in [writer, reader] {
            assert_eq!(process.admit(tenant, hook, now).await.unwrap(), Admission::NotBefore(probe_at), "{back}");
        }
    }
}

pub(crate) async fn turns_that_were_given_in_the_future_come_as_soon_as_was_meant(stores: &Stores) {
    let (tenant, hook) = (&tenant_id("acme"), hook_id());
    let clock: Arc<dyn Clock> = Arc::new(stores.clock.clone());
    let process = || RateLimiter::shared(Arc::clone(&stores.documents), Arc::clone(&clock));
    let writer = process();
    for _ in 0..3 {
        writer.take(tenant, hook, stores.clock.now(), Limit::per_second(1), false).await.unwrap();
    }
    stores.clock.jump(-3_600_000);
    let now = stores.clock.now();
    for process in [writer, process()] {
        let turn =
            process.take(tenant, hook, now, Limit::per_second(1), false).await.unwrap().expect("three are before it");
        assert!(turn.since(now) < Duration::from_secs(6), "{turn}");
        assert!(turn.since(now) > Duration::from_secs(2), "{turn}");
    }
}

pub(crate) async fn a_jump_that_no_process_saw_counts_for_a_fifth_of_what_disables_a_hook(stores: &Stores) {
    const DISABLE_AFTER: Duration = Duration::from_secs(3_600);
    let (tenant, hook) = (&tenant_id("acme"), hook_id());
    let count = async |process: &CircuitBreakers| {
        let failure = failure(stores, hook);
        let counted = process.health.change(tenant, hook, |health| {
            health.count_failing(failure.at, DISABLE_AFTER);
            health.fail(failure, &BREAKER);
            health.failing_for()
        });
        counted.await.unwrap().0
    };
    assert_eq!(count(&processes(stores, 1)[0]).await, Duration::ZERO);
    stores.clock.jump(24 * 3_600_000);
    assert_eq!(count(&processes(stores, 1)[0]).await, DISABLE_AFTER / 5);
}

pub(crate) async fn the_audit_trail_of_a_hook_reads_newest_first(stores: &Stores) {
    let (tenant, hook) = (&tenant_id("acme"), hook_id());
    let trail = AuditTrail::new(
        Arc::clone(&stores.documents),
        Arc::clone(&stores.audit),
        Arc::new(stores.clock.clone()),
        Arc::new(OsRandom),
    );
    for number in 0..5 {
        let detail = Some(format!("change {number}"));
        let deed = Deed { by: "operator".to_owned(), what: "changed".to_owned(), detail, ..Deed::default() };
        trail.note(tenant, hook, deed).await.unwrap();
        stores.clock.advance(Duration::from_millis(1));
    }
    trail.note(tenant, hook_id(), Deed::by_itself("created", None)).await.unwrap();
    let trail = &trail;
    for limit in [1, 2, 5, 50] {
        let listed = all_pages(|cursor| async move { trail.list(tenant, hook, limit, cursor.as_deref()).await }).await;
        let details: Vec<String> = listed.into_iter().flatten().filter_map(|entry| entry.detail).collect();
        assert_eq!(details, ["change 4", "change 3", "change 2", "change 1", "change 0"], "limit {limit}");
    }
}

async fn failing(process: &CircuitBreakers, limit: usize) -> Vec<(String, HookId, Trouble)> {
    let rows =
        all_pages(|cursor| async move { process.failing.list(TroubleKind::Failing, limit, cursor.as_deref()).await });
    rows.await.into_iter().map(|row| (row.tenant.to_string(), row.hook, row.trouble)).collect()
}

pub(crate) async fn hooks_that_fail_are_listed_over_all_tenants_the_most_failures_first(stores: &Stores) {
    let processes = processes(stores, 2);
    let mut made = HashMap::new();
    for (tenant, failures) in [("acme", 2), ("globex", 1), ("globex", 40), ("initech", 5), ("acme", 9)] {
        let (owner, hook) = (tenant_id(tenant), hook_id());
        for number in 0..failures {
            let failure = failure(stores, hook);
            let counting = processes[number % 2].change(&owner, hook, |health| health.fail(failure, &BREAKER));
            counting.await.unwrap();
        }
        made.insert(failures, (tenant.to_owned(), hook));
    }
    // One failure may be followed by a success.
    let expected: Vec<_> = [(40, 5), (9, 3), (5, 2), (2, 1)]
        .into_iter()
        .map(|(failures, power)| {
            let (tenant, hook) = made[&failures].clone();
            (tenant, hook, Trouble::Failing(power))
        })
        .collect();
    for (process, limit) in processes.iter().zip([1, 3]) {
        assert_eq!(failing(process, limit).await, expected);
    }
}

pub(crate) async fn a_hook_that_goes_well_again_is_not_listed_any_more(stores: &Stores) {
    let (tenant, hook) = (&tenant_id("acme"), hook_id());
    let processes = processes(stores, 2);
    for _ in 0..3 {
        for _ in 0..5 {
            let failure = failure(stores, hook);
            processes[0].change(tenant, hook, |health| health.fail(failure, &BREAKER)).await.unwrap();
        }
        assert_eq!(failing(&processes[1], 10).await.len(), 1);
        stores.clock.advance(FRESH_FOR);
        let now = stores.clock.now();
        processes[1].change(tenant, hook, |health| health.succeed(now, true)).await.unwrap();
        assert_eq!(failing(&processes[0], 10).await, []);
        stores.clock.advance(FRESH_FOR);
    }
}
