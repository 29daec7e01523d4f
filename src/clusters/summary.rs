//! What an account's hour, day or week looked like: how many errors, which of their clusters are new,
//! came back, stopped or grew, who made storms of them, and when each access key was last active.
//!
//! The inspection fills it in, and the message about it says these numbers as they are. Its lists are
//! [`Excerpt`]s: the first of something, and how many there are.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use records::time::Timestamp;
use serde::{Deserialize, Serialize};
use strum::IntoStaticStr;

use crate::campaign::{Campaign, Shape};
use crate::class::Class;
use crate::fingerprint::{ClusterId, ClusterSubject};

/// How many clusters a list of a summary names.
pub const LINES_MAX: usize = 20;
/// How many changes make a summary worth telling.
const CHANGES_LEAST: u64 = 2;

/// How many clusters the ranking of a summary has.
pub const TOP_MAX: usize = 10;
/// How many campaigns a summary names.
pub const CAMPAIGN_LINES_MAX: usize = 10;
/// How many access keys a summary names.
pub const KEYS_MAX: usize = 20;

/// The totals of an account over an hour, a day or a week.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// The account, twelve digits.
    pub account_id: String,
    /// Whether it is about an hour, a day or a week.
    pub period: Period,
    /// Its first second, in event time.
    pub from: Timestamp,
    /// The first second after it.
    pub until: Timestamp,
    /// How many errors there were.
    pub errors: u64,
    /// Of how many clusters they are.
    pub error_clusters: u64,
    /// How many of the errors are of clusters that are new.
    pub new_errors: u64,
    /// Clusters that were first seen in it, with their events in it.
    pub new: Excerpt<ClusterLine>,
    /// Clusters that came back in it, with their events in it.
    pub regressed: Excerpt<ClusterLine>,
    /// Clusters that recovered in it, with the events of the episode that ended.
    pub recovered: Excerpt<ClusterLine>,
    /// Clusters that are more frequent than their own past lets expect, with their events in it.
    pub escalating: Excerpt<ClusterLine>,
    /// Campaigns that went on in it.
    pub campaigns: Excerpt<CampaignLine>,
    /// The most frequent clusters, at most [`TOP_MAX`].
    pub top: Vec<ClusterLine>,
    /// The access keys that were seen failing in it, those first that were last active.
    pub keys: Excerpt<KeyLine>,
}

/// What a summary is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[derive(IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
pub enum Period {
    /// An hour.
    Hour,
    /// A day.
    Day,
    /// A week.
    Week,
}

/// The first of something, and how many there are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Excerpt<T> {
    /// How many there are.
    pub total: u64,
    /// The first of them.
    pub shown: Vec<T>,
}

/// A cluster in a summary.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterLine {
    /// Its id.
    pub cluster: ClusterId,
    /// The service, as in the identity.
    pub service: String,
    /// The API.
    pub action: String,
    /// The code, as in the identity.
    pub code: String,
    /// The class.
    pub class: Class,
    /// Its events.
    pub count: u64,
}

/// A campaign in a summary.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CampaignLine {
    /// Whose: a caller's name, a cluster's id, or a network.
    pub actor: String,
    /// What it looks like.
    pub shapes: BTreeSet<Shape>,
    /// Its events.
    pub events: u64,
}

/// An access key in a summary.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyLine {
    /// Its id, whole: whatever keeps or shows it masks it.
    pub key: String,
    /// Who used it, as far as its events say; empty where they do not.
    pub principal: String,
    /// The last event that it failed in.
    pub last_seen: Timestamp,
    /// When it was last used at all, as IAM says; `None` where it was not asked or knows of no use.
    pub last_used: Option<Timestamp>,
    /// With which service, as IAM says.
    pub service: Option<String>,
    /// In which region, as IAM says.
    pub region: Option<String>,
}

impl Period {
    /// Returns the stable name.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// Returns its length in seconds.
    pub fn seconds(self) -> i64 {
        match self {
            Self::Hour => 3600,
            Self::Day => 86_400,
            Self::Week => 7 * 86_400,
        }
    }
}

impl<T> Excerpt<T> {
    /// Returns the first so many of all.
    pub fn of(mut all: Vec<T>, most: usize) -> Self {
        let total = all.len() as u64;
        all.truncate(most);
        Self { total, shown: all }
    }

    /// Returns how many are there and not shown.
    pub fn more(&self) -> u64 {
        self.total.saturating_sub(self.shown.len() as u64)
    }
}

impl<T> Default for Excerpt<T> {
    fn default() -> Self {
        Self::of(Vec::new(), 0)
    }
}

impl ClusterLine {
    /// Returns the line of a cluster with so many events.
    pub fn of(cluster: ClusterId, subject: &ClusterSubject, count: u64) -> Self {
        Self {
            cluster,
            service: subject.service.clone(),
            action: subject.action.clone(),
            code: subject.code.clone(),
            class: subject.class,
            count,
        }
    }

    /// Sorts lines: the most frequent first, equals by their ids.
    pub fn sort(lines: &mut [Self]) {
        lines.sort_by_key(|line| (Reverse(line.count), line.cluster));
    }
}

