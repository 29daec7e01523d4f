//! Renders a message for SNS: a subject, a body, and the attributes that subscriptions filter by.
//!
//! The subject becomes a header of an e-mail, so it has only fixed words and digits, in the language of the message, the name of
//! the account from the settings, and the name of the caller without the characters that make links and mentions. The
//! body is always plain text, not the JSON structure with one text per protocol.

use clusters::class::Class;
use clusters::fingerprint::{STRONG, WEAK};
use records::principal::is_account_id;

use crate::alert::Alert;
use crate::facts::incident::{IncidentFacts, IncidentStage};
use crate::facts::{Facts, Stage};
use crate::hint::capitalized;
use crate::incident_words;
use crate::kind::AlertKind;
use crate::locale::{Language, Locale};
use crate::message::{Message, PROGRAM_VERSION};
use crate::safe::{cut, defanged, readable, titled};
use crate::terms;
use crate::text::Texts;
use crate::text::title::named_account;

/// The longest body of an SNS message, in bytes. The limit of SNS is 256 KiB together with the attributes.
pub const BODY_BYTES_MAX: usize = 200 << 10;

/// The longest subject, in characters. SNS allows UTF-8 text without line breaks and control characters, and fewer than 100
/// characters. Source: Amazon SNS API Reference, `Publish`, parameter `Subject`, 2026-11-30.
const SUBJECT_CHARS_MAX: usize = 99;

crate::words! {
    /// What subjects say. A text may have placeholders in braces.
    struct SubjectWords {
        subject: "{severity}: {change}", "{severity}：{change}";
        alert: "CloudTrail alert", "CloudTrail 告警";
        over: "OK", "已解除";
        class: " ({class})", "（{class}）";
        new_errors: " ({count} new", "（新增 {count} 个";
        sensitive_calls: ", {count} sensitive calls", "，敏感操作 {count} 次";
        bracket: ")", "）";
        account: " in account {id}", "，账号 {id}";
        caller: " by {name}", "，调用者 {name}";
        all_calmed: "all CloudTrail errors are as usual again", "全部 CloudTrail 错误已回落到平时水平";
        calmed: "CloudTrail error is as usual again", "CloudTrail 错误已回落到平时水平";
        campaign_grew: "campaign of CloudTrail errors grows", "CloudTrail 错误的关联活动扩大";
        campaign_ended: "campaign of CloudTrail errors is over", "CloudTrail 错误的关联活动结束";
        data_again: "CloudTrail data again", "CloudTrail 数据恢复";
        sensitive_call: "sensitive call", "敏感操作";
        new: "new CloudTrail error", "新增 CloudTrail 错误";
        new_principal: "known CloudTrail error, new caller", "已知 CloudTrail 错误，新调用者";
        new_circumstance: "known CloudTrail error, new circumstance", "已知 CloudTrail 错误，新情况";
        regressed: "CloudTrail error is back", "CloudTrail 错误再次出现";
        recovered: "CloudTrail error has stopped", "CloudTrail 错误已停止";
        all_escalating: "all CloudTrail errors are escalating", "全部 CloudTrail 错误激增";
        escalating: "CloudTrail error is escalating", "CloudTrail 错误激增";
        campaign: "campaign of CloudTrail errors", "CloudTrail 错误的关联活动";
        access_key: "access key alert", "访问密钥告警";
        summary: "summary of CloudTrail errors", "CloudTrail 错误汇总";
        new_account: "new account in CloudTrail", "CloudTrail 中出现新账号";
        no_data: "no CloudTrail data", "CloudTrail 数据中断";
        drill: "Drill", "演练";
        drill_test: "test of the alert path, nothing to do", "告警链路测试，无需处理";
        drill_failed: "the nightly drill failed, alerts may be missing", "每晚演练失败，告警可能缺失";
        incident: "incident", "安全事件";
        incident_grew: "incident grows", "安全事件扩大";
        incident_over: "incident is over", "安全事件已结束";
        incident_merged: "incident is part of another one", "安全事件属于另一事件";
        did: ", actor {did}", "，操作者{did}";
        steps: ", {count} steps", "，共 {count} 步";
    }
}

crate::words! {
    /// What the last line of a body says. A text may have placeholders in braces.
    struct MadeByWords {
        program: "cloudtrail-inspector {version}", "cloudtrail-inspector {version}";
        config: "configuration {version}", "配置 {version}";
        rule: "rule {rule}", "规则 {rule}";
        policy: "sent by policy {number}", "按策略 {number} 发送";
        detected: "detected {at}", "检测时间 {at}";
        comma: ", ", "，";
        end: ".", "。";
    }
}

