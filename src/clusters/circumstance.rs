//! Circumstances: the few facts about a call that the severity of its cluster is computed from.
//!
//! Each cluster has the set of its events' circumstances. There are few distinct circumstances, however many events
//! come. So the severity can cover all events of a cluster, and does not depend on their order. The set also decides
//! whether a cluster is quiet ([`is_quiet`]): such a cluster is listed and counted, and no alert is sent about it.

use std::collections::BTreeSet;

use records::principal::is_service_linked;
use serde::{Deserialize, Serialize};

use crate::class::Class;
use crate::delivery::is_delivery;
use crate::facet::{FacetKind, Facets};
use crate::fingerprint::{ClusterSubject, NO_CODE};

/// The kind of program that made a call; only kinds that change the severity of a cluster are distinguished.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProgramKind {
    /// The AWS Management Console.
    Console,
    /// An AWS service on its own behalf.
    AwsService,
    /// A security scanner or an inventory tool.
    Scanner,
    /// A tool or an operating system made for attacks, such as `pacu` and Kali.
    AttackTool,
    /// Any other program, or an unknown one.
    #[default]
    Other,
}

/// The kind of caller; only kinds that change the severity of a cluster are distinguished.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Caller {
    /// The root user of an account.
    Root,
    /// A caller without credentials: the request was not signed.
    Anonymous,
    /// Any other caller.
    #[default]
    Other,
}

/// Whether a call reads or writes, as in [`FacetKind::Access`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Access {
    /// The call only reads.
    Read,
    /// The call changes something.
    Write,
    /// The [`FacetKind::Access`] facet is missing.
    #[default]
    Unknown,
}

/// The facts about one call that the severity of its cluster is computed from.
///
/// The JSON form contains only facts that differ from the default, to save space.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default)]
pub struct Circumstance {
    /// Whether the call reads or writes.
    #[serde(skip_serializing_if = "is_default")]
    pub access: Access,
    /// The kind of program that made the call, such as the console or a security scanner.
    #[serde(skip_serializing_if = "is_default")]
    pub means: ProgramKind,
    /// Whether the caller is a service-linked role, which only AWS can change.
    #[serde(skip_serializing_if = "is_default")]
    pub is_service_linked: bool,
    /// The kind of caller: root user, anonymous, or any other.
    #[serde(skip_serializing_if = "is_default")]
    pub caller: Caller,
    /// Whether a long-term access key (`AKIA…`) signed the request.
    #[serde(skip_serializing_if = "is_default")]
    pub is_long_term_key: bool,
    /// Whether the caller's account is not the account of the cluster, whose trail contains the event.
    ///
    /// `false` if either account is unknown.
    #[serde(skip_serializing_if = "is_default")]
    pub is_foreign: bool,
    /// Whether a sign-in asked for multi-factor authentication; `false` for other calls.
    #[serde(skip_serializing_if = "is_default")]
    pub is_mfa: bool,
    /// The name of the severity that a rule of the user sets for the event, and the name of that rule.
    ///
    /// `None` if no rule sets a severity for the event.
    #[serde(skip_serializing_if = "is_default")]
    pub ruled: Option<(String, String)>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl Circumstance {
    /// Derives the circumstance of one event from its facets; `facet` returns the event's value of a kind.
    ///
    /// `account_id` is the account of the event's cluster, twelve digits or `unknown`.
    pub fn of<'a>(account_id: &str, facet: impl Fn(FacetKind) -> Option<&'a str>) -> Self {
        let foreign = |caller: &str| account_id != "unknown" && caller != account_id;
        let ruled = facet(FacetKind::RuledSeverity).map(|severity| {
            let rule = facet(FacetKind::Rule).unwrap_or_default();
            (severity.to_owned(), rule.to_owned())
        });
        Self {
            access: match facet(FacetKind::Access) {
                Some("read") => Access::Read,
                Some("write") => Access::Write,
                _ => Access::Unknown,
            },
            means: match facet(FacetKind::Origin) {
                Some("console") => ProgramKind::Console,
                Some("aws-service") => ProgramKind::AwsService,
                Some("scanner") => ProgramKind::Scanner,
                Some("attack-tool" | "attack-system") => ProgramKind::AttackTool,
                _ => ProgramKind::Other,
            },
            is_service_linked: facet(FacetKind::Principal).is_some_and(is_service_linked),
            caller: match facet(FacetKind::PrincipalKind) {
                Some("root") => Caller::Root,
                Some("anonymous") => Caller::Anonymous,
                _ => Caller::Other,
            },
            is_long_term_key: facet(FacetKind::AccessKey)
                .is_some_and(|key| key.starts_with("AKIA")),
            is_foreign: facet(FacetKind::CallerAccount).is_some_and(foreign),
            is_mfa: facet(FacetKind::Mfa) == Some("yes"),
            ruled,
        }
    }
}

