//! Chooses by account which records are counted: lists of accounts that are allowed, and of accounts that are denied.
//!
//! An account that is not chosen is counted as excluded, with its id, and goes into no cluster. A record that names no
//! account is never excluded, because its account may be one that is allowed.

use std::collections::BTreeSet;

use records::principal::is_account_id;

use crate::wildcard;

/// The reason with which a record of an account that is not chosen is counted as left out.
pub const EXCLUDED_ACCOUNT: &str = "account";

/// The number of digits of an account id.
const DIGITS: usize = 12;

/// A pattern of account ids: twelve digits, or fewer with one or more `*`, each of which stands for any number of digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct AccountPattern(String);

/// Which accounts are counted. The default chooses all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccountFilter {
    /// The accounts that are counted; empty for all.
    pub allow: BTreeSet<AccountPattern>,
    /// The accounts that are not counted, also if [`Self::allow`] has them.
    pub deny: BTreeSet<AccountPattern>,
}

impl AccountPattern {
    /// Parses a pattern such as `111122223333` or `1111*`; `None` if no account id can match it.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.bytes().filter(u8::is_ascii_digit).count();
        let is_open = text.contains('*');
        let is_pattern = text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'*');
        let is_possible = if is_open {
            digits <= DIGITS
        } else {
            digits == DIGITS
        };
        // Of each two neighbours one has to be a digit; so the text is short.
        (is_pattern && is_possible && !text.contains("**")).then(|| Self(text.to_owned()))
    }

    /// Returns the text of the pattern.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// Checks whether an account id matches.
    pub fn matches(&self, account_id: &str) -> bool {
        wildcard::matches(&self.0, account_id)
    }
}

impl AccountFilter {
    /// Checks whether records of an account are left out: it is denied, or there are allowed accounts and it is none of
    /// them. A text that is no account id is not left out.
    pub fn excludes(&self, account_id: &str) -> bool {
        let has = |patterns: &BTreeSet<AccountPattern>| {
            patterns.iter().any(|pattern| pattern.matches(account_id))
        };
        is_account_id(account_id)
            && (has(&self.deny) || (!self.allow.is_empty() && !has(&self.allow)))
    }

    /// Adds the patterns of another filter.
    pub fn extend(&mut self, other: &Self) {
        self.allow.extend(other.allow.iter().cloned());
        self.deny.extend(other.deny.iter().cloned());
    }

    /// Checks whether all accounts are counted.
    pub fn is_empty(&self) -> bool {
        self.allow.is_empty() && self.deny.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patterns(texts: &[&str]) -> BTreeSet<AccountPattern> {
        let parse = |text: &&str| AccountPattern::parse(text).unwrap();
        texts.iter().map(parse).collect()
    }

    fn excludes(allow: &[&str], deny: &[&str], account_id: &str) -> bool {
        let filter = AccountFilter {
            allow: patterns(allow),
            deny: patterns(deny),
        };
        filter.excludes(account_id)
    }

    #[test]
    fn deny_wins_and_an_account_off_the_list_of_allowed_ones_is_excluded() {
        let account = "111122223333";
        assert!(!excludes(&[], &[], account));
        assert!(!excludes(&["1111*"], &[], account));
        assert!(excludes(&["4444*"], &[], account));
        assert!(excludes(&[], &["*3333"], account));
        assert!(excludes(&["111122223333"], &["11*33"], account));
        assert!(excludes(&[account], &["*"], account));
        assert!(!excludes(&["444455556666"], &["*"], "unknown"));
    }

    #[test]
    fn a_star_stands_for_any_number_of_digits() {
        for (pattern, account_id, expected) in [
            ("111122223333", "111122223333", true),
            ("111122223333", "111122223334", false),
            ("1*2*3", "111122223333", true),
            ("1*4*3", "111122223333", false),
            ("111122223333*", "111122223333", true),
            ("*", "111122223333", true),
            ("*33*3", "111122223333", true),
        ] {
            let pattern = AccountPattern::parse(pattern).unwrap();
            assert_eq!(pattern.matches(account_id), expected, "{pattern:?}");
        }
        for wrong in [
            "",
            "1111",
            "1111222233334",
            "1111-2222-3333",
            "1**",
            "shop",
            "1111222233334*",
        ] {
            assert_eq!(AccountPattern::parse(wrong), None, "{wrong}");
        }
    }
}
