//! The links in the order of the data, and how each is judged.

use clusters::report::FURTHER_TOPIC;
use serde_json::Value;

use super::{
    DoctorFacts, Filter, Group, LinkState, Probe, RecordedEvents, Schedule, Sink, Target, Trail,
    Verdict, WorkspaceSecret,
};
use crate::ports::DeployedFunction;
use crate::status::{Fact, function, setting};

/// How many seconds a clock may be wrong. AWS refuses requests beyond five minutes.
const CLOCK_SECONDS_MAX: i64 = 240;

/// From which age on the newest record of a log group is too old, in seconds. CloudWatch Logs reports it up to an hour late.
const NEWEST_SECONDS_MAX: i64 = 3 * 3600;

/// How many subscription filters a log group can have. Source: CloudWatch Logs User Guide, quotas.
const FILTERS_MAX: usize = 2;

/// How a link is judged; `None` if the target does not have this link.
type Judge = fn(&DoctorFacts) -> Option<Verdict>;

/// The links of a stack.
const OF_STACK: [(&str, &str, Judge); 20] = [
    ("login", "AWS credentials", login),
    ("clock", "Local clock", clock),
    ("caller", "Your identity", caller),
    ("stack", "Stack", stack),
    ("trail", "Trail", trail),
    ("logging", "Trail is on", logging),
    ("regions", "Trail regions", regions),
    ("events", "Trail events", events),
    ("group", "Log groups", group),
    ("records", "New records", records),
    ("filter", "Subscription filters", filter),
    ("permission", "Invoke permission", permission),
    ("functions", "Functions", functions),
    ("concurrency", "Concurrency", concurrency),
    ("table", "Table", table),
    ("bucket", "Bucket", bucket),
    ("schedules", "Schedules", schedules),
    ("secret", "Secret", secret),
    ("sinks", "Sinks", sinks),
    ("roles", "Roles in other accounts", roles),
];

/// The last link of a stack: an error that no other link explains.
const ERRORS: (&str, &str, Judge) = ("errors", "Errors in the logs", errors);

/// The links before the first deployment.
const OF_LOG_GROUP: [(&str, &str, Judge); 10] = [
    ("login", "AWS credentials", login),
    ("clock", "Local clock", clock),
    ("caller", "Your identity", caller),
    ("trail", "Trail", trail),
    ("logging", "Trail is on", logging),
    ("regions", "Trail regions", regions),
    ("events", "Trail events", events),
    ("group", "Log group", group),
    ("records", "New records", records),
    ("room", "Free filter slot", room),
];

/// The last link before the first deployment.
const DEPLOYMENT: (&str, &str, Judge) = ("deployment", "Deploy permissions", deployment);

/// Returns the links of a target, in the order of the data.
pub fn of(target: &Target) -> Vec<(&'static str, &'static str, Judge)> {
    match target {
        Target::Stack(_) => OF_STACK.into_iter().chain([ERRORS]).collect(),
        Target::LogGroup(_) => OF_LOG_GROUP.into_iter().chain([DEPLOYMENT]).collect(),
    }
}

/// Returns a known fact, or the verdict that it could not be read. `right` is the permission that reading needs.
fn known<'f, T>(fact: &'f Fact<T>, right: &str) -> Result<&'f T, Verdict> {
    fact.as_ref().map_err(|why| {
        let command = format!("allow your identity {right}: docs/operate.md");
        Verdict::unknown(why, command)
    })
}

/// Makes a judgement of one that may end early.
fn judged(judge: impl FnOnce() -> Result<Verdict, Verdict>) -> Option<Verdict> {
    Some(judge().unwrap_or_else(|verdict| verdict))
}

impl DoctorFacts {
    fn stack(&self) -> &str {
        match &self.target {
            Target::Stack(name) => name,
            Target::LogGroup(_) => "NAME",
        }
    }

    fn setting(&self, role: &str, name: &str) -> &str {
        let functions = self.functions.as_deref().unwrap_or_default();
        setting(functions, role, name).unwrap_or_default()
    }

