//! Coverage: which records a stack reads, as the filter pattern of its subscription filters.
//!
//! CloudWatch Logs accepts at most 1,024 characters and two regular expressions in a pattern, without parentheses. So a
//! pattern is composed from what is wanted, by priority: errors, sign-ins, watched calls of the user, strong watched
//! calls, other watched calls, with two frequent failures without an error code before the weakest of them, more of such
//! failures, removals. Names of calls stand in it as fragments, and a service that is seldom changed stands for all
//! calls that change it. What has no room is listed.
//!
//! Sources: Amazon CloudWatch Logs User Guide, "Filter pattern syntax", "Supported regular expressions syntax" and "Using
//! filter patterns to match terms in JSON log events": the precedence is parentheses, `&&`, `||`, and a word without
//! special characters needs no quotes; 2026-11-29.

mod calls;
mod fragments;

use std::collections::{BTreeMap, BTreeSet};

use clusters::event_name::unversioned;
use clusters::hidden_failures;
use clusters::selection::SIGNINS;
use clusters::watch::{Tier, Watch, Watches};
use records::Record;
use strum::{EnumString, IntoStaticStr};

use self::calls::{Call, Effect};
use self::fragments::{Fragment, Fragments};

/// Maximum length of a filter pattern in CloudWatch Logs, in characters.
pub const PATTERN_CHARS_MAX: usize = 1024;

/// Maximum number of regular expressions in a filter pattern.
pub const REGULAR_EXPRESSIONS_MAX: usize = 2;

/// Which records a stack reads. The names are values of the stack parameter `Coverage`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, EnumString, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Coverage {
    /// Errors and sign-ins alone.
    Errors,
    /// Errors, sign-ins, watched calls, and calls that remove what watched calls made.
    Watched,
    /// Errors, sign-ins, watched calls and every call that changes something.
    Changes,
}

impl Coverage {
    /// All kinds of coverage, from the narrowest.
    pub const ALL: [Self; 3] = [Self::Errors, Self::Watched, Self::Changes];

    /// Returns the name, as in the stack parameter.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// A call of a watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct WatchedCall<'w> {
    /// The name of the watch.
    pub watch: &'w str,
    /// The service of the call, such as `iam`.
    pub service: &'w str,
    /// The name of the call without a version.
    pub action: &'w str,
}

/// A filter pattern, with what it admits and what not. A call is a service and a name.
#[derive(Debug, Clone)]
pub struct Composition<'w> {
    /// The coverage that was asked for.
    pub coverage: Coverage,
    /// The pattern, at most [`PATTERN_CHARS_MAX`] characters.
    pub pattern: String,
    /// Watched calls that the coverage should admit and that have no room.
    pub watched_left_out: Vec<WatchedCall<'w>>,
    /// Calls whose failures without an error code are not found.
    pub hidden_left_out: BTreeSet<HiddenCall>,
    /// Calls that remove what watched calls made, and that have no room.
    pub removals_left_out: Vec<Call<'static>>,
    /// Names of calls that are admitted although the coverage does not ask for them, because a part of a name fits them
    /// too.
    pub further_names: BTreeSet<&'static str>,
    /// Services whose every change is admitted, so that their watched calls need no names.
    pub services: BTreeSet<&'static str>,
    fragments: BTreeSet<Fragment>,
}

/// The service and the event of a call that can list failures in its response.
type HiddenCall = (&'static str, &'static str);

/// Records of errors: an error code that is a text or a number, a message, and events that AWS services caused.
const ERRORS: [&str; 4] = [
    r#"$.errorCode="*""#,
    "$.errorCode > 0",
    r#"$.errorMessage="*""#,
    "$.eventType=AwsServiceEvent",
];

/// Records of calls that change something. `managementEvent` leaves out the changes of data, such as `PutObject`.
const CHANGES: &str = "$.readOnly IS FALSE && $.managementEvent IS TRUE";

/// Records of IAM users' keys that read a secret or take on a role. Roles do so all day, and are not admitted.
const KEYS: &str = r#"$.userIdentity.type=IAMUser && ($.eventName="GetSecretV*" || $.eventName="GetParam*" || $.eventName="AssumeRole*")"#;

/// Starts of the names of the calls in [`KEYS`].
const KEY_CALLS: [&str; 3] = ["GetSecretV", "GetParam", "AssumeRole"];

