//! An incident in words: who, what in short, and what stays behind; for a terminal and for pages.
//!
//! Names are sanitized, and ids of access keys are masked.

use std::collections::{BTreeMap, BTreeSet};

use alerts::incident_words;
use alerts::locale::{Language, Locale};
use alerts::severity::Severity;
use alerts::words;
use clusters::incident::Incident;
use clusters::incident::actor::{Actor, ActorKind};
use clusters::incident::ledger::{Ledger, Made, Standing, Urgency, WasOpen, WayIn};
use clusters::incident::link::Strength;
use clusters::incident::remedy::remedy;
use clusters::incident::severity::IncidentSeverity;
use clusters::incident::step::{Outcome, Step};
use clusters::incident::technique::Tactic;
use clusters::keys::masked;
use clusters::{Span, short_name};
use records::redact::sanitize;
use records::time::Timestamp;

use super::grouped;
use super::listing::ListQuery;

/// The maximum length of a name in a line, in characters.
const NAME_CHARS_MAX: usize = 128;

/// Up to how many objects a line about what stays behind names them. Beyond it, it has the number of each kind.
const NAMED_MAX: usize = 3;

/// The maximum number of kinds in a line about what stays behind.
const KINDS_MAX: usize = 6;

/// Returns the severity of an incident as that of clusters and alerts.
pub fn severity(of: IncidentSeverity) -> Severity {
    match of {
        IncidentSeverity::Warning => Severity::Warning,
        IncidentSeverity::Error => Severity::Error,
        IncidentSeverity::Critical => Severity::Critical,
    }
}

/// Returns the actor with its kind, such as `user mila`. The start of an ARN of the account is left out.
pub fn who(actor: &Actor, language: Language) -> String {
    let name = short_name(&actor.name, &actor.account_id);
    let role = name.strip_prefix("role/").unwrap_or(name);
    let (english, chinese) = match actor.kind {
        ActorKind::Root => ("root user".to_owned(), "根用户".to_owned()),
        ActorKind::User => (format!("user {name}"), format!("用户 {name}")),
        ActorKind::Role => (format!("role {role}"), format!("角色 {role}")),
        ActorKind::Person => match role.split_once(" as ") {
            Some((role, person)) => (
                format!("{person} in {role}"),
                format!("{person}（角色 {role}）"),
            ),
            None => (name.to_owned(), name.to_owned()),
        },
        ActorKind::ProviderUser => (
            format!("user {name} of a provider"),
            format!("身份提供商用户 {name}"),
        ),
        ActorKind::OtherAccount => (format!("account {name}"), format!("其他账号 {name}")),
        ActorKind::Network => (format!("network {name}"), format!("网络 {name}")),
    };
    sanitize(&language.pick(english, chinese), NAME_CHARS_MAX)
}

/// Returns the number of events of an incident, with the times of the first and the last that is evidence.
pub fn span(incident: &Incident) -> Span {
    Span {
        count: incident.events,
        first_seen: Some(incident.began),
        last_seen: Some(incident.last),
    }
}

/// Returns whether an incident is `open` or `over`.
pub fn state(incident: &Incident, language: Language) -> &'static str {
    match incident.is_open {
        true => language.pick("open", "进行中"),
        false => language.pick("over", "已结束"),
    }
}

/// Returns why an incident is as severe as it is, as a sentence.
pub fn reason(incident: &Incident, language: Language) -> &'static str {
    let english = incident.severity_reason;
    incident_words::reason(english, language).unwrap_or(english)
}

/// Returns the number of steps, and the tactics in the order in which they began, as one line.
pub fn steps(incident: &Incident, language: Language) -> String {
    let count = grouped(incident.steps_count as u64);
    let count = match (language, incident.steps_count) {
        (Language::En, 1) => format!("{count} step"),
        (Language::En, _) => format!("{count} steps"),
        (Language::Zh, _) => format!("{count} 个步骤"),
    };
    let tactics = tactics(incident).into_iter();
    let tactics: Vec<&str> = tactics.map(|of| tactic(of, language)).collect();
    match tactics.is_empty() {
        true => count,
        false => {
            let tactics = tactics.join(language.pick(", ", "、"));
            format!("{count}{}{tactics}", language.pick(": ", "："))
        }
    }
}

/// Returns the tactics of an incident in the order in which they began.
pub fn tactics(incident: &Incident) -> Vec<Tactic> {
    let mut seen = BTreeSet::new();
    let all = incident.steps.iter().filter_map(|step| step.key.tactic);
    // Steps beyond the limit have the rest.
    let all = all.chain(incident.tactics.iter().copied());
    all.filter(|tactic| seen.insert(*tactic)).collect()
}

/// Returns the name of a tactic as words.
pub fn tactic(of: Tactic, language: Language) -> &'static str {
    incident_words::tactic(of, language)
}

