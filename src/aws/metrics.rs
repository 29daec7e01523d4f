//! Reads from CloudWatch how many deliveries of log events failed, how late records come, and which alarms are on.

use std::cell::OnceCell;
use std::collections::BTreeMap;

use aws_config::SdkConfig;
use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{
    Dimension, Metric, MetricDataQuery, MetricDataResult, MetricStat, StateValue, StatusCode,
};
use clusters::report::{OWN_LAG, SOURCE_LAG};
use records::time::{Timestamp, Window};
use service::ports::{
    Alarm, DELAY_HOURS, Delays, Deliveries, DeliveriesError, DeliveryPath, Failures, LookupError,
    Monitoring,
};

use crate::refusal;
use crate::signed::lookup_error;

/// The length of the periods of which delays are read, in seconds.
const DELAY_PERIOD_SECONDS: i32 = 300;

/// The largest number of alarms in one call. Source: CloudWatch API Reference, `DescribeAlarms`.
const ALARMS_MAX: i32 = 100;

/// The largest number of metrics in one call. Source: CloudWatch API Reference, `GetMetricData`.
const QUERIES_MAX: usize = 500;

/// The largest number of pages that are read. The hours of a day for all metrics of a call fit on the first page.
const PAGES_MAX: usize = 100;

const HOUR_SECONDS: i32 = 3600;

/// A client that reads the numbers of failed deliveries from the CloudWatch metrics of one account and region.
#[derive(Debug)]
pub struct CloudWatch {
    config: SdkConfig,
    /// Created at the first call.
    client: OnceCell<Client>,
}

impl CloudWatch {
    /// Creates the client for the account and region of `config`. Nothing connects before the first call.
    pub fn new(config: &SdkConfig) -> Self {
        Self {
            config: config.clone(),
            client: OnceCell::new(),
        }
    }

    fn client(&self) -> &Client {
        self.client.get_or_init(|| Client::new(&self.config))
    }

    /// Queries sums by hour. The result is keyed by the index of the query in `queries` and the hour.
    async fn sums(
        &self,
        queries: &[MetricDataQuery],
        (from, until): (Timestamp, Timestamp),
    ) -> Result<BTreeMap<(usize, Window), u64>, DeliveriesError> {
        let request = self
            .client()
            .get_metric_data()
            .set_metric_data_queries(Some(queries.to_vec()))
            .start_time(DateTime::from_secs(from.seconds()))
            .end_time(DateTime::from_secs(until.seconds()));
        let (mut sums, mut token) = (BTreeMap::new(), None);
        for _ in 0..PAGES_MAX {
            let page = request.clone().set_next_token(token).send().await;
            let page = page.map_err(|error| unavailable(refusal::describe(&error)))?;
            for result in page.metric_data_results() {
                add(&mut sums, result)?;
            }
            token = page.next_token;
            if token.is_none() {
                return Ok(sums);
            }
        }
        Err(unavailable(format!(
            "the answer has more than {PAGES_MAX} pages"
        )))
    }
}

impl Deliveries for CloudWatch {
    async fn failures(
        &self,
        path: &DeliveryPath<'_>,
        from: Window,
        until: Window,
    ) -> Result<Vec<Failures>, DeliveriesError> {
        let groups = path.groups.iter().map(Some);
        let subjects: Vec<Option<&String>> = groups.chain([None]).collect();
        let mut failures = Vec::new();
        for subjects in subjects.chunks(QUERIES_MAX) {
            let queries: Vec<MetricDataQuery> = subjects
                .iter()
                .enumerate()
                .map(|(place, group)| query(place, *group, path))
                .collect();
            let sums = self.sums(&queries, (from.start(), until.start())).await?;
            failures.extend(sums.into_iter().filter_map(|((place, hour), count)| {
                let group = subjects.get(place)?;
                Some(Failures {
                    hour,
                    group: group.cloned(),
                    count,
                })
            }));
        }
        Ok(failures)
    }
}

