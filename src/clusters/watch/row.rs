//! Reads a row of the table of watches, and a `[[watch]]` of a rules file, which has the same keys.

use std::collections::BTreeMap;
use std::ops::Range;

use quamina::Quamina;
use serde::Deserialize;
use toml::Spanned;

use super::call::Path;
use super::condition_size;
use super::details::{PARAMETERS_MAX, safe};
use super::predicate::Predicate;
use super::{Tier, Watch};

/// A row as it is written. [`Self::watch`] checks it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RowText {
    name: Spanned<String>,
    #[serde(default)]
    calls: Vec<Spanned<String>>,
    when: Option<Spanned<toml::Table>>,
    without: Option<Paths>,
    #[serde(default)]
    holds: Vec<Spanned<String>>,
    #[serde(default)]
    not: Vec<Spanned<String>>,
    tier: Option<Spanned<String>>,
    #[serde(default)]
    strong: bool,
    technique: Option<Spanned<String>>,
    target: Option<Paths>,
    policies: Option<Paths>,
    resource_policies: Option<Paths>,
    grantees: Option<Paths>,
    switches: Option<Paths>,
    #[serde(default)]
    absent_is_off: bool,
    #[serde(default)]
    parameters: BTreeMap<String, Paths>,
    why: Option<Spanned<String>>,
    why_zh: Option<Spanned<String>>,
    source: Option<String>,
    owner: Option<String>,
    #[serde(default)]
    remove: bool,
}

/// A path, or a list of paths that are tried in their order.
type Paths = Spanned<toml::Value>;

/// Who wrote a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Author {
    /// The row is in the table of the program.
    Program,
    /// The row is in a rules file.
    User,
}

/// Takes the place of a fault in the file, as offsets of bytes, and what would be right.
pub type Report<'r> = &'r mut dyn FnMut(Range<usize>, String);

/// The maximum length of the name of a watch, in characters.
const NAME_CHARS_MAX: usize = 64;

impl RowText {
    /// Returns the name of the watch, and its place in the file.
    pub fn name(&self) -> (&str, Range<usize>) {
        (self.name.get_ref().trim(), self.name.span())
    }

    /// Checks whether the row takes the watch with its name out of the table.
    pub fn is_removal(&self) -> bool {
        self.remove
    }

    /// Checks whether the row says more than its name and that the watch is taken out.
    pub fn has_more_than_a_name(&self) -> bool {
        !self.calls.is_empty()
            || self.when.is_some()
            || self.tier.is_some()
            || self.why.is_some()
            || self.target.is_some()
            || !self.holds.is_empty()
            || !self.parameters.is_empty()
    }

    /// Returns the watch of the row. Each fault is reported with its place; a row with faults gives a watch that must
    /// not be used.
    pub fn watch(&self, author: Author, report: Report<'_>) -> Watch {
        let name = self.checked_name(report);
        let why = self.why.as_ref().map_or("", |why| why.get_ref().trim());
        if why.is_empty() {
            let message = "a watch needs why: one sentence that says why the call is watched";
            report(self.name.span(), message.to_owned());
        }
        let technique = self.technique.as_ref();
        if let Some(id) = technique.filter(|id| !is_technique(id.get_ref())) {
            let message = format!(
                "{:?} is not the id of a technique, such as T1098.003",
                id.get_ref()
            );
            report(id.span(), message);
        }
        self.check_paths_of_predicates(report);
        let owner = || self.owner.as_ref().or(self.source.as_ref());
        let source = match author {
            Author::Program => self.source.clone(),
            Author::User => owner().cloned(),
        };
        Watch {
            name,
            calls: self.checked_calls(report),
            tier: self.checked_tier(author, report),
            is_strong: self.strong,
            technique: technique.map(|id| id.get_ref().clone()),
            when: self.pattern(report),
            without: paths(self.without.as_ref(), report),
            holds: predicates(&self.holds, report),
            not: predicates(&self.not, report),
            target: paths(self.target.as_ref(), report),
            policies: paths(self.policies.as_ref(), report),
            resource_policies: paths(self.resource_policies.as_ref(), report),
            grantees: paths(self.grantees.as_ref(), report),
            switches: paths(self.switches.as_ref(), report),
            absent_is_off: self.absent_is_off,
            parameters: self.checked_parameters(report),
            why: match author {
                Author::Program => why.to_owned(),
                Author::User => safe(why),
            },
            why_chinese: self
                .why_zh
                .as_ref()
                .map(|why| why.get_ref().trim().to_owned()),
            source: source.unwrap_or_default(),
            is_of_user: author == Author::User,
        }
    }

