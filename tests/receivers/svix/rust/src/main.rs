//! Every operation of Svix's SDK for Rust against a server at the first argument, with the operator's key, the
//! second; what endpoints get is verified by the SDK's own `Webhook`. Prints `done` at its end.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use chrono::Utc;
use http::{HeaderMap, HeaderName};
use serde_json::json;
use svix::api::*;
use svix::models::*;
use svix::{Error, Svix, Webhook};

struct Got {
    path: String,
    headers: HeaderMap,
    body: Vec<u8>,
}

/// What endpoints got, and which statuses they answer next; 200 after that.
#[derive(Default)]
struct Receiver {
    got: Mutex<Vec<Got>>,
    answers: Mutex<Vec<(String, u16)>>,
}

impl Receiver {
    fn start() -> (String, Arc<Self>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (home, receiver) = (format!("http://{}", listener.local_addr().unwrap()), Arc::new(Self::default()));
        let shared = Arc::clone(&receiver);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let receiver = Arc::clone(&shared);
                thread::spawn(move || receiver.serve(stream));
            }
        });
        (home, receiver)
    }

    fn serve(&self, mut stream: TcpStream) {
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let mut line = String::new();
        while reader.read_line(&mut line).unwrap_or_default() > 0 {
            let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
            let mut headers = HeaderMap::new();
            loop {
                line.clear();
                reader.read_line(&mut line).unwrap();
                let Some((name, value)) = line.trim_end().split_once(": ") else { break };
                headers.append(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
            }
            let length = headers.get("content-length").map_or(0, |text| text.to_str().unwrap().parse().unwrap());
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            let mut answers = self.answers.lock().unwrap();
            let next = answers.iter().position(|(of, _)| *of == path);
            let status = next.map_or(200, |next| answers.remove(next).1);
            drop(answers);
            self.got.lock().unwrap().push(Got { path, headers, body });
            write!(stream, "HTTP/1.1 {status} X\r\ncontent-length: 6\r\n\r\nthanks").unwrap();
            line.clear();
        }
    }

    fn count(&self, path: &str) -> usize {
        self.got.lock().unwrap().iter().filter(|got| got.path == path).count()
    }
}

fn refused<T>(status: u16, answer: Result<T, Error>) {
    match answer {
        Err(Error::Http(refusal)) => assert_eq!(refusal.status.as_u16(), status),
        Err(Error::Validation(refusal)) => assert_eq!(refusal.status.as_u16(), status),
        Err(other) => panic!("expected {status}: {other:?}"),
        Ok(_) => panic!("expected {status}"),
    }
}

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    for _ in 0..600 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("waited in vain until {what}");
}

fn text(text: &str) -> String {
    text.to_owned()
}

fn set(items: &[&str]) -> Option<BTreeSet<String>> {
    Some(items.iter().map(|item| text(item)).collect())
}

