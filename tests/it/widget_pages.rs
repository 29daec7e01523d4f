//! The pages of a caller and of an account, folding, pages in Chinese, and what a page of a large store takes.

use std::io::Write as _;
use std::process::Command;
use std::sync::Arc;

use aws::dynamodb::table::Table as _;
use clusters::class::Class;
use clusters::facet::{FacetKind, Facets};
use clusters::fingerprint::{ClusterSubject, Identity};
use clusters::incident::Incident;
use clusters::lifecycle::Resolutions;
use clusters::occurrence::Occurrence;
use clusters::triage::{Decision, Triage};
use clusters::{EventId, Series};
use pollster::block_on;
use records::time::Timestamp;
use serde_json::{Value, json};
use service::widget::{StoreState, WidgetResponse, answer};
use view::dashboard::calls::SECTION_ROWS_MAX;
use view::listing::Listing;

use crate::html::Page;
use crate::incident_alerts::story;
use crate::records::{ACCOUNT, id, ingest, lines, record, recorded};
use crate::table::{MemoryTable, store, telling};
use crate::widget::{
    PAGE_BYTES_MAX, Whole, ask, assert_plain, at, attached, click, failure, found, listing,
    setting, texts, two_accounts,
};

contract!(
    a_search_has_keys_and_a_form_has_filters,
    a_search_that_is_not_understood_is_answered_with_what_is_right,
    the_first_page_ranks_errors_and_leads_to_sign_ins_and_new_users,
    a_caller_has_a_page_with_all_that_was_done,
    an_account_has_a_page,
    what_was_decided_is_found,
    what_an_incident_has_is_folded_until_a_search,
    pages_are_in_the_language_and_the_time_zone_of_the_reader,
    an_empty_list_says_what_to_do,
);

fn a_search_has_keys_and_a_form_has_filters(store: &mut impl Whole) {
    ingest(store, &lines(&two_accounts()));
    for (asked, expected) in [
        (
            json!({"search": "service:s3 -caller:zoe caller:user/m* region:eu-* status:open", "sort": "what"}),
            vec!["s3:GetObject AccessDenied", "s3:PutObject AccessDenied"],
        ),
        (
            json!({"search": "account:shop code:accessdenied -\"putobject\""}),
            vec!["s3:GetObject AccessDenied"],
        ),
        (
            json!({"search": "-account:111122223333 class:signin"}),
            vec!["signin:ConsoleLogin Failure"],
        ),
        (json!({"search": "caller:zoe"}), vec![]),
        (json!({"search": "status:recovered"}), vec![]),
        (
            json!({"class": "signin"}),
            vec!["signin:ConsoleLogin Failure"],
        ),
        (
            json!({"service": "s3", "sort": "what", "reversed": true}),
            vec!["s3:PutObject AccessDenied", "s3:GetObject AccessDenied"],
        ),
        // A button sets the filter whatever the form has, and another one does not mean the form at all.
        (
            json!({"show": "recovered", "widgetContext": {"forms": {"all": {"status": "open"}}}}),
            vec![],
        ),
        (
            json!({"only": true, "service": "signin", "widgetContext": {"forms": {"all": {"search": "zzzz"}}}}),
            vec!["signin:ConsoleLogin Failure"],
        ),
    ] {
        assert_eq!(found(&ask(store, &asked)), expected, "{asked}");
    }
}

