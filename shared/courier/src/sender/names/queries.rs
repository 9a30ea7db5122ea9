//! One name's addresses, asked of each server by itself: one that fails says
//! nothing about the name, and the next one is asked (RFC 1035, section 7.2).

use std::io::ErrorKind;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use contract::ports::{Clock as _, SystemClock};
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use hickory_resolver::TokioResolver;
use hickory_resolver::lookup::Lookup;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::{Query, ResponseCode};
use hickory_resolver::proto::rr::{Name, RecordType};

use super::system::{System, fault};
use super::{DEADLINE, Known, NameError};

/// A server that says nothing for so long is not waited for alone.
const NEXT_SERVER: Duration = Duration::from_millis(250);
/// Addresses of one kind wait so long for those of the other (RFC 8305, section 3).
const GRACE: Duration = Duration::from_millis(50);
/// For how long addresses are used at most, so that a change is followed.
const MAX_TTL: Duration = Duration::from_secs(10);
const MAX_ADDRESSES: usize = 16;
const KINDS: [RecordType; 2] = [RecordType::AAAA, RecordType::A];

pub(super) async fn look_up(system: &System, name: &str) -> Result<Known, NameError> {
    let name = Name::from_str_relaxed(name).map_err(|_| NameError::NoAddress)?;
    let listed: Vec<IpAddr> = KINDS
        .iter()
        .filter_map(|kind| system.hosts.lookup_static_host(&Query::query(name.clone(), *kind)))
        .flat_map(|found| found.answers().iter().filter_map(|record| record.data.ip_addr()).collect::<Vec<_>>())
        .collect();
    if !listed.is_empty() {
        // Changes of the file are followed as soon as they are seen.
        return Ok(Known { addresses: listed.into(), read_at: SystemClock.read(), fresh_for: Duration::ZERO });
    }
    let mut why = NameError::NoAddress;
    for name in absolute(name, &system.suffixes) {
        match addresses(system, &name).await {
            Ok(known) => return Ok(known),
            Err(error) => why = graver(why, error),
        }
    }
    Err(why)
}

/// The names that are asked for. Strangers choose names, so one with a dot is looked
/// up as it stands: below this machine's own domains it would be another host, where
/// a wildcard may answer (RFC 1535).
fn absolute(mut name: Name, suffixes: &[Name]) -> Vec<Name> {
    if name.is_fqdn() || name.num_labels() > 1 {
        name.set_fqdn(true);
        return vec![name];
    }
    let below = |suffix: &Name| {
        let mut name = name.clone().append_domain(suffix).ok()?;
        name.set_fqdn(true);
        Some(name)
    };
    suffixes.iter().filter_map(below).collect()
}

async fn addresses(system: &System, name: &Name) -> Result<Known, NameError> {
    let read_at = SystemClock.read();
    let [mut six, mut four] = KINDS.map(|kind| Box::pin(ask(system, name, kind)));
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
    Err(errors.reduce(graver).unwrap_or(NameError::NoAddress))
}

fn patience<T>(found: &Result<T, NameError>) -> Duration {
    if found.is_ok() { GRACE } else { DEADLINE }
}

async fn ask(system: &System, name: &Name, kind: RecordType) -> Result<Lookup, NameError> {
    let mut why = NameError::NoAddress;
    for _ in 0..system.rounds {
        match ask_each(&system.servers, name, kind).await {
            Ok(Some(found)) => return Ok(found),
            Ok(None) => return Err(NameError::NoAddress),
            Err(error) => why = graver(why, error),
        }
    }
    Err(why)
}

/// What the first server says that can say something; the next one is asked when one
/// fails, or is silent for a while. Addresses count whoever tells them; that there
/// are none (the inner None) counts only where all servers before have failed.
async fn ask_each(servers: &[TokioResolver], name: &Name, kind: RecordType) -> Result<Option<Lookup>, NameError> {
    let mut under_way = FuturesUnordered::new();
    let mut left = servers.iter().enumerate();
    let mut is_silent = vec![true; servers.len()];
    let mut denied_by: Option<usize> = None;
    let mut why = NameError::NoAddress;
    loop {
        if denied_by.is_none()
            && let Some((number, server)) = left.next()
        {
            under_way.push(async move { (number, server.lookup(name.clone(), kind).await) });
        }
        let has_next = denied_by.is_none() && left.len() > 0;
        let (number, said) = tokio::select! {
            said = under_way.next() => match said {
                Some(said) => said,
                None => return Err(why),
            },
            () = tokio::time::sleep(NEXT_SERVER), if has_next => continue,
        };
        match said {
            Ok(found) => return Ok(Some(found)),
            Err(error) if is_denial(&error) => denied_by = Some(denied_by.map_or(number, |other| other.min(number))),
            Err(error) => {
                is_silent[number] = false;
                why = graver(why, told(&error));
            }
        }
        if let Some(number) = denied_by
            && is_silent[..number].iter().all(|is_silent| !is_silent)
        {
            return Ok(None);
        }
    }
}

/// Whether it says that there is no such name, or none with such addresses. A server
/// that only says whom else to ask has no answer.
fn is_denial(error: &NetError) -> bool {
    match error {
        NetError::Dns(DnsError::NoRecordsFound(none)) => {
            none.response_code == ResponseCode::NXDomain || none.soa.is_some() || none.ns.is_none()
        }
        _ => false,
    }
}

fn told(error: &NetError) -> NameError {
    match error {
        NetError::Timeout => NameError::NoAnswer,
        NetError::Io(io) if is_unreachable(io.kind()) => NameError::NoServer(fault(error)),
        NetError::Io(_) | NetError::Busy | NetError::NoConnections => NameError::Own(fault(error)),
        _ => NameError::ServersFailed,
    }
}

fn is_unreachable(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::ConnectionRefused
            | ErrorKind::ConnectionReset
            | ErrorKind::HostUnreachable
            | ErrorKind::NetworkUnreachable
    )
}

/// What is told of two. That a server cannot be reached is the configuration's fault
/// only where no other one can.
fn graver(one: NameError, other: NameError) -> NameError {
    let rank = |error: &NameError| match error {
        NameError::NoAddress => 0,
        NameError::NoServer(_) => 1,
        NameError::ServersFailed => 2,
        NameError::NoAnswer => 3,
        NameError::Own(_) => 4,
    };
    if rank(&one) >= rank(&other) { one } else { other }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_name_without_a_dot_is_looked_up_below_the_systems_domains() {
        let name = |text: &str| Name::from_str_relaxed(text).unwrap();
        let suffixes = [name("ns.svc.cluster.local"), name("corp.example."), Name::root()];
        let asked = |text: &str| absolute(name(text), &suffixes).iter().map(Name::to_string).collect::<Vec<_>>();
        assert_eq!(asked("hook.test"), ["hook.test."]);
        assert_eq!(asked("hook.test."), ["hook.test."]);
        assert_eq!(asked("hook."), ["hook."]);
        assert_eq!(asked("hook"), ["hook.ns.svc.cluster.local.", "hook.corp.example.", "hook."]);
        assert_eq!(asked("a_b.test"), ["a_b.test."]);
    }
}
