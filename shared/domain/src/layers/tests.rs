use super::*;
use crate::time::Timestamp;
use crate::unknown::Unknown;

fn settings(document: &str) -> Settings {
    serde_json::from_str(document).unwrap()
}

fn profile(name: &str, document: &str) -> Arc<Profile> {
    Arc::new(Profile {
        name: name.parse().unwrap(),
        description: String::new(),
        settings: settings(document),
        event_types: Vec::new(),
        strict_event_types: false,
        created_at: Timestamp::default(),
        updated_at: Timestamp::default(),
        version: 1,
        unknown: Unknown::NONE,
    })
}

fn tenant(profile: Option<&str>, document: &str) -> Tenant {
    Tenant {
        id: "acme".parse().unwrap(),
        name: String::new(),
        profile: profile.map(|name| name.parse().unwrap()),
        settings: settings(document),
        retention_days: None,
        strict_event_types: false,
        attributes: Default::default(),
        portal: None,
        metadata: Default::default(),
        created_with: None,
        created_at: Timestamp::default(),
        updated_at: Timestamp::default(),
        version: 1,
        unknown: Unknown::NONE,
    }
}

#[test]
fn the_strictest_layer_holds_whoever_made_the_rule() {
    let profiles = HookProfiles {
        named: Some(profile("named", r#"{"rate_limit":20,"url_locked":true,"method":"PUT"}"#)),
        base: profile("house", r#"{"rate_limit":10,"secret_optional":false,"method":"PATCH"}"#),
    };
    let tenant = tenant(None, r#"{"disable_after":60}"#);
    let layers = Layers { tenant: &tenant, profiles: &profiles };
    let own = settings(r#"{"rate_limit":15,"secret_optional":true,"url_locked":false,"disable_after":0}"#);
    let settled = layers.settle(&own);
    assert_eq!((settled.rate_limit, settled.secret_optional, settled.url_locked), (10, false, true));
    assert_eq!(settled.disable_after, crate::seconds::Seconds::new(60));
    assert_eq!(settled.method, crate::settings::Method::Put, "what is no rule comes from the named profile");
    let told: Vec<String> =
        layers.lifted_by(&own).iter().map(|rule| format!("{}: {}", rule.rule.name, rule.by)).collect();
    assert_eq!(
        told,
        [
            "rate_limit: the deployment's profile house",
            "disable_after: tenant acme",
            "url_locked: profile named",
            "secret_optional: the deployment's profile house"
        ]
    );
}

#[test]
fn a_tenant_decides_in_the_place_of_its_own_profile() {
    let profiles = HookProfiles { named: None, base: profile("house", r#"{"rate_limit":10,"max_hooks":3}"#) };
    let tenant = tenant(Some("house"), r#"{"rate_limit":50,"max_hooks":20000}"#);
    let layers = Layers { tenant: &tenant, profiles: &profiles };
    let settled = layers.settle(&Settings::default());
    assert_eq!((settled.rate_limit, settled.max_hooks), (50, 20_000));
}

#[test]
fn what_standard_says_is_a_default_and_no_rule_but_for_max_hooks() {
    let base = Arc::clone(crate::profile::find_built_in(STANDARD).unwrap());
    let named =
        Some(profile("roomy", r#"{"max_hooks":20000,"secret_optional":true,"circuit_breaker":{"failures":0}}"#));
    let (profiles, tenant) = (HookProfiles { named, base }, tenant(None, "{}"));
    let settled = Layers { tenant: &tenant, profiles: &profiles }.settle(&Settings::default());
    assert_eq!((settled.max_hooks, settled.secret_optional, settled.circuit_breaker.failures), (10_000, true, 0));
}

#[test]
fn the_header_of_a_verification_is_that_of_who_stands_highest() {
    let verification =
        |header: &str| format!(r#"{{"verification":{{"required":true,"per_hour":5,"header":"{header}"}}}}"#);
    let profiles =
        HookProfiles { named: Some(profile("named", &verification("x-named"))), base: profile("house", "{}") };
    let tenant = tenant(None, &verification("x-tenant"));
    let own = settings(r#"{"verification":{"required":true,"per_hour":2,"header":"x-request-id"}}"#);
    let settled = Layers { tenant: &tenant, profiles: &profiles }.settle(&own).verification;
    assert_eq!((settled.per_hour, settled.header.as_str()), (2, "x-tenant"));
}

#[test]
fn a_profile_is_left_with_nothing_behind_only_for_one_that_imposes_as_much() {
    let base = || Arc::clone(crate::profile::find_built_in(STANDARD).unwrap());
    let of = |named: Option<&str>| HookProfiles { named: named.map(|rules| profile("named", rules)), base: base() };
    let tenant = tenant(None, r#"{"url_locked":true}"#);
    let left = |from: Option<&str>, to: Option<&str>| -> Vec<&str> {
        let (from, to) = (of(from), of(to));
        let (from, to) = (Layers { tenant: &tenant, profiles: &from }, Layers { tenant: &tenant, profiles: &to });
        from.left_behind(&to).iter().map(|imposed| imposed.rule.name).collect()
    };
    let careful =
        Some(r#"{"rate_limit":5,"url_locked":true,"circuit_breaker":{"failures":50},"secret_optional":false}"#);
    let lax = Some(r#"{"rate_limit":0,"circuit_breaker":{"failures":0},"secret_optional":true,"name_pattern":""}"#);
    let stricter = r#"{"rate_limit":4,"circuit_breaker":{"failures":9},"secret_optional":false,"max_hooks":3}"#;
    assert_eq!(left(careful, None), ["rate_limit", "circuit_breaker", "secret_optional"], "defaults are no rules");
    assert_eq!(left(careful, Some(stricter)), Vec::<&str>::new());
    assert_eq!(left(lax, None), Vec::<&str>::new());
}
