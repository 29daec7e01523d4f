//! `clusters acknowledge`, `mute`, `expect`, `archive`, `resolve`, `reopen` and `unmark`: what a person
//! decides about a cluster, with who and why.

use std::process::ExitCode;
use std::str::FromStr;

use anyhow::bail;
use clap::{Args, Subcommand};
use clusters::fingerprint::ClusterId;
use clusters::journal::{self, JournalEntry, JournalEvent};
use clusters::triage::{Decision, Triage, Until};
use records::time::{Timestamp, seconds};

use crate::machine::now;
use crate::open_store::StoreArguments;
use crate::output;

/// Which cluster, who decides about it, and why.
#[derive(Debug, Args)]
pub struct DecisionArguments {
    /// ID of the cluster, or the beginning of it if no other cluster begins the same
    cluster: String,
    #[command(flatten)]
    open_store: StoreArguments,
    /// The reason; stored in the history of the cluster
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Who decides; stored in the history. Default: the environment variable USER or USERNAME
    #[arg(long, value_name = "NAME")]
    actor: Option<String>,
}

/// What can be decided.
#[derive(Debug, Subcommand)]
pub enum Decide {
    /// Mark a cluster as being worked on. Alerts continue; the triage ends when the cluster recovers
    #[command(after_help = "Examples:\n  \
        cloudtrail-inspector clusters acknowledge k5ay --stack errors --reason 'asked team shop'")]
    Acknowledge(DecisionArguments),
    /// Send no alerts about a cluster for some time, not even about its recovery
    #[command(after_help = "Examples:\n  \
        cloudtrail-inspector clusters mute k5ay --stack errors --for 7d --reason migration")]
    Mute {
        #[command(flatten)]
        deciding: DecisionArguments,
        /// How long, such as 30m, 4h, 7d or 2w
        #[arg(long = "for", value_name = "TIME")]
        time: Length,
    },
    /// Mark a cluster as expected: no more alerts about it
    #[command(after_help = "Examples:\n  \
        cloudtrail-inspector clusters expect k5ay --stack errors --reason 'meant to fail'")]
    Expect(DecisionArguments),
    /// Send no alerts about a cluster until a condition is met
    #[command(after_help = "Examples:\n  \
        cloudtrail-inspector clusters archive k5ay --stack errors --until 100x/1h --reason noise\n  \
        cloudtrail-inspector clusters archive k5ay --stack errors --until escalating --reason noise\n  \
        cloudtrail-inspector clusters archive k5ay --db trail.db --until 2026-12-31 --reason release")]
    Archive {
        #[command(flatten)]
        deciding: DecisionArguments,
        /// The condition: a date or time, a duration (7d), a number of events per hour or day (100x/1h,
        /// 100x/1d), a number of new callers (3p), escalating, or forever
        #[arg(long, value_name = "WHAT")]
        until: Ending,
    },
    /// Close a cluster. Only an event after this moment opens it again
    #[command(after_help = "Examples:\n  \
        cloudtrail-inspector clusters resolve k5ay --stack errors --reason 'policy fixed'")]
    Resolve(DecisionArguments),
    /// Undo resolve
    #[command(after_help = "Examples:\n  \
        cloudtrail-inspector clusters reopen k5ay --stack errors --reason 'rolled back'")]
    Reopen(DecisionArguments),
    /// Undo acknowledge, mute, expect or archive
    #[command(after_help = "Examples:\n  \
        cloudtrail-inspector clusters unmark k5ay --stack errors --reason 'all done'")]
    Unmark(DecisionArguments),
}

/// A length of time, in seconds.
#[derive(Debug, Clone, Copy)]
pub struct Length(i64);

/// What ends an archive, as a person says it.
#[derive(Debug, Clone, Copy)]
pub enum Ending {
    /// So many seconds from now.
    After(i64),
    /// What happens.
    At(Until),
}

impl FromStr for Length {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let seconds = seconds(text).map(Self);
        seconds.ok_or_else(|| "expected a duration, such as 30m, 4h, 7d or 2w".to_owned())
    }
}

impl FromStr for Ending {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let after = seconds(text).map(Self::After);
        let ending = after.or_else(|| Until::parse(text).map(Self::At));
        ending.ok_or_else(|| {
            "expected a date (2026-12-31), a duration (7d), 100x/1h, 100x/1d, 3p, escalating or \
             forever"
                .to_owned()
        })
    }
}

