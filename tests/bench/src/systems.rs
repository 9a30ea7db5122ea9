//! What is measured beside each other, each started anew for every run.

use std::net::{SocketAddr, ToSocketAddrs as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::json;

use crate::client::PublisherConnection;
use crate::processes::{OPERATOR_KEY, Process, RelayProcess, Server};

const TENANT: &str = "bench";

pub(super) enum System {
    /// The yardstick.
    Relay,
    Hookline(PathBuf),
    /// Svix's server, which somebody else has started.
    Svix {
        address: SocketAddr,
        token: String,
    },
}

/// One that takes events.
pub(super) struct Running {
    started: Option<Started>,
    pub(super) address: SocketAddr,
    pub(super) key: String,
    pub(super) path: String,
    /// What stands around an event's data.
    pub(super) frame: (&'static str, &'static str),
}

enum Started {
    Relay(RelayProcess),
    Hookline(Server),
}

const OURS: (&str, &str) = (r#"{"type":"bench.event","data":"#, "}");
const SVIX: (&str, &str) = (r#"{"eventType":"bench.event","payload":"#, "}");

impl System {
    pub(super) fn svix(url: &str, token: String) -> anyhow::Result<Self> {
        let host = url.strip_prefix("http://").context("--svix: expected http:// and a host with its port")?;
        let address = host.trim_end_matches('/').to_socket_addrs().with_context(|| format!("--svix {url}"))?.next();
        Ok(Self::Svix { address: address.context("--svix: the host has no address")?, token })
    }

    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Relay => "relay",
            Self::Hookline(_) => "hookline",
            Self::Svix { .. } => "svix",
        }
    }

    /// Sends each event to all of these.
    pub(super) async fn start(&self, urls: &[String]) -> anyhow::Result<Running> {
        match self {
            Self::Relay => {
                let relay = RelayProcess::start(urls).await?;
                let address = relay.address;
                Ok(Running::new(Some(Started::Relay(relay)), address, "", "/events".to_owned(), OURS))
            }
            Self::Hookline(file) => hookline(file, urls).await,
            Self::Svix { address, token } => svix(*address, token, urls).await,
        }
    }
}

async fn hookline(file: &Path, urls: &[String]) -> anyhow::Result<Running> {
    let server = Server::start(file).await?;
    server.prepare(TENANT, urls, "*").await?;
    let (address, path) = (server.address, format!("/v1/tenants/{TENANT}/events"));
    Ok(Running::new(Some(Started::Hookline(server)), address, OPERATOR_KEY, path, OURS))
}

/// With an application of its own in each run.
async fn svix(address: SocketAddr, token: &str, urls: &[String]) -> anyhow::Result<Running> {
    let app = format!("bench-{}", crate::receiver::now_nanos());
    let mut connection = PublisherConnection::open(address, token).await?;
    let mut make = async |path: &str, body: &serde_json::Value| {
        let status = connection.post(path, &body.to_string()).await?;
        ensure!(matches!(status, 200 | 201), "POST {path} answered {status}");
        anyhow::Ok(())
    };
    make("/api/v1/app", &json!({ "name": app, "uid": app })).await?;
    for url in urls {
        make(&format!("/api/v1/app/{app}/endpoint"), &json!({ "url": url })).await?;
    }
    Ok(Running::new(None, address, token, format!("/api/v1/app/{app}/msg"), SVIX))
}

impl Running {
    fn new(
        started: Option<Started>,
        address: SocketAddr,
        key: &str,
        path: String,
        frame: (&'static str, &'static str),
    ) -> Self {
        Self { started, address, key: key.to_owned(), path, frame }
    }

    /// User and system time so far, where it is a process of ours.
    pub(super) fn cpu(&self) -> anyhow::Result<Option<Duration>> {
        self.process().map(Process::cpu).transpose()
    }

    /// MiB of memory, its share of what several processes have.
    pub(super) fn memory(&self) -> anyhow::Result<Option<f64>> {
        self.process().map(Process::memory).transpose()
    }

    fn process(&self) -> Option<&Process> {
        self.started.as_ref().map(|started| match started {
            Started::Relay(relay) => &relay.process,
            Started::Hookline(server) => &server.process,
        })
    }
}
