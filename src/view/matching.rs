//! Runs a query on a listing: which clusters, sensitive calls and incidents it finds, and in which order.

use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, BTreeSet};

use alerts::locale::Language;
use alerts::severity::Severity;
use alerts::terms;
use clusters::class::Class;
use clusters::fingerprint::{ClusterId, ClusterSubject};
use clusters::incident::Incident;
use clusters::inspection_state::{CallHistory, hash};
use clusters::short_name;
use records::time::Timestamp;

use crate::incident;
use crate::listing::{
    CallPlace, CallsPage, Choices, FrequentCluster, ListPage, ListQuery, ListedCluster, Listing,
    PAGE, Sort, call_assessment, call_place,
};
use crate::search::{Condition, Show, StatusFilter, Term, contains, is_named};

impl Listing {
    /// Runs a query: filters and sorts the rows of the listing, and returns one page of the result.
    pub fn ask(&self, query: &ListQuery) -> ListPage<'_> {
        let matcher = Matcher::of(self, query);
        let mut page = ListPage {
            rows: Vec::new(),
            number: 1,
            pages: 1,
            found: 0,
            outside: 0,
            folded: 0,
            by_show: [0; Show::ALL.len()],
            choices: Choices::default(),
        };
        page.choices.accounts = self.accounts().into_iter().map(|id| (id, 0)).collect();
        let mut rows: Vec<(Rated<'_>, ClusterId)> = Vec::new();
        for (id, listed) in &self.clusters {
            if !matcher.has_terms(*id, listed) {
                continue;
            }
            let severity = listed.assessment().severity;
            let fit = matcher.fit(*id, severity, listed);
            if !fit.is_within {
                page.outside += usize::from(fit.is_found());
                continue;
            }
            count(&mut page, severity, listed, fit);
            if fit.is_found() {
                match query.folded.contains(id) {
                    true => page.folded += 1,
                    false => rows.push(((severity, listed), *id)),
                }
            }
        }
        self.count_calls(&matcher, &mut page.choices);
        // Among equals the newest event comes first. The sort is stable: the rest stays in the order of ids.
        rows.sort_by(|(one, _), (other, _)| {
            let order = compare(query.sort, *one, *other);
            let order = match query.is_reversed {
                true => order.reverse(),
                false => order,
            };
            order.then_with(|| other.1.last.cmp(&one.1.last))
        });
        (page.found, page.pages) = (rows.len(), rows.len().div_ceil(PAGE).max(1));
        page.number = query.page.clamp(1, page.pages);
        let rows = rows.into_iter().skip((page.number - 1) * PAGE).take(PAGE);
        page.rows = rows.map(|((_, listed), id)| (id, listed)).collect();
        page
    }