/// Conditions for the most frequent failures without an error code, in the order in which they are added.
const HIDDEN: [&str; 6] = [
    "$.responseElements.failedEntryCount > 0",
    "$.responseElements.statusCode >= 400",
    r#"$.responseElements.errors[0].errorCode="*""#,
    r#"$.responseElements.failures[0].reason="*""#,
    r#"$.responseElements.unprocessedAccounts[0].accountId="*""#,
    r#"$.responseElements.errors[0].message="*""#,
];

/// Calls whose failures in the response no condition finds, and that are frequent enough for their name: EC2 wraps its
/// lists, and Glue puts the code into an object of each entry.
const HIDDEN_BY_NAME: [HiddenCall; 4] = [
    ("glue", "BatchCreatePartition"),
    ("ec2", "CreateFleet"),
    ("ec2", "CreateFlowLogs"),
    ("ec2", "DeleteFlowLogs"),
];

/// Calls that report frequent failures in their response alone: Amazon ECS that finds no room for a task, and Amazon
/// EventBridge that does not take a target. Where conditions have no room, their names are short, and their successes are
/// dropped by the function.
const FREQUENT_HIDDEN: [HiddenCall; 2] = [("ecs", "RunTask"), ("events", "PutTargets")];

/// Calls that remove what a watched call made, so that it is known what stays behind. Source: the API references of IAM,
/// S3, Lambda, EC2, IAM Roles Anywhere and CloudTrail, 2026-11-29.
const REMOVALS: [Call<'static>; 22] = [
    ("cloudtrail", "CreateTrail"),
    ("cloudtrail", "StartLogging"),
    ("ec2", "DeleteSnapshot"),
    ("ec2", "DeregisterImage"),
    ("ec2", "RevokeSecurityGroupIngress"),
    ("iam", "DeleteAccessKey"),
    ("iam", "DeleteGroupPolicy"),
    ("iam", "DeleteLoginProfile"),
    ("iam", "DeletePolicyVersion"),
    ("iam", "DeleteRole"),
    ("iam", "DeleteRolePolicy"),
    ("iam", "DeleteUser"),
    ("iam", "DeleteUserPolicy"),
    ("iam", "DetachGroupPolicy"),
    ("iam", "DetachRolePolicy"),
    ("iam", "DetachUserPolicy"),
    ("iam", "RemoveUserFromGroup"),
    ("lambda", "DeleteFunction"),
    ("lambda", "RemovePermission"),
    ("rolesanywhere", "DeleteProfile"),
    ("rolesanywhere", "DeleteTrustAnchor"),
    ("s3", "DeleteBucket"),
];

/// Composes the patterns for a set of watches.
pub struct Composer<'w> {
    watches: &'w Watches,
    /// The watched calls, in the order of [`priority`].
    watched: [BTreeSet<Call<'w>>; PRIORITIES],
    /// The services that are admitted as a whole.
    services: Vec<Fragment>,
    /// Fragments for the calls of all others.
    fragments: Fragments<'w>,
    hidden: BTreeMap<String, BTreeSet<HiddenCall>>,
}

impl<'w> Composer<'w> {
    /// Prepares the composition of patterns for some watches. Those that are not among the watches of the product are the
    /// user's own, and come first.
    pub fn new(watches: &'w Watches) -> Self {
        let product = Watches::default();
        let mut watched = [const { BTreeSet::new() }; PRIORITIES];
        for watch in watches.all() {
            let is_own = !product.all().contains(watch);
            let is_for_keys = |name: &str| KEY_CALLS.iter().any(|start| name.starts_with(start));
            let calls = calls_of(watch).filter(|(_, name)| is_own || !is_for_keys(name));
            watched[priority(watch, is_own)].extend(calls);
        }
        let mut calls: BTreeSet<Call<'w>> = REMOVALS.into();
        calls.extend(watched.iter().flatten());
        let services = fragments::of_services(&calls);
        for call in signins().chain(HIDDEN_BY_NAME).chain(FREQUENT_HIDDEN) {
            calls.insert(call);
        }
        calls.retain(|call| !services.iter().any(|service| service.admits(*call)));
        Self {
            watches,
            fragments: Fragments::of(&calls),
            services,
            watched,
            hidden: hidden_conditions(),
        }
    }

