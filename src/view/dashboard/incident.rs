//! Incidents in the dashboard: the section on top of the list, and the page of one incident.

use std::collections::BTreeMap;
use std::sync::Arc;

use alerts::words;
use clusters::fingerprint::{ClusterId, ClusterSubject};
use clusters::incident::Incident;
use maud::{Markup, html};
use records::time::Timestamp;
use serde_json::json;

use super::parts::{account_link, back, call_name, caller_link, incident_link};
use super::{ClickTarget, Frame, failed};
use crate::card::badge;
use crate::incident::{matches, reason, severity, span, state, stays, steps, who};
use crate::listing::ListQuery;
use crate::{fill, moment, more, number, plural, story};

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
    /// The name of the caller that the actor is; `None` if no list has it, or if the actor is no caller, such as a network.
    pub caller: Option<&'a str>,
    /// The subjects of its clusters and sensitive calls with their error codes as the services spelled them, by id. Some may
    /// be missing.
    pub subjects: &'a BTreeMap<ClusterId, (Arc<ClusterSubject>, Option<String>)>,
    /// Whether the page is shown in place of the list, with a button that leads back.
    pub is_in_widget: bool,
}

words! {
    /// The words for incidents in the dashboard.
    struct IncidentWords {
        title: "Incidents", "安全事件";
        one: "1 incident: what one actor did, with evidence of an attack.", "1 起安全事件：单个操作者的行为，附攻击依据。";
        many: "{count} incidents: what one actor did, with evidence of an attack.",
            "{count} 起安全事件：单个操作者的行为，附攻击依据。";
        severity: "Severity", "级别";
        who_and_what: "Who and what", "操作者与行为";
        behind: "What stays behind", "遗留影响";
        account: "Account", "账号";
        actor: "Caller", "调用者";
        since: "Since ({zone})", "开始（{zone}）";
        last: "Last ({zone})", "最近（{zone}）";
        incident: "Incident ", "安全事件 ";
        colon: ": ", "：";
        seen: "Seen ({zone})", "出现时间（{zone}）";
        from_to: "{from} to {to}", "{from} 至 {to}";
        steps: "Steps", "步骤";
        events: "Events", "事件数";
        id: "ID", "编号";
        to_do: "What to do now, in this order", "现在要做的（按顺序）";
        in_order: "Steps, in their order", "步骤（按时间顺序）";
        members: "Who acted, and by which proof", "身份与依据";
        evidence: "Evidence", "判断依据";
        clusters: "Clusters and sensitive calls", "聚类与敏感操作";
        more: "More", "更多";
    }
}

/// Returns the section with the incidents that match a query; empty if there are none.
pub(super) fn section(frame: &Frame<'_>, incidents: &[Incident], query: &ListQuery) -> Markup {
    let words = IncidentWords::of(frame.locale.language);
    let zone = || html! { (frame.locale.zone_name()) };
    let found: Vec<&Incident> = incidents.iter().filter(|of| matches(of, query)).collect();
    html! {
        @if !found.is_empty() {
            h3 { (words.title) }
            p.said { (plural(found.len() as u64, words.one, words.many)) }
            table.incidents {
                thead { tr {
                    th.severity scope="col" { (words.severity) }
                    th.what scope="col" { (words.who_and_what) }
                    th.behind scope="col" { (words.behind) }
                    th.account scope="col" { (words.account) }
                    th.began scope="col" { (fill(words.since, &[("zone", zone())])) }
                    th.last scope="col" { (fill(words.last, &[("zone", zone())])) }
                } }
                tbody { @for of in found.iter().take(ROWS_MAX) { (row(frame, of)) } }
            }
            (more(found.len(), ROWS_MAX, frame.locale.language))
        }
    }
}

