//! What the API answers, as far as pages show it.

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// One entry of a list, which may be a row that this version cannot read.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Entry<T> {
    Unreadable { id: String, unreadable: String },
    Fine(T),
}

#[derive(Debug, Deserialize)]
pub(crate) struct List<T> {
    pub(crate) items: Vec<Entry<T>>,
    pub(crate) next_cursor: Option<String>,
    pub(crate) total: Option<u64>,
}

impl<T> List<T> {
    /// Those that can be read.
    pub(crate) fn fine(&self) -> impl Iterator<Item = &T> {
        self.items.iter().filter_map(|entry| match entry {
            Entry::Fine(item) => Some(item),
            Entry::Unreadable { .. } => None,
        })
    }
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Branding {
    pub(crate) name: Option<String>,
    pub(crate) logo_url: Option<String>,
    pub(crate) colours: Colours,
    pub(crate) font: String,
    pub(crate) texts: BrandTexts,
    pub(crate) theme: String,
    pub(crate) locale: Option<String>,
    pub(crate) embed_origins: Vec<String>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Colours {
    pub(crate) accent: String,
    pub(crate) background: String,
    pub(crate) text: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct BrandTexts {
    pub(crate) title: Option<String>,
    pub(crate) welcome: Option<String>,
    pub(crate) no_hooks: Option<String>,
    pub(crate) help: Option<String>,
    pub(crate) footer: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Tenant {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) profile: Option<String>,
    pub(crate) created_at: String,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Hook {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) url: String,
    pub(crate) method: String,
    pub(crate) content_type: String,
    pub(crate) events: Vec<String>,
    pub(crate) channels: Vec<String>,
    pub(crate) filter: Option<Value>,
    pub(crate) auth: Value,
    pub(crate) headers: Vec<FixedHeader>,
    pub(crate) payload: Map<String, Value>,
    /// The same as it was written, for the form that shows it.
    #[serde(skip)]
    pub(crate) payload_text: String,
    pub(crate) signatures: Vec<Signature>,
    pub(crate) rate_limit: u64,
    pub(crate) log_response_body: bool,
    pub(crate) enabled: bool,
    pub(crate) disabled_reason: Option<String>,
    pub(crate) disabled_at: Option<String>,
    /// While it is paused.
    pub(crate) waiting: Option<Waiting>,
    pub(crate) health: Health,
    pub(crate) profile: String,
    /// Those that it does not inherit.
    pub(crate) own_settings: Vec<String>,
    pub(crate) created_at: String,
    pub(crate) updated_at: String,
}

/// What goes out once a hook is enabled.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Waiting {
    pub(crate) deliveries: u64,
    pub(crate) is_exact: bool,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct FixedHeader {
    pub(crate) name: String,
    pub(crate) value: Option<String>,
    pub(crate) from: Option<String>,
    pub(crate) template: Option<String>,
    pub(crate) encoding: Option<String>,
    #[serde(default)]
    pub(crate) secret: bool,
}

/// As far as a form can show it; what has more is none of it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Mapping {
    pub(crate) field: String,
    pub(crate) from: Option<String>,
    #[serde(default, deserialize_with = "given")]
    pub(crate) value: Option<Value>,
    #[serde(default, deserialize_with = "given")]
    pub(crate) default: Option<Value>,
    pub(crate) template: Option<String>,
}

/// A null is a value here; only what is absent is none.
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Signature {
    pub(crate) scheme: String,
    pub(crate) header: Option<String>,
    pub(crate) prefix: Option<String>,
    pub(crate) encoding: Option<String>,
    pub(crate) key: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Secrets {
    pub(crate) secret: Option<String>,
    pub(crate) public_key: Option<String>,
    pub(crate) others: Vec<OtherSecret>,
    pub(crate) verification_key: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct OtherSecret {
    pub(crate) secret: String,
    pub(crate) expires_at: Option<String>,
    #[serde(default)]
    pub(crate) signs_alone: bool,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Health {
    pub(crate) last_execution: Option<String>,
    pub(crate) last_success: Option<String>,
    pub(crate) last_failure: Option<String>,
    pub(crate) failing_since: Option<String>,
    pub(crate) consecutive_failures: u64,
    pub(crate) circuit: String,
    pub(crate) next_probe_at: Option<String>,
    pub(crate) verification: String,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Delivery {
    pub(crate) id: String,
    pub(crate) event_id: String,
    pub(crate) hook_id: String,
    pub(crate) event_type: String,
    pub(crate) status: String,
    pub(crate) attempt_count: u64,
    pub(crate) next_attempt_at: Option<String>,
    pub(crate) updated_at: String,
    pub(crate) last_attempt: Option<Attempt>,
    pub(crate) reason: Option<String>,
    pub(crate) waits_until: Option<String>,
    /// In lists of all tenants.
    pub(crate) tenant: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Attempt {
    pub(crate) number: u64,
    pub(crate) at: String,
    pub(crate) duration_ms: u64,
    pub(crate) status_code: Option<u16>,
    pub(crate) outcome: String,
    pub(crate) error: Option<String>,
    pub(crate) remark: Option<String>,
    pub(crate) trigger: String,
}

/// A delivery with all that was sent and answered.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct WholeDelivery {
    #[serde(flatten)]
    pub(crate) delivery: Delivery,
    pub(crate) attempts: Vec<Entry<WholeAttempt>>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct WholeAttempt {
    #[serde(flatten)]
    pub(crate) attempt: Attempt,
    pub(crate) request: Option<SentRequest>,
    pub(crate) request_missing: Option<String>,
    pub(crate) response: Option<ReceivedResponse>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct SentRequest {
    pub(crate) method: String,
    pub(crate) url: String,
    pub(crate) headers: Vec<Header>,
    pub(crate) body: String,
    #[serde(default)]
    pub(crate) body_is_base64: bool,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct ReceivedResponse {
    #[serde(alias = "status")]
    pub(crate) status_code: u16,
    pub(crate) headers: Vec<Header>,
    pub(crate) body: Option<String>,
    #[serde(default)]
    pub(crate) body_is_base64: bool,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Header {
    pub(crate) name: String,
    pub(crate) value: String,
}

/// What a test request made of it.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct TestSend {
    pub(crate) result: String,
    pub(crate) status: bool,
    pub(crate) message: String,
    pub(crate) code: Option<i64>,
    pub(crate) request: Option<SentRequest>,
    pub(crate) response: Option<ReceivedResponse>,
    pub(crate) duration_ms: u64,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Replay {
    pub(crate) id: String,
    pub(crate) hook_id: String,
    pub(crate) kind: String,
    pub(crate) since: Option<String>,
    pub(crate) until: String,
    pub(crate) only_status: Option<String>,
    pub(crate) dry_run: bool,
    pub(crate) rate: u64,
    pub(crate) status: String,
    pub(crate) reason: Option<String>,
    pub(crate) progress: Progress,
    pub(crate) created_at: String,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Progress {
    pub(crate) found: u64,
    pub(crate) sent: u64,
    pub(crate) skipped: u64,
    pub(crate) failed: u64,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct EventType {
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) deprecated: bool,
    pub(crate) archived: bool,
}

/// The same with its documents, as they were written.
#[derive(Debug, Deserialize)]
pub(crate) struct WholeEventType {
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) schema: Option<Box<RawValue>>,
    pub(crate) example: Option<Box<RawValue>>,
    pub(crate) deprecated: bool,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Event {
    pub(crate) id: String,
    #[serde(rename = "type")]
    pub(crate) event_type: String,
    pub(crate) timestamp: String,
    pub(crate) channels: Vec<String>,
    pub(crate) data: Option<Box<RawValue>>,
    /// Its data was removed.
    #[serde(default)]
    pub(crate) expunged: bool,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Explanation {
    pub(crate) items: Vec<Entry<Explained>>,
    pub(crate) next_cursor: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Explained {
    pub(crate) hook_id: String,
    pub(crate) hook_name: Option<String>,
    pub(crate) verdict: String,
    pub(crate) sentence: String,
    pub(crate) remark: Option<String>,
    #[serde(default)]
    pub(crate) unmet: Vec<Unmet>,
    pub(crate) delivery: Option<Delivery>,
    #[serde(default)]
    pub(crate) held_by: Vec<Hold>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Unmet {
    pub(crate) path: String,
    pub(crate) cause: String,
    pub(crate) rules: Option<Value>,
    pub(crate) value: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct ListedEvent {
    pub(crate) id: String,
    #[serde(rename = "type")]
    pub(crate) event_type: String,
}

/// What a change of a hook would make of an event.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct HookPreview {
    pub(crate) cause: Option<String>,
    pub(crate) unmet: Vec<Unmet>,
    pub(crate) request: SentRequest,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Hold {
    pub(crate) until: Option<String>,
    pub(crate) sentence: String,
}

/// Of [`Counts`], in the order of time.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct CountedInterval {
    pub(crate) at: String,
    pub(crate) hook_id: Option<String>,
    pub(crate) event_type: Option<String>,
    pub(crate) status_code: Option<u16>,
    pub(crate) attempts: u64,
    pub(crate) succeeded: u64,
    pub(crate) failed: u64,
    pub(crate) skipped: u64,
    pub(crate) duration_ms: Percentiles,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Percentiles {
    pub(crate) p50: Option<u64>,
    pub(crate) p95: Option<u64>,
    pub(crate) p99: Option<u64>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Counts {
    pub(crate) items: Vec<CountedInterval>,
    /// Where there was more to count than one request does.
    pub(crate) counted_until: Option<String>,
}
