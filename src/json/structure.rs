//! JSON proven and taken apart 64 bytes at a time.
//!
//! A text is turned into masks, one bit a byte, and the grammar of JSON is checked on the masks.
//! What may follow what is a matter of neighbours. Whether the members of an object have keys and
//! the elements of an array have none is a matter of counting colons and commas from bracket to
//! bracket, and brackets are few. So a text is proven to be JSON in a fraction of the time that a
//! parser needs, and the borders of its parts come out on the way.
//!
//! Only the form in which AWS writes is proven: no white space between tokens, at most 60 levels.
//! What is not proven here may be JSON all the same, or nearly; the reader that looks at one byte
//! after another decides then. Nothing is ever taken for JSON that is none.

use std::hash::BuildHasher as _;

use foldhash::fast::FixedState;
use memchr::memmem::Finder;

use crate::native::{BLOCK, GROUP, Job, Lanes, Masks, Row, dispatch};
use crate::prefilter::{KeysSeen, Prefilter};

/// How deep a text may nest: one bit of a mask a level, and some to spare.
const DEPTH_MAX: usize = 60;

/// Where the parts of a member of an object stand: the key without its quotes, and the value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Member {
    key: (u32, u32),
    value: (u32, u32),
}

impl Member {
    /// Returns the key as it is spelled.
    pub fn key(self, text: &str) -> &str {
        &text[self.key.0 as usize..self.key.1 as usize]
    }

    fn is_key_escaped(self, text: &[u8]) -> bool {
        text[self.key.0 as usize..self.key.1 as usize].contains(&b'\\')
    }

    /// Returns the value as it is spelled.
    pub fn value(self, text: &str) -> &str {
        &text[self.value.0 as usize..self.value.1 as usize]
    }
}

/// How many members an object may have to be taken apart here; a CloudTrail record has 25.
pub const MEMBERS_MAX: usize = 40;

/// Finds the members of an object whose text is compact JSON, and writes them to the start of `members`.
///
/// Returns how many there are. `None`: the text is not proven to be JSON, or a key is spelled with an escape.
pub fn members(text: &str, members: &mut [Member; MEMBERS_MAX]) -> Option<usize> {
    // Offsets are kept in half a word; no record is a thousandth as long.
    if !text.starts_with('{') || u32::try_from(text.len()).is_err() {
        return None;
    }
    dispatch(FindMembers {
        text: text.as_bytes(),
        members,
    })
}

/// What was found in a list of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found<'a> {
    /// So many records in a row that the prefilter holds back.
    Skipped(u64),
    /// The JSON of a record that is worth reading.
    Record(&'a [u8]),
}

/// Goes over the records of a list; `text` begins with the first of them.
///
/// It stops at what is not proven to be a JSON object of up to `max` bytes. Returns how many bytes were gone over: those of whole
/// records, and the commas between them.
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

/// How many bytes a group of blocks has.
const GROUP_BYTES: usize = GROUP * BLOCK;

/// What the masks of a group say, once strings are told from what is outside of them.
struct Rows {
    /// Brackets that open, brackets that close, colons and commas outside strings.
    opens: Row,
    closes: Row,
    colons: Row,
    commas: Row,
    /// Quotes that begin a string whose first letter is an e.
    strings_in_e: Row,
    /// Where numbers, booleans and nulls begin.
    scalars: Row,
    /// What is escaped, other than quotes and backslashes.
    odd: Row,
    has_odd: bool,
    has_escapes: bool,
    /// Colons, low, and commas, high, before each block.
    counts: Row,
    /// Where the text stops being JSON that can be proven, in bytes from the start of the group.
    bad: usize,
}

/// What one group leaves to the next.
struct Scanner {
    /// Whether the first byte of the next block is escaped.
    escaped: u64,
    /// All ones inside a string.
    in_string: u64,
    /// One inside a string that stands behind a colon.
    in_value: u64,
    last: LastBlock,
    /// Colons and commas before the group, counted as in [`Rows::counts`].
    count: u64,
    nesting: Nesting,
}

/// Masks of the last block of the group before.
#[derive(Default)]
struct LastBlock {
    opens: u64,
    colons: u64,
    commas: u64,
    value_ends: u64,
    key_ends: u64,
}

/// The brackets that are open.
struct Nesting {
    depth: usize,
    /// Which of them are square, the innermost lowest.
    squares: u64,
    /// Colons and commas directly inside the innermost, and those inside the others.
    direct: u64,
    outer: [u64; DEPTH_MAX],
    /// The count at the last bracket.
    count: u64,
}

