//! The language of searches: words and terms such as `severity:critical`, and what a pattern matches.
//!
//! | search | finds |
//! |---|---|
//! | `denied bucket` | what has both words |
//! | `"access key"` | what has this text |
//! | `severity:critical,error` | what has one of these severities |
//! | `紧急 class:拒绝访问` | severities, classes, statuses and decisions by the names that pages show |
//! | `-caller:ci-*` | what no caller with such a name made |
//!
//! The parser is pure. Upper and lower case are the same. A word with a colon whose first part resembles no key is a
//! word, because calls are written like that: `s3:GetObject`.

use std::collections::BTreeMap;

use alerts::locale::Language;
use alerts::severity::Severity;
use alerts::terms;
use clusters::class::Class;
use clusters::lifecycle::Status;
use clusters::short_name;
use records::principal::is_account_id;
use records::redact::sanitize;
use strum::VariantArray as _;

/// The maximum number of terms of a search; the rest is ignored.
const TERMS_MAX: usize = 20;

/// A filter of lists by status: which clusters the result contains.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
pub enum Show {
    /// All clusters that have not recovered.
    Open,
    /// Clusters that are new, regressed or escalating.
    New,
    /// Recovered clusters.
    Recovered,
    /// All clusters.
    All,
}

impl Show {
    /// All filters by status, in the order in which the search form offers them.
    pub const ALL: [Self; 4] = [Self::Open, Self::New, Self::Recovered, Self::All];

    /// Returns the name of the filter as pages show it, such as `Open` or `未恢复`.
    pub fn label(self, language: Language) -> &'static str {
        let (english, chinese) = match self {
            Self::Open => ("Open", "未恢复"),
            Self::New => ("New", "新增"),
            Self::Recovered => ("Recovered", "已恢复"),
            Self::All => ("All", "全部"),
        };
        language.pick(english, chinese)
    }

    /// Returns the name of the filter, such as `open`: the value of the parameter `status` in a request of the
    /// dashboard widget.
    ///
    /// Names do not change between versions.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// Checks whether the filter includes clusters with a status.
    pub fn includes(self, status: Status) -> bool {
        match self {
            Self::Open => status != Status::Recovered,
            Self::New => matches!(status, Status::New | Status::Regressed | Status::Escalating),
            Self::Recovered => status == Status::Recovered,
            Self::All => true,
        }
    }
}

/// A parsed search: everything that it finds matches all terms.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Search {
    /// The terms, in the order in which they were typed.
    pub terms: Vec<Term>,
}

/// One part of a search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    /// Whether the search finds only what does not match the condition.
    pub is_excluded: bool,
    /// What has to match.
    pub condition: Condition,
}

/// The condition of a [`Term`]. One of several values has to match. Texts are in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// A text that occurs anywhere in a row.
    Word(String),
    /// The severity.
    Severity(Vec<Severity>),
    /// The class.
    Class(Vec<Class>),
    /// The status or the decision.
    Status(Vec<StatusFilter>),
    /// The id of the account.
    Account(Vec<String>),
    /// The name of the service.
    Service(Vec<String>),
    /// The name of a caller, see [`is_named`].
    Caller(Vec<String>),
    /// The error code, as the service spells it or as all services are compared.
    Code(Vec<String>),
    /// A region.
    Region(Vec<String>),
    /// A resource.
    Resource(Vec<String>),
}

/// A value of the key `status`. The values of the key `decision` are [`Self::Decided`] alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusFilter {
    /// Several statuses under one name, such as `open`.
    Show(Show),
    /// One status.
    Is(Status),
    /// A decision that holds, by its name, one of [`DECISIONS`].
    Decided(&'static str),
}

/// The names of decisions, in the order in which the search form offers them.
pub const DECISIONS: [&str; 5] = ["acknowledged", "muted", "expected", "resolved", "archived"];

