//! Messages to sinks, read back by independent parsers: line protocol by its escaping rules, Markdown as its readers
//! render it.

use std::collections::BTreeMap;

use alerts::alert::inspected::Silent;
use alerts::alert::{Alert, AlertSubject};
use alerts::detail;
use alerts::facts::drill::DrillFailureFacts;
use alerts::facts::{CallFacts, CanaryUse, DigestFacts, Facts, KeyFacts, NEVER_ANY_DATA, Stage};
use alerts::guance::event::{Checker, event, samples};
use alerts::guance::line_protocol as wire;
use alerts::guance::line_protocol::{Field, Point};
use alerts::guance::open_api::{custom_event, push_event};
use alerts::kind::AlertKind;
use alerts::links::Links;
use alerts::locale::{Language, Locale, Zone};
use alerts::message::{ClusterContext, Message};
use alerts::severity::{Reason, Severity};
use alerts::sns::{attributes, body, subject};
use alerts::text::Texts;
use clusters::circumstance::Circumstances;
use clusters::fingerprint::ClusterId;
use clusters::keys::{IamAnswer, KeyAnomaly, KeyReport};
use clusters::summary::{self, Excerpt, Period, Summary};
use clusters::transition::NewCircumstance;
use clusters::watch::{CallDetails, Tier};
use expect_test::expect_file;
use fastrand::Rng;
use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd};
use serde_json::{Value, json};

use crate::alerts::{
    OF_CLUSTER, alert, alerts, at, campaign, keys, later, message, of_alert, refusals, summary,
};
use crate::bad_input::{HOSTILE, hostile};
use crate::binary::each_text;
use crate::effort;
use crate::events::{assert_valid, links};
use crate::records::{ACCOUNT, second, snapshot};

const LANGUAGES: [Language; 2] = [Language::En, Language::Zh];

fn texts(language: Language) -> Texts {
    let links = Links::default()
        .with_guance("https://us1-console.guance.com", Some("wksp_1a2b"))
        .unwrap()
        .with_stack("eu-central-1", Some("errors"), Some("trail-logs"))
        .unwrap();
    Texts {
        locale: language.into(),
        links,
    }
}

/// Returns the settings of a reader: an English one in UTC, and a Chinese one in Beijing.
fn reader(language: Language) -> Texts {
    let zone = match language {
        Language::En => Zone::default(),
        Language::Zh => Zone::parse("+08:00").unwrap(),
    };
    Texts {
        locale: Locale { language, zone },
        ..texts(language)
    }
}

/// A parsed line of line protocol.
#[derive(Debug, PartialEq)]
struct Line {
    measurement: String,
    tags: BTreeMap<String, String>,
    fields: BTreeMap<String, Field>,
    nanoseconds: i64,
}

/// Parses line protocol by its rules: outside quotes, a backslash escapes comma, equals sign and space; inside quotes,
/// it escapes quote and backslash.
struct LineReader<'t> {
    rest: std::iter::Peekable<std::str::Chars<'t>>,
}

impl<'t> LineReader<'t> {
    fn read_all(text: &'t str) -> Vec<Line> {
        let mut reader = Self {
            rest: text.chars().peekable(),
        };
        let mut lines = Vec::new();
        while reader.rest.peek().is_some() {
            lines.push(reader.line());
        }
        lines
    }

    fn line(&mut self) -> Line {
        let measurement = self.bare(", ");
        assert!(!measurement.is_empty());
        let (mut tags, mut fields) = (BTreeMap::new(), BTreeMap::new());
        while self.rest.next().unwrap() == ',' {
            let key = self.bare("=");
            assert_eq!(self.rest.next(), Some('='));
            let tag = self.bare(", ");
            assert!(!key.is_empty() && !tag.is_empty(), "{key} {tag}");
            assert_eq!(tags.insert(key, tag), None);
        }
        loop {
            let key = self.bare("=");
            assert_eq!(self.rest.next(), Some('='));
            assert!(!key.is_empty() && !tags.contains_key(&key), "{key}");
            let value = self.value();
            assert_eq!(fields.insert(key, value), None);
            match self.rest.next() {
                Some(',') => {}
                Some(' ') => break,
                other => panic!("{other:?} behind a field"),
            }
        }
        let nanoseconds = self.bare("\n").parse().unwrap();
        assert!(matches!(self.rest.next(), None | Some('\n')));
        Line {
            measurement,
            tags,
            fields,
            nanoseconds,
        }
    }

    fn bare(&mut self, ends: &str) -> String {
        let mut text = String::new();
        while let Some(c) = self.rest.next_if(|c| !ends.contains(*c)) {
            assert!(c != '\n', "a line ends within {text}");
            match (c, self.rest.peek()) {
                ('\\', Some(',' | '=' | ' ')) => text.extend(self.rest.next()),
                _ => text.push(c),
            }
        }
        text
    }

    fn value(&mut self) -> Field {
        if self.rest.next_if_eq(&'"').is_some() {
            let mut text = String::new();
            loop {
                match self.rest.next().expect("a quote is not closed") {
                    '"' => return Field::Text(text),
                    '\\' => text.extend(self.rest.next()),
                    c => text.push(c),
                }
            }
        }
        let bare = self.bare(", ");
        match bare.as_str() {
            "true" => Field::Bool(true),
            "false" => Field::Bool(false),
            number => match number.strip_suffix('i') {
                Some(number) => Field::Int(number.parse().unwrap()),
                None => Field::Float(number.parse().unwrap()),
            },
        }
    }
}

