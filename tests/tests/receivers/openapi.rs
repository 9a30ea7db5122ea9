//! The OpenAPI document as linters and generators of clients take it, and what they generate against this server.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use axum::Router;
use serde_json::{Value, json};
use tests::receivers;
use tests::server::Server;
use tests::world::OPERATOR;
use tokio::net::TcpListener;
use tokio::process::Command;

/// The newest of each that Node 20 runs.
const NODE: [&str; 6] = [
    "@hey-api/openapi-ts@0.94.0",
    "@redocly/cli@2.77.0",
    "@stoplight/spectral-cli@6.16.3",
    "openapi-fetch@0.17.0",
    "openapi-typescript@7.13.0",
    "typescript@5.9.3",
];
const PYTHON: [&str; 1] = ["openapi-python-client==0.29.1"];

fn source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("receivers/openapi").join(name)
}

async fn document(server: &Server) -> String {
    let answer = reqwest::get(format!("http://{}/openapi.json", server.address)).await.unwrap();
    answer.error_for_status().unwrap().text().await.unwrap()
}

/// Of a tenant whose catalogue has schemas that refer to their parts.
async fn document_of_tenant(server: &Server) -> String {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let post = async |path: &str, body: Value| {
        let request = client.post(format!("http://{}{path}", server.address)).bearer_auth(OPERATOR);
        request.body(body.to_string()).send().await.unwrap().error_for_status().unwrap();
    };
    post("/v1/tenants", json!({ "id": "shop", "name": "A shop" })).await;
    let line = json!({ "type": "object", "required": ["sku"], "properties": { "sku": { "type": "string" } } });
    let schema = json!({
        "type": "object", "required": ["id", "lines"], "$defs": { "line": line },
        "properties": {
            "id": { "type": "integer" }, "lines": { "type": "array", "items": { "$ref": "#/$defs/line" } },
        },
    });
    let paid = json!({ "name": "order.paid", "description": "An order was paid", "schema": schema,
        "example": { "id": 1, "lines": [{ "sku": "a" }] } });
    for entry in
        [paid, json!({ "name": "order.sent", "deprecated": true }), json!({ "name": "anything", "schema": true })]
    {
        post("/v1/tenants/shop/event-types", entry).await;
    }
    let answer = client.get(format!("http://{}/v1/tenants/shop/openapi.json", server.address)).bearer_auth(OPERATOR);
    answer.send().await.unwrap().error_for_status().unwrap().text().await.unwrap()
}

fn operations(document: &str) -> usize {
    let document: Value = serde_json::from_str(document).unwrap();
    document["paths"].as_object().unwrap().values().map(|methods| methods.as_object().unwrap().len()).sum()
}

/// A folder of its own, emptied, with the document in it. What is above it has the packages.
fn folder(place: &Path, name: &str, document: &str) -> PathBuf {
    let folder = place.join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("openapi.json"), document).unwrap();
    folder
}

/// Longer than any of them takes.
const PATIENCE: Duration = Duration::from_secs(600);

async fn run(mut program: Command) -> String {
    program.env("REDOCLY_TELEMETRY", "off").env("REDOCLY_SUPPRESS_UPDATE_NOTICE", "true");
    let output = program.stdin(Stdio::null()).kill_on_drop(true).output();
    let Output { status, stdout, stderr } = tokio::time::timeout(PATIENCE, output).await.expect("it ends").unwrap();
    let (told, wrong) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert!(status.success(), "{program:?}: {told}{wrong}");
    told.into_owned()
}

fn tool(place: &Path, name: &str, folder: &Path) -> Command {
    let mut tool = Command::new(place.join("node_modules/.bin").join(name));
    tool.current_dir(folder);
    tool
}

