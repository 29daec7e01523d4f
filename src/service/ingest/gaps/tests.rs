//! Tests of which gaps are open: by examples, and with random orders of failures, late metrics, short
//! runs and changes of the subscription.

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
    gaps.retain_groups(&GROUPS.map(str::to_owned), now);
    gaps
}

fn failures(hour: Window, group: Option<&str>, count: u64) -> Failures {
    Failures {
        hour,
        group: group.map(str::to_owned),
        count,
    }
}

/// Returns the due hour parts as short texts.
fn due(gaps: &Gaps, now: Timestamp) -> Vec<String> {
    let due = gaps.due(now).into_iter();
    let texts = due.map(|part| {
        let token = part.token.map(|token| format!(" at {token}"));
        let (from, until) = (part.from.to_string(), part.until.to_string());
        format!(
            "{} {} to {}{}",
            part.group,
            &from[8..16],
            &until[8..16],
            token.unwrap_or_default()
        )
    });
    texts.collect()
}

/// Notes all due parts as read.
fn read_all(gaps: &mut Gaps, now: Timestamp) {
    for part in gaps.due(now) {
        gaps.note_read(&part, &Checkpoint::at(part.until), now);
    }
}

#[test]
fn an_hour_is_read_once_for_its_losses_and_again_when_they_grow() {
    let now = at(NOW);
    let mut gaps = of_groups(now);
    let lost = |count| [failures(hour("2026-11-21T08:00:00Z"), Some("shop"), count)];
    gaps.note_failures(&lost(2), now);
    // The records may have been logged in the hour before.
    assert_eq!(
        due(&gaps, now),
        ["shop 21T07:00 to 21T08:00", "shop 21T08:00 to 21T09:00"]
    );
    read_all(&mut gaps, now);
    for count in [2, 1, 0] {
        gaps.note_failures(&lost(count), now);
        assert_eq!(due(&gaps, now), Vec::<String>::new());
    }
    gaps.note_failures(&lost(3), now);
    assert_eq!(due(&gaps, now), ["shop 21T08:00 to 21T09:00"]);
    // A gap that is not read stays open for longer than a day.
    let later = now.after(30 * 3600).unwrap();
    gaps.retain_groups(&GROUPS.map(str::to_owned), later);
    assert_eq!(due(&gaps, later), ["shop 21T08:00 to 21T09:00"]);
    let later = now.after(8 * 24 * 3600).unwrap();
    gaps.retain_groups(&GROUPS.map(str::to_owned), later);
    assert_eq!(gaps, of_groups(later), "after a week nothing is left");
}

#[test]
fn dropped_events_were_logged_up_to_six_hours_before_in_any_log_group() {
    let now = at(NOW);
    let mut gaps = of_groups(now);
    let seen = [
        failures(hour("2026-11-21T09:00:00Z"), None, 1),
        // These are ignored: the current hour, an hour too long ago, an unknown log group.
        failures(now.window(), None, 5),
        failures(hour("2026-11-20T09:00:00Z"), Some("shop"), 5),
        failures(hour("2026-11-21T09:00:00Z"), Some("other"), 5),
    ];
    gaps.note_failures(&seen, now);
    let due = due(&gaps, now);
    assert_eq!(due.len(), 14);
    assert_eq!(due[0], "payments 21T03:00 to 21T04:00");
    assert_eq!(due[13], "shop 21T09:00 to 21T10:00");
    read_all(&mut gaps, now);
    // One hour later only the new losses cause hours to be read.
    let now = now.after(3600).unwrap();
    let next = failures(hour("2026-11-21T10:00:00Z"), None, 1);
    gaps.note_failures(&[seen[0].clone(), next], now);
    let due: BTreeSet<_> = gaps.due(now).into_iter().map(|of| of.from).collect();
    let wanted = ["2026-11-21T09:00:00Z", "2026-11-21T10:00:00Z"].map(at);
    assert_eq!(due, BTreeSet::from(wanted));
}

