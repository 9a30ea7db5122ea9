use std::sync::Arc;
use std::time::Duration;

use contract::ports::Clock as _;
use domain::time::Timestamp;
use futures::future::join_all;
use services::repositories::documents::{Found, KeyedRequest, RequestName, StoredKeyedRequests};

use super::Stores;
use super::samples::tenant_id;

const EVER: Timestamp = Timestamp::from_millis(0);
const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 3_600);

/// As another process sees them.
fn requests(stores: &Stores) -> StoredKeyedRequests {
    StoredKeyedRequests::new(Arc::clone(&stores.documents))
}

fn named(credential: &str, content: &str) -> RequestName {
    RequestName::new(credential, "key-1", "POST /v1/keys ", content.as_bytes())
}

async fn claim(stores: &Stores, name: &RequestName) -> Found {
    requests(stores).claim(Some(&tenant_id("acme")), name, EVER, stores.clock.now()).await.unwrap()
}

fn claimed(found: Found) -> KeyedRequest {
    match found {
        Found::New(claimed) => claimed,
        _ => panic!("it was known"),
    }
}

pub(crate) async fn of_all_who_claim_a_request_one_gets_it_and_all_are_told_its_answer(stores: &Stores) {
    let name = named("hl_key", "body");
    let all = join_all((0..8).map(|_| claim(stores, &name))).await;
    let (mine, others): (Vec<_>, Vec<_>) = all.into_iter().partition(|found| matches!(found, Found::New(_)));
    assert!(mine.len() == 1 && others.iter().all(|found| matches!(found, Found::UnderWay)));
    let mine = mine.into_iter().map(claimed).next().unwrap();
    assert!(requests(stores).answer(Some(&tenant_id("acme")), &name, mine, b"a secret").await.unwrap());
    assert!(matches!(claim(stores, &name).await, Found::Answered(answer) if answer == b"a secret"));
    assert!(matches!(claim(stores, &named("hl_key", "other")).await, Found::Other));
    claimed(claim(stores, &named("hl_another", "body")).await);
}

pub(crate) async fn what_died_under_way_is_claimed_again_after_a_minute_and_what_was_answered_after_a_day(
    stores: &Stores,
) {
    let (acme, name) = (tenant_id("acme"), named("hl_key", "body"));
    let dead = claimed(claim(stores, &name).await);
    stores.clock.advance(MINUTE - Duration::from_millis(1));
    assert!(matches!(claim(stores, &name).await, Found::UnderWay));
    stores.clock.advance(Duration::from_millis(1));
    let mine = claimed(claim(stores, &name).await);
    // Whoever was thought dead does not overwrite who took over.
    assert!(!requests(stores).answer(Some(&acme), &name, dead, b"1").await.unwrap());
    assert!(requests(stores).answer(Some(&acme), &name, mine, b"2").await.unwrap());
    assert!(matches!(claim(stores, &name).await, Found::Answered(answer) if answer == b"2"));
    stores.clock.advance(DAY);
    let again = claimed(claim(stores, &name).await);
    requests(stores).forget(Some(&acme), &name, &again).await.unwrap();
    claimed(claim(stores, &name).await);
}

pub(crate) async fn requests_of_days_ago_are_deleted_as_others_come(stores: &Stores) {
    let name = |number: usize| RequestName::new("hl_key", &number.to_string(), "POST /v1/keys ", b"");
    for number in 0..12 {
        claimed(claim(stores, &name(number)).await);
    }
    stores.clock.advance(DAY);
    for number in 100..103 {
        claimed(claim(stores, &name(number)).await);
    }
    for kind in ["keyed-requests#acme", "keyed-requests-by-time#acme"] {
        let left = stores.documents.list(kind, 100, None).await.unwrap().items.len();
        assert_eq!(left, 3, "{kind}");
    }
    requests(stores).clear(&tenant_id("acme")).await.unwrap();
    assert!(stores.documents.list("keyed-requests#acme", 100, None).await.unwrap().items.is_empty());
}
