//! The settings of a stack's functions that commands on a person's machine need, such as `redrive` and `backfill`.
//!
//! The inspection stores these settings in the table.

use std::collections::{BTreeMap, BTreeSet};

use clusters::account_filter::{AccountFilter, AccountPattern};
use clusters::log_group_filter::{LogGroupFilter, LogGroupPattern};

use super::lists::Lists;
use super::{IngestSettings, SettingProblems, SettingsReader, SinkName, shown};

/// The settings that are stored in the table. All who may read the table can read them, so no secret and no access
/// key is in this list. Canary keys are known to the functions only.
const STORED: [&str; 20] = [
    ALLOWED_ACCOUNTS,
    ALLOWED_LOG_GROUPS,
    "ARCHIVE_DAYS",
    "BUCKET_NAME",
    DENIED_ACCOUNTS,
    DENIED_LOG_GROUPS,
    "DRILL_LOG_GROUP",
    FURTHER_SELF_PRINCIPALS,
    "INGEST_FUNCTION_NAME",
    "INSPECTION_ALARM_HOURS",
    "LEARN_HOURS",
    "LOG_GROUP_NAMES",
    "OWN_ACCOUNT_ID",
    "PROGRAM_VERSION",
    "RETENTION_DAYS",
    "RULES_OBJECT",
    "SELF_PRINCIPALS",
    "SINKS",
    "TRAIL_ACCOUNTS",
    FURTHER_SINKS,
];

/// The patterns of the settings file for accounts that are counted, and for accounts that are not, separated by commas.
const ALLOWED_ACCOUNTS: &str = "ALLOWED_ACCOUNTS";
const DENIED_ACCOUNTS: &str = "DENIED_ACCOUNTS";

/// The patterns of the settings file for log groups that are counted, and for log groups that are not, separated by commas.
const ALLOWED_LOG_GROUPS: &str = "ALLOWED_LOG_GROUPS";
const DENIED_LOG_GROUPS: &str = "DENIED_LOG_GROUPS";

/// The sinks of further workspaces and topics in the settings file, separated by commas, each with the accounts whose alerts it
/// gets: `guance-shop=1111*+444455556666`. The name is that of an earlier release, which had workspaces only.
const FURTHER_SINKS: &str = "WORKSPACES";

/// The number of roles in the settings file whose errors are ignored. Their ARNs are known to the functions only.
const FURTHER_SELF_PRINCIPALS: &str = "FURTHER_SELF_PRINCIPALS";

/// The settings of a stack's functions that commands on a person's machine need, by name, without secrets. They are
/// stored in the table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Setup(BTreeMap<String, String>);

/// The parsed settings for a command that does the work of a function on a person's machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorSettings {
    /// The settings for events that the command ingests.
    pub ingest: IngestSettings,
    /// The name of the ingest function, which receives the events of subscriptions. The subscription filters have the same
    /// name.
    pub ingest_function: String,
    /// The names of the log groups that the stack reads; empty if they are not known.
    pub log_groups: Vec<String>,
    /// The id of the stack's account; empty if it is not known.
    pub account_id: String,
    /// The number of roles in the settings file whose errors the stack leaves out. This command counts their errors,
    /// because [`Self::ingest`] lacks these roles: their ARNs are not stored in the table.
    pub further_self_principals: usize,
}

impl Setup {
    /// Selects the settings that may be stored in the table, from pairs of name and value. All others and all empty
    /// values are dropped.
    pub fn of(settings: impl IntoIterator<Item = (String, String)>) -> Self {
        let settings = settings.into_iter();
        let stored =
            settings.filter(|(name, value)| STORED.contains(&&**name) && !value.is_empty());
        Self(stored.collect())
    }

