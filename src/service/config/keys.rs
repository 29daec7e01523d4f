//! The settings of the functions that ask IAM about access keys.

use std::collections::{BTreeMap, BTreeSet};

use clusters::keys::KeySettings;
use records::principal::is_account_id;

use super::lists::Lists;
use super::{SettingsReader, named, shown};

/// Lowest, highest and default number of days that a key must be unused to count as dormant.
const DORMANT_DAYS: (u16, u16, u16) = (1, 3650, 90);

/// The highest number of characters that the name of a role with its path may have.
const NAME_CHARS_MAX: usize = 256;

/// The partition that is used if none is given.
const PARTITION: &str = "aws";

/// Returns the further accounts in which IAM is asked: all other accounts that have a name. Empty without a role.
fn members(
    account_names: &BTreeMap<String, String>,
    account_id: &str,
    role_name: Option<&str>,
) -> BTreeSet<String> {
    let others = account_names.keys().filter(|of| *of != account_id);
    role_name.map_or_else(BTreeSet::new, |_| others.cloned().collect())
}

/// Returns `account_names` and `keys`, with the account names and canary keys of the settings file added.
///
/// If there is a role, IAM is asked in all accounts with a name, also in the added ones.
pub(super) fn with(
    lists: &Lists,
    account_names: &BTreeMap<String, String>,
    keys: &KeySettings,
    role_name: Option<&str>,
) -> (BTreeMap<String, String>, KeySettings) {
    let names = named(account_names, lists);
    let mut keys = keys.clone();
    keys.member_accounts = members(&names, &keys.account_id, role_name);
    keys.canaries.extend(lists.canary_keys.iter().cloned());
    (names, keys)
}

impl SettingsReader {
    /// Parses the settings for access keys. If there is a role, IAM is also asked in the other accounts in
    /// `account_names`.
    pub(super) fn keys(
        &mut self,
        account_names: &BTreeMap<String, String>,
        role_name: Option<&str>,
    ) -> KeySettings {
        let account_id = self.account_id("OWN_ACCOUNT_ID");
        KeySettings {
            member_accounts: members(account_names, &account_id, role_name),
            account_id,
            dormant_days: self.number("DORMANT_DAYS", DORMANT_DAYS).into(),
            canaries: BTreeSet::new(),
        }
    }

    fn account_id(&mut self, setting: &'static str) -> String {
        let given = self.required(setting, "the account of the stack");
        if !given.is_empty() && !is_account_id(&given) {
            let message = format!("{} is not an account ID of twelve digits", shown(&given));
            self.report(setting, message);
        }
        given
    }

    /// Parses the AWS partition from a setting; `aws` without the setting. It is a setting of its own, because this
    /// program does not know the partition of every region.
    pub(super) fn partition(&mut self, setting: &'static str) -> String {
        let given = self.given(setting).unwrap_or_else(|| PARTITION.to_owned());
        let is_allowed = |byte: u8| byte.is_ascii_lowercase() || byte == b'-';
        if !given.starts_with(PARTITION) || !given.bytes().all(is_allowed) {
            let message = format!(
                "{} is not a partition, such as aws or aws-cn",
                shown(&given)
            );
            self.report(setting, message);
        }
        given
    }

    pub(super) fn role_name(&mut self, setting: &'static str) -> Option<String> {
        let given = self.given(setting)?;
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_+=,.@-/".contains(&byte);
        if given.len() > NAME_CHARS_MAX || !given.bytes().all(is_allowed) {
            let message = format!("{} is not the name of a role", shown(&given));
            self.report(setting, message);
        }
        Some(given)
    }
}
