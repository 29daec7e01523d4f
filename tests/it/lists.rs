//! Lists: their filters, their formats as others read them, and the exit code of `--fail-on`.

use std::collections::BTreeMap;
use std::process::Command;

use demo::{Plan, trail};
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};
use serde_json::{Value, json};

use crate::binary::{Folder, output_with};
use crate::records::{denied, lines};

/// Returns a folder with a store of a small trail.
fn demo_store() -> Folder {
    let plan = Plan {
        seed: 5,
        hours: 6,
        events_per_hour: 300,
        ..Plan::default()
    };
    let folder = Folder::new();
    for file in &trail(&plan).files {
        folder.write(format!("in/{}", file.name), file.gzip());
    }
    folder.scan(&["--db", "x.db", "in"], 0);
    folder
}

fn listed(folder: &Folder, filters: &[&str]) -> Vec<Value> {
    let list = ["clusters", "list", "--db", "x.db", "--format", "json"];
    let mut document = folder.run(&[&list, filters].concat()).json();
    serde_json::from_value(document["clusters"].take()).unwrap()
}

/// Returns a member of each cluster by the cluster's id.
fn by_id(clusters: &[Value], name: &str) -> BTreeMap<String, Value> {
    let of = |cluster: &Value| {
        (
            cluster["cluster_id"].as_str().unwrap().to_owned(),
            cluster[name].clone(),
        )
    };
    clusters.iter().map(of).collect()
}

fn events(clusters: &[Value]) -> u64 {
    clusters
        .iter()
        .map(|of| of["count"].as_u64().unwrap())
        .sum()
}

#[test]
fn a_region_can_be_chosen() {
    let folder = demo_store();
    let all = listed(&folder, &[]);
    let chosen = listed(&folder, &["--in-region", "us-east-1"]);
    assert!(events(&chosen) > 0 && events(&chosen) < events(&all));
    for cluster in &chosen {
        let regions = cluster["facets"]["region"]["values"].as_array().unwrap();
        assert!(regions.iter().all(|of| of["value"] == "us-east-1"));
    }
}

#[test]
fn filters_choose_what_is_listed_and_status_and_severity_stay_those_of_all_events() {
    let folder = demo_store();
    let all = listed(&folder, &[]);
    let with = |filters: &[&str], keep: &dyn Fn(&Value) -> bool| {
        let wanted: Vec<Value> = all.iter().filter(|of| keep(of)).cloned().collect();
        assert!(
            !wanted.is_empty() && wanted.len() < all.len(),
            "{filters:?}"
        );
        assert_eq!(listed(&folder, filters), wanted, "{filters:?}");
    };
    with(&["--severity", "error"], &|of| {
        of["severity"] == "error" || of["severity"] == "critical"
    });
    with(&["--class", "throttle,signin"], &|of| {
        of["class"] == "throttle" || of["class"] == "signin"
    });
    let account = all[0]["account_id"].as_str().unwrap();
    with(&["--account", account], &|of| of["account_id"] == account);
    let (before, since) = (
        listed(&folder, &["--until", "2h"]),
        listed(&folder, &["--since", "2h"]),
    );
    let undated: u64 = all
        .iter()
        .filter(|of| of["last_seen"].is_null())
        .map(|of| of["count"].as_u64().unwrap())
        .sum();
    assert!(events(&before) > 0 && events(&since) > 0);
    // Clusters have dated and undated events, hence at most.
    let rest = events(&all) - events(&before) - events(&since);
    assert!(rest >= undated && rest < 10, "{rest}");
    for name in ["severity", "status"] {
        let whole = by_id(&all, name);
        for (id, value) in by_id(&since, name) {
            assert_eq!(value, whole[&id], "{id}");
        }
    }

    // Of a caller only its own events count, by a part of its name or by a pattern.
    let principals = |filter: &str| {
        let of = listed(&folder, &["--principal", filter]);
        let names = of
            .iter()
            .flat_map(|of| of["facets"]["principal"]["values"].as_array().unwrap());
        let names: Vec<String> = names
            .map(|of| of["value"].as_str().unwrap().to_owned())
            .collect();
        (events(&of), names)
    };
    let (count, names) = principals("KIOSK");
    assert!(
        count > 0 && names.iter().all(|name| name.contains("user/kiosk")),
        "{names:?}"
    );
    assert_eq!(principals("user/kiosk-*"), (count, names));
    assert_eq!(principals("kiosk-?").0, 0);

    let printed = folder
        .run(&["clusters", "list", "--db", "x.db", "--severity", "error"])
        .printed();
    let hidden = all
        .iter()
        .filter(|of| of["severity"] != "error" && of["severity"] != "critical");
    let hidden = format!("\nHidden by the filters: {} clusters", hidden.count());
    assert!(printed.contains(&hidden), "{printed}");
    let top = |filters: &[&str]| {
        let command = ["top", "--db", "x.db", "--by", "account", "--format", "json"];
        folder.run(&[&command, filters].concat()).json()
    };
    assert_eq!(top(&["--account", account])[0]["name"], account);
    assert_eq!(top(&["--account", account])[1], Value::Null);
    folder
        .run(&["scan", "--account", "12", "in"])
        .fails(2, "an account ID has twelve digits");
}

