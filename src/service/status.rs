//! Judges the health of a deployed stack: facts in, rows out.
//!
//! The command `status` and the first row of the dashboard collect the facts by [`collect`] and judge them by [`report`], so both say
//! the same. What could not be read is unknown, and an unknown fact is never healthy.

mod report;
#[cfg(test)]
mod tests;

use alerts::outbox::{Breaker, OutboxRow};
use alerts::severity::Severity;
use clusters::lifecycle::Status;
use clusters::report::NAMESPACE;
use futures_util::future::{join, join3, join4};
use records::redact::sanitize;
use records::time::{Timestamp, Window};
use view::listing::Listing;

use crate::incidents::shown::shown as shown_incidents;
use crate::inspect::run::{LISTING_BYTES_MAX, LISTING_KEY};
use crate::ports::{
    Alarm, Beginning, Bucket, BucketError, Delays, DeployedFunction, DeployedFunctions,
    HealthStore, HourReader, IncidentStore, ListedObject, LookupError, Monitoring, Outbox,
    ReadBackStore, TransitionWriter, with_causes,
};

pub use self::report::{is_broken, report};

/// A fact that was looked up, or why it could not be.
pub type Fact<T> = Result<T, String>;

/// The roles of the functions of a stack, which are the ends of their names.
pub const ROLES: [&str; 4] = ["ingest", "inspect", "deliver", "widget"];

/// The highest number of waiting alerts of a sink that are counted in each partition of the outbox.
const WAITING_MAX: usize = 1000;

/// The highest number of objects and of given-up alerts that are counted.
const COUNTED_MAX: usize = 1000;

/// All that the health of a stack is judged by.
#[derive(Debug, Clone)]
pub struct StatusFacts {
    /// The name of the stack.
    pub stack: String,
    /// The current time.
    pub now: Timestamp,
    /// The version of the program that judges.
    pub program: &'static str,
    /// The functions of the stack that exist.
    pub functions: Fact<Vec<DeployedFunction>>,
    /// The last inspection; `None` if there was none yet.
    pub inspection: Fact<Option<LastInspection>>,
    /// The sinks of the stack.
    pub sinks: Fact<Vec<SinkFacts>>,
    /// The number of hours that have to be inspected again.
    pub late_hours: Fact<usize>,
    /// The severities of the open incidents.
    pub incidents: Fact<Vec<Severity>>,
    /// Since when the stack has events.
    pub beginning: Fact<Beginning>,
    /// How late records come.
    pub delays: Fact<Delays>,
    /// The alarms of the stack.
    pub alarms: Fact<Vec<Alarm>>,
    /// What could not be read, in the bucket; at most 1000 objects.
    pub quarantine: Fact<Vec<ListedObject>>,
    /// Failed invocations of the ingest function, in the bucket; at most 1000 objects.
    pub failed: Fact<Vec<ListedObject>>,
}

/// What is known of the last inspection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastInspection {
    /// When it was completed.
    pub at: Timestamp,
    /// The first hour that was not inspected.
    pub until: Window,
    /// The severities of the clusters that were open.
    pub open: Vec<Severity>,
}

/// What is known of one sink.
#[derive(Debug, Clone)]
pub struct SinkFacts {
    /// The name of the sink: `guance`, `sns` or `eventbridge`.
    pub name: String,
    /// The number of alerts that wait, and when the oldest was written.
    pub waiting: Fact<(usize, Option<Timestamp>)>,
    /// The last error of the sink.
    pub breaker: Fact<Breaker>,
    /// When alerts were given up, oldest first.
    pub dead: Fact<Vec<Timestamp>>,
}

/// Looks up the functions of a stack. One that does not exist is left out.
///
/// # Errors
/// Why AWS Lambda gave no answer.
pub async fn functions(
    lookup: &impl DeployedFunctions,
    stack: &str,
) -> Fact<Vec<DeployedFunction>> {
    let names = ROLES.map(|role| format!("{stack}-{role}"));
    let [ingest, inspect, deliver, widget] = &names;
    let found = join4(
        lookup.function(ingest),
        lookup.function(inspect),
        lookup.function(deliver),
        lookup.function(widget),
    );
    let found = found.await;
    let found = [found.0, found.1, found.2, found.3].into_iter();
    let found: Result<Vec<_>, LookupError> = found.collect();
    let found = found.map_err(|error| detail(&error))?;
    Ok(found.into_iter().flatten().collect())
}

