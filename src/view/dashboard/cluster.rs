//! The page of one cluster: what fails, who and where, why, since when and how badly; then the events over time, the
//! decisions of people, callers and other details, history, related clusters and alerts.

use alerts::cluster_hint;
use alerts::guance::attributes;
use alerts::links::Links;
use alerts::outbox::MessageLogEntry;
use alerts::terms;
use clusters::Cluster;
use clusters::facet::FacetKind;
use clusters::journal::{Fault, JournalEntry, JournalEvent, OWN_ACTOR};
use clusters::keys::KeyReport;
use clusters::related::Related;
use clusters::sample::Sample;
use clusters::triage::{Decision, TriageStatus};
use maud::{Markup, html};
use records::redact::sanitize;
use records::time::{Timestamp, Window};
use serde_json::json;

use super::parts::facets::{VALUES_MAX, callers, samples, services_between, values};
use super::parts::hours::chart;
use super::parts::keys::{KeyTable, keys};
use super::parts::{
    FactWords, LINES_MAX, PartWords, account_link, aws_pages, back, caller_link, deliveries,
    events_text, heads, json_button, links, moment_and_zone, related, with_zone,
};
use super::{ClickTarget, Frame, failed};
use crate::listing::ListedCluster;
use crate::{fill, grouped, moment, more, shown};

/// The maximum number of values of a kind among the facts on top; the sections below have more.
const FACTS_MAX: usize = 3;

alerts::words! {
    /// The texts of the page of one cluster.
    pub(super) struct ClusterWords {
        who_unknown: "not named in the records", "记录中未注明";
        and_more: "and {count} more", "另有 {count} 个";
        resource: "resource", "目标资源";
        class: "class", "类别";
        refused_by: "refused by", "拒绝方";
        policy: "policy", "策略";
        cause: "cause", "原因";
        message: "message", "错误信息";
        first_seen: "first seen", "首次出现";
        last_seen: "last seen", "最近出现";
        again: "failing again since", "再次出现于";
        occurrence: "{ordinal} occurrence", "第 {number} 次出现";
        how_often: "total", "总数";
        by_callers: "{events} by {count} callers", "{events}，{count} 个调用者";
        link_event: "Event in CloudTrail", "在 CloudTrail 中查看事件";
        link_query: "Events in Logs Insights", "Logs Insights 中的事件";
        link_error: "AWS documentation of the error", "AWS 错误文档";
        evidence_of: "Callers and details are of {count} of {total} events, from {from} to {until} {zone}.", "调用者和明细来自 {total} 个事件中的 {count} 个，时间 {from} 至 {until}（{zone}）。";
        expired: "The events are no longer stored; callers and details are not known.", "事件已过保存期限，调用者和明细未知。";
        details: "Details", "明细";
        iam_action: "IAM action", "IAM 操作";
        fields: "Fields for filters", "筛选字段";
        fields_how: "Click a value to select it, then copy it.", "点击即可选中，然后复制。";
        history: "History", "历史";
        no_history: "Nothing has been noted yet.", "暂无记录。";
        failing_from: "Failing from", "开始";
        until: "Until", "结束";
        duration: "Duration", "持续时间";
        ended_by: "Ended by", "结束方式";
        still: "still failing", "仍在失败";
        change: "Change", "变更";
        by: "By", "操作人";
        reason: "Reason", "原因";
        muted_until: "muted until", "已静音，直到";
        new_caller: "new caller {who}", "新调用者 {who}";
        new_value: "new {kind} {value}", "新{kind} {value}";
        new_value_of: "new {kind} {value} for {who}", "新{kind} {value}，调用者 {who}";
        access_key: "access key", "访问密钥";
        escalating: "escalating: {count} events in an hour", "激增：一小时内 {count} 个事件";
        // Decisions.
        decision: "Decision", "决定";
        decided_by: "{decision}, by", "{decision}，操作人";
        ended: "ended: {reason}", "已结束：{reason}";
        reason_field: "Reason (required)", "原因（必填）";
        name_field: "Your name", "您的姓名";
        mute_for: "Mute for", "静音时长";
        acknowledge: "Acknowledge", "确认";
        acknowledge_means: "Someone works on it. Alerts are still sent. Ends when the cluster recovers.", "有人正在处理。告警照常发送。聚类恢复后失效。";
        mute: "Mute", "静音";
        mute_means: "No alert is sent for the chosen time, not even about its recovery.", "在所选时间内不发送任何告警，包括恢复通知。";
        expect: "Mark as expected", "标为预期";
        expect_means: "The failure is normal. No alert is sent any more.", "属于正常现象。不再发送告警。";
        resolve: "Resolve", "解决";
        resolve_means: "The failure is over. The next event opens the cluster again, and an alert is sent.", "故障已排除。再次出现事件时聚类重新打开，并发送告警。";
        reopen: "Reopen", "重新打开";
        reopen_means: "The failure is not over. The cluster is open again.", "故障未排除。聚类重新打开。";
        take_back: "Take back", "撤销决定";
        take_back_means: "Removes the decision. Alerts are sent again as for any other cluster.", "取消该决定。告警恢复正常发送。";
        question: "{title}?", "{title}？";
        json_how: "A click selects all text.", "点击即可全选。";
    }
}

