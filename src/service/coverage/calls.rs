//! All calls of AWS by service: which of them only read, and which are made all day.
//!
//! `operations.txt` has them, from AWS's service models.

use std::sync::LazyLock;

use foldhash::{HashMap, HashMapExt as _};
use memchr::memmem::Finder;

/// A call: its service, such as `iam`, and its name without a version.
pub type Call<'c> = (&'c str, &'c str);

/// What is known of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It reads and changes nothing.
    Reads,
    /// It changes something.
    Changes,
    /// It changes something, and is made all day by services, agents or deployments; or it is a call on data.
    Busy,
}

/// The calls of AWS, in indexes.
struct Calls {
    all: HashMap<Call<'static>, Effect>,
    /// Each name once, with its most frequent effect: a name of several services is as busy as its busiest call.
    names: Vec<(&'static str, Effect)>,
    /// The indexes of the names that contain three bytes.
    by_bytes: HashMap<[u8; 3], Vec<usize>>,
    services: Vec<&'static str>,
}

static CALLS: LazyLock<Calls> = LazyLock::new(|| {
    let (mut all, mut by_name, mut services) = (HashMap::new(), HashMap::new(), Vec::new());
    let lines = include_str!("operations.txt").lines();
    for line in lines.filter(|line| !line.starts_with('#')) {
        if let Some(service) = line.strip_suffix(':') {
            services.push(service);
            continue;
        }
        let (name, effect) = match (line.strip_prefix('-'), line.strip_prefix('!')) {
            (Some(name), _) => (name, Effect::Reads),
            (None, Some(name)) => (name, Effect::Busy),
            (None, None) => (line, Effect::Changes),
        };
        let service = services.last().copied().unwrap_or_default();
        all.insert((service, name), effect);
        let of_name = by_name.entry(name).or_insert(effect);
        if *of_name == Effect::Changes {
            *of_name = effect;
        }
    }
    let mut names = Vec::from_iter(by_name);
    names.sort_unstable_by_key(|(name, _)| *name);
    let mut by_bytes: HashMap<[u8; 3], Vec<usize>> = HashMap::new();
    for (index, (name, _)) in names.iter().enumerate() {
        for bytes in name.as_bytes().windows(3) {
            let indexes = by_bytes.entry([bytes[0], bytes[1], bytes[2]]).or_default();
            if indexes.last() != Some(&index) {
                indexes.push(index);
            }
        }
    }
    Calls {
        all,
        names,
        by_bytes,
        services,
    }
});

/// Returns the effect of a call; `None` if the call is not known.
pub fn effect(call: Call<'_>) -> Option<Effect> {
    CALLS.all.get(&call).copied()
}

/// Returns the names of all services, such as `iam`.
pub fn services() -> impl Iterator<Item = &'static str> {
    CALLS.services.iter().copied()
}

/// Returns all calls of a service, each with its effect.
pub fn of_service(service: &str) -> impl Iterator<Item = (Call<'static>, Effect)> {
    let all = CALLS.all.iter();
    all.filter(move |((of, _), _)| *of == service)
        .map(|(call, effect)| (*call, *effect))
}

/// Returns the names of calls that contain a text of at least three bytes, each with its effect.
pub fn containing(text: &str) -> impl Iterator<Item = (&'static str, Effect)> {
    let calls = &*CALLS;
    let lists = text.as_bytes().windows(3);
    let lists = lists.map(|bytes| calls.by_bytes.get(&[bytes[0], bytes[1], bytes[2]]));
    let rarest = lists.min_by_key(|list| list.map_or(0, Vec::len)).flatten();
    let indexes = rarest.map_or(&[][..], Vec::as_slice).iter();
    let names = indexes.map(|index| calls.names[*index]);
    let finder = Finder::new(text);
    names.filter(move |(name, _)| finder.find(name.as_bytes()).is_some())
}

/// Checks whether a service of AWS has a call with this name.
pub fn is_listed(name: &str) -> bool {
    let names = &CALLS.names;
    names.binary_search_by_key(&name, |(name, _)| *name).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_reads_changes_something_or_is_made_all_day() {
        for (call, expected) in [
            (("iam", "GetUser"), Some(Effect::Reads)),
            (("iam", "CreateUser"), Some(Effect::Changes)),
            (("kms", "CreateGrant"), Some(Effect::Busy)),
            (("kms", "Decrypt"), Some(Effect::Busy)),
            (("iam", "NoSuchCall"), None),
        ] {
            assert_eq!(effect(call), expected, "{call:?}");
        }
    }

    #[test]
    fn names_are_found_by_a_part() {
        let found = Vec::from_iter(containing("BucketAcl").map(|(name, _)| name));
        assert_eq!(found, ["GetBucketAcl", "PutBucketAcl"]);
        assert_eq!(containing("xyzzy").count(), 0);
    }
}
