//! Sensitive calls: calls that succeeded and that people should know of, because they give permissions or credentials,
//! stop a record, destroy data, or share something with strangers.
//!
//! What is watched is data: [`Watches`] has one [`Watch`] after another, from the table `watch/watch.toml` and from the
//! rules file of the user. The first watch whose call and condition fit a record is the one that counts. So a call
//! whose weight depends on a condition has two watches: a strong one with the condition, and after it a weak one.
//!
//! - `row` reads a watch from its text. `docs/watch.md` is made from the table.
//! - `condition_size` limits the size of conditions.
//! - `call` reads values of a record by their paths; `details` writes those that are kept.
//! - `predicate` has the conditions that event patterns cannot express. They are built of `policy`, `sharing`, `ingress`,
//!   `lifecycle`, `trail` and `caller`.

mod call;
mod caller;
pub mod condition_size;
mod details;
mod ingress;
mod lifecycle;
mod policy;
mod predicate;
pub mod row;
mod sharing;
mod trail;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, LazyLock, OnceLock};

use foldhash::{HashMap, HashMapExt as _};
use quamina::Quamina;
use records::Record;
use serde::{Deserialize, Serialize};
use strum::{EnumIter, IntoEnumIterator as _, IntoStaticStr};
use toml::Spanned;

use crate::event_name::unversioned;
use crate::watch::call::{Call, Path};
use crate::watch::predicate::Predicate;
use crate::watch::row::{Author, RowText};

/// When an alert is sent about a sensitive call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[derive(IntoStaticStr, EnumIter)]
#[strum(serialize_all = "snake_case")]
pub enum Tier {
    /// Whenever the call is made.
    Always,
    /// Whenever the call is made and the condition of the watch holds. Other calls are not selected by this watch.
    Condition,
    /// When a caller makes the call for the first time. Later calls of this caller are counted and summed up.
    First,
    /// Never: the call is kept for what it makes or removes, so that an incident can say what stays behind. Calls of this
    /// tier are in [`Watches::of_ledger`] alone; a rules file cannot use it.
    Ledger,
}

impl Tier {
    /// Returns the name in the table and in rules files, such as `always`. Names do not change between versions.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// Returns the tier with a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::iter().find(|tier| tier.name() == name)
    }
}

/// A kind of call that is watched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watch {
    /// The name of the watch, unique, such as `iam-create-user`.
    pub name: String,
    /// The calls, each as service and action without a version: `("iam", "CreateUser")`.
    pub calls: Vec<(String, String)>,
    /// When an alert is sent.
    pub tier: Tier,
    /// Whether the call weighs as much as an attack step on its own.
    pub is_strong: bool,
    /// The id of the MITRE ATT&CK technique, such as `T1136.003`.
    pub technique: Option<String>,
    /// The event pattern that a record has to match, as JSON; `None` if all match.
    pub when: Option<String>,
    /// Where the record must have no value; `false`, empty texts and wildcards for everything are none.
    pub without: Vec<Path>,
    /// Predicates, one of which has to hold; empty if none has to.
    pub holds: Vec<Predicate>,
    /// Predicates that must not hold.
    pub not: Vec<Predicate>,
    /// Where the record names whom or what the call changes; the first path with a value counts.
    pub target: Vec<Path>,
    /// Where the record has policies that give permissions to users and roles: documents or ARNs.
    pub policies: Vec<Path>,
    /// Where the record has policies that say who may use a resource or assume a role.
    pub resource_policies: Vec<Path>,
    /// Where the record names whom access is given to: accounts, ARNs, groups, or words for everybody.
    pub grantees: Vec<Path>,
    /// Where the record has switches that a call may turn off.
    pub switches: Vec<Path>,
    /// Whether a switch that the request leaves out is off, because the request replaces the whole configuration.
    pub absent_is_off: bool,
    /// The parameters that are kept, each with the paths at which it may be.
    pub parameters: Vec<(String, Vec<Path>)>,
    /// Why the call is watched, in one sentence.
    pub why: String,
    /// The same in Chinese. A watch of the user may have none.
    pub why_chinese: Option<String>,
    /// Where the facts of the row are documented; for a watch of the user, its owner.
    pub source: String,
    /// Whether the watch is from the rules file of the user.
    pub is_of_user: bool,
}

/// What a sensitive call did: the part of its identity that is not the call itself or the caller.
///
/// Calls of one caller with equal details are the same sensitive call, made several times. All texts are sanitized,
/// redacted and cut.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CallDetails {
    /// The name of the watch.
    pub watch: String,
    /// When an alert is sent.
    pub tier: Tier,
    /// Whether the call weighs as much as an attack step on its own.
    #[serde(rename = "strong", default, skip_serializing_if = "std::ops::Not::not")]
    pub is_strong: bool,
    /// The id of the MITRE ATT&CK technique.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub technique: Option<String>,
    /// Whom or what the call changed, such as the name of a user or a trail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The parameters that matter, by name, such as `policy`; facts that were concluded from them, such as
    /// `shared_with`, are among them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<String, String>,
    /// Why the call is watched, for a watch of the user; the texts of the table are looked up by the name of the watch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// The name of the user's rule by which the call is expected: it is counted, and no alert is sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_by: Option<String>,
}

/// All watches, in the order in which they are tried. By default those of the table. A copy shares them.
#[derive(Clone)]
pub struct Watches(Arc<Indexed>);

