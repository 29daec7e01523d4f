//! The triage of a cluster: a person's decision to acknowledge, mute, expect, archive or resolve it.
//!
//! A cluster has at most one triage; a new one replaces it. This module decides from an [`Observation`] whether a
//! triage holds alerts back, and whether it has ended. Each decision is also an entry of the
//! [journal](crate::journal).

use std::collections::BTreeMap;
use std::fmt;

use records::redact::sanitize;
use records::time::{Timestamp, Window};
use serde_json::{Value, json};

use crate::journal::{ACTOR_CHARS_MAX, JournalEntry, JournalEvent, REASON_CHARS_MAX};

/// The version of [`Triage::encode`]; texts of other versions are not read.
const VERSION: i64 = 1;

/// A person's decision about a cluster, such as to mute it, with the person's name, reason and time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Triage {
    /// What the person decided, with the moment or condition that ends the decision, if there is one.
    pub decision: Decision,
    /// The name of the person who decided; sanitized, at most [`ACTOR_CHARS_MAX`] characters.
    pub actor: String,
    /// The person's reason, possibly empty; sanitized, at most [`REASON_CHARS_MAX`] characters.
    pub reason: String,
    /// The time of the decision by the local clock.
    pub at: Timestamp,
    /// The number of the cluster's episode at the time of the decision, from 1.
    pub episode: i64,
}

/// A kind of decision about a cluster, with the moment or condition that ends it, if there is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
pub enum Decision {
    /// A person works on the cluster. Alerts are still sent. The decision ends when the cluster recovers.
    Acknowledged,
    /// Alerts are held back until a moment.
    Muted {
        /// The first moment at which alerts are sent again, by the local clock.
        until: Timestamp,
    },
    /// The failures are usual. Alerts are held back for good.
    Expected,
    /// Alerts are held back until a condition is met.
    Archived {
        /// The condition.
        until: Until,
    },
    /// The failure is over. The decision ends with the first event after it.
    Resolved,
}

/// The condition that ends [`Decision::Archived`]: when it is met, alerts about the cluster are sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// A moment, by the local clock.
    Moment(Timestamp),
    /// At least `count` events in one clock hour or one day, in UTC and event time.
    ///
    /// Only hours that begin after the decision count.
    Events {
        /// The number of events, at least 1.
        count: u64,
        /// The length of the period in which the events have to lie.
        within: CountPeriod,
    },
    /// At least this many callers that failed with the cluster for the first time after the decision.
    Principals(u64),
    /// The cluster escalates, see [`escalation`](crate::escalation).
    Escalating,
    /// No condition: the archive never ends by itself.
    Forever,
}

/// The period in which the events of [`Until::Events`] are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CountPeriod {
    /// A clock hour of UTC.
    Hour,
    /// A day of UTC.
    Day,
}

/// The facts about a cluster from which [`Triage::ends`] decides whether its triage has ended. A fact that is not known
/// ends no triage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    /// The current time by the local clock.
    pub now: Timestamp,
    /// The number of the cluster's current episode; `None` if it is not known.
    pub episode: Option<i64>,
    /// Whether the cluster has recovered or was resolved; `false` if that is not known.
    pub is_recovered: bool,
    /// The time of the cluster's last event; `None` if it is not known.
    pub last: Option<Timestamp>,
    /// The number of the cluster's events in each hour. An hour that is missing had no events or is not known.
    pub hours: BTreeMap<Window, u64>,
    /// The number of callers that failed with the cluster for the first time after the decision; 0 if it is not known.
    pub new_principals: u64,
    /// Whether the cluster escalates; `false` if that is not known.
    pub is_escalating: bool,
}

/// The reason why a triage has ended, where no person withdrew it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndReason {
    /// The moment until which alerts were held back has passed.
    Time,
    /// The cluster recovered after it was acknowledged.
    Recovered,
    /// The cluster failed again after it was resolved.
    CameBack,
    /// This many events came in one hour or day.
    Events(u64, CountPeriod),
    /// This many new callers failed with the cluster.
    Principals(u64),
    /// The cluster escalates.
    Escalating,
}

/// The triage of a cluster, with the reason of its end if it has ended.
#[derive(Debug, Clone, Copy)]
pub struct TriageStatus<'a> {
    /// The person's decision about the cluster.
    pub triage: &'a Triage,
    /// The reason why the triage has ended; `None` while it holds.
    pub ended: Option<EndReason>,
}