    /// Returns the trails that write to one of the groups.
    fn writing(&self) -> Result<Vec<&Trail>, Verdict> {
        let rights = "cloudtrail:DescribeTrails, GetTrailStatus and GetEventSelectors";
        let trails = known(&self.trails, rights)?;
        let writes = |trail: &&Trail| self.groups.iter().any(|group| trail.writes_to(&group.name));
        Ok(trails.iter().filter(writes).collect())
    }

    /// Checks whether each group has records that are new enough.
    fn has_records(&self) -> bool {
        let is_fed = |group: &Group| matches!(&group.newest, Ok(Some(Some(at))) if self.now.seconds_since(*at) <= NEWEST_SECONDS_MAX);
        !self.groups.is_empty() && self.groups.iter().all(is_fed)
    }
}

fn login(facts: &DoctorFacts) -> Option<Verdict> {
    Some(match &facts.login {
        Ok(()) => Verdict::ok(format!("region {}", facts.region)),
        Err(why) => Verdict::broken(why, "aws sso login, or aws configure"),
    })
}

fn clock(facts: &DoctorFacts) -> Option<Verdict> {
    Some(match &facts.clock {
        Ok(ahead) if ahead.abs() <= CLOCK_SECONDS_MAX => {
            Verdict::ok(format!("{} s from the clock of AWS", ahead.abs()))
        }
        Ok(ahead) => {
            let side = if *ahead > 0 { "ahead of" } else { "behind" };
            let finding = format!("{} s {side} the clock of AWS", ahead.abs());
            Verdict::broken(finding, "sudo timedatectl set-ntp true")
        }
        Err(why) => Verdict::broken(
            format!("AWS does not answer: {why}"),
            "check the network and the name of the region (--region)",
        ),
    })
}

fn caller(facts: &DoctorFacts) -> Option<Verdict> {
    Some(match &facts.caller {
        Ok(caller) => Verdict::ok(&caller.arn),
        Err(why) => Verdict::broken(
            format!("AWS refuses the credentials: {why}"),
            "aws sts get-caller-identity",
        ),
    })
}

fn stack(facts: &DoctorFacts) -> Option<Verdict> {
    judged(|| {
        let functions = known(&facts.functions, "lambda:GetFunctionConfiguration")?;
        let stack = facts.stack();
        let names: Vec<&str> = functions.iter().map(|of| of.name.as_str()).collect();
        let missing = |role: &&str| function(functions, role).is_none();
        let sends = !facts.setting("ingest", "SINKS").is_empty();
        let needed = ["ingest", "inspect"]
            .into_iter()
            .chain(sends.then_some("deliver"));
        let missing: Vec<String> = needed
            .filter(missing)
            .map(|role| format!("{stack}-{role}"))
            .collect();
        Ok(match (names.is_empty(), missing.is_empty()) {
            (_, true) => Verdict::ok(names.join(", ")),
            (true, false) => Verdict::broken(
                format!("no stack {stack} in {}", facts.region),
                format!(
                    "give the right --region or --profile, or deploy it: sam build && sam deploy --guided --stack-name {stack}"
                ),
            ),
            (false, false) => Verdict::broken(
                format!("{} does not exist", missing.join(", ")),
                "sam build && sam deploy",
            ),
        })
    })
}

fn trail(facts: &DoctorFacts) -> Option<Verdict> {
    judged(|| {
        let writing = facts.writing()?;
        if facts.groups.is_empty() {
            return Ok(Verdict::broken(
                "the stack reads no log group: Enabled is false, or LogGroupNames is empty",
                "sam deploy --guided, with Enabled true and LogGroupNames",
            ));
        }
        let is_fed = |group: &&Group| writing.iter().any(|trail| trail.writes_to(&group.name));
        let unfed: Vec<&str> = facts
            .groups
            .iter()
            .filter(|group| !is_fed(group))
            .map(|group| group.name.as_str())
            .collect();
        let names: Vec<&str> = writing.iter().map(|of| of.name.as_str()).collect();
        Ok(match unfed.first() {
            None => Verdict::ok(names.join(", ")),
            // The trail of another account of the organization is not in the list of this account.
            Some(group) if facts.has_records() => Verdict::limited(
                format!("no trail of this account writes to {group}, but records arrive"),
                "aws cloudtrail describe-trails",
            ),
            Some(group) => Verdict::broken(
                format!("no trail writes to the log group {group}"),
                connect(facts, group),
            ),
        })
    })
}

