//! Where a workspace is: an address that was looked at before anything is sent to it, because within
//! a function some addresses are its own runtime and its credentials.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::guance::route::Route;

/// The domains of the vendor.
const VENDOR: [&str; 3] = [".guance.com", ".guance.one", ".truewatch.com"];

/// How names end that never leave a network.
const LOCAL: [&str; 5] = [".localhost", ".local", ".internal", ".lan", ".home.arpa"];

/// What a stack allows beyond the vendor's own addresses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AllowedHosts {
    /// Addresses of others.
    pub custom: bool,
    /// Addresses in private networks.
    pub private: bool,
}

/// An address that may be sent to: its scheme, its host and its port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    scheme: &'static str,
    host: String,
    port: Option<u16>,
}

impl Endpoint {
    /// Reads the URL of a route.
    ///
    /// # Errors
    /// What is wrong with it, and what would be right; nothing of the URL is repeated, as somebody may
    /// have put a token into it.
    pub fn parse(url: &str, route: Route, allowed: AllowedHosts) -> Result<Self, String> {
        let (scheme, rest) = match url.split_once("://") {
            Some(("https", rest)) => ("https", rest),
            Some(("http", rest)) if route == Route::Datakit && allowed.private => ("http", rest),
            _ => return Err("has to begin with https://".to_owned()),
        };
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        let (host, port) = split(authority).filter(|(host, _)| is_host(host)).ok_or(
            "has to be a host and perhaps a port alone, such as https://openway.guance.com",
        )?;
        let host = host.to_ascii_lowercase();
        match address_of(&host) {
            Some(_) if !allowed.private => {
                return Err("has to name its host instead of giving its address".to_owned());
            }
            Some(address) if !may_connect(address, allowed) => {
                return Err("has an address that must not be connected to".to_owned());
            }
            Some(_) => {}
            None if looks_like_an_address(&host) => {
                return Err("has to name its host instead of giving its address".to_owned());
            }
            None if !allowed.private && is_local(&host) => {
                return Err("is on this machine or beside it".to_owned());
            }
            None => {}
        }
        let is_vendor = VENDOR.iter().any(|domain| host.ends_with(domain));
        if !is_vendor && !allowed.custom && !allowed.private {
            return Err(format!(
                "is none of *{}; allow a custom endpoint if it is meant",
                VENDOR.join(", *")
            ));
        }
        Ok(Self { scheme, host, port })
    }

    /// Returns the host's name.
    pub fn host(&self) -> &str {
        &self.host
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}://{}", self.scheme, self.host)?;
        match self.port {
            Some(port) => write!(formatter, ":{port}"),
            None => Ok(()),
        }
    }
}

fn is_local(host: &str) -> bool {
    host == "localhost" || LOCAL.iter().any(|end| host.ends_with(end))
}

/// Splits a port off.
fn split(authority: &str) -> Option<(&str, Option<u16>)> {
    let end = authority.rfind(']').unwrap_or_default();
    match authority[end..].rfind(':') {
        Some(colon) => {
            let (host, port) = authority.split_at(end + colon);
            let port = &port[1..];
            let is_number = port.bytes().all(|byte| byte.is_ascii_digit());
            let port = port.parse().ok().filter(|port| is_number && *port != 0)?;
            Some((host, Some(port)))
        }
        None => Some((authority, None)),
    }
}

fn is_host(host: &str) -> bool {
    let is_name = |name: &str| {
        !name.is_empty()
            && name.len() <= 63
            && !name.starts_with('-')
            && !name.ends_with('-')
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    address_of(host).is_some() || (host.len() <= 253 && host.split('.').all(is_name))
}

fn address_of(host: &str) -> Option<IpAddr> {
    let inner = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    match inner {
        Some(inner) => inner.parse().ok().map(IpAddr::V6),
        None => host.parse().ok().map(IpAddr::V4),
    }
}

/// Tells whether a resolver may take a name for an address, such as `0x7f.1` or `2130706433`.
fn looks_like_an_address(host: &str) -> bool {
    let last = host.rsplit('.').next().unwrap_or_default();
    let hexadecimal = last.strip_prefix("0x");
    last.bytes().all(|byte| byte.is_ascii_digit())
        || hexadecimal.is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// Tells whether an address may be connected to.
///
/// Link-local ones never: AWS answers there with credentials. Those of this machine and of private
/// networks only where they are allowed: within a function the runtime listens on them.
pub fn may_connect(address: IpAddr, allowed: AllowedHosts) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => may_connect_4(address, allowed),
        IpAddr::V6(address) => match embedded(address) {
            Some(address) => may_connect_4(address, allowed),
            None => may_connect_6(address, allowed),
        },
    }
}

fn may_connect_4(address: Ipv4Addr, allowed: AllowedHosts) -> bool {
    let [first, second, ..] = address.octets();
    // Behind a carrier's translation, RFC 6598; for benchmarks, RFC 2544; protocols, RFC 6890.
    let is_shared = match first {
        100 => (64..128).contains(&second),
        192 => second == 0,
        198 => (18..20).contains(&second),
        _ => false,
    };
    let is_private = address.is_loopback() || address.is_private() || is_shared;
    let is_never = first == 0
        || first >= 240
        || address.is_link_local()
        || address.is_multicast()
        || address.is_unspecified();
    !is_never && (allowed.private || !is_private)
}

