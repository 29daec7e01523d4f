//! The three functions together, in random worlds.
//!
//! Events come in any order, more than once and cut in any manner. Functions break off at any call, clocks are wrong,
//! runs are left out or doubled. If missed events are processed before their hour is inspected, none of this changes
//! the final clusters and alerts. Events that come later still count once, and never put the episodes of a cluster out
//! of order.
//!
//! CONTRIBUTING.md lists which test covers which of the other properties.

pub mod choices;
pub mod scenarios;
pub mod world;

use std::collections::{BTreeMap, BTreeSet};

use alerts::alert::{Alert, AlertId};
use alerts::kind::AlertKind;
use aws::dynamodb::item::{CallerHash, ClusterItem, caller};
use clusters::ClusterSnapshot;
use clusters::fingerprint::ClusterId;
use clusters::inspection_state::{AccountActivity, ClusterHistory, InspectionState};
use clusters::journal::JournalEvent;
use clusters::lifecycle::State;
use clusters::timeline::Timeline;
use pollster::block_on;
use proptest::collection::vec;
use proptest::prelude::*;
use records::time::Timestamp;
use service::config::inspect::Summaries;
use service::inspect::run::INSPECTION_STATE_KEY;
use service::ports::{Store as _, TriageStore as _};

use crate::effort;
use crate::pipeline::choices::{Choices, End};
use crate::pipeline::scenarios::{Drawn, HOURS, Happening, STEADY, drawn};
use crate::pipeline::world::{LOGGED_SECONDS, SINKS, World};
use crate::story::{HOUR, START};
use crate::table::{store, telling};

/// Number of hours for which a world runs.
const WATCHED: i64 = HOURS + 14;

/// Maximum delay in seconds of an event that comes in time: with the grace period, it comes before its hour is
/// inspected.
const UNDER_WAY: u64 = 500;

/// Number of seconds in which events are collected for one batch.
const GATHERED: i64 = 120;

/// Maximum number of failed runs in a row. After more than a day of failed runs, findings are too old to be announced.
const FRUITLESS_MAX: u32 = 6;

/// An action at a time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Act {
    HandOver(Vec<usize>),
    Inspect,
    Deliver,
}

/// Final state of the clusters, independent of when it was found.
#[derive(Debug, Clone, PartialEq)]
struct Known {
    sums: ClusterSnapshot,
    timeline: Timeline,
    /// For each cluster: the time of the first event, the wording of the error, and the callers.
    heads: BTreeMap<ClusterId, (Option<Timestamp>, String, BTreeSet<CallerHash>)>,
}

/// A journal entry: episode, event and time.
type Noted = (i64, JournalEvent, Option<Timestamp>);

/// All transitions and alerts in the end.
#[derive(Debug, Clone, PartialEq)]
struct Course {
    /// For each cluster: state, number of the episode, and the time up to which an event is too late for the cluster.
    states: BTreeMap<ClusterId, (State, i64, Option<Timestamp>)>,
    journals: BTreeMap<ClusterId, BTreeMap<Noted, usize>>,
    told: BTreeSet<String>,
    histories: BTreeMap<ClusterId, ClusterHistory>,
    accounts: BTreeMap<String, AccountActivity>,
}

/// Returns the actions in order of time. Each event comes one to five times, with a delay of at most `late` seconds
/// beyond the usual.
fn agenda(world: &Drawn, choices: &Choices, late: u64) -> Vec<(i64, Act)> {
    let mut arrivals = Vec::new();
    for (number, happening) in world.happenings.iter().enumerate() {
        for _ in 0..=choices.below(5) {
            let under_way =
                LOGGED_SECONDS + choices.below(UNDER_WAY - LOGGED_SECONDS as u64) as i64;
            let late = if late > 0 && choices.one_in(4) {
                choices.below(late) as i64
            } else {
                0
            };
            arrivals.push((happening.at + under_way + late, choices.below(100), number));
        }
    }
    arrivals.sort_unstable();
    let mut acts = Vec::new();
    let mut rest = &arrivals[..];
    while let Some((first, ..)) = rest.first() {
        let most = 20 - choices.below(20) as usize;
        let is_with = |(at, ..): &&(i64, u64, usize)| *at < first + GATHERED;
        let count = rest.iter().take(most).take_while(is_with).count();
        let (together, later) = rest.split_at(count);
        let numbers = together.iter().map(|(.., number)| *number).collect();
        acts.push((together[count - 1].0, Act::HandOver(numbers)));
        rest = later;
    }
    for hour in 0..WATCHED {
        let start = START + hour * HOUR;
        // Users can schedule the inspection at any minute; the default is 0.
        let minute = choices.below(60) as i64;
        acts.extend((!choices.one_in(6)).then_some((start + minute * 60, Act::Inspect)));
        acts.extend(choices.one_in(6).then_some((start + 59 * 60, Act::Inspect)));
        acts.push((start + 10 * 60, Act::Deliver));
        acts.push((start + 40 * 60, Act::Deliver));
    }
    acts.sort();
    acts
}

