//! What a client may set on a hook: checked in full, then applied in full.

use std::collections::BTreeSet;
use std::str::FromStr;
use std::time::Duration;

use domain::address::AddressPolicy;
use domain::destination::Destination;
use domain::filter::Filter;
use domain::hook::{Hook, MAX_PATTERNS};
use domain::ids::{HookUid, InvalidId, ProfileName};
use domain::metadata::Metadata;
use domain::settings::{Kept, Settings};
use domain::strict::{Members, WrongFields};
use domain::time::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use utoipa::ToSchema;

use crate::input::{MAX_NAME_CHARS, open, present, read};
use crate::problem::{FieldError, Problem};

const MAX_DESCRIPTION_CHARS: usize = 2_000;
/// How far ahead a hook may expire.
const MAX_LIFE: Duration = Duration::from_secs(400 * 24 * 3600);

/// A hook's own fields, and any of the settings it shares with profiles. `url`
/// and `events` are required to create one. In an update, `null` leaves a
/// setting to the profile again.
#[derive(ToSchema)]
pub(crate) struct HookSettings {
    #[schema(inline)]
    #[serde(flatten)]
    pub(super) fields: HookFields,
    #[serde(flatten)]
    settings: Settings,
    #[schema(ignore)]
    reset: Vec<String>,
}

#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct HookFields {
    /// Up to 200 characters.
    #[schema(max_length = 200)]
    name: Option<String>,
    /// Up to 2,000 characters.
    #[schema(max_length = 2_000)]
    description: Option<String>,
    /// Your own name for it, unique in the tenant: `uid:` and it stand for the hook's id in paths.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, pattern = r"^(?!\.{1,2}$)[A-Za-z0-9_.-]{1,256}$")]
    uid: Option<Option<HookUid>>,
    /// Names and texts that you note with it, up to 4,096 bytes as JSON; replaced as a whole.
    #[schema(value_type = Option<std::collections::BTreeMap<String, String>>)]
    metadata: Option<Metadata>,
    /// Where to send: https, port 443 or 80, a public address, at most 2,048 bytes.
    #[schema(format = "uri", max_length = 2_048)]
    url: Option<String>,
    /// 1 to 50 event types (`post.published`), prefixes (`post.*`) or `*`.
    #[schema(min_items = 1, max_items = 50)]
    events: Option<Vec<String>>,
    /// Up to 50. Empty: events of any channel and of none.
    #[schema(max_items = 50)]
    channels: Option<Vec<String>>,
    /// Which events' `data` it wants, as an EventBridge pattern; `null` for all.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Filter>)]
    filter: Option<Option<Filter>>,
    enabled: Option<bool>,
    /// From when on it gets no events any more, up to 400 days ahead; a day later it is removed, unless it
    /// was given another time until then. `null`, and by default: it does not expire.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Option<Timestamp>>,
    /// Where settings come from that the hook does not decide itself; `null`
    /// for its tenant's choice.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, pattern = "^[A-Za-z0-9_-]{1,64}$")]
    pub(super) profile: Option<Option<ProfileName>>,
    /// `whsec_` and 24 to 64 bytes in base64 where a signature decodes it, else
    /// 1 to 256 characters. Made when absent, unless it is optional. Blank keeps
    /// the present one, `null` removes it where it is optional.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    pub(super) secret: Option<Option<String>>,
}

/// A body that has settings beside fields of another kind.
pub(crate) struct Split<T> {
    pub(crate) fields: T,
    pub(crate) settings: Settings,
    /// Settings that were `null`.
    pub(crate) reset: Vec<String>,
    pub(crate) wrong: WrongFields,
}

/// Takes a body apart. A name that is not among its fields may have been meant
/// as a setting, or as one of `own`, which are read elsewhere.
pub(crate) fn split<T: DeserializeOwned>(body: &Members, own: &[&str]) -> Result<Split<T>, Problem> {
    let (mut fields, mut settings, mut reset) = (Vec::new(), Vec::new(), Vec::new());
    for (name, value) in body.iter() {
        let key = serde_json::to_string(name).map_err(|_| Problem::internal())?;
        let member = format!("{key}:{}", value.get());
        if !Settings::FIELDS.contains(&name.as_str()) {
            fields.push(member);
        } else if value.get() == "null" {
            reset.push(name.clone());
        } else {
            settings.push(member);
        }
    }
    let object = |members: Vec<String>| format!("{{{}}}", members.join(","));
    let mut fields = read::<T>(object(fields).as_bytes())?;
    let settings = read::<Settings>(object(settings).as_bytes())?;
    if !fields.wrong.is_empty() {
        let own: String = own.iter().map(|name| format!(", `{name}`")).collect();
        fields.wrong.hint_at_unknown(&format!("{own}, or a setting: `{}`", Settings::FIELDS.join("`, `")));
    }
    fields.wrong.extend(settings.wrong);
    let (fields, wrong) = open(fields)?;
    Ok(Split { fields, settings: settings.value.unwrap_or_default(), reset, wrong })
}

