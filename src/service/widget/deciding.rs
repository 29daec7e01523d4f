//! What somebody decides about a cluster at a dashboard.
//!
//! CloudWatch calls the function with the permissions of whoever looks, and does not say who that is: the
//! journal has what they say themselves, the dashboard and the account that it names. Whether anybody may
//! decide anything is up to who may invoke the function.

use clusters::journal::{self, JournalEntry};
use clusters::triage::{Decision, Triage};
use records::time::Timestamp;

use crate::ports::{
    ClusterReader, HourReader, KeyAnswers, SentLog, StoreError, TriageStore, VersionedTriage,
};
use crate::widget::request::{Context, DecisionRequest, OfferedDecision};
use crate::widget::{Now, WidgetHandler};

impl<S: ClusterReader + HourReader + KeyAnswers + TriageStore + SentLog> WidgetHandler<'_, S> {
    /// Decides, and returns the page of the cluster with what came of that.
    pub async fn decide(
        &self,
        deciding: &DecisionRequest,
        mut now: Now,
    ) -> Result<String, StoreError> {
        let cluster = deciding.cluster;
        if self.store.cluster_details_of(&[cluster]).await?.is_empty() {
            return Ok(self.unknown(cluster));
        }
        let notice = match self.setting.decides {
            true => self.set(deciding, &mut now).await?,
            false => "Decisions are turned off in this dashboard.".to_owned(),
        };
        self.open(cluster, now, Some(&notice)).await
    }

    /// Sets the triage, if nobody has changed it since the person saw it, and says what came of it.
    async fn set(&self, deciding: &DecisionRequest, now: &mut Now) -> Result<String, StoreError> {
        let (store, cluster) = (self.store, deciding.cluster);
        let VersionedTriage { triage: known, .. } = store.triage(cluster).await?;
        let noted = journal::episode(&store.journal(cluster).await?);
        let listed = now.listing.clusters.get(&cluster);
        let episode = listed.map_or(noted, |of| of.episode.max(noted));
        let (at, actor) = (self.setting.now, actor(deciding, self.context));
        let (triage, entry) = match decision(deciding.decision, at) {
            Some(decision) => {
                let triage = Triage::new(decision, &actor, &deciding.reason, at, episode);
                let entry = triage.made();
                (Some(triage), entry)
            }
            None => match known {
                None => return Ok("There is no decision to undo.".to_owned()),
                Some(known) => {
                    let about = format!("was {}", known.decision);
                    let what = known.decision.taken_back();
                    let entry = JournalEntry::of(what, at, episode).by(&actor, &deciding.reason);
                    (None, entry.about(&about))
                }
            },
        };
        let is_set = store.set_triage(cluster, triage.as_ref(), deciding.version, &entry);
        let is_set = is_set.await?;
        if let Some(said) = entry.what.said().filter(|_| is_set) {
            now.listing.decide(cluster, at, said);
        }
        Ok(match (is_set, triage) {
            (false, _) => {
                "Somebody else has changed this cluster in the meantime. Your change was not saved; this is the \
                           current state."
                    .to_owned()
            }
            (true, Some(triage)) => format!("Done: {}.", triage.decision),
            (true, None) => format!("Done: {}, {}.", entry.what.name(), entry.detail),
        })
    }
}

/// Returns what is decided at a moment; `None` where something is taken back.
fn decision(decision: OfferedDecision, at: Timestamp) -> Option<Decision> {
    Some(match decision {
        OfferedDecision::Acknowledge => Decision::Acknowledged,
        OfferedDecision::Mute(seconds) => Decision::Muted {
            until: at.plus(seconds),
        },
        OfferedDecision::Expect => Decision::Expected,
        OfferedDecision::Resolve => Decision::Resolved,
        OfferedDecision::TakeBack => return None,
    })
}

/// Returns who decides, as far as that is told.
fn actor(deciding: &DecisionRequest, context: &Context) -> String {
    let dashboard = match context.dashboard.as_str() {
        "" => "a dashboard".to_owned(),
        name => format!("dashboard {name}"),
    };
    let place = match context.account_id.as_str() {
        "" => dashboard,
        account_id => format!("{dashboard} of {account_id}"),
    };
    match deciding.who.as_str() {
        "" => place,
        who => format!("{who} at {place}"),
    }
}
