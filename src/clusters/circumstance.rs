//! What about a call makes its failure more or less severe, whoever exactly called: the few facts that a severity is
//! computed from.
//!
//! A cluster keeps the set of its circumstances. There are few different ones however many events come, so the severity
//! of a cluster is that of all its events, in whatever order they came.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::facet::FacetKind;

/// By what means a call was made, as far as that matters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Means {
    /// A page of the console.
    Console,
    /// An AWS service.
    AwsService,
    /// A tool that looks for weaknesses for its owner.
    Scanner,
    /// A tool made for attacks.
    AttackTool,
    /// Anything else.
    #[default]
    Other,
}

/// Who called, as far as that matters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Caller {
    /// The root user.
    Root,
    /// Nobody signed the request.
    Anonymous,
    /// Anybody else.
    #[default]
    Other,
}

/// Whether a call reads or writes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Access {
    /// It reads.
    Read,
    /// It changes something.
    Write,
    /// The record does not say.
    #[default]
    Unknown,
}

/// The facts of one combination of facets that a severity is computed from.
///
/// As JSON it holds what is not the default: most have two or three facts, and many are kept.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default)]
pub struct Circumstance {
    /// Whether the call reads or writes.
    #[serde(skip_serializing_if = "is_default")]
    pub access: Access,
    /// By what means it was made.
    #[serde(skip_serializing_if = "is_default")]
    pub means: Means,
    /// Who called.
    #[serde(skip_serializing_if = "is_default")]
    pub caller: Caller,
    /// Whether a long-term access key signed it.
    #[serde(skip_serializing_if = "is_default")]
    pub is_long_term_key: bool,
    /// Whether the caller belongs to another account.
    #[serde(skip_serializing_if = "is_default")]
    pub is_foreign: bool,
    /// Whether a second factor was used, for sign-ins.
    #[serde(skip_serializing_if = "is_default")]
    pub is_second_factor: bool,
    /// The severity that a rule gives, and the rule's name.
    #[serde(skip_serializing_if = "is_default")]
    pub ruled: Option<(String, String)>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl Circumstance {
    /// Returns the circumstance of a combination of facets, of a failure in an account.
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
                Some("console") => Means::Console,
                Some("aws-service") => Means::AwsService,
                Some("scanner") => Means::Scanner,
                Some("attack-tool") => Means::AttackTool,
                _ => Means::Other,
            },
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

/// The circumstances of all events of a cluster.
pub type Circumstances = BTreeSet<Circumstance>;

/// Returns which of the ways in which a service spelled an error code is shown: the shortest, and of those the first
/// of the alphabet.
pub fn shown_code<'c>(codes: impl Iterator<Item = &'c str>) -> Option<&'c str> {
    codes.min_by_key(|code| (code.len(), *code))
}
