//! Leaves records out before any rule of the user is tried.
//!
//! Four kinds of records are left out: those of log groups and of accounts that are not chosen, the second record of a call that two
//! accounts log, and failures of this tool's own roles.

use records::{Record, Wrapper};

use crate::account_filter::{AccountFilter, EXCLUDED_ACCOUNT};
use crate::cross_account_copy::{CROSS_ACCOUNT_COPY, TrailAccounts};
use crate::fingerprint::account_id;
use crate::log_group_filter::LogGroupFilter;
use crate::own_roles::{OWN, OwnRoles};

/// The settings by which failures and sensitive calls are left out before the user's rules apply.
///
/// The default leaves nothing out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exclusions {
    /// The log groups whose records are counted. Whoever knows the log group of a payload applies it, because no record
    /// names it.
    pub log_groups: LogGroupFilter,
    /// The accounts whose failures and sensitive calls are counted.
    pub accounts: AccountFilter,
    /// The roles of this tool's own functions. Failures and sensitive calls of these roles are left out.
    pub own: OwnRoles,
    /// The accounts whose trails are read. If one of them calls into another account, the other account's record of the
    /// call is left out.
    pub trail_accounts: TrailAccounts,
}

impl Exclusions {
    /// Returns the reason why the record of a failure or a sensitive call is left out; `None` if it is not left out.
    ///
    /// The reason is [`EXCLUDED_ACCOUNT`], [`CROSS_ACCOUNT_COPY`] or [`OWN`]. `wrapper` names the account of a record that
    /// names none.
    pub fn reason(&self, record: &Record<'_>, wrapper: &Wrapper) -> Option<&'static str> {
        if !self.accounts.is_empty() && self.accounts.excludes(account_id(record, wrapper)) {
            return Some(EXCLUDED_ACCOUNT);
        }
        // Copies come first, so that two records of one failure of an own role count once as `OWN`.
        if self.trail_accounts.is_cross_account_copy(record) {
            return Some(CROSS_ACCOUNT_COPY);
        }
        self.own.made(record).then_some(OWN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::own_roles::Role;

    #[test]
    fn of_two_records_of_a_failure_of_an_own_role_one_is_a_copy() {
        let role = Role::parse("arn:aws:iam::111122223333:role/ingest").unwrap();
        let exclusions = Exclusions {
            own: OwnRoles::new(vec![role]),
            trail_accounts: TrailAccounts::new(["111122223333".to_owned()]),
            ..Exclusions::default()
        };
        let reason = |account_id: &str| {
            let text = format!(
                r#"{{"userIdentity":{{"arn":"arn:aws:sts::111122223333:assumed-role/ingest/fn","accountId":"111122223333"}},"eventType":"AwsApiCall","recipientAccountId":"{account_id}","sharedEventID":"s"}}"#
            );
            exclusions.reason(&Record::parse(&text).unwrap(), &Wrapper::default())
        };
        assert_eq!(reason("111122223333"), Some(OWN));
        assert_eq!(reason("444455556666"), Some(CROSS_ACCOUNT_COPY));
        let (record, wrapper) = (Record::default(), Wrapper::default());
        assert_eq!(Exclusions::default().reason(&record, &wrapper), None);
    }
}
