//! A cluster, a sensitive call or an incident as JSON for programs. The shapes do not change, so they are built only in this module.

use std::collections::{BTreeMap, BTreeSet};

use alerts::cluster_hint;
use alerts::incident_advice::{self, AdviceItem, AdviceStep};
use alerts::locale::Language;
use alerts::message::PROGRAM_VERSION;
use alerts::outbox::MessageLogEntry;
use alerts::severity::{Assessment, Reason};
use clusters::facet::FacetKind;
use clusters::fingerprint::{ClusterId, Identity, VERSION, event_source};
use clusters::incident::actor::Actor;
use clusters::incident::evidence::{Evidence, EvidenceWindow};
use clusters::incident::ledger::{Ledger, Made, WasOpen, WayIn};
use clusters::incident::step::Step;
use clusters::incident::technique::Tactic;
use clusters::incident::{Incident, Member, Sources};
use clusters::journal::{Fault, JournalEntry, JournalEvent};
use clusters::keys::masked;
use clusters::sample::Sample;
use clusters::triage::{TriageStatus, Until};
use clusters::watch::CallDetails;
use clusters::{Cluster, FacetValue, FacetValues, Span};
use records::redact::sanitize;
use records::time::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::call;
use crate::event::EventPlace;
use crate::incident;
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
    #[serde(flatten)]
    more: ExportEnd,
}

/// What an export has at its end.
#[derive(Serialize)]
struct ExportEnd {
    #[serde(skip_serializing_if = "Option::is_none")]
    events: Option<Vec<EventShape>>,
    app_version: &'static str,
}

/// The JSON object of an event: when, who and where, and where its record can be found.
#[derive(Serialize)]
pub struct EventShape {
    event_id: String,
    at: Option<String>,
    account_id: String,
    region: Option<String>,
    principal: Option<String>,
    source_ip: Option<String>,
    call: String,
    error_code: Option<String>,
    cluster_id: String,
    console: Option<String>,
    logs_query: String,
    trail_folder: Option<String>,
}

impl From<&EventPlace> for EventShape {
    fn from(of: &EventPlace) -> Self {
        let known = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Self {
            event_id: of.event_id.clone(),
            at: known(&of.at),
            account_id: of.account_id.clone(),
            region: known(&of.region),
            principal: known(&of.principal),
            source_ip: known(&of.source_ip),
            call: of.call.clone(),
            error_code: known(&of.error_code),
            cluster_id: of.cluster_id.clone(),
            console: of.console.clone(),
            logs_query: of.logs_query.clone(),
            trail_folder: known(&of.trail_folder),
        }
    }
}

impl ExportEnd {
    fn of(events: Option<&[EventPlace]>) -> Self {
        Self {
            events: events.map(|events| events.iter().map(EventShape::from).collect()),
            app_version: PROGRAM_VERSION,
        }
    }
}

/// The JSON object of an export of an incident.
#[derive(Serialize)]
struct IncidentExport<'a> {
    #[serde(flatten)]
    incident: &'a IncidentShape,
    #[serde(flatten)]
    more: ExportEnd,
}

/// The JSON object of an export of a sensitive call: the call and its alerts.
#[derive(Serialize)]
struct CallExport {
    sensitive_call: CallShape,
    sent: Vec<SentShape>,
    #[serde(flatten)]
    more: ExportEnd,
}

/// The JSON object of an incident: the actor, the steps, the evidence, what stays behind, and what to do.
#[derive(Serialize)]
pub struct IncidentShape {
    incident_id: String,
    account_id: String,
    actor: ActorShape,
    severity: &'static str,
    severity_reason: &'static str,
    open: bool,
    began: Option<String>,
    last: Option<String>,
    until: Option<String>,
    events: u64,
    tactics: Vec<&'static str>,
    members: Vec<MemberShape>,
    members_total: usize,
    sources: SourcesShape,
    steps: Vec<StepShape>,
    steps_total: usize,
    evidence: Vec<EvidenceWindowShape>,
    ledger: LedgerShape,
    advice: Vec<AdviceShape>,
    clusters: Vec<String>,
    sensitive_calls: Vec<String>,
}

#[derive(Serialize)]
struct ActorShape {
    kind: &'static str,
    name: String,
}

#[derive(Serialize)]
struct MemberShape {
    kind: &'static str,
    name: String,
    link: Option<LinkShape>,
    count: u64,
    first_seen: Option<String>,
    last_seen: Option<String>,
}

#[derive(Serialize)]
struct LinkShape {
    kind: &'static str,
    strength: &'static str,
    proof: &'static str,
    at: Option<String>,
}

#[derive(Serialize)]
struct SourcesShape {
    addresses: Vec<String>,
    user_agents: Vec<String>,
    regions: Vec<String>,
}

