//! The stories of the demo, and the everyday traffic around them.
//!
//! A bucket refuses logs for days; a leaked key tries many APIs; a policy change breaks a role; a job fails each night;
//! calls are throttled; sign-ins fail.

use std::collections::{BTreeMap, BTreeSet};

use clusters::class::Class;

use crate::actors;
use crate::call::Call;
use crate::event::{Draft, EventTruth};
use crate::failures::FAILURES;
use crate::generator::Generator;
use crate::routine::{ROUTINE, WATCHED};
use crate::{Plan, Reconnaissance, Storm};

/// A refused call of S3, the base of the calls in the stories.
const REFUSED: Call = Call {
    class: Some(Class::Denied),
    weight: 1,
    service: "s3",
    name: "",
    actors: &[],
    code: "AccessDenied",
    message: "",
    params: "null",
};

/// Adds `count` events in which a service is refused when it delivers logs to one bucket, and returns the facts of this
/// story.
///
/// The events are spread evenly from an eighth of the trail's length to nearly its end.
pub fn storm(generator: &mut Generator, count: usize) -> Storm {
    const BUCKET: &str = "shop-flow-logs";
    const SERVICE: &str = "delivery.logs.amazonaws.com";
    let put = Call {
        name: "PutObject",
        message: "Access Denied",
        params: r#"{"bucketName":"shop-flow-logs","key":"AWSLogs/$account/vpcflowlogs/$uuid.log.gz"}"#,
        ..REFUSED
    };
    let head = Call {
        name: "HeadBucket",
        params: r#"{"bucketName":"shop-flow-logs"}"#,
        ..put
    };
    let mut events = BTreeMap::new();
    let (first, last) = (generator.at(125), generator.at(950));
    for number in 0..count {
        let call = if number % 12 == 11 { &head } else { &put };
        let even = first + (last - first) * number as i64 / count.max(1) as i64;
        let time = even + generator.random.seconds(0, 30);
        generator.burst(call, SERVICE, &[time]);
        *events.entry(call.name.to_owned()).or_default() += 1;
    }
    let account_id = actors::find(SERVICE).account.id.to_owned();
    let (event_source, error_code) = ("s3.amazonaws.com".to_owned(), put.code.to_owned());
    let (invoked_by, bucket) = (SERVICE.to_owned(), BUCKET.to_owned());
    Storm {
        account_id,
        invoked_by,
        event_source,
        error_code,
        bucket,
        events,
    }
}

/// The calls that the owner of a stolen key tries first: service and API.
const LOOKING_AROUND: &[(&str, &str)] = &[
    ("s3", "ListBuckets"),
    ("iam", "ListUsers"),
    ("iam", "ListRoles"),
    ("iam", "ListAttachedUserPolicies"),
    ("iam", "GetAccountAuthorizationDetails"),
    ("iam", "GetAccountSummary"),
    ("ec2", "DescribeInstances"),
    ("ec2", "DescribeSecurityGroups"),
    ("ec2", "DescribeSnapshots"),
    ("ec2", "DescribeVpcs"),
    ("rds", "DescribeDBInstances"),
    ("rds", "DescribeDBSnapshots"),
    ("lambda", "ListFunctions20150331"),
    ("secretsmanager", "ListSecrets"),
    ("ssm", "DescribeParameters"),
    ("dynamodb", "ListTables"),
    ("kms", "ListKeys"),
    ("sns", "ListTopics"),
    ("sqs", "ListQueues"),
    ("ecr", "DescribeRepositories"),
    ("eks", "ListClusters"),
    ("cloudtrail", "DescribeTrails"),
    ("guardduty", "ListDetectors"),
    ("organizations", "ListAccounts"),
    ("ses", "GetSendQuota"),
];

/// Adds the story of a leaked key, which many APIs refuse within six minutes, and returns the facts of this story.
///
/// All calls come from one address of a network that the account has not seen before.
pub fn recon(generator: &mut Generator) -> Reconnaissance {
    let actor = actors::find("leaked-ci-key");
    let began = generator.at(620);
    let caller = actor.call(&mut generator.random, began);
    let mut apis = BTreeSet::new();
    for (number, (service, name)) in LOOKING_AROUND.iter().enumerate() {
        let action = name.trim_end_matches("20150331");
        let message = format!(
            "User: {} is not authorized to perform: {service}:{action} because no identity-based \
             policy allows the {service}:{action} action",
            caller.arn
        );
        let code = if *service == "ec2" {
            "Client.UnauthorizedOperation"
        } else {
            "AccessDenied"
        };
        let call = Call {
            service,
            name,
            code,
            ..REFUSED
        };
        let time = began + number as i64 * 13 + generator.random.seconds(0, 12);
        let region = caller.account.region(service, &mut generator.random);
        generator.add(&generator.draft(&call, &caller, time, region, &message, "null"));
        apis.insert(format!("{service}:{name}"));
    }
    Reconnaissance {
        principal_arn: caller.arn,
        access_key_id: actor.key(),
        denied_apis: apis.len(),
    }
}

