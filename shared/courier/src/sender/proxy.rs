//! The operator's proxy, where connections must not leave in any other way. It is
//! asked for the vetted address, never for a name: it widens nothing.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::BytesMut;
use contract::ports::{SendFailure, SendFault};
use domain::secret::Secret;
use percent_encoding::percent_decode_str;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use url::{Host, Url};

use super::answer::{self, Head};
use super::dial::reach;
use super::failure::{self, Unsent};
use super::names::Names;

/// The most that is read of the proxy's answer, in bytes.
const MAX_ANSWER_BYTES: usize = 8 * 1024;
/// Proxy Authentication Required.
const WANTS_CREDENTIALS: u16 = 407;

/// An HTTP proxy that knows CONNECT.
#[derive(Clone, PartialEq, Eq)]
pub struct EgressProxy {
    host: Host,
    port: u16,
    /// `Basic …`
    credentials: Option<Secret>,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a URL such as http://proxy.example.com:3128, with a user name and password if need be")]
pub struct InvalidProxy;

impl FromStr for EgressProxy {
    type Err = InvalidProxy;

    fn from_str(text: &str) -> Result<Self, InvalidProxy> {
        let url: Url = text.parse().map_err(|_| InvalidProxy)?;
        let is_bare = matches!(url.path(), "" | "/") && url.query().is_none() && url.fragment().is_none();
        if url.scheme() != "http" || !is_bare {
            return Err(InvalidProxy);
        }
        let part = |text: &str| percent_decode_str(text).decode_utf8().map(String::from).map_err(|_| InvalidProxy);
        let (user, password) = (part(url.username())?, part(url.password().unwrap_or_default())?);
        let credentials = (!user.is_empty()).then(|| Secret::new(STANDARD.encode(format!("{user}:{password}"))));
        let host = url.host().ok_or(InvalidProxy)?.to_owned();
        Ok(Self { host, port: url.port_or_known_default().ok_or(InvalidProxy)?, credentials })
    }
}

/// Without the credentials.
impl fmt::Debug for EgressProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EgressProxy({}:{})", self.host, self.port)
    }
}

impl EgressProxy {
    /// The first of the addresses that the proxy can connect to.
    pub(super) async fn tunnel(&self, names: &Names, addresses: &[SocketAddr]) -> Result<TcpStream, Unsent> {
        let mut refused = failure::refused_by_proxy("was asked for nothing");
        for address in addresses {
            match self.tunnel_to(names, *address).await? {
                Ok(stream) => return Ok(stream),
                Err(refusal) => refused = refusal,
            }
        }
        Err(refused.into())
    }

    /// What the proxy makes of an address is no fault of ours: strangers chose it.
    async fn tunnel_to(&self, names: &Names, address: SocketAddr) -> Result<Result<TcpStream, SendFailure>, SendFault> {
        let fault = |error: &dyn fmt::Display| SendFault(format!("the egress proxy cannot be used: {error}"));
        let own = match &self.host {
            Host::Domain(name) => names.resolve(name).await.map_err(|error| fault(&error))?.to_vec(),
            Host::Ipv4(ip) => vec![(*ip).into()],
            Host::Ipv6(ip) => vec![(*ip).into()],
        };
        let own: Vec<SocketAddr> = own.into_iter().map(|ip| SocketAddr::new(ip, self.port)).collect();
        let mut stream = reach(&own).await.map_err(|error| fault(&error))?;
        let mut request = format!("CONNECT {address} HTTP/1.1\r\nHost: {address}\r\n");
        if let Some(credentials) = &self.credentials {
            request.extend(["Proxy-Authorization: Basic ", credentials.reveal(), "\r\n"]);
        }
        request.push_str("\r\n");
        stream.write_all(request.as_bytes()).await.map_err(|error| fault(&error))?;
        match read_head(&mut stream).await.map(|head| head.status) {
            Ok(200..300) => Ok(Ok(stream)),
            Ok(WANTS_CREDENTIALS) => Err(fault(&"it answers 407 and wants other credentials")),
            Ok(status) => Ok(Err(failure::refused_by_proxy(&format!("answered {status}")))),
            Err(why) => Ok(Err(failure::refused_by_proxy(why))),
        }
    }
}

/// Nothing may follow: whoever is behind it speaks second.
async fn read_head(stream: &mut TcpStream) -> Result<Head, &'static str> {
    let mut read = BytesMut::new();
    loop {
        match stream.read_buf(&mut read).await {
            Ok(0) => return Err("closed the connection"),
            Ok(_) => {}
            Err(_) => return Err("broke the connection off"),
        }
        if let Some(end) = answer::end(&read, 0) {
            return match end == read.len() {
                true => answer::parse(&read).ok().ok_or("did not answer with HTTP"),
                // The body of a refusal is nobody's business.
                false => {
                    answer::parse(&read[..end]).ok().filter(|head| head.status >= 300).ok_or("said more than was asked")
                }
            };
        }
        if read.len() > MAX_ANSWER_BYTES {
            return Err("answered at too great a length");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_a_url_without_a_path() {
        let proxy: EgressProxy = "http://us%40er:p%3Aw@proxy.example.com:3128".parse().unwrap();
        assert_eq!((proxy.host.to_string().as_str(), proxy.port), ("proxy.example.com", 3128));
        assert_eq!(proxy.credentials.as_ref().unwrap().reveal(), STANDARD.encode("us@er:p:w"));
        assert_eq!(format!("{proxy:?}"), "EgressProxy(proxy.example.com:3128)");
        assert_eq!("http://[::1]/".parse::<EgressProxy>().unwrap().port, 80);
        for wrong in ["proxy:3128", "https://proxy", "http://proxy/path", "http://proxy?x", "socks5://proxy", ""] {
            assert_eq!(wrong.parse::<EgressProxy>(), Err(InvalidProxy), "{wrong}");
        }
    }
}
