//! The page of one caller: the incidents, all that the caller did in its order, the access keys, and the clusters and
//! sensitive calls.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use alerts::locale::Language;
use alerts::severity::Severity;
use clusters::caller::CallerId;
use clusters::class::Class;
use clusters::facet::FacetKind;
use clusters::fingerprint::{ClusterId, ClusterSubject};
use clusters::incident::Incident;
use clusters::inspection_state::CallHistory;
use clusters::keys::{KeyReport, masked};
use clusters::occurrence::Occurrence;
use clusters::short_name;
use maud::{Markup, html};
use records::key_id::KeyKind;
use records::redact::sanitize;
use records::time::{Timestamp, Window};
use serde_json::json;

use super::call::masked_id;
use super::parts::keys::{self, KeyTable};
use super::parts::{account_link, call_name, target};
use super::phrase::{ago, exact, status_word};
use super::{ClickTarget, Frame, failed};
use crate::card::badge;
use crate::incident;
use crate::listing::{ListedCluster, call_assessment};
use crate::{fill, moment, more, number, plural, shown};

/// The maximum number of lines of the table of events on one page. Equal calls one after the other are one line.
const LINES_MAX: usize = 300;

/// The maximum number of rows of the other tables.
const ROWS_MAX: usize = 20;

/// The maximum number of networks, programs and regions.
const VALUES_MAX: usize = 10;

/// The maximum length of a target, in characters.
const NAME_CHARS_MAX: usize = 120;

/// A number of a page that no part of the hours has, which means the last page.
const LAST_PAGE: usize = 1_000_000;

alerts::words! {
    /// The texts of the pages of a caller and of an account.
    pub(super) struct ActorWords {
        caller: "Caller", "调用者";
        account: "Account", "账号";
        seen: "Seen ({zone})", "出现时间（{zone}）";
        from_to: "{from} to {until}", "{from} 至 {until}";
        networks: "Networks", "网络";
        programs: "Programs", "程序";
        regions: "Regions", "区域";
        more: "and {count} more", "另有 {count} 个";
        incidents: "Incidents", "安全事件";
        incident_span: "{from} to {until}, {count} events", "{from} 至 {until}，{count} 个事件";
        did: "What the caller did, in order", "按顺序列出的操作";
        did_nothing: "No event of the caller is stored for these hours.", "这些小时内没有保存该调用者的事件。";
        some_hours: "Shown are the events of {count} hours, from {from} to {until}.", "此处显示 {count} 个小时内的事件，{from} 至 {until}。";
        hours_left: "Events of {left} earlier hours are on the next pages.", "更早 {left} 个小时的事件见后续页面。";
        targets: "{count} targets", "{count} 个对象";
        older: "Older", "更早";
        newer: "Newer", "更新";
        lines: "Lines {from} to {until} of {count}, the oldest first", "第 {from} 至 {until} 行，共 {count} 行（由早到晚）";
        damaged: "Some events cannot be read.", "部分事件无法读取。";
        some_callers: "{count} clusters of this account have more callers than a list keeps. If this caller is one of them, these clusters may be missing here.", "该账号有 {count} 个聚类的调用者过多，列表未全部保存；该调用者若在其中，此处可能缺少这些聚类。";
        time: "Time ({zone})", "时间（{zone}）";
        call: "Call", "调用";
        outcome: "Outcome", "结果";
        succeeded: "succeeded", "成功";
        target: "Target", "对象";
        region: "Region", "区域";
        network: "Network", "网络";
        key: "Access key", "访问密钥";
        times: "Times", "次数";
        until: "to {until}", "至 {until}";
        counts: "Calls by number", "调用次数";
        keys: "Access keys", "访问密钥";
        no_keys: "No access key was seen in these hours.", "这些小时内未见访问密钥。";
        temporary: "{count} temporary keys of sessions; IAM does not record their use.", "会话的临时密钥 {count} 个；IAM 不记录其使用情况。";
        temporary_one: "1 temporary key of a session; IAM does not record its use.", "会话的临时密钥 1 个；IAM 不记录其使用情况。";
        keys_left: "{count} more long-term keys", "另有 {count} 个长期密钥";
        clusters: "Clusters and sensitive calls", "聚类与敏感操作";
        severity: "Severity", "级别";
        what: "What", "内容";
        status: "Status", "状态";
        last: "Last seen ({zone})", "最近一次（{zone}）";
        events: "Events", "事件数";
        sensitive: "sensitive call", "敏感操作";
        unknown: "No caller with this id has a cluster or a sensitive call here.", "此处没有该标识的调用者的聚类或敏感操作。";
        totals: "Clusters and sensitive calls by severity", "各级别聚类与敏感操作数";
        open_of_all: "{open} open of {count} clusters", "{count} 个聚类，其中未恢复 {open} 个";
        one_sensitive: "1 sensitive call", "1 个敏感操作";
        sensitive_calls: "{count} sensitive calls", "{count} 个敏感操作";
        hours: "Events by hour", "每小时事件数";
        callers: "Callers with the most clusters", "聚类最多的调用者";
        failing: "What fails most", "失败最多的调用";
        critical: "Newest critical", "最新的紧急聚类与操作";
        no_critical: "Nothing critical.", "没有紧急项。";
        unknown_account: "This account has no cluster and no sensitive call here.", "该账号在此处没有聚类或敏感操作。";
        list: "Show the list of this account", "查看该账号的列表";
    }
}

