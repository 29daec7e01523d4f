//! By what means a call was made: the console, a command line, a program, infrastructure code, an
//! AWS service, a security scanner or an attack tool.
//!
//! Which service called is written by AWS. A user agent is the caller's own claim, so an origin
//! that rests on it may explain a call, and must never excuse one that matters.
//!
//! Sources: CloudTrail User Guide, "CloudTrail record contents" (`userAgent`, `sourceIPAddress`,
//! `sessionCredentialFromConsole`); `GuardDuty` User Guide, finding types `PenTest:IAMUser/*`; the
//! user agents are those that the named tools send.

use crate::Record;
use crate::key_id::KeyKind;
use crate::principal::{self, AWS_INTERNAL, is_service_linked, service_name};

/// By what means a call was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, strum::IntoStaticStr)]
#[strum(serialize_all = "kebab-case")]
pub enum Origin {
    /// The AWS Management Console.
    Console,
    /// The AWS CLI and other command lines made by AWS.
    Cli,
    /// A program that uses an AWS SDK.
    Sdk,
    /// A tool that builds infrastructure from code.
    Iac,
    /// An AWS service, on its own behalf or on somebody else's.
    AwsService,
    /// A security scanner or an inventory crawler.
    Scanner,
    /// A tool or an operating system made to break in.
    AttackTool,
    /// Nothing known.
    Other,
}

