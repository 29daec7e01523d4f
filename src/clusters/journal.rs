//! The journal of a cluster: everything that happened to it or was decided about it, each with time, author and reason.
//! The periods in which the cluster failed ([`Fault`]) are computed from it.
//!
//! An entry has no identity besides its content, so the same entry written twice is one entry. A journal is a set, like
//! all other state.

use std::collections::BTreeSet;

use data_encoding::HEXLOWER;
use records::redact::sanitize;
use records::time::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use strum::{IntoStaticStr, VariantArray};

use crate::lifecycle::LifecycleEvent;
use crate::transition::{Change, Transition};

/// The name of this program, which is the [`JournalEntry::actor`] of all entries that no person caused.
pub const OWN_ACTOR: &str = "cloudtrail-inspector";

/// The maximum length of the name of a person who decides about a cluster, in characters.
pub const ACTOR_CHARS_MAX: usize = 128;

/// The maximum length of [`JournalEntry::reason`], and of [`JournalEntry::detail`], in characters.
pub const REASON_CHARS_MAX: usize = 500;

/// The version of [`JournalEntry::encode`]; texts of other versions are not read.
const VERSION: i64 = 1;

/// A kind of journal entry: what happened to a cluster, or was decided about it.
///
/// Entries of one episode with the same second are sorted in the order of these kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum JournalEvent {
    /// The cluster was seen for the first time.
    New,
    /// The cluster failed again after it had recovered: the next episode begins.
    Regressed,
    /// A caller failed with the cluster for the first time.
    NewPrincipal,
    /// A value was new for a caller of the cluster or for the cluster, such as a network.
    NewCircumstance,
    /// The current episode is a day old, and the cluster is still open.
    Ongoing,
    /// An escalation began, see [`escalation`](crate::escalation).
    Escalating,
    /// An escalation ended.
    Calmed,
    /// A person works on the cluster.
    Acknowledged,
    /// A person held alerts back until a moment.
    Muted,
    /// A person declared the failures usual, which holds alerts back for good.
    Expected,
    /// A person held alerts back until a condition is met.
    Archived,
    /// A triage ended by itself, or a person withdrew it. A resolution is withdrawn by [`Self::Reopened`] instead.
    Unmarked,
    /// No event came for the quiet period of the class.
    Recovered,
    /// A person declared the failure over.
    Resolved,
    /// A person withdrew a resolution: the failure is not over.
    Reopened,
    /// Decisions and entries were carried over from a cluster with an id of an earlier identity version.
    Carried,
    /// A decision was imported from the configuration of a stack.
    Imported,
}

/// One entry of a cluster's journal: what happened to the cluster or was decided about it, with time, episode, author
/// and reason.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct JournalEntry {
    /// The time, to the second: event time for facts from events, the local clock for decisions of people.
    pub at: Timestamp,
    /// The number of the cluster's episode, from 1.
    pub episode: i64,
    /// What happened to the cluster, or was decided about it.
    pub what: JournalEvent,
    /// The author: a person's name, or [`OWN_ACTOR`] where no person acted.
    ///
    /// Sanitized, at most [`ACTOR_CHARS_MAX`] characters.
    pub actor: String,
    /// The reason that a person gave for a decision; empty if there is none. Sanitized, at most [`REASON_CHARS_MAX`]
    /// characters.
    pub reason: String,
    /// The time of the cluster's last event before it recovered, for [`JournalEvent::Recovered`]; `None` for all other
    /// kinds.
    pub last: Option<Timestamp>,
    /// Details as text, such as the new caller's name or `muted until …`; often empty.
    ///
    /// Sanitized, at most [`REASON_CHARS_MAX`] characters.
    pub detail: String,
}

/// A period in which a cluster failed without interruption: from the start of an episode, or its reopening, to its last
/// event or its resolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// The number of the cluster's episode, from 1. An episode that was reopened has several faults.
    pub episode: i64,
    /// The time of the first event of the episode, or of its reopening by a person.
    pub from: Timestamp,
    /// The end of the period; `None` if the cluster still fails.
    ///
    /// After a recovery it is the time of the last event, if the journal has it, and otherwise the time of the
    /// recovery. After a resolution it is the time of the resolution.
    pub until: Option<Timestamp>,
    /// How the period ended: [`JournalEvent::Recovered`] or [`JournalEvent::Resolved`].
    ///
    /// `None` if the cluster still fails, or the journal has no entry about the end.
    pub ended: Option<JournalEvent>,
}

