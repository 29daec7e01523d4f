//! Every setting of the functions, parsed once: settings that are right, or all complaints at once.
//!
//! The door hands over its environment. A complaint has the name of the setting and what would be right.
//! docs/parameters.md lists the settings. What is too long or too secret for an environment stands in the settings
//! object, which `lists` reads. A value that is empty counts as one that is not given: a stack parameter
//! without a value arrives like that.

pub mod deliver;
pub mod inspect;
pub mod keys;
pub mod lists;
pub mod setup;
pub mod widget;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use clusters::cross_account_copy::TrailAccounts;
use clusters::exclusions::Exclusions;
use clusters::own_roles::{OwnRoles, Role};
use clusters::report::{METRICS, Metrics};
use lists::Lists;
use records::principal::is_account_id;

/// The settings of the function that takes the events of subscriptions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IngestSettings {
    /// The table.
    pub table_name: String,
    /// The bucket.
    pub bucket_name: String,
    /// What is left out before any rule is tried.
    pub exclusions: Exclusions,
    /// How many days the ids of events are kept.
    pub retention_days: u16,
    /// The learning period: for this many hours after the stack's first event no alerts are sent.
    pub learn_hours: u16,
    /// The key of the rules in the bucket.
    pub rules_object: Option<String>,
    /// What people call accounts, by account id.
    pub account_names: BTreeMap<String, String>,
    /// Who is told what happens.
    pub sinks: BTreeSet<SinkName>,
    /// Access keys that nobody should ever use; the environment has none.
    pub canaries: BTreeSet<String>,
    /// Which metrics are written.
    pub metrics: Metrics,
    /// How much is logged.
    pub log_level: LogLevel,
}

/// Who may be told, a closed list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum SinkName {
    /// A workspace of Guance.
    Guance,
    /// A topic of SNS.
    Sns,
    /// An event bus of EventBridge.
    #[strum(serialize = "eventbridge")]
    EventBridge,
}

/// How much is logged. No level shows payloads or credentials.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
pub enum LogLevel {
    /// What failed.
    Error,
    /// What may need a look as well.
    Warn,
    /// A line for each invocation as well.
    #[default]
    Info,
    /// What the steps of an invocation do as well.
    Debug,
}

/// A setting that is not right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingProblem {
    /// Its name.
    pub setting: &'static str,
    /// What is wrong, and what would be right.
    pub message: String,
}

/// All settings that are not right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingProblems(pub Vec<SettingProblem>);

/// For how many days ids may be kept. A failed event comes back within a week at the latest; ids that
/// are gone by then would be counted again.
const RETENTION_DAYS: (u16, u16, u16) = (8, 365, 35);

/// For how many hours nothing may be announced.
const LEARN_HOURS: (u16, u16, u16) = (0, 720, 24);

/// What is repeated of a wrong value.
const SHOWN_CHARS_MAX: usize = 64;

impl IngestSettings {
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
        let settings = Self {
            table_name: reading.required("TABLE_NAME", "the name of the DynamoDB table"),
            bucket_name: reading.required("BUCKET_NAME", "the name of the S3 bucket"),
            exclusions: Exclusions {
                own: reading.own("SELF_PRINCIPALS"),
                trail_accounts: reading.trail_accounts("TRAIL_ACCOUNTS"),
            },
            retention_days: reading.number("RETENTION_DAYS", RETENTION_DAYS),
            learn_hours: reading.number("LEARN_HOURS", LEARN_HOURS),
            rules_object: reading.given("RULES_OBJECT"),
            account_names: reading.account_names("ACCOUNT_NAMES"),
            sinks: reading.sinks("SINKS"),
            canaries: BTreeSet::new(),
            metrics: reading.metrics("METRICS"),
            log_level: reading.log_level("LOG_LEVEL"),
        };
        if reading.complaints.is_empty() {
            return Ok(settings);
        }
        Err(SettingProblems(reading.complaints))
    }

    /// Returns these settings with what lists have beside them.
    pub fn with(&self, lists: &Lists) -> Self {
        let mut settings = self.clone();
        let exclusions = &mut settings.exclusions;
        exclusions.own.extend(lists.self_principals.iter().cloned());
        exclusions
            .trail_accounts
            .extend(lists.trail_accounts.iter().cloned());
        settings.account_names = named(&self.account_names, lists);
        settings.canaries.extend(lists.canary_keys.iter().cloned());
        settings
    }
}

/// Returns names of accounts with those of lists, which win.
fn named(names: &BTreeMap<String, String>, lists: &Lists) -> BTreeMap<String, String> {
    let all = names.iter().chain(&lists.account_names);
    all.map(|(id, name)| (id.clone(), name.clone())).collect()
}

/// Returns which metrics are written, as far as the settings say so. A function that does not start may
/// have to say why in one.
pub fn metrics(settings: impl IntoIterator<Item = (String, String)>) -> Metrics {
    let mut reading = SettingsReader {
        given: settings.into_iter().collect(),
        complaints: Vec::new(),
    };
    reading.metrics("METRICS")
}

impl SinkName {
    /// All sinks.
    pub const ALL: [Self; 3] = [Self::Guance, Self::Sns, Self::EventBridge];

    /// Returns the stable name.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// Returns the sink of a stable name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|sink| sink.name() == name)
    }
}

