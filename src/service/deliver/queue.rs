//! What is sent next: the first waiting row of each ordering key, if it is free, the oldest first. A key
//! whose first row is not free waits as a whole, because what happened later is told later.

use std::collections::BTreeSet;

use alerts::outbox::{OrderingKey, OutboxRow};
use clusters::fingerprint::ClusterId;
use records::time::Timestamp;

use crate::deliver::Waiting;

/// Rows that wait, in their order.
#[derive(Debug, Default)]
pub struct Queue(Vec<OutboxRow>);

impl Queue {
    /// Returns the queue of rows.
    pub fn new(mut rows: Vec<OutboxRow>) -> Self {
        OutboxRow::sort(&mut rows);
        Self(rows)
    }

    /// Returns how many wait.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns what waits.
    pub fn waiting(&self) -> Waiting {
        Waiting {
            rows: self.len(),
            oldest: self.0.iter().map(|row| row.created).min(),
        }
    }

    /// Takes at most so many rows out that may be sent now: one for each ordering key. Rows that were
    /// rejected before come alone.
    pub fn next(&mut self, now: Timestamp, limit: usize) -> Vec<OutboxRow> {
        let mut lines = BTreeSet::new();
        let mut places = Vec::new();
        for (place, row) in self.0.iter().enumerate() {
            let is_first = lines.insert(key(row));
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

    /// Takes all rows out that may go into one message now: of each ordering key those before the first one
    /// that is not free. `is_meant` says which are wanted.
    pub fn together(
        &mut self,
        now: Timestamp,
        is_meant: impl Fn(&OutboxRow) -> bool,
    ) -> Vec<OutboxRow> {
        let mut blocked = BTreeSet::new();
        let mut places = Vec::new();
        for (place, row) in self.0.iter().enumerate() {
            if row.is_free(now) && is_meant(row) && !blocked.contains(&key(row)) {
                places.push(place);
            } else {
                blocked.insert(key(row));
            }
        }
        self.take(&places)
    }

    /// Puts a row back.
    pub fn put_back(&mut self, row: OutboxRow) {
        let is_before = |other: &OutboxRow| other.in_order(&row).is_lt();
        let place = self.0.partition_point(is_before);
        self.0.insert(place, row);
    }

    fn take(&mut self, places: &[usize]) -> Vec<OutboxRow> {
        let mut taken = Vec::with_capacity(places.len());
        for place in places.iter().rev() {
            taken.push(self.0.remove(*place));
        }
        taken.reverse();
        taken
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

    /// Returns a second of a minute long ago.
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

    fn told(rows: &[OutboxRow]) -> Vec<(Timestamp, AlertKind)> {
        let told = |row: &OutboxRow| (row.created, row.alert.kind());
        rows.iter().map(told).collect()
    }

    #[test]
    fn one_row_of_a_line_is_sent_at_a_time_and_none_before_an_earlier_one() {
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
            told(&first),
            [(second(1), AlertKind::New), (second(5), AlertKind::New)]
        );
        let then = queue.next(second(10), 1);
        assert_eq!(told(&then), [(second(3), AlertKind::NewPrincipal)]);
        queue.put_back(then[0].clone());
        assert_eq!(queue.next(second(10), 100).len(), 2);
        assert_eq!(
            told(&queue.next(second(60), 100)),
            [(second(2), AlertKind::New)]
        );
    }

    #[test]
    fn what_was_rejected_before_comes_alone() {
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
            told(&queue.next(second(10), 9)),
            [(second(1), AlertKind::New), (second(3), AlertKind::New)]
        );
        assert_eq!(
            told(&queue.next(second(10), 9)),
            [(second(2), AlertKind::New)]
        );
    }
}
