//! Implements [`Table`] with the AWS SDK: writes become DynamoDB expressions, and SDK errors become [`TableError`].
//!
//! The SDK does not retry a cancelled transaction. The cancellation reasons are evaluated here. They show whether a
//! condition does not hold, or whether the transaction conflicts with another one.

use std::cell::{Cell, OnceCell};
use std::collections::HashMap;
use std::error::Error;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{
    AttributeValue, CancellationReason, ConsumedCapacity, Delete, KeysAndAttributes, Put,
    ReturnConsumedCapacity, ReturnValue, ReturnValuesOnConditionCheckFailure, TransactWriteItem,
    Update,
};
use clusters::lifecycle::State;
use records::time::Timestamp;
use service::ports::StoreUsage;

use crate::dynamodb::table::{Item, Key, Table, TableError, Value, Write};
use crate::refusal;

/// A client for one DynamoDB table that counts its calls and the write units that they use.
#[derive(Debug)]
pub struct SdkTable {
    config: SdkConfig,
    /// Created at the first call, because creating it is the slowest step in the start of a function.
    client: OnceCell<Client>,
    name: String,
    spent: Cell<StoreUsage>,
}

/// The largest number of keys in one call. Source: DynamoDB API Reference, `BatchGetItem`.
const KEYS_MAX: usize = 100;

/// The longest wait before the first retry; each further retry doubles the limit.
const PAUSE: Duration = Duration::from_millis(20);

type Attributes = HashMap<String, AttributeValue>;

/// The expressions of an update, with the names and values that they use.
struct Expression {
    update: &'static str,
    condition: &'static str,
    names: &'static [(&'static str, &'static str)],
    values: Vec<(&'static str, AttributeValue)>,
}

impl Expression {
    /// Returns the condition expression; `None` for an unconditional update.
    fn condition(&self) -> Option<String> {
        (!self.condition.is_empty()).then(|| self.condition.to_owned())
    }
}

impl SdkTable {
    /// Creates the client for the table `name`, which must exist. Nothing connects before the first call.
    pub fn new(config: &SdkConfig, name: impl Into<String>) -> Self {
        Self {
            config: config.clone(),
            client: OnceCell::new(),
            name: name.into(),
            spent: Cell::default(),
        }
    }

    fn client(&self) -> &Client {
        self.client.get_or_init(|| Client::new(&self.config))
    }

    /// Counts one call, and returns the client for it.
    fn call(&self) -> &Client {
        self.spend(1, 0);
        self.client()
    }

    fn consumed(&self, capacity: &[ConsumedCapacity]) {
        // Some answers have only the total, which is then all write units.
        let units = |of: &ConsumedCapacity| {
            let units = of.write_capacity_units().or(of.capacity_units());
            units.unwrap_or_default().ceil() as u64
        };
        self.spend(0, capacity.iter().map(units).sum());
    }

    fn spend(&self, calls: u64, write_units: u64) {
        let mut spent = self.spent.get();
        spent.add(StoreUsage { calls, write_units });
        self.spent.set(spent);
    }

