//! Why a log group fell silent: what stands in the way between CloudTrail and the function, as far as
//! CloudWatch Logs can tell.
//!
//! The steps are looked at in the order in which a record takes them from behind, and the first that
//! is not as it should be is the diagnosis; what is not wrong with the subscription is asked of the
//! log group itself.

use std::fmt;

use records::redact::sanitize;
use records::time::EventTime;

use crate::ingest::redrive::is_arn_of;
use crate::ports::{LogGroupError, LogGroups, LogQuery, Subscribed};

/// After how many pages there is enough of what did not come; the count is "at least" then.
const PAGES_MAX: usize = 20;

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

/// Events that are in a log group and match the pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Matching {
    /// How many there are, at least.
    pub count: u64,
    /// When the first was logged.
    pub first: EventTime,
    /// When the last of those that were counted was logged.
    pub last: EventTime,
    /// Whether there may be more behind it.
    pub is_cut: bool,
}

/// Why nothing came from a log group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Diagnosis {
    /// There is no such log group.
    NoGroup,
    /// Nothing reads it.
    NoFilter,
    /// Its filter hands over to somebody else.
    Elsewhere {
        /// The ARN of whom.
        destination: String,
    },
    /// Its filter has another pattern.
    OtherPattern {
        /// Which.
        pattern: String,
    },
    /// It has events that should have come.
    NotDelivered(Matching),
    /// It has no event that should have come.
    NotLogged,
}

impl Diagnosis {
    /// Returns the stable name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::NoGroup => "no_group",
            Self::NoFilter => "no_filter",
            Self::Elsewhere { .. } => "filter_elsewhere",
            Self::OtherPattern { .. } => "filter_other_pattern",
            Self::NotDelivered(_) => "not_delivered",
            Self::NotLogged => "not_logged",
        }
    }
}

/// A sentence that says what it is, and what to do.
impl fmt::Display for Diagnosis {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoGroup => formatter.write_str(
                "the log group is not there any more; see where the trail writes to, and deploy with that name",
            ),
            Self::NoFilter => formatter.write_str(
                "the log group has no subscription filter of the stack; deploy again, then backfill",
            ),
            Self::Elsewhere { destination } => write!(
                formatter,
                "the subscription filter hands over to {}; deploy again, then backfill",
                sanitize(destination, SHOWN_CHARS_MAX)
            ),
            Self::OtherPattern { pattern } => write!(
                formatter,
                "the subscription filter has another pattern, \"{}\"; deploy again, then backfill",
                sanitize(pattern, SHOWN_CHARS_MAX)
            ),
            Self::NotDelivered(Matching { count, first, last, is_cut }) => {
                let at_least = if *is_cut { "at least " } else { "" };
                write!(
                    formatter,
                    "{at_least}{count} events that match are in the log group and did not come, logged from \
                     {first} to {last}; see whether CloudWatch Logs may call the function, then backfill"
                )
            }
            Self::NotLogged => formatter.write_str(
                "nothing that matches is in the log group either; see whether the trail is logging and may \
                 write to it",
            ),
        }
    }
}

/// Concludes from a subscription, and from what a log group has, why nothing came.
pub fn conclude(
    expected: &Expected<'_>,
    subscribed: Subscribed,
    matching: Option<Matching>,
) -> Diagnosis {
    match (of_subscription(expected, subscribed), matching) {
        (Some(diagnosis), _) => diagnosis,
        (None, Some(matching)) => Diagnosis::NotDelivered(matching),
        (None, None) => Diagnosis::NotLogged,
    }
}

/// Returns what is wrong with a subscription, if anything is.
pub fn of_subscription(expected: &Expected<'_>, subscribed: Subscribed) -> Option<Diagnosis> {
    match subscribed {
        Subscribed::NoGroup => Some(Diagnosis::NoGroup),
        Subscribed::NoFilter => Some(Diagnosis::NoFilter),
        Subscribed::Filter { destination, .. } if !is_arn_of(&destination, expected.function) => {
            Some(Diagnosis::Elsewhere { destination })
        }
        Subscribed::Filter { pattern, .. } if pattern != expected.pattern => {
            Some(Diagnosis::OtherPattern { pattern })
        }
        Subscribed::Filter { .. } => None,
    }
}