/// Moves a row of masks to the bytes behind.
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

/// Makes a row, mask by mask; compiled to a few wide instructions.
#[inline(always)]
fn row(mask: impl Fn(usize) -> u64) -> Row {
    let mut row = [0; GROUP];
    for (place, slot) in row.iter_mut().enumerate() {
        *slot = mask(place);
    }
    row
}

impl Scanner {
    /// Returns a scanner before a value in a list: as if behind a comma.
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

    /// Takes the next group.
    ///
    /// Outside strings every byte is a bracket, a colon, a comma or part of a scalar, and each is
    /// checked against the byte before it:
    ///
    /// | this | stands behind |
    /// |---|---|
    /// | a colon | a string that is not itself behind a colon |
    /// | a string, a bracket that opens, a scalar | a colon, a comma, a bracket that opens |
    /// | a comma | what ends a value |
    /// | a bracket that closes | what ends a value, or a bracket that opens |
    ///
    /// What this lets through and JSON does not, [`Nesting::close`] counts out.
    #[inline(always)]
    fn group<L: Lanes>(&mut self, lanes: L, masks: &Masks) -> Rows {
        let (quotes, odd, has_escapes) = self.unescaped(masks);
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
            // Adding a bit to the first of a run of ones moves it behind the last.
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
            has_odd: first(&odd) < GROUP_BYTES,
            opens,
            closes,
            colons,
            commas,
            strings_in_e,
            scalars,
            odd,
            has_escapes,
        }
    }

    /// Tells quotes that end or begin a string from those that are escaped, and returns what else
    /// is escaped.
    #[inline(always)]
    fn unescaped(&mut self, masks: &Masks) -> (Row, Row, bool) {
        let any = masks.backslash.iter().fold(0, |any, mask| any | mask);
        if any | self.escaped == 0 {
            return (masks.quote, [0; GROUP], false);
        }
        let mut odd = [0; GROUP];
        let mut quotes = [0; GROUP];
        for at in 0..GROUP {
            let escaped = escaped(masks.backslash[at], &mut self.escaped);
            quotes[at] = masks.quote[at] & !escaped;
            odd[at] = escaped & !(masks.quote[at] | masks.backslash[at]);
        }
        (quotes, odd, true)
    }

    /// Returns which bytes are inside strings, the quotes that begin them included.
    #[inline(always)]
    fn strings<L: Lanes>(&mut self, lanes: L, quotes: &Row) -> Row {
        let mut in_string = [0; GROUP];
        for at in 0..GROUP {
            in_string[at] = lanes.parity(quotes[at]) ^ self.in_string;
            self.in_string = 0_u64.wrapping_sub(in_string[at] >> 63);
        }
        in_string
    }

    /// Counts colons and commas up to each block.
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

/// Counts colons, in the low half, and commas, in the high one.
#[inline(always)]
fn count(colons: u64, commas: u64) -> u64 {
    u64::from(colons.count_ones()) | u64::from(commas.count_ones()) << 32
}

/// Returns the place of the first bit of a row, the length of the group where there is none.
#[inline(always)]
fn first(row: &Row) -> usize {
    if row.iter().fold(0, |any, mask| any | mask) == 0 {
        return GROUP_BYTES;
    }
    let at = row.iter().position(|mask| *mask != 0).unwrap_or(GROUP);
    at * BLOCK + row.get(at).map_or(0, |mask| mask.trailing_zeros() as usize)
}

impl Rows {
    /// Counts colons and commas up to a place in the group.
    #[inline(always)]
    fn count_before(&self, place: usize) -> u64 {
        let (at, bit) = (place / BLOCK % GROUP, place % BLOCK);
        let before = (1 << bit) - 1;
        self.counts[at] + count(self.colons[at] & before, self.commas[at] & before)
    }

    #[inline(always)]
    fn is_odd(&self, place: usize) -> bool {
        self.has_odd && self.odd[place / BLOCK % GROUP] >> (place % BLOCK) & 1 == 1
    }
}

impl Nesting {
    /// Takes the bracket at a place of the text, given how many colons and commas are before it, and
    /// tells how deep it is behind it; `None` where the text is no JSON, or too deep.
    #[inline(always)]
    fn bracket(&mut self, text: &[u8], at: usize, count: u64) -> Option<usize> {
        match text[at] {
            open @ (b'{' | b'[') => self.open(open == b'[', count),
            close => self.close(close == b']', count, text[..at].ends_with(b"{")),
        }
    }

