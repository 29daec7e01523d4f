//! A cluster as a card of the report: failure, severity, cause, callers and origins, a hint, and samples.

use alerts::cluster_hint;
use alerts::locale::{Language, Locale};
use alerts::severity::{Assessment, Severity};
use alerts::{terms, words};
use clusters::facet::FacetKind;
use clusters::lifecycle::Status;
use clusters::{Cluster, FacetValues};
use maud::{Markup, html};
use records::redact::sanitize;

use super::listing::ListedCluster;
use super::{compact_name, fill, moment, more, number, plural, shown, span};

/// The maximum number of values of a facet on a card; the JSON output has more.
const VALUES_MAX: usize = 10;

/// The maximum number of samples on a card, so that the page is small enough to send.
const SAMPLES_MAX: usize = 2;

/// A cluster with its severity and status, as a card of the report shows it.
#[derive(Debug)]
pub struct DescribedCluster {
    /// The cluster with its facets and samples.
    pub cluster: Cluster,
    /// The severity of the cluster and the reasons for it.
    pub assessment: Assessment,
    /// The status of the cluster at the end of the last hour of the listing.
    pub status: Status,
}

impl DescribedCluster {
    /// Joins a cluster with the severity and status from its row in the listing.
    pub fn of(cluster: Cluster, listed: &ListedCluster) -> Self {
        Self {
            assessment: listed.assessment(),
            status: listed.status(),
            cluster,
        }
    }

    /// Returns the HTML id of the cluster's card, such as `c-…`, to which links on the page lead.
    pub fn anchor(&self) -> String {
        format!("c-{}", self.cluster.id)
    }

    /// Returns the call, such as `s3:GetObject`, and the error code as HTML.
    pub fn what(&self, language: Language) -> Markup {
        let identity = &self.cluster.facts.identity;
        let call = format!("{}:{}", identity.service, identity.action);
        let error = self.cluster.error_code().unwrap_or(&identity.code);
        let words = terms::code(&identity.code, identity.class, language);
        html! { bdi.call { (sanitize(&call, 160)) } " " bdi.code { (words.map_or_else(|| shown(error), str::to_owned)) } }
    }

    /// Returns the cause of the failure as HTML; it distinguishes clusters of the same call and code. Empty if the
    /// cause is not known.
    pub fn cause(&self) -> Markup {
        html! {
            @if let Some(cause) = &self.cluster.facts.identity.cause {
                " " bdi.cause { (shown(cause)) }
            }
        }
    }

    /// Returns the caller with the most events, and the number of the other callers, as HTML such as `role/deploy and 3
    /// more`.
    ///
    /// For a caller of the cluster's own account, the start of the ARN is left out. Empty if no event names a caller.
    pub fn who(&self, language: Language) -> Markup {
        let Some(principals) = self.cluster.facets.get(&FacetKind::Principal) else {
            return Markup::default();
        };
        html! {
            @if let Some(first) = principals.values.first() {
                bdi { (compact_name(self.cluster.short_name(&first.value))) }
            }
            @if let Some(more @ 1..) = principals.distinct.checked_sub(1) {
                (fill(CardWords::of(language).and_more, &[("count", number(more as u64))]))
            }
        }
    }

    /// Returns the name of the cluster's status as HTML; `new` is emphasized.
    pub fn status(&self, language: Language) -> Markup {
        let name = terms::status(self.status, language);
        html! { @if self.status == Status::New { strong { (name) } } @else { (name) } }
    }
}

words! {
    /// The words of the cards of clusters and sensitive calls.
    pub(crate) struct CardWords {
        one_event: "1 event", "1 个事件";
        events: "{count} events", "{count} 个事件";
        one_call: "1 call", "1 次";
        calls: "{count} calls", "{count} 次";
        account: "account {id}", "账号 {id}";
        and_more: " and {count} more", "，另有 {count} 个";
        severity: "severity", "级别";
        colon: ": ", "：";
        comma: ", ", "，";
        who: "who", "调用者";
        details: "Callers, origins, samples", "调用者、来源与样本";
        call_details: "Origins, event ids, samples", "来源、事件编号与样本";
        event_ids: "event ids", "事件编号";
        cluster_id: "cluster {id}", "聚类 {id}";
        call_id: "sensitive call {id}", "敏感操作 {id}";
        strong: "strong", "高风险";
        alerts: "alerts", "告警";
        no_alert: "none: ", "不告警：";
        why: "why", "关注原因";
        technique: "technique", "技术";
        target: "target", "对象";
        watch: "watch", "关注规则";
        denied_by: "denied by", "拒绝方";
        policy: "policy", "策略";
        cause: "cause", "原因";
        message: "message", "错误信息";
        region: "region", "区域";
        network: "network", "网络";
        vpc_endpoint: "VPC endpoint", "VPC 终端节点";
        origin: "origin", "调用途径";
        program: "program", "程序";
        access_key: "access key", "访问密钥";
        iam_action: "IAM action", "IAM 操作";
        resource: "resource", "目标资源";
        caller_events: "events", "事件数";
        first_seen: "first seen ({zone})", "首次（{zone}）";
        last_seen: "last seen ({zone})", "最近一次（{zone}）";
        sample: "Sample {number}", "样本 {number}";
        more_samples: "The JSON output has the others.", "其余样本见 JSON 输出。";
    }
}

/// Returns the name of a severity as HTML, in its color.
pub fn badge(severity: Severity, language: Language) -> Markup {
    html! { span class={ "badge " (severity.name()) } { (terms::severity(severity, language)) } }
}

