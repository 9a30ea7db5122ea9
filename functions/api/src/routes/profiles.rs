pub(crate) mod preview;

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use contract::ports::{StoreError, Unreadable};
use domain::event_type::EventTypeEntry;
use domain::ids::ProfileName;
use domain::profile::{self, Profile};
use domain::settings::Settings;
use domain::strict::{Members, WrongFields};
use domain::unknown::Unknown;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::event_types::check_all;
use super::hooks::{self, split};
use crate::Deps;
use crate::auth::{Anybody, Operator};
use crate::input::{Body, Segments, open, read, refuse, segment};
use crate::listed::ListEntry;
use crate::problem::{FieldError, Problem};

const MAX_DESCRIPTION_CHARS: usize = 2_000;
/// Tenants and hooks read at once while a profile's users are looked for.
const READ_AT_ONCE: usize = 500;

/// A profile: a name, and any of the settings.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it documents a body that is taken apart as it is read")]
pub(crate) struct NewProfile {
    /// 1 to 64 of a-z A-Z 0-9 _ -; the names of built-in profiles are taken.
    #[schema(value_type = String, pattern = "^[A-Za-z0-9_-]{1,64}$")]
    name: ProfileName,
    #[serde(flatten)]
    fields: ProfileFields,
    #[serde(flatten)]
    settings: Settings,
}

/// Fields that are absent stay as they are; a setting that is null is left to
/// the profile `standard` again.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it documents a body that is taken apart as it is read")]
pub(crate) struct ProfileChange {
    #[serde(flatten)]
    fields: ProfileFields,
    #[serde(flatten)]
    settings: Settings,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProfileFields {
    /// Up to 2,000 characters.
    #[schema(max_length = 2_000)]
    description: Option<String>,
    /// The event types that its hooks know, up to 500.
    #[schema(max_items = 500)]
    event_types: Option<Vec<EventTypeEntry>>,
    /// Tenants whose profile it is publish only what their catalogue knows, as with
    /// `strict_event_types` of their own.
    strict_event_types: Option<bool>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Profile)]
pub(crate) struct ProfileView {
    name: String,
    description: String,
    /// It comes with Hookline and cannot be changed
    built_in: bool,
    /// What it decides; the rest is the standard
    #[serde(flatten)]
    settings: Settings,
    event_types: Vec<EventTypeEntry>,
    /// Tenants whose profile it is publish only what their catalogue knows
    strict_event_types: bool,
}

impl From<&Profile> for ProfileView {
    fn from(profile: &Profile) -> Self {
        Self {
            name: profile.name.to_string(),
            description: profile.description.clone(),
            built_in: profile.is_built_in(),
            settings: profile.settings.clone().masked(),
            strict_event_types: profile.strict_event_types,
            event_types: profile.event_types.iter().cloned().map(EventTypeEntry::shown).collect(),
        }
    }
}

#[derive(Serialize, ToSchema)]
pub(crate) struct ProfileList {
    #[schema(inline)]
    items: Vec<ListEntry<ProfileView>>,
}

/// Complains about settings that only a hook can have.
pub(crate) fn check_shared(settings: &Settings, errors: &mut Vec<FieldError>) {
    if settings.clone().secrets_mut().next().is_some() {
        let message = "credentials and secret headers belong to a hook, not to those who share its settings";
        let field = if settings.auth.clone().is_some_and(|auth| auth.has_secret()) { "auth" } else { "headers" };
        errors.push(FieldError::new(field, message));
    }
}

#[derive(Deserialize)]
struct Named {
    name: ProfileName,
}