fn row(frame: &Frame<'_>, incident: &Incident) -> Markup {
    let (words, language) = (
        IncidentWords::of(frame.locale.language),
        frame.locale.language,
    );
    let span = span(incident);
    html! {
        tr {
            td.severity {
                (badge(severity(incident.severity), language)) " " span.mark { (state(incident, language)) }
            }
            th.what scope="row" {
                a.open { bdi { (who(&incident.actor, language)) } }
                (frame.call(ClickTarget::Popup, &incident_link(&incident.id), None))
                div.message { (reason(incident, language)) " " (steps(incident, language)) }
            }
            td.behind {
                @for (title, line) in stays(&incident.ledger, frame.locale) {
                    div { (title) (words.colon) bdi { (line) } }
                }
            }
            td.account { (account_link(frame, &incident.actor.account_id)) }
            td.began { (moment(span.first_seen, frame.locale)) }
            td.last { (moment(span.last_seen, frame.locale)) }
        }
    }
}

impl IncidentPage<'_> {
    fn words(&self) -> &'static IncidentWords {
        IncidentWords::of(self.frame.locale.language)
    }

    /// Returns the page of an incident as HTML.
    pub fn html(&self) -> String {
        let (incident, words, locale) = (self.incident, self.words(), self.frame.locale);
        let language = locale.language;
        let content = html! {
            (back(&self.frame, self.is_in_widget))
            h2 { bdi { (who(&incident.actor, language)) } }
            p {
                (words.incident) (badge(severity(incident.severity), language)) " "
                span.mark { (state(incident, language)) }
            }
            p { (reason(incident, language)) }
            dl.facts {
                (self.actor())
                dt { (words.account) } dd { (account_link(&self.frame, &incident.actor.account_id)) }
                dt { (fill(words.seen, &[("zone", html! { (locale.zone_name()) })])) }
                dd { (self.seen()) }
                dt { (words.steps) } dd { (steps(incident, language)) }
                dt { (words.events) } dd { (number(incident.events)) }
                (story::sources(incident, locale))
                dt { (words.id) } dd { code.copy { (incident.id.text()) } }
            }
            h3 { (words.to_do) }
            (story::what_to_do(incident, locale))
            h3 { (words.in_order) }
            (story::steps(incident, locale))
            h3 { (words.behind) }
            (story::left_behind(&incident.ledger, locale))
            h3 { (words.members) }
            (story::members(incident, locale))
            h3 { (words.evidence) }
            (story::evidence(incident, locale))
            (self.clusters())
            h3 { (words.more) }
            p.acts {
                a.btn { "JSON" }
                (self.frame.call(ClickTarget::Popup, &json!({"incident": incident.id.text(), "export": true}), None))
            }
        };
        self.frame.page(&content)
    }

    /// Returns the link to the page with all that the actor did; empty without such a page.
    fn actor(&self) -> Markup {
        html! {
            @if let Some(caller) = self.caller {
                dt { (self.words().actor) }
                dd { (caller_link(&self.frame, &self.incident.actor.account_id, caller)) }
            }
        }
    }

    /// Returns the time of the first and of the last event, to the second.
    fn seen(&self) -> Markup {
        let second =
            |at: Timestamp| html! { time datetime=(at) { (self.frame.locale.second(at)) } };
        let (from, to) = (second(self.incident.began), second(self.incident.last));
        fill(self.words().from_to, &[("from", from), ("to", to)])
    }

    fn clusters(&self) -> Markup {
        let known = self.incident.clusters.iter();
        let known = known.filter_map(|id| Some((*id, self.subjects.get(id)?)));
        let known: Vec<_> = known.collect();
        let (all, listed) = (self.incident.clusters.len(), known.len().min(CLUSTERS_MAX));
        html! {
            @if !known.is_empty() {
                h3 { (self.words().clusters) }
                ul.objects {
                    @for (id, (subject, code)) in known.iter().take(CLUSTERS_MAX) {
                        li {
                            a.open { bdi.call { (call_name(subject)) } " " bdi.code { (failed(&self.frame, subject, code.as_deref())) } }
                            (self.frame.call(ClickTarget::Popup, &json!({"cluster": id.to_string()}), None))
                        }
                    }
                }
                (more(all, listed, self.frame.locale.language))
            }
        }
    }
}
