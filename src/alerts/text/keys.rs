//! Renders the access keys of a message: the last use, age and status of each key according to IAM, and its anomalies.

use clusters::facet::FacetKind as Facet;
use clusters::keys::{IamAnswer, KeyAnomaly, KeyEntry, KeyReport, masked};
use records::key_id::KeyKind;
use records::time::Timestamp;

use crate::facts::Facts;
use crate::text::document::{Line, Piece, Pieces, fill, joined};
use crate::text::{Writer, item, own};

/// The largest number of shown keys.
const KEYS_MAX: usize = 10;

impl Writer<'_> {
    pub(super) fn keys(&self) -> Vec<Line> {
        match self.facts {
            Facts::Summary(of) => return self.summary_keys(of),
            Facts::Campaign(_) => {
                return vec![Line::Paragraph(own(self.words.keys_of_clusters))];
            }
            _ => {}
        }
        let keys = &self.message.keys;
        if keys.is_empty() {
            return vec![Line::Paragraph(vec![Piece::own(self.words.no_key)])];
        }
        let mut lines: Vec<Line> = keys
            .iter()
            .take(KEYS_MAX)
            .map(|key| self.key(key))
            .collect();
        if let Some(more @ 1..) = keys.len().checked_sub(KEYS_MAX) {
            lines.push(item(self.words.more, &[("count", own(more))]));
        }
        let is_alarming = |anomaly: &KeyAnomaly| {
            matches!(anomaly, KeyAnomaly::Canary | KeyAnomaly::Awakened { .. })
        };
        if keys.iter().any(|key| key.anomalies.iter().any(is_alarming)) {
            let hint = own(self.words.key_hint);
            lines.push(item(self.words.to_do, &[("hint", hint)]));
        }
        lines
    }

    fn key(&self, key: &KeyReport) -> Line {
        let words = self.words;
        let mut name = vec![Piece::other(&masked(&key.id))];
        if let Some(account) = &key.account_id {
            name.extend(fill(
                words.of_account,
                &[("id", vec![Piece::other(account)])],
            ));
        }
        let mut statements = Vec::new();
        // The line about the last use already contains that IAM does not know the key.
        let is_shown = |anomaly: &&KeyAnomaly| **anomaly != KeyAnomaly::Unknown;
        for anomaly in key.anomalies.iter().filter(is_shown) {
            statements.push(vec![Piece::Strong(self.anomaly(*anomaly))]);
        }
        if !key.anomalies.contains(&KeyAnomaly::Deleted) {
            statements.push(self.last_use(key));
            let entry = key
                .entry
                .map(|entry| self.entry(entry, self.message.alert.at));
            statements.extend(entry);
        }
        let seen = self.message.cluster.as_ref();
        let seen = seen.and_then(|cluster| cluster.facets.get(&Facet::AccessKey));
        let seen = seen.and_then(|keys| keys.values.iter().find(|value| value.value == key.id));
        if let Some(span) = seen.map(|value| value.span) {
            let last = span.last_seen.map_or_else(|| own("?"), |at| self.time(at));
            let values = [("count", own(span.count)), ("at", last)];
            let form = match self.facts {
                Facts::SensitiveCall(_) => words.used_here,
                _ => words.seen_here,
            };
            statements.push(fill(form, &values));
        }
        let statements = joined(statements, words.semicolon);
        item(words.by, &[("what", name), ("values", statements)])
    }

    fn last_use(&self, key: &KeyReport) -> Pieces {
        let words = self.words;
        let with = |sentence, name, value: &Option<String>| match value {
            Some(value) => fill(sentence, &[(name, vec![Piece::other(value)])]),
            None => Pieces::new(),
        };
        match &key.answer {
            Some(IamAnswer::Used {
                at,
                service,
                region,
                user,
            }) => [
                fill(words.used, &[("at", self.time(*at))]),
                with(words.used_with, "service", service),
                with(words.used_in, "region", region),
                with(words.used_by, "user", user),
            ]
            .concat(),
            Some(IamAnswer::Never { user }) => {
                [own(words.never), with(words.never_by, "user", user)].concat()
            }
            Some(IamAnswer::Unknown) => own(words.unknown),
            None if key.is_missing => own(words.no_answer),
            None if key.kind == KeyKind::Temporary => [
                own(words.temporary),
                with(words.temporary_session, "session", &key.session),
            ]
            .concat(),
            None => own(words.not_asked),
        }
    }

    /// Returns the age of a key at a time, and its status.
    pub(super) fn entry(&self, entry: KeyEntry, at: Option<Timestamp>) -> Pieces {
        let words = self.words;
        let (created, status) = match entry {
            KeyEntry::Active { created } => (created, words.key_active),
            KeyEntry::Inactive { created } => (created, words.key_inactive),
            KeyEntry::Unread => return own(words.key_unread),
        };
        let age = at.and_then(|at| entry.age_days(at));
        let age = age.map(|days| fill(words.key_age, &[("days", own(days))]));
        [
            fill(words.key_created, &[("at", self.time(created))]),
            age.unwrap_or_default(),
            own(status),
        ]
        .concat()
    }

    fn anomaly(&self, anomaly: KeyAnomaly) -> String {
        let words = self.words;
        match anomaly {
            KeyAnomaly::Canary => words.canary.to_owned(),
            KeyAnomaly::Awakened { days } => words.awakened.replace("{days}", &days.to_string()),
            KeyAnomaly::Foreign => words.foreign.to_owned(),
            KeyAnomaly::Deleted => words.deleted.to_owned(),
            KeyAnomaly::Unknown => words.unknown.to_owned(),
        }
    }
}
