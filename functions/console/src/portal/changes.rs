//! Who changed a hook, when, and what it was before.

use axum::extract::Path;
use maud::{Markup, html};

use super::catalogue::From;
use super::hook::{address_of, around, load};
use crate::api::{Entry, List};
use crate::components::changes::{AuditEntry, changes};
use crate::components::{listing, notice, time};
use crate::page::Answer;
use crate::query::{Query, given};
use crate::texts::{Texts, fill};
use crate::visit::PortalVisit;

pub(crate) async fn page(visit: PortalVisit, Path(hook): Path<String>, Query(from): Query<From>) -> Answer {
    let t = visit.texts();
    let hook = load(&visit, &hook).await?;
    let asked = given(&[("limit", "20"), ("cursor", &from.cursor)]);
    let found: List<AuditEntry> = visit.api().get(&visit.path(&["hooks", &hook.id, "audit"]), &asked).await?;
    let inner = html! {
        @if found.items.is_empty() { (notice::empty(t.no_changes, &html! { p { (t.no_changes_help) } })) }
        ul.cards.wide { @for entry in &found.items { li { (card(&visit, entry)) } } }
        (listing::pager(&address_of(&hook.id, "changes"), &[], found.next_cursor.as_deref(), t.next_page))
    };
    Ok(around(&visit, &hook, "changes", &inner))
}

/// From which address somebody of the operator's changed it is not for customers.
fn card(visit: &PortalVisit, entry: &Entry<AuditEntry>) -> Markup {
    let t = visit.texts();
    let entry = match entry {
        Entry::Fine(entry) => entry,
        Entry::Unreadable { unreadable, .. } => {
            return html! { article.card { p { (fill(t.unreadable, &[("why", unreadable)])) } } };
        }
    };
    html! {
        article.card {
            h2 { (t.change(&entry.what)) }
            p.help { (time::relative(&entry.at, &visit.reader, visit.language())) ", " (by(entry, t)) }
            // Of a change it names the fields, which stand below.
            @if let (Some(detail), true) = (&entry.detail, entry.what != "changed") { p lang="en" { (detail) } }
            (changes(&entry.changes, t))
        }
    }
}

fn by(entry: &AuditEntry, t: &Texts) -> Markup {
    html! {
        @match (entry.by.as_str(), &entry.user) {
            (_, Some(user)) => (user),
            ("hookline", None) => (t.by_itself),
            ("operator", None) => (t.by_operator),
            (by, None) => code { (by) },
        }
    }
}
