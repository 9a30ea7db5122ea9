//! What the doctor says.

use maud::{Markup, html};
use serde::Deserialize;

use super::frame::DOCTOR;
use crate::components::badge::{Tone, badge};
use crate::components::listing::{self, Column};
use crate::components::{facts, heading};
use crate::failure::Failure;
use crate::page::{Answer, Page};
use crate::visit::OperatorVisit;

#[derive(Debug, Deserialize)]
pub(crate) struct Diagnosis {
    pub(crate) status: String,
    version: String,
    pub(crate) checks: Vec<Check>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Check {
    pub(crate) name: String,
    pub(crate) status: String,
    pub(crate) detail: String,
    pub(crate) fix: Option<String>,
}

pub(crate) fn tone(status: &str) -> Tone {
    match status {
        "ok" => Tone::Good,
        "warning" => Tone::Warning,
        _ => Tone::Bad,
    }
}

impl Diagnosis {
    pub(crate) fn tone(&self) -> Tone {
        tone(&self.status)
    }
}

/// What needs somebody comes first.
pub(crate) fn table(diagnosis: &Diagnosis) -> Markup {
    let mut checks: Vec<_> = diagnosis.checks.iter().collect();
    checks.sort_by_key(|check| match check.status.as_str() {
        "ok" => 2,
        "warning" => 1,
        _ => 0,
    });
    let columns = ["Checked", "Status", "Found", "What to do"].map(Column::text);
    listing::table(
        "Checks",
        &columns,
        &html! {
            @for check in checks {
                tr {
                    td { code { (check.name) } }
                    td { (badge(tone(&check.status), &check.status)) }
                    td { (check.detail) }
                    td { (check.fix.as_deref().unwrap_or("–")) }
                }
            }
        },
    )
}

pub(crate) async fn examine(visit: &OperatorVisit) -> Result<Diagnosis, Failure> {
    Ok(visit.api().get(&["v1", "doctor"], &[]).await?)
}

pub(crate) async fn page(visit: OperatorVisit) -> Answer {
    let diagnosis = examine(&visit).await?;
    let main = html! {
        (heading("Doctor", &html! { (badge(diagnosis.tone(), &diagnosis.status)) }))
        p.help { "Looked at from inside the deployment, just now. " code { "hookline doctor" } " says the same." }
        (facts(&[("Version", html! { (diagnosis.version) })]))
        (table(&diagnosis))
    };
    Ok(Page::new(DOCTOR, "Doctor", main))
}
