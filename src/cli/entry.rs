//! What lists print of an incident, a sensitive call or a cluster, and in which order; the same for all formats but JSON.

use std::collections::BTreeMap;

use alerts::links::Links;
use alerts::locale::{Language, Locale};
use alerts::severity::Severity;
use clusters::facet::FacetKind;
use clusters::fingerprint::{ClusterId, Identity};
use clusters::incident::Incident;
use clusters::sample::Sample;
use clusters::triage::TriageStatus;
use clusters::{Cluster, ClusterTotals, Span, short_policy};
use records::redact::sanitize;
use serde::{Deserialize, Serialize};
use view::call::{self, DescribedCall};
use view::incident;

use crate::source::{Numbers, StoreAnswer};

/// The maximum length of a text, in characters.
const CHARS_MAX: usize = 200;

/// What an entry of a list is, in the order of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, strum::IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Kind {
    /// What one actor did, with evidence of an attack.
    Incident,
    /// Equal calls of one caller that succeeded.
    SensitiveCall,
    /// Failed calls that belong together.
    Cluster,
}

/// What lists print of an incident, a sensitive call or a cluster. All texts are sanitized.
#[derive(Debug)]
pub struct Entry {
    /// What it is.
    pub kind: Kind,
    /// The ID.
    pub id: String,
    /// The severity, from all events.
    pub severity: Severity,
    /// The status of a cluster, or whether an incident is open; empty for a sensitive call.
    pub status: &'static str,
    /// The decision about a cluster that is in effect, such as `muted`.
    pub mark: Option<&'static str>,
    /// The number of events, and the times of the first and the last one.
    pub span: Span,
    /// The account.
    pub account_id: String,
    /// The region with most events, and the number of further ones.
    pub region: (String, usize),
    /// The call, such as `s3:GetObject`; empty for an incident.
    pub call: String,
    /// The error code; empty for all but clusters.
    pub code: String,
    /// The class; empty for an incident.
    pub class: &'static str,
    /// What happened, in short.
    pub what: String,
    /// The caller with most events, by its short name, and the number of further ones.
    pub who: (String, usize),
    /// The resource with most events, and the number of further ones; what stays behind for an incident.
    pub resource: (String, usize),
    /// What else is known, such as what refused the call.
    pub detail: Vec<String>,
    /// The numbers of the incidents that it belongs to, in the list of incidents, from 1.
    pub incidents: Vec<usize>,
    /// The address of one of its events in the console.
    pub link: Option<String>,
}

/// Returns the entries of a list, in its order. Each is made when it is asked for.
pub fn entries<'a>(kind: Kind, answer: &'a StoreAnswer) -> Box<dyn Iterator<Item = Entry> + 'a> {
    let numbers = answer.incident_numbers();
    match kind {
        Kind::Incident => Box::new(answer.incidents.incidents.iter().map(Entry::of_incident)),
        Kind::SensitiveCall => {
            let calls = calls(answer).into_iter();
            Box::new(calls.map(move |(severity, call)| Entry::of_call(&call, severity, &numbers)))
        }
        Kind::Cluster => {
            let clusters = clusters(answer).into_iter();
            Box::new(clusters.filter_map(move |(_, sum)| Entry::of_cluster(&sum, answer, &numbers)))
        }
    }
}

/// Returns the clusters of an answer as lists show them: the most severe first, and of the same severity the one that failed last.
pub fn clusters(answer: &StoreAnswer) -> Vec<(Severity, ClusterTotals<'_>)> {
    let sums = answer.snapshot.sums().into_iter();
    let mut clusters: Vec<(Severity, ClusterTotals<'_>)> = sums
        .filter_map(|sum| Some((answer.severity(sum.id)?, sum)))
        .collect();
    clusters.sort_by(|(severity, one), (other_severity, other)| {
        let Span {
            count, last_seen, ..
        } = one.span;
        let of_other = (*other_severity, other.span.last_seen, other.span.count);
        // Equal ones in the order of their names, because an ID is a hash.
        of_other
            .cmp(&(*severity, last_seen, count))
            .then_with(|| names(one).cmp(&names(other)))
    });
    clusters
}

fn names<'a>(of: &ClusterTotals<'a>) -> [&'a str; 5] {
    let (identity, template) = (&of.facts.identity, &of.facts.template);
    let Identity {
        account_id,
        service,
        action,
        code,
        ..
    } = identity;
    [service, action, code, account_id, template]
}