impl HookSettings {
    pub(crate) fn read(body: &Members) -> Result<(Self, WrongFields), Problem> {
        let Split { fields, settings, reset, mut wrong } = split(body, &[])?;
        wrong.cannot_change("id");
        Ok((Self { fields, settings, reset }, wrong))
    }

    /// The event types and patterns that are asked for, as they were written.
    pub(super) fn events(&self) -> Vec<String> {
        self.fields.events.clone().unwrap_or_default()
    }

    /// What a new hook has to have.
    pub(crate) fn missing(&self) -> Vec<FieldError> {
        let required = [("url", self.fields.url.is_none()), ("events", self.fields.events.is_none())];
        let missing = required.into_iter().filter(|(_, is_missing)| *is_missing);
        missing.map(|(field, _)| FieldError::new(field, "is required")).collect()
    }

    /// Applies every setting but the secret, and adds what is wrong to `errors`.
    /// Returns the settings that are decided here.
    pub(crate) fn apply(
        mut self,
        hook: &mut Hook,
        addresses: &AddressPolicy,
        now: Timestamp,
        errors: &mut Vec<FieldError>,
    ) -> Settings {
        let (fields, old_url) = (self.fields, hook.url.clone());
        if let Some(name) = fields.name {
            hook.name = text("name", name, MAX_NAME_CHARS, errors);
        }
        if let Some(description) = fields.description {
            hook.description = text("description", description, MAX_DESCRIPTION_CHARS, errors);
        }
        if let Some(uid) = fields.uid {
            hook.uid = uid;
        }
        if let Some(metadata) = fields.metadata {
            metadata.check("metadata", errors);
            hook.metadata = metadata;
        }
        if let Some(url) = fields.url {
            match Destination::allowed(&url, addresses) {
                Ok(_) => hook.url = url,
                Err(refused) => errors.push(FieldError::new("url", refused.to_string())),
            }
        }
        if let Some(events) = fields.events {
            hook.events = set("events", &events, errors);
            if events.is_empty() {
                errors.push(FieldError::new("events", "expected at least one; use * for all"));
            }
        }
        if let Some(channels) = fields.channels {
            hook.channels = set("channels", &channels, errors);
        }
        if let Some(filter) = fields.filter {
            if let Some(filter) = &filter {
                filter.check("filter", errors);
            }
            hook.filter = filter;
        }
        if let Some(enabled) = fields.enabled {
            hook.enabled = enabled;
        }
        if let Some(expires_at) = fields.expires_at {
            // What was read can be written back.
            if let Some(at) = expires_at.filter(|at| hook.expires_at != Some(*at)) {
                let last = now.saturating_add(MAX_LIFE);
                if at <= now || at > last {
                    errors.push(FieldError::new("expires_at", format!("expected a time from now to {last}, or null")));
                }
            }
            hook.expires_at = expires_at;
        }
        if let Some(profile) = fields.profile {
            hook.profile = profile;
        }
        for name in ["max_hooks", "name_pattern"] {
            if self.settings.decided().contains(&name) {
                errors.push(FieldError::new(name, "is decided by the tenant or its profile, not by a hook"));
                self.settings.reset(name);
            }
        }
        let kept = Kept { old: &hook.settings, old_url: &old_url, new_url: &hook.url, reset: &self.reset };
        self.settings.keep_secrets(&kept, errors);
        for name in self.reset {
            hook.settings.reset(&name);
        }
        self.settings.check("", addresses, errors);
        hook.settings = self.settings.clone().over(&hook.settings);
        self.settings
    }
}

fn text(field: &str, value: String, max_chars: usize, errors: &mut Vec<FieldError>) -> String {
    if value.chars().count() > max_chars {
        errors.push(FieldError::new(field, format!("expected at most {max_chars} characters")));
    }
    value
}

fn set<T: FromStr<Err = InvalidId> + Ord>(field: &str, values: &[String], errors: &mut Vec<FieldError>) -> BTreeSet<T> {
    if values.len() > MAX_PATTERNS {
        errors.push(FieldError::new(field, format!("expected at most {MAX_PATTERNS} entries")));
        return BTreeSet::new();
    }
    let mut parsed = BTreeSet::new();
    for (index, value) in values.iter().enumerate() {
        match value.parse::<T>() {
            Ok(value) => {
                parsed.insert(value);
            }
            Err(error) => errors.push(FieldError::new(format!("{field}[{index}]"), error.to_string())),
        }
    }
    parsed
}
