//! Reads log events from CloudWatch Logs for gap repair and backfill, looks up subscription filters, and writes the records of
//! drills.

use std::cell::{Cell, OnceCell};
use std::fmt::Debug;
use std::time::Instant;

use aws_config::SdkConfig;
use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_cloudwatchlogs::config::Builder;
use aws_sdk_cloudwatchlogs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_cloudwatchlogs::types::{FilteredLogEvent, InputLogEvent, OrderBy};
use records::time::Timestamp;
use service::doctor::Filter;
use service::ports::{
    LogEvent, LogGroupError, LogGroupWriter, LogGroups, LogPage, LogQuery, Subscribed,
};

use crate::{function, refusal};

/// A client for the log events and subscription filters of CloudWatch Logs, in one account and region.
#[derive(Debug)]
pub struct CloudWatchLogs {
    config: SdkConfig,
    /// Created at the first call.
    client: OnceCell<Client>,
    /// The end of the invocation inside a Lambda function; `None` on a person's machine.
    deadline: Cell<Option<Instant>>,
}

impl CloudWatchLogs {
    /// Creates the client for the account and region of `config`. Nothing connects before the first call.
    pub fn new(config: &SdkConfig) -> Self {
        Self {
            config: config.clone(),
            client: OnceCell::new(),
            deadline: Cell::new(None),
        }
    }

    /// Sets the time at which the invocation of the Lambda function ends; only for use inside a function.
    ///
    /// From now on, reading a page of log events uses the longer timeouts of [`function::page_timeouts`], and ends by
    /// `deadline` at the latest. Other calls use the timeouts of the configuration.
    pub fn set_deadline(&self, deadline: Instant) {
        self.deadline.set(Some(deadline));
    }

    /// Returns the configuration changes for reading a page.
    fn page_config(&self) -> Builder {
        let left = self.deadline.get();
        let left = left.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let mut config = Builder::new();
        config.set_timeout_config(left.map(function::page_timeouts));
        config
    }

    fn client(&self) -> &Client {
        self.client.get_or_init(|| Client::new(&self.config))
    }
}

impl CloudWatchLogs {
    /// Returns when the newest record in a log group was logged, as far as CloudWatch Logs knows: `Some(None)` if the group is
    /// empty, `None` if there is no such group.
    ///
    /// # Errors
    /// [`LogGroupError::Unavailable`] if AWS refuses the request or does not answer.
    pub async fn newest(&self, group: &str) -> Result<Option<Option<Timestamp>>, LogGroupError> {
        let request = self.client().describe_log_streams().log_group_name(group);
        let request = request.order_by(OrderBy::LastEventTime).descending(true);
        let answer = match request.limit(1).send().await {
            Ok(answer) => answer,
            Err(error) => {
                return match failed(group, &error) {
                    LogGroupError::NoGroup { .. } => Ok(None),
                    failed => Err(failed),
                };
            }
        };
        let newest = answer.log_streams().first();
        let newest = newest.and_then(|stream| {
            let times = [stream.last_event_timestamp(), stream.last_ingestion_time()];
            times.into_iter().flatten().max()
        });
        let newest = newest.and_then(|millis| Timestamp::from_seconds(millis / 1000));
        Ok(Some(newest))
    }

    /// Returns the subscription filters of a log group; none if there is no such group.
    ///
    /// # Errors
    /// [`LogGroupError::Unavailable`] if AWS refuses the request or does not answer.
    pub async fn filters(&self, group: &str) -> Result<Vec<Filter>, LogGroupError> {
        Ok(self.filters_of(group).await?.unwrap_or_default())
    }

