//! What things are called here and in the API. Each name is made of the other, so nothing has
//! to be kept.

use api_client::Refusal;
use http::StatusCode;

use super::answer::Refused;

const ULID_CHARS: usize = 26;
/// Of a tenant's id, in the place of a dot or a dash of a uid that is no tenant's id as it is.
const ESCAPED: &str = "uid--";
const MAX_TENANT_CHARS: usize = 64;

fn is_ulid(text: &str) -> bool {
    text.len() == ULID_CHARS
        && text.bytes().all(|byte| {
            byte.is_ascii_digit() || byte.is_ascii_uppercase() && !matches!(byte, b'I' | b'L' | b'O' | b'U')
        })
}

/// `app_…` of a tenant.
pub(crate) fn app_id(tenant: &str) -> String {
    match tenant.strip_prefix("tenant_").filter(|rest| is_ulid(rest)) {
        Some(made) => format!("app_{made}"),
        None => format!("app_uid_{tenant}"),
    }
}

/// The uid of a tenant, unless its id was made, or is one that no uid leads to.
pub(crate) fn app_uid(tenant: &str) -> Option<String> {
    let uid = tenant.strip_prefix(ESCAPED).and_then(unescape).unwrap_or_else(|| tenant.to_owned());
    Some(uid).filter(|uid| tenant_of(uid).is_ok_and(|found| found == tenant))
}

/// The tenant of a path.
pub(crate) fn tenant_of(app: &str) -> Result<String, Refused> {
    match app.strip_prefix("app_") {
        Some(made) if is_ulid(made) => Ok(format!("tenant_{made}")),
        Some(rest) => rest.strip_prefix("uid_").map(str::to_owned).ok_or_else(Refused::not_found),
        None => tenant_of_uid(app).ok_or_else(Refused::not_found),
    }
}

/// The tenant that an application with this uid is; none where the uid is too long for that.
pub(crate) fn tenant_of_uid(uid: &str) -> Option<String> {
    let is_plain = uid.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        && !uid.starts_with(ESCAPED)
        && !uid.starts_with("tenant_");
    let tenant = if is_plain { uid.to_owned() } else { format!("{ESCAPED}{}", escape(uid)) };
    (!uid.is_empty() && tenant.len() <= MAX_TENANT_CHARS).then_some(tenant)
}

fn escape(uid: &str) -> String {
    uid.replace('-', "--").replace('.', "-d")
}

fn unescape(text: &str) -> Option<String> {
    let mut uid = String::new();
    let mut rest = text.chars();
    while let Some(one) = rest.next() {
        uid.push(match one {
            '-' => match rest.next()? {
                '-' => '-',
                'd' => '.',
                _ => return None,
            },
            other => other,
        });
    }
    Some(uid)
}

/// `ep_…` of a hook.
pub(crate) fn endpoint_id(hook: &str) -> String {
    format!("ep_{}", hook.strip_prefix("hook_").unwrap_or(hook))
}

/// The hook of a path, by its id or its uid.
pub(crate) fn hook_of(endpoint: &str) -> String {
    match endpoint.strip_prefix("ep_") {
        Some(made) => format!("hook_{made}"),
        None => format!("uid:{endpoint}"),
    }
}

/// Characters of a message's id that was made.
const MADE_CHARS: usize = 32;

