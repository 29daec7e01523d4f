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
use service::config::lists::{Lists, SETTINGS_KEY};
use service::doctor::{
    Caller, DoctorFacts, Group, Probe, Schedule, Sink, Target, Trail, WorkspaceSecret,
};
use service::ports::{Bucket as _, DeployedFunction, Outbox as _, with_causes};
use service::settings_loader::SettingsLoader;
use service::status::{Fact, function, functions, setting};

use crate::aws_options::AwsArguments;
use crate::deployed::function::saved_in;
use crate::deployed::function_log::log_of;
use crate::machine::{now, runtime};

/// How far back the logs of the functions are read for errors, in seconds.
const LOG_SECONDS: i64 = 1800;

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

/// Looks up all that the links of a stack, or of a log group before the first deployment, are judged by. `given` is the settings file
/// in place of that of the stack.
///
/// # Errors
/// Fails only if no runtime can be created. What cannot be looked up is an error among the facts.
pub fn facts(
    target: Target,
    given: Option<Lists>,
    options: &AwsArguments,
) -> anyhow::Result<DoctorFacts> {
    Ok(runtime()?.block_on(collect(target, given, options)))
}

async fn collect(target: Target, given: Option<Lists>, options: &AwsArguments) -> DoctorFacts {
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
        Target::Stack(stack) => of_stack(&config, &stack, given, &mut facts).await,
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
async fn of_stack(config: &SdkConfig, stack: &str, given: Option<Lists>, facts: &mut DoctorFacts) {
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
            let lists = match given {
                Some(given) => Ok(given),
                None => lists(config, &settings.table_name, &bucket).await,
            };
            let unread = lists.as_ref().err().cloned();
            let settings = settings.with(&lists.unwrap_or_default());
            facts.secrets = secrets(config, &settings).await;
            facts.sinks = sinks(config, &settings).await;
            facts.sinks.extend(unread.map(|why| Sink {
                name: "the further workspaces".to_owned(),
                place: SETTINGS_KEY.to_owned(),
                is_private: false,
                answer: Err(why),
                trouble: Ok(String::new()),
            }));
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
    let hours = (now().plus(-seconds), now().plus(1));
    let found = log_of(&logs, function, pattern, hours).await;
    let mut found = found.map_err(|error| error.to_string())?;
    found.sort_by_key(|line| line.timestamp);
    let lines = found.iter().map(|line| serde_json::from_str(&line.message));
    Ok(lines.filter_map(Result::ok).collect())
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

/// Reads the settings file of the stack. Only the functions and one role may read it. To others it counts as empty if the last
/// inspection left no further workspace or topic in the table.
async fn lists(config: &SdkConfig, table: &str, bucket: &S3Bucket) -> Fact<Lists> {
    let read = SettingsLoader::default().read(now(), bucket).await;
    let problem = match read {
        Ok(read) => return Ok(read.value.unwrap_or_default()),
        Err(problem) => problem,
    };
    let saved = saved_in(config, table).await;
    let saved = saved.and_then(|setup| Ok(setup.parse(table)?));
    match saved {
        Ok(saved) if saved.ingest.further_sinks.is_empty() => Ok(Lists::default()),
        _ => Err(format!("{problem}; give the file with --settings")),
    }
}

/// Returns the workspaces of Guance that can be used, by the names of their sinks.
fn workspaces(settings: &DeliverSettings) -> impl Iterator<Item = (&str, &GuanceSettings)> {
    let first = settings.guance.iter().map(|guance| ("guance", guance));
    let further = settings.workspaces.iter();
    first.chain(further.map(|(sink, guance)| (sink.as_str(), guance)))
}

async fn secrets(config: &SdkConfig, settings: &DeliverSettings) -> Vec<WorkspaceSecret> {
    let mut secrets = Vec::new();
    for (sink, guance) in workspaces(settings) {
        if let Some(arn) = &guance.secret_arn {
            let answer = ManagedSecret::new(config, arn).check(guance.route).await;
            secrets.push(WorkspaceSecret {
                sink: sink.to_owned(),
                arn: arn.clone(),
                answer: answer.map_err(|error| error.detail),
            });
        }
    }
    secrets
}

async fn sinks(config: &SdkConfig, settings: &DeliverSettings) -> Vec<Sink> {
    let table = SdkTable::new(config, &settings.table_name);
    let store = DynamoStore::new(table, TableSettings::default(), now());
    let mut sinks = Vec::new();
    for (sink, guance) in workspaces(settings) {
        let answer = Workspace::of(guance, config).probe().await;
        let place = guance.endpoint.to_string();
        sinks.push((sink, place, guance.allowed.private, answer));
    }
    for (sink, wrong) in &settings.wrong_sinks {
        let answer = Ok(Probe::Wrong(wrong.clone()));
        sinks.push((sink, SETTINGS_KEY.to_owned(), false, answer));
    }
    let first = settings.topic_arn.iter().map(|arn| ("sns", arn));
    let further = settings.topics.iter();
    for (sink, arn) in first.chain(further.map(|(sink, arn)| (sink.as_str(), arn))) {
        let answer = resources::topic(config, arn).await;
        let answer = answer.map_err(|error| error.detail);
        sinks.push((sink, arn.clone(), false, answer));
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
