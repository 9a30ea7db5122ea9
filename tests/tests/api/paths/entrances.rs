//! The two ways into the API: a socket, and API Gateway with a function behind it.

use std::net::SocketAddr;

use api::gateway;
use axum::Router;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// What was answered, whichever way.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Heard {
    pub(super) status: u16,
    pub(super) content_type: String,
    pub(super) body: String,
}

/// The API on a port of this machine.
pub(super) struct Socket(SocketAddr);

impl Socket {
    pub(super) async fn open(router: Router) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self(address)
    }

    /// Sends the target as it is, which no HTTP client would.
    pub(super) async fn ask(&self, method: &str, target: &str, key: &str) -> Heard {
        let mut stream = TcpStream::connect(self.0).await.unwrap();
        let request = format!(
            "{method} {target} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {key}\r\nconnection: close\r\n\
             content-length: 2\r\n\r\n{{}}",
            self.0
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        let answer = String::from_utf8(answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let header = |name: &str| head.lines().find_map(|line| line.strip_prefix(name));
        Heard {
            status: head[9..12].parse().unwrap(),
            content_type: header("content-type: ").unwrap_or_default().to_owned(),
            body: body.to_owned(),
        }
    }
}

/// What becomes of a path on its way through the gateway.
#[derive(Clone, Copy, Debug)]
pub(super) enum Gateway {
    /// It decodes the path.
    Once,
    /// It decodes all but the percent sign itself, as ministack does.
    SaveForPercent,
    /// As AWS was seen to do it (vokerhttp/testdata/ingress-paths.json of
    /// github.com/hotsock/voker): it decodes, ends the path at a `?`, and
    /// decodes what is left. What cannot be decoded, it refuses itself.
    Twice,
}

impl Gateway {
    pub(super) const ALL: [Self; 3] = [Self::Once, Self::SaveForPercent, Self::Twice];

    /// The path as the function gets it; `None` when it does not.
    pub(super) fn path(self, sent: &str) -> Option<String> {
        match self {
            Self::Once => Some(decoded(sent)),
            Self::SaveForPercent => Some(decoded(&sent.replace("%25", "%2525"))),
            Self::Twice if !is_encoded(sent) => None,
            Self::Twice => {
                let path = decoded(sent);
                let path = path.split('?').next().unwrap();
                is_encoded(path).then(|| decoded(path))
            }
        }
    }

    pub(super) async fn ask(self, router: &Router, method: &str, target: &str, key: &str) -> Option<Heard> {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        Some(invoke(router, event(method, &self.path(path)?, query, key)).await)
    }
}

/// As a live one of AWS.
pub(super) fn event(method: &str, raw_path: &str, query: &str, key: &str) -> Value {
    json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": raw_path,
        "rawQueryString": query,
        "headers": {
            "accept": "*/*", "authorization": format!("Bearer {key}"), "content-length": "2",
            "host": "abcde12345.execute-api.eu-central-1.amazonaws.com", "x-forwarded-for": "203.0.113.7",
            "x-forwarded-port": "443", "x-forwarded-proto": "https",
        },
        "requestContext": {
            "accountId": "111122223333", "apiId": "abcde12345", "routeKey": "$default", "stage": "$default",
            "domainName": "abcde12345.execute-api.eu-central-1.amazonaws.com", "domainPrefix": "abcde12345",
            "http": {
                "method": method, "path": raw_path, "protocol": "HTTP/1.1", "sourceIp": "203.0.113.7",
                "userAgent": "curl/8.7.1",
            },
            "requestId": "ATfSmjLgPHcESJw=", "time": "31/Jan/2026:09:30:00 +0000", "timeEpoch": 1_769_851_800_000_i64,
        },
        "body": STANDARD.encode("{}"),
        "isBase64Encoded": true,
    })
}

/// From the text of an event to the text of an answer, as the function does it.
pub(super) async fn invoke(router: &Router, event: Value) -> Heard {
    let event: gateway::GatewayEvent = serde_json::from_str(&event.to_string()).unwrap();
    let answer = serde_json::to_value(gateway::answer(router.clone(), event).await.unwrap()).unwrap();
    assert_eq!(answer["isBase64Encoded"], false, "{answer}");
    Heard {
        status: answer["statusCode"].as_u64().unwrap().try_into().unwrap(),
        content_type: answer["headers"]["content-type"].as_str().unwrap_or_default().to_owned(),
        body: answer["body"].as_str().unwrap_or_default().to_owned(),
    }
}

/// Whether each percent sign is followed by two digits.
fn is_encoded(path: &str) -> bool {
    path.split('%').skip(1).all(|rest| rest.len() >= 2 && rest.bytes().take(2).all(|byte| byte.is_ascii_hexdigit()))
}

pub(super) fn decoded(path: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = path.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        match code.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) if *first == b'%' => {
                bytes.push(byte);
                rest = &after[2..];
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
