//! Fragments: short parts of names that stand for the names of calls or services in a filter pattern.
//!
//! A pattern has too little room for whole names. A part that no other name has does as well, because a regular
//! expression of CloudWatch Logs matches anywhere in the text. What a part admits beside its own calls is looked up in
//! the list of all calls of AWS. A part that admits a call that only reads, or one that is made all day, is never used.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use foldhash::{HashMap, HashMapExt as _};
use memchr::memmem;

use super::calls::{self, Call, Effect};

/// The end of a fragment that stands for exactly one name, which may be followed by a version such as `20150331v2`.
const VERSION: &str = "[0-9_v]*$";

/// Least number of characters of a part. A shorter part would soon admit the name of a new call.
const PART_CHARS_MIN: usize = 4;

/// Largest number of characters of the first of two parts with any text between them.
const HEAD_CHARS_MAX: usize = 7;

/// Largest number of characters of the second of two such parts.
const TAIL_CHARS_MAX: usize = 7;

/// Services whose calls have a version at the end of their name, so that no fragment ends with them.
const VERSIONED: [&str; 2] = ["lambda", "cloudfront"];

/// Least number of wanted calls for which a service is admitted as a whole: one takes no more room by its name.
const SERVICE_CALLS_MIN: usize = 2;

/// Numbers of further calls at which a longer part is tried as well. A part that admits more is not used.
const FURTHER_CALLS: [usize; 5] = [45, 20, 6, 2, 0];

/// A part of a filter pattern that stands for calls.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fragment {
    /// All calls with a name, whatever they do. The text is as it stands in a regular expression.
    Name(String),
    /// All calls of a service that change something: a part of the name of the service with the period after it.
    Service(String),
}

impl Fragment {
    /// Checks whether the fragment admits a call. Calls that are not known count as reads.
    pub fn admits(&self, (service, name): Call<'_>) -> bool {
        match self {
            Self::Name(text) => matches(text, name),
            Self::Service(text) => {
                has_service(text, service)
                    && calls::effect((service, name)).is_some_and(|effect| effect != Effect::Reads)
            }
        }
    }

    /// Returns the text of the fragment in a regular expression.
    pub fn text(&self) -> &str {
        match self {
            Self::Name(text) | Self::Service(text) => text,
        }
    }
}

/// Checks whether a part of the name of a service, as it stands in a regular expression, stands for a service.
pub fn has_service(part: &str, service: &str) -> bool {
    let (part, is_start) = match part.strip_prefix('^') {
        Some(part) => (part, true),
        None => (part, false),
    };
    let (part, is_end) = match part.strip_suffix(r"\.") {
        Some(part) => (part, true),
        None => (part, false),
    };
    match (is_start, is_end) {
        (true, true) => service == part,
        (true, false) => service.starts_with(part),
        (false, true) => service.ends_with(part),
        (false, false) => service.contains(part),
    }
}

