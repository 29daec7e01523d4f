//! JSON output for programs. Its keys do not change between releases; the JSON of a cluster is built in `view::json`.

pub mod health;
mod indented;

use std::collections::BTreeMap;
use std::io;

use alerts::guance::attributes;
use alerts::hint::hint;
use alerts::locale::Language;
use alerts::outbox::MessageLogEntry;
use alerts::severity::{self, Assessment, Reason};
use clusters::class::Class;
use clusters::facet::{FacetKind, Facets, service_between};
use clusters::fingerprint::ClusterId;
use clusters::incident::Incident;
use clusters::incident::life::SentAlert;
use clusters::ranking;
use clusters::report::RecordCounts;
use clusters::transition::Transition;
use clusters::{Cluster, Conclusion, Span};
use records::redact::sanitize;
use records::time::Timestamp;
use serde::{Serialize, Serializer};
use serde_json::Value;
use service::inspect::transition_alerts::alert;
use view::event::EventPlace;
use view::json::{
    CallDetailsShape, CallShape, ClusterShape, EventShape, HistoryShape, IdentityShape,
    IncidentShape,
};

use crate::changes::{Change, Subject};
use crate::entry::{self, Kind};
use crate::inputs::InputError;
use crate::json::indented::Indented;
use crate::open_store::ClusterJournal;
use crate::output::pretty;
use crate::skipped::Skipped;
use crate::source::{ClusterStanding, Scanned, StoreAnswer};
use crate::story;

#[derive(Serialize)]
struct Scan<'a> {
    records: Records,
    files: Files<'a>,
    quarantined: Vec<QuarantinedRecord<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    rules: Vec<RuleShape<'a>>,
    incidents: Incidents<'a>,
    clusters: Clusters<'a>,
    sensitive_calls: SensitiveCalls<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    transitions: Option<Vec<TransitionShape>>,
}

/// A transition and, if the transition causes an alert, the alert.
#[derive(Serialize)]
struct TransitionShape {
    at: String,
    account_id: String,
    cluster_id: Option<String>,
    transition: &'static str,
    #[serde(rename = "epoch")]
    episode: i64,
    /// The id of the incident and the kind of the alert about it; only with the transition `incident`.
    #[serde(flatten)]
    incident: Option<IncidentAlertShape>,
    alert: Option<AlertShape>,
}

#[derive(Serialize)]
struct IncidentAlertShape {
    incident_id: String,
    change: &'static str,
    severity: &'static str,
}

#[derive(Serialize)]
struct AlertShape {
    alert_id: String,
    fault_id: String,
    kind: &'static str,
    about: String,
    detail: Value,
}

impl TransitionShape {
    fn of(transition: &Transition) -> Self {
        let alert = alert(transition, None, transition.at).map(|alert| AlertShape {
            alert_id: alert.id().to_string(),
            fault_id: alert.fault_id().to_string(),
            kind: alert.kind().name(),
            about: alert.about(),
            detail: alert.facts.json(),
        });
        Self {
            at: transition.at.to_string(),
            account_id: transition.account_id.clone(),
            cluster_id: transition.cluster.map(|cluster| cluster.to_string()),
            transition: transition.change.name(),
            episode: transition.episode,
            incident: None,
            alert,
        }
    }

    /// An alert about an incident. The text of the alert is not known here.
    fn of_incident(incident: &Incident, alert: &SentAlert) -> Self {
        Self {
            at: alert.at.to_string(),
            account_id: incident.actor.account_id.clone(),
            cluster_id: None,
            transition: story::INCIDENT,
            episode: 0,
            incident: Some(IncidentAlertShape {
                incident_id: incident.id.text().to_owned(),
                change: alert.alert.into(),
                severity: incident.severity.name(),
            }),
            alert: None,
        }
    }
}

/// The incidents of an answer, the most severe first. Each is built when it is written.
struct Incidents<'a>(&'a StoreAnswer);

impl Serialize for Incidents<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let incidents = self.0.incidents.incidents.iter();
        serializer.collect_seq(incidents.map(|of| IncidentShape::of(of, |id| self.0.is_call(id))))
    }
}

