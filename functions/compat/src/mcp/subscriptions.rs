//! Subscriptions by webhook. Each is a hook with the profile `mcp` that expires, and its uid is derived of who
//! asks, where to, and for what: whoever asks again has the same one.

mod status;

use std::time::Duration;

use api_client::Refusal;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderValue, StatusCode};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::rpc::{self, Answer, CallerOfApi, Condition, Failure, Session};
use super::{arguments, events};
use crate::hex::hex;
use status::{Challenged, Health};

/// The most subscriptions of one principal. Whatever it expires with holds its place for a day more.
const MAX_SUBSCRIPTIONS: usize = 500;
const USUAL_TTL_MS: i64 = 24 * 3_600_000;
const MIN_TTL_MS: i64 = 300_000;
/// Also of whoever asks for none that ends.
const MAX_TTL_MS: i64 = 30 * 24 * 3_600_000;
/// How long a former secret signs as well, in seconds.
const OVERLAP_SECONDS: u32 = 300;
/// What failed first may be of an event that came so long before.
const LONGEST_RETRY: SignedDuration = SignedDuration::from_mins(15);
/// How often, and how long apart, one that is being made elsewhere is looked for.
const LOOKS: usize = 20;
const LOOK_AGAIN: Duration = Duration::from_millis(50);
const PROFILE: &str = "mcp";
/// Notes which secret is the current one, by a part of its hash.
const SECRET_NOTE: &str = "mcp_secret";
/// Notes with which key or session it was made or refreshed last: once that has ended, it ends as well.
const PRINCIPAL_NOTE: &str = "mcp_principal";

#[derive(Deserialize)]
struct Delivery {
    #[serde(default)]
    mode: Option<String>,
    #[serde(default)]
    url: Option<String>,
    #[serde(default)]
    secret: Option<String>,
}

#[derive(Deserialize)]
struct Hook {
    enabled: bool,
    /// There while somebody has paused it.
    waiting: Option<IgnoredAny>,
    metadata: Map<String, Value>,
    health: Health,
    disabled_at: Option<Timestamp>,
    expires_at: Option<String>,
    updated_at: String,
}

#[derive(Deserialize)]
struct Hooks {
    total: usize,
}

/// What a request asks for.
struct Asked {
    name: String,
    arguments: Map<String, Value>,
    delivery: Delivery,
    url: String,
}

impl Asked {
    fn read(session: &Session<'_>) -> Result<Self, Failure> {
        let request = session.request;
        let name = request.required("name", "the name of an event type")?;
        let arguments = request.optional("arguments", "an object")?.unwrap_or_default();
        let delivery: Delivery = request.required("delivery", "an object with mode, url and secret")?;
        let url = delivery.url.clone().ok_or_else(|| Failure::invalid_params("delivery.url: is required"))?;
        Ok(Self { name, arguments, delivery, url })
    }

    fn id(&self, principal: &str) -> String {
        let key = json!([principal, self.url, self.name, self.arguments]);
        format!("sub_{}", fingerprint(arguments::canonical(&key).as_bytes()))
    }
}

fn fingerprint(bytes: &[u8]) -> String {
    let digest: [u8; 32] = Sha256::digest(bytes).into();
    hex(&digest[..16])
}

fn secret_of(delivery: &Delivery) -> Result<&str, Failure> {
    let expected = "delivery.secret: expected whsec_ and 24 to 64 random bytes in base64";
    let secret = delivery.secret.as_deref().ok_or_else(|| Failure::invalid_params(expected))?;
    let bytes = secret.strip_prefix("whsec_").and_then(|text| STANDARD.decode(text).ok());
    match bytes.filter(|bytes| (24..=64).contains(&bytes.len())) {
        Some(_) => Ok(secret),
        None => Err(Failure::invalid_params(expected)),
    }
}

/// Until when it lasts, and not longer than the key or session that asks. What is out of range is brought into it,
/// as the SEP has it.
fn granted(session: &Session<'_>, caller: &CallerOfApi) -> Result<Timestamp, Failure> {
    let wrong = || Failure::invalid_params("ttlMs: expected a whole number of milliseconds, or null");
    let asked = match session.request.params.get("ttlMs").map(|raw| raw.get()) {
        None => USUAL_TTL_MS,
        Some("null") => MAX_TTL_MS,
        Some(text) => {
            let number: serde_json::Number = serde_json::from_str(text).map_err(|_| wrong())?;
            number.as_i64().or_else(|| number.as_u64().map(|_| i64::MAX)).ok_or_else(wrong)?
        }
    };
    let ttl = SignedDuration::from_millis(asked.clamp(MIN_TTL_MS, MAX_TTL_MS));
    let until = caller.now.checked_add(ttl).map_err(|_| Failure::internal("the time is out of range"))?;
    Ok(caller.expires_at.map_or(until, |end| until.min(end)))
}

