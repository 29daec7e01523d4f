//! Creates the alerts that the inspection finds: changes of clusters and accounts over time.
//!
//! The parts of an alert id depend only on the change, so that a repeated inspection makes the same
//! id. All further data is in the facts. Their lists and names are cut to limits here.

use clusters::escalation::Escalation;
use clusters::fingerprint::ClusterId;
use clusters::keys::masked;
use clusters::summary::{ClusterLine, KeyLine, Summary};
use clusters::transition::NewAccount;
use records::time::Timestamp;

use crate::alert::{Alert, AlertSubject};
use crate::facts::{
    DiagnosisFacts, EscalationFacts, Facts, RecoveryFacts, RegressionFacts, SilenceFacts, Stage,
};
use crate::safe::{readable, token};

/// The longest name and the longest sentence in facts, in characters.
const NAME_CHARS_MAX: usize = 128;
const SENTENCE_CHARS_MAX: usize = 512;

/// The source from which no events arrive, or arrive again: an account or one of its log groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Silent<'a> {
    /// The whole account.
    Account,
    /// One log group, by its name.
    LogGroup(&'a str),
}

impl Alert {
    /// Creates the alert for the beginning of an escalation: many more events per hour than usual.
    ///
    /// `cluster` is the id of a cluster and the number of its episode; `None` means all errors of the
    /// account together. `at` is the end of the hour that shows the escalation. `count` is the number of
    /// events in that hour, and `limit` is the largest number that was expected in it.
    pub fn of_escalation(
        account_id: &str,
        cluster: Option<(ClusterId, i64)>,
        at: Timestamp,
        (count, limit): (u64, u64),
        now: Timestamp,
    ) -> Self {
        let facts = Facts::Escalation(EscalationFacts {
            stage: Stage::Began,
            from: at.after(-HOUR_SECONDS).unwrap_or(at),
            until: at,
            peak: count,
            limit,
        });
        Self::of_rise(facts, account_id, cluster, at, now)
    }

    /// Creates the alert for the end of `escalation`. `at` is the end of the hour in which it ended.
    /// `cluster` is as in [`Self::of_escalation`].
    pub fn of_escalation_end(
        account_id: &str,
        cluster: Option<(ClusterId, i64)>,
        at: Timestamp,
        escalation: &Escalation,
        now: Timestamp,
    ) -> Self {
        let facts = Facts::Escalation(EscalationFacts {
            stage: Stage::Ended,
            from: escalation.since.start(),
            until: at,
            peak: escalation.peak,
            limit: escalation.limit,
        });
        Self::of_rise(facts, account_id, cluster, at, now)
    }

    fn of_rise(
        facts: Facts,
        account_id: &str,
        cluster: Option<(ClusterId, i64)>,
        at: Timestamp,
        now: Timestamp,
    ) -> Self {
        match cluster {
            Some(cluster) => Self::of_cluster(facts, account_id, cluster, Some(at), now),
            None => Self::of_account(facts, account_id, at, now),
        }
    }

    /// Creates the alert for the recovery of a cluster. `cluster` is its id and the number of the episode
    /// that is over. `at` is the end of its quiet period.
    ///
    /// The episode had `count` events. The first was at `fault_start`, the last `fault_seconds` later.
    pub fn of_recovery(
        account_id: &str,
        cluster: (ClusterId, i64),
        at: Timestamp,
        fault_start: Timestamp,
        (fault_seconds, count): (i64, u64),
        now: Timestamp,
    ) -> Self {
        let facts = Facts::Recovered(RecoveryFacts {
            fault_start,
            fault_seconds: u64::try_from(fault_seconds).unwrap_or_default(),
            count,
        });
        Self::of_cluster(facts, account_id, cluster, Some(at), now)
    }

    /// Creates the alert for a cluster that fails again after it had recovered.
    ///
    /// `cluster` is its id and the number of the new episode. `at` is the time of the first event of that
    /// episode. Before it, the cluster had no event for `quiet_seconds`.
    pub fn of_regression(
        account_id: &str,
        cluster: (ClusterId, i64),
        at: Timestamp,
        quiet_seconds: i64,
        now: Timestamp,
    ) -> Self {
        let facts = Facts::Regressed(Some(RegressionFacts {
            quiet_seconds: u64::try_from(quiet_seconds).unwrap_or_default(),
        }));
        Self::of_cluster(facts, account_id, cluster, Some(at), now)
    }

    /// Creates the alert that no events arrive from an account, or from one of its log groups (`no_data`).
    ///
    /// `since` is the time of the last event from there, and `noticed` is when the lack of events was
    /// detected. `diagnosis` is the cause, as a stable name and a sentence; `None` if it is unknown.
    pub fn of_silence(
        account_id: &str,
        silent: Silent<'_>,
        (since, noticed): (Timestamp, Timestamp),
        diagnosis: Option<(&str, &str)>,
        now: Timestamp,
    ) -> Self {
        let facts = Facts::Silence(SilenceFacts {
            stage: Stage::Began,
            log_group: silent.log_group(),
            since,
            until: noticed,
            diagnosis: diagnosis.map(diagnosed),
        });
        Self::of_account(facts, account_id, noticed, now)
    }

