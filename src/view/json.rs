//! A cluster as JSON for programs. The shapes do not change, so they are built only in this module.

use std::collections::BTreeMap;

use alerts::cluster_hint;
use alerts::outbox::MessageLogEntry;
use alerts::severity::{self, Reason};
use clusters::facet::FacetKind;
use clusters::fingerprint::{ClusterId, Identity, VERSION};
use clusters::journal::{Fault, JournalEntry, JournalEvent};
use clusters::sample::Sample;
use clusters::triage::{TriageStatus, Until};
use clusters::watch::CallDetails;
use clusters::{Cluster, FacetValue, FacetValues, Span};
use records::redact::sanitize;
use records::time::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::call;
use crate::listing::ListedCluster;

/// The JSON object of a cluster, as in the list of clusters of `scan --format json`: identity, counts, severity, facets
/// and samples.
#[derive(Serialize)]
pub struct ClusterShape {
    cluster_id: String,
    account_id: String,
    event_source: String,
    event_name: String,
    error_code: Option<String>,
    class: &'static str,
    template: String,
    count: u64,
    first_seen: Option<String>,
    last_seen: Option<String>,
    severity: &'static str,
    severity_reasons: Vec<Reason>,
    hint: String,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[serde(rename = "mark")]
    triage: Option<TriageShape>,
    identity: IdentityShape,
    facets: BTreeMap<&'static str, FacetShape>,
    samples: Vec<Box<RawValue>>,
}

/// The JSON object of a sensitive call: equal calls of one caller.
#[derive(Serialize)]
pub struct CallShape {
    account_id: String,
    event_source: String,
    event_name: String,
    #[serde(flatten)]
    did: CallDetailsShape,
    silent: bool,
    count: u64,
    first_seen: Option<String>,
    last_seen: Option<String>,
    severity: &'static str,
    severity_reasons: Vec<Reason>,
    hint: String,
    facets: BTreeMap<&'static str, FacetShape>,
    samples: Vec<Box<RawValue>>,
}

/// The JSON object of what a sensitive call did: its id, caller, target and parameters, and why it is watched.
#[derive(Debug, Serialize)]
pub struct CallDetailsShape {
    /// The id of the group of equal calls.
    pub call_id: String,
    /// The name of the caller.
    pub principal: Option<String>,
    /// Whom or what the call changed.
    pub target: Option<String>,
    /// The parameters that matter, by name.
    pub parameters: BTreeMap<String, String>,
    /// The name of the watch that selects the call; `None` for calls that were counted together.
    pub watch: Option<String>,
    /// When an alert is sent: `always`, `condition` or `first`.
    pub tier: Option<&'static str>,
    /// Whether the call weighs as much as an attack step on its own.
    pub strong: bool,
    /// The id of the MITRE ATT&CK technique.
    pub technique: Option<String>,
    /// Why the call is watched, in one sentence.
    pub why: Option<String>,
    /// The name of the user's rule by which the call is expected.
    pub expected_by: Option<String>,
}

/// The JSON object of a cluster's identity: the values that its id is a hash of.
#[derive(Serialize)]
pub struct IdentityShape {
    version: &'static str,
    partition: String,
    account_id: String,
    service: String,
    action: String,
    class: &'static str,
    code: String,
    cause: Option<String>,
    template: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    addition: Option<String>,
}

/// The JSON object of a triage.
#[derive(Serialize)]
struct TriageShape {
    decision: &'static str,
    until: Option<String>,
    actor: String,
    reason: String,
    at: Option<String>,
    #[serde(rename = "epoch")]
    episode: i64,
    ended: Option<String>,
}

/// The JSON object of a cluster's history: the periods in which it failed, and its journal.
#[derive(Serialize)]
pub struct HistoryShape {
    cluster_id: String,
    faults: Vec<FaultShape>,
    journal: Vec<EntryShape>,
}

#[derive(Serialize)]
struct FaultShape {
    #[serde(rename = "epoch")]
    episode: i64,
    from: Option<String>,
    until: Option<String>,
    seconds: Option<i64>,
    ended: Option<&'static str>,
}

#[derive(Serialize)]
struct EntryShape {
    at: Option<String>,
    what: &'static str,
    #[serde(rename = "epoch")]
    episode: i64,
    actor: String,
    reason: String,
    detail: String,
}

#[derive(Serialize)]
struct FacetShape {
    distinct: usize,
    values: Vec<ValueShape>,
}

#[derive(Serialize)]
struct ValueShape {
    value: String,
    count: u64,
    first_seen: Option<String>,
    last_seen: Option<String>,
}