/// The ranking counts the events of the time range, of clusters of any status.
fn the_first_page_ranks_errors_and_leads_to_sign_ins_and_new_users(store: &mut impl Whole) {
    let mut records = two_accounts();
    let user = json!({
        "eventID": id(6), "eventSource": "iam.amazonaws.com", "eventName": "CreateUser", "readOnly": false,
        "eventTime": at(9).to_string(), "awsRegion": "us-east-1", "requestParameters": {"userName": "eve"},
    });
    records.extend([
        failure(4, "PutObject", 10),
        failure(5, "PutObject", 11),
        record(user),
    ]);
    ingest(store, &lines(&records));
    let ranked = |page: &Page| -> Vec<String> {
        let table = page.table("top");
        let links = page.all("a").filter(|(at, _)| page.within(*at, table));
        let counts = page.numbers(table);
        let rows = counts.zip(links);
        rows.map(|(count, (_, link))| format!("{count} {}", link.text))
            .collect()
    };
    let all = [
        "3 s3:PutObject AccessDenied",
        "1 signin:ConsoleLogin Failure",
        "1 s3:GetObject AccessDenied",
    ];
    let page = ask(store, &json!({}));
    assert_eq!(ranked(&page), all);
    assert!(page.0[page.table("top")].text.contains("Access Denied"));
    let range = json!({"start": at(10).seconds() * 1000, "end": (at(12).seconds() - 1) * 1000});
    let part = ask(store, &json!({"widgetContext": {"timeRange": range}}));
    assert_eq!(
        ranked(&part),
        [
            "2 s3:PutObject AccessDenied",
            "1 signin:ConsoleLogin Failure"
        ]
    );
    let sign_ins = ask(store, &click(&page, "Failed sign-ins"));
    assert_eq!(found(&sign_ins), ["signin:ConsoleLogin Failure"]);
    assert!(
        sign_ins
            .all("table")
            .all(|(_, of)| of.get("class") != Some("top"))
    );
    let users = ask(store, &click(&page, "New IAM users"));
    assert_eq!(found(&users), ["iam:CreateUser"]);
    assert!(users.0[users.table("calls")].text.contains("eve"));
    for (search, calls) in [("region:us-east-1", 1), ("region:eu-central-1", 0)] {
        let page = ask(store, &json!({"list": "calls", "search": search}));
        assert_eq!(found(&page).len(), calls, "{search}");
    }
}

fn a_search_that_is_not_understood_is_answered_with_what_is_right(store: &mut impl Whole) {
    ingest(store, &lines(&two_accounts()));
    for (event, expected) in [
        (
            json!({"severity": "fatal"}),
            "The parameter severity is \"fatal\"; it must be one of critical, error, warning, info.",
        ),
        (
            json!({"caller": "mia"}),
            "The parameter caller is \"mia\"; it must be the ID of a caller.",
        ),
        (
            json!({"caller": "aaaaaaaaaaaaaaaaaaaaaaaaaa"}),
            "No caller with this id has a cluster or a sensitive call here.",
        ),
        (
            json!({"account_page": "mia"}),
            "The parameter account_page is \"mia\"; it must be an account ID of twelve digits.",
        ),
        (
            json!({"account_page": "999900001111"}),
            "This account has no cluster and no sensitive call here.",
        ),
        (
            json!({"search": "sevrity:critical"}),
            "The search has no key sevrity; did you mean severity? Put \"sevrity:…\" in quotes to search for the text.",
        ),
        (
            json!({"search": "class:odd", "widgetContext": {"locale": "zh-CN"}}),
            "搜索条件 class:odd 无效；class 必须是以下之一：vpce, signin, denied, auth, throttle, absent, quota, conflict, \
             server, invalid, other, watch。",
        ),
    ] {
        let page = ask(store, &event);
        assert_eq!(texts(&page, "said").trim(), expected);
        let has_form = page.all("input").next().is_some();
        assert_eq!(has_form, event.get("search").is_some(), "{event}");
        assert_plain(&page);
    }
}

/// Returns what the widget answers, with incidents.
fn ask_with(
    store: &impl Whole,
    listing: &Listing,
    incidents: &[Incident],
    event: &Value,
) -> String {
    let known = async |_: Option<&str>| {
        let mut state = StoreState::from(listing.clone());
        state.incidents = Some(incidents.to_vec());
        Ok(state)
    };
    match block_on(answer(&event.to_string(), store, known, &setting())).unwrap() {
        WidgetResponse::Html(html) => html,
        WidgetResponse::Markdown(markdown) => panic!("{markdown}"),
    }
}

/// Returns the parameters of the first action that has a parameter.
fn action(page: &Page, name: &str) -> Value {
    let actions = page.all("cwdb-action");
    let mut actions = actions.map(|(_, of)| serde_json::from_str(&of.text).unwrap());
    let found = actions.find(|of: &Value| of.get(name).is_some());
    found.unwrap_or_else(|| panic!("no action {name}"))
}