    /// Returns the clusters of any status that have most events within a range of time, at most `most`. Among equals the
    /// cluster with the newest event comes first.
    pub fn most_frequent(
        &self,
        range: Option<(Timestamp, Timestamp)>,
        most: usize,
    ) -> Vec<FrequentCluster<'_>> {
        let clusters = self.clusters.iter();
        let counted = clusters.map(|(id, listed)| FrequentCluster {
            id: *id,
            listed,
            count: listed.count_within(range),
        });
        let mut counted: Vec<_> = counted.filter(|of| of.count.0 > 0).collect();
        counted.sort_by_key(|of| (Reverse(of.count.0), Reverse(of.listed.last)));
        counted.truncate(most);
        counted
    }

    /// Returns the clusters that a query finds if no condition about decisions is applied, at any time: those whose decisions
    /// matter to it.
    pub fn candidates(&self, query: &ListQuery) -> Vec<ClusterId> {
        let matcher = Matcher::of(self, query);
        let is_found = |(id, listed): &(&ClusterId, &ListedCluster)| {
            matcher.has_terms(**id, listed) && {
                let severity = listed.assessment().severity;
                matcher.fit(**id, severity, listed).is_found()
            }
        };
        let found = self.clusters.iter().filter(is_found);
        found.map(|(id, _)| *id).collect()
    }

    /// Adds the sensitive calls that match the search to the choices of the search form.
    fn count_calls<'l>(&'l self, matcher: &Matcher<'_>, choices: &mut Choices<'l>) {
        for (id, call) in &self.calls {
            if matcher.has_call_terms(*id, call) {
                let severity = call_assessment(call).severity;
                let fit = matcher.call_fit(severity, call);
                if fit.is_within {
                    choices.count(severity, &call.subject, fit);
                }
            }
        }
    }

    /// Runs a query on the sensitive calls: filters them and returns one page of at most `rows_max`. The filter by status
    /// of the form is for clusters, and is ignored. Orders by what only clusters have are the one by severity.
    pub fn ask_calls(&self, query: &ListQuery, rows_max: usize) -> CallsPage<'_> {
        let matcher = Matcher::of(self, query);
        let is_match = |(id, of): &(&ClusterId, &CallHistory)| matcher.is_call(**id, of);
        let is_within = |(_, of): &(&ClusterId, &CallHistory)| is_call_within(query, of);
        let all = self.calls.iter().filter(is_match);
        let (all, folded): (Vec<_>, Vec<_>) = all.partition(|(id, _)| !query.folded.contains(id));
        let all = all.into_iter();
        let (rows, outside): (Vec<_>, Vec<_>) = all.partition(is_within);
        let placed = |(id, of): (&ClusterId, _)| (placed(of), *id, of);
        let mut rows: Vec<_> = rows.into_iter().map(placed).collect();
        rows.sort_by_key(|(place, id, of)| (*place, Reverse(of.last), *id));
        rows.sort_by(|(place, _, one), (other_place, _, other)| {
            let order = match query.sort {
                Sort::Severity => place.cmp(other_place),
                sort => compare_calls(sort, one, other),
            };
            match query.is_reversed {
                true => order.reverse(),
                false => order,
            }
        });
        let (found, pages) = (rows.len(), rows.len().div_ceil(rows_max).max(1));
        let number = query.page.clamp(1, pages);
        let rows = rows
            .into_iter()
            .skip((number - 1) * rows_max)
            .take(rows_max);
        CallsPage {
            rows: rows.map(|(_, id, call)| (id, call)).collect(),
            number,
            pages,
            found,
            outside: outside.len(),
            folded: folded.iter().filter(|of| is_within(of)).count(),
        }
    }

    /// Returns the incidents of `all` that a query finds.
    pub fn ask_incidents(&self, query: &ListQuery, all: Vec<Incident>) -> Vec<Incident> {
        let matcher = Matcher::of(self, query);
        all.into_iter()
            .filter(|of| matcher.is_incident(of))
            .collect()
    }
}

/// Counts a cluster in the choices of the search form and in the numbers of each status.
fn count<'l>(page: &mut ListPage<'l>, severity: Severity, listed: &'l ListedCluster, fit: Fit) {
    page.choices.count(severity, &listed.subject, fit);
    if fit.without(|of| of.show = true).is_found() {
        let status = listed.status();
        for (show, count) in Show::ALL.into_iter().zip(&mut page.by_show) {
            *count += usize::from(show.includes(status));
        }
    }
}

impl<'l> Choices<'l> {
    /// Counts a row: for each filter, as if only the others were applied.
    fn count(&mut self, severity: Severity, subject: &'l ClusterSubject, fit: Fit) {
        if fit.without(|of| of.severity = true).is_found() {
            *self.severities.entry(severity).or_default() += 1;
        }
        if fit.without(|of| of.class = true).is_found() {
            *self.classes.entry(subject.class).or_default() += 1;
        }
        if fit.without(|of| of.service = true).is_found() {
            *self.services.entry(&subject.service).or_default() += 1;
        }
        if fit.without(|of| of.account = true).is_found() {
            *self.accounts.entry(&subject.account_id).or_default() += 1;
        }
    }
}

/// A row with its severity.
type Rated<'l> = (Severity, &'l ListedCluster);

fn call_and_code(of: &ClusterSubject) -> (&str, &str, &str) {
    (&of.service, &of.action, &of.code)
}

/// Compares two rows in an order.
fn compare(
    sort: Sort,
    (severity, one): Rated<'_>,
    (severity_of_other, other): Rated<'_>,
) -> Ordering {
    match sort {
        Sort::Began => other.began.cmp(&one.began),
        Sort::Last => other.last.cmp(&one.last),
        Sort::Count => other.total.cmp(&one.total),
        Sort::Severity => severity_of_other.cmp(&severity),
        Sort::State => one.status().cmp(&other.status()),
        Sort::What => call_and_code(&one.subject).cmp(&call_and_code(&other.subject)),
        Sort::Account => one.subject.account_id.cmp(&other.subject.account_id),
        Sort::Class => one.subject.class.name().cmp(other.subject.class.name()),
        Sort::Caller => one.caller.cmp(&other.caller),
        Sort::Target => {
            let (one, other) = (&one.resources, &other.resources);
            one.values().next().cmp(&other.values().next())
        }
    }
}

