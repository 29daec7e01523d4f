//! The work of the product: ingest records, inspect hours, deliver alerts and answer dashboards, through ports.
//!
//! The four verbs are `ingest`, `inspect`, `deliver` and `widget`. They do not know each other. They do not know which
//! store or service implements a port.
//!
//! The modules, in reading order:
//!
//! - `drill_record` has a drill, its record, and what a store knows of it.
//! - `ports` has the traits through which the verbs reach the outside world, and what an implementor must guarantee.
//! - `config` parses every setting of the functions, and reports all problems at once.
//! - `rules` has the user's rules. It joins selection, rules and conclusion of a record.
//! - `watches` reads the watches of a rules file, which change the table of watched calls.
//! - `rulefile` reports problems in a rules file or settings file with line and column.
//! - `reread` reads an object of the bucket again every five minutes.
//! - `settings_loader` loads the settings file of the stack.
//! - `coverage` composes the filter pattern of the subscriptions from what is wanted.
//! - `policy` decides which sink gets which alert.
//! - `ingest` opens an input, groups its events into clusters, and commits them. Inputs are files, the events of a
//!   subscription, and events that are read again (`redrive`, `backfill`, `gap_repair`).
//! - `inspect` processes hours that are over: which clusters recovered, came back or escalated.
//! - `deliver` sends the alerts that wait: queues, circuit breakers, and digests of very many alerts.
//! - `incidents` finds the incidents of an account while they go on, for `deliver`.
//! - `widget` answers a dashboard, and stores the decisions that people make there.
//! - `configuration` is the whole configuration of a stack as one document: written, compared, and given to another stack.
//! - `carry` gives clusters what they inherit after a change of the identity version: decisions and journals.
//! - `rehearse` says which alerts would follow from an attack behind a history, and what would hide it.
//! - `status` judges the health of a stack, and `doctor` finds the broken link between CloudTrail and the sinks.
//! - `drill` says which stage of the path a drill did not reach, and why; it begins and checks nightly drills.
//! - `key_lookup` asks IAM about access keys, for `deliver` and `inspect`.
//! - `memory` implements a store and a bucket in memory.

// A test record, and what is known of it.
pub mod drill_record;

// Traits through which the verbs reach the outside world.
pub mod ports;

// Problems in a rules file or settings file, with their places.
pub mod rulefile;

// The user's rules.
pub mod rules;

// The watches of a rules file.
mod watches;
// The filter pattern of the subscriptions.
pub mod coverage;

// Which sink gets which alert.
pub mod policy;

// An object of the bucket that is read again every five minutes.
pub mod reread;

// The settings file of the stack.
pub mod settings_loader;

// Every setting of the functions, parsed once.
pub mod config;

// The configuration of a stack as one document.
pub mod configuration;
// Test records that pass through the whole path.
pub mod drill;

// Questions to IAM about access keys.
pub mod key_lookup;

// A store and a bucket in memory.
pub mod memory;

// Decisions and journals after a change of the identity version.
pub mod carry;

// Attacks behind a history, without a change of the history.
pub mod rehearse;

// The verb that groups the events of an input into clusters.
pub mod ingest;

// The incidents of an account, found while they go on.
pub mod incidents;

// The verb that sends alerts.
pub mod deliver;

// The verb that finds out, each hour, what happened to clusters, callers and accounts.
pub mod inspect;

// The verb that answers a dashboard.
pub mod widget;

// The health of a stack.
pub mod status;

// The links between CloudTrail and the sinks.
pub mod doctor;
