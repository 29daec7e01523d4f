//! The report page, read back by an independent parser: its sums equal the totals, every cluster is present, and text
//! of records stays text.

use std::collections::BTreeSet;
use std::fs;

use alerts::locale::Locale;
use clusters::report::RecordCounts;
use clusters::timeline::Timeline;
use demo::{Plan, trail};
use records::redact::sanitize;
use records::time::Timestamp;
use serde_json::{Value, json};
use view::report::{CARDS_MAX, Report};

use crate::bad_input::{HOSTILE, hostile};
use crate::binary::Folder;
use crate::html::{Element, Page};
use crate::records::{id, lines, record, standing};

/// Runs a scan with a report; returns the JSON and the page.
fn scan(folder: &Folder, arguments: &[&str]) -> (Value, String) {
    let arguments = [&["--html", "report.html"], arguments].concat();
    let scan = folder.scan(&arguments, 0);
    (
        scan,
        fs::read_to_string(folder.path("report.html")).unwrap(),
    )
}

/// Returns a folder with a demo trail under `in`.
pub fn demo() -> Folder {
    let plan = Plan {
        seed: 7,
        hours: 30,
        events_per_hour: 300,
        ..Plan::default()
    };
    let folder = Folder::new();
    for file in trail(&plan).files {
        folder.write(format!("in/{}", file.name), file.gzip());
    }
    folder
}

/// Checks whether a link leads to a place on the page.
fn is_inner(link: &Element) -> bool {
    link.get("href").is_some_and(|to| to.starts_with('#'))
}

/// Asserts that a page has only allowed elements and attributes.
fn assert_plain(page: &Page) {
    const ELEMENTS: &str = " a article bdi body code data dd details div dl dt figcaption figure \
        footer g h1 h2 h3 h4 head header html li main meta nav ol p pre rect script section small span strong \
        style summary svg table tbody td th thead time title tr ul ";
    let plain = |value: &str, also: &str| {
        value
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || also.contains(c))
    };
    let mut ids = BTreeSet::new();
    for element in &page.0 {
        let name = &element.name;
        assert!(ELEMENTS.contains(&format!(" {name} ")), "<{name}>");
        for (attribute, value) in &element.attributes {
            let fine = match attribute.as_str() {
                "id" => plain(value, "-") && ids.insert(value.clone()),
                "class" | "scope" | "role" | "aria-labelledby" => plain(value, " "),
                "href" => {
                    let technique = value.strip_prefix("https://attack.mitre.org/techniques/T");
                    let is_technique =
                        |rest: &str| rest.chars().all(|c| c.is_ascii_digit() || c == '/');
                    value.starts_with('#') && plain(value, "#-")
                        || technique.is_some_and(is_technique)
                }
                "datetime" => Timestamp::parse(value).is_some(),
                "value" => value.parse::<u64>().is_ok(),
                "x" | "y" | "width" | "height" => value.parse::<f64>().is_ok(),
                "viewbox" => plain(value, " ."),
                "preserveaspectratio" => value == "none",
                "data-section" | "data-order" => plain(value, ""),
                // Own words: of the script, and a time in full.
                "data-search" | "data-any" | "data-none" | "data-shown" | "data-severity"
                | "title" => value
                    .chars()
                    .all(|c| c.is_alphanumeric() || " {},.:-+（）".contains(c)),
                "tabindex" => value == "0",
                "aria-hidden" => value == "true",
                "aria-label" => value
                    .chars()
                    .all(|c| c.is_alphanumeric() || " ,.:;-'".contains(c)),
                "lang" | "charset" | "name" | "content" | "http-equiv" => {
                    ["html", "meta"].contains(&name.as_str())
                }
                _ => false,
            };
            assert!(fine, "<{name} {attribute}={value:?}>");
        }
    }
    for (_, link) in page.all("a").filter(|(_, link)| is_inner(link)) {
        assert!(ids.contains(&link.get("href").unwrap()[1..]), "{link:?}");
    }
    let policies = page.all("meta").filter(|(_, meta)| {
        meta.get("content")
            .is_some_and(|content| content.starts_with("default-src 'none'; style-src 'sha256-"))
    });
    let policy = policies.map(|(_, meta)| meta.get("content").unwrap());
    let policy: Vec<&str> = policy.collect();
    let [policy] = policy[..] else {
        panic!("{policy:?}");
    };
    // The one script is the page's own, and its hash is in the policy.
    let scripts: Vec<&str> = page.all("script").map(|(_, of)| of.text.as_str()).collect();
    assert_eq!(scripts.len(), 1);
    assert_eq!(policy.matches("script-src 'sha256-").count(), 1);
}