    /// Takes a bracket that opens; `None` where it is too deep.
    #[inline(always)]
    fn open(&mut self, is_square: bool, count: u64) -> Option<usize> {
        *self.outer.get_mut(self.depth)? = self.direct + (count - self.count);
        self.count = count;
        self.direct = 0;
        self.depth += 1;
        self.squares = self.squares << 1 | u64::from(is_square);
        Some(self.depth)
    }

    /// Takes a bracket that closes and tells how deep its outside is; `None` where it closes
    /// another kind or none, or where not all members of an object have a key, or an element of an
    /// array has one. No member has two keys, see [`Scanner::group`].
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

/// Returns the bytes that a backslash stands before which is not itself escaped.
#[inline(always)]
pub(crate) fn escaped(backslash: u64, last: &mut u64) -> u64 {
    const EVEN: u64 = 0x5555_5555_5555_5555;
    if backslash == 0 {
        return std::mem::take(last);
    }
    let backslash = backslash & !*last;
    let follows = backslash << 1 | *last;
    let odd_starts = backslash & !EVEN & !follows;
    // A run of backslashes that starts at an odd place carries out at its end with the other parity.
    let (runs, over) = odd_starts.overflowing_add(backslash);
    *last = u64::from(over);
    (EVEN ^ (runs << 1)) & follows
}

/// Tells whether a text begins with a number, a boolean or null, and what ends it.
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

/// Returns the length of the number that a text begins with (RFC 8259, section 6).
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

/// The places of a group that are looked at one by one.
struct Places {
    places: [u16; GROUP_BYTES + Self::STEP],
    count: usize,
}

impl Places {
    /// How many places are written at once: more than a block has in most cases, so that the
    /// processor need not guess how many there are.
    const STEP: usize = 4;

    fn none() -> Self {
        Self {
            places: [0; GROUP_BYTES + Self::STEP],
            count: 0,
        }
    }

