//! What a hook is told to do: filters, payloads and all other settings.

use domain::address::AddressPolicy;
use domain::filter::{Filter, MAX_BYTES};
use domain::invalid::FieldError;
use domain::payload::{Payload, Source};
use domain::profile::Profile;
use domain::settings::Settings;
use domain::strict;
use domain::time::Timestamp;
use serde_json::value::RawValue;

use crate::{corpus, fuzz};

const FILTERS: [&str; 5] = [
    r#"{"platform":["linkedin",{"prefix":"face"}],"score":[{"numeric":[">",5,"<=",1e3]}]}"#,
    r#"{"a":{"b":[{"exists":false}],"c":[{"anything-but":["x",null]}]},"d":[{"cidr":"10.0.0.0/8"}]}"#,
    r#"{"$or":[{"a":[1]},{"b":[{"wildcard":"a*b*c"}]}],"e":[{"equals-ignore-case":"É"},{"suffix":".png"}]}"#,
    r#"{"a":[{"anything-but":{"prefix":"x"}}],"b":[true,false,null,"",-0.0,300]}"#,
    "{}",
];
const DATA: [&str; 5] = [
    r#"{"platform":"facebook","score":5.5,"a":{"b":1,"c":["y","x"]},"d":"10.1.2.3"}"#,
    r#"{"a":[{"b":[1,2,{"c":"aXbYc"}]},{"b":"abc"}],"e":"é.PNG","b":[true,null,"",0]}"#,
    r#"{"a":{"a":{"a":{"a":{"a":{"a":[[[[1]]]]}}}}},"score":300000000000000000000000.1}"#,
    "[1,2]",
    r#""text""#,
];
const PAYLOADS: [&str; 6] = [
    r#"{"mappings":[{"field":"email","from":"data.contact.email"},{"field":"source","value":"webhook"}]}"#,
    r#"{"mappings":[{"field":"a.items[0][\"x.y\"]","from":"data.a[0].b","default":null},{"field":"t","from":"event.timestamp_unix"}]}"#,
    r#"{"raw":true,"variants":[{"events":["post.*"],"payload":{"mappings":[{"field":"d","from":"data"}]}}]}"#,
    r#"{"mappings":[{"field":"id","from":"delivery.id"},{"field":"h","from":"hook.name"},{"field":"c","from":"event.channels"}]}"#,
    r#"{"mappings":[{"field":"text","template":"{{ data.a[0].b|slack }} {% for k in data %}{{ k }}{% endfor %}","default":"x"},{"field":"p","from":"tenant.attributes.plan"}]}"#,
    r#"{"mappings":[{"field":"text","template":"{% if data.score|float > 3 %}{{ data }}{% endif %}{{ tenant.attributes|truncate(5) }}"}]}"#,
];
const SETTINGS: [&str; 5] = [
    r#"{"method":"GET","content_type":"form","auth":{"type":"basic","username":"u","password":"p"},"headers":[{"name":"X-A","value":"b","secret":true},{"name":"X-B","from":"event.id"}]}"#,
    r#"{"signatures":[{"scheme":"v1"},{"scheme":"hmac_sha256","header":"X-Sig","prefix":"sha256=","encoding":"hex","key":"text"},{"scheme":"stripe"}]}"#,
    r#"{"retry":{"exponential":{"initial":5,"factor":5,"retries":3,"max":125},"jitter":0.1,"deadline":1e3},"timeout":{"connect":5,"total":15},"batch":{"max_events":100,"max_wait":1}}"#,
    r#"{"retry":{"delays":[1,2.5]},"success":{"statuses":["2xx","304"],"json_body":true,"final":["410"]},"circuit_breaker":{"failures":5,"probe_after":60},"disable_after":60,"verification":{"required":true,"per_hour":2,"header":"x-v"}}"#,
    r#"{"auth":{"type":"oauth2","token_url":"https://a.example.com/t","client_id":"c","client_secret":"s","scope":"a b"},"name_pattern":"[a-z]+(x|y){1,3}","max_hooks":7,"rate_limit":5,"url_locked":true,"response_body_limit":100}"#,
];

/// What is wrong is in the field that was given, or within it.
fn assert_named(errors: &[FieldError], field: &str) {
    for error in errors {
        assert!(error.field.starts_with(field) && !error.message.is_empty(), "{error:?}");
        assert!(error.message.len() < 2_000, "an error is no echo: {} bytes", error.message.len());
    }
}

#[test]
fn a_filter_is_refused_by_name_and_admits_nothing_or_stays_as_it_was_written() {
    fuzz("filters", &corpus(&FILTERS), |input| {
        let Ok(filter) = strict::from_slice::<Filter>(input) else { return };
        let mut errors = Vec::new();
        filter.check("filter", &mut errors);
        assert_named(&errors, "filter");
        assert_eq!(serde_json::to_string(&filter).unwrap(), std::str::from_utf8(input).unwrap().trim());
        assert!(!errors.is_empty() || input.trim_ascii().len() <= MAX_BYTES);
        for data in DATA {
            let data: &RawValue = serde_json::from_str(data).unwrap();
            assert!(!filter.admits(data) || errors.is_empty(), "{errors:?}");
            assert_eq!(filter.admits(data), filter.explain(data).is_empty());
        }
    });
}