fn may_connect_6(address: Ipv6Addr, allowed: AllowedHosts) -> bool {
    // Of NAT64 in a network of one's own nobody knows what it carries.
    let is_own_nat = address.segments()[..3] == [0x64, 0xff9b, 1];
    let is_private = address.is_loopback() || address.is_unique_local() || is_own_nat;
    let is_never =
        address.is_unicast_link_local() || address.is_multicast() || address.is_unspecified();
    !is_never && (allowed.private || !is_private)
}

/// Returns the IPv4 address that NAT64, 6to4 and the oldest form of all carry in an IPv6 one.
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let bytes = address.octets();
    let four = |at: usize| Ipv4Addr::new(bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]);
    match address.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, _, _] => Some(four(12)),
        [0x2002, ..] => Some(four(2)),
        [0, 0, 0, 0, 0, 0, high, _] if high != 0 => Some(four(12)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VENDOR_ONLY: AllowedHosts = AllowedHosts {
        custom: false,
        private: false,
    };
    const CUSTOM: AllowedHosts = AllowedHosts {
        custom: true,
        private: false,
    };
    const PRIVATE: AllowedHosts = AllowedHosts {
        custom: false,
        private: true,
    };

    #[test]
    fn the_vendor_s_addresses_are_taken_as_they_are() {
        for url in [
            "https://openway.guance.com",
            "https://cn6-openway.guance.one",
            "https://us1-openapi.truewatch.com:443",
        ] {
            let endpoint = Endpoint::parse(url, Route::Dataway, VENDOR_ONLY).unwrap();
            assert_eq!(endpoint.to_string(), url);
        }
    }

    #[test]
    fn what_must_not_be_sent_to_is_refused_and_not_repeated() {
        for (url, allowed, says) in [
            ("http://openway.guance.com", VENDOR_ONLY, "https://"),
            ("http://openway.guance.com", PRIVATE, "https://"),
            ("openway.guance.com", VENDOR_ONLY, "https://"),
            ("https://hush@openway.guance.com", CUSTOM, "alone"),
            ("https://openway.guance.com/hush", CUSTOM, "alone"),
            ("https://openway.guance.com?token=hush", CUSTOM, "alone"),
            ("https://openway.guance.com:0", CUSTOM, "alone"),
            ("https://openway.guance.com:+1", CUSTOM, "alone"),
            ("https://openway.guance.com:", CUSTOM, "alone"),
            ("https://evil.example\\.guance.com", CUSTOM, "alone"),
            ("https://ｇuance.com", CUSTOM, "alone"),
            (
                "https://openway.guance.com.evil.example",
                VENDOR_ONLY,
                "none of",
            ),
            ("https://guance.com", VENDOR_ONLY, "none of"),
            ("https://evilguance.com", VENDOR_ONLY, "none of"),
            ("https://127.0.0.1:9001", CUSTOM, "name its host"),
            ("https://[::1]", CUSTOM, "name its host"),
            ("https://2130706433", CUSTOM, "name its host"),
            ("https://0x7f.0x1", CUSTOM, "name its host"),
            ("https://localhost", CUSTOM, "this machine"),
            ("https://datakit.shop.internal", CUSTOM, "beside it"),
            ("https://169.254.169.254", PRIVATE, "must not"),
            ("https://[::ffff:169.254.169.254]", PRIVATE, "must not"),
        ] {
            let wrong = Endpoint::parse(url, Route::Dataway, allowed).unwrap_err();
            assert!(wrong.contains(says), "{url}: {wrong}");
            assert!(!wrong.contains("hush"), "{wrong}");
        }
    }

    #[test]
    fn a_datakit_in_a_private_network_may_speak_plainly() {
        for url in ["http://10.1.2.3:9529", "http://datakit.shop.internal:9529"] {
            assert!(
                Endpoint::parse(url, Route::Datakit, PRIVATE).is_ok(),
                "{url}"
            );
            assert!(
                Endpoint::parse(url, Route::Datakit, CUSTOM).is_err(),
                "{url}"
            );
            assert!(
                Endpoint::parse(url, Route::Dataway, PRIVATE).is_err(),
                "{url}"
            );
        }
    }

    #[test]
    fn addresses_are_looked_at_behind_their_disguises() {
        for (address, public, private) in [
            ("8.8.8.8", true, true),
            ("2600::1", true, true),
            ("64:ff9b::808:808", true, true),
            ("127.0.0.1", false, true),
            ("10.0.0.1", false, true),
            ("172.31.255.255", false, true),
            ("192.168.1.1", false, true),
            ("100.64.0.1", false, true),
            ("::1", false, true),
            ("fd00::1", false, true),
            ("64:ff9b:1::808:808", false, true),
            ("::7f00:1", false, true),
            ("198.18.0.1", false, true),
            ("::ffff:10.0.0.1", false, true),
            ("64:ff9b::a00:1", false, true),
            ("2002:a00:1::", false, true),
            ("169.254.169.254", false, false),
            ("::ffff:169.254.169.254", false, false),
            ("64:ff9b::a9fe:a9fe", false, false),
            ("fe80::1", false, false),
            ("0.0.0.0", false, false),
            ("::", false, false),
            ("224.0.0.1", false, false),
            ("255.255.255.255", false, false),
        ] {
            let ip = address.parse().unwrap();
            assert_eq!(may_connect(ip, CUSTOM), public, "{address}");
            assert_eq!(may_connect(ip, PRIVATE), private, "{address}");
        }
    }
}
