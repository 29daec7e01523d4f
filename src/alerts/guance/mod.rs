//! Guance and TrueWatch: where their sites are, what an alert looks like on the wire, and what their
//! answers mean.
//!
//! An alert becomes an event of a monitor, by line protocol to a `DataWay` or a `DataKit`, or by JSON
//! to the Open API. Only [`workspace`] talks to anybody.

pub mod answer;
pub mod endpoint;
pub mod event;
pub mod line_protocol;
pub mod open_api;
pub mod route;
pub mod secret;
pub mod site;
