//! Access keys: whose they are, what IAM says of their last use, and what it means when that changes.
//!
//! IAM knows the last use of long-term keys of its own account, to the quarter of an hour and some
//! hours late; temporary keys have none, and other accounts' keys are refused. A [`KeyUsage`] entry
//! keeps what IAM said before and what it says now, because only both together show that a key woke
//! up. Source: IAM API Reference, `GetAccessKeyLastUsed`; IAM User Guide, "IAM identifiers".

use std::collections::BTreeSet;

use data_encoding::BASE32_NOPAD;
use records::key_id::KeyKind;
use records::time::Timestamp;
use serde_json::{Value, json};

/// For how long an answer of IAM stands, in seconds.
pub const ANSWER_SECONDS: i64 = 4 * 3600;

/// For how many days a key has to be unused to count as dormant, unless a setting says otherwise.
pub const DORMANT_DAYS: i64 = 90;

/// What a stack decides about keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySettings {
    /// The account that IAM is asked in.
    pub account_id: String,
    /// Further accounts whose keys can be asked about, through a role there.
    pub member_accounts: BTreeSet<String>,
    /// For how many days a key has to be unused to count as dormant.
    pub dormant_days: i64,
    /// Keys that nobody should ever use.
    pub canaries: BTreeSet<String>,
}

/// What IAM says of a long-term key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum IamAnswer {
    /// It was used.
    Used {
        /// When last, to the quarter of an hour.
        at: Timestamp,
        /// With which service, such as `s3`; `None` where IAM does not say.
        service: Option<String>,
        /// In which region.
        region: Option<String>,
        /// Whose it is.
        user: Option<String>,
    },
    /// It never was, or not since IAM began to keep this in April 2015.
    Never {
        /// Whose it is.
        user: Option<String>,
    },
    /// IAM does not know it, or it is none of this account: deleted, foreign or made up.
    Unknown,
}

/// What is remembered of a key.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KeyUsage {
    /// What IAM said before that differs from what it says now.
    pub before: Option<IamAnswer>,
    /// What it says now.
    pub now: Option<IamAnswer>,
    /// From when on it may be asked again, by our clock; `None` for at once.
    pub next: Option<Timestamp>,
    /// The awakening that was told: the last use before it.
    pub told: Option<Timestamp>,
}

/// Whose key it is, as far as its id tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Owner {
    /// The account that is asked, or one whose role may be assumed.
    Ours,
    /// Another account.
    Foreign,
    /// The id does not tell: it is older than 2019.
    Untold,
}

/// What is odd about a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, strum::IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
pub enum KeyAnomaly {
    /// It is one that nobody should ever use.
    Canary,
    /// It was used again after it had not been for so many days.
    Awakened {
        /// The days.
        days: i64,
    },
    /// It belongs to another account.
    Foreign,
    /// IAM knew it before and does not know it now.
    Deleted,
    /// IAM does not know it.
    Unknown,
}

/// What an alert says of a key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyReport {
    /// Its id, whole: whatever shows it masks it with [`masked`].
    pub id: String,
    /// How long it episodes.
    pub kind: KeyKind,
    /// The account that its id tells.
    pub account_id: Option<String>,
    /// What IAM says; `None` where it was not asked or did not answer.
    pub answer: Option<IamAnswer>,
    /// The role session that a temporary key belongs to.
    pub session: Option<String>,
    /// What is odd about it, the worst first.
    pub oddities: Vec<KeyAnomaly>,
    /// Whether IAM should have been asked and did not answer.
    pub is_missing: bool,
}

/// Returns the account that a key's id tells.
///
/// Ids since 2019 hold it in 40 bits behind the prefix, shifted by one; older ones, `AKIAI` and
/// `AKIAJ`, do not. Source: observed by Aidan Steele, "AWS Access Key ID formats" (2020); `sts:GetAccessKeyInfo`
/// gives the same from AWS.
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

