//! The integration tests, in one binary.
//!
//! Rules: the name of a test is the sentence that it proves; input and expectation are in the test; times are literals;
//! no test sleeps to wait.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

#[macro_use]
mod contract;

mod alerts;
mod bad_input;
mod binary;
mod bootstrap;
mod browser;
mod calls;
mod carry;
mod chromium;
mod cli;
mod clocks;
mod clusters;
mod console;
mod corpus;
mod cost;
mod coverage_units;
mod dashboard;
mod deliver;
mod deliveries;
mod directory;
mod dynamodb;
mod effort;
mod emulator;
mod events;
mod filter_pattern;
mod fixtures;
mod fuzz;
mod gaps;
mod golden;
mod house;
mod html;
mod http;
mod identity;
mod incident_alerts;
mod incident_store;
mod incidents;
mod inspection;
mod interleavings;
mod kills;
mod laws;
mod login;
mod manual_clock;
mod notify;
mod oracle;
mod outbox;
mod page;
mod patience;
mod pattern;
mod payloads;
mod pipeline;
mod places;
mod reading;
mod records;
mod redrive;
mod rehearse;
mod replays;
mod rules;
mod schema;
mod sensitive_calls;
mod settings;
mod setup;
mod store;
mod story;
mod subscription;
mod table;
mod triage;
mod truth;
mod widget;
mod wire;
mod workspace;
