//! Chooses by log group which payloads of a subscription are counted: lists of log groups that are allowed, and that are
//! denied.
//!
//! The records of a log group that is not chosen are counted as excluded, with its name, and go into no cluster. A payload
//! that names no log group is never excluded.

use std::collections::BTreeSet;

use crate::wildcard;

/// The reason with which a record of a log group that is not chosen is counted as left out.
pub const EXCLUDED_LOG_GROUP: &str = "log_group";

/// The longest name of a log group, in characters: the limit of CloudWatch Logs.
const CHARS_MAX: usize = 512;

/// A pattern of names of log groups: a name, in which each `*` stands for any text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LogGroupPattern(String);

/// Which log groups are counted. The default chooses all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogGroupFilter {
    /// The log groups that are counted; empty for all.
    pub allow: BTreeSet<LogGroupPattern>,
    /// The log groups that are not counted, also if [`Self::allow`] has them.
    pub deny: BTreeSet<LogGroupPattern>,
}

impl LogGroupPattern {
    /// Parses a pattern such as `org-trail` or `/aws/cloudtrail/*`; `None` if no name of a log group can match it.
    ///
    /// Source: CloudWatch Logs API Reference, `CreateLogGroup`.
    pub fn parse(text: &str) -> Option<Self> {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_/.#-*".contains(&byte);
        let is_pattern = !text.is_empty()
            && text.len() <= CHARS_MAX
            && !text.contains("**")
            && text.bytes().all(is_allowed);
        is_pattern.then(|| Self(text.to_owned()))
    }

    /// Returns the text of the pattern.
    pub fn text(&self) -> &str {
        &self.0
    }
}

impl LogGroupFilter {
    /// Checks whether the records of a log group are left out: it is denied, or there are allowed log groups and it is none
    /// of them.
    pub fn excludes(&self, name: &str) -> bool {
        let has = |patterns: &BTreeSet<LogGroupPattern>| {
            patterns
                .iter()
                .any(|pattern| wildcard::matches(&pattern.0, name))
        };
        has(&self.deny) || (!self.allow.is_empty() && !has(&self.allow))
    }

    /// Adds the patterns of another filter.
    pub fn extend(&mut self, other: &Self) {
        self.allow.extend(other.allow.iter().cloned());
        self.deny.extend(other.deny.iter().cloned());
    }

    /// Checks whether all log groups are counted.
    pub fn is_empty(&self) -> bool {
        self.allow.is_empty() && self.deny.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deny_wins_and_a_log_group_off_the_list_of_allowed_ones_is_excluded() {
        let excludes = |allow: &[&str], deny: &[&str], name: &str| {
            let parse = |text: &&str| LogGroupPattern::parse(text).unwrap();
            let filter = LogGroupFilter {
                allow: allow.iter().map(parse).collect(),
                deny: deny.iter().map(parse).collect(),
            };
            filter.excludes(name)
        };
        assert!(!excludes(&[], &[], "trail"));
        assert!(!excludes(&["trail"], &[], "trail"));
        assert!(excludes(&["trail"], &[], "trail-b"));
        assert!(!excludes(
            &["/aws/cloudtrail/*"],
            &[],
            "/aws/cloudtrail/shop"
        ));
        assert!(excludes(&[], &["/aws/lambda/*"], "/aws/lambda/web"));
        assert!(excludes(&["*"], &["trail"], "trail"));
    }

    #[test]
    fn a_text_that_matches_no_name_is_no_pattern() {
        for wrong in [
            "",
            "two words",
            "a,b",
            "a**b",
            "arn:aws:logs:x",
            &"a".repeat(513),
        ] {
            assert_eq!(LogGroupPattern::parse(wrong), None, "{wrong}");
        }
    }
}
