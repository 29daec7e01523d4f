//! The real program, killed at a random moment and started again, against an emulator of DynamoDB and S3.
//!
//! As AWS Lambda does, the test sends every event again that was not answered, and sometimes the event that was
//! answered last. In the end table and bucket must have the same content as after a run without kills.
//!
//! `make test-long` runs a hundred rounds; `KILL_ROUNDS` sets their number, `KILL_SEED` the times of the kills.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::time::{Duration, Instant};

use ::demo;
use aws::dynamodb::table::{Item, Table as _};
use data_encoding::HEXLOWER;
use fastrand::Rng;
use sha2::{Digest as _, Sha256};

use crate::bootstrap::Function;
use crate::effort;
use crate::emulator::Emulator;
use crate::payloads::{event, event_of, failure, log_event};

const SEED: u64 = 20_261_102;

/// Number of payloads of a round, and number of records in most of them.
const PAYLOADS: usize = 12;
const RECORDS: usize = 12;

/// Time limit of a run without kills; such a run takes about a second.
const PATIENCE: Duration = Duration::from_secs(60);

/// Attributes with the time of writing, which are not compared.
const WRITTEN_AT: [&str; 4] = ["ttl", "created", "due", "lo"];

/// Content of the table and the bucket by key, without budget places that are leased and not used.
type State = BTreeMap<String, String>;

/// A run without kills.
struct Undisturbed {
    payloads: Vec<Vec<u8>>,
    /// Content before the first payload, and after each payload.
    states: Vec<State>,
    /// Time from the start to the last answer.
    takes: Duration,
}

/// When the kill happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Landed {
    /// No payload was being processed.
    Idle,
    /// Nothing of the current payload was written.
    Before,
    /// A part of the current payload was written.
    Within,
    /// All of the current payload was written, and the answer was not sent.
    After,
}

/// Returns payloads that create clusters, callers and segments of many hours, and two payloads that are unreadable
/// wholly or in part.
fn payloads() -> Vec<Vec<u8>> {
    let plan = demo::Plan {
        hours: 6,
        events_per_hour: 200,
        broken: false,
        ..demo::Plan::default()
    };
    let payloads = demo::trail(&plan).payloads(RECORDS).into_iter();
    let mut payloads: Vec<_> = payloads
        .take(PAYLOADS - 2)
        .map(String::into_bytes)
        .collect();
    assert_eq!(payloads.len(), PAYLOADS - 2);
    let odd = [log_event(&failure(1).to_string()), log_event("{no record")];
    payloads.insert(3, event_of(&odd));
    payloads.insert(7, event("hello"));
    payloads
}

fn start(emulator: &Emulator) -> Function {
    let mut settings = vec![("LOG_LEVEL", "error")];
    settings.extend(emulator.environment());
    Function::start(&settings)
}

fn new_emulator() -> Option<Emulator> {
    let emulator = Emulator::find()?;
    emulator.make_bucket();
    Some(emulator)
}

fn state(emulator: &Emulator) -> State {
    let mut state = State::new();
    let mut visit = |mut item: Item| {
        if !item.key.pk.starts_with("Q#") {
            item.attributes
                .retain(|name, _| !WRITTEN_AT.contains(&name.as_str()));
            let key = format!("{} {}", item.key.pk, item.key.sk);
            state.insert(key, format!("{:?}", item.attributes));
        }
    };
    pollster::block_on(emulator.sdk_table().scan(&mut visit)).unwrap();
    for (key, hash) in emulator.objects() {
        // The folder is the day.
        let name = key.rsplit('/').next().unwrap_or_default();
        state.insert(format!("object {name}"), hash);
    }
    state
}

fn hash(state: &State) -> String {
    HEXLOWER.encode(&Sha256::digest(format!("{state:?}"))[..8])
}

/// Sends payloads, and waits until all are answered.
fn finish(function: &Function, payloads: &[Vec<u8>]) {
    function.hand_over(payloads);
    assert_eq!(
        function.answers(payloads.len(), PATIENCE),
        Ok(payloads.len())
    );
}