/// Returns a key's id as messages show it: enough to find it, not enough to search the world for it.
pub fn masked(key: &str) -> String {
    // Whoever makes up a record makes up its key, too.
    let is_id = key.len() >= 16 && key.bytes().all(|b| b.is_ascii_alphanumeric());
    match (key.get(..4), key.len().checked_sub(4)) {
        (Some(prefix), Some(end)) if is_id => {
            format!("{prefix}****{}", key.get(end..).unwrap_or_default())
        }
        _ => "****".to_owned(),
    }
}

impl KeySettings {
    /// Tells whose a key is.
    pub fn owner(&self, key: &str) -> Owner {
        match account_of(key) {
            Some(account) if account == self.account_id => Owner::Ours,
            Some(account) if self.member_accounts.contains(&account) => Owner::Ours,
            Some(_) => Owner::Foreign,
            None => Owner::Untold,
        }
    }

    /// Tells whether IAM is worth asking about a key: never for temporary and foreign ones. The one
    /// whose id does not tell its account is asked about if the caller is of ours.
    pub fn is_asked(&self, key: &str, caller_account: Option<&str>) -> bool {
        let is_ours = match self.owner(key) {
            Owner::Ours => true,
            Owner::Foreign => false,
            Owner::Untold => caller_account.is_some_and(|account| {
                account == self.account_id || self.member_accounts.contains(account)
            }),
        };
        is_ours && KeyKind::of(key) == KeyKind::LongTerm
    }

    /// Returns what an alert says of a key that was seen failing at a moment.
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
            oddities: self.oddities(key, seen, key_usage),
            is_missing: false,
        }
    }

    fn oddities(
        &self,
        key: &str,
        seen: Option<Timestamp>,
        key_usage: Option<&KeyUsage>,
    ) -> Vec<KeyAnomaly> {
        let mut oddities = Vec::new();
        if self.canaries.contains(key) {
            oddities.push(KeyAnomaly::Canary);
        }
        if let Some(days) = key_usage.and_then(|key_usage| self.slept(key_usage, seen)) {
            oddities.push(KeyAnomaly::Awakened { days });
        }
        if self.owner(key) == Owner::Foreign {
            oddities.push(KeyAnomaly::Foreign);
        }
        match key_usage.map(|key_usage| (&key_usage.before, &key_usage.now)) {
            Some((
                Some(IamAnswer::Used { .. } | IamAnswer::Never { .. }),
                Some(IamAnswer::Unknown),
            )) => {
                oddities.push(KeyAnomaly::Deleted);
            }
            Some((_, Some(IamAnswer::Unknown))) => oddities.push(KeyAnomaly::Unknown),
            _ => {}
        }
        oddities
    }

    /// Returns for how many days a key slept before it was used again, if that is long.
    ///
    /// Either IAM has noticed, then what it said before and what it says now lie apart; or it has
    /// not, then what it says lies long before the event that was seen.
    pub fn slept(&self, key_usage: &KeyUsage, seen: Option<Timestamp>) -> Option<i64> {
        let (last, again) = self.awakening(key_usage, seen)?;
        Some(again.seconds_since(last) / 86_400)
    }

    /// Returns the last use before an awakening, and the use that is one.
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
        let slept = |(last, again): &(Timestamp, Timestamp)| {
            again.seconds_since(*last) >= self.dormant_days * 86_400
        };
        pairs.into_iter().flatten().find(slept)
    }
}

impl IamAnswer {
    /// Returns the answer as a text that [`Self::decode`] reads.
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

    /// Reads what [`Self::encode`] wrote; `None` for anything else.
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
    /// Tells whether IAM may be asked at a moment.
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.next.is_none_or(|next| next <= now)
    }

    /// Returns what is remembered once IAM has answered at a moment.
    pub fn answered(&self, answer: IamAnswer, now: Timestamp) -> Self {
        let is_change = self.now.as_ref().is_some_and(|known| *known != answer);
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
    /// Returns when the key was used since an earlier answer; `None` if that cannot be told.
    pub fn used_since(&self, earlier: Option<&Self>) -> Option<Timestamp> {
        match (earlier?, self) {
            (Self::Used { at: earlier, .. }, Self::Used { at, .. }) if at <= earlier => None,
            (_, Self::Used { at, .. }) => Some(*at),
            _ => None,
        }
    }
}

