//! The callers in the demo: accounts, people and workloads of a small web shop, and outsiders.
//!
//! Account ids, IP addresses and domains are those reserved for documentation.

use Form::{
    Anonymous, BareRole, Directory, Federated, Hidden, IdentityCenter, Missing, Outsider,
    OutsiderRole, Role, Root, Saml, Service, Unknown, User, WebIdentity,
};
use Network::{Dns, Internal, Nat, Office, OfficeV6, Outside, Stranger};
use Sessions::{Botocore, Instances, Named};

use crate::random::{BASE32, Random};
use crate::text::{fill, moment, quote};

/// An AWS account of the fictional web shop, with its partition and its regions.
#[derive(Debug, PartialEq, Eq)]
pub struct Account {
    /// The account id, twelve digits.
    pub id: &'static str,
    /// The AWS partition: `aws` or `aws-cn`.
    pub partition: &'static str,
    /// The regions that the shop uses in this account, for all services that are not global.
    pub regions: &'static [&'static str],
    /// The region in which calls of global services, such as IAM, are recorded.
    pub global_region: &'static str,
}

const PROD: &Account = &Account {
    id: "111122223333",
    partition: "aws",
    regions: &["eu-central-1", "eu-west-1"],
    global_region: "us-east-1",
};
const STAGING: &Account = &Account {
    id: "444455556666",
    partition: "aws",
    regions: &["eu-central-1", "ap-southeast-1"],
    global_region: "us-east-1",
};
const CHINA: &Account = &Account {
    id: "777788889999",
    partition: "aws-cn",
    regions: &["cn-north-1", "cn-northwest-1"],
    global_region: "cn-north-1",
};
/// The account of a supplier; its callers appear in the shop's trail.
const FOREIGN: &str = "999988887777";

const GLOBAL: &[&str] = &[
    "iam",
    "sts",
    "signin",
    "organizations",
    "sso",
    "support",
    "budgets",
];

impl Account {
    /// Returns the domain of AWS endpoints in the account's partition: `amazonaws.com.cn` in China, else
    /// `amazonaws.com`.
    pub fn domain(&self) -> &'static str {
        if self.partition == "aws-cn" {
            "amazonaws.com.cn"
        } else {
            "amazonaws.com"
        }
    }

    /// Returns the `eventSource` of a service: `s3.amazonaws.com` for `s3`. In China, only `ec2` gets the ending
    /// `.amazonaws.com.cn`.
    pub fn event_source(&self, service: &str) -> String {
        let domain = if service == "ec2" {
            self.domain()
        } else {
            "amazonaws.com"
        };
        format!("{service}.{domain}")
    }

    /// Returns the region for one call of a service such as `s3`: `global_region` for global services, else a random
    /// region of the account.
    pub fn region(&self, service: &str, random: &mut Random) -> &'static str {
        if GLOBAL.contains(&service) {
            return self.global_region;
        }
        self.regions[random.below(self.regions.len())]
    }
}