/// The clusters of an answer. Each is built when it is written, so that not all are in memory at once.
struct Clusters<'a>(&'a StoreAnswer);

impl Serialize for Clusters<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let sums = self.0.snapshot.sums();
        serializer.collect_seq(sums.iter().filter_map(|sum| {
            let standing = self.0.standing(sum.id)?;
            Some(shape(&sum.cluster(), &standing))
        }))
    }
}

/// The sensitive calls of an answer, in the order of lists. Each is built when it is written.
struct SensitiveCalls<'a>(&'a StoreAnswer);

impl Serialize for SensitiveCalls<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let calls = entry::calls(self.0).into_iter();
        serializer.collect_seq(calls.map(|(_, call)| self.0.call_shape(&call.cluster())))
    }
}

#[derive(Serialize)]
struct Records {
    read: u64,
    selected: u64,
    clustered: u64,
    duplicate: u64,
    ignored: u64,
    quarantined: u64,
    not_selected: BTreeMap<&'static str, u64>,
    unknown_codes: u64,
    unknown_denials: u64,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    excluded_accounts: BTreeMap<String, u64>,
}

#[derive(Serialize)]
struct Files<'a> {
    read: usize,
    failed: &'a [InputError],
    skipped: &'a Skipped,
}

#[derive(Serialize)]
struct QuarantinedRecord<'a> {
    file: &'a str,
    record: u64,
    reason: &'static str,
    detail: String,
}

#[derive(Serialize)]
struct RuleShape<'a> {
    name: &'a str,
    until: Option<String>,
    applied: u64,
    ended: u64,
}

/// Writes the result of a scan to `out` as one JSON document: counts of records and files, unreadable records, rules,
/// incidents and clusters.
///
/// With `with_story`, the document also has the transitions of clusters (new, recovered and so on) and the alerts about
/// incidents.
pub fn scan(
    scanned: &Scanned,
    answer: &StoreAnswer,
    with_story: bool,
    out: impl io::Write,
) -> anyhow::Result<()> {
    let shape = Scan {
        records: Records::of(&scanned.record_counts),
        files: Files {
            read: scanned.files,
            failed: &scanned.failed,
            skipped: &scanned.skipped,
        },
        quarantined: scanned
            .quarantined
            .iter()
            .map(|(file, record)| QuarantinedRecord {
                file,
                record: record.number,
                reason: record.rejection.name(),
                detail: record.rejection.to_string(),
            })
            .collect(),
        rules: rules(scanned),
        incidents: Incidents(answer),
        clusters: Clusters(answer),
        sensitive_calls: SensitiveCalls(answer),
        transitions: with_story.then(|| transitions(answer)),
    };
    write(&shape, out)
}

/// Returns the transitions and the alerts about incidents, oldest first.
fn transitions(answer: &StoreAnswer) -> Vec<TransitionShape> {
    let told = story::alerts_about(&answer.incidents.alerts);
    let told =
        told.map(|(incident, alert)| (alert.at, TransitionShape::of_incident(incident, alert)));
    let story = answer.story.iter();
    let story = story.map(|transition| (transition.at, TransitionShape::of(transition)));
    let mut all: Vec<(Timestamp, TransitionShape)> = story.chain(told).collect();
    // The sort is stable: at one moment, incidents come last.
    all.sort_by_key(|(at, _)| *at);
    all.into_iter().map(|(_, shape)| shape).collect()
}

/// Writes one JSON document, and a line break behind it.
fn write(document: &impl Serialize, mut out: impl io::Write) -> anyhow::Result<()> {
    // As an I/O error, so that `main` recognises a closed pipe.
    let mut serializer = serde_json::Serializer::with_formatter(&mut out, Indented::default());
    document
        .serialize(&mut serializer)
        .map_err(io::Error::from)?;
    out.write_all(b"\n")?;
    Ok(out.flush()?)
}

#[derive(Serialize)]
struct Listed<'a> {
    clusters: Clusters<'a>,
}