impl KeyAnomaly {
    /// Returns the stable name.
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

    /// A moment so many seconds after some other one.
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

    const OURS: &str = "AKIAQNZGKIQY56JQ7WML";
    const FOREIGN: &str = "AKIAY34FZKBOKMUTVV7A";
    const OLD: &str = "AKIAIOSFODNN7EXAMPLE";

    #[test]
    fn the_id_of_a_key_tells_its_account_unless_it_is_old() {
        assert_eq!(account_of(OURS).as_deref(), Some("029608264753"));
        assert_eq!(
            account_of("ASIAY34FZKBOKMUTVV7A").as_deref(),
            Some("609629065308")
        );
        assert_eq!(account_of(OLD), None);
        assert_eq!(account_of("AKIAQNZGKIQY1"), None);
        assert_eq!(account_of("AKIAQ0000000000000é"), None);
    }

    #[test]
    fn iam_is_asked_about_long_term_keys_of_ours_alone() {
        let settings = settings();
        assert!(settings.is_asked(OURS, None));
        assert!(!settings.is_asked("ASIAQNZGKIQY56JQ7WML", Some("029608264753")));
        assert!(!settings.is_asked(FOREIGN, Some("029608264753")));
        assert!(settings.is_asked(OLD, Some("029608264753")));
        assert!(!settings.is_asked(OLD, Some("111122223333")));
    }

    #[test]
    fn a_key_woke_up_whether_or_not_iam_has_noticed() {
        let settings = settings();
        let seen = Some(at("2026-11-21T08:00:00Z"));
        let first = KeyUsage::default().answered(used("2026-07-24T08:00:00Z"), after(0));
        assert_eq!(settings.slept(&first, seen), Some(120));
        let noticed = first.answered(used("2026-11-21T08:00:00Z"), after(ANSWER_SECONDS));
        assert_eq!(settings.slept(&noticed, seen), Some(120));
        let busy = KeyUsage::default().answered(used("2026-11-20T08:00:00Z"), after(0));
        assert_eq!(settings.slept(&busy, seen), None);
        let never = KeyUsage::default().answered(IamAnswer::Never { user: None }, after(0));
        assert_eq!(settings.slept(&never, seen), None);
    }

    #[test]
    fn what_is_odd_is_told_and_what_is_usual_is_not() {
        let settings = settings();
        let oddities = |key: &str, key_usage: Option<&KeyUsage>| {
            settings.report(key, None, key_usage).oddities
        };
        assert_eq!(oddities(OURS, None), []);
        assert_eq!(oddities(FOREIGN, None), [KeyAnomaly::Foreign]);
        assert_eq!(oddities("AKIAQNZGKIQY5CANARY2", None), [KeyAnomaly::Canary]);
        let unknown = KeyUsage::default().answered(IamAnswer::Unknown, after(0));
        assert_eq!(oddities(OURS, Some(&unknown)), [KeyAnomaly::Unknown]);
        let deleted = KeyUsage::default()
            .answered(used("2026-11-20T08:00:00Z"), after(0))
            .answered(IamAnswer::Unknown, after(ANSWER_SECONDS));
        assert_eq!(oddities(OURS, Some(&deleted)), [KeyAnomaly::Deleted]);
    }

    #[test]
    fn an_answer_stands_for_four_hours_and_a_change_keeps_what_was_before() {
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
    fn a_use_shows_between_two_answers_and_never_in_the_first() {
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
        assert_eq!(masked(OURS), "AKIA****7WML");
        assert_eq!(masked("short"), "****");
        assert_eq!(masked("<!channel> and more"), "****");
    }
}
