//! Renders a message as text, in English or Chinese: a title and sections.
//!
//! The four sections contain: which caller failed at which call and why; since when and how often; when each
//! access key was last active; what to do. A message about an incident has sections of its own.
//!
//! Untrusted text, which callers can influence, is always a separate piece of a line. Each output form
//! protects these pieces in its own way. The sentences around them are fixed.

mod call;
mod document;
mod drill;
mod facts_text;
mod incident;
mod keys;
pub mod parameters;
mod summary;
pub(crate) mod title;
mod words;

use clusters::class::Class;
use clusters::facet::{FacetKind as Facet, Facets};
use clusters::fingerprint::Identity;
use clusters::keys::masked;
use clusters::lifecycle::quiet_period_seconds;
use clusters::{Cluster, FacetValue};
use records::principal::is_account_id;
use records::time::Timestamp;

use crate::cluster_hint;
use crate::facts::Facts;
use crate::hint::{self, capitalized, layer_name};
use crate::kind::AlertKind;
use crate::links::Links;
use crate::locale::{Language, Locale};
use crate::message::{Enrichment, Example, Message};
use crate::safe::readable;
use crate::terms;
use crate::text::document::{Line, Piece, Pieces, Section, fill, joined};
use crate::text::words::Words;

/// The settings for rendering messages: language, time zone and links.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Texts {
    /// The language of titles and texts, and the time zone of times.
    pub locale: Locale,
    /// The consoles that links in the text lead to.
    pub links: Links,
}

/// The largest number of shown values of one facet, and of shown samples.
const VALUES_MAX: usize = 5;
const EXAMPLES_MAX: usize = 3;
/// The longest shown error message, in characters.
const TEMPLATE_CHARS_MAX: usize = 512;

impl Texts {
    /// Returns the text of the message, without the title, as basic Markdown. It has no tables and no
    /// HTML, because chat bots drop them.
    pub fn markdown(&self, message: &Message) -> String {
        document::markdown(&self.sections(message))
    }

    /// Returns the title and the text of the message as plain text.
    pub fn plain(&self, message: &Message) -> String {
        let body = document::plain(&self.sections(message));
        format!("{}\n\n{body}", self.title(message))
    }

    fn sections(&self, message: &Message) -> Vec<Section> {
        let words = Words::of(self.locale.language);
        let writer = Writer {
            message,
            facts: &message.alert.facts,
            words,
            texts: self,
        };
        if let Facts::Incident(incident) = writer.facts {
            return writer.incident_sections(incident);
        }
        let section = |title, lines| Section { title, lines };
        // There is no call and no key in a drill.
        if let Facts::Drill(_) | Facts::DrillFailed(_) = writer.facts {
            return vec![section(words.overview, writer.overview())];
        }
        vec![
            section(words.overview, writer.overview()),
            section(words.cloudtrail, writer.cloudtrail()),
            section(words.key_use, writer.keys()),
            section(writer.last_title(), writer.errors()),
        ]
    }
}

/// Returns the distinguishing text of an alert in a form that may be shown: the id of a key is masked.
fn shown_about(message: &Message) -> String {
    let about = &message.alert.about();
    match message.alert.kind() {
        AlertKind::AccessKey => masked(about),
        _ => readable(about, 256),
    }
}

/// Renders the parts of one message.
struct Writer<'a> {
    message: &'a Message,
    facts: &'a Facts,
    words: &'static Words,
    texts: &'a Texts,
}

