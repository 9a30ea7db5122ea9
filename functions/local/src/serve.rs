//! `hookline serve`

mod backups;
mod console_link;
mod dead_letters;
mod http_server;
mod metrics;
mod router_switch;
mod supervisor;
mod traces;

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use contract::ports::{OsRandom, SystemClock};
use courier::{Authorities, Http1Sender, SenderOptions};
use domain::address::AddressPolicy;
use domain::ids::ProfileName;
use domain::portal::{InvalidPublicUrl, PublicUrl};
use domain::profile::STANDARD;
use domain::random::Random;
use domain::time::Timestamp;
use embedded::{DirectoryLock, StoreOptions, write_private};
use local::{Engine, OpenData, Options};
use services::runtime::traces::TracesConfig;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::cli::{ServeOptions, address_and_port, flag_of};
use crate::numbers::whole;
use metrics::Metrics;
use router_switch::RouterSwitch;
use supervisor::Supervisor;

const MIN_KEY_CHARS: usize = api::MIN_OPERATOR_KEY_CHARS;

/// All mistakes of the configuration, not just the first.
#[derive(Debug)]
pub(crate) struct BadConfig(pub(crate) Vec<String>);

impl fmt::Display for BadConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "bad configuration: {}", self.0.join("; "))
    }
}

impl std::error::Error for BadConfig {}

struct Config {
    listen: SocketAddr,
    public_url: Option<PublicUrl>,
    data: PathBuf,
    temporary: bool,
    operator_key: Option<String>,
    sender: SenderOptions,
    profile: ProfileName,
    retention: Duration,
    max_in_flight: usize,
    max_in_flight_per_hook: usize,
    min_free_bytes: u64,
    accept_clock_until: Option<Timestamp>,
    traces: Option<TracesConfig>,
}

impl Config {
    fn check(options: ServeOptions) -> Result<Self, BadConfig> {
        let mut mistakes = Vec::new();
        let flag = |name: &str| flag_of("serve", name);
        let listen = address_and_port(&options.listen).unwrap_or_else(|why| {
            mistakes.push(format!("{} {}: {why}", flag("listen"), options.listen));
            SocketAddr::from(([127, 0, 0, 1], 0))
        });
        let public_url = options.public_url.and_then(|text| {
            let url = text.parse();
            url.map_err(|error: InvalidPublicUrl| mistakes.push(format!("--public-url {text}: {error}"))).ok()
        });
        let mut allow_networks = Vec::new();
        for text in &options.allow_network {
            match text.parse() {
                Ok(network) => allow_networks.push(network),
                Err(_) => {
                    mistakes.push(format!("{} {text}: expected a network such as 10.0.0.0/8", flag("allow-network")))
                }
            }
        }
        let mut allow_ports = Vec::new();
        for text in &options.allow_port {
            match text.parse() {
                Ok(port) if port > 0 => allow_ports.push(port),
                _ => mistakes.push(format!("{} {text}: expected a port from 1 to 65535", flag("allow-port"))),
            }
        }
        let authorities = options.ca_file.as_deref().map_or_else(|| Ok(Authorities::default()), Authorities::from_file);
        let authorities = authorities.unwrap_or_else(|error| {
            let path = options.ca_file.as_deref().unwrap_or(Path::new("")).display();
            mistakes.push(format!("{} {path}: {error}", flag("ca-file")));
            Authorities::default()
        });
        // It may hold a password, so it is not shown.
        let proxy = options.egress_proxy.as_deref().and_then(|text| {
            text.parse().map_err(|error| mistakes.push(format!("{}: {error}", flag("egress-proxy")))).ok()
        });
        if options.operator_key.as_ref().is_some_and(|key| key.chars().count() < MIN_KEY_CHARS) {
            mistakes.push(format!("{}: expected at least {MIN_KEY_CHARS} characters", flag("operator-key")));
        }
        let profile = options.profile.parse().unwrap_or_else(|error| {
            mistakes.push(format!("{} {}: {error}", flag("profile"), options.profile));
            STANDARD.parse().expect("standard is a profile's name")
        });
        let mut number = |name: &str, text: &str, min: u64, max: u64| {
            whole::<u32>(min, max)(text).unwrap_or_else(|why| {
                mistakes.push(format!("{} {text}: {why}", flag(name)));
                1
            })
        };
        let days = number("retention-days", &options.retention_days, 1, 3_650);
        let max_in_flight = number("max-in-flight", &options.max_in_flight, 1, 10_000);
        let per_hook = number("max-in-flight-per-hook", &options.max_in_flight_per_hook, 1, 10_000);
        let min_free_mib = number("min-free-mib", &options.min_free_mib, 0, 1 << 30);
        let accept_clock_until = options.accept_clock.and_then(|day| {
            // A day, so that a flag which is left in place accepts no other jump.
            let end = Timestamp::parse(&format!("{day}T23:59:59Z"));
            end.map_err(|_| mistakes.push(format!("{} {day}: expected a day such as 2026-01-31", flag("accept-clock"))))
                .ok()
        });
        let traces = traces::read(&mut mistakes);
        if !mistakes.is_empty() {
            return Err(BadConfig(mistakes));
        }
        Ok(Self {
            listen,
            public_url,
            data: options.data,
            temporary: options.temporary,
            operator_key: options.operator_key,
            sender: SenderOptions {
                addresses: AddressPolicy { allow_http: options.allow_http, allow_networks, allow_ports },
                authorities,
                proxy,
                ..SenderOptions::default()
            },
            profile,
            retention: Duration::from_secs(u64::from(days) * 24 * 3600),
            max_in_flight: max_in_flight as usize,
            max_in_flight_per_hook: per_hook as usize,
            min_free_bytes: u64::from(min_free_mib) << 20,
            accept_clock_until,
            traces,
        })
    }
}