/// The JSON object of an alert to a sink and its outcome.
#[derive(Serialize)]
struct SentShape {
    at: Option<String>,
    sink: String,
    kind: String,
    outcome: String,
}

/// The JSON object of an export: a cluster, its history and its alerts.
#[derive(Serialize)]
struct Export {
    cluster: ClusterShape,
    history: HistoryShape,
    sent: Vec<SentShape>,
}

/// The JSON object of an export of a sensitive call: the call and its alerts.
#[derive(Serialize)]
struct CallExport {
    sensitive_call: CallShape,
    sent: Vec<SentShape>,
}

/// Returns a cluster, its history and its alerts (`sent`) as indented JSON text.
pub fn export(cluster: ClusterShape, history: HistoryShape, sent: &[MessageLogEntry]) -> String {
    let export = Export {
        cluster,
        history,
        sent: sent.iter().map(SentShape::of).collect(),
    };
    // All keys are text, so this cannot fail.
    serde_json::to_string_pretty(&export).unwrap_or_default()
}

/// Returns a sensitive call and its alerts (`sent`) as indented JSON text.
pub fn export_call(sensitive_call: CallShape, sent: &[MessageLogEntry]) -> String {
    let export = CallExport {
        sensitive_call,
        sent: sent.iter().map(SentShape::of).collect(),
    };
    serde_json::to_string_pretty(&export).unwrap_or_default()
}

impl SentShape {
    fn of(of: &MessageLogEntry) -> Self {
        Self {
            at: text(Some(of.at)),
            sink: shown(&of.sink),
            kind: shown(&of.kind),
            outcome: shown(&of.outcome),
        }
    }
}

impl ClusterShape {
    /// Creates the JSON object of a cluster. Severity, status and error code come from `listed`, the cluster's row in
    /// the listing.
    ///
    /// `span` has the number and times of all events; the facets and samples of `cluster` may be of fewer events.
    pub fn of(
        cluster: &Cluster,
        listed: &ListedCluster,
        span: Span,
        triage_status: Option<TriageStatus<'_>>,
    ) -> Self {
        let identity = &cluster.facts.identity;
        let assessment = listed.assessment();
        let Span {
            count,
            first_seen,
            last_seen,
        } = span;
        Self {
            cluster_id: cluster.id.to_string(),
            account_id: identity.account_id.clone(),
            event_source: shown(&identity.event_source()),
            event_name: shown(&identity.action),
            error_code: listed.code.clone(),
            class: identity.class.name(),
            template: shown(&cluster.facts.template),
            count,
            first_seen: text(first_seen),
            last_seen: text(last_seen),
            severity: assessment.severity.name(),
            severity_reasons: assessment.reasons,
            hint: cluster_hint::of_cluster(cluster),
            status: listed.status().name(),
            triage: triage_status.map(TriageShape::of),
            identity: IdentityShape::of(identity),
            facets: facets(cluster),
            samples: samples(cluster),
        }
    }
}

impl CallShape {
    /// Creates the JSON object of a sensitive call from the group of equal calls.
    pub fn of(call: &Cluster) -> Self {
        let identity = &call.facts.identity;
        let details = identity.call_details();
        let assessment = severity::of_cluster(call);
        Self {
            account_id: identity.account_id.clone(),
            event_source: shown(&identity.event_source()),
            event_name: shown(&identity.action),
            silent: call::silence(call, details.as_ref()).is_some(),
            did: CallDetailsShape::of(call.id, identity),
            count: call.span.count,
            first_seen: text(call.span.first_seen),
            last_seen: text(call.span.last_seen),
            severity: assessment.severity.name(),
            severity_reasons: assessment.reasons,
            hint: cluster_hint::of_cluster(call),
            facets: facets(call),
            samples: samples(call),
        }
    }
}

impl CallDetailsShape {
    /// Creates the JSON object of what a sensitive call did from the identity of the group of equal calls.
    pub fn of(id: ClusterId, identity: &Identity) -> Self {
        let details = identity.call_details();
        let details = details.as_ref();
        let of_details = |text: fn(&CallDetails) -> Option<&String>| {
            details.and_then(text).map(|text| shown(text))
        };
        let parameters = details.into_iter().flat_map(|of| &of.parameters);
        Self {
            call_id: id.to_string(),
            principal: identity.cause.as_deref().map(shown),
            target: of_details(|of| of.target.as_ref()),
            parameters: parameters
                .map(|(name, value)| (shown(name), shown(value)))
                .collect(),
            watch: of_details(|of| Some(&of.watch)),
            tier: details.map(|of| of.tier.name()),
            strong: details.is_some_and(|of| of.is_strong),
            technique: of_details(|of| of.technique.as_ref()),
            why: details.and_then(call::why).as_deref().map(shown),
            expected_by: of_details(|of| of.expected_by.as_ref()),
        }
    }
}