fn is_made(rest: &str) -> bool {
    rest.len() == MADE_CHARS && rest.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// The event that is published for a message with this `eventId`.
pub(crate) fn event_of_event_id(event_id: &str) -> String {
    let dot = if is_made(event_id) || event_id.starts_with('.') { "." } else { "" };
    format!("msg_{dot}{event_id}")
}

/// The event that is published for a message without one.
pub(crate) fn made_event(bytes: [u8; MADE_CHARS / 2]) -> String {
    format!("msg_{:032x}", u128::from_be_bytes(bytes))
}

/// The `eventId` of an event; its own id where it was published by other means.
pub(crate) fn event_id(event: &str) -> Option<String> {
    match event.strip_prefix("msg_") {
        Some(made) if is_made(made) => None,
        Some(rest) => Some(rest.strip_prefix('.').unwrap_or(rest).to_owned()),
        None => Some(event.to_owned()),
    }
}

/// The events that a message of a path can be, the likelier first.
pub(crate) fn events_of(message: &str) -> Vec<String> {
    match message.strip_prefix("msg_") {
        Some(_) => vec![message.to_owned()],
        None => vec![event_of_event_id(message), message.to_owned()],
    }
}

/// `atmpt_…` of an attempt of a delivery.
pub(crate) fn attempt_id(delivery: &str, number: u64) -> String {
    format!("atmpt_{}_{number}", delivery.strip_prefix("dlv_").unwrap_or(delivery))
}

/// The delivery and the number of an attempt.
pub(crate) fn attempt_of(id: &str) -> Option<(String, u64)> {
    let (delivery, number) = id.strip_prefix("atmpt_")?.split_once('_')?;
    Some((format!("dlv_{delivery}"), number.parse().ok()?))
}

/// The delivery of an event's to a hook.
pub(crate) fn is_to(delivery: &str, hook: &str) -> bool {
    hook.strip_prefix("hook_").is_some_and(|hook| delivery.ends_with(hook))
}

/// `qtask_…` of a replay.
pub(crate) fn task_id(tenant: &str, hook: &str, replay: &str) -> String {
    let bare = |id: &str| id.rsplit('_').next().unwrap_or_default().to_owned();
    format!("qtask_{}{}_{tenant}", bare(hook), bare(replay))
}

/// The tenant, hook and replay of a task.
pub(crate) fn task_of(id: &str) -> Option<(String, String, String)> {
    let (both, tenant) = id.strip_prefix("qtask_")?.split_once('_')?;
    let (hook, replay) = both.split_at_checked(ULID_CHARS).filter(|(hook, replay)| is_ulid(hook) && is_ulid(replay))?;
    Some((tenant.to_owned(), format!("hook_{hook}"), format!("rpl_{replay}")))
}

/// None where it does not exist.
pub(crate) fn found<T>(answer: Result<T, Refusal>) -> Result<Option<T>, Refused> {
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(Refusal { status: StatusCode::NOT_FOUND, .. }) => Ok(None),
        Err(refusal) => Err(refusal.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ULID: &str = "01M7YRY66B9CZNF4GV85GH11D0";

    #[test]
    fn an_application_is_found_by_its_id_and_by_its_uid() {
        let cases = ["acme", "a.b-c_d", "acme.example.com", ULID, "uid--x", "tenant_x", "-", ".", "uid_x"];
        for uid in cases {
            let tenant = tenant_of_uid(uid).unwrap();
            assert!(tenant.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_')), "{tenant}");
            assert_eq!(app_uid(&tenant).as_deref(), Some(uid));
            assert_eq!(tenant_of(uid).unwrap(), tenant);
            assert_eq!(tenant_of(&app_id(&tenant)).unwrap(), tenant, "{uid}");
        }
        let made = format!("tenant_{ULID}");
        assert_eq!((app_uid(&made), app_id(&made)), (None, format!("app_{ULID}")));
        assert_eq!(tenant_of(&app_id(&made)).unwrap(), made);
        // By other means.
        assert_eq!(tenant_of(&app_id("app_x")).unwrap(), "app_x");
        assert_eq!(tenant_of_uid(&"a".repeat(65)), None);
    }

    #[test]
    fn a_uid_is_shown_only_where_it_leads_back_to_its_tenant() {
        let made = format!("tenant_{ULID}");
        let without = ["tenant_acme", "uid--abc", "uid--", "uid---d-", "uid---x", "app_x", "app_uid_acme", &made];
        for tenant in without {
            assert_eq!(app_uid(tenant), None, "{tenant}");
            assert_eq!(tenant_of(&app_id(tenant)).unwrap(), tenant);
        }
        for (tenant, uid) in
            [("acme", "acme"), ("uid", "uid"), ("uid-x", "uid-x"), ("uid--a-db", "a.b"), ("uid--tenant_x", "tenant_x")]
        {
            assert_eq!(app_uid(tenant).as_deref(), Some(uid));
            assert_eq!((tenant_of(uid).unwrap(), tenant_of(&app_id(tenant)).unwrap()), (tenant.into(), tenant.into()));
        }
    }

    #[test]
    fn a_message_is_found_by_its_id_and_by_its_event_id() {
        for id in ["order-1", "0123456789abcdef0123456789abcdef", ".", "a.b"] {
            let event = event_of_event_id(id);
            assert_eq!(event_id(&event).as_deref(), Some(id));
            assert_eq!(events_of(id)[0], event);
            assert_eq!(events_of(&event), [event]);
        }
        let made = made_event([7; 16]);
        assert_eq!((event_id(&made), events_of(&made)), (None, vec![made.clone()]));
        assert_eq!(event_id("post-1").as_deref(), Some("post-1"));
    }

    #[test]
    fn attempts_and_tasks_name_what_they_are_of() {
        let id = attempt_id(&format!("dlv_{ULID}{ULID}"), 3);
        assert_eq!(attempt_of(&id), Some((format!("dlv_{ULID}{ULID}"), 3)));
        let (hook, replay) = (format!("hook_{ULID}"), format!("rpl_{ULID}"));
        assert_eq!(task_of(&task_id("a_b", &hook, &replay)), Some(("a_b".to_owned(), hook, replay)));
        for id in ["qtask_", "qtask_x_y", "atmpt_1"] {
            assert_eq!((task_of(id), attempt_of(id)), (None, None));
        }
    }
}
