//! The sink for a Guance workspace.
//!
//! The route decides the format: up to 100 events in line protocol per request, or one JSON event per request.

use alerts::guance::event::{Checker, event, samples};
use alerts::guance::line_protocol::{Point, body};
use alerts::guance::open_api::{custom_event, push_event};
use alerts::guance::route::Route;
use alerts::message::Message;
use alerts::outbox::{Capacity, SinkAnswer};
use alerts::text::Texts;
use service::ports::{SecretStore, Sink};

use crate::workspace::{Workspace, WorkspaceRequest};

/// The largest number of events in one request.
const LINES_MAX: usize = 100;

/// A sink that sends alerts to one Guance workspace.
#[derive(Debug)]
pub struct GuanceSink<V> {
    workspace: Workspace<V>,
    texts: Texts,
    checker: Checker,
    sample_logs: bool,
}

impl<V: SecretStore> GuanceSink<V> {
    /// Creates the Guance sink. `texts` decides the language of the alerts, and which links they contain.
    ///
    /// With `sample_logs`, routes with line protocol also send the sample records of an alert's cluster, as log
    /// entries.
    pub fn new(workspace: Workspace<V>, texts: Texts, sample_logs: bool) -> Self {
        Self {
            workspace,
            texts,
            checker: Checker::default(),
            sample_logs,
        }
    }

    async fn send_lines(&mut self, messages: &[Message]) -> Vec<SinkAnswer> {
        let events = messages
            .iter()
            .map(|message| event(message, &self.texts, &self.checker));
        let events: Vec<Point> = events.collect();
        let answer = self
            .workspace
            .post(WorkspaceRequest::Events(&body(&events)))
            .await;
        if self.sample_logs && matches!(answer, SinkAnswer::Accepted(_)) {
            let logs: Vec<Point> = messages.iter().flat_map(samples).collect();
            if !logs.is_empty() {
                // Best effort: if the samples fail, the events are not sent again.
                self.workspace
                    .post(WorkspaceRequest::Logs(&body(&logs)))
                    .await;
            }
        }
        vec![answer; messages.len()]
    }
}

impl<V: SecretStore> Sink for GuanceSink<V> {
    fn capacity(&self) -> Capacity {
        Capacity {
            alerts: if self.workspace.route().uses_line_protocol() {
                LINES_MAX
            } else {
                1
            },
            // No digest: the workspace keeps the history of every alert.
            digest_beyond: None,
        }
    }

    async fn send(&mut self, messages: &[Message]) -> Vec<SinkAnswer> {
        let route = self.workspace.route();
        if route.uses_line_protocol() {
            return self.send_lines(messages).await;
        }
        let mut answers = Vec::new();
        for message in messages {
            let event = match route {
                Route::PushEvent => push_event(message, &self.texts),
                _ => custom_event(message, &self.texts),
            };
            let event = event.to_string();
            answers.push(self.workspace.post(WorkspaceRequest::Event(&event)).await);
        }
        answers
    }

    fn forget_secret(&mut self) {
        self.workspace.refresh_secret();
    }
}
