//! The whole pipeline in this process: a real store in a temporary directory, a
//! clock that moves when told to, and an endpoint that answers from a script.

mod endpoint;
mod files;
mod reply;

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, header};
use contract::ports::{Clock, ManualClock, OsRandom, Outgoing, QueueSender};
use domain::address::AddressPolicy;
use domain::random::Random;
use domain::time::Timestamp;
use embedded::{DeadLetter, EmbeddedQueue, StoreOptions};
use local::{Engine, Options};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::watch;
use tower::ServiceExt as _;

pub use endpoint::{Answer, Endpoint, Sent};
pub use reply::Reply;

pub const OPERATOR: &str = "the-operators-key";
/// The tenant every world begins with.
pub const TENANT: &str = "acme";
/// 2026-01-31T09:30:00Z
pub const START: Timestamp = Timestamp::from_millis(1_769_851_800_000);
pub const RETENTION: Duration = Duration::from_secs(90 * 24 * 3600);
/// More rounds than any journey takes; beyond them something goes in circles.
const MAX_ROUNDS: usize = 10_000;

pub struct World {
    pub clock: ManualClock,
    pub endpoint: Endpoint,
    pub engine: Box<Engine>,
    /// Made for the first request: most restarts come to none.
    router: OnceLock<Router>,
    directory: TempDir,
    hooks_made: AtomicUsize,
}

/// A hook as it was created.
#[derive(Clone, Debug)]
pub struct Hook {
    pub tenant: String,
    pub id: String,
    pub url: String,
    pub secret: String,
}

impl Hook {
    pub fn path(&self) -> String {
        format!("/v1/tenants/{}/hooks/{}", self.tenant, self.id)
    }
}

/// Random ids and secrets, but delays without jitter.
struct NoJitter;

impl Random for NoJitter {
    fn fill(&self, bytes: &mut [u8]) {
        OsRandom.fill(bytes);
    }

    fn unit(&self) -> f64 {
        0.0
    }
}

impl World {
    pub async fn new() -> Self {
        Box::pin(Self::with_profile("standard")).await
    }

    /// A deployment whose profile is `profile`, one that comes with Hookline.
    pub async fn with_profile(profile: &str) -> Self {
        let directory = temporary_directory();
        let clock = ManualClock::at(START);
        let endpoint = Endpoint::new(clock.clone());
        let world = Self::open(directory, clock, endpoint, profile).await;
        world.post("/v1/tenants", json!({ "id": TENANT })).await.expect(201);
        world
    }

    async fn open(directory: TempDir, clock: ManualClock, endpoint: Endpoint, profile: &str) -> Self {
        Self::open_with(directory, clock, endpoint, profile, None).await
    }

    async fn open_with(
        directory: TempDir,
        clock: ManualClock,
        endpoint: Endpoint,
        profile: &str,
        accept_clock_until: Option<Timestamp>,
    ) -> Self {
        let options = Options {
            store: StoreOptions::default(),
            operator_key: OPERATOR.to_owned(),
            addresses: AddressPolicy::default(),
            public_url: "https://hooks.example.com".parse().expect("an address"),
            profile: profile.parse().expect("a profile's name"),
            retention: RETENTION,
            max_in_flight: 16,
            max_in_flight_per_hook: 4,
            clock: Arc::new(clock.clone()),
            accept_clock_until,
            random: Arc::new(NoJitter),
            sender: Arc::new(endpoint.clone()),
        };
        let engine = Engine::start(directory.path(), options).await.expect("the store opens");
        let (engine, router) = (Box::new(engine), OnceLock::new());
        Self { clock, endpoint, engine, router, directory, hooks_made: AtomicUsize::new(0) }
    }

    /// The process dies without a chance to write anything more, and another
    /// one opens what had reached the disk by then.
    pub async fn restart(self) -> Self {
        let left = temporary_directory();
        {
            let _still = self.engine.store.hold_still();
            copy_all(self.directory.path(), left.path()).expect("files of a store can be read while it is open");
        }
        let profile = self.profile();
        let Self { clock, endpoint, hooks_made, .. } = self;
        Self { hooks_made, ..Self::open(left, clock, endpoint, &profile).await }
    }

    /// The process stops as asked, and another one takes over.
    pub async fn stop_and_start(self) -> Self {
        let profile = self.profile();
        let Self { clock, endpoint, engine, router, directory, hooks_made } = self;
        engine.store.close();
        drop((engine, router));
        Self { hooks_made, ..Self::open(directory, clock, endpoint, &profile).await }
    }