/// Returns the call of a step, such as `iam:CreateUser`.
pub fn call(step: &Step) -> String {
    let text = format!("{}:{}", step.key.service, step.key.action);
    sanitize(&text, 160)
}

/// Returns how the calls of a step ended, in words.
pub fn outcome(of: Outcome, language: Language) -> &'static str {
    match of {
        Outcome::Succeeded => language.pick("succeeded", "成功"),
        Outcome::Refused => language.pick("refused", "被拒绝"),
        Outcome::NotFound => language.pick("not found", "不存在或达到上限"),
    }
}

/// Returns how much a link proves, in one word.
pub fn strength(of: Strength, language: Language) -> &'static str {
    match of {
        Strength::Proven => language.pick("proven", "已证实"),
        Strength::Made => language.pick("made", "由其创建"),
        Strength::Likely => language.pick("likely", "很可能"),
    }
}

/// Returns a time as `2026-11-21 08:00:00`, in UTC.
pub fn second(at: Timestamp) -> String {
    Locale::default().second(at)
}

/// Checks whether an incident matches a query of a list: its account, its time, and all words in its actor, id, account,
/// severity and tactics.
pub fn matches(incident: &Incident, query: &ListQuery) -> bool {
    let is_of_account = query
        .account_id
        .as_ref()
        .is_none_or(|id| *id == incident.actor.account_id);
    let is_within = query
        .range
        .is_none_or(|(from, until)| incident.last >= from && incident.began < until);
    let mut text = format!(
        "{} {} {} {}",
        who(&incident.actor, Language::En),
        incident.actor.account_id,
        incident.id.text(),
        incident.severity.name(),
    );
    text.push_str(&steps(incident, Language::En));
    let text = text.to_lowercase();
    is_of_account && is_within && query.words.iter().all(|word| text.contains(word))
}

/// Returns what an incident leaves behind in at most three lines, each with its title. The title has the number of objects
/// if they are too many to name each.
pub fn stays(ledger: &Ledger, locale: Locale) -> Vec<(String, String)> {
    let language = locale.language;
    let words = IncidentWords::of(language);
    let title = |count, few: &str, many: &str| match count {
        0..=NAMED_MAX => few.to_owned(),
        _ => many.replace("{count}", &grouped(count as u64)),
    };
    let mut lines = Vec::new();
    if ledger.stands_count > 0 {
        let stands = ledger.stands.iter();
        let named = stands.map(|made| {
            let what = what(made.kind, made.what, language);
            (made.kind, what, object(made, language))
        });
        let count = ledger.stands_count;
        let line = listed(count, named.collect(), language);
        lines.push(match ledger.removals_seen {
            true => (title(count, words.stands, words.stand), line),
            false => (
                title(count, words.made, words.made_many),
                format!("{line}{}", words.removal_unseen),
            ),
        });
    }
    if ledger.was_open_count > 0 {
        let was_open = ledger.was_open.iter();
        let named = was_open.map(|of| {
            let what = what(of.kind, of.what, language);
            (of.kind, what, opened(of, locale))
        });
        let count = ledger.was_open_count;
        let line = listed(count, named.collect(), language);
        lines.push((title(count, words.was_open, words.were_open), line));
    }
    let (lasting, sessions): (Vec<&WayIn>, Vec<&WayIn>) =
        ledger.ways_in.iter().partition(|way| way.is_long_term);
    if !lasting.is_empty() {
        let named = lasting.iter();
        let named = named.map(|way| ("", words.access_key, way_in(way, language)));
        let count = lasting.len();
        let line = listed(count, named.collect(), language);
        lines.push((title(count, words.way_in, words.ways_in), line));
    } else if !sessions.is_empty() {
        lines.push((words.way_in.to_owned(), words.only_sessions.to_owned()));
    }
    lines
}

/// Returns a list of `count` objects as one line: their names if there are few, else the number of each kind, the most urgent
/// first. An object has its kind, what it is, and its name in words.
fn listed(count: usize, objects: Vec<(&str, &str, String)>, language: Language) -> String {
    let comma = language.pick(", ", "、");
    if count <= NAMED_MAX {
        let named: Vec<String> = objects.into_iter().map(|(.., name)| name).collect();
        return named.join(comma);
    }
    let mut kinds: BTreeMap<(Option<Urgency>, &str), (&str, usize)> = BTreeMap::new();
    for (kind, what, _) in objects {
        let urgency = remedy(kind, "").map(|of| of.urgency());
        kinds.entry((urgency, kind)).or_insert((what, 0)).1 += 1;
    }
    let mut shown = 0;
    let mut words = Vec::new();
    for (what, of_kind) in kinds.into_values().take(KINDS_MAX) {
        shown += of_kind;
        words.push(match of_kind {
            1 => what.to_owned(),
            _ => format!("{what} ×{}", grouped(of_kind as u64)),
        });
    }
    let more = match count.saturating_sub(shown) {
        0 => String::new(),
        more => {
            let more = grouped(more as u64);
            language.pick(format!(" and {more} more"), format!("，另有 {more} 个"))
        }
    };
    format!("{}{more}", words.join(comma))
}

