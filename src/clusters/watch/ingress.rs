//! Finds openings of a firewall to the whole internet, and their ports.
//!
//! EC2 writes the ranges of a rule in lists, or at the top of the request if the caller used the short form. A range
//! with prefix length 0 is the whole internet with any address before it: `208.236.235.254/0` has been seen. Two with
//! prefix length 1 are the whole internet together.
//!
//! The request of `ModifySecurityGroupRules` names a rule by its id and does not show its direction. Each group has an
//! outbound rule for all traffic from the start, so a rule for all traffic is not taken for an inbound one there.
//!
//! Source: EC2 API Reference, `AuthorizeSecurityGroupIngress` and `ModifySecurityGroupRules`, 2026-11-29.

use std::collections::BTreeSet;

use json::Json;

use crate::event_name::unversioned;

use super::call::{Call, each_element, each_field, each_text_in, kind};

/// What a call opens to the whole internet.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Openings {
    /// The ports, such as `tcp 22`, `tcp 1000-2000` or `all`.
    pub ports: BTreeSet<String>,
    /// The ranges, such as `0.0.0.0/0`.
    pub ranges: BTreeSet<String>,
    /// Whether a port is open that is not meant for everybody.
    pub is_wide: bool,
    /// Whether the request does not show if a rule is inbound or outbound.
    has_no_direction: bool,
}

/// Ports that are opened to everybody on purpose: mail, DNS, HTTP, VPN. Source: IANA, "Service Name and Transport
/// Protocol Port Number Registry", 2026-11-29.
const PUBLIC_PORTS: [u32; 10] = [25, 53, 80, 443, 465, 500, 587, 1194, 4500, 51820];

/// How many levels of the request are searched for rules. EC2 writes six.
const DEPTH_MAX: usize = 10;

/// How many ports and ranges are kept of a call.
const KEPT_MAX: usize = 50;

/// A rule that is being read: protocol and ports, and the ranges that are the whole internet.
#[derive(Debug, Default, Clone)]
struct Rule {
    protocol: Option<String>,
    from: Option<i64>,
    to: Option<i64>,
    is_egress: bool,
}

impl Openings {
    /// Returns what the request of a call opens to the whole internet.
    pub fn of(call: Call<'_>) -> Self {
        let name = call.record.event_name.as_deref();
        let mut openings = Self {
            has_no_direction: name.map(unversioned) == Some("ModifySecurityGroupRules"),
            ..Self::default()
        };
        if let Some(request) = call.record.request_parameters {
            openings.search(request, &Rule::default(), DEPTH_MAX);
        }
        openings
    }

    /// Checks whether the call opens something to the whole internet.
    pub fn is_open(&self) -> bool {
        !self.ranges.is_empty()
    }

    /// Searches an object for ranges. `outer` has the protocol and the ports of the objects around it.
    fn search(&mut self, value: Json<'_>, outer: &Rule, depth: usize) {
        let Some(depth) = depth.checked_sub(1) else {
            return;
        };
        if kind(value) == Some(b'[') {
            each_element(value, &mut |element| self.search(element, outer, depth));
            return;
        }
        let mut rule = outer.clone();
        let mut inner = Vec::new();
        let mut ranges = Vec::new();
        each_field(value, |key, value| {
            match key.to_ascii_lowercase().as_str() {
                "ipprotocol" | "protocol" => rule.protocol = first(value),
                "fromport" => rule.from = first(value).and_then(|port| port.parse().ok()),
                "toport" => rule.to = first(value).and_then(|port| port.parse().ok()),
                "egress" | "isegress" => {
                    rule.is_egress = first(value).as_deref() == Some("true");
                }
                "cidrip" | "cidripv4" | "cidripv6" | "cidrblock" | "ipv6cidrblock" | "cidr" => {
                    each_text_in(value, &mut |range| ranges.push(range.to_owned()));
                }
                _ if matches!(kind(value), Some(b'{' | b'[')) => inner.push(value),
                _ => {}
            }
        });
        for range in ranges.iter().filter(|range| is_everywhere(range)) {
            self.add(&rule, range);
        }
        for value in inner {
            self.search(value, &rule, depth);
        }
    }

    fn add(&mut self, rule: &Rule, range: &str) {
        if rule.is_egress {
            return;
        }
        let may_be_outbound = self.has_no_direction && rule.protocol().is_empty();
        self.is_wide |= !rule.is_public() && !may_be_outbound;
        if self.ranges.len() < KEPT_MAX {
            self.ranges.insert(range.to_owned());
        }
        if self.ports.len() < KEPT_MAX {
            self.ports.insert(rule.ports());
        }
    }
}

impl Rule {
    fn protocol(&self) -> &str {
        match self.protocol.as_deref() {
            None | Some("-1" | "all") => "",
            Some("6") => "tcp",
            Some("17") => "udp",
            Some("1" | "58" | "icmpv6") => "icmp",
            Some(protocol) => protocol,
        }
    }

    /// Checks whether the port is one that is opened to everybody on purpose. ICMP has no ports.
    fn is_public(&self) -> bool {
        let is_port = |port: i64| PUBLIC_PORTS.iter().any(|public| i64::from(*public) == port);
        match (self.protocol(), self.from, self.to) {
            ("icmp", ..) => true,
            ("", ..) => false,
            (_, Some(from), Some(to)) => from == to && is_port(from),
            _ => false,
        }
    }

    fn ports(&self) -> String {
        let ports = match (self.from, self.to) {
            (Some(-1) | None, _) | (_, None) => String::new(),
            (Some(0), Some(65_535)) => "all".to_owned(),
            (Some(from), Some(to)) if from == to => from.to_string(),
            (Some(from), Some(to)) => format!("{from}-{to}"),
        };
        match (self.protocol(), ports.as_str()) {
            ("", "") => "all".to_owned(),
            ("", ports) => ports.to_owned(),
            (protocol, "") => protocol.to_owned(),
            (protocol, ports) => format!("{protocol} {ports}"),
        }
    }
}

fn first(value: Json<'_>) -> Option<String> {
    let mut first = None;
    each_text_in(value, &mut |text| {
        first.get_or_insert_with(|| text.to_owned());
    });
    first
}

/// Checks whether a range of IPv4 or IPv6 addresses is the whole internet or a half of it: its prefix length is 0 or 1.
/// Both halves are opened in two ranges, or in two calls.
fn is_everywhere(range: &str) -> bool {
    let Some((address, length)) = range.trim().rsplit_once('/') else {
        return false;
    };
    address.contains(['.', ':']) && matches!(length.parse::<u8>(), Ok(0 | 1))
}