fn written(at: Timestamp) -> String {
    format!("{at:.3}")
}

pub(super) async fn subscribe(session: &Session<'_>) -> Answer {
    let asked = Asked::read(session)?;
    let found = events::find(session, &asked.name).await?;
    arguments::check(found.schema.as_ref(), &asked.arguments)?;
    match asked.delivery.mode.as_deref() {
        Some("webhook") => {}
        mode => {
            let data = json!({ "feature": "deliveryMode", "value": mode });
            return Err(session.condition(Condition::Unsupported, data));
        }
    }
    let secret = secret_of(&asked.delivery)?;
    let had_cursor = session.request.optional::<String>("cursor", "a text or null")?.is_some();
    session.request.optional::<u64>("maxAgeMs", "a whole number of milliseconds")?;
    let caller = session.caller().await?;
    let until = granted(session, &caller)?;
    let id = asked.id(&caller.id);
    let known = match get(session, &id).await? {
        Some(hook) => Some(hook),
        None => make(session, &asked, &caller, &id, (secret, until)).await?,
    };
    let Some(hook) = known else {
        let made = challenge(session, &id).await;
        if let Err(failure) = made {
            abandon(session, &id).await?;
            return Err(failure);
        }
        return answer(&id, until, had_cursor, None);
    };
    let status = refresh(session, &caller, &id, &hook, (secret, until)).await?;
    answer(&id, until, false, Some(status))
}

fn answer(id: &str, until: Timestamp, truncated: bool, status: Option<Value>) -> Answer {
    let mut told = json!({ "id": id, "refreshBefore": written(until), "cursor": null, "truncated": truncated });
    if let Some(status) = status {
        told["deliveryStatus"] = status;
    }
    rpc::result(&told)
}

/// `/v1/tenants/{tenant}/hooks/{hook}`, of a subscription.
struct Place<'a> {
    tenant: &'a str,
    hook: String,
}

fn place<'a>(session: &Session<'a>, id: &str) -> Place<'a> {
    Place { tenant: session.tenant, hook: format!("uid:{id}") }
}

impl Place<'_> {
    fn path<'a>(&'a self, rest: &[&'a str]) -> Vec<&'a str> {
        [&["v1", "tenants", self.tenant, "hooks", &*self.hook], rest].concat()
    }
}

async fn get(session: &Session<'_>, id: &str) -> Result<Option<Hook>, Failure> {
    match session.api.get(&place(session, id).path(&[]), &[]).await {
        Ok(hook) => Ok(Some(hook)),
        Err(Refusal { status: StatusCode::NOT_FOUND, .. }) => Ok(None),
        Err(refusal) => Err(session.refused(refusal)),
    }
}

/// None where it was made; the hook where somebody else has made it at the same time.
async fn make(
    session: &Session<'_>,
    asked: &Asked,
    caller: &CallerOfApi,
    id: &str,
    (secret, until): (&str, Timestamp),
) -> Result<Option<Hook>, Failure> {
    let name = format!("MCP subscription of {}", caller.id);
    let same = [("name", name.as_str()), ("limit", "1")];
    let hooks: Hooks =
        session.api.get(&session.path(&["hooks"]), &same).await.map_err(|refusal| session.refused(refusal))?;
    if hooks.total >= MAX_SUBSCRIPTIONS {
        let data = json!({ "limit": "subscriptions", "max": MAX_SUBSCRIPTIONS });
        return Err(session.condition(Condition::ResourceExhausted, data));
    }
    let body = json!({
        "uid": id,
        "name": name,
        "url": asked.url,
        "events": [asked.name],
        "filter": arguments::filter(&asked.arguments),
        "secret": secret,
        "profile": PROFILE,
        "metadata": { SECRET_NOTE: fingerprint(secret.as_bytes()), PRINCIPAL_NOTE: caller.asked_with },
        "expires_at": written(until),
    });
    // Its uid is taken once, so that the same request at the same time makes one hook.
    let made = session.api.post::<IgnoredAny>(&session.path(&["hooks"]), &body).await;
    match made {
        Ok(_) => Ok(None),
        // Its uid is taken: somebody has just made it.
        Err(refusal) if refusal.code == "conflict" => {
            // Its uid is taken before it is written.
            for _ in 0..LOOKS {
                if let Some(hook) = get(session, id).await? {
                    return Ok(Some(hook));
                }
                tokio::time::sleep(LOOK_AGAIN).await;
            }
            Err(session.refused(Refusal { status: StatusCode::TOO_MANY_REQUESTS, ..refusal }))
        }
        Err(refusal) => Err(session.refused(refusal)),
    }
}