impl TriageStatus<'_> {
    /// Returns the name of the decision, such as `muted`; `None` if the triage has ended.
    pub fn word(&self) -> Option<&'static str> {
        self.ended.is_none().then(|| self.triage.decision.name())
    }
}

impl Observation {
    /// Returns an observation at the moment `now` of the local clock in which no facts about the cluster are known.
    pub fn at(now: Timestamp) -> Self {
        Self {
            now,
            episode: None,
            is_recovered: false,
            last: None,
            hours: BTreeMap::new(),
            new_principals: 0,
            is_escalating: false,
        }
    }
}

impl Triage {
    /// Creates the triage of a cluster. `at` is the time by the local clock, and `episode` the number of the cluster's
    /// current episode, from 1.
    ///
    /// The actor and the reason are sanitized, and cut to their maximum lengths.
    pub fn new(decision: Decision, actor: &str, reason: &str, at: Timestamp, episode: i64) -> Self {
        Self {
            decision,
            actor: sanitize(actor, ACTOR_CHARS_MAX),
            reason: sanitize(reason, REASON_CHARS_MAX),
            at,
            episode,
        }
    }

    /// Checks whether alerts about the cluster are sent, from the facts in `seen`.
    ///
    /// They are sent if the decision does not hold alerts back, or if the triage has ended, even if it is still stored.
    pub fn sends_alerts(&self, seen: &Observation) -> bool {
        match self.decision {
            Decision::Acknowledged | Decision::Resolved => true,
            Decision::Muted { .. } | Decision::Expected | Decision::Archived { .. } => {
                self.ends(seen).is_some()
            }
        }
    }

    /// Returns the reason why the triage has ended, from the facts in `seen`; `None` while it holds.
    pub fn ends(&self, seen: &Observation) -> Option<EndReason> {
        let is_later_episode = seen.episode > Some(self.episode);
        match self.decision {
            Decision::Acknowledged if seen.is_recovered || is_later_episode => {
                Some(EndReason::Recovered)
            }
            Decision::Resolved if seen.last > Some(self.at) || is_later_episode => {
                Some(EndReason::CameBack)
            }
            decision => self.condition_met(decision.until()?, seen),
        }
    }

    fn condition_met(&self, until: Until, seen: &Observation) -> Option<EndReason> {
        match until {
            Until::Moment(moment) => (seen.now >= moment).then_some(EndReason::Time),
            Until::Events { count, within } => {
                let most = self.largest_count(&seen.hours, within);
                (most >= count).then_some(EndReason::Events(most, within))
            }
            Until::Principals(count) => {
                let new = seen.new_principals;
                (new >= count).then_some(EndReason::Principals(new))
            }
            Until::Escalating => seen.is_escalating.then_some(EndReason::Escalating),
            Until::Forever => None,
        }
    }

    /// Returns the largest number of events in one hour or day, of the hours that began after the decision.
    fn largest_count(&self, hours: &BTreeMap<Window, u64>, within: CountPeriod) -> u64 {
        let mut sums: BTreeMap<i64, u64> = BTreeMap::new();
        let later = |hour: &Window| hour.start() > self.at;
        for (hour, count) in hours.iter().filter(|(hour, _)| later(hour)) {
            *sums.entry(hour.hours() / within.hours()).or_default() += count;
        }
        sums.into_values().max().unwrap_or_default()
    }

    /// Returns the journal entry that records this decision.
    pub fn made(&self) -> JournalEntry {
        let what = match self.decision {
            Decision::Acknowledged => JournalEvent::Acknowledged,
            Decision::Muted { .. } => JournalEvent::Muted,
            Decision::Expected => JournalEvent::Expected,
            Decision::Archived { .. } => JournalEvent::Archived,
            Decision::Resolved => JournalEvent::Resolved,
        };
        JournalEntry::of(what, self.at, self.episode)
            .by(&self.actor, &self.reason)
            .about(&self.decision.to_string())
    }

    /// Returns the journal entry that records the end of this triage at the moment `at` for the reason `why`. No person
    /// ended it.
    pub fn end_entry(&self, why: EndReason, at: Timestamp) -> JournalEntry {
        let about = format!("{}: {why}", self.decision);
        JournalEntry::of(JournalEvent::Unmarked, at, self.episode).about(&about)
    }

    /// Returns the triage as JSON text, which [`Self::decode`] reads.
    pub fn encode(&self) -> String {
        json!({
            "v": VERSION,
            "mark": self.decision.name(),
            "until": self.decision.until().map(Until::encode),
            "actor": self.actor,
            "reason": self.reason,
            "at": self.at.seconds(),
            "epoch": self.episode,
        })
        .to_string()
    }

