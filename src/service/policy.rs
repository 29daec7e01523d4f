//! Policies: which sink gets which alerts, as the rules file states.
//!
//! Policies are tried in their order on each alert for each sink, and the first policy that matches is applied. If no
//! policy matches, the sink gets the alert.

use alerts::facts::Facts;
use alerts::kind::AlertKind;
use alerts::message::Message;
use alerts::severity::Severity;
use clusters::class::Class;
use clusters::facet::FacetKind;
use clusters::wildcard;
use records::principal::is_account_id;
use records::time::seconds;
use serde::Deserialize;
use toml::Spanned;

use crate::rulefile::FileReader;

/// All policies of a rules file, in their order. Empty by default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policies(Vec<Policy>);

/// One policy of a rules file: to which sink and to which alerts it applies, and which of these alerts it holds back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// The name of the sink that the policy is for; `None` for all sinks.
    pub sink: Option<String>,
    /// Whether alerts that match are sent at all. `false` holds back all of them.
    pub is_enabled: bool,
    /// The lowest severity of alerts that are sent. Less severe alerts are held back. `None` sends alerts of every
    /// severity.
    pub min_severity: Option<Severity>,
    /// The sending pause in seconds, at most 90 days: after an alert was sent, further alerts of the same cluster are
    /// held back for this time. `None` holds nothing back.
    pub silence: Option<i64>,
    /// The conditions that an alert must meet, so that the policy is for it.
    pub matching: Matching,
}

/// The conditions of a policy. An alert matches if it meets all of them; a condition with an empty list is always met.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Matching {
    /// Account ids of twelve digits. The alert must be about one of these accounts.
    pub accounts: Vec<String>,
    /// Classes of clusters. The alert's cluster must have one of these classes.
    pub classes: Vec<Class>,
    /// AWS services such as `s3`. The alert's cluster must have one of these services.
    pub services: Vec<String>,
    /// Patterns of callers, one of which must match a caller of the alert's cluster or the actor of its incident. `*`
    /// matches any text, also the empty text.
    pub principals: Vec<String>,
    /// Kinds of alerts. The alert must be of one of these kinds.
    pub kinds: Vec<AlertKind>,
}

/// The decision of the policies about one alert and one sink.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PolicyOutcome {
    /// The alert is sent to the sink.
    Send {
        /// The sending pause after this alert, in seconds: for this time, further alerts of the same cluster are held
        /// back. `None` for no pause.
        silence: Option<i64>,
    },
    /// The alert is held back. The next alert of the cluster that is sent contains the number of alerts held back.
    HoldBack,
}

