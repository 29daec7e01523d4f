//! Writes the details of a sensitive call: its target, the parameters that matter, and what follows from them.
//!
//! The row of the table lists what is kept, and nothing else is. Details have no values that differ between equal calls,
//! because calls with equal details are one sensitive call that was made several times.

use std::collections::{BTreeMap, BTreeSet};

use records::key_id::is_key_id;
use records::redact::{clean, mask_secrets};

use super::call::{Call, Path};
use super::ingress::Openings;
use super::predicate::{Predicate, policy_names, power, sharing, switches_off};
use super::trail::narrowed;
use super::{CallDetails, Tier, Watch};
use crate::short_policy;

/// The maximum number of parameters of a sensitive call. Conclusions come first, then the others by name.
pub const PARAMETERS_MAX: usize = 8;

/// The maximum length of a parameter and of a target, in characters.
pub const VALUE_CHARS_MAX: usize = 256;

/// How many values of a list are read, and how many of these are shown.
const VALUES_READ_MAX: usize = 1000;
const VALUES_SHOWN_MAX: usize = 10;

/// Returns the details of a call that a watch selects.
pub(super) fn details(watch: &Watch, call: Call<'_>) -> CallDetails {
    CallDetails {
        watch: watch.name.clone(),
        tier: watch.tier,
        is_strong: watch.is_strong,
        technique: watch.technique.clone(),
        target: watch.target.iter().find_map(|path| shown(call, path)),
        parameters: parameters(watch, call),
        why: watch.is_of_user.then(|| watch.why.clone()),
        expected_by: None,
    }
}

fn parameters(watch: &Watch, call: Call<'_>) -> BTreeMap<String, String> {
    let mut parameters = BTreeMap::new();
    for (name, value) in conclusions(watch, call) {
        parameters.insert(name.to_owned(), safe(&value));
    }
    for (name, paths) in &watch.parameters {
        if parameters.len() >= PARAMETERS_MAX {
            break;
        }
        if parameters.contains_key(name) {
            continue;
        }
        let whole = || paths.iter().find_map(|path| key_id(call, path));
        let value = match watch.tier {
            Tier::Ledger => whole().or_else(|| paths.iter().find_map(|path| shown(call, path))),
            _ => paths.iter().find_map(|path| shown(call, path)),
        };
        if let Some(value) = value {
            parameters.insert(name.clone(), value);
        }
    }
    parameters
}

/// Returns what follows from the request, each with its name.
fn conclusions(watch: &Watch, call: Call<'_>) -> Vec<(&'static str, String)> {
    let mut found = Vec::new();
    if !watch.policies.is_empty() {
        let account = call
            .record
            .recipient_account_id
            .as_deref()
            .unwrap_or_default();
        let names = policy_names(watch, call, |arn| named_policy(arn, account).to_owned());
        found.push(("policy", joined(names)));
        found.push(("power", power(watch, call).unwrap_or_default()));
    }
    if !watch.resource_policies.is_empty() || !watch.grantees.is_empty() {
        let shared = sharing(watch, call).shown();
        found.push(("shared_with", shared.unwrap_or_default()));
    }
    let asks = |predicate| watch.holds.contains(&predicate);
    if asks(Predicate::OpenToWorld) || asks(Predicate::OpenWidely) {
        let openings = Openings::of(call);
        found.push(("port", joined(openings.ports)));
        found.push(("range", joined(openings.ranges)));
    }
    if asks(Predicate::LoggingNarrowed) {
        found.push(("changed", joined(narrowed(call))));
    }
    if !watch.switches.is_empty() {
        found.push(("off", joined(switches_off(watch, call))));
    }
    found.retain(|(_, value)| !value.is_empty());
    found
}

/// Returns the name of a policy of AWS, or the shortened ARN of another one.
fn named_policy<'p>(arn: &'p str, account: &str) -> &'p str {
    match arn.split_once("::aws:policy/") {
        Some((_, name)) => name,
        None => short_policy(arn, account),
    }
}

/// Returns the values at a path as one text that is safe to show; `None` if there are none.
fn shown(call: Call<'_>, path: &Path) -> Option<String> {
    let mut values = BTreeSet::new();
    if path.is_of_secret() {
        call.each_text(path, &mut |_| {
            values.insert("***".to_owned());
        });
        return values.pop_first();
    }
    call.each_text(path, &mut |text| {
        if values.len() < VALUES_READ_MAX {
            values.insert(text.to_owned());
        }
    });
    let text = safe(&joined(values));
    (!text.is_empty()).then_some(text)
}

/// Returns the id of an access key at a path. It proves whose session it is, so the ledger has it whole; it is an
/// identifier and no secret. Alerts mask it.
fn key_id(call: Call<'_>, path: &Path) -> Option<String> {
    let mut id = None;
    if path.last() == "accessKeyId" {
        call.each_text(path, &mut |text| {
            id = Some(text.to_owned()).filter(|text| is_key_id(text));
        });
    }
    id
}

/// Joins values, sorted and without repetitions, so that the order in a request makes no difference.
fn joined(values: impl IntoIterator<Item = String>) -> String {
    let values: BTreeSet<String> = values.into_iter().collect();
    let shown: Vec<&str> = values
        .iter()
        .take(VALUES_SHOWN_MAX)
        .map(String::as_str)
        .collect();
    let mut text = shown.join(", ");
    if values.len() > VALUES_SHOWN_MAX {
        let more = values.len() - VALUES_SHOWN_MAX;
        text.push_str(&format!(" and {more} more"));
    }
    text
}

/// Removes what is invisible, masks secrets, and cuts. E-mail addresses stay, because they identify users.
pub(super) fn safe(text: &str) -> String {
    // An invisible character in a secret would hide it from the masking.
    let visible = clean(text, usize::MAX);
    let masked = without_tokens(&mask_secrets(&visible));
    clean(&masked, VALUE_CHARS_MAX).into_owned()
}

/// The beginnings of tokens of services outside AWS. Source: GitHub Docs, "About authentication to GitHub"; GitLab Docs,
/// "Token overview", 2026-11-30.
const TOKENS: [&str; 8] = [
    "ghp_",
    "gho_",
    "ghu_",
    "ghs_",
    "ghr_",
    "github_pat_",
    "glpat-",
    "xoxb-",
];

/// The fewest letters of a token after its beginning.
const TOKEN_CHARS_MIN: usize = 16;

/// Masks the password of a user in a URL, and tokens that their beginning shows.
fn without_tokens(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if let Some(length) = password_before_host(rest) {
            masked.push_str("://<masked>");
            rest = &rest[length..];
        } else if let Some(length) = token_length(rest) {
            masked.push_str("<masked>");
            rest = &rest[length..];
        } else {
            masked.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    masked
}

/// Returns the length of `://user:password`, if an `@` follows.
fn password_before_host(text: &str) -> Option<usize> {
    let user = text.strip_prefix("://")?;
    let is_end = |c: char| matches!(c, '/' | '?' | '#' | ' ' | '"');
    let host = &user[..user.find(is_end).unwrap_or(user.len())];
    let at = host.rfind('@')?;
    host[..at].contains(':').then_some("://".len() + at)
}

fn token_length(text: &str) -> Option<usize> {
    let start = TOKENS.into_iter().find(|start| text.starts_with(start))?;
    let is_letter = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
    let letters = text[start.len()..].bytes().take_while(is_letter).count();
    (letters >= TOKEN_CHARS_MIN).then_some(start.len() + letters)
}