/// Runs redrive and backfill a few times over random hours; each run may break off.
fn take_in_badly(world: &mut World, choices: &Choices, now: i64) {
    for _ in 0..choices.below(4) {
        world.redrive(now, choices.end());
    }
    for _ in 0..choices.below(4) {
        let from = now - choices.below(20 * 3600) as i64;
        let until = (from + choices.below(10 * 3600) as i64).min(now);
        world.backfill(now, (from, until), choices.end());
    }
}

/// Runs a world in which missed events are processed before each inspection.
fn lived_in_time(drawn: &Drawn, choices: &Choices) -> World {
    live_in_time(
        World::new(&drawn.happenings, choices.clone(), false),
        drawn,
        choices,
    )
}

fn live_in_time(mut world: World, drawn: &Drawn, choices: &Choices) -> World {
    let (mut fruitless, mut taken) = (0, START);
    for (now, act) in agenda(drawn, choices, 0) {
        match act {
            Act::HandOver(numbers) => world.hand_over(now, &numbers, &drawn.happenings),
            Act::Deliver => world.deliver(now, choices.end()),
            Act::Inspect => {
                take_in_badly(&mut world, choices, now);
                world.catch_up(now, taken - HOUR);
                taken = now;
                let end = if fruitless < FRUITLESS_MAX {
                    choices.end()
                } else {
                    End::Whole
                };
                let is_done = world.inspect(now, end);
                fruitless = if is_done { 0 } else { fruitless + 1 };
            }
        }
    }
    ended(world)
}

/// Returns the stack of a world with the same events and no failures.
pub fn lived(happenings: &[Happening], summaries: Summaries) -> World {
    let drawn = Drawn {
        happenings: happenings.to_vec(),
        outage: None,
    };
    let mut world = World::new(happenings, Choices::default(), false);
    world.summaries = summaries;
    live_in_time(world, &drawn, &Choices::default())
}

/// Runs a world in which everything may come too late.
fn lived_too_late(drawn: &Drawn, choices: &Choices) -> World {
    let mut world = World::new(&drawn.happenings, choices.clone(), true);
    for (now, act) in agenda(drawn, choices, 30 * 3600) {
        match act {
            Act::HandOver(numbers) => world.hand_over(now, &numbers, &drawn.happenings),
            Act::Deliver => world.deliver(now, choices.end()),
            Act::Inspect => {
                take_in_badly(&mut world, choices, now);
                world.inspect(now, choices.end());
            }
        }
    }
    ended(world)
}

/// Processes the remaining events, inspects once more with a correct clock, and sends the waiting alerts.
fn ended(mut world: World) -> World {
    let now = START + (WATCHED + 2) * HOUR;
    world.set_clock_right();
    world.catch_up(now, START);
    assert!(world.inspect(now, End::Whole));
    world.deliver_all(now);
    world
}

fn heads(world: &World) -> BTreeMap<ClusterId, ClusterItem> {
    world
        .table
        .items()
        .iter()
        .filter_map(ClusterItem::read)
        .collect()
}