impl JournalEvent {
    /// All kinds of journal entries, in the order in which they are sorted.
    pub const ALL: [Self; Self::VARIANTS.len()] =
        *Self::VARIANTS.first_chunk().expect("as many as there are");

    /// Returns the name of the kind as it is stored and shown, such as `new_principal`. Names do not change between
    /// versions.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// Returns the input of the [state machine](crate::lifecycle::step) that a person causes by [`Self::Resolved`] or
    /// [`Self::Reopened`]; `None` for all other kinds.
    pub fn said(self) -> Option<LifecycleEvent> {
        match self {
            Self::Resolved => Some(LifecycleEvent::Resolved),
            Self::Reopened => Some(LifecycleEvent::Reopened),
            _ => None,
        }
    }

    /// Returns the kind by which a person causes this input of the state machine, the reverse of [`Self::said`].
    pub fn of_said(said: LifecycleEvent) -> Option<Self> {
        Self::ALL.into_iter().find(|what| what.said() == Some(said))
    }

    /// Returns the kind that has the name `name`, see [`Self::name`]; `None` for any other text.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|what| what.name() == name)
    }
}

impl JournalEntry {
    /// Creates an entry by [`OWN_ACTOR`], without reason and detail. `episode` is the number of the cluster's episode,
    /// from 1.
    pub fn of(what: JournalEvent, at: Timestamp, episode: i64) -> Self {
        Self {
            at,
            episode,
            what,
            actor: OWN_ACTOR.to_owned(),
            reason: String::new(),
            last: None,
            detail: String::new(),
        }
    }

    /// Returns the journal entry that records a transition of a cluster.
    ///
    /// `None` for campaigns, and for an account whose data stops or arrives again: no journal lists them.
    pub fn of_transition(transition: &Transition) -> Option<Self> {
        let (what, detail) = match &transition.change {
            Change::New => (JournalEvent::New, String::new()),
            Change::NewPrincipal { principal } => (JournalEvent::NewPrincipal, principal.clone()),
            Change::NewCircumstance(new) => (JournalEvent::NewCircumstance, new.about()),
            Change::Ongoing => (JournalEvent::Ongoing, String::new()),
            Change::Recovered { .. } => (JournalEvent::Recovered, String::new()),
            Change::Regressed { .. } => (JournalEvent::Regressed, String::new()),
            Change::Escalating { count, .. } => (
                JournalEvent::Escalating,
                format!("{count} events in an hour"),
            ),
            Change::Calmed(_) => (JournalEvent::Calmed, String::new()),
            _ => return None,
        };
        let last = match transition.change {
            Change::Recovered {
                began,
                fault_seconds,
                ..
            } => began.after(fault_seconds),
            _ => None,
        };
        let entry = Self::of(what, transition.at, transition.episode);
        let entry = entry.about(&detail);
        Some(Self { last, ..entry })
    }

    /// Sets the author and the reason of the entry; both are sanitized, and cut to their maximum lengths.
    #[must_use]
    pub fn by(self, actor: &str, reason: &str) -> Self {
        Self {
            actor: sanitize(actor, ACTOR_CHARS_MAX),
            reason: sanitize(reason, REASON_CHARS_MAX),
            ..self
        }
    }

    /// Sets the detail of the entry; it is sanitized, and cut to [`REASON_CHARS_MAX`] characters.
    #[must_use]
    pub fn about(self, detail: &str) -> Self {
        Self {
            detail: sanitize(detail, REASON_CHARS_MAX),
            ..self
        }
    }

    /// Returns the first 16 hexadecimal digits of the SHA-256 hash of the entry. They distinguish entries of the same
    /// second.
    pub fn digest(&self) -> String {
        HEXLOWER.encode(&Sha256::digest(self.encode())[..8])
    }

    /// Returns the entry as JSON text, which [`Self::decode`] reads.
    pub fn encode(&self) -> String {
        let mut entry = json!({
            "v": VERSION,
            "at": self.at.seconds(),
            "epoch": self.episode,
            "what": self.what.name(),
            "actor": self.actor,
            "reason": self.reason,
            "detail": self.detail,
        });
        if let Some(last) = self.last {
            entry["last"] = last.seconds().into();
        }
        entry.to_string()
    }

