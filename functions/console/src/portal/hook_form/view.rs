//! The form as it is shown: each mistake at its field, and all that was typed.

use std::collections::BTreeMap;

use maud::{Markup, html};
use serde_json::Value;

use super::HookForm;
use super::model::{AUTH_FIELDS, HeaderRow, PARAMETERS, SECRET_AUTH_FIELDS};
use super::payload::{JSON_FORMS, KINDS, MappingRow};
use crate::api::EventType;
use crate::components::badge::Tone;
use crate::components::field::{Field, Mistakes};
use crate::components::notice;
use crate::texts::{Texts, fill};

const METHODS: [(&str, &str); 4] = [("POST", "POST"), ("PUT", "PUT"), ("PATCH", "PATCH"), ("GET", "GET")];
const CONTENT_TYPES: [(&str, &str); 2] = [("json", "application/json"), ("form", "application/x-www-form-urlencoded")];
/// Whose mistakes stand at a field; all others at the head.
const FIELDS: [&str; 15] = [
    "name",
    "url",
    "description",
    "method",
    "content_type",
    "events",
    "event",
    "channels",
    "auth",
    "headers",
    "rate_limit",
    "filter",
    "log_response_body",
    "payload",
    "secret",
];

/// Those that stand in the two parts that can be closed.
const OF_REQUEST: [&str; 4] = ["method", "content_type", "auth", "headers"];
const ADVANCED: [&str; 5] = ["channels", "rate_limit", "filter", "log_response_body", "payload"];

/// All but the frame around it. `now` is what there is, where somebody else has changed it.
pub(crate) fn view(
    form: &HookForm,
    types: &[EventType],
    mistakes: &Mistakes,
    now: Option<&HookForm>,
    is_new: bool,
    t: &Texts,
) -> Markup {
    let text = |name: &'static str, label: &'static str| Field::new(name, label).mistakes(mistakes);
    let differs = |mine: &str, there: fn(&HookForm) -> &str| {
        let there = now.map(there).filter(|there| *there != mine);
        html! { @if let Some(there) = there { p.warning { (fill(t.form_now, &[("value", there)])) } } }
    };
    let is_wrong = |fields: &[&str]| fields.iter().any(|field| mistakes.at(field).is_some());
    let has_request = form.auth_type != "none" || !form.headers.is_empty() || is_wrong(&OF_REQUEST);
    let has_advanced = !form.filter.is_empty() || form.payload.kind != KINDS[0] || is_wrong(&ADVANCED);
    html! {
        @if !mistakes.is_empty() {
            (notice::notice(Tone::Bad, &html! {
                p role="alert" { (t.form_mistakes) }
                @for error in mistakes.besides(&FIELDS) { p lang="en" { @if !error.field.is_empty() { code { (error.field) } ": " } (error.message) } }
            }))
        }
        (text("name", t.form_name).help(t.form_name_help).input("text", &form.name))
        (differs(&form.name, |form| &form.name))
        (text("url", t.form_url).help(t.form_url_help).required().input("url", &form.url))
        (differs(&form.url, |form| &form.url))
        (events(form, types, mistakes, t))
        @if let Some(now) = now.filter(|now| now.events != form.events) { p.warning { (fill(t.form_now, &[("value", &now.events.join(", "))])) } }
        (text("description", t.description).area(&form.description, 2))
        @if is_new { (text("secret", t.form_secret).help(t.form_secret_help).input("text", &form.secret)) }
        details open[has_request] {
            summary { (t.form_request) ", " (t.form_auth) ", " (t.headers) }
            (text("method", t.form_method).select(&METHODS, &form.method))
            (text("content_type", t.form_content_type).select(&CONTENT_TYPES, &form.content_type))
            (auth(form, mistakes, t))
            (headers(form, mistakes, t))
        }
        details open[has_advanced] {
            summary { (t.form_advanced) }
            (text("channels", t.channels).help(t.form_channels_help).input("text", &form.channels))
            (text("rate_limit", t.form_rate).help(t.form_rate_help).input("text", &form.rate_limit))
            (text("filter", t.form_filter).help(t.form_filter_help).area(&form.filter, 4))
            (differs(&form.filter, |form| &form.filter))
            (text("log_response_body", t.form_log_body).checkbox(form.log_response_body))
            (payload(form, mistakes, t))
        }
    }
}

