//! Carries the decisions of people, and the journals, over from a file whose clusters have ids of an earlier version of the identity.
//!
//! Old and new clusters hold the same events, and `clusters::carry` finds them by these. A repeated run changes nothing that was
//! carried over.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context as _, bail};
use clusters::EventId;
use clusters::carry::{Inheritance, OldCluster, OldClusters, Successors, inherit, successors};
use clusters::fingerprint::ClusterId;
use clusters::transition::Transition;
use pollster::block_on;
use records::time::Timestamp;
use service::carry::{Carried, hand_over};
use service::inspect::Recorded;
use service::ports::{Store as _, TriageStore as _};
use sqlite::{SqliteStore, old_store};

use crate::counts::counted;
use crate::inputs::shown;
use crate::output;

/// Reads the clusters about which people decided from the SQLite file at `path`, which stays unchanged.
///
/// # Errors
/// Fails if the file does not exist, is no store, or cannot be read.
pub fn read(path: &Path) -> anyhow::Result<OldClusters> {
    if !path.exists() {
        bail!("{}: no such file", shown(path));
    }
    old_store::read(path).with_context(|| shown(path))
}

/// Carries decisions and journals over from `old`, which was read from the file `name`, to the clusters of `store` that hold the
/// same events. Prints to stderr how much was carried over, and each old cluster without a successor.
///
/// # Errors
/// Fails if the store cannot be read or written, or if another user decided about a cluster at the same time.
pub fn carry_over(store: &SqliteStore, old: &OldClusters, name: &str) -> anyhow::Result<()> {
    let events: BTreeSet<EventId> = old.events.iter().map(|(event, _)| *event).collect();
    let mut now_in = BTreeMap::new();
    for event in events {
        now_in.extend(store.cluster_of(event)?.map(|cluster| (event, cluster)));
    }
    let now_in = |event| now_in.get(&event).copied();
    let successors = successors(old.events.iter().copied(), now_in);
    let inherited = renumbered(store, inherit(&old.clusters, &successors))?;
    let carried = block_on(hand_over(store, &inherited))?;
    complain(name, &old.clusters, &successors, carried);
    Ok(())
}

/// Prints to stderr what was carried over from the store `name`, and each old cluster without a successor.
pub fn complain(
    name: &str,
    old: &BTreeMap<ClusterId, OldCluster>,
    successors: &Successors,
    carried: Carried,
) {
    output::complain(&format!("{name}: {}", sentence(carried)));
    for (cluster, decided) in old {
        if !successors.contains_key(cluster) {
            output::complain(&format!("{name}: {}", not_carried(*cluster, decided)));
        }
    }
}

/// Gives decisions and entries the numbers of the episodes that the clusters of `store` have, because parts of a cluster have other
/// episodes than the whole.
fn renumbered(
    store: &SqliteStore,
    inherited: BTreeMap<ClusterId, Inheritance>,
) -> anyhow::Result<BTreeMap<ClusterId, Inheritance>> {
    if inherited.is_empty() {
        return Ok(inherited);
    }
    let (snapshot, events) = block_on(store.whole(false))?;
    let mut resolutions = block_on(store.resolutions())?;
    for (cluster, inheritance) in &inherited {
        let said = inheritance.journal.iter();
        let said = said.filter_map(|entry| Some((entry.at, entry.what.said()?)));
        resolutions.entry(*cluster).or_default().extend(said);
    }
    let recorded = Recorded {
        events: &events,
        facts: &snapshot.facts,
        resolutions: &resolutions,
    };
    let story = recorded.replay(None).story;
    let renumbered = inherited.into_iter().map(|(cluster, inheritance)| {
        let inheritance = inheritance.in_episodes(|at| episode(&story, cluster, at));
        (cluster, inheritance)
    });
    Ok(renumbered.collect())
}

/// Returns the number of a cluster's episode at a moment, from 1.
fn episode(story: &[Transition], cluster: ClusterId, at: Timestamp) -> i64 {
    let is_before = |of: &&Transition| of.cluster == Some(cluster) && of.at <= at;
    let until = story.iter().filter(is_before);
    until.map(|of| of.episode).max().unwrap_or(1)
}

fn sentence(carried: Carried) -> String {
    let Carried { decisions, entries } = carried;
    match decisions + entries {
        0 => "nothing to carry over that is not there already".to_owned(),
        _ => format!(
            "carried over: {}, {}",
            counted(decisions, "decision"),
            match entries {
                1 => "1 entry of a journal".to_owned(),
                entries => format!("{entries} entries of journals"),
            }
        ),
    }
}

/// Returns a sentence about an old cluster that is in no cluster of the store.
fn not_carried(cluster: ClusterId, decided: &OldCluster) -> String {
    let state = decided.triage.as_ref().map_or_else(
        || format!("a journal of {} entries", decided.journal.len()),
        |triage| format!("{} by {}", triage.decision, triage.actor),
    );
    format!("not carried over: {cluster}, {state}: none of its events was found")
}
