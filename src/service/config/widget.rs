//! The settings of the widget function, which shows clusters in a CloudWatch dashboard.

use std::collections::BTreeMap;

use alerts::links::Links;
use alerts::locale::Locale;
use clusters::keys::KeySettings;

use super::keys;
use super::lists::Lists;
use super::{LogLevel, RETENTION_DAYS, SettingProblems, SettingsReader};

/// The settings of the widget function, which shows clusters in a CloudWatch dashboard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WidgetSettings {
    /// The name of the DynamoDB table that has the events and clusters.
    pub table_name: String,
    /// The name of the S3 bucket that has the list of clusters and the settings file.
    pub bucket_name: String,
    /// The names under which pages show AWS accounts, by account id.
    pub account_names: BTreeMap<String, String>,
    /// The settings for access keys. The widget shows stored answers of IAM and never asks IAM itself.
    pub keys: KeySettings,
    /// The AWS region and the log groups that links on the pages lead to, in the CloudWatch console.
    pub links: Links,
    /// The language of pages for readers whose language is neither English nor Chinese, and the time zone of readers whose
    /// time zone is not known.
    pub locale: Locale,
    /// For how many days events are kept, as far back as the page of a caller goes.
    pub retention_days: u16,
    /// The name of the stack whose health is shown; `None` if it is not known.
    pub stack: Option<String>,
    /// Whether people may make decisions about clusters in the dashboard, such as to mute a cluster.
    pub decides: bool,
    /// How much the function writes to its log.
    pub log_level: LogLevel,
}

impl WidgetSettings {
    /// Parses the settings of the widget function, given as pairs of name and value. Other settings are ignored.
    ///
    /// # Errors
    /// All settings that are missing or not valid, in the order of docs/parameters.md.
    pub fn parse(
        settings: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, SettingProblems> {
        let mut reading = SettingsReader {
            given: settings.into_iter().collect(),
            problems: Vec::new(),
        };
        let table_name = reading.required("TABLE_NAME", "the name of the DynamoDB table");
        let bucket_name = reading.required("BUCKET_NAME", "the name of the S3 bucket");
        let account_names = reading.account_names("ACCOUNT_NAMES");
        // No role is needed, because the widget shows only stored answers of IAM.
        let keys = reading.keys(&account_names, None);
        let links = reading.links();
        let settings = Self {
            table_name,
            bucket_name,
            account_names,
            keys,
            links,
            locale: reading.locale(),
            retention_days: reading.number("RETENTION_DAYS", RETENTION_DAYS),
            stack: reading.given("STACK_NAME"),
            decides: reading.boolean("DECISIONS"),
            log_level: reading.log_level("LOG_LEVEL"),
        };
        if reading.problems.is_empty() {
            return Ok(settings);
        }
        Err(SettingProblems(reading.problems))
    }

    /// Returns a copy of these settings, with the account names and canary keys of the settings file added.
    #[must_use]
    pub fn with(&self, lists: &Lists) -> Self {
        let (account_names, keys) = keys::with(lists, &self.account_names, &self.keys, None);
        Self {
            account_names,
            keys,
            ..self.clone()
        }
    }
}

impl SettingsReader {
    /// Parses the parts of links: the region, and the log groups.
    fn links(&mut self) -> Links {
        let region = self.required("AWS_REGION", "the region; AWS Lambda does");
        let groups = self.list("LOG_GROUP_NAMES");
        if region.is_empty() {
            return Links::default();
        }
        let groups = groups.iter().map(String::as_str);
        let links = Links::default().with_stack(&region, None, groups);
        links.unwrap_or_else(|error| {
            self.report("AWS_REGION", error.to_string());
            Links::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(settings: &[(&str, &str)]) -> Result<WidgetSettings, SettingProblems> {
        let all = settings.iter();
        WidgetSettings::parse(all.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
    }

    #[test]
    fn decisions_are_off_unless_they_are_set() {
        let needed = [
            ("TABLE_NAME", "table"),
            ("BUCKET_NAME", "bucket"),
            ("OWN_ACCOUNT_ID", "111122223333"),
            ("AWS_REGION", "eu-central-1"),
            ("ACCOUNT_NAMES", "444455556666=prod"),
        ];
        let settings = given(&needed).unwrap();
        assert!(!settings.decides);
        assert_eq!(settings.account_names["444455556666"], "prod");
        let decides = given(&[&needed[..], &[("DECISIONS", "true")]].concat());
        assert!(decides.unwrap().decides);
    }

    #[test]
    fn all_problems_are_reported_at_once() {
        let problems = given(&[("DECISIONS", "yes"), ("AWS_REGION", "here")]);
        let problems = problems.unwrap_err().to_string();
        for name in [
            "TABLE_NAME",
            "BUCKET_NAME",
            "OWN_ACCOUNT_ID",
            "AWS_REGION",
            "DECISIONS",
        ] {
            assert!(problems.contains(name), "{problems}");
        }
    }
}
