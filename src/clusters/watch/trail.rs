//! Finds out what a change of a trail or of an event data store no longer records.
//!
//! Source: CloudTrail API Reference, `PutEventSelectors`, `UpdateTrail` and `UpdateEventDataStore`; CloudTrail User Guide,
//! "Filtering data events by using advanced event selectors" and "Logging management events", 2026-11-29.

use json::Json;

use super::call::{Call, each_element, each_field, each_text_in};

/// How many changes are named.
const CHANGES_MAX: usize = 8;

/// Returns what a call takes out of the record of a trail, such as `management events off`; empty if nothing.
pub(super) fn narrowed(call: Call<'_>) -> Vec<String> {
    let mut changes = Vec::new();
    let Some(request) = call.record.request_parameters else {
        return changes;
    };
    let is_update = call
        .record
        .event_name
        .as_deref()
        .is_some_and(|name| name.starts_with("Update"));
    each_field(request, |key, value| {
        let is_off = value.boolean() == Some(false);
        match key {
            "eventSelectors" => selectors(value, &mut changes),
            "advancedEventSelectors" => advanced_selectors(value, &mut changes),
            "isMultiRegionTrail" | "multiRegionEnabled" if is_off => {
                changes.push("other regions off".to_owned());
            }
            "includeGlobalServiceEvents" if is_off => {
                changes.push("global services off".to_owned());
            }
            "enableLogFileValidation" if is_off => changes.push("validation off".to_owned()),
            "isOrganizationTrail" | "organizationEnabled" if is_off => {
                changes.push("organization off".to_owned());
            }
            "terminationProtectionEnabled" if is_off => {
                changes.push("termination protection off".to_owned());
            }
            "s3BucketName" if is_update => changes.push(format!("bucket {}", text(value))),
            "kmsKeyId" if is_update => changes.push(format!("key {}", text(value))),
            "retentionPeriod" if is_update => {
                changes.push(format!("retention of {} days", text(value)));
            }
            "cloudWatchLogsLogGroupArn" if is_update && value.text().is_none() => {
                changes.push("log group removed".to_owned());
            }
            _ => {}
        }
    });
    changes.dedup();
    changes.truncate(CHANGES_MAX);
    changes
}

fn text(value: Json<'_>) -> String {
    value.text().unwrap_or_default().into_owned()
}

fn selectors(value: Json<'_>, changes: &mut Vec<String>) {
    each_element(value, &mut |selector| {
        each_field(selector, |key, value| match key {
            "includeManagementEvents" if value.boolean() == Some(false) => {
                changes.push("management events off".to_owned());
            }
            "readWriteType" => {
                let only = value.text().unwrap_or_default();
                if matches!(&*only, "ReadOnly" | "WriteOnly") {
                    changes.push(format!("{only} events alone"));
                }
            }
            "excludeManagementEventSources" => each_text_in(value, &mut |source| {
                changes.push(format!("without {source}"));
            }),
            _ => {}
        });
    });
}

/// One condition of an advanced event selector on a field, with its operators.
struct Condition {
    field: String,
    operators: Vec<(String, Vec<String>)>,
}

fn advanced_selectors(value: Json<'_>, changes: &mut Vec<String>) {
    let mut has_management = false;
    let mut narrow = Vec::new();
    each_element(value, &mut |selector| {
        let conditions = field_selectors(selector);
        let is_management = |condition: &Condition| {
            let has =
                |(_, values): &(String, Vec<String>)| values.iter().any(|of| of == "Management");
            condition.field == "eventCategory" && condition.operators.iter().any(has)
        };
        if !conditions.iter().any(is_management) {
            return;
        }
        has_management = true;
        for condition in conditions.iter().filter(|of| of.field != "eventCategory") {
            for (operator, values) in &condition.operators {
                narrow.push(narrowing(&condition.field, operator, values));
            }
        }
    });
    if !has_management {
        changes.push("management events off".to_owned());
    }
    changes.append(&mut narrow);
}

fn narrowing(field: &str, operator: &str, values: &[String]) -> String {
    let values = values.join(", ");
    match (field, operator, values.as_str()) {
        ("readOnly", _, "true") => "ReadOnly events alone".to_owned(),
        ("readOnly", _, "false") => "WriteOnly events alone".to_owned(),
        (field, operator, values) if operator.starts_with("not") => {
            format!("without {field} {values}")
        }
        (field, _, values) => format!("{field} {values} alone"),
    }
}

fn field_selectors(selector: Json<'_>) -> Vec<Condition> {
    let mut conditions = Vec::new();
    each_field(selector, |key, value| {
        if key != "fieldSelectors" {
            return;
        }
        each_element(value, &mut |of_field| {
            let mut condition = Condition {
                field: String::new(),
                operators: Vec::new(),
            };
            each_field(of_field, |key, value| {
                let mut values = Vec::new();
                each_text_in(value, &mut |text| values.push(text.to_owned()));
                if key == "field" {
                    condition.field = values.pop().unwrap_or_default();
                } else if !values.is_empty() {
                    condition.operators.push((key.to_owned(), values));
                }
            });
            conditions.push(condition);
        });
    });
    conditions
}
