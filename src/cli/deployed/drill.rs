//! `drill`: sends a test record through the whole path of a stack, and waits for it at each stage.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use alerts::facts::drill::DrillStage;
use alerts::locale::Language;
use anyhow::anyhow;
use aws::dynamodb::sdk::SdkTable;
use aws::dynamodb::{DynamoStore, TableSettings};
use aws::logs::CloudWatchLogs;
use aws::metrics::CloudWatch;
use aws::session;
use aws_config::SdkConfig;
use clap::{Args, ValueEnum};
use records::redact::sanitize;
use records::time::Timestamp;
use serde_json::{Value, json};
use service::config::setup::OperatorSettings;
use service::drill::{
    Evidence, Places, STREAM, Step, Verdict, filter_fault, log_findings, log_group_of,
};
use service::drill_record::{Drill, DrillId};
use service::ports::{
    Deliveries as _, DeliveryPath, DrillStore as _, LogGroupWriter as _, LogGroups as _,
    Outbox as _, with_causes,
};

use crate::aws_options::AwsArguments;
use crate::deployed::function::saved_in;
use crate::deployed::function_log::log_of;
use crate::deployed::table_named;
use crate::machine::{now, runtime, secret};
use crate::output;

/// Send a test record through a deployed stack, and wait for it at each stage up to each sink
///
/// Writes a marked, harmless record into the stack's log group for drills. Each sink gets an alert that says that it is a drill. The
/// drill is in no cluster, total or incident. Names the first stage that was not reached, why, and the next command. It is safe to
/// repeat or interrupt.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    cloudtrail-inspector drill --stack errors\n  \
    cloudtrail-inspector drill --stack errors --timeout 60 --format json")]
pub struct Arguments {
    /// Use this deployed stack
    #[arg(
        long,
        value_name = "NAME",
        required_unless_present = "table",
        conflicts_with = "table"
    )]
    stack: Option<String>,
    /// Use the stack of this DynamoDB table
    #[arg(long, value_name = "NAME")]
    table: Option<String>,
    /// How long to wait for the last stage
    #[arg(long, value_name = "SECONDS", default_value_t = 180, value_parser = clap::value_parser!(u64).range(1..=3600))]
    timeout: u64,
    /// Output format
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    #[command(flatten)]
    aws: AwsArguments,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people, a line for each stage when it is reached
    Text,
    /// For programs
    Json,
}

/// Time between two reads of the table.
const POLL: Duration = Duration::from_millis(300);

/// How far the clocks of this machine and of AWS may differ, in seconds.
const CLOCK_SECONDS: i64 = 120;

/// A drill that goes on, with the clients that watch it.
struct Watch<'a> {
    arguments: &'a Arguments,
    drill: Drill,
    settings: OperatorSettings,
    places: Places,
    store: DynamoStore<SdkTable>,
    logs: CloudWatchLogs,
    metrics: CloudWatch,
    begun: Instant,
    begun_at: Timestamp,
    /// The failed deliveries of the log group before the drill; `None` if they could not be read.
    failures_before: Option<u64>,
    evidence: Evidence,
    /// When each step was seen to be reached, since the beginning.
    reached: BTreeMap<Step, Duration>,
}

/// Runs `drill`. Returns exit code 1 if a stage was not reached in time.
pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    runtime()?.block_on(async {
        let config = session::config(&arguments.aws.chosen()).await?;
        let place = (arguments.stack.as_deref(), arguments.table.as_deref());
        let table = table_named(&config, &arguments.aws, place).await?;
        let settings = saved_in(&config, &table).await?.parse(&table)?;
        let mut watch = Watch::new(arguments, settings, &config)?;
        watch.head()?;
        watch.follow().await?;
        watch.conclude().await
    })
}

impl<'a> Watch<'a> {
    fn new(
        arguments: &'a Arguments,
        settings: OperatorSettings,
        config: &SdkConfig,
    ) -> anyhow::Result<Self> {
        let ingest = settings.ingest_function.clone();
        // Until the first inspection after an upgrade the table does not have the name.
        let log_group = settings.ingest.drill_log_group.clone();
        let log_group = log_group.or_else(|| log_group_of(&ingest));
        let log_group = log_group.ok_or_else(|| anyhow!("the log group of drills is not known"))?;
        let random = u64::from_str_radix(&secret()?[..16], 16)?;
        let drill = Drill {
            id: DrillId::new(now(), random),
            account_id: settings.account_id.clone(),
            region: config.region().map(ToString::to_string).unwrap_or_default(),
        };
        let stack = ingest
            .strip_suffix("-ingest")
            .unwrap_or_default()
            .to_owned();
        let places = Places {
            log_group,
            deliver: format!("{stack}-deliver"),
            ingest,
            stack,
        };
        let sinks = settings.ingest.sinks.iter();
        let evidence = Evidence {
            sinks: sinks.map(|sink| sink.name().to_owned()).collect(),
            ..Evidence::default()
        };
        let table = SdkTable::new(config, &settings.ingest.table_name);
        Ok(Self {
            store: DynamoStore::new(table, TableSettings::of(&settings.ingest), now()),
            logs: CloudWatchLogs::new(config),
            metrics: CloudWatch::new(config),
            begun: Instant::now(),
            begun_at: now(),
            failures_before: None,
            reached: BTreeMap::new(),
            arguments,
            drill,
            settings,
            places,
            evidence,
        })
    }

