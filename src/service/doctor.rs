//! Finds the broken link between CloudTrail and the sinks of a stack: facts in, links out, in the order of the data.
//!
//! [`examine`] is pure; the command `doctor` collects the facts. A link that is broken makes those behind it meaningless, so they
//! are not checked. A link that works in part, or that could not be read, does not stop the others.

mod links;
#[cfg(test)]
mod tests;

use records::redact::sanitize;
use records::time::Timestamp;

use crate::ports::DeployedFunction;
use crate::status::Fact;

/// The longest text of a link, in characters.
const TEXT_CHARS_MAX: usize = 600;

/// What is examined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A deployed stack, by its name.
    Stack(String),
    /// A log group, before the first deployment, by its name.
    LogGroup(String),
}

/// All that the links are judged by. What was not looked up, because it does not exist or is not used, is `None` or empty.
#[derive(Debug, Clone)]
pub struct DoctorFacts {
    /// What is examined.
    pub target: Target,
    /// The region that was asked; empty if none is known.
    pub region: String,
    /// The current time by the clock of this machine.
    pub now: Timestamp,
    /// Whether there are credentials and a region here; the error says which command helps.
    pub login: Fact<()>,
    /// How far the clock of this machine is ahead of AWS, in seconds.
    pub clock: Fact<i64>,
    /// Who is asking: the account and the ARN.
    pub caller: Fact<Caller>,
    /// The functions of the stack that exist.
    pub functions: Fact<Vec<DeployedFunction>>,
    /// The trails that this account can see.
    pub trails: Fact<Vec<Trail>>,
    /// The log groups that the stack reads, or the one that is examined.
    pub groups: Vec<Group>,
    /// The resource policy of the ingest function as JSON; `None` if it has none.
    pub permission: Fact<Option<String>>,
    /// The concurrent executions that are reserved for the ingest function (`None`: none), and those that the account has left.
    pub concurrency: Fact<(Option<i64>, i64)>,
    /// For each function by its role, the newest line of its log if it reports an error after which no invocation succeeded.
    pub errors: Vec<(String, Fact<Option<String>>)>,
    /// The table; `None` if it does not exist.
    pub table: Fact<Option<Table>>,
    /// Whether the bucket exists.
    pub bucket: Fact<bool>,
    /// The schedules that call functions.
    pub schedules: Vec<Schedule>,
    /// Whether the settings of the deliver function are valid; `None` if there is no such function.
    pub sink_settings: Option<Fact<()>>,
    /// The secrets of the Guance workspaces.
    pub secrets: Vec<WorkspaceSecret>,
    /// The sinks.
    pub sinks: Vec<Sink>,
    /// For how many access keys IAM gave no answer in the last inspection (`None` inside: there was none lately); `None` if no role
    /// in other accounts is used.
    pub unanswered_keys: Option<Fact<Option<u64>>>,
    /// Before the first deployment: the actions that a deployment needs, and whether the caller may do them. `None` where that
    /// cannot be simulated, as for a root user.
    pub deployment: Option<Fact<Vec<(String, bool)>>>,
}

/// Who is asking.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Caller {
    /// The account, twelve digits.
    pub account_id: String,
    /// The ARN of the user or the session.
    pub arn: String,
}

/// A trail of CloudTrail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trail {
    /// The name.
    pub name: String,
    /// The ARN.
    pub arn: String,
    /// The region in which the trail is changed.
    pub home: String,
    /// The ARN of the log group that the trail writes to; empty for none.
    pub log_group_arn: String,
    /// Whether the trail records the calls of all regions.
    pub is_multi_region: bool,
    /// Whether the trail records calls of global services, such as IAM.
    pub has_global_events: bool,
    /// Whether the trail records the calls of all accounts of an organization.
    pub is_of_organization: bool,
    /// Whether the trail is on, and whether it can write to the log group. Only of a trail that writes to an examined group.
    pub status: Fact<TrailStatus>,
    /// Which management events the trail records. Only of a trail that writes to an examined group.
    pub events: Fact<RecordedEvents>,
}

/// Whether a trail is on, and whether it can write to its log group.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrailStatus {
    /// Whether the trail is on.
    pub is_logging: bool,
    /// The last error of a delivery to the log group; empty if there was none, or if a later delivery succeeded.
    pub delivery_error: String,
}

/// Which management events a trail records.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecordedEvents {
    /// Whether it records management events that only read.
    pub reads: bool,
    /// Whether it records management events that write.
    pub writes: bool,
    /// The services whose management events are left out, such as `kms.amazonaws.com`.
    pub left_out: Vec<String>,
}

/// A log group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// The name.
    pub name: String,
    /// When the newest record in it was logged (`None`: it has none); `None` outside if the group does not exist.
    pub newest: Fact<Option<Option<Timestamp>>>,
    /// The subscription filters.
    pub filters: Fact<Vec<Filter>>,
}

/// A subscription filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    /// The name.
    pub name: String,
    /// The pattern.
    pub pattern: String,
    /// The ARN of the function or stream that gets the records.
    pub destination: String,
}

/// The state of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// The status, such as `ACTIVE`.
    pub status: String,
    /// Whether expired items are deleted.
    pub expires: Fact<bool>,
    /// Whether the table can be restored to a point in time.
    pub restores: Fact<bool>,
}

/// A schedule that calls a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// The role of the function that it calls: `inspect` or `deliver`.
    pub role: String,
    /// The name of its group.
    pub group: String,
    /// The name of the schedule and whether it is enabled; `None` if there is no schedule in the group.
    pub found: Fact<Option<(String, bool)>>,
}

