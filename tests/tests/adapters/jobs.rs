//! The steps of jobs over the stores of both adapters, as `requeue` makes them.

use std::sync::Arc;

use contract::jobs::{EndSubscriptions, Expunge, Job, JobMessage, PurgeEvents, PurgeHook, ReplayStep};
use contract::messages::DeliveryMessage;
use contract::ports::{Clock as _, EventRef, Expected, LogFilter, OsRandom, Outgoing};
use contract::stage::{self, Message};
use domain::delivery::{AttemptOutcome, Delivery, Status};
use domain::event::{Event, FanoutPage};
use domain::hook::Hook;
use domain::ids::{DeliveryId, KeyId, ReplayId, new_ulid};
use domain::replay::{Replay, ReplayKind, ReplayStatus};
use domain::unknown::Unknown;
use domain::unverified::Crowded;
use futures::future::join_all;
use services::delivery::ended_hook;
use services::health::verification::Turn;

use crate::kept::Kept;
use crate::suite::samples::{RETENTION, attempted, changed, event, hook, hook_id, tenant, tenant_id};
use crate::suite::{self, Stores};

struct Jobs {
    stores: Stores,
    steps: Arc<Kept>,
    sent: Arc<Kept>,
    told: Arc<Kept>,
}

impl Jobs {
    fn over(stores: Stores) -> Self {
        Self { stores, steps: Arc::default(), sent: Arc::default(), told: Arc::default() }
    }

    /// Makes this step and all that follow it; returns how many there were.
    async fn run(&self, job: Job) -> usize {
        let foundation = self.stores.foundation();
        let queues =
            requeue::Queues { events: self.told.clone(), retries: self.steps.clone(), redeliveries: self.sent.clone() };
        let circuits = Arc::new(foundation.circuits());
        let deps = requeue::Deps::new(&foundation, suite::resolved(&foundation), circuits, queues);
        let mut next = vec![JobMessage::new(&tenant_id("acme"), job).to_outgoing(None)];
        let mut steps = 0;
        while let Some(step) = next.pop() {
            let message = Message {
                id: "m".to_owned(),
                body: step.body,
                content: None,
                receive_count: 1,
                is_due: false,
                sent_at: None,
            };
            let outcome = requeue::handle(&deps, message).await;
            assert!(matches!(outcome, stage::Outcome::Done), "{outcome:?}");
            next.append(&mut self.steps.take());
            steps += 1;
        }
        steps
    }

    async fn publish(&self, id: &str, hooks: &[&Hook], status: Status) -> Event {
        self.stores.clock.advance(std::time::Duration::from_millis(1));
        let made = Event { deliver_at: None, ..event("acme", id, &self.stores.clock) };
        let page = FanoutPage {
            number: 0,
            token: "t".to_owned(),
            hooks: hooks.iter().map(|hook| hook.id).collect(),
            next: None,
            unknown: Unknown::NONE,
        };
        self.stores.events.record(&made, &page).await.unwrap();
        if hooks.is_empty() {
            let name = EventRef { seq: made.seq, id: made.id.clone() };
            self.stores.events.unclaim(&made.tenant, &[(name, made.expires_at)]).await.unwrap();
        }
        for hook in hooks {
            let id = DeliveryId { event: made.seq, hook: hook.id };
            let now = self.stores.clock.now();
            let new = Delivery::new(made.tenant.clone(), id, made.id.clone(), made.event_type.clone(), now, RETENTION);
            let outcome = if status == Status::Succeeded { AttemptOutcome::Success } else { AttemptOutcome::Status };
            let tried = Delivery { status, ..attempted(&new, outcome) };
            self.stores.deliveries.record(&tried, Expected::Absent).await.unwrap();
        }
        made
    }

    async fn hook(&self) -> Hook {
        let made = Hook { channels: Default::default(), filter: None, ..hook("acme", &["post.*"]) };
        self.stores.hooks.create(&made).await.unwrap();
        made
    }

    async fn replay(&self, hook: &Hook, kind: ReplayKind) -> Replay {
        self.stores.clock.advance(std::time::Duration::from_millis(1));
        let now = self.stores.clock.now();
        let name = (hook.tenant.clone(), hook.id, ReplayId(new_ulid(now, &OsRandom)));
        let replay = Replay::new(name, kind, 2, "operator".to_owned(), now);
        self.stores.replays().create(&replay).await.unwrap();
        self.run(Job::Replay(ReplayStep {
            hook: hook.id,
            replay: replay.id,
            step: 0,
            token: "t".to_owned(),
            unknown: Unknown::NONE,
        }))
        .await;
        let ended = self.stores.replays().get(&replay.tenant, hook.id, replay.id).await.unwrap().unwrap();
        assert_eq!(ended.status, ReplayStatus::Finished);
        Replay::clone(&ended)
    }

