//! An event bus of EventBridge, which takes several events at a time and may take some of them only.

use std::cell::OnceCell;

use alerts::detail::{SOURCE, detail};
use alerts::message::Message;
use alerts::outbox::{Capacity, SinkAnswer};
use aws_config::SdkConfig;
use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::primitives::DateTime;
use aws_sdk_eventbridge::types::{PutEventsRequestEntry, PutEventsResultEntry};
use records::redact::sanitize;
use records::time::Timestamp;
use service::ports::Sink;

use crate::refusal::{self, Cause};

/// How many events one call takes. Source: EventBridge API Reference, `PutEvents`.
pub const EVENTS_MAX: usize = 10;

/// How long the events of one call are together at most: below what any Region takes.
const CALL_BYTES_MAX: usize = 200_000;

/// What the time of an event counts. Source: EventBridge User Guide, "Calculating `PutEvents` event
/// entry size".
const TIME_BYTES: usize = 14;

/// How much of what EventBridge says is repeated.
const WHY_CHARS_MAX: usize = 256;

/// What goes on the bus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BusEvent {
    /// What kind it is.
    pub detail_type: &'static str,
    /// What it says, as JSON.
    pub detail: String,
    /// When it happened; `None` for now.
    pub at: Option<Timestamp>,
}

/// An event bus of EventBridge.
#[derive(Debug)]
pub struct Bus {
    config: SdkConfig,
    /// Made when it is first used.
    client: OnceCell<Client>,
    name: String,
}

impl Bus {
    /// Returns the bus of a name or an ARN; nothing is connected to before the first event.
    pub fn new(config: &SdkConfig, name: &str) -> Self {
        Self {
            config: config.clone(),
            client: OnceCell::new(),
            name: name.to_owned(),
        }
    }

    /// Sends events, and returns an answer for each of them, in their order.
    pub async fn put(&self, events: &[BusEvent]) -> Vec<SinkAnswer> {
        let mut answers = Vec::new();
        let mut rest = events;
        while !rest.is_empty() {
            let (now, later) = rest.split_at(fitting(rest));
            rest = later;
            match now {
                [event] if event.bytes() > CALL_BYTES_MAX => {
                    answers.push(SinkAnswer::TooLong(format!("{} bytes", event.bytes())));
                }
                now => answers.extend(self.call(now).await),
            }
        }
        answers
    }

    async fn call(&self, events: &[BusEvent]) -> Vec<SinkAnswer> {
        let client = self.client.get_or_init(|| Client::new(&self.config));
        let entries = events.iter().map(|event| {
            PutEventsRequestEntry::builder()
                .event_bus_name(&self.name)
                .source(SOURCE)
                .detail_type(event.detail_type)
                .detail(&event.detail)
                .set_time(event.at.map(|at| DateTime::from_secs(at.seconds())))
                .build()
        });
        let put = client.put_events().set_entries(Some(entries.collect()));
        match put.send().await {
            Ok(answer) => {
                let mut answers: Vec<SinkAnswer> = answer
                    .entries
                    .unwrap_or_default()
                    .iter()
                    .map(of_one)
                    .collect();
                let untold = SinkAnswer::Unreachable("EventBridge does not say".to_owned());
                answers.resize(events.len(), untold);
                answers
            }
            Err(error) => {
                let answered = refusal::cause(&error).answered(refusal::told(&error));
                vec![answered; events.len()]
            }
        }
    }
}

impl Sink for Bus {
    fn capacity(&self) -> Capacity {
        Capacity {
            alerts: EVENTS_MAX,
            // Whoever listens is a program.
            digest_beyond: None,
        }
    }

    async fn send(&mut self, messages: &[Message]) -> Vec<SinkAnswer> {
        let events = messages.iter().map(|message| BusEvent {
            detail_type: message.alert.kind().detail_type(),
            detail: detail(message).to_string(),
            at: message.at(),
        });
        let events: Vec<BusEvent> = events.collect();
        self.put(&events).await
    }
}

impl BusEvent {
    fn bytes(&self) -> usize {
        let time = self.at.map_or(0, |_| TIME_BYTES);
        time + SOURCE.len() + self.detail_type.len() + self.detail.len()
    }
}

/// Returns how many of the first events fit into one call: at least one.
fn fitting(events: &[BusEvent]) -> usize {
    let mut bytes = 0;
    let fit = events.iter().take(EVENTS_MAX).take_while(|event| {
        bytes += event.bytes();
        bytes <= CALL_BYTES_MAX
    });
    fit.count().max(1)
}

/// Returns what became of one event of a call.
fn of_one(entry: &PutEventsResultEntry) -> SinkAnswer {
    match (entry.error_code(), entry.event_id()) {
        (None, Some(id)) => SinkAnswer::Accepted(id.to_owned()),
        (None, None) => SinkAnswer::Accepted(String::new()),
        (Some(code), _) => {
            let why = format!("{code}: {}", entry.error_message().unwrap_or_default());
            Cause::of(code).answered(sanitize(&why, WHY_CHARS_MAX))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(bytes: usize) -> BusEvent {
        BusEvent {
            detail_type: "Cluster New",
            detail: "x".repeat(bytes - SOURCE.len() - "Cluster New".len()),
            at: None,
        }
    }

    #[test]
    fn a_call_takes_so_many_events_and_so_many_bytes() {
        assert_eq!(fitting(&vec![event(100); 30]), EVENTS_MAX);
        assert_eq!(fitting(&vec![event(100_000); 3]), 2);
        assert_eq!(fitting(&[event(150_000), event(100_000)]), 1);
        assert_eq!(fitting(&[event(300_000), event(100)]), 1);
    }

    #[test]
    fn each_event_is_answered_for_itself() {
        let entry = PutEventsResultEntry::builder;
        for (entry, answered) in [
            (entry().event_id("1"), SinkAnswer::Accepted("1".to_owned())),
            (
                entry()
                    .error_code("ThrottlingException")
                    .error_message("slow"),
                SinkAnswer::Busy {
                    after: None,
                    why: "ThrottlingException: slow".to_owned(),
                },
            ),
            (
                entry().error_code("MalformedDetail").error_message("bad"),
                SinkAnswer::Rejected("MalformedDetail: bad".to_owned()),
            ),
            (
                entry().error_code("InternalFailure").error_message("oh"),
                SinkAnswer::Unreachable("InternalFailure: oh".to_owned()),
            ),
        ] {
            assert_eq!(of_one(&entry.build()), answered);
        }
    }
}
