//! Reads the error message of a refusal: the action, the resource, the layer of policy that refused, and whether a
//! policy denies the call or no policy allows it.
//!
//! The wording of AWS differs by service and changed over the years. A message names one layer even if several layers
//! refuse, and is truncated at about 1 KB. So each part may be absent. A reason in unknown words is [`Layer::Unknown`].
//! The report counts these, so that a new wording is noticed and not guessed.
//!
//! Source: AWS IAM User Guide, "Troubleshoot access denied error messages".

use memchr::memchr_iter;

/// The details of a refused call that the error message of its record contains.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial<'a> {
    /// The form of the error message: a sentence with details, a general refusal, or another reason.
    pub form: Form,
    /// The refused IAM action, such as `s3:GetObject`, as the service spells it; `None` if the message names none.
    pub action: Option<&'a str>,
    /// The resource of the refused action: an ARN, a part of an ARN, or `*`; `None` if the message names none.
    pub resource: Option<&'a str>,
    /// The kind of policy that refused, such as a service control policy; `None` if the message names no kind.
    pub layer: Option<Layer>,
    /// The reason of the refusal: a policy denies the action, no policy allows it, or unknown.
    pub stance: Stance,
    /// Whether the message contains details in encoded form, as an "encoded authorization failure message".
    pub encoded: bool,
    /// Whether the encoded details are complete, so that `sts:DecodeAuthorizationMessage` can decode them.
    pub decodable: bool,
}

/// The form of the error message of a refusal, by how much the message contains about the refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// The usual sentence with details: "X is not authorized to perform Y".
    Sentence,
    /// "Access Denied" in any wording, without details, or no message at all.
    Generic,
    /// Any other message: a reason special to the service, such as a feature that is not activated.
    Specific,
}

/// A kind of policy that can refuse a call; AWS evaluates several kinds for each call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Layer {
    /// An identity-based policy, attached to the caller.
    Identity,
    /// A resource-based policy, attached to the resource.
    Resource,
    /// A service control policy of the organization.
    #[strum(serialize = "scp")]
    ServiceControl,
    /// A resource control policy of the organization.
    #[strum(serialize = "rcp")]
    ResourceControl,
    /// The permissions boundary of the caller.
    Boundary,
    /// A session policy, passed when the session was created.
    Session,
    /// The policy of the VPC endpoint that the call went through.
    #[strum(serialize = "vpce")]
    VpcEndpoint,
    /// The trust policy of the role that the caller wanted to assume.
    Trust,
    /// The message gives a reason in words that this module does not know.
    Unknown,
}

/// The reason of a refusal: a policy denies the action, no policy allows it, or unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, strum::IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
pub enum Stance {
    /// No policy allows the action. For a service control policy, AWS may call this case an explicit deny.
    Implicit,
    /// A policy denies the action, so an allow in another policy does not help.
    Explicit,
    /// The message does not show which of the two is true.
    Unknown,
}

