//! What this machine can do.
//!
//! The server and the receiver are processes of their own, as in real life; this one publishes.
//! What a durable sender has to do at least is measured in turns with it, so that results can be
//! compared between machines as ratios.

mod client;
mod isolation;
mod processes;
mod receiver;
mod relay;
mod systems;
mod table;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{bail, ensure};
use clap::{Parser, Subcommand};

use client::PublisherConnection;
use processes::ReceiverProcess;
use systems::{Running, System};

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

    /// Times that each system is started anew and measured, in turns
    #[arg(long, default_value_t = 3, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,

    /// Svix's server to measure as well: one that is running, and may call this machine
    #[arg(long, value_name = "URL", requires = "svix_token")]
    svix: Option<String>,

    /// A token of that server
    #[arg(long, env = "SVIX_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    svix_token: Option<String>,

    /// Measure instead how long a quick endpoint waits beside 1, 100 and 1,000
    /// endpoints that take 10 s for every request; takes 3 minutes
    #[arg(long, conflicts_with_all = ["events", "clients", "payload", "rounds", "svix"])]
    isolation: bool,
}

#[derive(Subcommand)]
enum Command {
    /// The process that receives
    #[command(hide = true)]
    Receiver,
    /// The yardstick's
    #[command(hide = true)]
    Relay { urls: Vec<hyper::Uri> },
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
    match options.command {
        Some(Command::Receiver) => return receiver::run().await,
        Some(Command::Relay { urls }) => return relay::run(urls).await,
        None => {}
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
    let mut systems = vec![System::Relay, System::Hookline(options.server()?)];
    if let Some(url) = &options.svix {
        systems.push(System::svix(url, options.svix_token.clone().unwrap_or_default())?);
    }
    let receiver = ReceiverProcess::start().await?;
    for hooks in [1, 10] {
        let mut runs: Vec<Vec<Measured>> = systems.iter().map(|_| Vec::new()).collect();
        for _ in 0..options.rounds {
            for (system, runs) in systems.iter().zip(&mut runs) {
                runs.push(run(system, &receiver, &options, hooks).await?);
            }
        }
        say(&format!("\none event to {hooks} hook(s): medians of {} fresh starts, in turns", options.rounds));
        table::print(&systems, &runs);
    }
    Ok(())
}

/// What one system did in one run.
struct Measured {
    delivered_per_second: f64,
    accept: Percentiles,
    arrival: Percentiles,
    cpu_per_delivery: Option<Duration>,
    /// MiB
    memory: Option<f64>,
}

async fn run(system: &System, receiver: &ReceiverProcess, options: &Options, hooks: usize) -> anyhow::Result<Measured> {
    let urls: Vec<String> = (0..hooks).map(|number| format!("http://{}/hook/{number}", receiver.address)).collect();
    let running = system.start(&urls).await?;
    receiver.reset().await?;
    let events = options.events / hooks;
    let deliveries = u32::try_from(events * hooks)?;
    let before = running.cpu()?;
    let started = Instant::now();
    let published = publish(&running, events, options).await?;
    let arrivals = receiver.wait_for(events * hooks, started).await?;
    let cpu = running.cpu()?.zip(before).map(|(after, before)| after - before);
    // An arrival before its 202 was read counts as zero.
    let waits = arrivals.seen.iter().map(|(number, at)| at.saturating_sub(published[*number].accepted_at));
    Ok(Measured {
        delivered_per_second: f64::from(deliveries) / arrivals.elapsed.as_secs_f64(),
        accept: Percentiles::of(published.iter().map(|p| p.took).collect()),
        arrival: Percentiles::of(waits.map(Duration::from_nanos).collect()),
        cpu_per_delivery: cpu.map(|cpu| cpu / deliveries),
        memory: running.memory()?,
    })
}

#[derive(Clone, Copy, Default)]
struct Published {
    /// Nanoseconds since the epoch.
    accepted_at: u64,
    took: Duration,
}

async fn publish(running: &Running, events: usize, options: &Options) -> anyhow::Result<Vec<Published>> {
    let next = Arc::new(AtomicUsize::new(0));
    let mut clients = Vec::new();
    for _ in 0..options.clients {
        let (next, padding) = (Arc::clone(&next), "x".repeat(options.payload.saturating_sub(30)));
        let (path, frame) = (running.path.clone(), running.frame);
        let mut connection = PublisherConnection::open(running.address, &running.key).await?;
        clients.push(tokio::spawn(async move {
            let mut published = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= events {
                    return anyhow::Ok(published);
                }
                let data = format!(r#"{{"number":{number},"padding":"{padding}"}}"#);
                let body = [frame.0, &data, frame.1].concat();
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

    fn millis(wait: Duration) -> f64 {
        wait.as_secs_f64() * 1e3
    }
}

impl std::fmt::Display for Percentiles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:>9.2} ms p50 {:>8.2} ms p99", Self::millis(self.p50), Self::millis(self.p99))
    }
}

#[expect(clippy::print_stdout, reason = "printing results is what this command is for")]
fn say(text: &str) {
    println!("{text}");
}
