//! Drills: how far a test record came on the whole path of a stack, from a log group of its own up to each sink, and why not further.
//!
//! A record is a drill only because of the log group that it comes from, never because of its text: callers can write texts into
//! a trail. In the log group of drills only records of the form that [`Drill::record`] writes are accepted. A drill is no event:
//! it is in no cluster, total or incident.

use std::collections::BTreeMap;

use alerts::alert::Alert;
use alerts::facts::drill::{DrillFailureFacts, DrillStage};
use records::redact::sanitize;
use records::time::Timestamp;
use serde::Deserialize;

use crate::drill_record::{Drill, DrillId, DrillNote, DrillTrace};
use crate::ports::{
    DrillStore, LogGroupError, LogGroupWriter, StoreError, Subscribed, TransitionWriter,
};

/// The name of the log stream that drills are written to.
pub const STREAM: &str = "drill";

/// After this many seconds a nightly drill must be over.
const NIGHTLY_SECONDS: i64 = 3600;

/// The longest answer of a sink that an alert repeats, in characters.
const ANSWER_CHARS_MAX: usize = 256;

/// A stage of a drill's path, of one sink if it is a stage of sinks.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Step {
    /// The stage.
    pub stage: DrillStage,
    /// The name of the sink; `None` for a stage before the sinks.
    pub sink: Option<String>,
}

/// What is known about a drill: the notes of the store, and what was looked at because it did not arrive.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Evidence {
    /// Why CloudWatch Logs did not accept the record; `None` if it did.
    pub refusal: Option<String>,
    /// What the store knows.
    pub trace: DrillTrace,
    /// The names of the stack's sinks.
    pub sinks: Vec<String>,
    /// What is wrong with the subscription filter; `None` if nothing is, or if it was not looked at.
    pub filter_fault: Option<String>,
    /// Whether CloudWatch Logs reported that it could not call the function.
    pub has_delivery_errors: bool,
    /// The lines of the ingest function's log that name the drill.
    pub received: Vec<String>,
    /// Other errors in the log of the ingest function since the drill began.
    pub ingest_errors: Vec<String>,
    /// Errors in the log of the deliver function since the drill began.
    pub deliver_errors: Vec<String>,
    /// Why nothing is sent to a sink at the moment, by the names of the sinks.
    pub paused: BTreeMap<String, String>,
}

/// The names that the next steps of a verdict contain.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Places {
    /// The log group of drills.
    pub log_group: String,
    /// The name of the ingest function.
    pub ingest: String,
    /// The name of the deliver function.
    pub deliver: String,
    /// The name of the stack; empty if it is not known.
    pub stack: String,
}

/// The verdict about a drill that did not pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The first step that was not reached.
    pub step: Step,
    /// Likely reasons, the most likely one first.
    pub reasons: Vec<String>,
    /// The commands that say more or repair it.
    pub commands: Vec<String>,
}

