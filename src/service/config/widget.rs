//! The settings of the function that answers dashboards.

use std::collections::BTreeMap;

use alerts::links::Links;
use clusters::keys::KeySettings;

use super::keys;
use super::lists::Lists;
use super::{LogLevel, SettingProblems, SettingsReader};

/// The settings of the function that answers dashboards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WidgetSettings {
    /// The table.
    pub table_name: String,
    /// The bucket.
    pub bucket_name: String,
    /// What people call accounts, by account id.
    pub account_names: BTreeMap<String, String>,
    /// What is decided about access keys.
    pub keys: KeySettings,
    /// Where links lead to.
    pub links: Links,
    /// Whether something may be decided about clusters.
    pub decides: bool,
    /// How much is logged.
    pub log_level: LogLevel,
}

impl WidgetSettings {
    /// Parses settings, each by its name and value; those of others are passed over.
    ///
    /// # Errors
    /// All complaints, in the order of docs/parameters.md.
    pub fn parse(
        settings: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, SettingProblems> {
        let mut reading = SettingsReader {
            given: settings.into_iter().collect(),
            complaints: Vec::new(),
        };
        let table_name = reading.required("TABLE_NAME", "the name of the DynamoDB table");
        let bucket_name = reading.required("BUCKET_NAME", "the name of the S3 bucket");
        let account_names = reading.account_names("ACCOUNT_NAMES");
        // Whatever was asked about a key is shown, so no role to ask with is needed.
        let keys = reading.keys(&account_names, None);
        let links = reading.links();
        let settings = Self {
            table_name,
            bucket_name,
            account_names,
            keys,
            links,
            decides: reading.truth("DECISIONS"),
            log_level: reading.log_level("LOG_LEVEL"),
        };
        if reading.complaints.is_empty() {
            return Ok(settings);
        }
        Err(SettingProblems(reading.complaints))
    }

    /// Returns these settings with the lists of the settings object added.
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
    /// Reads what links lead to: the region, and the first log group.
    fn links(&mut self) -> Links {
        let region = self.required("AWS_REGION", "the region; AWS Lambda does");
        let groups = self.list("LOG_GROUP_NAMES");
        if region.is_empty() {
            return Links::default();
        }
        let group = groups.first().map(String::as_str);
        let links = Links::default().with_stack(&region, None, group);
        links.unwrap_or_else(|error| {
            self.complain("AWS_REGION", error.to_string());
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
    fn nothing_is_decided_unless_that_is_set() {
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
    fn everything_that_is_wrong_is_told_at_once() {
        let complaints = given(&[("DECISIONS", "yes"), ("AWS_REGION", "here")]);
        let complaints = complaints.unwrap_err().to_string();
        for name in [
            "TABLE_NAME",
            "BUCKET_NAME",
            "OWN_ACCOUNT_ID",
            "AWS_REGION",
            "DECISIONS",
        ] {
            assert!(complaints.contains(name), "{complaints}");
        }
    }
}
