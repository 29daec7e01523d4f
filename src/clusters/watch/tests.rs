//! Tests of the table: each row is well formed, and each kind of call is selected as it should be.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::*;

/// Returns a record of a call by a user of account 111122223333.
fn record(service: &str, name: &str, request: &Value) -> Value {
    json!({
        "eventVersion": "1.11",
        "eventType": "AwsApiCall",
        "eventSource": format!("{service}.amazonaws.com"),
        "eventName": name,
        "recipientAccountId": "111122223333",
        "userIdentity": {
            "type": "IAMUser",
            "arn": "arn:aws:iam::111122223333:user/alice",
            "accountId": "111122223333",
            "userName": "alice",
        },
        "requestParameters": request,
    })
}

fn found(record: &Value) -> Option<CallDetails> {
    let text = record.to_string();
    Watches::default().find(&Record::parse(&text).unwrap(), &text)
}

/// Returns the name of the watch and the parameters of a call by a user.
fn selected(service: &str, name: &str, request: &Value) -> Option<(String, String)> {
    let details = found(&record(service, name, request))?;
    let parameters: Vec<String> = details
        .parameters
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    Some((details.watch, parameters.join("; ")))
}

fn name_of(service: &str, name: &str, request: &Value) -> String {
    selected(service, name, request).map_or("-".to_owned(), |(watch, _)| watch)
}

#[test]
fn each_row_of_the_table_is_well_formed() {
    let table = table_text().unwrap();
    assert_eq!((table.checked.len(), table.attack.as_str()), (10, "v19"));
    let mut names = BTreeSet::new();
    for row in &table.watch {
        let mut complaints = Vec::new();
        let watch = row.get_ref().watch(Author::Program, &mut |at, message| {
            complaints.push(format!("{at:?}: {message}"));
        });
        assert_eq!(complaints, [""; 0], "{}", watch.name);
        assert!(
            names.insert(watch.name.clone()),
            "{} is there twice",
            watch.name
        );
        assert!(
            !watch.source.is_empty() && watch.technique.is_some(),
            "{}",
            watch.name
        );
        let chinese = watch.why_chinese.as_deref().unwrap_or_default();
        assert!(chinese.chars().any(|c| c > '\u{4e00}'), "{}", watch.name);
        assert!(
            watch.why.ends_with('.') && chinese.ends_with('。'),
            "{}",
            watch.name
        );
        let is_about =
            |predicates: &[Predicate]| watch.holds.iter().any(|of| predicates.contains(of));
        let has_paths = |paths: &[Path]| !paths.is_empty();
        let has_grantees = has_paths(&watch.resource_policies) || has_paths(&watch.grantees);
        let is_sharing = is_about(&[Predicate::Public, Predicate::OtherAccount]);
        assert!(!is_sharing || has_grantees, "{}", watch.name);
        assert!(
            !is_about(&[Predicate::PowerfulPolicy]) || has_paths(&watch.policies),
            "{}",
            watch.name
        );
        assert!(
            !is_about(&[Predicate::TurnedOff]) || has_paths(&watch.switches),
            "{}",
            watch.name
        );
    }
}

/// A row that comes after one that selects all of its calls would never count.
#[test]
fn no_row_is_hidden_by_an_earlier_one() {
    let watches = Watches::default();
    let mut whole = BTreeSet::new();
    for watch in watches.all() {
        let hidden = watch.calls.iter().all(|call| whole.contains(call));
        assert!(!hidden, "{} is hidden", watch.name);
        if watch.when.is_none() && watch.holds.is_empty() && watch.not.is_empty() {
            whole.extend(watch.calls.iter().cloned());
        }
    }
}

#[test]
fn what_was_watched_before_the_table_is_watched() {
    let watches = Watches::default();
    let watched: BTreeSet<&str> = watches.actions().collect();
    for name in crate::sensitive_calls::events() {
        assert!(watched.contains(name), "{name}");
    }
}

#[test]
fn a_version_in_the_name_makes_no_difference() {
    let request = json!({"functionName": "f", "principal": "*", "action": "lambda:InvokeFunction"});
    let wanted = Some((
        "lambda-share".to_owned(),
        "action=lambda:InvokeFunction; function=f; shared_with=everyone".to_owned(),
    ));
    for name in ["AddPermission", "AddPermission20150331v2"] {
        assert_eq!(selected("lambda", name, &request), wanted);
    }
    assert_eq!(name_of("lambda", "AddPermission20150331v2x", &request), "-");
}