/// What a fragment of a name matches, read from its text in a regular expression.
#[derive(Clone, Copy)]
enum Shape<'f> {
    /// `^CreateUser[0-9_v]*$`: one name, in any version.
    Name(&'f str),
    /// `^Create`: names that begin with a text.
    Start(&'f str),
    /// `User$`: names that end with a text.
    End(&'f str),
    /// `Crea.*Use`: names that contain two texts, one after the other.
    Pair(&'f str, &'f str),
    /// `reateU`: names that contain a text.
    Part(&'f str),
}

impl<'f> Shape<'f> {
    fn of(fragment: &'f str) -> Self {
        if let Some(start) = fragment.strip_prefix('^') {
            return start
                .strip_suffix(VERSION)
                .map_or(Self::Start(start), Self::Name);
        }
        if let Some(end) = fragment.strip_suffix('$') {
            return Self::End(end);
        }
        match fragment.split_once(".*") {
            Some((head, tail)) => Self::Pair(head, tail),
            None => Self::Part(fragment),
        }
    }

    /// Returns the longest text that each matched name contains.
    fn literal(self) -> &'f str {
        match self {
            Self::Name(text) | Self::Start(text) | Self::End(text) | Self::Part(text) => text,
            Self::Pair(head, tail) if head.len() > tail.len() => head,
            Self::Pair(_, tail) => tail,
        }
    }

    fn matches(self, name: &str) -> bool {
        match self {
            Self::Name(exact) => name.strip_prefix(exact).is_some_and(|rest| {
                rest.bytes()
                    .all(|byte| matches!(byte, b'0'..=b'9' | b'_' | b'v'))
            }),
            Self::Start(start) => name.starts_with(start),
            Self::End(end) => name.ends_with(end),
            Self::Pair(head, tail) => {
                let after = memmem::find(name.as_bytes(), head.as_bytes());
                let rest = after.and_then(|at| name.get(at + head.len()..));
                rest.is_some_and(|rest| memmem::find(rest.as_bytes(), tail.as_bytes()).is_some())
            }
            Self::Part(part) => memmem::find(name.as_bytes(), part.as_bytes()).is_some(),
        }
    }
}

/// Checks whether a fragment of a name, as it stands in a regular expression, matches the name of a call.
pub fn matches(fragment: &str, name: &str) -> bool {
    Shape::of(fragment).matches(name)
}

/// Returns the names of all calls that a fragment of a name matches, each with its effect.
pub fn matched_names(fragment: &str) -> impl Iterator<Item = (&'static str, Effect)> {
    let shape = Shape::of(fragment);
    let names = calls::containing(shape.literal());
    names.filter(move |(name, _)| matches!(shape, Shape::Part(_)) || shape.matches(name))
}

/// Fragments for a set of calls, from which a pattern takes those that it needs.
pub struct Fragments<'c> {
    calls: Vec<Call<'c>>,
    candidates: Vec<Candidate>,
}

/// A fragment that a pattern can take.
struct Candidate {
    fragment: Fragment,
    /// The indexes of the calls that it stands for.
    stands_for: Vec<usize>,
    /// Number of other calls that it admits.
    further_calls: usize,
}

impl<'c> Fragments<'c> {
    /// Finds the fragments for the names of some calls. No fragment admits a call that only reads or that is made all day,
    /// unless it is one of the calls.
    pub fn of(calls: &BTreeSet<Call<'c>>) -> Self {
        let names: BTreeSet<&str> = calls.iter().map(|(_, name)| *name).collect();
        let mut search = Search {
            names: &names,
            seen: HashMap::new(),
        };
        for name in &names {
            search.parts(name);
            search.pairs(name);
        }
        let is_versioned = |service: &str| VERSIONED.contains(&service);
        let versioned = calls.iter().filter(|(service, _)| is_versioned(service));
        let versioned: BTreeSet<&str> = versioned.map(|(_, name)| *name).collect();
        for name in names.difference(&versioned) {
            search.ends(name);
        }
        let exact = names
            .iter()
            .map(|name| (format!("^{name}{VERSION}"), Some(0)));
        let texts = search.seen.into_iter().chain(exact);
        let texts = BTreeMap::from_iter(texts.filter_map(|(text, count)| Some((text, count?))));
        let calls = Vec::from_iter(calls.iter().copied());
        let index = Index::of(&calls);
        let candidate = |(text, further_calls): (String, usize)| Candidate {
            stands_for: index.matched(&text),
            fragment: Fragment::Name(text),
            further_calls,
        };
        Self {
            candidates: texts.into_iter().map(candidate).collect(),
            calls,
        }
    }

    /// Returns the calls for which there are fragments.
    pub fn calls(&self) -> &[Call<'c>] {
        &self.calls
    }

    /// Chooses the next fragment, the best for the calls in `wanted` that are not in `admitted` yet, with at most `chars_max`
    /// characters. Fragments that also stand for calls in `later` are preferred. `None` if none is left
    /// that helps.
    pub fn best(
        &self,
        wanted: &BTreeSet<Call<'_>>,
        later: &BTreeSet<Call<'_>>,
        admitted: &BTreeSet<Call<'_>>,
        chars_max: usize,
    ) -> Option<Fragment> {
        // How much a call counts that is not admitted yet.
        let worths = Vec::from_iter(self.calls.iter().map(|call| {
            match (wanted.contains(call), later.contains(call)) {
                _ if admitted.contains(call) => 0,
                (true, _) => 10,
                (false, true) => 3,
                (false, false) => 0,
            }
        }));
        let scored = self.candidates.iter().filter_map(|candidate| {
            let worths = candidate.stands_for.iter().map(|index| worths[*index]);
            let chars = candidate.fragment.text().len();
            let helps = chars <= chars_max && worths.clone().any(|worth| worth == 10);
            let cost = 4 * (chars + 1) + candidate.further_calls;
            let score = worths.sum::<usize>() * 1_000_000 / cost;
            helps.then_some((score, &candidate.fragment))
        });
        let best = scored.min_by_key(|(score, fragment)| (Reverse(*score), *fragment));
        best.map(|(_, fragment)| fragment.clone())
    }
}

/// Some calls by name. Only the few names that contain a fragment are compared with it.
struct Index<'c> {
    by_name: HashMap<&'c str, Vec<usize>>,
    /// Names that AWS does not list, with the indexes of their calls.
    unlisted: Vec<(&'c str, usize)>,
}

impl<'c> Index<'c> {
    fn of(calls: &[Call<'c>]) -> Self {
        let mut by_name: HashMap<&str, Vec<usize>> = HashMap::new();
        let mut unlisted = Vec::new();
        for (index, (_, name)) in calls.iter().enumerate() {
            if calls::is_listed(name) {
                by_name.entry(name).or_default().push(index);
            } else {
                unlisted.push((*name, index));
            }
        }
        Self { by_name, unlisted }
    }

    /// Returns the indexes of the calls whose names a fragment matches, in order.
    fn matched(&self, fragment: &str) -> Vec<usize> {
        let listed = matched_names(fragment).filter_map(|(name, _)| self.by_name.get(name));
        let unlisted = self.unlisted.iter();
        let unlisted = unlisted.filter(|(name, _)| matches(fragment, name));
        let mut indexes: Vec<usize> = listed.flatten().copied().collect();
        indexes.extend(unlisted.map(|(_, index)| index));
        indexes.sort_unstable();
        indexes
    }
}

/// A search for fragments of names.
struct Search<'n> {
    names: &'n BTreeSet<&'n str>,
    /// The fragments that were tried, each with the number of further calls that it admits; `None` if it cannot be used.
    seen: HashMap<String, Option<usize>>,
}

impl Search<'_> {
    /// Tries parts of a name.
    fn parts(&mut self, name: &str) {
        for start in 0..name.len() {
            let ends = start + PART_CHARS_MIN..=name.len();
            let texts = ends.filter_map(|end| name.get(start..end));
            self.shortest(texts.map(str::to_owned));
        }
    }

    /// Tries ends of a name.
    fn ends(&mut self, name: &str) {
        let starts = (0..=name.len().saturating_sub(PART_CHARS_MIN)).rev();
        let texts = starts.filter_map(|start| name.get(start..));
        self.shortest(texts.map(|end| format!("{end}$")));
    }

    /// Tries pairs of parts of a name, each from the start of a word.
    fn pairs(&mut self, name: &str) {
        let bytes = name.as_bytes();
        let starts_word = |at: &usize| {
            bytes[*at].is_ascii_uppercase() && (*at == 0 || !bytes[*at - 1].is_ascii_uppercase())
        };
        let words = Vec::from_iter((0..bytes.len()).filter(starts_word));
        for head in &words {
            for head_end in head + 2..(head + HEAD_CHARS_MAX + 1).min(name.len()) {
                for tail in words.iter().filter(|tail| **tail >= head_end) {
                    let ends = tail + 3..=(tail + TAIL_CHARS_MAX).min(name.len());
                    let texts = ends.filter_map(|end| {
                        let head = name.get(*head..head_end)?;
                        Some(format!("{head}.*{}", name.get(*tail..end)?))
                    });
                    self.shortest(texts);
                }
            }
        }
    }

    /// Keeps those of some fragments, each longer than the one before, that admit fewer further calls than all before.
    fn shortest(&mut self, texts: impl Iterator<Item = String>) {
        let mut steps = FURTHER_CALLS.iter().peekable();
        for text in texts {
            let count = match self.seen.get(&text) {
                Some(count) => *count,
                None => {
                    let count = self.further_names(&text);
                    let most = FURTHER_CALLS.iter().max();
                    let count = count.filter(|count| Some(count) <= most);
                    self.seen.insert(text, count);
                    count
                }
            };
            let Some(count) = count else { continue };
            while steps.next_if(|step| count <= **step).is_some() {}
            if steps.peek().is_none() {
                break;
            }
        }
    }

    /// Returns how many further calls a fragment admits; `None` if one of them reads or is made all day.
    fn further_names(&self, text: &str) -> Option<usize> {
        let mut others = matched_names(text).filter(|(name, _)| !self.names.contains(name));
        others.try_fold(0, |count, (_, effect)| {
            (effect == Effect::Changes).then_some(count + 1)
        })
    }
}