/// All data that the page of one caller shows.
#[derive(Debug)]
pub struct CallerPage<'a> {
    /// The settings that all pages of the widget share.
    pub frame: Frame<'a>,
    /// The id of the caller.
    pub id: CallerId,
    /// The account in whose trail the caller's calls are.
    pub account_id: &'a str,
    /// The name of the caller.
    pub name: &'a str,
    /// The number of the page of the table of events, from 1; 1 has the newest. A number after the last means the last.
    pub number: usize,
    /// The incidents of the caller, the most severe first.
    pub incidents: Vec<&'a Incident>,
    /// The clusters of which the caller is one.
    pub clusters: Vec<(ClusterId, &'a ListedCluster)>,
    /// The sensitive calls that the caller made.
    pub calls: Vec<(ClusterId, &'a CallHistory)>,
    /// The events of the caller in the hours that were read, oldest first.
    pub events: &'a [Occurrence],
    /// Reports about long-term access keys in the events.
    pub keys: &'a [KeyReport],
    /// The number of long-term access keys in the events, of which `keys` has some.
    pub long_term_keys: usize,
    /// The number of temporary access keys in the events.
    pub temporary_keys: usize,
    /// Which part of the hours was read, from 1; 1 has the newest hours.
    pub part: usize,
    /// The hours whose events were read, the newest first.
    pub hours: &'a [Window],
    /// The number of earlier hours in which the caller may have events that were not read.
    pub hours_left: usize,
    /// Whether some of the events cannot be read.
    pub is_damaged: bool,
    /// The number of clusters of the account whose callers are not all known.
    pub crowded_clusters: usize,
    /// The moment of event time up to which the page includes events.
    pub as_of: Timestamp,
}

/// Calls of a caller that differ in their targets and regions alone, one after the other.
struct Run<'a> {
    first: &'a Occurrence,
    last: &'a Occurrence,
    count: u64,
    /// The targets, each with the number of calls and the cluster or sensitive call of the first of them.
    targets: BTreeMap<&'a str, (u64, ClusterId)>,
    regions: BTreeSet<&'a str>,
}

/// What is the same in all calls of a run.
fn shape(of: &Occurrence) -> [Option<&str>; 6] {
    let facets = &of.series.facets;
    let ClusterSubject {
        service,
        action,
        code,
        ..
    } = &*of.subject;
    [
        Some(service),
        Some(action),
        Some(code),
        facets.get(FacetKind::ErrorCode),
        facets.get(FacetKind::Network),
        facets.get(FacetKind::AccessKey),
    ]
}

/// Returns whom or what a call was made on, without the start of an ARN of the account.
fn call_target(of: &Occurrence) -> Option<&str> {
    let named = match of.subject.class {
        Class::Watch => of.subject.call.as_ref()?.target.as_deref(),
        _ => of.series.facets.get(FacetKind::Resource),
    };
    named.map(|name| short_name(name, &of.subject.account_id))
}

fn runs(events: &[Occurrence]) -> Vec<Run<'_>> {
    let runs = events.chunk_by(|one, other| shape(one) == shape(other));
    runs.filter_map(|run| {
        let mut targets = BTreeMap::new();
        for of in run {
            if let Some(target) = call_target(of) {
                let (count, _) = targets.entry(target).or_insert((0, of.series.cluster));
                *count += 1;
            }
        }
        let regions = run.iter();
        let regions = regions.filter_map(|of| of.series.facets.get(FacetKind::Region));
        Some(Run {
            first: run.first()?,
            last: run.last()?,
            count: run.len() as u64,
            targets,
            regions: regions.collect(),
        })
    })
    .collect()
}

