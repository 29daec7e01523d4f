//! Access keys: the account that owns a key, its last use according to IAM, and the anomalies that follow from both.
//!
//! IAM reports the last use of the long-term keys of its own account, rounded to a quarter of an hour and some hours
//! late. It reports nothing about temporary keys, and refuses keys of other accounts. A [`KeyUsage`] keeps two
//! different answers of IAM, because only both together show that a dormant key is used again.
//!
//! Source: IAM API Reference, `GetAccessKeyLastUsed`; IAM User Guide, "IAM identifiers".

use std::collections::BTreeSet;

use data_encoding::BASE32_NOPAD;
use records::key_id::KeyKind;
use records::time::Timestamp;
use serde_json::{Value, json};

/// How long an answer of IAM is used before the next key lookup, in seconds.
pub const ANSWER_SECONDS: i64 = 4 * 3600;

/// The default of [`KeySettings::dormant_days`], in days.
pub const DORMANT_DAYS: i64 = 90;

/// The settings of a stack for access keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySettings {
    /// The stack's own account, where the key lookup calls IAM.
    pub account_id: String,
    /// Other accounts of the same owner, where the key lookup calls IAM through a role.
    pub member_accounts: BTreeSet<String>,
    /// The number of days without use after which a key counts as dormant.
    pub dormant_days: i64,
    /// The ids of canary keys: decoys that no legitimate caller uses.
    pub canaries: BTreeSet<String>,
}

/// An answer of IAM about a long-term key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum IamAnswer {
    /// The key was used.
    Used {
        /// The time of the last use, rounded to a quarter of an hour.
        at: Timestamp,
        /// The service that was called last, such as `s3`; `None` if IAM does not report it.
        service: Option<String>,
        /// The region of the last use; `None` if IAM does not report it.
        region: Option<String>,
        /// The name of the key's IAM user; `None` if IAM does not report it.
        user: Option<String>,
    },
    /// The key was not used since IAM began to record this in April 2015.
    Never {
        /// The name of the key's IAM user; `None` if IAM does not report it.
        user: Option<String>,
    },
    /// IAM has no such key in this account: it is deleted, of another account, or invented.
    Unknown,
}

/// The stored result of the key lookups for one key.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KeyUsage {
    /// The last answer that differs from `now`; `None` if there is none.
    pub before: Option<IamAnswer>,
    /// The latest answer; `None` before the first lookup.
    pub now: Option<IamAnswer>,
    /// The earliest time of the next lookup, by the local clock; `None` for at once.
    pub next: Option<Timestamp>,
    /// The last use before the awakening that was alerted; `None` if none was. It prevents a second alert.
    pub told: Option<Timestamp>,
}

/// The owner of a key, as far as its id shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Owner {
    /// [`KeySettings::account_id`] or one of [`KeySettings::member_accounts`].
    Own,
    /// Another account.
    Foreign,
    /// Not known: the ids of keys from before 2019 do not contain the account.
    Unknown,
}

/// An anomaly of a key, the most severe first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, strum::IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
pub enum KeyAnomaly {
    /// The key is one of [`KeySettings::canaries`].
    Canary,
    /// The key was dormant and is used again.
    Awakened {
        /// The days between the last use before and the new use.
        days: i64,
    },
    /// The key belongs to another account.
    Foreign,
    /// IAM had the key at an earlier lookup and does not have it now.
    Deleted,
    /// IAM does not have the key, and no earlier lookup found it.
    Unknown,
}

/// The facts about a key that an alert shows.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyReport {
    /// The whole id of the key. Code that shows it must mask it with [`masked`].
    pub id: String,
    /// Whether the key is long-term, temporary or of another kind.
    pub kind: KeyKind,
    /// The account that the id contains; `None` if it contains none, see [`account_of`].
    pub account_id: Option<String>,
    /// The latest answer of IAM; `None` if there was no lookup, or no answer.
    pub answer: Option<IamAnswer>,
    /// The role session of a temporary key; `None` if it is not known.
    pub session: Option<String>,
    /// The anomalies of the key, the most severe first.
    pub anomalies: Vec<KeyAnomaly>,
    /// Whether IAM should have answered about the key and did not.
    pub is_missing: bool,
}

