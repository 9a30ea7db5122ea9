//! What names are looked up with: the system's configuration, and its file of hosts.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use contract::ports::SendFault;
use hickory_resolver::config::{NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::Name;
use hickory_resolver::{Hosts, TokioResolver, system_conf};

use super::{LOOKUPS, NameError};

/// How often is looked whether the system's configuration has changed.
const RECHECK: Duration = Duration::from_secs(5);
const RESOLV_CONF: &str = "/etc/resolv.conf";
const CONFIGURATION: [&str; 2] = [RESOLV_CONF, "/etc/hosts"];
/// How long a server has for one query; it is asked anew then. `timeout:0` is one
/// second, as in glibc.
const MIN_TURN: Duration = Duration::from_secs(1);
const MAX_TURN: Duration = Duration::from_secs(2);
/// How often all servers are asked.
const MAX_ROUNDS: usize = 3;

#[derive(Clone)]
pub(super) struct System {
    /// In the order of the configuration.
    pub(super) servers: Arc<[TokioResolver]>,
    /// What is put behind names without a dot, in this order. The root is among them.
    pub(super) suffixes: Arc<[Name]>,
    pub(super) rounds: usize,
    pub(super) hosts: Arc<Hosts>,
    checked_at: Instant,
    changed_at: [Option<SystemTime>; 2],
}

struct Configuration {
    servers: Vec<NameServerConfig>,
    search: Vec<Name>,
    options: ResolverOpts,
}

impl System {
    /// With these servers, or those of the system.
    pub(super) fn read(servers: Option<&[SocketAddr]>) -> Result<Self, NameError> {
        let changed_at = changed_at();
        let configuration = match servers {
            Some(servers) => Ok(Configuration::of(servers)),
            None => Configuration::of_system(),
        };
        configuration
            .and_then(|configuration| Self::of(configuration, changed_at))
            .map_err(|error| NameError::Own(fault(&error)))
    }

    fn of(configuration: Configuration, changed_at: [Option<SystemTime>; 2]) -> Result<Self, NetError> {
        let Configuration { servers, search: mut suffixes, mut options } = configuration;
        let rounds = options.attempts.clamp(1, MAX_ROUNDS);
        suffixes.insert(if options.ndots == 0 { 0 } else { suffixes.len() }, Name::root());
        // What is known is kept elsewhere, the file of hosts decides on its own, many
        // may ask over one connection, and each server is asked by itself.
        options.timeout = options.timeout.clamp(MIN_TURN, MAX_TURN);
        options.attempts = 0;
        options.cache_size = 0;
        options.use_hosts_file = ResolveHosts::Never;
        options.max_active_requests = LOOKUPS.max;
        let resolvers = servers.into_iter().map(|server| {
            let config = ResolverConfig::from_parts(None, Vec::new(), vec![server]);
            let mut resolver = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
            *resolver.options_mut() = options.clone();
            resolver.build()
        });
        Ok(Self {
            servers: resolvers.collect::<Result<_, _>>()?,
            suffixes: suffixes.into(),
            rounds,
            hosts: Arc::new(Hosts::from_system().unwrap_or_default()),
            checked_at: Instant::now(),
            changed_at,
        })
    }

    pub(super) fn has_changed(&mut self) -> bool {
        if self.checked_at.elapsed() < RECHECK {
            return false;
        }
        self.checked_at = Instant::now();
        self.changed_at != changed_at()
    }
}

impl Configuration {
    fn of(servers: &[SocketAddr]) -> Self {
        let servers = servers.iter().map(|server| {
            let mut config = NameServerConfig::udp_and_tcp(server.ip());
            config.connections.iter_mut().for_each(|connection| connection.port = server.port());
            config
        });
        Self { servers: servers.collect(), search: Vec::new(), options: ResolverOpts::default() }
    }

    /// As the system does where it names no server.
    fn without_servers() -> Self {
        Self::of(&[SocketAddr::from((Ipv4Addr::LOCALHOST, 53))])
    }

    #[cfg(any(not(unix), target_os = "android", target_vendor = "apple"))]
    fn of_system() -> Result<Self, NetError> {
        let (config, options) = system_conf::read_system_conf()?;
        Ok(Self { servers: config.name_servers().to_vec(), search: config.search().to_vec(), options })
    }

    #[cfg(all(unix, not(any(target_os = "android", target_vendor = "apple"))))]
    fn of_system() -> Result<Self, NetError> {
        match std::fs::read_to_string(RESOLV_CONF) {
            Ok(text) => Self::parse(&text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::without_servers()),
            Err(error) => Err(error.into()),
        }
    }

    /// A search entry that is no name is left out, as in glibc: the servers are not
    /// its fault.
    #[cfg(all(unix, not(any(target_os = "android", target_vendor = "apple"))))]
    fn parse(text: &str) -> Result<Self, NetError> {
        let (mut rest, mut search) = (String::new(), None);
        let mut names_server = false;
        for line in text.lines() {
            let mut words = line.split_whitespace();
            match words.next() {
                // The last one counts.
                Some("search" | "domain") => search = Some(words.filter_map(suffix).collect()),
                word => {
                    names_server |= word == Some("nameserver") && words.next().is_some();
                    rest.push_str(line);
                    rest.push('\n');
                }
            }
        }
        if !names_server {
            return Ok(Self { search: search.unwrap_or_default(), ..Self::without_servers() });
        }
        let (config, options) = system_conf::parse_resolv_conf(&rest)?;
        let search = search.unwrap_or_else(|| config.domain().cloned().into_iter().collect());
        Ok(Self { servers: config.name_servers().to_vec(), search, options })
    }
}

fn suffix(text: &str) -> Option<Name> {
    let name = Name::from_str_relaxed(text).ok().filter(|name| !name.is_root());
    if name.is_none() {
        tracing::warn!(entry = text, "a search entry of {RESOLV_CONF} is no domain name and is left out");
    }
    name
}

fn changed_at() -> [Option<SystemTime>; 2] {
    CONFIGURATION.map(|path| Path::new(path).metadata().and_then(|file| file.modified()).ok())
}

pub(super) fn fault(error: &NetError) -> SendFault {
    SendFault(format!("host names cannot be resolved: {error}"))
}

#[cfg(test)]
#[cfg(all(unix, not(any(target_os = "android", target_vendor = "apple"))))]
mod tests {
    use super::*;

    fn parsed(text: &str) -> (Vec<String>, Vec<String>) {
        let Configuration { servers, search, .. } = Configuration::parse(text).unwrap();
        let servers = servers.iter().map(|server| server.ip.to_string()).collect();
        (servers, search.iter().map(Name::to_string).collect())
    }

    #[test]
    fn a_search_entry_that_is_no_name_costs_no_name_server() {
        let long = "x".repeat(70);
        for bad in ["bad..domain", &long, "--.."] {
            let text = format!("nameserver 192.0.2.1\nsearch {bad} corp.example\nnameserver 192.0.2.2\n");
            let expected = (vec!["192.0.2.1".to_owned(), "192.0.2.2".to_owned()], vec!["corp.example".to_owned()]);
            assert_eq!(parsed(&text), expected, "{bad}");
        }
        assert_eq!(
            parsed("domain a.example\nsearch b.example c.example\nnameserver ::1\n").1,
            ["b.example", "c.example"]
        );
        for text in ["", "search corp.example", "nameserver\n"] {
            assert_eq!(parsed(text).0, ["127.0.0.1"], "{text:?}");
        }
    }

    #[test]
    fn a_timeout_of_zero_is_one_second() {
        let options = Configuration::parse("nameserver 192.0.2.1\noptions timeout:0 attempts:0\n").unwrap().options;
        assert_eq!(options.timeout, Duration::ZERO);
        let server = "192.0.2.1:53".parse().unwrap();
        let system = System::of(Configuration { options, ..Configuration::of(&[server]) }, [None; 2]).unwrap();
        assert_eq!((system.servers[0].options().timeout, system.rounds), (MIN_TURN, 1));
    }
}