/// Collects the facts about a stack. `functions` are those of [`functions`].
pub async fn collect<S, B>(
    (stack, program, now): (&str, &'static str, Timestamp),
    functions: Fact<Vec<DeployedFunction>>,
    store: &S,
    bucket: &B,
    monitoring: &impl Monitoring,
) -> StatusFacts
where
    S: HealthStore + Outbox + TransitionWriter + HourReader + IncidentStore + ReadBackStore,
    B: Bucket,
{
    let names = functions.clone().and_then(|of| sink_names(&of));
    let known = functions.as_deref().unwrap_or_default();
    let namespace = setting(known, "ingest", "METRIC_NAMESPACE").unwrap_or(NAMESPACE);
    let (prefix, failures) = (format!("{stack}-"), failures_of(stack));
    let of_store = async {
        let sinks = match names {
            Ok(names) => Ok(sinks(store, &names).await),
            Err(error) => Err(error),
        };
        (
            sinks,
            store.late().await.map(|of| of.len()),
            shown_incidents(store, None, now).await,
            store.beginning().await,
        )
    };
    let of_bucket = join3(
        last_inspection(bucket),
        bucket.list("quarantine/", None, COUNTED_MAX),
        bucket.list(&failures, None, COUNTED_MAX),
    );
    let of_monitoring = join(
        monitoring.delays((namespace, stack), now),
        monitoring.alarms(&prefix),
    );
    let (of_store, of_bucket, of_monitoring) = join3(of_store, of_bucket, of_monitoring).await;
    let (sinks, late, incidents, beginning) = of_store;
    let (inspection, quarantine, failed) = of_bucket;
    let (delays, alarms) = of_monitoring;
    StatusFacts {
        stack: stack.to_owned(),
        now,
        program,
        functions,
        inspection: inspection.map_err(|error| detail(&error)),
        sinks,
        late_hours: late.map_err(|error| detail(&error)),
        incidents: incidents.map_err(|error| detail(&error)).map(|found| {
            let open = found.iter().filter(|of| of.is_open);
            open.map(|of| view::incident::severity(of.severity))
                .collect()
        }),
        beginning: beginning.map_err(|error| detail(&error)),
        delays: delays.map_err(|error| detail(&error)),
        alarms: alarms.map_err(|error| detail(&error)),
        quarantine: quarantine.map_err(|error| detail(&error)),
        failed: failed.map_err(|error| detail(&error)),
    }
}

/// Returns the folder in the bucket with the failed invocations of a stack's ingest function.
fn failures_of(stack: &str) -> String {
    format!("aws/lambda/async/{stack}-ingest/")
}

fn sink_names(functions: &[DeployedFunction]) -> Fact<Vec<String>> {
    let sinks = setting(functions, "ingest", "SINKS").unwrap_or_default();
    let names = sinks.split(',').map(str::trim).filter(|of| !of.is_empty());
    Ok(names.map(str::to_owned).collect())
}

/// Returns a setting of the function with a role; `None` if the function or the setting does not exist.
pub fn setting<'f>(functions: &'f [DeployedFunction], role: &str, name: &str) -> Option<&'f str> {
    let found = function(functions, role)?;
    found.settings.get(name).map(String::as_str)
}

/// Returns the function with a role; `None` if it does not exist.
pub fn function<'f>(functions: &'f [DeployedFunction], role: &str) -> Option<&'f DeployedFunction> {
    let ends = |of: &&DeployedFunction| of.name.rsplit('-').next() == Some(role);
    functions.iter().find(ends)
}

async fn sinks<S: HealthStore + Outbox>(store: &S, names: &[String]) -> Vec<SinkFacts> {
    let mut sinks = Vec::new();
    for name in names {
        let (waiting, breaker, dead) = join3(
            store.waiting(name, WAITING_MAX),
            store.breaker(name),
            store.dead(name, COUNTED_MAX),
        )
        .await;
        let oldest = |rows: &[OutboxRow]| rows.iter().map(|row| row.created).min();
        sinks.push(SinkFacts {
            name: name.clone(),
            waiting: waiting
                .map(|rows| (rows.len(), oldest(&rows)))
                .map_err(|error| detail(&error)),
            breaker: breaker.map_err(|error| detail(&error)),
            dead: dead.map_err(|error| detail(&error)),
        });
    }
    sinks
}

/// Reads from the list of clusters when the last inspection was completed, and what it found.
async fn last_inspection(bucket: &impl Bucket) -> Result<Option<LastInspection>, BucketError> {
    let found = bucket.list(LISTING_KEY, None, 1).await?;
    let Some(at) = found.first().and_then(|object| object.modified) else {
        return Ok(None);
    };
    let listing = bucket.fetch(LISTING_KEY, LISTING_BYTES_MAX).await?;
    let listing = listing.and_then(|bytes| Listing::decode(&bytes));
    Ok(listing.map(|listing| LastInspection {
        at,
        until: listing.until,
        open: listing
            .clusters
            .values()
            .filter(|cluster| is_open(cluster.status()))
            .map(|cluster| cluster.assessment().severity)
            .collect(),
    }))
}

/// Checks whether a cluster with this status has not recovered.
fn is_open(status: Status) -> bool {
    !matches!(status, Status::Undated | Status::Recovered)
}

fn detail(error: &dyn std::error::Error) -> String {
    sanitize(&with_causes(error.to_string(), error), 200)
}
