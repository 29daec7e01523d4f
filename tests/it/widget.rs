//! Answers to a dashboard, from each kind of store: lists, pages of clusters, decisions, and messages about requests
//! that are not understood. The pages are read back with an independent parser.

use std::collections::BTreeSet;

use alerts::links::Links;
use alerts::locale::Locale;
use aws::dynamodb::table::Table as _;
use clusters::fingerprint::ClusterId;
use clusters::journal::JournalEvent;
use clusters::keys::{IamAnswer as KeyAnswer, KeyEntry, KeySettings, KeyUsage};
use clusters::lifecycle::Resolutions;
use clusters::triage::Decision;
use pollster::block_on;
use proptest::prelude::*;
use records::redact::sanitize;
use records::time::{Timestamp, Window};
use serde_json::{Value, json};
use service::ports::{
    ClusterReader, HourReader, KeyAnswers, KeyUsageStore, SentLog, Store, TriageStore,
};
use service::widget::{StoreState, WidgetResponse, WidgetSetting, answer};
use view::listing::{Listing, Show};

use crate::bad_input::{HOSTILE, hostile, hostile_calls};
use crate::effort;
use crate::html::Page;
use crate::incident_alerts::story;
use crate::records::{ACCOUNT, id, ingest, lines, record, recorded};
use crate::table::{MemoryTable, now, store, telling};

contract!(
    the_last_of_equal_clusters_comes_first_and_a_click_opens_it,
    one_finds_by_words_by_account_and_by_how_clusters_stand,
    a_page_has_twenty_five_clusters_and_leads_to_the_next,
    what_the_inspection_has_not_taken_yet_is_listed,
    a_cluster_says_who_and_why_and_what_is_like_it,
    whoever_decides_is_in_the_journal_and_whoever_is_slower_changes_nothing,
    a_sensitive_call_is_listed_apart_and_has_a_page_without_decisions,
    an_id_that_is_searched_for_opens_its_page,
    hostile_text_stays_text,
    an_incident_is_listed_first_and_has_a_page,
    what_is_not_understood_is_answered_with_a_sentence,
);

mod keys {
    use super::a_cluster_says_when_its_key_was_last_used;

    table_contract!(a_cluster_says_when_its_key_was_last_used);
}

/// A store with everything that the widget needs.
pub trait Whole: Store + ClusterReader + HourReader + KeyAnswers + TriageStore + SentLog {}

impl<S: Store + ClusterReader + HourReader + KeyAnswers + TriageStore + SentLog> Whole for S {}

pub fn setting() -> WidgetSetting {
    WidgetSetting {
        endpoint: "arn:aws:lambda:eu-central-1:111122223333:function:watch-widget".to_owned(),
        links: Links::default()
            .with_stack("eu-central-1", None, Some("trail"))
            .unwrap(),
        account_names: [(ACCOUNT.to_owned(), "shop".to_owned())].into(),
        keys: KeySettings {
            account_id: ACCOUNT.to_owned(),
            member_accounts: [].into(),
            dormant_days: 90,
            canaries: [].into(),
        },
        locale: Locale::default(),
        default_show: Show::Open,
        is_past: false,
        retention_days: Some(35),
        decides: true,
        as_of: at(12),
        now: at(12),
    }
}

/// Returns a moment on the day of the records.
pub fn at(hour: i64) -> Timestamp {
    let day = Timestamp::parse("2026-11-02T00:00:00Z").unwrap();
    day.after(hour * 3600).unwrap()
}

/// Returns a failed call in an hour.
pub fn failure(number: u64, call: &str, hour: i64) -> Value {
    record(json!({
        "eventID": id(number), "eventName": call, "eventTime": at(hour).to_string(),
        "errorCode": "AccessDenied", "errorMessage": "Access Denied",
    }))
}

/// Returns the list that an inspection of all hours before `until` saves.
pub fn listing(store: &impl Whole, until: Timestamp) -> Listing {
    recorded(store, |all| all.replay(Some(until.window())).listing(until))
}

fn ask_with(
    store: &impl Whole,
    listing: &Listing,
    setting: &WidgetSetting,
    event: &Value,
) -> String {
    let known = async |_: Option<&str>| Ok(StoreState::from(listing.clone()));
    match block_on(answer(&event.to_string(), store, known, setting)).unwrap() {
        WidgetResponse::Html(html) => html,
        WidgetResponse::Markdown(markdown) => panic!("{markdown}"),
    }
}