/// Groups by what stands before the first dot; a group can be taken as a whole.
fn events(form: &HookForm, types: &[EventType], mistakes: &Mistakes, t: &Texts) -> Markup {
    let mut groups: BTreeMap<&str, Vec<&EventType>> = BTreeMap::new();
    for kind in types.iter().filter(|kind| !kind.archived) {
        groups.entry(kind.name.split_once('.').map_or("", |(group, _)| group)).or_default().push(kind);
    }
    let offered = |pattern: &str| {
        pattern == "*"
            || types.iter().any(|kind| kind.name == pattern && !kind.archived)
            || pattern.strip_suffix(".*").is_some_and(|group| groups.contains_key(group))
    };
    let others: Vec<_> = form.events.iter().filter(|pattern| !offered(pattern)).map(String::as_str).collect();
    let is_chosen = |pattern: &str| form.events.iter().any(|one| one == pattern);
    let choice = |pattern: &str, label: &str, help: &str| {
        html! {
            label.choice data-search={ (pattern) " " (help) } {
                input type="checkbox" name="events" value=(pattern) checked[is_chosen(pattern)];
                span { code { (label) } @if !help.is_empty() { " " span.help { (help) } } }
            }
        }
    };
    let mistake = mistakes.at("events");
    html! {
        fieldset class=[mistake.map(|_| "wrong")] {
            legend { (t.events) }
            p.help { (t.form_events_help) }
            @if let Some(mistake) = mistake { p.mistake lang="en" { (mistake) } }
            @if types.len() > 8 {
                div.field hidden data-needs-script { input type="search" data-filter-choices aria-label=(t.form_search_events) placeholder=(t.form_search_events); }
            }
            (choice("*", t.form_all_events, ""))
            div.tree {
                @for (group, kinds) in &groups {
                    @if group.is_empty() { @for kind in kinds { (choice(&kind.name, &kind.name, &kind.description)) } }
                    @else {
                        @let whole = format!("{group}.*");
                        details open[groups.len() < 4 || is_chosen(&whole) || kinds.iter().any(|kind| is_chosen(&kind.name))] {
                            summary { code { (group) } " (" (kinds.len()) ")" }
                            (choice(&whole, &fill(t.form_whole_group, &[("group", group)]), ""))
                            @for kind in kinds { (choice(&kind.name, &kind.name, &kind.description)) }
                        }
                    }
                }
            }
            (Field::new("patterns", t.form_other_patterns).help(t.form_other_patterns_help).area(&others.join("\n"), 2))
        }
    }
}

fn auth(form: &HookForm, mistakes: &Mistakes, t: &Texts) -> Markup {
    let kinds = [
        ("none", t.form_auth_none),
        ("basic", t.form_auth_basic),
        ("bearer", t.form_auth_bearer),
        ("api_key", t.form_auth_api_key),
        ("oauth2", t.form_auth_oauth2),
    ];
    let label = |name: &str| match name {
        "username" => t.form_auth_username,
        "password" => t.form_auth_password,
        "token" => t.form_auth_token,
        "header" => t.form_auth_header,
        "value" => t.form_auth_value,
        "token_url" => t.form_auth_token_url,
        "client_id" => t.form_auth_client_id,
        "client_secret" => t.form_auth_client_secret,
        _ => t.form_auth_scope,
    };
    let at_fields: Vec<_> =
        AUTH_FIELDS.iter().flat_map(|(_, names)| *names).map(|name| format!("auth.{name}")).collect();
    let general = mistakes.within("auth").find(|error| !at_fields.contains(&error.field));
    let general = general.map(|error| error.message.as_str());
    html! {
        (Field { mistake: general, ..Field::new("auth.type", t.form_auth) }.select(&kinds, &form.auth_type))
        // A script shows the part that was chosen; without one all can be opened.
        @for ((kind, names), (_, title)) in AUTH_FIELDS.into_iter().zip(kinds).skip(1) {
            details.auth data-shown-for="auth.type" data-shown-at=(kind) open[kind == form.auth_type] {
                summary { (title) }
                @for name in names {
                    @let full = format!("auth.{name}");
                    @let value = form.auth.get(*name).and_then(Value::as_str).unwrap_or_default();
                    @let field = Field::new(&full, label(name)).mistakes(mistakes);
                    @if SECRET_AUTH_FIELDS.contains(name) { (field.help(t.form_keeps_blank).input("password", value)) }
                    @else { (field.input("text", value)) }
                }
                @if let (true, Some(parameters)) = (kind == "oauth2", form.auth.get(PARAMETERS)) {
                    input type="hidden" name={ "auth." (PARAMETERS) } value=(parameters);
                }
            }
        }
    }
}

