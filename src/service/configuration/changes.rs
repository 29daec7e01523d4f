//! What differs between two configurations, by path.
//!
//! Files are compared by what they say: a list is a set, and a rule is found by its name. So a rule that moves is one
//! difference, and not many.

use std::collections::{BTreeMap, BTreeSet};

use clusters::keys::masked;
use records::redact::sanitize;
use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use super::{Configuration, file_version, said_name};

/// The longest value that is shown, in characters.
const CHARS_MAX: usize = 300;

/// The path below which ids of canary keys are. They are masked: output goes to terminals and into tickets.
const CANARY_KEYS: &str = "settings.canary_keys[";

/// One difference between two configurations. All texts are sanitized.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Change {
    /// Where, such as `parameters.DormantDays` or `rules.rule[noise].until`.
    pub path: String,
    /// The value in the first configuration; `None` if it is absent there.
    pub old: Option<String>,
    /// The value in the second configuration; `None` if it is absent there.
    pub new: Option<String>,
}

/// Returns what differs between two configurations, sorted by path; nothing for equal ones. The names of the stacks and the
/// versions of the programs that wrote them are not compared.
pub fn changes(old: &Configuration, new: &Configuration) -> Vec<Change> {
    let mut changes = differences(&leaves(old), &leaves(new));
    for (file, of) in [
        ("settings", [&old.settings, &new.settings]),
        ("rules", [&old.rules, &new.rules]),
    ] {
        let start = format!("{file}.");
        if of[0] != of[1] && !changes.iter().any(|change| change.path.starts_with(&start)) {
            let [old, new] = of.map(|text| Some(file_version(Some(text.as_bytes()))));
            let path = format!("{file} (comments or layout)");
            changes.push(Change { path, old, new });
        }
    }
    changes.sort();
    changes
}

/// Returns what differs between two texts of one file, `settings` or `rules`.
pub fn file_changes(file: &str, old: &str, new: &str) -> Vec<Change> {
    let of = |text: &str| match file {
        "settings" => Configuration {
            settings: text.to_owned(),
            ..Configuration::default()
        },
        _ => Configuration {
            rules: text.to_owned(),
            ..Configuration::default()
        },
    };
    changes(&of(old), &of(new))
}

fn differences(old: &BTreeMap<String, String>, new: &BTreeMap<String, String>) -> Vec<Change> {
    let paths: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let differing = paths
        .into_iter()
        .filter(|path| old.get(*path) != new.get(*path));
    let shown = |value: Option<&String>| value.map(|value| sanitize(value, CHARS_MAX));
    differing
        .map(|path| Change {
            path: shown_path(path),
            old: shown(old.get(path)),
            new: shown(new.get(path)),
        })
        .collect()
}

fn shown_path(path: &str) -> String {
    match path.strip_prefix(CANARY_KEYS) {
        Some(key) => format!("{CANARY_KEYS}{}]", masked(key.trim_end_matches(']'))),
        None => sanitize(path, CHARS_MAX),
    }
}

/// Returns every single value of a configuration, by path.
fn leaves(of: &Configuration) -> BTreeMap<String, String> {
    let mut leaves = BTreeMap::from([("identity_version".to_owned(), of.identity_version.clone())]);
    for (name, value) in &of.parameters {
        leaves.insert(format!("parameters.{name}"), value.clone());
    }
    for name in &of.hidden_parameters {
        leaves.insert(format!("parameters.{name}"), "(not exported)".to_owned());
    }
    for (file, text) in [("settings", &of.settings), ("rules", &of.rules)] {
        // A document is checked before; a stack may have a wrong file, which then differs as a whole.
        match toml::from_str::<Table>(text) {
            Ok(table) => add(&mut leaves, file, &Value::Table(table)),
            Err(_) => {
                let version = file_version(Some(text.as_bytes()));
                leaves.insert(format!("{file}.(no TOML)"), version);
            }
        }
    }
    for (cluster, triage) in &of.marks {
        let by = match (triage.actor.as_str(), triage.reason.as_str()) {
            (actor, "") => format!(", by {actor} at {}", triage.at),
            (actor, reason) => format!(", by {actor} at {}: {reason}", triage.at),
        };
        leaves.insert(
            format!("marks.{cluster}"),
            triage.decision.to_string() + &by,
        );
    }
    for (cluster, said) in &of.resolutions {
        for (at, what) in said {
            let path = format!("resolutions.{cluster}.{at}");
            leaves.insert(path, said_name(*what).to_owned());
        }
    }
    leaves
}

