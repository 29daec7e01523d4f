//! What must hold for any input, one function for each target of the fuzzer. They panic where it
//! does not hold. The tests include this file and run the seeds through it.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, Read, Write as _};
use std::sync::{Arc, LazyLock};

use alerts::locale::Language;
use alerts::{hint, severity};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use clusters::selection::{NO_ERROR, PREFILTER, Selection, select};
use clusters::{Conclusion, Span};
use flate2::Compression;
use flate2::write::GzEncoder;
use input::file::{self, Reader};
use input::{InputItem, Layout, Limits, ReadError};
use json::Json;
use records::message::{ENCODED_MASK, MASK, TEMPLATE_BYTES_MAX, template};
use records::redact::{self, SAMPLE_BYTES_MAX, redact, sanitize};
use records::{Record, Wrapper};
use serde_json::Value;
use serde_json::value::RawValue;
use service::config::lists::Lists;
use service::configuration::Configuration;
use service::ingest::{Folding, commit};
use service::memory::MemoryStore;
use service::ports::Store as _;
use service::rules::{Fate, Rules};

/// A function that takes what the fuzzer makes.
pub type Check = fn(&[u8]);

/// All of them, by the name of their target.
pub const CHECKS: [(&str, Check); 10] = [
    ("reader", reader),
    ("splitter", splitter),
    ("templater", templater),
    ("redactor", redactor),
    ("explain", explain),
    ("wrappings", wrappings),
    ("tables", tables),
    ("ocsf", ocsf),
    ("watches", watches),
    ("documents", documents),
];

/// Limits that a short input can pass.
const SMALL: Limits = Limits {
    inflated_bytes_max: 1_000,
    record_bytes_max: 100,
    records_max: 5,
    strangers_max: 20,
};

/// An input gives the same items, numbered from one, however it is cut and whether or not it is
/// packed; what opens a payload agrees with what opens anything.
pub fn reader(input: &[u8]) {
    let limits = if input.len().is_multiple_of(3) {
        SMALL
    } else {
        Limits::default()
    };
    let sizes = [1, 2 + input.len() % 61];
    let mut fast = Reader::new(Arc::clone(&PREFILTER));
    for layout in [Layout::Guess, Layout::Lines] {
        for input in [input, &gzip(input), wrap(input).as_bytes()] {
            assert_agreement(&mut fast, input, layout, &limits);
        }
        let whole = listing(|visit| file::read_reference(input, layout, &limits, visit));
        for size in sizes {
            let cut =
                listing(|visit| file::read_reference(Trickle(input, size), layout, &limits, visit));
            assert_eq!(cut, whole, "{layout:?}, {size} bytes at a time");
        }
        let packed = gzip(input);
        let unpacked = listing(|visit| file::read_reference(&*packed, layout, &limits, visit));
        let fits = input.len() as u64 <= limits.inflated_bytes_max;
        if fits && !input.starts_with(&[0x1f, 0x8b]) {
            assert_eq!(unpacked, whole, "{layout:?}, packed");
        }
    }
    for event in [input, wrap(input).as_bytes()] {
        assert_agreement(&mut fast, event, Layout::Subscription, &limits);
        let whole =
            listing(|visit| file::read_reference(event, Layout::Subscription, &limits, visit));
        for size in sizes {
            let cut = listing(|visit| {
                file::read_reference(Trickle(event, size), Layout::Subscription, &limits, visit)
            });
            assert_eq!(cut, whole, "a payload, {size} bytes at a time");
        }
    }
    let event = wrap(input);
    assert_eq!(
        listing(|visit| file::read_reference(event.as_bytes(), Layout::Guess, &limits, visit)),
        listing(|visit| file::read_reference(
            event.as_bytes(),
            Layout::Subscription,
            &limits,
            visit
        )),
        "a file that is a payload"
    );
}

