//! One event on its way to becoming a record's text, with the fields in their usual order and
//! the 1 KB cut of long texts.

use std::borrow::Cow;

use crate::actors::{Account, Caller};
use crate::random::Random;
use crate::text::{moment, quote};

/// An error message that is longer is cut, and ends in three dots.
const LONGEST_MESSAGE: usize = 1024;

/// What an event means to the truth that the demo keeps about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventTruth {
    /// An ordinary success.
    Plain,
    /// A failed call or sign-in.
    Failing,
    /// A dry run, which is an answer and no failure.
    DryRun,
    /// A success that deserves a look.
    Watched,
    /// Text that is no record of a known version.
    Broken,
    /// A record that is no API call.
    NonApi,
}

/// An event as it is delivered.
#[derive(Debug, Clone)]
pub struct DemoEvent {
    /// When it happened, in seconds since 1970.
    pub time: i64,
    /// How many seconds later it is delivered, where that is not left to chance.
    pub delay: Option<i64>,
    /// The account that gets it.
    pub account: &'static Account,
    /// The region that it is delivered for.
    pub region: &'static str,
    /// The eventID, unless the record has none.
    pub id: Option<String>,
    /// What the truth says about it.
    pub truth_of: EventTruth,
    /// The record's JSON text.
    pub text: String,
}

/// A JSON object that is written field by field and keeps that order.
#[derive(Debug, Default)]
pub struct Object(String);

impl Object {
    /// Adds a string.
    pub fn text(self, key: &str, value: &str) -> Self {
        let quoted = quote(value);
        self.raw(key, &quoted)
    }

    /// Adds a value that is JSON already; one that is empty is left out.
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

    /// Returns the JSON text.
    pub fn end(mut self) -> String {
        if self.0.is_empty() {
            self.0.push('{');
        }
        self.0.push('}');
        self.0
    }
}

/// Everything that varies between two events; what is left out is `""`, JSON is marked as such.
#[derive(Debug, Clone)]
pub struct Draft<'a> {
    /// When it happened, in seconds since 1970.
    pub time: i64,
    /// Who called.
    pub caller: &'a Caller,
    /// The region called.
    pub region: &'static str,
    /// The service prefix, such as `s3`.
    pub service: &'a str,
    /// The API.
    pub name: &'a str,
    /// The error code.
    pub code: &'a str,
    /// The error message.
    pub message: Cow<'a, str>,
    /// The request parameters as JSON.
    pub params: Cow<'a, str>,
    /// The response as JSON.
    pub response: &'a str,
    /// Whether the call only reads.
    pub reads: bool,
    /// `AwsApiCall` and others.
    pub kind: &'a str,
    /// `Management` and others.
    pub category: &'a str,
    /// Fields as JSON that come on top of the usual ones or replace them; `""` leaves one out.
    pub changes: &'a [(&'a str, &'a str)],
    /// What the truth says about it.
    pub truth_of: EventTruth,
}

impl Draft<'_> {
    /// Writes the record.
    pub fn write(self, random: &mut Random) -> DemoEvent {
        let (request, id) = (random.uuid(), random.uuid());
        let delivered = !self.changes.iter().any(|(key, _)| *key == "eventID");
        DemoEvent {
            text: self.record(&request, &id),
            time: self.time,
            delay: None,
            account: self.caller.account,
            region: self.region,
            id: delivered.then_some(id),
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
            if !usual.iter().any(|(known, _)| known == key) {
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
    let kept: String = message.chars().take(LONGEST_MESSAGE - 3).collect();
    Cow::Owned(kept + "...")
}
