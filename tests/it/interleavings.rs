//! All orders in which the calls of concurrent functions can reach the table, for small cases.
//!
//! No order may leave a cluster in a wrong state, announce a transition twice or lose an event. Each condition of a
//! write is left out once, to check that these tests detect that.

use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use alerts::alert::Alert;
use alerts::facts::Facts;
use alerts::outbox::OutboxRow;
use aws::dynamodb::item::{ClusterItem, cluster_key, segment_partitions};
use aws::dynamodb::message::encode_row;
use aws::dynamodb::table::{Table, Write};
use aws::dynamodb::{DynamoStore, TableSettings};
use clusters::fingerprint::ClusterId;
use clusters::lifecycle::State;
use clusters::segment::Segment;
use input::{Layout, Limits};
use records::time::Timestamp;
use serde_json::json;
use service::ingest::{Folding, commit};
use service::ports::Store as _;
use service::rules::Rules;

use crate::effort;
use crate::records::{id, lines, record};
use crate::table::{MemoryTable, Mutant, now, store, telling};

type Task = Pin<Box<dyn Future<Output = ()>>>;

/// Number of orders tried, and the error after the last order; an error ends the search.
type Tried = (u64, Option<String>);

/// Runs tasks in every order of their steps, until `end` returns an error for an order.
fn every_order<W>(
    begin: impl Fn() -> (W, Vec<Task>),
    mut end: impl FnMut(W) -> Option<String>,
) -> Tried {
    // For each step: the task that was chosen, and the number of tasks to choose from.
    let mut steps: Vec<(usize, usize)> = Vec::new();
    let mut orders = 0;
    loop {
        let (world, mut tasks) = begin();
        let mut step = 0;
        while !tasks.is_empty() {
            if step == steps.len() {
                steps.push((0, tasks.len()));
            }
            let (taken, _) = steps[step];
            let mut context = Context::from_waker(Waker::noop());
            if let Poll::Ready(()) = tasks[taken].as_mut().poll(&mut context) {
                drop(tasks.remove(taken));
            }
            step += 1;
        }
        orders += 1;
        if let Some(wrong) = end(world) {
            return (orders, Some(wrong));
        }
        while steps.pop_if(|(taken, of)| *taken + 1 == *of).is_some() {}
        match steps.last_mut() {
            Some((taken, _)) => *taken += 1,
            None => return (orders, None),
        }
    }
}

/// A task that ends after a number of steps, as if killed.
async fn dying(task: Task, steps: usize) {
    let mut task = task;
    let mut step = 0;
    std::future::poll_fn(move |context| {
        step += 1;
        if step > steps {
            return Poll::Ready(());
        }
        task.as_mut().poll(context)
    })
    .await;
}

fn event(number: u64, time: &str) -> String {
    let event = json!({"eventID": id(number), "errorCode": "AccessDenied", "eventTime": time});
    lines(&[record(event)])
}

/// A function that commits one batch.
fn ingest(table: &MemoryTable, input: String) -> Task {
    ingest_with(table, telling(), input)
}

fn ingest_with(table: &MemoryTable, settings: TableSettings, input: String) -> Task {
    let mut store = store(table, settings);
    Box::pin(async move {
        // There are thousands of orders, and a reader that is fast begins with large buffers.
        let (limits, rules) = (Limits::default(), Rules::default());
        let mut folding = Folding::new(limits, &rules).reference();
        let folded = folding.fold(input.as_bytes(), Layout::Lines, None);
        commit(&mut store, "test", folded.unwrap()).await.unwrap();
    })
}

const HOUR: &str = "2026-11-02T08:00:00Z";
const WATERMARK: &str = "2026-11-02T08:30:00Z";

/// The part of an inspection about one cluster: closes the cluster if no event is later than the watermark, and opens
/// it again if an event is.
async fn inspect(table: MemoryTable, cluster: ClusterId, looks: bool) {
    inspect_until(table, cluster, looks, WATERMARK).await;
}

