//! Diagnoses the subscription of a log group that delivers no events.

use std::fmt;

use records::redact::sanitize;

use crate::ingest::redrive::is_arn_of;
use crate::ports::Subscribed;

/// The longest pattern or ARN shown in a message. CloudWatch Logs limits filter patterns to this length.
const SHOWN_CHARS_MAX: usize = 1024;

/// The subscription filter that a log group must have, as the stack sets it up.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'e> {
    /// The name of the log group.
    pub group: &'e str,
    /// The name of the subscription filter.
    pub filter: &'e str,
    /// The filter pattern; empty if the filter sends all log events.
    pub pattern: &'e str,
    /// The name of the function that the filter sends log events to.
    pub function: &'e str,
}

/// The fault of a subscription, which is why its log group delivers no events to the stack's function.
///
/// The displayed text is a sentence with the cause and what to do.
#[derive(Debug, Clone, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum SilenceCause {
    /// The log group does not exist.
    NoGroup,
    /// The log group has no subscription filter with the stack's filter name.
    NoFilter,
    /// The subscription filter sends events to another destination than the stack's function.
    #[strum(serialize = "filter_elsewhere")]
    Elsewhere {
        /// The ARN of the destination that the subscription filter sends to.
        destination: String,
    },
    /// The subscription filter has another pattern than the stack sets up.
    #[strum(serialize = "filter_other_pattern")]
    OtherPattern {
        /// The pattern that the subscription filter has.
        pattern: String,
    },
}

impl SilenceCause {
    /// Returns the stable name for logs and alerts, such as `no_filter`.
    pub fn name(&self) -> &'static str {
        self.into()
    }
}

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

/// Returns the first difference between the subscription filter that a log group has and the one that the stack
/// expects; `None` if there is no difference.
///
/// The function that the filter sends to is compared first, then the pattern.
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
    fn the_first_difference_is_the_diagnosis() {
        let diagnoses: String = [
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
        "#]].assert_eq(&diagnoses);
        let good = filter(EXPECTED.function, EXPECTED.pattern);
        assert_eq!(of_subscription(&EXPECTED, good), None);
    }
}