/// A caller fails and succeeds, so nothing is concluded from a key that IAM has not recorded.
const LOOK: KeyTable = KeyTable {
    id: masked_id,
    has_succeeded: true,
};

impl CallerPage<'_> {
    /// Returns the page of the caller as HTML.
    pub fn html(&self) -> String {
        let words = self.words();
        let rated = rated(&self.clusters, &self.calls);
        let worst = rated.first().map(|row| row.severity);
        let content = html! {
            h2 { bdi { (self.title()) } }
            p { (words.caller) " " @if let Some(worst) = worst { (badge(worst, self.frame.locale.language)) } }
            (self.facts())
            (self.incidents())
            h3 { (words.did) }
            (self.events())
            (self.keys())
            (self.counts())
            h3 { (words.clusters) }
            (rated_table(&self.frame, &rated, self.as_of))
            @if self.crowded_clusters > 0 {
                p.soft { (fill(words.some_callers, &[("count", number(self.crowded_clusters as u64))])) }
            }
        };
        self.frame.page(&content)
    }

    /// Returns the short name of the caller; its id if no event that was read has the name.
    fn title(&self) -> String {
        match self.name {
            "" => self.id.to_string(),
            name => sanitize(short_name(name, self.account_id), 160),
        }
    }

    /// Returns the sentence that there is no such caller.
    pub fn unknown(language: Language) -> &'static str {
        ActorWords::of(language).unknown
    }

    fn words(&self) -> &'static ActorWords {
        ActorWords::of(self.frame.locale.language)
    }

    /// Returns a text with the name of the time zone.
    fn zoned(&self, text: &str) -> String {
        text.replace("{zone}", &self.frame.locale.zone_name())
    }

    fn facts(&self) -> Markup {
        let words = self.words();
        let events = self.events.iter();
        // A cluster may have other callers too. Its times are those of this caller only if it has no other.
        let alone = self.clusters.iter().filter(|(_, of)| of.callers <= 1);
        let times = alone.flat_map(|(_, of)| [of.first, of.last]).flatten();
        let times = times.chain(self.calls.iter().flat_map(|(_, of)| [of.first, of.last]));
        let own: Vec<Timestamp> = times.chain(events.map(|of| of.at)).collect();
        let seen = own.iter().min().zip(own.iter().max());
        html! {
            dl.facts {
                dt { (words.account) } dd { (account_link(&self.frame, self.account_id)) }
                @if let Some((first, last)) = seen {
                    dt { (self.zoned(words.seen)) }
                    dd { (fill(words.from_to, &[("from", exact(&self.frame, *first)), ("until", exact(&self.frame, *last))])) }
                }
                (self.values(words.networks, FacetKind::Network))
                (self.values(words.programs, FacetKind::UserAgent))
                (self.values(words.regions, FacetKind::Region))
            }
        }
    }

    /// Returns the values of a kind in the events, the most frequent first, each with its number of events.
    fn values(&self, title: &str, kind: FacetKind) -> Markup {
        let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
        for value in self
            .events
            .iter()
            .filter_map(|of| of.series.facets.get(kind))
        {
            *counts.entry(value).or_default() += 1;
        }
        let left = counts.len().saturating_sub(VALUES_MAX) as u64;
        let mut counts: Vec<(&str, u64)> = counts.into_iter().collect();
        counts.sort_by_key(|(value, count)| (Reverse(*count), *value));
        html! {
            @if !counts.is_empty() {
                dt { (title) }
                dd {
                    @for (at, (value, count)) in counts.iter().take(VALUES_MAX).enumerate() {
                        @if at > 0 { ", " }
                        bdi { (shown(value)) } " ×" (number(*count))
                    }
                    @if left > 0 { " " (fill(self.words().more, &[("count", number(left))])) }
                }
            }
        }
    }

    fn incidents(&self) -> Markup {
        html! {
            @if !self.incidents.is_empty() {
                h3 { (self.words().incidents) }
                (incident_list(&self.frame, &self.incidents))
            }
        }
    }

    fn events(&self) -> Markup {
        let words = self.words();
        let runs = runs(self.events);
        // Pages are counted from the newest line, so that the first page is full.
        let pages = runs.len().div_ceil(LINES_MAX).max(1);
        let at = self.number.clamp(1, pages);
        let until = runs.len() - (at - 1) * LINES_MAX;
        let from = until.saturating_sub(LINES_MAX);
        html! {
            @if self.is_damaged { p.missing { (words.damaged) } }
            (self.some_hours())
            (self.pages(at, pages, [from + 1, until, runs.len()]))
            @if runs.is_empty() {
                p.soft { (words.did_nothing) }
            } @else {
                table.did {
                    thead { tr {
                        @for title in [&self.zoned(words.time), words.call, words.outcome, words.target, words.region, words.network, words.key] {
                            th scope="col" { (title) }
                        }
                        th.n scope="col" { (words.times) }
                    } }
                    tbody { @for run in &runs[from..until] { (self.run(run)) } }
                }
            }
        }
    }

    /// Returns which hours the page is of, if the caller may have events in others.
    fn some_hours(&self) -> Markup {
        let words = self.words();
        let span = self.hours.last().zip(self.hours.first());
        html! {
            @if let Some((first, last)) = span.filter(|_| self.hours_left > 0 || self.part > 1) {
                p.soft {
                    (fill(words.some_hours, &[
                        ("count", number(self.hours.len() as u64)),
                        ("from", moment(Some(first.start()), self.frame.locale)),
                        ("until", moment(Some(last.end()), self.frame.locale)),
                    ]))
                    @if self.hours_left > 0 {
                        (self.frame.locale.language.pick(" ", ""))
                        (fill(words.hours_left, &[("left", number(self.hours_left as u64))]))
                    }
                }
            }
        }
    }

    /// Returns which lines the page has, of how many, and the buttons that show older and newer lines and hours. Empty if
    /// the page has all.
    fn pages(&self, at: usize, pages: usize, [from, until, all]: [usize; 3]) -> Markup {
        let words = self.words();
        let go = |text: &str, (part, page): (usize, usize)| {
            let params = json!({"caller": self.id.to_string(), "page": page, "part": part});
            html! { a.btn { (text) } (self.frame.call(ClickTarget::Popup, &params, None)) }
        };
        let older = match at < pages {
            true => Some((self.part, at + 1)),
            false => (self.hours_left > 0).then_some((self.part + 1, 1)),
        };
        // The last page of a part has its oldest lines, which follow the newer ones of the part before.
        let newer = match at > 1 {
            true => Some((self.part, at - 1)),
            false => (self.part > 1).then_some((self.part - 1, LAST_PAGE)),
        };
        let parts = [("from", from), ("until", until), ("count", all)];
        let parts = parts.map(|(name, of)| (name, number(of as u64)));
        html! {
            @if older.is_some() || newer.is_some() {
                p.pages {
                    @if let Some(of) = older { (go(words.older, of)) " " }
                    @if all > 0 { span { (fill(words.lines, &parts)) } }
                    @if let Some(of) = newer { " " (go(words.newer, of)) }
                }
            }
        }
    }

    fn run(&self, run: &Run<'_>) -> Markup {
        let words = self.words();
        let Occurrence {
            at,
            series,
            subject,
            ..
        } = run.first;
        let facet = |kind| series.facets.get(kind);
        let is_call = subject.class == Class::Watch;
        html! {
            tr {
                td.at {
                    (exact(&self.frame, *at))
                    @if run.last.at != *at {
                        div.times { (fill(words.until, &[("until", exact(&self.frame, run.last.at))])) }
                    }
                }
                th.what scope="row" { (cluster_link(&self.frame, series.cluster, &html! { bdi.call { (call_name(subject)) } })) }
                td.outcome {
                    @if is_call { (words.succeeded) }
                    @else { bdi.code { (failed(&self.frame, subject, facet(FacetKind::ErrorCode))) } }
                }
                td.target {
                    @if run.targets.len() > 1 { (self.targets(&run.targets)) }
                    @else if is_call { (target(&self.frame, subject)) }
                    @else if let Some(resource) = run.targets.keys().next() { bdi { (sanitize(resource, NAME_CHARS_MAX)) } }
                }
                td.region {
                    @for (at, region) in run.regions.iter().take(VALUES_MAX).enumerate() {
                        @if at > 0 { ", " }
                        bdi { (shown(region)) }
                    }
                    @if let Some(left) = run.regions.len().checked_sub(VALUES_MAX).filter(|left| *left > 0) {
                        " " (fill(words.more, &[("count", number(left as u64))]))
                    }
                }
                td.network { @if let Some(network) = facet(FacetKind::Network) { bdi { (shown(network)) } } }
                td.key { @if let Some(key) = facet(FacetKind::AccessKey) { code { (masked(key)) } } }
                td.n { (number(run.count)) }
            }
        }
    }

    /// Returns the targets of a run as a list to open, each with its number of calls. Targets of different clusters link to
    /// these.
    fn targets(&self, targets: &BTreeMap<&str, (u64, ClusterId)>) -> Markup {
        let clusters: BTreeSet<ClusterId> = targets.values().map(|(_, id)| *id).collect();
        let count = number(targets.len() as u64);
        let mut most: Vec<_> = targets.iter().collect();
        most.sort_by_key(|(_, (count, _))| Reverse(*count));
        html! {
            details {
                summary { (fill(self.words().targets, &[("count", count)])) }
                ul.pairs {
                    @for (name, (count, id)) in most.iter().take(ROWS_MAX) {
                        @let name = html! { bdi { (sanitize(name, NAME_CHARS_MAX)) } };
                        li {
                            @if clusters.len() > 1 { (cluster_link(&self.frame, *id, &name)) } @else { (name) }
                            " ×" (number(*count))
                        }
                    }
                }
                (more(targets.len(), ROWS_MAX, self.frame.locale.language))
            }
        }
    }

    fn keys(&self) -> Markup {
        let words = self.words();
        let temporary = self.temporary_keys as u64;
        let left = self.long_term_keys.saturating_sub(self.keys.len()) as u64;
        html! {
            h3 { (words.keys) }
            @if self.keys.is_empty() && temporary == 0 { p.soft { (words.no_keys) } }
            @if !self.keys.is_empty() {
                (keys::table(&self.frame, &self.keys.iter().collect::<Vec<_>>(), LOOK))
            }
            @if left > 0 { p.soft { (fill(words.keys_left, &[("count", number(left))])) } }
            @if temporary > 0 {
                p.soft { (plural(temporary, words.temporary_one, words.temporary)) }
            }
        }
    }

    /// Returns the number of events of each call and outcome, the most frequent first.
    fn counts(&self) -> Markup {
        let words = self.words();
        let mut counts: BTreeMap<(String, Option<String>), u64> = BTreeMap::new();
        for of in self.events {
            let code = of.series.facets.get(FacetKind::ErrorCode);
            let outcome =
                (of.subject.class != Class::Watch).then(|| failed(&self.frame, &of.subject, code));
            *counts.entry((call_name(&of.subject), outcome)).or_default() += 1;
        }
        let mut counts: Vec<_> = counts.into_iter().collect();
        counts.sort_by_key(|(_, count)| Reverse(*count));
        html! {
            @if counts.len() > 1 {
                h3 { (words.counts) }
                ul.pairs {
                    @for ((call, outcome), count) in counts.iter().take(ROWS_MAX) {
                        li {
                            bdi.call { (call) } " "
                            @match outcome {
                                Some(code) => bdi.code { (code) },
                                None => (words.succeeded),
                            }
                            " ×" (number(*count))
                        }
                    }
                }
                (more(counts.len(), ROWS_MAX, self.frame.locale.language))
            }
        }
    }
}

