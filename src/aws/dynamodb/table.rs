//! The table as the store needs it: items by key, and a closed list of writes, each with the one
//! condition under which it may happen.
//!
//! Whoever stands behind [`Table`] must do a write whole or not at all, refuse it exactly when its
//! condition does not hold, and say what stood there instead. Why the conditions are what they are:
//! Amazon DynamoDB Developer Guide, "Condition expressions" and "Amazon DynamoDB Transactions".

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;

use records::time::Timestamp;
use service::ports::StoreUsage;

/// Where an item is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// Partition key.
    pub pk: String,
    /// Sort key.
    pub sk: String,
}

/// What an attribute holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Text, never empty for a key.
    Text(String),
    /// A whole number.
    Number(i64),
    /// Bytes.
    Bytes(Vec<u8>),
    /// Different texts, at least one.
    Texts(BTreeSet<String>),
}

/// An item: its key, and attributes by their names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Where it is.
    pub key: Key,
    /// What it holds besides.
    pub attributes: BTreeMap<String, Value>,
}

/// A write and its condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Write {
    /// Puts an item, whatever is there: what has its content in its key is the same.
    Put(Item),
    /// Puts an item where none is.
    Create(Item),
    /// Puts an item in the place of one that has not changed since it was read.
    Replace {
        /// The item; its version, the attribute `vr`, is another one.
        item: Item,
        /// The version that was read, 0 where none was there.
        version: i64,
    },
    /// Opens a recovered cluster again, one episode later, for an event after its watermark.
    Regress {
        /// The cluster item.
        key: Key,
        /// The episode that ends.
        episode: i64,
        /// When the event was.
        at: Timestamp,
    },
    /// Closes an open cluster, if nothing about its cluster item has changed since it was read.
    Recover {
        /// The cluster item.
        key: Key,
        /// The version of it that was read.
        version: i64,
        /// Up to when an event is too late to open it again.
        watermark: Timestamp,
    },
    /// Opens a recovered cluster again in the same episode, if nothing about its cluster item has changed since
    /// it was read.
    Reopen {
        /// The cluster item.
        key: Key,
        /// The version of it that was read.
        version: i64,
    },
    /// Moves the first sighting of a cluster to an earlier moment.
    First {
        /// The cluster item.
        key: Key,
        /// When the event was.
        at: Timestamp,
    },
    /// Shows a lesser template of a cluster, or one where there was none.
    Template {
        /// The cluster item.
        key: Key,
        /// The template.
        text: String,
    },
    /// Adds circumstances that a cluster was not seen in before.
    Circumstances {
        /// The cluster item.
        key: Key,
        /// Each as the table spells it.
        texts: BTreeSet<String>,
    },
    /// Takes places from a budget, if that leaves it at its limit or below.
    Lease {
        /// The budget.
        key: Key,
        /// Which of its counters.
        counter: &'static str,
        /// How many places.
        places: i64,
        /// Of how many.
        limit: i64,
        /// When the budget may be forgotten.
        expires: Timestamp,
    },
    /// Takes an outbox row for a while, if it is there, due, and nobody has it.
    Take {
        /// The row.
        key: Key,
        /// Who takes it.
        holder: String,
        /// When.
        now: Timestamp,
        /// Until when.
        until: Timestamp,
    },
    /// Deletes an outbox row, if a holder has it.
    End {
        /// The row.
        key: Key,
        /// Who has to have it.
        holder: String,
    },
    /// Puts an outbox row off and gives it back, if a holder has it.
    Later {
        /// The row.
        key: Key,
        /// Who has to have it.
        holder: String,
        /// From when on it is due.
        due: Timestamp,
        /// Why it is put off.
        why: String,
        /// How many attempts that adds.
        attempts: i64,
    },
    /// Counts one more alert of a cluster that a sink was not sent.
    HoldBack {
        /// The silence.
        key: Key,
    },
    /// Takes the next probe of a sink, if its breaker is there and the probe is due.
    Probe {
        /// The breaker.
        key: Key,
        /// When.
        now: Timestamp,
        /// When the next one is due.
        until: Timestamp,
    },
    /// Takes the right to ask about an access key, if it may be asked about.
    Claim {
        /// the usage of the key.
        key: Key,
        /// When.
        now: Timestamp,
        /// From when on it may be asked about again.
        until: Timestamp,
        /// When the usage of the key may be forgotten.
        expires: Timestamp,
    },
}

