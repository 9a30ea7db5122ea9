//! How the deliveries of a tenant went over time, over all its hooks or of one.

use std::collections::HashMap;

use axum::extract::Path;

use super::shown::{ENGLISH, hook_address, name};
use super::{hook, tenant};
use crate::api::{Hook, List};
use crate::page::Answer;
use crate::query::Query;
use crate::statistics::{Filters, Statistics};
use crate::visit::OperatorVisit;

pub(crate) async fn of_tenant(
    visit: OperatorVisit,
    Path(tenant): Path<String>,
    Query(filters): Query<Filters>,
) -> Answer {
    let tenant = tenant::load(&visit, &tenant).await?;
    let path = ["v1", "tenants", tenant.id.as_str(), "hooks"];
    let hooks: List<Hook> = visit.api().get(&path, &[("limit", "100")]).await?;
    let names = hooks.fine().map(|hook| (hook.id.clone(), name(hook).to_owned())).collect();
    let here = tenant::address_of(&tenant.id, "statistics");
    let inner = statistics(&visit, &tenant.id, None, names, &here).view(&filters).await?;
    Ok(tenant::around(&visit, &tenant.id, "statistics", tenant::title(&tenant), &inner))
}

pub(crate) async fn of_hook(
    visit: OperatorVisit,
    Path((tenant, hook)): Path<(String, String)>,
    Query(filters): Query<Filters>,
) -> Answer {
    let hook = hook::load(&visit, &tenant, &hook).await?;
    let here = format!("{}/statistics", hook_address(&tenant, &hook.id));
    let inner = statistics(&visit, &tenant, Some(&hook.id), HashMap::new(), &here).view(&filters).await?;
    Ok(hook::around(&visit, &tenant, &hook, "statistics", &inner))
}

fn statistics<'a>(
    visit: &'a OperatorVisit,
    tenant: &'a str,
    hook: Option<&'a str>,
    names: HashMap<String, String>,
    here: &'a str,
) -> Statistics<'a> {
    Statistics { api: visit.api(), tenant, hook, names, here, reader: &visit.reader, language: ENGLISH }
}