/// Whatever is in a wrapping, both readers find the same in it, however the input is cut; and a good record beside it is found.
pub fn wrappings(input: &[u8]) {
    const GOOD: &str =
        r#"{"eventVersion":"1.11","eventSource":"s3.amazonaws.com","eventName":"GetObject"}"#;
    let text = Value::from(String::from_utf8_lossy(input)).to_string();
    let data = Value::from(BASE64_STANDARD.encode(input)).to_string();
    let good = [
        Value::from(GOOD).to_string(),
        Value::from(BASE64_STANDARD.encode(GOOD)).to_string(),
    ];
    let mut fast = Reader::new(Arc::clone(&PREFILTER));
    for [before, after] in [
        [
            r#"{"Messages":[{"MessageId":"1","Body":"#,
            r#"},{"MessageId":"2","Body":"#,
        ],
        [
            r#"{"Records":[{"messageId":"1","body":"#,
            r#"},{"messageId":"2","body":"#,
        ],
        [
            r#"{"results":[{"@timestamp":"2026-11-20","@message":"#,
            r#"},{"@message":"#,
        ],
        [
            r#"{"results":[[{"field":"@message","value":"#,
            r#"}],[{"field":"@message","value":"#,
        ],
        [
            r#"{"hits":{"hits":[{"_source":{"event":{"original":"#,
            r#"}}},{"_source":{"event":{"original":"#,
        ],
        [
            r#"{"Records":[{"EventSource":"aws:sns","Sns":{"TopicArn":"t","Message":"#,
            r#"}},{"Sns":{"TopicArn":"t","Message":"#,
        ],
        [
            r#"{"Records":[{"kinesis":{"partitionKey":"1","data":"#,
            r#"}},{"kinesis":{"partitionKey":"2","data":"#,
        ],
    ] {
        let is_packed = before.contains("kinesis");
        let content = if is_packed { &data } else { &text };
        let whole = [before, content, after, &good[usize::from(is_packed)]].concat();
        // The ends of all objects and arrays that are open.
        let mut ends = String::new();
        let mut quoted = false;
        for c in [before, after].concat().chars() {
            match c {
                '"' => quoted = !quoted,
                '{' | '[' if !quoted => ends.insert(0, if c == '{' { '}' } else { ']' }),
                '}' | ']' if !quoted => drop(ends.remove(0)),
                _ => {}
            }
        }
        let whole = whole + &ends;
        assert_read_alike(&mut fast, whole.as_bytes());
        let mut is_found = false;
        let visit: Reading<'_> = &mut |item| is_found |= text_of(&item).as_deref() == Some(GOOD);
        let read = file::read_reference(whole.as_bytes(), Layout::Guess, &Limits::default(), visit);
        assert!(read.is_ok() && is_found, "{whole}");
    }
}

/// Both readers find the same in an input, and what is found does not depend on how the input is cut.
fn assert_read_alike(fast: &mut Reader, input: &[u8]) {
    let limits = Limits::default();
    assert_agreement(fast, input, Layout::Guess, &limits);
    let whole = listing(|visit| file::read_reference(input, Layout::Guess, &limits, visit));
    let size = 1 + input.len() % 61;
    let cut = Trickle(input, size);
    let cut = listing(|visit| file::read_reference(cut, Layout::Guess, &limits, visit));
    assert_eq!(cut, whole, "{size} bytes at a time");
}

/// A table of text gives the same records however it is cut, and they are lines that both readers read alike.
pub fn tables(input: &[u8]) {
    assert_converted(input);
    for head in [
        "eventTime,eventSource,eventName,errorCode,errorMessage,awsRegion,userIdentity.arn\n",
        "@timestamp,@message\n",
        "_time\t_raw\n",
    ] {
        assert_converted(&[head.as_bytes(), input].concat());
    }
}

/// Events of Security Lake give the same records however they are cut, and they are lines that both readers read alike.
pub fn ocsf(input: &[u8]) {
    assert_converted(input);
    let text = Value::from(String::from_utf8_lossy(input));
    let event = serde_json::json!({
        "class_uid": 6003, "metadata": {"product": {"name": "CloudTrail", "vendor_name": "AWS"}, "event_code": "AwsApiCall"},
        "time": 1_793_606_580_000_u64, "api": {"operation": text, "service": {"name": "s3.amazonaws.com"}, "response": {"error": text}},
        "actor": {"user": {"uid": text, "type": text}}, "unmapped": {"a.b": text},
    });
    assert_converted(event.to_string().as_bytes());
}

