//! Proves that a text is JSON and finds its parts, 64 bytes at once. This is the fast path.
//!
//! A text is turned into masks with one bit for each byte, and the grammar of JSON is checked on the
//! masks. Which token may follow which is checked between neighbouring bits. Whether the members of an
//! object have keys, and the elements of an array have none, is checked by counting colons and commas
//! between brackets, which are few. So the proof takes a fraction of the time of a parser, and gives
//! the borders of the parts too.
//!
//! Only the form that AWS writes is proven: no white space between tokens, at most 60 levels. A text
//! that is not proven may still be JSON, or nearly JSON; then the reference reader decides. A text that
//! is not JSON is never accepted.

use std::hash::BuildHasher as _;

use foldhash::fast::FixedState;
use memchr::memmem::Finder;

use crate::native::{BLOCK, COMPACT_BYTES, GROUP, Job, Lanes, Masks, Row, dispatch};
use crate::prefilter::{KeysSeen, Prefilter};

/// Maximum nesting depth of a text: one bit of a mask for each level, with some bits to spare.
const DEPTH_MAX: usize = 60;

/// The place of a member in the text of a JSON object: the byte ranges of its key, without quotes, and of its value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ScannedMember {
    key: (u32, u32),
    value: (u32, u32),
}

impl ScannedMember {
    /// Returns the key as spelled in `text`, the text that was passed to [`members`]. The key contains no escapes.
    pub fn key(self, text: &str) -> &str {
        &text[self.key.0 as usize..self.key.1 as usize]
    }

    fn is_key_escaped(self, text: &[u8]) -> bool {
        text[self.key.0 as usize..self.key.1 as usize].contains(&b'\\')
    }

    /// Returns the JSON text of the value; `text` is the text that was passed to [`members`].
    pub fn value(self, text: &str) -> &str {
        &text[self.value.0 as usize..self.value.1 as usize]
    }
}

/// Maximum number of members of an object that [`members`] can read; a CloudTrail record has 25.
pub const MEMBERS_MAX: usize = 40;

/// Finds the members of a JSON object, writes them to the start of `members`, and returns their number.
///
/// `None`: the text is not proven to be an object in compact JSON, a key contains an escape, or there are more than
/// [`MEMBERS_MAX`] members. Then the reference reader has to read the text.
pub fn members(text: &str, members: &mut [ScannedMember; MEMBERS_MAX]) -> Option<usize> {
    // Offsets are stored in 32 bits; no record is a thousandth as long.
    if !text.starts_with('{') || u32::try_from(text.len()).is_err() {
        return None;
    }
    dispatch(FindMembers {
        text: text.as_bytes(),
        members,
    })
}

/// A part of a JSON array that [`records`] found: a record to parse, or consecutive records to skip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found<'a> {
    /// The number of consecutive records of successful calls, which the prefilter does not let through.
    Skipped(u64),
    /// The JSON text of a record that has to be parsed.
    Record(&'a [u8]),
}

/// Reads the records of a JSON array, and passes them to `found` in their order; `text` begins with the first record.
///
/// Stops before the first record that is not proven to be a JSON object of at most `max` bytes. Returns the number of
/// bytes read: all complete records, and the commas between them. The caller has to read on from there.
pub fn records<'a>(
    text: &'a [u8],
    max: usize,
    prefilter: &Prefilter,
    found: &mut dyn FnMut(Found<'a>),
) -> usize {
    if text.first() != Some(&b'{') {
        return 0;
    }
    dispatch(FindRecords {
        text,
        max,
        prefilter,
        found,
    })
}

/// The number of bytes in a group of blocks.
const GROUP_BYTES: usize = GROUP * BLOCK;

/// The places of tokens in a group, with regard to which bytes are inside of strings.
struct Rows {
    /// Opening brackets, closing brackets, colons and commas outside of strings.
    opens: Row,
    closes: Row,
    colons: Row,
    commas: Row,
    /// Opening quotes of strings that begin with the letter `e`.
    strings_in_e: Row,
    /// First bytes of numbers, booleans and nulls.
    scalars: Row,
    /// Bytes after a backslash, other than quotes and backslashes.
    escapes: Row,
    /// Whether any bit of `escapes` is set.
    has_special: bool,
    /// Whether the group contains a backslash, or begins with an escaped byte.
    has_escapes: bool,
    /// The number of colons (low half) and commas (high half) before each block.
    counts: Row,
    /// First byte of the group that is not proven to be JSON; the length of the group if all bytes are.
    bad: usize,
}

/// The state between one group and the next.
struct Scanner {
    /// Whether the first byte of the next block is escaped.
    escaped: u64,
    /// All ones if the next block begins inside of a string, or else 0.
    in_string: u64,
    /// 1 if the next block begins inside of a string that is after a colon, or else 0.
    in_value: u64,
    last: LastBlock,
    /// The number of colons and commas before the group, as in [`Rows::counts`].
    count: u64,
    nesting: Nesting,
}

/// Masks of the last block of the previous group.
#[derive(Default)]
struct LastBlock {
    opens: u64,
    colons: u64,
    commas: u64,
    value_ends: u64,
    key_ends: u64,
}

/// The open brackets.
struct Nesting {
    depth: usize,
    /// Which open brackets are square, one bit for each; the innermost bracket has the lowest bit.
    squares: u64,
    /// The number of colons and commas directly inside of the innermost bracket, and inside of each outer one.
    direct: u64,
    outer: [u64; DEPTH_MAX],
    /// The number of colons and commas before the last bracket.
    count: u64,
}

/// Shifts a row of masks by one byte: the result has a bit after each byte of `row`.
#[inline(always)]
fn behind(row: &Row, last: &mut u64) -> Row {
    let mut moved = [0; GROUP];
    moved[0] = row[0] << 1 | *last >> 63;
    for place in 1..GROUP {
        moved[place] = row[place] << 1 | row[place - 1] >> 63;
    }
    *last = row[GROUP - 1];
    moved
}

/// Computes a row, mask by mask; the compiler uses wide instructions for it.
#[inline(always)]
fn row(mask: impl Fn(usize) -> u64) -> Row {
    let mut row = [0; GROUP];
    for (place, slot) in row.iter_mut().enumerate() {
        *slot = mask(place);
    }
    row
}