/// Returns the command that makes a trail write to a group.
fn connect(facts: &DoctorFacts, group: &str) -> String {
    let trails = facts.trails.as_deref().unwrap_or_default();
    let account = facts.caller.as_ref().map(|of| of.account_id.as_str());
    let account = account.unwrap_or("ACCOUNT");
    let partition = records::partition::of_region(&facts.region);
    let region = &facts.region;
    let group = format!("arn:{partition}:logs:{region}:{account}:log-group:{group}:*");
    match trails
        .iter()
        .find(|trail| trail.log_group_arn.is_empty())
        .or(trails.first())
    {
        Some(Trail { name, home, .. }) => format!(
            "aws cloudtrail update-trail --name {name} --region {home} --cloud-watch-logs-log-group-arn '{group}' \
             --cloud-watch-logs-role-arn ROLE"
        ),
        None => format!(
            "aws cloudtrail create-trail --name trail --s3-bucket-name BUCKET --is-multi-region-trail \
             --cloud-watch-logs-log-group-arn '{group}' --cloud-watch-logs-role-arn ROLE"
        ),
    }
}

/// Judges each trail that writes to a group, and returns the worst verdict: the first one that is not as it should be.
fn of_each_trail(
    facts: &DoctorFacts,
    judge: impl Fn(&Trail) -> Result<Verdict, Verdict>,
) -> Option<Verdict> {
    judged(|| {
        let writing = facts.writing()?;
        let mut fine = Verdict::not_checked("no trail of this account writes to the log groups");
        for trail in writing {
            let verdict = judge(trail)?;
            if verdict.state != LinkState::Ok {
                return Ok(verdict);
            }
            fine = verdict;
        }
        Ok(fine)
    })
}

fn logging(facts: &DoctorFacts) -> Option<Verdict> {
    of_each_trail(facts, |trail| {
        let status = known(&trail.status, "cloudtrail:GetTrailStatus")?;
        let Trail { name, home, .. } = trail;
        Ok(
            match (status.is_logging, status.delivery_error.is_empty()) {
                (true, true) => Verdict::ok("on"),
                (false, _) => Verdict::broken(
                    format!("the trail {name} is off"),
                    format!("aws cloudtrail start-logging --name {name} --region {home}"),
                ),
                (true, false) => Verdict::broken(
                    format!(
                        "the trail {name} cannot write to its log group: {}",
                        status.delivery_error
                    ),
                    format!(
                        "aws cloudtrail describe-trails --trail-name-list {name} --region {home}, then correct the role CloudWatchLogsRoleArn"
                    ),
                ),
            },
        )
    })
}

fn regions(facts: &DoctorFacts) -> Option<Verdict> {
    of_each_trail(facts, |trail| {
        let Trail { name, home, .. } = trail;
        let update = |option: &str| {
            format!("aws cloudtrail update-trail --name {name} --region {home} {option}")
        };
        let organization = match trail.is_of_organization {
            true => "all accounts of the organization",
            false => "only this account",
        };
        Ok(match (trail.is_multi_region, trail.has_global_events) {
            (true, true) => Verdict::ok(format!("all regions, global services, {organization}")),
            (false, _) => Verdict::limited(
                format!("the trail {name} records only the region {home}"),
                update("--is-multi-region-trail --include-global-service-events"),
            ),
            (true, false) => Verdict::limited(
                format!("the trail {name} leaves out global services: IAM, STS and sign-ins"),
                update("--include-global-service-events"),
            ),
        })
    })
}