    /// Prints the line above the stages.
    fn head(&self) -> anyhow::Result<()> {
        if self.arguments.format == Format::Json {
            return Ok(());
        }
        let group = sanitize(&self.places.log_group, 512);
        let id = &self.drill.id;
        output::print(&format!("drill {id} in log group {group}\n"))
    }

    /// Writes the record, and waits until all steps are reached or the time is over.
    async fn follow(&mut self) -> anyhow::Result<()> {
        self.failures_before = self.failures().await;
        self.begun = Instant::now();
        let (group, record) = (&self.places.log_group, self.drill.record());
        let written = self.drill.id.written();
        if let Err(error) = self.logs.put(group, STREAM, written, &record).await {
            let why = with_causes(error.to_string(), &error);
            self.evidence.refusal = Some(sanitize(&why, 1024));
            return Ok(());
        }
        let timeout = Duration::from_secs(self.arguments.timeout);
        loop {
            self.note_steps()?;
            if self.evidence.verdict(&self.places).is_none() || self.begun.elapsed() >= timeout {
                return Ok(());
            }
            tokio::time::sleep(POLL).await;
            self.evidence.trace = self.store.drill(&self.drill.id).await?;
        }
    }

    /// Notes the steps that are reached now, and prints a line for each.
    fn note_steps(&mut self) -> anyhow::Result<()> {
        let elapsed = self.begun.elapsed();
        // Without a look at the log, a step is known to be reached only by what is in the table.
        for step in Step::all(&self.evidence.sinks) {
            if self.reached.contains_key(&step) || !self.evidence.has_reached(&step) {
                continue;
            }
            if self.arguments.format == Format::Text {
                output::print(&reached_line(&step, elapsed, &self.answer(&step)))?;
            }
            self.reached.insert(step, elapsed);
        }
        Ok(())
    }

    /// Returns the answer of the step's sink; empty if it gave none.
    fn answer(&self, step: &Step) -> String {
        let outcome = match (step.stage, &step.sink) {
            (DrillStage::Sent, Some(sink)) => self.evidence.trace.sinks.get(sink),
            _ => None,
        };
        outcome.map_or_else(String::new, |of| sanitize(&of.answer, 120))
    }

    /// Looks for the cause if a step was not reached, prints the verdict, and returns the exit code.
    async fn conclude(&mut self) -> anyhow::Result<ExitCode> {
        if self.evidence.verdict(&self.places).is_some() {
            if self.evidence.refusal.is_none() {
                self.look_for_the_cause().await;
            }
            self.note_steps()?;
        }
        let verdict = self.evidence.verdict(&self.places);
        let steps = Step::all(&self.evidence.sinks);
        match self.arguments.format {
            Format::Text => {
                let missing = steps.iter().filter(|step| !self.reached.contains_key(step));
                let has_no_sink = self.evidence.sinks.is_empty();
                output::print(&end_text(missing, verdict.as_ref(), has_no_sink))?;
            }
            Format::Json => {
                let steps: Vec<_> = steps.into_iter().map(|step| self.row(step)).collect();
                let result = result(self.drill.id.text(), &steps, verdict.as_ref());
                output::print(&output::pretty(&result)?)?;
            }
        }
        Ok(ExitCode::from(u8::from(verdict.is_some())))
    }

    /// Returns a step with the seconds until it was reached, in tenths, and the answer of its sink.
    fn row(&self, step: Step) -> (Step, Option<f64>, String) {
        let reached = self.reached.get(&step);
        let seconds = reached.map(|of| (of.as_secs_f64() * 10.0).round() / 10.0);
        let answer = self.answer(&step);
        (step, seconds, answer)
    }

