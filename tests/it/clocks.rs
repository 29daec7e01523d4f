//! Times are UTC and whole seconds, independent of the time zone of the machine and of the spelling of a time.

use proptest::prelude::*;
use records::time::Timestamp;
use serde_json::{Value, json};

use crate::binary::Folder;
use crate::records::{id, lines, record};

#[test]
fn where_a_machine_stands_changes_nothing() {
    // Each hour around the changes of the clocks in Berlin and in New York, of 2026.
    let changes = [
        "2026-03-08T07:00:00Z",
        "2026-03-29T01:00:00Z",
        "2026-10-25T01:00:00Z",
        "2026-11-01T06:00:00Z",
    ];
    let mut records: Vec<Value> = Vec::new();
    for change in changes {
        let change = Timestamp::parse(change).unwrap();
        for half_hour in -8..8 {
            let at = change.after(half_hour * 1800).unwrap();
            records.push(record(json!({
                "eventID": id(records.len() as u64 + 1),
                "eventTime": at.to_string(),
                "errorCode": "ThrottlingException",
            })));
        }
    }
    let folder = Folder::with_lines(lines(&records));
    for format in ["json", "table"] {
        let told = |zone: &str| {
            let arguments = ["scan", "--inspect", "--format", format, "trail.jsonl"];
            let mut command = folder.command(&arguments);
            let output = command.env("TZ", zone).output().unwrap();
            assert!(output.status.success(), "in {zone}");
            String::from_utf8(output.stdout).unwrap()
        };
        let expected = told("UTC");
        for zone in [
            "Europe/Berlin",
            "America/New_York",
            "Asia/Shanghai",
            "no zone",
        ] {
            assert_eq!(told(zone), expected, "in {zone}");
        }
    }
}

#[test]
fn an_odd_time_is_in_the_hour_that_it_says_or_none() {
    for (text, same_as) in [
        // No clock of AWS shows a leap second; it is the last one of its hour.
        ("2016-12-31T23:59:60Z", Some("2016-12-31T23:59:59Z")),
        (
            "2026-11-02T08:59:59.999999999Z",
            Some("2026-11-02T08:59:59Z"),
        ),
        ("2026-10-25T02:30:00+02:00", Some("2026-10-25T00:30:00Z")),
        ("2026-10-25T02:30:00+01:00", Some("2026-10-25T01:30:00Z")),
        ("2028-02-29T23:59:59-00:30", Some("2028-03-01T00:29:59Z")),
        ("2099-12-31T23:59:59Z", Some("2099-12-31T23:59:59Z")),
        ("2100-01-01T00:00:00Z", None),
        ("9999-12-31T23:59:59Z", None),
        ("-002026-11-02T08:00:00Z", None),
        ("1969-12-31T23:59:59Z", None),
        ("2026-02-29T00:00:00Z", None),
        ("2026-11-02T24:00:01Z", None),
    ] {
        let expected = same_as.map(|text| Timestamp::parse(text).unwrap());
        assert_eq!(Timestamp::parse(text), expected, "{text}");
    }
}

#[test]
fn an_hour_a_day_a_month_and_a_year_end_with_their_last_second() {
    for (last, first) in [
        ("2026-11-02T08:59:59Z", "2026-11-02T09:00:00Z"),
        ("2026-11-02T23:59:59Z", "2026-11-03T00:00:00Z"),
        ("2026-11-30T23:59:59Z", "2026-12-01T00:00:00Z"),
        ("2028-02-29T23:59:59Z", "2028-03-01T00:00:00Z"),
        ("2026-12-31T23:59:59Z", "2027-01-01T00:00:00Z"),
    ] {
        let [last, first] = [last, first].map(|text| Timestamp::parse(text).unwrap());
        assert_eq!(last.window().plus(1), first.window(), "{last}");
        assert_eq!(last.window().end(), first, "{last}");
        assert_eq!(first.window().start(), first);
    }
}

proptest! {
    #[test]
    fn the_hour_of_a_moment_is_the_same_however_it_is_written(
        second in Timestamp::FIRST.seconds()..=Timestamp::LAST.seconds(),
        minutes in -12 * 60..=14 * 60_i64,
        nanoseconds in 0..1_000_000_000_u32,
    ) {
        let moment = Timestamp::from_seconds(second).unwrap();
        prop_assert_eq!(moment.window().hours(), second.div_euclid(3600));
        // What a clock shows there, whose wall is ahead of UTC by some minutes.
        let wall = jiff::Timestamp::from_second(second + minutes * 60).unwrap().to_string();
        let (sign, ahead) = (if minutes < 0 { '-' } else { '+' }, minutes.abs());
        let zone = format!("{sign}{:02}:{:02}", ahead / 60, ahead % 60);
        let text = format!("{}.{nanoseconds:09}{zone}", wall.trim_end_matches('Z'));
        prop_assert_eq!(Timestamp::parse(&text), Some(moment), "{}", text);
    }
}
