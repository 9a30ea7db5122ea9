//! Background tasks are replays.

use axum::Json;
use axum::extract::Path;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::access::Access;
use super::answer::Refused;
use super::applications::descending;
use super::fields::Query;
use super::ids::{app_id, endpoint_id, task_id, task_of};
use super::messages::AT_A_TIME;
use super::page::{List, Page, Source};

/// Tenants that are gone through for a list.
const MOST_TENANTS: usize = 1_000;
/// Hooks of all of them.
const MOST_HOOKS: usize = 10_000;
/// Those of a hook: more than are kept.
const MOST_REPLAYS: usize = 1_000;
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

/// Those of the first hooks of the first tenants.
async fn all(access: &Access) -> Result<Vec<Task>, Refused> {
    let tenants: Vec<Named> = Source::new(access, &["v1", "tenants"]).all(MOST_TENANTS).await?;
    let hooks = stream::iter(tenants).map(|tenant| hooks_of(access, tenant.id)).buffered(AT_A_TIME);
    let hooks = hooks.map_ok(|hooks| stream::iter(hooks.into_iter().map(Ok::<_, Refused>))).try_flatten();
    let tasks = hooks.take(MOST_HOOKS).map_ok(|(tenant, hook)| tasks_of(access, tenant, hook));
    let tasks: Vec<Vec<Task>> = tasks.try_buffered(AT_A_TIME).try_collect().await?;
    Ok(tasks.into_iter().flatten().collect())
}

/// The hooks of a tenant, with its name.
async fn hooks_of(access: &Access, tenant: String) -> Result<Vec<(String, String)>, Refused> {
    let path = ["v1", "tenants", &*tenant, "hooks"];
    let hooks: Vec<Named> = or_none(Source::new(access, &path).all(MOST_HOOKS).await)?;
    Ok(hooks.into_iter().map(|hook| (tenant.clone(), hook.id)).collect())
}

async fn tasks_of(access: &Access, tenant: String, hook: String) -> Result<Vec<Task>, Refused> {
    let path = ["v1", "tenants", &*tenant, "hooks", &*hook, "replays"];
    let replays: Vec<Replay> = or_none(Source::new(access, &path).all(MOST_REPLAYS).await)?;
    Ok(replays.iter().map(|replay| Task::of(&tenant, replay)).collect())
}

/// What was deleted meanwhile has none.
fn or_none<T>(listed: Result<Vec<T>, Refused>) -> Result<Vec<T>, Refused> {
    match listed {
        Err(Refused::Plain { status: StatusCode::NOT_FOUND, .. }) => Ok(Vec::new()),
        listed => listed,
    }
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
    let mut tasks = all(&access).await?;
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
