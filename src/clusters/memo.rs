//! The memo: what was worked out lately of parts of records. Whole records that repeat are told
//! before they are read; of the others, some parts are the same over and over.

use records::origin::Agents;

use crate::fingerprint::Ids;

/// What is remembered from record to record; nothing by default.
#[derive(Debug, Default)]
pub struct Memo {
    /// What user agents claim.
    pub agents: Agents,
    /// The fingerprints of identities.
    pub ids: Ids,
}

/// How many user agents are remembered: nine of ten are among so many.
const AGENTS_MAX: usize = 128;

/// How many identities are remembered: half of them are among so many.
const IDS_MAX: usize = 1024;

impl Memo {
    /// Returns a memo that remembers as much as pays, in less than a megabyte.
    pub fn paying() -> Self {
        Self {
            agents: Agents::with_places(AGENTS_MAX),
            ids: Ids::with_places(IDS_MAX),
        }
    }

    /// Returns a memo that remembers so many of each.
    pub fn with_places(count: usize) -> Self {
        Self {
            agents: Agents::with_places(count),
            ids: Ids::with_places(count),
        }
    }
}
