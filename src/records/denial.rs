//! Reads the error message of a refusal: the action, the resource, the layer of policy that refused, and whether a
//! policy denies the call or no policy allows it.
//!
//! The wording of AWS differs by service and changed over the years. A message names one layer even if several layers
//! refuse, and is truncated at about 1 KB. So each part may be absent. A reason in unknown words is [`Layer::Unknown`].
//! The report counts these, so that a new wording is noticed and not guessed.
//!
//! The reason ends the sentence, and callers choose the name of the resource before it. So the reason is looked for from
//! the back, and the name ends where the reason begins.
//!
//! Sources, 2026-11-29: AWS IAM User Guide, "Troubleshoot access denied error messages"; AWS Security Blog, January 2026,
//! "Enhanced access denied error messages with policy ARNs"; Amazon S3 User Guide, "Troubleshoot access denied (403
//! Forbidden) errors"; AWS KMS Developer Guide, "Troubleshooting key access".

use memchr::{memchr, memchr_iter, memrchr_iter};

/// The details of a refused call that the error message of its record contains.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial<'a> {
    /// The form of the error message: a sentence with details, a general refusal, or another reason.
    pub form: Form,
    /// The refused IAM action, such as `s3:GetObject`, as the service spells it; `None` if the message names none.
    pub action: Option<&'a str>,
    /// The resource of the refused action: an ARN, a name, a kind with a name such as `role deploy`, or `*`; `None` if
    /// the message names none.
    pub resource: Option<&'a str>,
    /// The kind of policy that refused, such as a service control policy; `None` if the message names no kind.
    pub layer: Option<Layer>,
    /// The ARN of the policy that refused; `None` if the message names none, or if the ARN is truncated. Since 2026 AWS
    /// names policies of IAM and of AWS Organizations that deny explicitly.
    pub policy: Option<&'a str>,
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
    /// The setting S3 Block Public Access, of a bucket or of an account.
    #[strum(serialize = "public-access-block")]
    PublicAccessBlock,
    /// The words of AWS KMS for three reasons at once: no such key in the region, no key policy that allows the call, or
    /// one that denies it.
    #[strum(serialize = "kms-unspecific")]
    KmsUnspecific,
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

/// The words directly before the action in a sentence about the caller, after a word with "not".
const BEFORE_CALL: [&str; 2] = [" have permission to call ", " have permissions to call "];

/// The ends of the word before [`BEFORE_CALL`], as in "does not" and "doesn't".
const NOT: [&str; 3] = [" not", "n't", "n\u{2019}t"];

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
const GENERIC: [&str; 13] = [
    "access denied",
    "accessdenied",
    "access is denied",
    "accessdeniedexception",
    "not authorized",
    "user is not authorized",
    "user not authorized",
    "the user is not authorized",
    "you are not authorized",
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

/// Kinds of things in IAM, which stand before the name in its messages.
///
/// Source: messages of IAM in CloudTrail events, 2026-11-29.
const IAM_KINDS: [&str; 5] = ["user", "role", "group", "policy", "instance profile"];

/// The words before a policy that denies explicitly.
const EXPLICIT: &str = " with an explicit deny";

/// The word before a reason in a clause of its own.
const BECAUSE: &str = " because ";

/// First words of a reason after [`BECAUSE`] that names several layers at once, in lower case.
const ALTERNATIVES: [(&str, Layer); 1] = [(
    "the resource does not exist in this region, no resource-based polic",
    Layer::KmsUnspecific,
)];

/// The ends of the phrases in [`LAYERS`]. A search for these finds the places where a phrase may be.
const LAYER_NOUNS: [&str; 3] = [" polic", " boundar", " access"];

/// The phrases that name a layer, after words such as "no", "in a" or "in the". Each ends in one of
/// [`LAYER_NOUNS`]. If a phrase contains another, the longer one comes first.
const LAYERS: [(&str, Layer); 13] = [
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
    ("block public access", Layer::PublicAccessBlock),
];

/// Finds the details of a refusal in its error message. Any text is accepted; `None` counts as an empty message.
pub fn parse(message: Option<&str>) -> Denial<'_> {
    let message = message.unwrap_or_default().trim();
    let (clear, encoded) = match start_of_encoded(message) {
        Some(at) => (message[..at].trim_end(), true),
        None => (message, false),
    };
    let mut denial = Denial {
        form: Form::Generic,
        action: None,
        resource: None,
        layer: None,
        policy: None,
        stance: Stance::Unknown,
        encoded,
        decodable: encoded && message.len() < MESSAGE_BYTES_MAX && !message.ends_with("..."),
    };
    if let Some(rest) = after_opening(clear).or_else(|| after_call(clear)) {
        denial.form = Form::Sentence;
        denial.read_sentence(rest);
    } else if is_generic(clear) {
        denial.form = Form::Generic;
    } else if speaks_of_caller(clear) && SENTENCES.iter().any(|words| clear.contains(words)) {
        denial.form = Form::Sentence;
        denial.set_reason(last_reason(clear).map(|(_, reason)| reason));
    } else {
        denial.form = Form::Specific;
    }
    denial
}

