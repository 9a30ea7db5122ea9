//! What an operator sees.

use serde_json::json;
use tests::browser::{Browser, back};
use tests::world::{Answer, Hook, OPERATOR, World};

#[tokio::test]
async fn tenants_are_found_by_id_and_by_name() {
    let world = World::new().await;
    for number in 0..120 {
        world
            .post("/v1/tenants", json!({ "id": format!("t-{number:03}"), "name": format!("Customer {number}") }))
            .await
            .expect(201);
    }
    world.post("/v1/tenants", json!({ "id": "zebra", "name": "Needle Ltd" })).await.expect(201);
    let operator = Browser::in_console(&world, OPERATOR).await;
    let page = operator.get("/console/tenants?search=NEEDLE").await.expect(200).text();
    assert!(page.contains(">zebra<") && !page.contains(">t-000<"), "{page}");
    let page = operator.get("/console/tenants").await.expect(200).text();
    assert!(page.contains(">t-000<") && page.contains("rel=\"next\""), "{page}");
    let nothing = operator.get("/console/tenants?search=nobody").await.expect(200).text();
    assert!(nothing.contains("No tenant has this"), "{nothing}");
}

#[tokio::test]
async fn the_page_of_components_shows_them_all_to_anybody() {
    let world = World::new().await;
    let page = Browser::new(&world).get("/console/components").await.expect(200).text();
    for part in ["Time line", "Empty state", "Question", "Chart and progress"] {
        assert!(page.contains(part), "{part}");
    }
}

/// A failing hook of each of two tenants.
async fn failing(world: &World) -> Vec<Hook> {
    let mut hooks = Vec::new();
    for tenant in ["acme", "globex"] {
        if tenant != "acme" {
            world.post("/v1/tenants", json!({ "id": tenant, "name": "Globex" })).await.expect(201);
        }
        let settings = json!({ "name": format!("Shop of {tenant}"), "retry": { "delays": [] }, "circuit_breaker": { "failures": 0 } });
        let hook = world.hook_of(tenant, settings).await;
        world.endpoint.answer(&hook.url, [Answer::Status(503), Answer::Status(503), Answer::Status(503)]);
        for number in 0..2 {
            let event =
                json!({ "id": format!("{tenant}-{number}"), "type": "post.published", "data": { "state": "draft" } });
            world.post(&format!("/v1/tenants/{tenant}/events"), event).await.expect(202);
        }
        hooks.push(hook);
    }
    world.settle().await;
    hooks
}

#[tokio::test]
async fn failing_hooks_are_found_over_all_tenants_with_why_and_since_when() {
    let world = World::new().await;
    let hooks = failing(&world).await;
    let operator = Browser::in_console(&world, OPERATOR).await;
    for page in ["/console/overview", "/console/failing"] {
        let page = operator.get(page).await.expect(200).text();
        for told in ["Shop of acme", "Shop of globex", "answered with 503", "data-relative"] {
            assert!(page.contains(told), "{told}: {page}");
        }
    }
    world.endpoint.answer(&hooks[0].url, [Answer::Status(200)]);
    world.publish(json!({ "type": "post.published", "data": 1 })).await;
    world.settle().await;
    let page = operator.get("/console/failing").await.expect(200).text();
    assert!(page.contains("Shop of acme"), "two were left to fail: {page}");
    world.publish(json!({ "type": "post.published", "data": 1 })).await;
    world.settle().await;
    let page = operator.get("/console/failing").await.expect(200).text();
    assert!(!page.contains("Shop of acme") && page.contains("Shop of globex"), "{page}");
}

#[tokio::test]
async fn several_hooks_are_disabled_enabled_and_deleted_after_they_were_counted() {
    let world = World::new().await;
    let hooks = failing(&world).await;
    let chosen: Vec<_> = hooks.iter().map(|hook| format!("{}/{}", hook.tenant, hook.id)).collect();
    let operator = Browser::in_console(&world, OPERATOR).await;
    operator.get("/console/failing").await.expect(200);
    let all: Vec<_> = chosen.iter().map(|one| ("chosen", one.as_str())).collect();
    let path = "/console/hooks/batch";
    for (action, done, enabled) in [("disable", "disabled", false), ("enable", "enabled", true)] {
        let fields = [all.as_slice(), &[("action", action), ("back", "/console/failing?x=1")]].concat();
        let question = operator.post(path, &fields).await.expect(200).text();
        assert!(question.to_lowercase().contains(&format!("{action} 2 hooks?")), "{question}");
        assert_eq!(world.get(&hooks[0].path()).await.expect(200).json()["enabled"], !enabled, "only asked");
        let fields = [fields.as_slice(), &[("confirmed", "true")]].concat();
        let sent = operator.post(path, &fields).await.expect(303);
        assert_eq!(sent.headers["location"].to_str().unwrap(), format!("/console/failing?x=1&done={done}"));
        for hook in &hooks {
            assert_eq!(world.get(&hook.path()).await.expect(200).json()["enabled"], enabled);
        }
    }
    let fields = [all.as_slice(), &[("action", "delete"), ("confirmed", "true")]].concat();
    operator.post(path, &fields).await.expect(303);
    world.get(&hooks[1].path()).await.expect(404);
    let again = operator.post(path, &fields).await.expect(303);
    assert!(again.headers["location"].to_str().unwrap().ends_with("done=some"));
    assert!(operator.post(path, &[("action", "disable")]).await.expect(422).text().contains("Nothing was chosen"));
    operator.post(path, &[all[0], ("action", "explode")]).await.expect(400);
}

