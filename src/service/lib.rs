//! What is done: records are taken in, hours inspected, alerts delivered and dashboards answered, through ports
//! that the adapters implement.

// The ports through which the verbs reach the outside world.
pub mod ports;

// A rules file: places in it, and complaints about them.
pub mod rulefile;

// What the user wants treated otherwise.
pub mod rules;

// Who is told of what.
pub mod policy;

// Every setting of the functions, parsed once.
pub mod config;

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
