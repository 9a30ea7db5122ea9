//! At every moment of a rotation a receiver that verifies as documented does so
//! with one of the two secrets, and the change-over is when it was chosen to be.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tests::receivers;
use tests::world::{OPERATOR, Sent, TENANT, World};

const OLD: &str = "the-old-secret-of-this-hook";
const NEW: &str = "the-new-secret-of-this-hook";
const HOUR: u64 = 3_600;

struct Receiver {
    process: Child,
    port: u16,
}

impl Receiver {
    fn node() -> Option<Self> {
        let mut node = receivers::node_script("octokit", &["@octokit/webhooks-methods@6.0.0"], "receiver.mjs")?;
        Some(Self::start(&mut node))
    }

    fn flask() -> Option<Self> {
        let python = receivers::python("flask", &["flask==3.1.2"])?;
        Some(Self::start(Command::new(python).arg(receivers::script("receiver.py"))))
    }

    fn start(command: &mut Command) -> Self {
        command.args([OLD, NEW]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = command.spawn().unwrap();
        let mut port = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut port).unwrap();
        Self { port: port.trim().parse().expect("it prints its port"), process }
    }

    /// The secrets with which it verifies this request, whose lines arrive as they left.
    fn verified(&self, system: &str, sent: &Sent) -> String {
        let mut request = format!("{} /{system} HTTP/1.1\r\nconnection: close\r\n", sent.method);
        for (name, value) in &sent.headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        if sent.values("host").is_empty() {
            request.push_str("host: 127.0.0.1\r\n");
        }
        if sent.values("content-length").is_empty() {
            request.push_str(&format!("content-length: {}\r\n", sent.body.len()));
        }
        request.push_str("\r\n");
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        stream.write_all(&[request.as_bytes(), &sent.body].concat()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.") && answer.contains(" 200 OK"), "{answer}");
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        // Node may send it in one chunk.
        body.lines().find(|line| line.contains("secret")).unwrap_or_default().to_owned()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

struct Rotating {
    world: World,
    path: String,
}

impl Rotating {
    async fn begin(system: &str, rotation: Value) -> Self {
        let world = World::new().await;
        let hooks = format!("/v1/tenants/{TENANT}/hooks");
        let hook = json!({ "profile": system, "name": "Hook", "url": "https://customer.example.com/in",
                           "events": ["*"], "secret": OLD });
        let hook = world.post(&hooks, hook).await.expect(201).json();
        let path = format!("{hooks}/{}/secret", hook["id"].as_str().unwrap());
        let case = Self { world, path };
        assert_eq!(case.request().await.values("host").len(), 1);
        let mut body = json!({ "secret": NEW });
        body.as_object_mut().unwrap().extend(rotation.as_object().unwrap().clone());
        case.world.post(&format!("{}/rotate", case.path), body).await.expect(200);
        case
    }

    async fn request(&self) -> Sent {
        self.world.publish(json!({ "type": "post.published", "data": { "n": 1.50, "ä": ["é", null] } })).await;
        self.world.drain().await;
        self.world.endpoint.seen().pop().expect("a request")
    }

    async fn cut_over(&self) {
        self.world.call("POST", &format!("{}/cutover", self.path), Some(OPERATOR), "").await.expect(200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_the_two_secrets_verifies_at_every_moment_of_a_rotation() {
    let (Some(node), Some(flask)) = (Receiver::node(), Receiver::flask()) else { return };
    for system in ["github", "automrktr", "autosend", "oktopost"] {
        for (rotation, at_first, at_the_end) in [
            (json!({ "overlap": HOUR }), NEW, NEW),
            (json!({ "overlap": HOUR, "cutover": "at_once" }), NEW, NEW),
            (json!({ "overlap": HOUR, "cutover": "at_end" }), OLD, NEW),
            (json!({ "cutover": "manual" }), OLD, OLD),
        ] {
            let case = Rotating::begin(system, rotation.clone()).await;
            let check = |sent: &Sent, expected: &str| {
                assert_eq!(node.verified(system, sent), expected, "Node, {system}, {rotation}");
                assert_eq!(flask.verified(system, sent), expected, "Flask, {system}, {rotation}");
            };
            check(&case.request().await, at_first);
            case.world.clock.advance(Duration::from_secs(HOUR - 1));
            check(&case.request().await, at_first);
            case.world.clock.advance(Duration::from_secs(1));
            check(&case.request().await, at_the_end);
            case.world.clock.advance(Duration::from_secs(365 * 24 * HOUR));
            check(&case.request().await, at_the_end);
            case.cut_over().await;
            check(&case.request().await, NEW);
        }
    }
}
