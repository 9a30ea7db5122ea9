//! Chromium, as far as these tests steer it, by the W3C's WebDriver protocol. The crates that
//! speak it bring a licence or a feature of `serde_json` that this workspace does not take.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::binary::PATIENCE;

/// By this name the protocol wraps an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";
const POLL: Duration = Duration::from_millis(20);
pub(crate) const WIDE: (u32, u32) = (1280, 900);
pub(crate) const PHONE: (u32, u32) = (390, 844);

pub(crate) struct Chromium {
    session: String,
    client: reqwest::Client,
    _driver: Child,
    _profile: TempDir,
}

/// A running one, or nothing where this machine has none; there, `REQUIRE_BROWSER_TESTS=1` fails.
#[expect(clippy::disallowed_methods, reason = "this switch is for whoever runs the tests")]
pub(crate) async fn chromium() -> Option<Chromium> {
    match Chromium::start().await {
        Ok(chromium) => Some(chromium),
        Err(error) if std::env::var("REQUIRE_BROWSER_TESTS").is_ok_and(|value| value == "1") => {
            panic!(
                "REQUIRE_BROWSER_TESTS=1, but Chromium (packages chromium and chromium-driver) is not usable: {error:#}"
            )
        }
        Err(error) => {
            println!("skipped: Chromium is not usable: {error:#}");
            None
        }
    }
}

impl Chromium {
    async fn start() -> anyhow::Result<Self> {
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .context("starting chromedriver")?;
        let mut lines = BufReader::new(driver.stdout.take().context("its output")?).lines();
        let port: u16 = loop {
            let Some(line) = lines.next_line().await? else { bail!("chromedriver did not start") };
            if let Some((_, port)) = line.rsplit_once("successfully on port ") {
                break port.trim_end_matches('.').parse()?;
            }
        };
        // Whoever stops reading stops the driver.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        let profile = tempfile::tempdir()?;
        let data = format!("--user-data-dir={}", profile.path().display());
        let asked = json!({ "capabilities": { "alwaysMatch": {
            "browserName": "chrome",
            "timeouts": { "implicit": PATIENCE.as_millis() as u64 / 4 },
            "goog:loggingPrefs": { "browser": "ALL" },
            "goog:chromeOptions": { "args": [
                "--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--hide-scrollbars",
                "--force-color-profile=srgb", "--lang=en", data,
            ] },
        } } });
        let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build()?;
        let root = format!("http://127.0.0.1:{port}/session");
        let answer: Value = client.post(&root).json(&asked).send().await?.json().await?;
        let Some(id) = answer["value"]["sessionId"].as_str() else { bail!("no session: {answer}") };
        let chromium = Self { session: format!("{root}/{id}"), client, _driver: driver, _profile: profile };
        chromium.resize(WIDE).await;
        Ok(chromium)
    }

    async fn try_call(&self, method: Method, path: &str, body: Option<Value>) -> Result<Value, String> {
        // The session itself has no slash behind it.
        let slash = if path.is_empty() { "" } else { "/" };
        let mut request = self.client.request(method, format!("{}{slash}{path}", self.session));
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.unwrap();
        let is_fine = response.status().is_success();
        let mut answer: Value = response.json().await.unwrap();
        if is_fine { Ok(answer["value"].take()) } else { Err(format!("{path}: {}", answer["value"]["message"])) }
    }

    async fn call(&self, path: &str, body: Value) -> Value {
        match self.try_call(Method::POST, path, Some(body)).await {
            Ok(value) => value,
            Err(error) => panic!("{error}\nat {}:\n{}", self.address().await, self.text().await),
        }
    }

    pub(crate) async fn open(&self, address: &str) {
        self.call("url", json!({ "url": address })).await;
    }

    pub(crate) async fn address(&self) -> String {
        let value = self.try_call(Method::GET, "url", None).await.unwrap_or_default();
        value.as_str().unwrap_or_default().to_owned()
    }

    /// What the page says, as far as it is shown.
    pub(crate) async fn text(&self) -> String {
        let body = json!({ "script": "return document.body.innerText", "args": [] });
        let value = self.try_call(Method::POST, "execute/sync", Some(body)).await.unwrap_or_default();
        value.as_str().unwrap_or_default().to_owned()
    }

    pub(crate) async fn until_it_says(&self, text: &str) {
        let says = tokio::time::timeout(PATIENCE / 4, async {
            while !self.text().await.contains(text) {
                tokio::time::sleep(POLL).await;
            }
        });
        if says.await.is_err() {
            panic!("waited in vain until the page says {text:?}, at {}:\n{}", self.address().await, self.text().await);
        }
    }

