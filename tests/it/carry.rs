//! A change of the version of the identity: a file with other ids is refused, and `scan --marks-from` carries decisions and journals
//! over to the clusters that hold the same events.

use std::fs;

use rusqlite::Connection;
use serde_json::json;

use crate::binary::Folder;
use crate::records::{id, lines, record};

/// The codes of the clusters.
const CODES: [&str; 3] = ["Denied", "Throttled", "NoSuchBucket"];

/// The ids that version 1 gave to the clusters of [`CODES`].
const OLD: [&str; 3] = [
    "aaaaaaaaaaaaaaaaaaaaaaaaaa",
    "aeaqcaibaeaqcaibaeaqcaibae",
    "aibaeaqcaibaeaqcaibaeaqcai",
];

/// Failed calls: two refused, two throttled, one bucket that does not exist.
fn trail() -> String {
    let codes = [
        "AccessDenied",
        "AccessDenied",
        "SlowDown",
        "SlowDown",
        "NoSuchBucket",
    ];
    let failures = codes.iter().zip(1..).map(|(code, number)| {
        let time = format!("2026-11-02T08:0{number}:00Z");
        record(json!({"eventID": id(number), "errorCode": code, "eventTime": time}))
    });
    lines(&failures.collect::<Vec<_>>())
}

/// Returns a folder with the trail in `in.jsonl`, and with `old.db`: the same events in clusters of version 1, as `belongs` says for
/// the numbers of the events.
fn folder(belongs: &[(usize, &[u64])]) -> Folder {
    let folder = Folder::new();
    folder.write("in.jsonl", trail());
    folder
        .run(&["scan", "--db", "old.db", "in.jsonl"])
        .printed();
    let connection = Connection::open(folder.path("old.db")).unwrap();
    connection
        .execute("UPDATE cluster SET version = 'fp1'", [])
        .unwrap();
    for (code, old) in CODES.iter().zip(OLD) {
        let update = "UPDATE cluster SET cluster_id = ?2 WHERE code = ?1";
        assert_eq!(connection.execute(update, (code, old)).unwrap(), 1);
    }
    for (row, events) in belongs {
        for number in *events {
            let event = u128::from_str_radix(&id(*number).replace('-', ""), 16).unwrap();
            let update = "UPDATE event SET cluster = (SELECT id FROM cluster WHERE cluster_id = ?2)
                          WHERE event_id = ?1";
            let changed = connection.execute(update, (event.to_be_bytes(), OLD[*row]));
            assert_eq!(changed.unwrap(), 1);
        }
    }
    folder
}

/// Stores a decision about a cluster of version 1, as a program of that time did.
fn decide(folder: &Folder, old: &str, decision: &str, actor: &str, at: i64) {
    let connection = Connection::open(folder.path("old.db")).unwrap();
    let mark = json!({"v": 1, "mark": decision, "until": null, "actor": actor, "reason": "known", "at": at, "epoch": 1});
    connection
        .execute(
            "INSERT OR REPLACE INTO mark VALUES (?1, ?2, 1)",
            (old, mark.to_string()),
        )
        .unwrap();
    connection
        .execute(
            "INSERT INTO journal VALUES (?1, ?2, 1, ?3, ?4, 'known', ?3)",
            (old, at, decision, actor),
        )
        .unwrap();
}

/// The decisions and the journals of a store, without the ids of clusters with refused, throttled and other calls.
fn decided(folder: &Folder, name: &str) -> (Vec<String>, Vec<String>) {
    let connection = Connection::open(folder.path(name)).unwrap();
    let rows = |select: &str| {
        let mut select = connection.prepare(select).unwrap();
        let rows = select.query_map([], |row| row.get(0)).unwrap();
        rows.map(Result::unwrap).collect()
    };
    let marks = "SELECT code || ': ' || json_extract(mark, '$.mark') || ' by ' || json_extract(mark, '$.actor')
                 FROM mark JOIN cluster USING (cluster_id) WHERE mark <> '' ORDER BY 1";
    let journal = "SELECT code || ': ' || what || ' by ' || actor || ', ' || detail
                   FROM journal JOIN cluster USING (cluster_id) ORDER BY code, at, what";
    (rows(marks), rows(journal))
}

/// The present id of the cluster with a code, in `new.db`.
fn present(folder: &Folder, code: &str) -> String {
    let connection = Connection::open(folder.path("new.db")).unwrap();
    let select = "SELECT cluster_id FROM cluster WHERE code = ?1";
    connection
        .query_row(select, [code], |row| row.get(0))
        .unwrap()
}

/// 2026-11-02T09:00:00Z.
const DECIDED: i64 = 1_793_610_000;

