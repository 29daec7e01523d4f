//! The ledger: what an incident leaves behind.
//!
//! Each object has its newest making by the actor and its newest removal by anybody, AWS services included. It stands if
//! the making is newer. The removal of a parent, such as the user of a key, removes its children. If both are in one
//! second, it is not known which was first, and the object is listed as unsure. A trail that the same story made is no
//! loss when it is deleted. `ledger.toml` has the objects and their calls.
//!
//! Three lists come of it: what stands; what is gone and was open for a time, which may have been enough; and the ways in
//! that the actor already had. Where removals are not among the events, all that was made is listed, and that its removal
//! would not be seen.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use records::redact::mask_secrets;
use records::time::Timestamp;
use serde::{Deserialize, Serialize};
use strum::IntoStaticStr;

use crate::class::Class;
use crate::facet::FacetKind;

use super::event::{Event, Events, Trait};
use super::step::insert_capped;

/// Whether an object that was made is still there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[derive(IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Standing {
    /// It was made, and not removed since.
    Stands,
    /// It was made and removed in the same second.
    Unsure,
    /// It was made; a removal is not seen with this coverage.
    NotSeen,
}

/// An object that was made.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Made {
    /// The kind of the object, such as `access_key`.
    pub kind: &'static str,
    /// What the kind is, in words.
    pub what: &'static str,
    /// The name of the object; several parts are separated by spaces.
    pub name: String,
    /// The region in which it was made; `None` for objects of IAM, which belong to no region.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// The call of the newest making, such as `iam:CreateAccessKey`.
    pub by: String,
    /// The time of the newest making.
    pub at: Timestamp,
    /// Whether it is still there.
    pub standing: Standing,
}

/// An object that was open for a time, and is gone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct WasOpen {
    /// The kind of the object, such as `shared_image`.
    pub kind: &'static str,
    /// What the kind is, in words.
    pub what: &'static str,
    /// The name of the object; several parts are separated by spaces.
    pub name: String,
    /// The time of the first making.
    pub from: Timestamp,
    /// The time of the removal.
    pub until: Timestamp,
    /// The call that removed it, such as `iam:DeleteUser`.
    pub by: String,
}

/// A way in that the actor had.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct WayIn {
    /// Whether the key is one that lasts (`AKIA…`); otherwise it is that of a session.
    pub is_long_term: bool,
    /// The id of the access key.
    pub key: String,
    /// Whose key it is, as the records name the caller.
    pub of: String,
    /// The time of its last call in the incident.
    pub last: Timestamp,
}

/// What an incident leaves behind.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Ledger {
    /// Whether removals are among the events.
    pub removals_seen: bool,
    /// What stands, in the order of making; at most [`OBJECTS_MAX`].
    pub stands: Vec<Made>,
    /// The number of objects that stand, with those that are not listed.
    pub stands_count: usize,
    /// What is gone and was open for a time, in the order of making; at most [`OBJECTS_MAX`].
    pub was_open: Vec<WasOpen>,
    /// The number of objects that were open, with those that are not listed.
    pub was_open_count: usize,
    /// The ways in that the actor had, those that last first; at most [`WAYS_IN_MAX`].
    pub ways_in: Vec<WayIn>,
    /// The names of users and roles that the actor made and that are gone; the first in byte order, at most [`OBJECTS_MAX`].
    #[serde(skip)]
    pub gone: BTreeSet<String>,
}

/// When what was made has to be undone, the most urgent first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Urgency {
    /// Somebody can come in with it.
    Credential,
    /// What happens is not recorded.
    Record,
    /// Others reach it, or data and code are at stake.
    Open,
    /// Somebody can do more than before.
    Power,
    /// The rest.
    Thing,
}

/// How many objects a list has.
pub const OBJECTS_MAX: usize = 200;

/// How many ways in are listed.
pub const WAYS_IN_MAX: usize = 20;

