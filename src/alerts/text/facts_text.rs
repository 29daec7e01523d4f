//! Renders the facts of campaigns, escalations, recoveries, regressions and periods without events as text.

use clusters::fingerprint::ClusterId;
use clusters::short_policy;
use clusters::transition::{CircumstanceKind, NewCircumstance};
use records::time::{Timestamp, duration};

use crate::facts::{
    CampaignFacts, EscalationFacts, Facts, RecoveryFacts, Shape, SilenceFacts, Stage,
};
use crate::text::document::{Line, Piece, Pieces, fill, joined};
use crate::text::words::Words;
use crate::text::{Writer, api, code, events, item, own};

impl Writer<'_> {
    /// Returns the first sentence of a message about a campaign, a period without events (`no_data`), a
    /// summary, a sensitive call, or an escalation of an account; `None` for other facts.
    pub(super) fn facts_sentence(&self) -> Option<Pieces> {
        match self.facts {
            Facts::Campaign(of) => Some(self.campaign_sentence(of)),
            Facts::Silence(of) => Some(self.silence_sentence(of)),
            Facts::Summary(of) => Some(self.summary_sentence(of)),
            Facts::SensitiveCall(of) => Some(self.call_sentence(of)),
            Facts::NewCircumstance(of) => Some(self.circumstance_sentence(of)),
            Facts::Escalation(of) if self.message.alert.cluster().is_none() => {
                let sentence = match of.stage {
                    Stage::Ended => self.words.account_calmed,
                    Stage::Began | Stage::Grew(_) => self.words.account_escalating,
                };
                Some(fill(sentence, &[("account", self.account())]))
            }
            _ => None,
        }
    }

    fn campaign_sentence(&self, campaign: &CampaignFacts) -> Pieces {
        let words = self.words;
        let (sentence, times) = match campaign.stage {
            Stage::Began => (words.campaign, 1),
            Stage::Grew(times) => (words.campaign_grew, times),
            Stage::Ended => (words.campaign_ended, campaign.reached),
        };
        let values = [
            ("account", self.account()),
            ("about", vec![Piece::other(&campaign.actor)]),
            ("times", vec![Piece::strong(times)]),
        ];
        fill(sentence, &values)
    }

    fn circumstance_sentence(&self, new: &NewCircumstance) -> Pieces {
        let words = self.words;
        let cluster = self.message.cluster.as_ref();
        let unknown = || own("?");
        let mut values = vec![
            ("account", self.account()),
            ("code", cluster.map_or_else(unknown, code)),
            ("api", cluster.map_or_else(unknown, api)),
            ("what", own(circumstance(words, new.facet))),
            ("value", vec![Piece::other(&new.value)]),
        ];
        let Some(principal) = &new.principal else {
            return fill(words.new_circumstance, &values);
        };
        let name = cluster.map_or(principal.as_str(), |cluster| cluster.short_name(principal));
        values.push(("about", vec![Piece::other(name)]));
        fill(words.new_circumstance_of_caller, &values)
    }

    /// Returns lines with the usual values of a caller or a cluster, and what to do about a new one.
    fn circumstance_lines(&self, new: &NewCircumstance) -> Vec<Line> {
        let words = self.words;
        let usual = new.usual.shown.iter();
        let mut usual: Vec<Pieces> = usual.map(|value| vec![Piece::other(value)]).collect();
        if usual.is_empty() {
            usual.push(own(words.no_usual));
        }
        usual.extend(self.more(new.usual.total, new.usual.shown.len()));
        let hint = match new.principal {
            Some(_) => words.ask_caller,
            None => words.changed,
        };
        vec![
            item(words.usual, &[("values", joined(usual, words.comma))]),
            item(words.to_do, &[("hint", own(hint))]),
        ]
    }

    fn silence_sentence(&self, silence: &SilenceFacts) -> Pieces {
        let words = self.words;
        let what = match &silence.log_group {
            Some(name) => {
                let values = [
                    ("name", vec![Piece::other(name)]),
                    ("account", self.account()),
                ];
                fill(words.log_group, &values)
            }
            None => self.account(),
        };
        let sentence = match silence.stage {
            Stage::Ended => words.data_again,
            Stage::Began | Stage::Grew(_) => words.silent,
        };
        let lasted = duration(silence.until.seconds_since(silence.since));
        let values = [
            ("what", what),
            ("since", own(silence.since)),
            ("lasted", own(lasted)),
        ];
        fill(sentence, &values)
    }

    /// Returns the lines of the overview that show the numbers and times in the alert's facts. Empty for
    /// facts without such lines.
    pub(super) fn facts_lines(&self) -> Vec<Line> {
        let words = self.words;
        match self.facts {
            Facts::Campaign(of) => self.campaign_lines(of),
            Facts::Escalation(of) => vec![escalation(words, of)],
            Facts::Recovered(of) => vec![recovery(words, of)],
            Facts::Regressed(Some(of)) => {
                let quiet = i64::try_from(of.quiet_seconds).unwrap_or(i64::MAX);
                vec![item(words.regression, &[("quiet", own(duration(quiet)))])]
            }
            Facts::Silence(of) => self.silence_lines(of),
            Facts::SensitiveCall(of) => self.call_lines(of),
            Facts::NewCircumstance(of) => self.circumstance_lines(of),
            _ => Vec::new(),
        }
    }

    fn campaign_lines(&self, campaign: &CampaignFacts) -> Vec<Line> {
        let words = self.words;
        let times = [("from", own(campaign.began)), ("last", own(campaign.last))];
        let size = [
            ("events", vec![Piece::strong(campaign.events)]),
            ("clusters", vec![Piece::strong(campaign.clusters.total)]),
            ("items", vec![Piece::strong(campaign.items)]),
        ];
        let looks = [("shapes", shapes(words, &campaign.shapes))];
        let mut lines = vec![
            item(words.looks, &looks),
            item(words.campaign_times, &times),
            item(words.campaign_size, &size),
        ];
        let lasted = campaign.last.seconds_since(campaign.began);
        if lasted >= 60 {
            lines.push(item(words.lasted, &[("lasted", own(duration(lasted)))]));
        }
        lines
    }

    fn silence_lines(&self, silence: &SilenceFacts) -> Vec<Line> {
        let words = self.words;
        let times = [("from", own(silence.since)), ("until", own(silence.until))];
        if silence.stage == Stage::Ended {
            return vec![item(words.silence_ended, &times)];
        }
        let mut lines = vec![item(words.silence_began, &times), item(words.blind, &[])];
        if let Some(diagnosis) = &silence.diagnosis {
            let values = [
                ("name", vec![Piece::other(&diagnosis.name)]),
                ("sentence", vec![Piece::long(&diagnosis.sentence, 512)]),
            ];
            lines.push(item(words.diagnosis, &values));
        }
        lines
    }

    /// Returns lines with the failed calls of a campaign, and with advice for each of its shapes.
    pub(super) fn campaign_calls(&self, campaign: &CampaignFacts) -> Vec<Line> {
        let words = self.words;
        let calls = campaign.calls.shown.iter().take(SHOWN_MAX);
        let mut calls: Vec<Pieces> = calls.map(|call| vec![Piece::other(call)]).collect();
        if let Some(more) = self.more(campaign.calls.total, calls.len()) {
            calls.push(more);
        }
        let mut lines = Vec::new();
        if !calls.is_empty() {
            let calls = joined(calls, words.comma);
            let values = [("what", own(words.calls)), ("values", calls)];
            lines.push(item(words.by, &values));
        }
        let mut hints: Vec<&str> = campaign.shapes.iter().map(|of| hint(words, *of)).collect();
        hints.dedup();
        let hints = hints.into_iter().map(|hint| [("hint", own(hint))]);
        lines.extend(hints.map(|hint| item(words.to_do, &hint)));
        lines
    }

    /// Returns lines with the ids of a campaign's clusters, each with a link.
    pub(super) fn campaign_clusters(&self, campaign: &CampaignFacts) -> Vec<Line> {
        let words = self.words;
        let range = (campaign.began, campaign.last);
        let count = [("count", vec![Piece::strong(campaign.clusters.total)])];
        let mut lines = vec![Line::Paragraph(fill(words.list_clusters, &count))];
        let shown = campaign.clusters.shown.iter().take(SHOWN_MAX);
        lines.extend(shown.map(|cluster| {
            let mut pieces = own(*cluster);
            pieces.extend(self.link_to(*cluster, "", range));
            Line::Item(pieces)
        }));
        let shown = lines.len() - 1;
        lines.extend(self.more(campaign.clusters.total, shown).map(Line::Item));
        lines
    }

    /// Returns a comma and a link to the monitor events of a cluster in Guance, from `from` until `until`;
    /// empty if no link can be built.
    ///
    /// If Guance is not configured, the link leads to the errors of the API action `api` in CloudWatch Logs
    /// Insights.
    pub(super) fn link_to(
        &self,
        cluster: ClusterId,
        api: &str,
        (from, until): (Timestamp, Timestamp),
    ) -> Pieces {
        let links = &self.texts.links;
        let found = links.guance_cluster(cluster, from, until);
        let url = found.or_else(|| links.insights(api, from, until));
        let label = self.words.look_cluster;
        let link = url.map(|url| [Piece::own(self.words.comma), Piece::Link { label, url }]);
        link.into_iter().flatten().collect()
    }

    /// Returns the text "and … more" for a list that shows `shown` of `total` items; `None` if it shows
    /// all.
    pub(super) fn more(&self, total: u64, shown: usize) -> Option<Pieces> {
        let more = total.saturating_sub(shown as u64);
        (more > 0).then(|| fill(self.words.more, &[("count", own(more))]))
    }
}

