//! The settings object with the lists of an organization: reading, updating, and merging with the settings of the
//! functions.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};

use clusters::own_roles::Role;
use expect_test::expect;
use pollster::block_on;
use proptest::prelude::*;
use records::time::Timestamp;
use service::config::IngestSettings;
use service::config::deliver::DeliverSettings;
use service::config::inspect::InspectSettings;
use service::config::lists::{EXAMPLE, Lists, SETTINGS_BYTES_MAX, SETTINGS_KEY};
use service::config::setup::Setup;
use service::config::widget::WidgetSettings;
use service::memory::MemoryBucket;
use service::ports::{Bucket, BucketError, Fetched, ListedObject, ObjectVersion, Versions};
use service::reread::REREAD_SECONDS;
use service::settings_loader::SettingsLoader;

use crate::binary::Folder;
use crate::setup::setup;

fn parse(text: &str) -> Result<Lists, String> {
    Lists::parse(text.as_bytes().to_vec()).map_err(|complaints| {
        let complaints = complaints.iter();
        complaints.map(|one| format!("{one}\n")).collect()
    })
}

#[test]
fn the_example_has_each_list() {
    let lists = parse(EXAMPLE).unwrap();
    assert_eq!(
        lists.counts(),
        "2 account names, 2 environments, 3 allowed accounts, 1 denied account, 2 allowed log groups, 1 denied log group, 2 trail accounts, 1 canary key, 1 self principal, 1 workspace, 1 topic"
    );
    assert_eq!(lists.account_names["111122223333"], "shop");
    assert_eq!(parse("").unwrap(), Lists::default());
}

