//! The request a receiver gets, complete to the byte but for its address: what
//! is signed here is what is sent. The courier puts it into the form of its
//! destination.

use std::collections::BTreeSet;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};

use crate::delivery::resolved_hook::ResolvedHook;
use contract::messages::DeliveryMessage;
use domain::destination::{Destination, InvalidDestination};
use domain::headers::InvalidHeader;
use domain::hook::Timeout;
use domain::identity::Identity;
use domain::ids::{Channel, DeliveryId, EventId, EventType};
use domain::payload::{self, Source, TemplateFailure, form};
use domain::seconds::Seconds;
use domain::secret::{InvalidSecret, Secret};
use domain::settings::{
    Auth, ContentType, HeaderSource, HeaderWriter, MASK, MAX_BATCH_WAIT, MessageId, Method, ORIGIN_HEADER,
};
use domain::signature;
use domain::time::Timestamp;
use domain::verification::mentions_key;

pub const USER_AGENT: &str = concat!("Hookline/", env!("CARGO_PKG_VERSION"));

/// How long fetching an access token may take.
pub const TOKEN_TIMEOUT: &Timeout = &Timeout::new(Seconds::new(5), Seconds::new(5));
/// The longest that one attempt can take, waiting for others to travel with and
/// fetching a token twice included. Every lease has to outlast it.
pub const LONGEST_ATTEMPT: Duration = Duration::from_millis(
    MAX_BATCH_WAIT.as_millis() + 2 * TOKEN_TIMEOUT.total.as_millis() + Timeout::MAX.total.as_millis(),
);

