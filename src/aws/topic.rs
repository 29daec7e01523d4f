//! A sink that sends alerts to an SNS topic, one message per call.

use std::cell::OnceCell;

use alerts::message::Message;
use alerts::outbox::{Capacity, SinkAnswer};
use alerts::sns::{attributes, body, subject};
use alerts::text::Texts;
use aws_config::SdkConfig;
use aws_sdk_sns::Client;
use aws_sdk_sns::types::MessageAttributeValue;
use service::ports::Sink;

use crate::refusal;

/// The largest message with its attributes, in bytes. Source: SNS API Reference, `Publish`.
const MESSAGE_BYTES_MAX: usize = 262_144;

/// If more alerts than this wait, one digest is sent instead, because people read the messages.
const DIGEST_BEYOND: usize = 500;

/// A message to publish on an SNS topic. Each message reports one alert to the subscribers of the topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publication {
    /// The subject line for subscribers by email: one line of fewer than 100 characters.
    pub subject: String,
    /// The text of the message, for people to read.
    pub body: String,
    /// SNS message attributes, as pairs of name and value; a subscriber can filter messages by them.
    pub attributes: Vec<(&'static str, String)>,
    /// The deduplication id, which is the id of the alert. A FIFO topic drops a message with the id of an earlier
    /// message; other topics ignore the id.
    pub id: String,
    /// The message group: the id of the cluster, or `account-<id>` for an alert about no cluster. A FIFO topic keeps
    /// the order within a group; other topics ignore the group.
    pub group: String,
}

/// A sink that publishes each alert as a message on one SNS topic.
#[derive(Debug)]
pub struct Topic {
    config: SdkConfig,
    /// Created at the first call.
    client: OnceCell<Client>,
    arn: String,
    texts: Texts,
}

impl Topic {
    /// Creates the sink for the SNS topic with this ARN. Nothing connects before the first call.
    ///
    /// `texts` sets the language of the messages and the links in them.
    pub fn new(config: &SdkConfig, arn: &str, texts: Texts) -> Self {
        Self {
            config: config.clone(),
            client: OnceCell::new(),
            arn: arn.to_owned(),
            texts,
        }
    }

    fn publication(&self, message: &Message) -> Publication {
        let group = match message.alert.cluster() {
            Some(cluster) => cluster.to_string(),
            // A message group must not be empty.
            None => format!("account-{}", message.alert.account_id()),
        };
        Publication {
            subject: subject(message, self.texts.locale.language),
            body: body(message, &self.texts),
            attributes: attributes(message),
            id: message.alert.id().to_string(),
            group,
        }
    }

    /// Publishes a message on the topic, and returns the answer of SNS for the alert in the message.
    ///
    /// The body is always sent as text. A body that looks like a JSON message structure is not interpreted. A message
    /// over 262,144 bytes is not sent; the answer is [`SinkAnswer::TooLong`].
    pub async fn publish(&self, publication: Publication) -> SinkAnswer {
        let bytes = publication.bytes();
        if bytes > MESSAGE_BYTES_MAX {
            return SinkAnswer::TooLong(format!("{bytes} bytes"));
        }
        let client = self.client.get_or_init(|| Client::new(&self.config));
        let mut publish = client
            .publish()
            .topic_arn(&self.arn)
            .subject(publication.subject)
            .message(publication.body);
        for (name, value) in publication.attributes {
            let value = MessageAttributeValue::builder()
                .data_type("String")
                .string_value(value);
            match value.build() {
                Ok(value) => publish = publish.message_attributes(name, value),
                Err(error) => return SinkAnswer::Rejected(error.to_string()),
            }
        }
        if self.arn.ends_with(".fifo") {
            publish = publish
                .message_deduplication_id(publication.id)
                .message_group_id(publication.group);
        }
        match publish.send().await {
            Ok(sent) => SinkAnswer::Accepted(sent.message_id.unwrap_or_default()),
            Err(error) => refusal::cause(&error).answer(refusal::describe(&error)),
        }
    }
}

impl Sink for Topic {
    fn capacity(&self) -> Capacity {
        Capacity {
            alerts: 1,
            digest_beyond: Some(DIGEST_BEYOND),
        }
    }

    async fn send(&mut self, messages: &[Message]) -> Vec<SinkAnswer> {
        let mut answers = Vec::new();
        for message in messages {
            answers.push(self.publish(self.publication(message)).await);
        }
        answers
    }
}

impl Publication {
    fn bytes(&self) -> usize {
        let attributes = self.attributes.iter();
        let attributes = attributes.map(|(name, value)| name.len() + "String".len() + value.len());
        self.subject.len() + self.body.len() + attributes.sum::<usize>()
    }
}
