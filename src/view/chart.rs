//! The chart of failures over time: bars by hour, stacked by severity, with the same numbers as a
//! table beside it.
//!
//! A long span has wider bars instead of more, and each bar says in its title what it counts. The
//! drawing is stretched to its place, so it holds no text of its own.

use std::collections::BTreeMap;

use alerts::severity::Severity;
use maud::{Markup, html};
use records::time::{Timestamp, Window};

use super::{counted, grouped, number};

/// How many bars a chart has at most.
const BARS_MAX: i64 = 200;

/// How many hours a bar may stand for; beyond these, whole weeks.
const WIDTHS_HOURS: [i64; 9] = [1, 2, 3, 4, 6, 8, 12, 24, 48];
const WEEK_HOURS: i64 = 168;

/// The severities as they are stacked, from the ground up.
pub const SEVERITIES: [Severity; 4] = [
    Severity::Critical,
    Severity::Error,
    Severity::Warning,
    Severity::Info,
];

/// Height of the drawing for the largest bar, and what a single event has at least.
const HEIGHT: f64 = 100.0;
const HEIGHT_MIN: f64 = 1.0;

/// Events by severity, in the order of [`SEVERITIES`].
type Counts = [u64; SEVERITIES.len()];

/// Events in equal parts of the span.
#[derive(Debug, Default, PartialEq, Eq)]
struct Bars {
    /// How many hours a bar stands for.
    width_hours: i64,
    /// The first hour of the first bar, in hours since 1970.
    first: i64,
    /// How many bars there are, empty ones among them.
    length: i64,
    /// What is in those that are not empty, by their place.
    counts: BTreeMap<i64, Counts>,
    /// Events that have no time.
    undated: u64,
}

impl Bars {
    fn of(events: impl Iterator<Item = (Severity, Option<Window>, u64)>) -> Self {
        let mut hours: BTreeMap<i64, Counts> = BTreeMap::new();
        let mut bars = Self::default();
        for (severity, hour, count) in events {
            let Some(hour) = hour else {
                bars.undated += count;
                continue;
            };
            let counts = hours.entry(hour.hours()).or_default();
            for (place, stacked) in SEVERITIES.into_iter().enumerate() {
                if stacked == severity {
                    counts[place] += count;
                }
            }
        }
        let (Some((&first, _)), Some((&last, _))) =
            (hours.first_key_value(), hours.last_key_value())
        else {
            return bars;
        };
        bars.width_hours = width(first, last);
        bars.first = first.div_euclid(bars.width_hours) * bars.width_hours;
        bars.length = (last - bars.first) / bars.width_hours + 1;
        for (hour, counts) in hours {
            let bar = bars.counts.entry((hour - bars.first) / bars.width_hours);
            for (sum, count) in bar.or_default().iter_mut().zip(counts) {
                *sum += count;
            }
        }
        bars
    }

    /// Returns the fullest bar: its place, and how many events it has.
    fn highest(&self) -> Option<(i64, u64)> {
        let sums = self
            .counts
            .iter()
            .map(|(at, counts)| (*at, counts.iter().sum()));
        sums.max_by_key(|(at, sum)| (*sum, std::cmp::Reverse(*at)))
    }

    /// Returns when a bar begins, as text.
    fn moment(&self, at: i64) -> String {
        let seconds = (self.first + at * self.width_hours) * 3600;
        let text = Timestamp::from_seconds(seconds).map_or(String::new(), |at| at.to_string());
        let length = if self.width_hours < 24 { 16 } else { 10 };
        text.replace('T', " ").chars().take(length).collect()
    }

    fn width_text(&self) -> String {
        match self.width_hours {
            1 => "an hour".to_owned(),
            hours if hours < 48 => format!("{hours} hours"),
            hours => format!("{} days", hours / 24),
        }
    }
}

/// Returns how many hours a bar stands for, so that there are at most [`BARS_MAX`].
fn width(first: i64, last: i64) -> i64 {
    let fits = |width: &i64| last.div_euclid(*width) - first.div_euclid(*width) < BARS_MAX;
    let weeks = || (1..).map(|weeks| weeks * WEEK_HOURS).find(fits);
    let width = WIDTHS_HOURS.into_iter().find(fits).or_else(weeks);
    width.unwrap_or(WEEK_HOURS)
}

/// Returns the chart of events, or nothing where no event has a time.
pub fn chart(events: impl Iterator<Item = (Severity, Option<Window>, u64)>) -> Markup {
    let bars = Bars::of(events);
    html! {
        @if let Some((at, highest)) = bars.highest() {
            figure.chart {
                figcaption {
                    "Each bar is " (bars.width_text()) "; the fullest has "
                    (counted(highest, "event")) ", from " (bars.moment(at)) " UTC."
                }
                (legend())
                (drawing(&bars, highest))
                div.axis aria-hidden="true" {
                    span { (bars.moment(0)) }
                    @if bars.length > 2 { span { (bars.moment(bars.length / 2)) } }
                    @if bars.length > 1 { span { (bars.moment(bars.length)) } }
                }
            }
            details {
                summary { "The chart's numbers" }
                (numbers(&bars))
            }
        } @else {
            p { "No failing event has a usable time." }
        }
        @if bars.undated > 0 {
            p.note { (counted(bars.undated, "event")) " without a usable time: in the counts, not in the chart." }
        }
    }
}