    fn profile(&self) -> String {
        self.engine.api.resolved.usual_profile().to_string()
    }

    /// The process stops as asked, the clock is set, and another one takes over,
    /// which accepts that the clock shows up to `accepted`.
    pub async fn restart_after_jump(self, millis: i64, accepted: Option<Timestamp>) -> Self {
        let profile = self.profile();
        let Self { clock, endpoint, engine, router, directory, hooks_made } = self;
        local::keep(&engine).await;
        engine.store.close();
        drop((engine, router));
        clock.jump(millis);
        Self { hooks_made, ..Self::open_with(directory, clock, endpoint, &profile, accepted).await }
    }

    /// Changes what the stages stand on, the API's included.
    pub fn rewire(&mut self, change: impl FnOnce(&mut Engine)) {
        change(&mut self.engine);
        self.router = OnceLock::new();
    }

    /// The API, for whoever puts it behind an entrance of its own.
    pub fn router(&self) -> Router {
        self.router.get_or_init(|| served(&self.engine)).clone()
    }

    /// Where everything is stored.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Handles everything that can be handled without the clock moving.
    pub async fn drain(&self) -> usize {
        self.engine.consumers().drain().await
    }

    /// When something happens next in any queue, in steady time.
    pub fn next_due(&self) -> Option<Timestamp> {
        self.queues().into_iter().filter_map(EmbeddedQueue::next_change).min()
    }

    /// Moves the clock to the next thing that is due; false when nothing is.
    pub fn advance_to_next_due(&self) -> bool {
        let Some(due) = self.next_due() else { return false };
        self.clock.advance(due.since(self.engine.clock.steady()));
        true
    }

    /// Handles everything there will ever be, however far in the future.
    pub async fn settle(&self) {
        for _ in 0..MAX_ROUNDS {
            self.drain().await;
            if !self.advance_to_next_due() {
                return;
            }
        }
        panic!("the queues never come to rest");
    }

    /// Runs the pump as it runs in earnest, many messages at once, until every
    /// queue is empty. Nothing may have to wait for the clock.
    pub async fn run_until_empty(&self) {
        let (stop, stopped) = watch::channel(false);
        let pump = tokio::spawn(self.engine.consumers().run(stopped));
        while self.messages_left() > 0 {
            tokio::task::yield_now().await;
        }
        stop.send_replace(true);
        pump.await.expect("the pump does not panic");
    }

    fn queues(&self) -> [&EmbeddedQueue; 4] {
        let queues = &self.engine.queues;
        [&queues.events, &queues.deliveries, &queues.retries, &queues.redeliveries]
    }

    pub fn messages_left(&self) -> usize {
        self.queues().into_iter().map(|queue| queue.stats().waiting + queue.stats().leased).sum()
    }

    pub fn dead_letters(&self) -> Vec<DeadLetter> {
        self.engine
            .dead_letters
            .list(100, None)
            .expect("dead letters can be read")
            .items
            .into_iter()
            .flatten()
            .collect()
    }

    /// Puts a body on `events` as an outside publisher does.
    pub async fn send_to_events(&self, body: impl Into<Vec<u8>>) {
        let message = Outgoing { body: body.into().into(), group: TENANT.into(), due: None, content: None };
        self.engine.queues.events.send_one(message).await.expect("the queue takes it");
    }

    /// A hook of [`TENANT`] for all events and without retries, save as `settings` say.
    pub async fn hook(&self, settings: Value) -> Hook {
        self.hook_of(TENANT, settings).await
    }

    pub async fn hook_of(&self, tenant: &str, settings: Value) -> Hook {
        let number = self.hooks_made.fetch_add(1, Ordering::Relaxed);
        let mut body = json!({
            "url": format!("https://hook-{number}.example.com/in"),
            "events": ["*"],
            "retry": { "delays": [], "jitter": 0 },
        });
        if let (Some(body), Value::Object(settings)) = (body.as_object_mut(), settings) {
            body.extend(settings);
        }
        let created = self.post(&format!("/v1/tenants/{tenant}/hooks"), body).await.expect(201).json();
        let text = |field: &str| created[field].as_str().unwrap_or_default().to_owned();
        let hook = Hook { tenant: tenant.to_owned(), id: text("id"), url: text("url"), secret: text("secret") };
        self.endpoint.trust(&hook.url, &hook.secret);
        hook
    }