/// Writes all clusters of `answer` to `out` as one JSON document. Its only key is `clusters`, with the same content
/// as in [`scan`].
pub fn clusters(answer: &StoreAnswer, out: impl io::Write) -> anyhow::Result<()> {
    let shape = Listed {
        clusters: Clusters(answer),
    };
    write(&shape, out)
}

#[derive(Serialize)]
struct ListedIncidents<'a> {
    incidents: Incidents<'a>,
}

/// Writes all incidents of `answer` to `out` as one JSON document. Its only key is `incidents`, with the same content as in
/// [`scan`].
pub fn incidents(answer: &StoreAnswer, out: impl io::Write) -> anyhow::Result<()> {
    let shape = ListedIncidents {
        incidents: Incidents(answer),
    };
    write(&shape, out)
}

/// Writes some of an answer as JSON lines: one object for each incident, sensitive call and cluster, in the order of lists. Each has
/// its kind in `kind`, and the keys that it has in the output of [`scan`].
pub fn lines(answer: &StoreAnswer, kinds: &[Kind], mut out: impl io::Write) -> anyhow::Result<()> {
    for kind in kinds {
        match kind {
            Kind::Incident => {
                for incident in &answer.incidents.incidents {
                    let shape = IncidentShape::of(incident, |id| answer.is_call(id));
                    write_line(*kind, &shape, &mut out)?;
                }
            }
            Kind::SensitiveCall => {
                for (_, call) in entry::calls(answer) {
                    write_line(*kind, &answer.call_shape(&call.cluster()), &mut out)?;
                }
            }
            Kind::Cluster => {
                for (_, sum) in entry::clusters(answer) {
                    if let Some(standing) = answer.standing(sum.id) {
                        write_line(*kind, &shape(&sum.cluster(), &standing), &mut out)?;
                    }
                }
            }
        }
    }
    Ok(out.flush()?)
}

/// A line of JSON: an object with its kind.
#[derive(Serialize)]
struct Line<'a, T> {
    kind: Kind,
    #[serde(flatten)]
    shape: &'a T,
}

fn write_line(kind: Kind, shape: &impl Serialize, mut out: impl io::Write) -> anyhow::Result<()> {
    serde_json::to_writer(&mut out, &Line { kind, shape }).map_err(io::Error::from)?;
    Ok(out.write_all(b"\n")?)
}

/// Returns one incident of `answer` as a JSON object, with the same keys as each incident in the output of [`scan`].
pub fn incident(incident: &Incident, answer: &StoreAnswer) -> anyhow::Result<String> {
    pretty(&IncidentShape::of(incident, |id| answer.is_call(id)))
}

#[derive(Serialize)]
struct ListedCalls<'a> {
    sensitive_calls: SensitiveCalls<'a>,
}

/// Writes all sensitive calls of `answer` to `out` as one JSON document. Its only key is `sensitive_calls`, with the same
/// content as in [`scan`].
pub fn calls(answer: &StoreAnswer, out: impl io::Write) -> anyhow::Result<()> {
    let shape = ListedCalls {
        sensitive_calls: SensitiveCalls(answer),
    };
    write(&shape, out)
}

/// Returns one sensitive call as a JSON object, with the same keys as each call in the output of [`scan`].
pub fn call(call: &Cluster) -> anyhow::Result<String> {
    pretty(&CallShape::of(call, severity::of_cluster(call)))
}

/// A cluster with the values that alerts about it can be filtered by.
#[derive(Serialize)]
struct ShownCluster {
    #[serde(flatten)]
    cluster: ClusterShape,
    dimensions: BTreeMap<&'static str, String>,
    dimension_pairs: Vec<String>,
}

/// Returns one cluster as a JSON object, with the same keys as each cluster in the output of [`scan`] and
/// [`clusters`], and the values that alerts about it can be filtered by.
pub fn cluster(cluster: &Cluster, standing: &ClusterStanding<'_>) -> anyhow::Result<String> {
    let code = standing.listed.code.as_deref();
    let dimensions = BTreeMap::from_iter(attributes::all_of_cluster(cluster, code));
    pretty(&ShownCluster {
        cluster: shape(cluster, standing),
        dimension_pairs: attributes::written_out(&dimensions),
        dimensions,
    })
}

