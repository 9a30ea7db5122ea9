//! What is stored expires by a time that can be believed.

use contract::ports::Clock as _;
use serde_json::{Value, json};
use tests::world::World;

use super::{HOUR, seconds};

const DAY: i64 = 24 * HOUR;

async fn clock_check(world: &World) -> (String, String) {
    let checks = world.get("/v1/doctor").await.expect(200).json();
    let checks = checks["checks"].as_array().unwrap().clone();
    let check = checks.into_iter().find(|check| check["name"] == "clock").unwrap();
    let text = |field: &str| check[field].as_str().unwrap_or_default().to_owned();
    (text("status"), [text("detail"), text("fix")].concat())
}

/// A world with one event in it that is kept for 90 days, and its path.
async fn with_event() -> (World, String) {
    let world = World::new().await;
    world.hook(json!({})).await;
    let event = world.publish(json!({ "type": "a", "data": 1 })).await;
    world.drain().await;
    let path = format!("/v1/tenants/acme/events/{event}");
    (world, path)
}

#[tokio::test]
async fn a_start_far_ahead_expires_nothing_until_it_is_told_that_the_clock_is_right() {
    let (mut world, path) = with_event().await;
    for jump in [100 * DAY, 0, DAY] {
        world = world.restart_after_jump(jump, None).await;
        world.get(&path).await.expect(200);
        assert_eq!(world.deliveries(path.rsplit('/').next().unwrap()).await.len(), 1);
        let (status, text) = clock_check(&world).await;
        assert_eq!(status, "warning");
        assert!(text.contains("days ahead") && text.contains("--accept-clock"), "{text}");
    }
    let accepted = world.now().shifted(-1);
    let world = world.restart_after_jump(0, Some(accepted)).await;
    world.get(&path).await.expect(200);
    let accepted = world.now().shifted(1);
    let world = world.restart_after_jump(0, Some(accepted)).await;
    world.get(&path).await.expect(404);
    assert_eq!(clock_check(&world).await.0, "ok");
}

#[tokio::test]
async fn a_clock_that_is_put_right_again_leaves_no_trace() {
    let (world, path) = with_event().await;
    let world = world.restart_after_jump(40 * DAY, None).await;
    world.clock.jump(-40 * DAY);
    assert!(clock_check(&world).await.1.contains("set back by 40 days"));
    let world = world.restart_after_jump(0, None).await;
    assert_eq!(clock_check(&world).await.0, "ok");
    world.clock.advance(seconds(90 * 24 * 3_600));
    world.get(&path).await.expect(404);
}

#[tokio::test]
async fn a_clock_that_is_set_far_ahead_while_it_runs_expires_nothing() {
    let (world, path) = with_event().await;
    world.clock.jump(100 * DAY);
    world.get(&path).await.expect(200);
    assert!(clock_check(&world).await.1.contains("set ahead by 100 days"));
    let world = world.restart_after_jump(0, None).await;
    world.get(&path).await.expect(200);
    assert!(clock_check(&world).await.1.contains("100 days ahead"));
}

#[tokio::test]
async fn a_stop_of_a_few_days_is_believed() {
    let (world, path) = with_event().await;
    let world = world.restart_after_jump(6 * DAY, None).await;
    assert_eq!(clock_check(&world).await.0, "ok");
    world.clock.advance(seconds(84 * 24 * 3_600));
    world.get(&path).await.expect(404);
}

#[tokio::test]
async fn a_jump_is_found_once_and_named_with_its_size() {
    let (world, _) = with_event().await;
    assert_eq!(world.engine.clock.find_jump(), None);
    world.clock.advance(seconds(10));
    world.clock.jump(-20_000);
    assert_eq!((world.engine.clock.find_jump(), world.engine.clock.find_jump()), (Some(-20_000), None));
    let (status, text) = clock_check(&world).await;
    assert_eq!(status, "warning");
    assert!(text.contains("set back by 20 s"), "{text}");
    let before: Value = json!(world.now());
    let world = world.restart_after_jump(-HOUR, None).await;
    assert!(clock_check(&world).await.1.contains("60 min behind"), "{before}");
    assert!(world.engine.clock.steady() > world.now());
}
