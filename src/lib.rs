//! The map of cloudtrail-inspector, in reading order. `ARCHITECTURE.md` tells the story behind it.

// What CloudTrail says: inputs opened, records cut out and read, callers and texts understood.
pub mod trail;

// What we conclude: classes, identities, tallies, clusters and how they live.
pub mod cluster;

// Access keys: whose they are, and what a changed last use means.
pub mod keys;

// What we tell: alerts, severity with its reasons, and what to do.
pub mod alert;

// Guance: its sites, an alert as what it takes, and what its answers mean.
pub mod guance;

// Alerts that wait, and what became of sending them.
pub mod outbox;

// What the user wants treated otherwise.
pub mod rules;

// Who is told of what.
pub mod policy;

// Every setting of the functions, parsed once.
pub mod config;

// What people look at: the report of a scan as a page, and the pages of a dashboard.
pub mod page;

// One outcome per record, and the books that must balance.
pub mod report;

// Believable trails made from a seed, for the demo, the tests and the benchmarks.
pub mod demo;

// The ports through which the verbs reach the outside world.
pub mod ports;

// Enquiries at IAM, as delivery and inspection make them.
pub mod enquiry;

// The outside world in memory.
pub mod memory;

// The verb that turns an input into clusters: files, and the events of a subscription.
pub mod ingest;

// The verb that sends what waits.
pub mod deliver;

// The verb that takes stock: what happened to clusters, callers and accounts, in event time.
pub mod inspect;

// The verb that answers a dashboard: clusters in lists and in full, and what people decide about them.
pub mod widget;

// AWS: the bucket, and how its services are reached from within a function.
#[cfg(feature = "io")]
pub mod aws;

// The store in one SQLite file.
#[cfg(feature = "io")]
pub mod sqlite;
