//! The names of what the program concludes, in English and in Chinese: severities, states, classes, origins, layers, decisions.
//!
//! Messages, pages and the report use these names, so that one thing has one name in each language. The English names are
//! those of the JSON output and of searches.

use clusters::class::Class;
use clusters::journal::JournalEvent;
use clusters::lifecycle::Status;
use clusters::triage::{CountPeriod, Decision, EndReason, Until};

use crate::hint::layer_name;
use crate::kind::AlertKind;
use crate::locale::{Language, Locale};
use crate::severity::Severity;

/// Returns the name of a severity, such as `critical` or `紧急`.
pub fn severity(of: Severity, language: Language) -> &'static str {
    let chinese = match of {
        Severity::Info => "信息",
        Severity::Warning => "警告",
        Severity::Error => "重要",
        Severity::Critical => "紧急",
    };
    language.pick(of.name(), chinese)
}

/// Returns the name of a cluster's status, such as `regressed` or `再次出现`.
pub fn status(of: Status, language: Language) -> &'static str {
    let chinese = match of {
        Status::Escalating => "激增",
        Status::Regressed => "再次出现",
        Status::New => "新增",
        Status::Ongoing => "持续",
        Status::Undated => "时间未知",
        Status::Recovered => "已恢复",
    };
    language.pick(of.name(), chinese)
}

/// Returns the name of a class of failures, such as `denied` or `拒绝访问`.
pub fn class(of: Class, language: Language) -> &'static str {
    let chinese = match of {
        Class::Vpce => "VPC 终端节点拒绝",
        Class::Signin => "登录失败",
        Class::Denied => "拒绝访问",
        Class::Auth => "凭证错误",
        Class::Throttle => "限流",
        Class::Dryrun => "试运行",
        Class::Absent => "不存在",
        Class::Quota => "配额",
        Class::Conflict => "冲突",
        Class::Server => "AWS 故障",
        Class::Invalid => "请求无效",
        Class::Other => "其他",
        Class::Watch => "敏感操作",
    };
    language.pick(of.name(), chinese)
}

/// Returns the name of a kind of alerts, such as `new_principal` or `新调用者`.
pub fn kind(of: AlertKind, language: Language) -> &'static str {
    let chinese = match of {
        AlertKind::SensitiveCall => "敏感操作",
        AlertKind::New => "新增",
        AlertKind::NewPrincipal => "新调用者",
        AlertKind::NewCircumstance => "新情况",
        AlertKind::Regressed => "再次出现",
        AlertKind::Recovered => "已恢复",
        AlertKind::Escalating => "激增",
        AlertKind::Campaign => "关联活动",
        AlertKind::Incident => "安全事件",
        AlertKind::AccessKey => "访问密钥",
        AlertKind::AccountSummary => "账号汇总",
        AlertKind::NoData => "数据中断",
    };
    language.pick(of.name(), chinese)
}

/// Returns the kind of program that made a call, by its name in the facet `origin`, such as `attack-tool` or `攻击工具`.
///
/// The name of a service that called on behalf of somebody is text of AWS, and stays: `via athena`, `经由 athena`.
pub fn origin(name: &str, language: Language) -> String {
    let chinese = match name {
        "console" => "控制台",
        "cli" => "命令行",
        "sdk" => "SDK",
        "iac" => "基础设施即代码",
        "aws-service" => "AWS 服务",
        "scanner" => "扫描器",
        "attack-tool" => "攻击工具",
        "attack-system" => "攻击专用操作系统",
        "other" => "其他",
        _ => match name.strip_prefix("via ") {
            Some(service) => return language.pick(name.to_owned(), format!("经由 {service}")),
            None => name,
        },
    };
    language.pick(name, chinese).to_owned()
}

/// Returns the layer of policies that refused a call, by its value in the facet `layer`, such as `identity implicit`: who
/// refused, and whether a statement denies the call or none allows it.
pub fn layer(value: &str, language: Language) -> String {
    let (name, effect) = value.split_once(' ').unwrap_or((value, ""));
    let Some(name) = layer_name(name, language) else {
        return value.to_owned();
    };
    match (language, effect) {
        (Language::En, "implicit") => format!("{name} (does not allow it)"),
        (Language::En, "explicit") => format!("{name} (denies it)"),
        (Language::Zh, "implicit") => format!("{name}（未允许）"),
        (Language::Zh, "explicit") => format!("{name}（明确拒绝）"),
        _ => name.to_owned(),
    }
}

/// Returns the name of an entry of a cluster's journal, such as `regressed` or `再次出现`.
pub fn journal(of: JournalEvent, language: Language) -> &'static str {
    let chinese = match of {
        JournalEvent::New => "首次出现",
        JournalEvent::Regressed => "再次出现",
        JournalEvent::NewPrincipal => "新调用者",
        JournalEvent::NewCircumstance => "新情况",
        JournalEvent::Ongoing => "持续一天",
        JournalEvent::Escalating => "激增",
        JournalEvent::Calmed => "已回落",
        JournalEvent::Acknowledged => "已确认",
        JournalEvent::Muted => "已静音",
        JournalEvent::Expected => "标为预期",
        JournalEvent::Archived => "已归档",
        JournalEvent::Unmarked => "决定已撤销",
        JournalEvent::Recovered => "已恢复",
        JournalEvent::Resolved => "已解决",
        JournalEvent::Reopened => "已重新打开",
        JournalEvent::Carried => "由旧标识延续",
    };
    language.pick(of.name(), chinese)
}

/// Returns a decision of a person about a cluster with its end, such as `muted until 2026-11-02T08:03:07Z`.
pub fn decision(of: Decision, locale: Locale) -> String {
    let until = of.until();
    if locale.language == Language::En {
        return match until {
            Some(Until::Moment(at)) => format!("{} until {}", of.name(), locale.moment(at)),
            _ => of.to_string(),
        };
    }
    let name = match of {
        Decision::Acknowledged => "已确认",
        Decision::Muted { .. } => "已静音",
        Decision::Expected => "标为预期",
        Decision::Archived { .. } => "已归档",
        Decision::Resolved => "已解决",
    };
    match until {
        None => name.to_owned(),
        Some(Until::Moment(at)) => format!("{name}，直到 {}", locale.moment(at)),
        Some(Until::Events { count, within }) => {
            format!("{name}，直到{}出现 {count} 个事件", period(within))
        }
        Some(Until::Principals(count)) => format!("{name}，直到出现 {count} 个新调用者"),
        Some(Until::Escalating) => format!("{name}，直到激增"),
        Some(Until::Forever) => format!("{name}，长期有效"),
    }
}

/// Returns why a decision has ended, such as `it came back` or `错误再次出现`.
pub fn end_reason(of: EndReason, language: Language) -> String {
    let chinese = match of {
        EndReason::Time => "期限已到".to_owned(),
        EndReason::Recovered => "已恢复".to_owned(),
        EndReason::CameBack => "错误再次出现".to_owned(),
        EndReason::Events(count, within) => format!("{}出现 {count} 个事件", period(within)),
        EndReason::Principals(count) => format!("出现 {count} 个新调用者"),
        EndReason::Escalating => "激增".to_owned(),
    };
    language.pick(of.to_string(), chinese)
}

fn period(of: CountPeriod) -> &'static str {
    match of {
        CountPeriod::Hour => "一小时内",
        CountPeriod::Day => "一天内",
    }
}
