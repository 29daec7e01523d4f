//! Decides from a sink's answers whether the sink works, and how long to wait before the next request.

use alerts::outbox::{Breaker, SinkAnswer};
use records::time::Timestamp;

/// The longest wait before the next attempt to send to a sink, in seconds.
pub const WAIT_MAX: i64 = 900;

/// The number of failed requests in a row after which a sink counts as down.
const FAILURES_MAX: i64 = 3;

/// The time between two probes of a sink that is down, in seconds. A probe is a single request that tests the sink.
pub const PROBE_SECONDS: i64 = 60;

/// The wait before the next request to a sink with wrong settings, in seconds.
const MISCONFIGURED_SECONDS: i64 = 300;

/// The number of times that a sink may reject an alert. After the last rejection the outbox row is dead: it is never
/// sent again.
pub const REJECTIONS_MAX: i64 = 3;

/// A problem of the whole sink, not of a single alert. Each text is the sink's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SinkProblem {
    /// The settings or the secret of the sink are wrong.
    Refused(String),
    /// The sink asks to wait. The number is the seconds to wait; `None` if the sink names no time.
    Busy(Option<i64>, String),
    /// The sink does not work, or cannot be reached.
    Unreachable(String),
}

/// Whether requests may be sent to a sink now, as its circuit breaker decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// No problem of the sink is known: requests are sent.
    Closed,
    /// No request is sent now, because the wait after a failure is not over.
    Waiting,
    /// One request may be sent, to check whether the sink works again.
    Probing,
}

/// Returns whether requests may be sent at `now` to the sink that has this circuit breaker.
pub fn phase(breaker: &Breaker, now: Timestamp) -> Phase {
    if breaker.probe_from > Some(now) {
        Phase::Waiting
    } else if breaker.open_until.is_some() {
        Phase::Probing
    } else {
        Phase::Closed
    }
}

/// Returns the problem of the whole sink that its answer to an alert shows.
///
/// `None` if the sink works: it accepted the alert, or rejected only this request as wrong or too long.
pub fn problem(answer: &SinkAnswer) -> Option<SinkProblem> {
    match answer {
        SinkAnswer::Refused(why) => Some(SinkProblem::Refused(why.clone())),
        SinkAnswer::Busy { after, why } => Some(SinkProblem::Busy(*after, why.clone())),
        SinkAnswer::Unreachable(why) => Some(SinkProblem::Unreachable(why.clone())),
        SinkAnswer::Accepted(_) | SinkAnswer::Rejected(_) | SinkAnswer::TooLong(_) => None,
    }
}

impl SinkProblem {
    /// Returns the text of the sink's answer, which explains the problem.
    pub fn why(&self) -> &str {
        match self {
            Self::Refused(why) | Self::Busy(_, why) | Self::Unreachable(why) => why,
        }
    }

    /// Returns the wait before the next request to the sink, in seconds. `failures` is the number of failed requests in
    /// a row before this one.
    ///
    /// `any` returns a random number from 0 to below its argument, so that several waiting runs do not continue at the
    /// same moment.
    pub fn wait(&self, failures: i64, any: impl Fn(i64) -> i64) -> i64 {
        match self {
            Self::Busy(Some(after), _) => (*after).clamp(1, WAIT_MAX),
            Self::Refused(_) => MISCONFIGURED_SECONDS,
            Self::Busy(None, _) | Self::Unreachable(_) => backoff(failures, any),
        }
    }

    /// Returns the circuit breaker of the sink after one more failed request at `now`; `before` is its circuit breaker
    /// before that.
    ///
    /// `wait` is the time until the next request, in seconds. If the sink is down, [`PROBE_SECONDS`] applies instead.
    pub fn breaker(&self, before: &Breaker, now: Timestamp, wait: i64) -> Breaker {
        let failures = before.failures + 1;
        let is_misconfigured = matches!(self, Self::Refused(_));
        let is_down = matches!(self, Self::Unreachable(_)) && failures >= FAILURES_MAX;
        let probe_from = Some(now.plus(if is_down { PROBE_SECONDS } else { wait }));
        Breaker {
            failures,
            open_until: if is_down || is_misconfigured || before.open_until.is_some() {
                probe_from
            } else {
                None
            },
            probe_from,
            is_misconfigured,
            why: self.why().to_owned(),
        }
    }
}

/// Returns a random wait in seconds, from 1 to 2 to the power of `failures`, at most [`WAIT_MAX`]. `any`
/// returns a random number from 0 to below its argument.
pub fn backoff(failures: i64, any: impl Fn(i64) -> i64) -> i64 {
    let most = 1_i64 << failures.clamp(0, 10);
    1 + any(most.min(WAIT_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the second number `of` after the first possible time.
    fn second(of: i64) -> Timestamp {
        Timestamp::FIRST.plus(of)
    }

    #[test]
    fn waits_double_up_to_a_limit_which_also_holds_for_waits_that_a_sink_asks_for() {
        let most = |limit: i64| limit - 1;
        let unreachable = SinkProblem::Unreachable(String::new());
        let waits: Vec<i64> = (0..12).map(|n| unreachable.wait(n, most)).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]);
        for (after, wait) in [(30, 30), (999_999, 900), (0, 1), (-5, 1)] {
            let busy = SinkProblem::Busy(Some(after), String::new());
            assert_eq!(busy.wait(7, most), wait);
        }
        assert_eq!(SinkProblem::Busy(None, String::new()).wait(2, most), 4);
    }

    #[test]
    fn a_breaker_opens_after_three_failures_in_a_row_and_at_once_for_wrong_settings() {
        let unreachable = SinkProblem::Unreachable("reset".to_owned());
        let mut breaker = Breaker::default();
        for (failures, expected) in [(1, Phase::Closed), (2, Phase::Closed), (3, Phase::Probing)] {
            breaker = unreachable.breaker(&breaker, second(100), 1);
            assert_eq!(breaker.failures, failures);
            assert_eq!(phase(&breaker, second(100)), Phase::Waiting);
            assert_eq!(phase(&breaker, second(160)), expected);
        }
        let refused = SinkProblem::Refused("403".to_owned());
        let breaker = refused.breaker(&Breaker::default(), second(100), 300);
        assert!(breaker.is_misconfigured);
        assert_eq!(phase(&breaker, second(399)), Phase::Waiting);
        assert_eq!(phase(&breaker, second(400)), Phase::Probing);
        let busy = SinkProblem::Busy(Some(5), String::new());
        assert_eq!(
            busy.breaker(&Breaker::default(), second(100), 5).open_until,
            None
        );
    }
}
