//! Which signatures `listen` expects, from its flags.

use anyhow::{Context as _, anyhow, ensure};
use domain::payload::{JsonForm, Payload};
use domain::profile::{STANDARD, built_in, find_built_in};
use domain::secret::Secret;
use domain::secret::ed25519::is_ed25519;
use domain::settings::VerificationKind;
use domain::signature::{Scheme, SignatureSetting, check_all};
use domain::strict;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::verify::Verifier;
use crate::cli::ListenOptions;

/// What a profile says to a receiver.
pub(super) struct Expected {
    signatures: Vec<SignatureSetting>,
    /// What they are over.
    json: JsonForm,
    /// The header that carries the verification key.
    pub(super) verification_header: String,
    /// How an endpoint proves that it wants requests.
    pub(super) verification: VerificationKind,
}

impl Expected {
    /// Of a profile that is built in, or of a document as the API shows it.
    pub(super) fn of_profile(name: Option<&str>) -> anyhow::Result<Self> {
        let name = name.unwrap_or(STANDARD);
        if let Some(profile) = find_built_in(name) {
            let complete = profile.completed();
            let (json, verification) = (complete.payload.json(), complete.verification);
            let (signatures, verification_header) = (complete.signatures, verification.header);
            return Ok(Self { signatures, json, verification_header, verification: verification.kind });
        }
        let text = std::fs::read_to_string(name).with_context(|| {
            let names: Vec<&str> = built_in().iter().map(|profile| profile.name.as_str()).collect();
            format!("--profile {name}: neither a file nor one of {}", names.join(", "))
        })?;
        let document: Value = serde_json::from_str(&text).with_context(|| format!("--profile {name}"))?;
        let settings = document.get("settings").unwrap_or(&document);
        let mut expected = Self::of_profile(None)?;
        if let Some(signatures) = settings.get("signatures") {
            let signatures = read(&signatures.to_string());
            expected.signatures = signatures.with_context(|| format!("--profile {name}: signatures"))?;
        }
        if let Some(payload) = settings.get("payload") {
            let payload = read::<Payload>(&payload.to_string());
            expected.json = payload.with_context(|| format!("--profile {name}: payload"))?.json();
        }
        if let Some(header) = settings.pointer("/verification/header").and_then(Value::as_str) {
            header.clone_into(&mut expected.verification_header);
        }
        if let Some(kind) = settings.pointer("/verification/kind") {
            let kind = serde_json::from_value(kind.clone());
            expected.verification = kind.with_context(|| format!("--profile {name}: verification.kind"))?;
        }
        Ok(expected)
    }

    /// None when there is no secret to verify with.
    pub(super) fn verifier(&self, options: &ListenOptions) -> anyhow::Result<Option<Verifier>> {
        let mut settings = match options.profile.is_some() || options.signature.is_empty() {
            true => self.signatures.clone(),
            false => Vec::new(),
        };
        for text in &options.signature {
            settings.push(setting(text).with_context(|| format!("--signature {text}"))?);
        }
        let mut errors = Vec::new();
        check_all(&settings, "signatures", &mut errors);
        ensure!(errors.is_empty(), "{}", words(&errors));
        let secrets: Vec<Secret> = options.secret.iter().map(Secret::new).collect();
        for secret in &secrets {
            let useful = settings.is_empty() || settings.iter().any(|setting| setting.can_verify(secret));
            ensure!(useful, "--secret: {}", hint(&settings, secret));
        }
        Ok((!secrets.is_empty()).then_some(Verifier { settings, secrets, json: self.json }))
    }
}

/// `SCHEME`, `SCHEME:HEADER` or JSON.
fn setting(text: &str) -> anyhow::Result<SignatureSetting> {
    if text.trim_start().starts_with('{') {
        return read(text);
    }
    let (scheme, header) = text.split_once(':').map_or((text, None), |(scheme, header)| (scheme, Some(header)));
    let scheme: Option<Scheme> = serde_json::from_value(json!(scheme)).ok();
    let scheme = scheme.with_context(|| {
        let names: Vec<&str> = Scheme::ALL.iter().map(|scheme| scheme.name()).collect();
        format!("expected JSON or one of {}", names.join(", "))
    })?;
    Ok(SignatureSetting { header: header.map(str::to_owned), ..SignatureSetting::new(scheme) })
}

/// All that is wrong with a text is told at once.
fn read<T: DeserializeOwned>(text: &str) -> anyhow::Result<T> {
    let read = strict::read(text.as_bytes()).context("not JSON")?;
    read.value.filter(|_| read.wrong.is_empty()).ok_or_else(|| anyhow!("{}", words(&read.wrong.and([]))))
}

fn hint(settings: &[SignatureSetting], secret: &Secret) -> &'static str {
    let only_v1a = settings.iter().all(|setting| setting.scheme.is_ed25519());
    match is_ed25519(secret) {
        _ if only_v1a => "expected the public key, whpk_ and 32 bytes in base64",
        true => "a public key verifies v1a, which is not among the signatures; give --signature v1a",
        false => "expected whsec_ followed by 24 to 64 bytes in base64, or a --profile or --signature that takes it",
    }
}

fn words(errors: &[domain::invalid::FieldError]) -> String {
    errors.iter().map(|error| format!("{}: {}", error.field, error.message)).collect::<Vec<_>>().join("; ")
}