impl Undisturbed {
    fn run() -> Option<Self> {
        let payloads = payloads();
        let emulator = new_emulator()?;
        let function = start(&emulator);
        let mut states = vec![state(&emulator)];
        for (number, payload) in payloads.iter().enumerate() {
            function.hand_over(std::slice::from_ref(payload));
            assert_eq!(function.answers(number + 1, PATIENCE), Ok(number + 1));
            states.push(state(&emulator));
        }
        for two in states.windows(2) {
            assert_ne!(
                two[0], two[1],
                "a payload that changes nothing shows nothing"
            );
        }
        let emulator = new_emulator()?;
        let started = Instant::now();
        let function = start(&emulator);
        finish(&function, &payloads);
        let takes = started.elapsed();
        assert!(state(&emulator) == states[PAYLOADS], "two runs differ");
        Some(Self {
            payloads,
            states,
            takes,
        })
    }

    /// Kills a run at a time, lets another process finish, and compares the content.
    fn round(&self, moment: Duration) -> Result<Landed, String> {
        let emulator = new_emulator().ok_or("the emulator is gone")?;
        let function = start(&emulator);
        function.hand_over(&self.payloads);
        function.answers(PAYLOADS, moment)?;
        let (given, answered) = function.kill();
        let killed = state(&emulator);
        let is_lost = |key: &&String| !killed.contains_key(*key);
        if let Some(lost) = self.states[answered].keys().find(is_lost) {
            return Err(format!("{answered} payloads were answered without {lost}"));
        }
        let landed = match &killed {
            _ if given == answered => Landed::Idle,
            killed if *killed == self.states[answered] => Landed::Before,
            killed if *killed == self.states[answered + 1] => Landed::After,
            _ => Landed::Within,
        };
        let function = start(&emulator);
        // What was answered last may come again.
        finish(&function, &self.payloads[answered.saturating_sub(1)..]);
        drop(function);
        let (found, wanted) = (state(&emulator), &self.states[PAYLOADS]);
        if found == *wanted {
            return Ok(landed);
        }
        let differs = |key: &&String| found.get(*key) != wanted.get(*key);
        let keys = found.keys().chain(wanted.keys());
        let differ: BTreeSet<_> = keys.filter(differs).collect();
        Err(format!(
            "{answered} of {given} payloads were answered, the kill was {landed:?}: {differ:?} differ"
        ))
    }
}

/// Returns a number from an environment variable.
fn setting(name: &str) -> Option<u64> {
    let text = std::env::var_os(name)?.into_string().unwrap();
    Some(text.parse().unwrap())
}

#[test]
fn a_kill_at_any_moment_changes_nothing_once_the_events_come_again() {
    let started = Instant::now();
    let Some(undisturbed) = Undisturbed::run() else {
        return;
    };
    let rounds = setting("KILL_ROUNDS").unwrap_or_else(|| effort::cases(1, 100).into());
    let seed = setting("KILL_SEED").unwrap_or(SEED);
    let mut dice = Rng::with_seed(seed);
    let mut landed: BTreeMap<Landed, u64> = BTreeMap::new();
    for round in 1..=rounds {
        let moment = dice.u64(0..undisturbed.takes.as_micros() as u64);
        match undisturbed.round(Duration::from_micros(moment)) {
            Ok(place) => *landed.entry(place).or_default() += 1,
            Err(wrong) => panic!("round {round} of seed {seed}, killed at {moment} µs: {wrong}"),
        }
    }
    let at = |place| landed.get(&place).copied().unwrap_or_default();
    // Without a macro, so that the line is also printed if the test passes.
    let _ = writeln!(
        std::io::stderr(),
        "kills: seed {seed}, {rounds} rounds, as many kills at 0 to {} ms: {} before a commit, {} within, \
         {} after it and before its answer, {} with nothing in hand; state {}; {} s",
        undisturbed.takes.as_millis(),
        at(Landed::Before),
        at(Landed::Within),
        at(Landed::After),
        at(Landed::Idle),
        hash(&undisturbed.states[PAYLOADS]),
        started.elapsed().as_secs(),
    );
}
