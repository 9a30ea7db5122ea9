//! Statistics say what the log says.

use serde_json::{Value, json};
use tests::world::{Answer, TENANT, World};

#[tokio::test]
async fn a_hook_and_its_tenant_are_counted_by_status_outcome_and_duration() {
    let world = World::new().await;
    let failing = world.hook(json!({ "retry": { "delays": [1], "jitter": 0 } })).await;
    world.hook(json!({})).await;
    world.endpoint.answer(&failing.url, [Answer::Status(500), Answer::Timeout]);
    for _ in 0..3 {
        world.publish(json!({ "type": "a", "data": 1 })).await;
        world.settle().await;
    }
    let stats = world.get(&format!("{}/stats", failing.path())).await.expect(200).json();
    assert_eq!((&stats["deliveries"], &stats["is_exact"], &stats["attempts"]), (&json!(3), &json!(true), &json!(4)));
    assert_eq!(stats["by_status"], json!({ "failed": 1, "succeeded": 2 }));
    assert_eq!(stats["by_outcome"], json!({ "success": 2, "timeout": 1 }));
    assert_eq!(stats["success_rate"].as_f64().unwrap(), 2.0 / 3.0);
    let all = world.get(&format!("/v1/tenants/{TENANT}/stats")).await.expect(200).json();
    assert_eq!((&all["deliveries"], &all["by_status"]["succeeded"]), (&json!(6), &json!(5)));
    let none = world.get(&format!("/v1/tenants/{TENANT}/stats?until=2020-01-01T00:00:00Z")).await.expect(200).json();
    assert_eq!((&none["deliveries"], &none["success_rate"]), (&json!(0), &Value::Null));
    world.get(&format!("/v1/tenants/{TENANT}/stats?since=yesterday")).await.expect(400);
}
