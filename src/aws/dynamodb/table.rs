//! The interface between the store and DynamoDB: items, keys, and a closed list of conditional writes.
//!
//! The store uses only the trait [`Table`], so tests can replace DynamoDB. An implementation of [`Table`] must do a
//! write completely or not at all. It must refuse a write exactly if the write's condition does not hold, and return
//! the item that it found. Source of these rules: Amazon DynamoDB Developer Guide, "Condition expressions" and "Amazon
//! DynamoDB Transactions".

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;

use records::time::Timestamp;
use service::ports::StoreUsage;

/// The primary key of an item in the table: partition key and sort key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// The partition key (attribute `pk`), which selects a partition of the table.
    pub pk: String,
    /// The sort key (attribute `sk`), which orders the items of a partition.
    pub sk: String,
}

/// The value of an attribute of an item. Only the types of DynamoDB that the store uses are here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// A string.
    Text(String),
    /// A whole number.
    Number(i64),
    /// Binary data.
    Bytes(Vec<u8>),
    /// A set of strings; never empty.
    Texts(BTreeSet<String>),
}

/// An item of the table. [`super::item`] lists the kinds of items and their keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// The primary key of the item.
    pub key: Key,
    /// All attributes of the item except those of the primary key, by name.
    pub attributes: BTreeMap<String, Value>,
}

/// A write to one item, with the condition under which it is done.
///
/// If the condition does not hold, the write fails with [`TableError::Refused`]. The two-letter names below are
/// attributes of the item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Write {
    /// Puts an item without a condition, and replaces an existing item.
    Put(Item),
    /// Puts an item if no item has this key.
    Create(Item),
    /// Puts an item if the existing item has not changed since it was read.
    Replace {
        /// The new item. Its attribute `vr` must differ from `version`.
        item: Item,
        /// The version (`vr`) that was read; 0 if there was no item.
        version: i64,
    },
    /// Starts the next episode of a recovered cluster, if `at` is later than the watermark of the cluster.
    Regress {
        /// The key of the cluster item.
        key: Key,
        /// The current episode. The cluster item must still have this number.
        episode: i64,
        /// The time of the event that starts the next episode.
        at: Timestamp,
    },
    /// Marks an open cluster as recovered, if its cluster item has not changed since it was read.
    Recover {
        /// The key of the cluster item.
        key: Key,
        /// The version of the cluster item that was read.
        version: i64,
        /// Only an event later than this time starts another episode.
        watermark: Timestamp,
    },
    /// Opens a recovered cluster again in the same episode, if its cluster item has not changed since it was
    /// read.
    Reopen {
        /// The key of the cluster item.
        key: Key,
        /// The version of the cluster item that was read.
        version: i64,
    },
    /// Sets the time of a cluster's first event, if `at` is earlier than the stored time or none is stored.
    First {
        /// The key of the cluster item.
        key: Key,
        /// The time of the earlier event.
        at: Timestamp,
    },
    /// Sets the message template that is shown for a cluster, if the stored one is absent or greater in byte
    /// order.
    ///
    /// So the template does not depend on the order of events.
    Template {
        /// The key of the cluster item.
        key: Key,
        /// The new template.
        text: String,
    },
    /// Adds circumstances to those of a cluster, if the cluster item exists.
    Circumstances {
        /// The key of the cluster item.
        key: Key,
        /// The circumstances, each as JSON.
        texts: BTreeSet<String>,
    },
    /// Reserves places of an account's budget for an hour, if the counter does not exceed its limit afterwards.
    ///
    /// Each place allows one new cluster or caller.
    Lease {
        /// The key of the budget.
        key: Key,
        /// The counter's attribute name: `used` for clusters, `callers` for callers.
        counter: &'static str,
        /// The number of places to reserve.
        places: i64,
        /// The largest allowed value of the counter.
        limit: i64,
        /// When DynamoDB may delete the budget.
        expires: Timestamp,
    },
    /// Leases an outbox row, if the row exists, is due, and has no lease that is still valid.
    Take {
        /// The key of the row.
        key: Key,
        /// The unique id of the new holder.
        holder: String,
        /// The current time.
        now: Timestamp,
        /// When the lease ends.
        until: Timestamp,
    },
    /// Deletes an item if its attribute `lo` is the given holder: an outbox row, or the note of a late hour or of evidence.
    End {
        /// The key of the row or the note.
        key: Key,
        /// The required value of `lo`: the holder of the row's lease, or the token of the note.
        holder: String,
    },
    /// Postpones an outbox row and ends its lease, if the given holder has the lease.
    Later {
        /// The key of the row.
        key: Key,
        /// The required holder of the lease.
        holder: String,
        /// When the row is due again.
        due: Timestamp,
        /// The reason of the delay, without any secret.
        why: String,
        /// The number to add to the row's count of rejected attempts.
        attempts: i64,
    },
    /// Adds 1 to the number of alerts about a cluster that were held back from a sink.
    ///
    /// The number is in the item of the sink's sending pause for the cluster. The item is created if it does not
    /// exist.
    HoldBack {
        /// The key of the item of the sending pause.
        key: Key,
        /// The number of the episode whose opening alert is the one held back, because an incident absorbs it. It is noted
        /// in the item. `None` notes nothing.
        absorbed: Option<i64>,
    },
    /// Reserves the next probe of a failing sink, if the sink's breaker exists and the probe is due.
    ///
    /// A probe is a single request that tests whether the sink works again.
    Probe {
        /// The key of the breaker.
        key: Key,
        /// The current time.
        now: Timestamp,
        /// When the probe after this one is due.
        until: Timestamp,
    },
    /// Reserves the next question to IAM about an access key, or the round that looks for incidents, if no earlier
    /// reservation is valid.
    Claim {
        /// The key of the item with the access key's usage, or of the round.
        key: Key,
        /// The current time.
        now: Timestamp,
        /// When the reservation ends.
        until: Timestamp,
        /// When DynamoDB may delete the item.
        expires: Timestamp,
    },
}