impl Decide {
    fn deciding(&self) -> &DecisionArguments {
        match self {
            Self::Mute { deciding, .. } | Self::Archive { deciding, .. } => deciding,
            Self::Acknowledge(deciding)
            | Self::Expect(deciding)
            | Self::Resolve(deciding)
            | Self::Reopen(deciding)
            | Self::Unmark(deciding) => deciding,
        }
    }

    /// Returns what is decided at a moment; `None` where something is taken back.
    fn decision(&self, now: Timestamp) -> anyhow::Result<Option<Decision>> {
        Ok(Some(match self {
            Self::Acknowledge(_) => Decision::Acknowledged,
            Self::Mute { time, .. } => Decision::Muted {
                until: later(now, time.0)?,
            },
            Self::Expect(_) => Decision::Expected,
            Self::Archive { until, .. } => Decision::Archived {
                until: until.beginning(now)?,
            },
            Self::Resolve(_) => Decision::Resolved,
            Self::Reopen(_) | Self::Unmark(_) => return Ok(None),
        }))
    }

    /// Decides, and says what.
    pub fn run(&self) -> anyhow::Result<ExitCode> {
        let deciding = self.deciding();
        let (actor, reason) = (deciding.actor()?, &deciding.reason);
        let at = now();
        let decision = self.decision(at)?;
        let open_store = deciding.open_store.open()?;
        let (cluster, answer) = open_store.find(&deciding.cluster)?;
        let before = open_store.versioned(cluster)?;
        let episode = journal::episode(&open_store.history(cluster, &answer)?.entries);
        let triage = decision.map(|decision| Triage::new(decision, &actor, reason, at, episode));
        let entry = match &triage {
            Some(triage) => triage.made(),
            None => {
                let (what, known) = self.taken_back(cluster, before.triage.as_ref())?;
                let about = format!("was {}", known.decision);
                JournalEntry::of(what, at, episode)
                    .by(&actor, reason)
                    .about(&about)
            }
        };
        open_store.triage(cluster, triage.as_ref(), &before, &entry)?;
        let said = match &triage {
            Some(triage) => triage.decision.to_string(),
            None => format!("{}: {}", entry.what.name(), entry.detail),
        };
        output::print(&format!("{cluster} {said}\n"))?;
        Ok(ExitCode::SUCCESS)
    }

    /// Returns the triage that is taken back, and what the journal calls that.
    fn taken_back<'m>(
        &self,
        cluster: ClusterId,
        known: Option<&'m Triage>,
    ) -> anyhow::Result<(JournalEvent, &'m Triage)> {
        let Some(known) = known else {
            bail!("{cluster} has no decision to undo");
        };
        let is_resolved = known.decision == Decision::Resolved;
        match (self, is_resolved) {
            (Self::Reopen(_), true) => Ok((JournalEvent::Reopened, known)),
            (Self::Reopen(_), false) => {
                bail!(
                    "{cluster} is {}; to undo this, use clusters unmark",
                    known.decision
                )
            }
            (_, false) => Ok((JournalEvent::Unmarked, known)),
            (_, true) => bail!("{cluster} is resolved; to undo this, use clusters reopen"),
        }
    }
}

impl Ending {
    /// Returns what ends an archive that begins at a moment.
    fn beginning(self, now: Timestamp) -> anyhow::Result<Until> {
        match self {
            Self::After(seconds) => Ok(Until::Moment(later(now, seconds)?)),
            Self::At(Until::Moment(moment)) if moment <= now => {
                bail!("{moment} is in the past; give a time in the future")
            }
            Self::At(until) => Ok(until),
        }
    }
}

impl DecisionArguments {
    /// Returns who decides.
    #[expect(
        clippy::disallowed_methods,
        reason = "the door is where the environment comes in"
    )]
    fn actor(&self) -> anyhow::Result<String> {
        let named = self.actor.clone();
        let user = || {
            ["USER", "USERNAME"]
                .into_iter()
                .find_map(|it| std::env::var(it).ok())
        };
        match named.or_else(user).filter(|name| !name.trim().is_empty()) {
            Some(name) => Ok(name),
            None => bail!("the user is not known (USER is not set); name who decides with --actor"),
        }
    }
}

/// Returns the moment so many seconds from now.
fn later(now: Timestamp, seconds: i64) -> anyhow::Result<Timestamp> {
    match now.after(seconds) {
        Some(moment) => Ok(moment),
        None => bail!("this duration is too long; for no end use clusters archive --until forever"),
    }
}