impl Circumstance {
    /// Derives the circumstance of one event of the cluster `subject` from its facets.
    pub fn of_facets(subject: &ClusterSubject, facets: &Facets) -> Self {
        Self::of(&subject.account_id, |kind| facets.get(kind))
    }

    /// Checks whether an event is quiet: it is counted and listed, and is no reason for an alert. `subject` is the
    /// subject of the event's cluster.
    ///
    /// A quiet event is a failed read of a service-linked role or of a known scanner, or an event that a rule of the
    /// user made `info`. A call that changes or delivers something is never quiet unless a rule says so: the account
    /// lacks what was not delivered. A quiet event has the severity info. Whether sensitive calls are announced is decided
    /// elsewhere.
    pub fn is_quiet(&self, subject: &ClusterSubject) -> bool {
        if subject.class == Class::Watch {
            return false;
        }
        if self.ruled.is_some() {
            return self.is_ruled_quiet();
        }
        // A failure without a code is one that a service reports about the account's own work, such as a rotation.
        let is_of_own_work = subject.code == NO_CODE;
        let is_about_credentials = matches!(subject.class, Class::Auth | Class::Signin);
        !is_of_own_work
            && !is_about_credentials
            && self.access == Access::Read
            && self.caller == Caller::Other
            && (self.is_probe_of_linked_role(subject) || self.is_probe_of_scanner(subject))
    }

    /// Checks whether a service-linked role made the call, and not in order to deliver something. Its permissions
    /// cannot be changed in the account.
    fn is_probe_of_linked_role(&self, subject: &ClusterSubject) -> bool {
        self.is_service_linked
            && self.means == ProgramKind::AwsService
            && !self.is_long_term_key
            && !is_delivery(&subject.service, &subject.action, true)
    }

    /// Checks whether a scanner made the call, with at most one sign that its credentials may be in the wrong hands.
    ///
    /// Callers choose their user agents, so the name of a scanner alone must not hide a stolen key.
    fn is_probe_of_scanner(&self, subject: &ClusterSubject) -> bool {
        let signs = [
            self.is_long_term_key,
            self.is_foreign,
            SENSITIVE_SERVICES.contains(&subject.service.as_str()),
        ];
        self.means == ProgramKind::Scanner && signs.into_iter().filter(|sign| *sign).count() <= 1
    }

    /// Checks whether a rule of the user made the event `info`.
    pub fn is_ruled_quiet(&self) -> bool {
        let ruled = self.ruled.as_ref();
        ruled.is_some_and(|(severity, _)| severity == RULED_QUIET)
    }

    /// Checks whether a refusal can be evidence of an incident.
    ///
    /// Those of AWS services and the reads of known scanners are none, because they ask for everything by design. Those
    /// that a rule of the user made `info` are none either.
    pub fn can_be_evidence(&self) -> bool {
        match (&self.ruled, self.means) {
            (Some(_), _) => !self.is_ruled_quiet(),
            (None, ProgramKind::AwsService) => false,
            (None, ProgramKind::Scanner) => {
                self.access != Access::Read || self.caller != Caller::Other
            }
            (None, _) => true,
        }
    }
}

/// The severity with which a rule of the user makes events quiet.
const RULED_QUIET: &str = "info";

/// Services that decide about permissions, keys, secrets and audit logs.
pub const SENSITIVE_SERVICES: [&str; 6] = [
    "iam",
    "kms",
    "sts",
    "cloudtrail",
    "organizations",
    "secretsmanager",
];

/// The distinct circumstances of all events of a cluster; the severity of the cluster is computed from them.
pub type Circumstances = BTreeSet<Circumstance>;

/// Checks whether a cluster is quiet, so that no alert is sent about it: whether all its events are quiet, see
/// [`Circumstance::is_quiet`].
///
/// `false` for a cluster without known circumstances. A cluster that is not quiet never becomes quiet again.
pub fn is_quiet(subject: &ClusterSubject, circumstances: &Circumstances) -> bool {
    let mut all = circumstances.iter();
    !circumstances.is_empty() && all.all(|circumstance| circumstance.is_quiet(subject))
}