#[test]
fn the_exit_code_says_whether_something_is_as_severe_as_asked_and_a_failure_wins() {
    let folder = Folder::with_lines(lines(&[denied(1, json!({}))]));
    let scan = |options: &[&str], code: i32| {
        let ran = folder.run(&[&["scan"], options].concat());
        assert_eq!(ran.code, Some(code), "{ran:?}");
        ran
    };
    scan(&["--db", "x.db", "trail.jsonl"], 0);
    scan(&["--fail-on", "warning", "trail.jsonl"], 3);
    scan(&["--fail-on", "error", "trail.jsonl"], 0);
    scan(
        &["--fail-on", "warning", "--class", "throttle", "trail.jsonl"],
        0,
    );
    let quiet = scan(&["-q", "--fail-on", "info", "trail.jsonl"], 3);
    assert_eq!((quiet.stdout, quiet.stderr), (String::new(), String::new()));
    scan(&["--fail-on", "info", "trail.jsonl", "gone.jsonl"], 1);
    scan(&["--fail-on", "loud", "trail.jsonl"], 2);
    let list = ["clusters", "list", "--db", "x.db", "--fail-on", "warning"];
    assert_eq!(folder.run(&list).code, Some(3));
    let cluster = listed(&folder, &[])[0]["cluster_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let decide = [
        "clusters", "expect", "--db", "x.db", &cluster, "--reason", "meant", "--actor", "ann",
    ];
    folder.run(&decide).printed();
    assert_eq!(folder.run(&list).code, Some(0));
}

/// Records with texts that are something else to a spreadsheet, to Markdown or to a terminal.
fn hostile() -> Vec<Value> {
    let texts = [
        "=HYPERLINK(\"https://evil.example\")",
        "@SUM(1+9)*cmd|' /C calc'!A0",
        "a|b`c\\|d",
        "[x](https://evil.example) ![y](https://evil.example/p.png)",
        "<img src=x onerror=alert(1)> @everyone www.evil.example \"quoted\", and more",
        "\u{1b}]8;;https://evil.example\u{1b}\\link\u{1b}[31m",
    ];
    let of = |(number, text): (u64, &str)| {
        denied(
            number,
            json!({
                "errorCode": text,
                "userIdentity": {"type": "IAMUser", "userName": text, "accountId": "111122223333",
                    "arn": format!("arn:aws:iam::111122223333:user/{text}"), "principalId": "AIDAEXAMPLE"},
            }),
        )
    };
    (1..).zip(texts).map(of).collect()
}

