//! What an account's hour, day or week looked like, from the inspection state as it is at its end.

use std::collections::BTreeMap;

use clusters::campaign::{Campaign, Occurrence};
use clusters::facet::FacetKind;
use clusters::fingerprint::ClusterId;
use clusters::inspection_state::{ClusterHistory, InspectionState};
use clusters::summary::{
    CAMPAIGN_LINES_MAX, CampaignLine, ClusterLine, Excerpt, KEYS_MAX, KeyLine, LINES_MAX, Period,
    Summary, TOP_MAX,
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
    inspection_state: &InspectionState,
    window: Window,
    period: Period,
    told: &[Transition],
    occurrences: &[Occurrence],
) -> Vec<Summary> {
    let until = window.end();
    let from = window.plus(1 - period.seconds() / 3600).start();
    let mut accounts: BTreeMap<&str, Vec<(ClusterId, &ClusterHistory)>> = BTreeMap::new();
    for (cluster, history) in inspection_state.histories() {
        let account = accounts.entry(&history.subject.account_id).or_default();
        account.push((*cluster, history));
    }
    let summary = |(account_id, histories): (&str, Vec<(ClusterId, &ClusterHistory)>)| {
        let summary = of_episodes(Summary::empty(account_id, period, from, until), &histories);
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

fn of_episodes(summary: Summary, histories: &[(ClusterId, &ClusterHistory)]) -> Summary {
    let (from, until) = (summary.from, summary.until);
    let count = |history: &ClusterHistory| history.count_since(from.window());
    let is_within = |at: Timestamp| at >= from && at <= until;
    let active = histories.iter().filter(|(_, history)| count(history) > 0);
    let active: Vec<(ClusterId, &ClusterHistory)> = active.copied().collect();
    let is_new = |history: &ClusterHistory| history.first >= from;
    let new = active.iter().filter(|(_, history)| is_new(history));
    Summary {
        errors: active.iter().map(|(_, history)| count(history)).sum(),
        error_clusters: active.len() as u64,
        new_errors: new.map(|(_, history)| count(history)).sum(),
        new: listed(&active, is_new, count),
        regressed: listed(
            &active,
            |history| history.episode > 1 && history.began >= from,
            count,
        ),
        recovered: listed(
            histories,
            |history| history.recovered.is_some_and(is_within),
            |history| history.count,
        ),
        escalating: listed(
            histories,
            |history| {
                history
                    .escalation
                    .is_some_and(|of| of.since >= from.window())
            },
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
    histories: &[(ClusterId, &ClusterHistory)],
    is: impl Fn(&ClusterHistory) -> bool,
    count: impl Fn(&ClusterHistory) -> u64,
) -> Excerpt<ClusterLine> {
    Excerpt::of(lines(histories, is, count), LINES_MAX)
}

fn lines(
    histories: &[(ClusterId, &ClusterHistory)],
    is: impl Fn(&ClusterHistory) -> bool,
    count: impl Fn(&ClusterHistory) -> u64,
) -> Vec<ClusterLine> {
    let line = |(cluster, history): &(ClusterId, &ClusterHistory)| {
        ClusterLine::of(*cluster, &history.subject, count(history))
    };
    let mut lines: Vec<ClusterLine> = histories
        .iter()
        .filter(|(_, history)| is(history))
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
        CAMPAIGN_LINES_MAX,
    )
}

/// Returns the access keys, those first that were seen last.
fn keys(account_id: &str, occurrences: &[Occurrence]) -> Excerpt<KeyLine> {
    let mut keys: BTreeMap<&str, &Occurrence> = BTreeMap::new();
    for occurrence in occurrences
        .iter()
        .filter(|of| of.subject.account_id == account_id)
    {
        if let Some(key) = occurrence.series.facets.get(FacetKind::AccessKey) {
            keys.insert(key, occurrence);
        }
    }
    let line = |(key, occurrence): (&str, &Occurrence)| KeyLine {
        key: key.to_owned(),
        principal: occurrence
            .series
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
