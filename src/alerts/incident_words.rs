//! The words for what an incident has: actors, proofs, tactics, evidence and reasons, in both languages.

use clusters::incident::actor::ActorKind;
use clusters::incident::evidence::{EvidenceKind, KINDS};
use clusters::incident::link::LinkKind;
use clusters::incident::remedy::remedy;
use clusters::incident::technique::Tactic;

use crate::locale::Language;

/// A text in both languages.
type Both = (&'static str, &'static str);

fn in_language((english, chinese): Both, language: Language) -> &'static str {
    match language {
        Language::En => english,
        Language::Zh => chinese,
    }
}

/// Returns how an actor is called: a sentence part with the placeholders `{name}` and, for a person, `{person}`.
pub fn actor(kind: ActorKind, language: Language) -> &'static str {
    let both = match kind {
        ActorKind::Root => ("the root user", "根用户"),
        ActorKind::User => ("user {name}", "用户 {name} "),
        ActorKind::Role => ("role {name}", "角色 {name} "),
        ActorKind::Person => ("{person} with role {name}", "使用角色 {name} 的 {person} "),
        ActorKind::ProviderUser => (
            "user {name} of an identity provider",
            "身份提供商的用户 {name} ",
        ),
        ActorKind::OtherAccount => (
            "identity {name} of another account",
            "其他账号的身份 {name} ",
        ),
        ActorKind::Network => ("network {name}", "网络 {name} "),
    };
    in_language(both, language)
}

/// Returns the proof that an identity is one of an actor, as a sentence part.
pub fn proof(kind: LinkKind, language: Language) -> &'static str {
    let both = match kind {
        LinkKind::AssumedRole => (
            "proven, the answer of AssumeRole has the access key of this session",
            "已证实，AssumeRole 的返回中有该会话的访问密钥",
        ),
        LinkKind::Credentials => (
            "proven, the actor made this user, its password or its access key",
            "已证实，操作者创建了该用户、其密码或其访问密钥",
        ),
        LinkKind::SourceIdentity => (
            "proven, AWS writes the same source identity into both sessions",
            "已证实，AWS 在两个会话中写入了同一源身份",
        ),
        LinkKind::Role => (
            "the actor made this role or changed who may assume it; that the actor uses it is not proven",
            "操作者创建了该角色或更改了可代入者；尚不能证实由其使用",
        ),
        LinkKind::RefusedRole => (
            "likely, the actor was refused this role, and within an hour a session of it began from the same address",
            "很可能，操作者代入该角色被拒绝，一小时内同一地址开始了该角色的会话",
        ),
    };
    in_language(both, language)
}

/// Returns the name of a tactic of MITRE ATT&CK.
pub fn tactic(tactic: Tactic, language: Language) -> &'static str {
    let both = match tactic {
        Tactic::ResourceDevelopment => ("resource development", "资源开发"),
        Tactic::InitialAccess => ("initial access", "初始访问"),
        Tactic::Execution => ("execution", "执行"),
        Tactic::Persistence => ("persistence", "持久化"),
        Tactic::PrivilegeEscalation => ("privilege escalation", "权限提升"),
        Tactic::Stealth => ("stealth", "隐匿"),
        Tactic::DefenseImpairment => ("defense impairment", "削弱防御"),
        Tactic::CredentialAccess => ("credential access", "凭证访问"),
        Tactic::Discovery => ("discovery", "信息收集"),
        Tactic::LateralMovement => ("lateral movement", "横向移动"),
        Tactic::Exfiltration => ("exfiltration", "数据外泄"),
        Tactic::Impact => ("impact", "破坏"),
    };
    in_language(both, language)
}

/// Returns what the items of a kind of evidence are.
pub fn evidence(kind: EvidenceKind, items: usize, language: Language) -> &'static str {
    let english = || {
        let row = KINDS
            .iter()
            .find(|row| row.kind == kind && items >= row.items);
        row.map_or("", |row| row.reason)
    };
    let chinese = match kind {
        EvidenceKind::Tool => "带有攻击工具名称的调用",
        EvidenceKind::System => "来自攻击专用操作系统的调用",
        EvidenceKind::Breadth => "多个服务中被拒绝的不同调用",
        EvidenceKind::Refusals => "被拒绝的不同调用",
        EvidenceKind::Depth => "同一调用被拒绝的对象",
        EvidenceKind::Spread => "有调用被拒绝的区域",
        EvidenceKind::RefusedSensitive => "被拒绝的敏感操作",
        EvidenceKind::StrongCalls => "成功的高风险敏感操作",
        EvidenceKind::SeveralTechniques => "成功的敏感操作所属技术",
        EvidenceKind::Tactics => "战术",
        EvidenceKind::PowerForItself => "为自己授予权限的操作",
        EvidenceKind::RefusedThenPower => "先被拒绝的调用，随后有高风险敏感操作成功",
        EvidenceKind::WrongPasswords => "凭证错误的登录",
        EvidenceKind::GuessedPassword => "凭证错误的登录，随后登录成功",
        EvidenceKind::Spraying => "同一网络中登录失败的用户",
        EvidenceKind::MadeIdentityUsed => "由操作者创建或接管的用户发出的调用",
        EvidenceKind::Root => "根用户的调用",
    };
    match language {
        Language::En => english(),
        Language::Zh => chinese,
    }
}

