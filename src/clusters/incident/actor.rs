//! Who stands behind a call: one actor for all keys and sessions of an identity.
//!
//! The anchor is what stays the same while keys, sessions and addresses change:
//!
//! | caller | actor |
//! |---|---|
//! | AWS service, service-linked role, caller without a name | none, so it opens nothing |
//! | failed sign-in of a user whose name AWS hides | the network |
//! | root user | the root user of the account |
//! | IAM user with any key, console session or federated session | the user |
//! | role session of a person: single sign-on, a source identity, or a session name with `@` | the role with this person |
//! | any other role session | the role |
//! | user of SAML, OIDC, IAM Identity Center or a directory | the user of the provider |
//! | identity of another account | the id that the record has |
//!
//! Source: AWS CloudTrail User Guide, "CloudTrail userIdentity element", 2026-11-30.

use serde::{Deserialize, Serialize};
use strum::IntoStaticStr;

use records::principal::is_service_linked;

use crate::class::Class;
use crate::facet::{FacetKind, Facets};
use crate::fingerprint::ClusterSubject;

/// The kind of an actor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[derive(IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum ActorKind {
    /// The root user of an account.
    Root,
    /// An IAM user.
    User,
    /// A role, whichever program uses it.
    Role,
    /// A person who uses a role.
    Person,
    /// A user of SAML, OIDC, IAM Identity Center or a directory.
    ProviderUser,
    /// An identity of another account.
    OtherAccount,
    /// A network from which sign-ins of hidden users fail.
    Network,
}

impl ActorKind {
    /// Returns the name of the kind in lower case, such as `user`. Names do not change between versions.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// An actor: whoever makes calls in one account with all keys and sessions of one identity.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Actor {
    /// The account whose trail has the calls, twelve digits or `unknown`.
    pub account_id: String,
    /// The kind of the actor.
    pub kind: ActorKind,
    /// The name: that of a user, the ARN of a role, `ARN as PERSON`, or a network.
    pub name: String,
}

/// Returns the actor of an event. `None` for AWS services and for callers without a name.
pub fn actor(subject: &ClusterSubject, facets: &Facets) -> Option<Actor> {
    let facet = |kind| facets.get(kind);
    let name = facet(FacetKind::Principal)?;
    if facet(FacetKind::Origin) == Some("aws-service") || is_service_linked(name) {
        return None;
    }
    let (kind, name) = match facet(FacetKind::PrincipalKind)? {
        "user" if name == UNKNOWN_USER => return network_of_sign_in(subject, facets),
        "anonymous" | "unknown" => return network_of_sign_in(subject, facets),
        "service" => return None,
        "root" | "assumed-root" => (ActorKind::Root, name),
        "user" => (ActorKind::User, user_name(name)),
        "federated-user" => match name.split_once(" as ") {
            Some((issuer, _)) if issuer.contains(":user/") => (ActorKind::User, user_name(issuer)),
            _ => (ActorKind::ProviderUser, name),
        },
        "role" => return Some(role(subject, facets, name)),
        "account" => (ActorKind::OtherAccount, name),
        _ => (ActorKind::ProviderUser, name),
    };
    Some(of(subject, kind, name))
}

/// The name of a user whose name AWS hides, as `records::principal` writes it.
const UNKNOWN_USER: &str = "unknown-user";

fn of(subject: &ClusterSubject, kind: ActorKind, name: &str) -> Actor {
    Actor {
        account_id: subject.account_id.clone(),
        kind,
        name: name.to_owned(),
    }
}

/// Returns the network as actor if the event is a failed sign-in.
fn network_of_sign_in(subject: &ClusterSubject, facets: &Facets) -> Option<Actor> {
    let network = facets.get(FacetKind::Network)?;
    let is_sign_in = subject.class == Class::Signin && network != NO_NETWORK;
    is_sign_in.then(|| of(subject, ActorKind::Network, network))
}

/// The network of an address that is none, as `records::principal` writes it.
pub(super) const NO_NETWORK: &str = "other";

fn role(subject: &ClusterSubject, facets: &Facets, name: &str) -> Actor {
    if name.contains(PERSON) {
        return of(subject, ActorKind::Person, name);
    }
    match facets.get(FacetKind::Session) {
        Some(session) if session.contains('@') => of(
            subject,
            ActorKind::Person,
            &[name, PERSON, session].concat(),
        ),
        _ => of(subject, ActorKind::Role, name),
    }
}

/// What stands between a role and the person who uses it, as `records::principal` writes it.
const PERSON: &str = " as ";