/// A row of the table.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Object {
    pub kind: String,
    pub made: Vec<String>,
    only: Option<Only>,
    removed: Vec<String>,
    pub key: Vec<String>,
    #[serde(default)]
    each: BTreeSet<String>,
    #[serde(default)]
    parents: BTreeMap<String, String>,
    #[serde(default)]
    opening: bool,
    lost: Option<String>,
    #[serde(default)]
    regional: bool,
    pub what: String,
    pub what_zh: String,
    pub urgency: Urgency,
    pub undo: Vec<String>,
    #[serde(default)]
    pub undo_of: BTreeMap<String, Vec<String>>,
}

/// Which calls make an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Only {
    /// Strong calls. Weak ones replace what a strong one made.
    Strong,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TableText {
    #[cfg_attr(not(test), expect(dead_code, reason = "for readers of the table"))]
    checked: String,
    object: Vec<Object>,
}

pub(super) static OBJECTS: LazyLock<Vec<Object>> =
    LazyLock::new(|| table_text().map_or_else(|_| Vec::new(), |table| table.object));

fn table_text() -> Result<TableText, toml::de::Error> {
    toml::from_str(include_str!("ledger.toml"))
}

/// The rows of the table that a call makes and removes, as indices of [`OBJECTS`].
#[derive(Debug, Clone, Default)]
struct Rows {
    made: Vec<usize>,
    removed: Vec<usize>,
}

static BY_CALL: LazyLock<BTreeMap<&str, Rows>> = LazyLock::new(|| {
    let mut by_call: BTreeMap<&str, Rows> = BTreeMap::new();
    for (index, object) in OBJECTS.iter().enumerate() {
        for call in &object.made {
            by_call.entry(call).or_default().made.push(index);
        }
        for call in &object.removed {
            by_call.entry(call).or_default().removed.push(index);
        }
    }
    by_call
});

/// One object: account, kind, region and the parts of its name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct ObjectKey {
    account_id: String,
    kind: usize,
    region: Option<String>,
    name: Vec<String>,
}

/// What the events remove: the times of each object's removals, with the call.
#[derive(Debug)]
pub(super) struct Removals {
    times: BTreeMap<ObjectKey, BTreeSet<(Timestamp, String)>>,
}

impl Removals {
    /// Collects the removals among all events, whoever made them.
    pub fn of(events: &Events<'_>) -> Self {
        let mut times: BTreeMap<ObjectKey, BTreeSet<(Timestamp, String)>> = BTreeMap::new();
        // All events of a series remove the same.
        let removed: Vec<Vec<ObjectKey>> = events.traits.iter().map(removed_by).collect();
        for event in &events.all {
            for key in &removed[event.of] {
                let call = call_of(events.of_event(event));
                times
                    .entry(key.clone())
                    .or_default()
                    .insert((event.at, call));
            }
        }
        Self { times }
    }

    /// Returns the removals of an object from a time on, with the call.
    fn since(&self, key: &ObjectKey, at: Timestamp) -> impl Iterator<Item = &(Timestamp, String)> {
        let times = self.times.get(key);
        times
            .into_iter()
            .flat_map(move |times| times.range((at, String::new())..))
    }
}

fn call_of(of: &Trait<'_>) -> String {
    format!("{}:{}", of.subject.service, of.subject.action)
}

/// Returns the rows that a successful call makes and removes.
fn rows_of(of: &Trait<'_>) -> Option<Rows> {
    if of.subject.class != Class::Watch {
        return None;
    }
    let call = of.subject.call.as_ref()?;
    let rows = BY_CALL.get(call_of(of).as_str())?;
    let is_making = |index: &usize| call.is_strong || OBJECTS[*index].only.is_none();
    let (made, replaced): (Vec<usize>, Vec<usize>) =
        rows.made.iter().partition(|row| is_making(row));
    let others = rows.removed.iter().copied();
    let removed: BTreeSet<usize> = others
        .filter(|row| !made.contains(row))
        .chain(replaced)
        .collect();
    Some(Rows {
        made,
        removed: removed.into_iter().collect(),
    })
}

/// Checks whether an event may remove something.
pub(super) fn removes(of: &Trait<'_>) -> bool {
    rows_of(of).is_some_and(|rows| !rows.removed.is_empty())
}

/// Returns the objects that an event makes, with their parents: a ledger asks for the removals of these alone.
pub(super) fn made_by(of: &Trait<'_>) -> Vec<ObjectKey> {
    let rows = rows_of(of).unwrap_or_default();
    let both = |index| keys(of, index).into_iter().chain(parents(of, index));
    rows.made.into_iter().flat_map(both).collect()
}

