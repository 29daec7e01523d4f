//! The alerts about incidents, as people and programs get them: a made-up story, and the recorded attack day.

use std::collections::BTreeSet;

use alerts::alert::Alert;
use alerts::detail;
use alerts::facts::Facts;
use alerts::facts::incident::{FACTS_BYTES_MAX, IncidentFacts, IncidentStage};
use alerts::guance::event::{Checker, event};
use alerts::guance::line_protocol::{self, Field};
use alerts::kind::AlertKind;
use alerts::locale::Language;
use alerts::message::Message;
use alerts::severity::Severity;
use alerts::sns;
use alerts::text::Texts;
use clusters::incident::actor::ActorKind;
use clusters::incident::ledger::{Standing, WasOpen};
use clusters::incident::life::{IncidentAlert, IncidentId, SentAlert};
use clusters::incident::replay::alerts_of_the_past;
use clusters::incident::severity::IncidentSeverity;
use clusters::incident::{Given, Incident};
use expect_test::expect_file;
use serde_json::{Value, json};
use service::policy::PolicyOutcome;
use service::rules::Rules;

use crate::events::{assert_valid, links};
use crate::incidents::{Events, all, attack_day};
use crate::records::{ACCOUNT, id, record};

/// Returns a call at a time of the day of the story, with the given fields.
pub fn call(number: u64, time: &str, api: &str, fields: Value) -> Value {
    let (service, action) = api.split_once(':').unwrap();
    let mut whole = json!({
        "eventID": id(number),
        "eventTime": format!("2026-11-02T{time}Z"),
        "eventSource": format!("{service}.amazonaws.com"),
        "eventName": action,
        "readOnly": false,
    });
    if let (Value::Object(whole), Value::Object(fields)) = (&mut whole, fields) {
        whole.extend(fields);
    }
    record(whole)
}

fn user(name: &str, key: &str) -> Value {
    json!({
        "type": "IAMUser", "principalId": "AIDAEXAMPLEEXAMPLE001", "accountId": ACCOUNT,
        "arn": format!("arn:aws:iam::{ACCOUNT}:user/{name}"), "accessKeyId": key, "userName": name,
    })
}

fn deployer() -> Value {
    json!({
        "type": "AssumedRole", "principalId": "AROAEXAMPLEEXAMPLE001:x", "accountId": ACCOUNT,
        "arn": format!("arn:aws:sts::{ACCOUNT}:assumed-role/deployer/x"),
        "accessKeyId": "ASIAQNZGKIQY56JQ7WML",
        "sessionContext": {"sessionIssuer": {
            "type": "Role", "arn": format!("arn:aws:iam::{ACCOUNT}:role/deployer"),
            "accountId": ACCOUNT, "userName": "deployer",
        }},
    })
}