#[derive(Serialize)]
struct StepShape {
    tactic: Option<&'static str>,
    technique: Option<String>,
    event_source: String,
    event_name: String,
    outcome: &'static str,
    strong: bool,
    count: u64,
    first_seen: Option<String>,
    last_seen: Option<String>,
    targets: Vec<String>,
    identities: Vec<String>,
}

#[derive(Serialize)]
struct EvidenceWindowShape {
    from: Option<String>,
    score: u32,
    opens: bool,
    kinds: Vec<EvidenceShape>,
}

#[derive(Serialize)]
struct EvidenceShape {
    kind: &'static str,
    count: usize,
    weight: u32,
    opens: bool,
    reason: &'static str,
}

#[derive(Serialize)]
struct LedgerShape {
    removals_seen: bool,
    stands: Vec<MadeShape>,
    stands_total: usize,
    was_open: Vec<WasOpenShape>,
    was_open_total: usize,
    ways_in: Vec<WayInShape>,
}

#[derive(Serialize)]
struct MadeShape {
    kind: &'static str,
    what: &'static str,
    name: String,
    region: Option<String>,
    standing: &'static str,
    made_by: String,
    made_at: Option<String>,
}

#[derive(Serialize)]
struct WasOpenShape {
    kind: &'static str,
    what: &'static str,
    name: String,
    from: Option<String>,
    until: Option<String>,
    removed_by: String,
}

#[derive(Serialize)]
struct WayInShape {
    access_key: String,
    long_term: bool,
    principal: String,
    last_seen: Option<String>,
}

#[derive(Serialize)]
struct AdviceShape {
    text: String,
    objects: Vec<AdviceObjectShape>,
    more: usize,
}

#[derive(Serialize)]
struct AdviceObjectShape {
    what: &'static str,
    name: String,
    commands: Vec<String>,
}

/// Returns a cluster, its history, its alerts (`sent`) and, if they are given, its events as indented JSON text.
pub fn export(
    cluster: ClusterShape,
    history: HistoryShape,
    sent: &[MessageLogEntry],
    events: Option<&[EventPlace]>,
) -> String {
    let export = Export {
        cluster,
        history,
        sent: sent.iter().map(SentShape::of).collect(),
        more: ExportEnd::of(events),
    };
    // All keys are text, so this cannot fail.
    serde_json::to_string_pretty(&export).unwrap_or_default()
}

/// Returns a sensitive call, its alerts (`sent`) and, if they are given, its events as indented JSON text.
pub fn export_call(
    sensitive_call: CallShape,
    sent: &[MessageLogEntry],
    events: Option<&[EventPlace]>,
) -> String {
    let export = CallExport {
        sensitive_call,
        sent: sent.iter().map(SentShape::of).collect(),
        more: ExportEnd::of(events),
    };
    serde_json::to_string_pretty(&export).unwrap_or_default()
}

/// Returns an incident and, if they are given, its events as indented JSON text.
pub fn export_incident(incident: &IncidentShape, events: Option<&[EventPlace]>) -> String {
    let export = IncidentExport {
        incident,
        more: ExportEnd::of(events),
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
            hint: cluster_hint::of_cluster(cluster, Language::En),
            status: listed.status().name(),
            triage: triage_status.map(TriageShape::of),
            identity: IdentityShape::of(identity),
            facets: facets(cluster),
            samples: samples(cluster),
        }
    }
}

impl CallShape {
    /// Creates the JSON object of a sensitive call from the group of equal calls and its severity.
    pub fn of(call: &Cluster, assessment: Assessment) -> Self {
        let identity = &call.facts.identity;
        let details = identity.call_details();
        Self {
            account_id: identity.account_id.clone(),
            event_source: shown(&identity.event_source()),
            event_name: shown(&identity.action),
            silent: call::silence(call, details.as_ref(), Language::En).is_some(),
            did: CallDetailsShape::of(call.id, identity),
            count: call.span.count,
            first_seen: text(call.span.first_seen),
            last_seen: text(call.span.last_seen),
            severity: assessment.severity.name(),
            severity_reasons: assessment.reasons,
            hint: cluster_hint::of_cluster(call, Language::En),
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
            why: details
                .and_then(|of| call::why(of, Language::En))
                .as_deref()
                .map(shown),
            expected_by: of_details(|of| of.expected_by.as_ref()),
        }
    }
}

