//! `hookline doctor`: what the deployment says of itself, and what only shows
//! from outside.

use std::time::Duration;

use contract::ports::{Check, Clock as _, Condition, SystemClock};
use contract::stage::causes;
use domain::time::Timestamp;
use jiff::fmt::rfc2822;
use reqwest::Method;
use serde::Serialize;

use super::client::Answer;
use super::record::Record;
use super::table::{Column, TextTable, shown};
use super::{Failure, Session};

const COLUMNS: &[Column] = &[("CHECK", "name"), ("STATUS", "status"), ("DETAIL", "detail")];
/// `Date` is in whole seconds, and the answer took its time.
const SMALL_SKEW: Duration = Duration::from_secs(5);
/// Standard Webhooks lets receivers refuse what is off by more.
const LARGE_SKEW: Duration = Duration::from_secs(300);
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// As the API answers, with the checks of this side in front.
#[derive(Serialize)]
struct Diagnosis {
    status: Condition,
    checks: Vec<Record>,
}

pub(crate) async fn run(session: &Session) -> Result<(), Failure> {
    let asked_at = SystemClock.now();
    let mut checks: Vec<Record> = Vec::new();
    let mut own = vec![transport(session)];
    match session.client().exchange(Method::GET, &["doctor"], &[], None).await {
        Ok(answer) => {
            let diagnosis = session.read(&answer.text)?;
            own.insert(0, Check::ok("api", format!("answers at {}", session.client().address())));
            own.extend(clock(&answer, asked_at, SystemClock.now()));
            own.push(version(&diagnosis.text("version").unwrap_or_default()));
            checks = diagnosis.records("checks");
        }
        // Not told of as a failed deployment: it is the caller's mistake, or the deployment's age.
        Err(refused @ Failure::Refused(_)) => return Err(refused),
        Err(failure) => own.insert(0, unreachable(&failure)),
    }
    let own = serde_json::to_string(&own).and_then(|own| serde_json::from_str::<Vec<Record>>(&own));
    let checks: Vec<Record> = own.map_err(|source| session.unreadable(source))?.into_iter().chain(checks).collect();
    show(session, checks)
}

fn show(session: &Session, checks: Vec<Record>) -> Result<(), Failure> {
    let with = |status: &str| checks.iter().filter(|check| check.text("status").as_deref() == Some(status)).count();
    let (failed, warnings) = (with("failed"), with("warning"));
    if session.json {
        let status = match (failed, warnings) {
            (0, 0) => Condition::Ok,
            (0, _) => Condition::Warning,
            _ => Condition::Failed,
        };
        let whole = serde_json::to_string(&Diagnosis { status, checks });
        session.print(&whole.map_err(|source| session.unreadable(source))?)?;
    } else {
        TextTable::new(COLUMNS).print(&checks)?;
        for check in checks {
            if let (Some(name), Some(fix)) = (check.text("name"), check.text("fix")) {
                session.print(&format!("\n{}: {}", shown(&name), shown(&fix)))?;
            }
        }
    }
    match failed {
        0 => Ok(()),
        1 => Err(Failure::Shown("one check failed".to_owned())),
        _ => Err(Failure::Shown(format!("{failed} checks failed"))),
    }
}

fn unreachable(failure: &Failure) -> Check {
    let fix = "start a server with `hookline serve`, or say where one is with --api; behind https, see whether its \
               certificate is valid and known here";
    Check::failed("api", causes(failure), fix)
}

fn transport(session: &Session) -> Check {
    const NAME: &str = "transport";
    match (session.client().is_https(), session.client().is_local()) {
        (true, _) => Check::ok(NAME, "https"),
        (false, true) => Check::ok(NAME, "http, within this machine"),
        (false, false) => Check::warning(
            NAME,
            "http: whoever is on the way reads keys and events",
            "put a proxy that speaks TLS in front, and give its address with --api",
        ),
    }
}

/// The answer was written at some time between asking and hearing it.
fn clock(answer: &Answer, asked_at: Timestamp, heard_at: Timestamp) -> Option<Check> {
    const NAME: &str = "clock.here";
    let theirs = rfc2822::parse(answer.date.as_deref()?).ok()?.timestamp().as_millisecond();
    let theirs = Timestamp::from_millis(theirs);
    let off = asked_at.since(theirs).max(theirs.since(heard_at));
    let detail = format!("{} s off the deployment's", off.as_secs());
    let fix = "set this machine's clock, or the server's: signatures carry the server's time";
    Some(match off {
        off if off > LARGE_SKEW => Check::failed(NAME, detail, fix),
        off if off > SMALL_SKEW => Check::warning(NAME, detail, fix),
        _ => Check::ok(NAME, "the deployment's clock agrees with this machine's"),
    })
}

fn version(theirs: &str) -> Check {
    const NAME: &str = "version";
    match theirs == VERSION {
        true => Check::ok(NAME, format!("{VERSION} on both sides")),
        false => Check::warning(
            NAME,
            format!("the deployment is {}, this command {VERSION}", shown(theirs)),
            "use the same version on both sides",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_795_255_377_400);

    fn condition(date: &str) -> Option<Condition> {
        let answer = Answer { text: String::new(), date: Some(date.to_owned()) };
        clock(&answer, NOW, NOW.saturating_add(Duration::from_millis(900))).map(|check| check.status)
    }

    #[test]
    fn clocks_are_compared_to_the_second_and_either_may_be_ahead() {
        let expected = [
            ("Sat, 21 Nov 2026 10:02:57 GMT", Condition::Ok),
            ("Sat, 21 Nov 2026 10:02:59 GMT", Condition::Ok),
            ("Sat, 21 Nov 2026 10:02:49 GMT", Condition::Warning),
            ("Sat, 21 Nov 2026 10:03:08 GMT", Condition::Warning),
            ("Sat, 21 Nov 2026 10:08:08 GMT", Condition::Failed),
        ];
        for (date, status) in expected {
            assert_eq!(condition(date), Some(status), "{date}");
        }
        assert_eq!(condition("yesterday"), None);
    }

    #[test]
    fn another_version_is_told() {
        assert_eq!((version(VERSION).status, version("0.0.1").status), (Condition::Ok, Condition::Warning));
    }
}
