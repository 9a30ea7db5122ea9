//! JSON Schemas mean here what the table says they mean, and so they do to Ajv
//! and to Python's `jsonschema`; where these differ, whoever writes the schema
//! is warned.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use tests::world::{OPERATOR, World};

use crate::tools::{available, once, run};

const PACKAGE: &str = include_str!("validators/package.json");
const LOCK: &str = include_str!("validators/package-lock.json");
const IN_NODE: &str = include_str!("validators/check.mjs");
const IN_PYTHON: &str = include_str!("validators/check.py");
const PYTHON_PACKAGE: &str = "jsonschema==4.26.0";

/// Schema, data, and what is said to it here, by Ajv and by Python.
fn cases() -> Vec<[String; 5]> {
    let rows: Vec<Value> = serde_json::from_str(include_str!("validators/cases.json")).unwrap();
    let text = |row: &Value, n: usize| row[n].as_str().unwrap().to_owned();
    rows.iter().map(|row| std::array::from_fn(|n| text(row, n))).collect()
}

/// What a program says to each schema and its data.
fn ask(program: &mut Command) -> Vec<String> {
    let lines: String = cases().iter().map(|[schema, data, ..]| format!("{schema}\t{data}\n")).collect();
    let mut child = program.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{program:?}");
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

fn ajv() -> anyhow::Result<PathBuf> {
    run(Command::new("node").arg("--version"))?;
    once("ajv", &format!("{PACKAGE}{LOCK}{IN_NODE}"), |folder| {
        fs::write(folder.join("package.json"), PACKAGE)?;
        fs::write(folder.join("package-lock.json"), LOCK)?;
        fs::write(folder.join("check.mjs"), IN_NODE)?;
        run(Command::new("npm").args(["ci", "--no-audit", "--no-fund", "--ignore-scripts"]).current_dir(folder))
    })
}

fn python() -> anyhow::Result<PathBuf> {
    once("python-jsonschema", &format!("{PYTHON_PACKAGE}{IN_PYTHON}"), |folder| {
        fs::write(folder.join("check.py"), IN_PYTHON)?;
        run(Command::new("python3").args(["-m", "venv", "venv"]).current_dir(folder))?;
        let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", PYTHON_PACKAGE];
        run(Command::new(Path::new("venv/bin/python")).args(pip).current_dir(folder))
    })
}

#[track_caller]
fn assert_said(said: &[String], column: usize) {
    let cases = cases();
    assert_eq!(said.len(), cases.len());
    let wrong: Vec<_> = cases.iter().zip(said).filter(|(case, said)| case[column] != **said).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn ajv_says_of_each_schema_in_the_table_what_the_table_says() {
    if let Some(folder) = available("Ajv (Node and npm)", "REQUIRE_NODE_TESTS", ajv()) {
        assert_said(&ask(Command::new("node").arg("check.mjs").current_dir(folder)), 3);
    }
}

#[test]
fn python_says_of_each_schema_in_the_table_what_the_table_says() {
    if let Some(folder) = available("Python's jsonschema", "REQUIRE_NODE_TESTS", python()) {
        let python = folder.join("venv/bin/python");
        assert_said(&ask(Command::new(python).arg("check.py").current_dir(folder)), 4);
    }
}

#[tokio::test]
async fn who_writes_a_schema_about_which_validators_differ_is_warned() {
    let world = World::new().await;
    let (mut said, mut unwarned) = (Vec::new(), Vec::new());
    for [schema, data, ours, ajv, python] in cases() {
        let entry = format!(r#"{{"name":"post.published","schema":{schema}}}"#);
        let made = world.call("POST", "/v1/tenants/acme/event-types", Some(OPERATOR), entry).await;
        if made.status != 201 {
            said.push("refused".to_owned());
            continue;
        }
        let warnings = made.json()["warnings"].as_array().cloned().unwrap_or_default();
        // Of a number beyond 2^53 in the data nobody knows when the schema is written.
        let is_about_data = data == "9007199254740993" && schema == r#"{"multipleOf":3}"#;
        if (ours != ajv || ours != python) && warnings.is_empty() && !is_about_data {
            unwarned.push(format!("{schema} on {data}: {ours}, {ajv} and {python}"));
        }
        let path = "/v1/tenants/acme/event-types/post.published";
        assert!(world.get(path).await.expect(200).json().get("warnings").is_none(), "{schema}");
        let event = format!(r#"{{"type":"post.published","data":{data}}}"#);
        let published = world.call("POST", "/v1/tenants/acme/events", Some(OPERATOR), event).await;
        said.push(if published.status == 202 { "valid" } else { "invalid" }.to_owned());
        world.delete(path).await.expect(204);
    }
    assert_said(&said, 2);
    assert!(unwarned.is_empty(), "{unwarned:#?}");
}

#[tokio::test]
async fn a_schema_that_all_read_alike_gives_no_warning() {
    let world = World::new().await;
    let schema = json!({
        "type": "object", "required": ["id"], "additionalProperties": false, "$defs": { "x-ray": true },
        "properties": { "id": { "type": "integer", "minimum": 1 }, "name": { "pattern": "^[a-z]{2,5}" },
            "nullable": true, "format": { "enum": ["a", null], "default": "a", "examples": ["x"] } },
    });
    let made = world.post("/v1/event-types", json!({ "name": "a", "schema": schema })).await.expect(201).json();
    assert!(made.get("warnings").is_none(), "{made}");
}

#[tokio::test]
async fn changes_and_imports_warn_too_and_name_the_place() {
    let world = World::new().await;
    world.post("/v1/event-types", json!({ "name": "a" })).await.expect(201);
    let schema = json!({ "properties": { "price": { "multipleOf": 0.01 } } });
    let changed = world.patch("/v1/event-types/a", json!({ "schema": schema })).await.expect(200).json();
    assert_eq!(changed["warnings"][0]["field"], "schema.properties.price.multipleOf", "{changed}");
    let document = json!({ "event_types": [{ "name": "b" }, { "name": "a", "schema": schema }] });
    let imported = world.call("PUT", "/v1/catalogue", Some(OPERATOR), document.to_string()).await.expect(200).json();
    assert_eq!(imported["warnings"][0]["field"], "event_types[1].schema.properties.price.multipleOf", "{imported}");
    let described = world.patch("/v1/event-types/a", json!({ "description": "x" })).await.expect(200).json();
    assert_eq!(described["warnings"].as_array().map(Vec::len), Some(1), "{described}");
}
