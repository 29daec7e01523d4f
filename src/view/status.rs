//! The health of a stack as rows: what `status` prints and what the first row of the dashboard shows.
//!
//! The rows are judged in `service::status`. This module only has their form, so that both show the same.

use alerts::locale::Language;

/// How good or bad one fact about a stack is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, strum::IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
pub enum RowState {
    /// As it should be.
    Ok,
    /// Works, with a warning.
    Warn,
    /// The fact could not be read, so nothing is known about it.
    Unknown,
    /// Does not work.
    Bad,
}

/// One fact about a stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusRow {
    /// The stable name of the fact, such as `inspection`, or `sink:sns`.
    pub key: String,
    /// The name that people read.
    pub name: String,
    /// What was found.
    pub value: String,
    /// How good or bad it is.
    pub state: RowState,
    /// What to do about it; empty if there is nothing to do.
    pub advice: String,
}

/// All facts about the health of a stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusReport {
    /// The name of the stack.
    pub stack: String,
    /// One sentence about all rows.
    pub summary: String,
    /// The facts, in the order in which they are shown.
    pub rows: Vec<StatusRow>,
}

impl RowState {
    /// Returns the stable name: `ok`, `warn`, `unknown` or `bad`.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// Returns the word that people read.
    pub fn word(self, language: Language) -> &'static str {
        match self {
            Self::Ok => language.pick("ok", "正常"),
            Self::Warn => language.pick("warning", "留意"),
            Self::Unknown => language.pick("unknown", "未知"),
            Self::Bad => language.pick("bad", "异常"),
        }
    }
}

impl StatusReport {
    /// Returns the worst state of all rows.
    pub fn state(&self) -> RowState {
        let states = self.rows.iter().map(|row| row.state);
        states.max().unwrap_or(RowState::Unknown)
    }

    /// Checks whether the stack is healthy: no fact is bad, and none is unknown.
    pub fn is_healthy(&self) -> bool {
        self.state() <= RowState::Warn
    }
}