#[test]
fn whatever_records_hold_stays_text_in_the_page() {
    let folder = Folder::with_lines(lines(&hostile()));
    let evil = HOSTILE.map(|text| text.replace(['/', '\0'], ""));
    for (number, name) in evil.iter().enumerate() {
        // The names of files are written by others, too, and so may be what is in them.
        let call = json!({"eventName": "GetObject", "eventSource": "s3.amazonaws.com"});
        let text = format!("{{{name}\n{call}\n");
        folder.write(format!("odd/{number}{name}.jsonl"), text);
    }
    let (scan, html) = scan(&folder, &["trail.jsonl", "odd"]);
    let page = Page::read(&html);
    assert_plain(&page);
    let title: Vec<&str> = page
        .all("title")
        .map(|(_, title)| title.text.as_str())
        .collect();
    assert_eq!(title[0], "CloudTrail errors");
    // It was not lost either: each text is somewhere, as people may read it.
    let body = &page.all("body").next().unwrap().1.text;
    for text in HOSTILE {
        assert!(body.contains(&sanitize(text, 128)), "{text:?}");
    }
    let count = |list: &str| scan[list].as_array().unwrap().len();
    let cards = count("incidents") + count("clusters") + count("sensitive_calls");
    assert_eq!(page.all("article").count(), cards);
}

#[test]
fn the_totals_of_the_page_are_those_of_the_scan() {
    let folder = demo();
    let (scan, html) = scan(&folder, &["in"]);
    let page = Page::read(&html);
    assert_plain(&page);
    let rows = page.rows(page.table("totals"));
    let line = |name: &str| {
        let mut found = rows.iter().filter(|(head, _)| head.starts_with(name));
        found.next().unwrap_or_else(|| panic!("no line {name}")).1[0]
    };
    let records = &scan["records"];
    for (name, record_counts) in [
        ("read", &records["read"]),
        ("selected", &records["selected"]),
        ("clustered", &records["clustered"]),
        ("duplicate", &records["duplicate"]),
        ("ignored", &records["ignored"]),
        ("quarantined", &records["quarantined"]),
    ] {
        assert_eq!(line(name), record_counts.as_u64().unwrap(), "{name}");
    }
    for (reason, count) in records["not_selected"].as_object().unwrap() {
        assert_eq!(line(reason), count.as_u64().unwrap(), "{reason}");
    }
    assert_eq!(line("read"), line("not selected") + line("selected"));
    assert_eq!(
        line("selected"),
        line("clustered") + line("duplicate") + line("ignored") + line("quarantined")
    );
    let all: u64 = rows.iter().map(|(_, numbers)| numbers[0]).sum();
    let with_reasons = line("not selected") + line("ignored") + line("quarantined");
    let outcomes = line("read") + line("selected") + line("clustered") + line("duplicate");
    assert_eq!(all, outcomes + 2 * with_reasons, "reasons sum up, too");
}

#[test]
fn every_cluster_has_a_card_that_a_link_leads_to_and_the_chart_holds_every_failure() {
    let folder = demo();
    let (scan, html) = scan(&folder, &["in"]);
    let page = Page::read(&html);
    let clusters = scan["clusters"].as_array().unwrap();
    let links: BTreeSet<&str> = page
        .all("a")
        .filter(|(_, link)| is_inner(link))
        .filter_map(|(_, link)| link.get("href"))
        .filter(|href| href.starts_with("#c-") || href.starts_with("#s-"))
        .collect();
    let calls = scan["sensitive_calls"].as_array().unwrap();
    assert!(!calls.is_empty());
    assert_eq!(links.len(), clusters.len() + calls.len());
    for call in calls {
        let id = call["call_id"].as_str().unwrap();
        assert!(links.contains(format!("#s-{id}").as_str()), "{id}");
    }
    for cluster in clusters {
        let id = cluster["cluster_id"].as_str().unwrap();
        assert!(links.contains(format!("#c-{id}").as_str()), "{id}");
        let mut cards = page.all("article");
        let card = cards.find(|(_, card)| card.get("id") == Some(&format!("c-{id}")));
        let text = &card.unwrap().1.text;
        for shown in ["account_id", "severity", "status", "hint", "cluster_id"] {
            let shown = cluster[shown].as_str().unwrap();
            assert!(text.contains(shown), "{shown} is not in {text}");
        }
        for reason in cluster["severity_reasons"].as_array().unwrap() {
            // The page has no points.
            let reason = reason.as_str().unwrap();
            let words = reason.trim_start_matches(['+', '-']);
            let words = words.trim_start_matches(|c: char| c.is_ascii_digit());
            assert!(text.contains(words.trim_start()), "{reason}");
        }
    }
    let charted: u64 = page
        .rows(page.table("numbers"))
        .iter()
        .map(|(_, numbers)| {
            let (sum, parts) = numbers.split_last().unwrap();
            assert_eq!(parts.iter().sum::<u64>(), *sum);
            sum
        })
        .sum();
    let failing = clusters.iter();
    let failing: u64 = failing
        .map(|cluster| cluster["count"].as_u64().unwrap())
        .sum();
    let notes = page
        .all("p")
        .filter(|(_, p)| p.text.contains("without a usable time"));
    let undated = notes.flat_map(|(note, _)| page.numbers(note));
    assert_eq!(charted + undated.sum::<u64>(), failing);
}

