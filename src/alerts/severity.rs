//! Computes the severity of clusters and alerts: a sum of terms, each with its reason.
//!
//! The reasons explain why one refusal is an error and another one is only information. Ten points are
//! one step of severity; `Severity::of_points` has the thresholds. The terms answer the first questions
//! of people on call:
//!
//! - class: did the call fail because a permission is missing?
//! - access: does the call change something?
//! - effect: what did a sensitive call do that succeeded?
//! - principal: is the caller powerful, or from another account?
//! - origin: is the caller a program that is known to probe? An AWS service that calls with the permissions of a
//!   person, a role or a key (`via athena`) is no excuse.

mod reasons;

use std::cmp::Ordering;

use clusters::circumstance::{
    Access, Caller, Circumstance, Circumstances, ProgramKind, SENSITIVE_SERVICES,
};
use clusters::class::Class;
use clusters::delivery::is_delivery;
use clusters::facet::Facets;
use clusters::fingerprint::{ClusterSubject, Identity, NO_CODE};
use clusters::incident::severity::IncidentSeverity;
use clusters::watch::Tier;
use clusters::{Cluster, Span};
use records::time::Timestamp;

use crate::alert::Alert;
use crate::facts::incident::IncidentFacts;
use crate::facts::{CampaignFacts, Facts, Shape};
use crate::hint::sensitive::{self, Effect};
use crate::locale::Language;
use crate::severity::reasons::Both;

pub use self::reasons::Reason;

/// The severity of a cluster or an alert, by how soon people should react.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, strum::IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
pub enum Severity {
    /// Only for information.
    Info,
    /// To be handled on the next working day.
    Warning,
    /// To be handled today.
    Error,
    /// To be handled immediately.
    Critical,
}

/// A severity, with the points and the reasons that led to it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Assessment {
    /// The severity that follows from [`Self::points`], or that a rule sets instead.
    pub severity: Severity,
    /// The sum of the points of all reasons; ten points are one step of severity.
    pub points: i32,
    /// The reasons for the severity. Last is the name of a rule that sets the severity instead of the points, if there
    /// is one.
    pub reasons: Vec<Reason>,
}

impl Assessment {
    /// Returns the reasons in words for people, without points.
    pub fn sentences(&self, language: Language) -> Vec<String> {
        let reasons = self.reasons.iter();
        reasons.map(|reason| reason.sentence(language)).collect()
    }
}

impl Severity {
    /// Returns the name of the severity, such as `warning`. It does not change between releases.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// Returns the name of the severity in Chinese, see [`crate::terms::severity`].
    pub(crate) fn chinese(self) -> &'static str {
        match self {
            Self::Info => "信息",
            Self::Warning => "警告",
            Self::Error => "重要",
            Self::Critical => "紧急",
        }
    }

    /// Returns the severity with this [`Self::name`]; `None` for any other text.
    pub fn from_name(name: &str) -> Option<Self> {
        let all = [Self::Info, Self::Warning, Self::Error, Self::Critical];
        all.into_iter().find(|severity| severity.name() == name)
    }

    fn of_points(points: i32) -> Self {
        match points {
            ..WARNING_POINTS => Self::Info,
            WARNING_POINTS..ERROR_POINTS => Self::Warning,
            ERROR_POINTS..CRITICAL_POINTS => Self::Error,
            CRITICAL_POINTS.. => Self::Critical,
        }
    }
}

impl From<IncidentSeverity> for Severity {
    fn from(of: IncidentSeverity) -> Self {
        match of {
            IncidentSeverity::Warning => Self::Warning,
            IncidentSeverity::Error => Self::Error,
            IncidentSeverity::Critical => Self::Critical,
        }
    }
}

/// The fewest points of a warning.
const WARNING_POINTS: i32 = 8;
/// The fewest points of an error.
const ERROR_POINTS: i32 = 18;
/// The fewest points of a critical cluster or alert.
const CRITICAL_POINTS: i32 = 28;

/// Read calls that consoles and service back ends make without a request of a user.
const PROBES: [&str; 8] = [
    "DescribeEventAggregates",
    "DescribeOrganization",
    "ListAccounts",
    "ListDelegatedAdministrators",
    "GetMetricData",
    "ListResourceTags",
    "GetAccountPublicAccessBlock",
    "ListNotificationHubs",
];

/// After this many seconds a broken delivery of an AWS service is weighed higher, because it will not be
/// repaired by itself.
const PERSISTING_SECONDS: i64 = 86_400;

/// A campaign of this multiple of its threshold is weighed higher.
const LARGE_TIMES: usize = 4;

