//! A sensitive call as lists and pages show it: what it did in words, and in which order calls are listed.
//!
//! Equal calls of one caller are shown together. They have no status, because nothing opens, lasts or recovers.

use std::borrow::Cow;
use std::cmp::Reverse;

use alerts::locale::{self, Language, Locale};
use alerts::severity::{self, Assessment, Severity};
use alerts::text::parameters;
use alerts::{cluster_hint, links};
use clusters::call_alerts;
use clusters::circumstance::Circumstance;
use clusters::facet::FacetKind;
use clusters::fingerprint::{ClusterId, ClusterSubject, Identity};
use clusters::guard::{NEW_CLUSTERS_MAX, is_overflow};
use clusters::series::SeriesRef;
use clusters::watch::{CallDetails, Watches};
use clusters::{Cluster, ClusterSnapshot, ClusterTotals, short_name};
use maud::{Markup, html};
use records::redact::sanitize;

use super::card::{CardWords, badge, evidence, reasons, values};
use super::listing::call_place;
use super::{fill, plural, shown, span};

/// The maximum number of parameters in one line of text. All are in the JSON and on the page of the call.
const PARAMETERS_MAX: usize = 3;

/// The maximum length of a parameter in one line of text, in characters.
const VALUE_CHARS_MAX: usize = 80;

/// Equal sensitive calls of one caller, with what is concluded about them.
#[derive(Debug)]
pub struct DescribedCall {
    /// The calls with their times, facets and samples.
    pub call: Cluster,
    /// What the calls did; `None` for calls that were counted together, see [`title`].
    pub details: Option<CallDetails>,
    /// The severity, and the reasons for it.
    pub assessment: Assessment,
}

/// Returns the sensitive calls of a snapshot with their severities, in the order of lists, see [`call_place`]; in the same place
/// the latest first.
///
/// `known` returns the severity of a call that is known already; for `None` it is computed from the events of the snapshot.
pub fn listed(
    snapshot: &ClusterSnapshot,
    known: impl Fn(ClusterId) -> Option<Severity>,
) -> Vec<(Severity, ClusterTotals<'_>)> {
    let severity = |call: &ClusterTotals<'_>| {
        let subject = ClusterSubject::from(&call.facts.identity);
        let circumstance = |facets| Circumstance::of_facets(&subject, &facets);
        let facets = call.series_table().map(SeriesRef::facets);
        let circumstances = facets.map(circumstance).collect();
        severity::of(&subject, &circumstances, call.span).severity
    };
    let calls = snapshot.sensitive_calls().into_iter();
    let mut calls: Vec<(Severity, ClusterTotals<'_>)> = calls
        .map(|call| (known(call.id).unwrap_or_else(|| severity(&call)), call))
        .collect();
    calls.sort_by_cached_key(|(severity, call)| {
        let identity = &call.facts.identity;
        let subject = ClusterSubject::from(identity);
        // Equal ones in the order of their names, because an ID is a hash.
        let names = [&identity.service, &identity.action, &identity.account_id].map(String::clone);
        let names = (names, identity.template.clone(), identity.cause.clone());
        let place = call_place(&subject, *severity, is_silent(call));
        (place, Reverse(call.span.last_seen), names)
    });
    calls
}

/// Checks whether no alert is sent about a call: a rule expects it, or an AWS service made it on its own behalf.
pub fn is_silent(call: &ClusterTotals<'_>) -> bool {
    let details = call.facts.call_details();
    let first = call.series_table().next();
    first.is_some_and(|series| call_alerts::is_silent(details.as_ref(), &series.facets()))
}

/// Returns the name of a call, such as `iam:CreateUser`.
///
/// Calls beyond the limit on different calls in an hour were counted together; their name says so.
pub fn title(identity: &Identity, language: Language) -> String {
    let Identity {
        service, action, ..
    } = identity;
    let title = match is_overflow(identity) {
        true => language.pick(
            format!("{service}: calls beyond {NEW_CLUSTERS_MAX} different ones in an hour"),
            format!("{service}：一小时内超出 {NEW_CLUSTERS_MAX} 种的其余操作"),
        ),
        false => format!("{service}:{action}"),
    };
    sanitize(&title, 160)
}

/// Returns the caller without the start of its ARN if it is of the account; `None` if it is not known.
pub fn caller(identity: &Identity) -> Option<&str> {
    let caller = identity.cause.as_deref()?;
    Some(short_name(caller, &identity.account_id))
}

/// Returns whom or what a call changed, without the start of the ARN if it is of the account; `None` if it is not known.
pub fn target<'d>(details: &'d CallDetails, account_id: &str) -> Option<&'d str> {
    let target = details.target.as_deref()?;
    Some(short_name(target, account_id))
}

/// Returns the parameters of a call with their names as words, the most important first.
pub fn parameters(details: &CallDetails, language: Language) -> Vec<(String, Cow<'_, str>)> {
    let all = parameters::of(details, language).into_iter();
    all.map(|of| (words(of.label), of.value)).collect()
}

