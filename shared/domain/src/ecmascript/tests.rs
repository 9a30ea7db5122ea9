//! What Node itself makes of generated documents is compared in
//! `tests/tests/receivers`.

use proptest::prelude::*;

use super::*;

fn rewritten(json: &str) -> String {
    let mut out = b"before".to_vec();
    rewrite(json, &mut out);
    String::from_utf8(out).unwrap().strip_prefix("before").unwrap().to_owned()
}

/// Each way to write the same was met in the libraries of some language.
#[test]
fn whatever_way_data_is_written_it_is_sent_as_ecmascript_writes_it() {
    for (written, expected) in [
        (r#"{"a": 1}"#, r#"{"a":1}"#),
        ("{\n  \"a\" : [\r\n\t1 , 2 ]\n}", r#"{"a":[1,2]}"#),
        ("1.50", "1.5"),
        ("1.0", "1"),
        ("-0", "0"),
        ("-0.0", "0"),
        ("0e5", "0"),
        ("1e3", "1000"),
        ("1E+3", "1000"),
        ("1E-7", "1e-7"),
        ("0.0000001", "1e-7"),
        ("0.000001", "0.000001"),
        ("1e20", "100000000000000000000"),
        ("1e21", "1e+21"),
        ("9007199254740993", "9007199254740992"),
        ("-12345678901234567890", "-12345678901234567000"),
        ("0.1000000000000000055511151231257827", "0.1"),
        ("1e400", "null"),
        ("-1e400", "null"),
        ("1e-400", "0"),
        ("5e-324", "5e-324"),
        (r#""\/""#, r#""/""#),
        (r#""\u00e9""#, "\"é\""),
        (r#""\ud83d\ude00""#, "\"😀\""),
        (r#""\u003c\u0026""#, r#""<&""#),
        (r#""\u2028\u007f""#, "\"\u{2028}\u{7f}\""),
        (r#""\u001F\u0000""#, r#""\u001f\u0000""#),
        (r#""\u000a\u0008\u000C\u000d\u0009\u0022\u005C""#, r#""\n\b\f\r\t\"\\""#),
        (r#""\uD800x\udfff\ud800\ud83d\ude00""#, "\"\\ud800x\\udfff\\ud800😀\""),
        (r#"{"a":1,"b":2,"\u0061":3}"#, r#"{"a":3,"b":2}"#),
        (r#"{"b":0,"10":1,"9":2,"01":3,"-1":4}"#, r#"{"9":2,"10":1,"b":0,"01":3,"-1":4}"#),
        (r#"{"4294967295":1,"4294967294":2}"#, r#"{"4294967294":2,"4294967295":1}"#),
        (r#"{"__proto__":1,"a":2,"__proto__":3}"#, r#"{"__proto__":3,"a":2}"#),
        (
            r#"{"a":{"2":[{"1":1,"0":2}],"1":0},"a":{"2":[{"1":1,"0":2}],"1":0}}"#,
            r#"{"a":{"1":0,"2":[{"0":2,"1":1}]}}"#,
        ),
        ("[true,false,null,{},[]]", "[true,false,null,{},[]]"),
    ] {
        assert_eq!(rewritten(written), expected, "{written}");
    }
}

#[test]
fn an_object_of_many_keys_is_put_in_order() {
    let members = |keys: &mut dyn Iterator<Item = usize>| {
        keys.map(|key| format!(r#""{key}":{key}"#)).collect::<Vec<_>>().join(",")
    };
    let written = format!("{{{},{}}}", members(&mut (0..5_000).rev()), members(&mut (0..5_000)));
    assert_eq!(rewritten(&written), format!("{{{}}}", members(&mut (0..5_000))));
}

#[test]
fn deep_nesting_takes_no_longer() {
    const DEPTH: usize = 20_000;
    let written = format!("{}1{}", r#"{"a":1,"0":"#.repeat(DEPTH), "}".repeat(DEPTH));
    let expected = format!("{}1{}", r#"{"0":"#.repeat(DEPTH), r#","a":1}"#.repeat(DEPTH));
    assert_eq!(rewritten(&written), expected);
}

proptest! {
    #[test]
    fn what_was_rewritten_stays_and_means_the_same(
        json in r#"(\{"([ab01]|\\u006[12]|__proto__)": ?-?(0|[1-9][0-9]{0,18})(\.[0-9]{1,19})?([eE][+-]?[0-9]{1,2})?, ?"c":\["(\\ud83d|\\ude00|\\n|é|\\u0007){0,4}"\]\}|\[ \])"#,
    ) {
        let once = rewritten(&json);
        prop_assert_eq!(rewritten(&once), once.clone());
        let number = |text: &str| serde_json::from_str::<serde_json::Value>(text).ok();
        if let (Some(before), Some(after)) = (number(&json), number(&once)) {
            let doubles = |value: &serde_json::Value| value.as_object().map(|o| o.values().filter_map(serde_json::Value::as_f64).map(|d| d + 0.0).collect::<Vec<_>>());
            prop_assert_eq!(doubles(&before), doubles(&after));
        }
    }

    #[test]
    fn a_number_that_is_copied_is_what_arithmetic_would_write(text in r"-?(0|[1-9][0-9]{0,15})(\.[0-9]{1,15})?") {
        if is_written_so(&text) {
            let double: f64 = text.parse().unwrap();
            let mut buffer = ryu_js::Buffer::new();
            prop_assert_eq!(buffer.format_finite(double), text);
        }
    }
}