/// Finds out why nothing came from a log group from one moment to before another.
///
/// # Errors
/// [`LogGroupError`] when CloudWatch Logs does not answer.
pub async fn diagnose(
    expected: &Expected<'_>,
    from: EventTime,
    until: EventTime,
    logs: &impl LogGroups,
) -> Result<Diagnosis, LogGroupError> {
    let subscribed = logs.subscribed(expected.group, expected.filter).await?;
    if let Some(diagnosis) = of_subscription(expected, subscribed.clone()) {
        return Ok(diagnosis);
    }
    let query = LogQuery {
        group: expected.group.to_owned(),
        pattern: expected.pattern.to_owned(),
        from,
        until,
        page_max: None,
    };
    match matching(&query, logs).await {
        Ok(matching) => Ok(conclude(expected, subscribed, matching)),
        Err(LogGroupError::NoGroup { .. }) => Ok(Diagnosis::NoGroup),
        Err(error) => Err(error),
    }
}

/// Counts what a log group has.
async fn matching(
    query: &LogQuery,
    logs: &impl LogGroups,
) -> Result<Option<Matching>, LogGroupError> {
    let mut found: Option<Matching> = None;
    let mut token = None;
    let mut pages = 0;
    loop {
        let page = logs.events(query, token.as_deref()).await?;
        pages += 1;
        for event in &page.events {
            let at = event.timestamp.div_euclid(1000);
            let at = EventTime::from_seconds(at).unwrap_or(query.from);
            let found = found.get_or_insert(Matching {
                count: 0,
                first: at,
                last: at,
                is_cut: false,
            });
            found.count += 1;
            (found.first, found.last) = (found.first.min(at), found.last.max(at));
        }
        token = page.next;
        // That there is nothing is known only at the end.
        if token.is_none() || found.is_some() && pages >= PAGES_MAX {
            break;
        }
    }
    Ok(found.map(|found| Matching {
        is_cut: token.is_some(),
        ..found
    }))
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
        let at = |time| EventTime::parse(time).unwrap();
        let matching = Matching {
            count: 3,
            first: at("2026-11-02T08:00:00Z"),
            last: at("2026-11-02T08:40:00Z"),
            is_cut: false,
        };
        let good = || filter(EXPECTED.function, EXPECTED.pattern);
        let told: String = [
            (Subscribed::NoGroup, None),
            (Subscribed::NoFilter, Some(matching)),
            (filter("else\u{1b}", EXPECTED.pattern), Some(matching)),
            (filter(EXPECTED.function, "ERROR"), Some(matching)),
            (good(), Some(matching)),
            (
                good(),
                Some(Matching {
                    is_cut: true,
                    ..matching
                }),
            ),
            (good(), None),
        ]
        .into_iter()
        .map(|(subscribed, matching)| {
            let diagnosis = conclude(&EXPECTED, subscribed, matching);
            format!("{}: {diagnosis}\n", diagnosis.name())
        })
        .collect();
        expect_test::expect![[r#"
            no_group: the log group is not there any more; see where the trail writes to, and deploy with that name
            no_filter: the log group has no subscription filter of the stack; deploy again, then backfill
            filter_elsewhere: the subscription filter hands over to arn:aws:lambda:eu-central-1:111122223333:function:else; deploy again, then backfill
            filter_other_pattern: the subscription filter has another pattern, "ERROR"; deploy again, then backfill
            not_delivered: 3 events that match are in the log group and did not come, logged from 2026-11-02T08:00:00Z to 2026-11-02T08:40:00Z; see whether CloudWatch Logs may call the function, then backfill
            not_delivered: at least 3 events that match are in the log group and did not come, logged from 2026-11-02T08:00:00Z to 2026-11-02T08:40:00Z; see whether CloudWatch Logs may call the function, then backfill
            not_logged: nothing that matches is in the log group either; see whether the trail is logging and may write to it
        "#]].assert_eq(&told);
    }
}
