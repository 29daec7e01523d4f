//! Evidence: what speaks for an attack within an hour, as kinds with a weight each.
//!
//! Event time is cut into aligned half hours, and two neighbours are a window, so any two events that are half an hour
//! apart share one. A kind counts once in a window. A window is hot if a kind in it opens an incident alone, or if the
//! weights of its kinds together reach [`OPENS_AT`]. [`KINDS`] is the table.
//!
//! Every kind is a function of the set of events. Distinct values are counted up to [`DISTINCT_MAX`], so that the size
//! depends on hours and not on what callers make up.
//!
//! What was called a campaign is a kind of evidence here: breadth, depth and spread of refusals, wrong passwords, and
//! spraying. Many callers that one cluster of refusals meets are none: they are not one actor, and what they have in common
//! is a change of a policy. That stays a fact about the cluster.

use std::collections::{BTreeMap, BTreeSet};

use records::time::Timestamp;
use serde::{Deserialize, Serialize};
use strum::IntoStaticStr;

use crate::circumstance::SENSITIVE_SERVICES;
use crate::selection::SIGNINS;

use super::technique::Tactic;

/// The kind of a piece of evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[derive(IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum EvidenceKind {
    /// The user agent or the session has the name of an attack tool.
    Tool,
    /// The user agent names an operating system made for attacks.
    System,
    /// Distinct calls were refused, in three services or in services that decide about permissions, keys and records.
    Breadth,
    /// Distinct calls were refused, elsewhere or fewer.
    Refusals,
    /// One call was refused on distinct targets.
    Depth,
    /// Calls were refused in distinct regions.
    Spread,
    /// Sensitive calls were refused.
    RefusedSensitive,
    /// Strong sensitive calls succeeded.
    StrongCalls,
    /// Sensitive calls of distinct techniques succeeded, among them a strong one that is no sign-in.
    SeveralTechniques,
    /// The steps serve distinct tactics.
    Tactics,
    /// The actor gave permissions or a password to itself.
    PowerForItself,
    /// Calls were refused, and then a strong sensitive call succeeded.
    RefusedThenPower,
    /// Sign-ins with wrong credentials.
    WrongPasswords,
    /// Sign-ins with wrong credentials, and then a right one.
    GuessedPassword,
    /// Sign-ins of distinct users from one network failed.
    Spraying,
    /// A user that the actor made, or got a credential of, made calls.
    MadeIdentityUsed,
    /// The root user made the calls.
    Root,
}

/// One row of the table: from how many distinct items on a kind counts, and what it weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KindRow {
    /// The kind. A kind has several rows, the heaviest first; the first that holds counts.
    pub kind: EvidenceKind,
    /// The fewest items.
    pub items: usize,
    /// The weight.
    pub weight: u32,
    /// Whether the kind opens an incident alone.
    pub opens: bool,
    /// What the items are, after their number: `calls were refused`.
    pub reason: &'static str,
}

/// The weight from which the kinds of a window open an incident together.
///
/// On the recording of an attack of half an hour the windows weigh 55 and 58, and 45 and 48 without the names of tools.
pub const OPENS_AT: u32 = 10;

/// Up to how many distinct values are counted. It is several times the highest number that a row asks for.
pub const DISTINCT_MAX: usize = 80;

/// The length of half a window, in seconds of event time.
pub(super) const HALF_SECONDS: i64 = 1800;

const fn row(
    kind: EvidenceKind,
    items: usize,
    weight: u32,
    opens: bool,
    reason: &'static str,
) -> KindRow {
    KindRow {
        kind,
        items,
        weight,
        opens,
        reason,
    }
}

