//! What is left out whatever the rules say: twins, and failures of our own.

use records::Record;

use crate::cross_account_copy::{CROSS_ACCOUNT_COPY, TrailAccounts};
use crate::own_roles::{OWN, OwnRoles};

/// Whose records are left out before any rule is tried; nobody's by default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exclusions {
    /// The roles whose failures are our own.
    pub own: OwnRoles,
    /// The accounts whose trails come here, so that what others log of their calls are twins.
    pub trail_accounts: TrailAccounts,
}

impl Exclusions {
    /// Returns the reason why a selected record is left out.
    pub fn reason(&self, record: &Record<'_>) -> Option<&'static str> {
        // Twins first: a failure of our own is one failure too, in the totals of our own.
        if self.trail_accounts.have_twin_of(record) {
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
    fn of_two_records_of_a_failure_of_our_own_one_is_a_twin() {
        let role = Role::parse("arn:aws:iam::111122223333:role/ingest").unwrap();
        let exclusions = Exclusions {
            own: OwnRoles::new(vec![role]),
            trail_accounts: TrailAccounts::new(["111122223333".to_owned()]),
        };
        let reason = |account_id: &str| {
            let text = format!(
                r#"{{"userIdentity":{{"arn":"arn:aws:sts::111122223333:assumed-role/ingest/fn","accountId":"111122223333"}},"eventType":"AwsApiCall","recipientAccountId":"{account_id}","sharedEventID":"s"}}"#
            );
            exclusions.reason(&Record::parse(&text).unwrap())
        };
        assert_eq!(reason("111122223333"), Some(OWN));
        assert_eq!(reason("444455556666"), Some(CROSS_ACCOUNT_COPY));
        assert_eq!(Exclusions::default().reason(&Record::default()), None);
    }
}