const SCAN: [&str; 6] = [
    "scan",
    "--db",
    "new.db",
    "--marks-from",
    "old.db",
    "in.jsonl",
];

#[test]
fn a_store_of_another_identity_is_refused_untouched_and_the_message_says_what_to_do() {
    let folder = folder(&[]);
    let before = fs::read(folder.path("old.db")).unwrap();
    for arguments in [
        vec!["scan", "--db", "old.db", "in.jsonl"],
        vec!["clusters", "list", "--db", "old.db"],
    ] {
        let ran = folder.run(&arguments);
        ran.fails(1, "scan --db NEW --marks-from OLD FILES");
        assert!(
            ran.stderr.contains("identity version fp1"),
            "{}",
            ran.stderr
        );
    }
    assert_eq!(fs::read(folder.path("old.db")).unwrap(), before);
}

#[test]
fn decisions_and_journals_go_to_the_clusters_with_the_same_events_and_again_changes_nothing() {
    let folder = folder(&[]);
    decide(&folder, OLD[0], "expected", "ann", DECIDED);
    decide(&folder, OLD[2], "resolved", "bob", DECIDED + 60);
    let before = fs::read(folder.path("old.db")).unwrap();
    let ran = folder.run(&SCAN);
    assert!(
        ran.stderr
            .contains("carried over: 2 decisions, 4 entries of journals"),
        "{}",
        ran.stderr
    );
    let carried = decided(&folder, "new.db");
    assert_eq!(
        carried.0,
        ["Denied: expected by ann", "NoSuchBucket: resolved by bob"]
    );
    let from = |of: usize| format!("from cluster {} of identity fp1", OLD[of]);
    assert_eq!(
        carried.1,
        [
            format!(
                "Denied: carried by cloudtrail-inspector, {}: expected",
                from(0)
            ),
            "Denied: expected by ann, expected".to_owned(),
            format!(
                "NoSuchBucket: carried by cloudtrail-inspector, {}: resolved",
                from(2)
            ),
            "NoSuchBucket: resolved by bob, resolved".to_owned(),
        ]
    );
    // What was resolved is recovered, and its history says why.
    let listed = folder
        .run(&["clusters", "list", "--db", "new.db", "--format", "json"])
        .json();
    let missing = listed["clusters"].as_array().unwrap().iter();
    let missing = missing.filter(|of| of["identity"]["code"] == "NoSuchBucket");
    assert_eq!(
        missing
            .map(|of| of["status"].as_str().unwrap())
            .collect::<Vec<_>>(),
        ["recovered"]
    );
    let again = folder.run(&SCAN);
    assert!(
        again
            .stderr
            .contains("nothing to carry over that is not there already"),
        "{}",
        again.stderr
    );
    assert_eq!(decided(&folder, "new.db"), carried);
    assert_eq!(fs::read(folder.path("old.db")).unwrap(), before);
    assert!(!folder.path("old.db-wal").exists());
}

#[test]
fn a_part_of_a_split_cluster_gets_its_decision_and_of_joined_clusters_the_latest_holds() {
    // Version 1 had one of the refused and all throttled calls in one cluster, and the other refused one apart.
    let folder = folder(&[(0, &[1]), (1, &[2, 3, 4])]);
    decide(&folder, OLD[0], "expected", "ann", DECIDED);
    decide(&folder, OLD[1], "acknowledged", "bob", DECIDED + 60);
    folder.run(&SCAN).printed();
    let (marks, journal) = decided(&folder, "new.db");
    assert_eq!(
        marks,
        [
            "Denied: acknowledged by bob",
            "Throttled: acknowledged by bob"
        ]
    );
    let of = |start: &str| journal.iter().filter(|of| of.starts_with(start)).count();
    assert_eq!((of("Denied"), of("Throttled")), (4, 2), "{journal:?}");
    assert!(
        journal
            .iter()
            .any(|of| of == "Denied: expected by ann, expected")
    );
}

#[test]
fn a_scan_of_the_files_one_by_one_carries_over_what_one_scan_does() {
    let folder = folder(&[(0, &[1]), (1, &[2, 3, 4])]);
    decide(&folder, OLD[0], "expected", "ann", DECIDED + 60);
    decide(&folder, OLD[1], "acknowledged", "bob", DECIDED);
    folder.run(&SCAN).printed();
    let trail = trail();
    let mut parts: Vec<&str> = trail.lines().collect();
    parts.reverse();
    for part in parts {
        folder.write("part.jsonl", part);
        let arguments = [
            "scan",
            "--db",
            "parts.db",
            "--marks-from",
            "old.db",
            "part.jsonl",
        ];
        folder.run(&arguments).printed();
    }
    assert_eq!(decided(&folder, "parts.db"), decided(&folder, "new.db"));
}