/// The largest number of shown calls, and of shown clusters, of a campaign.
const SHOWN_MAX: usize = 20;

/// Returns the descriptions of the shapes of a campaign, joined with semicolons. A shape is the pattern
/// that makes failures a campaign.
fn shapes<'s>(words: &Words, shapes: impl IntoIterator<Item = &'s Shape>) -> Pieces {
    let shape = |shape: &Shape| match shape {
        Shape::Breadth => own(words.breadth),
        Shape::Depth => own(words.depth),
        Shape::Spread => own(words.spread),
        Shape::Widespread => own(words.widespread),
        Shape::BruteForce => own(words.brute_force),
        Shape::Spraying => own(words.spraying),
    };
    joined(shapes.into_iter().map(shape).collect(), words.semicolon)
}

/// Returns the name of a kind of circumstance in the language of the message.
pub(super) fn circumstance(words: &Words, kind: CircumstanceKind) -> &'static str {
    match kind {
        CircumstanceKind::Network => words.network,
        CircumstanceKind::Region => words.region,
        CircumstanceKind::AccessKey => words.access_key_id,
        CircumstanceKind::Layer => words.layer,
        CircumstanceKind::Policy => words.policy,
    }
}

/// Returns a new value in a short form for a title: the name of a policy without the rest of its ARN.
pub(super) fn short_value<'n>(new: &'n NewCircumstance, account_id: &str) -> &'n str {
    match new.facet {
        CircumstanceKind::Policy => short_policy(&new.value, account_id),
        _ => &new.value,
    }
}

