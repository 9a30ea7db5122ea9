//! Tools for support and customers. Each is one call of the API; those that change nothing say so, and each
//! is listed only for whoever has its capability.

use http::Method;
use serde_json::{Map, Value, json};

use super::rpc::{self, Answer, Failure, Session};

/// Where an argument goes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Path,
    Query,
    Body,
}

struct Argument {
    name: &'static str,
    place: Place,
    kind: &'static str,
    about: &'static str,
}

const fn argument(name: &'static str, place: Place, kind: &'static str, about: &'static str) -> Argument {
    Argument { name, place, kind, about }
}

struct Tool {
    name: &'static str,
    title: &'static str,
    about: &'static str,
    capability: &'static str,
    method: Method,
    /// What begins with a colon is an argument.
    path: &'static [&'static str],
    arguments: &'static [Argument],
}

const HOOK: Argument = argument("hook", Place::Path, "string", "A hook's id, or uid: and its uid");
const EVENT: Argument = argument("event", Place::Path, "string", "An event's id");
const LIMIT: Argument = argument("limit", Place::Query, "integer", "1 to 100, 20 by default");
const CURSOR: Argument = argument("cursor", Place::Query, "string", "The next_cursor of an earlier answer");
const SINCE: Argument = argument("since", Place::Query, "string", "From this time on, RFC 3339");
const UNTIL: Argument = argument("until", Place::Query, "string", "Before this time, RFC 3339");

const TOOLS: &[Tool] = &[
    Tool {
        name: "list_hooks",
        title: "List hooks",
        about: "Lists the hooks of the tenant: where events are sent, which ones, and how it goes.",
        capability: "view",
        method: Method::GET,
        path: &["hooks"],
        arguments: &[
            argument("event", Place::Query, "string", "Only hooks that would get events of this type"),
            argument("name", Place::Query, "string", "Only hooks whose name contains this"),
            argument("enabled", Place::Query, "boolean", "Only enabled ones, or only disabled ones"),
            LIMIT,
            CURSOR,
        ],
    },
    Tool {
        name: "find_deliveries",
        title: "Find deliveries",
        about: "Lists deliveries over all hooks, newest first, with how their last attempt went.",
        capability: "view",
        method: Method::GET,
        path: &["deliveries"],
        arguments: &[
            argument("status", Place::Query, "string", "pending, retrying, succeeded, failed or skipped"),
            argument("code", Place::Query, "string", "Status code of the last answer, such as 503 or 5xx"),
            argument("event_type", Place::Query, "string", "A type, or a pattern such as post.*"),
            argument("hook", Place::Query, "string", "Only to the hook with this id"),
            argument("event", Place::Query, "string", "Only of the event with this id"),
            SINCE,
            UNTIL,
            LIMIT,
            CURSOR,
        ],
    },
    Tool {
        name: "explain_event",
        title: "Explain an event",
        about: "Tells for each hook whether an event went to it, why or why not, and what came of it.",
        capability: "view",
        method: Method::GET,
        path: &["events", ":event", "explain"],
        arguments: &[EVENT, argument("hook", Place::Query, "string", "Only the hook with this id"), LIMIT, CURSOR],
    },
    Tool {
        name: "delivery_stats",
        title: "Statistics",
        about: "Counts the deliveries of the tenant by status and outcome, with how long attempts took.",
        capability: "view",
        method: Method::GET,
        path: &["stats"],
        arguments: &[SINCE, UNTIL],
    },
    Tool {
        name: "send_again",
        title: "Send a delivery again",
        about: "Makes one more attempt of a delivery, now. The endpoint gets another request.",
        capability: "send_again",
        method: Method::POST,
        path: &["deliveries", ":delivery", "retry"],
        arguments: &[argument("delivery", Place::Path, "string", "A delivery's id")],
    },
    Tool {
        name: "test_hook",
        title: "Test a hook",
        about: "Sends a test event to a hook's endpoint, now, and shows the exchange. It is in no log.",
        capability: "test",
        method: Method::POST,
        path: &["hooks", ":hook", "test"],
        arguments: &[
            HOOK,
            argument("event_type", Place::Body, "string", "The hook's first event type by default"),
            argument("data", Place::Body, "object", "The type's example by default"),
        ],
    },
];

