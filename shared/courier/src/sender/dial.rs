//! New connections, to vetted addresses only: each address a name resolves to is
//! judged with the port it is to be dialled on, and what was judged is dialled.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use contract::ports::{BoxError, SendFailure};
use domain::address::{AddressPolicy, Refusal};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use rustls_platform_verifier::BuilderVerifierExt as _;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::either::Either;
use tower_service::Service;
use url::{Host, Url};

use super::failure;

pub(super) type Stream = Either<TcpStream, TlsStream<TcpStream>>;

#[derive(Debug, thiserror::Error)]
#[error("the host name could not be resolved")]
pub(super) struct NoAddress;

pub(super) struct Dialler {
    policy: Arc<AddressPolicy>,
    tls: TlsConnector,
}

impl Dialler {
    /// Fails when the platform's root certificates cannot be used.
    pub(super) fn new(policy: Arc<AddressPolicy>) -> Result<Self, rustls::Error> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        let tls = tls.with_platform_verifier()?.with_no_client_auth();
        Ok(Self { policy, tls: Arc::new(tls).into() })
    }

    /// Everything up to the end of the TLS handshake has to be done in `patience`.
    pub(super) async fn dial(&self, url: &Url, patience: Duration) -> Result<Stream, SendFailure> {
        let dialled = tokio::time::timeout(patience, self.connect(url, patience)).await;
        dialled.unwrap_or_else(|_| Err(failure::no_connection_in_time()))
    }

    async fn connect(&self, url: &Url, patience: Duration) -> Result<Stream, SendFailure> {
        let port = url.port_or_known_default().unwrap_or_default();
        // An address in place of a name is not resolved; the URL was judged with it.
        let mut tcp = HttpConnector::new_with_resolver(VettedResolver { policy: Arc::clone(&self.policy), port });
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(patience));
        let uri = url.as_str().parse().map_err(|_| failure::not_built())?;
        let stream = tcp.call(uri).await.map_err(|error| failure::of_dialling(&error))?.into_inner();
        if url.scheme() == "http" {
            return Ok(Either::Left(stream));
        }
        let name = server_name(url).ok_or_else(failure::not_built)?;
        let stream = self.tls.connect(name, stream).await.map_err(|error| failure::of_dialling(&error))?;
        Ok(Either::Right(stream))
    }
}

fn server_name(url: &Url) -> Option<ServerName<'static>> {
    match url.host()? {
        Host::Domain(name) => ServerName::try_from(name.to_owned()).ok(),
        Host::Ipv4(ip) => Some(IpAddr::from(ip).into()),
        Host::Ipv6(ip) => Some(IpAddr::from(ip).into()),
    }
}

#[derive(Clone)]
struct VettedResolver {
    policy: Arc<AddressPolicy>,
    port: u16,
}

impl Service<Name> for VettedResolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let Self { policy, port } = self.clone();
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), port)).await;
            let addresses: Vec<SocketAddr> = found.map_err(|_: io::Error| NoAddress)?.collect();
            if addresses.is_empty() {
                return Err(NoAddress.into());
            }
            // One forbidden address refuses the name.
            let judge = |address: &SocketAddr| policy.check_address(address.ip(), port);
            addresses.iter().try_for_each(judge).map_err(|refusal: Refusal| refusal)?;
            Ok(addresses.into_iter())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_a_name_resolves_to_is_judged_with_the_port_that_is_dialled() {
        let resolve = |name: &str, port| {
            let mut resolver = VettedResolver { policy: Arc::default(), port };
            resolver.call(name.parse().unwrap())
        };
        // An address stands for a name that resolves to it.
        let found: Vec<SocketAddr> = resolve("1.1.1.1", 443).await.unwrap().collect();
        assert_eq!(found, ["1.1.1.1:443".parse().unwrap()]);
        for (name, port, expected) in [("1.1.1.1", 8443, Refusal::Port), ("127.0.0.1", 443, Refusal::Address)] {
            let refusal = resolve(name, port).await.unwrap_err();
            assert_eq!(refusal.downcast_ref(), Some(&expected), "{name}:{port}");
        }
        assert!(resolve("no-such-name.invalid", 443).await.unwrap_err().is::<NoAddress>());
    }
}
