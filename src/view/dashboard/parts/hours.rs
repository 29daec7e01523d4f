//! The chart of events over time: one bar for each hour, day or week, with an axis, and a table of the same numbers.
//!
//! The drawing is stretched to the width of the page, so it contains no text. The axes are text beside it.

use std::collections::BTreeMap;

use alerts::locale::{Locale, Zone};
use maud::{Markup, html};
use records::time::{Timestamp, Window};

use super::{Frame, PartWords, events_text};
use crate::{grouped, number};

/// The maximum number of bars.
const BARS_MAX: i64 = 96;

/// The possible widths of a bar, in hours: an hour, a day, a week, four weeks, a year.
const WIDTHS_HOURS: [i64; 5] = [1, DAY_HOURS, WEEK_HOURS, 4 * WEEK_HOURS, 52 * WEEK_HOURS];

const DAY_HOURS: i64 = 24;
const WEEK_HOURS: i64 = 168;

/// The first Monday of 1970, in hours since the start of the year. Weeks begin on Mondays.
const MONDAY_HOURS: i64 = 96;

/// The smallest number of bars with a time in the middle of the axis.
const MIDDLE_MIN: i64 = 8;

/// The height of the drawing, in units of its view box.
const HEIGHT: u64 = 100;

/// Events in equal parts of a span of time.
#[derive(Debug, PartialEq, Eq)]
struct Bars {
    /// The width of a bar, in hours.
    width_hours: i64,
    /// The start of the first bar, in hours since 1970 on the reader's clock.
    first: i64,
    /// The number of bars, including empty bars.
    length: i64,
    /// The number of events of each bar that is not empty, by the place of the bar from 0.
    counts: BTreeMap<i64, u64>,
}

impl Bars {
    /// Returns the bars of some hours; `None` if there are no hours.
    fn of(hours: &[(Window, u64)], locale: Locale) -> Option<Self> {
        let mut local: BTreeMap<i64, u64> = BTreeMap::new();
        for (hour, count) in hours {
            *local.entry(local_hour(*hour, locale)).or_default() += count;
        }
        let (first, last) = (*local.first_key_value()?.0, *local.last_key_value()?.0);
        let start = |width: i64| {
            let shift = if width < WEEK_HOURS { 0 } else { MONDAY_HOURS };
            (first - shift).div_euclid(width) * width + shift
        };
        let length = |width: i64| (last - start(width)) / width + 1;
        let mut widths = WIDTHS_HOURS.into_iter();
        let width_hours = widths.find(|width| length(*width) <= BARS_MAX);
        let width_hours = width_hours.unwrap_or(WIDTHS_HOURS[4]);
        let first = start(width_hours);
        let mut counts: BTreeMap<i64, u64> = BTreeMap::new();
        for (hour, count) in local {
            *counts.entry((hour - first) / width_hours).or_default() += count;
        }
        Some(Self {
            width_hours,
            first,
            length: length(width_hours),
            counts,
        })
    }

    fn most(&self) -> u64 {
        self.counts.values().copied().max().unwrap_or(1).max(1)
    }

    /// Returns the start of the bar at a place, on the reader's clock: to the minute, or the date for bars of days.
    fn start(&self, place: i64, locale: Locale) -> String {
        let seconds = (self.first + place * self.width_hours) * 3600;
        let clock = Locale {
            zone: Zone::default(),
            ..locale
        };
        let text = Timestamp::from_seconds(seconds).map(|at| match self.width_hours {
            1 => clock.minute(at),
            _ => clock.date(at),
        });
        text.unwrap_or_default()
    }

