//! The frame around the pages of a portal: the tenant's name, logo and colours.

use maud::{Markup, html};

use super::colours;
use crate::components::menu::Entry;
use crate::components::{field, time};
use crate::headers::{FramedBy, Policy};
use crate::page::Shell;
use crate::reader::{Language, Reader};
use crate::texts::fill;
use crate::visit::PortalSession;

pub(crate) const HOOKS: &str = "hooks";
pub(crate) const EXECUTIONS: &str = "executions";
pub(crate) const STATISTICS: &str = "statistics";
pub(crate) const CATALOGUE: &str = "catalogue";
pub(crate) const AUTOMATION: &str = "automation";

pub(crate) fn policy(session: &PortalSession) -> Policy {
    let origins = &session.branding.embed_origins;
    Policy {
        logo: session.branding.logo_url.clone(),
        framed_by: if origins.is_empty() { FramedBy::Nobody } else { FramedBy::Origins(origins.clone()) },
    }
}

pub(crate) fn shell<'a>(
    session: &'a PortalSession,
    form_token: &str,
    reader: &Reader,
    title: &'a str,
    section: &str,
) -> Shell<'a> {
    let branding = &session.branding;
    let language = reader.language(branding.locale.as_deref());
    let t = language.texts();
    let name = branding.texts.title.as_deref().or(branding.name.as_deref()).unwrap_or(t.portal);
    let sections = [
        (HOOKS, t.nav_hooks, "/portal/hooks"),
        (EXECUTIONS, t.nav_log, "/portal/executions"),
        (STATISTICS, t.statistics, "/portal/statistics"),
        (CATALOGUE, t.nav_catalogue, "/portal/event-types"),
        (AUTOMATION, t.automation, "/portal/automation"),
    ];
    Shell {
        language,
        title,
        name,
        home: "/portal/hooks",
        logo: branding.logo_url.as_deref(),
        colours: colours::address(branding),
        theme: match branding.theme.as_str() {
            "light" => Some("light"),
            "dark" => Some("dark"),
            _ => reader.theme,
        },
        font: Some(branding.font.as_str()).filter(|font| *font != "system"),
        navigation: sections
            .into_iter()
            .map(|(name, label, address)| Entry::new(label, address, name == section))
            .collect(),
        aside: aside(session, form_token, reader, language),
        footer: html! {
            @for text in [&branding.texts.help, &branding.texts.footer].into_iter().flatten() { p { (text) } }
        },
        takes_code: false,
    }
}

fn aside(session: &PortalSession, form_token: &str, reader: &Reader, language: Language) -> Markup {
    let t = language.texts();
    let ends = session
        .expires_at
        .parse()
        .map_or_else(|_| session.expires_at.clone(), |at| time::distance(at, reader.now, language));
    html! {
        @if let Some(address) = session.return_url.as_deref().filter(|url| url.starts_with("https://")) {
            a.return href=(address) rel="noreferrer" { (t.back_to_app) }
        }
        details.menu {
            summary { (t.preferences) }
            div.card {
                @if let Some(user) = &session.user { p { (fill(t.logged_in_as, &[("user", user)])) } }
                (preferences(reader, language, !session.branding.embed_origins.is_empty(), session.branding.theme == "auto"))
                p.help { (fill(t.session_ends, &[("time", &ends)])) }
                (field::form("/portal/refresh", form_token, &html! {
                    input type="hidden" name="back" value=(reader.address);
                    button.button { (t.stay_longer) }
                }))
                (field::button("/portal/logout", form_token, "", t.log_out))
            }
        }
    }
}

fn preferences(reader: &Reader, language: Language, is_embedded: bool, has_choice: bool) -> Markup {
    let t = language.texts();
    let languages: Vec<_> = Language::ALL.iter().map(|one| (one.code(), one.own_name())).collect();
    let themes = [("auto", t.theme_auto), ("light", t.theme_light), ("dark", t.theme_dark)];
    html! {
        form method="post" action="/portal/preferences" {
            input type="hidden" name="back" value=(reader.address);
            @if is_embedded { input type="hidden" name="embedded" value="true"; }
            (field::Field::new("language", t.language).select(&languages, language.code()))
            @if has_choice { (field::Field::new("theme", t.theme).select(&themes, reader.theme.unwrap_or("auto"))) }
            button.button { (t.apply) }
        }
    }
}