/// Returns the history of a cluster as a JSON object: its failing periods and its journal entries.
pub fn history(cluster: ClusterId, history: &ClusterJournal) -> anyhow::Result<String> {
    pretty(&HistoryShape::of(
        cluster,
        &history.faults,
        &history.entries,
    ))
}

/// Returns everything about a cluster as a JSON object.
pub fn export(
    cluster: &Cluster,
    standing: &ClusterStanding<'_>,
    history: &ClusterJournal,
    sent: &[MessageLogEntry],
    events: &[EventPlace],
) -> anyhow::Result<String> {
    let history = HistoryShape::of(cluster.id, &history.faults, &history.entries);
    Ok(view::json::export(shape(cluster, standing), history, sent, Some(events)) + "\n")
}

/// Returns everything about a sensitive call as a JSON object.
pub fn export_call(
    call: &Cluster,
    sent: &[MessageLogEntry],
    events: &[EventPlace],
) -> anyhow::Result<String> {
    let shape = CallShape::of(call, severity::of_cluster(call));
    Ok(view::json::export_call(shape, sent, Some(events)) + "\n")
}

/// Returns everything about an incident as a JSON object.
pub fn export_incident(
    incident: &Incident,
    answer: &StoreAnswer,
    events: &[EventPlace],
) -> anyhow::Result<String> {
    let shape = IncidentShape::of(incident, |id| answer.is_call(id));
    Ok(view::json::export_incident(&shape, Some(events)) + "\n")
}

#[derive(Serialize)]
struct Events {
    events: Vec<EventShape>,
}

/// Writes events to `out` as one JSON document. Its only key is `events`.
pub fn events(places: &[EventPlace], out: impl io::Write) -> anyhow::Result<()> {
    let events = places.iter().map(EventShape::from).collect();
    write(&Events { events }, out)
}

/// Writes events to `out`, one JSON object per line.
pub fn event_lines(places: &[EventPlace], mut out: impl io::Write) -> anyhow::Result<()> {
    for place in places {
        serde_json::to_writer(&mut out, &EventShape::from(place)).map_err(io::Error::from)?;
        out.write_all(b"\n")?;
    }
    Ok(out.flush()?)
}

#[derive(Serialize)]
struct ConfigDiff<'a> {
    old: &'a str,
    new: &'a str,
    changes: &'a [service::configuration::changes::Change],
}

/// Returns the differences of two configurations as a JSON object, with the names of both stacks.
pub fn config_diff(
    old: &str,
    new: &str,
    changes: &[service::configuration::changes::Change],
) -> anyhow::Result<String> {
    pretty(&ConfigDiff { old, new, changes })
}

#[derive(Serialize)]
struct ConfigHistory<'a> {
    history: &'a [service::configuration::history::ConfigChange],
}

/// Returns the changes of a configuration as a JSON object. Its only key is `history`.
pub fn config_history(
    history: &[service::configuration::history::ConfigChange],
) -> anyhow::Result<String> {
    pretty(&ConfigHistory { history })
}

fn shape(cluster: &Cluster, standing: &ClusterStanding<'_>) -> ClusterShape {
    ClusterShape::of(
        cluster,
        standing.listed,
        cluster.span,
        standing.triage_status,
    )
}

fn rules(scanned: &Scanned) -> Vec<RuleShape<'_>> {
    let rules = scanned.rules.all().iter().zip(&scanned.hits);
    rules
        .map(|(rule, hits)| RuleShape {
            name: &rule.name,
            until: text(rule.until),
            applied: hits.applied,
            ended: hits.ended,
        })
        .collect()
}

fn text(time: Option<Timestamp>) -> Option<String> {
    time.map(|time| time.to_string())
}

/// Returns a text from a record in a form that is safe to print, at most 512 characters.
fn shown(text: &str) -> String {
    sanitize(text, 512)
}

