//! Parts that several pages of the dashboard have: the search fields, the chart of hours, callers and other details, access
//! keys, alerts, related clusters, and links.

pub(super) mod aws_pages;
pub(super) mod facets;
pub(super) mod hours;
pub(super) mod keys;

use alerts::kind::AlertKind;
use alerts::outbox::MessageLogEntry;
use alerts::terms;
use clusters::caller::CallerId;
use clusters::class::Class;
use clusters::fingerprint::{ClusterId, ClusterSubject};
use clusters::guard::is_overflow_subject;
use clusters::incident::life::IncidentId;
use clusters::related::Related;
use clusters::short_name;
use maud::{Markup, html};
use records::principal::is_account_id;
use records::redact::sanitize;
use records::time::Timestamp;
use serde_json::{Value, json};

use super::{ClickTarget, Frame, failed};
use crate::listing::{Choices, ListQuery, SearchProblem, Sort};
use crate::{compact_name, fill, grouped, moment, more, number, shown};

/// The maximum number of rows of each table.
pub(super) const LINES_MAX: usize = 20;

/// The maximum number of related clusters in a table.
const RELATED_MAX: usize = 10;

alerts::words! {
    /// The texts of the parts that several pages have.
    pub(super) struct PartWords {
        back: "Back to the list", "返回列表";
        event: "{count} event", "{count} 个事件";
        many_events: "{count} events", "{count} 个事件";
        comma: ", ", "，";
        // The chart.
        over_time: "Over time", "时间分布";
        one_hour: "All within one hour, from {from} {zone}.", "全部在一小时内，自 {from}（{zone}）起。";
        per_hour: "Events per hour", "每小时事件数";
        per_day: "Events per day", "每天事件数";
        per_week: "Events per week", "每周事件数";
        per_four_weeks: "Events per four weeks", "每四周事件数";
        per_year: "Events per 52 weeks", "每 52 周事件数";
        chart_label: "Events over time. The numbers follow as a table.", "事件的时间分布。数值见下方表格。";
        numbers: "Numbers", "数值";
        from: "From", "开始时间";
        events: "Events", "事件数";
        charted: "The chart has {count} of {total} events: the last 24 hours with events, and the hours since the last inspection. Earlier hours are not kept one by one; first event, last event and total are of all events.", "图中有 {total} 个事件中的 {count} 个：最近 24 个有事件的小时，以及上次巡检之后的时间。更早的时间不按小时保存；首次、最近和总数来自全部事件。";
        // Callers and samples.
        callers: "Callers", "调用者";
        caller: "Caller", "调用者";
        first: "First", "首次";
        last: "Last", "最近";
        in_iam: "IAM console", "IAM 控制台";
        samples: "Sample events", "示例事件";
        sample: "Sample {number} of {count}, redacted", "示例 {number}/{count}（已脱敏）";
        more_samples: "The JSON has the others.", "其余示例见 JSON。";
        // Access keys.
        keys: "Access keys", "访问密钥";
        key: "Key", "密钥";
        owner: "Owner", "所属";
        last_used: "Last used", "最近使用";
        anomalies: "Anomalies", "异常";
        no_keys: "No event has an access key.", "事件中没有访问密钥。";
        temporary_key: "{count} temporary key", "{count} 个临时密钥";
        temporary_keys: "{count} temporary keys", "{count} 个临时密钥";
        keys_unlisted: "{count} more keys are not listed.", "另有 {count} 个密钥未列出。";
        long_term: "long-term", "长期";
        temporary: "temporary", "临时";
        unknown_kind: "unknown kind", "类型未知";
        with: "with", "调用";
        in_region: "in", "区域";
        not_recorded_yet: "not recorded by IAM yet", "IAM 尚未记录";
        never_succeeded: "never with success", "从未成功使用";
        unknown_to_iam: "not known to IAM", "IAM 中不存在";
        created: "created", "创建于";
        active: "active", "已启用";
        inactive: "inactive", "已停用";
        entry_unread: "age and status could not be read", "未能读取创建时间与状态";
        not_asked: "IAM was not asked yet", "尚未向 IAM 查询";
        canary: "a canary key, which must never be used", "诱饵密钥，不应被使用";
        awakened: "used again after {days} days", "闲置 {days} 天后再次使用";
        foreign: "belongs to another account", "属于其他账号";
        deleted: "deleted", "已删除";
        // Alerts.
        alerts_sent: "Alerts sent", "已发送的告警";
        no_alerts: "No alert was sent.", "没有发送过告警。";
        time: "Time", "时间";
        sink: "Sink", "接收端";
        kind: "Kind", "类型";
        outcome: "Result", "结果";
        // Related clusters.
        related_failures: "Other failures of the same callers within half an hour", "同一调用者半小时内的其他失败";
        related_calls: "Other sensitive calls of the same callers within half an hour", "同一调用者半小时内的其他敏感操作";
        // Links.
        more_data: "More", "更多";
        overflow: "different calls, more than are listed one by one", "多种调用，数量过多，未逐一列出";
    }
}

