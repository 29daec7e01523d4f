//! Reduces an error message to its template: the fixed words of the service stay, and each value is replaced by
//! [`MASK`].
//!
//! A template depends on one message only. So the same message gives the same template on any machine, in any order, on
//! any day. Templates learned from a stream of messages could not guarantee this. All kinds of values have the same
//! mask, because a field may contain an id in one message and a name in the next. Callers influence the message, so the
//! time is linear in its length for any text.
//!
//! These parts are values; the first match wins:
//! 1. whole words that are also strings in `requestParameters`, which is the most reliable sign. A common word is masked
//!    only in the place of a name: a queue called "queue" must not mask this word elsewhere in the sentence;
//! 2. the encoded part of an authorization failure, which becomes [`ENCODED_MASK`];
//! 3. text in quotes, unless it is the name of a field beside a word like "parameter" ("at 'maxResults'"), of which only
//!    an index is masked; text in brackets or braces; a single word in parentheses; text in angle brackets, with the
//!    person before an e-mail address; a schedule ("cron(0 12 * * ? *)"). A sentence in quotes or brackets is read
//!    like other text;
//! 4. a word announced by the text before it: `key=value`, "with name orders", "Table: orders", "not found: orders",
//!    "on resource: *", "Value my queue for parameter Name";
//! 5. dates, ARNs, URLs, host names, types ("`AWS::IAM::User`"), and words with a digit, `-`, `_`, `/` or `@`.
//!    Exceptions are English words ("identity-based"), names of techniques ("`x86_64`"), constants ("`READ_ONLY`") and
//!    IAM actions ("ec2:RunInstances");
//! 6. a word in the place of a name: "Table orders not found", see `nouns`.
//!
//! Then a list of values becomes one value, several spaces become one, and the template is truncated at
//! [`TEMPLATE_BYTES_MAX`].

mod dates;
mod nouns;
mod scan;
mod words;

use self::scan::pass;
use self::words::{is_break, is_sentence_mark, is_value};

/// The text that replaces each variable part of an error message, such as an id or a name, in the message's template.
pub const MASK: &str = "<*>";

/// The text that replaces the encoded part of an error message, an "encoded authorization failure message", in the
/// message's template.
pub const ENCODED_MASK: &str = "<encoded>";

/// Maximum length of the template of an error message, in bytes. A longer template is truncated at the end of a word.
///
/// The words by which messages differ are near the start, so little is lost.
pub const TEMPLATE_BYTES_MAX: usize = 200;

/// Maximum number of bytes read from a message. CloudTrail truncates `errorMessage` at 1 KB, so a longer message did
/// not come from CloudTrail.
const MESSAGE_BYTES_MAX: usize = 2048;

/// Maximum number of strings from the request parameters that [`template`] searches for in a message; further strings
/// are ignored.
pub const REQUEST_VALUES_MAX: usize = 64;

/// Returns the template of an error message, such as `Instance <*> is busy` for `Instance i-0a1b2c3d is busy`.
///
/// `request_values` are the strings of the record's `requestParameters`. They are masked wherever they are whole words
/// of the message.
///
/// The template of a template is the template itself. A message longer than 2 KB is read up to that length.
pub fn template(message: &str, request_values: &[impl AsRef<str>]) -> String {
    let message = &message[..message.floor_char_boundary(MESSAGE_BYTES_MAX)];
    // Space at the end would hide that the sentence ends there, which shows a name: "Unknown user bo ".
    let message = message.trim_ascii_end();
    // A merged list or a quotation mark without a partner may bring together text that another pass
    // reads differently. So passes are repeated until nothing changes.
    let (mut template, mut settled) = pass(message, &Requested::of(request_values));
    for _ in 0..PASSES_MAX {
        if settled {
            break;
        }
        let (again, all_paired) = pass(&template, &Requested::default());
        settled = all_paired || again == template;
        template = again;
    }
    template
}

/// Maximum number of further passes. Two passes are enough for all real messages. Each pass only removes text, so a few
/// passes are enough for invented messages too.
const PASSES_MAX: usize = 6;

/// Words that are too common in messages to count as values of the request.
const NEVER_VALUES: [&str; 14] = [
    "default", "true", "false", "null", "none", "all", "any", "auto", "enabled", "disabled",
    "string", "name", "the", "not",
];

