//! The parameters of sensitive calls: in which order they are shown, which of them say something, and their names in words
//! that people know, in both languages.

use std::borrow::Cow;

use clusters::watch::CallDetails;

use crate::locale::Language;

/// A parameter of a sensitive call as messages show it.
#[derive(Debug)]
pub struct Parameter<'d> {
    /// The name in the language of the message; if it is not known, as it is written in the watch.
    pub label: &'d str,
    /// Whether the label is a word of the program.
    pub is_known: bool,
    /// The value, in which fixed words are in the language of the message. It is untrusted text.
    pub value: Cow<'d, str>,
    /// Whether the value may have several words.
    pub is_sentence: bool,
}

/// The name of a parameter with its words in English and Chinese.
type Label = (&'static str, &'static str, &'static str);

/// The words of all parameters. The first ones say most, and are shown first.
static LABELS: [Label; 126] = [
    ("policy", "policy", "策略"),
    ("power", "power", "高权限"),
    ("changed", "changed", "变更为"),
    ("off", "switched off", "已关闭"),
    ("shared_with", "shared with", "共享给"),
    ("port", "port", "端口"),
    ("range", "range", "地址范围"),
    ("policy_name", "policy name", "策略名称"),
    ("of", "policy", "策略"),
    ("version", "version", "版本"),
    ("default", "default version", "默认版本"),
    ("user", "user", "用户"),
    ("role", "role", "角色"),
    ("group", "group", "用户组"),
    ("account", "account", "账号"),
    ("principal", "principal", "主体"),
    ("member", "member", "成员"),
    ("key", "key", "密钥"),
    ("trail", "trail", "跟踪"),
    ("bucket", "bucket", "存储桶"),
    ("object", "object", "对象"),
    ("prefix", "prefix", "前缀"),
    ("permission", "permission", "权限"),
    ("setting", "setting", "设置"),
    ("to", "to", "目标"),
    ("on", "on", "目标"),
    ("destination", "destination", "目的地"),
    ("permission_set", "permission set", "权限集"),
    ("boundary", "permissions boundary", "权限边界"),
    ("profile", "profile", "配置文件"),
    ("session", "session", "会话"),
    ("duration", "duration in seconds", "时长（秒）"),
    ("task", "task", "任务"),
    ("mfa", "sign-in", "登录"),
    ("device", "device", "设备"),
    ("provider", "identity provider", "身份提供商"),
    ("client", "client", "客户端"),
    ("issuer", "issuer", "颁发者"),
    ("directory", "directory", "目录"),
    ("store", "identity store", "身份存储"),
    ("name", "name", "名称"),
    ("service", "service", "服务"),
    ("for_service", "for service", "面向服务"),
    ("source_type", "source type", "来源类型"),
    ("length", "least length", "最小长度"),
    ("max_age", "expires after days", "有效天数"),
    ("region", "region", "区域"),
    ("status", "status", "状态"),
    ("action", "action", "操作"),
    ("actions", "actions", "操作"),
    ("operations", "operations", "操作"),
    ("statement", "statement", "语句"),
    ("groups", "groups", "用户组"),
    ("log_group", "log group", "日志组"),
    ("log_stream", "log stream", "日志流"),
    ("log_source", "log source", "日志来源"),
    ("log", "log", "日志"),
    ("flow_log", "flow log", "流日志"),
    ("insights", "insights", "Insights 类型"),
    ("filter", "filter", "筛选条件"),
    ("rule", "rule", "规则"),
    ("alarm", "alarm", "告警"),
    ("bus", "event bus", "事件总线"),
    ("recorder", "recorder", "记录器"),
    ("channel", "delivery channel", "传送通道"),
    ("resource_types", "resource types", "资源类型"),
    ("detector", "detector", "检测器"),
    ("feature", "feature", "功能"),
    ("frequency", "frequency", "频率"),
    ("list", "list", "列表"),
    ("location", "location", "位置"),
    ("standard", "standard", "标准"),
    ("product", "product", "产品"),
    ("control", "control", "控制项"),
    ("graph", "behavior graph", "行为图"),
    ("analyzer", "analyzer", "分析器"),
    ("protection", "protection", "防护"),
    ("firewall", "firewall", "防火墙"),
    ("acl", "access control list", "访问控制列表"),
    ("interface", "network interface", "网络接口"),
    ("vpc", "VPC", "虚拟私有云（VPC）"),
    ("peer", "peer", "对端"),
    ("policy_type", "policy type", "策略类型"),
    ("address", "address", "地址"),
    ("contact", "contact", "联系人"),
    ("domain", "domain", "域名"),
    ("days", "days", "天数"),
    ("date", "date", "日期"),
    ("vault", "vault", "保管库"),
    ("recovery_point", "recovery point", "恢复点"),
    ("plan", "plan", "计划"),
    ("table", "table", "表"),
    ("database", "database", "数据库"),
    ("secret", "secret", "机密"),
    ("grantee", "grantee", "被授权者"),
    ("snapshot", "snapshot", "快照"),
    ("image", "image", "镜像"),
    ("organization", "organization", "组织"),
    ("share", "share", "共享"),
    ("resource", "resource", "资源"),
    ("document", "document", "文档"),
    ("function", "function", "函数"),
    ("layer", "layer", "层"),
    ("layers", "layers", "层"),
    ("auth", "authentication", "身份验证"),
    ("queue", "queue", "队列"),
    ("topic", "topic", "主题"),
    ("repository", "repository", "存储库"),
    ("instance", "instance", "实例"),
    ("os_user", "user of the host", "主机用户"),
    ("cluster", "cluster", "集群"),
    ("key_pair", "key pair", "密钥对"),
    ("endpoint", "endpoint", "终端节点"),
    ("notebook", "notebook", "笔记本"),
    ("config", "configuration", "配置"),
    ("server", "server", "服务器"),
    ("parameter", "parameter", "参数"),
    ("decrypted", "decrypted", "已解密"),
    ("model", "model", "模型"),
    ("type", "type", "类型"),
    ("count", "count", "数量"),
    ("quota", "quota", "配额"),
    ("value", "value", "值"),
    ("identity", "identity", "身份"),
    ("limit", "limit", "限额"),
    ("pool", "pool", "身份池"),
];

/// The words of a parameter in the watches whose names begin with the first text, where they differ from [`LABELS`].
static LABELS_OF_WATCHES: [(&str, Label); 2] = [
    ("security-group", ("group", "security group", "安全组")),
    (
        "route53resolver",
        ("group", "firewall rule group", "防火墙规则组"),
    ),
];

/// What the values of the parameter `mfa` of a sign-in mean.
const WITH_MFA: &str = "with MFA";
const WITHOUT_MFA: &str = "without MFA";

/// The number of rows of [`LABELS`] whose values may have several words: they are conclusions of the program.
const CONCLUSIONS: usize = 7;

/// Fixed values in English and Chinese. A value may be a list of them, with commas.
static VALUES: [(&str, &str); 18] = [
    ("all", "全部"),
    ("everyone", "所有人"),
    ("global services off", "不再记录全局服务事件"),
    ("inline", "内联策略"),
    ("log group removed", "已移除日志组"),
    ("management events off", "不再记录管理事件"),
    ("organization off", "不再覆盖整个组织"),
    ("other regions off", "不再记录其他区域"),
    ("ReadOnly events alone", "仅记录只读事件"),
    ("termination protection off", "已关闭终止保护"),
    ("validation off", "已关闭日志文件验证"),
    ("WriteOnly events alone", "仅记录写入事件"),
    (WITH_MFA, "已使用多因素认证（MFA）"),
    (WITHOUT_MFA, "未使用多因素认证（MFA）"),
    ("true", "是"),
    ("false", "否"),
    ("Yes", "是"),
    ("No", "否"),
];

/// Returns all parameters of a call with the names that the watch gives them, those that say most first. Names that are
/// not in the table come last, by name.
pub fn ordered(details: &CallDetails) -> Vec<(&str, &str)> {
    let all = details.parameters.iter();
    let mut all: Vec<(&str, &str)> = all.map(|(name, value)| (&**name, &**value)).collect();
    all.sort_by_key(|(name, _)| place(name).unwrap_or(usize::MAX));
    all
}

/// Returns the parameters of a call that say something new, in the same order. Empty ones are left out, and so is a value
/// that is the target or was there before.
pub fn telling(details: &CallDetails) -> Vec<(&str, &str)> {
    let mut said: Vec<&str> = details.target.as_deref().into_iter().collect();
    let mut telling = ordered(details);
    telling.retain(|(_, value)| {
        let is_new = !value.is_empty() && !said.contains(value);
        said.push(value);
        is_new
    });
    telling
}

/// Returns the parameters of a call that say something new, in the words of a language.
pub fn of(details: &CallDetails, language: Language) -> Vec<Parameter<'_>> {
    let parameter = |(name, value)| {
        let place = place(name);
        let row = place.map(|place| row(place, details));
        let value = match (name, value) {
            ("mfa", "Yes" | "true") => WITH_MFA,
            ("mfa", "No" | "false") => WITHOUT_MFA,
            _ => value,
        };
        Parameter {
            label: row.map_or(name, |row| word(row, language)),
            is_known: row.is_some(),
            value: translated(value, language),
            is_sentence: name == "mfa" || place.is_some_and(|place| place < CONCLUSIONS),
        }
    };
    telling(details).into_iter().map(parameter).collect()
}