/// Adds the single values below a value of a TOML file.
fn add(leaves: &mut BTreeMap<String, String>, path: &str, value: &Value) {
    match value {
        Value::Table(table) => {
            for (name, value) in table {
                add(leaves, &format!("{path}.{name}"), value);
            }
        }
        Value::Array(values) if values.iter().all(Value::is_table) => {
            let mut names: Vec<String> = Vec::new();
            for (place, value) in (1..).zip(values) {
                let name = value.get("name").and_then(Value::as_str);
                let name = name.map_or_else(|| place.to_string(), str::to_owned);
                add(leaves, &format!("{path}[{name}]"), value);
                names.push(name);
            }
            if names.len() > 1 {
                // The first rule that matches is applied, so the order matters.
                leaves.insert(format!("{path} (order)"), names.join(", "));
            }
        }
        Value::Array(values) => {
            for value in values {
                leaves.insert(format!("{path}[{}]", plain(value)), "listed".to_owned());
            }
        }
        other => {
            leaves.insert(path.to_owned(), plain(other));
        }
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::full;
    use super::*;

    fn shown(changes: &[Change]) -> Vec<String> {
        let absent = || "-".to_owned();
        let line = |change: &Change| {
            let (old, new) = (change.old.clone(), change.new.clone());
            let (old, new) = (old.unwrap_or_else(absent), new.unwrap_or_else(absent));
            format!("{}: {old} > {new}", change.path)
        };
        changes.iter().map(line).collect()
    }

    #[test]
    fn nothing_differs_from_itself_and_the_other_way_round_is_the_same() {
        let (full, none) = (full(), Configuration::default());
        assert_eq!(changes(&full, &full), []);
        let (there, back) = (changes(&none, &full), changes(&full, &none));
        assert!(!there.is_empty());
        let turned = back.into_iter().map(|of| Change {
            old: of.new,
            new: of.old,
            ..of
        });
        assert_eq!(there, turned.collect::<Vec<_>>());
    }

    #[test]
    fn each_kind_of_difference_has_its_path() {
        let old = full();
        let mut new = old.clone();
        new.stack = "other".to_owned();
        new.parameters
            .insert("DormantDays".to_owned(), "30".to_owned());
        new.settings = old.settings.replace("444455556666", "777788889999");
        new.settings = new
            .settings
            .replace("AKIAIOSFODNN7EXAMPLE", "AKIAI44QH8DHBEXAMPLE");
        new.rules = old
            .rules
            .replace("until = 2027-01-01", "until = 2027-02-01");
        new.marks.clear();
        assert_eq!(
            shown(&changes(&old, &new)),
            [
                "marks.c2p3akz7a4qt5bsnabcdefghia: muted until 2027-01-01T00:00:00Z, by ann at 2026-11-01T08:00:00Z: known until the \
                 release > -",
                "parameters.DormantDays: 90 > 30",
                "rules.rule[the cost report works without tags].until: 2027-01-01 > 2027-02-01",
                "settings.canary_keys[AKIA****MPLE]: - > listed",
                "settings.canary_keys[AKIA****MPLE]: listed > -",
                "settings.trail_accounts[444455556666]: listed > -",
                "settings.trail_accounts[777788889999]: - > listed",
            ]
        );
    }

    #[test]
    fn order_in_a_list_and_comments_change_no_value() {
        let old = "trail_accounts = [\"111122223333\", \"444455556666\"]\n";
        let new = "# ours\ntrail_accounts = [\"444455556666\", \"111122223333\"]\n";
        let found = file_changes("settings", old, new);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].path, "settings (comments or layout)");
    }

    #[test]
    fn two_rules_that_change_places_are_one_difference() {
        let rule =
            |name: &str| format!("[[rule]]\nname = \"{name}\"\nwhen = {{ eventName = [\"A\"] }}\n");
        let (old, new) = (rule("a") + &rule("b"), rule("b") + &rule("a"));
        assert_eq!(
            shown(&file_changes("rules", &old, &new)),
            ["rules.rule (order): a, b > b, a"]
        );
    }

    #[test]
    fn text_of_people_is_shown_without_control_characters() {
        let mut new = full();
        for triage in new.marks.values_mut() {
            triage.reason = "\u{1b}[31mred\u{202e}".to_owned();
        }
        let found = changes(&full(), &new);
        let shown = format!("{:?}", found[0].new);
        assert!(
            !shown.contains("\\u{1b}") && !shown.contains("\\u{202e}"),
            "{shown}"
        );
    }
}
