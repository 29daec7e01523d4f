//! The filters of commands that list clusters, sensitive calls and incidents: by severity, class, account, region, caller and
//! time.
//!
//! A [`Selection`] is applied to the answer of a store, once, behind everything that needs all events. So status and
//! severity are those of all events, and a cluster has the same severity with any filter.

use alerts::locale::Language;
use alerts::severity::{self, Severity};
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use clusters::class::Class;
use clusters::facet::FacetKind;
use clusters::incident::Incident;
use clusters::series::SeriesRef;
use clusters::{ClusterFacts, ClusterTotals};
use view::incident;
use view::search::is_named;

use crate::source::{Numbers, StoreAnswer, StoreQuery, account_id};
use crate::when::When;

/// Which clusters, sensitive calls and incidents a command prints, and which of their events it counts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
#[command(next_help_heading = "Filters")]
pub struct Selection {
    /// Only what has at least this severity: info, warning, error or critical
    #[arg(long, value_name = "SEVERITY", value_parser = severity_parser(), hide_possible_values = true)]
    pub severity: Option<Severity>,
    /// Only these classes, such as denied,signin; watch is sensitive calls
    #[arg(long, value_name = "CLASS", value_delimiter = ',', value_parser = class_parser(), hide_possible_values = true)]
    pub class: Vec<Class>,
    /// Only these accounts
    #[arg(long, value_name = "ID", value_delimiter = ',', value_parser = account_id)]
    pub account: Vec<String>,
    /// Only count events in these regions
    #[arg(long, value_name = "REGION", value_delimiter = ',')]
    pub in_region: Vec<String>,
    /// Only events of callers whose name or ARN has this text or pattern
    #[arg(long, value_name = "TEXT")]
    pub principal: Option<String>,
    /// Only count events since this time: 2026-11-21T08:00, 2026-11-21, yesterday, or 24h (before the newest event)
    #[arg(long, value_name = "WHEN")]
    pub since: Option<When>,
    /// Only count events before this time; the same forms
    #[arg(long, value_name = "WHEN")]
    pub until: Option<When>,
}

/// Returns the parser of an argument that is a severity.
pub fn severity_parser() -> impl clap::builder::TypedValueParser<Value = Severity> {
    let names = [
        Severity::Info,
        Severity::Warning,
        Severity::Error,
        Severity::Critical,
    ];
    PossibleValuesParser::new(names.map(Severity::name))
        .map(|name| Severity::from_name(&name).unwrap_or(Severity::Info))
}

fn class_parser() -> impl clap::builder::TypedValueParser<Value = Class> {
    // Dry runs are never clustered.
    let classes = Class::ALL.into_iter().filter(|of| *of != Class::Dryrun);
    PossibleValuesParser::new(classes.map(Class::name))
        .map(|name| Class::from_name(&name).unwrap_or(Class::Other))
}

impl Selection {
    /// Checks whether no filter was given, so that everything is selected.
    pub fn is_everything(&self) -> bool {
        *self == Self::default()
    }

    /// Returns a query with the time range of the selection, and with what the other filters need.
    pub fn query(&self, query: StoreQuery) -> StoreQuery {
        StoreQuery {
            since: self.since,
            until: self.until,
            replay: query.replay || self.severity.is_some(),
            ..query
        }
    }

    /// Removes from an answer what is not selected, and notes how much it was. The answer must be one to
    /// [`Self::query`].
    ///
    /// Its list, its transitions, its timeline and the alerts about incidents stay those of all events.
    pub fn apply(&self, answer: &mut StoreAnswer) {
        if self.is_everything() {
            return;
        }
        let before = answer.numbers();
        let calls = answer.snapshot.sensitive_calls().into_iter();
        let assessed = |call: ClusterTotals<'_>| (call.id, severity::of_cluster(&call.cluster()));
        answer.call_assessments = calls.map(assessed).collect();
        let mut snapshot = match answer.in_range.take() {
            Some(in_range) => in_range,
            None => std::mem::take(&mut answer.snapshot),
        };
        let facts = snapshot.facts.clone();
        snapshot.retain(|series| {
            let facts = facts.get(&series.cluster());
            facts.is_some_and(|facts| self.has_event(series, facts))
                && self.has_severity(|| answer.severity(series.cluster()))
        });
        answer.snapshot = snapshot;
        let range = answer.range;
        let incidents = &mut answer.incidents.incidents;
        incidents.retain(|incident| {
            let classes = incident.clusters.iter().filter_map(|id| facts.get(id));
            let mut classes = classes.map(|facts| facts.identity.class);
            let is_within =
                range.is_none_or(|(from, until)| incident.last >= from && incident.began < until);
            is_within
                && self.has_severity(|| Some(incident.severity.into()))
                && self.has_actor(incident)
                && (self.class.is_empty() || classes.any(|class| self.class.contains(&class)))
        });
        let after = answer.numbers();
        answer.hidden = Numbers {
            clusters: before.clusters - after.clusters,
            calls: before.calls - after.calls,
            incidents: before.incidents - after.incidents,
        };
    }

    fn has_severity(&self, severity: impl Fn() -> Option<Severity>) -> bool {
        self.severity.is_none_or(|least| severity() >= Some(least))
    }

    fn has_event(&self, series: SeriesRef<'_>, facts: &ClusterFacts) -> bool {
        let identity = &facts.identity;
        (self.class.is_empty() || self.class.contains(&identity.class))
            && self.has_account(&identity.account_id)
            && self.has_region(series.get(FacetKind::Region))
            && self.principal.as_deref().is_none_or(|pattern| {
                let principal = series.get(FacetKind::Principal).unwrap_or_default();
                is_named(pattern, principal, &identity.account_id)
            })
    }

    fn has_actor(&self, incident: &Incident) -> bool {
        let members = incident.members.iter().map(|member| &member.identity);
        let mut names = members.chain([&incident.actor]);
        self.has_account(&incident.actor.account_id)
            && self.has_region(incident.sources.regions.iter().map(String::as_str))
            && self.principal.as_deref().is_none_or(|pattern| {
                names.any(|of| {
                    is_named(pattern, &of.name, &of.account_id)
                        || is_named(pattern, &incident::who(of, Language::En), &of.account_id)
                })
            })
    }

    /// Checks whether one of some regions is selected.
    fn has_region<'r>(&self, regions: impl IntoIterator<Item = &'r str>) -> bool {
        let wanted = &self.in_region;
        wanted.is_empty()
            || regions
                .into_iter()
                .any(|of| wanted.iter().any(|it| it == of))
    }

    fn has_account(&self, account_id: &str) -> bool {
        self.account.is_empty() || self.account.iter().any(|of| of == account_id)
    }
}
