//! The least of many values: enough of the resources and regions of a cluster for a list, in little memory.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// How many values are kept.
const VALUES_MAX: usize = 4;

/// The least four of a set of texts, and whether there were others.
///
/// Neither the order nor the repetition of what is added changes the result.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeastValues {
    values: BTreeSet<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    has_more: bool,
}

impl LeastValues {
    /// Adds a value. Nothing changes if it was added before.
    pub fn add(&mut self, value: &str) {
        let is_beyond = self.values.len() == VALUES_MAX
            && self.values.last().is_some_and(|last| **last < *value);
        if is_beyond {
            self.has_more = true;
        } else if !self.values.contains(value) {
            self.values.insert(value.to_owned());
            if self.values.len() > VALUES_MAX {
                self.values.pop_last();
                self.has_more = true;
            }
        }
    }

    /// Returns the values that are kept, in the order of their texts.
    pub fn values(&self) -> impl ExactSizeIterator<Item = &str> {
        self.values.iter().map(String::as_str)
    }

    /// Checks whether there were more values than are kept.
    pub fn has_more(&self) -> bool {
        self.has_more
    }

    /// Checks whether no value was added.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use proptest::prelude::*;

    proptest! {
        #[test]
        fn order_and_repetition_change_nothing(values in prop::collection::vec(0..9_u8, 0..20)) {
            let added = |values: &[u8]| {
                let mut least = LeastValues::default();
                values.iter().for_each(|value| least.add(&value.to_string()));
                least
            };
            let mut other = values.clone();
            other.extend(values.iter().rev());
            other.sort_by_key(|value| value * 7 % 10);
            let distinct: BTreeSet<u8> = values.iter().copied().collect();
            prop_assert_eq!(added(&values), added(&other));
            prop_assert_eq!(added(&values).has_more(), distinct.len() > VALUES_MAX);
            prop_assert!(added(&values).values().eq(distinct.iter().map(u8::to_string).take(VALUES_MAX)));
        }
    }
}
