//! All clusters in short, as lists show them: made of the inspection state, kept beside it, and brought up to
//! date with the hours that are not in it yet.
//!
//! What one looks for in it is a [`ListQuery`]; the answer is one page.

use std::cmp::Ordering;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use alerts::severity::{self, Assessment};
use clusters::campaign::Occurrence;
use clusters::circumstance::{Circumstance, Circumstances, shown_code};
use clusters::facet::{FacetKind, Facets};
use clusters::fingerprint::{ClusterId, ClusterSubject};
use clusters::inspection_state::{ClusterHistory, InspectionState};
use clusters::lifecycle::{LifecycleEvent, Move, Resolutions, State, Status, step};
use clusters::packed::{pack, unpack};
use clusters::triage::Observation;
use clusters::{Sighting, Span};
use records::time::{Timestamp, Window};
use serde::{Deserialize, Serialize};
use strum::VariantArray as _;

/// How many clusters a page has.
pub const PAGE: usize = 25;

/// For how many hours with failures the counts of a cluster are kept.
pub const HOURS_MAX: usize = 24;

/// The version of the encoding. What is of another one is not read, and the next inspection writes it.
const VERSION: u32 = 2;

/// How long a listing may be as it is read, in bytes.
const BYTES_MAX: u64 = 64 << 20;

/// All clusters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listing {
    version: u32,
    /// The first hour that is not in it.
    pub until: Window,
    /// The clusters.
    pub clusters: BTreeMap<ClusterId, ListedCluster>,
}

/// A cluster in short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedCluster {
    /// What it is.
    pub subject: Arc<ClusterSubject>,
    /// Who it was seen of first, where that is known.
    pub caller: Option<String>,
    /// How many callers are told apart.
    pub callers: u64,
    /// The error code as the service spelled it.
    pub code: Option<String>,
    /// What its severity is computed from.
    circumstances: Circumstances,
    /// The first event of all; `None` where none has a time.
    pub first: Option<Timestamp>,
    /// Counts its episodes, from 1.
    #[serde(rename = "epoch")]
    pub episode: i64,
    /// The first event of this episode.
    pub began: Option<Timestamp>,
    /// The last event.
    pub last: Option<Timestamp>,
    /// Events of all episodes, with those that have no time.
    pub total: u64,
    /// How it stands; `None` where no event has a time.
    state: Option<State>,
    /// Whether it fails more often than its own past lets expect.
    is_escalating: bool,
    /// Since when it counts as recovered.
    recovered: Option<Timestamp>,
    /// How often it failed in each of the last [`HOURS_MAX`] hours in which it did.
    pub hours: VecDeque<(Window, u64)>,
}

/// What one looks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListQuery {
    /// Words that all have to be somewhere in what a row says; small letters.
    pub words: Vec<String>,
    /// The account.
    pub account_id: Option<String>,
    /// How they stand.
    pub show: Show,
    /// They failed at this moment or later, and before the other.
    pub range: Option<(Timestamp, Timestamp)>,
    /// What they are sorted by.
    pub sort: Sort,
    /// Whether the order is reversed.
    pub is_reversed: bool,
    /// Which page, from 1; one behind the last is the last.
    pub page: usize,
}

/// How clusters stand that are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
pub enum Show {
    /// Open ones.
    Open,
    /// Those that are new or came back.
    New,
    /// Recovered ones.
    Recovered,
    /// All.
    All,
}

/// What clusters are sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::IntoStaticStr, strum::VariantArray)]
#[strum(serialize_all = "lowercase")]
pub enum Sort {
    /// How severe they are, the most severe first, and of those the newest.
    Severity,
    /// When this episode began, the newest first.
    Began,
    /// The last event, the newest first.
    Last,
    /// How many events, the most first.
    Count,
    /// How they stand.
    State,
    /// What they are, by the alphabet.
    What,
    /// The account.
    Account,
}

/// One page of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListPage<'l> {
    /// The clusters of this page.
    pub rows: Vec<(ClusterId, &'l ListedCluster)>,
    /// Which page it is, from 1.
    pub number: usize,
    /// How many pages there are, at least 1.
    pub pages: usize,
    /// How many clusters were found.
    pub found: usize,
    /// How many more there are that did not fail in the time that was asked for.
    pub outside: usize,
}

