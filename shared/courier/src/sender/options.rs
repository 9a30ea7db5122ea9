//! How connections are made, and what the environment says of it.

use std::net::SocketAddr;
use std::path::Path;

use domain::address::AddressPolicy;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use services::runtime::config::{self, Environment, FromEnvironment};

use super::EgressProxy;

/// How connections are made.
#[derive(Clone, Debug)]
pub struct SenderOptions {
    pub addresses: AddressPolicy,
    pub authorities: Authorities,
    /// What every connection goes through.
    pub proxy: Option<EgressProxy>,
    /// The servers that are asked for the addresses of names; those of the system
    /// by default.
    pub name_servers: Option<Vec<SocketAddr>>,
    /// How many connections that wait for their next request are kept.
    pub max_idle: usize,
}

/// A server may have many files open.
const MAX_IDLE: usize = 4_096;
/// A function may have 1,024 (Lambda quotas), and ten deliveries at a time.
const MAX_IDLE_OF_FUNCTION: usize = 256;

impl Default for SenderOptions {
    fn default() -> Self {
        Self {
            addresses: AddressPolicy::default(),
            authorities: Authorities::default(),
            proxy: None,
            name_servers: None,
            max_idle: MAX_IDLE,
        }
    }
}

/// Certificate authorities that are trusted beside the platform's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Authorities(pub(super) Vec<CertificateDer<'static>>);

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a readable file with certificates in PEM (-----BEGIN CERTIFICATE-----)")]
pub struct InvalidAuthorities;

impl Authorities {
    /// All certificates of a file.
    pub fn from_file(path: &Path) -> Result<Self, InvalidAuthorities> {
        let certificates = CertificateDer::pem_file_iter(path).map_err(|_| InvalidAuthorities)?;
        let certificates: Vec<_> = certificates.collect::<Result<_, _>>().map_err(|_| InvalidAuthorities)?;
        let mut roots = RootCertStore::empty();
        let are_all_usable = certificates.iter().all(|certificate| roots.add(certificate.clone()).is_ok());
        if certificates.is_empty() || !are_all_usable { Err(InvalidAuthorities) } else { Ok(Self(certificates)) }
    }
}

impl FromEnvironment for SenderOptions {
    fn read(env: &mut Environment<'_>) -> Self {
        let addresses = AddressPolicy::read(env);
        let file = env.optional(config::CA_FILE);
        let authorities = file.map_or_else(|| Ok(Authorities::default()), |file| Authorities::from_file(file.as_ref()));
        let authorities = authorities.unwrap_or_else(|error| {
            env.problem(config::CA_FILE, error);
            Authorities::default()
        });
        let proxy = env.optional(config::EGRESS_PROXY).and_then(|text| {
            text.parse().map_err(|error: super::InvalidProxy| env.problem(config::EGRESS_PROXY, error)).ok()
        });
        Self { addresses, authorities, proxy, name_servers: None, max_idle: MAX_IDLE_OF_FUNCTION }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_of_the_environment_is_told() {
        let wrong = |name: &str| match name {
            config::CA_FILE => Some("/no/such/file".to_owned()),
            config::EGRESS_PROXY => Some("socks5://proxy".to_owned()),
            config::ALLOW_PORTS => Some("8443,any".to_owned()),
            _ => None,
        };
        let problems = SenderOptions::from_env(wrong).unwrap_err().0;
        let names: Vec<_> = problems.iter().filter_map(|problem| problem.split(':').next()).collect();
        assert_eq!(names, [config::ALLOW_PORTS, config::CA_FILE, config::EGRESS_PROXY], "{problems:?}");
        let options = SenderOptions::from_env(|name| (name == config::ALLOW_PORTS).then(|| "8443".to_owned())).unwrap();
        assert_eq!(options.addresses.allow_ports, [8443]);
        assert_eq!((options.authorities, options.proxy), (Authorities::default(), None));
    }
}
