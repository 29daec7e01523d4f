//! Parts that several pages of the dashboard have: the search fields, the drawing of hours, the tables of access keys and
//! of alerts, and links.

use alerts::outbox::MessageLogEntry;
use alerts::terms;
use clusters::caller::CallerId;
use clusters::class::Class;
use clusters::fingerprint::ClusterId;
use clusters::fingerprint::ClusterSubject;
use clusters::guard::is_overflow_subject;
use clusters::incident::life::IncidentId;
use clusters::keys::{IamAnswer, KeyAnomaly, KeyReport};
use clusters::related::Related;
use clusters::short_name;
use maud::{Markup, html};
use records::key_id::KeyKind;
use records::principal::is_account_id;
use records::redact::sanitize;
use records::time::Window;
use serde_json::{Value, json};

use super::{ClickTarget, Frame, failed};
use crate::listing::{Choices, ListQuery};
use crate::{counted, grouped, minute, more, number, shown};

/// The maximum number of rows of each table.
pub(super) const LINES_MAX: usize = 20;

/// The maximum number of related clusters in a table.
const RELATED_MAX: usize = 10;

/// The maximum number of hours in the drawing.
const BARS_MAX: i64 = 72;

/// The height of the drawing, in units of its view box.
const HEIGHT: u64 = 100;

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
    }
}

/// Returns the fields of a search form: for the search, and for the filters by severity, class, service and account.
///
/// Of each filter the form offers the values in `choices`, with the number of clusters that each would leave.
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

/// The maximum length of the name of a service in the search form, in characters.
const SERVICE_CHARS_MAX: usize = 64;

/// Returns a filter of the search form. A choice has its value, its text, its number of clusters and whether it is
/// selected. Choices without a cluster are left out.
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
    html! {
        @if is_in_widget {
            p.acts {
                a.btn { "Back to the list" }
                (frame.call(ClickTarget::Widget, &json!({}), None))
            }
        }
    }
}

/// Draws the number of events in each of some hours, oldest first. The drawing is stretched to the width of the page, so
/// its only texts are titles.
pub(super) fn drawing(hours: &[(Window, u64)]) -> Markup {
    let Some((last, _)) = hours.last().copied() else {
        return Markup::default();
    };
    let first = hours.iter().map(|(hour, _)| *hour);
    let first = first
        .filter(|hour| last.hours() - hour.hours() < BARS_MAX)
        .min();
    let first = first.unwrap_or(last);
    let shown: Vec<_> = hours.iter().filter(|(hour, _)| *hour >= first).collect();
    let most = shown
        .iter()
        .map(|(_, count)| *count)
        .max()
        .unwrap_or(1)
        .max(1);
    let width = last.hours() - first.hours() + 1;
    html! {
        figure.hours style="margin: 12px 0" {
            svg viewBox={ "0 0 " (width * 10) " " (HEIGHT) } preserveAspectRatio="none"
                role="img" aria-label="Events by hour" {
                @for (hour, count) in shown {
                    @let x = (hour.hours() - first.hours()) * 10;
                    @let height = (count * HEIGHT).div_ceil(most).max(2);
                    g {
                        title { (hour.start().to_string()) ": " (count) }
                        rect x=(x + 1) y=(HEIGHT - height) width="8" height=(height) {}
                    }
                }
            }
            div.axis {
                span { (minute(Some(first.start()))) }
                span { "at most " (counted(most, "event")) " an hour" }
                span { (minute(Some(last.end()))) }
            }
        }
    }
}

/// Returns the head of a table with the given columns.
pub(super) fn heads(columns: &[&str]) -> Markup {
    html! { thead { tr { @for column in columns { th scope="col" { (column) } } } } }
}

/// Returns the table of access keys. `never` is the text for a key that was not used as far as IAM knows, and `id`
/// returns the cell with the id of a key.
pub(super) fn keys(
    frame: &Frame<'_>,
    keys: &[KeyReport],
    never: &str,
    id: impl Fn(&KeyReport) -> Markup,
) -> Markup {
    html! {
        h3 { "Access keys" }
        @if keys.is_empty() { p.soft { "None was seen in these hours." } } @else {
            table.keys {
                (heads(&["Key", "Owner", "Last used (UTC)", "Anomalies"]))
                tbody { @for key in keys { (of_key(frame, key, never, &id(key))) } }
            }
        }
    }
}

fn of_key(frame: &Frame<'_>, key: &KeyReport, never: &str, id: &Markup) -> Markup {
    let user = match &key.answer {
        Some(IamAnswer::Used { user, .. } | IamAnswer::Never { user }) => user.as_deref(),
        _ => None,
    };
    html! {
        tr {
            th scope="row" { (id) " " span.soft { (kind(key.kind)) } }
            td {
                @if let Some(user) = user { bdi { (shown(user)) } " " }
                @if let Some(account_id) = &key.account_id { (frame.account(account_id)) }
            }
            td { (last_used(key, never)) }
            td { (key.anomalies.iter().map(|of| anomaly_text(*of)).collect::<Vec<_>>().join(", ")) }
        }
    }
}