/// Returns the calls in the table of what a caller did, each with its number.
fn did(page: &Page) -> Vec<String> {
    let table = page.table("did");
    let calls = page.all("a").filter(|(at, _)| page.within(*at, table));
    let counts = page.numbers(table);
    let lines = calls.zip(counts);
    lines
        .map(|((_, call), count)| format!("{} ×{count}", call.text))
        .collect()
}

/// Returns the texts of a page without the parameters of its actions.
fn shown(page: &Page) -> String {
    let mut text = texts(page, "ci");
    while let Some(from) = text.find('{') {
        let until = from + text[from..].find('}').unwrap();
        text.replace_range(from..=until, "");
    }
    text
}

/// Returns failures and a sensitive call of one user, and a failure of another.
fn records() -> Vec<Value> {
    let mut other = failure(9, "ListBuckets", 9);
    other["userIdentity"]["arn"] = json!(format!("arn:aws:iam::{ACCOUNT}:user/zoe"));
    other["userIdentity"]["userName"] = json!("zoe");
    let mut temporary = failure(4, "GetObject", 10);
    temporary["userIdentity"]["accessKeyId"] = json!("ASIAEXAMPLEEXAMPLE77");
    vec![
        failure(1, "GetObject", 8),
        failure(2, "GetObject", 8),
        attached(3, "eve", "AdministratorAccess", 9),
        temporary,
        failure(5, "PutObject", 11),
        other,
    ]
}

fn a_caller_has_a_page_with_all_that_was_done(store: &mut impl Whole) {
    ingest(store, &lines(&records()));
    let list = ask(store, &json!({"search": "caller:mia getobject"}));
    let page = ask(store, &action(&list, "caller"));
    assert_plain(&page);
    assert_eq!(page.all("h2").next().unwrap().1.text, "user/mia");
    let lines = did(&page);
    assert_eq!(
        lines,
        [
            "s3:GetObject ×2",
            "iam:AttachUserPolicy ×1",
            "s3:GetObject ×1",
            "s3:PutObject ×1",
        ]
    );
    let table = &page.0[page.table("did")].text;
    let rated = &page.0[page.table("rated")].text;
    let all = texts(&page, "ci");
    for (text, expected) in [
        (table, "2026-11-02 08:00:00"),
        (table, "AccessDenied"),
        (table, "succeeded"),
        (table, "eve"),
        (table, "eu-central-1"),
        (table, "192.0.2.0/24"),
        (table, "AKIA****LE01"),
        (rated, "s3:GetObject AccessDenied"),
        (rated, "sensitive call"),
        (&all, "1 temporary key of a session"),
        (&all, "192.0.2.0/24 ×5"),
        (&all, "2026-11-02 08:00:00 to 2026-11-02 11:00:00"),
    ] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    for wrong in [
        "ListBuckets",
        "AKIAEXAMPLEEXAMPLE01",
        "ASIAEXAMPLEEXAMPLE77",
    ] {
        assert!(!all.contains(wrong), "{wrong}: {all}");
    }
    // What the inspection has not added to the list yet is on the page as well.
    let before = listing(store, at(9));
    let caller = action(&list, "caller");
    let page = Page::read(&ask_with(store, &before, &[], &caller));
    assert_eq!(did(&page), lines);
}

fn what_was_decided_is_found(store: &mut impl Whole) {
    ingest(store, &lines(&records()));
    let all = listing(store, at(12));
    let decide = |action: &str, decision: Decision| {
        let mut clusters = all.clusters.iter();
        let (id, _) = clusters
            .find(|(_, of)| of.subject.action == action)
            .unwrap();
        let triage = Triage::new(decision, "ann", "why", at(12), 1);
        let entry = triage.made();
        assert!(block_on(store.set_triage(*id, Some(&triage), 0, &entry)).unwrap());
    };
    decide("GetObject", Decision::Muted { until: at(40) });
    decide("PutObject", Decision::Resolved);
    let get = "s3:GetObject AccessDenied";
    let put = "s3:PutObject AccessDenied";
    for (event, expected) in [
        (json!({"search": "decision:muted"}), vec![get]),
        (
            json!({"search": "status:已静音,resolved", "sort": "what"}),
            vec![get, put],
        ),
        (json!({"search": "decision:expected"}), vec![]),
        (
            json!({"search": "service:s3 -decision:muted status:all", "sort": "what"}),
            vec!["s3:ListBuckets AccessDenied", put],
        ),
        (json!({"status": "resolved"}), vec![put]),
        (json!({"status": "muted", "search": "putobject"}), vec![]),
    ] {
        assert_eq!(found(&ask(store, &event)), expected, "{event}");
    }
}

