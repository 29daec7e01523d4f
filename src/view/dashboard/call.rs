//! The page of one sensitive call: what it did, who made it and from where, when, why it is watched, how bad it is and when
//! alerts are sent.
//!
//! Below are the hours, origin, access keys, events and alerts. A sensitive call has no status and no history, and there is
//! nothing to decide about it.

use std::borrow::Cow;

use alerts::cluster_hint;
use alerts::links::{self, Links};
use alerts::locale::Language;
use alerts::outbox::MessageLogEntry;
use alerts::severity::Assessment;
use alerts::terms;
use clusters::call_alerts::{Due, due};
use clusters::facet::{FacetKind, Facets};
use clusters::fingerprint::ClusterSubject;
use clusters::inspection_state::CallHistory;
use clusters::keys::{KeyReport, masked};
use clusters::related::Related;
use clusters::watch::{CallDetails, Tier};
use clusters::{Cluster, EventId, Span};
use maud::{Markup, html};
use records::redact::sanitize;
use records::time::{Timestamp, Window};

use super::Frame;
use super::calls::weight;
use super::parts::facets::{VALUES_MAX, services_between, values};
use super::parts::hours::chart;
use super::parts::keys::{KeyTable, keys};
use super::parts::{
    FactWords, LINES_MAX, PartWords, account_link, aws_pages, back, call_name, deliveries, heads,
    json_button, moment_and_zone, outside, related, target, with_zone,
};
use crate::{call, grouped, moment, more, shown};

/// The maximum number of values of a kind among the facts on top.
const FACTS_MAX: usize = 3;

alerts::words! {
    /// The texts of the page of one sensitive call.
    pub(super) struct CallWords {
        sensitive_call: "Sensitive call", "敏感操作";
        strong_mark: "strong", "高风险";
        target: "target", "对象";
        no_target: "not named in the record", "记录中未注明";
        first_made: "first made", "首次调用";
        last_made: "last made", "最近调用";
        calls: "calls", "次数";
        calls_kept: "{count} in the last eight days", "最近八天 {count} 次";
        no_calls: "none in the last eight days", "最近八天没有调用";
        watched_because: "watched because", "关注理由";
        watch: "watch", "关注规则";
        technique: "ATT&CK technique", "ATT&CK 技术";
        weight: "weight", "权重";
        strong: "strong: the call is as serious as a step of an attack", "高风险：该操作相当于攻击中的一步";
        weak: "weak: such calls are also part of daily work", "一般：此类操作也属于日常工作";
        alert: "alert", "告警";
        alert_each: "An alert is sent when the call is made.", "每次调用都发送告警。";
        alert_condition: "An alert is sent when the call is made and the condition of the watch holds.", "调用且满足关注规则的条件时发送告警。";
        alert_hour: "Equal calls within an hour after it are counted with it.", "此后一小时内的相同调用合并计数。";
        alert_first: "One alert is sent, when this caller makes this call for the first time, whatever its target is. Later calls are counted and summed up.", "该调用者首次进行此操作时发送一次告警，不论对象。之后的调用只计数和汇总。";
        alert_first_strong: "One alert is sent, when this caller makes a strong call of this name for the first time, whatever its target is. Later calls are counted and summed up.", "该调用者首次进行此名称的高风险操作时发送一次告警，不论对象。之后的调用只计数和汇总。";
        alert_never_rule: "No alert is sent, calls are counted and summed up: expected by the rule", "不发送告警，只计数和汇总：符合预期规则";
        alert_never_service: "No alert is sent, calls are counted and summed up: an AWS service makes them on its own behalf.", "不发送告警，只计数和汇总：由 AWS 服务自行调用。";
        no_decision: "Nothing can be decided about a sensitive call here: it is over, and it does not recover. A rule with expected = true in the rules file is the way to say that such calls are expected. They are still counted and listed then, and no alert is sent.", "敏感操作已经完成，不会恢复，此处无法作出决定。如属正常操作，请在规则文件中添加带 expected = true 的规则：之后仍会计数并列出，但不再发送告警。";
        origin_heading: "Origin", "来源";
        session: "session", "会话";
        expired: "The events are no longer stored.", "事件已过保存期限。";
        events: "Events", "事件";
        event: "Event in CloudTrail", "在 CloudTrail 中查看事件";
        key: "Key", "密钥";
        link_query: "Calls in Logs Insights", "Logs Insights 中的调用";
    }
}

