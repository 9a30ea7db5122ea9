//! What a hook has to comply with once all its settings are known.

use domain::hook::Hook;
use domain::layers::Layers;
use domain::random::Random;
use domain::secret::{Secret, SecretKind, SigningSecret};
use domain::settings::{Complete, MASK, Settings};
use domain::signature;
use domain::strict::WrongFields;
use domain::tenant::Tenant;

use super::event_patterns::{self, HookWarning};
use crate::Deps;
use crate::auth::Access;
use crate::input::refuse;
use crate::problem::{FieldError, Problem};

/// What a request says about the secret.
pub(super) enum GivenSecret {
    /// Absent or blank.
    Keep,
    Remove,
    Set(Secret),
}

impl GivenSecret {
    pub(super) fn of(field: Option<Option<String>>) -> Self {
        match field {
            Some(Some(text)) if !text.is_empty() => Self::Set(Secret::new(text)),
            Some(None) => Self::Remove,
            Some(Some(_)) | None => Self::Keep,
        }
    }
}

/// A hook as it is about to be stored, and what a request says of it.
pub(super) struct Written<'a> {
    pub(super) tenant: &'a Tenant,
    /// What it was, unless it is new.
    pub(super) old: Option<&'a Hook>,
    pub(super) hook: &'a mut Hook,
    /// The settings that the request decides.
    pub(super) given: Settings,
    /// The event types and patterns that the request asks for.
    pub(super) events: &'a [String],
    pub(super) secret: GivenSecret,
    pub(super) access: Access,
    /// Whether it may replace a secret.
    pub(super) may_rotate: bool,
}

/// Checks a hook and gives it the secrets that its signatures need.
///
/// What a layer above imposes holds without this: it is for telling who tries to
/// lift it, and for rules about a change.
pub(super) async fn comply(
    deps: &Deps,
    written: Written<'_>,
    wrong: WrongFields,
    mut errors: Vec<FieldError>,
) -> Result<(Complete, Vec<HookWarning>), Problem> {
    let Written { tenant, old, hook, given, events, secret, access, may_rotate } = written;
    // Without its profile, nobody knows the rules.
    if wrong.has("profile") {
        return Err(Problem::bad_body(wrong.and(errors)));
    }
    if let Some(name) = &hook.profile
        && deps.resolved.find_profile(name).await?.is_none()
    {
        errors.push(FieldError::new("profile", "there is no such profile"));
        return Err(Problem::bad_body(wrong.and(errors)));
    }
    let profiles = deps.resolved.profiles(hook.profile.as_ref(), tenant).await?;
    let layers = Layers { tenant, profiles: &profiles };
    let settings = layers.settle(&hook.settings);
    let signs = !wrong.has("signatures") && !wrong.has("secret_optional");
    if signs && !wrong.has("auth") {
        let before = match old {
            Some(old) => Some(deps.resolved.settle(old, tenant).await?),
            None => None,
        };
        settings.check(&given.decided(), before.as_ref(), &mut errors);
    }
    for imposed in layers.lifted_by(&given) {
        errors.push(FieldError::new(imposed.rule.name, imposed.to_string()));
    }
    let mut moved = old.is_none();
    if let Some(old) = old {
        let profiles = deps.resolved.profiles(old.profile.as_ref(), tenant).await?;
        let before = Layers { tenant, profiles: &profiles };
        moved = old.profile != hook.profile;
        check_url(&before, old, hook, &mut errors);
        if moved && access == Access::Portal {
            for imposed in before.left_behind(&layers) {
                errors.push(FieldError::new("profile", format!("{imposed}; a portal key cannot leave it")));
            }
        }
        if before.settle(&old.settings).url_locked && !settings.url_locked {
            let field = if moved { "profile" } else { "url_locked" };
            let message = "would unlock the hook's URL, which stays locked as long as the hook is there";
            errors.push(FieldError::new(field, message));
        }
    }
    let renamed = old.is_none_or(|old| old.name != hook.name);
    if (renamed || moved) && !settings.name_pattern.admits(&hook.name) {
        let refuses = |rules: &Settings| rules.name_pattern.as_ref().is_some_and(|pattern| !pattern.admits(&hook.name));
        let by = layers.find("name_pattern", refuses).map(|imposed| format!(", as {} imposes", imposed.by));
        let message = format!("expected a name that matches {}{}", settings.name_pattern, by.unwrap_or_default());
        errors.push(FieldError::new("name", message));
    }
    if (renamed || moved) && settings.name_required && hook.name.trim().is_empty() {
        let by = layers.find("name_required", |rules| rules.name_required == Some(true));
        let by = by.map(|imposed| format!(", as {} imposes", imposed.by)).unwrap_or_default();
        errors.push(FieldError::new("name", format!("is required{by}")));
    }
    let signed_by = layers.find("secret_optional", |rules| rules.secret_optional == Some(false));
    if settings.signatures.is_empty()
        && let Some(imposed) = &signed_by
    {
        errors.push(FieldError::new("signatures", format!("expected at least one: {imposed}")));
    }
    if matches!(secret, GivenSecret::Remove) && !settings.secret_optional {
        let by = signed_by.map(|imposed| format!(": {imposed}")).unwrap_or_default();
        errors.push(FieldError::new("secret", format!("is required here; leave it out to keep it{by}")));
    }
    match &secret {
        GivenSecret::Set(secret) if secret.reveal() == MASK => {
            errors.push(FieldError::new("secret", "is the mask of a secret; leave it out to keep the present one"));
        }
        GivenSecret::Set(_) | GivenSecret::Remove if old.is_some() && !may_rotate => {
            let message = "cannot be changed with a portal key: ask who looks after the tenant to rotate it";
            errors.push(FieldError::new("secret", message));
        }
        _ => {}
    }
    if signs {
        provide_secrets(hook, &settings, secret, deps.random.as_ref(), &mut errors);
    }
    let warnings = event_patterns::check(deps, tenant, (old, hook), events, &mut errors).await?;
    refuse(wrong, errors)?;
    Ok((settings, warnings))
}