fn events(facts: &DoctorFacts) -> Option<Verdict> {
    of_each_trail(facts, |trail| {
        let RecordedEvents {
            reads,
            writes,
            left_out,
        } = known(&trail.events, "cloudtrail:GetEventSelectors")?;
        let Trail { name, home, .. } = trail;
        let command = format!(
            "aws cloudtrail put-event-selectors --trail-name {name} --region {home} --event-selectors \
             '[{{\"ReadWriteType\":\"All\",\"IncludeManagementEvents\":true}}]' (this replaces its other selectors)"
        );
        Ok(match (reads, writes) {
            (true, true) if left_out.is_empty() => Verdict::ok("management events, read and write"),
            (true, true) => Verdict::limited(
                format!("the trail {name} leaves out {}", left_out.join(", ")),
                command,
            ),
            (false, false) => Verdict::broken(
                format!("the trail {name} records no management events"),
                command,
            ),
            (false, true) => Verdict::limited(
                format!(
                    "the trail {name} leaves out read events: refused Get, List and Describe calls are not seen"
                ),
                command,
            ),
            (true, false) => {
                Verdict::limited(format!("the trail {name} leaves out write events"), command)
            }
        })
    })
}

/// Judges each group, and returns the first verdict that is not as it should be; else the last one.
fn of_each_group(
    facts: &DoctorFacts,
    judge: impl Fn(&Group) -> Result<Verdict, Verdict>,
) -> Option<Verdict> {
    judged(|| {
        let mut fine = Verdict::not_checked("the stack reads no log group");
        for group in &facts.groups {
            let verdict = judge(group)?;
            if verdict.state != LinkState::Ok {
                return Ok(verdict);
            }
            fine = verdict;
        }
        Ok(fine)
    })
}

fn group(facts: &DoctorFacts) -> Option<Verdict> {
    of_each_group(facts, |group| {
        let name = &group.name;
        let newest = known(&group.newest, "logs:DescribeLogStreams")?;
        Ok(match newest {
            Some(_) => Verdict::ok(format!("{} found", counted(facts.groups.len(), "group"))),
            None => Verdict::broken(
                format!("there is no log group {name} in {}", facts.region),
                format!(
                    "aws logs create-log-group --log-group-name {name} --region {}, or take the name from: aws cloudtrail describe-trails --query 'trailList[].CloudWatchLogsLogGroupArn'",
                    facts.region
                ),
            ),
        })
    })
}

fn records(facts: &DoctorFacts) -> Option<Verdict> {
    of_each_group(facts, |group| {
        let name = &group.name;
        let newest = known(&group.newest, "logs:DescribeLogStreams")?.flatten();
        let look = format!("aws logs tail {name} --since 1h");
        let Some(newest) = newest else {
            let finding = format!(
                "the log group {name} has no record; a new trail needs up to 15 minutes for the first"
            );
            return Ok(Verdict::broken(finding, look));
        };
        let age = facts.now.seconds_since(newest).max(0);
        Ok(match age <= NEWEST_SECONDS_MAX {
            true => Verdict::ok(format!("the newest was logged at {newest}")),
            false => Verdict::broken(
                format!(
                    "the newest record of {name} was logged at {newest}, {} hours ago",
                    age / 3600
                ),
                look,
            ),
        })
    })
}