#[test]
fn all_that_is_wrong_is_told_at_once_with_its_place_and_no_secret() {
    let complaints = parse(
        r#"trail_acounts = []
trail_accounts = ["111122223333", "1111", 111122223333]
canary_keys = ["AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "ASIAIOSFODNN7EXAMPLE"]
self_principals = "arn:aws:iam::111122223333:role/a"

[account_names]
111122223333 = "shop"
"shop" = "111122223333"
444455556666 = ""
777788889999 = 7
000011112222 = "a\u001b[31mb"
"#,
    );
    let complaints = complaints.unwrap_err();
    assert!(!complaints.contains("wJalr"), "{complaints}");
    expect![[r#"
        1:1: "trail_acounts" is not a setting; the settings are account_names, environments, accounts, log_groups, trail_accounts, canary_keys, self_principals, workspaces, topics
        2:35: "1111" is not an account ID, such as 111122223333
        2:43: trail_accounts may contain only strings in quotes
        3:40: this is not the ID of a long-term access key, such as AKIAIOSFODNN7EXAMPLE; never put a secret here
        3:84: this is not the ID of a long-term access key, such as AKIAIOSFODNN7EXAMPLE; never put a secret here
        4:19: self_principals must be a list of strings, such as self_principals = ["..."]
        8:1: "shop" is not an account ID, such as 111122223333
        9:16: a name must be a text of at most 64 letters, digits, spaces and ._- that begins with a letter or a digit, such as "shop"
        10:16: a name must be a text of at most 64 letters, digits, spaces and ._- that begins with a letter or a digit, such as "shop"
        11:16: a name must be a text of at most 64 letters, digits, spaces and ._- that begins with a letter or a digit, such as "shop"
    "#]].assert_eq(&complaints);
    for (text, says) in [
        ("trail_accounts = [", "1:"),
        (
            "[account_names]\n111122223333 = \"a\"\n111122223333 = \"b\"",
            "3:1: duplicate key",
        ),
        (
            "account_names = [\"shop\"]",
            "1:17: account_names must be a table",
        ),
        (
            "self_principals = [\"arn:aws:iam::111122223333:user/mia\"]",
            "not the ARN of a role",
        ),
        ("accounts = []", "1:12: accounts must be a table"),
        (
            "[accounts]\nallow = []",
            "2:9: allow is empty; name the accounts",
        ),
        (
            "[accounts]\nallow = [\"1111\"]",
            "2:10: \"1111\" is not an account ID of twelve digits",
        ),
        (
            "[accounts]\ndeny = [\"shop*\"]",
            "2:9: \"shop*\" is not an account ID",
        ),
        ("[accounts]\ndeny = \"*\"", "2:8: deny must be a list"),
        (
            "[accounts]\nallowed = []",
            "2:1: \"allowed\" is neither allow nor deny",
        ),
    ] {
        let complaints = parse(text).unwrap_err();
        assert!(complaints.contains(says), "{text}: {complaints}");
    }
    let no_text = Lists::parse(b"\n\xff".to_vec()).unwrap_err();
    assert_eq!(no_text[0].to_string(), "2:1: a byte that is not UTF-8");
}

/// Returns a settings file with a number of accounts, each with a name and a trail.
fn organization(accounts: u64) -> String {
    let ids = || (1..=accounts).map(|number| format!("{number:012}"));
    let trails: Vec<String> = ids().map(|id| format!("\"{id}\"")).collect();
    let names: String = ids()
        .map(|id| format!("{id} = \"account {id}\"\n"))
        .collect();
    let trails = trails.join(",\n");
    format!("trail_accounts = [{trails}]\n[account_names]\n{names}")
}

#[test]
fn ten_thousand_accounts_are_read_and_one_more_is_refused() {
    let lists = parse(&organization(10_000)).unwrap();
    assert_eq!(
        (lists.account_names.len(), lists.trail_accounts.len()),
        (10_000, 10_000)
    );
    let complaints = parse(&organization(10_001)).unwrap_err();
    assert_eq!(complaints.lines().count(), 2, "{complaints}");
    assert!(complaints.contains("trail_accounts has 10001 entries; the maximum is 10000"));
    let keys = vec!["\"AKIAIOSFODNN7EXAMPLE\""; 1_001].join(",");
    let complaints = parse(&format!("canary_keys = [{keys}]")).unwrap_err();
    assert!(complaints.contains("the maximum is 1000"), "{complaints}");
    let long = Lists::parse(vec![b'#'; SETTINGS_BYTES_MAX + 1]).unwrap_err();
    assert!(
        long[0].to_string().contains("the maximum is 1048576"),
        "{long:?}"
    );
}

proptest! {
    #[test]
    fn the_order_of_lines_and_their_repetition_change_nothing(
        (whole, shuffled, extra) in (1_usize..20).prop_flat_map(|count| {
            let places: Vec<usize> = (0..count).collect();
            (Just(places.clone()), Just(places).prop_shuffle(), prop::collection::vec(0..count, 0..5))
        })
    ) {
        let file = |order: &[usize], again: &[usize]| {
            let list = |name: &str, item: &dyn Fn(usize) -> String| {
                let items = order.iter().chain(again).map(|at| format!("\"{}\"", item(*at)));
                format!("{name} = [{}]\n", items.collect::<Vec<_>>().join(","))
            };
            let names = order.iter().map(|at| format!("{at:012} = \"name {at}\"\n"));
            [
                list("trail_accounts", &|at| format!("{at:012}")),
                list("canary_keys", &|at| format!("AKIAEXAMPLE{at:09}")),
                list("self_principals", &|at| format!("arn:aws:iam::111122223333:role/r{at}")),
                format!("[account_names]\n{}", names.collect::<String>()),
            ].concat()
        };
        let lists = parse(&file(&whole, &[])).unwrap();
        prop_assert_eq!(&lists, &parse(&file(&shuffled, &extra)).unwrap());
        // Nor does it matter what of it the environment has already.
        let given = settings(&[("TRAIL_ACCOUNTS", "000000000000,000000000000")]);
        let (once, twice) = (given.with(&lists), given.with(&lists).with(&lists));
        prop_assert_eq!(&once, &twice);
        prop_assert_eq!(once, settings(&[]).with(&lists));
    }
}

/// A bucket that stores all versions of an object, and counts the requests.
#[derive(Default)]
struct VersionedBucket {
    now: MemoryBucket,
    versions: RefCell<Vec<Option<Vec<u8>>>>,
    calls: Cell<u32>,
    is_down: Cell<bool>,
}

impl VersionedBucket {
    fn put(&self, text: &str) {
        let bytes = text.as_bytes().to_vec();
        self.versions.borrow_mut().push(Some(bytes.clone()));
        block_on(self.now.keep(SETTINGS_KEY, bytes)).unwrap();
    }

    fn delete(&self) {
        self.versions.borrow_mut().push(None);
        block_on(self.now.remove(SETTINGS_KEY)).unwrap();
    }

    fn called(&self) -> Result<(), BucketError> {
        self.calls.set(self.calls.get() + 1);
        let detail = "it is down".to_owned();
        match self.is_down.get() {
            true => Err(BucketError::Unavailable { detail }),
            false => Ok(()),
        }
    }
}

impl Bucket for VersionedBucket {
    async fn keep(&self, key: &str, object: Vec<u8>) -> Result<(), BucketError> {
        self.called()?;
        self.now.keep(key, object).await
    }

    async fn fetch(&self, key: &str, bytes_max: usize) -> Result<Option<Vec<u8>>, BucketError> {
        self.called()?;
        self.now.fetch(key, bytes_max).await
    }

    async fn fetch_changed(
        &self,
        key: &str,
        tag: Option<&str>,
        bytes_max: usize,
    ) -> Result<Fetched, BucketError> {
        self.called()?;
        self.now.fetch_changed(key, tag, bytes_max).await
    }

    async fn list(
        &self,
        prefix: &str,
        after: Option<&str>,
        objects_max: usize,
    ) -> Result<Vec<ListedObject>, BucketError> {
        self.called()?;
        self.now.list(prefix, after, objects_max).await
    }

    async fn remove(&self, key: &str) -> Result<(), BucketError> {
        self.called()?;
        self.now.remove(key).await
    }
}

impl Versions for VersionedBucket {
    async fn versions(&self, _: &str, most: usize) -> Result<Vec<ObjectVersion>, BucketError> {
        self.called()?;
        let versions = self.versions.borrow();
        let versions = versions.iter().enumerate().rev().take(most);
        let version = |(id, version): (usize, &Option<Vec<u8>>)| match version {
            Some(_) => ObjectVersion::Put(id.to_string()),
            None => ObjectVersion::Removed,
        };
        Ok(versions.map(version).collect())
    }

    async fn fetch_version(
        &self,
        _: &str,
        id: &str,
        _: usize,
    ) -> Result<Option<Vec<u8>>, BucketError> {
        self.called()?;
        Ok(self.versions.borrow()[id.parse::<usize>().unwrap()].clone())
    }
}

const GOOD: &str = "trail_accounts = [\"111122223333\"]";
const OTHER: &str = "trail_accounts = [\"111122223333\", \"444455556666\"]";
const BAD: &str = "trail_accounts = [\"1111\"]";

/// A function, just started or running for some time.
#[derive(Default)]
struct Reader(SettingsLoader);

impl Reader {
    /// Reads the settings object; returns the result as text, with the number of requests.
    fn look(&mut self, bucket: &VersionedBucket, seconds: i64) -> String {
        bucket.calls.set(0);
        let at = Timestamp::from_seconds(1_800_000_000 + seconds).unwrap();
        let told = match block_on(self.0.read(at, bucket)) {
            Err(trouble) => format!("refused, {}: {trouble}", trouble.name()),
            Ok(read) => {
                let lists = read.value;
                let lists = lists.map(|lists| lists.trail_accounts.len().to_string());
                let lists = lists.unwrap_or_else(|| "as before".to_owned());
                let trouble = read.problem.map(|trouble| format!(", {}", trouble.name()));
                lists + &trouble.unwrap_or_default()
            }
        };
        format!("{told}; {} calls", bucket.calls.get())
    }
}

#[test]
fn the_settings_object_is_read_once_in_five_minutes_and_what_is_wrong_does_not_take_effect() {
    let (bucket, mut warm) = (VersionedBucket::default(), Reader::default());
    let mut told = vec![warm.look(&bucket, 0)];
    bucket.put(GOOD);
    told.push(warm.look(&bucket, REREAD_SECONDS - 1));
    told.push(warm.look(&bucket, REREAD_SECONDS));
    told.push(warm.look(&bucket, 2 * REREAD_SECONDS));
    bucket.put(BAD);
    told.push(warm.look(&bucket, 3 * REREAD_SECONDS));
    told.push(warm.look(&bucket, 3 * REREAD_SECONDS + 1));
    told.push(warm.look(&bucket, 4 * REREAD_SECONDS));
    told.push(Reader::default().look(&bucket, 0));
    bucket.is_down.set(true);
    told.push(warm.look(&bucket, 5 * REREAD_SECONDS));
    told.push(Reader::default().look(&bucket, 0));
    bucket.is_down.set(false);
    bucket.put(OTHER);
    told.push(warm.look(&bucket, 6 * REREAD_SECONDS));
    bucket.delete();
    told.push(warm.look(&bucket, 7 * REREAD_SECONDS));
    bucket.put(BAD);
    told.push(warm.look(&bucket, 8 * REREAD_SECONDS));
    told.push(Reader::default().look(&bucket, 0));
    expect![[r#"
        0; 1 calls
        as before; 0 calls
        1; 1 calls
        as before; 1 calls
        as before, SettingsWrong; 1 calls
        as before; 0 calls
        as before, SettingsWrong; 1 calls
        1, SettingsWrong; 4 calls
        as before, SettingsUnavailable; 1 calls
        refused, SettingsUnavailable: cannot read the settings config/settings.toml: the bucket is not available: it is down; 1 calls
        2; 1 calls
        0; 1 calls
        as before, SettingsWrong; 1 calls
        0, SettingsWrong; 3 calls"#]].assert_eq(&told.join("\n"));
}

#[test]
fn a_bad_object_before_any_good_one_gives_no_lists_and_many_bad_ones_are_refused() {
    let bucket = VersionedBucket::default();
    bucket.put(BAD);
    assert_eq!(
        Reader::default().look(&bucket, 0),
        "0, SettingsWrong; 3 calls"
    );
    bucket.put(GOOD);
    for _ in 0..20 {
        bucket.put(BAD);
    }
    let told = Reader::default().look(&bucket, 0);
    assert!(
        told.starts_with("refused, SettingsWrong: none of the last 20"),
        "{told}"
    );
    assert!(told.ends_with("; 22 calls"), "{told}");
}

fn owned(given: &[(&str, &str)]) -> Vec<(String, String)> {
    let needed = [
        ("TABLE_NAME", "table"),
        ("BUCKET_NAME", "bucket"),
        ("INGEST_FUNCTION_NAME", "watch-ingest"),
        ("AWS_REGION", "eu-central-1"),
        ("OWN_ACCOUNT_ID", "111122223333"),
        ("SINKS", "sns"),
        ("TOPIC_ARN", "arn:aws:sns:eu-central-1:111122223333:alerts"),
    ];
    let all = needed.iter().chain(given);
    all.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

fn settings(given: &[(&str, &str)]) -> IngestSettings {
    IngestSettings::parse(owned(given)).unwrap()
}

#[test]
fn lists_are_joined_with_the_environment_and_name_an_account_before_it_does() {
    let given = [
        ("ACCOUNT_NAMES", "111122223333=hub,777788889999=lab"),
        ("TRAIL_ACCOUNTS", "777788889999"),
        ("ACCOUNT_ROLE_NAME", "key-reader"),
        ("SELF_PRINCIPALS", "arn:aws:iam::111122223333:role/ingest"),
        // A variable that older templates still set is ignored.
        ("CANARY_KEYS", "AKIAEXAMPLEEXAMPLE01"),
    ];
    let lists = parse(EXAMPLE).unwrap();
    let names: BTreeMap<String, String> = [
        ("111122223333", "shop"),
        ("444455556666", "payments"),
        ("777788889999", "lab"),
    ]
    .map(|(id, name)| (id.to_owned(), name.to_owned()))
    .into();
    let canaries = BTreeSet::from(["AKIAIOSFODNN7EXAMPLE".to_owned()]);
    let members: BTreeSet<String> = ["444455556666", "777788889999"].map(str::to_owned).into();
    let ingest = settings(&given).with(&lists);
    assert_eq!(
        (&ingest.account_names, &ingest.canaries),
        (&names, &canaries)
    );
    let role = |name: &str| Role::parse(&format!("arn:aws:iam::111122223333:role/{name}")).unwrap();
    let mut exclusions = settings(&[]).exclusions;
    exclusions.own.extend([role("ingest"), role("scanner")]);
    let trails = ["111122223333", "444455556666", "777788889999"];
    exclusions.trail_accounts.extend(trails.map(str::to_owned));
    exclusions.accounts.extend(&lists.accounts);
    exclusions.log_groups.extend(&lists.log_groups);
    assert_eq!(ingest.exclusions, exclusions);
    let inspect = InspectSettings::parse(owned(&given)).unwrap().with(&lists);
    assert_eq!(inspect.ingest, ingest);
    assert_eq!(
        (&inspect.keys.member_accounts, &inspect.keys.canaries),
        (&members, &canaries)
    );
    let deliver = DeliverSettings::parse(owned(&given)).unwrap().with(&lists);
    assert_eq!(
        (&deliver.account_names, &deliver.keys),
        (&names, &inspect.keys)
    );
    let widget = WidgetSettings::parse(owned(&given)).unwrap().with(&lists);
    assert_eq!(
        (&widget.account_names, &widget.keys.canaries),
        (&names, &canaries)
    );
}

#[test]
fn others_may_know_whose_trails_are_read_and_how_many_roles_are_ignored_but_no_key() {
    let environment = setup(&[
        ("BUCKET_NAME", "bucket"),
        ("INGEST_FUNCTION_NAME", "watch-ingest"),
        ("TRAIL_ACCOUNTS", "777788889999, 111122223333"),
    ]);
    let left = environment.clone().with(&parse(EXAMPLE).unwrap());
    expect![[r#"{"ALLOWED_ACCOUNTS":"1111*,444455556666,777788889999","ALLOWED_LOG_GROUPS":"/aws/cloudtrail/*,org-trail","BUCKET_NAME":"bucket","DENIED_ACCOUNTS":"777788889999","DENIED_LOG_GROUPS":"/aws/cloudtrail/test","FURTHER_SELF_PRINCIPALS":"1","INGEST_FUNCTION_NAME":"watch-ingest","TRAIL_ACCOUNTS":"111122223333,444455556666,777788889999","WORKSPACES":"guance-shop=1111*,sns-payments=444455556666"}"#]]
        .assert_eq(&left.encode());
    let deputy = Setup::decode(&left.encode())
        .unwrap()
        .parse("table")
        .unwrap();
    assert_eq!(deputy.further_self_principals, 1);
    assert_eq!(environment.clone().with(&Lists::default()), environment);
}

#[test]
fn excluded_accounts_are_counted_with_their_ids_and_go_into_no_cluster() {
    let failures = [
        "111122223333",
        "444455556666",
        "444455556666",
        "777788889999",
    ];
    let records = failures.map(|account_id| {
        crate::records::record(serde_json::json!({
            "errorCode": "AccessDenied", "recipientAccountId": account_id,
        }))
    });
    let folder = Folder::with_lines(crate::records::lines(&records));
    let settings = "[accounts]\nallow = [\"1111*\", \"444455556666\"]\ndeny = [\"4444*\"]\n";
    folder.write("settings.toml", settings);
    let scan = |more: &[&str]| {
        let given = ["scan", "--settings", "settings.toml"];
        folder.run(&[&given, more, &["trail.jsonl"]].concat())
    };
    let json = scan(&["--format", "json"]).json();
    assert_eq!(json["clusters"].as_array().map(Vec::len), Some(1));
    assert_eq!(json["clusters"][0]["account_id"], "111122223333");
    let counted = serde_json::json!({"444455556666": 2, "777788889999": 1});
    assert_eq!(json["records"]["excluded_accounts"], counted);
    assert_eq!(
        (&json["records"]["ignored"], &json["records"]["selected"]),
        (&3.into(), &4.into())
    );
    let line = "3 records excluded by account (444455556666: 2, 777788889999: 1)";
    for more in [&[][..], &["-v"]] {
        let printed = scan(more)
            .printed()
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        assert_eq!(printed.matches(line).count(), 1, "{printed}");
    }
    scan(&["--html", "report.html"]);
    let report = std::fs::read_to_string(folder.path("report.html")).unwrap();
    assert!(report.contains(
        "of the ignored records are of excluded accounts (444455556666: 2, 777788889999: 1)."
    ));
    let explained = folder.run(&["explain", "--settings", "settings.toml", "trail.jsonl"]);
    assert_eq!(explained.printed().matches("ignored: account").count(), 3);
}

#[test]
fn the_command_line_checks_a_settings_file_and_goes_by_it() {
    let folder = Folder::new();
    let example = folder.run(&["config", "example"]).printed();
    assert_eq!(example, EXAMPLE);
    folder.write("settings.toml", example);
    let checked = folder.run(&["config", "check", "settings.toml"]).printed();
    expect![[r#"
        settings.toml: 2 account names, 2 environments, 3 allowed accounts, 1 denied account, 2 allowed log groups, 1 denied log group, 2 trail accounts, 1 canary key, 1 self principal, 1 workspace, 1 topic, valid
    "#]]
    .assert_eq(&checked);
    folder.write("wrong.toml", BAD);
    let complaint = "error: the settings file is not valid\nwrong.toml:1:19: \"1111\" is not an account ID, such as 111122223333";
    for arguments in [
        &["config", "check", "wrong.toml"][..],
        // Nothing is asked of AWS before the file is right.
        &["config", "set", "--stack", "watch", "wrong.toml"],
        &["explain", "--settings", "wrong.toml", "settings.toml"],
    ] {
        folder.run(arguments).fails(1, complaint);
    }
    folder.write(
        "many.toml",
        "a = 1\n".to_owned() + &(0..60).map(|n| format!("b{n} = 1\n")).collect::<String>(),
    );
    let ran = folder.run(&["config", "check", "many.toml"]);
    let lines: Vec<_> = ran.stderr.lines().collect();
    assert_eq!(lines.len(), 52, "{ran:?}");
    assert!(
        lines[1].starts_with("many.toml:1:1: \"a\" is not a setting"),
        "{ran:?}"
    );
    assert!(
        lines[2].starts_with("many.toml:2:1: \"b0\" is not a setting"),
        "{ran:?}"
    );
    assert_eq!(lines[51], "and 11 more");
    folder
        .run(&["config", "check", "nowhere"])
        .fails(1, "nowhere: cannot be read");
    let twin = r#"{"userIdentity":{"type":"AWSAccount","accountId":"444455556666"},"eventSource":"s3.amazonaws.com","eventName":"GetObject","errorCode":"AccessDenied","eventType":"AwsApiCall","recipientAccountId":"111122223333","sharedEventID":"s"}"#;
    let own = r#"{"userIdentity":{"arn":"arn:aws:sts::111122223333:assumed-role/scanner/s"},"eventSource":"s3.amazonaws.com","eventName":"GetObject","errorCode":"AccessDenied"}"#;
    folder.write("records.jsonl", format!("{twin}\n{own}\n"));
    let explain = ["explain", "records.jsonl", "--settings", "settings.toml"];
    let explained = folder.run(&explain).printed();
    assert!(explained.contains("ignored: twin"), "{explained}");
    assert!(explained.contains("ignored: self"), "{explained}");
    let scan = [
        "scan",
        "records.jsonl",
        "--settings",
        "settings.toml",
        "--html",
        "settings.toml",
    ];
    folder
        .run(&scan)
        .fails(2, "settings.toml: this would overwrite the settings");
}