    /// The ids of the events that were sent since the last look, in order.
    fn sent(&self) -> Vec<String> {
        let sent = self.sent.take();
        let id = |outgoing: &Outgoing| DeliveryMessage::parse(&outgoing.body).unwrap().event_id.to_string();
        let mut ids: Vec<String> = sent.iter().map(id).collect();
        ids.sort();
        ids
    }
}

async fn replays_find_what_they_are_asked_for(stores: Stores) {
    let jobs = Jobs::over(stores);
    jobs.stores.tenants.create(&tenant("acme")).await.unwrap();
    let (one, other) = (jobs.hook().await, jobs.hook().await);
    let mut failed = Vec::new();
    for i in 0..45 {
        let status = if i % 2 == 0 { Status::Failed } else { Status::Succeeded };
        let made = jobs.publish(&format!("both:{i:02}"), &[&one, &other], status).await;
        failed.extend((i % 2 == 0).then(|| made.id.to_string()));
    }
    for i in 0..3 {
        jobs.publish(&format!("nobody:{i}"), &[], Status::Succeeded).await;
    }
    assert_eq!(jobs.replay(&one, ReplayKind::Failed).await.sent, 23);
    assert_eq!(jobs.sent(), failed);
    assert_eq!(jobs.replay(&one, ReplayKind::Range).await.sent, 45);
    assert_eq!(jobs.sent().len(), 45);
    assert_eq!(jobs.replay(&one, ReplayKind::Missing).await.found, 3);
    jobs.sent();
    let later = jobs.hook().await;
    assert_eq!(jobs.replay(&later, ReplayKind::Missing).await.sent, 48);
    assert_eq!(jobs.sent().len(), 48);
}

async fn a_purge_takes_all_that_a_hook_left(stores: Stores) {
    let jobs = Jobs::over(stores);
    let (hook, tenant) = (jobs.hook().await, tenant_id("acme"));
    let mut events = Vec::new();
    for i in 0..120 {
        events.push(jobs.publish(&format!("evt:{i}"), &[&hook], Status::Failed).await);
    }
    let purge =
        |with_events| Job::PurgeHook(PurgeHook { hook: hook.id, with_events, cursor: None, unknown: Unknown::NONE });
    assert_eq!(jobs.run(purge(true)).await, 1, "the hook is still there");
    let next = changed(&hook, |_| {});
    jobs.stores.hooks.update(&hook, &next).await.unwrap();
    assert!(jobs.stores.hooks.delete(&next.tenant, next.id, None).await.unwrap());
    assert!(jobs.run(purge(false)).await >= 3);
    let left = jobs.stores.deliveries.list(&tenant, hook.id, &LogFilter::default(), 10, None).await.unwrap();
    let marks = jobs.stores.deliveries.failed(&tenant, hook.id, Default::default(), 10, None).await.unwrap();
    assert!(left.items.is_empty() && marks.items.is_empty());
    assert_eq!(jobs.stores.hooks.revision(&tenant, hook.id, 1).await.unwrap(), None);
    // They are found by hooks to come, until their tenant goes as well.
    let unclaimed = jobs.stores.events.unclaimed(&tenant, Default::default(), 200, None).await.unwrap();
    assert_eq!(unclaimed.items.len(), events.len());
    jobs.stores.clock.advance(std::time::Duration::from_millis(1));
    jobs.run(Job::PurgeEvents(PurgeEvents { until: jobs.stores.clock.now(), cursor: None, unknown: Unknown::NONE }))
        .await;
    for event in &events {
        assert!(jobs.stores.events.get(&tenant, &event.id).await.unwrap().is_none());
    }
}

async fn expunging_settles_what_is_to_come(stores: Stores) {
    let jobs = Jobs::over(stores);
    jobs.stores.tenants.create(&tenant("acme")).await.unwrap();
    let (retrying, landed) = (jobs.hook().await, jobs.hook().await);
    let made = jobs.publish("evt:1", &[&retrying], Status::Retrying).await;
    let late = jobs.publish("evt:2", &[&landed], Status::Succeeded).await;
    for event in [&made, &late] {
        jobs.run(Job::Expunge(Expunge { event: event.id.clone(), cursor: None, unknown: Unknown::NONE })).await;
        assert!(jobs.stores.events.get(&event.tenant, &event.id).await.unwrap().unwrap().data.is_none());
    }
    let status = async |event: &Event, hook: &Hook| {
        let id = DeliveryId { event: event.seq, hook: hook.id };
        jobs.stores.deliveries.get(&event.tenant, id).await.unwrap().unwrap().status
    };
    assert_eq!(status(&made, &retrying).await, Status::Skipped);
    assert_eq!(status(&late, &landed).await, Status::Succeeded);
    let unknown = Job::Replay(ReplayStep {
        hook: hook_id(),
        replay: ReplayId(late.seq.0),
        step: 0,
        token: "t".to_owned(),
        unknown: Unknown::NONE,
    });
    assert_eq!(jobs.run(unknown).await, 1);
}

