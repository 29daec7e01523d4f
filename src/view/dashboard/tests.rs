//! Tests of the list and the page of sensitive calls.

use std::collections::BTreeMap;
use std::sync::Arc;

use alerts::links::Links;
use alerts::locale::{Language, Locale};
use alerts::outbox::MessageLogEntry;
use clusters::class::Class;
use clusters::facet::{FacetKind, Facets};
use clusters::fingerprint::{ClusterId, ClusterSubject, Identity, STRONG, WEAK};
use clusters::inspection_state::InspectionState;
use clusters::keys::{IamAnswer, KeyReport};
use clusters::lifecycle::Resolutions;
use clusters::occurrence::Occurrence;
use clusters::sightings::Sightings;
use clusters::watch::{CallDetails, Tier};
use clusters::{ClusterFacts, ClusterSnapshot, EventId, Series, Sighting};
use records::key_id::KeyKind;
use records::time::Timestamp;

use super::Frame;
use super::call::{CallEvent, CallPage};
use super::calls::{CallList, SECTION_ROWS_MAX};
use super::list::List;
use super::parts::deliveries;
use crate::call;
use crate::listing::{ListQuery, Listing, Sort, call_assessment};

const ACCOUNT: &str = "111122223333";
const KEY: &str = "AKIAEXAMPLEEXAMPLE01";

fn at(hour: i64) -> Timestamp {
    let day = Timestamp::parse("2026-11-02T00:00:00Z").unwrap();
    day.after(hour * 3600).unwrap()
}

fn details(target: &str) -> CallDetails {
    CallDetails {
        watch: "iam-attach-user-policy".to_owned(),
        tier: Tier::Always,
        is_strong: false,
        technique: Some("T1098.003".to_owned()),
        target: Some(target.to_owned()),
        parameters: [("policy".to_owned(), "AdministratorAccess".to_owned())].into(),
        why: Some("It gives permissions.".to_owned()),
        expected_by: None,
    }
}

fn identity(caller: &str, details: &CallDetails) -> Identity {
    Identity {
        partition: "aws".to_owned(),
        account_id: ACCOUNT.to_owned(),
        service: "iam".to_owned(),
        action: "AttachUserPolicy".to_owned(),
        class: Class::Watch,
        code: if details.is_strong { STRONG } else { WEAK }.to_owned(),
        cause: Some(caller.to_owned()),
        template: Some(details.encode()),
        addition: None,
    }
}

/// Returns one event of a sensitive call.
fn occurrence(number: u64, hour: i64, caller: &str, details: &CallDetails) -> Occurrence {
    let identity = identity(caller, details);
    let mut facets = Facets::default();
    facets.set(FacetKind::Principal, Some(caller));
    facets.set(FacetKind::Region, Some("eu-central-1"));
    facets.set(FacetKind::Network, Some("198.51.100.7"));
    facets.set(FacetKind::AccessKey, Some(KEY));
    Occurrence {
        at: at(hour),
        id: EventId::named(&format!("00000000-0000-4000-8000-{number:012}")),
        series: Arc::new(Series {
            cluster: identity.cluster_id(),
            facets,
        }),
        subject: Arc::new(ClusterSubject::from(&identity)),
    }
}

fn listing(occurrences: &[Occurrence]) -> Listing {
    let mut listing = Listing::empty(at(0).window());
    listing.meet(occurrences, &Resolutions::new());
    listing
}

fn frame(account_names: &BTreeMap<String, String>) -> Frame<'_> {
    Frame {
        endpoint: "arn:aws:lambda:eu-central-1:111122223333:function:x",
        is_dark: false,
        locale: Locale::default(),
        account_names,
    }
}

/// Returns the targets of the calls on the first page of a query.
fn targets(listing: &Listing, query: &ListQuery) -> Vec<String> {
    let page = listing.ask_calls(query, SECTION_ROWS_MAX);
    let target = |call: &Option<CallDetails>| call.as_ref()?.target.clone();
    let rows = page.rows.iter();
    rows.filter_map(|(_, call)| target(&call.subject.call))
        .collect()
}

