//! What is owed and what is not: by example, and in whatever order hours fail, metrics grow, time is over and
//! subscriptions come and go.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

const GROUPS: [&str; 2] = ["payments", "shop"];

/// A moment within an hour.
const NOW: &str = "2026-11-21T10:20:00Z";

fn at(time: &str) -> Timestamp {
    Timestamp::parse(time).unwrap()
}

fn hour(time: &str) -> Window {
    at(time).window()
}

fn of_groups(now: Timestamp) -> Gaps {
    let mut gaps = Gaps::default();
    gaps.keep_to(&GROUPS.map(str::to_owned), now);
    gaps
}

fn failures(hour: Window, group: Option<&str>, count: u64) -> Failures {
    Failures {
        hour,
        group: group.map(str::to_owned),
        count,
    }
}

/// Returns what is due, as a person would say it.
fn due(gaps: &Gaps, now: Timestamp) -> Vec<String> {
    let due = gaps.due(now).into_iter();
    let told = due.map(|piece| {
        let token = piece.token.map(|token| format!(" at {token}"));
        let (from, until) = (piece.from.to_string(), piece.until.to_string());
        format!(
            "{} {} to {}{}",
            piece.group,
            &from[8..16],
            &until[8..16],
            token.unwrap_or_default()
        )
    });
    told.collect()
}

/// Reads all that is due.
fn read_all(gaps: &mut Gaps, now: Timestamp) {
    for piece in gaps.due(now) {
        gaps.read(&piece, &Checkpoint::at(piece.until), now);
    }
}

#[test]
fn an_hour_is_read_once_for_what_was_lost_in_it_and_again_when_that_grew() {
    let now = at(NOW);
    let mut gaps = of_groups(now);
    let lost = |count| [failures(hour("2026-11-21T08:00:00Z"), Some("shop"), count)];
    gaps.lost(&lost(2), now);
    // Its records may have been logged shortly before.
    assert_eq!(
        due(&gaps, now),
        ["shop 21T07:00 to 21T08:00", "shop 21T08:00 to 21T09:00"]
    );
    read_all(&mut gaps, now);
    for count in [2, 1, 0] {
        gaps.lost(&lost(count), now);
        assert_eq!(due(&gaps, now), Vec::<String>::new());
    }
    gaps.lost(&lost(3), now);
    assert_eq!(due(&gaps, now), ["shop 21T08:00 to 21T09:00"]);
    // What is not read in time stays owed, after a day as well.
    let later = now.after(30 * 3600).unwrap();
    gaps.keep_to(&GROUPS.map(str::to_owned), later);
    assert_eq!(due(&gaps, later), ["shop 21T08:00 to 21T09:00"]);
    let later = now.after(8 * 24 * 3600).unwrap();
    gaps.keep_to(&GROUPS.map(str::to_owned), later);
    assert_eq!(gaps, of_groups(later), "after a week nothing is left");
}

#[test]
fn what_the_function_dropped_was_logged_up_to_six_hours_before_in_any_log_group() {
    let now = at(NOW);
    let mut gaps = of_groups(now);
    let seen = [
        failures(hour("2026-11-21T09:00:00Z"), None, 1),
        // Neither the hour that is not over, nor what is long over, nor what nobody asked about.
        failures(now.window(), None, 5),
        failures(hour("2026-11-20T09:00:00Z"), Some("shop"), 5),
        failures(hour("2026-11-21T09:00:00Z"), Some("other"), 5),
    ];
    gaps.lost(&seen, now);
    let due = due(&gaps, now);
    assert_eq!(due.len(), 14);
    assert_eq!(due[0], "payments 21T03:00 to 21T04:00");
    assert_eq!(due[13], "shop 21T09:00 to 21T10:00");
    read_all(&mut gaps, now);
    // One hour more: of what was read, nothing is read again but for what is new.
    let now = now.after(3600).unwrap();
    let next = failures(hour("2026-11-21T10:00:00Z"), None, 1);
    gaps.lost(&[seen[0].clone(), next], now);
    let due: BTreeSet<_> = gaps.due(now).into_iter().map(|of| of.from).collect();
    let wanted = ["2026-11-21T09:00:00Z", "2026-11-21T10:00:00Z"].map(at);
    assert_eq!(due, BTreeSet::from(wanted));
}