impl Show {
    /// All there are.
    pub const ALL: [Self; 4] = [Self::Open, Self::New, Self::Recovered, Self::All];

    /// Returns the stable name.
    pub fn name(self) -> &'static str {
        self.into()
    }

    fn shows(self, status: Status) -> bool {
        match self {
            Self::Open => status != Status::Recovered,
            Self::New => matches!(status, Status::New | Status::Regressed | Status::Escalating),
            Self::Recovered => status == Status::Recovered,
            Self::All => true,
        }
    }
}

impl Sort {
    /// All there are.
    pub const ALL: [Self; Self::VARIANTS.len()] =
        *Self::VARIANTS.first_chunk().expect("as many as there are");

    /// Returns the stable name.
    pub fn name(self) -> &'static str {
        self.into()
    }

    fn compare(self, one: &ListedCluster, other: &ListedCluster) -> Ordering {
        match self {
            Self::Began => other.began.cmp(&one.began),
            Self::Last => other.last.cmp(&one.last),
            Self::Count => other.total.cmp(&one.total),
            Self::Severity => {
                let of = |listed: &ListedCluster| (listed.assessment().severity, listed.last);
                of(other).cmp(&of(one))
            }
            Self::State => one.status().cmp(&other.status()),
            Self::What => what(&one.subject).cmp(&what(&other.subject)),
            Self::Account => one.subject.account_id.cmp(&other.subject.account_id),
        }
    }
}

fn what(of: &ClusterSubject) -> (&str, &str, &str) {
    (&of.service, &of.action, &of.code)
}

impl Default for ListQuery {
    fn default() -> Self {
        Self {
            words: Vec::new(),
            account_id: None,
            show: Show::Open,
            range: None,
            sort: Sort::Began,
            is_reversed: false,
            page: 1,
        }
    }
}

impl ListedCluster {
    /// Begins without any event.
    fn new(subject: Arc<ClusterSubject>, caller: Option<&str>) -> Self {
        Self {
            subject,
            caller: caller.map(str::to_owned),
            callers: 0,
            code: None,
            circumstances: Circumstances::new(),
            first: None,
            episode: 1,
            began: None,
            last: None,
            total: 0,
            state: None,
            is_escalating: false,
            recovered: None,
            hours: VecDeque::new(),
        }
    }

    /// Returns one of which no event is kept any more: nothing is known but that it is over, and when it was first
    /// seen.
    pub fn expired(subject: Arc<ClusterSubject>, first: Option<Timestamp>) -> Self {
        Self {
            state: Some(State::Recovered),
            first,
            ..Self::new(subject, None)
        }
    }

    /// Returns how it stands.
    pub fn status(&self) -> Status {
        Status::of(self.state, self.is_escalating)
    }

    /// Returns how severe it is, by all of its events, and why.
    pub fn assessment(&self) -> Assessment {
        severity::of(&self.subject, &self.circumstances, self.span())
    }

    /// Returns how many events it has, since when and until when.
    pub fn span(&self) -> Span {
        Span {
            count: self.total,
            first_seen: self.first,
            last_seen: self.last,
        }
    }

    /// Returns what is known of it that may end a triage, at a moment by our clock.
    pub fn observation(&self, now: Timestamp) -> Observation {
        Observation {
            episode: Some(self.episode),
            is_recovered: self.status() == Status::Recovered,
            last: self.last,
            ..Observation::at(now)
        }
    }

    /// Adds what any event says, whenever it was.
    fn add(&mut self, facets: &Facets) {
        self.total += 1;
        let circumstance = Circumstance::of(&self.subject.account_id, |kind| facets.get(kind));
        self.circumstances.insert(circumstance);
        let codes = [self.code.as_deref(), facets.get(FacetKind::ErrorCode)];
        let code = shown_code(codes.into_iter().flatten()).map(str::to_owned);
        self.code = code;
    }

