//! A browser without eyes: keeps cookies, sends what browsers send, and fills in forms.

use std::collections::BTreeMap;
use std::sync::Mutex;

use axum::body::Body;
use axum::http::{Request, header};
use serde_json::{Value, json};
use url::form_urlencoded;

use crate::world::{Reply, World};

/// Where the pages of a [`World`] are.
pub const ORIGIN: &str = "https://hooks.example.com";
const HOST: &str = "hooks.example.com";
/// The field of every form that a session sends.
const TOKEN: &str = "form_token";

pub struct Browser<'a> {
    world: &'a World,
    cookies: Mutex<BTreeMap<String, String>>,
    /// Of the last page that had one.
    form_token: Mutex<Option<String>>,
    pub language: &'static str,
}

impl<'a> Browser<'a> {
    pub fn new(world: &'a World) -> Self {
        Self { world, cookies: Mutex::default(), form_token: Mutex::default(), language: "en" }
    }

    /// A customer of `tenant` who opened a link made as `asked`.
    pub async fn in_portal(world: &'a World, tenant: &str, asked: Value) -> Self {
        let browser = Self::new(world);
        let link = world.post(&format!("/v1/tenants/{tenant}/portal-links"), asked).await.expect(201).json();
        browser.post("/portal/enter", &[("code", link["code"].as_str().expect("a code"))]).await.expect(303);
        browser
    }

    /// A customer who may do everything.
    pub async fn in_portal_with_all(world: &'a World, tenant: &str) -> Self {
        let all = ["view", "manage", "reveal_secret", "rotate", "test", "send_again", "approve"];
        Self::in_portal(world, tenant, json!({ "capabilities": all, "user": "Jane" })).await
    }

    /// An operator who typed `key`.
    pub async fn in_console(world: &'a World, key: &str) -> Self {
        let browser = Self::new(world);
        browser.post("/console/login", &[("key", key)]).await.expect(303);
        browser
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.ask(self.request("GET", path).body(Body::empty()).expect("a request")).await
    }

    /// The bytes of a page as they go over the network.
    pub async fn size(&self, path: &str) -> usize {
        let request = self.request("GET", path).header(header::ACCEPT_ENCODING, "gzip");
        let reply = self.world.send(request.body(Body::empty()).expect("a request")).await.expect(200);
        assert_eq!(reply.headers[header::CONTENT_ENCODING], "gzip", "{path}");
        reply.body.len()
    }

    /// Follows redirects, as long as they stay here.
    pub async fn open(&self, path: &str) -> Reply {
        let mut reply = self.get(path).await;
        for _ in 0..5 {
            let Some(next) = reply.headers.get(header::LOCATION) else { break };
            let next = next.to_str().expect("a location").to_owned();
            reply = self.get(&next).await;
        }
        reply
    }

    /// Sends a form with the token of the page that was shown last.
    pub async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Reply {
        let token = self.form_token.lock().expect("not poisoned").clone();
        let token = token.as_deref().map(|token| (TOKEN, token));
        self.post_exactly(path, &token.into_iter().chain(fields.iter().copied()).collect::<Vec<_>>()).await
    }

    /// Sends what is given and no token.
    pub async fn post_exactly(&self, path: &str, fields: &[(&str, &str)]) -> Reply {
        self.send_from(Some("same-origin"), path, fields).await
    }

    /// Sends a form from a page of another site, or of who knows where.
    pub async fn send_from(&self, site: Option<&str>, path: &str, fields: &[(&str, &str)]) -> Reply {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let mut request = self.request("POST", path).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        if let Some(site) = site {
            let origin = if site == "same-origin" { ORIGIN } else { "https://evil.example.com" };
            request = request.header("sec-fetch-site", site).header(header::ORIGIN, origin);
        }
        self.ask(request.body(Body::from(body)).expect("a request")).await
    }

    pub fn cookie(&self, name: &str) -> Option<String> {
        self.cookies.lock().expect("not poisoned").get(name).cloned()
    }

    pub fn set_cookie(&self, name: &str, value: &str) {
        self.cookies.lock().expect("not poisoned").insert(name.to_owned(), value.to_owned());
    }

    fn request(&self, method: &str, path: &str) -> axum::http::request::Builder {
        let cookies = self.cookies.lock().expect("not poisoned");
        let line: Vec<_> = cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, HOST)
            .header(header::ACCEPT, "text/html,application/xhtml+xml,*/*;q=0.8")
            .header(header::ACCEPT_LANGUAGE, self.language)
            .header(header::COOKIE, line.join("; "))
    }

    async fn ask(&self, request: Request<Body>) -> Reply {
        let reply = self.world.send(request).await;
        let mut cookies = self.cookies.lock().expect("not poisoned");
        for line in reply.headers.get_all(header::SET_COOKIE) {
            let line = line.to_str().expect("a cookie");
            let (pair, attributes) = line.split_once(';').unwrap_or((line, ""));
            let (name, value) = pair.split_once('=').expect("a cookie has a value");
            assert!(!name.starts_with("__Host-") || attributes.contains("; Secure"), "{line}");
            match attributes.contains("Max-Age=0") {
                true => cookies.remove(name),
                false => cookies.insert(name.to_owned(), value.to_owned()),
            };
        }
        if let Some(token) = form_token(&reply.text()) {
            *self.form_token.lock().expect("not poisoned") = Some(token);
        }
        reply
    }
}

/// The token in the forms of a page.
pub fn form_token(page: &str) -> Option<String> {
    let (_, rest) = page.split_once(&format!("name=\"{TOKEN}\" value=\""))?;
    Some(rest.split_once('"')?.0.to_owned())
}

/// Where the first form of a page leads back to.
pub fn back(page: &str) -> Option<String> {
    let (_, rest) = page.split_once("name=\"back\" value=\"")?;
    Some(rest.split_once('"')?.0.replace("&amp;", "&"))
}
