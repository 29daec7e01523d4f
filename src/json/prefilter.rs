//! Recognises records of successful calls, which need not be parsed.
//!
//! Most records are of this kind. A few keys are enough to recognise them. The record must have the
//! name and the source of an event, no key that begins with `error`, and a name that is not watched.
//! Its version, if any, must be 1.x, and its type must be that of a call or a sign-in. If any of
//! this is in doubt, the record is parsed.

use foldhash::{HashMap, HashMapExt as _};

/// The event names whose records must be parsed even if the call succeeded. Records of other successful calls may be
/// skipped.
///
/// The names are stored by their first letters.
#[derive(Debug, Clone)]
pub struct Prefilter {
    by_head: HashMap<[u8; HEAD], Vec<Box<[u8]>>>,
    /// Whether all records are parsed, because a name is too short to be looked up.
    lets_all_through: bool,
}

/// Number of first letters by which names are looked up.
const HEAD: usize = 8;

impl Prefilter {
    /// Creates a prefilter that lets records with these event names through, so that they are parsed even without an
    /// error.
    ///
    /// A name in a record may have a version at its end, as in `UpdateFunctionCode20150331v2`. With a name of less than
    /// six letters, all records are let through.
    pub fn new<'n>(names: impl IntoIterator<Item = &'n str>) -> Self {
        let mut by_head = HashMap::<_, Vec<Box<[u8]>>>::new();
        let mut lets_all_through = false;
        for name in names.into_iter().map(str::as_bytes) {
            if name.len() < HEAD - 2 || name.len() >= VALUE_BYTES_MAX {
                lets_all_through = true;
                continue;
            }
            let mut add = |after| {
                let mut head = [after; HEAD];
                let length = name.len().min(HEAD);
                head[..length].copy_from_slice(&name[..length]);
                if length < HEAD {
                    head[length] = b'"';
                }
                by_head.entry(head).or_default().push(name.into());
            };
            add(b',');
            // After the closing quote of a name of six letters, the record goes on or ends.
            if name.len() < HEAD - 1 {
                add(b'}');
            }
        }
        Self {
            by_head,
            lets_all_through,
        }
    }

    /// Checks whether the name at the start of a text is one that the prefilter lets through.
    #[inline(always)]
    fn lets_through(&self, text: &[u8]) -> bool {
        let Some(head) = text.first_chunk().filter(|_| !self.lets_all_through) else {
            return true;
        };
        // Names are compared in full, because names of frequent calls begin like watched names.
        let is_name = |name: &[u8]| {
            let rest = text.strip_prefix(name).and_then(<[u8]>::first);
            // What follows is the end of the name, or the year of a version.
            rest.is_some_and(|next| matches!(next, b'"' | b'2' | b'_'))
        };
        self.by_head
            .get(head)
            .is_some_and(|names| names.iter().any(|name| is_name(name)))
    }
}

/// The result of examining the keys of one record so far: whether the record is certainly that of a successful call.
#[derive(Debug, Clone, Copy)]
pub struct KeysSeen {
    is_doubtful: bool,
    /// The number of times that each key of [`VALUES`] was found.
    seen: [u32; VALUES.len()],
    /// The offset of the last value of each key; [`NOWHERE`] if there is none.
    starts: [usize; VALUES.len()],
}

/// An offset that is far from all real offsets.
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

/// The end of a key, and a check whether the value is that of a successful call. The check reads only
/// the first letters of the value. Escapes that spell a letter are reported by [`KeysSeen::doubt`].
type Value = (&'static [u8], fn(&Prefilter, &[u8]) -> bool);

/// The keys whose values are checked, without their common start `event`.
const VALUES: [Value; 4] = [
    (b"Name\":", |prefilter, value| {
        begins_text(value) && !prefilter.lets_through(&value[1..])
    }),
    // Events of other services have a source such as `aws:kinesis`.
    (b"Source\":", |_, value| {
        begins_text(value) && !value.starts_with(b"\"aws:")
    }),
    (b"Version\":", |_, value| value.starts_with(b"\"1.")),
    // All types except `AwsCloudTrailInsight`, that of Insight records, and `AwsServiceEvent`, whose details may state a
    // failure.
    (b"Type\":", |_, value| {
        matches!(
            value,
            [b'"', b'A', b'w', b's', b'A', b'p', ..]
                | [b'"', b'A', b'w', b's', b'V', ..]
                | [b'"', b'A', b'w', b's', b'C', b'o', ..]
        )
    }),
];
const NAME: usize = 0;
const SOURCE: usize = 1;

/// Maximum number of bytes that are read from a value; each name in a prefilter is shorter.
const VALUE_BYTES_MAX: usize = 64;

impl KeysSeen {
    /// Examines a key of the record, and its value. `at` is the offset in `text` of the first letter of the key, after
    /// the opening quote.
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

    /// Marks the record as one that has to be parsed, for example because an escape may spell a letter of a key.
    pub fn doubt(&mut self) {
        self.is_doubtful = true;
    }

    /// Checks whether the record is certainly that of a successful call, after all its keys were examined. `false`: the
    /// record has to be parsed.
    #[inline(always)]
    pub fn is_success(&self) -> bool {
        !self.is_doubtful && self.seen[NAME] == 1 && self.seen[SOURCE] == 1
    }

    /// Checks whether a second record is certainly that of a successful call too, although one of its strings differs
    /// from this record.
    ///
    /// This record must be that of a successful call. `text` contains both records. The strings differ from offset
    /// `mine` on in this record, and from offset `other` on in the second record. `false`: the second record has to be
    /// examined on its own.
    #[inline(always)]
    pub fn is_success_too(
        &self,
        prefilter: &Prefilter,
        text: &[u8],
        mine: usize,
        other: usize,
    ) -> bool {
        // The subtraction wraps around for values that begin later.
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
                // If a quote is in between, the difference is in another string.
                distance >= VALUE_BYTES_MAX
                    || text[start + 1..mine].contains(&b'"')
                    || is_harmless(prefilter, &text[other - distance..])
            })
    }
}

/// Checks whether a JSON value is a string that is not empty.
#[inline(always)]
fn begins_text(value: &[u8]) -> bool {
    matches!(value, [b'"', first, ..] if *first != b'"')
}