fn assert_converted(input: &[u8]) {
    let limits = Limits::default();
    let read = |input: Box<dyn Read>| {
        let mut records = Vec::new();
        let opened = formats::open(input, &limits).map_err(|error| error.to_string())?;
        let mut inner = opened.records;
        let ended = inner.read_to_end(&mut records);
        ended.map_err(|error| error.to_string())?;
        Ok::<_, String>((records, opened.is_by_lines, opened.note))
    };
    let whole = read(Box::new(io::Cursor::new(input.to_vec())));
    let cut = Pieces(input.to_vec().into(), 1 + input.len() % 61);
    assert_eq!(read(Box::new(cut)), whole, "cut");
    let Ok((records, is_by_lines, _)) = whole else {
        return;
    };
    let layout = if is_by_lines {
        Layout::Lines
    } else {
        Layout::Guess
    };
    let mut fast = Reader::new(Arc::clone(&PREFILTER));
    assert_agreement(&mut fast, &records, layout, &limits);
}

/// As [`Trickle`], of bytes that it owns.
struct Pieces(std::collections::VecDeque<u8>, usize);

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let room = self.1.min(buffer.len());
        self.0.read(&mut buffer[..room])
    }
}

/// A rules file with any watch, rule or policy is read or refused; problems are at places of the file; and rules that are read
/// can be applied.
pub fn watches(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let lines = text.lines().count().max(1);
    match Rules::parse(&text) {
        Ok(rules) => {
            let call = r#"{"eventVersion":"1.11","eventType":"AwsApiCall","eventSource":"iam.amazonaws.com","eventName":"CreateUser","eventTime":"2026-11-20T08:00:00Z","requestParameters":{"userName":"eve"}}"#;
            let failure = call.replace(
                "\"eventTime\"",
                "\"errorCode\":\"AccessDenied\",\"eventTime\"",
            );
            for record in [call, &failure] {
                let parsed = Record::parse(record).expect("a record");
                let (fate, _) = rules.decide(&parsed, record, &Wrapper::default());
                if let Fate::Clustered(conclusion) = fate {
                    assert_concluded(&conclusion);
                }
                assert_same_fold_by(&rules, record.as_bytes(), Layout::Lines);
            }
        }
        Err(problems) => {
            assert!(!problems.is_empty());
            for problem in problems {
                assert!((1..=lines + 1).contains(&problem.line), "{problem}");
            }
        }
    }
}

/// An exported configuration and a settings file are read or refused; what is read can be written, and is read as the same.
pub fn documents(input: &[u8]) {
    let _ = Lists::parse(input.to_vec());
    let text = String::from_utf8_lossy(input);
    if let Ok(document) = Configuration::decode(&text) {
        let written = document.encode();
        let again = Configuration::decode(&written).expect("what was written can be read");
        assert_eq!(again.encode(), written);
    }
}

