//! Every setting of the functions, parsed once. The result is valid settings, or all problems at once.
//!
//! The program of the functions passes its environment. A problem has the name of the setting and what would be correct.
//! docs/parameters.md lists the settings. Lists that are too long or too secret for an environment are in the settings
//! file in the bucket, which `lists` parses. An empty value counts as not given, because a stack parameter without a
//! value arrives as an empty text.

pub mod deliver;
pub mod inspect;
pub mod keys;
pub mod lists;
pub mod setup;
pub mod topics;
pub mod widget;
pub mod workspaces;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use alerts::locale::{Language, Locale, Zone};
use clusters::account_filter::{AccountFilter, AccountPattern};
use clusters::cross_account_copy::TrailAccounts;
use clusters::exclusions::Exclusions;
use clusters::log_group_filter::LogGroupFilter;
use clusters::own_roles::{OwnRoles, Role};
use clusters::report::{METRICS, Metrics, NAMESPACE};
use lists::Lists;
use records::principal::is_account_id;

/// The settings of the ingest function, which receives the events of subscriptions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IngestSettings {
    /// The name of the DynamoDB table that has the stack's events, clusters and outbox.
    pub table_name: String,
    /// The name of the S3 bucket that has the stack's settings file, rules file, quarantine and inspection state.
    pub bucket_name: String,
    /// The records that are left out before any rule is tried.
    ///
    /// These are errors of the stack's own roles, and second records of a call from one account into another.
    pub exclusions: Exclusions,
    /// The number of days for which the store keeps the id of an event, 8 to 365. A record of the same event that
    /// arrives later is counted as a new event.
    pub retention_days: u16,
    /// The learning period: for this many hours after the stack's first event no alerts are sent.
    pub learn_hours: u16,
    /// The key of the rules file in the bucket; `None` if there are no rules.
    pub rules_object: Option<String>,
    /// The names under which alerts and pages show AWS accounts, by account id.
    pub account_names: BTreeMap<String, String>,
    /// The sinks that get alerts; empty if no alerts are sent.
    pub sinks: BTreeSet<SinkName>,
    /// Further workspaces and topics of the settings file, by the names of their sinks, each with the accounts whose alerts it gets;
    /// without accounts it gets all alerts. Empty after [`IngestSettings::parse`].
    pub further_sinks: BTreeMap<String, BTreeSet<AccountPattern>>,
    /// Ids of canary access keys, which must never be used. Empty after [`IngestSettings::parse`], because they are
    /// only in the settings file; [`IngestSettings::with`] adds them.
    pub canaries: BTreeSet<String>,
    /// Whether the selected events are also written into the archive of the bucket.
    pub archives: bool,
    /// The log group whose records are drills; `None` if there is none.
    pub drill_log_group: Option<String>,
    /// Which metrics the function writes to its log.
    pub metrics: Metrics,
    /// How much the function writes to its log.
    pub log_level: LogLevel,
}

/// The kinds of sinks that alerts can be sent to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum SinkName {
    /// A workspace of Guance or TrueWatch.
    Guance,
    /// An SNS topic.
    Sns,
    /// An EventBridge event bus.
    #[strum(serialize = "eventbridge")]
    EventBridge,
}

/// How much a function writes to its log. Each level includes the messages of the levels above it. No level logs
/// payloads or credentials.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
pub enum LogLevel {
    /// Only failures.
    Error,
    /// Also conditions that a person may have to check.
    Warn,
    /// Also one line for each invocation.
    #[default]
    Info,
    /// Also the steps of an invocation.
    Debug,
}

/// A setting that is missing or not valid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingProblem {
    /// The name of the setting, such as `TABLE_NAME`.
    pub setting: &'static str,
    /// What is wrong, and what would be correct.
    pub message: String,
}

/// All settings that are missing or not valid; displayed in one line as `NAME: message; NAME: message`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingProblems(pub Vec<SettingProblem>);

