//! Keeps the list of gaps: hours of log groups whose events did not all reach the function.
//!
//! A gap is an hour in which deliveries failed, or a time without a right subscription. A gap stays open
//! until a run has read its time again, for a week at most. The store keeps event ids for longer than a
//! week, and so recognizes events that are read twice.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

use records::time::{Timestamp, Window};
use serde::{Deserialize, Serialize};

use crate::ingest::backfill::Checkpoint;
use crate::ingest::diagnosis::SilenceCause;
use crate::ports::Failures;

/// The number of hours before the current hour in which lost events are searched.
pub const LOOK_BACK_HOURS: i64 = 24;

/// The number of hours after which an open gap is given up. Event ids are stored for eight days at least,
/// so that repeated events are recognized within this time.
const OPEN_HOURS: i64 = 7 * 24;

/// The number of hours before a failed delivery in which its records may have been logged. A delivery
/// may be tried shortly after the full hour.
const DELIVERY_HOURS: i64 = 1;

/// The same for an event that the function dropped: it may have waited for six hours
/// (`MaximumEventAgeInSeconds` in template.yaml). An event that is saved in the bucket is not lost.
const DROPPED_HOURS: i64 = 6;

/// During an outage, each read begins this many seconds before the end of the last one. CloudWatch Logs
/// may not yet find events that were logged a moment ago.
const OVERLAP_SECONDS: i64 = 15 * 60;

/// The version of the encoding. A saved list of another version is not used.
const VERSION: u32 = 1;

/// The known gaps of all log groups: hours with failed deliveries, and times without a right subscription. The list is
/// saved from one inspection to the next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gaps {
    version: u32,
    groups: BTreeMap<String, Group>,
}

/// The state of one log group.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Group {
    /// When the subscription was last seen right, rounded down to the full hour. So the saved list changes
    /// at most once an hour by this.
    #[serde(rename = "right")]
    last_right: Option<Timestamp>,
    /// The last time without a right subscription, until it is read.
    outage: Option<Outage>,
    /// The number of lost events by hour; hours without losses are missing.
    hours: BTreeMap<Window, LostEvents>,
    /// The progress within the hour part that was read only in part.
    #[serde(rename = "begun")]
    progress: Option<PartProgress>,
}

/// A time without a right subscription.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Outage {
    /// The first moment that is not read yet.
    from: Timestamp,
    /// When the subscription was seen right again; `None` during the outage.
    until: Option<Timestamp>,
}

/// The number of events lost in an hour.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
struct LostEvents {
    /// The highest number that the metrics have shown so far.
    #[serde(rename = "known")]
    count: u64,
    /// The value of `count` when the hour was last read again; 0 if it never was.
    #[serde(rename = "healed")]
    repaired: u64,
}

/// Where to continue within an hour part: the part, and the token of its next page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct PartProgress {
    from: Timestamp,
    until: Timestamp,
    token: String,
}

/// A time range within one hour of a log group, whose events are to be read again.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct HourPart {
    /// The first moment of the time range.
    pub from: Timestamp,
    /// The name of the log group.
    pub group: String,
    /// The first moment after the time range, at the latest the end of the hour.
    pub until: Timestamp,
    /// The token of the page of CloudWatch Logs to continue with; `None` to begin with the first page.
    pub token: Option<String>,
}

/// Whether the subscription of a log group sends the log group's events to the stack's function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubscriptionState {
    /// The subscription has the expected pattern and function.
    Right,
    /// The subscription is missing or different. Events logged during this time have to be read again.
    Wrong,
    /// The subscription could not be checked, or the log group does not exist.
    Unknown,
}

/// The saved list of gaps cannot be read. The list begins empty, and the last hours are searched again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the saved list of gaps cannot be read; gaps are searched again in the last {LOOK_BACK_HOURS} hours: {detail}"
)]
pub struct GapsError {
    detail: String,
}

impl SubscriptionState {
    /// Returns the state of a subscription from the diagnosis of its log group; `None` means that nothing is wrong.
    pub fn of(diagnosis: Option<&SilenceCause>) -> Self {
        match diagnosis {
            None => Self::Right,
            Some(
                SilenceCause::NoFilter
                | SilenceCause::Elsewhere { .. }
                | SilenceCause::OtherPattern { .. },
            ) => Self::Wrong,
            Some(SilenceCause::NoGroup) => Self::Unknown,
        }
    }
}

impl Default for Gaps {
    /// Returns an empty list without log groups.
    fn default() -> Self {
        Self {
            version: VERSION,
            groups: BTreeMap::new(),
        }
    }
}

