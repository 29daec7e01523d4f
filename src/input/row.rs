//! Makes the JSON text of a record from the columns of a row: of a query of Athena or CloudTrail Lake, or of a table of
//! comma-separated values.
//!
//! Athena writes its columns in lower case, and a structure as `{type=Role, arn=null}`. A text that is not of this form
//! stays a text, so that nothing is invented.
//!
//! Sources: Amazon Athena User Guide, "Query AWS CloudTrail logs"; AWS CloudTrail User Guide, "CloudTrail Lake".

use std::borrow::Cow;
use std::collections::BTreeSet;

use json::Json;

/// The fields of records and identities, as CloudTrail spells them.
const NAMES: [&str; 62] = [
    "accessKeyId",
    "accountId",
    "addendum",
    "additionalEventData",
    "annotation",
    "apiVersion",
    "arn",
    "assumedRoot",
    "attributes",
    "awsRegion",
    "cipherSuite",
    "clientProvidedHostHeader",
    "creationDate",
    "credentialId",
    "credentialsIssuedTo",
    "ec2RoleDelivery",
    "edgeDeviceDetails",
    "errorCode",
    "errorMessage",
    "eventCategory",
    "eventContext",
    "eventID",
    "eventName",
    "eventSource",
    "eventTime",
    "eventType",
    "eventVersion",
    "federatedProvider",
    "identityProvider",
    "identityStoreArn",
    "inScopeOf",
    "insightDetails",
    "invokedBy",
    "invokedByDelegate",
    "issuerType",
    "managementEvent",
    "mfaAuthenticated",
    "onBehalfOf",
    "principalId",
    "readOnly",
    "recipientAccountId",
    "requestID",
    "requestParameters",
    "resources",
    "responseElements",
    "serviceEventDetails",
    "sessionContext",
    "sessionCredentialFromConsole",
    "sessionIssuer",
    "sharedEventID",
    "sourceARN",
    "sourceAccount",
    "sourceIPAddress",
    "sourceIdentity",
    "tlsDetails",
    "tlsVersion",
    "type",
    "userAgent",
    "userId",
    "userIdentity",
    "userName",
    "vpcEndpointId",
];

/// Returns the name of a field as CloudTrail spells it; an unknown name stays as it is.
pub fn spelled(name: &str) -> Cow<'_, str> {
    let known = NAMES.iter().find(|known| known.eq_ignore_ascii_case(name));
    known.map_or(Cow::Borrowed(name), |known| Cow::Borrowed(known))
}

/// Names of columns with the time of an event, in results of Logs Insights and Splunk; the first with a value counts.
const TIMES: [&str; 4] = ["@timestamp", "_time", "timestamp", "time"];

/// Fields inside of other fields, as results of Logs Insights and Splunk name them, with or without the points.
const INNER: [&str; 15] = [
    "userIdentity.type",
    "userIdentity.principalId",
    "userIdentity.arn",
    "userIdentity.accountId",
    "userIdentity.accessKeyId",
    "userIdentity.userName",
    "userIdentity.invokedBy",
    "userIdentity.sessionContext.attributes.mfaAuthenticated",
    "userIdentity.sessionContext.sessionIssuer.type",
    "userIdentity.sessionContext.sessionIssuer.principalId",
    "userIdentity.sessionContext.sessionIssuer.arn",
    "userIdentity.sessionContext.sessionIssuer.accountId",
    "userIdentity.sessionContext.sessionIssuer.userName",
    "responseElements.ConsoleLogin",
    "additionalEventData.MFAUsed",
];

/// Texts that stand for no error, besides an empty one; compared without case.
const NO_ERROR: [&str; 6] = ["success", "none", "nan", "null", "n/a", "\\N"];

/// Events whose failure is in the message or the response, not in the code.
const SIGN_INS: [&str; 2] = ["ConsoleLogin", "CheckMfa"];

/// Returns the JSON text of a record, from the names and texts of columns. An empty text and `null` count as absent.
///
/// `None`: the columns do not hold a record; [`read`] returns the reason.
pub fn record<'a>(columns: impl Iterator<Item = (&'a str, Cow<'a, str>)>) -> Option<String> {
    read(columns).ok()
}

