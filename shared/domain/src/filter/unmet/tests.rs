use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::filter::Filter;

fn filter(json: &str) -> Filter {
    let filter: Filter = serde_json::from_str(json).unwrap();
    let mut errors = Vec::new();
    filter.check("filter", &mut errors);
    assert_eq!(errors, [], "{json}");
    filter
}

fn data(json: &str) -> Box<RawValue> {
    RawValue::from_string(json.to_owned()).unwrap()
}

#[test]
fn every_field_that_fails_is_named_with_its_rules_and_what_they_met() {
    let filter = filter(
        r#"{"s":["x"],"d":{"n":[{"numeric":[">",5]}],"gone":[{"exists":false}]},"$or":[{"a":[1]},{"b":[1],"c":[2]}]}"#,
    );
    let unmet = filter.explain(&data(r#"{"s":"y","d":{"n":1,"gone":7},"b":1}"#));
    let expected = json!([
        { "path": "data.s", "cause": "refused", "rules": ["x"], "value": r#""y""# },
        { "path": "data.d.n", "cause": "refused", "rules": [{ "numeric": [">", 5] }], "value": "1" },
        { "path": "data.d.gone", "cause": "present", "rules": [{ "exists": false }], "value": "7" },
        { "path": "data", "cause": "no_alternative", "alternatives": [
            [{ "path": "data.a", "cause": "missing", "rules": [1] }],
            [{ "path": "data.c", "cause": "missing", "rules": [2] }],
        ] },
    ]);
    assert_eq!(serde_json::to_value(&unmet).unwrap(), expected);
    assert_eq!(summary(&unmet), r#"data.s is "y", which none of its rules admits: ["x"]; and 3 more"#);
}

#[test]
fn each_cause_has_its_own_words() {
    for (rules, text, expected) in [
        (r#"{"s":["x"]}"#, "{}", r#"data.s is missing, and the filter asks for ["x"]"#),
        (r#"{"s":["x"]}"#, r#"{"s":{"t":1}}"#, r#"data.s is {"t":1}, which none of its rules admits: ["x"]"#),
        (r#"{"s":[{"exists":false}]}"#, r#"{"s":1}"#, "data.s is 1, and must not be there"),
        (r#"{"d":{"n":[1]}}"#, r#"{"d":[{"n":2}]}"#, "data.d[0].n is 2, which none of its rules admits: [1]"),
        (r#"{"d":{"n":[1]}}"#, r#"{"d":[{"n":2},{}]}"#, r#"data.d has no element that meets all of {"n":[1]}"#),
        (r#"{"$or":[{"a":[1]},{"b":[1]}]}"#, "{}", "data meets none of the 2 alternatives of $or"),
        (
            r#"{"d":{"n":[1]},"$or":[{"d":{"m":[2]}},{"x":[1]}]}"#,
            r#"{"d":[{"n":1},{"m":2}]}"#,
            r#"data.d has no element that meets all of {"n":[1],"m":[2]}"#,
        ),
        (r#"{"d.n":[1]}"#, r#"{"d":{"n":2}}"#, "data.d.n is 2, which none of its rules admits: [1]"),
        (r#"{"d.n":[1]}"#, r#"{"d":[{"n":2},{}]}"#, r#"data.d has no element that meets all of {"n":[1]}"#),
        (r#"{"d":{"n":[1]}}"#, r#"{"d.n":2}"#, r#"data["d.n"] is 2, which none of its rules admits: [1]"#),
        (r#"{"d.n":[1]}"#, "{}", "data.d.n is missing, and the filter asks for [1]"),
        (r#"{"s":["x"]}"#, "[]", "data is [], and only an object can pass a filter"),
    ] {
        assert_eq!(summary(&filter(rules).explain(&data(text))), expected, "{rules} {text}");
    }
    let invalid: Filter = serde_json::from_str("[]").unwrap();
    assert_eq!(summary(&invalid.explain(&data("{}"))), "the filter is not valid and admits nothing");
}

#[test]
fn a_value_is_cut_between_two_characters() {
    let unmet = filter(r#"{"s":["x"]}"#).explain(&data(&json!({ "s": "ü".repeat(500) }).to_string()));
    let value = unmet[0].value.as_deref().unwrap();
    assert_eq!(value.chars().count(), SHOWN_CHARS + 1);
    assert!(value.starts_with("\"üü") && value.ends_with("ü…"));
}

fn any_rules() -> impl Strategy<Value = Value> {
    let rule = prop_oneof![
        Just(json!("x")),
        Just(json!(1)),
        Just(json!(null)),
        Just(json!({ "exists": true })),
        Just(json!({ "exists": false })),
        Just(json!({ "prefix": "x" })),
        Just(json!({ "numeric": [">", 1] })),
        Just(json!({ "anything-but": ["x", 2] })),
    ];
    proptest::collection::vec(rule, 1..3).prop_map(Value::from)
}

fn any_object(value: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
    proptest::collection::btree_map("[abc]", value, 1..3).prop_map(|fields| fields.into_iter().collect())
}

fn any_filter() -> impl Strategy<Value = Value> {
    any_object(any_rules()).prop_recursive(3, 16, 3, |below| {
        let alternatives = proptest::collection::vec(below.clone(), 2..4);
        let fields = any_object(prop_oneof![below, any_rules()]);
        (fields, proptest::option::of(alternatives)).prop_map(|(mut fields, alternatives)| {
            if let Some(alternatives) = alternatives {
                fields["$or"] = alternatives.into();
            }
            fields
        })
    })
}

fn any_data() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![Just(json!("x")), Just(json!("xy")), Just(json!(1)), Just(json!(2)), Just(json!(null))];
    leaf.prop_recursive(4, 24, 3, |below| {
        prop_oneof![
            proptest::collection::btree_map("[abc]", below.clone(), 0..3)
                .prop_map(|fields| fields.into_iter().collect()),
            proptest::collection::vec(below, 0..3).prop_map(Value::from),
        ]
    })
}

/// The filter that asks for this condition and nothing else.
fn alone(condition: &UnmetCondition) -> Option<String> {
    let rules = condition.rules.as_ref()?.get();
    let path = condition.path.replace("[0]", "");
    let names: Vec<&str> = path.split('.').skip(1).collect();
    Some(names.iter().rev().fold(rules.to_owned(), |below, name| format!(r#"{{"{name}":{below}}}"#)))
}

fn all(unmet: &[UnmetCondition]) -> Vec<&UnmetCondition> {
    unmet
        .iter()
        .flat_map(|one| std::iter::once(one).chain(one.alternatives.iter().flat_map(|some| all(some))))
        .collect()
}

proptest! {
    #[test]
    fn a_failure_is_explained_exactly_when_the_filter_says_no(rules in any_filter(), value in any_data()) {
        let (rules, value) = (filter(&rules.to_string()), data(&value.to_string()));
        let unmet = rules.explain(&value);
        prop_assert_eq!(rules.admits(&value), unmet.is_empty());
        for one in all(&unmet) {
            // What is told is true by itself.
            if let Some(alone) = alone(one) {
                prop_assert!(!filter(&alone).admits(&value), "{} {:?} {}", alone, one, value);
            }
            prop_assert!(one.alternatives.iter().all(|unmet| !unmet.is_empty()));
            prop_assert!(one.value.as_ref().is_none_or(|text| text.chars().count() <= SHOWN_CHARS + 1));
            prop_assert!(!one.to_string().is_empty());
        }
    }
}
