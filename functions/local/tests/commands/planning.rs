//! Plans, adjustments and advice from the command line.

use super::*;

#[tokio::test]
async fn a_plan_is_proposed_approved_looked_up_and_taken_back_by_commands() {
    let deployment = Deployment::start().await;
    let hook = deployment.run("hooks create --url https://a.example.com/ --event * --json").await.json();
    let hook = hook["id"].as_str().unwrap();
    let change = format!(r#"change={{"kind":"hook","hook":"{hook}","patch":{{"name":"new"}}}}"#);
    let propose = ["--title", "Rename it", "--proposed-by", "model 7", "--set", &change];
    let plan = deployment.run_with("plans propose --json", &propose).await.json();
    assert_eq!((&plan["state"], &plan["proposed_by"]), (&json!("pending"), &json!("model 7")));
    let id = plan["id"].as_str().unwrap();

    let listed = deployment.run("plans list --state pending").await;
    listed.succeeded();
    assert!(
        listed.out.contains("TITLE") && listed.out.contains("Rename it") && listed.out.contains(id),
        "{}",
        listed.out
    );
    let approved = deployment.run(&format!("plans approve {id} --json")).await.json();
    assert_eq!(approved["state"], "applied");
    let renamed = deployment.run(&format!("hooks get {hook} --json")).await.json();
    assert_eq!(renamed["name"], "new");
    let again = deployment.run(&format!("plans reject {id}")).await;
    assert!(again.code == 1 && again.err.contains("applied already"), "{}", again.err);

    let log = deployment.run("adjustments list --cause plan --json").await.json();
    let adjustment = log["items"][0]["id"].as_str().unwrap();
    let shown = deployment.run(&format!("adjustments get {adjustment}")).await;
    shown.succeeded();
    assert!(shown.out.contains("before") && shown.out.contains("after"), "{}", shown.out);
    let back = deployment.run(&format!("adjustments revert {adjustment} --json")).await.json();
    assert_eq!((&back["state"], &back["change"]["patch"]), (&json!("pending"), &json!({ "name": "" })));
    let because = [back["id"].as_str().unwrap(), "--reason", "keep it"];
    assert_eq!(deployment.run_with("plans reject --json", &because).await.json()["reason"], "keep it");
}

#[tokio::test]
async fn advice_is_asked_for_and_turned_off_by_kind() {
    let deployment = Deployment::start().await;
    let nothing = deployment.run("advise").await;
    assert_eq!((nothing.code, nothing.err.as_str()), (0, "there is nothing new to propose\n"));
    for _ in 0..2 {
        deployment.run("hooks create --url https://a.example.com/ --event * --json").await.succeeded();
    }
    let off = deployment.run("advise --off duplicate --json").await.json();
    assert_eq!(off["off"], json!(["duplicate"]));
    assert_eq!(deployment.run("advise").await.err, "there is nothing new to propose\n");
    let more = deployment.run("advise --off https --off dead --json").await.json();
    assert_eq!(more["off"], json!(["dead", "duplicate", "https"]), "what was off stays so");
    let wrong = deployment.run("advise --off weather").await;
    assert!(wrong.code != 0 && wrong.err.contains("off[0]"), "{}", wrong.err);
    deployment.run("advise --all-on").await.succeeded();
    let advised = deployment.run("advise").await;
    advised.succeeded();
    assert!(advised.out.contains("sends the same to the same address"), "{}", advised.out);
}

#[tokio::test]
async fn an_approved_plan_that_cannot_be_applied_is_a_failure_that_says_why() {
    let deployment = Deployment::start().await;
    let hook = deployment.run("hooks create --url https://a.example.com/ --event * --json").await.json();
    let hook = hook["id"].as_str().unwrap();
    let change = format!(r#"change={{"kind":"hook","hook":"{hook}","patch":{{"name":"new"}}}}"#);
    let propose = async |change: &str| {
        let plan = deployment.run_with("plans propose --json", &["--title", "Change it", "--set", change]).await.json();
        plan["id"].as_str().unwrap().to_owned()
    };
    let plan = propose(&change).await;
    deployment.run(&format!("hooks delete {hook} --yes")).await.succeeded();
    for json in ["", " --json"] {
        let said = deployment.run(&format!("plans approve {plan}{json}")).await;
        assert!(
            said.code == 1 && said.err.contains("the hook that it changes was deleted"),
            "{} {}",
            said.err,
            said.out
        );
        assert!(said.out.contains("failed"), "{}", said.out);
    }
    // One of something else is approved, and somebody else applies it.
    let external = propose(r#"change={"kind":"external","target":"replicas","before":2,"after":3}"#).await;
    let said = deployment.run(&format!("plans approve {external}")).await;
    said.succeeded();
    assert!(said.err.contains(&format!("hookline plans applied {external}")), "{}", said.err);
}