    /// Adds facts about the settings file: the accounts whose trails are read, the patterns of accounts that are counted or
    /// not, the same of log groups, the sinks of further workspaces and topics, and the number of roles whose errors are left out.
    #[must_use]
    pub fn with(mut self, lists: &Lists) -> Self {
        let (trails, further) = (&lists.trail_accounts, lists.self_principals.len());
        if !trails.is_empty() {
            let given = self.0.get("TRAIL_ACCOUNTS").cloned().unwrap_or_default();
            let given = given.split(',').map(str::trim).filter(|id| !id.is_empty());
            let all: BTreeSet<&str> = given.chain(trails.iter().map(String::as_str)).collect();
            let all: Vec<&str> = all.into_iter().collect();
            self.0.insert("TRAIL_ACCOUNTS".to_owned(), all.join(","));
        }
        for (name, patterns) in [
            (ALLOWED_ACCOUNTS, &lists.accounts.allow),
            (DENIED_ACCOUNTS, &lists.accounts.deny),
        ] {
            if !patterns.is_empty() {
                let texts: Vec<&str> = patterns.iter().map(AccountPattern::text).collect();
                self.0.insert(name.to_owned(), texts.join(","));
            }
        }
        for (name, patterns) in [
            (ALLOWED_LOG_GROUPS, &lists.log_groups.allow),
            (DENIED_LOG_GROUPS, &lists.log_groups.deny),
        ] {
            if !patterns.is_empty() {
                let texts: Vec<&str> = patterns.iter().map(LogGroupPattern::text).collect();
                self.0.insert(name.to_owned(), texts.join(","));
            }
        }
        let kinds = SinkName::ALL.into_iter().collect();
        let further_sinks = lists.further_sinks(&kinds);
        if !further_sinks.is_empty() {
            let texts = further_sinks.iter().map(|(sink, accounts)| {
                let accounts: Vec<&str> = accounts.iter().map(AccountPattern::text).collect();
                format!("{sink}={}", accounts.join("+"))
            });
            let texts: Vec<String> = texts.collect();
            self.0.insert(FURTHER_SINKS.to_owned(), texts.join(","));
        }
        if further > 0 {
            let name = FURTHER_SELF_PRINCIPALS.to_owned();
            self.0.insert(name, further.to_string());
        }
        self
    }

    /// Returns the settings as a JSON object with one text for each setting name.
    pub fn encode(&self) -> String {
        serde_json::json!(self.0).to_string()
    }

    /// Parses the JSON of [`Self::encode`]; `None` for any other text. Settings that this version does not know,
    /// because a later version stored them, are dropped.
    pub fn decode(text: &str) -> Option<Self> {
        let settings: BTreeMap<String, String> = serde_json::from_str(text).ok()?;
        Some(Self::of(settings))
    }

    /// Parses these settings for a command. `table_name` is the DynamoDB table that the command works on; it is not
    /// among the stored settings.
    ///
    /// # Errors
    /// All settings that are missing or not valid.
    pub fn parse(self, table_name: &str) -> Result<OperatorSettings, SettingProblems> {
        let mut settings = self.0;
        settings.insert("TABLE_NAME".to_owned(), table_name.to_owned());
        let ingest = IngestSettings::parse(settings.clone());
        let mut reading = SettingsReader {
            given: settings,
            problems: Vec::new(),
        };
        let function = "the name of the ingest function";
        let ingest_function = reading.required("INGEST_FUNCTION_NAME", function);
        let log_groups = reading.list("LOG_GROUP_NAMES");
        let account_id = reading.given("OWN_ACCOUNT_ID").unwrap_or_default();
        let accounts = AccountFilter {
            allow: reading.account_patterns(ALLOWED_ACCOUNTS),
            deny: reading.account_patterns(DENIED_ACCOUNTS),
        };
        let log_groups_filter = LogGroupFilter {
            allow: reading.log_group_patterns(ALLOWED_LOG_GROUPS),
            deny: reading.log_group_patterns(DENIED_LOG_GROUPS),
        };
        let further_sinks = reading.further_sinks();
        let further = reading.number(FURTHER_SELF_PRINCIPALS, (0, u16::MAX, 0));
        match ingest {
            Ok(mut ingest) if reading.problems.is_empty() => Ok(OperatorSettings {
                ingest: {
                    ingest.exclusions.accounts.extend(&accounts);
                    ingest.exclusions.log_groups.extend(&log_groups_filter);
                    ingest.further_sinks.extend(further_sinks);
                    ingest
                },
                ingest_function,
                log_groups,
                account_id,
                further_self_principals: further.into(),
            }),
            ingest => {
                let mut problems = ingest.err().map(|of| of.0).unwrap_or_default();
                problems.extend(reading.problems);
                Err(SettingProblems(problems))
            }
        }
    }
}