/// The secret of a Guance workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkspaceSecret {
    /// The name of the workspace's sink, such as `guance-shop`.
    pub sink: String,
    /// The ARN.
    pub arn: String,
    /// Whether the secret exists and has what the route needs.
    pub answer: Fact<Probe>,
}

/// A sink, with the result of a request that changes nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sink {
    /// The name: `guance`, `guance-NAME` for a further workspace, `sns` or `eventbridge`.
    pub name: String,
    /// The address, ARN or name.
    pub place: String,
    /// Whether the sink is in a private network, so that this machine may not reach it although the function does.
    pub is_private: bool,
    /// The answer.
    pub answer: Fact<Probe>,
    /// Why the deliver function could not send to the sink at last; empty if it could.
    pub trouble: Fact<String>,
}

/// The answer to a harmless request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Probe {
    /// All is well, after this number of milliseconds.
    Fine(i64),
    /// The service answers with an error: its text.
    Wrong(String),
}

/// The state of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum LinkState {
    /// It works.
    Ok,
    /// It works in part: some records do not come.
    Limited,
    /// It does not work.
    Broken,
    /// It could not be read.
    Unknown,
    /// It was not checked, because a link before it is broken, or because it cannot be checked from here.
    NotChecked,
}

/// One link between CloudTrail and the sinks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The stable name, such as `filter`.
    pub key: &'static str,
    /// What the link is, for people.
    pub name: &'static str,
    /// Its state.
    pub state: LinkState,
    /// What was found.
    pub finding: String,
    /// The command that repairs it, or the next one to look at; empty if there is none.
    pub command: String,
}

/// All links, in the order of the data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnosis {
    /// The links.
    pub links: Vec<Link>,
    /// What to do next if no link is broken; empty if there is nothing to do.
    pub next: String,
}

impl DoctorFacts {
    /// Returns the facts of a machine that cannot ask AWS. `why` says so; nothing else is known.
    pub fn without_login(target: Target, now: Timestamp, why: String) -> Self {
        let unknown = || "it was not looked up".to_owned();
        Self {
            target,
            region: String::new(),
            now,
            login: Err(why),
            clock: Err(unknown()),
            caller: Err(unknown()),
            functions: Err(unknown()),
            trails: Err(unknown()),
            groups: Vec::new(),
            permission: Err(unknown()),
            concurrency: Err(unknown()),
            errors: Vec::new(),
            table: Err(unknown()),
            bucket: Err(unknown()),
            schedules: Vec::new(),
            sink_settings: None,
            secrets: Vec::new(),
            sinks: Vec::new(),
            unanswered_keys: None,
            deployment: None,
        }
    }
}

impl Trail {
    /// Checks whether the trail writes to the log group with this name.
    pub fn writes_to(&self, group: &str) -> bool {
        let name = self.log_group_arn.split(":log-group:").nth(1);
        name.map(|name| name.trim_end_matches(":*")) == Some(group)
    }
}

impl LinkState {
    /// Returns the stable name, such as `not_checked`.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

impl Diagnosis {
    /// Returns the broken link; `None` if none is broken.
    pub fn broken(&self) -> Option<&Link> {
        self.links.iter().find(|of| of.state == LinkState::Broken)
    }

    /// Returns the number of links in a state.
    pub fn count(&self, state: LinkState) -> usize {
        self.links.iter().filter(|of| of.state == state).count()
    }

    /// Checks whether the chain is known to be whole: no link is broken or unknown.
    pub fn is_whole(&self) -> bool {
        self.count(LinkState::Broken) + self.count(LinkState::Unknown) == 0
    }
}

/// What was found about a link.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Verdict {
    state: LinkState,
    finding: String,
    command: String,
}

impl Verdict {
    fn new(state: LinkState, finding: impl Into<String>, command: impl Into<String>) -> Self {
        Self {
            state,
            finding: finding.into(),
            command: command.into(),
        }
    }

    fn ok(finding: impl Into<String>) -> Self {
        Self::new(LinkState::Ok, finding, "")
    }

    fn limited(finding: impl Into<String>, command: impl Into<String>) -> Self {
        Self::new(LinkState::Limited, finding, command)
    }

    fn broken(finding: impl Into<String>, command: impl Into<String>) -> Self {
        Self::new(LinkState::Broken, finding, command)
    }

    fn unknown(why: &str, command: impl Into<String>) -> Self {
        let finding = format!("cannot be read: {why}");
        Self::new(LinkState::Unknown, finding, command)
    }

    fn not_checked(why: impl Into<String>) -> Self {
        Self::new(LinkState::NotChecked, why, "")
    }
}

/// Judges all links. Those behind the first broken one are not checked. Links that the target does not have are left out.
pub fn examine(facts: &DoctorFacts) -> Diagnosis {
    let mut broken: Option<&'static str> = None;
    let mut links = Vec::new();
    for (key, name, judge) in links::of(&facts.target) {
        let verdict = match broken {
            Some(broken) => Verdict::not_checked(format!("because {broken} is broken")),
            None => match judge(facts) {
                Some(verdict) => verdict,
                None => continue,
            },
        };
        if verdict.state == LinkState::Broken {
            broken = Some(key);
        }
        links.push(Link {
            key,
            name,
            state: verdict.state,
            finding: sanitize(&verdict.finding, TEXT_CHARS_MAX),
            command: sanitize(&verdict.command, TEXT_CHARS_MAX),
        });
    }
    let next = match (&facts.target, broken) {
        (Target::LogGroup(group), None) => format!(
            "sam build && sam deploy --guided --parameter-overrides LogGroupNames={}",
            sanitize(group, 512)
        ),
        _ => String::new(),
    };
    Diagnosis { links, next }
}
