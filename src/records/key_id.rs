//! Access key ids: which text looks like an id, and the kind of the key.

/// Kind of an access key, long-term or temporary, judged by the first four letters of the key's id.
///
/// Source: IAM User Guide, "IAM identifiers", section "Understanding unique ID prefixes".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, strum::IntoStaticStr)]
#[strum(serialize_all = "kebab-case")]
pub enum KeyKind {
    /// `AKIA`: a key of an IAM user or of the root user, valid until the key is deleted.
    LongTerm,
    /// `ASIA`: a key that STS issued for some minutes or hours.
    Temporary,
    /// Any other prefix.
    Other,
}

impl KeyKind {
    /// Returns the kind of an access key; `key` is the id of the key.
    pub fn of(key: &str) -> Self {
        match key.get(..4) {
            Some("AKIA") => Self::LongTerm,
            Some("ASIA") => Self::Temporary,
            _ => Self::Other,
        }
    }

    /// Returns the stable name of the kind for the facets of clusters and for the store: `long-term`, `temporary` or
    /// `other`.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// Checks whether a text looks like an access key id: 16 to 128 capital letters and digits.
pub fn is_key_id(text: &str) -> bool {
    (16..=128).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
}
