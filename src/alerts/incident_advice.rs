//! What to do about an incident, in its order: stop the actor, take away what it made, close what is open, and look at the
//! rest; with the commands of the AWS CLI.
//!
//! Sentences and the kinds of objects are texts of the program, in both languages. Names are untrusted text and separate from
//! them. A command has a name only if the name consists of characters that no shell and no command line gives a meaning;
//! otherwise a word in capitals stands for it. Ids of access keys are masked, so a command before shows them.
//!
//! Sources: AWS Security Incident Response Technical Guide; IAM User Guide, "Disabling permissions for temporary security
//! credentials" and "Update access keys"; AWS Managed Policy Reference, `AWSDenyAll`; AWS CLI Command Reference; all of
//! 2026-11-30.

use clusters::incident::Incident;
use clusters::incident::actor::{Actor, ActorKind};
use clusters::incident::ledger::{Made, Standing, Urgency, WayIn};
use clusters::incident::remedy::{self, Remedy};
use clusters::incident::step::{Outcome, Step};
use clusters::incident::technique::Tactic;
use clusters::keys::masked;
use records::principal::is_account_id;
use records::time::Timestamp;

use crate::locale::Language;
use crate::safe::readable;

/// A text of the program in both languages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bilingual {
    /// The text in English.
    pub english: &'static str,
    /// The text in Chinese, simplified.
    pub chinese: &'static str,
}

/// One thing to do about an incident.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdviceStep {
    /// What to do, as sentences. A word in braces, such as `{actor}`, stands for a value.
    pub sentence: Bilingual,
    /// The values in the sentence, by the words in braces. They are untrusted text.
    pub values: Vec<(&'static str, String)>,
    /// The objects that it is to be done with, in their order; at most [`ITEMS_MAX`].
    pub items: Vec<AdviceItem>,
    /// The number of further objects.
    pub more: usize,
}

/// An object of an [`AdviceStep`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdviceItem {
    /// What the object is.
    pub what: Bilingual,
    /// The name of the object. It is untrusted text; ids of access keys in it are masked.
    pub name: String,
    /// The commands, in their order. A word in capitals, such as `KEY_ID`, is looked up by the reader.
    pub commands: Vec<String>,
}

/// How many objects of a step are listed.
pub const ITEMS_MAX: usize = 10;

/// How many characters of a name are shown.
const NAME_CHARS_MAX: usize = 128;

/// The longest name in a command, in characters. ARNs of IAM are at most a few hundred.
const ARGUMENT_CHARS_MAX: usize = 256;

/// How long before an incident the records of its actor are read, in seconds.
const BEFORE_SECONDS: i64 = 24 * 3600;

/// How many regions are named.
const REGIONS_MAX: usize = 5;

/// Returns what to do about an incident, in the order in which it is to be done.
pub fn advice(incident: &Incident) -> Vec<AdviceStep> {
    let adviser = Adviser {
        incident,
        partition: partition(incident),
    };
    let mut steps = vec![adviser.ask()];
    steps.extend(adviser.stop());
    steps.extend(adviser.unseen());
    steps.extend(URGENCIES.iter().filter_map(|of| adviser.undo(*of)));
    steps.extend(adviser.was_open());
    steps.extend(adviser.secrets());
    steps.push(adviser.read());
    steps
}

impl AdviceStep {
    fn new(sentence: Bilingual, mut items: Vec<AdviceItem>) -> Self {
        let more = items.len().saturating_sub(ITEMS_MAX);
        items.truncate(ITEMS_MAX);
        Self {
            sentence,
            values: Vec::new(),
            items,
            more,
        }
    }

    /// Returns the sentences in a language, with their values made readable.
    pub fn text(&self, language: Language) -> String {
        let sentence = language.pick(self.sentence.english, self.sentence.chinese);
        let mut text = sentence.to_owned();
        for (name, value) in &self.values {
            text = text.replace(&format!("{{{name}}}"), &readable(value, NAME_CHARS_MAX));
        }
        text
    }
}

const fn both(english: &'static str, chinese: &'static str) -> Bilingual {
    Bilingual { english, chinese }
}

