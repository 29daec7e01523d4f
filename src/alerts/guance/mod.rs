//! Guance and TrueWatch: the sites, the requests that contain an alert, and the meaning of the answers.
//!
//! An alert becomes a monitor event. It is sent in line protocol to a `DataWay` or a `DataKit`, or as JSON
//! to the Open API. This module only builds requests and reads answers; the crate `aws` sends them.

pub mod answer;
pub mod attributes;
pub mod endpoint;
pub mod event;
pub mod line_protocol;
pub mod open_api;
pub mod route;
pub mod secret;
pub mod site;
