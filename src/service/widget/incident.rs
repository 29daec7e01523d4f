//! The page of one incident. All its data are in the state, so the store is not asked.

use std::sync::Arc;

use clusters::caller::CallerId;
use clusters::class::Class;
use clusters::incident::actor::{Actor, ActorKind};
use view::dashboard::cluster::ClusterPage;
use view::dashboard::incident::IncidentPage;
use view::json::{IncidentShape, export_incident};

use crate::widget::unknown::UnknownWords;
use crate::widget::{Now, WidgetHandler};

impl<S> WidgetHandler<'_, S> {
    /// Returns the page of an incident in HTML; `None` if there is no incident with this id.
    pub(super) fn incident(&self, id: &str, now: &Now, is_in_widget: bool) -> Option<String> {
        let incident = now.incidents.iter().find(|of| of.id.text() == id)?;
        let ids = incident.clusters.iter();
        let subject = |id| {
            let subject = Arc::clone(now.listing.subject(id)?);
            let listed = now.listing.clusters.get(&id);
            Some((subject, listed.and_then(|of| of.code.clone())))
        };
        let page = IncidentPage {
            frame: self.frame(),
            incident,
            caller: caller(&incident.actor, now),
            subjects: &ids.filter_map(|id| Some((*id, subject(*id)?))).collect(),
            is_in_widget,
        };
        Some(page.html())
    }

    /// Returns the page of an incident in HTML, or a sentence that there is none.
    pub(super) fn open_incident(&self, id: &str, now: &Now) -> String {
        let page = self.incident(id, now, false);
        page.unwrap_or_else(|| self.no_incident(id))
    }

    /// Returns an HTML page that shows an incident as JSON, to be copied.
    pub(super) fn export_incident(&self, id: &str, now: &Now) -> String {
        let Some(incident) = now.incidents.iter().find(|of| of.id.text() == id) else {
            return self.no_incident(id);
        };
        let is_call = |id| {
            let subject = now.listing.subject(id);
            subject.is_some_and(|of| of.class == Class::Watch)
        };
        let json = export_incident(&IncidentShape::of(incident, is_call), None);
        ClusterPage::export(self.frame(), &json)
    }

    fn no_incident(&self, id: &str) -> String {
        let words = UnknownWords::of(self.frame().locale.language);
        self.unknown(&words.incident.replace("{id}", id))
    }
}

/// Returns the name of the caller in the lists that an actor is. The actor of a user has the name alone, its caller the ARN.
fn caller<'n>(actor: &'n Actor, now: &'n Now) -> Option<&'n str> {
    let Actor {
        account_id,
        kind,
        name,
    } = actor;
    let user = format!("/{name}");
    let is_actor = |caller: &&str| {
        *caller == name
            || *kind == ActorKind::User && caller.contains(":user/") && caller.ends_with(&user)
    };
    let clusters = now.listing.clusters.values();
    let clusters = clusters.map(|of| (&of.subject, of.caller.as_deref().unwrap_or_default()));
    let calls = now.listing.calls.values();
    let calls = calls.map(|of| (&of.subject, of.caller.as_str()));
    let listed = clusters.chain(calls);
    let listed = listed.filter(|(subject, _)| subject.account_id == *account_id);
    let mut listed = listed.map(|(_, caller)| caller).filter(is_actor);
    listed.next().or_else(|| {
        let id = CallerId::of(account_id, name);
        (!now.listing.clusters_of(id).is_empty()).then_some(name)
    })
}