/// The kinds of evidence. The weights were tried on public recordings and on generated trails, 2026-11.
pub const KINDS: [KindRow; 24] = {
    use EvidenceKind as K;
    [
        row(
            K::Tool,
            1,
            10,
            true,
            "calls with the name of an attack tool",
        ),
        row(
            K::System,
            1,
            6,
            false,
            "calls from an operating system made for attacks",
        ),
        row(
            K::Breadth,
            10,
            10,
            true,
            "distinct calls of several services were refused",
        ),
        row(K::Refusals, 10, 6, false, "distinct calls were refused"),
        row(K::Refusals, 5, 4, false, "distinct calls were refused"),
        row(K::Depth, 10, 10, true, "targets of one call were refused"),
        row(K::Depth, 5, 4, false, "targets of one call were refused"),
        row(
            K::Spread,
            4,
            6,
            false,
            "regions in which calls were refused",
        ),
        row(
            K::RefusedSensitive,
            2,
            6,
            false,
            "sensitive calls were refused",
        ),
        row(
            K::RefusedSensitive,
            1,
            3,
            false,
            "sensitive call was refused",
        ),
        row(
            K::StrongCalls,
            2,
            8,
            false,
            "strong sensitive calls succeeded",
        ),
        row(
            K::StrongCalls,
            1,
            4,
            false,
            "strong sensitive call succeeded",
        ),
        row(
            K::SeveralTechniques,
            3,
            3,
            false,
            "techniques of sensitive calls that succeeded",
        ),
        row(K::Tactics, 4, 8, false, "tactics"),
        row(K::Tactics, 3, 5, false, "tactics"),
        row(K::Tactics, 2, 2, false, "tactics"),
        row(
            K::PowerForItself,
            1,
            6,
            false,
            "calls gave the actor itself permissions",
        ),
        row(
            K::RefusedThenPower,
            3,
            4,
            false,
            "calls were refused, then a strong one succeeded",
        ),
        row(
            K::GuessedPassword,
            10,
            10,
            true,
            "wrong credentials, then the right ones",
        ),
        row(
            K::GuessedPassword,
            5,
            6,
            false,
            "wrong credentials, then the right ones",
        ),
        row(
            K::WrongPasswords,
            10,
            10,
            true,
            "sign-ins with wrong credentials",
        ),
        row(
            K::Spraying,
            5,
            10,
            true,
            "users whose sign-in failed from one network",
        ),
        row(
            K::MadeIdentityUsed,
            1,
            5,
            false,
            "calls of a user that the actor made or took over",
        ),
        row(K::Root, 1, 3, false, "calls of the root user"),
    ]
};

/// One piece of evidence in a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Evidence {
    /// The kind.
    pub kind: EvidenceKind,
    /// How many items were counted, at most [`DISTINCT_MAX`] where they are distinct.
    pub items: usize,
    /// The weight.
    pub weight: u32,
    /// Whether it opens an incident alone.
    pub opens: bool,
    /// What the items are.
    pub reason: &'static str,
}

/// An hour of event time with evidence against one actor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EvidenceWindow {
    /// The beginning of the window.
    pub from: Timestamp,
    /// The sum of the weights.
    pub score: u32,
    /// Whether the window opens an incident.
    pub is_hot: bool,
    /// The evidence, in the order of the kinds.
    pub evidence: Vec<Evidence>,
}

/// One event as evidence: what is counted of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sign<'o> {
    pub at: Timestamp,
    pub service: &'o str,
    pub action: &'o str,
    pub tactic: Option<Tactic>,
    /// The technique of a sensitive call that succeeded; `None` for others.
    pub technique: Option<&'o str>,
    pub what: What<'o>,
    pub is_system: bool,
    pub is_root: bool,
    /// Whether a user that the actor made, or got a credential of, made the call.
    pub is_of_made_user: bool,
}

/// What is counted of an event, by what it is.
#[derive(Debug, Clone, Copy)]
pub(super) enum What<'o> {
    /// A call by an attack tool that is no other sign.
    Tool,
    /// A refused call.
    Refusal {
        is_watched: bool,
        target: Option<&'o str>,
        region: &'o str,
    },
    /// A sensitive call that succeeded.
    Call {
        is_strong: bool,
        /// Whether it is the harmless form of a call that can be strong; then it has no part in tactics and techniques.
        is_harmless: bool,
        /// Whether it gave the actor itself permissions or a password.
        is_for_itself: bool,
        /// Whether it is a sign-in.
        is_sign_in: bool,
    },
    /// A watched call whose target does not exist.
    NotFound,
    /// A sign-in with wrong credentials.
    FailedSignIn { user: &'o str },
}

type Call<'o> = (&'o str, &'o str);

/// What half an hour of one actor has, each set up to [`DISTINCT_MAX`].
#[derive(Debug, Default, Clone)]
pub(super) struct HalfHour<'o> {
    tools: usize,
    systems: usize,
    roots: usize,
    of_made_users: usize,
    refused: BTreeSet<Call<'o>>,
    refused_sensitive: BTreeSet<Call<'o>>,
    targets: BTreeMap<Call<'o>, BTreeSet<&'o str>>,
    regions: BTreeSet<&'o str>,
    strong: BTreeSet<Call<'o>>,
    techniques: BTreeSet<&'o str>,
    for_itself: BTreeSet<Call<'o>>,
    tactics: BTreeSet<Tactic>,
    wrong_sign_ins: usize,
    wrong_users: BTreeSet<&'o str>,
    first_refused: Option<Timestamp>,
    last_strong: Option<Timestamp>,
    first_wrong: Option<Timestamp>,
    last_sign_in: Option<Timestamp>,
}

