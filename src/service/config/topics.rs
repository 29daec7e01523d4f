//! Further SNS topics, which the settings file names beside the topic of the stack's parameters.
//!
//! Each is a sink of its own, `sns-NAME`, with its own queue and its own circuit breaker.

use std::collections::{BTreeMap, BTreeSet};

use clusters::account_filter::AccountPattern;
use clusters::report::FURTHER_TOPIC;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::shown;
use super::workspaces::{PATTERNS_MAX, SinkTable, no_pattern};
use crate::rulefile::FileReader;

/// The highest number of further topics. Each alert may become one outbox row for each of them, in one transaction.
const TOPICS_MAX: usize = 20;

const TOPICS: SinkTable = SinkTable {
    kind: "topic",
    field: "arn",
    prefix: FURTHER_TOPIC,
    max: TOPICS_MAX,
};

/// One further topic of the settings file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FurtherTopic {
    /// The ARN of the topic.
    pub arn: String,
    /// The accounts whose alerts it gets; empty for all alerts, those about the whole stack included.
    pub accounts: BTreeSet<AccountPattern>,
}

/// All further topics of a settings file, by the names of their sinks.
pub type FurtherTopics = BTreeMap<String, FurtherTopic>;

/// The part of a settings file that has topics.
impl FileReader<'_> {
    /// Parses the table `topics`.
    pub(super) fn topics(&mut self, value: &Spanned<DeValue<'_>>) -> FurtherTopics {
        self.further_sinks(value, &TOPICS, Self::topic)
    }

    fn topic(&mut self, value: &Spanned<DeValue<'_>>, table: &DeTable<'_>) -> FurtherTopic {
        let mut topic = FurtherTopic::default();
        for (field, value) in table {
            match &**field.get_ref() {
                "accounts" => {
                    let list = ("accounts", PATTERNS_MAX);
                    topic.accounts = self.set(value, list, AccountPattern::parse, no_pattern);
                }
                "arn" => {
                    let text = value.get_ref().as_str().unwrap_or_default();
                    if !is_topic(text) {
                        self.report(value, no_topic(text));
                    }
                    topic.arn = text.to_owned();
                }
                other => {
                    let message = format!("{} is neither arn nor accounts", shown(other));
                    self.report(field, message);
                }
            }
        }
        if !table.iter().any(|(field, _)| &**field.get_ref() == "arn") {
            self.report(value, "a topic needs its arn".to_owned());
        }
        topic
    }
}

fn is_topic(arn: &str) -> bool {
    let parts: Vec<&str> = arn.split(':').collect();
    matches!(parts[..], ["arn", _, "sns", _, _, name] if !name.is_empty())
}

fn no_topic(text: &str) -> String {
    format!(
        "{} is not the ARN of a topic, such as arn:aws:sns:eu-central-1:111122223333:shop",
        shown(text)
    )
}

#[cfg(test)]
mod tests {
    use super::super::deliver::DeliverSettings;
    use super::super::lists::Lists;

    fn lists(text: &str) -> Result<Lists, String> {
        Lists::parse(text.as_bytes().to_vec()).map_err(|problems| {
            let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
            problems.join("\n")
        })
    }

    fn settings(sinks: &str, file: &str) -> DeliverSettings {
        let given = [
            ("AWS_REGION", "eu-central-1"),
            ("TABLE_NAME", "table"),
            ("BUCKET_NAME", "bucket"),
            ("SINKS", sinks),
            ("OWN_ACCOUNT_ID", "111122223333"),
            ("TOPIC_ARN", "arn:aws:sns:eu-central-1:111122223333:all"),
            ("EVENT_BUS_NAME", "default"),
        ];
        let given = given.map(|(name, value)| (name.to_owned(), value.to_owned()));
        DeliverSettings::parse(given)
            .unwrap()
            .with(&lists(file).unwrap())
    }

    #[test]
    fn a_topic_is_a_sink_where_the_stack_has_a_topic_and_one_elsewhere_says_so() {
        let file = "[topics.shop]\narn = \"arn:aws:sns:eu-central-1:444455556666:shop\"\naccounts = [\"4444*\"]\n\
                    [topics.far]\narn = \"arn:aws:sns:us-east-1:111122223333:far\"\n";
        let with_sns = settings("sns", file);
        let arn = "arn:aws:sns:eu-central-1:444455556666:shop".to_owned();
        assert_eq!(with_sns.topics, [("sns-shop".to_owned(), arn)].into());
        let wrong = &with_sns.wrong_sinks["sns-far"];
        assert!(wrong.contains("is in region \"us-east-1\""), "{wrong}");
        let without = settings("eventbridge", file);
        assert!(without.topics.is_empty() && without.wrong_sinks.is_empty());
    }

    #[test]
    fn problems_of_topics_have_their_place() {
        for (file, says) in [
            ("topics = []", "1:10: topics must be a table"),
            ("[topics]\nshop = 1", "2:8: a topic must be a table"),
            (
                "[topics.Shop]\narn = \"arn:aws:sns:a:1:b\"",
                "1:9: \"Shop\" is no name of a topic",
            ),
            (
                "[topics.a]\naccounts = [\"1111*\"]",
                "a topic needs its arn",
            ),
            (
                "[topics.a]\narn = \"shop\"",
                "2:7: \"shop\" is not the ARN of a topic",
            ),
            (
                "[topics.a]\nname = \"x\"",
                "2:1: \"name\" is neither arn nor accounts",
            ),
        ] {
            let problems = lists(file).unwrap_err();
            assert!(problems.contains(says), "{file}: {problems}");
        }
    }
}
