//! The condition of a query of Logs Insights that finds the calls of an actor.
//!
//! Callers choose some of the names, so a name with a character that no name of AWS has is left out: a query has no text
//! that could end a string in it.

use clusters::incident::actor::{Actor, ActorKind};
use records::principal::is_account_id;

/// The largest number of identities in a query.
const ACTORS_MAX: usize = 10;

/// Returns the condition for the calls of some identities of one account. `None` if it could name none of them.
pub(super) fn condition(actors: &[Actor]) -> Option<String> {
    let account_id = &actors.first()?.account_id;
    let conditions = actors.iter().take(ACTORS_MAX).filter_map(of_actor);
    let mut conditions: Vec<String> = conditions.collect();
    conditions.dedup();
    let any = match conditions.as_slice() {
        [] => return None,
        [one] => one.clone(),
        _ => format!("({})", conditions.join(" or ")),
    };
    Some(match is_account_id(account_id) {
        true => format!("recipientAccountId = \"{account_id}\" and {any}"),
        false => any,
    })
}

fn of_actor(actor: &Actor) -> Option<String> {
    const ISSUER: &str = "userIdentity.sessionContext.sessionIssuer";
    if actor.kind == ActorKind::Root {
        return Some("userIdentity.type = \"Root\"".to_owned());
    }
    let name = Some(actor.name.as_str()).filter(|name| is_name(name))?;
    let (of, person) = match name.split_once(" as ") {
        Some((of, person)) => (of, Some(person)),
        None => (name, None),
    };
    Some(match (actor.kind, person) {
        (ActorKind::User, _) => format!(
            "(userIdentity.userName = \"{name}\" or ({ISSUER}.userName = \"{name}\" and userIdentity.type = \
             \"FederatedUser\"))"
        ),
        (ActorKind::Role, _) => format!("{ISSUER}.arn = \"{of}\""),
        (ActorKind::Person, Some(person)) => format!(
            "({ISSUER}.arn = \"{of}\" and (userIdentity.principalId like \":{person}\" or \
             userIdentity.sessionContext.sourceIdentity = \"{person}\"))"
        ),
        (ActorKind::ProviderUser, Some(subject)) => {
            format!("userIdentity.userName like \"{subject}\"")
        }
        (ActorKind::ProviderUser, None) => {
            let id = name.strip_prefix("identity-center/")?;
            format!("userIdentity.onBehalfOf.userId = \"{id}\"")
        }
        (ActorKind::OtherAccount, _) => {
            format!(
                "(userIdentity.principalId = \"{name}\" or userIdentity.accountId = \"{name}\")"
            )
        }
        (ActorKind::Network, _) if name.contains(':') => {
            format!("isIpv6InSubnet(sourceIPAddress, \"{name}\")")
        }
        (ActorKind::Network, _) => format!("isIpv4InSubnet(sourceIPAddress, \"{name}\")"),
        (ActorKind::Root, _) | (ActorKind::Person, None) => return None,
    })
}

/// Checks whether a text has only characters of names in IAM, and of ARNs and networks. The space is part of ` as `.
fn is_name(text: &str) -> bool {
    let has_signs = |part: &str| {
        let is_sign = |b: u8| b.is_ascii_alphanumeric() || b"_+=,.@:/-".contains(&b);
        !part.is_empty() && part.bytes().all(is_sign)
    };
    match text.split_once(" as ") {
        Some((of, person)) => has_signs(of) && has_signs(person),
        None => has_signs(text),
    }
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
    fn every_kind_of_actor_has_a_condition_of_its_own() {
        let of = |kind, name| of_actor(&actor(kind, name)).unwrap_or_default();
        let role = "arn:aws:iam::111122223333:role/App";
        assert_eq!(
            of(ActorKind::Role, role),
            format!("userIdentity.sessionContext.sessionIssuer.arn = \"{role}\"")
        );
        for (kind, name, part) in [
            (
                ActorKind::Root,
                "arn:aws:iam::111122223333:root",
                "\"Root\"",
            ),
            (ActorKind::User, "mila", "userIdentity.userName = \"mila\""),
            (
                ActorKind::Person,
                "arn:aws:iam::111122223333:role/App as omar@example.com",
                "principalId like \":omar@example.com\"",
            ),
            (
                ActorKind::ProviderUser,
                "https://id.example.com as team/web",
                "userName like \"team/web\"",
            ),
            (
                ActorKind::ProviderUser,
                "identity-center/94a8c4d8",
                "userId = \"94a8c4d8\"",
            ),
            (ActorKind::OtherAccount, "AIDAEXAMPLE", "\"AIDAEXAMPLE\""),
            (
                ActorKind::Network,
                "203.0.113.0/24",
                "isIpv4InSubnet(sourceIPAddress, \"203.0.113.0/24\")",
            ),
            (ActorKind::Network, "2001:db8::/48", "isIpv6InSubnet"),
        ] {
            assert!(of(kind, name).contains(part), "{}", of(kind, name));
        }
    }

    #[test]
    fn a_name_that_could_end_a_string_is_in_no_query() {
        for name in ["", "a\" or 1", "a\\", "a b", "a\n", "é", " as ", "a as b c"] {
            assert_eq!(of_actor(&actor(ActorKind::User, name)), None, "{name}");
        }
        let both = [
            actor(ActorKind::User, "a\""),
            actor(ActorKind::Root, "arn:aws:iam::111122223333:root (assumed)"),
        ];
        assert_eq!(
            condition(&both).unwrap(),
            "recipientAccountId = \"111122223333\" and userIdentity.type = \"Root\""
        );
        assert_eq!(condition(&both[..1]), None);
        assert_eq!(condition(&[]), None);
    }
}
