//! Making a hook, and changing one.

use std::sync::LazyLock;

use api_client::{FieldError, Refusal};
use axum::extract::Path;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderValue, StatusCode};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::event::condition;
use super::frame::HOOKS;
use super::hook::{address_of, around};
use super::hook_form::{HookForm, view};
use crate::api::{EventType, Hook, HookPreview, List, ListedEvent};
use crate::components::badge::Tone;
use crate::components::code::raw;
use crate::components::field::{self, Mistakes};
use crate::components::listing::address;
use crate::components::{exchange, heading, notice};
use crate::failure::Failure;
use crate::page::{Answer, Page, see_other};
use crate::query::{Query, given};
use crate::same_origin::Form;
use crate::visit::PortalVisit;

/// Of as many types a tree can be offered; others are typed.
const MAX_TYPE_PAGES: usize = 5;
/// The version of a hook that a form was made from, as the API tags it.
const SEEN: &str = "seen";
/// Of a form that does not say: the tag of no version.
static UNSEEN: HeaderValue = HeaderValue::from_static("\"\"");

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Preset {
    event: String,
}

pub(crate) async fn types(visit: &PortalVisit) -> Result<Vec<EventType>, Refusal> {
    let (mut types, mut cursor) = (Vec::new(), String::new());
    for _ in 0..MAX_TYPE_PAGES {
        let query = given(&[("limit", "100"), ("cursor", &cursor)]);
        let page: List<EventType> = visit.api().get(&visit.path(&["event-types"]), &query).await?;
        types.extend(page.fine().cloned());
        match page.next_cursor {
            Some(next) => cursor = next,
            None => break,
        }
    }
    Ok(types)
}

pub(crate) async fn new(visit: PortalVisit, Query(preset): Query<Preset>) -> Answer {
    let events = Some(preset.event).filter(|event| !event.is_empty()).into_iter().collect();
    new_page(&visit, &HookForm { events, ..HookForm::empty() }, &Mistakes::default()).await
}

async fn new_page(visit: &PortalVisit, form: &HookForm, mistakes: &Mistakes) -> Answer {
    let t = visit.texts();
    let inner = html! {
        (view(form, &types(visit).await?, mistakes, None, true, t))
        p.actions { button.button.primary { (t.form_create) } a.button href="/portal/hooks" { (t.again_cancel) } }
    };
    let main = html! {
        (heading(t.new_hook, &html! {}))
        (field::form("/portal/hooks/new", &visit.form_token, &inner))
    };
    Ok(Page::new(HOOKS, t.new_hook, main))
}

pub(crate) async fn create(visit: PortalVisit, sent: Form) -> Result<Response, Failure> {
    let form = HookForm::read(&sent);
    let mistakes = match form.body(&HookForm::empty(), visit.texts().form_no_json) {
        Ok(mut body) => {
            // The API says which of the two are missing.
            if form.events.is_empty() {
                body.insert("events".to_owned(), raw(&form.events));
            }
            match visit.api().post::<Hook>(&visit.path(&["hooks"]), &body).await {
                Ok(hook) => {
                    return Ok(see_other(&address(&address_of(&hook.id, "test"), &[("done", "created")], &[])));
                }
                Err(refusal) => Mistakes::of_refusal(refusal)?,
            }
        }
        Err(mistakes) => mistakes,
    };
    Ok(new_page(&visit, &form, &mistakes).await?.with_mistakes().into_response())
}

/// What a form has to give back byte for byte.
#[derive(Deserialize)]
struct AsWritten {
    payload: Box<RawValue>,
}

/// With the tag of its version.
async fn load_tagged(visit: &PortalVisit, hook: &str) -> Result<(Hook, HeaderValue), Failure> {
    let (text, tag) = visit.api().get_tagged::<Box<RawValue>>(&visit.path(&["hooks", hook])).await?;
    let odd = |error: serde_json::Error| Failure::ours(&format!("a hook cannot be read: {error}"));
    let (mut hook, as_written): (Hook, AsWritten) =
        (serde_json::from_str(text.get()).map_err(odd)?, serde_json::from_str(text.get()).map_err(odd)?);
    as_written.payload.get().clone_into(&mut hook.payload_text);
    Ok((hook, tag.unwrap_or_else(|| UNSEEN.clone())))
}

pub(crate) async fn settings(visit: PortalVisit, Path(hook): Path<String>) -> Answer {
    let (hook, seen) = load_tagged(&visit, &hook).await?;
    let form = HookForm::of(&hook);
    settings_page(&visit, &hook, &Shown { form: &form, seen: &seen, ..Shown::default() }).await
}

/// What stands in the form, and around it.
struct Shown<'a> {
    form: &'a HookForm,
    /// The version that the form was made from.
    seen: &'a HeaderValue,
    mistakes: &'a Mistakes,
    /// Which fields somebody else has changed since.
    changed: Option<&'a [FieldError]>,
    /// The event that it is tried on, and what came of it.
    tried: Option<(&'a str, &'a HookPreview)>,
}

impl Default for Shown<'_> {
    fn default() -> Self {
        const NONE: &Mistakes = &Mistakes::NONE;
        static EMPTY: LazyLock<HookForm> = LazyLock::new(HookForm::default);
        Self { form: &EMPTY, seen: &UNSEEN, mistakes: NONE, changed: None, tried: None }
    }
}

