//! Looks up the trails of CloudTrail: where they write, whether they are on, and what they record. All calls only read.

use aws_config::SdkConfig;
use records::time::Timestamp;
use serde_json::{Value, json};
use service::doctor::{RecordedEvents, Trail, TrailStatus};
use service::ports::LookupError;

use crate::signed::{SignedClient, SignedRequest};

/// The beginning of the names of operations in requests.
const OPERATIONS: &str = "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.";

/// A client for look-ups in CloudTrail, in one account and region.
#[derive(Debug)]
pub struct Trails {
    client: SignedClient,
}

impl Trails {
    /// Creates the client for the account and region of `config`. Nothing connects before the first call.
    pub fn new(config: &SdkConfig) -> Self {
        Self {
            client: SignedClient::new(config),
        }
    }

    /// Returns the trails that this account can see, those of other regions included. Their status and events are not asked for;
    /// see [`Self::ask`]. The second value is the clock of AWS, if it is known.
    ///
    /// # Errors
    /// [`LookupError`] if AWS does not answer. A refusal is the error inside.
    pub async fn all(
        &self,
    ) -> Result<(Result<Vec<Trail>, LookupError>, Option<Timestamp>), LookupError> {
        let operation = format!("{OPERATIONS}DescribeTrails");
        let input = json!({"includeShadowTrails": true});
        let answer = self.client.send(&request(&operation, input)).await?;
        let trails = answer.body.map(|found| {
            let found = found.unwrap_or_default();
            let trails = found["trailList"].as_array();
            trails.into_iter().flatten().map(read).collect()
        });
        Ok((trails, answer.date))
    }

    /// Adds to a trail whether it is on, and what it records.
    pub async fn ask(&self, trail: &mut Trail) {
        let name = json!({"Name": trail.arn});
        let status = self.look_up("GetTrailStatus", name).await;
        trail.status = status.map(|of| read_status(&of)).map_err(|of| of.detail);
        let name = json!({"TrailName": trail.arn});
        let events = self.look_up("GetEventSelectors", name).await;
        trail.events = events.map(|of| read_events(&of)).map_err(|of| of.detail);
    }

    async fn look_up(&self, operation: &str, input: Value) -> Result<Value, LookupError> {
        let operation = format!("{OPERATIONS}{operation}");
        let found = self.client.look_up(&request(&operation, input)).await?;
        Ok(found.unwrap_or_default())
    }
}

fn request(operation: &str, input: Value) -> SignedRequest<'_> {
    SignedRequest {
        service: "cloudtrail",
        path: "/",
        operation: Some((operation, input)),
    }
}

fn read(trail: &Value) -> Trail {
    let text = |name: &str| trail[name].as_str().unwrap_or_default().to_owned();
    let is = |name: &str| trail[name].as_bool().unwrap_or_default();
    Trail {
        name: text("Name"),
        arn: text("TrailARN"),
        home: text("HomeRegion"),
        log_group_arn: text("CloudWatchLogsLogGroupArn"),
        is_multi_region: is("IsMultiRegionTrail"),
        has_global_events: is("IncludeGlobalServiceEvents"),
        is_of_organization: is("IsOrganizationTrail"),
        status: Err("not asked".to_owned()),
        events: Err("not asked".to_owned()),
    }
}

fn read_status(status: &Value) -> TrailStatus {
    let error = status["LatestCloudWatchLogsDeliveryError"].as_str();
    TrailStatus {
        is_logging: status["IsLogging"].as_bool().unwrap_or_default(),
        // CloudTrail empties it when a delivery succeeds.
        delivery_error: error.unwrap_or_default().to_owned(),
    }
}

/// Reads which management events the selectors of a trail admit, in both forms that a trail may have.
fn read_events(answer: &Value) -> RecordedEvents {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let mut recorded = RecordedEvents::default();
    for selector in list(&answer["EventSelectors"]) {
        if selector["IncludeManagementEvents"] == false {
            continue;
        }
        let kind = selector["ReadWriteType"].as_str().unwrap_or("All");
        recorded.reads |= kind != "WriteOnly";
        recorded.writes |= kind != "ReadOnly";
        let left_out = list(&selector["ExcludeManagementEventSources"]);
        recorded.left_out.extend(texts(&left_out));
    }
    for selector in list(&answer["AdvancedEventSelectors"]) {
        let fields = list(&selector["FieldSelectors"]);
        let field = |name: &str| fields.iter().find(|of| of["Field"] == name).cloned();
        let category = field("eventCategory").unwrap_or_default();
        if category["Equals"] != json!(["Management"]) {
            continue;
        }
        let read_only = field("readOnly").unwrap_or_default();
        recorded.reads |= read_only["Equals"] != json!(["false"]);
        recorded.writes |= read_only["Equals"] != json!(["true"]);
        let source = field("eventSource").unwrap_or_default();
        recorded.left_out.extend(texts(&list(&source["NotEquals"])));
    }
    recorded.left_out.sort();
    recorded.left_out.dedup();
    recorded
}

fn texts(values: &[Value]) -> impl Iterator<Item = String> {
    values
        .iter()
        .filter_map(|of| of.as_str().map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_selectors_are_read() {
        let recorded = |reads, writes, left_out: &[&str]| RecordedEvents {
            reads,
            writes,
            left_out: left_out.iter().map(|of| (*of).to_owned()).collect(),
        };
        let basic = |kind: &str, management: bool, left_out: Value| {
            json!({"EventSelectors": [{"ReadWriteType": kind, "IncludeManagementEvents": management,
                "ExcludeManagementEventSources": left_out}]})
        };
        let advanced = |more: Value| {
            let mut fields = vec![json!({"Field": "eventCategory", "Equals": ["Management"]})];
            fields.extend(more.as_array().cloned().unwrap_or_default());
            json!({"AdvancedEventSelectors": [{"FieldSelectors": fields}]})
        };
        let data = json!({"AdvancedEventSelectors": [{"FieldSelectors": [{"Field": "eventCategory", "Equals": ["Data"]}]}]});
        for (answer, wanted) in [
            (basic("All", true, json!([])), recorded(true, true, &[])),
            (
                basic("ReadOnly", true, json!([])),
                recorded(true, false, &[]),
            ),
            (
                basic("WriteOnly", true, json!(["kms.amazonaws.com"])),
                recorded(false, true, &["kms.amazonaws.com"]),
            ),
            (basic("All", false, json!([])), recorded(false, false, &[])),
            (advanced(json!([])), recorded(true, true, &[])),
            (
                advanced(json!([{"Field": "readOnly", "Equals": ["true"]}])),
                recorded(true, false, &[]),
            ),
            (
                advanced(json!([{"Field": "readOnly", "Equals": ["false"]}])),
                recorded(false, true, &[]),
            ),
            (
                advanced(json!([{"Field": "eventSource", "NotEquals": ["rdsdata.amazonaws.com"]}])),
                recorded(true, true, &["rdsdata.amazonaws.com"]),
            ),
            (data, recorded(false, false, &[])),
            (json!({}), recorded(false, false, &[])),
        ] {
            assert_eq!(read_events(&answer), wanted, "{answer}");
        }
    }
}