/// Applies all that a body says, or nothing. `own` are names that were taken out of it.
async fn apply(
    deps: &Deps,
    profile: &mut Profile,
    body: &Members,
    own: &[&str],
    mut wrong: WrongFields,
) -> Result<(), Problem> {
    let mut split = split::<ProfileFields>(body, own)?;
    split.wrong.cannot_change("name");
    wrong.extend(split.wrong);
    let fields = split.fields;
    let mut errors = Vec::new();
    if let Some(description) = fields.description {
        if description.chars().count() > MAX_DESCRIPTION_CHARS {
            let message = format!("expected at most {MAX_DESCRIPTION_CHARS} characters");
            errors.push(FieldError::new("description", message));
        }
        profile.description = description;
    }
    if let Some(event_types) = fields.event_types {
        check_all(&event_types, &deps.event_validation.validator, &wrong, &mut errors).await?;
        profile.event_types = event_types;
    }
    if let Some(strict) = fields.strict_event_types {
        profile.strict_event_types = strict;
    }
    split.settings.check("", &deps.addresses, &mut errors);
    check_shared(&split.settings, &mut errors);
    let (given, before) = (split.settings.decided(), profile.completed());
    for name in split.reset {
        profile.settings.reset(&name);
    }
    profile.settings = split.settings.over(&profile.settings);
    if !wrong.has("signatures") && !wrong.has("auth") {
        profile.completed().check(&given, Some(&before), &mut errors);
    }
    refuse(wrong, errors)
}

/// Create a profile
#[utoipa::path(post, path = "/v1/profiles", operation_id = "profiles.create", tag = "profiles", request_body(content = NewProfile, example = json!({
        "name": "house",
        "description": "As our own receivers expect it",
        "signatures": [{ "scheme": "hmac_sha256", "header": "X-House-Signature", "prefix": "sha256=" }],
        "payload": { "mappings": [{ "field": "event", "from": "event.type" }, { "field": "data", "from": "data" }] },
        "event_types": [{ "name": "post.published", "example": { "post_id": 1 } }]
    })), responses(
    (status = 201, body = ProfileView),
    (status = 409, description = "The name is taken")
))]
pub(crate) async fn create(
    _: Operator,
    State(deps): State<Arc<Deps>>,
    body: Body<Members>,
) -> Result<(StatusCode, Json<ProfileView>), Problem> {
    let mut body = body.checked()?;
    let name = body.remove("name").map_or_else(|| "{}".to_owned(), |name| format!(r#"{{"name":{}}}"#, name.get()));
    let (Named { name }, wrong) = open(read(name.as_bytes())?)?;
    let now = deps.clock.now();
    let mut profile = Profile {
        name: name.clone(),
        description: String::new(),
        settings: Settings::default(),
        event_types: Vec::new(),
        strict_event_types: false,
        created_at: now,
        updated_at: now,
        version: 1,
        unknown: Unknown::NONE,
    };
    apply(&deps, &mut profile, &body, &["name"], wrong).await?;
    let taken = || Problem::conflict(format!("profile {name} exists already"));
    if profile::find_built_in(name.as_str()).is_some() {
        return Err(taken());
    }
    match deps.profiles.create(&profile).await {
        Ok(()) => Ok((StatusCode::CREATED, Json(ProfileView::from(&profile)))),
        Err(StoreError::Conflict) => Err(taken()),
        Err(error) => Err(error.into()),
    }
}

/// List profiles, the built-in ones first
#[utoipa::path(get, path = "/v1/profiles", operation_id = "profiles.list", tag = "profiles", responses((status = 200, body = ProfileList)))]
pub(crate) async fn list(_: Anybody, State(deps): State<Arc<Deps>>) -> Result<Json<ProfileList>, Problem> {
    let own = deps.profiles.list().await?;
    let built_in = profile::built_in().iter().map(|profile| ListEntry::Read(ProfileView::from(profile.as_ref())));
    let items = built_in.chain(ListEntry::all(own, |profile| ProfileView::from(&profile))).collect();
    Ok(Json(ProfileList { items }))
}

/// Read a profile
#[utoipa::path(get, path = "/v1/profiles/{profile}", operation_id = "profiles.get", tag = "profiles", params(("profile" = String, Path)), responses(
    (status = 200, body = ProfileView)
))]
pub(crate) async fn get(
    _: Anybody,
    State(deps): State<Arc<Deps>>,
    params: Segments,
) -> Result<Json<ProfileView>, Problem> {
    Ok(Json(ProfileView::from(&*find(&deps, &params).await?)))
}

