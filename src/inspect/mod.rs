//! The inspection of a past: everything that happened to clusters, callers and accounts, in event
//! time, told from the set of all events.
//!
//! A cluster's life depends on its own events, on the hours in which nothing could be seen, and on
//! nothing else; so each is followed from its first event to its last, as the hourly inspection
//! would have followed it. The same set of events gives the same story, in whatever order and in how
//! many pieces they came.

pub mod gap;
mod life;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::alert::occasion::{Kind, Occasion};
use crate::cluster::campaign::{Campaign, Deed, campaigns};
use crate::cluster::escalation::Escalation;
use crate::cluster::fingerprint::ClusterId;
use crate::cluster::{EventId, Facts, Sighting};
use crate::inspect::gap::{Gap, gaps};
use crate::trail::time::EventTime;

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transition {
    /// When it was so, in event time. What the inspection finds is so from the full hour on at which
    /// it looks.
    pub at: EventTime,
    /// The account.
    pub account_id: String,
    /// The cluster, for what happens to one.
    pub cluster: Option<ClusterId>,
    /// The cluster's life, from 1; 0 without a cluster.
    pub epoch: i64,
    /// What it is.
    pub change: Change,
    /// Whether it is part of a campaign that was told before, and not told itself.
    pub is_swallowed: bool,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A cluster was seen for the first time.
    New,
    /// A cluster met a caller that it had not seen, an hour or more after it was new.
    NewPrincipal {
        /// The caller.
        principal: String,
    },
    /// A cluster is a day old and still open.
    Ongoing,
    /// A cluster was quiet for its quiet period.
    Recovered {
        /// How long it failed, from the first event of this life to the last, in seconds.
        fault_seconds: i64,
        /// How often, in this life.
        count: u64,
    },
    /// A recovered cluster came back.
    Regressed {
        /// How long it had been quiet, in seconds.
        quiet_seconds: i64,
    },
    /// A cluster is more frequent than its own past lets expect.
    Escalating {
        /// Its events in that hour.
        count: u64,
        /// The limit of that hour.
        limit: u64,
    },
    /// An escalation is over.
    Calmed(Escalation),
    /// Many failures are one story.
    Campaign(Box<Campaign>),
    /// A campaign has so many times the items that make one.
    CampaignGrew {
        /// Whose.
        actor: String,
        /// How many times.
        times: usize,
    },
    /// A campaign was quiet for half an hour.
    CampaignEnded(Box<Campaign>),
    /// An account that always has failures has none at all: nothing recovers until it has again.
    NoData {
        /// The last event before.
        since: EventTime,
    },
    /// An account has events again.
    DataAgain {
        /// For how long it had none, in seconds.
        seconds: i64,
    },
}

/// Tells everything that happened to events, in order, up to the end of the latest hour.
///
/// Events without a usable time have no place in it; neither has an event whose cluster is not among
/// the facts.
pub fn story(
    events: &[(EventId, Sighting)],
    facts: &BTreeMap<ClusterId, Arc<Facts>>,
) -> Vec<Transition> {
    let deeds = events.iter().filter_map(|(id, sighting)| {
        Some(Deed {
            at: sighting.at()?,
            id: *id,
            sighting,
            facts: facts.get(&sighting.case.cluster)?,
        })
    });
    let mut deeds: Vec<Deed<'_>> = deeds.collect();
    deeds.sort_unstable_by_key(|deed| (deed.at, deed.id));
    let ends = deeds
        .last()
        .map(|deed| (deed.at.window().hours() + 1) * 3600);
    let Some(as_of) = ends.and_then(EventTime::from_seconds) else {
        return Vec::new();
    };
    let gaps = gaps(&deeds, as_of);
    let campaigns = campaigns(&deeds);
    let mut story = Vec::new();
    let mut clusters: BTreeMap<ClusterId, Vec<Deed<'_>>> = BTreeMap::new();
    for deed in &deeds {
        clusters
            .entry(deed.sighting.case.cluster)
            .or_default()
            .push(*deed);
    }
    for (cluster, deeds) in &clusters {
        let account = &deeds[0].facts.identity.account_id;
        let blind = gaps.get(account).map(Vec::as_slice).unwrap_or_default();
        story.extend(life::transitions(*cluster, deeds, blind, as_of));
    }
    swallow(&mut story, &campaigns);
    for campaign in campaigns {
        tell_campaign(&mut story, campaign, as_of);
    }
    for (account_id, gaps) in gaps {
        for gap in gaps {
            tell_gap(&mut story, &account_id, gap);
        }
    }
    story.sort_by(|one, other| one.order().cmp(&other.order()));
    story
}

