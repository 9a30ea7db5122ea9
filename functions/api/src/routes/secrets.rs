use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use contract::jobs::{EndOverlap, Job, JobMessage};
use contract::ports::PlacedDocument;
use domain::capability::Capability;
use domain::hook::Hook;
use domain::key::KeyHash;
use domain::random::Random;
use domain::secret::ed25519::public_key;
use domain::secret::jwk::Jwk;
use domain::secret::{Cutover, Secret, SecretKind, SigningSecret};
use domain::settings::MASK;
use domain::signature::check_secret;
use domain::time::Timestamp;
use domain::unknown::Unknown;
use domain::whole;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::hooks::{find, owner};
use crate::Deps;
use crate::auth::{Limits, MayRevealSecret, MayRotate, NamedRequest};
use crate::entity_tag::{IfMatch, IfMatchHeader, Tagged};
use crate::input::{Body, Segments, refuse};
use crate::problem::{FieldError, Problem};

pub(crate) const DEFAULT_OVERLAP: Duration = Duration::from_secs(24 * 3600);
pub(crate) const MAX_OVERLAP_SECONDS: u32 = 7 * 24 * 3600;

#[derive(Serialize, ToSchema)]
pub(crate) struct Secrets {
    /// The current secret; null when the hook has none.
    secret: Option<String>,
    /// What verifies its signatures, of an Ed25519 key.
    #[serde(skip_serializing_if = "Option::is_none")]
    public_key: Option<String>,
    /// What the tenant's `/.well-known/jwks.json` calls that key.
    #[serde(skip_serializing_if = "Option::is_none")]
    key_id: Option<String>,
    /// Others that sign as well: those being rotated out, until they expire or
    /// the rotation is ended, and one of another kind.
    others: Vec<OtherSecret>,
    /// What the endpoint has to return, where it has to verify itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    verification_key: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct OtherSecret {
    secret: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    public_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_id: Option<String>,
    /// Null when it does not expire.
    expires_at: Option<String>,
    /// In the place of the current secret it signs headers that hold one signature.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    signs_alone: bool,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rotation {
    /// The new secret, in the form that the hook's signatures need; made when absent.
    secret: Option<String>,
    /// Seconds for which the old secret stays live, up to 604,800; 86,400 by default.
    #[serde(default, deserialize_with = "whole::optional::<0, MAX_OVERLAP_SECONDS, _>")]
    #[schema(maximum = 604_800)]
    overlap: Option<u32>,
    /// When the new secret signs headers that hold one signature, such as those of the
    /// scheme `hmac_sha256`: `at_once`, by default; `at_end` of the overlap; or `manual`,
    /// when `POST …/secret/cutover` is called. Until then the old one does.
    cutover: Option<Cutover>,
}

impl Secrets {
    fn mask_current(&mut self) {
        self.secret.iter_mut().for_each(|secret| MASK.clone_into(secret));
    }

    /// Shows the current secret only.
    fn mask_others(&mut self) {
        self.verification_key = None;
        for other in &mut self.others {
            MASK.clone_into(&mut other.secret);
        }
    }
}

fn view(hook: &Hook, now: Timestamp) -> Secrets {
    let mut live = hook.secrets.iter().filter(|secret| secret.is_live(now));
    let current = live.next().map(|current| &current.secret);
    let is_of = |one: &Secret, other: &Secret| {
        (SecretKind::of(one) == SecretKind::Ed25519) == (SecretKind::of(other) == SecretKind::Ed25519)
    };
    let in_order = hook.live_secrets(now);
    let alone = current.and_then(|current| in_order.into_iter().find(|one| is_of(one, current)));
    Secrets {
        verification_key: hook.shown_verification_key().map(|key| key.reveal().to_owned()),
        secret: current.map(|secret| secret.reveal().to_owned()),
        public_key: current.and_then(public_key),
        key_id: current.and_then(Jwk::of).map(|key| key.kid),
        others: live
            .map(|other| OtherSecret {
                secret: other.secret.reveal().to_owned(),
                public_key: public_key(&other.secret),
                key_id: Jwk::of(&other.secret).map(|key| key.kid),
                expires_at: other.expires_at.map(|at| at.to_string()),
                signs_alone: alone.is_some_and(|alone| std::ptr::eq(alone, &other.secret)),
            })
            .collect(),
    }
}