    /// Creates the alert that an account has its first event. `at` is the time of that event, `new` its call and caller.
    pub fn of_new_account(
        account_id: &str,
        at: Timestamp,
        new: &NewAccount,
        now: Timestamp,
    ) -> Self {
        let short = |text: &Option<String>| text.as_deref().map(|text| token(text, NAME_CHARS_MAX));
        let principal = new.principal.as_deref();
        let facts = Facts::NewAccount(NewAccount {
            service: short(&new.service),
            action: short(&new.action),
            principal: principal.map(|name| readable(name, NAME_CHARS_MAX)),
        });
        Self::of_account(facts, account_id, at, now)
    }

    /// Creates the alert that events arrive again from an account, or from one of its log groups.
    ///
    /// `since` is the time of the last event before the period without events, and `until` is the time of
    /// the first event after it. `diagnosis` is given only if there was no event before:
    /// [`NEVER_ANY_DATA`](crate::facts::NEVER_ANY_DATA).
    pub fn of_silence_end(
        account_id: &str,
        silent: Silent<'_>,
        (since, until): (Timestamp, Timestamp),
        diagnosis: Option<(&str, &str)>,
        now: Timestamp,
    ) -> Self {
        let facts = Facts::Silence(SilenceFacts {
            stage: Stage::Ended,
            log_group: silent.log_group(),
            since,
            until,
            diagnosis: diagnosis.map(diagnosed),
        });
        Self::of_account(facts, account_id, until, now)
    }

    /// Creates the alert with the summary of an account's hour, day or week. The alert gets the time of the
    /// end of that period.
    ///
    /// Lists and names in the summary are cut to limits, and access keys are masked.
    pub fn of_summary(summary: &Summary, now: Timestamp) -> Self {
        let facts = Facts::Summary(Box::new(bounded(summary)));
        Self::of_account(facts, &summary.account_id, summary.until, now)
    }

    fn of_account(facts: Facts, account_id: &str, at: Timestamp, now: Timestamp) -> Self {
        Self::new(AlertSubject::of_account(account_id), facts, Some(at), now)
    }
}

const HOUR_SECONDS: i64 = 3600;

fn diagnosed((name, sentence): (&str, &str)) -> DiagnosisFacts {
    DiagnosisFacts {
        name: token(name, NAME_CHARS_MAX),
        sentence: readable(sentence, SENTENCE_CHARS_MAX),
    }
}

impl Silent<'_> {
    fn log_group(self) -> Option<String> {
        match self {
            Self::Account => None,
            Self::LogGroup(name) => Some(token(name, 512)),
        }
    }
}

/// Returns a summary that may be stored and shown: lists and names are cut to limits, and access keys are
/// masked.
fn bounded(summary: &Summary) -> Summary {
    use clusters::summary::{CALL_LINES_MAX, INCIDENT_LINES_MAX, KEYS_MAX, LINES_MAX, TOP_MAX};
    let mut summary = summary.clone();
    for list in [
        &mut summary.new,
        &mut summary.regressed,
        &mut summary.recovered,
        &mut summary.escalating,
    ] {
        list.shown.truncate(LINES_MAX);
        list.shown.iter_mut().for_each(bound_line);
    }
    summary.top.truncate(TOP_MAX);
    summary.top.iter_mut().for_each(bound_line);
    summary.incidents.shown.truncate(INCIDENT_LINES_MAX);
    for incident in &mut summary.incidents.shown {
        incident.actor = readable(&incident.actor, NAME_CHARS_MAX);
    }
    summary.keys.shown.truncate(KEYS_MAX);
    summary.keys.shown.iter_mut().for_each(bound_key);
    summary.calls.shown.truncate(CALL_LINES_MAX);
    for call in &mut summary.calls.shown {
        call.caller = readable(&call.caller, NAME_CHARS_MAX);
        for text in [&mut call.service, &mut call.action] {
            *text = overflow_token(text);
        }
    }
    summary
}

fn bound_line(line: &mut ClusterLine) {
    for text in [&mut line.service, &mut line.action, &mut line.code] {
        *text = token(text, 64);
    }
    line.caller = readable(&line.caller, NAME_CHARS_MAX);
}

/// Returns the name of a service or an API in a bounded form. `*` stays: it means calls beyond the limit.
fn overflow_token(name: &str) -> String {
    match name {
        "*" => name.to_owned(),
        name => token(name, 64),
    }
}

