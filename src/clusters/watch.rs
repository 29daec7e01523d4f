//! Sensitive calls: calls that succeeded and that people should know of, because they give permissions or credentials,
//! stop a record, destroy data, or share something with strangers.
//!
//! What is watched is data: [`Watches`] has one [`Watch`] after another, from the table `watch/watch.toml` and from the
//! rules file of the user. The first watch whose call and condition fit a record is the one that counts.

use std::collections::BTreeMap;

use records::Record;
use serde::{Deserialize, Serialize};
use strum::IntoStaticStr;

/// When an alert is sent about a sensitive call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[derive(IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Tier {
    /// Whenever the call is made.
    Always,
    /// Whenever the call is made and the condition of the watch holds. Other calls are not selected by this watch.
    Condition,
    /// When a caller makes the call for the first time. Later calls of this caller are counted and summed up.
    First,
}

impl Tier {
    /// Returns the name of the tier, such as `first`. Names do not change between versions.
    pub fn name(self) -> &'static str {
        self.into()
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
    /// Why the call is watched, in one sentence.
    pub why: String,
    /// Where the facts of the row are documented; for a watch of the user, its owner.
    pub source: String,
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
    /// The parameters that matter, by name, such as `policyArn`; facts that were concluded from them, such as
    /// `sharedWith`, are among them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<String, String>,
    /// Why the call is watched, for a watch of the user; the texts of the table are looked up by the name of the watch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// The name of the user's rule by which the call is expected: it is counted, and no alert is sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_by: Option<String>,
}

/// All watches, in the order in which they are tried.
#[derive(Debug, Clone, Default)]
pub struct Watches {
    watches: Vec<Watch>,
}

impl Watches {
    /// Returns all watches, in the order in which they are tried.
    pub fn all(&self) -> &[Watch] {
        &self.watches
    }

    /// Returns the details of a call that succeeded; `None` if it is not watched. `text` is the JSON text of the record.
    ///
    /// The caller has checked that the record is one of a call that succeeded.
    pub fn find(&self, record: &Record<'_>, _text: &str) -> Option<CallDetails> {
        let call = record.event_name.as_deref()?;
        let watch = self.watches.iter().find(|watch| {
            let is = |(service, action): &(String, String)| {
                service == record.service() && call.starts_with(action.as_str())
            };
            watch.calls.iter().any(is)
        })?;
        Some(CallDetails {
            watch: watch.name.clone(),
            tier: watch.tier,
            is_strong: watch.is_strong,
            technique: watch.technique.clone(),
            target: None,
            parameters: BTreeMap::new(),
            why: None,
            expected_by: None,
        })
    }

    /// Returns the names of the actions of all watches, without versions. A name may occur more than once.
    pub fn actions(&self) -> impl Iterator<Item = &str> {
        let calls = self.watches.iter().flat_map(|watch| &watch.calls);
        calls.map(|(_, action)| action.as_str())
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