    /// Adds an event that came after all others, or nearly.
    fn meet(&mut self, occurrence: &Occurrence) {
        // What is late for its end does not bring it back.
        if self.recovered.is_none_or(|since| occurrence.at > since) {
            let (state, change) = step(self.state, LifecycleEvent::Seen);
            self.state = state;
            if change == Some(Move::Return) {
                self.recovered = None;
                self.episode += 1;
                self.began = Some(occurrence.at);
            }
        }
        let first = self
            .first
            .map_or(occurrence.at, |first| first.min(occurrence.at));
        self.first = Some(first);
        if self.episode == 1 {
            self.began = self.first;
        }
        self.last = self.last.max(Some(occurrence.at));
        self.add(&occurrence.series.facets);
        let window = occurrence.at.window();
        let place = self.hours.partition_point(|(of, _)| *of < window);
        match self.hours.get_mut(place).filter(|(of, _)| *of == window) {
            Some((_, count)) => *count += 1,
            None => self.hours.insert(place, (window, 1)),
        }
        if self.hours.len() > HOURS_MAX {
            self.hours.pop_front();
        }
    }

    /// Takes what a person said at a moment: that it is over, or that it is not.
    fn decide(&mut self, at: Timestamp, said: LifecycleEvent) {
        let (state, change) = step(self.state, said);
        self.state = state;
        match change {
            Some(Move::Recover) => self.recovered = Some(at),
            Some(Move::Reopen) => self.recovered = None,
            _ => {}
        }
    }

    /// Tells whether it failed in a time, as far as that is known: one without a time may have.
    fn failed_within(&self, from: Timestamp, until: Timestamp) -> bool {
        let (Some(first), Some(last)) = (self.first, self.last) else {
            return true;
        };
        last >= from && first < until
    }

    /// Tells whether all words are somewhere in what a row says.
    fn says(&self, id: ClusterId, words: &[String]) -> bool {
        if words.is_empty() {
            return true;
        }
        let ClusterSubject {
            account_id,
            service,
            action,
            code,
            class,
        } = &*self.subject;
        let caller = self.caller.as_deref().unwrap_or_default();
        let spelled = self.code.as_deref().unwrap_or_default();
        let text = format!(
            "{id} {account_id} {service}:{action} {code} {spelled} {} {caller}",
            class.name()
        );
        let text = text.to_lowercase();
        words.iter().all(|word| text.contains(word.as_str()))
    }
}

impl From<&ClusterHistory> for ListedCluster {
    fn from(history: &ClusterHistory) -> Self {
        let mut hours: VecDeque<(Window, u64)> = history.hours().collect();
        hours.drain(..hours.len().saturating_sub(HOURS_MAX));
        Self {
            subject: Arc::clone(&history.subject),
            caller: history.caller.clone(),
            callers: history.callers(),
            code: history.code().map(str::to_owned),
            circumstances: history.circumstances.clone(),
            first: Some(history.first),
            episode: history.episode,
            began: Some(history.began),
            last: Some(history.last),
            total: history.total,
            state: history.state,
            is_escalating: history.escalation.is_some(),
            recovered: history.recovered,
            hours,
        }
    }
}

impl From<&InspectionState> for Listing {
    fn from(inspection_state: &InspectionState) -> Self {
        let histories = inspection_state.histories().iter();
        Self {
            version: VERSION,
            until: inspection_state.next(),
            clusters: histories
                .map(|(id, history)| (*id, history.into()))
                .collect(),
        }
    }
}

impl Listing {
    /// Returns an empty list of all hours before `until`.
    pub fn empty(until: Window) -> Self {
        Self {
            version: VERSION,
            until,
            clusters: BTreeMap::new(),
        }
    }

    /// Adds the events of hours that are not in it, in the order of time, and what people said in these hours.
    pub fn meet(&mut self, occurrences: &[Occurrence], resolutions: &Resolutions) {
        let from = self.until.start();
        let said = resolutions.iter().flat_map(|(id, all)| {
            let later = all.iter().filter(|(at, _)| *at >= from);
            later.map(|(at, said)| (*at, *id, *said))
        });
        let mut said: Vec<(Timestamp, ClusterId, LifecycleEvent)> = said.collect();
        said.sort_unstable();
        let mut said = said.into_iter().peekable();
        let mut callers: BTreeMap<ClusterId, BTreeSet<&str>> = BTreeMap::new();
        for occurrence in occurrences {
            while let Some((at, id, said)) = said.next_if(|(at, ..)| *at < occurrence.at) {
                self.decide(id, at, said);
            }
            let id = occurrence.series.cluster;
            let known = self.clusters.len();
            let caller = occurrence.series.facets.get(FacetKind::Principal);
            let listed = self.clusters.entry(id);
            let listed = listed
                .or_insert_with(|| ListedCluster::new(Arc::clone(&occurrence.subject), caller));
            listed.meet(occurrence);
            let is_first = self.clusters.len() > known;
            if is_first || callers.contains_key(&id) {
                let of = callers.entry(id).or_default();
                of.extend(occurrence.series.facets.get(FacetKind::Principal));
            }
        }
        said.for_each(|(at, id, said)| self.decide(id, at, said));
        // Of a cluster that was there, who of these is new to it is found out by the inspection.
        for (id, of) in callers {
            if let Some(listed) = self.clusters.get_mut(&id) {
                listed.callers = of.len() as u64;
            }
        }
    }