impl Tool {
    fn told(&self) -> Value {
        let properties: Map<String, Value> = self
            .arguments
            .iter()
            .map(|one| (one.name.to_owned(), json!({ "type": one.kind, "description": one.about })))
            .collect();
        let required: Vec<&str> =
            self.arguments.iter().filter(|one| one.place == Place::Path).map(|one| one.name).collect();
        let reads = self.method == Method::GET;
        json!({
            "name": self.name,
            "title": self.title,
            "description": self.about,
            "inputSchema":
                { "type": "object", "properties": properties, "required": required, "additionalProperties": false },
            "outputSchema": { "type": "object" },
            "annotations": {
                "readOnlyHint": reads, "destructiveHint": false, "idempotentHint": reads, "openWorldHint": !reads,
            },
        })
    }

    /// The text of each argument, or why there is none.
    fn read(&self, given: &Map<String, Value>) -> Result<Vec<(&Argument, Value)>, String> {
        if let Some(name) = given.keys().find(|name| self.arguments.iter().all(|one| one.name != name.as_str())) {
            let names: Vec<&str> = self.arguments.iter().map(|one| one.name).collect();
            return Err(format!("{name}: is not known; expected {}", names.join(", ")));
        }
        let mut read = Vec::new();
        for one in self.arguments {
            let is_right = |value: &Value| match one.kind {
                "integer" => value.is_u64(),
                "boolean" => value.is_boolean(),
                "object" => value.is_object(),
                _ => value.is_string(),
            };
            match given.get(one.name) {
                None if one.place == Place::Path => return Err(format!("{}: is required", one.name)),
                None => {}
                Some(value) if is_right(value) => read.push((one, value.clone())),
                Some(_) => return Err(format!("{}: expected {}", one.name, one.kind)),
            }
        }
        Ok(read)
    }
}

pub(super) async fn list(session: &Session<'_>) -> Answer {
    let caller = session.caller().await?;
    let allowed = |tool: &&Tool| caller.capabilities.iter().any(|one| one == tool.capability);
    let tools: Vec<Value> = TOOLS.iter().filter(allowed).map(Tool::told).collect();
    rpc::result(&json!({ "tools": tools, "ttlMs": 0, "cacheScope": "private" }))
}

pub(super) async fn call(session: &Session<'_>) -> Answer {
    let name: String = session.request.required("name", "the name of a tool")?;
    let given: Map<String, Value> = session.request.optional("arguments", "an object")?.unwrap_or_default();
    // An invalid key is an error of the request, and not one of the tool.
    session.caller().await?;
    let tool = TOOLS.iter().find(|tool| tool.name == name);
    let tool = tool.ok_or_else(|| Failure::invalid_params(format!("name: there is no tool {name}")))?;
    let arguments = match tool.read(&given) {
        Ok(arguments) => arguments,
        Err(wrong) => return wrong_call(&wrong),
    };
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let of = |place: Place| arguments.iter().filter(move |(one, _)| one.place == place);
    let segments: Vec<String> = tool
        .path
        .iter()
        .map(|part| match part.strip_prefix(':') {
            Some(name) => of(Place::Path).find(|(one, _)| one.name == name).map(|(_, value)| text(value)),
            None => Some((*part).to_owned()),
        })
        .map(Option::unwrap_or_default)
        .collect();
    let path: Vec<&str> =
        ["v1", "tenants", session.tenant].into_iter().chain(segments.iter().map(String::as_str)).collect();
    let query: Vec<(&str, String)> = of(Place::Query).map(|(one, value)| (one.name, text(value))).collect();
    let query: Vec<(&str, &str)> = query.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let body: Map<String, Value> = of(Place::Body).map(|(one, value)| (one.name.to_owned(), value.clone())).collect();
    let answered: Result<Value, _> = match tool.method {
        Method::GET => session.api.get(&path, &query).await,
        _ => session.api.post(&path, &body).await,
    };
    match answered {
        Ok(answer) => {
            let content = json!([{ "type": "text", "text": answer.to_string() }]);
            rpc::result(&json!({ "content": content, "structuredContent": answer, "isError": false }))
        }
        Err(refusal) if refusal.status.is_server_error() => Err(session.refused(refusal)),
        Err(refusal) => wrong_call(&refusal.detail),
    }
}

/// What the model may put right.
fn wrong_call(detail: &str) -> Answer {
    rpc::result(&json!({ "content": [{ "type": "text", "text": detail }], "isError": true }))
}
