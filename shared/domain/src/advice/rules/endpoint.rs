//! What an endpoint needs, as its answers tell.

use std::time::Duration;

use serde_json::json;

use super::{Advice, AdviceKind, Case, Evidence, MONTH, WEEK, impact, number};
use crate::advice::record::BUSY;
use crate::seconds::Seconds;

/// Fewer of them may be chance.
const ENOUGH_TIMEOUTS: u64 = 20;
const ENOUGH_SUCCESSES: u64 = 20;
const ENOUGH_THROTTLED: u64 = 50;
const ENOUGH_REDIRECTS: u64 = 20;
/// One in so many attempts.
const SHARE: u64 = 20;

/// A time-out just below what an endpoint needs: many attempts run into it, and those that
/// succeed come close to it.
pub(super) fn timeout(of: &Case<'_>) -> Option<Advice> {
    let week = &of.record.week;
    let total = of.hook.settings.timeout.total;
    let most = crate::hook::Timeout::MAX.total;
    let slow = u64::from(week.durations.percentile(99)?);
    let is_due = week.timeouts >= ENOUGH_TIMEOUTS
        && week.timeouts * SHARE >= week.attempts
        && week.succeeded >= ENOUGH_SUCCESSES
        && slow * 2 >= total.as_millis()
        && total < most;
    if !is_due {
        return None;
    }
    let needed = (total.as_millis() * 3 / 2).max(slow * 3 / 2).div_ceil(1_000) * 1_000;
    let new = Seconds::from_millis(needed).min(most);
    let connect = of.hook.settings.timeout.connect;
    let change = of.patch(&json!({ "timeout": { "connect": connect, "total": new } }));
    let (before, after) = (total.duration().as_secs_f64(), new.duration().as_secs_f64());
    let title = format!("Give the endpoint of {} {after} s to answer, not {before} s", of.name());
    let evidence = vec![
        of.counted_by("outcome", "attempts that ran into the time-out", week.timeouts),
        of.counted("attempts", week.attempts, WEEK),
        of.counted_by("outcome", "99 of 100 successes took at most", slow).unit("ms"),
        Evidence::new("time-out now", total.as_millis() as f64).unit("ms"),
    ];
    let mut expected =
        impact("Answers that come a little later than now count as successes and are not asked for again.");
    expected.numbers.push(number("time-out", before, after, "s"));
    Some(of.advise(AdviceKind::Timeout, &title, change, evidence, expected))
}

/// As many requests as an endpoint has taken in an hour in which it also refused some.
pub(super) fn rate_limit(of: &Case<'_>) -> Option<Advice> {
    let week = &of.record.week;
    if week.throttled < ENOUGH_THROTTLED || week.throttled * SHARE < week.attempts {
        return None;
    }
    let now = of.hook.settings.rate_limit;
    let told = of.hook.health.told_rate.as_ref().filter(|told| told.at >= of.history.now.saturating_sub(WEEK));
    let taken = u32::try_from(week.best_throttled_hour / 3_600).unwrap_or(u32::MAX).max(1);
    let new = told.map_or(taken, |told| told.per_second.max(1));
    if now != 0 && now <= new {
        return None;
    }
    let mut evidence = vec![
        of.counted_by("code", "answers with 429 Too Many Requests", week.throttled),
        of.counted("attempts", week.attempts, WEEK),
    ];
    let by = match told {
        Some(told) => {
            let source = "its header RateLimit-Policy".to_owned();
            let number = Evidence::new("requests per second that the endpoint allows", f64::from(told.per_second));
            evidence.push(Evidence { until: Some(told.at), source: Some(source), ..number });
            "as its own headers say"
        }
        None => {
            let most = week.best_throttled_hour;
            evidence.push(of.counted("most successes of an hour in which it answered 429", most, WEEK));
            "as many as it took while it refused others"
        }
    };
    let title = format!("Send {} at most {new} requests per second", of.name());
    let change = of.patch(&json!({ "rate_limit": new }));
    let text = "The endpoint is asked at most so often, and what is more waits and uses up no attempt";
    let mut expected = impact(format!("{text}: {new} requests per second, {by}."));
    let before = if now == 0 { None } else { Some(f64::from(now)) };
    let rate = number("requests per second", 0.0, f64::from(new), "1/s");
    expected.numbers.push(crate::plan::ImpactNumber { before, ..rate });
    Some(of.advise(AdviceKind::RateLimit, &title, change, evidence, expected))
}

/// Outages that end, after the schedule has given up.
pub(super) fn retry_schedule(of: &Case<'_>) -> Option<Advice> {
    const ENOUGH_LOST: u64 = 5;
    const LONGEST: Duration = Duration::from_secs(72 * 3_600);
    let policy = &of.hook.settings.retry;
    let delays: Vec<Duration> = (1..).map_while(|step| policy.delay(step)).collect();
    let span: Duration = delays.iter().sum();
    let ended: Vec<Duration> = of.record.outages.iter().copied().filter(|outage| *outage <= LONGEST).collect();
    let beyond: Vec<Duration> = ended.iter().copied().filter(|outage| *outage > span).collect();
    let is_due = beyond.len() >= 2 && beyond.len() * 2 > ended.len() && of.record.failed >= ENOUGH_LOST;
    if !is_due || policy.ends_at(of.history.now).is_some() {
        return None;
    }
    let longest = beyond.iter().max().copied()?;
    let new = longer(delays, longest * 3 / 2)?;
    let reach: Duration = new.iter().sum();
    let delays: Vec<Seconds> = new.iter().map(|delay| Seconds::new(delay.as_secs())).collect();
    let mut retry = serde_json::to_value(policy).ok()?;
    let fields = retry.as_object_mut()?;
    fields.remove("exponential");
    fields.insert("delays".to_owned(), json!(delays));
    let (before, after) = (hours(span), hours(reach));
    let title = format!("Retry deliveries to {} for {after} hours, not {before}", of.name());
    let evidence = vec![
        of.counted("deliveries that failed for good", of.record.failed, MONTH),
        of.counted("outages that ended after the last retry", beyond.len() as u64, MONTH),
        Evidence::new("longest of them", hours(longest)).unit("h"),
        Evidence::new("retries last now", before).unit("h"),
    ];
    let mut expected = impact("Deliveries of an outage like those arrive when it ends.");
    expected.numbers.push(number("retries last", before, after, "h"));
    let change = of.patch(&json!({ "retry": retry }));
    Some(of.advise(AdviceKind::RetrySchedule, &title, change, evidence, expected))
}