impl StatusFilter {
    /// Checks whether a cluster is meant, by its status and the name of the decision that holds, if there is one.
    pub fn includes(self, status: Status, decision: Option<&str>) -> bool {
        match self {
            Self::Show(show) => show.includes(status),
            Self::Is(of) => of == status,
            Self::Decided(name) => decision == Some(name),
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        let status = Status::VARIANTS.iter().find(|of| of.name() == name);
        let show = Show::ALL.into_iter().find(|of| of.name() == name);
        // `new` as a filter of a list includes what regressed or escalates; in a search each status has its own name.
        let named = status.map(|of| Self::Is(*of)).or(show.map(Self::Show));
        let mut statuses = Status::VARIANTS.iter();
        let status = statuses.find(|of| is_shown(name, |language| terms::status(**of, language)));
        let mut shows = Show::ALL.into_iter();
        let show = shows.find(|of| is_shown(name, |language| of.label(language)));
        let shown = status.map(|of| Self::Is(*of)).or(show.map(Self::Show));
        named.or(shown).or_else(|| decision(name))
    }
}

/// Returns the decision with a name that requests or pages have.
fn decision(name: &str) -> Option<StatusFilter> {
    let mut names = DECISIONS.into_iter();
    let found = names.find(|of| {
        let shown = *of;
        shown == name || is_shown(name, |language| terms::decision_name(shown, language))
    });
    found.map(StatusFilter::Decided)
}

/// A key of a search.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::IntoStaticStr, strum::VariantArray)]
#[strum(serialize_all = "lowercase")]
enum Key {
    Severity,
    Class,
    Status,
    Decision,
    Account,
    Service,
    Caller,
    Code,
    Region,
    Resource,
}

/// Other words for keys: those of the command line, and those that people try first.
const SYNONYMS: [(&str, Key); 3] = [
    ("principal", Key::Caller),
    ("user", Key::Caller),
    ("error", Key::Code),
];

/// Words before a colon that resemble a key and are names of services.
const SERVICES_LIKE_KEYS: [&str; 1] = ["states"];

/// Why a search is not understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SearchError {
    /// There is no such key, but a similar one.
    Key {
        /// The key as typed, sanitized.
        given: String,
        /// The key that was probably meant.
        meant: &'static str,
    },
    /// The key has no such value.
    Value {
        /// The key.
        key: &'static str,
        /// The value as typed, sanitized.
        given: String,
        /// The values that the key has.
        right: Vec<String>,
    },
    /// A key without a value.
    NoValue {
        /// The key.
        key: &'static str,
    },
}

alerts::words! {
    /// The sentences about searches that are not understood.
    struct SearchWords {
        key: "The search has no key {given}; did you mean {meant}? Put \"{given}:…\" in quotes to search for the text.", "搜索没有关键字 {given}，您是否想用 {meant}？如要搜索该文本，请将 \"{given}:…\" 放在引号内。";
        value: "The search {key}:{given} finds nothing; {key} must be one of {right}.", "搜索条件 {key}:{given} 无效；{key} 必须是以下之一：{right}。";
        account: "The search account:{given} finds nothing; account must be an account ID of twelve digits.", "搜索条件 account:{given} 无效；account 必须是 12 位账号 ID。";
        no_value: "The search has {key}: without a value; write it without a space, such as {key}:{example}.", "搜索中的 {key}: 缺少值；冒号后不留空格，例如 {key}:{example}。";
    }
}

impl SearchError {
    /// Returns the sentence for the person who typed the search.
    pub fn sentence(&self, language: Language) -> String {
        let words = SearchWords::of(language);
        match self {
            Self::Key { given, meant } => words
                .key
                .replace("{meant}", meant)
                .replace("{given}", given),
            Self::Value { key, given, right } if right.is_empty() => words
                .account
                .replace("{key}", key)
                .replace("{given}", given),
            Self::Value { key, given, right } => words
                .value
                .replace("{key}", key)
                .replace("{right}", &right.join(", "))
                .replace("{given}", given),
            Self::NoValue { key } => {
                let example = match *key {
                    "severity" => "critical",
                    "class" => "denied",
                    "status" => "new",
                    "decision" => "muted",
                    "account" => "111122223333",
                    "service" => "iam",
                    "caller" => "mia",
                    "code" => "AccessDenied",
                    "region" => "eu-central-1",
                    _ => "bucket",
                };
                words
                    .no_value
                    .replace("{key}", key)
                    .replace("{example}", example)
            }
        }
    }
}

