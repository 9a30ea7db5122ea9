//! What was sent, and what was answered.

use maud::{Markup, html};

use super::badge::{Tone, badge};
use super::code;
use crate::api::{Header, ReceivedResponse, SentRequest};
use crate::texts::Texts;

/// Characters of a body, or of headers, that are shown.
const MOST_OF_AN_EXCHANGE: usize = 4_000;

pub(crate) fn request(request: &SentRequest, t: &Texts) -> Markup {
    html! {
        h3 { (t.request) }
        p.url { code { (request.method) " " (request.url) } }
        (headers(&request.headers, t))
        (body(Some(&request.body), request.body_is_base64, t))
        details { summary { (t.as_curl) } (as_curl(request, t)) }
    }
}

pub(crate) fn response(response: &ReceivedResponse, t: &Texts) -> Markup {
    html! {
        h3 { (t.response) " " (badge(Tone::of_code(response.status_code), &response.status_code.to_string())) }
        (headers(&response.headers, t))
        (body(response.body.as_deref(), response.body_is_base64, t))
    }
}

/// A command that is not whole would send something else.
pub(crate) fn as_curl(request: &SentRequest, t: &Texts) -> Markup {
    let command = curl(request);
    match command.chars().count() <= MOST_OF_AN_EXCHANGE {
        true => code::block(t.as_curl, &command, t.copy),
        false => html! { p.help { (t.too_long) } },
    }
}

fn headers(headers: &[Header], t: &Texts) -> Markup {
    let text: Vec<_> = headers.iter().map(|header| format!("{}: {}", header.name, header.value)).collect();
    html! {
        @if !text.is_empty() { details { summary { (t.headers) " (" (text.len()) ")" } (part(t.headers, &text.join("\n"), t)) } }
    }
}

fn body(body: Option<&str>, is_base64: bool, t: &Texts) -> Markup {
    html! {
        @match body.filter(|body| !body.is_empty()) {
            Some(body) if is_base64 => (part(&format!("{} (Base64)", t.body), body, t)),
            Some(body) => (part(t.body, &code::laid_out(body), t)),
            None => p.help { (t.no_body) },
        }
    }
}

/// There are several exchanges on a page.
fn part(label: &str, text: &str, t: &Texts) -> Markup {
    code::block_of(label, text, MOST_OF_AN_EXCHANGE, t.copy)
}

/// The request as a command for a POSIX shell, to the byte. The signature in it stays true as
/// long as the body is not touched, and the receiver takes its time.
pub(crate) fn curl(request: &SentRequest) -> String {
    let mut command = format!("curl -X {} {}", quoted(&request.method), quoted(&request.url));
    // Those that curl writes itself.
    let own = ["content-length", "host", "accept-encoding", "connection", "transfer-encoding"];
    for header in &request.headers {
        if !own.contains(&header.name.to_ascii_lowercase().as_str()) {
            command.push_str(&format!(" \\\n  -H {}", quoted(&format!("{}: {}", header.name, header.value))));
        }
    }
    if request.body.is_empty() {
        return command;
    }
    if request.body_is_base64 {
        return format!("printf %s {} | base64 -d | {command} \\\n  --data-binary @-", quoted(&request.body));
    }
    // `@` at the beginning would name a file.
    format!("{command} \\\n  --data-raw {}", quoted(&request.body))
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_holds_the_request_whatever_is_in_it() {
        let request = SentRequest {
            method: "POST".to_owned(),
            url: "https://a.example.com/?a=1&b=$HOME".to_owned(),
            headers: vec![
                Header { name: "content-length".to_owned(), value: "3".to_owned() },
                Header { name: "x-name".to_owned(), value: "it's `id`".to_owned() },
            ],
            body: r#"@{"it's": "$(id)"}"#.to_owned(),
            body_is_base64: false,
        };
        assert_eq!(
            curl(&request),
            concat!(
                "curl -X 'POST' 'https://a.example.com/?a=1&b=$HOME' \\\n",
                "  -H 'x-name: it'\\''s `id`' \\\n",
                "  --data-raw '@{\"it'\\''s\": \"$(id)\"}'"
            )
        );
    }
}