impl SettingsReader {
    fn further_sinks(&mut self) -> BTreeMap<String, BTreeSet<AccountPattern>> {
        let mut further_sinks = BTreeMap::new();
        for text in self.list(FURTHER_SINKS) {
            let (sink, accounts) = text.split_once('=').unwrap_or((&text, ""));
            let accounts = accounts.split('+').filter(|of| !of.is_empty());
            let accounts = self.patterns(FURTHER_SINKS, accounts.map(str::to_owned).collect());
            further_sinks.insert(sink.to_owned(), accounts);
        }
        further_sinks
    }

    fn log_group_patterns(&mut self, setting: &'static str) -> BTreeSet<LogGroupPattern> {
        let mut patterns = BTreeSet::new();
        for text in self.list(setting) {
            match LogGroupPattern::parse(&text) {
                Some(pattern) => drop(patterns.insert(pattern)),
                None => self.report(
                    setting,
                    format!("{} is not a pattern of log groups", shown(&text)),
                ),
            }
        }
        patterns
    }

    fn account_patterns(&mut self, setting: &'static str) -> BTreeSet<AccountPattern> {
        let texts = self.list(setting);
        self.patterns(setting, texts)
    }

    fn patterns(&mut self, setting: &'static str, texts: Vec<String>) -> BTreeSet<AccountPattern> {
        let mut patterns = BTreeSet::new();
        for text in texts {
            match AccountPattern::parse(&text) {
                Some(pattern) => drop(patterns.insert(pattern)),
                None => self.report(
                    setting,
                    format!("{} is not a pattern of accounts", shown(&text)),
                ),
            }
        }
        patterns
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
    fn only_listed_settings_are_stored() {
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
        for invalid in ["", "[]", "no JSON", r#"{"BUCKET_NAME":1}"#] {
            assert_eq!(Setup::decode(invalid), None);
        }
    }

    #[test]
    fn chosen_accounts_and_log_groups_and_further_sinks_are_stored_and_parsed_again() {
        let text = b"[topics.ops]\narn = \"arn:aws:sns:eu-central-1:111122223333:ops\"\naccounts = [\"4444*\"]\n[log_groups]\nallow = [\"trail\", \"/aws/cloudtrail/*\"]\ndeny = [\"/aws/lambda/*\"]\n[workspaces.shop]\naccounts = [\"1111*\", \"444455556666\"]\n[workspaces.all]\n[accounts]\nallow = [\"1111*\"]\ndeny = [\"111122223333\", \"*9\"]";
        let lists = Lists::parse(text.to_vec()).unwrap();
        let given = setup(&[
            ("BUCKET_NAME", "bucket"),
            ("INGEST_FUNCTION_NAME", "watch-ingest"),
            ("SINKS", "guance,sns"),
        ]);
        let stored = Setup::decode(&given.with(&lists).encode()).unwrap();
        let parsed = stored.parse("table").unwrap().ingest;
        assert_eq!(parsed.exclusions.accounts, lists.accounts);
        assert_eq!(parsed.exclusions.log_groups, lists.log_groups);
        assert_eq!(parsed.further_sinks["guance-shop"].len(), 2);
        assert!(parsed.further_sinks["guance-all"].is_empty());
        assert_eq!(parsed.further_sinks["sns-ops"].len(), 1);
        assert_eq!(parsed.with(&lists), parsed);
    }

    #[test]
    fn stored_settings_are_parsed_like_the_settings_of_a_function() {
        let stored = setup(&[
            ("BUCKET_NAME", "bucket"),
            ("INGEST_FUNCTION_NAME", "watch-ingest"),
            ("LOG_GROUP_NAMES", "trail, other"),
            ("OWN_ACCOUNT_ID", "111122223333"),
            ("RETENTION_DAYS", "8"),
            ("SINKS", "sns,"),
        ]);
        let deputy = stored.parse("table").unwrap();
        assert_eq!(deputy.ingest.table_name, "table");
        assert_eq!(deputy.ingest.retention_days, 8);
        assert_eq!(deputy.ingest.sinks.len(), 1);
        assert_eq!(deputy.log_groups, ["trail", "other"]);
        assert_eq!(deputy.account_id, "111122223333");
        let wrong = setup(&[("RETENTION_DAYS", "7")]).parse("table");
        let problems = wrong.unwrap_err().to_string();
        for name in ["BUCKET_NAME", "RETENTION_DAYS", "INGEST_FUNCTION_NAME"] {
            assert!(problems.contains(name), "{problems}");
        }
    }
}