/// Returns the note on each page of a sensitive call, which is also the answer to a decision about one.
pub fn no_decision(language: Language) -> &'static str {
    CallWords::of(language).no_decision
}

/// All data that the page of one sensitive call shows.
#[derive(Debug)]
pub struct CallPage<'a> {
    /// The settings that all pages of the widget share.
    pub frame: Frame<'a>,
    /// The group of equal calls. Its counts, times and facets are of the events in `hours` only.
    pub call: &'a Cluster,
    /// The calls of the last days; `None` if there were none.
    pub history: Option<&'a CallHistory>,
    /// Whether the store is a file, whose `history` has the calls of any age.
    pub is_past: bool,
    /// The severity and its reasons, computed from all events.
    pub assessment: Assessment,
    /// The time of the first of all calls.
    pub first_seen: Option<Timestamp>,
    /// The number of calls in each hour of all time, oldest first; where these are not stored, of the last days.
    pub life: &'a [(Window, u64)],
    /// The hours whose events are in `call`, oldest first; empty if no events are stored.
    pub hours: &'a [Window],
    /// The events in `hours`, oldest first.
    pub events: &'a [CallEvent<'a>],
    /// Reports about the access keys in `call`.
    pub keys: &'a [KeyReport],
    /// Failures and other sensitive calls of the same caller at about the same time.
    pub related: &'a [Related],
    /// The alerts about the call, oldest first.
    pub sent: &'a [MessageLogEntry],
    /// Builds the links to CloudTrail and CloudWatch.
    pub links: &'a Links,
    /// Whether the page is shown in place of the list, with a button that leads back.
    pub is_in_widget: bool,
    /// A sentence about what a person has just asked for on the page.
    pub notice: Option<&'a str>,
}

/// One event of a sensitive call.
#[derive(Debug, Clone, Copy)]
pub struct CallEvent<'a> {
    /// The time of the event.
    pub at: Timestamp,
    /// The id of the event.
    pub id: EventId,
    /// The details of the event, such as its region.
    pub facets: &'a Facets,
}