impl Gaps {
    /// Restricts the list to the log groups `groups`, and drops gaps from more than a week before `now`, which are not
    /// read again any more.
    ///
    /// Call this first: the other methods ignore log groups that are not in the list.
    pub fn retain_groups(&mut self, groups: &[String], now: Timestamp) {
        let names: BTreeSet<&String> = groups.iter().collect();
        self.groups.retain(|name, _| names.contains(name));
        for name in groups {
            self.groups.entry(name.clone()).or_default();
        }
        let (searched_from, open_from) = (
            first(now),
            now.window()
                .plus(-OPEN_HOURS)
                .max(Timestamp::FIRST.window()),
        );
        for group in self.groups.values_mut() {
            group.hours.retain(|hour, lost| {
                *hour >= searched_from || lost.is_open() && *hour >= open_from
            });
            if let Some(outage) = &mut group.outage {
                outage.from = outage.from.max(open_from.start());
            }
            group.drop_read_outage();
        }
    }

    /// Notes the state of a log group's subscription at `now`.
    ///
    /// `Wrong` begins an outage at the last time the subscription was seen right, at most [`LOOK_BACK_HOURS`] ago.
    /// `Right` ends the outage. `Unknown` changes nothing.
    pub fn note_subscription(&mut self, group: &str, state: SubscriptionState, now: Timestamp) {
        let Some(group) = self.groups.get_mut(group) else {
            return;
        };
        match (state, &mut group.outage) {
            (SubscriptionState::Right, outage) => {
                if let Some(outage) = outage {
                    outage.until.get_or_insert(now);
                }
                group.last_right = Some(now.window().start());
            }
            (SubscriptionState::Wrong, Some(outage)) => outage.until = None,
            (SubscriptionState::Wrong, outage) => {
                let earliest = now.after(-LOOK_BACK_HOURS * 3600).unwrap_or(now);
                let from = group
                    .last_right
                    .map_or(earliest, |right| right.max(earliest));
                *outage = Some(Outage { from, until: None });
            }
            (SubscriptionState::Unknown, _) => {}
        }
    }

    /// Notes the failed deliveries of the last [`LOOK_BACK_HOURS`], as the metrics of CloudWatch count them.
    ///
    /// Metrics come late. If the number of an hour has grown since the hour was read again, the hour becomes an open
    /// gap once more.
    pub fn note_failures(&mut self, failures: &[Failures], now: Timestamp) {
        let hours = first(now)..now.window();
        let mut shares: BTreeMap<(&str, Window), Share> = BTreeMap::new();
        for failures in failures {
            if failures.count == 0 || !hours.contains(&failures.hour) {
                continue;
            }
            let (reach, concerned): (_, Vec<&str>) = match &failures.group {
                Some(group) => (DELIVERY_HOURS, vec![group]),
                None => (
                    DROPPED_HOURS,
                    self.groups.keys().map(String::as_str).collect(),
                ),
            };
            for group in concerned {
                let own = shares.entry((group, failures.hour)).or_default();
                own.count = own.count.saturating_add(failures.count);
                for back in 1..=reach {
                    let before = failures.hour.plus(-back);
                    if hours.contains(&before) {
                        shares.entry((group, before)).or_default().is_reached = true;
                    }
                }
            }
        }
        let counts: Vec<_> = shares
            .into_iter()
            .map(|((group, hour), share)| (group.to_owned(), hour, share.total()))
            .collect();
        for (group, hour, count) in counts {
            if let Some(group) = self.groups.get_mut(&group) {
                let lost = group.hours.entry(hour).or_default();
                lost.count = lost.count.max(count);
            }
        }
    }

    /// Returns the hour parts of all open gaps, which are to be read again, the oldest first over all log groups.
    ///
    /// So no log group waits forever behind another. If a subscription is still wrong, its time is read up to `now`.
    pub fn due(&self, now: Timestamp) -> Vec<HourPart> {
        let mut due = Vec::new();
        for (name, group) in &self.groups {
            let outage = group.outage.as_ref();
            let of_outage = outage.map(|of| hour_parts(name, of.from, of.until.unwrap_or(now)));
            let mut by_hour: BTreeMap<Window, HourPart> = of_outage
                .into_iter()
                .flatten()
                .map(|part| (part.from.window(), part))
                .collect();
            let open = group.hours.iter().filter(|(_, lost)| lost.is_open());
            for (hour, _) in open {
                // The whole hour replaces the part of it that belongs to an outage.
                by_hour.extend(
                    hour_parts(name, hour.start(), hour.end())
                        .into_iter()
                        .map(|part| (*hour, part)),
                );
            }
            for mut part in by_hour.into_values() {
                let progress = group.progress.as_ref();
                let progress = progress.filter(|of| (of.from, of.until) == (part.from, part.until));
                part.token = progress.map(|progress| progress.token.clone());
                due.push(part);
            }
        }
        due.sort();
        due
    }

