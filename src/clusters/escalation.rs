//! Escalation: compares each hour of a cluster with the cluster's own last week.
//!
//! A cluster that always fails a thousand times a night causes no alert. A cluster that fails twenty times instead of
//! twice does.
//!
//! The limit of an hour follows the algorithm that Sentry publishes for its issues (`escalating_issues_alg.py` in
//! github.com/getsentry/sentry). It is the larger of two bounds:
//!
//! - The bound for bursts is a multiple of the week's largest hour. The multiple is smaller if the hours vary more.
//! - The bound for spikes is made of the week's mean, with the same day of the week counted twice, and of five standard
//!   deviations.
//!
//! The limit of a cluster younger than a week is ten times its largest hour. An escalation ends only below half the
//! limit, because otherwise it could begin and end every other hour.

use records::time::Window;

/// The number of hours whose event counts determine the limit of the hour after them: one week.
pub const BASELINE_HOURS: usize = 7 * 24;

/// The smallest limit of an hour, in events: an hour with up to ten events never begins an escalation.
pub const LIMIT_LEAST: u64 = 10;

/// The number of calm hours in a row that ends an escalation.
///
/// An hour is calm if its number of events is at most half of [`Escalation::limit`].
pub const CALM_HOURS: u32 = 2;

/// An escalation of a cluster or an account: it began in an hour with more events than the hour's limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Escalation {
    /// The hour in which the escalation began.
    pub since: Window,
    /// The limit of the hour [`Escalation::since`], in events; that hour had more events.
    pub limit: u64,
    /// The number of events in the hour that has most events since the escalation began.
    pub peak: u64,
    /// The number of calm hours in a row up to the last hour; at [`CALM_HOURS`] the escalation ends.
    pub calm: u32,
}

/// The result of [`step`]: whether an escalation begins, continues or ends with an hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Nothing begins or ends. The value is the escalation that continues, or `None`.
    Stays(Option<Escalation>),
    /// An escalation begins.
    Starts(Escalation),
    /// The escalation ends.
    Ends(Escalation),
}

/// Returns the limit of `hour`, in events. An hour with more events than its limit begins an escalation.
///
/// `before` has the event count of each hour before `hour`, oldest first, without gaps. Only the last
/// [`BASELINE_HOURS`] counts are used.
pub fn limit(before: &[u64], hour: Window) -> u64 {
    let week = &before[before.len().saturating_sub(BASELINE_HOURS)..];
    let largest = week.iter().copied().max().unwrap_or_default();
    if week.len() < BASELINE_HOURS || largest == 0 {
        return (largest * 10).max(LIMIT_LEAST);
    }
    let counts: Vec<f64> = week.iter().map(|count| *count as f64).collect();
    let hours = counts.len() as f64;
    let mean = counts.iter().sum::<f64>() / hours;
    let squares: f64 = counts.iter().map(|count| (count - mean).powi(2)).sum();
    let deviation = (squares / (hours - 1.0)).sqrt();
    let burst = largest as f64 * (5.0 * (-0.65 * deviation / mean).exp()).clamp(2.0, 5.0);
    let spike = weighted(&counts, hour) + mean * ((mean + 5.0 * deviation) / mean).clamp(5.0, 8.0);
    (burst.max(spike) as u64).max(LIMIT_LEAST)
}

/// Returns the mean of the counts. Hours on the same day of the week as `hour` count twice.
fn weighted(counts: &[f64], hour: Window) -> f64 {
    let day = |hours: i64| hours.div_euclid(24).rem_euclid(7);
    let first = hour.hours() - counts.len() as i64;
    let (mut sum, mut weights) = (0.0, 0.0);
    for (place, count) in counts.iter().enumerate() {
        let is_same = day(first + place as i64) == day(hour.hours());
        let weight = if is_same { 2.0 } else { 1.0 };
        sum += weight * count;
        weights += weight;
    }
    sum / weights
}