fn hint(words: &Words, shape: Shape) -> &'static str {
    match shape {
        Shape::Breadth | Shape::Depth | Shape::Spread => words.probing,
        Shape::Widespread => words.changed,
        Shape::BruteForce | Shape::Spraying => words.guessing,
    }
}

fn escalation(words: &Words, escalation: &EscalationFacts) -> Line {
    let sentence = match escalation.stage {
        Stage::Ended => words.escalation_ended,
        Stage::Began | Stage::Grew(_) => words.escalation_began,
    };
    let values = [
        ("from", own(escalation.from)),
        ("until", own(escalation.until)),
        ("peak", vec![Piece::strong(escalation.peak)]),
        ("limit", vec![Piece::strong(escalation.limit)]),
    ];
    item(sentence, &values)
}

fn recovery(words: &Words, recovery: &RecoveryFacts) -> Line {
    let lasted = i64::try_from(recovery.fault_seconds).unwrap_or(i64::MAX);
    let values = [
        ("lasted", own(duration(lasted))),
        ("from", own(recovery.fault_start)),
        (
            "until",
            own(recovery.last().unwrap_or(recovery.fault_start)),
        ),
        ("events", vec![Piece::strong(events(words, recovery.count))]),
    ];
    item(words.recovery, &values)
}
