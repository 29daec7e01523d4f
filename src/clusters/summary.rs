//! The summary of an account over an hour, a day or a week: its errors, the clusters that changed, its incidents, its
//! sensitive calls and the last use of its access keys.
//!
//! The inspection fills a [`Summary`] in, and an alert shows its numbers unchanged. Its lists are [`Excerpt`]s, so
//! that a summary stays small.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use records::time::Timestamp;
use serde::{Deserialize, Serialize};
use strum::IntoStaticStr;

use crate::class::Class;
use crate::fingerprint::{ClusterId, ClusterSubject};
use crate::incident::life::{IncidentAlert, IncidentId, QUIET_SECONDS, SentAlert};
use crate::incident::severity::IncidentSeverity;
use crate::keys::KeyEntry;

/// The maximum number of clusters in each list of changed clusters in a [`Summary`], such as [`Summary::new`].
pub const LINES_MAX: usize = 20;
/// The minimum number of changed clusters for which a summary is sent.
const CHANGES_LEAST: u64 = 2;

/// The maximum number of clusters in [`Summary::top`].
pub const TOP_MAX: usize = 10;
/// The maximum number of incidents in [`Summary::incidents`].
pub const INCIDENT_LINES_MAX: usize = 10;
/// The maximum number of access keys in [`Summary::keys`].
pub const KEYS_MAX: usize = 20;
/// The maximum number of sensitive calls in [`Summary::calls`].
pub const CALL_LINES_MAX: usize = 20;

/// The events of one account in an hour, a day or a week, and the clusters that changed and the incidents in this period.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// The id of the account, twelve digits.
    pub account_id: String,
    /// The length of the period.
    pub period: Period,
    /// The start of the period, in event time.
    pub from: Timestamp,
    /// The end of the period, exclusive, in event time.
    pub until: Timestamp,
    /// The number of failures of the account in the period.
    pub errors: u64,
    /// The number of clusters of the account that had events in the period.
    pub error_clusters: u64,
    /// The number of events in the period that belong to clusters that were first seen in the period.
    pub new_errors: u64,
    /// The clusters that were first seen in the period, each with its number of events in the period.
    pub new: Excerpt<ClusterLine>,
    /// The clusters that failed again in the period after they had recovered, each with its number of events in the
    /// period.
    pub regressed: Excerpt<ClusterLine>,
    /// The clusters that recovered in the period, each with the number of events in the whole episode that ended.
    pub recovered: Excerpt<ClusterLine>,
    /// The clusters that began to escalate in the period and still do at its end, each with its number of events in the
    /// period.
    pub escalating: Excerpt<ClusterLine>,
    /// How many entries of [`Self::new`], [`Self::regressed`] and [`Self::escalating`] are quiet clusters. Not stored,
    /// because it only decides whether the summary is sent.
    #[serde(skip)]
    pub quiet_changes: u64,
    /// The incidents that were open in the period: the most severe first, then the newest. An earlier version stored
    /// campaigns instead; they are not read.
    #[serde(default)]
    pub incidents: Excerpt<IncidentLine>,
    /// The number of these incidents that began in the period.
    #[serde(default)]
    pub begun_incidents: u64,
    /// The number of these incidents that were open at the end of the period.
    #[serde(default)]
    pub open_incidents: u64,
    /// The clusters with the most events in the period, the largest number first; at most [`TOP_MAX`] clusters.
    pub top: Vec<ClusterLine>,
    /// The access keys of the events in the period, the key with the latest event first. A week has those of its
    /// last 24 hours only.
    pub keys: Excerpt<KeyLine>,
    /// The number of sensitive calls of the account in the period. It includes those that have no alert of their own.
    #[serde(default)]
    pub sensitive_calls: u64,
    /// The sensitive calls of the period by API and caller, see [`CallLine::sort`] for the order.
    #[serde(default)]
    pub calls: Excerpt<CallLine>,
}

/// The length of the period of a summary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[derive(IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
pub enum Period {
    /// One hour.
    Hour,
    /// 24 hours.
    Day,
    /// Seven days.
    Week,
}