fn known(world: &World) -> Known {
    let store = store(&world.table, telling());
    let mut callers: BTreeMap<String, BTreeSet<CallerHash>> = BTreeMap::new();
    for item in world.table.items() {
        if let Some(name) = item.text_of("nm").filter(|_| item.key.sk.starts_with("F#")) {
            callers
                .entry(item.key.pk.clone())
                .or_default()
                .insert(caller(name));
        }
    }
    let of = |(cluster, head): (ClusterId, ClusterItem)| {
        let more = callers.remove(&format!("C#{cluster}")).unwrap_or_default();
        let callers = head.callers.into_iter().chain(more).collect();
        (cluster, (head.first, head.facts.template, callers))
    };
    Known {
        heads: heads(world).into_iter().map(of).collect(),
        sums: block_on(store.sums(None)).unwrap(),
        timeline: block_on(store.timeline()).unwrap(),
    }
}

/// Returns the alerts as text without the parts that depend on when they were created.
fn in_words(told: &Alert) -> Option<String> {
    let about = told.about();
    // Whether a caller counts as new depends on which event of the first hour was committed first.
    if told.kind() == AlertKind::NewPrincipal {
        return None;
    }
    let (kind, account, episode) = (told.kind().name(), told.account_id(), told.subject.number());
    let cluster = told.cluster().map(|of| of.to_string()).unwrap_or_default();
    Some(format!("{kind} {account} {cluster} {episode} {about}"))
}

fn inspection_state(world: &World) -> InspectionState {
    InspectionState::decode(&world.bucket.objects()[INSPECTION_STATE_KEY]).unwrap()
}

fn course(world: &World) -> Course {
    let store = store(&world.table, telling());
    let heads = heads(world);
    let mut journals = BTreeMap::new();
    for cluster in heads.keys() {
        let mut journal = BTreeMap::new();
        for entry in block_on(store.journal(*cluster)).unwrap() {
            // A commit notes the last event of its batch, a replay the first event.
            let at = (entry.what != JournalEvent::Regressed).then_some(entry.at);
            *journal.entry((entry.episode, entry.what, at)).or_default() += 1;
        }
        journals.insert(*cluster, journal);
    }
    let of = |(cluster, head): (ClusterId, ClusterItem)| {
        (cluster, (head.state, head.episode, head.watermark))
    };
    let inspection_state = inspection_state(world);
    Course {
        states: heads.into_iter().map(of).collect(),
        journals,
        told: told(world).iter().filter_map(in_words).collect(),
        histories: inspection_state.histories().clone(),
        accounts: inspection_state.accounts().clone(),
    }
}

/// Asserts that each alert has one row for each sink, and that each row was sent once, or again for a reason.
fn assert_told_once(world: &World) {
    let logged = world.logged();
    let told: BTreeMap<AlertId, Alert> = told(world).into_iter().map(|of| (of.id(), of)).collect();
    for sink in SINKS {
        let sent: BTreeSet<AlertId> = world.told(sink).iter().map(Alert::id).collect();
        for (id, told) in &told {
            let waited = world.rows.get(&(sink.to_owned(), *id));
            let rows = waited.map_or(0, |(created, _)| created.len());
            let ended = logged.get(&id.for_sink(sink)).copied().unwrap_or_default();
            let well = world.sent_well(sink, *id);
            assert!(rows <= 1 && rows + ended >= 1, "{rows} rows for {told:?}");
            assert!(
                well <= ended && ended <= 1,
                "{well} of {ended} for {told:?}"
            );
            assert!(ended == 1, "{sink} was not sent {told:?}");
            assert!(
                ended == 0 || sent.contains(id),
                "{sink} was not sent {told:?}"
            );
        }
    }
}

/// Returns the alerts of all rows that waited or were sent at any time, for all sinks.
fn told(world: &World) -> Vec<Alert> {
    let waited = world.rows.values().map(|(_, told)| told.clone());
    let sent = SINKS.into_iter().flat_map(|sink| world.told(sink));
    waited.chain(sent).collect()
}