fn any_text(dice: &mut Rng, pieces: &[&str], most: usize) -> String {
    let count = dice.usize(0..=most);
    let pieces = (0..count).map(|_| pieces[dice.usize(..pieces.len())]);
    pieces.collect()
}

fn any_field(dice: &mut Rng) -> Field {
    match dice.u8(0..6) {
        0 => Field::Int(dice.i64(..)),
        1 => Field::Int(dice.i64(0..100)),
        2 => Field::Float(dice.u64(..) as f64 / 3.0 - 1e9),
        3 => Field::Bool(dice.bool()),
        _ => Field::Text(any_text(dice, &PIECES, 12)),
    }
}

/// Texts with and without characters that break lines, names and quotes.
const PIECES: [&str; 24] = [
    "a",
    "Z",
    "9",
    "_",
    "-",
    ".",
    ":",
    "/",
    "@",
    "+",
    " ",
    ",",
    "=",
    "\"",
    "\\",
    "\\ ",
    "\\\"",
    "\n",
    "\t",
    "é",
    "漢",
    "`",
    "#",
    "foo y=2i 3\n",
];
const NAMES: [&str; 8] = ["a", "b_c", "df_x", "K9", "zz", "ct_1", "q", "_"];

/// Returns the value that a tag should have after parsing, computed independently of the code that writes it.
fn expected_tag(text: &str) -> String {
    let keeps = |c: char| c.is_ascii_alphanumeric() || "_.:/@+-".contains(c);
    text.replace(|c| !keeps(c), "_")
}

#[test]
fn random_points_come_back_as_they_were_written() {
    let mut dice = Rng::with_seed(0x5eed);
    let (mut body, mut wanted) = (Vec::new(), Vec::new());
    for number in 0..i64::from(effort::cases(20_000, 200_000)) {
        let mut point = Point {
            measurement: format!("m{}", any_text(&mut dice, &PIECES, 4)),
            nanoseconds: number - 7,
            ..Point::default()
        };
        for _ in 0..dice.usize(0..4) {
            let name = any_text(&mut dice, &NAMES, 2) + "t";
            point.tags.insert(name, any_text(&mut dice, &PIECES, 8));
        }
        for _ in 0..=dice.usize(0..4) {
            let name = any_text(&mut dice, &NAMES, 2) + "f";
            let field = any_field(&mut dice);
            point.fields.insert(name, field);
        }
        let tags = point.tags.iter();
        let tags = tags.map(|(name, tag)| (name.clone(), expected_tag(tag)));
        wanted.push(Line {
            measurement: expected_tag(&point.measurement),
            tags: tags.filter(|(_, tag)| !tag.is_empty()).collect(),
            fields: point.fields.clone(),
            nanoseconds: point.nanoseconds,
        });
        body.push(point);
        if body.len() == 100 {
            let lines = LineReader::read_all(&wire::body(&body));
            assert!(lines == wanted, "{lines:#?} are not {wanted:#?}");
            (body, wanted) = (Vec::new(), Vec::new());
        }
    }
}

#[test]
fn what_a_point_cannot_hold_is_cut_or_left_out() {
    let mut point = Point {
        measurement: "m".repeat(2000),
        nanoseconds: 1,
        ..Point::default()
    };
    assert_eq!(point.line(), Err(wire::PointError::NoField));
    point.field("nan", Field::Float(f64::NAN));
    assert_eq!(point.line(), Err(wire::PointError::NoField));
    assert_eq!(wire::body(&[point.clone()]), "");
    point.field("text", "NUL \0 ESC \u{1b} CR \r DEL \u{7f} end \\");
    point.field("same", true);
    point.tag("same", "tag");
    point.tag("empty", "");
    point.tag("dotted.name", "x".repeat(3000));
    for number in 0..300 {
        point.tag(&format!("tag{number}"), "y".repeat(1024));
    }
    let line = LineReader::read_all(&point.line().unwrap()).remove(0);
    assert_eq!(line.measurement.len(), wire::TAG_BYTES_MAX);
    assert_eq!(line.tags["dotted_name"].len(), wire::TAG_BYTES_MAX);
    let head = line
        .tags
        .iter()
        .map(|(name, tag)| name.len() + tag.len() + 2);
    assert!(head.sum::<usize>() + line.measurement.len() <= wire::HEAD_BYTES_MAX);
    assert!(line.tags.len() < wire::TAGS_MAX && !line.tags.contains_key("empty"));
    let text = Field::Text("NUL  ESC  CR  DEL  end \\".to_owned());
    assert_eq!(line.fields, BTreeMap::from([("text".to_owned(), text)]));
    let unnamed = Point {
        measurement: String::new(),
        ..point
    };
    assert_eq!(unnamed.line(), Err(wire::PointError::NoMeasurement));
}

#[test]
fn the_wire_of_each_state_is_as_written_down() {
    for message in alerts() {
        for language in LANGUAGES {
            let texts = reader(language);
            let guance = wire::body(&[event(&message, &texts, &Checker::default())]);
            let shown = format!(
                "{guance}\n\n=== SNS\nSubject: {}\n{:?}\n\n{}",
                subject(&message, language),
                attributes(&message),
                body(&message, &texts),
            );
            let state = message.alert.state();
            let name = format!("wire/{state}.{}.txt", language.name());
            expect_file![name].assert_eq(&shown);
        }
    }
    let message = message(AlertKind::New);
    expect_file!["wire/samples.txt"].assert_eq(&wire::body(&samples(&message)));
    let json = format!("{:#}\n", push_event(&message, &texts(Language::En)));
    expect_file!["wire/push_event.json"].assert_eq(&json);
    let json = format!("{:#}\n", custom_event(&message, &texts(Language::En)));
    expect_file!["wire/custom_event.json"].assert_eq(&json);
}

