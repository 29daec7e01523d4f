//! Finds the means by which a call was made: the console, a command line, a program, infrastructure
//! code, an AWS service, a security scanner or an attack tool.
//!
//! AWS itself writes which service called. The caller chooses the user agent. So an origin from a
//! user agent may explain a call, but must never be a reason to ignore an important call. Names of roles prove nothing,
//! because the owner of an account chooses them; those that vendors of scanners publish are the exception.
//!
//! Sources: CloudTrail User Guide, "CloudTrail record contents" (`userAgent`, `sourceIPAddress`,
//! `sessionCredentialFromConsole`); IAM User Guide, "Forward access sessions"; `GuardDuty` User Guide, finding types `PenTest:IAMUser/*`; user
//! agents as the listed tools send them.

use crate::key_id::KeyKind;
use crate::principal::{self, AWS_INTERNAL, is_service_linked, service_name};
use crate::{Record, Text, UserIdentity, partition};

/// The means by which a call was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, strum::IntoStaticStr)]
#[strum(serialize_all = "kebab-case")]
pub enum Origin<'r> {
    /// The AWS Management Console.
    Console,
    /// The AWS CLI or another command line from AWS.
    Cli,
    /// A program that uses an AWS SDK.
    Sdk,
    /// A tool that builds infrastructure from code, such as Terraform or CloudFormation.
    Iac,
    /// An AWS service on its own behalf.
    AwsService,
    /// An AWS service that calls on behalf of a person, a role or a key, with their permissions. It holds the name of the
    /// service, such as `athena`, or `AWS Internal`.
    Via(&'r str),
    /// A security scanner or an inventory crawler.
    Scanner,
    /// A tool made for attacks.
    AttackTool,
    /// An operating system made for attacks. People also use one for tests and at home.
    AttackSystem,
    /// None of the other origins matches.
    Other,
}

impl<'r> Origin<'r> {
    /// Returns the stable name of the origin, such as `aws-service` or `via athena`, for the facets of clusters and for
    /// the store.
    pub fn name(self) -> Text<'r> {
        match self {
            Self::Via(service) => ["via ", service].concat().into(),
            other => Text::Borrowed(other.into()),
        }
    }
}

/// Attack tools, by words that do not appear by accident in a user agent or a session.
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

/// Scanners, posture managers and inventory crawlers, by words in a user agent or a session; hundreds of their calls
/// fail every day.
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

