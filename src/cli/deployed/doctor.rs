//! Collects the facts for `doctor`. `service::doctor` judges them. All calls only read.

use aws::bucket::S3Bucket;
use aws::dynamodb::sdk::SdkTable;
use aws::dynamodb::{DynamoStore, TableSettings};
use aws::lambda::Lambda;
use aws::logs::CloudWatchLogs;
use aws::resources;
use aws::schedules::Schedules;
use aws::secret::ManagedSecret;
use aws::session;
use aws::trails::Trails;
use aws::workspace::Workspace;
use aws_config::SdkConfig;
use serde_json::Value;
use service::config::deliver::{DeliverSettings, GuanceSettings};
use service::doctor::{Caller, DoctorFacts, Group, Probe, Schedule, Sink, Target, Trail};
use service::ports::{
    Bucket as _, DeployedFunction, LogGroups as _, LogQuery, Outbox as _, with_causes,
};
use service::status::{Fact, function, functions, setting};

use crate::aws_options::AwsArguments;
use crate::machine::{now, runtime};

/// How far back the logs of the functions are read for errors, in seconds.
const LOG_SECONDS: i64 = 1800;

/// The maximum number of pages of a log that are read.
const LOG_PAGES_MAX: usize = 20;

/// How far back the last inspection is looked for in its log, in seconds.
const INSPECTION_SECONDS: i64 = 3 * 3600;

/// The lines of the logs that decide: errors, and the successes after which an error is over.
const LOG_PATTERN: &str = "{ $.level = \"ERROR\" || $.message = \"committed\" || $.message = \"inspected\" || $.message = \"delivered\" }";

/// What a deployment does, as IAM names it.
const DEPLOYMENT: [&str; 14] = [
    "cloudformation:CreateChangeSet",
    "cloudformation:ExecuteChangeSet",
    "cloudwatch:PutDashboard",
    "cloudwatch:PutMetricAlarm",
    "dynamodb:CreateTable",
    "iam:CreateRole",
    "iam:PassRole",
    "iam:PutRolePolicy",
    "lambda:AddPermission",
    "lambda:CreateFunction",
    "logs:CreateLogGroup",
    "logs:PutSubscriptionFilter",
    "s3:CreateBucket",
    "scheduler:CreateSchedule",
];

/// Looks up all that the links of a stack, or of a log group before the first deployment, are judged by.
///
/// # Errors
/// Fails only if no runtime can be created. What cannot be looked up is an error among the facts.
pub fn facts(target: Target, options: &AwsArguments) -> anyhow::Result<DoctorFacts> {
    Ok(runtime()?.block_on(collect(target, options)))
}

async fn collect(target: Target, options: &AwsArguments) -> DoctorFacts {
    let config = match session::config(&options.chosen()).await {
        Ok(config) => config,
        Err(error) => return DoctorFacts::without_login(target, now(), error.to_string()),
    };
    let region = config.region().map(ToString::to_string).unwrap_or_default();
    let mut facts = DoctorFacts::without_login(target, now(), String::new());
    (facts.login, facts.region) = (Ok(()), region);
    let trails = Trails::new(&config);
    match trails.all().await {
        Ok((found, date)) => {
            let ahead = date.map(|aws| now().seconds_since(aws));
            facts.clock = ahead.ok_or_else(|| "the answer has no date".to_owned());
            facts.trails = found.map_err(|error| error.detail);
        }
        Err(error) => facts.clock = Err(error.detail),
    }
    facts.caller = resources::caller(&config).await.map_err(|of| of.detail);
    let names = match facts.target.clone() {
        Target::LogGroup(group) => vec![group],
        Target::Stack(stack) => {
            let found = functions(&Lambda::new(&config), &stack).await;
            let names = listed(found.as_deref().unwrap_or_default(), "LOG_GROUP_NAMES");
            facts.functions = found;
            names
        }
    };
    facts.groups = groups(&config, &names).await;
    if let Ok(found) = &mut facts.trails {
        for trail in found.iter_mut().filter(|trail| writes(trail, &names)) {
            trails.ask(trail).await;
        }
    }
    match facts.target.clone() {
        Target::Stack(stack) => of_stack(&config, &stack, &mut facts).await,
        Target::LogGroup(_) => {
            let caller = facts.caller.clone().unwrap_or_default();
            facts.deployment = deployment(&config, &caller).await;
        }
    }
    facts
}

/// Checks whether a trail writes to one of some log groups.
fn writes(trail: &Trail, groups: &[String]) -> bool {
    groups.iter().any(|group| trail.writes_to(group))
}

