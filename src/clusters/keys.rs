//! Access keys: the account that owns a key, its last use, age and status according to IAM, and the anomalies that follow.
//!
//! IAM reports the last use of the long-term keys of its own account, rounded to a quarter of an hour and some hours
//! late. It reports nothing about temporary keys, and refuses keys of other accounts. A [`KeyUsage`] keeps two
//! different answers of IAM, because only both together show that a dormant key is used again.
//!
//! Source: IAM API Reference, `GetAccessKeyLastUsed` and `ListAccessKeys`; IAM User Guide, "IAM identifiers".

use std::collections::BTreeSet;

use data_encoding::BASE32_NOPAD;
use records::key_id::KeyKind;
use records::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// How long an answer of IAM about a key is used before the key is looked up again, in seconds.
pub const ANSWER_SECONDS: i64 = 4 * 3600;

/// The default of [`KeySettings::dormant_days`]: a key that is unused for this number of days counts as dormant.
pub const DORMANT_DAYS: i64 = 90;

/// The settings for access keys: the accounts whose keys can be looked up, the time until a key counts as dormant, and
/// the canary keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySettings {
    /// The id of the account that runs this program. Its keys are looked up in IAM directly.
    pub account_id: String,
    /// The ids of other accounts of the same owner. Their keys are looked up in IAM through a role in each account.
    pub member_accounts: BTreeSet<String>,
    /// The number of days without use after which a key counts as dormant.
    pub dormant_days: i64,
    /// The ids of canary keys: decoys that no legitimate caller uses.
    pub canaries: BTreeSet<String>,
}

/// The answer of IAM (`GetAccessKeyLastUsed`) to the question when a long-term key was last used.
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

/// The status and the creation time of a long-term key, as IAM lists it among the keys of its user (`ListAccessKeys`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "lowercase")]
pub enum KeyEntry {
    /// Requests with the key are accepted.
    Active {
        /// When the key was created.
        created: Timestamp,
    },
    /// The key is deactivated: IAM refuses requests with it.
    Inactive {
        /// When the key was created.
        created: Timestamp,
    },
    /// IAM did not give the list, for example because a role has no permission for it.
    Unread,
}

/// The stored answers of IAM about one key, and the time of the next lookup.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KeyUsage {
    /// The last answer of IAM that differs from `now`; `None` if all answers so far were the same.
    pub before: Option<IamAnswer>,
    /// The latest answer of IAM; `None` before the first lookup of the key.
    pub now: Option<IamAnswer>,
    /// The time of `now`, by the local clock; `None` if that is not known: an earlier version did not store it.
    pub asked: Option<Timestamp>,
    /// Status and age of the key at the latest answer; `None` if IAM was not asked for them: an earlier version did not, and
    /// a key without a user has none.
    pub entry: Option<KeyEntry>,
    /// The earliest time of the next lookup, by the local clock; `None` if the key can be looked up at once.
    pub next: Option<Timestamp>,
    /// The time of the last use before the key was dormant, if an alert about its new use exists. It prevents a second
    /// alert.
    ///
    /// `None` if no such alert exists. See [`KeySettings::awakening`].
    pub told: Option<Timestamp>,
}

/// The owner of a key, compared with the accounts of [`KeySettings`], as far as the id of the key shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Owner {
    /// [`KeySettings::account_id`] or one of [`KeySettings::member_accounts`].
    Own,
    /// An account that is not in the settings.
    Foreign,
    /// Not known: the ids of keys from before 2019 do not contain the account.
    Unknown,
}

/// A reason why the use of a key is suspicious. The kinds are in the order of severity, the most severe first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, strum::IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
pub enum KeyAnomaly {
    /// The key is one of [`KeySettings::canaries`].
    Canary,
    /// The key was dormant and is used again.
    Awakened {
        /// The number of days between the last use before the key was dormant and the new use.
        days: i64,
    },
    /// The id of the key contains an account that is not in the settings.
    Foreign,
    /// IAM had the key at an earlier lookup and does not have it now.
    Deleted,
    /// IAM does not have the key, and no earlier lookup found it.
    Unknown,
}

/// The facts about an access key that an alert or the page of a cluster shows.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyReport {
    /// The whole id of the key. Code that shows it must mask it with [`masked`].
    pub id: String,
    /// Whether the key is long-term, temporary or of another kind.
    pub kind: KeyKind,
    /// The id of the account that the key's id contains; `None` if it contains none, see [`account_of`].
    pub account_id: Option<String>,
    /// The latest answer of IAM about the key; `None` if there was no lookup, or no answer.
    pub answer: Option<IamAnswer>,
    /// The status and age of the key; `None` if IAM was not asked for them.
    pub entry: Option<KeyEntry>,
    /// The name of the role session that a temporary key belongs to; `None` for other keys, or if the name is not
    /// known.
    pub session: Option<String>,
    /// The anomalies of the key, the most severe first; mostly empty.
    pub anomalies: Vec<KeyAnomaly>,
    /// Whether an answer of IAM about the key is needed but missing: IAM did not answer, or was not asked in time.
    pub is_missing: bool,
}

/// Returns the id of the account that the key id `key` contains, twelve digits; `None` if it contains none.
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

