//! `ETag` and `If-Match` (RFC 9110) of hooks: a change is made only to what its maker has seen.
//!
//! The tag is of what people change of a hook. Its health, and what waits for it, change by
//! themselves, and would keep everybody from changing a hook that is busy.

use axum::Json;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use contract::ports::{Hooks, StoreError};
use domain::hook::Hook;
use serde::Serialize;
use utoipa::IntoParams;

use crate::audited::changed_fields;
use crate::problem::{FieldError, Problem};

const EXPECTED: &str = "expected the ETag of an earlier answer with its quotes, such as \"7\", several of them, or *";

fn tag(hook: &Hook) -> String {
    format!("\"{}\"", hook.version)
}

/// An answer that says which version of a hook it shows.
pub(crate) struct Tagged<T> {
    status: StatusCode,
    tag: String,
    pub(crate) body: T,
}

impl<T> Tagged<T> {
    pub(crate) fn new(hook: &Hook, body: T) -> Self {
        Self { status: StatusCode::OK, tag: tag(hook), body }
    }

    pub(crate) fn created(hook: &Hook, body: T) -> Self {
        Self { status: StatusCode::CREATED, ..Self::new(hook, body) }
    }
}

impl<T: Serialize> IntoResponse for Tagged<T> {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self.body)).into_response();
        if let Ok(tag) = HeaderValue::try_from(self.tag) {
            response.headers_mut().insert(header::ETAG, tag);
        }
        response
    }
}

/// Which versions the asker wants changed; none where any will do.
pub(crate) struct IfMatch(Option<Wanted>);

#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    Any,
    /// Strong ones: a weak one is never the same (RFC 9110, section 13.1.1).
    Tags(Vec<String>),
}

/// What the document says of it.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "the header is read as `IfMatch`")]
pub(crate) struct IfMatchHeader {
    /// The `ETag` of the version that is to be changed; refused (412) where there is another one by now
    #[param(rename = "If-Match", pattern = r#"^(\*|(W/)?"[!#-~]*"([\t ]*,[\t ]*(W/)?"[!#-~]*")*)$"#)]
    tags: Option<String>,
}

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let lines: Vec<_> = parts.headers.get_all(header::IF_MATCH).iter().collect();
        if lines.is_empty() {
            return Ok(Self(None));
        }
        let lines: Option<Vec<&str>> = lines.into_iter().map(|line| line.to_str().ok()).collect();
        let wanted = lines.and_then(|lines| Wanted::read(&lines.join(",")));
        let wrong = || Problem::invalid(StatusCode::BAD_REQUEST, vec![FieldError::new("If-Match", EXPECTED)]);
        wanted.map(|wanted| Self(Some(wanted))).ok_or_else(wrong)
    }
}

impl Wanted {
    fn read(text: &str) -> Option<Self> {
        if text.trim() == "*" {
            return Some(Self::Any);
        }
        let (mut tags, mut found, mut rest) = (Vec::new(), 0, text.trim_start_matches([' ', '\t', ',']));
        while !rest.is_empty() {
            let (is_weak, opaque) = rest.strip_prefix("W/").map_or((false, rest), |opaque| (true, opaque));
            let (inner, after) = opaque.strip_prefix('"')?.split_once('"')?;
            if !inner.bytes().all(|byte| matches!(byte, 0x21 | 0x23..=0x7e)) {
                return None;
            }
            tags.extend((!is_weak).then(|| format!("\"{inner}\"")));
            found += 1;
            let after = after.trim_start_matches([' ', '\t']);
            if !after.is_empty() && !after.starts_with(',') {
                return None;
            }
            rest = after.trim_start_matches([' ', '\t', ',']);
        }
        (found > 0).then_some(Self::Tags(tags))
    }
}

impl IfMatch {
    /// Whatever the version is.
    pub(crate) const ANY: Self = Self(None);

    /// Refuses (412) where `current` is none of what is wanted, and says what has changed since.
    pub(crate) async fn check(&self, hooks: &dyn Hooks, current: &Hook) -> Result<(), Problem> {
        let Some(Wanted::Tags(tags)) = &self.0 else { return Ok(()) };
        if tags.contains(&tag(current)) {
            return Ok(());
        }
        let known = tags.iter().find_map(|tag| tag.trim_matches('"').parse().ok());
        let former = match known {
            Some(version) if version < current.version => {
                hooks.revision(&current.tenant, current.id, version).await.ok().flatten()
            }
            _ => None,
        };
        let fields = former.map(|former| changed_fields(&former, current)).unwrap_or_default();
        let what = if fields.is_empty() { String::new() } else { format!(": {}", fields.join(", ")) };
        let detail = format!("the hook has changed since{what}; read it again, it is {} now", tag(current));
        let errors = fields.into_iter().map(|field| FieldError::new(field, "has changed since")).collect();
        Err(Problem::new(StatusCode::PRECONDITION_FAILED, detail).with_errors(errors))
    }

    /// The version that only is to be changed, where one is asked for and `current` is it.
    pub(crate) fn version(&self, current: &Hook) -> Option<u64> {
        matches!(self.0, Some(Wanted::Tags(_))).then_some(current.version)
    }

    /// Of a hook that cannot be read nobody knows the version.
    pub(crate) fn check_unknown(&self) -> Result<(), Problem> {
        match &self.0 {
            Some(Wanted::Tags(_)) => {
                let detail = "the hook cannot be read, so its version is not known; leave `If-Match` out";
                Err(Problem::new(StatusCode::PRECONDITION_FAILED, detail))
            }
            Some(Wanted::Any) | None => Ok(()),
        }
    }

    /// Somebody else was faster between that check and the write.
    pub(crate) fn or_conflict(&self, error: StoreError) -> Problem {
        match (error, &self.0) {
            (StoreError::Conflict, Some(Wanted::Tags(_))) => {
                Problem::new(StatusCode::PRECONDITION_FAILED, "the hook has changed since; read it again")
            }
            (error, _) => error.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_read_as_rfc_9110_writes_them() {
        let tags = |tags: &[&str]| Some(Wanted::Tags(tags.iter().map(|tag| (*tag).to_owned()).collect()));
        assert_eq!(Wanted::read(" * "), Some(Wanted::Any));
        assert_eq!(Wanted::read("\"7\""), tags(&["\"7\""]));
        assert_eq!(Wanted::read(", \"7\" ,W/\"8\",\t\"a,b\","), tags(&["\"7\"", "\"a,b\""]));
        assert_eq!(Wanted::read("W/\"8\""), tags(&[]));
        for wrong in ["", ",", "7", "\"7", "7\"", "\"7\"\"8\"", "w/\"7\"", "\"7\" *", "\"a b\"", "*, \"7\""] {
            assert_eq!(Wanted::read(wrong), None, "{wrong}");
        }
    }
}