fn an_account_has_a_page(store: &mut impl Whole) {
    ingest(store, &lines(&records()));
    let list = ask(store, &json!({}));
    let page = ask(store, &action(&list, "account_page"));
    assert_plain(&page);
    assert_eq!(
        page.all("h2").next().unwrap().1.text.trim(),
        "shop 111122223333"
    );
    let all = shown(&page);
    for expected in [" open of ", "s3:GetObject ×3", "user/mia ×3", "user/zoe ×1"] {
        assert!(all.contains(expected), "{expected}: {all}");
    }
    let narrowed = ask(store, &click(&page, "Show the list of this account"));
    assert_eq!(found(&narrowed).len(), 4);
}

fn what_an_incident_has_is_folded_until_a_search(store: &mut impl Whole) {
    let mut records = story();
    records.push(failure(90, "GetObject", 9));
    ingest(store, &lines(&records));
    let incidents = recorded(store, |all| {
        all.incidents(None, Some(at(12)), false).incidents
    });
    let listing = listing(store, at(12));
    let ask = |event: &Value| Page::read(&ask_with(store, &listing, &incidents, event));
    let list = ask(&json!({}));
    let incident_rows = incidents.len();
    let folded = found(&list).len() - incident_rows;
    let page = ask(&click(&list, "Show them"));
    let whole = found(&page).len() - incident_rows;
    assert!(folded < whole, "{folded} of {whole}");
    let calls = listing.calls.len().min(SECTION_ROWS_MAX);
    assert_eq!(whole, listing.clusters.len() + calls);
    let again = ask(&click(&page, "Fold what incidents have"));
    assert_eq!(found(&again), found(&list));
    // A search or a filter finds everything.
    for event in [
        json!({"search": "-caller:zoe"}),
        json!({"account": ACCOUNT}),
    ] {
        let searched = ask(&event);
        assert!(texts(&searched, "folded").is_empty());
        assert_eq!(found(&searched), found(&page), "{event}");
    }
    let stopped = ask(&json!({"search": "service:cloudtrail severity:critical"}));
    assert!(!found(&stopped).is_empty());
    let caller = ask(&json!({"search": "cloudtrail:stoplogging"}));
    let caller = ask(&action(&caller, "caller"));
    assert!(
        found(&caller)
            .iter()
            .any(|link| link.contains("mia") || link.contains("deployer")),
        "an incident is linked"
    );
    let account = ask(&json!({"account_page": ACCOUNT}));
    assert_plain(&account);
    assert!(texts(&account, "ci").contains("Incidents"));
}

/// Returns the words in Latin letters of a page's fixed texts: outside of elements that hold names, codes and times.
pub fn latin_words(html: &str) -> Vec<String> {
    let mut rest = html.split_once("</style>").unwrap().1.to_owned();
    // Services and accounts of the search form are names.
    for name in ["service", "account"] {
        let select = format!("<select name=\"{name}\"");
        while let Some(from) = rest.find(&select) {
            let until = from + rest[from..].find("</select>").unwrap();
            rest.replace_range(from..until, "");
        }
    }
    for name in ["bdi", "code", "time", "cwdb-action", "pre", "script"] {
        while let Some(from) = rest.find(&format!("<{name}")) {
            let end = format!("</{name}>");
            let until = from + rest[from..].find(&end).unwrap() + end.len();
            rest.replace_range(from..until, "");
        }
    }
    let mut texts = String::new();
    for part in rest.split('<') {
        let (tag, text) = part.split_once('>').unwrap_or(("", part));
        for attribute in ["aria-label=\"", "placeholder=\"", "title=\""] {
            if let Some((_, value)) = tag.split_once(attribute) {
                texts.push_str(value.split('"').next().unwrap());
                texts.push(' ');
            }
        }
        texts.push_str(text);
        texts.push(' ');
    }
    let words = texts.split(|c: char| !c.is_ascii_alphabetic());
    let words = words.filter(|word| word.len() > 1 && !LATIN.contains(word));
    words.map(str::to_owned).collect()
}

