//! Reserves places of the guard's budgets in blocks, so that concurrent functions share the budgets.
//!
//! A budget limits new clusters, new sensitive calls or new callers per account and hour of event time. A place allows one
//! of them. A function that ends with unused places wastes them. So an hour may admit a few clusters or callers less than the limit, but never more.

use std::collections::HashMap;

use clusters::guard::{Limited, LimitedKind};
use records::time::Window;

use crate::dynamodb::DynamoStore;
use crate::dynamodb::item::budget_key;
use crate::dynamodb::table::{Table, TableError, Write};

/// What the places of a budget are for. Each place allows one new cluster, sensitive call or caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// A new cluster.
    Cluster,
    /// A new strong sensitive call.
    StrongCall,
    /// Another new sensitive call that has alerts.
    Call,
    /// A new sensitive call that is mostly counted.
    CountedCall,
    /// A caller that is new to a cluster.
    Principal,
}

/// The largest number of new callers per account and hour of event time that get an item and an alert.
///
/// Events of further callers are stored and counted as usual; only the item and the alert of the caller are missing.
pub const NEW_CALLERS_MAX: u32 = 50;

/// The number of places that one write reserves.
const BLOCK: u32 = 10;

/// The lifetime of a budget's item, in seconds.
const BUDGET_SECONDS: i64 = 2 * 86_400;

/// The largest number of cached budgets.
const BUDGETS_MAX: usize = 10_000;

/// The account, the hour of event time, and the purpose of a budget.
type Budget = (String, Option<Window>, Purpose);

/// The places that this store has reserved in the table and not used yet, by budget. Each place allows one new
/// cluster or one new caller.
#[derive(Debug, Default)]
pub struct Leases(HashMap<Budget, ReservedPlaces>);

#[derive(Debug, Clone, Copy, Default)]
struct ReservedPlaces {
    left: u32,
    /// Whether the table has no more places of this budget.
    full: bool,
}

impl From<&Limited> for Purpose {
    fn from(limited: &Limited) -> Self {
        match limited.kind {
            LimitedKind::Failure => Self::Cluster,
            LimitedKind::Strong => Self::StrongCall,
            LimitedKind::Announced => Self::Call,
            LimitedKind::Counted => Self::CountedCall,
        }
    }
}

impl Purpose {
    fn counter(self) -> &'static str {
        match self {
            Self::Cluster => "used",
            Self::StrongCall => "strong",
            Self::Call => "calls",
            Self::CountedCall => "counted",
            Self::Principal => "callers",
        }
    }

    fn limit(self) -> u32 {
        match self {
            Self::Cluster => LimitedKind::Failure.limit(),
            Self::StrongCall => LimitedKind::Strong.limit(),
            Self::Call => LimitedKind::Announced.limit(),
            Self::CountedCall => LimitedKind::Counted.limit(),
            Self::Principal => NEW_CALLERS_MAX,
        }
    }
}

impl<T: Table> DynamoStore<T> {
    /// Reserves places of a budget in the table until `wanted` unused places are reserved. Returns that number, or
    /// less than `wanted` if the budget is used up.
    ///
    /// The budget is that of an account, an hour of event time (`None`: events without a time) and a purpose. Places
    /// that were reserved before and not used count too. [`Self::use_places`] marks places as used.
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
                expires: self.now.plus(BUDGET_SECONDS),
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

    /// Marks `count` places of a budget, which [`Self::lease`] reserved, as used.
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
