//! What went wrong, told from the chain of its causes, and whose doing it is.

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use contract::ports::{SendFailure, SendFault};
use domain::address::Refusal;
use domain::delivery::AttemptOutcome;

use super::answer::{MAX_HEAD_BYTES, MAX_HEADERS};
use super::connection::{Broken, Cause as BrokenBy, Cut};
use super::names::NameError;
use super::tls;

type Cause<'a> = &'a (dyn Error + 'static);

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Unsent {
    /// Data: it is the endpoint's doing.
    Theirs(SendFailure),
    Ours(SendFault),
}

impl From<SendFailure> for Unsent {
    fn from(failure: SendFailure) -> Self {
        Self::Theirs(failure)
    }
}

impl From<SendFault> for Unsent {
    fn from(fault: SendFault) -> Self {
        Self::Ours(fault)
    }
}

impl From<NameError> for Unsent {
    fn from(error: NameError) -> Self {
        match error {
            NameError::NoServer(fault) | NameError::Own(fault) => Self::Ours(fault),
            NameError::NoAddress | NameError::NoAnswer | NameError::ServersFailed => {
                Self::Theirs(failure(AttemptOutcome::Dns, &error.to_string()))
            }
        }
    }
}

fn failure(outcome: AttemptOutcome, detail: &str) -> SendFailure {
    SendFailure { outcome, detail: detail.to_owned() }
}

pub(super) fn refused(refusal: &Refusal) -> SendFailure {
    SendFailure { outcome: AttemptOutcome::RefusedAddress, detail: format!("the hook's url {refusal}") }
}

pub(super) fn refused_by_proxy(why: &str) -> SendFailure {
    SendFailure {
        outcome: AttemptOutcome::Connect,
        detail: format!("no connection could be made: the egress proxy {why}"),
    }
}

pub(super) fn timed_out(total: Duration) -> SendFailure {
    SendFailure {
        outcome: AttemptOutcome::Timeout,
        detail: format!("no complete answer within {} s", total.as_secs_f64()),
    }
}

pub(super) fn no_connection_in_time() -> SendFailure {
    failure(AttemptOutcome::Timeout, "no connection in time")
}

pub(super) fn not_built() -> SendFailure {
    failure(AttemptOutcome::InvalidRequest, "the hook's url names no host that can be called")
}

/// No connection was made to any of these.
pub(super) fn of_connecting(error: &io::Error, addresses: &[SocketAddr]) -> Unsent {
    match is_ours(error, addresses) {
        true => Unsent::Ours(SendFault(format!("this machine makes no more connections: {error}"))),
        false => Unsent::Theirs(of_dialling(error)),
    }
}

/// Whether this process or machine has run out of something.
fn is_ours(error: &io::Error, addresses: &[SocketAddr]) -> bool {
    match error.raw_os_error() {
        Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM) => true,
        // No port is left, or, of IPv6, this machine has no such address at all.
        Some(libc::EADDRNOTAVAIL) => addresses.iter().all(SocketAddr::is_ipv4),
        _ => false,
    }
}

/// There is no connection.
pub(super) fn of_dialling(error: &io::Error) -> SendFailure {
    let detail = match error.kind() {
        io::ErrorKind::TimedOut => return no_connection_in_time(),
        io::ErrorKind::ConnectionRefused => {
            "no connection could be made: it was refused, as where nothing listens at the port"
        }
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
            "no connection could be made: there is no way to the address"
        }
        io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted => {
            "no connection could be made: the endpoint reset it"
        }
        _ => "no connection could be made",
    };
    failure(AttemptOutcome::Connect, detail)
}

/// There is one, and no secure one.
pub(super) fn of_handshake(error: &io::Error) -> SendFailure {
    known(error).unwrap_or_else(|| failure(AttemptOutcome::Tls, tls::CUT))
}

/// There was one.
pub(super) fn of_exchange(broken: &Broken) -> SendFailure {
    let detail = match &broken.cause {
        BrokenBy::Io(error) => match known(error) {
            Some(known) => return known,
            None => "the connection broke off before an answer".to_owned(),
        },
        BrokenBy::Ended(begun) if begun.is_empty() => "the connection was closed without an answer".to_owned(),
        BrokenBy::Ended(begun) => format!("the answer broke off after \"{begun}\""),
        BrokenBy::Http2 => "the endpoint speaks HTTP/2 only, and Hookline speaks HTTP/1.1".to_owned(),
        BrokenBy::LongHead => format!(
            "the head of the answer is longer than is read: {} KiB or {MAX_HEADERS} headers",
            MAX_HEAD_BYTES / 1_024
        ),
        BrokenBy::NotHttp(begun) => format!("the answer is not HTTP, it begins with \"{begun}\""),
    };
    SendFailure { outcome: AttemptOutcome::InvalidResponse, detail }
}

/// Why the body is not what the endpoint meant to say.
pub(super) fn remark(cut: &Cut) -> String {
    let why = match cut {
        Cut::Ended | Cut::Failed => "the connection broke off within the body",
        Cut::NoFarewell => "the connection ended without TLS's farewell (close_notify), so the body may not be whole",
        Cut::Unreadable => "the body's length or its chunks cannot be read",
    };
    why.to_owned()
}

pub(super) fn unfinished(total: Duration) -> String {
    format!("the body did not end within {} s", total.as_secs_f64())
}

fn known(error: Cause<'_>) -> Option<SendFailure> {
    let mut cause = Some(error);
    while let Some(current) = cause {
        if let Some(error) = tls_error(current) {
            return Some(SendFailure { outcome: AttemptOutcome::Tls, detail: tls::in_words(error) });
        }
        if current.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::TimedOut) {
            return Some(no_connection_in_time());
        }
        cause = current.source();
    }
    None
}

fn tls_error(error: Cause<'_>) -> Option<&rustls::Error> {
    if let Some(tls) = error.downcast_ref() {
        return Some(tls);
    }
    error.downcast_ref::<io::Error>()?.get_ref()?.downcast_ref()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_this_machine_ran_out_of_is_not_the_endpoints_failure() {
        let (four, six) = ("1.1.1.1:443".parse().unwrap(), "[2606:4700::1111]:443".parse().unwrap());
        let ours = |code| is_ours(&io::Error::from_raw_os_error(code), &[four]);
        for code in [libc::EMFILE, libc::ENFILE, libc::ENOBUFS, libc::ENOMEM, libc::EADDRNOTAVAIL] {
            assert!(ours(code), "{code}");
        }
        for code in [libc::ECONNREFUSED, libc::EHOSTUNREACH, libc::ENETUNREACH, libc::ETIMEDOUT] {
            assert!(!ours(code), "{code}");
        }
        assert!(!is_ours(&io::Error::from_raw_os_error(libc::EADDRNOTAVAIL), &[four, six]));
    }
}
