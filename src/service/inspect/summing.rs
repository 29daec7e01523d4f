//! Sums up the hour, day or week of an account, from the inspection state at the end of the period.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use clusters::facet::FacetKind;
use clusters::fingerprint::{ClusterId, WEAK};
use clusters::incident::life::SentAlert;
use clusters::inspection_state::{ClusterHistory, InspectionState};
use clusters::occurrence::{Occurrence, occurrences};
use clusters::summary::{
    CALL_LINES_MAX, CallLine, ClusterLine, Excerpt, KEYS_MAX, KeyLine, LINES_MAX, Period, Summary,
    TOP_MAX,
};
use records::time::{Timestamp, Window};

use crate::inspect::Recorded;

/// Returns the periods that end with this hour: always the hour itself, the UTC day if this is its last hour, and the
/// week (Monday to Sunday) if this is its last hour.
pub fn periods(window: Window) -> impl Iterator<Item = Period> {
    let end = window.hours() + 1;
    let is_day = end.rem_euclid(24) == 0;
    // The first of January 1970 was a Thursday.
    let is_week = is_day && (end.div_euclid(24) + 3).rem_euclid(7) == 0;
    let is_over = move |period: &Period| match period {
        Period::Hour => true,
        Period::Day => is_day,
        Period::Week => is_week,
    };
    [Period::Hour, Period::Day, Period::Week]
        .into_iter()
        .filter(is_over)
}

/// Returns one summary for each account that has clusters or sensitive calls. `window` is the last hour of the summarized period.
///
/// `sent` are the alerts that were decided about incidents. The summaries have no access keys, see [`SeenKeys`].
pub fn summaries(
    inspection_state: &InspectionState,
    window: Window,
    period: Period,
    sent: &BTreeSet<SentAlert>,
) -> Vec<Summary> {
    let until = window.end();
    let from = window.plus(1 - period.seconds() / 3600).start();
    let mut accounts: BTreeMap<&str, Vec<(ClusterId, &ClusterHistory)>> = BTreeMap::new();
    for (cluster, history) in inspection_state.histories() {
        let account = accounts.entry(&history.subject.account_id).or_default();
        account.push((*cluster, history));
    }
    for history in inspection_state.calls().values() {
        accounts.entry(&history.subject.account_id).or_default();
    }
    let summary = |(account_id, histories): (&str, Vec<(ClusterId, &ClusterHistory)>)| {
        let summary = with_histories(Summary::empty(account_id, period, from, until), &histories);
        with_calls(summary, inspection_state).with_incidents(sent)
    };
    accounts.into_iter().map(summary).collect()
}

impl Recorded<'_> {
    /// Returns the summaries of the last whole UTC day, and of the last hour with events, as a stack would have made them at the
    /// end of each. `sent` are the alerts about incidents. Empty if no event has a time.
    pub fn last_summaries(&self, sent: &BTreeSet<SentAlert>) -> Vec<Summary> {
        let times = self.events.iter().filter_map(|(_, seen)| seen.at());
        let Some(last) = times.max().map(Timestamp::window) else {
            return Vec::new();
        };
        let is_day = |window: &Window| periods(*window).any(|period| period == Period::Day);
        let day = (0..24).map(|hours| last.plus(-hours)).find(is_day);
        let day = day.map(|window| (window, Period::Day));
        let all = day.into_iter().chain([(last, Period::Hour)]);
        all.flat_map(|(window, period)| self.summaries_of(window, period, sent))
            .collect()
    }

    fn summaries_of(
        &self,
        window: Window,
        period: Period,
        sent: &BTreeSet<SentAlert>,
    ) -> Vec<Summary> {
        let replayed = self.replay(Some(window.plus(1)));
        let Some(state) = &replayed.inspection_state else {
            return Vec::new();
        };
        let end = window.end();
        let sent = sent.iter().filter(|alert| alert.at <= end).cloned();
        let hours = hours_of_keys(period, window);
        let is_within = |at: Timestamp| hours.contains(&at.window());
        let events = self.events.iter();
        let events = events.filter(|(_, seen)| seen.at().is_some_and(is_within));
        let mut keys = SeenKeys::default();
        keys.add(&occurrences(events, &self.subjects()));
        let all = summaries(state, window, period, &sent.collect()).into_iter();
        all.map(|summary| keys.with(summary)).collect()
    }
}