#[test]
fn a_log_group_is_read_while_nobody_is_subscribed_and_once_more_when_somebody_is_again() {
    let mut gaps = of_groups(at(NOW));
    gaps.stands("shop", SubscriptionState::Right, at("2026-11-21T07:20:00Z"));
    gaps.stands(
        "shop",
        SubscriptionState::Unknown,
        at("2026-11-21T08:20:00Z"),
    );
    assert_eq!(due(&gaps, at("2026-11-21T08:20:00Z")), Vec::<String>::new());
    let now = at("2026-11-21T08:50:00Z");
    gaps.stands("shop", SubscriptionState::Wrong, now);
    let wanted = ["shop 21T07:00 to 21T08:00", "shop 21T08:00 to 21T08:50"];
    assert_eq!(due(&gaps, now), wanted);
    read_all(&mut gaps, now);
    // What was logged last may not have been found yet.
    let now = at("2026-11-21T10:05:00Z");
    gaps.stands("shop", SubscriptionState::Unknown, now);
    let wanted = [
        "shop 21T08:35 to 21T09:00",
        "shop 21T09:00 to 21T10:00",
        "shop 21T10:00 to 21T10:05",
    ];
    assert_eq!(due(&gaps, now), wanted);
    read_all(&mut gaps, now);
    let right = at("2026-11-21T11:05:00Z");
    gaps.stands("shop", SubscriptionState::Right, right);
    let wanted = [
        "shop 21T09:50 to 21T10:00",
        "shop 21T10:00 to 21T11:00",
        "shop 21T11:00 to 21T11:05",
    ];
    assert_eq!(due(&gaps, right), wanted);
    // There was no time: it is still owed up to there.
    let now = at("2026-11-21T12:05:00Z");
    gaps.stands("shop", SubscriptionState::Right, now);
    assert_eq!(due(&gaps, now), wanted);
    read_all(&mut gaps, now);
    let mut calm = of_groups(now);
    calm.stands("shop", SubscriptionState::Right, now);
    assert_eq!(gaps, calm, "it is forgotten");
}

#[test]
fn where_nobody_knows_when_it_was_right_a_day_is_read_and_no_hour_twice() {
    let now = at(NOW);
    let mut gaps = of_groups(now);
    gaps.stands("shop", SubscriptionState::Right, at("2026-11-18T08:00:00Z"));
    for group in GROUPS {
        gaps.stands(group, SubscriptionState::Wrong, now);
    }
    let of_outages = gaps.due(now);
    assert_eq!(of_outages.len(), 2 * 25);
    assert_eq!(of_outages[0].from, at("2026-11-20T10:20:00Z"));
    gaps.lost(&[failures(hour("2026-11-21T08:00:00Z"), None, 1)], now);
    assert_eq!(gaps.due(now), of_outages);
    read_all(&mut gaps, now);
    let owed: BTreeSet<_> = gaps.due(now).into_iter().map(|of| of.from).collect();
    assert_eq!(owed, BTreeSet::from([at("2026-11-21T10:05:00Z")]));
}

#[test]
fn a_piece_that_was_begun_goes_on_where_it_was() {
    let now = at(NOW);
    let mut gaps = of_groups(now);
    gaps.lost(
        &[failures(hour("2026-11-21T09:00:00Z"), Some("shop"), 1)],
        now,
    );
    let first = gaps.due(now)[0].clone();
    let mark = Checkpoint {
        from: first.from,
        token: Some("page-7".to_owned()),
    };
    gaps.read(&first, &mark, now);
    let wanted = [
        "shop 21T08:00 to 21T09:00 at page-7",
        "shop 21T09:00 to 21T10:00",
    ];
    assert_eq!(due(&gaps, now), wanted);
    let first = gaps.due(now)[0].clone();
    // A token that is not taken any more is forgotten.
    gaps.read(&first, &Checkpoint::at(first.from), now);
    assert_eq!(due(&gaps, now)[0], "shop 21T08:00 to 21T09:00");
    gaps.read(&first, &mark, now);
    gaps.read(&first, &Checkpoint::at(first.until), now);
    assert_eq!(due(&gaps, now), ["shop 21T09:00 to 21T10:00"]);
}