/// Returns where the encoded part of a message begins: at [`ENCODED`], if one word follows. A name can have the same
/// words in it, but then more words follow.
fn start_of_encoded(message: &str) -> Option<usize> {
    occurrences(message, ENCODED).find(|at| {
        let encoded = message[at + ENCODED.len()..].trim_start();
        let end = memchr(b' ', encoded.as_bytes()).unwrap_or(encoded.len());
        matches!(encoded[end..].trim_start().chars().next(), None | Some('('))
    })
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

/// Returns the text after "doesn't have permission to call" in a sentence about the caller.
fn after_call(clear: &str) -> Option<&str> {
    // A quick check first.
    if !clear.contains(" to call ") || !speaks_of_caller(clear) {
        return None;
    }
    BEFORE_CALL.iter().find_map(|words| {
        let at = find(clear, words)?;
        let is_refusal = NOT.iter().any(|not| clear[..at].ends_with(not));
        is_refusal.then(|| &clear[at + words.len()..])
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
        let Some(named) = after_resource(rest) else {
            return self.set_reason(last_reason(rest).map(|(_, reason)| reason));
        };
        let is_quoted = named.starts_with(QUOTES);
        // A quoted name may contain any text, even words that look like a reason.
        let reason =
            last_reason(named).filter(|(at, _)| !is_quoted || named[1..*at].ends_with(QUOTES));
        let end = reason.as_ref().map(|(at, _)| *at);
        self.resource = if is_quoted {
            in_quotes(&named[..end.unwrap_or(named.len())])
        } else {
            resource(&named[..end.unwrap_or_else(|| end_of_name(named))])
        };
        self.set_reason(reason.map(|(_, reason)| reason));
    }

    fn set_reason(&mut self, reason: Option<Reason<'a>>) {
        if let Some(reason) = reason {
            (self.layer, self.stance) = (reason.layer, reason.stance);
            self.policy = reason.policy;
        }
    }
}

/// The quotes around names in messages: S3 writes double quotes, SES a backtick and a single quote.
const QUOTES: [char; 3] = ['"', '`', '\''];

/// Returns the text after "on resource: ", or from the opening quote after "on resource".
fn after_resource(rest: &str) -> Option<&str> {
    // The search is for the space, because spaces are rare in a sentence full of ARNs.
    occurrences(rest, " resource").find_map(|at| {
        let named = &rest[at + " resource".len()..];
        let quoted = || {
            named
                .strip_prefix(' ')
                .filter(|name| name.starts_with(QUOTES))
        };
        let named = named.strip_prefix(": ").or_else(quoted)?;
        rest[..at].ends_with("on").then_some(named)
    })
}

/// Returns the text between the quote at the start and the last quote, or the end if there is no other.
fn in_quotes(text: &str) -> Option<&str> {
    let text = text.strip_prefix(QUOTES)?;
    name(&text[..text.rfind(QUOTES).unwrap_or(text.len())])
}

/// Returns where a name without quotes ends if no reason follows: an ARN at the next space, another name with its
/// sentence.
fn end_of_name(named: &str) -> usize {
    let end = match named.starts_with("arn:") {
        true => named.find(' '),
        false => named.find(". ").or_else(|| named.find(" (")),
    };
    end.unwrap_or(named.len())
}

/// Returns the resource in a text without quotes. `None` for a kind of IAM without a name, such as `user`.
fn resource(text: &str) -> Option<&str> {
    let text = name(text)?;
    // "policy arn:… version v2": the ARN names its kind.
    let arn = text
        .strip_prefix("policy ")
        .filter(|name| name.starts_with("arn:"));
    match arn {
        Some(arn) => arn.split(' ').next(),
        None => (!IAM_KINDS.contains(&text)).then_some(text),
    }
}

/// Returns a name without spaces and punctuation around it; `None` if nothing is left.
fn name(text: &str) -> Option<&str> {
    let text = text.trim().trim_end_matches(['.', ',', ';']);
    (!text.is_empty()).then_some(text)
}

/// The reason at the end of an authorization sentence.
struct Reason<'a> {
    layer: Option<Layer>,
    stance: Stance,
    policy: Option<&'a str>,
    /// Whether the reason is whole and in known words.
    is_complete: bool,
}

/// Returns the last complete reason in a text, and where it begins. If no reason is complete, or if the text is
/// truncated, the last one is returned.
fn last_reason(text: &str) -> Option<(usize, Reason<'_>)> {
    let (mut end, mut last) = (text.len(), None);
    let is_truncated = text.ends_with("...");
    for at in memrchr_iter(b' ', text.as_bytes()) {
        let Some(reason) = Reason::at_start(&text[at..end]) else {
            continue;
        };
        end = at;
        // The reason of a truncated text is at its end; an earlier one may be part of a name.
        if reason.is_complete || is_truncated {
            return Some((at, reason));
        }
        last.get_or_insert((at, reason));
    }
    last
}

impl<'a> Reason<'a> {
    /// Reads the reason at the start of a text; `None` if no reason begins there.
    fn at_start(text: &'a str) -> Option<Self> {
        if let Some(reason) = text.strip_prefix(EXPLICIT) {
            let is_whole = reason.trim_matches(['.', ' ']).is_empty() && !reason.ends_with("...");
            return Some(Self::with(reason, Stance::Explicit, is_whole));
        }
        let reason = text.strip_prefix(BECAUSE)?;
        let several = ALTERNATIVES
            .iter()
            .find(|(words, _)| starts_with_ignore_case(reason.as_bytes(), words));
        if let Some((_, layer)) = several {
            return Some(Self {
                layer: Some(*layer),
                stance: Stance::Unknown,
                policy: None,
                is_complete: true,
            });
        }
        let stance = if reason.contains("explicit deny") {
            Stance::Explicit
        } else if reason.starts_with("no ") {
            Stance::Implicit
        } else {
            Stance::Unknown
        };
        Some(Self::with(reason, stance, false))
    }

    fn with(reason: &'a str, stance: Stance, is_whole: bool) -> Self {
        let named = layer_of(reason);
        let is_truncated = reason.ends_with("...") || reason.trim_matches(['.', ' ']).is_empty();
        Self {
            layer: named.or((!is_truncated).then_some(Layer::Unknown)),
            // The setting overrides all policies that allow the call.
            stance: match named {
                Some(Layer::PublicAccessBlock) => Stance::Explicit,
                _ => stance,
            },
            policy: policy_of(reason),
            is_complete: is_whole || named.is_some(),
        }
    }
}

/// Returns the layer that a reason names; `None` if it names no known layer.
fn layer_of(reason: &str) -> Option<Layer> {
    let text = reason.as_bytes();
    // In "in a VPC endpoint policy transitively through a service control policy" the first layer counts.
    memchr_iter(b' ', text).find_map(|at| {
        let last = LAYER_NOUNS
            .iter()
            .find(|noun| starts_with_ignore_case(&text[at..], noun))?;
        let phrase =
            |(words, _): &&(&str, Layer)| ends_with_ignore_case(&text[..at + last.len()], words);
        LAYERS.iter().find(phrase).map(|(_, layer)| *layer)
    })
}

/// Returns the ARN of the policy that a reason names, after a colon; `None` if there is none, or if it is truncated.
fn policy_of(reason: &str) -> Option<&str> {
    let at = find(reason, ": arn:")?;
    let arn = reason[at + ": ".len()..].split(' ').next()?;
    (!arn.ends_with("...")).then(|| arn.trim_end_matches(['.', ',', ';']))
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
    use proptest::prelude::*;

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
                "Sentence s3:GetObject arn:aws:s3:::shop/a b identity implicit",
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
    fn services_word_a_refusal_in_their_own_ways() {
        for (message, wanted) in [
            (
                "User: arn:aws:iam::111122223333:user/mia doesn't have permission to call iam:GetRole",
                "Sentence iam:GetRole - - unknown",
            ),
            (
                "User doesn\u{2019}t have permission to call iam:GetInstanceProfile",
                "Sentence iam:GetInstanceProfile - - unknown",
            ),
            (
                "User `arn:aws:iam::111122223333:user/mia' is not authorized to perform `ses:SendEmail' on resource \
                 `arn:aws:ses:us-east-1:111122223333:identity/mia@example.com'",
                "Sentence ses:SendEmail arn:aws:ses:us-east-1:111122223333:identity/mia@example.com - unknown",
            ),
            (
                "User `arn:aws:iam::111122223333:user/mia' is not authorized to perform `ses:SendRawEmail' on resource \
                 `arn:aws:ses:us-east-1:111122223333:identity/example.com' because no identity-based policy allows the \
                 `ses:SendRawEmail' action",
                "Sentence ses:SendRawEmail arn:aws:ses:us-east-1:111122223333:identity/example.com identity implicit",
            ),
            (
                "User: arn:aws:iam::111122223333:user/mia is not authorized to perform: s3:PutObjectAcl on resource: \
                 \"arn:aws:s3:::web/a.png\" because public ACLs are prevented by the BlockPublicAcls setting in S3 Block \
                 Public Access.",
                "Sentence s3:PutObjectAcl arn:aws:s3:::web/a.png public-access-block explicit",
            ),
            (
                "User: arn:aws:iam::111122223333:user/mia is not authorized to perform: s3:PutAccessPointPolicy because \
                 public policies are prevented by the BlockPublicPolicy setting in S3 Block Public Access",
                "Sentence s3:PutAccessPointPolicy - public-access-block explicit",
            ),
            (
                "User: arn:aws:iam::111122223333:user/mia is not authorized to perform: kms:GenerateDataKey on this \
                 resource because the resource does not exist in this Region, no resource-based policies allow access, or \
                 a resource-based policy explicitly denies access",
                "Sentence kms:GenerateDataKey - kms-unspecific unknown",
            ),
            (
                "User: arn:aws:iam::111122223333:user/mia is not authorized to perform: kms:Decrypt on resource: \
                 arn:aws:kms:us-east-1:111122223333:key/1 because no resource-based policy allows the kms:Decrypt action",
                "Sentence kms:Decrypt arn:aws:kms:us-east-1:111122223333:key/1 resource implicit",
            ),
        ] {
            assert_eq!(summary(message), wanted);
        }
    }

    #[test]
    fn a_resource_keeps_its_whole_name() {
        let who = "User: arn:aws:iam::111122223333:user/mia is not authorized to perform: iam:GetRole on resource: ";
        for (named, wanted) in [
            ("role deploy", "role deploy"),
            ("user mia", "user mia"),
            ("instance profile web", "instance profile web"),
            ("user ", "-"),
            (
                "policy arn:aws:iam::aws:policy/ReadOnlyAccess",
                "arn:aws:iam::aws:policy/ReadOnlyAccess",
            ),
            (
                "policy arn:aws:iam::111122223333:policy/p version v2",
                "arn:aws:iam::111122223333:policy/p",
            ),
            ("my key with spaces", "my key with spaces"),
            ("*", "*"),
        ] {
            for (reason, layer) in [
                ("", "- unknown"),
                (
                    " because no identity-based policy allows the iam:GetRole action",
                    "identity implicit",
                ),
                (
                    " with an explicit deny in a permissions boundary: arn:aws:iam::111122223333:policy/b",
                    "boundary explicit",
                ),
            ] {
                let wanted = format!("Sentence iam:GetRole {wanted} {layer}");
                assert_eq!(summary(&format!("{who}{named}{reason}")), wanted);
            }
        }
        let hint = format!("{who}role deploy. Ask your administrator for access.");
        assert_eq!(summary(&hint), "Sentence iam:GetRole role deploy - unknown");
    }

    #[test]
    fn the_policy_that_refused_is_named_by_its_arn() {
        let scp = "arn:aws:organizations::777788889999:policy/o-example/service_control_policy/p-example1";
        let own = "arn:aws:iam::111122223333:policy/team/no-put";
        let quarantine = "arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantineV3";
        let who = "User: arn:aws:iam::111122223333:user/mia is not authorized to perform: ec2:RunInstances";
        for (tail, wanted) in [
            (format!(" with an explicit deny in a service control policy: {scp}"), Some(scp)),
            (format!(" with an explicit deny in an identity-based policy: {own}."), Some(own)),
            (format!(" with an explicit deny in a session policy: {own} (Service: Ec2)"), Some(own)),
            (
                format!(" with an explicit deny in an identity-based policy: {quarantine}. {ENCODED} aB3..."),
                Some(quarantine),
            ),
            (" with an explicit deny in a service control policy".to_owned(), None),
            (" with an explicit deny in a service control policy: arn:aws:organizations::7777...".to_owned(), None),
            (format!(" on resource: x: {own} because no identity-based policy allows it"), None),
        ] {
            let message = format!("{who}{tail}");
            assert_eq!(parse(Some(&message)).policy, wanted, "{message}");
        }
    }

    #[test]
    fn the_name_of_a_resource_does_not_decide_the_reason() {
        let who = "User: arn:aws:iam::111122223333:user/mia is not authorized to perform: sqs:SendMessage on resource: ";
        let real = " because no identity-based policy allows the sqs:SendMessage action";
        for named in [
            "x with an explicit deny in a service control policy",
            "x with an explicit deny in a service control policy: arn:aws:organizations::777788889999:policy/p-1",
            "x because no session policy allows it",
            "x because public policies are prevented by the BlockPublicPolicy setting in S3 Block Public Access",
            "x with an explicit deny",
        ] {
            let message = format!("{who}{named}{real}");
            let wanted = format!("Sentence sqs:SendMessage {named} identity implicit");
            assert_eq!(summary(&message), wanted);
            assert_eq!(parse(Some(&message)).policy, None);
            // The reason of a truncated message is not known.
            let cut = format!("{who}{named} because no identity-ba...");
            assert_eq!(
                summary(&cut),
                format!("Sentence sqs:SendMessage {named} - implicit")
            );
        }
        // Words after the reason that are no reason change nothing.
        assert_eq!(
            summary(&format!(
                "{who}x{real} because of the rules of your company"
            )),
            "Sentence sqs:SendMessage x identity implicit"
        );
        assert_eq!(
            summary(&format!("{who}x because the moon is full")),
            "Sentence sqs:SendMessage x unknown unknown"
        );
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
            "x\" because no session policy allows it",
            "x\"",
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
            "User is not authorized",
        ] {
            assert_eq!(parse(Some(generic)).form, Form::Generic, "{generic}");
        }
        for specific in [
            "IAM user access not activated",
            "Cross-account pass role is not allowed.",
            "'arn:aws:iam::111122223333:role/r' is not authorized to create managed rules.",
            "You are not authorized to use widgets on Sundays",
            "The role does not have permission to call s3:GetObject",
            "Users that have permission to call s3:GetObject may ask",
            "Model access is denied as the role is not authorized to perform the required actions",
        ] {
            assert_eq!(parse(Some(specific)).form, Form::Specific, "{specific}");
        }
        assert_eq!(parse(None).form, Form::Generic);
    }

    /// Texts that names of resources can have, with all words that this module looks for.
    const FRAGMENTS: [&str; 14] = [
        "x",
        " ",
        "\"",
        "'",
        "...",
        "\u{2019}",
        "arn:aws:iam::111122223333:policy/p",
        ": arn:aws:iam::111122223333:policy/p",
        " because no session policy allows it",
        " because the resource does not exist in this Region, no resource-based policies allow access",
        " with an explicit deny in a service control policy",
        " on resource: role r",
        " doesn't have permission to call iam:GetRole",
        "Encoded authorization failure message: aB3_-",
    ];

    proptest! {
        #[test]
        fn no_name_of_a_resource_changes_the_reason(
            parts in proptest::collection::vec(proptest::sample::select(&FRAGMENTS[..]), 0..6),
        ) {
            let name = parts.concat();
            let reason = "because no identity-based policy allows the sqs:SendMessage action";
            for resource in [format!("x{name}"), format!("\"x{name}\""), format!("`x{name}'")] {
                let message = format!(
                    "User: arn:aws:iam::111122223333:user/mia is not authorized to perform: sqs:SendMessage on resource: \
                     {resource} {reason}"
                );
                let denial = parse(Some(&message));
                prop_assert_eq!(denial.action, Some("sqs:SendMessage"));
                prop_assert_eq!((denial.layer, denial.stance), (Some(Layer::Identity), Stance::Implicit));
                prop_assert_eq!((denial.policy, denial.encoded), (None, false));
            }
        }

        #[test]
        fn any_text_is_read_and_each_detail_is_a_part_of_it(
            parts in proptest::collection::vec(
                prop_oneof![
                    proptest::sample::select(&FRAGMENTS[..]).prop_map(str::to_owned),
                    Just("User: x is not authorized to perform: s3:GetObject on resource: ".to_owned()),
                    ".{0,4}",
                ],
                0..8,
            ),
        ) {
            let message = parts.concat();
            let denial = parse(Some(&message));
            for part in [denial.action, denial.resource, denial.policy].into_iter().flatten() {
                prop_assert!(!part.is_empty() && message.contains(part));
            }
        }
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
