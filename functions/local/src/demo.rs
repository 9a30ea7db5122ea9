//! `hookline demo`: server, receivers, and a tenant with something to see, over real sockets.

mod api;
mod tenant;

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Parser as _;
use serde_json::json;

use crate::cli::{Cli, Command, DemoOptions};
use crate::listen;
use crate::serve::{Server, stop_signal};
use api::Api;

/// How long the demo waits for its own deliveries.
const PATIENCE: Duration = Duration::from_secs(30);
/// A secret of the demo's own, so that its receiver can be told before its hooks exist.
const SECRET: &str = "whsec_aG9va2xpbmUtZGVtby1zZWNyZXQtMDEyMzQ1Njc=";
const TENANT: &str = "demo";
/// Seconds in which the customer's link can be used.
const PORTAL_LINK_LASTS: u64 = 86_400;

/// Where the demo's hooks point to.
struct Endpoints {
    /// Prints what it gets, and fails once.
    printing: SocketAddr,
    taking: SocketAddr,
    failing: SocketAddr,
}

impl Endpoints {
    async fn start() -> anyhow::Result<Self> {
        Ok(Self {
            printing: receiver(&["--fail", "1"]).await?,
            taking: receiver(&["--quiet", "--answer", r#"{"taken":true}"#]).await?,
            failing: receiver(&["--quiet", "--status", "503"]).await?,
        })
    }
}

async fn receiver(flags: &[&str]) -> anyhow::Result<SocketAddr> {
    let usual = ["hookline", "listen", "--listen", "127.0.0.1:0", "--secret", SECRET];
    let Some(Command::Listen(options)) = Cli::try_parse_from(usual.iter().chain(flags))?.command else {
        bail!("the flags of the demo's receiver are wrong");
    };
    let (address, receiving) = listen::start(options).await?;
    tokio::spawn(receiving);
    Ok(address)
}

pub(crate) async fn run(options: DemoOptions) -> anyhow::Result<()> {
    let endpoints = Endpoints::start().await?;
    let flags = [
        "hookline",
        "serve",
        "--temporary",
        "--listen",
        "127.0.0.1:0",
        "--allow-http",
        "--allow-network",
        "127.0.0.0/8",
    ];
    let Some(Command::Serve(serve)) = Cli::try_parse_from(flags)?.command else {
        bail!("the demo's own flags are wrong");
    };
    let (server, _) = Server::start(serve).await?;
    let shown = async {
        let api = Api::new(&server)?;
        tenant::fill(&api, &endpoints, options.events).await?;
        links(&api, &server).await
    };
    let result = tokio::select! {
        result = shown => match result {
            Ok(()) => stop_signal().await,
            Err(error) => Err(error),
        },
        signal = stop_signal() => signal.and_then(|()| bail!("interrupted")),
    };
    server.stop().await;
    result
}

/// Data and keys are gone with this process, so the links may stand wherever its output goes.
async fn links(api: &Api, server: &Server) -> anyhow::Result<()> {
    let url = &server.public_url;
    let console =
        console::link(&url.to_string(), api.post("/v1/keys", &console::link_body()).await?.to_string().as_bytes())?;
    let asked = json!({
        "user": "You, as a customer",
        "capabilities": ["view", "manage", "reveal_secret", "rotate", "test", "send_again", "approve"],
        "link_expires_in": PORTAL_LINK_LASTS
    });
    let portal = api.post(&format!("/v1/tenants/{TENANT}/portal-links"), &asked).await?;
    let portal = portal["link"].as_str().context("the API made no link to the portal")?;
    say("\nOpen these in a browser. Each lets you in once.");
    say(&format!("   console, for ten minutes: {console}"));
    say(&format!("   portal of the tenant {TENANT}, for a day: {portal}"));
    say(&format!("The API is at {url}. Ctrl-C ends the demo, and nothing of it stays."));
    Ok(())
}

#[expect(clippy::print_stdout, reason = "telling what happens is what this command is for")]
fn say(text: &str) {
    println!("{text}");
}
