//! Compares the target of a call with its caller.

use records::UserIdentity;

use super::call::Call;

/// Checks whether a user or a role that a call names is the caller itself.
///
/// `key` is the name of the parameter, such as `userName` or `roleName`; `value` is its text, a name or an ARN.
pub(super) fn is_caller(call: Call<'_>, key: &str, value: &str) -> bool {
    let Some(identity) = &call.record.user_identity else {
        return false;
    };
    let name = value.rsplit('/').next().unwrap_or(value);
    let key = key.to_ascii_lowercase();
    if key.contains("role") {
        role(identity).is_some_and(|role| role.eq_ignore_ascii_case(name))
    } else if key.contains("user") {
        user(identity).is_some_and(|user| user.eq_ignore_ascii_case(name))
    } else {
        let arns = [&identity.arn, &identity.issuer_arn];
        arns.iter().any(|arn| arn.as_deref() == Some(value))
    }
}

/// Returns the name of the IAM user that calls, also in a session that the user opened.
fn user<'a>(identity: &'a UserIdentity<'_>) -> Option<&'a str> {
    match identity.kind.as_deref() {
        Some("IAMUser") => identity
            .user_name
            .as_deref()
            .or_else(|| last_name(identity.arn.as_deref()?)),
        Some("FederatedUser") => last_name(identity.issuer_arn.as_deref()?),
        _ => None,
    }
}

/// Returns the name of the role that calls.
fn role<'a>(identity: &'a UserIdentity<'_>) -> Option<&'a str> {
    if identity.kind.as_deref() != Some("AssumedRole") {
        return None;
    }
    let of_session = || {
        let (_, session) = identity.arn.as_deref()?.split_once(":assumed-role/")?;
        session.split('/').next()
    };
    identity
        .issuer_arn
        .as_deref()
        .filter(|arn| arn.contains(":role/"))
        .and_then(last_name)
        .or_else(of_session)
}

fn last_name(arn: &str) -> Option<&str> {
    arn.rsplit_once('/').map(|(_, name)| name)
}
