//! Writes the filter patterns of CloudWatch Logs that find the records of an incident: what its actor did, and what was done
//! with the objects that it made.
//!
//! Names come from attackers. A name with a character that means something in a pattern is not asked for, and the result
//! says so. A pattern has at most 1,024 characters, so there may be several.
//!
//! Source: Amazon CloudWatch Logs User Guide, "Filter pattern syntax for metric filters, subscription filters, filter log
//! events, and Live Tail", 2026-11-30.

use std::collections::BTreeSet;

use clusters::incident::Incident;
use clusters::incident::actor::{Actor, ActorKind};

/// The longest pattern, in characters.
const PATTERN_MAX: usize = 1024;

/// How many identities of an incident are asked for.
const IDENTITIES_MAX: usize = 10;

/// The shortest name of an object that is looked for anywhere in a record.
const NAME_MIN: usize = 4;

/// Filter patterns that together find some records.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogPatterns {
    /// The patterns, each for a query of its own.
    pub patterns: Vec<String>,
    /// Whether something is not asked for, because no pattern can name it.
    pub is_partial: bool,
}

/// Returns the patterns for the calls of the actor of an incident and of the identities that belong to it: those that change
/// something, those to AWS STS, and those that made their session keys.
pub fn of_actor(incident: &Incident) -> LogPatterns {
    let mut found = Parts::default();
    let members = incident.members.iter().map(|member| &member.identity);
    let others = members.filter(|member| **member != incident.actor);
    for identity in std::iter::once(&incident.actor)
        .chain(others)
        .take(IDENTITIES_MAX)
    {
        found.add(by_identity(identity));
    }
    found.is_partial |= incident.members_count > IDENTITIES_MAX;
    // Records without an account have no field to ask for.
    found.is_partial |= incident.actor.account_id == "unknown";
    for way in &incident.ledger.ways_in {
        found.add(equals("userIdentity.accessKeyId", &way.key));
        if !way.is_long_term {
            found.add(equals("responseElements.credentials.accessKeyId", &way.key));
        }
    }
    let account = equals("recipientAccountId", &incident.actor.account_id);
    let account = account.map(|of| format!("{of} && ")).unwrap_or_default();
    let start =
        format!(r#"{{ {account}($.readOnly IS FALSE || $.eventSource = "sts.amazonaws.com") && ("#);
    found.patterns(&start, " || ", ") }")
}

/// Returns the patterns for everything that was done with the objects that stand in the ledger of an incident.
pub fn of_objects(incident: &Incident) -> LogPatterns {
    let ledger = &incident.ledger;
    let mut found = Parts {
        is_partial: ledger.stands_count > ledger.stands.len(),
        ..Parts::default()
    };
    for object in &ledger.stands {
        // The first part of a name is the object itself, or the user, role or group that it belongs to.
        let name = object.name.split(' ').next().unwrap_or_default();
        let can_be_term = is_plain(name) && name.len() >= NAME_MIN;
        found.add(can_be_term.then(|| format!(r#"?"{name}""#)));
    }
    found.patterns("", " ", "")
}

/// The parts of patterns, any of which may hold.
#[derive(Default)]
struct Parts {
    parts: BTreeSet<String>,
    is_partial: bool,
}

impl Parts {
    /// Adds a part; `None` is one that no pattern can name.
    fn add(&mut self, part: Option<String>) {
        self.is_partial |= part.is_none();
        self.parts.extend(part);
    }

    /// Joins the parts to patterns that are not too long.
    fn patterns(self, start: &str, between: &str, end: &str) -> LogPatterns {
        let mut found = LogPatterns {
            patterns: Vec::new(),
            is_partial: self.is_partial,
        };
        let mut inner = String::new();
        let around = start.len() + end.len();
        for part in self.parts {
            if around + part.len() > PATTERN_MAX {
                found.is_partial = true;
                continue;
            }
            if !inner.is_empty() && around + inner.len() + between.len() + part.len() > PATTERN_MAX
            {
                found.patterns.push([start, &inner, end].concat());
                inner.clear();
            }
            if !inner.is_empty() {
                inner.push_str(between);
            }
            inner.push_str(&part);
        }
        if !inner.is_empty() {
            found.patterns.push([start, &inner, end].concat());
        }
        found
    }
}

/// Returns the condition for the calls of an identity; `None` if records cannot be found by its name.
fn by_identity(identity: &Actor) -> Option<String> {
    let issuer = "userIdentity.sessionContext.sessionIssuer.arn";
    match identity.kind {
        // Sessions of GetFederationToken name the user as their issuer.
        ActorKind::User => {
            let own = equals("userIdentity.userName", &identity.name)?;
            let issuer = "userIdentity.sessionContext.sessionIssuer.userName";
            let federated = equals(issuer, &identity.name)?;
            Some(format!("({own} || {federated})"))
        }
        ActorKind::Root => Some(r#"$.userIdentity.type = "Root""#.to_owned()),
        ActorKind::Role => equals(issuer, &identity.name),
        ActorKind::Person => {
            let (role, person) = identity.name.split_once(" as ")?;
            let role = equals(issuer, role)?;
            let source = equals("userIdentity.sessionContext.sourceIdentity", person)?;
            let session = format!(r#"$.userIdentity.arn = "*/{person}""#);
            Some(format!("({role} && ({session} || {source}))"))
        }
        ActorKind::ProviderUser | ActorKind::OtherAccount => {
            equals("userIdentity.principalId", &identity.name)
        }
        ActorKind::Network => None,
    }
}

/// Returns the condition that a field has a value; `None` if a pattern cannot have the value.
fn equals(field: &str, value: &str) -> Option<String> {
    is_plain(value).then(|| format!(r#"$.{field} = "{value}""#))
}

/// Checks whether a text has only characters that mean nothing in a pattern.
fn is_plain(text: &str) -> bool {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "+=,.@_-:/ ".contains(letter);
    !text.is_empty() && text.chars().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn actor(kind: ActorKind, name: &str) -> Actor {
        Actor {
            account_id: "111122223333".to_owned(),
            kind,
            name: name.to_owned(),
        }
    }

    #[test]
    fn an_identity_is_found_by_its_name_unless_the_name_means_something_in_a_pattern() {
        let role = "arn:aws:iam::111122223333:role/App";
        let issuer = format!(r#"$.userIdentity.sessionContext.sessionIssuer.arn = "{role}""#);
        for (kind, name, expected) in [
            (
                ActorKind::User,
                "bert-jan",
                Some(
                    r#"($.userIdentity.userName = "bert-jan" || $.userIdentity.sessionContext.sessionIssuer.userName = "bert-jan")"#
                        .to_owned(),
                ),
            ),
            (ActorKind::User, r#"x" || $.a = "b"#, None),
            (ActorKind::User, "x*", None),
            (ActorKind::User, r"x\", None),
            (ActorKind::Network, "203.0.113.0/24", None),
            (ActorKind::Role, role, Some(issuer.clone())),
            (
                ActorKind::Person,
                &format!("{role} as mia"),
                Some(format!(
                    r#"({issuer} && ($.userIdentity.arn = "*/mia" || $.userIdentity.sessionContext.sourceIdentity = "mia"))"#
                )),
            ),
        ] {
            assert_eq!(by_identity(&actor(kind, name)), expected, "{name}");
        }
    }

    #[test]
    fn parts_that_are_too_long_for_one_pattern_make_several() {
        let mut parts = Parts::default();
        for number in 0..100 {
            parts.add(Some(format!(r#"?"object-with-a-long-name-{number:03}""#)));
        }
        parts.add(Some("x".repeat(PATTERN_MAX + 1)));
        let found = parts.patterns("", " ", "");
        assert!(found.is_partial);
        assert_eq!(found.patterns.len(), 4);
        let lengths = found.patterns.iter().map(String::len);
        assert!(lengths.max() <= Some(PATTERN_MAX));
        let terms: usize = found.patterns.iter().map(|of| of.split(' ').count()).sum();
        assert_eq!(terms, 100);
    }
}
