//! Guance: by which route a workspace is reached and where it is, what its secret is, and what its
//! answers mean. Only [`workspace`] talks to anybody.

pub mod answer;
pub mod endpoint;
pub mod route;
pub mod secret;
pub mod site;

#[cfg(feature = "io")]
pub mod workspace;