/// Returns the objects that an event removes.
pub(super) fn removed_by(of: &Trait<'_>) -> Vec<ObjectKey> {
    let rows = rows_of(of).unwrap_or_default();
    let keys = rows.removed.into_iter().flat_map(|index| keys(of, index));
    keys.collect()
}

/// Returns the objects of a row that a call names: one for each combination of listed values. None if a part of the key is
/// missing.
fn keys(of: &Trait<'_>, index: usize) -> Vec<ObjectKey> {
    let object = &OBJECTS[index];
    let mut names: Vec<Vec<String>> = vec![Vec::new()];
    for part in &object.key {
        let Some(text) = named(of, part) else {
            return Vec::new();
        };
        let values: Vec<String> = if object.each.contains(part) {
            listed(text).map(short).collect()
        } else {
            vec![short(text)]
        };
        names = names
            .into_iter()
            .flat_map(|name| values.iter().map(move |value| with(&name, value)))
            .collect();
    }
    let region = of.facet(FacetKind::Region).filter(|_| object.regional);
    let key = |name| ObjectKey {
        account_id: of.subject.account_id.clone(),
        kind: index,
        region: region.map(str::to_owned),
        name,
    };
    names.into_iter().map(key).collect()
}

/// Returns a parameter of a call. A call of IAM that names no user is about the user who makes it.
fn named<'o>(of: &Trait<'o>, parameter: &str) -> Option<&'o str> {
    let caller = || {
        let is_user = of.facet(FacetKind::PrincipalKind) == Some("user");
        let principal = of.facet(FacetKind::Principal).filter(|_| is_user)?;
        principal.rsplit('/').next()
    };
    let is_of_user = parameter == "user" && of.subject.service == "iam";
    let named = of.parameter(parameter);
    named.or_else(|| is_of_user.then(caller).flatten())
}

fn with(name: &[String], value: &str) -> Vec<String> {
    let mut name = name.to_vec();
    name.push(value.to_owned());
    name
}

/// Returns the values of a list as `watch::details` writes it, without the number of those that it leaves out.
fn listed(text: &str) -> impl Iterator<Item = &str> {
    text.split(", ")
        .map(|value| match value.split_once(" and ") {
            Some((value, rest)) if rest.ends_with(" more") => value,
            _ => value,
        })
}

/// Returns the short form of a name: calls write one object by its name or by its ARN.
fn short(value: &str) -> String {
    let value = value.strip_prefix("https://").unwrap_or(value);
    let mut parts = value.splitn(6, ':');
    let name = match (parts.next(), parts.nth(1), parts.nth(2)) {
        (Some("arn"), Some("iam" | "cloudtrail"), Some(resource)) => {
            let is_provider = resource.starts_with("oidc-provider/");
            if is_provider {
                resource.split_once('/').map_or(resource, |(_, name)| name)
            } else {
                resource.rsplit_once('/').map_or(resource, |(_, name)| name)
            }
        }
        (Some("arn"), Some("lambda"), Some(resource)) => {
            resource.split(':').nth(1).unwrap_or(resource)
        }
        (Some("arn"), _, Some(resource)) => resource,
        // So a request writes what a policy writes as `*`.
        _ if value == "all" => "everyone",
        // A making has the masked id of a key, a removal the whole id.
        _ => return mask_secrets(value),
    };
    name.to_owned()
}

/// An object that the actor made: the times of its makings, with the calls, and its parents.
#[derive(Debug, Default)]
struct Making {
    times: BTreeSet<(Timestamp, String)>,
    parents: BTreeSet<ObjectKey>,
    /// The region of the newest making.
    region: Option<(Timestamp, String)>,
}

