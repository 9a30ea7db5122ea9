//! The secret of a hook: shown on request, replaced, and how to verify with it.

use axum::extract::Path;
use axum::response::{IntoResponse as _, Response};
use maud::{Markup, html};
use serde_json::{Map, Value, json};

use super::delivery::done;
use super::hook::{address_of, around, load};
use super::snippets;
use crate::api::{Hook, Secrets};
use crate::components::field::{self, Field, Mistakes};
use crate::components::{code, notice, time};
use crate::failure::Failure;
use crate::page::{Answer, Page};
use crate::query::{Done, Query};
use crate::same_origin::Form;
use crate::visit::PortalVisit;

pub(crate) async fn page(visit: PortalVisit, Path(hook): Path<String>, Query(query): Query<Done>) -> Answer {
    let hook = load(&visit, &hook).await?;
    Ok(shown(&visit, &hook, None, &query.done, (&Form::default(), &Mistakes::default())))
}

fn shown(
    visit: &PortalVisit,
    hook: &Hook,
    secrets: Option<&Secrets>,
    was_done: &str,
    rotating: (&Form, &Mistakes),
) -> Page {
    let t = visit.texts();
    let token = &visit.form_token;
    let snippets = snippets::of(hook);
    let inner = html! {
        (done(visit, was_done))
        p { (t.secret_help) }
        @match secrets {
            Some(secrets) => {
                (revealed(visit, secrets))
                p.actions { a.button href=(address_of(&hook.id, "secret")) { (t.hide) } }
            },
            None if visit.session.may("reveal_secret") => (notice::confirm(t.reveal, t.reveal_question, &field::button(&address_of(&hook.id, "secret/reveal"), token, "primary", t.reveal))),
            None => {},
        }
        @if visit.session.may("rotate") { (rotation(visit, hook, rotating)) }
        h2 { (t.verify_title) }
        p { (t.verify_help) }
        @if snippets.is_empty() { p { (t.no_signature) } }
        @for (index, snippet) in snippets.iter().enumerate() {
            details open[index == 0] { summary { (snippet.language) } (code::block(snippet.language, &snippet.code, t.copy)) }
        }
    };
    around(visit, hook, "secret", &inner)
}

fn revealed(visit: &PortalVisit, secrets: &Secrets) -> Markup {
    let t = visit.texts();
    html! {
        @if let Some(secret) = &secrets.secret { (code::block(t.secret_current, secret, t.copy)) }
        @if let Some(key) = &secrets.public_key { (code::block(t.secret_public, key, t.copy)) }
        @for other in &secrets.others {
            (code::block(t.secret_former, &other.secret, t.copy))
            @if other.signs_alone { p { (t.secret_still_alone) } }
            @if let Some(ends) = &other.expires_at {
                @let (before, after) = t.secret_ends.split_once("{time}").unwrap_or((t.secret_ends, ""));
                p { (before) (time::relative(ends, &visit.reader, visit.language())) (after) " (" (time::exact(ends, &visit.reader, visit.language())) ")" }
            }
        }
        @if let Some(key) = &secrets.verification_key { (code::block(t.verification_key, key, t.copy)) }
    }
}

/// With what was typed, and what is wrong with it.
fn rotation(visit: &PortalVisit, hook: &Hook, (form, mistakes): (&Form, &Mistakes)) -> Markup {
    let t = visit.texts();
    let value = |name, otherwise| form.get(name).unwrap_or(otherwise);
    let form = html! {
        (Field::new("secret", t.rotate_new).help(t.rotate_new_help).mistakes(mistakes).input("text", value("secret", "")))
        (Field::new("overlap", t.rotate_overlap).mistakes(mistakes).input("text", value("overlap", "24")))
        button.button.primary { (t.rotate) }
    };
    html! {
        @for error in mistakes.besides(&["secret", "overlap"]) { p.mistake { (error.message) } }
        (notice::confirm_at(!mistakes.is_empty(), t.rotate, t.rotate_question, &field::form(&address_of(&hook.id, "secret/rotate"), &visit.form_token, &form)))
        (notice::confirm(t.cutover, t.cutover_question, &field::button(&address_of(&hook.id, "secret/cutover"), &visit.form_token, "", t.cutover)))
    }
}

/// Shown as the answer to a form, so that it stands in no history and is fetched by nobody's prefetch.
pub(crate) async fn reveal(visit: PortalVisit, Path(hook): Path<String>) -> Answer {
    let hook = load(&visit, &hook).await?;
    let secrets: Secrets = visit.api().get(&visit.path(&["hooks", &hook.id, "secret"]), &[]).await?;
    Ok(shown(&visit, &hook, Some(&secrets), "", (&Form::default(), &Mistakes::default())))
}

pub(crate) async fn rotate(visit: PortalVisit, Path(hook): Path<String>, form: Form) -> Result<Response, Failure> {
    let hook = load(&visit, &hook).await?;
    let mut body = Map::new();
    if let Some(secret) = form.typed("secret") {
        body.insert("secret".to_owned(), json!(secret));
    }
    if let Some(hours) = form.typed("overlap") {
        // What is no number is told by the API.
        let overlap = hours.parse::<u64>().map_or_else(|_| json!(hours), |hours| json!(hours.saturating_mul(3_600)));
        body.insert("overlap".to_owned(), overlap);
    }
    let path = visit.path(&["hooks", &hook.id, "secret", "rotate"]);
    match visit.api().post::<Secrets>(&path, &Value::Object(body)).await {
        Ok(secrets) => {
            let untouched = (&Form::default(), &Mistakes::default());
            Ok(shown(&visit, &hook, Some(&secrets), "rotated", untouched).into_response())
        }
        Err(refusal) => {
            let mistakes = Mistakes::of_refusal(refusal)?;
            Ok(shown(&visit, &hook, None, "", (&form, &mistakes)).with_mistakes().into_response())
        }
    }
}

pub(crate) async fn cut_over(visit: PortalVisit, Path(hook): Path<String>) -> Answer {
    let hook = load(&visit, &hook).await?;
    let path = visit.path(&["hooks", &hook.id, "secret", "cutover"]);
    let _: Value = visit.api().post(&path, &json!({})).await?;
    Ok(shown(&visit, &hook, None, "cutover", (&Form::default(), &Mistakes::default())))
}