    /// Returns the subscription filters of a log group; `None` if there is no such group.
    async fn filters_of(&self, group: &str) -> Result<Option<Vec<Filter>>, LogGroupError> {
        let request = self.client().describe_subscription_filters();
        // A log group has at most two subscription filters, so one page holds all.
        let answer = match request.log_group_name(group).send().await {
            Ok(answer) => answer,
            Err(error) => {
                return match failed(group, &error) {
                    LogGroupError::NoGroup { .. } => Ok(None),
                    failed => Err(failed),
                };
            }
        };
        let filters = answer.subscription_filters().iter().map(|found| Filter {
            name: found.filter_name().unwrap_or_default().to_owned(),
            pattern: found.filter_pattern().unwrap_or_default().to_owned(),
            destination: found.destination_arn().unwrap_or_default().to_owned(),
        });
        Ok(Some(filters.collect()))
    }
}

impl LogGroups for CloudWatchLogs {
    async fn events(
        &self,
        query: &LogQuery,
        token: Option<&str>,
    ) -> Result<LogPage, LogGroupError> {
        let request = self.client().filter_log_events();
        let request = request
            .log_group_name(&query.group)
            .start_time(query.from.seconds() * 1000)
            // CloudWatch Logs includes the end time, so this is the last millisecond of the range.
            .end_time(query.until.seconds() * 1000 - 1)
            .set_limit(query.page_max.map(i32::from))
            .set_next_token(token.map(str::to_owned));
        let pattern = (!query.pattern.is_empty()).then(|| query.pattern.clone());
        let request = request.set_filter_pattern(pattern).customize();
        let answer = request.config_override(self.page_config()).send().await;
        let answer = answer.map_err(|error| match failed(&query.group, &error) {
            LogGroupError::Unavailable { .. }
                if token.is_some() && error.code() == Some("InvalidParameterException") =>
            {
                LogGroupError::Stale
            }
            failed => failed,
        })?;
        Ok(LogPage {
            events: answer
                .events
                .unwrap_or_default()
                .into_iter()
                .map(read)
                .collect(),
            next: answer.next_token,
        })
    }

    async fn subscribed(&self, group: &str, filter: &str) -> Result<Subscribed, LogGroupError> {
        let Some(filters) = self.filters_of(group).await? else {
            return Ok(Subscribed::NoGroup);
        };
        let found = filters.into_iter().find(|found| found.name == filter);
        Ok(
            found.map_or(Subscribed::NoFilter, |found| Subscribed::Filter {
                pattern: found.pattern,
                destination: found.destination,
            }),
        )
    }
}

impl LogGroupWriter for CloudWatchLogs {
    async fn put(
        &self,
        group: &str,
        stream: &str,
        at: Timestamp,
        message: &str,
    ) -> Result<(), LogGroupError> {
        let create = self.client().create_log_stream();
        let created = create.log_group_name(group).log_stream_name(stream);
        if let Err(error) = created.send().await
            && error.code() != Some("ResourceAlreadyExistsException")
        {
            return Err(failed(group, &error));
        }
        let event = InputLogEvent::builder()
            .timestamp(at.seconds() * 1000)
            .message(message)
            .build()
            .map_err(|error| LogGroupError::Unavailable {
                detail: error.to_string(),
            })?;
        let put = self.client().put_log_events();
        let put = put.log_group_name(group).log_stream_name(stream);
        let answer = put.log_events(event).send().await;
        let answer = answer.map_err(|error| failed(group, &error))?;
        match answer.rejected_log_events_info() {
            None => Ok(()),
            Some(_) => Err(LogGroupError::Unavailable {
                detail: "the time of the record is too far from that of CloudWatch Logs; check the clock".to_owned(),
            }),
        }
    }
}

fn read(event: FilteredLogEvent) -> LogEvent {
    LogEvent {
        id: event.event_id.unwrap_or_default(),
        stream: event.log_stream_name.unwrap_or_default(),
        timestamp: event.timestamp.unwrap_or_default(),
        message: event.message.unwrap_or_default(),
    }
}

fn failed<E, R>(group: &str, error: &SdkError<E, R>) -> LogGroupError
where
    E: std::error::Error + ProvideErrorMetadata + 'static,
    R: Debug,
{
    match error.code() {
        Some("ResourceNotFoundException") => LogGroupError::NoGroup {
            group: group.to_owned(),
        },
        _ => LogGroupError::Unavailable {
            detail: refusal::describe(error),
        },
    }
}