/// The strings of the request to search for, the longest first.
#[derive(Default)]
struct Requested<'v> {
    values: Vec<&'v str>,
    /// First bytes of the values, one bit for each ASCII byte, so that most words need no comparison.
    firsts: u128,
}

impl<'v> Requested<'v> {
    fn of(values: &'v [impl AsRef<str>]) -> Self {
        let mut requested = Self::default();
        for value in values.iter().take(REQUEST_VALUES_MAX).map(AsRef::as_ref) {
            // A word that is masked because of its form need not be searched for.
            let wanted = (3..=256).contains(&value.len())
                && (!is_value(value) || value.bytes().any(is_break))
                && !NEVER_VALUES
                    .iter()
                    .any(|never| never.eq_ignore_ascii_case(value));
            if wanted {
                requested.firsts |= bit(value.as_bytes()[0]);
                requested.values.push(value);
            }
        }
        requested
            .values
            .sort_by_key(|value| std::cmp::Reverse(value.len()));
        requested
    }

    /// Returns the length of the value at the start of a text, if the value is a whole word there.
    fn at_start(&self, text: &str) -> Option<usize> {
        let bytes = text.as_bytes();
        if self.firsts & bit(bytes[0]) == 0 {
            return None;
        }
        let whole = |value: &&&str| {
            let after = bytes.get(value.len());
            text.starts_with(**value)
                && after.is_none_or(|&b| is_break(b) || is_sentence_mark(b) || b == b'\'')
        };
        self.values.iter().find(whole).map(|value| value.len())
    }
}