/// Reveal a hook's secret
#[utoipa::path(get, path = "/v1/tenants/{tenant}/hooks/{hook}/secret", operation_id = "hooks.reveal_secret", tag = "hooks",
    params(("tenant" = String, Path), ("hook" = String, Path)), responses((status = 200, body = Secrets)))]
pub(crate) async fn reveal(
    MayRevealSecret(tenant): MayRevealSecret,
    State(deps): State<Arc<Deps>>,
    params: Segments,
) -> Result<Json<Secrets>, Problem> {
    Ok(Json(view(&find(&deps, &tenant, &params).await?, deps.clock.now())))
}

/// Rotate a hook's secret
///
/// Until the overlap has passed, headers that hold a list carry a signature of each, and
/// `cutover` says which secret signs those that hold one. A portal session without the
/// capability `reveal_secret` is shown the new secret only; the others are masked. A request that is
/// sent again with its `Idempotency-Key` rotates nothing more; that session is shown no secret, then,
/// which came after its own.
#[utoipa::path(post, path = "/v1/tenants/{tenant}/hooks/{hook}/secret/rotate", operation_id = "hooks.rotate_secret", tag = "hooks",
    params(("tenant" = String, Path), ("hook" = String, Path), IfMatchHeader), request_body(content = Option<Rotation>, examples(
        ("made" = (summary = "A new secret is made, and the former one signs as well for a day", value = json!({ "overlap": 86_400 }))),
        ("given" = (summary = "A secret of your own, which signs alone once the former one has ended", value = json!({
            "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "overlap": 3_600, "cutover": "at_end"
        }))),
        ("leaked" = (summary = "After a leak: the former one ends at once", value = json!({ "overlap": 0 })))
    )), responses(
    (status = 200, body = Secrets, headers(("ETag" = String, description = "The version of the hook, for `If-Match`"))),
    (status = 412, description = "It is another version by now; `errors` names what has changed since"),
    (status = 409, description = "Somebody else changed the hook at the same time; retry")
))]
pub(crate) async fn rotate(
    MayRotate(tenant): MayRotate,
    limits: Limits,
    NamedRequest { asked_with, key }: NamedRequest,
    State(deps): State<Arc<Deps>>,
    params: Segments,
    if_match: IfMatch,
    rotation: Body<Rotation>,
) -> Result<Tagged<Secrets>, Problem> {
    let (rotation, invalid) = rotation.open()?;
    let mut errors = Vec::new();
    whole::check("overlap", rotation.overlap.unwrap_or_default(), 0, MAX_OVERLAP_SECONDS, &mut errors);
    let cutover = rotation.cutover.unwrap_or_default();
    if cutover == Cutover::Manual && rotation.overlap.is_some() {
        let message = "leave it out: with a manual cutover, the old secret signs until POST …/secret/cutover";
        errors.push(FieldError::new("overlap", message));
    }
    let overlap = rotation.overlap.map_or(DEFAULT_OVERLAP, |seconds| Duration::from_secs(seconds.into()));
    let old = find(&deps, &tenant, &params).await?;
    let request = key.as_deref().map(|key| asked_with.request(key));
    // The same request, sent again.
    if let Some(secret) = made_by(&old, request.as_deref()) {
        refuse(invalid, errors)?;
        let mut secrets = shown(&old, deps.clock.now(), &limits);
        let is_current = old.secrets.first().is_some_and(|current| std::ptr::eq(current, secret));
        if !is_current && !limits.allow(Capability::RevealSecret) {
            secrets.mask_current();
        }
        return Ok(Tagged::new(&old, secrets));
    }
    if made_by(&old, key.as_deref()).is_some() {
        refuse(invalid, errors)?;
        return Err(asked_by_whomever());
    }
    let settings = deps.resolved.settle(&old, &*owner(&deps, &tenant).await?).await?;
    let current = old.secrets.first().map(|current| &current.secret);
    let secret = rotation.secret.map_or_else(|| another(current, deps.random.as_ref()), Secret::new);
    if secret.reveal() == MASK {
        errors.push(FieldError::new("secret", "is the mask of a secret"));
    } else if let Err(wrong) = check_secret(&settings.signatures, &secret) {
        errors.push(FieldError::new("secret", wrong.to_string()));
    }
    refuse(invalid, errors)?;
    if_match.check(deps.hooks.as_ref(), &old).await?;
    let now = deps.clock.now();
    let mut new = old.clone();
    new.rotate(secret, overlap, cutover, now);
    if let Some(current) = new.secrets.first_mut() {
        current.made_with = request.as_deref().map(KeyHash::of);
    }
    update(&deps, &old, &mut new, now, &if_match).await?;
    Ok(Tagged::new(&new, shown(&new, now, &limits)))
}