const ASK: Bilingual = both(
    "Ask who is responsible for {actor} in account {account} whether this was agreed, such as a test. If it was not \
     agreed, go on.",
    "请向账号 {account} 中 {actor} 的负责人确认这是否为约定的操作，例如测试。若未约定，请继续以下步骤。",
);
const STOP_KEY: Bilingual = both(
    "Stop the access keys with which the actor calls.",
    "停用操作者所用的访问密钥。",
);
const DENY: Bilingual = both(
    "Take all permissions away. This ends sessions that exist, too, and it stops everything else that uses the same user or \
     role.",
    "撤销全部权限。已有会话也会因此失效；使用同一用户或角色的其他程序也会停止工作。",
);
const SIGN_ON: Bilingual = both(
    "Disable the person in IAM Identity Center, and end the sessions there. The role of single sign-on cannot be changed in \
     this account.",
    "请在 IAM Identity Center 中停用该人员并终止其会话。单点登录的角色无法在本账号中更改。",
);
const ROOT: Bilingual = both(
    "Sign in as the root user: change its password, delete its access keys, and check its MFA devices and its e-mail \
     address. If the sign-in fails, ask AWS Support.",
    "请以根用户登录：更改密码，删除其访问密钥，并检查其 MFA 设备与电子邮件地址。若无法登录，请联系 AWS Support。",
);
const PROVIDER: Bilingual = both(
    "Disable the user at the provider that signs it in. Sessions that exist end when they expire.",
    "请在身份提供商处停用该用户。已有会话在到期后结束。",
);
const OTHER_ACCOUNT: Bilingual = both(
    "Take away what lets the other account in: the trust policies of roles, and the policies of resources, that name it.",
    "请移除允许该账号进入的内容：提及它的角色信任策略与资源策略。",
);
const NETWORK: Bilingual = both(
    "Check whether one of the sign-ins succeeded later. Let the users change their passwords, and require MFA.",
    "请检查之后是否有登录成功。让相关用户更改密码，并要求多因素认证（MFA）。",
);
const UNSEEN: Bilingual = both(
    "Removals are not seen with this coverage: check for each object below whether it is still there.",
    "当前覆盖范围看不到移除操作：请逐一检查以下对象是否仍然存在。",
);
const CREDENTIALS: Bilingual = both(
    "Take away the ways in that the actor made.",
    "移除操作者创建的入口。",
);
const RECORDS: Bilingual = both(
    "Switch records and guards on again.",
    "重新启用记录与防护。",
);
const OPENINGS: Bilingual = both(
    "Close what others can reach, and stop what deletes data or runs replaced code.",
    "关闭他人可以访问的内容，并停止会删除数据或运行被替换代码的设置。",
);
const POWERS: Bilingual = both(
    "Take back the permissions that the actor gave.",
    "收回操作者授予的权限。",
);
const THINGS: Bilingual = both(
    "Look at what else the actor made, and keep what is evidence. Disable users and roles: AWS deletes one only after its \
     keys, password and policies are removed, which is for after the incident.",
    "查看操作者创建的其他对象，并保留证据。用户和角色先禁用：只有移除其密钥、密码与策略之后才能删除，请在事件结束后再删除。",
);
const WAS_OPEN: Bilingual = both(
    "Treat as taken what was open for a time: look for copies, and find out who used it.",
    "曾经开放过的内容应视为已泄露：请查找副本，并查明有谁使用过。",
);
const SECRETS: Bilingual = both("Replace the secrets that were read.", "更换被读取的机密。");
const READ: Bilingual = both(
    "Read what else the actor, its other identities and the users that it made did before and since, in each of these \
     regions: {regions}.",
    "逐个区域查看操作者、其所用的其他身份以及所建用户在此前与此后的其他操作：{regions}。",
);

const ACCESS_KEY: Bilingual = both("access key", "访问密钥");
const USER: Bilingual = both("user", "用户");
const ROLE: Bilingual = both("role", "角色");
const ROOT_USER: Bilingual = both("root user", "根用户");
const SECRET: Bilingual = both("secret", "机密");

/// What has to be undone, in this order, each with its sentences.
const URGENCIES: [(Urgency, Bilingual); 5] = [
    (Urgency::Credential, CREDENTIALS),
    (Urgency::Record, RECORDS),
    (Urgency::Open, OPENINGS),
    (Urgency::Power, POWERS),
    (Urgency::Thing, THINGS),
];

/// Writes the advice about one incident.
struct Adviser<'i> {
    incident: &'i Incident,
    partition: &'i str,
}