impl LogLevel {
    /// Returns the name.
    pub fn name(self) -> &'static str {
        self.into()
    }

    fn from_name(name: &str) -> Option<Self> {
        [Self::Error, Self::Warn, Self::Info, Self::Debug]
            .into_iter()
            .find(|level| level.name().eq_ignore_ascii_case(name))
    }
}

impl fmt::Display for SettingProblems {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, SettingProblem { setting, message }) in self.0.iter().enumerate() {
            let separator = if place == 0 { "" } else { "; " };
            write!(formatter, "{separator}{setting}: {message}")?;
        }
        Ok(())
    }
}

impl std::error::Error for SettingProblems {}

/// Settings that are being read, and what was found wrong so far.
struct SettingsReader {
    given: BTreeMap<String, String>,
    complaints: Vec<SettingProblem>,
}

impl SettingsReader {
    fn given(&mut self, setting: &str) -> Option<String> {
        let value = self.given.remove(setting)?;
        let value = value.trim();
        (!value.is_empty()).then(|| value.to_owned())
    }

    fn complain(&mut self, setting: &'static str, message: String) {
        self.complaints.push(SettingProblem { setting, message });
    }

    fn required(&mut self, setting: &'static str, what: &str) -> String {
        let value = self.given(setting);
        if value.is_none() {
            self.complain(setting, format!("is missing; set it to {what}"));
        }
        value.unwrap_or_default()
    }

    fn number(&mut self, setting: &'static str, range: (u16, u16, u16)) -> u16 {
        let (least, most, default) = range;
        let Some(value) = self.given(setting) else {
            return default;
        };
        match value.parse() {
            Ok(number) if (least..=most).contains(&number) => number,
            _ => {
                let value = shown(&value);
                let message = format!("{value} is not a whole number from {least} to {most}");
                self.complain(setting, message);
                default
            }
        }
    }

    fn list(&mut self, setting: &str) -> Vec<String> {
        let value = self.given(setting).unwrap_or_default();
        let items = value.split(',').map(str::trim);
        items
            .filter(|item| !item.is_empty())
            .map(str::to_owned)
            .collect()
    }

    fn sinks(&mut self, setting: &'static str) -> BTreeSet<SinkName> {
        let mut sinks = BTreeSet::new();
        for name in self.list(setting) {
            if let Some(sink) = SinkName::from_name(&name) {
                sinks.insert(sink);
            } else {
                let names = SinkName::ALL.map(SinkName::name).join(", ");
                self.complain(setting, format!("{} is not one of {names}", shown(&name)));
            }
        }
        sinks
    }

    fn metrics(&mut self, setting: &'static str) -> Metrics {
        let mut read = BTreeSet::new();
        for name in self.list(setting) {
            match METRICS.iter().find(|known| **known == name) {
                Some(known) => drop(read.insert(*known)),
                None => {
                    let message = format!("{} is not a metric of this program", shown(&name));
                    self.complain(setting, message);
                }
            }
        }
        let stack = match read.is_empty() {
            true => String::new(),
            false => self.required("STACK_NAME", "the name of the stack, for its metrics"),
        };
        Metrics { stack, read }
    }

    fn truth(&mut self, setting: &'static str) -> bool {
        match self.given(setting).as_deref() {
            Some("true") => true,
            None | Some("false") => false,
            Some(other) => {
                let message = format!("{} is neither true nor false", shown(other));
                self.complain(setting, message);
                false
            }
        }
    }

    fn own(&mut self, setting: &'static str) -> OwnRoles {
        let mut roles = Vec::new();
        for arn in self.list(setting) {
            match Role::parse(&arn) {
                Some(role) => roles.push(role),
                None => self.complain(
                    setting,
                    format!(
                        "{} is not the ARN of a role, such as \
                         arn:aws:iam::111122223333:role/name",
                        shown(&arn)
                    ),
                ),
            }
        }
        OwnRoles::new(roles)
    }

    fn trail_accounts(&mut self, setting: &'static str) -> TrailAccounts {
        let mut ids = self.list(setting);
        ids.retain(|id| {
            let is_right = is_account_id(id);
            if !is_right {
                let message = format!("{} is not an account ID, such as 111122223333", shown(id));
                self.complain(setting, message);
            }
            is_right
        });
        TrailAccounts::new(ids)
    }

    fn account_names(&mut self, setting: &'static str) -> BTreeMap<String, String> {
        let mut names = BTreeMap::new();
        for item in self.list(setting) {
            let (account_id, name) = item.split_once('=').unwrap_or((&item, ""));
            let (account_id, name) = (account_id.trim(), name.trim());
            if !is_account_id(account_id) || name.is_empty() {
                let item = shown(&item);
                let message =
                    format!("{item} is not an account ID with a name, such as 111122223333=dev");
                self.complain(setting, message);
            } else if names
                .insert(account_id.to_owned(), name.to_owned())
                .is_some()
            {
                self.complain(setting, format!("{account_id} has two names; give it one"));
            }
        }
        names
    }

    fn log_level(&mut self, setting: &'static str) -> LogLevel {
        let Some(value) = self.given(setting) else {
            return LogLevel::default();
        };
        LogLevel::from_name(&value).unwrap_or_else(|| {
            let message = format!("{} is not one of error, warn, info, debug", shown(&value));
            self.complain(setting, message);
            LogLevel::default()
        })
    }
}

/// Shows the beginning of a value, in quotes and without what steers a terminal.
fn shown(value: &str) -> String {
    let beginning: String = value.chars().take(SHOWN_CHARS_MAX).collect();
    format!("{beginning:?}")
}
