//! What holds records and alerts of an attack back, each as a reason that people can act on.

use std::fmt;

use records::redact::sanitize;
use serde::Serialize;

/// A reason why a record or an alert of an attack is held back. In JSON the field `by` has its kind.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum HeldBack {
    /// The filter pattern of the stack does not admit the call.
    Coverage {
        /// The name of the coverage.
        coverage: &'static str,
    },
    /// A rule ignores the record, expects the call, or makes it `info`.
    Rule {
        /// The name of the rule.
        name: String,
    },
    /// The record is left out before any rule.
    Ignored {
        /// The reason, such as `own role`.
        reason: &'static str,
    },
    /// A triage decision about the cluster holds its alerts back.
    Triage {
        /// The name of the decision, such as `muted`.
        decision: &'static str,
        /// The id of the cluster.
        cluster_id: String,
    },
    /// A policy sends no such alert.
    Policy {
        /// The number of the policy in the rules file, from 1.
        number: usize,
        /// The name of the sink.
        sink: String,
    },
    /// A policy pauses after an alert about the same cluster.
    Silence {
        /// The number of the policy in the rules file, from 1.
        number: usize,
        /// The length of the pause, in seconds.
        seconds: i64,
    },
    /// The cluster is quiet: all its events are of services or known scanners.
    Quiet,
    /// The failure is counted in a cluster that is known already.
    Known {
        /// The id of the cluster.
        cluster_id: String,
    },
    /// The call is neither a failure nor watched.
    NotSelected,
}

impl HeldBack {
    /// Checks whether a person decided or chose what holds the alert back.
    pub fn is_chosen(&self) -> bool {
        !matches!(self, Self::Quiet | Self::Known { .. } | Self::NotSelected)
    }
}

impl fmt::Display for HeldBack {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Coverage { coverage } => {
                write!(formatter, "coverage {coverage} does not admit its calls")
            }
            Self::Rule { name } => write!(formatter, "rule {:?}", sanitize(name, 100)),
            Self::Ignored { reason } => write!(formatter, "ignored: {reason}"),
            Self::Triage {
                decision,
                cluster_id,
            } => write!(formatter, "cluster {cluster_id} is {decision}"),
            Self::Policy { number, sink } => {
                write!(formatter, "policy {number} (sink {})", sanitize(sink, 60))
            }
            Self::Silence { number, seconds } => {
                write!(
                    formatter,
                    "silence of {} min in policy {number}",
                    seconds / 60
                )
            }
            Self::Quiet => write!(formatter, "its caller is quiet"),
            Self::Known { cluster_id } => {
                write!(formatter, "counted in the known cluster {cluster_id}")
            }
            Self::NotSelected => write!(formatter, "nothing selects its calls"),
        }
    }
}