/// Computes the severity of a cluster from the facts that all its events share (`subject`) and those that
/// differ (`circumstances`).
///
/// The result is the highest severity over all circumstances; without circumstances only the subject
/// counts. `span` is the time range of the events.
pub fn of(subject: &ClusterSubject, circumstances: &Circumstances, span: Span) -> Assessment {
    let all = circumstances.iter();
    let terms = all.map(|circumstance| Terms::of(subject, circumstance, span));
    let none = || Terms::of(subject, &Circumstance::default(), span).assessment();
    highest(terms).map_or_else(none, |terms| terms.assessment())
}

/// Computes the severity of a cluster from the events in `cluster` only, without stored data about earlier
/// events.
pub fn of_cluster(cluster: &Cluster) -> Assessment {
    assess_with_history(cluster, None, Circumstances::new())
}

/// Computes the severity of a cluster from the events in `cluster` and from stored data about its other
/// events.
///
/// `first_seen` is the time of the cluster's first event. `all` are the circumstances of its other events:
/// the facts about their calls that decide the severity.
pub fn assess_with_history(
    cluster: &Cluster,
    first_seen: Option<Timestamp>,
    mut all: Circumstances,
) -> Assessment {
    let subject = ClusterSubject::from(&cluster.facts.identity);
    let circumstance =
        |facets: &Facets| Circumstance::of(&subject.account_id, |kind| facets.get(kind));
    all.extend(cluster.facet_sets.iter().map(circumstance));
    let first_seen = first_seen.into_iter().chain(cluster.span.first_seen).min();
    of(
        &subject,
        &all,
        Span {
            first_seen,
            ..cluster.span
        },
    )
}

/// Computes the severity of the events of a cluster that have the same facets, such as caller and region.
/// `span` is the time range of these events.
pub fn assess_facets(identity: &Identity, facets: &Facets, span: Span) -> Assessment {
    let subject = ClusterSubject::from(identity);
    let circumstance = Circumstance::of(&subject.account_id, |kind| facets.get(kind));
    of(&subject, &[circumstance].into(), span)
}

/// Computes the severity of an alert that is not about a cluster, or whose cluster is no longer stored.
///
/// An alert that reports the end of a problem has the severity of the alert that reported its beginning. So
/// a policy that sends one of them sends both.
pub fn of_alert(alert: &Alert) -> Assessment {
    let mut terms = Terms::default();
    match &alert.facts {
        Facts::Campaign(campaign) => terms.campaign(campaign),
        Facts::Incident(incident) => return of_incident(incident),
        Facts::NewAccount(_) => terms.add(10, reasons::NEW_ACCOUNT),
        Facts::Silence(_) => terms.add(20, reasons::NO_DATA),
        Facts::Drill(_) => terms.add(0, reasons::DRILL),
        Facts::DrillFailed(_) => terms.add(20, reasons::DRILL_FAILED),
        Facts::Escalation(_) if alert.cluster().is_none() => {
            terms.add(18, reasons::ACCOUNT_ESCALATES);
        }
        Facts::Digest(_) => terms.add(10, reasons::DIGEST),
        Facts::AccessKey(_) => terms.add(10, reasons::ACCESS_KEY),
        Facts::Summary(_) | Facts::Learned(_) => terms.add(0, reasons::RECORD),
        Facts::SensitiveCall(call) => {
            let subject = ClusterSubject::from(&call.identity(alert.account_id()));
            return of(&subject, &Circumstances::new(), Span::default());
        }
        _ => terms.add(10, reasons::NO_CLUSTER),
    }
    terms.assessment()
}

/// Returns the severity of an incident, which follows from its steps and evidence. The points are the fewest of that
/// severity.
fn of_incident(incident: &IncidentFacts) -> Assessment {
    Assessment {
        severity: incident.severity.into(),
        points: match incident.severity {
            IncidentSeverity::Warning => WARNING_POINTS,
            IncidentSeverity::Error => ERROR_POINTS,
            IncidentSeverity::Critical => CRITICAL_POINTS,
        },
        reasons: vec![Reason::of_incident(&incident.reason)],
    }
}

fn highest<'a>(all: impl Iterator<Item = Terms<'a>>) -> Option<Terms<'a>> {
    all.reduce(|highest, terms| {
        let weight = |terms: &Terms<'_>| (terms.severity(), terms.points);
        let is_higher = match weight(&terms).cmp(&weight(&highest)) {
            // Among equals the order of the reasons as text decides, so that the result is always the same.
            Ordering::Equal => terms != highest && terms.reasons() < highest.reasons(),
            order => order.is_gt(),
        };
        if is_higher { terms } else { highest }
    })
}

