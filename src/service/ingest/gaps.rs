//! Gaps in what came from log groups: which hours are still to be read again, and which were.
//!
//! A gap is an hour of which something was lost on the way to the function, or a time in which nobody was
//! subscribed. It is owed until it was read, whichever run does it, and for a week at most: further back
//! than events are kept, what is read again would count again.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

use records::time::{Timestamp, Window};
use serde::{Deserialize, Serialize};

use crate::ingest::backfill::Checkpoint;
use crate::ingest::diagnosis::SilenceCause;
use crate::ports::Failures;

/// How many hours before the current one are searched for lost events.
pub const LOOK_BACK_HOURS: i64 = 24;

/// For how many hours a gap is owed: less than the eight days for which ids of events are kept at least.
const OWED_HOURS: i64 = 7 * 24;

/// How many hours before the one in which a delivery failed its records may have been logged: it may be
/// tried shortly after a full hour.
const DELIVERY_HOURS: i64 = 1;

/// The same where an event of the function was lost: that may wait for six hours before (`MaximumEventAgeInSeconds`
/// in template.yaml). What lies in the bucket is not lost.
const DROPPED_HOURS: i64 = 6;

/// How much of what was read last is read again while nobody is subscribed, in seconds: what was logged a
/// moment ago may not be found yet.
const OVERLAP_SECONDS: i64 = 15 * 60;

/// The version of the encoding. Another one begins anew.
const VERSION: u32 = 1;

/// The known gaps in the data of all log groups, kept between inspections.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gaps {
    version: u32,
    groups: BTreeMap<String, Group>,
}

/// What is remembered of a log group.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Group {
    /// When its subscription was last known to be right, at the full hour before, so that it is written down
    /// once an hour and no oftener.
    right: Option<Timestamp>,
    /// Since when it is wrong, or was.
    outage: Option<Outage>,
    /// The hours in which something was lost.
    hours: BTreeMap<Window, LostEvents>,
    /// A piece that is read in part.
    begun: Option<PartProgress>,
}

/// A time in which nobody was subscribed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Outage {
    /// The beginning of what is not read yet.
    from: Timestamp,
    /// When it was seen to be over, if it was.
    until: Option<Timestamp>,
}

/// How much was lost in an hour.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
struct LostEvents {
    /// As far as is known.
    known: u64,
    /// As far as was known when the hour was last read again.
    #[serde(rename = "healed")]
    repaired: u64,
}

/// Where to go on within a piece.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct PartProgress {
    from: Timestamp,
    until: Timestamp,
    token: String,
}

/// What is read as one: a part of one hour of a log group.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct HourPart {
    /// Its beginning.
    pub from: Timestamp,
    /// The log group.
    pub group: String,
    /// The first moment after it.
    pub until: Timestamp,
    /// The page at which to go on, if it was begun.
    pub token: Option<String>,
}

/// How a subscription stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubscriptionState {
    /// It hands over what it should.
    Right,
    /// It does not: what is logged meanwhile has to be read.
    Wrong,
    /// Nobody can tell, or there is nothing to read.
    Unknown,
}

/// Why bytes are no gaps: they are looked for anew.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the saved list of gaps cannot be read; gaps are searched again in the last {LOOK_BACK_HOURS} hours: {detail}"
)]
pub struct GapsError {
    detail: String,
}

impl SubscriptionState {
    /// Concludes from what is wrong with a subscription, if anything is.
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
    /// Nothing is known.
    fn default() -> Self {
        Self {
            version: VERSION,
            groups: BTreeMap::new(),
        }
    }
}

impl Gaps {
    /// Keeps to these log groups, and forgets what is over. To be called first.
    pub fn keep_to(&mut self, groups: &[String], now: Timestamp) {
        let names: BTreeSet<&String> = groups.iter().collect();
        self.groups.retain(|name, _| names.contains(name));
        for name in groups {
            self.groups.entry(name.clone()).or_default();
        }
        let (seen_from, owed_from) = (
            first(now),
            now.window()
                .plus(-OWED_HOURS)
                .max(Timestamp::FIRST.window()),
        );
        for group in self.groups.values_mut() {
            group
                .hours
                .retain(|hour, lost| *hour >= seen_from || lost.is_owed() && *hour >= owed_from);
            if let Some(outage) = &mut group.outage {
                outage.from = outage.from.max(owed_from.start());
            }
            group.end_outage();
        }
    }

    /// Takes in how the subscription of a log group stands.
    pub fn stands(&mut self, group: &str, standing: SubscriptionState, now: Timestamp) {
        let Some(group) = self.groups.get_mut(group) else {
            return;
        };
        match (standing, &mut group.outage) {
            (SubscriptionState::Right, outage) => {
                if let Some(outage) = outage {
                    outage.until.get_or_insert(now);
                }
                group.right = Some(now.window().start());
            }
            (SubscriptionState::Wrong, Some(outage)) => outage.until = None,
            (SubscriptionState::Wrong, outage) => {
                let earliest = now.after(-LOOK_BACK_HOURS * 3600).unwrap_or(now);
                let from = group.right.map_or(earliest, |right| right.max(earliest));
                *outage = Some(Outage { from, until: None });
            }
            (SubscriptionState::Unknown, _) => {}
        }
    }

