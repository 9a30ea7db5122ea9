//! Background tasks are replays.

use axum::Json;
use axum::extract::Path;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::access::Access;
use super::answer::Refused;
use super::applications::descending;
use super::fields::Query;
use super::ids::{app_id, endpoint_id, task_id, task_of};
use super::page::{List, Page, Source};

/// Tenants, hooks of one and replays of one that are gone through for a list.
const MOST: usize = 1_000;
const STATUSES: [&str; 3] = ["running", "finished", "failed"];
const KINDS: [&str; 3] = ["endpoint.recover", "endpoint.replay", "endpoint.bulk-replay"];

/// A replay, as far as it is shown here.
#[derive(Deserialize)]
pub(crate) struct Replay {
    id: String,
    hook_id: String,
    kind: String,
    status: String,
    progress: Value,
    updated_at: String,
}

/// What is answered to whoever starts one.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Started {
    id: String,
    status: &'static str,
    task: &'static str,
    updated_at: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Task {
    #[serde(flatten)]
    started: Started,
    data: Value,
}

impl Started {
    pub(crate) fn of(tenant: &str, replay: &Replay) -> Self {
        let status = match replay.status.as_str() {
            "running" => "running",
            "finished" => "finished",
            // A cancelled one as well: it did not do all of it.
            _ => "failed",
        };
        let task = match replay.kind.as_str() {
            "failed" => "endpoint.recover",
            "missing" => "endpoint.replay",
            _ => "endpoint.bulk-replay",
        };
        let id = task_id(tenant, &replay.hook_id, &replay.id);
        Self { id, status, task, updated_at: replay.updated_at.clone() }
    }
}

impl Task {
    fn of(tenant: &str, replay: &Replay) -> Self {
        let data = json!({
            "appId": app_id(tenant), "endpointId": endpoint_id(&replay.hook_id), "progress": replay.progress,
        });
        Self { started: Started::of(tenant, replay), data }
    }
}

pub(crate) async fn get(access: Access, Path(task): Path<String>, Query(query): Query) -> Result<Json<Task>, Refused> {
    query.end("none")?;
    let (tenant, hook, replay) = task_of(&task).ok_or_else(Refused::not_found)?;
    let path = ["v1", "tenants", &*tenant, "hooks", &*hook, "replays", &*replay];
    Ok(Json(Task::of(&tenant, &access.api().get(&path, &[]).await?)))
}

#[derive(Deserialize)]
struct Named {
    id: String,
}

pub(crate) async fn list(access: Access, Query(mut query): Query) -> Result<Json<List<Task>>, Refused> {
    let page = Page::read(&mut query);
    let descending = descending(&mut query, true);
    let mut one_of = |name: &str, known: &[&str]| {
        let value = query.text(name).value();
        if value.as_deref().is_some_and(|value| !known.contains(&value)) {
            query.refuse(name, format!("expected one of {}", known.join(", ")));
        }
        value
    };
    let (status, kind) = (one_of("status", &STATUSES), one_of("task", &KINDS));
    query.end("status, task, limit, iterator, order")?;
    let mut tasks = Vec::new();
    for tenant in Source::new(&access, &["v1", "tenants"]).all::<Named>(MOST).await? {
        for hook in Source::new(&access, &["v1", "tenants", &tenant.id, "hooks"]).all::<Named>(MOST).await? {
            let path = ["v1", "tenants", &tenant.id, "hooks", &hook.id, "replays"];
            let replays: Vec<Replay> = Source::new(&access, &path).all(MOST).await?;
            tasks.extend(replays.iter().map(|replay| Task::of(&tenant.id, replay)));
        }
    }
    tasks.retain(|task| {
        status.as_ref().is_none_or(|status| status == task.started.status)
            && kind.as_ref().is_none_or(|kind| kind == task.started.task)
    });
    tasks.sort_by(|a, b| (&a.started.updated_at, &a.started.id).cmp(&(&b.started.updated_at, &b.started.id)));
    if descending {
        tasks.reverse();
    }
    page.of(tasks, |task| task.started.id.clone()).map(Json)
}
