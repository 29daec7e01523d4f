//! Finds names without a special form by the grammar of their sentence: `orders` in "Table orders not found".
//!
//! Customers choose names such as `orders`, `webServers` or `queue`, which look like words. Such a word is a name if two
//! things hold: a noun for a kind of thing is before it, and a verb, a preposition or the end of the sentence follows. The
//! article helps as well: "for stack orders" has none, so `orders` is a name; "for the stack policy" has one.
//!
//! A word that follows the noun in names of AWS forms a term with it, such as "bucket policy", and is not masked. The table
//! of nouns and terms comes from AWS's service models, see `infra/nouns.py`.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};
use std::ops::Range;
use std::sync::LazyLock;

use foldhash::HashMap;

use super::words::{FIELD_NOUNS, last_hump};

/// Maximum number of words of a name, and of the words before it that are examined; limits the time for any text.
const NAME_WORDS_MAX: usize = 3;

/// Maximum length of a word of the table, in bytes.
const NOUN_BYTES_MAX: usize = 24;

/// What is known about a word.
#[derive(Debug, Clone, Copy, Default)]
struct Known {
    /// For a noun, the words that form a term with it.
    terms: Option<&'static str>,
    /// Whether the word is in [`ENGLISH`].
    is_english: bool,
    /// Whether the word is in [`PARTS`].
    is_part: bool,
    /// Whether the word is in [`LEADS`].
    is_lead: bool,
    /// Whether the word is in [`NO_VALUES`].
    is_no_value: bool,
    /// Whether the word is in [`NAMED`].
    is_named: bool,
    /// Whether the word is in [`OF_API`].
    is_of_api: bool,
    /// Whether the word is in [`FIELD_NOUNS`].
    is_field: bool,
}

/// The table of nouns: a comment, the words of all names behind `*`, and a row for each noun with its terms.
const NOUNS: &str = include_str!("nouns.tsv");

/// Room for all words of [`KNOWN`], so that the table is not copied while it grows.
const KNOWN_CAPACITY: usize = 1024;

static KNOWN: LazyLock<HashMap<Key, Known>> = LazyLock::new(|| {
    let mut known = HashMap::<Key, Known>::default();
    known.reserve(KNOWN_CAPACITY);
    let mut add = |words: &str, set: fn(&mut Known)| {
        for key in words.split(' ').filter_map(key) {
            set(known.entry(key).or_default());
        }
    };
    add(ENGLISH, |known| known.is_english = true);
    add(PARTS, |known| known.is_part = true);
    add(LEADS, |known| known.is_lead = true);
    add(NO_VALUES, |known| known.is_no_value = true);
    add(NAMED, |known| known.is_named = true);
    add(OF_API, |known| known.is_of_api = true);
    for noun in FIELD_NOUNS {
        add(noun, |known| known.is_field = true);
    }
    for (noun, terms) in rows(NOUNS) {
        if let Some(key) = key(noun) {
            known.entry(key).or_default().terms = Some(terms);
        }
    }
    known
});

/// Words that are a part of names in AWS's service models, sorted and separated by spaces.
static NAME_WORDS: LazyLock<&str> = LazyLock::new(|| {
    let words = rows(NOUNS).find(|(noun, _)| *noun == "*");
    words.map_or("", |(_, words)| words)
});

/// Returns the first column and the rest of each row of a table.
fn rows(table: &str) -> impl Iterator<Item = (&str, &str)> {
    let ends = memchr::memchr_iter(b'\n', table.as_bytes());
    let mut start = 0;
    ends.filter_map(move |end| {
        let row = &table[start..end];
        start = end + 1;
        row.split_once('\t')
    })
}

/// Checks whether a word in upper or lower case is one of some sorted words, which are separated by spaces.
fn is_listed(words: &str, word: &str) -> bool {
    let lower = || word.bytes().map(|byte| byte.to_ascii_lowercase());
    // A binary search in the text itself: few messages need these words, so they have no table of their own.
    let mut words = words.as_bytes();
    while !words.is_empty() {
        let middle = words.len() / 2;
        let start = memchr::memrchr(b' ', &words[..middle]).map_or(0, |space| space + 1);
        let end = memchr::memchr(b' ', &words[middle..]).map_or(words.len(), |at| middle + at);
        words = match words[start..end].iter().copied().cmp(lower()) {
            Ordering::Equal => return true,
            Ordering::Less => words.get(end + 1..).unwrap_or_default(),
            Ordering::Greater => &words[..start.saturating_sub(1)],
        };
    }
    false
}

