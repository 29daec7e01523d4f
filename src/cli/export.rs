//! `export`: everything that is stored about a cluster, a sensitive call or an incident, as one JSON document.

use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;

use crate::open_store::{StoreArguments, one};
use crate::source::StoreQuery;
use crate::{events, incidents, json, output};

/// Print everything that is stored about a cluster, a sensitive call or an incident as one JSON document
///
/// The document has the samples, the history with the decisions of people, the list of events with where to find each, and, of a
/// stack, the alerts that were sent. Treat it like the trail.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    cloudtrail-inspector export --db trail.db kq5l > cluster.json\n  \
    cloudtrail-inspector export --stack errors 46cx | jq -r '.events[].event_id'")]
pub struct Arguments {
    /// ID of a cluster, a sensitive call or an incident, or the beginning of it if no other ID begins the same
    id: String,
    #[command(flatten)]
    store: StoreArguments,
}

/// Runs `export`.
///
/// # Errors
/// Fails if the store cannot be read, or if nothing or several things have the ID.
pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let open_store = arguments.store.open()?;
    let answer = open_store.all(StoreQuery {
        samples: true,
        replay: true,
        incidents: true,
        events: true,
        ..StoreQuery::default()
    })?;
    let id = arguments.id.as_str();
    // The id of a cluster has another form than that of an incident only in its length.
    let text = match (one(&answer.snapshot, id), incidents::one(&answer, id)) {
        (Ok(cluster), Ok(_)) if cluster.id.to_string() != id => {
            anyhow::bail!(
                "a cluster and an incident have IDs that begin with {id}; give more characters"
            )
        }
        (Ok(cluster), _) => {
            let places = events::of_cluster(&cluster, &answer);
            let sent = open_store.sent(cluster.id)?;
            match cluster.facts.is_sensitive_call() {
                true => json::export_call(&cluster, &sent, &places)?,
                false => {
                    let standing = answer.standing(cluster.id);
                    let standing = standing.with_context(|| cluster.id.to_string())?;
                    let history = open_store.history(cluster.id, &answer)?;
                    json::export(&cluster, &standing, &history, &sent, &places)?
                }
            }
        }
        (Err(_), Ok(incident)) => {
            let places = events::of_incident(incident, &answer);
            json::export_incident(incident, &answer, &places)?
        }
        (Err(error), Err(_)) => return Err(error),
    };
    output::print(&text)?;
    Ok(ExitCode::SUCCESS)
}