/// The terms of a severity.
#[derive(Debug, Default, PartialEq, Eq)]
struct Terms<'a> {
    points: i32,
    terms: Vec<(i32, Both)>,
    /// The severity that a rule sets instead of the sum, and the name of the rule.
    ruled: Option<(Severity, &'a str)>,
}

impl<'a> Terms<'a> {
    fn of(subject: &ClusterSubject, circumstance: &'a Circumstance, span: Span) -> Self {
        let mut terms = Self::default();
        terms.class(subject.class);
        terms.access(subject, circumstance.access);
        terms.caller(subject, circumstance);
        terms.means(subject, circumstance, span);
        terms.strength(subject, circumstance);
        terms.attack_tool(subject, circumstance);
        let ruled = circumstance.ruled.as_ref();
        terms.ruled = ruled.and_then(|(severity, rule)| {
            Severity::from_name(severity).map(|severity| (severity, rule.as_str()))
        });
        terms
    }

    fn severity(&self) -> Severity {
        let ruled = self.ruled.map(|(severity, _)| severity);
        ruled.unwrap_or(Severity::of_points(self.points))
    }

    fn reasons(&self) -> Vec<Reason> {
        let terms = self.terms.iter();
        let terms = terms.map(|(points, reason)| Reason::of(Some(*points), *reason));
        let ruled = self
            .ruled
            .map(|(severity, rule)| Reason::of_rule(severity, rule));
        terms.chain(ruled).collect()
    }

    fn assessment(&self) -> Assessment {
        Assessment {
            severity: self.severity(),
            points: self.points,
            reasons: self.reasons(),
        }
    }

    fn add(&mut self, points: i32, reason: Both) {
        self.points += points;
        self.terms.push((points, reason));
    }

    fn campaign(&mut self, campaign: &CampaignFacts) {
        self.add(10, reasons::CAMPAIGN);
        for shape in &campaign.shapes {
            let (points, reason) = match shape {
                Shape::Breadth => (8, reasons::MANY_CALLS),
                Shape::Depth => (5, reasons::MANY_RESOURCES),
                Shape::Spread => (10, reasons::MANY_REGIONS),
                Shape::Widespread => (8, reasons::MANY_CALLERS),
                Shape::BruteForce => (5, reasons::ONE_PASSWORD),
                Shape::Spraying => (10, reasons::MANY_PASSWORDS),
            };
            self.add(points, reason);
        }
        let is_guessed = campaign.shapes.contains(&Shape::BruteForce);
        if is_guessed && (campaign.actor == "root" || campaign.actor.ends_with(":root")) {
            self.add(15, reasons::ROOT);
        }
        if campaign.reached >= LARGE_TIMES {
            self.add(5, reasons::LARGE);
        }
    }

    fn class(&mut self, class: Class) {
        let (points, reason) = match class {
            Class::Vpce => (10, reasons::VPC_ENDPOINT),
            Class::Signin => (10, reasons::SIGN_IN),
            Class::Denied => (10, reasons::DENIED),
            Class::Auth => (10, reasons::CREDENTIALS),
            Class::Quota => (10, reasons::LIMIT),
            Class::Server => (10, reasons::AWS_FAILED),
            Class::Other => (10, reasons::UNKNOWN_CLASS),
            Class::Watch => (10, reasons::SENSITIVE_CALL),
            Class::Throttle => (0, reasons::TOO_MANY_REQUESTS),
            Class::Absent => (0, reasons::NOT_THERE),
            Class::Conflict => (0, reasons::OTHER_STATE),
            Class::Invalid => (0, reasons::INVALID),
            Class::Dryrun => (0, reasons::DRY_RUN),
        };
        self.add(points, reason);
    }

    fn access(&mut self, subject: &ClusterSubject, access: Access) {
        if subject.class == Class::Watch {
            self.effect(subject);
        }
        let writes = access == Access::Write;
        if writes && matches!(subject.class, Class::Denied | Class::Vpce | Class::Absent) {
            self.add(10, reasons::CHANGES);
        }
        let sensitive = SENSITIVE_SERVICES.contains(&subject.service.as_str());
        if sensitive && matches!(subject.class, Class::Denied | Class::Auth | Class::Watch) {
            self.add(5, reasons::PERMISSIONS);
        }
    }

