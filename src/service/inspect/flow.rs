//! Checks whether log groups still receive events.
//!
//! If a log group had events in almost every hour and then has none, the trail has probably stopped writing
//! to it. Errors of its accounts would not be seen. The same is true of a log group that never had an event since the stack
//! began to check it.
//!
//! For each hour, CloudWatch Logs is asked for one event of any kind. The results of the last day are saved
//! in one object of the bucket. Without that object, the last day is checked again.

use std::collections::BTreeMap;

use alerts::alert::Alert;
use alerts::alert::inspected::Silent;
use alerts::facts::NEVER_ANY_DATA;
use clusters::inspection_state::hourly_activity::HourlyActivity;
use records::time::{Timestamp, Window};
use serde::{Deserialize, Serialize};

use crate::inspect::run::{InspectionError, over};
use crate::ports::{
    Bucket, Clock, LogGroupError, LogGroups, LogQuery, TransitionWriter, with_causes,
};

/// The key of the bucket object that stores which log groups had events in the last hours.
pub const FLOW_KEY: &str = "inspection/log-groups";

/// The largest saved object that is read, in bytes.
const BYTES_MAX: usize = 1 << 20;

/// The number of past hours that are checked at most.
const LOOK_BACK_HOURS: i64 = 24;

/// The number of empty pages after which an hour counts as having events. CloudWatch Logs may return empty
/// pages before the first event.
const PAGES_MAX: usize = 50;

/// The version of the encoding. Saved results of another version are not used.
const VERSION: u32 = 1;

/// The diagnosis of a silent log group: a stable name and a sentence.
const DIAGNOSIS: (&str, &str) = (
    "trail_silent",
    "no records are written to the log group; check that the trail is logging and may write to it",
);

/// The diagnosis of a log group that never had an event: a stable name and a sentence.
const NEVER: (&str, &str) = (
    NEVER_ANY_DATA,
    "no record has come to the log group since the stack began to check it; check that the trail is logging, that it \
     writes to this log group, and that it may",
);

/// A log group that never had an event is silent this many hours after the stack began to check it.
const NEVER_HOURS: i64 = 24;

/// The log groups to check for events, and the deadline of the check.
#[derive(Debug, Clone, Copy)]
pub struct Watched<'w> {
    /// The names of the log groups.
    pub groups: &'w [String],
    /// The id of the account that has the log groups.
    pub account_id: &'w str,
    /// The deadline in milliseconds since 1970: after it, no further hour is checked.
    pub deadline: i64,
}

/// The result of checking whether log groups still receive events.
#[derive(Debug, Default)]
pub struct FlowResult {
    /// The names of the silent log groups: usually active, but without events now; or without any event for a day.
    pub silent: Vec<String>,
    /// One error message for each log group that could not be checked. The next run checks it again.
    pub failed: Vec<String>,
}

impl FlowResult {
    /// Returns the diagnosis of the first silent log group: a stable name, and a sentence that begins with the
    /// name of the log group. `None` if no log group is silent.
    pub fn diagnosis(&self) -> Option<(String, String)> {
        let group = self.silent.first()?;
        let (name, sentence) = DIAGNOSIS;
        Some((name.to_owned(), format!("{group}: {sentence}")))
    }
}

/// The saved results, by name of the log group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Flow {
    version: u32,
    groups: BTreeMap<String, Group>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Group {
    /// The next hour to be checked.
    next: Window,
    /// The hour in which the stack began to check the log group. `None` in what an earlier version saved.
    #[serde(default)]
    watched_from: Option<Window>,
    #[serde(rename = "pulse")]
    activity: HourlyActivity<()>,
}