    fn unit(&self, words: &'static PartWords) -> &'static str {
        match self.width_hours {
            1 => words.per_hour,
            DAY_HOURS => words.per_day,
            WEEK_HOURS => words.per_week,
            hours if hours < 52 * WEEK_HOURS => words.per_four_weeks,
            _ => words.per_year,
        }
    }
}

/// Returns the hour that the reader's clock shows at the start of an hour, in hours since 1970.
fn local_hour(hour: Window, locale: Locale) -> i64 {
    let local = format!("{}Z", locale.second(hour.start()).replace(' ', "T"));
    Timestamp::parse(&local).map_or(hour.hours(), |at| at.window().hours())
}

/// Returns the chart of the events of some hours, and the table of its numbers. `total` is the number of all events of the
/// cluster; if the hours have fewer, a sentence says so. Empty without hours.
pub(crate) fn chart(frame: &Frame<'_>, hours: &[(Window, u64)], total: u64) -> Markup {
    let locale = frame.locale;
    let words = PartWords::of(locale.language);
    let Some(bars) = Bars::of(hours, locale) else {
        return Markup::default();
    };
    let charted: u64 = bars.counts.values().sum();
    html! {
        h3 { (words.over_time) }
        @if bars.length == 1 {
            p { (words.one_hour.replace("{from}", &bars.start(0, locale)).replace("{zone}", &locale.zone_name())) }
        } @else { figure.hours {
            figcaption.soft { (bars.unit(words)) " · " (locale.zone_name()) }
            div.plot {
                div.scale aria-hidden="true" { span { (grouped(bars.most())) } span { "0" } }
                (drawing(frame, &bars))
            }
            div.axis aria-hidden="true" {
                span { (bars.start(0, locale)) }
                @if bars.length >= MIDDLE_MIN { span.middle { (bars.start(bars.length / 2, locale)) } }
                span { (bars.start(bars.length, locale)) }
            }
            details { summary { (words.numbers) } (table(frame, &bars)) }
        } }
        @if charted < total {
            p.soft {
                (words.charted.replace("{count}", &grouped(charted)).replace("{total}", &grouped(total)))
            }
        }
    }
}

fn drawing(frame: &Frame<'_>, bars: &Bars) -> Markup {
    let words = PartWords::of(frame.locale.language);
    let most = bars.most();
    // Few bars do not fill the width of their places.
    let width = (8 * bars.length / 12).clamp(2, 8);
    html! {
        svg viewBox={ "0 0 " (bars.length * 10) " " (HEIGHT) } preserveAspectRatio="none" role="img"
            aria-label=(words.chart_label) {
            @for (place, count) in &bars.counts {
                @let height = (count * HEIGHT).div_ceil(most).max(2);
                g {
                    title { (bars.start(*place, frame.locale)) ": " (events_text(frame, *count)) }
                    rect.slot x=(place * 10) y="0" width="10" height=(HEIGHT) {}
                    rect x=(place * 10 + 1) y=(HEIGHT - height) width=(width) height=(height) {}
                }
            }
        }
    }
}

fn table(frame: &Frame<'_>, bars: &Bars) -> Markup {
    let words = PartWords::of(frame.locale.language);
    html! {
        table.numbers {
            thead { tr { th scope="col" { (words.from) } th.n scope="col" { (words.events) } } }
            tbody {
                @for (place, count) in &bars.counts {
                    tr { th scope="row" { (bars.start(*place, frame.locale)) } td.n { (number(*count)) } }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bars(hours: &[(&str, u64)], zone: &str) -> Bars {
        let window = |text| Timestamp::parse(text).unwrap().window();
        let hours: Vec<_> = hours.iter().map(|(at, n)| (window(*at), *n)).collect();
        let zone = Zone::parse(zone).unwrap();
        let locale = Locale {
            zone,
            ..Locale::default()
        };
        Bars::of(&hours, locale).unwrap()
    }

    #[test]
    fn a_life_of_any_length_fits_and_no_event_is_lost() {
        for (last, width_hours) in [
            ("2026-11-02T08:30:00Z", 1),
            ("2026-11-06T07:00:00Z", 1),
            ("2026-11-06T08:00:00Z", DAY_HOURS),
            ("2027-02-05T08:00:00Z", DAY_HOURS),
            ("2027-03-05T08:00:00Z", WEEK_HOURS),
            ("2031-11-02T08:00:00Z", 4 * WEEK_HOURS),
            ("2099-12-31T23:59:59Z", 52 * WEEK_HOURS),
        ] {
            let bars = bars(&[("2026-11-02T08:00:00Z", 2), (last, 3)], "UTC");
            assert_eq!(bars.width_hours, width_hours, "{last}");
            assert!((1..=BARS_MAX).contains(&bars.length), "{last}");
            assert!(bars.counts.keys().all(|at| (0..bars.length).contains(at)));
            assert_eq!(bars.counts.values().sum::<u64>(), 5, "{last}");
        }
    }

    #[test]
    fn days_and_weeks_are_those_of_the_readers_clock() {
        let hours = [("2026-11-02T17:00:00Z", 1), ("2026-11-20T15:00:00Z", 1)];
        let beijing = Locale::default();
        let utc = bars(&hours, "UTC");
        assert_eq!(utc.start(0, beijing), "2026-11-02");
        let beijing_bars = bars(&hours, "+08:00");
        assert_eq!(beijing_bars.start(0, beijing), "2026-11-03");
        let weeks = bars(&[hours[0], ("2027-06-01T00:00:00Z", 1)], "UTC");
        // The second of November 2026 is a Monday.
        assert_eq!(weeks.start(0, beijing), "2026-11-02");
    }
}
