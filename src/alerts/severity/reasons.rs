//! The reasons for a severity, in both languages.

use std::borrow::Cow;
use std::fmt;

use clusters::keys::KeyAnomaly;
use serde::{Serialize, Serializer};

use crate::incident_words;
use crate::locale::Language;
use crate::severity::Severity;

/// A text in English and in Chinese.
pub(super) type Both = (&'static str, &'static str);

/// One reason for a severity. [`fmt::Display`] writes the points before it, such as `+10 access was denied`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reason {
    /// The points that the reason adds; negative if it makes the severity lower. `None` for a reason that sets the
    /// severity instead of the points, such as a rule of the user.
    pub points: Option<i32>,
    /// The reason in English words, such as `access was denied`. It may have the placeholder `{name}`.
    english: Cow<'static, str>,
    /// The same in Chinese.
    chinese: Cow<'static, str>,
    /// What replaces the placeholder: text that the program does not choose, such as the name of a rule.
    name: Option<String>,
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(points) = self.points {
            write!(formatter, "{points:+} ")?;
        }
        formatter.write_str(&self.text(Language::En))
    }
}

/// A reason in JSON is the text that [`fmt::Display`] writes.
impl Serialize for Reason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Reason {
    /// Returns a reason with fixed words.
    pub(super) fn of(points: Option<i32>, (english, chinese): Both) -> Self {
        Self {
            points,
            english: english.into(),
            chinese: chinese.into(),
            name: None,
        }
    }

    /// Returns the reason that a rule of the user sets a severity. `rule` is the name of the rule.
    pub fn of_rule(severity: Severity, rule: &str) -> Self {
        Self {
            points: None,
            english: format!("{} by the rule {{name}}", severity.name()).into(),
            chinese: format!("按规则 {{name}} 定为{}", severity.chinese()).into(),
            name: Some(rule.to_owned()),
        }
    }

    /// Returns the reason of an incident. `english` is the sentence of the engine; one that an earlier version wrote, and
    /// that has no Chinese words, is shown as it is.
    pub fn of_incident(english: &str) -> Self {
        let words = |language| incident_words::reason(english, language);
        match (words(Language::En), words(Language::Zh)) {
            (Some(english), Some(chinese)) => Self::of(None, (english, chinese)),
            _ => Self {
                name: Some(english.to_owned()),
                ..Self::of(None, ("{name}", "{name}"))
            },
        }
    }

    /// Returns the reason that an anomaly of an access key raises a severity to `least`. `None` for an anomaly that does
    /// not.
    pub fn of_anomaly(least: Severity, anomaly: KeyAnomaly) -> Option<Self> {
        let (english, chinese) = match anomaly {
            KeyAnomaly::Canary => (
                "a canary key was used".to_owned(),
                "诱饵密钥被使用".to_owned(),
            ),
            KeyAnomaly::Awakened { days } => (
                format!("an access key woke up after {days} days"),
                format!("访问密钥闲置 {days} 天后重新启用"),
            ),
            KeyAnomaly::Foreign | KeyAnomaly::Deleted | KeyAnomaly::Unknown => return None,
        };
        let level = least.chinese();
        Some(Self {
            points: None,
            english: format!("{} as {english}", least.name()).into(),
            chinese: format!("{chinese}，定为{level}").into(),
            name: None,
        })
    }

    /// Returns the reason in words for people, without points, and the name that replaces its placeholder `{name}`.
    pub fn words(&self, language: Language) -> (String, Option<&str>) {
        let text = language.pick(&self.english, &self.chinese);
        let text = match (self.points, language) {
            (Some(..0), Language::En) => format!("less severe: {text}"),
            (Some(..0), Language::Zh) => format!("降低级别：{text}"),
            _ => text.clone().into_owned(),
        };
        (text, self.name.as_deref())
    }

    /// Returns the reason in words for people, without points.
    pub fn sentence(&self, language: Language) -> String {
        let (text, name) = self.words(language);
        filled(text, name)
    }

    fn text(&self, language: Language) -> String {
        let text = language.pick(&self.english, &self.chinese);
        filled(text.clone().into_owned(), self.name.as_deref())
    }
}

/// Replaces the placeholder of a reason. The name of a rule is in quotes; a whole sentence is not.
fn filled(text: String, name: Option<&str>) -> String {
    match name {
        None => text,
        Some(name) if text == "{name}" => name.to_owned(),
        Some(name) => text.replace("{name}", &format!("{name:?}")),
    }
}

pub(super) const CAMPAIGN: Both = ("many failures are one campaign", "大量失败同属一次关联活动");
pub(super) const MANY_CALLS: Both = ("one caller tries many calls", "同一调用者尝试多种调用");
pub(super) const MANY_RESOURCES: Both =
    ("one caller tries many resources", "同一调用者尝试多个资源");