/// Watches with what finds them.
struct Indexed {
    watches: Vec<Watch>,
    /// The places of the watches of an action, in their order.
    by_action: HashMap<String, Vec<usize>>,
    /// The event pattern of each watch, built when it is first asked.
    patterns: Vec<OnceLock<Quamina<()>>>,
}

/// The text of the table.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TableText {
    /// The day on which the table was compared with its sources.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "for readers of the table and of docs/watch.md")
    )]
    checked: String,
    /// The version of ATT&CK that the ids are of; the table of the ledger has none.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "for readers of the table and of docs/watch.md")
    )]
    #[serde(default)]
    attack: String,
    watch: Vec<Spanned<RowText>>,
}

static TABLE: LazyLock<Watches> = LazyLock::new(|| {
    let rows = table_text().map_or_else(|_| Vec::new(), |table| table.watch);
    let watch = |row: &Spanned<RowText>| row.get_ref().watch(Author::Program, &mut |_, _| {});
    Watches::new(rows.iter().map(watch).collect())
});

static LEDGER: LazyLock<Watches> = LazyLock::new(|| {
    let rows = ledger_text().map_or_else(|_| Vec::new(), |table| table.watch);
    let watch = |row: &Spanned<RowText>| row.get_ref().watch(Author::Program, &mut |_, _| {});
    Watches::new(rows.iter().map(watch).collect())
});

fn ledger_text() -> Result<TableText, toml::de::Error> {
    toml::from_str(include_str!("watch/ledger.toml"))
}

fn table_text() -> Result<TableText, toml::de::Error> {
    toml::from_str(include_str!("watch/watch.toml"))
}

impl Default for Watches {
    fn default() -> Self {
        TABLE.clone()
    }
}

impl fmt::Debug for Watches {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(&self.0.watches).finish()
    }
}

impl Watches {
    /// Creates watches that are tried in the given order.
    pub fn new(watches: Vec<Watch>) -> Self {
        let mut by_action = HashMap::<String, Vec<usize>>::new();
        for (place, watch) in watches.iter().enumerate() {
            for (_, action) in &watch.calls {
                let places = by_action.entry(action.clone()).or_default();
                if places.last() != Some(&place) {
                    places.push(place);
                }
            }
        }
        let patterns = watches.iter().map(|_| OnceLock::new()).collect();
        Self(Arc::new(Indexed {
            watches,
            by_action,
            patterns,
        }))
    }

    /// Returns the calls that make or remove something without being sensitive. They are kept where an incident may need
    /// them, and nowhere else: a change that no incident needs must cost no write. Ask for a watched call first.
    pub fn of_ledger() -> Self {
        LEDGER.clone()
    }

    /// Returns all watches, in the order in which they are tried.
    pub fn all(&self) -> &[Watch] {
        &self.0.watches
    }

    /// Returns the details of a call that succeeded; `None` if it is not watched. `text` is the JSON text of the record.
    ///
    /// The caller has checked that the record is one of a call that succeeded. For a call that is not watched, this is one
    /// lookup; no JSON is read.
    pub fn find(&self, record: &Record<'_>, text: &str) -> Option<CallDetails> {
        let action = unversioned(record.event_name.as_deref()?);
        let places = self.0.by_action.get(action)?;
        let service = record.service();
        let call = Call { record, text };
        let is_called = |watch: &Watch| {
            let mut calls = watch.calls.iter();
            calls.any(|(of, name)| of == service && name == action)
        };
        let fits = |place: &&usize| {
            let watch = &self.0.watches[**place];
            is_called(watch) && watch.holds(call) && self.matches(**place, text)
        };
        let place = places.iter().find(fits)?;
        Some(details::details(&self.0.watches[*place], call))
    }

    /// Checks whether a record matches the event pattern of a watch. A pattern that is not valid matches nothing.
    fn matches(&self, place: usize, text: &str) -> bool {
        let Some(when) = &self.0.watches[place].when else {
            return true;
        };
        let pattern = self.0.patterns[place].get_or_init(|| {
            let mut pattern = Quamina::new();
            let _ = pattern.add_pattern((), when);
            pattern
        });
        pattern.has_matches(text.as_bytes()).unwrap_or(false)
    }

    /// Returns the names of the actions of all watches, without versions. A name may occur more than once.
    pub fn actions(&self) -> impl Iterator<Item = &str> {
        let calls = self.0.watches.iter().flat_map(|watch| &watch.calls);
        calls.map(|(_, action)| action.as_str())
    }

    /// Returns the watch with a name.
    pub fn named(&self, name: &str) -> Option<&Watch> {
        self.0.watches.iter().find(|watch| watch.name == name)
    }
}

impl Watch {
    /// Checks whether a condition of the watch compares the request with the time of the call.
    pub fn depends_on_time(&self) -> bool {
        let mut predicates = self.holds.iter().chain(&self.not);
        predicates.any(|of| of.depends_on_time())
    }

    /// Checks the predicates of the watch; `true` if it has none.
    fn holds(&self, call: Call<'_>) -> bool {
        let holds = |predicate: &Predicate| predicate.holds(self, call);
        (self.holds.is_empty() || self.holds.iter().any(holds))
            && !self.not.iter().any(holds)
            && !self
                .without
                .iter()
                .any(|path| predicate::has_value(call, path))
    }
}

impl CallDetails {
    /// Returns the details as JSON text. Equal details have equal texts.
    pub fn encode(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Parses the text of [`Self::encode`]; `None` for any other text.
    pub fn decode(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }
}

#[cfg(test)]
mod tests;