    async fn put(&self, item: &Item, before: Before) -> Result<Option<Item>, TableError> {
        let (condition, values) = before.condition();
        let put = self.call().put_item().table_name(&self.name);
        let put = put
            .set_item(Some(attributes(item)))
            .set_condition_expression(condition)
            .set_expression_attribute_values(values)
            .return_values(ReturnValue::AllOld)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        match put.send().await {
            Ok(done) => {
                self.consumed(done.consumed_capacity.as_slice());
                Ok(done.attributes.and_then(read))
            }
            Err(error) => Err(match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(refusal)) => {
                    refused(0, refusal.item())
                }
                _ => failed(error),
            }),
        }
    }

    async fn update(&self, write: &Write) -> Result<(), TableError> {
        let Some(expression) = expression(write) else {
            return Ok(());
        };
        let mut update = self
            .call()
            .update_item()
            .table_name(&self.name)
            .set_key(Some(key(write.key())))
            .update_expression(expression.update)
            .set_condition_expression(expression.condition())
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        for (name, of) in expression.names {
            update = update.expression_attribute_names(*name, *of);
        }
        for (name, value) in expression.values {
            update = update.expression_attribute_values(name, value);
        }
        match update.send().await {
            Ok(done) => {
                self.consumed(done.consumed_capacity.as_slice());
                Ok(())
            }
            Err(error) => Err(match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(refusal)) => {
                    refused(0, refusal.item())
                }
                _ => failed(error),
            }),
        }
    }

    async fn delete(&self, item: &Key, holder: &str) -> Result<(), TableError> {
        let delete = self.call().delete_item().table_name(&self.name);
        let delete = delete
            .set_key(Some(key(item)))
            .condition_expression(HELD)
            .expression_attribute_values(":holder", text(holder))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        match delete.send().await {
            Ok(done) => {
                self.consumed(done.consumed_capacity.as_slice());
                Ok(())
            }
            Err(error) => Err(match error.as_service_error() {
                Some(DeleteItemError::ConditionalCheckFailedException(refusal)) => {
                    refused(0, refusal.item())
                }
                _ => failed(error),
            }),
        }
    }

    fn action(&self, write: &Write) -> Result<TransactWriteItem, TableError> {
        let old = ReturnValuesOnConditionCheckFailure::AllOld;
        let action = TransactWriteItem::builder();
        if let Write::End { key: of, holder } = write {
            let delete = Delete::builder()
                .table_name(&self.name)
                .set_key(Some(key(of)))
                .condition_expression(HELD)
                .expression_attribute_values(":holder", text(holder))
                .return_values_on_condition_check_failure(old);
            return Ok(action.delete(delete.build().map_err(invalid)?).build());
        }
        let Some(expression) = expression(write) else {
            let Some((item, before)) = put(write) else {
                return Ok(action.build());
            };
            let (condition, values) = before.condition();
            let put = Put::builder()
                .table_name(&self.name)
                .set_item(Some(attributes(item)))
                .set_condition_expression(condition)
                .set_expression_attribute_values(values)
                .return_values_on_condition_check_failure(old);
            return Ok(action.put(put.build().map_err(invalid)?).build());
        };
        let condition = expression.condition();
        let names = expression.names.iter();
        let names = names.map(|(name, of)| ((*name).to_owned(), (*of).to_owned()));
        let values = expression.values.into_iter();
        let update = Update::builder()
            .table_name(&self.name)
            .set_key(Some(key(write.key())))
            .update_expression(expression.update)
            .set_condition_expression(condition)
            .set_expression_attribute_names(Some(names.collect()))
            .set_expression_attribute_values(Some(
                values
                    .map(|(name, value)| (name.to_owned(), value))
                    .collect(),
            ))
            .return_values_on_condition_check_failure(old);
        Ok(action.update(update.build().map_err(invalid)?).build())
    }

    async fn get_some(&self, keys: &[Key]) -> Result<Vec<Item>, TableError> {
        let mut found = Vec::new();
        let mut wanted = Some(HashMap::from([(self.name.clone(), request(keys)?)]));
        let mut attempt = 0;
        while let Some(request) = wanted.filter(|wanted| !wanted.is_empty()) {
            if attempt > 0 {
                self.pause(attempt - 1).await;
            }
            attempt += 1;
            let get = self
                .call()
                .batch_get_item()
                .set_request_items(Some(request));
            let answer = get.send().await.map_err(failed)?;
            let items = answer.responses.unwrap_or_default().into_values().flatten();
            found.extend(items.filter_map(read));
            wanted = answer.unprocessed_keys;
        }
        Ok(found)
    }
}

impl Table for SdkTable {
    async fn get(&self, keys: &[Key]) -> Result<Vec<Item>, TableError> {
        let mut found = Vec::new();
        for keys in keys.chunks(KEYS_MAX) {
            found.extend(self.get_some(keys).await?);
        }
        Ok(found)
    }

    async fn write(&self, write: &Write) -> Result<Option<Item>, TableError> {
        if let Some((item, before)) = put(write) {
            return self.put(item, before).await;
        }
        match write {
            Write::End { key, holder } => self.delete(key, holder).await.map(|()| None),
            write => self.update(write).await.map(|()| None),
        }
    }

