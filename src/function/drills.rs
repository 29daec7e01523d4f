//! The nightly drills of the inspect function: begins one when its schedule says so, and looks at the last one.

use aws::dynamodb::DynamoStore;
use aws::dynamodb::sdk::SdkTable;
use aws::logs::CloudWatchLogs;
use serde::Deserialize;
use service::config::IngestSettings;
use service::config::inspect::InspectSettings;
use service::drill;
use service::drill_record::{Drill, DrillId};

use crate::invocation::{self, InvocationError, now};

/// The event of an invocation, as far as it is read.
#[derive(Debug, Default, Deserialize)]
struct Wanted {
    /// Whether a drill is to begin, instead of an inspection.
    #[serde(default)]
    drill: bool,
}

/// Checks whether an event asks for a drill.
pub fn is_wanted(event: &str) -> bool {
    let wanted: Wanted = serde_json::from_str(event).unwrap_or_default();
    wanted.drill
}

/// Begins a drill in an account and a region.
///
/// # Errors
/// Fails if the record could not be written. The next inspection reports that.
pub async fn begin(
    request_id: &str,
    (settings, account_id, region): (&IngestSettings, &str, &str),
    store: &DynamoStore<SdkTable>,
    logs: &CloudWatchLogs,
) -> Result<(), InvocationError> {
    let failed = |message| InvocationError {
        name: "NoDrill",
        message,
    };
    let Some(log_group) = &settings.drill_log_group else {
        return Err(failed("DRILL_LOG_GROUP is not set".to_owned()));
    };
    let drill = Drill {
        id: DrillId::new(now(), fastrand::u64(..)),
        account_id: account_id.to_owned(),
        region: region.to_owned(),
    };
    let begun = drill::begin(&drill, log_group, store, logs).await;
    let id = drill.id.text();
    match begun {
        Ok(()) => {
            tracing::info!(request_id, drill = id, "began a drill");
            Ok(())
        }
        Err(error) => {
            let detail = invocation::error_text(&error);
            tracing::error!(request_id, drill = id, detail, "the drill did not begin");
            Err(failed(detail))
        }
    }
}

/// Looks at the last nightly drill. Returns whether it failed; `None` if there was none, or if that is not known.
pub async fn check(
    request_id: &str,
    settings: &InspectSettings,
    store: &DynamoStore<SdkTable>,
) -> Option<bool> {
    let sinks = settings.ingest.sinks.iter();
    let sinks: Vec<String> = sinks.map(|sink| sink.name().to_owned()).collect();
    match drill::check_last(store, &sinks, now()).await {
        Ok(failed) => {
            if failed == Some(true) {
                tracing::error!(request_id, "the last drill failed");
            }
            failed
        }
        Err(error) => {
            let detail = invocation::error_text(&error);
            tracing::error!(request_id, detail, "cannot look at the last drill");
            None
        }
    }
}
