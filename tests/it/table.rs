//! A table in memory that fulfils the whole contract of `Table`: conditions, transactions, and the units that DynamoDB
//! would bill.
//!
//! Several functions can share it, and a script decides which calls fail. `emulated` runs the same tests against an
//! emulator of DynamoDB, if there is one.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use aws::dynamodb::table::{Item, Key, Table, TableError, Value, Write};
use aws::dynamodb::{DynamoStore, TableSettings};
use records::time::Timestamp;
use service::ports::StoreUsage;

/// How a call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The call has no effect, and the caller gets the error that the table cannot be reached.
    Unavailable,
    /// The call takes effect, but its answer gets lost.
    Lost,
    /// The call conflicts with another transaction.
    Conflict,
    /// The call is rejected.
    Invalid,
}

/// Decides how the n-th call fails, counted from 0; `None` lets it succeed.
pub type Script = Box<dyn FnMut(u64) -> Option<Fault>>;

/// A table that exists as long as a handle to it exists. Clones share the items.
#[derive(Clone, Default)]
pub struct MemoryTable {
    items: Rc<RefCell<BTreeMap<Key, Item>>>,
    script: Rc<RefCell<Option<Script>>>,
    /// Calls and units that this handle of the table was billed.
    spent: Rc<Cell<StoreUsage>>,
    /// The read units of these.
    read_units: Rc<Cell<u64>>,
    pauses: Rc<Cell<u32>>,
    /// Whether other tasks run before each call.
    takes_turns: bool,
    /// The condition that is not checked.
    mutant: Option<Mutant>,
}

/// A condition of a write that is left out, to check that a test detects that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutant {
    /// A cluster item is created although one exists.
    Create,
    /// A cluster is opened again although it is open, or for a late event.
    Regress,
    /// A cluster is closed although its item has changed.
    Recover,
}

/// Lets the other tasks run first, once.
struct Turn(bool);

impl Future for Turn {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.0, false) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(())
    }
}

/// The current time of all tests here; it is later than their events.
pub fn now() -> Timestamp {
    Timestamp::parse("2026-11-02T13:00:00Z").unwrap()
}

/// Settings of a store whose alerts go to one sink, and whose learning period is over.
pub fn telling() -> TableSettings {
    TableSettings {
        sinks: vec!["guance".to_owned()],
        learn_hours: 0,
        ..TableSettings::default()
    }
}

/// Settings of a store with one sink, whose learning period is not over, so that it writes notes and no alerts.
pub fn learning() -> TableSettings {
    TableSettings {
        learn_hours: 1_000_000,
        ..telling()
    }
}

/// Returns a store in a table, like that of a further function.
pub fn store(table: &MemoryTable, settings: TableSettings) -> DynamoStore<MemoryTable> {
    DynamoStore::new(table.other(), settings, now())
}

impl MemoryTable {
    /// Returns another handle of the same table, with its own bill.
    pub fn other(&self) -> Self {
        Self {
            script: Rc::default(),
            spent: Rc::default(),
            read_units: Rc::default(),
            pauses: Rc::default(),
            ..self.clone()
        }
    }

    /// Returns the table for functions that take turns, call by call, without one of its conditions.
    pub fn with_turns(mutant: Option<Mutant>) -> Self {
        Self {
            takes_turns: true,
            mutant,
            ..Self::default()
        }
    }

    /// Sets a script that lets calls fail from now on.
    pub fn fail(&self, script: impl FnMut(u64) -> Option<Fault> + 'static) {
        let mut script = script;
        let first = self.spent.get().calls;
        *self.script.borrow_mut() = Some(Box::new(move |call| script(call - first)));
    }

    /// Lets all calls succeed again.
    pub fn repair(&self) {
        *self.script.borrow_mut() = None;
    }

    /// Returns all items, in the order of their keys.
    pub fn items(&self) -> Vec<Item> {
        self.items.borrow().values().cloned().collect()
    }

    /// Puts an item into the table from outside.
    pub fn set(&self, item: Item) {
        self.items.borrow_mut().insert(item.key.clone(), item);
    }

    /// Returns the number of read units that this handle was billed.
    pub fn read_units(&self) -> u64 {
        self.read_units.get()
    }

    /// Bills a read: a unit for each started 4 KB, and one for an item that does not exist.
    fn bill_read(&self, items: &[&Item]) {
        let bytes: u64 = items.iter().map(|item| size(item)).sum();
        let units = bytes.div_ceil(4096).max(1);
        self.read_units.set(self.read_units.get() + units);
    }

    /// Returns how often a caller paused before a further attempt.
    pub fn pauses(&self) -> u32 {
        self.pauses.get()
    }

