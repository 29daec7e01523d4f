//! The reasons for a severity in words, in both languages.

use crate::locale::Language;

/// The reasons for a severity: as the program states them, and in Chinese.
pub(super) static REASONS: &[(&str, &str)] = &[
    ("many failures are one campaign", "大量失败同属一次关联活动"),
    ("one caller tries many calls", "同一调用者尝试多种调用"),
    ("one caller tries many resources", "同一调用者尝试多个资源"),
    ("one caller tries many regions", "同一调用者尝试多个区域"),
    ("it meets many callers at once", "多个调用者同时遇到"),
    (
        "one user's password is tried many times",
        "同一用户的密码被多次尝试",
    ),
    (
        "the passwords of many users are tried",
        "多个用户的密码被尝试",
    ),
    ("the root user", "根用户"),
    (
        "it is several times as large as the threshold",
        "规模达阈值的数倍",
    ),
    ("refused by a VPC endpoint", "被 VPC 终端节点拒绝"),
    ("a sign-in failed", "登录失败"),
    ("access was denied", "访问被拒绝"),
    ("credentials were not accepted", "凭证未被接受"),
    ("a limit was reached", "达到上限"),
    ("AWS failed", "AWS 故障"),
    ("an error of no known class", "未知类别的错误"),
    ("a sensitive call succeeded", "敏感操作执行成功"),
    ("too many requests at a time", "请求过于频繁"),
    ("what was asked for is not there", "请求的对象不存在"),
    ("it is in another state", "对象处于其他状态"),
    (
        "the request made no sense to the service",
        "服务不接受该请求",
    ),
    ("a dry run", "试运行"),
    ("the call changes something", "会更改资源"),
    ("the service decides who may do what", "权限相关服务"),
    (
        "it stops the recording or the detection of what happens",
        "停止对活动的记录或检测",
    ),
    (
        "it destroys data or makes them unreadable",
        "破坏数据或使其无法读取",
    ),
    ("it gives permissions or credentials", "授予权限或凭证"),
    (
        "it changes what is recorded or who sees it",
        "更改记录的内容或可见范围",
    ),
    ("it gives others access to data", "向他人开放数据"),
    ("it opens the network", "开放网络"),
    ("it runs code or opens a shell", "运行代码或打开终端"),
    ("it reads secrets", "读取机密"),
    ("it can cause costs", "可能产生费用"),
    ("the call is watched", "属于关注的操作"),
    (
        "such calls are also part of daily work",
        "日常工作中也会出现",
    ),
    (
        "such a call alone can be a step of an attack",
        "单独一次即可能是攻击的一个步骤",
    ),
    (
        "for such a call, nothing makes it more than a warning",
        "此类操作最高为警告",
    ),
    ("a long-term access key", "长期访问密钥"),
    ("a caller of another account", "其他账号的调用者"),
    (
        "failed after the second factor was asked for: the password was right",
        "在要求第二因素之后失败：密码正确",
    ),
    (
        "a page of the console reads more than it needs",
        "控制台页面的附带读取",
    ),
    ("an AWS service called", "AWS 服务调用"),
    (
        "what a service delivers or changes has been failing for more than a day",
        "服务的投递或更改已持续失败一天以上",
    ),
    ("a scanner tries everything", "扫描器逐一尝试"),
    ("a call that consoles make unasked", "控制台自动发出的调用"),
    ("nobody signed the request", "请求未签名"),
    ("a tool made for attacks", "攻击工具"),
    (
        "all errors of an account together are more frequent than usual",
        "账号的错误总数多于平时",
    ),
    (
        "errors are not seen while no data arrives",
        "数据中断期间看不到错误",
    ),
    (
        "waiting alerts are sent in one message",
        "积压的告警合并为一条发送",
    ),
    ("for the record", "仅作记录"),
    ("the alert has no cluster data", "告警没有聚类数据"),
];

/// Returns a reason for a severity in a language; `english` itself if the table does not have it.
pub(super) fn reason(english: &str, language: Language) -> &str {
    let found = REASONS.iter().find(|(of, _)| *of == english);
    language.pick(english, found.map_or(english, |(_, chinese)| chinese))
}
