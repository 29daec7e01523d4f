//! The names of what the program concludes, in English and in Chinese: severities, states, classes, origins, layers, decisions.
//!
//! Messages, pages and the report use these names, so that one thing has one name in each language. The English names are
//! those of the JSON output and of searches.

use clusters::class::Class;
use clusters::fingerprint::{NO_CODE, STRONG, WEAK};
use clusters::journal::JournalEvent;
use clusters::lifecycle::Status;
use clusters::triage::{CountPeriod, Decision, EndReason, Until};

use crate::hint::layer_name;
use crate::kind::AlertKind;
use crate::locale::{Language, Locale};
use crate::severity::Severity;

/// Returns the name of a severity, such as `critical` or `紧急`.
pub fn severity(of: Severity, language: Language) -> &'static str {
    language.pick(of.name(), of.chinese())
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

/// Returns the words for a code that is one of the program: that there is none, or how much a sensitive call weighs. `None`
/// for a code of AWS.
pub fn code(of: &str, class: Class, language: Language) -> Option<&'static str> {
    let (english, chinese) = match (of, class) {
        (STRONG, Class::Watch) => ("strong", "高风险"),
        (WEAK, Class::Watch) => ("weak", "一般"),
        (NO_CODE, _) => ("no error code", "无错误码"),
        _ => return None,
    };
    Some(language.pick(english, chinese))
}

/// Returns the name of a decision, such as `muted` or `已静音`, from its name in requests.
pub fn decision_name(of: &'static str, language: Language) -> &'static str {
    let chinese = match of {
        "acknowledged" => "已确认",
        "muted" => "已静音",
        "expected" => "标为预期",
        "archived" => "已归档",
        "resolved" => "已解决",
        _ => of,
    };
    language.pick(of, chinese)
}

/// Returns the name of a kind of alerts, such as `New caller` or `新调用者`. It begins the title of a message.
pub fn kind(of: AlertKind, language: Language) -> &'static str {
    let (english, chinese) = match of {
        AlertKind::SensitiveCall => ("Sensitive call", "敏感操作"),
        AlertKind::New => ("New", "新增"),
        AlertKind::NewPrincipal => ("New caller", "新调用者"),
        AlertKind::NewCircumstance => ("New circumstance", "新情况"),
        AlertKind::Regressed => ("Back again", "再次出现"),
        AlertKind::Recovered => ("Recovered", "已恢复"),
        AlertKind::Escalating => ("Escalating", "激增"),
        AlertKind::Campaign => ("Campaign", "关联活动"),
        AlertKind::Incident => ("Incident", "安全事件"),
        AlertKind::AccessKey => ("Access key", "访问密钥"),
        AlertKind::AccountSummary => ("Summary", "汇总"),
        AlertKind::NewAccount => ("New account", "新账号"),
        AlertKind::NoData => ("No data", "数据中断"),
        AlertKind::Drill => ("Drill", "演练"),
        AlertKind::DrillFailed => ("Drill failed", "演练失败"),
    };
    language.pick(english, chinese)
}

/// Returns the kind of program that made a call, by its name in the facet `origin`, such as `attack-tool` or `攻击工具`.
///
/// The name of a service that called for another caller comes from AWS and is not translated: `via athena`, `经由 athena`.
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
        JournalEvent::Imported => "由配置导入",
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fmt::Debug;

    use clusters::class::Class;

    use super::*;

    /// Checks that all names differ, and that the Chinese ones are Chinese, but for names of products.
    fn assert_names<T: Copy + Debug>(all: &[T], name: impl Fn(T, Language) -> String) {
        for language in Language::ALL {
            let names: BTreeSet<String> = all.iter().map(|of| name(*of, language)).collect();
            assert_eq!(names.len(), all.len(), "{names:?}");
            for of in names {
                let is_chinese = of.chars().any(|c| c > '\u{2e80}');
                let is_right = (language == Language::Zh) == is_chinese;
                assert!(is_right || of == "SDK", "{of}");
            }
        }
    }

    #[test]
    fn each_conclusion_has_one_name_in_each_language() {
        let severities = [
            Severity::Info,
            Severity::Warning,
            Severity::Error,
            Severity::Critical,
        ];
        assert_names(&severities, |of, language| {
            severity(of, language).to_owned()
        });
        assert_names(&Class::ALL, |of, language| class(of, language).to_owned());
        assert_names(&AlertKind::ALL, |of, language| {
            kind(of, language).to_owned()
        });
        let origins = [
            "console",
            "cli",
            "sdk",
            "iac",
            "aws-service",
            "scanner",
            "attack-tool",
            "attack-system",
            "other",
        ];
        assert_names(&origins, origin);
        let layers = [
            "identity implicit",
            "identity explicit",
            "scp explicit",
            "vpce implicit",
        ];
        assert_names(&layers, layer);
        assert_eq!(
            layer("identity implicit", Language::Zh),
            "调用者的策略（未允许）"
        );
        assert_eq!(origin("via athena", Language::Zh), "经由 athena");
    }
}