    async fn transact(&self, writes: &[Write]) -> Result<(), TableError> {
        let actions = writes.iter().map(|write| self.action(write));
        let actions: Vec<_> = actions.collect::<Result<_, _>>()?;
        let transaction = self
            .call()
            .transact_write_items()
            .set_transact_items(Some(actions))
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        match transaction.send().await {
            Ok(done) => {
                self.consumed(done.consumed_capacity());
                Ok(())
            }
            Err(error) => Err(match error.as_service_error() {
                Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
                    let reasons = cancelled.cancellation_reasons();
                    why_cancelled(reasons).unwrap_or_else(|| failed(error))
                }
                _ => failed(error),
            }),
        }
    }

    async fn query(&self, pk: &str, start: &str) -> Result<Vec<Item>, TableError> {
        let query = self.client().query().table_name(&self.name);
        let query = query
            .consistent_read(true)
            .expression_attribute_values(":pk", text(pk));
        // DynamoDB rejects an empty prefix.
        let query = match start {
            "" => query.key_condition_expression("pk = :pk"),
            start => query
                .key_condition_expression("pk = :pk AND begins_with(sk, :start)")
                .expression_attribute_values(":start", text(start)),
        };
        let mut pages = query.into_paginator().send();
        let mut found = Vec::new();
        while let Some(page) = pages.next().await {
            self.spend(1, 0);
            let items = page.map_err(failed)?.items.unwrap_or_default();
            found.extend(items.into_iter().filter_map(read));
        }
        Ok(found)
    }

    async fn first(&self, pk: &str, limit: usize) -> Result<Vec<Item>, TableError> {
        let mut found = Vec::new();
        let mut start = None;
        while found.len() < limit {
            let query = self.call().query().table_name(&self.name);
            let answer = query
                .consistent_read(true)
                .key_condition_expression("pk = :pk")
                .expression_attribute_values(":pk", text(pk))
                .limit(i32::try_from(limit - found.len()).unwrap_or(i32::MAX))
                .set_exclusive_start_key(start)
                .send()
                .await
                .map_err(failed)?;
            let items = answer.items.unwrap_or_default();
            found.extend(items.into_iter().filter_map(read));
            start = answer.last_evaluated_key;
            if start.is_none() {
                break;
            }
        }
        Ok(found)
    }

    async fn scan(&self, visit: &mut dyn FnMut(Item)) -> Result<(), TableError> {
        let scan = self
            .client()
            .scan()
            .table_name(&self.name)
            .consistent_read(true);
        let mut pages = scan.into_paginator().send();
        while let Some(page) = pages.next().await {
            self.spend(1, 0);
            let items = page.map_err(failed)?.items.unwrap_or_default();
            items.into_iter().filter_map(read).for_each(&mut *visit);
        }
        Ok(())
    }

    async fn pause(&self, attempt: u32) {
        // A random part of the time, so that colliding writers do not collide again.
        let part = f64::from(fastrand::u16(..)) / f64::from(u16::MAX);
        tokio::time::sleep(PAUSE.mul_f64(f64::from(1 << attempt.min(8)) * part)).await;
    }

    fn spent(&self) -> StoreUsage {
        self.spent.get()
    }
}

const ABSENT: &str = "attribute_not_exists(pk)";

/// The item that must exist before a put.
#[derive(Debug, Clone, Copy)]
enum Before {
    /// Any item or none.
    Anything,
    /// No item.
    Nothing,
    /// An item of this version (`vr`).
    Version(i64),
}

impl Before {
    fn condition(self) -> (Option<String>, Option<HashMap<String, AttributeValue>>) {
        match self {
            Self::Anything => (None, None),
            Self::Nothing => (Some(ABSENT.to_owned()), None),
            Self::Version(version) => {
                let values = HashMap::from([(":version".to_owned(), number(version))]);
                (Some("vr = :version".to_owned()), Some(values))
            }
        }
    }
}

/// Returns the item that a write puts, and the condition; `None` for a write that puts no item.
fn put(write: &Write) -> Option<(&Item, Before)> {
    match write {
        Write::Put(item) => Some((item, Before::Anything)),
        Write::Create(item) | Write::Replace { item, version: 0 } => Some((item, Before::Nothing)),
        Write::Replace { item, version } => Some((item, Before::Version(*version))),
        _ => None,
    }
}

/// The condition that the item is leased by the given holder.
const HELD: &str = "lo = :holder";

