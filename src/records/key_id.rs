//! The ids of access keys: what looks like one, and of what kind the key is.

/// How long an access key episodes, told by its prefix.
///
/// Source: IAM User Guide, "IAM identifiers", section "Understanding unique ID prefixes".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, strum::IntoStaticStr)]
#[strum(serialize_all = "kebab-case")]
pub enum KeyKind {
    /// `AKIA`: belongs to a user or the root user until it is deleted.
    LongTerm,
    /// `ASIA`: issued by STS for hours.
    Temporary,
    /// Any other prefix.
    Other,
}

impl KeyKind {
    /// Tells the kind of an access key id.
    pub fn of(key: &str) -> Self {
        match key.get(..4) {
            Some("AKIA") => Self::LongTerm,
            Some("ASIA") => Self::Temporary,
            _ => Self::Other,
        }
    }

    /// Returns the stable short name used in facets and in the store.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// Tells whether a text looks like the id of an access key.
pub(crate) fn is_key_id(text: &str) -> bool {
    (16..=128).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
}
