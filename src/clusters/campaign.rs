//! Finds campaigns: many failures within a short time that have one cause.
//!
//! Examples are a caller that is refused many calls, resources or regions; a cluster that many callers meet at once, as
//! after a change of a policy; and the wrong passwords of one user or from one network.
//!
//! Each [`Shape`] counts the distinct items of a group of failures within a span of event time. The result depends only
//! on the set of events, not on the order in which they came.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use records::time::Timestamp;
use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantArray};

use crate::circumstance::Circumstance;
use crate::class::Class;
use crate::facet::FacetKind;
use crate::fingerprint::{ClusterId, ClusterSubject};
use crate::{EventId, Series, Sighting};

/// A pattern of failures that makes a campaign: which failures form a group, and which distinct items are counted in
/// it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[derive(IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum Shape {
    /// One caller is refused many different calls; the items are calls.
    Breadth,
    /// One caller is refused the same call on many resources; the items are resources.
    Depth,
    /// One caller is refused in many regions; the items are regions.
    Spread,
    /// One cluster of refusals has many callers that it did not have before; the items are callers.
    Widespread,
    /// Many sign-ins of one user fail; the items are events. The users of an application (Amazon Cognito) have no names in
    /// records, so their sign-ins are grouped by network.
    BruteForce,
    /// Sign-ins of many users from one network fail; the items are users.
    Spraying,
}

/// The limit from which a group of failures is a campaign: a number of distinct items within a span of event time.
///
/// What the items are, such as calls or regions, depends on the [`Shape`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Threshold {
    /// The minimum number of distinct items; [`Shape`] states for each shape what the items are.
    pub items: usize,
    /// The length of the span, in seconds of event time; the first and the last item are less than this apart.
    pub seconds: i64,
}

/// The time without a further event of a campaign after which the campaign is over, in seconds of event time.
pub const QUIET_SECONDS: i64 = 30 * 60;

/// The multiples of the shape's [`Threshold::items`] at which a growing campaign is alerted again.
pub const MILESTONES: [usize; 3] = [2, 4, 8];

/// One event as the search for campaigns reads it: time, id, facets, and the subject of its cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Occurrence {
    /// The event time of the call.
    pub at: Timestamp,
    /// The id of the event; occurrences of the same second are sorted by it.
    pub id: EventId,
    /// The cluster and the facets of the event.
    pub series: Arc<Series>,
    /// The account, call, error code and class of the event's cluster.
    pub subject: Arc<ClusterSubject>,
}

/// The subject (account, call, error code and class) of each cluster.
pub type Subjects = BTreeMap<ClusterId, Arc<ClusterSubject>>;

/// Converts events to occurrences, sorted by time and then by event id.
///
/// Events without a usable time and events of clusters that are not in `subjects` are left out.
pub fn occurrences<'e>(
    events: impl IntoIterator<Item = &'e (EventId, Sighting)>,
    subjects: &Subjects,
) -> Vec<Occurrence> {
    let occurrence = |(id, sighting): &(EventId, Sighting)| {
        Some(Occurrence {
            at: sighting.at()?,
            id: *id,
            series: Arc::clone(&sighting.series),
            subject: Arc::clone(subjects.get(&sighting.series.cluster)?),
        })
    };
    let mut occurrences: Vec<Occurrence> = events.into_iter().filter_map(occurrence).collect();
    occurrences.sort_unstable_by_key(|occurrence| (occurrence.at, occurrence.id));
    occurrences
}