/// Fills a summary with the numbers and lists that come from the histories of the account's clusters.
fn with_histories(summary: Summary, histories: &[(ClusterId, &ClusterHistory)]) -> Summary {
    let (from, until) = (summary.from, summary.until);
    let count = |history: &ClusterHistory| history.count_since(from.window());
    let is_within = |at: Timestamp| at >= from && at <= until;
    let active = histories.iter().filter(|(_, history)| count(history) > 0);
    let active: Vec<(ClusterId, &ClusterHistory)> = active.copied().collect();
    let is_new = |history: &ClusterHistory| history.first >= from;
    let is_back = |history: &ClusterHistory| history.episode > 1 && history.began >= from;
    let is_rising = |history: &ClusterHistory| {
        let escalation = history.escalation;
        escalation.is_some_and(|of| of.since >= from.window())
    };
    let quiet = active.iter().filter(|(_, history)| history.is_quiet());
    let changes = |history: &ClusterHistory| {
        let changes = [is_new(history), is_back(history), is_rising(history)];
        changes.into_iter().filter(|is| *is).count() as u64
    };
    let new = active.iter().filter(|(_, history)| is_new(history));
    Summary {
        errors: active.iter().map(|(_, history)| count(history)).sum(),
        error_clusters: active.len() as u64,
        new_errors: new.map(|(_, history)| count(history)).sum(),
        new: listed(&active, is_new, count),
        regressed: listed(&active, is_back, count),
        recovered: listed(
            histories,
            |history| history.recovered.is_some_and(is_within),
            |history| history.count,
        ),
        escalating: listed(histories, is_rising, count),
        quiet_changes: quiet.map(|(_, history)| changes(history)).sum(),
        top: {
            let mut top = lines(&active, |_| true, count);
            top.truncate(TOP_MAX);
            top
        },
        ..summary
    }
}

/// Fills a summary with the sensitive calls of its account, by API and caller.
fn with_calls(summary: Summary, inspection_state: &InspectionState) -> Summary {
    let from = summary.from.window();
    let mut lines: BTreeMap<(&str, &str, &str), CallLine> = BTreeMap::new();
    let all = inspection_state.calls().values();
    for history in all.filter(|of| of.subject.account_id == summary.account_id) {
        let count = history.count_since(from);
        if count == 0 {
            continue;
        }
        let subject = &history.subject;
        let key = (&*subject.service, &*subject.action, &*history.caller);
        let line = lines.entry(key).or_insert_with(|| CallLine {
            service: subject.service.clone(),
            action: subject.action.clone(),
            caller: history.caller.clone(),
            count: 0,
            strong: false,
            silent: true,
        });
        line.count += count;
        // Calls beyond the limit, whose details are not known, count as strong.
        line.strong |= subject.code != WEAK;
        line.silent &= history.is_silent;
    }
    let mut lines: Vec<CallLine> = lines.into_values().collect();
    CallLine::sort(&mut lines);
    Summary {
        sensitive_calls: lines.iter().map(|line| line.count).sum(),
        calls: Excerpt::of(lines, CALL_LINES_MAX),
        ..summary
    }
}

fn listed(
    histories: &[(ClusterId, &ClusterHistory)],
    is: impl Fn(&ClusterHistory) -> bool,
    count: impl Fn(&ClusterHistory) -> u64,
) -> Excerpt<ClusterLine> {
    Excerpt::of(lines(histories, is, count), LINES_MAX)
}

