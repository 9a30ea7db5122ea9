//! Through the operator's proxy.

use super::*;

/// A proxy that answers so, and then connects to what it was asked for.
async fn proxy(answer: &'static str) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let asked: Arc<Mutex<Vec<String>>> = Arc::default();
    let all = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut text = Vec::new();
            while !text.ends_with(b"\r\n\r\n") {
                text.push(stream.read_u8().await.unwrap());
            }
            let text = String::from_utf8(text).unwrap();
            let target = text.split(' ').nth(1).unwrap().to_owned();
            all.lock().unwrap().push(text);
            stream.write_all(answer.as_bytes()).await.unwrap();
            if answer.starts_with("HTTP/1.1 200") {
                tokio::spawn(async move {
                    let mut other = TcpStream::connect(target).await.unwrap();
                    let _ = tokio::io::copy_bidirectional(&mut stream, &mut other).await;
                });
            }
        }
    });
    (format!("http://user:pass@{address}"), asked)
}

fn sender_through(proxy: &str, addresses: AddressPolicy) -> Http1Sender {
    let proxy = Some(proxy.parse().unwrap());
    Http1Sender::new(SenderOptions { addresses, proxy, ..SenderOptions::default() }).unwrap()
}

#[tokio::test]
async fn a_proxy_is_asked_for_the_vetted_address_and_never_for_a_name() {
    let endpoint = Endpoint::that(&[Answer(OK), Answer(OK)]).await;
    let (proxy, asked) = proxy("HTTP/1.1 200 Connection established\r\n\r\n").await;
    let sender = sender_through(&proxy, local());
    let mut url = endpoint.url.clone();
    url.set_host(Some("localhost")).unwrap();
    for _ in 0..2 {
        let answer = sender.send(request(&url, "x-a")).await.unwrap().answer;
        assert_eq!(answer.unwrap().status, 200);
    }
    assert_eq!(endpoint.requests_per_connection(), [2]);
    let got = endpoint.got.lock().unwrap()[0][0].clone();
    assert!(got.contains(&format!("host: localhost:{}", url.port().unwrap())), "{got}");
    let asked = asked.lock().unwrap().clone();
    let port = url.port().unwrap();
    assert!(
        asked.iter().any(|asked| asked.starts_with(&format!("CONNECT 127.0.0.1:{port} HTTP/1.1\r\n"))),
        "{asked:?}"
    );
    assert!(asked.iter().all(|asked| asked.contains("Proxy-Authorization: Basic dXNlcjpwYXNz\r\n")), "{asked:?}");
    assert!(!asked.iter().any(|asked| asked.contains("localhost")), "{asked:?}");
}

#[tokio::test]
async fn a_proxy_widens_nothing() {
    let endpoint = Endpoint::that(&[Answer(OK)]).await;
    let (proxy, asked) = proxy("HTTP/1.1 200 OK\r\n\r\n").await;
    let sender = sender_through(&proxy, AddressPolicy { allow_http: true, ..AddressPolicy::default() });
    for url in [endpoint.url.as_str(), "http://localhost/", "http://10.0.0.1/", "http://1.1.1.1:8080/"] {
        let failure = sender.send(request(&url.parse().unwrap(), "x-a")).await.unwrap().answer.unwrap_err();
        assert_eq!(failure.outcome, AttemptOutcome::RefusedAddress, "{url}");
    }
    assert!(asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn what_a_proxy_cannot_reach_is_the_endpoints_failure_and_what_it_cannot_do_is_ours() {
    let endpoint = Endpoint::that(&[Answer(OK)]).await;
    let (refusing, _) = proxy("HTTP/1.1 502 Bad Gateway\r\ncontent-length: 3\r\n\r\nno!").await;
    let answer = sender_through(&refusing, local()).send(request(&endpoint.url, "x-a")).await.unwrap().answer;
    let failure = answer.unwrap_err();
    assert_eq!(failure.outcome, AttemptOutcome::Connect);
    assert_eq!(failure.detail, "no connection could be made: the egress proxy answered 502");
    let (closing, _) = proxy("HTTP/1.1").await;
    let answer = sender_through(&closing, local()).send(request(&endpoint.url, "x-a")).await.unwrap().answer;
    assert_eq!(answer.unwrap_err().outcome, AttemptOutcome::Connect, "a stranger may have made it so");
    let (demanding, _) = proxy("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n").await;
    let closed = {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    for proxy in [demanding, closed] {
        let fault = sender_through(&proxy, local()).send(request(&endpoint.url, "x-a")).await.unwrap_err();
        assert!(fault.to_string().contains("the egress proxy cannot be used"), "{fault}");
        assert!(!fault.to_string().contains("pass"), "{fault}");
    }
    assert!(endpoint.got.lock().unwrap().is_empty());
}
