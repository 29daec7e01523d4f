//! The chart of failures over time: bars stacked by severity, and a table of the same numbers.
//!
//! The number of bars is limited, so the bars of a long span cover several hours each. The title of a bar has its
//! counts. The drawing is stretched to the width of the page, so it contains no text: the numbers of the axes stand beside it.

use std::collections::BTreeMap;

use alerts::locale::{Language, Locale};
use alerts::severity::Severity;
use alerts::{terms, words};
use maud::{Markup, html};
use records::time::{Timestamp, Window};

use super::{fill, grouped, number, plural};

/// The maximum number of bars of a chart.
const BARS_MAX: i64 = 200;

/// The possible widths of a bar, in hours; wider bars are whole weeks.
const WIDTHS_HOURS: [i64; 9] = [1, 2, 3, 4, 6, 8, 12, 24, 48];
const WEEK_HOURS: i64 = 168;

/// The severities of the chart, in the order in which they are stacked in a bar, from the bottom up.
pub const SEVERITIES: [Severity; 4] = [
    Severity::Critical,
    Severity::Error,
    Severity::Warning,
    Severity::Info,
];

/// The height of the largest bar, and the minimum height of a part of a bar, in units of the drawing.
const HEIGHT: f64 = 100.0;
const HEIGHT_MIN: f64 = 1.0;

/// The number of events by severity, in the order of [`SEVERITIES`].
type Counts = [u64; SEVERITIES.len()];

/// The number of events in equal parts of the span.
#[derive(Debug, Default, PartialEq, Eq)]
struct Bars {
    /// The width of a bar in hours.
    width_hours: i64,
    /// The first hour of the first bar, in hours since 1970.
    first: i64,
    /// The number of bars, including empty bars.
    length: i64,
    /// The counts of the bars that are not empty, by the position of the bar from 0.
    counts: BTreeMap<i64, Counts>,
    /// The number of events without a usable time.
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

    /// Returns the position and the number of events of the highest bar; the first of equal bars.
    fn highest(&self) -> Option<(i64, u64)> {
        let sums = self
            .counts
            .iter()
            .map(|(at, counts)| (*at, counts.iter().sum()));
        sums.max_by_key(|(at, sum)| (*sum, std::cmp::Reverse(*at)))
    }

    /// Returns the start of the bar at a position, as text: to the minute, or only the day for bars of days.
    fn moment(&self, at: i64, locale: Locale) -> String {
        let seconds = (self.first + at * self.width_hours) * 3600;
        match Timestamp::from_seconds(seconds) {
            Some(at) if self.width_hours < 24 => locale.minute(at),
            Some(at) => locale.date(at),
            None => String::new(),
        }
    }
}

/// Returns the smallest width in hours with which there are at most [`BARS_MAX`] bars.
///
/// `first` and `last` are hours since 1970.
fn width(first: i64, last: i64) -> i64 {
    let fits = |width: &i64| last.div_euclid(*width) - first.div_euclid(*width) < BARS_MAX;
    let weeks = || (1..).map(|weeks| weeks * WEEK_HOURS).find(fits);
    let width = WIDTHS_HOURS.into_iter().find(fits).or_else(weeks);
    width.unwrap_or(WEEK_HOURS)
}

/// Returns the chart of events over time and a table of its numbers, as HTML; a sentence instead if no event has a
/// usable time.
///
/// Each item of `events` is a severity, an hour and the number of events. The hour is `None` for events without a
/// usable time.
pub fn chart(
    events: impl Iterator<Item = (Severity, Option<Window>, u64)>,
    locale: Locale,
) -> Markup {
    let words = ChartWords::of(locale.language);
    let bars = Bars::of(events);
    html! {
        @if let Some((at, highest)) = bars.highest() {
            figure.chart {
                figcaption { (caption(&bars, at, highest, locale)) }
                (legend(locale.language))
                div.plot {
                    div.scale aria-hidden="true" { span { (number(highest)) } span { "0" } }
                    (drawing(&bars, highest, locale))
                    div.axis aria-hidden="true" {
                        span { (bars.moment(0, locale)) }
                        @if bars.length > 2 { span { (bars.moment(bars.length / 2, locale)) } }
                        @if bars.length > 1 { span { (bars.moment(bars.length, locale)) } }
                    }
                }
            }
            details {
                summary { (words.numbers) }
                (numbers(&bars, locale))
            }
        } @else {
            p { (words.no_time) }
        }
        @if bars.undated > 0 {
            p.note { (plural(bars.undated, words.one_undated, words.undated)) }
        }
    }
}

