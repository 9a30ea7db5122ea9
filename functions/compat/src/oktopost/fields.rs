//! Fields of forms and queries, each at most once and by a name that is known.

use api_client::FieldError;
use axum::extract::{FromRequest, FromRequestParts, Request};
use bytes::Bytes;
use http::request::Parts;
use http::{StatusCode, header};
use url::form_urlencoded;

use super::answer::Refused;

const COUNTS: [usize; 4] = [20, 25, 50, 100];

/// What was sent, and what is found to be wrong with it on the way.
#[derive(Debug, Default)]
pub(crate) struct Fields {
    given: Vec<(String, String)>,
    errors: Vec<FieldError>,
}

/// Those of a body.
pub(crate) struct Form(pub(crate) Fields);

/// Those of a query.
pub(crate) struct Query(pub(crate) Fields);

impl Fields {
    fn parse(text: &[u8]) -> Self {
        let mut fields = Self::default();
        for (name, value) in form_urlencoded::parse(text) {
            if fields.given.iter().any(|(given, _)| *given == name) {
                fields.refuse(&name, "is given more than once");
            } else {
                fields.given.push((name.into_owned(), value.into_owned()));
            }
        }
        fields
    }

    pub(crate) fn refuse(&mut self, field: &str, message: impl Into<String>) {
        self.errors.push(FieldError::new(field, message));
    }

    pub(crate) fn take(&mut self, name: &str) -> Option<String> {
        let place = self.given.iter().position(|(given, _)| given == name)?;
        Some(self.given.swap_remove(place).1)
    }

    pub(crate) fn required(&mut self, name: &str) -> Option<String> {
        let value = self.take(name).filter(|value| !value.trim().is_empty());
        if value.is_none() {
            self.refuse(name, "is required");
        }
        value
    }

    /// `1` or `0`.
    pub(crate) fn flag(&mut self, name: &str) -> Option<bool> {
        match self.take(name)?.as_str() {
            "1" => Some(true),
            "0" => Some(false),
            _ => {
                self.refuse(name, "expected 1 or 0");
                None
            }
        }
    }

    /// `_page` and `_count`.
    pub(crate) fn page(&mut self) -> (usize, usize) {
        let page = self.take("_page").map_or(Some(0), |text| text.parse::<usize>().ok());
        let count = self.take("_count").map_or(Some(COUNTS[0]), |text| text.parse().ok());
        let count = count.filter(|count| COUNTS.contains(count));
        if page.is_none() {
            self.refuse("_page", "expected a whole number from 0");
        }
        if count.is_none() {
            self.refuse("_count", "expected 20, 25, 50 or 100");
        }
        (page.unwrap_or_default(), count.unwrap_or(COUNTS[0]))
    }

    /// Nothing else may have been sent, and nothing may be wrong.
    pub(crate) fn end(mut self, known: &str) -> Result<(), Refused> {
        for (name, _) in std::mem::take(&mut self.given) {
            self.refuse(&name, format!("unknown field; expected {known}"));
        }
        if self.errors.is_empty() { Ok(()) } else { Err(Refused::of_fields(self.errors)) }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Query {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refused> {
        Ok(Self(Fields::parse(parts.uri.query().unwrap_or_default().as_bytes())))
    }
}

impl<S: Send + Sync> FromRequest<S> for Form {
    type Rejection = Refused;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refused> {
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let is_form =
            kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/x-www-form-urlencoded");
        let mut codings = request.headers().get_all(header::CONTENT_ENCODING).iter();
        if codings.any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity")) {
            let detail = "the body has a Content-Encoding, and only identity is taken: send it uncompressed";
            return Err(Refused::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail));
        }
        let body = Bytes::from_request(request, state)
            .await
            .map_err(|rejection| Refused::new(rejection.status(), &rejection.body_text()))?;
        if !is_form && !body.is_empty() {
            let detail = "expected a body of the type application/x-www-form-urlencoded";
            return Err(Refused::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail));
        }
        Ok(Self(Fields::parse(&body)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_is_wrong_is_told_at_once() {
        let mut fields = Fields::parse(b"name=&isEnabled=yes&a=1&a=2&_count=7");
        assert_eq!(fields.required("name"), None);
        assert_eq!(fields.flag("isEnabled"), None);
        fields.page();
        assert_eq!(fields.take("a"), Some("1".to_owned()));
        let told: Vec<&str> = fields.errors.iter().map(|error| error.field.as_str()).collect();
        assert_eq!(told, ["a", "name", "isEnabled", "_count"]);
    }
}