impl IncidentShape {
    /// Creates the JSON object of an incident. `is_call` tells the ids of sensitive calls from those of clusters.
    pub fn of(incident: &Incident, is_call: impl Fn(ClusterId) -> bool) -> Self {
        let ids = incident.clusters.iter();
        let (calls, clusters): (Vec<ClusterId>, Vec<ClusterId>) = ids.partition(|id| is_call(**id));
        let ids = |ids: Vec<ClusterId>| ids.iter().map(ClusterId::to_string).collect();
        Self {
            incident_id: incident.id.text().to_owned(),
            account_id: incident.actor.account_id.clone(),
            actor: ActorShape::of(&incident.actor),
            severity: incident.severity.name(),
            severity_reason: incident.severity_reason,
            open: incident.is_open,
            began: text(Some(incident.began)),
            last: text(Some(incident.last)),
            until: text(Some(incident.until)),
            events: incident.events,
            tactics: incident::tactics(incident)
                .into_iter()
                .map(Tactic::name)
                .collect(),
            members: incident.members.iter().map(MemberShape::of).collect(),
            members_total: incident.members_count,
            sources: SourcesShape::of(&incident.sources),
            steps: incident.steps.iter().map(StepShape::of).collect(),
            steps_total: incident.steps_count,
            evidence: incident
                .windows
                .iter()
                .map(EvidenceWindowShape::of)
                .collect(),
            ledger: LedgerShape::of(&incident.ledger),
            advice: incident_advice::advice(incident)
                .iter()
                .map(AdviceShape::of)
                .collect(),
            clusters: ids(clusters),
            sensitive_calls: ids(calls),
        }
    }
}

impl ActorShape {
    fn of(actor: &Actor) -> Self {
        Self {
            kind: actor.kind.name(),
            name: shown(&actor.name),
        }
    }
}

impl MemberShape {
    fn of(member: &Member) -> Self {
        Self {
            kind: member.identity.kind.name(),
            name: shown(&member.identity.name),
            link: member.link.map(|link| LinkShape {
                kind: link.kind.into(),
                strength: link.strength.into(),
                proof: link.proof,
                at: text(Some(link.at)),
            }),
            count: member.events,
            first_seen: text(Some(member.first)),
            last_seen: text(Some(member.last)),
        }
    }
}

impl SourcesShape {
    fn of(sources: &Sources) -> Self {
        Self {
            addresses: all_shown(&sources.addresses),
            user_agents: all_shown(&sources.user_agents),
            regions: all_shown(&sources.regions),
        }
    }
}

impl StepShape {
    fn of(step: &Step) -> Self {
        Self {
            tactic: step.key.tactic.map(Tactic::name),
            technique: step.key.technique.as_deref().map(shown),
            event_source: shown(&event_source(&step.key.service)),
            event_name: shown(&step.key.action),
            outcome: step.key.outcome.into(),
            strong: step.is_strong,
            count: step.count,
            first_seen: text(Some(step.first)),
            last_seen: text(Some(step.last)),
            targets: all_shown(&step.targets),
            identities: all_shown(&step.identities),
        }
    }
}

impl EvidenceWindowShape {
    fn of(window: &EvidenceWindow) -> Self {
        let shape = |evidence: &Evidence| EvidenceShape {
            kind: evidence.kind.into(),
            count: evidence.items,
            weight: evidence.weight,
            opens: evidence.opens,
            reason: evidence.reason,
        };
        Self {
            from: text(Some(window.from)),
            score: window.score,
            opens: window.is_hot,
            kinds: window.evidence.iter().map(shape).collect(),
        }
    }
}

impl LedgerShape {
    fn of(ledger: &Ledger) -> Self {
        let made = |made: &Made| MadeShape {
            kind: made.kind,
            what: made.what,
            name: shown(&made.name),
            region: made.region.as_deref().map(shown),
            standing: made.standing.into(),
            made_by: shown(&made.by),
            made_at: text(Some(made.at)),
        };
        let was_open = |of: &WasOpen| WasOpenShape {
            kind: of.kind,
            what: of.what,
            name: shown(&of.name),
            from: text(Some(of.from)),
            until: text(Some(of.until)),
            removed_by: shown(&of.by),
        };
        let way_in = |way: &WayIn| WayInShape {
            access_key: masked(&way.key),
            long_term: way.is_long_term,
            principal: shown(&way.of),
            last_seen: text(Some(way.last)),
        };
        Self {
            removals_seen: ledger.removals_seen,
            stands: ledger.stands.iter().map(made).collect(),
            stands_total: ledger.stands_count,
            was_open: ledger.was_open.iter().map(was_open).collect(),
            was_open_total: ledger.was_open_count,
            ways_in: ledger.ways_in.iter().map(way_in).collect(),
        }
    }
}

impl AdviceShape {
    fn of(step: &AdviceStep) -> Self {
        let object = |item: &AdviceItem| AdviceObjectShape {
            what: item.what.english,
            name: shown(&item.name),
            commands: item.commands.clone(),
        };
        Self {
            text: step.text(Language::En),
            objects: step.items.iter().map(object).collect(),
            more: step.more,
        }
    }
}

fn all_shown(texts: &BTreeSet<String>) -> Vec<String> {
    texts.iter().map(|text| shown(text)).collect()
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