#[test]
fn the_alerts_that_were_sent_are_listed_with_the_answers_of_the_sinks_the_latest_first() {
    let names = BTreeMap::new();
    let sent = |hour, sink: &str, kind: &str, outcome: &str| MessageLogEntry {
        at: at(hour),
        sink: sink.to_owned(),
        kind: kind.to_owned(),
        outcome: outcome.to_owned(),
    };
    let page = deliveries(
        &frame(&names),
        &[
            sent(1, "sns", "new", "200"),
            sent(2, "guance", "regressed", "<b>400</b> invalid"),
        ],
    );
    let page = page.into_string();
    let places = [
        "Alerts sent",
        "guance",
        "Back again",
        "&lt;b&gt;400&lt;/b&gt; invalid",
        "sns",
        "New",
        "200",
    ];
    let mut rest = page.as_str();
    for place in places {
        let (_, after) = rest
            .split_once(place)
            .unwrap_or_else(|| panic!("{place}: {page}"));
        rest = after;
    }
    let none = deliveries(&frame(&names), &[]).into_string();
    assert!(!none.contains("<table"), "{none}");
}

#[test]
fn the_most_severe_calls_come_first_and_then_the_newest() {
    let strong = |target| CallDetails {
        is_strong: true,
        ..details(target)
    };
    let expected = CallDetails {
        expected_by: Some("terraform".to_owned()),
        ..strong("expected")
    };
    let listing = listing(&[
        occurrence(1, 1, "user/mia", &strong("old and strong")),
        occurrence(2, 2, "user/mia", &strong("new and strong")),
        occurrence(3, 3, "user/mia", &details("old")),
        occurrence(4, 5, "user/mia", &details("new")),
        occurrence(5, 4, "user/mia", &expected),
    ]);
    assert_eq!(
        targets(&listing, &ListQuery::default()),
        ["new and strong", "old and strong", "new", "old", "expected"]
    );
}

#[test]
fn sensitive_calls_have_the_order_of_a_head() {
    let listing = listing(&[
        occurrence(1, 1, "user/mia", &details("bob")),
        occurrence(2, 2, "user/ann", &details("cleo")),
        occurrence(3, 3, "user/zoe", &details("ann")),
    ]);
    for (sort, found) in [
        (Sort::Last, ["ann", "cleo", "bob"]),
        (Sort::Caller, ["cleo", "bob", "ann"]),
        (Sort::Target, ["ann", "bob", "cleo"]),
    ] {
        let mut query = ListQuery {
            sort,
            ..ListQuery::default()
        };
        assert_eq!(targets(&listing, &query), found);
        query.is_reversed = true;
        let reversed: Vec<&str> = found.into_iter().rev().collect();
        assert_eq!(targets(&listing, &query), reversed);
    }
}

#[test]
fn search_account_and_time_filter_sensitive_calls() {
    let listing = listing(&[
        occurrence(1, 1, "user/mia", &details("bob")),
        occurrence(2, 9, "user/ann", &details("eve")),
    ]);
    let words = |words: &str| ListQuery {
        words: words.split(' ').map(str::to_owned).collect(),
        ..ListQuery::default()
    };
    for (asked, found) in [
        ("bob", vec!["bob"]),
        (
            "administratoraccess iam:attachuserpolicy",
            vec!["eve", "bob"],
        ),
        ("user/ann", vec!["eve"]),
        ("iam-attach-user-policy mia", vec!["bob"]),
        ("zoe", vec![]),
    ] {
        assert_eq!(targets(&listing, &words(asked)), found, "{asked}");
    }
    let elsewhere = ListQuery {
        account_id: Some("444455556666".to_owned()),
        ..ListQuery::default()
    };
    assert_eq!(targets(&listing, &elsewhere), Vec::<String>::new());
    let early = ListQuery {
        range: Some((at(0), at(4))),
        ..ListQuery::default()
    };
    assert_eq!(targets(&listing, &early), ["bob"]);
    assert_eq!(listing.ask_calls(&early, 20).outside, 1);
}

#[test]
fn a_file_lists_sensitive_calls_of_any_age() {
    let events = [
        occurrence(1, 1, "user/mia", &details("bob")),
        occurrence(2, 9 * 24 + 2, "user/ann", &details("eve")),
    ];
    let mut inspected = InspectionState::new(at(1).window());
    for event in &events {
        inspected.turn(event.at.window(), std::slice::from_ref(event));
    }
    let listing = Listing::from(&inspected);
    let all = ListQuery::default();
    assert_eq!(targets(&listing, &all), ["eve"]);
    assert_eq!(
        targets(&listing.with_all_calls(&events), &all),
        ["eve", "bob"]
    );
}

