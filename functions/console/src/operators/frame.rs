//! The frame around the pages of the console.

use maud::html;

use crate::components::field::{self, Field};
use crate::components::menu::Entry;
use crate::page::Shell;
use crate::reader::{Language, Reader};

pub(crate) const OVERVIEW: &str = "overview";
pub(crate) const FAILING: &str = "failing";
pub(crate) const TENANTS: &str = "tenants";
pub(crate) const EVENTS: &str = "events";
pub(crate) const DELIVERIES: &str = "deliveries";
pub(crate) const PROFILES: &str = "profiles";
pub(crate) const EVENT_TYPES: &str = "event-types";
pub(crate) const DEAD_LETTERS: &str = "dead-letters";
pub(crate) const DOCTOR: &str = "doctor";
pub(crate) const KEYS: &str = "keys";
pub(crate) const AUDIT: &str = "audit";

const SECTIONS: [(&str, &str); 11] = [
    (OVERVIEW, "Overview"),
    (FAILING, "Failing hooks"),
    (TENANTS, "Tenants"),
    (EVENTS, "Events"),
    (DELIVERIES, "Deliveries"),
    (PROFILES, "Profiles"),
    (EVENT_TYPES, "Event types"),
    (DEAD_LETTERS, "Dead letters"),
    (DOCTOR, "Doctor"),
    (KEYS, "Keys"),
    (AUDIT, "Audit"),
];

pub(crate) fn shell<'a>(form_token: &str, reader: &Reader, title: &'a str, section: &str) -> Shell<'a> {
    let themes = [("auto", "As the system"), ("light", "Light"), ("dark", "Dark")];
    Shell {
        name: "Hookline",
        home: "/console",
        theme: reader.theme,
        navigation: SECTIONS
            .into_iter()
            .map(|(name, label)| Entry::new(label, format!("/console/{name}"), name == section))
            .collect(),
        aside: html! {
            details.menu {
                summary { "Preferences" }
                div.card {
                    form method="post" action="/console/preferences" {
                        input type="hidden" name="back" value=(reader.address);
                        (Field::new("theme", "Appearance").select(&themes, reader.theme.unwrap_or("auto")))
                        button.button { "Apply" }
                    }
                    (field::button("/console/logout", form_token, "", "Log out"))
                }
            }
        },
        ..Shell::bare(Language::English, title)
    }
}
