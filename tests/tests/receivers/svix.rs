//! Programs that were written with Svix's SDKs, against this server: each goes through every operation with
//! its options, gets real requests and verifies them with the SDK's own `Webhook`.

use std::process::Stdio;

use tests::receivers;
use tests::server::Server;
use tests::world::OPERATOR;
use tokio::process::Command;

/// Runs a program until its end, with the server's address and a key.
async fn run(mut program: Command) {
    let server = Server::start().await;
    let url = format!("http://{}", server.address);
    let program = program.args([&url, OPERATOR]).stdin(Stdio::null()).kill_on_drop(true);
    let output = program.output().await.unwrap();
    let (told, wrong) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && told.trim_end().ends_with("done"), "{told}{wrong}");
}

async fn python(version: &str) {
    let Some(python) = receivers::python(&format!("svix-{version}"), &[&format!("svix=={version}")]) else { return };
    let mut program = Command::new(python);
    program.arg(receivers::script("svix/journey.py"));
    run(program).await;
}

async fn node(version: &str) {
    let (name, package) = (format!("svix-{version}"), format!("svix@{version}"));
    let Some(program) = receivers::node_script(&name, &[&package], "svix/journey.mjs") else { return };
    run(program.into()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_generation_of_svix_for_python_finds_every_operation() {
    python("1.99.1").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_generation_of_svix_for_python_finds_every_operation() {
    python("2.9.1").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_generation_of_svix_for_javascript_finds_every_operation() {
    node("1.99.1").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_generation_of_svix_for_javascript_finds_every_operation() {
    node("2.5.0").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn svix_for_go_finds_every_operation() {
    let Some(program) = receivers::go("svix", &receivers::script("svix/go")) else { return };
    run(Command::new(program)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_generation_of_svix_for_rust_finds_every_operation() {
    let Some(program) = receivers::rust("svix", &receivers::script("svix/rust")) else { return };
    run(Command::new(program)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn svix_for_java_finds_every_operation() {
    let Some(place) = receivers::java("svix", &receivers::script("svix/java"), "Journey") else { return };
    let mut program = Command::new("java");
    program.args(["-cp", "lib/*:.", "Journey"]).current_dir(place);
    run(program).await;
}
