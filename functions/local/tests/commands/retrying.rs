//! Attempts that are asked for by hand.

use serde_json::Value;

use super::Deployment;

#[tokio::test]
async fn an_attempt_by_hand_is_waited_for_and_what_came_of_each_is_shown() {
    let deployment = Deployment::start().await;
    let receiver = deployment.listen(&["--status", "503"]).await;
    let hook = format!("hooks create --json --event a --url {}", receiver.url);
    deployment
        .run_with(&hook, &["--set", r#"retry={"delays":[]}"#, "--set", r#"batch={"max_events":2,"max_wait":1}"#])
        .await
        .json();
    let mut ids = Vec::new();
    for event in ["e-1", "e-2"] {
        deployment.run(&format!("events publish --type a --id {event} --data 1")).await.succeeded();
        ids.push(deployment.settled(event).await["id"].as_str().unwrap().to_owned());
    }
    let said = deployment.run(&format!("deliveries retry {} {}", ids[0], ids[1])).await;
    assert!(said.code == 1 && said.err.contains("2 of 2 attempts failed"), "{} {}", said.err, said.out);
    for id in &ids {
        assert!(said.out.contains(&format!("delivery {id}: failed")), "{}", said.out);
    }
    assert_eq!(said.out.matches("attempt 2 (manual)").count(), 2, "{}", said.out);
    assert!(said.out.contains("the endpoint answered 503, which is no success"), "{}", said.out);
    let one = deployment.run(&format!("deliveries retry {} --json", ids[0])).await;
    assert!(one.code == 1 && one.err.contains("the attempt failed"), "{}", one.err);
    assert_eq!(serde_json::from_str::<Value>(&one.out).unwrap()["attempts"].as_array().unwrap().len(), 3);
    let unknown = ids[0].replace("dlv_", "dlv_7");
    let some = deployment.run(&format!("deliveries retry {} {}", ids[0], &unknown[..unknown.len() - 1])).await;
    assert!(some.code == 1 && some.err.contains("no such delivery") && some.err.contains("2 of 2"), "{}", some.err);
    let put_in = deployment.run(&format!("deliveries retry {} --no-wait", ids[1])).await;
    put_in.succeeded();
    assert!(
        put_in.out.contains(&format!("was put in; to look at it: hookline deliveries get {}", ids[1])),
        "{}",
        put_in.out
    );
}
