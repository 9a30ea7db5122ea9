//! How long a quick endpoint waits beside slow ones.
//!
//! Events for the quick one come at an even pace, whatever became of those
//! before. The slow ones have been flooded shortly before, and have more to do
//! than the measurement lasts.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::ensure;
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use crate::client::PublisherConnection;
use crate::processes::{OPERATOR_KEY, ReceiverProcess, Server};
use crate::receiver::now_nanos;
use crate::{Percentiles, say};

/// How long a slow endpoint takes for a request.
pub(super) const SLOW: Duration = Duration::from_secs(10);
/// What they all have to do together at least, and each of them.
const FLOOD: usize = 1_000;
const FLOOD_EACH: usize = 10;
const EVENTS_PER_SECOND: u64 = 200;
const EVENTS: usize = 5_000;
/// The flood has begun by then.
const HEAD_START: Duration = Duration::from_secs(2);
const CONNECTIONS: usize = 8;

pub(super) async fn run(hookline: &Path) -> anyhow::Result<()> {
    say("from publishing until arrival at a quick endpoint, beside endpoints that take 10 s\n");
    let alone = beside(hookline, 0).await?;
    say(&format!("alone              {alone}"));
    for slow in [1, 100, 1_000] {
        let waits = beside(hookline, slow).await?;
        let ratio = waits.p99.as_secs_f64() / alone.p99.as_secs_f64();
        say(&format!("beside {slow:>5} slow  {waits}   {ratio:.1} times the p99 alone"));
    }
    Ok(())
}

async fn beside(hookline: &Path, slow: usize) -> anyhow::Result<Percentiles> {
    let (receiver, server) = (ReceiverProcess::start().await?, Server::start(hookline).await?);
    let at = |path: &str, number| format!("http://{}/{path}/{number}", receiver.address);
    server.prepare("quick", &[at("hook", 0)], "quick").await?;
    let urls: Vec<String> = (0..slow).map(|number| at("slow", number)).collect();
    server.prepare("slow", &urls, "slow").await?;
    if let Some(share) = FLOOD.checked_div(slow) {
        let mut connection = PublisherConnection::open(server.address, OPERATOR_KEY).await?;
        for _ in 0..FLOOD_EACH.max(share) {
            publish(&mut connection, "slow", 0).await?;
        }
        tokio::time::sleep(HEAD_START).await;
    }
    let started = Instant::now();
    let published = at_an_even_pace(server.address).await?;
    let arrivals = receiver.wait_for(EVENTS, started).await?;
    let waits = arrivals.seen.iter().map(|(number, at)| Duration::from_nanos(at.saturating_sub(published[*number])));
    Ok(Percentiles::of(waits.collect()))
}

/// When each event was published, in nanoseconds since the epoch.
async fn at_an_even_pace(server: SocketAddr) -> anyhow::Result<Vec<u64>> {
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / u32::try_from(EVENTS_PER_SECOND)?);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let (give, take) = mpsc::unbounded_channel();
    let take = Arc::new(Mutex::new(take));
    let mut publishers = JoinSet::new();
    for _ in 0..CONNECTIONS {
        let (mut connection, take) = (PublisherConnection::open(server, OPERATOR_KEY).await?, Arc::clone(&take));
        publishers.spawn(async move {
            loop {
                let Some(number) = take.lock().await.recv().await else { return anyhow::Ok(()) };
                publish(&mut connection, "quick", number).await?;
            }
        });
    }
    let mut published = Vec::with_capacity(EVENTS);
    for number in 0..EVENTS {
        ticks.tick().await;
        // It counts from when it should have gone out, also when no publisher is free.
        published.push(now_nanos());
        let _ = give.send(number);
    }
    drop(give);
    while let Some(publisher) = publishers.join_next().await {
        publisher??;
    }
    Ok(published)
}

async fn publish(connection: &mut PublisherConnection, kind: &str, number: usize) -> anyhow::Result<()> {
    let body = format!(r#"{{"type":"{kind}","data":{{"number":{number},"n":0}}}}"#);
    let status = connection.post(&format!("/v1/tenants/{kind}/events"), &body).await?;
    ensure!(status == 202, "publishing answered {status}");
    Ok(())
}