    /// Publishes for [`TENANT`] and returns the event's id.
    pub async fn publish(&self, event: Value) -> String {
        self.publish_raw(event.to_string()).await
    }

    pub async fn publish_raw(&self, body: String) -> String {
        let path = format!("/v1/tenants/{TENANT}/events");
        let accepted = self.call("POST", &path, Some(OPERATOR), body).await.expect(202).json();
        accepted["id"].as_str().expect("an accepted event has an id").to_owned()
    }

    /// Every delivery of an event of [`TENANT`], from all pages.
    pub async fn deliveries(&self, event: &str) -> Vec<Value> {
        self.pages(&format!("/v1/tenants/{TENANT}/events/{event}/deliveries?limit=100")).await
    }

    /// The only delivery of an event, with its attempts.
    pub async fn delivery(&self, event: &str) -> Value {
        let deliveries = self.deliveries(event).await;
        let [only] = deliveries.as_slice() else { panic!("expected one delivery, got {deliveries:?}") };
        self.attempts_of(only).await
    }

    /// A delivery of a list, with its attempts.
    pub async fn attempts_of(&self, delivery: &Value) -> Value {
        let id = delivery["id"].as_str().expect("a delivery has an id");
        self.get(&format!("/v1/tenants/{TENANT}/deliveries/{id}")).await.expect(200).json()
    }

    /// The items of a list, from all its pages. `path` has a query already.
    pub async fn pages(&self, path: &str) -> Vec<Value> {
        let mut items = Vec::new();
        let mut cursor = String::new();
        for _ in 0..MAX_ROUNDS {
            let page = self.get(&format!("{path}{cursor}")).await.expect(200).json();
            items.extend(page["items"].as_array().expect("a list has items").iter().cloned());
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return items,
            }
        }
        panic!("the list never ends");
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.call("GET", path, Some(OPERATOR), "").await
    }

    pub async fn post(&self, path: &str, body: Value) -> Reply {
        self.call("POST", path, Some(OPERATOR), body.to_string()).await
    }

    pub async fn patch(&self, path: &str, body: Value) -> Reply {
        self.call("PATCH", path, Some(OPERATOR), body.to_string()).await
    }

    pub async fn delete(&self, path: &str) -> Reply {
        self.call("DELETE", path, Some(OPERATOR), "").await
    }

    /// A request with a key as bearer token, or with none.
    pub async fn call(&self, method: &str, path: &str, key: Option<&str>, body: impl Into<Body>) -> Reply {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(key) = key {
            request = request.header(header::AUTHORIZATION, format!("Bearer {key}"));
        }
        self.send(request.body(body.into()).expect("the request is well formed")).await
    }

    pub async fn send(&self, request: Request<Body>) -> Reply {
        let what = format!("{} {}", request.method(), request.uri());
        let response = self.router().oneshot(request).await.expect("the router answers everything");
        let (head, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.expect("answers are in memory");
        Reply { what, status: head.status.as_u16(), headers: head.headers, body }
    }
}

/// All that a deployment answers, as each composition root puts it together.
fn served(engine: &Engine) -> Router {
    let clock = Arc::clone(&engine.api.clock);
    let pages = console::Settings { now: Arc::new(move || clock.now().as_millis()) };
    let api = api::service(engine.api.clone());
    let others = console::beside(compat::beside(api.clone().into_router()), pages);
    api.beside(others).into_router()
}

/// In memory where the system has room for that: the tests kill processes, not
/// machines, so nothing has to reach a disk, and they take a tenth of the time.
fn temporary_directory() -> TempDir {
    let directory = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
    directory.expect("a temporary directory can be made")
}

fn copy_all(from: &Path, to: &Path) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            fs::create_dir(&target)?;
            copy_all(&entry.path(), &target)?;
        } else {
            copy_file(&entry.path(), &target)?;
        }
    }
    Ok(())
}

/// Journals are allocated long before they are full, so what follows a long
/// stretch of zeros is made and not copied.
fn copy_file(from: &Path, to: &Path) -> io::Result<()> {
    const STRETCH: u64 = 256 * 1024;
    let (source, mut target) = (File::open(from)?, File::create(to)?);
    let mut stretch = Vec::new();
    while (&source).take(STRETCH).read_to_end(&mut stretch)? > 0 && stretch.iter().any(|byte| *byte != 0) {
        target.write_all(&stretch)?;
        stretch.clear();
    }
    // Keys are refused when others can read them.
    target.set_permissions(source.metadata()?.permissions())?;
    target.set_len(source.metadata()?.len())
}