#[test]
fn a_log_group_is_read_during_an_outage_and_once_more_after_it() {
    let mut gaps = of_groups(at(NOW));
    gaps.note_subscription("shop", SubscriptionState::Right, at("2026-11-21T07:20:00Z"));
    gaps.note_subscription(
        "shop",
        SubscriptionState::Unknown,
        at("2026-11-21T08:20:00Z"),
    );
    assert_eq!(due(&gaps, at("2026-11-21T08:20:00Z")), Vec::<String>::new());
    let now = at("2026-11-21T08:50:00Z");
    gaps.note_subscription("shop", SubscriptionState::Wrong, now);
    let wanted = ["shop 21T07:00 to 21T08:00", "shop 21T08:00 to 21T08:50"];
    assert_eq!(due(&gaps, now), wanted);
    read_all(&mut gaps, now);
    // The last minutes are read again, as CloudWatch Logs may not have found their events.
    let now = at("2026-11-21T10:05:00Z");
    gaps.note_subscription("shop", SubscriptionState::Unknown, now);
    let wanted = [
        "shop 21T08:35 to 21T09:00",
        "shop 21T09:00 to 21T10:00",
        "shop 21T10:00 to 21T10:05",
    ];
    assert_eq!(due(&gaps, now), wanted);
    read_all(&mut gaps, now);
    let right = at("2026-11-21T11:05:00Z");
    gaps.note_subscription("shop", SubscriptionState::Right, right);
    let wanted = [
        "shop 21T09:50 to 21T10:00",
        "shop 21T10:00 to 21T11:00",
        "shop 21T11:00 to 21T11:05",
    ];
    assert_eq!(due(&gaps, right), wanted);
    // The last run read nothing: the same parts are still open.
    let now = at("2026-11-21T12:05:00Z");
    gaps.note_subscription("shop", SubscriptionState::Right, now);
    assert_eq!(due(&gaps, now), wanted);
    read_all(&mut gaps, now);
    let mut calm = of_groups(now);
    calm.note_subscription("shop", SubscriptionState::Right, now);
    assert_eq!(gaps, calm, "the outage is dropped");
}

#[test]
fn an_outage_of_unknown_beginning_is_read_for_a_day_and_no_hour_twice() {
    let now = at(NOW);
    let mut gaps = of_groups(now);
    gaps.note_subscription("shop", SubscriptionState::Right, at("2026-11-18T08:00:00Z"));
    for group in GROUPS {
        gaps.note_subscription(group, SubscriptionState::Wrong, now);
    }
    let of_outages = gaps.due(now);
    assert_eq!(of_outages.len(), 2 * 25);
    assert_eq!(of_outages[0].from, at("2026-11-20T10:20:00Z"));
    gaps.note_failures(&[failures(hour("2026-11-21T08:00:00Z"), None, 1)], now);
    assert_eq!(gaps.due(now), of_outages);
    read_all(&mut gaps, now);
    let open: BTreeSet<_> = gaps.due(now).into_iter().map(|of| of.from).collect();
    assert_eq!(open, BTreeSet::from([at("2026-11-21T10:05:00Z")]));
}

#[test]
fn a_part_that_was_begun_continues_with_its_next_page() {
    let now = at(NOW);
    let mut gaps = of_groups(now);
    gaps.note_failures(
        &[failures(hour("2026-11-21T09:00:00Z"), Some("shop"), 1)],
        now,
    );
    let first = gaps.due(now)[0].clone();
    let checkpoint = Checkpoint {
        from: first.from,
        token: Some("page-7".to_owned()),
    };
    gaps.note_read(&first, &checkpoint, now);
    let wanted = [
        "shop 21T08:00 to 21T09:00 at page-7",
        "shop 21T09:00 to 21T10:00",
    ];
    assert_eq!(due(&gaps, now), wanted);
    let first = gaps.due(now)[0].clone();
    // An expired token is dropped.
    gaps.note_read(&first, &Checkpoint::at(first.from), now);
    assert_eq!(due(&gaps, now)[0], "shop 21T08:00 to 21T09:00");
    gaps.note_read(&first, &checkpoint, now);
    gaps.note_read(&first, &Checkpoint::at(first.until), now);
    assert_eq!(due(&gaps, now), ["shop 21T09:00 to 21T10:00"]);
}