/// All data that the page of one cluster shows.
#[derive(Debug)]
pub struct ClusterPage<'a> {
    /// The settings that all pages of the widget share.
    pub frame: Frame<'a>,
    /// The cluster. Its counts, times and facets are of the events in `hours` only, and its samples of all stored
    /// events.
    pub cluster: &'a Cluster,
    /// The row of the cluster in the listing. It counts all events of the cluster.
    pub listed: &'a ListedCluster,
    /// The time of the cluster's first event; if `None`, the time in `listed` is shown.
    pub first_seen: Option<Timestamp>,
    /// The number of events in each hour of the cluster's life, oldest first; where these are not stored, the last hours
    /// with events.
    pub life: &'a [(Window, u64)],
    /// The hours whose events are counted in `cluster`, oldest first; empty if no events of the cluster are stored.
    pub hours: &'a [Window],
    /// The triage of the cluster, with the reason of its end; `None` if there is no triage.
    pub triage_status: Option<TriageStatus<'a>>,
    /// The number of changes of the cluster's triage so far. The buttons for decisions send it, so that a decision
    /// cannot replace a newer triage.
    pub version: i64,
    /// The periods in which the cluster failed, oldest first.
    pub faults: &'a [Fault],
    /// The journal of the cluster, oldest entry first.
    pub entries: &'a [JournalEntry],
    /// Reports about the long-term access keys in `cluster`, the key with the most events first.
    pub keys: &'a [KeyReport],
    /// The other clusters in which the same callers failed at about the same time, and their sensitive calls.
    pub related: &'a [Related],
    /// The alerts about the cluster, each with the answer of its sink or the reason why it was not sent; oldest first.
    pub sent: &'a [MessageLogEntry],
    /// Builds the links to CloudTrail, CloudWatch and Guance.
    pub links: &'a Links,
    /// The durations for which the page offers to mute the cluster, such as `1d`, with their length in seconds. If empty,
    /// the page has no buttons for decisions.
    pub mutes: &'a [(&'static str, i64)],
    /// Whether the page is shown in place of the list, with a button that leads back.
    pub is_in_widget: bool,
    /// A sentence about the result of the decision that a person has just made on the page; `None` if there was no
    /// decision.
    pub notice: Option<&'a str>,
}

