//! The settings of the inspect function, which runs every hour.
//!
//! They include all settings of the ingest function, because the inspection also ingests events that the ingest function
//! failed to process or that never reached it.

use clusters::keys::KeySettings;
use clusters::summary::Summary;

use super::lists::Lists;
use super::{IngestSettings, SettingProblems, SettingsReader, keys};

/// The settings of the inspect function, which runs every hour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InspectSettings {
    /// The settings for events that the inspection ingests itself: those of failed invocations, and those that it reads
    /// again from log groups.
    pub ingest: IngestSettings,
    /// The name of the ingest function, whose failed invocations are processed again. The subscription filter in each log
    /// group has the same name.
    pub ingest_function: String,
    /// The names of the log groups in which lost events are searched; empty if none are known.
    pub log_groups: Vec<String>,
    /// The pattern of the subscription filters; empty if they send every record.
    pub filter_pattern: String,
    /// Which summaries of an account's hours, days and weeks are sent to the sinks.
    pub summaries: Summaries,
    /// The settings for access keys: after how many days a key is dormant, the canary keys, and the accounts in whose
    /// IAM keys are looked up.
    pub keys: KeySettings,
    /// The name of the role that is assumed in other accounts to ask IAM about their keys; `None` to ask only in the
    /// stack's account.
    pub account_role_name: Option<String>,
    /// The AWS partition of the stack's account and of the accounts in which the role is assumed, such as `aws` or
    /// `aws-cn`.
    pub partition: String,
}

/// Which summaries of an account's hours, days and weeks are sent to the sinks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
pub enum Summaries {
    /// Only summaries in which at least two clusters are new, regressed or escalated, or that have an incident.
    #[default]
    New,
    /// Also summaries with at least one error.
    Always,
    /// No summaries.
    Never,
}

impl Summaries {
    const ALL: [Self; 3] = [Self::New, Self::Always, Self::Never];

    /// Returns the value of the parameter `Summaries` for this choice: `new`, `always` or `never`.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// Checks whether this setting permits a summary to be sent to the sinks.
    pub fn includes(self, summary: &Summary) -> bool {
        match self {
            Self::New => summary.is_worth_alert(),
            Self::Always => summary.errors > 0 || summary.is_worth_alert(),
            Self::Never => false,
        }
    }
}

impl InspectSettings {
    /// Parses the settings of the inspect function, given as pairs of name and value. Other settings are ignored.
    ///
    /// # Errors
    /// All settings that are missing or not valid.
    pub fn parse(
        settings: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, SettingProblems> {
        let settings: Vec<(String, String)> = settings.into_iter().collect();
        let ingest = IngestSettings::parse(settings.iter().cloned());
        let mut reading = SettingsReader {
            given: settings.into_iter().collect(),
            problems: Vec::new(),
        };
        let function = "the name of the ingest function";
        let ingest_function = reading.required("INGEST_FUNCTION_NAME", function);
        let log_groups = reading.list("LOG_GROUP_NAMES");
        let filter_pattern = reading.given("FILTER_PATTERN").unwrap_or_default();
        let summaries = reading.summaries("SUMMARIES");
        let partition = reading.partition("PARTITION");
        let account_role_name = reading.role_name("ACCOUNT_ROLE_NAME");
        // The names were parsed with the settings of ingest, which report their problems.
        let names = ingest.as_ref().map(|of| of.account_names.clone());
        let keys = reading.keys(&names.unwrap_or_default(), account_role_name.as_deref());
        match ingest {
            Ok(ingest) if reading.problems.is_empty() => Ok(Self {
                ingest,
                ingest_function,
                log_groups,
                filter_pattern,
                summaries,
                keys,
                account_role_name,
                partition,
            }),
            ingest => {
                let mut problems = ingest.err().map(|of| of.0).unwrap_or_default();
                problems.extend(reading.problems);
                Err(SettingProblems(problems))
            }
        }
    }

    /// Returns a copy of these settings, with the account names, trail accounts, canary keys and own roles of the
    /// settings file added.
    #[must_use]
    pub fn with(&self, lists: &Lists) -> Self {
        let role_name = self.account_role_name.as_deref();
        let names = &self.ingest.account_names;
        Self {
            ingest: self.ingest.with(lists),
            keys: keys::with(lists, names, &self.keys, role_name).1,
            ..self.clone()
        }
    }
}

impl SettingsReader {
    fn summaries(&mut self, setting: &'static str) -> Summaries {
        let Some(value) = self.given(setting) else {
            return Summaries::default();
        };
        let found = Summaries::ALL.into_iter().find(|of| of.name() == value);
        found.unwrap_or_else(|| {
            let value = super::shown(&value);
            self.report(setting, format!("{value} is not one of new, always, never"));
            Summaries::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(settings: &[(&str, &str)]) -> Result<InspectSettings, SettingProblems> {
        let needed = [
            ("TABLE_NAME", "table"),
            ("BUCKET_NAME", "bucket"),
            ("INGEST_FUNCTION_NAME", "watch-ingest"),
            ("OWN_ACCOUNT_ID", "111122223333"),
        ];
        let all = needed.iter().chain(settings);
        InspectSettings::parse(all.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
    }

    #[test]
    fn all_settings_are_read_and_wrong_ones_are_named() {
        let settings = given(&[
            ("LOG_GROUP_NAMES", "trail, other"),
            ("SUMMARIES", "always"),
            ("ACCOUNT_NAMES", "111122223333=dev, 444455556666=prod"),
            ("ACCOUNT_ROLE_NAME", "asks"),
            ("PARTITION", "aws-eusc"),
        ]);
        let settings = settings.unwrap();
        assert_eq!(settings.partition, "aws-eusc");
        assert_eq!(given(&[]).unwrap().partition, "aws");
        let members: Vec<_> = settings.keys.member_accounts.iter().collect();
        assert_eq!(members, ["444455556666"]);
        assert_eq!(settings.log_groups, ["trail", "other"]);
        assert_eq!(settings.summaries, Summaries::Always);
        let problems = given(&[("LOG_GROUP_NAMES", "trail"), ("SUMMARIES", "often")]);
        assert_eq!(
            problems.unwrap_err().to_string(),
            "SUMMARIES: \"often\" is not one of new, always, never"
        );
    }

    #[test]
    fn problems_of_ingest_settings_are_reported_with_the_others() {
        let problems = InspectSettings::parse([]).unwrap_err().to_string();
        for name in [
            "TABLE_NAME",
            "BUCKET_NAME",
            "INGEST_FUNCTION_NAME",
            "OWN_ACCOUNT_ID",
        ] {
            assert!(problems.contains(name), "{problems}");
        }
    }
}