#[test]
fn it_is_kept_as_it_is_and_what_cannot_be_read_says_so() {
    let now = at(NOW);
    let mut gaps = of_groups(now);
    gaps.stands("shop", SubscriptionState::Right, now);
    gaps.stands("payments", SubscriptionState::Wrong, now);
    gaps.lost(&[failures(hour("2026-11-21T09:00:00Z"), None, 3)], now);
    let bytes = gaps.encode();
    assert_eq!(Gaps::decode(&bytes), Ok(gaps));
    let other = String::from_utf8(bytes).unwrap();
    let other = other.replace("\"version\":1", "\"version\":2");
    for (bytes, says) in [(&b"{"[..], "EOF"), (other.as_bytes(), "version 2")] {
        let said = Gaps::decode(bytes).unwrap_err().to_string();
        assert!(
            said.contains(says) && said.contains("searched again"),
            "{said}"
        );
    }
}

#[test]
fn log_groups_that_are_not_named_any_more_are_forgotten() {
    let now = at(NOW);
    let mut gaps = of_groups(now);
    gaps.stands("payments", SubscriptionState::Wrong, now);
    gaps.stands("shop", SubscriptionState::Wrong, now);
    gaps.keep_to(&["shop".to_owned()], now);
    assert!(gaps.due(now).iter().all(|piece| piece.group == "shop"));
    gaps.keep_to(&[], now);
    assert_eq!(gaps, Gaps::default());
}

#[test]
fn what_was_read_is_taken_off() {
    let (from, until) = (at("2026-11-21T08:10:00Z"), at("2026-11-21T10:20:00Z"));
    let all = pieces("shop", from, until);
    let told = |pieces: &[HourPart]| -> Vec<String> {
        let of = |piece: &HourPart| (piece.from.to_string(), piece.until.to_string());
        let of = pieces.iter().map(of);
        of.map(|(from, until)| format!("{}-{}", &from[11..16], &until[11..16]))
            .collect()
    };
    assert_eq!(told(&all), ["08:10-09:00", "09:00-10:00", "10:00-10:20"]);
    let read = |group: &str, from, until| pieces(group, at(from), at(until));
    let rest = |read: &[HourPart]| told(&without(all.clone(), read));
    assert_eq!(
        rest(&read("payments", "2026-11-21T08:00:00Z", NOW)).len(),
        3
    );
    assert_eq!(
        rest(&read("shop", "2026-11-21T08:00:00Z", NOW)),
        Vec::<String>::new()
    );
    let within = read("shop", "2026-11-21T09:20:00Z", "2026-11-21T09:30:00Z");
    let wanted = ["08:10-09:00", "09:00-09:20", "09:30-10:00", "10:00-10:20"];
    assert_eq!(rest(&within), wanted);
}

/// An hour of world time: what fails, and how much is read again.
#[derive(Debug, Clone)]
struct Step {
    hours: i64,
    /// How many hours ago, in which log group or where there is none of them, and how much.
    grows: Vec<(i64, usize, u64)>,
    /// How many pieces are read, and whether one more is begun.
    reads: usize,
    begins: bool,
}

fn step() -> impl Strategy<Value = Step> {
    let grows = proptest::collection::vec((0_i64..27, 0_usize..3, 1_u64..4), 0..4);
    (0_i64..4, grows, 0_usize..12, any::<bool>()).prop_map(|(hours, grows, reads, begins)| Step {
        hours,
        grows,
        reads,
        begins,
    })
}

/// What is known of an hour of a log group: what was lost in it, and whether what was lost later concerns it.
type KnownLosses = BTreeMap<(usize, Window), (u64, bool)>;