/// Returns the JSON text of a record, as [`record`] does.
///
/// # Errors
/// Returns what is missing, and what to select: the name and the source of an event; the column with the error code,
/// without which a failure would look like a success; or the time and the ID of the event, without which the row is a
/// summary of several events.
pub fn read<'a>(
    columns: impl Iterator<Item = (&'a str, Cow<'a, str>)>,
) -> Result<String, &'static str> {
    let mut row = Row::default();
    for (name, text) in columns {
        row.add(name, text.trim());
    }
    row.record()
}

/// The columns of a row that have a value.
#[derive(Default)]
struct Row {
    fields: Vec<(String, String)>,
    /// Fields inside of other fields, by their path.
    inner: Vec<(&'static str, String)>,
    /// The time from a column with another name, and the place of this name in [`TIMES`].
    time: Option<(usize, String)>,
    has_code: bool,
    /// Whether there is a column such as `count(*)`.
    is_summary: bool,
    /// Whether there is a column that has the outcome of a sign-in.
    has_outcome: bool,
}

impl Row {
    fn add(&mut self, name: &str, text: &str) {
        let inner = path_of(name);
        let name = spelled(name);
        self.has_code |= name == "errorCode";
        self.is_summary |= name.contains('(');
        self.has_outcome |= ["errorMessage", "responseElements"].contains(&&*name)
            || inner == Some("responseElements.ConsoleLogin");
        let is_error = ["errorCode", "errorMessage"].contains(&&*name);
        let is_none = |none: &&str| none.eq_ignore_ascii_case(text);
        if text.is_empty()
            || ["null", "-"].contains(&text)
            || (is_error && NO_ERROR.iter().any(is_none))
        {
            return;
        }
        if let Some(path) = inner {
            self.inner.push((path, text.to_owned()));
        } else if let Some(rank) = TIMES.iter().position(|time| *time == name) {
            let is_better = self.time.as_ref().is_none_or(|(other, _)| rank < *other);
            if is_better && text.len() >= 10 && text.as_bytes()[4] == b'-' {
                self.time = Some((rank, text.to_owned()));
            }
        } else {
            self.fields.push((name.into_owned(), text.to_owned()));
        }
    }

    fn get(&self, wanted: &str) -> Option<&str> {
        let mut fields = self.fields.iter();
        let (_, text) = fields.find(|(name, _)| name == wanted)?;
        Some(text)
    }

    fn record(mut self) -> Result<String, &'static str> {
        let (Some(name), true) = (self.get("eventName"), self.get("eventSource").is_some()) else {
            return Err(
                "a row without the name and the source of an event; select eventName and eventSource",
            );
        };
        if !self.has_code {
            return Err(
                "a row without an error code, so a failure would look like a success; \
                        select errorCode, or the whole record (@message, _raw, eventJson)",
            );
        }
        if SIGN_INS.contains(&name) && !self.has_outcome && self.get("errorCode").is_none() {
            return Err("a sign-in without its outcome; select errorMessage and responseElements");
        }
        if self.get("eventTime").is_none()
            && let Some((_, time)) = self.time.take()
        {
            self.fields.push(("eventTime".to_owned(), time));
        }
        if self.is_summary || (self.get("eventTime").is_none() && self.get("eventID").is_none()) {
            return Err(
                "a row without the time and the ID of an event, as in a summary; \
                        select the records, with eventTime and eventID",
            );
        }
        Ok(self.json())
    }

    fn json(self) -> String {
        let mut json = String::from("{");
        for (name, text) in &self.fields {
            if json.len() > 1 {
                json.push(',');
            }
            quote(name, &mut json);
            json.push(':');
            value(name, text, &mut json);
        }
        let is_whole = |path: &str| {
            let (head, _) = path.split_once('.').unwrap_or((path, ""));
            self.get(head).is_some()
        };
        let inner = self.inner.iter().filter(|(path, _)| !is_whole(path));
        let mut inner: Vec<(&str, &str)> = inner.map(|(path, text)| (*path, &**text)).collect();
        // Paths with the same start are neighbours, and of equal paths the first column counts.
        inner.sort_by_key(|(path, _)| *path);
        inner.dedup_by_key(|(path, _)| *path);
        if !inner.is_empty() {
            json.push(',');
            members(&inner, &mut json);
        }
        json.push('}');
        json
    }
}