impl Adviser<'_> {
    fn ask(&self) -> AdviceStep {
        let actor = &self.incident.actor;
        AdviceStep {
            values: vec![
                ("actor", actor.name.clone()),
                ("account", actor.account_id.clone()),
            ],
            ..AdviceStep::new(ASK, Vec::new())
        }
    }

    /// Returns how the actor is stopped.
    fn stop(&self) -> Vec<AdviceStep> {
        let actor = &self.incident.actor;
        let alone = |sentence| vec![AdviceStep::new(sentence, Vec::new())];
        match actor.kind {
            ActorKind::Root => return alone(ROOT),
            ActorKind::Network => return alone(NETWORK),
            _ => {}
        }
        let mut steps = Vec::new();
        let keys = self.keys();
        if !keys.is_empty() {
            steps.push(AdviceStep::new(STOP_KEY, keys));
        }
        match actor.kind {
            ActorKind::ProviderUser => steps.extend(alone(PROVIDER)),
            ActorKind::OtherAccount => steps.extend(alone(OTHER_ACCOUNT)),
            ActorKind::Person if is_of_single_sign_on(actor) => steps.extend(alone(SIGN_ON)),
            _ => {}
        }
        let denied = self.denied();
        if !denied.is_empty() {
            steps.push(AdviceStep::new(DENY, denied));
        }
        steps
    }

    /// Returns the long-term keys with which the actor called.
    fn keys(&self) -> Vec<AdviceItem> {
        let ways = self.incident.ledger.ways_in.iter();
        let item = |way: &WayIn| {
            let user = way.of.rsplit('/').next().unwrap_or_default();
            let named = argument(user).unwrap_or_else(|| "USER".to_owned());
            AdviceItem {
                what: ACCESS_KEY,
                name: format!("{user} {}", masked(&way.key)),
                commands: vec![
                    format!("aws iam list-access-keys --user-name {named}"),
                    format!(
                        "aws iam update-access-key --user-name {named} --access-key-id KEY_ID --status Inactive"
                    ),
                ],
            }
        };
        ways.filter(|way| way.is_long_term).map(item).collect()
    }

    /// Returns the users and roles of the actor, to take all permissions from them.
    fn denied(&self) -> Vec<AdviceItem> {
        let actor = &self.incident.actor;
        let members = self.incident.members.iter().map(|member| &member.identity);
        let mut all: Vec<&Actor> = vec![actor];
        all.extend(members.filter(|of| *of != actor));
        let mut items: Vec<AdviceItem> = Vec::new();
        for identity in all {
            let (what, name, call) = match (identity.kind, identity.role_name()) {
                (ActorKind::User, _) => (
                    USER,
                    identity.name.as_str(),
                    "attach-user-policy --user-name",
                ),
                (ActorKind::Role | ActorKind::Person, Some(role))
                    if !is_of_single_sign_on(identity) =>
                {
                    (ROLE, role, "attach-role-policy --role-name")
                }
                _ => continue,
            };
            let is_known = items
                .iter()
                .any(|item| item.what == what && item.name == name);
            if is_known || self.incident.ledger.gone.contains(name) {
                continue;
            }
            let named = argument(name).unwrap_or_else(|| what.english.to_ascii_uppercase());
            let policy = format!("arn:{}:iam::aws:policy/AWSDenyAll", self.partition);
            items.push(AdviceItem {
                what,
                name: name.to_owned(),
                commands: vec![format!("aws iam {call} {named} --policy-arn {policy}")],
            });
        }
        items
    }

    /// Returns the note that removals are not seen.
    fn unseen(&self) -> Option<AdviceStep> {
        let mut stands = self.incident.ledger.stands.iter();
        let is_unseen = stands.any(|made| made.standing == Standing::NotSeen);
        is_unseen.then(|| AdviceStep::new(UNSEEN, Vec::new()))
    }

    /// Returns how objects of one urgency that stand are undone; `None` if there are none.
    fn undo(&self, (urgency, sentence): (Urgency, Bilingual)) -> Option<AdviceStep> {
        let stands = self.incident.ledger.stands.iter();
        let known = stands.filter_map(|made| Some((remedy::remedy(made.kind, &made.by)?, made)));
        let mut found: Vec<(Remedy, &Made)> = known
            .filter(|(remedy, _)| remedy.urgency() == urgency)
            .collect();
        // What a user or role has goes before it does.
        found.sort_by_key(|(remedy, made)| (std::cmp::Reverse(remedy.place), made.at));
        let items = found.iter().map(|(remedy, made)| self.item(*remedy, made));
        let items: Vec<AdviceItem> = items.collect();
        (!items.is_empty()).then(|| AdviceStep::new(sentence, items))
    }

    fn item(&self, remedy: Remedy, made: &Made) -> AdviceItem {
        let parts = remedy.parts(&made.name);
        let commands = remedy.commands.iter();
        AdviceItem {
            what: both(remedy.what(), remedy.what_chinese()),
            name: made.name.clone(),
            commands: commands
                .map(|command| self.command(command, &parts, made.region.as_deref()))
                .collect(),
        }
    }

    /// Fills a command with the parts of an object's name, and with the region where a service needs one.
    fn command(&self, command: &str, parts: &[(&str, &str)], region: Option<&str>) -> String {
        let mut text = String::new();
        let mut rest = command.split('{');
        text.extend(rest.next());
        for part in rest {
            let (name, words) = part.split_once('}').unwrap_or((part, ""));
            let value = self.value(name, parts, region);
            text.push_str(&value.unwrap_or_else(|| name.to_ascii_uppercase()));
            text.push_str(words);
        }
        let is_global = ["aws iam ", "aws s3api "]
            .iter()
            .any(|start| command.starts_with(start));
        if let Some(region) = region.and_then(argument).filter(|_| !is_global) {
            text.push_str(" --region ");
            text.push_str(&region);
        }
        text
    }

    /// Returns what stands for a word in braces in a command; `None` if it is not known, or cannot be in a command.
    fn value(&self, name: &str, parts: &[(&str, &str)], region: Option<&str>) -> Option<String> {
        let part = |name: &str| {
            let found = parts.iter().find(|(of, _)| *of == name);
            found.map(|(_, value)| *value)
        };
        let account_id = &self.incident.actor.account_id;
        let account = || Some(account_id.as_str()).filter(|id| is_account_id(id));
        match name {
            "partition" => Some(self.partition.to_owned()),
            "account" => account().map(str::to_owned),
            "policy_arn" => {
                let policy = argument(part("policy")?)?;
                Some(match policy.as_str() {
                    arn if arn.starts_with("arn:") => policy,
                    own if own.starts_with("policy/") => {
                        format!("arn:{}:iam::{}:{own}", self.partition, account()?)
                    }
                    of_aws => format!("arn:{}:iam::aws:policy/{of_aws}", self.partition),
                })
            }
            "secret_id" => {
                let secret = argument(part("secret")?)?;
                Some(match secret.starts_with("secret:") {
                    // The ARN without its beginning.
                    true => format!(
                        "arn:{}:secretsmanager:{}:{}:{secret}",
                        self.partition,
                        region.and_then(argument)?,
                        account()?
                    ),
                    false => secret,
                })
            }
            "permission" => permission(part("port")?, part("range")?),
            "group_names" => Some(grantee(part("shared_with")?, "--group-names")),
            "user_groups" => Some(grantee(part("shared_with")?, "--user-groups")),
            "all" => match part("shared_with")? {
                "everyone" => Some("all".to_owned()),
                account => Some(account.to_owned()).filter(|id| is_account_id(id)),
            },
            name => argument(part(name)?),
        }
    }

    /// Returns what was open to others for a time; `None` if nothing was.
    fn was_open(&self) -> Option<AdviceStep> {
        let was_open = self.incident.ledger.was_open.iter();
        let items = was_open.filter_map(|of| {
            let remedy = remedy::remedy(of.kind, "")?;
            (remedy.urgency() == Urgency::Open).then(|| AdviceItem {
                what: both(remedy.what(), remedy.what_chinese()),
                name: of.name.clone(),
                commands: Vec::new(),
            })
        });
        let items: Vec<AdviceItem> = items.collect();
        (!items.is_empty()).then(|| AdviceStep::new(WAS_OPEN, items))
    }

    /// Returns the secrets that were read; `None` if none was.
    fn secrets(&self) -> Option<AdviceStep> {
        let is_read = |step: &&Step| {
            step.key.tactic == Some(Tactic::CredentialAccess)
                && step.key.outcome == Outcome::Succeeded
        };
        let read = self.incident.steps.iter().filter(is_read);
        let items: Vec<AdviceItem> = read
            .flat_map(|step| &step.targets)
            .map(|target| AdviceItem {
                what: SECRET,
                name: target.clone(),
                commands: Vec::new(),
            })
            .collect();
        (!items.is_empty()).then(|| AdviceStep::new(SECRETS, items))
    }

    /// Returns how to read the other records of the actor.
    fn read(&self) -> AdviceStep {
        let Incident {
            sources,
            began,
            until,
            ..
        } = self.incident;
        let regions = sources.regions.iter().take(REGIONS_MAX);
        let regions: Vec<&str> = regions.map(String::as_str).collect();
        let command = |name: &str, region: &str| {
            let (from, until) = (began.plus(-BEFORE_SECONDS), after(*until));
            format!(
                "aws cloudtrail lookup-events --lookup-attributes AttributeKey=Username,AttributeValue={name} \
                 --start-time {from} --end-time {until} --region {region}"
            )
        };
        let usable: Vec<String> = regions.iter().copied().filter_map(argument).collect();
        let items = self.readable_by_name().into_iter().map(|(what, name)| {
            let named = argument(if what == USER { name } else { "root" });
            let commands = named.map(|named| usable.iter().map(|of| command(&named, of)).collect());
            AdviceItem {
                what,
                name: name.to_owned(),
                commands: commands.unwrap_or_default(),
            }
        });
        AdviceStep {
            values: vec![("regions", regions.join(", "))],
            ..AdviceStep::new(READ, items.collect())
        }
    }

    /// Returns the users whose records CloudTrail finds by name: the actor, its other identities, and the users that it made.
    fn readable_by_name(&self) -> Vec<(Bilingual, &str)> {
        let members = self.incident.members.iter().map(|of| &of.identity);
        let identities = [&self.incident.actor].into_iter().chain(members);
        let identities = identities.filter_map(|of| match of.kind {
            ActorKind::User => Some((USER, of.name.as_str())),
            ActorKind::Root => Some((ROOT_USER, of.name.as_str())),
            _ => None,
        });
        let stands = self.incident.ledger.stands.iter();
        let made = stands.filter(|made| made.kind == "user");
        let made = made.map(|made| (USER, made.name.as_str()));
        let mut all = Vec::new();
        for named in identities.chain(made) {
            if !all.contains(&named) {
                all.push(named);
            }
        }
        all
    }
}

