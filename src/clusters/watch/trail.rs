//! Finds out what a change of a trail or of an event data store no longer records.
//!
//! Source: CloudTrail API Reference, `PutEventSelectors`, `UpdateTrail` and `UpdateEventDataStore`; CloudTrail User Guide,
//! "Filtering data events by using advanced event selectors" and "Logging management events", 2026-11-29.

use json::Json;

use super::call::{Call, each_element, each_field, each_text_in};
use super::sharing::{account_of, is_own};

/// How many changes are named.
const CHANGES_MAX: usize = 8;

/// The retention of an event data store that is asked for by default, in days. A shorter one is less.
const RETENTION_DAYS: i64 = 366;

/// Returns what a call takes out of the record of a trail, such as `management events off`; empty if nothing.
///
/// The request does not show what was set before. So a value counts if it is less than the default. Where the records
/// go counts if the request is about that, and does not save all settings of a trail as the console does.
pub(super) fn narrowed(call: Call<'_>) -> Vec<String> {
    let mut changes = Vec::new();
    let Some(request) = call.record.request_parameters else {
        return changes;
    };
    let name = call.record.event_name.as_deref().unwrap_or_default();
    let is_update = name.starts_with("Update");
    let is_save = SAVED.iter().all(|key| request.at(&[key]).is_some());
    each_field(request, |key, value| {
        let is_off = value.boolean() == Some(false) || value.as_str().trim() == "\"false\"";
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
            "isOrganizationTrail" | "organizationEnabled" if is_off && !is_save => {
                changes.push("organization off".to_owned());
            }
            "terminationProtectionEnabled" if is_off => {
                changes.push("termination protection off".to_owned());
            }
            "s3BucketName" if is_update && !is_save => {
                changes.push(format!("bucket {}", text(value)));
            }
            "kmsKeyId" if is_update => {
                let key = text(value);
                if account_of(&key).is_some_and(|account| !is_own(call, account)) {
                    changes.push(format!("key {key}"));
                }
            }
            "retentionPeriod" if is_update => {
                let days = text(value);
                if days.parse::<i64>().is_ok_and(|days| days < RETENTION_DAYS) {
                    changes.push(format!("retention of {days} days"));
                }
            }
            "cloudWatchLogsLogGroupArn" if is_update && !is_save && text(value).is_empty() => {
                changes.push("log group removed".to_owned());
            }
            _ => {}
        }
    });
    changes.dedup();
    changes.truncate(CHANGES_MAX);
    changes
}

/// The settings of a trail that a request has together if it saves them all.
const SAVED: [&str; 4] = [
    "s3BucketName",
    "isMultiRegionTrail",
    "includeGlobalServiceEvents",
    "enableLogFileValidation",
];

/// Returns the text of a string or a number.
fn text(value: Json<'_>) -> String {
    let mut text = String::new();
    each_text_in(value, &mut |found| text.push_str(found));
    text
}

/// Which management events one selector records.
#[derive(Debug, Clone)]
struct Recorded {
    reads: bool,
    writes: bool,
    /// What is left out of them, such as `without kms.amazonaws.com`.
    exceptions: Vec<String>,
}

impl Default for Recorded {
    fn default() -> Self {
        Self {
            reads: true,
            writes: true,
            exceptions: Vec::new(),
        }
    }
}

/// Adds what several selectors leave out together: an event is recorded if one of them selects it.
fn add_gaps(selectors: &[Recorded], changes: &mut Vec<String>) {
    let reads: Vec<&Recorded> = selectors.iter().filter(|of| of.reads).collect();
    let writes: Vec<&Recorded> = selectors.iter().filter(|of| of.writes).collect();
    match (reads.is_empty(), writes.is_empty()) {
        (true, true) => changes.push("management events off".to_owned()),
        (true, false) => changes.push("WriteOnly events alone".to_owned()),
        (false, true) => changes.push("ReadOnly events alone".to_owned()),
        (false, false) => {}
    }
    for selectors in [reads, writes] {
        let Some((first, rest)) = selectors.split_first() else {
            continue;
        };
        for exception in &first.exceptions {
            let is_out = rest.iter().all(|of| of.exceptions.contains(exception));
            if is_out && !changes.contains(exception) {
                changes.push(exception.clone());
            }
        }
    }
}

fn selectors(value: Json<'_>, changes: &mut Vec<String>) {
    let mut recorded = Vec::new();
    each_element(value, &mut |selector| {
        let mut of_selector = Recorded::default();
        let mut has_management = true;
        each_field(selector, |key, value| match key {
            "includeManagementEvents" => has_management = value.boolean() != Some(false),
            "readWriteType" => {
                let only = text(value);
                of_selector.reads = only != "WriteOnly";
                of_selector.writes = only != "ReadOnly";
            }
            "excludeManagementEventSources" => each_text_in(value, &mut |source| {
                of_selector.exceptions.push(format!("without {source}"));
            }),
            _ => {}
        });
        if has_management {
            recorded.push(of_selector);
        }
    });
    add_gaps(&recorded, changes);
}

/// One condition of an advanced event selector on a field, with its operators.
struct Condition {
    field: String,
    operators: Vec<(String, Vec<String>)>,
}

impl Condition {
    fn has(&self, wanted: &str) -> bool {
        let mut values = self.operators.iter().flat_map(|(_, values)| values);
        values.any(|value| value == wanted)
    }
}

/// Categories of events that an event data store holds instead of events of CloudTrail.
const OTHER_CATEGORIES: [&str; 4] = [
    "ActivityAuditLog",
    "ConfigurationItem",
    "Evidence",
    "Insight",
];

fn advanced_selectors(value: Json<'_>, changes: &mut Vec<String>) {
    let mut recorded = Vec::new();
    let mut is_of_other_events = false;
    each_element(value, &mut |selector| {
        let conditions = field_selectors(selector);
        let is_of = |category: &str| {
            let has = |of: &Condition| of.field == "eventCategory" && of.has(category);
            conditions.iter().any(has)
        };
        is_of_other_events |= OTHER_CATEGORIES.into_iter().any(is_of);
        if is_of("Management") {
            recorded.push(recorded_by(&conditions));
        }
    });
    if !is_of_other_events {
        add_gaps(&recorded, changes);
    }
}

fn recorded_by(conditions: &[Condition]) -> Recorded {
    let mut recorded = Recorded::default();
    for condition in conditions.iter().filter(|of| of.field != "eventCategory") {
        for (operator, values) in &condition.operators {
            let is_not = operator.starts_with("not");
            let has = |wanted: &str| values.iter().any(|value| value == wanted) != is_not;
            if condition.field == "readOnly" {
                recorded.reads &= has("true");
                recorded.writes &= has("false");
                continue;
            }
            let (field, values) = (&condition.field, values.join(", "));
            recorded.exceptions.push(if is_not {
                format!("without {field} {values}")
            } else {
                format!("{field} {values} alone")
            });
        }
    }
    recorded
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
