//! Endpoints are hooks.

mod headers;
mod recovery;
mod secrets;

pub(crate) use headers::{get_headers, patch_headers, put_headers};
pub(crate) use recovery::{attempt_stats, bulk_replay, recover, replay_missing, send_example, stats};
pub(crate) use secrets::{get_secret, rotate_secret};

use api_client::Refusal;
use axum::Json;
use axum::extract::Path;
use axum::response::Response;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::PROFILE;
use super::access::Access;
use super::answer::{Item, Refused, made_or};
use super::applications::descending;
use super::fields::{Body, Fields, Given, NAME, Query, is_name};
use super::ids::{endpoint_id, found, hook_of, tenant_of};
use super::page::{List, Page, Source};
use headers::as_setting;

/// As many hooks as a tenant can be given.
const MOST: usize = 100_000;
const MAX_CHANNELS: usize = 10;
const KNOWN: &str =
    "url, description, uid, disabled, eventTypes, filterTypes, channels, metadata, throttleRate, rateLimit, version";

/// A hook, as far as it is shown here.
#[derive(Clone, Deserialize)]
pub(crate) struct Hook {
    pub(crate) id: String,
    uid: Option<String>,
    description: String,
    pub(crate) url: String,
    events: Vec<String>,
    channels: Vec<String>,
    enabled: bool,
    rate_limit: u32,
    own_settings: Vec<String>,
    headers: Value,
    metadata: Value,
    created_at: String,
    updated_at: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Endpoint {
    #[serde(flatten)]
    common: EndpointCommon,
    metadata: Value,
}

/// What is shown of an endpoint also beside the messages that went there.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EndpointCommon {
    id: String,
    url: String,
    description: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    uid: Option<String>,
    disabled: bool,
    /// By both names, of both generations of SDKs.
    event_types: Option<Vec<String>>,
    filter_types: Option<Vec<String>>,
    channels: Option<Vec<String>>,
    rate_limit: Option<u32>,
    throttle_rate: Option<u32>,
    version: u8,
    created_at: String,
    updated_at: String,
}

impl From<Hook> for EndpointCommon {
    fn from(hook: Hook) -> Self {
        let is_own = hook.own_settings.iter().any(|name| name == "rate_limit");
        let rate = Some(hook.rate_limit).filter(|rate| is_own && *rate > 0);
        let event_types = Some(hook.events).filter(|events| *events != ["*"]);
        Self {
            id: endpoint_id(&hook.id),
            url: hook.url,
            description: hook.description,
            uid: hook.uid,
            disabled: !hook.enabled,
            filter_types: event_types.clone(),
            event_types,
            channels: Some(hook.channels).filter(|channels| !channels.is_empty()),
            rate_limit: rate,
            throttle_rate: rate,
            version: 1,
            created_at: hook.created_at,
            updated_at: hook.updated_at,
        }
    }
}

impl From<Hook> for Endpoint {
    fn from(hook: Hook) -> Self {
        Self { metadata: hook.metadata.clone(), common: hook.into() }
    }
}

/// What is said of an endpoint.
struct EndpointIn {
    url: Given<String>,
    description: Given<String>,
    uid: Given<String>,
    disabled: Given<bool>,
    event_types: Given<Vec<String>>,
    channels: Given<Vec<String>>,
    rate: Given<u16>,
    metadata: Given<Map<String, Value>>,
}

impl EndpointIn {
    fn take(body: &mut Fields) -> Self {
        let names = "names, or null";
        let taken = Self {
            url: body.text("url"),
            description: body.text("description"),
            uid: body.text("uid"),
            disabled: body.read("disabled", "true or false"),
            event_types: body.either("eventTypes", "filterTypes", names),
            channels: body.read("channels", names),
            rate: body.either("throttleRate", "rateLimit", "a number from 1 to 65535, or null"),
            metadata: body.read("metadata", "names and texts"),
        };
        if !matches!(body.read::<u16>("version", "a number"), Given::Absent | Given::Null | Given::Value(1)) {
            body.refuse("version", "expected 1: endpoints have one version");
        }
        for (field, is_null) in [
            ("url", taken.url == Given::Null),
            ("description", taken.description == Given::Null),
            ("disabled", taken.disabled == Given::Null),
        ] {
            if is_null {
                body.refuse(field, "cannot be null");
            }
        }
        if let Given::Value(uid) = &taken.uid {
            if !is_name(uid) {
                body.refuse("uid", NAME);
            } else if uid.starts_with("ep_") {
                body.refuse("uid", "cannot begin with ep_, as ids do");
            }
        }
        if taken.rate == Given::Value(0) {
            body.refuse("throttleRate", "Endpoint throttle rate must be at least one if set");
        }
        match &taken.event_types {
            Given::Value(types) if types.is_empty() => {
                body.refuse("eventTypes", "eventTypes can't be empty, it must have at least one item.");
            }
            Given::Value(types) if !types.iter().all(|one| is_name(one)) => body.refuse("eventTypes", NAME),
            _ => {}
        }
        match &taken.channels {
            Given::Value(channels) if !(1..=MAX_CHANNELS).contains(&channels.len()) => {
                let message = "Channels must have at least 1 and at most 10 items, or be set to null.";
                body.refuse("channels", message);
            }
            Given::Value(channels) if !channels.iter().all(|one| is_name(one)) => body.refuse("channels", NAME),
            _ => {}
        }
        taken
    }