fn kind(kind: KeyKind) -> &'static str {
    match kind {
        KeyKind::LongTerm => "long-term",
        KeyKind::Temporary => "temporary",
        KeyKind::Other => "unknown kind",
    }
}

fn last_used(key: &KeyReport, never: &str) -> Markup {
    html! {
        @match &key.answer {
            Some(IamAnswer::Used { at, service, region, .. }) => {
                (minute(Some(*at)))
                @if let Some(service) = service { " with " bdi { (shown(service)) } }
                @if let Some(region) = region { " in " bdi { (shown(region)) } }
            }
            Some(IamAnswer::Never { .. }) => { (never) }
            Some(IamAnswer::Unknown) => { "not known to IAM" }
            None if key.kind == KeyKind::LongTerm => { "IAM was not asked yet" }
            None => { "IAM does not record this for temporary keys" }
        }
    }
}

fn anomaly_text(anomaly: KeyAnomaly) -> String {
    match anomaly {
        KeyAnomaly::Canary => "a canary key, which must never be used".to_owned(),
        KeyAnomaly::Awakened { days } => format!("used again after {days} days"),
        KeyAnomaly::Foreign => "belongs to another account".to_owned(),
        KeyAnomaly::Deleted => "deleted".to_owned(),
        KeyAnomaly::Unknown => "not known to IAM".to_owned(),
    }
}

/// Returns the table of alerts, the latest first, each with the answer of its sink or the reason why it was not sent.
pub(super) fn deliveries(sent: &[MessageLogEntry]) -> Markup {
    html! {
        h3 { "Alerts" }
        @if sent.is_empty() { p.soft { "No alert was sent yet." } } @else {
            table.sent {
                (heads(&["Time (UTC)", "Sink", "Kind", "Outcome"]))
                tbody {
                    @for sent in sent.iter().rev().take(LINES_MAX) {
                        tr {
                            td { (minute(Some(sent.at))) }
                            td { (shown(&sent.sink)) }
                            td { (shown(&sent.kind)) }
                            td { bdi { (sanitize(&sent.outcome, 160)) } }
                        }
                    }
                }
            }
            (more(sent.len(), LINES_MAX))
        }
    }
}

/// Returns the row of links at the end of a page: to the JSON of a cluster or call, and to consoles.
pub(super) fn more_links(
    frame: &Frame<'_>,
    id: ClusterId,
    links: &[(&str, Option<String>)],
) -> Markup {
    html! {
        h3 { "More" }
        p.acts {
            a.btn { "JSON" }
            (frame.call(ClickTarget::Popup, &json!({"cluster": id.to_string(), "export": true}), None))
            @for (words, address) in links {
                @if let Some(address) = address { " " (outside(address, words)) }
            }
        }
    }
}

/// Returns a link to another site, which opens in a new tab.
pub(super) fn outside(address: &str, words: &str) -> Markup {
    html! { a href=(address) target="_blank" rel="noopener" { (words) } }
}

/// Returns the tables of other failures, and of other sensitive calls, of the same callers at about the same time.
pub(super) fn related(frame: &Frame<'_>, related: &[Related]) -> Markup {
    let (calls, failures): (Vec<&Related>, Vec<&Related>) = related
        .iter()
        .partition(|of| of.subject.class == Class::Watch);
    let what = |of: &Related| html! { " " bdi.code { (failed(&of.subject, of.code.as_deref())) } };
    html! {
        @if !failures.is_empty() {
            h3 { "Other failures of the same callers within half an hour" }
            (others(frame, &failures, what))
        }
        @if !calls.is_empty() {
            h3 { "Other sensitive calls of the same callers within half an hour" }
            (others(frame, &calls, |of| html! { " " (target(&of.subject)) }))
        }
    }
}

fn others(frame: &Frame<'_>, others: &[&Related], what: impl Fn(&Related) -> Markup) -> Markup {
    html! {
        table.related { tbody {
            @for other in others.iter().take(RELATED_MAX) {
                tr {
                    th scope="row" {
                        a.open { bdi.call { (call_name(&other.subject)) } (what(other)) }
                        (frame.call(ClickTarget::Popup, &json!({"cluster": other.id.to_string()}), None))
                    }
                    td.n { (number(other.count)) }
                }
            }
        } }
        (more(others.len(), RELATED_MAX))
    }
}

/// Returns the short name of a caller, as a link that opens the page of all that the caller did.
///
/// `account_id` is the account in whose trail the calls are, and `name` the stable name of the caller; it may be empty.
pub(super) fn caller_link(frame: &Frame<'_>, account_id: &str, name: &str) -> Markup {
    let id = CallerId::of(account_id, name).to_string();
    html! {
        @if !name.is_empty() {
            span.caller {
                a.open-caller { bdi { (sanitize(short_name(name, account_id), 160)) } }
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
pub(super) fn target(subject: &ClusterSubject) -> Markup {
    let target = subject.call.as_ref().and_then(|of| of.target.as_ref());
    html! {
        @if let Some(target) = target {
            bdi { (shown(short_name(target, &subject.account_id))) }
        } @else if is_overflow_subject(subject) {
            "different calls, more than are listed one by one"
        }
    }
}