impl Monitoring for CloudWatch {
    async fn delays(
        &self,
        (namespace, stack): (&str, &str),
        now: Timestamp,
    ) -> Result<Delays, LookupError> {
        let metrics = [("source", SOURCE_LAG), ("own", OWN_LAG)];
        let queries = metrics.map(|(id, name)| {
            let metric = metric(namespace, name, &[("Stack", stack)]);
            let stat = MetricStat::builder().metric(metric).stat("Maximum");
            let stat = stat.period(DELAY_PERIOD_SECONDS).build();
            MetricDataQuery::builder().id(id).metric_stat(stat).build()
        });
        let from = now.plus(-DELAY_HOURS * i64::from(HOUR_SECONDS));
        let request = self.client().get_metric_data();
        let request = request
            .set_metric_data_queries(Some(queries.to_vec()))
            .start_time(DateTime::from_secs(from.seconds()))
            .end_time(DateTime::from_secs(now.seconds()));
        let answer = request.send().await;
        let answer = answer.map_err(|error| lookup_error(&refusal::describe(&error)))?;
        let newest = |id: &str| {
            let results = answer.metric_data_results().iter();
            let values = results.filter(|of| of.id() == Some(id));
            let values = values.flat_map(|of| of.timestamps().iter().zip(of.values()));
            let newest = values.max_by_key(|(at, _)| at.secs());
            newest.map(|(_, value)| value.ceil() as i64)
        };
        Ok(Delays {
            source_seconds: newest("source"),
            own_seconds: newest("own"),
        })
    }

    async fn alarms(&self, prefix: &str) -> Result<Vec<Alarm>, LookupError> {
        let request = self.client().describe_alarms();
        let request = request.alarm_name_prefix(prefix).max_records(ALARMS_MAX);
        let mut pages = request.into_paginator().send();
        let mut alarms = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| lookup_error(&refusal::describe(&error)))?;
            alarms.extend(page.metric_alarms().iter().map(|alarm| Alarm {
                name: alarm.alarm_name().unwrap_or_default().to_owned(),
                is_on: alarm.state_value() == Some(&StateValue::Alarm),
            }));
        }
        Ok(alarms)
    }
}

/// Returns the query for failed deliveries from a log group to the function.
///
/// Without a group: the query for events that the function failed to process and that Lambda could not write to the
/// bucket. The metric `AsyncEventsDropped` is not used, because it also counts events that are in the bucket. Those
/// events are not lost, as a redrive reads them from there.
///
/// Source: AWS Lambda Developer Guide, "Types of metrics for Lambda functions", asynchronous invocation metrics.
fn query(place: usize, group: Option<&String>, path: &DeliveryPath<'_>) -> MetricDataQuery {
    let metric = match group {
        Some(group) => metric(
            "AWS/Logs",
            "DeliveryErrors",
            &[
                ("LogGroupName", group),
                ("DestinationType", "Lambda"),
                ("FilterName", path.filter),
            ],
        ),
        None => metric(
            "AWS/Lambda",
            "DestinationDeliveryFailures",
            &[("FunctionName", path.function)],
        ),
    };
    let stat = MetricStat::builder()
        .metric(metric)
        .period(HOUR_SECONDS)
        .stat("Sum");
    MetricDataQuery::builder()
        // An id must begin with a lower-case letter.
        .id(format!("q{place}"))
        .metric_stat(stat.build())
        .build()
}

fn metric(namespace: &str, name: &str, dimensions: &[(&str, &str)]) -> Metric {
    let dimension = |(name, value): &(&str, &str)| {
        let dimension = Dimension::builder().name(*name);
        dimension.value(*value).build()
    };
    Metric::builder()
        .namespace(namespace)
        .metric_name(name)
        .set_dimensions(Some(dimensions.iter().map(dimension).collect()))
        .build()
}

/// Adds the sums of one query on one page; of two sums for the same hour the larger is used.
fn add(
    sums: &mut BTreeMap<(usize, Window), u64>,
    result: &MetricDataResult,
) -> Result<(), DeliveriesError> {
    if let Some(status @ (StatusCode::Forbidden | StatusCode::InternalError)) = result.status_code()
    {
        return Err(unavailable(format!("{status} for one of the metrics")));
    }
    let place = result
        .id()
        .and_then(|id| id.strip_prefix('q')?.parse().ok());
    let Some(place) = place else {
        return Ok(());
    };
    for (at, sum) in result.timestamps().iter().zip(result.values()) {
        let Some(at) = Timestamp::from_seconds(at.secs()) else {
            continue;
        };
        // The cast converts NaN to 0, and a too large number to the largest `u64`.
        let count = sum.ceil() as u64;
        let sum: &mut u64 = sums.entry((place, at.window())).or_default();
        *sum = count.max(*sum);
    }
    Ok(())
}

fn unavailable(detail: String) -> DeliveriesError {
    DeliveriesError::Unavailable { detail }
}
