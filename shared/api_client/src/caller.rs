//! Who asks.

use std::net::{IpAddr, SocketAddr};

use axum::extract::ConnectInfo;
use http::request::Parts;
use http::{HeaderValue, Request, header};

/// Where a request came from, for requests that do not come from a socket.
#[derive(Clone, Copy, Debug)]
pub struct ClientAddress(pub IpAddr);

/// What a request said of who sent it: the key, and the address.
#[derive(Clone)]
pub struct Caller {
    authorization: Option<HeaderValue>,
    given: Option<ClientAddress>,
    socket: Option<ConnectInfo<SocketAddr>>,
}

impl Caller {
    /// Whoever sent this request.
    pub fn of(parts: &Parts) -> Self {
        Self {
            authorization: parts.headers.get(header::AUTHORIZATION).cloned(),
            given: parts.extensions.get().copied(),
            socket: parts.extensions.get().copied(),
        }
    }

    /// Whoever sent this request, with a token that it carried elsewhere than where the API
    /// looks for one. What can be no token is nobody's.
    pub fn with_token(parts: &Parts, token: &str) -> Self {
        Self { authorization: HeaderValue::try_from(format!("Bearer {token}")).ok(), ..Self::of(parts) }
    }

    /// Whoever sent this request, without the key it came with.
    pub fn anonymous(parts: &Parts) -> Self {
        Self { authorization: None, ..Self::of(parts) }
    }

    pub(crate) fn introduce<B>(&self, request: &mut Request<B>) {
        if let Some(authorization) = &self.authorization {
            request.headers_mut().insert(header::AUTHORIZATION, authorization.clone());
        }
        if let Some(given) = self.given {
            request.extensions_mut().insert(given);
        }
        if let Some(socket) = self.socket {
            request.extensions_mut().insert(socket);
        }
    }
}
