//! The events of the hours of one day as bars: small in a row of a list, larger on the page of an account.

use std::collections::{BTreeMap, VecDeque};

use maud::{Markup, html};
use records::time::Window;

use super::Frame;
use crate::{grouped, moment};

/// The number of hours of a drawing.
const HOURS: i64 = 24;

/// The height of a drawing, in units of its view box.
const HEIGHT: u64 = 24;

alerts::words! {
    /// The texts of drawings.
    struct DrawingWords {
        label: "Events by hour, 24 hours to {until}, at most {most} in an hour", "每小时事件数，截至 {until} 的 24 小时，每小时最多 {most} 个";
    }
}

/// Draws the number of events in each of the 24 hours up to `end` for a row of a list. If all hours are earlier, draws the 24
/// hours up to the last of them, in gray.
pub(super) fn row_bars(frame: &Frame<'_>, hours: &VecDeque<(Window, u64)>, end: Window) -> Markup {
    let Some((last, _)) = hours.back() else {
        return Markup::default();
    };
    let hours = hours.iter().copied();
    match *last > end.plus(-HOURS) {
        true => bars(frame, hours, end.max(*last)),
        false => html! { div.earlier { (bars(frame, hours, *last)) } },
    }
}

/// Draws the number of events in each of the 24 hours up to `last`. Other hours are left out.
fn bars(frame: &Frame<'_>, hours: impl IntoIterator<Item = (Window, u64)>, last: Window) -> Markup {
    let hours = day(hours, last);
    let most = hours.values().copied().max().unwrap_or(0);
    let label = DrawingWords::of(frame.locale.language).label;
    let label = label.replace("{until}", &frame.locale.minute(last.end()));
    let label = label.replace("{most}", &grouped(most));
    html! {
        svg.bars viewBox={ "0 0 " (HOURS * 10) " " (HEIGHT) } preserveAspectRatio="none" role="img" aria-label=(label) {
            @for (place, count) in hours.into_iter().filter(|(_, count)| *count > 0) {
                @let height = (count * HEIGHT).div_ceil(most.max(1)).max(3);
                rect x=(place * 10 + 1) y=(HEIGHT - height) width="8" height=(height) {}
            }
        }
    }
}

/// Draws the same larger, with the times of its ends and the largest number.
pub(super) fn chart(
    frame: &Frame<'_>,
    hours: impl IntoIterator<Item = (Window, u64)>,
    last: Window,
) -> Markup {
    let hours: Vec<(Window, u64)> = hours.into_iter().collect();
    let most = day(hours.iter().copied(), last).into_values().max();
    html! {
        figure.day {
            (bars(frame, hours, last))
            div.axis {
                span { (moment(Some(last.plus(1 - HOURS).start()), frame.locale)) }
                span { (frame.locale.language.pick("most in an hour: ", "每小时最多：")) (crate::number(most.unwrap_or(0))) }
                span { (moment(Some(last.end()), frame.locale)) }
            }
        }
    }
}

/// Sums up the hours of the day that ends with `last`, by their place in it.
fn day(hours: impl IntoIterator<Item = (Window, u64)>, last: Window) -> BTreeMap<i64, u64> {
    let mut day = BTreeMap::new();
    for (hour, count) in hours {
        let place = hour.hours() - last.hours() + HOURS - 1;
        if (0..HOURS).contains(&place) {
            *day.entry(place).or_default() += count;
        }
    }
    day
}