/// The delays, and more of them, until they reach so far.
fn longer(mut delays: Vec<Duration>, reach: Duration) -> Option<Vec<Duration>> {
    const SHORTEST: Duration = Duration::from_secs(60);
    const LONGEST: Duration = Duration::from_secs(6 * 3_600);
    const MOST: usize = 50;
    let mut sum: Duration = delays.iter().sum();
    while sum < reach {
        let last = delays.last().copied().unwrap_or_default();
        let next = (last * 2).clamp(SHORTEST, LONGEST).max(last);
        delays.push(next);
        sum += next;
        if delays.len() > MOST {
            return None;
        }
    }
    Some(delays)
}

/// Nothing has succeeded for a week, and nobody has noticed.
pub(super) fn dead(of: &Case<'_>) -> Option<Advice> {
    const ENOUGH: u64 = 10;
    let week = &of.record.week;
    let since = of.hook.health.failing_since?;
    let for_long = of.history.now.since(since);
    if for_long < WEEK || week.succeeded > 0 || week.attempts < ENOUGH {
        return None;
    }
    let days = (for_long.as_secs() / 86_400) as f64;
    let title = format!("Disable {}: nothing has arrived for {days} days", of.name());
    let source = Some(format!("/v1/tenants/{}/hooks/{}", of.history.tenant.id, of.hook.hook.id));
    let evidence = vec![
        Evidence { since: Some(since), source, ..Evidence::new("days without a success", days).unit("d") },
        of.counted("attempts that failed", week.attempts, WEEK),
        of.counted("attempts that succeeded", week.succeeded, WEEK),
    ];
    let text = "Its owner sees that it is disabled; what comes due waits as while_paused says, and can be sent later.";
    let change = of.patch(&json!({ "enabled": false }));
    Some(of.advise(AdviceKind::Dead, &title, change, evidence, impact(text)))
}

/// https where the address is http.
pub(super) fn https(of: &Case<'_>) -> Option<Advice> {
    let week = &of.record.week;
    let rest = of.hook.hook.url.strip_prefix("http://")?;
    let answers = of.hook.answers_https;
    let is_led_there = week.redirected >= ENOUGH_REDIRECTS && week.succeeded == 0 && answers != Some(false);
    // Another port is another server.
    let has_port = rest.split('/').next().is_some_and(|host| host.contains(':'));
    // Credentials stay with the origin that they were set for, and a plan carries none.
    let mut own = of.hook.hook.settings.clone();
    if own.secrets_mut().next().is_some() {
        return None;
    }
    if has_port || !(is_led_there || answers == Some(true)) || of.hook.settings.url_locked {
        return None;
    }
    let title = format!("Send to {} over https", of.name());
    let mut evidence = vec![of.counted_by("code", "answers that lead elsewhere for good (301, 308)", week.redirected)];
    if answers == Some(true) {
        let answer = Evidence::new("https answered when it was tried", 1.0);
        evidence.push(Evidence { until: Some(of.history.now), ..answer });
    }
    let change = of.patch(&json!({ "url": format!("https://{rest}") }));
    let expected = impact("What is sent can no longer be read or changed on its way.");
    Some(of.advise(AdviceKind::Https, &title, change, evidence, expected))
}

/// Several events in one request, where an endpoint is asked a hundred times a second.
pub(super) fn batches(of: &Case<'_>) -> Option<Advice> {
    const ENOUGH_HOURS: u32 = 3;
    const EVENTS: u32 = 50;
    let week = &of.record.week;
    if week.busy_hours < ENOUGH_HOURS || of.hook.settings.batch.max_events > 1 {
        return None;
    }
    let a_second = (week.busiest_hour / 3_600) as f64;
    let title = format!("Send {} several events in one request", of.name());
    let evidence = vec![
        of.counted("attempts of the busiest hour", week.busiest_hour, WEEK),
        of.counted("hours with more than a hundred requests per second", u64::from(week.busy_hours), WEEK),
        Evidence::new("attempts of an hour from which on this is proposed", BUSY as f64),
    ];
    let mut expected = impact(
        "The body becomes an array of up to 50 events, which the endpoint has to take: ask its owner first. \
         It is asked many times less often.",
    );
    expected.numbers.push(number("requests per second", a_second, (a_second / f64::from(EVENTS)).ceil(), "1/s"));
    let change = of.patch(&json!({ "batch": { "max_events": EVENTS, "max_wait": 1 } }));
    Some(of.advise(AdviceKind::Batches, &title, change, evidence, expected))
}

/// To the tenth.
fn hours(of: Duration) -> f64 {
    (of.as_secs_f64() / 360.0).round() / 10.0
}