    /// Composes the pattern of a coverage.
    pub fn compose(&self, coverage: Coverage) -> Composition<'w> {
        let mut pattern = Pattern::new(coverage);
        if coverage == Coverage::Errors {
            // There is room for whole names.
            let names = signins().chain(HIDDEN_BY_NAME);
            let names = names.map(|(_, name)| Fragment::Name(name.to_owned()));
            pattern.fragments.extend(names);
            self.add_hidden_failures(&mut pattern);
            return self.finish(pattern);
        }
        if coverage == Coverage::Watched {
            pattern.fragments.extend(self.services.iter().cloned());
        }
        let watched = self.watched.iter().flatten().copied();
        self.add_calls(&mut pattern, &signins().collect(), &watched.collect());
        for (priority, calls) in self.watched.iter().enumerate() {
            if priority == MANIPULATION {
                self.add_calls(&mut pattern, &FREQUENT_HIDDEN.into(), &BTreeSet::new());
            }
            let later = self.watched[priority + 1..].iter().flatten().copied();
            self.add_calls(&mut pattern, calls, &later.collect());
        }
        self.add_hidden_failures(&mut pattern);
        self.add_calls(&mut pattern, &REMOVALS.into(), &BTreeSet::new());
        self.finish(pattern)
    }

    /// Adds fragments for as many calls as there is room for.
    fn add_calls(
        &self,
        pattern: &mut Pattern,
        calls: &BTreeSet<Call<'_>>,
        later: &BTreeSet<Call<'_>>,
    ) {
        let all = || self.fragments.calls().iter().copied();
        let mut admitted: BTreeSet<Call<'_>> = all().filter(|call| pattern.admits(*call)).collect();
        loop {
            let room = pattern.room_for_a_name();
            let Some(fragment) = self.fragments.best(calls, later, &admitted, room) else {
                return;
            };
            admitted.extend(all().filter(|call| fragment.admits(*call)));
            pattern.fragments.insert(fragment);
        }
    }

    /// Adds conditions for failures without an error code: the most frequent ones, then those that find most calls.
    fn add_hidden_failures(&self, pattern: &mut Pattern) {
        for condition in HIDDEN {
            pattern.add_if_it_fits(condition);
        }
        self.add_calls(pattern, &HIDDEN_BY_NAME.into(), &BTreeSet::new());
        while pattern.conditions.len() < CONDITIONS_MAX {
            let found = self.found_hidden(pattern);
            let best = self.hidden.iter().filter_map(|(condition, calls)| {
                let new = calls.difference(&found).count();
                let fits = condition.len() + OR.len() <= pattern.room();
                (fits && new >= HIDDEN_CALLS_MIN).then_some((new, condition))
            });
            let Some((_, condition)) =
                best.max_by_key(|(new, condition)| (*new, std::cmp::Reverse(*condition)))
            else {
                return;
            };
            pattern.conditions.push(condition.clone());
        }
    }

    /// Returns the calls whose failures without an error code a pattern finds.
    fn found_hidden(&self, pattern: &Pattern) -> BTreeSet<HiddenCall> {
        let conditions = pattern.conditions.iter();
        let by_condition = conditions.filter_map(|condition| self.hidden.get(condition));
        let by_name = hidden_calls().filter(|call| pattern.admits(*call));
        by_condition.flatten().copied().chain(by_name).collect()
    }

    fn finish(&self, pattern: Pattern) -> Composition<'w> {
        let found = self.found_hidden(&pattern);
        let wants_calls = pattern.coverage != Coverage::Errors;
        let wanted: BTreeSet<_> = self.watched.iter().flatten().collect();
        let watched = self.watches.all().iter().flat_map(|watch| {
            let calls = calls_of(watch);
            let calls = calls.filter(|call| wanted.contains(call) && !pattern.admits(*call));
            calls.map(|(service, action)| WatchedCall {
                watch: &watch.name,
                service,
                action,
            })
        });
        let removals = REMOVALS.into_iter().filter(|call| !pattern.admits(*call));
        let watched_names = self.watched.iter().flatten().map(|(_, name)| *name);
        let mut names: BTreeSet<&str> = watched_names.collect();
        let others = signins().chain(HIDDEN_BY_NAME);
        let others = others.chain(FREQUENT_HIDDEN).chain(REMOVALS);
        names.extend(others.map(|(_, name)| name));
        let matched = pattern.names().flat_map(fragments::matched_names);
        let matched = matched.map(|(name, _)| name);
        Composition {
            coverage: pattern.coverage,
            pattern: pattern.text(),
            watched_left_out: watched.filter(|_| wants_calls).collect(),
            hidden_left_out: hidden_calls()
                .filter(|call| !found.contains(call))
                .collect(),
            removals_left_out: removals.filter(|_| wants_calls).collect(),
            further_names: matched.filter(|name| !names.contains(name)).collect(),
            services: pattern.services(),
            fragments: pattern.fragments,
        }
    }
}

