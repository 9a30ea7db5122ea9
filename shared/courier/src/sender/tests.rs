//! Against real sockets.

mod bodies;
mod framing;
mod idle;
mod names;
mod proxy;
mod tls;
mod tls_faults;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use contract::ports::MAX_RESPONSE_BYTES;
use domain::address::AddressPolicy;
use domain::delivery::AttemptOutcome;
use domain::hook::Timeout;
use domain::seconds::Seconds;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use url::Url;

use super::*;

/// What an endpoint does with the first, second … request on a connection.
#[derive(Clone, Copy)]
enum Does {
    Answer(&'static str),
    AnswerAndClose(&'static str),
    Close,
}
use Does::{Answer, AnswerAndClose, Close};

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// An endpoint, and what it got on each connection.
struct Endpoint {
    url: Url,
    got: Arc<Mutex<Vec<Vec<String>>>>,
}

impl Endpoint {
    /// Does the same on every connection, and closes those that ask for more.
    async fn that(does: &'static [Does]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/path?a=b", listener.local_addr().unwrap()).parse().unwrap();
        let got: Arc<Mutex<Vec<Vec<String>>>> = Arc::default();
        let all = Arc::clone(&got);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let number = {
                    let mut all = all.lock().unwrap();
                    all.push(Vec::new());
                    all.len() - 1
                };
                tokio::spawn(serve(stream, does, Arc::clone(&all), number));
            }
        });
        Self { url, got }
    }

    fn requests_per_connection(&self) -> Vec<usize> {
        self.got.lock().unwrap().iter().map(Vec::len).collect()
    }
}

async fn serve(mut stream: TcpStream, does: &[Does], all: Arc<Mutex<Vec<Vec<String>>>>, number: usize) {
    for does in does {
        let Some(request) = read_request(&mut stream).await else { break };
        all.lock().unwrap()[number].push(request);
        match does {
            Answer(text) => stream.write_all(text.as_bytes()).await.unwrap(),
            AnswerAndClose(text) => return stream.write_all(text.as_bytes()).await.unwrap(),
            Close => return,
        }
    }
    // The end of the connection, told as if it were a request.
    if read_request(&mut stream).await.is_none() {
        all.lock().unwrap()[number].push("closed".to_owned());
    }
}

/// None when the connection is closed instead.
async fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut text = Vec::new();
    while !text.ends_with(b"{}") {
        let mut part = [0; 1_024];
        match stream.read(&mut part).await {
            Ok(0) | Err(_) => return None,
            Ok(read) => text.extend_from_slice(&part[..read]),
        }
    }
    Some(String::from_utf8(text).unwrap())
}

fn local() -> AddressPolicy {
    let networks = ["127.0.0.0/8", "::1/128"].map(|network| network.parse().unwrap());
    AddressPolicy { allow_http: true, allow_networks: networks.into(), ..AddressPolicy::default() }
}

fn sender() -> Http1Sender {
    Http1Sender::new(SenderOptions { addresses: local(), ..SenderOptions::default() }).unwrap()
}

fn request(url: &Url, header: &str) -> HttpRequest {
    HttpRequest {
        method: "POST",
        url: url.clone(),
        headers: vec![(header.to_owned(), "1".to_owned())],
        body: "{}".into(),
        timeout: Timeout::new(Seconds::new(5), Seconds::new(5)),
    }
}

/// The status, or what went wrong.
async fn send(sender: &Http1Sender, endpoint: &Endpoint) -> Result<u16, AttemptOutcome> {
    let answer = sender.send(request(&endpoint.url, "x-a")).await.unwrap().answer;
    answer.map(|response| response.status).map_err(|failure| failure.outcome)
}

