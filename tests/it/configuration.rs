//! The configuration of a stack as a document: exported, compared, and given to another stack.

use std::collections::BTreeMap;
use std::process::Command;

use ::sqlite::SqliteStore;
use aws_sdk_cloudformation::types::{Parameter, StackStatus};
use clusters::fingerprint::ClusterId;
use clusters::journal::JournalEvent;
use clusters::lifecycle::LifecycleEvent;
use clusters::triage::{Decision, Triage, Until};
use pollster::block_on;
use proptest::prelude::*;
use records::time::Timestamp;
use serde_json::json;
use service::config::lists::{SETTINGS_KEY, salted, unsalted};
use service::configuration::changes::changes;
use service::configuration::history::{self, ConfigChange};
use service::configuration::import::{ImportPlan, Importer};
use service::configuration::{Configuration, ReadConfigurationError, read};
use service::memory::MemoryBucket;
use service::ports::{Bucket as _, TriageStore};

use crate::binary::{Folder, Ran};
use crate::effort;
use crate::emulator::Emulator;

contract!(an_imported_document_is_exported_as_it_was_and_a_second_import_changes_nothing);

const DOCUMENT: &str = include_str!("../fixtures/configuration.json");
const WHO: &str = "arn:aws:iam::111122223333:user/ann";

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn importer() -> Importer<'static> {
    Importer {
        who: WHO,
        source: "errors.json of stack errors",
        now: at("2026-11-30T12:00:00Z"),
        salt: "0123456789abcdef",
    }
}

/// Returns the configuration of a stack with the parameters of a document.
fn exported(of: &Configuration, bucket: &MemoryBucket, store: &impl TriageStore) -> Configuration {
    let named = Configuration::of(&of.stack, &of.program_version, of.parameters.clone());
    block_on(read(named, None, bucket, store)).unwrap()
}

fn import(document: &Configuration, bucket: &MemoryBucket, store: &impl TriageStore) -> ImportPlan {
    let stack = exported(document, bucket, store);
    let plan = ImportPlan::of(document, &stack, &block_on(store.marks()).unwrap()).unwrap();
    block_on(plan.apply(&importer(), bucket, store)).unwrap();
    plan
}

fn an_imported_document_is_exported_as_it_was_and_a_second_import_changes_nothing(
    store: &impl TriageStore,
) {
    let document = Configuration::decode(DOCUMENT).unwrap();
    let bucket = MemoryBucket::default();
    assert!(!import(&document, &bucket, store).is_empty());
    assert_eq!(exported(&document, &bucket, store).encode(), DOCUMENT);
    let objects = bucket.objects();
    assert!(import(&document, &bucket, store).is_empty());
    assert_eq!(bucket.objects(), objects);
    let (cluster, _) = document.marks.first_key_value().unwrap();
    let journal = block_on(store.journal(*cluster)).unwrap();
    let noted: Vec<_> = journal
        .iter()
        .map(|of| (of.what, of.actor.as_str()))
        .collect();
    assert_eq!(
        noted,
        [(JournalEvent::Resolved, WHO), (JournalEvent::Imported, WHO)]
    );
    assert_eq!(
        journal[1].reason,
        "imported from errors.json of stack errors"
    );
}

#[test]
fn each_file_is_noted_with_who_and_what_and_no_canary_key() {
    let document = Configuration::decode(DOCUMENT).unwrap();
    let (bucket, store) = (MemoryBucket::default(), SqliteStore::in_memory().unwrap());
    import(&document, &bucket, &store);
    let noted = block_on(history::changes(&bucket, 20)).unwrap();
    let shown: Vec<_> = noted
        .iter()
        .map(|of| (of.file.as_str(), of.summary.as_str()))
        .collect();
    assert_eq!(
        shown,
        [
            ("settings", "1 account name, 2 trail accounts, 1 canary key"),
            ("rules", "rules: 1, policies: 1, watches: 0"),
        ]
    );
    assert!(noted.iter().all(|of| of.who == WHO && of.changes.is_some()));
    let text = serde_json::to_string(&noted).unwrap();
    assert!(!text.contains("AKIAIOSFODNN7EXAMPLE"), "{text}");
    // The version is that of the bytes in the bucket.
    let settings = block_on(bucket.fetch(SETTINGS_KEY, 1 << 20))
        .unwrap()
        .unwrap();
    let version = service::configuration::file_version(Some(&settings));
    assert_eq!(noted[0].version, version);
}

