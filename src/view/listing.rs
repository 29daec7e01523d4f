//! All clusters in short, as lists show them: made of the chronicle, kept beside it, and brought up to
//! date with the hours that are not in it yet.
//!
//! What one looks for in it is a [`Question`]; the answer is one page.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use clusters::campaign::Deed;
use clusters::chronicle::{Chronicle, Life};
use clusters::facet::Kind;
use clusters::fingerprint::{ClusterId, Subject};
use clusters::packed::{pack, unpack};
use records::time::{EventTime, Window};
use serde::{Deserialize, Serialize};

/// How many clusters a page has.
pub const PAGE: usize = 25;

/// Of how many hours in which a cluster failed it is known how often: as many as somebody looks at.
pub const HOURS_MAX: usize = 24;

/// The version of the encoding. What is of another one is not read, and the next inspection writes it.
const VERSION: u32 = 1;

/// How long a listing may be as it is read, in bytes.
const BYTES_MAX: u64 = 64 << 20;

/// All clusters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listing {
    version: u32,
    /// The first hour that is not in it.
    pub until: Window,
    /// The clusters.
    pub clusters: BTreeMap<ClusterId, Listed>,
}

/// A cluster in short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// What it is.
    pub subject: Arc<Subject>,
    /// Who it was seen of first, where that is known.
    pub caller: Option<String>,
    /// How many callers are told apart.
    pub callers: u64,
    /// The first event of all.
    pub first: EventTime,
    /// Counts its lives, from 1.
    pub epoch: i64,
    /// The first event of this life.
    pub began: EventTime,
    /// The last event.
    pub last: EventTime,
    /// Events of all lives.
    pub total: u64,
    /// How it stands.
    pub state: State,
    /// Since when it counts as recovered.
    pub recovered: Option<EventTime>,
    /// How often it failed in each of the last [`HOURS_MAX`] hours in which it did.
    pub hours: VecDeque<(Window, u64)>,
}

/// How a cluster stands, by its events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// More frequent than its own past lets expect.
    Escalating,
    /// It came back within the last day.
    Regressed,
    /// First seen within the last day.
    New,
    /// It has been failing for longer.
    Ongoing,
    /// It has been quiet for as long as its class needs.
    Recovered,
}

/// What one looks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// Words that all have to be somewhere in what a row says; small letters.
    pub words: Vec<String>,
    /// The account.
    pub account_id: Option<String>,
    /// How they stand.
    pub show: Show,
    /// They failed at this moment or later, and before the other.
    pub range: Option<(EventTime, EventTime)>,
    /// What they are sorted by.
    pub sort: Sort,
    /// Whether that is turned around.
    pub is_reversed: bool,
    /// Which page, from 1; one behind the last is the last.
    pub page: usize,
}

/// How clusters stand that are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    /// When this life began, the newest first.
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
pub struct Page<'l> {
    /// The clusters of this page.
    pub rows: Vec<(ClusterId, &'l Listed)>,
    /// Which page it is, from 1.
    pub number: usize,
    /// How many pages there are, at least 1.
    pub pages: usize,
    /// How many clusters were found.
    pub found: usize,
    /// How many more there are that did not fail in the time that was asked for.
    pub outside: usize,
}

impl State {
    /// Returns the stable name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Escalating => "escalating",
            Self::Regressed => "regressed",
            Self::New => "new",
            Self::Ongoing => "ongoing",
            Self::Recovered => "recovered",
        }
    }

    fn of(life: &Life) -> Self {
        if !life.is_open() {
            Self::Recovered
        } else if life.escalation.is_some() {
            Self::Escalating
        } else if life.is_ongoing {
            Self::Ongoing
        } else {
            Self::begun(life.epoch)
        }
    }

    /// Returns how a cluster stands whose life has just begun.
    fn begun(epoch: i64) -> Self {
        if epoch > 1 {
            Self::Regressed
        } else {
            Self::New
        }
    }
}

impl Show {
    /// All there are.
    pub const ALL: [Self; 4] = [Self::Open, Self::New, Self::Recovered, Self::All];

    /// Returns the stable name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::New => "new",
            Self::Recovered => "recovered",
            Self::All => "all",
        }
    }

    fn shows(self, state: State) -> bool {
        match self {
            Self::Open => state != State::Recovered,
            Self::New => matches!(state, State::New | State::Regressed | State::Escalating),
            Self::Recovered => state == State::Recovered,
            Self::All => true,
        }
    }
}

impl Sort {
    /// All there are.
    pub const ALL: [Self; 6] = [
        Self::Began,
        Self::Last,
        Self::Count,
        Self::State,
        Self::What,
        Self::Account,
    ];