    /// Takes the bits of a row.
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

/// Makes the masks of the group at `base`; what is behind the end of the text has none.
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

/// What an escape is, told by the byte behind the backslash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Escape {
    /// It stands for what cannot be spelled otherwise.
    Plain,
    /// It spells what may be a letter of a key or a name, such as `\u0065` for an e.
    Letter,
    Invalid,
}

impl Escape {
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
    members: &'a mut [Member; MEMBERS_MAX],
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
                    | rows.odd[at]
            }));
            for place in places.iter() {
                let at = base + place;
                let rest = text.get(at..).filter(|rest| !rest.is_empty())?;
                if rows.is_odd(place) {
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
                            let is_escaped = |member: &Member| member.is_key_escaped(text);
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

/// The members found so far.
#[derive(Default)]
struct Parts {
    count: usize,
    /// The brace or comma before the member.
    before: u32,
    /// The colon in it, 0 before it is found.
    colon: u32,
}

impl Parts {
    #[inline(always)]
    fn colon(&mut self, at: usize) {
        self.colon = at as u32;
    }

    #[inline(always)]
    fn end(&mut self, at: usize, members: &mut [Member; MEMBERS_MAX]) -> Option<()> {
        if self.colon != 0 {
            *members.get_mut(self.count)? = Member {
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
                    | rows.odd[at]
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

/// A run over records.
struct Run<'a, 'f> {
    text: &'a [u8],
    max: usize,
    prefilter: &'f Prefilter,
    found: &'f mut dyn FnMut(Found<'a>),
    /// Where the record begins.
    start: usize,
    /// How many records before it nobody needs to read.
    skipped: u64,
    keys: KeysSeen,
    /// Whether there may be a backslash in the record.
    has_escapes: bool,
    templates: ShapeTemplates,
}

/// Where a place of a list is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Inside a record.
    Inside,
    /// At the end of a record that another follows.
    Border,
}

impl Run<'_, '_> {
    /// Looks at one place; `None` ends the run before the record that it is in, or behind it.
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
        if rows.is_odd(place) {
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

    /// Takes the end of a record.
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
                self.templates.keep(self.text, ShapeTemplate { span, keys });
            }
        } else {
            self.hand_over_skipped();
            (self.found)(Found::Record(record));
        }
        // Those of the group may be the next record's.
        self.has_escapes = has_escapes;
        self.go_behind(end + 1)?;
        Some(Place::Border)
    }

    /// Goes behind the end of a record; `None` if no other follows.
    #[inline(always)]
    fn go_behind(&mut self, end: usize) -> Option<()> {
        let is_followed = self.text[end..].starts_with(b",{");
        self.start = end + usize::from(is_followed);
        is_followed.then_some(())
    }

    /// Goes over the records that are like an earlier one; returns whether there were any.
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

    fn hand_over_skipped(&mut self) {
        match std::mem::take(&mut self.skipped) {
            0 => {}
            count => (self.found)(Found::Skipped(count)),
        }
    }

    /// Ends the run and returns how far it came.
    fn end(mut self) -> usize {
        self.hand_over_skipped();
        self.start
    }
}

/// Earlier records to compare with, by what is called and by whom.
struct ShapeTemplates {
    slots: Vec<Option<ShapeTemplate>>,
    name: Finder<'static>,
}

/// How many records are compared with; few APIs make most of a trail.
const TEMPLATES: usize = 256;

/// How far into a record the name of its event is looked for.
const NAME_WITHIN: usize = 2048;

impl ShapeTemplates {
    fn none() -> Self {
        Self {
            slots: Vec::new(),
            name: Finder::new(b"\"eventName\":\""),
        }
    }

    /// Returns the slot of a record: a guess what it will be like, which only costs time when wrong.
    #[inline(always)]
    fn slot(&self, text: &[u8], start: usize) -> Option<usize> {
        // Where the type of the caller stands, as CloudTrail writes.
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

    fn keep(&mut self, text: &[u8], template: ShapeTemplate) {
        if self.slots.is_empty() {
            self.slots.resize_with(TEMPLATES, || None);
        }
        if let Some(slot) = self.slot(text, template.span.start) {
            self.slots[slot] = Some(template);
        }
    }
}

/// A record that was proven and cleared, without a backslash in it, for others to be compared with.
///
/// Most records are like an earlier one in all but a few values. One that differs from a proven
/// record only inside of strings which are no keys, by bytes that mean nothing in a string, is
/// proven with it, and compared in a fraction of the time.
struct ShapeTemplate {
    span: std::ops::Range<usize>,
    keys: KeysSeen,
}

impl ShapeTemplate {
    /// Returns the end of the record at `start` if it is like this one and cleared like it.
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

/// Returns where the string that `from` is inside of ends, if nothing in between is odd.
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

/// How much room behind what it writes [`unescape`] wants: what is copied at once.
pub const UNESCAPE_ROOM: usize = 64;

/// Writes the content of a JSON string as it reads into `room`; `text` begins behind the opening
/// quote.
///
/// Returns where the closing quote stands and how many bytes were written, `None` where the
/// string does not end, is no JSON, names a lone surrogate, or does not fit.
pub fn unescape(text: &[u8], room: &mut [u8]) -> Option<(usize, usize)> {
    dispatch(Unescape {
        text,
        room,
        written: 0,
        from: 0,
    })
}

/// See [`unescape`].
struct Unescape<'a> {
    text: &'a [u8],
    room: &'a mut [u8],
    written: usize,
    /// From where on nothing has been written yet.
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
            // Up to the first end; all bits where there is none.
            let inside = ends.wrapping_sub(1) & !ends;
            if masks.control & inside != 0 {
                return None;
            }
            let mut escapes = escaped & inside;
            while escapes != 0 {
                let at = base + escapes.trailing_zeros() as usize;
                escapes &= escapes - 1;
                self.escape(at)?;
            }
            if ends != 0 {
                let end = base + ends.trailing_zeros() as usize;
                self.copy(end)?;
                return (end < self.text.len()).then_some((end, self.written));
            }
        }
        None
    }
}

impl Unescape<'_> {
    /// Writes what stands before `to`.
    #[inline(always)]
    fn copy(&mut self, to: usize) -> Option<()> {
        const AT_ONCE: usize = UNESCAPE_ROOM / 2;
        let count = to - self.from;
        let room = self.room.get_mut(self.written..)?;
        let rest = self.text.get(self.from..)?;
        match (rest.first_chunk::<AT_ONCE>(), room.first_chunk_mut()) {
            // Most runs are short, and too much is written over by the next.
            (Some(run), Some(slot)) if count <= AT_ONCE => *slot = *run,
            _ => room.get_mut(..count)?.copy_from_slice(&rest[..count]),
        }
        self.written += count;
        Some(())
    }

    /// Writes what stands before an escape, and what it means; `at` is behind its backslash.
    #[inline(always)]
    fn escape(&mut self, at: usize) -> Option<()> {
        // The second half of a pair was taken with the first.
        if at < self.from {
            return Some(());
        }
        self.copy(at - 1)?;
        let byte = match *self.text.get(at)? {
            b'"' | b'\\' | b'/' => {
                // It means itself, and begins the next run.
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
        *self.room.get_mut(self.written)? = byte;
        self.written += 1;
        self.from = at + 1;
        Some(())
    }

    /// Writes the character whose code is given by the four digits behind `at`, or eight of a pair.
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
        let room = self.room.get_mut(self.written..)?;
        room.get_mut(..spelled.len())?.copy_from_slice(spelled);
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

    /// Takes an object apart both ways, which must come to the same where anything is proven.
    fn parts(text: &str) -> Option<Vec<(String, String)>> {
        let mut found = [Member::default(); MEMBERS_MAX];
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
    fn compact_objects_are_taken_apart() {
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
            // Wherever a block or a group ends.
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
    fn what_is_no_json_is_never_proven() {
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

    /// Returns what [`records`] finds in a list, and how far it comes.
    fn run(text: &str) -> (Vec<String>, u64, usize) {
        let (mut texts, mut skipped) = (Vec::new(), 0);
        let taken = records(
            text.as_bytes(),
            1 << 20,
            &PREFILTER,
            &mut |found| match found {
                Found::Skipped(count) => skipped += count,
                Found::Record(bytes) => texts.push(String::from_utf8(bytes.to_vec()).unwrap()),
            },
        );
        (texts, skipped, taken)
    }

    const QUIET: &str = r#"{"eventVersion":"1.08","eventSource":"s3.amazonaws.com","eventName":"GetObject","eventID":"1","readOnly":true}"#;

    #[test]
    fn the_prefilter_holds_back_calls_that_succeeded_and_nothing_else() {
        let odd = |from: &str, to: &str| QUIET.replacen(from, to, 1);
        for text in [
            odd("}", r#","errorCode":null}"#),
            odd("}", r#","errorMessage":"x"}"#),
            odd("}", r#","\u0065rrorCode":"x"}"#),
            odd("GetObject", "CreateUser"),
            odd("GetObject", "ConsoleLogin"),
            odd("GetObject", "RunTask"),
            odd("GetObject", ""),
            odd("GetObject", r"\u0043reateUser"),
            odd("s3.amazonaws.com", ""),
            odd("1.08", "2.0"),
            odd(r#""eventName":"GetObject","#, ""),
            odd(r#""eventSource":"s3.amazonaws.com","#, ""),
            odd("}", r#","eventName":"GetObject"}"#),
            odd("}", r#","eventType":"AwsCloudTrailInsight"}"#),
        ] {
            for list in [
                format!("{text},{QUIET}]"),
                format!("{QUIET},{text}]"),
                format!("{QUIET},{QUIET},{text},{QUIET}]"),
            ] {
                let (texts, skipped, taken) = run(&list);
                assert_eq!(texts, [text.as_str()], "{list}");
                assert_eq!(skipped as usize, list.matches("\"eventID\"").count() - 1);
                assert_eq!(taken, list.len() - 1);
            }
        }
        for text in [
            odd("GetObject", "CreateLogStream"),
            odd("}", r#","a":{"errorCode":"x"}}"#),
        ] {
            assert_eq!(run(&format!("{QUIET},{text},{QUIET}]")).1, 3, "{text}");
        }
    }

    #[test]
    fn a_run_ends_before_what_is_not_proven() {
        for broken in [
            r#"{"a":1 }"#,
            r#"{"a":}"#,
            "1",
            "[]",
            r#"{"a":"#,
            r#"{"a":"x\q"}"#,
        ] {
            let list = format!("{QUIET},{QUIET},{broken},{QUIET}]");
            let (texts, skipped, taken) = run(&list);
            let proven = QUIET.len() * 2 + 1;
            assert_eq!((texts.len(), skipped), (0, 2), "{broken}");
            assert!(taken == proven || taken == proven + 1, "{broken}");
        }
    }

    fn unescaped(content: &str) -> Option<String> {
        let mut room = vec![0; content.len() + 2 * UNESCAPE_ROOM];
        let (end, length) = unescape(content.as_bytes(), &mut room)?;
        assert_eq!(content.as_bytes()[end], b'"');
        Some(String::from_utf8(room[..length].to_vec()).unwrap())
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
                // It is compared within.
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
        fn strings_of_all_kinds_are_unescaped(content in ".{0,200}") {
            let spelled = serde_json::to_string(&content).unwrap();
            prop_assert_eq!(unescaped(&spelled[1..]), Some(content));
        }
    }
}