#[test]
fn a_saved_list_reads_back_and_a_bad_one_gives_an_error() {
    let now = at(NOW);
    let mut gaps = of_groups(now);
    gaps.note_subscription("shop", SubscriptionState::Right, now);
    gaps.note_subscription("payments", SubscriptionState::Wrong, now);
    gaps.note_failures(&[failures(hour("2026-11-21T09:00:00Z"), None, 3)], now);
    let bytes = gaps.encode();
    assert_eq!(Gaps::decode(&bytes), Ok(gaps));
    let other = String::from_utf8(bytes).unwrap();
    let other = other.replace("\"version\":1", "\"version\":2");
    for (bytes, reason) in [(&b"{"[..], "EOF"), (other.as_bytes(), "version 2")] {
        let error = Gaps::decode(bytes).unwrap_err().to_string();
        assert!(
            error.contains(reason) && error.contains("searched again"),
            "{error}"
        );
    }
}

#[test]
fn log_groups_that_are_not_configured_any_more_are_dropped() {
    let now = at(NOW);
    let mut gaps = of_groups(now);
    gaps.note_subscription("payments", SubscriptionState::Wrong, now);
    gaps.note_subscription("shop", SubscriptionState::Wrong, now);
    gaps.retain_groups(&["shop".to_owned()], now);
    assert!(gaps.due(now).iter().all(|part| part.group == "shop"));
    gaps.retain_groups(&[], now);
    assert_eq!(gaps, Gaps::default());
}

