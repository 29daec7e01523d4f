//! Compares what two stores know: what is new, what has risen, and what is gone.
//!
//! Everything is compared as of the newest event of its store, so the result does not depend on the clock.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use alerts::severity::Severity;
use records::time::Timestamp;

use crate::entry::Kind;

/// A cluster has risen if the events of its last day are at least this many times those of the day before it.
const TIMES_MORE: u64 = 2;

/// A cluster has risen only if its last day has at least this many events more. Below it, a rise is chance.
const EVENTS_MORE: u64 = 10;

/// A cluster, a sensitive call or an incident, as one store knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    pub kind: Kind,
    pub id: String,
    /// Further ids that are the same subject: those of incidents that are part of this one.
    pub former: Vec<String>,
    pub account_id: String,
    /// What happened, safe to print.
    pub what: String,
    /// Who did it, safe to print; empty if not known.
    pub who: String,
    pub severity: Severity,
    /// The status in one word; `None` for a sensitive call, which has none.
    pub status: Option<&'static str>,
    /// Whether it goes on: a cluster that has not recovered, an incident that is open.
    pub is_open: bool,
    pub is_escalating: bool,
    /// The number of all events.
    pub events: u64,
    /// The number of events in the last 24 hours of the store.
    pub last_day: u64,
    /// The number of steps of an incident; 0 for others.
    pub steps: usize,
    pub last: Option<Timestamp>,
}

/// What one store knows.
#[derive(Debug, Clone, Default)]
pub struct Side {
    /// The time of the newest event; `None` if no event has a time.
    pub newest: Option<Timestamp>,
    pub subjects: Vec<Subject>,
}

/// What became of a subject between two stores, in the order of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, strum::IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
pub enum Fate {
    /// The old store does not have it.
    New,
    /// Both have it, and it got worse.
    Risen,
    /// It was open, and is not any more, or the new store does not have it.
    Gone,
}

/// A way in which a subject got worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Rise {
    /// Its severity is higher.
    Severity,
    /// It was recovered or over, and is open again.
    Reopened,
    /// It escalates, and did not before.
    Escalating,
    /// Its last day has at least twice the events, and at least ten more.
    Events,
    /// An incident has more steps.
    Steps,
    /// A sensitive call was made again since the newest event of the old store.
    MadeAgain,
}

/// One difference between two stores.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change<'a> {
    pub fate: Fate,
    /// As the new store knows it; as the old one, if the new one does not have it.
    pub subject: &'a Subject,
    /// As the old store knows it; `None` if it does not have it.
    pub before: Option<&'a Subject>,
    /// In which ways it got worse; empty unless it has risen.
    pub rises: Vec<Rise>,
}

/// Returns the differences: first what is new, then what has risen, then what is gone; each the most severe first.
pub fn between<'a>(old: &'a Side, new: &'a Side) -> Vec<Change<'a>> {
    let known: BTreeMap<&str, &Subject> =
        old.subjects.iter().map(|of| (of.id.as_str(), of)).collect();
    let mut stays: BTreeMap<&str, &Subject> = BTreeMap::new();
    let mut changes = Vec::new();
    for subject in &new.subjects {
        let ids = std::iter::once(&subject.id).chain(&subject.former);
        let before: Vec<&Subject> = ids
            .filter_map(|id| known.get(id.as_str()).copied())
            .collect();
        stays.extend(before.iter().map(|before| (before.id.as_str(), subject)));
        let before = before.first().copied();
        let rises = before.map(|before| rises(before, subject, old.newest));
        let fate = match &rises {
            None => Fate::New,
            Some(rises) if !rises.is_empty() => Fate::Risen,
            Some(_) => continue,
        };
        changes.push(Change {
            fate,
            subject,
            before,
            rises: rises.unwrap_or_default(),
        });
    }
    for before in &old.subjects {
        let now = stays.get(before.id.as_str()).copied();
        if before.is_open && now.is_none_or(|now| !now.is_open) {
            changes.push(Change {
                fate: Fate::Gone,
                subject: now.unwrap_or(before),
                before: Some(before),
                rises: Vec::new(),
            });
        }
    }
    changes.sort_by_key(|change| {
        let of = change.subject;
        (
            change.fate,
            Reverse(of.severity),
            of.kind,
            Reverse(of.last),
            of.id.clone(),
        )
    });
    changes.dedup_by(|one, other| one.fate == other.fate && one.subject.id == other.subject.id);
    changes
}

