//! axe-core, fetched once into `target/`, and what it finds in a page.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::json;

use crate::chromium::{Chromium, PHONE, WIDE};

const PACKAGE: &str = include_str!("axe/package.json");
const LOCK: &str = include_str!("axe/package-lock.json");

/// Its source; a lock keeps tests that start together from fetching it twice.
fn source() -> anyhow::Result<String> {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("axe");
    fs::create_dir_all(&folder)?;
    let lock = File::create(folder.join("lock"))?;
    lock.lock()?;
    let file = folder.join("node_modules/axe-core/axe.min.js");
    if !file.exists() || fs::read_to_string(folder.join("package-lock.json")).is_ok_and(|lock| lock != LOCK) {
        fs::write(folder.join("package.json"), PACKAGE)?;
        fs::write(folder.join("package-lock.json"), LOCK)?;
        let mut npm = Command::new("npm");
        npm.args(["ci", "--no-audit", "--no-fund", "--ignore-scripts"]).current_dir(&folder).stdin(Stdio::null());
        anyhow::ensure!(npm.output()?.status.success(), "npm could not fetch axe-core");
    }
    Ok(fs::read_to_string(file)?)
}

pub(crate) struct Axe(String);

impl Axe {
    pub(crate) fn new() -> Self {
        Self(source().unwrap())
    }

    /// Light, dark and on a phone: nothing to complain of, and a picture of each.
    pub(crate) async fn look_over(&self, chromium: &Chromium, name: &str) {
        for (look, scheme, size) in [("light", "light", WIDE), ("dark", "dark", WIDE), ("phone", "light", PHONE)] {
            chromium.prefer(scheme).await;
            chromium.resize(size).await;
            self.check(chromium, &format!("{name}, {look}")).await;
            chromium.screenshot(&format!("{name}-{look}")).await;
        }
        chromium.resize(WIDE).await;
        chromium.prefer("light").await;
    }

    async fn check(&self, chromium: &Chromium, what: &str) {
        chromium.run(&self.0, json!([])).await;
        let found = chromium.run_async(
            "const done = arguments[arguments.length - 1];
             axe.run(document, { resultTypes: ['violations'] }).then(
               (result) => done(result.violations.map((one) => one.id + ': ' + one.nodes.map((node) => node.html + ' ' + node.failureSummary).join('\\n'))),
               (error) => done([String(error)]));",
        );
        let found = found.await;
        assert_eq!(found, json!([]), "axe-core on {what}, at {}: {found:#}", chromium.address().await);
        let wide = "return [...document.querySelectorAll('body *')]
            .filter((one) => one.checkVisibility({ contentVisibilityAuto: true }) && !one.closest('.scroll, pre, .tree, .hidden, .skip') && one.getBoundingClientRect().right > innerWidth + 1)
            .map((one) => one.outerHTML.slice(0, 200))";
        let wide = chromium.run(wide, json!([])).await;
        assert_eq!(wide, json!([]), "{what}: wider than the window: {wide:#}");
    }
}
