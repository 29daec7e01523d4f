//! The journal of a cluster: everything that happened to it or was decided about it, each with when,
//! who and why; and its faults, which are what the journal comes to.
//!
//! An entry is what it says and nothing else, so the same entry written twice is one, and a journal
//! is a set like all other state.

use std::collections::BTreeSet;

use data_encoding::HEXLOWER;
use records::redact::sanitize;
use records::time::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use strum::{IntoStaticStr, VariantArray};

use crate::lifecycle::LifecycleEvent;
use crate::transition::{Change, Transition};

/// The name of who did what no person did.
pub const OURSELVES: &str = "cloudtrail-inspector";

/// The longest name of who did something, in characters.
pub const ACTOR_CHARS_MAX: usize = 128;

/// The longest reason, in characters.
pub const REASON_CHARS_MAX: usize = 500;

/// The version of the text that stores keep.
const VERSION: i64 = 1;

/// What happened to a cluster, or was decided about it. Of what happened in the same second of a
/// episode, the earlier in this list comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum JournalEvent {
    /// It was seen for the first time.
    New,
    /// It came back after it had recovered, which begins another episode.
    Regressed,
    /// It met a caller that it had not seen.
    NewPrincipal,
    /// It is a day old and still open.
    Ongoing,
    /// It is more frequent than its own past lets expect.
    Escalating,
    /// That is over.
    Calmed,
    /// Somebody looks after it.
    Acknowledged,
    /// It is not told for a while.
    Muted,
    /// It is part of what is usual.
    Expected,
    /// It is not told until something happens.
    Archived,
    /// What was decided does not hold any more.
    Unmarked,
    /// It was quiet for its quiet period.
    Recovered,
    /// A person said that it is over.
    Resolved,
    /// It was not over: a person said so.
    Reopened,
}

/// One entry of a journal.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct JournalEntry {
    /// When it was so: event time for what events show, our clock for what
    /// people decide.
    pub at: Timestamp,
    /// The episode of the cluster, from 1.
    pub episode: i64,
    /// What it is.
    pub what: JournalEvent,
    /// Who did it: [`OURSELVES`], or a person's name. Sanitized, at most [`ACTOR_CHARS_MAX`]
    /// characters.
    pub actor: String,
    /// Why a person did it, else empty. Sanitized, at most [`REASON_CHARS_MAX`] characters.
    pub reason: String,
    /// The last event before it, of a cluster that recovered by itself.
    pub last: Option<Timestamp>,
    /// What else there is to say in words, mostly empty. Sanitized, at most [`REASON_CHARS_MAX`]
    /// characters.
    pub detail: String,
}

/// A time in which a cluster was failing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// The episode of the cluster, from 1. One that was reopened has several faults.
    pub episode: i64,
    /// When it began.
    pub from: Timestamp,
    /// When it was over: with its last event, where that is noted, and not with the quiet period after
    /// it. `None` for one that lasts.
    pub until: Option<Timestamp>,
    /// What ended it, [`JournalEvent::Recovered`] or [`JournalEvent::Resolved`]; `None` for one that lasts, and where
    /// the journal does not say.
    pub ended: Option<JournalEvent>,
}

impl JournalEvent {
    /// All there is.
    pub const ALL: [Self; Self::VARIANTS.len()] =
        *Self::VARIANTS.first_chunk().expect("as many as there are");

    /// Returns the stable name.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// Returns what it says about whether the cluster is over, if a person said that.
    pub fn said(self) -> Option<LifecycleEvent> {
        match self {
            Self::Resolved => Some(LifecycleEvent::Resolved),
            Self::Reopened => Some(LifecycleEvent::Reopened),
            _ => None,
        }
    }

    /// Returns what has a stable name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|what| what.name() == name)
    }
}