/// The first items of a list that may be too long for an alert, and the length of the whole list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Excerpt<T> {
    /// The number of items in the whole list, including those that are not in `shown`.
    pub total: u64,
    /// The first items of the whole list, in its order; all items if the list is short enough.
    pub shown: Vec<T>,
}

/// One cluster in a list of a [`Summary`]: its call, error code and class, and a number of events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterLine {
    /// The id of the cluster.
    pub cluster: ClusterId,
    /// The called service, as in the cluster's identity, such as `s3`.
    pub service: String,
    /// The called API, such as `GetObject`.
    pub action: String,
    /// The error code as the service spelled it, such as `Client.UnauthorizedOperation`; if there is none, the canonical
    /// code of the cluster's identity.
    pub code: String,
    /// The class of the cluster's failures.
    pub class: Class,
    /// The name of the caller of the cluster's first event; empty if it names none. Earlier versions did not store it.
    #[serde(default)]
    pub caller: String,
    /// The number of events of the cluster in the period of the summary. In [`Summary::recovered`] it is the number of
    /// events in the episode that ended.
    pub count: u64,
}

/// One incident in [`Summary::incidents`], as it was with its last alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IncidentLine {
    /// The id of the incident.
    pub incident: IncidentId,
    /// The name of the actor, such as the ARN of a user.
    pub actor: String,
    /// The severity of the incident.
    pub severity: IncidentSeverity,
    /// The time of the first event.
    pub began: Timestamp,
    /// Whether the incident was open at the end of the period.
    pub is_open: bool,
}

/// One access key in [`Summary::keys`]: the caller that used it, the time of its last event, and its last use of any
/// kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyLine {
    /// The whole id of the access key. Code that stores or shows it must mask it.
    pub key: String,
    /// The name of the caller that used the key in its last event; empty if the event names none.
    pub principal: String,
    /// The time of the last event with this key in the period of the summary.
    pub last_seen: Timestamp,
    /// The time of the last use of the key, failing or not, from IAM; `None` if there was no lookup or IAM reports no
    /// use.
    pub last_used: Option<Timestamp>,
    /// The service of the key's last use, from IAM; `None` if it is not known.
    pub service: Option<String>,
    /// The region of the key's last use, from IAM; `None` if it is not known.
    pub region: Option<String>,
    /// The status and the age of the key, from IAM; `None` if IAM was not asked.
    #[serde(flatten)]
    pub entry: Option<KeyEntry>,
    /// The time of IAM's answer; `None` if it is not known.
    pub asked: Option<Timestamp>,
}

/// The sensitive calls of one API by one caller in [`Summary::calls`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallLine {
    /// The called service, such as `lambda`.
    pub service: String,
    /// The called API, such as `UpdateFunctionCode`; `*` for calls beyond the limit on different calls in an hour.
    pub action: String,
    /// The name of the caller; empty if the events name none.
    pub caller: String,
    /// The number of calls in the period.
    pub count: u64,
    /// Whether one of the calls weighs as much as an attack step on its own.
    pub strong: bool,
    /// Whether no alert is sent about any of the calls, because a rule expects them or an AWS service made them.
    pub silent: bool,
}

impl Period {
    /// Returns the name of the period as it is stored and shown, such as `hour`. Names do not change between versions.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// Returns the length of the period in seconds.
    pub fn seconds(self) -> i64 {
        match self {
            Self::Hour => 3600,
            Self::Day => 86_400,
            Self::Week => 7 * 86_400,
        }
    }
}

impl<T> Excerpt<T> {
    /// Returns the first `most` items of the list `all`, with the length of `all`.
    pub fn of(mut all: Vec<T>, most: usize) -> Self {
        let total = all.len() as u64;
        all.truncate(most);
        Self { total, shown: all }
    }

    /// Returns the number of items of the whole list that are not in `shown`.
    pub fn more(&self) -> u64 {
        self.total.saturating_sub(self.shown.len() as u64)
    }
}

impl<T> Default for Excerpt<T> {
    fn default() -> Self {
        Self::of(Vec::new(), 0)
    }
}

impl ClusterLine {
    /// Creates the line of a cluster for a list of a summary, with the canonical code and no caller. `count` is its number of events, see [`Self::count`].
    pub fn of(cluster: ClusterId, subject: &ClusterSubject, count: u64) -> Self {
        Self {
            cluster,
            service: subject.service.clone(),
            action: subject.action.clone(),
            code: subject.code.clone(),
            class: subject.class,
            caller: String::new(),
            count,
        }
    }