impl Scanner {
    /// Returns a scanner that expects a value in a list, as if after a comma.
    fn in_list() -> Self {
        Self {
            escaped: 0,
            in_string: 0,
            in_value: 0,
            last: LastBlock {
                commas: 1 << 63,
                ..LastBlock::default()
            },
            count: 0,
            nesting: Nesting {
                depth: 0,
                squares: 1,
                direct: 0,
                outer: [0; DEPTH_MAX],
                count: 0,
            },
        }
    }

    /// Processes the masks of the next group.
    ///
    /// Outside of strings each byte is a bracket, a colon, a comma or part of a scalar, and each is
    /// checked against the byte before it:
    ///
    /// | token | must be after |
    /// |---|---|
    /// | colon | a string that is not itself after a colon |
    /// | string, opening bracket, scalar | a colon, a comma or an opening bracket |
    /// | comma | the end of a value |
    /// | closing bracket | the end of a value, or an opening bracket |
    ///
    /// Other faults, such as an element with a key, are found by [`Nesting::close`], which counts.
    #[inline(always)]
    fn group<L: Lanes>(&mut self, lanes: L, masks: &Masks) -> Rows {
        let (quotes, escapes, has_escapes) = self.unescaped(masks);
        let in_string = self.strings(lanes, &quotes);
        let outside = row(|at| !(in_string[at] | quotes[at]));
        let opens = row(|at| masks.open[at] & outside[at]);
        let closes = row(|at| masks.close[at] & outside[at]);
        let colons = row(|at| masks.colon[at] & outside[at]);
        let commas = row(|at| masks.comma[at] & outside[at]);
        let scalars = row(|at| outside[at] & !(opens[at] | closes[at] | colons[at] | commas[at]));
        let starts = row(|at| quotes[at] & in_string[at]);
        let ends = row(|at| quotes[at] & !in_string[at]);

        let last = &mut self.last;
        let behind_colon = behind(&colons, &mut last.colons);
        let behind_comma = behind(&commas, &mut last.commas);
        let behind_open = behind(&opens, &mut last.opens);
        let value_ends = row(|at| closes[at] | ends[at]);
        let behind_value = behind(&value_ends, &mut last.value_ends);
        let mut keys = [0; GROUP];
        for at in 0..GROUP {
            // Adding a bit at the start of a run of ones moves the bit after the end of the run.
            let (sum, over) = in_string[at].overflowing_add(starts[at] & behind_colon[at]);
            let (sum, over_again) = sum.overflowing_add(self.in_value);
            self.in_value = u64::from(over | over_again);
            keys[at] = ends[at] & !sum;
        }
        let behind_key = behind(&keys, &mut last.key_ends);
        let bad = row(|at| {
            let behind_separator = behind_colon[at] | behind_comma[at];
            let behind_opening = behind_separator | behind_open[at];
            masks.control[at]
                | colons[at] & !behind_key[at]
                | commas[at] & behind_opening
                | closes[at] & behind_separator
                | (opens[at] | starts[at]) & !behind_opening
                | scalars[at] & behind_value[at]
        });
        let scalars =
            row(|at| scalars[at] & (behind_colon[at] | behind_comma[at] | behind_open[at]));
        let strings_in_e = row(|at| {
            let next = masks.letter_e.get(at + 1).map_or(!0, |next| *next);
            starts[at] & (masks.letter_e[at] >> 1 | next << 63)
        });
        Rows {
            bad: first(&bad),
            counts: self.counts(&colons, &commas),
            has_special: first(&escapes) < GROUP_BYTES,
            opens,
            closes,
            colons,
            commas,
            strings_in_e,
            scalars,
            escapes,
            has_escapes,
        }
    }

    /// Returns the quotes that begin or end a string, the other escaped bytes, and whether there is any escape.
    #[inline(always)]
    fn unescaped(&mut self, masks: &Masks) -> (Row, Row, bool) {
        let any = masks.backslash.iter().fold(0, |any, mask| any | mask);
        if any | self.escaped == 0 {
            return (masks.quote, [0; GROUP], false);
        }
        let mut escapes = [0; GROUP];
        let mut quotes = [0; GROUP];
        for at in 0..GROUP {
            let escaped = escaped(masks.backslash[at], &mut self.escaped);
            quotes[at] = masks.quote[at] & !escaped;
            escapes[at] = escaped & !(masks.quote[at] | masks.backslash[at]);
        }
        (quotes, escapes, true)
    }

    /// Returns the bytes inside of strings, with the opening quotes and without the closing quotes.
    #[inline(always)]
    fn strings<L: Lanes>(&mut self, lanes: L, quotes: &Row) -> Row {
        let mut in_string = [0; GROUP];
        for at in 0..GROUP {
            in_string[at] = lanes.parity(quotes[at]) ^ self.in_string;
            self.in_string = 0_u64.wrapping_sub(in_string[at] >> 63);
        }
        in_string
    }

    /// Returns the number of colons and commas before each block.
    #[inline(always)]
    fn counts(&mut self, colons: &Row, commas: &Row) -> Row {
        let mut counts = [0; GROUP];
        for at in 0..GROUP {
            counts[at] = self.count;
            self.count += count(colons[at], commas[at]);
        }
        counts
    }
}

/// Returns the number of colons in the low half, and the number of commas in the high half.
#[inline(always)]
fn count(colons: u64, commas: u64) -> u64 {
    u64::from(colons.count_ones()) | u64::from(commas.count_ones()) << 32
}

/// Returns the place of the first set bit of a row, or the length of a group if no bit is set.
#[inline(always)]
fn first(row: &Row) -> usize {
    if row.iter().fold(0, |any, mask| any | mask) == 0 {
        return GROUP_BYTES;
    }
    let at = row.iter().position(|mask| *mask != 0).unwrap_or(GROUP);
    at * BLOCK + row.get(at).map_or(0, |mask| mask.trailing_zeros() as usize)
}