impl Writer<'_> {
    /// Returns the title of the last section, with the advice.
    fn last_title(&self) -> &'static str {
        match self.facts {
            Facts::SensitiveCall(_) => self.words.made_call,
            _ => self.words.new_errors,
        }
    }

    fn overview(&self) -> Vec<Line> {
        let (message, words) = (self.message, self.words);
        let mut lines = vec![Line::Paragraph(self.first_sentence())];
        if message.cluster.is_none() && message.alert.cluster().is_some() {
            let gone = match self.facts {
                Facts::SensitiveCall(_) => words.call_gone,
                _ => words.gone,
            };
            lines.push(Line::Paragraph(vec![Piece::own(gone)]));
        }
        lines.extend(self.severity());
        lines.extend(self.facts_lines());
        lines.extend(self.times());
        if message.alert.is_late {
            lines.push(item(words.late, &[]));
        }
        if message.suppressed > 0 {
            let count = vec![Piece::strong(message.suppressed)];
            let suppressed = match self.facts {
                Facts::SensitiveCall(_) => words.suppressed_calls,
                _ => words.suppressed,
            };
            lines.push(item(suppressed, &[("count", count)]));
        }
        if message.enrichment == Enrichment::Partial {
            lines.push(item(words.partial, &[]));
        }
        lines.extend(self.zone());
        let id = own(message.alert.id());
        lines.push(match message.alert.cluster() {
            Some(cluster) => {
                let ids = match self.facts {
                    Facts::SensitiveCall(_) => words.call_ids,
                    _ => words.ids,
                };
                item(ids, &[("cluster", own(cluster)), ("alert", id)])
            }
            None => item(words.id, &[("alert", id)]),
        });
        lines
    }

    /// Returns lines with the severity and its reasons.
    fn severity(&self) -> Vec<Line> {
        let (message, words) = (self.message, self.words);
        let language = self.texts.locale.language;
        let severity = vec![Piece::strong(terms::severity(message.level(), language))];
        let mut lines = vec![item(words.severity, &[("severity", severity)])];
        let reasons = message.severity.reasons.iter().map(|reason| {
            let (text, name) = reason.words(language);
            fill(
                &text,
                &[("name", name.map(Piece::other).into_iter().collect())],
            )
        });
        let reasons: Vec<Pieces> = reasons.collect();
        if !reasons.is_empty() {
            let reasons = joined(reasons, words.comma);
            lines.push(item(words.reasons, &[("reasons", reasons)]));
        }
        lines
    }

    /// Returns a line with the time zone of the times, unless each time names it.
    fn zone(&self) -> Option<Line> {
        let locale = self.texts.locale;
        let zone = own(locale.zone_name());
        (!locale.is_plain()).then(|| item(self.words.time_zone, &[("zone", zone)]))
    }

    /// Returns a time on the reader's clock.
    fn time(&self, at: Timestamp) -> Pieces {
        own(self.texts.locale.stated(at))
    }

    /// Returns a length of time.
    fn lasted(&self, seconds: i64) -> Pieces {
        own(self.texts.locale.duration(seconds))
    }

    fn first_sentence(&self) -> Pieces {
        let words = self.words;
        if let Some(sentence) = self.facts_sentence() {
            return sentence;
        }
        let is_over = self.message.alert.is_end();
        let sentence = match self.message.alert.kind() {
            AlertKind::Escalating if is_over => words.calmed,
            AlertKind::SensitiveCall => words.calls_beyond,
            AlertKind::New => words.new,
            AlertKind::NewPrincipal => words.new_principal,
            AlertKind::NewCircumstance => words.new_circumstance,
            AlertKind::Regressed => words.regressed,
            AlertKind::Recovered => words.recovered,
            AlertKind::Escalating => words.escalating,
            AlertKind::Campaign => words.campaign,
            AlertKind::Incident => words.goes_on,
            AlertKind::AccessKey => words.access_key,
            AlertKind::AccountSummary => match self.facts {
                Facts::Learned(_) => words.learned,
                Facts::Digest(_) => words.digest,
                _ => words.account_summary,
            },
            AlertKind::NewAccount => words.new_account,
            AlertKind::NoData => words.no_data,
            AlertKind::Drill => words.drill,
            AlertKind::DrillFailed => words.drill_failed,
        };
        let cluster = self.message.cluster.as_ref();
        let unknown = || vec![Piece::own("?")];
        let quiet = cluster.map(|cluster| quiet_period_seconds(cluster.facts.identity.class));
        let about = shown_about(self.message);
        let about = match cluster {
            _ if about.is_empty() => Piece::own(words.nothing_further),
            Some(cluster) => Piece::other(cluster.short_name(&about)),
            None => Piece::other(&about),
        };
        fill(
            sentence,
            &[
                ("account", self.account()),
                ("code", cluster.map_or_else(unknown, |of| self.code(of))),
                ("api", cluster.map_or_else(unknown, api)),
                ("quiet", self.lasted(quiet.unwrap_or_default())),
                ("about", vec![about]),
            ],
        )
    }

    fn account(&self) -> Pieces {
        let id = self.message.alert.account_id();
        if id.is_empty() {
            return vec![Piece::own(self.words.whole_stack)];
        }
        let mut pieces = vec![Piece::other(id)];
        if is_account_id(id) {
            pieces = vec![Piece::own(id)];
        }
        if let Some(name) = &self.message.account_name {
            pieces.extend([Piece::own(" "), Piece::other(name)]);
        }
        fill(self.words.account, &[("id", pieces)])
    }

    fn times(&self) -> Vec<Line> {
        let (message, words) = (self.message, self.words);
        if let Facts::SensitiveCall(_) = self.facts {
            return self.call_times().into_iter().collect();
        }
        let Some(cluster) = &message.cluster else {
            return Vec::new();
        };
        let mut lines = Vec::new();
        let first = message.first_seen.or(cluster.span.first_seen);
        if let (Some(first), Some(last)) = (first, cluster.span.last_seen.or(first)) {
            let values = [("first", self.time(first)), ("last", self.time(last))];
            lines.push(item(words.seen, &values));
        }
        let count = vec![Piece::strong(message.count())];
        lines.push(match (message.from, message.until) {
            (Some(from), Some(until)) => {
                let (from, until) = (self.time(from), self.time(until));
                let values = [("count", count), ("from", from), ("until", until)];
                item(words.often_between, &values)
            }
            _ => item(words.often, &[("count", count)]),
        });
        // The time since the fault began is not the length of an episode that is over. The facts of a
        // recovery contain that length.
        if message.fault_seconds() >= 60 && message.alert.kind() != AlertKind::Recovered {
            let lasted = self.lasted(message.fault_seconds());
            lines.push(item(words.lasted, &[("lasted", lasted)]));
        }
        lines
    }

    fn cloudtrail(&self) -> Vec<Line> {
        let (message, words) = (self.message, self.words);
        let mut lines = Vec::new();
        if let Facts::SensitiveCall(call) = self.facts {
            let api = vec![Piece::other(&call.api())];
            lines.push(item(words.call_succeeded, &[("api", api)]));
        } else if let Some(cluster) = &message.cluster {
            let count = vec![Piece::strong(message.account_errors)];
            lines.push(item(words.account_errors, &[("count", count)]));
            let class = terms::class(cluster.facts.identity.class, self.texts.locale.language);
            let class = own(class);
            lines.push(item(
                words.call,
                &[
                    ("api", api(cluster)),
                    ("class", class),
                    ("code", self.code(cluster)),
                ],
            ));
        }
        if let Some(cluster) = &message.cluster {
            for (facet, what) in [
                (Facet::Principal, words.principals),
                (Facet::Session, words.sessions),
                (Facet::Region, words.regions),
                (Facet::Origin, words.origins),
                (Facet::Network, words.networks),
                (Facet::UserAgent, words.agents),
                (Facet::Resource, words.resources),
                (Facet::Layer, words.layers),
                (Facet::Policy, words.policies),
            ] {
                lines.extend(self.values(cluster, facet, what));
            }
        }
        match self.facts {
            Facts::Campaign(of) => lines.extend(self.campaign_calls(of)),
            Facts::Summary(of) => lines.extend(self.summary_changes(of)),
            Facts::AccessKey(of) => lines.extend(self.key_details(of)),
            Facts::Learned(of) => lines.push(self.learned(of)),
            Facts::Digest(of) => lines.extend(self.digest(of)),
            _ => {}
        }
        let links = self.links().into_iter();
        lines.extend(links.map(|link| Line::Item(vec![link])));
        lines
    }

    fn values(&self, cluster: &Cluster, facet: Facet, what: &'static str) -> Option<Line> {
        let words = self.words;
        let all = cluster.facets.get(&facet)?;
        let value = |value: &FacetValue| {
            let name = match facet {
                Facet::Principal => cluster.short_name(&value.value),
                _ => &value.value,
            };
            let language = self.texts.locale.language;
            let mut pieces = match (facet, name.strip_prefix("via ")) {
                (Facet::Origin, Some(service)) => {
                    let via = Piece::own(language.pick("via ", "经由 "));
                    vec![via, Piece::other(service)]
                }
                (Facet::Origin, None) => term(name, language, terms::origin),
                (Facet::Layer, _) => term(name, language, terms::layer),
                _ => vec![Piece::other(name)],
            };
            let count = own(value.span.count);
            pieces.extend(fill(words.value_count, &[("count", count)]));
            pieces
        };
        let mut shown: Vec<Pieces> = all.values.iter().take(VALUES_MAX).map(value).collect();
        if shown.is_empty() {
            return None;
        }
        if let Some(more @ 1..) = all.distinct.checked_sub(shown.len()) {
            shown.push(fill(words.more, &[("count", own(more))]));
        }
        if facet == Facet::Principal {
            let between = cluster.services_between().into_iter();
            let via = self.texts.locale.language.pick("via ", "经由 ");
            shown.extend(between.map(|service| vec![Piece::own(via), Piece::other(service)]));
        }
        let values = joined(shown, words.comma);
        Some(item(words.by, &[("what", own(what)), ("values", values)]))
    }

    fn links(&self) -> Vec<Piece> {
        let (words, links) = (self.words, &self.texts.links);
        let mut found = Vec::new();
        let mut add = |label, url: Option<String>| {
            found.extend(url.map(|url| Piece::Link { label, url }));
        };
        add(words.look_dashboard, links.dashboard());
        let (message, range) = (self.message, self.message.from.zip(self.message.until));
        if let (Some(cluster), Some((from, until))) = (&message.cluster, range) {
            add(words.look_logs, message.logs_link(links));
            add(
                words.look_samples,
                links.guance_logs(cluster.id, from, until),
            );
        }
        let fault = message.alert.fault_id();
        let since = message.fault_start().zip(message.at());
        if let (Some((start, at)), true) = (since, fault != message.alert.id()) {
            let event = format!("event-{fault}");
            add(
                words.look_fault,
                links.guance_event(&event, start, start.max(at)),
            );
        }
        found
    }

    fn errors(&self) -> Vec<Line> {
        let words = self.words;
        match &self.facts {
            Facts::Campaign(of) => return self.campaign_clusters(of),
            Facts::Summary(of) => return self.summary_errors(of),
            Facts::SensitiveCall(of) => return self.call_advice(of),
            _ => {}
        }
        let Some(cluster) = &self.message.cluster else {
            return vec![Line::Paragraph(vec![Piece::own(words.no_error)])];
        };
        let values = [
            ("code", self.code(cluster)),
            ("api", api(cluster)),
            (
                "count",
                vec![Piece::strong(events(words, self.message.count()))],
            ),
        ];
        let mut lines = vec![Line::Paragraph(fill(words.error, &values))];
        let template = &cluster.facts.template;
        if !template.is_empty() {
            let template = vec![Piece::long(template, TEMPLATE_CHARS_MAX)];
            lines.push(item(words.error_message, &[("template", template)]));
        }
        lines.push(item(words.to_do, &[("hint", self.hint(cluster))]));
        lines.extend(self.examples());
        lines
    }

    fn hint(&self, cluster: &Cluster) -> Pieces {
        let (facts, facets) = (&cluster.facts, cluster_hint::decisive(cluster));
        self.advice(&facts.identity, &facts.template, &facets)
    }

    /// Returns what to do about calls with this identity and these facets. `template` is the masked error message, or
    /// empty.
    fn advice(&self, identity: &Identity, template: &str, facets: &Facets) -> Pieces {
        let advice = hint::advice(identity, template, facets);
        let language = self.texts.locale.language;
        let sentence = language.pick(advice.english, advice.chinese);
        let pieces = hint::values(identity, facets).map(|(placeholder, value)| {
            let name = placeholder.name;
            let piece = match value {
                Some(layer) if name == "layer" => {
                    Piece::own(layer_name(&layer, language).unwrap_or_default())
                }
                Some(value) => Piece::other(&value),
                None if language == Language::Zh => Piece::own(placeholder.chinese),
                None if sentence.starts_with(&format!("{{{name}}}")) => {
                    Piece::own(capitalized(placeholder.english))
                }
                None => Piece::own(placeholder.english),
            };
            (name, vec![piece])
        });
        fill(sentence, &pieces)
    }

    /// Returns the error code of a cluster; the name of the class if there is none.
    fn code(&self, cluster: &Cluster) -> Pieces {
        let identity = &cluster.facts.identity;
        let code = cluster.error_code().unwrap_or(&identity.code);
        self.spelled(code, identity.class)
    }

    /// Returns an error code, or words for it if it is none of AWS.
    fn spelled(&self, code: &str, class: Class) -> Pieces {
        let language = self.texts.locale.language;
        match terms::code(code, class, language) {
            Some(words) => own(words),
            None if code.is_empty() => own(terms::class(class, language)),
            None => vec![Piece::other(code)],
        }
    }

    fn examples(&self) -> Vec<Line> {
        let line = |of: &Example| {
            let at = of.at.map_or_else(|| own("?"), |at| self.time(at));
            let mut pieces = fill(self.words.example, &[("at", at)]);
            for text in [&of.caller, &of.source_ip, &of.region]
                .into_iter()
                .flatten()
            {
                pieces.extend([Piece::own(self.words.comma), Piece::other(text)]);
            }
            let region = of.region.as_deref();
            let url = region.and_then(|region| self.texts.links.event(region, of.id));
            let label = self.words.look_event;
            if let Some(url) = url {
                pieces.extend([Piece::own(self.words.comma), Piece::Link { label, url }]);
            }
            Line::Item(pieces)
        };
        let examples = self.message.examples.iter();
        examples.take(EXAMPLES_MAX).map(line).collect()
    }
}

