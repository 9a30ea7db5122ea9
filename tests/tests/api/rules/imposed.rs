//! What the rules mean, written down once more: the test must not ask the code
//! that it judges.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

pub(crate) const NAMES: [&str; 8] = [
    "verification",
    "url_locked",
    "max_hooks",
    "name_pattern",
    "secret_optional",
    "rate_limit",
    "circuit_breaker",
    "disable_after",
];

/// Some rules, each with one of a few values.
#[derive(Clone, Debug)]
pub(crate) struct Rules(pub(crate) Map<String, Value>);

pub(crate) fn rules() -> impl Strategy<Value = Rules> {
    let values: [Vec<Value>; 8] = [
        vec![
            json!({ "required": false }),
            json!({ "required": true }),
            json!({ "required": true, "per_hour": 5 }),
            json!({ "required": true, "per_hour": 5, "header": "x-proof" }),
        ],
        vec![json!(true), json!(false)],
        vec![json!(1), json!(2), json!(20_000)],
        vec![json!(""), json!("[a-z]+"), json!("[a-z0-9]*")],
        vec![json!(true), json!(false)],
        vec![json!(0), json!(5), json!(50)],
        vec![json!({ "failures": 0 }), json!({ "failures": 5 }), json!({ "failures": 9, "probe_after": 600 })],
        vec![json!(0), json!(60), json!(6_000)],
    ];
    let each: Vec<_> = NAMES
        .into_iter()
        .zip(values)
        .map(|(name, values)| {
            prop::option::weighted(0.3, prop::sample::select(values)).prop_map(move |v| v.map(|v| (name.to_owned(), v)))
        })
        .collect();
    each.prop_map(|rules| Rules(rules.into_iter().flatten().collect()))
}

/// What the built-in profiles impose that the test deploys with.
pub(crate) fn of_built_in(name: &str) -> Map<String, Value> {
    let rules = match name {
        "autosend" => json!({ "url_locked": true, "max_hooks": 100 }),
        "sendpulse" => json!({ "verification": { "required": true }, "name_pattern": "[0-9A-Za-z]+" }),
        _ => json!({}),
    };
    rules.as_object().unwrap().clone()
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Imposed(Map<String, Value>);

impl Imposed {
    pub(crate) fn new(rules: &Map<String, Value>) -> Self {
        Self(rules.clone())
    }

    pub(crate) fn over(mut self, lower: &Self) -> Self {
        for (name, value) in &lower.0 {
            self.0.entry(name).or_insert_with(|| value.clone());
        }
        self
    }

    /// The header of a verification is that of who stands highest.
    pub(crate) fn below(mut self, above: &Self) -> Self {
        let required = |rules: &Self| rules.0.get("verification").is_some_and(|own| own["required"] == true);
        if required(&self) && required(above) {
            let header = above.0["verification"].get("header").cloned();
            self.0["verification"]["header"] = header.unwrap_or_else(|| "webhook-verification".into());
        }
        self
    }

    pub(crate) fn max_hooks(&self) -> u64 {
        self.0.get("max_hooks").map_or(10_000, |most| most.as_u64().unwrap())
    }

    /// The rules that do not hold for the hook `now`, which was `before`.
    pub(crate) fn lifted_by(&self, now: &Value, before: Option<&Value>, secrets: &Value) -> Vec<&str> {
        let holds = |(name, imposed): &(&String, &Value)| match name.as_str() {
            "url_locked" if *imposed == true => {
                now["url_locked"] == true && before.is_none_or(|before| before["url"] == now["url"])
            }
            "secret_optional" if *imposed == false => {
                now["secret_optional"] == false && !secrets["secret"].is_null() && now["signatures"] != json!([])
            }
            "name_pattern" => {
                let name = now["name"].as_str().unwrap();
                let all = |fits: fn(char) -> bool| name.chars().all(fits);
                match imposed.as_str().unwrap() {
                    "" => true,
                    "[a-z]+" => !name.is_empty() && all(|c| c.is_ascii_lowercase()),
                    "[a-z0-9]*" => all(|c| c.is_ascii_lowercase() || c.is_ascii_digit()),
                    "[0-9A-Za-z]+" => !name.is_empty() && all(|c| c.is_ascii_alphanumeric()),
                    other => panic!("a pattern that the test does not know: {other}"),
                }
            }
            "max_hooks" => now["max_hooks"].as_u64() <= imposed.as_u64(),
            "rate_limit" | "disable_after" => is_at_most(&now[name.as_str()], imposed),
            "circuit_breaker" => {
                let (own, failures) = (&now["circuit_breaker"], &imposed["failures"]);
                let probe_after = imposed.get("probe_after").map_or(60, |after| after.as_u64().unwrap());
                *failures == 0
                    || is_at_most(&own["failures"], failures) && own["probe_after"].as_u64() >= Some(probe_after)
            }
            "verification" if imposed["required"] == true => {
                let own = &now["verification"];
                let header = imposed.get("header").map_or("webhook-verification", |header| header.as_str().unwrap());
                let per_hour = imposed.get("per_hour").map_or(1, |per_hour| per_hour.as_u64().unwrap());
                own["required"] == true && own["per_hour"].as_u64() <= Some(per_hour) && own["header"] == header
            }
            _ => true,
        };
        self.0.iter().filter(|rule| !holds(rule)).map(|(name, _)| name.as_str()).collect()
    }
}

/// Zero is no limit.
fn is_at_most(own: &Value, imposed: &Value) -> bool {
    let (own, imposed) = (own.as_f64().unwrap(), imposed.as_f64().unwrap());
    imposed == 0.0 || own > 0.0 && own <= imposed
}