/// The secret that a request made, as long as it is there.
fn made_by<'a>(hook: &'a Hook, request: Option<&str>) -> Option<&'a SigningSecret> {
    let request = request?;
    hook.secrets.iter().find(|secret| secret.made_with.as_ref().is_some_and(|hash| hash.matches(request)))
}

/// Earlier builds noted a rotation's key and not whose it was. To rotate once more would end the secret that the
/// asker may have just been given, and to answer with it could show it to somebody else.
fn asked_by_whomever() -> Problem {
    Problem::conflict(
        "the secret was rotated with this Idempotency-Key before, and it is not known any more who asked: to rotate it \
         once more, take a new key",
    )
}

/// A new secret of the kind of another one; of the usual kind, where there is none.
pub(crate) fn another(one: Option<&Secret>, random: &dyn Random) -> Secret {
    match one.map(SecretKind::of) {
        Some(SecretKind::Ed25519) => Secret::generate_ed25519(random),
        _ => Secret::generate(random),
    }
}

/// End the rotation of a hook's secret
///
/// From the next request on, the new secret alone signs, whatever `overlap` and `cutover` said.
/// Called once more it changes nothing.
#[utoipa::path(post, path = "/v1/tenants/{tenant}/hooks/{hook}/secret/cutover", operation_id = "hooks.cut_over_secret", tag = "hooks",
    params(("tenant" = String, Path), ("hook" = String, Path), IfMatchHeader), responses(
    (status = 200, body = Secrets, headers(("ETag" = String, description = "The version of the hook, for `If-Match`"))),
    (status = 412, description = "It is another version by now; `errors` names what has changed since"),
    (status = 409, description = "Somebody else changed the hook at the same time; retry")
))]
pub(crate) async fn cut_over(
    MayRotate(tenant): MayRotate,
    limits: Limits,
    State(deps): State<Arc<Deps>>,
    params: Segments,
    if_match: IfMatch,
) -> Result<Tagged<Secrets>, Problem> {
    let old = find(&deps, &tenant, &params).await?;
    if_match.check(deps.hooks.as_ref(), &old).await?;
    let now = deps.clock.now();
    let mut new = old.clone();
    if new.cut_over(now) {
        update(&deps, &old, &mut new, now, &if_match).await?;
    }
    Ok(Tagged::new(&new, shown(&new, now, &limits)))
}

async fn update(deps: &Deps, old: &Hook, new: &mut Hook, now: Timestamp, if_match: &IfMatch) -> Result<(), Problem> {
    new.updated_at = now;
    new.version += 1;
    commit(deps, old, new, &[], if_match).await
}

/// Writes a rotation, and `beside` in the same transaction. What is rotated out is removed at the
/// end of its overlap; should this process die before that is written, nothing is removed then.
pub(crate) async fn commit(
    deps: &Deps,
    old: &Hook,
    new: &Hook,
    beside: &[PlacedDocument],
    if_match: &IfMatch,
) -> Result<(), Problem> {
    let had: BTreeSet<Timestamp> = old.secrets.iter().filter_map(|secret| secret.expires_at).collect();
    let ends: BTreeSet<Timestamp> = new.secrets.iter().filter_map(|secret| secret.expires_at).collect();
    for end in ends.difference(&had) {
        let job = Job::EndOverlap(EndOverlap { hook: new.id, unknown: Unknown::NONE });
        deps.jobs.send_one(JobMessage::new(&new.tenant, job).to_outgoing(Some(*end))).await?;
    }
    deps.hooks.update_with(old, new, beside).await.map_err(|error| if_match.or_conflict(error))
}

fn shown(hook: &Hook, now: Timestamp, limits: &Limits) -> Secrets {
    let mut secrets = view(hook, now);
    if !limits.allow(Capability::RevealSecret) {
        secrets.mask_others();
    }
    secrets
}
