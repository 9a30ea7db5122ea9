//! Hookline sends webhooks. This crate holds what its stages share: the rules
//! ([`domain`]), what they need from the world ([`ports`]), the messages that
//! travel between them ([`messages`]), and two families of adapters, one for
//! AWS ([`aws`], [`lambda`]) and one for a single machine ([`embedded`]).
//!
//! # The life of one event
//!
//! 1. **Published.** The `api` stage checks a request and writes one message to
//!    the queue `events`. That write is durable, and only then it answers 202.
//!    Any other publisher may write the same message to the queue itself.
//! 2. **Fanned out.** `fanout` reads the subscription rows that match the
//!    event's type, gives the event its time-ordered name, and records both in
//!    one conditional write. Who loses that condition is either the same
//!    message again, which resumes, or a duplicate, which is dropped. Then each
//!    matching hook gets one message on `deliveries`, and when there are more
//!    than a page of hooks, a continuation goes back to `events`.
//! 3. **Delivered.** `deliver` loads the hook with everything that applies to it
//!    ([`effective`]: the hook's own settings, its profile's, its tenant's), asks
//!    whether it may send now ([`keeper`]: circuit, verification, rate), builds
//!    the request around the published bytes of `data` ([`request`]), sends it,
//!    and logs the attempt. A verdict follows, a pure function of the policy, the
//!    outcome and a random number: succeeded, failed for good, or again at a
//!    certain time. What may not be sent yet waits as a retry does and uses up
//!    no attempt.
//! 4. **Retried.** A delivery that is to be tried again waits on `retries`.
//!    `requeue` is the only stage that knows how to wait; when the time has come
//!    it hands the delivery to the retry lane, `redeliveries`, which `deliver`
//!    serves beside the fresh lane, so that neither ever waits for the other.
//!    The steps of [`jobs`], such as replays, come the same way.
//!
//! Requests are not stored. The log notes which versions of hook, tenant and
//! profile made them, former versions are kept, and so every request can be
//! made again to be looked at.
//!
//! # What holds it together
//!
//! - **At least once.** Every stage does its lasting work before it settles its
//!   message: log, then requeue, then acknowledge. Dying between any two steps
//!   repeats some work and loses none. A message that may have been processed
//!   before (received twice, resumed, or a retry) makes `deliver` ask the log
//!   first ([`standing`]); the usual first attempt reads nothing.
//! - **Derived names.** A delivery's id is made of its event's and its hook's,
//!   so every copy of it is the same delivery, to us and to the receiver.
//! - **Receivers' failures are data.** They are outcomes in the log. Only our
//!   own faults are errors; the queue retries those, and they never count
//!   against a hook. A message that nobody can process is set aside with the
//!   reason.
//! - **Endpoints are spared.** A circuit, a rate and a limit for unverified
//!   endpoints decide whether a request may go out ([`circuits`], [`rates`]).
//!   What has to wait goes to the clock and uses up no attempt; what follows
//!   from how a hook fares is the [`keeper`]'s.
//! - **Stages know no transport.** A handler takes one [`stage::Message`] and
//!   returns one [`stage::Outcome`]. Batches, leases and event sources belong to
//!   the adapters, and no SDK or Lambda type appears in a handler.
//! - **Tenants never meet.** Every key begins with the tenant.
//! - **One id in every log line** about an event, from publishing to the last
//!   attempt ([`domain::ids::TraceId`]). It is derived, so no message carries it.
//! - **Secrets are sealed** on their way into a store ([`sealed`], [`vault`]) and
//!   open only in the stages that need them.
//!
//! The adapters keep the same promises because one suite checks them all
//! (`tests/tests/it/contract`). The stages' promises are checked by journeys
//! that die between any two steps (`tests/tests/journeys`) and by thousands of
//! seeded runs with faults everywhere (`tests/tests/simulation`).

pub mod audit;
#[cfg(feature = "aws")]
pub mod aws;
pub mod cache;
pub mod catalogue;
pub mod circuits;
pub mod config;
#[cfg(any(feature = "aws", feature = "embedded"))]
mod cursor;
pub mod documents;
pub mod domain;
pub mod effective;
#[cfg(feature = "embedded")]
pub mod embedded;
#[cfg(feature = "lambda")]
pub mod emf;
pub mod herald;
pub mod jobs;
pub mod keeper;
#[cfg(feature = "lambda")]
pub mod lambda;
pub mod messages;
pub mod metrics;
pub mod ports;
pub mod rates;
pub mod request;
pub mod rows;
pub mod sealed;
pub mod stage;
pub mod standing;
pub mod states;
pub mod telemetry;
pub mod time;
pub mod vault;