#[tokio::test]
async fn one_batch_after_the_other_is_done_from_the_page_that_the_last_one_led_to() {
    let world = World::new().await;
    let hooks = failing(&world).await;
    let log = world.get("/v1/tenants/acme/deliveries").await.expect(200).json();
    let delivery = log["items"][0]["id"].as_str().unwrap();
    let (hook, delivery) = (format!("acme/{}", hooks[0].id), format!("acme/{delivery}"));
    let operator = Browser::in_console(&world, OPERATOR).await;
    for (page, batch, chosen, actions) in [
        ("/console/failing?state=", "/console/hooks/batch", &hook, ["disable", "enable"]),
        ("/console/tenants/acme", "/console/hooks/batch", &hook, ["disable", "enable"]),
        ("/console/deliveries?tenant=acme&status=", "/console/deliveries/batch", &delivery, ["retry", "retry"]),
    ] {
        let mut page = page.to_owned();
        for action in actions {
            let shown = operator.get(&page).await.expect(200).text();
            // What fails no more is in no table.
            let back = back(&shown).unwrap_or_else(|| page.clone());
            let fields = [("chosen", chosen.as_str()), ("action", action), ("back", &back), ("confirmed", "true")];
            let sent = operator.post(batch, &fields).await.expect(303);
            page = sent.headers["location"].to_str().unwrap().to_owned();
            assert_eq!(page.matches("done=").count(), 1, "{page}");
            world.settle().await;
        }
        operator.get(&page).await.expect(200);
    }
}

#[tokio::test]
async fn events_and_deliveries_are_found_over_all_tenants_and_sent_again() {
    let world = World::new().await;
    let hooks = failing(&world).await;
    let operator = Browser::in_console(&world, OPERATOR).await;
    let page = operator.get("/console/events").await.expect(200).text();
    assert!(page.contains("acme-0") && page.contains("globex-1"), "{page}");
    let page = operator.get("/console/events?tenant=globex&id_prefix=globex-1").await.expect(200).text();
    assert!(!page.contains("globex-0") && page.contains("globex-1"), "{page}");
    let page = operator.get("/console/deliveries?status=failed&code=503").await.expect(200).text();
    assert!(page.contains("acme-0") && page.contains("globex-1"), "{page}");
    let none = operator.get("/console/deliveries?status=succeeded").await.expect(200).text();
    // On a busy machine, pages are empty before the list ends.
    assert!(none.contains("Nothing found") || none.contains("Nothing on this page"), "{none}");
    operator.get("/console/deliveries?code=nonsense").await.expect(400);

    let log = world.get("/v1/tenants/globex/deliveries?event=globex-1").await.expect(200).json();
    let delivery = log["items"][0]["id"].as_str().unwrap();
    let here = format!("/console/tenants/globex/deliveries/{delivery}");
    let page = operator.get(&here).await.expect(200).text();
    for told in ["Attempt 1: answered with 503", "Shop of globex", "curl -X"] {
        assert!(page.contains(told), "{told}: {page}");
    }
    world.endpoint.answer(&hooks[1].url, [Answer::Status(200), Answer::Status(200)]);
    let chosen = format!("globex/{delivery}");
    let fields = [("chosen", chosen.as_str()), ("action", "retry")];
    let question = operator.post("/console/deliveries/batch", &fields).await.expect(200).text();
    assert!(question.contains("Send 1 delivery again?"), "{question}");
    let sent = operator.post("/console/deliveries/batch", &[fields[0], fields[1], ("confirmed", "true")]).await;
    assert_eq!(sent.expect(303).headers["location"], "/console/deliveries?done=again");
    world.settle().await;
    operator.post(&format!("{here}/retry"), &[]).await.expect(303);
    world.settle().await;
    let count =
        world.get(&format!("/v1/tenants/globex/deliveries/{delivery}")).await.expect(200).json()["attempt_count"]
            .clone();
    assert_eq!(count, 3);
}

#[tokio::test]
async fn an_event_says_at_each_hook_why_it_went_there_or_did_not() {
    let world = World::new().await;
    failing(&world).await;
    world.hook(json!({ "name": "Live", "filter": { "state": ["live"] } })).await;
    let event = world.publish(json!({ "id": "asked", "type": "post.published", "data": { "state": "draft" } })).await;
    world.settle().await;
    let operator = Browser::in_console(&world, OPERATOR).await;
    let page = operator.get(&format!("/console/tenants/acme/events/{event}")).await.expect(200).text();
    assert!(page.contains("data.state") && page.contains("[&quot;live&quot;]") && page.contains(">chosen<"), "{page}");
    operator.get("/console/tenants/globex/events/asked").await.expect(404);
}

