//! What a person who acts in the place of the functions has to know of them: some of their settings, as the
//! function that takes stock leaves them in the table.

use std::collections::{BTreeMap, BTreeSet};

use super::lists::Lists;
use super::{IngestSettings, SettingProblems, SettingsReader};

/// The settings that are left there, a closed list, since whoever may read the table reads them. No secret
/// is among them, and no access key: which keys are canaries stays with the functions.
const LEFT: [&str; 12] = [
    "BUCKET_NAME",
    "FILTER_NAME",
    FURTHER_SELF_PRINCIPALS,
    "INGEST_FUNCTION_NAME",
    "LEARN_HOURS",
    "LOG_GROUP_NAMES",
    "OWN_ACCOUNT_ID",
    "RETENTION_DAYS",
    "RULES_OBJECT",
    "SELF_PRINCIPALS",
    "SINKS",
    "TRAIL_ACCOUNTS",
];

/// How many roles the settings object has whose failures are ignored. Which they are stays with the functions, too.
const FURTHER_SELF_PRINCIPALS: &str = "FURTHER_SELF_PRINCIPALS";

/// How the functions of a stack are set up, as far as others may know.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Setup(BTreeMap<String, String>);

/// The settings of somebody who acts in the place of the functions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeputySettings {
    /// What holds for events that are taken in.
    pub ingest: IngestSettings,
    /// The name of the function that takes the events of subscriptions.
    pub ingest_function: String,
    /// The name of the subscription filters.
    pub filter_name: String,
    /// The log groups that are read; none where they are not known.
    pub log_groups: Vec<String>,
    /// The account; empty where it is not known.
    pub account_id: String,
    /// How many roles whose failures are ignored are not among these settings.
    pub further_self_principals: usize,
}

impl Setup {
    /// Takes from settings what others may know, and leaves the rest.
    pub fn of(settings: impl IntoIterator<Item = (String, String)>) -> Self {
        let settings = settings.into_iter();
        let left = settings.filter(|(name, value)| LEFT.contains(&&**name) && !value.is_empty());
        Self(left.collect())
    }

    /// Adds what others may know of lists: the accounts whose trails are read.
    pub fn with(mut self, lists: &Lists) -> Self {
        let (trails, further) = (&lists.trail_accounts, lists.self_principals.len());
        if !trails.is_empty() {
            let given = self.0.get("TRAIL_ACCOUNTS").cloned().unwrap_or_default();
            let given = given.split(',').map(str::trim).filter(|id| !id.is_empty());
            let all: BTreeSet<&str> = given.chain(trails.iter().map(String::as_str)).collect();
            let all: Vec<&str> = all.into_iter().collect();
            self.0.insert("TRAIL_ACCOUNTS".to_owned(), all.join(","));
        }
        if further > 0 {
            let name = FURTHER_SELF_PRINCIPALS.to_owned();
            self.0.insert(name, further.to_string());
        }
        self
    }

    /// Writes it as JSON.
    pub fn encode(&self) -> String {
        serde_json::json!(self.0).to_string()
    }

    /// Reads what was written; `None` for what was not. What later versions leave beside is passed over.
    pub fn decode(text: &str) -> Option<Self> {
        let settings: BTreeMap<String, String> = serde_json::from_str(text).ok()?;
        Some(Self::of(settings))
    }

    /// Parses it for somebody who acts on a table.
    ///
    /// # Errors
    /// All complaints.
    pub fn parse(self, table_name: &str) -> Result<DeputySettings, SettingProblems> {
        let mut settings = self.0;
        settings.insert("TABLE_NAME".to_owned(), table_name.to_owned());
        let ingest = IngestSettings::parse(settings.clone());
        let mut reading = SettingsReader {
            given: settings,
            complaints: Vec::new(),
        };
        let function = "the name of the ingest function";
        let ingest_function = reading.required("INGEST_FUNCTION_NAME", function);
        let filter_name = reading.given("FILTER_NAME");
        let log_groups = reading.list("LOG_GROUP_NAMES");
        let account_id = reading.given("OWN_ACCOUNT_ID").unwrap_or_default();
        let further = reading.number(FURTHER_SELF_PRINCIPALS, (0, u16::MAX, 0));
        match ingest {
            Ok(ingest) if reading.complaints.is_empty() => Ok(DeputySettings {
                ingest,
                filter_name: filter_name.unwrap_or_else(|| ingest_function.clone()),
                ingest_function,
                log_groups,
                account_id,
                further_self_principals: further.into(),
            }),
            ingest => {
                let mut complaints = ingest.err().map(|of| of.0).unwrap_or_default();
                complaints.extend(reading.complaints);
                Err(SettingProblems(complaints))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setup(settings: &[(&str, &str)]) -> Setup {
        let settings = settings.iter();
        Setup::of(settings.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
    }

    #[test]
    fn what_is_left_for_others_is_named_in_a_list_and_nothing_else_is() {
        let setup = setup(&[
            ("BUCKET_NAME", "bucket"),
            ("RULES_OBJECT", ""),
            ("CANARY_KEYS", "AKIAIOSFODNN7EXAMPLE"),
            (
                "AWS_SECRET_ACCESS_KEY",
                "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            ),
            ("GUANCE_SECRET_ARN", "arn:aws:secretsmanager:x"),
            ("ACCOUNT_NAMES", "111122223333=shop"),
            ("TABLE_NAME", "table"),
        ]);
        let text = setup.encode();
        assert_eq!(text, r#"{"BUCKET_NAME":"bucket"}"#);
        assert_eq!(Setup::decode(&text), Some(setup.clone()));
        let later = r#"{"BUCKET_NAME":"bucket","CANARY_KEYS":"x","LATER":"y"}"#;
        assert_eq!(Setup::decode(later), Some(setup));
        for nothing in ["", "[]", "no JSON", r#"{"BUCKET_NAME":1}"#] {
            assert_eq!(Setup::decode(nothing), None);
        }
    }

    #[test]
    fn it_is_read_like_the_settings_that_it_was() {
        let told = setup(&[
            ("BUCKET_NAME", "bucket"),
            ("INGEST_FUNCTION_NAME", "watch-ingest"),
            ("LOG_GROUP_NAMES", "trail, other"),
            ("OWN_ACCOUNT_ID", "111122223333"),
            ("RETENTION_DAYS", "8"),
            ("SINKS", "sns,"),
        ]);
        let deputy = told.parse("table").unwrap();
        assert_eq!(deputy.ingest.table_name, "table");
        assert_eq!(deputy.ingest.retention_days, 8);
        assert_eq!(deputy.ingest.sinks.len(), 1);
        assert_eq!(deputy.filter_name, "watch-ingest");
        assert_eq!(deputy.log_groups, ["trail", "other"]);
        assert_eq!(deputy.account_id, "111122223333");
        let wrong = setup(&[("RETENTION_DAYS", "7")]).parse("table");
        let complaints = wrong.unwrap_err().to_string();
        for name in ["BUCKET_NAME", "RETENTION_DAYS", "INGEST_FUNCTION_NAME"] {
            assert!(complaints.contains(name), "{complaints}");
        }
    }
}
