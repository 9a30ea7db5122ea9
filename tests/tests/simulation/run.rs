//! The scheduler: one thread, any number of handlers under way, and at each
//! turn chance decides whose call goes on.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use async_trait::async_trait;
use contract::messages::DeliveryMessage;
use contract::ports::{ManualClock, Outgoing, QueueSender as _, Received};
use contract::runner::{self, Settlement as _};
use contract::stage::{Message, Outcome, Stage};
use domain::delivery::Trigger;
use domain::hook::Hook;
use domain::ids::{DeliveryId, HookId};
use domain::time::Timestamp;

use crate::mutants::Mutant;
use crate::plan::{self, Action, Plan, START};
use crate::process::Process;
use crate::queue::{Name, SimQueue};
use crate::settle::Place;
use crate::sim::{Blow, Sim, Task, What};
use crate::verdict::{self, Verdict};

/// More than any run takes; beyond them something goes in circles.
const MOST_TURNS: u64 = 200_000;
/// Messages that one process handles at once.
const HANDS: usize = 5;

type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

struct Running {
    work: Work,
    task: usize,
    /// Nothing for those who publish; they do not die.
    process: Option<usize>,
    /// None while it waits for another task of its process.
    wake_at: Option<Timestamp>,
    woken: Arc<Woken>,
}

#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

impl Running {
    fn begin(work: Work, task: usize, process: Option<usize>, now: Timestamp) -> Self {
        Self { work, task, process, wake_at: Some(now), woken: Arc::default() }
    }

    fn can_go_on(&self, now: Timestamp) -> bool {
        self.wake_at.map_or_else(|| self.woken.0.load(Ordering::SeqCst), |at| at <= now)
    }
}

/// The runner survives a stage that panics. No run should.
struct Witnessed {
    sim: Arc<Sim>,
    stage: Arc<dyn Stage>,
}

struct Witness<'a>(&'a Sim);

impl Drop for Witness<'_> {
    fn drop(&mut self) {
        self.0.lock().panicked |= std::thread::panicking();
    }
}

#[async_trait]
impl Stage for Witnessed {
    async fn handle(&self, message: Message) -> Outcome {
        let _witness = Witness(&self.sim);
        self.stage.handle(message).await
    }
}

struct Run {
    sim: Arc<Sim>,
    mutant: Option<Mutant>,
    actions: Vec<(Timestamp, Action)>,
    processes: Vec<(Process, u32)>,
    schedules: bool,
    running: Vec<Running>,
}

/// What can happen now.
enum Next {
    Resume(usize),
    HandOut(Name, usize),
    Act(usize),
}

/// One run, from its seed to its verdict.
pub(crate) fn run(seed: u64, mutant: Option<Mutant>, traced: bool) -> Verdict {
    carry_out(plan::draw(seed, traced), mutant)
}

pub(crate) fn carry_out(plan: Plan, mutant: Option<Mutant>) -> Verdict {
    let Plan { state, actions, processes, schedules } = plan;
    let sim = Sim::new(ManualClock::at(START), state);
    let start = || (mutant.map_or_else(|| Process::start(&sim), |mutant| mutant.start(&sim)), 0);
    let processes = (0..processes).map(|_| start()).collect();
    let mut run = Run { sim: Arc::clone(&sim), mutant, actions, processes, schedules, running: Vec::new() };
    let came_to_rest = run.drive();
    verdict::judge(&sim.lock(), came_to_rest)
}

impl Run {
    /// Until nothing is left to do; false when that never comes.
    fn drive(&mut self) -> bool {
        for _ in 0..MOST_TURNS {
            let possible = self.possible();
            if possible.is_empty() {
                let Some(next) = self.next_time() else { return self.running.is_empty() };
                self.sim.clock.set(next);
                self.sim.lock().now = next;
                continue;
            }
            let (chosen, dies) = {
                let mut state = self.sim.lock();
                (state.dice.index(possible.len()), !self.running.is_empty() && state.is_struck())
            };
            if dies {
                self.kill_one();
                continue;
            }
            match possible[chosen] {
                Next::Resume(index) => self.resume(index),
                Next::HandOut(queue, index) => self.hand_out(queue, index),
                Next::Act(index) => self.act(index),
            }
        }
        false
    }