pub fn ask(store: &impl Whole, event: &Value) -> Page {
    let html = ask_with(store, &listing(store, at(12)), &setting(), event);
    Page::read(&html)
}

/// Returns the parameters of the clickable element with a text.
#[track_caller]
pub fn click(page: &Page, words: &str) -> Value {
    let mut links = page.all("a").filter(|(_, link)| link.text.trim() == words);
    let found = links.next();
    let (place, link) = found.unwrap_or_else(|| panic!("no link {words}"));
    let beside = page.0[place + 1..]
        .iter()
        .find(|next| next.parent == link.parent);
    let action = beside.unwrap();
    assert_eq!(
        action.name, "cwdb-action",
        "an action belongs to what is before it"
    );
    assert_eq!(action.get("action"), Some("call"));
    serde_json::from_str(&action.text).unwrap()
}

/// Returns the texts in the rows of a list.
pub fn found(page: &Page) -> Vec<String> {
    let rows = page
        .all("a")
        .filter(|(_, link)| link.get("class") == Some("open"));
    rows.map(|(_, link)| link.text.clone()).collect()
}

pub fn texts(page: &Page, class: &str) -> String {
    let found = page.0.iter().filter(|element| {
        let classes = element.get("class").unwrap_or_default();
        classes.split(' ').any(|of| of == class)
    });
    found.map(|element| format!("{}\n", element.text)).collect()
}

fn the_last_of_equal_clusters_comes_first_and_a_click_opens_it(store: &mut impl Whole) {
    let records = [
        failure(1, "GetObject", 8),
        failure(2, "PutObject", 10),
        failure(3, "GetObject", 11),
    ];
    ingest(store, &lines(&records));
    let page = ask(store, &json!({}));
    assert_eq!(
        found(&page),
        ["s3:GetObject AccessDenied", "s3:PutObject AccessDenied"]
    );
    let by_count = ask(store, &click(&page, "Events"));
    assert_eq!(found(&by_count)[0], "s3:GetObject AccessDenied");
    let turned = ask(store, &click(&by_count, "Events ▼"));
    assert_eq!(found(&turned)[0], "s3:PutObject AccessDenied");
    let opened = ask(store, &click(&page, "s3:PutObject AccessDenied"));
    assert!(texts(&opened, "ci").contains("2026-11-02 10:00"));
    let json = ask(store, &click(&opened, "JSON"));
    let pre = json.all("pre").next().unwrap().1;
    let json: Value = serde_json::from_str(&pre.text).unwrap();
    assert_eq!(json["cluster"]["event_name"], "PutObject");
    assert_eq!(json["cluster"]["count"], 1);
}

/// Returns two failures of one account, and one of another.
pub fn two_accounts() -> Vec<Value> {
    let other = json!({
        "eventID": id(3), "eventTime": at(10).to_string(), "eventName": "ConsoleLogin",
        "eventSource": "signin.amazonaws.com", "eventType": "AwsConsoleSignIn",
        "errorMessage": "Failed authentication", "recipientAccountId": "444455556666",
        "responseElements": {"ConsoleLogin": "Failure"},
    });
    vec![
        failure(1, "GetObject", 2),
        failure(2, "PutObject", 9),
        record(other),
    ]
}

