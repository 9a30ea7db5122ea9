//! Which settings write which headers of a request, and what becomes of two that
//! write the same one.

use std::collections::{HashMap, HashSet};

use super::auth::Auth;
use super::{Complete, ContentType, FixedHeader, Method};
use crate::headers::{MAX_HEAD_BYTES, MAX_REQUEST_LINE_BYTES};
use crate::invalid::FieldError;

/// What writes headers. Where two meet in a request all the same, because a layer
/// above was changed later, the first of them is sent and the other is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HeaderWriter {
    ContentType,
    Signatures,
    Verification,
    Auth,
    Headers,
    /// What Hookline says of itself, where nobody says another thing.
    Hookline,
}

/// The headers of [`HeaderWriter::Hookline`], which `headers` may replace.
const OWN: [&str; 4] = ["user-agent", "accept", "webhook-delivery-ids", "traceparent"];

impl HeaderWriter {
    fn setting(self) -> &'static str {
        match self {
            Self::ContentType => "content_type",
            Self::Signatures => "signatures",
            Self::Verification => "verification",
            Self::Auth => "auth",
            Self::Headers => "headers",
            Self::Hookline => "Hookline",
        }
    }
}

/// A header of a request, and the field that names it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct WrittenHeader {
    /// In lower case.
    name: String,
    writer: HeaderWriter,
    field: String,
    /// The field brings it without naming it, as `svix-signature` brings `svix-id`.
    is_implied: bool,
}

/// Two settings that write the same header.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Collision {
    /// The one that is sent.
    first: WrittenHeader,
    second: WrittenHeader,
}

impl Complete {
    /// Complains about settings that do not go together. `given` are those that are
    /// written now, over what is there `before`: what collided then already is not
    /// the doing of who writes now.
    pub fn check(&self, given: &[&str], before: Option<&Self>, errors: &mut Vec<FieldError>) {
        let known: Vec<Collision> = before.map(Self::collisions).unwrap_or_default();
        let is_known = |collision: &Collision| {
            known.iter().any(|old| {
                old.first.name == collision.first.name
                    && (old.first.writer, old.second.writer) == (collision.first.writer, collision.second.writer)
            })
        };
        let new = self.collisions().into_iter().filter(|collision| !is_known(collision));
        errors.extend(new.map(|collision| collision.told_to(given)));
        let is_refused =
            |of: &Self| of.get_without_auth && of.method == Method::Get && !matches!(of.auth, Auth::None { .. });
        if is_refused(self) && !before.is_some_and(is_refused) {
            let field = if given.contains(&"method") && !given.contains(&"auth") { "method" } else { "auth" };
            errors.push(FieldError::new(field, "a hook whose method is GET cannot have auth here: use POST"));
        }
        let tells_of_one = |of: &Self| {
            let names_one = of.headers.iter().position(|header| header.template.is_some());
            names_one.filter(|_| of.batch.max_events > 0)
        };
        if let Some(index) = tells_of_one(self).filter(|_| before.is_none_or(|before| tells_of_one(before).is_none())) {
            let message = "a header with a template tells of one event, and a batch of several: leave one of them out";
            let is_batch = given.contains(&"batch") && !given.contains(&"headers");
            let field = if is_batch { "batch".to_owned() } else { format!("headers[{index}].template") };
            errors.push(FieldError::new(field, message));
        }
        let is_renamed =
            |of: &Self| !of.media_type.is_usual() && (of.content_type == ContentType::Form || of.method == Method::Get);
        if is_renamed(self) && !before.is_some_and(is_renamed) {
            let message = "names what a body in JSON is, and this hook has none: leave it out, or `content_type` form \
                           and method GET";
            errors.push(FieldError::new("media_type", message));
        }
        if let Some(error) = self.too_large().filter(|_| before.is_none_or(|before| before.too_large().is_none())) {
            errors.push(error);
        }
    }

    /// The headers of its requests, in lower case, each with what writes it.
    pub fn header_names(&self) -> Vec<(String, HeaderWriter)> {
        let mut written = self.written_headers();
        written.sort_by_key(|header| header.writer);
        let mut told = HashSet::new();
        written.retain(|header| told.insert(header.name.clone()));
        written.into_iter().map(|header| (header.name, header.writer)).collect()
    }

