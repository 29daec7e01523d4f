//! `clusters acknowledge`, `mute`, `expect`, `archive`, `resolve`, `reopen` and `unmark`: saves a triage decision about
//! a cluster, with actor and reason.

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

/// Arguments that all decisions have: cluster, reason and actor.
#[derive(Debug, Args)]
pub struct DecisionArguments {
    /// ID of the cluster, or the beginning of it if no other cluster begins the same
    cluster: String,
    #[command(flatten)]
    store: StoreArguments,
    /// The reason; stored in the history of the cluster
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Who decides; stored in the history. Default: the user of this machine
    #[arg(long, value_name = "NAME")]
    actor: Option<String>,
}

/// Subcommands that save or undo a decision about a cluster.
#[derive(Debug, Subcommand)]
pub enum Decide {
    /// Mark a cluster as being worked on. Alerts continue; the mark ends when the cluster recovers
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
        cloudtrail-inspector clusters archive k5ay --db trail.db --until 7d --reason release")]
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

/// The value of `--for`: a duration in seconds, parsed from a text such as `30m`, `4h`, `7d` or `2w`.
#[derive(Debug, Clone, Copy)]
pub struct Length(i64);

/// The condition that ends an archive decision, as given by `--until`.
#[derive(Debug, Clone, Copy)]
pub enum Ending {
    /// A number of seconds after the decision.
    After(i64),
    /// A moment, a number of events or callers, an escalation, or never.
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

    /// Returns the decision made at `now`; `None` for `reopen` and `unmark`, which undo a decision.
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

    /// Saves the decision and its journal entry in the store that the arguments name, and prints the decision.
    pub fn run(&self) -> anyhow::Result<ExitCode> {
        let deciding = self.deciding();
        let (actor, reason) = (deciding.actor()?, &deciding.reason);
        let at = now();
        let decision = self.decision(at)?;
        let open_store = deciding.store.open()?;
        let (cluster, answer) = open_store.find(&deciding.cluster)?;
        let before = open_store.versioned(cluster)?;
        let episode = journal::episode(&open_store.history(cluster, &answer)?.entries);
        let triage = decision.map(|decision| Triage::new(decision, &actor, reason, at, episode));
        let entry = match &triage {
            Some(triage) => triage.made(),
            None => {
                let (what, undone) = self.undone(cluster, before.triage.as_ref())?;
                let about = format!("was {}", undone.decision);
                JournalEntry::of(what, at, episode)
                    .by(&actor, reason)
                    .about(&about)
            }
        };
        open_store.set_triage(cluster, triage.as_ref(), &before, &entry)?;
        let outcome = match &triage {
            Some(triage) => triage.decision.to_string(),
            None => format!("{}: {}", entry.what.name(), entry.detail),
        };
        output::print(&format!("{cluster} {outcome}\n"))?;
        Ok(ExitCode::SUCCESS)
    }

    /// Returns the decision to undo, and the journal event of undoing it.
    ///
    /// # Errors
    /// Fails if there is no decision, or if the other of `reopen` and `unmark` undoes it.
    fn undone<'m>(
        &self,
        cluster: ClusterId,
        stored: Option<&'m Triage>,
    ) -> anyhow::Result<(JournalEvent, &'m Triage)> {
        let Some(stored) = stored else {
            bail!("{cluster} has no decision to undo");
        };
        let is_resolved = stored.decision == Decision::Resolved;
        match (self, is_resolved) {
            (Self::Reopen(_), true) => Ok((JournalEvent::Reopened, stored)),
            (Self::Reopen(_), false) => {
                bail!(
                    "{cluster} is {}; to undo this, use clusters unmark",
                    stored.decision
                )
            }
            (_, false) => Ok((JournalEvent::Unmarked, stored)),
            (_, true) => bail!("{cluster} is resolved; to undo this, use clusters reopen"),
        }
    }
}

impl Ending {
    /// Returns the end of an archive that begins at `now`.
    ///
    /// # Errors
    /// Fails if the end is in the past or too far in the future.
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
    /// Returns the name of who decides: `--actor`, else the user of this machine by USER, USERNAME or LOGNAME, else the number
    /// of the user, as in a container, else `unknown`.
    #[expect(
        clippy::disallowed_methods,
        reason = "the command line is the place that reads the environment"
    )]
    fn actor(&self) -> anyhow::Result<String> {
        if self
            .actor
            .as_ref()
            .is_some_and(|name| name.trim().is_empty())
        {
            bail!("--actor is empty; name who decides with --actor");
        }
        let variables = ["USER", "USERNAME", "LOGNAME"].into_iter();
        let variables = variables.filter_map(|name| std::env::var(name).ok());
        let named = self.actor.clone().into_iter().chain(variables);
        let named = named.filter(|name| !name.trim().is_empty());
        let mut names = named.chain(user_number());
        Ok(names.next().unwrap_or_else(|| "unknown".to_owned()))
    }
}

/// Returns the number of the user that this process runs as, such as `uid 1000`; `None` if the system does not say it.
#[cfg(unix)]
fn user_number() -> Option<String> {
    use std::os::unix::fs::MetadataExt as _;
    let process = std::fs::metadata("/proc/self").ok()?;
    Some(format!("uid {}", process.uid()))
}

#[cfg(not(unix))]
fn user_number() -> Option<String> {
    None
}

/// Returns the moment `seconds` after `now`.
fn later(now: Timestamp, seconds: i64) -> anyhow::Result<Timestamp> {
    match now.after(seconds) {
        Some(moment) => Ok(moment),
        None => bail!("this duration is too long; for no end use clusters archive --until forever"),
    }
}
