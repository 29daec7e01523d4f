//! Unusual and malformed records: late records, corrections, Insights and digest records, fields of the wrong type, and
//! texts that are no records.

use clusters::class::Class;

use crate::actors;
use crate::call::Call;
use crate::event::{DemoEvent, Draft, EventTruth, Object};
use crate::generator::Generator;
use crate::text::moment;

/// An ordinary denial; each malformed record is this record with a change.
const USUAL: Call = Call {
    class: Some(Class::Denied),
    weight: 1,
    service: "ecs",
    name: "ListClusters",
    actors: &["legacy-batch"],
    code: "AccessDeniedException",
    message: "",
    params: "null",
};

type Changes = &'static [(&'static str, &'static str)];

/// The changed fields of each malformed record, with the outcome that must be counted; `""` removes a field.
#[rustfmt::skip]
const CHANGES: &[(EventTruth, Changes)] = &[
    (EventTruth::Failing, &[("eventID", "")]),
    (EventTruth::Failing, &[("userIdentity", r#""arn:aws:iam::111122223333:user/lena.varga""#)]),
    (EventTruth::Failing, &[("userIdentity", "null")]),
    (EventTruth::Failing, &[("errorMessage", "404"), ("awsRegion", "7"), ("requestParameters", "12")]),
    (EventTruth::Failing, &[("recipientAccountId", "null"), ("eventCategory", "null"), ("readOnly", "null"), ("userAgent", "null")]),
    (EventTruth::Failing, &[("recipientAccountId", ""), ("eventVersion", "")]),
    (EventTruth::Failing, &[("eventTime", "null")]),
    (EventTruth::Failing, &[("sharedEventID", r#""6f0a1c52-6a0e-4d0f-9a51-0c2f7a3e51b4""#), ("resources", r#"[{"accountId":"111122223333","type":"AWS::ECS::Cluster","ARN":"arn:aws:ecs:eu-west-1:111122223333:cluster/web"}]"#)]),
    // A failure without an error code; and a corrected copy of another event, which is no failure.
    (EventTruth::Failing, &[("errorCode", ""), ("errorMessage", r#""The agent gave no reason""#)]),
    (EventTruth::Success, &[("errorCode", ""), ("addendum", r#"{"reason":"UPDATED_DATA","updatedFields":"responseElements","originalRequestID":"31d0c1a9-85be-4c4e-9d35-6a9b8a1f2c07","originalEventID":"0d2f1f6e-3a6b-4e55-8f0e-3b1d6a7c9e12"}"#)]),
    (EventTruth::Broken, &[("eventVersion", r#""2.0""#)]),
];

/// Texts that are put into trail files as broken records: invalid JSON, or no JSON object. The records before and after
/// them stay readable.
pub const BROKEN: &[&str] = &[
    r#"{"eventVersion":"1.11","eventTime":nonsense}"#,
    r#"{"eventVersion":"1.11","eventName":"ListUsers","errorCode":}"#,
    r#""a stray sentence, with a \" and a { in it""#,
    r#"["not","a","record"]"#,
    r#"{"eventVersion":"1.11" "eventName":"GetObject"}"#,
    "42",
];

/// Adds unusual events: each malformed record once, one record that is delivered two hours late, three Insights records
/// and one digest record.
pub fn malformed_records(generator: &mut Generator) {
    for (truth_of, changes) in CHANGES {
        let time = generator.random.seconds(generator.start, generator.last());
        malformed_record(generator, *truth_of, changes, time);
    }
    let delayed = &[("addendum", r#"{"reason":"DELIVERY_DELAY"}"#)];
    malformed_record(generator, EventTruth::Failing, delayed, generator.at(480));
    if let Some(event) = generator.events.last_mut() {
        event.delay = Some(7200);
    }
    for thousandths in [350, 640, 660] {
        let event = insight(generator, thousandths);
        generator.events.push(event);
    }
    let event = digest(generator);
    generator.events.push(event);
}

fn malformed_record(generator: &mut Generator, truth_of: EventTruth, changes: Changes, time: i64) {
    let caller = actors::find(USUAL.actors[0]).call(&mut generator.random, time);
    let region = caller.account.region(USUAL.service, &mut generator.random);
    let draft = generator.draft(&USUAL, &caller, time, region, "", "null");
    generator.add(&Draft {
        changes,
        truth_of,
        ..draft
    });
}

fn insight(generator: &mut Generator, thousandths: i64) -> DemoEvent {
    let id = generator.random.uuid();
    let details = Object::default()
        .text("state", if thousandths == 640 { "Start" } else { "End" })
        .text("eventSource", "s3.amazonaws.com")
        .text("eventName", "PutObject")
        .text("insightType", "ApiErrorRateInsight")
        .text("errorCode", "AccessDenied")
        .raw(
            "insightContext",
            r#"{"statistics":{"baseline":{"average":0.2},"insight":{"average":18.5}}}"#,
        )
        .end();
    let object = Object::default()
        .text("eventVersion", "1.11")
        .text("eventTime", &moment(generator.at(thousandths)))
        .text("awsRegion", "eu-central-1")
        .text("eventID", &id)
        .text("eventType", "AwsCloudTrailInsight")
        .text("recipientAccountId", "111122223333")
        .text("sharedEventID", &generator.random.uuid())
        .raw("insightDetails", &details)
        .text("eventCategory", "Insight");
    non_api(generator, thousandths, id, object.end())
}

fn digest(generator: &mut Generator) -> DemoEvent {
    let text = Object::default()
        .text("awsAccountId", "111122223333")
        .text("digestStartTime", &moment(generator.at(400)))
        .text("digestEndTime", &moment(generator.at(420)))
        .text("digestS3Bucket", "shop-trail")
        .text(
            "digestS3Object",
            "AWSLogs/111122223333/CloudTrail-Digest/eu-central-1/digest.gz",
        )
        .raw("logFiles", "[]");
    let mut event = non_api(generator, 420, String::new(), text.end());
    event.id = None;
    event
}

fn non_api(generator: &Generator, thousandths: i64, id: String, text: String) -> DemoEvent {
    let account = actors::find("root").account;
    DemoEvent {
        time: generator.at(thousandths),
        delay: None,
        account,
        region: "eu-central-1",
        id: Some(id),
        truth_of: EventTruth::NonApi,
        text,
    }
}