/// Returns the bit of a first byte; all bytes outside of ASCII share one bit.
fn bit(byte: u8) -> u128 {
    1 << byte.min(127)
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    fn masked(message: &str) -> String {
        template(message, &[] as &[&str])
    }

    #[test]
    fn values_are_masked_and_words_stay() {
        for (message, wanted) in [
            (
                "Value (web-7f) for parameter iamInstanceProfile.name is invalid. Invalid IAM Instance Profile name",
                "Value (<*>) for parameter iamInstanceProfile.name is invalid. Invalid IAM Instance Profile name",
            ),
            (
                "The instance 'i-0a1b2c3d4e5f60718' may not be terminated. Modify its 'disableApiStop' instance attribute and try again.",
                "The instance '<*>' may not be terminated. Modify its 'disableApiStop' instance attribute and try again.",
            ),
            (
                "1 validation error detected: Value '[x]' at 'name' failed to satisfy constraint: Member must have length less than or equal to 64",
                "<*> validation error detected: Value '<*>' at 'name' failed to satisfy constraint: Member must have length less than or equal to <*>",
            ),
            (
                "AccountId: 111122223333 doesn't exist!",
                "AccountId: <*> doesn't exist!",
            ),
            (
                "Instances i-0a1b2c3d, i-1a1b2c3d and i-2a1b2c3d are busy",
                "Instances <*> are busy",
            ),
            (
                "Instances [[i-0a1b2c3d]] not in a valid state",
                "Instances [<*>] not in a valid state",
            ),
            (
                "The architecture 'x86_64' of an arm64 AMI",
                "The architecture '<*>' of an arm64 AMI",
            ),
            (
                "Cross-account pass role and/or READ_ONLY is not allowed.",
                "Cross-account pass role and/or READ_ONLY is not allowed.",
            ),
            (
                "not authorized to perform ec2:RunInstances in shop-prod",
                "not authorized to perform ec2:RunInstances in <*>",
            ),
            (
                "Unknown trail: arn:aws:cloudtrail:us-east-1:111122223333:trail/a for the user: 111122223333",
                "Unknown trail: <*> for the user: <*>",
            ),
            (
                "Ask bo@example.com or see https://example.com/a?b=c, then  retry",
                "Ask <*> or see <*>, then retry",
            ),
            (
                "It isn't the customers' fault",
                "It isn't the customers' fault",
            ),
            (
                "The role(s) (see below) failed",
                "The role(s) (see below) failed",
            ),
        ] {
            assert_eq!(masked(message), wanted);
        }
    }

    #[test]
    fn announced_values_are_masked() {
        for (message, wanted) in [
            (
                "[Tried to make record set [name='a.example.', type='A'] but it is there]",
                "[Tried to make record set [<*>] but it is there]",
            ),
            (
                "Bad body at [Source: (byte[])\"x y\"; line: 1] of {\"a\":{\"b\":1}} for {proxy+}",
                "Bad body at [<*>] of {<*>} for {<*>}",
            ),
            (
                "The combination: Engine=postgres, Class=db.t9.tiny, Tag=a=b is off",
                "The combination: Engine=<*>, Class=<*>, Tag=<*>=<*> is off",
            ),
            (
                "A queue with name orders or one named in a rule; with name and path. Stack with id Net gone",
                "A queue with name <*> or one named in a rule; with name and path. Stack with id <*> gone",
            ),
            (
                "Reserved keyword: status. Table: orders, Role: must be there; Parameter Name: size",
                "Reserved keyword: <*>. Table: <*>, Role: must be there; Parameter Name: size",
            ),
            ("Invalid parameter: Endpoint", "Invalid parameter: Endpoint"),
            (
                "Made at Tue Nov 03 08:12:01 UTC 2026, now Nov 3, 2026 8:12:01 PM. On Sun May rises",
                "Made at <*>, now <*>. On <*> rises",
            ),
            ("Expires Tue, 03 Nov 2026 08:12:01 GMT", "Expires <*>"),
            (
                "Type AWS::IAM::User and ecs:service:DesiredCount, not Fn::GetAtt or ec2:RunInstances",
                "Type <*>, not Fn::GetAtt or ec2:RunInstances",
            ),
            (
                "Roles AWSServiceRoleForECS of AROAABCDEFGHIJKLMNOPQ are UNAUTHORIZED",
                "Roles <*> of <*> are UNAUTHORIZED",
            ),
            (
                "Schedule cron(0 25 * * ? *) or rate(5 minutes), rate(s) apply",
                "Schedule cron(<*>) or rate(<*>), rate(s) apply",
            ),
        ] {
            assert_eq!(masked(message), wanted);
        }
    }

    #[test]
    fn names_without_a_special_form_are_found_by_the_request() {
        let names = ["Falsimentis", "default", "Ann Lee"];
        assert_eq!(
            template("Dashboard Falsimentis does not exist", &names),
            "Dashboard <*> does not exist"
        );
        assert_eq!(
            template("Bus default of Falsimentister is off", &names),
            "Bus default of Falsimentister is off"
        );
        assert_eq!(template("User Ann Lee: gone", &names), "User <*>: gone");
    }

    #[test]
    fn an_encoded_failure_is_masked() {
        assert_eq!(
            masked(
                "You are not authorized to perform this operation. Encoded authorization failure message: aB3dE"
            ),
            "You are not authorized to perform this operation. <encoded>"
        );
    }

    #[test]
    fn text_beyond_the_longest_message_is_ignored() {
        // Marks without a partner would make a careless search quadratic.
        for mark in [
            "'", "\"", "(", "[", "<", " '", "((a ", "{", "[ [ ]", "a: ", "Tue 1 ", "cron( ",
        ] {
            let endless = mark.repeat(1 << 20);
            assert_eq!(
                masked(&endless),
                masked(&endless[..MESSAGE_BYTES_MAX]),
                "{mark}"
            );
        }
    }

    #[test]
    fn a_masked_bracket_may_leave_its_partner_to_another_one() {
        let once = masked("Tue with name arn:aws:s3:::x{aTue{}");
        assert_eq!(masked(&once), once);
    }

    #[test]
    fn space_at_the_end_of_a_message_changes_nothing() {
        assert_eq!(masked("Unknown role reader "), "Unknown role <*>");
        assert_eq!(masked("a queue Valuea \n"), "a queue <*>");
    }

    #[test]
    fn a_mask_brings_the_words_behind_it_nearer_to_a_verb() {
        let once = masked("ba is arn:aws:s3:::xTabledoes not exist<*>");
        assert_eq!(once, "<*> is <*> not exist<*>");
        assert_eq!(masked(&once), once);
    }

    #[test]
    fn a_long_message_is_truncated_at_a_word() {
        let template = masked(&"sound ".repeat(100));
        assert!(template.len() <= TEMPLATE_BYTES_MAX && template.ends_with("sound"));
    }

    /// Messages of services with names that customers choose. The names of a row give one template, and no other row has
    /// this template.
    #[test]
    fn a_message_has_one_template_for_all_names() {
        let rows = include_str!("../../tests/fixtures/messages.jsonl").lines();
        let (mut owners, mut split) = (BTreeMap::new(), Vec::new());
        for row in rows.map(|row| serde_json::from_str::<serde_json::Value>(row).unwrap()) {
            let message = row["message"].as_str().unwrap().to_owned();
            let names = row["names"].as_array().unwrap().iter();
            let names = names.map(|name| name.as_str().unwrap());
            let templates: BTreeSet<_> = names
                .chain(
                    ["17"]
                        .into_iter()
                        .filter(|_| row["names"] == serde_json::json!([])),
                )
                .map(|name| {
                    let requested = row["request"].as_bool().is_some().then_some(name);
                    let text = template(&message.replace("{}", name), requested.as_slice());
                    assert_eq!(masked(&text), text, "masked again");
                    text
                })
                .collect();
            if templates.len() > 1 {
                split.push(message.clone());
            }
            for text in templates {
                let other = owners.insert(text.clone(), message.clone());
                assert!(
                    other.is_none_or(|other| other == message),
                    "{text} is of two rows"
                );
            }
        }
        assert_eq!(split, [""; 0], "a template for each name");
    }

    #[test]
    fn names_are_found_by_their_sentence() {
        for (message, wanted) in [
            ("Table orders not found", "Table <*> not found"),
            (
                "The bucket policy does not exist",
                "The bucket policy does not exist",
            ),
            (
                "Queue queue does not exist in region",
                "Queue <*> does not exist in region",
            ),
            (
                "DBCluster salesArchive is not available",
                "DBCluster <*> is not available",
            ),
            (
                "Stack Customer Portal already exists",
                "Stack <*> already exists",
            ),
            (
                "Unknown role reader for stack orders",
                "Unknown role <*> for stack <*>",
            ),
            (
                "Unknown type of the stack policy",
                "Unknown type of the stack policy",
            ),
            ("User bo.lee cannot be found", "User <*> cannot be found"),
            (
                "Could not find endpoint orders for the agent",
                "Could not find endpoint <*> for the agent",
            ),
            (
                "Global Cluster Reporting is not empty",
                "Global Cluster <*> is not empty",
            ),
            (
                "Parameter instance.name is empty",
                "Parameter instance.name is empty",
            ),
            ("Cluster not found: Sales Archive", "Cluster not found: <*>"),
            (
                "Template error: references undefined resource Bucket",
                "Template error: references undefined resource <*>",
            ),
        ] {
            assert_eq!(masked(message), wanted);
        }
    }

    #[test]
    fn fields_stay_and_values_in_quotes_do_not() {
        for (message, wanted) in [
            ("Group 'webServers' is gone", "Group '<*>' is gone"),
            (
                "Modify its 'disableApiStop' instance attribute",
                "Modify its 'disableApiStop' instance attribute",
            ),
            (
                "Value 'x' at 'tags.1.member.tagKey' failed to satisfy",
                "Value '<*>' at 'tags.<*>.member.tagKey' failed to satisfy",
            ),
            (
                "MetricData.member.12.Values is too long",
                "MetricData.member.<*>.Values is too long",
            ),
            (
                "Definition: 'MISSING_STATE: State \"Pay\" is not reachable'",
                "Definition: 'MISSING_STATE: State \"<*>\" is not reachable'",
            ),
            (
                "[Invalid Resource Record: 'FATAL problem: x (Label is too long) encountered with 'a b'']",
                "[Invalid Resource Record: 'FATAL problem: x (Label is too long) encountered with '<*>'']",
            ),
        ] {
            assert_eq!(masked(message), wanted);
        }
        let requested = ["dbPassword"];
        assert_eq!(
            template("The parameter 'dbPassword' is off", &requested),
            "The parameter '<*>' is off"
        );
        assert_eq!(
            masked("The parameter 'vpcId' is off"),
            "The parameter 'vpcId' is off"
        );
    }

    #[test]
    fn a_requested_name_that_is_a_noun_leaves_the_noun_of_the_sentence() {
        for (message, wanted) in [
            (
                "The specified queue does not exist.",
                "The specified queue does not exist.",
            ),
            ("Queue queue does not exist.", "Queue <*> does not exist."),
            (
                "The job queue queue is not in this queue list",
                "The job queue <*> is not in this queue list",
            ),
            (
                "The specified job queue does not exist",
                "The specified job queue does not exist",
            ),
            (
                "The queue 'queue' does not exist.",
                "The queue '<*>' does not exist.",
            ),
        ] {
            assert_eq!(template(message, &["queue"]), wanted);
        }
    }

    #[test]
    fn a_requested_name_that_is_a_common_word_is_masked_in_the_place_of_a_name() {
        for (name, message, wanted) in [
            (
                "orders",
                "Insufficient Lake Formation permission(s): Required Describe on orders",
                "Insufficient Lake Formation permission(s): Required Describe on <*>",
            ),
            (
                "customers",
                "Required Select on customers, not on the customers of a view",
                "Required Select on <*>, not on the customers of a view",
            ),
            (
                "task",
                "The container task does not exist in the task definition.",
                "The container <*> does not exist in the task definition.",
            ),
            (
                "image",
                "The function image is not ready; no image of the image repository was found",
                "The function <*> is not ready; no image of the image repository was found",
            ),
        ] {
            assert_eq!(template(message, &[name]), wanted);
        }
    }

    #[test]
    fn a_noun_behind_a_colon_without_an_article_is_followed_by_a_name() {
        for (message, wanted) in [
            (
                "Template error: resource queue does not support attribute type Outputs in Fn::GetAtt",
                "Template error: resource <*> does not support attribute type Outputs in Fn::GetAtt",
            ),
            (
                "Template error: resource template does not support attribute type Outputs in Fn::GetAtt",
                "Template error: resource <*> does not support attribute type Outputs in Fn::GetAtt",
            ),
            (
                "Update failed: function worker is paused",
                "Update failed: function <*> is paused",
            ),
            (
                "Invalid request: instance type is not supported",
                "Invalid request: instance type is not supported",
            ),
        ] {
            assert_eq!(masked(message), wanted);
        }
    }

    #[test]
    fn values_of_parameters_and_addresses_are_masked_whole() {
        for (message, wanted) in [
            (
                "Value () for parameter groupId is invalid",
                "Value (<*>) for parameter groupId is invalid",
            ),
            (
                "Value (my group) for parameter groupId is invalid",
                "Value (<*>) for parameter groupId is invalid",
            ),
            (
                "Value  for parameter Name is invalid",
                "Value <*> for parameter Name is invalid",
            ),
            (
                "Value größe x for parameter Name is invalid",
                "Value <*> for parameter Name is invalid",
            ),
            (
                "Not verified: Bo Lee <bo@example.com>, \"Ann\" <ann@example.com>",
                "Not verified: <*>",
            ),
            (
                "Unknown <shop support> of AWS::NoValue",
                "Unknown <*> of <*>",
            ),
            (
                "perform: s3:ListBucket on resource: * because",
                "perform: s3:ListBucket on resource: <*> because",
            ),
        ] {
            assert_eq!(masked(message), wanted);
        }
    }

    proptest::proptest! {
        #[test]
        fn masking_twice_changes_nothing(message in r#"([a-z]{1,6}|[A-Z][a-z]+|cron|rate| with name | id: |Tue|Nov|UTC|A::B::C|[0-9]{1,4}|[a-z]-[0-9a-f]{3}|arn:aws:s3:::x|https://a\.com|['"`()\[\]{}<>.,:;=-]|<\*>|at|and|is|does not exist|Table|queue|Value|for parameter|not found|@| |é){0,60}"#) {
            let once = masked(&message);
            assert_eq!(masked(&once), once, "of {message:?}");
        }

        #[test]
        fn any_text_has_a_template(message in "\\PC{0,300}", value in "\\PC{0,12}") {
            let _ = template(&message, &[value]);
        }
    }
}