/// Returns the records of a made-up attack: a user looks around, assumes a role, stops the trail, makes a user with power,
/// shares an image for six minutes, and the made user calls.
pub fn story() -> Vec<Value> {
    let refused = |number, time: &str, api: &str, who: Value| {
        let fields = json!({
            "readOnly": true, "errorCode": "AccessDenied", "errorMessage": "Access Denied",
            "userIdentity": who,
        });
        call(number, time, api, fields)
    };
    let mia = || user("mia", "AKIAQNZGKIQY56JQ7WML");
    let by =
        |who: Value, request: Value| json!({"userIdentity": who, "requestParameters": request});
    let share = |change: &str| {
        let items = json!({"items": [{"userId": "999988887777"}]});
        by(
            deployer(),
            json!({"imageId": "ami-0a1b2c3d", "launchPermission": {change: items}}),
        )
    };
    let mut assumed = by(
        mia(),
        json!({"roleArn": format!("arn:aws:iam::{ACCOUNT}:role/deployer"), "roleSessionName": "x"}),
    );
    assumed["readOnly"] = true.into();
    assumed["responseElements"] = json!({"credentials": {"accessKeyId": "ASIAQNZGKIQY56JQ7WML"}});
    let mut made_key = by(deployer(), json!({"userName": "helper"}));
    made_key["responseElements"] =
        json!({"accessKey": {"userName": "helper", "accessKeyId": "AKIAQNZGKIQYNEVER222"}});
    let admin = "arn:aws:iam::aws:policy/AdministratorAccess";
    vec![
        refused(1, "08:00:05", "iam:ListUsers", mia()),
        refused(2, "08:00:09", "iam:ListRoles", mia()),
        refused(3, "08:00:12", "secretsmanager:ListSecrets", mia()),
        refused(4, "08:00:31", "kms:ListKeys", mia()),
        call(5, "08:03:00", "sts:AssumeRole", assumed),
        call(
            6,
            "08:04:10",
            "cloudtrail:StopLogging",
            by(deployer(), json!({"name": "main"})),
        ),
        call(
            7,
            "08:06:00",
            "iam:CreateUser",
            by(deployer(), json!({"userName": "helper"})),
        ),
        call(8, "08:06:20", "iam:CreateAccessKey", made_key),
        call(
            9,
            "08:06:40",
            "iam:AttachUserPolicy",
            by(
                deployer(),
                json!({"userName": "helper", "policyArn": admin}),
            ),
        ),
        call(10, "08:20:00", "ec2:ModifyImageAttribute", share("add")),
        call(11, "08:26:10", "ec2:ModifyImageAttribute", share("remove")),
        refused(
            12,
            "08:40:00",
            "s3:ListBuckets",
            user("helper", "AKIAQNZGKIQYNEVER222"),
        ),
    ]
}

/// Returns the incidents of some records with each alert that would have been sent.
pub fn incidents_of_the_past(texts: &[String], removals_seen: bool) -> Vec<Incident> {
    let occurrences = Events::of(texts, removals_seen).occurrences();
    let Some(last) = occurrences.last() else {
        return Vec::new();
    };
    alerts_of_the_past(&Given {
        occurrences: &occurrences,
        sent: &BTreeSet::new(),
        now: last.at.plus(3 * 3600),
        removals_seen: &|_| removals_seen,
        first_seen: None,
    })
}

/// Returns the alerts about some incidents, which are in the order of their alerts.
pub fn alerts_about(incidents: &[Incident]) -> Vec<Alert> {
    let mut before: BTreeSet<SentAlert> = BTreeSet::new();
    let mut alerts = Vec::new();
    for incident in incidents {
        let due = incident.due.as_ref().unwrap();
        alerts.extend(Alert::of_incident(incident, &before, due.at));
        before.insert(due.clone());
    }
    alerts
}

fn texts_of(records: &[Value]) -> Vec<String> {
    records.iter().map(Value::to_string).collect()
}

/// Returns the alerts about the made-up attack, in their order.
pub fn alerts_of_story(removals_seen: bool) -> Vec<Alert> {
    alerts_about(&incidents_of_the_past(&texts_of(&story()), removals_seen))
}

fn message(alert: Alert) -> Message {
    Message::of_account(alert, Vec::new(), Some("shop".to_owned()))
}

fn texts(language: Language) -> Texts {
    let links = links();
    Texts {
        locale: language.into(),
        links,
    }
}

/// Returns alerts as people get them, in both languages.
fn shown(alerts: &[Alert]) -> String {
    let mut shown = String::new();
    for alert in alerts {
        let message = message(alert.clone());
        for language in [Language::En, Language::Zh] {
            let plain = texts(language).plain(&message);
            shown.push_str(&format!(
                "==== {} {}\n{plain}\n",
                alert.state(),
                language.name()
            ));
        }
    }
    shown
}

#[test]
fn the_alerts_of_a_made_up_attack_read_as_they_are_written_down() {
    let alerts = alerts_of_story(true);
    let stages: Vec<&str> = alerts.iter().map(Alert::state).collect();
    assert_eq!(stages, ["incident", "incident_grew", "incident_ended"]);
    expect_file!["wire/incident_story.txt"].assert_eq(&shown(&alerts));
    let unseen = alerts_of_story(false);
    expect_file!["wire/incident_story_unseen.txt"].assert_eq(&shown(&unseen[..1]));
}

