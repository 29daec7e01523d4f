//! Stores the decision that a person makes about a cluster in a dashboard.
//!
//! CloudWatch calls the function with the permissions of the person who looks at the dashboard, but does not send who
//! that is. So the journal has the name that the person types, and the names of the dashboard and its account. The
//! permission to invoke the function decides who may make decisions.

use clusters::journal::{self, JournalEntry};
use clusters::triage::{Decision, Triage};
use records::time::Timestamp;
use view::dashboard::call::NO_DECISION;

use crate::ports::{
    ClusterReader, HourReader, KeyAnswers, SentLog, StoreError, TriageStore, VersionedTriage,
};
use crate::widget::request::{Context, DecisionRequest, OfferedDecision};
use crate::widget::{Now, View, WidgetHandler};

impl<S: ClusterReader + HourReader + KeyAnswers + TriageStore + SentLog> WidgetHandler<'_, S> {
    /// Stores the decision of a person about a cluster, and returns the page of the cluster with a notice about the
    /// result. Nothing is stored for a sensitive call.
    ///
    /// # Errors
    /// [`StoreError`] if the store does not answer. It is safe to try again.
    pub async fn decide(
        &self,
        request: &DecisionRequest,
        mut now: Now,
    ) -> Result<String, StoreError> {
        let cluster = request.cluster;
        let mut details = self.store.cluster_details_of(&[cluster]).await?;
        let Some(details) = details.remove(&cluster) else {
            return Ok(self.unknown(cluster));
        };
        let notice = match self.setting.decides {
            _ if details.cluster.facts.is_sensitive_call() => NO_DECISION.to_owned(),
            true => self.set(request, &mut now).await?,
            false => "Decisions are turned off in this dashboard.".to_owned(),
        };
        self.open(cluster, now, View::Decided(&notice)).await
    }

    /// Sets or removes the triage, unless it was changed since the person saw it. Returns a sentence about the result.
    async fn set(&self, request: &DecisionRequest, now: &mut Now) -> Result<String, StoreError> {
        let (store, cluster) = (self.store, request.cluster);
        let VersionedTriage {
            triage: current, ..
        } = store.triage(cluster).await?;
        let noted = journal::episode(&store.journal(cluster).await?);
        let listed = now.listing.clusters.get(&cluster);
        let episode = listed.map_or(noted, |of| of.episode.max(noted));
        let (at, actor) = (self.setting.now, actor(request, self.context));
        let (triage, entry) = match decision(request.decision, at) {
            Some(decision) => {
                let triage = Triage::new(decision, &actor, &request.reason, at, episode);
                let entry = triage.made();
                (Some(triage), entry)
            }
            None => match current {
                None => return Ok("There is no decision to undo.".to_owned()),
                Some(current) => {
                    let about = format!("was {}", current.decision);
                    let what = current.decision.taken_back();
                    let entry = JournalEntry::of(what, at, episode).by(&actor, &request.reason);
                    (None, entry.about(&about))
                }
            },
        };
        let is_set = store.set_triage(cluster, triage.as_ref(), request.version, &entry);
        let is_set = is_set.await?;
        if let Some(said) = entry.what.said().filter(|_| is_set) {
            now.listing.decide(cluster, at, said);
        }
        Ok(match (is_set, triage) {
            (false, _) => {
                "This cluster has been changed since you opened it. Your change was not saved; this is the \
                 current state."
                    .to_owned()
            }
            (true, Some(triage)) => format!("Done: {}.", triage.decision),
            (true, None) => format!("Done: {}, {}.", entry.what.name(), entry.detail),
        })
    }
}

/// Returns the decision that starts at `at`; `None` if an earlier decision is undone.
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

/// Returns the name of the person who decides, with the dashboard and its account, as far as they are known.
fn actor(request: &DecisionRequest, context: &Context) -> String {
    let dashboard = match context.dashboard.as_str() {
        "" => "a dashboard".to_owned(),
        name => format!("dashboard {name}"),
    };
    let place = match context.account_id.as_str() {
        "" => dashboard,
        account_id => format!("{dashboard} of {account_id}"),
    };
    match request.who.as_str() {
        "" => place,
        who => format!("{who} at {place}"),
    }
}
