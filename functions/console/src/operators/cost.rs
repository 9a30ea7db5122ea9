//! What tenants cost on AWS, by what was counted of them and list prices.

use maud::{Markup, html};
use serde::Deserialize;

use super::frame::TENANTS;
use super::shown::{NEXT, tenant_link, unreadable};
use crate::api::{Counts, Entry, List, Tenant};
use crate::components::listing::{self, Column};
use crate::components::{heading, notice};
use crate::failure::Failure;
use crate::page::{Answer, Page};
use crate::query::{Query, given};
use crate::visit::OperatorVisit;

const PATH: &str = "/console/cost";
/// Each is asked for its counts, so a page has few.
const AT_ONCE: &str = "20";
/// Nanodollars of an attempt: a million deliveries of events of 1 KB that go to one hook each, published
/// over HTTP in batches of ten, cost $1.98 (docs/cost-and-speed.md, list prices of us-east-1 in 2026). An
/// event that goes to several hooks is published once, so of such events this is the most.
const ATTEMPT: u64 = 1_980;
/// What one that fails costs on top: two more rows, of $0.625 per million write units each.
const FAILED_ATTEMPT: u64 = 1_250;

/// Of some days of one or more hooks.
#[derive(Clone, Copy, Default)]
pub(crate) struct Counted {
    attempts: u64,
    failed: u64,
    /// There was more to count than one request does.
    is_partial: bool,
}

impl Counted {
    pub(crate) fn of(counts: &Counts) -> Self {
        let mut counted = Self { is_partial: counts.counted_until.is_some(), ..Self::default() };
        for interval in &counts.items {
            counted.attempts += interval.attempts;
            counted.failed += interval.attempts.saturating_sub(interval.succeeded);
        }
        counted
    }

    fn and(self, other: Self) -> Self {
        Self {
            attempts: self.attempts + other.attempts,
            failed: self.failed + other.failed,
            is_partial: self.is_partial || other.is_partial,
        }
    }

    /// In words, rounded up: it is the most that it may be.
    pub(crate) fn cost(self) -> String {
        let nanodollars =
            u128::from(self.attempts) * u128::from(ATTEMPT) + u128::from(self.failed) * u128::from(FAILED_ATTEMPT);
        let cents = nanodollars.div_ceil(10_000_000);
        let dollars = format!("${}.{:02}", cents / 100, cents % 100);
        match cents {
            _ if self.is_partial => format!("{dollars} so far: there is more to count, load the page again"),
            0 => "$0".to_owned(),
            _ => format!("at most {dollars}"),
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct From {
    cursor: String,
}

pub(crate) async fn page(visit: OperatorVisit, Query(from): Query<From>) -> Answer {
    let asked = given(&[("limit", AT_ONCE), ("cursor", &from.cursor)]);
    let tenants: List<Tenant> = visit.api().get(&["v1", "tenants"], &asked).await?;
    let (mut rows, mut sum) = (Vec::new(), Counted::default());
    for entry in &tenants.items {
        let row = match entry {
            Entry::Unreadable { id, unreadable: why } => unreadable(id, why, 5),
            Entry::Fine(tenant) => {
                let counted = counted(&visit, &tenant.id).await?;
                sum = sum.and(counted);
                row(&tenant_link(&tenant.id), &tenant.name, counted)
            }
        };
        rows.push(row);
    }
    let columns = [
        Column::text("Tenant"),
        Column::text("Name"),
        Column::number("Attempts in 30 days"),
        Column::number("Not successful"),
        Column::number("On AWS"),
    ];
    let main = html! {
        (heading("Cost", &html! { a.button href="/console/tenants" { "Tenants" } }))
        p.help {
            "An estimate of what AWS charges for the attempts of the last 30 days at list prices of us-east-1 in 2026: at most $1.98 per million, and at most $1.25 more per million that failed. "
            "It is of events of up to 1 KB that are published in batches of ten. Each attempt is counted as an event of its own; those that go to several hooks cost less. "
            "Larger events, storage and egress come on top. Deployments on one machine cost nothing by the attempt."
        }
        @if tenants.items.is_empty() { (notice::empty("No tenants yet", &html! { p { "What they cost will be here." } })) }
        @else {
            (listing::table("Cost", &columns, &html! {
                @for row in &rows { (row) }
                @if rows.len() > 1 { (row(&html! { strong { "On this page" } }, "", sum)) }
            }))
            (listing::pager(PATH, &[], tenants.next_cursor.as_deref(), NEXT))
        }
    };
    Ok(Page::new(TENANTS, "Cost", main))
}

fn row(tenant: &Markup, name: &str, counted: Counted) -> Markup {
    html! {
        tr {
            td { (tenant) }
            td { (name) }
            td.number { (counted.attempts) }
            td.number { (counted.failed) }
            td.number { (counted.cost()) }
        }
    }
}

async fn counted(visit: &OperatorVisit, tenant: &str) -> Result<Counted, Failure> {
    let counts: Counts = visit.api().get(&["v1", "tenants", tenant, "counts"], &[("interval", "day")]).await?;
    Ok(Counted::of(&counts))
}

#[cfg(test)]
mod tests {
    use super::Counted;

    #[test]
    fn a_cost_is_told_in_dollars_and_cents_and_is_the_most_it_may_be_once_all_is_counted() {
        let cost = |attempts, failed| Counted { attempts, failed, is_partial: false }.cost();
        assert_eq!(cost(0, 0), "$0");
        assert_eq!(cost(1, 0), "at most $0.01");
        assert_eq!(cost(1_000_000, 0), "at most $1.98");
        assert_eq!(cost(1_000_000, 1_000_000), "at most $3.23");
        assert_eq!(cost(123_456_789, 0), "at most $244.45");
        let partial = Counted { attempts: 1_000_000, failed: 0, is_partial: true };
        let sum = Counted { attempts: 1_000_000, failed: 0, is_partial: false }.and(partial);
        assert_eq!(sum.cost(), "$3.96 so far: there is more to count, load the page again");
    }
}