/// Failures of one actor in one account that reached the threshold of at least one [`Shape`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Campaign {
    /// The shapes whose thresholds were reached; several if campaigns of one actor overlapped and were joined.
    pub shapes: BTreeSet<Shape>,
    /// The value that all failures have in common: a caller's name, for [`Shape::Widespread`] the id of a cluster, and
    /// for [`Shape::Spraying`], and for [`Shape::BruteForce`] of users without names, a network.
    pub actor: String,
    /// The id of the account whose trail contains the failures; `unknown` if the records name no account.
    pub account_id: String,
    /// The event time of the campaign's first event.
    pub began: Timestamp,
    /// The time of the event with which the campaign reached its threshold.
    pub opened: Timestamp,
    /// The event time of the campaign's last event so far.
    pub last: Timestamp,
    /// The ids of all events of the campaign.
    pub events: BTreeSet<EventId>,
    /// The number of distinct items, such as calls or regions; with several shapes, the number of the shape that has
    /// most.
    pub items: usize,
    /// The [`MILESTONES`] that the campaign reached, each with the time of the event that reached it.
    pub milestones: Vec<(usize, Timestamp)>,
    /// The ids of the clusters that the events belong to.
    pub clusters: BTreeSet<ClusterId>,
    /// The APIs that the events called, as `service:action`, such as `s3:GetObject`.
    pub calls: BTreeSet<String>,
}

impl Shape {
    /// All shapes, in the order of their declaration.
    pub const ALL: [Self; Self::VARIANTS.len()] =
        *Self::VARIANTS.first_chunk().expect("as many as there are");

    /// Returns the name as it is stored and shown, such as `brute_force`. Names do not change between versions.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// Returns the number of items, and the span of time, from which failures of this shape are a campaign.
    pub fn threshold(self) -> Threshold {
        let (items, minutes) = match self {
            Self::Breadth | Self::Depth | Self::Widespread | Self::BruteForce => (10, 10),
            Self::Spread => (4, 60),
            Self::Spraying => (5, 10),
        };
        Threshold {
            items,
            seconds: minutes * 60,
        }
    }

    /// Checks whether the shape counts refusals of callers. AWS services and known scanners are left out of these, see
    /// [`Circumstance::joins_campaigns`].
    fn is_of_refusals(self) -> bool {
        match self {
            Self::Breadth | Self::Depth | Self::Spread | Self::Widespread => true,
            Self::BruteForce | Self::Spraying => false,
        }
    }

    /// Returns the group that an occurrence belongs to, and the item that counts; `None` if the shape does not apply.
    fn item_of(self, occurrence: &Occurrence) -> Option<(CampaignActor, String)> {
        let subject = &occurrence.subject;
        let facet = |kind| occurrence.series.facets.get(kind).map(str::to_owned);
        let refused = matches!(subject.class, Class::Denied | Class::Vpce);
        let signin = subject.class == Class::Signin;
        let (name, within, item) = match self {
            Self::Breadth if refused => {
                (facet(FacetKind::Principal)?, String::new(), call(subject))
            }
            Self::Depth if refused => (
                facet(FacetKind::Principal)?,
                call(subject),
                facet(FacetKind::Resource)?,
            ),
            Self::Spread if refused => (
                facet(FacetKind::Principal)?,
                String::new(),
                facet(FacetKind::Region)?,
            ),
            Self::Widespread if refused => {
                let cluster = occurrence.series.cluster.to_string();
                (cluster, String::new(), facet(FacetKind::Principal)?)
            }
            Self::BruteForce if signin => {
                let event = format!("{:?}", occurrence.id.bytes());
                let user = facet(FacetKind::Principal)?;
                let name = match &*user {
                    ANONYMOUS => facet(FacetKind::Network)?,
                    _ => user,
                };
                (name, String::new(), event)
            }
            Self::Spraying if signin => (
                facet(FacetKind::Network)?,
                String::new(),
                facet(FacetKind::Principal)?,
            ),
            _ => return None,
        };
        let account_id = subject.account_id.clone();
        Some((
            CampaignActor {
                account_id,
                name,
                within,
            },
            item,
        ))
    }
}

/// The name of all callers who are not known, as `records::principal` writes it.
const ANONYMOUS: &str = "anonymous";

/// The key of a group of occurrences that are counted together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct CampaignActor {
    account_id: String,
    /// The value of [`Campaign::actor`].
    name: String,
    /// A further value that all occurrences have in common, possibly empty.
    within: String,
}

/// Checks whether events of a class can be part of a campaign.
///
/// These are refusals ([`Class::Denied`], [`Class::Vpce`]) and failed sign-ins.
pub fn is_suspect(class: Class) -> bool {
    matches!(class, Class::Denied | Class::Vpce | Class::Signin)
}