/// Latin words that Chinese texts may have outside code spans: names of AWS, of products, and of units.
const LATIN: [&str; 23] = [
    "Detach",
    "ATT",
    "AK",
    "AWS",
    "AssumeRole",
    "CK",
    "CloudTrail",
    "Guance",
    "IAM",
    "MITRE",
    "SDK",
    "UTC",
    "VPC",
    "XX",
    "backfill",
    "clusters",
    "list",
    "S3",
    "SCP",
    "RCP",
    "KMS",
    "OIDC",
    "SNS",
];

/// Returns the Latin words of a Chinese text in Markdown that are neither code, a link, an id, nor in the list.
fn latin_words(markdown: &str) -> Vec<String> {
    let mut own = String::new();
    let mut is_code = false;
    for part in markdown.split('`') {
        // The targets of links are in round brackets behind a square one.
        let mut parts = part.split("](");
        if !is_code {
            own.extend(parts.next());
            own.extend(parts.map(|part| part.split_once(')').unwrap_or_default().1));
        }
        own.push(' ');
        is_code = !is_code;
    }
    let words = own.split(|c: char| !(c.is_ascii_alphanumeric()));
    let is_word = |word: &&str| {
        let is_id = word.len() >= 26 || word.chars().any(|c| c.is_ascii_digit());
        !is_id && !LATIN.contains(word) && word.chars().any(|c| c.is_ascii_alphabetic())
    };
    words.filter(is_word).map(str::to_owned).collect()
}

#[test]
fn chinese_texts_have_no_latin_words_but_codes_and_names() {
    assert_eq!(
        latin_words("级别：error `x y` [查看](https://a.b)，AWS"),
        ["error"]
    );
    let texts = reader(Language::Zh);
    let mut all = alerts();
    all.extend(further_alerts());
    for message in all {
        let kind = message.alert.state();
        let markdown = texts.markdown(&message);
        assert_eq!(latin_words(&markdown), [""; 0], "{kind}: {markdown}");
        // A subject has the names of the account and of the only caller.
        let mut subject = subject(&message, Language::Zh);
        for name in ["shop", "role/deployer", "user/mia", "user/ben"] {
            subject = subject.replace(name, "");
        }
        assert_eq!(latin_words(&subject), [""; 0]);
        let title = texts.title(&message);
        assert!(
            title.starts_with('[') && title.contains(|c| c > '\u{2e80}'),
            "{title}"
        );
        assert!(
            !markdown.contains("（UTC）") && markdown.contains("北京时间"),
            "{markdown}"
        );
    }
}

/// Returns alerts of kinds and with facts that the snapshots do not have.
fn further_alerts() -> Vec<Message> {
    let of = |alert| Message::of_account(alert, Vec::new(), None);
    let digest = DigestFacts {
        first: "0123".to_owned(),
        alerts: 200,
        kinds: BTreeMap::from([(AlertKind::New, 150), (AlertKind::NewPrincipal, 50)]),
        accounts: BTreeMap::from([("111122223333".to_owned(), 200)]),
        classes: BTreeMap::from([("denied".to_owned(), 180), ("unknown".to_owned(), 20)]),
        clusters: vec![ClusterId::from_bytes([7; 16])],
    };
    let mut by_rule = message(AlertKind::New);
    let rule = Reason::of_rule(Severity::Critical, "payments are ours");
    by_rule.severity.reasons.push(rule);
    let mut awakened = message(AlertKind::New);
    let anomaly = KeyAnomaly::Awakened { days: 120 };
    let reason = Reason::of_anomaly(Severity::Error, anomaly);
    awakened.severity.reasons.extend(reason);
    let day = Summary {
        period: Period::Day,
        ..summary()
    };
    let since = (at("2026-11-02T05:25:00Z"), at("2026-11-02T09:00:00Z"));
    let silent = |name| {
        let diagnosis = Some((name, "trail-logs: the log group has no subscription filter"));
        let silent = Silent::LogGroup("trail-logs");
        of(Alert::of_silence(
            "111122223333",
            silent,
            since,
            diagnosis,
            second(0),
        ))
    };
    let causes = [
        "no_group",
        "no_filter",
        "filter_elsewhere",
        "filter_other_pattern",
        "trail_silent",
        NEVER_ANY_DATA,
    ];
    let mut all: Vec<Message> = causes.map(silent).into();
    all.extend([
        of(Alert::learned(24)),
        of(Alert::new(
            AlertSubject::Stack,
            Facts::Digest(digest),
            None,
            second(0),
        )),
        of(Alert::of_summary(&day, second(0))),
        by_rule,
        awakened,
    ]);
    all
}