/// Lowest, highest and default number of days that event ids are stored. A failed event is read again after a week at
/// most. If its id were removed before that, the event would count twice.
const RETENTION_DAYS: (u16, u16, u16) = (8, 365, 35);

/// Lowest, highest and default length of the learning period, in hours.
const LEARN_HOURS: (u16, u16, u16) = (0, 720, 24);

/// Lowest, highest and default number of days that the archive is kept; 0 is no archive. The bucket itself removes old objects.
const ARCHIVE_DAYS: (u16, u16, u16) = (0, 3650, 0);

/// The highest number of characters of a wrong value that a message repeats.
const SHOWN_CHARS_MAX: usize = 64;

impl IngestSettings {
    /// Parses the settings of the ingest function, given as pairs of name and value. Other settings are ignored.
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
        let settings = Self {
            table_name: reading.required("TABLE_NAME", "the name of the DynamoDB table"),
            bucket_name: reading.required("BUCKET_NAME", "the name of the S3 bucket"),
            exclusions: Exclusions {
                accounts: AccountFilter::default(),
                log_groups: LogGroupFilter::default(),
                own: reading.own("SELF_PRINCIPALS"),
                trail_accounts: reading.trail_accounts("TRAIL_ACCOUNTS"),
            },
            retention_days: reading.number("RETENTION_DAYS", RETENTION_DAYS),
            learn_hours: reading.number("LEARN_HOURS", LEARN_HOURS),
            rules_object: reading.given("RULES_OBJECT"),
            account_names: reading.account_names("ACCOUNT_NAMES"),
            sinks: reading.sinks("SINKS"),
            further_sinks: BTreeMap::new(),
            canaries: BTreeSet::new(),
            archives: reading.number("ARCHIVE_DAYS", ARCHIVE_DAYS) > 0,
            drill_log_group: reading.given("DRILL_LOG_GROUP"),
            metrics: reading.metrics("METRICS"),
            log_level: reading.log_level("LOG_LEVEL"),
        };
        if reading.problems.is_empty() {
            return Ok(settings);
        }
        Err(SettingProblems(reading.problems))
    }

    /// Returns a copy of these settings, with the account names, chosen accounts and log groups, trail accounts, canary keys,
    /// own roles, workspaces and topics of the settings file added.
    ///
    /// If both name an account, the name in the settings file is used.
    #[must_use]
    pub fn with(&self, lists: &Lists) -> Self {
        let mut settings = self.clone();
        let exclusions = &mut settings.exclusions;
        exclusions.accounts.extend(&lists.accounts);
        exclusions.log_groups.extend(&lists.log_groups);
        exclusions.own.extend(lists.self_principals.iter().cloned());
        exclusions
            .trail_accounts
            .extend(lists.trail_accounts.iter().cloned());
        let further = lists.further_sinks(&self.sinks);
        settings.further_sinks.extend(further);
        settings.account_names = named(&self.account_names, lists);
        settings.canaries.extend(lists.canary_keys.iter().cloned());
        settings
    }
}

/// Joins names of accounts with the names in the lists. If both name an account, the name in the lists is used.
fn named(names: &BTreeMap<String, String>, lists: &Lists) -> BTreeMap<String, String> {
    let all = names.iter().chain(&lists.account_names);
    all.map(|(id, name)| (id.clone(), name.clone())).collect()
}

/// Parses only the setting `METRICS` from pairs of name and value, and ignores its problems. Returns which metrics are
/// written.
///
/// So a function whose settings are wrong can still report that in a metric.
pub fn metrics(settings: impl IntoIterator<Item = (String, String)>) -> Metrics {
    let mut reading = SettingsReader {
        given: settings.into_iter().collect(),
        problems: Vec::new(),
    };
    reading.metrics("METRICS")
}

impl SinkName {
    /// All kinds of sinks.
    pub const ALL: [Self; 3] = [Self::Guance, Self::Sns, Self::EventBridge];

