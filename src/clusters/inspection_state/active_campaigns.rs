//! Follows campaigns from hour to hour, so that each opening, each growth and each end is alerted once.

use records::time::{Timestamp, Window};
use serde::{Deserialize, Serialize};

use crate::campaign::{Campaign, Occurrence, campaigns};
use crate::fingerprint::ClusterId;
use crate::transition::{Change, Transition};

/// The number of hours back in which occurrences may still become part of a new campaign.
///
/// They are the hour in which the longest span of a [`Threshold`](crate::campaign::Threshold) begins, and the next
/// hour.
const WINDOWS: i64 = 2;

/// The maximum length of a campaign, in seconds. A campaign that lasts longer ends, and another one begins.
const SECONDS_MAX: i64 = 24 * 3600;

/// The maximum number of occurrences that are searched for campaigns. If there are more, the latest are used.
const OCCURRENCES_MAX: usize = 100_000;

/// The campaigns that were alerted and may still grow or end, and the recent failures among which new campaigns are
/// searched.
///
/// Campaigns that ended within these recent hours are stored too, so that none is alerted twice. The failures are not
/// part of the encoded state; [`Self::recall`] adds them again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActiveCampaigns {
    #[serde(rename = "known")]
    announced: Vec<AnnouncedCampaign>,
    /// The occurrences that may be part of a campaign. They are not stored: [`Self::recall`] adds them again.
    #[serde(skip)]
    occurrences: Vec<Occurrence>,
    /// The campaigns among the occurrences, as of the last hour.
    #[serde(skip)]
    campaigns: Vec<Campaign>,
}

/// A campaign that was alerted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct AnnouncedCampaign {
    account_id: String,
    actor: String,
    began: Timestamp,
    last: Timestamp,
    /// The [`MILESTONES`](crate::campaign::MILESTONES) that were alerted.
    #[serde(rename = "times")]
    milestones: Vec<usize>,
    is_over: bool,
}

impl ActiveCampaigns {
    /// Returns the first hour whose occurrences are needed to add the hour `next`: two hours before `next`, or the
    /// first hour of the oldest open campaign if that is earlier.
    pub fn needed_from(&self, next: Window) -> Window {
        let open = self.announced.iter().filter(|of| !of.is_over);
        let began = open.map(|of| of.began.window());
        began.fold(next.plus(-WINDOWS), Window::min)
    }

    /// Adds occurrences to those that [`Self::add_hour`] searches for campaigns. No search is made.
    ///
    /// This is for hours that were added before the state was encoded, because an encoded state contains no
    /// occurrences.
    pub fn recall(&mut self, occurrences: &[Occurrence]) {
        let suspects = occurrences
            .iter()
            .filter(|occurrence| occurrence.is_suspect());
        self.occurrences.extend(suspects.cloned());
    }

    /// Adds the hour `window` with all its occurrences. Returns a transition for each campaign that opens, grows or
    /// ends in this hour.
    ///
    /// `is_first` returns whether an occurrence is the first event of its caller in its cluster.
    pub fn add_hour(
        &mut self,
        window: Window,
        occurrences: &[Occurrence],
        is_first: impl Fn(&Occurrence) -> bool,
    ) -> Vec<Transition> {
        self.recall(occurrences);
        let excess = self.occurrences.len().saturating_sub(OCCURRENCES_MAX);
        self.occurrences.drain(..excess);
        self.campaigns = campaigns(&self.occurrences, is_first);
        let mut transitions = Vec::new();
        for campaign in &self.campaigns {
            announce(&mut self.announced, campaign, &mut transitions);
        }
        self.close(window.end(), &mut transitions);
        let since = self.needed_from(window.plus(1));
        self.occurrences
            .retain(|occurrence| occurrence.at.window() >= since);
        self.announced
            .retain(|of| !of.is_over || of.last.window() >= since);
        transitions
    }

    /// Checks whether the alert of a campaign covers a change of `cluster` at the moment `at`, so that the change needs
    /// no alert of its own.
    ///
    /// It does if the hour added last has a campaign that covers the change, see [`Campaign::covers`].
    pub fn covers(&self, cluster: ClusterId, at: Timestamp) -> bool {
        self.campaigns.iter().any(|of| of.covers(cluster, at))
    }

    fn close(&mut self, at: Timestamp, transitions: &mut Vec<Transition>) {
        for announced in self.announced.iter_mut().filter(|of| !of.is_over) {
            let campaign = self.campaigns.iter().find(|of| announced.is(of));
            let Some(campaign) = campaign else {
                announced.is_over = true;
                continue;
            };
            let is_too_long = at.seconds_since(announced.began) >= SECONDS_MAX;
            if let Some(over) = campaign.closed(at).or(is_too_long.then_some(at)) {
                announced.is_over = true;
                if is_too_long {
                    announced.last = announced.last.max(at);
                }
                transitions.push(of_campaign(
                    over,
                    campaign,
                    Change::CampaignEnded(Box::new(campaign.clone())),
                ));
            }
        }
    }
}

/// Adds the transitions of a campaign that were not alerted before.
fn announce(
    all: &mut Vec<AnnouncedCampaign>,
    campaign: &Campaign,
    transitions: &mut Vec<Transition>,
) {
    // Of several with the same actor, the campaign that is not over comes first.
    let open = all.iter().position(|of| !of.is_over && of.is(campaign));
    let found = open.or_else(|| all.iter().rposition(|of| of.is(campaign)));
    let place = match found {
        Some(place) if !all[place].is_over => place,
        Some(place) if campaign.opened <= all[place].last => return,
        _ => {
            let change = Change::Campaign(Box::new(campaign.clone()));
            transitions.push(of_campaign(campaign.opened, campaign, change));
            all.push(AnnouncedCampaign {
                account_id: campaign.account_id.clone(),
                actor: campaign.actor.clone(),
                began: campaign.began,
                last: campaign.last,
                milestones: Vec::new(),
                is_over: false,
            });
            all.len() - 1
        }
    };
    let announced = &mut all[place];
    announced.last = announced.last.max(campaign.last);
    announced.began = announced.began.min(campaign.began);
    for (times, at) in &campaign.milestones {
        if !announced.milestones.contains(times) {
            announced.milestones.push(*times);
            let change = Change::CampaignGrew {
                times: *times,
                campaign: Box::new(campaign.clone()),
            };
            transitions.push(of_campaign(*at, campaign, change));
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
    let is_opening = matches!(change, Change::Campaign(_));
    Transition {
        at,
        account_id: campaign.account_id.clone(),
        cluster: None,
        episode: 0,
        change,
        is_covered: campaign.is_anonymous() && !is_opening,
        is_quiet: false,
    }
}
