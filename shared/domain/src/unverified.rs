//! What a tenant's hooks have sent to hosts of which no endpoint has verified itself. It is counted by host and
//! outlives the hooks, so that deleting one and making it anew gives no further requests.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::hex::hex;
use crate::secret::fingerprint;
use crate::time::Timestamp;

const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(24 * 3_600);
/// Requests an hour to one host, where its hooks do not get more each.
pub const MOST_OF_A_HOST: u32 = 10;
/// So many times as many, where an endpoint of this host has verified itself within a day: others there may be
/// somebody else's still.
const MORE_WHERE_VERIFIED: u32 = 10;
/// Hosts that a tenant sends to within an hour, none of them verified; and so many that are.
pub const MOST_HOSTS: usize = 200;

/// The requests of one tenant.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnverifiedHosts {
    #[serde(default)]
    hosts: BTreeMap<String, Host>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Host {
    last: Timestamp,
    used: u32,
    /// When an endpoint there verified itself last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    verified: Option<Timestamp>,
}

/// What becomes of a request where the tenant has asked too many hosts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crowded {
    Refuse,
    /// The host that was asked longest ago is forgotten. Of events, which nobody outside asks for one by one.
    Forget,
}

/// Why there is no request, and until when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exhausted {
    Host { until: Timestamp, limit: u32 },
    Tenant { until: Timestamp },
}

impl UnverifiedHosts {
    /// Takes one of the requests that go to this host, of which one hook gets `per_hour`. There are never more in
    /// any hour: the count starts again only an hour after the last of them.
    pub fn take(&mut self, authority: &str, per_hour: u32, now: Timestamp, crowded: Crowded) -> Result<(), Exhausted> {
        self.forget_old(now);
        let name = recognise(authority);
        let known = self.hosts.get(&name);
        let verified = known.and_then(|host| host.verified);
        let times = if verified.is_some() { MORE_WHERE_VERIFIED } else { 1 };
        let limit = per_hour.max(MOST_OF_A_HOST).saturating_mul(times);
        let used = known.filter(|host| now.since(host.last) < HOUR).map_or(0, |host| host.used);
        if let Some(host) = known.filter(|_| used >= limit) {
            return Err(Exhausted::Host { until: host.last.saturating_add(HOUR), limit });
        }
        if verified.is_none()
            && used == 0
            && let Some(oldest) = self.oldest_beyond_most(false)
        {
            match crowded {
                Crowded::Refuse => {
                    return Err(Exhausted::Tenant { until: self.hosts[&oldest].last.saturating_add(HOUR) });
                }
                Crowded::Forget => self.hosts.remove(&oldest),
            };
        }
        self.hosts.insert(name, Host { last: now, used: used.saturating_add(1), verified });
        Ok(())
    }

    /// The endpoint of one of these requests has verified itself, which gives it back.
    pub fn verify(&mut self, authority: &str, now: Timestamp) {
        self.forget_old(now);
        let name = recognise(authority);
        let known = self.hosts.get(&name);
        if known.is_none_or(|host| host.verified.is_none())
            && let Some(oldest) = self.oldest_beyond_most(true)
        {
            self.hosts.remove(&oldest);
        }
        let host = self.hosts.entry(name).or_insert(Host { last: now, used: 0, verified: None });
        host.used = host.used.saturating_sub(1);
        host.verified = Some(now);
    }

    fn forget_old(&mut self, now: Timestamp) {
        for host in self.hosts.values_mut() {
            // Of a clock that was ahead.
            host.last = host.last.min(now);
            host.verified = host.verified.filter(|at| now.since(*at) < DAY);
        }
        self.hosts.retain(|_, host| host.verified.is_some() || (host.used > 0 && now.since(host.last) < HOUR));
    }

    /// Where there are as many as there may be.
    fn oldest_beyond_most(&self, verified: bool) -> Option<String> {
        let alike = || self.hosts.iter().filter(|(_, host)| host.verified.is_some() == verified);
        let oldest = alike().min_by_key(|(_, host)| host.last).filter(|_| alike().count() >= MOST_HOSTS);
        oldest.map(|(name, _)| name.clone())
    }
}

/// As long as it takes to tell a few hundred hosts apart; their names would say whose customer it is.
fn recognise(authority: &str) -> String {
    hex(&fingerprint(authority)[..8])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(1_000_000_000_000).saturating_add(Duration::from_secs(seconds))
    }

    #[test]
    fn a_host_gets_ten_requests_an_hour_and_those_of_who_verifies_do_not_count() {
        let mut hosts = UnverifiedHosts::default();
        for second in 0..10 {
            assert_eq!(hosts.take("a:443", 1, at(second), Crowded::Refuse), Ok(()));
        }
        let refused = Err(Exhausted::Host { until: at(3_609), limit: 10 });
        assert_eq!(hosts.take("a:443", 1, at(10), Crowded::Refuse), refused);
        assert_eq!(hosts.take("a:443", 1, at(3_608), Crowded::Forget), refused);
        assert_eq!(hosts.take("a:444", 1, at(10), Crowded::Refuse), Ok(()), "another port is another host");
        assert_eq!(hosts.take("a:443", 11, at(10), Crowded::Refuse), Ok(()), "a hook that gets more");
        assert_eq!(hosts.take("a:443", 1, at(3_700), Crowded::Refuse), Ok(()));
        for second in 0..500 {
            assert_eq!(hosts.take("b:443", 1, at(4_000 + second), Crowded::Refuse), Ok(()));
            hosts.verify("b:443", at(4_000 + second));
        }
        let failing = (0..).take_while(|_| hosts.take("b:443", 1, at(5_000), Crowded::Refuse).is_ok()).count();
        assert_eq!(failing, 100, "others at a host that has verified itself may be somebody else's");
    }

    #[test]
    fn what_is_remembered_is_bounded_and_passes() {
        let mut hosts = UnverifiedHosts::default();
        for number in 0..200 {
            assert_eq!(hosts.take(&format!("{number}:443"), 1, at(number), Crowded::Refuse), Ok(()));
        }
        let refused = Err(Exhausted::Tenant { until: at(3_600) });
        assert_eq!(hosts.take("more:443", 1, at(300), Crowded::Refuse), refused);
        assert_eq!(hosts.take("7:443", 1, at(300), Crowded::Refuse), Ok(()), "it is known");
        assert_eq!(hosts.take("more:443", 1, at(300), Crowded::Forget), Ok(()));
        for number in 0..300 {
            hosts.verify(&format!("good-{number}:443"), at(400 + number));
        }
        assert_eq!(hosts.hosts.len(), 400);
        assert_eq!(hosts.take("last:443", 1, at(9_000), Crowded::Refuse), Ok(()));
        assert_eq!(hosts.hosts.len(), 201, "those that are verified are known for a day");
        assert_eq!(hosts.take("last:443", 1, at(200_000), Crowded::Refuse), Ok(()));
        assert_eq!(hosts.hosts.len(), 1);
        let text = serde_json::to_string(&hosts).unwrap();
        assert!(!text.contains("443"), "no names: {text}");
        // The clock was set back.
        assert_eq!(hosts.take("last:443", 1, at(0), Crowded::Refuse), Ok(()));
        assert_eq!(hosts.hosts[&recognise("last:443")].last, at(0));
    }
}
