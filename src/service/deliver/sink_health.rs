//! What an answer means: for the row it was given to, and for the sink as a whole.

use alerts::outbox::{Breaker, SinkAnswer};
use records::time::Timestamp;

/// The longest wait before a sink is tried again, in seconds.
pub const WAIT_MAX: i64 = 900;

/// How many requests in a row fail before a sink counts as down.
const FAILURES_MAX: i64 = 3;

/// How long a sink that is down is left alone between probes, in seconds.
pub const PROBE_SECONDS: i64 = 60;

/// How long a sink is left alone whose settings are wrong, in seconds.
const MISCONFIGURED_SECONDS: i64 = 300;

/// How often a row is rejected before it is dead.
pub const REJECTIONS_MAX: i64 = 3;

/// What is wrong with a sink as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SinkProblem {
    /// Its settings or its secret are wrong.
    Refused(String),
    /// It wants to be left alone, for so many seconds if it says so.
    Busy(Option<i64>, String),
    /// It does not work, or cannot be reached.
    Unreachable(String),
}

/// Whether anything may be sent to a sink.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// It works, as far as is known.
    Closed,
    /// Nothing is to be sent now.
    Waiting,
    /// One request may be tried.
    Probing,
}

/// Returns whether anything may be sent at a moment.
pub fn phase(breaker: &Breaker, now: Timestamp) -> Phase {
    if breaker.probe_from > Some(now) {
        Phase::Waiting
    } else if breaker.open_until.is_some() {
        Phase::Probing
    } else {
        Phase::Closed
    }
}

/// Returns what is wrong with the sink, if an answer says that something is.
pub fn problem(answer: &SinkAnswer) -> Option<SinkProblem> {
    match answer {
        SinkAnswer::Refused(why) => Some(SinkProblem::Refused(why.clone())),
        SinkAnswer::Busy { after, why } => Some(SinkProblem::Busy(*after, why.clone())),
        SinkAnswer::Unreachable(why) => Some(SinkProblem::Unreachable(why.clone())),
        SinkAnswer::Accepted(_) | SinkAnswer::Rejected(_) | SinkAnswer::TooLong(_) => None,
    }
}

impl SinkProblem {
    /// Returns why, in the sink's words.
    pub fn why(&self) -> &str {
        match self {
            Self::Refused(why) | Self::Busy(_, why) | Self::Unreachable(why) => why,
        }
    }

    /// Returns for how many seconds to wait after so many failures in a row before this one. `any`
    /// gives any number from 0 to below a limit, so that those who wait do not come back together.
    pub fn wait(&self, failures: i64, any: impl Fn(i64) -> i64) -> i64 {
        match self {
            Self::Busy(Some(after), _) => (*after).clamp(1, WAIT_MAX),
            Self::Refused(_) => MISCONFIGURED_SECONDS,
            Self::Busy(None, _) | Self::Unreachable(_) => backoff(failures, any),
        }
    }

    /// Returns what stands in the way of the sink from now on, when it is left alone for so
    /// many seconds.
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

/// Returns how long to wait after so many failures, in seconds: anything up to 1, 2, 4 and so on.
pub fn backoff(failures: i64, any: impl Fn(i64) -> i64) -> i64 {
    let most = 1_i64 << failures.clamp(0, 10);
    1 + any(most.min(WAIT_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a second of a minute long ago.
    fn second(of: i64) -> Timestamp {
        Timestamp::FIRST.plus(of)
    }

    #[test]
    fn waits_grow_to_a_quarter_of_an_hour_and_what_a_sink_asks_for_is_believed_within_reason() {
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