words! {
    /// The words of the chart.
    struct ChartWords {
        caption: "Each bar is {width}; the fullest has {count}, from {at} {zone}.",
            "每根柱为 {width}；最多的一根有 {count} 个事件，始于 {at}（{zone}）。";
        numbers: "The chart's numbers", "图表数据";
        no_time: "No failing event has a usable time.", "没有失败事件带有可用的时间。";
        one_undated: "{count} event without a usable time: in the counts, not in the chart.",
            "{count} 个事件没有可用的时间：计入总数，不在图中。";
        undated: "{count} events without a usable time: in the counts, not in the chart.",
            "{count} 个事件没有可用的时间：计入总数，不在图中。";
        label: "Failing events over time, from {from} to {to} {zone}; at most {count} in a bar. The numbers follow as a table.",
            "失败事件随时间的分布，{from} 至 {to}（{zone}）；每根柱最多 {count} 个。数据见下表。";
        failing: "failing", "个失败";
        from: "from ({zone})", "开始（{zone}）";
        all: "all", "合计";
    }
}

fn caption(bars: &Bars, fullest: i64, highest: u64, locale: Locale) -> Markup {
    let width = locale.duration(bars.width_hours * 3600);
    let values = [
        ("width", html! { (width) }),
        ("count", number(highest)),
        ("at", html! { (bars.moment(fullest, locale)) }),
        ("zone", html! { (locale.zone_name()) }),
    ];
    fill(ChartWords::of(locale.language).caption, &values)
}

fn legend(language: Language) -> Markup {
    html! {
        ul.legend {
            @for severity in SEVERITIES {
                li { span class={ "swatch " (severity.name()) } {} (terms::severity(severity, language)) }
            }
        }
    }
}

/// Draws the bars. If there are few, they do not fill the width of their slots.
fn drawing(bars: &Bars, highest: u64, locale: Locale) -> Markup {
    const SLOT: f64 = 10.0;
    let wide = SLOT * 0.8 * (bars.length as f64 / 24.0).min(1.0);
    let label = ChartWords::of(locale.language).label;
    let label = label.replace("{from}", &bars.moment(0, locale));
    let label = label.replace("{to}", &bars.moment(bars.length, locale));
    let label = label.replace("{zone}", &locale.zone_name());
    let label = label.replace("{count}", &grouped(highest));
    // Each severity in a bar may be raised to the minimum height.
    let top = HEIGHT + HEIGHT_MIN * SEVERITIES.len() as f64;
    let full_width = SLOT * bars.length as f64;
    html! {
        svg role="img" aria-label=(label) viewBox={ "0 0 " (full_width) " " (top) }
            preserveAspectRatio="none" {
            @for (at, counts) in &bars.counts {
                @let x = SLOT * *at as f64;
                g {
                    title { (bars.moment(*at, locale)) " " (locale.zone_name()) ": " (summed(counts, locale.language)) }
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

/// Returns the parts of a bar from the bottom up, each with its upper edge and its height.
fn stacked(counts: &Counts, highest: u64, ground: f64) -> Vec<(Severity, f64, f64)> {
    let mut parts = Vec::new();
    let mut y = ground;
    for (severity, count) in SEVERITIES.into_iter().zip(*counts) {
        if count > 0 {
            // Rare events are often the important ones: a single event among thousands is still visible.
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

fn summed(counts: &Counts, language: Language) -> String {
    let all = grouped(counts.iter().sum());
    let mut parts = vec![format!("{all} {}", ChartWords::of(language).failing)];
    for (severity, count) in SEVERITIES.into_iter().zip(*counts) {
        if count > 0 {
            let name = terms::severity(severity, language);
            parts.push(format!("{name} {}", grouped(count)));
        }
    }
    parts.join(language.pick(", ", "，"))
}

fn numbers(bars: &Bars, locale: Locale) -> Markup {
    let (words, language) = (ChartWords::of(locale.language), locale.language);
    let zone = html! { (locale.zone_name()) };
    html! {
        div.scroll tabindex="0" role="region" aria-label=(words.numbers) {
            table.numbers {
                thead { tr {
                    th scope="col" { (fill(words.from, &[("zone", zone)])) }
                    @for severity in SEVERITIES { th.n scope="col" { (terms::severity(severity, language)) } }
                    th.n scope="col" { (words.all) }
                } }
                tbody {
                    @for (at, counts) in &bars.counts {
                        tr {
                            th scope="row" { (bars.moment(*at, locale)) }
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
    fn the_height_of_a_bar_is_its_number_of_events_and_never_exceeds_the_drawing() {
        let parts = stacked(&[50, 0, 25, 25], 100, 104.0);
        let heights: Vec<f64> = parts.iter().map(|(_, _, height)| *height).collect();
        assert_eq!(heights, [50.0, 25.0, 25.0]);
        let crowded = stacked(&[1, 1, 1, 1_000_000], 1_000_003, 104.0);
        assert!(crowded.iter().all(|(_, y, _)| *y >= 0.0), "{crowded:?}");
    }

    #[test]
    fn the_axis_of_the_counts_has_numbers() {
        let hour = Timestamp::parse("2026-11-02T08:30:00Z").map(Timestamp::window);
        let drawn = chart(
            [(Severity::Error, hour, 1234)].into_iter(),
            Locale::default(),
        );
        let scale = drawn.into_string();
        let scale = scale.split_once("class=\"scale\"").unwrap().1;
        assert!(
            scale.split("<svg").next().unwrap().contains("1,234"),
            "{scale}"
        );
    }
}