fn bound_key(key: &mut KeyLine) {
    key.key = masked(&key.key);
    key.principal = readable(&key.principal, NAME_CHARS_MAX);
    for text in [&mut key.service, &mut key.region].into_iter().flatten() {
        *text = token(text, 64);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clusters::class::Class;
    use clusters::summary::{Excerpt, Period};

    use super::*;

    const ACCOUNT: &str = "111122223333";

    /// Earlier than all events of these tests, so that no alert is late.
    const EARLY: Timestamp = Timestamp::FIRST;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    #[test]
    fn the_end_of_a_problem_has_the_fault_id_of_its_beginning() {
        let cluster = (ClusterId::from_bytes([7; 16]), 2);
        let (since, until) = (at("2026-11-02T05:00:00Z"), at("2026-11-02T09:00:00Z"));
        let calm = at("2026-11-02T14:00:00Z");
        let escalation = Escalation {
            since: at("2026-11-02T08:00:00Z").window(),
            limit: 60,
            peak: 300,
            calm: 2,
        };
        let silence_pair = |silent| {
            [
                Alert::of_silence(ACCOUNT, silent, (since, until), None, EARLY),
                Alert::of_silence_end(
                    ACCOUNT,
                    silent,
                    (since, at("2026-11-02T11:00:00Z")),
                    None,
                    EARLY,
                ),
            ]
        };
        let pairs = [
            [
                Alert::of_escalation(ACCOUNT, Some(cluster), until, (70, 60), EARLY),
                Alert::of_escalation_end(ACCOUNT, Some(cluster), calm, &escalation, EARLY),
            ],
            [
                Alert::of_escalation(ACCOUNT, None, until, (70, 60), EARLY),
                Alert::of_escalation_end(ACCOUNT, None, calm, &escalation, EARLY),
            ],
            silence_pair(Silent::Account),
            silence_pair(Silent::LogGroup("trail-logs")),
            silence_pair(Silent::LogGroup("other-logs")),
        ];
        let mut faults = BTreeSet::new();
        for [begins, later] in &pairs {
            assert_eq!(begins.fault_id(), begins.id());
            assert_eq!(later.fault_id(), begins.id(), "{later:?}");
            assert_ne!(later.id(), begins.id());
            assert!(!begins.is_end());
            assert!(later.is_end());
            faults.insert(begins.id());
        }
        assert_eq!(faults.len(), pairs.len());
        // The episode of the cluster is another problem, which continues.
        let regressed = Alert::of_regression(ACCOUNT, cluster, since, 90_000, EARLY);
        let recovered = Alert::of_recovery(ACCOUNT, cluster, until, since, (60, 5), EARLY);
        assert_eq!(recovered.fault_id(), regressed.id());
        assert!(!faults.contains(&regressed.id()));
    }

    proptest::proptest! {
        #[test]
        fn the_facts_of_a_summary_are_bounded_for_any_name(
            name in ".{0,300}",
            count in 0..60_usize,
        ) {
            let line = ClusterLine {
                cluster: ClusterId::from_bytes([1; 16]),
                service: name.clone(),
                action: name.clone(),
                code: name.clone(),
                class: Class::Denied,
                caller: name.clone(),
                count: 1,
            };
            let list = Excerpt { total: 60, shown: vec![line; count] };
            let (from, until) = (at("2026-11-02T08:00:00Z"), at("2026-11-02T09:00:00Z"));
            let hour = Summary {
                new: list.clone(),
                top: list.shown,
                ..Summary::empty(ACCOUNT, Period::Hour, from, until)
            };
            let alert = Alert::of_summary(&hour, EARLY);
            let Facts::Summary(read) = alert.facts else {
                panic!("{alert:?} is not a summary");
            };
            proptest::prop_assert_eq!((read.new.total, read.new.shown.len()), (60, count.min(20)));
            proptest::prop_assert_eq!(read.top.len(), count.min(10));
        }
    }

    #[test]
    fn each_period_has_one_summary_alert_without_complete_keys() {
        let (from, until) = (at("2026-11-02T08:00:00Z"), at("2026-11-02T09:00:00Z"));
        let key = KeyLine {
            key: "AKIAQNZGKIQY56JQ7WML".to_owned(),
            principal: "mia".to_owned(),
            last_seen: from,
            last_used: None,
            service: None,
            region: None,
            entry: None,
            asked: None,
        };
        let hour = Summary {
            keys: Excerpt::of(vec![key], 20),
            ..Summary::empty(ACCOUNT, Period::Hour, from, until)
        };
        let alert = Alert::of_summary(&hour, EARLY);
        let json = alert.facts.json().to_string();
        assert!(json.contains("AKIA****7WML") && !json.contains("AKIAQ"));
        let day = Summary {
            period: Period::Day,
            ..hour.clone()
        };
        assert_ne!(Alert::of_summary(&day, EARLY).id(), alert.id());
        let found_later = Summary { errors: 5, ..hour };
        assert_eq!(Alert::of_summary(&found_later, EARLY).id(), alert.id());
    }
}