    /// Reports predicates that can never hold, because the paths that they read are missing.
    fn check_paths_of_predicates(&self, report: Report<'_>) {
        for name in self.holds.iter().chain(&self.not) {
            let needed = match Predicate::from_name(name.get_ref()) {
                Some(Predicate::Public | Predicate::OtherAccount)
                    if self.resource_policies.is_none() && self.grantees.is_none() =>
                {
                    "resource_policies or grantees"
                }
                Some(Predicate::PowerfulPolicy) if self.policies.is_none() => "policies",
                Some(Predicate::TargetIsCaller | Predicate::ForAnother)
                    if self.target.is_none() =>
                {
                    "target"
                }
                Some(Predicate::TurnedOff) if self.switches.is_none() => "switches",
                _ => continue,
            };
            let message = format!(
                "{} needs {needed}, which says where it looks",
                name.get_ref()
            );
            report(name.span(), message);
        }
        if self.parameters.len() > PARAMETERS_MAX {
            let count = self.parameters.len();
            let message = format!("a watch keeps at most {PARAMETERS_MAX} parameters, not {count}");
            report(self.name.span(), message);
        }
    }

    fn checked_name(&self, report: Report<'_>) -> String {
        let (name, span) = self.name();
        let is_letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if name.is_empty() || name.len() > NAME_CHARS_MAX || !name.chars().all(is_letter) {
            let message = format!(
                "{name:?} is not a name: write lower-case letters, digits and hyphens, at most {NAME_CHARS_MAX}"
            );
            report(span, message);
        }
        name.to_owned()
    }

    fn checked_calls(&self, report: Report<'_>) -> Vec<(String, String)> {
        if self.calls.is_empty() {
            let message = "a watch needs calls, such as [\"iam:CreateUser\"]";
            report(self.name.span(), message.to_owned());
        }
        let mut calls = Vec::new();
        for call in &self.calls {
            match parsed_call(call.get_ref()) {
                Some(found) => calls.push(found),
                None if is_too_short(call.get_ref()) => report(
                    call.span(),
                    format!(
                        "{:?} is not a call: the name of an event has at least {ACTION_CHARS_MIN} letters",
                        call.get_ref()
                    ),
                ),
                None => report(
                    call.span(),
                    format!(
                        "{:?} is not a call: write the event source without its domain, a colon, and the whole name of the event, as in iam:CreateUser",
                        call.get_ref()
                    ),
                ),
            }
        }
        calls
    }

    fn checked_tier(&self, author: Author, report: Report<'_>) -> Tier {
        let Some(tier) = &self.tier else {
            let message = "a watch needs tier: always, condition or first";
            report(self.name.span(), message.to_owned());
            return Tier::Always;
        };
        let found = Tier::from_name(tier.get_ref());
        let is_open_to_all = |tier: &Tier| author == Author::Program || *tier != Tier::Ledger;
        let Some(found) = found.filter(is_open_to_all) else {
            let message = format!(
                "{:?} is not a tier: always, condition or first",
                tier.get_ref()
            );
            report(tier.span(), message);
            return Tier::Always;
        };
        let has_condition = self.when.is_some()
            || self.without.is_some()
            || !self.holds.is_empty()
            || !self.not.is_empty();
        if found == Tier::Condition && !has_condition {
            let message = "a watch of tier condition needs when, without, holds or not";
            report(tier.span(), message.to_owned());
        }
        found
    }

    fn pattern(&self, report: Report<'_>) -> Option<String> {
        let when = self.when.as_ref()?;
        check_fields(when, report);
        // Before the automaton is made, because this is what could take the time and memory.
        if let Some(excess) = condition_size::excess(when.get_ref()) {
            report(when.span(), excess);
            return None;
        }
        let json = serde_json::to_string(when.get_ref()).unwrap_or_default();
        if let Err(error) = Quamina::new().add_pattern((), &json) {
            report(when.span(), error.to_string());
        }
        Some(json)
    }

    fn checked_parameters(&self, report: Report<'_>) -> Vec<(String, Vec<Path>)> {
        let mut parameters = Vec::new();
        for (name, of) in &self.parameters {
            let is_letter = |c: char| c.is_ascii_alphanumeric() || c == '_';
            if name.is_empty() || name.len() > NAME_CHARS_MAX || !name.chars().all(is_letter) {
                let message =
                    format!("{name:?} is not the name of a parameter: write letters, digits and _");
                report(self.name.span(), message);
            }
            parameters.push((name.clone(), paths(Some(of), report)));
        }
        parameters
    }
}