/// The shape of an actor's `userIdentity`; forms with role sessions include the session names.
#[derive(Debug, Clone, Copy)]
enum Form {
    Root,
    User,
    Role(Sessions),
    /// An assumed role whose records have no `sessionIssuer`.
    BareRole(Sessions),
    Federated,
    Saml,
    WebIdentity(&'static str),
    IdentityCenter,
    /// A caller from another account, of which the record has only an id.
    Outsider,
    OutsiderRole,
    Anonymous,
    Service,
    Directory,
    Unknown,
    /// A failed sign-in whose user name AWS hides, because it may be a password.
    Hidden,
    /// A record without `userIdentity`.
    Missing,
}

#[derive(Debug, Clone, Copy)]
enum Sessions {
    Named(&'static [&'static str]),
    /// The default of Boto3: `botocore-session-` and the start time in seconds.
    Botocore,
    /// A fleet of EC2 instances; the session name is the instance id.
    Instances,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Network {
    Office,
    OfficeV6,
    Nat,
    Outside,
    /// The network of the attacker: used with the leaked key only.
    Stranger,
    Dns,
    Internal,
}

/// A person, a workload or an AWS service that calls AWS.
#[derive(Debug)]
pub struct Actor {
    name: &'static str,
    /// The account whose trail records the calls of this actor.
    pub account: &'static Account,
    form: Form,
    network: Network,
    agent: &'static str,
}

/// The fields of one record that describe its caller: an actor, with the session, key and address that the actor has at
/// the time of the call.
#[derive(Debug, Clone)]
pub struct CallingActor {
    /// The account whose trail records the call.
    pub account: &'static Account,
    /// The `userIdentity` as JSON text; empty if the record has none.
    pub identity: String,
    /// The caller's ARN, as error messages contain it; for callers without an ARN, a name.
    pub arn: String,
    /// The name of the user, role or service, without a path.
    pub name: &'static str,
    /// The `sourceIPAddress`: an IP address, the DNS name of an AWS service, or `AWS Internal`.
    pub address: String,
    /// The `userAgent` of the record.
    pub agent: String,
    /// Whether AWS itself makes the call: an AWS service, or a role that AWS uses internally.
    pub is_service: bool,
}

const CLI: &str = "aws-cli/2.22.4 md/awscrt#0.23.4 ua/2.0 os/linux#6.1.115 lang/python#3.12.6";
const BOTO: &str = "Boto3/1.35.71 md/Botocore#1.35.71 ua/2.0 os/linux#6.1.115 lang/python#3.11.10";
const JAVA: &str =
    "aws-sdk-java/2.29.20 md/io#async md/http#NettyNio ua/2.1 os/Linux#6.1 lang/java";
const GO: &str = "aws-sdk-go-v2/1.32.5 os/linux lang/go#1.23.3 md/GOOS#linux md/GOARCH#arm64";
const TERRAFORM: &str = "APN/1.0 HashiCorp/1.0 Terraform/1.9.8 terraform-provider-aws/5.78.0";
const BROWSER: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0";
const CONSOLE: &str = "aws-internal/3 aws-sdk-java/1.12.777 Linux/5.10.227 vendor/Amazon.com_Inc.";
const SCANNER: &str = "Prowler/4.6.0 Boto3/1.35.71 md/Botocore#1.35.71 os/linux#6.6.51";

#[rustfmt::skip] // one line each, so that they compare
const fn actor(name: &'static str, account: &'static Account, form: Form, network: Network, agent: &'static str) -> Actor {
    Actor { name, account, form, network, agent }
}

#[rustfmt::skip] // one line each, so that they compare
const ACTORS: &[Actor] = &[
    actor("checkout-api", PROD, Role(Botocore), Nat, BOTO),
    actor("search-indexer", PROD, Role(Instances), Nat, JAVA),
    actor("image-resizer", PROD, Role(Named(&["image-resizer"])), Nat, GO),
    actor("payments-worker", PROD, Role(Named(&["payments-7d9f4c", "payments-b51e08"])), Nat, GO),
    actor("nightly-export", PROD, Role(Named(&["nightly-export"])), Nat, BOTO),
    actor("cluster-autoscaler", PROD, Role(Instances), Nat, GO),
    actor("legacy-batch", PROD, BareRole(Instances), Nat, JAVA),
    actor("security-audit", PROD, Role(Named(&["weekly-scan"])), Nat, SCANNER),
    actor("config-probe", PROD, Role(Named(&["configProbe"])), Internal, "AWS Internal"),
    actor("AWSServiceRoleForAutoScaling", PROD, Role(Named(&["AutoScaling"])), Internal, GO),
    actor("github-deploy", STAGING, Role(Named(&["GitHubActions"])), Nat, TERRAFORM),
    actor("terraform-ci", STAGING, Role(Botocore), Nat, TERRAFORM),
    actor("AWSReservedSSO_Developer_4f1d0a7be2c93685", STAGING, Role(Named(&["mira.okafor@example.com", "tomasz.lind@example.com"])), OfficeV6, CONSOLE),
    actor("warehouse-loader", CHINA, Role(Instances), Nat, JAVA),
    actor("cn-sync", CHINA, User, Nat, CLI),
    actor("root", PROD, Root, Office, BROWSER),
    actor("lena.varga", PROD, User, Office, BROWSER),
    actor("partner-feed", PROD, User, Nat, BOTO),
    actor("ci-legacy-deploy", PROD, User, Nat, CLI),
    actor("leaked-ci-key", PROD, User, Stranger, CLI),
    actor("svc-monitor", PROD, User, Stranger, CLI),
    actor("backup-2019", PROD, User, Outside, BOTO),
    actor("kiosk-feed", PROD, Federated, Nat, JAVA),
    actor("jonas.berg@example.com", STAGING, Saml, Office, BROWSER),
    actor("cart-worker", STAGING, WebIdentity("system:serviceaccount:shop:cart"), Nat, GO),
    actor("release-bot", STAGING, WebIdentity("repo:shop/web:ref:refs/heads/main"), Nat, GO),
    actor("amelie.roux", STAGING, IdentityCenter, OfficeV6, BROWSER),
    actor("supplier", PROD, Outsider, Outside, JAVA),
    actor("supplier-role", PROD, OutsiderRole, Nat, BOTO),
    actor("visitor", PROD, Anonymous, Outside, BROWSER),
    actor("delivery.logs.amazonaws.com", PROD, Service, Dns, ""),
    actor("cloudtrail.amazonaws.com", PROD, Service, Dns, ""),
    actor("autoscaling.amazonaws.com", STAGING, Service, Dns, ""),
    actor("directory-login", STAGING, Directory, Office, BROWSER),
    actor("someone", STAGING, Unknown, Office, BROWSER),
    actor("mistyped", PROD, Hidden, Office, BROWSER),
    // The session names and the user agent attack programs that print them.
    actor("hostile-session", STAGING, Role(Named(&["<script>alert(1)</script>", "=HYPERLINK(\"http://example.net\")"])), Nat, "curl/8.10 \u{1b}[2J\u{1b}[31m[click](javascript:alert(1)) \u{202e}gpj.eciovni"),
    actor("nobody", STAGING, Missing, Internal, "AWS Internal"),
];

/// Returns the actor of the demo with this name; for an unknown name, the actor `nobody`, whose records have no
/// `userIdentity`.
pub fn find(name: &str) -> &'static Actor {
    let found = ACTORS.iter().find(|actor| actor.name == name);
    found.unwrap_or(&ACTORS[ACTORS.len() - 1])
}