    async fn call<T>(&self, run: impl FnOnce() -> Result<T, TableError>) -> Result<T, TableError> {
        Turn(self.takes_turns).await;
        let mut spent = self.spent.get();
        // The script may use the table itself, which then has none.
        let mut script = self.script.borrow_mut().take();
        let fault = script.as_mut().and_then(|script| script(spent.calls));
        *self.script.borrow_mut() = script;
        spent.calls += 1;
        self.spent.set(spent);
        match fault {
            None => run(),
            Some(Fault::Unavailable) => Err(TableError::Unavailable("throttled".into())),
            Some(Fault::Lost) => {
                let _ = run();
                Err(TableError::Unavailable("the answer got lost".into()))
            }
            Some(Fault::Conflict) => Err(TableError::Conflict),
            Some(Fault::Invalid) => Err(TableError::Invalid("not valid".into())),
        }
    }

    fn bill(&self, before: Option<&Item>, after: Option<&Item>, times: u64) {
        let mut spent = self.spent.get();
        spent.write_units += times * units(before, after);
        self.spent.set(spent);
    }

    fn apply(&self, writes: &[Write], times: u64) -> Result<Option<Item>, TableError> {
        let mut items = self.items.borrow_mut();
        for (place, write) in writes.iter().enumerate() {
            let found = items.get(write.key());
            if !self.holds(write, found) {
                // What is refused is billed like what is there.
                for write in writes {
                    let found = items.get(write.key());
                    self.bill(found, found, times);
                }
                let found = found.cloned().map(Box::new);
                return Err(TableError::Refused { place, found });
            }
        }
        let after = writes.iter().filter_map(|write| match write {
            Write::End { .. } => None,
            write => Some(done(write, items.get(write.key()))),
        });
        if let Some(why) = unacceptable(&after.collect::<Vec<_>>()) {
            return Err(TableError::Invalid(why.into()));
        }
        let mut replaced = None;
        for write in writes {
            let before = items.get(write.key()).cloned();
            if let Write::End { key, .. } = write {
                self.bill(before.as_ref(), None, times);
                items.remove(key);
                continue;
            }
            let after = done(write, before.as_ref());
            self.bill(before.as_ref(), Some(&after), times);
            items.insert(after.key.clone(), after);
            replaced = before;
        }
        Ok(replaced)
    }
}

impl MemoryTable {
    fn holds(&self, write: &Write, found: Option<&Item>) -> bool {
        let left_out = match write {
            Write::Create(_) => Some(Mutant::Create),
            Write::Regress { .. } => Some(Mutant::Regress),
            Write::Recover { .. } => Some(Mutant::Recover),
            _ => None,
        };
        (left_out.is_some() && left_out == self.mutant) || holds(write, found)
    }
}

impl Table for MemoryTable {
    async fn get(&self, keys: &[Key]) -> Result<Vec<Item>, TableError> {
        let mut found = Vec::new();
        for keys in keys.chunks(100) {
            self.call(|| {
                let items = self.items.borrow();
                for key in keys {
                    let item = items.get(key);
                    self.bill_read(item.as_slice());
                    found.extend(item.cloned());
                }
                Ok(())
            })
            .await?;
        }
        Ok(found)
    }

    async fn write(&self, write: &Write) -> Result<Option<Item>, TableError> {
        let writes = std::slice::from_ref(write);
        self.call(|| self.apply(writes, 1)).await
    }

    async fn transact(&self, writes: &[Write]) -> Result<(), TableError> {
        self.call(|| self.apply(writes, 2).map(|_| ())).await
    }

    async fn query(&self, pk: &str, start: &str) -> Result<Vec<Item>, TableError> {
        self.call(|| {
            let items = self.items.borrow();
            let found = items.range(Key::new(pk.to_owned(), start.to_owned())..);
            let is_wanted = |key: &Key| key.pk == pk && key.sk.starts_with(start);
            let found = found.take_while(|(key, _)| is_wanted(key));
            let found: Vec<_> = found.map(|(_, item)| item).collect();
            self.bill_read(&found);
            Ok(found.into_iter().cloned().collect())
        })
        .await
    }

    async fn first(&self, pk: &str, limit: usize) -> Result<Vec<Item>, TableError> {
        self.call(|| {
            let items = self.items.borrow();
            let found = items.range(Key::new(pk.to_owned(), String::new())..);
            let found = found.take_while(|(key, _)| key.pk == pk).take(limit);
            let found: Vec<_> = found.map(|(_, item)| item).collect();
            self.bill_read(&found);
            Ok(found.into_iter().cloned().collect())
        })
        .await
    }

    async fn scan(&self, visit: &mut dyn FnMut(Item)) -> Result<(), TableError> {
        self.call(|| {
            self.items().into_iter().for_each(visit);
            Ok(())
        })
        .await
    }

    async fn pause(&self, _attempt: u32) {
        self.pauses.set(self.pauses.get() + 1);
    }

    fn spent(&self) -> StoreUsage {
        self.spent.get()
    }
}