/// Latin words that a Chinese page may have: names of AWS, the language of searches, and parameters of requests that are not
/// valid.
const LATIN: [&str; 33] = [
    "MFA",
    "AWS",
    "IAM",
    "ID",
    "JSON",
    "UTC",
    "VPC",
    "CloudWatch",
    "CloudTrail",
    "severity",
    "critical",
    "caller",
    "mia",
    "class",
    "throttle",
    "status",
    "account",
    "service",
    "code",
    "region",
    "resource",
    "scan",
    "shop",
    "denied",
    "error",
    "signin",
    "amp",
    "quot",
    "page",
    "cluster",
    "sevrity",
    "decision",
    "serve",
];

fn pages_are_in_the_language_and_the_time_zone_of_the_reader(store: &mut impl Whole) {
    ingest(store, &lines(&records()));
    let listing = listing(store, at(12));
    let context = json!({"locale": "zh-CN", "timezone": {"offsetInMinutes": 480}, "theme": "dark"});
    let ask_zh = |mut event: Value| {
        event["widgetContext"] = context.clone();
        let html = ask_with(store, &listing, &[], &event);
        assert!(html.len() < PAGE_BYTES_MAX);
        assert_plain(&Page::read(&html));
        assert_eq!(latin_words(&html), Vec::<String>::new(), "{event}");
        html
    };
    let list = ask_zh(json!({}));
    for expected in [
        "最近一次（北京时间）",
        "2026-11-02 19:00",
        "1 小时前",
        "拒绝访问",
        "新增",
    ] {
        assert!(list.contains(expected), "{expected}");
    }
    let page = Page::read(&list);
    for event in [
        action(&page, "caller"),
        action(&page, "account_page"),
        json!({"list": "calls"}),
        json!({"search": "zzzz foo:bar"}),
        json!({"search": "sevrity:critical"}),
        json!({"status": "recovered"}),
        json!({"account": "444455556666"}),
        json!({"sort": "class", "reversed": true}),
        json!({"page": "x"}),
        json!({"cluster": "?"}),
        json!({"caller": "?"}),
        json!({"account_page": "999900001111"}),
    ] {
        ask_zh(event);
    }
    // The parameter of the widget has priority over the language of the console.
    let english = ask_with(
        store,
        &listing,
        &[],
        &json!({"language": "en", "widgetContext": context}),
    );
    assert!(english.contains("Last seen (UTC+08:00)") && english.contains("2026-11-02 19:00"));
}

fn an_empty_list_says_what_to_do(store: &mut impl Whole) {
    let page = ask(store, &json!({}));
    let all = texts(&page, "empty");
    assert!(
        all.contains("Nothing was recorded yet. Check that a trail writes"),
        "{all}"
    );
    ingest(store, &lines(&records()));
    let page = ask(store, &json!({"search": "zzzz"}));
    let all = texts(&page, "empty");
    assert!(all.contains("No cluster matches zzzz."), "{all}");
    assert_eq!(
        click(&page, "Clear search"),
        json!({"only": true, "status": "open"})
    );
    let page = ask(
        store,
        &json!({"status": "recovered", "search": "s3:getobject"}),
    );
    assert_eq!(click(&page, "Show all (1)"), json!({"show": "all"}));
    let page = ask(
        store,
        &json!({"status": "recovered", "severity": "critical", "class": "quota"}),
    );
    assert!(texts(&page, "empty").contains("No cluster matches these filters."));
    click(&page, "Clear filters");
    let page = ask(store, &json!({"status": "recovered"}));
    assert!(texts(&page, "empty").contains("No cluster has recovered."));
    let shown = ask(store, &click(&page, "Show open (3)"));
    assert_eq!(page.all("tr").count(), 2, "a head and a sensitive call");
    assert_eq!(shown.rows(shown.table("list")).len(), 3);
    let early = json!({"start": at(1).seconds() * 1000, "end": at(2).seconds() * 1000});
    let page = ask(store, &json!({"widgetContext": {"timeRange": early}}));
    assert!(texts(&page, "empty").contains("There are 3 at other times"));
}

