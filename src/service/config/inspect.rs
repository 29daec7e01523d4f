//! The settings of the function that takes stock: those of the function that takes events, since it
//! takes back in what that one failed at, and where events come from.

use clusters::keys::KeySettings;
use clusters::summary::Summary;

use super::lists::Lists;
use super::{IngestSettings, SettingProblems, SettingsReader, keys};

/// The settings of the function that takes stock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InspectSettings {
    /// What holds for events that it takes in.
    pub ingest: IngestSettings,
    /// The name of the function that takes the events of subscriptions.
    pub ingest_function: String,
    /// The log groups that are read.
    pub log_groups: Vec<String>,
    /// The name of their subscription filters.
    pub filter_name: String,
    /// The pattern of what these hand over; empty for everything.
    pub filter_pattern: String,
    /// Which summaries are told.
    pub summaries: Summaries,
    /// What is decided about access keys.
    pub keys: KeySettings,
    /// The role to ask with about keys of other accounts.
    pub account_role_name: Option<String>,
    /// The partition of these accounts.
    pub partition: String,
}

/// Which summaries of an account's hour, day and week are told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
pub enum Summaries {
    /// Those in which several things are new, or a campaign went on.
    #[default]
    New,
    /// Those in which anything failed.
    Always,
    /// None.
    Never,
}

impl Summaries {
    const ALL: [Self; 3] = [Self::New, Self::Always, Self::Never];

    /// Returns the stable name.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// Tells whether a summary is told.
    pub fn tells(self, summary: &Summary) -> bool {
        match self {
            Self::New => summary.is_worth_telling(),
            Self::Always => summary.errors > 0 || summary.is_worth_telling(),
            Self::Never => false,
        }
    }
}

impl InspectSettings {
    /// Parses settings, each by its name and value; those of others are passed over.
    ///
    /// # Errors
    /// All complaints, in the order of docs/parameters.md.
    pub fn parse(
        settings: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, SettingProblems> {
        let settings: Vec<(String, String)> = settings.into_iter().collect();
        let ingest = IngestSettings::parse(settings.iter().cloned());
        let mut reading = SettingsReader {
            given: settings.into_iter().collect(),
            complaints: Vec::new(),
        };
        let function = "the name of the ingest function";
        let ingest_function = reading.required("INGEST_FUNCTION_NAME", function);
        let log_groups = reading.list("LOG_GROUP_NAMES");
        let filter_name = reading.given("FILTER_NAME").unwrap_or_default();
        let filter_pattern = reading.given("FILTER_PATTERN").unwrap_or_default();
        let summaries = reading.summaries("SUMMARIES");
        let partition = reading.partition("PARTITION");
        let account_role_name = reading.role_name("ACCOUNT_ROLE_NAME");
        // The rest of it is read, and complained about, by what ingest reads.
        let names = ingest.as_ref().map(|of| of.account_names.clone());
        let keys = reading.keys(&names.unwrap_or_default(), account_role_name.as_deref());
        if !log_groups.is_empty() && filter_name.is_empty() {
            let message = "is missing; set it to the name of the subscription filters".to_owned();
            reading.complain("FILTER_NAME", message);
        }
        match ingest {
            Ok(ingest) if reading.complaints.is_empty() => Ok(Self {
                ingest,
                ingest_function,
                log_groups,
                filter_name,
                filter_pattern,
                summaries,
                keys,
                account_role_name,
                partition,
            }),
            ingest => {
                let mut complaints = ingest.err().map(|of| of.0).unwrap_or_default();
                complaints.extend(reading.complaints);
                Err(SettingProblems(complaints))
            }
        }
    }

    /// Returns these settings with what lists have beside them.
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
            self.complain(setting, format!("{value} is not one of new, always, never"));
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
    fn log_groups_come_with_the_name_of_their_filters() {
        let settings = given(&[
            ("LOG_GROUP_NAMES", "trail, other"),
            ("FILTER_NAME", "watch-ingest"),
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
        let complaints = given(&[("LOG_GROUP_NAMES", "trail"), ("SUMMARIES", "often")]);
        assert_eq!(
            complaints.unwrap_err().to_string(),
            "SUMMARIES: \"often\" is not one of new, always, never; \
             FILTER_NAME: is missing; set it to the name of the subscription filters"
        );
    }

    #[test]
    fn what_ingest_complains_about_is_told_with_the_rest() {
        let complaints = InspectSettings::parse([]).unwrap_err().to_string();
        for name in [
            "TABLE_NAME",
            "BUCKET_NAME",
            "INGEST_FUNCTION_NAME",
            "OWN_ACCOUNT_ID",
        ] {
            assert!(complaints.contains(name), "{complaints}");
        }
    }
}