    /// Returns the stable name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Began => "began",
            Self::Last => "last",
            Self::Count => "count",
            Self::State => "state",
            Self::What => "what",
            Self::Account => "account",
        }
    }

    fn compare(self, one: &Listed, other: &Listed) -> Ordering {
        match self {
            Self::Began => other.began.cmp(&one.began),
            Self::Last => other.last.cmp(&one.last),
            Self::Count => other.total.cmp(&one.total),
            Self::State => one.state.cmp(&other.state),
            Self::What => what(&one.subject).cmp(&what(&other.subject)),
            Self::Account => one.subject.account_id.cmp(&other.subject.account_id),
        }
    }
}

fn what(of: &Subject) -> (&str, &str, &str) {
    (&of.service, &of.action, &of.code)
}

impl Default for Question {
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

impl Listed {
    /// Begins with an event.
    fn new(deed: &Deed) -> Self {
        Self {
            subject: Arc::clone(&deed.subject),
            caller: deed.case.facets.get(Kind::Principal).map(str::to_owned),
            callers: 1,
            first: deed.at,
            epoch: 1,
            began: deed.at,
            last: deed.at,
            total: 0,
            state: State::New,
            recovered: None,
            hours: VecDeque::new(),
        }
    }

    /// Adds an event that came after all others, or nearly.
    fn meet(&mut self, deed: &Deed) {
        if self.recovered.is_some_and(|since| deed.at > since) {
            self.recovered = None;
            self.epoch += 1;
            self.began = deed.at;
            self.state = State::begun(self.epoch);
        }
        self.first = self.first.min(deed.at);
        if self.epoch == 1 {
            self.began = self.first;
        }
        self.last = self.last.max(deed.at);
        self.total += 1;
        let window = deed.at.window();
        let place = self.hours.partition_point(|(of, _)| *of < window);
        match self.hours.get_mut(place).filter(|(of, _)| *of == window) {
            Some((_, count)) => *count += 1,
            None => self.hours.insert(place, (window, 1)),
        }
        if self.hours.len() > HOURS_MAX {
            self.hours.pop_front();
        }
    }

    /// Tells whether it failed in a time, as far as that is known.
    fn failed_within(&self, from: EventTime, until: EventTime) -> bool {
        self.last >= from && self.first < until
    }

    /// Tells whether all words are somewhere in what a row says.
    fn says(&self, id: ClusterId, words: &[String]) -> bool {
        if words.is_empty() {
            return true;
        }
        let Subject {
            account_id,
            service,
            action,
            code,
            class,
        } = &*self.subject;
        let caller = self.caller.as_deref().unwrap_or_default();
        let text = format!(
            "{id} {account_id} {service}:{action} {code} {} {caller}",
            class.name()
        );
        let text = text.to_lowercase();
        words.iter().all(|word| text.contains(word.as_str()))
    }
}

impl From<&Life> for Listed {
    fn from(life: &Life) -> Self {
        let mut hours: VecDeque<(Window, u64)> = life.hours().collect();
        hours.drain(..hours.len().saturating_sub(HOURS_MAX));
        Self {
            subject: Arc::clone(&life.subject),
            caller: life.caller.clone(),
            callers: life.callers(),
            first: life.first,
            epoch: life.epoch,
            began: life.began,
            last: life.last,
            total: life.total,
            state: State::of(life),
            recovered: life.recovered,
            hours,
        }
    }
}

impl From<&Chronicle> for Listing {
    fn from(chronicle: &Chronicle) -> Self {
        let lives = chronicle.lives().iter();
        Self {
            version: VERSION,
            until: chronicle.next(),
            clusters: lives.map(|(id, life)| (*id, life.into())).collect(),
        }
    }
}

impl Listing {
    /// Returns one without clusters, of the hours before one.
    pub fn empty(until: Window) -> Self {
        Self {
            version: VERSION,
            until,
            clusters: BTreeMap::new(),
        }
    }

    /// Adds the events of hours that are not in it, in the order of time.
    pub fn meet(&mut self, deeds: &[Deed]) {
        let mut callers: BTreeMap<ClusterId, BTreeSet<&str>> = BTreeMap::new();
        for deed in deeds {
            let id = deed.case.cluster;
            let known = self.clusters.len();
            let listed = self.clusters.entry(id).or_insert_with(|| Listed::new(deed));
            listed.meet(deed);
            let is_first = self.clusters.len() > known;
            if is_first || callers.contains_key(&id) {
                let of = callers.entry(id).or_default();
                of.extend(deed.case.facets.get(Kind::Principal));
            }
        }
        // Of a cluster that was there, who of these is new to it is found out by the inspection.
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

    /// Answers a question.
    pub fn ask(&self, question: &Question) -> Page<'_> {
        let is_asked_for = |(id, listed): &(&ClusterId, &Listed)| {
            let account_id = &listed.subject.account_id;
            let of = question.account_id.as_ref();
            of.is_none_or(|of| of == account_id)
                && question.show.shows(listed.state)
                && listed.says(**id, &question.words)
        };
        let is_within = |(_, listed): &(&ClusterId, &Listed)| {
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
        Page {
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
