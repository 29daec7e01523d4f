//! Reads the records of an incident from the log groups, when an alert about it is due.
//!
//! A stack keeps only what its filter pattern admits. What the actor did before, and whether something that it made was
//! removed, is often in the log groups alone. At most [`PAGES_MAX`] pages are read for one account in a round; what was not
//! read is said.

use std::sync::Arc;

use clusters::Tally;
use clusters::fingerprint::ClusterSubject;
use clusters::incident::Incident;
use input::{Layout, Limits};
use records::time::Timestamp;

use crate::incidents::log_pattern::LogPatterns;
use crate::ingest::Folding;
use crate::ports::{LogGroupError, LogGroups, LogPage, LogQuery, ReadBackEvents};
use crate::rules::Rules;

/// How many pages are read for one account in a round.
pub const PAGES_MAX: usize = 20;

/// How long before an incident its records are read, in seconds.
const BEFORE_SECONDS: i64 = 3600;

/// From where records are read, and how.
#[derive(Debug, Clone, Copy)]
pub struct LogSource<'a, G> {
    /// CloudWatch Logs.
    pub logs: &'a G,
    /// The names of the log groups of the trails.
    pub groups: &'a [String],
    /// The rules by which records are read.
    pub rules: &'a Rules,
}

/// What was read for one account.
#[derive(Debug, Default)]
pub struct ReadBack {
    /// The events that the records have.
    pub extra: ReadBackEvents,
    /// The number of pages that were read.
    pub pages: usize,
    /// The first error of a log group; the rest was not read.
    pub error: Option<LogGroupError>,
}

impl ReadBack {
    /// Reads what some patterns find from an hour before an incident until `now`. `is_over` is called before each page.
    ///
    /// Returns whether everything was read. The events of a page are added at once.
    pub async fn read<G: LogGroups>(
        &mut self,
        (incident, now): (&Incident, Timestamp),
        patterns: &LogPatterns,
        source: &LogSource<'_, G>,
        mut is_over: impl FnMut() -> bool,
    ) -> bool {
        let mut is_all = !patterns.is_partial && !source.groups.is_empty();
        for group in source.groups {
            for pattern in &patterns.patterns {
                let query = LogQuery {
                    group: group.clone(),
                    pattern: pattern.clone(),
                    from: incident.began.plus(-BEFORE_SECONDS),
                    until: now.plus(1),
                    page_max: None,
                };
                let mut token: Option<String> = None;
                loop {
                    if self.pages >= PAGES_MAX || is_over() {
                        return false;
                    }
                    self.pages += 1;
                    let page = source.logs.events(&query, token.as_deref()).await;
                    match page {
                        Ok(page) => {
                            is_all &= self.add(&page, &incident.actor.account_id, source.rules);
                            token = page.next;
                        }
                        Err(error) => {
                            // Another log group may be there; a service that does not answer is not asked again.
                            let is_missing = matches!(error, LogGroupError::NoGroup { .. });
                            self.error.get_or_insert(error);
                            if !is_missing {
                                return false;
                            }
                            is_all = false;
                            break;
                        }
                    }
                    if token.is_none() {
                        break;
                    }
                }
            }
        }
        is_all
    }

    /// Adds the events of a page that belong to an account. Returns whether all of the page could be read.
    fn add(&mut self, page: &LogPage, account_id: &str, rules: &Rules) -> bool {
        let mut lines = String::new();
        for event in &page.events {
            lines.push_str(event.message.trim());
            lines.push('\n');
        }
        if lines.trim().is_empty() {
            return true;
        }
        let mut folding = Folding::new(Limits::default(), rules).keeping_ledger();
        let Ok(folded) = folding.fold(lines.as_bytes(), Layout::Lines, Some(account_id)) else {
            return false;
        };
        self.add_tally(folded.tally(), account_id);
        self.add_tally(folded.ledger(), account_id);
        true
    }

    fn add_tally(&mut self, tally: &Tally, account_id: &str) {
        let ReadBackEvents {
            events, subjects, ..
        } = &mut self.extra;
        for (id, facts) in &tally.facts {
            if facts.identity.account_id == account_id {
                let subject = || Arc::new(ClusterSubject::from(&facts.identity));
                subjects.entry(*id).or_insert_with(subject);
            }
        }
        for (id, seen) in &tally.sightings {
            // Pages of two patterns may have one record.
            if seen.at().is_some() && subjects.contains_key(&seen.series.cluster) {
                events.entry(*id).or_insert_with(|| seen.clone());
            }
        }
    }
}
