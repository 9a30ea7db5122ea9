//! Where a hook's requests go. A hook names its destination by its `url`; here
//! is which kinds there are, how each is written, and which may be named.

use url::{ParseError, Url};

use super::address::{AddressPolicy, Refusal};
use super::hook::Hook;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// An endpoint that is called.
    Http(Url),
}

/// Why a stored hook has no destination.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDestination {
    #[error("the hook's url is not a URL")]
    Url(#[from] ParseError),
}

/// Why a hook may not name a destination.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RefusedDestination {
    #[error(transparent)]
    Url(#[from] Refusal),
}

impl Destination {
    /// As it was stored; whether it is allowed is judged again when it is called.
    pub fn parse(text: &str) -> Result<Self, InvalidDestination> {
        Ok(Self::Http(text.parse()?))
    }

    /// What its URL says in front of a payload that is the query.
    pub fn own_query(&self) -> Option<&str> {
        let Self::Http(url) = self;
        url.query().filter(|own| !own.is_empty())
    }

    /// Whom it reaches, for what is told of requests.
    pub fn host(&self) -> Option<&str> {
        let Self::Http(url) = self;
        url.host_str()
    }

    /// Host and port, as one text for each however it was written.
    pub fn authority(&self) -> Option<String> {
        let Self::Http(url) = self;
        let host = url.host_str()?.trim_end_matches('.');
        Some(format!("{host}:{}", url.port_or_known_default().unwrap_or_default()))
    }

    /// One that a hook may name.
    pub fn allowed(text: &str, addresses: &AddressPolicy) -> Result<Self, RefusedDestination> {
        Ok(Self::Http(addresses.check_url(text)?))
    }
}

impl Hook {
    pub fn destination(&self) -> Result<Destination, InvalidDestination> {
        Destination::parse(&self.url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_named_is_found_again_in_what_was_stored() {
        let policy = AddressPolicy::default();
        let text = "https://example.com/hooks?a=b";
        let allowed = Destination::allowed(text, &policy).unwrap();
        assert_eq!(Destination::parse(text), Ok(allowed.clone()));
        assert_eq!(allowed, Destination::Http(text.parse().unwrap()));
        assert_eq!(Destination::allowed("http://10.0.0.1/", &policy), Err(Refusal::Scheme.into()));
    }
}