/// Returns in which ways a subject got worse. `old_newest` is the time of the newest event of the old store.
fn rises(before: &Subject, now: &Subject, old_newest: Option<Timestamp>) -> Vec<Rise> {
    let is_more = now.last_day >= before.last_day.saturating_mul(TIMES_MORE)
        && now.last_day >= before.last_day.saturating_add(EVENTS_MORE);
    let is_call = now.kind == Kind::SensitiveCall;
    let all = [
        (Rise::Severity, now.severity > before.severity),
        (Rise::Reopened, now.is_open && !before.is_open),
        (Rise::Escalating, now.is_escalating && !before.is_escalating),
        (Rise::Events, is_more && now.kind == Kind::Cluster),
        (Rise::Steps, now.steps > before.steps),
        (Rise::MadeAgain, is_call && now.last > old_newest),
    ];
    let found = all.into_iter().filter(|(_, is_so)| *is_so);
    found.map(|(rise, _)| rise).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Option<Timestamp> {
        Some(Timestamp::parse(text).unwrap())
    }

    fn cluster(id: &str) -> Subject {
        Subject {
            kind: Kind::Cluster,
            id: id.to_owned(),
            former: Vec::new(),
            account_id: "111122223333".to_owned(),
            what: "s3:GetObject AccessDenied".to_owned(),
            who: "user/mia".to_owned(),
            severity: Severity::Warning,
            status: Some("ongoing"),
            is_open: true,
            is_escalating: false,
            events: 20,
            last_day: 10,
            steps: 0,
            last: at("2026-11-02T08:00:00Z"),
        }
    }

    fn side(newest: &str, subjects: &[Subject]) -> Side {
        Side {
            newest: at(newest),
            subjects: subjects.to_vec(),
        }
    }

    /// Returns the fate, the id and the rises of each change.
    fn found(old: &[Subject], new: &[Subject]) -> Vec<(Fate, String, Vec<Rise>)> {
        let (old, new) = (
            side("2026-11-02T12:00:00Z", old),
            side("2026-11-03T12:00:00Z", new),
        );
        let changes = between(&old, &new).into_iter();
        changes
            .map(|of| (of.fate, of.subject.id.clone(), of.rises))
            .collect()
    }

    #[test]
    fn what_only_the_new_store_has_is_new_and_what_only_the_old_one_had_open_is_gone() {
        let recovered = Subject {
            is_open: false,
            ..cluster("r")
        };
        let critical = Subject {
            severity: Severity::Critical,
            ..cluster("z")
        };
        let old = [cluster("a"), cluster("b"), recovered];
        assert_eq!(
            found(&old, &[cluster("a"), cluster("c"), critical]),
            [
                (Fate::New, "z".to_owned(), vec![]),
                (Fate::New, "c".to_owned(), vec![]),
                (Fate::Gone, "b".to_owned(), vec![]),
            ]
        );
    }

    #[test]
    fn a_cluster_rises_by_severity_status_or_events_and_by_nothing_else() {
        let base = cluster("a");
        let closed = Subject {
            is_open: false,
            ..base.clone()
        };
        let with_events = |last_day| Subject {
            last_day,
            ..base.clone()
        };
        let severe = Subject {
            severity: Severity::Error,
            is_escalating: true,
            ..base.clone()
        };
        for (old, new, rises) in [
            (&base, &base, vec![]),
            (&base, &with_events(19), vec![]),
            (&base, &with_events(20), vec![Rise::Events]),
            (&with_events(1), &with_events(10), vec![]),
            (&with_events(0), &with_events(10), vec![Rise::Events]),
            (&with_events(20), &with_events(30), vec![]),
            (&base, &severe, vec![Rise::Severity, Rise::Escalating]),
            (&severe, &base, vec![]),
            (&closed, &base, vec![Rise::Reopened]),
        ] {
            let changes = found(std::slice::from_ref(old), std::slice::from_ref(new));
            let expected = (Fate::Risen, "a".to_owned(), rises.clone());
            let expected = if rises.is_empty() {
                vec![]
            } else {
                vec![expected]
            };
            assert_eq!(changes, expected);
        }
        assert_eq!(
            found(&[base], &[closed]),
            [(Fate::Gone, "a".to_owned(), vec![])]
        );
    }

    #[test]
    fn a_merged_incident_is_not_new_and_a_call_rises_when_it_is_made_again() {
        let incident = |id: &str, former: &[&str], steps| Subject {
            kind: Kind::Incident,
            former: former.iter().map(|id| (*id).to_owned()).collect(),
            steps,
            ..cluster(id)
        };
        let (old, new) = ([incident("a", &[], 3)], [incident("b", &["a"], 5)]);
        assert_eq!(
            found(&old, &new),
            [(Fate::Risen, "b".to_owned(), vec![Rise::Steps])]
        );
        let call = |last: &str| Subject {
            kind: Kind::SensitiveCall,
            is_open: false,
            last: at(last),
            ..cluster("c")
        };
        let (first, again) = (call("2026-11-02T08:00:00Z"), call("2026-11-03T08:00:00Z"));
        let expected = [(Fate::Risen, "c".to_owned(), vec![Rise::MadeAgain])];
        assert_eq!(found(std::slice::from_ref(&first), &[again]), expected);
        assert_eq!(
            found(std::slice::from_ref(&first), std::slice::from_ref(&first)),
            []
        );
        assert_eq!(found(&[first], &[]), []);
    }
}
