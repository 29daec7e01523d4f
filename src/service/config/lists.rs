//! The settings file: lists that are too long, or too secret, for the environment of a function.
//!
//! It has names and environments of accounts, accounts and log groups that are counted or not, accounts whose trails are read,
//! canary keys, roles whose errors are ignored, and further workspaces of Guance and topics of SNS. The file is
//! TOML, in the stack's bucket. All lists are sets, so order and repetition of entries do not matter.

use std::collections::{BTreeMap, BTreeSet};

use clusters::account_filter::{AccountFilter, AccountPattern};
use clusters::log_group_filter::{LogGroupFilter, LogGroupPattern};
use clusters::own_roles::Role;
use records::principal::is_account_id;
use records::redact::sanitize;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::SinkName;
use super::topics::FurtherTopics;
use super::workspaces::{FurtherWorkspaces, PATTERNS_MAX, no_pattern};
use crate::rulefile::{FileProblem, FileReader, text_of};

/// The key of the settings file in the bucket.
pub const SETTINGS_KEY: &str = "config/settings.toml";

/// The size of the largest settings file that is read, in bytes.
pub const SETTINGS_BYTES_MAX: usize = 1024 * 1024;

/// An example of a settings file: every field, with comments that explain it.
pub const EXAMPLE: &str = include_str!("../../../infra/settings.example.toml");

/// The start of the last line of a settings file in the bucket, before a random text.
const SALT: &str = "# put as ";

/// The highest number of accounts that may have a name, and of accounts whose trails are read.
const ACCOUNTS_MAX: usize = 10_000;

/// The highest number of canary keys, and of roles.
const OTHERS_MAX: usize = 1_000;

/// The highest number of characters in the name of an account.
const NAME_CHARS_MAX: usize = 64;

/// The highest number of characters in the ARN of a role, with the longest partition, path and name that IAM permits.
const ARN_CHARS_MAX: usize = 640;

/// The fields of a settings file.
const FIELDS: [&str; 9] = [
    "account_names",
    "environments",
    "accounts",
    "log_groups",
    "trail_accounts",
    "canary_keys",
    "self_principals",
    "workspaces",
    "topics",
];

/// The content of a settings file, which the functions add to their other settings.
///
/// All lists are empty by default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lists {
    /// The names under which alerts and pages show AWS accounts, by account id.
    pub account_names: BTreeMap<String, String>,
    /// The environments of AWS accounts, such as `production`, by account id. Alerts carry them.
    pub environments: BTreeMap<String, String>,
    /// The accounts whose failures and sensitive calls are counted.
    pub accounts: AccountFilter,
    /// The log groups whose records are counted.
    pub log_groups: LogGroupFilter,
    /// Ids of the accounts whose CloudTrail trails this stack reads.
    pub trail_accounts: BTreeSet<String>,
    /// Ids of canary access keys, which must never be used. Each use of such a key causes an alert.
    pub canary_keys: BTreeSet<String>,
    /// Roles whose errors are left out of all clusters, in addition to the stack's own roles.
    pub self_principals: BTreeSet<Role>,
    /// Workspaces of Guance beside that of the stack's parameters.
    pub workspaces: FurtherWorkspaces,
    /// SNS topics beside that of the stack's parameters.
    pub topics: FurtherTopics,
}

impl Lists {
    /// Parses the content of a settings file.
    ///
    /// # Errors
    /// All problems of the file, sorted by line. If the content is not UTF-8, too long or not TOML, only that problem is
    /// returned.
    pub fn parse(bytes: Vec<u8>) -> Result<Self, Vec<FileProblem>> {
        let length = bytes.len();
        let text = text_of(bytes)?;
        if length > SETTINGS_BYTES_MAX {
            let message =
                format!("the file has {length} bytes; the maximum is {SETTINGS_BYTES_MAX}");
            return Err(vec![FileProblem::at(&text, 0, message)]);
        }
        let table = DeTable::parse(&text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            vec![FileProblem::at(
                &text,
                at,
                error.message().trim().to_owned(),
            )]
        })?;
        let mut reading = FileReader {
            text: &text,
            problems: Vec::new(),
        };
        let lists = reading.lists(table.get_ref());
        let mut problems = reading.problems;
        if problems.is_empty() {
            return Ok(lists);
        }
        problems.sort_by_key(|problem| (problem.line, problem.column));
        Err(problems)
    }

    /// Returns the sinks of further workspaces and topics by name, each with the accounts whose alerts it gets. There are none
    /// of a kind that is not among `kinds`, the kinds of sinks of the stack's parameters.
    pub fn further_sinks(
        &self,
        kinds: &BTreeSet<SinkName>,
    ) -> BTreeMap<String, BTreeSet<AccountPattern>> {
        let workspaces = self.workspaces.iter();
        let workspaces = workspaces.filter(|_| kinds.contains(&SinkName::Guance));
        let workspaces = workspaces.map(|(sink, of)| (sink.clone(), of.accounts.clone()));
        let topics = self.topics.iter();
        let topics = topics.filter(|_| kinds.contains(&SinkName::Sns));
        let topics = topics.map(|(sink, of)| (sink.clone(), of.accounts.clone()));
        workspaces.chain(topics).collect()
    }

    /// Returns the lengths of the lists that are not empty as text, such as `2 account names, 1 trail account`; `nothing` without any.
    ///
    /// The text never contains an item of a list, because the canary keys are secret.
    pub fn counts(&self) -> String {
        let counted = [
            (self.account_names.len(), "account name"),
            (self.environments.len(), "environment"),
            (self.accounts.allow.len(), "allowed account"),
            (self.accounts.deny.len(), "denied account"),
            (self.log_groups.allow.len(), "allowed log group"),
            (self.log_groups.deny.len(), "denied log group"),
            (self.trail_accounts.len(), "trail account"),
            (self.canary_keys.len(), "canary key"),
            (self.self_principals.len(), "self principal"),
            (self.workspaces.len(), "workspace"),
            (self.topics.len(), "topic"),
        ];
        let counted = counted.iter().filter_map(|(count, what)| match count {
            0 => None,
            1 => Some(format!("1 {what}")),
            _ => Some(format!("{count} {what}s")),
        });
        let counted: Vec<String> = counted.collect();
        match counted.is_empty() {
            true => "nothing".to_owned(),
            false => counted.join(", "),
        }
    }
}