impl Occurrence {
    /// Checks whether the event can be part of a campaign: whether it is a refusal or a failed sign-in.
    pub fn is_suspect(&self) -> bool {
        is_suspect(self.subject.class)
    }

    fn joins_campaigns(&self) -> bool {
        Circumstance::of_facets(&self.subject, &self.series.facets).joins_campaigns()
    }
}

/// Finds the campaigns among occurrences, and returns them sorted by the time at which they reached their threshold.
///
/// The occurrences may come in any order. `is_first` returns whether an occurrence is the first of its caller in its
/// cluster; [`Shape::Widespread`] counts only these.
pub fn campaigns(
    occurrences: &[Occurrence],
    is_first: impl Fn(&Occurrence) -> bool,
) -> Vec<Campaign> {
    let mut all: Vec<&Occurrence> = occurrences.iter().collect();
    all.sort_unstable_by_key(|occurrence| (occurrence.at, occurrence.id));
    let joining: Vec<&Occurrence> = all
        .iter()
        .copied()
        .filter(|of| of.joins_campaigns())
        .collect();
    let mut found = Vec::new();
    for shape in Shape::ALL {
        let mut groups: BTreeMap<CampaignActor, Vec<(&Occurrence, String)>> = BTreeMap::new();
        let occurrences = if shape.is_of_refusals() {
            &joining
        } else {
            &all
        };
        for occurrence in occurrences {
            if let Some((actor, item)) = shape.item_of(occurrence) {
                groups.entry(actor).or_default().push((occurrence, item));
            }
        }
        for (actor, mut occurrences) in groups {
            if shape == Shape::Widespread {
                occurrences.retain(|(occurrence, _)| is_first(occurrence));
            }
            found.extend(of_group(shape, &actor, &occurrences));
        }
    }
    let mut campaigns = merged(found);
    campaigns.sort_by(|one, other| {
        (one.opened, &one.actor, &one.shapes).cmp(&(other.opened, &other.actor, &other.shapes))
    });
    campaigns
}

/// Finds the campaigns among the occurrences of a period, if no occurrences before the period are known.
///
/// `is_new` returns whether the first event of a cluster lies in the period. Only in these clusters is the first event
/// of each caller known, so [`Shape::Widespread`] is found only there.
pub fn campaigns_within(
    occurrences: &[Occurrence],
    is_new: impl Fn(ClusterId) -> bool,
) -> Vec<Campaign> {
    let mut first: BTreeMap<(ClusterId, Option<&str>), Timestamp> = BTreeMap::new();
    for occurrence in occurrences {
        let at = first
            .entry(cluster_and_caller(occurrence))
            .or_insert(occurrence.at);
        *at = occurrence.at.min(*at);
    }
    let is_first = |occurrence: &Occurrence| {
        is_new(occurrence.series.cluster)
            && first.get(&cluster_and_caller(occurrence)) == Some(&occurrence.at)
    };
    campaigns(occurrences, is_first)
}

fn cluster_and_caller(occurrence: &Occurrence) -> (ClusterId, Option<&str>) {
    (
        occurrence.series.cluster,
        occurrence.series.facets.get(FacetKind::Principal),
    )
}

fn call(subject: &ClusterSubject) -> String {
    format!("{}:{}", subject.service, subject.action)
}

/// Finds the campaigns of one group, whose occurrences are in the order of time.
fn of_group(
    shape: Shape,
    actor: &CampaignActor,
    occurrences: &[(&Occurrence, String)],
) -> Vec<Campaign> {
    let threshold = shape.threshold();
    let mut found = Vec::new();
    let mut recent: VecDeque<usize> = VecDeque::new();
    // The items of the recent occurrences, each with the number of occurrences that have it.
    let mut items: BTreeMap<&str, usize> = BTreeMap::new();
    let mut open: Option<Campaign> = None;
    for (place, (occurrence, item)) in occurrences.iter().enumerate() {
        if open
            .as_ref()
            .is_some_and(|of| occurrence.at.seconds_since(of.last) > QUIET_SECONDS)
        {
            found.extend(open.take());
            recent.clear();
            items.clear();
        }
        *items.entry(item).or_default() += 1;
        if let Some(campaign) = &mut open {
            campaign.add(occurrence, items.len(), threshold.items);
            continue;
        }
        recent.push_back(place);
        while let Some((first, past)) = recent.front().map(|first| &occurrences[*first])
            && occurrence.at.seconds_since(first.at) >= threshold.seconds
        {
            recent.pop_front();
            if let Some(count) = items.get_mut(past.as_str()) {
                *count -= 1;
                if *count == 0 {
                    items.remove(past.as_str());
                }
            }
        }
        if items.len() >= threshold.items {
            let mut campaign =
                Campaign::new(shape, actor, occurrences[recent[0]].0.at, occurrence.at);
            for of in &recent {
                campaign.add(occurrences[*of].0, items.len(), threshold.items);
            }
            open = Some(campaign);
        }
    }
    found.extend(open);
    found
}