    /// Notes that an hour part was read up to `checkpoint`. `now` is the moment that was passed to [`Self::due`].
    ///
    /// If the part was read to its end, its gap is closed. Otherwise the token of its next page is stored.
    pub fn note_read(&mut self, part: &HourPart, checkpoint: &Checkpoint, now: Timestamp) {
        let Some(group) = self.groups.get_mut(&part.group) else {
            return;
        };
        let is_of_part = |progress: &PartProgress| progress.from == part.from;
        if checkpoint.from < part.until {
            if let Some(token) = &checkpoint.token {
                group.progress = Some(PartProgress {
                    from: part.from,
                    until: part.until,
                    token: token.clone(),
                });
            } else if group.progress.as_ref().is_some_and(is_of_part) {
                group.progress = None;
            }
            return;
        }
        if group.progress.as_ref().is_some_and(is_of_part) {
            group.progress = None;
        }
        let hour = part.from.window();
        if (part.from, part.until) == (hour.start(), hour.end())
            && let Some(lost) = group.hours.get_mut(&hour)
        {
            lost.repaired = lost.count;
        }
        if let Some(outage) = &mut group.outage
            && (part.from..part.until).contains(&outage.from)
        {
            let settled = now.after(-OVERLAP_SECONDS).unwrap_or(now);
            outage.from = match outage.until {
                Some(_) => part.until,
                None => part.until.min(settled.max(outage.from)),
            };
        }
        group.drop_read_outage();
    }

    /// Encodes the list of gaps as JSON, for [`Self::decode`].
    pub fn encode(&self) -> Vec<u8> {
        // Encoding cannot fail: all keys are texts or numbers, and the bytes go into memory.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Decodes a list of gaps that [`Self::encode`] wrote.
    ///
    /// # Errors
    /// [`GapsError`] when the bytes are not a list of gaps, or have another version. Begin with an empty list then.
    pub fn decode(bytes: &[u8]) -> Result<Self, GapsError> {
        let gaps: Self = serde_json::from_slice(bytes).map_err(|error| GapsError::new(&error))?;
        if gaps.version != VERSION {
            return Err(GapsError::new(&format!("version {}", gaps.version)));
        }
        Ok(gaps)
    }
}

impl GapsError {
    /// Creates the error that the saved list of gaps cannot be read. `detail` is the reason: the message of the JSON
    /// parser or of the bucket, or an unknown version.
    pub fn new(detail: &dyn Display) -> Self {
        Self {
            detail: detail.to_string(),
        }
    }
}

impl Group {
    /// Drops the outage if it is over and read to its end.
    fn drop_read_outage(&mut self) {
        let is_read = |of: &Outage| of.until.is_some_and(|until| of.from >= until);
        if self.outage.as_ref().is_some_and(is_read) {
            self.outage = None;
        }
    }
}

impl LostEvents {
    /// Whether events were lost since the hour was last read again.
    fn is_open(self) -> bool {
        self.count > self.repaired
    }
}

/// The losses of one hour of a log group, as the metrics show them.
#[derive(Debug, Clone, Copy, Default)]
struct Share {
    /// The number of events lost in the hour itself.
    count: u64,
    /// Whether events that were lost later may have been logged in this hour. Their number is unknown, and
    /// reading the hour once is enough: all its events are in the log group by then.
    is_reached: bool,
}

impl Share {
    fn total(self) -> u64 {
        self.count.saturating_add(self.is_reached.into())
    }
}

/// Returns the first hour that is searched for lost events.
fn first(now: Timestamp) -> Window {
    now.window().plus(-LOOK_BACK_HOURS)
}

/// Cuts the time range from `from` to before `until` of a log group into parts, at each full hour.
///
/// The first and the last part may be shorter than an hour. Returns no part if `from` is not before `until`.
pub fn hour_parts(group: &str, from: Timestamp, until: Timestamp) -> Vec<HourPart> {
    let mut parts = Vec::new();
    let mut from = from;
    while from < until {
        let end = from.window().end().min(until);
        parts.push(HourPart {
            from,
            group: group.to_owned(),
            until: end,
            token: None,
        });
        from = end;
    }
    parts
}

/// Removes the time ranges of `read` from `parts`, for each log group alone. A part whose middle was read becomes two
/// parts.
pub fn subtract(parts: Vec<HourPart>, read: &[HourPart]) -> Vec<HourPart> {
    let mut left = parts;
    for read in read {
        let rest = |part: HourPart| {
            if part.group != read.group {
                return vec![part];
            }
            let before = (part.from, part.until.min(read.from));
            let after = (part.from.max(read.until), part.until);
            let rest = |(from, until)| HourPart {
                from,
                until,
                ..part.clone()
            };
            let is_left = |(from, until): &(Timestamp, Timestamp)| from < until;
            [before, after]
                .into_iter()
                .filter(is_left)
                .map(rest)
                .collect()
        };
        left = left.into_iter().flat_map(rest).collect();
    }
    left
}

#[cfg(test)]
mod tests;