/// The end of the period that is read: a day after the incident, because what follows matters, too.
fn after(until: Timestamp) -> Timestamp {
    until.plus(BEFORE_SECONDS)
}

/// Checks whether a role is one of IAM Identity Center, which an account cannot change.
fn is_of_single_sign_on(actor: &Actor) -> bool {
    actor
        .role_name()
        .is_some_and(|role| role.starts_with("AWSReservedSSO_"))
}

/// Returns the partition of the accounts, by the names of the callers.
fn partition(incident: &Incident) -> &str {
    let keys = incident.ledger.ways_in.iter().map(|way| way.of.as_str());
    let members = incident
        .members
        .iter()
        .map(|member| member.identity.name.as_str());
    keys.chain(members).find_map(partition_of).unwrap_or("aws")
}

fn partition_of(arn: &str) -> Option<&str> {
    let name = arn.strip_prefix("arn:")?.split(':').next()?;
    let is_name = |name: &&str| name.bytes().all(|b| b == b'-' || b.is_ascii_lowercase());
    Some(name)
        .filter(|name| name.starts_with("aws"))
        .filter(is_name)
}

/// Returns a name as an argument of a command; `None` if a shell or the AWS CLI might give it another meaning.
///
/// A name that begins with a hyphen would be an option, and one with `://` would be read from a file or the network.
fn argument(name: &str) -> Option<String> {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"_+=,.@:/-".contains(&b);
    let is_fit = (1..=ARGUMENT_CHARS_MAX).contains(&name.len())
        && !name.starts_with(['-', ' '])
        && !name.contains("://")
        && name.bytes().all(|b| is_plain(b) || b == b' ');
    is_fit.then(|| match name.contains(' ') {
        true => format!("'{name}'"),
        false => name.to_owned(),
    })
}

