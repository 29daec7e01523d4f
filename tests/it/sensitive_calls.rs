//! Sensitive calls in all stores: the same set of events gives the same calls and alerts, in any order and any batches, and
//! many invented names cost no more than a few.

use std::collections::BTreeSet;

use alerts::kind::AlertKind;
use aws::dynamodb::TableSettings;
use aws::dynamodb::table::{Item, Table as _};
use clusters::ClusterSnapshot;
use clusters::guard::LimitedKind;
use clusters::transition::{Change, Transition};
use proptest::collection::vec;
use proptest::prelude::*;
use records::time::Timestamp;
use serde_json::{Value, json};
use service::inspect::transition_alerts::alert;
use service::memory::MemoryStore;
use service::ports::Store;
use service::rules::Rules;
use sqlite::SqliteStore;

use crate::effort;
use crate::records::{id, ingest, ingest_by, lines, record, recorded};
use crate::table::{Fault, MemoryTable, store, telling};

/// A call that succeeded: user `caller` attaches a powerful policy to user `target`.
fn attach(number: u64, time: &str, caller: &str, target: &str) -> Value {
    record(json!({
        "eventID": id(number),
        "eventTime": time,
        "eventSource": "iam.amazonaws.com",
        "eventName": "AttachUserPolicy",
        "readOnly": false,
        "userIdentity": {
            "type": "IAMUser",
            "arn": format!("arn:aws:iam::111122223333:user/{caller}"),
            "accountId": "111122223333",
            "userName": caller,
        },
        "requestParameters": {
            "userName": target,
            "policyArn": "arn:aws:iam::aws:policy/AdministratorAccess",
        },
    }))
}

/// A routine call that succeeded: only the first of each caller has an alert.
fn update_code(number: u64, time: &str, caller: &str, function: &str) -> Value {
    let mut call = attach(number, time, caller, "");
    call["eventSource"] = json!("lambda.amazonaws.com");
    call["eventName"] = json!("UpdateFunctionCode20150331v2");
    call["requestParameters"] = json!({"functionName": function});
    call
}

/// Returns the n-th call of some callers within two days.
fn call(number: u64) -> Value {
    let time = format!(
        "2026-11-0{}T0{}:{:02}:00Z",
        1 + number % 2,
        number % 7,
        number * 13 % 60
    );
    let (caller, target) = (
        ["mia", "ben"][(number % 2) as usize],
        format!("t{}", number % 3),
    );
    match number % 5 {
        0 => update_code(number, &time, caller, &target),
        _ => attach(number, &time, caller, &target),
    }
}

/// Returns the number of calls of each row, in the order of ids.
fn rows(snapshot: &ClusterSnapshot) -> BTreeSet<(String, u64)> {
    let calls = snapshot.sensitive_calls();
    calls
        .iter()
        .map(|call| (call.id.to_string(), call.span.count))
        .collect()
}

/// Returns the subject and the time of each alert that waits in a table, sorted.
fn waiting(table: &MemoryTable) -> Vec<(String, i64)> {
    let rows = table.items();
    let is_row = |item: &&Item| item.key.pk.starts_with("O#");
    let mut waiting: Vec<_> = rows
        .iter()
        .filter(is_row)
        .map(|item| {
            let name = AlertKind::SensitiveCall.name();
            assert_eq!(item.text_of("tr"), Some(name));
            let at = item.number_of("ft").unwrap_or_default();
            (item.text_of("fp").unwrap().to_owned(), at)
        })
        .collect();
    waiting.sort();
    waiting
}

fn story(records: &[Value], rules: &Rules) -> Vec<Transition> {
    let mut store = SqliteStore::in_memory().unwrap();
    ingest_by(rules, &mut store, &lines(records));
    recorded(&store, |recorded| recorded.replay(None).story)
}

