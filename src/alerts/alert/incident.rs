//! Creates the alerts about incidents.

use std::collections::BTreeSet;

use clusters::incident::Incident;
use clusters::incident::life::{IncidentAlert, IncidentId, SentAlert};
use clusters::report::FURTHER_WORKSPACE;
use records::time::Timestamp;

use crate::alert::{Alert, AlertSubject};
use crate::facts::Facts;
use crate::facts::incident::IncidentFacts;

impl Alert {
    /// Creates the alert that is due about an incident, and for each incident that turned out to be a part of it since
    /// the alert before, the alert that closes the fault of that one. Empty if no alert is due.
    ///
    /// `before` are the alerts that were decided before, also those about other incidents. `now` is the time when the
    /// alert was decided. The first alerts about an incident have the time of its last event, and the alert that it is over
    /// has the time until which it took in events.
    pub fn of_incident(
        incident: &Incident,
        before: &BTreeSet<SentAlert>,
        now: Timestamp,
    ) -> Vec<Self> {
        let Some(due) = &incident.due else {
            return Vec::new();
        };
        let is_own = |of: &&SentAlert| of.incident == due.incident && of.number < due.number;
        // The set is sorted by incident, then by number.
        let own: Vec<&SentAlert> = before.iter().filter(is_own).collect();
        let facts = IncidentFacts::of(due, incident, &own);
        let at = match due.alert {
            IncidentAlert::Opened | IncidentAlert::Grew => incident.last,
            IncidentAlert::Closed => incident.until,
        };
        let alert = |facts| {
            let subject = AlertSubject::of_account(&due.actor.account_id);
            let facts = Facts::Incident(Box::new(facts));
            Self::new(subject, facts, Some(at), now)
        };
        let is_told = |id: &&IncidentId| own.iter().any(|of| of.merged.contains(*id));
        let is_closed = |id: &&IncidentId| {
            let mut of_younger = before.iter().filter(|of| of.incident == **id);
            of_younger
                .next_back()
                .is_some_and(|of| of.alert == IncidentAlert::Closed)
        };
        let merged = due.merged.iter();
        let merged = merged.filter(|id| !is_told(id) && !is_closed(id));
        let merged = merged.map(|id| alert(facts.merged(id)));
        let mut alerts: Vec<Self> = merged.collect();
        alerts.insert(0, alert(facts));
        alerts
    }

    /// Checks whether the alert is for a sink with this name. Only Guance has faults that can be closed, so only Guance gets
    /// an alert that an incident is a part of another one.
    pub fn is_for(&self, sink: &str) -> bool {
        let is_merged = matches!(&self.facts, Facts::Incident(of) if of.merged_into.is_some());
        !is_merged || sink == "guance" || sink.starts_with(FURTHER_WORKSPACE)
    }
}
