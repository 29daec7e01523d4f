//! A sink that sends alerts to an EventBridge event bus.
//!
//! One `PutEvents` call sends up to ten events. EventBridge may accept some events of a call and reject others.

use std::cell::OnceCell;

use alerts::detail::{SOURCE, detail};
use alerts::links::Links;
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

/// The largest number of events in one `PutEvents` call. Source: EventBridge API Reference, `PutEvents`.
pub const EVENTS_MAX: usize = 10;

/// The largest total size of the events of one call, in bytes: below the limit of every Region.
const CALL_BYTES_MAX: usize = 200_000;

/// The size of an event's time, in bytes, as EventBridge counts it. Source: EventBridge User Guide, "Calculating
/// `PutEvents` event entry size".
const TIME_BYTES: usize = 14;

/// The longest part of an EventBridge error message that is repeated, in characters.
const WHY_CHARS_MAX: usize = 256;

/// An event to put on an EventBridge bus: one entry of a `PutEvents` call. Each event reports one alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BusEvent {
    /// The field `detail-type` of the event, by which rules of EventBridge can filter, such as `Cluster New`.
    pub detail_type: &'static str,
    /// The field `detail` of the event: a JSON object as text, which describes the alert.
    pub detail: String,
    /// The field `time` of the event: when the change that is alerted happened. `None`: EventBridge sets the time of
    /// the call.
    pub at: Option<Timestamp>,
}

/// A sink that sends each alert as an event to one EventBridge event bus.
#[derive(Debug)]
pub struct Bus {
    config: SdkConfig,
    /// Created at the first call.
    client: OnceCell<Client>,
    name: String,
    /// The consoles that links in events lead to.
    links: Links,
}

impl Bus {
    /// Creates the sink for the event bus `name`, a name or an ARN. `links` has the consoles that links in events lead to.
    /// Nothing connects before the first call.
    pub fn new(config: &SdkConfig, name: &str, links: Links) -> Self {
        Self {
            config: config.clone(),
            client: OnceCell::new(),
            name: name.to_owned(),
            links,
        }
    }

    /// Puts any number of events on the bus, in calls of up to [`EVENTS_MAX`]. Returns the answer of EventBridge for each event, in
    /// the order of `events`.
    ///
    /// An event of more than 200,000 bytes is not sent; its answer is [`SinkAnswer::TooLong`]. If a call fails as a
    /// whole, each of its events gets the same answer.
    pub async fn put(&self, events: &[BusEvent]) -> Vec<SinkAnswer> {
        let mut answers = Vec::new();
        let mut rest = events;
        while !rest.is_empty() {
            let (call, later) = rest.split_at(fitting(rest));
            rest = later;
            match call {
                [event] if event.bytes() > CALL_BYTES_MAX => {
                    answers.push(SinkAnswer::TooLong(format!("{} bytes", event.bytes())));
                }
                call => answers.extend(self.call(call).await),
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
                    .map(event_answer)
                    .collect();
                let missing = SinkAnswer::Unreachable(
                    "EventBridge returned no result for this event".to_owned(),
                );
                answers.resize(events.len(), missing);
                answers
            }
            Err(error) => {
                let answer = refusal::cause(&error).answer(refusal::describe(&error));
                vec![answer; events.len()]
            }
        }
    }
}

impl Sink for Bus {
    fn capacity(&self) -> Capacity {
        Capacity {
            alerts: EVENTS_MAX,
            // The receivers are programs, so every event is sent.
            digest_beyond: None,
        }
    }

    async fn send(&mut self, messages: &[Message]) -> Vec<SinkAnswer> {
        let events = messages.iter().map(|message| BusEvent {
            detail_type: message.alert.kind().detail_type(),
            detail: detail(message, &self.links).to_string(),
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

/// Returns how many events from the start of the list fit into one call; at least 1.
fn fitting(events: &[BusEvent]) -> usize {
    let mut bytes = 0;
    let fit = events.iter().take(EVENTS_MAX).take_while(|event| {
        bytes += event.bytes();
        bytes <= CALL_BYTES_MAX
    });
    fit.count().max(1)
}

/// Converts EventBridge's result for one event of a call to an answer.
fn event_answer(entry: &PutEventsResultEntry) -> SinkAnswer {
    match (entry.error_code(), entry.event_id()) {
        (None, Some(id)) => SinkAnswer::Accepted(id.to_owned()),
        (None, None) => SinkAnswer::Accepted(String::new()),
        (Some(code), _) => {
            let why = format!("{code}: {}", entry.error_message().unwrap_or_default());
            Cause::of(code).answer(sanitize(&why, WHY_CHARS_MAX))
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
    fn a_call_is_limited_in_events_and_bytes() {
        assert_eq!(fitting(&vec![event(100); 30]), EVENTS_MAX);
        assert_eq!(fitting(&vec![event(100_000); 3]), 2);
        assert_eq!(fitting(&[event(150_000), event(100_000)]), 1);
        assert_eq!(fitting(&[event(300_000), event(100)]), 1);
    }

    #[test]
    fn each_event_gets_its_own_answer() {
        let entry = PutEventsResultEntry::builder;
        for (entry, expected) in [
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
            assert_eq!(event_answer(&entry.build()), expected);
        }
    }
}
