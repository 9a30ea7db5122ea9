//! New connections, to vetted addresses only: each address a name resolves to is
//! judged with the port it is to be dialled on, and what was judged is dialled.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use domain::address::{AddressPolicy, Refusal};
use futures::future::{self, Either as First};
use futures::stream::{FuturesUnordered, StreamExt as _};
use rustls::ClientConfig;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::either::Either;
use url::{Host, Url};

use super::failure::{self, Unsent};
use super::names::Names;
use super::proxy::EgressProxy;
use super::tls::Certificates;

pub(super) type Stream = Either<TcpStream, TlsStream<TcpStream>>;

/// An address that says nothing for so long is not waited for alone (RFC 8305,
/// section 8).
const NEXT_ADDRESS: Duration = Duration::from_millis(250);

pub(super) struct Dialler {
    pub(super) policy: AddressPolicy,
    pub(super) names: Names,
    pub(super) proxy: Option<EgressProxy>,
    tls: TlsConnector,
}

impl Dialler {
    /// `authorities` are trusted beside the platform's. Fails when one of them is no
    /// certificate, or none can be used.
    pub(super) fn new(
        policy: AddressPolicy,
        names: Names,
        proxy: Option<EgressProxy>,
        authorities: Vec<CertificateDer<'static>>,
    ) -> Result<Self, rustls::Error> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let verifier = Arc::new(Certificates::new(authorities, Arc::clone(&provider))?);
        let tls = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        let tls = tls.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth();
        Ok(Self { policy, names, proxy, tls: Arc::new(tls).into() })
    }

    /// Everything up to the end of the TLS handshake has to be done in `patience`.
    pub(super) async fn dial(&self, url: &Url, patience: Duration) -> Result<Stream, Unsent> {
        let dialled = tokio::time::timeout(patience, self.connect(url)).await;
        dialled.unwrap_or_else(|_| Err(failure::no_connection_in_time().into()))
    }

    async fn connect(&self, url: &Url) -> Result<Stream, Unsent> {
        let addresses = self.vetted(url).await?;
        let stream = match &self.proxy {
            None => reach(&addresses).await.map_err(|error| failure::of_connecting(&error, &addresses))?,
            Some(proxy) => proxy.tunnel(&self.names, &addresses).await?,
        };
        if url.scheme() == "http" {
            return Ok(Either::Left(stream));
        }
        let name = server_name(url).ok_or_else(failure::not_built)?;
        let stream = self.tls.connect(name, stream).await.map_err(|error| failure::of_handshake(&error))?;
        Ok(Either::Right(stream))
    }

    /// Where the URL leads. One forbidden address refuses the name.
    async fn vetted(&self, url: &Url) -> Result<Vec<SocketAddr>, Unsent> {
        let port = url.port_or_known_default().unwrap_or_default();
        let addresses: Vec<IpAddr> = match url.host() {
            Some(Host::Ipv4(ip)) => vec![ip.into()],
            Some(Host::Ipv6(ip)) => vec![ip.into()],
            Some(Host::Domain(name)) => self.names.resolve(name).await?.to_vec(),
            None => return Err(failure::not_built().into()),
        };
        let refused = |refusal: Refusal| failure::refused(&refusal);
        // Nothing listens on port 0, and to ask for it is to ask for a port of ours.
        if port == 0 {
            return Err(refused(Refusal::Port).into());
        }
        addresses.iter().try_for_each(|ip| self.policy.check_address(*ip, port)).map_err(refused)?;
        Ok(in_turn(&addresses).map(|ip| SocketAddr::new(ip, port)).collect())
    }
}

/// The kinds of addresses in turn, beginning with the first.
fn in_turn(addresses: &[IpAddr]) -> impl Iterator<Item = IpAddr> {
    let first_is_v4 = addresses.first().is_some_and(IpAddr::is_ipv4);
    let (first, second): (Vec<IpAddr>, Vec<IpAddr>) = addresses.iter().partition(|ip| ip.is_ipv4() == first_is_v4);
    let longest = first.len().max(second.len());
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    (0..longest).flat_map(move |_| [first.next(), second.next()]).flatten()
}

