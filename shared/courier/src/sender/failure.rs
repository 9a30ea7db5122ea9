//! What went wrong, told from the chain of its causes.

use std::error::Error;
use std::io;
use std::time::Duration;

use contract::ports::SendFailure;
use domain::address::Refusal;
use domain::delivery::AttemptOutcome;

use super::dial::NoAddress;

type Cause<'a> = &'a (dyn Error + 'static);

fn failure(outcome: AttemptOutcome, detail: &str) -> SendFailure {
    SendFailure { outcome, detail: detail.to_owned() }
}

pub(super) fn refused(refusal: &Refusal) -> SendFailure {
    SendFailure { outcome: AttemptOutcome::RefusedAddress, detail: format!("the hook's url {refusal}") }
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
    failure(AttemptOutcome::InvalidRequest, "the request could not be built")
}

/// There is no connection.
pub(super) fn of_dialling(error: Cause<'_>) -> SendFailure {
    known(error).unwrap_or_else(|| failure(AttemptOutcome::Connect, "no connection could be made"))
}

/// There was one.
pub(super) fn of_exchange(error: Cause<'_>) -> SendFailure {
    known(error).unwrap_or_else(|| failure(AttemptOutcome::InvalidResponse, "the answer broke off or was not HTTP"))
}

fn known(error: Cause<'_>) -> Option<SendFailure> {
    let mut cause = Some(error);
    while let Some(current) = cause {
        if let Some(refusal) = current.downcast_ref::<Refusal>() {
            return Some(refused(refusal));
        }
        if current.is::<NoAddress>() {
            return Some(failure(AttemptOutcome::Dns, "the host name could not be resolved"));
        }
        if let Some(tls) = tls_error(current) {
            return Some(SendFailure {
                outcome: AttemptOutcome::Tls,
                detail: format!("the TLS handshake failed: {tls}"),
            });
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