pub(super) const MANY_REGIONS: Both = ("one caller tries many regions", "同一调用者尝试多个区域");
pub(super) const MANY_CALLERS: Both = ("it meets many callers at once", "多个调用者同时遇到");
pub(super) const ONE_PASSWORD: Both = (
    "one user's password is tried many times",
    "同一用户的密码被多次尝试",
);
pub(super) const MANY_PASSWORDS: Both = (
    "the passwords of many users are tried",
    "多个用户的密码被尝试",
);
pub(super) const ROOT: Both = ("the root user", "根用户");
pub(super) const LARGE: Both = (
    "it is several times as large as the threshold",
    "规模达阈值的数倍",
);
pub(super) const VPC_ENDPOINT: Both = ("refused by a VPC endpoint", "被 VPC 终端节点拒绝");
pub(super) const SIGN_IN: Both = ("a sign-in failed", "登录失败");
pub(super) const DENIED: Both = ("access was denied", "访问被拒绝");
pub(super) const CREDENTIALS: Both = ("credentials were not accepted", "凭证未被接受");
pub(super) const LIMIT: Both = ("a limit was reached", "达到上限");
pub(super) const AWS_FAILED: Both = ("AWS failed", "AWS 故障");
pub(super) const UNKNOWN_CLASS: Both = ("an error of no known class", "未知类别的错误");
pub(super) const SENSITIVE_CALL: Both = ("a sensitive call succeeded", "敏感操作执行成功");
pub(super) const TOO_MANY_REQUESTS: Both = ("too many requests at a time", "请求过于频繁");
pub(super) const NOT_THERE: Both = ("what was asked for is not there", "请求的对象不存在");
pub(super) const OTHER_STATE: Both = ("it is in another state", "对象处于其他状态");
pub(super) const INVALID: Both = (
    "the request made no sense to the service",
    "服务不接受该请求",
);
pub(super) const DRY_RUN: Both = ("a dry run", "试运行");
pub(super) const CHANGES: Both = ("the call changes something", "会更改资源");
pub(super) const PERMISSIONS: Both = ("the service decides who may do what", "权限相关服务");
pub(super) const BLINDS: Both = (
    "it stops the recording or the detection of what happens",
    "停止对活动的记录或检测",
);
pub(super) const DESTROYS: Both = (
    "it destroys data or makes them unreadable",
    "破坏数据或使其无法读取",
);
pub(super) const GIVES_POWER: Both = ("it gives permissions or credentials", "授予权限或凭证");
pub(super) const CHANGES_RECORDS: Both = (
    "it changes what is recorded or who sees it",
    "更改记录的内容或可见范围",
);
pub(super) const SHARES_DATA: Both = ("it gives others access to data", "向他人开放数据");
pub(super) const OPENS_NETWORK: Both = ("it opens the network", "开放网络");
pub(super) const RUNS_CODE: Both = ("it runs code or opens a shell", "运行代码或打开终端");
pub(super) const READS_SECRETS: Both = ("it reads secrets", "读取机密");
pub(super) const COSTS: Both = ("it can cause costs", "可能产生费用");
pub(super) const WATCHED: Both = ("the call is watched", "属于关注的操作");
pub(super) const DAILY: Both = (
    "such calls are also part of daily work",
    "日常工作中也会出现",
);
pub(super) const STRONG: Both = (
    "such a call alone can be a step of an attack",
    "单独一次即可能是攻击的一个步骤",
);
pub(super) const ROUTINE: Both = (
    "for such a call, nothing makes it more than a warning",
    "此类操作最高为警告",
);
pub(super) const LONG_TERM_KEY: Both = ("a long-term access key", "长期访问密钥");
pub(super) const FOREIGN: Both = ("a caller of another account", "其他账号的调用者");
pub(super) const WITH_MFA: Both = (
    "failed after multi-factor authentication (MFA) was asked for: the password was right",
    "在要求多因素认证（MFA）之后失败：密码正确",
);
pub(super) const CONSOLE_PAGE: Both = (
    "a page of the console reads more than it needs",
    "控制台页面的附带读取",
);
pub(super) const AWS_SERVICE: Both = ("an AWS service called", "AWS 服务调用");
pub(super) const BROKEN_DELIVERY: Both = (
    "what a service delivers or changes has been failing for more than a day",
    "服务的投递或更改已持续失败一天以上",
);
pub(super) const SCANNER: Both = ("a scanner tries everything", "扫描器逐一尝试");
pub(super) const PROBE: Both = ("a call that consoles make unasked", "控制台自动发出的调用");
pub(super) const UNSIGNED: Both = ("the request is not signed", "请求未签名");
pub(super) const ATTACK_TOOL: Both = ("a tool made for attacks", "攻击工具");
pub(super) const ACCOUNT_ESCALATES: Both = (
    "all errors of an account together are more frequent than usual",
    "账号的错误总数多于平时",
);
pub(super) const NEW_ACCOUNT: Both = ("an account is seen for the first time", "首次出现该账号");
pub(super) const NO_DATA: Both = (
    "errors are not seen while no data arrives",
    "数据中断期间看不到错误",
);
pub(super) const DRILL: Both = ("it is a drill; nothing happened", "这是演练，并无异常");
pub(super) const DRILL_FAILED: Both = ("alerts may be missing or late", "告警可能缺失或延迟");
pub(super) const DIGEST: Both = (
    "waiting alerts are sent in one message",
    "积压的告警合并为一条发送",
);
pub(super) const RECORD: Both = ("for the record", "仅作记录");
pub(super) const NO_CLUSTER: Both = ("the alert has no cluster data", "告警没有聚类数据");
pub(super) const ACCESS_KEY: Both = ("an access key did what it should not", "访问密钥行为异常");