impl Rows {
    /// Returns the number of colons and commas before a place of the group.
    #[inline(always)]
    fn count_before(&self, place: usize) -> u64 {
        let (at, bit) = (place / BLOCK % GROUP, place % BLOCK);
        let before = (1 << bit) - 1;
        self.counts[at] + count(self.colons[at] & before, self.commas[at] & before)
    }

    #[inline(always)]
    fn is_escape(&self, place: usize) -> bool {
        self.has_special && self.escapes[place / BLOCK % GROUP] >> (place % BLOCK) & 1 == 1
    }
}

impl Nesting {
    /// Processes the bracket at offset `at` and returns the depth after the bracket; `count` is the number of colons
    /// and commas before it. `None`: the text is not JSON, or nested too deep.
    #[inline(always)]
    fn bracket(&mut self, text: &[u8], at: usize, count: u64) -> Option<usize> {
        match text[at] {
            open @ (b'{' | b'[') => self.open(open == b'[', count),
            close => self.close(close == b']', count, text[..at].ends_with(b"{")),
        }
    }

    /// Processes an opening bracket and returns the depth inside of it; `None` if it is too deep.
    #[inline(always)]
    fn open(&mut self, is_square: bool, count: u64) -> Option<usize> {
        *self.outer.get_mut(self.depth)? = self.direct + (count - self.count);
        self.count = count;
        self.direct = 0;
        self.depth += 1;
        self.squares = self.squares << 1 | u64::from(is_square);
        Some(self.depth)
    }

    /// Processes a closing bracket and returns the depth outside of it.
    ///
    /// `None`: there is no open bracket of the same kind, a member of an object has no key, or an element of an array
    /// has a key. A member with two keys is found by [`Scanner::group`].
    #[inline(always)]
    fn close(&mut self, is_square: bool, count: u64, is_behind_brace: bool) -> Option<usize> {
        let direct = self.direct + (count - self.count);
        let (colons, commas) = (direct & 0xffff_ffff, direct >> 32);
        let is_right = if is_square {
            colons == 0
        } else {
            colons == commas + 1 || (is_behind_brace && direct == 0)
        };
        if !is_right || self.squares & 1 != u64::from(is_square) || self.depth == 0 {
            return None;
        }
        self.count = count;
        self.depth -= 1;
        self.squares >>= 1;
        self.direct = self.outer[self.depth];
        Some(self.depth)
    }
}

/// Returns a mask of the bytes after a backslash that is not itself escaped; `backslash` is the mask of all
/// backslashes in a block.
///
/// `last` is 1 if the first byte of the block is escaped, and is updated for the next block.
#[inline(always)]
pub(crate) fn escaped(backslash: u64, last: &mut u64) -> u64 {
    const EVEN: u64 = 0x5555_5555_5555_5555;
    if backslash == 0 {
        return std::mem::take(last);
    }
    let backslash = backslash & !*last;
    let follows = backslash << 1 | *last;
    let odd_starts = backslash & !EVEN & !follows;
    // The sum carries a bit to the end of each run of backslashes that starts at an odd position. The
    // parity of that end shows whether the byte after the run is escaped.
    let (runs, over) = odd_starts.overflowing_add(backslash);
    *last = u64::from(over);
    (EVEN ^ (runs << 1)) & follows
}

/// Checks whether a text begins with a number, a boolean or null, followed by a comma or a closing bracket.
fn is_scalar(text: &[u8]) -> bool {
    let length = match text {
        [b't', b'r', b'u', b'e', ..] | [b'n', b'u', b'l', b'l', ..] => 4,
        [b'f', b'a', b'l', b's', b'e', ..] => 5,
        _ => match number(text) {
            Some(length) => length,
            None => return false,
        },
    };
    matches!(text.get(length), Some(b',' | b'}' | b']'))
}

/// Returns the length of the number at the start of a text (RFC 8259, section 6).
fn number(text: &[u8]) -> Option<usize> {
    let digits = |from: usize| {
        let rest = text.get(from..).unwrap_or_default();
        let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        (count > 0).then_some(from + count)
    };
    let start = usize::from(text.first() == Some(&b'-'));
    let mut end = digits(start)?;
    if text[start] == b'0' && end > start + 1 {
        return None;
    }
    if text.get(end) == Some(&b'.') {
        end = digits(end + 1)?;
    }
    if matches!(text.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(text.get(end + 1), Some(b'+' | b'-')));
        end = digits(end + 1 + sign)?;
    }
    Some(end)
}

/// The places of a group that are examined one by one.
struct Places {
    places: [u16; GROUP_BYTES + Self::STEP],
    count: usize,
}

impl Places {
    /// Number of places that are written at once. Most blocks have fewer, so the processor need not predict a branch
    /// for each.
    const STEP: usize = 4;

    fn none() -> Self {
        Self {
            places: [0; GROUP_BYTES + Self::STEP],
            count: 0,
        }
    }

    /// Stores the places of the set bits of a row, instead of the earlier places.
    #[inline(always)]
    fn fill(&mut self, row: &Row) {
        self.count = 0;
        for (at, &mask) in row.iter().enumerate() {
            let mut mask = mask;
            let mut end = self.count;
            self.count += mask.count_ones() as usize;
            loop {
                let Some(slots) = self.places[end..].first_chunk_mut::<{ Self::STEP }>() else {
                    return;
                };
                for slot in slots {
                    *slot = (at * BLOCK) as u16 + mask.trailing_zeros() as u16;
                    mask &= mask.wrapping_sub(1);
                }
                if mask == 0 {
                    break;
                }
                end += Self::STEP;
            }
        }
    }

    #[inline(always)]
    fn iter(&self) -> impl Iterator<Item = usize> {
        let places = self.places.get(..self.count).unwrap_or_default();
        places.iter().map(|place| usize::from(*place))
    }
}

/// Computes the masks of the group at offset `base`; bytes after the end of the text have no bits.
#[inline(always)]
fn masks_at<L: Lanes>(lanes: L, text: &[u8], base: usize) -> Masks {
    let mut masks = Masks::default();
    let (blocks, rest) = text[base..].as_chunks::<BLOCK>();
    for (place, block) in blocks.iter().take(GROUP).enumerate() {
        lanes.masks(block, &mut masks, place);
    }
    if blocks.len() < GROUP && !rest.is_empty() {
        let mut last = [b' '; BLOCK];
        last[..rest.len()].copy_from_slice(rest);
        lanes.masks(&last, &mut masks, blocks.len());
    }
    masks
}