fn one_finds_by_words_by_account_and_by_how_clusters_stand(store: &mut impl Whole) {
    ingest(store, &lines(&two_accounts()));
    let all = ask(store, &json!({}));
    assert_eq!(found(&all).len(), 3);
    for (asked, expected) in [
        (
            json!({"search": "putobject denied"}),
            vec!["s3:PutObject AccessDenied"],
        ),
        (
            json!({"search": "USER/MIA getobject"}),
            vec!["s3:GetObject AccessDenied"],
        ),
        (json!({"search": "nothing of it"}), vec![]),
        (
            json!({"account": ACCOUNT, "sort": "what"}),
            vec!["s3:GetObject AccessDenied", "s3:PutObject AccessDenied"],
        ),
        (json!({"status": "recovered"}), vec![]),
        // What was typed into the form wins over what the widget was set up with.
        (
            json!({"search": "getobject", "widgetContext": {"forms": {"all": {"search": "putobject"}}}}),
            vec!["s3:PutObject AccessDenied"],
        ),
    ] {
        assert_eq!(found(&ask(store, &asked)), expected, "{asked}");
    }
    let range = |from: i64, until: i64| json!({"start": at(from).seconds() * 1000, "end": at(until).seconds() * 1000});
    let early = json!({"widgetContext": {"timeRange": range(1, 3)}});
    let page = ask(store, &early);
    assert_eq!(found(&page), ["s3:GetObject AccessDenied"]);
    assert!(texts(&page, "said").contains("2 more at other times"));
    let mut zoomed = range(0, 12);
    zoomed["zoom"] = range(8, 9);
    assert_eq!(
        found(&ask(
            store,
            &json!({"widgetContext": {"timeRange": zoomed}})
        )),
        ["s3:PutObject AccessDenied"]
    );
}

fn a_page_has_twenty_five_clusters_and_leads_to_the_next(store: &mut impl Whole) {
    let name = |number: u64| {
        format!(
            "Get{}{}",
            char::from(b'A' + (number / 26) as u8),
            char::from(b'A' + (number % 26) as u8)
        )
    };
    let records: Vec<Value> = (0..60)
        .map(|number| failure(number, &name(number), 9))
        .collect();
    ingest(store, &lines(&records));
    let mut page = ask(store, &json!({"sort": "what"}));
    let mut all = found(&page);
    assert!(texts(&page, "pages").contains("Page 1 of 3"));
    while all.len() < 60 {
        assert_eq!(all.len() % 25, 0);
        page = ask(store, &click(&page, "Next"));
        all.extend(found(&page));
    }
    let expected: Vec<String> = (0..60)
        .map(|number| format!("s3:{} AccessDenied", name(number)))
        .collect();
    assert_eq!(all, expected, "each once, in order");
    assert_eq!(
        found(&ask(store, &click(&page, "Previous"))),
        expected[25..50]
    );
    assert_eq!(
        found(&ask(store, &json!({"sort": "what", "page": 99}))),
        expected[50..]
    );
}

fn what_the_inspection_has_not_taken_yet_is_listed(store: &mut impl Whole) {
    let records = [
        failure(1, "GetObject", 8),
        failure(2, "GetObject", 11),
        failure(3, "PutObject", 11),
    ];
    ingest(store, &lines(&records));
    let before = listing(store, at(11));
    assert_eq!(before.clusters.len(), 1);
    let html = ask_with(store, &before, &setting(), &json!({}));
    let page = Page::read(&html);
    assert_eq!(
        found(&page),
        ["s3:PutObject AccessDenied", "s3:GetObject AccessDenied"]
    );
    let events: Vec<u64> = page.numbers(page.table("list")).collect();
    assert_eq!(events, [1, 2]);
    assert!(texts(&page, "missing").is_empty());
    let late = WidgetSetting {
        as_of: at(40),
        now: at(40),
        ..setting()
    };
    let html = ask_with(store, &before, &late, &json!({}));
    assert!(
        texts(&Page::read(&html), "missing")
            .contains("The inspection is behind: events from 2026-11-02T11:00:00Z")
    );
}

/// Returns the page of a cluster with one caller and her access key.
fn page_of_a_cluster(store: &mut impl Whole) -> Page {
    let near = record(json!({
        "eventID": id(2), "eventTime": "2026-11-02T09:29:00Z", "eventName": "ListBuckets", "errorCode": "AccessDenied",
    }));
    let mut records = vec![
        failure(1, "GetObject", 9),
        near,
        failure(3, "PutObject", 11),
    ];
    // A long-term key is looked up first, however many temporary keys there are.
    for number in 10..30 {
        let mut failure = failure(number, "GetObject", 9);
        let key = format!("ASIAEXAMPLEEXAMPLE{}", number / 2);
        failure["userIdentity"]["accessKeyId"] = json!(key);
        records.push(failure);
    }
    ingest(store, &lines(&records));
    let list = ask(store, &json!({"search": "getobject"}));
    ask(store, &click(&list, "s3:GetObject AccessDenied"))
}

