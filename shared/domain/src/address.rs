//! Which URLs and addresses a hook may name.
//!
//! Strangers choose where we send. So everything that is not a public unicast
//! address is refused: when a hook is written, and again for every address a
//! name resolves to, at every attempt. Ranges are those of the IANA
//! special-purpose registries
//! (<https://www.iana.org/assignments/iana-ipv4-special-registry>,
//! <https://www.iana.org/assignments/iana-ipv6-special-registry>).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use url::{Host, Url};

/// The longest URL of a hook, in bytes.
pub const MAX_URL_BYTES: usize = 2_048;

/// What is allowed beyond HTTPS to public addresses on ports 80 and 443.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AddressPolicy {
    /// Plain `http` as well.
    pub allow_http: bool,
    /// Networks that may be called although they are not public, on any port.
    pub allow_networks: Vec<IpNet>,
    /// Ports beside 80 and 443.
    pub allow_ports: Vec<u16>,
}

/// Why a URL or address is refused. Never says what a name resolved to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("expected a URL such as https://example.com/hooks{}", why(*.0))]
    Malformed(url::ParseError),
    #[error("is longer than {MAX_URL_BYTES} bytes")]
    TooLong,
    #[error("contains a space, a line break, a control character or a backslash; encode it, or leave it out")]
    Characters,
    #[error("must begin with https://")]
    Scheme,
    #[error("must not contain a user name or password; use the hook's own settings for credentials")]
    Userinfo,
    #[error("must not contain a fragment (#…), which is never sent")]
    Fragment,
    #[error("must use port 443 or 80, or another one that the operator allows")]
    Port,
    #[error(
        "names a host that cannot be called: each part between its dots has 1 to 63 letters, digits, hyphens or \
         underscores and no hyphen at its ends, and all have 253 at most"
    )]
    Host,
    #[error("points to an address that is not public")]
    Address,
}

/// RFC 1035, section 2.3.4.
const MAX_LABEL_BYTES: usize = 63;
const MAX_HOST_BYTES: usize = 253;

/// What is wrong with it, where that says more than that it is none.
fn why(error: url::ParseError) -> String {
    match error {
        url::ParseError::RelativeUrlWithoutBase => String::new(),
        other => format!(": {other}"),
    }
}

impl AddressPolicy {
    /// Checks everything about a URL that needs no name resolution.
    pub fn check_url(&self, text: &str) -> Result<Url, Refusal> {
        if text.len() > MAX_URL_BYTES {
            return Err(Refusal::TooLong);
        }
        // The parser would drop or turn them, and what is stored would be another text than what is sent to.
        if text.contains(|c: char| c.is_whitespace() || c.is_control() || c == '\\') {
            return Err(Refusal::Characters);
        }
        let url = Url::parse(text).map_err(Refusal::Malformed)?;
        self.check_parsed(&url)?;
        // Of what was stored before this was checked, the look-up tells.
        match url.host() {
            Some(Host::Domain(name)) if !can_be_called(name) => Err(Refusal::Host),
            _ => Ok(url),
        }
    }

    pub fn check_parsed(&self, url: &Url) -> Result<(), Refusal> {
        match url.scheme() {
            "https" => {}
            "http" if self.allow_http => {}
            _ => return Err(Refusal::Scheme),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Refusal::Userinfo);
        }
        if url.fragment().is_some() {
            return Err(Refusal::Fragment);
        }
        let port = url.port_or_known_default().unwrap_or(0);
        match url.host() {
            Some(Host::Ipv4(ip)) => self.check_address(ip.into(), port)?,
            Some(Host::Ipv6(ip)) => self.check_address(ip.into(), port)?,
            // Where networks are allowed, the port of a name is judged with its address.
            Some(Host::Domain(_)) if !self.allows_port(port) && self.allow_networks.is_empty() => {
                return Err(Refusal::Port);
            }
            Some(Host::Domain(name)) if self.allow_networks.is_empty() && is_local_name(name) => {
                return Err(Refusal::Address);
            }
            Some(Host::Domain(_)) => {}
            None => return Err(Refusal::Malformed(url::ParseError::EmptyHost)),
        }
        Ok(())
    }

    /// Whether this address may be dialled on this port.
    pub fn check_address(&self, ip: IpAddr, port: u16) -> Result<(), Refusal> {
        let ip = ip.to_canonical();
        if self.allow_networks.iter().any(|net| net.contains(&ip)) {
            return Ok(());
        }
        if !is_public(ip) {
            return Err(Refusal::Address);
        }
        if self.allows_port(port) { Ok(()) } else { Err(Refusal::Port) }
    }

    fn allows_port(&self, port: u16) -> bool {
        matches!(port, 80 | 443) || self.allow_ports.contains(&port)
    }
}

/// Whether resolvers and certificates know such a name. An underscore is in none that
/// a host should have, and in many that are called.
fn can_be_called(name: &str) -> bool {
    consists_of_labels(name.strip_suffix('.').unwrap_or(name), |byte| byte == b'_')
}

