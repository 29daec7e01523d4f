//! Sends the alerts that wait in the outbox. Each sink has its own run: the run leases rows in order,
//! builds their messages, sends them, and settles each row by the sink's answer.
//!
//! No alert is lost: a row stays in the outbox until the step that records its outcome. A crash between
//! sending and recording sends the alert once more, with the same id.
//!
//! The submodules are the steps of a run. They share the type [`Delivery`] of this module.

mod absorption;
mod digest;
pub mod incident_round;
pub mod message_builder;
mod queue;
mod sink_health;
mod sink_run;

use std::collections::{BTreeMap, BTreeSet};

use alerts::outbox::Breaker;
use clusters::incident::Incident;
use clusters::keys::KeySettings;
use futures_util::future::join_all;
use records::time::Timestamp;

use crate::configuration::ConfigVersion;
use crate::deliver::absorption::Absorption;
use crate::deliver::message_builder::MessageBuilder;
use crate::deliver::sink_run::SinkRun;
use crate::policy::Policies;
use crate::ports::{
    Clock, ClusterReader, HourReader, IncidentStore, KeyDirectory, KeyUsageStore, Outbox,
    ReadBackStore, Sink, StoreError,
};

/// The ports and settings that a delivery run uses.
#[derive(Debug)]
pub struct Delivery<'a, O, K, C> {
    /// The store with the outbox, the clusters and the access keys.
    pub store: &'a O,
    /// IAM, which is asked when an access key was last used.
    pub directory: &'a K,
    /// The clock, which also gives random numbers.
    pub clock: &'a C,
    /// The policies that decide which sink gets which alert.
    pub policies: &'a Policies,
    /// The settings of access key checks, such as the canary keys.
    pub keys: &'a KeySettings,
    /// The names under which alerts show AWS accounts, by account id.
    pub account_names: &'a BTreeMap<String, String>,
    /// The environments of AWS accounts that alerts carry, by account id.
    pub environments: &'a BTreeMap<String, String>,
    /// The version of the settings file and the rules file in effect, which messages name.
    pub config_version: &'a ConfigVersion,
    /// The name of this run as the holder of leases on outbox rows: a text that no other run has.
    pub holder: &'a str,
    /// Until when rows must have been written whose alert an incident could absorb, so that they are sent: since then a
    /// round looked for incidents. Later rows wait, unless they are critical.
    pub rounds_until: Timestamp,
    /// The incidents that the round of this run has found, by account.
    pub found: &'a BTreeMap<String, Vec<Incident>>,
    /// The accounts that the round has not looked at to the end. Their rows wait like later rows.
    pub unfinished: &'a BTreeSet<String>,
    /// Whether the round of this run is still to come. Then only alerts are sent that no known incident can absorb and that
    /// need not wait for the round. No incident is looked for.
    pub is_before_round: bool,
}

/// How long a row waits for a round at most, in seconds. Rounds may fail.
pub const WAIT_SECONDS: i64 = 120;

/// The result of a delivery run for one sink: what happened to the outbox rows of the sink, and its state.
#[derive(Debug, Default)]
pub struct Drained {
    /// The number of requests to the sink, successful or not.
    pub requests: u64,
    /// The number of alerts that the sink accepted. Digests, and the alerts in them, are not counted.
    pub sent: u64,
    /// The number of outbox rows whose alerts were not sent because of a policy, a triage decision, a sending pause of
    /// the cluster, or an incident that absorbs them.
    pub suppressed: u64,
    /// The number of outbox rows whose alerts were replaced by a digest.
    pub digested: u64,
    /// The number of times that a row was put back into the outbox after an attempt, to be sent later. A row may count
    /// several times.
    pub later: u64,
    /// The number of rows that were given up: the sink rejected them too often, or they are too long.
    pub dead: u64,
    /// The outbox rows that still wait for the sink after the run; `None` if a store error ended the run.
    pub waiting: Option<Waiting>,
    /// The circuit breaker of the sink after the run: whether requests are paused after failures.
    ///
    /// If no row waited, the stored breaker is not read, and this is the default.
    pub breaker: Breaker,
    /// The store error that ended this sink's run. The runs of other sinks continue.
    pub error: Option<StoreError>,
}

impl Drained {
    /// Returns the result of this run and a later one of the same sink. The state after them is that of the later one.
    #[must_use]
    pub fn and(self, later: Self) -> Self {
        Self {
            requests: self.requests + later.requests,
            sent: self.sent + later.sent,
            suppressed: self.suppressed + later.suppressed,
            digested: self.digested + later.digested,
            later: self.later + later.later,
            dead: self.dead + later.dead,
            waiting: later.waiting,
            breaker: later.breaker,
            error: self.error.or(later.error),
        }
    }

    /// Checks whether a row may wait. `true` if that is not known.
    pub fn has_waiting(&self) -> bool {
        self.waiting.is_none_or(|of| of.rows > 0)
    }
}

/// The number and the age of the outbox rows that wait for a sink.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Waiting {
    /// The number of waiting rows. It may be too low, because a run reads a limited number of rows from each partition
    /// of the outbox.
    pub rows: usize,
    /// When the oldest of these rows was written; `None` if no row waits.
    pub oldest: Option<Timestamp>,
}

/// Sends the waiting alerts of several sinks at the same time. Returns the result for each sink, by its name.
///
/// `deadline` is in milliseconds since 1970. From 20 seconds before the deadline, no more rows are leased. An error of
/// the store ends the run of one sink, see [`Drained::error`].
pub async fn drain<O, K, C, S>(
    delivery: &Delivery<'_, O, K, C>,
    sinks: &mut BTreeMap<String, S>,
    deadline: i64,
) -> BTreeMap<String, Drained>
where
    O: Outbox + ClusterReader + HourReader + IncidentStore + KeyUsageStore + ReadBackStore,
    K: KeyDirectory,
    C: Clock,
    S: Sink,
{
    let message_builder = &MessageBuilder::new(delivery);
    let absorption = &Absorption::new(delivery.store, delivery.found, delivery.clock.now());
    let runs = sinks.iter_mut().map(|(name, sink)| async move {
        let mut sink_run = SinkRun::new(
            delivery,
            (message_builder, absorption),
            name,
            sink,
            deadline,
        );
        let error = sink_run.run().await.err();
        let drained = Drained {
            error,
            breaker: sink_run.breaker,
            ..sink_run.drained
        };
        (name.clone(), drained)
    });
    join_all(runs).await.into_iter().collect()
}