fn a_cluster_says_when_its_key_was_last_used(store: &mut (impl Whole + KeyUsageStore)) {
    let used = KeyAnswer::Used {
        at: at(7),
        service: Some("s3".to_owned()),
        region: Some("eu-central-1".to_owned()),
        user: Some("mia".to_owned()),
    };
    let key_usage = KeyUsage {
        now: Some(used),
        entry: Some(KeyEntry::Inactive { created: at(6) }),
        ..KeyUsage::default()
    };
    block_on(store.remember("AKIAEXAMPLEEXAMPLE01", &key_usage, &[], now())).unwrap();
    let page = page_of_a_cluster(store);
    let keys = &page.0[page.table("keys")].text;
    for expected in [
        "mia",
        "2026-11-02 07:00 with s3 in eu-central-1",
        "created 2026-11-02 06:00, inactive",
    ] {
        assert!(keys.contains(expected), "{expected}: {keys}");
    }
}

fn a_cluster_says_who_and_why_and_what_is_like_it(store: &mut impl Whole) {
    let page = page_of_a_cluster(store);
    let keys = &page.0[page.table("keys")].text;
    for expected in ["AKIAEXAMPLEEXAMPLE01", "long-term"] {
        assert!(keys.contains(expected), "{expected}: {keys}");
    }
    let all = texts(&page, "ci");
    for expected in [
        "user/mia",
        "192.0.2.10",
        "shop 111122223333",
        "account_id:111122223333",
        "event_name:GetObject",
        "region:eu-central-1",
    ] {
        assert!(all.contains(expected), "{expected}: {all}");
    }
    let related = &page.0[page.table("related")].text;
    assert!(
        related.contains("ListBuckets") && !related.contains("PutObject"),
        "{related}"
    );
    let links: Vec<_> = page
        .all("a")
        .filter_map(|(_, link)| link.get("href"))
        .collect();
    for (link, expected) in links.iter().zip([
        "#/events/00000000-0000-4000-8000-",
        "logs-insights",
        "docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html",
        "iam/home#/users/details/mia",
        // Beside the caller in the table.
        "iam/home#/users/details/mia",
    ]) {
        assert!(link.contains(expected), "{expected}: {links:?}");
    }
    assert_eq!(links.len(), 5, "{links:?}");
    // Temporary keys are one line.
    assert!(
        all.contains("10 temporary keys") && !keys.contains("ASIA"),
        "{all}"
    );
}

fn whoever_decides_is_in_the_journal_and_whoever_is_slower_changes_nothing(store: &mut impl Whole) {
    ingest(store, &lines(&[failure(1, "GetObject", 9)]));
    let list = ask(store, &json!({}));
    let mut open = click(&list, "s3:GetObject AccessDenied");
    let id = ClusterId::parse(open["cluster"].as_str().unwrap()).unwrap();
    let page = ask(store, &open);
    let act = |page: &Page, words: &str, forms: Value| {
        let mut event = click(page, words);
        event["widgetContext"] =
            json!({"dashboardName": "watch", "accountId": ACCOUNT, "forms": {"all": forms}});
        event
    };
    let muted = act(
        &page,
        "Mute",
        json!({"mute_for": "7d", "reason": "migration", "who": "ann"}),
    );
    let done = ask(store, &muted);
    assert!(
        texts(&done, "notice").starts_with("Done: muted until 2026-11-09T12:00"),
        "{}",
        texts(&done, "notice")
    );
    // Who has seen it before that decides nothing.
    let slower = ask(
        store,
        &act(&page, "Mark as expected", json!({"reason": "usual"})),
    );
    assert!(
        texts(&slower, "notice").starts_with("This cluster has been changed since you opened it")
    );
    let triage = block_on(store.triage(id)).unwrap().triage.unwrap();
    assert!(matches!(triage.decision, Decision::Muted { .. }));
    assert_eq!(
        (triage.actor.as_str(), triage.reason.as_str()),
        ("ann at dashboard watch of 111122223333", "migration")
    );
    let list = ask(store, &json!({}));
    assert!(texts(&list, "mark").contains("muted"));
    let back = ask(store, &act(&done, "Take back", json!({"reason": "why"})));
    assert!(texts(&back, "notice").starts_with("Done: unmarked"));
    let resolved = ask(store, &act(&back, "Resolve", json!({"reason": "why"})));
    assert!(texts(&resolved, "notice").starts_with("Done: resolved"));
    let reopened = ask(store, &act(&resolved, "Reopen", json!({"reason": "why"})));
    assert!(texts(&reopened, "notice").starts_with("Done: reopened"));
    let journal = block_on(store.journal(id)).unwrap();
    let noted: Vec<_> = journal.iter().map(|of| of.what).collect();
    assert_eq!(
        noted,
        [
            JournalEvent::Muted,
            JournalEvent::Unmarked,
            JournalEvent::Resolved,
            JournalEvent::Reopened
        ]
    );
    let history = &reopened.0[reopened.table("journal")].text;
    for expected in ["ann at dashboard watch of 111122223333", "migration"] {
        assert!(history.contains(expected), "{expected}: {history}");
    }
    // Where nothing may be decided, nothing is, and nothing is offered.
    let mute = WidgetSetting {
        decides: false,
        ..setting()
    };
    let all = listing(store, at(12));
    let html = ask_with(store, &all, &mute, &act(&reopened, "Mute", json!({})));
    assert!(html.contains("Decisions are turned off"));
    assert_eq!(block_on(store.triage(id)).unwrap().triage, None);
    open["decide"] = Value::Null;
    assert!(!ask_with(store, &all, &mute, &open).contains("Acknowledge"));
}