/// Returns what is known about a word in upper or lower case.
fn known(word: &str) -> Known {
    let known = key(word).and_then(|key| KNOWN.get(&key));
    known.copied().unwrap_or_default()
}

/// A word in lower case, padded with spaces to the longest word of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Key([u64; NOUN_BYTES_MAX / 8]);

impl Hash for Key {
    /// Hashes one number in place of three, because each word of a message may be looked up. No message can add words to
    /// the table, so nothing can make them collide.
    fn hash<H: Hasher>(&self, state: &mut H) {
        let [first, second, third] = self.0;
        state.write_u64(first ^ second.rotate_left(21) ^ third.rotate_left(42));
    }
}

/// Returns `None` for a word that is too long for the table or has other characters than ASCII letters.
fn key(word: &str) -> Option<Key> {
    let mut padded = [b' '; NOUN_BYTES_MAX];
    padded
        .get_mut(..word.len())?
        .copy_from_slice(word.as_bytes());
    // Loops of a fixed length without a branch, which the compiler makes a few instructions.
    let mut letters = 0;
    for byte in &mut padded {
        *byte |= 0x20;
        letters += u8::from(byte.is_ascii_lowercase());
    }
    let (parts, _) = padded.as_chunks::<8>();
    let mut key = [0; NOUN_BYTES_MAX / 8];
    for (to, part) in key.iter_mut().zip(parts) {
        *to = u64::from_ne_bytes(*part);
    }
    (usize::from(letters) == word.len()).then_some(Key(key))
}

/// Returns a word and its singular forms.
fn forms(word: &str) -> impl Iterator<Item = &str> {
    let plural = word.ends_with('s').then_some(word);
    let singular = plural.map(|word| &word[..word.len() - 1]);
    let singular_es = plural.and_then(|word| word.strip_suffix("es"));
    [Some(word), singular, singular_es].into_iter().flatten()
}

/// A word before a verb, looked up once.
#[derive(Clone, Copy)]
struct Word<'t> {
    text: &'t str,
    /// For a noun of the table, the words that form a term with it.
    terms: Option<&'static str>,
    /// Whether the word can be a part of a name: letters of any language, and no word of a sentence.
    may_be_in_name: bool,
}

impl<'t> Word<'t> {
    fn of(text: &'t str) -> Self {
        let has_humps = text.bytes().skip(1).any(|byte| byte.is_ascii_uppercase());
        if !has_humps && let Some(key) = key(text) {
            let known = KNOWN.get(&key).copied().unwrap_or_default();
            let is_english = known.is_english || is_participle(text);
            return Self {
                text,
                terms: known.terms,
                may_be_in_name: text.len() > 1 && !is_english,
            };
        }
        let hump = last_hump(text);
        let before = &text.as_bytes()[..text.len() - hump.len()];
        let letters = |byte: u8| byte.is_ascii_alphabetic() || !byte.is_ascii();
        Self {
            text,
            // `known` examines the letters of the last hump.
            terms: known(hump)
                .terms
                .filter(|_| before.iter().all(u8::is_ascii_alphabetic)),
            may_be_in_name: text.len() > 1 && text.bytes().all(letters) && !is_english(text),
        }
    }
}

/// Checks whether a word is a noun of the table, which stands before a name: `table`, `Role`, `EventBus`.
pub(super) fn is_noun(word: &str) -> bool {
    Word::of(word).terms.is_some()
}

/// Checks whether a word is in capitals or in lower case but has no humps, and is common in the messages of services.
pub(super) fn is_plain_and_common(word: &str) -> bool {
    last_hump(word).len() == word.len() && is_common(word)
}

