//! Encodes and decodes the items that belong to alerts.
//!
//! These items are outbox rows, the log of sent alerts, sending pauses of sinks (item kind `silence`), circuit breakers
//! of sinks, alerts about incidents that were decided, and answers of IAM about access keys. `item.rs` lists the keys.

use alerts::alert::{Alert, AlertSubject};
use alerts::facts::{DIGEST, DigestFacts, Facts, LEARNED};
use alerts::kind::AlertKind;
use alerts::outbox::{Breaker, MessageLogEntry, OrderingKey, OutboxRow, SendingPause};
use clusters::fingerprint::ClusterId;
use clusters::incident::life::SentAlert;
use clusters::keys::{IamAnswer, KeyUsage};
use records::time::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::dynamodb::item::SHARDS;
use crate::dynamodb::table::{Item, Key, Write};

/// The lifetime of the sent log, dead rows, and sending pauses (after their end), in seconds.
const LOG_SECONDS: i64 = 90 * 86_400;

/// The lifetime of an access key's usage since the last question to IAM, in seconds.
const KEY_USAGE_SECONDS: i64 = 180 * 86_400;

/// The lifetime of a marker, in seconds: longer than the time in which an event may arrive again.
const MARKER_SECONDS: i64 = 400 * 86_400;

/// The beginning of the sort keys in the sent log, which has the outcome of each alert: sent, digested or suppressed.
pub const LOG: &str = "T#";

/// Returns the keys of all partitions with outbox rows of a sink: the alerts that the sink still has to be sent.
pub fn row_partitions(sink: &str) -> impl Iterator<Item = String> {
    (0..SHARDS).map(move |shard| format!("O#{sink}#{shard}"))
}

/// Returns the key of the item of an outbox row.
///
/// All rows of a sink about the same cluster are in one partition, sorted by creation time. The same holds for rows
/// about the same account that are about no cluster.
pub fn row_key(row: &OutboxRow) -> Key {
    let shard = match row.ordering_key() {
        OrderingKey::Cluster(cluster) => cluster.bytes()[0] % SHARDS,
        OrderingKey::Account(account_id) => Sha256::digest(account_id)[0] % SHARDS,
    };
    let (sink, created, id) = (&row.sink, row.created.seconds(), row.id());
    Key::new(format!("O#{sink}#{shard}"), format!("P#{created:010}#{id}"))
}

/// Encodes an outbox row, an alert that one sink has to be sent, as an item of the table.
pub fn encode_row(row: &OutboxRow) -> Item {
    with_row(Item::new(row_key(row)), row)
        .time("due", row.due)
        .time("lu", row.leased_until)
}

/// Adds the attributes of a row, except key, due time and lease.
fn with_row(item: Item, row: &OutboxRow) -> Item {
    let cluster = row.alert.cluster().map(|cluster| cluster.to_string());
    with_alert(item, &row.alert)
        .text("fp", &cluster.unwrap_or_default())
        .text("ac", row.alert.account_id())
        .time("ft", row.alert.at)
        .number("late", i64::from(row.alert.is_late))
        .number("tries", row.attempts)
        .text("why", &row.why)
}

/// Adds the attributes of an alert: number, kind, name and facts.
fn with_alert(item: Item, alert: &Alert) -> Item {
    let facts = match alert.facts.json() {
        Value::Null => String::new(),
        facts => facts.to_string(),
    };
    item.number("ep", alert.subject.number())
        .text("tr", alert.kind().name())
        .text("nm", &alert.about())
        .text("de", &facts)
}

/// Decodes an outbox row from its item.
///
/// # Errors
/// If the item is not a valid outbox row: a text that states the invalid part, such as the key, the cluster id or the
/// kind of alert.
pub fn decode_row(item: &Item) -> Result<OutboxRow, String> {
    let keys = || {
        let (sink, _) = item.key.pk.strip_prefix("O#")?.rsplit_once('#')?;
        let (created, _) = item.key.sk.strip_prefix("P#")?.split_once('#')?;
        Some((
            sink.to_owned(),
            Timestamp::from_seconds(created.parse().ok()?)?,
        ))
    };
    let (sink, created) = keys().ok_or("its key is not the key of an outbox row")?;
    let number = |name| item.number_of(name).unwrap_or_default();
    Ok(OutboxRow {
        sink,
        alert: Alert {
            subject: subject(item)?,
            facts: facts(item)?,
            at: item.time_of("ft"),
            is_late: number("late") != 0,
        },
        created,
        due: item.time_of("due").unwrap_or(created),
        leased_until: item.time_of("lu"),
        attempts: number("tries"),
        why: item.text_of("why").unwrap_or_default().to_owned(),
    })
}

