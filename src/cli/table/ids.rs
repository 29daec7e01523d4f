//! The short forms of IDs: a beginning that no other ID has, as `show` accepts it.

use std::collections::BTreeSet;

use clusters::fingerprint::ClusterId;

use crate::entry::Kind;
use crate::source::StoreAnswer;

/// The IDs among which a short form has to be the only one.
pub struct Ids {
    all: BTreeSet<String>,
    chars_min: usize,
}

impl Ids {
    /// Returns the IDs of incidents, or those of clusters and sensitive calls, which share their IDs.
    pub fn of(kind: Kind, answer: &StoreAnswer) -> Self {
        match kind {
            // Those that a filter hides are not compared, hence more characters.
            Kind::Incident => Self {
                all: answer
                    .incidents
                    .incidents
                    .iter()
                    .map(|of| of.id.text().to_owned())
                    .collect(),
                chars_min: 6,
            },
            // The facts are those of all clusters, with any filter.
            Kind::Cluster | Kind::SensitiveCall => Self {
                all: answer
                    .snapshot
                    .facts
                    .keys()
                    .map(ClusterId::to_string)
                    .collect(),
                chars_min: 4,
            },
        }
    }

    /// Returns the shortest beginning of an ID that no other ID has.
    pub fn beginning<'i>(&self, id: &'i str) -> &'i str {
        let common = |other: &String| {
            let pairs = id.bytes().zip(other.bytes());
            pairs.take_while(|(one, other)| one == other).count()
        };
        let before = self.all.range(..id.to_owned()).next_back();
        let behind = self.all.range(id.to_owned()..).find(|other| *other != id);
        let shared = before.into_iter().chain(behind).map(common).max();
        let chars = shared.map_or(0, |shared| shared + 1).max(self.chars_min);
        id.get(..chars).unwrap_or(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beginning_is_that_of_no_other_id() {
        let all = ["aaaaaab", "aaaaaac", "abcdefg", "zzzz"];
        let ids = Ids {
            all: all.map(str::to_owned).into(),
            chars_min: 4,
        };
        let short = all.map(|id| ids.beginning(id));
        assert_eq!(short, ["aaaaaab", "aaaaaac", "abcd", "zzzz"]);
    }
}
