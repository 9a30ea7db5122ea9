//! Receivers that know the address of a tenant's keys and nothing else.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tests::receivers;
use tests::world::{Sent, World};
use tokio::net::TcpListener;

const OVERLAP: u64 = 600;

/// A program that is handed a request a line, and says which key verified it.
pub(super) struct Verifier {
    process: Child,
    answers: BufReader<ChildStdout>,
}

impl Verifier {
    pub(super) fn start(mut program: Command, arguments: &[String]) -> Self {
        program.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = program.spawn().unwrap();
        let answers = BufReader::new(process.stdout.take().unwrap());
        Self { process, answers }
    }

    pub(super) fn verify(&mut self, sent: &Sent) -> String {
        let headers: serde_json::Map<String, Value> =
            sent.headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), json!(value))).collect();
        let request = json!({ "method": sent.method, "url": sent.url, "headers": headers, "body": sent.text() });
        let input = self.process.stdin.as_mut().unwrap();
        writeln!(input, "{request}").unwrap();
        input.flush().unwrap();
        let mut answer = String::new();
        self.answers.read_line(&mut answer).unwrap();
        answer.trim().to_owned()
    }
}

impl Drop for Verifier {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

/// The API on a socket, as receivers reach it.
pub(super) async fn served(world: &World) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = world.router();
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}

async fn send(world: &World) -> Sent {
    world.publish(json!({ "type": "a", "data": { "text": "\u{e4}\u{20ac}" } })).await;
    world.drain().await;
    world.endpoint.seen().pop().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn receivers_that_know_only_the_address_verify_through_two_rotations() {
    let Some(node) = receivers::node_script("jose", &["jose@6.2.18"], "jwks.mjs") else { return };
    let Some(python) = receivers::python("pyjwt", &["pyjwt[crypto]==2.15.1"]) else { return };
    let mut program = Command::new(python);
    program.arg(receivers::script("jwks.py"));
    let world = World::new().await;
    let signatures = json!([{ "scheme": "v1" }, { "scheme": "v1a", "key_id_header": "webhook-key-id" }]);
    let hook = world.hook(json!({ "signatures": signatures, "secret": WHSK })).await;
    let address = format!("{}/v1/tenants/acme/.well-known/jwks.json", served(&world).await);
    let mut verifiers = [Verifier::start(node, std::slice::from_ref(&address)), Verifier::start(program, &[address])];
    let mut known = Vec::new();
    let mut check = |sent: &Sent, keys: usize| {
        let ids: Vec<String> = sent.header("webhook-key-id").unwrap().split(' ').map(str::to_owned).collect();
        assert_eq!(ids.len(), keys);
        for verifier in &mut verifiers {
            assert_eq!(verifier.verify(sent), ids.join(" "), "each signature by the key that is named for it");
        }
        let mut forged = sent.clone();
        forged.body = br#"{"forged":true}"#.to_vec().into();
        for verifier in &mut verifiers {
            assert_eq!(verifier.verify(&forged), "none");
        }
        known.push(ids[0].clone());
    };
    check(&send(&world).await, 1);
    for _ in 0..2 {
        let path = format!("{}/secret/rotate", hook.path());
        world.post(&path, json!({ "overlap": OVERLAP })).await.expect(200);
        world.clock.advance(Duration::from_secs(10));
        check(&send(&world).await, 2);
        world.clock.advance(Duration::from_secs(OVERLAP));
        check(&send(&world).await, 1);
    }
    known.dedup();
    assert_eq!(known.len(), 3, "the first key and one of each rotation");
}

const WHSK: &str = "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==";