/// Checks whether a common word is the name of something at this place of the sentence, and not the sentence's own word:
/// "container task does not exist" and "Describe on orders", not "the specified queue" and "task definition".
///
/// `before` and `after` are the texts beside the word.
pub(super) fn is_name_in_place(before: &str, word: &str, after: &str) -> bool {
    let Some(before) = before.strip_suffix(' ') else {
        return false;
    };
    if !ends_phrase(after) {
        return false;
    }
    let noun_or_lead = last_word(before);
    if Word::of(noun_or_lead).terms.is_some() {
        // "The specified job queue": the text before the noun says that no name follows.
        let lead = last_word(before[..before.len() - noun_or_lead.len()].trim_ascii_end());
        return !matches!(lead, "specified" | "provided" | "given" | "requested");
    }
    let follows_lead = noun_or_lead.ends_with(':') || known(noun_or_lead).is_lead;
    follows_lead && !forms(word).any(|form| known(form).is_part) && Word::of(word).terms.is_none()
}

/// Checks whether the text behind a word begins with a mark or with a word of the sentence, so that the word before it
/// is not a part of a term.
fn ends_phrase(after: &str) -> bool {
    let Some(after) = after.strip_prefix(' ') else {
        return true;
    };
    let word = first_word(after);
    let word = word.trim_end_matches(['.', ',', ':', ';', '!', '?']);
    // Behind a noun of the sentence, the name may be in quotes or in brackets.
    let opens = word.starts_with(['\'', '"', '`', '(', '[', '{', '<']);
    !opens
        && (!word.starts_with(|c: char| c.is_ascii_alphabetic())
            || is_english(word)
            || ends_name(word.as_bytes()))
}

/// Checks whether a word is common in the messages of services: a noun, another word of AWS's names, or English.
pub(super) fn is_common(word: &str) -> bool {
    let is_word = |word| forms(word).any(|form| is_listed(&NAME_WORDS, form));
    let (mut rest, mut all) = (word, true);
    while !rest.is_empty() && all {
        let hump = last_hump(rest);
        all = is_word(hump);
        rest = &rest[..rest.len() - hump.len()];
    }
    all || is_english(word)
}

/// Words after any noun that are a part or a property of the thing, in lower case.
const PARTS: &str = "\
    access action address alias api arn arns attribute attributes body call calls class code combination \
    conditions configuration count credentials data definition description document error expression field \
    fields format group header id identifier identifiers ids information key kind length limit limits list \
    message metrics mode name names number object operation options parameter parameters path permissions \
    policies policy property quota reference request resource response role settings size state status storage \
    syntax time type update url value version";

/// Checks whether a word forms a term with the noun before it: `policy` after `bucket`.
fn is_term(terms: &str, word: &str) -> bool {
    forms(word).any(|form| known(form).is_part || is_listed(terms, form))
}

/// Words of a sentence that are not a part of a name, in lower case.
const ENGLISH: &str = "\
    a about across active additional after again against all allows already also among an and another any are as \
    at automatically available be because been before being belongs between both but by can cannot check \
    contains correctly could current currently default did different directly do does down due duplicate during \
    each either empty exactly exceeds exist existing exists explicitly failed fails failure false following for found from given \
    grants had has have here how if in inside instead into invalid is it its just least less limit longer many matching \
    may might more most must needs neither new no none nor not now null occurs of off on once one only or other \
    out outside over own per please previously properly provided refers requires same shall should since some \
    starts still successfully such supplied supports temporarily than that the their them then there these they \
    this those through thrown to together too tries true try unable under unique unknown unless until up us used using valid value via \
    was we were what when where whether which while who whose why will with within without would yet you your";

/// Checks whether a word belongs to the sentence and is not a name: a word of the list or a participle.
pub(super) fn is_english(word: &str) -> bool {
    is_participle(word) || known(word).is_english
}

fn is_participle(word: &str) -> bool {
    word.len() > 4 && word.ends_with("ed") && word.bytes().all(|byte| byte.is_ascii_lowercase())
}

/// Words before a noun without an article, which show that a name follows the noun: "in stack orders", "unknown user bo".
const LEADS: &str = "\
    access associated assume by called cannot change create delete describe duplicate existing find for from get \
    in into invalid load locate missing modify named no nonexistent of on read remove resolve to unable \
    unconfigured undefined unknown unrecognized unresolved update use using via with within write";