impl ClusterPage<'_> {
    /// Returns the page of the cluster as HTML.
    pub fn html(&self) -> String {
        let identity = &self.cluster.facts.identity;
        let language = self.frame.locale.language;
        let (severity, status) = (self.listed.assessment().severity, self.listed.status());
        let call = format!("{}:{}", identity.service, identity.action);
        let content = html! {
            (back(&self.frame, self.is_in_widget))
            @if let Some(notice) = self.notice { p.notice role="status" { (shown(notice)) } }
            h2 { bdi.call { (sanitize(&call, 160)) } " " bdi.code { (self.failed()) } }
            p {
                span.badge.(severity.name()) { (terms::severity(severity, language)) } " "
                span.badge.(status.name()) { (terms::status(status, language)) }
                @if let Some(triage_status) = self.triage_status { " " (self.decided(triage_status)) }
            }
            p.advice { (shown(&cluster_hint::of_cluster(self.cluster, language))) }
            dl.facts { (self.who()) (self.place()) (self.why()) (self.times()) (self.severity()) (self.links()) }
            (chart(&self.frame, self.life, self.listed.total))
            (self.decide())
            (self.evidence_range())
            (callers(&self.frame, self.cluster))
            (self.details())
            (keys(&self.frame, self.cluster, self.keys, KeyTable { id: whole_id, has_succeeded: false }))
            (self.history())
            (related(&self.frame, self.related))
            (deliveries(&self.frame, self.sent))
            (samples(&self.frame, self.cluster))
            (self.fields())
            (json_button(&self.frame, self.cluster.id))
        };
        self.frame.page(&content)
    }

    /// Returns an HTML page that shows `json`, the JSON text of a cluster, to be copied.
    pub fn export(frame: Frame<'_>, json: &str) -> String {
        let words = ClusterWords::of(frame.locale.language);
        frame.page(&html! {
            h2 { "JSON" }
            p.soft.select-hint { (words.json_how) }
            pre.copy tabindex="0" role="region" aria-label="JSON" { (json) }
        })
    }

    fn labels(&self) -> &'static FactWords {
        FactWords::of(self.frame.locale.language)
    }

    fn words(&self) -> &'static ClusterWords {
        ClusterWords::of(self.frame.locale.language)
    }

    fn failed(&self) -> String {
        failed(
            &self.frame,
            &self.listed.subject,
            self.listed.code.as_deref(),
        )
    }

    fn id(&self) -> String {
        self.cluster.id.to_string()
    }

    fn who(&self) -> Markup {
        let words = self.words();
        let found = self.cluster.facets.get(&FacetKind::Principal);
        let values = found.map(|of| of.values.as_slice()).unwrap_or_default();
        let callers = self.listed.callers.max(values.len() as u64);
        let named = values.len().min(FACTS_MAX) as u64;
        let account_id = &self.cluster.facts.identity.account_id;
        html! {
            dt { (self.labels().who) }
            dd {
                @if let Some(only) = self.listed.caller.as_ref().filter(|_| values.is_empty()) {
                    (caller_link(&self.frame, account_id, only))
                } @else if values.is_empty() { (words.who_unknown) }
                @for value in values.iter().take(FACTS_MAX) {
                    div {
                        (caller_link(&self.frame, account_id, &value.value))
                        @if values.len() > 1 { " " span.times { "×" (crate::number(value.span.count)) } }
                    }
                }
                @if named > 0 && callers > named {
                    div.soft { (words.and_more.replace("{count}", &grouped(callers - named))) }
                }
                (services_between(&self.frame, self.cluster))
            }
        }
    }

    fn place(&self) -> Markup {
        let words = self.words();
        let few = |kind, name| values(&self.frame, self.cluster, kind, name, FACTS_MAX);
        html! {
            dt { (self.labels().account) } dd { (account_link(&self.frame, &self.cluster.facts.identity.account_id)) }
            (few(FacetKind::Region, self.labels().region))
            (few(FacetKind::Network, self.labels().network))
            (few(FacetKind::Resource, words.resource))
        }
    }

    /// Returns why the calls fail: the class, the policy layer and the policy that refused them, the cause and the message.
    fn why(&self) -> Markup {
        let (words, facts) = (self.words(), &self.cluster.facts);
        let some = |kind, name| values(&self.frame, self.cluster, kind, name, FACTS_MAX);
        html! {
            dt { (words.class) } dd { (terms::class(facts.identity.class, self.frame.locale.language)) }
            (some(FacetKind::Layer, words.refused_by))
            (some(FacetKind::Policy, words.policy))
            @if let Some(cause) = &facts.identity.cause {
                dt { (words.cause) } dd { bdi { (shown(cause)) } }
            }
            @if !facts.template.is_empty() {
                dt { (words.message) } dd { bdi { (shown(&facts.template)) } }
            }
        }
    }

    fn times(&self) -> Markup {
        let (words, listed, frame) = (self.words(), self.listed, &self.frame);
        let events = events_text(frame, listed.total);
        let often = match listed.callers {
            0 | 1 => events,
            count => {
                let text = words.by_callers.replace("{events}", &events);
                text.replace("{count}", &grouped(count))
            }
        };
        html! {
            dt { (words.first_seen) } dd { (moment_and_zone(frame, self.first_seen.or(listed.first))) }
            @if listed.episode > 1 {
                @let number = listed.episode.unsigned_abs();
                dt { (words.again) }
                dd {
                    (moment_and_zone(frame, listed.began)) " · "
                    (words.occurrence.replace("{ordinal}", &ordinal(number)).replace("{number}", &grouped(number)))
                }
            }
            dt { (words.last_seen) } dd { (moment_and_zone(frame, listed.last)) }
            dt { (words.how_often) } dd { (often) }
        }
    }

    fn severity(&self) -> Markup {
        let language = self.frame.locale.language;
        let assessment = self.listed.assessment();
        let reasons = assessment
            .sentences(language)
            .join(language.pick(", ", "，"));
        let severity = terms::severity(assessment.severity, language);
        html! {
            dt { (self.labels().severity) }
            dd { (severity) @if !reasons.is_empty() { (language.pick(": ", "：")) (reasons) } }
        }
    }

    fn links(&self) -> Markup {
        let (words, identity) = (self.words(), &self.cluster.facts.identity);
        let typical = self.cluster.typical();
        let region = typical.get(FacetKind::Region).unwrap_or_default();
        let event = |sample: &Sample| self.links.event(region, sample.id);
        let event = self.cluster.samples.last().and_then(event);
        let (first, last) = (self.hours.first(), self.hours.last());
        let query = first.zip(last).and_then(|(first, last)| {
            self.links
                .insights(&identity.action, first.start(), last.end())
        });
        let caller = typical.get(FacetKind::Principal);
        html! {
            dt { (self.labels().see) }
            dd {
                (links(&[
                    (words.link_event, event),
                    (words.link_query, query),
                    (words.link_error, Some(aws_pages::of_error(identity))),
                    (self.labels().link_caller, caller.and_then(aws_pages::of_caller)),
                ]))
            }
        }
    }

    /// Returns the decision with its author and reason, and the reason of its end if it has ended.
    fn decided(&self, TriageStatus { triage, ended }: TriageStatus<'_>) -> Markup {
        let words = self.words();
        let locale = self.frame.locale;
        let decision = terms::decision(triage.decision, locale);
        html! {
            span.decided {
                (words.decided_by.replace("{decision}", &decision)) " " bdi { (shown(&triage.actor)) }
                @if !triage.reason.is_empty() { (locale.language.pick(": ", "：")) bdi { (shown(&triage.reason)) } }
                @if let Some(ended) = ended {
                    @let reason = terms::end_reason(ended, locale.language);
                    " · " (words.ended.replace("{reason}", &reason))
                }
            }
        }
    }

    fn decide(&self) -> Markup {
        if self.mutes.is_empty() {
            return Markup::default();
        }
        let words = self.words();
        let triage = self.triage_status.map(|of| of.triage.decision);
        let take_back = match triage {
            Some(Decision::Resolved) => Some((words.reopen, words.reopen_means)),
            Some(_) => Some((words.take_back, words.take_back_means)),
            None => None,
        };
        html! {
            h3 { (words.decision) }
            form.decide {
                div.fields {
                    label { span { (words.reason_field) } input name="reason" required maxlength="500" autocomplete="off"; }
                    label { span { (words.name_field) } input name="who" maxlength="100"; }
                    label {
                        span { (words.mute_for) }
                        select name="mute_for" {
                            @for (time, seconds) in self.mutes {
                                option value=(time) selected[*time == "1d"] { (self.frame.locale.duration(*seconds)) }
                            }
                        }
                    }
                }
                ul.choices {
                    (self.choice("acknowledge", words.acknowledge, words.acknowledge_means))
                    (self.choice("mute", words.mute, words.mute_means))
                    (self.choice("expect", words.expect, words.expect_means))
                    (self.choice("resolve", words.resolve, words.resolve_means))
                    @if let Some((title, consequence)) = take_back {
                        (self.choice("take-back", title, consequence))
                    }
                }
            }
        }
    }

    /// Returns a button for a decision, with its consequence beside it and in the question before the call.
    fn choice(&self, decide: &str, title: &str, consequence: &str) -> Markup {
        let params = json!({"cluster": self.id(), "decide": decide, "version": self.version});
        let question = self.words().question.replace("{title}", title);
        let confirmation = format!("{question}\n{consequence}");
        html! {
            li {
                a.btn { (title) }
                (self.frame.call(ClickTarget::Popup, &params, Some(&confirmation)))
                span.soft { (consequence) }
            }
        }
    }

    /// Returns a sentence about the events that callers and details come from, if these are not all events.
    fn evidence_range(&self) -> Markup {
        let (words, locale) = (self.words(), self.frame.locale);
        let (count, total) = (self.cluster.span.count, self.listed.total);
        html! {
            @match (self.hours.first(), self.hours.last()) {
                (Some(first), Some(last)) => {
                    @if count < total {
                        @let text = words.evidence_of.replace("{count}", &grouped(count))
                            .replace("{total}", &grouped(total))
                            .replace("{from}", &locale.minute(first.start()))
                            .replace("{until}", &locale.minute(last.end()))
                            .replace("{zone}", &locale.zone_name());
                        p.soft { (text) }
                    }
                }
                _ => { @if count == 0 { p.soft { (words.expired) } } }
            }
        }
    }

    fn details(&self) -> Markup {
        let words = self.words();
        let rows = [
            (FacetKind::Region, self.labels().region),
            (FacetKind::Network, self.labels().network),
            (FacetKind::VpcEndpoint, self.labels().endpoint),
            (FacetKind::Resource, words.resource),
            (FacetKind::Origin, self.labels().origin),
            (FacetKind::UserAgent, self.labels().program),
            (FacetKind::IamAction, words.iam_action),
        ];
        // Up to three values are among the facts on top.
        let on_top = [FacetKind::Region, FacetKind::Network, FacetKind::Resource];
        let is_new = |(kind, _): &(FacetKind, &str)| {
            let found = self.cluster.facets.get(kind);
            found.is_some_and(|of| of.distinct > FACTS_MAX || !on_top.contains(kind))
        };
        let rows: Vec<_> = rows.into_iter().filter(is_new).collect();
        html! {
            @if !rows.is_empty() {
                h3 { (words.details) }
                dl.facts {
                    @for (kind, name) in rows { (values(&self.frame, self.cluster, kind, name, VALUES_MAX)) }
                }
            }
        }
    }

    /// Returns the values that alerts can be filtered by, as pairs of name and value to be copied.
    fn fields(&self) -> Markup {
        let words = self.words();
        let pairs = attributes::all_of_cluster(self.cluster, self.listed.code.as_deref());
        html! {
            h3 { (words.fields) }
            p.soft.select-hint { (words.fields_how) }
            ul.pairs {
                @for (name, value) in &pairs { li { code.copy { (name) ":" (sanitize(value, 256)) } } }
            }
        }
    }

    fn history(&self) -> Markup {
        let (words, frame) = (self.words(), &self.frame);
        html! {
            h3 { (words.history) }
            @if self.faults.is_empty() && self.entries.is_empty() { p.soft { (words.no_history) } }
            @if !self.faults.is_empty() {
                table.faults {
                    (heads(&[
                        &with_zone(frame, words.failing_from), &with_zone(frame, words.until), words.duration,
                        words.ended_by,
                    ]))
                    tbody { @for fault in self.faults.iter().rev().take(LINES_MAX) { (self.fault(fault)) } }
                }
                (more(self.faults.len(), LINES_MAX, frame.locale.language))
            }
            @if !self.entries.is_empty() {
                table.journal {
                    (heads(&[&with_zone(frame, PartWords::of(self.frame.locale.language).time), words.change, words.by, words.reason]))
                    tbody { @for entry in self.entries.iter().rev().take(LINES_MAX) { (self.entry(entry)) } }
                }
                (more(self.entries.len(), LINES_MAX, frame.locale.language))
            }
        }
    }

    fn fault(&self, fault: &Fault) -> Markup {
        let (words, locale) = (self.words(), self.frame.locale);
        let ended = fault.ended.map(|of| terms::journal(of, locale.language));
        html! {
            tr {
                td { span.label { (words.failing_from) " " } (moment(Some(fault.from), self.frame.locale)) }
                td {
                    span.label { (words.until) " " }
                    @match fault.until {
                        Some(until) => (moment(Some(until), self.frame.locale)),
                        None => (words.still),
                    }
                }
                td { (fault.seconds().map(|of| locale.duration(of)).unwrap_or_default()) }
                td { (ended.unwrap_or_default()) }
            }
        }
    }

    fn entry(&self, entry: &JournalEntry) -> Markup {
        html! {
            tr {
                td { (moment(Some(entry.at), self.frame.locale)) }
                td { (self.change(entry)) }
                td { @if entry.actor != OWN_ACTOR { bdi { (shown(&entry.actor)) } } }
                td { bdi { (shown(&entry.reason)) } }
            }
        }
    }

    /// Returns a new value of the cluster or of a caller. The detail is that of [`NewCircumstance::about`].
    ///
    /// [`NewCircumstance::about`]: clusters::transition::NewCircumstance::about
    fn circumstance(&self, detail: &str) -> Markup {
        let words = self.words();
        let (kind, rest) = detail.split_once(' ').unwrap_or((detail, ""));
        let name = match kind {
            "network" => self.labels().network,
            "region" => self.labels().region,
            "access_key" => words.access_key,
            "layer" => words.refused_by,
            "policy" => words.policy,
            other => other,
        };
        let (value, who) = match rest.split_once(" by ") {
            Some((value, who)) => (value, Some(who)),
            None => (rest, None),
        };
        let value = match kind {
            "layer" => html! { (terms::layer(value, self.frame.locale.language)) },
            _ => html! { bdi { (shown(value)) } },
        };
        let parts = [("kind", html! { (shown(name)) }), ("value", value)];
        match who {
            Some(who) => {
                let who = html! { bdi { (shown(self.cluster.short_name(who))) } };
                let [kind, value] = parts;
                fill(words.new_value_of, &[kind, value, ("who", who)])
            }
            None => fill(words.new_value, &parts),
        }
    }

    /// Returns what happened, with its details. The details of a decision begin with the English name of the entry.
    fn change(&self, entry: &JournalEntry) -> Markup {
        let locale = self.frame.locale;
        let name = terms::journal(entry.what, locale.language);
        let detail = entry.detail.strip_prefix(entry.what.name());
        let detail = detail.unwrap_or(&entry.detail).trim_start();
        let until = detail.strip_prefix("until ").and_then(Timestamp::parse);
        html! {
            @match (entry.what, until) {
                (JournalEvent::Muted, Some(until)) => {
                    (self.words().muted_until) " " (moment_and_zone(&self.frame, Some(until)))
                }
                (JournalEvent::NewPrincipal, _) if !detail.is_empty() => {
                    @let who = html! { bdi { (shown(self.cluster.short_name(detail))) } };
                    (fill(self.words().new_caller, &[("who", who)]))
                }
                (JournalEvent::NewCircumstance, _) if !detail.is_empty() => { (self.circumstance(detail)) }
                (JournalEvent::Escalating, _) if !detail.is_empty() => {
                    @let count = detail.split(' ').next().unwrap_or_default();
                    (self.words().escalating.replace("{count}", &shown(count)))
                }
                _ => {
                    (name)
                    @if !detail.is_empty() { (locale.language.pick(": ", "：")) bdi { (shown(detail)) } }
                }
            }
        }
    }
}

/// Returns the whole id of a key, which is needed to find and disable the key.
fn whole_id(key: &KeyReport) -> Markup {
    html! { code.copy { (sanitize(&key.id, 128)) } }
}

/// Returns an English ordinal number, such as `3rd`.
fn ordinal(number: u64) -> String {
    let suffix = match (number % 10, number % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    format!("{number}{suffix}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinal_numbers_are_those_of_english() {
        let numbers = [1, 2, 3, 4, 11, 12, 13, 21, 102, 113].map(ordinal);
        let wanted = [
            "1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "102nd", "113th",
        ];
        assert_eq!(numbers, wanted);
    }
}
