//! Renders the summary of an account's hour, day or week: its numbers, the changes, and the last use of
//! each access key.

use clusters::short_name;
use clusters::summary::{
    self, CALL_LINES_MAX, CallLine, Excerpt, IncidentLine, KEYS_MAX, KeyLine, LINES_MAX, Period,
    Summary,
};

use records::time::Timestamp;

use crate::terms;
use crate::text::document::{Line, Piece, Pieces, fill, joined};
use crate::text::words::Words;
use crate::text::{Writer, calls, events, item, own};

/// Returns the word for the length of a summary's period (hour, day or week), in the language of `words`.
pub(super) fn period(words: &Words, period: Period) -> &'static str {
    match period {
        Period::Hour => words.hour,
        Period::Day => words.day,
        Period::Week => words.week,
    }
}

impl Writer<'_> {
    pub(super) fn summary_sentence(&self, summary: &Summary) -> Pieces {
        let words = self.words;
        let strong = |count: u64| vec![Piece::strong(count)];
        let values = [
            ("account", self.account()),
            ("period", own(period(words, summary.period))),
            ("from", self.time(summary.from)),
            ("until", self.time(summary.until)),
            ("errors", strong(summary.errors)),
            ("clusters", strong(summary.error_clusters)),
            ("new_errors", strong(summary.new_errors)),
            ("new", strong(summary.new.total)),
        ];
        let mut sentence = fill(words.summary, &values);
        if summary.sensitive_calls > 0 {
            let count = [("count", strong(summary.sensitive_calls))];
            sentence.extend(fill(words.calls_in_summary, &count));
        }
        sentence
    }

    /// Returns the lines of a summary other than new errors and access keys: the numbers of errors, the
    /// clusters that changed, the incidents, the clusters with most events, and the sensitive calls.
    pub(super) fn summary_changes(&self, summary: &Summary) -> Vec<Line> {
        let words = self.words;
        let of = |count, clusters| {
            [
                ("count", vec![Piece::strong(count)]),
                ("clusters", vec![Piece::strong(clusters)]),
            ]
        };
        let mut lines = vec![
            item(
                words.new_in_summary,
                &of(summary.new_errors, summary.new.total),
            ),
            item(
                words.in_summary,
                &of(summary.errors, summary.error_clusters),
            ),
        ];
        for (sentence, list) in [
            (words.list_regressed, &summary.regressed),
            (words.list_escalating, &summary.escalating),
            (words.list_recovered, &summary.recovered),
        ] {
            if list.total > 0 {
                let count = [("count", vec![Piece::strong(list.total)])];
                lines.push(Line::Paragraph(fill(sentence, &count)));
                lines.extend(self.summary_lines(list, summary));
            }
        }
        lines.extend(self.incidents(summary));
        if !summary.top.is_empty() {
            lines.push(Line::Paragraph(own(words.list_top)));
            let top = summary.top.iter().take(summary::TOP_MAX);
            lines.extend(top.map(|line| Line::Item(self.summary_line(line, summary))));
        }
        lines.extend(self.sensitive_calls(summary));
        lines
    }

    fn sensitive_calls(&self, summary: &Summary) -> Vec<Line> {
        let words = self.words;
        if summary.sensitive_calls == 0 {
            return Vec::new();
        }
        let count = [("count", vec![Piece::strong(summary.sensitive_calls)])];
        let mut lines = vec![Line::Paragraph(fill(words.list_calls, &count))];
        let shown = summary.calls.shown.iter().take(CALL_LINES_MAX);
        lines.extend(shown.map(|line| self.call_line(line, &summary.account_id)));
        let shown = lines.len() - 1;
        lines.extend(self.more(summary.calls.total, shown).map(Line::Item));
        lines
    }

    fn call_line(&self, line: &CallLine, account_id: &str) -> Line {
        let words = self.words;
        let api = format!("{}:{}", line.service, line.action);
        let caller = self.caller_of_line(&line.caller, account_id);
        let values = [
            ("api", vec![Piece::other(&api)]),
            ("caller", caller),
            ("count", vec![Piece::strong(calls(words, line.count))]),
        ];
        let mut pieces = fill(words.call_line, &values);
        if line.silent {
            pieces.push(Piece::own(words.without_alerts));
        }
        Line::Item(pieces)
    }

    /// Returns the words that name a caller; none for an empty name.
    fn caller_of_line(&self, caller: &str, account_id: &str) -> Pieces {
        if caller.is_empty() {
            return Pieces::new();
        }
        let name = vec![Piece::other(short_name(caller, account_id))];
        fill(self.words.by_caller, &[("caller", name)])
    }

    fn incidents(&self, summary: &Summary) -> Vec<Line> {
        let words = self.words;
        let incidents = &summary.incidents;
        if incidents.total == 0 {
            return Vec::new();
        }
        let strong = |count: u64| vec![Piece::strong(count)];
        let counts = [
            ("count", strong(incidents.total)),
            ("begun", strong(summary.begun_incidents)),
            ("open", strong(summary.open_incidents)),
        ];
        let mut lines = vec![Line::Paragraph(fill(words.list_incidents, &counts))];
        let shown = incidents.shown.iter().take(summary::INCIDENT_LINES_MAX);
        lines.extend(shown.map(|line| self.incident_line(line, &summary.account_id)));
        let shown = lines.len() - 1;
        lines.extend(self.more(incidents.total, shown).map(Line::Item));
        lines
    }

    fn incident_line(&self, line: &IncidentLine, account_id: &str) -> Line {
        let words = self.words;
        let state = match line.is_open {
            true => words.incident_open,
            false => words.incident_over,
        };
        let severity = terms::severity(line.severity.into(), self.texts.locale.language);
        let actor = short_name(&line.actor, account_id);
        let values = [
            ("severity", own(severity)),
            ("actor", vec![Piece::other(actor)]),
            ("state", own(state)),
            ("began", self.time(line.began)),
            ("id", vec![Piece::other(line.incident.text())]),
        ];
        item(words.incident_line, &values)
    }

    /// Returns one line for each cluster of a summary that was first seen in its period, with a link to the
    /// cluster.
    pub(super) fn summary_errors(&self, summary: &Summary) -> Vec<Line> {
        match summary.new.total {
            0 => vec![Line::Paragraph(own(self.words.no_new_error))],
            _ => self.summary_lines(&summary.new, summary),
        }
    }

    fn summary_lines(&self, list: &Excerpt<summary::ClusterLine>, summary: &Summary) -> Vec<Line> {
        let range = (summary.from, summary.until);
        let mut lines = Vec::new();
        for line in list.shown.iter().take(LINES_MAX) {
            let mut pieces = self.summary_line(line, summary);
            pieces.extend(self.link_to(line.cluster, &line.action, range));
            lines.push(Line::Item(pieces));
        }
        let shown = lines.len();
        lines.extend(self.more(list.total, shown).map(Line::Item));
        lines
    }

    fn summary_line(&self, line: &summary::ClusterLine, summary: &Summary) -> Pieces {
        let words = self.words;
        let api = match line.service.is_empty() {
            true => line.action.clone(),
            false => format!("{}:{}", line.service, line.action),
        };
        let values = [
            ("api", vec![Piece::other(&api)]),
            ("code", self.spelled(&line.code, line.class)),
            ("count", vec![Piece::strong(events(words, line.count))]),
        ];
        let mut pieces = fill(words.error, &values);
        pieces.extend(self.caller_of_line(&line.caller, &summary.account_id));
        let id = line.cluster.to_string();
        pieces.extend(fill(words.line_id, &[("id", vec![Piece::other(&id)])]));
        pieces
    }

    /// Returns one line for each access key of a summary, with the last use of the key. The summary
    /// contains masked ids only.
    pub(super) fn summary_keys(&self, summary: &Summary) -> Vec<Line> {
        let words = self.words;
        let is_week = summary.period == Period::Week;
        if summary.keys.total == 0 {
            let nothing = match is_week {
                true => words.no_key_in_last_day,
                false => words.no_key,
            };
            return vec![Line::Paragraph(own(nothing))];
        }
        let shown = summary.keys.shown.iter().take(KEYS_MAX);
        let shown: Vec<Line> = shown
            .map(|key| self.summary_key(key, summary.until))
            .collect();
        let head = is_week.then(|| Line::Paragraph(own(words.keys_of_last_day)));
        let mut lines: Vec<Line> = head.into_iter().collect();
        let count = shown.len();
        lines.extend(shown);
        lines.extend(self.more(summary.keys.total, count).map(Line::Item));
        lines
    }

    fn summary_key(&self, key: &KeyLine, until: Timestamp) -> Line {
        let words = self.words;
        let with = |sentence, name, value: &Option<String>| match value {
            Some(value) => fill(sentence, &[(name, vec![Piece::other(value)])]),
            None => Pieces::new(),
        };
        let used = match key.last_used {
            Some(at) => [
                fill(words.used, &[("at", self.time(at))]),
                with(words.used_with, "service", &key.service),
                with(words.used_in, "region", &key.region),
            ]
            .concat(),
            None => own(words.key_unknown),
        };
        let mut statements = vec![used];
        statements.extend(key.entry.map(|entry| self.entry(entry, Some(until))));
        let asked = key.asked;
        statements.extend(asked.map(|at| fill(words.key_asked, &[("at", self.time(at))])));
        statements.push(fill(words.seen_last, &[("at", self.time(key.last_seen))]));
        if !key.principal.is_empty() {
            let principal = vec![Piece::other(&key.principal)];
            statements.push(fill(words.key_of, &[("principal", principal)]));
        }
        let values = [
            ("what", vec![Piece::other(&key.key)]),
            ("values", joined(statements, words.semicolon)),
        ];
        item(words.by, &values)
    }
}
