//! Fields of forms: each with its label, what helps, and its own mistake.

use api_client::{FieldError, Refusal};
use http::StatusCode;
use maud::{Markup, html};

use crate::failure::Failure;
use crate::same_origin::TOKEN_FIELD;

/// Mistakes of a form, by the API's names of fields.
#[derive(Clone, Debug, Default)]
pub(crate) struct Mistakes(Vec<FieldError>);

impl Mistakes {
    pub(crate) const NONE: Self = Self(Vec::new());

    /// What a form can show, so that nothing has to be typed again; whatever else was refused is a
    /// page of its own. What is of no field, such as a limit that is reached, stands at the head.
    pub(crate) fn of_refusal(refusal: Refusal) -> Result<Self, Failure> {
        match refusal.status {
            StatusCode::UNPROCESSABLE_ENTITY
            | StatusCode::CONFLICT
            | StatusCode::BAD_REQUEST
            | StatusCode::PAYLOAD_TOO_LARGE
            | StatusCode::TOO_MANY_REQUESTS => match refusal.errors.is_empty() {
                true => Ok(Self(vec![FieldError::new("", &refusal.detail)])),
                false => Ok(Self(refusal.errors)),
            },
            _ => Err(refusal.into()),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn add(&mut self, field: &str, message: &str) {
        self.0.push(FieldError::new(field, message));
    }

    /// Of this field or of a part of it, such as `retry.delays[0]` of `retry`.
    pub(crate) fn at(&self, field: &str) -> Option<&str> {
        self.0.iter().find(|error| is_within(error, field)).map(|error| error.message.as_str())
    }

    /// Of this field as a whole.
    pub(crate) fn exactly(&self, field: &str) -> Option<&str> {
        self.0.iter().find(|error| error.field == field).map(|error| error.message.as_str())
    }

    /// All that are of this field or of a part of it.
    pub(crate) fn within<'a>(&'a self, field: &'a str) -> impl Iterator<Item = &'a FieldError> {
        self.0.iter().filter(move |error| is_within(error, field))
    }

    /// Those at none of these fields, for the head of the form.
    pub(crate) fn besides<'a>(&'a self, fields: &'a [&str]) -> impl Iterator<Item = &'a FieldError> {
        self.0.iter().filter(move |error| !fields.iter().any(|field| is_within(error, field)))
    }
}

fn is_within(error: &FieldError, field: &str) -> bool {
    error.field.strip_prefix(field).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

/// A field as it is shown.
#[derive(Clone, Copy, Default)]
pub(crate) struct Field<'a> {
    /// The API's name of it, and the form's.
    pub(crate) name: &'a str,
    pub(crate) label: &'a str,
    pub(crate) help: Option<&'a str>,
    pub(crate) mistake: Option<&'a str>,
    pub(crate) is_required: bool,
}

impl<'a> Field<'a> {
    pub(crate) fn new(name: &'a str, label: &'a str) -> Self {
        Self { name, label, ..Self::default() }
    }

    pub(crate) fn help(self, help: &'a str) -> Self {
        Self { help: Some(help), ..self }
    }

    pub(crate) fn mistakes(self, mistakes: &'a Mistakes) -> Self {
        Self { mistake: mistakes.at(self.name), ..self }
    }

    pub(crate) fn required(self) -> Self {
        Self { is_required: true, ..self }
    }

    fn described_by(&self) -> Option<String> {
        let ids: Vec<_> = [(self.help, "help"), (self.mistake, "mistake")]
            .into_iter()
            .filter_map(|(text, part)| text.map(|_| format!("{}-{part}", self.name)))
            .collect();
        (!ids.is_empty()).then(|| ids.join(" "))
    }

    fn around(&self, input: &Markup) -> Markup {
        html! {
            div class={ "field" (if self.mistake.is_some() { " wrong" } else { "" }) } {
                label for=(self.name) { (self.label) @if self.is_required { span.required aria-hidden="true" { " *" } } }
                (input)
                @if let Some(help) = self.help { p.help id={ (self.name) "-help" } { (help) } }
                @if let Some(mistake) = self.mistake { p.mistake id={ (self.name) "-mistake" } { (mistake) } }
            }
        }
    }

    /// `kind` is `text`, `url`, `search`, `number` or `password`.
    pub(crate) fn input(&self, kind: &str, value: &str) -> Markup {
        self.around(&html! {
            input type=(kind) id=(self.name) name=(self.name) value=(value) required[self.is_required]
                aria-invalid=[self.mistake.map(|_| "true")] aria-describedby=[self.described_by()]
                autocomplete="off" spellcheck="false";
        })
    }

    pub(crate) fn area(&self, value: &str, rows: u32) -> Markup {
        self.around(&html! {
            textarea id=(self.name) name=(self.name) rows=(rows) required[self.is_required] spellcheck="false"
                aria-invalid=[self.mistake.map(|_| "true")] aria-describedby=[self.described_by()] { "\n" (value) }
        })
    }

    /// Of values and what they are called.
    pub(crate) fn select(&self, options: &[(&str, &str)], chosen: &str) -> Markup {
        self.around(&html! {
            select id=(self.name) name=(self.name)
                aria-invalid=[self.mistake.map(|_| "true")] aria-describedby=[self.described_by()] {
                @for (value, label) in options { option value=(value) selected[*value == chosen] { (label) } }
            }
        })
    }

    pub(crate) fn checkbox(&self, is_checked: bool) -> Markup {
        html! {
            div class={ "field check" (if self.mistake.is_some() { " wrong" } else { "" }) } {
                input type="checkbox" id=(self.name) name=(self.name) value="true" checked[is_checked]
                    aria-describedby=[self.described_by()];
                label for=(self.name) { (self.label) }
                @if let Some(help) = self.help { p.help id={ (self.name) "-help" } { (help) } }
                @if let Some(mistake) = self.mistake { p.mistake id={ (self.name) "-mistake" } { (mistake) } }
            }
        }
    }
}

/// A form that is sent with a session.
pub(crate) fn form(action: &str, token: &str, inner: &Markup) -> Markup {
    html! {
        form method="post" action=(action) {
            input type="hidden" name=(TOKEN_FIELD) value=(token);
            (inner)
        }
    }
}

/// A form of one button.
pub(crate) fn button(action: &str, token: &str, class: &str, label: &str) -> Markup {
    form(action, token, &html! { button class={ "button " (class) } { (label) } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_stands_at_its_field_and_the_rest_at_the_head_of_the_form() {
        let mut mistakes = Mistakes::default();
        mistakes.add("retry.delays[0]", "too long");
        mistakes.add("url_locked", "is a rule");
        assert_eq!((mistakes.at("retry"), mistakes.exactly("retry")), (Some("too long"), None));
        assert_eq!(mistakes.at("url"), None);
        let rest: Vec<_> = mistakes.besides(&["retry", "url"]).map(|error| error.field.as_str()).collect();
        assert_eq!(rest, ["url_locked"]);
    }
}