/// Returns the words of the parameter at a place of [`LABELS`], for a call of this watch.
fn row(place: usize, details: &CallDetails) -> &'static Label {
    let row = &LABELS[place];
    let of_watch =
        |(watch, other): &&(&str, Label)| details.watch.starts_with(watch) && other.0 == row.0;
    let other = LABELS_OF_WATCHES.iter().find(of_watch);
    other.map_or(row, |(_, other)| other)
}

fn place(name: &str) -> Option<usize> {
    LABELS.iter().position(|row| row.0 == name)
}

/// Returns what the target of a call is, such as `user`: the word of the parameter with the same value. `None` if no
/// parameter has it.
pub(super) fn kind_of_target(details: &CallDetails, language: Language) -> Option<&'static str> {
    let target = details.target.as_ref()?;
    let is_target = |row: &Label| details.parameters.get(row.0) == Some(target);
    let place = LABELS.iter().position(is_target)?;
    Some(word(row(place, details), language))
}

/// Checks whether a word of a value is one of the program that the form of titles would change.
pub(super) fn is_own_word(word: &str) -> bool {
    word == "*" || VALUES.iter().any(|(_, chinese)| *chinese == word)
}

fn word(row: &Label, language: Language) -> &'static str {
    match language {
        Language::En => row.1,
        Language::Zh => row.2,
    }
}