/// Kinds of escapes in a string, except `\"` and `\\`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Escape {
    /// A valid escape that spells no letter of a key or name.
    Plain,
    /// An escape that may spell a letter of a key or name, such as `\u0065` for `e`.
    Letter,
    Invalid,
}

impl Escape {
    /// Returns the kind of the escape; `text` begins after the backslash.
    fn at(text: &[u8]) -> Self {
        match text {
            [b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..] => Self::Plain,
            [b'u', b'0', b'0', b'4'..=b'7', last, ..] if last.is_ascii_hexdigit() => Self::Letter,
            [b'u', digits @ ..] => match digits.first_chunk::<4>() {
                Some(digits) if digits.iter().all(u8::is_ascii_hexdigit) => Self::Plain,
                _ => Self::Invalid,
            },
            _ => Self::Invalid,
        }
    }
}

/// See [`members`].
struct FindMembers<'a> {
    text: &'a [u8],
    members: &'a mut [ScannedMember; MEMBERS_MAX],
}

impl Job for FindMembers<'_> {
    type Output = Option<usize>;

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) -> Option<usize> {
        let Self { text, members } = self;
        let mut scanner = Scanner::in_list();
        let mut places = Places::none();
        let mut parts = Parts::default();
        let mut has_escapes = false;
        for base in (0..text.len()).step_by(GROUP_BYTES) {
            let rows = scanner.group(lanes, &masks_at(lanes, text, base));
            if rows.bad < GROUP_BYTES.min(text.len() - base) {
                return None;
            }
            has_escapes |= rows.has_escapes;
            places.fill(&row(|at| {
                rows.opens[at]
                    | rows.closes[at]
                    | rows.colons[at]
                    | rows.commas[at]
                    | rows.scalars[at]
                    | rows.escapes[at]
            }));
            for place in places.iter() {
                let at = base + place;
                let rest = text.get(at..).filter(|rest| !rest.is_empty())?;
                if rows.is_escape(place) {
                    if Escape::at(rest) == Escape::Invalid {
                        return None;
                    }
                    continue;
                }
                let nesting = &mut scanner.nesting;
                match rest[0] {
                    b':' if nesting.depth == 1 => parts.colon(at),
                    b',' if nesting.depth == 1 => parts.end(at, members)?,
                    b':' | b',' => {}
                    b'{' | b'[' | b'}' | b']' => {
                        let depth = nesting.bracket(text, at, rows.count_before(place))?;
                        if depth == 0 {
                            parts.end(at, members)?;
                            let members = &members[..parts.count];
                            let is_escaped = |member: &ScannedMember| member.is_key_escaped(text);
                            let is_key_escaped = has_escapes && members.iter().any(is_escaped);
                            return (rest.len() == 1 && !is_key_escaped).then_some(parts.count);
                        }
                    }
                    _ if is_scalar(rest) => {}
                    _ => return None,
                }
            }
        }
        None
    }
}

/// The state of [`FindMembers`]: the current member, and the number of members found so far.
#[derive(Default)]
struct Parts {
    count: usize,
    /// Offset of the brace or comma before the current member.
    before: u32,
    /// Offset of the colon in the current member; 0 before the colon is found.
    colon: u32,
}

impl Parts {
    #[inline(always)]
    fn colon(&mut self, at: usize) {
        self.colon = at as u32;
    }

    #[inline(always)]
    fn end(&mut self, at: usize, members: &mut [ScannedMember; MEMBERS_MAX]) -> Option<()> {
        if self.colon != 0 {
            *members.get_mut(self.count)? = ScannedMember {
                key: (self.before + 2, self.colon - 1),
                value: (self.colon + 1, at as u32),
            };
            self.count += 1;
        }
        self.before = at as u32;
        Some(())
    }
}

/// See [`records`].
struct FindRecords<'a, 'f> {
    text: &'a [u8],
    max: usize,
    prefilter: &'f Prefilter,
    found: &'f mut dyn FnMut(Found<'a>),
}

impl Job for FindRecords<'_, '_> {
    type Output = usize;

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) -> usize {
        let mut scanner = Scanner::in_list();
        let mut places = Places::none();
        let mut run = Run {
            text: self.text,
            max: self.max,
            prefilter: self.prefilter,
            found: self.found,
            start: 0,
            skipped: 0,
            keys: KeysSeen::default(),
            has_escapes: false,
            templates: ShapeTemplates::none(),
        };
        let mut base = 0;
        'groups: while base < self.text.len() {
            let rows = scanner.group(lanes, &masks_at(lanes, self.text, base));
            run.has_escapes |= rows.has_escapes;
            places.fill(&row(|at| {
                rows.opens[at]
                    | rows.closes[at]
                    | rows.strings_in_e[at]
                    | rows.scalars[at]
                    | rows.escapes[at]
            }));
            for place in places.iter().take_while(|place| *place < rows.bad) {
                match run.place(&mut scanner.nesting, &rows, base, place) {
                    Some(Place::Inside) => {}
                    Some(Place::Border) => {
                        if run.skip_similar(lanes) {
                            scanner = Scanner::in_list();
                            base = run.start;
                            continue 'groups;
                        }
                    }
                    None => return run.end(),
                }
            }
            if rows.bad < GROUP_BYTES {
                break;
            }
            base += GROUP_BYTES;
        }
        run.end()
    }
}

/// The state of [`FindRecords`].
struct Run<'a, 'f> {
    text: &'a [u8],
    max: usize,
    prefilter: &'f Prefilter,
    found: &'f mut dyn FnMut(Found<'a>),
    /// Offset of the current record.
    start: usize,
    /// Number of records directly before it that need not be parsed, and are not yet reported.
    skipped: u64,
    keys: KeysSeen,
    /// Whether the current record may contain a backslash.
    has_escapes: bool,
    templates: ShapeTemplates,
}

/// Where a place of a list of records is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Inside of a record.
    Inside,
    /// At the end of a record that is followed by another one.
    Border,
}

