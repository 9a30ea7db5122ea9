//! Secrets: shown when asked for, rotated, and code that verifies with them.

use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use tests::browser::Browser;
use tests::world::{Hook, Sent, TENANT, World};

#[tokio::test]
async fn a_secret_is_shown_only_when_it_is_revealed() {
    let world = World::new().await;
    let hook = world.hook(json!({})).await;
    let customer = Browser::in_portal_with_all(&world, TENANT).await;
    let path = format!("/portal/hooks/{}/secret", hook.id);
    let page = customer.get(&path).await.expect(200).text();
    assert!(!page.contains(&hook.secret) && page.contains("Reveal secret"), "{page}");
    customer.get(&format!("{path}/reveal")).await.expect(405);
    assert!(customer.post(&format!("{path}/reveal"), &[]).await.expect(200).text().contains(&hook.secret));
    let without = Browser::in_portal(&world, TENANT, json!({})).await;
    assert!(!without.get(&path).await.expect(200).text().contains("Reveal secret"));
    without.post(&format!("{path}/reveal"), &[]).await.expect(403);
}

#[tokio::test]
async fn a_rotation_shows_both_secrets_and_when_the_former_one_ends() {
    let world = World::new().await;
    let hook = world.hook(json!({})).await;
    let customer = Browser::in_portal_with_all(&world, TENANT).await;
    let path = format!("/portal/hooks/{}/secret", hook.id);
    customer.get(&path).await.expect(200);
    let wrong = customer.post(&format!("{path}/rotate"), &[("overlap", "never")]).await.expect(422).text();
    assert!(wrong.contains("id=\"overlap-mistake\""), "{wrong}");
    let page = customer.post(&format!("{path}/rotate"), &[("overlap", "48")]).await.expect(200).text();
    assert!(page.contains(&hook.secret) && page.contains("It ends <time") && page.contains("in 2 days"), "{page}");
    customer.post(&format!("{path}/cutover"), &[]).await.expect(200);
    let secrets = world.get(&format!("{}/secret", hook.path())).await.expect(200).json();
    assert_eq!(secrets["others"], json!([]));
}

/// The code of a language, as the page of a hook shows it.
async fn snippet(world: &World, hook: &Hook, language: &str) -> String {
    let customer = Browser::in_portal_with_all(world, TENANT).await;
    let page = customer.get(&format!("/portal/hooks/{}/secret", hook.id)).await.expect(200).text();
    let (_, rest) = page.split_once(&format!("<summary>{language}</summary>")).unwrap_or_else(|| panic!("{language}"));
    let code = rest.split_once("<code>").unwrap().1.split_once("</code>").unwrap().0;
    code.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&")
}

fn run(program: &str, args: &[&str], environment: &[(&str, &str)], script: &str) -> String {
    let mut child = Command::new(program)
        .args(args)
        .envs(environment.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    child.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn schemes() -> Vec<(&'static str, Value)> {
    let hmac = |rest: Value| {
        let mut setting = json!({ "scheme": "hmac_sha256" });
        setting.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        json!({ "signatures": [setting] })
    };
    vec![
        ("standard", json!({})),
        ("standard under another name", json!({ "signatures": [{ "scheme": "v1", "header": "Svix-Signature" }] })),
        ("stripe", json!({ "profile": "stripe" })),
        ("github", json!({ "profile": "github" })),
        ("automrktr", json!({ "profile": "automrktr", "name": "n", "secret": "any text" })),
        ("autosend", json!({ "profile": "autosend", "name": "n" })),
        ("base64", hmac(json!({ "header": "X-Sign", "encoding": "base64", "prefix": "it's \"$x\" #{1}\\ " }))),
        ("whsec", hmac(json!({ "header": "X-Sign", "key": "whsec" }))),
    ]
}

async fn sent(world: &World, settings: Value) -> (Hook, Sent) {
    let hook = world.hook(settings).await;
    world.publish(json!({ "type": "post.published", "data": { "title": "Grüße" } })).await;
    world.settle().await;
    let sent = world.endpoint.seen().into_iter().rev().find(|sent| sent.url == hook.url).expect("a request");
    (hook, sent)
}

#[tokio::test]
async fn the_snippets_of_python_and_node_verify_what_is_sent_and_nothing_else() {
    for (name, settings) in schemes() {
        let world = World::new().await;
        let (hook, sent) = sent(&world, settings).await;
        let now = sent.at.as_secs();
        let lower: serde_json::Map<_, _> =
            sent.headers.iter().map(|(name, value)| (name.to_lowercase(), json!(value))).collect();
        let body = String::from_utf8(sent.body.to_vec()).unwrap();
        for (body, expected) in [(body.clone(), "true"), (format!("{body} "), "false")] {
            let environment = [("WEBHOOK_SECRET", hook.secret.as_str())];
            let python = format!(
                "{}\nimport json\ntime_is = {now}\nif 'time' in globals(): time.time = lambda: time_is\n\
                 class Headers(dict):\n    get = lambda self, name, usual=None: dict.get(self, name.lower(), usual)\n\
                 print(str(verify(Headers(json.loads({:?})), {:?}.encode())).lower())\n",
                snippet(&world, &hook, "Python").await,
                serde_json::to_string(&lower).unwrap(),
                body,
            );
            assert_eq!(run("python3", &["-"], &environment, &python), expected, "{name}: {python}");
            let node = format!(
                "{}\nDate.now = () => {now}000;\nconsole.log(verify({}, Buffer.from({})));\n",
                snippet(&world, &hook, "Node.js").await,
                serde_json::to_string(&lower).unwrap(),
                serde_json::to_string(&body).unwrap(),
            );
            assert_eq!(run("node", &["--input-type=module", "-"], &environment, &node), expected, "{name}: {node}");
        }
    }
}

#[tokio::test]
async fn every_language_has_code_for_every_scheme() {
    for (name, settings) in schemes().into_iter().chain([("keys", json!({ "signatures": [{ "scheme": "v1a" }] }))]) {
        let world = World::new().await;
        let hook = world.hook(settings).await;
        for language in ["Python", "Node.js", "Go", "PHP", "Ruby"] {
            let code = snippet(&world, &hook, language).await;
            assert!(!code.contains('«') && !code.contains('»') && code.contains("erify"), "{name}: {code}");
        }
    }
}