alerts::words! {
    /// The labels of facts that the page of a cluster and the page of a sensitive call share.
    pub(super) struct FactWords {
        who: "who", "调用者";
        account: "account", "账号";
        region: "region", "区域";
        network: "network", "网络";
        severity: "severity", "级别";
        see: "see", "查看";
        endpoint: "VPC endpoint", "VPC 终端节点";
        origin: "origin", "调用途径";
        program: "program", "程序";
        link_caller: "Caller in the IAM console", "IAM 控制台中的调用者";
    }
}

alerts::words! {
    /// The texts of the search form.
    struct FormWords {
        search: "Search", "搜索";
        example: "Words, severity:critical, caller:mia, -class:throttle", "关键词、severity:critical、caller:mia、-class:throttle";
        severity: "Severity", "级别";
        all_severities: "All severities", "所有级别";
        class: "Class", "类别";
        all_classes: "All classes", "所有类别";
        service: "Service", "服务";
        all_services: "All services", "所有服务";
        account: "Account", "账号";
        all_accounts: "All accounts", "所有账号";
        clear_search: "Clear search", "清除搜索";
        suggested: "Search for {search}", "搜索 {search}";
    }
}

/// Returns the fields of a search form: for the search, and for the filters by severity, class, service and account.
///
/// Of each filter the form offers the values in `choices`, with the number of clusters and sensitive calls that
/// each would leave.
pub(super) fn search_fields(
    frame: &Frame<'_>,
    question: &ListQuery,
    choices: &Choices<'_>,
) -> Markup {
    let language = frame.locale.language;
    let words = FormWords::of(language);
    let severities = choices.severities.iter().rev().map(|(of, count)| {
        let text = terms::severity(*of, language).to_owned();
        (of.name(), text, *count, question.severity == Some(*of))
    });
    let classes = choices.classes.iter().map(|(of, count)| {
        let text = terms::class(*of, language).to_owned();
        (of.name(), text, *count, question.class == Some(*of))
    });
    // Only plain names become values. What has another name appears under all services, and under all accounts.
    let is_plain = |name: &str| {
        let is_letter =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        name.len() <= SERVICE_CHARS_MAX && !name.is_empty() && name.bytes().all(is_letter)
    };
    let services = choices.services.iter().filter(|(of, _)| is_plain(of));
    let services = services.map(|(of, count)| {
        let is_selected = question.service.as_deref() == Some(*of);
        (*of, (*of).to_owned(), *count, is_selected)
    });
    let accounts = choices.accounts.iter().filter(|(of, _)| is_account_id(of));
    let accounts = accounts.map(|(of, count)| {
        let text = match frame.account_names.get(*of) {
            Some(name) => format!("{} {of}", shown(name)),
            None => (*of).to_owned(),
        };
        (
            *of,
            text,
            *count,
            question.account_id.as_deref() == Some(*of),
        )
    });
    html! {
        input type="search" name="search" value=(question.search) aria-label=(words.search) placeholder=(words.example);
        (select("severity", words.severity, words.all_severities, severities))
        (select("class", words.class, words.all_classes, classes))
        (select("service", words.service, words.all_services, services))
        (select("account", words.account, words.all_accounts, accounts))
    }
}