fn facets(cluster: &Cluster) -> BTreeMap<&'static str, FacetShape> {
    let facets = cluster.facets.iter();
    let shape = |(kind, values): (&FacetKind, _)| (kind.name(), FacetShape::of(values));
    facets.map(shape).collect()
}

fn samples(cluster: &Cluster) -> Vec<Box<RawValue>> {
    let samples = cluster.samples.iter();
    let json = |sample: &Sample| RawValue::from_string(sample.json.to_string()).ok();
    samples.filter_map(json).collect()
}

impl IdentityShape {
    /// Creates the JSON object of a cluster's identity.
    pub fn of(identity: &Identity) -> Self {
        Self {
            version: VERSION,
            partition: identity.partition.clone(),
            account_id: identity.account_id.clone(),
            service: shown(&identity.service),
            action: shown(&identity.action),
            class: identity.class.name(),
            code: shown(&identity.code),
            cause: identity.cause.as_deref().map(shown),
            template: identity.template.as_deref().map(shown),
            addition: identity.addition.as_deref().map(shown),
        }
    }

    /// Creates the JSON object of the call that a sensitive call is about: account, service, action and caller.
    ///
    /// What the call did is left out; [`CallDetailsShape`] has it.
    pub fn of_call(identity: &Identity) -> Self {
        Self {
            template: None,
            ..Self::of(identity)
        }
    }

    /// Returns the components of the identity as pairs of name and value, to be shown to people.
    ///
    /// Cause and template are left out if absent. Version, partition and addition are always left out.
    pub fn components(&self) -> Vec<(&'static str, &str)> {
        let mut components = vec![
            ("account", self.account_id.as_str()),
            ("service", &self.service),
            ("action", &self.action),
            ("class", self.class),
            ("code", &self.code),
        ];
        components.extend(self.cause.as_deref().map(|cause| ("cause", cause)));
        let template = self.template.as_deref();
        components.extend(template.map(|template| ("template", template)));
        components
    }
}

impl TriageShape {
    fn of(TriageStatus { triage, ended }: TriageStatus<'_>) -> Self {
        Self {
            decision: triage.decision.name(),
            until: triage.decision.until().map(Until::encode),
            actor: triage.actor.clone(),
            reason: triage.reason.clone(),
            at: text(Some(triage.at)),
            episode: triage.episode,
            ended: ended.map(|why| why.to_string()),
        }
    }
}

impl HistoryShape {
    /// Creates the JSON object of a cluster's history from the periods in which it failed and its journal entries.
    pub fn of(cluster: ClusterId, faults: &[Fault], entries: &[JournalEntry]) -> Self {
        Self {
            cluster_id: cluster.to_string(),
            faults: faults.iter().map(FaultShape::of).collect(),
            journal: entries.iter().map(EntryShape::of).collect(),
        }
    }
}

impl FaultShape {
    fn of(fault: &Fault) -> Self {
        Self {
            episode: fault.episode,
            from: text(Some(fault.from)),
            until: text(fault.until),
            seconds: fault.seconds(),
            ended: fault.ended.map(JournalEvent::name),
        }
    }
}

impl EntryShape {
    fn of(entry: &JournalEntry) -> Self {
        Self {
            at: text(Some(entry.at)),
            what: entry.what.name(),
            episode: entry.episode,
            actor: entry.actor.clone(),
            reason: entry.reason.clone(),
            detail: entry.detail.clone(),
        }
    }
}

impl FacetShape {
    fn of(facet: &FacetValues) -> Self {
        let value = |value: &FacetValue| ValueShape {
            value: value.value.clone(),
            count: value.span.count,
            first_seen: text(value.span.first_seen),
            last_seen: text(value.span.last_seen),
        };
        Self {
            distinct: facet.distinct,
            values: facet.values.iter().map(value).collect(),
        }
    }
}

/// Returns text that is safe to show. Codes and event names come from AWS, but a trail file can contain any text.
fn shown(text: &str) -> String {
    sanitize(text, 512)
}

fn text(time: Option<Timestamp>) -> Option<String> {
    time.map(|time| time.to_string())
}