fn subject(item: &Item) -> Result<AlertSubject, String> {
    let account_id = item.text_of("ac").unwrap_or_default();
    let number = item.number_of("ep").unwrap_or_default();
    Ok(match (item.text_of("fp"), item.text_of("nm")) {
        (Some(cluster), _) => AlertSubject::Cluster {
            account_id: account_id.to_owned(),
            id: ClusterId::parse(cluster)
                .ok_or_else(|| format!("{cluster:?} is not a cluster id"))?,
            episode: number,
        },
        (None, Some(key)) if kind(item)? == AlertKind::AccessKey => AlertSubject::AccessKey {
            account_id: account_id.to_owned(),
            key: key.to_owned(),
            day: Some(number).filter(|day| *day != 0),
        },
        (None, _) => AlertSubject::of_account(account_id),
    })
}

fn kind(item: &Item) -> Result<AlertKind, String> {
    let name = item.text_of("tr").unwrap_or_default();
    AlertKind::from_name(name).ok_or_else(|| format!("{name:?} is not a kind of alert"))
}

/// Decodes the facts of an alert. Only this function reads the JSON of stored alerts.
fn facts(item: &Item) -> Result<Facts, String> {
    let about = item.text_of("nm").unwrap_or_default();
    let json = item.text_of("de").unwrap_or("null");
    Ok(match kind(item)? {
        AlertKind::SensitiveCall => Facts::SensitiveCall(read(json)?),
        AlertKind::New => Facts::New,
        AlertKind::NewPrincipal => Facts::NewPrincipal(about.to_owned()),
        AlertKind::NewCircumstance => Facts::NewCircumstance(read(json)?),
        AlertKind::Regressed => Facts::Regressed(read(json)?),
        AlertKind::Recovered => Facts::Recovered(read(json)?),
        AlertKind::Escalating => Facts::Escalation(read(json)?),
        AlertKind::Campaign => Facts::Campaign(read(json)?),
        AlertKind::Incident => Facts::Incident(read(json)?),
        AlertKind::AccessKey => Facts::AccessKey(read(json)?),
        AlertKind::AccountSummary if about == LEARNED => Facts::Learned(read(json)?),
        AlertKind::AccountSummary => match about.strip_prefix(DIGEST) {
            Some(first) => Facts::Digest(DigestFacts {
                first: first.to_owned(),
                ..read(json)?
            }),
            None => Facts::Summary(read(json)?),
        },
        AlertKind::NewAccount => Facts::NewAccount(read(json)?),
        AlertKind::NoData => Facts::Silence(read(json)?),
        AlertKind::Drill => Facts::Drill(read(json)?),
        AlertKind::DrillFailed => Facts::DrillFailed(read(json)?),
    })
}

fn read<T: DeserializeOwned>(json: &str) -> Result<T, String> {
    serde_json::from_str(json).map_err(|error| format!("its facts cannot be read: {error}"))
}

/// Returns the write that adds the outcome of an alert to the sent log of its cluster. An alert about no cluster is
/// logged for its account.
///
/// `row` is the outbox row of the alert. `answer` is the text that the sink answered, `suppressed` for an alert that
/// was held back, or `digested` for an alert that was counted in a digest.
pub fn log(row: &OutboxRow, now: Timestamp, answer: &str) -> Write {
    let pk = match row.ordering_key() {
        OrderingKey::Cluster(cluster) => format!("C#{cluster}"),
        OrderingKey::Account(account_id) => format!("A#{account_id}"),
    };
    let item = Item::new(Key::new(
        pk,
        format!("{LOG}{:010}#{}", now.seconds(), row.id()),
    ))
    .text("si", &row.sink)
    .text("tr", row.alert.kind().name())
    .number("ep", row.alert.subject.number())
    .text("nm", &row.alert.about())
    .number("tries", row.attempts)
    .text("an", answer)
    .time("ttl", now.plus(LOG_SECONDS));
    Write::Put(item)
}

