//! What went wrong, told from reqwest's chain of causes.

use std::error::Error;
use std::io;
use std::time::Duration;

use shared::domain::address::Refusal;
use shared::domain::delivery::Outcome;
use shared::ports::SendFailure;

use super::resolver::NoAddress;

pub(super) fn refused(refusal: &Refusal) -> SendFailure {
    SendFailure { outcome: Outcome::RefusedAddress, detail: format!("the hook's url {refusal}") }
}

pub(super) fn timed_out(total: Duration) -> SendFailure {
    SendFailure { outcome: Outcome::Timeout, detail: format!("no complete answer within {} s", total.as_secs_f64()) }
}

pub(super) fn no_address() -> SendFailure {
    SendFailure { outcome: Outcome::Dns, detail: "the host name could not be resolved".to_owned() }
}

pub(super) fn of(error: &reqwest::Error) -> SendFailure {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(current) = cause {
        if let Some(refusal) = current.downcast_ref::<Refusal>() {
            return refused(refusal);
        }
        if current.is::<NoAddress>() {
            return no_address();
        }
        if let Some(tls) = tls_error(current) {
            return SendFailure { outcome: Outcome::Tls, detail: format!("the TLS handshake failed: {tls}") };
        }
        cause = current.source();
    }
    let (outcome, what) = if error.is_timeout() {
        (Outcome::Timeout, "no connection in time")
    } else if error.is_connect() {
        (Outcome::Connect, "no connection could be made")
    } else if error.is_builder() {
        (Outcome::InvalidRequest, "the request could not be built")
    } else {
        (Outcome::InvalidResponse, "the answer broke off or was not HTTP")
    };
    SendFailure { outcome, detail: what.to_owned() }
}

fn tls_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    if let Some(tls) = error.downcast_ref() {
        return Some(tls);
    }
    error.downcast_ref::<io::Error>()?.get_ref()?.downcast_ref()
}