#[test]
fn any_data_passes_a_filter_or_is_told_why_not() {
    let filters = FILTERS.map(|text| serde_json::from_str::<Filter>(text).unwrap());
    fuzz("data for filters", &corpus(&DATA), |input| {
        let Ok(data) = serde_json::from_slice::<&RawValue>(input) else { return };
        for filter in &filters {
            assert_eq!(filter.admits(data), filter.explain(data).is_empty(), "{filter:?}");
        }
    });
}

/// Everything that a payload can say of an event, with this `data`; none where a
/// template makes nothing of it.
fn render(payload: &Payload, data: &RawValue) -> Option<Vec<u8>> {
    let rendered = payload.render(&Source {
        event_id: &"post-1".parse().unwrap(),
        event_type: &"post.published".parse().unwrap(),
        event_timestamp: Timestamp::from_millis(1_769_851_800_000),
        channels: &["blog:7".parse().unwrap()].into(),
        tenant_id: &"acme".parse().unwrap(),
        tenant_name: "Acme \"and\" sons",
        tenant_attributes: &[("plan".to_owned(), "gold \"2\"".to_owned())].into(),
        hook_id: "hook_01KDYVGY008YH3QK2V7M4N9P0T".parse().unwrap(),
        hook_name: "",
        delivery_id: "dlv_01KG9P6JE46D1FBX5W3E9J2R4C01KDYVGY008YH3QK2V7M4N9P0T".parse().unwrap(),
        data,
    });
    rendered.ok()
}

#[test]
fn a_payload_is_refused_by_name_or_makes_json_of_any_data() {
    fuzz("payloads", &corpus(&PAYLOADS), |input| {
        let Ok(payload) = strict::from_slice::<Payload>(input) else { return };
        let mut errors = Vec::new();
        payload.check("payload", &mut errors);
        assert_named(&errors, "payload");
        for data in DATA {
            let Some(body) = render(&payload, serde_json::from_str(data).unwrap()) else { continue };
            let json: Result<&RawValue, _> = serde_json::from_slice(&body);
            assert!(json.is_ok(), "{}", body.escape_ascii());
        }
        if errors.is_empty() {
            let written = serde_json::to_vec(&payload).unwrap();
            let again: Payload = strict::from_slice(&written).expect("what was written can be read");
            assert_eq!(serde_json::to_vec(&again).unwrap(), written);
        }
    });
}

#[test]
fn any_data_becomes_json_and_a_form_of_ascii() {
    let payloads = PAYLOADS.map(|text| serde_json::from_str::<Payload>(text).unwrap());
    fuzz("data for payloads", &corpus(&DATA), |input| {
        let Ok(data) = serde_json::from_slice::<&RawValue>(input) else { return };
        for payload in &payloads {
            let Some(body) = render(payload, data) else { continue };
            let json: Result<&RawValue, _> = serde_json::from_slice(&body);
            assert!(json.is_ok(), "{}", body.escape_ascii());
            let form = domain::payload::form::form(&body);
            let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"*-._+%=&".contains(byte);
            assert!(form.iter().all(allowed), "{}", form.escape_ascii());
        }
    });
}

#[test]
fn settings_are_refused_by_name_or_mean_the_same_when_written_again() {
    let addresses = AddressPolicy::default();
    fuzz("settings", &corpus(&SETTINGS), |input| {
        let Ok(settings) = strict::from_slice::<Settings>(input) else { return };
        let mut errors = Vec::new();
        settings.check("", &addresses, &mut errors);
        assert_named(&errors, "");
        if errors.is_empty() {
            let written = serde_json::to_vec(&settings).unwrap();
            let again: Settings = strict::from_slice(&written).expect("what was written can be read");
            assert_eq!(again, settings);
            assert_eq!(settings.clone().over(&settings), settings);
            // Whatever is left open is the standard's.
            let standard = domain::profile::find_built_in("standard").unwrap();
            assert!(settings.over(&standard.settings).complete().is_some());
        }
    });
}

#[test]
fn a_profile_document_is_refused_or_means_the_same_when_written_again() {
    let documents = [
        include_str!("../../../shared/profiles/github.json"),
        include_str!("../../../shared/profiles/stripe.json"),
        include_str!("../../../shared/profiles/oktopost.json"),
        include_str!("../../../shared/profiles/automrktr.json"),
    ];
    fuzz("profiles", &corpus(&documents), |input| {
        let Ok(profile) = strict::from_slice::<Profile>(input) else { return };
        let written = serde_json::to_vec(&profile).unwrap();
        let again: Profile = strict::from_slice(&written).expect("what was written can be read");
        assert_eq!(again, profile);
        let mut errors = Vec::new();
        profile.completed().check(Settings::FIELDS, None, &mut errors);
        assert_named(&errors, "");
    });
}
