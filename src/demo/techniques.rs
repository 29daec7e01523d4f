//! Attack techniques as the records of their calls, to rehearse them behind a history.
//!
//! `catalog` is the table of the techniques. Each has the calls that a published page lists; docs/techniques.md has the
//! pages, and a test compares both. A made-up IAM user makes the calls with a usual user agent, so nothing in a record
//! names a tool. The records depend on technique, place, time and seed alone.

mod catalog;

use clusters::event_name::unversioned;
use records::time::Timestamp;

use crate::actors::key_id;
use crate::event::Object;
use crate::random::Random;
use crate::text::{fill, moment, quote};

/// A technique of an attack: the calls of one published page.
#[derive(Debug, Clone, Copy)]
pub struct Technique {
    /// The name, in lower case with hyphens.
    pub name: &'static str,
    /// The id in MITRE ATT&CK v19, such as `T1098.003`.
    pub attack: &'static str,
    /// The address of the page that lists the calls.
    pub page: &'static str,
    steps: &'static [Step],
}

/// Where a technique is rehearsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The account whose trail has the records, twelve digits.
    pub account_id: String,
    /// The AWS partition, such as `aws`.
    pub partition: String,
    /// The region of all calls that are not of a global service.
    pub region: String,
}

/// One call of a technique, perhaps repeated.
#[derive(Debug, Clone, Copy)]
struct Step {
    service: &'static str,
    /// The API, as in `eventName`.
    action: &'static str,
    /// The `requestParameters` as JSON text with placeholders such as `$account`.
    request: &'static str,
    /// The `responseElements` as JSON text with placeholders.
    response: &'static str,
    outcome: Outcome,
    caller: Caller,
    /// How often the call is made, each time on another target.
    times: usize,
}

/// How a call ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Succeeds,
    /// No policy of the caller allows the call.
    Refused,
    /// The password of a sign-in is wrong.
    WrongPassword,
}

/// Who makes a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Caller {
    /// The made-up user, with a long-term key; a sign-in is made with a browser.
    User,
    Root,
}

/// Returns all techniques, in the order of docs/techniques.md.
pub fn all() -> &'static [Technique] {
    catalog::TECHNIQUES
}

/// Services whose calls are recorded in one region.
const GLOBAL: [&str; 5] = ["iam", "organizations", "route53", "signin", "sts"];

/// Services that refuse a call with the code `AccessDenied`. Others do so with `AccessDeniedException`.
const ACCESS_DENIED: [&str; 5] = ["iam", "s3", "ses", "sns", "sts"];

/// The seconds between two calls are at least this number and less than twice as many.
const PAUSE_SECONDS: i64 = 6;

const CLI: &str = "aws-cli/2.31.9 md/awscrt#0.27.6 ua/2.1 os/linux#6.8.0 md/arch#x86_64 lang/python#3.13.7 cfg/retry-mode#standard";
const BROWSER: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";

impl Technique {
    /// Returns the calls of the technique, each once as `service:action` without a version, in the order of the first of
    /// each.
    pub fn calls(&self) -> Vec<String> {
        let mut calls: Vec<String> = Vec::new();
        for step in self.steps {
            let call = format!("{}:{}", step.service, unversioned(step.action));
            if !calls.contains(&call) {
                calls.push(call);
            }
        }
        calls
    }

    /// Returns the records of the technique as JSON texts, in the order of time. The first call is made at `start`.
    pub fn records(&self, place: &Place, start: Timestamp, seed: u64) -> Vec<String> {
        let mut random = Random::of(&format!("{seed} {}", self.name));
        let actor = Actor::made_up(place, &mut random);
        let mut time = start.seconds();
        let mut records = Vec::new();
        for step in self.steps {
            for _ in 0..step.times {
                records.push(step.record(&actor, time, &mut random));
                time += random.seconds(PAUSE_SECONDS, 2 * PAUSE_SECONDS - 1);
            }
        }
        records
    }
}

/// The caller of a technique, with what its requests name.
struct Actor<'p> {
    place: &'p Place,
    /// The name of the user. It is no name of a person, so that no one is suspected.
    name: String,
    id: String,
    key: String,
    address: String,
    /// The name of a user that the technique makes.
    made: String,
    /// An account that is not the place's.
    outsider: &'static str,
}