/// Returns the name of a conclusion in a language. A value that the table of terms does not have is untrusted text.
fn term(value: &str, language: Language, name: impl Fn(&str, Language) -> String) -> Pieces {
    match name(value, Language::Zh) == value {
        true => vec![Piece::other(value)],
        false => own(name(value, language)),
    }
}

fn own(text: impl ToString) -> Pieces {
    vec![Piece::own(text)]
}

fn item(sentence: &str, values: &[(&str, Pieces)]) -> Line {
    Line::Item(fill(sentence, values))
}

fn events(words: &Words, count: u64) -> String {
    match count {
        1 => words.one_event.to_owned(),
        count => words.events.replace("{count}", &count.to_string()),
    }
}

fn calls(words: &Words, count: u64) -> String {
    match count {
        1 => words.one_call.to_owned(),
        count => words.calls_made.replace("{count}", &count.to_string()),
    }
}

fn api(cluster: &Cluster) -> Pieces {
    let identity = &cluster.facts.identity;
    let api = match identity.service.is_empty() {
        true => identity.action.clone(),
        false => format!("{}:{}", identity.service, identity.action),
    };
    match api.as_str() {
        "" => own("?"),
        api => vec![Piece::other(api)],
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use clusters::escalation::Escalation;
    use records::time::Timestamp;

    use super::*;
    use crate::alert::{Alert, AlertSubject};
    use crate::facts::DigestFacts;
    use crate::severity::Severity;

    #[test]
    fn the_end_of_learning_and_a_digest_have_their_own_titles() {
        let of = |alert| Message::of_account(alert, Vec::new(), None);
        let message = of(Alert::learned(24));
        let texts = Texts::default();
        assert_eq!(
            texts.title(&message),
            "[Summary] AWS: the learning period is over"
        );
        assert!(
            texts
                .plain(&message)
                .contains("over for the whole stack: new errors are announced")
        );
        let digest = Facts::Digest(DigestFacts {
            first: "0123".to_owned(),
            alerts: 200,
            kinds: BTreeMap::from([(AlertKind::New, 200)]),
            accounts: BTreeMap::new(),
            classes: BTreeMap::new(),
            clusters: Vec::new(),
        });
        let message = of(Alert::new(
            AlertSubject::Stack,
            digest,
            None,
            Timestamp::FIRST,
        ));
        assert_eq!(texts.title(&message), "[Summary] AWS: alerts that waited");
        assert!(
            texts
                .plain(&message)
                .contains("Alerts of the whole stack that waited")
        );
    }

    #[test]
    fn an_escalation_of_an_account_names_no_single_error() {
        let full = |hour| Timestamp::parse(&format!("2026-11-02T{hour}:00:00Z")).unwrap();
        let escalation = Escalation {
            since: full("08").window(),
            limit: 60,
            peak: 240,
            calm: 2,
        };
        let account = "111122223333";
        let texts = Texts::default();
        for (alert, title, sentence) in [
            (
                Alert::of_escalation(account, None, full("09"), (200, 60), Timestamp::FIRST),
                "[Escalating] AWS 111122223333: all errors (200 events in an hour, at most 60 expected)",
                "The errors of account 111122223333 are much more frequent all together",
            ),
            (
                Alert::of_escalation_end(account, None, full("14"), &escalation, Timestamp::FIRST),
                "[Calmed down] AWS 111122223333: all errors",
                "events in the largest hour: 240, expected at most: 60",
            ),
        ] {
            let message = Message::of_account(alert, Vec::new(), None);
            assert_eq!(texts.title(&message), title);
            assert!(
                texts.plain(&message).contains(sentence),
                "{}",
                texts.plain(&message)
            );
            assert_eq!(message.level(), Severity::Error);
        }
    }

    #[test]
    fn both_languages_have_all_texts_with_equal_placeholders() {
        let names = |text: &str| {
            let mut names: Vec<String> = text
                .split('{')
                .skip(1)
                .filter_map(|part| Some(part.split_once('}')?.0.to_owned()))
                .collect();
            names.sort();
            names
        };
        for (name, english, chinese) in Words::all() {
            assert!(!english.is_empty() && !chinese.is_empty(), "{name}");
            assert_eq!(names(english), names(chinese), "{name}");
        }
    }
}