/// Returns why a search is not understood, with the search that was probably meant, and a button that clears the search.
pub(super) fn not_understood(
    frame: &Frame<'_>,
    question: &ListQuery,
    problem: &SearchProblem,
) -> Markup {
    let words = FormWords::of(frame.locale.language);
    let show = question.show.name();
    html! {
        p.said role="alert" { (shown(&problem.sentence)) }
        p.acts {
            @if let Some(search) = &problem.suggestion {
                a.btn { (fill(words.suggested, &[("search", html! { bdi { (sanitize(search, 200)) } })])) }
                (frame.call(ClickTarget::Widget, &json!({"only": true, "search": search, "status": show}), None))
                " "
            }
            a.btn { (words.clear_search) }
            (frame.call(ClickTarget::Widget, &json!({"only": true, "status": show}), None))
        }
    }
}

/// The maximum length of the name of a service in the search form, in characters.
const SERVICE_CHARS_MAX: usize = 64;

/// Returns a filter of the search form. A choice has its value, its text, its number of rows and whether it is
/// selected. Choices without a row are left out.
fn select<'c>(
    name: &str,
    label: &str,
    all: &str,
    choices: impl Iterator<Item = (&'c str, String, usize, bool)>,
) -> Markup {
    let mut choices = choices.filter(|(.., count, is_selected)| *count > 0 || *is_selected);
    html! {
        select name=(name) aria-label=(label) {
            option value="" { (all) }
            @for (value, text, count, is_selected) in &mut choices {
                option value=(value) selected[is_selected] { (text) " (" (grouped(count as u64)) ")" }
            }
        }
    }
}

/// Returns a button that shows the list of clusters in place of the page; empty if the page is in a window of its own.
pub(super) fn back(frame: &Frame<'_>, is_in_widget: bool) -> Markup {
    let words = PartWords::of(frame.locale.language);
    html! {
        @if is_in_widget {
            p.acts {
                a.btn { (words.back) }
                (frame.call(ClickTarget::Widget, &json!({}), None))
            }
        }
    }
}

/// Returns a time to the minute with the name of the reader's time zone.
pub(super) fn moment_and_zone(frame: &Frame<'_>, at: Option<Timestamp>) -> Markup {
    html! {
        (moment(at, frame.locale))
        @if at.is_some() { " " span.soft { (frame.locale.zone_name()) } }
    }
}

/// Returns the head of a column of times, with the name of the reader's time zone.
pub(super) fn with_zone(frame: &Frame<'_>, head: &str) -> String {
    let (zone, language) = (frame.locale.zone_name(), frame.locale.language);
    language.pick(format!("{head} ({zone})"), format!("{head}（{zone}）"))
}

/// Returns a number of events, such as `1 event`.
pub(super) fn events_text(frame: &Frame<'_>, count: u64) -> String {
    let words = PartWords::of(frame.locale.language);
    let template = if count == 1 {
        words.event
    } else {
        words.many_events
    };
    template.replace("{count}", &grouped(count))
}

/// Returns the head of a table with the given columns.
pub(super) fn heads(columns: &[&str]) -> Markup {
    html! { thead { tr { @for column in columns { th scope="col" { (column) } } } } }
}

/// Returns the head of a column of a list with the orders that a click selects. `params` returns the parameters of a call that
/// shows the list in an order, reversed or not.
pub(super) fn head(
    frame: &Frame<'_>,
    question: &ListQuery,
    (class, sorts): (&str, &[(Sort, &str)]),
    params: impl Fn(Sort, bool) -> Value,
) -> Markup {
    let by = question.sort;
    let is_by_text = matches!(
        by,
        Sort::State | Sort::What | Sort::Account | Sort::Class | Sort::Caller | Sort::Target
    );
    let (order, mark) = match is_by_text != question.is_reversed {
        true => ("ascending", " ▲"),
        false => ("descending", " ▼"),
    };
    let is_sorted = sorts.iter().any(|(sort, _)| *sort == by);
    html! {
        th class=(class) scope="col" aria-sort=[is_sorted.then_some(order)] {
            @for (sort, text) in sorts {
                @let is_by = *sort == by;
                a.sort { (text) @if is_by { span aria-hidden="true" { (mark) } } }
                (frame.call(ClickTarget::Widget, &params(*sort, is_by && !question.is_reversed), None))
                " "
            }
        }
    }
}