impl Composition<'_> {
    /// Checks whether the pattern admits a call that succeeded: by its name, or because it changes something. A record
    /// without `readOnly` is admitted by its name alone.
    pub fn admits(&self, call: Call<'_>) -> bool {
        let by_part = self.fragments.iter().any(|part| part.admits(call));
        by_part || self.coverage == Coverage::Changes && is_change(call)
    }

    /// Checks whether the pattern admits a record: because of an error, by its call, or because it changes something. A
    /// failure that the response alone shows is admitted by the name of its call; what the conditions for such
    /// responses find beside it is not looked at.
    pub fn admits_record(&self, record: &Record<'_>) -> bool {
        let is_error = record.error_code.is_some()
            || record.error_message.is_some()
            || record.event_type.as_deref() == Some("AwsServiceEvent");
        let source = record.event_source.as_deref().unwrap_or_default();
        let service = source.split('.').next().unwrap_or_default();
        let action = unversioned(record.event_name.as_deref().unwrap_or_default());
        let by_part = self
            .fragments
            .iter()
            .any(|part| part.admits((service, action)));
        // All records of management events have `managementEvent` and this category.
        let is_change = record.read_only == Some(false)
            && record.event_category.as_deref() == Some("Management");
        is_error
            || by_part
            || self.coverage == Coverage::Changes && is_change
            || self.coverage != Coverage::Errors && is_use_of_key(record, action)
    }
}

/// Checks whether the key of an IAM user reads a secret or takes on a role, as [`KEYS`] asks.
fn is_use_of_key(record: &Record<'_>, action: &str) -> bool {
    let identity = record.user_identity.as_ref();
    let kind = identity.and_then(|of| of.kind.as_deref());
    kind == Some("IAMUser") && KEY_CALLS.iter().any(|start| action.starts_with(start))
}

/// Returns for each coverage the calls of the user's own watches that the pattern of the template does not admit. A
/// coverage that admits all is left out.
pub fn own_calls_left_out(watches: &Watches) -> Vec<(Coverage, Vec<WatchedCall<'_>>)> {
    let product = Watches::default();
    let own = watches.all().iter();
    let own = Vec::from_iter(own.filter(|watch| !product.all().contains(watch)));
    if own.is_empty() {
        return Vec::new();
    }
    let composer = Composer::new(&product);
    let left_out = Coverage::ALL.map(|coverage| {
        let composition = composer.compose(coverage);
        let calls = own.iter().flat_map(|watch| {
            let calls = calls_of(watch).filter(|call| !composition.admits(*call));
            calls.map(|(service, action)| WatchedCall {
                watch: &watch.name,
                service,
                action,
            })
        });
        (coverage, calls.collect::<Vec<_>>())
    });
    let left_out = left_out.into_iter();
    left_out.filter(|(_, calls)| !calls.is_empty()).collect()
}

/// Number of values of [`priority`].
const PRIORITIES: usize = 7;

/// Techniques that give a caller a host or a secret: use of remote services, of a shell or of administration commands, and
/// stored credentials.
const HOSTS_AND_SECRETS: [&str; 5] = ["T1021", "T1059", "T1552", "T1555", "T1651"];

/// The priority of watches that are announced the first time alone and manipulate accounts (T1098).
const MANIPULATION: usize = 5;

/// Returns the priority of a watch: 0 for the user's own, then strong ones, then others by their tier. Among those that are
/// announced the first time alone, those that give a host or a secret come first, then those that manipulate accounts.
fn priority(watch: &Watch, is_own: bool) -> usize {
    let technique = watch.technique.as_deref().unwrap_or_default();
    let gives_access = HOSTS_AND_SECRETS.iter().any(|id| technique.starts_with(id));
    match watch.tier {
        _ if is_own => 0,
        _ if watch.is_strong => 1,
        Tier::Always => 2,
        Tier::Condition => 3,
        Tier::First if gives_access => 4,
        Tier::First if technique.starts_with("T1098") => MANIPULATION,
        Tier::First | Tier::Ledger => 6,
    }
}