impl Run<'_, '_> {
    /// Examines one place. `None` ends the run: before the current record if it is not proven, or after the last
    /// record.
    #[inline(always)]
    fn place(
        &mut self,
        nesting: &mut Nesting,
        rows: &Rows,
        base: usize,
        place: usize,
    ) -> Option<Place> {
        let at = base + place;
        let rest = self.text.get(at..).filter(|rest| !rest.is_empty())?;
        if rows.is_escape(place) {
            match Escape::at(rest) {
                Escape::Plain => {}
                Escape::Letter => self.keys.doubt(),
                Escape::Invalid => return None,
            }
            return Some(Place::Inside);
        }
        match rest[0] {
            b'"' => {
                if nesting.depth == 1 {
                    self.keys.key(self.prefilter, self.text, at + 1);
                }
                Some(Place::Inside)
            }
            b'{' | b'[' | b'}' | b']' => {
                match nesting.bracket(self.text, at, rows.count_before(place))? {
                    0 => self.record(at, rows.has_escapes),
                    _ => Some(Place::Inside),
                }
            }
            _ => is_scalar(rest).then_some(Place::Inside),
        }
    }

    /// Ends the current record, whose closing brace is at `end`, and reports or skips it.
    #[inline(always)]
    fn record(&mut self, end: usize, has_escapes: bool) -> Option<Place> {
        let span = self.start..end + 1;
        let record = &self.text[span.clone()];
        if record.len() > self.max {
            return None;
        }
        let keys = std::mem::take(&mut self.keys);
        if keys.is_success() {
            self.skipped += 1;
            if !self.has_escapes {
                self.templates
                    .store(self.text, ShapeTemplate { span, keys });
            }
        } else {
            self.report_skipped();
            (self.found)(Found::Record(record));
        }
        // The escapes of the group may belong to the next record.
        self.has_escapes = has_escapes;
        self.go_behind(end + 1)?;
        Some(Place::Border)
    }

    /// Moves to the first byte after a record; `None` if no other record follows.
    #[inline(always)]
    fn go_behind(&mut self, end: usize) -> Option<()> {
        let is_followed = self.text[end..].starts_with(b",{");
        self.start = end + usize::from(is_followed);
        is_followed.then_some(())
    }

    /// Skips the following records that are similar to an earlier one, and returns whether there were any.
    #[inline(always)]
    fn skip_similar<L: Lanes>(&mut self, lanes: L) -> bool {
        let mut is_any = false;
        while let Some(template) = self.templates.of(self.text, self.start)
            && let Some(end) = template.end_if_similar(lanes, self.text, self.start, self.prefilter)
            && end - self.start <= self.max
            && self.text[end..].starts_with(b",{")
        {
            is_any = true;
            self.skipped += 1;
            self.start = end + 1;
        }
        is_any
    }

    fn report_skipped(&mut self) {
        match std::mem::take(&mut self.skipped) {
            0 => {}
            count => (self.found)(Found::Skipped(count)),
        }
    }

    /// Ends the run and returns the number of bytes read.
    fn end(mut self) -> usize {
        self.report_skipped();
        self.start
    }
}

/// Earlier records of successful calls to compare with, by event name and type of caller.
struct ShapeTemplates {
    slots: Vec<Option<ShapeTemplate>>,
    name: Finder<'static>,
}

/// Maximum number of stored records; a few APIs make up most of a trail.
const TEMPLATES: usize = 256;

/// Number of bytes of a record in which the event name is searched for.
const NAME_WITHIN: usize = 2048;

impl ShapeTemplates {
    fn none() -> Self {
        Self {
            slots: Vec::new(),
            name: Finder::new(b"\"eventName\":\""),
        }
    }

    /// Returns the slot of a record, a guess at a similar record. A wrong guess only costs time.
    #[inline(always)]
    fn slot(&self, text: &[u8], start: usize) -> Option<usize> {
        // The place of the caller's type in a record, as CloudTrail writes records.
        const CALLER: std::ops::Range<usize> = 46..54;
        let record = &text[start..];
        let ahead = &record[..record.len().min(NAME_WITHIN)];
        let name = &ahead[self.name.find(ahead)? + self.name.needle().len()..];
        let caller = u64::from_le_bytes(ahead.get(CALLER)?.try_into().ok()?);
        let head = u64::from_le_bytes(*name.first_chunk()?);
        let next = u64::from_le_bytes(*name.get(8..)?.first_chunk()?);
        Some(FixedState::default().hash_one((head, next, caller)) as usize % TEMPLATES)
    }

    #[inline(always)]
    fn of(&self, text: &[u8], start: usize) -> Option<&ShapeTemplate> {
        if self.slots.is_empty() {
            return None;
        }
        self.slots[self.slot(text, start)?].as_ref()
    }

    fn store(&mut self, text: &[u8], template: ShapeTemplate) {
        if self.slots.is_empty() {
            self.slots.resize_with(TEMPLATES, || None);
        }
        if let Some(slot) = self.slot(text, template.span.start) {
            self.slots[slot] = Some(template);
        }
    }
}

/// A proven record of a successful call, without a backslash, with which later records are compared.
///
/// Most records differ from an earlier one only in a few values. If the differences are only inside
/// of strings that are not keys, and contain no quote, backslash or control character, the later
/// record is proven too. Such a comparison takes a fraction of the time of the full proof.
struct ShapeTemplate {
    span: std::ops::Range<usize>,
    keys: KeysSeen,
}