    fn possible(&self) -> Vec<Next> {
        let now = self.sim.now();
        let mut possible = Vec::new();
        for (index, running) in self.running.iter().enumerate() {
            if running.can_go_on(now) {
                possible.push(Next::Resume(index));
            }
        }
        for (index, (at, _)) in self.actions.iter().enumerate() {
            if *at <= now {
                possible.push(Next::Act(index));
            }
        }
        if self.free_process().is_some() {
            let state = self.sim.lock();
            for queue in Name::ALL {
                for (index, held) in state.queues[queue as usize].messages.iter().enumerate() {
                    if held.visible_at <= now {
                        possible.push(Next::HandOut(queue, index));
                    }
                }
            }
        }
        possible
    }

    fn next_time(&self) -> Option<Timestamp> {
        let (state, now) = (self.sim.lock(), self.sim.now());
        let messages = state.queues.iter().flat_map(|queue| &queue.messages).map(|held| held.visible_at);
        let tasks = self.running.iter().filter_map(|running| running.wake_at);
        let times = messages.chain(tasks).chain(self.actions.iter().map(|(at, _)| *at));
        // What could be had already waits for a free hand.
        times.filter(|at| *at > now).min()
    }

    fn load(&self, process: usize) -> usize {
        self.running.iter().filter(|running| running.process == Some(process)).count()
    }

    fn free_process(&self) -> Option<usize> {
        (0..self.processes.len()).find(|process| self.load(*process) < HANDS)
    }

    fn resume(&mut self, index: usize) {
        let running = &mut self.running[index];
        {
            let mut state = self.sim.lock();
            state.running = running.task;
            state.pausing = None;
        }
        running.woken.0.store(false, Ordering::SeqCst);
        let waker = Waker::from(Arc::clone(&running.woken));
        let polled = running.work.as_mut().poll(&mut Context::from_waker(&waker));
        let mut state = self.sim.lock();
        assert!(!state.panicked, "a stage panicked");
        match polled {
            Poll::Pending => running.wake_at = state.pausing,
            Poll::Ready(()) => {
                state.tasks[running.task].ended = Some(state.order);
                drop(state);
                self.running.swap_remove(index);
            }
        }
    }

    fn hand_out(&mut self, queue: Name, index: usize) {
        let free: Vec<usize> = (0..self.processes.len()).filter(|process| self.load(*process) < HANDS).collect();
        let (task, message, number, process) = {
            let mut state = self.sim.lock();
            let process = free[state.dice.index(free.len())];
            let now = self.sim.now();
            let (task, message) = state.hand_out(queue, index, (process, self.processes[process].1), now);
            (task, message, state.tasks[task].message, process)
        };
        let (mut deps, mutant, schedules) = (self.processes[process].0.clone(), self.mutant, self.schedules);
        if mutant == Some(Mutant::ForgetsWhatIsUnderWay) {
            deps.deliver.in_flight = deliver::InFlight::default();
        }
        let sim = Arc::clone(&self.sim);
        let work = Box::pin(async move {
            let place = Place { sim: Arc::clone(&sim), queue, number, task, schedules };
            let message = match mutant {
                Some(Mutant::AcknowledgesFirst) => {
                    let _ = place.done(&message).await;
                    message
                }
                Some(Mutant::CountsNoReceives) => Received { receive_count: 1, ..message },
                _ => message,
            };
            let stage: Arc<dyn Stage> = match queue {
                Name::Events => Arc::new(deps.fanout),
                Name::Deliveries | Name::Redeliveries => Arc::new(deps.deliver),
                Name::Retries => Arc::new(deps.requeue),
            };
            let stage = Witnessed { sim: Arc::clone(&sim), stage };
            runner::run(&stage, &place, &sim.clock, message).await;
        });
        self.running.push(Running::begin(work, task, Some(process), self.sim.now()));
    }

