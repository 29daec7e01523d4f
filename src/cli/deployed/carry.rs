//! `clusters carry`: after a change of the identity version, continues the clusters of a stack under their present ids.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;

use aws::dynamodb::old_clusters::TableClusters;
use clap::Args;
use clusters::ClusterFacts;
use clusters::carry::{Successors, inherit, successors};
use clusters::fingerprint::ClusterId;
use service::carry::{hand_over, list_resolutions, successors_by_example};
use service::ingest::rules_loader::RulesLoader;
use service::rules::Rules;

use crate::carry::complain;
use crate::counts::counted;
use crate::deployed::function::{FunctionArguments, FunctionContext};
use crate::machine::now;
use crate::output;

/// Continue the clusters of a stack under their present IDs, after an upgrade that changed the version of the identity
///
/// An old cluster continues in each cluster that holds one of its events, as after a backfill; otherwise in the cluster that its
/// example belongs to. That cluster gets its decisions, journal, state, callers and first event, so it is not announced as new. It is safe to
/// repeat or interrupt: nothing is carried over twice.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    cloudtrail-inspector clusters carry --stack errors\n  \
    cloudtrail-inspector clusters carry --stack errors --settings settings.toml")]
pub struct Arguments {
    #[command(flatten)]
    function: FunctionArguments,
}

/// The facts of clusters that have no item yet.
type NewFacts = BTreeMap<ClusterId, Arc<ClusterFacts>>;

/// Runs `clusters carry`.
pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let context = arguments.function.open()?;
    context.runtime.block_on(carry(&context))?;
    Ok(ExitCode::SUCCESS)
}

async fn carry(context: &FunctionContext) -> anyhow::Result<()> {
    let store = context.store();
    let table = store.clusters_by_version().await?;
    let rules = rules(context).await?;
    let (successors, facts) = successors_in(&table, &rules).await?;
    let mut continued = 0;
    for (cluster, old) in &table.items {
        for new in successors.get(cluster).into_iter().flatten() {
            let facts = facts.get(new).map(AsRef::as_ref);
            continued += u64::from(store.continue_cluster(old, *new, facts).await?);
        }
    }
    list_resolutions(&store, &table.old.clusters).await?;
    let carried = hand_over(&store, &inherit(&table.old.clusters, &successors)).await?;
    complain(
        &context.settings.ingest.table_name,
        &table.old.clusters,
        &successors,
        carried,
    );
    let old = counted(table.items.len() as u64, "cluster");
    let without = table.items.len() - successors.len();
    output::print(&format!(
        "{old} with an earlier identity: {} continued, {without} without a successor\n",
        counted(continued, "item")
    ))
}

/// Returns the rules that the functions of the stack apply.
async fn rules(context: &FunctionContext) -> anyhow::Result<Rules> {
    let settings = &context.settings.ingest;
    let mut loader = RulesLoader::new(settings.rules_object.clone());
    let read = loader.read(now(), &context.bucket()).await?.value;
    let rules = read.unwrap_or_default();
    Ok(rules.with_exclusions(settings.exclusions.clone()))
}

/// Returns the successors of all old clusters: those that hold their events, or else those that their examples belong to. Also returns
/// the facts of the latter.
async fn successors_in(
    table: &TableClusters,
    rules: &Rules,
) -> anyhow::Result<(Successors, NewFacts)> {
    let now_in = |event| table.present_cluster(event);
    let mut successors = successors(table.old.events.iter().copied(), now_in);
    let without = |cluster: &ClusterId| !successors.contains_key(cluster);
    let examples = table.items.iter().filter(|(cluster, _)| without(cluster));
    let examples = examples
        .filter_map(|(cluster, old)| Some((*cluster, &*old.cluster_item.sample.as_ref()?.json)));
    let found = successors_by_example(examples, rules, &table.present);
    let (further, facts) = found.await?;
    successors.extend(further);
    Ok((successors, facts))
}
