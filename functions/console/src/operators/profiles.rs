//! Profiles, with the request that each makes.

use std::collections::BTreeMap;

use axum::extract::Path;
use axum::response::{IntoResponse as _, Response};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::frame::PROFILES;
use super::shown::{self, done, mistakes_besides};
use crate::api::{Entry, SentRequest};
use crate::components::badge::{Tone, badge};
use crate::components::field::{self, Field, Mistakes};
use crate::components::listing::{self, Column, address, path};
use crate::components::{code, exchange, heading, notice};
use crate::failure::Failure;
use crate::page::{Answer, Page, see_other};
use crate::query::{Done, Query};
use crate::same_origin::Form;
use crate::visit::OperatorVisit;

/// What the API answers of a profile and does not take back.
const FIXED: [&str; 2] = ["name", "built_in"];
const FIELDS: [&str; 5] = ["name", "settings", "event_type", "data", "url"];
const FIRST: &str = "{\n  \"description\": \"\",\n  \"retry\": { \"delays\": [60, 600, 3600] },\n  \"headers\": [{ \"name\": \"x-source\", \"value\": \"hookline\" }]\n}";

#[derive(Clone, Deserialize)]
struct Profile {
    name: String,
    description: String,
    built_in: bool,
}

#[derive(Deserialize)]
struct Previewed {
    request: SentRequest,
}

fn address_of(profile: &str) -> String {
    path(&["console", "profiles", profile])
}

pub(crate) async fn list(visit: OperatorVisit, Query(query): Query<Done>) -> Answer {
    let profiles: Items = visit.api().get(&["v1", "profiles"], &[]).await?;
    let columns = ["Profile", "What for", "Made by"].map(Column::text);
    let main = html! {
        (done(&query.done))
        (heading("Profiles", &html! { a.button.primary href="/console/profiles/new" { "New profile" } }))
        p.help { "A profile decides how requests look and when they are tried again, for all hooks that go by it." }
        (listing::table("Profiles", &columns, &html! {
            @for entry in &profiles.items {
                @match entry {
                    Entry::Unreadable { id, unreadable: why } => (shown::unreadable(id, why, columns.len())),
                    Entry::Fine(profile) => tr {
                        td { a href=(address_of(&profile.name)) { (profile.name) } }
                        td { (profile.description) }
                        td { @if profile.built_in { (badge(Tone::Neutral, "built in")) } @else { "you" } }
                    },
                }
            }
        }))
    };
    Ok(Page::new(PROFILES, "Profiles", main))
}

/// A list that is never paged.
#[derive(Deserialize)]
struct Items {
    items: Vec<Entry<Profile>>,
}

/// What stands in the form.
struct Draft<'a> {
    /// None of one that is to be made.
    name: Option<&'a str>,
    /// What it is to be called.
    new_name: String,
    settings: String,
    event_type: String,
    data: String,
    url: String,
}

impl<'a> Draft<'a> {
    fn new(name: Option<&'a str>, settings: String) -> Self {
        let [new_name, event_type, data, url] = [const { String::new() }; 4];
        Self { name, new_name, settings, event_type, data, url }
    }

    fn read(name: Option<&'a str>, form: &Form) -> Self {
        let typed = |field| form.typed(field).unwrap_or_default().to_owned();
        let settings = form.get("settings").unwrap_or_default().to_owned();
        Self {
            new_name: typed("name"),
            settings,
            event_type: typed("event_type"),
            data: typed("data"),
            url: typed("url"),
            ..Self::new(name, String::new())
        }
    }

    /// What the API is asked to show.
    fn preview(&self, is_built_in: bool, mistakes: &mut Mistakes) -> Option<Box<RawValue>> {
        let mut more = Vec::new();
        let texts = [("profile", self.name.unwrap_or_default()), ("event_type", &self.event_type), ("url", &self.url)];
        for (field, text) in texts.into_iter().filter(|(_, text)| !text.is_empty()) {
            more.push((field, code::raw(text)));
        }
        if !self.data.is_empty() {
            more.push(("data", shown::json(&self.data, "data", mistakes)?));
        }
        let more: Vec<_> = more.iter().map(|(field, value)| (*field, value.as_ref())).collect();
        let settings = if is_built_in { "{}" } else { self.settings.as_str() };
        shown::json_object(settings, "settings", &more, mistakes)
    }
}