/// Returns the subject of the SNS message in a language: fewer than 100 characters, and printable ASCII in English. It has the name
/// of the account and that of the only caller as far as they fit.
pub fn subject(message: &Message, language: Language) -> String {
    let words = SubjectWords::of(language);
    let severity = match message.alert.kind() {
        _ if message.alert.is_end() => words.over.to_owned(),
        AlertKind::Drill => words.drill.to_owned(),
        _ => capitalized(terms::severity(message.level(), language)),
    };
    let change = match &message.alert.facts {
        Facts::Incident(incident) => incident_change(incident, language),
        _ => change(words, &message.alert).to_owned(),
    };
    let mut subject = words
        .subject
        .replace("{severity}", &severity)
        .replace("{change}", &change);
    let class_matters = message.alert.kind() != AlertKind::SensitiveCall;
    if let Some(cluster) = message.cluster.as_ref().filter(|_| class_matters) {
        let class = class_name(cluster.facts.identity.class, language);
        subject.push_str(&words.class.replace("{class}", class));
    }
    if let Facts::Summary(summary) = &message.alert.facts {
        let counted = |text: &str, count: u64| text.replace("{count}", &count.to_string());
        subject.push_str(&counted(words.new_errors, summary.new_errors));
        if summary.sensitive_calls > 0 {
            subject.push_str(&counted(words.sensitive_calls, summary.sensitive_calls));
        }
        subject.push_str(words.bracket);
    }
    let (id, name) = (message.alert.account_id(), named_account(message, language));
    let account = |shown: &str| match is_account_id(id) {
        true => words.account.replace("{id}", shown),
        false => String::new(),
    };
    let caller = message.caller().map(|name| {
        let name = titled(&readable(name, SUBJECT_CHARS_MAX), SUBJECT_CHARS_MAX);
        words.caller.replace("{name}", &name)
    });
    let is_fit = |subject: &String| {
        let is_plain = language != Language::En || subject.is_ascii();
        let is_short = subject.chars().count() <= SUBJECT_CHARS_MAX;
        is_plain && is_short && !subject.chars().any(char::is_control)
    };
    let caller = caller.unwrap_or_default();
    let (named, plain) = (account(&name), account(id));
    let forms = [
        [subject.as_str(), &caller, &named],
        [subject.as_str(), "", &named],
        [subject.as_str(), &caller, &plain],
        [subject.as_str(), "", &plain],
    ];
    let fitting = forms.map(|parts| parts.concat()).into_iter().find(is_fit);
    fitting.unwrap_or_else(|| words.alert.to_owned())
}

fn change(words: &SubjectWords, alert: &Alert) -> &'static str {
    let is_account = alert.cluster().is_none();
    match (alert.kind(), alert.facts.stage()) {
        (AlertKind::Escalating, Some(Stage::Ended)) if is_account => words.all_calmed,
        (AlertKind::Escalating, Some(Stage::Ended)) => words.calmed,
        (AlertKind::Campaign, Some(Stage::Grew(_))) => words.campaign_grew,
        (AlertKind::Campaign, Some(Stage::Ended)) => words.campaign_ended,
        (AlertKind::NoData, Some(Stage::Ended)) => words.data_again,
        (AlertKind::SensitiveCall, _) => words.sensitive_call,
        (AlertKind::New, _) => words.new,
        (AlertKind::NewPrincipal, _) => words.new_principal,
        (AlertKind::NewCircumstance, _) => words.new_circumstance,
        (AlertKind::Regressed, _) => words.regressed,
        (AlertKind::Recovered, _) => words.recovered,
        (AlertKind::Escalating, _) if is_account => words.all_escalating,
        (AlertKind::Escalating, _) => words.escalating,
        (AlertKind::Campaign, _) => words.campaign,
        (AlertKind::Incident, _) => words.incident,
        (AlertKind::AccessKey, _) => words.access_key,
        (AlertKind::AccountSummary, _) => words.summary,
        (AlertKind::NewAccount, _) => words.new_account,
        (AlertKind::NoData, _) => words.no_data,
        (AlertKind::Drill, _) => words.drill_test,
        (AlertKind::DrillFailed, _) => words.drill_failed,
    }
}