impl Actor {
    /// Returns the caller for a call that this actor makes at `time`, in seconds since 1970.
    ///
    /// Sessions that Boto3 names, and temporary keys, change every hour.
    pub fn call(&self, random: &mut Random, time: i64) -> CallingActor {
        let session = self.session(random, time);
        let arn = self.arn(&session);
        // The console signs with a temporary key, even for an IAM user.
        let key = match self.form {
            User if self.agent != BROWSER => self.key(),
            _ => {
                let session = format!("{arn}{}", time.div_euclid(3600));
                key_id("ASIA", self.key_account(), &mut Random::of(&session))
            }
        };
        let agent = if self.network == Dns {
            self.name
        } else {
            self.agent
        };
        CallingActor {
            account: self.account,
            identity: self.identity(&session, &arn, &key, time),
            arn,
            name: self.user_name(),
            address: self.address(random),
            agent: agent.to_owned(),
            is_service: matches!(self.network, Dns | Internal),
        }
    }

    /// Returns the id of the long-term access key with which this actor signs, if the actor is an IAM user. The id is
    /// the same for every seed.
    pub fn key(&self) -> String {
        key_id(
            "AKIA",
            self.key_account(),
            &mut Random::of(self.user_name()),
        )
    }

    /// Returns the id of the account that the actor's keys belong to.
    fn key_account(&self) -> &'static str {
        match self.form {
            Outsider | OutsiderRole => FOREIGN,
            _ => self.account.id,
        }
    }

    /// Returns the user name; the actor with the leaked key acts as the user `ci-legacy-deploy`.
    fn user_name(&self) -> &'static str {
        if self.name == "leaked-ci-key" {
            "ci-legacy-deploy"
        } else {
            self.name
        }
    }

    fn session(&self, random: &mut Random, time: i64) -> String {
        match self.form {
            Role(Named(names)) | BareRole(Named(names)) => (*random.pick(names)).to_owned(),
            Role(Botocore) | BareRole(Botocore) => {
                format!("botocore-session-{}", time.div_euclid(3600) * 3600)
            }
            Role(Instances) | BareRole(Instances) => {
                let fleet = format!("{}{}", self.name, random.below(8));
                format!("i-0{}", Random::of(&fleet).hex(16))
            }
            OutsiderRole => "replicator".to_owned(),
            _ => String::new(),
        }
    }

    fn arn(&self, session: &str) -> String {
        let (partition, id, name) = (self.account.partition, self.account.id, self.user_name());
        match self.form {
            Root => format!("arn:{partition}:iam::{id}:root"),
            User => format!("arn:{partition}:iam::{id}:user/{name}"),
            Role(_) | BareRole(_) => {
                format!("arn:{partition}:sts::{id}:assumed-role/{name}/{session}")
            }
            Federated => format!("arn:{partition}:sts::{id}:federated-user/{name}"),
            Outsider => format!("arn:{partition}:iam::{FOREIGN}:user/{name}"),
            OutsiderRole => format!("arn:{partition}:sts::{FOREIGN}:assumed-role/{name}/{session}"),
            Anonymous => "anonymous".to_owned(),
            _ => name.to_owned(),
        }
    }

    fn address(&self, random: &mut Random) -> String {
        match self.network {
            Office => format!("198.51.100.{}", 10 + random.below(20)),
            OfficeV6 => format!("2001:db8:4:2::{:x}", 16 + random.below(16)),
            Nat => format!("192.0.2.{}", 64 + random.below(4)),
            Outside => format!("2001:db8:77:{:x}::9", random.below(4096)),
            Stranger => format!("203.0.113.{}", 60 + random.below(8)),
            Dns => self.name.to_owned(),
            Internal => "AWS Internal".to_owned(),
        }
    }

    fn identity(&self, session: &str, arn: &str, key: &str, time: i64) -> String {
        let name = self.user_name();
        let (account, subject) = (self.account, self.subject());
        fill(self.template(), |blank| match blank {
            "id" => account.id.to_owned(),
            "foreign" => FOREIGN.to_owned(),
            "partition" => account.partition.to_owned(),
            "name" => name.to_owned(),
            "subject" => subject.to_owned(),
            // Session names may contain any text, including quotes.
            "arn" => within_quotes(arn),
            "session" => within_quotes(session),
            "key" => key.to_owned(),
            "user" => format!("AIDA{}EXAMPLE", Random::of(name).base32(10)),
            "role" => format!("AROA{}EXAMPLE", Random::of(name).base32(10)),
            "path" if name.starts_with("AWSReservedSSO_") => {
                "aws-reserved/sso.amazonaws.com/".into()
            }
            "path" if name.starts_with("AWSServiceRoleFor") => {
                "aws-service-role/autoscaling/".into()
            }
            "uuid" => Random::of(name).uuid(),
            "began" => moment(time.div_euclid(3600) * 3600),
            _ => String::new(),
        })
    }

    fn subject(&self) -> &'static str {
        if let WebIdentity(subject) = self.form {
            subject
        } else {
            ""
        }
    }

    fn template(&self) -> &'static str {
        match self.form {
            Root => identity::ROOT,
            User => identity::USER,
            Role(_) if self.network == Internal => identity::ROLE_INTERNAL,
            Role(_) if self.name == "github-deploy" => identity::ROLE_GITHUB,
            Role(_) => identity::ROLE,
            BareRole(_) => identity::BARE_ROLE,
            Federated => identity::FEDERATED,
            Saml => identity::SAML,
            WebIdentity(subject) if subject.starts_with("repo:") => identity::WEB_GITHUB,
            WebIdentity(_) => identity::WEB_CLUSTER,
            IdentityCenter => identity::IDENTITY_CENTER,
            Outsider => identity::OUTSIDER,
            OutsiderRole => identity::OUTSIDER_ROLE,
            Anonymous => identity::ANONYMOUS,
            Service => identity::SERVICE,
            Directory => identity::DIRECTORY,
            Unknown => identity::UNKNOWN,
            Hidden => identity::HIDDEN,
            Missing => "",
        }
    }
}