/// The longest sending pause in seconds. For a longer pause, a policy with `enabled = false` is clearer.
const SILENCE_MAX: i64 = 90 * 86_400;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PolicyText {
    sink: Spanned<String>,
    min_severity: Option<Spanned<String>>,
    silence: Option<Spanned<String>>,
    enabled: Option<bool>,
    #[serde(rename = "match", default)]
    matching: MatchText,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct MatchText {
    account: Vec<Spanned<String>>,
    class: Vec<Spanned<String>>,
    service: Vec<Spanned<String>>,
    principal: Vec<Spanned<String>>,
    kind: Vec<Spanned<String>>,
}

impl Policies {
    /// Returns the policies in the order of the file.
    pub fn all(&self) -> &[Policy] {
        &self.0
    }

    /// Decides whether an alert is sent to a sink. The first policy that matches decides; without a matching policy the
    /// alert is sent.
    pub fn judge(&self, sink: &str, message: &Message) -> PolicyOutcome {
        let Some(place) = self.place(sink, message) else {
            return PolicyOutcome::Send { silence: None };
        };
        let policy = &self.0[place];
        let is_severe = policy
            .min_severity
            .is_none_or(|least| message.level() >= least);
        if policy.is_enabled && is_severe {
            let silence = policy.silence;
            return PolicyOutcome::Send { silence };
        }
        PolicyOutcome::HoldBack
    }

    /// Returns the place of the policy that decides about an alert and a sink, in [`Self::all`]; `None` if none does. None
    /// decides about drills, which have to reach each sink.
    pub fn place(&self, sink: &str, message: &Message) -> Option<usize> {
        if message.alert.kind() == AlertKind::Drill {
            return None;
        }
        self.0
            .iter()
            .position(|policy| policy.is_for(sink, message))
    }

    /// Parses the policies of a rules file, and adds their problems to `reading`.
    pub(crate) fn read(reading: &mut FileReader<'_>, texts: &[Spanned<PolicyText>]) -> Self {
        let policies = texts.iter().map(|text| policy(reading, text.get_ref()));
        Self(policies.collect())
    }
}

fn policy(reading: &mut FileReader<'_>, text: &PolicyText) -> Policy {
    let sink = text.sink.get_ref().trim();
    if sink.is_empty() {
        let message = "a policy needs a sink: its name, or all".to_owned();
        reading.report(&text.sink, message);
    }
    let is_enabled = text.enabled.unwrap_or(true);
    if is_enabled && text.min_severity.is_none() && text.silence.is_none() {
        let message = "a policy needs an effect: min_severity, silence or enabled = false";
        reading.report(&text.sink, message.to_owned());
    }
    let of = &text.matching;
    let unspanned = |texts: &[Spanned<String>]| -> Vec<String> {
        texts.iter().map(|text| text.get_ref().clone()).collect()
    };
    for account in of.account.iter().filter(|id| !is_account_id(id.get_ref())) {
        let message = format!(
            "{:?} is not an account ID of twelve digits",
            account.get_ref()
        );
        reading.report(account, message);
    }
    let mut classes = Vec::new();
    for class in &of.class {
        match Class::from_name(class.get_ref()) {
            Some(class) => classes.push(class),
            None => reading.report(class, format!("{:?} is not a class", class.get_ref())),
        }
    }
    let mut kinds = Vec::new();
    for kind in &of.kind {
        match AlertKind::from_name(kind.get_ref()) {
            Some(AlertKind::Drill) => {
                let message = "policies do not apply to drills, which go to each sink";
                reading.report(kind, message.to_owned());
            }
            Some(kind) => kinds.push(kind),
            None => {
                let message = format!("{:?} is not a kind of alert", kind.get_ref());
                reading.report(kind, message);
            }
        }
    }
    Policy {
        sink: (sink != "all").then(|| sink.to_owned()),
        is_enabled,
        min_severity: reading.named(&text.min_severity, Severity::from_name, "a severity"),
        silence: reading.named(
            &text.silence,
            silence,
            "a duration from 1m to 90d, such as 30m, 4h or 2d",
        ),
        matching: Matching {
            accounts: unspanned(&of.account),
            classes,
            services: unspanned(&of.service),
            principals: unspanned(&of.principal),
            kinds,
        },
    }
}

fn silence(text: &str) -> Option<i64> {
    seconds(text).filter(|seconds| *seconds <= SILENCE_MAX)
}

impl Policy {
    fn is_for(&self, sink: &str, message: &Message) -> bool {
        let is_sink = self.sink.as_deref().is_none_or(|name| name == sink);
        is_sink && self.matching.matches(message)
    }
}

impl Matching {
    fn matches(&self, message: &Message) -> bool {
        let identity = message.cluster.as_ref().map(|of| &of.facts.identity);
        let has = |wanted: &[String], value: Option<&str>| {
            wanted.is_empty() || value.is_some_and(|value| wanted.iter().any(|it| it == value))
        };
        let class = identity.map(|of| of.class);
        let is_class =
            self.classes.is_empty() || class.is_some_and(|class| self.classes.contains(&class));
        let is_kind = self.kinds.is_empty() || self.kinds.contains(&message.alert.kind());
        is_kind
            && has(&self.accounts, Some(message.alert.account_id()))
            && has(&self.services, identity.map(|of| of.service.as_str()))
            && is_class
            && self.has_principal(message)
    }

    fn has_principal(&self, message: &Message) -> bool {
        if self.principals.is_empty() {
            return true;
        }
        let is_meant = |name: &str| self.principals.iter().any(|it| wildcard::matches(it, name));
        if let Facts::Incident(of) = &message.alert.facts {
            return is_meant(&of.actor.principal) || is_meant(&of.actor.name);
        }
        let facets = message.cluster.as_ref().map(|of| &of.facets);
        let callers = facets.and_then(|facets| facets.get(&FacetKind::Principal));
        let mut callers = callers.into_iter().flat_map(|callers| &callers.values);
        callers.any(|caller| is_meant(&caller.value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_from_a_minute_to_ninety_days() {
        let parsed = ["0m", "1m", "4h", "90d", "91d", "4"].map(silence);
        let expected = [None, Some(60), Some(14_400), Some(SILENCE_MAX), None, None];
        assert_eq!(parsed, expected);
    }
}
