//! The question that an endpoint is asked before it gets requests, where its hook has a verification
//! of the kind `options` (HTTP 1.1 Web Hooks for Event Delivery 1.0.2, section 4). It carries no
//! credentials: nobody knows yet whether this is an endpoint at all. One of the kind `challenge` is signed
//! like any other request (Model Context Protocol, SEP-3415).

use bytes::Bytes;
use contract::ports::{HttpRequest, HttpResponse, HttpResult, OsRandom, SendFault};
use domain::delivery::AttemptOutcome;
use domain::destination::Destination;
use domain::random::Random as _;
use domain::seconds::Seconds;
use domain::settings::{MASK, ORIGIN_HEADER};
use domain::verification::{consent, returns_challenge};
use services::delivery::request::USER_AGENT;
use services::delivery::resolved_hook::ResolvedHook;

use crate::{Courier, destination};

/// What an endpoint was asked before its request went out, and what it said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Handshake {
    NotAsked,
    /// It allows so many requests a minute, or any number.
    Granted {
        per_minute: Option<u32>,
    },
    /// What was sent is the question alone.
    Refused {
        reason: Option<String>,
    },
}

impl Handshake {
    pub fn is_refused(&self) -> bool {
        matches!(self, Self::Refused { .. })
    }
}

pub(crate) fn question(hook: &ResolvedHook, destination: &Destination, origin: &str) -> HttpRequest {
    let settings = &hook.settings;
    let mut headers =
        vec![("user-agent".to_owned(), USER_AGENT.to_owned()), (ORIGIN_HEADER.to_owned(), origin.to_owned())];
    if let Some(rate) = settings.verification.rate {
        headers.push(("WebHook-Request-Rate".to_owned(), rate.to_string()));
    }
    headers.extend(callback(hook).map(|url| ("WebHook-Request-Callback".to_owned(), url)));
    destination::question(destination, headers, settings.timeout.clone())
}

/// Where the endpoint may consent later. The key in it is what shows that it was asked.
fn callback(hook: &ResolvedHook) -> Option<String> {
    let base = hook.public_url.as_ref().map(ToString::to_string).filter(|url| url.starts_with("https://"))?;
    // As it is shown, nothing tells of which kind the key was.
    let masked = || hook.hook.verification_key.as_ref().filter(|key| key.reveal() == MASK);
    let key = hook.hook.consent_key().or_else(masked)?.reveal();
    Some(format!("{base}/v1/tenants/{}/hooks/{}/confirm?key={key}", hook.tenant.id, hook.hook.id))
}

/// Asks, and tells what came of it.
pub(crate) async fn ask(
    courier: &Courier,
    hook: &ResolvedHook,
    destination: &Destination,
    origin: &str,
) -> Result<(HttpResult, Handshake), SendFault> {
    let mut request = question(hook, destination, origin);
    let most = request.timeout.total.duration().min(courier.patience);
    request.timeout.total = Seconds::from_millis(u64::try_from(most.as_millis()).unwrap_or(u64::MAX));
    let mut result = destination::send(courier, destination, request).await?;
    if let Ok(response) = &mut result.answer {
        conceal(hook, response);
    }
    let handshake = match &result.answer {
        Ok(response) => judge(hook, response),
        Err(_) => Handshake::Refused { reason: None },
    };
    Ok((result, handshake))
}

/// Its owner reads what is kept of the answer, and is not to find the key there: of an endpoint that echoes what
/// it gets, however it cuts or writes it, the body goes.
fn conceal(hook: &ResolvedHook, response: &mut HttpResponse) {
    response.body = Bytes::new();
    let Some(key) = hook.hook.consent_key() else { return };
    for (name, value) in &mut response.headers {
        *name = name.replace(key.reveal(), MASK);
        *value = value.replace(key.reveal(), MASK);
    }
}

fn judge(hook: &ResolvedHook, response: &HttpResponse) -> Handshake {
    let allowed = ["webhook-allowed-origin", "webhook-allowed-rate"].map(|name| response.header(name));
    match consent(&hook.settings.verification, allowed) {
        Ok(per_minute) => Handshake::Granted { per_minute },
        Err(reason) => Handshake::Refused { reason: Some(reason) },
    }
}

/// A text that is used once, and how the request is named that carries it.
pub(crate) struct Challenge {
    pub(crate) text: String,
    pub(crate) id: String,
}

impl Challenge {
    pub(crate) fn random() -> Self {
        // Not from an injected source: none must ever repeat.
        let draw = || {
            let mut bytes = [0_u8; 16];
            OsRandom.fill(&mut bytes);
            u128::from_be_bytes(bytes)
        };
        Self { text: format!("{:032x}{:032x}", draw(), draw()), id: format!("msg_verification_{:032x}", draw()) }
    }

    pub(crate) fn json(&self) -> String {
        format!(r#"{{"type":"verification","challenge":"{}"}}"#, self.text)
    }

    /// As it is shown: which text it was is told to nobody else.
    pub(crate) fn shown(id: &str) -> Self {
        Self { text: MASK.to_owned(), id: id.to_owned() }
    }
}

pub(crate) fn judge_challenge(hook: &ResolvedHook, response: &HttpResponse, challenge: &str) -> Handshake {
    let is_success = hook.settings.success.judge(response.status, &response.body) == AttemptOutcome::Success;
    match is_success && returns_challenge(&response.body, challenge) {
        true => Handshake::Granted { per_minute: None },
        false => {
            let reason = "it did not return the challenge as {\"challenge\":…} with a status of success";
            Handshake::Refused { reason: Some(reason.to_owned()) }
        }
    }
}