impl Origin {
    /// Returns the stable short name used in facets and in the store.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// Tools whose name in a user agent, a role or a session is no coincidence.
const ATTACK_TOOLS: [&str; 12] = [
    "pacu",
    "stratus-red-team",
    "trufflehog",
    "cloudgoat",
    "aws_consoler",
    "enumerate-iam",
    "weirdaal",
    "endgame",
    "peirates",
    "s3scanner",
    "sqlmap",
    "nikto",
];

/// Systems that SDKs name in the part of the user agent about the operating system.
///
/// Source: `GuardDuty`, `PenTest:IAMUser/KaliLinux`, `…/ParrotLinux`, `…/PentooLinux`. Kali is a
/// first name too, hence only there and only where a kernel or a distribution is written.
const ATTACK_SYSTEMS: [&str; 4] = ["kali", "parrot", "pentoo", "blackarch"];

/// Scanners, posture managers and inventory crawlers: their calls fail by the hundred, every day.
const SCANNERS: [&str; 44] = [
    "prowler",
    "scoutsuite",
    "scout suite",
    "tenable",
    "nessus",
    "wiz",
    "cloudappsecurityaws",
    "mdccontainers",
    "defenderforcloud",
    "cloudsploit",
    "aquasec",
    "orca",
    "orcasecurity",
    "lacework",
    "steampipe",
    "powerpipe",
    "cloudcustodian",
    "cloud-custodian",
    "c7n",
    "cloudmapper",
    "cartography",
    "cloudquery",
    "prismacloud",
    "redlock",
    "qualys",
    "rapid7",
    "insightcloudsec",
    "divvycloud",
    "dome9",
    "cloudguard",
    "crowdstrike",
    "crowdstrikecspm",
    "sysdig",
    "trivy",
    "ermetic",
    "lightspin",
    "electriceye",
    "cloudsplaining",
    "vanta",
    "vanta-auditor",
    "drata",
    "trendmicro",
    "cloudconformity",
    "securitymonkey",
];

/// Tools that build infrastructure, under the names they add to the SDK's user agent.
const BUILDERS: [&str; 13] = [
    "terraform",
    "terraform-provider-aws",
    "opentofu",
    "terragrunt",
    "pulumi",
    "aws-cdk",
    "crossplane",
    "provider-aws",
    "ansible",
    "cloudformation",
    "eksctl",
    "serverless-framework",
    "packer",
];

/// Command lines of AWS.
const COMMAND_LINES: [&str; 5] = [
    "aws-cli",
    "amazon cli",
    "ec2-api-tools",
    "awspowershell",
    "aws-shell",
];

/// SDKs, of AWS and others.
const SDKS: [&str; 6] = ["boto", "boto3", "botocore", "aws-sdk", "rusoto", "jets3t"];

/// The lists of words, each with the bit that stands for it in a [`WordLists`].
const LISTS: [(WordLists, &[&str]); 6] = [
    (ATTACK_TOOL, &ATTACK_TOOLS),
    (ATTACK_SYSTEM, &ATTACK_SYSTEMS),
    (SCANNER, &SCANNERS),
    (BUILDER, &BUILDERS),
    (COMMAND_LINE, &COMMAND_LINES),
    (SDK, &SDKS),
];

/// Which lists a text holds a word of, one bit for each.
type WordLists = u8;

const ATTACK_TOOL: WordLists = 1;
const ATTACK_SYSTEM: WordLists = 2;
const SCANNER: WordLists = 4;
const BUILDER: WordLists = 8;
const COMMAND_LINE: WordLists = 16;
const SDK: WordLists = 32;
/// No list's: the text is what the console calls itself, or a browser.
const CONSOLE: WordLists = 64;

/// Finds what a user agent claims.
fn claims(agent: &str) -> WordLists {
    let console = if is_console_agent(agent) { CONSOLE } else { 0 };
    found(agent) | console
}

/// Returns by what means a call was made; the first match wins.
///
/// Attack tools come first because nothing may cover them: they run on SDKs and name themselves
/// only to their own harm. Then what AWS itself writes, which nobody can forge. Then from the
/// special to the general: scanners and builders are programs on top of an SDK, and the console's
/// back end is one too, while a command line in the console's shell is somebody typing.
pub fn origin(record: &Record<'_>) -> Origin {
    let claimed = claims(record.user_agent.as_deref().unwrap_or_default());
    // A role or a session is named after a tool; after an SDK or a command line anything may be.
    let named = names(record) & (ATTACK_TOOL | SCANNER);
    let found = claimed | named;
    if found & (ATTACK_TOOL | ATTACK_SYSTEM) != 0 {
        return Origin::AttackTool;
    }
    if let Some(origin) = attested(record) {
        return origin;
    }
    if found & SCANNER != 0 {
        Origin::Scanner
    } else if found & BUILDER != 0 {
        Origin::Iac
    } else if found & COMMAND_LINE != 0 {
        Origin::Cli
    } else if record.session_credential_from_console
        || (claimed & CONSOLE != 0 && may_be_console(record))
    {
        Origin::Console
    } else if found & SDK != 0 {
        Origin::Sdk
    } else {
        Origin::Other
    }
}

/// Reads the fields that AWS writes: which service called, and on which role.
fn attested(record: &Record<'_>) -> Option<Origin> {
    let identity = record.user_identity.as_ref();
    let kind = identity.and_then(|identity| identity.kind.as_deref());
    let invoked_by = identity.and_then(|identity| identity.invoked_by.as_deref());
    let is_own = kind.is_some_and(|kind| kind.eq_ignore_ascii_case("AWSService"));
    let source = record.source_ip_address.as_deref();
    for name in invoked_by.into_iter().chain(source) {
        match name.trim() {
            AWS_INTERNAL => return Some(Origin::AwsService),
            name if service_name(name).is_none() => {}
            name if is_console_host(name) => return Some(Origin::Console),
            // Whoever deploys a stack calls through it; only its own housekeeping is a service's.
            "cloudformation.amazonaws.com" if !is_own => return Some(Origin::Iac),
            _ => return Some(Origin::AwsService),
        }
    }
    let arns = identity
        .into_iter()
        .flat_map(|identity| [&identity.arn, &identity.issuer_arn]);
    let is_linked = arns.flatten().any(|arn| is_service_linked(arn));
    (is_own || is_linked).then_some(Origin::AwsService)
}

/// The console always signs with temporary credentials, so a long-term key with the user agent of
/// a browser is a program in disguise, and a browser without any is somebody at a public bucket.
fn may_be_console(record: &Record<'_>) -> bool {
    let is_key_long_term =
        principal::access_key(record).is_some_and(|key| KeyKind::of(key) == KeyKind::LongTerm);
    let user = record.user_identity.as_ref();
    let is_anonymous =
        user.is_some_and(|user| user.account_id.as_deref() == Some(principal::ANONYMOUS));
    !is_key_long_term && !is_anonymous
}

fn is_console_agent(agent: &str) -> bool {
    let agent = agent.trim_start_matches('[');
    agent.starts_with("Mozilla/")
        || agent.starts_with("aws-internal")
        || agent.contains(" aws-internal/")
        || agent.contains("Console")
        || is_console_host(agent)
}

/// Names such as `console.amazonaws.com`, `console.ec2.amazonaws.com`, `signin.amazonaws.com`.
fn is_console_host(text: &str) -> bool {
    text.starts_with("console.")
        && (text.contains(".amazonaws.com") || text.contains(".amazon.com"))
        || text.starts_with("signin.amazonaws.com")
        || text.starts_with("signin.aws.")
}

/// Finds words in the caller's ARN, with role and session.
fn names(record: &Record<'_>) -> WordLists {
    let Some(identity) = &record.user_identity else {
        return 0;
    };
    let arns = [&identity.arn, &identity.issuer_arn].into_iter().flatten();
    // No word begins in what nearly all ARNs begin with.
    let told = arns.map(|arn| arn.strip_prefix("arn:aws:").unwrap_or(arn));
    told.fold(0, |names, arn| names | found(arn))
}

/// Finds words where words begin and end, in any case: `wiz` is in `WizRole`, not in `wizard`.
fn found(text: &str) -> WordLists {
    let bytes = text.as_bytes();
    let mut found = 0;
    let mut follows_letter = false;
    for (at, letters) in bytes.windows(3).enumerate() {
        // No list's words begin anywhere else, and most bytes are told by that.
        let is_letter = letters[0].is_ascii_alphabetic();
        let may_begin = is_letter && (!follows_letter || letters[0].is_ascii_uppercase());
        follows_letter = is_letter;
        if may_begin {
            found |= found_at(bytes, at, WORDS.first[bucket(letters)]);
        }
    }
    found
}

/// Compares the words of a bucket, from a place on.
fn found_at(bytes: &[u8], at: usize, mut place: u8) -> WordLists {
    let mut found = 0;
    while place > 0 {
        let (list, word, next) = WORDS.all[usize::from(place)];
        if is_word_at(bytes, at, list, word) {
            found |= list;
        }
        place = next;
    }
    found
}

/// The words of all lists by their first three letters. Hardly any three letters of a user agent
/// or an ARN begin a word, so that one look passes over them.
struct Words {
    /// Each word with its list and the place of the next one in its bucket, none at place 0.
    all: [(WordLists, &'static str, u8); WORDS_MAX],
    /// The first place of each bucket, 0 for an empty one.
    first: [u8; BUCKETS],
}

/// More than there are words; places are bytes.
const WORDS_MAX: usize = 128;

const BUCKETS: usize = 1024;

static WORDS: Words = {
    let mut words = Words {
        all: [(0, "", 0); WORDS_MAX],
        first: [0; BUCKETS],
    };
    let (mut list, mut word, mut place) = (0, 0, 1);
    while list < LISTS.len() {
        let (bit, listed) = LISTS[list];
        if word == listed.len() {
            list += 1;
            word = 0;
            continue;
        }
        let letters = listed[word].as_bytes();
        assert!(letters.len() > 2 && letters[0].is_ascii_lowercase());
        let bucket = bucket(letters);
        words.all[place] = (bit, listed[word], words.first[bucket]);
        words.first[bucket] = place as u8;
        place += 1;
        word += 1;
    }
    words
};

/// Returns the bucket of three letters, the same in upper and lower case.
const fn bucket(letters: &[u8]) -> usize {
    let letters = u32::from_be_bytes([0, letters[0], letters[1], letters[2]]) & 0x1f_1f1f;
    // A multiplication by the golden ratio spreads them; `foldhash` cannot run when it is compiled.
    (letters.wrapping_mul(0x9e37_79b1) >> 22) as usize
}

/// Tells whether a word of a list stands at a place, where words of that list may begin.
fn is_word_at(bytes: &[u8], at: usize, list: WordLists, word: &str) -> bool {
    let end = at + word.len();
    let begins = match list {
        ATTACK_SYSTEM => is_system_start(bytes, at),
        _ => is_word_start(bytes, at),
    };
    begins
        && bytes
            .get(at..end)
            .is_some_and(|found| is_same(found, word.as_bytes()))
        && bytes.get(end).is_none_or(|after| {
            !after.is_ascii_alphabetic()
                || (bytes[end - 1].is_ascii_lowercase() && after.is_ascii_uppercase())
        })
}

/// Compares letters in any case, the last first: words that begin alike, as `aws-cli` and `aws-sdk`
/// do, are many.
fn is_same(found: &[u8], word: &[u8]) -> bool {
    let last = |letters: &[u8]| letters.last().map(u8::to_ascii_lowercase);
    last(found) == last(word) && found.eq_ignore_ascii_case(word)
}

fn is_word_start(bytes: &[u8], at: usize) -> bool {
    let Some(before) = at.checked_sub(1).map(|before| bytes[before]) else {
        return true;
    };
    !before.is_ascii_alphanumeric()
        || (!before.is_ascii_uppercase() && bytes[at].is_ascii_uppercase())
}

/// Tells where kernels and SDKs write systems: `5.10.0-kali9-amd64`, `md/distrib#kali`,
/// `x86_64.kali.2023`, `6.5.0-13parrot1-amd64`; a program's own `app/parrot` is none.
fn is_system_start(bytes: &[u8], at: usize) -> bool {
    let before = at.checked_sub(1).map(|before| bytes[before]);
    before.is_some_and(|before| b"#+-.".contains(&before) || before.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by_agent(agent: &str) -> Origin {
        let user_agent = Some(agent.into());
        let record = Record {
            user_agent,
            ..Record::default()
        };
        origin(&record)
    }

    fn of(text: &str) -> Origin {
        origin(&Record::parse(text).unwrap())
    }

    #[test]
    fn user_agents_are_told_from_the_special_to_the_general() {
        for (agent, expected) in [
            (
                "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0",
                Origin::Console,
            ),
            (
                "[S3Console/0.4, aws-internal/3 aws-sdk-java/1.12.1]",
                Origin::Console,
            ),
            (
                "EC2ConsoleFrontend, aws-internal/3 aws-sdk-java/1.11.9",
                Origin::Console,
            ),
            ("aws-internal/3", Origin::Console),
            ("console.ec2.amazonaws.com", Origin::Console),
            ("signin.amazonaws.com", Origin::Console),
            (
                "[aws-cli/2.2.16 Python/3.8.8 Darwin/20.5.0 command/s3.sync]",
                Origin::Cli,
            ),
            (
                "Boto3/1.26.1 Python/3.10.6 Linux/5.19.0 Botocore/1.29.1",
                Origin::Sdk,
            ),
            ("aws-sdk-go-v2/1.30.3 os/linux lang/go#1.22.5", Origin::Sdk),
            (
                "APN/1.0 HashiCorp/1.0 Terraform/1.9.0 terraform-provider-aws/5.6 aws-sdk-go-v2/1",
                Origin::Iac,
            ),
            (
                "aws-sdk-nodejs/2.1 linux/v20 promise aws-cdk/2.150.0",
                Origin::Iac,
            ),
            ("Boto3/1.26.1 Botocore/1.29.1 Prowler/4.0", Origin::Scanner),
            ("CloudAppSecurityAWS", Origin::Scanner),
            (
                "Boto3/1.7 Python/2.7.15 Linux/6.1.0-kali9-amd64 Botocore/1.10",
                Origin::AttackTool,
            ),
            (
                "aws-cli/2.27 md/awscrt#0.26 os/linux md/distrib#kali.2025",
                Origin::AttackTool,
            ),
            (
                "aws-cli/2.9 Python/3.9 Linux/6.5.0-13parrot1-amd64 exe/x86_64",
                Origin::AttackTool,
            ),
            (
                "stratus-red-team_00000000-0000-4000-8000-000000000000",
                Origin::AttackTool,
            ),
            ("Boto3/1.26.1 TruffleHog", Origin::AttackTool),
            ("curl/8.1", Origin::Other),
            ("", Origin::Other),
        ] {
            assert_eq!(by_agent(agent), expected, "{agent}");
        }
    }

    #[test]
    fn a_tool_s_name_inside_another_word_is_no_tool() {
        for agent in [
            "SetupWizard/1.0",
            "Alkali/2.0",
            "CapacuLator/1.0",
            "Botany/1.0",
            "app/parrot",
            "kali.sharma",
            "enterpriseterraformer",
        ] {
            assert_eq!(by_agent(agent), Origin::Other, "{agent}");
        }
    }

    #[test]
    fn what_aws_writes_outranks_what_the_caller_claims() {
        for (record, expected) in [
            (
                r#"{"userIdentity":{"type":"AWSService"}}"#,
                Origin::AwsService,
            ),
            (
                r#"{"userAgent":"aws-cli/2","userIdentity":{"type":"AssumedRole",
                    "invokedBy":"autoscaling.amazonaws.com"}}"#,
                Origin::AwsService,
            ),
            (
                r#"{"userIdentity":{"invokedBy":"AWS Internal"}}"#,
                Origin::AwsService,
            ),
            (
                r#"{"sourceIPAddress":"delivery.logs.amazonaws.com","userAgent":"Mozilla/5.0"}"#,
                Origin::AwsService,
            ),
            (
                r#"{"sourceIPAddress":"192.0.2.1","userIdentity":{"type":"AssumedRole","arn":
                    "arn:aws:sts::111122223333:assumed-role/AWSServiceRoleForConfig/x"}}"#,
                Origin::AwsService,
            ),
            (
                r#"{"sourceIPAddress":"cloudformation.amazonaws.com",
                    "userIdentity":{"type":"IAMUser","invokedBy":"cloudformation.amazonaws.com"}}"#,
                Origin::Iac,
            ),
            (
                r#"{"userIdentity":{"type":"IAMUser","invokedBy":"signin.amazonaws.com"}}"#,
                Origin::Console,
            ),
        ] {
            assert_eq!(of(record), expected, "{record}");
        }
    }

    #[test]
    fn a_session_from_the_console_counts_until_a_command_line_shows() {
        let console = |agent: &str| {
            of(&format!(
                r#"{{"sessionCredentialFromConsole":"true","userAgent":"{agent}"}}"#
            ))
        };
        assert_eq!(console("aws-sdk-java/2.20"), Origin::Console);
        assert_eq!(console("aws-cli/2.31 exec-env/CloudShell"), Origin::Cli);
    }

    #[test]
    fn a_browser_with_a_long_term_key_is_a_disguise() {
        let browser = |key: &str| {
            of(&format!(
                r#"{{"userAgent":"Mozilla/5.0","userIdentity":{{"accessKeyId":"{key}"}}}}"#
            ))
        };
        assert_eq!(browser("AKIAIOSFODNN7EXAMPLE"), Origin::Other);
        assert_eq!(browser("ASIAIOSFODNN7EXAMPLE"), Origin::Console);
        assert_eq!(browser(""), Origin::Console);
    }

    #[test]
    fn roles_and_sessions_name_scanners_and_attack_tools() {
        for (path, expected) in [
            ("WizAccess-Role/session", Origin::Scanner),
            ("Audit/tenable-connector", Origin::Scanner),
            ("App/stratus-red-team-1", Origin::AttackTool),
            ("App/wizard", Origin::Sdk),
            ("App/kali.sharma", Origin::Sdk),
        ] {
            let record = format!(
                r#"{{"userAgent":"Boto3/1.26","userIdentity":{{"type":"AssumedRole",
                "arn":"arn:aws:sts::111122223333:assumed-role/{path}"}}}}"#
            );
            assert_eq!(of(&record), expected, "{path}");
        }
    }
}