fn map(name: &str, value: &str) -> BTreeMap<String, String> {
    BTreeMap::from([(text(name), text(value))])
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let (url, key) = (std::env::args().nth(1).unwrap(), std::env::args().nth(2).unwrap());
    let client =
        |token: String| Svix::new(token, Some(SvixOptions { server_url: Some(url.clone()), ..Default::default() }));
    let svix = client(key);
    let (home, receiver) = Receiver::start();
    let since = Utc::now() - chrono::TimeDelta::hours(1);
    let uid = text("customer.rust");

    svix.health().get().await.unwrap();
    let given = ApplicationIn {
        uid: Some(uid.clone()),
        metadata: Some(map("plan", "gold")),
        ..ApplicationIn::new(text("Acme"))
    };
    let once = || Some(ApplicationCreateOptions { idempotency_key: Some(text("rust-app-1")) });
    let app = svix.application().create(given.clone(), once()).await.unwrap();
    assert_eq!((app.uid.as_ref(), &app.metadata), (Some(&uid), &map("plan", "gold")));
    assert_eq!(svix.application().create(given.clone(), once()).await.unwrap().id, app.id);
    refused(409, svix.application().create(given.clone(), None).await);
    assert_eq!(svix.application().get_or_create(given.clone(), None).await.unwrap().id, app.id);
    assert_eq!(svix.application().get(app.id.clone()).await.unwrap().name, "Acme");
    let renamed = ApplicationIn { name: text("Acme 2"), ..given };
    assert_eq!(svix.application().upsert(uid.clone(), renamed).await.unwrap().name, "Acme 2");
    let patch = ApplicationPatch { name: Some(text("Acme 3")), ..Default::default() };
    assert_eq!(svix.application().patch(uid.clone(), patch).await.unwrap().name, "Acme 3");
    let listed = Some(ApplicationListOptions { limit: Some(10), ..Default::default() });
    assert!(!svix.application().list(listed).await.unwrap().data.is_empty());
    refused(422, svix.application().create(ApplicationIn::new(String::new()), None).await);

    svix.event_type().create(EventTypeIn::new(text("rust.paid"), text("Paid")), None).await.unwrap();
    assert_eq!(svix.event_type().get(text("rust.paid")).await.unwrap().description, "Paid");
    svix.event_type().upsert(text("rust.other"), EventTypeUpsertIn::new(text("Other"))).await.unwrap();
    let patch = EventTypePatch { deprecated: Some(true), ..Default::default() };
    assert!(svix.event_type().patch(text("rust.other"), patch).await.unwrap().deprecated);
    assert_eq!(svix.event_type().list(None).await.unwrap().data.len(), 2);
    let expunge = Some(EventTypeDeleteOptions { expunge: Some(true) });
    svix.event_type().delete(text("rust.other"), expunge).await.unwrap();

    let first = EndpointIn {
        uid: Some(text("first")),
        event_types: set(&["rust.paid"]),
        channels: set(&["red"]),
        metadata: Some(map("team", "a")),
        throttle_rate: Some(50),
        ..EndpointIn::new(format!("{home}/first"))
    };
    let endpoint = svix.endpoint().create(uid.clone(), first, None).await.unwrap();
    assert_eq!((endpoint.uid.as_deref(), &endpoint.event_types), (Some("first"), &set(&["rust.paid"])));
    assert_eq!(svix.endpoint().get(uid.clone(), text("first")).await.unwrap().id, endpoint.id);
    let second = EndpointUpsertIn { uid: Some(text("second")), ..EndpointUpsertIn::new(format!("{home}/second")) };
    svix.endpoint().upsert(uid.clone(), text("second"), second).await.unwrap();
    let patch = EndpointPatch { description: Some(text("2")), ..Default::default() };
    assert_eq!(svix.endpoint().patch(uid.clone(), text("second"), patch).await.unwrap().description, "2");
    assert_eq!(svix.endpoint().list(uid.clone(), None).await.unwrap().data.len(), 2);
    let headers = EndpointHeadersIn::new(map("x-a", "1"));
    svix.endpoint().set_headers(uid.clone(), text("first"), headers).await.unwrap();
    let headers = EndpointHeadersPatchIn::new(map("x-b", "2"));
    svix.endpoint().patch_headers(uid.clone(), text("first"), headers).await.unwrap();
    assert_eq!(svix.endpoint().get_headers(uid.clone(), text("first")).await.unwrap().headers.len(), 2);

    let said = MessageIn {
        event_id: Some(text("order-1")),
        channels: set(&["red"]),
        tags: set(&["vip"]),
        ..MessageIn::new(text("rust.paid"), json!({ "total": 1.5 }))
    };
    let once = || Some(MessageCreateOptions { idempotency_key: Some(text("rust-msg-1")), ..Default::default() });
    let message = svix.message().create(uid.clone(), said.clone(), once()).await.unwrap();
    assert_eq!(svix.message().create(uid.clone(), said.clone(), once()).await.unwrap().id, message.id);
    refused(409, svix.message().create(uid.clone(), said, None).await);
    for name in ["first", "second"] {
        let path = format!("/{name}");
        until("it has arrived", async || receiver.count(&path) > 0).await;
        let secret = svix.endpoint().get_secret(uid.clone(), text(name)).await.unwrap().key;
        let webhook = Webhook::new(&secret).unwrap();
        let got = receiver.got.lock().unwrap();
        let one = got.iter().find(|got| got.path == path).unwrap();
        webhook.verify(&one.body, &one.headers).unwrap();
        assert!(webhook.verify(&[&one.body[..], b" "].concat(), &one.headers).is_err());
        assert!(["svix-id", "webhook-id"].iter().all(|name| one.headers[*name] == *message.id));
    }
    let tagged = || Some(MessageListOptions { tag: Some(text("vip")), ..Default::default() });
    until("it is listed", async || svix.message().list(uid.clone(), tagged()).await.unwrap().data.len() == 1).await;
    let whole = Some(MessageGetOptions { with_content: Some(true) });
    let read = svix.message().get(uid.clone(), text("order-1"), whole).await.unwrap();
    assert_eq!(read.payload, json!({ "total": 1.5 }));

    receiver.answers.lock().unwrap().push((text("/second"), 500));
    let failing = MessageIn::new(text("rust.paid"), json!({}));
    let failing = svix.message().create(uid.clone(), failing, None).await.unwrap();
    let whole = || Some(MessageAttemptListByMsgOptions { with_content: Some(true), ..Default::default() });
    let attempts =
        async || svix.message_attempt().list_by_msg(uid.clone(), failing.id.clone(), whole()).await.unwrap().data;
    until("it is logged", async || !attempts().await.is_empty()).await;
    let attempt = attempts().await.remove(0);
    assert_eq!((attempt.response_status_code, attempt.response.as_str()), (500, "thanks"));
    let again = svix.message_attempt().get(uid.clone(), failing.id.clone(), attempt.id.clone(), None).await.unwrap();
    assert_eq!(again.id, attempt.id);
    assert_eq!(svix.message_attempt().list_by_endpoint(uid.clone(), text("second"), None).await.unwrap().data.len(), 2);
    let messages = svix.message_attempt().list_attempted_messages(uid.clone(), text("second"), None).await.unwrap();
    assert_eq!(messages.data.len(), 2);
    let places =
        svix.message_attempt().list_attempted_destinations(uid.clone(), message.id.clone(), None).await.unwrap();
    assert_eq!(places.data.len(), 2);
    svix.message_attempt().resend(uid.clone(), failing.id.clone(), text("second"), None).await.unwrap();
    until("it was sent again", async || receiver.count("/second") >= 3).await;

    let rotated = EndpointSecretRotateIn::new();
    let rotated = svix.endpoint().rotate_secret(uid.clone(), text("first"), rotated, None).await.unwrap();
    assert_eq!(rotated.key, svix.endpoint().get_secret(uid.clone(), text("first")).await.unwrap().key);
    let task = svix.endpoint().recover(uid.clone(), text("second"), RecoverIn::new(since), None).await.unwrap();
    let ended = async || svix.background_task().get(task.id.clone()).await.unwrap().status;
    until("it has ended", async || ended().await == BackgroundTaskStatus::Finished).await;
    svix.endpoint().replay_missing(uid.clone(), text("second"), ReplayIn::new(since), None).await.unwrap();
    let tagged = BulkReplayIn { tag: Some(text("vip")), ..BulkReplayIn::new(since) };
    svix.endpoint().bulk_replay(uid.clone(), text("second"), tagged, None).await.unwrap();
    assert!(svix.endpoint().get_stats(uid.clone(), text("second"), None).await.unwrap().success >= 1);
    let example = EventExampleIn::new(text("rust.paid"));
    svix.endpoint().send_example(uid.clone(), text("first"), example, None).await.unwrap();
    svix.message().expunge_content(uid.clone(), message.id).await.unwrap();

    let access =
        AppPortalAccessIn { capabilities: Some(BTreeSet::from([AppPortalCapability::ViewBase])), ..Default::default() };
    let portal = svix.authentication().app_portal_access(uid.clone(), access, None).await.unwrap();
    let customer = client(portal.token);
    assert_eq!(customer.endpoint().list(uid.clone(), None).await.unwrap().data.len(), 2);
    refused(403, customer.endpoint().delete(uid.clone(), text("first")).await);
    customer.authentication().logout(None).await.unwrap();
    refused(401, customer.endpoint().list(uid.clone(), None).await);
    svix.endpoint().delete(uid.clone(), text("first")).await.unwrap();
    svix.application().delete(uid).await.unwrap();
    println!("done");
}
