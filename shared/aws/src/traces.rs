//! Sends traces to a collector over the SDK's own HTTP client, so that no function links another one.

use std::time::Duration;

use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::{Connector, tls};
use aws_smithy_runtime_api::client::http::{HttpConnector as _, HttpConnectorSettings};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use contract::traces::{self, Recorder};
use services::runtime::config::{ConfigError, Environment};
use services::runtime::traces::TracesConfig;

/// Where a function's traces go. A frozen environment sends nothing, so it is done at the end of
/// each invocation.
#[derive(Debug)]
pub struct TraceExport {
    config: TracesConfig,
    connector: Connector,
}

impl TraceExport {
    pub fn new(config: TracesConfig) -> Self {
        let timeout = config.timeout;
        let settings = HttpConnectorSettings::builder().connect_timeout(timeout).read_timeout(timeout).build();
        let provider = tls::Provider::Rustls(CryptoMode::AwsLc);
        let connector = Connector::builder().connector_settings(settings).tls_provider(provider).build();
        Self { config, connector }
    }

    /// Records from here on, where the process's environment asks for it.
    pub fn start() -> Result<Option<(Self, &'static Recorder)>, ConfigError> {
        let mut env = Environment::of_process();
        let config = TracesConfig::read(&mut env);
        let Some(config) = env.finish(config)? else { return Ok(None) };
        let recorder = traces::install(config.recorder());
        Ok(Some((Self::new(config), recorder)))
    }

    /// Sends what has ended. What a collector does not take is lost.
    pub async fn flush(&self, recorder: &Recorder) {
        let (spans, lost) = recorder.take();
        if lost > 0 {
            tracing::warn!(lost, "{lost} spans ended faster than they were sent, and are lost");
        }
        for spans in spans.chunks(self.config.batch) {
            if let Err(error) = self.post(self.config.request(spans)).await {
                tracing::warn!(error, spans = spans.len(), "traces were not sent: {error}");
                return;
            }
        }
    }

    pub async fn post(&self, body: String) -> Result<(), String> {
        let mut request = http::Request::post(&self.config.endpoint).header("content-type", "application/json");
        for (name, value) in &self.config.headers {
            request = request.header(name, value);
        }
        let request = request.body(SdkBody::from(body)).map_err(|error| error.to_string())?;
        let request = HttpRequest::try_from(request).map_err(|error| error.to_string())?;
        let answer = tokio::time::timeout(self.config.timeout, self.connector.call(request));
        match answer.await {
            Err(_) => Err(format!("no answer within {} ms", Duration::as_millis(&self.config.timeout))),
            Ok(Err(_)) => Err("the collector could not be reached".to_owned()),
            Ok(Ok(response)) if response.status().is_success() => Ok(()),
            Ok(Ok(response)) => Err(format!("the collector answered {}", response.status().as_u16())),
        }
    }
}

/// At the end of an invocation.
pub async fn flush(export: Option<&(TraceExport, &'static Recorder)>) {
    if let Some((export, recorder)) = export {
        export.flush(recorder).await;
    }
}