fn subscription(number: usize, principal: &str) -> Hook {
    Hook {
        uid: Some(format!("sub_{number:032x}").parse().unwrap()),
        profile: Some("mcp".parse().unwrap()),
        metadata: serde_json::from_value(serde_json::json!({ "mcp_principal": principal })).unwrap(),
        ..hook("acme", &["post.published"])
    }
}

async fn subscriptions_end_with_their_key_on_all_pages_and_others_stay(stores: Stores) {
    let jobs = Jobs::over(stores);
    let (hooks, now) = (&jobs.stores.hooks, jobs.stores.clock.now());
    jobs.stores.tenants.create(&tenant("acme")).await.unwrap();
    let [key, other] = [(); 2].map(|()| KeyId::new(now, &OsRandom).to_string());
    let mut made = Vec::new();
    for number in 0..105 {
        made.push(subscription(number, if number == 50 { &other } else { &key }));
        hooks.create(&made[number]).await.unwrap();
    }
    // One of them has returned its challenge.
    let told = &made[104];
    let circuits = jobs.stores.foundation().circuits();
    circuits.health.change(&told.tenant, told.id, |health| health.verify(now, &told.url)).await.unwrap();
    assert!(jobs.run(Job::EndSubscriptions(EndSubscriptions::of_principal(key, now))).await > 2);
    let left = hooks.list(&told.tenant, 200, None).await.unwrap().items;
    assert_eq!(left.into_iter().map(|hook| hook.unwrap().id).collect::<Vec<_>>(), [made[50].id]);
    let sent = jobs.sent.take();
    let sent: Vec<_> = sent.iter().map(|sent| DeliveryMessage::parse(&sent.body).unwrap()).collect();
    assert_eq!((sent.len(), sent[0].hook, sent[0].ended.as_ref().unwrap().version), (1, told.id, told.version));
}

async fn the_version_that_signs_outlives_a_hook_that_was_ended(stores: Stores) {
    let made = subscription(0, "key");
    stores.hooks.create(&made).await.unwrap();
    let now = stores.clock.now();
    let stopped = ended_hook::stop(stores.hooks.as_ref(), &made, now).await.unwrap();
    assert!(stores.hooks.delete(&made.tenant, made.id, Some(stopped.version)).await.unwrap());
    let signs = stores.hooks.revision(&made.tenant, made.id, stopped.version - 1).await.unwrap().unwrap();
    assert_eq!((signs.enabled, signs.secrets), (true, made.secrets));
}

async fn all_processes_together_ask_a_host_ten_times_and_tenants_count_for_themselves(stores: Stores) {
    let foundation = stores.foundation();
    let processes: Vec<_> = (0..4).map(|_| foundation.hook_health(Arc::<Kept>::default())).collect();
    let (verification, now) = (serde_json::from_str(r#"{"required":true}"#).unwrap(), stores.clock.now());
    for tenant in ["acme", "other"] {
        let mut taken = 0;
        for _ in 0..5 {
            // Each of a hook of its own.
            let at_once = processes.iter().map(async |process| {
                let hook = hook(tenant, &["a"]);
                process.take_unverified(&hook, &verification, now, Crowded::Refuse).await.unwrap()
            });
            taken += join_all(at_once).await.into_iter().filter(|turn| *turn == Turn::Taken).count();
        }
        assert_eq!(taken, 10, "{tenant}");
    }
}

macro_rules! over_both {
    ($($promise:ident)*) => {
        mod on_embedded {
            $(#[tokio::test]
            async fn $promise() {
                super::$promise(super::suite::on_disk::stores().await.unwrap()).await;
            })*
        }
        mod on_dynamo {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $promise() {
                super::$promise(super::suite::dynamo::stores().await.unwrap()).await;
            })*
        }
    };
}

over_both!(
    replays_find_what_they_are_asked_for
    a_purge_takes_all_that_a_hook_left
    expunging_settles_what_is_to_come
    subscriptions_end_with_their_key_on_all_pages_and_others_stay
    the_version_that_signs_outlives_a_hook_that_was_ended
    all_processes_together_ask_a_host_ten_times_and_tenants_count_for_themselves
);
