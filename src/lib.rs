//! The map of cloudtrail-inspector, in reading order. `ARCHITECTURE.md` tells the story behind it.

/// What CloudTrail says: inputs opened, records cut out and read, callers and texts understood.
pub mod trail;
