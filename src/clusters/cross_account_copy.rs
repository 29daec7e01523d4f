//! Which records are twins: a call into another account is logged there too, besides the caller's own
//! account, and is one call.
//!
//! The record in the caller's account is the one that counts, because that is where every call of an
//! account is logged: a refused use of a key of AWS KMS, for one, is logged nowhere else. The other
//! one is told by what it says of itself, never by looking for the first, so that neither order nor
//! repetition nor what comes together changes anything. The price: nobody notices when the first
//! did not come. So nothing is a twin but where somebody says whose trails come here.
//!
//! Sources: AWS CloudTrail User Guide, "CloudTrail record contents", `sharedEventID`; AWS KMS
//! Developer Guide, "Logging AWS KMS API calls with AWS CloudTrail".

use std::collections::BTreeSet;

use records::Record;

/// The reason why a twin is left out.
pub const CROSS_ACCOUNT_COPY: &str = "twin";

/// The accounts whose trails come here; none by default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrailAccounts(BTreeSet<String>);

impl TrailAccounts {
    /// Takes the ids of the accounts.
    pub fn new(ids: impl IntoIterator<Item = String>) -> Self {
        Self(ids.into_iter().collect())
    }

    /// Adds the ids of further accounts.
    pub fn extend(&mut self, ids: impl IntoIterator<Item = String>) {
        self.0.extend(ids);
    }

    /// Tells whether a record was logged in another account than the caller's, and the caller's own
    /// record of the same call comes here as well.
    pub fn have_twin_of(&self, record: &Record<'_>) -> bool {
        if self.0.is_empty() || record.shared_event_id.is_none() {
            return false;
        }
        // Nothing else is sure to be logged where the caller is: what a VPC endpoint refuses, its owner
        // alone is told. Insights events share an id between their start and their end.
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

    fn is_twin(text: &str, accounts: &[&str]) -> bool {
        let accounts = TrailAccounts::new(accounts.iter().map(|id| (*id).to_owned()));
        accounts.have_twin_of(&Record::parse(text).unwrap())
    }

    #[test]
    fn a_twin_is_what_another_account_has_of_a_caller_whose_trail_comes_here() {
        assert!(is_twin(TEXT, &["111122223333"]));
        assert!(is_twin(TEXT, &["444455556666", "111122223333"]));
        for accounts in [&[][..], &["444455556666"], &["777788889999"]] {
            assert!(!is_twin(TEXT, accounts), "{accounts:?}");
        }
    }

    #[test]
    fn what_may_be_the_only_record_of_a_call_is_no_twin() {
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
            assert!(!is_twin(&text, &["111122223333", "444455556666"]), "{text}");
        }
    }
}