/// Why a drill could not be begun. Each variant needs a different next step.
#[derive(Debug, thiserror::Error)]
pub enum DrillError {
    /// The table could not be written. Look at the permissions and the limits of the table.
    #[error("the drill cannot be noted: {0}")]
    Store(#[from] StoreError),
    /// The record could not be written. Look at the log group and the permission to write to it.
    #[error("the record of the drill cannot be written: {0}")]
    Logs(#[from] LogGroupError),
}

impl Step {
    /// Returns all steps of a path with these sinks, in their order.
    pub fn all(sinks: &[String]) -> Vec<Self> {
        let first = [
            DrillStage::LogGroup,
            DrillStage::Subscription,
            DrillStage::Ingest,
            DrillStage::Table,
        ];
        let first = first.into_iter().map(|stage| Self { stage, sink: None });
        let of_sink = |sink: &String| {
            [DrillStage::Queue, DrillStage::Sent].map(|stage| Self {
                stage,
                sink: Some(sink.clone()),
            })
        };
        first.chain(sinks.iter().flat_map(of_sink)).collect()
    }
}

impl Evidence {
    /// Checks whether the drill has reached a step. What is known of a later step counts for those before it.
    pub fn has_reached(&self, step: &Step) -> bool {
        let is_stored = self.trace.stored.is_some();
        let is_read = is_stored || !self.received.is_empty();
        let sink = step.sink.as_deref().unwrap_or_default();
        match step.stage {
            DrillStage::LogGroup => is_read || self.refusal.is_none(),
            DrillStage::Subscription => {
                // Without a fault before it, a function that fails was called.
                let is_called = self.filter_fault.is_none() && !self.has_delivery_errors;
                is_read || (is_called && !self.ingest_errors.is_empty())
            }
            DrillStage::Ingest => is_read,
            DrillStage::Table => is_stored,
            DrillStage::Queue => self.trace.queued.contains(sink),
            DrillStage::Sent => self.trace.sinks.get(sink).is_some_and(|of| of.is_sent),
        }
    }

    /// Returns the first step that the drill has not reached, with likely reasons and commands; `None` if it has reached all.
    pub fn verdict(&self, places: &Places) -> Option<Verdict> {
        let steps = Step::all(&self.sinks);
        let step = steps.into_iter().find(|step| !self.has_reached(step))?;
        let reasons = self.reasons(&step);
        let mut commands = self.commands(&step, places);
        if !places.stack.is_empty() {
            commands.push(format!(
                "cloudtrail-inspector doctor --stack {}",
                places.stack
            ));
        }
        Some(Verdict {
            step,
            reasons,
            commands,
        })
    }

    fn reasons(&self, step: &Step) -> Vec<String> {
        let sink = step.sink.as_deref().unwrap_or_default();
        let or = |known: Vec<String>, likely: &str| match known.is_empty() {
            true => vec![likely.to_owned()],
            false => known,
        };
        match step.stage {
            DrillStage::LogGroup => self.refusal.iter().cloned().collect(),
            DrillStage::Subscription => {
                let mut known: Vec<String> = self.filter_fault.iter().cloned().collect();
                let refused = self.has_delivery_errors.then(|| {
                    "CloudWatch Logs cannot call the ingest function: its permission or the function is missing".to_owned()
                });
                known.extend(refused);
                or(
                    known,
                    "CloudWatch Logs did not call the ingest function, or the call waits: the permission or the function is \
                     missing, the function is throttled, or CloudWatch Logs paused the filter after earlier failures",
                )
            }
            DrillStage::Ingest => self.ingest_errors.clone(),
            DrillStage::Table => or(
                self.received
                    .iter()
                    .filter(|line| line.contains("ERROR"))
                    .cloned()
                    .collect(),
                "the ingest function read the record, and did not finish writing to the table",
            ),
            DrillStage::Queue => vec![format!(
                "the ingest function wrote no alert for {sink}: its list of sinks differs from that of the stack"
            )],
            DrillStage::Sent => {
                let outcome = self.trace.sinks.get(sink);
                let answer = outcome.map(|of| of.answer.clone());
                let answer = answer.filter(|answer| !answer.is_empty());
                let paused = self
                    .paused
                    .get(sink)
                    .map(|why| format!("nothing is sent to {sink} at the moment: {why}"));
                let mut known: Vec<String> = answer.into_iter().collect();
                known.extend(paused.filter(|_| known.is_empty()));
                known.extend(self.deliver_errors.iter().cloned());
                or(
                    known,
                    "the deliver function did not try: it does not run, or it fails",
                )
            }
        }
    }

    fn commands(&self, step: &Step, places: &Places) -> Vec<String> {
        let Places {
            log_group,
            ingest,
            deliver,
            ..
        } = places;
        let tail = |function: &str| format!("aws logs tail /aws/lambda/{function} --since 15m");
        match step.stage {
            DrillStage::LogGroup => {
                vec![format!(
                    "aws logs describe-log-groups --log-group-name-prefix {log_group}"
                )]
            }
            DrillStage::Subscription => vec![
                format!("aws logs describe-subscription-filters --log-group-name {log_group}"),
                format!("aws lambda get-policy --function-name {ingest}"),
            ],
            DrillStage::Ingest | DrillStage::Table => vec![tail(ingest)],
            DrillStage::Queue => {
                vec![format!(
                    "aws lambda get-function-configuration --function-name {ingest}"
                )]
            }
            DrillStage::Sent => vec![tail(deliver)],
        }
    }
}

/// Returns the name of the log group of drills of a stack, as the template makes it, for commands that know only the name of the
/// ingest function. `None` if that has another form.
pub fn log_group_of(ingest_function: &str) -> Option<String> {
    let stack = ingest_function.strip_suffix("-ingest")?;
    Some(format!("/cloudtrail-inspector/{stack}/drill"))
}

/// Sorts the lines of a function's log: those that name the drill, and the other errors. Both are shortened for people.
pub fn log_findings<'l>(
    id: &DrillId,
    lines: impl IntoIterator<Item = &'l str>,
) -> (Vec<String>, Vec<String>) {
    let (mut of_drill, mut errors) = (Vec::new(), Vec::new());
    for line in lines {
        let read: LogLine = serde_json::from_str(line).unwrap_or_default();
        // Lines of AWS Lambda itself have no level.
        let is_error = read.level == "ERROR" || LAMBDA_ERRORS.iter().any(|of| line.contains(of));
        if line.contains(id.text()) {
            of_drill.push(read.shown(line));
        } else if is_error {
            errors.push(read.shown(line));
        }
    }
    // An invocation is tried again, so the same line may come again.
    errors.dedup();
    errors.truncate(ERRORS_MAX);
    (of_drill, errors)
}

/// Words in lines of AWS Lambda about an invocation that did not end by itself.
const LAMBDA_ERRORS: [&str; 3] = ["Task timed out", "Runtime.ExitError", "Runtime exited"];

/// The largest number of errors of a log that are shown.
const ERRORS_MAX: usize = 3;

/// The longest line of a log that is shown, in characters.
const LINE_CHARS_MAX: usize = 400;

#[derive(Default, Deserialize)]
#[serde(default)]
struct LogLine {
    level: String,
    message: String,
    error: String,
    detail: String,
}

impl LogLine {
    /// Returns the line in a short form for people; `line` is its whole text.
    fn shown(&self, line: &str) -> String {
        let parts = [&self.level, &self.error, &self.message, &self.detail];
        let parts: Vec<&str> = parts
            .map(String::as_str)
            .into_iter()
            .filter(|of| !of.is_empty())
            .collect();
        let text = match parts.as_slice() {
            [] => line.trim().to_owned(),
            parts => parts.join(": "),
        };
        sanitize(&text, LINE_CHARS_MAX)
    }
}

/// Returns the fault of the subscription filter of the log group of drills; `None` if it has none. The filter must send
/// everything to the function named `ingest`.
pub fn filter_fault(found: &Subscribed, ingest: &str) -> Option<String> {
    let fault = match found {
        Subscribed::NoGroup => "the log group of drills does not exist; deploy the stack again",
        Subscribed::NoFilter => {
            "the log group of drills has no subscription filter of the stack; deploy the stack again, and check that the parameter \
             Enabled is true"
        }
        Subscribed::Filter {
            pattern,
            destination,
        } => {
            let is_ours = destination
                .split(':')
                .nth(6)
                .is_some_and(|name| name == ingest);
            match (is_ours, pattern.trim().is_empty()) {
                (true, true) => return None,
                (false, _) => {
                    "the subscription filter of drills sends to another destination; deploy the stack again"
                }
                (true, false) => {
                    "the subscription filter of drills has a pattern; deploy the stack again"
                }
            }
        }
    };
    Some(fault.to_owned())
}

/// Begins a drill by the stack itself: notes it in the store, and writes its record to `log_group`.
///
/// # Errors
/// [`DrillError`] if one of them failed. The drill was noted before its record is written, so the next inspection reports it.
pub async fn begin(
    drill: &Drill,
    log_group: &str,
    store: &impl DrillStore,
    logs: &impl LogGroupWriter,
) -> Result<(), DrillError> {
    store.note_drill(&drill.id, DrillNote::Began).await?;
    let at = drill.id.written();
    logs.put(log_group, STREAM, at, &drill.record()).await?;
    store.note_drill(&drill.id, DrillNote::Written).await?;
    Ok(())
}

/// Looks at the last drill that the stack made by itself at least an hour ago, and alerts if it is not over.
///
/// Returns whether that drill failed; `None` if there was none.
///
/// # Errors
/// [`StoreError`] if the store failed. The next inspection looks again.
pub async fn check_last(
    store: &(impl DrillStore + TransitionWriter),
    sinks: &[String],
    now: Timestamp,
) -> Result<Option<bool>, StoreError> {
    let drills = store.drills().await?;
    let Some((id, trace)) = last_due(&drills, now) else {
        return Ok(None);
    };
    let Some(failure) = failure(id, trace, sinks) else {
        return Ok(Some(false));
    };
    let alert = Alert::of_drill_failure(failure, now);
    store.enqueue_once(&alert).await?;
    Ok(Some(true))
}

/// Returns the last drill of the stack itself that must be over at `now`.
fn last_due(
    drills: &BTreeMap<DrillId, DrillTrace>,
    now: Timestamp,
) -> Option<(&DrillId, &DrillTrace)> {
    let is_due = |trace: &DrillTrace| {
        let began = trace.began;
        began.is_some_and(|began| now.seconds_since(began) >= NIGHTLY_SECONDS)
    };
    drills.iter().rev().find(|(_, trace)| is_due(trace))
}

/// Returns why a drill of the stack itself is not over; `None` if it is.
///
/// The store knows nothing between the log group and the table, so the first stage that may be missing is named.
fn failure(id: &DrillId, trace: &DrillTrace, sinks: &[String]) -> Option<DrillFailureFacts> {
    let began = trace.began?;
    let not_written = || "the record was not written".to_owned();
    let evidence = Evidence {
        refusal: trace.written.is_none().then(not_written),
        trace: trace.clone(),
        sinks: sinks.to_vec(),
        ..Evidence::default()
    };
    let step = evidence.verdict(&Places::default())?.step;
    let outcome = step.sink.as_ref().and_then(|sink| trace.sinks.get(sink));
    let answer = outcome.map(|of| sanitize(&of.answer, ANSWER_CHARS_MAX));
    Some(DrillFailureFacts {
        drill: id.text().to_owned(),
        began,
        stage: step.stage,
        sink: step.sink,
        answer: answer.filter(|answer| !answer.is_empty()),
    })
}

#[cfg(test)]
mod tests;
