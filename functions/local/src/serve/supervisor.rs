//! One engine after the other, as long as the disk lets them.
//!
//! Once a write or a sync has failed, nobody knows what the disk holds. So all
//! that was built on it is let go, and an engine is started anew from what can
//! be read, as after a crash. Until that works, everything is answered with 503.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use contract::ports::Readiness as _;
use contract::stage::causes;
use embedded::{OpenError, Store};
use local::{Engine, Options, StartError};
use services::delivery::request::LONGEST_ATTEMPT;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::metrics::Metrics;
use super::router_switch::RouterSwitch;
use super::{backups, dead_letters};

/// How long a stop waits for attempts that are under way; the longest an
/// attempt may take, and a little.
const GRACE: Duration = LONGEST_ATTEMPT.saturating_add(Duration::from_secs(5));
/// Between two looks at a store, working or not.
const PAUSE: Duration = Duration::from_secs(1);
/// How long a failed store may be in use by what still runs; requests to
/// endpoints end before that. Then the process is at fault.
const LET_GO: Duration = Duration::from_secs(120);

pub(super) struct Supervisor {
    pub(super) data: PathBuf,
    pub(super) options: Options,
    pub(super) switch: RouterSwitch,
    pub(super) metrics: Metrics,
    pub(super) stop: watch::Receiver<bool>,
}

impl Supervisor {
    pub(super) fn open(&self, engine: &Engine) {
        let own =
            self.metrics.routes(engine).merge(dead_letters::routes(engine)).merge(backups::routes(engine, &self.data));
        let clock = Arc::clone(&engine.api.clock);
        let pages = console::Settings { now: Arc::new(move || clock.now().as_millis()) };
        let api = api::service(engine.api.clone());
        let others = console::beside(compat::beside(api.clone().into_router().merge(own)), pages);
        self.switch.open(api.beside(others));
    }

    /// Runs until it is told to stop, and then finishes what is under way. An
    /// error says that only another process can go on.
    pub(super) async fn run(mut self, mut engine: Engine, http: JoinHandle<()>) -> anyhow::Result<()> {
        loop {
            let (halt, halted) = watch::channel(false);
            let consumers = tokio::spawn(engine.consumers().run(halted));
            // Ends with its engine, whose store it holds.
            let expiry = tokio::spawn(dead_letters::expire(engine.dead_letters.clone()));
            let time = tokio::spawn(local::keep_time(engine.clone()));
            let counting = tokio::spawn(local::count(engine.clone()));
            let failure = tokio::select! {
                _ = self.stop.wait_for(|stop| *stop) => None,
                failure = engine.store.failed() => Some(failure),
            };
            for task in [expiry, time, counting] {
                task.abort();
                let _ = task.await;
            }
            let Some(failure) = failure else {
                let _ = halt.send(true);
                let finished = tokio::time::timeout(GRACE, async { tokio::join!(http, consumers) });
                if finished.await.is_err() {
                    tracing::warn!("some attempts are still under way; they will be made again at the next start");
                }
                local::keep(&engine).await;
                if tokio::time::timeout(LET_GO, close(engine.store.clone())).await.is_err() {
                    tracing::warn!("the store cannot be closed; the next start takes up what it holds");
                }
                return Ok(());
            };
            tracing::error!(error = %causes(&failure), "the disk has failed; everything is refused until the store can be opened again");
            self.switch.close(engine.store.check().err().unwrap_or("the disk has failed"));
            // What is under way could not be logged, and is made again.
            consumers.abort();
            let _ = consumers.await;
            close(engine.store.clone()).await;
            drop(engine);
            match self.start_again().await? {
                Some(started) => {
                    self.open(&started);
                    engine = started;
                }
                None => return Ok(()),
            }
        }
    }

    /// None when it is told to stop.
    async fn start_again(&mut self) -> anyhow::Result<Option<Engine>> {
        let mut locked_since = None;
        let mut told = String::new();
        loop {
            tokio::select! {
                _ = self.stop.wait_for(|stop| *stop) => return Ok(None),
                () = tokio::time::sleep(PAUSE) => {}
            }
            let started = tokio::select! {
                _ = self.stop.wait_for(|stop| *stop) => return Ok(None),
                started = start(self.data.clone(), self.options.clone()) => started,
            };
            match started {
                Ok(engine) => {
                    tracing::info!("the store takes writes again");
                    return Ok(Some(engine));
                }
                Err(StartError::Open(OpenError::Locked(_))) => {
                    if locked_since.get_or_insert_with(Instant::now).elapsed() > LET_GO {
                        bail!("the disk has failed, and the store cannot be opened again in this process");
                    }
                }
                Err(error) => {
                    locked_since = None;
                    let error = causes(&error);
                    if error != told {
                        tracing::warn!(error, "the store cannot be opened again yet");
                        told = error;
                    }
                }
            }
        }
    }
}

/// Reading back what a store holds takes its time, and on a bad disk it may never end:
/// meanwhile requests have to be refused.
async fn start(data: PathBuf, options: Options) -> Result<Engine, StartError> {
    let runtime = Handle::current();
    let start = move || runtime.block_on(Engine::start(&data, options));
    tokio::task::spawn_blocking(start).await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
}

async fn close(store: Store) {
    let _ = tokio::task::spawn_blocking(move || store.close()).await;
}
