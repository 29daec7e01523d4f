//! The sites of Guance and TrueWatch by name, and which addresses a token may be sent to.
//!
//! An address is a setting, and whoever may change settings could have tokens sent elsewhere, or to
//! what listens beside a function. So it is a name of a known host unless a setting says otherwise,
//! and what the name stands for is looked at again when it is connected to, with [`is_private`].

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Site {
    /// The name that settings use.
    pub name: &'static str,
    /// Where line protocol goes.
    pub openway: &'static str,
    /// Where the Open API is.
    pub openapi: &'static str,
    /// Where people look; `None` where nobody has written it down.
    pub console: Option<&'static str>,
}

macro_rules! site {
    ($name:literal, $head:literal, $domain:literal) => {
        Site {
            name: $name,
            openway: concat!("https://", $head, "openway.", $domain),
            openapi: concat!("https://", $head, "openapi.", $domain),
            console: Some(concat!("https://", $head, "console.", $domain)),
        }
    };
    ($name:literal, $head:literal, $domain:literal, no console) => {
        Site {
            console: None,
            ..site!($name, $head, $domain)
        }
    };
}

/// The sites: those of Guance, then those of TrueWatch.
pub const SITES: [Site; 15] = [
    site!("cn1", "", "guance.com"),
    site!("cn2", "aws-", "guance.com"),
    site!("cn3", "cn3-", "guance.com"),
    site!("cn4", "cn4-", "guance.com"),
    site!("cn5", "cn5-", "guance.com"),
    site!("cn6", "cn6-", "guance.one"),
    site!("us1", "us1-", "guance.com"),
    site!("eu1", "eu1-", "guance.one"),
    site!("ap1", "ap1-", "guance.one"),
    site!("truewatch-us1", "us1-", "truewatch.com", no console),
    site!("truewatch-eu1", "eu1-", "truewatch.com", no console),
    site!("truewatch-ap1", "ap1-", "truewatch.com", no console),
    site!("truewatch-za1", "za1-", "truewatch.com", no console),
    site!("truewatch-id1", "id1-", "truewatch.com", no console),
    site!("truewatch-me1", "me1-", "truewatch.com", no console),
];

/// Returns the site of a name.
pub fn site(name: &str) -> Option<&'static Site> {
    SITES.iter().find(|site| site.name == name)
}

/// An address that was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// The host's name, in small letters.
    pub host: String,
    /// The port.
    pub port: u16,
    /// Whether it may turn out to be a private address.
    pub allow_private: bool,
}

/// What is wrong with an address. None of these repeats it: a wrong one may hold a token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// It is not encrypted, or no address at all.
    #[error("the address begins with https://, such as https://us1-openway.guance.com")]
    NotHttps,
    /// A user or a password stands before the host.
    #[error("the address has no user and no password; the token is a secret of its own")]
    UserInfo,
    /// Something follows the host.
    #[error("the address ends with the host or its port: no path, no query such as ?token=")]
    Path,
    /// The host is a number.
    #[error("the address names a host, such as us1-openway.guance.com, and no IP address")]
    IpLiteral,
    /// The host's name is no name.
    #[error("the host's name consists of letters, digits, hyphens and dots, with a dot in it")]
    Host,
    /// The port is none.
    #[error("the port is a number from 1 to 65535")]
    Port,
    /// The host is none of Guance or TrueWatch.
    #[error(
        "the host's name ends in {}; for a deployment of one's own allow custom endpoints",
        KNOWN.join(", ")
    )]
    Foreign,
    /// The host is this machine or one beside it.
    #[error("the host is local; allow private endpoints if that is meant")]
    Local,
}

/// How the names of hosts end that belong to Guance and TrueWatch.
const KNOWN: [&str; 3] = [".guance.com", ".guance.one", ".truewatch.com"];

/// How names end that never leave a network.
const LOCAL: [&str; 5] = [".localhost", ".local", ".internal", ".lan", ".home.arpa"];

/// Checks the address of a DataWay or an Open API.
pub fn endpoint(
    url: &str,
    allow_custom: bool,
    allow_private: bool,
) -> Result<Endpoint, EndpointError> {
    let rest = url
        .strip_prefix("https://")
        .ok_or(EndpointError::NotHttps)?;
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    if rest.contains('@') {
        return Err(EndpointError::UserInfo);
    }
    if rest.contains(['/', '?', '#', '\\']) {
        return Err(EndpointError::Path);
    }
    if rest.starts_with('[') {
        return Err(EndpointError::IpLiteral);
    }
    let (host, port) = match rest.split_once(':') {
        Some((host, port)) => (host, port_of(port)?),
        None => (rest, 443),
    };
    let host = host.to_ascii_lowercase();
    check_host(&host)?;
    if !allow_private && LOCAL.iter().any(|end| host.ends_with(end)) {
        return Err(EndpointError::Local);
    }
    if !allow_custom && !KNOWN.iter().any(|end| host.ends_with(end)) {
        return Err(EndpointError::Foreign);
    }
    Ok(Endpoint {
        host,
        port,
        allow_private,
    })
}

impl Endpoint {
    /// Returns the address, without a slash at its end.
    pub fn origin(&self) -> String {
        match self.port {
            443 => format!("https://{}", self.host),
            port => format!("https://{}:{port}", self.host),
        }
    }

    /// Tells whether an address that the host's name stands for may be connected to.
    pub fn admits(&self, address: IpAddr) -> bool {
        self.allow_private || !is_private(address)
    }
}