#[test]
fn what_people_need_to_navigate_is_there() {
    let folder = demo();
    let (_, html) = scan(&folder, &["in"]);
    let page = Page::read(&html);
    for name in ["h1", "main", "header", "footer"] {
        assert_eq!(page.all(name).count(), 1, "{name}");
    }
    let mut level = 1;
    for element in &page.0 {
        if let Some(next) = element
            .name
            .strip_prefix('h')
            .and_then(|level| level.parse().ok())
        {
            assert!(next <= level + 1, "{element:?} after level {level}");
            level = next;
        }
    }
    for (table, _) in page.all("table") {
        let heads = page.all("th").filter(|(head, _)| page.within(*head, table));
        assert!(heads.count() > 1, "a table without heads");
    }
    assert!(page.all("th").all(|(_, head)| head.get("scope").is_some()));
    assert!(
        page.all("svg")
            .all(|(_, svg)| svg.get("aria-hidden") == Some("true")
                || svg.get("role") == Some("img") && svg.get("aria-label").is_some())
    );
}

#[test]
fn a_page_is_the_same_from_every_store_and_changes_no_output() {
    let folder = demo();
    let (scan, html) = scan(&folder, &["in"]);
    assert_eq!(folder.scan(&["in"], 0), scan);
    let kept = folder.scan(&["--db", "x.db", "--html", "kept.html", "in"], 0);
    assert_eq!(kept, scan);
    let kept = fs::read_to_string(folder.path("kept.html")).unwrap();
    assert!(kept == html, "the stores tell different pages");
    // Scanned again into the same store: all events are duplicates, and the totals show that.
    folder.scan(&["--db", "x.db", "--html", "again.html", "in"], 0);
    let again = fs::read_to_string(folder.path("again.html")).unwrap();
    let events = scan["records"]["clustered"].as_u64().unwrap();
    let page = Page::read(&again);
    let notes = page
        .all("p")
        .filter(|(_, p)| p.text.contains("that the store had before"));
    let numbers: Vec<u64> = notes.flat_map(|(note, _)| page.numbers(note)).collect();
    assert_eq!(numbers[..3], [events, 0, events]);
}

#[test]
fn a_page_without_failures_says_so() {
    let folder = Folder::with_lines(lines(&[record(json!({}))]));
    let (_, html) = scan(&folder, &["trail.jsonl"]);
    let page = Page::read(&html);
    assert_plain(&page);
    let body = &page.all("body").next().unwrap().1.text;
    for said in [
        "Nothing failed.",
        "None was seen.",
        "No failing event",
        "Everything was read.",
    ] {
        assert!(body.contains(said), "{said}: {body}");
    }
}

#[test]
fn beyond_a_limit_the_page_says_how_many_clusters_it_does_not_show() {
    let records: Vec<Value> = (0..CARDS_MAX as u64 + 70)
        .map(|number| {
            record(json!({
                "eventID": id(number),
                "eventTime": format!("2026-11-02T{:02}:00:00Z", number / 150),
                "eventName": format!("Get{}{}", "X".repeat(number as usize / 2), ["", "Y"][number as usize % 2]),
                "errorCode": "AccessDenied",
            }))
        })
        .collect();
    let (snapshot, listing) = standing(&records);
    let html = Report {
        inputs: &[],
        files: 0,
        locale: Locale::default(),
        record_counts: &RecordCounts::default(),
        snapshot: &snapshot,
        listing: &listing,
        timeline: &Timeline::default(),
        incidents: &[],
        failed: &[],
        quarantined: &[],
    }
    .html();
    let page = Page::read(&html);
    assert_plain(&page);
    assert_eq!(page.all("article").count(), CARDS_MAX);
    let mores: Vec<&str> = page
        .all("p")
        .filter(|(at, p)| {
            p.get("class") == Some("more") && page.0[page.0[*at].parent.unwrap()].name == "section"
        })
        .map(|(_, p)| p.text.as_str())
        .collect();
    assert_eq!(mores, ["… and 70 more"]);
}

