//! Checks which clusters, sensitive calls and incidents a query finds.

use std::collections::{BTreeMap, BTreeSet};

use alerts::severity::Severity;
use clusters::class::Class;
use clusters::fingerprint::{ClusterId, ClusterSubject};
use clusters::incident::Incident;
use clusters::inspection_state::{CallHistory, hash};

use crate::incident;
use crate::listing::{ListQuery, ListedCluster, Listing, Show, call_assessment};
use crate::search::{Condition, StatusFilter, Term, contains, is_named};

/// A query with what is computed once for all rows.
pub(crate) struct Matcher<'q> {
    query: &'q ListQuery,
    /// For each term about callers: the hashes of the names that it names, of all names in the listing, by account id.
    callers: Vec<BTreeMap<String, BTreeSet<u64>>>,
    /// Whether the filter by status is replaced by a term of the search.
    has_status: bool,
}

/// Which filters of a query a row matches. The search has to be checked before.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fit {
    pub(crate) severity: bool,
    pub(crate) class: bool,
    pub(crate) service: bool,
    pub(crate) account: bool,
    pub(crate) show: bool,
    /// Whether the row is within the range of time.
    pub(crate) is_within: bool,
}

impl Fit {
    /// Checks whether a row matches all filters but that by time.
    pub(crate) fn is_found(self) -> bool {
        self.severity && self.class && self.service && self.account && self.show
    }
}

impl<'q> Matcher<'q> {
    /// Prepares a query of a listing.
    pub(crate) fn of(listing: &Listing, query: &'q ListQuery) -> Self {
        let terms = query.terms.iter();
        let callers = terms.filter_map(|term| match &term.condition {
            Condition::Caller(patterns) => Some(named_callers(listing, patterns)),
            _ => None,
        });
        Self {
            query,
            callers: callers.collect(),
            has_status: query
                .terms
                .iter()
                .any(|term| matches!(term.condition, Condition::Status(_))),
        }
    }

    /// Checks whether a cluster matches the search.
    pub(crate) fn has_terms(&self, id: ClusterId, listed: &ListedCluster) -> bool {
        let query = self.query;
        if !query.is_search() {
            return true;
        }
        let mut text = None;
        let mut has_word = |word: &str| {
            let text = text.get_or_insert_with(|| text_of_cluster(id, listed));
            text.contains(word)
        };
        let mut callers = self.callers.iter();
        query.words.iter().all(|word| has_word(word))
            && query.terms.iter().all(|term| {
                let is_match = match &term.condition {
                    Condition::Word(word) => has_word(word),
                    Condition::Severity(of) => of.contains(&listed.assessment().severity),
                    Condition::Status(of) => of.iter().any(|of| of.includes(listed.status())),
                    Condition::Caller(_) => {
                        let named = callers
                            .next()
                            .and_then(|named| named.get(&listed.subject.account_id));
                        named.is_some_and(|of| of.iter().any(|name| listed.has_caller(*name)))
                    }
                    Condition::Code(patterns) => {
                        let codes = [Some(listed.subject.code.as_str()), listed.code.as_deref()];
                        has_any(patterns, codes.into_iter().flatten())
                    }
                    Condition::Region(patterns) => has_any(patterns, listed.regions.values()),
                    Condition::Resource(patterns) => has_any(patterns, listed.resources.values()),
                    of => is_of_subject(of, &listed.subject),
                };
                is_match != term.is_excluded
            })
    }

    /// Checks which filters a cluster matches.
    pub(crate) fn fit(&self, severity: Severity, listed: &ListedCluster) -> Fit {
        let query = self.query;
        let subject = &*listed.subject;
        Fit {
            severity: query.severity.is_none_or(|of| of == severity),
            class: query.class.is_none_or(|of| of == subject.class),
            service: is_service(query, subject),
            account: is_account(query, subject),
            show: self.has_status || query.show.includes(listed.status()),
            is_within: query
                .range
                .is_none_or(|(from, until)| listed.failed_within(from, until)),
        }
    }

    /// Checks whether a sensitive call matches the search and all filters but those by status and time. A term about the
    /// status matches no call.
    pub(crate) fn is_call(&self, id: ClusterId, call: &CallHistory) -> bool {
        let query = self.query;
        let subject = &*call.subject;
        let severity = || call_assessment(call).severity;
        query.severity.is_none_or(|of| of == severity())
            && query.class.is_none_or(|of| of == Class::Watch)
            && is_service(query, subject)
            && is_account(query, subject)
            && self.has_call_terms(id, call)
    }

    fn has_call_terms(&self, id: ClusterId, call: &CallHistory) -> bool {
        let query = self.query;
        if !query.is_search() {
            return true;
        }
        let text = text_of_call(id, call);
        let subject = &*call.subject;
        let target = subject.call.as_ref().and_then(|of| of.target.as_deref());
        query.words.iter().all(|word| text.contains(word.as_str()))
            && query.terms.iter().all(|term| {
                let is_match = match &term.condition {
                    Condition::Word(word) => text.contains(word.as_str()),
                    Condition::Severity(of) => of.contains(&call_assessment(call).severity),
                    Condition::Caller(patterns) => patterns
                        .iter()
                        .any(|pattern| is_named(pattern, &call.caller, &subject.account_id)),
                    Condition::Resource(patterns) => has_any(patterns, target),
                    Condition::Status(_) | Condition::Code(_) | Condition::Region(_) => false,
                    of => is_of_subject(of, subject),
                };
                is_match != term.is_excluded
            })
    }

