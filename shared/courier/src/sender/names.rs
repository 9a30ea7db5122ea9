//! Names that strangers chose, and their addresses.
//!
//! The system's own look-up holds a thread until a name server answers, and one
//! that never does holds it for long: a few such names would take all threads. So
//! names are looked up here, with the system's configuration and its file of
//! hosts. A look-up has a deadline, is shared by all who wait for the same name
//! and ends when nobody does. When there are too many, the one that has waited
//! longest makes room: names that answer do so soon.

mod queries;
mod system;

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use contract::ports::{Clock as _, ClockReading, SendFault, SystemClock};
use quick_cache::sync::Cache;

use crate::shared_work::{Joined, Limit, SharedWork, TooMuch};
use queries::look_up;
use system::System;

/// A name that nobody has answered for by then is not answered for. It is less than
/// the usual time for a connection, so that the reason is told.
const DEADLINE: Duration = Duration::from_secs(4);
/// How many names are remembered.
const KEPT_NAMES: usize = 4_096;
/// How many names are looked up at once. Each takes six sockets at most.
const LOOKUPS: Limit = Limit { max: 1_024, min_wait: Duration::from_millis(250) };

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NameError {
    #[error("the host name could not be resolved")]
    NoAddress,
    #[error("the host name could not be resolved in time")]
    NoAnswer,
    #[error("the host name could not be resolved: every name server failed at it")]
    ServersFailed,
    /// None of them can be reached.
    #[error(transparent)]
    NoServer(SendFault),
    #[error(transparent)]
    Own(SendFault),
}

pub(super) type Addresses = Arc<[IpAddr]>;
type Answer = Result<Addresses, NameError>;

pub(super) struct Names {
    servers: Option<Vec<SocketAddr>>,
    system: Mutex<Option<System>>,
    known: Arc<Cache<Box<str>, Known>>,
    lookups: SharedWork<Box<str>, Answer>,
}

#[derive(Clone)]
struct Known {
    addresses: Addresses,
    read_at: ClockReading,
    /// A function that did not run meanwhile has no other way to see that time passed.
    fresh_for: Duration,
}

impl Names {
    /// Asks these servers, or those of the system.
    pub(super) fn new(servers: Option<Vec<SocketAddr>>) -> Self {
        Self {
            servers,
            system: Mutex::default(),
            known: Arc::new(Cache::new(KEPT_NAMES)),
            lookups: SharedWork::new(LOOKUPS),
        }
    }

    #[cfg(test)]
    pub(super) fn under_way(&self) -> usize {
        self.lookups.len()
    }

    /// At least one address.
    pub(super) async fn resolve(&self, name: &str) -> Answer {
        if let Some(known) = self.known.get(name)
            && SystemClock.read().age_of(known.read_at) < known.fresh_for
        {
            return Ok(known.addresses);
        }
        self.lookup(name)?.await
    }

    /// The look-up of this name that is under way, or a new one.
    fn lookup(&self, name: &str) -> Result<Joined<Answer>, NameError> {
        let system = self.system()?;
        let begin = |displaced| {
            let (known, name): (_, Box<str>) = (Arc::clone(&self.known), name.into());
            async move {
                let found = tokio::select! {
                    found = look_up(&system, &name) => found?,
                    () = tokio::time::sleep(DEADLINE) => return Err(NameError::NoAnswer),
                    _ = displaced => return Err(too_many()),
                };
                known.insert(name, found.clone());
                Ok(found.addresses)
            }
        };
        self.lookups.join(name.into(), begin).map_err(|TooMuch| too_many())
    }

    fn system(&self) -> Result<System, NameError> {
        let mut present = lock(&self.system);
        if let Some(system) = &mut *present
            && (self.servers.is_some() || !system.has_changed())
        {
            return Ok(system.clone());
        }
        let system = System::read(self.servers.as_deref())?;
        Ok(present.insert(system).clone())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn too_many() -> NameError {
    NameError::Own(SendFault(format!("more than {} host names are being resolved", LOOKUPS.max)))
}
