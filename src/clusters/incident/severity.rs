//! How serious an incident is, with the reason.

use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use strum::IntoStaticStr;

use super::evidence::{EvidenceKind, EvidenceWindow};
use super::step::{Outcome, Step};
use super::technique::Tactic;

/// How serious an incident is. The names are those of the severities of alerts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[derive(IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum IncidentSeverity {
    /// Only tries, with a key that ends by itself.
    Warning,
    /// Tries with a key that lasts or about permissions, or a strong call that succeeded.
    Error,
    /// The attack succeeds.
    Critical,
}

impl IncidentSeverity {
    /// Returns the name in lower case, such as `critical`.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// Returns how serious an incident is, and why. `is_long_term_key`: the actor called with a key that lasts.
pub(super) fn severity(
    windows: &[EvidenceWindow],
    steps: &[Step],
    is_long_term_key: bool,
) -> (IncidentSeverity, &'static str) {
    use IncidentSeverity::{Critical, Error, Warning};
    let has = |kind: EvidenceKind| {
        let mut kinds = windows.iter().flat_map(|window| &window.evidence);
        kinds.any(|evidence| evidence.kind == kind)
    };
    let strong = || {
        steps
            .iter()
            .filter(|step| step.is_strong && step.key.outcome == Outcome::Succeeded)
    };
    let tactics: BTreeSet<Tactic> = strong().filter_map(|step| step.key.tactic).collect();
    let is_of = |tactic| tactics.contains(&tactic);
    match () {
        () if has(EvidenceKind::PowerForItself) && !tactics.is_empty() => {
            (Critical, "The actor gave itself power.")
        }
        () if has(EvidenceKind::GuessedPassword) => (
            Critical,
            "After wrong credentials the right ones were used.",
        ),
        () if is_of(Tactic::DefenseImpairment) => {
            (Critical, "Records or guards were switched off.")
        }
        () if is_of(Tactic::Exfiltration) => (Critical, "Data was shared with strangers."),
        () if is_of(Tactic::Impact) => (Critical, "Something was destroyed."),
        () if tactics.len() >= 2 => (Critical, "Strong calls of several tactics succeeded."),
        () if has(EvidenceKind::Tool) && !tactics.is_empty() => {
            (Critical, "A strong call of an attack tool succeeded.")
        }
        () if !tactics.is_empty() => (Error, "A strong sensitive call succeeded."),
        () if has(EvidenceKind::Tool) => (Error, "An attack tool made calls."),
        () if has(EvidenceKind::Breadth) => (Error, "Calls of several services were tried."),
        () if has(EvidenceKind::WrongPasswords) || has(EvidenceKind::Spraying) => {
            (Error, "Passwords were tried.")
        }
        () if is_long_term_key => (Error, "The key that was used lasts until it is removed."),
        () => (
            Warning,
            "All that is known was tried, and nothing of it succeeded.",
        ),
    }
}