/// How a sentence goes on after a name.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// It says whether the thing exists: "does not exist", "not found", "already exists".
    Existence {
        /// Whether the verb is in the singular.
        singular: bool,
    },
    /// Another verb: "is", "cannot", "must".
    Verb {
        /// Whether the verb is in the singular.
        singular: bool,
    },
    /// A preposition: "in", "for".
    Preposition,
    /// The sentence ends.
    End,
}

/// How a sentence goes on behind a name, by its first word only.
#[derive(Clone, Copy)]
enum Verb {
    Existence,
    Preposition,
    Other { singular: bool },
}

impl Verb {
    fn of(word: &[u8]) -> Option<Self> {
        Some(match word {
            b"already" | b"under" => Self::Existence,
            b"in" | b"on" | b"at" | b"for" | b"with" | b"that" | b"because" | b"since"
            | b"while" | b"as" | b"which" | b"and" | b"or" | b"before" | b"after" | b"until"
            | b"if" | b"when" | b"due" | b"during" | b"via" | b"by" | b"to" | b"from" | b"of" => {
                Self::Preposition
            }
            b"exists" | b"Does" | b"does" | b"doesn't" | b"is" | b"isn't" | b"was" | b"wasn't"
            | b"has" | b"hasn't" | b"contains" | b"needs" | b"requires" | b"exceeds"
            | b"belongs" | b"uses" | b"references" | b"refers" | b"points" | b"lacks"
            | b"depends" => Self::Other { singular: true },
            b"not" | b"Not" | b"can" | b"cannot" | b"can't" | b"could" | b"couldn't" | b"must"
            | b"may" | b"will" | b"should" | b"do" | b"don't" | b"did" | b"didn't" | b"were"
            | b"weren't" | b"have" | b"had" | b"failed" | b"no" | b"currently" | b"still" => {
                Self::Other { singular: false }
            }
            _ => return None,
        })
    }
}

/// Checks whether a word may end a name, so that [`Next::of`] returns how the sentence goes on with it.
pub(super) fn ends_name(word: &[u8]) -> bool {
    // Nearly all words are excluded by their first two letters.
    let &[first, second, ..] = word else {
        return false;
    };
    let seconds = SECOND_LETTERS[usize::from(first)];
    seconds & letter_bit(second) != 0 && word.len() < 11 && Verb::of(word).is_some()
}

/// The second letters of the words that [`Verb::of`] knows, by their first letter; one bit for each letter.
static SECOND_LETTERS: [u32; 256] = {
    const STARTS: &[u8] = b"DoNoafalanasatbebycacocudedidoduexfafofrhaifinislamamunenoof\
        onorporeshsistthtounusviwawewhwi";
    let (mut letters, mut at) = ([0; 256], 0);
    while at < STARTS.len() {
        letters[STARTS[at] as usize] |= letter_bit(STARTS[at + 1]);
        at += 2;
    }
    letters
};

/// Returns the bit of a letter, in upper or lower case.
const fn letter_bit(letter: u8) -> u32 {
    1 << (letter & 31)
}

impl Next {
    /// Returns how a sentence goes on with a word, and with the text `rest` after it; `None` if the word does not end a
    /// name.
    pub(super) fn of(word: &str, rest: &str) -> Option<Self> {
        let singular = match Verb::of(word.as_bytes())? {
            Verb::Existence => {
                let singular = rest.starts_with(" exists");
                return Some(Self::Existence { singular });
            }
            Verb::Preposition => return Some(Self::Preposition),
            Verb::Other { singular } => singular,
        };
        Some(if word == "exists" || is_about_existence(rest) {
            Self::Existence { singular }
        } else {
            Self::Verb { singular }
        })
    }

    fn is_singular(self) -> bool {
        matches!(
            self,
            Self::Existence { singular: true } | Self::Verb { singular: true }
        )
    }

    fn is_existence(self) -> bool {
        matches!(self, Self::Existence { .. })
    }
}

/// Checks whether the text behind a verb soon says that something exists or was found.
fn is_about_existence(rest: &str) -> bool {
    let near = &rest.as_bytes()[..rest.len().min(EXISTENCE_BYTES_MAX)];
    memchr::memchr_iter(b' ', near).any(|space| {
        let word = &near[space + 1..];
        match word.first() {
            Some(b'f' | b'F') => word[1..].starts_with(b"ound"),
            Some(b'e' | b'E') => word[1..].starts_with(b"xist"),
            Some(b'a') => word.starts_with(b"already"),
            _ => false,
        }
    })
}