impl Layer {
    /// Returns the stable name of the kind of policy, such as `identity` or `scp`, for the facets of clusters.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

impl Stance {
    /// Returns the stable name of the reason, for the facets of clusters: `implicit`, `explicit` or `unknown`.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// The words that AWS writes before the encoded part of an error message.
pub const ENCODED: &str = "Encoded authorization failure message:";

/// CloudTrail truncates `errorMessage` at 1 KB, so an encoded part in a message of this length is not complete.
const MESSAGE_BYTES_MAX: usize = 1000;

/// The words directly before the action.
const BEFORE_ACTION: [&str; 4] = [
    "not authorized to perform",
    "Not authorized to perform",
    "does not have permission to perform",
    "does not have permissions to perform",
];

/// Words of an authorization sentence that contains no action.
const SENTENCES: [&str; 2] = ["is not authorized to", "does not have authorization to"];

/// First words of an authorization sentence about the caller, in lower case. A sentence about another
/// identity ("The role is not authorized to create rules") is [`Form::Specific`].
const CALLERS: [&str; 6] = [
    "user",
    "the user",
    "you ",
    "caller",
    "principal",
    "anonymous",
];

/// Wordings of "Access Denied", in lower case, without punctuation at the end.
const GENERIC: [&str; 9] = [
    "access denied",
    "accessdenied",
    "access is denied",
    "accessdeniedexception",
    "not authorized",
    "unauthorized",
    "forbidden",
    "permission denied",
    "insufficient privileges",
];

/// First words of a refusal that continues with one of [`GENERIC_ENDINGS`], in lower case.
const GENERIC_OPENINGS: [&str; 11] = [
    "you are not authorized to ",
    "you are not allowed to ",
    "user is not authorized to ",
    "user not authorized to ",
    "the user is not authorized to ",
    "not authorized to ",
    "unauthorized to ",
    "insufficient privileges to ",
    "you do not have permission to ",
    "you do not have permissions to ",
    "you do not have sufficient access to ",
];

/// Ends of a refusal without details, after one of [`GENERIC_OPENINGS`].
const GENERIC_ENDINGS: [&str; 6] = [
    "perform this operation",
    "perform this action",
    "perform the requested operation",
    "access this resource",
    "access the requested resource",
    "make this request",
];

/// The ends of the phrases in [`LAYERS`]. A search for these finds the places where a phrase may be.
const LAYER_NOUNS: [&str; 2] = [" polic", " boundar"];

/// The phrases that name a layer, after words such as "no", "in a" or "in the". Each ends in one of
/// [`LAYER_NOUNS`]. If a phrase contains another, the longer one comes first.
const LAYERS: [(&str, Layer); 12] = [
    ("service control polic", Layer::ServiceControl),
    ("resource control polic", Layer::ResourceControl),
    ("permissions boundar", Layer::Boundary),
    ("permission boundar", Layer::Boundary),
    ("session polic", Layer::Session),
    ("sessions polic", Layer::Session),
    ("vpc endpoint polic", Layer::VpcEndpoint),
    ("role trust polic", Layer::Trust),
    ("trust polic", Layer::Trust),
    ("identity-based polic", Layer::Identity),
    ("resource-based polic", Layer::Resource),
    ("resource polic", Layer::Resource),
];

/// Finds the details of a refusal in its error message. Any text is accepted; `None` counts as an empty message.
pub fn parse(message: Option<&str>) -> Denial<'_> {
    let message = message.unwrap_or_default().trim();
    let (clear, encoded) = match find(message, ENCODED) {
        Some(at) => (message[..at].trim_end(), true),
        None => (message, false),
    };
    let mut denial = Denial {
        form: Form::Generic,
        action: None,
        resource: None,
        layer: None,
        stance: Stance::Unknown,
        encoded,
        decodable: encoded && message.len() < MESSAGE_BYTES_MAX && !message.ends_with("..."),
    };
    if let Some(rest) = after_opening(clear) {
        denial.form = Form::Sentence;
        denial.read_sentence(rest);
    } else if is_generic(clear) {
        denial.form = Form::Generic;
    } else if speaks_of_caller(clear) && SENTENCES.iter().any(|words| clear.contains(words)) {
        denial.form = Form::Sentence;
        denial.read_reason(clear);
    } else {
        denial.form = Form::Specific;
    }
    denial
}

/// Returns the byte offset of the first `words` in a text.
///
/// Searches for the first byte and compares the rest. For a short text that is searched once, this
/// costs less than to prepare a substring search.
fn find(text: &str, words: &str) -> Option<usize> {
    occurrences(text, words).next()
}

fn occurrences<'t>(text: &'t str, words: &'t str) -> impl Iterator<Item = usize> + 't {
    let (text, words) = (text.as_bytes(), words.as_bytes());
    memchr_iter(words[0], text).filter(|&at| text[at..].starts_with(words))
}

/// Returns the text after "not authorized to perform". `None` if "this operation" follows, or if no
/// action follows and the sentence is not about the caller.
fn after_opening(clear: &str) -> Option<&str> {
    // A quick check: all openings end in these words.
    if !clear.contains(" to perform") {
        return None;
    }
    BEFORE_ACTION.iter().find_map(|opening| {
        // Only the first counts; a later one may be part of a resource name.
        occurrences(clear, opening)
            .map(|at| clear[at + opening.len()..].trim_start_matches([':', ' ']))
            .find(|rest| !rest.starts_with("this "))
            .filter(|rest| action_of(rest).is_some() || speaks_of_caller(clear))
    })
}

fn speaks_of_caller(clear: &str) -> bool {
    CALLERS
        .iter()
        .any(|caller| starts_with_ignore_case(clear.as_bytes(), caller))
}

fn starts_with_ignore_case(text: &[u8], words: &str) -> bool {
    text.get(..words.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(words.as_bytes()))
}

pub(crate) fn ends_with_ignore_case(text: &[u8], words: &str) -> bool {
    text.len()
        .checked_sub(words.len())
        .is_some_and(|start| text[start..].eq_ignore_ascii_case(words.as_bytes()))
}

/// Returns the action at the start of a text; SES writes the action in quotes.
fn action_of(rest: &str) -> Option<&str> {
    let token = rest.split([' ', ',']).next().unwrap_or_default();
    let token = token
        .trim_start_matches(['`', '\'', '"'])
        .trim_end_matches(['.', ';', '`', '\'', '"']);
    is_action(token).then_some(token)
}

fn is_generic(clear: &str) -> bool {
    let plain = clear.trim_end_matches(['.', '!', ' ']);
    let is_plain = |words: &&str| plain.eq_ignore_ascii_case(words);
    if plain.is_empty() || GENERIC.iter().any(is_plain) {
        return true;
    }
    let lower = plain.to_ascii_lowercase();
    let lower = lower.replace('\u{2019}', "'").replace("don't", "do not");
    let opened = GENERIC_OPENINGS
        .iter()
        .find_map(|opening| lower.strip_prefix(opening));
    opened.is_some_and(|ending| GENERIC_ENDINGS.contains(&ending))
        || (lower.starts_with("access to the resource ") && lower.ends_with(" is denied"))
}

impl<'a> Denial<'a> {
    fn read_sentence(&mut self, rest: &'a str) {
        self.action = action_of(rest);
        let mut reason = rest;
        if let Some(named) = after(rest, " resource: ", "on") {
            self.resource = resource(named);
            // A quoted name may contain any text, even words that look like a reason.
            if let Some((_, after)) = named
                .strip_prefix('"')
                .and_then(|name| name.split_once('"'))
            {
                reason = after;
            }
        }
        self.read_reason(reason);
    }