/// Marks what a campaign tells already: what opens a life of a cluster within it, somebody new in it,
/// and how such a life went on and ended, of which nobody was told that it began.
fn swallow(story: &mut [Transition], campaigns: &[Campaign]) {
    let is_told = |cluster: ClusterId, at: EventTime| {
        let told = |of: &Campaign| of.opened <= at && of.covers(cluster, at);
        campaigns.iter().any(told)
    };
    let mut untold: BTreeSet<(ClusterId, i64)> = BTreeSet::new();
    // The transitions of a cluster are in order.
    for transition in story {
        let Some(cluster) = transition.cluster else {
            continue;
        };
        let life = (cluster, transition.epoch);
        transition.is_swallowed = match transition.change {
            Change::New | Change::Regressed { .. } if is_told(cluster, transition.at) => {
                untold.insert(life);
                true
            }
            Change::NewPrincipal { .. } => is_told(cluster, transition.at),
            Change::Ongoing | Change::Recovered { .. } => untold.contains(&life),
            _ => false,
        };
    }
}

fn tell_campaign(story: &mut Vec<Transition>, campaign: Campaign, as_of: EventTime) {
    let account_id = campaign.account_id.clone();
    let mut tell = |at, change| {
        story.push(Transition {
            at,
            account_id: account_id.clone(),
            cluster: None,
            epoch: 0,
            change,
            is_swallowed: false,
        });
    };
    for (times, at) in &campaign.milestones {
        let (actor, times) = (campaign.actor.clone(), *times);
        tell(*at, Change::CampaignGrew { actor, times });
    }
    if let Some(closed) = campaign.closed(as_of) {
        tell(closed, Change::CampaignEnded(Box::new(campaign.clone())));
    }
    tell(campaign.opened, Change::Campaign(Box::new(campaign)));
}

fn tell_gap(story: &mut Vec<Transition>, account_id: &str, gap: Gap) {
    let mut tell = |at, change| {
        story.push(Transition {
            at,
            account_id: account_id.to_owned(),
            cluster: None,
            epoch: 0,
            change,
            is_swallowed: false,
        });
    };
    tell(gap.noticed, Change::NoData { since: gap.since });
    if let Some(until) = gap.until {
        let seconds = until.seconds_since(gap.since);
        tell(until, Change::DataAgain { seconds });
    }
}

impl Change {
    /// Returns the stable name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::New => "new",
            Self::NewPrincipal { .. } => "new_principal",
            Self::Ongoing => "ongoing",
            Self::Recovered { .. } => "recovered",
            Self::Regressed { .. } => "regressed",
            Self::Escalating { .. } => "escalating",
            Self::Calmed(_) => "calmed",
            Self::Campaign(_) => "campaign",
            Self::CampaignGrew { .. } => "campaign_grew",
            Self::CampaignEnded(_) => "campaign_ended",
            Self::NoData { .. } => "no_data",
            Self::DataAgain { .. } => "data_again",
        }
    }

    /// Returns the kind of the alert that tells it; `None` for what only stands in the history.
    fn kind(&self) -> Option<Kind> {
        match self {
            Self::New => Some(Kind::New),
            Self::NewPrincipal { .. } => Some(Kind::NewPrincipal),
            Self::Recovered { .. } => Some(Kind::Recovered),
            Self::Regressed { .. } => Some(Kind::Regressed),
            Self::Escalating { .. } | Self::Calmed(_) => Some(Kind::Escalating),
            Self::Campaign(_) | Self::CampaignGrew { .. } | Self::CampaignEnded(_) => {
                Some(Kind::Campaign)
            }
            Self::NoData { .. } => Some(Kind::NoData),
            Self::Ongoing | Self::DataAgain { .. } => None,
        }
    }

    /// Returns what sets an alert of it apart from others of its kind.
    fn about(&self, at: EventTime) -> String {
        match self {
            Self::NewPrincipal { principal } => principal.clone(),
            Self::Escalating { .. } => format!("from {at}"),
            Self::Calmed(_) => format!("until {at}"),
            Self::Campaign(campaign) => format!("{} from {}", campaign.actor, campaign.began),
            Self::CampaignGrew { actor, times } => format!("{actor} x{times} at {at}"),
            Self::CampaignEnded(campaign) => format!("{} until {at}", campaign.actor),
            Self::NoData { since } => format!("since {since}"),
            _ => String::new(),
        }
    }
}