    fn kill_one(&mut self) {
        let process = self.sim.lock().dice.index(self.processes.len());
        let (lost, left): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.running).into_iter().partition(|running| running.process == Some(process));
        self.running = left;
        // Work that is dropped looks at the state itself.
        let lost: Vec<usize> = lost.into_iter().map(|Running { task, .. }| task).collect();
        let mut state = self.sim.lock();
        for task in lost {
            state.running = task;
            state.note("dies", |state| format!("{:?}", state.tasks[task].what));
            state.suffer(task, Blow::Dies);
            (state.tasks[task].died, state.tasks[task].ended) = (true, Some(state.order));
        }
        drop(state);
        let (old, lives) = &mut self.processes[process];
        *old = self.mutant.map_or_else(|| Process::start(&self.sim), |mutant| mutant.start(&self.sim));
        *lives += 1;
    }

    fn act(&mut self, index: usize) {
        let (at, action) = self.actions.swap_remove(index);
        match action {
            Action::Publish(message) => {
                let what = message.id.clone().unwrap_or_else(|| "unnamed".parse().unwrap());
                self.send(Name::Events, message.to_outgoing(), What::Publish(what));
            }
            Action::Disable(id) => self.change(id, at, |hook| Some(Hook { enabled: false, ..hook })),
            Action::Enable(id) => self.change(id, at, |hook| Some(Hook { enabled: true, ..hook })),
            Action::Delete(id) => self.change(id, at, |_| None),
            Action::RetryByHand => self.retry_by_hand(),
        }
    }

    fn change(&self, id: HookId, at: Timestamp, change: impl FnOnce(Hook) -> Option<Hook>) {
        let mut state = self.sim.lock();
        let Some(hook) = state.hook_at(id, at) else { return };
        let version = hook.version + 1;
        let changed = change(Hook { version, ..hook.as_ref().clone() }).map(Arc::new);
        state.hooks.get_mut(&id).unwrap().push((at, changed));
    }

    fn retry_by_hand(&mut self) {
        let (message, id) = {
            let mut state = self.sim.lock();
            let rows: Vec<DeliveryId> = state.log.iter().filter(|(_, v)| !v.is_empty()).map(|(id, _)| *id).collect();
            if rows.is_empty() {
                return;
            }
            let id = state.dice.pick(&rows);
            let now = self.sim.now();
            let Some(_) = state.hook_at(id.hook, now).filter(|hook| hook.enabled) else { return };
            let event = &state.events[&state.log[&id][0].row.event_id].0;
            let request = format!("request-{}", state.manual.len());
            let message = DeliveryMessage {
                not_after: None,
                request: Some(request.clone()),
                ..DeliveryMessage::of(event, id.hook, Trigger::Manual)
            };
            state.manual.push((id, request));
            (message.to_outgoing(), id)
        };
        self.send(Name::Redeliveries, message, What::Ask(id));
    }

    /// Somebody outside sends, and sends again until an answer says that it is done.
    fn send(&mut self, name: Name, message: Outgoing, what: What) {
        let sim = Arc::clone(&self.sim);
        let task = {
            let mut state = sim.lock();
            let (started, started_at) = (state.order, sim.now());
            state.tasks.push(Task {
                what,
                process: None,
                message: 0,
                unwarned: false,
                started,
                started_at,
                read: None,
                ended: None,
                died: false,
                struck: false,
            });
            state.tasks.len() - 1
        };
        let now = sim.now();
        let work = Box::pin(async move {
            let queue = SimQueue { sim: Arc::clone(&sim), name };
            while queue.send_one(message.clone()).await.is_err() {
                sim.rest(Duration::from_secs(1)).await;
            }
        });
        self.running.push(Running::begin(work, task, None, now));
    }
}
