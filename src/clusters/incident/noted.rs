//! Which events have to be noted as new evidence: those that can change what is counted in their half hour.
//!
//! Each event of a machine that is refused the same call all day is evidence, but of a half hour only the first one changes
//! anything. Whoever notes evidence keeps what was noted in a [`NotedSigns`], and so leaves out the others.

use std::collections::BTreeMap;

use foldhash::{HashMap, HashMapExt as _};
use records::time::Timestamp;
use sha2::{Digest as _, Sha256};

use crate::Series;
use crate::facet::FacetKind;
use crate::fingerprint::ClusterSubject;

use super::actor::Actor;
use super::event::trait_of;
use super::evidence::{HALF_SECONDS, What};
use super::story::{day, habit, sign};

/// How many different signs are kept.
const SIGNS_MAX: usize = 20_000;

/// What an event counts as, whenever it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CountedSign {
    /// The hash of the actor and of all that is counted.
    key: [u8; 16],
    again: Again,
    /// Whether it is no evidence if the caller made the call on an earlier day.
    may_be_usual: bool,
}

/// When an event changes something although an equal one was counted in the same half hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Again {
    Never,
    /// If it is earlier than the others: what came after the first refusal counts.
    Earlier,
    /// If it is later than the others: what came before the last strong call or sign-in counts.
    Later,
    /// Always: each one counts.
    Always,
}

/// The signs that were noted, with the first and the last time in each half hour.
#[derive(Debug)]
pub struct NotedSigns(HashMap<([u8; 16], i64), (Timestamp, Timestamp)>);

/// Returns what the events of a series count as; `None` if they are no evidence.
pub fn counted_sign(subject: &ClusterSubject, series: &Series) -> Option<CountedSign> {
    let mut actors = BTreeMap::new();
    let of = trait_of(subject, series, &mut actors);
    let (actor, _): (Actor, _) = actors.pop_first()?;
    let sign = sign(&of, Timestamp::FIRST, Some(actor.short_name()), false)?;
    let again = match sign.what {
        What::FailedSignIn { .. } => Again::Always,
        What::Refusal { .. } => Again::Earlier,
        What::Call {
            is_strong,
            is_sign_in,
            ..
        } if is_strong || is_sign_in => Again::Later,
        What::Call { .. } | What::NotFound | What::Tool => Again::Never,
    };
    // A new key may mean that another person uses the identity now. Machines get new keys all the time.
    let key = of.facet(FacetKind::AccessKey).filter(|_| !of.is_machine);
    // The debug form quotes names, so different contents have different texts. Keys never leave the process.
    let content = format!("{actor:?} {key:?} {sign:?} {:?} {}", of.key, of.is_tool);
    let mut key = [0; 16];
    key.copy_from_slice(&Sha256::digest(content)[..16]);
    Some(CountedSign {
        key,
        again,
        may_be_usual: habit(&of).is_some() && !of.is_tool,
    })
}

impl CountedSign {
    /// Checks whether an event is no evidence because its caller, who made the call at `first` for the first time, made it on
    /// an earlier day.
    pub fn is_usual(&self, first: Timestamp, at: Timestamp) -> bool {
        self.may_be_usual && day(first) < day(at)
    }
}

impl Default for NotedSigns {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl NotedSigns {
    /// Checks whether an event with this sign and time can change what is counted.
    pub fn is_news(&self, sign: &CountedSign, at: Timestamp) -> bool {
        let Some((first, last)) = self.0.get(&(sign.key, half_hour(at))) else {
            return true;
        };
        match sign.again {
            Again::Never => false,
            Again::Earlier => at < *first,
            Again::Later => at > *last,
            Again::Always => true,
        }
    }

    /// Adds an event after it was noted. When there are too many signs, all are forgotten.
    pub fn add(&mut self, sign: &CountedSign, at: Timestamp) {
        if self.0.len() >= SIGNS_MAX {
            self.0.clear();
        }
        let times = self.0.entry((sign.key, half_hour(at))).or_insert((at, at));
        *times = (times.0.min(at), times.1.max(at));
    }
}

fn half_hour(at: Timestamp) -> i64 {
    at.seconds().div_euclid(HALF_SECONDS)
}
