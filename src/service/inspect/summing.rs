//! What an account's hour, day or week looked like, from the chronicle as it is at its end.

use std::collections::BTreeMap;

use clusters::campaign::{Campaign, Occurrence};
use clusters::facet::FacetKind;
use clusters::fingerprint::ClusterId;
use clusters::inspection_state::{ClusterHistory, InspectionState};
use clusters::summary::{
    CampaignLine, ClusterLine, Excerpt, KEYS_MAX, KeyLine, LINES_MAX, Period, STORMS_MAX, Summary,
    TOP_MAX,
};
use clusters::transition::{Change, Transition};
use records::time::{Timestamp, Window};

/// Which periods end with an hour: the hour itself, a day of UTC, and a week that begins on Monday.
pub fn periods(window: Window) -> impl Iterator<Item = Period> {
    let end = window.hours() + 1;
    let is_day = end.rem_euclid(24) == 0;
    // The first of January 1970 was a Thursday.
    let is_week = is_day && (end.div_euclid(24) + 3).rem_euclid(7) == 0;
    let ends = move |of: &Period| match of {
        Period::Hour => true,
        Period::Day => is_day,
        Period::Week => is_week,
    };
    [Period::Hour, Period::Day, Period::Week]
        .into_iter()
        .filter(ends)
}

/// Sums a period up for each account that is known. The transitions and the occurrences are those of its last
/// hour: campaigns and access keys stand in the summary of an hour alone.
pub fn summaries(
    chronicle: &InspectionState,
    window: Window,
    period: Period,
    told: &[Transition],
    occurrences: &[Occurrence],
) -> Vec<Summary> {
    let until = window.end();
    let from = window.plus(1 - period.seconds() / 3600).start();
    let mut accounts: BTreeMap<&str, Vec<(ClusterId, &ClusterHistory)>> = BTreeMap::new();
    for (cluster, life) in chronicle.lives() {
        let account = accounts.entry(&life.subject.account_id).or_default();
        account.push((*cluster, life));
    }
    let summary = |(account_id, lives): (&str, Vec<(ClusterId, &ClusterHistory)>)| {
        let summary = of_lives(Summary::empty(account_id, period, from, until), &lives);
        if period != Period::Hour {
            return summary;
        }
        Summary {
            campaigns: campaigns(account_id, told),
            keys: keys(account_id, occurrences),
            ..summary
        }
    };
    accounts.into_iter().map(summary).collect()
}

fn of_lives(summary: Summary, lives: &[(ClusterId, &ClusterHistory)]) -> Summary {
    let (from, until) = (summary.from, summary.until);
    let count = |life: &ClusterHistory| life.count_since(from.window());
    let is_within = |at: Timestamp| at >= from && at <= until;
    let active = lives.iter().filter(|(_, life)| count(life) > 0);
    let active: Vec<(ClusterId, &ClusterHistory)> = active.copied().collect();
    let is_new = |life: &ClusterHistory| life.first >= from;
    let new = active.iter().filter(|(_, life)| is_new(life));
    Summary {
        errors: active.iter().map(|(_, life)| count(life)).sum(),
        error_clusters: active.len() as u64,
        new_errors: new.map(|(_, life)| count(life)).sum(),
        new: listed(&active, is_new, count),
        regressed: listed(&active, |life| life.epoch > 1 && life.began >= from, count),
        recovered: listed(
            lives,
            |life| life.recovered.is_some_and(is_within),
            |life| life.count,
        ),
        escalating: listed(
            lives,
            |life| life.escalation.is_some_and(|of| of.since >= from.window()),
            count,
        ),
        top: {
            let mut top = lines(&active, |_| true, count);
            top.truncate(TOP_MAX);
            top
        },
        ..summary
    }
}

fn listed(
    lives: &[(ClusterId, &ClusterHistory)],
    is: impl Fn(&ClusterHistory) -> bool,
    count: impl Fn(&ClusterHistory) -> u64,
) -> Excerpt<ClusterLine> {
    Excerpt::of(lines(lives, is, count), LINES_MAX)
}

fn lines(
    lives: &[(ClusterId, &ClusterHistory)],
    is: impl Fn(&ClusterHistory) -> bool,
    count: impl Fn(&ClusterHistory) -> u64,
) -> Vec<ClusterLine> {
    let line = |(cluster, life): &(ClusterId, &ClusterHistory)| {
        ClusterLine::of(*cluster, &life.subject, count(life))
    };
    let mut lines: Vec<ClusterLine> = lives
        .iter()
        .filter(|(_, life)| is(life))
        .map(line)
        .collect();
    ClusterLine::sort(&mut lines);
    lines
}

fn campaigns(account_id: &str, told: &[Transition]) -> Excerpt<CampaignLine> {
    let mut latest: BTreeMap<&str, &Campaign> = BTreeMap::new();
    for transition in told.iter().filter(|of| of.account_id == account_id) {
        if let Change::Campaign(campaign)
        | Change::CampaignGrew { campaign, .. }
        | Change::CampaignEnded(campaign) = &transition.change
        {
            latest.insert(&campaign.actor, campaign);
        }
    }
    Excerpt::of(
        latest.into_values().map(CampaignLine::of).collect(),
        STORMS_MAX,
    )
}

/// Returns the access keys, those first that were seen last.
fn keys(account_id: &str, occurrences: &[Occurrence]) -> Excerpt<KeyLine> {
    let mut keys: BTreeMap<&str, &Occurrence> = BTreeMap::new();
    for occurrence in occurrences
        .iter()
        .filter(|of| of.subject.account_id == account_id)
    {
        if let Some(key) = occurrence.case.facets.get(FacetKind::AccessKey) {
            keys.insert(key, occurrence);
        }
    }
    let line = |(key, occurrence): (&str, &Occurrence)| KeyLine {
        key: key.to_owned(),
        principal: occurrence
            .case
            .facets
            .get(FacetKind::Principal)
            .unwrap_or_default()
            .to_owned(),
        last_seen: occurrence.at,
        last_used: None,
        service: None,
        region: None,
    };
    let mut lines: Vec<KeyLine> = keys.into_iter().map(line).collect();
    lines.sort_by(|one, other| (other.last_seen, &one.key).cmp(&(one.last_seen, &other.key)));
    Excerpt::of(lines, KEYS_MAX)
}