#[test]
fn the_alerts_of_the_recorded_attack_are_readable_and_bounded() {
    let Some(files) = attack_day() else { return };
    let incidents = incidents_of_the_past(&all(&files), true);
    let alerts = alerts_about(&incidents);
    assert!(!alerts.is_empty());
    for alert in &alerts {
        assert!(matches!(alert.facts, Facts::Incident(_)), "{alert:?}");
        let bytes = alert.facts.json().to_string().len();
        assert!(bytes < 40 << 10, "{bytes}");
    }
}

fn facts_of(alert: &Alert) -> &IncidentFacts {
    match &alert.facts {
        Facts::Incident(facts) => facts,
        other => panic!("{other:?}"),
    }
}

/// Returns the id of an incident that does not exist.
pub fn incident_id(number: u32) -> IncidentId {
    let letter = |digit: char| char::from(b'b' + digit as u8 - b'0');
    let letters: String = number.to_string().chars().map(letter).collect();
    serde_json::from_value(format!("{letters:a>26}").into()).unwrap()
}

#[test]
fn all_alerts_about_one_incident_are_one_fault_that_its_end_closes() {
    let alerts = alerts_of_story(true);
    let opened = alerts[0].id();
    for alert in &alerts {
        assert_eq!(alert.fault_id(), opened);
        let message = message(alert.clone());
        let point = event(&message, &texts(Language::En), &Checker::default());
        let text = |text: &str| Field::Text(text.to_owned());
        let is_end = alert.state() == "incident_ended";
        assert_eq!(alert.is_end(), is_end);
        let status = if is_end { "ok" } else { "critical" };
        assert_eq!(point.tags["df_status"], status);
        let status = if is_end { "ok" } else { "fault" };
        assert_eq!(point.fields["df_fault_status"], text(status));
        assert_eq!(
            point.fields["df_fault_id"],
            text(&format!("event-{opened}"))
        );
        assert_eq!(point.tags["ct_about"], facts_of(alert).incident.text());
        assert_eq!(point.fields["ct_untrusted_actor"], text("mia"));
        let detail = detail::detail(&message, &links());
        assert_eq!(detail["fault_status"], if is_end { "ok" } else { "fault" });
        assert!(
            ["guance", "sns", "eventbridge"]
                .iter()
                .all(|sink| alert.is_for(sink))
        );
    }
    let ids: BTreeSet<_> = alerts.iter().map(Alert::id).collect();
    assert_eq!(ids.len(), alerts.len());
    let subjects: Vec<String> = alerts
        .iter()
        .map(|alert| sns::subject(&message(alert.clone()), Language::En))
        .collect();
    assert_eq!(
        subjects,
        [
            "Critical: incident, actor switched off records or guards, 5 steps in account shop (111122223333)",
            "Critical: incident grows, actor switched off records or guards, 9 steps in account 111122223333",
            "OK: incident is over, actor switched off records or guards, 10 steps in account shop (111122223333)",
        ]
    );
}