    /// Adds the effect of a sensitive call that succeeded. The sum is higher than that of the same call if it is
    /// refused, unless such calls are part of daily work.
    fn effect(&mut self, subject: &ClusterSubject) {
        let details = subject.call.as_ref();
        let effect = sensitive::effect(&subject.service, &subject.action, details);
        let (points, reason) = match effect {
            Some(Effect::Blinds) => (20, reasons::BLINDS),
            Some(Effect::Destroys) => (20, reasons::DESTROYS),
            Some(Effect::GivesPower) => (12, reasons::GIVES_POWER),
            Some(Effect::ChangesRecords) => (12, reasons::CHANGES_RECORDS),
            Some(Effect::SharesData) => (12, reasons::SHARES_DATA),
            Some(Effect::OpensNetwork) => (12, reasons::OPENS_NETWORK),
            Some(Effect::RunsCode) => (12, reasons::RUNS_CODE),
            Some(Effect::ReadsSecrets) => (12, reasons::READS_SECRETS),
            Some(Effect::Costs) => (11, reasons::COSTS),
            None => (11, reasons::WATCHED),
        };
        self.add(points, reason);
        let Some(details) = details.filter(|details| !details.is_strong) else {
            return;
        };
        let daily = reasons::DAILY;
        match (details.tier, effect) {
            (Tier::First, Some(Effect::Blinds | Effect::Destroys)) => self.add(-18, daily),
            (Tier::First, _) => self.add(-10, daily),
            (_, Some(Effect::Blinds | Effect::Destroys)) => self.add(-8, daily),
            (_, Some(Effect::GivesPower)) => {}
            _ => self.add(-10, daily),
        }
    }

    /// Makes a strong sensitive call at least an error, and a weak one that many callers make every day at most a
    /// warning. It comes last but one, because it looks at the sum.
    fn strength(&mut self, subject: &ClusterSubject, circumstance: &Circumstance) {
        if subject.class != Class::Watch || circumstance.means == ProgramKind::AwsService {
            return;
        }
        let details = subject.call.as_ref();
        let is_strong = details.is_none_or(|details| details.is_strong);
        let is_routine = details.is_some_and(|of| of.tier == Tier::First) && !is_strong;
        if is_strong && self.points < ERROR_POINTS {
            let missing = ERROR_POINTS - self.points;
            self.add(missing, reasons::STRONG);
        } else if is_routine && self.points >= ERROR_POINTS {
            let surplus = self.points - (ERROR_POINTS - 1);
            self.add(-surplus, reasons::ROUTINE);
        }
    }

    fn caller(&mut self, subject: &ClusterSubject, circumstance: &Circumstance) {
        let refusal = matches!(
            subject.class,
            Class::Denied | Class::Auth | Class::Signin | Class::Vpce | Class::Watch
        );
        if !refusal {
            return;
        }
        if circumstance.caller == Caller::Root {
            self.add(10, reasons::ROOT);
        }
        if circumstance.is_long_term_key {
            self.add(3, reasons::LONG_TERM_KEY);
        }
        if circumstance.is_foreign {
            self.add(5, reasons::FOREIGN);
        }
        if subject.class == Class::Signin && (circumstance.is_mfa || subject.action == "CheckMfa") {
            self.add(10, reasons::WITH_MFA);
        }
    }

    fn means(&mut self, subject: &ClusterSubject, circumstance: &Circumstance, span: Span) {
        let reads = circumstance.access == Access::Read;
        match circumstance.means {
            ProgramKind::Console if reads && subject.class != Class::Signin => {
                self.add(-10, reasons::CONSOLE_PAGE);
            }
            // What a service reports as failed, such as a rotation, is the account's own.
            ProgramKind::AwsService if subject.code != NO_CODE => {
                self.add(-15, reasons::AWS_SERVICE);
                if persists(span) && is_broken_delivery(subject, circumstance) {
                    self.add(15, reasons::BROKEN_DELIVERY);
                }
            }
            ProgramKind::Scanner if reads => self.add(-10, reasons::SCANNER),
            _ => {}
        }
        if reads && subject.class == Class::Denied && PROBES.contains(&subject.action.as_str()) {
            self.add(-5, reasons::PROBE);
        }
        if circumstance.caller == Caller::Anonymous {
            self.add(-10, reasons::UNSIGNED);
        }
    }

    /// Makes everything that a tool made for attacks does at least an error, and what it succeeded in critical.
    /// It comes last, because it looks at the sum.
    fn attack_tool(&mut self, subject: &ClusterSubject, circumstance: &Circumstance) {
        if circumstance.means != ProgramKind::AttackTool {
            return;
        }
        let least = match subject.class {
            Class::Watch => CRITICAL_POINTS,
            _ => ERROR_POINTS,
        };
        self.add((least - self.points).max(15), reasons::ATTACK_TOOL);
    }
}