/// Returns what an object is, such as `user`. `english` is used for a kind that is not known.
fn what(kind: &str, english: &'static str, language: Language) -> &'static str {
    incident_words::object(kind, language).unwrap_or(english)
}

/// Returns an object that an actor made, such as `user eva`.
pub fn object(made: &Made, language: Language) -> String {
    let unsure = match made.standing {
        Standing::Unsure => IncidentWords::of(language).same_second,
        Standing::Stands | Standing::NotSeen => "",
    };
    let what = what(made.kind, made.what, language);
    format!("{}{unsure}", named(what, &made.name))
}

/// Returns an object that was open for a time, with how long it was.
pub fn opened(of: &WasOpen, locale: Locale) -> String {
    let lasted = locale.duration(of.until.seconds_since(of.from));
    let object = named(what(of.kind, of.what, locale.language), &of.name);
    let words = locale.language;
    words.pick(
        format!("{object} for {lasted}"),
        format!("{object}，历时 {lasted}"),
    )
}

/// Returns an access key with which an actor called, and whose it is.
pub fn way_in(way: &WayIn, language: Language) -> String {
    let words = IncidentWords::of(language);
    let of = way.of.rsplit('/').next().unwrap_or_default();
    let of = sanitize(of, NAME_CHARS_MAX);
    let what = match way.is_long_term {
        true => words.access_key,
        false => words.session_key,
    };
    let key = masked(&way.key);
    language.pick(
        format!("{what} {key} of {of}"),
        format!("{what} {key}（{of}）"),
    )
}

fn named(what: &str, name: &str) -> String {
    let name = sanitize(name, NAME_CHARS_MAX);
    match name.is_empty() {
        true => what.to_owned(),
        false => format!("{what} {name}"),
    }
}

words! {
    /// The words for what an incident leaves behind.
    struct IncidentWords {
        stands: "stands", "仍存在";
        stand: "{count} things stand", "{count} 项仍存在";
        made: "made", "已创建";
        made_many: "{count} things made", "已创建 {count} 项";
        removal_unseen: "; a removal would not be seen", "；看不到移除操作";
        was_open: "was open", "曾开放";
        were_open: "{count} things were open", "{count} 项曾开放";
        way_in: "way in", "进入途径";
        ways_in: "{count} ways in", "{count} 条进入途径";
        only_sessions: "keys of sessions alone, which end by themselves", "仅有会话密钥，到期自动失效";
        access_key: "access key", "访问密钥";
        session_key: "key of a session", "会话密钥";
        same_second: " (made and removed in the same second)", "（同一秒内创建并移除）";
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_actor_is_named_as_people_name_it() {
        let role = "arn:aws:iam::111122223333:role/ops/App";
        let person = "arn:aws:iam::111122223333:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Dev_0a1b as omar";
        for (kind, name, words) in [
            (
                ActorKind::Root,
                "arn:aws:iam::111122223333:root",
                "root user",
            ),
            (ActorKind::User, "mila", "user mila"),
            (ActorKind::User, "mi\u{1b}[31mla", "user mi[31mla"),
            (ActorKind::Role, role, "role ops/App"),
            (
                ActorKind::Person,
                person,
                "omar in aws-reserved/sso.amazonaws.com/AWSReservedSSO_Dev_0a1b",
            ),
            (ActorKind::ProviderUser, "zoe", "user zoe of a provider"),
            (
                ActorKind::OtherAccount,
                "999988887777",
                "account 999988887777",
            ),
            (
                ActorKind::Network,
                "203.0.113.0/24",
                "network 203.0.113.0/24",
            ),
        ] {
            let actor = Actor {
                account_id: "111122223333".to_owned(),
                kind,
                name: name.to_owned(),
            };
            assert_eq!(who(&actor, Language::En), words);
        }
    }

    #[test]
    fn many_objects_are_counted_in_the_title_and_few_are_named() {
        let way = |number: usize| WayIn {
            is_long_term: true,
            key: format!("AKIAIOSFODNN7EXAM{number:03}"),
            of: "arn:aws:iam::111122223333:user/mila".to_owned(),
            last: Timestamp::parse("2026-11-02T08:00:00Z").unwrap(),
        };
        let of = |count, language: Language| {
            let ledger = Ledger {
                ways_in: (0..count).map(way).collect(),
                ..Ledger::default()
            };
            let (title, line) = stays(&ledger, language.into()).remove(0);
            format!("{title}: {line}")
        };
        assert_eq!(
            of(1, Language::En),
            "way in: access key AKIA****M000 of mila"
        );
        assert_eq!(of(9, Language::En), "9 ways in: access key ×9");
        assert_eq!(of(9, Language::Zh), "9 条进入途径: 访问密钥 ×9");
    }
}