/// Why a call to the table failed. Each variant states what the caller should do.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// The condition of a write does not hold. Nothing was written; decide again by the item that was found.
    #[error("write {place} was refused: its condition does not hold")]
    Refused {
        /// The index of the refused write among the writes of the call, from 0.
        place: usize,
        /// The item that exists under the key of the refused write; `None` if there is none.
        found: Option<Box<Item>>,
    },
    /// Another transaction writes to one of the items at the same time. Nothing was written; try again soon.
    #[error("another transaction writes to the same item")]
    Conflict,
    /// DynamoDB throttles or cannot be reached, after all attempts of the SDK. Try again later.
    #[error("the table cannot be reached")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
    /// DynamoDB rejects the request, for example for missing permissions. Another attempt fails as well.
    #[error("DynamoDB rejected the request")]
    Invalid(#[source] Box<dyn Error + Send + Sync>),
}

/// A DynamoDB table, or its replacement in tests: reads, conditional writes and transactions.
///
/// All reads are strongly consistent. Every method that returns a `Result` can fail with any variant of
/// [`TableError`] except `Refused`, which only writes return.
pub trait Table {
    /// Returns the items with the given keys, in no order. Missing items are left out.
    async fn get(&self, keys: &[Key]) -> Result<Vec<Item>, TableError>;

    /// Does one write. For a [`Write::Put`], returns the replaced item; `None` if there was none.
    async fn write(&self, write: &Write) -> Result<Option<Item>, TableError>;

    /// Does all writes or none of them. Each write must have another key.
    async fn transact(&self, writes: &[Write]) -> Result<(), TableError>;

    /// Returns the items of a partition whose sort key begins with `start`. An empty `start` returns the whole
    /// partition.
    async fn query(&self, pk: &str, start: &str) -> Result<Vec<Item>, TableError>;

    /// Returns the first `limit` items of a partition, in the order of sort keys.
    async fn first(&self, pk: &str, limit: usize) -> Result<Vec<Item>, TableError>;

    /// Reads the whole table, and calls `visit` with each item.
    async fn scan(&self, visit: &mut dyn FnMut(Item)) -> Result<(), TableError>;

    /// Waits before a retry. `attempt` counts retries from 0; the wait grows with each retry.
    async fn pause(&self, attempt: u32);

    /// Returns the number of calls, and the write units that all calls used so far.
    fn spent(&self) -> StoreUsage;
}

impl Key {
    /// Creates a key from a partition key and a sort key.
    pub fn new(pk: impl Into<String>, sk: impl Into<String>) -> Self {
        Self {
            pk: pk.into(),
            sk: sk.into(),
        }
    }
}