/// The calls by which the owner of the leaked key gets a lasting way in, all of which succeed: service, API, parameters
/// and response.
#[rustfmt::skip]
const TAKEOVER: &[(&str, &str, &str, &str)] = &[
    ("iam", "CreateUser", r#"{"userName":"svc-monitor"}"#, r#"{"user":{"arn":"arn:aws:iam::$account:user/svc-monitor","userName":"svc-monitor"}}"#),
    ("iam", "AttachUserPolicy", r#"{"userName":"svc-monitor","policyArn":"arn:aws:iam::aws:policy/AdministratorAccess"}"#, "null"),
    ("iam", "CreateAccessKey", r#"{"userName":"svc-monitor"}"#, r#"{"accessKey":{"userName":"svc-monitor","accessKeyId":"$key","status":"Active"}}"#),
];

/// The calls of the new user: they stop the trail and share a snapshot with another account.
#[rustfmt::skip]
const AFTERWARDS: &[(&str, &str, &str, &str)] = &[
    ("cloudtrail", "StopLogging", r#"{"name":"audit-trail"}"#, "null"),
    ("ec2", "ModifySnapshotAttribute", r#"{"snapshotId":"snap-0c4f2b7e91d5a6830","attributeType":"CREATE_VOLUME_PERMISSION","createVolumePermission":{"add":{"items":[{"userId":"999988887777"}]}}}"#, r#"{"_return":true}"#),
];

/// Adds what the owner of the leaked key does after the refusals: a new user with all permissions, and what it does. No
/// call fails, so only sensitive calls show it.
pub fn takeover(generator: &mut Generator) {
    let began = generator.at(620) + 420;
    let user = actors::find("svc-monitor");
    for (actor, from, calls) in [
        (actors::find("leaked-ci-key"), began, TAKEOVER),
        (user, began + 240, AFTERWARDS),
    ] {
        let caller = actor.call(&mut generator.random, from);
        for (number, (service, name, params, response)) in calls.iter().enumerate() {
            let call = Call {
                class: Some(Class::Watch),
                service,
                name,
                code: "",
                ..REFUSED
            };
            let time = from + number as i64 * 35;
            let region = caller.account.region(service, &mut generator.random);
            let response = response.replace("$account", caller.account.id);
            let response = response.replace("$key", &user.key());
            let draft = generator.draft(&call, &caller, time, region, "", params);
            generator.add(&Draft {
                response: &response,
                ..draft
            });
        }
    }
}

/// Adds one refused call with an access key that is used nowhere else, and returns the id of the key.
pub fn sleeping_key(generator: &mut Generator) -> String {
    let call = Call {
        name: "ListBuckets",
        message: "User: $arn is not authorized to perform: s3:ListAllMyBuckets because no \
                  identity-based policy allows the s3:ListAllMyBuckets action",
        ..REFUSED
    };
    generator.burst(&call, "backup-2019", &[generator.at(410)]);
    actors::find("backup-2019").key()
}

/// Adds a job whose call fails at 02:00 UTC each night; the job repeats the call eight times.
pub fn nightly_job(generator: &mut Generator) {
    let call = Call {
        service: "rds",
        name: "StartExportTask",
        code: "AccessDenied",
        message: "User: $arn is not authorized to perform: rds:StartExportTask on resource: \
                  arn:aws:rds:$region:$account:snapshot:orders-nightly because no identity-based \
                  policy allows the rds:StartExportTask action",
        params: r#"{"exportTaskIdentifier":"orders-nightly","sourceArn":"arn:aws:rds:$region:$account:snapshot:orders-nightly"}"#,
        ..REFUSED
    };
    let midnight = generator.start - generator.start.rem_euclid(86_400);
    let nights = (midnight + 7200..=generator.last()).step_by(86_400);
    for night in nights
        .filter(|night| *night >= generator.start)
        .collect::<Vec<_>>()
    {
        let tries: Vec<i64> = (0..9)
            .map(|number| night + 4 + number * number * 3)
            .collect();
        generator.burst(&call, "nightly-export", &tries);
    }
}

/// Adds a role that reads secrets `per_hour` times in each hour. At 70 % of the trail a policy changes; from then on
/// four of ten calls are refused.
pub fn broken_role(generator: &mut Generator, per_hour: usize) {
    let works = Call {
        class: None,
        service: "secretsmanager",
        name: "BatchGetSecretValue",
        code: "",
        params: r#"{"secretIdList":["$secret"]}"#,
        ..REFUSED
    };
    let fails = Call {
        class: Some(Class::Denied),
        code: "AccessDeniedException",
        message: "User: $arn is not authorized to perform: secretsmanager:BatchGetSecretValue \
                  because no identity-based policy allows the secretsmanager:BatchGetSecretValue \
                  action",
        ..works
    };
    let changed = generator.at(700);
    let count = generator.length * per_hour as i64 / 3600;
    for number in 0..count {
        let time = generator.start + generator.length * number / count;
        let broken = time > changed && generator.random.chance(40);
        generator.burst(
            if broken { &fails } else { &works },
            "checkout-api",
            &[time],
        );
    }
}

/// Adds throttled calls: each call of [`FAILURES`] with the class [`Class::Throttle`], 45 times within three minutes.
pub fn throttle_burst(generator: &mut Generator) {
    let rows = FAILURES
        .iter()
        .filter(|row| row.class == Some(Class::Throttle));
    for row in rows {
        let times: Vec<i64> = (0..45)
            .map(|number| generator.at(530) + number * 4)
            .collect();
        generator.burst(row, row.actors[0], &times);
    }
}

/// Adds one event for each call of [`WATCHED`], the sensitive calls that succeed.
pub fn watch_list(generator: &mut Generator) {
    for (number, call) in WATCHED.iter().enumerate() {
        // This call is the policy change after which `broken_role` fails.
        let thousandths = if call.name == "PutRolePolicy" {
            700
        } else {
            300 + number as i64 * 30
        };
        generator.perform(call, generator.at(thousandths));
    }
}

/// A sign-in: actor, event name, event type, error code and message, response, further fields.
type SignIn = (
    &'static str,
    &'static str,
    &'static str,
    (&'static str, &'static str),
    &'static str,
    &'static [(&'static str, &'static str)],
);

const NO_MFA: &[(&str, &str)] = &[(
    "additionalEventData",
    r#"{"MobileVersion":"No","MFAUsed":"No"}"#,
)];
const MFA: &[(&str, &str)] = &[(
    "additionalEventData",
    r#"{"MobileVersion":"No","MFAUsed":"Yes"}"#,
)];
const FAILED: &str = r#"{"ConsoleLogin":"Failure"}"#;

/// All forms of records of failed sign-ins.
#[rustfmt::skip]
const FAILED_SIGN_INS: &[SignIn] = &[
    ("lena.varga", "ConsoleLogin", "AwsConsoleSignIn", ("", "Failed authentication"), FAILED, NO_MFA),
    ("lena.varga", "ConsoleLogin", "AwsConsoleSignIn", ("", ""), FAILED, NO_MFA),
    ("lena.varga", "ConsoleLogin", "AwsConsoleSignIn", ("", "Failed authentication"), FAILED, MFA),
    ("mistyped", "ConsoleLogin", "AwsConsoleSignin", ("", "No username found in supplied account"), FAILED, NO_MFA),
    ("root", "ConsoleLogin", "AwsConsoleSignIn", ("", "Failed authentication"), FAILED, NO_MFA),
    ("jonas.berg@example.com", "ConsoleLogin", "AwsConsoleSignIn", ("", "Failed authentication"), "null", NO_MFA),
    ("lena.varga", "ConsoleLogin", "AwsConsoleSignIn", ("AccountLocked", "Too many attempts"), FAILED, NO_MFA),
    ("root", "CheckMfa", "AwsConsoleSignIn", ("", ""), r#"{"CheckMfa":"Failure"}"#, &[("additionalEventData", r#"{"MfaType":"Virtual MFA"}"#)]),
    ("lena.varga", "SwitchRole", "AwsConsoleSignIn", ("", "Invalid information in one or more fields"), r#"{"SwitchRole":"Failure"}"#, &[("additionalEventData", r#"{"SwitchTo":"arn:aws:iam::444455556666:role/Operators"}"#)]),
    ("directory-login", "ExternalIdPDirectoryLogin", "AwsConsoleSignIn", ("", ""), r#"{"ExternalIdPDirectoryLogin":"Failure"}"#, NO_MFA),
    ("someone", "CredentialVerification", "AwsServiceEvent", ("", ""), "null", &[("serviceEventDetails", r#"{"CredentialVerification":"Failure"}"#), ("additionalEventData", r#"{"CredentialType":"PASSWORD"}"#)]),
];

#[rustfmt::skip]
const SIGN_INS: &[SignIn] = &[
    ("lena.varga", "ConsoleLogin", "AwsConsoleSignIn", ("", ""), r#"{"ConsoleLogin":"Success"}"#, MFA),
    ("root", "ConsoleLogin", "AwsConsoleSignIn", ("", ""), r#"{"ConsoleLogin":"Success"}"#, NO_MFA),
];

/// Adds console sign-ins: one event for each form of record of a successful sign-in, `repeats` events for each form of
/// a failed sign-in.
pub fn sign_ins(generator: &mut Generator, repeats: usize) {
    let failed = FAILED_SIGN_INS
        .iter()
        .map(|row| (row, EventTruth::Failing, repeats));
    let successful = SIGN_INS.iter().map(|row| (row, EventTruth::Success, 1));
    for (row, truth_of, repeats) in failed.chain(successful) {
        for _ in 0..repeats {
            sign_in(generator, row, truth_of);
        }
    }
}

fn sign_in(generator: &mut Generator, row: &SignIn, truth_of: EventTruth) {
    let (actor, name, kind, (code, message), response, changes) = *row;
    let time = generator.random.seconds(generator.start, generator.last());
    let caller = actors::find(actor).call(&mut generator.random, time);
    let region = caller.account.global_region;
    let call = Call {
        class: None,
        service: "signin",
        name,
        code,
        ..REFUSED
    };
    let draft = generator.draft(&call, &caller, time, region, message, "null");
    generator.add(&Draft {
        kind,
        response,
        changes,
        truth_of,
        ..draft
    });
}

/// Adds each call of [`ROUTINE`] and [`FAILURES`] once for each of its actors, so that every kind of event occurs with
/// every seed.
pub fn each_row_once(generator: &mut Generator) {
    let rows: Vec<&Call> = ROUTINE.iter().chain(FAILURES).collect();
    let pairs = rows
        .iter()
        .flat_map(|row| row.actors.iter().map(move |actor| (*row, *actor)));
    for (row, actor) in pairs.collect::<Vec<_>>() {
        let time = generator.random.seconds(generator.start, generator.last());
        generator.burst(row, actor, &[time]);
    }
}

/// Adds exactly `count` failed events: random calls of [`FAILURES`], each with up to six retries.
///
/// Dry runs count as failed events here.
pub fn everyday_failures(generator: &mut Generator, mut count: usize) {
    let rows = by_weight(FAILURES);
    while count > 0 {
        let row = *generator.random.pick(&rows);
        let retries = count.min(1 + generator.random.below(7));
        let mut time = generator.random.seconds(generator.start, generator.last());
        let mut times = Vec::with_capacity(retries);
        for _ in 0..retries {
            times.push(time);
            time += generator.random.seconds(1, 20);
        }
        let actor = *generator.random.pick(row.actors);
        generator.burst(row, actor, &times);
        count -= retries;
    }
}

/// Adds successful calls of [`ROUTINE`] until every hour of the trail has at least [`Plan::events_per_hour`] events.
pub fn routine(generator: &mut Generator, plan: &Plan) {
    let rows = by_weight(ROUTINE);
    let mut scheduled: BTreeMap<i64, usize> = BTreeMap::new();
    for event in &generator.events {
        *scheduled
            .entry((event.time - generator.start) / 3600)
            .or_default() += 1;
    }
    for hour in 0..generator.length / 3600 {
        let existing = scheduled.get(&hour).copied().unwrap_or_default();
        let begins = generator.start + hour * 3600;
        for _ in existing..plan.events_per_hour as usize {
            let row = *generator.random.pick(&rows);
            let time = generator.random.seconds(begins, begins + 3599);
            generator.perform(row, time);
        }
    }
}

/// Repeats each row by its weight, so that a random row of the result has the wanted frequency.
fn by_weight(rows: &'static [Call]) -> Vec<&'static Call> {
    rows.iter()
        .flat_map(|row| std::iter::repeat_n(row, row.weight))
        .collect()
}
