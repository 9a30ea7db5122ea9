//! What endpoints answer: bytes of any kind, read from a real socket.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use contract::ports::{HttpRequest, HttpResponse, HttpSender as _, MAX_RESPONSE_BYTES};
use courier::{Http1Sender, SenderOptions};
use domain::address::AddressPolicy;
use domain::delivery::{excerpt, kept_headers};
use domain::hook::Timeout;
use domain::seconds::Seconds;
use domain::secret::Secret;
use domain::settings::Settings;
use domain::verification::returns_key;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::runtime::Builder;

use crate::{corpus, fuzz};

const BODIES: [&str; 5] =
    [r#"{"ok":true,"key":["secret-key"]}"#, "secret-key\n", "äöü€𝄞", "", r#"[[[[[["secret-key"]]]]]]"#];

#[test]
fn of_any_body_what_is_kept_is_a_part_of_it_and_within_the_limit() {
    let key = Secret::new("secret-key");
    let success: Settings = serde_json::from_str(r#"{"success":{"statuses":["2xx"],"json_body":true}}"#).unwrap();
    let success = success.success.unwrap();
    fuzz("bodies", &corpus(&BODIES), |input| {
        for limit in [0, 1, 7, 500] {
            let (kept, is_base64) = excerpt(input, limit, None);
            match is_base64 {
                true => assert!(kept.len() <= limit.div_ceil(3) * 4),
                false => assert!(input.starts_with(kept.as_bytes()) && kept.chars().count() <= limit),
            }
        }
        let header = (String::from_utf8_lossy(input).into_owned(), "v".repeat(input.len() % 300));
        let headers = vec![header.clone(), ("a".to_owned(), "b".to_owned()), header];
        let kept = kept_headers(&headers, 256);
        assert!(kept.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>() <= 256);
        let response = HttpResponse::new(200, headers, input.to_vec().into());
        let holds_key = input.windows(10).any(|window| window == b"secret-key");
        assert!(
            !returns_key(response.header("x"), &response.body, &key) || holds_key || input.contains(&b'\\'),
            "nobody guesses the key"
        );
        let is_json = serde_json::from_slice::<serde_json::Value>(input).is_ok();
        let judged = success.judge(200, input);
        // Nesting beyond what a parser bears is JSON to one and not to the other.
        assert!(!is_json || judged == domain::delivery::AttemptOutcome::Success, "{judged:?}");
    });
}

#[test]
fn any_answer_on_the_wire_is_an_outcome_within_the_time_out() {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let answer = Arc::new(Mutex::new(Vec::new()));
    let port = runtime.block_on(serve(Arc::clone(&answer)));
    let addresses =
        AddressPolicy { allow_http: true, allow_networks: vec!["127.0.0.0/8".parse().unwrap()], ..Default::default() };
    let sender = Http1Sender::new(SenderOptions { addresses, ..Default::default() }).unwrap();
    let url: url::Url = format!("http://127.0.0.1:{port}/").parse().unwrap();
    // A body of one byte under the name of gzip would fill a memory if it were unpacked.
    let seeds = [
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
        "HTTP/1.1 503 No\r\nretry-after: 120\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 20\r\n\r\n\x1f\x08\0\0\0\0\0\0\x03",
        "HTTP/1.1 301 Moved\r\nlocation: http://169.254.169.254/\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 None\r\nset-cookie: a=b\r\nx: \u{e4}\r\n\r\n",
        "HTTP/1.0 200 OK\r\n\r\nuntil the end",
    ];
    fuzz("answers", &corpus(&seeds), |input| {
        *answer.lock().unwrap() = input.to_vec();
        let request = HttpRequest {
            method: "POST",
            url: url.clone(),
            headers: vec![("content-type".to_owned(), "application/json".to_owned())],
            body: "{}".into(),
            timeout: Timeout::new(Seconds::new(5), Seconds::new(5)),
        };
        let result = runtime.block_on(sender.send(request)).unwrap();
        assert!(result.duration < Duration::from_secs(8), "{:?}", result.duration);
        match result.answer {
            Ok(response) => {
                assert!(response.body.len() <= MAX_RESPONSE_BYTES);
                assert!((100..=999).contains(&response.status), "{}", response.status);
            }
            Err(failure) => assert!(!failure.detail.is_empty()),
        }
    });
}

/// Answers every request with whatever is set, and hangs up.
async fn serve(answer: Arc<Mutex<Vec<u8>>>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let answer = answer.lock().unwrap().clone();
            tokio::spawn(async move {
                let _ = socket.read(&mut [0; 4_096]).await;
                let _ = socket.write_all(&answer).await;
            });
        }
    });
    port
}