/// Lets the other end notice, and its end be noticed here.
async fn until(condition: impl Fn() -> bool) {
    for _ in 0..1_000 {
        if condition() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("it does not happen");
}

#[tokio::test]
async fn requests_go_out_as_they_are_on_one_connection_as_long_as_it_is_open() {
    let endpoint = Endpoint::that(&[Answer(OK), Answer(OK), Answer(OK)]).await;
    let sender = sender();
    for _ in 0..3 {
        assert_eq!(send(&sender, &endpoint).await, Ok(200));
    }
    assert_eq!(endpoint.requests_per_connection(), [3]);
    let authority = endpoint.url.authority();
    let expected = format!(
        "POST /path?a=b HTTP/1.1\r\nx-a: 1\r\naccept: */*\r\nhost: {authority}\r\ncontent-length: 2\r\n\r\n{{}}"
    );
    assert_eq!(endpoint.got.lock().unwrap()[0], vec![expected; 3]);
}

#[tokio::test]
async fn as_many_as_are_under_way_at_once_have_a_connection_each_and_leave_it_to_the_next() {
    let endpoint = Endpoint::that(&[Answer(OK), Answer(OK)]).await;
    let sender = sender();
    for _ in 0..2 {
        let (a, b, c) = tokio::join!(send(&sender, &endpoint), send(&sender, &endpoint), send(&sender, &endpoint));
        assert_eq!([a, b, c], [Ok(200); 3]);
    }
    assert_eq!(endpoint.requests_per_connection(), [2, 2, 2]);
}

#[tokio::test]
async fn names_of_headers_go_out_as_they_are_written_and_in_their_order() {
    let endpoint = Endpoint::that(&[Answer(OK), Answer(OK)]).await;
    let sender = sender();
    let names = ["X-GitHub-Event", "x-a", "X-A", "etag", "WWW-Thing", "x-GitHub-event"];
    for _ in 0..2 {
        let headers = names.iter().map(|name| ((*name).to_owned(), "1".to_owned())).collect();
        let request = HttpRequest { headers, ..request(&endpoint.url, "") };
        assert!(sender.send(request).await.unwrap().answer.is_ok());
    }
    assert_eq!(endpoint.requests_per_connection(), [2], "all share one connection");
    let expected: String = names.iter().map(|name| format!("{name}: 1\r\n")).collect();
    for got in &endpoint.got.lock().unwrap()[0] {
        assert!(got.starts_with(&format!("POST /path?a=b HTTP/1.1\r\n{expected}accept: */*\r\nhost: ")), "{got}");
    }
}

#[test]
fn a_request_says_what_its_url_and_settings_say() {
    let made = |method: &'static str, url: &str, header: (&str, &str)| {
        let mut request = HttpRequest { method, ..request(&url.parse().unwrap(), header.0) };
        request.headers[0].1 = header.1.to_owned();
        complete(&mut request);
        head::write(&request).map(|head| String::from_utf8(head).unwrap()).map_err(|failure| failure.outcome)
    };
    for (url, host, target) in [
        ("https://example.com", "example.com", "/"),
        ("https://example.com:443/a/../b?c", "example.com", "/b?c"),
        ("http://Ex\u{e4}mple.com:8080/\u{e4}?\u{e4}", "xn--exmple-cua.com:8080", "/%C3%A4?%C3%A4"),
        ("http://[::1]:8080/?", "[::1]:8080", "/?"),
    ] {
        let head = made("POST", url, ("x-a", "\u{e4}")).unwrap();
        let expected = format!(
            "POST {target} HTTP/1.1\r\nx-a: \u{e4}\r\naccept: */*\r\nhost: {host}\r\ncontent-length: 2\r\n\r\n"
        );
        assert_eq!(head, expected, "UTF-8 goes out as it is");
    }
    let head = made("POST", "http://a", ("Accept", "text/plain")).unwrap();
    assert_eq!(head.to_lowercase().matches("accept:").count(), 1, "{head}");
    for bad in [("x a", "1"), ("x-a", "1\r\nx: y"), ("x-a", "\u{7f}"), ("", "1"), ("x:", "1")] {
        assert_eq!(made("POST", "http://a", bad), Err(AttemptOutcome::InvalidRequest), "{bad:?}");
    }
    // RFC 9112, section 3: "GET", two spaces, the version.
    let url = |target: usize| format!("http://a/?{}", "x".repeat(target - "/?".len()));
    let longest = 8_000 - "GET  HTTP/1.1".len();
    assert!(made("GET", &url(longest), ("x-a", "1")).is_ok());
    assert_eq!(made("GET", &url(longest + 1), ("x-a", "1")), Err(AttemptOutcome::RequestTooLarge));
    let value = |bytes: usize| "x".repeat(bytes);
    assert!(made("POST", "http://a", ("x-a", &value(32_000))).is_ok());
    assert_eq!(made("POST", "http://a", ("x-a", &value(32 * 1_024))), Err(AttemptOutcome::RequestTooLarge));
}