impl ShapeTemplate {
    /// Returns the end of the record at `start`, if it is similar to this record and certainly that of a
    /// successful call too.
    #[inline(always)]
    fn end_if_similar<L: Lanes>(
        &self,
        lanes: L,
        text: &[u8],
        start: usize,
        prefilter: &Prefilter,
    ) -> Option<usize> {
        let (mut mine, mut other) = (self.span.start, start);
        let mut is_in_string = false;
        loop {
            let one = text[mine..].first_chunk::<BLOCK>()?;
            let two = text.get(other..)?.first_chunk::<BLOCK>()?;
            let left = self.span.end - mine;
            let mut differences = lanes.differences(one, two);
            let quotes = lanes.string_masks(one).quote;
            if left < BLOCK {
                differences &= (1 << left) - 1;
            }
            if differences == 0 {
                if left <= BLOCK {
                    return Some(other + left);
                }
                is_in_string ^= quotes.count_ones() & 1 == 1;
                mine += BLOCK;
                other += BLOCK;
                continue;
            }
            let bit = differences & differences.wrapping_neg();
            let same = bit.trailing_zeros() as usize;
            is_in_string ^= (quotes & (bit - 1)).count_ones() & 1 == 1;
            if !is_in_string
                || !self
                    .keys
                    .is_success_too(prefilter, text, mine + same, other + same)
            {
                return None;
            }
            // Most strings end within the block.
            let masks = lanes.string_masks(two);
            let rest = bit.wrapping_neg();
            let ends = (masks.quote | masks.backslash | masks.control) & rest;
            if quotes & rest != 0 && ends != 0 {
                if masks.quote & ends & ends.wrapping_neg() == 0 {
                    return None;
                }
                mine += (quotes & rest).trailing_zeros() as usize;
                other += ends.trailing_zeros() as usize;
            } else {
                mine = string_end(lanes, text, mine + same)?;
                other = string_end(lanes, text, other + same)?;
            }
            if text.get(other + 1) == Some(&b':') {
                return None;
            }
        }
    }
}

/// Returns the offset of the closing quote of the string that contains `from`; `None` if a backslash or a control
/// character comes first.
#[inline(always)]
fn string_end<L: Lanes>(lanes: L, text: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        let masks = lanes.string_masks(text[at..].first_chunk()?);
        let ends = masks.quote | masks.backslash | masks.control;
        if ends != 0 {
            let end = at + ends.trailing_zeros() as usize;
            return (text[end] == b'"').then_some(end);
        }
        at += BLOCK;
    }
}

/// The number of bytes by which the output buffer of [`unescape`] should be longer than the JSON string, so that
/// copying is fast.
pub const UNESCAPE_EXTRA_BYTES: usize = COMPACT_BYTES;

/// Writes the unescaped content of a JSON string to the start of `output`; `text` begins after the opening quote.
///
/// Returns the offset of the closing quote in `text`, and the number of bytes written to `output`. `None`: the string
/// does not end, is not JSON, contains a lone surrogate, or does not fit into `output`.
pub fn unescape(text: &[u8], output: &mut [u8]) -> Option<(usize, usize)> {
    dispatch(Unescape {
        text,
        output,
        written: 0,
        from: 0,
    })
}

/// See [`unescape`].
struct Unescape<'a> {
    text: &'a [u8],
    output: &'a mut [u8],
    written: usize,
    /// Offset of the first byte that is not yet written.
    from: usize,
}

impl Job for Unescape<'_> {
    type Output = Option<(usize, usize)>;

    #[inline(always)]
    fn run<L: Lanes>(mut self, lanes: L) -> Option<(usize, usize)> {
        let mut carry = 0;
        let mut last = [b' '; BLOCK];
        for base in (0..self.text.len()).step_by(BLOCK) {
            let rest = &self.text[base..];
            let block = match rest.first_chunk() {
                Some(block) => block,
                None => {
                    last[..rest.len()].copy_from_slice(rest);
                    &last
                }
            };
            let masks = lanes.string_masks(block);
            let escaped = escaped(masks.backslash, &mut carry);
            let ends = masks.quote & !escaped;
            // All bits before the first closing quote; all bits of the block if there is none.
            let inside = ends.wrapping_sub(1) & !ends;
            if masks.control & inside != 0 {
                return None;
            }
            // An escape in the block before may have ended in this one.
            let unread = inside & u64::MAX << self.from.saturating_sub(base);
            let begins = masks.backslash & !escaped & inside;
            let escapes = escaped & unread;
            let slot = self.output.get_mut(self.written..);
            match slot.and_then(<[u8]>::first_chunk_mut) {
                Some(slot) if escapes & !(masks.quote | masks.backslash) == 0 => {
                    // Without the backslashes before them, the escaped bytes are literal.
                    self.written += lanes.compact(block, unread & !begins, slot);
                    self.from = base + BLOCK - usize::from(begins >> (BLOCK - 1) != 0);
                }
                _ => self.each_escape(base, escapes, inside, begins)?,
            }
            if ends != 0 {
                let end = base + ends.trailing_zeros() as usize;
                return (end < self.text.len()).then_some((end, self.written));
            }
        }
        None
    }
}