/// The elements of an array are cut out where a parser finds their borders, be they records of a
/// trail file or messages of a log.
pub fn splitter(input: &[u8]) {
    let Ok(input) = std::str::from_utf8(input) else {
        return;
    };
    let Ok(elements) = serde_json::from_str::<Vec<&RawValue>>(&format!("[{input}]"))
        .map(|elements| elements.into_iter().map(RawValue::get).map(str::to_owned))
        .map(Vec::from_iter)
    else {
        return;
    };
    let events: Vec<Value> = elements
        .iter()
        .map(|element| serde_json::json!({ "id": "1", "message": element }))
        .collect();
    let logs = serde_json::json!({ "messageType": "DATA_MESSAGE", "logEvents": events });
    let trail = format!(r#"{{"Records":[{input}]}}"#);
    let payload = wrap(logs.to_string().as_bytes());
    for element in &elements {
        assert_same_fields(element);
    }
    for (what, text) in [
        ("a trail file", trail),
        ("a log", logs.to_string()),
        ("a payload", payload),
    ] {
        for size in [usize::MAX, 1 + input.len() % 17] {
            assert_eq!(records(&text, size), elements, "{what}");
        }
        let mut fast = Reader::new(Arc::clone(&PREFILTER));
        for input in [text.as_bytes(), &gzip(text.as_bytes())] {
            assert_agreement(&mut fast, input, Layout::Guess, &Limits::default());
        }
    }
}

/// The fast reader returns the same as the reference reader, except for records that the prefilter skips:
/// those can be read, and are calls that succeeded.
pub fn assert_agreement(fast: &mut Reader, input: &[u8], layout: Layout, limits: &Limits) {
    let mut expected = Vec::new();
    let slow = file::read_reference(input, layout, limits, &mut |item| {
        expected.push((text_of(&item), format!("{item:?}")));
    });
    let mut expected = expected.into_iter();
    let done = fast.read(input, layout, limits, &mut |item| {
        let InputItem::Skipped { count } = item else {
            let (_, next) = expected.next().unwrap_or_default();
            assert_eq!(format!("{item:?}"), next);
            return;
        };
        for (text, next) in expected.by_ref().take(count as usize) {
            let text = text.unwrap_or_else(|| panic!("{next} was held back"));
            let record =
                Record::parse_reference(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
            assert_eq!(select(&record), Selection::NotSelected(NO_ERROR), "{text}");
        }
    });
    assert_eq!(expected.next(), None, "all was handed over");
    assert_eq!(format!("{slow:?}"), format!("{done:?}"));
}

/// The fields of a text are the same whether it is proven by masks or parsed, and so is what is wrong
/// with it; and so are the fields of its fields.
fn assert_same_fields(text: &str) {
    let mut proven = Fields::default();
    let mut parsed = Fields::default();
    let done = json::each_field(text, |key, value| proven.add(key, value));
    let expected = json::reference::each_field(text, |key, value| parsed.add(key, value));
    assert_eq!(done, expected);
    if done.is_ok() {
        assert_eq!(proven, parsed);
    }
}

/// The fields of an object, and the fields of those.
#[derive(Debug, Default, PartialEq)]
struct Fields {
    outer: Vec<(Vec<u8>, String)>,
    inner: Vec<(Vec<u8>, String, Option<String>)>,
}

impl Fields {
    fn add(&mut self, key: &[u8], value: Json<'_>) {
        self.outer.push((key.to_vec(), value.as_str().to_owned()));
        let _ = value.each_field(|key, value| {
            let text = value.text().map(Cow::into_owned);
            self.inner
                .push((key.to_vec(), value.as_str().to_owned(), text));
        });
    }
}

fn text_of(item: &InputItem<'_>) -> Option<String> {
    match item {
        InputItem::Record { text, .. } => Some(text.to_string()),
        _ => None,
    }
}

/// Folding as fast as can be gives what folding every record gives.
pub fn assert_same_fold(input: &[u8], layout: Layout) {
    assert_same_fold_by(&Rules::default(), input, layout);
}

/// The same, by rules.
pub fn assert_same_fold_by(rules: &Rules, input: &[u8], layout: Layout) {
    let fold = |folding: Folding<'_>| {
        let mut folding = folding.with_samples();
        let folded = folding.fold(input, layout, None);
        folded.map_err(|error| error.to_string()).map(|folded| {
            let mut store = MemoryStore::default();
            let done = pollster::block_on(commit(&mut store, "input", folded));
            let done = done.expect("memory keeps it");
            let clusters = pollster::block_on(store.sums(None))
                .expect("memory has it")
                .clusters();
            let samples = pollster::block_on(store.samples()).expect("memory has them");
            (done.record_counts, done.quarantined, clusters, samples)
        })
    };
    let limits = Limits::default();
    let fast = fold(Folding::new(limits, rules));
    let slow = fold(Folding::new(limits, rules).reference());
    assert_eq!(fast, slow);
    if let Ok((_, _, clusters, _)) = fast {
        for cluster in &clusters {
            severity::of_cluster(cluster);
        }
    }
}

/// A template is short and always the same, settles when it is masked again and again, and holds words
/// of its message in their order and nothing else. The texts after NUL are strings of the request.
pub fn templater(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let mut parts = text.split('\0');
    let message = parts.next().unwrap_or_default();
    let values: Vec<&str> = parts.collect();
    let masked = template(message, &values);
    assert!(masked.len() <= TEMPLATE_BYTES_MAX, "{} bytes", masked.len());
    assert_eq!(template(message, &values), masked);
    // Made-up quotation marks may take a few more passes than those that a template is made in.
    let again = |text: &String| Some(template(text, &[""; 0]));
    let passes: Vec<String> = std::iter::successors(Some(masked.clone()), again)
        .take(8)
        .collect();
    assert_eq!(passes[6], passes[7], "{passes:?}");
    let mut rest = message;
    for word in unmasked(&masked).split_whitespace() {
        let found = rest.find(word);
        let at = found.unwrap_or_else(|| panic!("{word:?} is not in {rest:?}: {masked:?}"));
        rest = &rest[at + word.len()..];
    }
}

/// Returns a template without its masks, one at its end that was cut included.
fn unmasked(template: &str) -> String {
    let words = template.replace(ENCODED_MASK, " ").replace(MASK, " ");
    let cut = words.rfind('<').filter(|&at| {
        let last = &words[at..];
        MASK.starts_with(last) || ENCODED_MASK.starts_with(last)
    });
    words[..cut.unwrap_or(words.len())].to_owned()
}

/// Cleaned text has nothing unseen in it, masked text no secret; doing it twice changes nothing,
/// and a sample is small and as clean.
pub fn redactor(input: &[u8]) {
    const SECRET: &str = "hunter2-hunter2";
    let text = String::from_utf8_lossy(input);
    for chars_max in [0, 1, input.len() % 300, usize::MAX] {
        let clean = sanitize(&text, chars_max);
        assert!(clean.chars().count() <= chars_max);
        assert_clean(&clean);
        assert_eq!(sanitize(&clean, chars_max), clean, "cleaned twice");
    }
    let masked = redact(&text);
    assert!(masked.len() <= 64 + 4 * text.len());
    assert_masked(&masked);
    assert_eq!(redact(&masked), masked, "masked twice");
    if !text.contains(SECRET) {
        assert!(!redact(&format!("{text} password={SECRET}")).contains(SECRET));
    }
    let field = || Some(text.as_ref().into());
    assert_sample(&Record {
        event_id: field(),
        event_name: field(),
        error_message: field(),
        user_agent: field(),
        source_ip_address: field(),
        ..Record::default()
    });
}

/// Any record, with rules and without, can be classified, graded, explained and stored.
pub fn explain(input: &[u8]) {
    static RULES: LazyLock<Rules> = LazyLock::new(|| {
        Rules::parse(include_str!("../../infra/rules.example.toml")).expect("the example is right")
    });
    let text = String::from_utf8_lossy(input);
    assert_same_fields(&text);
    let Ok(record) = Record::parse(&text) else {
        return;
    };
    assert_sample(&record);
    // What repeats a record is not read again.
    let line = text.replace(['\n', '\r'], " ");
    let other = line.replace('-', "0");
    let lines = [&line, &line, &other, &line].map(String::as_str);
    assert_same_fold(lines.join("\n").as_bytes(), Layout::Lines);
    for rules in [&Rules::default(), &*RULES] {
        let (fate, _) = rules.decide(&record, &text, &Wrapper::default());
        if let Fate::Clustered(conclusion) = fate {
            assert_concluded(&conclusion);
        }
    }
}

fn assert_concluded(conclusion: &Conclusion<'_>) {
    let identity = &conclusion.understanding.identity;
    assert_eq!(identity.cluster_id().to_string().len(), 26);
    for (_, value) in conclusion.facets.iter() {
        assert!(value.chars().count() <= 256, "{value}");
        assert_clean(value);
    }
    severity::assess_facets(identity, &conclusion.facets, Span::at(conclusion.at));
    hint::hint(
        identity,
        &conclusion.understanding.template,
        &conclusion.facets,
        Language::En,
    );
}

fn assert_sample(record: &Record<'_>) {
    let sample = redact::sample(record);
    assert!(sample.len() <= SAMPLE_BYTES_MAX, "{} bytes", sample.len());
    let sample: Value = serde_json::from_str(&sample).expect("a sample is JSON");
    each_text(&sample, &mut |text| {
        assert_clean(text);
        assert_masked(text);
    });
}

fn each_text(value: &Value, visit: &mut dyn FnMut(&str)) {
    match value {
        Value::String(text) => visit(text),
        Value::Array(values) => values.iter().for_each(|value| each_text(value, visit)),
        Value::Object(fields) => fields.values().for_each(|value| each_text(value, visit)),
        _ => {}
    }
}

/// Nothing in it controls a terminal, or hides or reverses the text beside it.
#[track_caller]
fn assert_clean(text: &str) {
    let is_unseen = |c: char| {
        c.is_control()
            || (c.is_whitespace() && c != ' ')
            || matches!(
                c,
                '\u{ad}' | '\u{61c}' | '\u{feff}'
                    | '\u{200b}'..='\u{200f}'
                    | '\u{202a}'..='\u{202e}'
                    | '\u{2060}'..='\u{206f}'
                    | '\u{fe00}'..='\u{fe0f}'
                    | '\u{e0000}'..='\u{e0fff}'
            )
    };
    assert!(!text.contains(is_unseen), "{text:?}");
    assert!(!text.contains("  "), "{text:?}");
}

/// No whole access key id is in it, and no private key begins. What an ellipsis follows was longer,
/// and no key.
#[track_caller]
fn assert_masked(text: &str) {
    let is_key = |word: &str| {
        (word.starts_with("AKIA") || word.starts_with("ASIA"))
            && (16..=128).contains(&word.len())
            && word
                .bytes()
                .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
    };
    let whole = match text.strip_suffix('…') {
        Some(cut) => cut.trim_end_matches(|c: char| c.is_ascii_alphanumeric()),
        None => text,
    };
    let mut words = whole.split(|c: char| !c.is_ascii_alphanumeric());
    assert!(!words.any(is_key), "{text:?}");
    assert!(!text.contains("-----BEGIN "), "{text:?}");
}

/// Returns at most a few bytes a call, as pipes and sockets do.
struct Trickle<'a>(&'a [u8], usize);

