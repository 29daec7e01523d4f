//! Gaps: the hours in which an account that always has failures has none at all. Then it is more
//! likely that they are not seen than that all of them are gone, and nothing recovers meanwhile.

use std::collections::{BTreeMap, BTreeSet};

use crate::cluster::campaign::Deed;
use crate::cluster::fingerprint::ClusterId;
use crate::trail::time::{EventTime, Window};

/// An account's rhythm is known when it had failures in so many of so many hours.
const RHYTHM: (usize, usize) = (20, 24);

/// And of so many different clusters: one or two may really be over.
const CLUSTERS_LEAST: usize = 3;

/// So many hours without any failure are a gap.
const GAP_HOURS: i64 = 3;

/// A time in which an account had no failure at all against its own rhythm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// The last event before it.
    pub since: EventTime,
    /// When it was noticed: at a full hour.
    pub noticed: EventTime,
    /// The first event after it; `None` while it lasts.
    pub until: Option<EventTime>,
}

/// What an account had in an hour.
#[derive(Debug)]
struct Hour {
    clusters: BTreeSet<ClusterId>,
    first: EventTime,
    last: EventTime,
}

/// Finds the gaps of each account, as of a moment. Deeds are in the order of time.
pub fn gaps(deeds: &[Deed<'_>], as_of: EventTime) -> BTreeMap<String, Vec<Gap>> {
    let mut accounts: BTreeMap<&str, BTreeMap<Window, Hour>> = BTreeMap::new();
    for deed in deeds {
        let hours = accounts.entry(&deed.facts.identity.account_id).or_default();
        let hour = hours.entry(deed.at.window()).or_insert_with(|| Hour {
            clusters: BTreeSet::new(),
            first: deed.at,
            last: deed.at,
        });
        hour.clusters.insert(deed.sighting.case.cluster);
        hour.last = deed.at;
    }
    let of_account = |(account, hours): (&str, BTreeMap<Window, Hour>)| {
        let gaps = of_hours(&hours, as_of);
        (!gaps.is_empty()).then(|| (account.to_owned(), gaps))
    };
    accounts.into_iter().filter_map(of_account).collect()
}

fn of_hours(hours: &BTreeMap<Window, Hour>, as_of: EventTime) -> Vec<Gap> {
    let mut found = Vec::new();
    let ordered: Vec<(&Window, &Hour)> = hours.iter().collect();
    for (place, (window, hour)) in ordered.iter().enumerate() {
        let next = ordered.get(place + 1).map(|(_, next)| next.first);
        let ends = next.unwrap_or(as_of).window().hours();
        if ends - window.hours() <= GAP_HOURS || !has_rhythm(&ordered[..=place]) {
            continue;
        }
        let noticed = (window.hours() + 1 + GAP_HOURS) * 3600;
        if let Some(noticed) = EventTime::from_seconds(noticed) {
            found.push(Gap {
                since: hour.last,
                noticed,
                until: next,
            });
        }
    }
    found
}

/// Tells whether the hours that end with the last one have a rhythm.
fn has_rhythm(hours: &[(&Window, &Hour)]) -> bool {
    let Some((last, _)) = hours.last() else {
        return false;
    };
    let recent = hours.iter().rev();
    let recent = recent.take_while(|(window, _)| last.hours() - window.hours() < RHYTHM.1 as i64);
    let mut count = 0;
    let mut clusters: BTreeSet<ClusterId> = BTreeSet::new();
    for (_, hour) in recent {
        count += 1;
        clusters.extend(&hour.clusters);
    }
    count >= RHYTHM.0 && clusters.len() >= CLUSTERS_LEAST
}
