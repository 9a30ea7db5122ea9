use proptest::prelude::*;

use super::*;

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

fn wrong_fields(json: &str) -> Vec<String> {
    let mut errors = Vec::new();
    serde_json::from_str::<Filter>(json).unwrap().check("filter", &mut errors);
    errors.into_iter().map(|e| e.field).collect()
}

/// Holds one filter against data that it admits, and data that it does not.
fn decides(json: &str, admitted: &[&str], refused: &[&str]) {
    let filter = filter(json);
    for (texts, expected) in [(admitted, true), (refused, false)] {
        for text in texts {
            assert_eq!(filter.admits(&data(text)), expected, "{json} {text}");
            assert_eq!(filter.explain(&data(text)).is_empty(), expected, "{json} {text}");
        }
    }
}

#[test]
fn plain_values_are_met_exactly_and_numbers_as_numbers() {
    decides(
        r#"{"a":["x",""]}"#,
        &[r#"{"a":"x"}"#, r#"{"a":""}"#, r#"{"a":"\u0078"}"#],
        &[r#"{"a":"X"}"#, r#"{"a":null}"#, "{}"],
    );
    decides(r#"{"a":[null]}"#, &[r#"{"a":null}"#], &["{}", r#"{"a":""}"#, r#"{"a":"null"}"#]);
    decides(
        r#"{"a":[300,true]}"#,
        &[r#"{"a":3.0e2}"#, r#"{"a":true}"#],
        &[r#"{"a":"300"}"#, r#"{"a":false}"#, r#"{"a":301}"#],
    );
    decides(r#"{"a":[9007199254740993]}"#, &[r#"{"a":9007199254740993}"#], &[r#"{"a":9007199254740992}"#]);
}

#[test]
fn the_operators_on_texts_mean_what_eventbridge_says() {
    decides(r#"{"a":[{"prefix":"us-"}]}"#, &[r#"{"a":"us-1"}"#], &[r#"{"a":"eu-us-"}"#, r#"{"a":7}"#]);
    decides(r#"{"a":[{"suffix":".png"}]}"#, &[r#"{"a":"x.png"}"#], &[r#"{"a":"x.PNG"}"#]);
    decides(r#"{"a":[{"equals-ignore-case":"Straße É"}]}"#, &[r#"{"a":"STRAßE é"}"#], &[r#"{"a":"strasse é"}"#]);
    decides(
        r#"{"a":[{"prefix":{"equals-ignore-case":"EventB"}}]}"#,
        &[r#"{"a":"eventbridge"}"#],
        &[r#"{"a":"an eventb"}"#],
    );
    decides(r#"{"a":[{"suffix":{"equals-ignore-case":".PNG"}}]}"#, &[r#"{"a":"x.pNg"}"#], &[r#"{"a":"png"}"#]);
    decides(r#"{"a":[{"wildcard":"dir/*.png"}]}"#, &[r#"{"a":"dir/a/b.png"}"#], &[r#"{"a":"x/dir/a.png"}"#]);
}

#[test]
fn anything_but_needs_a_value_that_is_not_excluded() {
    decides(
        r#"{"a":[{"anything-but":"x"}]}"#,
        &[r#"{"a":"y"}"#, r#"{"a":1}"#, r#"{"a":["x","y"]}"#],
        &[r#"{"a":"x"}"#, "{}", r#"{"a":["x"]}"#],
    );
    decides(r#"{"a":[{"anything-but":[1,2]}]}"#, &[r#"{"a":3}"#, r#"{"a":"1"}"#], &[r#"{"a":2.0}"#]);
    decides(r#"{"a":[{"anything-but":{"prefix":"us-"}}]}"#, &[r#"{"a":"eu"}"#], &[r#"{"a":"us-1"}"#]);
    decides(r#"{"a":[{"anything-but":{"suffix":[".png",".gif"]}}]}"#, &[r#"{"a":"a.jpg"}"#], &[r#"{"a":"a.gif"}"#]);
    decides(r#"{"a":[{"anything-but":{"wildcard":"*/lib/*"}}]}"#, &[r#"{"a":"/usr"}"#], &[r#"{"a":"/usr/lib/x"}"#]);
    decides(
        r#"{"a":[{"anything-but":{"equals-ignore-case":["X","y"]}}]}"#,
        &[r#"{"a":"z"}"#],
        &[r#"{"a":"x"}"#, r#"{"a":"Y"}"#],
    );
}

#[test]
fn ranges_and_networks_are_compared_by_value() {
    decides(
        r#"{"a":[{"numeric":[">",0,"<=",5]}]}"#,
        &[r#"{"a":5.0}"#, r#"{"a":1e-9}"#],
        &[r#"{"a":0}"#, r#"{"a":5.1}"#, r#"{"a":"3"}"#],
    );
    decides(r#"{"a":[{"numeric":["=",3.018e2]}]}"#, &[r#"{"a":301.8}"#], &[r#"{"a":301.80000000000001}"#]);
    decides(
        r#"{"a":[{"cidr":"10.0.0.0/24"}]}"#,
        &[r#"{"a":"10.0.0.255"}"#],
        &[r#"{"a":"10.0.1.0"}"#, r#"{"a":"::1"}"#, r#"{"a":"x"}"#],
    );
    decides(
        r#"{"a":[{"cidr":"2001:db8::/32"},{"cidr":"10.0.0.1"}]}"#,
        &[r#"{"a":"2001:db8::1"}"#, r#"{"a":"10.0.0.1"}"#, r#"{"a":"::ffff:10.0.0.1"}"#, r#"{"a":"::ffff:a00:1"}"#],
        &[r#"{"a":"2001:db9::1"}"#],
    );
}

#[test]
fn existence_is_asked_of_leaves() {
    decides(
        r#"{"a":{"b":[{"exists":true}]}}"#,
        &[r#"{"a":{"b":null}}"#, r#"{"a":[1,{"b":0}]}"#],
        &["{}", r#"{"a":{"b":{"c":1}}}"#, r#"{"a":1}"#],
    );
    decides(
        r#"{"a":{"b":[{"exists":false}]}}"#,
        &["{}", r#"{"a":{"b":{"c":1}}}"#, r#"{"a":1}"#],
        &[r#"{"a":{"b":null}}"#],
    );
    // Absence is that of the whole event, not of one element.
    decides(r#"{"a":{"b":[{"exists":false}],"c":[2]}}"#, &[r#"{"a":[{"c":2}]}"#], &[r#"{"a":[{"b":1},{"c":2}]}"#]);
    decides(r#"{"a":[{"exists":false},"x"]}"#, &["{}", r#"{"a":"x"}"#], &[r#"{"a":"y"}"#]);
}

#[test]
fn any_element_of_an_array_will_do_but_one_must_do_for_all() {
    decides(
        r#"{"a":["x"]}"#,
        &[r#"{"a":["y","x"]}"#, r#"{"a":[["y"],["x"]]}"#],
        &[r#"{"a":[]}"#, r#"{"a":[{"x":"x"}]}"#],
    );
    let people = r#"{"people":[[{"first":"John","last":"Doe"},{"first":"Anna","last":"Smith"}],{"first":"Peter","last":"Jones"}]}"#;
    decides(r#"{"people":{"first":["Anna"],"last":["Smith"]}}"#, &[people], &[]);
    decides(r#"{"people":{"first":["Anna"],"last":["Jones"]}}"#, &[], &[people]);
    decides(r#"{"people":{"first":["Anna"],"$or":[{"last":["Jones"]},{"last":["Doe"]}]}}"#, &[], &[people]);
}

#[test]
fn alternatives_stand_beside_fields_and_within_each_other() {
    let json = r#"{"s":[1],"$or":[{"a":[1]},{"b":[1],"c":[1],"$or":[{"d":[1]},{"e":[1]}]}]}"#;
    decides(
        json,
        &[r#"{"s":1,"a":1}"#, r#"{"s":1,"b":1,"c":1,"e":1}"#],
        &[r#"{"s":1}"#, r#"{"a":1}"#, r#"{"s":1,"b":1,"c":1}"#],
    );
}

#[test]
fn what_is_asked_below_an_array_holds_for_one_element_wherever_the_filter_says_it() {
    let people = r#"{"people":[{"first":"Anna","last":"Smith"},{"first":"Peter","last":"Jones"}]}"#;
    for (last, admitted) in [("Smith", true), ("Jones", false)] {
        for json in [
            format!(r#"{{"people":{{"first":["Anna"]}},"$or":[{{"people":{{"last":["{last}"]}}}},{{"x":[1]}}]}}"#),
            format!(r#"{{"people.first":["Anna"],"people.last":["{last}"]}}"#),
            format!(r#"{{"$or":[{{"people.first":["Anna"]}},{{"x":[1]}}],"people":{{"last":["{last}"]}}}}"#),
        ] {
            let (yes, no): (&[&str], &[&str]) = if admitted { (&[people], &[]) } else { (&[], &[people]) };
            decides(&json, yes, no);
        }
    }
    // Elements of different arrays are chosen one by one, and so are plain values.
    decides(r#"{"a":{"b":[1]},"c":{"d":[2]}}"#, &[r#"{"a":[{"b":0},{"b":1}],"c":[{"d":2},{"d":1}]}"#], &[]);
    decides(r#"{"a":["x"],"$or":[{"a":["y"]},{"b":[1]}]}"#, &[r#"{"a":["x","y"]}"#], &[r#"{"a":["x"]}"#]);
}

#[test]
fn a_name_with_dots_is_the_path_that_it_spells() {
    let both = [r#"{"a":{"b":1}}"#, r#"{"a.b":1}"#, r#"{"a":[{"b":0},{"b":1}]}"#];
    decides(r#"{"a.b":[1]}"#, &both, &[r#"{"a":1,"b":1}"#, r#"{"a":{"b":{"c":1}}}"#]);
    decides(r#"{"a":{"b":[1]}}"#, &both, &["{}"]);
    decides(r#"{"a.b":[{"exists":false}]}"#, &["{}", r#"{"a":{"c":1}}"#], &both);
    // Where `data` has both, each may be met by either.
    let twice = r#"{"a":{"b":[{"c":1},{"d":1}]},"a.b":[{"d":2},{"c":3}]}"#;
    decides(r#"{"a":{"b":{"c":[1],"d":[2]}}}"#, &[twice], &[]);
    decides(r#"{"a":{"b":{"c":[1],"d":[1]}}}"#, &[], &[twice]);
}

#[test]
fn what_today_would_be_refused_is_still_read_and_admits_nothing() {
    let json = format!(r#"{{"{}":[1]}}"#, ["a"; 65].join("."));
    assert_eq!(wrong_fields(&json).len(), 1);
    let stored: Filter = serde_json::from_str(&json).unwrap();
    assert_eq!(serde_json::to_string(&stored).unwrap(), json);
    assert!(!stored.admits(&data("{}")));
}

#[test]
fn only_the_empty_filter_admits_what_is_no_object() {
    for text in ["{}", "[]", "1", "null", r#""x""#] {
        assert!(filter("{}").admits(&data(text)), "{text}");
    }
    decides(r#"{"a":[{"exists":false}]}"#, &["{}"], &["[]", "[{}]", "1", "null"]);
}

#[test]
fn every_mistake_is_told_with_its_path() {
    for (json, expected) in [
        (r#"{"detail":{"state":[{"numeric":["x",1]}]}}"#, "filter.detail.state[0].numeric[0]"),
        (r#"{"a":[{"numeric":[">","1"]}]}"#, "filter.a[0].numeric[1]"),
        (r#"{"a":[{"numeric":[">",1,"<",1]}]}"#, "filter.a[0].numeric"),
        (r#"{"a":[{"numeric":[">",1,">",2]}]}"#, "filter.a[0].numeric"),
        (r#"{"a":[{"numeric":5}]}"#, "filter.a[0].numeric"),
        (r#"{"a":"x"}"#, "filter.a"),
        (r#"{"a":[]}"#, "filter.a"),
        (r#"{"a":{}}"#, "filter.a"),
        (r#"{"a":[1],"a":[2]}"#, "filter.a"),
        (r#"{"a":[["x"]]}"#, "filter.a[0]"),
        (r#"{"a":["x",{"regex":"x"}]}"#, "filter.a[1].regex"),
        (r#"{"a":[{"prefix":"x","suffix":"y"}]}"#, "filter.a[0]"),
        (r#"{"a.b":[{"prefix":1}]}"#, r#"filter["a.b"][0].prefix"#),
        (r#"{"a":[{"prefix":{"suffix":"x"}}]}"#, "filter.a[0].prefix.suffix"),
        (r#"{"a":[{"wildcard":"a**"}]}"#, "filter.a[0].wildcard"),
        (r#"{"a":[{"anything-but":[]}]}"#, "filter.a[0].anything-but"),
        (r#"{"a":[{"anything-but":["x",null]}]}"#, "filter.a[0].anything-but[1]"),
        (r#"{"a":[{"anything-but":{"numeric":["=",1]}}]}"#, "filter.a[0].anything-but.numeric"),
        (r#"{"a":[{"exists":"yes"}]}"#, "filter.a[0].exists"),
        (r#"{"a":[{"cidr":"10.0.0.0/33"}]}"#, "filter.a[0].cidr"),
        (r#"{"$or":[{"a":[1]}]}"#, "filter.$or"),
        (r#"{"$or":[{"a":[1]},{}]}"#, "filter.$or[1]"),
        (r#"{"$or":[{"a":[1]},5]}"#, "filter.$or[1]"),
        ("[]", "filter"),
    ] {
        assert_eq!(wrong_fields(json), [expected], "{json}");
        assert!(!serde_json::from_str::<Filter>(json).unwrap().admits(&data("{}")), "{json}");
    }
}

#[test]
fn filters_are_bounded() {
    assert_eq!(wrong_fields(&format!(r#"{{"a":["{}"]}}"#, "x".repeat(4096))), ["filter"]);
    assert_eq!(wrong_fields(&format!(r#"{{"a":[{}1]}}"#, "1,".repeat(200))), ["filter"]);
    assert_eq!(wrong_fields(&format!(r#"{{"a":[{{"anything-but":[{}1]}}]}}"#, "1,".repeat(200))), ["filter"]);
    let nested = |levels: usize| format!(r#"{}[1]{}"#, r#"{"a":"#.repeat(levels), "}".repeat(levels));
    assert_eq!(wrong_fields(&nested(10)), [""; 0]);
    assert_eq!(wrong_fields(&nested(11)).len(), 1);
    let group = format!(r#""$or":[{}{{"x":[1]}}]"#, r#"{"x":[1]},"#.repeat(10));
    let below = |name: &str| format!(r#""{name}":{{{group}}}"#);
    assert_eq!(wrong_fields(&format!("{{{},{}}}", below("a"), below("b"))), [""; 0]);
    assert_eq!(wrong_fields(&format!("{{{},{},{}}}", below("a"), below("b"), below("c"))), ["filter"]);
}

#[test]
fn hostile_data_costs_little() {
    let started = std::time::Instant::now();
    let deep = format!(r#"{{"a":{}1{}}}"#, "[".repeat(120_000), "]".repeat(120_000));
    decides(r#"{"a":{"b":[1]}}"#, &[], &[&deep]);
    let alternatives: Vec<String> = (0..190).map(|n| format!(r#"{{"a":{{"b":[{n}]}}}}"#)).collect();
    let wide = format!(r#"{{"a":[{}{{"b":-1}}]}}"#, r#"{"b":-1},"#.repeat(2_000));
    decides(&format!(r#"{{"$or":[{}]}}"#, alternatives.join(",")), &[], &[&wide]);
    let apart: Vec<String> =
        (0..31).map(|n| format!(r#""$or":[{{"a":{{"b{n}":[1]}}}},{{"a":{{"c{n}":[1]}}}}]"#)).collect();
    let nine = (0..9).map(|n| format!(r#""x{n}":{{{}}}"#, apart[n].replace("\"a\"", "\"y\""))).collect::<Vec<_>>();
    let many: Vec<String> = (0..9_000).map(|n| format!(r#"{{"y":[{{"b{}":1,"c{}":1}}]}}"#, n % 9, n % 7)).collect();
    let fields: Vec<String> =
        (0..9).map(|n| format!(r#""x{n}":[{}]"#, many[n * 1_000..(n + 1) * 1_000].join(","))).collect();
    decides(&format!("{{{}}}", nine.join(",")), &[&format!("{{{}}}", fields.join(","))], &[]);
    let ways: Vec<String> = (0..12).map(|n| format!(r#""n{n}":[1]"#)).collect();
    let some: Vec<String> = (0..12).map(|n| format!(r#"{{"n{n}":1}}"#)).collect();
    let ambiguous = format!(r#"{{"a":{{"b":[{0}],"b.c":[{0}]}},"a.b":[{0}]}}"#, some.join(","));
    decides(&format!(r#"{{"a":{{"b":{{{}}}}}}}"#, ways.join(",")), &[], &[&ambiguous]);
    let absent = format!(r#"{{"a":[{}{{"b":{{"c":1}}}}]}}"#, r#"{"b":{"c":1}},"#.repeat(10_000));
    decides(r#"{"a":{"b":{"c":[{"exists":false}]}}}"#, &[], &[&absent]);
    assert!(started.elapsed() < std::time::Duration::from_secs(20));
}

fn any_rule() -> impl Strategy<Value = String> {
    prop_oneof![
        r#""[ab*]{0,3}"|-?[1-9]{1,3}|true|null"#,
        r#"\{"(prefix|suffix|equals-ignore-case|wildcard|anything-but)":"([ab*]|\\\\){0,4}"\}"#,
        r#"\{"(numeric|exists|cidr|anything-but|prefix)":(\["[<>=]{1,2}",[0-9]\]|true|"10\.0\.0\.0/8"|\{"prefix":"a"\})\}"#,
    ]
}

proptest! {
    #[test]
    fn any_filter_is_survived_and_written_as_it_was(
        rules in proptest::collection::vec(any_rule(), 0..4),
        shape in 0..4,
        value in r#"("[ab]{0,3}"|[0-9]|null|\[1,\["a"\]\]|\{"b":\[1,"a"\]\})"#,
    ) {
        let rules = rules.join(" , ");
        let json = match shape {
            0 => format!(r#"{{"a":[{rules}]}}"#),
            1 => format!(r#"{{"a":{{"b":[{rules}]}} }}"#),
            2 => format!(r#"{{"$or":[{{"a":[{rules}]}},{{"c":[1]}}]}}"#),
            _ => format!(r#"[{rules}]"#),
        };
        let filter: Filter = serde_json::from_str(&json).unwrap();
        prop_assert_eq!(&serde_json::to_string(&filter).unwrap(), &json);
        prop_assert_eq!(&serde_json::from_str::<Filter>(&json).unwrap(), &filter);
        let data = data(&format!(r#"{{"a":{value}}}"#));
        prop_assert_eq!(filter.admits(&data), filter.explain(&data).is_empty());
    }

    #[test]
    fn a_filter_of_the_published_values_admits_them(text in "\\PC{0,10}", number in any::<i64>()) {
        let data = serde_json::json!({"a": text, "b": {"c": number}});
        let rules = serde_json::json!({"a": [text], "b": {"c": [number]}});
        let data = RawValue::from_string(data.to_string()).unwrap();
        prop_assert!(filter(&rules.to_string()).admits(&data));
    }
}