/// Decides whether an escalation begins, continues or ends with `hour`, which has `count` events.
///
/// `current` is the escalation that is active before `hour`, if any. `before` has the event count of each hour before
/// `hour`, oldest first; if it is empty, no escalation begins. During an escalation `before` is not used: the limit of
/// the escalation's first hour applies, so that it does not rise.
pub fn step(current: Option<Escalation>, before: &[u64], hour: Window, count: u64) -> Step {
    let Some(mut escalation) = current else {
        let limit = limit(before, hour);
        if count <= limit || before.is_empty() {
            return Step::Stays(None);
        }
        return Step::Starts(Escalation {
            since: hour,
            limit,
            peak: count,
            calm: 0,
        });
    };
    escalation.peak = escalation.peak.max(count);
    if count > escalation.limit / 2 {
        escalation.calm = 0;
        return Step::Stays(Some(escalation));
    }
    escalation.calm += 1;
    if escalation.calm < CALM_HOURS {
        return Step::Stays(Some(escalation));
    }
    Step::Ends(escalation)
}

#[cfg(test)]
mod tests {
    use records::time::Timestamp;

    use super::*;

    /// The first hour after seven days that began on a Saturday.
    fn saturday() -> Window {
        Timestamp::parse("2026-11-21T00:00:00Z").unwrap().window()
    }

    #[test]
    fn the_limit_of_a_stable_cluster_is_six_times_its_mean() {
        // By hand: mean 10, deviation 0; burst 10 x 5, spike 10 + 10 x 5.
        assert_eq!(limit(&[10; BASELINE_HOURS], saturday()), 60);
    }

    #[test]
    fn the_limit_of_a_bursty_cluster_is_a_multiple_of_its_burst() {
        // By hand: one hour of 168 in 168: mean 1, sample deviation sqrt(168) = 12.96, so the burst
        // bound is 168 x 2 = 336 and the spike bound 1 x (24 or less) + 8.
        let mut week = [0; BASELINE_HOURS];
        week[100] = 168;
        assert_eq!(limit(&week, saturday()), 336);
    }

    #[test]
    fn the_same_day_of_the_week_counts_twice() {
        // By hand: 24 hours of 16 on the same weekday, 8 on the others: mean (24 x 16 + 144 x 8) / 168
        // = 9.142857; weighted (2 x 24 x 16 + 144 x 8) / 192 = 10; sample deviation 2.807; the
        // multiplier of the spike is its least, 5: 10 + 45.71 = 55; the burst's is
        // 5 e^(-0.65 x 0.307) = 4.0954: 16 x 4.0954 = 65.
        let mut week = [8; BASELINE_HOURS];
        week[..24].fill(16);
        assert_eq!(limit(&week, saturday()), 65);
        assert!((weighted(&week.map(|count| count as f64), saturday()) - 10.0).abs() < 1e-9);
    }

    #[test]
    fn a_young_cluster_has_ten_times_its_largest_hour() {
        assert_eq!(limit(&[3, 7, 2], saturday()), 70);
        assert_eq!(limit(&[1], saturday()), 10);
        assert_eq!(limit(&[], saturday()), LIMIT_LEAST);
    }

    #[test]
    fn an_escalation_begins_once_and_ends_once() {
        let mut counts = vec![10; BASELINE_HOURS];
        let mut current = None;
        let mut changes = Vec::new();
        for (place, count) in [10, 61, 200, 29, 80, 30, 29, 10].into_iter().enumerate() {
            let hour = Timestamp::from_seconds((saturday().hours() + place as i64) * 3600);
            match step(current, &counts, hour.unwrap().window(), count) {
                Step::Stays(stays) => {
                    current = stays;
                    if stays.is_none() {
                        counts.push(count);
                    }
                }
                Step::Starts(escalation) => {
                    changes.push((place, "starts", escalation.limit, escalation.peak));
                    current = Some(escalation);
                }
                Step::Ends(escalation) => {
                    changes.push((place, "ends", escalation.limit, escalation.peak));
                    current = None;
                }
            }
        }
        // One calm hour does not end it, two do.
        assert_eq!(changes, [(1, "starts", 60, 61), (6, "ends", 60, 200)]);
        let at_limit = step(None, &[10; BASELINE_HOURS], saturday(), 60);
        assert_eq!(at_limit, Step::Stays(None), "not above the limit");
    }
}