impl CallPage<'_> {
    /// Returns the page of the sensitive call as HTML.
    pub fn html(&self) -> String {
        let subject = ClusterSubject::from(&self.call.facts.identity);
        let (words, language) = (self.words(), self.frame.locale.language);
        let severity = self.assessment.severity;
        let content = html! {
            (back(&self.frame, self.is_in_widget))
            @if let Some(notice) = self.notice { p.notice role="status" { (shown(notice)) } }
            h2 { bdi.call { (call_name(&subject)) } }
            p {
                (words.sensitive_call) " "
                span.badge.(severity.name()) { (terms::severity(severity, language)) }
                @if weight(&subject).is_some() { " " span.mark { (words.strong_mark) } }
            }
            p.advice { (shown(&cluster_hint::of_cluster(self.call, language))) }
            dl.facts {
                (self.what(&subject))
                (self.place())
                (self.times())
                (watched(self.frame.locale.language, subject.call.as_ref()))
                (self.severity())
                dt { (words.alert) } dd { (self.alert(subject.call.as_ref())) }
                (self.links())
            }
            (chart(&self.frame, self.life, 0))
            (self.origins())
            (keys(&self.frame, self.call, self.keys, KeyTable { id: masked_id, has_succeeded: true }))
            (self.events())
            (related(&self.frame, self.related))
            (deliveries(&self.frame, self.sent))
            p.soft { (self.no_decision()) }
            (json_button(&self.frame, self.call.id))
        };
        self.frame.page(&content)
    }

    fn labels(&self) -> &'static FactWords {
        FactWords::of(self.frame.locale.language)
    }

    fn words(&self) -> &'static CallWords {
        CallWords::of(self.frame.locale.language)
    }

    /// Returns the note about decisions, with the setting as code.
    fn no_decision(&self) -> Markup {
        const SETTING: &str = "expected = true";
        let (before, after) = self
            .words()
            .no_decision
            .split_once(SETTING)
            .unwrap_or_default();
        html! { (before) code { (SETTING) } (after) }
    }

    /// Returns who made the call, to what or whom, and with which parameters.
    fn what(&self, subject: &ClusterSubject) -> Markup {
        let words = self.words();
        html! {
            @match &self.call.facts.identity.cause {
                Some(caller) => { dt { (self.labels().who) } dd { bdi { (shown(caller)) } } }
                None => { (values(&self.frame, self.call, FacetKind::Principal, self.labels().who, VALUES_MAX)) }
            }
            @let between = services_between(&self.frame, self.call);
            @if !between.0.is_empty() { dt {} dd { (between) } }
            dt { (words.target) }
            dd { @if has_target(subject) { (target(&self.frame, subject)) } @else { (words.no_target) } }
            @for (name, value) in self.parameters(subject) {
                dt { (name) } dd { bdi { (shown(&value)) } }
            }
        }
    }

    fn parameters<'s>(&self, subject: &'s ClusterSubject) -> Vec<(String, Cow<'s, str>)> {
        let details = subject.call.as_ref();
        let language = self.frame.locale.language;
        details.map_or_else(Vec::new, |of| call::parameters(of, language))
    }

    fn place(&self) -> Markup {
        let few = |kind, name| values(&self.frame, self.call, kind, name, FACTS_MAX);
        html! {
            dt { (self.labels().account) } dd { (account_link(&self.frame, &self.call.facts.identity.account_id)) }
            (few(FacetKind::Region, self.labels().region))
            (few(FacetKind::Network, self.labels().network))
        }
    }

    fn times(&self) -> Markup {
        let (words, frame) = (self.words(), &self.frame);
        let first = self.first_seen.or(self.history.map(|of| of.first));
        let Span {
            count, last_seen, ..
        } = self.call.span;
        html! {
            dt { (words.first_made) } dd { (moment_and_zone(frame, first)) }
            @match self.history {
                Some(history) => {
                    dt { (words.last_made) } dd { (moment_and_zone(frame, Some(history.last))) }
                    dt { (words.calls) }
                    dd {
                        @let count = grouped(history.count());
                        @if self.is_past { (count) } @else { (words.calls_kept.replace("{count}", &count)) }
                    }
                }
                None if count > 0 => {
                    dt { (words.last_made) } dd { (moment_and_zone(frame, last_seen)) }
                    dt { (words.calls) } dd { (grouped(count)) }
                }
                None => { dt { (words.calls) } dd { (words.no_calls) } }
            }
        }
    }

    fn severity(&self) -> Markup {
        let language = self.frame.locale.language;
        let reasons = self.assessment.sentences(language);
        let reasons = reasons.join(language.pick(", ", "，"));
        html! {
            dt { (self.labels().severity) }
            dd {
                (terms::severity(self.assessment.severity, language))
                @if !reasons.is_empty() { (language.pick(": ", "：")) (reasons) }
            }
        }
    }

    /// Returns when an alert about the call is sent, in sentences.
    fn alert(&self, details: Option<&CallDetails>) -> Markup {
        let words = self.words();
        let facets = self.call.facet_sets.first().cloned().unwrap_or_default();
        let expected_by = details.and_then(|of| of.expected_by.as_ref());
        let gap = self.frame.locale.language.pick(" ", "");
        html! {
            @match due(&self.call.facts, &facets) {
                Due::EachHour if details.is_some_and(|of| of.tier == Tier::Condition) => {
                    (words.alert_condition) (gap) (words.alert_hour)
                }
                Due::EachHour => { (words.alert_each) (gap) (words.alert_hour) }
                Due::FirstOfCaller if details.is_some_and(|of| of.is_strong) => { (words.alert_first_strong) }
                Due::FirstOfCaller => { (words.alert_first) }
                Due::Never => {
                    @match expected_by {
                        Some(rule) => { (words.alert_never_rule) " " bdi { (shown(rule)) } }
                        None => { (words.alert_never_service) }
                    }
                }
            }
        }
    }

    fn links(&self) -> Markup {
        let (words, identity) = (self.words(), &self.call.facts.identity);
        let (first, last) = (self.hours.first(), self.hours.last());
        let query = first.zip(last).and_then(|(first, last)| {
            self.links.insights_of_call(
                &identity.event_source(),
                &identity.action,
                first.start(),
                last.end(),
            )
        });
        let caller = identity.cause.as_deref().and_then(aws_pages::of_caller);
        html! {
            @if query.is_some() || caller.is_some() {
                dt { (self.labels().see) }
                dd { (super::parts::links(&[(words.link_query, query), (self.labels().link_caller, caller)])) }
            }
        }
    }

    fn origins(&self) -> Markup {
        let words = self.words();
        let values = |kind, name| values(&self.frame, self.call, kind, name, VALUES_MAX);
        let all = |kind, name| {
            let found = self.call.facets.get(&kind);
            // Up to three values are among the facts on top.
            let is_new = found.is_some_and(|of| of.distinct > FACTS_MAX);
            if is_new {
                values(kind, name)
            } else {
                Markup::default()
            }
        };
        html! {
            h3 { (words.origin_heading) }
            @if self.call.span.count == 0 { p.soft { (words.expired) } }
            dl.facts {
                (all(FacetKind::Network, self.labels().network))
                (all(FacetKind::Region, self.labels().region))
                (values(FacetKind::VpcEndpoint, self.labels().endpoint))
                (values(FacetKind::Origin, self.labels().origin))
                (values(FacetKind::UserAgent, self.labels().program))
                (values(FacetKind::Session, words.session))
            }
        }
    }

    fn events(&self) -> Markup {
        let words = self.words();
        html! {
            @if !self.events.is_empty() {
                h3 { (words.events) }
                table.events {
                    (heads(&[&with_zone(&self.frame, PartWords::of(self.frame.locale.language).time), words.event, self.labels().network, words.key]))
                    tbody { @for event in self.events.iter().rev().take(LINES_MAX) { (self.event(event)) } }
                }
                (more(self.events.len(), LINES_MAX, self.frame.locale.language))
            }
        }
    }

    fn event(&self, event: &CallEvent<'_>) -> Markup {
        let id = event.id.to_string();
        let region = event.facets.get(FacetKind::Region).unwrap_or_default();
        let key = event.facets.get(FacetKind::AccessKey);
        html! {
            tr {
                td { (moment(Some(event.at), self.frame.locale)) }
                th scope="row" {
                    code {
                        @match self.links.event(region, event.id) {
                            Some(address) => (outside(&address, &id)),
                            None => (id),
                        }
                    }
                }
                td { bdi { (sanitize(event.facets.get(FacetKind::Network).unwrap_or_default(), 64)) } }
                td { @if let Some(key) = key { code { (masked(key)) } } }
            }
        }
    }
}

pub(super) fn masked_id(key: &KeyReport) -> Markup {
    html! { code { (masked(&key.id)) } }
}

fn has_target(subject: &ClusterSubject) -> bool {
    let details = subject.call.as_ref();
    details.is_none_or(|of| of.target.is_some())
}

/// Returns why a call is watched, and its technique in MITRE ATT&CK.
fn watched(language: Language, details: Option<&CallDetails>) -> Markup {
    let words = CallWords::of(language);
    let Some(details) = details else {
        return Markup::default();
    };
    html! {
        @if let Some(why) = call::why(details, language) {
            dt { (words.watched_because) } dd { bdi { (shown(&why)) } }
        }
        dt { (words.watch) } dd { bdi { (shown(&details.watch)) } }
        @if let Some(technique) = &details.technique {
            dt { (words.technique) }
            dd {
                @match links::technique(technique) {
                    Some(address) => (outside(&address, technique)),
                    None => bdi { (shown(technique)) },
                }
            }
        }
        dt { (words.weight) }
        dd { @if details.is_strong { (words.strong) } @else { (words.weak) } }
    }
}