    /// All of it, as where an endpoint is made or replaced.
    fn whole(body: &mut Fields) -> Self {
        let taken = Self::take(body);
        if taken.url == Given::Absent {
            body.refuse("url", "is required");
        }
        taken
    }

    /// As the API has it. What is absent is left out, or as it was in the beginning.
    fn body(self, whole: bool) -> Map<String, Value> {
        let mut fields = Map::new();
        put(&mut fields, "url", self.url, None);
        put(&mut fields, "description", self.description, whole.then(|| "".into()));
        put(&mut fields, "uid", self.uid, whole.then_some(Value::Null));
        let enabled = match self.disabled {
            Given::Value(disabled) => Given::Value(!disabled),
            Given::Null => Given::Null,
            Given::Absent => Given::Absent,
        };
        put(&mut fields, "enabled", enabled, whole.then(|| true.into()));
        let event_types =
            if self.event_types == Given::Null { Given::Value(vec!["*".to_owned()]) } else { self.event_types };
        put(&mut fields, "events", event_types, whole.then(|| json!(["*"])));
        let channels = if self.channels == Given::Null { Given::Value(Vec::new()) } else { self.channels };
        put(&mut fields, "channels", channels, whole.then(|| json!([])));
        put(&mut fields, "rate_limit", self.rate, whole.then_some(Value::Null));
        let metadata = if self.metadata == Given::Null { Given::Value(Map::new()) } else { self.metadata };
        put(&mut fields, "metadata", metadata, whole.then(|| json!({})));
        fields
    }
}

/// Sets a field that was given, or to what it is otherwise.
fn put<T: Serialize>(fields: &mut Map<String, Value>, name: &str, given: Given<T>, otherwise: Option<Value>) {
    let value = match given {
        Given::Value(value) => Some(json!(value)),
        Given::Null => Some(Value::Null),
        Given::Absent => otherwise,
    };
    fields.extend(value.map(|value| (name.to_owned(), value)));
}

/// An event type of the catalogue.
#[derive(Deserialize)]
struct Known {
    archived: bool,
}