/// "could not be found" and the like are not longer behind their first word, in bytes.
pub(super) const EXISTENCE_BYTES_MAX: usize = 32;

/// Returns the byte range of a name without a special form at the end of a text; `None` if the text does not end in one.
/// `next` returns how the sentence goes on after the text, and is called only if the text may end in a name.
pub(super) fn name_at_end(text: &str, next: impl FnOnce() -> Option<Next>) -> Option<Range<usize>> {
    let end = text.len();
    let mut name = last_word(text);
    let mut start = end - name.len();
    if !may_be_in_name(name) {
        return None;
    }
    let next = next()?;
    if is_gerund(name, next) {
        return None;
    }
    if start == 0 && next.is_existence() && (is_camel(name) || !is_common(name)) {
        return Some(0..end);
    }
    let mut found = None;
    for _ in 0..NAME_WORDS_MAX {
        let Some(before) = text[..start].strip_suffix(' ') else {
            break;
        };
        let word = Word::of(last_word(before));
        let name_start = start;
        start = before.len() - word.text.len();
        if follows_noun(&text[..start], word, name, next) {
            found = Some(name_start..end);
            // "Stack Customer Portal": a noun in capitals may be a part of the name.
            if !starts_upper(word.text) || start == 0 {
                break;
            }
        } else if found.is_some() {
            break;
        }
        if !word.may_be_in_name || is_gerund(word.text, next) {
            break;
        }
        name = word.text;
    }
    found
}

/// Checks whether a word in camel case is a name, because the text before it ends in a noun for a kind of thing: "the
/// cluster webServers". Names of fields have camel case too, so it is none behind "parameter" or "value".
pub(super) fn is_camel_name(before: &str, word: &str) -> bool {
    let Some(before) = before.strip_suffix(' ') else {
        return false;
    };
    let noun = Word::of(last_word(before));
    is_camel(word) && noun.terms.is_some() && !is_of_api(noun.text)
}

/// Checks whether a noun is in [`OF_API`].
fn is_of_api(noun: &str) -> bool {
    forms(last_hump(noun)).any(|form| known(form).is_of_api)
}

/// Things that customers name, in lower case, so that a plural behind them is a name even with an article: "the stream
/// payments in".
const NAMED: &str = "\
    bucket cluster crawler database domain environment fleet function job namespace pipeline project queue \
    repository role rule schedule secret stack stream table topic trail user vault workgroup";

/// Nouns before the name of something in the API, in lower case.
const OF_API: &str = "\
    action api argument attribute condition element error exception expression field format header input member \
    message method mode operation option output parameter property setting syntax type value";

/// Returns the text before the first space.
pub(super) fn first_word(text: &str) -> &str {
    &text[..memchr::memchr(b' ', text.as_bytes()).unwrap_or(text.len())]
}

/// Returns the text after the last space.
pub(super) fn last_word(text: &str) -> &str {
    // A word is short, so a plain loop is faster than a call of `memrchr`.
    let space = text.as_bytes().iter().rposition(|&byte| byte == b' ');
    &text[space.map_or(0, |space| space + 1)..]
}

/// Checks whether a word is a name after a noun and a colon: "Table: orders not found". A sentence can follow a colon as
/// well, so a common word in capitals is a name only after a noun that `announces` one.
pub(super) fn name_after_colon(before: &str, word: &str, next: Next, announces: bool) -> bool {
    let (before, noun) = before.rsplit_once(' ').unwrap_or(("", before));
    let is_name = announces
        || next.is_existence()
        || !starts_upper(word)
        || !is_common(word)
        || lacks_article(before, false);
    is_name
        && may_be_in_name(word)
        && !is_gerund(word, next)
        && follows_noun(before, Word::of(noun), word, next)
}

/// Checks whether a word can be a part of a name.
pub(super) fn may_be_in_name(word: &str) -> bool {
    Word::of(word).may_be_in_name
}

/// Checks for a word that ends in "ing". It is a name only before a verb or with capital letters: "pending" is not a name.
fn is_gerund(word: &str, next: Next) -> bool {
    matches!(next, Next::Preposition | Next::End) && word.ends_with("ing") && !starts_upper(word)
}