pub(crate) async fn run(options: ServeOptions) -> anyhow::Result<()> {
    let (mut server, api) = Server::start(options).await?;
    console_link::announce(api, &server.public_url, &server.operator_key).await;
    tokio::select! {
        signal = stop_signal() => signal?,
        ended = &mut server.supervisor => {
            let Err(error) = ended? else { return Ok(()) };
            tracing::error!("{error:#}");
            // Whoever still waits for the failed store would be waited for.
            std::process::exit(1);
        }
    }
    tracing::info!("stopping; finishing what is under way");
    server.stop().await;
    Ok(())
}

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) operator_key: String,
    pub(crate) public_url: PublicUrl,
    stop: watch::Sender<bool>,
    supervisor: tokio::task::JoinHandle<anyhow::Result<()>>,
    traces: Option<traces::Export>,
    _temporary: Option<TempDir>,
}

impl Server {
    /// With the API, which is not to be kept: it holds the store, which may have to be opened anew.
    pub(crate) async fn start(options: ServeOptions) -> anyhow::Result<(Self, Router)> {
        let config = Config::check(options)?;
        // Every connection takes a file, and the usual 1,024 are soon taken.
        if let Err(error) = rlimit::increase_nofile_limit(u64::MAX) {
            tracing::warn!(%error, "the limit of open files stays as it is");
        }
        let temporary = config.temporary.then(temporary_directory).transpose()?;
        let data = temporary.as_ref().map_or(&*config.data, TempDir::path).to_owned();
        let listener =
            TcpListener::bind(config.listen).await.with_context(|| format!("cannot listen on {}", config.listen))?;
        let address = listener.local_addr()?;
        // Whoever may not start leaves nothing behind: no key, no rights, no file.
        let lock = DirectoryLock::acquire(&data)?;
        lock.prepare()?;
        backups::remove_unfinished(&data).with_context(|| format!("cannot remove {}", backups::FOLDER))?;
        let store_options = StoreOptions { min_free_bytes: config.min_free_bytes };
        let opened = OpenData::open(lock, &store_options, Arc::new(SystemClock))?;
        let operator_key = match config.operator_key {
            Some(key) => key,
            None => kept_key(&data)?,
        };
        let options = Options {
            store: store_options,
            operator_key: operator_key.clone(),
            addresses: config.sender.addresses.clone(),
            sender: Arc::new(Http1Sender::new(config.sender)?),
            public_url: config.public_url.map_or_else(|| reached_at(address), Ok)?,
            profile: config.profile,
            retention: config.retention,
            max_in_flight: config.max_in_flight,
            max_in_flight_per_hook: config.max_in_flight_per_hook,
            clock: Arc::new(SystemClock),
            accept_clock_until: config.accept_clock_until,
            random: Arc::new(OsRandom),
        };
        let engine = Engine::over(opened, &data, options.clone()).await?;
        let (stop, stopped) = watch::channel(false);
        let traces = config.traces.map(|config| traces::start(config, stopped.clone())).transpose()?;
        let metrics = Metrics::install()?;
        let (api, public_url) = (api::router(engine.api.clone()), options.public_url.clone());
        let supervisor =
            Supervisor { data: data.clone(), options, switch: RouterSwitch::new(), metrics, stop: stopped.clone() };
        supervisor.open(&engine);
        let http = tokio::spawn(http_server::serve(listener, supervisor.switch.clone(), stopped));
        tracing::info!(data = %data.display(), "listening on http://{address}");
        let supervisor = tokio::spawn(supervisor.run(engine, http));
        Ok((Self { address, operator_key, public_url, stop, supervisor, traces, _temporary: temporary }, api))
    }

