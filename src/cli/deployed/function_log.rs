//! Reads the log of a function of a stack.

use aws::logs::CloudWatchLogs;
use records::time::Timestamp;
use service::ports::{LogEvent, LogGroupError, LogGroups as _, LogQuery};

/// The maximum number of pages that are read.
const PAGES_MAX: usize = 20;

/// Returns the lines of a function's log between two times that match a pattern (all if it is empty), as far as 20 pages go, in the
/// order of CloudWatch Logs.
///
/// # Errors
/// [`LogGroupError`] if the log cannot be read.
pub async fn log_of(
    logs: &CloudWatchLogs,
    function: &str,
    pattern: &str,
    (from, until): (Timestamp, Timestamp),
) -> Result<Vec<LogEvent>, LogGroupError> {
    let query = LogQuery {
        group: format!("/aws/lambda/{function}"),
        pattern: pattern.to_owned(),
        from,
        until,
        page_max: None,
    };
    let (mut lines, mut token) = (Vec::new(), None);
    for _ in 0..PAGES_MAX {
        let page = logs.events(&query, token.as_deref()).await?;
        lines.extend(page.events);
        token = page.next;
        if token.is_none() {
            break;
        }
    }
    Ok(lines)
}