    /// Parses the text of [`Self::encode`]; `None` for any other text.
    pub fn decode(text: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(text).ok()?;
        if value["v"].as_i64()? != VERSION {
            return None;
        }
        let what = JournalEvent::from_name(value["what"].as_str()?)?;
        let at = Timestamp::from_seconds(value["at"].as_i64()?)?;
        let entry = Self::of(what, at, value["epoch"].as_i64()?)
            .by(value["actor"].as_str()?, value["reason"].as_str()?)
            .about(value["detail"].as_str()?);
        let last = value["last"].as_i64().and_then(Timestamp::from_seconds);
        Some(Self { last, ..entry })
    }
}

impl Fault {
    /// Returns the length of the period in seconds; `None` if the cluster still fails.
    pub fn seconds(&self) -> Option<i64> {
        Some(self.until?.seconds_since(self.from))
    }
}

/// Returns the number of a cluster's current episode: the highest number in its journal entries; 1 if there are none.
pub fn episode(entries: &[JournalEntry]) -> i64 {
    entries.iter().map(|entry| entry.episode).max().unwrap_or(1)
}

/// Returns the periods in which a cluster failed, oldest first, computed from its first event and its journal.
///
/// `first_seen` is the time of the first event, and `entries` are the journal entries in any order. A recovery has the
/// time of the inspection that found it, so the first event of the next episode can be earlier. The fault then ends at
/// that event. Where the journal has no end, the fault ends where the next episode begins.
pub fn history(first_seen: Option<Timestamp>, entries: &[JournalEntry]) -> Vec<Fault> {
    let first = first_seen.map(|at| (1, at, JournalEvent::New, None));
    let recorded = entries
        .iter()
        .map(|of| (of.episode, of.at, of.what, of.last));
    // The number of the episode sorts first: the times of two episodes may overlap.
    let steps: BTreeSet<(i64, Timestamp, JournalEvent, Option<Timestamp>)> =
        recorded.chain(first).collect();
    let mut faults: Vec<Fault> = Vec::new();
    for (episode, at, what, last_event) in steps {
        let last = faults.last_mut();
        let is_open = last.as_ref().is_some_and(|last| last.until.is_none());
        let last_episode = last.as_ref().map_or(0, |last| last.episode);
        match what {
            JournalEvent::New if last_episode == 0 => {}
            JournalEvent::Regressed if episode > last_episode => {}
            JournalEvent::Reopened if !is_open => {}
            JournalEvent::Recovered | JournalEvent::Resolved => {
                if let Some(last) = last.filter(|_| is_open) {
                    last.until = Some(last_event.unwrap_or(at).max(last.from));
                    last.ended = Some(what);
                }
                continue;
            }
            _ => continue,
        }
        let from = last.map_or(at, |last| {
            let from = at.max(last.from);
            last.until = Some(last.until.map_or(from, |until| until.min(from)));
            from
        });
        faults.push(Fault {
            episode,
            from,
            until: None,
            ended: None,
        });
    }
    faults
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DAY: i64 = 86_400;

    /// 2026-11-02T00:00:00Z.
    const START: i64 = 1_793_577_600;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds).unwrap()
    }

    fn fault(episode: i64, from: i64, until: Option<i64>, ended: Option<JournalEvent>) -> Fault {
        Fault {
            episode,
            from: at(from),
            until: until.map(at),
            ended,
        }
    }

    #[test]
    fn a_cluster_with_an_empty_journal_has_failed_since_its_first_event() {
        assert_eq!(history(None, &[]), []);
        let first = Timestamp::from_seconds(START);
        assert_eq!(history(first, &[]), [fault(1, START, None, None)]);
    }

    #[test]
    fn each_episode_is_one_fault_and_a_reopened_one_is_two() {
        let (recovered, resolved) = (JournalEvent::Recovered, JournalEvent::Resolved);
        let entries = [
            JournalEntry::of(JournalEvent::New, at(START + 60), 1),
            JournalEntry::of(JournalEvent::Ongoing, at(START + DAY), 1),
            JournalEntry::of(recovered, at(START + 9 * DAY), 1),
            JournalEntry::of(JournalEvent::Regressed, at(START + 20 * DAY), 2),
            JournalEntry::of(resolved, at(START + 21 * DAY), 2).by("ann", "fixed"),
            JournalEntry::of(JournalEvent::Reopened, at(START + 22 * DAY), 2)
                .by("ann", "not fixed"),
            JournalEntry::of(JournalEvent::Acknowledged, at(START + 23 * DAY), 2)
                .by("ann", "on it"),
        ];
        // A late record has an event that is earlier than the entry `New`.
        let faults = history(Timestamp::from_seconds(START), &entries);
        let expected = [
            fault(1, START, Some(START + 9 * DAY), Some(recovered)),
            fault(2, START + 20 * DAY, Some(START + 21 * DAY), Some(resolved)),
            fault(2, START + 22 * DAY, None, None),
        ];
        assert_eq!(faults, expected);
        let lasted: Vec<_> = faults.iter().map(Fault::seconds).collect();
        assert_eq!(lasted, [Some(9 * DAY), Some(DAY), None]);
        assert_eq!(episode(&entries), 2);
    }

    #[test]
    fn a_fault_ends_where_the_next_begins_if_its_end_has_a_later_time_or_no_entry() {
        let regressed =
            |moment, episode| JournalEntry::of(JournalEvent::Regressed, at(moment), episode);
        let first = Timestamp::from_seconds(START);
        // The recovery has the time of the full hour, and the event came shortly before it.
        let late = [
            JournalEntry::of(JournalEvent::Recovered, at(START + 3600), 1),
            regressed(START + 3000, 2),
        ];
        let recovered = Some(JournalEvent::Recovered);
        let expected = [
            fault(1, START, Some(START + 3000), recovered),
            fault(2, START + 3000, None, None),
        ];
        assert_eq!(history(first, &late), expected);
        let never = [regressed(START + 3000, 4)];
        let expected = [
            fault(1, START, Some(START + 3000), None),
            fault(4, START + 3000, None, None),
        ];
        assert_eq!(history(first, &never), expected);
    }

    #[test]
    fn the_text_of_an_entry_does_not_change() {
        let entry = JournalEntry::of(JournalEvent::Muted, at(START), 3)
            .by("ann", "planned")
            .about("muted until 2026-11-09T00:00:00Z");
        let text = r#"{"actor":"ann","at":1793577600,"detail":"muted until 2026-11-09T00:00:00Z","epoch":3,"reason":"planned","v":1,"what":"muted"}"#;
        assert_eq!(entry.encode(), text);
        assert_eq!(JournalEntry::decode(text), Some(entry));
        for other in ["", "{}", &text.replace("\"v\":1", "\"v\":2")] {
            assert_eq!(JournalEntry::decode(other), None);
        }
        for what in JournalEvent::ALL {
            assert_eq!(JournalEvent::from_name(what.name()), Some(what));
        }
    }

    fn entries() -> impl Strategy<Value = Vec<JournalEntry>> {
        let entry = (
            prop::sample::select(&JournalEvent::ALL[..]),
            0..50i64,
            1..5i64,
        )
            .prop_map(|(what, seconds, episode)| {
                JournalEntry::of(what, at(START + seconds), episode)
            });
        prop::collection::vec(entry, 0..24)
    }

    proptest! {
        #[test]
        fn faults_follow_one_another_for_any_order_and_repetition_of_entries(
            entries in entries(), seed in any::<prop::sample::Index>(), first in 0..50i64,
        ) {
            let first = Timestamp::from_seconds(START + first);
            let faults = history(first, &entries);
            for fault in &faults {
                prop_assert!(fault.seconds().is_none_or(|seconds| seconds >= 0));
                prop_assert!(fault.until.is_some() || fault.ended.is_none());
            }
            for two in faults.windows(2) {
                prop_assert!(two[0].until.is_some_and(|until| until <= two[1].from));
                prop_assert!(two[0].episode <= two[1].episode);
            }
            let mut other: Vec<JournalEntry> = entries.iter().rev().cloned().collect();
            if !entries.is_empty() {
                let again = seed.index(entries.len());
                other.push(entries[again].clone());
                other.rotate_left(again);
            }
            prop_assert_eq!(history(first, &other), faults);
        }
    }
}
