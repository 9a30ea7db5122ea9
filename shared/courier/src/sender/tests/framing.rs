//! Answers whose end is told wrongly, or in two ways.

use super::*;

/// The statuses of as many sends as are asked for, or what went wrong.
async fn sent(does: &'static [Does], times: usize) -> (Vec<Result<u16, String>>, Vec<usize>) {
    let endpoint = Endpoint::that(does).await;
    let sender = sender();
    let mut answers = Vec::new();
    for _ in 0..times {
        let answer = sender.send(request(&endpoint.url, "x-a")).await.unwrap().answer;
        answers.push(answer.map(|answer| answer.status).map_err(|failure| failure.detail));
    }
    (answers, endpoint.requests_per_connection())
}

#[tokio::test]
async fn a_body_where_there_can_be_none_spoils_no_other_answer() {
    const EMPTY: &str = "HTTP/1.1 204 No\r\ntransfer-encoding: chunked\r\n\r\n";
    let (answers, connections) = sent(&[Answer(EMPTY), Answer("0\r\n\r\n")], 3).await;
    assert_eq!((answers, connections.len()), (vec![Ok(204); 3], 3));
}

#[tokio::test]
async fn what_is_left_of_an_earlier_answer_is_not_taken_for_one() {
    let (answers, connections) = sent(&[Answer(OK), Answer("0\r\n\r\n")], 2).await;
    assert_eq!((answers, connections.len()), (vec![Ok(200); 2], 2));
    let (answers, _) = sent(&[Answer("0\r\n\r\n")], 1).await;
    assert_eq!(answers, [Err("the answer is not HTTP, it begins with \"0\\r\\n\\r\\n\"".to_owned())]);
}

#[tokio::test]
async fn two_ways_to_tell_the_end_cost_the_connection() {
    const BOTH: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-length: 2\r\n\r\n2\r\nok\r\n0\r\n\r\n";
    let (answers, connections) = sent(&[Answer(BOTH), Answer(BOTH)], 2).await;
    assert_eq!((answers, connections.len()), (vec![Ok(200); 2], 2));
    const NO_CODING: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: identity\r\ncontent-length: 2\r\n\r\nok";
    let (answers, connections) = sent(&[Answer(NO_CODING), Answer(NO_CODING)], 2).await;
    assert_eq!((answers, connections), (vec![Ok(200); 2], vec![2]));
}

#[tokio::test]
async fn http_1_0_has_no_chunks() {
    const OLD: &str = "HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{\"a\":1}";
    let endpoint = Endpoint::that(&[AnswerAndClose(OLD)]).await;
    let answer = sender().send(request(&endpoint.url, "x-a")).await.unwrap().answer.unwrap();
    assert_eq!((answer.body, answer.remark), ("{\"a\":1}".into(), None));
}

#[tokio::test]
async fn what_is_not_read_is_told_by_its_name() {
    const SETTINGS: &str = "\0\0\u{12}\u{4}\0\0\0\0\0\0\u{3}\0\0\0\u{64}";
    let (answers, _) = sent(&[AnswerAndClose(SETTINGS)], 1).await;
    assert_eq!(answers, [Err("the endpoint speaks HTTP/2 only, and Hookline speaks HTTP/1.1".to_owned())]);
    let many: String = (0..1_100).map(|number| format!("x-{number}: 1\r\n")).collect();
    let long = format!("HTTP/1.1 200 OK\r\n{many}\r\n");
    let (answers, _) = sent(vec![AnswerAndClose(long.leak())].leak(), 1).await;
    let expected = "the head of the answer is longer than is read: 64 KiB or 1024 headers";
    assert_eq!(answers, [Err(expected.to_owned())]);
}