impl SearchError {
    /// Returns the search with the key or the value that was probably meant; `None` if none is similar.
    ///
    /// A suggestion has plain characters only, because links carry it.
    pub fn suggestion(&self, text: &str) -> Option<String> {
        let (given, meant) = match self {
            Self::Key { given, meant } => (format!("{given}:"), format!("{meant}:")),
            Self::Value { key, given, right } => {
                let similar = right.iter().filter(|name| is_similar(given, name));
                let nearest = similar.min_by_key(|name| distance(given, name))?;
                (format!("{key}:{given}"), format!("{key}:{nearest}"))
            }
            Self::NoValue { .. } => return None,
        };
        let text = text.to_lowercase();
        let is_plain = |c: char| c.is_ascii_alphanumeric() || " :,-_.*?/@".contains(c);
        let is_found = text.contains(&given) && text.chars().all(is_plain);
        is_found.then(|| text.replacen(&given, &meant, 1))
    }
}

impl Search {
    /// Parses a search. `account_names` has the names of accounts by id; a name can be used in place of an id.
    ///
    /// # Errors
    /// [`SearchError`] if a key or a value does not exist.
    pub fn parse(
        text: &str,
        account_names: &BTreeMap<String, String>,
    ) -> Result<Self, SearchError> {
        let tokens = tokens(text).into_iter().take(TERMS_MAX);
        let terms: Result<Vec<Term>, SearchError> =
            tokens.map(|token| term(&token, account_names)).collect();
        Ok(Self { terms: terms? })
    }

    /// Returns the words that have to occur, without those that must not.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        self.terms.iter().filter_map(|term| match &term.condition {
            Condition::Word(word) if !term.is_excluded => Some(word.as_str()),
            _ => None,
        })
    }

    /// Checks whether a term is about the status.
    pub fn has_status(&self) -> bool {
        let mut terms = self.terms.iter();
        terms.any(|term| matches!(term.condition, Condition::Status(_)))
    }
}

impl Term {
    /// Checks whether the decision about a cluster matters.
    pub fn is_about_decisions(&self) -> bool {
        let is_decision = |of: &StatusFilter| matches!(of, StatusFilter::Decided(_));
        matches!(&self.condition, Condition::Status(of) if of.iter().any(is_decision))
    }
}

/// A part of a search between spaces.
struct Token {
    is_excluded: bool,
    /// The text before the first colon outside of quotes; `None` without a colon.
    key: Option<String>,
    /// The rest, or everything without a colon; without quotes.
    value: String,
}

/// Splits a search at spaces outside of quotes. A quote that does not end lasts to the end of the text.
fn tokens(text: &str) -> Vec<Token> {
    let mut all = Vec::new();
    let mut chars = text.chars().peekable();
    loop {
        while chars.next_if(|c| c.is_whitespace()).is_some() {}
        if chars.peek().is_none() {
            return all;
        }
        let is_excluded = chars.next_if_eq(&'-').is_some();
        let (mut key, mut value, mut is_quoted, mut was_quoted) =
            (None, String::new(), false, false);
        while let Some(c) = chars.next_if(|c| is_quoted || !c.is_whitespace()) {
            match c {
                '"' => (is_quoted, was_quoted) = (!is_quoted, true),
                ':' if !was_quoted && key.is_none() => key = Some(std::mem::take(&mut value)),
                _ => value.push(c),
            }
        }
        if key.is_some() || !value.is_empty() {
            all.push(Token {
                is_excluded,
                key,
                value,
            });
        }
    }
}

fn term(token: &Token, account_names: &BTreeMap<String, String>) -> Result<Term, SearchError> {
    let condition = match &token.key {
        None => Condition::Word(token.value.to_lowercase()),
        Some(given) => match key(given)? {
            Some(key) => condition(key, &token.value, account_names)?,
            None => Condition::Word(format!("{given}:{}", token.value).to_lowercase()),
        },
    };
    Ok(Term {
        is_excluded: token.is_excluded,
        condition,
    })
}

/// Returns the key with a name; `None` if the name resembles no key.
fn key(given: &str) -> Result<Option<Key>, SearchError> {
    let given = given.to_lowercase();
    let named = Key::VARIANTS.iter().find(|key| key.name() == given);
    let synonym = SYNONYMS.iter().find(|(name, _)| *name == given);
    if let Some(key) = named.copied().or(synonym.map(|(_, key)| *key)) {
        return Ok(Some(key));
    }
    if SERVICES_LIKE_KEYS.contains(&given.as_str()) {
        return Ok(None);
    }
    let mut keys = Key::VARIANTS.iter().map(|key| key.name());
    match keys.find(|name| is_similar(&given, name)) {
        Some(meant) => Err(SearchError::Key {
            given: sanitize(&given, 32),
            meant,
        }),
        None => Ok(None),
    }
}