/// Runs a program until its end, with the server's address, the operator's key and an endpoint that takes everything.
async fn journey(server: &Server, mut program: Command) {
    let endpoint = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", endpoint.local_addr().unwrap());
    let taking = tokio::spawn(async move { axum::serve(endpoint, Router::new().fallback(async || "thanks")).await });
    program.args([&format!("http://{}", server.address), OPERATOR, &url]);
    let told = run(program).await;
    taking.abort();
    assert_eq!(told.trim_end(), "done");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_linters_find_nothing_to_say_about_both_documents() {
    let Some(place) = receivers::node("openapi", &NODE) else { return };
    let server = Server::start().await;
    lint(&place, &folder(&place, "linted", &document(&server).await)).await;
    lint(&place, &folder(&place, "linted-webhooks", &document_of_tenant(&server).await)).await;
}

async fn lint(place: &Path, folder: &Path) {
    let mut spectral = tool(place, "spectral", folder);
    spectral.args(["lint", "openapi.json", "--fail-severity", "hint", "--ruleset"]).arg(source("spectral.yaml"));
    run(spectral).await;
    let mut redocly = tool(place, "redocly", folder);
    redocly.args(["lint", "openapi.json", "--format", "json", "--config"]).arg(source("redocly.yaml"));
    let told: Value = serde_json::from_str(&run(redocly).await).unwrap();
    assert_eq!((&told["totals"]["errors"], &told["totals"]["warnings"]), (&0.into(), &0.into()), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_are_generated_in_typescript_have_every_operation_and_work() {
    let Some(place) = receivers::node("openapi", &NODE) else { return };
    let server = Server::start().await;
    let document = document(&server).await;
    let folder = folder(&place, "clients", &document);
    let mut types = tool(&place, "openapi-typescript", &folder);
    types.args(["openapi.json", "--output", "api.d.ts"]);
    run(types).await;
    let mut sdk = tool(&place, "openapi-ts", &folder);
    sdk.args(["--input", "openapi.json", "--output", "hey", "--no-log-file"]);
    run(sdk).await;

    let types = fs::read_to_string(folder.join("api.d.ts")).unwrap();
    let named = types.lines().filter(|line| line.contains(": operations[\"")).count();
    let sdk = fs::read_to_string(folder.join("hey/sdk.gen.ts")).unwrap();
    let functions = sdk.lines().filter(|line| line.starts_with("export const ")).count();
    let (operations, webhooks) = (operations(&document), 10);
    assert_eq!((named, functions), (operations + webhooks, operations));
    assert!(sdk.contains("export const hooksCreate ") && sdk.contains("export const deliveriesRetry "));

    for program in ["generated.ts", "typed.ts"] {
        fs::copy(source(program), folder.join(program)).unwrap();
    }
    let mut compiler = tool(&place, "tsc", &folder);
    compiler.args(["--strict", "--skipLibCheck", "--target", "es2022", "--lib", "es2022,dom,dom.iterable"]);
    compiler.args(["--module", "commonjs", "--moduleResolution", "node10", "--esModuleInterop", "--outDir", "out"]);
    compiler.args(["generated.ts", "typed.ts"]);
    run(compiler).await;
    for program in ["generated.js", "typed.js"] {
        let mut node = Command::new("node");
        node.arg(folder.join("out").join(program));
        journey(&server, node).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_is_generated_in_python_has_every_operation_and_works() {
    let Some(python) = receivers::python("openapi", &PYTHON) else { return };
    let server = Server::start().await;
    let document = document(&server).await;
    let folder = folder(python.parent().unwrap().parent().unwrap(), "clients", &document);
    let mut generator = Command::new(python.with_file_name("openapi-python-client"));
    generator.args(["generate", "--path", "openapi.json", "--output-path", "hookline", "--meta", "none"]);
    generator.args(["--fail-on-warning", "--config"]).arg(source("python.yaml")).current_dir(&folder);
    run(generator).await;

    let tags = fs::read_dir(folder.join("hookline/api")).unwrap();
    let modules = tags.flat_map(|tag| fs::read_dir(tag.unwrap().path()).into_iter().flatten());
    let names = modules.map(|module| module.unwrap().file_name().into_string().unwrap());
    assert_eq!(names.filter(|name| name.ends_with(".py") && name != "__init__.py").count(), operations(&document));

    fs::copy(source("generated.py"), folder.join("generated.py")).unwrap();
    let mut program = Command::new(python);
    program.arg(folder.join("generated.py"));
    journey(&server, program).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn types_for_receivers_are_generated_in_typescript_from_both_documents() {
    let Some(place) = receivers::node("openapi", &NODE) else { return };
    let server = Server::start().await;
    let folder = folder(&place, "receivers", &document_of_tenant(&server).await);
    fs::write(folder.join("own.json"), document(&server).await).unwrap();
    for (from, to, sdk) in [("openapi.json", "shop.d.ts", "shop"), ("own.json", "own.d.ts", "own")] {
        let mut types = tool(&place, "openapi-typescript", &folder);
        types.args([from, "--output", to]);
        run(types).await;
        let mut hey = tool(&place, "openapi-ts", &folder);
        hey.args(["--input", from, "--output", sdk, "--no-log-file"]);
        run(hey).await;
    }
    fs::copy(source("receiver.ts"), folder.join("receiver.ts")).unwrap();
    let mut compiler = tool(&place, "tsc", &folder);
    compiler.args(["--strict", "--skipLibCheck", "--target", "es2022", "--lib", "es2022,dom,dom.iterable"]);
    compiler.args(["--module", "commonjs", "--moduleResolution", "node10", "--noEmit", "receiver.ts"]);
    run(compiler).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn types_for_receivers_are_generated_in_python_from_a_tenants_document() {
    let Some(python) = receivers::python("openapi", &PYTHON) else { return };
    let document = document_of_tenant(&Server::start().await).await;
    let folder = folder(python.parent().unwrap().parent().unwrap(), "receivers", &document);
    let mut generator = Command::new(python.with_file_name("openapi-python-client"));
    generator.args(["generate", "--path", "openapi.json", "--output-path", "shop", "--meta", "none"]);
    generator.args(["--fail-on-warning", "--config"]).arg(source("python.yaml")).current_dir(&folder);
    run(generator).await;
    fs::copy(source("receiver.py"), folder.join("receiver.py")).unwrap();
    let mut program = Command::new(python);
    program.arg(folder.join("receiver.py"));
    assert_eq!(run(program).await.trim_end(), "done");
}