/// The JSON text of each kind of `userIdentity`, with placeholders such as `$arn`.
mod identity {
    pub const ROOT: &str =
        r#"{"type":"Root","principalId":"$id","arn":"$arn","accountId":"$id","accessKeyId":""}"#;
    pub const USER: &str = r#"{"type":"IAMUser","principalId":"$user","arn":"$arn","accountId":"$id","accessKeyId":"$key","userName":"$name"}"#;
    pub const ROLE: &str = r#"{"type":"AssumedRole","principalId":"$role:$session","arn":"$arn","accountId":"$id","accessKeyId":"$key","sessionContext":{"sessionIssuer":{"type":"Role","principalId":"$role","arn":"arn:$partition:iam::$id:role/$path$name","accountId":"$id","userName":"$name"},"webIdFederationData":{},"attributes":{"creationDate":"$began","mfaAuthenticated":"false"}}}"#;
    pub const ROLE_INTERNAL: &str = r#"{"type":"AssumedRole","principalId":"$role:$session","arn":"$arn","accountId":"$id","accessKeyId":"$key","sessionContext":{"sessionIssuer":{"type":"Role","principalId":"$role","arn":"arn:$partition:iam::$id:role/$path$name","accountId":"$id","userName":"$name"},"attributes":{"creationDate":"$began","mfaAuthenticated":"false"}},"invokedBy":"AWS Internal"}"#;
    pub const ROLE_GITHUB: &str = r#"{"type":"AssumedRole","principalId":"$role:$session","arn":"$arn","accountId":"$id","accessKeyId":"$key","sessionContext":{"sessionIssuer":{"type":"Role","principalId":"$role","arn":"arn:$partition:iam::$id:role/$name","accountId":"$id","userName":"$name"},"webIdFederationData":{"federatedProvider":"arn:$partition:iam::$id:oidc-provider/token.actions.githubusercontent.com","attributes":{}},"attributes":{"creationDate":"$began","mfaAuthenticated":"false"}}}"#;
    pub const BARE_ROLE: &str = r#"{"type":"AssumedRole","principalId":"$role:$session","arn":"$arn","accountId":"$id","accessKeyId":"$key","sessionContext":{"attributes":{"creationDate":"$began","mfaAuthenticated":"false"}}}"#;
    pub const FEDERATED: &str = r#"{"type":"FederatedUser","principalId":"$id:$name","arn":"$arn","accountId":"$id","accessKeyId":"$key","sessionContext":{"sessionIssuer":{"type":"IAMUser","principalId":"$user","arn":"arn:$partition:iam::$id:user/kiosk-broker","accountId":"$id","userName":"kiosk-broker"},"attributes":{"creationDate":"$began","mfaAuthenticated":"false"}}}"#;
    pub const SAML: &str = r#"{"type":"SAMLUser","principalId":"kJw0Zr5tBn1q9eXaMpLe:$name","userName":"$name","identityProvider":"kJw0Zr5tBn1q9eXaMpLe"}"#;
    pub const WEB_GITHUB: &str = r#"{"type":"WebIdentityUser","principalId":"arn:$partition:iam::$id:oidc-provider/token.actions.githubusercontent.com:sts.amazonaws.com:$subject","userName":"$subject","identityProvider":"arn:$partition:iam::$id:oidc-provider/token.actions.githubusercontent.com"}"#;
    pub const WEB_CLUSTER: &str = r#"{"type":"WebIdentityUser","principalId":"arn:$partition:iam::$id:oidc-provider/oidc.eks.eu-central-1.amazonaws.com/id/EXAMPLE0D1E2F3:sts.amazonaws.com:$subject","userName":"$subject","identityProvider":"arn:$partition:iam::$id:oidc-provider/oidc.eks.eu-central-1.amazonaws.com/id/EXAMPLE0D1E2F3"}"#;
    pub const IDENTITY_CENTER: &str = r#"{"type":"IdentityCenterUser","accountId":"$id","onBehalfOf":{"userId":"$uuid","identityStoreArn":"arn:$partition:identitystore::$id:identitystore/d-99670example"},"credentialId":"$key"}"#;
    pub const OUTSIDER: &str =
        r#"{"type":"AWSAccount","principalId":"$user","accountId":"$foreign"}"#;
    pub const OUTSIDER_ROLE: &str =
        r#"{"type":"AWSAccount","principalId":"$role:$session","accountId":"$foreign"}"#;
    pub const ANONYMOUS: &str =
        r#"{"type":"AWSAccount","principalId":"","accountId":"ANONYMOUS_PRINCIPAL"}"#;
    pub const SERVICE: &str = r#"{"type":"AWSService","invokedBy":"$name"}"#;
    pub const DIRECTORY: &str = r#"{"type":"Directory","accountId":"$id","userName":"$name"}"#;
    pub const UNKNOWN: &str =
        r#"{"type":"Unknown","principalId":"$id","arn":"","accountId":"$id","accessKeyId":""}"#;
    pub const HIDDEN: &str = r#"{"type":"IAMUser","accountId":"$id","accessKeyId":"","userName":"HIDDEN_DUE_TO_SECURITY_REASONS"}"#;
}

fn within_quotes(text: &str) -> String {
    let quoted = quote(text);
    quoted[1..quoted.len() - 1].to_owned()
}

impl CallingActor {
    /// Checks whether the call is made in the AWS Management Console, judged by the user agent.
    pub fn is_from_console(&self) -> bool {
        self.agent == CONSOLE || self.agent == BROWSER
    }
}

/// Returns the id of an access key of an account. AWS writes the account into the id: it is 40 of the first 45 bits.
pub fn key_id(prefix: &str, account_id: &str, random: &mut Random) -> String {
    let account: u64 = account_id.parse().unwrap_or_default();
    let rest = random.base32(4);
    let bits = account << 4 | u64::from(rest.as_bytes()[0] % 16);
    let letter = |place: u64| char::from(BASE32[(bits >> (5 * place) & 31) as usize]);
    let account: String = (0..9).rev().map(letter).collect();
    format!("{prefix}{account}{}DEMO", &rest[1..])
}

#[cfg(test)]
pub(super) fn has(name: &str) -> bool {
    ACTORS.iter().any(|actor| actor.name == name)
}
