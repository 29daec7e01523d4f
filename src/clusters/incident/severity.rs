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

/// Why an incident is as serious as it is, each a sentence; the first that holds counts.
pub const REASONS: [&str; 13] = [
    POWER,
    GUESSED,
    BLINDED,
    SHARED,
    DESTROYED,
    SEVERAL,
    TOOL_SUCCEEDED,
    STRONG,
    TOOL,
    BREADTH,
    PASSWORDS,
    LASTING_KEY,
    TRIES,
];

const POWER: &str = "The actor gave itself power.";
const GUESSED: &str = "After wrong credentials the right ones were used.";
const BLINDED: &str = "Records or guards were switched off.";
const SHARED: &str = "Data was shared with strangers.";
const DESTROYED: &str = "Something was destroyed.";
const SEVERAL: &str = "Strong calls of several tactics succeeded.";
const TOOL_SUCCEEDED: &str = "A strong call of an attack tool succeeded.";
const STRONG: &str = "A strong sensitive call succeeded.";
const TOOL: &str = "An attack tool made calls.";
const BREADTH: &str = "Calls of several services were tried.";
const PASSWORDS: &str = "Passwords were tried.";
const LASTING_KEY: &str = "The key that was used lasts until it is removed.";
const TRIES: &str = "All that is known was tried, and nothing of it succeeded.";

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
        () if has(EvidenceKind::PowerForItself) && !tactics.is_empty() => (Critical, POWER),
        () if has(EvidenceKind::GuessedPassword) => (Critical, GUESSED),
        () if is_of(Tactic::DefenseImpairment) => (Critical, BLINDED),
        () if is_of(Tactic::Exfiltration) => (Critical, SHARED),
        () if is_of(Tactic::Impact) => (Critical, DESTROYED),
        () if tactics.len() >= 2 => (Critical, SEVERAL),
        () if has(EvidenceKind::Tool) && !tactics.is_empty() => (Critical, TOOL_SUCCEEDED),
        () if !tactics.is_empty() => (Error, STRONG),
        () if has(EvidenceKind::Tool) => (Error, TOOL),
        () if has(EvidenceKind::Breadth) => (Error, BREADTH),
        () if has(EvidenceKind::WrongPasswords) || has(EvidenceKind::Spraying) => {
            (Error, PASSWORDS)
        }
        () if is_long_term_key => (Error, LASTING_KEY),
        () => (Warning, TRIES),
    }
}