/// Checks whether a word is a name behind a noun. `before` is the text before the noun, and `noun` may be any word.
fn follows_noun(before: &str, noun: Word<'_>, word: &str, next: Next) -> bool {
    let Word {
        text: noun, terms, ..
    } = noun;
    let Some(terms) = terms else {
        // "Invalid route identifier specified orders", and not "the specified route".
        let is_given = next == Next::End && matches!(noun, "specified" | "provided");
        return is_given && is_noun(last_word(before));
    };
    if last_hump(noun).eq_ignore_ascii_case(word) {
        return true;
    }
    let word_before = last_word(before);
    let is_field = known(word_before.strip_suffix('s').unwrap_or(word_before)).is_field;
    if is_field {
        return false;
    }
    // "Environment payments already exists": the name is a word of AWS's as well, but a plural has no verb in the singular.
    let has_singular_verb = next.is_singular() && is_plural(word);
    let starts = || matches!(before.trim_ascii_end().as_bytes().last(), None | Some(b':'));
    if has_singular_verb && (next.is_existence() || starts()) {
        return true;
    }
    let is_proper = starts_upper(word) && !starts_upper(noun) && !is_acronym(word);
    let is_modified =
        is_acronym(noun) && !starts_upper(word) && !is_plural(word) && is_common(word);
    if !is_proper && (is_modified || is_term(terms, word)) {
        return false;
    }
    // A noun before a verb in the singular is not a plural: "The function orders is off".
    if has_singular_verb {
        return true;
    }
    let is_special = || is_proper || is_camel(word) || !is_common(word);
    let is_named_plural = || is_plural(word) && known(last_hump(noun)).is_named;
    match next {
        Next::Existence { .. } => true,
        Next::Verb { singular } => {
            // "Template error: resource queue does not support": a noun in the singular needs an article or a name.
            let after_colon = singular && before.trim_ascii_end().ends_with(':');
            is_special()
                || is_named_plural()
                || lacks_article(before, starts_upper(noun) || after_colon)
        }
        Next::Preposition => {
            (is_special() && !is_of_api(noun))
                || is_named_plural()
                || lacks_article(before, is_special() || is_plural(word))
        }
        Next::End => is_proper || is_camel(word) || lacks_article(before, false),
    }
}

fn is_plural(word: &str) -> bool {
    word.len() > 3
        && word.ends_with('s')
        && !["ss", "us", "is", "as"]
            .iter()
            .any(|end| word.ends_with(end))
}

fn starts_upper(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_uppercase())
}

fn is_acronym(word: &str) -> bool {
    word.bytes().all(|byte| byte.is_ascii_uppercase())
}

/// Checks for camel case such as `webServers`.
fn is_camel(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_lowercase())
        && word.bytes().any(|b| b.is_ascii_uppercase())
}

/// Checks whether a noun has no article, by the end of the text before the noun. `at_start` is the result if the noun
/// begins the sentence.
fn lacks_article(before: &str, at_start: bool) -> bool {
    let mut before = before.trim_ascii_end();
    for _ in 0..NAME_WORDS_MAX {
        let word = last_word(before);
        before = before[..before.len() - word.len()].trim_ascii_end();
        if matches!(
            word.as_bytes().last(),
            None | Some(b'.' | b':' | b']' | b')' | b',' | b'-')
        ) {
            return at_start;
        }
        let known = known(word);
        if known.is_lead {
            return true;
        }
        let modifies = starts_upper(word) || known.terms.is_some();
        if known.is_english || !modifies || key(word).is_none() {
            return false;
        }
    }
    false
}

/// Words after which a colon introduces a problem or the name of something in the API, and not a value, in lower case.
const NO_VALUES: &str = "\
    action actions allowed api argument attribute attributes because call cause code condition denied details \
    element error errors exception expected failed failure fault field fields header hint info member message \
    method missing note operation parameter parameters perform permission permissions problem property reason \
    reasons required state status supported warning was";

/// Checks whether a colon after a word introduces no value, as after "error" or "parameter".
pub(super) fn announces_no_value(word: &str) -> bool {
    known(last_hump(word)).is_no_value
}