/// Asserts the order of episodes: each begins after the end of the one before, with an event later than that end, and
/// no journal event happens twice in one episode.
fn assert_episodes(world: &World) {
    let store = store(&world.table, telling());
    let inspection_state = inspection_state(world);
    for (cluster, head) in heads(world) {
        if let Some(history) = inspection_state.histories().get(&cluster) {
            let missing: Vec<_> = history
                .circumstances
                .difference(&head.circumstances)
                .collect();
            assert!(missing.is_empty(), "{cluster} lacks {missing:?}");
        }
        let journal = block_on(store.journal(cluster)).unwrap();
        let once = |episode: i64, what: JournalEvent| {
            let of: Vec<Timestamp> = journal
                .iter()
                .filter(|of| of.episode == episode && of.what == what)
                .map(|of| of.at)
                .collect();
            assert!(
                of.len() <= 1,
                "{cluster} is {what:?} twice in life {episode}: {journal:?}"
            );
            of.first().copied()
        };
        for episode in 1..=head.episode {
            let began = once(episode, JournalEvent::Regressed);
            assert_eq!(
                began.is_some(),
                episode > 1,
                "{cluster} in life {episode}: {journal:?}"
            );
            let ended = once(episode - 1, JournalEvent::Recovered);
            assert_eq!(
                ended.is_some(),
                episode > 1,
                "{cluster} in life {episode}: {journal:?}"
            );
            assert!(
                ended <= began,
                "{cluster} came back for a late event: {journal:?}"
            );
            assert!(
                ended.is_none() || ended != began,
                "at the watermark is late: {journal:?}"
            );
            once(episode, JournalEvent::Ongoing);
        }
        let is_over = once(head.episode, JournalEvent::Recovered).is_some();
        assert_eq!(
            is_over,
            head.state == State::Recovered,
            "{cluster}: {journal:?}"
        );
        assert!(journal.iter().all(|of| of.episode <= head.episode));
    }
}

/// Asserts that the inspection knows every open cluster, so that its end will be found.
fn assert_ends_are_found(world: &World) {
    let inspection_state = inspection_state(world);
    for (cluster, head) in heads(world) {
        let history = &inspection_state.histories()[&cluster];
        let is_open = head.state != State::Recovered;
        assert_eq!(
            history.is_open(),
            is_open,
            "{cluster} is {:?}: {history:?}",
            head.state
        );
    }
}

/// Asserts that no cluster recovers in hours without data.
fn assert_blind_hours(drawn: &Drawn, course: &Course, heads: &BTreeMap<ClusterId, ClusterItem>) {
    let Some((from, hours)) = drawn.outage else {
        return;
    };
    let at = |hour| Timestamp::from_seconds(START + hour * HOUR);
    let blind = at(from)..=at(from + hours);
    let steady = heads
        .iter()
        .filter(|(_, head)| head.facts.identity.account_id == STEADY);
    for (cluster, _) in steady {
        let entries = course.journals[cluster].keys();
        for (_, what, at) in entries {
            assert!(
                *what != JournalEvent::Recovered || !blind.contains(at),
                "{cluster} recovers unseen at {at:?}"
            );
        }
    }
}

fn choices() -> impl Strategy<Value = Choices> {
    vec(any::<u16>(), 0..400).prop_map(Choices::new)
}

fn config() -> ProptestConfig {
    ProptestConfig {
        failure_persistence: None,
        max_shrink_iters: 500,
        ..effort::property(8, 32)
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn whatever_goes_wrong_and_is_made_up_for_in_time_changes_nothing(drawn in drawn(), choices in choices()) {
        let calm = lived_in_time(&drawn, &Choices::default());
        let disturbed = lived_in_time(&drawn, &choices);
        prop_assert_eq!(known(&disturbed), known(&calm));
        let (found, expected) = (course(&disturbed), course(&calm));
        let only = |one: &Course, other: &Course| -> Vec<String> {
            one.told.difference(&other.told).cloned().collect()
        };
        prop_assert_eq!(only(&found, &expected), only(&expected, &found), "told in one of them alone");
        prop_assert_eq!(found, expected.clone());
        for world in [&calm, &disturbed] {
            assert_told_once(world);
            assert_episodes(world);
        }
        assert_blind_hours(&drawn, &expected, &heads(&calm));
        prop_assert!(calm.is_sent_once(), "nothing went wrong");
    }

    #[test]
    fn whatever_comes_too_late_counts_once_and_no_life_is_out_of_order(drawn in drawn(), choices in choices()) {
        let calm = lived_in_time(&drawn, &Choices::default());
        let late = lived_too_late(&drawn, &choices);
        prop_assert_eq!(known(&late), known(&calm));
        assert_told_once(&late);
        assert_episodes(&late);
        assert_ends_are_found(&late);
    }
}