/// Who allows a tenant no more hooks than this, in words.
pub(super) async fn limited_by(deps: &Deps, tenant: &Tenant, hook: &Hook, most: u32) -> Result<String, Problem> {
    let profiles = deps.resolved.profiles(hook.profile.as_ref(), tenant).await?;
    let layers = Layers { tenant, profiles: &profiles };
    let by = layers.find("max_hooks", |rules| rules.max_hooks == Some(most));
    Ok(by.map(|imposed| format!(" of {}", imposed.by)).unwrap_or_default())
}

/// `before` are the layers of the hook as it was.
fn check_url(before: &Layers<'_>, old: &Hook, new: &Hook, errors: &mut Vec<FieldError>) {
    if old.url == new.url || !before.settle(&old.settings).url_locked {
        return;
    }
    let by = before.find("url_locked", |rules| rules.url_locked == Some(true));
    let by =
        by.map_or_else(|| "the hook's own url_locked".to_owned(), |imposed| format!("url_locked of {}", imposed.by));
    let message = format!("is locked by {by}: it cannot be changed after the hook was created");
    errors.push(FieldError::new("url", message));
}

fn provide_secrets(
    hook: &mut Hook,
    settings: &Complete,
    given: GivenSecret,
    random: &dyn Random,
    errors: &mut Vec<FieldError>,
) {
    match given {
        GivenSecret::Set(secret) => match signature::check_secret(&settings.signatures, &secret) {
            Ok(()) => hook.replace_secret(secret),
            Err(wrong) => errors.push(FieldError::new("secret", wrong.to_string())),
        },
        GivenSecret::Remove if settings.secret_optional => hook.secrets.clear(),
        GivenSecret::Remove | GivenSecret::Keep => {}
    }
    provide_missing_secrets(hook, settings, random);
    // A key that nothing uses any more does no harm; one that does not fit does.
    let unfit = |secret: &SigningSecret| match SecretKind::of(&secret.secret) {
        SecretKind::Ed25519 => None,
        SecretKind::Whsec | SecretKind::Text => signature::check_secret(&settings.signatures, &secret.secret).err(),
    };
    if let Some(wrong) = hook.secrets.iter().find_map(unfit) {
        errors.push(FieldError::new("secret", format!("the present one does not fit the signatures: {wrong}")));
    }
}

/// Makes the secrets that its signatures need and it has not.
pub(crate) fn provide_missing_secrets(hook: &mut Hook, settings: &Complete, random: &dyn Random) {
    if settings.secret_optional {
        return;
    }
    let signs = |ed25519: bool| settings.signatures.iter().any(|s| s.scheme.is_ed25519() == ed25519);
    let has =
        |ed25519: bool| hook.secrets.iter().any(|s| (SecretKind::of(&s.secret) == SecretKind::Ed25519) == ed25519);
    let (needs_text, needs_ed25519) = (signs(false) && !has(false), signs(true) && !has(true));
    if needs_text || hook.secrets.is_empty() && !needs_ed25519 {
        hook.secrets.push(SigningSecret::current(Secret::generate(random)));
    }
    if needs_ed25519 {
        hook.secrets.push(SigningSecret::current(Secret::generate_ed25519(random)));
    }
}