#[test]
fn what_cannot_be_carried_over_is_named_and_what_people_decided_since_stays() {
    let folder = folder(&[]);
    decide(&folder, OLD[0], "expected", "ann", DECIDED);
    let first = trail().lines().next().unwrap().to_owned();
    folder.write("last.jsonl", trail().lines().last().unwrap());
    let arguments = [
        "scan",
        "--db",
        "new.db",
        "--marks-from",
        "old.db",
        "last.jsonl",
    ];
    let ran = folder.run(&arguments);
    let named = format!(
        "not carried over: {}, expected by ann: none of its events was found",
        OLD[0]
    );
    assert!(ran.stderr.contains(&named), "{}", ran.stderr);
    // A person decides before the events come.
    folder.write("first.jsonl", first);
    folder
        .run(&["scan", "--db", "new.db", "first.jsonl"])
        .printed();
    let denied = present(&folder, "Denied");
    let decide = [
        "clusters",
        "acknowledge",
        &denied,
        "--db",
        "new.db",
        "--reason",
        "mine",
        "--actor",
        "eve",
    ];
    folder.run(&decide).printed();
    folder.run(&SCAN).printed();
    assert_eq!(
        decided(&folder, "new.db").0,
        ["Denied: acknowledged by eve"]
    );
    let unmark = [
        "clusters", "unmark", &denied, "--db", "new.db", "--reason", "done", "--actor", "eve",
    ];
    folder.run(&unmark).printed();
    folder.run(&SCAN).printed();
    assert_eq!(decided(&folder, "new.db").0, [""; 0], "it was taken away");
}

#[test]
fn a_store_from_before_decisions_has_nothing_to_carry_over() {
    let folder = folder(&[]);
    let connection = Connection::open(folder.path("old.db")).unwrap();
    let older = "DROP TABLE mark; DROP TABLE journal; PRAGMA user_version = 2;";
    connection.execute_batch(older).unwrap();
    drop(connection);
    let ran = folder.run(&SCAN);
    assert!(
        ran.stderr.contains("nothing to carry over"),
        "{}",
        ran.stderr
    );
}

#[test]
fn the_old_store_is_never_the_new_one() {
    let folder = folder(&[]);
    let before = fs::read(folder.path("old.db")).unwrap();
    let arguments = [
        "scan",
        "--db",
        "./old.db",
        "--marks-from",
        "old.db",
        "in.jsonl",
    ];
    folder
        .run(&arguments)
        .fails(2, "this would overwrite the store of --marks-from");
    folder
        .run(&["scan", "--marks-from", "old.db", "in.jsonl"])
        .fails(2, "--db");
    folder
        .run(&[
            "scan",
            "--db",
            "x.db",
            "--marks-from",
            "gone.db",
            "in.jsonl",
        ])
        .fails(1, "no such file");
    folder
        .run(&[
            "scan",
            "--db",
            "x.db",
            "--marks-from",
            "in.jsonl",
            "in.jsonl",
        ])
        .fails(1, "not a cloudtrail-inspector store");
    assert!(
        !folder.path("x.db").exists(),
        "no store without its decisions"
    );
    assert_eq!(fs::read(folder.path("old.db")).unwrap(), before);
}

/// A table whose clusters got their ids from version 1.
mod stack {
    use std::collections::BTreeMap;

    use alerts::alert::Alert;
    use aws::dynamodb::TableSettings;
    use aws::dynamodb::item::ClusterItem;
    use aws::dynamodb::message::decode_row;
    use aws::dynamodb::table::{Table as _, Write};
    use clusters::carry::{inherit, successors};
    use clusters::fingerprint::{ClusterId, VERSION};
    use clusters::lifecycle::State;
    use clusters::transition::{Change, Transition};
    use clusters::triage::{Decision, Triage};
    use pollster::block_on;
    use records::time::Timestamp;
    use serde_json::json;
    use service::carry::{Carried, hand_over, successors_by_example};
    use service::ports::{Store as _, TransitionWriter as _, TriageStore as _};
    use service::rules::Rules;

    use crate::binary::{Folder, Ran};
    use crate::dynamodb::from_json;
    use crate::emulator::Emulator;
    use crate::records::{id, ingest, lines, record};
    use crate::table::{self, MemoryTable, now, telling};