    /// Checks whether an incident matches the query, also its range of time. An incident has no class and no code.
    pub(crate) fn is_incident(&self, of: &Incident) -> bool {
        let query = self.query;
        let severity = incident::severity(of.severity);
        incident::matches(of, query)
            && query.severity.is_none_or(|wanted| wanted == severity)
            && query.class.is_none()
            && query
                .service
                .as_ref()
                .is_none_or(|name| has_service(of, name))
            && query.terms.iter().all(|term| is_term_of_incident(term, of))
    }
}

fn is_term_of_incident(term: &Term, of: &Incident) -> bool {
    let members = of.members.iter().map(|member| &member.identity);
    let is_match = match &term.condition {
        Condition::Word(word) => incident::matches(
            of,
            &ListQuery {
                words: vec![word.clone()],
                ..ListQuery::default()
            },
        ),
        Condition::Severity(severities) => severities.contains(&incident::severity(of.severity)),
        Condition::Status(statuses) => statuses.iter().any(|status| match status {
            StatusFilter::Show(Show::Open) => of.is_open,
            StatusFilter::Show(Show::Recovered) => !of.is_open,
            StatusFilter::Show(Show::All) => true,
            StatusFilter::Show(Show::New) | StatusFilter::Is(_) => false,
        }),
        Condition::Account(ids) => ids.contains(&of.actor.account_id),
        Condition::Service(names) => names.iter().any(|name| has_service(of, name)),
        Condition::Caller(patterns) => members.chain([&of.actor]).any(|actor| {
            let mut patterns = patterns.iter();
            patterns.any(|pattern| is_named(pattern, &actor.name, &actor.account_id))
        }),
        Condition::Region(patterns) => {
            has_any(patterns, of.sources.regions.iter().map(String::as_str))
        }
        Condition::Class(_) | Condition::Code(_) | Condition::Resource(_) => false,
    };
    is_match != term.is_excluded
}

fn has_service(of: &Incident, name: &str) -> bool {
    of.steps
        .iter()
        .any(|step| step.key.service.to_lowercase() == name)
}

/// Checks a condition that depends on the subject alone.
fn is_of_subject(condition: &Condition, subject: &ClusterSubject) -> bool {
    match condition {
        Condition::Class(of) => of.contains(&subject.class),
        Condition::Account(ids) => ids.contains(&subject.account_id),
        Condition::Service(patterns) => {
            let service = subject.service.to_lowercase();
            let is_pattern = |of: &str| of.contains(['*', '?']);
            let mut patterns = patterns.iter();
            patterns.any(|of| *of == service || is_pattern(of) && contains(of, &service))
        }
        _ => false,
    }
}

fn is_service(query: &ListQuery, subject: &ClusterSubject) -> bool {
    let service = query.service.as_ref();
    service.is_none_or(|of| *of == subject.service.to_lowercase())
}

fn is_account(query: &ListQuery, subject: &ClusterSubject) -> bool {
    let account_id = query.account_id.as_ref();
    account_id.is_none_or(|of| *of == subject.account_id)
}

fn has_any<'t>(patterns: &[String], texts: impl IntoIterator<Item = &'t str>) -> bool {
    texts.into_iter().any(|text| {
        let text = text.to_lowercase();
        patterns.iter().any(|pattern| contains(pattern, &text))
    })
}

/// Returns the hashes of all callers in a listing that a pattern names, by account id. A cluster names only its first
/// caller, so the names come from all clusters and sensitive calls.
fn named_callers(listing: &Listing, patterns: &[String]) -> BTreeMap<String, BTreeSet<u64>> {
    let clusters = listing.clusters.values().filter_map(|listed| {
        let caller = listed.caller.as_deref()?;
        Some((listed.subject.account_id.as_str(), caller))
    });
    let calls = listing.calls.values();
    let calls = calls.map(|call| (call.subject.account_id.as_str(), call.caller.as_str()));
    let distinct: BTreeSet<(&str, &str)> = clusters.chain(calls).collect();
    let mut named: BTreeMap<String, BTreeSet<u64>> = BTreeMap::new();
    for (account_id, caller) in distinct {
        if patterns.iter().any(|of| is_named(of, caller, account_id)) {
            named
                .entry(account_id.to_owned())
                .or_default()
                .insert(hash(caller));
        }
    }
    named
}

/// Returns the text of a cluster's row that words are searched in, in lower case.
fn text_of_cluster(id: ClusterId, listed: &ListedCluster) -> String {
    let ClusterSubject {
        account_id,
        service,
        action,
        code,
        class,
        call: _,
    } = &*listed.subject;
    let caller = listed.caller.as_deref().unwrap_or_default();
    let spelled = listed.code.as_deref().unwrap_or_default();
    let mut text = format!(
        "{id} {account_id} {service}:{action} {code} {spelled} {} {caller}",
        class.name()
    );
    for part in listed.regions.values().chain(listed.resources.values()) {
        text.push(' ');
        text.push_str(part);
    }
    text.to_lowercase()
}

/// Returns the text of a sensitive call that words are searched in, in lower case: the id, the account, the call, the
/// caller, the name of the watch, the target and the parameters.
fn text_of_call(id: ClusterId, call: &CallHistory) -> String {
    let ClusterSubject {
        account_id,
        service,
        action,
        code,
        class: _,
        call: details,
    } = &*call.subject;
    let mut text = format!(
        "{id} {account_id} {service}:{action} {code} {}",
        call.caller
    );
    if let Some(details) = details {
        let target = details.target.iter();
        let parameters = details.parameters.values();
        for part in target.chain(parameters).chain([&details.watch]) {
            text.push(' ');
            text.push_str(part);
        }
    }
    text.to_lowercase()
}
