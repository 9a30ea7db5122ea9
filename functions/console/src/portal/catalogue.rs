//! The catalogue: what events there are, with schema and example.

use axum::extract::Path;
use maud::html;
use serde::Deserialize;

use super::frame::CATALOGUE;
use crate::api::{Entry, EventType, List, WholeEventType};
use crate::components::badge::{Tone, badge};
use crate::components::listing::{self, Column, path};
use crate::components::short::{IN_A_LIST, shortened};
use crate::components::{code, heading, notice};
use crate::page::{Answer, Page};
use crate::query::{Query, given};
use crate::texts::fill;
use crate::visit::PortalVisit;

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct From {
    pub(crate) cursor: String,
}

pub(crate) async fn list(visit: PortalVisit, Query(from): Query<From>) -> Answer {
    let t = visit.texts();
    let asked = given(&[("limit", "100"), ("archived", "false"), ("cursor", &from.cursor)]);
    let types: List<EventType> = visit.api().get(&visit.path(&["event-types"]), &asked).await?;
    let columns = [Column::text(t.event_type), Column::text(t.description)];
    let main = html! {
        (heading(t.catalogue_title, &html! {}))
        @if types.items.is_empty() { (notice::empty(t.no_catalogue_title, &html! { p { (t.no_catalogue_help) } })) }
        @else {
            (listing::table(t.catalogue_title, &columns, &html! { @for entry in &types.items { tr { @match entry {
                Entry::Fine(kind) => {
                    td { a href=(path(&["portal", "event-types", &kind.name])) { code { (kind.name) } }
                        @if kind.deprecated { " " (badge(Tone::Warning, t.deprecated)) } }
                    td { (shortened(&kind.description, IN_A_LIST)) }
                },
                Entry::Unreadable { id, unreadable } => { td { code { (id) } } td { (fill(t.unreadable, &[("why", unreadable)])) } },
            } } } }))
            (listing::pager("/portal/event-types", &[], types.next_cursor.as_deref(), t.next_page))
        }
    };
    Ok(Page::new(CATALOGUE, t.catalogue_title, main))
}

pub(crate) async fn show(visit: PortalVisit, Path(name): Path<String>) -> Answer {
    let t = visit.texts();
    let kind: WholeEventType = visit.api().get(&visit.path(&["event-types", &name]), &[]).await?;
    let new = listing::address("/portal/hooks/new", &[("event", &kind.name)], &[]);
    let main = html! {
        (heading(&kind.name, &html! { @if visit.session.may("manage") { a.button href=(new) { (t.catalogue_new_hook) } } }))
        @if kind.deprecated { p { (badge(Tone::Warning, t.deprecated)) } }
        @if !kind.description.is_empty() { p { (kind.description) } }
        h2 { (t.example) }
        @match &kind.example {
            Some(example) => (code::block(t.example, &code::laid_out(example.get()), t.copy)),
            None => p { (t.no_example) },
        }
        @if let Some(schema) = &kind.schema {
            h2 { (t.schema) }
            (code::block(t.schema, &code::laid_out(schema.get()), t.copy))
        }
    };
    Ok(Page::new(CATALOGUE, kind.name, main))
}