/// Returns a severity with its reasons.
pub fn reasons(assessment: &Assessment, language: Language) -> Markup {
    let words = CardWords::of(language);
    let sentences = assessment.sentences(language);
    html! {
        (terms::severity(assessment.severity, language)) (words.colon)
        @for (at, sentence) in sentences.iter().enumerate() {
            @if at > 0 { (words.comma) } (shown(sentence))
        }
    }
}

/// Returns the card of a cluster in the report, as HTML.
pub fn card(described: &DescribedCluster, locale: Locale) -> Markup {
    let (words, language) = (CardWords::of(locale.language), locale.language);
    let DescribedCluster {
        cluster,
        assessment,
        ..
    } = described;
    let account = html! { bdi.nowrap { (shown(&cluster.facts.identity.account_id)) } };
    html! {
        article.card id=(described.anchor()) {
            h3 { (badge(assessment.severity, language)) " " (described.what(language)) }
            p.meta {
                strong { (plural(cluster.span.count, words.one_event, words.events)) }
                " · " (described.status(language)) " · " (fill(words.account, &[("id", account)]))
                " · " (span(cluster.span, locale))
            }
            p { bdi { (shown(&cluster_hint::of_cluster(cluster, language))) } }
            dl.facts {
                dt { (words.severity) }
                dd { (reasons(assessment, language)) }
                (why(cluster, language))
                (values(cluster, FacetKind::Principal, words.who, 3, language))
            }
            details {
                summary { (words.details) }
                (evidence(cluster, locale))
            }
            @let id = html! { code.copy { (cluster.id) } };
            p.id { (fill(words.cluster_id, &[("id", id)])) }
        }
    }
}

/// Returns facts about the failure as rows of an HTML description list: the policy layer and the policy that denied
/// the call, the cause and the message.
pub fn why(cluster: &Cluster, language: Language) -> Markup {
    let facts = &cluster.facts;
    let words = CardWords::of(language);
    html! {
        (values(cluster, FacetKind::Layer, words.denied_by, VALUES_MAX, language))
        (values(cluster, FacetKind::Policy, words.policy, VALUES_MAX, language))
        @if let Some(cause) = &facts.identity.cause {
            dt { (words.cause) } dd { bdi { (shown(cause)) } }
        }
        @if !facts.template.is_empty() {
            dt { (words.message) } dd { bdi { (shown(&facts.template)) } }
        }
    }
}

/// Returns the callers, origins, access keys, resources and samples of a cluster as HTML.
pub fn evidence(cluster: &Cluster, locale: Locale) -> Markup {
    let words = CardWords::of(locale.language);
    let stored = cluster.samples.len();
    html! {
        @if let Some(principals) = cluster.facets.get(&FacetKind::Principal) {
            (callers(principals, locale))
        }
        dl.facts {
            @for (kind, name) in [
                (FacetKind::Region, words.region),
                (FacetKind::Network, words.network),
                (FacetKind::VpcEndpoint, words.vpc_endpoint),
                (FacetKind::Origin, words.origin),
                (FacetKind::UserAgent, words.program),
                (FacetKind::AccessKey, words.access_key),
                (FacetKind::IamAction, words.iam_action),
                (FacetKind::Resource, words.resource),
            ] {
                (values(cluster, kind, name, VALUES_MAX, locale.language))
            }
        }
        @for (number, sample) in cluster.samples.iter().take(SAMPLES_MAX).enumerate() {
            h4 {
                (fill(words.sample, &[("number", html! { (number + 1) @if stored > 1 { " / " (stored) } })]))
            }
            pre { (pretty(&sample.json)) }
        }
        @if stored > SAMPLES_MAX { p.more { (words.more_samples) } }
    }
}

fn callers(principals: &FacetValues, locale: Locale) -> Markup {
    let words = CardWords::of(locale.language);
    let zone = || html! { (locale.zone_name()) };
    html! {
        table.stacked {
            thead { tr {
                th scope="col" { (words.who) }
                th.n scope="col" { (words.caller_events) }
                th.wide scope="col" { (fill(words.first_seen, &[("zone", zone())])) }
                th scope="col" { (fill(words.last_seen, &[("zone", zone())])) }
            } }
            tbody {
                @for principal in principals.values.iter().take(VALUES_MAX) {
                    tr {
                        th scope="row" { bdi { (principal.value) } }
                        td.n.count { (number(principal.span.count)) }
                        td.wide { (moment(principal.span.first_seen, locale)) }
                        td { (moment(principal.span.last_seen, locale)) }
                    }
                }
            }
        }
        (more(principals.distinct, VALUES_MAX, locale.language))
    }
}

/// Returns the row of a facts list with the most frequent values of a facet; empty if there are none. A kind of program and
/// a layer of policies are in the words of the language.
pub fn values(
    cluster: &Cluster,
    kind: FacetKind,
    name: &str,
    values_max: usize,
    language: Language,
) -> Markup {
    let Some(found) = cluster.facets.get(&kind) else {
        return Markup::default();
    };
    let text = |value: &str| match kind {
        FacetKind::Origin => terms::origin(value, language),
        FacetKind::Layer => terms::layer(value, language),
        _ => value.to_owned(),
    };
    html! {
        dt { (name) }
        dd {
            @for value in found.values.iter().take(values_max) {
                div {
                    bdi { (text(&value.value)) }
                    @if value.span.count != cluster.span.count {
                        " " span.times { "×" (number(value.span.count)) }
                    }
                }
            }
            (more(found.distinct, values_max, language))
        }
    }
}

/// Returns a sample as indented JSON. Text that is not JSON, from a damaged store, is shown sanitized.
fn pretty(json: &str) -> String {
    let value = serde_json::from_str::<serde_json::Value>(json);
    let pretty = value.and_then(|value| serde_json::to_string_pretty(&value));
    pretty.unwrap_or_else(|_| shown(json))
}
