//! Whether log groups flow: a log group that has events every hour and then has none at all is one that
//! the trail does not write to any more, and no failure of any account would be seen.
//!
//! One event of each hour is asked for, whatever it is. What is remembered of the last day is one
//! object in the bucket; without it, the last day is looked at anew.

use std::collections::BTreeMap;

use alerts::alert::Alert;
use alerts::alert::inspected::Silent;
use clusters::inspection_state::hourly_activity::HourlyActivity;
use records::time::{Timestamp, Window};
use serde::{Deserialize, Serialize};

use crate::inspect::run::{InspectionError, over};
use crate::ports::{
    Bucket, Clock, LogGroupError, LogGroups, LogQuery, TransitionWriter, with_causes,
};

/// Where it is kept what is remembered.
pub const FLOW_KEY: &str = "inspection/log-groups";

/// How long that may be, in bytes.
const BYTES_MAX: usize = 1 << 20;

/// How many hours are looked at that were not before.
const LOOK_BACK_HOURS: i64 = 24;

/// After so many pages without an event and without an end, an hour is taken to have some.
const PAGES_MAX: usize = 50;

/// The version of the encoding. Another one is looked at anew.
const VERSION: u32 = 1;

/// What is said of why a log group is silent: a stable name and a sentence.
const DIAGNOSIS: (&str, &str) = (
    "trail_silent",
    "no records are written to the log group; check that the trail is logging and may write to it",
);

/// Which log groups are looked at.
#[derive(Debug, Clone, Copy)]
pub struct Watched<'w> {
    /// Their names.
    pub groups: &'w [String],
    /// The account that they are in.
    pub account_id: &'w str,
    /// When looking has to be over, in milliseconds since 1970.
    pub deadline: i64,
}

/// What looking found.
#[derive(Debug, Default)]
pub struct FlowResult {
    /// The log groups that are silent.
    pub silent: Vec<String>,
    /// What could not be looked at; the next run does.
    pub failed: Vec<String>,
}

impl FlowResult {
    /// Returns what is wrong with the first log group that is silent: a stable name and a sentence.
    pub fn diagnosis(&self) -> Option<(String, String)> {
        let group = self.silent.first()?;
        let (name, sentence) = DIAGNOSIS;
        Some((name.to_owned(), format!("{group}: {sentence}")))
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Flow {
    version: u32,
    groups: BTreeMap<String, Group>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Group {
    /// The next hour to be looked at.
    next: Window,
    #[serde(rename = "pulse")]
    activity: HourlyActivity<()>,
}

/// Looks at the hours that are over since the last time, and tells of log groups that fell silent or
/// have events again.
///
/// # Errors
/// [`InspectionError`], after which nothing is remembered: the next run looks again.
pub async fn look<S: TransitionWriter, B: Bucket, G: LogGroups, C: Clock>(
    store: &mut S,
    bucket: &B,
    logs: &G,
    clock: &C,
    watched: Watched<'_>,
) -> Result<FlowResult, InspectionError> {
    let is_telling = store.is_telling().await?;
    let until = over(clock.now());
    let mut flow = read(bucket.fetch(FLOW_KEY, BYTES_MAX).await?, until);
    let before = flow.clone();
    flow.groups.retain(|name, _| watched.groups.contains(name));
    let mut looked = FlowResult::default();
    for name in watched.groups {
        let first = until.plus(-LOOK_BACK_HOURS);
        let group = flow.groups.entry(name.clone());
        let group = group.or_insert_with(|| Group::new(first));
        group.next = group.next.max(first);
        while group.next < until && clock.millis() < watched.deadline {
            let window = group.next;
            let has_events = match has_events(logs, name, window).await {
                Ok(has_events) => has_events,
                Err(error) => {
                    looked.failed.push(with_causes(error.to_string(), &error));
                    break;
                }
            };
            let told = group.take(window, has_events, name, watched.account_id, clock.now());
            if let Some(alert) = told.filter(|_| is_telling) {
                store.tell_once(&alert).await?;
            }
        }
        if group.activity.is_silent() {
            looked.silent.push(name.clone());
        }
    }
    if flow != before {
        let kept = serde_json::to_vec(&flow).unwrap_or_default();
        bucket.keep(FLOW_KEY, kept).await?;
    }
    Ok(looked)
}

/// Reads what was remembered; what cannot be read is looked at anew.
fn read(kept: Option<Vec<u8>>, until: Window) -> Flow {
    let flow: Option<Flow> = kept.and_then(|kept| serde_json::from_slice(&kept).ok());
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
            activity: HourlyActivity::new(first),
        }
    }

    /// Takes an hour; returns what is told of it.
    fn take(
        &mut self,
        window: Window,
        has_events: bool,
        name: &str,
        account_id: &str,
        now: Timestamp,
    ) -> Option<Alert> {
        self.next = window.plus(1);
        let silent = Silent::LogGroup(name);
        if has_events {
            let since = self.activity.beat(window, window.end(), ())?;
            let times = (since, window.start());
            return Some(Alert::of_data_again(account_id, silent, times, now));
        }
        let is_told = self.activity.miss(1, self.activity.is_steady())?;
        let times = (self.activity.last, window.end());
        let told = || Alert::of_silence(account_id, silent, times, Some(DIAGNOSIS), now);
        is_told.then(told)
    }
}

/// Tells whether a log group has any event of an hour; one that is not there has none.
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