fn calls_of(watch: &Watch) -> impl Iterator<Item = Call<'_>> {
    let calls = watch.calls.iter();
    calls.map(|(service, action)| (&**service, &**action))
}

/// Returns the sign-ins. They have no service, so that they are admitted by name: a failed one can be an event of its own
/// kind, without `readOnly`.
fn signins() -> impl Iterator<Item = Call<'static>> {
    SIGNINS.into_iter().map(|name| ("", name))
}

fn hidden_calls() -> impl Iterator<Item = HiddenCall> {
    hidden_failures::table().map(|(service, event, ..)| (service, event))
}

/// Checks whether a call changes something, other than data, by AWS's service models.
fn is_change(call: Call<'_>) -> bool {
    calls::effect(call).is_some_and(|effect| effect != Effect::Reads)
}

/// Between two conditions.
const OR: &str = " || ";

/// Before the names of calls.
const NAMES: &str = "$.eventName = ";

/// Before the names of services.
const SERVICES: &str = "$.readOnly IS FALSE && $.eventSource = ";

/// Largest number of conditions with those that are not in [`HIDDEN`]: as many as in the longest pattern of the CIS AWS
/// Foundations Benchmark ("IAM policy changes"). AWS documents no limit.
const CONDITIONS_MAX: usize = 16;

/// Least number of calls for which a condition is added that is not in [`HIDDEN`].
const HIDDEN_CALLS_MIN: usize = 3;

/// A pattern to which parts are added.
#[derive(Clone)]
struct Pattern {
    coverage: Coverage,
    conditions: Vec<String>,
    fragments: BTreeSet<Fragment>,
}

impl Pattern {
    fn new(coverage: Coverage) -> Self {
        let errors = ERRORS.into_iter();
        let conditions = errors.chain(match coverage {
            Coverage::Errors => None,
            Coverage::Watched => Some(KEYS),
            Coverage::Changes => Some(CHANGES),
        });
        let keys = (coverage == Coverage::Changes).then_some(KEYS);
        Self {
            coverage,
            conditions: conditions.chain(keys).map(str::to_owned).collect(),
            fragments: BTreeSet::new(),
        }
    }

    fn text(&self) -> String {
        let regular = |before: &str, parts: Vec<&str>| {
            let is_empty = parts.is_empty();
            (!is_empty).then(|| format!("{before}%{}%", parts.join("|")))
        };
        let services = regular(SERVICES, self.service_parts().collect());
        let names = regular(NAMES, self.names().collect());
        let conditions = self.conditions.iter().cloned();
        let conditions = Vec::from_iter(conditions.chain(services).chain(names));
        format!("{{ {} }}", conditions.join(OR))
    }

    /// Returns the fragments of names.
    fn names(&self) -> impl Iterator<Item = &str> {
        self.fragments.iter().filter_map(|fragment| match fragment {
            Fragment::Name(text) => Some(text.as_str()),
            Fragment::Service(_) => None,
        })
    }

    fn service_parts(&self) -> impl Iterator<Item = &str> {
        self.fragments.iter().filter_map(|fragment| match fragment {
            Fragment::Service(text) => Some(text.as_str()),
            Fragment::Name(_) => None,
        })
    }

    /// Returns the services whose changes are admitted.
    fn services(&self) -> BTreeSet<&'static str> {
        let parts = Vec::from_iter(self.service_parts());
        let is_admitted = |service: &&str| {
            parts
                .iter()
                .any(|part| fragments::has_service(part, service))
        };
        calls::services().filter(is_admitted).collect()
    }

    /// Returns how many characters can be added.
    fn room(&self) -> usize {
        PATTERN_CHARS_MAX.saturating_sub(self.text().len())
    }

    /// Returns how many characters a further fragment of a name may have.
    fn room_for_a_name(&self) -> usize {
        let before = match self.names().next() {
            None => OR.len() + NAMES.len() + 2,
            Some(_) => 1,
        };
        self.room().saturating_sub(before)
    }

    /// Checks whether a call that succeeded is admitted.
    fn admits(&self, call: Call<'_>) -> bool {
        let by_part = self.fragments.iter().any(|part| part.admits(call));
        by_part || self.coverage == Coverage::Changes && is_change(call)
    }

    fn add_if_it_fits(&mut self, condition: &str) {
        if condition.len() + OR.len() <= self.room() {
            self.conditions.push(condition.to_owned());
        }
    }
}

