//! Alerts as a workspace takes them: many lines in one request, or one event a request, as the route
//! wants it.

use alerts::guance::event::{Checker, event, samples};
use alerts::guance::line_protocol::{Point, body};
use alerts::guance::open_api::{custom_event, push_event};
use alerts::guance::route::Route;
use alerts::message::Message;
use alerts::outbox::{Capacity, SinkAnswer};
use alerts::text::Texts;
use service::ports::{SecretStore, Sink};

use crate::workspace::{Workspace, WorkspaceRequest};

/// How many lines go into one request.
const LINES_MAX: usize = 100;

/// A workspace that is told of alerts.
#[derive(Debug)]
pub struct GuanceSink<V> {
    workspace: Workspace<V>,
    texts: Texts,
    checker: Checker,
    sample_logs: bool,
}

impl<V: SecretStore> GuanceSink<V> {
    /// Returns a workspace that is told in these words, and of samples as well if it should be.
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
        let answered = self
            .workspace
            .post(WorkspaceRequest::Events(&body(&events)))
            .await;
        if self.sample_logs && matches!(answered, SinkAnswer::Accepted(_)) {
            let logs: Vec<Point> = messages.iter().flat_map(samples).collect();
            if !logs.is_empty() {
                // They go along; that they are missing is no reason to send the events again.
                self.workspace
                    .post(WorkspaceRequest::Logs(&body(&logs)))
                    .await;
            }
        }
        vec![answered; messages.len()]
    }
}

impl<V: SecretStore> Sink for GuanceSink<V> {
    fn capacity(&self) -> Capacity {
        Capacity {
            alerts: if self.workspace.route().takes_lines() {
                LINES_MAX
            } else {
                1
            },
            // A history with gaps is none.
            digest_beyond: None,
        }
    }

    async fn send(&mut self, messages: &[Message]) -> Vec<SinkAnswer> {
        let route = self.workspace.route();
        if route.takes_lines() {
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
        self.workspace.doubt_secret();
    }
}