/// Returns the sensitive calls of an answer as lists show them: the most severe first, and of the same severity the latest. Those
/// without alerts come last.
pub fn calls(answer: &StoreAnswer) -> Vec<(Severity, ClusterTotals<'_>)> {
    call::listed(&answer.snapshot, |id| answer.severity(id))
}

impl Kind {
    /// Returns the number of entries of this kind.
    pub fn number(self, numbers: Numbers) -> usize {
        match self {
            Self::Cluster => numbers.clusters,
            Self::SensitiveCall => numbers.calls,
            Self::Incident => numbers.incidents,
        }
    }
}

impl Entry {
    /// Returns what lists print of a cluster. `numbers` are those of the incidents of all clusters.
    ///
    /// `None` if the status of the cluster is not known.
    pub fn of_cluster(
        sum: &ClusterTotals<'_>,
        answer: &StoreAnswer,
        numbers: &BTreeMap<ClusterId, Vec<usize>>,
    ) -> Option<Self> {
        let standing = answer.standing(sum.id)?;
        let cluster = sum.cluster();
        let identity = &cluster.facts.identity;
        let code = standing.listed.code.as_deref();
        let code = shown(code.unwrap_or(&standing.listed.subject.code));
        let call = shown(&format!("{}:{}", identity.service, identity.action));
        let mark = standing.triage_status.as_ref().and_then(TriageStatus::word);
        Some(Self {
            severity: standing.listed.assessment().severity,
            status: standing.listed.status().name(),
            mark,
            what: format!(
                "{call} {}",
                shown(standing.listed.code_in_words(Language::En))
            )
            .trim_end()
            .to_owned(),
            call,
            code,
            who: first(&cluster, FacetKind::Principal),
            resource: first(&cluster, FacetKind::Resource),
            detail: refusal(&cluster),
            ..Self::of(&cluster, numbers)
        })
    }

    /// Returns what lists print of a sensitive call. `numbers` are those of the incidents of all calls.
    pub fn of_call(
        sum: &ClusterTotals<'_>,
        severity: Severity,
        numbers: &BTreeMap<ClusterId, Vec<usize>>,
    ) -> Self {
        let described = DescribedCall::of(sum.cluster());
        let (cluster, details) = (&described.call, described.details.as_ref());
        let identity = &cluster.facts.identity;
        let call = call::title(identity, Language::En);
        let target = details.and_then(|of| call::target(of, &identity.account_id));
        let target = target.map(shown).unwrap_or_default();
        let mut detail: Vec<String> = Vec::new();
        detail.extend(details.map(|of| call::deciding(of, &identity.account_id, Language::En)));
        detail.extend(described.is_strong().then(|| "strong".to_owned()));
        detail.extend(
            call::silence(cluster, details, Language::En).map(|why| format!("no alert: {why}")),
        );
        detail.retain(|text| !text.is_empty());
        Self {
            kind: Kind::SensitiveCall,
            severity,
            what: match target.is_empty() {
                true => call.clone(),
                false => format!("{call} on {target}"),
            },
            call,
            who: (call::caller(identity).map(shown).unwrap_or_default(), 0),
            resource: (target, 0),
            detail,
            ..Self::of(cluster, numbers)
        }
    }

