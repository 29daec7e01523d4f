//! What a record must show to be read at all.
//!
//! Most records are calls that succeeded. Such a record is known by a few of its keys, and neither
//! its values nor the rest of its keys matter: it has the name of an event and of its source, no
//! error under any name, and the name is not one that its reader wants to look into. Where any of
//! this is in doubt the record is read; the sieve only ever says "surely nothing".

/// The names of events that are read even without an error.
#[derive(Debug, Clone)]
pub struct Sieve {
    /// One bit for each hash of the first letters of a name.
    heads: [u64; HEADS / 64],
    /// The names with their heads.
    names: Vec<([u8; HEAD], &'static [u8])>,
}

/// How many bits the heads of names are spread over: few names share one by accident.
const HEADS: usize = 1 << 14;

/// How many letters tell names apart well enough.
const HEAD: usize = 8;

impl Sieve {
    /// Makes a sieve that lets these names through.
    pub fn new(names: impl IntoIterator<Item = &'static str>) -> Self {
        let mut sieve = Self {
            heads: [0; HEADS / 64],
            names: Vec::new(),
        };
        for name in names.into_iter().map(str::as_bytes) {
            // A name of seven letters is followed by its quote.
            debug_assert!(name.len() >= HEAD - 1, "a shorter head would not be known");
            let mut head = [b'"'; HEAD];
            let length = name.len().min(HEAD);
            head[..length].copy_from_slice(&name[..length]);
            let slot = slot(head);
            sieve.heads[slot / 64] |= 1 << (slot % 64);
            sieve.names.push((head, name));
        }
        sieve
    }

    /// Tells whether it lets a name through, given the text from the name on.
    #[inline(always)]
    fn lets_through(&self, text: &[u8]) -> bool {
        match text.first_chunk() {
            Some(head) => self.knows(*head) && self.holds(*head, text),
            None => true,
        }
    }

    #[inline(always)]
    fn knows(&self, head: [u8; HEAD]) -> bool {
        let slot = slot(head);
        self.heads[slot / 64] >> (slot % 64) & 1 == 1
    }

    /// Compares in full: names that succeed all day begin like others that are watched.
    fn holds(&self, head: [u8; HEAD], text: &[u8]) -> bool {
        self.names.iter().any(|(known, name)| {
            *known == head
                && text
                    .strip_prefix(*name)
                    .is_some_and(|rest| rest.starts_with(b"\""))
        })
    }
}

/// Spreads heads by a product with the golden ratio, of which the highest bits are the best.
#[inline(always)]
fn slot(head: [u8; HEAD]) -> usize {
    let product = u64::from_le_bytes(head).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (product >> (64 - HEADS.trailing_zeros())) as usize
}

/// What the keys of one record have shown so far.
#[derive(Debug, Clone, Copy)]
pub struct Suspicion {
    is_odd: bool,
    /// How often each of [`VALUES`] was there.
    seen: [u32; VALUES.len()],
    /// Where it was there last.
    starts: [usize; VALUES.len()],
}

/// A place that is far from all others.
const NOWHERE: usize = usize::MAX / 2;

impl Default for Suspicion {
    fn default() -> Self {
        Self {
            is_odd: false,
            seen: [0; VALUES.len()],
            starts: [NOWHERE; VALUES.len()],
        }
    }
}

/// A value that is looked at: the end of its key, and what makes it harmless, told by its first
/// letters: an escape that spells a letter is told by [`Suspicion::any`], wherever it stands.
type Value = (&'static [u8], fn(&Sieve, &[u8]) -> bool);

/// The values that are looked at, under keys that begin with `event`.
const VALUES: [Value; 4] = [
    (b"Name\":", |sieve, value| {
        begins_text(value) && !sieve.lets_through(&value[1..])
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

/// How many bytes of a value are looked at, at most: no name that a sieve holds is as long.
const VALUE_BYTES_MAX: usize = 64;

impl Suspicion {
    /// Takes a key of the record, which begins at `at`, behind its opening quote.
    #[inline(always)]
    pub fn key(&mut self, sieve: &Sieve, text: &[u8], at: usize) {
        match text.get(at..) {
            Some([b'e', b'r', b'r', b'o', b'r', ..]) => self.is_odd = true,
            Some([b'e', b'v', b'e', b'n', b't', rest @ ..]) => self.event(sieve, rest, text.len()),
            _ => {}
        }
    }

    #[inline(always)]
    fn event(&mut self, sieve: &Sieve, rest: &[u8], end: usize) {
        for (place, (key, is_harmless)) in VALUES.iter().enumerate() {
            if let Some(value) = rest.strip_prefix(*key) {
                self.seen[place] += 1;
                self.starts[place] = end - value.len();
                self.is_odd |= !is_harmless(sieve, value);
                return;
            }
        }
    }

    /// Notes something that only reading can clear.
    pub fn any(&mut self) {
        self.is_odd = true;
    }

    /// Tells whether the record is surely a call that succeeded.
    #[inline(always)]
    pub fn is_cleared(&self) -> bool {
        !self.is_odd && self.seen[NAME] == 1 && self.seen[SOURCE] == 1
    }

    /// Tells whether another record is still cleared like this one where they differ in a string:
    /// from `mine` in this record, from `other` in the other.
    #[inline(always)]
    pub fn clears_other(&self, sieve: &Sieve, text: &[u8], mine: usize, other: usize) -> bool {
        // Wraps around for what begins later.
        let is_near = |start: &usize| mine.wrapping_sub(*start) < VALUE_BYTES_MAX;
        !self.starts.iter().any(is_near) || self.is_harmless_near(sieve, text, mine, other)
    }

    #[inline(never)]
    fn is_harmless_near(&self, sieve: &Sieve, text: &[u8], mine: usize, other: usize) -> bool {
        self.starts
            .iter()
            .zip(VALUES)
            .all(|(start, (_, is_harmless))| {
                let distance = mine.wrapping_sub(*start);
                // Where a quote is in between the difference is in another string.
                distance >= VALUE_BYTES_MAX
                    || text[start + 1..mine].contains(&b'"')
                    || is_harmless(sieve, &text[other - distance..])
            })
    }
}

/// Tells whether a JSON value is a string that is not empty.
#[inline(always)]
fn begins_text(value: &[u8]) -> bool {
    matches!(value, [b'"', first, ..] if *first != b'"')
}
