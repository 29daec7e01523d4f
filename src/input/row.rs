//! Makes the JSON text of a record from the columns of a row: of a query of Athena or CloudTrail Lake, or of a table of
//! comma-separated values.
//!
//! Athena writes its columns in lower case, and a structure as `{type=Role, arn=null}`. A text that is not of this form
//! stays a text, so that nothing is invented.
//!
//! Sources: Amazon Athena User Guide, "Query AWS CloudTrail logs"; AWS CloudTrail User Guide, "CloudTrail Lake".

use std::borrow::Cow;

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

/// Returns the JSON text of a record, from the names and texts of columns. An empty text and `null` count as absent.
///
/// `None`: the columns do not hold both the name and the source of an event, or there is no column with the error code, so
/// that a failure would look like a success.
pub fn record<'a>(columns: impl Iterator<Item = (&'a str, Cow<'a, str>)>) -> Option<String> {
    let (mut json, mut has_name, mut has_source) = (String::from("{"), false, false);
    let mut has_code = false;
    for (name, text) in columns {
        let (name, text) = (spelled(name), text.trim());
        has_code |= name == "errorCode";
        if text.is_empty() || ["null", "-"].contains(&text) {
            continue;
        }
        has_name |= name == "eventName";
        has_source |= name == "eventSource";
        if json.len() > 1 {
            json.push(',');
        }
        quote(&name, &mut json);
        json.push(':');
        value(&name, text, &mut json);
    }
    json.push('}');
    (has_name && has_source && has_code).then_some(json)
}

/// Appends the value of a column.
fn value(name: &str, text: &str, json: &mut String) {
    match name {
        "eventTime" => quote(&time(text), json),
        "userIdentity" if is_object(text) => spell(Json::new(text), json),
        "userIdentity" | "resources" | "tlsDetails" if !is_json(text) => match structure(text) {
            Some(structure) => json.push_str(&structure),
            None => quote(text, json),
        },
        "requestParameters"
        | "responseElements"
        | "additionalEventData"
        | "serviceEventDetails"
        | "resources"
        | "addendum"
        | "insightDetails"
        | "tlsDetails"
            if is_json(text) =>
        {
            json.push_str(text);
        }
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

/// Appends a JSON object with its keys as CloudTrail spells them, at any depth.
fn spell(object: Json<'_>, json: &mut String) {
    json.push('{');
    let start = json.len();
    // The object was read before.
    let _ = object.each_field(|key, value| {
        if json.len() > start {
            json.push(',');
        }
        quote(&spelled(&String::from_utf8_lossy(key)), json);
        json.push(':');
        match is_object(value.as_str()) {
            true => spell(value, json),
            false => json.push_str(value.as_str()),
        }
    });
    json.push('}');
}

/// Maximum depth of a structure; the identity of a record has four levels.
const DEPTH_MAX: usize = 8;

/// Returns the JSON text of a structure as Athena and CloudTrail Lake print it, `{name=text, name={…}}` or `[…, …]`.
///
/// `None`: the text is not of this form.
pub fn structure(text: &str) -> Option<String> {
    let mut json = String::new();
    let rest = part(text.trim(), 0, &mut json)?;
    rest.is_empty().then_some(json)
}

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
    loop {
        rest = rest.trim_start();
        if let Some(behind) = rest.strip_prefix(close) {
            json.push(close);
            return Some(behind);
        }
        if json.len() > start {
            rest = rest.strip_prefix(',')?.trim_start();
            json.push(',');
        }
        if close == '}' {
            let (name, behind) = rest.split_once('=')?;
            if !is_name(name) {
                return None;
            }
            quote(&spelled(name), json);
            json.push(':');
            rest = behind;
        }
        rest = part(rest, depth + 1, json)?;
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
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
                let next = text[at + 1..].trim_start();
                let name = next.split_once('=').map(|(name, _)| name);
                if name.is_some_and(is_name) {
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
            ("{}", Some("{}")),
            ("AssumedRole", None),
            ("{AssumedRole, x}", None),
            ("{type=x", None),
            ("{type=x}}", None),
        ] {
            assert_eq!(structure(text).as_deref(), expected, "{text}");
        }
        assert_eq!(structure(&"{a=".repeat(10_000)), None);
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
