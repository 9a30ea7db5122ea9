//! What this machine can do.
//!
//! The server and the receiver are processes of their own, as in real life;
//! this one publishes. The same receiver also takes a bare loop of signed
//! POSTs, so that results can be compared between machines as ratios.

mod client;
mod isolation;
mod processes;
mod receiver;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{bail, ensure};
use clap::{Parser, Subcommand};
use contract::ports::{Clock as _, OsRandom, SystemClock};
use domain::secret::Secret;
use domain::signature::standard_webhooks;

use client::PublisherConnection;
use processes::{OPERATOR_KEY, ReceiverProcess, Server};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Parser)]
#[command(version, about = "Measures this machine: accept and delivery rates, latencies, memory")]
struct Options {
    #[command(subcommand)]
    command: Option<Command>,

    /// The server to measure; the binary beside this one when absent
    #[arg(long, value_name = "FILE")]
    hookline: Option<PathBuf>,

    /// Deliveries to make in each run
    #[arg(long, default_value_t = 50_000, value_name = "N")]
    events: usize,

    /// Publishers, each with one connection
    #[arg(long, default_value_t = 16, value_name = "N")]
    clients: usize,

    /// Size of `data` in bytes
    #[arg(long, default_value_t = 300, value_name = "BYTES")]
    payload: usize,

    /// Measure instead how long a quick endpoint waits beside 1, 100 and 1,000
    /// endpoints that take 10 s for every request; takes 3 minutes
    #[arg(long, conflicts_with_all = ["events", "clients", "payload"])]
    isolation: bool,
}

#[derive(Subcommand)]
enum Command {
    /// The process that receives
    #[command(hide = true)]
    Receiver,
}

impl Options {
    fn server(&self) -> anyhow::Result<PathBuf> {
        let beside =
            || Ok(std::env::current_exe()?.with_file_name(format!("hookline{}", std::env::consts::EXE_SUFFIX)));
        let file = self.hookline.clone().map_or_else(beside, anyhow::Ok)?;
        ensure!(
            file.is_file(),
            "no server at {}; build it with `cargo build --release -p local`, or name another one with --hookline",
            file.display()
        );
        Ok(file)
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    if let Some(Command::Receiver) = options.command {
        return receiver::run().await;
    }
    // Interrupted, it stops its processes and clears away what they wrote.
    tokio::select! {
        result = measure(options) => result,
        signal = stop_signal() => signal.and_then(|()| bail!("interrupted")),
    }
}

#[cfg(unix)]
async fn stop_signal() -> anyhow::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        result = tokio::signal::ctrl_c() => result?,
        _ = terminate.recv() => {}
    }
    Ok(())
}

#[cfg(not(unix))]
async fn stop_signal() -> anyhow::Result<()> {
    Ok(tokio::signal::ctrl_c().await?)
}

async fn measure(options: Options) -> anyhow::Result<()> {
    if options.isolation {
        return isolation::run(&options.server()?).await;
    }
    let receiver = ReceiverProcess::start().await?;
    let bare = bare_loop(receiver.address, &options).await?;
    say(&format!("bare loop of signed POSTs      {bare:>9.0}/s"));

    let server = Server::start(&options.server()?).await?;
    for hooks in [1, 10] {
        let events = options.events / hooks;
        let result = pipeline(&server, &receiver, &options, events, hooks).await?;
        result.print(bare);
    }
    say(&format!(
        "server memory, now and peak    {:>6.1} MiB {:>6.1} MiB",
        server.memory("VmRSS")?,
        server.memory("VmHWM")?
    ));
    Ok(())
}

struct Measured {
    hooks: usize,
    accepted_per_second: f64,
    delivered_per_second: f64,
    accept: Percentiles,
    arrival: Percentiles,
    cpu_per_delivery: Duration,
}

impl Measured {
    fn print(&self, bare: f64) {
        let Self { hooks, accepted_per_second, delivered_per_second, accept, arrival, cpu_per_delivery } = self;
        say(&format!("\none event to {hooks} hook(s)"));
        say(&format!("  accepted                     {accepted_per_second:>9.0}/s"));
        say(&format!(
            "  delivered                    {delivered_per_second:>9.0}/s   {:.2} of the bare loop",
            delivered_per_second / bare
        ));
        say(&format!("  publish until 202            {accept}"));
        say(&format!("  202 until arrival            {arrival}"));
        say(&format!("  server CPU per delivery      {:>9.0} µs", cpu_per_delivery.as_secs_f64() * 1e6));
    }
}

