//! What is wrong with the subscription of a log group, if nothing comes from it.

use std::fmt;

use records::redact::sanitize;

use crate::ingest::redrive::is_arn_of;
use crate::ports::Subscribed;

/// CloudWatch Logs' own limit for a filter pattern, and enough for an ARN.
const SHOWN_CHARS_MAX: usize = 1024;

/// How a subscription should be.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'e> {
    /// The log group.
    pub group: &'e str,
    /// The name of the subscription filter.
    pub filter: &'e str,
    /// Its pattern.
    pub pattern: &'e str,
    /// The name of the function that it hands over to.
    pub function: &'e str,
}

/// Why nothing came from a log group.
#[derive(Debug, Clone, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum SilenceCause {
    /// There is no such log group.
    NoGroup,
    /// Nothing reads it.
    NoFilter,
    /// Its filter hands over to somebody else.
    #[strum(serialize = "filter_elsewhere")]
    Elsewhere {
        /// The ARN of whom.
        destination: String,
    },
    /// Its filter has another pattern.
    #[strum(serialize = "filter_other_pattern")]
    OtherPattern {
        /// Which.
        pattern: String,
    },
}

impl SilenceCause {
    /// Returns the stable name.
    pub fn name(&self) -> &'static str {
        self.into()
    }
}

/// A sentence that says what it is, and what to do.
impl fmt::Display for SilenceCause {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoGroup => formatter.write_str(
                "the log group does not exist any more; check which log group the trail writes to, and deploy with that name",
            ),
            Self::NoFilter => formatter.write_str(
                "the log group has no subscription filter of the stack; deploy the stack again, then run backfill",
            ),
            Self::Elsewhere { destination } => write!(
                formatter,
                "the subscription filter sends to {}; deploy the stack again, then run backfill",
                sanitize(destination, SHOWN_CHARS_MAX)
            ),
            Self::OtherPattern { pattern } => write!(
                formatter,
                "the subscription filter has another pattern, \"{}\"; deploy the stack again, then run backfill",
                sanitize(pattern, SHOWN_CHARS_MAX)
            ),
        }
    }
}

/// Returns what is wrong with a subscription, if anything is.
pub fn of_subscription(expected: &Expected<'_>, subscribed: Subscribed) -> Option<SilenceCause> {
    match subscribed {
        Subscribed::NoGroup => Some(SilenceCause::NoGroup),
        Subscribed::NoFilter => Some(SilenceCause::NoFilter),
        Subscribed::Filter { destination, .. } if !is_arn_of(&destination, expected.function) => {
            Some(SilenceCause::Elsewhere { destination })
        }
        Subscribed::Filter { pattern, .. } if pattern != expected.pattern => {
            Some(SilenceCause::OtherPattern { pattern })
        }
        Subscribed::Filter { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXPECTED: Expected<'_> = Expected {
        group: "shop-trail",
        filter: "watch-ingest",
        pattern: "{ $.errorCode = \"*\" }",
        function: "watch-ingest",
    };

    fn filter(function: &str, pattern: &str) -> Subscribed {
        Subscribed::Filter {
            pattern: pattern.to_owned(),
            destination: format!("arn:aws:lambda:eu-central-1:111122223333:function:{function}"),
        }
    }

    #[test]
    fn the_first_thing_that_is_not_as_it_should_be_is_the_diagnosis() {
        let told: String = [
            Subscribed::NoGroup,
            Subscribed::NoFilter,
            filter("else\u{1b}", EXPECTED.pattern),
            filter(EXPECTED.function, "ERROR"),
        ]
        .into_iter()
        .filter_map(|subscribed| of_subscription(&EXPECTED, subscribed))
        .map(|diagnosis| format!("{}: {diagnosis}\n", diagnosis.name()))
        .collect();
        expect_test::expect![[r#"
            no_group: the log group does not exist any more; check which log group the trail writes to, and deploy with that name
            no_filter: the log group has no subscription filter of the stack; deploy the stack again, then run backfill
            filter_elsewhere: the subscription filter sends to arn:aws:lambda:eu-central-1:111122223333:function:else; deploy the stack again, then run backfill
            filter_other_pattern: the subscription filter has another pattern, "ERROR"; deploy the stack again, then run backfill
        "#]].assert_eq(&told);
        let good = filter(EXPECTED.function, EXPECTED.pattern);
        assert_eq!(of_subscription(&EXPECTED, good), None);
    }
}