/// The largest page that is allowed here, in bytes. Lambda answers with at most 6 MB; CloudWatch documents no smaller limit
/// for a custom widget, and a page that people read is far smaller.
pub const PAGE_BYTES_MAX: usize = 512 << 10;

/// Asserts that a page has only allowed elements and attributes.
pub fn assert_plain(page: &Page) {
    const ELEMENTS: &str = " a bdi code cwdb-action data dd details div dl dt figcaption figure form g h2 h3 h4 input \
        label li ol option p pre rect select span strong style summary svg table tbody td th thead time title tr ul ";
    for element in &page.0 {
        let name = &element.name;
        assert!(ELEMENTS.contains(&format!(" {name} ")), "<{name}>");
        for (attribute, value) in &element.attributes {
            // Fixed texts, which may be Chinese; no text of callers has these characters.
            let is_chinese =
                |c| ('\u{3000}'..'\u{a000}').contains(&c) || ('\u{ff00}'..'\u{fff0}').contains(&c);
            let plain = |also: &str| {
                let mut chars = value.chars();
                chars.all(|c| c.is_ascii_alphanumeric() || is_chinese(c) || also.contains(c))
            };
            let fine = match attribute.as_str() {
                "href" => {
                    let sites = [
                        "https://console.aws.amazon.com/",
                        "https://attack.mitre.org/techniques/",
                        "https://docs.aws.amazon.com/",
                    ];
                    sites.iter().any(|site| value.starts_with(site))
                }
                "datetime" => Timestamp::parse(value).is_some(),
                "viewbox" | "viewBox" => plain(" "),
                "class" => plain(" -"),
                _ => plain(" -:.,?'_\n"),
            };
            assert!(fine, "{attribute}={value:?}");
        }
    }
}

fn hostile_text_stays_text(store: &mut impl Whole) {
    let mut records = [hostile(), hostile_calls()].concat();
    for record in &mut records {
        if record["eventTime"]
            .as_str()
            .is_some_and(|time| Timestamp::parse(time).is_some())
        {
            record["eventTime"] = json!(at(9).to_string());
        }
    }
    ingest(store, &lines(&records));
    let all = listing(store, at(12));
    assert_eq!(all.calls.len(), HOSTILE.len());
    let mut seen = String::new();
    let mut ids = BTreeSet::new();
    for list in ["clusters", "calls"] {
        for number in 1.. {
            let html = ask_with(
                store,
                &all,
                &setting(),
                &json!({"list": list, "page": number, "widgetContext": {"theme": "dark"}}),
            );
            let page = Page::read(&html);
            assert_plain(&page);
            seen.push_str(&texts(&page, "ci"));
            let actions = page.all("cwdb-action").map(|(_, action)| &action.text);
            ids.extend(actions.filter_map(|text| {
                let params: Value = serde_json::from_str(text).unwrap();
                params["cluster"].as_str().map(str::to_owned)
            }));
            if !page.all("a").any(|(_, link)| link.text == "Next") {
                break;
            }
        }
    }
    assert_eq!(ids.len(), all.clusters.len() + all.calls.len());
    for id in ids {
        let html = ask_with(store, &all, &setting(), &json!({"cluster": id}));
        let page = Page::read(&html);
        assert_plain(&page);
        seen.push_str(&texts(&page, "ci"));
    }
    // It was not lost either: each text is somewhere, as people may read it.
    for text in HOSTILE {
        assert!(seen.contains(&sanitize(text, 128)), "{text:?}");
    }
}