fn filter(facts: &DoctorFacts) -> Option<Verdict> {
    let name = &format!("{}-ingest", facts.stack());
    let pattern = facts.setting("inspect", "FILTER_PATTERN");
    let ends = format!(":{}-ingest", facts.stack());
    of_each_group(facts, |group| {
        let filters = known(&group.filters, "logs:DescribeSubscriptionFilters")?;
        let deploy = "sam deploy --guided (CloudFormation restores the filter only if a parameter changes: set Enabled to false, then to true)";
        let Some(ours) = filters.iter().find(|of| &of.name == name) else {
            return Ok(match filters.len() < FILTERS_MAX {
                true => Verdict::broken(
                    format!("the log group {} has no filter {name}", group.name),
                    restore(facts, group, name, pattern),
                ),
                false => Verdict::broken(
                    format!(
                        "the log group {} has no filter {name}, and no room for it: {}",
                        group.name,
                        names(filters)
                    ),
                    format!(
                        "aws logs delete-subscription-filter --log-group-name {} --filter-name NAME, for one that is not needed; then {deploy}",
                        group.name
                    ),
                ),
            });
        };
        Ok(if !ours.destination.ends_with(&ends) {
            Verdict::broken(
                format!(
                    "the filter {name} of {} sends to {}",
                    group.name, ours.destination
                ),
                restore(facts, group, name, pattern),
            )
        } else if ours.pattern != pattern {
            Verdict::broken(
                format!(
                    "the filter {name} of {} has another pattern than the stack",
                    group.name
                ),
                restore(facts, group, name, pattern),
            )
        } else {
            let found = counted(facts.groups.len(), "group");
            Verdict::ok(format!("{name} with the pattern of the stack, in {found}"))
        })
    })
}

/// Returns the command that puts our filter. The pattern is read from the function, because it is long and full of quotes.
fn restore(facts: &DoctorFacts, group: &Group, name: &str, pattern: &str) -> String {
    let functions = facts.functions.as_deref().unwrap_or_default();
    let stack = facts.stack();
    let caller = facts.caller.as_ref().ok();
    let account = caller.map_or("ACCOUNT", |of| of.account_id.as_str());
    let partition = records::partition::of_region(&facts.region);
    let region = &facts.region;
    let ingest = function(functions, "ingest").map_or("ingest", |of| of.name.as_str());
    let arn = format!("arn:{partition}:lambda:{region}:{account}:function:{ingest}");
    let pattern = match pattern.is_empty() {
        true => "''".to_owned(),
        false => format!(
            "\"$(aws lambda get-function-configuration --function-name {stack}-inspect --region {region} --query \
             Environment.Variables.FILTER_PATTERN --output text)\""
        ),
    };
    format!(
        "aws logs put-subscription-filter --log-group-name {} --filter-name {name} --destination-arn {arn} --region {region} \
         --filter-pattern {pattern}",
        group.name
    )
}

fn names(filters: &[Filter]) -> String {
    let names: Vec<&str> = filters.iter().map(|of| of.name.as_str()).collect();
    names.join(", ")
}

fn room(facts: &DoctorFacts) -> Option<Verdict> {
    of_each_group(facts, |group| {
        let filters = known(&group.filters, "logs:DescribeSubscriptionFilters")?;
        Ok(match filters.len() < FILTERS_MAX {
            true => Verdict::ok(format!("{} of {FILTERS_MAX} filters", filters.len())),
            false => Verdict::broken(
                format!(
                    "{} has {FILTERS_MAX} filters already: {}",
                    group.name,
                    names(filters)
                ),
                format!(
                    "aws logs delete-subscription-filter --log-group-name {} --filter-name NAME, for one that is not needed",
                    group.name
                ),
            ),
        })
    })
}

fn permission(facts: &DoctorFacts) -> Option<Verdict> {
    judged(|| {
        let policy = known(&facts.permission, "lambda:GetPolicy")?;
        let policy = policy.as_deref().unwrap_or("{}");
        let policy: Value = serde_json::from_str(policy).unwrap_or_default();
        let statements = policy["Statement"].as_array();
        let permits = statements.into_iter().flatten().any(|of| {
            let service = of["Principal"]["Service"].as_str().unwrap_or_default();
            let action = of["Action"].as_str().unwrap_or_default();
            let is_call = matches!(action, "lambda:InvokeFunction" | "lambda:*");
            of["Effect"] == "Allow" && service.starts_with("logs.") && is_call
        });
        let (stack, region) = (facts.stack(), &facts.region);
        let account = facts.caller.as_ref().map(|of| of.account_id.as_str());
        let account = account.unwrap_or("ACCOUNT");
        Ok(match permits {
            true => Verdict::ok("CloudWatch Logs may call the function"),
            false => Verdict::broken(
                format!("CloudWatch Logs may not call {stack}-ingest"),
                format!(
                    "aws lambda add-permission --function-name {stack}-ingest --region {region} --statement-id logs --action lambda:InvokeFunction --principal logs.{region}.amazonaws.com --source-account {account}"
                ),
            ),
        })
    })
}