/// Writes the ledger of some events of one actor.
pub(super) fn ledger(
    events: &Events<'_>,
    of_actor: &[Event<'_>],
    removals: &Removals,
    removals_seen: bool,
) -> Ledger {
    let makings = makings(events, of_actor);
    let mut ledger = Ledger {
        removals_seen,
        ways_in: ways_in(events, of_actor),
        ..Ledger::default()
    };
    for (key, making) in &makings {
        if is_made_in_story(key, &makings) {
            continue;
        }
        ledger.add(key, making, removals);
    }
    ledger
        .stands
        .sort_by(|one, other| (one.at, one).cmp(&(other.at, other)));
    ledger
        .was_open
        .sort_by(|one, other| (one.from, one).cmp(&(other.from, other)));
    ledger.stands_count = ledger.stands.len();
    ledger.was_open_count = ledger.was_open.len();
    ledger.stands.truncate(OBJECTS_MAX);
    ledger.was_open.truncate(OBJECTS_MAX);
    ledger
}

fn makings(events: &Events<'_>, of_actor: &[Event<'_>]) -> BTreeMap<ObjectKey, Making> {
    let mut makings: BTreeMap<ObjectKey, Making> = BTreeMap::new();
    for event in of_actor {
        let of = events.of_event(event);
        let Some(rows) = rows_of(of) else {
            continue;
        };
        for index in rows.made {
            for key in keys(of, index) {
                let making = makings.entry(key).or_default();
                making.times.insert((event.at, call_of(of)));
                making.parents.extend(parents(of, index));
                let region = of.facet(FacetKind::Region).filter(|_| !is_global(of));
                let region = region.map(|region| (event.at, region.to_owned()));
                making.region = region.max(making.region.take());
            }
        }
    }
    makings
}

/// Checks whether a call is about something that belongs to no region.
fn is_global(of: &Trait<'_>) -> bool {
    of.subject.service == "iam"
}

/// Returns the parents of the object of a row that a call makes.
fn parents(of: &Trait<'_>, index: usize) -> Vec<ObjectKey> {
    let parent = |(kind, parameter): (&String, &String)| {
        let place = OBJECTS.iter().position(|object| object.kind == *kind)?;
        let object = &OBJECTS[place];
        let name = short(named(of, parameter)?);
        let region = of.facet(FacetKind::Region).filter(|_| object.regional);
        Some(ObjectKey {
            account_id: of.subject.account_id.clone(),
            kind: place,
            region: region.map(str::to_owned),
            name: vec![name],
        })
    };
    let parents = &OBJECTS[index].parents;
    parents.iter().filter_map(parent).collect()
}

/// Checks whether what is lost was made in the same story, so that it is no loss.
fn is_made_in_story(key: &ObjectKey, makings: &BTreeMap<ObjectKey, Making>) -> bool {
    let Some(lost) = &OBJECTS[key.kind].lost else {
        return false;
    };
    let kind = OBJECTS.iter().position(|object| object.kind == *lost);
    kind.is_some_and(|kind| {
        let made = ObjectKey {
            kind,
            ..key.clone()
        };
        makings.contains_key(&made)
    })
}

impl Ledger {
    fn add(&mut self, key: &ObjectKey, making: &Making, removals: &Removals) {
        let (Some((first, _)), Some((last, by))) = (making.times.first(), making.times.last())
        else {
            return;
        };
        let object = &OBJECTS[key.kind];
        let keys = std::iter::once(key).chain(&making.parents);
        let since: Vec<_> = keys.flat_map(|key| removals.since(key, *last)).collect();
        let removal = since.iter().filter(|(at, _)| at > last).min();
        let standing = match removal {
            _ if !self.removals_seen => Standing::NotSeen,
            None if since.is_empty() => Standing::Stands,
            None => Standing::Unsure,
            Some((until, removed_by)) => {
                if matches!(object.kind.as_str(), "user" | "role") {
                    insert_capped(&mut self.gone, &key.name.join(" "), OBJECTS_MAX);
                }
                if object.opening {
                    self.was_open.push(WasOpen {
                        kind: &object.kind,
                        what: &object.what,
                        name: key.name.join(" "),
                        from: *first,
                        until: *until,
                        by: removed_by.clone(),
                    });
                }
                return;
            }
        };
        self.stands.push(Made {
            kind: &object.kind,
            what: &object.what,
            name: key.name.join(" "),
            region: making.region.as_ref().map(|(_, region)| region.clone()),
            by: by.clone(),
            at: *last,
            standing,
        });
    }
}