/// Returns a call that attached a policy to a user.
pub fn attached(number: u64, user: &str, policy: &str, hour: i64) -> Value {
    record(json!({
        "eventID": id(number), "eventSource": "iam.amazonaws.com", "eventName": "AttachUserPolicy",
        "eventTime": at(hour).to_string(), "readOnly": false,
        "requestParameters": {"userName": user, "policyArn": format!("arn:aws:iam::aws:policy/{policy}")},
    }))
}

fn a_sensitive_call_is_listed_apart_and_has_a_page_without_decisions(store: &mut impl Whole) {
    let records = [
        failure(1, "GetObject", 8),
        attached(2, "eve", "AdministratorAccess", 9),
        attached(3, "eve", "AdministratorAccess", 9),
        attached(4, "bob", "ReadOnlyAccess", 10),
    ];
    ingest(store, &lines(&records));
    // The inspection has not seen the last hours yet.
    let html = ask_with(store, &listing(store, at(9)), &setting(), &json!({}));
    let page = Page::read(&html);
    assert_eq!(
        found(&page),
        [
            "iam:AttachUserPolicy",
            "iam:AttachUserPolicy",
            "s3:GetObject AccessDenied"
        ]
    );
    let times: Vec<u64> = page.numbers(page.table("calls")).collect();
    assert_eq!(times, [2, 1], "the strong one comes first");
    let rows = &page.0[page.table("calls")].text;
    assert!(
        rows.contains("eve") && rows.contains("AdministratorAccess"),
        "{rows}"
    );
    let open = click(&page, "iam:AttachUserPolicy");
    let call = ask(store, &open);
    let all = texts(&call, "ci");
    for expected in [
        "user/mia",
        "eve",
        "AdministratorAccess",
        "T1098",
        "AKIA****LE01",
        "192.0.2.0/24",
    ] {
        assert!(all.contains(expected), "{expected}: {all}");
    }
    for wrong in ["AKIAEXAMPLEEXAMPLE01", "Acknowledge", "failed", "episode"] {
        assert!(!all.contains(wrong), "{wrong}: {all}");
    }
    let links: Vec<_> = call
        .all("a")
        .filter_map(|(_, link)| link.get("href"))
        .collect();
    assert_eq!(
        links.len(),
        5,
        "the technique, a query, the caller, two events: {links:?}"
    );
    let json = ask(store, &click(&call, "JSON"));
    let json: Value = serde_json::from_str(&json.all("pre").next().unwrap().1.text).unwrap();
    assert_eq!(json["sensitive_call"]["count"], 2);
    let mut mute = open.clone();
    mute["decide"] = json!("mute");
    let answered = ask(store, &mute);
    assert!(texts(&answered, "notice").starts_with("Nothing can be decided"));
    let id = ClusterId::parse(open["cluster"].as_str().unwrap()).unwrap();
    assert_eq!(block_on(store.triage(id)).unwrap().triage, None);
    assert_eq!(block_on(store.journal(id)).unwrap(), []);
}

