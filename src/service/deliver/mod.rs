//! The verb that sends what waits: for each sink on its own, rows in the order of their lines, taken,
//! made into alerts, sent, and settled by what the sink answered.
//!
//! Nothing is lost: a row stays until the step that notes what became of it. A crash between sending
//! and noting sends it once more, under the same id.
//!
//! The submodules are the steps of one run and take what it is given as [`Delivery`], so they and this file
//! are one thing.

mod digest;
mod message_builder;
mod queue;
mod sink_health;
mod sink_run;

use std::collections::BTreeMap;

use alerts::outbox::Breaker;
use clusters::keys::KeySettings;
use futures_util::future::join_all;
use records::time::Timestamp;

use crate::deliver::message_builder::MessageBuilder;
use crate::deliver::sink_run::SinkRun;
use crate::policy::Policies;
use crate::ports::{
    Campaigns, Clock, ClusterReader, KeyDirectory, KeyUsageStore, Outbox, Sink, StoreError,
};

/// What a delivery needs, and what a stack decides about it.
#[derive(Debug)]
pub struct Delivery<'a, O, K, C> {
    /// Where alerts wait, and what is known of clusters and keys.
    pub store: &'a O,
    /// Who knows when a key was last used.
    pub directory: &'a K,
    /// Time and chance.
    pub clock: &'a C,
    /// Who is told of what.
    pub policies: &'a Policies,
    /// What is decided about keys.
    pub keys: &'a KeySettings,
    /// What people call accounts.
    pub account_names: &'a BTreeMap<String, String>,
    /// A text that no other run has.
    pub holder: &'a str,
}

/// What became of one sink's rows in a run.
#[derive(Debug, Default)]
pub struct Drained {
    /// Requests, whatever came of them.
    pub requests: u64,
    /// Alerts that the sink took, digests not counted.
    pub sent: u64,
    /// Rows held back by a policy or by silence.
    pub suppressed: u64,
    /// Rows that went into digests.
    pub digested: u64,
    /// Rows that were put off.
    pub later: u64,
    /// Rows that cannot be sent.
    pub dead: u64,
    /// What waits after the run; `None` where the run ended early.
    pub waiting: Option<Waiting>,
    /// What stands in the way of the sink. Where nothing waits, nobody looks.
    pub breaker: Breaker,
    /// Why the sink's run ended early; the other sinks' did not.
    pub error: Option<StoreError>,
}

/// What waits for a sink.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Waiting {
    /// How many rows, up to the number that is read at a time.
    pub rows: usize,
    /// When the first of them was written.
    pub oldest: Option<Timestamp>,
}

/// Sends what waits for some sinks, by their names, and returns what became of it. Nothing is taken
/// any more shortly before the deadline, in milliseconds since 1970.
pub async fn drain<O, K, C, S>(
    delivery: &Delivery<'_, O, K, C>,
    sinks: &mut BTreeMap<String, S>,
    deadline: i64,
) -> BTreeMap<String, Drained>
where
    O: Campaigns + Outbox + ClusterReader + KeyUsageStore,
    K: KeyDirectory,
    C: Clock,
    S: Sink,
{
    let message_builder = &MessageBuilder::new(delivery);
    let runs = sinks.iter_mut().map(|(name, sink)| async move {
        let mut sink_run = SinkRun::new(delivery, message_builder, name, sink, deadline);
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