    /// Parses the text of [`Self::encode`]; `None` for any other text.
    pub fn decode(text: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(text).ok()?;
        if value["v"].as_i64()? != VERSION {
            return None;
        }
        let until = || Until::parse(value["until"].as_str()?);
        let decision = match value["mark"].as_str()? {
            "acknowledged" => Decision::Acknowledged,
            "muted" => match until()? {
                Until::Moment(until) => Decision::Muted { until },
                _ => return None,
            },
            "expected" => Decision::Expected,
            "archived" => Decision::Archived { until: until()? },
            "resolved" => Decision::Resolved,
            _ => return None,
        };
        let (actor, reason) = (value["actor"].as_str()?, value["reason"].as_str()?);
        let at = Timestamp::from_seconds(value["at"].as_i64()?)?;
        let episode = value["epoch"].as_i64()?;
        Some(Self::new(decision, actor, reason, at, episode))
    }
}

impl Decision {
    /// Returns the name of the decision as it is stored and shown, such as `muted`. Names do not change between
    /// versions.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// Returns the kind of journal entry for a person who withdraws this decision: [`JournalEvent::Reopened`] for a
    /// resolution, otherwise [`JournalEvent::Unmarked`].
    pub fn taken_back(self) -> JournalEvent {
        match self {
            Self::Resolved => JournalEvent::Reopened,
            _ => JournalEvent::Unmarked,
        }
    }

    /// Returns the moment or condition that ends a muting or an archive; `None` for all other decisions.
    pub fn until(self) -> Option<Until> {
        match self {
            Self::Muted { until } => Some(Until::Moment(until)),
            Self::Archived { until } => Some(until),
            Self::Acknowledged | Self::Expected | Self::Resolved => None,
        }
    }
}

impl Until {
    /// Returns the condition as text, such as `100x/1h` for 100 events in an hour, which [`Self::parse`] reads.
    pub fn encode(self) -> String {
        match self {
            Self::Moment(moment) => moment.to_string(),
            Self::Events { count, within } => format!("{count}x/{}", within.unit()),
            Self::Principals(count) => format!("{count}p"),
            Self::Escalating => "escalating".to_owned(),
            Self::Forever => "forever".to_owned(),
        }
    }

    /// Parses a condition; `None` for any other text than these:
    ///
    /// - `2026-12-31` or `2026-12-31T08:00:00Z` is a moment in UTC; a day without a time means its first second.
    /// - `100x/1h` or `100x/1d` is a number of events in one hour or day, and `3p` a number of new callers.
    /// - `escalating` and `forever` are [`Self::Escalating`] and [`Self::Forever`].
    pub fn parse(text: &str) -> Option<Self> {
        let positive = |text: &str| text.parse().ok().filter(|count: &u64| *count > 0);
        match text {
            "escalating" => return Some(Self::Escalating),
            "forever" => return Some(Self::Forever),
            _ => {}
        }
        for within in [CountPeriod::Hour, CountPeriod::Day] {
            let count = text.strip_suffix(within.unit());
            if let Some(count) = count.and_then(|rest| rest.strip_suffix("x/")) {
                let count = positive(count)?;
                return Some(Self::Events { count, within });
            }
        }
        if let Some(count) = text.strip_suffix('p') {
            return positive(count).map(Self::Principals);
        }
        let moment = Timestamp::parse(text);
        let moment = moment.or_else(|| Timestamp::parse(&format!("{text}T00:00:00Z")));
        moment.map(Self::Moment)
    }
}

impl CountPeriod {
    fn unit(self) -> &'static str {
        match self {
            Self::Hour => "1h",
            Self::Day => "1d",
        }
    }

    fn hours(self) -> i64 {
        match self {
            Self::Hour => 1,
            Self::Day => 24,
        }
    }
}

/// Writes the decision for people, such as `archived until 100 events come in an hour`.
impl fmt::Display for Decision {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())?;
        let Some(until) = self.until() else {
            return Ok(());
        };
        match until {
            Until::Moment(moment) => write!(formatter, " until {moment}"),
            Until::Events { count, within } => {
                write!(formatter, " until {count} events come in {within}")
            }
            Until::Principals(1) => write!(formatter, " until a new caller comes"),
            Until::Principals(count) => write!(formatter, " until {count} new callers come"),
            Until::Escalating => write!(formatter, " until it escalates"),
            Until::Forever => write!(formatter, " for good"),
        }
    }
}