fn an_incident_is_listed_first_and_has_a_page(store: &mut impl Whole) {
    ingest(store, &lines(&story()));
    let incidents = recorded(store, |all| {
        all.incidents(None, Some(at(12)), false).incidents
    });
    let id = incidents[0].id.text().to_owned();
    let ask = |event: &Value| {
        let known = async |_: Option<&str>| {
            let mut state = StoreState::from(listing(store, at(12)));
            state.incidents = Some(incidents.clone());
            Ok(state)
        };
        match block_on(answer(&event.to_string(), store, known, &setting())).unwrap() {
            WidgetResponse::Html(html) => Page::read(&html),
            WidgetResponse::Markdown(markdown) => panic!("{markdown}"),
        }
    };
    let list = ask(&json!({}));
    assert_plain(&list);
    let row = found(&list).into_iter().next().unwrap();
    // A table has no calls that prove who uses the role.
    assert!(row.contains("mia") || row.contains("deployer"), "{row}");
    let page = ask(&click(&list, row.trim()));
    assert_plain(&page);
    let all = &page
        .all("body")
        .next()
        .map_or_else(|| texts(&page, "ci"), |(_, of)| of.text.clone());
    for said in [
        "StopLogging",
        "T1685.002",
        "helper",
        "ASIA****7WML",
        "removal",
    ] {
        assert!(all.contains(said), "{said}: {all}");
    }
    assert!(!all.contains("AKIAQNZGKIQY56JQ7WML"), "{all}");
    // The id leads to the page as well, as it stands in an alert.
    let searched = ask(&json!({"widgetContext": {"forms": {"all": {"search": id}}}}));
    assert!(texts(&searched, "ci").contains("StopLogging"));
    let json = ask(&click(&page, "JSON"));
    let json: Value = serde_json::from_str(&json.all("pre").next().unwrap().1.text).unwrap();
    assert_eq!(json["incident_id"], id.as_str());
    let missing = ask(&json!({"incident": "zzzz"}));
    assert!(texts(&missing, "ci").contains("There is no incident zzzz here."));
}

fn an_id_that_is_searched_for_opens_its_page(store: &mut impl Whole) {
    let records = [
        failure(1, "GetObject", 8),
        attached(2, "eve", "AdministratorAccess", 9),
    ];
    ingest(store, &lines(&records));
    let list = ask(store, &json!({}));
    let hour = |of: i64| at(of).seconds() * 1000;
    for (words, heading) in [
        ("s3:GetObject AccessDenied", "s3:GetObject AccessDenied"),
        ("iam:AttachUserPolicy", "iam:AttachUserPolicy"),
    ] {
        let id = click(&list, words)["cluster"].clone();
        // It opens whatever times the dashboard shows.
        let searched = ask(
            store,
            &json!({"search": id, "widgetContext": {"timeRange": {"start": hour(1), "end": hour(2)}}}),
        );
        assert_eq!(searched.all("h2").next().unwrap().1.text, heading);
        assert_eq!(click(&searched, "Back to the list"), json!({}));
    }
    let nothing = ask(store, &json!({"search": "aaaaaaaaaaaaaaaaaaaaaaaaaa"}));
    assert!(texts(&nothing, "said").starts_with("0 open clusters"));
}

fn what_is_not_understood_is_answered_with_a_sentence(store: &mut impl Whole) {
    ingest(store, &lines(&[failure(1, "GetObject", 9)]));
    for (event, expected) in [
        (
            json!({"cluster": "<b>x"}),
            "The parameter cluster is \"<b>x\"; it must be the ID of a cluster.",
        ),
        (
            json!({"account": "12"}),
            "The parameter account is \"12\"; it must be an account ID of twelve digits.",
        ),
        (
            json!({"status": "odd"}),
            "The parameter status is \"odd\"; it must be one of open, new, recovered, all, acknowledged, muted, \
             expected, resolved, archived.",
        ),
        (
            json!({"sort": "odd"}),
            "The parameter sort is \"odd\"; it must be one of severity, began, last, count, state, what, account, class, caller, \
             target.",
        ),
        (
            json!({"page": "-1"}),
            "The parameter page is \"-1\"; it must be a whole number.",
        ),
        (
            json!({"cluster": "aaaaaaaaaaaaaaaaaaaaaaaaaa", "decide": "mute", "mute_for": "9y"}),
            "The parameter mute_for is \"9y\"; it must be one of 1h, 1d, 7d, 30d.",
        ),
        (
            json!({"cluster": "aaaaaaaaaaaaaaaaaaaaaaaaaa"}),
            "There is no cluster aaaaaaaaaaaaaaaaaaaaaaaaaa here.",
        ),
        (
            json!({"cluster": "aaaaaaaaaaaaaaaaaaaaaaaaaa", "decide": "resolve"}),
            "There is no cluster aaaaaaaaaaaaaaaaaaaaaaaaaa here.",
        ),
        (
            json!([1]),
            "The event is not a JSON object. This function answers requests of a CloudWatch dashboard.",
        ),
    ] {
        let page = ask(store, &event);
        assert_eq!(texts(&page, "said").trim(), expected);
        assert_plain(&page);
    }
    let nobody = ClusterId::parse("aaaaaaaaaaaaaaaaaaaaaaaaaa").unwrap();
    assert_eq!(block_on(store.journal(nobody)).unwrap(), []);
}