/// Decodes an entry of the sent log, as written by [`log`]; `None` for other items, and for an entry that has expired
/// at `now`.
pub fn read_log(item: &Item, now: Timestamp) -> Option<MessageLogEntry> {
    let (at, _) = item.key.sk.strip_prefix(LOG)?.split_once('#')?;
    // DynamoDB may need days to delete expired items.
    if item.time_of("ttl").is_some_and(|at| at <= now) {
        return None;
    }
    Some(MessageLogEntry {
        at: Timestamp::from_seconds(at.parse().ok()?)?,
        sink: item.text_of("si")?.to_owned(),
        kind: item.text_of("tr")?.to_owned(),
        outcome: item.text_of("an").unwrap_or_default().to_owned(),
    })
}

/// Returns the partition key of the alerts of a sink that were given up.
pub fn dead_partition(sink: &str) -> String {
    format!("Z#{sink}")
}

/// Returns the write that stores an outbox row as dead, because its alert cannot be sent. `why` is the reason. The
/// item expires 90 days after `now`.
pub fn dead_row(row: &OutboxRow, now: Timestamp, why: &str) -> Write {
    let key = Key::new(
        dead_partition(&row.sink),
        format!("{:010}#{}", now.seconds(), row.id()),
    );
    let item = with_row(Item::new(key), row)
        .time("cr", row.created)
        .text("why", why)
        .time("ttl", now.plus(LOG_SECONDS));
    Write::Put(item)
}

/// Returns the marker that an alert about an account was written. Creating it again fails, so the same alert is not
/// written twice. It expires 400 days after `now`.
pub fn announced_item(alert: &Alert, now: Timestamp) -> Item {
    let at = alert.at.map_or(0, Timestamp::seconds);
    let sk = format!("J#{at:010}#{}", alert.id());
    let item = Item::new(Key::new(format!("A#{}", alert.account_id()), sk));
    with_alert(item, alert).time("ttl", now.plus(MARKER_SECONDS))
}

/// Returns the partition key of all alerts about incidents that were decided.
pub fn incident_alert_partition() -> &'static str {
    "I#"
}

/// Encodes an alert about an incident that was decided. Creating it again fails, so that one function sends the alert. It
/// expires `retention_days` days after the decision.
///
/// The JSON has some 400 bytes, so deflating it would save no write unit.
pub fn incident_alert_item(decided: &SentAlert, retention_days: i64) -> Item {
    let (account_id, incident) = (&decided.actor.account_id, decided.incident.text());
    let sk = format!("{account_id}#{incident}#{:06}", decided.number);
    // A decided alert consists of names, texts and numbers, so encoding never fails.
    let json = serde_json::to_string(decided).unwrap_or_default();
    Item::new(Key::new(incident_alert_partition(), sk))
        .text("de", &json)
        .time("ttl", decided.at.plus(retention_days * 86_400))
}

/// Decodes an alert about an incident that was decided; `None` for other items, for one that has expired at `now`, and for
/// one with names that this version does not know, written by a newer version.
pub fn read_incident_alert(item: &Item, now: Timestamp) -> Option<SentAlert> {
    // DynamoDB may need days to delete expired items.
    if item.time_of("ttl").is_some_and(|at| at <= now) {
        return None;
    }
    serde_json::from_str(item.text_of("de")?).ok()
}

/// Returns the key of the sending pause of a sink for a cluster. During the pause, the sink gets no further alerts
/// about the cluster.
pub fn silence_key(sink: &str, cluster: ClusterId) -> Key {
    Key::new(format!("C#{cluster}"), format!("H#{sink}"))
}

/// Returns the item of a sending pause of a sink for a cluster, from now to `until`. Its number of held-back alerts
/// starts at 0.
///
/// With `until` as `None` there is no pause, and the item only sets the number of held-back alerts to 0.
pub fn silence_item(
    sink: &str,
    cluster: ClusterId,
    until: Option<Timestamp>,
    now: Timestamp,
) -> Item {
    Item::new(silence_key(sink, cluster))
        .time("un", until)
        .number("hb", 0)
        .time("ttl", until.unwrap_or(now).plus(LOG_SECONDS))
}

