//! What was sent, and what was answered.

use maud::{Markup, html};

use super::badge::{Tone, badge};
use super::code;
use crate::api::{Header, ReceivedResponse, SentRequest};
use crate::texts::Texts;

pub(crate) fn request(request: &SentRequest, t: &Texts) -> Markup {
    html! {
        h3 { (t.request) }
        p.url { code { (request.method) " " (request.url) } }
        (headers(&request.headers, t))
        (body(Some(&request.body), request.body_is_base64, t))
        details { summary { (t.as_curl) } (code::block(t.as_curl, &curl(request), t.copy)) }
    }
}

pub(crate) fn response(response: &ReceivedResponse, t: &Texts) -> Markup {
    html! {
        h3 { (t.response) " " (badge(Tone::of_code(response.status_code), &response.status_code.to_string())) }
        (headers(&response.headers, t))
        (body(response.body.as_deref(), response.body_is_base64, t))
    }
}

fn headers(headers: &[Header], t: &Texts) -> Markup {
    let text: Vec<_> = headers.iter().map(|header| format!("{}: {}", header.name, header.value)).collect();
    html! {
        @if !text.is_empty() { details { summary { (t.headers) " (" (text.len()) ")" } (code::block(t.headers, &text.join("\n"), t.copy)) } }
    }
}

fn body(body: Option<&str>, is_base64: bool, t: &Texts) -> Markup {
    html! {
        @match body.filter(|body| !body.is_empty()) {
            Some(body) if is_base64 => (code::block(&format!("{} (Base64)", t.body), body, t.copy)),
            Some(body) => (code::block(t.body, &code::laid_out(body), t.copy)),
            None => p.help { (t.no_body) },
        }
    }
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
