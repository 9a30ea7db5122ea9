//! Name resolution that hands out vetted addresses only, so that what was
//! vetted is what is dialled.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use shared::domain::address::{AddressPolicy, Refusal};
use shared::ports::SendFailure;
use url::{Host, Url};

use super::failure;

#[derive(Debug, thiserror::Error)]
#[error("the host name could not be resolved")]
pub(super) struct NoAddress;

#[derive(Clone)]
pub(super) struct VettedResolver(Arc<AddressPolicy>);

impl VettedResolver {
    pub(super) fn new(policy: Arc<AddressPolicy>) -> Self {
        Self(policy)
    }

    /// reqwest resolves without saying for which port. A port other than 80 and
    /// 443 is for allowed networks only, so names with one are judged here.
    pub(super) async fn check_unusual_port(&self, url: &Url) -> Result<(), SendFailure> {
        let (Some(Host::Domain(name)), Some(port)) = (url.host(), url.port()) else { return Ok(()) };
        for address in look_up(name).await.map_err(|NoAddress| failure::no_address())? {
            self.0.check_address(address, port).map_err(|refusal| failure::refused(&refusal))?;
        }
        Ok(())
    }
}

impl Resolve for VettedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let policy = Arc::clone(&self.0);
        Box::pin(async move {
            let addresses = look_up(name.as_str()).await?;
            for address in &addresses {
                // One forbidden address refuses the name. The port is judged
                // elsewhere, so the usual one stands in for it.
                policy.check_address(*address, 443).map_err(|_| Refusal::Address)?;
            }
            let sockets = addresses.into_iter().map(|address| SocketAddr::new(address, 0));
            Ok(Box::new(sockets.collect::<Vec<_>>().into_iter()) as Addrs)
        })
    }
}

async fn look_up(name: &str) -> Result<Vec<IpAddr>, NoAddress> {
    let found = tokio::net::lookup_host((name, 0)).await.map_err(|_| NoAddress)?;
    let addresses: Vec<IpAddr> = found.map(|socket| socket.ip()).collect();
    if addresses.is_empty() { Err(NoAddress) } else { Ok(addresses) }
}