#[test]
fn a_younger_incident_that_is_merged_is_closed_in_guance_alone_and_once() {
    let incidents = incidents_of_the_past(&texts_of(&story()), true);
    let mut before = BTreeSet::from([incidents[0].due.clone().unwrap()]);
    let younger = incident_id(7);
    let mut of_younger = incidents[0].clone();
    of_younger.id = younger.clone();
    let due = of_younger.due.as_mut().unwrap();
    due.incident = younger.clone();
    let at = due.at;
    let opened = Alert::of_incident(&of_younger, &BTreeSet::new(), at);
    before.extend(of_younger.due.clone());

    let mut joined = incidents[1].clone();
    let due = joined.due.as_mut().unwrap();
    due.merged = BTreeSet::from([younger.clone()]);
    let (at, merged_in) = (due.at, due.clone());
    let alerts = Alert::of_incident(&joined, &before, at);
    let [grew, merged] = alerts.as_slice() else {
        panic!("{alerts:?}");
    };
    assert_eq!(merged.fault_id(), opened[0].id());
    assert_eq!((merged.state(), merged.is_end()), ("incident_merged", true));
    let sinks = ["guance", "sns", "eventbridge"].map(|sink| merged.is_for(sink));
    assert_eq!(sinks, [true, false, false]);
    assert_eq!(facts_of(merged).merged_into.as_ref(), Some(&joined.id));
    assert_eq!(facts_of(grew).merged.shown, std::slice::from_ref(&younger));
    let said = texts(Language::En).plain(&message(grew.clone()));
    assert!(said.contains(
        "Includes what earlier alerts said of other incidents: aaaaaaaaaaaaaaaaaaaaaaaaai\n"
    ));
    let said = texts(Language::En).plain(&message(merged.clone()));
    let part = format!("is a part of incident {}", joined.id.text());
    assert!(said.contains(&part), "{said}");
    assert_valid(&[message(merged.clone())]);

    // Later alerts do not close it again.
    before.insert(merged_in);
    let mut closed = incidents[2].clone();
    closed.due.as_mut().unwrap().merged = BTreeSet::from([younger]);
    assert_eq!(Alert::of_incident(&closed, &before, at).len(), 1);
    assert_eq!(
        Alert::of_incident(
            &Incident {
                due: None,
                ..closed
            },
            &before,
            at
        ),
        []
    );
}

/// Returns the largest incident that there can be, with names that are longer than any of AWS.
fn largest() -> Incident {
    let mut incident = incidents_of_the_past(&texts_of(&story()), true).remove(2);
    let long = |number: usize, sign: &str| format!("{number}{}", sign.repeat(2000));
    let names: BTreeSet<String> = (0..20).map(|number| long(number, "漢\"")).collect();
    incident.actor.name = long(0, "\\\"");
    incident.sources.addresses = names.clone();
    incident.sources.user_agents = names.clone();
    incident.sources.regions = names.clone();
    let member = incident.members[1].clone();
    incident.members = (0..50)
        .map(|number| {
            let mut member = member.clone();
            member.identity.name = long(number, "😀");
            member
        })
        .collect();
    incident.members_count = 100_000;
    let step = incident.steps[4].clone();
    incident.steps = (0..200)
        .map(|number| {
            let mut step = step.clone();
            step.key.action = format!("Act{number}");
            step.targets = names.clone();
            step.identities = names.clone();
            step
        })
        .collect();
    incident.steps_count = 5000;
    let ledger = &mut incident.ledger;
    let object = ledger.stands[0].clone();
    let kinds: Vec<_> = clusters::incident::remedy::all().collect();
    let rows: Vec<_> = kinds.iter().cycle().take(200).collect();
    ledger.stands = rows
        .iter()
        .enumerate()
        .map(|(number, (kind, by))| {
            let mut object = object.clone();
            object.kind = kind;
            object.by = by[0].clone();
            object.name = long(number, "é\"");
            object.standing = Standing::Unsure;
            object
        })
        .collect();
    ledger.stands_count = 9000;
    ledger.was_open = ledger
        .stands
        .iter()
        .map(|of| WasOpen {
            kind: of.kind,
            what: of.what,
            name: of.name.clone(),
            from: of.at,
            until: of.at,
            by: of.by.clone(),
        })
        .collect();
    ledger.was_open_count = 9000;
    let way = ledger.ways_in[0].clone();
    ledger.ways_in = (0..20)
        .map(|number| {
            let mut way = way.clone();
            way.of = long(number, "漢");
            way
        })
        .collect();
    let due = incident.due.as_mut().unwrap();
    due.merged = (0..1000).map(incident_id).collect();
    incident
}