    /// Returns the table that a stack of version 1 left; `tests/it/dynamodb.rs` says what was in it.
    fn old_table() -> MemoryTable {
        let items = include_str!("../fixtures/items-fp1.json");
        let items: Vec<serde_json::Value> = serde_json::from_str(items).unwrap();
        let table = MemoryTable::default();
        items.iter().for_each(|item| table.set(from_json(item)));
        table
    }

    /// Does what `clusters carry` does, and returns how many items changed and what was carried over.
    fn carry(table: &MemoryTable) -> (u64, Carried) {
        let store = table::store(table, telling());
        let found = block_on(store.clusters_by_version()).unwrap();
        let now_in = |event| found.present_cluster(event);
        let mut successors = successors(found.old.events.iter().copied(), now_in);
        let examples = found.items.iter().filter_map(|(cluster, old)| {
            let is_without = !successors.contains_key(cluster);
            let sample = old.cluster_item.sample.as_ref().filter(|_| is_without)?;
            Some((*cluster, &*sample.json))
        });
        let rules = Rules::default();
        let further = successors_by_example(examples, &rules, &found.present);
        let (further, facts) = block_on(further).unwrap();
        successors.extend(further);
        let mut continued = 0;
        for (cluster, old) in &found.items {
            for new in successors.get(cluster).into_iter().flatten() {
                let facts = facts.get(new).map(AsRef::as_ref);
                let is_changed = block_on(store.continue_cluster(old, *new, facts)).unwrap();
                continued += u64::from(is_changed);
            }
        }
        let inherited = inherit(&found.old.clusters, &successors);
        (continued, block_on(hand_over(&store, &inherited)).unwrap())
    }

    /// The clusters of a table by service, class and version of the id.
    fn heads(table: &MemoryTable) -> BTreeMap<(String, String), (ClusterId, ClusterItem)> {
        let items = table.items();
        let heads = items
            .iter()
            .filter_map(ClusterItem::read)
            .map(|(id, head)| {
                let class = head.facts.identity.class.name().to_owned();
                ((class, head.identity.clone()), (id, head))
            });
        heads.collect()
    }

    fn head(table: &MemoryTable, class: &str, version: &str) -> (ClusterId, ClusterItem) {
        heads(table)[&(class.to_owned(), version.to_owned())].clone()
    }

    /// The kinds of the alerts that wait.
    fn waiting(table: &MemoryTable) -> Vec<String> {
        let items = table.items();
        let rows = items.iter().filter_map(|item| decode_row(item).ok());
        rows.map(|row| row.alert.kind().name().to_owned()).collect()
    }

    /// A refused call of a caller that version 1 knew, two days later.
    fn denied_again(number: u64) -> String {
        lines(&[record(json!({
            "eventID": id(number),
            "errorCode": "AccessDenied",
            "eventTime": "2026-11-04T10:00:00Z",
            "userIdentity": {"type": "IAMUser", "arn": "arn:aws:iam::111122223333:user/ann"},
        }))])
    }

    fn later(table: &MemoryTable, input: &str) {
        let mut store = table::store(table, telling());
        store.set_now(Timestamp::parse("2026-11-04T11:00:00Z").unwrap());
        ingest(&mut store, input);
    }

    #[test]
    fn each_cluster_continues_under_its_present_id_and_again_changes_nothing() {
        let table = old_table();
        let classes = ["absent", "denied", "throttle"];
        let (continued, carried) = carry(&table);
        assert_eq!(continued, 3, "each by its example");
        assert_eq!(
            carried,
            Carried {
                decisions: 1,
                entries: 2
            }
        );
        for class in classes {
            let ((old_id, old), (new_id, new)) =
                (head(&table, class, "fp1"), head(&table, class, VERSION));
            assert_ne!(old_id, new_id);
            assert_eq!((new.state, new.episode), (old.state, old.episode));
            assert_eq!((new.first, &new.callers), (old.first, &old.callers));
            assert_eq!(new.circumstances, old.circumstances);
        }
        let after = table.items();
        assert_eq!(carry(&table), (0, Carried::default()));
        assert!(table.items() == after);
    }

    #[test]
    fn the_command_does_so_in_the_table_of_a_stack() {
        let Some(emulator) = Emulator::find() else {
            return;
        };
        for item in old_table().items() {
            block_on(emulator.sdk_table().write(&Write::Put(item))).unwrap();
        }
        let place = [
            "--table",
            emulator.name(),
            "--bucket",
            emulator.bucket(),
            "--function",
            "ingest",
        ];
        let arguments = [&["clusters", "carry"], &place[..]].concat();
        for (continued, said) in [
            ("3 items", "carried over: 1 decision,"),
            ("0 items", "nothing to carry over that is not there already"),
        ] {
            let folder = Folder::new();
            let mut command = folder.command(&arguments);
            let ran = Ran::of(command.envs(emulator.environment()).output().unwrap());
            assert!(ran.stderr.contains(said), "{ran:?}");
            let printed = format!(
                "3 clusters with an earlier identity: {continued} continued, 0 without a successor\n"
            );
            assert_eq!(ran.printed(), printed);
        }
    }