impl Campaign {
    fn new(shape: Shape, actor: &CampaignActor, began: Timestamp, opened: Timestamp) -> Self {
        Self {
            shapes: BTreeSet::from([shape]),
            actor: actor.name.clone(),
            account_id: actor.account_id.clone(),
            began,
            opened,
            last: opened,
            events: BTreeSet::new(),
            items: 0,
            milestones: Vec::new(),
            clusters: BTreeSet::new(),
            calls: BTreeSet::new(),
        }
    }

    fn add(&mut self, occurrence: &Occurrence, items: usize, threshold: usize) {
        self.last = self.last.max(occurrence.at);
        self.events.insert(occurrence.id);
        self.items = self.items.max(items);
        self.clusters.insert(occurrence.series.cluster);
        self.calls.insert(call(&occurrence.subject));
        for milestone in MILESTONES {
            let is_new = self
                .milestones
                .iter()
                .all(|(reached, _)| *reached != milestone);
            if is_new && items >= milestone * threshold {
                self.milestones.push((milestone, occurrence.at));
            }
        }
    }

    /// Returns the time at which the campaign was over: [`QUIET_SECONDS`] after its last event.
    ///
    /// `None` if this time is after `as_of`, a moment of event time: the campaign may still grow.
    pub fn closed(&self, as_of: Timestamp) -> Option<Timestamp> {
        let over = Timestamp::from_seconds(self.last.seconds() + QUIET_SECONDS)?;
        (over <= as_of).then_some(over)
    }

    /// Checks whether the alert of the campaign covers a change of `cluster` at the moment `at`: the cluster belongs to
    /// the campaign, and `at` lies between the opening of the campaign and its last event.
    ///
    /// A campaign of callers without credentials covers the time from its first event on. Nobody can be asked about
    /// them and no credentials can be taken away, so one alert about all of it is enough.
    pub fn covers(&self, cluster: ClusterId, at: Timestamp) -> bool {
        let from = if self.is_anonymous() {
            self.began
        } else {
            self.opened
        };
        self.clusters.contains(&cluster) && (from..=self.last).contains(&at)
    }

    /// Checks whether the failures are those of callers without credentials. Only the opening of such a campaign is
    /// announced.
    pub fn is_anonymous(&self) -> bool {
        self.actor == ANONYMOUS
    }
}

/// The time span of a campaign that was alerted, by which a later search recognizes the same campaign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CampaignSpan {
    /// The event time of the campaign's first event.
    pub began: Timestamp,
    /// The event time of the campaign's last event so far.
    pub last: Timestamp,
}

impl CampaignSpan {
    /// Returns the span from the first to the last event of a campaign.
    pub fn of(campaign: &Campaign) -> Self {
        Self {
            began: campaign.began,
            last: campaign.last,
        }
    }

    /// Checks whether a campaign of the same actor is the campaign of this span: whether it begins at most
    /// [`QUIET_SECONDS`] after [`CampaignSpan::last`].
    ///
    /// A campaign that begins before the span is the same campaign too. A search finds a slightly different start when
    /// more events have arrived, so the start alone does not identify a campaign.
    pub fn is_of(&self, campaign: &Campaign) -> bool {
        campaign.began.seconds_since(self.last) <= QUIET_SECONDS
    }

