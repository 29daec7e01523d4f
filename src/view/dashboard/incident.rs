//! Incidents in the dashboard: the section on top of the list, and the page of one incident.

use std::collections::BTreeMap;
use std::sync::Arc;

use clusters::fingerprint::{ClusterId, ClusterSubject};
use clusters::incident::Incident;
use maud::{Markup, html};
use serde_json::json;

use super::parts::{back, call_name, incident_link};
use super::{ClickTarget, Frame};
use crate::incident::{matches, second, severity, span, state, stays, steps, who};
use crate::listing::ListQuery;
use crate::{counted, more, number, shown, story};

/// The maximum number of incidents in the section.
const ROWS_MAX: usize = 10;

/// The maximum number of clusters and sensitive calls on the page of an incident.
const CLUSTERS_MAX: usize = 30;

/// All data that the page of one incident shows.
#[derive(Debug)]
pub struct IncidentPage<'a> {
    /// The settings that all pages of the widget share.
    pub frame: Frame<'a>,
    /// The incident.
    pub incident: &'a Incident,
    /// The subjects of its clusters and sensitive calls, by id. Some may be missing.
    pub subjects: &'a BTreeMap<ClusterId, Arc<ClusterSubject>>,
    /// Whether the page is shown in place of the list, with a button that leads back.
    pub is_in_widget: bool,
}

/// Returns the section with the incidents that match a query; empty if there are none.
pub(super) fn section(frame: &Frame<'_>, incidents: &[Incident], query: &ListQuery) -> Markup {
    let found: Vec<&Incident> = incidents.iter().filter(|of| matches(of, query)).collect();
    html! {
        @if !found.is_empty() {
            h3 { "Incidents" }
            p.said { (counted(found.len() as u64, "incident")) ": what one actor did, with evidence of an attack." }
            table.incidents {
                thead { tr {
                    th.severity scope="col" { "Severity" }
                    th.what scope="col" { "Who and what" }
                    th.behind scope="col" { "What stays behind" }
                    th.account scope="col" { "Account" }
                    th.began scope="col" { "Since (UTC)" }
                    th.last scope="col" { "Last (UTC)" }
                } }
                tbody { @for of in found.iter().take(ROWS_MAX) { (row(frame, of)) } }
            }
            (more(found.len(), ROWS_MAX))
            h3 { "Calls and clusters" }
        }
    }
}

fn row(frame: &Frame<'_>, incident: &Incident) -> Markup {
    let severity = severity(incident.severity).name();
    let span = span(incident);
    html! {
        tr {
            td.severity {
                span.badge.(severity) { (severity) } " " span.mark { (state(incident)) }
            }
            th.what scope="row" {
                a.open { bdi { (who(&incident.actor)) } }
                (frame.call(ClickTarget::Popup, &incident_link(&incident.id), None))
                div.message { (incident.severity_reason) " " (steps(incident)) }
            }
            td.behind {
                @for (title, line) in stays(&incident.ledger) { div { (title) ": " bdi { (line) } } }
            }
            td.account { (frame.account(&incident.actor.account_id)) }
            td.began { (crate::minute(span.first_seen)) }
            td.last { (crate::minute(span.last_seen)) }
        }
    }
}

impl IncidentPage<'_> {
    /// Returns the page of an incident as HTML.
    pub fn html(&self) -> String {
        let incident = self.incident;
        let severity = severity(incident.severity).name();
        let content = html! {
            (back(&self.frame, self.is_in_widget))
            h2 { bdi { (who(&incident.actor)) } }
            p { "Incident " span.badge.(severity) { (severity) } " " span.mark { (state(incident)) } }
            p { (incident.severity_reason) }
            dl.facts {
                dt { "account" } dd { (self.frame.account(&incident.actor.account_id)) }
                dt { "seen (UTC)" } dd { (second(incident.began)) " to " (second(incident.last)) }
                dt { "steps" } dd { (steps(incident)) }
                dt { "events" } dd { (number(incident.events)) }
                (story::sources(incident))
                dt { "id" } dd { code.copy { (incident.id.text()) } }
            }
            h3 { "What to do now, in this order" }
            (story::what_to_do(incident))
            h3 { "Steps, in their order" }
            (story::steps(incident))
            h3 { "What stays behind" }
            (story::left_behind(&incident.ledger))
            h3 { "Who acted, and by which proof" }
            (story::members(incident))
            h3 { "Evidence" }
            (story::evidence(incident))
            (self.clusters())
            h3 { "More" }
            p.acts {
                a.btn { "JSON" }
                (self.frame.call(ClickTarget::Popup, &json!({"incident": incident.id.text(), "export": true}), None))
            }
        };
        self.frame.page(&content)
    }

    fn clusters(&self) -> Markup {
        let known = self.incident.clusters.iter();
        let known: Vec<(ClusterId, &ClusterSubject)> = known
            .filter_map(|id| Some((*id, &**self.subjects.get(id)?)))
            .collect();
        html! {
            @if !known.is_empty() {
                h3 { "Clusters and sensitive calls" }
                ul.objects {
                    @for (id, subject) in known.iter().take(CLUSTERS_MAX) {
                        li {
                            a.open { bdi.call { (call_name(subject)) } " " bdi.code { (shown(&subject.code)) } }
                            (self.frame.call(ClickTarget::Popup, &json!({"cluster": id.to_string()}), None))
                        }
                    }
                }
                (more(self.incident.clusters.len(), known.len().min(CLUSTERS_MAX)))
            }
        }
    }
}