    /// Sorts the clusters of a list by number of events, the largest first; clusters with equal numbers by id.
    pub fn sort(lines: &mut [Self]) {
        lines.sort_by_key(|line| (Reverse(line.count), line.cluster));
    }
}

impl CallLine {
    /// Sorts the calls of a list: those with alerts first, of these the strong ones, then by number of calls, the largest
    /// first; equal ones by name.
    pub fn sort(lines: &mut [Self]) {
        lines.sort_by(|one, other| one.order().cmp(&other.order()));
    }

    fn order(&self) -> impl Ord + '_ {
        let names = (&self.service, &self.action, &self.caller);
        (self.silent, !self.strong, Reverse(self.count), names)
    }
}

impl Summary {
    /// Returns the summary of a period without events and changes. `until` is the first second after the period.
    pub fn empty(account_id: &str, period: Period, from: Timestamp, until: Timestamp) -> Self {
        Self {
            account_id: account_id.to_owned(),
            period,
            from,
            until,
            errors: 0,
            error_clusters: 0,
            new_errors: 0,
            new: Excerpt::default(),
            regressed: Excerpt::default(),
            recovered: Excerpt::default(),
            escalating: Excerpt::default(),
            quiet_changes: 0,
            incidents: Excerpt::default(),
            begun_incidents: 0,
            open_incidents: 0,
            top: Vec::new(),
            keys: Excerpt::default(),
            sensitive_calls: 0,
            calls: Excerpt::default(),
        }
    }

    /// Adds the incidents of the account that were open in the period. `sent` are the alerts that were decided about incidents,
    /// of any account and in any order. An incident that is a part of another one is not listed.
    #[must_use]
    pub fn with_incidents(self, sent: &BTreeSet<SentAlert>) -> Self {
        let parts: BTreeSet<&IncidentId> = sent.iter().flat_map(|of| &of.merged).collect();
        let own = sent
            .iter()
            .filter(|of| of.actor.account_id == self.account_id && !parts.contains(&of.incident));
        // The set is sorted by incident and number, so that the last alert of an incident stays.
        let latest: BTreeMap<&IncidentId, &SentAlert> = own.map(|of| (&of.incident, of)).collect();
        let is_over = |of: &SentAlert, at: Timestamp| {
            of.alert == IncidentAlert::Closed && of.last.plus(QUIET_SECONDS) < at
        };
        let within = latest.into_values();
        let within = within.filter(|of| of.began < self.until && !is_over(of, self.from));
        let line = |of: &SentAlert| IncidentLine {
            incident: of.incident.clone(),
            actor: of.actor.name.clone(),
            severity: of.severity,
            began: of.began,
            is_open: !is_over(of, self.until),
        };
        let mut lines: Vec<IncidentLine> = within.map(line).collect();
        lines.sort_by(|one, other| {
            let order = |of: &IncidentLine| (Reverse(of.severity), Reverse(of.began));
            (order(one), &one.incident).cmp(&(order(other), &other.incident))
        });
        Self {
            begun_incidents: lines.iter().filter(|of| of.began >= self.from).count() as u64,
            open_incidents: lines.iter().filter(|of| of.is_open).count() as u64,
            incidents: Excerpt::of(lines, INCIDENT_LINES_MAX),
            ..self
        }
    }

