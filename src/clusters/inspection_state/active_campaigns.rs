//! Campaigns from hour to hour: each is told when it opens, as it grows and when it is over, once.

use records::time::{Timestamp, Window};
use serde::{Deserialize, Serialize};

use crate::campaign::{Campaign, Occurrence, campaigns};
use crate::fingerprint::ClusterId;
use crate::transition::{Change, Transition};

/// How far back the occurrences lie that may yet become a campaign: the longest span that one is found in,
/// and the hour that it began in.
const WINDOWS: i64 = 2;

/// A campaign that goes on for longer, in seconds, is taken to be over and begins anew.
const SECONDS_MAX: i64 = 24 * 3600;

/// How many occurrences are looked at; of a storm that has more, the latest.
const DEEDS_MAX: usize = 100_000;

/// The campaigns of the time.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActiveCampaigns {
    known: Vec<AnnouncedCampaign>,
    /// What may be part of one. Whoever reads an inspection state again shows them again.
    #[serde(skip)]
    occurrences: Vec<Occurrence>,
    /// The campaigns among them.
    #[serde(skip)]
    campaigns: Vec<Campaign>,
}

/// A campaign that was told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct AnnouncedCampaign {
    account_id: String,
    actor: String,
    began: Timestamp,
    last: Timestamp,
    /// The milestones that were told.
    times: Vec<usize>,
    is_over: bool,
}

impl ActiveCampaigns {
    /// Returns the hour from which on occurrences are needed, before the next hour is taken.
    pub fn wants(&self, next: Window) -> Window {
        let open = self.known.iter().filter(|of| !of.is_over);
        let began = open.map(|of| of.began.window());
        began.fold(next.plus(-WINDOWS), Window::min)
    }

    /// Shows occurrences again.
    pub fn recall(&mut self, occurrences: &[Occurrence]) {
        let suspects = occurrences
            .iter()
            .filter(|occurrence| occurrence.is_suspect());
        self.occurrences.extend(suspects.cloned());
    }

    /// Takes an hour.
    pub fn turn(
        &mut self,
        window: Window,
        occurrences: &[Occurrence],
        is_first: impl Fn(&Occurrence) -> bool,
    ) -> Vec<Transition> {
        self.recall(occurrences);
        let most = self.occurrences.len().saturating_sub(DEEDS_MAX);
        self.occurrences.drain(..most);
        self.campaigns = campaigns(&self.occurrences, is_first);
        let mut told = Vec::new();
        for campaign in &self.campaigns {
            meet(&mut self.known, campaign, &mut told);
        }
        self.close(window.end(), &mut told);
        let since = self.wants(window.plus(1));
        self.occurrences
            .retain(|occurrence| occurrence.at.window() >= since);
        self.known
            .retain(|of| !of.is_over || of.last.window() >= since);
        told
    }

    /// Tells whether what happens to a cluster at a moment is told by a campaign, as of the last hour.
    pub fn tell(&self, cluster: ClusterId, at: Timestamp) -> bool {
        let told = |of: &Campaign| of.opened <= at && of.covers(cluster, at);
        self.campaigns.iter().any(told)
    }

    fn close(&mut self, at: Timestamp, told: &mut Vec<Transition>) {
        for known in self.known.iter_mut().filter(|of| !of.is_over) {
            let campaign = self.campaigns.iter().find(|of| known.is(of));
            let Some(campaign) = campaign else {
                known.is_over = true;
                continue;
            };
            let lasts = at.seconds_since(known.began) >= SECONDS_MAX;
            if let Some(over) = campaign.closed(at).or(lasts.then_some(at)) {
                known.is_over = true;
                known.last = known.last.max(if lasts { at } else { known.last });
                told.push(of_campaign(
                    over,
                    campaign,
                    Change::CampaignEnded(Box::new(campaign.clone())),
                ));
            }
        }
    }
}

/// Tells what is new about a campaign.
fn meet(all: &mut Vec<AnnouncedCampaign>, campaign: &Campaign, told: &mut Vec<Transition>) {
    // The one that is not over, before others of the same actor.
    let open = all.iter().position(|of| !of.is_over && of.is(campaign));
    let known = open.or_else(|| all.iter().rposition(|of| of.is(campaign)));
    let place = match known {
        Some(place) if !all[place].is_over => place,
        Some(place) if campaign.opened <= all[place].last => return,
        _ => {
            let change = Change::Campaign(Box::new(campaign.clone()));
            told.push(of_campaign(campaign.opened, campaign, change));
            all.push(AnnouncedCampaign {
                account_id: campaign.account_id.clone(),
                actor: campaign.actor.clone(),
                began: campaign.began,
                last: campaign.last,
                times: Vec::new(),
                is_over: false,
            });
            all.len() - 1
        }
    };
    let known = &mut all[place];
    known.last = known.last.max(campaign.last);
    known.began = known.began.min(campaign.began);
    for (times, at) in &campaign.milestones {
        if !known.times.contains(times) {
            known.times.push(*times);
            let change = Change::CampaignGrew {
                times: *times,
                campaign: Box::new(campaign.clone()),
            };
            told.push(of_campaign(*at, campaign, change));
        }
    }
}

impl AnnouncedCampaign {
    fn is(&self, campaign: &Campaign) -> bool {
        self.actor == campaign.actor
            && self.account_id == campaign.account_id
            && campaign.began <= self.last
            && self.began <= campaign.last
    }
}

fn of_campaign(at: Timestamp, campaign: &Campaign, change: Change) -> Transition {
    Transition {
        at,
        account_id: campaign.account_id.clone(),
        cluster: None,
        episode: 0,
        change,
        is_swallowed: false,
    }
}