/// Why a hook's settings make no request.
#[derive(Debug, thiserror::Error)]
pub enum InvalidHook {
    #[error(transparent)]
    Destination(#[from] InvalidDestination),
    #[error("the hook's secret cannot sign: {0}")]
    Secret(#[from] InvalidSecret),
    #[error("the payload would have {0} bytes, and at most {MAX_BODY_BYTES} are sent")]
    TooLarge(usize),
    #[error(transparent)]
    Template(#[from] TemplateFailure),
    #[error("the text of the header {0} cannot be sent: {1}")]
    Header(String, InvalidHeader),
    #[error("{0}")]
    Identity(&'static str),
    #[error("a template writes the key that only the endpoint may return")]
    KeyPlaced,
}

/// The largest body or query. `data` is at most 256 KiB, but mappings can
/// repeat it and batches add up.
const MAX_BODY_BYTES: usize = 4 * 1024 * 1024;

/// What one request says about one event.
#[derive(Clone, Copy, Debug)]
pub struct EventToSend<'a> {
    pub delivery: DeliveryId,
    pub event_id: &'a EventId,
    pub event_type: &'a EventType,
    pub event_timestamp: Timestamp,
    pub channels: &'a BTreeSet<Channel>,
    pub data: &'a RawValue,
}

impl<'a> EventToSend<'a> {
    pub fn of(message: &'a DeliveryMessage, data: &'a RawValue) -> Self {
        Self {
            delivery: message.delivery_id(),
            event_id: &message.event_id,
            event_type: &message.event_type,
            event_timestamp: message.event_timestamp,
            channels: &message.channels,
            data,
        }
    }
}

/// What is known only when the attempt is made.
#[derive(Clone, Copy, Debug)]
pub struct SendContext<'a> {
    pub at: Timestamp,
    /// Of OAuth 2, where the hook asks for it.
    pub token: Option<&'a Secret>,
    /// [`FORM`], or that of the release whose request is made again.
    pub form: u64,
    /// What the endpoint has to return, where it is asked to.
    pub key: Option<&'a Secret>,
    /// The deployment's keys, where it signs; what is only shown has none.
    pub identity: Option<&'a Identity>,
}

/// Names the deliveries of a batch, in the order of its array.
pub const BATCH_HEADER: &str = "webhook-delivery-ids";

/// How this release makes requests. In form 0 a header that holds one signature
/// was sent once for each live secret, a batch did not name its deliveries, and of the
/// query of a GET only what is the payload was signed.
pub const FORM: u64 = 1;

/// Whether form 0 would have made another request.
pub fn differs_from_former(hook: &ResolvedHook, at: Timestamp) -> bool {
    hook.hook.live_secrets(at).len() > 1 || hook.settings.batch.max_events > 0 || own_query(hook).is_some()
}

/// What the URL says before the payload, where that is its query.
fn own_query(hook: &ResolvedHook) -> Option<&str> {
    let destination = hook.destination.as_ref().ok().filter(|_| hook.settings.method == Method::Get);
    destination.and_then(Destination::own_query)
}

/// A request that has still to be addressed.
#[derive(Clone, Debug)]
pub struct SignedRequest {
    pub method: Method,
    /// In order, their names as they are to be sent.
    pub headers: Vec<(String, String)>,
    /// The bytes that are signed.
    pub payload: Vec<u8>,
    pub timeout: Timeout,
}

/// The request for one delivery, or for several that travel as one array. `id`
/// names it to the receiver.
pub fn build(
    hook: &ResolvedHook,
    subjects: &[EventToSend<'_>],
    id: &str,
    moment: SendContext<'_>,
) -> Result<SignedRequest, InvalidHook> {
    let json = json_body(hook, subjects)?;
    build_with(hook, subjects, json, id, moment)
}

/// What an endpoint is sent beside events, such as a challenge: `json`, with the headers of a request for this
/// delivery, and signed as it.
pub fn control(
    hook: &ResolvedHook,
    subject: &EventToSend<'_>,
    json: &str,
    id: &str,
    moment: SendContext<'_>,
) -> Result<SignedRequest, InvalidHook> {
    build_with(hook, &[*subject], json.as_bytes().to_vec(), id, moment)
}

fn build_with(
    hook: &ResolvedHook,
    subjects: &[EventToSend<'_>],
    json: Vec<u8>,
    id: &str,
    moment: SendContext<'_>,
) -> Result<SignedRequest, InvalidHook> {
    let settings = &hook.settings;
    // It may have been put together of its parts, which nobody saw when the hook was written.
    if let Some(key) = moment.key.filter(|key| settings.payload.has_templates() && key.reveal() != MASK)
        && std::str::from_utf8(&json).is_ok_and(|json| mentions_key(json, key))
    {
        return Err(InvalidHook::KeyPlaced);
    }
    let payload = match (settings.method, settings.content_type) {
        (Method::Get, _) | (_, ContentType::Form) => form::form(&json),
        (_, ContentType::Json) => json,
    };
    if payload.len() > MAX_BODY_BYTES {
        return Err(InvalidHook::TooLarge(payload.len()));
    }
    let mut lines = Lines::with_capacity(8);
    if settings.method != Method::Get {
        let content_type = match settings.content_type {
            ContentType::Json => settings.media_type.of(is_batch(hook, subjects)),
            ContentType::Form => "application/x-www-form-urlencoded",
        };
        lines.add(HeaderWriter::ContentType, ("content-type".to_owned(), content_type.to_owned()));
    }
    lines.add(HeaderWriter::Hookline, ("user-agent".to_owned(), USER_AGENT.to_owned()));
    let secrets = hook.hook.live_secrets(moment.at);
    let sign = if moment.form == 0 { signature::sign_repeating } else { signature::sign };
    let whole = own_query(hook).filter(|_| moment.form > 0);
    let whole = whole.map(|own| [own.as_bytes(), b"&", &payload].concat());
    let signed = whole.as_deref().unwrap_or(&payload);
    for line in sign(&settings.signatures, &secrets, id, moment.at.as_secs(), signed)? {
        lines.add(HeaderWriter::Signatures, line);
    }
    if is_batch(hook, subjects) && moment.form > 0 {
        let ids: Vec<String> = subjects.iter().map(|subject| subject.delivery.to_string()).collect();
        lines.add(HeaderWriter::Hookline, (BATCH_HEADER.to_owned(), ids.join(",")));
    }
    if let Some(line) = authorization(&settings.auth, moment.token) {
        lines.add(HeaderWriter::Auth, line);
    }
    if let Some(first) = subjects.first() {
        for header in &settings.headers {
            let text = match (&header.value, header.from, &header.template) {
                (Some(value), _, _) => value.reveal().to_owned(),
                (None, Some(fact), _) => tell(fact, hook, first, id, moment.at),
                (None, None, Some(template)) => {
                    let text = template.render(&source(hook, first), &format!("the header {}", header.name))?;
                    if text.is_empty() {
                        continue;
                    }
                    let key = moment.key.filter(|key| key.reveal() != MASK);
                    if key.is_some_and(|key| mentions_key(&text, key)) {
                        return Err(InvalidHook::KeyPlaced);
                    }
                    text
                }
                (None, None, None) => String::new(),
            };
            let value = header.encoded(text).map_err(|invalid| InvalidHook::Header(header.name.clone(), invalid))?;
            lines.add(HeaderWriter::Headers, (header.name.clone(), value));
        }
    }
    if let Some(origin) = settings.verification.asks_as() {
        lines.add(HeaderWriter::Verification, (ORIGIN_HEADER.to_owned(), origin.to_owned()));
    } else if let Some(key) = moment.key {
        lines.add(HeaderWriter::Verification, (settings.verification.header.clone(), key.reveal().to_owned()));
    }
    Ok(SignedRequest { method: settings.method, headers: lines.lines, payload, timeout: settings.timeout.clone() })
}

/// The headers of a request, none of them written by two settings: who writes one
/// is told of collisions, and a layer above that was changed later leaves the first
/// of them ([`HeaderWriter`]).
struct Lines {
    lines: Vec<(String, String)>,
    writers: Vec<HeaderWriter>,
}

impl Lines {
    fn with_capacity(lines: usize) -> Self {
        Self { lines: Vec::with_capacity(lines), writers: Vec::with_capacity(lines) }
    }

    fn add(&mut self, writer: HeaderWriter, line: (String, String)) {
        let mut known = self.lines.iter().zip(&self.writers).enumerate();
        let other = known.find(|(_, ((name, _), by))| **by != writer && name.eq_ignore_ascii_case(&line.0));
        match other.map(|(index, (_, by))| (index, *by)) {
            Some((_, by)) if by < writer => return,
            Some((first, by)) => {
                // Of a signature as it was in form 0 there is one line for each secret.
                for index in (first..self.lines.len()).rev() {
                    if self.writers[index] == by && self.lines[index].0.eq_ignore_ascii_case(&line.0) {
                        self.lines.remove(index);
                        self.writers.remove(index);
                    }
                }
            }
            None => {}
        }
        self.lines.push(line);
        self.writers.push(writer);
    }
}

/// What names a request to its receiver: the delivery or the event, or, of several, a name
/// that the same ones would get again.
pub fn name(hook: &ResolvedHook, subjects: &[EventToSend<'_>]) -> String {
    if let [one] = subjects {
        return match hook.settings.message_id {
            MessageId::Delivery => one.delivery.to_string(),
            MessageId::Event => one.event_id.to_string(),
        };
    }
    let mut hash = Sha256::new();
    subjects.iter().for_each(|subject| hash.update(subject.delivery.to_string()));
    let digest: [u8; 32] = hash.finalize().into();
    format!("batch_{}", URL_SAFE_NO_PAD.encode(&digest[..16]))
}

fn json_body(hook: &ResolvedHook, subjects: &[EventToSend<'_>]) -> Result<Vec<u8>, TemplateFailure> {
    let render = |subject: &EventToSend<'_>| hook.settings.payload.render(&source(hook, subject));
    match subjects {
        [one] if !is_batch(hook, subjects) => render(one),
        several => Ok(payload::array(&several.iter().map(render).collect::<Result<Vec<_>, _>>()?)),
    }
}

/// What texts about one event can tell.
fn source<'a>(hook: &'a ResolvedHook, subject: &EventToSend<'a>) -> Source<'a> {
    Source {
        event_id: subject.event_id,
        event_type: subject.event_type,
        event_timestamp: subject.event_timestamp,
        channels: subject.channels,
        tenant_id: &hook.tenant.id,
        tenant_name: &hook.tenant.name,
        tenant_attributes: &hook.tenant.attributes,
        hook_id: hook.hook.id,
        hook_name: &hook.hook.name,
        delivery_id: subject.delivery,
        data: subject.data,
    }
}

/// Whether it is sent as an array, also of one.
fn is_batch(hook: &ResolvedHook, subjects: &[EventToSend<'_>]) -> bool {
    hook.settings.batch.max_events > 0 || subjects.len() != 1
}

fn authorization(auth: &Auth, token: Option<&Secret>) -> Option<(String, String)> {
    let name = || "authorization".to_owned();
    match auth {
        Auth::None { .. } => None,
        Auth::Basic { username, password, .. } => {
            let credentials = STANDARD.encode(format!("{username}:{}", password.reveal()));
            Some((name(), format!("Basic {credentials}")))
        }
        Auth::Bearer { token, .. } => Some((name(), format!("Bearer {}", token.reveal()))),
        Auth::ApiKey { header, value, .. } => Some((header.clone(), value.reveal().to_owned())),
        Auth::Oauth2 { .. } => token.map(|token| (name(), format!("Bearer {}", token.reveal()))),
    }
}

fn tell(fact: HeaderSource, hook: &ResolvedHook, subject: &EventToSend<'_>, id: &str, at: Timestamp) -> String {
    match fact {
        HeaderSource::EventId => subject.event_id.to_string(),
        HeaderSource::EventType => subject.event_type.to_string(),
        HeaderSource::EventTimestamp => subject.event_timestamp.to_string(),
        HeaderSource::EventUnix => subject.event_timestamp.as_secs().to_string(),
        HeaderSource::TenantId => hook.tenant.id.to_string(),
        HeaderSource::HookId => hook.hook.id.to_string(),
        HeaderSource::HookUid => hook.hook.uid.as_ref().map_or_else(|| hook.hook.id.to_string(), ToString::to_string),
        HeaderSource::DeliveryId => id.to_owned(),
        HeaderSource::AttemptUnix => at.as_secs().to_string(),
    }
}