    /// Returns what lists print of an incident.
    pub fn of_incident(incident: &Incident) -> Self {
        let regions = &incident.sources.regions;
        let stays = incident::stays(&incident.ledger, Locale::default()).into_iter();
        let stays: Vec<String> = stays
            .map(|(title, line)| format!("{title}: {line}"))
            .collect();
        let first = incident.steps.iter().map(|step| &step.first_event);
        let mut links =
            first.filter_map(|(event, region)| Links::default().event(region.as_deref()?, *event));
        Self {
            kind: Kind::Incident,
            id: incident.id.text().to_owned(),
            severity: incident::severity(incident.severity),
            status: incident::state(incident, Language::En),
            mark: None,
            span: incident::span(incident),
            account_id: shown(&incident.actor.account_id),
            region: (
                regions.first().map(|of| shown(of)).unwrap_or_default(),
                regions.len().saturating_sub(1),
            ),
            call: String::new(),
            code: String::new(),
            class: "",
            what: incident.severity_reason.trim_end_matches('.').to_owned(),
            who: (incident::who(&incident.actor, Language::En), 0),
            resource: (stays.join("; "), 0),
            detail: vec![incident::steps(incident, Language::En)],
            incidents: Vec::new(),
            link: links.next(),
        }
    }

    fn of(cluster: &Cluster, numbers: &BTreeMap<ClusterId, Vec<usize>>) -> Self {
        let identity = &cluster.facts.identity;
        Self {
            kind: Kind::Cluster,
            id: cluster.id.to_string(),
            severity: Severity::Info,
            status: "",
            mark: None,
            span: cluster.span,
            account_id: shown(&identity.account_id),
            link: cluster.samples.first().and_then(console),
            region: first(cluster, FacetKind::Region),
            call: String::new(),
            code: String::new(),
            class: identity.class.name(),
            what: String::new(),
            who: (String::new(), 0),
            resource: (String::new(), 0),
            detail: Vec::new(),
            incidents: numbers.get(&cluster.id).cloned().unwrap_or_default(),
        }
    }

    /// Returns the status with the decision behind it, if there is one: `ongoing, muted`.
    pub fn status_and_mark(&self) -> String {
        match self.mark {
            Some(mark) => format!("{}, {mark}", self.status),
            None => self.status.to_owned(),
        }
    }

    /// Returns the number of callers.
    pub fn callers(&self) -> usize {
        self.who.1 + usize::from(!self.who.0.is_empty())
    }
}

/// Returns the address of a sample in the console of its region; `None` if the region is not known.
fn console(sample: &Sample) -> Option<String> {
    #[derive(Deserialize)]
    struct Place {
        #[serde(rename = "awsRegion")]
        region: String,
    }
    let place: Place = serde_json::from_str(&sample.json).ok()?;
    Links::default().event(&place.region, sample.id)
}

/// Returns the most frequent value of a facet by its short name, and the number of further values.
fn first(cluster: &Cluster, kind: FacetKind) -> (String, usize) {
    let Some(values) = cluster.facets.get(&kind) else {
        return (String::new(), 0);
    };
    let value = values.values.first().map(|of| of.value.as_str());
    let value = shown(cluster.short_name(value.unwrap_or_default()));
    (value, values.distinct.saturating_sub(1))
}

/// Returns why calls failed: the cause, the layers and the policy that refused them, or the message.
pub fn refusal(cluster: &Cluster) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    parts.extend(cluster.facts.identity.cause.as_deref().map(shown));
    if let Some(layers) = cluster.facets.get(&FacetKind::Layer) {
        let layers = layers.values.iter().map(|layer| layer.value.as_str());
        let layers: Vec<&str> = layers.collect();
        parts.push(shown(&format!("denied by {}", layers.join(", "))));
        parts.extend(policies(cluster));
    } else if !cluster.facts.template.is_empty() {
        parts.push(shown(&cluster.facts.template));
    }
    parts
}

/// Returns the most frequent refusing policy by short name, and the number of further ones; `None` if there is none.
fn policies(cluster: &Cluster) -> Option<String> {
    let policies = cluster.facets.get(&FacetKind::Policy)?;
    let account_id = &cluster.facts.identity.account_id;
    let policy = shown(short_policy(&policies.values.first()?.value, account_id));
    Some(match policies.distinct.saturating_sub(1) {
        0 => format!("policy {policy}"),
        more => format!("policy {policy} and {more} more"),
    })
}

fn shown(text: &str) -> String {
    sanitize(text, CHARS_MAX)
}