#[test]
fn csv_is_read_by_others_and_holds_no_formula() {
    let folder = Folder::with_lines(lines(&hostile()));
    // Not through the harness, which refuses the carriage returns of CSV.
    let command = ["scan", "--format", "csv", "trail.jsonl"];
    let output = folder.command(&command).output().unwrap();
    let csv = String::from_utf8(output.stdout).unwrap();
    assert!(
        csv.starts_with("kind,id,severity,status,mark,count,"),
        "{csv}"
    );
    assert_eq!(csv.matches("\r\n").count(), csv.matches('\n').count());
    let read = "import csv, io, json, sys\n\
        print(json.dumps(list(csv.DictReader(io.StringIO(sys.stdin.read(), newline='')))))";
    let output = output_with(Command::new("python3").args(["-c", read]), csv);
    let rows: Vec<BTreeMap<String, String>> = serde_json::from_slice(&output.stdout).unwrap();
    let clusters = folder.scan(&["trail.jsonl"], 0);
    let clusters = clusters["clusters"].as_array().unwrap();
    assert_eq!(rows.len(), clusters.len());
    let codes: BTreeMap<&str, &str> = clusters
        .iter()
        .map(|of| {
            (
                of["cluster_id"].as_str().unwrap(),
                of["error_code"].as_str().unwrap(),
            )
        })
        .collect();
    for row in &rows {
        assert_eq!(
            (row.len(), row["kind"].as_str()),
            (18, "cluster"),
            "{row:?}"
        );
        assert!(
            row.values()
                .all(|cell| !cell.starts_with(['=', '+', '-', '@'])),
            "{row:?}"
        );
        let code = codes[row["id"].as_str()];
        assert_eq!(row["error_code"].trim_start_matches('\''), code);
    }
    assert!(
        rows.iter()
            .any(|row| row["error_code"].starts_with("'=HYPERLINK("))
    );
}

#[test]
fn markdown_is_a_table_in_which_texts_of_callers_mean_nothing() {
    let folder = Folder::with_lines(lines(&hostile()));
    let clusters = folder.scan(&["trail.jsonl"], 0);
    let clusters = clusters["clusters"].as_array().unwrap();
    let codes: Vec<&str> = clusters
        .iter()
        .map(|of| of["error_code"].as_str().unwrap())
        .collect();
    for command in [
        &["scan", "--format", "markdown", "trail.jsonl"][..],
        &["top", "--by", "code", "--format", "markdown", "trail.jsonl"],
    ] {
        let text = folder.run(command).printed();
        let (mut rows, mut cell, mut row) = (Vec::new(), String::new(), Vec::new());
        for event in Parser::new_ext(&text, Options::all()) {
            match event {
                Event::Start(Tag::Link { .. } | Tag::Image { .. })
                | Event::Html(_)
                | Event::InlineHtml(_) => {
                    panic!("{event:?} in {text}")
                }
                Event::Text(of) | Event::Code(of) => cell.push_str(&of),
                Event::End(TagEnd::TableCell) => row.push(std::mem::take(&mut cell)),
                Event::End(TagEnd::TableHead) => row.clear(),
                Event::End(TagEnd::TableRow) => rows.push(std::mem::take(&mut row)),
                Event::Start(_) => cell.clear(),
                _ => {}
            }
        }
        assert_eq!(rows.len(), clusters.len(), "{text}");
        let columns = rows[0].len();
        for row in &rows {
            assert_eq!(row.len(), columns, "{row:?}");
            let is_of = |code: &&str| row.iter().any(|cell| cell.contains(*code));
            assert!(codes.iter().any(is_of), "{row:?}");
        }
    }
}

#[test]
fn json_lines_have_one_object_each_with_its_kind() {
    let folder = demo_store();
    let scan = folder.scan(&["in"], 0);
    let printed = folder.run(&["scan", "--format", "jsonl", "in"]).printed();
    let objects: Vec<Value> = printed
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    for (kind, list) in [
        ("incident", "incidents"),
        ("sensitive_call", "sensitive_calls"),
        ("cluster", "clusters"),
    ] {
        let mut of_kind: Vec<Value> = objects
            .iter()
            .filter(|of| of["kind"] == kind)
            .cloned()
            .collect();
        for of in &mut of_kind {
            of.as_object_mut().unwrap().remove("kind");
        }
        let mut wanted = scan[list].as_array().unwrap().clone();
        // The order is that of the table.
        of_kind.sort_by_key(ToString::to_string);
        wanted.sort_by_key(ToString::to_string);
        assert!(of_kind == wanted, "{kind}");
    }
    let severities = ["critical", "error", "warning", "info"];
    let order = objects.iter().filter(|of| of["kind"] == "cluster");
    let order: Vec<usize> = order
        .map(|of| {
            severities
                .iter()
                .position(|name| of["severity"] == *name)
                .unwrap()
        })
        .collect();
    assert!(order.is_sorted(), "{order:?}");
}
