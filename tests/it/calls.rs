//! Sensitive calls as users of the command line see them: in lists, in the timeline, in explanations and in the report.

use std::fs;

use expect_test::expect;
use serde_json::{Value, json};

use crate::binary::Folder;
use crate::html::Page;
use crate::records::{ACCOUNT, id, lines, record};

/// Returns a call of IAM user mia that succeeded, at a time of 2026-11-02.
fn call(number: u64, time: &str, call: (&str, &str), parameters: &Value) -> Value {
    record(json!({
        "eventID": id(number),
        "eventTime": format!("2026-11-02T{time}:00Z"),
        "eventSource": format!("{}.amazonaws.com", call.0),
        "eventName": call.1,
        "readOnly": false,
        "requestParameters": parameters,
        "responseElements": null,
    }))
}

/// Returns the call that attaches `AdministratorAccess` to a user.
fn administrator(number: u64, time: &str, user: &str) -> Value {
    let policy = "arn:aws:iam::aws:policy/AdministratorAccess";
    let parameters = json!({"userName": user, "policyArn": policy});
    call(number, time, ("iam", "AttachUserPolicy"), &parameters)
}

/// Returns eight sensitive calls and a failure: a policy twice within an hour, a trail, an open port, the code of a function
/// twice, a user that an AWS service made, and a user whose name is written for terminals and browsers.
fn few() -> Vec<Value> {
    let port = json!({
        "groupId": "sg-0a1b2c3d",
        "ipPermissions": {"items": [{
            "ipProtocol": "tcp", "fromPort": 22, "toPort": 22,
            "ipRanges": {"items": [{"cidrIp": "0.0.0.0/0"}]},
        }]},
    });
    let code = ("lambda", "UpdateFunctionCode20150331v2");
    let role = format!(
        "arn:aws:iam::{ACCOUNT}:role/aws-service-role/sso.amazonaws.com/AWSServiceRoleForSSO"
    );
    let mut by_service = call(
        7,
        "12:30",
        ("iam", "CreateUser"),
        &json!({"userName": "sam"}),
    );
    by_service["userIdentity"] = json!({
        "type": "AssumedRole",
        "accountId": ACCOUNT,
        "arn": format!("arn:aws:sts::{ACCOUNT}:assumed-role/AWSServiceRoleForSSO/x"),
        "invokedBy": "sso.amazonaws.com",
        "sessionContext": {"sessionIssuer": {"type": "Role", "arn": role, "accountId": ACCOUNT}},
    });
    let hostile = json!({"userName": "bob\u{1b}[31m<script>alert(1)</script>"});
    vec![
        administrator(1, "08:00", "eve"),
        administrator(2, "08:10", "eve"),
        call(
            3,
            "09:00",
            ("cloudtrail", "StopLogging"),
            &json!({"name": "org-trail"}),
        ),
        call(4, "09:30", ("ec2", "AuthorizeSecurityGroupIngress"), &port),
        call(5, "10:00", code, &json!({"functionName": "orders"})),
        call(6, "12:00", code, &json!({"functionName": "orders"})),
        by_service,
        call(8, "13:00", ("iam", "CreateUser"), &hostile),
        record(
            json!({"eventID": id(9), "eventTime": "2026-11-02T10:00:00Z", "errorCode": "AccessDenied"}),
        ),
    ]
}

/// Returns the sensitive calls of a scan.
fn calls(scan: &Value) -> &Vec<Value> {
    scan["sensitive_calls"].as_array().unwrap()
}

/// Replaces the ids of the sensitive calls of a scan, which depend on the table of watches, by a text of the same length.
fn without_ids(text: &str, scan: &Value) -> String {
    let ids = calls(scan)
        .iter()
        .map(|call| call["call_id"].as_str().unwrap());
    ids.fold(text.to_owned(), |text, id| {
        text.replace(id, &"x".repeat(id.len()))
    })
}