/// Returns the table of alerts, the latest first, each with the answer of its sink or the reason why it was not sent.
pub(super) fn deliveries(frame: &Frame<'_>, sent: &[MessageLogEntry]) -> Markup {
    let words = PartWords::of(frame.locale.language);
    let kind = |name: &str| match AlertKind::from_name(name) {
        Some(kind) => terms::kind(kind, frame.locale.language).to_owned(),
        None => shown(name),
    };
    html! {
        h3 { (words.alerts_sent) }
        @if sent.is_empty() { p.soft { (words.no_alerts) } } @else {
            table.sent {
                (heads(&[&with_zone(frame, words.time), words.sink, words.kind, words.outcome]))
                tbody {
                    @for sent in sent.iter().rev().take(LINES_MAX) {
                        tr {
                            td { (moment(Some(sent.at), frame.locale)) }
                            td { bdi { (shown(&sent.sink)) } }
                            td { (kind(&sent.kind)) }
                            td { bdi { (sanitize(&sent.outcome, 160)) } }
                        }
                    }
                }
            }
            (more(sent.len(), LINES_MAX, frame.locale.language))
        }
    }
}

/// Returns a row of links to consoles and documentation, those that have an address.
pub(super) fn links(links: &[(&str, Option<String>)]) -> Markup {
    html! {
        ul.links {
            @for (words, address) in links {
                @if let Some(address) = address { li { (outside(address, words)) } }
            }
        }
    }
}

/// Returns the button that shows a cluster or call as JSON.
pub(super) fn json_button(frame: &Frame<'_>, id: ClusterId) -> Markup {
    let words = PartWords::of(frame.locale.language);
    html! {
        h3 { (words.more_data) }
        p.acts {
            a.btn { "JSON" }
            (frame.call(ClickTarget::Popup, &json!({"cluster": id.to_string(), "export": true}), None))
        }
    }
}

/// Returns a link to another site, which opens in a new tab.
pub(super) fn outside(address: &str, words: &str) -> Markup {
    html! { a href=(address) target="_blank" rel="noopener" { (words) } }
}

/// Returns the tables of other failures, and of other sensitive calls, of the same callers at about the same time.
pub(super) fn related(frame: &Frame<'_>, related: &[Related]) -> Markup {
    let words = PartWords::of(frame.locale.language);
    let (calls, failures): (Vec<&Related>, Vec<&Related>) = related
        .iter()
        .partition(|of| of.subject.class == Class::Watch);
    let what =
        |of: &Related| html! { " " bdi.code { (failed(frame, &of.subject, of.code.as_deref())) } };
    html! {
        @if !failures.is_empty() {
            h3 { (words.related_failures) }
            (others(frame, &failures, what))
        }
        @if !calls.is_empty() {
            h3 { (words.related_calls) }
            (others(frame, &calls, |of| html! { " " (target(frame, &of.subject)) }))
        }
    }
}

fn others(frame: &Frame<'_>, others: &[&Related], what: impl Fn(&Related) -> Markup) -> Markup {
    let words = PartWords::of(frame.locale.language);
    html! {
        table.related { tbody {
            @for other in others.iter().take(RELATED_MAX) {
                tr {
                    th scope="row" {
                        a.open { bdi.call { (call_name(&other.subject)) } (what(other)) }
                        (frame.call(ClickTarget::Popup, &json!({"cluster": other.id.to_string()}), None))
                    }
                    td.events { span.label { (words.events) " " } (number(other.count)) }
                }
            }
        } }
        (more(others.len(), RELATED_MAX, frame.locale.language))
    }
}

