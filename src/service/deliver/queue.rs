//! Orders the waiting rows of a sink and selects the rows to send next.
//!
//! Only the first waiting row of each ordering key (a cluster or an account) may be sent, and oldest rows
//! go first. If the first row of a key is leased or not due, all rows of the key wait. So the alerts of a
//! cluster arrive in the order of its changes.

use std::collections::{BTreeMap, BTreeSet};

use alerts::outbox::{OrderingKey, OutboxRow};
use clusters::fingerprint::ClusterId;
use records::time::Timestamp;

use crate::deliver::Waiting;

/// The outbox rows that wait for a sink, oldest first.
#[derive(Debug, Default)]
pub struct Queue(Vec<OutboxRow>);

impl Queue {
    /// Creates the queue from outbox rows in any order.
    pub fn new(mut rows: Vec<OutboxRow>) -> Self {
        OutboxRow::sort(&mut rows);
        Self(rows)
    }

    /// Returns the number of rows in the queue.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns the rows that may be sent at `now`, if the rows before them are: they are due and not leased.
    pub fn free(&self, now: Timestamp) -> impl Iterator<Item = &OutboxRow> {
        self.0.iter().filter(move |row| row.is_free(now))
    }

    /// Returns the number of rows in the queue, and when the oldest of them was written.
    pub fn waiting(&self) -> Waiting {
        Waiting {
            rows: self.len(),
            oldest: self.0.iter().map(|row| row.created).min(),
        }
    }

    /// Removes and returns at most `limit` rows that may be sent at `now`: of each cluster or account (ordering key)
    /// only the first row, if it is due and not leased.
    ///
    /// A row that the sink rejected before is returned alone.
    pub fn next(&mut self, now: Timestamp, limit: usize) -> Vec<OutboxRow> {
        let mut keys = BTreeSet::new();
        let mut places = Vec::new();
        for (place, row) in self.0.iter().enumerate() {
            let is_first = keys.insert(key(row));
            if !is_first || !row.is_free(now) || places.len() >= limit {
                continue;
            }
            if row.attempts == 0 {
                places.push(place);
            } else if places.is_empty() {
                places.push(place);
                break;
            }
        }
        self.take(&places)
    }

    /// Removes and returns all rows that may go into one digest at `now`: they are due, not leased, and `is_wanted`
    /// returns `true`.
    ///
    /// If a row is left out, the later rows of the same cluster or account (ordering key) are left out too.
    pub fn for_digest(
        &mut self,
        now: Timestamp,
        is_wanted: impl Fn(&OutboxRow) -> bool,
    ) -> Vec<OutboxRow> {
        let mut blocked = BTreeSet::new();
        let mut places = Vec::new();
        for (place, row) in self.0.iter().enumerate() {
            if row.is_free(now) && is_wanted(row) && !blocked.contains(&key(row)) {
                places.push(place);
            } else {
                blocked.insert(key(row));
            }
        }
        self.take(&places)
    }

    /// Inserts a row that was removed, at its place in the order.
    pub fn put_back(&mut self, row: OutboxRow) {
        let is_before = |other: &OutboxRow| other.in_order(&row).is_lt();
        let place = self.0.partition_point(is_before);
        self.0.insert(place, row);
    }

    fn take(&mut self, places: &[usize]) -> Vec<OutboxRow> {
        let mut removed = Vec::with_capacity(places.len());
        for place in places.iter().rev() {
            removed.push(self.0.remove(*place));
        }
        removed.reverse();
        removed
    }
}

/// Puts rows off until `until`. `urgent` says of these rows, by their places in `rows`, whether they must be sent at once: then
/// neither they nor other rows of their clusters are put off, because rows of a cluster are sent in order.
pub fn hold(rows: &mut [OutboxRow], urgent: &BTreeMap<usize, bool>, until: Timestamp) {
    let at_once = urgent.iter().filter(|(_, is_urgent)| **is_urgent);
    let at_once: BTreeSet<_> = at_once.map(|(place, _)| key(&rows[*place])).collect();
    for place in urgent.keys() {
        if !at_once.contains(&key(&rows[*place])) {
            rows[*place].due = until;
        }
    }
}

fn key(row: &OutboxRow) -> (Option<ClusterId>, String) {
    match row.ordering_key() {
        OrderingKey::Cluster(cluster) => (Some(cluster), String::new()),
        OrderingKey::Account(account_id) => (None, account_id.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use alerts::alert::Alert;
    use alerts::facts::Facts;
    use alerts::kind::AlertKind;

    use super::*;

    /// Returns the second number `of` after the first possible time.
    fn second(of: i64) -> Timestamp {
        Timestamp::FIRST.plus(of)
    }

    fn row(cluster: u8, created: i64, kind: AlertKind) -> OutboxRow {
        let facts = match kind {
            AlertKind::New => Facts::New,
            _ => Facts::NewPrincipal("ann".to_owned()),
        };
        let cluster = ClusterId::from_bytes([cluster; 16]);
        let alert = Alert::of_cluster(facts, "111122223333", (cluster, 1), None, second(0));
        OutboxRow::new("s", alert, second(created))
    }

    fn shown(rows: &[OutboxRow]) -> Vec<(Timestamp, AlertKind)> {
        let shown = |row: &OutboxRow| (row.created, row.alert.kind());
        rows.iter().map(shown).collect()
    }

    #[test]
    fn only_the_first_row_of_an_ordering_key_is_sent() {
        let later = OutboxRow {
            due: second(50),
            ..row(2, 2, AlertKind::New)
        };
        let all = vec![
            row(1, 3, AlertKind::NewPrincipal),
            row(1, 1, AlertKind::New),
            later,
            row(2, 4, AlertKind::NewPrincipal),
            row(3, 5, AlertKind::NewPrincipal),
            row(3, 5, AlertKind::New),
        ];
        let mut queue = Queue::new(all);
        let first = queue.next(second(10), 100);
        assert_eq!(
            shown(&first),
            [(second(1), AlertKind::New), (second(5), AlertKind::New)]
        );
        let then = queue.next(second(10), 1);
        assert_eq!(shown(&then), [(second(3), AlertKind::NewPrincipal)]);
        queue.put_back(then[0].clone());
        assert_eq!(queue.next(second(10), 100).len(), 2);
        assert_eq!(
            shown(&queue.next(second(60), 100)),
            [(second(2), AlertKind::New)]
        );
    }

    #[test]
    fn an_urgent_row_waits_for_none_of_its_cluster() {
        let mut rows = vec![
            row(1, 1, AlertKind::New),
            row(1, 2, AlertKind::NewPrincipal),
            row(2, 1, AlertKind::New),
        ];
        let urgent = [(0, false), (1, true), (2, false)];
        hold(&mut rows, &urgent.into(), second(50));
        let due: Vec<Timestamp> = rows.iter().map(|row| row.due).collect();
        assert_eq!(due, [second(1), second(2), second(50)]);
    }

    #[test]
    fn a_row_that_was_rejected_before_is_sent_alone() {
        let suspect = OutboxRow {
            attempts: 1,
            ..row(1, 2, AlertKind::New)
        };
        let all = vec![
            row(2, 1, AlertKind::New),
            suspect,
            row(3, 3, AlertKind::New),
        ];
        let mut queue = Queue::new(all);
        assert_eq!(
            shown(&queue.next(second(10), 9)),
            [(second(1), AlertKind::New), (second(3), AlertKind::New)]
        );
        assert_eq!(
            shown(&queue.next(second(10), 9)),
            [(second(2), AlertKind::New)]
        );
    }
}