impl Read for Trickle<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let room = self.1.min(buffer.len());
        self.0.read(&mut buffer[..room])
    }
}

type Reading<'a> = &'a mut dyn FnMut(InputItem<'_>);

/// Writes down what a reading gives. Of one that fails nothing counts, and why it fails may depend on
/// what is found first: that the packed data is damaged, or that what is in it is nonsense.
fn listing(read: impl FnOnce(Reading<'_>) -> Result<(), ReadError>) -> String {
    let mut lines = String::new();
    let mut position = 0;
    let result = read(&mut |item| {
        if let InputItem::Record { number, .. } | InputItem::Rejected { number, .. } = item {
            position += 1;
            assert_eq!(number, position, "numbers count from one");
        }
        let _ = writeln!(lines, "{item:?}");
    });
    match result {
        Ok(()) => lines,
        Err(_) => "refused".to_owned(),
    }
}

/// Returns the texts of the records in an input that has nothing else.
fn records(input: &str, size: usize) -> Vec<String> {
    let mut texts = Vec::new();
    let input = Trickle(input.as_bytes(), size);
    file::read_reference(input, Layout::Guess, &Limits::default(), &mut |item| {
        let InputItem::Record { text, .. } = item else {
            panic!("{item:?}");
        };
        texts.push(text.into_owned());
    })
    .expect("what a parser accepts can be read");
    texts
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("memory takes it");
    encoder.finish().expect("memory takes it")
}

/// Wraps a message as a subscription hands it over.
fn wrap(message: &[u8]) -> String {
    let data = BASE64_STANDARD.encode(gzip(message));
    format!(r#"{{"awslogs":{{"data":"{data}"}}}}"#)
}