/// Returns the account id that a key's id contains, twelve digits; `None` if it contains none.
///
/// Ids since 2019 contain the account in 40 bits after the prefix, shifted by one bit. Older ids, which begin with
/// `AKIAI` or `AKIAJ`, do not. Source: observed by Aidan Steele, "AWS Access Key ID formats" (2020);
/// `sts:GetAccessKeyInfo` returns the same account.
pub fn account_of(key: &str) -> Option<String> {
    if KeyKind::of(key) == KeyKind::Other || key.len() != 20 || key[4..5] < *"Q" {
        return None;
    }
    let bytes = BASE32_NOPAD.decode(key.get(4..)?.as_bytes()).ok()?;
    let head = bytes
        .get(..6)?
        .iter()
        .fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    let account = (head >> 7) & 0xff_ffff_ffff;
    (account <= 999_999_999_999).then(|| format!("{account:012}"))
}

/// Returns the masked id of a key, such as `AKIA****7WML`; `****` if the text is not a key id.
///
/// The owner can find the key by it, but a reader cannot search public places for the whole id.
pub fn masked(key: &str) -> String {
    // The text may be invented by a caller, so it need not be a key id.
    let is_id = key.len() >= 16 && key.bytes().all(|b| b.is_ascii_alphanumeric());
    match (key.get(..4), key.len().checked_sub(4)) {
        (Some(prefix), Some(end)) if is_id => {
            format!("{prefix}****{}", key.get(end..).unwrap_or_default())
        }
        _ => "****".to_owned(),
    }
}

impl KeySettings {
    /// Returns the owner of a key, from the account in its id.
    pub fn owner(&self, key: &str) -> Owner {
        match account_of(key) {
            Some(account) if account == self.account_id => Owner::Own,
            Some(account) if self.member_accounts.contains(&account) => Owner::Own,
            Some(_) => Owner::Foreign,
            None => Owner::Unknown,
        }
    }

    /// Checks whether a key is to be looked up in IAM: only long-term keys of the own account and the member accounts.
    ///
    /// If the id of the key does not contain an account, the caller's account is used instead.
    pub fn needs_lookup(&self, key: &str, caller_account: Option<&str>) -> bool {
        let is_own = match self.owner(key) {
            Owner::Own => true,
            Owner::Foreign => false,
            Owner::Unknown => caller_account.is_some_and(|account| {
                account == self.account_id || self.member_accounts.contains(account)
            }),
        };
        is_own && KeyKind::of(key) == KeyKind::LongTerm
    }

    /// Returns the report of a key. `seen` is the time of the failing event that used the key.
    pub fn report(
        &self,
        key: &str,
        seen: Option<Timestamp>,
        key_usage: Option<&KeyUsage>,
    ) -> KeyReport {
        KeyReport {
            id: key.to_owned(),
            kind: KeyKind::of(key),
            account_id: account_of(key),
            answer: key_usage.and_then(|key_usage| key_usage.now.clone()),
            session: None,
            anomalies: self.anomalies(key, seen, key_usage),
            is_missing: false,
        }
    }

    fn anomalies(
        &self,
        key: &str,
        seen: Option<Timestamp>,
        key_usage: Option<&KeyUsage>,
    ) -> Vec<KeyAnomaly> {
        let mut anomalies = Vec::new();
        if self.canaries.contains(key) {
            anomalies.push(KeyAnomaly::Canary);
        }
        if let Some(days) =
            key_usage.and_then(|key_usage| self.dormant_days_before(key_usage, seen))
        {
            anomalies.push(KeyAnomaly::Awakened { days });
        }
        if self.owner(key) == Owner::Foreign {
            anomalies.push(KeyAnomaly::Foreign);
        }
        match key_usage.map(|key_usage| (&key_usage.before, &key_usage.now)) {
            Some((
                Some(IamAnswer::Used { .. } | IamAnswer::Never { .. }),
                Some(IamAnswer::Unknown),
            )) => {
                anomalies.push(KeyAnomaly::Deleted);
            }
            Some((_, Some(IamAnswer::Unknown))) => anomalies.push(KeyAnomaly::Unknown),
            _ => {}
        }
        anomalies
    }

    /// Returns the number of days without use before the key was used again, see [`Self::awakening`].
    ///
    /// `None` if the key was not dormant.
    pub fn dormant_days_before(
        &self,
        key_usage: &KeyUsage,
        seen: Option<Timestamp>,
    ) -> Option<i64> {
        let (last, again) = self.awakening(key_usage, seen)?;
        Some(again.seconds_since(last) / 86_400)
    }