    /// Takes what a person said of a cluster at a moment: that it is over, or that it is not.
    pub fn decide(&mut self, id: ClusterId, at: Timestamp, said: LifecycleEvent) {
        if let Some(listed) = self.clusters.get_mut(&id) {
            listed.decide(at, said);
        }
    }

    /// Adds events that have no time.
    pub fn meet_undated<'s>(
        &mut self,
        sightings: impl Iterator<Item = &'s Sighting>,
        subject: impl Fn(ClusterId) -> Option<Arc<ClusterSubject>>,
    ) {
        let mut callers: BTreeMap<ClusterId, BTreeSet<&str>> = BTreeMap::new();
        for Sighting { series, .. } in sightings {
            let caller = series.facets.get(FacetKind::Principal);
            let listed = match self.clusters.entry(series.cluster) {
                Entry::Occupied(entry) => entry.into_mut(),
                Entry::Vacant(entry) => {
                    let Some(subject) = subject(series.cluster) else {
                        continue;
                    };
                    callers.insert(series.cluster, BTreeSet::new());
                    entry.insert(ListedCluster::new(subject, caller))
                }
            };
            listed.add(&series.facets);
            if let Some(of) = callers.get_mut(&series.cluster) {
                of.extend(caller);
            }
        }
        for (id, of) in callers {
            if let Some(listed) = self.clusters.get_mut(&id) {
                listed.callers = of.len() as u64;
            }
        }
    }

    /// Returns the accounts.
    pub fn accounts(&self) -> BTreeSet<&str> {
        let accounts = self.clusters.values();
        accounts.map(|of| of.subject.account_id.as_str()).collect()
    }

    /// Returns the page of clusters that a question asks for: filtered, sorted, and cut to its
    /// size.
    pub fn ask(&self, question: &ListQuery) -> ListPage<'_> {
        let is_asked_for = |(id, listed): &(&ClusterId, &ListedCluster)| {
            let account_id = &listed.subject.account_id;
            let of = question.account_id.as_ref();
            of.is_none_or(|of| of == account_id)
                && question.show.shows(listed.status())
                && listed.says(**id, &question.words)
        };
        let is_within = |(_, listed): &(&ClusterId, &ListedCluster)| {
            let range = question.range;
            range.is_none_or(|(from, until)| listed.failed_within(from, until))
        };
        let all = self.clusters.iter().filter(is_asked_for);
        let (mut rows, outside): (Vec<_>, Vec<_>) = all.partition(is_within);
        // The sort is stable: equal ones stay in the order of their ids.
        rows.sort_by(|(_, one), (_, other)| {
            let order = question.sort.compare(one, other);
            if question.is_reversed {
                order.reverse()
            } else {
                order
            }
        });
        let (found, pages) = (rows.len(), rows.len().div_ceil(PAGE).max(1));
        let number = question.page.clamp(1, pages);
        let rows = rows.into_iter().skip((number - 1) * PAGE).take(PAGE);
        ListPage {
            rows: rows.map(|(id, listed)| (*id, listed)).collect(),
            number,
            pages,
            found,
            outside: outside.len(),
        }
    }

    /// Returns it as bytes.
    pub fn encode(&self) -> Vec<u8> {
        pack(self)
    }

    /// Reads what [`Self::encode`] wrote; `None` for anything else.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let listing: Self = unpack(bytes, BYTES_MAX).ok()?;
        (listing.version == VERSION).then_some(listing)
    }
}