/// Decodes the sending pause of a sink for a cluster. Without the attribute `un` (its end) there is no pause; without
/// `hb` (a count) no alert was held back.
pub fn read_silence(item: &Item) -> SendingPause {
    SendingPause {
        until: item.time_of("un"),
        suppressed: item.number_of("hb").unwrap_or_default().unsigned_abs(),
    }
}

/// Returns the key of the item with a sink's circuit breaker, which pauses requests to the sink after failures.
pub fn breaker_key(sink: &str) -> Key {
    Key::new(format!("SINK#{sink}"), "B")
}

/// Encodes the circuit breaker of a sink as an item of the table.
pub fn breaker_item(sink: &str, breaker: &Breaker) -> Item {
    Item::new(breaker_key(sink))
        .number("fl", breaker.failures)
        .time("ou", breaker.open_until)
        .time("pf", breaker.probe_from)
        .number("mc", i64::from(breaker.is_misconfigured))
        .text("why", &breaker.why)
}

/// Decodes the circuit breaker of a sink. Missing attributes mean a sink without failures.
pub fn read_breaker(item: &Item) -> Breaker {
    let number = |name| item.number_of(name).unwrap_or_default();
    Breaker {
        failures: number("fl"),
        open_until: item.time_of("ou"),
        probe_from: item.time_of("pf"),
        is_misconfigured: number("mc") != 0,
        why: item.text_of("why").unwrap_or_default().to_owned(),
    }
}

/// Returns the key of the item with the last answers of IAM about an access key; `key` is the id of the access key.
pub fn key_usage_key(key: &str) -> Key {
    Key::new(format!("K#{key}"), "L")
}

/// Returns the time at which an item of [`key_usage_item`] expires if it is written at `now`: 180 days later.
pub fn key_usage_expires(now: Timestamp) -> Timestamp {
    now.plus(KEY_USAGE_SECONDS)
}

/// Encodes the last answers of IAM about an access key as an item that expires 180 days after `now`. `key` is the id
/// of the access key.
pub fn key_usage_item(key: &str, key_usage: &KeyUsage, now: Timestamp) -> Item {
    let answer =
        |answer: &Option<IamAnswer>| answer.as_ref().map(IamAnswer::encode).unwrap_or_default();
    let item = Item::new(key_usage_key(key))
        .text("be", &answer(&key_usage.before))
        .text("no", &answer(&key_usage.now))
        .time("nx", key_usage.next)
        .time("ttl", key_usage_expires(now));
    let item = match key_usage.told {
        Some(last_use) => item.time("td", last_use),
        None => item,
    };
    let item = match key_usage.asked {
        Some(asked) => item.time("as", asked),
        None => item,
    };
    let entry = key_usage.entry.map(|entry| json!(entry).to_string());
    match entry {
        Some(entry) => item.text("en", &entry),
        None => item,
    }
}

/// Decodes the last answers of IAM about an access key. Missing attributes mean that IAM was never asked about the
/// key.
pub fn read_key_usage(item: &Item) -> KeyUsage {
    let answer = |name| item.text_of(name).and_then(IamAnswer::decode);
    KeyUsage {
        before: answer("be"),
        now: answer("no"),
        next: item.time_of("nx"),
        told: item.time_of("td"),
        asked: item.time_of("as"),
        entry: item
            .text_of("en")
            .and_then(|entry| serde_json::from_str(entry).ok()),
    }
}

/// Returns the marker that an alert about a canary key was written for a day. Creating it again fails, so there is
/// one alert per key and day.
///
/// `key` is the id of the access key. `day` is the day of event time, in days since 1970; `None` for events without a
/// time. The marker expires 400 days after `now`.
pub fn marker_item(key: &str, day: Option<i64>, now: Timestamp) -> Item {
    Item::new(Key::new(
        format!("K#{key}"),
        format!("SEEN#{}", day.unwrap_or(0)),
    ))
    .time("ttl", now.plus(MARKER_SECONDS))
}