/// Returns the name of a user without account and path: a failed sign-in has the name alone.
fn user_name(principal: &str) -> &str {
    match principal.split_once(":user/") {
        Some((_, path)) => last_part(path),
        None => principal.strip_prefix("user/").unwrap_or(principal),
    }
}

fn last_part(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

impl Actor {
    /// Returns the name of the actor's role, without account and path; `None` if the actor uses no role.
    pub fn role_name(&self) -> Option<&str> {
        match self.kind {
            ActorKind::Role | ActorKind::Person => role_name(&self.name),
            _ => None,
        }
    }

    /// Returns the name of the user or role, as requests to IAM write it.
    pub(super) fn short_name(&self) -> &str {
        self.role_name().unwrap_or(&self.name)
    }
}

/// Returns the person whom AWS proves to be behind a role session, by a source identity or by IAM Identity Center, from
/// the name of the caller. `None` without such a person, and for roles of single sign-on, whose actor is the person.
pub(super) fn proven_person(principal: &str) -> Option<&str> {
    let (role, person) = principal.split_once(PERSON)?;
    let is_proven = role.contains(":role/") && !role.contains("AWSReservedSSO_");
    is_proven.then_some(person)
}

/// Returns the name of a role in its ARN, also in that of a session; `None` if the text names no role.
pub(super) fn role_name(arn: &str) -> Option<&str> {
    let role = arn.split(PERSON).next()?;
    if let Some((_, session)) = role.split_once(":assumed-role/") {
        return session.split('/').next();
    }
    let (_, path) = role.split_once(":role/")?;
    Some(last_part(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn called(class: Class, values: &[(FacetKind, &str)]) -> Option<(ActorKind, String)> {
        let subject = ClusterSubject {
            account_id: "111122223333".to_owned(),
            service: "s3".to_owned(),
            action: "GetObject".to_owned(),
            code: "Denied".to_owned(),
            class,
            call: None,
        };
        let mut facets = Facets::default();
        for (kind, value) in values {
            facets.set(*kind, Some(value));
        }
        actor(&subject, &facets).map(|actor| (actor.kind, actor.name))
    }

    fn named(kind: &str, principal: &str, session: Option<&str>) -> Option<(ActorKind, String)> {
        let mut values = vec![
            (FacetKind::Principal, principal),
            (FacetKind::PrincipalKind, kind),
        ];
        values.extend(session.map(|session| (FacetKind::Session, session)));
        called(Class::Denied, &values)
    }

    #[test]
    fn all_keys_and_sessions_of_a_user_are_one_actor() {
        let mila = Some((ActorKind::User, "mila".to_owned()));
        for (kind, principal) in [
            ("user", "arn:aws:iam::111122223333:user/team/mila"),
            ("user", "user/mila"),
            (
                "federated-user",
                "arn:aws:iam::111122223333:user/mila as omar",
            ),
        ] {
            assert_eq!(named(kind, principal, None), mila, "{principal}");
        }
    }

    #[test]
    fn people_who_share_a_role_are_apart_and_sessions_of_a_program_are_together() {
        let role = "arn:aws:iam::111122223333:role/App";
        let app = Some((ActorKind::Role, role.to_owned()));
        assert_eq!(named("role", role, Some("botocore-1")), app);
        assert_eq!(named("role", role, Some("botocore-2")), app);
        let mila = named("role", role, Some("mila@example.com"));
        let expected = format!("{role} as mila@example.com");
        assert_eq!(mila, Some((ActorKind::Person, expected)));
        let sso = "arn:aws:iam::111122223333:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Dev_0a1b as omar";
        assert_eq!(
            named("role", sso, Some("omar")),
            Some((ActorKind::Person, sso.to_owned()))
        );
    }

    #[test]
    fn services_and_callers_without_a_name_are_no_actor() {
        assert_eq!(named("service", "delivery.logs.amazonaws.com", None), None);
        assert_eq!(named("anonymous", "anonymous", None), None);
        assert_eq!(named("unknown", "unknown", None), None);
        let linked = "arn:aws:iam::111122223333:role/aws-service-role/config.amazonaws.com/AWSServiceRoleForConfig";
        assert_eq!(named("role", linked, None), None);
    }

    #[test]
    fn hidden_users_are_kept_apart_by_the_network_of_their_failed_sign_in() {
        let hidden = [
            (FacetKind::Principal, "unknown-user"),
            (FacetKind::PrincipalKind, "user"),
            (FacetKind::Network, "203.0.113.0/24"),
        ];
        let network = Some((ActorKind::Network, "203.0.113.0/24".to_owned()));
        assert_eq!(called(Class::Signin, &hidden), network);
        assert_eq!(called(Class::Denied, &hidden), None);
    }
}