    fn read_reason(&mut self, rest: &str) {
        if let Some(reason) = after(rest, " with an explicit deny", "") {
            self.stance = Stance::Explicit;
            self.layer = layer_of(reason);
        } else if let Some(reason) = after(rest, " because ", "") {
            self.layer = layer_of(reason);
            self.stance = if reason.contains("explicit deny") {
                Stance::Explicit
            } else if reason.starts_with("no ") {
                Stance::Implicit
            } else {
                Stance::Unknown
            };
        }
    }
}

/// Returns the text after the first `head` plus `words`, where `words` begins with a space.
///
/// The search is for the space, because spaces are rare in a sentence full of ARNs.
fn after<'t>(text: &'t str, words: &str, head: &str) -> Option<&'t str> {
    occurrences(text, words)
        .find(|&at| text[..at].ends_with(head))
        .map(|at| &text[at + words.len()..])
}

/// Returns the resource at the start of a text: up to the next space, or up to the closing quote of S3.
fn resource(rest: &str) -> Option<&str> {
    let resource = match rest.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next(),
        None => rest.split(' ').next(),
    };
    let resource = resource?.trim_end_matches(['.', ',', ';']);
    (!resource.is_empty()).then_some(resource)
}

/// Returns the layer that a reason names; `None` if the reason is empty or truncated.
fn layer_of(reason: &str) -> Option<Layer> {
    let text = reason.as_bytes();
    // In "in a VPC endpoint policy transitively through a service control policy" the first layer counts.
    let named = memchr_iter(b' ', text).find_map(|at| {
        let last = LAYER_NOUNS
            .iter()
            .find(|noun| starts_with_ignore_case(&text[at..], noun))?;
        let phrase =
            |(words, _): &&(&str, Layer)| ends_with_ignore_case(&text[..at + last.len()], words);
        LAYERS.iter().find(phrase).map(|(_, layer)| *layer)
    });
    match named {
        Some(layer) => Some(layer),
        // Truncated by CloudTrail, so not a new wording.
        None if reason.ends_with("...") || reason.trim_matches(['.', ' ']).is_empty() => None,
        None => Some(Layer::Unknown),
    }
}