async fn inspect_until(table: MemoryTable, cluster: ClusterId, looks: bool, watermark: &str) {
    let Some(item) = table.get(&[cluster_key(cluster)]).await.unwrap().pop() else {
        return;
    };
    let (_, head) = ClusterItem::read(&item).unwrap();
    let last = if looks {
        last_event(&table).await
    } else {
        None
    };
    let watermark = Timestamp::parse(watermark).unwrap();
    let key = cluster_key(cluster);
    if head.state != State::Recovered && last <= Some(watermark) {
        let write = Write::Recover {
            key,
            version: head.version,
            watermark,
        };
        // Refused, it is looked at again in an hour.
        let _ = table.write(&write).await;
    } else if let Some(at) =
        last.filter(|_| head.state == State::Recovered && last > head.watermark)
    {
        let episode = head.episode;
        let (account_id, facts) = (&head.facts.identity.account_id, Facts::Regressed(None));
        let next = (cluster, episode + 1);
        let alert = Alert::of_cluster(facts, account_id, next, Some(at), now());
        let row = OutboxRow::new("guance", alert, now());
        let regress = Write::Regress { key, episode, at };
        let _ = table
            .transact(&[regress, Write::Create(encode_row(&row))])
            .await;
    }
}

async fn last_event(table: &MemoryTable) -> Option<Timestamp> {
    event_times(table).await.last().copied()
}

/// Returns the times of the events in the table, in ascending order.
async fn event_times(table: &MemoryTable) -> BTreeSet<Timestamp> {
    let window = Timestamp::parse(HOUR).map(Timestamp::window);
    let mut times = BTreeSet::new();
    for pk in segment_partitions(window) {
        for item in table.query(&pk, "").await.unwrap() {
            let segment = Segment::decode(window, item.bytes_of("mf").unwrap()).unwrap();
            let seen = segment.sightings();
            times.extend(seen.map(|(_, seen)| seen.at().unwrap()));
        }
    }
    times
}

/// Returns the error of a table in which `events` events were committed; `None` if it is correct.
fn wrong(table: &MemoryTable, events: u64) -> Option<String> {
    let items = table.items();
    let (cluster, head) = items.iter().find_map(ClusterItem::read)?;
    let told: Vec<_> = items
        .iter()
        .filter(|item| item.key.pk.starts_with("O#"))
        .collect();
    let told = |name: &str| {
        let of = told.iter().filter(|row| row.text_of("tr") == Some(name));
        of.map(|row| row.number_of("ep").unwrap())
            .collect::<Vec<_>>()
    };
    let (new, regressed) = (told("new"), told("regressed"));
    let distinct: BTreeSet<_> = regressed.iter().collect();
    let reader = DynamoStore::new(table.other(), telling(), now());
    let snapshot = run(async move { reader.sums(None).await.unwrap() });
    let count: u64 = snapshot
        .clusters()
        .iter()
        .map(|cluster| cluster.span.count)
        .sum();
    let times = run(event_times(table));
    let (first, last) = (Some(*times.first()?), times.last().copied());
    if new.len() != 1 {
        return Some(format!("told {} times that it is new", new.len()));
    }
    if distinct.len() != regressed.len() || head.episode != 1 + regressed.len() as i64 {
        return Some(format!("told {regressed:?} in epoch {}", head.episode));
    }
    if head.state == State::Recovered && last > head.watermark {
        return Some(format!("{cluster} is closed in spite of a later event"));
    }
    if first != head.first {
        return Some(format!(
            "first seen at {:?} instead of {first:?}",
            head.first
        ));
    }
    if head.state == State::Regressed && last <= head.watermark {
        return Some(format!("{cluster} is open again without a later event"));
    }
    (count != events).then(|| format!("{count} events of {events}"))
}