/// Returns what became of an incident, what its actor did in fixed words, and the number of steps.
fn incident_change(incident: &IncidentFacts, language: Language) -> String {
    let words = SubjectWords::of(language);
    let stage = match incident.stage {
        IncidentStage::Opened => words.incident,
        IncidentStage::Grew => words.incident_grew,
        IncidentStage::Closed => words.incident_over,
        IncidentStage::Merged => return words.incident_merged.to_owned(),
    };
    let did = incident_words::did(&incident.reason, language);
    let did = did.map(|did| words.did.replace("{did}", did));
    let steps = match incident.steps.total {
        0 | 1 => String::new(),
        count => words.steps.replace("{count}", &count.to_string()),
    };
    [stage, &did.unwrap_or_default(), &steps].concat()
}

/// Returns what a class of failures means in the subject of an e-mail.
fn class_name(class: Class, language: Language) -> &'static str {
    let english = match class {
        Class::Vpce => "refused by a VPC endpoint",
        Class::Signin => "sign-in",
        Class::Denied => "access denied",
        Class::Auth => "credentials not accepted",
        Class::Throttle => "throttled",
        Class::Dryrun => "dry run",
        Class::Absent => "not found",
        Class::Quota => "limit reached",
        Class::Conflict => "conflict",
        Class::Server => "AWS failed",
        Class::Invalid => "invalid request",
        Class::Other => "unknown code",
        Class::Watch => "succeeded",
    };
    language.pick(english, terms::class(class, Language::Zh))
}

/// Returns the body of the SNS message: the title and the text as plain text, cut to [`BODY_BYTES_MAX`].
pub fn body(message: &Message, texts: &Texts) -> String {
    let made_by = made_by(message, texts.locale);
    let mut body = texts.plain(message);
    body.truncate(cut(&body, BODY_BYTES_MAX - made_by.len()).len());
    body + &made_by
}

/// Returns the last line of a body: the versions of the program and the configuration, what found the problem, and when.
fn made_by(message: &Message, locale: Locale) -> String {
    let words = MadeByWords::of(locale.language);
    let made_by = &message.made_by;
    let version = made_by.config_version.as_deref();
    let policy = made_by
        .policy
        .map(|number| words.policy.replace("{number}", &number.to_string()));
    let detected = made_by
        .detected_at
        .map(|at| words.detected.replace("{at}", &locale.stated(at)));
    let config = version.map(|version| words.config.replace("{version}", version));
    let parts = [
        Some(words.program.replace("{version}", PROGRAM_VERSION)),
        config,
        // The user names watches.
        Some(words.rule.replace("{rule}", &defanged(&message.rule()))),
        policy,
        detected,
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    format!("\n{}{}\n", parts.join(words.comma), words.end)
}

/// Returns the attributes of the SNS message as pairs of name and value, sorted by name. No value is empty,
/// because SNS refuses empty values.
pub fn attributes(message: &Message) -> Vec<(&'static str, String)> {
    let alert = &message.alert;
    let mut attributes = vec![
        ("severity", message.level().name().to_owned()),
        ("kind", alert.kind().name().to_owned()),
        ("state", alert.state().to_owned()),
        ("alert_id", alert.id().to_string()),
        ("app_version", PROGRAM_VERSION.to_owned()),
    ];
    if let Some(version) = &message.made_by.config_version {
        attributes.push(("config_version", version.clone()));
    }
    if is_account_id(alert.account_id()) {
        attributes.push(("account_id", alert.account_id().to_owned()));
    }
    match (&alert.facts, &message.cluster) {
        (Facts::Incident(incident), _) => {
            attributes.push(("incident_id", incident.incident.text().to_owned()));
        }
        (Facts::SensitiveCall(call), _) => {
            let strength = if call.is_strong() { STRONG } else { WEAK };
            attributes.push(("strength", strength.to_owned()));
        }
        (_, Some(cluster)) => {
            attributes.push(("class", cluster.facts.identity.class.name().to_owned()));
        }
        _ => {}
    }
    attributes.sort();
    attributes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_have_equal_placeholders_in_both_languages() {
        for (name, english, chinese) in [SubjectWords::all(), MadeByWords::all()].concat() {
            let places = |text: &str| text.matches('{').count();
            assert_eq!(places(english), places(chinese), "{name}");
            assert!(english.is_ascii(), "{name}");
        }
    }
}