/// Returns the place of a sensitive call in the list.
fn placed(of: &CallHistory) -> CallPlace {
    call_place(&of.subject, call_assessment(of).severity, of.is_silent)
}

/// Compares two sensitive calls in an order; equal in the order by severity, and in orders by what only clusters have.
fn compare_calls(sort: Sort, one: &CallHistory, other: &CallHistory) -> Ordering {
    match sort {
        Sort::Last => other.last.cmp(&one.last),
        Sort::Count => other.count().cmp(&one.count()),
        Sort::What => call_and_code(&one.subject).cmp(&call_and_code(&other.subject)),
        Sort::Account => one.subject.account_id.cmp(&other.subject.account_id),
        Sort::Caller => one.caller.cmp(&other.caller),
        Sort::Target => target(one).cmp(&target(other)),
        Sort::Severity | Sort::Began | Sort::State | Sort::Class => Ordering::Equal,
    }
}

fn target(of: &CallHistory) -> Option<&str> {
    of.subject.call.as_ref()?.target.as_deref()
}

/// A query with what is computed once for all rows.
struct Matcher<'q> {
    query: &'q ListQuery,
    /// For each term about callers: the hashes of the names that it names, of all names in the listing, by account id.
    callers: Vec<BTreeMap<String, BTreeSet<u64>>>,
    /// Whether the filter by status is replaced by a term of the search.
    has_status: bool,
}

/// Which filters of a query a row matches. The search has to be checked before.
#[derive(Debug, Clone, Copy)]
struct Fit {
    severity: bool,
    class: bool,
    service: bool,
    account: bool,
    show: bool,
    decision: bool,
    /// Whether the row is within the range of time.
    is_within: bool,
}

impl Fit {
    /// Returns what matches if a filter is not applied.
    fn without(mut self, lift: impl Fn(&mut Self)) -> Self {
        lift(&mut self);
        self
    }

    /// Checks whether a row matches all filters but that by time.
    fn is_found(self) -> bool {
        self.severity && self.class && self.service && self.account && self.show && self.decision
    }
}