    /// Looks at the filter, the delivery metrics, the logs and the breakers. What cannot be looked at is only reported.
    async fn look_for_the_cause(&mut self) {
        if self.evidence.trace.stored.is_none() {
            self.look_at_the_filter().await;
            let function = self.places.ingest.clone();
            (self.evidence.received, self.evidence.ingest_errors) = self.log_of(&function).await;
            return;
        }
        let function = self.places.deliver.clone();
        let (of_drill, errors) = self.log_of(&function).await;
        self.evidence.deliver_errors = [of_drill, errors].concat();
        for sink in self.evidence.sinks.clone() {
            match self.store.breaker(&sink).await {
                Ok(breaker) if breaker.is_misconfigured || breaker.open_until.is_some() => {
                    let why = sanitize(&breaker.why, 400);
                    self.evidence.paused.insert(sink, why);
                }
                Ok(_) => {}
                Err(error) => complain("the state of the sink", &error),
            }
        }
    }

    async fn look_at_the_filter(&mut self) {
        let (group, filter) = (&self.places.log_group, &self.settings.ingest_function);
        match self.logs.subscribed(group, filter).await {
            Ok(found) => self.evidence.filter_fault = filter_fault(&found, &self.places.ingest),
            Err(error) => complain("the subscription filter", &error),
        }
        let failures = (self.failures_before, self.failures().await);
        // Those of earlier in the hour may have been repaired.
        let has_more = matches!(failures, (Some(before), Some(after)) if after > before);
        self.evidence.has_delivery_errors = has_more;
    }

    /// Returns how many deliveries of the log group failed since the hour in which the command began; `None` if that cannot be read.
    async fn failures(&self) -> Option<u64> {
        let groups = [self.places.log_group.clone()];
        let path = DeliveryPath {
            groups: &groups,
            filter: &self.settings.ingest_function,
            function: &self.places.ingest,
        };
        let (from, until) = (self.begun_at.window(), now().window().plus(1));
        match self.metrics.failures(&path, from, until).await {
            Ok(failures) => {
                let of_group = failures.iter().filter(|of| of.group.is_some());
                Some(of_group.map(|of| of.count).sum())
            }
            Err(error) => {
                complain("the delivery metrics", &error);
                None
            }
        }
    }

    /// Returns the lines of a function's log that name the drill, and the other errors since the drill began.
    async fn log_of(&self, function: &str) -> (Vec<String>, Vec<String>) {
        let times = (
            self.begun_at.plus(-CLOCK_SECONDS),
            now().plus(CLOCK_SECONDS),
        );
        let lines = log_of(&self.logs, function, "", times).await;
        let lines = lines.unwrap_or_else(|error| {
            complain("the log of the function", &error);
            Vec::new()
        });
        let texts = lines.iter().map(|line| line.message.as_str());
        log_findings(&self.drill.id, texts)
    }
}

fn complain(what: &str, error: &dyn std::error::Error) {
    let why = with_causes(error.to_string(), error);
    output::complain(&sanitize(&format!("cannot look at {what}: {why}"), 1024));
}

fn label(step: &Step) -> String {
    let stage = step.stage.shown(Language::En);
    match (step.stage, &step.sink) {
        (DrillStage::Queue, Some(sink)) => format!("queue of {sink}"),
        (DrillStage::Sent, Some(sink)) => format!("sent to {sink}"),
        _ => stage.to_owned(),
    }
}

/// Returns the line of a stage that is reached.
fn reached_line(step: &Step, elapsed: Duration, answer: &str) -> String {
    let seconds = elapsed.as_secs_f64();
    let line = format!("{:<24} {seconds:>6.1} s  {answer}", label(step));
    format!("{}\n", line.trim_end())
}

/// Returns the lines of the stages that were not reached, and the verdict.
fn end_text<'s>(
    missing: impl Iterator<Item = &'s Step>,
    verdict: Option<&Verdict>,
    has_no_sink: bool,
) -> String {
    let missing = missing.map(|step| format!("{:<24} not reached\n", label(step)));
    missing.collect::<String>() + &verdict_text(verdict, has_no_sink)
}

fn verdict_text(verdict: Option<&Verdict>, has_no_sink: bool) -> String {
    let Some(verdict) = verdict else {
        let sinks = if has_no_sink {
            "; the stack has no sink, so nothing was sent"
        } else {
            ""
        };
        return format!("passed{sinks}\n");
    };
    let mut text = format!("failed at: {}\n", label(&verdict.step));
    for reason in &verdict.reasons {
        text.push_str(&format!("  why:  {}\n", sanitize(reason, 1024)));
    }
    for command in &verdict.commands {
        text.push_str(&format!("  next: {}\n", sanitize(command, 1024)));
    }
    text
}