/// The request, or what keeps it from being made.
async fn preview(
    visit: &OperatorVisit,
    draft: &Draft<'_>,
    is_built_in: bool,
) -> Result<Result<SentRequest, Mistakes>, Failure> {
    let mut wrong = Mistakes::default();
    let Some(body) = draft.preview(is_built_in, &mut wrong) else { return Ok(Err(wrong)) };
    match visit.api().post::<Previewed>(&["v1", "profile-previews"], &body).await {
        Ok(made) => Ok(Ok(made.request)),
        Err(refusal) => Ok(Err(Mistakes::of_refusal(refusal)?)),
    }
}

async fn shown_page(
    visit: &OperatorVisit,
    draft: &Draft<'_>,
    is_built_in: bool,
    mistakes: Mistakes,
    was_done: &str,
) -> Answer {
    let previewed = preview(visit, draft, is_built_in).await?;
    let (request, mistakes) = match previewed {
        Ok(request) => (Some(request), mistakes),
        Err(of_preview) if mistakes.is_empty() => (None, of_preview),
        Err(_) => (None, mistakes),
    };
    let title = draft.name.unwrap_or("New profile");
    let here = draft.name.map_or_else(|| "/console/profiles/new".to_owned(), address_of);
    let form = html! {
        div #mistakes aria-live="polite" { (mistakes_besides(&mistakes, &FIELDS)) }
        @if draft.name.is_none() { (Field::new("name", "Name").help("a-z A-Z 0-9 _ -").mistakes(&mistakes).required().input("text", &draft.new_name)) }
        @if is_built_in { p.help { "It comes with Hookline and cannot be changed." } }
        @else { (Field::new("settings", "Settings").help("JSON: what it decides; the rest is the standard.").mistakes(&mistakes).area(&draft.settings, 18)) }
        fieldset {
            legend { "Shown with" }
            (Field::new("event_type", "Event type").mistakes(&mistakes).input("text", &draft.event_type))
            (Field::new("data", "Data").help("JSON; the type's example when absent.").mistakes(&mistakes).area(&draft.data, 4))
            (Field::new("url", "URL of the hook").mistakes(&mistakes).input("text", &draft.url))
        }
        p.actions {
            button.button formaction=(format!("{here}/preview")) formnovalidate { "Show the request" }
            @if !is_built_in { button.button.primary { "Save" } }
        }
    };
    let main = html! {
        (done(was_done))
        (heading(title, &html! {}))
        div.beside {
            form method="post" action=(here) data-live-preview=(format!("{here}/preview")) {
                input type="hidden" name="form_token" value=(visit.form_token);
                (form)
            }
            section #preview aria-live="polite" aria-label="The request it makes" {
                h2 { "The request it makes" }
                @match &request {
                    Some(request) => { p.help { "Signed with a secret that was made for it, and sent nowhere." } (request_view(request)) }
                    None => (notice::notice(Tone::Warning, &html! {
                        p { "No request can be made of this:" }
                        @for error in mistakes.besides(&[]) { p { @if !error.field.is_empty() { code { (error.field) } ": " } (error.message) } }
                    })),
                }
            }
        }
        @if let (Some(name), false) = (draft.name, is_built_in) {
            (notice::confirm("Delete", "Nothing may use it.", &field::button(&format!("{}/delete", address_of(name)), &visit.form_token, "danger", "Delete")))
        }
    };
    let page = Page::new(PROFILES, title.to_owned(), main);
    Ok(if mistakes.is_empty() { page } else { page.with_mistakes() })
}