/// Checks whether two names differ in one letter, or in two letters if they are long.
fn is_similar(given: &str, name: &str) -> bool {
    let most = if name.len() > 6 { 2 } else { 1 };
    given.len().abs_diff(name.len()) <= most && distance(given, name) <= most
}

/// Returns the number of letters to change, add or remove to make one text of the other.
fn distance(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (at, letter) in one.bytes().enumerate() {
        let mut before = row[0];
        row[0] = at + 1;
        for (of, with) in other.bytes().enumerate() {
            let changed = before + usize::from(letter != with);
            before = row[of + 1];
            row[of + 1] = changed.min(before + 1).min(row[of] + 1);
        }
    }
    row[other.len()]
}

impl Key {
    fn name(self) -> &'static str {
        self.into()
    }
}

fn condition(
    key: Key,
    value: &str,
    account_names: &BTreeMap<String, String>,
) -> Result<Condition, SearchError> {
    let value = value.to_lowercase();
    let values: Vec<&str> = value.split(',').filter(|of| !of.is_empty()).collect();
    if values.is_empty() {
        return Err(SearchError::NoValue { key: key.name() });
    }
    let texts = || values.iter().map(|of| (*of).to_owned()).collect();
    Ok(match key {
        Key::Severity => {
            let shown = |name: &str| {
                let mut all = SEVERITIES.into_iter();
                all.find(|of| is_shown(name, |language| terms::severity(*of, language)))
            };
            Condition::Severity(named(key, &values, &severity_names(), |name| {
                Severity::from_name(name).or_else(|| shown(name))
            })?)
        }
        Key::Class => {
            let names: Vec<&str> = classes().map(Class::name).collect();
            let shown = |name: &str| {
                classes().find(|of| is_shown(name, |language| terms::class(*of, language)))
            };
            Condition::Class(named(key, &values, &names, |name| {
                Class::from_name(name)
                    .filter(|of| *of != Class::Dryrun)
                    .or_else(|| shown(name))
            })?)
        }
        Key::Status => {
            let shows = Show::ALL.into_iter().map(Show::name);
            let statuses = Status::VARIANTS.iter().map(|of| of.name());
            let mut names: Vec<&str> = shows.chain(statuses).chain(DECISIONS).collect();
            names.sort_unstable();
            names.dedup();
            Condition::Status(named(key, &values, &names, StatusFilter::from_name)?)
        }
        Key::Decision => Condition::Status(named(key, &values, &DECISIONS, decision)?),
        Key::Account => Condition::Account(accounts(&values, account_names)?),
        Key::Service => Condition::Service(texts()),
        Key::Caller => Condition::Caller(texts()),
        Key::Code => Condition::Code(texts()),
        Key::Region => Condition::Region(texts()),
        Key::Resource => Condition::Resource(texts()),
    })
}

/// Checks whether a name is the one of a value that pages show, in one of the languages. `name` is in lower case.
fn is_shown(name: &str, of: impl Fn(Language) -> &'static str) -> bool {
    let mut languages = Language::ALL.into_iter();
    languages.any(|language| of(language).to_lowercase() == name)
}

fn severity_names() -> [&'static str; 4] {
    SEVERITIES.map(Severity::name)
}

/// All severities, the most severe first.
pub const SEVERITIES: [Severity; 4] = [
    Severity::Critical,
    Severity::Error,
    Severity::Warning,
    Severity::Info,
];

/// Returns all classes that a row can have. Dry runs are never clustered.
pub fn classes() -> impl Iterator<Item = Class> {
    Class::ALL.into_iter().filter(|of| *of != Class::Dryrun)
}

fn named<T>(
    key: Key,
    values: &[&str],
    names: &[&str],
    parse: impl Fn(&str) -> Option<T>,
) -> Result<Vec<T>, SearchError> {
    let parsed = values.iter().map(|value| {
        parse(value).ok_or_else(|| SearchError::Value {
            key: key.name(),
            given: sanitize(value, 64),
            right: names.iter().map(|of| (*of).to_owned()).collect(),
        })
    });
    parsed.collect()
}

