//! The events that Hookline publishes itself.

use domain::event_type::EventTypeEntry;
use domain::operational;
use domain::payload::DataSchema;
use domain::plan::{Evidence, Impact, PlannedChange};
use domain::profile;
use domain::replay::{Progress, ReplayKind, ReplayStatus};
use domain::unknown::Unknown;
use serde_json::{Value, json};
use utoipa::openapi::path::Paths;
use utoipa::openapi::{OpenApi, RefOr, Schema};
use utoipa::{PartialSchema as _, ToSchema};

use super::schemas::{link, pascal};
use super::{body, request};

/// How a hook goes.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it documents what others write")]
pub(crate) struct HookState {
    hook_id: String,
    name: String,
    /// Since the last success
    consecutive_failures: u32,
    /// Null where it does not fail any more
    failing_since: Option<String>,
    /// Null where there was none yet
    #[schema(format = DateTime)]
    last_success: Option<String>,
}

#[derive(ToSchema)]
#[expect(dead_code, reason = "it documents what others write")]
pub(crate) struct DisabledHook {
    hook_id: String,
    name: String,
    /// In words
    reason: String,
    failing_since: Option<String>,
}

#[derive(ToSchema)]
#[expect(dead_code, reason = "it documents what others write")]
pub(crate) struct FinishedReplay {
    replay_id: String,
    hook_id: String,
    kind: ReplayKind,
    dry_run: bool,
    status: ReplayStatus,
    progress: Progress,
}

#[derive(ToSchema)]
#[expect(dead_code, reason = "it documents what others write")]
pub(crate) struct ToldPlan {
    plan_id: String,
    title: String,
    change: PlannedChange,
    /// The numbers that led to it
    evidence: Vec<Evidence>,
    impact: Option<Impact>,
    proposed_by: String,
    expires_at: String,
    /// Null while it waits for a decision
    decided_by: Option<String>,
    /// Why it was rejected, or failed
    reason: Option<String>,
    /// What was noted of it when it was applied
    adjustment_id: Option<String>,
}

const OWN: [(&str, &str, &str); 10] = [
    (operational::FAILING, "HookState", "Ten requests of a hook failed in a row, or its circuit opened"),
    (operational::RECOVERED, "HookState", "The first success of a hook after that"),
    (operational::DISABLED, "DisabledHook", "A hook was disabled because its endpoint failed or asked for it"),
    (operational::EXHAUSTED, "HookState", "The first delivery of a hook since its last success ran out of attempts"),
    (operational::REPLAYED, "FinishedReplay", "A replay has finished or failed"),
    (operational::PLAN_CREATED, "ToldPlan", "A plan was proposed and waits for a decision"),
    (operational::PLAN_APPROVED, "ToldPlan", "A plan was approved"),
    (operational::PLAN_REJECTED, "ToldPlan", "A plan was rejected"),
    (operational::PLAN_APPLIED, "ToldPlan", "A plan was applied"),
    (operational::PLAN_FAILED, "ToldPlan", "A plan could not be applied"),
];

/// Adds them as hooks get them that leave everything to the profile `standard`.
pub(crate) fn add(document: &mut OpenApi) {
    let standard = profile::find_built_in(profile::STANDARD).expect("the standard profile is built in");
    let settings = standard.completed();
    let schemas = &mut document.components.get_or_insert_default().schemas;
    for (name, schema) in [
        ("HookState", HookState::schema()),
        ("DisabledHook", DisabledHook::schema()),
        ("FinishedReplay", FinishedReplay::schema()),
        ("ToldPlan", ToldPlan::schema()),
    ] {
        schemas.insert(name.to_owned(), schema);
    }
    let mut webhooks = serde_json::Map::new();
    for (name, data, description) in OWN {
        let entry = EventTypeEntry {
            name: name.parse().expect("operational types are event types"),
            description: description.to_owned(),
            schema: None,
            validate: true,
            example: None,
            deprecated: false,
            archived: false,
            unknown: Unknown::NONE,
        };
        let body = body(&entry, &settings, DataSchema { link: &link(data), schema: &json!({}) });
        let own = format!("{}Event", pascal(name));
        webhooks.insert(name.to_owned(), request(&entry, &settings, &link(&own), &body));
        schemas.insert(own, typed::<RefOr<Schema>>(body));
    }
    document.webhooks = Some(typed::<Paths>(webhooks.into()));
}

fn typed<T: serde::de::DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).expect("what is written here is OpenAPI")
}