async fn pipeline(
    server: &Server,
    receiver: &ReceiverProcess,
    options: &Options,
    events: usize,
    hooks: usize,
) -> anyhow::Result<Measured> {
    let tenant = format!("bench-{hooks}");
    let urls: Vec<String> = (0..hooks).map(|number| format!("http://{}/hook/{number}", receiver.address)).collect();
    server.prepare(&tenant, &urls, "*").await?;
    receiver.reset().await?;
    let cpu_before = server.cpu()?;
    let started = Instant::now();
    let published = publish(server.address, &tenant, events, options).await?;
    let accepted_in = started.elapsed();
    let arrivals = receiver.wait_for(events * hooks, started).await?;
    let cpu = server.cpu()? - cpu_before;

    // An arrival before its 202 was read counts as zero.
    let waits = arrivals.seen.iter().map(|(number, at)| at.saturating_sub(published[*number].accepted_at));
    Ok(Measured {
        hooks,
        accepted_per_second: events as f64 / accepted_in.as_secs_f64(),
        delivered_per_second: (events * hooks) as f64 / arrivals.elapsed.as_secs_f64(),
        accept: Percentiles::of(published.iter().map(|p| p.took).collect()),
        arrival: Percentiles::of(waits.map(Duration::from_nanos).collect()),
        cpu_per_delivery: cpu / u32::try_from(events * hooks)?,
    })
}

#[derive(Clone, Copy, Default)]
struct Published {
    /// Nanoseconds since the epoch.
    accepted_at: u64,
    took: Duration,
}

async fn publish(server: SocketAddr, tenant: &str, events: usize, options: &Options) -> anyhow::Result<Vec<Published>> {
    let next = Arc::new(AtomicUsize::new(0));
    let mut clients = Vec::new();
    for _ in 0..options.clients {
        let (next, padding) = (Arc::clone(&next), "x".repeat(options.payload.saturating_sub(30)));
        let path = format!("/v1/tenants/{tenant}/events");
        clients.push(tokio::spawn(async move {
            let mut connection = PublisherConnection::open(server, OPERATOR_KEY).await?;
            let mut published = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= events {
                    return anyhow::Ok(published);
                }
                let body = format!(r#"{{"type":"bench.event","data":{{"number":{number},"padding":"{padding}"}}}}"#);
                let started = Instant::now();
                let status = connection.post(&path, &body).await?;
                ensure!(status == 202, "publishing answered {status}");
                published.push((number, Published { accepted_at: receiver::now_nanos(), took: started.elapsed() }));
            }
        }));
    }
    let mut all = vec![Published::default(); events];
    for client in clients {
        for (number, published) in client.await?? {
            all[number] = published;
        }
    }
    Ok(all)
}

/// Signed POSTs and nothing else, by as many clients as will publish: no store,
/// no queue, no log.
async fn bare_loop(receiver: SocketAddr, options: &Options) -> anyhow::Result<f64> {
    let (requests, payload) = (options.events, options.payload);
    let client = reqwest::Client::builder().no_proxy().tcp_nodelay(true).build()?;
    let secret = Arc::new(Secret::generate(&OsRandom));
    let next = Arc::new(AtomicUsize::new(0));
    let started = Instant::now();
    let mut loops = Vec::new();
    for _ in 0..options.clients {
        let (client, secret, next) = (client.clone(), Arc::clone(&secret), Arc::clone(&next));
        let padding = "x".repeat(payload);
        loops.push(tokio::spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= requests {
                    return anyhow::Ok(());
                }
                let body = format!(r#"{{"data":{{"number":{number},"padding":"{padding}"}}}}"#);
                let (id, at) = (format!("msg_{number}"), SystemClock.now().as_secs());
                let signature = standard_webhooks([secret.as_ref()], &id, at, body.as_bytes())?;
                let request = client
                    .post(format!("http://{receiver}/hook"))
                    .header("content-type", "application/json")
                    .header("webhook-id", id)
                    .header("webhook-timestamp", at.to_string())
                    .header("webhook-signature", signature)
                    .body(body);
                request.send().await?.bytes().await?;
            }
        }));
    }
    for each in loops {
        each.await??;
    }
    Ok(requests as f64 / started.elapsed().as_secs_f64())
}

struct Percentiles {
    p50: Duration,
    p99: Duration,
}

impl Percentiles {
    fn of(mut values: Vec<Duration>) -> Self {
        values.sort_unstable();
        let at = |share: f64| {
            let index = (values.len() as f64 * share) as usize;
            values.get(index.min(values.len().saturating_sub(1))).copied().unwrap_or_default()
        };
        Self { p50: at(0.5), p99: at(0.99) }
    }
}

impl std::fmt::Display for Percentiles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let millis = |d: Duration| d.as_secs_f64() * 1e3;
        write!(f, "{:>9.2} ms p50 {:>8.2} ms p99", millis(self.p50), millis(self.p99))
    }
}

#[expect(clippy::print_stdout, reason = "printing results is what this command is for")]
fn say(text: &str) {
    println!("{text}");
}