/// Returns events of many clusters that no store has, from before the first record.
fn invented(clusters: u64) -> Vec<Occurrence> {
    let start = Timestamp::parse("2026-10-30T00:00:00Z").unwrap();
    let occurrence = |number: u64| {
        let of = number % clusters;
        let account_id = format!("{:012}", 444_455_550_000 + of % 40);
        let identity = Identity {
            partition: "aws".to_owned(),
            account_id: account_id.clone(),
            service: ["ec2", "lambda", "dynamodb", "kms"][(of % 4) as usize].to_owned(),
            action: format!("DescribeThing{of}"),
            class: Class::Denied,
            code: "Denied".to_owned(),
            cause: None,
            template: None,
            addition: None,
        };
        let mut facets = Facets::default();
        let caller = format!(
            "arn:aws:iam::{account_id}:role/service/worker-{}",
            number % 977
        );
        facets.set(FacetKind::Principal, Some(&caller));
        facets.set(FacetKind::Region, Some("eu-central-1"));
        let resource = format!("arn:aws:ec2:eu-central-1:{account_id}:instance/i-{number:017}");
        facets.set(FacetKind::Resource, Some(&resource));
        facets.set(FacetKind::ErrorCode, Some("AccessDenied"));
        Occurrence {
            at: start.plus((number % 60) as i64 * 3600),
            id: EventId::named(&format!("00000000-0000-4000-9000-{number:012}")),
            series: Arc::new(Series {
                cluster: identity.cluster_id(),
                facets,
            }),
            subject: Arc::new(ClusterSubject::from(&identity)),
        }
    };
    (0..clusters * 3).map(occurrence).collect()
}

/// A page takes the same calls and read units whatever the number of clusters and incidents: the hours after the list, and
/// for a list the items of one page, for a caller the hours in which it was seen. The table is never scanned: a scan or a
/// query of another key would be a further call.
#[test]
fn a_page_of_a_large_store_takes_few_calls_and_little_memory() {
    let table = MemoryTable::default();
    let mut store = store(&table, telling());
    let letter = |of: u64| char::from(b'A' + (of % 26) as u8);
    let records: Vec<Value> = (0..40)
        .map(|number| {
            failure(
                number,
                &format!("Get{}{}", letter(number), letter(number / 26)),
                6 + (number % 4) as i64,
            )
        })
        .collect();
    ingest(&mut store, &lines(&records));
    let mut all = listing(&store, at(12));
    all.meet(&invented(20_000), &Resolutions::new());
    let other = MemoryTable::default();
    let mut with_incident = crate::table::store(&other, telling());
    ingest(&mut with_incident, &lines(&story()));
    let incidents = recorded(&with_incident, |all| {
        all.incidents(None, Some(at(12)), false).incidents
    });
    let incidents: Vec<Incident> = incidents.iter().cycle().take(500).cloned().collect();
    let spent = |event: &Value| {
        let before = (store.table().spent(), store.table().read_units());
        let html = ask_with(&store, &all, &incidents, event);
        let after = (store.table().spent(), store.table().read_units());
        assert!(html.len() < PAGE_BYTES_MAX, "{}", html.len());
        assert_eq!(after.0.write_units, before.0.write_units);
        (html, after.0.calls - before.0.calls, after.1 - before.1)
    };
    let (html, calls, units) = spent(&json!({}));
    let page = Page::read(&html);
    assert_eq!(page.rows(page.table("list")).len(), 25);
    assert_eq!((calls, units), (11, 59), "the first page");
    let caller = json!({"caller": clusters::caller::CallerId::of(ACCOUNT, &format!("arn:aws:iam::{ACCOUNT}:user/mia")).to_string()});
    let (html, calls, units) = spent(&caller);
    let page = Page::read(&html);
    assert_eq!(did(&page).len(), 40);
    assert_eq!((calls, units), (26, 26), "the page of a caller");
    let (_, calls, _) = spent(&json!({"account_page": "444455550001"}));
    assert_eq!(calls, 9, "the page of an account");
    // Decisions are read of the clusters that the rest of the search finds, 100 in a call.
    let (_, calls, _) = spent(&json!({"search": "decision:muted service:s3"}));
    assert_eq!(calls, 10, "a search for decisions about 40 clusters");
    let (_, calls, _) = spent(&json!({"search": "decision:muted service:kms"}));
    assert_eq!(calls, 59, "a search for decisions about 5,000 clusters");
    // Decoded in a process of its own, in which nothing else takes memory.
    let file = std::env::temp_dir().join(format!("listing-{}", std::process::id()));
    let encoded = all.encode();
    std::fs::write(&file, &encoded).unwrap();
    let test = std::env::current_exe().unwrap();
    let out = Command::new(test)
        .args([
            "--exact",
            "widget_pages::a_listing_is_decoded",
            "--nocapture",
        ])
        .env("LISTING", &file)
        .output()
        .unwrap();
    std::fs::remove_file(&file).unwrap();
    let printed = String::from_utf8(out.stdout).unwrap();
    let kilobytes = printed
        .lines()
        .find_map(|line| line.split_once("resident: "));
    let kilobytes: u64 = kilobytes.expect(&printed).1.trim().parse().unwrap();
    assert!(kilobytes <= 64 << 10, "{kilobytes} KB");
}

