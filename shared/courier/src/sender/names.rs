//! Names that strangers chose, and their addresses.
//!
//! The system's own look-up holds a thread until a name server answers, and one
//! that never does holds it for long: a few such names would take all threads. So
//! names are looked up here, with the system's configuration and its file of
//! hosts. A look-up has a deadline, is shared by all who wait for the same name
//! and ends when nobody does. When there are too many, the one that has waited
//! longest makes room: names that answer do so soon.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use contract::ports::{Clock as _, ClockReading, SendFault, SystemClock};
use hickory_resolver::config::{NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::op::Query;
use hickory_resolver::proto::rr::{Name, RecordType};
use hickory_resolver::{Hosts, TokioResolver, system_conf};
use quick_cache::sync::Cache;

use crate::shared_work::{Joined, Limit, SharedWork, TooMuch};

/// A name that nobody has answered for by then is not answered for. It is less than
/// the usual time for a connection, so that the reason is told.
const DEADLINE: Duration = Duration::from_secs(4);
/// Servers that have not answered by then leave the next ones their turn, and are
/// asked anew.
const MAX_TURN: Duration = Duration::from_secs(2);
/// Addresses of one kind wait so long for those of the other (RFC 8305, section 3).
const GRACE: Duration = Duration::from_millis(50);
/// For how long addresses are used at most, so that a change is followed.
const MAX_TTL: Duration = Duration::from_secs(10);
/// How many names are remembered, and how many addresses of each.
const KEPT_NAMES: usize = 4_096;
const MAX_ADDRESSES: usize = 16;
/// How many names are looked up at once. Each takes six sockets at most.
const LOOKUPS: Limit = Limit { max: 1_024, min_wait: Duration::from_millis(250) };
/// How often is looked whether the system's configuration has changed.
const RECHECK: Duration = Duration::from_secs(5);
const CONFIGURATION: [&str; 2] = ["/etc/resolv.conf", "/etc/hosts"];

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NameError {
    #[error("the host name could not be resolved")]
    NoAddress,
    #[error("the host name could not be resolved in time")]
    NoAnswer,
    #[error(transparent)]
    Own(SendFault),
}

pub(super) type Addresses = Arc<[IpAddr]>;
type Answer = Result<Addresses, NameError>;

pub(super) struct Names {
    servers: Option<Vec<SocketAddr>>,
    system: Mutex<Option<System>>,
    known: Arc<Cache<Box<str>, Known>>,
    lookups: SharedWork<Box<str>, Answer>,
}

#[derive(Clone)]
struct Known {
    addresses: Addresses,
    read_at: ClockReading,
    /// A function that did not run meanwhile has no other way to see that time passed.
    fresh_for: Duration,
}

/// What names are looked up with.
#[derive(Clone)]
struct System {
    resolver: Arc<TokioResolver>,
    hosts: Arc<Hosts>,
    checked_at: Instant,
    changed_at: [Option<SystemTime>; 2],
}

impl Names {
    /// Asks these servers, or those of the system.
    pub(super) fn new(servers: Option<Vec<SocketAddr>>) -> Self {
        Self {
            servers,
            system: Mutex::default(),
            known: Arc::new(Cache::new(KEPT_NAMES)),
            lookups: SharedWork::new(LOOKUPS),
        }
    }

    #[cfg(test)]
    pub(super) fn under_way(&self) -> usize {
        self.lookups.len()
    }

    /// At least one address.
    pub(super) async fn resolve(&self, name: &str) -> Answer {
        if let Some(known) = self.known.get(name)
            && SystemClock.read().age_of(known.read_at) < known.fresh_for
        {
            return Ok(known.addresses);
        }
        self.lookup(name)?.await
    }

    /// The look-up of this name that is under way, or a new one.
    fn lookup(&self, name: &str) -> Result<Joined<Answer>, NameError> {
        let system = self.system()?;
        let begin = |displaced| {
            let (known, name): (_, Box<str>) = (Arc::clone(&self.known), name.into());
            async move {
                let found = tokio::select! {
                    found = look_up(&system, &name) => found?,
                    () = tokio::time::sleep(DEADLINE) => return Err(NameError::NoAnswer),
                    _ = displaced => return Err(too_many()),
                };
                known.insert(name, found.clone());
                Ok(found.addresses)
            }
        };
        self.lookups.join(name.into(), begin).map_err(|TooMuch| too_many())
    }

    fn system(&self) -> Result<System, NameError> {
        let mut present = lock(&self.system);
        if let Some(system) = &mut *present {
            if self.servers.is_some() || system.checked_at.elapsed() < RECHECK {
                return Ok(system.clone());
            }
            system.checked_at = Instant::now();
            if system.changed_at == changed_at() {
                return Ok(system.clone());
            }
        }
        let system = read_system(self.servers.as_deref()).map_err(|error| own(&error))?;
        Ok(present.insert(system).clone())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn too_many() -> NameError {
    NameError::Own(SendFault(format!("more than {} host names are being resolved", LOOKUPS.max)))
}

fn own(error: &NetError) -> NameError {
    NameError::Own(SendFault(format!("host names cannot be resolved: {error}")))
}

fn changed_at() -> [Option<SystemTime>; 2] {
    CONFIGURATION.map(|path| Path::new(path).metadata().and_then(|file| file.modified()).ok())
}

fn read_system(servers: Option<&[SocketAddr]>) -> Result<System, NetError> {
    let changed_at = changed_at();
    let usual = |servers: &[SocketAddr]| {
        let servers = servers.iter().map(|server| {
            let mut config = NameServerConfig::udp_and_tcp(server.ip());
            config.connections.iter_mut().for_each(|connection| connection.port = server.port());
            config
        });
        (ResolverConfig::from_parts(None, Vec::new(), servers.collect()), ResolverOpts::default())
    };
    let (config, mut options) = match servers {
        Some(servers) => usual(servers),
        // As the system does without a configuration.
        None => {
            system_conf::read_system_conf().unwrap_or_else(|_| usual(&[SocketAddr::from((Ipv4Addr::LOCALHOST, 53))]))
        }
    };
    // What is known is kept here, the file of hosts decides on its own, and many
    // may ask over one connection.
    options.timeout = options.timeout.min(MAX_TURN);
    options.cache_size = 0;
    options.use_hosts_file = ResolveHosts::Never;
    options.max_active_requests = LOOKUPS.max;
    let mut resolver = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
    *resolver.options_mut() = options;
    let hosts = Hosts::from_system().unwrap_or_default();
    Ok(System { resolver: Arc::new(resolver.build()?), hosts: Arc::new(hosts), checked_at: Instant::now(), changed_at })
}

async fn look_up(system: &System, name: &str) -> Result<Known, NameError> {
    let read_at = SystemClock.read();
    let name = Name::from_ascii(name).map_err(|_| NameError::NoAddress)?;
    let kinds = [RecordType::AAAA, RecordType::A];
    let listed: Vec<IpAddr> = kinds
        .iter()
        .filter_map(|kind| system.hosts.lookup_static_host(&Query::query(name.clone(), *kind)))
        .flat_map(|found| found.answers().iter().filter_map(|record| record.data.ip_addr()).collect::<Vec<_>>())
        .collect();
    if !listed.is_empty() {
        // Changes of the file are followed as soon as they are seen.
        return Ok(Known { addresses: listed.into(), read_at, fresh_for: Duration::ZERO });
    }
    let [mut six, mut four] = kinds.map(|kind| {
        let (resolver, name) = (Arc::clone(&system.resolver), name.clone());
        Box::pin(async move { resolver.lookup(name, kind).await })
    });
    // Whoever answers first waits a little for the other.
    let (six, four) = tokio::select! {
        found = &mut six => {
            let rest = patience(&found);
            (Some(found), tokio::time::timeout(rest, four).await.ok())
        }
        found = &mut four => {
            let rest = patience(&found);
            (tokio::time::timeout(rest, six).await.ok(), Some(found))
        }
    };
    let mut addresses: Vec<IpAddr> = Vec::new();
    let mut until = Instant::now() + MAX_TTL;
    for found in [&six, &four].into_iter().flatten().flatten() {
        until = until.min(found.valid_until());
        addresses.extend(found.answers().iter().filter_map(|record| record.data.ip_addr()));
    }
    addresses.truncate(MAX_ADDRESSES);
    if !addresses.is_empty() {
        let fresh_for = until.saturating_duration_since(Instant::now());
        return Ok(Known { addresses: addresses.into(), read_at, fresh_for });
    }
    let errors = [six, four].into_iter().flatten().filter_map(Result::err);
    Err(errors.map(|error| told(&error)).reduce(graver).unwrap_or(NameError::NoAddress))
}

fn patience<T>(found: &Result<T, NetError>) -> Duration {
    if found.is_ok() { GRACE } else { DEADLINE }
}

fn told(error: &NetError) -> NameError {
    match error {
        NetError::Timeout => NameError::NoAnswer,
        NetError::Io(_) | NetError::Busy | NetError::NoConnections => own(error),
        _ => NameError::NoAddress,
    }
}

fn graver(one: NameError, other: NameError) -> NameError {
    match (&one, &other) {
        (NameError::Own(_), _) | (NameError::NoAnswer, NameError::NoAddress) => one,
        _ => other,
    }
}