/// Returns the content of a settings file with a random text at its end.
///
/// A user who may only list the bucket sees a digest of the object and could check guesses at its content. The random text makes
/// the digest useless for that.
pub fn salted(mut bytes: Vec<u8>, salt: &str) -> Vec<u8> {
    bytes.extend_from_slice(format!("\n{SALT}{salt}\n").as_bytes());
    bytes
}

/// Returns the text of a settings file without the random text at its end, so as it was before [`salted`].
pub fn unsalted(text: &str) -> &str {
    let end = text.trim_end_matches('\n');
    let start = end.rfind('\n').map_or(0, |at| at + 1);
    match end[start..].starts_with(SALT) {
        true => text[..start].strip_suffix('\n').unwrap_or_default(),
        false => text,
    }
}

/// Returns the text if it is the id of an account.
fn account_id(text: &str) -> Option<String> {
    is_account_id(text).then(|| text.to_owned())
}

fn no_account_id(text: &str) -> String {
    format!("{} is not an account ID, such as 111122223333", shown(text))
}

fn no_log_group(text: &str) -> String {
    format!(
        "{} is not the name of a log group, or a part of one with * for any text, such as /aws/cloudtrail/*",
        shown(text)
    )
}

/// Returns the text if it is the id of a long-term access key.
fn key_id(text: &str) -> Option<String> {
    let is_allowed = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
    let is_key = text.starts_with("AKIA")
        && (16..=128).contains(&text.len())
        && text.bytes().all(is_allowed);
    is_key.then(|| text.to_owned())
}

/// Returns a message that does not repeat the text: by mistake, it may be the secret of a key, and messages go to the log.
fn no_key_id(_: &str) -> String {
    "this is not the ID of a long-term access key, such as AKIAIOSFODNN7EXAMPLE; never put a secret here"
        .to_owned()
}

/// Parses the ARN of a role.
fn role(text: &str) -> Option<Role> {
    Role::parse(text).filter(|_| text.len() <= ARN_CHARS_MAX)
}

fn no_role(text: &str) -> String {
    let text = shown(text);
    format!("{text} is not the ARN of a role, such as arn:aws:iam::111122223333:role/name")
}

/// Checks whether a text may be the name of an account.
fn is_name(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b" ._-".contains(&byte);
    text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && text.len() <= NAME_CHARS_MAX
        && text.bytes().all(is_allowed)
}

/// Returns the beginning of a value in quotes.
fn shown(text: &str) -> String {
    format!("{:?}", sanitize(text, NAME_CHARS_MAX))
}