fn functions(facts: &DoctorFacts) -> Option<Verdict> {
    judged(|| {
        let functions = known(&facts.functions, "lambda:GetFunctionConfiguration")?;
        let broken = |of: &&DeployedFunction| crate::status::is_broken(of);
        Ok(match functions.iter().find(broken) {
            None => Verdict::ok("active, last updates successful"),
            Some(of) => Verdict::broken(
                format!(
                    "{} is {}, its last update {}: {}",
                    of.name, of.state, of.last_update, of.reason
                ),
                "sam build && sam deploy",
            ),
        })
    })
}

fn concurrency(facts: &DoctorFacts) -> Option<Verdict> {
    judged(|| {
        let rights = "lambda:GetFunctionConcurrency and GetAccountSettings";
        let (reserved, left) = known(&facts.concurrency, rights)?;
        let stack = facts.stack();
        Ok(match (reserved, left) {
            (Some(0), _) => Verdict::broken(
                format!("{stack}-ingest may not run: 0 concurrent executions are reserved for it"),
                format!(
                    "aws lambda delete-function-concurrency --function-name {stack}-ingest --region {}",
                    facts.region
                ),
            ),
            (None, ..=0) => Verdict::broken(
                "the account has no concurrent executions left that are not reserved",
                "aws lambda get-account-settings, then ask for a larger quota or reserve less",
            ),
            (Some(reserved), _) => Verdict::ok(format!("{reserved} reserved")),
            (None, left) => Verdict::ok(format!("{left} not reserved in the account")),
        })
    })
}

fn table(facts: &DoctorFacts) -> Option<Verdict> {
    judged(|| {
        let name = facts.setting("ingest", "TABLE_NAME");
        let found = known(&facts.table, "dynamodb:DescribeTable")?;
        let Some(table) = found else {
            return Ok(Verdict::broken(
                format!("the table {name} does not exist"),
                format!(
                    "aws dynamodb restore-table-to-point-in-time --source-table-name {name} --target-table-name {name} --use-latest-restorable-time, or deploy under another stack name"
                ),
            ));
        };
        if !matches!(table.status.as_str(), "ACTIVE" | "UPDATING") {
            let finding = format!("the table {name} is {}", table.status);
            let look = format!("aws dynamodb describe-table --table-name {name}");
            return Ok(Verdict::broken(finding, look));
        }
        let expires = *known(&table.expires, "dynamodb:DescribeTimeToLive")?;
        let restores = *known(&table.restores, "dynamodb:DescribeContinuousBackups")?;
        Ok(match (expires, restores) {
            (true, true) => Verdict::ok("active, expiry on, restorable"),
            (false, _) => Verdict::limited(
                format!("expired items of {name} are not deleted"),
                format!(
                    "aws dynamodb update-time-to-live --table-name {name} --time-to-live-specification Enabled=true,AttributeName=ttl"
                ),
            ),
            (true, false) => Verdict::limited(
                format!("{name} cannot be restored to a point in time"),
                format!(
                    "aws dynamodb update-continuous-backups --table-name {name} --point-in-time-recovery-specification PointInTimeRecoveryEnabled=true"
                ),
            ),
        })
    })
}

fn bucket(facts: &DoctorFacts) -> Option<Verdict> {
    judged(|| {
        let name = facts.setting("ingest", "BUCKET_NAME");
        let exists = *known(&facts.bucket, "s3:ListBucket")?;
        Ok(match exists {
            true => Verdict::ok("exists"),
            false => Verdict::broken(
                format!("the bucket {name} does not exist"),
                format!(
                    "aws s3 mb s3://{name} --region {}, then config set and the rules file again",
                    facts.region
                ),
            ),
        })
    })
}

