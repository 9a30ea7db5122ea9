//! Answers that are not what they should be.

use super::*;

/// Short enough to wait for.
async fn answer(sender: &Http1Sender, url: &Url) -> Result<HttpResponse, String> {
    let timeout = Timeout::new(Seconds::new(1), Seconds::from_millis(300));
    let result = sender.send(HttpRequest { timeout, ..request(url, "x-a") }).await.unwrap();
    assert!(result.duration < Duration::from_secs(3), "{result:?}");
    result.answer.map_err(|failure| failure.detail)
}

#[tokio::test]
async fn a_status_counts_although_its_body_breaks_off_stalls_or_never_ends() {
    let sender = sender();
    for (does, body, remark) in [
        (
            AnswerAndClose("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\npart"),
            "part",
            "the connection broke off within the body",
        ),
        (
            AnswerAndClose("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\npart\r\n"),
            "part",
            "the connection broke off within the body",
        ),
        (Answer("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\npart"), "part", "the body did not end within 0.3 s"),
        (Answer("HTTP/1.1 200 OK\r\n\r\npart"), "part", "the body did not end within 0.3 s"),
        (
            Answer("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nno chunk\r\n"),
            "",
            "the body's length or its chunks cannot be read",
        ),
        (
            Answer("HTTP/1.1 200 OK\r\ncontent-length: many\r\n\r\npart"),
            "",
            "the body's length or its chunks cannot be read",
        ),
    ] {
        let endpoint = Endpoint::that(vec![does].leak()).await;
        let response = answer(&sender, &endpoint.url).await.unwrap();
        assert_eq!((response.status, &response.body[..]), (200, body.as_bytes()), "{remark}");
        assert_eq!(response.remark.as_deref(), Some(remark));
    }
}

#[tokio::test]
async fn a_body_that_flows_for_ever_is_read_up_to_the_bound() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_request(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
        while stream.write_all(&[b'x'; 1_024]).await.is_ok() {}
    });
    let response = answer(&sender(), &url).await.unwrap();
    assert_eq!((response.status, response.body.len(), response.remark), (200, MAX_RESPONSE_BYTES, None));
}

#[tokio::test]
async fn an_answer_that_comes_before_the_whole_request_went_out_counts() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url: Url = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
    let stop = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let _ = stream.read(&mut [0; 64]).await;
        stream.write_all(b"HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\n\r\n").await.unwrap();
        std::future::pending::<()>().await;
    });
    let sender = sender();
    let request = HttpRequest { body: vec![b'x'; 16 << 20].into(), ..request(&url, "x-a") };
    assert_eq!(sender.send(request).await.unwrap().answer.unwrap().status, 413);
    stop.abort();
}

#[tokio::test]
async fn what_is_nearly_http_is_read_and_what_is_not_shows_how_it_begins() {
    let sender = sender();
    for text in [
        "HTTP/1.1 200 OK\r\nx-folded: a\r\n b\r\nContent-Length : 2\r\na stray line\r\n\r\nok",
        "\r\nHTTP/1.1 200 OK\nx-folded: a\n\tb\ncontent-length: 2\n\nok",
        "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 200\r\nX-Folded:\r\n a b\r\ncontent-length: 2\r\n\r\nok",
    ] {
        let endpoint = Endpoint::that(vec![Answer(text), Answer(text)].leak()).await;
        for _ in 0..2 {
            let response = answer(&sender, &endpoint.url).await.unwrap_or_else(|error| panic!("{error}: {text:?}"));
            assert_eq!((response.status, &response.body[..]), (200, &b"ok"[..]), "{text:?}");
            assert_eq!(response.header("x-folded"), Some("a b"), "{text:?}");
        }
        assert_eq!(endpoint.requests_per_connection(), [2], "{text:?}");
    }
    let many = (0..500).map(|number| format!("x-{number}: 1\r\n")).collect::<String>();
    let endpoint = Endpoint::that(vec![Answer(format!("HTTP/1.1 200 OK\r\n{many}\r\n").leak())].leak()).await;
    assert_eq!(answer(&sender, &endpoint.url).await.unwrap().headers.len(), 500);
    for (text, expected) in [
        ("SSH-2.0-OpenSSH_9.6\r\n", "the answer is not HTTP, it begins with \"SSH-2.0-OpenSSH_9.6\\r\\n\""),
        ("\u{15}\u{3}\u{1}\0", "the answer is not HTTP, it begins with \"\\x15\\x03\\x01\\x00\""),
        ("HTTP/1.1 what\r\n\r\n", "the answer is not HTTP, it begins with \"HTTP/1.1 what\\r\\n\\r\\n\""),
    ] {
        let endpoint = Endpoint::that(vec![Answer(text)].leak()).await;
        assert_eq!(answer(&sender, &endpoint.url).await.unwrap_err(), expected);
    }
    let endless = format!("HTTP/1.1 200 OK\r\nx: {}", "y".repeat(70_000));
    let endpoint = Endpoint::that(vec![Answer(endless.leak())].leak()).await;
    let told = answer(&sender, &endpoint.url).await.unwrap_err();
    assert!(told.starts_with("the head of the answer is longer than is read"), "{told}");
}