impl<'p> Actor<'p> {
    fn made_up(place: &'p Place, random: &mut Random) -> Self {
        // Account ids of AWS's documentation.
        let outsider = match place.account_id.as_str() {
            "999988887777" => "444455556666",
            _ => "999988887777",
        };
        Self {
            place,
            name: format!("rehearsal-{}", random.hex(6)),
            id: format!("AIDA{}EXAMPLE", random.base32(10)),
            key: key_id("AKIA", &place.account_id, random),
            address: format!("203.0.113.{}", 1 + random.below(254)),
            made: format!("rehearsal-made-{}", random.hex(6)),
            outsider,
        }
    }

    fn arn(&self, caller: Caller) -> String {
        let Place {
            account_id,
            partition,
            ..
        } = self.place;
        match caller {
            Caller::User => format!("arn:{partition}:iam::{account_id}:user/{}", self.name),
            Caller::Root => format!("arn:{partition}:iam::{account_id}:root"),
        }
    }

    /// Returns the `userIdentity` as JSON text. `key` is empty for a sign-in.
    fn identity(&self, caller: Caller, key: &str) -> String {
        let account_id = &self.place.account_id;
        let identity = match caller {
            Caller::User => Object::default()
                .text("type", "IAMUser")
                .text("principalId", &self.id),
            Caller::Root => Object::default()
                .text("type", "Root")
                .text("principalId", account_id),
        };
        let identity = identity
            .text("arn", &self.arn(caller))
            .text("accountId", account_id)
            .text("accessKeyId", key);
        match caller {
            Caller::User => identity.text("userName", &self.name).end(),
            Caller::Root => identity.end(),
        }
    }
}

impl Step {
    fn record(&self, actor: &Actor<'_>, time: i64, random: &mut Random) -> String {
        let (region, host) = self.region(actor.place);
        let target = random.hex(16);
        let filled = |template| fill_in(template, actor, region, &target);
        let is_sign_in = self.service == "signin";
        let key = if is_sign_in { "" } else { &actor.key };
        let (code, message) = self.error(actor);
        let response = match (self.outcome, is_sign_in) {
            (Outcome::Succeeds, false) => filled(self.response),
            (Outcome::Succeeds, true) => r#"{"ConsoleLogin":"Success"}"#.to_owned(),
            (Outcome::WrongPassword, _) => r#"{"ConsoleLogin":"Failure"}"#.to_owned(),
            (Outcome::Refused, _) => "null".to_owned(),
        };
        let record = Object::default()
            .text("eventVersion", "1.11")
            .raw("userIdentity", &actor.identity(self.caller, key))
            .text("eventTime", &moment(time))
            .text("eventSource", &format!("{}.amazonaws.com", self.service))
            .text("eventName", self.action)
            .text("awsRegion", region)
            .text("sourceIPAddress", &actor.address)
            .text("userAgent", if is_sign_in { BROWSER } else { CLI })
            .raw("errorCode", &optional(code))
            .raw("errorMessage", &optional(&message))
            .raw("requestParameters", &filled(self.request))
            .raw("responseElements", &response)
            .raw(
                "additionalEventData",
                if is_sign_in { WITHOUT_MFA } else { "" },
            )
            .text("requestID", &random.uuid())
            .text("eventID", &random.uuid())
            .raw("readOnly", &self.reads().to_string())
            .text(
                "eventType",
                if is_sign_in {
                    "AwsConsoleSignIn"
                } else {
                    "AwsApiCall"
                },
            )
            .raw("managementEvent", "true")
            .text("recipientAccountId", &actor.place.account_id)
            .text("eventCategory", "Management");
        let tls = Object::default()
            .text("tlsVersion", "TLSv1.3")
            .text("cipherSuite", "TLS_AES_128_GCM_SHA256")
            .text("clientProvidedHostHeader", &host);
        record.raw("tlsDetails", &tls.end()).end()
    }