async fn settings_page(visit: &PortalVisit, hook: &Hook, shown: &Shown<'_>) -> Answer {
    let t = visit.texts();
    let Shown { form, seen, mistakes, changed, tried } = *shown;
    let now = changed.map(|_| HookForm::of(hook));
    let inner: Markup = html! {
        @if let Some(changed) = changed {
            (notice::notice(Tone::Warning, &html! {
                p role="alert" { (t.form_changed_meanwhile) @for change in changed { " " code.tag { (change.field) } } }
            }))
        }
        input type="hidden" name=(SEEN) value=(seen.to_str().unwrap_or_default());
        (view(form, &types(visit).await?, mistakes, now.as_ref(), false, t))
        p.actions { button.button.primary { (t.form_save) } a.button href=(address_of(&hook.id, "")) { (t.again_cancel) } }
        (try_out(visit, mistakes, tried).await?)
    };
    let inner = field::form(&address_of(&hook.id, "settings"), &visit.form_token, &inner);
    Ok(around(visit, hook, "settings", &inner))
}

/// A dry run on an event of the past, with what is in the form.
async fn try_out(
    visit: &PortalVisit,
    mistakes: &Mistakes,
    tried: Option<(&str, &HookPreview)>,
) -> Result<Markup, Refusal> {
    let t = visit.texts();
    let events: List<ListedEvent> = visit.api().get(&visit.path(&["events"]), &[("limit", "20")]).await?;
    let mistake = mistakes.at("event");
    Ok(html! {
        fieldset #try {
            legend { h2 { (t.try_title) } }
            p.help { (t.try_help) }
            div.field {
                label for="event" { (t.try_event) }
                input type="text" id="event" name="event" list="recent_events" autocomplete="off" value=(tried.map_or("", |(event, _)| event))
                    aria-invalid=[mistake.map(|_| "true")] aria-describedby=[mistake.map(|_| "event-mistake")];
                datalist id="recent_events" { @for event in events.fine() { option value=(event.id) { (event.event_type) } } }
                @if let Some(mistake) = mistake { p.mistake #event-mistake { (mistake) } }
            }
            button.button name="try" value="true" { (t.try_run) }
            @if let Some((_, preview)) = tried {
                @let (tone, text) = match preview.cause.as_deref() {
                    None => (Tone::Good, t.try_wanted),
                    Some("type") => (Tone::Warning, t.try_type),
                    Some("channel") => (Tone::Warning, t.try_channel),
                    Some(_) => (Tone::Warning, t.try_filter),
                };
                (notice::notice(tone, &html! {
                    p role="status" { (text) }
                    @if !preview.unmet.is_empty() { ul { @for unmet in &preview.unmet { li { (condition(unmet, t)) } } } }
                }))
                (exchange::request(&preview.request, t))
            }
        }
    })
}

pub(crate) async fn save(visit: PortalVisit, Path(hook): Path<String>, sent: Form) -> Result<Response, Failure> {
    let (hook, current) = load_tagged(&visit, &hook).await?;
    let (form, seen) = (&HookForm::read(&sent), &seen(&sent));
    if sent.has("try") {
        return try_on(&visit, &hook, form, seen, sent.typed("event").unwrap_or_default()).await;
    }
    let mistakes = match form.body(&HookForm::of(&hook), visit.texts().form_no_json) {
        Ok(body) => {
            let path = visit.path(&["hooks", &hook.id]);
            match visit.api().if_match(seen).patch::<Hook>(&path, &body).await {
                Ok(_) => return Ok(see_other(&address(&address_of(&hook.id, ""), &[("done", "saved")], &[]))),
                Err(refusal) if refusal.status == StatusCode::PRECONDITION_FAILED => {
                    let shown = Shown { form, seen: &current, changed: Some(&refusal.errors), ..Shown::default() };
                    let page = settings_page(&visit, &hook, &shown).await?;
                    return Ok(page.with_status(StatusCode::CONFLICT).into_response());
                }
                Err(refusal) => Mistakes::of_refusal(refusal)?,
            }
        }
        Err(mistakes) => mistakes,
    };
    let shown = Shown { form, seen, mistakes: &mistakes, ..Shown::default() };
    Ok(settings_page(&visit, &hook, &shown).await?.with_mistakes().into_response())
}

fn seen(sent: &Form) -> HeaderValue {
    let tag = sent.get(SEEN).filter(|tag| {
        let inner = tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"'));
        inner.is_some_and(|inner| inner.bytes().all(|byte| byte.is_ascii_alphanumeric()))
    });
    tag.and_then(|tag| HeaderValue::from_str(tag).ok()).unwrap_or_else(|| UNSEEN.clone())
}

async fn try_on(
    visit: &PortalVisit,
    hook: &Hook,
    form: &HookForm,
    seen: &HeaderValue,
    event: &str,
) -> Result<Response, Failure> {
    let mistakes = match form.body(&HookForm::of(hook), visit.texts().form_no_json) {
        Ok(mut body) => {
            body.insert("event".to_owned(), raw(&event));
            match visit.api().post::<HookPreview>(&visit.path(&["hooks", &hook.id, "preview"]), &body).await {
                Ok(preview) => {
                    let shown = Shown { form, seen, tried: Some((event, &preview)), ..Shown::default() };
                    return Ok(settings_page(visit, hook, &shown).await?.into_response());
                }
                Err(refusal) if refusal.status == StatusCode::NOT_FOUND => {
                    let mut mistakes = Mistakes::default();
                    mistakes.add("event", visit.texts().try_nothing);
                    mistakes
                }
                Err(refusal) => Mistakes::of_refusal(refusal)?,
            }
        }
        Err(mistakes) => mistakes,
    };
    let shown = Shown { form, seen, mistakes: &mistakes, ..Shown::default() };
    Ok(settings_page(visit, hook, &shown).await?.with_mistakes().into_response())
}
