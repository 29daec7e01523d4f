//! Does the work: takes records in, inspects hours, delivers alerts and answers dashboards, through ports.
//!
//! The verbs are `ingest`, `inspect`, `deliver` and `widget`. They do not know each other, nor who stands behind a port.
//!
//! The modules, in reading order:
//!
//! - `ports` has the traits that the verbs need of the outside world, and what an implementor must guarantee.
//! - `config` has every setting of the functions, parsed once, with all complaints at once.
//! - `rules` is what the user wants treated otherwise. Selection, rules and conclusion come together there.
//! - `reread` is an object of the bucket that is read again every few minutes.
//! - `settings_loader` is the settings object, kept up to date.
//! - `policy` says who is told of what.
//! - `ingest` opens an input, folds it and commits it: files, the events of a subscription, and what is taken in again
//!   (`redrive`, `backfill`, `repair`).
//! - `inspect` takes stock of hours that are over: what recovered, came back, escalated or is a campaign.
//! - `deliver` sends what waits: queues, verdicts on answers, and digests of floods.
//! - `widget` answers a dashboard, and keeps what somebody decides there.
//! - `key lookup` asks IAM about access keys, for `deliver` and `inspect`.
//! - `memory` implements the store and its companions in memory.

// The ports through which the verbs reach the outside world.
pub mod ports;

// A rules file: places in it, and complaints about them.
pub mod rulefile;

// What the user wants treated otherwise.
pub mod rules;

// Who is told of what.
pub mod policy;

// An object of the bucket that is read again every few minutes.
pub mod reread;

// The settings object of a function, kept up to date.
pub mod settings_loader;

// Every setting of the functions, parsed once.
pub mod config;

// Enquiries at IAM, as delivery and inspection make them.
pub mod key_lookup;

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
