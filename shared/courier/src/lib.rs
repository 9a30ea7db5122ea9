//! Makes a hook's requests and carries them to its endpoint: addresses are vetted,
//! tokens obtained, answers read up to a bound.

mod destination;
mod exchange;
mod handshake;
mod identity;
mod sender;
mod shared_work;
mod tokens;

pub use exchange::{Courier, Exchange, Exchanged, build, challenge, control, outcome_of, run as exchange};
pub use handshake::Handshake;
pub use sender::{Authorities, EgressProxy, Http1Sender, InvalidAuthorities, InvalidProxy, SenderError, SenderOptions};
pub use tokens::Tokens;