#[test]
fn a_sensitive_call_says_who_did_what_and_is_a_fault_that_nothing_ends() {
    let message = message(AlertKind::SensitiveCall);
    let english = texts(Language::En);
    assert_eq!(
        english.title(&message),
        "[Sensitive call] AWS shop (111122223333): iam:AttachUserPolicy by role/deployer on user eve: \
         policy AdministratorAccess (2 calls)"
    );
    assert_eq!(
        texts(Language::Zh).title(&message),
        "[敏感操作] AWS shop（111122223333）：iam:AttachUserPolicy，调用者 role/deployer，对象为用户 eve：\
         策略 AdministratorAccess（2 次）"
    );
    assert_eq!(
        subject(&message, Language::En),
        "Error: sensitive call by role/deployer in account shop (111122223333)"
    );
    let plain = english.plain(&message);
    for said in [
        "A sensitive call succeeded in account 111122223333 shop: iam:AttachUserPolicy by role/deployer on user eve.\n",
        "Policy: AdministratorAccess\n",
        "T1098.003, What it is: https://attack.mitre.org/techniques/T1098/003/\n",
        "Equal calls: 2, from 2026-11-02T08:00:00Z to 2026-11-02T09:00:00Z\n",
        "What to do: role/deployer attached AdministratorAccess to eve.",
        "Event in CloudTrail: https://console.aws.amazon.com/cloudtrailv2/home?region=us-east-1#/events/",
        "Log group: https://console.aws.amazon.com/cloudwatch/home?region=eu-central-1#logsV2:logs-insights",
        "Dashboard: https://console.aws.amazon.com/cloudwatch/home?region=eu-central-1#dashboards/",
        "used for this call: 2, last 2026-11-02T08:05:00Z\n",
    ] {
        assert!(plain.contains(said), "{said}: {plain}");
    }
    for language in LANGUAGES {
        let plain = texts(language).plain(&message);
        let lines = plain.lines().filter(|line| !line.contains("https://"));
        for line in lines {
            for misleading in ["failed", "errors", "luster", "失败", "错误", "聚类"] {
                assert!(!line.contains(misleading), "{misleading}: {line}");
            }
        }
    }
    let point = event(&message, &english, &Checker::default());
    let text = |text: &str| Field::Text(text.to_owned());
    assert_eq!(point.tags["df_status"], "error");
    assert_eq!(point.fields["df_fault_status"], text("fault"));
    assert_eq!(
        point.fields["df_fault_id"],
        Field::Text(point.tags["df_event_id"].clone())
    );
    assert_eq!(point.fields["df_fault_duration"], Field::Int(0));
    assert_eq!(point.fields["ct_technique"], text("T1098.003"));
    assert_eq!(point.fields["ct_untrusted_target"], text("eve"));
    assert!(!point.tags.contains_key("ct_class") && !point.tags.contains_key("ct_error_code"));
    let detail = detail::detail(&message, &links());
    assert_eq!(detail["fault_status"], "none");
    assert_eq!(detail["untrusted_detail"]["calls"], 2);
}

#[test]
fn all_events_of_one_life_of_a_cluster_are_one_fault_of_one_object() {
    let field = |point: &Point, name: &str| point.fields.get(name).cloned();
    let new = event(
        &message(AlertKind::New),
        &texts(Language::En),
        &Checker::default(),
    );
    for kind in [AlertKind::NewPrincipal, AlertKind::Recovered] {
        let later = event(&message(kind), &texts(Language::Zh), &Checker::default());
        for name in [
            "df_fault_id",
            "df_fault_start_time",
            "df_dimension_tags",
            "df_monitor_checker_event_ref",
        ] {
            assert_eq!(field(&new, name), field(&later, name), "{name}");
        }
        assert_ne!(new.tags["df_event_id"], later.tags["df_event_id"]);
    }
    let own = Field::Text(new.tags["df_event_id"].clone());
    assert_eq!(field(&new, "df_fault_id"), Some(own));
    let registered = Checker {
        ref_key: Some("k".to_owned()),
        ..Checker::default()
    };
    let known = event(&message(AlertKind::New), &texts(Language::En), &registered);
    assert_eq!(known.tags["df_monitor_type"], "bot_obs");
}

#[test]
fn what_begins_and_ends_is_a_fault_and_an_object_of_its_own() {
    let cluster = crate::alerts::cluster();
    let point = |message: &Message| event(message, &texts(Language::En), &Checker::default());
    let new = point(&message(AlertKind::New));
    let begun = [
        AlertKind::Escalating,
        AlertKind::Campaign,
        AlertKind::Campaign,
        AlertKind::NoData,
    ];
    for (kind, alert) in begun.into_iter().zip(later(cluster.id)) {
        let is_end = alert.is_end();
        let begins = message(kind);
        let (began, later) = (point(&begins), point(&of_alert(alert, cluster.clone())));
        for name in [
            "df_fault_id",
            "df_fault_start_time",
            "df_dimension_tags",
            "df_monitor_checker_event_ref",
        ] {
            assert_eq!(began.fields[name], later.fields[name], "{kind:?} {name}");
        }
        let own = Field::Text(began.tags["df_event_id"].clone());
        assert_eq!(began.fields["df_fault_id"], own);
        assert_ne!(began.tags["df_event_id"], later.tags["df_event_id"]);
        for name in ["df_fault_id", "df_monitor_checker_event_ref"] {
            assert_ne!(
                began.fields[name], new.fields[name],
                "no cluster recovers of {kind:?}"
            );
        }
        let status = if is_end { "ok" } else { "fault" };
        assert_eq!(
            later.fields["df_fault_status"],
            Field::Text(status.to_owned())
        );
        assert_eq!(later.tags["df_status"] == "ok", is_end);
        assert_eq!(
            began.fields["df_fault_status"],
            Field::Text("fault".to_owned())
        );
    }
}

