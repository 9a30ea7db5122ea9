//! Killed with SIGKILL under load, again and again. Whatever was answered with
//! 202 arrives, and nothing arrives twice but what was under way at a kill.
//!
//! `HOOKLINE_DEATH_ROUNDS=100` makes more of it than the usual ten rounds. The
//! moments are drawn from a seed, which is printed; `HOOKLINE_DEATH_SEED` sets it.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::task::JoinSet;

use crate::receiver::Receiver;
use crate::support::{KEY, Server, binary, until};

const PUBLISHERS: usize = 4;
/// Attempts under way at once in each of the two lanes.
const MAX_IN_FLIGHT: usize = 8;
/// Events of one round, at most.
const MAX_EVENTS: u64 = 200;

fn setting(name: &str) -> Option<u64> {
    std::env::var_os(name).map(|text| text.to_str().unwrap().parse().unwrap())
}

/// SplitMix64: the same moments for the same seed.
struct Dice(u64);

impl Dice {
    fn from_environment() -> Self {
        let mut seed = [0; 4];
        domain::random::Random::fill(&contract::ports::OsRandom, &mut seed);
        let seed = setting("HOOKLINE_DEATH_SEED").unwrap_or_else(|| u32::from_le_bytes(seed).into());
        println!("HOOKLINE_DEATH_SEED={seed}");
        Self(seed)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end
    }
}