#[test]
fn a_note_that_is_repeated_is_one_note() {
    let bucket = MemoryBucket::default();
    let (file, about) = (("rules", "1f0c93ab"), ("config set rules.toml", "rules: 1"));
    for second in [1, 0, 1] {
        let moment = Timestamp::from_seconds(1_796_000_000 + second).unwrap();
        let change = ConfigChange::new(moment, WHO, file, about, None);
        block_on(history::note(&bucket, &change)).unwrap();
    }
    let noted = block_on(history::changes(&bucket, 20)).unwrap();
    assert_eq!(noted.len(), 2);
    assert!(noted[0].at > noted[1].at);
    assert_eq!(block_on(history::changes(&bucket, 1)).unwrap(), noted[..1]);
}

#[test]
fn a_bucket_that_refuses_is_named_and_nothing_is_put() {
    let document = Configuration::decode(DOCUMENT).unwrap();
    let store = SqliteStore::in_memory().unwrap();
    let stack = exported(&document, &MemoryBucket::default(), &store);
    let plan = ImportPlan::of(&document, &stack, &BTreeMap::new()).unwrap();
    let mut down = MemoryBucket::default();
    down.is_down = true;
    let failed = block_on(plan.apply(&importer(), &down, &store)).unwrap_err();
    assert!(failed.to_string().contains("s3:PutObject"), "{failed}");
    let read = block_on(read(document, None, &down, &store)).unwrap_err();
    assert!(matches!(read, ReadConfigurationError::Bucket { key, .. } if key == SETTINGS_KEY));
}

#[test]
fn a_document_that_does_not_fit_is_refused_before_anything_is_read() {
    let document = Configuration::decode(DOCUMENT).unwrap();
    let empty = Configuration::default();
    let other = Configuration {
        identity_version: "fp1".to_owned(),
        ..document.clone()
    };
    let refused = ImportPlan::of(&other, &empty, &BTreeMap::new()).unwrap_err();
    assert!(refused.to_string().contains("clusters carry"), "{refused}");
    let homeless = Configuration {
        parameters: BTreeMap::new(),
        ..document
    };
    let refused = ImportPlan::of(&homeless, &empty, &BTreeMap::new()).unwrap_err();
    assert!(refused.to_string().contains("RulesObject"), "{refused}");
}

#[test]
fn what_ends_a_settings_file_is_taken_off_exactly() {
    for text in ["", "a = 1", "a = 1\n", "\n\n", "# put as x\n"] {
        let there = String::from_utf8(salted(text.as_bytes().to_vec(), "abc")).unwrap();
        assert_eq!(unsalted(&there), text, "{text:?}");
    }
    assert_eq!(unsalted("# put by hand\n"), "# put by hand\n");
}

/// One decision about one of three clusters, from few possible ones, so that they meet.
fn mark() -> impl Strategy<Value = (ClusterId, Triage)> {
    let decisions = [
        Decision::Acknowledged,
        Decision::Expected,
        Decision::Resolved,
        Decision::Muted {
            until: at("2027-01-01T00:00:00Z"),
        },
        Decision::Archived {
            until: Until::Escalating,
        },
    ];
    (
        0_u8..3,
        prop::sample::select(decisions.to_vec()),
        0_i64..4,
        "[a-c \u{1b}]{0,4}",
    )
        .prop_map(|(cluster, decision, day, reason)| {
            let moment = Timestamp::from_seconds(1_796_000_000 + day * 86_400).unwrap();
            let triage = Triage::new(decision, "ann", &reason, moment, 1);
            (ClusterId::from_bytes([cluster; 16]), triage)
        })
}