    /// What makes every request larger than it may be.
    fn too_large(&self) -> Option<FieldError> {
        let fixed = self.payload.fixed_query_bytes();
        if self.method == Method::Get && fixed > MAX_REQUEST_LINE_BYTES {
            let message = format!(
                "its fixed values take {fixed} bytes of the query of a GET, and a request line has at most \
                 {MAX_REQUEST_LINE_BYTES}"
            );
            return Some(FieldError::new("payload", message));
        }
        let own = |header: &FixedHeader| {
            header.name.len() + header.value.as_ref().map_or(0, |value| value.reveal().len()) + 4
        };
        let total: usize = self.headers.iter().map(own).sum();
        (total + MAX_REQUEST_LINE_BYTES > MAX_HEAD_BYTES).then(|| {
            let most = MAX_HEAD_BYTES - MAX_REQUEST_LINE_BYTES;
            FieldError::new("headers", format!("expected at most {most} bytes of names and values in all, got {total}"))
        })
    }

    fn collisions(&self) -> Vec<Collision> {
        let mut written = self.written_headers();
        written.sort_by_key(|header| header.writer);
        let mut by_name: HashMap<String, WrittenHeader> = HashMap::new();
        let mut collisions = Vec::new();
        for header in written {
            match by_name.get(&header.name) {
                Some(first) if first.writer != header.writer => {
                    let is_told = collisions.iter().any(|told: &Collision| told.second.field == header.field);
                    if !is_told {
                        collisions.push(Collision { first: first.clone(), second: header });
                    }
                }
                // What one setting says of a header, it is checked for by itself.
                Some(_) => {}
                None => {
                    by_name.insert(header.name.clone(), header);
                }
            }
        }
        collisions
    }

    fn written_headers(&self) -> Vec<WrittenHeader> {
        let header = |writer, name: &str, field: String| WrittenHeader {
            name: name.to_ascii_lowercase(),
            writer,
            field,
            is_implied: false,
        };
        let mut written = vec![header(HeaderWriter::ContentType, "content-type", "content_type".to_owned())];
        for (index, signature) in self.signatures.iter().enumerate() {
            let own = signature.header();
            written.extend(signature.header_names().iter().map(|name| WrittenHeader {
                is_implied: own != Some(name),
                ..header(HeaderWriter::Signatures, name, format!("signatures[{index}].header"))
            }));
        }
        if self.verification.required {
            let (name, field) = self.verification.request_header();
            written.push(header(HeaderWriter::Verification, name, field.to_owned()));
        }
        match &self.auth {
            Auth::None { .. } => {}
            Auth::ApiKey { header: name, .. } => {
                written.push(header(HeaderWriter::Auth, name, "auth.header".to_owned()));
            }
            Auth::Basic { .. } | Auth::Bearer { .. } | Auth::Oauth2 { .. } => {
                written.push(header(HeaderWriter::Auth, "authorization", "auth".to_owned()));
            }
        }
        let fixed = self.headers.iter().enumerate();
        written.extend(
            fixed.map(|(index, one)| header(HeaderWriter::Headers, &one.name, format!("headers[{index}].name"))),
        );
        for name in OWN {
            let is_replaced = self.headers.iter().any(|fixed| fixed.name.eq_ignore_ascii_case(name));
            if !is_replaced {
                written.push(header(HeaderWriter::Hookline, name, String::new()));
            }
        }
        written
    }
}

impl Collision {
    /// Told of what is written now: of the one that would be left out, if that is.
    fn told_to(self, given: &[&str]) -> FieldError {
        let Self { first, second } = self;
        let is_given = |header: &WrittenHeader| given.contains(&header.writer.setting());
        let (wrong, other) = if is_given(&second) || !is_given(&first) { (second, first) } else { (first, second) };
        if other.writer == HeaderWriter::Hookline || wrong.writer == HeaderWriter::Hookline {
            let wrong = if wrong.writer == HeaderWriter::Hookline { other } else { wrong };
            let message =
                format!("{} is written by Hookline itself, and only the setting `headers` replaces it", wrong.name);
            return FieldError::new(wrong.field, message);
        }
        let setting = other.writer.setting();
        let place = match other.field == setting {
            true => String::new(),
            false => format!(" ({})", other.field),
        };
        let message = match wrong.is_implied {
            true => format!("brings {}, which is written by the setting `{setting}`{place}", wrong.name),
            false => format!("is written by the setting `{setting}`{place}"),
        };
        FieldError::new(wrong.field, message)
    }
}

#[cfg(test)]
mod tests;
