use serde_json::json;

use crate::payload::Payload;
use crate::payload::tests::Fixture;

fn payload(mapping: &serde_json::Value) -> Payload {
    serde_json::from_value(json!({ "mappings": [mapping] })).unwrap()
}

fn wrong(template: &str) -> Vec<String> {
    let mut errors = Vec::new();
    payload(&json!({ "field": "t", "template": template })).check("payload", &mut errors);
    errors.into_iter().map(|error| format!("{}: {}", error.field, error.message)).collect()
}

/// The text, or why there is none.
fn written(template: &str, data: &str) -> Result<String, String> {
    assert_eq!(wrong(template), Vec::<String>::new());
    let payload = payload(&json!({ "field": "t", "template": template }));
    let body = payload.render(&Fixture::new(data).source()).map_err(|failure| failure.reason)?;
    let body: serde_json::Value = serde_json::from_slice(&body).expect("a body is JSON");
    Ok(body["t"].as_str().expect("a text is a string").to_owned())
}

#[test]
fn what_is_published_prints_as_it_was_published() {
    let data = r#"{"n":1.50,"e":1E3,"big":12345678901234567890123456789012345678901234567890,"id":12345678901234567890,
        "minus":-0,"list":[ 1.0,2 ],"s":"é\"\n","yes":true,"nothing":null}"#;
    let template = "{{ data.n }} {{ data.e }} {{ data.big }} {{ data.id }} {{ data.minus }} {{ data.list }} {{ data.s }}{{ data.yes }} {{ data.nothing }}.";
    let expected =
        "1.50 1E3 12345678901234567890123456789012345678901234567890 12345678901234567890 -0 [ 1.0,2 ] é\"\ntrue .";
    assert_eq!(written(template, data).unwrap(), expected);
    assert_eq!(
        written("{{ 'a' ~ data.n ~ data.list[0] }}{% for x in data.list %}/{{ x }}{% endfor %}", data).unwrap(),
        "a1.501.0/1.0/2"
    );
    assert_eq!(written("{% for name in data %}{{ name }},{% endfor %}", r#"{"b":1,"a":2,"b":3}"#).unwrap(), "b,a,");
    assert_eq!(
        written("{{ [data.n, 2]|join('-') }} {{ data.n|string }} {{ data.n|default('x') }}", data).unwrap(),
        "1.50-2 1.50 1.50"
    );
}

#[test]
fn numbers_with_a_fraction_are_calculated_with_once_they_are_told_to() {
    let data = r#"{"n":99.50,"i":3}"#;
    assert_eq!(
        written("{{ data.n|float + 1 }} {{ data.n|int }} {{ '%.2f'|format(data.n|float) }}", data).unwrap(),
        "100.5 99 99.50"
    );
    assert_eq!(written("{% if data.i > 2 %}{{ data.i + 1 }}{% endif %}", data).unwrap(), "4");
    assert_eq!(
        written("{% if data.n and data.n is number and data.n is not mapping %}yes{% endif %}", data).unwrap(),
        "yes"
    );
    for template in ["{% if data.n > 100 %}x{% endif %}", "{{ 1 < data.n }}", "{{ [1, data.n]|sort }}"] {
        assert_eq!(written(template, data), Err(super::values::COMPARED.to_owned()), "{template}");
    }
    assert!(written("{{ data.n + 1 }}", data).is_err());
}

#[test]
fn a_template_sees_what_mappings_can_be_made_of() {
    let template = "{{ event.id }} {{ event.type }} {{ event.timestamp }} {{ event.timestamp_unix }} {{ event.channels|join('+') }} \
        {{ tenant.id }} {{ tenant.name }} {{ tenant.attributes.plan }} {{ hook.id }} {{ hook.name }}{{ delivery.id }}";
    let fixture = Fixture::new("1");
    let source = fixture.source();
    let expected = format!(
        "evt_1 post.published 2026-01-31T09:30:00.123Z 1769851800 at+de acme Acme \"GmbH\" Gold \"2\" {} {}",
        source.hook_id, source.delivery_id
    );
    assert_eq!(written(template, "1").unwrap(), expected);
}

#[test]
fn a_value_that_is_missing_fails_where_it_is_printed_and_is_false_in_a_condition() {
    assert_eq!(written("a\n{{ data.b.c }}", r#"{"b":{}}"#), Err("line 2: a value is missing: data.b.c".to_owned()));
    assert!(written("{{ data.b.c }}", "{}").unwrap_err().starts_with("line 1: a value is missing"));
    assert!(written("{{ data.b|slack }}", "{}").unwrap_err().contains("missing"));
    assert_eq!(written("{% if data.b %}x{% else %}y{% endif %}{{ data.b|default('z') }}", "{}").unwrap(), "yz");
    let mapping = json!({ "field": "t", "template": "{{ data.b }}", "default": { "none": 1 } });
    let body = payload(&mapping).render(&Fixture::new("{}").source()).unwrap();
    assert_eq!(body, br#"{"t":{"none":1}}"#);
}

#[test]
fn what_does_not_compile_is_refused_with_its_line_and_reason() {
    for (template, expected) in [
        ("a\n{{ data.x", "line 2: "),
        ("{% if data.x %}", "line 1: "),
        ("\n\n{{ data.x|sluck }}", "line 3: there is no filter `sluck`"),
        ("{% filter nope %}{% endfilter %}", "line 1: there is no filter `nope`"),
        ("{{ 'a|b is c' }}{% if data is nice %}{% endif %}", "line 1: there is no test `nice`"),
        ("{{ date.x }}", "there is no `date`; expected one of event, tenant, hook, delivery, data"),
        ("{{ debug() }}", "there is no `debug`"),
        ("{% include 'x' %}", "line 1: "),
        ("{% macro a() %}{% endmacro %}", "line 1: "),
    ] {
        let errors = wrong(template);
        assert!(
            errors.len() == 1 && errors[0].starts_with(&format!("payload.mappings[0].template: {expected}")),
            "{errors:?}"
        );
    }
    assert_eq!(wrong(&"x".repeat(8_193)), ["payload.mappings[0].template: expected at most 8192 bytes, got 8193"]);
    let mut errors = Vec::new();
    payload(&json!({ "field": "t", "template": "x", "value": 1 })).check("payload", &mut errors);
    assert_eq!(errors[0].message, "expected exactly one of `from`, `value` and `template`");
}

#[test]
fn its_steps_its_memory_and_its_text_are_bounded() {
    for template in [
        "{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}",
        "{{ 'x' * 99999999 }}",
        "{{ data|slack|slack|slack|slack|slack|slack|slack|slack|slack }}",
    ] {
        assert_eq!(
            written(template, &format!("\"{}\"", "&".repeat(200_000))).unwrap_err(),
            "line 1: it takes too many steps",
            "{template}"
        );
    }
    let long = format!("\"{}\"", "x".repeat(65_537));
    assert_eq!(written("{{ data }}", &long).unwrap_err(), "the text would have more than 65536 bytes");
    let many: Vec<_> = (0..100)
        .map(|n| json!({ "field": format!("f{n}"), "template": "{% for a in range(4000) %}{% endfor %}" }))
        .collect();
    let many: Payload = serde_json::from_value(json!({ "mappings": many })).unwrap();
    let failure = many.render(&Fixture::new("1").source()).unwrap_err();
    assert_eq!(failure.reason, "the templates of this payload take too many steps together");
    let deep = format!("{{\"a\":{}1{}}}", "[".repeat(50_000), "]".repeat(50_000));
    assert!(written("{{ data.a|truncate(3) }}", &deep).is_ok());
}

#[test]
fn texts_are_escaped_as_their_receiver_reads_them() {
    let data = r#"{"s":"a <b> & \"c\" *d* [e](f)\n- x_y"}"#;
    assert_eq!(written("*{{ data.s|slack }}*", data).unwrap(), "*a &lt;b&gt; &amp; \"c\" *d* [e](f)\n- x_y*");
    assert_eq!(written("{{ data.s|markdown }}", data).unwrap(), "a \\<b\\> & \"c\" \\*d\\* \\[e\\]\\(f\\)\n\\- x\\_y");
    assert_eq!(written("{{ data.s|truncate(4) }}{{ 'é'|truncate(1) }}", data).unwrap(), "a <…é");
    assert_eq!(
        written("{{ data|truncate(4) }}{{ data|truncate(5) }}{{ data|truncate(0) }}", "\"😀😀x\"").unwrap(),
        "😀…😀😀x"
    );
    assert_eq!(written("{{ data.s|urlencode }}", r#"{"s":"a b&c"}"#).unwrap(), "a%20b%26c");
}