#[test]
fn the_numbers_of_a_summary_are_shown_as_they_are() {
    let message = message(AlertKind::AccountSummary);
    let plain = texts(Language::En).plain(&message);
    for said in [
        "[Summary] AWS shop (111122223333): 17 new of 342 errors in the hour from 2026-11-02T08:00:00Z, 53 sensitive calls\n",
        "Sensitive calls: 53\n",
        "iam:CreateAccessKey by role/deployer, 1 sensitive call\n",
        "iam:PutRolePolicy by role/terraform, 12 sensitive calls, without alerts\n",
        "Newly added error events: 17, of new clusters: 2\n",
        "Errors: 342, of clusters: 7\n",
        "AKIA****7WML: last active 2026-11-02T08:45:00Z with s3 in eu-central-1;",
        "and 1 more\n",
    ] {
        assert!(plain.contains(said), "{said}: {plain}");
    }
    let said = |text: String| plain.matches(&text).count();
    let summary = summary();
    // The counts of the listed clusters add up to the total.
    let of_new = summary.new.shown.iter().map(|line| line.count).sum::<u64>();
    assert_eq!(of_new, summary.new_errors);
    for line in summary.new.shown {
        assert!(
            said(format!(
                "{}:{}, {} events",
                line.service, line.action, line.count
            )) >= 1
        );
    }
    let point = event(&message, &texts(Language::En), &Checker::default());
    for (name, number) in [
        ("ct_count", 342_u64),
        ("ct_account_errors", 342),
        ("ct_clusters", 7),
        ("ct_new_errors", 17),
        ("ct_new_clusters", 2),
        ("ct_regressed", 1),
        ("ct_recovered", 1),
        ("ct_escalating", 1),
        ("ct_incidents", 2),
        ("ct_begun_incidents", 1),
        ("ct_open_incidents", 1),
        ("ct_sensitive_calls", 53),
    ] {
        assert_eq!(point.fields[name], Field::from(number), "{name}");
    }
    let detail = detail::detail(&message, &links());
    assert_eq!(detail["untrusted_detail"]["new_errors"], 17);
    assert_eq!(detail["untrusted_detail"]["new"]["total"], 2);
}

/// Returns a list of a thousand sensitive calls by a caller with a long name.
fn many_calls(call: &summary::CallLine) -> Excerpt<summary::CallLine> {
    let call = summary::CallLine {
        caller: "\"漢".repeat(400),
        ..call.clone()
    };
    Excerpt {
        total: 1000,
        shown: vec![call; 1000],
    }
}

#[test]
fn a_thousand_clusters_are_counted_and_the_first_are_named() {
    let id =
        |number: u16| ClusterId::from_bytes([number.to_be_bytes(); 8].concat().try_into().unwrap());
    let mut summary = summary();
    let line = summary.new.shown[0].clone();
    let long = Summary::empty("111122223333", Period::Week, summary.from, summary.until);
    let lines: Vec<_> = (0..1000)
        .map(|number| summary::ClusterLine {
            cluster: id(number),
            action: "\"漢".repeat(400),
            ..line.clone()
        })
        .collect();
    let all = || Excerpt {
        total: 1000,
        shown: lines.clone(),
    };
    summary = Summary {
        new: all(),
        regressed: all(),
        recovered: all(),
        escalating: all(),
        top: lines.clone(),
        keys: Excerpt {
            total: 1000,
            shown: vec![summary.keys.shown[0].clone(); 1000],
        },
        incidents: Excerpt {
            total: 1000,
            shown: vec![
                summary::IncidentLine {
                    actor: "\"漢".repeat(400),
                    ..summary.incidents.shown[0].clone()
                };
                1000
            ],
        },
        sensitive_calls: 5000,
        calls: many_calls(&summary.calls.shown[0]),
        ..long
    };
    for (alert, more) in [(Alert::of_summary(&summary, second(0)), 6)] {
        assert!(alert.facts.json().to_string().len() < 64 << 10);
        let message = Message::of_account(alert, Vec::new(), None);
        for language in LANGUAGES {
            let texts = texts(language);
            assert!(texts.markdown(&message).len() < 64 << 10);
            assert_plain(&message, &texts);
            assert_guance(&message, &texts);
        }
        let plain = texts(Language::En).plain(&message);
        assert!(plain.matches("and 980 more").count() >= more, "{plain}");
        assert!(detail::entry(&message, None, &links()).to_string().len() < 256 << 10);
        assert_valid(&[message]);
    }
}

