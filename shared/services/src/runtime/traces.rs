//! Traces as the standard variables of OpenTelemetry ask for them, written as OTLP in JSON.
//!
//! Its SDK brings more than the leanest of our functions has altogether, so what is needed of it
//! is here: <https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/>.

use std::time::Duration;

use contract::traces::{Attribute, EndedSpan, Recorder, Sampler, SpanKind};
use serde_json::{Value, json};

use super::config::Environment;

const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
const TRACES_ENDPOINT: &str = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
const SAMPLER: &str = "OTEL_TRACES_SAMPLER";
const SAMPLER_ARG: &str = "OTEL_TRACES_SAMPLER_ARG";
const EXPORTER: &str = "OTEL_TRACES_EXPORTER";

/// Where traces go, and what they say of this process.
#[derive(Clone, Debug, PartialEq)]
pub struct TracesConfig {
    pub endpoint: String,
    pub headers: Vec<(String, String)>,
    pub timeout: Duration,
    /// Between two exports of a process that runs on.
    pub delay: Duration,
    queue: usize,
    /// Spans of one export.
    pub batch: usize,
    sampler: Sampler,
    resource: Vec<(String, String)>,
}

impl TracesConfig {
    /// None where nobody asks for traces.
    pub fn read(env: &mut Environment<'_>) -> Option<Self> {
        let is_off = env.optional("OTEL_SDK_DISABLED").is_some_and(|text| text.eq_ignore_ascii_case("true"));
        let exporter = env.optional(EXPORTER);
        let own = env.optional(TRACES_ENDPOINT);
        let endpoint = own.or_else(|| Some(format!("{}/v1/traces", env.optional(ENDPOINT)?.trim_end_matches('/'))))?;
        if is_off || exporter.as_deref() == Some("none") {
            return None;
        }
        if exporter.as_deref().is_some_and(|name| name != "otlp") {
            env.problem(EXPORTER, "expected otlp or none");
        }
        if !endpoint.starts_with("http://") && !endpoint.starts_with("https://") {
            env.problem(ENDPOINT, "expected an address with http or https");
        }
        for name in ["OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"] {
            if env.optional(name).is_some_and(|protocol| protocol != "http/json") {
                env.problem(name, "expected http/json, which is what is sent; collectors take it on port 4318");
            }
        }
        let of_traces = |env: &mut Environment<'_>, name: &str, default: u64| {
            let all = env.parsed(&format!("OTEL_EXPORTER_OTLP_{name}"), default);
            env.parsed(&format!("OTEL_EXPORTER_OTLP_TRACES_{name}"), all)
        };
        let timeout = Duration::from_millis(of_traces(env, "TIMEOUT", 10_000).max(1));
        let headers = ["OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS"];
        let headers = headers.into_iter().flat_map(|name| pairs(env, name)).collect();
        let mut resource = pairs(env, "OTEL_RESOURCE_ATTRIBUTES");
        let service = env.optional("OTEL_SERVICE_NAME");
        let named = resource.iter().any(|(name, _)| name == "service.name");
        if service.is_some() || !named {
            resource.retain(|(name, _)| name != "service.name");
            resource.push(("service.name".to_owned(), service.unwrap_or_else(|| "hookline".to_owned())));
        }
        resource.push(("service.version".to_owned(), env!("CARGO_PKG_VERSION").to_owned()));
        Some(Self {
            endpoint,
            headers,
            timeout,
            delay: Duration::from_millis(env.positive("OTEL_BSP_SCHEDULE_DELAY", 5_000_u64)),
            queue: usize::try_from(env.positive("OTEL_BSP_MAX_QUEUE_SIZE", 2_048_u32)).unwrap_or(2_048),
            batch: usize::try_from(env.positive("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", 512_u32)).unwrap_or(512),
            sampler: sampler(env),
            resource,
        })
    }

    pub fn recorder(&self) -> Recorder {
        Recorder::new(self.sampler, self.queue)
    }

    /// What is posted to the endpoint, as `application/json`.
    pub fn request(&self, spans: &[EndedSpan]) -> String {
        let attribute = |(name, value): &(String, String)| json!({ "key": name, "value": { "stringValue": value } });
        let resource: Vec<Value> = self.resource.iter().map(attribute).collect();
        let spans: Vec<Value> = spans.iter().map(span).collect();
        let scope = json!({ "name": "hookline", "version": env!("CARGO_PKG_VERSION") });
        json!({ "resourceSpans": [{
            "resource": { "attributes": resource },
            "scopeSpans": [{ "scope": scope, "spans": spans }],
        }] })
        .to_string()
    }
}