/// Whether all event types are in the catalogue that a request names.
async fn check_event_types(access: &Access, tenant: &str, body: &Map<String, Value>) -> Result<(), Refused> {
    let names = body.get("events").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    let mut missing = Vec::new();
    for name in names.filter(|name| *name != "*") {
        let path = ["v1", "tenants", tenant, "event-types", name];
        match access.api().get::<Known>(&path, &[]).await {
            Ok(known) if !known.archived => {}
            Ok(_) => missing.push(name),
            // Whether it is the tenant or the type that is missing shows below.
            Err(Refusal { status: StatusCode::NOT_FOUND, .. }) => missing.push(name),
            Err(refusal) => return Err(refusal.into()),
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    let message = format!("The following event types don't exist: {}", missing.join(", "));
    Err(Refused::Items(vec![Item::new(&["body", "eventTypes"], message)]))
}

/// `/v1/tenants/{tenant}/hooks/{hook}`, of the application and the endpoint of a path.
pub(crate) struct Place {
    pub(crate) tenant: String,
    pub(crate) hook: String,
}

impl Place {
    pub(crate) fn of(app: &str, endpoint: &str) -> Result<Self, Refused> {
        Ok(Self { tenant: tenant_of(app)?, hook: hook_of(endpoint) })
    }

    pub(crate) fn path<'a>(&'a self, rest: &[&'a str]) -> Vec<&'a str> {
        [&["v1", "tenants", &*self.tenant, "hooks", &*self.hook], rest].concat()
    }

    pub(crate) async fn hook(&self, access: &Access) -> Result<Hook, Refused> {
        Ok(access.api().get(&self.path(&[]), &[]).await?)
    }
}

/// Every hook of a tenant, in the order they were made.
async fn all(access: &Access, tenant: &str) -> Result<Vec<Hook>, Refused> {
    let path = ["v1", "tenants", tenant, "hooks"];
    Source { access, path: &path, asked: vec![("order", "created".to_owned())] }.all(MOST).await
}

pub(crate) async fn list(
    access: Access,
    Path(app): Path<String>,
    Query(mut query): Query,
) -> Result<Json<List<Endpoint>>, Refused> {
    let page = Page::read(&mut query);
    let descending = descending(&mut query, true);
    query.end("limit, iterator, order")?;
    let mut hooks = all(&access, &tenant_of(&app)?).await?;
    if descending {
        hooks.reverse();
    }
    Ok(Json(page.of(hooks, |hook| endpoint_id(&hook.id))?.map(Endpoint::from)))
}

pub(crate) async fn create(access: Access, Path(app): Path<String>, Body(mut body): Body) -> Result<Response, Refused> {
    let given = EndpointIn::whole(&mut body);
    let secret = body.text("secret");
    let headers = body.read::<Map<String, Value>>("headers", "names and texts");
    body.end(&format!("{KNOWN}, secret, headers"))?;
    let mut fields = given.body(false);
    fields.extend(secret.value().map(|secret| ("secret".to_owned(), secrets::with_prefix(secret).into())));
    if let Given::Value(headers) = headers {
        fields.insert("headers".to_owned(), as_setting(&headers)?.into());
    }
    make(&access, &tenant_of(&app)?, fields).await
}

async fn make(access: &Access, tenant: &str, mut fields: Map<String, Value>) -> Result<Response, Refused> {
    check_event_types(access, tenant, &fields).await?;
    fields.insert("profile".to_owned(), PROFILE.into());
    fields.entry("events").or_insert_with(|| json!(["*"]));
    let hook: Hook = access.once().post(&["v1", "tenants", tenant, "hooks"], &fields).await?;
    Ok(made_or(true, Endpoint::from(hook)))
}

pub(crate) async fn get(
    access: Access,
    Path((app, endpoint)): Path<(String, String)>,
    Query(query): Query,
) -> Result<Json<Endpoint>, Refused> {
    query.end("none")?;
    Ok(Json(Place::of(&app, &endpoint)?.hook(&access).await?.into()))
}

pub(crate) async fn update(
    access: Access,
    Path((app, endpoint)): Path<(String, String)>,
    Body(mut body): Body,
) -> Result<Response, Refused> {
    let given = EndpointIn::whole(&mut body);
    body.end(KNOWN)?;
    let place = Place::of(&app, &endpoint)?;
    let mut fields = given.body(true);
    match found(access.api().get::<Hook>(&place.path(&[]), &[]).await)? {
        Some(_) => {
            check_event_types(&access, &place.tenant, &fields).await?;
            let hook: Hook = access.api().patch(&place.path(&[]), &fields).await?;
            Ok(made_or(false, Endpoint::from(hook)))
        }
        None => {
            fields.retain(|name, value| name != "rate_limit" || !value.is_null());
            make(&access, &place.tenant, fields).await
        }
    }
}

pub(crate) async fn patch(
    access: Access,
    Path((app, endpoint)): Path<(String, String)>,
    Body(mut body): Body,
) -> Result<Json<Endpoint>, Refused> {
    let given = EndpointIn::take(&mut body);
    // The former generation could replace the secret so.
    let secret = body.text("secret");
    body.end(&format!("{KNOWN}, secret"))?;
    let place = Place::of(&app, &endpoint)?;
    let mut fields = given.body(false);
    fields.extend(secret.value().map(|secret| ("secret".to_owned(), secrets::with_prefix(secret).into())));
    check_event_types(&access, &place.tenant, &fields).await?;
    Ok(Json(access.api().patch::<Hook>(&place.path(&[]), &fields).await?.into()))
}

pub(crate) async fn delete(
    access: Access,
    Path((app, endpoint)): Path<(String, String)>,
) -> Result<StatusCode, Refused> {
    access.api().delete(&Place::of(&app, &endpoint)?.path(&[])).await?;
    Ok(StatusCode::NO_CONTENT)
}
