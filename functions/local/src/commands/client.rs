//! The API over HTTP.

use std::net::IpAddr;
use std::time::Duration;

use reqwest::{Method, Url, header, redirect};

use super::failure::{Failure, Problem};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A test of a hook waits for its endpoint, which may take 30 s.
const TIMEOUT: Duration = Duration::from_secs(60);
/// A data directory may be large, and the disk it goes to slow.
const DOWNLOAD_TIMEOUT: Duration = Duration::from_secs(24 * 3600);

pub(super) struct Client {
    http: reqwest::Client,
    base: Url,
    key: String,
}

/// An answer of 2xx.
pub(super) struct Answer {
    pub(super) text: String,
    /// The header of that name.
    pub(super) date: Option<String>,
}

impl Client {
    pub(super) fn new(api: &str, key: String) -> Result<Self, Failure> {
        let base = Url::parse(api).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        let base = base.ok_or_else(|| {
            Failure::Usage(format!("--api (HOOKLINE_API) {api}: expected an address with http or https"))
        })?;
        // A redirect would carry the key to where nobody meant it to go.
        let builder = reqwest::Client::builder().redirect(redirect::Policy::none());
        let builder = builder.connect_timeout(CONNECT_TIMEOUT).timeout(TIMEOUT);
        // A proxy knows nothing of this machine's own ports.
        let builder = if is_local(&base) { builder.no_proxy() } else { builder };
        Ok(Self { http: builder.build().map_err(Failure::Http)?, base, key })
    }

    pub(super) fn address(&self) -> &str {
        self.base.as_str()
    }

    pub(super) fn is_https(&self) -> bool {
        self.base.scheme() == "https"
    }

    pub(super) fn is_local(&self) -> bool {
        is_local(&self.base)
    }

    /// The answer's text; answers other than 2xx are failures.
    pub(super) async fn send(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, String)],
        body: Option<String>,
    ) -> Result<String, Failure> {
        Ok(self.exchange(method, path, query, body).await?.text)
    }

    pub(super) async fn exchange(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, String)],
        body: Option<String>,
    ) -> Result<Answer, Failure> {
        let mut request = self.http.request(method, self.url(path, query)).bearer_auth(&self.key);
        if let Some(body) = body {
            request = request.header(header::CONTENT_TYPE, "application/json").body(body);
        }
        let response = request.send().await.map_err(|error| self.not_sent(error))?;
        let status = response.status();
        let date = response.headers().get(header::DATE).and_then(|date| date.to_str().ok()).map(str::to_owned);
        let text = response.text().await.map_err(Failure::Http)?;
        if status.is_success() {
            Ok(Answer { text, date })
        } else {
            Err(Failure::Refused(Problem::read(status.as_u16(), &text)))
        }
    }

    /// An answer of any length, which may take its time.
    pub(super) async fn download(&self, path: &[String]) -> Result<reqwest::Response, Failure> {
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        let request = self.http.get(self.url(&path, &[])).bearer_auth(&self.key).timeout(DOWNLOAD_TIMEOUT);
        let response = request.send().await.map_err(|error| self.not_sent(error))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let text = response.text().await.map_err(Failure::Http)?;
        Err(Failure::Refused(Problem::read(status.as_u16(), &text)))
    }

    fn not_sent(&self, error: reqwest::Error) -> Failure {
        match error.is_connect() {
            true => Failure::Unreachable { address: self.address().to_owned(), cause: innermost(&error) },
            false => Failure::Http(error),
        }
    }

    /// Below the base's own path, which API Gateway's stages have.
    fn url(&self, path: &[&str], query: &[(&str, String)]) -> Url {
        let mut url = self.base.clone();
        url.set_query(None);
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().push("v1").extend(path);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }
}

/// What came of the connection, without the layers in between.
fn innermost(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    match cause.downcast_ref::<std::io::Error>() {
        Some(error) if error.raw_os_error().is_some() => error.kind().to_string(),
        _ => cause.to_string(),
    }
}

fn is_local(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_base_keeps_its_path_and_every_segment_stays_one() {
        let client = Client::new("https://api.example.com/prod/", String::new()).unwrap();
        let url = client.url(&["tenants", "a/b?c"], &[("since", "2026-01-01T00:00:00+01:00".to_owned())]);
        let expected = "https://api.example.com/prod/v1/tenants/a%2Fb%3Fc?since=2026-01-01T00%3A00%3A00%2B01%3A00";
        assert_eq!(url.as_str(), expected);
    }

    #[test]
    fn an_address_that_is_none_is_a_usage_error() {
        for address in ["", "localhost:8787", "ftp://x", "http://"] {
            assert!(Client::new(address, String::new()).is_err_and(|error| error.is_usage()), "{address}");
        }
    }
}