/// Returns the arguments that name with whom something is shared: `groups` is the argument for all users.
fn grantee(shared_with: &str, groups: &str) -> String {
    match shared_with {
        "everyone" => format!("{groups} all"),
        account if is_account_id(account) => format!("--user-ids {account}"),
        _ => "--user-ids ACCOUNT_ID".to_owned(),
    }
}

/// Returns the rule of a security group, from its ports, such as `tcp 22`, and its range, as `--ip-permissions` takes it.
fn permission(port: &str, range: &str) -> Option<String> {
    let is_number = |text: &&str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let is_range = range
        .bytes()
        .all(|b| b.is_ascii_hexdigit() || b".:/".contains(&b));
    let (protocol, ports) = match port.split_once(' ') {
        Some((protocol, ports)) => (protocol, ports),
        None if port == "all" => ("-1", ""),
        None if port.starts_with(|c: char| c.is_ascii_digit()) => ("-1", port),
        None => (port, ""),
    };
    let is_protocol = protocol == "-1" || protocol.bytes().all(|b| b.is_ascii_alphanumeric());
    let (from, to) = match ports {
        "all" => ("0", "65535"),
        ports => ports.split_once('-').unwrap_or((ports, ports)),
    };
    let ports = match [from, to].iter().all(is_number) {
        true => format!(",FromPort={from},ToPort={to}"),
        false if ports.is_empty() && protocol == "-1" => String::new(),
        false if ports.is_empty() => ",FromPort=-1,ToPort=-1".to_owned(),
        false => return None,
    };
    let ranges = match range.contains(':') {
        true => format!("Ipv6Ranges=[{{CidrIpv6={range}}}]"),
        false => format!("IpRanges=[{{CidrIp={range}}}]"),
    };
    (is_range && is_protocol).then(|| format!("'IpProtocol={protocol}{ports},{ranges}'"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clusters::incident::Sources;
    use clusters::incident::actor::Actor;
    use clusters::incident::ledger::{Ledger, WasOpen};
    use clusters::incident::severity::IncidentSeverity;
    use expect_test::expect;

    use super::*;

    const ACCOUNT: &str = "111122223333";

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    fn made(kind: &str, by: &str, name: &str) -> Made {
        let remedy = remedy::remedy(kind, by).unwrap();
        let (kind, _) = remedy::all().nth(remedy.place).unwrap();
        Made {
            kind,
            what: remedy.what(),
            name: name.to_owned(),
            region: Some("eu-north-1".to_owned()),
            by: by.to_owned(),
            at: at("2026-11-02T08:00:00Z"),
            standing: Standing::Stands,
        }
    }

    fn incident(kind: ActorKind, name: &str, ledger: Ledger) -> Incident {
        let regions = BTreeSet::from(["eu-north-1".to_owned(), "us-east-1".to_owned()]);
        Incident {
            id: serde_json::from_str("\"i\"").unwrap(),
            merged: BTreeSet::new(),
            actor: Actor {
                account_id: ACCOUNT.to_owned(),
                kind,
                name: name.to_owned(),
            },
            members: Vec::new(),
            members_count: 0,
            sources: Sources {
                regions,
                ..Sources::default()
            },
            began: at("2026-11-02T08:00:00Z"),
            last: at("2026-11-02T09:00:00Z"),
            until: at("2026-11-02T10:00:00Z"),
            is_open: false,
            severity: IncidentSeverity::Critical,
            severity_reason: "",
            windows: Vec::new(),
            steps: Vec::new(),
            steps_count: 0,
            tactics: BTreeSet::new(),
            ledger,
            events: 1,
            clusters: BTreeSet::new(),
            due: None,
        }
    }

    fn text(steps: &[AdviceStep]) -> String {
        let mut text = String::new();
        for (number, step) in (1..).zip(steps) {
            text.push_str(&format!("{number}. {}\n", step.text(Language::En)));
            for item in &step.items {
                text.push_str(&format!("   {} {}\n", item.what.english, item.name));
                for command in &item.commands {
                    text.push_str(&format!("     {command}\n"));
                }
            }
            if step.more > 0 {
                text.push_str(&format!("   and {} more\n", step.more));
            }
        }
        text
    }

    fn mila() -> Ledger {
        let way = WayIn {
            is_long_term: true,
            key: "AKIAIOSFODNN7EXAMPLE".to_owned(),
            of: format!("arn:aws:iam::{ACCOUNT}:user/team/mila"),
            last: at("2026-11-02T09:00:00Z"),
        };
        Ledger {
            removals_seen: true,
            ways_in: vec![way],
            ..Ledger::default()
        }
    }

    #[test]
    fn first_the_actor_is_stopped_and_what_is_most_urgent_is_undone() {
        let ledger = Ledger {
            stands: vec![
                made("user", "iam:CreateUser", "eva"),
                made("access_key", "iam:CreateAccessKey", "eva AKIA****PLE7"),
                made(
                    "attached_policy_of_user",
                    "iam:AttachUserPolicy",
                    "eva AdministratorAccess",
                ),
                made(
                    "open_port",
                    "ec2:AuthorizeSecurityGroupIngress",
                    "sg-1 tcp 22 0.0.0.0/0",
                ),
                made("trail_off", "cloudtrail:DeleteTrail", "main"),
            ],
            was_open: vec![WasOpen {
                kind: "shared_image",
                what: "image shared with another account",
                name: "ami-1 999988887777".to_owned(),
                from: at("2026-11-02T08:00:00Z"),
                until: at("2026-11-02T08:01:00Z"),
                by: "ec2:ModifyImageAttribute".to_owned(),
            }],
            ..mila()
        };
        let incident = incident(ActorKind::User, "mila", ledger);
        expect![[r#"
            1. Ask who is responsible for mila in account 111122223333 whether this was agreed, such as a test. If it was not agreed, go on.
            2. Stop the access keys with which the actor calls.
               access key mila AKIA****MPLE
                 aws iam list-access-keys --user-name mila
                 aws iam update-access-key --user-name mila --access-key-id KEY_ID --status Inactive
            3. Take all permissions away. This ends sessions that exist, too, and it stops everything else that uses the same user or role.
               user mila
                 aws iam attach-user-policy --user-name mila --policy-arn arn:aws:iam::aws:policy/AWSDenyAll
            4. Take away the ways in that the actor made.
               access key eva AKIA****PLE7
                 aws iam list-access-keys --user-name eva
                 aws iam delete-access-key --user-name eva --access-key-id KEY_ID
            5. Switch records and guards on again.
               trail that no longer records main
                 aws cloudtrail create-trail --name main --s3-bucket-name BUCKET --is-multi-region-trail --enable-log-file-validation --region eu-north-1
                 aws cloudtrail start-logging --name main --region eu-north-1
            6. Close what others can reach, and stop what deletes data or runs replaced code.
               port that is open to the internet sg-1 tcp 22 0.0.0.0/0
                 aws ec2 revoke-security-group-ingress --group-id sg-1 --ip-permissions 'IpProtocol=tcp,FromPort=22,ToPort=22,IpRanges=[{CidrIp=0.0.0.0/0}]' --region eu-north-1
            7. Take back the permissions that the actor gave.
               policy attached to a user eva AdministratorAccess
                 aws iam detach-user-policy --user-name eva --policy-arn arn:aws:iam::aws:policy/AdministratorAccess
            8. Look at what else the actor made, and keep what is evidence. Disable users and roles: AWS deletes one only after its keys, password and policies are removed, which is for after the incident.
               user eva
                 aws iam attach-user-policy --user-name eva --policy-arn arn:aws:iam::aws:policy/AWSDenyAll
            9. Treat as taken what was open for a time: look for copies, and find out who used it.
               image shared with another account ami-1 999988887777
            10. Read what else the actor, its other identities and the users that it made did before and since, in each of these regions: eu-north-1, us-east-1.
               user mila
                 aws cloudtrail lookup-events --lookup-attributes AttributeKey=Username,AttributeValue=mila --start-time 2026-11-01T08:00:00Z --end-time 2026-11-03T10:00:00Z --region eu-north-1
                 aws cloudtrail lookup-events --lookup-attributes AttributeKey=Username,AttributeValue=mila --start-time 2026-11-01T08:00:00Z --end-time 2026-11-03T10:00:00Z --region us-east-1
               user eva
                 aws cloudtrail lookup-events --lookup-attributes AttributeKey=Username,AttributeValue=eva --start-time 2026-11-01T08:00:00Z --end-time 2026-11-03T10:00:00Z --region eu-north-1
                 aws cloudtrail lookup-events --lookup-attributes AttributeKey=Username,AttributeValue=eva --start-time 2026-11-01T08:00:00Z --end-time 2026-11-03T10:00:00Z --region us-east-1
        "#]].assert_eq(&text(&advice(&incident)));
    }

    #[test]
    fn an_actor_is_stopped_as_its_kind_allows() {
        for (kind, name, says, commands) in [
            (ActorKind::Root, "root", "Sign in as the root user", 0),
            (
                ActorKind::Network,
                "203.0.113.0/24",
                "Check whether one of the sign-ins",
                0,
            ),
            (
                ActorKind::ProviderUser,
                "omar",
                "Disable the user at the provider",
                0,
            ),
            (
                ActorKind::OtherAccount,
                "999988887777",
                "lets the other account in",
                0,
            ),
            (
                ActorKind::Role,
                "arn:aws-cn:iam::111122223333:role/ops/App",
                "Take all permissions",
                1,
            ),
            (
                ActorKind::Person,
                "arn:aws:iam::111122223333:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Dev_0a1b as omar",
                "IAM Identity Center",
                0,
            ),
        ] {
            let steps = advice(&incident(kind, name, Ledger::default()));
            assert!(
                steps[1].text(Language::En).contains(says),
                "{name}: {steps:?}"
            );
            let found = steps[1]
                .items
                .iter()
                .flat_map(|item| &item.commands)
                .count();
            assert_eq!(found, commands, "{name}");
        }
        let role = "arn:aws-cn:iam::111122223333:role/ops/App";
        let mut china = incident(ActorKind::Role, role, Ledger::default());
        china.members = vec![clusters::incident::Member {
            identity: china.actor.clone(),
            link: None,
            first: china.began,
            last: china.last,
            events: 1,
        }];
        assert_eq!(
            advice(&china)[1].items[0].commands,
            [
                "aws iam attach-role-policy --role-name App --policy-arn arn:aws-cn:iam::aws:policy/AWSDenyAll"
            ]
        );
    }

    #[test]
    fn a_command_never_has_a_name_that_a_shell_or_the_command_line_reads_as_more() {
        for hostile in [
            "x; rm -rf /",
            "$(id)",
            "`id`",
            "a'b",
            "-x",
            "file:///etc/passwd",
            "https://x.example",
            "a\nb",
            "é",
            "",
            "a|b",
            "a>b",
            "*",
        ] {
            assert_eq!(argument(hostile), None, "{hostile}");
            for (kind, calls) in remedy::all() {
                for by in calls {
                    let remedy = remedy::remedy(kind, by).unwrap();
                    let parts = remedy.parts("").len();
                    let ledger = Ledger {
                        stands: vec![made(kind, by, &vec![hostile; parts].join(" "))],
                        ..Ledger::default()
                    };
                    let incident = incident(ActorKind::User, hostile, ledger);
                    for command in advice(&incident)
                        .iter()
                        .flat_map(|step| &step.items)
                        .flat_map(|item| &item.commands)
                    {
                        let is_in =
                            hostile.len() > 1 && hostile != "-x" && command.contains(hostile);
                        assert!(!is_in, "{command}");
                        assert!(
                            !command.contains(" -x")
                                && !command.contains(['$', '`', '|', ';', '\n']),
                            "{command}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn a_rule_of_a_security_group_is_written_as_it_was_opened() {
        for (port, range, expected) in [
            (
                "tcp 22",
                "0.0.0.0/0",
                Some("'IpProtocol=tcp,FromPort=22,ToPort=22,IpRanges=[{CidrIp=0.0.0.0/0}]'"),
            ),
            (
                "tcp 1000-2000",
                "::/0",
                Some("'IpProtocol=tcp,FromPort=1000,ToPort=2000,Ipv6Ranges=[{CidrIpv6=::/0}]'"),
            ),
            (
                "tcp all",
                "0.0.0.0/0",
                Some("'IpProtocol=tcp,FromPort=0,ToPort=65535,IpRanges=[{CidrIp=0.0.0.0/0}]'"),
            ),
            (
                "all",
                "0.0.0.0/0",
                Some("'IpProtocol=-1,IpRanges=[{CidrIp=0.0.0.0/0}]'"),
            ),
            (
                "icmp",
                "0.0.0.0/0",
                Some("'IpProtocol=icmp,FromPort=-1,ToPort=-1,IpRanges=[{CidrIp=0.0.0.0/0}]'"),
            ),
            ("tcp 22'", "0.0.0.0/0", None),
            ("tcp 22", "0.0.0.0/0'", None),
        ] {
            assert_eq!(
                permission(port, range).as_deref(),
                expected,
                "{port} {range}"
            );
        }
    }

    #[test]
    fn every_text_has_both_languages_and_the_same_words_in_braces() {
        let words = |text: &str| -> BTreeSet<String> {
            text.split('{')
                .skip(1)
                .filter_map(|part| Some(part.split_once('}')?.0.to_owned()))
                .collect()
        };
        for text in [
            ASK,
            STOP_KEY,
            DENY,
            SIGN_ON,
            ROOT,
            PROVIDER,
            OTHER_ACCOUNT,
            NETWORK,
            UNSEEN,
            CREDENTIALS,
            RECORDS,
            OPENINGS,
            POWERS,
            THINGS,
            WAS_OPEN,
            SECRETS,
            READ,
        ] {
            assert_eq!(words(text.english), words(text.chinese));
            assert!(
                text.english.ends_with('.') && text.chinese.ends_with('。'),
                "{text:?}"
            );
            assert!(text.english.is_ascii() && !text.chinese.is_ascii());
        }
    }
}