/// The part of a settings file that has lists.
impl FileReader<'_> {
    fn lists(&mut self, table: &DeTable<'_>) -> Lists {
        let mut lists = Lists::default();
        for (field, value) in table {
            match &**field.get_ref() {
                "account_names" => {
                    lists.account_names = self.names(value, "account_names", "shop");
                }
                "environments" => {
                    lists.environments = self.names(value, "environments", "production");
                }
                "accounts" => {
                    let example = r#"allow = ["111122223333"] or deny = ["4444*"]"#;
                    let names = ("accounts", example);
                    let (allow, deny) =
                        self.allow_and_deny(value, names, AccountPattern::parse, no_pattern);
                    lists.accounts = AccountFilter { allow, deny };
                }
                "log_groups" => {
                    let example = r#"allow = ["org-trail"] or deny = ["/aws/lambda/*"]"#;
                    let names = ("log_groups", example);
                    let (allow, deny) =
                        self.allow_and_deny(value, names, LogGroupPattern::parse, no_log_group);
                    lists.log_groups = LogGroupFilter { allow, deny };
                }
                "trail_accounts" => {
                    let field = ("trail_accounts", ACCOUNTS_MAX);
                    lists.trail_accounts = self.set(value, field, account_id, no_account_id);
                }
                "canary_keys" => {
                    let field = ("canary_keys", OTHERS_MAX);
                    lists.canary_keys = self.set(value, field, key_id, no_key_id);
                }
                "self_principals" => {
                    let field = ("self_principals", OTHERS_MAX);
                    lists.self_principals = self.set(value, field, role, no_role);
                }
                "workspaces" => lists.workspaces = self.workspaces(value),
                "topics" => lists.topics = self.topics(value),
                other => {
                    let (other, fields) = (shown(other), FIELDS.join(", "));
                    self.report(
                        field,
                        format!("{other} is not a setting; the settings are {fields}"),
                    );
                }
            }
        }
        lists
    }

    /// Parses a table with the lists `allow` and `deny` of patterns. `name` is its name, and `example` a line in it.
    fn allow_and_deny<T: Ord>(
        &mut self,
        value: &Spanned<DeValue<'_>>,
        (name, example): (&str, &str),
        parse: fn(&str) -> Option<T>,
        wrong: fn(&str) -> String,
    ) -> (BTreeSet<T>, BTreeSet<T>) {
        let (mut allow, mut deny) = (BTreeSet::new(), BTreeSet::new());
        let DeValue::Table(table) = value.get_ref() else {
            let message = format!(
                "{name} must be a table: a line [{name}], and below it lines such as {example}"
            );
            self.report(value, message);
            return (allow, deny);
        };
        for (field, value) in table {
            let (list, patterns) = match &**field.get_ref() {
                "allow" => ("allow", &mut allow),
                "deny" => ("deny", &mut deny),
                other => {
                    let message = format!("{} is neither allow nor deny", shown(other));
                    self.report(field, message);
                    continue;
                }
            };
            *patterns = self.set(value, (list, PATTERNS_MAX), parse, wrong);
            // An empty list of what is allowed would allow all of it, which is the opposite of what it says.
            if list == "allow" && matches!(value.get_ref(), DeValue::Array(all) if all.is_empty()) {
                let what = name.replace('_', " ");
                let message = format!(
                    "allow is empty; name the {what} to count, or remove the line to count all"
                );
                self.report(value, message);
            }
        }
        (allow, deny)
    }

    /// Parses a table with a name for each account. `example` is such a name, for messages.
    fn names(
        &mut self,
        value: &Spanned<DeValue<'_>>,
        field: &str,
        example: &str,
    ) -> BTreeMap<String, String> {
        let mut names = BTreeMap::new();
        let DeValue::Table(table) = value.get_ref() else {
            let message = format!(
                "{field} must be a table: a line [{field}], and below it lines such as \
                 111122223333 = {example:?}"
            );
            self.report(value, message);
            return names;
        };
        self.bound(value, field, table.len(), ACCOUNTS_MAX);
        for (id, name) in table {
            if !is_account_id(id.get_ref()) {
                self.report(id, no_account_id(id.get_ref()));
            }
            match name.get_ref().as_str().filter(|name| is_name(name)) {
                Some(valid) => drop(names.insert(id.get_ref().to_string(), valid.to_owned())),
                None => self.report(
                    name,
                    format!(
                        "a name must be a text of at most {NAME_CHARS_MAX} letters, digits, spaces \
                         and ._- that begins with a letter or a digit, such as {example:?}"
                    ),
                ),
            }
        }
        names
    }

    /// Parses the texts of a list. If `parse` returns `None` for a text, `wrong` returns the message of the problem.
    pub(super) fn set<T: Ord>(
        &mut self,
        value: &Spanned<DeValue<'_>>,
        (field, count_max): (&str, usize),
        parse: impl Fn(&str) -> Option<T>,
        wrong: impl Fn(&str) -> String,
    ) -> BTreeSet<T> {
        let mut set = BTreeSet::new();
        for item in self.strings(value, field, count_max) {
            let text = item.get_ref().as_str().unwrap_or_default();
            match parse(text) {
                Some(value) => drop(set.insert(value)),
                None => self.report(item, wrong(text)),
            }
        }
        set
    }

    /// Returns the texts of a list, and reports a value that is no list, entries that are no texts, and too many entries.
    fn strings<'v, 'i>(
        &mut self,
        value: &'v Spanned<DeValue<'i>>,
        field: &str,
        count_max: usize,
    ) -> Vec<&'v Spanned<DeValue<'i>>> {
        let DeValue::Array(list) = value.get_ref() else {
            self.report(
                value,
                format!("{field} must be a list of strings, such as {field} = [\"...\"]"),
            );
            return Vec::new();
        };
        self.bound(value, field, list.len(), count_max);
        let (texts, others): (Vec<_>, Vec<_>) =
            list.iter().partition(|item| item.get_ref().is_str());
        for other in others {
            self.report(other, format!("{field} may contain only strings in quotes"));
        }
        texts
    }

    pub(super) fn bound(
        &mut self,
        at: &Spanned<DeValue<'_>>,
        field: &str,
        count: usize,
        count_max: usize,
    ) {
        if count > count_max {
            self.report(
                at,
                format!("{field} has {count} entries; the maximum is {count_max}"),
            );
        }
    }
}