impl Records {
    fn of(record_counts: &RecordCounts) -> Self {
        Self {
            read: record_counts.read,
            selected: record_counts.selected,
            clustered: record_counts.clustered,
            duplicate: record_counts.duplicate,
            ignored: record_counts.ignored(),
            quarantined: record_counts.quarantined(),
            not_selected: record_counts.not_selected.clone(),
            unknown_codes: record_counts.unknown_codes,
            unknown_denials: record_counts.unknown_denials,
            excluded_accounts: record_counts.excluded_accounts.clone(),
        }
    }
}

#[derive(Serialize)]
struct PlaceShape {
    name: String,
    count: u64,
    clusters: usize,
    principals: usize,
    first_seen: Option<String>,
    last_seen: Option<String>,
}

/// Writes a ranking by number of events as JSON lines, one object for each entry.
pub fn top_lines(entries: &[ranking::RankingEntry], mut out: impl io::Write) -> anyhow::Result<()> {
    for entry in entries {
        serde_json::to_writer(&mut out, &PlaceShape::of(entry)).map_err(io::Error::from)?;
        out.write_all(b"\n")?;
    }
    Ok(out.flush()?)
}

impl PlaceShape {
    fn of(entry: &ranking::RankingEntry) -> Self {
        Self {
            name: shown(&entry.name),
            count: entry.span.count,
            clusters: entry.clusters,
            principals: entry.principals,
            first_seen: text(entry.span.first_seen),
            last_seen: text(entry.span.last_seen),
        }
    }
}

/// Returns a ranking by number of events as a JSON array with one object for each entry, in the order of `entries`.
pub fn top(entries: &[ranking::RankingEntry]) -> anyhow::Result<String> {
    pretty(&Vec::from_iter(entries.iter().map(PlaceShape::of)))
}

/// The output of `explain` for one record: how the event is classified, step by step.
///
/// Classification ends early for some events, for example ignored ones. The fields of the later steps are then empty.
#[derive(Serialize, Default)]
pub struct Explanation {
    /// Whether the record is a CloudTrail event at all.
    #[serde(skip)]
    pub is_event: bool,
    /// Whether the record could not be read.
    #[serde(skip)]
    pub is_quarantined: bool,
    /// ID of the event; `None` if the record has none.
    pub event_id: Option<String>,
    /// The `eventCategory` of the record, such as `Management` or `Data`; `None` if the record has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_category: Option<String>,
    /// Whether the event is selected for clustering, because it is a failed call or a sensitive call.
    pub selected: bool,
    /// The reason why the event is in no cluster: not selected, ignored or quarantined. `None` if it is in a cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The name of the rule in the user's rules file that applies to the event; `None` if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// The class of the failure, such as `denied`; `None` if the event is not selected.
    pub class: Option<&'static str>,
    /// The ID of the cluster that the event is counted in; if a rule merges clusters, of the merged cluster. `None`
    /// if it is in no cluster, as a sensitive call is.
    pub cluster_id: Option<String>,
    /// The components of the identity of the event's own cluster, whose ID is their hash. A rule may count the event
    /// in another cluster. `None` if the event is in no cluster; for a sensitive call, the call without its details.
    pub identity: Option<IdentityShape>,
    /// What the sensitive call did, and why it is watched; `None` for all other events.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sensitive_call: Option<CallDetailsShape>,
    /// The error message of the event with its variable parts masked; `None` if the event is in no cluster.
    pub template: Option<String>,
    /// The facets of the event by name: caller, region, access key and others. Empty if the event is not counted.
    pub facets: BTreeMap<&'static str, String>,
    /// The severity that a cluster or sensitive call with only this event would have; `None` if the event is not
    /// counted.
    pub severity: Option<&'static str>,
    /// The reasons for `severity` with their points, such as `+10 access was denied`. Empty if the event is not counted.
    pub severity_reasons: Vec<Reason>,
    /// Advice on how to investigate the event; `None` if the event is not counted.
    pub hint: Option<String>,
}