#[tokio::test]
async fn many_are_sent_again_once_they_were_counted() {
    let world = World::new().await;
    let hooks = failing(&world).await;
    world.clock.advance(std::time::Duration::from_secs(1));
    world.endpoint.answer(&hooks[0].url, [Answer::Status(200), Answer::Status(200)]);
    let operator = Browser::in_console(&world, OPERATOR).await;
    let path = format!("/console/tenants/acme/hooks/{}/replays", hooks[0].id);
    operator.get(&path).await.expect(200);
    let wrong = operator.post(&path, &[("kind", "failed"), ("rate", "many")]).await.expect(422).text();
    assert!(wrong.contains("id=\"rate-mistake\""), "{wrong}");
    let counting = operator.post(&path, &[("kind", "failed"), ("since", "24"), ("rate", "5")]).await.expect(303);
    let counting = counting.headers["location"].to_str().unwrap().to_owned();
    world.settle().await;
    let page = operator.get(&counting).await.expect(200).text();
    assert!(page.contains("<strong>2</strong> deliveries were found."), "{page}");
    let sending = operator.post(&format!("{counting}/send"), &[]).await.expect(303);
    world.settle().await;
    let page = operator.get(sending.headers["location"].to_str().unwrap()).await.expect(200).text();
    assert!(page.contains("2 sent, 0 skipped, 0 failed."), "{page}");
    let page = operator.get("/console/tenants/acme/replays").await.expect(200).text();
    assert!(page.contains("only counted") && page.contains("Shop of acme"), "{page}");
    operator.post(&format!("{counting}/cancel"), &[]).await.expect(303);
}

#[tokio::test]
async fn what_customers_wrote_is_shown_as_text_on_every_page() {
    let world = World::new().await;
    let evil = "<script>alert(1)</script>\"'&";
    world.post("/v1/tenants", json!({ "id": "evil", "name": evil })).await.expect(201);
    let hook = world.hook_of("evil", json!({ "name": evil, "description": evil })).await;
    world.endpoint.answer(&hook.url, [Answer::Body(500, evil.to_owned())]);
    world.post("/v1/tenants/evil/events", json!({ "id": "e-1", "type": "a", "data": evil })).await.expect(202);
    world
        .post("/v1/tenants/evil/event-types", json!({ "name": "a", "description": evil, "example": evil }))
        .await
        .expect(201);
    world.settle().await;
    world.patch(&hook.path(), json!({ "description": "other" })).await.expect(200);
    let log = world.get("/v1/tenants/evil/deliveries").await.expect(200).json();
    let operator = Browser::in_console(&world, OPERATOR).await;
    let here = "/console/tenants/evil";
    let mut pages: Vec<String> = ["overview", "failing", "tenants", "events", "deliveries", "audit"]
        .map(|page| format!("/console/{page}"))
        .into();
    pages.extend(
        [
            "",
            "/settings",
            "/keys",
            "/audit",
            "/replays",
            "/portal",
            "/event-types",
            "/event-types/type/a",
            "/event-types/import",
            "/events/e-1",
        ]
        .map(|page| format!("{here}{page}")),
    );
    pages.extend(["", "/audit", "/replays"].map(|page| format!("{here}/hooks/{}{page}", hook.id)));
    pages.push(format!("{here}/deliveries/{}", log["items"][0]["id"].as_str().unwrap()));
    for path in pages {
        let page = operator.get(&path).await.expect(200).text();
        assert!(!page.contains("<script>alert"), "{path}: {page}");
    }
    for query in ["?tenant=%3Cscript%3Ealert", "?search=%3Cscript%3Ealert(1)", "?done=%3Cscript%3Ealert"] {
        for path in ["/console/tenants", "/console/events", "/console/deliveries"] {
            let page = operator.get(&format!("{path}{query}")).await.text();
            assert!(!page.contains("<script>alert"), "{path}{query}: {page}");
        }
    }
}

#[tokio::test]
async fn a_delivery_that_is_still_to_be_sent_can_be_cancelled() {
    let world = World::new().await;
    let hook = world.hook(json!({})).await;
    world.patch(&hook.path(), json!({ "enabled": false })).await.expect(200);
    let event = world.publish(json!({ "type": "a", "data": 1 })).await;
    world.settle().await;
    let delivery = world.delivery(&event).await;
    assert_eq!(delivery["status"], "waiting");
    let operator = Browser::in_console(&world, OPERATOR).await;
    let page = operator.get("/console/deliveries?status=waiting").await.expect(200).text();
    assert!(page.contains(">waiting</span>"), "{page}");
    let here = format!("/console/tenants/acme/deliveries/{}", delivery["id"].as_str().unwrap());
    assert!(operator.get(&here).await.expect(200).text().contains("Cancel the delivery"));
    operator.post(&format!("{here}/cancel"), &[]).await.expect(303);
    assert_eq!(world.delivery(&event).await["status"], "skipped");
    assert!(!operator.get(&here).await.expect(200).text().contains("Cancel the delivery"));
    operator.post(&format!("{here}/cancel"), &[]).await.expect(409);
}
