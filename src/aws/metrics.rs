//! Metrics of CloudWatch: what AWS itself counts of deliveries that failed.

use std::cell::OnceCell;
use std::collections::BTreeMap;

use aws_config::SdkConfig;
use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{
    Dimension, Metric, MetricDataQuery, MetricDataResult, MetricStat, StatusCode,
};
use records::time::{Timestamp, Window};
use service::ports::{Deliveries, DeliveriesError, DeliveryPath, Failures};

use crate::refusal;

/// How many metrics CloudWatch takes in one call.
const QUERIES_MAX: usize = 500;

/// How many pages of an answer are read; a day of hours of all metrics of a call fits on the first.
const PAGES_MAX: usize = 100;

const HOUR_SECONDS: i32 = 3600;

/// The metrics of an account and region.
#[derive(Debug)]
pub struct CloudWatch {
    config: SdkConfig,
    /// Made when it is first used.
    client: OnceCell<Client>,
}

impl CloudWatch {
    /// Returns the metrics; nothing is connected to before the first question.
    pub fn new(config: &SdkConfig) -> Self {
        Self {
            config: config.clone(),
            client: OnceCell::new(),
        }
    }

    /// Asks for sums by the hour, and returns them by the place of their query.
    async fn sums(
        &self,
        queries: &[MetricDataQuery],
        (from, until): (Timestamp, Timestamp),
    ) -> Result<BTreeMap<(usize, Window), u64>, DeliveriesError> {
        let client = self.client.get_or_init(|| Client::new(&self.config));
        let request = client
            .get_metric_data()
            .set_metric_data_queries(Some(queries.to_vec()))
            .start_time(DateTime::from_secs(from.seconds()))
            .end_time(DateTime::from_secs(until.seconds()));
        let (mut sums, mut token) = (BTreeMap::new(), None);
        for _ in 0..PAGES_MAX {
            let page = request.clone().set_next_token(token).send().await;
            let page = page.map_err(|error| unavailable(refusal::told(&error)))?;
            for result in page.metric_data_results() {
                add(&mut sums, result)?;
            }
            token = page.next_token;
            if token.is_none() {
                return Ok(sums);
            }
        }
        Err(unavailable(format!(
            "there are more than {PAGES_MAX} pages"
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
        let asked: Vec<Option<&String>> = groups.chain([None]).collect();
        let mut failures = Vec::new();
        for asked in asked.chunks(QUERIES_MAX) {
            let queries: Vec<MetricDataQuery> = asked
                .iter()
                .enumerate()
                .map(|(place, group)| query(place, *group, path))
                .collect();
            let sums = self.sums(&queries, (from.start(), until.start())).await?;
            failures.extend(sums.into_iter().filter_map(|((place, hour), count)| {
                let group = asked.get(place)?;
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

/// Asks what could not be delivered from a log group, or, where there is none, what the function dropped and
/// Lambda could not put into the bucket either. `AsyncEventsDropped` counts what lies in the bucket, too: that is
/// taken back in from there.
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
        // It has to begin with a small letter.
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

/// Adds what a page says of one query.
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
        // A cast takes what is no number for nothing, and what is too much for the most.
        let count = sum.ceil() as u64;
        let known: &mut u64 = sums.entry((place, at.window())).or_default();
        *known = count.max(*known);
    }
    Ok(())
}

fn unavailable(detail: String) -> DeliveriesError {
    DeliveriesError::Unavailable { detail }
}
