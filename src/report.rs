//! The books: each record has exactly one outcome, and the sums must balance.

use std::collections::BTreeMap;

/// What became of the records of one input, or of many.
///
/// `read = selected + not_selected` and
/// `selected = clustered + duplicate + ignored + quarantined`. A record that cannot be read counts
/// as selected: nobody can tell that it did not matter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Books {
    /// Records found, readable or not.
    pub read: u64,
    /// Records that failed, are watched, or cannot be read.
    pub selected: u64,
    /// Distinct events that went into a cluster.
    pub clustered: u64,
    /// Records whose event was in a cluster already.
    pub duplicate: u64,
    /// Records left out, by reason.
    pub ignored: BTreeMap<&'static str, u64>,
    /// Records that could not be read, by reason.
    pub quarantined: BTreeMap<&'static str, u64>,
    /// Records in which nothing failed, by reason.
    pub not_selected: BTreeMap<&'static str, u64>,
    /// Failures whose code the class table does not know.
    pub unknown_codes: u64,
    /// Refusals whose reason is worded in a way that is not known.
    pub unknown_denials: u64,
    /// Control messages of CloudWatch Logs, which hold no records.
    pub control_messages: u64,
}

impl Books {
    /// Returns how many records were left out.
    pub fn ignored(&self) -> u64 {
        self.ignored.values().sum()
    }

    /// Returns how many records could not be read.
    pub fn quarantined(&self) -> u64 {
        self.quarantined.values().sum()
    }

    /// Returns in how many records nothing failed.
    pub fn not_selected(&self) -> u64 {
        self.not_selected.values().sum()
    }

    /// Tells whether nothing is lost and nothing counted twice.
    pub fn balances(&self) -> bool {
        let outcomes = self.clustered + self.duplicate + self.ignored() + self.quarantined();
        self.selected == outcomes && self.read == self.selected + self.not_selected()
    }

    /// Adds the books of another input.
    pub fn add(&mut self, other: &Self) {
        self.read += other.read;
        self.selected += other.selected;
        self.clustered += other.clustered;
        self.duplicate += other.duplicate;
        self.unknown_codes += other.unknown_codes;
        self.unknown_denials += other.unknown_denials;
        self.control_messages += other.control_messages;
        for (mine, theirs) in [
            (&mut self.ignored, &other.ignored),
            (&mut self.quarantined, &other.quarantined),
            (&mut self.not_selected, &other.not_selected),
        ] {
            for (reason, count) in theirs {
                *mine.entry(reason).or_default() += count;
            }
        }
    }
}
