//! AWS behind the ports: each room wraps one service, and nothing here decides anything that could
//! be decided without it.

pub mod bucket;
pub mod dynamodb;
pub mod function;