/// Returns a list in the settings of the inspect function, which has what the stack reads.
fn listed(functions: &[DeployedFunction], name: &str) -> Vec<String> {
    let list = setting(functions, "inspect", name).unwrap_or_default();
    let names = list.split(',').map(str::trim).filter(|of| !of.is_empty());
    names.map(str::to_owned).collect()
}

async fn groups(config: &SdkConfig, names: &[String]) -> Vec<Group> {
    let logs = CloudWatchLogs::new(config);
    let mut groups = Vec::new();
    for name in names {
        let newest = logs.newest(name).await;
        let filters = logs.filters(name).await;
        groups.push(Group {
            name: name.clone(),
            newest: newest.map_err(|error| error.to_string()),
            filters: filters.map_err(|error| error.to_string()),
        });
    }
    groups
}

async fn deployment(config: &SdkConfig, caller: &Caller) -> Option<Fact<Vec<(String, bool)>>> {
    // IAM cannot simulate for a root user, who may do all.
    if caller.arn.is_empty() || caller.arn.ends_with(":root") {
        return None;
    }
    let simulated = resources::simulate(config, caller, &DEPLOYMENT).await;
    Some(simulated.map_err(|error| error.detail))
}

/// Adds what only a deployed stack has.
async fn of_stack(config: &SdkConfig, stack: &str, facts: &mut DoctorFacts) {
    let found = facts.functions.clone().unwrap_or_default();
    let named = |name: &str| setting(&found, "ingest", name).unwrap_or_default();
    let lambda = Lambda::new(config);
    let ingest = format!("{stack}-ingest");
    facts.permission = lambda.policy(&ingest).await.map_err(|of| of.detail);
    facts.concurrency = lambda.concurrency(&ingest).await.map_err(|of| of.detail);
    let table = resources::table(config, named("TABLE_NAME")).await;
    facts.table = table.map_err(|of| of.detail);
    let bucket = S3Bucket::new(config, named("BUCKET_NAME"));
    facts.bucket = match bucket.list("inspection/", None, 1).await {
        Ok(_) => Ok(true),
        Err(error) if error.to_string().contains("NoSuchBucket") => Ok(false),
        Err(error) => Err(error.to_string()),
    };
    facts.schedules = schedules(config, stack, &found).await;
    facts.errors = errors(config, &found).await;
    facts.unanswered_keys = unanswered_keys(config, &found).await;
    let Some(deliver) = function(&found, "deliver") else {
        return;
    };
    match deliver_settings(deliver, &facts.region) {
        Err(why) => facts.sink_settings = Some(Err(why)),
        Ok(settings) => {
            facts.sink_settings = Some(Ok(()));
            facts.secret = secret(config, settings.guance.as_ref()).await;
            facts.sinks = sinks(config, &settings).await;
        }
    }
}

async fn schedules(
    config: &SdkConfig,
    stack: &str,
    functions: &[DeployedFunction],
) -> Vec<Schedule> {
    let lookup = Schedules::new(config);
    let mut schedules = Vec::new();
    for role in ["inspect", "deliver"] {
        if function(functions, role).is_none() {
            continue;
        }
        let group = format!("{stack}-{role}");
        let found = lookup.in_group(&group).await;
        schedules.push(Schedule {
            role: role.to_owned(),
            group,
            found: found.map_err(|error| error.detail),
        });
    }
    schedules
}

/// Looks in the log of each function for an error after which no invocation succeeded.
async fn errors(
    config: &SdkConfig,
    functions: &[DeployedFunction],
) -> Vec<(String, Fact<Option<String>>)> {
    let mut errors = Vec::new();
    for role in ["ingest", "inspect", "deliver"] {
        if let Some(found) = function(functions, role) {
            errors.push((role.to_owned(), last_error(config, &found.name).await));
        }
    }
    errors
}

async fn last_error(config: &SdkConfig, function: &str) -> Fact<Option<String>> {
    let lines = lines(config, function, LOG_PATTERN, LOG_SECONDS).await?;
    let mut newest_first = lines.iter().rev().filter_map(outcome);
    Ok(newest_first.next().flatten())
}