/// Returns the short name of a caller, as a link that opens the page of the caller; empty without a name.
pub(super) fn caller_link(frame: &Frame<'_>, account_id: &str, name: &str) -> Markup {
    let short = compact_name(short_name(name, account_id));
    named_caller_link(frame, account_id, name, &short)
}

/// Returns a link with the text `shown` that opens the page of a caller; empty without a name.
///
/// The link has the id of the caller, because its name is text of others.
pub(super) fn named_caller_link(
    frame: &Frame<'_>,
    account_id: &str,
    name: &str,
    shown: &str,
) -> Markup {
    let id = CallerId::of(account_id, name).to_string();
    html! {
        @if !name.is_empty() {
            span.caller {
                a.open-caller { bdi { (sanitize(shown, 256)) } }
                (frame.call(ClickTarget::Popup, &json!({"caller": id}), None))
            }
        }
    }
}

/// Returns the name and the id of an account, as a link that opens the page of the account.
pub(super) fn account_link(frame: &Frame<'_>, account_id: &str) -> Markup {
    html! {
        @if is_account_id(account_id) {
            span.account-link {
                a.open-account { (frame.account(account_id)) }
                (frame.call(ClickTarget::Popup, &json!({"account_page": account_id}), None))
            }
        } @else {
            (frame.account(account_id))
        }
    }
}

/// Returns the parameters of a call that shows the page of an incident.
pub(super) fn incident_link(id: &IncidentId) -> Value {
    json!({"incident": id.text()})
}

/// Returns the name of a call, such as `iam:CreateUser`.
pub(super) fn call_name(subject: &ClusterSubject) -> String {
    sanitize(&format!("{}:{}", subject.service, subject.action), 160)
}

/// Returns whom or what a call changed, without the start of an ARN that repeats the account; for calls beyond the limit,
/// a note about them.
pub(super) fn target(frame: &Frame<'_>, subject: &ClusterSubject) -> Markup {
    html! {
        @if let Some(target) = target_name(subject) {
            bdi { (shown(short_name(target, &subject.account_id))) }
        } @else if is_overflow_subject(subject) {
            (PartWords::of(frame.locale.language).overflow)
        }
    }
}

fn target_name(subject: &ClusterSubject) -> Option<&str> {
    subject.call.as_ref()?.target.as_deref()
}

#[cfg(test)]
mod tests {
    use super::{FactWords, PartWords};
    use crate::dashboard::call::CallWords;
    use crate::dashboard::cluster::ClusterWords;

    /// What stays in any language: names of AWS and of formats.
    const NAMES: [&str; 13] = [
        "ATT",
        "AWS",
        "CK",
        "CloudTrail",
        "IAM",
        "Insights",
        "JSON",
        "Logs",
        "VPC",
        "expected",
        "true",
        "SDK",
        "API",
    ];

    /// Returns the words of Latin letters in a text, without its placeholders.
    fn latin(text: &str) -> Vec<&str> {
        let parts = text.split('{');
        let outside = parts.map(|part| part.split_once('}').map_or(part, |(_, rest)| rest));
        let outside = outside.flat_map(|part| part.split(|c: char| !c.is_ascii_alphabetic()));
        outside.filter(|word| !word.is_empty()).collect()
    }

    #[test]
    fn chinese_texts_are_chinese_and_have_the_placeholders_of_the_english_ones() {
        let tables = [
            PartWords::all(),
            FactWords::all(),
            ClusterWords::all(),
            CallWords::all(),
        ];
        for (name, english, chinese) in tables.concat() {
            let english_left = latin(chinese);
            let is_name = |word: &&str| NAMES.contains(word);
            assert!(english_left.iter().all(is_name), "{name}: {english_left:?}");
            let placeholders = |text: &str| text.matches('{').count();
            // An ordinal number of English is a number in Chinese.
            assert_eq!(placeholders(english), placeholders(chinese), "{name}");
            assert!(!chinese.contains(", ") && !chinese.contains(". "), "{name}");
        }
    }
}
