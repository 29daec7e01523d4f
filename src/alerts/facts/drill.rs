//! The facts of alerts about drills: test records that pass through the whole path of a stack, up to each sink.

use records::time::Timestamp;
use serde::{Deserialize, Serialize};
use strum::IntoStaticStr;

use crate::locale::Language;

/// The facts of the alert that a drill sends to each sink. Such an alert reports no finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DrillFacts {
    /// The id of the drill.
    pub drill: String,
    /// When the record of the drill was written to its log group.
    pub written: Timestamp,
}

/// The facts of the alert about a nightly drill that was not over within an hour.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DrillFailureFacts {
    /// The id of the drill.
    pub drill: String,
    /// When the drill began.
    pub began: Timestamp,
    /// The first stage that was not reached.
    pub stage: DrillStage,
    /// The sink of that stage; `None` for a stage before the sinks.
    pub sink: Option<String>,
    /// What the sink answered last, sanitized; `None` if it gave no answer.
    pub answer: Option<String>,
}

/// A stage of the path that a drill passes, in the order of the path.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, IntoStaticStr,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum DrillStage {
    /// CloudWatch Logs accepted the record in the log group of drills.
    LogGroup,
    /// CloudWatch Logs sent the record to the ingest function.
    Subscription,
    /// The ingest function read the record.
    Ingest,
    /// The table has the drill.
    Table,
    /// The outbox of the table has the alert of the drill for a sink.
    Queue,
    /// The sink accepted the alert.
    Sent,
}

impl DrillStage {
    /// Returns the name as it is stored and shown to programs, such as `log_group`.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// Returns the name for people, such as `log group` or `日志组`.
    pub fn shown(self, language: Language) -> &'static str {
        let (english, chinese) = match self {
            Self::LogGroup => ("log group", "日志组"),
            Self::Subscription => ("subscription", "订阅"),
            Self::Ingest => ("ingest", "ingest 函数"),
            Self::Table => ("table", "表"),
            Self::Queue => ("queue", "待发队列"),
            Self::Sent => ("sent", "发送"),
        };
        language.pick(english, chinese)
    }
}