impl<'o> HalfHour<'o> {
    /// Adds further sign-ins with wrong credentials to those that were added.
    pub fn add_wrong_sign_ins(&mut self, count: usize) {
        self.wrong_sign_ins += count;
    }

    /// Adds an event. `is_tool` says whether an attack tool made it.
    pub fn add(&mut self, sign: &Sign<'o>, is_tool: bool) {
        let call = (sign.service, sign.action);
        self.tools += usize::from(is_tool);
        self.systems += usize::from(sign.is_system);
        self.roots += usize::from(sign.is_root);
        self.of_made_users += usize::from(sign.is_of_made_user);
        let is_harmless = matches!(
            sign.what,
            What::Tool
                | What::Call {
                    is_harmless: true,
                    ..
                }
        );
        if !is_harmless {
            self.tactics.extend(sign.tactic);
            self.techniques.extend(sign.technique);
        }
        match sign.what {
            What::Tool | What::NotFound => {}
            What::Refusal {
                is_watched,
                target,
                region,
            } => {
                insert(&mut self.refused, call);
                insert(&mut self.regions, region);
                if is_watched {
                    insert(&mut self.refused_sensitive, call);
                }
                self.add_target(call, target);
                self.first_refused = earlier(self.first_refused, Some(sign.at));
            }
            What::Call {
                is_strong,
                is_for_itself,
                is_sign_in,
                ..
            } => {
                if is_strong {
                    insert(&mut self.strong, call);
                    self.last_strong = self.last_strong.max(Some(sign.at));
                }
                if is_for_itself {
                    insert(&mut self.for_itself, call);
                }
                if is_sign_in {
                    self.last_sign_in = self.last_sign_in.max(Some(sign.at));
                }
            }
            What::FailedSignIn { user } => {
                self.wrong_sign_ins += 1;
                insert(&mut self.wrong_users, user);
                self.first_wrong = earlier(self.first_wrong, Some(sign.at));
            }
        }
    }

    fn add_target(&mut self, call: Call<'o>, target: Option<&'o str>) {
        let Some(target) = target else { return };
        insert(self.targets.entry(call).or_default(), target);
        if self.targets.len() > DISTINCT_MAX {
            self.targets.pop_last();
        }
    }

    /// Returns what two neighbouring half hours have together.
    fn joined(&self, other: Option<&Self>) -> Self {
        let mut sum = self.clone();
        let Some(other) = other else { return sum };
        sum.tools += other.tools;
        sum.systems += other.systems;
        sum.roots += other.roots;
        sum.of_made_users += other.of_made_users;
        sum.wrong_sign_ins += other.wrong_sign_ins;
        sum.refused.extend(&other.refused);
        sum.refused_sensitive.extend(&other.refused_sensitive);
        sum.regions.extend(&other.regions);
        sum.strong.extend(&other.strong);
        sum.techniques.extend(&other.techniques);
        sum.for_itself.extend(&other.for_itself);
        sum.tactics.extend(&other.tactics);
        sum.wrong_users.extend(&other.wrong_users);
        for (call, targets) in &other.targets {
            sum.targets.entry(*call).or_default().extend(targets);
        }
        sum.first_refused = earlier(sum.first_refused, other.first_refused);
        sum.first_wrong = earlier(sum.first_wrong, other.first_wrong);
        sum.last_strong = sum.last_strong.max(other.last_strong);
        sum.last_sign_in = sum.last_sign_in.max(other.last_sign_in);
        sum
    }