/// Returns the expressions of an update; `None` for a put or a delete.
fn expression(write: &Write) -> Option<Expression> {
    Some(match write {
        Write::Put(_) | Write::Create(_) | Write::Replace { .. } | Write::End { .. } => {
            return None;
        }
        Write::Regress { episode, at, .. } => Expression {
            update: "SET st = :regressed, ep = :next, lt = :at ADD vr :one",
            condition: "st = :recovered AND ep = :epoch AND wm < :at",
            names: &[],
            values: vec![
                (":regressed", text(State::Regressed.name())),
                (":recovered", text(State::Recovered.name())),
                (":epoch", number(*episode)),
                (":next", number(episode + 1)),
                (":at", time(*at)),
                (":one", number(1)),
            ],
        },
        Write::Recover {
            version, watermark, ..
        } => Expression {
            update: "SET st = :recovered, wm = :wm ADD vr :one",
            condition: "vr = :version AND st <> :recovered",
            names: &[],
            values: vec![
                (":recovered", text(State::Recovered.name())),
                (":version", number(*version)),
                (":wm", time(*watermark)),
                (":one", number(1)),
            ],
        },
        Write::Reopen { version, .. } => Expression {
            update: "SET st = :ongoing ADD vr :one",
            condition: "vr = :version AND st = :recovered",
            names: &[],
            values: vec![
                (":ongoing", text(State::Ongoing.name())),
                (":recovered", text(State::Recovered.name())),
                (":version", number(*version)),
                (":one", number(1)),
            ],
        },
        Write::First { at, .. } => Expression {
            update: "SET ft = :at ADD vr :one",
            condition: "attribute_exists(pk) AND (ft > :at OR ft = :none)",
            names: &[],
            values: vec![
                (":at", time(*at)),
                (":none", number(0)),
                (":one", number(1)),
            ],
        },
        Write::Template { text: template, .. } => Expression {
            update: "SET te = :te ADD vr :one",
            condition: "attribute_exists(pk) AND (attribute_not_exists(te) OR te > :te)",
            names: &[],
            values: vec![(":te", text(template)), (":one", number(1))],
        },
        Write::Circumstances { texts, .. } => Expression {
            update: "ADD ci :ci",
            condition: "attribute_exists(pk)",
            names: &[],
            values: vec![(":ci", AttributeValue::Ss(texts.iter().cloned().collect()))],
        },
        Write::Lease { .. } => return lease(write),
        Write::Take { .. }
        | Write::Later { .. }
        | Write::HoldBack { .. }
        | Write::Probe { .. }
        | Write::Claim { .. } => return delivery(write),
    })
}

/// Returns the expressions of updates to outbox rows, silences, breakers, usages of access keys and rounds.
fn delivery(write: &Write) -> Option<Expression> {
    Some(match write {
        Write::Take {
            holder, now, until, ..
        } => Expression {
            update: "SET lo = :holder, lu = :until",
            condition: "attribute_exists(pk) AND due <= :now AND lu < :now",
            names: &[],
            values: vec![
                (":holder", text(holder)),
                (":now", time(*now)),
                (":until", time(*until)),
            ],
        },
        Write::Later {
            holder,
            due,
            why,
            attempts,
            ..
        } => Expression {
            update: "SET due = :due, lu = :none, why = :why REMOVE lo ADD tries :attempts",
            condition: HELD,
            names: &[],
            values: vec![
                (":holder", text(holder)),
                (":due", time(*due)),
                (":none", number(0)),
                (":why", text(why)),
                (":attempts", number(*attempts)),
            ],
        },
        Write::HoldBack { absorbed, .. } => {
            let one = (":one", number(1));
            let episode = absorbed.map(|episode| (":episode", number(episode)));
            Expression {
                update: match absorbed {
                    Some(_) => "SET ab = :episode ADD hb :one",
                    None => "ADD hb :one",
                },
                condition: "",
                names: &[],
                values: episode.into_iter().chain([one]).collect(),
            }
        }
        Write::Probe { now, until, .. } => Expression {
            update: "SET pf = :until",
            condition: "attribute_exists(pk) AND pf <= :now",
            names: &[],
            values: vec![(":now", time(*now)), (":until", time(*until))],
        },
        Write::Claim {
            now,
            until,
            expires,
            ..
        } => Expression {
            update: "SET nx = :until, #ttl = :expires",
            condition: "attribute_not_exists(nx) OR nx <= :now",
            names: &[("#ttl", "ttl")],
            values: vec![
                (":now", time(*now)),
                (":until", time(*until)),
                (":expires", time(*expires)),
            ],
        },
        _ => return None,
    })
}

fn lease(write: &Write) -> Option<Expression> {
    let Write::Lease {
        counter,
        places,
        limit,
        expires,
        ..
    } = write
    else {
        return None;
    };
    Some(Expression {
        update: "SET #counter = if_not_exists(#counter, :none) + :places, #ttl = :expires",
        condition: "attribute_not_exists(#counter) OR #counter <= :before_max",
        names: match *counter {
            "used" => &[("#counter", "used"), ("#ttl", "ttl")],
            _ => &[("#counter", "callers"), ("#ttl", "ttl")],
        },
        values: vec![
            (":none", number(0)),
            (":places", number(*places)),
            (":before_max", number(limit - places)),
            (":expires", time(*expires)),
        ],
    })
}