    /// Returns the last use before a dormant time, and a use after it; `None` if the key was not dormant.
    ///
    /// If IAM has already recorded the new use, its two answers lie far apart. If not, its answer lies long before the
    /// event, whose time is `seen`.
    pub fn awakening(
        &self,
        key_usage: &KeyUsage,
        seen: Option<Timestamp>,
    ) -> Option<(Timestamp, Timestamp)> {
        let used = |answer: &Option<IamAnswer>| match answer {
            Some(IamAnswer::Used { at, .. }) => Some(*at),
            _ => None,
        };
        let (before, now) = (used(&key_usage.before), used(&key_usage.now));
        let pairs = [before.zip(now), now.zip(seen)];
        let was_dormant = |(last, again): &(Timestamp, Timestamp)| {
            again.seconds_since(*last) >= self.dormant_days * 86_400
        };
        pairs.into_iter().flatten().find(was_dormant)
    }
}

impl IamAnswer {
    /// Returns the answer as JSON text, which [`Self::decode`] reads.
    pub fn encode(&self) -> String {
        match self {
            Self::Used {
                at,
                service,
                region,
                user,
            } => json!(["used", user, at.seconds(), service, region]).to_string(),
            Self::Never { user } => json!(["never", user]).to_string(),
            Self::Unknown => json!(["unknown"]).to_string(),
        }
    }

    /// Parses the text of [`Self::encode`]; `None` for any other text.
    pub fn decode(text: &str) -> Option<Self> {
        let parts: Vec<Value> = serde_json::from_str(text).ok()?;
        let text = |place: usize| Some(parts.get(place)?.as_str()?.to_owned());
        match text(0)?.as_str() {
            "used" => Some(Self::Used {
                at: Timestamp::from_seconds(parts.get(2)?.as_i64()?)?,
                service: text(3),
                region: text(4),
                user: text(1),
            }),
            "never" => Some(Self::Never { user: text(1) }),
            "unknown" => Some(Self::Unknown),
            _ => None,
        }
    }
}

impl KeyUsage {
    /// Checks whether the next lookup is due at a moment of the local clock.
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.next.is_none_or(|next| next <= now)
    }

    /// Returns the entry with a new answer of IAM. The next lookup is due [`ANSWER_SECONDS`] after `now`.
    #[must_use]
    pub fn answered(&self, answer: IamAnswer, now: Timestamp) -> Self {
        let is_change = self.now.as_ref().is_some_and(|latest| *latest != answer);
        Self {
            before: if is_change {
                self.now.clone()
            } else {
                self.before.clone()
            },
            now: Some(answer),
            next: now.after(ANSWER_SECONDS),
            told: self.told,
        }
    }
}

impl IamAnswer {
    /// Returns the time of a use between an earlier answer and this answer; `None` if there was none, or no earlier
    /// answer.
    pub fn used_since(&self, earlier: Option<&Self>) -> Option<Timestamp> {
        match (earlier?, self) {
            (Self::Used { at: earlier, .. }, Self::Used { at, .. }) if at <= earlier => None,
            (_, Self::Used { at, .. }) => Some(*at),
            _ => None,
        }
    }
}

impl KeyAnomaly {
    /// Returns the name as it is shown, such as `canary`. Names do not change between versions.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    /// A moment `seconds` after a fixed one.
    fn after(seconds: i64) -> Timestamp {
        Timestamp::FIRST.after(seconds).unwrap()
    }

    fn used(text: &str) -> IamAnswer {
        IamAnswer::Used {
            at: at(text),
            service: Some("s3".to_owned()),
            region: Some("us-east-1".to_owned()),
            user: Some("ci".to_owned()),
        }
    }

    fn settings() -> KeySettings {
        KeySettings {
            account_id: "029608264753".to_owned(),
            member_accounts: BTreeSet::new(),
            dormant_days: DORMANT_DAYS,
            canaries: BTreeSet::from(["AKIAQNZGKIQY5CANARY2".to_owned()]),
        }
    }

    const OWN: &str = "AKIAQNZGKIQY56JQ7WML";
    const FOREIGN: &str = "AKIAY34FZKBOKMUTVV7A";
    const OLD: &str = "AKIAIOSFODNN7EXAMPLE";

    #[test]
    fn the_id_of_a_key_contains_its_account_unless_it_is_old() {
        assert_eq!(account_of(OWN).as_deref(), Some("029608264753"));
        assert_eq!(
            account_of("ASIAY34FZKBOKMUTVV7A").as_deref(),
            Some("609629065308")
        );
        assert_eq!(account_of(OLD), None);
        assert_eq!(account_of("AKIAQNZGKIQY1"), None);
        assert_eq!(account_of("AKIAQ0000000000000é"), None);
    }