#[test]
fn the_table_has_sensitive_calls_apart_with_what_they_did_the_most_severe_first() {
    let folder = Folder::with_lines(lines(&few()));
    let printed = folder.run(&["scan", "trail.jsonl"]).printed();
    let scan = folder.scan(&["trail.jsonl"], 0);
    expect![[r#"
        Sensitive calls: they succeeded
        SEV       COUNT  LAST  WHAT                                                WHO                                     DETAIL                                FIRST  REGION        ID
        critical      1  4h    cloudtrail:StopLogging on org-trail                 user/mia                                strong                                4h     eu-central-1  xxxxxxxxxxxxxxxxxxxxxxxxxx
        critical      2  4h    iam:AttachUserPolicy on eve                         user/mia                                policy AdministratorAccess, strong    5h     eu-central-1  xxxxxxxxxxxxxxxxxxxxxxxxxx
        critical      1  0s    iam:CreateUser on bob[31m<script>alert(1)</script>  user/mia                                                                      0s     eu-central-1  xxxxxxxxxxxxxxxxxxxxxxxxxx
        error         1  3h    ec2:AuthorizeSecurityGroupIngress on sg-0a1b2c3d    user/mia                                port tcp 22, range 0.0.0.0/0, strong  3h     eu-central-1  xxxxxxxxxxxxxxxxxxxxxxxxxx
        warning       2  1h    lambda:UpdateFunctionCode on orders                 user/mia                                                                      3h     eu-central-1  xxxxxxxxxxxxxxxxxxxxxxxxxx
        warning       1  30m   iam:CreateUser on sam                               role/aws-service-role/sso.amazonaws.c…  no alert: made by an AWS service      30m    eu-central-1  xxxxxxxxxxxxxxxxxxxxxxxxxx

        Clusters: calls that failed
        SEV      COUNT  LAST  STATUS  WHAT                       WHO       ACCOUNT       CALLERS  FIRST  REGION        ID
        warning      1  3h    new     s3:GetObject AccessDenied  user/mia  111122223333        1  3h     eu-central-1  io7rmvgak6mj7aintxcmcszife

        1 cluster: 1 warning; 6 sensitive calls - as of 2026-11-02 13:00 UTC
        9 records read from 1 file
        Show one: cloudtrail-inspector clusters show io7r --db trail.db (scan with --db)
    "#]].assert_eq(&without_ids(&printed, &scan));
    let limited = folder
        .run(&["scan", "--limit", "2", "trail.jsonl"])
        .printed();
    assert!(
        limited.contains("… 4 more; --limit 0 shows all\n"),
        "{limited}"
    );
    assert!(!limited.contains("SecurityGroup"), "{limited}");
}

#[test]
fn a_rule_that_lowers_or_raises_a_sensitive_call_moves_it_in_the_list_and_in_the_preview_of_alerts()
{
    let folder = Folder::with_lines(lines(&few()));
    folder.write(
        "rules.toml",
        "[[rule]]
         name = 'a trail of tests'
         when = { eventName = ['StopLogging'] }
         severity = 'info'
         [[rule]]
         name = 'code of orders'
         when = { requestParameters = { functionName = ['orders'] } }
         severity = 'critical'",
    );
    let scan = folder.scan(&["--rules", "rules.toml", "trail.jsonl"], 0);
    let listed: Vec<String> = calls(&scan)
        .iter()
        .map(|call| {
            format!(
                "{} {}",
                call["severity"].as_str().unwrap(),
                call["event_name"].as_str().unwrap()
            )
        })
        .collect();
    let wanted = [
        "critical AttachUserPolicy",
        "critical CreateUser",
        "critical UpdateFunctionCode",
        "error AuthorizeSecurityGroupIngress",
        "info StopLogging",
        "warning CreateUser",
    ];
    assert_eq!(listed, wanted);
    let arguments =
        "notify --dry-run --kind sensitive_call --rules rules.toml --format json trail.jsonl";
    let alerts = folder.run(&arguments.split(' ').collect::<Vec<_>>()).json();
    let severities = alerts.as_array().unwrap().iter();
    let severities: Vec<&str> = severities
        .map(|of| of["severity"].as_str().unwrap())
        .collect();
    assert_eq!(
        severities,
        ["critical", "critical", "critical", "error", "info"]
    );
}

#[test]
fn more_than_ten_sensitive_calls_are_cut_unless_all_are_wanted() {
    let users = (0..25).map(|user| administrator(user, "08:00", &format!("user-{user}")));
    let folder = Folder::with_lines(lines(&users.collect::<Vec<_>>()));
    let shown = |options: &[&str]| {
        let printed = folder
            .run(&[&["scan", "trail.jsonl"], options].concat())
            .printed();
        let totals = "\n0 clusters; 25 sensitive calls - as of ";
        assert!(printed.contains(totals), "{printed}");
        printed.matches("iam:AttachUserPolicy on user-").count()
    };
    assert_eq!((shown(&[]), shown(&["--limit", "0"])), (10, 25));
}

#[test]
fn the_timeline_has_a_line_for_each_alert_and_counts_the_other_calls() {
    let folder = Folder::with_lines(lines(&few()));
    let printed = folder.run(&["scan", "--inspect", "trail.jsonl"]).printed();
    let scan = folder.scan(&["--inspect", "trail.jsonl"], 0);
    let (story, _) = printed.split_once("\n\n").unwrap();
    expect![[r#"
        2026-11-02T08:00:00Z  111122223333  sensitive_call  iam:AttachUserPolicy on eve by user/mia: policy AdministratorAccess, 2 calls (xxxxxxxxxxxxxxxxxxxxxxxxxx)
        2026-11-02T09:00:00Z  111122223333  sensitive_call  cloudtrail:StopLogging on org-trail by user/mia (xxxxxxxxxxxxxxxxxxxxxxxxxx)
        2026-11-02T09:30:00Z  111122223333  sensitive_call  ec2:AuthorizeSecurityGroupIngress on sg-0a1b2c3d by user/mia: port tcp 22, range 0.0.0.0/0 (xxxxxxxxxxxxxxxxxxxxxxxxxx)
        2026-11-02T10:00:00Z  111122223333  new             s3:GetObject Denied (io7rmvgak6mj7aintxcmcszife)
        2026-11-02T10:00:00Z  111122223333  sensitive_call  lambda:UpdateFunctionCode on orders by user/mia (xxxxxxxxxxxxxxxxxxxxxxxxxx)
        2026-11-02T12:30:00Z  111122223333  sensitive_call  iam:CreateUser on sam by role/aws-service-role/sso.amazonaws.com/AWSServiceRoleForSSO (xxxxxxxxxxxxxxxxxxxxxxxxxx)
        2026-11-02T13:00:00Z  111122223333  sensitive_call  iam:CreateUser on bob[31m<script>alert(1)</script> by user/mia (xxxxxxxxxxxxxxxxxxxxxxxxxx)
        7 transitions, 6 of them alerts, 0 more absorbed by incidents
        6 alerts about sensitive calls, 1 further call only counted
    "#]].assert_eq(&(without_ids(story, &scan) + "\n"));
    let transitions = scan["transitions"].as_array().unwrap();
    let made = transitions
        .iter()
        .filter(|of| of["transition"] == "sensitive_call");
    let short: Vec<Value> = made
        .map(|of| {
            let detail = &of["alert"]["detail"];
            json!([
                detail["action"],
                detail["target"],
                detail["parameters"],
                detail["calls"]
            ])
        })
        .collect();
    let port = json!({"group": "sg-0a1b2c3d", "port": "tcp 22", "range": "0.0.0.0/0"});
    assert_eq!(short.len(), 6);
    assert_eq!(short[0][0], "AttachUserPolicy");
    assert_eq!(short[0][1], "eve");
    assert_eq!(short[0][2]["policy"], "AdministratorAccess");
    assert_eq!(short[0][3], 2);
    assert_eq!((&short[1][1], &short[2][2]), (&json!("org-trail"), &port));
    // The call of the AWS service is in the timeline, without an alert.
    assert_eq!(short[4], json!([null, null, null, null]));
}

#[test]
fn the_json_has_sensitive_calls_beside_clusters_and_no_life_of_theirs() {
    let folder = Folder::with_lines(lines(&few()));
    let scan = folder.scan(&["--inspect", "trail.jsonl"], 0);
    assert_eq!(scan["clusters"].as_array().unwrap().len(), 1);
    for call in calls(&scan) {
        let keys: Vec<&str> = call
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        assert_eq!(
            keys.join(" "),
            "account_id call_id count event_name event_source expected_by facets first_seen hint last_seen parameters principal samples severity severity_reasons silent strong target technique tier watch why"
        );
    }
    let silent: Vec<&Value> = calls(&scan)
        .iter()
        .filter(|call| call["silent"] == true)
        .collect();
    assert!(
        silent.len() == 1 && silent[0]["target"] == "sam",
        "{silent:?}"
    );
    let lives = scan["transitions"].as_array().unwrap().iter();
    let lives: Vec<&Value> = lives
        .filter(|of| of["transition"] != "sensitive_call")
        .collect();
    assert!(
        lives.len() == 1 && lives[0]["transition"] == "new",
        "{lives:?}"
    );
}

#[test]
fn an_explanation_names_the_watch_and_what_the_call_did() {
    let folder = Folder::with_lines(lines(&few()[..1]));
    let explained = folder
        .run(&["explain", "--format", "jsonl", "trail.jsonl"])
        .json();
    let of_call = &explained["sensitive_call"];
    assert_eq!(
        json!([
            explained["selected"],
            explained["class"],
            explained["cluster_id"],
            explained["template"]
        ]),
        json!([true, "watch", null, null])
    );
    assert_eq!(explained["identity"]["template"], Value::Null);
    assert_eq!(explained["identity"]["account_id"], ACCOUNT);
    assert_eq!(of_call["target"], "eve");
    assert_eq!(of_call["parameters"]["policy"], "AdministratorAccess");
    assert_eq!(
        (&of_call["strong"], &of_call["technique"]),
        (&json!(true), &json!("T1098.003"))
    );
    assert!(of_call["why"].as_str().is_some_and(|why| !why.is_empty()));
    let text = folder.run(&["explain", "trail.jsonl"]).printed();
    let until_severity = text.split_once("  severity").unwrap().0;
    let id = of_call["call_id"].as_str().unwrap();
    expect![[r#"
        event 00000000-0000-4000-8000-000000000001: sensitive call
          call       ID
                     account   111122223333
                     service   iam
                     action    AttachUserPolicy
          watch      iam-attach-user-policy-with-power (condition, strong)
          technique  T1098.003
          why        A user got power over the account, or gave itself more permissions.
          caller     arn:aws:iam::111122223333:user/mia
          target     eve
          parameters policy          AdministratorAccess
                     power           AdministratorAccess
                     user            eve
    "#]]
    .assert_eq(&until_severity.replace(id, "ID"));
    // The same call of the same caller that is not watched: nothing is tagged for others.
    let tagged = call(1, "08:00", ("iam", "TagUser"), &json!({"userName": "eve"}));
    folder.write("other.jsonl", lines(&[tagged]));
    let other = folder
        .run(&["explain", "--format", "jsonl", "other.jsonl"])
        .json();
    assert_eq!(
        json!([other["selected"], other["reason"]]),
        json!([false, "no_error"])
    );
    assert!(other.get("sensitive_call").is_none(), "{other}");
}

#[test]
fn a_file_lists_its_sensitive_calls_and_a_second_scan_of_the_same_changes_nothing() {
    let folder = Folder::with_lines(lines(&few()));
    let scan = folder.scan(&["--db", "x.db", "trail.jsonl"], 0);
    let again = folder.scan(&["--db", "x.db", "trail.jsonl"], 0);
    assert_eq!(
        (&again["sensitive_calls"], &again["records"]["duplicate"]),
        (&scan["sensitive_calls"], &json!(9))
    );
    let run = |arguments: &[&str]| folder.run(&[arguments, &["--db", "x.db"]].concat());
    let listed = run(&["calls", "list", "--format", "json"]).json();
    assert_eq!(listed, json!({"sensitive_calls": scan["sensitive_calls"]}));
    let printed = run(&["calls", "list"]).printed();
    let totals =
        "\n6 sensitive calls: 3 critical, 1 error, 2 warning - as of 2026-11-02 13:00 UTC\n";
    assert!(printed.contains(totals), "{printed}");
    let recent = run(&[
        "calls",
        "list",
        "--since",
        "2026-11-02T12:00:00Z",
        "--format",
        "json",
    ])
    .json();
    let recent: Vec<Value> = calls(&recent)
        .iter()
        .map(|of| json!([of["event_name"], of["count"]]))
        .collect();
    assert_eq!(
        recent,
        [
            json!(["CreateUser", 1]),
            json!(["UpdateFunctionCode", 1]),
            json!(["CreateUser", 1])
        ]
    );
    let clusters = run(&["clusters", "list"]).printed();
    let totals = "\n1 cluster: 1 warning; 6 sensitive calls - as of 2026-11-02 13:00 UTC\n";
    assert!(clusters.contains(totals), "{clusters}");
    for by in ["cluster", "event", "principal", "key"] {
        let ranked = run(&["top", "--by", by, "--format", "json"]).json();
        assert_eq!(
            json!([ranked[0]["count"], ranked[1]]),
            json!([1, null]),
            "{by}"
        );
    }
}

#[test]
fn a_sensitive_call_is_shown_by_the_beginning_of_its_id_and_takes_no_decision() {
    let folder = Folder::with_lines(lines(&few()));
    let scan = folder.scan(&["--db", "x.db", "trail.jsonl"], 0);
    let run = |arguments: &[&str]| folder.run(&[arguments, &["--db", "x.db"]].concat());
    let trail = calls(&scan)
        .iter()
        .find(|of| of["event_name"] == "StopLogging")
        .unwrap();
    let call_id = trail["call_id"].as_str().unwrap();
    let shown = run(&["calls", "show", &call_id[..8]]).printed();
    for line in [
        "cloudtrail:StopLogging on org-trail\n",
        "  caller          arn:aws:iam::111122223333:user/mia\n",
        "  target          org-trail\n",
        "  seen (UTC)      2026-11-02 09:00\n",
        "  network               1  192.0.2.0/24\n",
        "  events          00000000-0000-4000-8000-000000000003\n",
    ] {
        assert!(shown.contains(line), "{line}: {shown}");
    }
    assert_eq!(run(&["clusters", "show", call_id]).printed(), shown);
    assert_eq!(
        &run(&["calls", "show", call_id, "--format", "json"]).json(),
        trail
    );
    let why = ["--reason", "planned", "--actor", "ann"];
    for words in [
        &["mute", "--for", "7d"][..],
        &["acknowledge"],
        &["expect"],
        &["resolve"],
        &["unmark"],
        &["archive", "--until", "forever"],
    ] {
        let decided = run(&[&["clusters"], words, &[call_id], &why].concat());
        decided.fails(1, "is a sensitive call, not a cluster");
        decided.fails(1, "write a rule with expected = true");
    }
    run(&["clusters", "history", call_id]).fails(1, "it has no history");
    let cluster = scan["clusters"][0]["cluster_id"].as_str().unwrap();
    run(&["calls", "show", cluster])
        .fails(1, "is a cluster of failures; show it with clusters show");
}

#[test]
fn the_report_has_a_card_of_each_call_and_counts_none_of_them_as_a_failure() {
    let folder = Folder::with_lines(lines(&few()));
    let scan = folder.scan(&["--html", "report.html", "trail.jsonl"], 0);
    let html = fs::read_to_string(folder.path("report.html")).unwrap();
    let page = Page::read(&html);
    let header = &page.all("header").next().unwrap().1.text;
    for said in [
        "1 failing event in 1 cluster and 1 account, 2026-11-02 10:00 to 2026-11-02 10:00 UTC.",
        "6 sensitive calls, made 8 times.",
    ] {
        assert!(header.contains(said), "{said}: {header}");
    }
    let card = |name: &str| {
        let mut all = calls(&scan).iter();
        let of = all.find(|of| of["event_name"] == name).unwrap();
        let anchor = format!("s-{}", of["call_id"].as_str().unwrap());
        let mut cards = page.all("article");
        let (at, card) = cards
            .find(|(_, card)| card.get("id") == Some(&anchor))
            .unwrap();
        let links = page.all("a").filter(|(link, _)| page.within(*link, at));
        let links: Vec<&str> = links.filter_map(|(_, link)| link.get("href")).collect();
        (card.text.clone(), links.join(" "))
    };
    let (text, links) = card("AttachUserPolicy");
    for said in [
        "iam:AttachUserPolicy on eve",
        "2 calls · strong · account 111122223333",
        "AdministratorAccess",
        "AKIAEXAMPLEEXAMPLE01",
        "192.0.2.0/24",
        "00000000-0000-4000-8000-000000000001",
    ] {
        assert!(text.contains(said), "{said}: {text}");
    }
    assert_eq!(links, "https://attack.mitre.org/techniques/T1098/003/");
    for never in ["failed", "recovered", "ongoing"] {
        assert!(!text.contains(never), "{never}: {text}");
    }
    let (text, _) = card("CreateUser");
    assert!(text.contains("<script>alert(1)</script>"), "{text}");
    assert!(page.all("script").all(|(_, of)| of.get("src").is_none()));
}

#[test]
fn alerts_about_sensitive_calls_are_previewed_with_those_about_clusters() {
    let folder = Folder::with_lines(lines(&few()));
    let kinds = |options: &[&str]| {
        let arguments = [
            "notify",
            "--dry-run",
            "--format",
            "json",
            "--limit",
            "0",
            "trail.jsonl",
        ];
        let alerts = folder.run(&[&arguments, options].concat()).json();
        let alerts = alerts.as_array().unwrap().iter();
        let mut kinds: Vec<String> = alerts
            .map(|of| of["kind"].as_str().unwrap().to_owned())
            .collect();
        kinds.sort();
        kinds
    };
    let five = ["sensitive_call"; 5];
    assert_eq!(kinds(&["--kind", "sensitive_call"]), five);
    assert_eq!(kinds(&["--kind", "new"]), ["new"]);
    assert_eq!(kinds(&[]), [&["new"][..], &five].concat());
}