fn headers(form: &HookForm, mistakes: &Mistakes, t: &Texts) -> Markup {
    let row = |index: usize, row: &HeaderRow| {
        let at = |part: &str| format!("headers[{index}].{part}");
        let number = fill(t.form_header_name, &[("n", &(index + 1).to_string())]);
        let general = mistakes.at(&format!("headers[{index}]"));
        html! {
            div.row {
                (Field { mistake: general, ..Field::new(&at("name"), &number) }.input("text", &row.name))
                @if !row.template.is_empty() { (Field::new(&at("template"), t.form_mapping_template).area(&row.template, 1)) }
                @else if !row.from.is_empty() { (Field::new(&at("from"), t.form_header_value).input("text", &row.from)) }
                @else {
                    @let value = at("value");
                    @let field = Field::new(&value, t.form_header_value);
                    @if row.secret { (field.help(t.form_keeps_blank).input("password", &row.value)) } @else { (field.input("text", &row.value)) }
                    (Field::new(&at("secret"), t.form_header_secret).checkbox(row.secret))
                }
                @if !row.encoding.is_empty() { input type="hidden" name=(at("encoding")) value=(row.encoding); }
            }
        }
    };
    let of_all = mistakes.exactly("headers");
    html! {
        fieldset class=[of_all.map(|_| "wrong")] {
            legend { (t.headers) }
            p.help { (t.form_headers_help) }
            @if let Some(mistake) = of_all { p.mistake lang="en" { (mistake) } }
            @for (index, header) in form.shown_headers().enumerate() { (row(index, &header)) }
        }
    }
}

fn payload(form: &HookForm, mistakes: &Mistakes, t: &Texts) -> Markup {
    let row = |index: usize, row: &MappingRow| {
        let at = |part: &str| format!("payload.mappings[{index}].{part}");
        let number = fill(t.form_mapping_field, &[("n", &(index + 1).to_string())]);
        let general = mistakes.at(&format!("payload.mappings[{index}]"));
        html! {
            div.row {
                (Field { mistake: general, ..Field::new(&at("field"), &number) }.input("text", &row.field))
                (Field::new(&at("from"), t.form_mapping_from).input("text", &row.from))
                (Field::new(&at("value"), t.form_mapping_value).input("text", &row.value))
                (Field::new(&at("template"), t.form_mapping_template).area(&row.template, 1))
                @if !row.default.is_empty() { input type="hidden" name=(at("default")) value=(row.default); }
            }
        }
    };
    let kinds = [t.form_payload_usual, t.form_payload_fields, t.form_payload_raw, t.form_payload_json];
    let kinds: Vec<_> = KINDS.into_iter().zip(kinds).collect();
    let json_forms: Vec<_> = JSON_FORMS.into_iter().zip([t.form_json_as_published, t.form_json_ecmascript]).collect();
    let (kind, rows) = (form.payload.kind.as_str(), "payload.mappings");
    let is_of_rows = |field: &str| mistakes.within(rows).any(|error| error.field == field);
    let general = mistakes.within("payload").find(|error| kind != "json" && !is_of_rows(&error.field));
    let general = general.map(|error| error.message.as_str());
    let of_rows = mistakes.exactly(rows).filter(|_| kind != "json");
    html! {
        fieldset {
            legend { (t.form_custom_payload) }
            (Field { mistake: general, ..Field::new("payload_kind", t.form_payload) }.help(t.form_custom_payload_help).select(&kinds, kind))
            details.auth data-shown-for="payload_kind" data-shown-at="fields" open[kind == "fields" || mistakes.at(rows).is_some()] {
                summary { (t.form_payload_fields) }
                p.help { (t.form_mapping_help) }
                @if let Some(mistake) = of_rows { p.mistake lang="en" { (mistake) } }
                @for (index, mapping) in form.shown_mappings().enumerate() { (row(index, &mapping)) }
            }
            details.auth data-shown-for="payload_kind" data-shown-at="json" open[kind == "json"] {
                summary { (t.form_payload_json) }
                (Field::new("payload_text", "JSON").help(t.form_payload_json_help).area(&form.payload.text, 12))
                @if kind == "json" { @for error in mistakes.within("payload") { p.mistake lang="en" { code { (error.field) } ": " (error.message) } } }
            }
            (Field::new("payload.json", t.form_json).help(t.form_json_help).select(&json_forms, &form.payload.json_form))
        }
    }
}