/// Chooses the spelling of an error code to show, from all spellings in a cluster: the shortest, and of equally short
/// ones the first in byte order.
///
/// Spellings of one code are, for example, `AccessDenied` and `AccessDeniedException`. Returns `None` if `codes` is
/// empty.
pub fn shown_code<'c>(codes: impl Iterator<Item = &'c str>) -> Option<&'c str> {
    codes.min_by_key(|code| (code.len(), *code))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject(class: Class, service: &str, action: &str) -> ClusterSubject {
        ClusterSubject {
            account_id: "111122223333".to_owned(),
            service: service.to_owned(),
            action: action.to_owned(),
            code: "AccessDenied".to_owned(),
            class,
            call: None,
        }
    }

    /// A read of a service-linked role.
    fn linked() -> Circumstance {
        Circumstance {
            access: Access::Read,
            means: ProgramKind::AwsService,
            is_service_linked: true,
            ..Circumstance::default()
        }
    }

    /// A read of a scanner.
    fn scanner() -> Circumstance {
        Circumstance {
            access: Access::Read,
            means: ProgramKind::Scanner,
            ..Circumstance::default()
        }
    }

    #[test]
    fn reads_of_service_linked_roles_and_scanners_are_quiet() {
        for (class, service, action) in [
            (
                Class::Denied,
                "elasticloadbalancing",
                "DescribeTargetGroupAttributes",
            ),
            (Class::Absent, "macie2", "GetMacieSession"),
            (Class::Throttle, "config", "DescribeConfigRules"),
            (Class::Vpce, "s3", "GetBucketPolicy"),
        ] {
            let subject = subject(class, service, action);
            assert!(linked().is_quiet(&subject), "{class:?}");
            assert!(scanner().is_quiet(&subject), "{class:?}");
            assert!(!Circumstance::default().is_quiet(&subject), "{class:?}");
        }
    }

    #[test]
    fn what_changes_or_delivers_something_is_not_quiet() {
        let run = subject(Class::Denied, "ec2", "RunInstances");
        let write = |circumstance| Circumstance {
            access: Access::Write,
            ..circumstance
        };
        assert!(!write(linked()).is_quiet(&run));
        assert!(!write(scanner()).is_quiet(&run));
        // A key that may not be used stops a delivery, although CloudTrail calls it a read.
        let decrypt = subject(Class::Denied, "kms", "Decrypt");
        assert!(!linked().is_quiet(&decrypt));
        // The rotation of a secret is the account's own work.
        let rotation = ClusterSubject {
            code: NO_CODE.to_owned(),
            ..subject(Class::Other, "secretsmanager", "RotationFailed")
        };
        assert!(!linked().is_quiet(&rotation));
    }

    #[test]
    fn the_name_of_a_scanner_hides_neither_root_nor_a_stolen_key_that_asks_for_permissions() {
        let list_users = subject(Class::Denied, "iam", "ListUsers");
        let stolen = Circumstance {
            is_long_term_key: true,
            ..scanner()
        };
        assert!(scanner().is_quiet(&list_users));
        assert!(!stolen.is_quiet(&list_users));
        for caller in [Caller::Root, Caller::Anonymous] {
            let circumstance = Circumstance {
                caller,
                ..scanner()
            };
            assert!(!circumstance.is_quiet(&list_users), "{caller:?}");
            assert!(circumstance.can_be_evidence(), "{caller:?}");
        }
    }

    #[test]
    fn a_rule_decides_before_anything_else() {
        let put = subject(Class::Denied, "s3", "PutObject");
        let ruled = |severity: &str, circumstance| Circumstance {
            ruled: Some((severity.to_owned(), "a rule".to_owned())),
            ..circumstance
        };
        let info = ruled("info", Circumstance::default());
        assert!(info.is_quiet(&put) && !info.can_be_evidence());
        let get = subject(Class::Denied, "macie2", "GetMacieSession");
        let warning = ruled("warning", scanner());
        assert!(!warning.is_quiet(&get) && warning.can_be_evidence());
    }

    #[test]
    fn one_event_that_is_not_quiet_makes_its_cluster_known() {
        let get = subject(Class::Denied, "macie2", "GetMacieSession");
        let mut all = Circumstances::new();
        assert!(!is_quiet(&get, &all), "nothing is known");
        all.extend([scanner(), linked()]);
        assert!(is_quiet(&get, &all));
        all.insert(Circumstance::default());
        assert!(!is_quiet(&get, &all));
    }
}
