//! Who changed what, and what it was before.

use axum::extract::Path;
use maud::{Markup, html};
use serde::Deserialize;

use super::frame::AUDIT;
use super::shown::{ENGLISH, NEXT, ago};
use super::{hook, tenant};
use crate::api::{Entry, List};
use crate::components::changes::{AuditEntry, changes};
use crate::components::field::Field;
use crate::components::listing::{self, path};
use crate::components::short::{IN_A_LIST, shortened};
use crate::components::{heading, notice};
use crate::failure::Failure;
use crate::page::{Answer, Page};
use crate::query::{Query, given};
use crate::visit::OperatorVisit;

const KINDS: [(&str, &str); 9] = [
    ("", "All"),
    ("tenant", "Tenants"),
    ("hook", "Hooks"),
    ("profile", "Profiles"),
    ("key", "Keys"),
    ("event_type", "Event types"),
    ("portal_link", "Portal links"),
    ("portal_session", "Portal sessions"),
    ("identity", "Keys of the deployment itself"),
];

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Filters {
    kind: String,
    target: String,
    by: String,
    cursor: String,
}

async fn entries(
    visit: &OperatorVisit,
    route: &[&str],
    here: &str,
    filters: &Filters,
    has_filters: bool,
) -> Result<Markup, Failure> {
    let query = [("kind", filters.kind.as_str()), ("target", filters.target.trim()), ("by", filters.by.trim())];
    let query = if has_filters { query.to_vec() } else { Vec::new() };
    let mut asked = query.clone();
    asked.extend([("limit", "20"), ("cursor", filters.cursor.as_str())]);
    let found: List<AuditEntry> = visit.api().get(route, &given(&asked)).await?;
    Ok(html! {
        @if has_filters {
            form.filters role="search" action=(here) {
                (Field::new("kind", "Of what").select(&KINDS, &filters.kind))
                (Field::new("target", "Its id").input("search", &filters.target))
                (Field::new("by", "By whom").input("search", &filters.by))
                button.button { "Filter" }
                a.button href=(here) { "Clear" }
            }
        }
        @if found.items.is_empty() && found.next_cursor.is_none() {
            (notice::empty("Nothing found", &html! { p { "Nobody changed anything that meets these filters." } }))
        }
        ul.cards.wide { @for entry in &found.items { li { (card(visit, entry)) } } }
        (listing::pager(here, &query, found.next_cursor.as_deref(), NEXT))
    })
}

fn card(visit: &OperatorVisit, entry: &Entry<AuditEntry>) -> Markup {
    let entry = match entry {
        Entry::Fine(entry) => entry,
        Entry::Unreadable { id, unreadable } => {
            return html! { article.card { p { code { (id) } " cannot be read: " (unreadable) } } };
        }
    };
    html! {
        article.card {
            h2 {
                (entry.what)
                @if let Some(target) = &entry.target { " " (target.kind.replace('_', " ")) " " code { (target.id) } }
            }
            p.help {
                (ago(visit, &entry.at)) " by " code { (entry.by) }
                @if let Some(user) = &entry.user { " (" (user) ")" }
                @if let Some(from) = &entry.from { " from " (from) }
            }
            @if let Some(detail) = &entry.detail { p { (shortened(detail, 2 * IN_A_LIST)) } }
            (changes(&entry.changes, ENGLISH.texts()))
        }
    }
}

pub(crate) async fn page(visit: OperatorVisit, Query(filters): Query<Filters>) -> Answer {
    let inner = entries(&visit, &["v1", "audit"], "/console/audit", &filters, true).await?;
    let main = html! {
        (heading("Audit", &html! {}))
        p.help { "Changes of tenants, profiles, operators' keys and the event types of all tenants. A tenant's own are on its page." }
        (inner)
    };
    Ok(Page::new(AUDIT, "Audit", main))
}

pub(crate) async fn of_tenant(
    visit: OperatorVisit,
    Path(tenant): Path<String>,
    Query(filters): Query<Filters>,
) -> Answer {
    let tenant = tenant::load(&visit, &tenant).await?;
    let here = tenant::address_of(&tenant.id, "audit");
    let inner = entries(&visit, &["v1", "tenants", &tenant.id, "audit"], &here, &filters, true).await?;
    Ok(tenant::around(&visit, &tenant.id, "audit", tenant::title(&tenant), &inner))
}

pub(crate) async fn of_hook(
    visit: OperatorVisit,
    Path((tenant, hook)): Path<(String, String)>,
    Query(filters): Query<Filters>,
) -> Answer {
    let hook = hook::load(&visit, &tenant, &hook).await?;
    let here = path(&["console", "tenants", &tenant, "hooks", &hook.id, "audit"]);
    let inner =
        entries(&visit, &["v1", "tenants", &tenant, "hooks", &hook.id, "audit"], &here, &filters, false).await?;
    Ok(hook::around(&visit, &tenant, &hook, "audit", &inner))
}
