//! What a hook has to comply with once all its settings are known.

use shared::domain::hook::Hook;
use shared::domain::secret::{Secret, SecretKind, SigningSecret};
use shared::domain::settings::Complete;
use shared::domain::signature::{self, Scheme};
use shared::domain::tenant::Tenant;
use shared::ports::Random;

use crate::Deps;
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

/// Checks `hook` as it is about to be stored, and gives it the secrets that its
/// signatures need. `old` is what it was, unless it is new.
pub(super) async fn comply(
    deps: &Deps,
    tenant: &Tenant,
    old: Option<&Hook>,
    hook: &mut Hook,
    secret: GivenSecret,
    mut errors: Vec<FieldError>,
) -> Result<Complete, Problem> {
    if let Some(name) = &hook.profile
        && deps.effective.find_profile(name).await?.is_none()
    {
        errors.push(FieldError::new("profile", "there is no such profile"));
        return Err(Problem::bad_body(errors));
    }
    let settings = deps.effective.settle(hook, tenant).await?;
    settings.check(&mut errors);
    if let Some(old) = old {
        let before = deps.effective.settle(old, tenant).await?;
        if before.url_locked && (hook.url != old.url) {
            errors.push(FieldError::new("url", "is locked: it cannot be changed after the hook was created"));
        }
    }
    let mut undecided = hook.clone();
    undecided.settings.url_locked = None;
    undecided.settings.verification = None;
    let imposed = deps.effective.settle(&undecided, tenant).await?;
    if imposed.url_locked && !settings.url_locked {
        errors.push(FieldError::new("url_locked", "is decided by the tenant or its profile and cannot be lifted"));
    }
    if imposed.verification.required && settings.verification != imposed.verification {
        errors.push(FieldError::new("verification", "is decided by the tenant or its profile and cannot be lifted"));
    }
    let renamed = old.is_none_or(|old| old.name != hook.name);
    if renamed && !settings.name_pattern.admits(&hook.name) {
        let message = format!("expected a name that matches {}", settings.name_pattern.as_str());
        errors.push(FieldError::new("name", message));
    }
    provide_secrets(hook, &settings, secret, deps.random.as_ref(), &mut errors);
    if errors.is_empty() { Ok(settings) } else { Err(Problem::bad_body(errors)) }
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
        GivenSecret::Remove => errors.push(FieldError::new("secret", "is required here; leave it out to keep it")),
        GivenSecret::Keep => {}
    }
    if !settings.secret_optional {
        let signs = |ed25519: bool| settings.signatures.iter().any(|s| (s.scheme == Scheme::V1a) == ed25519);
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
    // A key that nothing uses any more does no harm; one that does not fit does.
    let unfit = |secret: &SigningSecret| match SecretKind::of(&secret.secret) {
        SecretKind::Ed25519 => None,
        SecretKind::Whsec | SecretKind::Text => signature::check_secret(&settings.signatures, &secret.secret).err(),
    };
    if let Some(wrong) = hook.secrets.iter().find_map(unfit) {
        errors.push(FieldError::new("secret", format!("the present one does not fit the signatures: {wrong}")));
    }
}

/// The most hooks that the tenant may have: what its own settings allow, or what
/// those of the new hook allow where that is less, so that naming another
/// profile lifts no limit.
pub(super) async fn most_hooks(deps: &Deps, tenant: &Tenant, complete: &Complete) -> Result<u32, Problem> {
    let profile = deps.effective.profile(None, tenant).await?;
    let own = tenant.settings.max_hooks.unwrap_or_else(|| profile.completed().max_hooks);
    Ok(own.min(complete.max_hooks))
}
