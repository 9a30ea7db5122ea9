//! Makes a hook's requests and carries them to its endpoint: addresses are vetted,
//! tokens obtained, answers read up to a bound.

mod destination;
mod exchange;
mod sender;
mod shared_work;
mod tokens;

pub use exchange::{Courier, build, outcome_of, run as exchange};
pub use sender::{Authorities, EgressProxy, Http1Sender, InvalidAuthorities, InvalidProxy, SenderError, SenderOptions};
pub use tokens::Tokens;