#[test]
fn each_powerful_policy_and_each_trail_is_announced_and_nothing_recovers() {
    let stop = |number, time: &str, trail: &str| {
        let mut call = attach(number, time, "mia", "");
        call["eventSource"] = json!("cloudtrail.amazonaws.com");
        call["eventName"] = json!("StopLogging");
        call["requestParameters"] = json!({"name": trail});
        call
    };
    let story = story(
        &[
            attach(1, "2026-11-01T10:00:00Z", "mia", "bob"),
            attach(2, "2026-11-03T10:00:00Z", "mia", "eve"),
            stop(3, "2026-11-05T10:00:00Z", "test-trail"),
            stop(4, "2026-11-25T10:00:00Z", "org-trail"),
        ],
        &Rules::default(),
    );
    let announced: Vec<String> = story
        .iter()
        .map(|of| {
            let Change::SensitiveCall(call) = &of.change else {
                panic!("{of:?}");
            };
            let details = call.details.as_ref().unwrap();
            let policy = details.parameters.get("policy");
            let target = details.target.as_deref().unwrap();
            format!(
                "{} {target} {}",
                call.action,
                policy.map_or("", |text| text)
            )
        })
        .collect();
    let policy = "AdministratorAccess";
    let wanted = [
        format!("AttachUserPolicy bob {policy}"),
        format!("AttachUserPolicy eve {policy}"),
        "StopLogging test-trail ".to_owned(),
        "StopLogging org-trail ".to_owned(),
    ];
    assert_eq!(announced.len(), wanted.len());
    for (announced, wanted) in announced.iter().zip(&wanted) {
        let words: Vec<&str> = wanted.split_whitespace().collect();
        assert!(
            words.iter().all(|word| announced.contains(word)),
            "{announced}"
        );
    }
}

#[test]
fn a_rule_expects_calls_of_a_role_until_it_ends() {
    let rules = Rules::parse(
        "[[rule]]
         name = 'onboarding'
         when = { eventName = ['AttachUserPolicy'], userIdentity = { userName = ['ben'] } }
         expected = true
         reason = 'new colleagues get their policies by script'
         owner = 'people team'
         until = 2026-11-02",
    )
    .unwrap();
    let records = [
        attach(1, "2026-11-01T10:00:00Z", "ben", "bob"),
        attach(2, "2026-11-03T10:00:00Z", "ben", "eve"),
    ];
    let alerts: Vec<bool> = story(&records, &rules)
        .iter()
        .map(|of| alert(of, None, of.at).is_some())
        .collect();
    assert_eq!(alerts, [false, true]);
}

#[test]
fn a_strong_call_of_the_tier_first_is_announced_after_weak_ones_of_the_same_caller() {
    let rules = Rules::parse(
        "[[watch]]
         name = 'payments-code'
         calls = ['lambda:UpdateFunctionCode']
         when = { requestParameters = { functionName = ['payments'] } }
         tier = 'first'
         strong = true
         target = 'requestParameters.functionName'
         why = 'Payments are released by two people.'",
    )
    .unwrap();
    let records = [
        update_code(1, "2026-11-02T08:00:00Z", "mia", "orders"),
        update_code(2, "2026-11-02T10:00:00Z", "mia", "stock"),
        update_code(3, "2026-11-02T12:00:00Z", "mia", "payments"),
        update_code(4, "2026-11-02T14:00:00Z", "mia", "payments"),
    ];
    let announced: Vec<String> = story(&records, &rules)
        .iter()
        .filter_map(|of| alert(of, None, of.at))
        .map(|alert| alert.at.unwrap().to_string())
        .collect();
    assert_eq!(announced, ["2026-11-02T08:00:00Z", "2026-11-02T12:00:00Z"]);
    let table = MemoryTable::default();
    for batch in &records {
        let batch = lines(std::slice::from_ref(batch));
        ingest_by(&rules, &mut store(&table, telling()), &batch);
    }
    let mut times: Vec<i64> = waiting(&table).into_iter().map(|(_, at)| at).collect();
    times.sort_unstable();
    let wanted = announced
        .iter()
        .map(|time| Timestamp::parse(time).unwrap().seconds());
    assert_eq!(times, wanted.collect::<Vec<_>>());
}

#[test]
fn a_date_in_a_request_is_compared_with_the_time_of_each_call() {
    let expire = |number, time: &str| {
        let mut call = attach(number, time, "mia", "");
        call["eventSource"] = json!("s3.amazonaws.com");
        call["eventName"] = json!("PutBucketLifecycle");
        call["requestParameters"] = json!({
            "bucketName": "orders",
            "LifecycleConfiguration": {"Rule": {
                "Status": "Enabled", "Prefix": "", "Expiration": {"Date": "2026-11-10T00:00:00Z"},
            }},
        });
        call
    };
    // The records differ in id and time alone. Only the first and the last are near the date.
    let records = lines(&[
        expire(1, "2026-11-09T08:00:00Z"),
        expire(2, "2026-11-02T08:00:00Z"),
        expire(3, "2026-11-12T08:00:00Z"),
    ]);
    let mut store = MemoryStore::default();
    let counts = ingest(&mut store, &records);
    assert_eq!((counts.read, counts.clustered), (3, 2));
}