impl Transition {
    /// Returns why it is told; `None` for what is not.
    pub fn occasion(&self) -> Option<Occasion> {
        if self.is_swallowed {
            return None;
        }
        Some(Occasion {
            kind: self.change.kind()?,
            account_id: self.account_id.clone(),
            cluster: self.cluster,
            epoch: self.epoch,
            about: self.change.about(self.at),
            detail: String::new(),
            at: Some(self.at),
            is_late: false,
        })
    }

    /// Campaigns before what they swallow, and what ends before what begins.
    fn order(&self) -> (EventTime, u8, &str, Option<ClusterId>, &'static str, String) {
        let rank = match self.change {
            Change::Recovered { .. } | Change::Calmed(_) | Change::CampaignEnded(_) => 0,
            Change::DataAgain { .. } => 1,
            Change::Campaign(_) => 2,
            _ => 3,
        };
        let about = self.change.about(self.at);
        (
            self.at,
            rank,
            &self.account_id,
            self.cluster,
            self.change.name(),
            about,
        )
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::cluster::Case;
    use crate::cluster::class::Class;
    use crate::cluster::facet::{Facets, Kind as Facet};
    use crate::cluster::fingerprint::Identity;

    type Known = BTreeMap<ClusterId, Arc<Facts>>;

    /// Makes events of what was drawn: a cluster, an hour, a second in it, and a caller.
    fn events(drawn: &[(u8, u16, u16, u8)]) -> (Vec<(EventId, Sighting)>, Known) {
        let classes = [Class::Denied, Class::Throttle, Class::Signin, Class::Absent];
        let mut facts = Known::new();
        let mut events = Vec::new();
        for (number, (which, hour, second, caller)) in drawn.iter().enumerate() {
            let identity = Identity {
                partition: "aws".to_owned(),
                account_id: "111122223333".to_owned(),
                service: "s3".to_owned(),
                action: format!("Get{}", char::from(b'A' + which)),
                class: classes[usize::from(*which) % classes.len()],
                code: "Code".to_owned(),
                cause: None,
                template: None,
                addition: None,
            };
            let mut facets = Facets::default();
            facets.set(Facet::Principal, Some(&format!("caller-{caller}")));
            let cluster = identity.cluster_id();
            let template = String::new();
            facts.insert(cluster, Arc::new(Facts { identity, template }));
            let start = EventTime::parse("2026-11-01T00:00:00Z").unwrap().seconds();
            let at = start + i64::from(*hour) * 3600 + i64::from(*second);
            let case = Arc::new(Case { cluster, facets });
            let id = EventId::from_bytes((number as u128).to_be_bytes());
            events.push((id, Sighting::new(false, EventTime::from_seconds(at), case)));
        }
        (events, facts)
    }

    proptest! {
        #[test]
        fn lives_follow_one_another_and_nothing_is_told_twice(
            drawn in prop::collection::vec((0..4_u8, 0..1500_u16, 0..3600_u16, 0..12_u8), 1..120),
        ) {
            let (mut events, facts) = events(&drawn);
            let told = story(&events, &facts);
            let mut lives: BTreeMap<ClusterId, (i64, bool)> = BTreeMap::new();
            for transition in &told {
                let Some(cluster) = transition.cluster else { continue };
                let life = lives.entry(cluster).or_insert((0, false));
                match transition.change {
                    Change::New => *life = (1, true),
                    Change::Recovered { .. } => {
                        prop_assert_eq!(*life, (transition.epoch, true), "only what is open recovers");
                        life.1 = false;
                    }
                    Change::Regressed { .. } => {
                        prop_assert_eq!(*life, (transition.epoch - 1, false), "only what recovered");
                        *life = (transition.epoch, true);
                    }
                    _ => {}
                }
            }
            let occasions: Vec<_> = told.iter().filter_map(Transition::occasion).collect();
            let ids: BTreeSet<_> = occasions.iter().map(Occasion::id).collect();
            prop_assert_eq!(ids.len(), occasions.len());
            events.reverse();
            prop_assert_eq!(story(&events, &facts), told);
        }
    }
}