#[tokio::test]
async fn a_connection_that_was_closed_while_it_was_idle_costs_no_attempt() {
    let endpoint = Endpoint::that(&[AnswerAndClose(OK)]).await;
    let sender = sender();
    for sent in 1..=3 {
        assert_eq!(send(&sender, &endpoint).await, Ok(200));
        assert_eq!(endpoint.requests_per_connection().len(), sent);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_reused_connection_that_ends_before_any_answer_is_tried_once_more_on_a_fresh_one() {
    let endpoint = Endpoint::that(&[Answer(OK), Close]).await;
    let sender = sender();
    for _ in 0..3 {
        assert_eq!(send(&sender, &endpoint).await, Ok(200));
    }
    assert_eq!(endpoint.requests_per_connection(), [2, 2, 1]);
}

#[tokio::test]
async fn a_farewell_to_an_idle_connection_is_not_taken_for_an_answer() {
    const LATE: &str = "HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    let endpoint = Endpoint::that(&[Answer(OK), AnswerAndClose(LATE)]).await;
    let sender = sender();
    for _ in 0..2 {
        assert_eq!(send(&sender, &endpoint).await, Ok(200));
    }
    let endpoint = Endpoint::that(&[AnswerAndClose(LATE)]).await;
    assert_eq!(send(&sender, &endpoint).await, Ok(408), "on a fresh connection it is one");
}

#[tokio::test]
async fn what_ends_on_a_fresh_connection_or_within_an_answer_is_not_sent_again() {
    let endpoint = Endpoint::that(&[Close]).await;
    assert_eq!(send(&sender(), &endpoint).await, Err(AttemptOutcome::InvalidResponse));
    assert_eq!(endpoint.requests_per_connection(), [1]);
    let endpoint = Endpoint::that(&[Answer(OK), AnswerAndClose("HTTP/1.1 2")]).await;
    let sender = sender();
    assert_eq!(send(&sender, &endpoint).await, Ok(200));
    let failure = sender.send(request(&endpoint.url, "x-a")).await.unwrap().answer.unwrap_err();
    assert_eq!(failure.detail, "the answer broke off after \"HTTP/1.1 2\"");
    assert_eq!(endpoint.requests_per_connection(), [2]);
}

#[tokio::test]
async fn an_endpoint_that_says_it_will_close_is_not_asked_for_more() {
    const LAST: &str = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok";
    let endpoint = Endpoint::that(&[Answer(LAST)]).await;
    let sender = sender();
    for _ in 0..2 {
        assert_eq!(send(&sender, &endpoint).await, Ok(200));
    }
    until(|| endpoint.requests_per_connection() == [2, 2]).await;
    assert!(endpoint.got.lock().unwrap().iter().all(|got| got[1] == "closed"));
}

#[tokio::test]
async fn an_answer_that_is_too_long_is_cut_and_its_connection_closed() {
    let long = format!("HTTP/1.1 200 OK\r\ncontent-length: 70000\r\n\r\n{}", "x".repeat(70_000));
    let endpoint = Endpoint::that(vec![Answer(long.leak()); 2].leak()).await;
    let sender = sender();
    for _ in 0..2 {
        let answer = sender.send(request(&endpoint.url, "x-a")).await.unwrap().answer.unwrap();
        assert_eq!(answer.body.len(), MAX_RESPONSE_BYTES);
    }
    assert_eq!(endpoint.got.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn chunks_are_put_together_and_trailers_left_out() {
    const CHUNKED: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x\r\n\r\n\
        3\r\nabc\r\n2\r\nde\r\n0\r\nx: y\r\n\r\n";
    let endpoint = Endpoint::that(&[Answer(CHUNKED), Answer(CHUNKED)]).await;
    let sender = sender();
    for _ in 0..2 {
        let answer = sender.send(request(&endpoint.url, "x-a")).await.unwrap().answer.unwrap();
        assert_eq!(answer.body, "abcde");
    }
    assert_eq!(endpoint.requests_per_connection(), [2]);
}

#[tokio::test]
async fn only_so_many_connections_to_an_endpoint_are_kept() {
    let endpoint = Endpoint::that(&[Answer(OK), Answer(OK)]).await;
    let max_idle = MaxIdle { per_endpoint: 2, in_all: 100 };
    let sender = Http1Sender { pool: Pool::new(max_idle, Arc::new(SystemClock)), ..sender() };
    let (a, b, c) = tokio::join!(send(&sender, &endpoint), send(&sender, &endpoint), send(&sender, &endpoint));
    assert_eq!([a, b, c], [Ok(200); 3]);
    let closed = || endpoint.got.lock().unwrap().iter().flatten().filter(|got| *got == "closed").count();
    until(|| closed() == 1).await;
    let (a, b) = tokio::join!(send(&sender, &endpoint), send(&sender, &endpoint));
    assert_eq!(([a, b], endpoint.requests_per_connection()), ([Ok(200); 2], vec![2, 2, 2]));
}

#[tokio::test]
async fn a_name_that_leads_to_a_forbidden_address_is_not_dialled() {
    let endpoint = Endpoint::that(&[Answer(OK)]).await;
    let mut url = endpoint.url.clone();
    url.set_host(Some("localhost")).unwrap();
    let answer = async |policy: AddressPolicy| {
        let sender = Http1Sender::new(SenderOptions { addresses: policy, ..SenderOptions::default() }).unwrap();
        sender
            .send(request(&url, "x-a"))
            .await
            .unwrap()
            .answer
            .map(|answer| answer.status)
            .map_err(|failure| failure.outcome)
    };
    let allowing = |networks: &[&str]| AddressPolicy {
        allow_http: true,
        allow_networks: networks.iter().map(|network| network.parse().unwrap()).collect(),
        ..AddressPolicy::default()
    };
    assert_eq!(answer(allowing(&["127.0.0.0/8", "::1/128"])).await, Ok(200));
    assert_eq!(answer(allowing(&["10.0.0.0/8"])).await, Err(AttemptOutcome::RefusedAddress));
    assert_eq!(endpoint.got.lock().unwrap().len(), 1, "the refused one was not dialled");
}
