//! Recognizes cross-account copies: the second record of a call that two accounts log.
//!
//! A call into another account is logged in the caller's account, and may be logged in the other account too. Only the
//! record in the caller's account is counted, because all calls of an account are logged there. A refused use of an AWS
//! KMS key, for example, is logged in the caller's account only.
//!
//! A copy is recognized by its own fields, without looking for the caller's record. So the order, repetition and batches
//! of records do not matter. The disadvantage: if the caller's record never comes, the call is not counted. So a record
//! is a copy only if the settings state that the trail of the caller's account is read.
//!
//! Sources: AWS CloudTrail User Guide, "CloudTrail record contents", `sharedEventID`; AWS KMS
//! Developer Guide, "Logging AWS KMS API calls with AWS CloudTrail".

use std::collections::BTreeSet;

use records::Record;

/// The reason with which a cross-account copy is counted as left out.
///
/// A copy is the second record of a call that two accounts log; see [`TrailAccounts::is_cross_account_copy`].
pub const CROSS_ACCOUNT_COPY: &str = "twin";

/// The ids of the accounts whose trails this program reads.
///
/// The set is empty by default; then no record counts as a cross-account copy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrailAccounts(BTreeSet<String>);

impl TrailAccounts {
    /// Creates the set from the ids of accounts, twelve digits each.
    pub fn new(ids: impl IntoIterator<Item = String>) -> Self {
        Self(ids.into_iter().collect())
    }

    /// Adds the ids of further accounts.
    pub fn extend(&mut self, ids: impl IntoIterator<Item = String>) {
        self.0.extend(ids);
    }

    /// Checks whether a record is a cross-account copy: the second record of a call that two accounts log.
    ///
    /// A copy is the record of an API call with a `sharedEventID`, logged in another account than the caller's. The
    /// caller's account must be in this set, because the call is counted there.
    pub fn is_cross_account_copy(&self, record: &Record<'_>) -> bool {
        if self.0.is_empty() || record.shared_event_id.is_none() {
            return false;
        }
        // Only API calls are always logged in the caller's account. A refusal by a VPC endpoint is logged in the account
        // of the endpoint's owner only. Start and end of an Insights event share an id.
        if record.event_type.as_deref() != Some("AwsApiCall") {
            return false;
        }
        let caller = record.user_identity.as_ref();
        let caller = caller.and_then(|caller| caller.account_id.as_deref());
        let (Some(caller), Some(recipient)) = (caller, record.recipient_account_id.as_deref())
        else {
            return false;
        };
        caller != recipient && self.0.contains(caller)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"{"userIdentity":{"type":"AWSAccount","accountId":"111122223333"},"eventType":"AwsApiCall","recipientAccountId":"444455556666","sharedEventID":"s"}"#;

    fn is_copy(text: &str, accounts: &[&str]) -> bool {
        let accounts = TrailAccounts::new(accounts.iter().map(|id| (*id).to_owned()));
        accounts.is_cross_account_copy(&Record::parse(text).unwrap())
    }

    #[test]
    fn a_record_in_another_account_is_a_copy_if_the_trail_of_the_caller_is_read() {
        assert!(is_copy(TEXT, &["111122223333"]));
        assert!(is_copy(TEXT, &["444455556666", "111122223333"]));
        for accounts in [&[][..], &["444455556666"], &["777788889999"]] {
            assert!(!is_copy(TEXT, accounts), "{accounts:?}");
        }
    }

    #[test]
    fn a_record_that_may_be_the_only_one_of_a_call_is_no_copy() {
        for (from, to) in [
            (r#""sharedEventID":"s""#, r#""sharedEventID":"""#),
            (r#""sharedEventID":"s""#, r#""sharedEventID":null"#),
            (r#""sharedEventID":"s""#, r#""sharedEventID":7"#),
            (r#","sharedEventID":"s""#, ""),
            ("444455556666", "111122223333"),
            (r#""recipientAccountId":"444455556666","#, ""),
            (r#","accountId":"111122223333""#, ""),
            (r#""type":"AWSAccount","accountId":"111122223333""#, ""),
            ("111122223333", "777788889999"),
            ("111122223333", "ANONYMOUS_PRINCIPAL"),
            (r#""eventType":"AwsApiCall","#, ""),
            ("AwsApiCall", "AwsVpceEvent"),
            ("AwsApiCall", "AwsServiceEvent"),
            ("AwsApiCall", "AwsConsoleSignIn"),
            ("AwsApiCall", "AwsCloudTrailInsight"),
        ] {
            let text = TEXT.replacen(from, to, 1);
            assert_ne!(text, TEXT);
            assert!(!is_copy(&text, &["111122223333", "444455556666"]), "{text}");
        }
    }
}