impl CampaignLine {
    /// Returns the storm that a campaign is.
    pub fn of(campaign: &Campaign) -> Self {
        Self {
            actor: campaign.actor.clone(),
            shapes: campaign.shapes.clone(),
            events: campaign.events.len() as u64,
        }
    }
}

impl Summary {
    /// Returns the summary of a period in which nothing happened.
    pub fn empty(account_id: &str, period: Period, from: Timestamp, until: Timestamp) -> Self {
        Self {
            account_id: account_id.to_owned(),
            period,
            from,
            until,
            errors: 0,
            error_clusters: 0,
            new_errors: 0,
            new: Excerpt::default(),
            regressed: Excerpt::default(),
            recovered: Excerpt::default(),
            escalating: Excerpt::default(),
            campaigns: Excerpt::default(),
            top: Vec::new(),
            keys: Excerpt::default(),
        }
    }

    /// Tells whether so much came that somebody would want to see it together: what comes alone has a
    /// message of its own. A period in which the same errors went on as before is worth no message, nor
    /// is one in which some of them ended.
    pub fn is_worth_telling(&self) -> bool {
        let came = [&self.new, &self.regressed, &self.escalating];
        let came: u64 = came.iter().map(|list| list.total).sum();
        came >= CHANGES_LEAST || self.campaigns.total > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(number: u8, count: u64) -> ClusterLine {
        ClusterLine {
            cluster: ClusterId::from_bytes([number; 16]),
            service: "s3".to_owned(),
            action: "GetObject".to_owned(),
            code: "AccessDenied".to_owned(),
            class: Class::Denied,
            count,
        }
    }

    fn hour() -> Summary {
        let at = |text| Timestamp::parse(text).unwrap();
        let (from, until) = (at("2026-11-02T08:00:00Z"), at("2026-11-02T09:00:00Z"));
        assert_eq!(until.seconds_since(from), Period::Hour.seconds());
        Summary::empty("111122223333", Period::Hour, from, until)
    }

    #[test]
    fn what_went_on_or_ended_is_worth_no_message_and_what_came_together_is() {
        let as_before = Summary {
            errors: 500,
            error_clusters: 1,
            top: vec![line(1, 500)],
            recovered: Excerpt::of(vec![line(2, 9)], LINES_MAX),
            ..hour()
        };
        assert!(!as_before.is_worth_telling());
        let alone = Excerpt::of(vec![line(1, 1)], LINES_MAX);
        let two = Excerpt::of(vec![line(1, 1), line(2, 1)], LINES_MAX);
        let changes: [fn(&mut Summary, Excerpt<ClusterLine>); 3] = [
            |of, list| of.new = list,
            |of, list| of.regressed = list,
            |of, list| of.escalating = list,
        ];
        for change in changes {
            let (mut one, mut several) = (hour(), hour());
            change(&mut one, alone.clone());
            change(&mut several, two.clone());
            assert!(!one.is_worth_telling(), "it has a message of its own");
            assert!(several.is_worth_telling());
        }
        let line = CampaignLine {
            actor: "mallory".to_owned(),
            shapes: BTreeSet::from([Shape::Breadth]),
            events: 10,
        };
        let stormy = Summary {
            campaigns: Excerpt::of(vec![line], CAMPAIGN_LINES_MAX),
            ..hour()
        };
        assert!(stormy.is_worth_telling());
    }

    #[test]
    fn an_excerpt_keeps_the_total_and_the_most_frequent_come_first() {
        let mut lines: Vec<ClusterLine> = (0..50).map(|n| line(n, u64::from(n % 7))).collect();
        ClusterLine::sort(&mut lines);
        let first = (lines[0].count, lines[0].cluster);
        assert_eq!(first, (6, ClusterId::from_bytes([6; 16])));
        let excerpt = Excerpt::of(lines, LINES_MAX);
        assert_eq!((excerpt.total, excerpt.shown.len()), (50, LINES_MAX));
        assert_eq!(excerpt.more(), 30);
    }

    #[test]
    fn names_are_the_stable_ones() {
        for class in Class::ALL {
            assert_eq!(serde_json::json!(class), class.name());
        }
        for shape in Shape::ALL {
            assert_eq!(serde_json::json!(shape), shape.name());
        }
        for period in [Period::Hour, Period::Day, Period::Week] {
            assert_eq!(serde_json::json!(period), period.name());
        }
    }

    #[test]
    fn a_summary_is_read_as_it_was_written() {
        let at = Timestamp::parse("2026-11-02T08:03:00Z").unwrap();
        let key = KeyLine {
            key: "AKIAQNZGKIQY56JQ7WML".to_owned(),
            principal: "arn:aws:iam::111122223333:user/mia".to_owned(),
            last_seen: at,
            last_used: None,
            service: None,
            region: None,
        };
        let summary = Summary {
            new: Excerpt::of(vec![line(1, 3)], LINES_MAX),
            keys: Excerpt::of(vec![key], KEYS_MAX),
            ..hour()
        };
        let written = serde_json::to_string(&summary).unwrap();
        assert_eq!(serde_json::from_str::<Summary>(&written).unwrap(), summary);
    }
}