/// Returns alerts with hostile text in each field: one for each hostile cluster, and one for each kind and text.
fn hostile_alerts() -> Vec<Message> {
    let long = "x\n`".repeat(5000);
    let mentions = [
        "[x](http://evil.example)",
        "@all @channel",
        "![x](http://evil.example)",
    ];
    let all: Vec<&str> = HOSTILE
        .into_iter()
        .chain(mentions)
        .chain([&*long])
        .collect();
    let clusters = snapshot(&hostile()).clusters();
    let mut alerts = Vec::new();
    for (number, cluster) in clusters.into_iter().enumerate() {
        let text = all[number % all.len()];
        let subject = AlertSubject::Cluster {
            account_id: text.to_owned(),
            id: cluster.id,
            episode: 1,
        };
        let alert = Alert {
            subject,
            ..hostile_alert(OF_CLUSTER[number % OF_CLUSTER.len()], text)
        };
        let known = ClusterContext {
            cluster,
            first_seen: None,
            circumstances: Circumstances::new(),
            range: Some((at("2026-11-02T08:00:00Z"), at("2026-11-02T09:00:00Z"))),
            account_errors: 1,
        };
        let (keys, name) = (hostile_keys(text), Some(text.to_owned()));
        alerts.push(Message::of_cluster(alert, known, keys, name));
    }
    for text in &all {
        let kinds = AlertKind::ALL.map(|kind| (kind, hostile_alert(kind, text)));
        let told = hostile_facts(text).map(|alert| (alert.kind(), alert));
        for (kind, alert) in kinds.into_iter().chain(told) {
            alerts.push(Message {
                alert,
                account_name: Some((*text).to_owned()),
                keys: hostile_keys(text),
                ..message(kind)
            });
        }
    }
    for message in &mut alerts {
        let reason = Reason::of_rule(Severity::Critical, message.alert.account_id());
        message.severity.reasons.push(reason);
    }
    alerts
}

/// Returns alerts about campaigns, silences and hours whose names are hostile.
fn hostile_facts(text: &str) -> [Alert; 6] {
    let (since, until) = (at("2026-11-02T05:25:00Z"), at("2026-11-02T09:00:00Z"));
    let hostile = |stage| {
        let mut alert = campaign(stage, second(0));
        if let Facts::Campaign(of) = &mut alert.facts {
            of.actor = text.to_owned();
            // Earlier versions stored the names of calls with these characters alone.
            let plain = |c: char| c.is_ascii_alphanumeric() || "_.:/@+-".contains(c);
            let letter = |c| if plain(c) { c } else { '_' };
            of.calls.shown[0] = text.chars().map(letter).take(64).collect();
        }
        alert.subject = AlertSubject::of_account(text);
        alert
    };
    let mut summary = summary();
    summary.account_id = text.to_owned();
    for list in [&mut summary.new, &mut summary.regressed] {
        for line in &mut list.shown {
            for name in [&mut line.service, &mut line.action, &mut line.code] {
                *name = text.to_owned();
            }
        }
    }
    summary.incidents.shown[0].actor = text.to_owned();
    for line in &mut summary.calls.shown {
        for name in [&mut line.service, &mut line.action, &mut line.caller] {
            *name = text.to_owned();
        }
    }
    let key = &mut summary.keys.shown[0];
    key.key = text.to_owned();
    key.principal = text.to_owned();
    key.service = Some(text.to_owned());
    key.region = Some(text.to_owned());
    let silent = Silent::LogGroup(text);
    [
        hostile(Stage::Began),
        hostile(Stage::Ended),
        Alert::of_silence(text, silent, (since, until), Some((text, text)), second(0)),
        Alert::of_silence_end(text, silent, (since, until), None, second(0)),
        Alert::of_summary(&summary, second(0)),
        Alert::new(
            AlertSubject::Stack,
            Facts::Digest(hostile_digest(text)),
            None,
            second(0),
        ),
    ]
}

fn hostile_digest(text: &str) -> DigestFacts {
    DigestFacts {
        first: text.to_owned(),
        alerts: 1,
        kinds: BTreeMap::from([(AlertKind::New, 1)]),
        accounts: BTreeMap::from([(text.to_owned(), 1)]),
        classes: BTreeMap::from([(text.to_owned(), 1)]),
        clusters: Vec::new(),
    }
}

fn hostile_alert(kind: AlertKind, text: &str) -> Alert {
    let alert = alert(kind, ClusterId::from_bytes([7; 16]));
    let account_id = text.to_owned();
    let (subject, facts) = match alert.facts {
        Facts::NewPrincipal(_) => (
            AlertSubject::Account(account_id),
            Facts::NewPrincipal(text.to_owned()),
        ),
        Facts::NewCircumstance(new) => {
            let new = NewCircumstance {
                value: text.to_owned(),
                principal: Some(text.to_owned()),
                usual: Excerpt::of(vec![text.to_owned()], 1),
                ..*new
            };
            let facts = Facts::NewCircumstance(Box::new(new));
            (AlertSubject::Account(account_id), facts)
        }
        Facts::AccessKey(_) => {
            let key = text.to_owned();
            let day = None;
            let facts = Facts::AccessKey(KeyFacts::Canary(hostile_use(text)));
            (
                AlertSubject::AccessKey {
                    account_id,
                    key,
                    day,
                },
                facts,
            )
        }
        Facts::SensitiveCall(_) => (
            AlertSubject::Account(account_id),
            Facts::SensitiveCall(Box::new(hostile_call(text))),
        ),
        Facts::DrillFailed(failure) => {
            let answer = Some(text.to_owned());
            let failure = DrillFailureFacts { answer, ..failure };
            (AlertSubject::Stack, Facts::DrillFailed(failure))
        }
        facts => (AlertSubject::Account(account_id), facts),
    };
    Alert {
        subject,
        facts,
        ..alert
    }
}

fn hostile_call(text: &str) -> CallFacts {
    let parameters = ["policy", "changed", "shared_with", "port", text];
    let parameters = parameters.map(|name| (name.to_owned(), format!("{text} {name}")));
    CallFacts {
        service: text.to_owned(),
        action: text.to_owned(),
        principal: Some(text.to_owned()),
        details: Some(CallDetails {
            watch: text.to_owned(),
            tier: Tier::First,
            is_strong: false,
            technique: Some(text.to_owned()),
            target: Some(text.to_owned()),
            parameters: parameters.into(),
            why: Some(text.to_owned()),
            expected_by: Some(text.to_owned()),
        }),
        calls: 1,
    }
}

