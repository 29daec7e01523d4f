//! Guance and TrueWatch: where their sites are, and what an alert looks like on the wire.
//!
//! An alert becomes an event of a monitor, by line protocol to a DataWay or a DataKit, or by JSON to
//! the Open API. All here is pure; whoever sends it stands elsewhere.

pub mod event;
pub mod line_protocol;
pub mod open_api;
pub mod site;