fn run<T>(task: impl Future<Output = T>) -> T {
    let mut task = Box::pin(task);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(done) = task.as_mut().poll(&mut context) {
            return done;
        }
    }
}

/// A table with one cluster, which has recovered or not.
fn with_cluster(mutant: Option<Mutant>, recovered: bool) -> (MemoryTable, ClusterId) {
    let table = MemoryTable::with_turns(mutant);
    run(ingest(&table, event(1, HOUR)));
    let (cluster, _) = table.items().iter().find_map(ClusterItem::read).unwrap();
    if recovered {
        run(inspect(table.clone(), cluster, true));
    }
    (table, cluster)
}

/// Runs a function that commits an event beside an inspection or another function, then the next inspection.
fn histories(mutant: Option<Mutant>, recovered: bool, looks: bool) -> Tried {
    let mut orders = 0;
    for (time, other) in [
        ("2026-11-02T08:40:00Z", None),
        ("2026-11-02T08:20:00Z", None),
        ("2026-11-02T08:40:00Z", Some("2026-11-02T08:50:00Z")),
        ("2026-11-02T08:40:00Z", Some("2026-11-02T08:20:00Z")),
    ] {
        let begin = || {
            let (table, cluster) = with_cluster(mutant, recovered);
            let beside = match other {
                Some(time) => ingest(&table, event(3, time)),
                None => Box::pin(inspect(table.other(), cluster, looks)),
            };
            (
                (table.clone(), cluster),
                vec![ingest(&table, event(2, time)), beside],
            )
        };
        let (tried, wrong) = every_order(begin, |(table, cluster)| {
            run(inspect(table.other(), cluster, looks));
            wrong(&table, 2 + u64::from(other.is_some()))
        });
        orders += tried;
        if wrong.is_some() {
            return (orders, wrong);
        }
    }
    (orders, None)
}

/// A function reads a recovered cluster; then the cluster fails again and recovers once more.
fn second_episodes(mutant: Option<Mutant>) -> Tried {
    let begin = || {
        let (table, cluster) = with_cluster(mutant, true);
        let quiet = TableSettings::default;
        let another = ingest_with(&table, quiet(), event(2, "2026-11-02T08:45:00Z"));
        let inspection = inspect_until(table.other(), cluster, true, "2026-11-02T08:59:00Z");
        let meanwhile = async {
            another.await;
            inspection.await;
        };
        let late = ingest_with(&table, quiet(), event(3, "2026-11-02T08:40:00Z"));
        (table, vec![late, Box::pin(meanwhile)])
    };
    every_order(begin, |table| {
        let (_, head) = table.items().iter().find_map(ClusterItem::read).unwrap();
        let last = run(event_times(&table)).last().copied();
        let is_late = head.state == State::Regressed && last <= head.watermark;
        is_late.then(|| format!("open again in epoch {} for a late event", head.episode))
    })
}

/// An inspection runs while another one closes the cluster and an event opens it again.
fn two_inspections(mutant: Option<Mutant>) -> Tried {
    let begin = || {
        let (table, cluster) = with_cluster(mutant, false);
        let one = inspect(table.other(), cluster, true);
        let (other, event) = (
            inspect(table.other(), cluster, true),
            ingest(&table, event(2, "2026-11-02T08:40:00Z")),
        );
        let meanwhile = async {
            other.await;
            event.await;
        };
        (
            (table, cluster),
            vec![Box::pin(one) as Task, Box::pin(meanwhile)],
        )
    };
    every_order(begin, |(table, cluster)| {
        run(inspect(table.other(), cluster, true));
        let (_, head) = table.items().iter().find_map(ClusterItem::read).unwrap();
        let times = head.episode - 1;
        let often = || (times > 1).then(|| format!("one event opened it {times} times"));
        wrong(&table, 2).or_else(often)
    })
}