fn port_of(text: &str) -> Result<u16, EndpointError> {
    let is_number = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let port = text.parse().ok().filter(|port| is_number && *port > 0);
    port.ok_or(EndpointError::Port)
}

fn check_host(host: &str) -> Result<(), EndpointError> {
    // The last label of a name is never a number; of `127.1` and `0x7f.1`, which some resolvers take
    // for an address, it is.
    let last = host.rsplit('.').next().unwrap_or_default();
    if last.starts_with(|first: char| first.is_ascii_digit()) || host.contains(':') {
        return Err(EndpointError::IpLiteral);
    }
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    let is_name = host.len() <= 253 && host.contains('.') && host.split('.').all(is_label);
    is_name.then_some(()).ok_or(EndpointError::Host)
}

/// Tells addresses that are this machine, its network or nobody's: what a name on the outside must
/// not stand for.
pub fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_private_v4(address),
        IpAddr::V6(address) => is_private_v6(address),
    }
}

fn is_private_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    address.is_loopback()
        || address.is_private()
        || address.is_link_local()
        || address.is_multicast()
        || a == 0
        // Behind a carrier's translation, RFC 6598; for benchmarks, RFC 2544; protocols, RFC 6890.
        || (a == 100 && (64..128).contains(&b))
        || (a == 198 && (18..20).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || a >= 240
}

fn is_private_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    let last = || {
        let [.., high, low] = segments;
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        Ipv4Addr::new(a, b, c, d)
    };
    match segments {
        // `::`, `::1` and IPv4 in its old and its usual disguise, and as NAT64 has it.
        [0, 0, 0, 0, 0, 0, _, _] => {
            address.is_unspecified() || address.is_loopback() || is_private_v4(last())
        }
        [0, 0, 0, 0, 0, 0xffff, _, _] | [0x64, 0xff9b, 0, 0, 0, 0, _, _] => is_private_v4(last()),
        [0x64, 0xff9b, 1, ..] => true,
        [0x2002, high, low, ..] => {
            let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
            is_private_v4(Ipv4Addr::new(a, b, c, d))
        }
        [head, ..] => {
            // Unique local, link-local, site-local, multicast.
            head & 0xfe00 == 0xfc00 || head & 0xff80 == 0xfe80 || head & 0xff00 == 0xff00
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_site_passes_its_own_check() {
        for site in &SITES {
            for url in [Some(site.openway), Some(site.openapi), site.console] {
                let Some(url) = url else { continue };
                assert_eq!(endpoint(url, false, false).unwrap().origin(), url);
            }
        }
        assert_eq!(
            site("cn2").unwrap().openway,
            "https://aws-openway.guance.com"
        );
        assert_eq!(site("nowhere"), None);
    }

    #[test]
    fn an_address_is_a_known_host_and_nothing_more() {
        for (url, wrong) in [
            ("http://openway.guance.com", EndpointError::NotHttps),
            ("openway.guance.com", EndpointError::NotHttps),
            ("https://u:p@openway.guance.com", EndpointError::UserInfo),
            (
                "https://evil.example#@openway.guance.com",
                EndpointError::UserInfo,
            ),
            ("https://openway.guance.com/v1", EndpointError::Path),
            (
                "https://openway.guance.com?token=tkn_x",
                EndpointError::Path,
            ),
            ("https://evil.example\\.guance.com", EndpointError::Path),
            ("https://127.0.0.1", EndpointError::IpLiteral),
            ("https://127.1:9001", EndpointError::IpLiteral),
            ("https://2130706433", EndpointError::IpLiteral),
            ("https://0x7f.0x1", EndpointError::IpLiteral),
            ("https://[::1]:2773", EndpointError::IpLiteral),
            ("https://", EndpointError::Host),
            ("https://guance", EndpointError::Host),
            ("https://-x.guance.com", EndpointError::Host),
            ("https://a b.guance.com", EndpointError::Host),
            ("https://ｇuance.com", EndpointError::Host),
            ("https://openway.guance.com:0", EndpointError::Port),
            ("https://openway.guance.com:+1", EndpointError::Port),
            ("https://openway.guance.com:", EndpointError::Port),
            ("https://evilguance.com", EndpointError::Foreign),
            (
                "https://openway.guance.com.evil.example",
                EndpointError::Foreign,
            ),
            ("https://guance.internal", EndpointError::Local),
        ] {
            assert_eq!(endpoint(url, false, false), Err(wrong), "{url}");
        }
        let own = endpoint("https://Guance.shop.internal:8443/", true, true).unwrap();
        assert_eq!(own.origin(), "https://guance.shop.internal:8443");
        assert!(own.admits(IpAddr::from([10, 0, 0, 1])));
        let known = endpoint("https://openway.guance.com", false, false).unwrap();
        assert!(!known.admits(IpAddr::from([169, 254, 169, 254])));
    }

    #[test]
    fn what_is_near_is_private_in_each_of_its_spellings() {
        for private in [
            "127.0.0.1",
            "0.0.0.0",
            "10.1.2.3",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "fe80::1",
            "fec0::1",
            "fc00::1",
            "fd00:ec2::254",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "2002:7f00:1::1",
        ] {
            assert!(is_private(private.parse().unwrap()), "{private}");
        }
        for public in [
            "1.1.1.1",
            "100.63.255.255",
            "100.128.0.0",
            "172.32.0.1",
            "192.0.2.1",
            "8.8.8.8",
            "2606:4700::1111",
            "::ffff:8.8.8.8",
            "64:ff9b::808:808",
        ] {
            assert!(!is_private(public.parse().unwrap()), "{public}");
        }
    }
}