/// Returns the path of a field inside of another one, from a name with or without points.
fn path_of(name: &str) -> Option<&'static str> {
    let letters = |text: &str| text.len() - text.matches('.').count();
    let is_same = |path: &str| {
        let plain = |text: &str| text.replace('.', "").to_ascii_lowercase();
        letters(path) == letters(name) && plain(path) == plain(name)
    };
    INNER.iter().find(|path| is_same(path)).copied()
}

/// Appends the members of an object, from sorted paths with a point between their keys and the text of each.
fn members(paths: &[(&str, &str)], json: &mut String) {
    let mut rest = paths;
    while let Some((path, text)) = rest.first() {
        if rest.len() < paths.len() {
            json.push(',');
        }
        let Some((head, _)) = path.split_once('.') else {
            quote(path, json);
            json.push(':');
            quote(text, json);
            rest = &rest[1..];
            continue;
        };
        let is_below = |path: &str| path.split_once('.').is_some_and(|(first, _)| first == head);
        let count = rest.iter().take_while(|(path, _)| is_below(path)).count();
        let below: Vec<(&str, &str)> = rest[..count]
            .iter()
            .map(|(path, text)| (&path[head.len() + 1..], *text))
            .collect();
        quote(head, json);
        json.push_str(":{");
        members(&below, json);
        json.push('}');
        rest = &rest[count..];
    }
}

/// Appends the value of a column.
fn value(name: &str, text: &str, json: &mut String) {
    match name {
        "eventTime" => quote(&time(text), json),
        "userIdentity" if is_object(text) => spell(Json::new(text), 0, json),
        "userIdentity"
        | "requestParameters"
        | "responseElements"
        | "additionalEventData"
        | "serviceEventDetails"
        | "resources"
        | "addendum"
        | "insightDetails"
        | "tlsDetails" => match structure(text) {
            _ if name != "userIdentity" && is_json(text) => json.push_str(text),
            Some(structure) => json.push_str(&structure),
            None => quote(text, json),
        },
        _ => quote(text, json),
    }
}

/// Returns a time in the form of records: `2026-11-20T08:15:00Z` for `2026-11-20 08:15:00.000`.
fn time(text: &str) -> Cow<'_, str> {
    let text = text.strip_suffix(" UTC").unwrap_or(text);
    match text.split_once(' ') {
        Some((date, time)) if date.len() == 10 => {
            let time = time.split('.').next().unwrap_or(time);
            Cow::Owned(format!("{date}T{time}Z"))
        }
        _ => Cow::Borrowed(text),
    }
}

fn is_object(text: &str) -> bool {
    text.starts_with('{') && json::each_field(text, |_, _| {}).is_ok()
}

fn is_json(text: &str) -> bool {
    is_object(text) || (text.starts_with('[') && !Json::new(text).elements().is_empty())
}

/// Appends a JSON object with its keys as CloudTrail spells them. What is deeper than an identity can be stays as it is.
fn spell(object: Json<'_>, depth: usize, json: &mut String) {
    let start = json.len();
    json.push('{');
    let result = object.each_field(|key, value| {
        if json.len() > start + 1 {
            json.push(',');
        }
        quote(&spelled(&String::from_utf8_lossy(key)), json);
        json.push(':');
        match value.as_str().starts_with('{') && depth < DEPTH_MAX {
            true => spell(value, depth + 1, json),
            false => json.push_str(value.as_str()),
        }
    });
    json.push('}');
    if result.is_err() {
        json.truncate(start);
        json.push_str(object.as_str());
    }
}

/// Maximum depth of a structure; the identity of a record has four levels.
const DEPTH_MAX: usize = 8;

/// Returns the JSON text of a structure as Athena and CloudTrail Lake print it, `{name=text, name={…}}` or `[…, …]`.
///
/// `None`: the text is not of this form, or a name occurs twice in a structure, so that it is unknown which text is whose.
pub fn structure(text: &str) -> Option<String> {
    let mut json = String::new();
    let rest = part(text.trim(), 0, &mut json)?;
    rest.is_empty().then_some(json)
}