impl Unescape<'_> {
    /// Writes what is in a block with escapes of any kind, one escape after another. The masks are those of the escaped
    /// bytes, of the content of the string, and of the backslashes that begin an escape.
    #[inline(never)]
    fn each_escape(
        &mut self,
        base: usize,
        mut escapes: u64,
        inside: u64,
        begins: u64,
    ) -> Option<()> {
        while escapes != 0 {
            let at = base + escapes.trailing_zeros() as usize;
            escapes &= escapes - 1;
            self.escape(at)?;
        }
        // A backslash at the end of the block belongs to the next one.
        let length = inside.trailing_ones() as usize - usize::from(begins >> (BLOCK - 1) != 0);
        let end = (base + length).min(self.text.len());
        if self.from < end {
            self.copy(end)?;
            self.from = end;
        }
        Some(())
    }

    /// Writes the text from `from` up to `to`.
    #[inline(always)]
    fn copy(&mut self, to: usize) -> Option<()> {
        const AT_ONCE: usize = BLOCK / 2;
        let count = to - self.from;
        let output = self.output.get_mut(self.written..)?;
        let rest = self.text.get(self.from..)?;
        match (rest.first_chunk::<AT_ONCE>(), output.first_chunk_mut()) {
            // Most runs are short. Surplus bytes are overwritten by the next run.
            (Some(run), Some(slot)) if count <= AT_ONCE => *slot = *run,
            _ => output.get_mut(..count)?.copy_from_slice(&rest[..count]),
        }
        self.written += count;
        Some(())
    }

    /// Writes the text before an escape, and the character of the escape; `at` is the offset after the backslash.
    #[inline(always)]
    fn escape(&mut self, at: usize) -> Option<()> {
        // The second half of a surrogate pair was read together with the first.
        if at < self.from {
            return Some(());
        }
        self.copy(at - 1)?;
        let byte = match *self.text.get(at)? {
            b'"' | b'\\' | b'/' => {
                // The byte is literal, and begins the next run.
                self.from = at;
                return Some(());
            }
            b'n' => b'\n',
            b't' => b'\t',
            b'r' => b'\r',
            b'b' => 0x08,
            b'f' => 0x0c,
            b'u' => return self.code(at),
            _ => return None,
        };
        *self.output.get_mut(self.written)? = byte;
        self.written += 1;
        self.from = at + 1;
        Some(())
    }

    /// Writes the character of a `\u` escape with its `u` at `at`: four hex digits, or two escapes for a surrogate
    /// pair.
    fn code(&mut self, at: usize) -> Option<()> {
        let unit = |from: usize| {
            let digits = self.text.get(from..from + 4)?;
            let value =
                |value: u32, digit: &u8| Some(value << 4 | char::from(*digit).to_digit(16)?);
            digits.iter().try_fold(0, value)
        };
        let first = unit(at + 1)?;
        let (code, end) = match first {
            0xd800..0xdc00 if self.text.get(at + 5..at + 7) == Some(b"\\u") => {
                let second = unit(at + 7)?
                    .checked_sub(0xdc00)
                    .filter(|low| *low < 0x400)?;
                (0x10000 + ((first - 0xd800) << 10) + second, at + 11)
            }
            code => (code, at + 5),
        };
        let mut spelled = [0; 4];
        let spelled = char::from_u32(code)?.encode_utf8(&mut spelled).as_bytes();
        let output = self.output.get_mut(self.written..)?;
        output.get_mut(..spelled.len())?.copy_from_slice(spelled);
        self.written += spelled.len();
        self.from = end;
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use proptest::prelude::*;
    use serde_json::value::RawValue;

    use super::*;
    use crate::native::Scalar;
    use crate::reference;
    use crate::split::tests::any_json;

    /// Returns the members of an object, if it is proven, and checks that the vector instructions, `Scalar` and the
    /// reference reader find the same.
    fn parts(text: &str) -> Option<Vec<(String, String)>> {
        let mut found = [ScannedMember::default(); MEMBERS_MAX];
        let mut portable = found;
        let job = FindMembers {
            text: text.as_bytes(),
            members: &mut portable,
        };
        let by_scalar = text.starts_with('{').then(|| job.run(Scalar)).flatten();
        let count = members(text, &mut found);
        assert_eq!((count, found), (by_scalar, portable), "{text}");
        let count = count?;
        let found = found[..count].iter();
        let found: Vec<_> = found
            .map(|member| (member.key(text).to_owned(), member.value(text).to_owned()))
            .collect();
        let mut parsed = Vec::new();
        reference::each_field(text, |key, value| {
            let key = String::from_utf8_lossy(key).into_owned();
            parsed.push((key, value.as_str().to_owned()));
        })
        .expect("what is proven is JSON");
        assert_eq!(found, parsed, "{text}");
        Some(found)
    }

    #[test]
    fn the_members_of_compact_objects_are_found() {
        for (text, count) in [
            (r#"{}"#, 0),
            (r#"{"a":1}"#, 1),
            (r#"{"a":"b","c":{"d":[1,{"e":null}]},"f":-1.5e+3}"#, 3),
            (
                r#"{"":-7.720532882125144e+206,"A":[3.0401208278601786,-4.5964494441646235e+236],"a":{" ":1.8564829254613355}}"#,
                3,
            ),
            (r#"{"":"","b":[],"c":{},"d":[[]],"e":"\\\"\u00e9\n"}"#, 5),
        ] {
            assert_eq!(parts(text).map(|parts| parts.len()), Some(count), "{text}");
            // For each place of the end of a block or a group.
            for length in 0..GROUP_BYTES {
                let text = text.replacen('{', &format!("{{\"{}\":0", "x".repeat(length)), 1);
                let text = text.replacen(":0\"", ":0,\"", 1);
                assert_eq!(
                    parts(&text).map(|parts| parts.len()),
                    Some(count + 1),
                    "{text}"
                );
            }
        }
    }

    #[test]
    fn text_that_is_not_json_is_never_proven() {
        for text in [
            "",
            "{",
            "}",
            "[]",
            "{]",
            "{,}",
            "{:}",
            "{1}",
            r#"{"a"}"#,
            r#"{"a":}"#,
            r#"{"a",}"#,
            r#"{"a":1,}"#,
            r#"{,"a":1}"#,
            r#"{"a":1"b":2}"#,
            r#"{"a":"b":1,2}"#,
            r#"{"a":1,2}"#,
            r#"{"a":"b""c"}"#,
            r#"{"a":[1,"b":2]}"#,
            r#"{"a":[1}]"#,
            r#"{"a":01}"#,
            r#"{"a":1.}"#,
            r#"{"a":tru}"#,
            r#"{"a":truex}"#,
            r#"{"a":nul}"#,
            r#"{"a":-}"#,
            r#"{"a":1e}"#,
            r#"{"a":"\x"}"#,
            r#"{"a":"\u12g4"}"#,
            "{\"a\":\"\u{1}\"}",
            "{\"a\":\"\n\"}",
            r#"{"a":"b}"#,
            r#"{"a":"b\"}"#,
            r#"{"a":[]]}"#,
            r#"{"a":{}"#,
            r#"{"a":{}}}"#,
            r#"{"a":1}{"a":1}"#,
            r#"{"a":1},"#,
            r#"{"a":1} x"#,
            r#"{"a":\"b\"}"#,
            r#"{"a":"b"c}"#,
        ] {
            assert_eq!(parts(text), None, "{text}");
        }
    }

    static PREFILTER: LazyLock<Prefilter> =
        LazyLock::new(|| Prefilter::new(["ConsoleLogin", "CreateUser", "RunTask"]));

    /// Returns the records that [`records`] finds in a list, the number of skipped records, and the number of bytes
    /// read.
    fn run(text: &str) -> (Vec<String>, u64, usize) {
        let (mut texts, mut skipped) = (Vec::new(), 0);
        let read = records(
            text.as_bytes(),
            1 << 20,
            &PREFILTER,
            &mut |found| match found {
                Found::Skipped(count) => skipped += count,
                Found::Record(bytes) => texts.push(String::from_utf8(bytes.to_vec()).unwrap()),
            },
        );
        (texts, skipped, read)
    }

    const QUIET: &str = r#"{"eventVersion":"1.08","eventSource":"s3.amazonaws.com","eventName":"GetObject","eventID":"1","readOnly":true}"#;

    #[test]
    fn only_successful_calls_are_skipped() {
        let change = |from: &str, to: &str| QUIET.replacen(from, to, 1);
        for text in [
            change("}", r#","errorCode":null}"#),
            change("}", r#","errorMessage":"x"}"#),
            change("}", r#","\u0065rrorCode":"x"}"#),
            change("GetObject", "CreateUser"),
            change("GetObject", "ConsoleLogin"),
            change("GetObject", "RunTask"),
            change("GetObject", ""),
            change("GetObject", r"\u0043reateUser"),
            change("s3.amazonaws.com", ""),
            change("1.08", "2.0"),
            change(r#""eventName":"GetObject","#, ""),
            change(r#""eventSource":"s3.amazonaws.com","#, ""),
            change("}", r#","eventName":"GetObject"}"#),
            change("}", r#","eventType":"AwsCloudTrailInsight"}"#),
        ] {
            for list in [
                format!("{text},{QUIET}]"),
                format!("{QUIET},{text}]"),
                format!("{QUIET},{QUIET},{text},{QUIET}]"),
            ] {
                let (texts, skipped, read) = run(&list);
                assert_eq!(texts, [text.as_str()], "{list}");
                assert_eq!(skipped as usize, list.matches("\"eventID\"").count() - 1);
                assert_eq!(read, list.len() - 1);
            }
        }
        for text in [
            change("GetObject", "CreateLogStream"),
            change("}", r#","a":{"errorCode":"x"}}"#),
        ] {
            assert_eq!(run(&format!("{QUIET},{text},{QUIET}]")).1, 3, "{text}");
        }
    }

    #[test]
    fn a_run_ends_before_the_first_record_that_is_not_proven() {
        for broken in [
            r#"{"a":1 }"#,
            r#"{"a":}"#,
            "1",
            "[]",
            r#"{"a":"#,
            r#"{"a":"x\q"}"#,
        ] {
            let list = format!("{QUIET},{QUIET},{broken},{QUIET}]");
            let (texts, skipped, read) = run(&list);
            let proven = QUIET.len() * 2 + 1;
            assert_eq!((texts.len(), skipped), (0, 2), "{broken}");
            assert!(read == proven || read == proven + 1, "{broken}");
        }
    }

    fn unescaped(content: &str) -> Option<String> {
        let mut output = vec![0; content.len() + 2 * UNESCAPE_EXTRA_BYTES];
        let mut portable = output.clone();
        let job = Unescape {
            text: content.as_bytes(),
            output: &mut portable,
            written: 0,
            from: 0,
        };
        let by_scalar = job.run(Scalar);
        let found = unescape(content.as_bytes(), &mut output);
        assert_eq!(found, by_scalar);
        let (end, length) = found?;
        assert_eq!(output[..length], portable[..length]);
        // In a buffer that is just long enough.
        let mut short = vec![0; length];
        assert_eq!(unescape(content.as_bytes(), &mut short), found);
        assert_eq!(short, output[..length]);
        assert_eq!(content.as_bytes()[end], b'"');
        Some(String::from_utf8(output[..length].to_vec()).unwrap())
    }

    #[test]
    fn strings_read_as_serde_json_reads_them() {
        for content in [
            r"plain",
            r#"\"\\\/\b\f\n\r\t"#,
            r"\u00e9\ud83d\ude00\u0000",
            r"\ud83d",
            r"\ude00",
            r"\ud83d\u0041",
            r"\x",
            r"\u12",
            "\n",
            r"\",
            "",
        ] {
            for length in 0..2 * BLOCK {
                let content = format!("{}{content}\"rest", "é".repeat(length));
                let text = format!("\"{}", content.trim_end_matches("rest"));
                let expected: Option<String> = serde_json::from_str(&text).ok();
                assert_eq!(unescaped(&content), expected, "{content}");
            }
        }
    }

    proptest! {
        #[test]
        fn what_is_proven_is_what_serde_json_reads(value in any_json(), cut in any::<prop::sample::Index>(), byte in any::<u8>()) {
            let text = serde_json::json!({"a": value.clone(), "b": [value]}).to_string();
            prop_assert!(parts(&text).is_some() || text.len() > 1 << 16);
            let mut broken = text.into_bytes();
            let at = cut.index(broken.len());
            broken[at] = byte;
            if let Ok(broken) = String::from_utf8(broken) {
                // The function itself compares the readers.
                let _ = parts(&broken);
            }
        }

        #[test]
        fn records_are_cut_where_serde_json_cuts_them(values in prop::collection::vec(any_json(), 1..6)) {
            let records: Vec<_> = values.iter().map(|value| serde_json::json!({"errorCode": value})).collect();
            let text = serde_json::to_string(&records).unwrap();
            let expected: Vec<Box<RawValue>> = serde_json::from_str(&text).unwrap();
            let expected: Vec<_> = expected.iter().map(|value| value.get().to_owned()).collect();
            prop_assert_eq!(run(&text[1..]).0, expected);
        }

        #[test]
        fn strings_full_of_escapes_are_unescaped(
            parts in prop::collection::vec(
                prop::sample::select(&[r#"\""#, r"\\", r"\/", r"\n", r"\u00e9", r"\ud83d\ude00", r"\ud83d", "a", "key", "é"][..]),
                0..200,
            ),
        ) {
            let content = parts.concat();
            let expected: Option<String> = serde_json::from_str(&format!("\"{content}\"")).ok();
            prop_assert_eq!(unescaped(&format!("{content}\"")), expected);
        }

        #[test]
        fn strings_of_all_kinds_are_unescaped(content in ".{0,200}") {
            let spelled = serde_json::to_string(&content).unwrap();
            prop_assert_eq!(unescaped(&spelled[1..]), Some(content));
        }
    }
}