/// A cluster or a sensitive call in a table, with its severity.
pub(super) struct RatedRow<'a> {
    pub(super) severity: Severity,
    pub(super) last: Option<Timestamp>,
    id: ClusterId,
    subject: &'a ClusterSubject,
    code: Option<&'a str>,
    /// The row of a cluster; `None` for a sensitive call.
    listed: Option<&'a ListedCluster>,
    count: u64,
}

/// Returns clusters and sensitive calls with their severities, the most severe first, and of the same severity the
/// newest.
pub(super) fn rated<'a>(
    clusters: &[(ClusterId, &'a ListedCluster)],
    calls: &[(ClusterId, &'a CallHistory)],
) -> Vec<RatedRow<'a>> {
    let clusters = clusters.iter().map(|(id, listed)| RatedRow {
        severity: listed.assessment().severity,
        last: listed.last,
        id: *id,
        subject: &listed.subject,
        code: listed.code.as_deref(),
        listed: Some(listed),
        count: listed.total,
    });
    let calls = calls.iter().map(|(id, call)| RatedRow {
        severity: call_assessment(call).severity,
        last: Some(call.last),
        id: *id,
        subject: &call.subject,
        code: None,
        listed: None,
        count: call.count(),
    });
    let mut rows: Vec<RatedRow<'a>> = clusters.chain(calls).collect();
    rows.sort_by_key(|row| (Reverse(row.severity), Reverse(row.last), row.id));
    rows
}

/// Returns the table of clusters and sensitive calls.
pub(super) fn rated_table(frame: &Frame<'_>, rows: &[RatedRow<'_>], as_of: Timestamp) -> Markup {
    let words = ActorWords::of(frame.locale.language);
    let last = words.last.replace("{zone}", &frame.locale.zone_name());
    html! {
        table.rated {
            thead { tr {
                @for title in [words.severity, words.what, words.status, &last] { th scope="col" { (title) } }
                th.n scope="col" { (words.events) }
            } }
            tbody {
                @for row in rows.iter().take(ROWS_MAX) {
                    tr {
                        td.severity { (badge(row.severity, frame.locale.language)) }
                        th.what scope="row" {
                            (cluster_link(frame, row.id, &html! {
                                bdi.call { (call_name(row.subject)) }
                                @if row.listed.is_some() { " " bdi.code { (failed(frame, row.subject, row.code)) } }
                            }))
                            @if row.listed.is_none() { " " (target(frame, row.subject)) }
                        }
                        td.state {
                            @match row.listed {
                                Some(listed) => (status_word(frame, listed.status())),
                                None => (words.sensitive),
                            }
                        }
                        td.last { (ago(frame, row.last, as_of)) }
                        td.n { (number(row.count)) }
                    }
                }
            }
        }
        (more(rows.len(), ROWS_MAX, frame.locale.language))
    }
}

/// Returns the list of incidents, each as a link to its page.
pub(super) fn incident_list(frame: &Frame<'_>, incidents: &[&Incident]) -> Markup {
    let words = ActorWords::of(frame.locale.language);
    html! {
        ul.objects {
            @for of in incidents.iter().take(ROWS_MAX) {
                li {
                    (badge(incident::severity(of.severity), frame.locale.language)) " "
                    a.open { bdi { (incident::who(&of.actor, frame.locale.language)) } }
                    (frame.call(ClickTarget::Popup, &json!({"incident": of.id.text()}), None))
                    " "
                    span.soft {
                        (fill(words.incident_span, &[
                            ("from", moment(Some(of.began), frame.locale)),
                            ("until", moment(Some(of.last), frame.locale)),
                            ("count", number(of.events)),
                        ]))
                    }
                }
            }
        }
        (more(incidents.len(), ROWS_MAX, frame.locale.language))
    }
}

/// Returns a link to the page of a cluster or a sensitive call.
fn cluster_link(frame: &Frame<'_>, id: ClusterId, text: &Markup) -> Markup {
    html! {
        a.open { (text) }
        (frame.call(ClickTarget::Popup, &json!({"cluster": id.to_string()}), None))
    }
}

/// Checks whether a key is long-term. Only these are looked up in IAM.
pub fn is_long_term(key: &str) -> bool {
    KeyKind::of(key) == KeyKind::LongTerm
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use clusters::facet::Facets;
    use clusters::fingerprint::Identity;
    use clusters::{EventId, Series};

    use super::*;

    fn failure(number: i64, action: &str, resource: &str, region: &str) -> Occurrence {
        let identity = Identity {
            partition: "aws".to_owned(),
            account_id: "111122223333".to_owned(),
            service: "s3".to_owned(),
            action: action.to_owned(),
            class: Class::Denied,
            code: "Denied".to_owned(),
            cause: None,
            template: None,
            addition: None,
        };
        let mut facets = Facets::default();
        facets.set(FacetKind::Resource, Some(resource));
        facets.set(FacetKind::Region, Some(region));
        Occurrence {
            at: Timestamp::from_seconds(1_793_600_000 + number).unwrap(),
            id: EventId::named(&format!("00000000-0000-4000-8000-{number:012}")),
            series: Arc::new(Series {
                cluster: identity.cluster_id(),
                facets,
            }),
            subject: Arc::new(ClusterSubject::from(&identity)),
        }
    }

    #[test]
    fn calls_whose_targets_and_regions_alternate_are_one_line() {
        let events = [
            failure(1, "GetObject", "a", "eu-central-1"),
            failure(2, "GetObject", "b", "us-east-1"),
            failure(3, "GetObject", "a", "eu-central-1"),
            failure(4, "PutObject", "a", "eu-central-1"),
            failure(5, "GetObject", "a", "eu-central-1"),
        ];
        let runs = runs(&events);
        let runs: Vec<_> = runs
            .iter()
            .map(|of| (of.count, of.targets.len(), of.regions.len()))
            .collect();
        assert_eq!(runs, [(3, 2, 2), (1, 1, 1), (1, 1, 1)]);
    }
}