#[test]
fn ranges_that_were_read_are_removed() {
    let (from, until) = (at("2026-11-21T08:10:00Z"), at("2026-11-21T10:20:00Z"));
    let all = hour_parts("shop", from, until);
    let texts = |parts: &[HourPart]| -> Vec<String> {
        let of = |part: &HourPart| (part.from.to_string(), part.until.to_string());
        let of = parts.iter().map(of);
        of.map(|(from, until)| format!("{}-{}", &from[11..16], &until[11..16]))
            .collect()
    };
    assert_eq!(texts(&all), ["08:10-09:00", "09:00-10:00", "10:00-10:20"]);
    let read = |group: &str, from, until| hour_parts(group, at(from), at(until));
    let rest = |read: &[HourPart]| texts(&subtract(all.clone(), read));
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

/// A run of the test: the time since the last run, the failures, and how much is read.
#[derive(Debug, Clone)]
struct Step {
    hours: i64,
    /// New failures: how many hours ago, the index of the log group (past the end for none), the count.
    grows: Vec<(i64, usize, u64)>,
    /// The number of parts that are read.
    reads: usize,
    /// Whether one more part is begun.
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

/// By hour and log group: the events lost in the hour, and whether later losses may have been logged in it.
type KnownLosses = BTreeMap<(usize, Window), (u64, bool)>;

/// Computes the losses of each hour and log group from the metrics, in the simplest way.
fn losses(metrics: &BTreeMap<(usize, Window), u64>, now: Timestamp) -> KnownLosses {
    let mut losses = KnownLosses::new();
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
                losses.insert((group, hour), (own, is_reached));
            }
        }
    }
    losses
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Each run gets all metrics so far, reads some of the due parts, and leaves the others open.
    #[test]
    fn each_hour_is_read_after_its_losses_last_grew_and_never_twice_for_the_same(
        steps in proptest::collection::vec(step(), 1..20),
    ) {
        let mut now = at(NOW);
        let mut gaps = of_groups(now);
        let mut metrics = BTreeMap::new();
        let mut seen = KnownLosses::new();
        // The hours still to be read, computed in the simplest way.
        let mut open = BTreeSet::new();
        let mut read = BTreeSet::new();
        let last = Step { hours: 0, grows: Vec::new(), reads: usize::MAX, begins: false };
        for step in steps.into_iter().chain([last]) {
            now = now.after(step.hours * 3600).unwrap();
            for (ago, group, count) in step.grows {
                *metrics.entry((group, now.window().plus(-ago))).or_default() += count;
            }
            gaps = Gaps::decode(&gaps.encode()).unwrap();
            gaps.retain_groups(&GROUPS.map(str::to_owned), now);
            let all = metrics.iter().map(|((group, hour), count)| {
                failures(*hour, GROUPS.get(*group).copied(), *count)
            });
            gaps.note_failures(&all.collect::<Vec<_>>(), now);
            for (key, lost) in losses(&metrics, now) {
                if seen.insert(key, lost) != Some(lost) {
                    open.insert(key);
                }
            }
            let mut due = gaps.due(now).into_iter();
            for part in due.by_ref().take(step.reads) {
                gaps.note_read(&part, &Checkpoint::at(part.until), now);
                let group = GROUPS.iter().position(|of| *of == part.group).unwrap();
                let key = (group, part.from.window());
                prop_assert!(open.remove(&key), "{part:?} was not to be read");
                prop_assert!(read.insert((key, seen[&key])), "{part:?} was read for the same");
            }
            if let Some(part) = due.next().filter(|_| step.begins) {
                let token = Some("page".to_owned());
                gaps.note_read(&part, &Checkpoint { from: part.from, token }, now);
            }
        }
        prop_assert!(open.is_empty(), "not read: {open:?}");
        prop_assert_eq!(gaps.due(now), Vec::new());
    }

    /// An outage reaches from the last moment the subscription was seen right to the next such moment.
    #[test]
    fn everything_logged_during_an_outage_is_read(
        steps in proptest::collection::vec((1_i64..16, 0_usize..4, 0_usize..40), 1..40),
    ) {
        const MINUTES: i64 = 10;
        let slot = |time: Timestamp| time.seconds() / 60 / MINUTES;
        let mut now = at(NOW);
        let mut gaps = of_groups(now);
        let (mut right, mut wrong): (Option<Timestamp>, Option<Timestamp>) = (None, None);
        let (mut wanted, mut covered) = (BTreeSet::new(), BTreeSet::new());
        // In the last run the subscription is right, and everything due is read.
        for (slots, state, reads) in steps.into_iter().chain([(1, 0, usize::MAX)]) {
            now = now.after(slots * MINUTES * 60).unwrap();
            gaps = Gaps::decode(&gaps.encode()).unwrap();
            gaps.retain_groups(&GROUPS.map(str::to_owned), now);
            let day_ago = now.after(-24 * 3600).unwrap();
            match state {
                0 => {
                    gaps.note_subscription("shop", SubscriptionState::Right, now);
                    if let Some(from) = wrong.take() {
                        wanted.extend(slot(from)..slot(now));
                    }
                    right = Some(now);
                }
                1 => gaps.note_subscription("shop", SubscriptionState::Unknown, now),
                _ => {
                    gaps.note_subscription("shop", SubscriptionState::Wrong, now);
                    wrong.get_or_insert(right.unwrap_or(day_ago).max(day_ago));
                }
            }
            for part in gaps.due(now).into_iter().take(reads) {
                gaps.note_read(&part, &Checkpoint::at(part.until), now);
                covered.extend(slot(part.from)..slot(part.until));
            }
        }
        prop_assert!(wanted.is_subset(&covered), "{:?}", wanted.difference(&covered));
        prop_assert_eq!(gaps.due(now), Vec::new());
    }
}