    /// Returns how many items a kind of evidence has. `is_network` says whether the actor is a network.
    fn items(&self, kind: EvidenceKind, is_network: bool) -> usize {
        let is_after = |last: Option<Timestamp>, first: Option<Timestamp>| matches!((last, first), (Some(last), Some(first)) if last >= first);
        let counted_if = |holds: bool, items: usize| if holds { items } else { 0 };
        // A sign-in is how a day begins, also that of the root user: what follows has to weigh something.
        let is_power = |call: &Call<'_>| !SIGNINS.contains(&call.1);
        let has_power = self.strong.iter().any(is_power);
        let has_weight = has_power || !self.refused_sensitive.is_empty();
        match kind {
            EvidenceKind::Tool => self.tools,
            EvidenceKind::System => self.systems,
            EvidenceKind::Breadth => counted_if(self.is_broad(), self.refused.len()),
            EvidenceKind::Refusals => counted_if(!self.is_broad(), self.refused.len()),
            EvidenceKind::Depth => self.targets.values().map(BTreeSet::len).max().unwrap_or(0),
            EvidenceKind::Spread => self.regions.len(),
            EvidenceKind::RefusedSensitive => self.refused_sensitive.len(),
            EvidenceKind::StrongCalls => self.strong.len(),
            EvidenceKind::SeveralTechniques => counted_if(has_power, self.techniques.len()),
            EvidenceKind::Tactics => counted_if(has_weight, self.tactics.len()),
            EvidenceKind::PowerForItself => self.for_itself.len(),
            EvidenceKind::RefusedThenPower => counted_if(
                is_after(self.last_strong, self.first_refused),
                self.refused.len(),
            ),
            EvidenceKind::WrongPasswords => self.wrong_sign_ins,
            EvidenceKind::GuessedPassword => counted_if(
                is_after(self.last_sign_in, self.first_wrong),
                self.wrong_sign_ins,
            ),
            EvidenceKind::Spraying => counted_if(is_network, self.wrong_users.len()),
            EvidenceKind::MadeIdentityUsed => self.of_made_users,
            EvidenceKind::Root => counted_if(
                !self.strong.is_empty() || !self.refused.is_empty(),
                self.roots,
            ),
        }
    }

    /// Checks whether the refused calls are as wide as the search of an intruder: ten in three services, or ten of
    /// services that decide about permissions, keys and records.
    fn is_broad(&self) -> bool {
        let services: BTreeSet<&str> = self.refused.iter().map(|(service, _)| *service).collect();
        let is_sensitive = |call: &&Call<'_>| SENSITIVE_SERVICES.contains(&call.0);
        let sensitive = self.refused.iter().filter(is_sensitive).count();
        self.refused.len() >= BROAD_CALLS && (services.len() >= 3 || sensitive >= BROAD_CALLS)
    }

    /// Returns the evidence of this half hour and the next one.
    fn evidence(&self, next: Option<&Self>, is_network: bool) -> Vec<Evidence> {
        let both = self.joined(next);
        let mut found: Vec<Evidence> = Vec::new();
        for row in &KINDS {
            if found.iter().any(|of| of.kind == row.kind) {
                continue;
            }
            let items = both.items(row.kind, is_network);
            if items >= row.items {
                found.push(Evidence {
                    kind: row.kind,
                    items,
                    weight: row.weight,
                    opens: row.opens,
                    reason: row.reason,
                });
            }
        }
        found
    }
}

/// How many refused calls are broad.
const BROAD_CALLS: usize = 10;

fn insert<T: Ord + Copy>(set: &mut BTreeSet<T>, value: T) {
    set.insert(value);
    if set.len() > DISTINCT_MAX {
        set.pop_last();
    }
}

fn earlier(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    one.into_iter().chain(other).min()
}

/// Checks whether what half an hour has would open an incident, whether it is that of a network or not.
pub(super) fn is_hot(half_hour: &HalfHour<'_>) -> bool {
    is_enough(&half_hour.evidence(None, true))
}

/// Checks whether evidence opens an incident.
fn is_enough(evidence: &[Evidence]) -> bool {
    evidence.iter().map(|of| of.weight).sum::<u32>() >= OPENS_AT
        || evidence.iter().any(|of| of.opens)
}

/// Returns the windows that have evidence, in the order of time. `half_hours` are those of one actor by their number since
/// 1970.
pub(super) fn windows(
    half_hours: &BTreeMap<i64, HalfHour<'_>>,
    is_network: bool,
) -> Vec<EvidenceWindow> {
    let mut windows = Vec::new();
    for (number, half_hour) in half_hours {
        let evidence = half_hour.evidence(half_hours.get(&(number + 1)), is_network);
        let Some(from) = Timestamp::from_seconds(number * HALF_SECONDS) else {
            continue;
        };
        if evidence.is_empty() {
            continue;
        }
        let score = evidence.iter().map(|of| of.weight).sum();
        windows.push(EvidenceWindow {
            from,
            score,
            is_hot: is_enough(&evidence),
            evidence,
        });
    }
    windows
}