/// Whether it is the name of a host that may have one (RFC 1123, section 2.1), without a final dot.
pub(crate) fn is_host_name(name: &str) -> bool {
    consists_of_labels(name, |_| false)
}

fn consists_of_labels(name: &str, allows: impl Fn(u8) -> bool) -> bool {
    let is_label = |label: &str| {
        (1..=MAX_LABEL_BYTES).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || allows(byte))
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    name.len() <= MAX_HOST_BYTES && name.split('.').all(is_label)
}

fn is_local_name(name: &str) -> bool {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost")
}

/// Whether the IANA registries leave this address for public unicast.
pub fn is_public(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const FORBIDDEN_V4: [Ipv4Net; 15] = [
    v4(0, 0, 0, 0, 8),
    v4(10, 0, 0, 0, 8),
    v4(100, 64, 0, 0, 10),
    v4(127, 0, 0, 0, 8),
    // Holds the Lambda runtime API and the instance metadata service.
    v4(169, 254, 0, 0, 16),
    v4(172, 16, 0, 0, 12),
    v4(192, 0, 0, 0, 24),
    v4(192, 0, 2, 0, 24),
    v4(192, 88, 99, 0, 24),
    v4(192, 168, 0, 0, 16),
    v4(198, 18, 0, 0, 15),
    v4(198, 51, 100, 0, 24),
    v4(203, 0, 113, 0, 24),
    v4(224, 0, 0, 0, 4),
    v4(240, 0, 0, 0, 4),
];

fn is_public_v4(ip: Ipv4Addr) -> bool {
    !FORBIDDEN_V4.iter().any(|net| net.contains(&ip))
}

const fn v6(segments: [u16; 8], prefix: u8) -> Ipv6Net {
    let [a, b, c, d, e, f, g, h] = segments;
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, d, e, f, g, h), prefix)
}

/// Global unicast is 2000::/3; all else is refused without being listed here,
/// save the NAT64 prefix below.
const GLOBAL_UNICAST: Ipv6Net = v6([0x2000, 0, 0, 0, 0, 0, 0, 0], 3);
const FORBIDDEN_V6: [Ipv6Net; 4] = [
    // IETF protocol assignments, Teredo and ORCHID among them.
    v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 23),
    v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32),
    v6([0x2002, 0, 0, 0, 0, 0, 0, 0], 16),
    v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20),
];
/// Globally reachable although inside 2001::/23: anycast for PCP, TURN and
/// DNS-SD (2001:1::1–3), AMT, AS112-v6, ORCHIDv2 and Drone Remote ID.
const ALLOWED_V6: [Ipv6Net; 7] = [
    v6([0x2001, 1, 0, 0, 0, 0, 0, 1], 128),
    v6([0x2001, 1, 0, 0, 0, 0, 0, 2], 128),
    v6([0x2001, 1, 0, 0, 0, 0, 0, 3], 128),
    v6([0x2001, 3, 0, 0, 0, 0, 0, 0], 32),
    v6([0x2001, 4, 0x112, 0, 0, 0, 0, 0], 48),
    v6([0x2001, 0x20, 0, 0, 0, 0, 0, 0], 28),
    v6([0x2001, 0x30, 0, 0, 0, 0, 0, 0], 28),
];
/// NAT64 (RFC 6052): judged by the IPv4 address it ends in. The range for local
/// use, 64:ff9b:1::/48 (RFC 8215), is not global, whatever it embeds.
const NAT64: Ipv6Net = v6([0x64, 0xff9b, 0, 0, 0, 0, 0, 0], 96);