#[test]
fn access_keys_are_listed_with_their_callers_and_a_success_is_no_failure() {
    let key = |number: u64, key: &str, user: &str| {
        record(json!({
            "eventID": id(number),
            "errorCode": "AccessDenied",
            "userIdentity": {
                "type": "IAMUser",
                "arn": format!("arn:aws:iam::111122223333:user/{user}"),
                "accountId": "111122223333",
                "accessKeyId": key,
                "userName": user,
            },
        }))
    };
    let records = [
        key(1, "ASIAEXAMPLEEXAMPLE02", "ben"),
        key(2, "ASIAEXAMPLEEXAMPLE02", "ben"),
        key(3, "AKIAEXAMPLEEXAMPLE01", "mia"),
        record(json!({
            "eventID": id(4),
            "eventSource": "iam.amazonaws.com",
            "eventName": "CreateUser",
            "requestParameters": {"userName": "bob"},
        })),
    ];
    let folder = Folder::with_lines(lines(&records));
    let (_, html) = scan(&folder, &["trail.jsonl"]);
    let page = Page::read(&html);
    let tables = page.all("table");
    let tables = tables.filter(|(_, table)| table.get("class") == Some("keys stacked"));
    let rows: Vec<_> = tables.flat_map(|(table, _)| page.rows(table)).collect();
    assert_eq!(
        rows,
        [
            ("AKIAEXAMPLEEXAMPLE01 long-term", vec![1, 1]),
            ("ASIAEXAMPLEEXAMPLE02 temporary", vec![2, 0]),
        ]
    );
}

#[test]
fn what_cannot_be_read_is_listed_with_its_place() {
    let folder = Folder::with_lines(format!("nonsense\n{}", lines(&[record(json!({}))])));
    folder.write("empty.json", "");
    let arguments = ["--html", "report.html", "trail.jsonl", "empty.json"];
    let scan = folder.scan(&arguments, 1);
    let html = fs::read_to_string(folder.path("report.html")).unwrap();
    let page = Page::read(&html);
    let mut sections = page.all("section");
    let is_unread =
        |(_, section): &(usize, &Element)| section.get("aria-labelledby") == Some("unread");
    let section = sections.find(is_unread).unwrap().0;
    let cells: Vec<&str> = page
        .all("td")
        .filter(|(cell, _)| page.within(*cell, section))
        .map(|(_, cell)| cell.text.as_str())
        .collect();
    let failed = scan["files"]["failed"][0]["error"].as_str().unwrap();
    let quarantined = scan["quarantined"][0]["detail"].as_str().unwrap();
    assert_eq!(cells, [failed, "1", quarantined]);
}

#[test]
fn a_page_that_cannot_be_written_fails_and_costs_no_output() {
    let folder = Folder::with_lines(lines(&[record(json!({"errorCode": "AccessDenied"}))]));
    fs::create_dir(folder.path("folder")).unwrap();
    for (place, saying) in [
        (
            "nowhere/report.html",
            "nowhere/report.html: the report cannot be written",
        ),
        ("folder", "folder: the report cannot be written"),
    ] {
        let ran = folder.run(&["scan", "--format", "json", "--html", place, "trail.jsonl"]);
        ran.fails(1, saying);
        assert_eq!(ran.json()["records"]["clustered"], 1);
    }
}

#[cfg(unix)]
#[test]
fn a_page_takes_the_place_of_the_last_one_whole() {
    let folder = Folder::with_lines(lines(&[record(json!({"errorCode": "AccessDenied"}))]));
    folder.write("pages/old.html", "old");
    std::os::unix::fs::symlink("pages/old.html", folder.path("link.html")).unwrap();
    let before = fs::File::open(folder.path("pages/old.html")).unwrap();
    let (_, html) = scan(&folder, &["trail.jsonl"]);
    folder.scan(&["--html", "link.html", "trail.jsonl"], 0);
    assert_eq!(
        fs::read_link(folder.path("link.html")).unwrap().to_str(),
        Some("pages/old.html")
    );
    assert_eq!(
        fs::read_to_string(folder.path("pages/old.html")).unwrap(),
        html
    );
    // Whoever had the old page open reads it to its end.
    assert_eq!(std::io::read_to_string(before).unwrap(), "old");
    let mut names: Vec<_> = fs::read_dir(folder.path("pages"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    names.sort();
    assert_eq!(names, ["old.html"], "something else is left");
    let piped = folder.run(&[
        "scan",
        "--limit",
        "1",
        "--html",
        "/dev/stderr",
        "trail.jsonl",
    ]);
    assert!(piped.stderr.contains("</html>"), "{piped:?}");
}