#[test]
fn the_widget_says_what_it_is() {
    let table = MemoryTable::default();
    let store = store(&table, telling());
    let never = async |_: Option<&str>| panic!("nothing is needed for that");
    let said = block_on(answer(r#"{"describe": true}"#, &store, never, &setting())).unwrap();
    let WidgetResponse::Markdown(markdown) = said else {
        panic!("{said:?}");
    };
    for parameter in ["account", "status", "search", "list", "cluster", "sort"] {
        assert!(markdown.contains(&format!("**{parameter}**")));
    }
}

/// The number of calls for a list does not depend on the number of clusters: the hours after the saved list, and the
/// cluster items and decisions of one page.
#[test]
fn a_list_takes_as_many_calls_with_ten_clusters_as_with_a_thousand() {
    let mut counted = Vec::new();
    for clusters in [10, 1000] {
        let table = MemoryTable::default();
        let mut store = store(&table, telling());
        let name =
            |number: u64| format!("Get{number:x}").replace(|c: char| c.is_ascii_digit(), "z");
        let records: Vec<Value> = (0..clusters)
            .map(|number| {
                let account = format!("{:012}", 111_122_220_000 + number / 100);
                let mut failure = failure(number, &name(number), 9);
                failure["recipientAccountId"] = json!(account);
                failure["errorCode"] =
                    json!(format!("E{number:x}").replace(|c: char| c.is_ascii_digit(), "z"));
                failure
            })
            .collect();
        ingest(&mut store, &lines(&records));
        let all = listing(&store, at(12));
        let before = store.table().spent();
        let html = ask_with(&store, &all, &setting(), &json!({}));
        assert!(!found(&Page::read(&html)).is_empty());
        let after = store.table().spent();
        counted.push((
            after.calls - before.calls,
            after.write_units - before.write_units,
        ));
    }
    // An hour and the events without a time, in four parts each; resolutions; cluster items; decisions.
    assert_eq!(counted, [(11, 0), (11, 0)]);
}

proptest! {
    #![proptest_config(effort::property(32, 256))]

    /// The saved list with the later hours added equals the list that is saved later.
    #[test]
    fn a_list_that_is_brought_up_to_date_is_the_one_that_is_made_anew(
        drawn in prop::collection::vec((0..3_u8, 0..40_i64, 0..3600_i64), 1..60), cut in 0..40_i64,
    ) {
        let table = MemoryTable::default();
        let mut store = store(&table, telling());
        let records: Vec<Value> = drawn.iter().zip(0..).map(|((call, hour, second), number)| {
            let time = at(*hour).after(*second).unwrap();
            let mut failure = failure(number, ["GetObject", "PutObject", "ListBuckets"][usize::from(*call)], *hour);
            failure["eventTime"] = json!(time.to_string());
            failure
        }).collect();
        ingest(&mut store, &lines(&records));
        let mut early = listing(&store, at(cut));
        let windows: Vec<Window> = (at(cut).window().hours()..=at(40).window().hours()).map(Window::from_hours).collect();
        let hour = block_on(store.hours(&windows, &|_| None)).unwrap();
        early.meet(&clusters::occurrence::occurrences(&hour.events, &hour.subjects), &Resolutions::new());
        let whole = listing(&store, at(41));
        prop_assert_eq!(early.clusters.len(), whole.clusters.len());
        for (id, listed) in &whole.clusters {
            let other = &early.clusters[id];
            prop_assert_eq!(
                (listed.total, listed.first, listed.last, listed.began, listed.episode, &listed.hours, &listed.subject, &listed.caller,
                    listed.callers, &listed.regions, &listed.resources),
                (other.total, other.first, other.last, other.began, other.episode, &other.hours, &other.subject, &other.caller,
                    other.callers, &other.regions, &other.resources)
            );
        }
        prop_assert_eq!(Listing::decode(&whole.encode()), Some(whole));
    }
}
