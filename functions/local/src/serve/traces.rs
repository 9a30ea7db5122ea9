//! Sends traces to a collector, every few seconds and at the end.

use contract::traces::{self, Recorder};
use services::runtime::config::Environment;
use services::runtime::traces::TracesConfig;
use tokio::sync::watch;

/// What the environment asks for; mistakes go to the others.
pub(super) fn read(mistakes: &mut Vec<String>) -> Option<TracesConfig> {
    let mut env = Environment::of_process();
    let config = TracesConfig::read(&mut env);
    env.finish(config).unwrap_or_else(|error| {
        mistakes.extend(error.0);
        None
    })
}

/// Records from here on, and sends until `stop` turns true and what was under way has ended.
pub(super) fn start(config: TracesConfig, mut stop: watch::Receiver<bool>) -> anyhow::Result<Export> {
    let http = reqwest::Client::builder().timeout(config.timeout).build()?;
    let recorder = traces::install(config.recorder());
    let export = Export { config, http, recorder };
    let periodic = export.clone();
    tokio::spawn(async move {
        let mut was_sent = true;
        loop {
            let has_ended = tokio::select! {
                () = tokio::time::sleep(periodic.config.delay) => false,
                _ = stop.wait_for(|stop| *stop) => true,
            };
            if has_ended {
                return;
            }
            was_sent = periodic.flush(was_sent).await;
        }
    });
    tracing::info!("traces are sent to {}", export.config.endpoint);
    Ok(export)
}

#[derive(Clone)]
pub(super) struct Export {
    config: TracesConfig,
    http: reqwest::Client,
    recorder: &'static Recorder,
}

impl Export {
    /// Whether all was sent. That it was not is told once, until it works again.
    pub(super) async fn flush(&self, was_sent: bool) -> bool {
        let (spans, lost) = self.recorder.take();
        if lost > 0 && was_sent {
            tracing::warn!(lost, "{lost} spans ended faster than they were sent, and are lost");
        }
        for spans in spans.chunks(self.config.batch) {
            if let Err(error) = self.post(self.config.request(spans)).await {
                if was_sent {
                    tracing::warn!(error, "traces were not sent, and are lost until they can be: {error}");
                }
                return false;
            }
        }
        true
    }

    async fn post(&self, body: String) -> Result<(), String> {
        let mut request = self.http.post(&self.config.endpoint).header("content-type", "application/json");
        for (name, value) in &self.config.headers {
            request = request.header(name, value);
        }
        match request.body(body).send().await {
            Ok(response) if response.status().is_success() => Ok(()),
            Ok(response) => Err(format!("the collector answered {}", response.status().as_u16())),
            Err(error) => Err(error.without_url().to_string()),
        }
    }
}
