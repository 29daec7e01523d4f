//! The settings of the functions that ask IAM about access keys.

use std::collections::{BTreeMap, BTreeSet};

use clusters::keys::KeySettings;
use records::principal::is_account_id;

use super::{Reading, shown};

/// For how many days a key may have to be unused to count as dormant.
const DORMANT_DAYS: (u16, u16, u16) = (1, 3650, 90);

/// A role with a longer name and path there is none.
const NAME_CHARS_MAX: usize = 256;

/// The partition where none is given.
const PARTITION: &str = "aws";

impl Reading {
    /// Reads what is decided about keys. With a role to ask with, the accounts that have a name are
    /// asked as well.
    pub(super) fn keys(
        &mut self,
        account_names: &BTreeMap<String, String>,
        role_name: Option<&str>,
    ) -> KeySettings {
        let account_id = self.account_id("OWN_ACCOUNT_ID");
        let named = account_names.keys().filter(|of| **of != account_id);
        let member_accounts = match role_name {
            Some(_) => named.cloned().collect(),
            None => BTreeSet::new(),
        };
        KeySettings {
            account_id,
            member_accounts,
            dormant_days: self.number("DORMANT_DAYS", DORMANT_DAYS).into(),
            canaries: self.canaries("CANARY_KEYS"),
        }
    }

    fn account_id(&mut self, setting: &'static str) -> String {
        let given = self.required(setting, "the account of the stack");
        if !given.is_empty() && !is_account_id(&given) {
            let message = format!("{} is no account id of twelve digits", shown(&given));
            self.complain(setting, message);
        }
        given
    }

    /// Reads the partition, which no region tells: there are more of them than this program knows.
    pub(super) fn partition(&mut self, setting: &'static str) -> String {
        let given = self.given(setting).unwrap_or_else(|| PARTITION.to_owned());
        let is_right = |byte: u8| byte.is_ascii_lowercase() || byte == b'-';
        if !given.starts_with(PARTITION) || !given.bytes().all(is_right) {
            let message = format!(
                "{} is not a partition, such as aws or aws-cn",
                shown(&given)
            );
            self.complain(setting, message);
        }
        given
    }

    pub(super) fn role_name(&mut self, setting: &'static str) -> Option<String> {
        let given = self.given(setting)?;
        let is_right = |byte: u8| byte.is_ascii_alphanumeric() || b"_+=,.@-/".contains(&byte);
        if given.len() > NAME_CHARS_MAX || !given.bytes().all(is_right) {
            let message = format!("{} is not the name of a role", shown(&given));
            self.complain(setting, message);
        }
        Some(given)
    }
}