fn time(time: Timestamp) -> AttributeValue {
    number(time.seconds())
}

fn number(number: i64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

fn text(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

/// Returns the error for a cancelled transaction: a refused condition first, else a conflict; `None` for other
/// reasons.
fn why_cancelled(reasons: &[CancellationReason]) -> Option<TableError> {
    let code = |reason: &CancellationReason| reason.code().unwrap_or_default().to_owned();
    let refusal = reasons
        .iter()
        .position(|reason| code(reason) == "ConditionalCheckFailed");
    if let Some(place) = refusal {
        return Some(refused(place, reasons[place].item()));
    }
    let conflicts = [
        "TransactionConflict",
        "ThrottlingError",
        "ProvisionedThroughputExceeded",
    ];
    let is_conflict = |reason| conflicts.contains(&code(reason).as_str());
    reasons
        .iter()
        .any(is_conflict)
        .then_some(TableError::Conflict)
}

fn refused(place: usize, found: Option<&Attributes>) -> TableError {
    let found = found.filter(|found| !found.is_empty()).cloned();
    TableError::Refused {
        place,
        found: found.and_then(read).map(Box::new),
    }
}

/// Converts the error of a DynamoDB call: [`TableError::Invalid`] if a retry cannot help, `Conflict` for a
/// conflicting transaction, else `Unavailable`.
pub(crate) fn failed<E>(error: SdkError<E>) -> TableError
where
    SdkError<E>: ProvideErrorMetadata,
    E: Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    const PERMANENT: [&str; 7] = [
        "ValidationException",
        // The endpoint is not DynamoDB, or an emulator without this operation.
        "UnknownOperationException",
        "AccessDeniedException",
        "ResourceNotFoundException",
        "ItemCollectionSizeLimitExceededException",
        "UnrecognizedClientException",
        "IdempotentParameterMismatchException",
    ];
    match error.code() {
        Some("TransactionConflictException") => TableError::Conflict,
        Some(code) if PERMANENT.contains(&code) => invalid(refusal::describe(&error)),
        Some(_) => TableError::Unavailable(refusal::describe(&error).into()),
        None => TableError::Unavailable(error.into_source().unwrap_or_else(Into::into)),
    }
}

fn invalid(error: impl Into<Box<dyn Error + Send + Sync>>) -> TableError {
    TableError::Invalid(error.into())
}

fn request(keys: &[Key]) -> Result<KeysAndAttributes, TableError> {
    let keys = keys.iter().map(key).collect();
    let request = KeysAndAttributes::builder().set_keys(Some(keys));
    request.consistent_read(true).build().map_err(invalid)
}

fn key(key: &Key) -> Attributes {
    HashMap::from([
        ("pk".to_owned(), AttributeValue::S(key.pk.clone())),
        ("sk".to_owned(), AttributeValue::S(key.sk.clone())),
    ])
}

fn attributes(item: &Item) -> Attributes {
    let value = |value: &Value| match value {
        Value::Text(text) => AttributeValue::S(text.clone()),
        Value::Number(number) => AttributeValue::N(number.to_string()),
        Value::Bytes(bytes) => AttributeValue::B(Blob::new(bytes.clone())),
        Value::Texts(texts) => AttributeValue::Ss(texts.iter().cloned().collect()),
    };
    let mut attributes = key(&item.key);
    let all = item.attributes.iter();
    attributes.extend(all.map(|(name, of)| (name.clone(), value(of))));
    attributes
}

/// Converts an item of the SDK. Attributes of other types than [`Value`] has are skipped; `None` without a key.
fn read(mut attributes: Attributes) -> Option<Item> {
    let mut part = |name| match attributes.remove(name)? {
        AttributeValue::S(text) => Some(text),
        _ => None,
    };
    let mut item = Item::new(Key::new(part("pk")?, part("sk")?));
    for (name, value) in attributes {
        let value = match value {
            AttributeValue::S(text) => Value::Text(text),
            AttributeValue::N(number) => match number.parse() {
                Ok(number) => Value::Number(number),
                Err(_) => continue,
            },
            AttributeValue::B(bytes) => Value::Bytes(bytes.into_inner()),
            AttributeValue::Ss(texts) => Value::Texts(texts.into_iter().collect()),
            _ => continue,
        };
        item.attributes.insert(name, value);
    }
    Some(item)
}