/// Returns a fragment for each service that has several wanted calls, and whose other calls are made seldom or only read.
pub fn of_services(wanted: &BTreeSet<Call<'_>>) -> Vec<Fragment> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for (service, name) in wanted {
        let is_change =
            calls::effect((service, name)).is_some_and(|effect| effect != Effect::Reads);
        *counts.entry(service).or_default() += usize::from(is_change);
    }
    counts.retain(|_, count| *count >= SERVICE_CALLS_MIN);
    let is_quiet = |service: &&str| {
        let busy = calls::of_service(service).filter(|(_, effect)| *effect == Effect::Busy);
        busy.count() == 0
    };
    let services = counts.into_keys().filter(is_quiet);
    let parts = services.filter_map(shortest_of_service);
    parts.map(Fragment::Service).collect()
}

/// Returns the shortest part of the name of a service that no other service has. It may begin with `^` for the start, and
/// end with `\.` for the end of the name.
fn shortest_of_service(service: &str) -> Option<String> {
    let ends = |end: usize| {
        if end == service.len() {
            &["", r"\."][..]
        } else {
            &[""]
        }
    };
    let starts = |start: usize| if start == 0 { &["", "^"][..] } else { &[""] };
    let places = (0..service.len())
        .flat_map(|start| (start + 1..=service.len()).map(move |end| (start, end)));
    let texts = places.flat_map(|(start, end)| {
        let part = service.get(start..end).unwrap_or_default();
        let before = starts(start).iter();
        before.flat_map(move |before| {
            ends(end)
                .iter()
                .map(move |after| format!("{before}{part}{after}"))
        })
    });
    let is_unique = |text: &String| {
        text.len() >= PART_CHARS_MIN
            && calls::services().all(|other| other == service || !has_service(text, other))
    };
    texts
        .filter(is_unique)
        .min_by_key(|text| (text.len(), text.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fragment_matches_anywhere_in_a_name_and_whatever_its_version() {
        for (fragment, name, expected) in [
            ("ddPerm", "AddPermission20150331v2", true),
            ("ddPerm", "RemovePermission", false),
            ("Attach.*Policy", "AttachUserPolicy", true),
            ("Attach.*Policy", "PolicyAttach", false),
            ("^AssumeRole", "AssumeRoleWithSAML", true),
            ("^AssumeRole", "DenyAssumeRole", false),
            ("Session$", "StartSession", true),
            ("Session$", "StartSessions", false),
            ("^GetObject[0-9_v]*$", "GetObject", true),
            ("^GetObject[0-9_v]*$", "GetObject2020_05_31", true),
            ("^GetObject[0-9_v]*$", "GetObjectAcl", false),
        ] {
            assert_eq!(matches(fragment, name), expected, "{fragment} {name}");
        }
    }

    #[test]
    fn the_fragment_of_a_service_admits_what_changes_something_there() {
        let iam = Fragment::Service(r"iam\.".to_owned());
        assert!(iam.admits(("iam", "CreateUser")));
        assert!(!iam.admits(("iam", "GetUser")) && !iam.admits(("iam", "NoSuchCall")));
        assert!(!iam.admits(("sso", "CreatePermissionSet")));
    }

    #[test]
    fn a_service_is_named_by_the_shortest_part_that_no_other_service_has() {
        for service in ["iam", "cloudtrail", "account", "rds"] {
            let part = shortest_of_service(service).unwrap();
            assert!(has_service(&part, service), "{part}");
            let more = calls::services().filter(|other| has_service(&part, other));
            assert_eq!(more.count(), 1, "{part}");
        }
    }

    #[test]
    fn the_fragments_of_calls_admit_no_call_that_reads_and_none_that_is_made_all_day() {
        let wanted = BTreeSet::from([
            ("s3", "PutBucketAcl"),
            ("s3", "GetObject"),
            ("iam", "CreateUser"),
            ("cloudtrail", "StopLogging"),
        ]);
        let fragments = Fragments::of(&wanted);
        let (mut chosen, mut admitted) = (Vec::new(), BTreeSet::new());
        while let Some(next) = fragments.best(&wanted, &BTreeSet::new(), &admitted, 100) {
            admitted.extend(wanted.iter().filter(|call| next.admits(**call)));
            chosen.push(next);
        }
        let admits = |call: &Call<'_>| chosen.iter().any(|part| part.admits(*call));
        for call in &wanted {
            assert!(admits(call), "{call:?} {chosen:?}");
        }
        for call in [
            ("s3", "GetBucketAcl"),
            ("s3", "GetObjectAcl"),
            ("s3", "PutObject"),
            ("iam", "GetUser"),
        ] {
            assert!(!admits(&call), "{call:?} {chosen:?}");
        }
    }
}