fn legend() -> Markup {
    html! {
        ul.legend {
            @for severity in SEVERITIES {
                li { span class={ "swatch " (severity.name()) } {} (severity.name()) }
            }
        }
    }
}

/// Draws the bars, ten units wide each; few bars stay slim.
fn drawing(bars: &Bars, highest: u64) -> Markup {
    const SLOT: f64 = 10.0;
    let wide = SLOT * 0.8 * (bars.length as f64 / 24.0).min(1.0);
    let label = format!(
        "Failing events over time, from {} to {} UTC; at most {} in a bar. The numbers follow as a table.",
        bars.moment(0),
        bars.moment(bars.length),
        grouped(highest)
    );
    // Each severity that occurs in a bar may be lifted to the least height.
    let top = HEIGHT + HEIGHT_MIN * SEVERITIES.len() as f64;
    let full_width = SLOT * bars.length as f64;
    html! {
        svg role="img" aria-label=(label) viewBox={ "0 0 " (full_width) " " (top) }
            preserveAspectRatio="none" {
            @for (at, counts) in &bars.counts {
                @let x = SLOT * *at as f64;
                g {
                    title { (bars.moment(*at)) " UTC: " (summed(counts)) }
                    rect.slot x=(x) y="0" width=(SLOT) height=(top) {}
                    @for (severity, y, height) in stacked(counts, highest, top) {
                        rect class=(severity.name()) x=(rounded(x + (SLOT - wide) / 2.0))
                            y=(rounded(y)) width=(rounded(wide)) height=(rounded(height)) {}
                    }
                }
            }
        }
    }
}

/// Returns the parts of a bar, each with its upper edge and its height.
fn stacked(counts: &Counts, highest: u64, ground: f64) -> Vec<(Severity, f64, f64)> {
    let mut parts = Vec::new();
    let mut y = ground;
    for (severity, count) in SEVERITIES.into_iter().zip(*counts) {
        if count > 0 {
            // What is rare is often what matters: a single event among thousands is still seen.
            let height = (HEIGHT * count as f64 / highest as f64).max(HEIGHT_MIN);
            y -= height;
            parts.push((severity, y, height));
        }
    }
    parts
}

fn rounded(length: f64) -> f64 {
    (length * 100.0).round() / 100.0
}

fn summed(counts: &Counts) -> String {
    let mut parts = vec![format!("{} failing", grouped(counts.iter().sum()))];
    for (severity, count) in SEVERITIES.into_iter().zip(*counts) {
        if count > 0 {
            parts.push(format!("{} {}", grouped(count), severity.name()));
        }
    }
    parts.join(", ")
}

fn numbers(bars: &Bars) -> Markup {
    html! {
        div.scroll tabindex="0" role="region" aria-label="The chart's numbers" {
            table.numbers {
                thead { tr {
                    th scope="col" { "from (UTC)" }
                    @for severity in SEVERITIES { th.n scope="col" { (severity.name()) } }
                    th.n scope="col" { "all" }
                } }
                tbody {
                    @for (at, counts) in &bars.counts {
                        tr {
                            th scope="row" { (bars.moment(*at)) }
                            @for count in counts { td.n { (number(*count)) } }
                            td.n { (number(counts.iter().sum())) }
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bars(events: &[(&str, u64)]) -> Bars {
        Bars::of(events.iter().map(|(time, count)| {
            let hour = Timestamp::parse(time).map(Timestamp::window);
            (Severity::Error, hour, *count)
        }))
    }

    #[test]
    fn a_span_of_any_length_has_a_limited_number_of_bars_that_hold_every_event() {
        for (last, width_hours) in [
            ("2026-11-02T08:30:00Z", 1),
            ("2026-11-10T15:59:59Z", 1),
            ("2026-11-10T16:00:00Z", 2),
            ("2026-12-02T08:00:00Z", 4),
            ("2027-11-02T08:00:00Z", 48),
            ("2099-12-31T23:59:59Z", 20 * WEEK_HOURS),
        ] {
            let bars = bars(&[("2026-11-02T08:00:00Z", 2), (last, 3), ("nonsense", 7)]);
            assert_eq!(bars.width_hours, width_hours, "{last}");
            assert!((1..=BARS_MAX).contains(&bars.length), "{last}");
            let inside = bars.counts.keys().all(|at| (0..bars.length).contains(at));
            let all: u64 = bars.counts.values().flatten().sum();
            assert!(inside && all == 5 && bars.undated == 7, "{last}: {bars:?}");
        }
    }

    #[test]
    fn a_bar_is_as_high_as_its_events_are_many_and_never_leaves_the_drawing() {
        let parts = stacked(&[50, 0, 25, 25], 100, 104.0);
        let heights: Vec<f64> = parts.iter().map(|(_, _, height)| *height).collect();
        assert_eq!(heights, [50.0, 25.0, 25.0]);
        let crowded = stacked(&[1, 1, 1, 1_000_000], 1_000_003, 104.0);
        assert!(crowded.iter().all(|(_, y, _)| *y >= 0.0), "{crowded:?}");
    }
}