/// Returns the ids of accounts that are given by id or by name.
fn accounts(
    values: &[&str],
    account_names: &BTreeMap<String, String>,
) -> Result<Vec<String>, SearchError> {
    let mut ids = Vec::new();
    for value in values {
        let named = account_names.iter();
        let named = named.filter(|(_, name)| name.to_lowercase() == **value);
        let before = ids.len();
        ids.extend(named.map(|(id, _)| id.clone()));
        if is_account_id(value) {
            ids.push((*value).to_owned());
        }
        if ids.len() == before {
            let names = account_names.values();
            return Err(SearchError::Value {
                key: Key::Account.name(),
                given: sanitize(value, 64),
                right: names.take(10).map(|of| sanitize(of, 64)).collect(),
            });
        }
    }
    Ok(ids)
}

/// Checks whether a text contains a pattern, or matches it as a whole if it has `*` or `?`. Both must be in lower case.
pub fn contains(pattern: &str, text: &str) -> bool {
    if !pattern.contains(['*', '?']) {
        return text.contains(pattern);
    }
    let pattern: Vec<char> = pattern.chars().collect();
    is_match(&pattern, text)
}

/// Checks whether a caller has a name: a text in its ARN, or a pattern that its ARN, its short name such as `role/deploy`, or
/// the last part of it matches. Upper and lower case are the same.
pub fn is_named(pattern: &str, principal: &str, account_id: &str) -> bool {
    let (pattern, principal) = (pattern.to_lowercase(), principal.to_lowercase());
    let short = short_name(&principal, account_id);
    let last = short.rsplit('/').next().unwrap_or_default();
    let mut names = [&principal, short, last].into_iter();
    names.any(|name| contains(&pattern, name))
}

