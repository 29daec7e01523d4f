//! Which records are surely calls that succeeded, so that they need not be parsed.
//!
//! Most records are. Such a record is known by a few of its keys, and neither its values nor the rest
//! of its keys matter: it has the name of an event and of its source, no error under any name, and
//! the name is not one that is watched. Where any of this is in doubt the record is read.

use foldhash::{HashMap, HashMapExt as _};

/// The names of events that are read even without an error, by their first letters.
#[derive(Debug, Clone)]
pub struct Prefilter(HashMap<[u8; HEAD], Vec<&'static [u8]>>);

/// How many letters tell names apart well enough.
const HEAD: usize = 8;

impl Prefilter {
    /// Makes a prefilter that lets these names through.
    pub fn new(names: impl IntoIterator<Item = &'static str>) -> Self {
        let mut by_head = HashMap::<_, Vec<_>>::new();
        for name in names.into_iter().map(str::as_bytes) {
            // A name of seven letters is followed by its quote.
            debug_assert!(name.len() >= HEAD - 1, "a shorter head would not be known");
            let mut head = [b'"'; HEAD];
            let length = name.len().min(HEAD);
            head[..length].copy_from_slice(&name[..length]);
            by_head.entry(head).or_default().push(name);
        }
        Self(by_head)
    }

    /// Tells whether it lets a name through, given the text from the name on.
    #[inline(always)]
    fn lets_through(&self, text: &[u8]) -> bool {
        let Some(head) = text.first_chunk() else {
            return true;
        };
        // Compared in full: names of calls that succeed all day begin like others that are watched.
        let is_name = |name: &&[u8]| {
            let rest = text.strip_prefix(*name);
            rest.is_some_and(|rest| rest.starts_with(b"\""))
        };
        self.0
            .get(head)
            .is_some_and(|names| names.iter().any(is_name))
    }
}

/// What the keys of one record have shown so far.
#[derive(Debug, Clone, Copy)]
pub struct KeysSeen {
    is_doubtful: bool,
    /// How often each of [`VALUES`] was there.
    seen: [u32; VALUES.len()],
    /// Where it was there last.
    starts: [usize; VALUES.len()],
}

/// A place that is far from all others.
const NOWHERE: usize = usize::MAX / 2;

impl Default for KeysSeen {
    fn default() -> Self {
        Self {
            is_doubtful: false,
            seen: [0; VALUES.len()],
            starts: [NOWHERE; VALUES.len()],
        }
    }
}

/// A value that is looked at: the end of its key, and what makes it harmless, told by its first
/// letters: an escape that spells a letter is told by [`KeysSeen::doubt`], wherever it stands.
type Value = (&'static [u8], fn(&Prefilter, &[u8]) -> bool);

/// The values that are looked at, under keys that begin with `event`.
const VALUES: [Value; 4] = [
    (b"Name\":", |prefilter, value| {
        begins_text(value) && !prefilter.lets_through(&value[1..])
    }),
    // That of events of other services is `aws:kinesis`, for example.
    (b"Source\":", |_, value| {
        begins_text(value) && !value.starts_with(b"\"aws:")
    }),
    (b"Version\":", |_, value| value.starts_with(b"\"1.")),
    // All but Insight records, whose type begins like the name of the trail.
    (b"Type\":", |_, value| {
        matches!(
            value,
            [b'"', b'A', b'w', b's', b'A' | b'S' | b'V', ..]
                | [b'"', b'A', b'w', b's', b'C', b'o', ..]
        )
    }),
];
const NAME: usize = 0;
const SOURCE: usize = 1;

/// How many bytes of a value are looked at, at most: no name that a prefilter holds is as long.
const VALUE_BYTES_MAX: usize = 64;

impl KeysSeen {
    /// Takes a key of the record, which begins at `at`, behind its opening quote.
    #[inline(always)]
    pub fn key(&mut self, prefilter: &Prefilter, text: &[u8], at: usize) {
        match text.get(at..) {
            Some([b'e', b'r', b'r', b'o', b'r', ..]) => self.is_doubtful = true,
            Some([b'e', b'v', b'e', b'n', b't', rest @ ..]) => {
                self.event(prefilter, rest, text.len());
            }
            _ => {}
        }
    }

    #[inline(always)]
    fn event(&mut self, prefilter: &Prefilter, rest: &[u8], end: usize) {
        for (place, (key, is_harmless)) in VALUES.iter().enumerate() {
            if let Some(value) = rest.strip_prefix(*key) {
                self.seen[place] += 1;
                self.starts[place] = end - value.len();
                self.is_doubtful |= !is_harmless(prefilter, value);
                return;
            }
        }
    }

    /// Notes something that only reading can clear.
    pub fn doubt(&mut self) {
        self.is_doubtful = true;
    }

    /// Tells whether the record is surely a call that succeeded.
    #[inline(always)]
    pub fn is_success(&self) -> bool {
        !self.is_doubtful && self.seen[NAME] == 1 && self.seen[SOURCE] == 1
    }

    /// Tells whether another record is a call that succeeded as this one is, as far as they differ in a
    /// string: from `mine` in this record, from `other` in the other.
    #[inline(always)]
    pub fn is_success_too(
        &self,
        prefilter: &Prefilter,
        text: &[u8],
        mine: usize,
        other: usize,
    ) -> bool {
        // Wraps around for what begins later.
        let is_near = |start: &usize| mine.wrapping_sub(*start) < VALUE_BYTES_MAX;
        !self.starts.iter().any(is_near) || self.is_harmless_near(prefilter, text, mine, other)
    }

    #[inline(never)]
    fn is_harmless_near(
        &self,
        prefilter: &Prefilter,
        text: &[u8],
        mine: usize,
        other: usize,
    ) -> bool {
        self.starts
            .iter()
            .zip(VALUES)
            .all(|(start, (_, is_harmless))| {
                let distance = mine.wrapping_sub(*start);
                // Where a quote is in between the difference is in another string.
                distance >= VALUE_BYTES_MAX
                    || text[start + 1..mine].contains(&b'"')
                    || is_harmless(prefilter, &text[other - distance..])
            })
    }
}

/// Tells whether a JSON value is a string that is not empty.
#[inline(always)]
fn begins_text(value: &[u8]) -> bool {
    matches!(value, [b'"', first, ..] if *first != b'"')
}