fn configuration() -> impl Strategy<Value = Configuration> {
    let resolution = (0_u8..3, 0_i64..4, any::<bool>());
    let marks = prop::collection::vec(mark(), 0..4);
    let accounts = prop::collection::vec(0_u8..4, 0..3);
    (
        marks,
        prop::collection::vec(resolution, 0..4),
        accounts,
        0_u8..3,
    )
        .prop_map(|(marks, said, accounts, rules)| {
            let mut of = Configuration::decode(DOCUMENT).unwrap();
            of.marks = marks.into_iter().collect();
            of.resolutions.clear();
            for (cluster, day, is_resolved) in said {
                let moment = Timestamp::from_seconds(1_796_000_000 + day * 86_400).unwrap();
                let what = match is_resolved {
                    true => LifecycleEvent::Resolved,
                    false => LifecycleEvent::Reopened,
                };
                let cluster = ClusterId::from_bytes([cluster; 16]);
                of.resolutions
                    .entry(cluster)
                    .or_default()
                    .insert((moment, what));
            }
            let ids: Vec<String> = accounts.iter().map(|n| format!("11112222333{n}")).collect();
            of.settings = format!("trail_accounts = {ids:?}\n");
            of.rules = match rules {
                0 => String::new(),
                n => format!("[[policy]]\nsink = \"all\"\nsilence = \"{n}h\"\n"),
            };
            of
        })
}

proptest! {
    #![proptest_config(effort::property(24, 500))]

    #[test]
    fn a_document_is_what_it_was_after_writing_reading_importing_and_exporting(of in configuration()) {
        let text = of.encode();
        let back = Configuration::decode(&text).unwrap();
        prop_assert_eq!(&back, &of);
        prop_assert_eq!(changes(&of, &back), vec![]);
        let (bucket, store) = (MemoryBucket::default(), SqliteStore::in_memory().unwrap());
        import(&of, &bucket, &store);
        prop_assert_eq!(exported(&of, &bucket, &store).encode(), text);
        prop_assert!(import(&of, &bucket, &store).is_empty());
    }

    #[test]
    fn decisions_are_the_same_whatever_the_order_of_imports(one in configuration(), other in configuration()) {
        let decided = |documents: [&Configuration; 3]| {
            let (bucket, store) = (MemoryBucket::default(), SqliteStore::in_memory().unwrap());
            for document in documents {
                import(document, &bucket, &store);
            }
            let Configuration { marks, resolutions, .. } = exported(&one, &bucket, &store);
            (marks, resolutions)
        };
        prop_assert_eq!(decided([&one, &other, &one]), decided([&other, &one, &other]));
    }
}

/// A stack in the emulator that has the parameters, the table and the bucket of ours, in a region of its own.
struct Deployed {
    folder: Folder,
    region: &'static str,
}

