use contract::ports::{OsRandom, StoreError};
use domain::ids::{HookId, ReplayId, new_ulid};
use domain::replay::{Place, Replay, ReplayKind, ReplayStatus};
use domain::unknown::Unknown;

use super::samples::{all_pages, hook_id, readable, tenant_id};
use super::{START, Stores};

pub(crate) fn replay(hook: HookId, at: u64) -> Replay {
    let at = START.saturating_add(std::time::Duration::from_secs(at));
    Replay {
        tenant: tenant_id("acme"),
        hook,
        id: ReplayId(new_ulid(at, &OsRandom)),
        made_with: None,
        kind: ReplayKind::Missing,
        since: Some(START),
        until: at,
        only: None,
        event_types: ["post.published".parse().unwrap()].into(),
        channels: ["room:1".parse().unwrap()].into(),
        codes: Some("5xx".parse().unwrap()),
        dry_run: true,
        rate: 10,
        started_by: "operator".to_owned(),
        status: ReplayStatus::Running,
        reason: None,
        found: 3,
        sent: 2,
        skipped: 1,
        failed: 0,
        step: 4,
        token: "token".to_owned(),
        batch: vec!["evt:1".parse().unwrap()],
        batch_requests: [("evt:1".parse().unwrap(), "waiting:1".to_owned())].into(),
        place: Place { cursor: Some("c".to_owned()), log_of: Some(hook), hooks: None, unknown: Unknown::NONE },
        created_at: at,
        updated_at: at,
        version: 1,
        unknown: Unknown::NONE,
    }
}

pub(crate) async fn an_update_based_on_an_older_version_is_a_conflict(stores: &Stores) {
    let (replays, made) = (stores.replays(), replay(hook_id(), 0));
    replays.create(&made).await.unwrap();
    assert!(matches!(replays.create(&made).await, Err(StoreError::Conflict)));
    let ended = made.ended(ReplayStatus::Failed, Some("why"), START);
    replays.update(&ended).await.unwrap();
    let late = made.ended(ReplayStatus::Cancelled, None, START);
    assert!(matches!(replays.update(&late).await, Err(StoreError::Conflict)));
    let stored = replays.get(&made.tenant, made.hook, made.id).await.unwrap();
    assert_eq!(stored.as_deref(), Some(&ended));
}

pub(crate) async fn replays_are_listed_in_order_under_their_own_hook(stores: &Stores) {
    let (replays, hook, other) = (stores.replays(), hook_id(), hook_id());
    let made: Vec<Replay> = (0..5).map(|at| replay(hook, at)).collect();
    for one in made.iter().rev() {
        replays.create(one).await.unwrap();
    }
    let (tenant, list) = (&tenant_id("acme"), &replays);
    for limit in [1, 2, 10] {
        let listed = all_pages(|cursor| async move { list.list(tenant, hook, limit, cursor.as_deref()).await }).await;
        assert_eq!(readable(listed), made);
    }
    assert_eq!(replays.get(tenant, other, made[0].id).await.unwrap(), None);
    assert!(replays.delete(tenant, hook, made[0].id).await.unwrap());
    assert!(!replays.delete(tenant, hook, made[0].id).await.unwrap());
    assert_eq!(replays.get(tenant, hook, made[0].id).await.unwrap(), None);
}