/// Returns the keys with which the actor called, those that last first.
fn ways_in(events: &Events<'_>, of_actor: &[Event<'_>]) -> Vec<WayIn> {
    let mut keys: BTreeMap<(bool, &str), WayIn> = BTreeMap::new();
    for event in of_actor {
        let of = events.of_event(event);
        let Some(key) = of.facet(FacetKind::AccessKey) else {
            continue;
        };
        let is_session = !key.starts_with("AKIA");
        let way = keys.entry((is_session, key)).or_insert_with(|| WayIn {
            is_long_term: !is_session,
            key: key.to_owned(),
            of: of
                .facet(FacetKind::Principal)
                .unwrap_or_default()
                .to_owned(),
            last: event.at,
        });
        way.last = way.last.max(event.at);
        if keys.len() > WAYS_IN_MAX {
            keys.pop_last();
        }
    }
    keys.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::{Watch, Watches};

    /// What `watch::details` concludes from the paths of a watch, beside its parameters.
    fn conclusions(watch: &Watch) -> BTreeSet<&str> {
        let mut names = BTreeSet::new();
        if !watch.policies.is_empty() {
            names.insert("policy");
        }
        if !watch.resource_policies.is_empty() || !watch.grantees.is_empty() {
            names.insert("shared_with");
        }
        if !watch.holds.is_empty() {
            names.extend(["port", "range"]);
        }
        names
    }

    #[test]
    fn every_call_of_the_table_is_kept_with_the_parts_of_the_key() {
        let table = table_text().unwrap();
        assert!(!table.checked.is_empty());
        let (watched, kept) = (Watches::default(), Watches::of_ledger());
        let kinds: BTreeSet<&String> = table.object.iter().map(|object| &object.kind).collect();
        assert_eq!(kinds.len(), table.object.len(), "a kind is there twice");
        for object in &table.object {
            for call in object.made.iter().chain(&object.removed) {
                let (service, action) = call.split_once(':').unwrap();
                let is_of = |watch: &&Watch| {
                    let mut calls = watch.calls.iter();
                    calls.any(|(of, name)| of == service && name == action)
                };
                let watches: Vec<&Watch> = watched
                    .all()
                    .iter()
                    .chain(kept.all())
                    .filter(is_of)
                    .collect();
                let has = |part: &String| {
                    let named = |watch: &&Watch| {
                        let mut names = watch.parameters.iter();
                        names.any(|(name, _)| name == part)
                            || conclusions(watch).contains(part.as_str())
                    };
                    watches.iter().any(named)
                };
                assert!(!watches.is_empty(), "{}: {call} is not kept", object.kind);
                let missing: Vec<&String> = object.key.iter().filter(|part| !has(part)).collect();
                assert!(
                    missing.is_empty(),
                    "{}: {call} has no {missing:?}",
                    object.kind
                );
            }
            for kind in object.parents.keys() {
                assert!(kinds.contains(kind), "{}: there is no {kind}", object.kind);
            }
            let lost = object.lost.as_ref();
            assert!(
                lost.is_none_or(|kind| kinds.contains(kind)),
                "{}",
                object.kind
            );
        }
    }

    #[test]
    fn an_object_has_one_name_however_a_call_writes_it() {
        for (value, name) in [
            ("arn:aws:iam::111122223333:role/team/App", "App"),
            ("arn:aws:iam::111122223333:policy/limits", "limits"),
            (
                "arn:aws:iam::111122223333:oidc-provider/x.example.com/id/1",
                "x.example.com/id/1",
            ),
            ("https://x.example.com/id/1", "x.example.com/id/1"),
            (
                "arn:aws:lambda:eu-west-1:111122223333:function:job:2",
                "job",
            ),
            (
                "arn:aws:cloudtrail:eu-west-1:111122223333:trail/main",
                "main",
            ),
            (
                "arn:aws:secretsmanager:eu-west-1:111122223333:secret:a/b-1",
                "secret:a/b-1",
            ),
            ("all", "everyone"),
            ("job", "job"),
        ] {
            assert_eq!(short(value), name);
        }
        assert!(listed("a, b and 3 more").eq(["a", "b"]));
    }
}