fn schedules(facts: &DoctorFacts) -> Option<Verdict> {
    judged(|| {
        if facts.schedules.is_empty() {
            return Ok(Verdict::not_checked("no function of the stack is known"));
        }
        for schedule in &facts.schedules {
            let found = known(&schedule.found, "scheduler:ListSchedules")?;
            let group = &schedule.group;
            match found {
                Some((_, true)) => {}
                Some((_, false)) if is_off(facts, schedule) => {}
                Some((name, false)) => {
                    let finding = format!("the schedule {name} of {} is off", schedule.role);
                    return Ok(Verdict::broken(finding, enable(facts, group, name)));
                }
                None => {
                    let finding = format!(
                        "there is no schedule in the group {group}, so {} is not called",
                        schedule.role
                    );
                    let deploy =
                        "sam build && sam deploy; if it changes nothing, change InspectionSchedule";
                    return Ok(Verdict::broken(finding, deploy));
                }
            }
        }
        if facts.schedules.iter().any(|of| is_off(facts, of)) {
            let finding = "the schedule of inspect is switched off by InspectionSchedule=off";
            let deploy = "sam deploy --guided, with InspectionSchedule cron(0 * * * ? *)";
            return Ok(Verdict::limited(finding, deploy));
        }
        let roles: Vec<&str> = facts.schedules.iter().map(|of| of.role.as_str()).collect();
        Ok(Verdict::ok(format!("on, for {}", roles.join(" and "))))
    })
}

/// Checks whether a schedule is off because a parameter of the stack switched it off.
fn is_off(facts: &DoctorFacts, of: &Schedule) -> bool {
    let is_by_parameter = facts.setting("inspect", "INSPECTION_ALARM_HOURS") == "0";
    of.role == "inspect" && is_by_parameter && matches!(of.found, Ok(Some((_, false))))
}

/// Returns the command that turns a schedule on. An update replaces the whole schedule, so it is read first.
fn enable(facts: &DoctorFacts, group: &str, name: &str) -> String {
    format!(
        "aws scheduler get-schedule --group-name {group} --name {name} --region {region} | jq 'del(.Arn, .CreationDate, \
         .LastModificationDate) | .State = \"ENABLED\"' > schedule.json && aws scheduler update-schedule --region {region} \
         --cli-input-json file://schedule.json",
        region = facts.region
    )
}

fn secret(facts: &DoctorFacts) -> Option<Verdict> {
    if facts.secrets.is_empty() {
        return None;
    }
    judged(|| {
        for WorkspaceSecret { sink, arn, answer } in &facts.secrets {
            let right = format!("secretsmanager:GetSecretValue for the secret of {sink}");
            if let Probe::Wrong(why) = known(answer, &right)? {
                return Ok(Verdict::broken(
                    format!("{sink}: {arn}: {why}"),
                    format!(
                        "aws secretsmanager put-secret-value --secret-id {arn} --region {} --secret-string file://token.txt (restore-secret first, if it was deleted)",
                        facts.region
                    ),
                ));
            }
        }
        Ok(match facts.secrets.len() {
            1 => Verdict::ok("exists, and has what the route needs"),
            count => Verdict::ok(format!("{count} exist, and have what their routes need")),
        })
    })
}

fn sinks(facts: &DoctorFacts) -> Option<Verdict> {
    if let Some(Err(why)) = &facts.sink_settings {
        let finding = format!("settings of the deliver function are wrong: {why}");
        return Some(Verdict::broken(finding, "sam deploy --guided"));
    }
    if facts.sinks.is_empty() {
        let finding = "the stack sends no alerts: it has no sink, or Notify is false";
        let command = "sam deploy --guided, with Topic, EventBusName or GuanceRoute";
        return Some(Verdict::limited(finding, command));
    }
    judged(|| {
        let mut answers = Vec::new();
        for sink in &facts.sinks {
            let Sink { name, place, .. } = sink;
            match (&sink.answer, &sink.trouble) {
                (Ok(Probe::Wrong(why)), _) => {
                    let finding = format!("{name} at {place}: {why}");
                    return Ok(Verdict::broken(finding, repair(sink)));
                }
                (_, Ok(trouble)) if !trouble.is_empty() => {
                    let finding = format!("{name} refuses alerts: {trouble}");
                    return Ok(Verdict::broken(finding, repair(sink)));
                }
                (Ok(Probe::Fine(millis)), Ok(_)) => answers.push(format!("{name} in {millis} ms")),
                (Err(_), Ok(_)) if sink.is_private => {
                    answers.push(format!(
                        "{name} is in a private network; the function reaches it"
                    ));
                }
                (Err(why), _) | (_, Err(why)) => {
                    return Err(Verdict::unknown(
                        &format!("{name} at {place}: {why}"),
                        repair(sink),
                    ));
                }
            }
        }
        Ok(Verdict::ok(answers.join(", ")))
    })
}