fn holds(write: &Write, found: Option<&Item>) -> bool {
    let number = |name| found.and_then(|item| item.number_of(name));
    match write {
        Write::Put(_) => true,
        Write::Create(_) | Write::Replace { version: 0, .. } => found.is_none(),
        Write::Replace { version, .. } => number("vr") == Some(*version),
        Write::Regress { episode, at, .. } => {
            found.and_then(|item| item.text_of("st")) == Some("recovered")
                && number("ep") == Some(*episode)
                && number("wm").is_some_and(|watermark| watermark < at.seconds())
        }
        Write::Recover { version, .. } => {
            number("vr") == Some(*version)
                && found.and_then(|item| item.text_of("st")) != Some("recovered")
        }
        Write::Reopen { version, .. } => {
            number("vr") == Some(*version)
                && found.and_then(|item| item.text_of("st")) == Some("recovered")
        }
        Write::First { at, .. } => {
            number("ft").is_some_and(|first| first > at.seconds() || first == 0)
        }
        Write::Template { text, .. } => found.is_some_and(|item| {
            item.text_of("te")
                .is_none_or(|template| template > text.as_str())
        }),
        Write::Circumstances { .. } => found.is_some(),
        Write::Lease {
            counter,
            places,
            limit,
            ..
        } => number(counter).is_none_or(|used| used <= limit - places),
        Write::Take { now, .. } => {
            number("due").is_some_and(|due| due <= now.seconds())
                && number("lu").is_some_and(|to| to < now.seconds())
        }
        Write::End { holder, .. } | Write::Later { holder, .. } => {
            found.and_then(|item| item.text_of("lo")) == Some(holder)
        }
        Write::HoldBack { .. } => true,
        Write::Probe { now, .. } => number("pf").is_some_and(|from| from <= now.seconds()),
        Write::Claim { now, .. } => number("nx").is_none_or(|next| next <= now.seconds()),
    }
}

fn done(write: &Write, before: Option<&Item>) -> Item {
    let item = || {
        before
            .cloned()
            .unwrap_or_else(|| Item::new(write.key().clone()))
    };
    let sum = |item: Item, name: &str, more: i64| {
        let sum = item.number_of(name).unwrap_or_default() + more;
        item.number(name, sum)
    };
    let raised = |item: Item| {
        let version = item.number_of("vr").unwrap_or_default();
        item.number("vr", version + 1)
    };
    match write {
        Write::Put(item) | Write::Create(item) | Write::Replace { item, .. } => item.clone(),
        Write::Regress { episode, at, .. } => raised(item())
            .text("st", "regressed")
            .number("ep", episode + 1)
            .time("lt", *at),
        Write::Recover { watermark, .. } => raised(item())
            .text("st", "recovered")
            .time("wm", *watermark),
        Write::Reopen { .. } => raised(item()).text("st", "ongoing"),
        Write::First { at, .. } => raised(item()).time("ft", *at),
        Write::Template { text, .. } => raised(item()).text("te", text),
        Write::Circumstances { texts, .. } => item().texts("ci", texts.iter().cloned()),
        Write::Lease {
            counter,
            places,
            expires,
            ..
        } => {
            let used = item().number_of(counter).unwrap_or_default();
            item().number(counter, used + places).time("ttl", *expires)
        }
        Write::Take { holder, until, .. } => item().text("lo", holder).time("lu", *until),
        Write::Later {
            due, why, attempts, ..
        } => {
            let mut item = sum(item(), "tries", *attempts);
            item.attributes.remove("lo");
            // Unlike an item that is put, an update keeps a text that is empty.
            let why = Value::Text(why.clone());
            item.attributes.insert("why".to_owned(), why);
            item.time("due", *due).number("lu", 0)
        }
        Write::HoldBack { absorbed, .. } => {
            let item = sum(item(), "hb", 1);
            match absorbed {
                Some(episode) => item.number("ab", *episode),
                None => item,
            }
        }
        Write::Probe { until, .. } => item().time("pf", *until),
        Write::Claim { until, expires, .. } => item().time("nx", *until).time("ttl", *expires),
        Write::End { .. } => unreachable!("it leaves nothing"),
    }
}

/// Returns the write units of a write: one for each started KB of the larger of the item before and after. Source:
/// Amazon DynamoDB Developer Guide, "Write request units".
fn units(before: Option<&Item>, after: Option<&Item>) -> u64 {
    let size = |item: Option<&Item>| item.map_or(0, size);
    size(before).max(size(after)).div_ceil(1024).max(1)
}

/// Returns the size of an item in bytes.
pub fn size(item: &Item) -> u64 {
    item.bytes_long() as u64
}

/// Returns why DynamoDB would reject writes: an item of more than 400 KB, a key that is empty or too long, or a
/// transaction of more than 100 writes or 4 MB. Source: Amazon DynamoDB Developer Guide, "Quotas in Amazon DynamoDB".
fn unacceptable(items: &[Item]) -> Option<&'static str> {
    let sizes = || items.iter().map(Item::bytes_long);
    let keys = |item: &Item| (item.key.pk.len(), item.key.sk.len());
    let is_key = |(pk, sk)| (1..=2048).contains(&pk) && (1..=1024).contains(&sk);
    if sizes().any(|size| size > 400 << 10) {
        Some("Item size has exceeded the maximum allowed size")
    } else if !items.iter().map(keys).all(is_key) {
        Some("a key is too long, or empty")
    } else if items.len() > 100 || items.len() > 1 && sizes().sum::<usize>() > 4 << 20 {
        Some("the transaction is too large")
    } else {
        None
    }
}