impl JournalEntry {
    /// Returns the entry of something that no person did, at a moment, in an episode.
    pub fn of(what: JournalEvent, at: Timestamp, episode: i64) -> Self {
        Self {
            at,
            episode,
            what,
            actor: OURSELVES.to_owned(),
            reason: String::new(),
            last: None,
            detail: String::new(),
        }
    }

    /// Returns what a journal says of something that happened to a cluster; `None` where it says nothing.
    pub fn of_transition(transition: &Transition) -> Option<Self> {
        let (what, detail) = match &transition.change {
            Change::New => (JournalEvent::New, String::new()),
            Change::NewPrincipal { principal } => (JournalEvent::NewPrincipal, principal.clone()),
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

    /// Says which person did it, and why.
    pub fn by(self, actor: &str, reason: &str) -> Self {
        Self {
            actor: sanitize(actor, ACTOR_CHARS_MAX),
            reason: sanitize(reason, REASON_CHARS_MAX),
            ..self
        }
    }

    /// Adds what else there is to say.
    pub fn about(self, detail: &str) -> Self {
        Self {
            detail: sanitize(detail, REASON_CHARS_MAX),
            ..self
        }
    }

    /// Returns 16 hexadecimal digits that entries of the same second differ by.
    pub fn digest(&self) -> String {
        HEXLOWER.encode(&Sha256::digest(self.encode())[..8])
    }

    /// Returns the entry as a text that [`Self::decode`] reads.
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

    /// Reads what [`Self::encode`] wrote; `None` for anything else.
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
    /// Returns how long it lasted, in seconds; `None` for one that lasts.
    pub fn seconds(&self) -> Option<i64> {
        Some(self.until?.seconds_since(self.from))
    }
}

/// Returns the number of the cluster's current episode, as its journal says.
pub fn episode(entries: &[JournalEntry]) -> i64 {
    entries.iter().map(|entry| entry.episode).max().unwrap_or(1)
}

/// Returns the times in which a cluster was failing, one after the other, from its first event and
/// its journal, in whatever order that is.
///
/// A recovery is noted when somebody looks, and an event of the next episode may have happened shortly
/// before; the fault then ends with that event. An end that was never noted is where the next episode
/// begins.
pub fn history(first_seen: Option<Timestamp>, entries: &[JournalEntry]) -> Vec<Fault> {
    let first = first_seen.map(|at| (1, at, JournalEvent::New, None));
    let noted = entries
        .iter()
        .map(|of| (of.episode, of.at, of.what, of.last));
    // Episodes follow one another, whatever the clocks say.
    let steps: BTreeSet<(i64, Timestamp, JournalEvent, Option<Timestamp>)> =
        noted.chain(first).collect();
    let mut faults: Vec<Fault> = Vec::new();
    for (episode, at, what, last_event) in steps {
        let last = faults.last_mut();
        let is_open = last.as_ref().is_some_and(|last| last.until.is_none());
        let lived = last.as_ref().map_or(0, |last| last.episode);
        match what {
            JournalEvent::New if lived == 0 => {}
            JournalEvent::Regressed if episode > lived => {}
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
    fn a_cluster_of_which_nothing_is_noted_has_failed_since_its_first_event() {
        assert_eq!(history(None, &[]), []);
        let first = Timestamp::from_seconds(START);
        assert_eq!(history(first, &[]), [fault(1, START, None, None)]);
    }

    #[test]
    fn each_life_is_a_fault_and_one_that_was_reopened_is_two() {
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
        // An event that came late was the first.
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
    fn a_fault_ends_where_the_next_begins_though_it_was_noted_later_or_never() {
        let regressed =
            |moment, episode| JournalEntry::of(JournalEvent::Regressed, at(moment), episode);
        let first = Timestamp::from_seconds(START);
        // The recovery was noted at the full hour, and the event had come shortly before.
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
    fn the_text_of_an_entry_stays() {
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
        fn faults_follow_one_another_in_whatever_order_entries_are_and_how_often(
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