/// Returns the page with the list of clusters, and the page with all sensitive calls.
fn lists(listing: &Listing) -> (String, String) {
    let (names, query) = (BTreeMap::new(), ListQuery::default());
    let list = List {
        frame: frame(&names),
        incidents: &[],
        question: &query,
        page: listing.ask(&query),
        calls: Some(listing.ask_calls(&query, SECTION_ROWS_MAX)),
        frequent: Vec::new(),
        facts: BTreeMap::new(),
        triages: BTreeMap::new(),
        as_of: at(12),
        missing: Vec::new(),
        is_empty: false,
        is_past: false,
        is_unfolded: false,
    };
    let calls = CallList {
        frame: frame(&names),
        question: &query,
        page: listing.ask_calls(&query, crate::listing::PAGE),
        choices: listing.ask(&query).choices,
        as_of: at(12),
        missing: Vec::new(),
        is_past: true,
    };
    (list.html(), calls.html())
}

#[test]
fn a_row_has_the_parameters_of_a_line_of_text_in_the_order_of_messages() {
    let own = |text: &str| text.to_owned();
    let parameters = [
        ("account", "444455556666"),
        ("bucket", "orders"),
        ("changed", "validation off"),
        ("shared_with", "444455556666"),
        ("zone", "a"),
    ];
    let details = CallDetails {
        parameters: parameters
            .map(|(name, value)| (own(name), own(value)))
            .into(),
        ..details("orders")
    };
    let wanted = "changed validation off, shared with 444455556666, zone a";
    assert_eq!(call::deciding(&details, ACCOUNT, Language::En), wanted);
    let listing = listing(&[occurrence(1, 1, "user/mia", &details)]);
    let (section, all) = lists(&listing);
    for page in [section, all] {
        assert!(page.contains(&format!("<bdi>{wanted}</bdi>")), "{page}");
    }
}

#[test]
fn the_list_has_five_sensitive_calls_and_a_button_to_all() {
    let count = |html: &str| html.matches("iam:AttachUserPolicy").count();
    let calls = |number: u64| -> Vec<Occurrence> {
        let call = |of| occurrence(of, 1, "user/mia", &details(&format!("user{of}")));
        (0..number).map(call).collect()
    };
    let (list, _) = lists(&listing(&[]));
    assert!(!list.contains("ensitive call"), "{list}");
    let (list, _) = lists(&listing(&calls(5)));
    assert_eq!(count(&list), 5);
    assert!(!list.contains("show all"), "{list}");
    let (list, all) = lists(&listing(&calls(30)));
    assert_eq!(count(&list), 5);
    assert!(
        list.contains("25</data> more: show all</a>")
            && list.contains("&quot;calls&quot;,&quot;page&quot;:1}"),
        "{list}"
    );
    assert_eq!(count(&all), 25);
    assert!(
        all.contains("&quot;calls&quot;,&quot;page&quot;:2}"),
        "{all}"
    );
}