/// Returns a value with its fixed words in a language.
fn translated(value: &str, language: Language) -> Cow<'_, str> {
    if language == Language::En {
        return Cow::Borrowed(value);
    }
    let part = |part| {
        let row = VALUES.iter().find(|(english, _)| *english == part);
        row.map_or(part, |(_, chinese)| *chinese)
    };
    let parts: Vec<&str> = value.split(", ").map(part).collect();
    Cow::Owned(parts.join(", "))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn details(parameters: &[(&str, &str)]) -> CallDetails {
        let parameters: serde_json::Map<String, serde_json::Value> = parameters
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).into()))
            .collect();
        let json = serde_json::json!({
            "watch": "iam-attach-user-policy",
            "tier": "always",
            "target": "eve",
            "parameters": parameters,
        });
        CallDetails::decode(&json.to_string()).unwrap()
    }

    fn shown(parameters: &[(&str, &str)], language: Language) -> String {
        let details = details(parameters);
        let shown = of(&details, language).into_iter();
        let shown = shown.map(|of| format!("{}={}", of.label, of.value));
        shown.collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn what_says_most_comes_first_and_nothing_twice() {
        let parameters = [
            ("bossName", "kim"),
            ("policy", "AdministratorAccess"),
            ("power", "AdministratorAccess"),
            ("shared_with", "everyone, 444455556666"),
            ("user", "eve"),
        ];
        assert_eq!(
            shown(&parameters, Language::En),
            "policy=AdministratorAccess; shared with=everyone, 444455556666; bossName=kim"
        );
        assert_eq!(
            shown(&parameters, Language::Zh),
            "策略=AdministratorAccess; 共享给=所有人, 444455556666; bossName=kim"
        );
        let details = details(&parameters);
        assert_eq!(kind_of_target(&details, Language::Zh), Some("用户"));
    }

    #[test]
    fn words_depend_on_the_watch() {
        let mut details = details(&[("group", "eve"), ("mfa", "No")]);
        for (watch, group) in [
            ("iam-add-user-to-group", "用户组"),
            ("security-group-open", "安全组"),
        ] {
            details.watch = watch.to_owned();
            assert_eq!(kind_of_target(&details, Language::Zh), Some(group));
        }
        let sign_in = |language| {
            let shown = of(&details, language).into_iter();
            let shown = shown.map(|of| format!("{} {}", of.label, of.value));
            shown.collect::<Vec<_>>()
        };
        assert_eq!(sign_in(Language::En), ["sign-in without MFA"]);
        assert_eq!(sign_in(Language::Zh), ["登录 未使用多因素认证（MFA）"]);
    }

    #[test]
    fn what_a_trail_no_longer_records_is_said_in_both_languages() {
        let changed = [("changed", "management events off, bucket other-logs")];
        assert_eq!(
            shown(&changed, Language::Zh),
            "变更为=不再记录管理事件, bucket other-logs"
        );
    }

    #[test]
    fn each_parameter_of_the_table_has_words_in_both_languages() {
        let names: BTreeSet<&str> = LABELS.iter().map(|row| row.0).collect();
        assert_eq!(names.len(), LABELS.len());
        for (name, english, chinese) in LABELS {
            assert!(!english.contains('_'), "{name}");
            assert!(
                chinese.chars().any(|c| c > '\u{2e80}' || c == 'M'),
                "{name}"
            );
        }
        let watches = clusters::watch::Watches::default();
        for watch in watches.all() {
            for (name, _) in &watch.parameters {
                assert!(names.contains(name.as_str()), "{name} of {}", watch.name);
            }
        }
    }
}
