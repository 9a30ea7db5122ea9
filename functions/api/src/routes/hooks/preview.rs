//! What a hook, or a change of it, makes of an event of the past. Nothing is stored or sent.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use domain::choices;
use domain::filter::UnmetCondition;
use domain::hook::Hook;
use domain::ids::{DeliveryId, EventId};
use domain::judgement::Judgement;
use domain::random::Random;
use domain::secret::SigningSecret;
use domain::strict::Members;
use serde::Serialize;
use services::delivery::request::{self, EventToSend, FORM};
use services::delivery::resolved_hook::ResolvedHook;
use utoipa::ToSchema;

use super::rules::{GivenSecret, Written, comply};
use super::settings::HookSettings;
use super::{find, owner};
use crate::Deps;
use crate::auth::{Access, Limits, MayManage};
use crate::input::{Body, Segments};
use crate::problem::{FieldError, Problem};
use crate::routes::request_view::{RequestView, masked};
use crate::routes::secrets::another;

/// An event, and what would be changed.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it documents a body that is taken apart as it is read")]
pub(crate) struct NewHookPreview {
    /// The id of an event that is kept
    event: String,
    /// As in a change of the hook
    #[serde(flatten)]
    settings: HookSettings,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct HookPreview {
    /// Whether the hook would get the event
    wanted: bool,
    /// What it would be passed over by; null when it would get it
    cause: Option<PreviewCause>,
    /// Of the cause `filter`: each condition that `data` does not meet
    unmet: Vec<UnmetCondition>,
    /// The request that would be made of it in any case. It is signed with secrets that were made for this, and credentials
    /// in it are masked
    request: RequestView,
}

choices! {
    /// What an event is passed over by.
    #[derive(Clone, Copy, PartialEq, Eq, Serialize)]
    pub(crate) enum PreviewCause {
        /// None of the hook's `events` matches its type.
        Type = "type",
        /// The hook asks for `channels`, and the event has none of them.
        Channel = "channel",
        /// The hook's `filter` does not admit its `data`; `unmet` says why.
        Filter = "filter",
        /// The hook had expired when the event was accepted.
        HookExpired = "hook_expired",
    }
}

/// Show what a hook would make of an event
///
/// As it is, or with the changes that are given, which are checked as a change of it would be:
/// whether it would get an event that is kept, and the request that would be made of it.
/// Nothing is stored or sent.
#[utoipa::path(post, path = "/v1/tenants/{tenant}/hooks/{hook}/preview", operation_id = "hooks.preview", tag = "hooks",
    params(("tenant" = String, Path), ("hook" = String, Path)), request_body(content = NewHookPreview, examples(
        ("as_it_is" = (summary = "As the hook is", value = json!({ "event": "post-1-published" }))),
        ("changed" = (summary = "With another filter", value = json!({ "event": "post-1-published", "filter": { "platform": ["linkedin", "facebook"] } })))
    )), responses(
    (status = 200, body = HookPreview),
    (status = 409, description = "The event's payload was removed")
))]
pub(crate) async fn preview(
    MayManage(tenant): MayManage,
    access: Access,
    _: Limits,
    State(deps): State<Arc<Deps>>,
    params: Segments,
    body: Body<Members>,
) -> Result<Json<HookPreview>, Problem> {
    let mut body = body.checked()?;
    let named = body.remove("event");
    let old = find(&deps, &tenant, &params).await?;
    let tenant = owner(&deps, &tenant).await?;
    let (mut changes, wrong) = HookSettings::read(&body)?;
    let (mut new, mut errors) = (old.clone(), Vec::new());
    // Nothing is signed with it.
    changes.fields.secret.take();
    let id =
        named.map(|text| serde_json::from_str::<String>(text.get()).ok().and_then(|id| id.parse::<EventId>().ok()));
    if !matches!(id, Some(Some(_))) {
        errors.push(FieldError::new("event", "expected the id of an event"));
    }
    let events = changes.events();
    let given = changes.apply(&mut new, &deps.addresses, deps.clock.now(), &mut errors);
    let written = Written {
        tenant: &tenant,
        old: Some(&old),
        hook: &mut new,
        given,
        events: &events,
        secret: GivenSecret::Keep,
        access,
        may_rotate: false,
    };
    comply(&deps, written, wrong, errors).await?;
    let id = id.flatten().ok_or_else(Problem::internal)?;
    let event = deps.events.get(&tenant.id, &id).await?.ok_or_else(|| Problem::not_found("event"))?;
    let data = event.data.clone().ok_or_else(|| Problem::conflict("the event's payload was removed"))?;
    let judgement = new.judge(&event);
    replace_secrets(&mut new, deps.random.as_ref());
    let profiles = deps.resolved.profiles(new.profile.as_ref(), &tenant).await?;
    let hook = masked(ResolvedHook::new(Arc::new(new), tenant, profiles));
    let delivery = DeliveryId { event: event.seq, hook: hook.hook.id };
    let subject = EventToSend {
        delivery,
        event_id: &event.id,
        event_type: &event.event_type,
        event_timestamp: event.timestamp,
        channels: &event.channels,
        data: &data,
    };
    let subjects = [subject];
    let name = request::name(&hook, &subjects);
    let request = RequestView::made_again(&hook, &subjects, &name, deps.clock.now(), FORM, false);
    let request = request
        .map_err(|why| Problem::invalid(StatusCode::UNPROCESSABLE_ENTITY, vec![FieldError::new("payload", why)]))?;
    let (cause, unmet) = match judgement {
        Judgement::Wanted | Judgement::Unknown => (None, Vec::new()),
        Judgement::Expired => (Some(PreviewCause::HookExpired), Vec::new()),
        Judgement::Type => (Some(PreviewCause::Type), Vec::new()),
        Judgement::Channel => (Some(PreviewCause::Channel), Vec::new()),
        Judgement::Filter(unmet) => (Some(PreviewCause::Filter), unmet),
    };
    Ok(Json(HookPreview { wanted: cause.is_none(), cause, unmet, request }))
}

/// By others of their kind: what is shown is of the asker's own making, and no receiver may take it for ours.
fn replace_secrets(hook: &mut Hook, random: &dyn Random) {
    for one in &mut hook.secrets {
        *one = SigningSecret::current(another(Some(&one.secret), random));
    }
}