/// Returns what decides about a call as one line, such as `port tcp 22, range 0.0.0.0/0`; empty if nothing is known. The
/// start of ARNs of the account is left out.
pub fn deciding(details: &CallDetails, account_id: &str, language: Language) -> String {
    let all = parameters::of(details, language).into_iter();
    let shown = all.take(PARAMETERS_MAX).map(|of| {
        let value = sanitize(short_name(&of.value, account_id), VALUE_CHARS_MAX);
        let mut text = format!("{} ", words(of.label));
        locale::append(&mut text, &value);
        text
    });
    let comma = language.pick(", ", "，");
    shown.collect::<Vec<_>>().join(comma)
}

/// Returns the name of a parameter as words.
fn words(name: &str) -> String {
    sanitize(&name.replace('_', " "), 64)
}

/// Returns why a call is watched, as a sentence; `None` if the watch is no longer in the table. A watch of the user has its
/// own sentence, in one language.
pub fn why(details: &CallDetails, language: Language) -> Option<String> {
    if let Some(why) = &details.why {
        return Some(why.clone());
    }
    let watches = Watches::default();
    let watch = watches.named(&details.watch)?;
    let chinese = watch.why_chinese.as_ref().unwrap_or(&watch.why);
    Some(language.pick(&watch.why, chinese).clone())
}

/// Returns why no alert is sent about a call, for people; `None` if alerts are sent.
pub fn silence(
    call: &Cluster,
    details: Option<&CallDetails>,
    language: Language,
) -> Option<String> {
    if let Some(rule) = details.and_then(|of| of.expected_by.as_deref()) {
        let rule = shown(rule);
        return Some(language.pick(
            format!("expected by the rule {rule:?}"),
            format!("规则 {rule:?} 标为预期"),
        ));
    }
    let is_silent = call_alerts::is_silent(details, call.facet_sets.first()?);
    let words = language.pick("made by an AWS service", "由 AWS 服务发出");
    is_silent.then(|| words.to_owned())
}

impl DescribedCall {
    /// Concludes severity and details of the calls.
    pub fn of(call: Cluster) -> Self {
        Self {
            assessment: severity::of_cluster(&call),
            details: call.facts.call_details(),
            call,
        }
    }

    /// Returns the HTML id of the card, to which links on the page lead.
    pub fn anchor(&self) -> String {
        format!("s-{}", self.call.id)
    }

    /// Returns the call and its target as HTML, such as `iam:CreateUser on bob`.
    pub fn what(&self, language: Language) -> Markup {
        let identity = &self.call.facts.identity;
        let details = self.details.as_ref();
        let target = details.and_then(|of| target(of, &identity.account_id));
        html! {
            bdi.call { (title(identity, language)) }
            @if let Some(target) = target { (language.pick(" on ", "，对象 ")) bdi { (shown(target)) } }
        }
    }

    /// Returns what decides about the call as HTML; empty if nothing is known.
    pub fn deciding(&self, language: Language) -> Markup {
        let account_id = &self.call.facts.identity.account_id;
        let details = self.details.as_ref();
        let words = details.map(|of| deciding(of, account_id, language));
        let words = words.unwrap_or_default();
        html! { @if !words.is_empty() { " " bdi.cause { (words) } } }
    }

    /// Returns the caller as HTML; empty if it is not known.
    pub fn who(&self) -> Markup {
        html! {
            @if let Some(caller) = caller(&self.call.facts.identity) { bdi { (shown(caller)) } }
        }
    }

    /// Checks whether the call weighs as much as an attack step on its own.
    pub fn is_strong(&self) -> bool {
        self.details.as_ref().is_some_and(|of| of.is_strong)
    }
}

/// Returns the card of a sensitive call in the report, as HTML.
pub fn card(described: &DescribedCall, locale: Locale) -> Markup {
    let (words, language) = (CardWords::of(locale.language), locale.language);
    let DescribedCall {
        call,
        details,
        assessment,
    } = described;
    let account = html! { bdi.nowrap { (shown(&call.facts.identity.account_id)) } };
    html! {
        article.card id=(described.anchor()) {
            h3 { (badge(assessment.severity, language)) " " (described.what(language)) }
            p.meta {
                strong { (plural(call.span.count, words.one_call, words.calls)) }
                @if described.is_strong() { " · " (words.strong) }
                " · " (fill(words.account, &[("id", account)])) " · " (span(call.span, locale))
            }
            p { bdi { (shown(&cluster_hint::of_cluster(call, language))) } }
            dl.facts {
                dt { (words.severity) }
                dd { (reasons(assessment, language)) }
                @if let Some(details) = details { (did(details, language)) }
                @if let Some(why) = silence(call, details.as_ref(), language) {
                    dt { (words.alerts) } dd { (words.no_alert) bdi { (why) } }
                }
                (values(call, FacetKind::Principal, words.who, 3, language))
            }
            details {
                summary { (words.call_details) }
                (evidence(call, locale))
                @if !call.samples.is_empty() {
                    dl.facts {
                        dt { (words.event_ids) }
                        dd { @for sample in &call.samples { div { code.copy { (sample.id) } } } }
                    }
                }
            }
            @let id = html! { code.copy { (call.id) } };
            p.id { (fill(words.call_id, &[("id", id)])) }
        }
    }
}