    /// Refuses new work, finishes what is under way, and leaves it on disk.
    pub(crate) async fn stop(self) {
        let _ = self.stop.send(true);
        if let Ok(Err(error)) = self.supervisor.await {
            tracing::error!("{error:#}");
        }
        if let Some(traces) = &self.traces {
            traces.flush(true).await;
        }
    }
}

/// Where this machine reaches the server. What listens on all addresses is reached at its own.
fn reached_at(mut address: SocketAddr) -> anyhow::Result<PublicUrl> {
    if address.ip().is_unspecified() {
        address.set_ip(if address.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() });
    }
    Ok(format!("http://{address}").parse()?)
}

/// The key of an earlier start, or a new one. It is printed when it is made.
fn kept_key(data: &Path) -> anyhow::Result<String> {
    let path = data.join("operator-key");
    match std::fs::read_to_string(&path) {
        Ok(key) if key.trim().chars().count() >= MIN_KEY_CHARS => return Ok(key.trim().to_owned()),
        Ok(_) => anyhow::bail!("{} holds no operator key; delete it, and a new one is made", path.display()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
    let key = format!("op_{}", random_text(32));
    write_private(&path, key.as_bytes()).with_context(|| format!("cannot write {}", path.display()))?;
    #[expect(clippy::print_stdout, reason = "the key is what the caller has to take note of, and no log may hold it")]
    {
        println!("operator key (kept in {}): {key}", path.display());
    }
    Ok(key)
}

fn random_text(bytes: usize) -> String {
    let mut buffer = vec![0_u8; bytes];
    OsRandom.fill(&mut buffer);
    URL_SAFE_NO_PAD.encode(buffer)
}

/// Gone with what this returns.
pub(crate) fn temporary_directory() -> anyhow::Result<TempDir> {
    tempfile::Builder::new().prefix("hookline-").tempdir().context("cannot make a temporary directory")
}

#[cfg(unix)]
pub(crate) async fn stop_signal() -> anyhow::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        result = tokio::signal::ctrl_c() => result?,
        _ = terminate.recv() => {}
    }
    Ok(())
}

#[cfg(not(unix))]
pub(crate) async fn stop_signal() -> anyhow::Result<()> {
    Ok(tokio::signal::ctrl_c().await?)
}
