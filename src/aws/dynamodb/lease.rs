//! Leases on the guard's budgets: places for new clusters and new callers of an account in an hour,
//! taken from the table in blocks, so that functions side by side share them.
//!
//! A function that ends with places left has taken them for nobody; that admits a few fewer, never
//! more.

use std::collections::HashMap;

use clusters::guard::NEW_CLUSTERS_MAX;
use records::time::Window;

use crate::dynamodb::DynamoStore;
use crate::dynamodb::item::budget_key;
use crate::dynamodb::table::{Table, TableError, Write};

/// What a place is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// A cluster that was not there before.
    Cluster,
    /// A caller that a cluster had not seen before.
    Principal,
}

/// New callers per account and hour of event time that are kept and told of; nobody reads more. All
/// are counted.
pub const NEW_CALLERS_MAX: u32 = 50;

/// How many places are taken at a time.
const BLOCK: u32 = 10;

/// How long a budget is kept, in seconds.
const KEPT_SECONDS: i64 = 2 * 86_400;

/// How many budgets are remembered.
const BUDGETS_MAX: usize = 10_000;

/// Whose budget: an account's, in an hour, for a purpose.
type Budget = (String, Option<Window>, Purpose);

/// Places that were taken and are not used yet; `full` where there are no more to take.
#[derive(Debug, Default)]
pub struct Leases(HashMap<Budget, Lease>);

#[derive(Debug, Clone, Copy, Default)]
struct Lease {
    left: u32,
    full: bool,
}

impl Purpose {
    fn counter(self) -> &'static str {
        match self {
            Self::Cluster => "used",
            Self::Principal => "callers",
        }
    }

    fn limit(self) -> u32 {
        match self {
            Self::Cluster => NEW_CLUSTERS_MAX,
            Self::Principal => NEW_CALLERS_MAX,
        }
    }
}

impl<T: Table> DynamoStore<T> {
    /// Sees to it that there are places for so many, and returns how many there are: fewer where
    /// the budget is used up.
    pub(super) async fn lease(
        &mut self,
        account_id: &str,
        window: Option<Window>,
        purpose: Purpose,
        wanted: u32,
    ) -> Result<u32, TableError> {
        let budget = (account_id.to_owned(), window, purpose);
        let mut lease = self.leases.0.get(&budget).copied().unwrap_or_default();
        while lease.left < wanted && !lease.full {
            let write = Write::Lease {
                key: budget_key(account_id, window),
                counter: purpose.counter(),
                places: i64::from(BLOCK),
                limit: i64::from(purpose.limit()),
                expires: self.now.plus(KEPT_SECONDS),
            };
            match self.apply(&[write]).await {
                Ok(()) => lease.left += BLOCK,
                Err(TableError::Refused { .. }) => lease.full = true,
                Err(error) => return Err(error),
            }
        }
        if self.leases.0.len() >= BUDGETS_MAX {
            self.leases.0.clear();
        }
        self.leases.0.insert(budget, lease);
        Ok(lease.left.min(wanted))
    }

    /// Uses places that were leased.
    pub(super) fn use_places(
        &mut self,
        account_id: &str,
        window: Option<Window>,
        purpose: Purpose,
        count: u32,
    ) {
        let budget = (account_id.to_owned(), window, purpose);
        if let Some(lease) = self.leases.0.get_mut(&budget) {
            lease.left = lease.left.saturating_sub(count);
        }
    }
}