    #[test]
    fn a_known_failure_is_not_announced_as_new_because_it_has_another_id() {
        let (carried, forgotten) = (old_table(), old_table());
        carry(&carried);
        let before = waiting(&carried);
        // Two days later: the time in which nothing is announced after a change of the version is over.
        for table in [&carried, &forgotten] {
            let mut store = table::store(table, telling());
            ingest(
                &mut store,
                &lines(&[record(json!({"eventID": id(90), "errorCode": "SlowDown"}))]),
            );
            later(table, &denied_again(91));
        }
        assert_eq!(waiting(&carried), before);
        assert_eq!(
            waiting(&forgotten).len(),
            before.len() + 1,
            "not carried over"
        );
    }

    #[test]
    fn events_that_were_read_again_say_where_a_cluster_continues() {
        let table = MemoryTable::default();
        let old = TableSettings {
            identity: "fp1",
            ..telling()
        };
        let event = |number, code: &str| record(json!({"eventID": id(number), "errorCode": code}));
        let mut store = table::store(&table, old);
        ingest(
            &mut store,
            &lines(&[event(1, "OneException"), event(2, "OneException")]),
        );
        let (cluster, _) = head(&table, "other", "fp1");
        let triage = Triage::new(Decision::Expected, "ann", "known", now(), 1);
        assert!(block_on(store.set_triage(cluster, Some(&triage), 0, &triage.made())).unwrap());
        // This test has only the present version: another error with the same event id stands for a cluster with another id.
        let mut store = table::store(&table, telling());
        ingest(
            &mut store,
            &lines(&[event(1, "AccessDenied"), event(2, "SlowDown")]),
        );
        let counted = block_on(store.sums(None)).unwrap().clusters();
        let counted: Vec<_> = counted
            .iter()
            .map(|of| (of.id == cluster, of.span.count))
            .collect();
        assert_eq!(
            counted,
            [(false, 1), (false, 1)],
            "each under its present id alone"
        );
        let (continued, carried) = carry(&table);
        assert_eq!(
            (continued, carried),
            (
                0,
                Carried {
                    decisions: 2,
                    entries: 4
                }
            )
        );
        for class in ["denied", "throttle"] {
            let (new, _) = head(&table, class, VERSION);
            assert_eq!(
                block_on(store.triage(new)).unwrap().triage.as_ref(),
                Some(&triage)
            );
        }
        assert_eq!(carry(&table), (0, Carried::default()));
    }

    #[test]
    fn a_cluster_that_had_recovered_and_has_events_since_is_back() {
        let table = old_table();
        let (_, old) = head(&table, "denied", "fp1");
        let recovered = ClusterItem {
            state: State::Recovered,
            watermark: Some(now()),
            episode: 4,
            ..old
        };
        let (id, _) = head(&table, "denied", "fp1");
        table.set(recovered.item(id, None));
        later(&table, &denied_again(91));
        let (continued, _) = carry(&table);
        assert_eq!(continued, 3);
        let (_, new) = head(&table, "denied", VERSION);
        assert_eq!((new.state, new.episode), (State::Regressed, 5));
        assert_eq!(carry(&table).0, 0);
    }

    #[test]
    fn no_alert_is_sent_about_the_recovery_of_a_cluster_with_an_old_id() {
        let table = old_table();
        carry(&table);
        for (version, alerts) in [("fp1", 0), (VERSION, 1)] {
            let (cluster, of) = head(&table, "denied", version);
            let (at, began) = (now().plus(86_400), now());
            let change = Change::Recovered {
                began,
                fault_seconds: 60,
                count: 2,
            };
            let transition = Transition {
                at,
                account_id: "111122223333".to_owned(),
                cluster: Some(cluster),
                episode: of.episode,
                change,
                is_absorbed: false,
                is_quiet: false,
            };
            let alert = Alert::of_recovery("111122223333", (cluster, 1), at, began, (60, 2), at);
            let before = waiting(&table).len();
            let store = table::store(&table, telling());
            assert!(block_on(store.settle(&transition, Some(&alert))).unwrap());
            assert_eq!(waiting(&table).len(), before + alerts, "{version}");
            assert_eq!(head(&table, "denied", version).1.state, State::Recovered);
        }
    }
}