/// Returns the page of a sensitive call that was made at 9:00 and at 11:00.
fn page(caller: &str, details: &CallDetails) -> String {
    let occurrences = [9, 11].map(|hour| occurrence(hour as u64, hour, caller, details));
    let listing = listing(&occurrences);
    let identity = identity(caller, details);
    let id: ClusterId = identity.cluster_id();
    let mut sightings = Sightings::default();
    let sighting = |of: &Occurrence| Sighting::new(true, Some(of.at), Arc::clone(&of.series));
    let seen: Vec<_> = occurrences.iter().map(|of| (of.id, sighting(of))).collect();
    sightings.add(seen.iter().map(|(id, seen)| (*id, seen)));
    let (series_table, rows) = sightings.rows(None);
    let facts = Arc::new(ClusterFacts {
        identity,
        template: String::new(),
    });
    let snapshot = ClusterSnapshot::of([(id, facts)].into(), series_table, rows);
    let call = snapshot.sensitive_calls()[0].cluster();
    let history = &listing.calls[&id];
    let event = |of: &'_ Occurrence| (of.at, of.id, of.series.facets.clone());
    let events: Vec<_> = occurrences.iter().map(event).collect();
    let events: Vec<CallEvent<'_>> = events
        .iter()
        .map(|(at, id, facets)| CallEvent {
            at: *at,
            id: *id,
            facets,
        })
        .collect();
    let key = KeyReport {
        id: KEY.to_owned(),
        kind: KeyKind::LongTerm,
        account_id: None,
        answer: Some(IamAnswer::Never { user: None }),
        entry: None,
        session: None,
        anomalies: Vec::new(),
        is_missing: false,
    };
    let links = Links::default().with_stack("eu-central-1", None, Some("trail"));
    let names = BTreeMap::new();
    let page = CallPage {
        frame: frame(&names),
        call: &call,
        history: Some(history),
        is_past: false,
        assessment: call_assessment(history),
        first_seen: Some(at(9)),
        life: &[(at(9).window(), 1), (at(11).window(), 1)],
        hours: &[at(9).window(), at(11).window()],
        events: &events,
        keys: &[key],
        related: &[],
        sent: &[],
        links: &links.unwrap(),
        is_in_widget: false,
        notice: None,
    };
    page.html()
}

#[test]
fn a_page_says_what_a_call_did_and_nothing_of_a_life() {
    let html = page("user/mia", &details("eve"));
    for expected in [
        "<dt>who</dt><dd><bdi>user/mia</bdi>",
        "<dt>target</dt><dd><bdi>eve</bdi>",
        "<dt>policy</dt><dd><bdi>AdministratorAccess</bdi>",
        "<dt>watched because</dt><dd><bdi>It gives permissions.</bdi>",
        r#"href="https://attack.mitre.org/techniques/T1098/003/""#,
        "AKIA****LE01",
        "cloudtrailv2/home?region=eu-central-1#/events/00000000-0000-4000-8000-000000000009",
        "logs-insights",
        "not*20ispresent*28errorCode*29",
        "expected = true",
    ] {
        assert!(html.contains(expected), "{expected}: {html}");
    }
    let body = html.split_once("</style>").unwrap().1;
    for wrong in [
        KEY,
        "episode",
        "recovered",
        "failed",
        "failing",
        "Acknowledge",
        "Mute",
        "ongoing",
        "Status",
        "success",
    ] {
        assert!(!body.contains(wrong), "{wrong}: {body}");
    }
}

#[test]
fn a_page_says_when_an_alert_is_sent() {
    for (details, expected) in [
        (
            details("x"),
            "An alert is sent when the call is made. Equal calls",
        ),
        (
            CallDetails {
                tier: Tier::Condition,
                ..details("x")
            },
            "the condition of the watch holds. Equal calls",
        ),
        (
            CallDetails {
                tier: Tier::First,
                ..details("x")
            },
            "One alert is sent, when this caller makes this call for the first time",
        ),
        (
            CallDetails {
                expected_by: Some("terraform".to_owned()),
                ..details("x")
            },
            "No alert is sent, calls are counted and summed up: expected by the rule <bdi>terraform</bdi>",
        ),
    ] {
        let html = page("user/mia", &details);
        assert!(html.contains(expected), "{expected}: {html}");
    }
}

#[test]
fn text_of_callers_stays_text() {
    const BAD: &str = "<img src=x onerror=alert(1)>\u{202e}\"'&";
    let bad = CallDetails {
        watch: BAD.to_owned(),
        technique: Some("T1098/../../x\"onclick=\"".to_owned()),
        parameters: [(BAD.to_owned(), BAD.to_owned())].into(),
        why: Some(BAD.to_owned()),
        expected_by: Some(BAD.to_owned()),
        ..details(BAD)
    };
    let (list, calls) = lists(&listing(&[occurrence(1, 1, BAD, &bad)]));
    for html in [page(BAD, &bad), list, calls] {
        assert!(
            html.contains("&lt;img src=x onerror=alert(1)&gt;"),
            "{html}"
        );
        assert!(
            !html.contains("<img") && !html.contains('\u{202e}'),
            "{html}"
        );
        assert!(!html.contains("attack.mitre.org"), "{html}");
        assert!(!html.contains("\"onclick"), "{html}");
    }
}