impl Write {
    /// Returns the key of the item that this write creates, changes or deletes.
    pub fn key(&self) -> &Key {
        match self {
            Self::Put(item) | Self::Create(item) | Self::Replace { item, .. } => &item.key,
            Self::Regress { key, .. }
            | Self::Recover { key, .. }
            | Self::Reopen { key, .. }
            | Self::First { key, .. }
            | Self::Template { key, .. }
            | Self::Circumstances { key, .. }
            | Self::Lease { key, .. }
            | Self::Take { key, .. }
            | Self::End { key, .. }
            | Self::Later { key, .. }
            | Self::HoldBack { key, .. }
            | Self::Probe { key, .. }
            | Self::Claim { key, .. } => key,
        }
    }
}

impl Item {
    /// Creates an item that has this key and no other attributes.
    pub fn new(key: Key) -> Self {
        let attributes = BTreeMap::new();
        Self { key, attributes }
    }

    /// Returns the item with the attribute `name` set to a string. An empty string changes nothing.
    #[must_use]
    pub fn text(mut self, name: &str, value: &str) -> Self {
        if !value.is_empty() {
            let value = Value::Text(value.to_owned());
            self.attributes.insert(name.to_owned(), value);
        }
        self
    }

    /// Returns the item with the attribute `name` set to a number.
    #[must_use]
    pub fn number(mut self, name: &str, value: i64) -> Self {
        let value = Value::Number(value);
        self.attributes.insert(name.to_owned(), value);
        self
    }

    /// Returns the item with the attribute `name` set to a time, a number of seconds since 1970. `None` is stored as
    /// 0.
    #[must_use]
    pub fn time(self, name: &str, at: impl Into<Option<Timestamp>>) -> Self {
        self.number(name, at.into().map_or(0, Timestamp::seconds))
    }

    /// Returns the item with the attribute `name` set to binary data. Empty data changes nothing.
    #[must_use]
    pub fn bytes(mut self, name: &str, value: Vec<u8>) -> Self {
        if !value.is_empty() {
            self.attributes.insert(name.to_owned(), Value::Bytes(value));
        }
        self
    }

    /// Returns the item with strings added to the attribute `name`, a set of strings. A set that would be empty is
    /// not stored.
    #[must_use]
    pub fn texts(mut self, name: &str, value: impl IntoIterator<Item = String>) -> Self {
        let mut all: BTreeSet<String> = self.texts_of(name).cloned().unwrap_or_default();
        all.extend(value);
        if !all.is_empty() {
            self.attributes.insert(name.to_owned(), Value::Texts(all));
        }
        self
    }

    /// Returns the size of the item in bytes, as DynamoDB counts it. Source: Amazon DynamoDB Developer Guide,
    /// "DynamoDB item sizes and formats".
    pub fn bytes_long(&self) -> usize {
        let value = |value: &Value| match value {
            Value::Text(text) => text.len(),
            Value::Number(number) => number.unsigned_abs().to_string().len().div_ceil(2) + 2,
            Value::Bytes(bytes) => bytes.len(),
            Value::Texts(texts) => texts.iter().map(String::len).sum(),
        };
        let attributes = self.attributes.iter();
        let attributes: usize = attributes.map(|(name, of)| name.len() + value(of)).sum();
        attributes + "pk".len() + "sk".len() + self.key.pk.len() + self.key.sk.len()
    }

    /// Returns the string in the attribute `name`; `None` if the attribute is missing or has another type.
    pub fn text_of(&self, name: &str) -> Option<&str> {
        match self.attributes.get(name)? {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Returns the number in the attribute `name`; `None` if the attribute is missing or has another type.
    pub fn number_of(&self, name: &str) -> Option<i64> {
        match self.attributes.get(name)? {
            Value::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// Returns the time in the attribute `name`, a number of seconds since 1970. `None` if the attribute is missing,
    /// is 0, has another type, or is outside the years 2006 to 2099.
    pub fn time_of(&self, name: &str) -> Option<Timestamp> {
        Timestamp::from_seconds(self.number_of(name)?)
    }

    /// Returns the set of strings in the attribute `name`; `None` if the attribute is missing or has another type.
    pub fn texts_of(&self, name: &str) -> Option<&BTreeSet<String>> {
        match self.attributes.get(name)? {
            Value::Texts(texts) => Some(texts),
            _ => None,
        }
    }

    /// Returns the binary data in the attribute `name`; `None` if the attribute is missing or has another type.
    pub fn bytes_of(&self, name: &str) -> Option<&[u8]> {
        match self.attributes.get(name)? {
            Value::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }
}