/// The first of the addresses that can be connected to. The next one is tried when
/// one fails, or says nothing for a while.
pub(super) async fn reach(addresses: &[SocketAddr]) -> io::Result<TcpStream> {
    let mut under_way = FuturesUnordered::new();
    let mut left = addresses.iter();
    let mut failed: Option<io::Error> = None;
    loop {
        if let Some(address) = left.next() {
            under_way.push(TcpStream::connect(*address));
        }
        let next = async {
            match left.len() {
                0 => future::pending().await,
                _ => tokio::time::sleep(NEXT_ADDRESS).await,
            }
        };
        match future::select(under_way.next(), std::pin::pin!(next)).await {
            First::Left((Some(Ok(stream)), _)) => {
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            First::Left((Some(Err(error)), _)) => {
                failed.get_or_insert(error);
                if under_way.is_empty() && left.len() == 0 {
                    break;
                }
            }
            First::Left((None, _)) => break,
            First::Right(_) => {}
        }
    }
    Err(failed.unwrap_or_else(|| io::ErrorKind::AddrNotAvailable.into()))
}

fn server_name(url: &Url) -> Option<ServerName<'static>> {
    match url.host()? {
        Host::Domain(name) => ServerName::try_from(name.to_owned()).ok(),
        Host::Ipv4(ip) => Some(IpAddr::from(ip).into()),
        Host::Ipv6(ip) => Some(IpAddr::from(ip).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::delivery::AttemptOutcome;

    #[tokio::test]
    async fn what_a_url_leads_to_is_judged_with_the_port_that_is_dialled() {
        let dialler = Dialler::new(AddressPolicy::default(), Names::new(None), None, Vec::new()).unwrap();
        let vetted = async |url: &str| match dialler.vetted(&url.parse().unwrap()).await {
            Ok(addresses) => Ok(addresses),
            Err(Unsent::Theirs(failure)) => Err(failure.outcome),
            Err(Unsent::Ours(fault)) => panic!("{fault}"),
        };
        assert_eq!(vetted("https://1.1.1.1/").await, Ok(vec!["1.1.1.1:443".parse().unwrap()]));
        for url in ["https://1.1.1.1:8443/", "https://127.0.0.1/", "https://1.1.1.1:0/", "https://localhost/"] {
            assert_eq!(vetted(url).await, Err(AttemptOutcome::RefusedAddress), "{url}");
        }
        assert_eq!(vetted("https://no-such-name.invalid/").await, Err(AttemptOutcome::Dns));
    }

    #[test]
    fn the_kinds_of_addresses_take_turns() {
        let ips = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<IpAddr>>();
        let mixed = ips(&["::1", "::2", "::3", "1.1.1.1", "1.1.1.2"]);
        assert_eq!(in_turn(&mixed).collect::<Vec<_>>(), ips(&["::1", "1.1.1.1", "::2", "1.1.1.2", "::3"]));
        assert_eq!(in_turn(&ips(&["1.1.1.1"])).collect::<Vec<_>>(), ips(&["1.1.1.1"]));
    }

    #[tokio::test]
    async fn an_address_that_fails_or_says_nothing_leaves_the_others_their_turn() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let open = listener.local_addr().unwrap();
        let closed = {
            let other = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            other.local_addr().unwrap()
        };
        // Of the documentation, which nobody has: it refuses or is silent.
        let silent = "192.0.2.1:9".parse().unwrap();
        let reached = reach(&[silent, closed, open]).await.unwrap();
        assert_eq!(reached.peer_addr().unwrap(), open);
        assert!(reach(&[closed]).await.is_err() && reach(&[]).await.is_err());
    }
}
