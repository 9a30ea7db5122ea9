//! Against token servers on real sockets.

use std::sync::Mutex;

use contract::ports::SystemClock;
use domain::address::AddressPolicy;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;
use crate::{Http1Sender, SenderOptions};

const BASIC: &str = "authorization: Basic aWQlM0E6cytlY3JldA==\r\n";

/// A token server: what it answers to a request, and the requests that it got.
async fn server(answer: impl Fn(&str) -> (u16, String) + Send + Sync + 'static) -> (Auth, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let token_url = format!("http://{}/token", listener.local_addr().unwrap());
    let got: Arc<Mutex<Vec<String>>> = Arc::default();
    let (all, answer) = (Arc::clone(&got), Arc::new(answer));
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (all, answer) = (Arc::clone(&all), Arc::clone(&answer));
            tokio::spawn(async move {
                let mut text = String::new();
                // The form ends with its scope.
                while !text.ends_with("scope=hooks") {
                    text.push(char::from(stream.read_u8().await.unwrap()));
                }
                all.lock().unwrap().push(text.clone());
                let (status, body) = answer(&text);
                let answer =
                    format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len());
                stream.write_all(answer.as_bytes()).await.unwrap();
            });
        }
    });
    let auth = format!(
        r#"{{"type":"oauth2","token_url":"{token_url}","client_id":"id:","client_secret":"s ecret","scope":"hooks"}}"#
    );
    (serde_json::from_str(&auth).unwrap(), got)
}

fn courier() -> Courier {
    let networks = vec!["127.0.0.0/8".parse().unwrap()];
    let addresses = AddressPolicy { allow_http: true, allow_networks: networks, ..AddressPolicy::default() };
    Courier {
        sender: Arc::new(Http1Sender::new(SenderOptions { addresses, ..SenderOptions::default() }).unwrap()),
        tokens: Tokens::default(),
        clock: Arc::new(SystemClock),
        identity: Arc::new(contract::ports::NoIdentity),
        patience: Duration::from_secs(5),
    }
}

async fn obtain(courier: &Courier, auth: &Auth) -> Result<String, String> {
    let name = ("acme".parse().unwrap(), "hook_01M7YRY66B9CZNF4GV85GH11D0".parse().unwrap());
    let token = courier.tokens.obtain(courier, name, [1, 1, 0, 0], auth).await.unwrap();
    token.map(|token| token.reveal().to_owned()).map_err(|failure| failure.detail)
}

fn granted(_: &str) -> (u16, String) {
    (200, r#"{"access_token":"t","token_type":"Bearer","expires_in":"3599"}"#.to_owned())
}

#[tokio::test]
async fn all_who_wait_for_the_same_token_share_one_fetch_and_its_token_is_kept() {
    let (auth, got) = server(granted).await;
    let courier = courier();
    let all = (0..300).map(|_| obtain(&courier, &auth));
    let all = futures::future::join_all(all).await;
    assert!(all.iter().all(|token| token.as_deref() == Ok("t")), "{all:?}");
    assert_eq!(obtain(&courier, &auth).await.as_deref(), Ok("t"));
    assert_eq!(got.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_server_that_takes_http_basic_only_is_asked_so_and_that_is_remembered() {
    let (auth, got) = server(|request| match request.contains(BASIC) {
        // It is of no use for long.
        true => (200, r#"{"access_token":"t","expires_in":0}"#.to_owned()),
        false => (401, r#"{"error":"invalid_client"}"#.to_owned()),
    })
    .await;
    let courier = courier();
    for _ in 0..2 {
        assert_eq!(obtain(&courier, &auth).await.as_deref(), Ok("t"));
    }
    let got = got.lock().unwrap();
    assert!(got[0].contains("client_secret=s+ecret") && !got[0].contains("authorization"), "{got:?}");
    assert_eq!(got.len(), 3, "{got:?}");
    assert!(got[1..].iter().all(|request| request.contains(BASIC) && !request.contains("client_secret")), "{got:?}");
}

#[tokio::test]
async fn parameters_go_to_the_token_endpoint_with_the_rest() {
    let (mut auth, got) = server(granted).await;
    let Auth::Oauth2 { parameters, .. } = &mut auth else { panic!() };
    parameters.insert("audience".to_owned(), "https://api.example/?a&b".to_owned());
    parameters.insert("resource".to_owned(), "urn:x".to_owned());
    assert_eq!(obtain(&courier(), &auth).await.as_deref(), Ok("t"));
    let got = got.lock().unwrap();
    assert!(got[0].contains("&audience=https%3A%2F%2Fapi.example%2F%3Fa%26b&resource=urn%3Ax&scope=hooks"), "{got:?}");
}

#[tokio::test]
async fn a_token_endpoint_that_fails_is_told_as_such_to_all_who_wait() {
    let (auth, got) = server(|_| (503, String::new())).await;
    let courier = courier();
    let all = futures::future::join_all((0..10).map(|_| obtain(&courier, &auth))).await;
    assert!(all.iter().all(|token| token == &Err("the token endpoint answered 503".to_owned())), "{all:?}");
    assert_eq!(got.lock().unwrap().len(), 1);
    let (auth, _) = server(|request| match request.contains(BASIC) {
        true => (400, r#"{"error":"invalid_request","error_description":"client_id is missing"}"#.to_owned()),
        false => (401, r#"{"error":"invalid_client"}"#.to_owned()),
    })
    .await;
    let expected = "the token endpoint answered 401: invalid_client with client_secret in the form; \
                    with HTTP Basic: the token endpoint answered 400: invalid_request (client_id is missing)";
    assert_eq!(obtain(&courier, &auth).await, Err(expected.to_owned()));
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    for (url, expected) in [
        (
            "http://127.0.0.1:9/".to_owned(),
            "the token endpoint gave no token: no connection could be made: it was refused, as where nothing listens at \
             the port",
        ),
        ("http://10.0.0.1/".to_owned(), "token_url points to an address that is not public"),
        (
            format!("http://{}/", silent.local_addr().unwrap()),
            "the token endpoint gave no token: no complete answer within 5 s",
        ),
    ] {
        let mut auth = auth.clone();
        let Auth::Oauth2 { token_url, .. } = &mut auth else { panic!() };
        *token_url = url;
        assert_eq!(obtain(&courier, &auth).await, Err(expected.to_owned()));
    }
}
