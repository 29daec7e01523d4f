//! The incidents of the report, each as a card.

use std::collections::BTreeMap;

use clusters::fingerprint::ClusterId;
use clusters::incident::Incident;
use maud::{Markup, html};

use super::{CARDS_MAX, Contents, Report};
use crate::card::badge;
use crate::{fill, incident, more, plural, shown, span, story};

/// The maximum number of incidents in the report.
const INCIDENTS_MAX: usize = 50;

/// The maximum number of clusters and sensitive calls that an incident is linked to.
const LINKS_MAX: usize = 20;

/// The anchor and the name of each card on the page.
type Cards = BTreeMap<ClusterId, (String, Markup)>;

impl Report<'_> {
    /// Returns the section of incidents; empty if there is none.
    pub(super) fn incident_cards(&self, contents: &Contents) -> Markup {
        let words = self.words();
        let failing = contents.failing.iter().take(CARDS_MAX);
        let mut cards: Cards = failing
            .map(|one| {
                (
                    one.cluster.id,
                    (one.anchor(), one.what(self.locale.language)),
                )
            })
            .collect();
        cards.extend(contents.calls.iter().map(|one| {
            let what = one.what(self.locale.language);
            (one.call.id, (one.anchor(), what))
        }));
        html! {
            @if !self.incidents.is_empty() {
                section aria-labelledby="incidents" {
                    h2 id="incidents" { (words.incidents) }
                    p.note { (words.incidents_note) }
                    @for incident in self.incidents.iter().take(INCIDENTS_MAX) {
                        (self.incident_card(incident, &cards))
                    }
                    (more(self.incidents.len(), INCIDENTS_MAX, self.locale.language))
                }
            }
        }
    }

    fn incident_card(&self, incident: &Incident, cards: &Cards) -> Markup {
        let (words, locale) = (self.words(), self.locale);
        let language = locale.language;
        let severity = incident::severity(incident.severity);
        let account = html! { bdi.nowrap { (shown(&incident.actor.account_id)) } };
        html! {
            article.card id={ "i-" (incident.id.text()) } {
                h3 { (badge(severity, language)) " " bdi { (incident::who(&incident.actor, language)) } }
                p.meta {
                    strong { (plural(incident.steps_count as u64, words.one_step, words.step_count)) }
                    " · " (incident::state(incident, language))
                    " · " (fill(words.account_of, &[("id", account)]))
                    " · " (span(incident::span(incident), locale))
                }
                p { (incident::reason(incident, language)) }
                dl.facts {
                    dt { (words.steps) } dd { (incident::steps(incident, language)) }
                    @for (title, line) in incident::stays(&incident.ledger, locale) {
                        dt { (title) } dd { bdi { (line) } }
                    }
                    (story::sources(incident, locale))
                }
                details { summary { (words.what_to_do) } (story::what_to_do(incident, locale)) }
                details { summary { (words.steps_in_order) } (story::steps(incident, locale)) }
                details { summary { (words.left_behind) } (story::left_behind(&incident.ledger, locale)) }
                details { summary { (words.members) } (story::members(incident, locale)) }
                details { summary { (words.evidence) } (story::evidence(incident, locale)) }
                (self.incident_links(incident, cards))
                @let id = html! { code.copy { (incident.id.text()) } };
                p.id { (fill(words.incident_id, &[("id", id)])) }
            }
        }
    }

    /// Returns links to the cards of the clusters and sensitive calls of an incident.
    fn incident_links(&self, incident: &Incident, cards: &Cards) -> Markup {
        let linked = incident.clusters.iter().filter_map(|id| cards.get(id));
        let linked: Vec<&(String, Markup)> = linked.collect();
        let count = linked.len().min(LINKS_MAX);
        html! {
            @if !linked.is_empty() {
                details {
                    summary { (self.words().its_clusters) }
                    ul.objects {
                        @for (anchor, name) in linked.iter().take(count) {
                            li { a href={ "#" (anchor) } { (name) } }
                        }
                    }
                    (more(incident.clusters.len(), count, self.locale.language))
                }
            }
        }
    }
}