/// Checks whether a token has the form of an IAM action: `prefix:Name`, where the name may end in `*`.
pub fn is_action(token: &str) -> bool {
    let token = token.as_bytes();
    let is_in_prefix = |b: &u8| b.is_ascii_alphanumeric() || *b == b'-';
    let length = token.iter().position(|b| !is_in_prefix(b));
    let (prefix, rest) = token.split_at(length.unwrap_or(token.len()));
    let Some(name) = rest.strip_prefix(b":") else {
        return false;
    };
    let name = name.strip_suffix(b"*").unwrap_or(name);
    prefix.first().is_some_and(u8::is_ascii_alphabetic)
        && name.first().is_some_and(u8::is_ascii_alphabetic)
        && name.iter().all(u8::is_ascii_alphanumeric)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(message: &str) -> String {
        let denial = parse(Some(message));
        format!(
            "{:?} {} {} {} {}",
            denial.form,
            denial.action.unwrap_or("-"),
            denial.resource.unwrap_or("-"),
            denial.layer.map_or("-", Layer::name),
            denial.stance.name()
        )
    }

    #[test]
    fn each_known_wording_gives_its_layer_and_stance() {
        let who = "User: arn:aws:iam::111122223333:user/mia is not authorized to perform: ";
        for (tail, wanted) in [
            (
                "s3:GetObject on resource: arn:aws:s3:::shop/a b because no identity-based policy allows the s3:GetObject action",
                "Sentence s3:GetObject arn:aws:s3:::shop/a identity implicit",
            ),
            (
                "sqs:SendMessage on resource: arn:aws:sqs:us-east-1:111122223333:q with an explicit deny in a service control policy",
                "Sentence sqs:SendMessage arn:aws:sqs:us-east-1:111122223333:q scp explicit",
            ),
            (
                "s3:PutObject with an explicit deny in an identity-based policy: arn:aws:iam::111122223333:policy/no-put",
                "Sentence s3:PutObject - identity explicit",
            ),
            (
                "ec2:RunInstances because no permissions boundary allows the ec2:RunInstances action",
                "Sentence ec2:RunInstances - boundary implicit",
            ),
            (
                "s3:ListAllMyBuckets because no session policy allows the s3:ListAllMyBuckets action",
                "Sentence s3:ListAllMyBuckets - session implicit",
            ),
            (
                "sts:AssumeRole on resource: role/x with an explicit deny in the role trust policy",
                "Sentence sts:AssumeRole role/x trust explicit",
            ),
            (
                "s3:GetObject with an explicit deny in a sessions policy",
                "Sentence s3:GetObject - session explicit",
            ),
            (
                "s3:GetObject because no VPC endpoint policy allows the s3:GetObject action",
                "Sentence s3:GetObject - vpce implicit",
            ),
            (
                "s3:GetObject with an explicit deny in a VPC endpoint policy transitively through a service control policy",
                "Sentence s3:GetObject - vpce explicit",
            ),
            (
                "s3:GetObject with an explicit deny in a resource control policy",
                "Sentence s3:GetObject - rcp explicit",
            ),
            (
                "elasticfilesystem:DeleteFileSystem on the specified resource",
                "Sentence elasticfilesystem:DeleteFileSystem - - unknown",
            ),
            (
                "s3:GetObject with an explicit deny",
                "Sentence s3:GetObject - - explicit",
            ),
            (
                "`ses:SendEmail' because no identity-based policy allows it",
                "Sentence ses:SendEmail - identity implicit",
            ),
            (
                "s3:GetObject because the moon is full",
                "Sentence s3:GetObject - unknown unknown",
            ),
        ] {
            assert_eq!(summary(&format!("{who}{tail}")), wanted);
        }
    }

    #[test]
    fn a_sentence_behind_a_generic_opening_is_still_read() {
        assert_eq!(
            summary(
                "You are not authorized to perform this operation. User: arn:aws:iam::111122223333:user/mia \
                 is not authorized to perform: ec2:DescribeInstances because no identity-based policy allows \
                 the ec2:DescribeInstances action"
            ),
            "Sentence ec2:DescribeInstances - identity implicit"
        );
    }

    #[test]
    fn an_object_key_changes_neither_action_nor_layer() {
        let refused = |key: &str| {
            summary(&format!(
                "User: arn:aws:iam::111122223333:user/mia is not authorized to perform: s3:GetObject \
                 on resource: \"arn:aws:s3:::shop/{key}\" because no identity-based policy allows \
                 the s3:GetObject action"
            ))
        };
        for key in [
            "not authorized to perform: iam:PassRole",
            "x with an explicit deny in a service control policy",
            "x because no session policy allows it",
        ] {
            let wanted = format!("Sentence s3:GetObject arn:aws:s3:::shop/{key} identity implicit");
            assert_eq!(refused(key), wanted);
        }
    }

    #[test]
    fn generic_and_specific_refusals_are_distinguished() {
        for generic in [
            "",
            "Access Denied",
            "Access denied.",
            "You are not authorized to perform this operation.",
            "You don\u{2019}t have permissions to access this resource.",
            "Unauthorized to perform this operation",
        ] {
            assert_eq!(parse(Some(generic)).form, Form::Generic, "{generic}");
        }
        for specific in [
            "IAM user access not activated",
            "Cross-account pass role is not allowed.",
            "'arn:aws:iam::111122223333:role/r' is not authorized to create managed rules.",
            "You are not authorized to use widgets on Sundays",
            "Model access is denied as the role is not authorized to perform the required actions",
        ] {
            assert_eq!(parse(Some(specific)).form, Form::Specific, "{specific}");
        }
        assert_eq!(parse(None).form, Form::Generic);
    }

    #[test]
    fn a_truncated_encoded_message_is_not_decodable() {
        let opening = "You are not authorized to perform this operation. Encoded authorization failure message: ";
        let whole = format!("{opening}{}", "aB3_-".repeat(100));
        let denial = parse(Some(&whole));
        assert_eq!(
            (denial.form, denial.encoded, denial.decodable),
            (Form::Generic, true, true)
        );
        let cut = format!("{opening}{}...", "aB3_-".repeat(180));
        assert!(!parse(Some(&cut)).decodable);
    }
}