    /// Returns the region of the call, and the host that it goes to.
    fn region<'p>(&self, place: &'p Place) -> (&'p str, String) {
        let region = match (GLOBAL.contains(&self.service), place.partition.as_str()) {
            (false, _) => &place.region,
            (true, "aws-cn") => "cn-north-1",
            (true, "aws-us-gov") => "us-gov-west-1",
            (true, _) => "us-east-1",
        };
        (region, format!("{}.{region}.amazonaws.com", self.service))
    }

    /// Returns the error code and the message, both empty if the call succeeds.
    fn error(&self, actor: &Actor<'_>) -> (&'static str, String) {
        let action = unversioned(self.action);
        // The permission to list all buckets has another name than the call.
        let action = if action == "ListBuckets" {
            "ListAllMyBuckets"
        } else {
            action
        };
        let sentence = || {
            let (arn, service) = (actor.arn(self.caller), self.service);
            format!(
                "User: {arn} is not authorized to perform: {service}:{action} because no identity-based policy allows \
                 the {service}:{action} action"
            )
        };
        match self.outcome {
            Outcome::Succeeds => ("", String::new()),
            Outcome::WrongPassword => ("", "Failed authentication".to_owned()),
            Outcome::Refused if self.service == "ec2" => {
                let sentence = sentence();
                let message =
                    format!("You are not authorized to perform this operation. {sentence}");
                ("Client.UnauthorizedOperation", message)
            }
            Outcome::Refused if ACCESS_DENIED.contains(&self.service) => {
                ("AccessDenied", sentence())
            }
            Outcome::Refused => ("AccessDeniedException", sentence()),
        }
    }

    /// Checks whether the call only reads, by the first word of its name.
    fn reads(&self) -> bool {
        ["Get", "List", "Describe", "BatchGet"]
            .iter()
            .any(|verb| self.action.starts_with(verb))
    }
}

const WITHOUT_MFA: &str = r#"{"LoginTo":"https://console.aws.amazon.com/console/home","MobileVersion":"No","MFAUsed":"No"}"#;

/// Replaces the placeholders of a text. `target` is a random part of a name, another one for each call.
fn fill_in(template: &str, actor: &Actor<'_>, region: &str, target: &str) -> String {
    fill(template, |name| match name {
        "account" => actor.place.account_id.clone(),
        "partition" => actor.place.partition.clone(),
        "region" => region.to_owned(),
        "me" => actor.name.clone(),
        "made" => actor.made.clone(),
        "outsider" => actor.outsider.to_owned(),
        "target" => target.to_owned(),
        "newkey" => key_id("AKIA", &actor.place.account_id, &mut Random::of(&actor.key)),
        _ => String::new(),
    })
}

fn optional(text: &str) -> String {
    if text.is_empty() {
        String::new()
    } else {
        quote(text)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clusters::incident::technique::tactic;
    use clusters::watch::Watches;
    use records::Record;

    use super::*;

    fn place() -> Place {
        Place {
            account_id: "111122223333".to_owned(),
            partition: "aws".to_owned(),
            region: "eu-central-1".to_owned(),
        }
    }

    fn start() -> Timestamp {
        Timestamp::parse("2026-11-04T00:05:00Z").expect("a time")
    }

    #[test]
    fn there_are_at_least_thirty_techniques_each_with_a_name_and_an_id_of_the_table() {
        let watches = Watches::default();
        let watched = watches
            .all()
            .iter()
            .filter_map(|watch| watch.technique.as_deref());
        let watched: BTreeSet<&str> = watched.collect();
        let mut names = BTreeSet::new();
        for technique in all() {
            assert!(names.insert(technique.name), "{}", technique.name);
            assert!(tactic(technique.attack).is_some(), "{}", technique.attack);
        }
        assert!(names.len() >= 30);
        let of_watches = all().iter().filter(|of| watched.contains(of.attack));
        assert!(of_watches.count() >= 30);
    }

    #[test]
    fn the_records_of_a_technique_are_records_and_depend_on_the_seed() {
        for technique in all() {
            let records = technique.records(&place(), start(), 1);
            assert_eq!(records, technique.records(&place(), start(), 1));
            assert_ne!(records, technique.records(&place(), start(), 2));
            let mut before = None;
            for text in &records {
                let record = Record::parse_reference(text).expect("a record");
                serde_json::from_str::<serde_json::Value>(text).expect("JSON");
                assert!(!text.contains('$'), "{text}");
                let at = record.event_time.as_deref().and_then(Timestamp::parse);
                assert!(before < at, "{text}");
                before = at;
            }
            assert!(before.expect("a time").seconds_since(start()) < 1800);
        }
    }

    #[test]
    fn nothing_in_the_records_names_a_tool_made_for_attacks() {
        for technique in all() {
            for text in technique.records(&place(), start(), 1) {
                let text = text.to_lowercase();
                for tool in ["stratus", "pacu", "kali", "scout", "prowler", "terraform"] {
                    assert!(!text.contains(tool), "{text}");
                }
            }
        }
    }
}
