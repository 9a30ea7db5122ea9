//! A browser without eyes: it keeps the cookie of its session, and sends forms as browsers do.

use std::fmt::Write as _;

use reqwest::header::{COOKIE, ORIGIN, SET_COOKIE};
use reqwest::redirect::Policy;

pub(crate) struct Visitor {
    client: reqwest::Client,
    base: String,
    cookies: String,
}

impl Visitor {
    /// At `page`, by a form that lets somebody in: of a link or of a login.
    pub(crate) async fn enter(base: &str, page: &str, field: &str, value: &str) -> Self {
        let client = reqwest::Client::builder().no_proxy().redirect(Policy::none()).build().unwrap();
        let mut visitor = Self { client, base: base.to_owned(), cookies: String::new() };
        let answer = visitor.send(page, &[(field, value)]).await;
        assert_eq!(answer.status(), 303, "{page}");
        let lines = answer.headers().get_all(SET_COOKIE).iter().map(|line| line.to_str().unwrap());
        let pairs: Vec<_> = lines.filter_map(|line| line.split(';').next()).collect();
        visitor.cookies = pairs.join("; ");
        visitor
    }

    pub(crate) async fn get(&self, page: &str) -> String {
        let request = self.client.get(format!("{}{page}", self.base)).header(COOKIE, &self.cookies);
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 200, "{page}");
        answer.text().await.unwrap()
    }

    pub(crate) async fn send(&self, action: &str, fields: &[(&str, &str)]) -> reqwest::Response {
        let pairs: Vec<_> = fields.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
        let request = self.client.post(format!("{}{action}", self.base)).header(COOKIE, &self.cookies);
        let request = request.header(ORIGIN, &self.base).header("sec-fetch-site", "same-origin");
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        request.body(pairs.join("&")).send().await.unwrap()
    }
}

fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut all, byte| {
        match byte.is_ascii_alphanumeric() {
            true => all.push(char::from(byte)),
            false => drop(write!(all, "%{byte:02X}")),
        }
        all
    })
}