    /// Takes in what CloudWatch says was lost in the last hours. How much it was may still grow, as metrics
    /// come late; an hour of which it did is owed again.
    pub fn lost(&mut self, failures: &[Failures], now: Timestamp) {
        let hours = first(now)..now.window();
        let mut owed: BTreeMap<(&str, Window), Share> = BTreeMap::new();
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
                let own = owed.entry((group, failures.hour)).or_default();
                own.count = own.count.saturating_add(failures.count);
                for back in 1..=reach {
                    let before = failures.hour.plus(-back);
                    if hours.contains(&before) {
                        owed.entry((group, before)).or_default().is_reached = true;
                    }
                }
            }
        }
        let known: Vec<_> = owed
            .into_iter()
            .map(|((group, hour), share)| (group.to_owned(), hour, share.known()))
            .collect();
        for (group, hour, count) in known {
            if let Some(group) = self.groups.get_mut(&group) {
                let lost = group.hours.entry(hour).or_default();
                lost.known = lost.known.max(count);
            }
        }
    }

    /// Returns what is to be read now, the oldest first, so that no log group waits for ever behind another.
    pub fn due(&self, now: Timestamp) -> Vec<HourPart> {
        let mut due = Vec::new();
        for (name, group) in &self.groups {
            let outage = group.outage.as_ref();
            let of_outage = outage.map(|of| pieces(name, of.from, of.until.unwrap_or(now)));
            let mut by_hour: BTreeMap<Window, HourPart> = of_outage
                .into_iter()
                .flatten()
                .map(|piece| (piece.from.window(), piece))
                .collect();
            let owed = group.hours.iter().filter(|(_, lost)| lost.is_owed());
            for (hour, _) in owed {
                // All of the hour, and so more than an outage has of it.
                by_hour.extend(
                    pieces(name, hour.start(), hour.end())
                        .into_iter()
                        .map(|piece| (*hour, piece)),
                );
            }
            for mut piece in by_hour.into_values() {
                let begun = group.begun.as_ref();
                let begun = begun.filter(|of| (of.from, of.until) == (piece.from, piece.until));
                piece.token = begun.map(|begun| begun.token.clone());
                due.push(piece);
            }
        }
        due.sort();
        due
    }

    /// Takes in how far a piece was read, at the moment for which it was due.
    pub fn read(&mut self, piece: &HourPart, mark: &Checkpoint, now: Timestamp) {
        let Some(group) = self.groups.get_mut(&piece.group) else {
            return;
        };
        let is_of_piece = |begun: &PartProgress| begun.from == piece.from;
        if mark.from < piece.until {
            if let Some(token) = &mark.token {
                group.begun = Some(PartProgress {
                    from: piece.from,
                    until: piece.until,
                    token: token.clone(),
                });
            } else if group.begun.as_ref().is_some_and(is_of_piece) {
                group.begun = None;
            }
            return;
        }
        if group.begun.as_ref().is_some_and(is_of_piece) {
            group.begun = None;
        }
        let hour = piece.from.window();
        if (piece.from, piece.until) == (hour.start(), hour.end())
            && let Some(lost) = group.hours.get_mut(&hour)
        {
            lost.repaired = lost.known;
        }
        if let Some(outage) = &mut group.outage
            && (piece.from..piece.until).contains(&outage.from)
        {
            let settled = now.after(-OVERLAP_SECONDS).unwrap_or(now);
            outage.from = match outage.until {
                Some(_) => piece.until,
                None => piece.until.min(settled.max(outage.from)),
            };
        }
        group.end_outage();
    }

    /// Returns it as bytes.
    pub fn encode(&self) -> Vec<u8> {
        // It cannot fail: all keys are texts and numbers, and it is written into memory.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Reads what [`Self::encode`] wrote.
    ///
    /// # Errors
    /// [`GapsError`] for anything else.
    pub fn decode(bytes: &[u8]) -> Result<Self, GapsError> {
        let gaps: Self = serde_json::from_slice(bytes).map_err(|error| GapsError::of(&error))?;
        if gaps.version != VERSION {
            return Err(GapsError::of(&format!("version {}", gaps.version)));
        }
        Ok(gaps)
    }
}

impl GapsError {
    /// Makes the error from a parser's message.
    pub fn of(detail: &dyn Display) -> Self {
        Self {
            detail: detail.to_string(),
        }
    }
}

impl Group {
    /// Forgets an outage that is over and read.
    fn end_outage(&mut self) {
        let is_read = |of: &Outage| of.until.is_some_and(|until| of.from >= until);
        if self.outage.as_ref().is_some_and(is_read) {
            self.outage = None;
        }
    }
}

impl LostEvents {
    fn is_owed(self) -> bool {
        self.known > self.repaired
    }
}

/// What is said of an hour.
#[derive(Debug, Clone, Copy, Default)]
struct Share {
    /// What was lost in it.
    count: u64,
    /// Whether what was lost later may have been logged in it. How much of it was, nobody can tell, and once
    /// is enough: all that is logged in it is there to be read by then.
    is_reached: bool,
}

impl Share {
    fn known(self) -> u64 {
        self.count.saturating_add(self.is_reached.into())
    }
}

/// Returns the first hour that is looked at.
fn first(now: Timestamp) -> Window {
    now.window().plus(-LOOK_BACK_HOURS)
}

/// Cuts a range of a log group into its hours.
pub fn pieces(group: &str, from: Timestamp, until: Timestamp) -> Vec<HourPart> {
    let mut pieces = Vec::new();
    let mut from = from;
    while from < until {
        let end = from.window().end().min(until);
        pieces.push(HourPart {
            from,
            group: group.to_owned(),
            until: end,
            token: None,
        });
        from = end;
    }
    pieces
}

/// Returns what is left of pieces without what was read already.
pub fn without(pieces: Vec<HourPart>, read: &[HourPart]) -> Vec<HourPart> {
    let mut left = pieces;
    for read in read {
        let rest = |piece: HourPart| {
            if piece.group != read.group {
                return vec![piece];
            }
            let before = (piece.from, piece.until.min(read.from));
            let after = (piece.from.max(read.until), piece.until);
            let rest = |(from, until)| HourPart {
                from,
                until,
                ..piece.clone()
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