fn lines(
    histories: &[(ClusterId, &ClusterHistory)],
    is: impl Fn(&ClusterHistory) -> bool,
    count: impl Fn(&ClusterHistory) -> u64,
) -> Vec<ClusterLine> {
    let line = |(cluster, history): &(ClusterId, &ClusterHistory)| {
        let subject = &history.subject;
        ClusterLine {
            code: history.code().unwrap_or(&subject.code).to_owned(),
            caller: history.caller.clone().unwrap_or_default(),
            ..ClusterLine::of(*cluster, subject, count(history))
        }
    };
    let mut lines: Vec<ClusterLine> = histories
        .iter()
        .filter(|(_, history)| is(history))
        .map(line)
        .collect();
    ClusterLine::sort(&mut lines);
    lines
}

/// Returns the hours whose access keys a summary lists: the last hour, or the last 24 hours for a day and for a week.
///
/// `last` is the last hour of the summarized period.
pub fn hours_of_keys(period: Period, last: Window) -> RangeInclusive<Window> {
    match period {
        Period::Hour => last..=last,
        Period::Day | Period::Week => last.plus(-23)..=last,
    }
}

/// The access keys of failed calls by account and id, each with its last call: the time, and the name of the caller.
#[derive(Debug, Clone, Default)]
pub struct SeenKeys(BTreeMap<(String, String), (Timestamp, String)>);

impl SeenKeys {
    /// Adds the access keys of failed calls. Neither order nor repetition of calls matters.
    pub fn add(&mut self, occurrences: &[Occurrence]) {
        for occurrence in occurrences {
            let facets = &occurrence.series.facets;
            let Some(key) = facets.get(FacetKind::AccessKey) else {
                continue;
            };
            let principal = facets.get(FacetKind::Principal).unwrap_or_default();
            let last = (occurrence.at, principal.to_owned());
            let id = (occurrence.subject.account_id.clone(), key.to_owned());
            let known = self.0.entry(id).or_insert_with(|| last.clone());
            *known = last.max(known.clone());
        }
    }