/// Asks the endpoint whether it wants these requests.
async fn challenge(session: &Session<'_>, id: &str) -> Result<(), Failure> {
    let sent: Result<Challenged, Refusal> = session.api.post(&place(session, id).path(&["verify"]), &json!({})).await;
    let sent = sent.map_err(|refusal| session.refused(refusal))?;
    match sent.status {
        true => Ok(()),
        false => Err(session.condition(Condition::CallbackEndpointError, json!({ "reason": sent.reason() }))),
    }
}

/// Nothing is left of what came to nothing, unless it was verified by another request at the same time.
async fn abandon(session: &Session<'_>, id: &str) -> Result<(), Failure> {
    if get(session, id).await?.is_none_or(|hook| hook.health.verified_at.is_some()) {
        return Ok(());
    }
    remove(session, id).await.map(drop)
}

async fn remove(session: &Session<'_>, id: &str) -> Result<bool, Failure> {
    // Whoever ends it need not be told.
    match session.api.delete_with(&place(session, id).path(&[]), &[("tell", "false")]).await {
        Ok(()) => Ok(true),
        Err(Refusal { status: StatusCode::NOT_FOUND, .. }) => Ok(false),
        Err(refusal) => Err(session.refused(refusal)),
    }
}

/// Lets it last longer. What the endpoint has not confirmed is asked again first, and nothing changes until then.
async fn refresh(
    session: &Session<'_>,
    caller: &CallerOfApi,
    id: &str,
    hook: &Hook,
    (secret, until): (&str, Timestamp),
) -> Result<Value, Failure> {
    if hook.health.verified_at.is_none() {
        challenge(session, id).await?;
    }
    let place = place(session, id);
    let note = fingerprint(secret.as_bytes());
    let mut change = json!({});
    if hook.expires_at.as_deref() != Some(written(until).as_str()) {
        change["expires_at"] = written(until).into();
    }
    let mut metadata = hook.metadata.clone();
    metadata.insert(PRINCIPAL_NOTE.to_owned(), caller.asked_with.clone().into());
    if hook.metadata.get(SECRET_NOTE).and_then(Value::as_str) != Some(note.as_str()) {
        // Of this change alone: a secret may come back that was in use before.
        let of = fingerprint(hook.updated_at.as_bytes());
        let key = HeaderValue::try_from(format!("mcp-{id}-{note}-{of}")).ok();
        let rotation = json!({ "secret": secret, "overlap": OVERLAP_SECONDS });
        let path = place.path(&["secret", "rotate"]);
        let rotated = session.api.once(key.as_ref()).post::<IgnoredAny>(&path, &rotation).await;
        rotated.map_err(|refusal| session.refused(refusal))?;
        metadata.insert(SECRET_NOTE.to_owned(), note.into());
    }
    if metadata != hook.metadata {
        change["metadata"] = metadata.into();
    }
    // Whoever has paused it by hand ends that by hand.
    let is_suspended = !hook.enabled && hook.waiting.is_none();
    if is_suspended {
        change["enabled"] = true.into();
    }
    // Of what it was: what is enabled begins its health anew.
    let status = status::of(session, &place, hook).await?;
    let mut changed = session.api.patch::<IgnoredAny>(&place.path(&[]), &change).await;
    // By the same request at the same time.
    if changed.as_ref().is_err_and(|refusal| refusal.code == "overtaken") {
        changed = session.api.patch(&place.path(&[]), &change).await;
    }
    changed.map_err(|refusal| session.refused(refusal))?;
    if is_suspended {
        catch_up(session, &place, hook).await;
    }
    Ok(status)
}

/// Asks for what was lost while it was disabled, where the caller may. That it is enabled does not depend on it.
async fn catch_up(session: &Session<'_>, place: &Place<'_>, hook: &Hook) {
    let since = hook.health.failing_since.or(hook.disabled_at).and_then(|at| at.checked_sub(LONGEST_RETRY).ok());
    let Some(since) = since else { return };
    let key = HeaderValue::try_from(format!("mcp-catch-up-{}", fingerprint(hook.updated_at.as_bytes()))).ok();
    let asked = json!({ "kind": "undelivered", "since": written(since) });
    let _: Result<IgnoredAny, Refusal> = session.api.once(key.as_ref()).post(&place.path(&["replays"]), &asked).await;
}

pub(super) async fn unsubscribe(session: &Session<'_>) -> Answer {
    let asked = Asked::read(session)?;
    let id = asked.id(&session.caller().await?.id);
    // Clients from before the SEP was final expect it to be gone, whatever was there.
    if !remove(session, &id).await? && session.knows_extension() {
        return Err(session.condition(Condition::NotFound, json!({ "kind": "subscription" })));
    }
    rpc::result(&json!({}))
}