impl fmt::Display for CountPeriod {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Hour => "an hour",
            Self::Day => "a day",
        })
    }
}

/// Writes the reason for people, such as `it recovered`, to follow the decision that has ended.
impl fmt::Display for EndReason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Time => write!(formatter, "its time is over"),
            Self::Recovered => write!(formatter, "it recovered"),
            Self::CameBack => write!(formatter, "it came back"),
            Self::Events(count, within) => write!(formatter, "{count} events came in {within}"),
            Self::Principals(1) => write!(formatter, "a new caller came"),
            Self::Principals(count) => write!(formatter, "{count} new callers came"),
            Self::Escalating => write!(formatter, "it escalates"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// 2026-11-02T13:00:00Z.
    const NOW: i64 = 1_793_624_400;

    fn moment(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds).unwrap()
    }

    fn triage(decision: Decision) -> Triage {
        Triage::new(decision, "ann", "planned migration", moment(NOW), 2)
    }

    fn archived(until: &str) -> Triage {
        let until = Until::parse(until).unwrap();
        triage(Decision::Archived { until })
    }

    fn at(now: i64) -> Observation {
        Observation {
            episode: Some(2),
            ..Observation::at(moment(now))
        }
    }

    #[test]
    fn alerts_go_on_after_an_acknowledgement_or_a_resolution_and_are_held_back_otherwise() {
        let muted = Decision::Muted {
            until: moment(NOW + 60),
        };
        for (decision, is_alerted) in [
            (Decision::Acknowledged, true),
            (Decision::Resolved, true),
            (Decision::Expected, false),
            (muted, false),
        ] {
            assert_eq!(
                triage(decision).sends_alerts(&at(NOW)),
                is_alerted,
                "{decision}"
            );
        }
        assert!(!triage(muted).sends_alerts(&at(NOW + 59)));
        assert!(
            triage(muted).sends_alerts(&at(NOW + 60)),
            "its time is over"
        );
    }

    #[test]
    fn an_acknowledgement_holds_for_one_episode_and_a_resolution_up_to_the_next_event() {
        let (acknowledged, resolved) = (triage(Decision::Acknowledged), triage(Decision::Resolved));
        let recovered = Observation {
            is_recovered: true,
            ..at(NOW)
        };
        let next_episode = Observation {
            episode: Some(3),
            ..at(NOW)
        };
        let seen = |last| Observation {
            last: Some(moment(last)),
            ..at(NOW)
        };
        for (triage, seen, ended) in [
            (&acknowledged, at(NOW + 86_400), None),
            (&acknowledged, recovered.clone(), Some(EndReason::Recovered)),
            (
                &acknowledged,
                next_episode.clone(),
                Some(EndReason::Recovered),
            ),
            (&resolved, recovered, None),
            (&resolved, seen(NOW), None),
            (&resolved, seen(NOW + 1), Some(EndReason::CameBack)),
            (&resolved, next_episode, Some(EndReason::CameBack)),
        ] {
            assert_eq!(triage.ends(&seen), ended, "{} {seen:?}", triage.decision);
        }
    }

    #[test]
    fn an_archive_ends_when_its_condition_is_met() {
        let hours = |counts: &[(i64, u64)]| Observation {
            hours: counts
                .iter()
                .map(|(hour, count)| (moment(NOW + hour * 3600).window(), *count))
                .collect(),
            ..at(NOW)
        };
        let new = |new_principals| Observation {
            new_principals,
            ..at(NOW)
        };
        let escalating = Observation {
            is_escalating: true,
            ..at(NOW)
        };
        let (hour, day) = (CountPeriod::Hour, CountPeriod::Day);
        for (until, seen, ended) in [
            ("100x/1h", hours(&[(1, 99), (2, 99)]), None),
            (
                "100x/1h",
                hours(&[(1, 7), (2, 100)]),
                Some(EndReason::Events(100, hour)),
            ),
            // Events of the hour of the decision do not count.
            ("100x/1h", hours(&[(-1, 500), (0, 500)]), None),
            (
                "100x/1d",
                hours(&[(1, 60), (10, 60)]),
                Some(EndReason::Events(120, day)),
            ),
            // The eleventh hour is in the next day.
            ("100x/1d", hours(&[(1, 60), (11, 60)]), None),
            ("3p", new(2), None),
            ("3p", new(3), Some(EndReason::Principals(3))),
            ("escalating", hours(&[(1, 9999)]), None),
            (
                "escalating",
                escalating.clone(),
                Some(EndReason::Escalating),
            ),
            ("forever", escalating, None),
            ("2026-11-03", at(NOW + 39_599), None),
            ("2026-11-03", at(NOW + 39_600), Some(EndReason::Time)),
        ] {
            assert_eq!(archived(until).ends(&seen), ended, "{until} {seen:?}");
            assert_eq!(
                archived(until).sends_alerts(&seen),
                ended.is_some(),
                "{until}"
            );
        }
    }

    #[test]
    fn a_decision_and_its_end_read_as_sentences() {
        let texts = ["2026-11-03", "100x/1h", "1p", "3p", "escalating", "forever"];
        let described: Vec<String> = texts
            .iter()
            .map(|until| archived(until).decision.to_string())
            .collect();
        let expected = [
            "archived until 2026-11-03T00:00:00Z",
            "archived until 100 events come in an hour",
            "archived until a new caller comes",
            "archived until 3 new callers come",
            "archived until it escalates",
            "archived for good",
        ];
        assert_eq!(described, expected);
        let over =
            archived("100x/1h").end_entry(EndReason::Events(120, CountPeriod::Hour), moment(NOW));
        assert_eq!(
            over.detail,
            "archived until 100 events come in an hour: 120 events came in an hour"
        );
    }

    #[test]
    fn names_and_reasons_are_cut_and_contain_no_control_characters() {
        let long = "x".repeat(9999);
        let triage = Triage::new(
            Decision::Expected,
            &format!("ann\u{1b}[2J{long}"),
            &long,
            moment(NOW),
            1,
        );
        assert!(triage.actor.starts_with("ann[2J"), "{}", triage.actor);
        assert_eq!(triage.actor.chars().count(), ACTOR_CHARS_MAX);
        assert_eq!(triage.reason.chars().count(), REASON_CHARS_MAX);
        assert_eq!(Triage::decode(&triage.encode()), Some(triage));
    }

    #[test]
    fn the_text_of_a_triage_does_not_change_and_other_texts_are_not_read() {
        let text = r#"{"actor":"ann","at":1793624400,"epoch":2,"mark":"archived","reason":"planned migration","until":"100x/1h","v":1}"#;
        assert_eq!(archived("100x/1h").encode(), text);
        assert_eq!(Triage::decode(text), Some(archived("100x/1h")));
        let next_version = text.replace("\"v\":1", "\"v\":2");
        for other in ["", "{}", "[]", "null", &next_version] {
            assert_eq!(Triage::decode(other), None, "{other}");
        }
        for no_until in ["", "0x/1h", "x/1h", "-1p", "0p", "soon", "100x", "100x/1w"] {
            assert_eq!(Until::parse(no_until), None, "{no_until}");
        }
    }

    fn decisions() -> impl Strategy<Value = Decision> {
        let moments = Timestamp::FIRST.seconds()..=Timestamp::LAST.seconds();
        let periods = prop_oneof![Just(CountPeriod::Hour), Just(CountPeriod::Day)];
        let untils = prop_oneof![
            moments.clone().prop_map(|at| Until::Moment(moment(at))),
            (1..u64::MAX, periods).prop_map(|(count, within)| Until::Events { count, within }),
            (1..u64::MAX).prop_map(Until::Principals),
            Just(Until::Escalating),
            Just(Until::Forever),
        ];
        prop_oneof![
            Just(Decision::Acknowledged),
            Just(Decision::Expected),
            Just(Decision::Resolved),
            moments.prop_map(|at| Decision::Muted { until: moment(at) }),
            untils.prop_map(|until| Decision::Archived { until }),
        ]
    }

    proptest! {
        #[test]
        fn a_triage_is_read_as_it_was_written(
            decision in decisions(),
            actor in ".*",
            reason in ".*",
            at in Timestamp::FIRST.seconds()..=Timestamp::LAST.seconds(),
            episode: i64,
        ) {
            let triage = Triage::new(decision, &actor, &reason, moment(at), episode);
            prop_assert_eq!(Triage::decode(&triage.encode()), Some(triage));
        }

        #[test]
        fn parsing_never_panics(text in ".*") {
            Triage::decode(&text);
            if let Some(until) = Until::parse(&text) {
                prop_assert_eq!(Until::parse(&until.encode()), Some(until));
            }
        }
    }
}
