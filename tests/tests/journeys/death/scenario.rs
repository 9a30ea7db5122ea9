//! A journey that can be made over and over, and be struck at any step.

use std::sync::Arc;
use std::time::Duration;

use local::Engine;
use serde_json::{Value, json};
use tests::world::{Answer, Hook, World};

use super::fate::{Blow, Fate, Step};
use super::mortal::make_mortal;
use super::verdict;

/// One hook, and how its endpoint answers.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// The waits before its retries, in seconds.
    pub(crate) delays: Vec<u64>,
    /// What its endpoint answers; 200 after that.
    pub(crate) answers: Vec<Answer>,
    /// Further settings of the hook.
    pub(crate) settings: Value,
}

impl Plan {
    /// The state its delivery ends in, whatever happens on the way.
    pub(crate) fn end(&self) -> &'static str {
        if self.answers.len() > self.delays.len() { "failed" } else { "succeeded" }
    }
}

pub(crate) struct Scenario {
    pub(crate) plans: Vec<Plan>,
    pub(crate) events: Vec<Value>,
}

/// The hooks of a run, in the order of their plans.
pub(crate) struct Prepared {
    pub(crate) world: World,
    pub(crate) hooks: Vec<Hook>,
}

impl Scenario {
    pub(crate) fn new(plans: impl Into<Vec<Plan>>, events: impl Into<Vec<Value>>) -> Self {
        Self { plans: plans.into(), events: events.into() }
    }

    async fn prepare(&self) -> Prepared {
        let world = World::new().await;
        let mut hooks = Vec::new();
        for plan in &self.plans {
            let mut settings = plan.settings.clone();
            settings["retry"] = json!({ "delays": plan.delays, "jitter": 0 });
            let hook = world.hook(settings).await;
            world.endpoint.answer(&hook.url, plan.answers.clone());
            // Ids of one millisecond are in no order, and then neither are the steps.
            world.clock.advance(Duration::from_millis(1));
            hooks.push(hook);
        }
        Prepared { world, hooks }
    }

    async fn publish(&self, world: &World) {
        for event in &self.events {
            world.publish(event.clone()).await;
        }
    }

    /// The steps of a run in which nothing goes wrong, which keeps every promise.
    pub(crate) async fn trace(&self) -> Vec<Step> {
        self.keeps_its_promises([]).await.trace()
    }

    pub(crate) async fn strike_everywhere(&self) {
        self.strike_where(|_| true).await;
    }

    /// Strikes once in each run, at every step that is chosen.
    pub(crate) async fn strike_where(&self, chosen: impl Fn(usize) -> bool) {
        for (number, step) in self.trace().await.iter().enumerate().filter(|(number, _)| chosen(*number)) {
            for blow in Blow::possible_at(step) {
                self.keeps_its_promises([(number, blow)]).await;
            }
        }
    }

    /// One run with these strikes, and whether all is well in the end.
    pub(crate) async fn keeps_its_promises(&self, strikes: impl IntoIterator<Item = (usize, Blow)>) -> Arc<Fate> {
        let fate = Fate::new(strikes);
        let run = self.run(&fate).await;
        let verdict = verdict::check(&run, self, fate.doubled()).await;
        verdict.unwrap_or_else(|broken| panic!("{broken}, after {:?}", fate.struck()));
        fate
    }

    /// The whole journey over an engine that was changed first.
    pub(crate) async fn run_with(&self, change: impl FnOnce(&mut Engine)) -> Prepared {
        let mut prepared = self.prepare().await;
        prepared.world.rewire(change);
        self.publish(&prepared.world).await;
        prepared.world.settle().await;
        prepared
    }

    /// The whole journey, struck as fate has it.
    async fn run(&self, fate: &Arc<Fate>) -> Prepared {
        let Prepared { world, hooks } = self.prepare().await;
        self.publish(&world).await;
        Prepared { world: live_through(world, fate).await, hooks }
    }
}

/// Takes everything to its end. Whenever the process dies, another one takes over.
pub(crate) async fn live_through(mut world: World, fate: &Arc<Fate>) -> World {
    loop {
        world.rewire(|engine| make_mortal(engine, fate));
        tokio::select! {
            () = world.settle() => return world,
            () = fate.death() => {}
        }
        world = world.restart().await;
    }
}