/// Change a profile
///
/// Its hooks go by it within seconds.
#[utoipa::path(patch, path = "/v1/profiles/{profile}", operation_id = "profiles.update", tag = "profiles",
    params(("profile" = String, Path)), request_body(content = Option<ProfileChange>, examples(
        ("patient" = (summary = "Endpoints have longer to answer", value = json!({ "timeout": { "total": 20 } }))),
        ("left_open" = (summary = "Its retries are those of `standard` again", value = json!({ "retry": null })))
    )), responses((status = 200, body = ProfileView)))]
pub(crate) async fn update(
    _: Operator,
    State(deps): State<Arc<Deps>>,
    params: Segments,
    body: Body<Members>,
) -> Result<Json<ProfileView>, Problem> {
    let mut profile = Profile::clone(&*own(&deps, &params).await?);
    apply(&deps, &mut profile, &body.checked()?, &[], WrongFields::default()).await?;
    profile.updated_at = deps.clock.now();
    profile.version += 1;
    deps.profiles.update(&profile).await?;
    Ok(Json(ProfileView::from(&profile)))
}

/// Delete a profile that nothing uses
#[utoipa::path(delete, path = "/v1/profiles/{profile}", operation_id = "profiles.delete", tag = "profiles", params(("profile" = String, Path)), responses(
    (status = 204),
    (status = 409, description = "It is built in, or a tenant or hook uses it")
))]
pub(crate) async fn delete(
    _: Operator,
    State(deps): State<Arc<Deps>>,
    params: Segments,
) -> Result<StatusCode, Problem> {
    let name: ProfileName = segment(&params, "profile", "profile")?;
    match deps.resolved.find_profile(&name).await {
        Ok(None) => return Err(Problem::not_found("profile")),
        Ok(Some(profile)) if profile.is_built_in() => return Err(built_in()),
        // One that cannot be read can still be deleted.
        Ok(Some(_)) | Err(StoreError::Unreadable(_)) => {}
        Err(error) => return Err(error.into()),
    }
    if let Some(user) = user_of(&deps, &name).await? {
        return Err(Problem::conflict(format!("the profile is used by {user}")));
    }
    deps.profiles.delete(&name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Who uses the profile, in words.
async fn user_of(deps: &Deps, name: &ProfileName) -> Result<Option<String>, Problem> {
    if *deps.resolved.usual_profile() == *name {
        return Ok(Some("the deployment".to_owned()));
    }
    let mut cursor = None;
    loop {
        let page = deps.tenants.list(READ_AT_ONCE, cursor.as_deref()).await?;
        for row in page.items {
            let tenant = match row {
                Ok(tenant) => tenant,
                Err(unreadable) => {
                    return Ok(Some(format!("tenant {}, which cannot be read, may be one that", unreadable.id)));
                }
            };
            if tenant.profile.as_ref() == Some(name) {
                return Ok(Some(format!("tenant {}", tenant.id)));
            }
            for row in hooks::all(deps, &tenant.id).await? {
                match row {
                    Ok(hook) if hook.profile.as_ref() == Some(name) => {
                        return Ok(Some(format!("hook {} of tenant {}", hook.id, tenant.id)));
                    }
                    Ok(_) => {}
                    Err(Unreadable { id, .. }) => {
                        return Ok(Some(format!(
                            "hook {id} of tenant {}, which cannot be read, may be one that",
                            tenant.id
                        )));
                    }
                }
            }
        }
        match page.next {
            Some(next) => cursor = Some(next),
            None => return Ok(None),
        }
    }
}

async fn find(deps: &Deps, params: &Segments) -> Result<Arc<Profile>, Problem> {
    let name: ProfileName = segment(params, "profile", "profile")?;
    deps.resolved.find_profile(&name).await?.ok_or_else(|| Problem::not_found("profile"))
}

/// A profile that can be changed.
async fn own(deps: &Deps, params: &Segments) -> Result<Arc<Profile>, Problem> {
    let profile = find(deps, params).await?;
    match profile.is_built_in() {
        true => Err(built_in()),
        false => Ok(profile),
    }
}

fn built_in() -> Problem {
    Problem::conflict("a profile that comes with Hookline cannot be changed; create one of your own")
}