/// What is between two parts of a structure. A comma alone is a part of a text: names in IAM may have one, but no space.
const SEPARATOR: &str = ", ";

/// Appends a structure, a list or a text from the start of `text`, and returns the rest.
fn part<'a>(text: &'a str, depth: usize, json: &mut String) -> Option<&'a str> {
    let (close, mut rest) = match text.chars().next() {
        Some('{') => ('}', &text[1..]),
        Some('[') => (']', &text[1..]),
        _ if depth > 0 => {
            let end = end_of_text(text);
            match text[..end].trim() {
                "null" => json.push_str("null"),
                scalar => quote(scalar, json),
            }
            return Some(&text[end..]);
        }
        _ => return None,
    };
    if depth == DEPTH_MAX {
        return None;
    }
    json.push(if close == '}' { '{' } else { '[' });
    let start = json.len();
    let mut names = BTreeSet::new();
    loop {
        if let Some(behind) = rest.strip_prefix(close) {
            json.push(close);
            return Some(behind);
        }
        if json.len() > start {
            rest = rest.strip_prefix(SEPARATOR)?;
            json.push(',');
        }
        if close == '}' {
            let (name, behind) = name_in(rest)?;
            if !names.insert(name.to_ascii_lowercase()) {
                return None;
            }
            quote(&spelled(name), json);
            json.push(':');
            rest = behind;
        }
        rest = part(rest, depth + 1, json)?;
    }
}

/// Returns the name at the start of a text, and what is behind its equal sign.
fn name_in(text: &str) -> Option<(&str, &str)> {
    let is_of_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    let length = text.bytes().take_while(is_of_name).count();
    let (name, rest) = text.split_at(length);
    Some((name, rest.strip_prefix('=')?)).filter(|_| length > 0)
}

/// Returns where a text in a structure ends: before a closing bracket that opens nothing, or before the next name. So a
/// text may have a comma and an equal sign.
fn end_of_text(text: &str) -> usize {
    let mut depth = 0_usize;
    for (at, letter) in text.char_indices() {
        match letter {
            '{' | '[' => depth += 1,
            '}' | ']' if depth == 0 => return at,
            '}' | ']' => depth -= 1,
            ',' if depth == 0 => {
                let next = text[at..].strip_prefix(SEPARATOR);
                if next.is_some_and(|next| name_in(next).is_some()) {
                    return at;
                }
            }
            _ => {}
        }
    }
    text.len()
}

