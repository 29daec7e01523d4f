//! Renders the facts of campaigns, escalations, recoveries, regressions and periods without events as text.

use clusters::class::Class;
use clusters::fingerprint::ClusterId;
use clusters::transition::{CircumstanceKind, NewAccount, NewCircumstance};
use clusters::{short_name, short_policy};
use records::time::Timestamp;

use crate::facts::{
    CampaignFacts, CanaryUse, DiagnosisFacts, DigestFacts, EscalationFacts, Facts, KeyFacts,
    LearningEndFacts, NEVER_ANY_DATA, RecoveryFacts, Shape, SilenceFacts, Stage,
};
use crate::locale::Language;
use crate::terms;
use crate::text::document::{Line, Piece, Pieces, fill, joined};
use crate::text::words::Words;
use crate::text::{Writer, api, events, item, own, term};

impl Writer<'_> {
    /// Returns the first sentence of a message about a campaign, a period without events (`no_data`), a
    /// summary, a sensitive call, a drill, or an escalation of an account; `None` for other facts.
    pub(super) fn facts_sentence(&self) -> Option<Pieces> {
        match self.facts {
            Facts::Campaign(of) => Some(self.campaign_sentence(of)),
            Facts::Silence(of) => Some(self.silence_sentence(of)),
            Facts::Summary(of) => Some(self.summary_sentence(of)),
            Facts::SensitiveCall(of) => Some(self.call_sentence(of)),
            Facts::NewCircumstance(of) => Some(self.circumstance_sentence(of)),
            Facts::Drill(_) => Some(own(self.words.drill)),
            Facts::DrillFailed(of) => Some(self.drill_failure(of)),
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
            ("code", cluster.map_or_else(unknown, |of| self.code(of))),
            ("api", cluster.map_or_else(unknown, api)),
            ("what", own(circumstance(words, new.facet))),
            ("value", self.circumstance_value(new, &new.value)),
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
        let mut usual: Vec<Pieces> = usual
            .map(|value| self.circumstance_value(new, value))
            .collect();
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

    fn circumstance_value(&self, new: &NewCircumstance, value: &str) -> Pieces {
        match new.facet {
            CircumstanceKind::Layer => term(value, self.texts.locale.language, terms::layer),
            _ => vec![Piece::other(value)],
        }
    }

    /// Returns lines with the first event of an account, and what to do about a new account.
    fn new_account_lines(&self, new: &NewAccount) -> Vec<Line> {
        let words = self.words;
        let mut lines = Vec::new();
        if let Some(at) = self.message.alert.at {
            let time = ("time", self.time(at));
            let caller = new.principal.as_deref();
            let account_id = self.message.alert.account_id();
            let caller = caller.map_or_else(Vec::new, |name| {
                let name = vec![Piece::other(short_name(name, account_id))];
                fill(words.by_caller, &[("caller", name)])
            });
            lines.push(match (&new.service, &new.action) {
                (Some(service), Some(action)) => {
                    let api = vec![Piece::other(&format!("{service}:{action}"))];
                    item(words.first_event, &[("api", api), ("caller", caller), time])
                }
                _ => item(words.first_event_time, &[time]),
            });
        }
        lines.push(item(words.to_do, &[("hint", own(words.check_account))]));
        lines
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
        let sentence = match (silence.stage, silence.never_had_any()) {
            (Stage::Ended, false) => words.data_again,
            (Stage::Ended, true) => words.first_data,
            (Stage::Began | Stage::Grew(_), false) => words.silent,
            (Stage::Began | Stage::Grew(_), true) => words.never_any_data,
        };
        let lasted = self.lasted(silence.until.seconds_since(silence.since));
        let values = [
            ("what", what),
            ("since", self.time(silence.since)),
            ("lasted", lasted),
        ];
        fill(sentence, &values)
    }

    /// Returns the lines of the overview that show the numbers and times in the alert's facts. Empty for
    /// facts without such lines.
    pub(super) fn facts_lines(&self) -> Vec<Line> {
        let words = self.words;
        match self.facts {
            Facts::Campaign(of) => self.campaign_lines(of),
            Facts::Escalation(of) => vec![self.escalation(of)],
            Facts::Recovered(of) => vec![self.recovery(of)],
            Facts::Regressed(Some(of)) => {
                let quiet = i64::try_from(of.quiet_seconds).unwrap_or(i64::MAX);
                vec![item(words.regression, &[("quiet", self.lasted(quiet))])]
            }
            Facts::Silence(of) => self.silence_lines(of),
            Facts::NewAccount(of) => self.new_account_lines(of),
            Facts::SensitiveCall(of) => self.call_lines(of),
            Facts::NewCircumstance(of) => self.circumstance_lines(of),
            Facts::Drill(of) => vec![self.drill_times(&of.drill, of.written)],
            Facts::DrillFailed(of) => self.drill_failure_lines(of),
            _ => Vec::new(),
        }
    }

    fn campaign_lines(&self, campaign: &CampaignFacts) -> Vec<Line> {
        let words = self.words;
        let times = [
            ("from", self.time(campaign.began)),
            ("last", self.time(campaign.last)),
        ];
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
            lines.push(item(words.lasted, &[("lasted", self.lasted(lasted))]));
        }
        lines
    }

    fn silence_lines(&self, silence: &SilenceFacts) -> Vec<Line> {
        let words = self.words;
        let times = [
            ("from", self.time(silence.since)),
            ("until", self.time(silence.until)),
        ];
        if silence.stage == Stage::Ended {
            return vec![item(words.silence_ended, &times)];
        }
        let mut lines = vec![item(words.silence_began, &times), item(words.blind, &[])];
        if let Some(diagnosis) = &silence.diagnosis {
            let values = [
                ("name", vec![Piece::other(&diagnosis.name)]),
                ("sentence", self.diagnosis(diagnosis)),
            ];
            lines.push(item(words.diagnosis, &values));
        }
        lines
    }

    /// Returns the sentence of a diagnosis. In Chinese, the sentence follows from the name, and only the log group is taken from
    /// the stored sentence.
    fn diagnosis(&self, of: &DiagnosisFacts) -> Pieces {
        let known = DIAGNOSES.iter().find(|(name, _)| *name == of.name);
        match (self.texts.locale.language, known) {
            (Language::Zh, Some((_, sentence))) => match of.sentence.split_once(": ") {
                Some((group, _)) if !group.contains(' ') => vec![
                    Piece::other(group),
                    Piece::own(self.words.colon),
                    Piece::own(sentence),
                ],
                _ => own(sentence),
            },
            _ => vec![Piece::long(&of.sentence, 512)],
        }
    }

    fn escalation(&self, escalation: &EscalationFacts) -> Line {
        let sentence = match escalation.stage {
            Stage::Ended => self.words.escalation_ended,
            Stage::Began | Stage::Grew(_) => self.words.escalation_began,
        };
        let values = [
            ("from", self.time(escalation.from)),
            ("until", self.time(escalation.until)),
            ("peak", vec![Piece::strong(escalation.peak)]),
            ("limit", vec![Piece::strong(escalation.limit)]),
        ];
        item(sentence, &values)
    }

    fn recovery(&self, recovery: &RecoveryFacts) -> Line {
        let words = self.words;
        let lasted = i64::try_from(recovery.fault_seconds).unwrap_or(i64::MAX);
        let until = recovery.last().unwrap_or(recovery.fault_start);
        let values = [
            ("lasted", self.lasted(lasted)),
            ("from", self.time(recovery.fault_start)),
            ("until", self.time(until)),
            ("events", vec![Piece::strong(events(words, recovery.count))]),
        ];
        match lasted {
            0 => item(words.recovery_once, &values),
            _ => item(words.recovery, &values),
        }
    }

    /// Returns lines about what an access key did that it should not have done.
    pub(super) fn key_details(&self, of: &KeyFacts) -> Vec<Line> {
        let words = self.words;
        let line = |what, values| item(words.by, &[("what", own(what)), ("values", values)]);
        let other = |text: &str| vec![Piece::other(text)];
        match of {
            KeyFacts::Awakened {
                cluster,
                last,
                days,
            } => {
                let days = self.lasted(days.saturating_mul(86_400));
                vec![
                    line(words.key_last, self.time(*last)),
                    line(words.key_pause, days),
                    line(words.key_cluster, own(cluster)),
                ]
            }
            KeyFacts::Canary(CanaryUse::Iam { .. }) => vec![item(words.key_by_iam, &[])],
            KeyFacts::Canary(CanaryUse::Event {
                cluster,
                service,
                action,
                principal,
                source_ip,
                region,
            }) => {
                let mut lines = vec![line(words.calls, other(&format!("{service}:{action}")))];
                for (what, value) in [
                    (words.principals, principal),
                    (words.networks, source_ip),
                    (words.regions, region),
                ] {
                    lines.extend(value.as_deref().map(|value| line(what, other(value))));
                }
                lines.push(line(words.key_cluster, own(cluster)));
                lines
            }
        }
    }

    /// Returns a line with the length of the learning period.
    pub(super) fn learned(&self, of: &LearningEndFacts) -> Line {
        let lasted = self.lasted(of.hours.saturating_mul(3600));
        item(self.words.learned_for, &[("lasted", lasted)])
    }

    /// Returns lines with the numbers of the alerts that a digest replaces.
    pub(super) fn digest(&self, of: &DigestFacts) -> Vec<Line> {
        let words = self.words;
        let language = self.texts.locale.language;
        let count = [("count", vec![Piece::strong(of.alerts)])];
        let mut lines = vec![item(words.digest_alerts, &count)];
        let kinds = of.kinds.iter();
        let kinds = kinds.map(|(kind, count)| (own(terms::kind(*kind, language)), *count));
        let classes = of.classes.iter().map(|(name, count)| {
            let class = Class::from_name(name);
            let class = class.map(|class| own(terms::class(class, language)));
            (class.unwrap_or_else(|| vec![Piece::other(name)]), *count)
        });
        let accounts = of.accounts.iter();
        let accounts = accounts.map(|(id, count)| (vec![Piece::other(id)], *count));
        lines.extend(self.counts(words.digest_kinds, kinds.collect()));
        lines.extend(self.counts(words.digest_classes, classes.collect()));
        lines.extend(self.counts(words.digest_accounts, accounts.collect()));
        let clusters = of.clusters.iter().take(SHOWN_MAX);
        let clusters: Vec<Pieces> = clusters.map(own).collect();
        if !clusters.is_empty() {
            let values = joined(clusters, words.comma);
            let what = own(words.digest_clusters);
            lines.push(item(words.by, &[("what", what), ("values", values)]));
        }
        lines
    }

    /// Returns a line with names and the number of each; `None` without names.
    fn counts(&self, what: &'static str, counts: Vec<(Pieces, u64)>) -> Option<Line> {
        let words = self.words;
        let total = counts.len() as u64;
        let shown = counts.into_iter().take(SHOWN_MAX).map(|(name, count)| {
            let count = [("count", own(count))];
            [name, fill(words.value_count, &count)].concat()
        });
        let mut shown: Vec<Pieces> = shown.collect();
        shown.extend(self.more(total, shown.len()));
        let values = joined(shown, words.comma);
        (total > 0).then(|| item(words.by, &[("what", own(what)), ("values", values)]))
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

/// The causes of missing data by their names, in Chinese. `service` has the sentences in English, with the names.
const DIAGNOSES: [(&str, &str); 6] = [
    (
        "no_group",
        "日志组已不存在；请查明跟踪写入哪个日志组，并用该名称重新部署",
    ),
    (
        "no_filter",
        "日志组没有本部署的订阅筛选条件；请重新部署，然后运行 backfill",
    ),
    (
        "filter_elsewhere",
        "订阅筛选条件发送到了其他目标；请重新部署，然后运行 backfill",
    ),
    (
        "filter_other_pattern",
        "订阅筛选条件的模式已被更改；请重新部署，然后运行 backfill",
    ),
    (
        "trail_silent",
        "没有记录写入日志组；请检查跟踪是否正在记录，以及是否有权写入日志组",
    ),
    (
        NEVER_ANY_DATA,
        "自开始检查以来，日志组从未有过记录；请检查跟踪是否正在记录、是否写入该日志组、以及是否有权写入",
    ),
];

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
