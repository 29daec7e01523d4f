//! Creates the alerts about drills.

use records::time::Timestamp;

use crate::alert::{Alert, AlertSubject};
use crate::facts::Facts;
use crate::facts::drill::{DrillFacts, DrillFailureFacts};

impl Alert {
    /// Creates the alert that a drill sends to each sink. `drill` is the id of the drill, and `written` is when its record was
    /// written.
    pub fn of_drill(drill: &str, written: Timestamp, now: Timestamp) -> Self {
        let drill = drill.to_owned();
        let facts = Facts::Drill(DrillFacts { drill, written });
        Self::new(AlertSubject::Stack, facts, Some(written), now)
    }

    /// Creates the alert about a nightly drill that was not over within an hour.
    pub fn of_drill_failure(failure: DrillFailureFacts, now: Timestamp) -> Self {
        let began = failure.began;
        let facts = Facts::DrillFailed(failure);
        Self::new(AlertSubject::Stack, facts, Some(began), now)
    }
}