#[test]
fn a_thousand_invented_names_are_a_hundred_rows_and_an_exact_rest() {
    let records: Vec<Value> = (0..1_000)
        .map(|number| {
            attach(
                number,
                "2026-11-02T08:00:00Z",
                "mia",
                &format!("invented-{number}"),
            )
        })
        .collect();
    let (failure, limit) = (
        record(json!({"errorCode": "AccessDenied", "eventID": id(5_000)})),
        LimitedKind::Strong.limit() as usize,
    );
    let check = |snapshot: &ClusterSnapshot| {
        let calls = snapshot.sensitive_calls();
        let total: u64 = calls.iter().map(|call| call.span.count).sum();
        assert_eq!((calls.len(), total), (limit + 1, 1_000));
        let rest = calls
            .iter()
            .find(|call| call.facts.call_details().is_none())
            .unwrap();
        assert_eq!(rest.span.count, 900);
        assert_eq!(
            rest.cluster().facet_sets.len(),
            1,
            "invented names are not stored"
        );
        // Failures have a limit of their own.
        assert_eq!(snapshot.sums().len(), 1);
    };
    let (mut memory, mut sqlite) = (MemoryStore::default(), SqliteStore::in_memory().unwrap());
    ingest(&mut memory, &lines(&records));
    ingest(&mut memory, &lines(std::slice::from_ref(&failure)));
    check(&pollster::block_on(memory.snapshot(None)).unwrap());
    for batch in records.chunks(300) {
        ingest(&mut sqlite, &lines(batch));
    }
    ingest(&mut sqlite, &lines(std::slice::from_ref(&failure)));
    check(&pollster::block_on(sqlite.snapshot(None)).unwrap());
    let table = MemoryTable::default();
    ingest(&mut store(&table, telling()), &lines(&records));
    ingest(&mut store(&table, telling()), &lines(&[failure]));
    check(&pollster::block_on(store(&table, telling()).snapshot(None)).unwrap());
}

#[test]
fn a_role_whose_path_looks_like_one_of_aws_has_the_limit_of_other_callers_in_each_store() {
    // Only the path `aws-service-role`, in lower case, is reserved for AWS.
    let role = "arn:aws:iam::111122223333:role/AWS-Service-Role/onboarding";
    let create = |number: u64| {
        let mut call = attach(number, "2026-11-02T08:00:00Z", "mia", "");
        call["eventName"] = json!("CreateUser");
        call["requestParameters"] = json!({"userName": format!("invented-{number}")});
        call["userIdentity"] = json!({
            "type": "AssumedRole",
            "arn": "arn:aws:sts::111122223333:assumed-role/onboarding/s",
            "accountId": "111122223333",
            "sessionContext": {"sessionIssuer": {"type": "Role", "arn": role, "userName": "onboarding"}},
        });
        call
    };
    let (first, second) = (1..=40, 41..=80);
    let [first, second] = [
        lines(&first.map(create).collect::<Vec<_>>()),
        lines(&second.map(create).collect::<Vec<_>>()),
    ];
    let rows = |snapshot: ClusterSnapshot| {
        let calls = snapshot.sensitive_calls();
        let names = calls.iter().map(|call| &call.facts.identity.cause);
        assert!(names.flatten().all(|name| name == role));
        calls.len()
    };
    let limit = LimitedKind::Announced.limit() as usize;
    let mut memory = MemoryStore::default();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("calls.db");
    let table = MemoryTable::default();
    for batch in [&first, &second] {
        ingest(&mut memory, batch);
        // Each scan opens the file anew, and counts what is in it.
        ingest(&mut SqliteStore::open(&file).unwrap(), batch);
        ingest(&mut store(&table, telling()), batch);
    }
    let sqlite = SqliteStore::open(&file).unwrap();
    for snapshot in [
        pollster::block_on(memory.snapshot(None)),
        pollster::block_on(sqlite.snapshot(None)),
        pollster::block_on(store(&table, telling()).snapshot(None)),
    ] {
        assert_eq!(rows(snapshot.unwrap()), limit + 1);
    }
}