/// Publishes until the server is gone.
async fn publish(server: Arc<Server>, next: Arc<AtomicU64>, accepted: Arc<Mutex<Vec<u64>>>) {
    loop {
        let number = next.fetch_add(1, Ordering::SeqCst);
        // Some are compressed, some fill a page of the journal, most do neither.
        let filler = "x".repeat(usize::try_from(number % 7).unwrap().pow(5) / 2);
        match server.publish(&number.to_string(), &json!({"number": number, "filler": filler})).await {
            Ok(answer) if answer.status == 202 => accepted.lock().unwrap().push(number),
            Ok(answer) => panic!("a server that lives accepts: {answer:?}"),
            Err(_) => return,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_accepted_before_kill_9_arrives_and_little_arrives_twice() {
    let rounds = usize::try_from(setting("HOOKLINE_DEATH_ROUNDS").unwrap_or(10)).unwrap();
    let mut dice = Dice::from_environment();
    let directory = tempfile::tempdir().unwrap();
    let receiver = Receiver::start().await;
    let in_flight = MAX_IN_FLIGHT.to_string();
    let flags = ["--max-in-flight", in_flight.as_str(), "--max-in-flight-per-hook", in_flight.as_str()];
    let start = async || Server::start_with(binary(), directory.path(), &flags).await;

    let (next, accepted) = (Arc::new(AtomicU64::new(0)), Arc::<Mutex<Vec<u64>>>::default());
    let mut hooks = Vec::new();
    let began = Instant::now();
    for round in 0..rounds {
        let server = Arc::new(start().await);
        if round == 0 {
            server.make_tenant().await;
            hooks.push(server.subscribe(&receiver.steady()).await);
            hooks.push(server.subscribe(&receiver.flaky()).await);
        }
        // Only now: requests of the process before this one may have been read late.
        receiver.enter_round(round);
        let mut publishers = JoinSet::new();
        for _ in 0..PUBLISHERS {
            publishers.spawn(publish(Arc::clone(&server), Arc::clone(&next), Arc::clone(&accepted)));
        }
        let enough = accepted.lock().unwrap().len() + usize::try_from(dice.below(MAX_EVENTS)).unwrap();
        until("enough was accepted", || async { accepted.lock().unwrap().len() >= enough }).await;
        tokio::time::sleep(Duration::from_micros(dice.below(20_000))).await;
        kill(&server).await;
        publishers.join_all().await;
        let mut server = Arc::into_inner(server).unwrap();
        server.child.wait().await.unwrap();
    }

    let server = start().await;
    receiver.enter_round(rounds);
    let accepted = std::mem::take(&mut *accepted.lock().unwrap());
    assert!(!accepted.is_empty());
    let arrived = |number: &u64| receiver.has("/steady", *number) && receiver.has("/flaky", *number);
    let checked = AtomicUsize::new(0);
    until("everything accepted has arrived", || async {
        // Nothing that arrived is looked at again.
        let more = accepted[checked.load(Ordering::SeqCst)..].iter().take_while(|number| arrived(number)).count();
        checked.fetch_add(more, Ordering::SeqCst) + more == accepted.len()
    })
    .await;
    for hook in &hooks {
        until("the log says that everything accepted succeeded", || async {
            let fates = server.fates(hook).await;
            accepted.iter().all(|number| fates.get(&number.to_string()).is_some_and(|fate| fate == "succeeded"))
        })
        .await;
    }

    // What was answered well is sent again only if a kill kept that from the log.
    let (mut repeated, mut retried_later) = (BTreeMap::<usize, usize>::new(), 0);
    let deliveries = receiver.deliveries();
    for ((path, _), delivery) in deliveries.iter() {
        let receipts = &delivery.receipts;
        for (receipt, following) in receipts.iter().zip(&receipts[1..]) {
            if receipt.fine {
                *repeated.entry(receipt.round).or_default() += 1;
            } else if following.round > receipt.round {
                retried_later += 1;
            }
        }
        let failed = receipts.iter().filter(|receipt| !receipt.fine).count();
        assert_eq!(failed, usize::from(path == "/flaky"), "the endpoint fails as it was told to");
    }
    println!(
        "{rounds} kills in {:.1} s: {} events accepted, {} deliveries made, {} twice (at most {} at one kill), {} retried by a later process",
        began.elapsed().as_secs_f64(),
        accepted.len(),
        deliveries.len(),
        repeated.values().sum::<usize>(),
        repeated.values().max().unwrap_or(&0),
        retried_later,
    );
    for (round, count) in repeated {
        assert!(round < rounds, "{count} deliveries were repeated by a process that nobody killed");
        assert!(count <= 2 * MAX_IN_FLIGHT, "{count} deliveries were repeated after the kill of round {round}");
    }
    assert!(retried_later > 0, "retries were pending at some kill");
}

async fn kill(server: &Server) {
    let pid = server.child.id().unwrap().to_string();
    let status = tokio::process::Command::new("kill").args(["-KILL", &pid]).status().await.unwrap();
    assert!(status.success());
}

/// A start on `directory` that is killed before it has taken `longest` microseconds.
async fn start_and_kill(directory: &Path, dice: &mut Dice, longest: u64) {
    let mut child = binary()
        .args(["--operator-key", KEY, "--listen", "127.0.0.1:0", "--data"])
        .arg(directory)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    tokio::time::sleep(Duration::from_micros(dice.below(longest))).await;
    child.kill().await.unwrap();
}

async fn usual_start(directory: &Path) -> u64 {
    let began = Instant::now();
    Server::start(directory).await;
    u64::try_from(began.elapsed().as_micros()).unwrap()
}

#[tokio::test]
async fn a_first_start_that_was_killed_at_any_moment_does_not_keep_the_next_one_from_starting() {
    let mut dice = Dice::from_environment();
    let usual = usual_start(tempfile::tempdir().unwrap().path()).await;
    for _ in 0..12 {
        let directory = tempfile::tempdir().unwrap();
        start_and_kill(directory.path(), &mut dice, usual).await;
        let server = Server::start(directory.path()).await;
        assert_eq!(server.get("/healthz").await.unwrap().status, 200);
    }
}

/// It takes up what the log holds, which is more than is taken up at once.
#[tokio::test]
async fn a_start_after_a_kill_that_was_killed_itself_at_any_moment_loses_nothing() {
    const EVENTS: usize = 150;
    let filler = "x".repeat(20_000);
    let killed = tempfile::tempdir().unwrap();
    let server = Server::start(killed.path()).await;
    server.make_tenant().await;
    for number in 0..EVENTS {
        let answer = server.publish(&number.to_string(), &json!({"number": number, "filler": filler})).await.unwrap();
        assert_eq!(answer.status, 202, "{answer:?}");
    }
    kill(&server).await;
    drop(server);

    let copied = || {
        let copy = tempfile::tempdir().unwrap();
        copy_all(killed.path(), copy.path());
        copy
    };
    let mut dice = Dice::from_environment();
    let usual = usual_start(copied().path()).await;
    for _ in 0..12 {
        let directory = copied();
        for _ in 0..=dice.below(3) {
            start_and_kill(directory.path(), &mut dice, usual).await;
        }
        let server = Server::start(directory.path()).await;
        for number in 0..EVENTS {
            let event = server.get(&format!("/v1/tenants/acme/events/{number}")).await.unwrap();
            assert_eq!(event.status, 200, "{event:?}");
            assert_eq!(event.body["data"], json!({"number": number, "filler": filler}));
        }
    }
}

fn copy_all(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            std::fs::create_dir(&to).unwrap();
            copy_all(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}
