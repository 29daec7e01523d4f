//! Renders the facts of drills as text.

use records::time::Timestamp;

use crate::facts::drill::DrillFailureFacts;
use crate::locale::Language;
use crate::text::document::{Line, Piece, Pieces, fill};
use crate::text::words::Words;
use crate::text::{Writer, item, own};

impl Writer<'_> {
    /// Returns the first sentence about a drill that failed.
    pub(super) fn drill_failure(&self, failure: &DrillFailureFacts) -> Pieces {
        let stage = own(failure.stage.shown(self.texts.locale.language));
        let stage = match &failure.sink {
            None => stage,
            Some(sink) => {
                let values = [("stage", stage), ("sink", vec![Piece::other(sink)])];
                fill(self.words.drill_stage_of, &values)
            }
        };
        fill(self.words.drill_failed, &[("stage", stage)])
    }

    /// Returns the lines about a drill that failed: its id and time, the last answer of the sink, and what to do.
    pub(super) fn drill_failure_lines(&self, failure: &DrillFailureFacts) -> Vec<Line> {
        let words = self.words;
        let mut lines = vec![self.drill_times(&failure.drill, failure.began)];
        lines.extend(failure.answer.as_deref().map(|answer| {
            let answer = vec![Piece::other(answer)];
            item(words.drill_answer, &[("answer", answer)])
        }));
        lines.push(item(words.to_do, &[("hint", own(words.drill_to_do))]));
        lines
    }

    /// Returns the line with the id of a drill and when it began.
    pub(super) fn drill_times(&self, drill: &str, at: Timestamp) -> Line {
        let values = [("drill", vec![Piece::other(drill)]), ("at", self.time(at))];
        item(self.words.drill_times, &values)
    }
}

/// Returns the stage that a drill did not reach for a title, with its sink if it has one.
pub(super) fn drill_stage(failure: &DrillFailureFacts, language: Language) -> String {
    let stage = failure.stage.shown(language);
    match &failure.sink {
        None => stage.to_owned(),
        Some(sink) => Words::of(language)
            .drill_stage_of
            .replace("{stage}", stage)
            .replace("{sink}", sink),
    }
}