#[test]
fn the_notes_of_all_calls_of_a_batch_are_read_by_one_call_if_alerts_are_sent_at_all() {
    let learning = TableSettings {
        learn_hours: 24,
        ..telling()
    };
    let silent = TableSettings::default();
    let mut alerts = Vec::new();
    let counted = [telling(), learning, silent].map(|settings| {
        let table = MemoryTable::default();
        // How many calls to the table a function needs for a batch of these sensitive calls.
        let spent = |numbers: std::ops::RangeInclusive<u64>| {
            let calls = numbers.map(|number| {
                let target = format!("t{number}");
                attach(number, "2026-11-02T08:00:00Z", "mia", &target)
            });
            let mut function = store(&table, settings.clone());
            ingest(&mut function, &lines(&calls.collect::<Vec<_>>()));
            function.table().spent().calls
        };
        let counted = [(1, 1), (2, 91), (1, 1), (2, 91)].map(|(first, last)| spent(first..=last));
        alerts.push(waiting(&table).len());
        counted
    });
    assert_eq!(alerts, [91, 0, 0]);
    // What came before is covered by its alert: one call reads the notes of 1 as of 90, and none without alerts. One call
    // writes that the hour has evidence, if there are sinks.
    assert_eq!(counted, [[10, 195, 6, 6], [8, 104, 5, 5], [5, 102, 3, 3]]);
}

proptest! {
    #![proptest_config(effort::property(40, 400))]

    #[test]
    fn order_repetition_cuts_and_crashes_change_no_call_and_no_store(
        numbers in vec(0..60_u64, 1..30),
        (repeats, cut, faults) in (vec(0..30_usize, 0..10), 1..6_usize, vec(0..12_u64, 0..3)),
        seed in any::<prop::sample::Index>(),
    ) {
        let whole: Vec<Value> = numbers.iter().map(|number| call(*number)).collect();
        let mut expected = MemoryStore::default();
        ingest(&mut expected, &lines(&whole));
        let expected = pollster::block_on(expected.snapshot(None)).unwrap();
        let mut arriving = whole.clone();
        arriving.rotate_left(seed.index(whole.len()));
        arriving.reverse();
        arriving.extend(repeats.iter().map(|at| whole[at % whole.len()].clone()));
        let mut memory = MemoryStore::default();
        let mut sqlite = SqliteStore::in_memory().unwrap();
        let table = MemoryTable::default();
        for batch in arriving.chunks(cut) {
            let text = lines(batch);
            ingest(&mut memory, &text);
            ingest(&mut sqlite, &text);
            // A function whose calls fail is started again with the same batch.
            let failing = store(&table, telling());
            let faults = faults.clone();
            failing.table().fail(move |call| faults.contains(&call).then_some(Fault::Lost));
            let mut failing = failing;
            let limits = input::Limits::default();
            let rules = Rules::default();
            let folded = service::ingest::fold(text.as_bytes(), input::Layout::Lines, &limits, None, &rules).unwrap();
            let _ = pollster::block_on(service::ingest::commit(&mut failing, "test", folded));
            ingest(&mut store(&table, telling()), &text);
        }
        prop_assert_eq!(rows(&pollster::block_on(memory.snapshot(None)).unwrap()), rows(&expected));
        prop_assert_eq!(rows(&pollster::block_on(sqlite.snapshot(None)).unwrap()), rows(&expected));
        let in_table = pollster::block_on(store(&table, telling()).snapshot(None)).unwrap();
        prop_assert_eq!(rows(&in_table), rows(&expected));
    }

    #[test]
    fn calls_that_come_in_their_order_have_the_alerts_of_the_whole_set(
        numbers in vec(0..60_u64, 1..30), cut in 1..6_usize,
    ) {
        let mut records: Vec<Value> = numbers.iter().map(|number| call(*number)).collect();
        records.sort_by_key(|record| (record["eventTime"].to_string(), record["eventID"].to_string()));
        let table = MemoryTable::default();
        for batch in records.chunks(cut) {
            ingest(&mut store(&table, telling()), &lines(batch));
            ingest(&mut store(&table, telling()), &lines(batch));
        }
        let mut wanted: Vec<(String, i64)> = story(&records, &Rules::default())
            .iter()
            .filter_map(|of| alert(of, None, of.at))
            .map(|alert| (alert.cluster().unwrap().to_string(), alert.at.unwrap().seconds()))
            .collect();
        wanted.sort();
        prop_assert_eq!(waiting(&table), wanted);
    }
}