/// Names of the roles that vendors of scanners, posture managers and compliance tools tell their customers to create. A
/// `*` stands for a generated part. A comment is the source of the rows below it, read in November 2026.
const VENDOR_ROLES: [&str; 37] = [
    // Aqua Security, CSPM onboarding.
    "Aqua-CSPM-Scanner-Role",
    // Check Point CloudGuard, formerly Dome9: API reference, `awsRoleArn`.
    "Dome9-Connect",
    // CrowdStrike, Falcon Cloud Security: registration of AWS accounts.
    "CrowdStrikeCSPMReader*",
    "CrowdStrikeCSPMEventBridge",
    // Datadog: CloudFormation template of the AWS integration; terraform-modules-datadog-security;
    // terraform-module-datadog-agentless-scanner.
    "DatadogIntegrationRole",
    "DatadogAWSIntegrationRole",
    "DatadogAgentlessScanner*",
    // Drata: terraform-aws-drata-autopilot-role.
    "DrataAutopilotRole",
    // JupiterOne: documentation of the AWS integration.
    "JupiterOne",
    // Lacework: terraform-aws-iam-role; CloudFormation templates of the configuration audit.
    "lw-iam-*",
    "lacework-*-laceworkcwsrole",
    "lacework-*-laceworkcwssarole",
    // Microsoft Defender for Cloud: permissions of the AWS connector.
    "CspmMonitorAws",
    "DefenderForCloud-*",
    "MDCContainersImageAssessmentRole",
    "MDCContainersK8sDataCollectionRole",
    "MDCContainersK8sRole",
    // Orca Security: Terraform modules of the onboarding.
    "OrcaSecurityRole",
    "OrcaSecurityRoleSA",
    "OrcaSideScannerRole",
    // Palo Alto Networks, Prisma Cloud, formerly RedLock: onboarding templates.
    "PrismaCloudRole*",
    "PrismaCloudReadOnlyRole*",
    "PrismaCloudReadWriteRole*",
    "RedlockReadOnlyRole*",
    // Panther: documentation of cloud accounts.
    "PantherAuditRole*",
    // Prowler: templates of Prowler; AWS Prescriptive Guidance about Prowler; simple-container-com/api#277.
    "ProwlerScan",
    "ProwlerExecRole",
    "prowler-readonly",
    // Snyk: documentation of the AWS integration.
    "snyk-cloud-role*",
    // Sysdig Secure: terraform-aws-secure.
    "sysdig-secure-*",
    // Tenable: connectors of Tenable.io; fivexl/terraform-aws-cloudtrail-to-slack#2.
    "tenableio-connector",
    "tenableio-connector_*",
    // Trend Micro, Vision One: documentation of cloud accounts.
    "VisionOneRole",
    // Vanta: documentation of the AWS connection.
    "vanta-auditor",
    // Wiz: Terraform module of the AWS connector.
    "WizAccess-Role",
    "WizScanner-Role",
    "WizScannerRole",
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
/// 1. Attack tools, then systems for attacks, because no other sign may hide them. A caller has no reason to fake this name.
/// 2. Fields that AWS itself writes, because no caller can forge them. A scanner stays one if a service calls on its
///    behalf.
/// 3. All others, the special before the general. Scanners and builders run on top of an SDK, and so
///    does the back end of the console. A command line or a program in the shell of the console, or with credentials of
///    the console, counts as what it is.
pub fn origin<'r>(record: &'r Record<'_>) -> Origin<'r> {
    let agent = record.user_agent.as_deref().unwrap_or_default();
    let claimed = claims(agent);
    let found = claimed | names(record, agent);
    if found & ATTACK_TOOL != 0 {
        return Origin::AttackTool;
    }
    if found & ATTACK_SYSTEM != 0 {
        return Origin::AttackSystem;
    }
    match attested(record) {
        Some(Origin::Via(_)) if found & SCANNER != 0 => return Origin::Scanner,
        Some(origin) => return origin,
        None => {}
    }
    if found & SCANNER != 0 {
        Origin::Scanner
    } else if found & BUILDER != 0 {
        Origin::Iac
    } else if found & COMMAND_LINE != 0 {
        Origin::Cli
    } else if is_console(record, agent, claimed & CONSOLE != 0) {
        Origin::Console
    } else if found & SDK != 0 {
        Origin::Sdk
    } else {
        Origin::Other
    }
}

/// Returns the origin that the fields written by AWS prove: the calling service, and whose permissions it uses.
///
/// A service that calls with the permissions of a person, a role or a key (a forward access session) does what that
/// caller wants. Only an identity of type `AWSService` and a service-linked role are the service itself.
fn attested<'r>(record: &'r Record<'_>) -> Option<Origin<'r>> {
    let identity = record.user_identity.as_ref();
    if identity.is_some_and(is_linked) {
        return Some(Origin::AwsService);
    }
    let invoked_by = identity.and_then(|identity| identity.invoked_by.as_deref());
    let names = invoked_by
        .into_iter()
        .chain(record.source_ip_address.as_deref());
    let mut services = names
        .map(str::trim)
        .filter(|name| *name == AWS_INTERNAL || service_name(name).is_some());
    let Some(service) = services.next() else {
        let is_typed = identity.is_some_and(principal::is_of_type_service);
        return is_typed.then_some(Origin::AwsService);
    };
    let is_own = identity.is_none_or(principal::is_aws_service);
    Some(match service {
        _ if is_console_host(service) => Origin::Console,
        _ if is_own => Origin::AwsService,
        // A person who deploys a stack calls through CloudFormation.
        _ if without_domain(service) == "cloudformation" => Origin::Iac,
        // A page of the console calls through services of AWS that have no name.
        AWS_INTERNAL if record.session_credential_from_console => Origin::Console,
        _ => Origin::Via(without_domain(service)),
    })
}

/// Checks whether the caller is a service-linked role.
fn is_linked(identity: &UserIdentity<'_>) -> bool {
    // The ARN of the role has the reserved path; the ARN of a session has the name alone.
    let role = identity.issuer_arn.as_deref();
    let arn = role.filter(|arn| arn.starts_with("arn:"));
    arn.or(identity.arn.as_deref())
        .is_some_and(is_service_linked)
}

/// Returns the name of the AWS service whose host a text is: `athena` for `athena.amazonaws.com`. `None` for any other text.
pub fn service_of_host(host: &str) -> Option<&str> {
    service_name(host).map(without_domain)
}

/// Returns the name of a service without its domain and its region: `athena` for `athena.amazonaws.com`.
fn without_domain(service: &str) -> &str {
    let host = partition::without_domain(service).unwrap_or(service);
    let is_region = |text: &str| {
        text.ends_with(|end: char| end.is_ascii_digit()) && text.split('-').count() > 2
    };
    match host.rsplit_once('.') {
        Some((name, region)) if is_region(region) => name,
        _ => host,
    }
}

/// Checks whether a page of the console made the call: the user agent is that of a browser or of the console
/// (`is_claimed`), or of its back end with credentials from the console.
///
/// Credentials from the console with the user agent of a program are a script: in AWS `CloudShell`, or with credentials
/// that were copied from a page.
fn is_console(record: &Record<'_>, agent: &str, is_claimed: bool) -> bool {
    if !record.session_credential_from_console {
        return is_claimed && may_be_console(record);
    }
    let agent = agent.trim();
    is_claimed
        || agent.is_empty()
        || agent == AWS_INTERNAL
        || service_name(agent).is_some()
        || BACK_END_MARKS.iter().any(|mark| agent.contains(mark))
}

/// What the SDKs add to the user agent inside of AWS and inside of a browser, as public recordings of the console show.
const BACK_END_MARKS: [&str; 2] = [" md/internal", " md/browser#"];

/// Checks whether the credentials may be those of the console, which always signs with temporary ones.
///
/// A long-term key with the user agent of a browser is a program in disguise. A browser without
/// credentials is a person who reads a public bucket.
fn may_be_console(record: &Record<'_>) -> bool {
    let is_key_long_term =
        principal::access_key(record).is_some_and(|key| KeyKind::of(key) == KeyKind::LongTerm);
    let user = record.user_identity.as_ref();
    !is_key_long_term && !user.is_some_and(principal::is_anonymous)
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
        && (text.contains(".amazon.com") || partition::contains_domain(text))
        || text.starts_with("signin.amazonaws.")
        || text.starts_with("signin.aws.")
}

/// Returns the lists that the name of the session proves by a word, or the name of the role if a vendor published it.
fn names(record: &Record<'_>, agent: &str) -> WordLists {
    let Some(identity) = &record.user_identity else {
        return 0;
    };
    let session = principal::chosen_session(identity, agent);
    // Words for SDKs and command lines are in names of any kind.
    let named = session.map_or(0, found) & (ATTACK_TOOL | SCANNER);
    let is_vendor = principal::role_name(identity).is_some_and(is_vendor_role);
    named | if is_vendor { SCANNER } else { 0 }
}

fn is_vendor_role(name: &str) -> bool {
    // The first letter rules out most rows.
    let first = |text: &str| text.as_bytes().first().map(u8::to_ascii_lowercase);
    let begins = first(name);
    let mut patterns = VENDOR_ROLES
        .iter()
        .filter(|pattern| first(pattern) == begins);
    patterns.any(|pattern| {
        let (start, end) = pattern.split_once('*').unwrap_or((pattern, ""));
        let is_long_enough = match pattern.len() - start.len() {
            0 => name.len() == start.len(),
            _ => name.len() >= start.len() + end.len(),
        };
        let has = |part: Option<&str>, expected: &str| {
            part.is_some_and(|part| part.eq_ignore_ascii_case(expected))
        };
        is_long_enough
            && has(name.get(..start.len()), start)
            && has(name.get(name.len() - end.len()..), end)
    })
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

    fn by_agent(agent: &str) -> Origin<'static> {
        of(&format!(r#"{{"userAgent":"{agent}"}}"#))
    }

    fn of(text: &str) -> Origin<'static> {
        // The origin borrows from the text and the record, so both must outlive the function.
        let text = Box::leak(Box::<str>::from(text));
        origin(Box::leak(Box::new(Record::parse(text).unwrap())))
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
                Origin::AttackSystem,
            ),
            (
                "aws-cli/2.27 md/awscrt#0.26 os/linux md/distrib#kali.2025",
                Origin::AttackSystem,
            ),
            (
                "aws-cli/2.9 Python/3.9 Linux/6.5.0-13parrot1-amd64 exe/x86_64",
                Origin::AttackSystem,
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
                Origin::Via("autoscaling"),
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
    fn a_program_with_credentials_of_the_console_is_no_page_of_the_console() {
        for (agent, expected) in [
            (
                "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0",
                Origin::Console,
            ),
            ("AWS CloudWatch Console", Origin::Console),
            (
                "EC2ConsoleFrontend, aws-internal/3 aws-sdk-java/1.11.1030",
                Origin::Console,
            ),
            (
                "aws-sdk-java/2.20.1 Java/17 vendor/Amazon.com_Inc. md/internal io/sync",
                Origin::Console,
            ),
            (
                "aws-sdk-js/3.535.0 ua/2.1 lang/js md/browser#Firefox_140.0",
                Origin::Console,
            ),
            ("health.amazonaws.com", Origin::Console),
            ("AWS Internal", Origin::Console),
            ("", Origin::Console),
            ("aws-cli/2.31 exec-env/CloudShell", Origin::Cli),
            (
                "Boto3/1.34.1 md/Botocore#1.34.1 os/linux exec-env/CloudShell",
                Origin::Sdk,
            ),
            ("aws-sdk-java/2.20", Origin::Sdk),
            ("python-requests/2.32.3", Origin::Other),
            ("curl/8.5.0", Origin::Other),
            ("APN/1.0 HashiCorp/1.0 Terraform/1.9.0", Origin::Iac),
        ] {
            let record =
                format!(r#"{{"sessionCredentialFromConsole":"true","userAgent":"{agent}"}}"#);
            assert_eq!(of(&record), expected, "{agent}");
        }
    }

    #[test]
    fn a_service_that_calls_for_a_person_a_role_or_a_key_is_no_call_of_its_own() {
        let role = "arn:aws:sts::111122223333:assumed-role/analyst/mia@example.com";
        let user = "arn:aws:iam::111122223333:user/mia";
        for (record, expected) in [
            (
                format!(
                    r#"{{"sourceIPAddress":"athena.amazonaws.com","userIdentity":{{
                    "type":"AssumedRole","arn":"{role}","invokedBy":"athena.amazonaws.com"}}}}"#
                ),
                Origin::Via("athena"),
            ),
            (
                format!(
                    r#"{{"sourceIPAddress":"192.0.2.7","userIdentity":{{"type":"IAMUser",
                    "arn":"{user}","accessKeyId":"AKIAIOSFODNN7EXAMPLE",
                    "invokedBy":"glue.amazonaws.com"}}}}"#
                ),
                Origin::Via("glue"),
            ),
            (
                format!(
                    r#"{{"sourceIPAddress":"workmail.eu-west-1.amazonaws.com",
                    "userIdentity":{{"type":"AssumedRole","arn":"{role}"}}}}"#
                ),
                Origin::Via("workmail"),
            ),
            (
                format!(
                    r#"{{"userIdentity":{{"type":"IAMUser","arn":"{user}",
                    "invokedBy":"AWS Internal"}}}}"#
                ),
                Origin::Via("AWS Internal"),
            ),
            (
                r#"{"userIdentity":{"accessKeyId":"AKIAIOSFODNN7EXAMPLE",
                    "invokedBy":"s3.amazonaws.com.cn"}}"#
                    .to_owned(),
                Origin::Via("s3"),
            ),
            (
                r#"{"userIdentity":{"accessKeyId":"AKIAIOSFODNN7EXAMPLE",
                    "invokedBy":"athena.eusc-de-east-1.amazonaws.eu"}}"#
                    .to_owned(),
                Origin::Via("athena"),
            ),
            (
                r#"{"userIdentity":{"type":"IAMUser","invokedBy":"cloudformation.amazonaws.com.cn"}}"#
                    .to_owned(),
                Origin::Iac,
            ),
            (
                // A page of the console.
                format!(
                    r#"{{"sessionCredentialFromConsole":"true","userAgent":"AWS Internal",
                    "sourceIPAddress":"AWS Internal",
                    "userIdentity":{{"type":"AssumedRole","arn":"{role}"}}}}"#
                ),
                Origin::Console,
            ),
        ] {
            assert_eq!(of(&record), expected, "{record}");
        }
        assert_eq!(Origin::Via("athena").name(), "via athena");
    }

    #[test]
    fn a_role_is_service_linked_by_its_path_and_not_by_a_name_that_its_owner_chose() {
        let of_role = |path: &str| {
            of(&format!(
                r#"{{"sourceIPAddress":"config.amazonaws.com","userIdentity":{{
                "type":"AssumedRole","invokedBy":"config.amazonaws.com",
                "arn":"arn:aws:sts::111122223333:assumed-role/AWSServiceRoleForConfig/x",
                "sessionContext":{{"sessionIssuer":{{
                "arn":"arn:aws:iam::111122223333:role/{path}"}}}}}}}}"#
            ))
        };
        let linked = "aws-service-role/config.amazonaws.com/AWSServiceRoleForConfig";
        assert_eq!(of_role(linked), Origin::AwsService);
        assert_eq!(of_role("AWSServiceRoleForConfig"), Origin::Via("config"));
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

    fn by_session(path: &str, agent: &str) -> Origin<'static> {
        of(&format!(
            r#"{{"userAgent":"{agent}","userIdentity":{{"type":"AssumedRole",
            "arn":"arn:aws:sts::111122223333:assumed-role/{path}"}}}}"#
        ))
    }

    #[test]
    fn sessions_name_scanners_and_attack_tools() {
        for (path, expected) in [
            ("Audit/tenable-connector", Origin::Scanner),
            ("App/stratus-red-team-1", Origin::AttackTool),
            ("App/pacu", Origin::AttackTool),
            ("App/wizard", Origin::Sdk),
            ("App/kali.sharma", Origin::Sdk),
            ("App/orca@example.com", Origin::Sdk),
            ("App/eks-prod-orca-api-7f9c-0a1b2c3d", Origin::Sdk),
            ("AWSReservedSSO_Dev_0a1b/endgame", Origin::Sdk),
        ] {
            assert_eq!(by_session(path, "Boto3/1.26"), expected, "{path}");
        }
        let function = "Boto3/1.40 md/Botocore#1.40 exec-env/AWS_Lambda_python3.13";
        assert_eq!(by_session("shop/pacu-beds", function), Origin::Sdk);
        let federated = r#"{"userIdentity":{"type":"FederatedUser",
            "arn":"arn:aws:sts::111122223333:federated-user/aws_consoler"}}"#;
        assert_eq!(of(federated), Origin::AttackTool);
    }

    #[test]
    fn a_name_that_an_owner_gave_to_a_role_or_a_user_decides_nothing() {
        for role in [
            "EndgameLeaderboard-prod",
            "pacu-bed-monitoring",
            "CloudGoatFarmRole",
            "orca-whale-tracking",
            "wiz-kids-school",
            "prowler-boats",
            "PrismaPhotoExport",
            "vanta-black-paint",
            "JupiterOneTelescope",
        ] {
            let origin = by_session(&format!("{role}/s1"), "Boto3/1.26");
            assert_eq!(origin, Origin::Sdk, "{role}");
        }
        let user = r#"{"userAgent":"Boto3/1.26","userIdentity":{"type":"IAMUser",
            "arn":"arn:aws:iam::111122223333:user/pacu-nurse"}}"#;
        assert_eq!(of(user), Origin::Sdk);
    }

    #[test]
    fn the_role_names_that_vendors_publish_are_those_of_scanners() {
        for role in [
            "ProwlerScan",
            "prowler-readonly",
            "DrataAutopilotRole",
            "tenableio-connector",
            "WizAccess-Role",
            "OrcaSecurityRole",
            "DatadogIntegrationRole",
            "vanta-auditor",
            "lw-iam-0a1b2c3d",
            "lacework-acme-laceworkcwsrole",
            "PrismaCloudRole-1182536372507056128",
            "CrowdStrikeCSPMReader-gt7elswu7hug",
            "CrowdstrikeCSPMReader-gt7elswu7hug",
        ] {
            let origin = by_session(&format!("{role}/s1"), "Boto3/1.26");
            assert_eq!(origin, Origin::Scanner, "{role}");
        }
        let with_path = r#"{"userAgent":"Boto3/1.26","userIdentity":{"type":"AssumedRole",
            "sessionContext":{"sessionIssuer":{"type":"Role",
            "arn":"arn:aws:iam::111122223333:role/vendors/vanta-auditor"}}}}"#;
        assert_eq!(of(with_path), Origin::Scanner);
        let through_a_service = r#"{"sourceIPAddress":"athena.amazonaws.com","userIdentity":{
            "type":"AssumedRole","arn":"arn:aws:sts::111122223333:assumed-role/ProwlerScan/s1"}}"#;
        assert_eq!(of(through_a_service), Origin::Scanner);
    }
}