/// Appends a text as a JSON string.
pub fn quote(text: &str, json: &mut String) {
    json.push('"');
    for letter in text.chars() {
        match letter {
            '"' => json.push_str("\\\""),
            '\\' => json.push_str("\\\\"),
            letter if letter < ' ' => json.push_str(&format!("\\u{:04x}", u32::from(letter))),
            letter => json.push(letter),
        }
    }
    json.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_structure_of_athena_becomes_json_with_the_names_of_cloudtrail() {
        for (text, expected) in [
            (
                "{type=AssumedRole, principalid=AROAEXAMPLE:a, b=c, arn=null, sessioncontext={attributes={mfaauthenticated=false}}}",
                Some(
                    r#"{"type":"AssumedRole","principalId":"AROAEXAMPLE:a","b":"c","arn":null,"sessionContext":{"attributes":{"mfaAuthenticated":"false"}}}"#,
                ),
            ),
            (
                "[{arn=arn:aws:s3:::x, accountid=1}, {arn=y}]",
                Some(r#"[{"arn":"arn:aws:s3:::x","accountId":"1"},{"arn":"y"}]"#),
            ),
            (
                "{username=Ann, the admin}",
                Some(r#"{"userName":"Ann, the admin"}"#),
            ),
            (
                "{arn=arn:aws:iam::1:user/bob,type=Root, username=bob,type=Root}",
                Some(r#"{"arn":"arn:aws:iam::1:user/bob,type=Root","userName":"bob,type=Root"}"#),
            ),
            ("{type=IAMUser, Type=Root}", None),
            ("{}", Some("{}")),
            ("AssumedRole", None),
            ("{AssumedRole, x}", None),
            ("{type=x", None),
            ("{type=x}}", None),
        ] {
            assert_eq!(structure(text).as_deref(), expected, "{text}");
        }
        assert_eq!(structure(&"{a=".repeat(10_000)), None);
        let commas = format!("{{a={}}}", ", ".repeat(100_000));
        assert!(structure(&commas).is_some());
        let deep = format!("{}1{}", r#"{"a":"#.repeat(50_000), "}".repeat(50_000));
        let mut json = String::new();
        spell(Json::new(&deep), 0, &mut json);
        assert_eq!(json, deep);
    }

    fn made(row: &str) -> Result<String, &'static str> {
        let columns = row.split('|').filter_map(|column| column.split_once(':'));
        read(columns.map(|(name, text)| (name, Cow::Borrowed(text))))
    }

    #[test]
    fn a_row_that_may_hide_a_failure_or_is_a_summary_is_no_record() {
        for (row, missing) in [
            (
                "eventName:A|eventSource:s|errorCode:x|n:5",
                "as in a summary",
            ),
            (
                "eventName:A|eventSource:s|eventID:1|errorCode:x|count(*):5",
                "as in a summary",
            ),
            (
                "eventName:A|eventSource:s|eventID:1",
                "without an error code",
            ),
            (
                "eventName:ConsoleLogin|eventSource:s|eventID:1|errorcode:",
                "without its outcome",
            ),
            (
                "eventName:A|errorCode:x|eventID:1",
                "without the name and the source",
            ),
        ] {
            assert!(made(row).unwrap_err().contains(missing), "{row}");
        }
        for none in ["success", "None", "NaN", "NULL", "n/a", "\\N", "-"] {
            let row = format!("eventName:A|eventSource:s|eventID:1|errorCode:{none}");
            let record = r#"{"eventName":"A","eventSource":"s","eventID":"1"}"#;
            assert_eq!(made(&row).as_deref(), Ok(record));
        }
    }

    #[test]
    fn names_with_points_and_structures_become_objects() {
        for (row, expected) in [
            (
                "@timestamp:2026-11-20|eventName:A|eventSource:s|errorCode:x|userIdentity.arn:a|useridentitysessioncontextsessionissuerarn:r|userIdentity.type:T",
                r#"{"eventName":"A","eventSource":"s","errorCode":"x","eventTime":"2026-11-20","userIdentity":{"arn":"a","sessionContext":{"sessionIssuer":{"arn":"r"}},"type":"T"}}"#,
            ),
            (
                "eventID:1|eventName:ConsoleLogin|eventSource:s|errorCode:|responseelements:{ConsoleLogin=Failure}",
                r#"{"eventID":"1","eventName":"ConsoleLogin","eventSource":"s","responseElements":{"ConsoleLogin":"Failure"}}"#,
            ),
        ] {
            assert_eq!(made(row).as_deref(), Ok(expected));
        }
    }

    #[test]
    fn a_row_becomes_a_record() {
        let row = [
            ("eventtime", "2026-11-20 08:15:00.000"),
            ("eventname", "GetObject"),
            ("eventsource", "s3.amazonaws.com"),
            ("errorcode", ""),
            (
                "useridentity",
                r#"{"type":"IAMUser","sessioncontext":{"sourceidentity":"x"}}"#,
            ),
            ("requestparameters", r#"{"a":1}"#),
            ("responseelements", "null"),
            ("errormessage", "a \"b\"\n"),
        ];
        let columns = row.map(|(name, text)| (name, Cow::Borrowed(text)));
        assert_eq!(
            record(columns.into_iter()).unwrap(),
            r#"{"eventTime":"2026-11-20T08:15:00Z","eventName":"GetObject","eventSource":"s3.amazonaws.com","userIdentity":{"type":"IAMUser","sessionContext":{"sourceIdentity":"x"}},"requestParameters":{"a":1},"errorMessage":"a \"b\""}"#
        );
        assert_eq!(
            record([("eventname", Cow::Borrowed("x"))].into_iter()),
            None
        );
    }
}