/// Why the table did not do what it was asked for; each variant asks for another next step.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// The condition of a write does not hold: decide again by what was found there.
    #[error("write {place} was refused: its condition does not hold")]
    Refused {
        /// Which of the writes, from 0.
        place: usize,
        /// What is there.
        found: Option<Box<Item>>,
    },
    /// Somebody else writes to one of the items: try again soon.
    #[error("another transaction writes to the same item")]
    Conflict,
    /// It is throttled or out of reach, after some attempts: try again later.
    #[error("the table cannot be reached")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
    /// It will not do this however often it is asked.
    #[error("the table does not accept this")]
    Invalid(#[source] Box<dyn Error + Send + Sync>),
}

/// A table of items.
pub trait Table {
    /// Returns the items that are there, as of now, in no order.
    async fn get(&self, keys: &[Key]) -> Result<Vec<Item>, TableError>;

    /// Does one write, and returns the item that a [`Write::Put`] replaced.
    async fn write(&self, write: &Write) -> Result<Option<Item>, TableError>;

    /// Does all writes, each to another item, or none of them.
    async fn transact(&self, writes: &[Write]) -> Result<(), TableError>;

    /// Returns the items of a partition whose sort keys begin with a text, as of now; all of them
    /// where that is empty. It reads no others.
    async fn query(&self, pk: &str, start: &str) -> Result<Vec<Item>, TableError>;

    /// Returns the first so many items of a partition in the order of their sort keys, as of now.
    async fn first(&self, pk: &str, limit: usize) -> Result<Vec<Item>, TableError>;

    /// Returns all items, piece by piece.
    async fn scan(&self, visit: &mut dyn FnMut(Item)) -> Result<(), TableError>;

    /// Waits before the next attempt: a little before the first, longer before each further one.
    async fn pause(&self, attempt: u32);

    /// Returns what all calls took so far.
    fn spent(&self) -> StoreUsage;
}

impl Key {
    /// Returns the key of two parts.
    pub fn new(pk: impl Into<String>, sk: impl Into<String>) -> Self {
        Self {
            pk: pk.into(),
            sk: sk.into(),
        }
    }
}

impl Write {
    /// Returns where it writes.
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
            | Self::HoldBack { key }
            | Self::Probe { key, .. }
            | Self::Claim { key, .. } => key,
        }
    }
}

impl Item {
    /// Returns an item without attributes.
    pub fn new(key: Key) -> Self {
        let attributes = BTreeMap::new();
        Self { key, attributes }
    }

    /// Adds text; empty text is no attribute.
    pub fn text(mut self, name: &str, value: &str) -> Self {
        if !value.is_empty() {
            let value = Value::Text(value.to_owned());
            self.attributes.insert(name.to_owned(), value);
        }
        self
    }

    /// Adds a number.
    pub fn number(mut self, name: &str, value: i64) -> Self {
        let value = Value::Number(value);
        self.attributes.insert(name.to_owned(), value);
        self
    }

    /// Adds a moment, as seconds since 1970; none is 0.
    pub fn time(self, name: &str, at: impl Into<Option<Timestamp>>) -> Self {
        self.number(name, at.into().map_or(0, Timestamp::seconds))
    }

    /// Adds bytes; no bytes are no attribute.
    pub fn bytes(mut self, name: &str, value: Vec<u8>) -> Self {
        if !value.is_empty() {
            self.attributes.insert(name.to_owned(), Value::Bytes(value));
        }
        self
    }

    /// Adds texts to those of a set; no texts are no attribute.
    pub fn texts(mut self, name: &str, value: impl IntoIterator<Item = String>) -> Self {
        let mut all: BTreeSet<String> = self.texts_of(name).cloned().unwrap_or_default();
        all.extend(value);
        if !all.is_empty() {
            self.attributes.insert(name.to_owned(), Value::Texts(all));
        }
        self
    }

    /// Returns how long it is, in bytes, as DynamoDB counts. Source: Amazon DynamoDB Developer Guide,
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

    /// Returns an attribute that is text.
    pub fn text_of(&self, name: &str) -> Option<&str> {
        match self.attributes.get(name)? {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Returns an attribute that is a number.
    pub fn number_of(&self, name: &str) -> Option<i64> {
        match self.attributes.get(name)? {
            Value::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// Returns an attribute that is a moment.
    pub fn time_of(&self, name: &str) -> Option<Timestamp> {
        Timestamp::from_seconds(self.number_of(name)?)
    }

    /// Returns an attribute that is a set of texts.
    pub fn texts_of(&self, name: &str) -> Option<&BTreeSet<String>> {
        match self.attributes.get(name)? {
            Value::Texts(texts) => Some(texts),
            _ => None,
        }
    }

    /// Returns an attribute that is bytes.
    pub fn bytes_of(&self, name: &str) -> Option<&[u8]> {
        match self.attributes.get(name)? {
            Value::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }
}