fn sampler(env: &mut Environment<'_>) -> Sampler {
    let name = env.optional(SAMPLER).unwrap_or_else(|| "parentbased_always_on".to_owned());
    let (follows_parent, kind) = match name.strip_prefix("parentbased_") {
        Some(kind) => (true, kind),
        None => (false, name.as_str()),
    };
    let ratio = match kind {
        "always_on" => 1.0,
        "always_off" => 0.0,
        "traceidratio" => {
            let ratio = env.parsed(SAMPLER_ARG, 1.0_f64);
            if !(0.0..=1.0).contains(&ratio) {
                env.problem(SAMPLER_ARG, "expected a number from 0 to 1");
            }
            ratio
        }
        _ => {
            env.problem(SAMPLER, "expected always_on, always_off or traceidratio, also with parentbased_ before it");
            1.0
        }
    };
    Sampler { ratio, follows_parent }
}

/// `a=b,c=d`, with values as in a URL. They may be secrets, so none is shown.
fn pairs(env: &mut Environment<'_>, name: &str) -> Vec<(String, String)> {
    let text = env.optional(name).unwrap_or_default();
    let mut found = Vec::new();
    for pair in text.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
        match pair.split_once('=') {
            Some((key, value)) => found.push((key.trim().to_owned(), decoded(value.trim()))),
            None => env.problem(name, "expected pairs such as a=b,c=d"),
        }
    }
    found
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        bytes.extend_from_slice(before.as_bytes());
        let code = after.get(..2).and_then(|code| u8::from_str_radix(code, 16).ok());
        bytes.push(code.unwrap_or(b'%'));
        rest = if code.is_some() { &after[2..] } else { after };
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}

fn span(span: &EndedSpan) -> Value {
    let began = i128::from(span.began_at.as_millis()) * 1_000_000;
    let ended = began + i128::try_from(span.took.as_nanos()).unwrap_or_default();
    let attributes: Vec<Value> = span
        .attributes
        .iter()
        .map(|(name, value)| match value {
            Attribute::Text(text) => json!({ "key": name, "value": { "stringValue": text } }),
            // 64 bits are texts in the JSON of protocol buffers.
            Attribute::Number(number) => json!({ "key": name, "value": { "intValue": number.to_string() } }),
        })
        .collect();
    let mut told = json!({
        "traceId": format!("{:032x}", span.context.trace),
        "spanId": format!("{:016x}", span.context.span),
        "name": span.name,
        "kind": match span.kind { SpanKind::Server => 2, SpanKind::Client => 3, SpanKind::Consumer => 5 },
        "startTimeUnixNano": began.to_string(),
        "endTimeUnixNano": ended.to_string(),
        "attributes": attributes,
        "flags": 1,
        "status": {},
    });
    if let Some(parent) = span.parent {
        told["parentSpanId"] = format!("{parent:016x}").into();
    }
    if let Some(error) = &span.error {
        told["status"] = json!({ "code": 2, "message": error });
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Option<TracesConfig>, String> {
        let lookup =
            |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        let mut env = Environment::new(lookup);
        let config = TracesConfig::read(&mut env);
        env.finish(config).map_err(|error| error.to_string())
    }

    #[test]
    fn they_are_off_until_an_endpoint_is_named_and_where_somebody_says_so() {
        let endpoint = (ENDPOINT, "http://localhost:4318/");
        assert_eq!(read(&[]).unwrap(), None);
        assert_eq!(read(&[endpoint, ("OTEL_SDK_DISABLED", "true")]).unwrap(), None);
        assert_eq!(read(&[endpoint, (EXPORTER, "none")]).unwrap(), None);
        let config = read(&[endpoint]).unwrap().unwrap();
        assert_eq!((config.endpoint.as_str(), config.timeout.as_secs()), ("http://localhost:4318/v1/traces", 10));
        let own = read(&[endpoint, (TRACES_ENDPOINT, "https://x.example.com/in")]).unwrap().unwrap();
        assert_eq!(own.endpoint, "https://x.example.com/in");
    }

    #[test]
    fn headers_resources_and_samplers_are_those_of_the_variables() {
        let config = read(&[
            (ENDPOINT, "http://c"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20x, a=b=c"),
            ("OTEL_RESOURCE_ATTRIBUTES", "service.name=other,deployment.environment.name=test"),
            (SAMPLER, "parentbased_traceidratio"),
            (SAMPLER_ARG, "0.5"),
        ]);
        let config = config.unwrap().unwrap();
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(config.headers, [pair("authorization", "Bearer x"), pair("a", "b=c")]);
        assert_eq!(config.resource[0], pair("service.name", "other"));
        assert_eq!(config.sampler, Sampler { ratio: 0.5, follows_parent: true });
    }

    #[test]
    fn all_that_is_wrong_is_told_at_once_and_no_value_is_shown() {
        let wrong = read(&[
            (ENDPOINT, "localhost:4318"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "secret"),
            (SAMPLER, "sometimes"),
        ]);
        let wrong = wrong.unwrap_err();
        for name in [ENDPOINT, "OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_HEADERS", SAMPLER] {
            assert!(wrong.contains(name), "{wrong}");
        }
        assert!(!wrong.contains("secret"), "{wrong}");
    }
}