    /// Checks whether the summary is worth an alert: at least two clusters are new, regressed or began to escalate, or
    /// there is an incident, or it is the summary of a day with sensitive calls that are neither expected nor of AWS.
    ///
    /// A single change already has its own alert. A period in which errors only continued or ended needs no alert, and
    /// the changes of quiet clusters need none. Of many sensitive calls only the first has an alert, so the day sums them
    /// up.
    pub fn is_worth_alert(&self) -> bool {
        let came = [&self.new, &self.regressed, &self.escalating];
        let came: u64 = came.iter().map(|list| list.total).sum();
        // The calls that are not silent come first, so they are never beyond the end of the list.
        let has_calls = self.calls.shown.iter().any(|line| !line.silent);
        came.saturating_sub(self.quiet_changes) >= CHANGES_LEAST
            || self.incidents.total > 0
            || (self.period == Period::Day && has_calls)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(number: u8, count: u64) -> ClusterLine {
        ClusterLine {
            cluster: ClusterId::from_bytes([number; 16]),
            service: "s3".to_owned(),
            action: "GetObject".to_owned(),
            code: "AccessDenied".to_owned(),
            class: Class::Denied,
            caller: String::new(),
            count,
        }
    }

    fn hour() -> Summary {
        let at = |text| Timestamp::parse(text).unwrap();
        let (from, until) = (at("2026-11-02T08:00:00Z"), at("2026-11-02T09:00:00Z"));
        assert_eq!(until.seconds_since(from), Period::Hour.seconds());
        Summary::empty("111122223333", Period::Hour, from, until)
    }

    /// An alert about an incident that began `hours` after the start of the hour, or before it, and lasted a minute.
    fn sent(hours: i64, number: usize, actor: &str) -> SentAlert {
        let began = hour().from.plus(hours * 3600);
        let actor =
            serde_json::json!({"account_id": "111122223333", "kind": "user", "name": actor});
        let incident = serde_json::json!(format!("{}-{hours}", actor["name"].as_str().unwrap()));
        SentAlert {
            incident: serde_json::from_value(incident).unwrap(),
            number,
            at: began,
            alert: [IncidentAlert::Opened, IncidentAlert::Closed][number.min(1)],
            actor: serde_json::from_value(actor).unwrap(),
            began,
            last: began.plus(60),
            severity: IncidentSeverity::Error,
            tactics: BTreeSet::new(),
            steps: 1,
            merged: BTreeSet::new(),
        }
    }

    #[test]
    fn a_summary_has_the_incidents_that_were_open_in_its_period() {
        let critical = SentAlert {
            severity: IncidentSeverity::Critical,
            ..sent(-5, 0, "ann")
        };
        let merged = SentAlert {
            merged: BTreeSet::from([sent(0, 0, "dan").incident]),
            ..sent(0, 0, "cid")
        };
        let elsewhere = SentAlert {
            actor: crate::incident::actor::Actor {
                account_id: "999999999999".to_owned(),
                ..sent(0, 0, "eve").actor
            },
            ..sent(0, 0, "eve")
        };
        let over = [sent(-5, 0, "bob"), sent(-5, 1, "bob")];
        let ended = [sent(-1, 0, "fay"), sent(-1, 1, "fay")];
        let later = sent(1, 0, "gil");
        let all = [critical, merged, sent(0, 0, "dan"), elsewhere, later];
        let all = all.into_iter().chain(over).chain(ended).collect();
        let summary = hour().with_incidents(&all);
        let shown = summary.incidents.shown.iter();
        let shown: Vec<_> = shown.map(|of| (&*of.actor, of.is_open)).collect();
        assert_eq!(shown, [("ann", true), ("cid", true), ("fay", false)]);
        assert_eq!((summary.begun_incidents, summary.open_incidents), (1, 2));
    }

    #[test]
    fn several_changes_or_an_incident_are_worth_an_alert_and_a_single_change_is_not() {
        let unchanged = Summary {
            errors: 500,
            error_clusters: 1,
            top: vec![line(1, 500)],
            recovered: Excerpt::of(vec![line(2, 9)], LINES_MAX),
            ..hour()
        };
        assert!(!unchanged.is_worth_alert());
        let alone = Excerpt::of(vec![line(1, 1)], LINES_MAX);
        let two = Excerpt::of(vec![line(1, 1), line(2, 1)], LINES_MAX);
        let changes: [fn(&mut Summary, Excerpt<ClusterLine>); 3] = [
            |of, list| of.new = list,
            |of, list| of.regressed = list,
            |of, list| of.escalating = list,
        ];
        for change in changes {
            let (mut one, mut several) = (hour(), hour());
            change(&mut one, alone.clone());
            change(&mut several, two.clone());
            assert!(!one.is_worth_alert(), "a single change has its own alert");
            assert!(several.is_worth_alert());
        }
        let with_incident = hour().with_incidents(&BTreeSet::from([sent(0, 0, "ann")]));
        assert!(with_incident.is_worth_alert());
    }

    fn call(action: &str, count: u64, strong: bool, silent: bool) -> CallLine {
        CallLine {
            service: "iam".to_owned(),
            action: action.to_owned(),
            caller: "arn:aws:iam::111122223333:role/deploy".to_owned(),
            count,
            strong,
            silent,
        }
    }

    #[test]
    fn sensitive_calls_are_worth_the_summary_of_a_day_unless_nothing_is_ever_sent_about_them() {
        let summary = |period, silent| Summary {
            period,
            sensitive_calls: 3,
            calls: Excerpt::of(vec![call("CreateUser", 3, false, silent)], CALL_LINES_MAX),
            ..hour()
        };
        assert!(summary(Period::Day, false).is_worth_alert());
        assert!(!summary(Period::Day, true).is_worth_alert());
        assert!(!summary(Period::Hour, false).is_worth_alert());
        assert!(!summary(Period::Week, false).is_worth_alert());
    }

    #[test]
    fn strong_calls_come_first_and_calls_without_alerts_last() {
        let mut lines = [
            call("CreateRole", 9, true, true),
            call("PutRolePolicy", 40, false, false),
            call("CreateUser", 1, false, false),
            call("AttachUserPolicy", 2, true, false),
        ];
        CallLine::sort(&mut lines);
        let order = lines.map(|line| line.action);
        assert_eq!(
            order,
            [
                "AttachUserPolicy",
                "PutRolePolicy",
                "CreateUser",
                "CreateRole"
            ]
        );
    }

    #[test]
    fn a_summary_that_an_earlier_version_stored_has_no_sensitive_calls_and_no_incidents() {
        let mut stored = serde_json::to_value(hour()).unwrap();
        let fields = stored.as_object_mut().unwrap();
        for new in [
            "sensitive_calls",
            "calls",
            "incidents",
            "begun_incidents",
            "open_incidents",
        ] {
            assert!(fields.remove(new).is_some(), "{new}");
        }
        let campaign = serde_json::json!({"actor": "mallory", "shapes": ["breadth"], "events": 10});
        let campaigns = serde_json::json!({"total": 1, "shown": [campaign]});
        fields.insert("campaigns".to_owned(), campaigns);
        assert_eq!(serde_json::from_value::<Summary>(stored).unwrap(), hour());
    }

    #[test]
    fn an_excerpt_keeps_the_total_and_the_most_frequent_come_first() {
        let mut lines: Vec<ClusterLine> = (0..50).map(|n| line(n, u64::from(n % 7))).collect();
        ClusterLine::sort(&mut lines);
        let first = (lines[0].count, lines[0].cluster);
        assert_eq!(first, (6, ClusterId::from_bytes([6; 16])));
        let excerpt = Excerpt::of(lines, LINES_MAX);
        assert_eq!((excerpt.total, excerpt.shown.len()), (50, LINES_MAX));
        assert_eq!(excerpt.more(), 30);
    }

    #[test]
    fn names_in_json_are_the_stable_names() {
        for class in Class::ALL {
            assert_eq!(serde_json::json!(class), class.name());
        }
        for period in [Period::Hour, Period::Day, Period::Week] {
            assert_eq!(serde_json::json!(period), period.name());
        }
    }

    #[test]
    fn a_summary_is_read_as_it_was_written() {
        let at = Timestamp::parse("2026-11-02T08:03:00Z").unwrap();
        let key = KeyLine {
            key: "AKIAQNZGKIQY56JQ7WML".to_owned(),
            principal: "arn:aws:iam::111122223333:user/mia".to_owned(),
            last_seen: at,
            last_used: None,
            service: None,
            region: None,
            entry: Some(KeyEntry::Active { created: at }),
            asked: None,
        };
        let summary = Summary {
            new: Excerpt::of(vec![line(1, 3)], LINES_MAX),
            keys: Excerpt::of(vec![key], KEYS_MAX),
            sensitive_calls: 2,
            calls: Excerpt::of(vec![call("CreateUser", 2, true, false)], CALL_LINES_MAX),
            ..hour()
        };
        let written = serde_json::to_string(&summary).unwrap();
        assert_eq!(serde_json::from_str::<Summary>(&written).unwrap(), summary);
    }
}
