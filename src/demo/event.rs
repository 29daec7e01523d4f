//! Writes one event as the JSON text of a record.
//!
//! Fields have the order that CloudTrail uses, and error messages are cut at 1 KB as CloudTrail does.

use std::borrow::Cow;

use crate::actors::{Account, CallingActor};
use crate::random::Random;
use crate::text::{moment, quote};

/// The maximum length of an error message in characters; longer messages are cut and end with `...`.
const LONGEST_MESSAGE: usize = 1024;

/// The expected result for one event: decides which count of [`Truth`](crate::Truth) includes the event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventTruth {
    /// An ordinary call that succeeded; not counted.
    Success,
    /// A failed call or sign-in.
    Failing,
    /// A dry run, which is not a failure although it has an error code.
    DryRun,
    /// A sensitive call that succeeded.
    Watched,
    /// A text that is no record of a supported version.
    Broken,
    /// An Insights or digest record, which is no API call.
    NonApi,
}

/// A generated record, with the time, delay, account and region that decide into which trail file the record is put.
#[derive(Debug, Clone)]
pub struct DemoEvent {
    /// The event time, in seconds since 1970.
    pub time: i64,
    /// The time from the event to its delivery, in seconds; `None` for a random delay.
    pub delay: Option<i64>,
    /// The account whose trail receives the event.
    pub account: &'static Account,
    /// The region in the name of the trail file into which the event is put.
    pub region: &'static str,
    /// The `eventID` of the record; `None` if the record has none.
    pub id: Option<String>,
    /// The expected result for the event, such as failing or dry run. It decides which count of [`Truth`](crate::Truth)
    /// includes the event.
    pub truth_of: EventTruth,
    /// The JSON text of the record.
    pub text: String,
}

/// The text of a JSON object under construction; fields stay in the order in which they are added.
#[derive(Debug, Default)]
pub struct Object(String);

impl Object {
    /// Adds a field with a string value.
    pub fn text(self, key: &str, value: &str) -> Self {
        let quoted = quote(value);
        self.raw(key, &quoted)
    }

    /// Adds a field whose value is the JSON text `json`; adds nothing if `json` is empty.
    pub fn raw(mut self, key: &str, json: &str) -> Self {
        if !json.is_empty() {
            self.0.push(if self.0.is_empty() { '{' } else { ',' });
            self.0.push('"');
            self.0.push_str(key);
            self.0.push_str("\":");
            self.0.push_str(json);
        }
        self
    }

    /// Closes the object and returns its JSON text.
    pub fn end(mut self) -> String {
        if self.0.is_empty() {
            self.0.push('{');
        }
        self.0.push('}');
        self.0
    }
}

/// An event that is not yet written as a record: the fields that differ between events. A field with an empty text is
/// left out of the record.
#[derive(Debug, Clone)]
pub struct Draft<'a> {
    /// The event time, in seconds since 1970.
    pub time: i64,
    /// The caller, with `userIdentity`, address and user agent.
    pub caller: &'a CallingActor,
    /// The region of the call, as in `awsRegion`.
    pub region: &'static str,
    /// The called service, such as `s3`.
    pub service: &'a str,
    /// The called API, as in `eventName`.
    pub name: &'a str,
    /// The `errorCode`; empty if the record has none.
    pub code: &'a str,
    /// The `errorMessage`, before it is cut to 1,024 characters; empty if the record has none.
    pub message: Cow<'a, str>,
    /// The `requestParameters` as JSON text.
    pub params: Cow<'a, str>,
    /// The `responseElements` as JSON text.
    pub response: &'a str,
    /// Whether the call only reads, as in `readOnly`.
    pub reads: bool,
    /// The `eventType`, such as `AwsApiCall`.
    pub kind: &'a str,
    /// The `eventCategory`, such as `Management`.
    pub category: &'a str,
    /// Pairs of a field name and its JSON text: they replace usual fields of the same name, or are added at the end of
    /// the record.
    ///
    /// An empty text removes the field.
    pub changes: &'a [(&'a str, &'a str)],
    /// The expected result for the event, such as failing or dry run. It decides which count of [`Truth`](crate::Truth)
    /// includes the event.
    pub truth_of: EventTruth,
}

impl Draft<'_> {
    /// Writes the JSON text of the record, with a random `requestID` and `eventID`, and returns the event with this
    /// text.
    pub fn write(self, random: &mut Random) -> DemoEvent {
        let (request, id) = (random.uuid(), random.uuid());
        let has_id = !self.changes.iter().any(|(key, _)| *key == "eventID");
        DemoEvent {
            text: self.record(&request, &id),
            time: self.time,
            delay: None,
            account: self.caller.account,
            region: self.region,
            id: has_id.then_some(id),
            truth_of: self.truth_of,
        }
    }

    fn record(&self, request: &str, id: &str) -> String {
        let account = self.caller.account;
        let host = format!("{}.{}.{}", self.service, self.region, account.domain());
        let management = if self.category == "Management" {
            "true"
        } else {
            "false"
        };
        let tls = Object::default()
            .text("tlsVersion", "TLSv1.3")
            .text("cipherSuite", "TLS_AES_128_GCM_SHA256")
            .text("clientProvidedHostHeader", &host);
        let mut usual = vec![
            ("eventVersion", quote("1.11")),
            ("userIdentity", self.caller.identity.clone()),
            ("eventTime", quote(&moment(self.time))),
            ("eventSource", quote(&account.event_source(self.service))),
            ("eventName", quote(self.name)),
            ("awsRegion", quote(self.region)),
            ("sourceIPAddress", quote(&self.caller.address)),
            ("userAgent", quote(&self.caller.agent)),
            ("errorCode", unless_empty(self.code)),
            ("errorMessage", unless_empty(&cut(&self.message))),
            ("requestParameters", self.params.to_string()),
            ("responseElements", self.response.to_owned()),
            ("additionalEventData", String::new()),
            ("requestID", quote(request)),
            ("eventID", quote(id)),
            ("readOnly", self.reads.to_string()),
            ("resources", String::new()),
            ("serviceEventDetails", String::new()),
            ("eventType", quote(self.kind)),
            ("managementEvent", management.to_owned()),
            ("recipientAccountId", quote(account.id)),
            ("sharedEventID", String::new()),
            ("vpcEndpointId", String::new()),
            ("vpcEndpointAccountId", String::new()),
            ("eventCategory", quote(self.category)),
        ];
        if !self.caller.is_service {
            usual.push(("tlsDetails", tls.end()));
        }
        self.changed(&usual)
    }

    fn changed(&self, usual: &[(&str, String)]) -> String {
        let mut object = Object::default();
        for (key, json) in usual {
            let change = self.changes.iter().find(|(changed, _)| changed == key);
            object = object.raw(key, change.map_or(json, |(_, json)| json));
        }
        for (key, json) in self.changes {
            if !usual.iter().any(|(name, _)| name == key) {
                object = object.raw(key, json);
            }
        }
        object.end()
    }
}

fn unless_empty(text: &str) -> String {
    if text.is_empty() {
        String::new()
    } else {
        quote(text)
    }
}

fn cut(message: &str) -> Cow<'_, str> {
    if message.chars().count() <= LONGEST_MESSAGE {
        return message.into();
    }
    let start: String = message.chars().take(LONGEST_MESSAGE - 3).collect();
    Cow::Owned(start + "...")
}