    pub(crate) async fn until_it_is_at(&self, part: &str) {
        let is_there = tokio::time::timeout(PATIENCE / 4, async {
            while !self.address().await.contains(part) {
                tokio::time::sleep(POLL).await;
            }
        });
        if is_there.await.is_err() {
            panic!("waited in vain for {part:?} in the address {}", self.address().await);
        }
    }

    pub(crate) async fn run(&self, script: &str, args: Value) -> Value {
        self.call("execute/sync", json!({ "script": script, "args": args })).await
    }

    /// `script` calls its last argument once it has come to an end.
    pub(crate) async fn run_async(&self, script: &str) -> Value {
        self.call("execute/async", json!({ "script": script, "args": [] })).await
    }

    async fn find(&self, using: &str, value: &str) -> String {
        let found = self.call("element", json!({ "using": using, "value": value })).await;
        found[ELEMENT].as_str().unwrap().to_owned()
    }

    pub(crate) async fn click(&self, css: &str) {
        self.click_on("css selector", css).await;
    }

    /// A link, a button or the like, by all that is written on it.
    pub(crate) async fn press(&self, label: &str) {
        let quoted = format!("concat('', '{}')", label.replace('\'', "', \"'\", '"));
        let path = format!("//*[self::a or self::button or self::summary][normalize-space()={quoted}]");
        self.click_on("xpath", &path).await;
    }

    /// What a page is keeping up to date may be replaced between looking and clicking.
    async fn click_on(&self, using: &str, value: &str) {
        for _ in 0..3 {
            let element = self.find(using, value).await;
            let clicked = self.try_call(Method::POST, &format!("element/{element}/click"), Some(json!({}))).await;
            match clicked {
                Err(error) if error.contains("stale") || error.contains("does not belong to the document") => {}
                Err(error) => panic!("{value}: {error}\nat {}:\n{}", self.address().await, self.text().await),
                Ok(_) => return,
            }
        }
        panic!("{value} is replaced again and again, at {}", self.address().await);
    }

    /// Types into a field, in place of what was there.
    pub(crate) async fn fill(&self, css: &str, text: &str) {
        let element = self.find("css selector", css).await;
        self.call(&format!("element/{element}/clear"), json!({})).await;
        self.call(&format!("element/{element}/value"), json!({ "text": text })).await;
    }

    pub(crate) async fn choose(&self, select: &str, value: &str) {
        self.click(&format!("{select} option[value='{value}']")).await;
    }

    /// Into whatever has the focus.
    pub(crate) async fn keys(&self, text: &str) {
        let actions: Vec<_> = text
            .chars()
            .flat_map(|key| [json!({ "type": "keyDown", "value": key }), json!({ "type": "keyUp", "value": key })])
            .collect();
        self.call("actions", json!({ "actions": [{ "type": "key", "id": "keys", "actions": actions }] })).await;
    }

    async fn devtools(&self, command: &str, parameters: Value) -> Value {
        self.call("goog/cdp/execute", json!({ "cmd": command, "params": parameters })).await
    }

    pub(crate) async fn resize(&self, (width, height): (u32, u32)) {
        let is_phone = width < 600;
        let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": is_phone });
        self.devtools("Emulation.setDeviceMetricsOverride", metrics).await;
    }

    pub(crate) async fn prefer(&self, scheme: &str) {
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        self.devtools("Emulation.setEmulatedMedia", json!({ "features": features })).await;
    }

    pub(crate) async fn allow_scripts(&self, allowed: bool) {
        self.devtools("Emulation.setScriptExecutionDisabled", json!({ "value": !allowed })).await;
    }

    /// The whole page, as far as it can be scrolled.
    pub(crate) async fn screenshot(&self, name: &str) {
        let taken = self.devtools("Page.captureScreenshot", json!({ "captureBeyondViewport": true })).await;
        let picture = STANDARD.decode(taken["data"].as_str().unwrap()).unwrap();
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("../screenshots");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(format!("{name}.png")), picture).unwrap();
    }

    /// What the browser complained of, such as what the policy refused.
    pub(crate) async fn complaints(&self) -> Vec<String> {
        let lines = self.call("se/log", json!({ "type": "browser" })).await;
        let severe = lines.as_array().unwrap().iter().filter(|line| line["level"] == "SEVERE");
        let messages = severe.map(|line| line["message"].as_str().unwrap().to_owned());
        // Forms with mistakes are answered with 422, which is no mistake of ours.
        messages.filter(|message| !message.contains("the server responded with a status of 4")).collect()
    }

    /// Ends browser and driver; a test that fails leaves that to `kill_on_drop`.
    pub(crate) async fn quit(self) {
        let _ = self.try_call(Method::DELETE, "", None).await;
    }
}
