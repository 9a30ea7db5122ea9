//! The request that a profile makes, as it would leave, without sending it.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use domain::destination::Destination;
use domain::event_type::EventTypeEntry;
use domain::hook::Hook;
use domain::ids::{DeliveryId, EventId, EventSeq, EventType, HookId, ProfileName, TenantId};
use domain::layers::HookProfiles;
use domain::profile::{self, Profile};
use domain::settings::Settings;
use domain::strict::Members;
use domain::tenant::Tenant;
use domain::unknown::Unknown;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use services::delivery::request::{self, EventToSend, FORM};
use services::delivery::resolved_hook::ResolvedHook;
use utoipa::ToSchema;

use super::{ProfileFields, apply};
use crate::Deps;
use crate::auth::Operator;
use crate::input::{Body, open, read};
use crate::problem::{FieldError, Problem};
use crate::routes::events::check_data_size;
use crate::routes::hooks::provide_missing_secrets;
use crate::routes::request_view::RequestView;

/// An address that nobody has (RFC 2606).
const USUAL_URL: &str = "https://receiver.example.com/webhooks";
const USUAL_TYPE: &str = "post.published";
const USUAL_DATA: &str = r#"{"id":"42","title":"An example","state":"live"}"#;
/// Members of the body that are no settings of the profile.
const OWN: [&str; 4] = ["profile", "url", "event_type", "data"];

/// A profile as it is or would be, and the event to show it with.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it documents a body that is taken apart as it is read")]
pub(crate) struct ProfilePreview {
    #[serde(flatten)]
    shown: Shown,
    #[serde(flatten)]
    fields: ProfileFields,
    #[serde(flatten)]
    settings: Settings,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Shown {
    /// The profile to begin with; `standard` when absent. Fields and settings beside it are
    /// applied to it, as a change of the profile would.
    #[schema(value_type = Option<String>)]
    profile: Option<ProfileName>,
    /// Where the hook would send; an example when absent.
    url: Option<String>,
    /// The profile's first event type by default.
    #[schema(pattern = r"^(?!\.{1,2}$)[A-Za-z0-9_.-]{1,128}$")]
    event_type: Option<String>,
    /// The type's example by default.
    #[schema(value_type = Option<serde_json::Value>)]
    data: Option<Box<RawValue>>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct PreviewedRequest {
    /// Signed with a secret that was made for it. Credentials are masked
    request: RequestView,
}

/// Show the request that a profile makes
///
/// For a hook that decides nothing itself, and an example event. Nothing is stored or sent.
#[utoipa::path(post, path = "/v1/profile-previews", operation_id = "profiles.preview", tag = "profiles", request_body(content = Option<ProfilePreview>, examples(
        ("as_it_is" = (summary = "A profile as it is", value = json!({ "profile": "standard", "event_type": "post.published", "data": { "post_id": 1 } }))),
        ("changed" = (summary = "With another signature", value = json!({
            "profile": "standard", "signatures": [{ "scheme": "hmac_sha256", "header": "X-House-Signature", "prefix": "sha256=" }]
        })))
    )), responses(
    (status = 200, body = PreviewedRequest),
    (status = 413, description = "`data` is larger than that of an event may be")
))]
pub(crate) async fn preview(
    _: Operator,
    State(deps): State<Arc<Deps>>,
    body: Body<Members>,
) -> Result<Json<PreviewedRequest>, Problem> {
    let mut body = body.checked()?;
    let own: Vec<String> =
        OWN.iter().filter_map(|name| body.remove(*name).map(|value| format!(r#""{name}":{}"#, value.get()))).collect();
    let (shown, wrong) = open(read::<Shown>(format!("{{{}}}", own.join(",")).as_bytes())?)?;
    let begin = match &shown.profile {
        Some(name) => deps
            .resolved
            .find_profile(name)
            .await?
            .ok_or_else(|| wrong_field("profile", &"there is no such profile"))?,
        None => deps.resolved.find_profile(&standard()?).await?.ok_or_else(Problem::internal)?,
    };
    let mut profile = Profile::clone(&begin);
    apply(&deps, &mut profile, &body, &OWN, wrong).await?;
    let entry = profile.event_types.first().cloned();
    shown.data.as_deref().map_or(Ok(()), check_data_size)?;
    let event_type = event_type_of(shown.event_type.as_deref(), entry.as_ref())?;
    let known = profile.event_types.iter().find(|entry| entry.name == event_type);
    let data = match (shown.data, known.and_then(|entry| entry.example.as_ref())) {
        (Some(data), _) => data,
        (None, Some(example)) => example.raw().to_owned(),
        (None, None) => RawValue::from_string(USUAL_DATA.to_owned()).map_err(|_| Problem::internal())?,
    };
    let url = shown.url.as_deref().unwrap_or(USUAL_URL);
    if let Err(refused) = Destination::allowed(url, &deps.addresses) {
        return Err(wrong_field("url", &refused));
    }
    let hook = example_hook(&deps, profile, url)?;
    Ok(Json(PreviewedRequest { request: view(&deps, &hook, &event_type, &data)? }))
}

fn standard() -> Result<ProfileName, Problem> {
    profile::STANDARD.parse().map_err(|_| Problem::internal())
}

fn event_type_of(given: Option<&str>, first: Option<&EventTypeEntry>) -> Result<EventType, Problem> {
    match (given, first) {
        (None, Some(entry)) => Ok(entry.name.clone()),
        (given, _) => given.unwrap_or(USUAL_TYPE).parse().map_err(|error| wrong_field("event_type", &error)),
    }
}

/// A hook that leaves everything to the profile.
fn example_hook(deps: &Deps, profile: Profile, url: &str) -> Result<ResolvedHook, Problem> {
    let now = deps.clock.now();
    let id: TenantId = "example".parse().map_err(|_| Problem::internal())?;
    let tenant = Tenant {
        attributes: Default::default(),
        created_with: None,
        metadata: Default::default(),
        id: id.clone(),
        name: String::new(),
        profile: None,
        settings: Settings::default(),
        retention_days: None,
        strict_event_types: false,
        portal: None,
        created_at: now,
        updated_at: now,
        version: 1,
        unknown: Unknown::NONE,
    };
    let settings = profile.completed();
    let mut hook = Hook::new(id, HookId::new(now, deps.random.as_ref()), url.to_owned(), now);
    provide_missing_secrets(&mut hook, &settings, deps.random.as_ref());
    let profiles = HookProfiles { named: None, base: Arc::new(profile) };
    Ok(ResolvedHook::new(Arc::new(hook), Arc::new(tenant), profiles))
}

fn view(deps: &Deps, hook: &ResolvedHook, event_type: &EventType, data: &RawValue) -> Result<RequestView, Problem> {
    let now = deps.clock.now();
    let delivery = DeliveryId { event: EventSeq::new(now, deps.random.as_ref()), hook: hook.hook.id };
    let event_id: EventId = "event-1".parse().map_err(|_| Problem::internal())?;
    let channels = BTreeSet::new();
    let subject =
        EventToSend { delivery, event_id: &event_id, event_type, event_timestamp: now, channels: &channels, data };
    let subjects = [subject];
    let name = request::name(hook, &subjects);
    let made = RequestView::made_again(hook, &subjects, &name, now, FORM, false);
    made.map_err(|why| wrong_field("", &why))
}

fn wrong_field(field: &str, why: &dyn Display) -> Problem {
    Problem::invalid(StatusCode::UNPROCESSABLE_ENTITY, vec![FieldError::new(field, why.to_string())])
}
