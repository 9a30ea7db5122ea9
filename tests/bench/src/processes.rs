//! The processes that are measured, and what they use.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::client::PublisherConnection;

pub(super) const OPERATOR_KEY: &str = "a-key-for-this-run-only";
/// How long the last deliveries may take after the last event was accepted.
const PATIENCE: Duration = Duration::from_secs(120);

/// A child that is gone when this is.
pub(super) struct Process(Child);

impl Process {
    /// MiB, as Linux accounts for it: its share of what it has in common with others.
    pub(super) fn memory(&self) -> anyhow::Result<f64> {
        let text = std::fs::read_to_string(format!("/proc/{}/smaps_rollup", self.pid()?))?;
        let line = text.lines().find_map(|line| line.strip_prefix("Pss:")).context("no such field in /proc")?;
        let kib: f64 = line.trim_matches(|c: char| !c.is_ascii_digit()).parse()?;
        Ok(kib / 1024.0)
    }

    /// User and system time so far. Linux counts it in hundredths of a second.
    pub(super) fn cpu(&self) -> anyhow::Result<Duration> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid()?))?;
        let fields: Vec<&str> =
            stat.rsplit_once(')').context("unexpected /proc/…/stat")?.1.split_whitespace().collect();
        let ticks: u64 = fields[11].parse::<u64>()? + fields[12].parse::<u64>()?;
        Ok(Duration::from_millis(ticks * 10))
    }

    fn pid(&self) -> anyhow::Result<u32> {
        self.0.id().context("the server has stopped")
    }

    /// The first line that it says.
    async fn line(&mut self) -> anyhow::Result<String> {
        let output = self.0.stdout.take().context("the process has no output")?;
        BufReader::new(output).lines().next_line().await?.context("the process did not start")
    }
}

/// This binary, as another part of the measurement.
fn part(name: &str) -> anyhow::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg(name).stdout(Stdio::piped());
    Ok(command)
}

pub(super) struct RelayProcess {
    pub(super) process: Process,
    pub(super) address: SocketAddr,
}

impl RelayProcess {
    pub(super) async fn start(urls: &[String]) -> anyhow::Result<Self> {
        let mut process = Process(part("relay")?.args(urls).spawn()?);
        let address = process.line().await?.parse()?;
        Ok(Self { process, address })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.0.start_kill().is_ok() {
            while let Ok(None) = self.0.try_wait() {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    }
}

pub(super) struct Server {
    pub(super) process: Process,
    pub(super) address: SocketAddr,
    /// Removed when nobody writes there any more.
    _data: TempDir,
}

impl Server {
    pub(super) async fn start(hookline: &Path) -> anyhow::Result<Self> {
        let data =
            tempfile::Builder::new().prefix("hookline-").tempdir().context("cannot make a temporary directory")?;
        let child = Command::new(hookline)
            .args(["serve", "--allow-http", "--allow-network", "127.0.0.0/8"])
            .args(["--listen", "127.0.0.1:0", "--data"])
            .arg(data.path())
            .env("HOOKLINE_OPERATOR_KEY", OPERATOR_KEY)
            // Whatever is set here, the line that tells the address is written.
            .env_remove("HOOKLINE_LOG")
            .stderr(Stdio::piped())
            .spawn()?;
        let mut process = Process(child);
        let log = process.0.stderr.take().context("the server has no log")?;
        let (mut lines, mut said) = (BufReader::new(log).lines(), String::new());
        let address = loop {
            let Some(line) = lines.next_line().await? else { bail!("the server did not start: {said}") };
            let address = line.split_once("listening on http://").and_then(|(_, rest)| rest.split_once('"'));
            if let Some((address, _)) = address {
                break address.parse()?;
            }
            said = said + &line + "\n";
        };
        // A log that nobody reads would stop the server once the pipe is full.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Ok(Self { process, address, _data: data })
    }

    /// Makes a tenant with hooks for all events of one type.
    pub(super) async fn prepare(&self, tenant: &str, urls: &[String], event_type: &str) -> anyhow::Result<()> {
        self.post("/v1/tenants", &json!({ "id": tenant })).await?;
        for url in urls {
            let hook = json!({ "url": url, "events": [event_type] });
            self.post(&format!("/v1/tenants/{tenant}/hooks"), &hook).await?;
        }
        Ok(())
    }

    pub(super) async fn post(&self, path: &str, body: &Value) -> anyhow::Result<()> {
        let status = PublisherConnection::open(self.address, OPERATOR_KEY).await?.post(path, &body.to_string()).await?;
        ensure!(status == 201, "POST {path} answered {status}");
        Ok(())
    }
}

pub(super) struct ReceiverProcess {
    _process: Process,
    pub(super) address: SocketAddr,
    client: reqwest::Client,
}

pub(super) struct Arrivals {
    /// Event number and nanoseconds since the epoch.
    pub(super) seen: Vec<(usize, u64)>,
    pub(super) elapsed: Duration,
}

impl ReceiverProcess {
    pub(super) async fn start() -> anyhow::Result<Self> {
        let mut process = Process(part("receiver")?.spawn()?);
        let address = process.line().await?.parse()?;
        let client = reqwest::Client::builder().no_proxy().build()?;
        Ok(Self { _process: process, address, client })
    }

    pub(super) async fn reset(&self) -> anyhow::Result<()> {
        self.client.delete(format!("http://{}/arrivals", self.address)).send().await?.error_for_status()?;
        Ok(())
    }

    pub(super) async fn wait_for(&self, expected: usize, started: Instant) -> anyhow::Result<Arrivals> {
        let deadline = Instant::now() + PATIENCE;
        let url = format!("http://{}/arrivals", self.address);
        loop {
            let count: usize = self.client.get(format!("{url}/count")).send().await?.text().await?.parse()?;
            if count >= expected {
                break;
            }
            if Instant::now() > deadline {
                bail!("{count} of {expected} deliveries arrived");
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let elapsed = started.elapsed();
        Ok(Arrivals { seen: self.client.get(url).send().await?.json().await?, elapsed })
    }
}