fn births(mutant: Option<Mutant>) -> Tried {
    let begin = || {
        let table = MemoryTable::with_turns(mutant);
        let tasks = vec![
            ingest(&table, event(1, HOUR)),
            ingest(&table, event(2, "2026-11-02T08:10:00Z")),
        ];
        (table, tasks)
    };
    every_order(begin, |table| wrong(&table, 2))
}

#[test]
fn no_order_of_two_functions_announces_a_sensitive_call_twice_or_never() {
    let call = |number, minute: u32, name: &str, source: &str| {
        let event = json!({
            "eventID": id(number),
            "eventTime": format!("2026-11-02T08:{minute:02}:00Z"),
            "eventSource": source,
            "eventName": name,
            "requestParameters": {"userName": "eve", "functionName": "orders"},
        });
        lines(&[record(event)])
    };
    for (name, source) in [
        ("CreateUser", "iam.amazonaws.com"),
        ("UpdateFunctionCode", "lambda.amazonaws.com"),
    ] {
        // With the item of the call in the table, both functions need fewer calls, and there are fewer orders.
        let scratch = MemoryTable::default();
        run(ingest(&scratch, call(1, 0, name, source)));
        let is_short = effort::cases(0, 1) == 0;
        let items = scratch.items().into_iter();
        let item = items
            .filter(|_| is_short)
            .find(|item| ClusterItem::read(item).is_some());
        let begin = || {
            let table = MemoryTable::with_turns(None);
            if let Some(item) = &item {
                table.set(item.clone());
            }
            let tasks = vec![
                ingest(&table, call(1, 0, name, source)),
                ingest(&table, call(2, 30, name, source)),
            ];
            (table, tasks)
        };
        let (orders, wrong) = every_order(begin, |table| {
            let items = table.items();
            let alerts = items.iter().filter(|item| item.key.pk.starts_with("O#"));
            let alerts = alerts.count();
            (alerts != 1).then(|| format!("{alerts} alerts about {name}"))
        });
        assert_eq!(wrong, None, "in order {orders}");
        assert!(orders > 10, "{orders}");
    }
}

#[test]
fn no_order_of_calls_leaves_a_cluster_in_a_wrong_state() {
    for recovered in [false, true] {
        let (orders, wrong) = histories(None, recovered, true);
        assert_eq!(wrong, None, "in order {orders}");
        assert!(orders > 250, "{orders}");
    }
    for case in [second_episodes, two_inspections] {
        let (orders, wrong) = case(None);
        assert_eq!(wrong, None, "in order {orders}");
    }
    let (orders, wrong) = births(None);
    assert_eq!(wrong, None, "in order {orders}");
    assert!(orders > 500, "{orders}");
}

#[test]
fn a_function_that_dies_anywhere_leaves_nothing_wrong_once_its_batch_comes_again() {
    for steps in 0..8 {
        let begin = || {
            let (table, cluster) = with_cluster(None, true);
            let tasks = vec![
                Box::pin(dying(
                    ingest(&table, event(2, "2026-11-02T08:40:00Z")),
                    steps,
                )) as Task,
                ingest(&table, event(3, "2026-11-02T08:50:00Z")),
            ];
            ((table, cluster), tasks)
        };
        let (_, wrong) = every_order(begin, |(table, cluster)| {
            run(ingest(&table, event(2, "2026-11-02T08:40:00Z")));
            run(inspect(table.other(), cluster, true));
            wrong(&table, 3)
        });
        assert_eq!(wrong, None, "died after {steps} steps");
    }
}

#[test]
fn each_condition_that_is_left_out_is_noticed() {
    let found = |(_, wrong): Tried| wrong.is_some();
    assert!(found(births(Some(Mutant::Create))));
    assert!(found(second_episodes(Some(Mutant::Regress))));
    assert!(found(two_inspections(Some(Mutant::Recover))));
    assert!(
        found(histories(None, false, false)),
        "an inspection that ignores manifests"
    );
}
