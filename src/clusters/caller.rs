//! The id of a caller: what a link to the page of a caller names in place of the caller's name, which others choose.

use std::fmt;

use data_encoding::BASE32_NOPAD;

use crate::inspection_state::hash;

/// The id of a caller in an account: 128 bits, a hash of the account's id and one of the caller's name.
///
/// The text form has 26 letters and digits, like that of a [`ClusterId`](crate::fingerprint::ClusterId).
///
/// ```
/// use clusters::caller::CallerId;
///
/// let id = CallerId::of("111122223333", "arn:aws:iam::111122223333:user/mia");
/// assert_eq!(CallerId::parse(&id.to_string()), Some(id));
/// assert!(id.is_in("111122223333"));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallerId {
    account: u64,
    name: u64,
}

impl CallerId {
    /// Returns the id of a caller. `account_id` is the account in whose trail the calls are, and `name` the stable name, as in
    /// [`FacetKind::Principal`](crate::facet::FacetKind::Principal).
    pub fn of(account_id: &str, name: &str) -> Self {
        Self {
            account: hash(account_id),
            name: hash(name),
        }
    }

    /// Parses the text form, in upper or lower case; `None` for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.to_ascii_uppercase();
        let bytes = BASE32_NOPAD.decode(text.as_bytes()).ok()?;
        let (account, name) = bytes.split_first_chunk()?;
        Some(Self {
            account: u64::from_le_bytes(*account),
            name: u64::from_le_bytes(name.try_into().ok()?),
        })
    }

    /// Checks whether the caller is one of this account.
    pub fn is_in(self, account_id: &str) -> bool {
        self.account == hash(account_id)
    }

    /// Returns the hash of the caller's name, as [`hash`] computes it.
    pub fn name_hash(self) -> u64 {
        self.name
    }
}

impl fmt::Display for CallerId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.account.to_le_bytes());
        bytes[8..].copy_from_slice(&self.name.to_le_bytes());
        formatter.write_str(&BASE32_NOPAD.encode(&bytes).to_ascii_lowercase())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_of_one_account_and_one_name() {
        let id = CallerId::of("111122223333", "role/ops");
        assert_eq!(id.to_string().len(), 26);
        assert_eq!(CallerId::parse(&id.to_string().to_uppercase()), Some(id));
        assert_ne!(id, CallerId::of("111122223333", "role/op"));
        assert_ne!(id, CallerId::of("444455556666", "role/ops"));
        assert!(!id.is_in("444455556666"));
        for wrong in ["", "aaaa", "1", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "é"] {
            assert_eq!(CallerId::parse(wrong), None, "{wrong}");
        }
    }
}
