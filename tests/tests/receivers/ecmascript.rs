//! Bodies written as ECMAScript writes them, compared with what Node makes of
//! them, byte for byte.

use std::io::Write as _;
use std::process::{Command, Stdio};

use domain::ecmascript::rewrite;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;

const DOCUMENTS: u32 = 10_000;
/// A document a line, in and out. No document holds a line break.
const AGAIN: &str = "
const lines = require('fs').readFileSync(0, 'utf8').split('\\n');
lines.pop();
process.stdout.write(lines.map((line) => JSON.stringify(JSON.parse(line)) + '\\n').join(''));
";

/// Numbers near everything at which their form changes, and any double.
fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => r"-?(0|[1-9][0-9]{0,24})(\.[0-9]{1,24})?([eE][+-]?[0-9]{1,3})?",
        2 => r"-?0\.0{0,8}[0-9]{1,18}",
        2 => any::<u64>().prop_map(f64::from_bits).prop_filter("JSON has finite numbers only", |x| x.is_finite())
            .prop_map(|x| format!("{x:e}")),
        1 => any::<u64>().prop_map(f64::from_bits).prop_filter("JSON has finite numbers only", |x| x.is_finite())
            .prop_map(|x| format!("{x}")),
        1 => any::<i64>().prop_map(|n| n.to_string()),
        1 => (0_i32..1_075, 0_u8..3).prop_map(|(power, off)| {
            // Powers of two and their neighbours, where the gap between doubles changes.
            let bits = 2_f64.powi(-power).to_bits().wrapping_add(u64::from(off)).wrapping_sub(1);
            format!("{:e}", f64::from_bits(bits).abs().min(f64::MAX))
        }),
        1 => (0_u32..60).prop_map(|power| format!("{}", (1_u128 << power) + u128::from(power % 3))),
    ]
}

fn string() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        3 => "[ a-z<>&/'$_0-9]{1,4}",
        1 => r"\\u[0-9a-fA-F]{4}",
        1 => r"\\u[dD][89abAB][0-9a-f]{2}",
        1 => r"\\u[dD][c-fC-F][0-9a-f]{2}",
        1 => r"\\u00[0-7][0-9A-F]",
        1 => r#"\\["\\/bfnrt]"#,
        1 => "[é\u{7f}\u{2028}\u{2029}\u{feff}\u{10ffff}😀]",
    ];
    proptest::collection::vec(piece, 0..5).prop_map(|pieces| format!("\"{}\"", pieces.concat()))
}

fn key() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => string(),
        2 => "\"[ab]\"",
        1 => r#""\\u006[12]""#,
        3 => "\"(0|[1-9][0-9]{0,10})\"",
        1 => "\"(0[0-9]|-1|1\\.0|1e3|42949672(94|95|96))\"",
        1 => "\"(__proto__|constructor|toJSON|length|hasOwnProperty)\"",
    ]
}

fn document() -> impl Strategy<Value = String> {
    let space = "[ \t\r]{0,2}";
    let leaf = prop_oneof![3 => number(), 3 => string(), 1 => "true|false|null"];
    leaf.prop_recursive(4, 24, 6, move |inner| {
        let list = proptest::collection::vec((space, inner.clone(), space), 0..6).prop_map(|items| {
            let items: Vec<String> = items.into_iter().map(|(a, item, b)| [a, item, b].concat()).collect();
            format!("[{}]", items.join(","))
        });
        let object = proptest::collection::vec((space, key(), space, inner), 0..10).prop_map(|members| {
            let member =
                |(a, key, b, value): (String, String, String, String)| [a, key, b, ":".to_owned(), value].concat();
            format!("{{{}}}", members.into_iter().map(member).collect::<Vec<_>>().join(","))
        });
        prop_oneof![1 => list, 2 => object]
    })
}

#[test]
fn ten_thousand_documents_are_written_as_node_writes_them() {
    let Some(_) = tests::receivers::node("plain", &[]) else { return };
    let mut runner = tests::property_runner(DOCUMENTS, "HOOKLINE_ECMASCRIPT_CASES");
    let (cases, strategy) = (runner.config().cases, document());
    let documents: Vec<String> = (0..cases).map(|_| strategy.new_tree(&mut runner).unwrap().current()).collect();
    let mut node =
        Command::new("node").args(["-e", AGAIN]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = node.stdin.take().unwrap();
    let lines = documents.join("\n") + "\n";
    let feeding = std::thread::spawn(move || input.write_all(lines.as_bytes()));
    let output = node.wait_with_output().unwrap();
    feeding.join().unwrap().unwrap();
    let written = String::from_utf8(output.stdout).unwrap();
    assert_eq!(written.lines().count(), documents.len(), "Node read all of them");
    for (document, expected) in documents.iter().zip(written.lines()) {
        let mut ours = Vec::new();
        rewrite(document, &mut ours);
        assert_eq!(String::from_utf8(ours).unwrap(), expected, "{document}");
    }
}
