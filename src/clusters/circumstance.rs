//! Circumstances: the few facts about a call that the severity of its cluster is computed from.
//!
//! Each cluster has the set of its events' circumstances. There are few distinct circumstances, however many events
//! come. So the severity can cover all events of a cluster, and does not depend on their order.

use std::collections::BTreeSet;

use records::principal::is_service_linked;
use serde::{Deserialize, Serialize};

use crate::facet::FacetKind;

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
    /// A tool made for attacks, such as `pacu`.
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
    /// Whether a sign-in asked for a second factor; `false` for other calls.
    #[serde(skip_serializing_if = "is_default")]
    pub is_second_factor: bool,
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
                Some("attack-tool") => ProgramKind::AttackTool,
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
            is_second_factor: facet(FacetKind::Mfa) == Some("yes"),
            ruled,
        }
    }
}

/// The distinct circumstances of all events of a cluster; the severity of the cluster is computed from them.
pub type Circumstances = BTreeSet<Circumstance>;

/// Chooses the spelling of an error code to show, from all spellings in a cluster: the shortest, and of equally short
/// ones the first in byte order.
///
/// Spellings of one code are, for example, `AccessDenied` and `AccessDeniedException`. Returns `None` if `codes` is
/// empty.
pub fn shown_code<'c>(codes: impl Iterator<Item = &'c str>) -> Option<&'c str> {
    codes.min_by_key(|code| (code.len(), *code))
}
