//! Stores the decision that a person makes about a cluster in a dashboard.
//!
//! CloudWatch calls the function with the permissions of the person who looks at the dashboard, but does not send who
//! that is. So the journal has the name that the person types, and the names of the dashboard and its account. The
//! permission to invoke the function decides who may make decisions.

use alerts::terms;
use clusters::journal::{self, JournalEntry, REASON_CHARS_MAX};
use clusters::triage::{Decision, Triage};
use records::redact::sanitize;
use records::time::Timestamp;
use view::dashboard::call::no_decision;

use crate::ports::{
    ClusterReader, HourReader, KeyAnswers, SentLog, StoreError, TriageStore, VersionedTriage,
};
use crate::widget::request::{Context, DecisionRequest, OfferedDecision};
use crate::widget::{Now, View, WidgetHandler};

alerts::words! {
    /// The sentences about the result of a decision.
    struct DecidingWords {
        turned_off: "Decisions are turned off in this dashboard.", "此仪表板已关闭决定功能。";
        no_reason: "Nothing was saved: enter a reason, then choose again. The reason is kept in the history of the cluster.", "未保存：请填写原因后重新选择。原因会记入聚类的历史。";
        nothing_to_undo: "There is no decision to undo.", "没有可撤销的决定。";
        slower: "This cluster has been changed since you opened it. Your change was not saved; this is the current state.", "打开页面后，该聚类已被他人更改。您的更改未保存；当前显示的是最新状态。";
        done: "Done: {decision}.", "已完成：{decision}。";
    }
}

impl<S: ClusterReader + HourReader + KeyAnswers + TriageStore + SentLog> WidgetHandler<'_, S> {
    /// Stores the decision of a person about a cluster, and returns the page of the cluster with a notice about the
    /// result. Nothing is stored for a sensitive call, and without a reason.
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
            return Ok(self.unknown_cluster(cluster));
        };
        let language = self.frame().locale.language;
        let words = DecidingWords::of(language);
        let reason = sanitize(&request.reason, REASON_CHARS_MAX);
        let notice = match self.setting.decides {
            _ if details.cluster.facts.is_sensitive_call() => no_decision(language).to_owned(),
            false => words.turned_off.to_owned(),
            true if reason.trim().is_empty() => words.no_reason.to_owned(),
            true => self.set(request, &mut now).await?,
        };
        self.open(cluster, now, View::Decided(&notice)).await
    }

    /// Sets or removes the triage, unless it was changed since the person saw it. Returns a sentence about the result.
    async fn set(&self, request: &DecisionRequest, now: &mut Now) -> Result<String, StoreError> {
        let (store, cluster) = (self.store, request.cluster);
        let locale = self.frame().locale;
        let words = DecidingWords::of(locale.language);
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
                None => return Ok(words.nothing_to_undo.to_owned()),
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
        let decision = match triage {
            Some(triage) => terms::decision(triage.decision, locale),
            None => terms::journal(entry.what, locale.language).to_owned(),
        };
        Ok(match is_set {
            false => words.slower.to_owned(),
            true => words.done.replace("{decision}", &decision),
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
