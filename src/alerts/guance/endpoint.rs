//! The address of a workspace, checked before anything is sent to it.
//!
//! The check prevents requests to internal addresses. Inside an AWS Lambda function some addresses belong
//! to its runtime, and others return credentials.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::guance::route::Route;

/// The domains of the vendor.
const VENDOR: [&str; 3] = [".guance.com", ".guance.one", ".truewatch.com"];

/// The ends of host names that exist only in local networks.
const LOCAL: [&str; 5] = [".localhost", ".local", ".internal", ".lan", ".home.arpa"];

/// The hosts that are allowed in the address of a Guance workspace, besides those of Guance and TrueWatch.
/// By default there are none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AllowedHosts {
    /// Whether a workspace may have the address of any public host, not only of Guance and TrueWatch.
    pub custom: bool,
    /// Whether a workspace may have the address of a host in a private network or of this machine, by name
    /// or by IP address.
    ///
    /// Public host names are then allowed too, because a name does not show where its host is.
    pub private: bool,
}

/// A checked address of a Guance workspace, to which alerts may be sent: scheme, host and optional port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    scheme: &'static str,
    host: String,
    port: Option<u16>,
}

impl Endpoint {
    /// Parses and checks the URL to which alerts are sent on `route`: `https://`, a host and an optional
    /// port, without a path. [`Route::Datakit`] may also use `http://` if private hosts are allowed.
    ///
    /// # Errors
    /// If the URL has another form or its host is not allowed. The error text is written to follow the name
    /// of the setting, such as "must begin with https://". It does not repeat the URL, which may contain a
    /// token by mistake.
    pub fn parse(url: &str, route: Route, allowed: AllowedHosts) -> Result<Self, String> {
        let (scheme, rest) = match url.split_once("://") {
            Some(("https", rest)) => ("https", rest),
            Some(("http", rest)) if route == Route::Datakit && allowed.private => ("http", rest),
            _ => return Err("must begin with https://".to_owned()),
        };
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        let (host, port) = split(authority).filter(|(host, _)| is_host(host)).ok_or(
            "must have only a host and optionally a port, such as https://openway.guance.com",
        )?;
        let host = host.to_ascii_lowercase();
        match address_of(&host) {
            Some(_) if !allowed.private => {
                return Err("must have a host name instead of an IP address".to_owned());
            }
            Some(address) if !may_connect(address, allowed) => {
                return Err("has an IP address that is never allowed".to_owned());
            }
            Some(_) => {}
            None if looks_like_an_address(&host) => {
                return Err("must have a host name instead of an IP address".to_owned());
            }
            None if !allowed.private && is_local(&host) => {
                return Err("is a host of this machine or of the local network".to_owned());
            }
            None => {}
        }
        let is_vendor = VENDOR.iter().any(|domain| host.ends_with(domain));
        if !is_vendor && !allowed.custom && !allowed.private {
            return Err(format!(
                "is not a host of *{}; allow a custom endpoint to use another host",
                VENDOR.join(", *")
            ));
        }
        Ok(Self { scheme, host, port })
    }

    /// Returns the host in lower case, without the port: a name, or an IP address (IPv6 in brackets).
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

/// Splits `host:port`; the port is `None` if there is none. Returns `None` if the port is not a number from
/// 1 to 65535.
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

/// Returns `true` if a resolver may read a host name as an IPv4 address, such as `0x7f.1` or `2130706433`.
fn looks_like_an_address(host: &str) -> bool {
    let last = host.rsplit('.').next().unwrap_or_default();
    let hexadecimal = last.strip_prefix("0x");
    last.bytes().all(|byte| byte.is_ascii_digit())
        || hexadecimal.is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// Returns `true` if alerts may be sent to a host with this IP address.
///
/// Link-local addresses and `fd00:ec2::/32` are never allowed, because AWS returns credentials there. Addresses of this machine
/// and of private networks need [`AllowedHosts::private`], because the runtime of a Lambda function uses
/// them. IPv6 addresses that contain an IPv4 address are checked as that IPv4 address.
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
    // Carrier-grade NAT (RFC 6598), protocol assignments (RFC 6890), benchmark networks (RFC 2544).
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
    // Local-use NAT64 (RFC 8215): the position of the IPv4 address is unknown.
    let is_local_nat = address.segments()[..3] == [0x64, 0xff9b, 1];
    let is_private = address.is_loopback() || address.is_unique_local() || is_local_nat;
    // The Amazon EC2 User Guide has fd00:ec2::254 for instance metadata and fd00:ec2::23 for the credentials of pods.
    let is_metadata = address.segments()[..2] == [0xfd00, 0xec2];
    let is_never = is_metadata
        || address.is_unicast_link_local()
        || address.is_multicast()
        || address.is_unspecified();
    !is_never && (allowed.private || !is_private)
}

/// Returns the IPv4 address inside an IPv6 address of NAT64, 6to4, or the old IPv4-compatible form.
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
    fn addresses_of_the_vendor_are_allowed_and_unchanged() {
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
    fn a_forbidden_url_is_refused_and_not_repeated() {
        for (url, allowed, text) in [
            ("http://openway.guance.com", VENDOR_ONLY, "https://"),
            ("http://openway.guance.com", PRIVATE, "https://"),
            ("openway.guance.com", VENDOR_ONLY, "https://"),
            ("https://hush@openway.guance.com", CUSTOM, "only a host"),
            ("https://openway.guance.com/hush", CUSTOM, "only a host"),
            (
                "https://openway.guance.com?token=hush",
                CUSTOM,
                "only a host",
            ),
            ("https://openway.guance.com:0", CUSTOM, "only a host"),
            ("https://openway.guance.com:+1", CUSTOM, "only a host"),
            ("https://openway.guance.com:", CUSTOM, "only a host"),
            ("https://evil.example\\.guance.com", CUSTOM, "only a host"),
            ("https://ｇuance.com", CUSTOM, "only a host"),
            (
                "https://openway.guance.com.evil.example",
                VENDOR_ONLY,
                "not a host of",
            ),
            ("https://guance.com", VENDOR_ONLY, "not a host of"),
            ("https://evilguance.com", VENDOR_ONLY, "not a host of"),
            ("https://127.0.0.1:9001", CUSTOM, "a host name"),
            ("https://[::1]", CUSTOM, "a host name"),
            ("https://2130706433", CUSTOM, "a host name"),
            ("https://0x7f.0x1", CUSTOM, "a host name"),
            ("https://localhost", CUSTOM, "this machine"),
            ("https://datakit.shop.internal", CUSTOM, "local network"),
            ("https://169.254.169.254", PRIVATE, "never allowed"),
            ("https://[::ffff:169.254.169.254]", PRIVATE, "never allowed"),
        ] {
            let error = Endpoint::parse(url, Route::Dataway, allowed).unwrap_err();
            assert!(error.contains(text), "{url}: {error}");
            assert!(!error.contains("hush"), "{error}");
        }
    }

    #[test]
    fn only_a_datakit_in_a_private_network_may_use_http() {
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
    fn ipv4_addresses_inside_ipv6_addresses_are_checked() {
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
            ("fd00:ec2::254", false, false),
            ("fd00:ec2::23", false, false),
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
