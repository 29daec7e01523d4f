//! Techniques of MITRE ATT&CK: which tactic a technique serves, and which technique a refused call is a try of.
//!
//! The tables are text files, of the same version of ATT&CK as the table of watched calls. A technique can serve several
//! tactics. A step of an incident has the one that the technique serves first.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr};

use crate::tsv::{Row, rows};
use crate::watch::Watches;

/// What an attacker wants to reach with a step, in the order of the matrix of MITRE ATT&CK v19.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[derive(IntoStaticStr, EnumString)]
#[strum(serialize_all = "kebab-case")]
pub enum Tactic {
    /// Prepares means for the attack.
    ResourceDevelopment,
    /// Gets into the account.
    InitialAccess,
    /// Runs programs.
    Execution,
    /// Keeps a way in.
    Persistence,
    /// Gets more permissions.
    PrivilegeEscalation,
    /// Hides what was done. Until v18 a part of "defense evasion".
    Stealth,
    /// Stops records, detection and guards. Until v18 a part of "defense evasion".
    DefenseImpairment,
    /// Gets passwords, keys and secrets.
    CredentialAccess,
    /// Looks around.
    Discovery,
    /// Gets from one system into another.
    LateralMovement,
    /// Takes data out of the account.
    Exfiltration,
    /// Destroys, encrypts or uses up what the account has.
    Impact,
}

impl Tactic {
    /// Returns the name of the tactic in lower case, such as `privilege-escalation`.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// Technique, its first tactic, its other tactics.
static TECHNIQUES: LazyLock<BTreeMap<&str, (Tactic, &str)>> = LazyLock::new(|| {
    let rows: Vec<Row> = rows(include_str!("techniques.tsv"));
    let parsed = |[id, first, others]: Row| Some((id, (first.parse().ok()?, others)));
    rows.into_iter().filter_map(parsed).collect()
});

/// Service and call, and the technique that a refusal of it is a try of.
static REFUSED_CALLS: LazyLock<BTreeMap<(&str, &str), &str>> = LazyLock::new(|| {
    let rows: Vec<Row> = rows(include_str!("refused_calls.tsv"));
    let parsed = |[service, call, technique]: Row| ((service, call), technique);
    rows.into_iter().map(parsed).collect()
});

/// The technique of each watched call, by service and action. Of several watches of a call the first counts.
static WATCHED_CALLS: LazyLock<BTreeMap<(String, String), String>> = LazyLock::new(|| {
    let mut techniques = BTreeMap::new();
    for watch in Watches::default().all() {
        let Some(technique) = &watch.technique else {
            continue;
        };
        for call in &watch.calls {
            let of_call = techniques.entry(call.clone());
            of_call.or_insert_with(|| technique.clone());
        }
    }
    techniques
});

/// The calls that a watch can make strong, by service and action.
static STRONG_CALLS: LazyLock<BTreeSet<(String, String)>> = LazyLock::new(|| {
    let watches = Watches::default();
    let strong = watches.all().iter().filter(|watch| watch.is_strong);
    strong.flat_map(|watch| watch.calls.clone()).collect()
});

/// The technique of reads whose service has no row: what services an account uses is looked up.
const OTHER_READS: &str = "T1526";

/// The technique of failed sign-ins: brute force.
pub(super) const FAILED_SIGN_IN: &str = "T1110";

/// Returns the tactic that a technique serves first. A sub-technique that is not in the table has the tactic of its
/// technique. `None` if neither is in the table.
pub fn tactic(technique: &str) -> Option<Tactic> {
    let parent = technique.split('.').next()?;
    let found = TECHNIQUES.get(technique).or_else(|| TECHNIQUES.get(parent));
    found.map(|(first, _)| *first)
}

/// Returns the technique of a watched call. `None` if the product watches no such call.
pub(super) fn of_watched_call(service: &str, action: &str) -> Option<&'static str> {
    let call = (service.to_owned(), action.to_owned());
    WATCHED_CALLS.get(&call).map(String::as_str)
}

/// Checks whether the product watches for a form of the call that is strong.
pub(super) fn can_be_strong(service: &str, action: &str) -> bool {
    STRONG_CALLS.contains(&(service.to_owned(), action.to_owned()))
}

/// Returns the technique that a refused call is a try of: that of the watched call, else by the table, else discovery for
/// a read. `None` for other writes.
pub(super) fn of_refused_call(service: &str, action: &str, is_read: bool) -> Option<&'static str> {
    let by_call = || REFUSED_CALLS.get(&(service, action));
    let by_service = || REFUSED_CALLS.get(&(service, "*")).filter(|_| is_read);
    of_watched_call(service, action)
        .or_else(|| by_call().copied())
        .or_else(|| by_service().copied())
        .or(is_read.then_some(OTHER_READS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_technique_of_a_watch_and_of_a_refused_call_has_a_tactic() {
        let watches = Watches::default();
        let of_watches = watches
            .all()
            .iter()
            .filter_map(|watch| watch.technique.as_deref());
        let of_refusals = REFUSED_CALLS.values().copied();
        let fixed = [OTHER_READS, FAILED_SIGN_IN];
        for technique in of_watches.chain(of_refusals).chain(fixed) {
            assert!(
                TECHNIQUES.contains_key(technique),
                "{technique} is not in techniques.tsv"
            );
        }
    }

    #[test]
    fn every_tactic_in_the_table_is_one_of_attack() {
        let rows: Vec<Row> = rows(include_str!("techniques.tsv"));
        assert_eq!(rows.len(), TECHNIQUES.len());
        for [id, first, others] in rows {
            for tactic in others.split_whitespace().chain([first]) {
                assert!(tactic.parse::<Tactic>().is_ok(), "{id}: {tactic}");
            }
        }
    }

    #[test]
    fn a_refused_call_is_a_try_of_what_the_call_would_have_done() {
        for (service, action, is_read, technique) in [
            ("cloudtrail", "StopLogging", false, Some("T1685.002")),
            ("ec2", "GetPasswordData", true, Some("T1552")),
            ("ec2", "DescribeInstanceAttribute", true, Some("T1580")),
            ("ce", "GetCostForecast", true, Some("T1526")),
            ("sts", "AssumeRole", false, Some("T1548.005")),
            ("iam", "ListUsers", true, Some("T1087.004")),
            ("ec2", "CreateVpc", false, None),
        ] {
            assert_eq!(
                of_refused_call(service, action, is_read),
                technique,
                "{action}"
            );
        }
        assert_eq!(tactic("T1098.099"), Some(Tactic::Persistence));
        assert_eq!(tactic("T9999"), None);
    }
}