#[test]
fn the_largest_incident_has_an_alert_of_bounded_size_that_says_how_much_there_is() {
    let incident = largest();
    let before = BTreeSet::new();
    let alert = Alert::of_incident(&incident, &before, incident.until).remove(0);
    let bytes = alert.facts.json().to_string().len();
    assert!(bytes < FACTS_BYTES_MAX, "{bytes}");
    let facts = facts_of(&alert);
    assert_eq!((facts.steps.total, facts.steps.shown.len()), (5000, 20));
    assert_eq!(facts.stays_behind.stands.total, 9000);
    assert_eq!(facts.members.total, 100_000);
    assert_eq!(facts.merged.total, 1000);
    let message = message(alert);
    for language in [Language::En, Language::Zh] {
        let texts = texts(language);
        let title = texts.title(&message);
        assert!(title.chars().count() <= 100, "{title}");
        assert!(texts.plain(&message).len() < 64 << 10);
        assert!(texts.markdown(&message).len() < 64 << 10);
    }
    let plain = texts(Language::En).plain(&message);
    for said in [
        "and 4980 other steps",
        "and 8985 more",
        "and 990 more",
        "at least 17 more",
    ] {
        assert!(plain.contains(said), "{said}: {plain}");
    }
    let entry = detail::entry(&message, None, &links());
    assert!(entry.to_string().len() < 256 << 10);
    assert_valid(&[message]);
}

#[test]
fn what_is_listed_of_many_steps_is_the_first_strong_one_of_each_tactic_and_the_newest() {
    let Some(files) = attack_day() else { return };
    let incidents = incidents_of_the_past(&all(&files), true);
    let alerts = alerts_about(&incidents);
    let steps = &facts_of(alerts.last().unwrap()).steps;
    let listed: Vec<&str> = steps.shown.iter().map(|step| &*step.action).collect();
    assert_eq!(listed.len(), 20);
    for action in [
        "PutRolePolicy",
        "PutEventSelectors",
        "SendCommand",
        "PutBucketPolicy",
        "ConsoleLogin",
        "CreateTrustAnchor",
        "DeleteBucketPolicy",
    ] {
        assert!(listed.contains(&action), "{action}: {listed:?}");
    }
}

#[test]
fn a_title_names_the_actor_whoever_it_is_and_fits_the_screen_of_a_phone() {
    let mut incident = incidents_of_the_past(&texts_of(&story()), true).remove(0);
    let role =
        format!("arn:aws:iam::{ACCOUNT}:role/team/build-and-deploy-of-the-shop-in-production");
    for (kind, name, english, chinese) in [
        (
            ActorKind::Root,
            format!("arn:aws:iam::{ACCOUNT}:root"),
            "the root user switched",
            "根用户 关闭",
        ),
        (
            ActorKind::User,
            "mia".to_owned(),
            "user mia switched",
            "用户 mia 关闭",
        ),
        (
            ActorKind::Role,
            role.clone(),
            "role team/build-and-deplo",
            "角色 team/build-and-deploy-of-the",
        ),
        (
            ActorKind::Person,
            format!("{role} as omar@example.com"),
            "omar_example.com switched",
            "omar_example.com 关闭",
        ),
        (
            ActorKind::ProviderUser,
            "https://id.example.com as eve".to_owned(),
            "eve switched",
            "eve 关闭",
        ),
        (
            ActorKind::OtherAccount,
            "AIDAEXAMPLE".to_owned(),
            "AIDAEXAMPLE switched",
            "AIDAEXAMPLE",
        ),
        (
            ActorKind::Network,
            "203.0.113.0/24".to_owned(),
            "network 203.0.113.0/24",
            "网络 203.0.113.0/24",
        ),
    ] {
        incident.actor.kind = kind;
        incident.actor.name = name;
        let alert = Alert::of_incident(&incident, &BTreeSet::new(), incident.until).remove(0);
        for (language, said) in [(Language::En, english), (Language::Zh, chinese)] {
            let title = texts(language).title(&message(alert.clone()));
            assert!(title.contains(said), "{said}: {title}");
            assert!(title.chars().count() <= 100, "{title}");
            assert!(title.contains(ACCOUNT), "{title}");
        }
    }
}