/// Returns why the call is watched and what it did, as rows of an HTML description list.
fn did(details: &CallDetails, language: Language) -> Markup {
    let words = CardWords::of(language);
    html! {
        @if let Some(why) = why(details, language) { dt { (words.why) } dd { bdi { (shown(&why)) } } }
        @if let Some(id) = &details.technique {
            dt { (words.technique) }
            dd {
                @match links::technique(id) {
                    Some(address) => { a href=(address) { bdi { (id) } } }
                    None => { bdi { (shown(id)) } }
                }
            }
        }
        @if let Some(target) = &details.target { dt { (words.target) } dd { bdi { (shown(target)) } } }
        @for (name, value) in parameters(details, language) {
            dt { bdi { (shown(&name)) } } dd { bdi { (shown(&value)) } }
        }
        dt { (words.watch) } dd { bdi { (shown(&details.watch)) } }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use std::sync::Arc;

    use clusters::class::Class;
    use clusters::facet::Facets;
    use clusters::watch::Tier;
    use clusters::{ClusterFacts, Span};

    use super::*;

    fn details(target: Option<&str>, parameters: &[(&str, &str)]) -> CallDetails {
        let own = |text: &str| text.to_owned();
        let parameters: BTreeMap<String, String> = parameters
            .iter()
            .map(|(name, value)| (own(name), own(value)))
            .collect();
        CallDetails {
            watch: own("x"),
            tier: Tier::Always,
            is_strong: false,
            technique: None,
            target: target.map(own),
            parameters,
            why: None,
            expected_by: None,
        }
    }

    #[test]
    fn what_decides_comes_first_and_nothing_is_repeated() {
        for (target, parameters, words) in [
            (None, &[][..], ""),
            (
                Some("bob"),
                &[
                    ("path", "/"),
                    ("policy", "AdministratorAccess"),
                    ("power", "AdministratorAccess"),
                    ("userName", "bob"),
                ],
                "policy AdministratorAccess, path /",
            ),
            (
                Some("sg-1"),
                &[
                    ("a", "1"),
                    ("b", "2"),
                    ("port", "tcp 22"),
                    ("range", "0.0.0.0/0"),
                ],
                "port tcp 22, range 0.0.0.0/0, a 1",
            ),
            (
                Some("snap-1"),
                &[("shared_with", "999988887777")],
                "shared with 999988887777",
            ),
            (
                None,
                &[("role", "arn:aws:iam::111122223333:role/x")],
                "role role/x",
            ),
            (None, &[("name", "\u{1b}[31mred")], "name [31mred"),
        ] {
            let details = details(target, parameters);
            assert_eq!(deciding(&details, "111122223333", Language::En), words);
        }
    }

    #[test]
    fn a_call_that_a_rule_expects_or_a_service_makes_says_why_it_has_no_alert() {
        let made = |details: &CallDetails, origin: &str| {
            let identity = Identity {
                partition: "aws".to_owned(),
                account_id: "111122223333".to_owned(),
                service: "iam".to_owned(),
                action: "CreateUser".to_owned(),
                class: Class::Watch,
                code: "weak".to_owned(),
                cause: Some("arn:aws:iam::111122223333:role/deploy".to_owned()),
                template: Some(details.encode()),
                addition: None,
            };
            let mut facets = Facets::default();
            facets.set(FacetKind::Origin, Some(origin));
            Cluster {
                id: identity.cluster_id(),
                facts: Arc::new(ClusterFacts {
                    identity,
                    template: String::new(),
                }),
                span: Span::default(),
                facets: BTreeMap::new(),
                facet_sets: vec![facets],
                samples: Vec::new(),
            }
        };
        let usual = details(None, &[]);
        let expected = CallDetails {
            expected_by: Some("terraform".to_owned()),
            ..usual.clone()
        };
        for (details, origin, why) in [
            (&usual, "cli", None),
            (&usual, "aws-service", Some("made by an AWS service")),
            (&expected, "cli", Some("expected by the rule \"terraform\"")),
        ] {
            let call = made(details, origin);
            assert_eq!(caller(&call.facts.identity), Some("role/deploy"));
            let said = silence(&call, Some(details), Language::En);
            assert_eq!(said.as_deref(), why);
            let card = card(&DescribedCall::of(call), Locale::default()).into_string();
            assert_eq!(card.contains("<dt>alerts</dt><dd>none: "), why.is_some());
        }
    }
}