fn is_public_v6(ip: Ipv6Addr) -> bool {
    if NAT64.contains(&ip) {
        let [.., a, b, c, d] = ip.octets();
        return is_public_v4(Ipv4Addr::new(a, b, c, d));
    }
    GLOBAL_UNICAST.contains(&ip)
        && (ALLOWED_V6.iter().any(|net| net.contains(&ip)) || !FORBIDDEN_V6.iter().any(|net| net.contains(&ip)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn both_sides_of_every_ipv4_edge() {
        for net in FORBIDDEN_V4 {
            assert!(!is_public_v4(net.network()) && !is_public_v4(net.broadcast()), "{net}");
            let before = u32::from(net.network()).checked_sub(1).map(Ipv4Addr::from);
            let after = u32::from(net.broadcast()).checked_add(1).map(Ipv4Addr::from);
            for neighbour in [before, after].into_iter().flatten() {
                let covered = FORBIDDEN_V4.iter().any(|other| other.contains(&neighbour));
                assert_eq!(is_public_v4(neighbour), !covered, "{neighbour}");
            }
        }
        assert!(is_public_v4(Ipv4Addr::new(9, 255, 255, 255)) && is_public_v4(Ipv4Addr::new(11, 0, 0, 0)));
    }

    #[test]
    fn ipv6_forms_that_hide_something_else_are_refused() {
        for text in [
            "::",
            "::1",
            "::127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::a00:1",
            "64:ff9b:1:a00:0:100:808:808",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "3fff::1",
            "5f00::1",
            "fc00::1",
            "fd12::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!is_public(text.parse().unwrap()), "{text}");
        }
        for text in ["2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101", "2001:1::1", "2001:200::1"] {
            assert!(is_public(text.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn url_forms_that_hide_a_private_address_are_refused() {
        let policy = AddressPolicy::default();
        for text in [
            "https://127.0.0.1/",
            "https://2130706433/",
            "https://0x7f.1/",
            "https://0177.0.0.1/",
            "https://127.1/",
            "https://[::1]/",
            "https://[::ffff:127.0.0.1]/",
            "https://localhost/",
            "https://LOCALHOST./",
            "https://a.localhost/",
            "https://１２７.0.0.1/",
        ] {
            assert_eq!(policy.check_url(text), Err(Refusal::Address), "{text}");
        }
    }

    #[test]
    fn everything_else_about_a_url_is_checked_too() {
        let policy = AddressPolicy::default();
        let refusal = |text: &str| policy.check_url(text).unwrap_err();
        assert_eq!(refusal("http://example.com/"), Refusal::Scheme);
        assert_eq!(refusal("file:///etc/passwd"), Refusal::Scheme);
        assert_eq!(refusal("https://user@example.com/"), Refusal::Userinfo);
        assert_eq!(refusal("https://example.com:8443/"), Refusal::Port);
        assert_eq!(refusal("https://example.com/#x"), Refusal::Fragment);
        assert_eq!(refusal(&format!("https://example.com/{}", "x".repeat(2048))), Refusal::TooLong);
        assert!(matches!(refusal("https://"), Refusal::Malformed(_)));
        assert!(policy.check_url("https://example.com/hooks?a=b").is_ok());
    }

    #[test]
    fn a_host_that_no_resolver_knows_is_refused_where_it_is_written() {
        let policy = AddressPolicy::default();
        let label = |length: usize| "a".repeat(length);
        let long = |last: usize| format!("{0}.{0}.{0}.{1}", label(63), label(last));
        for host in ["-a.example", "a-.example", "*.example", "a..example", ".example", "a!.example"] {
            assert_eq!(policy.check_url(&format!("https://{host}/")), Err(Refusal::Host), "{host}");
            // What is stored already is still read.
            let stored = format!("https://{host}/").parse().unwrap();
            assert_eq!(policy.check_parsed(&stored), Ok(()), "{host}");
        }
        for host in [format!("{}.example", label(64)), long(62)] {
            assert_eq!(policy.check_url(&format!("https://{host}/")), Err(Refusal::Host), "{host}");
        }
        let mut fine = vec![format!("{}.example", label(63)), long(61), format!("{}.", long(61))];
        fine.extend(
            [
                "a_b.example",
                "_dmarc.example",
                "a--b.example",
                "xn--bcher-kva.example",
                "B\u{fc}cher.example.",
                "3.example",
            ]
            .map(str::to_owned),
        );
        for host in fine {
            assert!(policy.check_url(&format!("https://{host}/")).is_ok(), "{host}");
        }
    }

    #[test]
    fn an_allowed_network_opens_only_itself() {
        let policy = AddressPolicy {
            allow_http: true,
            allow_networks: vec!["127.0.0.0/8".parse().unwrap()],
            ..Default::default()
        };
        assert!(policy.check_url("http://127.0.0.1:9000/").is_ok());
        assert_eq!(policy.check_url("http://10.0.0.1/"), Err(Refusal::Address));
        assert_eq!(policy.check_address("1.1.1.1".parse().unwrap(), 9000), Err(Refusal::Port));
    }

    #[test]
    fn an_allowed_port_opens_no_address() {
        let policy = AddressPolicy { allow_ports: vec![8443], ..AddressPolicy::default() };
        for url in ["https://example.com:8443/", "https://1.1.1.1:8443/", "https://example.com/"] {
            assert!(policy.check_url(url).is_ok(), "{url}");
        }
        for (url, refusal) in [
            ("https://example.com:8444/", Refusal::Port),
            ("https://1.1.1.1:8444/", Refusal::Port),
            ("https://10.0.0.1:8443/", Refusal::Address),
            ("https://localhost:8443/", Refusal::Address),
        ] {
            assert_eq!(policy.check_url(url), Err(refusal), "{url}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_check_panic(text in ".{0,60}") {
            let _ = AddressPolicy::default().check_url(&text);
        }

        #[test]
        fn mapped_addresses_are_judged_like_their_ipv4_form(bits in any::<u32>()) {
            let ip = Ipv4Addr::from(bits);
            prop_assert_eq!(is_public(ip.to_ipv6_mapped().into()), is_public_v4(ip));
        }
    }
}
