//! Finds out with whom a call shares something: with everybody, or with other accounts.
//!
//! An account is another one if it is neither the caller's own nor that of the trail. Services of AWS do not count, nor
//! do the accounts of AWS that deliver logs to a bucket. Access that a condition limits to an organization does not
//! count either: the record does not show which organization is the own one.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use foldhash::{HashSet, HashSetExt as _};
use json::Json;

use super::call::{Call, each_text_in};
use super::policy::{each_policy, statements};
use crate::tsv;

/// Whom a call gives access.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Sharing {
    /// Whether everybody has access, or everybody with an account of AWS.
    pub is_public: bool,
    /// The other accounts: ids of twelve digits, canonical user ids of S3, or e-mail addresses.
    pub accounts: BTreeSet<String>,
}

/// How many accounts are kept. The rest makes no difference to the reader of an alert.
const ACCOUNTS_MAX: usize = 100;

/// Groups of S3's access control lists, canned lists, and words that stand for everybody.
///
/// Sources: S3 User Guide, "Access control list (ACL) overview"; Lambda Developer Guide, "Control access to Lambda
/// function URLs" (`NONE`); EC2, RDS and Systems Manager API References (`all`), 2026-11-29.
const EVERYONE: [&str; 7] = [
    "*",
    "all",
    "NONE",
    "public-read",
    "public-read-write",
    "authenticated-read",
    "PUBLIC_READ",
];
const EVERYONE_GROUPS: [&str; 2] = [
    "/groups/global/AllUsers",
    "/groups/global/AuthenticatedUsers",
];

/// The accounts of AWS that deliver logs to buckets of customers.
static DELIVERING: LazyLock<HashSet<&str>> = LazyLock::new(|| {
    let mut accounts = HashSet::new();
    for [account, _] in tsv::rows::<2>(include_str!("delivery_accounts.tsv")) {
        accounts.insert(account);
    }
    accounts
});

impl Sharing {
    /// Adds what a value says that names whom access is given to: accounts, ARNs, groups, or a word for everybody.
    pub fn add_grantees(&mut self, call: Call<'_>, value: Json<'_>) {
        each_text_in(value, &mut |text| {
            if text.starts_with("arn:") {
                self.add(call, text);
                return;
            }
            // A header of S3 has several grantees: `uri="…", id="…"`.
            for part in text.split([',', '=', '"', ' ']) {
                self.add(call, part.trim());
            }
        });
    }

    /// Adds the account of a caller, which is another one if it is not that of the trail.
    pub fn add_caller(&mut self, call: Call<'_>, value: Json<'_>) {
        let of_trail = call.record.recipient_account_id.as_deref();
        each_text_in(value, &mut |text| {
            if let Some(account) = account_of(text).filter(|account| Some(*account) != of_trail) {
                self.accounts.insert(account.to_owned());
            }
        });
    }

    /// Adds what the policies in a value say.
    pub fn add_policies(&mut self, call: Call<'_>, value: Json<'_>) {
        each_policy(value, &mut |policy| {
            for statement in statements(policy) {
                self.is_public |= statement.is_public();
                let delivers = statement.only_delivers_logs();
                for allowed in statement.allowed() {
                    let is_delivery = delivers
                        && account_of(allowed).is_some_and(|account| DELIVERING.contains(account));
                    if !is_delivery {
                        self.add_account(call, allowed);
                    }
                }
            }
        });
    }

    fn add(&mut self, call: Call<'_>, grantee: &str) {
        let is_group = EVERYONE_GROUPS.iter().any(|group| grantee.ends_with(group));
        if is_group || EVERYONE.contains(&grantee) {
            self.is_public = true;
        } else {
            self.add_account(call, grantee);
        }
    }

    fn add_account(&mut self, call: Call<'_>, text: &str) {
        let account = account_of(text).or_else(|| user_of_s3(call, text));
        if let Some(account) = account
            && self.accounts.len() < ACCOUNTS_MAX
            && !is_own(call, account)
        {
            self.accounts.insert(account.to_owned());
        }
    }

    /// Returns with whom something is shared, such as `everyone`; `None` if it stays with the own account.
    pub fn shown(&self) -> Option<String> {
        let everyone = self.is_public.then_some("everyone");
        let accounts = self.accounts.iter().map(String::as_str);
        let shown: Vec<&str> = everyone.into_iter().chain(accounts).collect();
        (!shown.is_empty()).then(|| shown.join(", "))
    }
}

/// Returns the account in a text that is an account id or an ARN.
pub(super) fn account_of(text: &str) -> Option<&str> {
    let account = if text.starts_with("arn:") {
        let mut parts = text.split(':').skip(2);
        // The account in the ARN of an organization is its management account, not who is given access.
        if parts.next()? == "organizations" {
            return None;
        }
        parts.nth(1)?
    } else {
        text
    };
    let is_account = account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit());
    is_account.then_some(account)
}

/// The canonical user id with which CloudFront delivers logs to a bucket.
///
/// Source: CloudFront Developer Guide, "Permissions required to configure standard logging", 2026-11-30.
const DELIVERING_USER: &str = "c4c1ede66af53448b93c283ce9448c4ba468c9432aa01d700d3878632f77d2d0";

/// Returns a text that names an account by a canonical user id of S3 or by its e-mail address; `None` for other texts,
/// and for the owner that an access control list names itself.
fn user_of_s3<'t>(call: Call<'_>, text: &'t str) -> Option<&'t str> {
    let is_id = text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit());
    let is_address = || !text.starts_with("arn:") && text.contains('@') && text.contains('.');
    if !is_id && !is_address() {
        return None;
    }
    let request = call.record.request_parameters;
    let owner = request.and_then(|request| request.at(&["AccessControlPolicy", "Owner", "ID"]));
    let owner = owner.and_then(Json::text);
    let is_owner = owner.is_some_and(|owner| owner == text);
    (!is_owner && text != DELIVERING_USER).then_some(text)
}

/// Checks whether an account is the caller's own or that of the trail.
pub(super) fn is_own(call: Call<'_>, account: &str) -> bool {
    let record = call.record;
    let identity = record.user_identity.as_ref();
    let of_arn =
        |arn: &Option<records::Text<'_>>| arn.as_deref().and_then(account_of) == Some(account);
    record.recipient_account_id.as_deref() == Some(account)
        || identity.is_some_and(|identity| {
            identity.account_id.as_deref() == Some(account)
                || of_arn(&identity.arn)
                || of_arn(&identity.issuer_arn)
        })
}