fn hostile_use(text: &str) -> CanaryUse {
    CanaryUse::Event {
        cluster: ClusterId::from_bytes([7; 16]),
        service: text.to_owned(),
        action: text.to_owned(),
        principal: Some(text.to_owned()),
        source_ip: Some(text.to_owned()),
        region: Some(text.to_owned()),
    }
}

fn hostile_keys(text: &str) -> Vec<KeyReport> {
    let used = IamAnswer::Used {
        at: at("2026-07-05T08:00:00Z"),
        service: Some(text.to_owned()),
        region: Some(text.to_owned()),
        user: Some(text.to_owned()),
    };
    let hostile = KeyReport {
        id: text.to_owned(),
        account_id: Some(text.to_owned()),
        session: Some(text.to_owned()),
        answer: Some(used),
        ..keys().remove(0)
    };
    let without = KeyReport {
        answer: None,
        kind: records::key_id::KeyKind::Temporary,
        ..hostile.clone()
    };
    vec![hostile, without]
}

/// Checks whether every link leads to a console, and no other text looks like a link.
fn assert_links_are_ours(text: &str, texts: &Texts) {
    for (place, _) in text.match_indices("://") {
        let start = text[..place].rfind(|c: char| !c.is_ascii_alphabetic());
        let link = &text[start.map_or(0, |at| at + 1)..];
        let ours = |console: &&str| link.starts_with(&format!("{console}/"));
        assert!(texts.links.consoles().iter().any(ours), "{link}");
    }
}

fn assert_unseen_is_gone(text: &str) {
    let unseen = |c: char| {
        (c.is_control() && c != '\n')
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
            || matches!(c, '\u{2066}'..='\u{2069}' | '\u{feff}' | '\u{e0000}'..='\u{e0fff}')
    };
    assert!(!text.contains(unseen), "{text:?}");
}

/// Parses a message as Markdown, and checks that it has only our sections, lists and links, and that text from outside
/// is code.
fn assert_markdown(markdown: &str, texts: &Texts, kind: AlertKind) {
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_GFM;
    let (mut headings, mut said) = (Vec::new(), String::new());
    let mut in_heading = false;
    for event in Parser::new_ext(markdown, options) {
        match event {
            Event::Start(Tag::Heading { level, .. }) => {
                assert_eq!(level, HeadingLevel::H4, "{markdown}");
                in_heading = true;
            }
            Event::End(TagEnd::Heading(_)) => in_heading = false,
            Event::Start(Tag::Link { dest_url, .. }) => {
                assert!(dest_url.starts_with("https://"), "{dest_url}");
                assert_links_are_ours(&dest_url, texts);
            }
            Event::Start(Tag::Paragraph | Tag::List(None) | Tag::Item | Tag::Strong)
            | Event::End(_) => {}
            Event::Code(code) => assert!(!in_heading && !code.contains('\n'), "{markdown}"),
            Event::Text(text) if in_heading => headings.push(text.to_string()),
            Event::Text(text) => said.push_str(&text),
            other => panic!("{other:?} in {markdown}"),
        }
    }
    assert_eq!(headings, headings_of(kind, texts.locale.language));
    for trace in [
        "evil", "script", "channel", "DROP", "@", "<", ">", "://", "|", "FORMULA",
    ] {
        assert!(!said.contains(trace), "{trace} is said in {markdown}");
    }
}

/// Returns the headings of a message.
fn headings_of(kind: AlertKind, language: Language) -> Vec<&'static str> {
    let (first, errors, call) = match language {
        Language::En => (
            ["Event Overview", "CloudTrail", "AK Last Active Time"],
            "New Errors",
            "Sensitive Call",
        ),
        Language::Zh => (
            ["事件概览", "CloudTrail", "AK 最后活跃时间"],
            "新增错误",
            "敏感操作",
        ),
    };
    let last = match kind {
        AlertKind::Incident => {
            let own = match language {
                Language::En => [
                    "What Happens",
                    "Steps",
                    "What Stays Behind",
                    "What to Do Now",
                    "Evidence and Links",
                ],
                Language::Zh => ["发生了什么", "步骤", "遗留影响", "现在要做的", "依据与链接"],
            };
            return own.to_vec();
        }
        AlertKind::Drill | AlertKind::DrillFailed => return first[..1].to_vec(),
        AlertKind::SensitiveCall => call,
        _ => errors,
    };
    [&first[..], &[last]].concat()
}

fn assert_plain(message: &Message, texts: &Texts) {
    let title = texts.title(message);
    assert!(
        title.chars().count() <= 256 && !title.contains(['\n', '<', '@', '`']),
        "{title}"
    );
    assert!(!title.contains("://") && !title.contains("]("), "{title}");
    let language = texts.locale.language;
    let subject = subject(message, language);
    assert!(subject.chars().count() < 100 && !subject.contains(char::is_control));
    let is_plain = subject.bytes().all(|b| (b' '..=b'~').contains(&b));
    assert_eq!(is_plain, language == Language::En, "{subject}");
    assert!(subject.starts_with(char::is_alphabetic), "{subject}");
    let plain = body(message, texts);
    assert_links_are_ours(&plain, texts);
    for mention in ["<!", "<@", "@all", "@channel", "<script", "</"] {
        assert!(!plain.contains(mention), "{mention} in {plain}");
    }
    assert_unseen_is_gone(&plain);
    assert_unseen_is_gone(&title);
    assert!(plain.len() <= 200 << 10);
    for (name, value) in attributes(message) {
        assert!(!value.is_empty() && value.is_ascii(), "{name}");
    }
}