    /// Returns the span extended so that it contains all events of a campaign.
    #[must_use]
    pub fn with(self, campaign: &Campaign) -> Self {
        Self {
            began: self.began.min(campaign.began),
            last: self.last.max(campaign.last),
        }
    }
}

/// Joins campaigns of the same actor and account that overlap in time.
fn merged(mut found: Vec<Campaign>) -> Vec<Campaign> {
    found.sort_by(|one, other| {
        let key = |of: &Campaign| (of.account_id.clone(), of.actor.clone(), of.began);
        key(one).cmp(&key(other))
    });
    let mut merged: Vec<Campaign> = Vec::new();
    for campaign in found {
        match merged.last_mut() {
            Some(last)
                if last.actor == campaign.actor
                    && last.account_id == campaign.account_id
                    && campaign.began <= last.last =>
            {
                last.join(campaign);
            }
            _ => merged.push(campaign),
        }
    }
    merged
}

impl Campaign {
    fn join(&mut self, other: Self) {
        self.shapes.extend(other.shapes);
        self.opened = self.opened.min(other.opened);
        self.last = self.last.max(other.last);
        self.events.extend(other.events);
        self.items = self.items.max(other.items);
        self.clusters.extend(other.clusters);
        self.calls.extend(other.calls);
        for (milestone, at) in other.milestones {
            match self
                .milestones
                .iter_mut()
                .find(|(reached, _)| *reached == milestone)
            {
                Some((_, earliest)) => *earliest = at.min(*earliest),
                None => self.milestones.push((milestone, at)),
            }
        }
        self.milestones.sort_unstable();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facet::Facets;
    use crate::fingerprint::Identity;

    /// A made-up failure, `seconds` after a fixed moment.
    fn failure(
        class: Class,
        seconds: i64,
        who: &str,
        action: &str,
        resource: &str,
        region: &str,
    ) -> Occurrence {
        let identity = Identity {
            partition: "aws".to_owned(),
            account_id: "111122223333".to_owned(),
            service: "ec2".to_owned(),
            action: action.to_owned(),
            class,
            code: "AccessDenied".to_owned(),
            cause: None,
            template: None,
            addition: None,
        };
        let mut facets = Facets::default();
        facets.set(FacetKind::Principal, Some(who));
        facets.set(FacetKind::Region, Some(region));
        facets.set(FacetKind::Network, Some("198.51.100.0/24"));
        facets.set(FacetKind::Resource, Some(resource));
        let cluster = identity.cluster_id();
        let series = Arc::new(Series { cluster, facets });
        let start = Timestamp::parse("2026-11-21T08:00:00Z").unwrap().seconds();
        let at = Timestamp::from_seconds(start + seconds).unwrap();
        Occurrence {
            at,
            id: EventId::from_bytes([0; 16]),
            series,
            subject: Arc::new(ClusterSubject::from(&identity)),
        }
    }

    fn found(failures: &[Occurrence]) -> Vec<Campaign> {
        let numbered = failures
            .iter()
            .enumerate()
            .map(|(number, occurrence)| Occurrence {
                id: EventId::from_bytes((number as u128).to_be_bytes()),
                ..occurrence.clone()
            });
        let mut occurrences: Vec<Occurrence> = numbered.collect();
        let campaigns = campaigns_within(&occurrences, |_| true);
        occurrences.reverse();
        let reversed = campaigns_within(&occurrences, |_| true);
        assert_eq!(campaigns, reversed, "order does not matter");
        campaigns
    }

    fn denied(seconds: i64, who: &str, action: &str, resource: &str) -> Occurrence {
        failure(Class::Denied, seconds, who, action, resource, "us-east-1")
    }

    #[test]
    fn ten_different_calls_in_ten_minutes_are_a_campaign_and_nine_are_not() {
        let calls = |count: i64| -> Vec<_> {
            let call = |n| denied(n * 60, "mallory", &format!("Describe{n}"), "*");
            (0..count).map(call).collect()
        };
        assert_eq!(found(&calls(9)), []);
        let [campaign] = &found(&calls(10))[..] else {
            panic!("one campaign");
        };
        assert_eq!(campaign.shapes, BTreeSet::from([Shape::Breadth]));
        assert_eq!((campaign.items, campaign.events.len()), (10, 10));
        assert_eq!(campaign.opened.seconds_since(campaign.began), 540);
        assert_eq!(campaign.clusters.len(), 10);
        let cluster = *campaign.clusters.first().unwrap();
        assert!(campaign.covers(cluster, campaign.opened));
        assert!(
            !campaign.covers(cluster, campaign.began),
            "announced before"
        );
        // Many repetitions of the same call are no campaign.
        let same = (0..50).map(|n| denied(n, "mallory", "DescribeHosts", "*"));
        assert_eq!(found(&same.collect::<Vec<_>>()), []);
        // Nor are ten calls by ten callers, or ten calls in three hours.
        let many = (0..10).map(|n| denied(n, &format!("user-{n}"), &format!("Get{n}"), "*"));
        assert_eq!(found(&many.collect::<Vec<_>>()), []);
        let slow = (0..10).map(|n| denied(n * 1200, "mallory", &format!("Get{n}"), "*"));
        assert_eq!(found(&slow.collect::<Vec<_>>()), []);
    }

    #[test]
    fn several_shapes_of_one_caller_at_the_same_time_are_one_campaign() {
        let mut failures = Vec::new();
        for n in 0..40_i64 {
            let region = ["us-east-1", "eu-west-1", "sa-east-1", "ca-central-1"][n as usize % 4];
            let action = format!("Describe{n}");
            failures.push(failure(
                Class::Denied,
                n * 10,
                "mallory",
                &action,
                "*",
                region,
            ));
        }
        for n in 0..10 {
            failures.push(denied(
                400 + n,
                "mallory",
                "GetObject",
                &format!("bucket-{n}"),
            ));
        }
        let [campaign] = &found(&failures)[..] else {
            panic!("one campaign");
        };
        let shapes = [Shape::Breadth, Shape::Depth, Shape::Spread];
        assert_eq!(campaign.shapes, BTreeSet::from(shapes));
        assert_eq!(campaign.events.len(), 50);
        let reached: Vec<usize> = campaign.milestones.iter().map(|(of, _)| *of).collect();
        assert_eq!(reached, [2, 4]);
        let last = campaign.last;
        assert_eq!(campaign.closed(last), None);
        let later = Timestamp::from_seconds(last.seconds() + QUIET_SECONDS).unwrap();
        assert_eq!(campaign.closed(later), Some(later));
    }

    #[test]
    fn a_cluster_with_many_new_callers_is_widespread_once() {
        let mut failures: Vec<_> = (0..12)
            .map(|n| denied(n * 5, &format!("role-{n}"), "Decrypt", "key"))
            .collect();
        // An hour later the same callers are not new.
        failures.extend((0..12).map(|n| denied(3600 + n, &format!("role-{n}"), "Decrypt", "key")));
        let campaigns = found(&failures);
        let shapes: Vec<_> = campaigns.iter().map(|of| of.shapes.clone()).collect();
        assert_eq!(shapes, [BTreeSet::from([Shape::Widespread])]);
        assert_eq!(campaigns[0].items, 12);
    }

    #[test]
    fn wrong_passwords_of_one_user_or_from_one_network_are_a_campaign() {
        let signin = |seconds, who: &str| {
            failure(Class::Signin, seconds, who, "ConsoleLogin", "", "us-east-1")
        };
        let one: Vec<_> = (0..10).map(|n| signin(n * 30, "ann")).collect();
        assert_eq!(found(&one)[0].shapes, BTreeSet::from([Shape::BruteForce]));
        let many: Vec<_> = (0..5)
            .map(|n| signin(n * 30, &format!("user-{n}")))
            .collect();
        let [campaign] = &found(&many)[..] else {
            panic!("one campaign");
        };
        assert_eq!(campaign.shapes, BTreeSet::from([Shape::Spraying]));
        assert_eq!(campaign.actor, "198.51.100.0/24");
    }

    #[test]
    fn wrong_passwords_of_users_without_names_are_grouped_by_network() {
        let signin = |n: i64| {
            failure(
                Class::Signin,
                n * 6,
                "anonymous",
                "InitiateAuth",
                "",
                "us-east-1",
            )
        };
        let many: Vec<_> = (0..40).map(signin).collect();
        let [campaign] = &found(&many)[..] else {
            panic!("one campaign");
        };
        assert_eq!(campaign.shapes, BTreeSet::from([Shape::BruteForce]));
        assert_eq!(campaign.actor, "198.51.100.0/24");
    }

    /// Returns the failure as one that a program of an origin met, at a call that only reads.
    fn by(origin: &str, failure: &Occurrence) -> Occurrence {
        let mut facets = failure.series.facets.clone();
        facets.set(FacetKind::Origin, Some(origin));
        facets.set(FacetKind::Access, Some("read"));
        let cluster = failure.series.cluster;
        Occurrence {
            series: Arc::new(Series { cluster, facets }),
            ..failure.clone()
        }
    }

    #[test]
    fn aws_services_and_scanners_open_no_campaign_and_hide_none() {
        let mut failures: Vec<Occurrence> = Vec::new();
        for n in 0..12 {
            let region = ["us-east-1", "eu-west-1", "sa-east-1", "ca-central-1"][n as usize % 4];
            let (call, bucket) = (format!("Describe{n}"), format!("bucket-{n}"));
            let breadth = failure(Class::Denied, n, "mallory", &call, "*", region);
            let depth = denied(n, "mallory", "GetObject", &bucket);
            let widespread = denied(n, &format!("role-{n}"), "Decrypt", "key");
            failures.extend([breadth, depth, widespread]);
        }
        let shapes = |failures: &[Occurrence]| -> BTreeSet<Shape> {
            let campaigns = found(failures).into_iter();
            campaigns.flat_map(|campaign| campaign.shapes).collect()
        };
        let all = [
            Shape::Breadth,
            Shape::Depth,
            Shape::Spread,
            Shape::Widespread,
        ];
        assert_eq!(shapes(&failures), BTreeSet::from(all));
        for origin in ["aws-service", "scanner"] {
            let quiet: Vec<_> = failures.iter().map(|of| by(origin, of)).collect();
            assert_eq!(shapes(&quiet), BTreeSet::new(), "{origin}");
            let both: Vec<_> = failures.iter().chain(&quiet).cloned().collect();
            assert_eq!(shapes(&both), BTreeSet::from(all), "{origin}");
        }
    }

    #[test]
    fn what_a_rule_made_info_opens_no_campaign_and_what_it_made_an_error_does() {
        let ruled = |severity: &str| -> Vec<Occurrence> {
            let call = |n| {
                let failure = denied(n, "mallory", &format!("Describe{n}"), "*");
                let mut facets = failure.series.facets.clone();
                facets.set(FacetKind::RuledSeverity, Some(severity));
                let cluster = failure.series.cluster;
                let series = Arc::new(Series { cluster, facets });
                Occurrence { series, ..failure }
            };
            (0..12).map(call).collect()
        };
        assert_eq!(found(&ruled("info")), []);
        assert_eq!(found(&ruled("error")).len(), 1);
    }

    #[test]
    fn a_campaign_without_credentials_covers_its_clusters_from_its_first_event_on() {
        let probes = (0..12).map(|n| denied(n, ANONYMOUS, "GetObject", &format!("bucket-{n}")));
        let [campaign] = &found(&probes.collect::<Vec<_>>())[..] else {
            panic!("one campaign");
        };
        assert!(campaign.is_anonymous());
        let cluster = *campaign.clusters.first().unwrap();
        assert!(campaign.covers(cluster, campaign.began));
    }

    #[test]
    fn half_an_hour_without_events_ends_a_campaign_and_the_next_is_another() {
        let ten_calls = |start: i64| {
            (0..10).map(move |n| denied(start + n, "mallory", &format!("Get{n}"), "*"))
        };
        let two: Vec<_> = ten_calls(0).chain(ten_calls(4000)).collect();
        assert_eq!(found(&two).len(), 2);
        let one: Vec<_> = ten_calls(0).chain(ten_calls(1700)).collect();
        assert_eq!(found(&one).len(), 1);
    }
}