fn repair(sink: &Sink) -> String {
    let place = &sink.place;
    match sink.name.as_str() {
        "sns" => format!("aws sns get-topic-attributes --topic-arn {place}, then sam deploy --guided with Topic"),
        "eventbridge" => format!("aws events describe-event-bus --name {place}, then sam deploy --guided with EventBusName"),
        "guance" => "sam deploy --guided with GuanceSite or GuanceUrl; a wrong token is corrected in its secret".to_owned(),
        name if name.starts_with(FURTHER_TOPIC) => {
            format!("aws sns get-topic-attributes --topic-arn {place}, then cloudtrail-inspector config set with the topic corrected: docs/config.md")
        }
        _ => "cloudtrail-inspector config set, with the workspace corrected: docs/config.md; a wrong token is corrected in its secret"
            .to_owned(),
    }
}

fn roles(facts: &DoctorFacts) -> Option<Verdict> {
    let role = facts.setting("inspect", "ACCOUNT_ROLE_NAME");
    let unanswered = facts.unanswered_keys.as_ref()?;
    judged(|| {
        let unanswered = known(
            unanswered,
            "logs:FilterLogEvents for the logs of the functions",
        )?;
        Ok(match unanswered {
            None => Verdict::not_checked("no inspection in the last 3 hours asked IAM"),
            Some(0) => Verdict::ok(format!("IAM answered the last inspection, by {role}")),
            Some(keys) => Verdict::limited(
                format!(
                    "IAM gave the last inspection no answer about {}: an account may lack the role {role}",
                    counted(*keys as usize, "key")
                ),
                "deploy infra/member-role.yaml into the accounts again: docs/notifications.md",
            ),
        })
    })
}

fn errors(facts: &DoctorFacts) -> Option<Verdict> {
    judged(|| {
        for (role, error) in &facts.errors {
            let error = known(error, "logs:FilterLogEvents for the logs of the functions")?;
            if let Some(line) = error {
                let finding = format!("{role} fails: {line}");
                let stack = facts.stack();
                let command = format!(
                    "aws logs tail /aws/lambda/{stack}-{role} --since 1h --region {}; its name is in docs/function.md",
                    facts.region
                );
                return Ok(Verdict::broken(finding, command));
            }
        }
        Ok(Verdict::ok("none since the last success"))
    })
}

fn deployment(facts: &DoctorFacts) -> Option<Verdict> {
    let simulated = facts.deployment.as_ref()?;
    judged(|| {
        let actions = known(simulated, "iam:SimulatePrincipalPolicy and GetRole")?;
        let missing: Vec<&str> = actions
            .iter()
            .filter(|(_, may)| !may)
            .map(|(action, _)| action.as_str())
            .collect();
        Ok(match missing.is_empty() {
            true => Verdict::ok(format!(
                "{}, by the policies of your identity",
                counted(actions.len(), "action")
            )),
            false => Verdict::broken(
                format!("your identity may not {}", missing.join(", ")),
                "ask the administrator of the account for these permissions",
            ),
        })
    })
}

fn counted(count: usize, one: &str) -> String {
    match count {
        1 => format!("1 {one}"),
        count => format!("{count} {one}s"),
    }
}