fn assert_guance(message: &Message, texts: &Texts) {
    let event = event(message, texts, &Checker::default());
    let mut points = samples(message);
    points.push(event);
    let lines = LineReader::read_all(&wire::body(&points));
    assert_eq!(lines.len(), points.len());
    let event = lines.last().unwrap();
    let text = |name: &str| match &event.fields[name] {
        Field::Text(text) => text.clone(),
        other => panic!("{name} is {other:?}"),
    };
    // A cut at a number of bytes may remove the end of a long message.
    assert_eq!(text("df_message"), texts.markdown(message));
    assert_eq!(text("df_title"), texts.title(message));
    let dimensions: BTreeMap<String, String> =
        serde_json::from_str(&text("df_dimension_tags")).unwrap();
    for (name, value) in &dimensions {
        assert_eq!(event.tags.get(name), Some(value), "{name}");
    }
    for tag in lines.iter().flat_map(|line| line.tags.values()) {
        assert_eq!(*tag, expected_tag(tag));
    }
}

#[test]
fn hostile_text_is_nothing_but_text_in_every_sink() {
    let alerts = hostile_alerts();
    assert!(alerts.len() > 300);
    for message in &alerts {
        for language in LANGUAGES {
            let texts = texts(language);
            let markdown = texts.markdown(message);
            assert_unseen_is_gone(&markdown);
            assert_markdown(&markdown, &texts, message.alert.kind());
            assert_plain(message, &texts);
            assert_guance(message, &texts);
        }
        let entry = detail::entry(message, None, &links());
        assert!(entry.to_string().len() < 256 << 10);
        each_text(
            &detail::detail(message, &links()),
            &mut assert_unseen_is_gone,
        );
        let texts = texts(Language::En);
        each_text(
            &push_event(message, &texts)["event"],
            &mut assert_unseen_is_gone,
        );
    }
    assert_valid(&alerts);
}

#[test]
fn an_event_joins_with_the_host_the_service_and_the_environment_of_the_call() {
    let mut refused = refusals().remove(0);
    refused["userIdentity"] = json!({
        "type": "AssumedRole", "principalId": "AROAEXAMPLEEXAMPLE001:i-0abc1234def567890",
        "arn": format!("arn:aws:sts::{ACCOUNT}:assumed-role/web/i-0abc1234def567890"),
        "accountId": ACCOUNT, "accessKeyId": "ASIAQNZGKIQY56JQ7WML",
    });
    let cluster = snapshot(&[refused]).clusters().remove(0);
    let mut message = of_alert(alert(AlertKind::New, cluster.id), cluster);
    message.environment = Some("production".to_owned());
    let tags = event(&message, &texts(Language::En), &Checker::default()).tags;
    for (name, value) in [
        ("cloud_provider", "aws"),
        ("service", "s3"),
        ("region", "eu-central-1"),
        ("host", "i-0abc1234def567890"),
        ("instance_id", "i-0abc1234def567890"),
        ("env", "production"),
    ] {
        assert_eq!(tags.get(name).map(String::as_str), Some(value), "{name}");
    }
    // What callers can influence is a field, with the value that the text of the message shows.
    let fields = &push_event(&message, &texts(Language::En))["event"];
    let markdown = texts(Language::En).markdown(&message);
    for name in [
        "ct_untrusted_resource",
        "ct_network",
        "ct_untrusted_user_agent",
    ] {
        let value = fields[name].as_str().unwrap();
        assert!(markdown.contains(value), "{name}: {value}");
        assert!(!tags.contains_key(name), "{name}");
    }
}

#[test]
fn an_external_event_says_nothing_under_a_reserved_name_and_all_of_it_is_text() {
    let summed = push_event(&message(AlertKind::AccountSummary), &texts(Language::En));
    assert_eq!(summed["event"]["ct_new_errors"], "17");
    assert_eq!(summed["event"]["check_value"], 342);
    let event = push_event(&message(AlertKind::New), &texts(Language::En));
    let fields = event["event"].as_object().unwrap();
    for (name, value) in fields {
        assert!(!name.starts_with("df_") && !name.starts_with('_'), "{name}");
        if name.starts_with("ct_") {
            assert!(value.is_string(), "{name}");
        }
    }
    let none: Vec<&Value> = fields.values().filter(|value| value.is_null()).collect();
    assert!(none.is_empty());
}

#[test]
fn no_sink_is_told_a_whole_key() {
    for message in alerts() {
        let texts = texts(Language::En);
        let mut all = texts.markdown(&message) + &body(&message, &texts) + &texts.title(&message);
        all += &detail::detail(&message, &links()).to_string();
        all += &wire::body(&samples(&message));
        all += &wire::body(&[event(&message, &texts, &Checker::default())]);
        all += &push_event(&message, &texts).to_string();
        all += &custom_event(&message, &texts).to_string();
        for key in keys() {
            assert!(!all.contains(&key.id), "{} in {all}", key.id);
        }
    }
}