/// Checks for each log group whether it received events in the hours that ended since the last check.
///
/// Writes an alert for each log group that has stopped receiving events, never had any, or has events again, unless the stack sends no
/// alerts ([`TransitionWriter::sends_alerts`]).
///
/// # Errors
/// [`InspectionError`] when the store or the bucket failed. No results are saved then, and the next run checks the same
/// hours.
pub async fn look<S: TransitionWriter, B: Bucket, G: LogGroups, C: Clock>(
    store: &mut S,
    bucket: &B,
    logs: &G,
    clock: &C,
    watched: Watched<'_>,
) -> Result<FlowResult, InspectionError> {
    let sends_alerts = store.sends_alerts().await?;
    let until = over(clock.now());
    let mut flow = read(bucket.fetch(FLOW_KEY, BYTES_MAX).await?, until);
    let before = flow.clone();
    flow.groups.retain(|name, _| watched.groups.contains(name));
    let mut result = FlowResult::default();
    for name in watched.groups {
        let first = until.plus(-LOOK_BACK_HOURS);
        let group = flow.groups.entry(name.clone());
        let group = group.or_insert_with(|| Group::new(first));
        group.next = group.next.max(first);
        group.watched_from.get_or_insert(until);
        while group.next < until && clock.millis() < watched.deadline {
            let window = group.next;
            let has_events = match has_events(logs, name, window).await {
                Ok(has_events) => has_events,
                Err(error) => {
                    result.failed.push(with_causes(error.to_string(), &error));
                    break;
                }
            };
            let silent = (Silent::LogGroup(name), watched.account_id);
            let alert = group.add(window, has_events, sends_alerts, silent, clock.now());
            if let Some(alert) = alert.filter(|_| sends_alerts) {
                store.enqueue_once(&alert).await?;
            }
        }
        if group.activity.is_silent() {
            result.silent.push(name.clone());
        }
    }
    if flow != before {
        let bytes = serde_json::to_vec(&flow).unwrap_or_default();
        bucket.keep(FLOW_KEY, bytes).await?;
    }
    Ok(result)
}

/// Decodes saved results. Returns empty results if they cannot be read, or go beyond `until`.
fn read(saved: Option<Vec<u8>>, until: Window) -> Flow {
    let flow: Option<Flow> = saved.and_then(|saved| serde_json::from_slice(&saved).ok());
    let is_usable = |of: &Flow| {
        let nexts = of.groups.values().map(|group| group.next);
        of.version == VERSION && nexts.max().is_none_or(|next| next <= until)
    };
    flow.filter(is_usable).unwrap_or(Flow {
        version: VERSION,
        groups: BTreeMap::new(),
    })
}

impl Group {
    fn new(first: Window) -> Self {
        Self {
            next: first,
            watched_from: None,
            activity: HourlyActivity::new(first),
        }
    }

    /// Adds the result of an hour. Returns the alert if the log group became silent or has events again. While no alerts
    /// are sent, a log group that never had an event does not become silent, so that its alert is not lost.
    fn add(
        &mut self,
        window: Window,
        has_events: bool,
        sends_alerts: bool,
        (silent, account_id): (Silent<'_>, &str),
        now: Timestamp,
    ) -> Option<Alert> {
        self.next = window.plus(1);
        let never_had_any = self.activity.hours().next().is_none();
        let diagnosis = if never_had_any { NEVER } else { DIAGNOSIS };
        if has_events {
            let since = self.activity.add_hour(window, window.end(), ())?;
            let times = (since, window.start());
            let first = never_had_any.then_some(diagnosis);
            return Some(Alert::of_silence_end(account_id, silent, times, first, now));
        }
        let watched = self
            .watched_from
            .map(|from| self.next.hours() - from.hours());
        let is_over = sends_alerts && never_had_any && watched >= Some(NEVER_HOURS);
        let (hours, is_unusual) = match is_over {
            true => (NEVER_HOURS, true),
            false => (1, self.activity.is_steady()),
        };
        let is_announced = self.activity.add_silence(hours, is_unusual)?;
        let times = (self.activity.last, window.end());
        let alert = || Alert::of_silence(account_id, silent, times, Some(diagnosis), now);
        is_announced.then(alert)
    }
}

/// Checks whether a log group has any event of an hour. A log group that does not exist has none.
async fn has_events(
    logs: &impl LogGroups,
    group: &str,
    window: Window,
) -> Result<bool, LogGroupError> {
    let query = LogQuery {
        group: group.to_owned(),
        pattern: String::new(),
        from: window.start(),
        until: window.end(),
        page_max: Some(1),
    };
    let mut token = None;
    for _ in 0..PAGES_MAX {
        let page = match logs.events(&query, token.as_deref()).await {
            Ok(page) => page,
            Err(LogGroupError::NoGroup { .. }) => return Ok(false),
            Err(error) => return Err(error),
        };
        if !page.events.is_empty() {
            return Ok(true);
        }
        token = page.next;
        if token.is_none() {
            return Ok(false);
        }
    }
    Ok(true)
}