fn persists(span: Span) -> bool {
    match (span.first_seen, span.last_seen) {
        (Some(first), Some(last)) => last.seconds_since(first) > PERSISTING_SECONDS,
        _ => false,
    }
}

/// Checks whether an AWS service is refused when it delivers something, or when it changes something on its own
/// behalf. Other refused calls of services, above all the reads of service-linked roles, are probes, and the
/// permissions of these roles cannot be changed.
fn is_broken_delivery(subject: &ClusterSubject, circumstance: &Circumstance) -> bool {
    let delivers = is_delivery(
        &subject.service,
        &subject.action,
        circumstance.is_service_linked,
    );
    let changes = circumstance.access == Access::Write && !circumstance.is_service_linked;
    // Without the role that it was given, a service does nothing of what it was set up for.
    let needs_role = subject.service == "sts" && subject.action == "AssumeRole";
    subject.class == Class::Denied && (delivers || changes || needs_role)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use clusters::facet::FacetKind;
    use clusters::fingerprint::ClusterId;
    use clusters::summary::Excerpt;
    use clusters::transition::SensitiveCall;
    use clusters::watch::{CallDetails, Watches};

    use super::*;
    use crate::facts::Stage;

    fn severity(class: Class, service: &str, facets: &[(FacetKind, &str)]) -> (Severity, String) {
        let assessment = assessed(class, service, "X", facets, Span::default());
        (assessment.severity, points(&assessment))
    }

    /// Returns the reasons with their points, separated by semicolons.
    fn points(assessment: &Assessment) -> String {
        let reasons: Vec<String> = assessment.reasons.iter().map(Reason::to_string).collect();
        reasons.join("; ")
    }

    fn assessed(
        class: Class,
        service: &str,
        action: &str,
        facets: &[(FacetKind, &str)],
        span: Span,
    ) -> Assessment {
        let identity = Identity {
            partition: "aws".to_owned(),
            account_id: "111122223333".to_owned(),
            service: service.to_owned(),
            action: action.to_owned(),
            class,
            code: "X".to_owned(),
            cause: None,
            template: None,
            addition: None,
        };
        let mut given = Facets::default();
        for (kind, value) in facets {
            given.set(*kind, Some(value));
        }
        assess_facets(&identity, &given, span)
    }

    #[test]
    fn what_is_quiet_is_info_even_after_days() {
        let at = |text| Timestamp::parse(text);
        let span = Span {
            first_seen: at("2026-11-02T08:00:00Z"),
            last_seen: at("2026-11-09T08:00:00Z"),
            ..Span::default()
        };
        let mut count = 0;
        for (class, service) in Class::ALL
            .into_iter()
            .flat_map(|class| ["ec2", "iam", "s3", "kms"].map(|service| (class, service)))
        {
            let action = if service == "kms" { "Decrypt" } else { "GetX" };
            for number in 0..64_u8 {
                let is = |bit: u8| number & (1 << bit) != 0;
                let circumstance = Circumstance {
                    access: if is(0) { Access::Read } else { Access::Write },
                    means: if is(1) {
                        ProgramKind::Scanner
                    } else {
                        ProgramKind::AwsService
                    },
                    is_service_linked: is(2),
                    caller: if is(3) { Caller::Root } else { Caller::Other },
                    is_long_term_key: is(4),
                    is_foreign: is(5),
                    ..Circumstance::default()
                };
                let subject = ClusterSubject {
                    call: None,
                    account_id: "111122223333".to_owned(),
                    service: service.to_owned(),
                    action: action.to_owned(),
                    code: "AccessDenied".to_owned(),
                    class,
                };
                if circumstance.is_quiet(&subject) {
                    count += 1;
                    let severity = of(&subject, &[circumstance.clone()].into(), span).severity;
                    assert_eq!(severity, Severity::Info, "{subject:?} {circumstance:?}");
                }
            }
        }
        assert!(count > 100, "{count}");
    }

    #[test]
    fn several_shapes_several_regions_and_guessing_the_root_password_raise_the_severity() {
        use Shape::{Breadth, BruteForce, Depth, Spraying, Spread, Widespread};
        let caller = "arn:aws:iam::111122223333:user/mallory";
        let root = "arn:aws:iam::111122223333:root";
        let at = Timestamp::parse("2026-11-02T08:00:00Z").unwrap();
        for (shapes, actor, reached, wanted) in [
            (&[Depth][..], caller, 1, Severity::Warning),
            (&[Depth], caller, 4, Severity::Error),
            (&[Breadth], caller, 1, Severity::Error),
            (&[Widespread], "mjqw", 1, Severity::Error),
            (&[Spread], caller, 1, Severity::Error),
            (&[Breadth, Depth], caller, 1, Severity::Error),
            (&[Breadth, Spread], caller, 1, Severity::Critical),
            (&[Spraying], "192.0.2.0/24", 1, Severity::Error),
            (&[BruteForce], caller, 1, Severity::Warning),
            (&[BruteForce], root, 1, Severity::Critical),
            (&[Breadth], root, 1, Severity::Error),
        ] {
            let campaign = CampaignFacts {
                stage: Stage::Ended,
                shapes: shapes.iter().copied().collect(),
                actor: actor.to_owned(),
                began: at,
                opened: at,
                last: at,
                events: 10,
                items: 10,
                reached,
                calls: Excerpt::default(),
                clusters: Excerpt::default(),
            };
            let mut terms = Terms::default();
            terms.campaign(&campaign);
            let assessment = terms.assessment();
            let reasons = points(&assessment);
            assert_eq!(assessment.severity, wanted, "{shapes:?} {actor}: {reasons}");
        }
    }

    #[test]
    fn the_severity_of_a_refusal_depends_on_caller_and_call() {
        use FacetKind::{Access, AccessKey, CallerAccount, Mfa, Origin, PrincipalKind};
        for (class, service, facets, wanted) in [
            (
                Class::Denied,
                "s3",
                &[(Access, "read")][..],
                Severity::Warning,
            ),
            (Class::Denied, "s3", &[(Access, "write")], Severity::Error),
            (
                Class::Denied,
                "s3",
                &[(Access, "read"), (Origin, "console")],
                Severity::Info,
            ),
            (
                Class::Denied,
                "s3",
                &[(Access, "read"), (Origin, "scanner")],
                Severity::Info,
            ),
            (
                Class::Denied,
                "s3",
                &[(Access, "write"), (Origin, "aws-service")],
                Severity::Info,
            ),
            (
                Class::Denied,
                "iam",
                &[(Access, "write"), (AccessKey, "AKIAEXAMPLE")],
                Severity::Critical,
            ),
            (
                Class::Denied,
                "s3",
                &[(Access, "read"), (PrincipalKind, "root")],
                Severity::Error,
            ),
            (
                Class::Denied,
                "s3",
                &[(Access, "read"), (CallerAccount, "999999999999")],
                Severity::Warning,
            ),
            (
                Class::Denied,
                "s3",
                &[(Access, "read"), (Origin, "attack-tool")],
                Severity::Error,
            ),
            (Class::Signin, "signin", &[(Mfa, "yes")], Severity::Error),
            (
                Class::Signin,
                "signin",
                &[(Mfa, "yes"), (PrincipalKind, "root")],
                Severity::Critical,
            ),
            (Class::Absent, "s3", &[(Access, "read")], Severity::Info),
            (Class::Absent, "s3", &[(Access, "write")], Severity::Warning),
            (Class::Throttle, "ssm", &[(Access, "write")], Severity::Info),
        ] {
            let (severity, reasons) = severity(class, service, facets);
            assert_eq!(severity, wanted, "{class:?} {facets:?}: {reasons}");
        }
    }

    #[test]
    fn a_service_that_calls_for_a_caller_excuses_nothing_and_assumed_root_adds_nothing() {
        use FacetKind::{Access, AccessKey, CallerAccount, Origin, PrincipalKind};
        let key = (AccessKey, "AKIAEXAMPLE");
        for (service, facets, wanted) in [
            (
                "s3",
                &[(Access, "read"), (Origin, "via athena")][..],
                Severity::Warning,
            ),
            (
                "kms",
                &[(Access, "write"), (Origin, "via glue"), key],
                Severity::Critical,
            ),
            (
                "kms",
                &[(Access, "write"), (Origin, "aws-service")],
                Severity::Warning,
            ),
            (
                "s3",
                &[(Access, "read"), (PrincipalKind, "assumed-root")],
                Severity::Warning,
            ),
            (
                "s3",
                &[(Access, "write"), (PrincipalKind, "anonymous")],
                Severity::Warning,
            ),
            (
                // A vendor with delegated permissions.
                "s3",
                &[(Access, "write"), (CallerAccount, "777788889999")],
                Severity::Error,
            ),
        ] {
            let (severity, reasons) = severity(Class::Denied, service, facets);
            assert_eq!(severity, wanted, "{service} {facets:?}: {reasons}");
        }
    }

    #[test]
    fn a_sensitive_call_that_succeeded_is_more_severe_than_the_same_call_refused() {
        use FacetKind::{Access, AccessKey, Origin, PrincipalKind};
        for (service, action, wanted) in [
            ("cloudtrail", "StopLogging", Severity::Critical),
            ("cloudtrail", "DeleteTrail", Severity::Critical),
            ("config", "StopConfigurationRecorder", Severity::Critical),
            ("guardduty", "DeleteDetector", Severity::Critical),
            ("securityhub", "DisableSecurityHub", Severity::Critical),
            ("kms", "DisableKey", Severity::Critical),
            ("kms", "ScheduleKeyDeletion", Severity::Critical),
            ("iam", "AttachUserPolicy", Severity::Error),
            ("iam", "CreateAccessKey", Severity::Error),
            ("iam", "UpdateAssumeRolePolicy", Severity::Error),
            ("s3", "PutBucketPolicy", Severity::Error),
            ("guardduty", "UpdateDetector", Severity::Error),
            ("s3", "AnyOtherSensitiveCall", Severity::Error),
        ] {
            for facets in [
                &[(Access, "write")][..],
                &[(Access, "write"), (AccessKey, "AKIAEXAMPLE")],
                &[(Access, "write"), (PrincipalKind, "root")],
                &[(Access, "write"), (Origin, "console")],
                &[(Access, "write"), (Origin, "aws-service")],
            ] {
                let of = |class| assessed(class, service, action, facets, Span::default());
                let (done, refused) = (of(Class::Watch), of(Class::Denied));
                assert!(done.points > refused.points, "{action} {facets:?}");
                assert!(done.severity >= refused.severity, "{action} {facets:?}");
            }
            let role = &[(Access, "write")];
            let done = assessed(Class::Watch, service, action, role, Span::default());
            assert_eq!(done.severity, wanted, "{action}: {:?}", done.reasons);
        }
    }

    /// Returns the severity of the first call of a watch of the table, made with these facets.
    fn of_watch(name: &str, facets: &[(FacetKind, &str)]) -> (Severity, String) {
        let watches = Watches::default();
        let watch = watches.named(name).unwrap();
        let details = CallDetails {
            watch: watch.name.clone(),
            tier: watch.tier,
            is_strong: watch.is_strong,
            technique: None,
            target: None,
            parameters: BTreeMap::new(),
            why: None,
            expected_by: None,
        };
        let (service, action) = watch.calls[0].clone();
        let identity = Identity {
            partition: "aws".to_owned(),
            account_id: "111122223333".to_owned(),
            service,
            action,
            class: Class::Watch,
            code: String::new(),
            cause: None,
            template: Some(details.encode()),
            addition: None,
        };
        let mut given = Facets::default();
        for (kind, value) in facets {
            given.set(*kind, Some(value));
        }
        let assessment = assess_facets(&identity, &given, Span::default());
        (assessment.severity, points(&assessment))
    }

    #[test]
    fn the_effect_and_the_weight_of_a_sensitive_call_decide() {
        use FacetKind::{Access, AccessKey, Origin, PrincipalKind};
        let plain = &[(Access, "write")][..];
        let key = &[(Access, "write"), (AccessKey, "AKIAEXAMPLE")][..];
        let root = &[(Access, "write"), (PrincipalKind, "root")][..];
        let tool = &[(Access, "write"), (Origin, "attack-tool")][..];
        for (watch, facets, wanted) in [
            ("cloudtrail-stop", plain, Severity::Critical),
            ("cloudtrail-change-to-less", plain, Severity::Error),
            ("cloudtrail-change", plain, Severity::Warning),
            ("iam-attach-user-policy-with-power", plain, Severity::Error),
            ("iam-attach-user-policy-with-power", key, Severity::Critical),
            ("iam-create-user", plain, Severity::Error),
            ("iam-attach-role-policy", root, Severity::Warning),
            ("kms-disable", plain, Severity::Error),
            ("logs-delete", plain, Severity::Warning),
            ("security-group-open-widely", plain, Severity::Error),
            ("security-group-open", plain, Severity::Warning),
            ("s3-bucket-policy", plain, Severity::Warning),
            ("lambda-update-code", plain, Severity::Warning),
            (
                "secretsmanager-read",
                &[(Access, "read")],
                Severity::Warning,
            ),
            ("lambda-update-code", tool, Severity::Critical),
        ] {
            let (severity, reasons) = of_watch(watch, facets);
            assert_eq!(severity, wanted, "{watch} {facets:?}: {reasons}");
        }
    }

    #[test]
    fn each_strong_watch_is_an_error_at_least_and_each_routine_one_a_warning_at_most() {
        use FacetKind::{Access, AccessKey, Origin, PrincipalKind};
        for watch in Watches::default().all() {
            for facets in [
                &[(Access, "write")][..],
                &[(Access, "read"), (Origin, "console")],
                &[(PrincipalKind, "anonymous")],
                &[(PrincipalKind, "root"), (AccessKey, "AKIAEXAMPLE")],
            ] {
                let (severity, reasons) = of_watch(&watch.name, facets);
                let place = format!("{} {facets:?}: {reasons}", watch.name);
                if watch.is_strong {
                    assert!(severity >= Severity::Error, "{place}");
                } else if watch.tier == Tier::First {
                    assert!(severity <= Severity::Warning, "{place}");
                }
                let (severity, _) = of_watch(&watch.name, &[(Origin, "attack-tool")]);
                assert_eq!(severity, Severity::Critical, "{place}");
            }
        }
    }

    #[test]
    fn a_sensitive_call_that_is_no_longer_stored_has_the_severity_of_its_facts() {
        let call = |details| SensitiveCall {
            service: "cloudtrail".to_owned(),
            action: "StopLogging".to_owned(),
            caller: None,
            details,
            count: 1,
        };
        let details = r#"{"watch":"cloudtrail-change","tier":"first"}"#;
        for (details, wanted) in [
            (None, Severity::Critical),
            (CallDetails::decode(details), Severity::Warning),
        ] {
            let id = ClusterId::from_bytes([7; 16]);
            let call = call(details);
            let alert = Alert::of_call(&call, "111122223333", id, None, Timestamp::FIRST);
            let assessment = of_alert(&alert);
            assert_eq!(assessment.severity, wanted, "{:?}", assessment.reasons);
        }
    }

    #[test]
    fn a_tool_made_for_attacks_is_an_error_at_least_and_critical_with_a_success() {
        use FacetKind::{Access, Origin, PrincipalKind};
        for class in Class::ALL {
            for extra in [(Access, "read"), (PrincipalKind, "anonymous")] {
                let (severity, reasons) = severity(class, "s3", &[(Origin, "attack-tool"), extra]);
                let least = match class {
                    Class::Watch => Severity::Critical,
                    _ => Severity::Error,
                };
                assert!(severity >= least, "{class:?}: {reasons}");
            }
        }
    }

    #[test]
    fn of_the_calls_of_aws_services_only_a_broken_delivery_rises_with_time() {
        const LINKED: &str = "arn:aws:iam::111122223333:role/aws-service-role/\
                              config.amazonaws.com/AWSServiceRoleForConfig";
        let day = |day| Timestamp::parse(&format!("2026-11-{day}T02:00:00Z"));
        let days = Span {
            count: 3,
            first_seen: day(18),
            last_seen: day(20),
        };
        for (service, action, access, principal, rises) in [
            (
                "s3",
                "PutObject",
                "write",
                "delivery.logs.amazonaws.com",
                true,
            ),
            (
                "s3",
                "GetBucketAcl",
                "read",
                "cloudtrail.amazonaws.com",
                true,
            ),
            ("sns", "Publish", "write", "events.amazonaws.com", true),
            ("kms", "GenerateDataKey", "read", "s3.amazonaws.com", true),
            ("sqs", "SendMessage", "write", "sns.amazonaws.com", true),
            ("s3", "PutObject", "write", LINKED, true),
            ("s3", "GetBucketAcl", "read", LINKED, false),
            ("macie2", "GetMacieSession", "read", LINKED, false),
            ("ec2", "CreateTags", "write", LINKED, false),
            (
                "s3",
                "HeadObject",
                "read",
                "cloudfront.amazonaws.com",
                false,
            ),
            ("ec2", "DescribeVpcs", "read", "ssm.amazonaws.com", false),
        ] {
            let facets = [
                (FacetKind::Principal, principal),
                (FacetKind::Origin, "aws-service"),
                (FacetKind::Access, access),
            ];
            let of = |span| assessed(Class::Denied, service, action, &facets, span).severity;
            let at_first = of(Span::at(days.first_seen));
            assert!(at_first <= Severity::Warning, "{action} by {principal}");
            assert_eq!(of(days) > at_first, rises, "{action} by {principal}");
        }
    }
}