/// Returns the conditions that find failures without an error code, each with the calls whose failures it finds.
///
/// EC2 wraps its responses in an object, so no condition finds its failures.
fn hidden_conditions() -> BTreeMap<String, BTreeSet<HiddenCall>> {
    let mut conditions: BTreeMap<String, BTreeSet<_>> = BTreeMap::new();
    for (service, event, member, kind, entries) in hidden_failures::table() {
        let member = format!("$.responseElements.{member}");
        let texts = match kind {
            _ if service == "ec2" => continue,
            "count" => vec![format!("{member} > 0")],
            "status" => vec![format!("{member} >= 400")],
            _ => {
                let parts = entries.split(',').filter(|part| !part.is_empty());
                let text = |part| format!(r#"{member}[0].{part}="*""#);
                parts.map(text).collect()
            }
        };
        for text in texts {
            conditions.entry(text).or_default().insert((service, event));
        }
    }
    conditions
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The watches of the product, and two of the user's own.
    fn with_own() -> Watches {
        let product = Watches::default();
        let own = [("s3", "GetObject"), ("ec2", "CreateSubnet")].map(|(service, action)| {
            let mut watch = product.all()[0].clone();
            watch.name = format!("own-{action}");
            watch.calls = vec![(service.to_owned(), action.to_owned())];
            watch
        });
        Watches::new([&own, product.all()].concat())
    }

    #[test]
    fn calls_of_watches_of_the_user_that_have_no_place_are_listed_for_each_coverage() {
        let watches = with_own();
        let left_out = own_calls_left_out(&watches).into_iter();
        let left_out = left_out.map(|(coverage, calls)| {
            let calls = calls
                .iter()
                .map(|call| (call.watch, call.service, call.action));
            (coverage, calls.collect::<Vec<_>>())
        });
        let read = ("own-GetObject", "s3", "GetObject");
        let change = ("own-CreateSubnet", "ec2", "CreateSubnet");
        assert_eq!(
            Vec::from_iter(left_out),
            [
                (Coverage::Errors, vec![read, change]),
                (Coverage::Watched, vec![read, change]),
                (Coverage::Changes, vec![read]),
            ]
        );
        assert_eq!(own_calls_left_out(&Watches::default()), []);
    }

    #[test]
    fn a_record_is_admitted_by_its_error_its_call_or_as_a_change() {
        let watches = Watches::default();
        let composer = Composer::new(&watches);
        let admitted = |record: &str| {
            let record = Record::parse(record).unwrap();
            Coverage::ALL.map(|coverage| composer.compose(coverage).admits_record(&record))
        };
        let call = |service: &str, name: &str, more: &str| {
            format!(
                r#"{{"eventSource":"{service}.amazonaws.com","eventName":"{name}","eventType":"AwsApiCall","eventCategory":"Management"{more}}}"#
            )
        };
        let (read, write) = (r#","readOnly":true"#, r#","readOnly":false"#);
        let by_key = r#","readOnly":true,"userIdentity":{"type":"IAMUser"}"#;
        let refused = r#","readOnly":true,"errorCode":"AccessDenied""#;
        for (service, name, more, expected) in [
            ("iam", "ListUsers", read, [false; 3]),
            ("iam", "ListUsers", refused, [true; 3]),
            ("iam", "CreateUser", write, [false, true, true]),
            (
                "lambda",
                "UpdateFunctionCode20150331v2",
                write,
                [false, true, true],
            ),
            ("ec2", "CreateSubnet", write, [false, false, true]),
            ("signin", "ConsoleLogin", write, [true; 3]),
            ("ssm", "GetParameters", read, [false; 3]),
            ("ssm", "GetParameters", by_key, [false, true, true]),
        ] {
            assert_eq!(
                admitted(&call(service, name, more)),
                expected,
                "{name}{more}"
            );
        }
    }

    #[test]
    fn watches_of_the_user_come_first() {
        let watches = with_own();
        let composer = Composer::new(&watches);
        for coverage in [Coverage::Watched, Coverage::Changes] {
            let composition = composer.compose(coverage);
            assert!(composition.admits(("s3", "GetObject")));
            assert!(composition.admits(("ec2", "CreateSubnet")));
            assert!(!composition.admits(("s3", "GetObjectAcl")));
            let mut left_out = composition.watched_left_out.iter();
            assert!(left_out.all(|call| !call.watch.starts_with("own")));
            assert!(composition.pattern.len() <= PATTERN_CHARS_MAX);
        }
    }
}
