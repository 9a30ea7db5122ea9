//! The whole of Hookline in this process, as one machine runs it: on a socket, with requests that go out
//! and time that passes.

use std::net::SocketAddr;
use std::sync::Arc;

use contract::ports::{OsRandom, SystemClock};
use courier::{Http1Sender, SenderOptions};
use domain::address::AddressPolicy;
use embedded::StoreOptions;
use local::{Engine, Options};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::world::{OPERATOR, RETENTION};

pub struct Server {
    pub address: SocketAddr,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
    _directory: TempDir,
}

impl Server {
    pub async fn start() -> Self {
        Self::start_as(None).await
    }

    /// Reached at another address, as far as it knows.
    pub async fn start_as(public_url: Option<&str>) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory can be made");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let address = listener.local_addr().expect("a listener has an address");
        let addresses = AddressPolicy {
            allow_http: true,
            allow_networks: vec!["127.0.0.0/8".parse().expect("a network")],
            ..AddressPolicy::default()
        };
        let sender = SenderOptions { addresses: addresses.clone(), ..SenderOptions::default() };
        let options = Options {
            store: StoreOptions::default(),
            operator_key: OPERATOR.to_owned(),
            addresses,
            public_url: public_url.map_or(format!("http://{address}"), str::to_owned).parse().expect("an address"),
            profile: "standard".parse().expect("a profile's name"),
            retention: RETENTION,
            max_in_flight: 64,
            max_in_flight_per_hook: 16,
            clock: Arc::new(SystemClock),
            accept_clock_until: None,
            random: Arc::new(OsRandom),
            sender: Arc::new(Http1Sender::new(sender).expect("a sender")),
        };
        let engine = Engine::start(directory.path(), options).await.expect("the store opens");
        let router = compat::beside(api::router(engine.api.clone()));
        let (stop, stopped) = watch::channel(false);
        let http = tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        let tasks = vec![http, tokio::spawn(engine.consumers().run(stopped)), tokio::spawn(local::keep_time(engine))];
        Self { address, stop, tasks, _directory: directory }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.stop.send(true);
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}
