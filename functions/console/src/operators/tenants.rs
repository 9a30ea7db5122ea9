//! Tenants, with search.

use maud::{Markup, html};
use serde::Deserialize;

use super::frame::TENANTS;
use super::shown::done;
use super::tenant::new_form;
use crate::api::{Entry, List, Tenant};
use crate::components::field::{Field, Mistakes};
use crate::components::listing::{self, Column, path};
use crate::components::{code, heading, notice, time};
use crate::page::{Answer, Page};
use crate::query::{Query, given};
use crate::reader::Language;
use crate::same_origin::Form;
use crate::visit::OperatorVisit;

const PATH: &str = "/console/tenants";
const FIRST: &str = "hookline tenants create acme --name Acme";

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Filters {
    search: String,
    cursor: String,
    done: String,
}

pub(crate) async fn list(visit: OperatorVisit, Query(filters): Query<Filters>) -> Answer {
    let search = filters.search.trim();
    let asked = given(&[("search", search), ("limit", "50"), ("cursor", &filters.cursor)]);
    let tenants: List<Tenant> = visit.api().get(&["v1", "tenants"], &asked).await?;
    let columns = ["Tenant", "Name", "Profile", "Created"].map(Column::text);
    let main = html! {
        (done(&filters.done))
        (heading("Tenants", &html! { a.button href="/console/cost" { "Cost" } }))
        form.filters role="search" action=(PATH) {
            (Field::new("search", "Id or name").input("search", search))
            button.button { "Search" }
        }
        @if tenants.items.is_empty() && tenants.next_cursor.is_none() {
            @if search.is_empty() {
                (notice::empty("No tenants yet", &html! {
                    p { "A tenant is a customer of yours, to whom hooks and events belong. Make the first one:" }
                    (code::block("Shell", FIRST, "Copy"))
                }))
            } @else { (notice::empty("Nothing found", &html! { p { "No tenant has this in its id or name." } })) }
        } @else {
            (listing::table("Tenants", &columns, &html! { @for entry in &tenants.items { (row(&visit, entry)) } }))
            (listing::pager(PATH, &[("search", search)], tenants.next_cursor.as_deref(), "Next page"))
        }
        (notice::confirm("New tenant", "A customer of yours, to whom hooks and events belong.", &new_form(&visit, &Form::default(), &Mistakes::default())))
    };
    Ok(Page::new(TENANTS, "Tenants", main))
}

fn row(visit: &OperatorVisit, entry: &Entry<Tenant>) -> Markup {
    match entry {
        Entry::Unreadable { id, unreadable } => html! { tr { td { code { (id) } } td colspan="3" { (unreadable) } } },
        Entry::Fine(tenant) => html! {
            tr {
                td { a href=(path(&["console", "tenants", &tenant.id])) { code { (tenant.id) } } }
                td { (tenant.name) }
                td { (tenant.profile.as_deref().unwrap_or("–")) }
                td { (time::relative(&tenant.created_at, &visit.reader, Language::English)) }
            }
        },
    }
}
