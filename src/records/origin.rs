//! Finds the means by which a call was made: the console, a command line, a program, infrastructure
//! code, an AWS service, a security scanner or an attack tool.
//!
//! AWS itself writes which service called. The caller chooses the user agent. So an origin from a
//! user agent may explain a call, but must never be a reason to ignore an important call.
//!
//! Sources: CloudTrail User Guide, "CloudTrail record contents" (`userAgent`, `sourceIPAddress`,
//! `sessionCredentialFromConsole`); `GuardDuty` User Guide, finding types `PenTest:IAMUser/*`; user
//! agents as the listed tools send them.

use crate::Record;
use crate::key_id::KeyKind;
use crate::principal::{self, AWS_INTERNAL, is_service_linked, service_name};

/// The means by which a call was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, strum::IntoStaticStr)]
#[strum(serialize_all = "kebab-case")]
pub enum Origin {
    /// The AWS Management Console.
    Console,
    /// The AWS CLI or another command line from AWS.
    Cli,
    /// A program that uses an AWS SDK.
    Sdk,
    /// A tool that builds infrastructure from code, such as Terraform or CloudFormation.
    Iac,
    /// An AWS service, on its own behalf or on behalf of a caller.
    AwsService,
    /// A security scanner or an inventory crawler.
    Scanner,
    /// A tool or an operating system made for attacks.
    AttackTool,
    /// None of the other origins matches.
    Other,
}

impl Origin {
    /// Returns the stable name of the origin, such as `aws-service`, for the facets of clusters and for the store.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// Attack tools, by words that do not appear by accident in a user agent, a role or a session.
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

/// Operating systems for attacks, as SDKs write them into the user agent.
///
/// Source: `GuardDuty`, `PenTest:IAMUser/KaliLinux`, `…/ParrotLinux`, `…/PentooLinux`. Kali is also a
/// first name. So these words count only in user agents, at the place of a kernel or a distribution.
const ATTACK_SYSTEMS: [&str; 4] = ["kali", "parrot", "pentoo", "blackarch"];

/// Scanners, posture managers and inventory crawlers; hundreds of their calls fail every day.
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

/// Tools that build infrastructure, by the names that they add to the user agent of the SDK.
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

/// The lists of words, each with its bit in [`WordLists`].
const LISTS: [(WordLists, &[&str]); 6] = [
    (ATTACK_TOOL, &ATTACK_TOOLS),
    (ATTACK_SYSTEM, &ATTACK_SYSTEMS),
    (SCANNER, &SCANNERS),
    (BUILDER, &BUILDERS),
    (COMMAND_LINE, &COMMAND_LINES),
    (SDK, &SDKS),
];

/// The lists of which a text contains a word, one bit for each list.
type WordLists = u8;

const ATTACK_TOOL: WordLists = 1;
const ATTACK_SYSTEM: WordLists = 2;
const SCANNER: WordLists = 4;
const BUILDER: WordLists = 8;
const COMMAND_LINE: WordLists = 16;
const SDK: WordLists = 32;
/// Belongs to no list: the user agent is that of the console or of a browser.
const CONSOLE: WordLists = 64;

/// Returns the lists of which a user agent contains a word.
fn claims(agent: &str) -> WordLists {
    let console = if is_console_agent(agent) { CONSOLE } else { 0 };
    found(agent) | console
}

/// Returns the means by which a call was made. The first match in this order wins:
///
/// 1. Attack tools, because no other sign may hide them. A caller has no reason to fake this name.
/// 2. Fields that AWS itself writes, because no caller can forge them.
/// 3. All others, the special before the general. Scanners and builders run on top of an SDK, and so
///    does the back end of the console. A command line in the shell of the console counts as a command
///    line.
pub fn origin(record: &Record<'_>) -> Origin {
    let claimed = claims(record.user_agent.as_deref().unwrap_or_default());
    // The name of a role or session proves only a tool. Words for SDKs and command lines are in names of any kind.
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

/// Returns the origin that the fields written by AWS prove: the calling service and its role.
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
            // A person who deploys a stack calls through CloudFormation. Only calls of CloudFormation
            // on its own behalf are calls of a service.
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

/// Checks whether the credentials may be those of the console, which always signs with temporary ones.
///
/// A long-term key with the user agent of a browser is a program in disguise. A browser without
/// credentials is a person who reads a public bucket.
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

/// Checks for names such as `console.amazonaws.com`, `console.ec2.amazonaws.com`, `signin.amazonaws.com`.
fn is_console_host(text: &str) -> bool {
    text.starts_with("console.")
        && (text.contains(".amazonaws.com") || text.contains(".amazon.com"))
        || text.starts_with("signin.amazonaws.com")
        || text.starts_with("signin.aws.")
}

/// Returns the lists of which the caller's ARNs contain a word, in the name of the role or session.
fn names(record: &Record<'_>) -> WordLists {
    let Some(identity) = &record.user_identity else {
        return 0;
    };
    let arns = [&identity.arn, &identity.issuer_arn].into_iter().flatten();
    // No word is in the prefix of nearly all ARNs.
    let arns = arns.map(|arn| arn.strip_prefix("arn:aws:").unwrap_or(arn));
    arns.fold(0, |names, arn| names | found(arn))
}

/// Returns the lists of which a text contains a whole word, in upper or lower case: `wiz` is in `WizRole`, not in
/// `wizard`.
fn found(text: &str) -> WordLists {
    let bytes = text.as_bytes();
    let mut found = 0;
    let mut follows_letter = false;
    for (at, letters) in bytes.windows(3).enumerate() {
        // Words of any list begin only here, which rules out most bytes.
        let is_letter = letters[0].is_ascii_alphabetic();
        let may_begin = is_letter && (!follows_letter || letters[0].is_ascii_uppercase());
        follows_letter = is_letter;
        if may_begin {
            found |= found_at(bytes, at, WORDS.first[bucket(letters)]);
        }
    }
    found
}

/// Compares the text at `at` with the words of one bucket, which begins at `place`.
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

/// The words of all lists, in buckets by their first three letters. At nearly all places of a user
/// agent or an ARN the bucket is empty, so one look-up is enough there.
struct Words {
    /// Each word with its list and the place of the next word of its bucket; 0: no next word.
    all: [(WordLists, &'static str, u8); WORDS_MAX],
    /// The first place of each bucket, 0 for an empty one.
    first: [u8; BUCKETS],
}

/// More than the number of words; small enough for a place to fit into a byte.
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
    // A multiplication by the golden ratio spreads the buckets; `foldhash` cannot run at compile time.
    (letters.wrapping_mul(0x9e37_79b1) >> 22) as usize
}

/// Checks whether a whole word of a list is at `at`.
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

/// Compares letters case-insensitively, the last letter first, because many words begin alike, such as `aws-cli` and
/// `aws-sdk`.
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

/// Checks whether kernels and SDKs write operating systems at this place, as in `5.10.0-kali9-amd64`,
/// `md/distrib#kali`, `x86_64.kali.2023` or `6.5.0-13parrot1-amd64`. The name of a program in
/// `app/parrot` does not count.
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
    fn the_special_word_of_a_user_agent_outranks_the_general_one() {
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
    fn the_name_of_a_tool_inside_another_word_does_not_count() {
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