    /// Adds the access keys of its account to a summary, the most recently seen key first.
    pub fn with(&self, summary: Summary) -> Summary {
        let account_id = summary.account_id.as_str();
        let of_account = self.0.iter().filter(|((of, _), _)| of == account_id);
        let line =
            |((_, key), (last_seen, principal)): (&(String, String), &(Timestamp, String))| {
                KeyLine {
                    key: key.clone(),
                    principal: principal.clone(),
                    last_seen: *last_seen,
                    last_used: None,
                    service: None,
                    region: None,
                    entry: None,
                    asked: None,
                }
            };
        let mut lines: Vec<KeyLine> = of_account.map(line).collect();
        lines.sort_by(|one, other| (other.last_seen, &one.key).cmp(&(one.last_seen, &other.key)));
        Summary {
            keys: Excerpt::of(lines, KEYS_MAX),
            ..summary
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use clusters::class::Class;
    use clusters::facet::Facets;
    use clusters::fingerprint::{ClusterSubject, STRONG};
    use clusters::{EventId, Series};

    use super::*;

    const ACCOUNT: &str = "111122223333";

    fn at(hour: i64) -> Timestamp {
        let midnight = Timestamp::parse("2026-11-02T00:00:00Z").unwrap();
        midnight.plus(hour * 3600)
    }

    /// Returns a sensitive call of a group in an hour of the day.
    fn call(group: u8, action: &str, caller: &str, hour: i64, number: u8) -> Occurrence {
        let mut facets = Facets::default();
        facets.set(FacetKind::Principal, Some(caller));
        let code = if action == "StopLogging" {
            STRONG
        } else {
            WEAK
        };
        Occurrence {
            at: at(hour).plus(i64::from(number)),
            id: EventId::from_bytes([number; 16]),
            series: Arc::new(Series {
                cluster: ClusterId::from_bytes([group; 16]),
                facets,
            }),
            subject: Arc::new(ClusterSubject {
                account_id: ACCOUNT.to_owned(),
                service: "cloudtrail".to_owned(),
                action: action.to_owned(),
                code: code.to_owned(),
                class: Class::Watch,
                call: None,
            }),
        }
    }

    #[test]
    fn an_account_that_has_only_sensitive_calls_is_summed_up_by_call_and_caller() {
        let linked = "arn:aws:iam::111122223333:role/aws-service-role/x.amazonaws.com/X";
        let mut state = InspectionState::new(at(0).window());
        state.turn(
            at(0).window(),
            &[
                call(1, "UpdateTrail", "ann", 0, 1),
                call(2, "UpdateTrail", "ann", 0, 2),
                call(3, "UpdateTrail", linked, 0, 3),
            ],
        );
        state.turn(
            at(23).window(),
            &[
                call(1, "UpdateTrail", "ann", 23, 4),
                call(4, "StopLogging", "ben", 23, 5),
            ],
        );
        let of = |period| {
            let mut all = summaries(&state, at(23).window(), period, &BTreeSet::new());
            assert_eq!(all.len(), 1);
            all.remove(0)
        };
        let shown = |summary: &Summary| {
            let lines = summary.calls.shown.iter();
            let lines = lines.map(|line| {
                format!(
                    "{} {} {} {} {}",
                    line.action,
                    line.caller.rsplit('/').next().unwrap(),
                    line.count,
                    line.strong,
                    line.silent
                )
            });
            lines.collect::<Vec<_>>().join("; ")
        };
        let day = of(Period::Day);
        assert_eq!((day.errors, day.sensitive_calls), (0, 5));
        assert_eq!(
            shown(&day),
            "StopLogging ben 1 true false; UpdateTrail ann 3 false false; UpdateTrail X 1 false true"
        );
        assert!(day.is_worth_alert());
        let hour = of(Period::Hour);
        assert_eq!(hour.sensitive_calls, 2);
        assert!(!hour.is_worth_alert());
    }
    #[test]
    fn the_keys_of_a_day_are_those_of_its_24_hours_with_their_last_calls_in_any_order() {
        let by_key = |key: &str, caller: &str, hour: i64, number: u8| {
            let mut occurrence = call(1, "UpdateTrail", caller, hour, number);
            let mut facets = occurrence.series.facets.clone();
            facets.set(FacetKind::AccessKey, Some(key));
            occurrence.series = Arc::new(Series {
                facets,
                ..(*occurrence.series).clone()
            });
            occurrence
        };
        let calls = [
            by_key("AKIA1", "ann", 1, 1),
            by_key("AKIA2", "ben", 2, 2),
            by_key("AKIA1", "eve", 3, 3),
            call(1, "UpdateTrail", "ann", 4, 4),
        ];
        let lines = |calls: &[Occurrence], account_id: &str| {
            let mut keys = SeenKeys::default();
            calls
                .iter()
                .for_each(|of| keys.add(std::slice::from_ref(of)));
            let summary = Summary::empty(account_id, Period::Day, at(0), at(24));
            let keys = keys.with(summary).keys;
            let lines = keys.shown.into_iter();
            let lines = lines.map(|line| (line.key, line.principal, line.last_seen));
            (keys.total, lines.collect::<Vec<_>>())
        };
        let line = |key: &str, caller: &str, hour, number: i64| {
            (key.to_owned(), caller.to_owned(), at(hour).plus(number))
        };
        let expected = (
            2,
            vec![line("AKIA1", "eve", 3, 3), line("AKIA2", "ben", 2, 2)],
        );
        assert_eq!(lines(&calls, ACCOUNT), expected);
        let mut other_way: Vec<Occurrence> = calls.to_vec();
        other_way.extend_from_slice(&calls);
        other_way.reverse();
        assert_eq!(lines(&other_way, ACCOUNT), expected);
        assert_eq!(lines(&calls, "444455556666"), (0, vec![]));
        let last = at(23).window();
        assert_eq!(hours_of_keys(Period::Hour, last), last..=last);
        for period in [Period::Day, Period::Week] {
            assert_eq!(hours_of_keys(period, last), at(0).window()..=last);
        }
    }
}