#[test]
fn the_severity_never_falls_and_what_is_new_is_said_once() {
    let incidents = incidents_of_the_past(&texts_of(&story()), true);
    let mut grew = incidents[1].clone();
    grew.severity = IncidentSeverity::Warning;
    let before = BTreeSet::from([incidents[0].due.clone().unwrap()]);
    let alert = Alert::of_incident(&grew, &before, grew.until).remove(0);
    assert_eq!(message(alert.clone()).level(), Severity::Critical);
    let new = facts_of(&alert).new.clone().unwrap();
    assert_eq!(new.steps, 4);
    let tactics: Vec<&str> = new.tactics.iter().map(|tactic| tactic.name()).collect();
    assert_eq!(
        tactics,
        ["persistence", "privilege-escalation", "exfiltration"]
    );
    let is_new = facts_of(&alert).steps.shown.iter().map(|step| step.is_new);
    let expected = [false, false, false, false, false, true, true, true, true];
    assert!(is_new.eq(expected));
    let first = Alert::of_incident(&incidents[0], &BTreeSet::new(), grew.until).remove(0);
    assert_eq!(facts_of(&first).new, None);
    assert_eq!(facts_of(&first).stage, IncidentStage::Opened);
    assert_eq!(
        incidents[0].due.as_ref().unwrap().alert,
        IncidentAlert::Opened
    );
}

#[test]
fn policies_know_incidents_by_kind_account_severity_and_actor() {
    let alert = alerts_of_story(true).remove(0);
    let message = message(alert);
    let is_sent = |policy: &str| {
        let text = format!("[[policy]]\nsink = 'sns'\n{policy}\n");
        let rules = Rules::parse(&text).unwrap();
        rules.policies().judge("sns", &message) != PolicyOutcome::HoldBack
    };
    for (policy, sent) in [
        ("match = { kind = ['incident'] }\nenabled = false", false),
        (
            "match = { kind = ['new', 'campaign'] }\nenabled = false",
            true,
        ),
        (
            "match = { account = ['111122223333'] }\nenabled = false",
            false,
        ),
        (
            "match = { principal = ['*:user/mia'] }\nenabled = false",
            false,
        ),
        ("match = { principal = ['mia'] }\nenabled = false", false),
        (
            "match = { principal = ['*:role/deployer'] }\nenabled = false",
            true,
        ),
        // An incident has no class and no service of its own.
        (
            "match = { class = ['denied', 'watch'] }\nenabled = false",
            true,
        ),
        ("match = { service = ['iam'] }\nenabled = false", true),
        ("min_severity = 'critical'", true),
    ] {
        assert_eq!(is_sent(policy), sent, "{policy}");
    }
    assert_eq!(message.alert.kind(), AlertKind::Incident);
}

#[test]
fn no_sink_gets_the_whole_id_of_an_access_key() {
    let alerts = [alerts_of_story(true), alerts_of_story(false)].concat();
    let ways_in = alerts.iter().map(facts_of);
    let ways_in = ways_in.flat_map(|facts| &facts.stays_behind.ways_in.shown);
    assert!(ways_in.count() > 0);
    for alert in alerts {
        let message = message(alert);
        for language in [Language::En, Language::Zh] {
            let texts = texts(language);
            let point = event(&message, &texts, &Checker::default());
            let bodies = [
                line_protocol::body(&[point]),
                sns::subject(&message, language),
                sns::body(&message, &texts),
                format!("{:?}", sns::attributes(&message)),
                detail::entry(&message, None, &links()).to_string(),
            ];
            for body in bodies {
                for id in ["AKIAQNZGKIQY", "ASIAQNZGKIQY"] {
                    assert!(!body.contains(id), "{body}");
                }
            }
        }
    }
}