/// A row of the list has the last 24 hours of a cluster with events. Earlier events are found by reading the hours before.
#[test]
fn all_events_of_a_caller_are_reached_page_by_page() {
    let table = MemoryTable::default();
    let mut store = store(&table, telling());
    let hour = |number: i64| at(0).plus((number - 48) * 3600);
    let records: Vec<Value> = (0..60)
        .map(|number| {
            let mut record = failure(number as u64, "GetObject", 0);
            record["eventTime"] = json!(hour(number).to_string());
            record
        })
        .collect();
    ingest(&mut store, &lines(&records));
    let all = listing(&store, at(12));
    assert_eq!(all.clusters.values().next().unwrap().hours.len(), 24);
    let id = clusters::caller::CallerId::of(ACCOUNT, &format!("arn:aws:iam::{ACCOUNT}:user/mia"));
    let mut event = json!({"caller": id.to_string()});
    let (mut pages, mut newer) = (Vec::new(), Vec::new());
    loop {
        let before = store.table().spent().calls;
        let page = Page::read(&ask_with(&store, &all, &[], &event));
        pages.push((did(&page), store.table().spent().calls - before));
        assert_plain(&page);
        if pages.len() > 1 {
            newer.push(click(&page, "Newer")["part"].clone());
        }
        let has_older = page.all("a").any(|(_, of)| of.text == "Older");
        if !has_older {
            break;
        }
        event = click(&page, "Older");
    }
    let line = |count: u64| vec![format!("s3:GetObject ×{count}")];
    assert_eq!(
        pages,
        [(line(24), 106), (line(24), 106), (line(12), 58)],
        "9 calls of each page, 4 of each hour, 1 for the clusters"
    );
    assert_eq!(newer, [1, 2]);
}

/// Prints how much memory a decoded list takes, for the test above, which starts it.
#[test]
fn a_listing_is_decoded() {
    let Some(file) = std::env::var_os("LISTING") else {
        return;
    };
    let resident = || -> u64 {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        line.unwrap()
            .trim()
            .trim_end_matches(" kB")
            .parse()
            .unwrap()
    };
    let encoded = std::fs::read(file).unwrap();
    let before = resident();
    let listing = Listing::decode(&encoded).unwrap();
    writeln!(std::io::stdout(), "resident: {}", resident() - before).unwrap();
    assert!(!listing.clusters.is_empty());
}
