//! The refusal, read from its sentence: which action on which resource was refused, by which layer
//! of policy, and whether by a deny that somebody wrote or for want of an allow.
//!
//! AWS words refusals differently by service and over the years, names one layer even where several
//! would refuse, and cuts the sentence at about 1 KB. So whatever is missing is absent, and a
//! reason in words that are not known here is [`Layer::Unknown`], which the report counts, so that
//! a new wording is noticed instead of being guessed at.
//!
//! Source: AWS IAM User Guide, "Troubleshoot access denied error messages".

use memchr::memchr_iter;

/// A refusal, as far as its sentence tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial<'a> {
    /// How much the sentence tells.
    pub form: Form,
    /// The IAM action that was refused, as spelled by the service.
    pub action: Option<&'a str>,
    /// The resource it was refused on: an ARN, a part of one, or `*`.
    pub resource: Option<&'a str>,
    /// The layer of policy that refused.
    pub layer: Option<Layer>,
    /// Whether a policy denies, or none allows.
    pub stance: Stance,
    /// Whether details are hidden in an encoded authorization failure message.
    pub encoded: bool,
    /// Whether that encoded message is whole, so that `sts:DecodeAuthorizationMessage` can read it.
    pub decodable: bool,
}

/// How much the sentence of a refusal tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// "X is not authorized to perform Y": the authorization sentence.
    Sentence,
    /// "Access Denied" in any of its spellings, or nothing at all.
    Generic,
    /// Anything else: the service has a reason of its own, such as a feature not activated.
    Specific,
}

/// The layer of policy that refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Layer {
    /// A policy attached to the caller.
    Identity,
    /// A policy attached to the resource.
    Resource,
    /// An organization's service control policy.
    #[strum(serialize = "scp")]
    ServiceControl,
    /// An organization's resource control policy.
    #[strum(serialize = "rcp")]
    ResourceControl,
    /// The caller's permissions boundary.
    Boundary,
    /// A policy passed when the session was made.
    Session,
    /// The policy of a VPC endpoint on the way.
    #[strum(serialize = "vpce")]
    VpcEndpoint,
    /// The trust policy of the role to be assumed.
    Trust,
    /// A layer in words that are not known here.
    Unknown,
}

/// Whether a policy denies, or none allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, strum::IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
pub enum Stance {
    /// No policy allows it. For service control policies AWS may word this as explicit.
    Implicit,
    /// A policy denies it; adding an allow elsewhere changes nothing.
    Explicit,
    /// The sentence does not say.
    Unknown,
}

impl Layer {
    /// Returns the stable name of the layer.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

impl Stance {
    /// Returns the stable name of the stance.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// What introduces the encoded part of a refusal.
pub const ENCODED: &str = "Encoded authorization failure message:";

/// CloudTrail cuts errorMessage at 1 KB: an encoded message that reaches so far is not whole.
const MESSAGE_BYTES_MAX: usize = 1000;

/// How the words before the action go; after the last of them comes the action itself.
const BEFORE_ACTION: [&str; 4] = [
    "not authorized to perform",
    "Not authorized to perform",
    "does not have permission to perform",
    "does not have permissions to perform",
];

/// Other words of an authorization sentence, which name no action.
const SENTENCES: [&str; 2] = ["is not authorized to", "does not have authorization to"];

/// How an authorization sentence begins, lower case: with the caller. A sentence about somebody
/// else ("The role is not authorized to create rules") is a fact of its own.
const CALLERS: [&str; 6] = [
    "user",
    "the user",
    "you ",
    "caller",
    "principal",
    "anonymous",
];

/// Spellings of "Access Denied", lower case, without punctuation at the end.
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

/// How a refusal begins that then says no more than "this operation", lower case.
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

/// What follows such an opening.
const GENERIC_ENDINGS: [&str; 6] = [
    "perform this operation",
    "perform this action",
    "perform the requested operation",
    "access this resource",
    "access the requested resource",
    "make this request",
];

/// How each phrase for a layer ends, so that a phrase is looked for only where one may end.
const LAYER_NOUNS: [&str; 2] = [" polic", " boundar"];

/// Layers by the words that name them, each found after "no", "in a", "in the" and the like, and
/// each ending in one of [`LAYER_NOUNS`]. The longer phrase first where one holds another.
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

/// Reads the sentence of a refusal; a total function, any text has an answer.
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

/// Returns where words begin in a text. Their first byte is looked for and the rest compared, which
/// costs less than to prepare a search: a message is short, and is searched once.
fn find(text: &str, words: &str) -> Option<usize> {
    occurrences(text, words).next()
}

fn occurrences<'t>(text: &'t str, words: &'t str) -> impl Iterator<Item = usize> + 't {
    let (text, words) = (text.as_bytes(), words.as_bytes());
    memchr_iter(words[0], text).filter(|&at| text[at..].starts_with(words))
}

/// Returns what follows "not authorized to perform", unless that is "this operation", or no action
/// at all in a sentence about somebody else than the caller.
fn after_opening(clear: &str) -> Option<&str> {
    // All openings end in these words, which a message without any lacks.
    if !clear.contains(" to perform") {
        return None;
    }
    BEFORE_ACTION.iter().find_map(|opening| {
        // The first: what comes later may stand in the name of a resource.
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

/// Returns the action that a text begins with; SES quotes it.
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
            // A quoted name may hold anything, also what looks like a reason.
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

/// Returns what follows the first such words, of which the part before the first space is apart,
/// because spaces are what is rare in a sentence full of ARNs.
fn after<'t>(text: &'t str, words: &str, head: &str) -> Option<&'t str> {
    occurrences(text, words)
        .find(|&at| text[..at].ends_with(head))
        .map(|at| &text[at + words.len()..])
}

/// Returns the resource: up to the next space, or the closing quote where S3 sets quotes.
fn resource(rest: &str) -> Option<&str> {
    let resource = match rest.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next(),
        None => rest.split(' ').next(),
    };
    let resource = resource?.trim_end_matches(['.', ',', ';']);
    (!resource.is_empty()).then_some(resource)
}

/// Returns the layer that a reason names; `None` where nothing is left to read of it.
fn layer_of(reason: &str) -> Option<Layer> {
    let text = reason.as_bytes();
    // "in a VPC endpoint policy transitively through a service control policy": the first named.
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
        // Cut by CloudTrail, which is no new wording.
        None if reason.ends_with("...") || reason.trim_matches(['.', ' ']).is_empty() => None,
        None => Some(Layer::Unknown),
    }
}

/// Tells whether a token is an IAM action: `prefix:Name`, where the name may end in `*`.
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

    fn told(message: &str) -> String {
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
            assert_eq!(told(&format!("{who}{tail}")), wanted);
        }
    }

    #[test]
    fn a_sentence_behind_a_generic_opening_is_still_read() {
        assert_eq!(
            told(
                "You are not authorized to perform this operation. User: arn:aws:iam::111122223333:user/mia \
                 is not authorized to perform: ec2:DescribeInstances because no identity-based policy allows \
                 the ec2:DescribeInstances action"
            ),
            "Sentence ec2:DescribeInstances - identity implicit"
        );
    }

    #[test]
    fn a_key_that_a_caller_chose_steers_neither_action_nor_layer() {
        let refused = |key: &str| {
            told(&format!(
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
    fn generic_and_specific_refusals_are_told_apart() {
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
    fn an_encoded_message_is_cut_off_and_known_to_be_whole_or_not() {
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
