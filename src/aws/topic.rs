//! A topic of SNS, which takes one message at a time.

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

/// The longest message, its attributes included. Source: SNS API Reference, `Publish`.
const MESSAGE_BYTES_MAX: usize = 262_144;

/// Beyond how many waiting alerts people are sent one digest instead.
const DIGEST_BEYOND: usize = 500;

/// What a topic's subscribers get.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publication {
    /// What a mail has as its subject: one line of fewer than 100 characters.
    pub subject: String,
    /// The text.
    pub body: String,
    /// What subscribers may filter by.
    pub attributes: Vec<(&'static str, String)>,
    /// The same for the same alert; a topic that keeps an order drops a message that comes again.
    pub id: String,
    /// What keeps its order in such a topic.
    pub line: String,
}

/// A topic of SNS.
#[derive(Debug)]
pub struct Topic {
    config: SdkConfig,
    /// Made when it is first used.
    client: OnceCell<Client>,
    arn: String,
    texts: Texts,
}

impl Topic {
    /// Returns the topic of an ARN, told in these words; nothing is connected to before the first
    /// message.
    pub fn new(config: &SdkConfig, arn: &str, texts: Texts) -> Self {
        Self {
            config: config.clone(),
            client: OnceCell::new(),
            arn: arn.to_owned(),
            texts,
        }
    }

    fn publication(&self, message: &Message) -> Publication {
        let line = match message.alert.cluster() {
            Some(cluster) => cluster.to_string(),
            // A group has to have a name.
            None => format!("account-{}", message.alert.account_id()),
        };
        Publication {
            subject: subject(message),
            body: body(message, &self.texts),
            attributes: attributes(message),
            id: message.alert.id().to_string(),
            line,
        }
    }

    /// Sends a message. It is a text to SNS, never a structure: a body that looks like one stays
    /// what it is.
    pub async fn publish(&self, of: Publication) -> SinkAnswer {
        let bytes = of.bytes();
        if bytes > MESSAGE_BYTES_MAX {
            return SinkAnswer::TooLong(format!("{bytes} bytes"));
        }
        let client = self.client.get_or_init(|| Client::new(&self.config));
        let mut publish = client
            .publish()
            .topic_arn(&self.arn)
            .subject(of.subject)
            .message(of.body);
        for (name, value) in of.attributes {
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
                .message_deduplication_id(of.id)
                .message_group_id(of.line);
        }
        match publish.send().await {
            Ok(sent) => SinkAnswer::Accepted(sent.message_id.unwrap_or_default()),
            Err(error) => refusal::cause(&error).answered(refusal::told(&error)),
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