fn request_view(request: &SentRequest) -> Markup {
    let lines: Vec<_> = request.headers.iter().map(|header| format!("{}: {}", header.name, header.value)).collect();
    html! {
        p.url { code { (request.method) " " (request.url) } }
        (code::block("Headers", &lines.join("\n"), shown::COPY))
        @if request.body_is_base64 { (code::block("Body (Base64)", &request.body, shown::COPY)) }
        @else if !request.body.is_empty() { (code::block("Body", &code::laid_out(&request.body), shown::COPY)) }
        details { summary { "As curl command" } (exchange::as_curl(request, shown::ENGLISH.texts())) }
    }
}

pub(crate) async fn new(visit: OperatorVisit) -> Answer {
    shown_page(&visit, &Draft::new(None, FIRST.to_owned()), false, Mistakes::default(), "").await
}

pub(crate) async fn preview_new(visit: OperatorVisit, form: Form) -> Answer {
    shown_page(&visit, &Draft::read(None, &form), false, Mistakes::default(), "").await
}

pub(crate) async fn create(visit: OperatorVisit, form: Form) -> Result<Response, Failure> {
    let draft = Draft::read(None, &form);
    let mut wrong = Mistakes::default();
    let name = code::raw(&draft.new_name);
    if let Some(body) = shown::json_object(&draft.settings, "settings", &[("name", &*name)], &mut wrong) {
        match visit.api().post::<Profile>(&["v1", "profiles"], &body).await {
            Ok(profile) => return Ok(see_other(&address(&address_of(&profile.name), &[("done", "created")], &[]))),
            Err(refusal) => wrong = Mistakes::of_refusal(refusal)?,
        }
    }
    Ok(shown_page(&visit, &draft, false, wrong, "").await?.into_response())
}

/// As JSON that can be changed, and whether it can be.
async fn written(visit: &OperatorVisit, profile: &str) -> Result<(String, bool), Failure> {
    let members: BTreeMap<String, Box<RawValue>> = visit.api().get(&["v1", "profiles", profile], &[]).await?;
    let is_built_in = members.get("built_in").is_some_and(|value| value.get() == "true");
    let is_kept = |name: &str, value: &RawValue| !FIXED.contains(&name) && value.get() != "null";
    Ok((shown::editable(&members, is_kept), is_built_in))
}

pub(crate) async fn page(visit: OperatorVisit, Path(profile): Path<String>, Query(query): Query<Done>) -> Answer {
    let (settings, is_built_in) = written(&visit, &profile).await?;
    shown_page(&visit, &Draft::new(Some(&profile), settings), is_built_in, Mistakes::default(), &query.done).await
}

pub(crate) async fn preview_of(visit: OperatorVisit, Path(profile): Path<String>, form: Form) -> Answer {
    let (_, is_built_in) = written(&visit, &profile).await?;
    shown_page(&visit, &Draft::read(Some(&profile), &form), is_built_in, Mistakes::default(), "").await
}

pub(crate) async fn save(visit: OperatorVisit, Path(profile): Path<String>, form: Form) -> Result<Response, Failure> {
    let (_, is_built_in) = written(&visit, &profile).await?;
    let draft = Draft::read(Some(&profile), &form);
    let mut wrong = Mistakes::default();
    if let Some(body) = shown::json(&draft.settings, "settings", &mut wrong) {
        match visit.api().patch::<Value>(&["v1", "profiles", &profile], &body).await {
            Ok(_) => return Ok(see_other(&address(&address_of(&profile), &[("done", "saved")], &[]))),
            Err(refusal) => wrong = Mistakes::of_refusal(refusal)?,
        }
    }
    Ok(shown_page(&visit, &draft, is_built_in, wrong, "").await?.into_response())
}

pub(crate) async fn delete(visit: OperatorVisit, Path(profile): Path<String>) -> Result<Response, Failure> {
    visit.api().delete(&["v1", "profiles", &profile]).await?;
    Ok(see_other("/console/profiles?done=deleted"))
}