/// Returns a key id with all but its first and last four characters masked, such as `AKIA****7WML`; `****` if `key` is
/// not a key id.
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
    /// Returns whether the key with the id `key` belongs to the accounts of these settings, by the account that its id
    /// contains.
    pub fn owner(&self, key: &str) -> Owner {
        match account_of(key) {
            Some(account) if account == self.account_id => Owner::Own,
            Some(account) if self.member_accounts.contains(&account) => Owner::Own,
            Some(_) => Owner::Foreign,
            None => Owner::Unknown,
        }
    }

    /// Checks whether the key with the id `key` is to be looked up in IAM: only long-term keys of the own account and
    /// the member accounts.
    ///
    /// If the id does not contain an account, `caller_account` is used, the account of the caller that used the key.
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

    /// Returns the facts and the anomalies of the key with the id `key`.
    ///
    /// `seen` is the time of a failing event that used the key, and `key_usage` has the stored answers of IAM; `None`
    /// if not known. The caller has to set [`KeyReport::session`] and [`KeyReport::is_missing`].
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
            entry: key_usage.and_then(|key_usage| key_usage.entry),
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

    /// Returns for how many days the key was not used before its new use, see [`Self::awakening`]. `None` if the key
    /// was not dormant.
    pub fn dormant_days_before(
        &self,
        key_usage: &KeyUsage,
        seen: Option<Timestamp>,
    ) -> Option<i64> {
        let (last, again) = self.awakening(key_usage, seen)?;
        Some(again.seconds_since(last) / 86_400)
    }

    /// Returns the time of the last use before a key was dormant, and the time of a later use. `None` if the key was
    /// not dormant.
    ///
    /// Dormant means unused for [`Self::dormant_days`] between the two times. They are the times of the two stored
    /// answers of IAM, if IAM has already recorded the later use. Otherwise they are the time of the latest answer and
    /// `seen`, the time of a failing event that used the key.
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
    /// Returns the answer of IAM as JSON text, which [`Self::decode`] reads.
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

impl KeyEntry {
    /// Returns the stable name of the status: `active`, `inactive`, or `unread` if IAM did not give it.
    pub fn status(self) -> &'static str {
        match self {
            Self::Active { .. } => "active",
            Self::Inactive { .. } => "inactive",
            Self::Unread => "unread",
        }
    }

    /// Returns when the key was created; `None` if IAM did not give it.
    pub fn created(self) -> Option<Timestamp> {
        match self {
            Self::Active { created } | Self::Inactive { created } => Some(created),
            Self::Unread => None,
        }
    }

    /// Returns the age of the key at a time, in whole days; `None` if IAM did not give it.
    pub fn age_days(self, at: Timestamp) -> Option<i64> {
        Some(at.seconds_since(self.created()?).max(0) / 86_400)
    }
}

impl KeyUsage {
    /// Checks whether the key is due to be looked up again at the moment `now` of the local clock.
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.next.is_none_or(|next| next <= now)
    }

    /// Returns this key usage with a new answer of IAM added, and with the status and age of the key, if IAM was asked for
    /// them. The next lookup is due [`ANSWER_SECONDS`] after `now`, the time of the answer by the local clock.
    #[must_use]
    pub fn answered(&self, answer: IamAnswer, entry: Option<KeyEntry>, now: Timestamp) -> Self {
        let is_change = self.now.as_ref().is_some_and(|latest| *latest != answer);
        Self {
            before: if is_change {
                self.now.clone()
            } else {
                self.before.clone()
            },
            now: Some(answer),
            asked: Some(now),
            entry,
            next: now.after(ANSWER_SECONDS),
            told: self.told,
        }
    }
}

impl IamAnswer {
    /// Returns the name of the key's IAM user; `None` if IAM does not report it.
    pub fn user(&self) -> Option<&str> {
        match self {
            Self::Used { user, .. } | Self::Never { user } => user.as_deref(),
            Self::Unknown => None,
        }
    }

    /// Returns the time of the last use in this answer of IAM, if it is later than the last use in an earlier answer
    /// about the same key.
    ///
    /// `None` if the key was not used in between, or there is no earlier answer.
    pub fn used_since(&self, earlier: Option<&Self>) -> Option<Timestamp> {
        match (earlier?, self) {
            (Self::Used { at: earlier, .. }, Self::Used { at, .. }) if at <= earlier => None,
            (_, Self::Used { at, .. }) => Some(*at),
            _ => None,
        }
    }
}

impl KeyAnomaly {
    /// Returns the name of the anomaly as it is shown, such as `canary`. Names do not change between versions.
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
        let first = KeyUsage::default().answered(used("2026-07-24T08:00:00Z"), None, after(0));
        assert_eq!(settings.dormant_days_before(&first, seen), Some(120));
        let noticed = first.answered(used("2026-11-21T08:00:00Z"), None, after(ANSWER_SECONDS));
        assert_eq!(settings.dormant_days_before(&noticed, seen), Some(120));
        let busy = KeyUsage::default().answered(used("2026-11-20T08:00:00Z"), None, after(0));
        assert_eq!(settings.dormant_days_before(&busy, seen), None);
        let never = KeyUsage::default().answered(IamAnswer::Never { user: None }, None, after(0));
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
        let unknown = KeyUsage::default().answered(IamAnswer::Unknown, None, after(0));
        assert_eq!(anomalies(OWN, Some(&unknown)), [KeyAnomaly::Unknown]);
        let deleted = KeyUsage::default()
            .answered(used("2026-11-20T08:00:00Z"), None, after(0))
            .answered(IamAnswer::Unknown, None, after(ANSWER_SECONDS));
        assert_eq!(anomalies(OWN, Some(&deleted)), [KeyAnomaly::Deleted]);
    }

    #[test]
    fn an_answer_is_used_for_four_hours_and_a_change_keeps_the_answer_before() {
        let first = KeyUsage::default().answered(used("2026-11-20T08:00:00Z"), None, after(100));
        assert!(!first.is_due(after(100 + ANSWER_SECONDS - 1)));
        assert!(first.is_due(after(100 + ANSWER_SECONDS)));
        let same = first.answered(used("2026-11-20T08:00:00Z"), None, after(200));
        assert_eq!(same.before, None);
        let other = same.answered(used("2026-11-21T08:00:00Z"), None, after(300));
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