    /// Returns the stable name: `guance`, `sns` or `eventbridge`.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// Parses the stable name of a kind of sink, such as `sns`; `None` for any other text.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|sink| sink.name() == name)
    }
}

impl LogLevel {
    /// Returns the name: `error`, `warn`, `info` or `debug`.
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

/// Settings that are being parsed, and the problems found so far.
struct SettingsReader {
    given: BTreeMap<String, String>,
    problems: Vec<SettingProblem>,
}

impl SettingsReader {
    /// Returns the trimmed value of a setting; `None` if it is empty or not given.
    fn given(&mut self, setting: &str) -> Option<String> {
        let value = self.given.remove(setting)?;
        let value = value.trim();
        (!value.is_empty()).then(|| value.to_owned())
    }

    fn report(&mut self, setting: &'static str, message: String) {
        self.problems.push(SettingProblem { setting, message });
    }

    fn required(&mut self, setting: &'static str, what: &str) -> String {
        let value = self.given(setting);
        if value.is_none() {
            self.report(setting, format!("is missing; set it to {what}"));
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
                self.report(setting, message);
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
                self.report(setting, format!("{} is not one of {names}", shown(&name)));
            }
        }
        sinks
    }

    fn metrics(&mut self, setting: &'static str) -> Metrics {
        let mut metrics = BTreeSet::new();
        for name in self.list(setting) {
            match METRICS.iter().find(|metric| **metric == name) {
                Some(metric) => drop(metrics.insert(*metric)),
                None => {
                    let message = format!("{} is not a metric of this program", shown(&name));
                    self.report(setting, message);
                }
            }
        }
        let stack = match metrics.is_empty() {
            true => String::new(),
            false => self.required("STACK_NAME", "the name of the stack, for its metrics"),
        };
        let namespace = self.given("METRIC_NAMESPACE");
        Metrics {
            stack,
            namespace: namespace.unwrap_or_else(|| NAMESPACE.to_owned()),
            read: metrics,
        }
    }

    fn boolean(&mut self, setting: &'static str) -> bool {
        match self.given(setting).as_deref() {
            Some("true") => true,
            None | Some("false") => false,
            Some(other) => {
                let message = format!("{} is neither true nor false", shown(other));
                self.report(setting, message);
                false
            }
        }
    }

    /// Parses the language and the time zone of texts for people.
    fn locale(&mut self) -> Locale {
        let mut locale = Locale::default();
        if let Some(given) = self.given("LANGUAGE") {
            match Language::from_name(&given) {
                Some(language) => locale.language = language,
                None => self.report(
                    "LANGUAGE",
                    format!("{} is neither en nor zh", shown(&given)),
                ),
            }
        }
        if let Some(given) = self.given("TIME_ZONE") {
            match Zone::parse(&given) {
                Some(zone) => locale.zone = zone,
                None => self.report(
                    "TIME_ZONE",
                    format!(
                        "{} is not an offset from UTC; give UTC or an offset such as +08:00",
                        shown(&given)
                    ),
                ),
            }
        }
        locale
    }

    fn own(&mut self, setting: &'static str) -> OwnRoles {
        let mut roles = Vec::new();
        for arn in self.list(setting) {
            match Role::parse(&arn) {
                Some(role) => roles.push(role),
                None => self.report(
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
            let is_valid = is_account_id(id);
            if !is_valid {
                let message = format!("{} is not an account ID, such as 111122223333", shown(id));
                self.report(setting, message);
            }
            is_valid
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
                self.report(setting, message);
            } else if names
                .insert(account_id.to_owned(), name.to_owned())
                .is_some()
            {
                self.report(setting, format!("{account_id} has two names; give it one"));
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
            self.report(setting, message);
            LogLevel::default()
        })
    }
}

/// Returns the beginning of a value in quotes, with control characters escaped.
fn shown(value: &str) -> String {
    let beginning: String = value.chars().take(SHOWN_CHARS_MAX).collect();
    format!("{beginning:?}")
}