/// Returns the newest lines of a function's log that match a pattern, oldest first.
async fn lines(
    config: &SdkConfig,
    function: &str,
    pattern: &str,
    seconds: i64,
) -> Fact<Vec<Value>> {
    let logs = CloudWatchLogs::new(config);
    let query = LogQuery {
        group: format!("/aws/lambda/{function}"),
        pattern: pattern.to_owned(),
        from: now().plus(-seconds),
        until: now().plus(1),
        page_max: None,
    };
    let (mut found, mut token): (Vec<(i64, Value)>, Option<String>) = (Vec::new(), None);
    for _ in 0..LOG_PAGES_MAX {
        let page = logs.events(&query, token.as_deref()).await;
        let page = page.map_err(|error| error.to_string())?;
        let lines = page.events.iter();
        let lines = lines.map(|of| (of.timestamp, serde_json::from_str(&of.message)));
        found.extend(lines.filter_map(|(at, line)| Some((at, line.ok()?))));
        token = page.next;
        if token.is_none() {
            break;
        }
    }
    found.sort_by_key(|(at, _)| *at);
    Ok(found.into_iter().map(|(_, line)| line).collect())
}

/// Returns what a line of a function's log says about an invocation: its error, or `Some(None)` for a success. `None` for a line
/// that says neither.
fn outcome(line: &Value) -> Option<Option<String>> {
    let text = |name: &str| line[name].as_str().unwrap_or_default();
    if line["level"] == "ERROR" {
        let parts = [text("message"), text("error"), text("detail")];
        let parts: Vec<&str> = parts.into_iter().filter(|of| !of.is_empty()).collect();
        return Some(Some(parts.join(": ")));
    }
    matches!(text("message"), "committed" | "inspected" | "delivered").then_some(None)
}

/// Returns for how many access keys IAM gave no answer in the last inspection; `None` if there was no inspection lately.
///
/// The role in other accounts trusts the stack's roles alone, so it is not tried here: a refusal would be an error in the account.
async fn unanswered_keys(
    config: &SdkConfig,
    functions: &[DeployedFunction],
) -> Option<Fact<Option<u64>>> {
    let role = setting(functions, "inspect", "ACCOUNT_ROLE_NAME").unwrap_or_default();
    let inspect = function(functions, "inspect").filter(|_| !role.is_empty())?;
    let pattern = "{ $.message = \"inspected\" }";
    let lines = lines(config, &inspect.name, pattern, INSPECTION_SECONDS).await;
    Some(lines.map(|lines| {
        let mut newest_first = lines.iter().rev();
        let last = newest_first.find(|of| of["message"] == "inspected");
        last.map(|line| line["keys_unanswered"].as_u64().unwrap_or_default())
    }))
}

/// Parses the settings of the deliver function as the function does.
fn deliver_settings(deliver: &DeployedFunction, region: &str) -> Result<DeliverSettings, String> {
    let mut settings = deliver.settings.clone();
    // Lambda adds it.
    settings.insert("AWS_REGION".to_owned(), region.to_owned());
    DeliverSettings::parse(settings).map_err(|problems| problems.to_string())
}

async fn secret(config: &SdkConfig, guance: Option<&GuanceSettings>) -> Option<Fact<Probe>> {
    let guance = guance?;
    let arn = guance.secret_arn.as_deref()?;
    let checked = ManagedSecret::new(config, arn).check(guance.route).await;
    Some(checked.map_err(|error| error.detail))
}

async fn sinks(config: &SdkConfig, settings: &DeliverSettings) -> Vec<Sink> {
    let table = SdkTable::new(config, &settings.table_name);
    let store = DynamoStore::new(table, TableSettings::default(), now());
    let mut sinks = Vec::new();
    if let Some(guance) = &settings.guance {
        let answer = Workspace::of(guance, config).probe().await;
        let place = guance.endpoint.to_string();
        sinks.push(("guance", place, guance.allowed.private, answer));
    }
    if let Some(arn) = &settings.topic_arn {
        let answer = resources::topic(config, arn).await;
        let answer = answer.map_err(|error| error.detail);
        sinks.push(("sns", arn.clone(), false, answer));
    }
    if let Some(name) = &settings.event_bus_name {
        let answer = resources::bus(config, name).await;
        let answer = answer.map_err(|error| error.detail);
        sinks.push(("eventbridge", name.clone(), false, answer));
    }
    let mut found = Vec::new();
    for (name, place, is_private, answer) in sinks {
        let trouble = store.breaker(name).await;
        let trouble = trouble.map(|breaker| match breaker.is_misconfigured {
            true => breaker.why,
            false => String::new(),
        });
        found.push(Sink {
            name: name.to_owned(),
            place,
            is_private,
            answer,
            trouble: trouble.map_err(|error| with_causes(error.to_string(), &error)),
        });
    }
    found
}
