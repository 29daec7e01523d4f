//! Recognizes failures of this tool's own roles: the roles of the AWS Lambda functions that read the records.
//!
//! A failed call of such a role is written to the trail that the function reads. Without this check, a missing permission
//! would cause a loop: each failure would come back as input and cause the next failure.

use std::collections::BTreeSet;

use records::principal::is_account_id;
use records::{Record, UserIdentity};

use crate::class::Class;

/// The reason with which a record is counted as left out because one of this tool's own roles made the call.
pub const OWN: &str = "self";

/// The IAM roles of this tool's own AWS Lambda functions; empty by default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OwnRoles {
    roles: BTreeSet<Role>,
}

/// An IAM role, identified by partition, account and name.
///
/// The path of the role is ignored, because the ARNs of the role's sessions do not contain it. Names of roles are unique
/// within an account.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Role {
    partition: String,
    account_id: String,
    name: String,
}

impl OwnRoles {
    /// Creates the set from the roles of this tool's functions.
    pub fn new(roles: impl IntoIterator<Item = Role>) -> Self {
        Self {
            roles: roles.into_iter().collect(),
        }
    }

    /// Adds further roles.
    pub fn extend(&mut self, roles: impl IntoIterator<Item = Role>) {
        self.roles.extend(roles);
    }

    /// Checks whether one of these roles made the call that a record describes.
    pub fn made(&self, record: &Record<'_>) -> bool {
        if self.roles.is_empty() {
            return false;
        }
        let Some(caller) = &record.user_identity else {
            return false;
        };
        let called = role_of(caller);
        called.is_some_and(|called| self.roles.iter().any(|role| role.parts() == called))
    }
}

/// The call that IAM refuses for unknown access keys. That refusal is a regular answer, and no permission is missing.
const KEY_LOOKUP: (&str, &str) = ("iam.amazonaws.com", "GetAccessKeyLastUsed");

/// Checks whether a failed call of one of this tool's own roles shows that the tool lacks a permission.
///
/// `class` is the class of the failure. The result is `true` for refusals, except those of `GetAccessKeyLastUsed`: IAM
/// refuses that call for unknown access keys, even if the role has the permission.
pub fn is_refusal(record: &Record<'_>, class: Class) -> bool {
    let called = (record.event_source.as_deref(), record.event_name.as_deref());
    let (source, name) = KEY_LOOKUP;
    matches!(class, Class::Denied | Class::Vpce) && called != (Some(source), Some(name))
}

impl Role {
    /// Parses the ARN of a role, such as `arn:aws:iam::111122223333:role/path/name`; `None` for any other text.
    pub fn parse(arn: &str) -> Option<Self> {
        let (partition, account_id, name) = parts("iam", "role/", arn)?;
        let name = name.rsplit('/').next().filter(|name| !name.is_empty())?;
        is_account_id(account_id).then(|| Self {
            partition: partition.to_owned(),
            account_id: account_id.to_owned(),
            name: name.to_owned(),
        })
    }

    fn parts(&self) -> (&str, &str, &str) {
        (&self.partition, &self.account_id, &self.name)
    }
}

/// Returns partition, account and name of the caller's role, from the session's issuer or else from the session's ARN.
fn role_of<'a>(caller: &'a UserIdentity<'_>) -> Option<(&'a str, &'a str, &'a str)> {
    if let Some(issuer) = caller.issuer_arn.as_deref() {
        let (partition, account_id, name) = parts("iam", "role/", issuer)?;
        return Some((partition, account_id, name.rsplit('/').next()?));
    }
    let session = caller.arn.as_deref()?;
    let (partition, account_id, rest) = parts("sts", "assumed-role/", session)?;
    Some((partition, account_id, rest.split('/').next()?))
}

/// Splits an ARN of a service without region: returns partition, account and the text after the prefix `kind`.
fn parts<'a>(service: &str, kind: &str, arn: &'a str) -> Option<(&'a str, &'a str, &'a str)> {
    let mut fields = arn.splitn(6, ':');
    let is_arn = fields.next() == Some("arn");
    let partition = fields.next()?;
    let is_service = fields.next() == Some(service);
    let is_global = fields.next() == Some("");
    let account_id = fields.next()?;
    let name = fields.next()?.strip_prefix(kind)?;
    (is_arn && is_service && is_global).then_some((partition, account_id, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(identity: &str) -> bool {
        let role = Role::parse("arn:aws:iam::111122223333:role/ops/ingest").unwrap();
        let text = format!(r#"{{"userIdentity":{identity}}}"#);
        OwnRoles::new(vec![role]).made(&Record::parse(&text).unwrap())
    }

    #[test]
    fn a_role_is_recognized_by_its_issuer_or_by_its_session() {
        let issuer = |arn: &str| {
            format!(
                r#"{{"arn":"arn:aws:sts::111122223333:assumed-role/other/s","sessionContext":{{"sessionIssuer":{{"arn":"{arn}"}}}}}}"#
            )
        };
        let session = |arn: &str| format!(r#"{{"arn":"{arn}"}}"#);
        for (identity, expected) in [
            (issuer("arn:aws:iam::111122223333:role/ops/ingest"), true),
            (issuer("arn:aws:iam::111122223333:role/ingest"), true),
            (issuer("arn:aws:iam::111122223333:role/ops/ingest2"), false),
            (issuer("arn:aws:iam::444455556666:role/ops/ingest"), false),
            (issuer("arn:aws-cn:iam::111122223333:role/ingest"), false),
            (issuer("arn:aws:iam::111122223333:user/ingest"), false),
            (
                session("arn:aws:sts::111122223333:assumed-role/ingest/fn"),
                true,
            ),
            (
                session("arn:aws:sts::111122223333:assumed-role/other/ingest"),
                false,
            ),
            (session("arn:aws:iam::111122223333:role/ops/ingest"), false),
            ("\"ingest\"".to_owned(), false),
            ("null".to_owned(), false),
        ] {
            assert_eq!(made(&identity), expected, "{identity}");
        }
        assert!(!OwnRoles::default().made(&Record::parse("{}").unwrap()));
    }

    #[test]
    fn only_arns_of_roles_are_parsed() {
        for arn in [
            "",
            "ingest",
            "arn:aws:iam::111122223333:user/ingest",
            "arn:aws:iam::1111:role/ingest",
            "arn:aws:iam::111122223333:role/",
            "arn:aws:sts::111122223333:assumed-role/ingest/session",
        ] {
            assert_eq!(Role::parse(arn), None, "{arn}");
        }
    }
}
