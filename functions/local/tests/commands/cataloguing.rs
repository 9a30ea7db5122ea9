//! The catalogue: what is said of a schema, and which fields events have.

use crate::Deployment;

#[tokio::test]
async fn warnings_about_a_schema_go_beside_the_output() {
    let deployment = Deployment::start().await;
    let created = deployment.run(r#"event-types create a --schema {"multipleOf":0.01}"#).await;
    created.succeeded();
    assert!(created.err.starts_with("warning: schema.multipleOf of a fraction"), "{}", created.err);
    assert!(!created.out.contains("warnings"), "{}", created.out);
    let changed = deployment.run(r#"event-types update a --schema {"nullable":true}"#).await;
    changed.succeeded();
    assert!(changed.err.starts_with("warning: schema.nullable is ignored"), "{}", changed.err);
    let json = deployment.run(r#"event-types update a --schema {"nullable":true} --json"#).await;
    assert_eq!(json.json()["warnings"][0]["field"], "schema.nullable");
    assert_eq!(json.err, "");
}

#[tokio::test]
async fn fields_of_events_are_listed_for_a_tenant_and_for_a_hook() {
    let deployment = Deployment::start().await;
    deployment.run(r#"event-types create user.created --example {"email":"ann@example.com"}"#).await.succeeded();
    let hook = deployment.run("hooks create --json --url https://a.example.com --event user.*").await.json();
    for line in ["event-types fields --type user.*", &format!("hooks fields {}", hook["id"].as_str().unwrap())] {
        let listed = deployment.run(&format!("{line} --all")).await;
        listed.succeeded();
        let row = listed.out.lines().find(|row| row.contains("data.email")).unwrap_or_else(|| panic!("{}", listed.out));
        assert!(row.contains("user.created") && row.contains("ann@example.com") && row.contains("string"), "{row}");
        assert!(listed.out.contains("event.timestamp_unix"), "{}", listed.out);
    }
    let refused = deployment.run("event-types fields --shared").await;
    assert!(refused.code == 2 && refused.err.contains("--tenant"), "{}", refused.err);
}

#[tokio::test]
async fn an_import_that_deletes_names_what_goes_and_wants_a_yes() {
    let deployment = Deployment::start().await;
    for name in ["order.paid", "user.created"] {
        deployment.run(&format!("event-types create {name}")).await.succeeded();
    }
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("catalogue.json");
    std::fs::write(&file, r#"{"event_types":[{"name":"user.created"},{"name":"user.deleted"}]}"#).unwrap();
    let (import, file) = ("event-types import", file.to_str().unwrap());
    let refused = deployment.run_with(import, &[file]).await;
    assert_eq!(refused.code, 2);
    for told in ["order.paid", "--yes", "(1)"] {
        assert!(refused.err.contains(told), "{told}: {}", refused.err);
    }
    assert!(!refused.err.contains("user.created"), "{}", refused.err);
    let exported = async || deployment.run("event-types export").await.out;
    assert!(exported().await.contains("order.paid"));
    deployment.run_with(import, &[file, "--yes"]).await.succeeded();
    assert!(!exported().await.contains("order.paid"));
    // Now nothing is deleted by it.
    deployment.run_with(import, &[file]).await.succeeded();
}
