//! The lists of an organization, which an environment has no room for: names of accounts, accounts whose trails are
//! read, canary keys, and roles whose failures are ignored.
//!
//! They stand in the settings object, a TOML file in the stack's bucket. All of them are sets, so the order of lines
//! and their repetition change nothing.

use std::collections::{BTreeMap, BTreeSet};

use clusters::own_roles::Role;
use records::principal::is_account_id;
use records::redact::sanitize;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::rulefile::{FileProblem, FileReader, text_of};

/// The key of the settings object.
pub const SETTINGS_KEY: &str = "config/settings.toml";

/// The longest settings object that is read.
pub const SETTINGS_BYTES_MAX: usize = 1024 * 1024;

/// A settings object with everything that may stand in it, and what it means.
pub const EXAMPLE: &str = include_str!("../../../infra/settings.example.toml");

/// How many accounts may have a name, and how many may have a trail that is read here.
const ACCOUNTS_MAX: usize = 10_000;

/// How many canary keys, and how many roles, there may be.
const OTHERS_MAX: usize = 1_000;

/// The longest name of an account.
const NAME_CHARS_MAX: usize = 64;

/// The longest ARN of a role: the longest partition, path and name that IAM takes.
const ARN_CHARS_MAX: usize = 640;

/// What may stand in a settings object.
const FIELDS: [&str; 4] = [
    "account_names",
    "trail_accounts",
    "canary_keys",
    "self_principals",
];

/// The lists; none of them has anything in it by default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lists {
    /// What people call accounts, by account id.
    pub account_names: BTreeMap<String, String>,
    /// The accounts whose trails are read here.
    pub trail_accounts: BTreeSet<String>,
    /// Access keys that nobody should ever use.
    pub canary_keys: BTreeSet<String>,
    /// Further roles whose failures are ignored.
    pub self_principals: BTreeSet<Role>,
}

impl Lists {
    /// Reads the settings object.
    ///
    /// # Errors
    /// Everything that is wrong in it, in the order of lines; a file that is no TOML gives the first such place alone.
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
            complaints: Vec::new(),
        };
        let lists = reading.lists(table.get_ref());
        let mut complaints = reading.complaints;
        if complaints.is_empty() {
            return Ok(lists);
        }
        complaints.sort_by_key(|complaint| (complaint.line, complaint.column));
        Err(complaints)
    }

    /// Says how much is in it, never what: which keys are canaries is nobody's business.
    pub fn counts(&self) -> String {
        let counted = [
            (self.account_names.len(), "account name"),
            (self.trail_accounts.len(), "trail account"),
            (self.canary_keys.len(), "canary key"),
            (self.self_principals.len(), "self principal"),
        ];
        let counted = counted.map(|(count, what)| match count {
            1 => format!("1 {what}"),
            _ => format!("{count} {what}s"),
        });
        counted.join(", ")
    }
}

/// Returns the id of an account.
fn account_id(text: &str) -> Option<String> {
    is_account_id(text).then(|| text.to_owned())
}

fn no_account_id(text: &str) -> String {
    format!("{} is not an account ID, such as 111122223333", shown(text))
}

/// Returns the id of a long-term access key.
fn key_id(text: &str) -> Option<String> {
    let is_right = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
    let is_key =
        text.starts_with("AKIA") && (16..=128).contains(&text.len()) && text.bytes().all(is_right);
    is_key.then(|| text.to_owned())
}

/// Never shows the text: it may be a key's secret, which belongs into no log.
fn no_key_id(_: &str) -> String {
    "this is not the ID of a long-term access key, such as AKIAIOSFODNN7EXAMPLE; never put a secret here"
        .to_owned()
}

/// Returns the role of an ARN.
fn role(text: &str) -> Option<Role> {
    Role::parse(text).filter(|_| text.len() <= ARN_CHARS_MAX)
}

fn no_role(text: &str) -> String {
    let text = shown(text);
    format!("{text} is not the ARN of a role, such as arn:aws:iam::111122223333:role/name")
}

/// Tells whether this can be the name of an account.
fn is_name(text: &str) -> bool {
    let is_right = |byte: u8| byte.is_ascii_alphanumeric() || b" ._-".contains(&byte);
    text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && text.len() <= NAME_CHARS_MAX
        && text.bytes().all(is_right)
}

/// Shows the beginning of a value, in quotes.
fn shown(text: &str) -> String {
    format!("{:?}", sanitize(text, NAME_CHARS_MAX))
}

/// What belongs to lists in it.
impl FileReader<'_> {
    fn lists(&mut self, table: &DeTable<'_>) -> Lists {
        let mut lists = Lists::default();
        for (field, value) in table {
            match &**field.get_ref() {
                "account_names" => lists.account_names = self.account_names(value),
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
                other => {
                    let (other, known) = (shown(other), FIELDS.join(", "));
                    self.complain(
                        field,
                        format!("{other} is not a setting; the settings are {known}"),
                    );
                }
            }
        }
        lists
    }

    fn account_names(&mut self, value: &Spanned<DeValue<'_>>) -> BTreeMap<String, String> {
        let mut names = BTreeMap::new();
        let DeValue::Table(table) = value.get_ref() else {
            let message = "account_names must be a table: a line [account_names], and below it lines \
                           such as 111122223333 = \"shop\"";
            self.complain(value, message.to_owned());
            return names;
        };
        self.bound(value, "account_names", table.len(), ACCOUNTS_MAX);
        for (id, name) in table {
            if !is_account_id(id.get_ref()) {
                self.complain(id, no_account_id(id.get_ref()));
            }
            match name.get_ref().as_str().filter(|name| is_name(name)) {
                Some(right) => drop(names.insert(id.get_ref().to_string(), right.to_owned())),
                None => self.complain(
                    name,
                    format!(
                        "a name must be a text of at most {NAME_CHARS_MAX} letters, digits, spaces \
                         and ._- that begins with a letter or a digit, such as \"shop\""
                    ),
                ),
            }
        }
        names
    }

    /// Returns what the texts of a list mean; `wrong` says of one that means nothing what would be right.
    fn set<T: Ord>(
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
                Some(right) => drop(set.insert(right)),
                None => self.complain(item, wrong(text)),
            }
        }
        set
    }

    /// Returns the texts of a list.
    fn strings<'v, 'i>(
        &mut self,
        value: &'v Spanned<DeValue<'i>>,
        field: &str,
        count_max: usize,
    ) -> Vec<&'v Spanned<DeValue<'i>>> {
        let DeValue::Array(list) = value.get_ref() else {
            self.complain(
                value,
                format!("{field} must be a list of strings, such as {field} = [\"...\"]"),
            );
            return Vec::new();
        };
        self.bound(value, field, list.len(), count_max);
        let (texts, others): (Vec<_>, Vec<_>) =
            list.iter().partition(|item| item.get_ref().is_str());
        for other in others {
            self.complain(other, format!("{field} may contain only strings in quotes"));
        }
        texts
    }

    fn bound(&mut self, at: &Spanned<DeValue<'_>>, field: &str, count: usize, count_max: usize) {
        if count > count_max {
            self.complain(
                at,
                format!("{field} has {count} entries; the maximum is {count_max}"),
            );
        }
    }
}
