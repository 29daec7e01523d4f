//! The conditions of watches that event patterns cannot express.

use strum::{EnumIter, IntoStaticStr};

use super::Watch;
use super::call::{Call, Path, each_element, each_text_in, kind};
use super::caller::is_caller;
use super::ingress::Openings;
use super::lifecycle::{all_expire_soon, some_expire_soon};
use super::policy::{each_policy, is_everything, power_of, powerful_name, statements};
use super::sharing::Sharing;
use super::trail::narrowed;

/// A condition of a watch that an event pattern cannot express.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, EnumIter, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Predicate {
    /// A firewall is opened for a range with prefix length 0 or 1.
    OpenToWorld,
    /// As [`Self::OpenToWorld`], and for a port that is not meant for everybody.
    OpenWidely,
    /// A policy or a list of grantees lets everybody in, without a condition that restricts who that is.
    Public,
    /// A policy or a list of grantees names an account that is neither the caller's own nor that of the trail.
    OtherAccount,
    /// A policy gives power over the account: a policy of AWS such as `AdministratorAccess`, or a document that allows
    /// all actions, or those of IAM with which a caller can give itself the rest.
    PowerfulPolicy,
    /// The target is the user or the role that makes the call.
    TargetIsCaller,
    /// The call names a user that is not the caller.
    ForAnother,
    /// A trail or an event data store records less than before, or goes to another bucket.
    LoggingNarrowed,
    /// A switch of the request is off: `false`, `DISABLED`, `Suspended` and the like.
    TurnedOff,
    /// A rule of a bucket deletes all objects within three days.
    AllExpireSoon,
    /// A rule of a bucket deletes objects within three days, all or some.
    SomeExpireSoon,
}

impl Predicate {
    /// Returns the name in the table and in rules files, such as `open_to_world`.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// Returns the predicate with a name.
    pub fn from_name(name: &str) -> Option<Self> {
        use strum::IntoEnumIterator as _;
        Self::iter().find(|predicate| predicate.name() == name)
    }

    /// Checks whether the predicate compares the request with the time of the call.
    pub(super) fn depends_on_time(self) -> bool {
        matches!(self, Self::AllExpireSoon | Self::SomeExpireSoon)
    }

    /// Checks whether the predicate holds for a call; `watch` says where its values are.
    pub(super) fn holds(self, watch: &Watch, call: Call<'_>) -> bool {
        match self {
            Self::OpenToWorld => Openings::of(call).is_open(),
            Self::OpenWidely => Openings::of(call).is_wide,
            Self::Public => sharing(watch, call).is_public,
            Self::OtherAccount => !sharing(watch, call).accounts.is_empty(),
            Self::PowerfulPolicy => power(watch, call).is_some(),
            Self::TargetIsCaller => {
                let targets = targets(watch, call);
                targets
                    .iter()
                    .any(|(key, value)| is_caller(call, key, value))
            }
            Self::ForAnother => {
                let targets = targets(watch, call);
                !targets.is_empty()
                    && !targets
                        .iter()
                        .any(|(key, value)| is_caller(call, key, value))
            }
            Self::LoggingNarrowed => !narrowed(call).is_empty(),
            Self::TurnedOff => !switches_off(watch, call).is_empty(),
            Self::AllExpireSoon => all_expire_soon(call),
            Self::SomeExpireSoon => some_expire_soon(call),
        }
    }
}

/// Checks whether the record has a value at a path; `false`, empty texts and wildcards for everything are none.
pub(super) fn has_value(call: Call<'_>, path: &Path) -> bool {
    let mut found = false;
    call.each_text(path, &mut |text| {
        found |= !(text.is_empty() || text == "false" || is_everything(text));
    });
    found
}

/// Returns with whom a call shares something, by the policies and grantees that the watch names.
pub(super) fn sharing(watch: &Watch, call: Call<'_>) -> Sharing {
    let mut sharing = Sharing::default();
    for path in &watch.resource_policies {
        call.each(path, &mut |value| sharing.add_policies(call, value));
    }
    for path in &watch.grantees {
        if path.field() == "userIdentity" {
            call.each(path, &mut |value| sharing.add_caller(call, value));
        } else {
            call.each(path, &mut |value| sharing.add_grantees(call, value));
        }
    }
    sharing
}

/// Returns why a policy that the watch names gives power over the account, such as `Action *`; `None` if none does.
pub(super) fn power(watch: &Watch, call: Call<'_>) -> Option<String> {
    let mut power = None;
    for path in &watch.policies {
        call.each(path, &mut |value| {
            if power.is_some() {
                return;
            }
            each_text_in(value, &mut |text| {
                power = power
                    .take()
                    .or_else(|| powerful_name(text).map(str::to_owned));
            });
            each_policy(value, &mut |policy| {
                let found = || power_of(&statements(policy));
                power = power.take().or_else(found);
            });
        });
    }
    power
}

/// Returns the policies that the watch names: the names of managed ones, and `inline` for a document.
pub(super) fn policy_names(
    watch: &Watch,
    call: Call<'_>,
    name: impl Fn(&str) -> String,
) -> Vec<String> {
    let mut names = Vec::new();
    for path in &watch.policies {
        call.each(path, &mut |value| {
            each_element(value, &mut |value| {
                each_text_in(value, &mut |text| {
                    if text.starts_with("arn:") {
                        names.push(name(text));
                    }
                });
                each_policy(value, &mut |policy| {
                    if !statements(policy).is_empty() {
                        names.push("inline".to_owned());
                    }
                });
            });
        });
    }
    names
}

/// Returns the names of the switches that are off, by the last key of their paths.
pub(super) fn switches_off(watch: &Watch, call: Call<'_>) -> Vec<String> {
    let is_off = |text: &str| OFF.iter().any(|off| off.eq_ignore_ascii_case(text));
    let off = |path: &&Path| {
        let mut found = false;
        call.each_text(path, &mut |text| found |= is_off(text));
        found || (watch.absent_is_off && is_absent(call, path))
    };
    let switches = watch.switches.iter().filter(off);
    switches.map(|path| path.last().to_owned()).collect()
}

/// Checks whether the object that should have a switch is there, and the switch has no value in it.
fn is_absent(call: Call<'_>, path: &Path) -> bool {
    let Some(parent) = path.parent() else {
        return false;
    };
    let (mut is_there, mut has_value) = (false, false);
    call.each(&parent, &mut |value| {
        // An element of XML without content is an empty text.
        is_there |= kind(value) == Some(b'{') || value.as_str().trim() == "\"\"";
    });
    call.each_text(path, &mut |text| has_value |= !text.is_empty());
    is_there && !has_value
}

/// The texts of switches that are off, without upper and lower case.
const OFF: [&str; 6] = ["false", "no", "off", "disabled", "suspended", "paused"];

/// Returns whom the call names as its target, each with the name of the parameter.
fn targets(watch: &Watch, call: Call<'_>) -> Vec<(String, String)> {
    let mut targets = Vec::new();
    for path in &watch.target {
        call.each_text(path, &mut |text| {
            targets.push((path.last().to_owned(), text.to_owned()));
        });
    }
    targets
}
