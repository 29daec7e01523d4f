//! One event of a cluster, a sensitive call or an incident: when, who and where, and where its record can be found.

use alerts::links::Links;
use clusters::facet::FacetKind;
use clusters::{ClusterFacts, EventId, Sighting};
use records::redact::sanitize;

/// The longest text, in characters.
const CHARS_MAX: usize = 512;

/// An event, with where to find its record. All texts are sanitized; those that are not known are empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventPlace {
    /// The event id of CloudTrail, or a hash of the content for a record without one.
    pub event_id: String,
    /// The time of the call, in RFC 3339.
    pub at: String,
    /// The account that the record is about.
    pub account_id: String,
    /// The region of the call.
    pub region: String,
    /// The caller.
    pub principal: String,
    /// The source address, or the calling service.
    pub source_ip: String,
    /// The call, such as `s3:GetObject`.
    pub call: String,
    /// The error code; empty for a sensitive call.
    pub error_code: String,
    /// The cluster, or the group of equal sensitive calls, that the event is counted in.
    pub cluster_id: String,
    /// The address of the event in the CloudTrail console, which has events for 90 days.
    pub console: Option<String>,
    /// A query of CloudWatch Logs Insights that finds the record in a log group of the trail.
    pub logs_query: String,
    /// The folder of the trail's bucket that has the file with the record, below `AWSLogs/`, or below `AWSLogs/` and the id of the
    /// organization.
    pub trail_folder: String,
}

impl EventPlace {
    /// Returns where an event is. `facts` are those of its cluster.
    pub fn of((id, seen): &(EventId, Sighting), facts: &ClusterFacts) -> Self {
        let identity = &facts.identity;
        let facet = |kind| {
            let value = seen.series.facets.get(kind);
            value
                .map(|value| sanitize(value, CHARS_MAX))
                .unwrap_or_default()
        };
        let region = facet(FacetKind::Region);
        let at = seen.stamp.time();
        let code = || match facet(FacetKind::ErrorCode) {
            code if code.is_empty() => sanitize(&identity.code, CHARS_MAX),
            code => code,
        };
        let at = at.map(|at| at.to_string()).unwrap_or_default();
        let account_id = sanitize(&identity.account_id, 64);
        Self {
            event_id: id.to_string(),
            trail_folder: folder(&account_id, &region, &at).unwrap_or_default(),
            at,
            account_id,
            console: Links::default().event(&region, *id),
            principal: facet(FacetKind::Principal),
            source_ip: facet(FacetKind::SourceIp),
            call: sanitize(
                &format!("{}:{}", identity.service, identity.action),
                CHARS_MAX,
            ),
            error_code: match facts.is_sensitive_call() {
                true => String::new(),
                false => code(),
            },
            cluster_id: seen.series.cluster.to_string(),
            logs_query: format!("fields @timestamp, @message | filter eventID = \"{id}\""),
            region,
        }
    }

    /// The names of the fields, in their order.
    pub const COLUMNS: [&str; 12] = [
        "event_id",
        "at",
        "account_id",
        "region",
        "principal",
        "source_ip",
        "call",
        "error_code",
        "cluster_id",
        "console",
        "logs_query",
        "trail_folder",
    ];

    /// Returns the values of the [columns](Self::COLUMNS); those that are not known are empty.
    pub fn columns(&self) -> [&str; 12] {
        [
            &self.event_id,
            &self.at,
            &self.account_id,
            &self.region,
            &self.principal,
            &self.source_ip,
            &self.call,
            &self.error_code,
            &self.cluster_id,
            self.console.as_deref().unwrap_or_default(),
            &self.logs_query,
            &self.trail_folder,
        ]
    }
}

/// Returns the folder of a day; `None` if account, region or time are not known. The file is named after the minute of its
/// delivery, which is some minutes after the call.
fn folder(account_id: &str, region: &str, at: &str) -> Option<String> {
    let (day, _) = at.split_once('T')?;
    let is_known = !region.is_empty() && records::principal::is_account_id(account_id);
    is_known.then(|| {
        format!(
            "{account_id}/CloudTrail/{region}/{}/",
            day.replace('-', "/")
        )
    })
}
