//! Events of the Model Context Protocol beside a server that works with ChatGPT, and by the clients there are.

use std::process::Stdio;
use std::time::Duration;

use tests::receivers;
use tests::server::Server;
use tests::world::OPERATOR;
use tokio::process::Command;

/// Longer than any of them takes, what it installs included.
const PATIENCE: Duration = Duration::from_secs(600);

async fn run(mut program: Command) {
    let server = Server::start().await;
    let url = format!("http://{}", server.address);
    let output = program.args([&url, OPERATOR]).stdin(Stdio::null()).kill_on_drop(true).output();
    let output = tokio::time::timeout(PATIENCE, output).await.expect("it ends").unwrap();
    let (told, wrong) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && told.trim_end().ends_with("done"), "{told}{wrong}");
}

#[tokio::test(flavor = "multi_thread")]
async fn mcp_webhook_events_answers_and_sends_the_same() {
    let packages = ["mcp==2.3.0", "mcp-webhook-events==0.2.0", "uvicorn==0.54.0"];
    let Some(python) = receivers::python("mcp", &packages) else { return };
    let mut program = Command::new(python);
    program.arg(receivers::script("mcp_events.py"));
    run(program).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ai_sdk_subscribes_receives_and_refreshes() {
    let Some(program) = receivers::node_script("mcp", &["@ai-sdk/mcp@2.0.99"], "mcp_events.mjs") else { return };
    run(program.into()).await;
}