impl Explanation {
    /// Fills the fields from `class` to `hint` for an event that belongs to a cluster, or is a sensitive call.
    /// `conclusion` is the analysis of its record.
    pub fn conclude(&mut self, conclusion: &Conclusion<'_>) {
        let understanding = &conclusion.understanding;
        let identity = &understanding.identity;
        let Assessment {
            severity, reasons, ..
        } = severity::assess_facets(identity, &conclusion.facets, Span::at(conclusion.at));
        let id = identity.cluster_id();
        self.class = Some(identity.class.name());
        if identity.class == Class::Watch {
            self.sensitive_call = Some(CallDetailsShape::of(id, identity));
            self.identity = Some(IdentityShape::of_call(identity));
        } else {
            self.cluster_id = Some(conclusion.merged_into.unwrap_or(id).to_string());
            self.identity = Some(IdentityShape::of(identity));
            self.template = Some(shown(&understanding.template));
        }
        self.facets = flat(&conclusion.facets);
        self.severity = Some(severity.name());
        self.severity_reasons = reasons;
        self.hint = Some(hint(
            identity,
            &understanding.template,
            &conclusion.facets,
            Language::En,
        ));
    }

    /// Returns the name and the value of each component in `identity`; empty for an event without a cluster.
    pub fn components(&self) -> Vec<(&'static str, &str)> {
        let identity = self.identity.as_ref();
        identity.map(IdentityShape::components).unwrap_or_default()
    }

    /// Returns the AWS service that called on behalf of the caller, such as `cloudformation.amazonaws.com`; `None` without one.
    pub fn via(&self) -> Option<&str> {
        let facet = |kind: FacetKind| self.facets.get(kind.name()).map(String::as_str);
        service_between(
            facet(FacetKind::Origin)?,
            facet(FacetKind::SourceIp).into_iter(),
        )
    }

    /// Returns the explanation as one line of JSON, with a line end.
    pub fn line(&self) -> anyhow::Result<String> {
        Ok(serde_json::to_string(self)? + "\n")
    }
}

fn flat(facets: &Facets) -> BTreeMap<&'static str, String> {
    facets
        .iter()
        .map(|(kind, value): (FacetKind, &str)| (kind.name(), value.to_owned()))
        .collect()
}

#[derive(Serialize)]
struct Diff<'a> {
    old: SideShape<'a>,
    new: SideShape<'a>,
    changes: Vec<ChangeShape<'a>>,
}

#[derive(Serialize)]
struct SideShape<'a> {
    file: &'a str,
    newest: Option<String>,
}

#[derive(Serialize)]
struct ChangeShape<'a> {
    change: &'static str,
    kind: &'static str,
    id: &'a str,
    account_id: String,
    what: &'a str,
    who: &'a str,
    #[serde(flatten)]
    now: StateShape,
    before: Option<StateShape>,
    reasons: Vec<&'static str>,
}

/// What one of the two stores knows of a cluster, a sensitive call or an incident.
#[derive(Serialize)]
struct StateShape {
    severity: &'static str,
    status: Option<&'static str>,
    count: u64,
    last_day: u64,
    last_seen: Option<String>,
}

impl StateShape {
    fn of(subject: &Subject) -> Self {
        Self {
            severity: subject.severity.name(),
            status: subject.status,
            count: subject.events,
            last_day: subject.last_day,
            last_seen: text(subject.last),
        }
    }
}

/// Writes the differences between two stores to `out` as one JSON document. `sides` are the names of the old and the new file,
/// each with the time of its newest event.
pub fn diff(
    sides: &[(String, Option<Timestamp>); 2],
    changes: &[Change<'_>],
    out: impl io::Write,
) -> anyhow::Result<()> {
    let [old, new] = sides.each_ref().map(|(file, newest)| SideShape {
        file,
        newest: text(*newest),
    });
    let changes = changes.iter().map(|change| ChangeShape {
        change: change.fate.into(),
        kind: match change.subject.kind {
            Kind::Incident => "incident",
            Kind::SensitiveCall => "sensitive_call",
            Kind::Cluster => "cluster",
        },
        id: &change.subject.id,
        account_id: shown(&change.subject.account_id),
        what: &change.subject.what,
        who: &change.subject.who,
        now: StateShape::of(change.subject),
        before: change.before.map(StateShape::of),
        reasons: change.rises.iter().map(|rise| (*rise).into()).collect(),
    });
    let changes = changes.collect();
    write(&Diff { old, new, changes }, out)
}