/// Checks whether a pattern matches a whole text. `*` is any number of characters, `?` is one.
fn is_match(pattern: &[char], text: &str) -> bool {
    let text: Vec<char> = text.chars().collect();
    let (mut at, mut of) = (0, 0);
    // Where to go on if the rest does not match: behind the last star, and one character further in the text.
    let mut again: Option<(usize, usize)> = None;
    while of < text.len() {
        match pattern.get(at) {
            Some('*') => {
                again = Some((at + 1, of));
                at += 1;
            }
            Some(one) if *one == '?' || *one == text[of] => {
                at += 1;
                of += 1;
            }
            _ => {
                let Some((star, from)) = again else {
                    return false;
                };
                again = Some((star, from + 1));
                (at, of) = (star, from + 1);
            }
        }
    }
    pattern[at..].iter().all(|rest| *rest == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    use proptest::prelude::*;

    fn names() -> BTreeMap<String, String> {
        [("111122223333", "Shop"), ("444455556666", "Data Lake")]
            .map(|(id, name)| (id.to_owned(), name.to_owned()))
            .into()
    }

    fn terms(text: &str) -> Vec<(bool, Condition)> {
        let search = Search::parse(text, &names()).unwrap();
        let terms = search.terms.into_iter();
        terms.map(|of| (of.is_excluded, of.condition)).collect()
    }

    #[test]
    fn a_search_is_words_and_terms() {
        use Condition::{
            Account, Caller, Class as Classes, Code, Severity as Severities, Status as Statuses,
            Word,
        };
        let text = |of: &str| of.to_owned();
        for (search, expected) in [
            ("", vec![]),
            (" - ", vec![]),
            ("Denied", vec![(false, Word(text("denied")))]),
            (
                "-\"Access  Key\" s3:GetObject",
                vec![
                    (true, Word(text("access  key"))),
                    (false, Word(text("s3:getobject"))),
                ],
            ),
            (
                "severity:critical,ERROR -class:denied",
                vec![
                    (false, Severities(vec![Severity::Critical, Severity::Error])),
                    (true, Classes(vec![Class::Denied])),
                ],
            ),
            (
                "status:new status:open",
                vec![
                    (false, Statuses(vec![StatusFilter::Is(Status::New)])),
                    (false, Statuses(vec![StatusFilter::Show(Show::Open)])),
                ],
            ),
            (
                "account:shop,444455556666 account:\"data lake\"",
                vec![
                    (
                        false,
                        Account(vec![text("111122223333"), text("444455556666")]),
                    ),
                    (false, Account(vec![text("444455556666")])),
                ],
            ),
            (
                "user:Mia principal:ci-* error:NoSuchKey",
                vec![
                    (false, Caller(vec![text("mia")])),
                    (false, Caller(vec![text("ci-*")])),
                    (false, Code(vec![text("nosuchkey")])),
                ],
            ),
            (
                "\"severity:critical\" arn:aws:s3:::x states:StartExecution",
                vec![
                    (false, Word(text("severity:critical"))),
                    (false, Word(text("arn:aws:s3:::x"))),
                    (false, Word(text("states:startexecution"))),
                ],
            ),
            (
                "caller:\"role/a b\" \"unended",
                vec![
                    (false, Caller(vec![text("role/a b")])),
                    (false, Word(text("unended"))),
                ],
            ),
        ] {
            assert_eq!(terms(search), expected, "{search}");
        }
        let search = Search::parse("mia -bob code:x ann", &names()).unwrap();
        assert_eq!(search.words().collect::<Vec<_>>(), ["mia", "ann"]);
        assert!(!search.has_status());
    }

    #[test]
    fn a_search_that_is_not_understood_is_answered_with_what_is_right() {
        for (search, sentence) in [
            (
                "sevrity:critical",
                "The search has no key sevrity; did you mean severity? Put \"sevrity:…\" in quotes to search for the text.",
            ),
            (
                "severity:fatal",
                "The search severity:fatal finds nothing; severity must be one of critical, error, warning, info.",
            ),
            (
                "status:odd",
                "The search status:odd finds nothing; status must be one of acknowledged, all, archived, escalating, expected, \
                 muted, new, ongoing, open, recovered, regressed, resolved, undated.",
            ),
            (
                "account:12",
                "The search account:12 finds nothing; account must be one of Shop, Data Lake.",
            ),
            (
                "caller: mia",
                "The search has caller: without a value; write it without a space, such as caller:mia.",
            ),
        ] {
            let error = Search::parse(search, &names()).unwrap_err();
            assert_eq!(error.sentence(Language::En), sentence);
            assert!(!error.sentence(Language::Zh).contains('{'));
        }
        let error = Search::parse("account:12", &BTreeMap::new()).unwrap_err();
        let sentence = error.sentence(Language::En);
        assert!(sentence.ends_with("account must be an account ID of twelve digits."));
    }

    #[test]
    fn a_caller_is_named_by_a_part_or_by_a_pattern() {
        let deploy = "arn:aws:iam::111122223333:role/ops/CI-Deploy";
        for (pattern, wanted) in [
            ("deploy", true),
            ("role/ops", true),
            ("111122223333", true),
            ("deploys", false),
            ("ci-*", true),
            ("role/*", true),
            ("arn:*deploy", true),
            ("deploy*", false),
            ("ci?deploy", true),
            ("*", true),
            ("*x*", false),
            ("c*-*d*y", true),
            ("c*-*d*yy", false),
        ] {
            assert_eq!(
                is_named(pattern, deploy, "111122223333"),
                wanted,
                "{pattern}"
            );
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_stumble(
            text in "([a-z]{0,9}|severity|class|account|[-:\",*? ]|\\PC){0,30}", other in "\\PC{0,20}",
        ) {
            match Search::parse(&text, &names()) {
                Ok(search) => {
                    prop_assert!(search.terms.len() <= TERMS_MAX);
                    for word in search.words() {
                        contains(word, &other);
                    }
                }
                Err(error) => prop_assert!(!error.sentence(Language::Zh).is_empty()),
            }
        }
    }

    #[test]
    fn a_wrong_search_has_a_suggestion() {
        for (text, suggestion) in [
            ("Sevrity:critical s3", Some("severity:critical s3")),
            ("severity:criticl", Some("severity:critical")),
            ("severity:bad", None),
            ("service:", None),
            ("account:9", None),
            ("sevrity:<b>", None),
        ] {
            let error = Search::parse(text, &names()).unwrap_err();
            assert_eq!(error.suggestion(text).as_deref(), suggestion, "{text}");
        }
    }

    #[test]
    fn values_have_the_names_that_pages_show() {
        for (chinese, english) in [
            ("severity:紧急", "severity:critical"),
            ("class:拒绝访问", "class:denied"),
            ("status:已恢复", "status:recovered"),
            ("status:未恢复", "status:open"),
            ("status:全部", "status:all"),
            ("status:Open", "status:open"),
            ("decision:已静音,标为预期", "decision:muted,expected"),
            ("status:已解决", "decision:resolved"),
            ("status:acknowledged", "decision:已确认"),
        ] {
            assert_eq!(terms(chinese), terms(english), "{chinese}");
        }
    }
}