/// Why an incident is as serious as it is: the sentence of the engine, the sentence in Chinese, and what the actor did in
/// the fewest words, in both languages.
static REASONS: [(&str, &str, Both); 13] = [
    (
        "The actor gave itself power.",
        "操作者为自己授予了权限。",
        ("gave itself power", "为自己提权"),
    ),
    (
        "After wrong credentials the right ones were used.",
        "多次使用错误凭证后登录成功。",
        ("signed in after wrong passwords", "多次输错密码后登录成功"),
    ),
    (
        "Records or guards were switched off.",
        "日志记录或防护被关闭。",
        ("switched off records or guards", "关闭了日志或防护"),
    ),
    (
        "Data was shared with strangers.",
        "数据被共享给外部。",
        ("shared data with strangers", "把数据共享给外部"),
    ),
    (
        "Something was destroyed.",
        "有资源遭到破坏。",
        ("destroyed something", "破坏了资源"),
    ),
    (
        "Strong calls of several tactics succeeded.",
        "属于多种战术的高风险敏感操作成功。",
        ("succeeded with several tactics", "多种战术得手"),
    ),
    (
        "A strong call of an attack tool succeeded.",
        "攻击工具的高风险敏感操作成功。",
        ("succeeded with an attack tool", "用攻击工具得手"),
    ),
    (
        "A strong sensitive call succeeded.",
        "有高风险敏感操作成功。",
        ("made a strong sensitive call", "执行了高风险敏感操作"),
    ),
    (
        "An attack tool made calls.",
        "攻击工具发出了调用。",
        ("used an attack tool", "使用了攻击工具"),
    ),
    (
        "Calls of several services were tried.",
        "尝试了多个服务的调用。",
        ("tried calls of many services", "试探了多个服务"),
    ),
    (
        "Passwords were tried.",
        "有人在尝试密码。",
        ("tried passwords", "尝试密码"),
    ),
    (
        "The key that was used lasts until it is removed.",
        "所用密钥长期有效，直到被移除。",
        ("tried with a key that lasts", "用长期密钥试探"),
    ),
    (
        "All that is known was tried, and nothing of it succeeded.",
        "已知的操作均为尝试，无一成功。",
        ("was refused all it tried", "尝试均被拒绝"),
    ),
];

/// Returns why an incident is as serious as it is, in a sentence. `english` is the sentence of the engine; `None` if it is
/// not known.
pub fn reason(english: &str, language: Language) -> Option<&'static str> {
    let row = REASONS.iter().find(|row| row.0 == english)?;
    Some(in_language((row.0, row.1), language))
}

/// Returns what an actor did, in the fewest words. `english` is the sentence of the engine; `None` if it is not known.
pub fn did(english: &str, language: Language) -> Option<&'static str> {
    let row = REASONS.iter().find(|row| row.0 == english)?;
    Some(in_language(row.2, language))
}

/// Returns what an object is that an actor made, by its kind; `None` if the kind is not known.
pub fn object(kind: &str, language: Language) -> Option<&'static str> {
    let remedy = remedy(kind, "")?;
    Some(in_language(
        (remedy.what(), remedy.what_chinese()),
        language,
    ))
}

#[cfg(test)]
mod tests {
    use clusters::incident::severity;

    use super::*;

    #[test]
    fn every_reason_of_the_engine_has_its_words() {
        let known = REASONS.map(|row| row.0);
        assert_eq!(known, severity::REASONS);
        for (english, chinese, (did, did_chinese)) in REASONS {
            assert!(english.ends_with('.') && chinese.ends_with('。'));
            assert!(
                did.len() <= 31 && did_chinese.chars().count() <= 12,
                "{did}"
            );
        }
    }

    #[test]
    fn every_kind_of_evidence_has_its_words() {
        for row in KINDS {
            for language in [Language::En, Language::Zh] {
                assert!(!evidence(row.kind, row.items, language).is_empty());
            }
        }
    }
}
