//! How executions went over time: of one hook, or of all.

use std::collections::HashMap;

use axum::extract::Path;
use maud::html;

use super::frame::STATISTICS;
use super::hook::{address_of, around, load};
use super::hooks::name;
use crate::api::{Hook, List};
use crate::components::heading;
use crate::page::{Answer, Page};
use crate::query::Query;
use crate::statistics::{Filters, Statistics};
use crate::visit::PortalVisit;

fn statistics<'a>(visit: &'a PortalVisit, hook: Option<&'a str>, here: &'a str) -> Statistics<'a> {
    let (reader, language) = (&visit.reader, visit.language());
    Statistics { api: visit.api(), tenant: &visit.session.tenant, hook, names: HashMap::new(), here, reader, language }
}

pub(crate) async fn of_all(visit: PortalVisit, Query(filters): Query<Filters>) -> Answer {
    let t = visit.texts();
    let hooks: List<Hook> = visit.api().get(&visit.path(&["hooks"]), &[("limit", "100")]).await?;
    let names = hooks.fine().map(|hook| (hook.id.clone(), name(hook).to_owned())).collect();
    let statistics = Statistics { names, ..statistics(&visit, None, "/portal/statistics") };
    let main = html! { (heading(t.statistics, &html! {})) (statistics.view(&filters).await?) };
    Ok(Page::new(STATISTICS, t.statistics, main))
}

pub(crate) async fn of_hook(visit: PortalVisit, Path(hook): Path<String>, Query(filters): Query<Filters>) -> Answer {
    let hook = load(&visit, &hook).await?;
    let here = address_of(&hook.id, "statistics");
    let inner = statistics(&visit, Some(&hook.id), &here).view(&filters).await?;
    Ok(around(&visit, &hook, "statistics", &inner))
}