/// Returns what metrics say of each hour of each log group, the slow way.
fn known(metrics: &BTreeMap<(usize, Window), u64>, now: Timestamp) -> KnownLosses {
    let mut known = KnownLosses::new();
    for back in 1..=LOOK_BACK_HOURS {
        let hour = now.window().plus(-back);
        for group in 0..GROUPS.len() {
            let of = |group: usize, ahead: i64| {
                let hour = hour.plus(ahead);
                let is_over = hour < now.window();
                let count = metrics.get(&(group, hour)).filter(|_| is_over);
                count.copied().unwrap_or_default()
            };
            let dropped = GROUPS.len();
            let own = of(group, 0) + of(dropped, 0);
            let is_reached = of(group, 1) > 0 || (1..=6).any(|ahead| of(dropped, ahead) > 0);
            if own > 0 || is_reached {
                known.insert((group, hour), (own, is_reached));
            }
        }
    }
    known
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Each run is told all that is known, reads for as long as it has time, and keeps the rest.
    #[test]
    fn each_hour_is_read_after_what_was_lost_in_it_last_grew_and_never_twice_for_the_same(
        steps in proptest::collection::vec(step(), 1..20),
    ) {
        let mut now = at(NOW);
        let mut gaps = of_groups(now);
        let mut metrics = BTreeMap::new();
        let mut seen = KnownLosses::new();
        // What is to be read yet, by the slow way.
        let mut open = BTreeSet::new();
        let mut read = BTreeSet::new();
        let last = Step { hours: 0, grows: Vec::new(), reads: usize::MAX, begins: false };
        for step in steps.into_iter().chain([last]) {
            now = now.after(step.hours * 3600).unwrap();
            for (ago, group, count) in step.grows {
                *metrics.entry((group, now.window().plus(-ago))).or_default() += count;
            }
            gaps = Gaps::decode(&gaps.encode()).unwrap();
            gaps.keep_to(&GROUPS.map(str::to_owned), now);
            let told = metrics.iter().map(|((group, hour), count)| {
                failures(*hour, GROUPS.get(*group).copied(), *count)
            });
            gaps.lost(&told.collect::<Vec<_>>(), now);
            for (key, known) in known(&metrics, now) {
                if seen.insert(key, known) != Some(known) {
                    open.insert(key);
                }
            }
            let mut due = gaps.due(now).into_iter();
            for piece in due.by_ref().take(step.reads) {
                gaps.read(&piece, &Checkpoint::at(piece.until), now);
                let group = GROUPS.iter().position(|of| *of == piece.group).unwrap();
                let key = (group, piece.from.window());
                prop_assert!(open.remove(&key), "{piece:?} was not to be read");
                prop_assert!(read.insert((key, seen[&key])), "{piece:?} was read for the same");
            }
            if let Some(piece) = due.next().filter(|_| step.begins) {
                let token = Some("page".to_owned());
                gaps.read(&piece, &Checkpoint { from: piece.from, token }, now);
            }
        }
        prop_assert!(open.is_empty(), "not read: {open:?}");
        prop_assert_eq!(gaps.due(now), Vec::new());
    }

    /// From the last moment at which it was known to be right, to the first at which it is so again.
    #[test]
    fn all_that_was_logged_while_nobody_was_subscribed_is_read(
        steps in proptest::collection::vec((1_i64..16, 0_usize..4, 0_usize..40), 1..40),
    ) {
        const MINUTES: i64 = 10;
        let slot = |time: Timestamp| time.seconds() / 60 / MINUTES;
        let mut now = at(NOW);
        let mut gaps = of_groups(now);
        let (mut right, mut wrong): (Option<Timestamp>, Option<Timestamp>) = (None, None);
        let (mut wanted, mut covered) = (BTreeSet::new(), BTreeSet::new());
        // In the end it is right, and there is time.
        for (slots, standing, reads) in steps.into_iter().chain([(1, 0, usize::MAX)]) {
            now = now.after(slots * MINUTES * 60).unwrap();
            gaps = Gaps::decode(&gaps.encode()).unwrap();
            gaps.keep_to(&GROUPS.map(str::to_owned), now);
            let day_ago = now.after(-24 * 3600).unwrap();
            match standing {
                0 => {
                    gaps.stands("shop", SubscriptionState::Right, now);
                    if let Some(from) = wrong.take() {
                        wanted.extend(slot(from)..slot(now));
                    }
                    right = Some(now);
                }
                1 => gaps.stands("shop", SubscriptionState::Unknown, now),
                _ => {
                    gaps.stands("shop", SubscriptionState::Wrong, now);
                    wrong.get_or_insert(right.unwrap_or(day_ago).max(day_ago));
                }
            }
            for piece in gaps.due(now).into_iter().take(reads) {
                gaps.read(&piece, &Checkpoint::at(piece.until), now);
                covered.extend(slot(piece.from)..slot(piece.until));
            }
        }
        prop_assert!(wanted.is_subset(&covered), "{:?}", wanted.difference(&covered));
        prop_assert_eq!(gaps.due(now), Vec::new());
    }
}