impl<'q> Matcher<'q> {
    /// Prepares a query of a listing.
    fn of(listing: &Listing, query: &'q ListQuery) -> Self {
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
    fn has_terms(&self, id: ClusterId, listed: &ListedCluster) -> bool {
        let query = self.query;
        if !query.is_search() {
            return true;
        }
        let mut text = None;
        let mut has_word = |word: &str| {
            let text = text.get_or_insert_with(|| text_of_cluster(id, listed));
            text.contains(word) || has_arn(listed.caller.as_deref().unwrap_or_default(), word)
        };
        let mut callers = self.callers.iter();
        query.words.iter().all(|word| has_word(word))
            && query.terms.iter().all(|term| {
                let is_match = match &term.condition {
                    Condition::Word(word) => has_word(word),
                    Condition::Severity(of) => of.contains(&listed.assessment().severity),
                    Condition::Status(_)
                        if term.is_about_decisions() && query.decisions.is_none() =>
                    {
                        return true;
                    }
                    Condition::Status(of) => {
                        let decision = self.decision(id);
                        of.iter().any(|of| of.includes(listed.status(), decision))
                    }
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

    /// Returns the name of the decision that holds about a cluster.
    fn decision(&self, id: ClusterId) -> Option<&'static str> {
        self.query.decisions.as_ref()?.get(&id).copied()
    }

    /// Checks which filters a cluster matches.
    fn fit(&self, id: ClusterId, severity: Severity, listed: &ListedCluster) -> Fit {
        let query = self.query;
        let subject = &*listed.subject;
        Fit {
            severity: query.severity.is_none_or(|of| of == severity),
            class: query.class.is_none_or(|of| of == subject.class),
            service: is_service(query, subject),
            account: is_account(query, subject),
            show: self.has_status || query.show.includes(listed.status()),
            decision: query.decision.is_none()
                || query.decisions.is_none()
                || self.decision(id) == query.decision,
            is_within: query
                .range
                .is_none_or(|(from, until)| listed.failed_within(from, until)),
        }
    }

    /// Checks whether a sensitive call matches the search and all filters but those by status and time. A term about the
    /// status matches no call.
    fn is_call(&self, id: ClusterId, call: &CallHistory) -> bool {
        self.has_call_terms(id, call)
            && self
                .call_fit(call_assessment(call).severity, call)
                .is_found()
    }

    /// Checks which filters a sensitive call matches. The filter by status is for clusters alone.
    fn call_fit(&self, severity: Severity, call: &CallHistory) -> Fit {
        let query = self.query;
        Fit {
            severity: query.severity.is_none_or(|of| of == severity),
            class: query.class.is_none_or(|of| of == Class::Watch),
            service: is_service(query, &call.subject),
            account: is_account(query, &call.subject),
            show: true,
            decision: query.decision.is_none(),
            is_within: is_call_within(query, call),
        }
    }

    fn has_call_terms(&self, id: ClusterId, call: &CallHistory) -> bool {
        let query = self.query;
        if !query.is_search() {
            return true;
        }
        let text = text_of_call(id, call);
        let subject = &*call.subject;
        let has_word = |word: &str| text.contains(word) || has_arn(&call.caller, word);
        query.words.iter().all(|word| has_word(word))
            && query.terms.iter().all(|term| {
                let is_match = match &term.condition {
                    Condition::Word(word) => has_word(word),
                    Condition::Severity(of) => of.contains(&call_assessment(call).severity),
                    Condition::Caller(patterns) => patterns
                        .iter()
                        .any(|pattern| is_named(pattern, &call.caller, &subject.account_id)),
                    Condition::Resource(patterns) => has_any(patterns, target(call)),
                    Condition::Region(patterns) => has_any(patterns, call.regions.values()),
                    Condition::Status(_) | Condition::Code(_) => false,
                    of => is_of_subject(of, subject),
                };
                is_match != term.is_excluded
            })
    }

    /// Checks whether an incident matches the query, also its range of time. An incident has no class and no code.
    fn is_incident(&self, of: &Incident) -> bool {
        let query = self.query;
        let severity = incident::severity(of.severity);
        incident::matches(of, query)
            && query.severity.is_none_or(|wanted| wanted == severity)
            && query.class.is_none()
            && query.decision.is_none()
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
            StatusFilter::Show(Show::New) | StatusFilter::Is(_) | StatusFilter::Decided(_) => false,
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

fn is_call_within(query: &ListQuery, call: &CallHistory) -> bool {
    let is_within = |(from, until)| call.last >= from && call.first < until;
    query.range.is_none_or(is_within)
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

/// Checks whether a word is an ARN, or the begin of one, that a caller's name contains.
fn has_arn(caller: &str, word: &str) -> bool {
    word.starts_with("arn:") && caller.to_lowercase().contains(word)
}

/// Returns the text of a cluster's row that words are searched in, in lower case. It has the caller's name as it is shown,
/// because `iam` is in the ARN of nearly every caller.
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
    let caller = short_name(caller, account_id);
    let spelled = listed.code.as_deref().unwrap_or_default();
    let text = format!(
        "{id} {account_id} {service}:{action} {code} {spelled} {} {caller}",
        class.name()
    );
    let status = [terms::status(listed.status(), Language::Zh)];
    let found = listed.regions.values().chain(listed.resources.values());
    let names = chinese_names(*class, listed.assessment().severity);
    text_with(text, found.chain(names).chain(status))
}

/// Returns the text of a sensitive call that words are searched in, in lower case: the id, the account, the call, the
/// caller, the name of the watch, the target and the parameters.
fn text_of_call(id: ClusterId, call: &CallHistory) -> String {
    let ClusterSubject {
        account_id,
        service,
        action,
        code,
        class,
        call: details,
    } = &*call.subject;
    let text = format!(
        "{id} {account_id} {service}:{action} {code} {}",
        short_name(&call.caller, account_id)
    );
    let details = details.iter().flat_map(|of| {
        let parts = of.target.iter().chain(of.parameters.values());
        parts.chain([&of.watch]).map(String::as_str)
    });
    let names = chinese_names(*class, call_assessment(call).severity);
    text_with(text, details.chain(names))
}

/// Returns the Chinese names that a row shows. The English ones are in the text of each row, or values of keys.
fn chinese_names(class: Class, severity: Severity) -> [&'static str; 2] {
    let language = Language::Zh;
    [
        terms::class(class, language),
        terms::severity(severity, language),
    ]
}

/// Returns a text and further parts in lower case, with spaces between.
fn text_with<'t>(mut text: String, parts: impl Iterator<Item = &'t str>) -> String {
    for part in parts {
        text.push(' ');
        text.push_str(part);
    }
    text.to_lowercase()
}