/// Returns the result of a drill. `steps` has its stages in order, each with the seconds until it was reached and the answer of its
/// sink; `failed` is the verdict if it did not pass.
fn result(id: &str, steps: &[(Step, Option<f64>, String)], failed: Option<&Verdict>) -> Value {
    let stage = |(step, seconds, answer): &(Step, Option<f64>, String)| {
        json!({
            "stage": step.stage.name(),
            "sink": step.sink,
            "reached": seconds.is_some(),
            "seconds": seconds,
            "answer": Some(answer).filter(|answer| !answer.is_empty()),
        })
    };
    let stages: Vec<Value> = steps.iter().map(stage).collect();
    let shown = |texts: &[String]| -> Vec<String> {
        texts.iter().map(|text| sanitize(text, 1024)).collect()
    };
    let failed = failed.map(|of| {
        json!({
            "stage": of.step.stage.name(),
            "sink": of.step.sink,
            "reasons": shown(&of.reasons),
            "commands": shown(&of.commands),
        })
    });
    json!({"drill": id, "passed": failed.is_none(), "stages": stages, "failed": failed})
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use expect_test::expect;
    use service::drill_record::{DrillTrace, SinkOutcome};

    use super::*;

    /// Returns what is printed below the head about a drill of a stack with two sinks; each reached stage took a second more.
    fn screen(evidence: &Evidence) -> String {
        let places = Places {
            log_group: "/cloudtrail-inspector/errors/drill".to_owned(),
            ingest: "errors-ingest".to_owned(),
            deliver: "errors-deliver".to_owned(),
            stack: "errors".to_owned(),
        };
        let steps = Step::all(&evidence.sinks);
        let (reached, missing): (Vec<_>, Vec<_>) =
            steps.iter().partition(|step| evidence.has_reached(step));
        let lines = (1..).zip(&reached).map(|(second, step)| {
            let answer = step
                .sink
                .as_ref()
                .and_then(|sink| evidence.trace.sinks.get(sink));
            let answer = answer.filter(|_| step.stage == DrillStage::Sent);
            let answer = answer.map_or("", |of| &of.answer);
            reached_line(step, Duration::from_secs(second), answer)
        });
        let lines: String = lines.collect();
        let verdict = evidence.verdict(&places);
        lines
            + &end_text(
                missing.into_iter(),
                verdict.as_ref(),
                evidence.sinks.is_empty(),
            )
    }

    fn sent(answer: &str, is_sent: bool) -> SinkOutcome {
        SinkOutcome {
            at: now(),
            is_sent,
            answer: answer.to_owned(),
        }
    }

    fn evidence() -> Evidence {
        let sinks = ["guance", "sns"].map(str::to_owned);
        Evidence {
            trace: DrillTrace {
                stored: Some(now()),
                queued: BTreeSet::from(sinks.clone()),
                sinks: BTreeMap::from([
                    ("guance".to_owned(), sent("HTTP 200", true)),
                    ("sns".to_owned(), sent("08df453a", true)),
                ]),
                ..DrillTrace::default()
            },
            sinks: sinks.to_vec(),
            ..Evidence::default()
        }
    }

    #[test]
    fn the_screen_of_a_drill_shows_each_stage_and_the_first_that_was_not_reached() {
        expect![[r#"
            log group                   1.0 s
            subscription                2.0 s
            ingest                      3.0 s
            table                       4.0 s
            queue of guance             5.0 s
            sent to guance              6.0 s  HTTP 200
            queue of sns                7.0 s
            sent to sns                 8.0 s  08df453a
            passed
        "#]]
        .assert_eq(&screen(&evidence()));
        let mut refused = evidence();
        let outcomes = &mut refused.trace.sinks;
        outcomes.insert(
            "guance".to_owned(),
            sent("HTTP 403: the token is wrong", false),
        );
        expect![[r#"
            log group                   1.0 s
            subscription                2.0 s
            ingest                      3.0 s
            table                       4.0 s
            queue of guance             5.0 s
            queue of sns                6.0 s
            sent to sns                 7.0 s  08df453a
            sent to guance           not reached
            failed at: sent to guance
              why:  HTTP 403: the token is wrong
              next: aws logs tail /aws/lambda/errors-deliver --since 15m
              next: cloudtrail-inspector doctor --stack errors
        "#]]
        .assert_eq(&screen(&refused));
        let unsubscribed = Evidence {
            filter_fault: filter_fault(&service::ports::Subscribed::NoFilter, "errors-ingest"),
            sinks: vec!["sns".to_owned()],
            ..Evidence::default()
        };
        expect![[r#"
            log group                   1.0 s
            subscription             not reached
            ingest                   not reached
            table                    not reached
            queue of sns             not reached
            sent to sns              not reached
            failed at: subscription
              why:  the log group of drills has no subscription filter of the stack; deploy the stack again, and check that the parameter Enabled is true
              next: aws logs describe-subscription-filters --log-group-name /cloudtrail-inspector/errors/drill
              next: aws lambda get-policy --function-name errors-ingest
              next: cloudtrail-inspector doctor --stack errors
        "#]].assert_eq(&screen(&unsubscribed));
    }
}