/// Reports what is wrong with the fields of an event pattern: it is empty, or a field is not one of CloudTrail's.
pub fn check_fields(when: &Spanned<toml::Table>, report: Report<'_>) {
    let pattern = when.get_ref();
    if pattern.is_empty() {
        let message = "an empty pattern matches nothing; name a field";
        report(when.span(), message.to_owned());
    }
    for field in pattern
        .keys()
        .filter(|field| !FIELDS.contains(&field.as_str()))
    {
        let message = format!("{field} is not a field of a CloudTrail record");
        report(when.span(), message);
    }
}

/// Parses a call, such as `iam:CreateUser`. `None` for other texts, and for names with a version or a `*`.
fn parsed_call(text: &str) -> Option<(String, String)> {
    let (service, action) = text.split_once(':')?;
    let is_service = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let is_right = !service.is_empty()
        && service.bytes().all(is_service)
        && (ACTION_CHARS_MIN..ACTION_CHARS_MAX).contains(&action.len())
        && action.bytes().all(|b| b.is_ascii_alphanumeric())
        && crate::event_name::unversioned(action) == action;
    is_right.then(|| (service.to_owned(), action.to_owned()))
}

/// Checks whether a text would be a call if the name of the event were longer.
fn is_too_short(text: &str) -> bool {
    text.split_once(':').is_some_and(|(_, action)| {
        let is_name = action.bytes().all(|b| b.is_ascii_alphanumeric());
        is_name && !action.is_empty() && action.len() < ACTION_CHARS_MIN
    })
}

/// The shortest and the longest name of a call that the filter of records finds. No call of AWS that matters is outside.
const ACTION_CHARS_MIN: usize = 6;
const ACTION_CHARS_MAX: usize = 64;

fn is_technique(id: &str) -> bool {
    let digits =
        |text: &str, count| text.len() == count && text.bytes().all(|b| b.is_ascii_digit());
    let Some(number) = id.strip_prefix('T') else {
        return false;
    };
    match number.split_once('.') {
        Some((technique, sub)) => digits(technique, 4) && digits(sub, 3),
        None => digits(number, 4),
    }
}

fn predicates(names: &[Spanned<String>], report: Report<'_>) -> Vec<Predicate> {
    let mut found = Vec::new();
    for name in names {
        match Predicate::from_name(name.get_ref()) {
            Some(predicate) => found.push(predicate),
            None => {
                use strum::IntoEnumIterator as _;
                let all: Vec<&str> = Predicate::iter().map(Predicate::name).collect();
                let message = format!("{:?} is not one of {}", name.get_ref(), all.join(", "));
                report(name.span(), message);
            }
        }
    }
    found
}

fn paths(written: Option<&Paths>, report: Report<'_>) -> Vec<Path> {
    let Some(written) = written else {
        return Vec::new();
    };
    let values = match written.get_ref() {
        toml::Value::Array(values) => values.as_slice(),
        value => std::slice::from_ref(value),
    };
    let mut found = Vec::new();
    for value in values {
        let parsed = value.as_str().and_then(Path::parse);
        match parsed.filter(|path| FIELDS.contains(&path.field())) {
            Some(path) => found.push(path),
            None => report(
                written.span(),
                format!(
                    "{value} is not a path: write keys from a field of the record on, such as requestParameters.userName"
                ),
            ),
        }
    }
    found
}

/// The top-level fields of a CloudTrail record, so that a misspelled field in a pattern is found.
///
/// Source: AWS CloudTrail User Guide, "CloudTrail record contents".
const FIELDS: [&str; 31] = [
    "eventVersion",
    "userIdentity",
    "eventTime",
    "eventSource",
    "eventName",
    "awsRegion",
    "sourceIPAddress",
    "userAgent",
    "errorCode",
    "errorMessage",
    "requestParameters",
    "responseElements",
    "additionalEventData",
    "requestID",
    "eventID",
    "eventType",
    "apiVersion",
    "managementEvent",
    "readOnly",
    "resources",
    "recipientAccountId",
    "serviceEventDetails",
    "sharedEventID",
    "vpcEndpointId",
    "vpcEndpointAccountId",
    "eventCategory",
    "addendum",
    "sessionCredentialFromConsole",
    "eventContext",
    "edgeDeviceDetails",
    "tlsDetails",
];