impl Deployed {
    fn new(region: &'static str, dormant_days: &str) -> Option<Self> {
        let config = Emulator::find()?.config().clone().into_builder();
        let config = config.region(aws_config::Region::new(region)).build();
        let client = aws_sdk_cloudformation::Client::new(&config);
        let template = json!({
            "Parameters": {
                "DormantDays": {"Type": "Number", "Default": 90},
                "LogGroupNames": {"Type": "CommaDelimitedList"},
                "RulesObject": {"Type": "String", "Default": ""},
            },
            "Resources": {
                "Table": {"Type": "AWS::DynamoDB::Table", "Properties": {
                    "BillingMode": "PAY_PER_REQUEST",
                    "AttributeDefinitions": [
                        {"AttributeName": "pk", "AttributeType": "S"}, {"AttributeName": "sk", "AttributeType": "S"},
                    ],
                    "KeySchema": [
                        {"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"},
                    ],
                }},
                "Bucket": {"Type": "AWS::S3::Bucket"},
            },
        });
        let parameter = |name: &str, value: &str| {
            Parameter::builder()
                .parameter_key(name)
                .parameter_value(value)
                .build()
        };
        block_on(async {
            let create = client.create_stack().stack_name("moves");
            let create = create.template_body(template.to_string());
            let create = create.parameters(parameter("DormantDays", dormant_days));
            let create = create.parameters(parameter("LogGroupNames", "trail,other"));
            let create = create.parameters(parameter("RulesObject", "rules/rules.toml"));
            if let Err(error) = create.send().await {
                // The first of two attempts may have been slow.
                let error = error.into_service_error();
                assert!(error.is_already_exists_exception(), "{error:?}");
            }
            // The emulator creates a stack in the background.
            for _ in 0..200 {
                let found = client
                    .describe_stacks()
                    .stack_name("moves")
                    .send()
                    .await
                    .unwrap();
                if found.stacks()[0].stack_status() == Some(&StackStatus::CreateComplete) {
                    return;
                }
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
            panic!("the stack is not created");
        });
        Some(Self {
            folder: Folder::new(),
            region,
        })
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        let mut command: Command = self.folder.command(arguments);
        command.env("AWS_REGION", self.region);
        command
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test");
        Ran::of(command.output().unwrap())
    }
}

#[test]
fn a_stack_is_exported_compared_and_imported_into_a_fresh_one() {
    let made = (
        Deployed::new("eu-west-1", "90"),
        Deployed::new("eu-west-2", "30"),
    );
    let (Some(old), Some(new)) = made else {
        return;
    };
    let document = DOCUMENT.replace("\"errors\"", "\"moves\"");
    old.folder.write("given.json", document);
    let ran = old.run(&[
        "config",
        "import",
        "given.json",
        "--stack",
        "moves",
        "--apply",
    ]);
    assert_eq!(ran.code, Some(3), "{ran:?}");
    old.run(&["config", "export", "--stack", "moves"]).printed();
    let text = std::fs::read_to_string(old.folder.path("moves.json")).unwrap();
    let again = old.run(&["config", "export", "--stack", "moves", "--output", "-"]);
    assert_eq!(again.printed(), text);
    old.run(&["config", "export", "--stack", "moves"])
        .fails(1, "--force");
    // The other stack has another parameter, which no import changes.
    new.folder.write("moves.json", &text);
    let dry = new.run(&["config", "import", "moves.json", "--stack", "moves"]);
    assert_eq!(dry.code, Some(3));
    expect_test::expect_file!["../fixtures/config_import_dry.txt"].assert_eq(&dry.stdout);
    let import = [
        "config",
        "import",
        "moves.json",
        "--stack",
        "moves",
        "--apply",
    ];
    let real = new.run(&import);
    assert_eq!(real.code, Some(3));
    expect_test::expect_file!["../fixtures/config_import.txt"].assert_eq(&real.stdout);
    let second = new.run(&import);
    let says = "nothing to change in the bucket and the table\n";
    assert!(second.stdout.starts_with(says), "{}", second.stdout);
    let diff = new.run(&["config", "diff", "moves.json", "--stack", "moves"]);
    assert_eq!(
        (diff.code, &*diff.stdout),
        (Some(3), "parameters.DormantDays: 90 → 30\n")
    );
    let exported = new.run(&["config", "export", "--stack", "moves", "--output", "-"]);
    let exported = exported
        .printed()
        .replace("\"DormantDays\": \"30\"", "\"DormantDays\": \"90\"");
    assert_eq!(exported, text);
    let history = new.run(&["config", "history", "--stack", "moves", "--format", "json"]);
    let shown = new.run(&["config", "history", "--stack", "moves"]);
    let mut shown = shown.printed();
    for change in history.json()["history"].as_array().unwrap() {
        // The version of the settings file is that of its random end.
        for (field, word) in [("at", "TIME"), ("version", "VERSION")] {
            shown = shown.replace(change[field].as_str().unwrap(), word);
        }
    }
    expect_test::expect_file!["../fixtures/config_history.txt"].assert_eq(&shown);
    new.run(&["config", "export", "--stack", "nowhere"])
        .fails(1, "there is no stack of this name here");
}

#[test]
fn two_documents_are_compared_without_aws() {
    let folder = Folder::new();
    folder.write("a.json", DOCUMENT);
    folder.write(
        "b.json",
        DOCUMENT
            .replace("\"90\"", "\"30\"")
            .replace("until = 2027-01-01", "until = 2027-03-01"),
    );
    let same = folder.run(&["config", "diff", "a.json", "a.json"]);
    assert_eq!(same.printed(), "nothing differs\n");
    let other = folder.run(&["config", "diff", "a.json", "b.json"]);
    assert_eq!(other.code, Some(3));
    expect_test::expect![[r#"
        parameters.DormantDays: 90 → 30
        rules.rule[the cost report works without tags].until: 2027-01-01 → 2027-03-01
    "#]]
    .assert_eq(&other.stdout);
    let other = folder.run(&["config", "diff", "a.json", "b.json", "--format", "json"]);
    let other = other.json();
    assert_eq!(other["changes"][0]["path"], "parameters.DormantDays");
    folder.write("c.json", "{}");
    let wrong = folder.run(&["config", "diff", "a.json", "c.json"]);
    wrong.fails(1, "write one with config export");
}