    #[test]
    fn only_long_term_keys_of_own_accounts_are_looked_up() {
        let settings = settings();
        assert!(settings.needs_lookup(OWN, None));
        assert!(!settings.needs_lookup("ASIAQNZGKIQY56JQ7WML", Some("029608264753")));
        assert!(!settings.needs_lookup(FOREIGN, Some("029608264753")));
        assert!(settings.needs_lookup(OLD, Some("029608264753")));
        assert!(!settings.needs_lookup(OLD, Some("111122223333")));
    }

    #[test]
    fn a_dormant_key_is_found_before_and_after_iam_records_its_new_use() {
        let settings = settings();
        let seen = Some(at("2026-11-21T08:00:00Z"));
        let first = KeyUsage::default().answered(used("2026-07-24T08:00:00Z"), after(0));
        assert_eq!(settings.dormant_days_before(&first, seen), Some(120));
        let noticed = first.answered(used("2026-11-21T08:00:00Z"), after(ANSWER_SECONDS));
        assert_eq!(settings.dormant_days_before(&noticed, seen), Some(120));
        let busy = KeyUsage::default().answered(used("2026-11-20T08:00:00Z"), after(0));
        assert_eq!(settings.dormant_days_before(&busy, seen), None);
        let never = KeyUsage::default().answered(IamAnswer::Never { user: None }, after(0));
        assert_eq!(settings.dormant_days_before(&never, seen), None);
    }

    #[test]
    fn a_report_has_the_anomalies_of_a_key_and_none_of_a_usual_key() {
        let settings = settings();
        let anomalies = |key: &str, key_usage: Option<&KeyUsage>| {
            settings.report(key, None, key_usage).anomalies
        };
        assert_eq!(anomalies(OWN, None), []);
        assert_eq!(anomalies(FOREIGN, None), [KeyAnomaly::Foreign]);
        assert_eq!(
            anomalies("AKIAQNZGKIQY5CANARY2", None),
            [KeyAnomaly::Canary]
        );
        let unknown = KeyUsage::default().answered(IamAnswer::Unknown, after(0));
        assert_eq!(anomalies(OWN, Some(&unknown)), [KeyAnomaly::Unknown]);
        let deleted = KeyUsage::default()
            .answered(used("2026-11-20T08:00:00Z"), after(0))
            .answered(IamAnswer::Unknown, after(ANSWER_SECONDS));
        assert_eq!(anomalies(OWN, Some(&deleted)), [KeyAnomaly::Deleted]);
    }

    #[test]
    fn an_answer_is_used_for_four_hours_and_a_change_keeps_the_answer_before() {
        let first = KeyUsage::default().answered(used("2026-11-20T08:00:00Z"), after(100));
        assert!(!first.is_due(after(100 + ANSWER_SECONDS - 1)));
        assert!(first.is_due(after(100 + ANSWER_SECONDS)));
        let same = first.answered(used("2026-11-20T08:00:00Z"), after(200));
        assert_eq!(same.before, None);
        let other = same.answered(used("2026-11-21T08:00:00Z"), after(300));
        assert_eq!(other.before, Some(used("2026-11-20T08:00:00Z")));
    }

    #[test]
    fn an_answer_is_read_as_it_was_written() {
        let all = [
            used("2026-11-20T08:00:00Z"),
            IamAnswer::Used {
                at: at("2026-11-20T08:00:00Z"),
                service: None,
                region: None,
                user: None,
            },
            IamAnswer::Never {
                user: Some("a \"b\", c".to_owned()),
            },
            IamAnswer::Unknown,
        ];
        for answer in all {
            assert_eq!(IamAnswer::decode(&answer.encode()), Some(answer));
        }
        assert_eq!(IamAnswer::decode("[\"used\"]"), None);
    }

    #[test]
    fn a_use_shows_between_two_answers_and_never_in_the_first_answer() {
        let (old, new) = (used("2026-11-20T08:00:00Z"), used("2026-11-21T08:00:00Z"));
        let never = IamAnswer::Never { user: None };
        assert_eq!(new.used_since(None), None);
        assert_eq!(new.used_since(Some(&new)), None);
        assert_eq!(old.used_since(Some(&new)), None);
        let at = Some(at("2026-11-21T08:00:00Z"));
        assert_eq!(new.used_since(Some(&old)), at);
        assert_eq!(new.used_since(Some(&never)), at);
        assert_eq!(IamAnswer::Unknown.used_since(Some(&old)), None);
    }

    #[test]
    fn a_masked_key_shows_its_kind_and_its_end() {
        assert_eq!(masked(OWN), "AKIA****7WML");
        assert_eq!(masked("short"), "****");
        assert_eq!(masked("<!channel> and more"), "****");
    }
}
