//! The settings of the deliver function, which sends alerts: the sinks with their addresses, and access keys.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use alerts::guance::endpoint::{AllowedHosts, Endpoint};
use alerts::guance::route::Route;
use alerts::guance::site::Site;
use alerts::links::Links;
use alerts::locale::Locale;
use alerts::text::Texts;
use clusters::keys::KeySettings;
use clusters::report::Metrics;
use records::principal::is_account_id;

use super::keys;
use super::lists::Lists;
use super::workspaces::{FurtherWorkspace, route_named, site_named, workspace_id};
use super::{
    LEARN_HOURS, LogLevel, RETENTION_DAYS, SettingProblems, SettingsReader, SinkName, shown,
};

/// The settings of the deliver function, which sends alerts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliverSettings {
    /// The name of the DynamoDB table that has the outbox and the clusters.
    pub table_name: String,
    /// The name of the S3 bucket that has the settings file and the rules file.
    pub bucket_name: String,
    /// The key of the rules file in the bucket; `None` if there are no rules.
    pub rules_object: Option<String>,
    /// How many days alerts about incidents, and what was read for them, are kept.
    pub retention_days: u16,
    /// The learning period: for this many hours after the stack's first event no alerts are sent.
    pub learn_hours: u16,
    /// The workspace of Guance; `None` if Guance is not a sink of the stack.
    pub guance: Option<GuanceSettings>,
    /// Further workspaces of the settings file, by the names of their sinks, such as `guance-shop`.
    pub workspaces: BTreeMap<String, GuanceSettings>,
    /// ARNs of further SNS topics of the settings file, by the names of their sinks, such as `sns-shop`.
    pub topics: BTreeMap<String, String>,
    /// Further workspaces and topics of the settings file that cannot be used, by the names of their sinks, each with the
    /// reason. Their alerts wait.
    pub wrong_sinks: BTreeMap<String, String>,
    /// The ARN of the SNS topic; `None` if SNS is not a sink of the stack.
    pub topic_arn: Option<String>,
    /// The name or ARN of the event bus; `None` if EventBridge is not a sink of the stack.
    pub event_bus_name: Option<String>,
    /// The language in which alert texts are written, and the time zone of their times.
    pub locale: Locale,
    /// The AWS region of the stack, to whose consoles links in alerts lead.
    pub region: String,
    /// The name of the stack's dashboard in CloudWatch; `None` if the stack has none.
    pub dashboard_name: Option<String>,
    /// The names of the log groups of the trails, in which links in alerts search.
    pub log_groups: Vec<String>,
    /// The settings for access keys: after how many days a key is dormant, the canary keys, and the accounts in whose
    /// IAM keys are looked up.
    pub keys: KeySettings,
    /// The name of the role that is assumed in other accounts to ask IAM about their keys; `None` to ask only in the
    /// stack's account.
    pub account_role_name: Option<String>,
    /// The AWS partition of the stack's account and of the accounts in which the role is assumed, such as `aws` or
    /// `aws-cn`.
    pub partition: String,
    /// The names under which alerts show AWS accounts, by account id.
    pub account_names: BTreeMap<String, String>,
    /// The environments of AWS accounts, by account id, from the settings object.
    pub environments: BTreeMap<String, String>,
    /// Which metrics the function writes to its log.
    pub metrics: Metrics,
    /// How much the function writes to its log.
    pub log_level: LogLevel,
}

/// The settings of the Guance sink: how to reach the workspace, and what is sent there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuanceSettings {
    /// The API of Guance that alerts are sent to.
    pub route: Route,
    /// The address of the Guance API that alerts are sent to: scheme, host and optional port.
    pub endpoint: Endpoint,
    /// Which hosts may be the address of the Guance workspace, besides the sites of Guance and TrueWatch.
    pub allowed: AllowedHosts,
    /// The ARN of the secret with the token; `None` for a route that needs no token.
    pub secret_arn: Option<String>,
    /// The id of the Guance workspace, `wksp_…`, for links from alerts into its console. `None` writes no workspace
    /// into the links.
    pub workspace_id: Option<String>,
    /// The URL of the Guance console for links in alerts: the configured URL, else the console of the site. `None` for
    /// alerts without these links.
    pub console_url: Option<String>,
    /// Whether the samples of a cluster, its redacted example records, are also sent to Guance as log entries.
    pub sample_logs: bool,
    /// The path of a file with certificates that are trusted in addition to those of the system.
    pub ca_file: Option<PathBuf>,
}

/// The length of the longest name of an event bus, in characters.
const NAME_CHARS_MAX: usize = 256;

impl DeliverSettings {
    /// Parses the settings of the deliver function, given as pairs of name and value. Other settings are ignored.
    ///
    /// # Errors
    /// All settings that are missing or not valid.
    pub fn parse(
        settings: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, SettingProblems> {
        let mut reading = SettingsReader {
            given: settings.into_iter().collect(),
            problems: Vec::new(),
        };
        let place = FunctionLocation {
            partition: reading.partition("PARTITION"),
            region: reading.required("AWS_REGION", "the region; AWS Lambda does"),
        };
        let table_name = reading.required("TABLE_NAME", "the name of the DynamoDB table");
        let sinks = reading.sinks("SINKS");
        if sinks.is_empty() {
            let message = "is empty; name at least one sink to send alerts to".to_owned();
            reading.report("SINKS", message);
        }
        let account_names = reading.account_names("ACCOUNT_NAMES");
        let account_role_name = reading.role_name("ACCOUNT_ROLE_NAME");
        let settings = Self {
            table_name,
            guance: sinks
                .contains(&SinkName::Guance)
                .then(|| reading.guance(&place))
                .flatten(),
            workspaces: BTreeMap::new(),
            topics: BTreeMap::new(),
            wrong_sinks: BTreeMap::new(),
            topic_arn: sinks
                .contains(&SinkName::Sns)
                .then(|| reading.topic("TOPIC_ARN", &place)),
            event_bus_name: sinks
                .contains(&SinkName::EventBridge)
                .then(|| reading.bus("EVENT_BUS_NAME", &place)),
            locale: reading.locale(),
            dashboard_name: reading.given("DASHBOARD_NAME"),
            log_groups: reading.list("LOG_GROUP_NAMES"),
            keys: reading.keys(&account_names, account_role_name.as_deref()),
            account_names,
            environments: BTreeMap::new(),
            account_role_name,
            bucket_name: reading.required("BUCKET_NAME", "the name of the S3 bucket"),
            rules_object: reading.given("RULES_OBJECT"),
            retention_days: reading.number("RETENTION_DAYS", RETENTION_DAYS),
            learn_hours: reading.number("LEARN_HOURS", LEARN_HOURS),
            metrics: reading.metrics("METRICS"),
            log_level: reading.log_level("LOG_LEVEL"),
            partition: place.partition,
            region: place.region,
        };
        if reading.problems.is_empty() {
            return Ok(settings);
        }
        Err(SettingProblems(reading.problems))
    }

    /// Returns a copy of these settings with the account names, environments, canary keys, workspaces and topics of the settings
    /// object, `lists`, added.
    ///
    /// If these settings name a role for key lookups, access keys of the added accounts are looked up with that role.
    #[must_use]
    pub fn with(&self, lists: &Lists) -> Self {
        let (account_names, keys) = keys::with(
            lists,
            &self.account_names,
            &self.keys,
            self.account_role_name.as_deref(),
        );
        let mut settings = Self {
            account_names,
            environments: lists.environments.clone(),
            keys,
            ..self.clone()
        };
        let place = FunctionLocation {
            partition: self.partition.clone(),
            region: self.region.clone(),
        };
        if let Some(guance) = &self.guance {
            for (sink, given) in &lists.workspaces {
                match of_workspace(given, guance, &place) {
                    Ok(workspace) => drop(settings.workspaces.insert(sink.clone(), workspace)),
                    Err(wrong) => drop(settings.wrong_sinks.insert(sink.clone(), wrong)),
                }
            }
        }
        let topics = lists.topics.iter().filter(|_| self.topic_arn.is_some());
        for (sink, given) in topics {
            match topic_arn(&given.arn, &place) {
                Ok(arn) => drop(settings.topics.insert(sink.clone(), arn)),
                Err(wrong) => drop(settings.wrong_sinks.insert(sink.clone(), wrong)),
            }
        }
        settings
    }

    /// Returns the kinds of sinks that are configured to get alerts.
    pub fn sinks(&self) -> Vec<SinkName> {
        let sinks = [
            (SinkName::Guance, self.guance.is_some()),
            (SinkName::Sns, self.topic_arn.is_some()),
            (SinkName::EventBridge, self.event_bus_name.is_some()),
        ];
        let enabled = sinks.into_iter().filter(|(_, is_enabled)| *is_enabled);
        enabled.map(|(sink, _)| sink).collect()
    }

    /// Returns the language of alert texts, and the addresses for links from alerts into the consoles of AWS and Guance.
    pub fn texts(&self) -> Texts {
        self.texts_of(self.guance.as_ref())
    }

    /// Returns the texts of alerts for one workspace, whose console their links lead to.
    pub fn texts_of(&self, guance: Option<&GuanceSettings>) -> Texts {
        let console = guance.and_then(|guance| guance.console_url.as_deref());
        let workspace = guance.and_then(|guance| guance.workspace_id.as_deref());
        // Without valid parts there are no links: an alert without links is better than none.
        let log_groups = self.log_groups.iter().map(String::as_str);
        let dashboard = self.dashboard_name.as_deref();
        let links = Links::default().with_stack(&self.region, dashboard, log_groups);
        let links = links.unwrap_or_default();
        let with_guance =
            console.and_then(|console| links.clone().with_guance(console, workspace).ok());
        Texts {
            locale: self.locale,
            links: with_guance.unwrap_or(links),
        }
    }
}

impl SettingProblems {
    /// Returns the sinks that cannot get alerts because of these problems. A problem of a setting that all sinks need
    /// affects all sinks.
    pub fn sinks(&self) -> BTreeSet<SinkName> {
        let of = |setting: &str| match setting {
            "TOPIC_ARN" => vec![SinkName::Sns],
            "EVENT_BUS_NAME" => vec![SinkName::EventBridge],
            setting if setting.starts_with("GUANCE_") => vec![SinkName::Guance],
            _ => SinkName::ALL.to_vec(),
        };
        self.0.iter().flat_map(|one| of(one.setting)).collect()
    }
}

impl SettingsReader {
    fn guance(&mut self, place: &FunctionLocation) -> Option<GuanceSettings> {
        let route = self.route("GUANCE_ROUTE");
        let allowed = AllowedHosts {
            custom: self.boolean("GUANCE_ALLOW_CUSTOM"),
            private: self.boolean("GUANCE_ALLOW_PRIVATE"),
        };
        let site = self.site("GUANCE_SITE");
        let url = self.given("GUANCE_URL");
        let secret_arn = self.secret("GUANCE_SECRET_ARN", place);
        let workspace_id = self.workspace_id("GUANCE_WORKSPACE_ID");
        let console_url = self.console_url("GUANCE_CONSOLE_URL");
        let sample_logs = self.boolean("GUANCE_SAMPLE_LOGS");
        let ca_file = self.given("GUANCE_CA_FILE").map(PathBuf::from);
        let route = route?;
        if secret_arn.is_none() && route.needs_secret() {
            let message = format!(
                "is missing; the route {} needs the ARN of a secret",
                route.name()
            );
            self.report("GUANCE_SECRET_ARN", message);
        }
        if sample_logs && !route.uses_line_protocol() {
            let message = format!(
                "is true, but the route {} cannot send log entries; use dataway or datakit",
                route.name()
            );
            self.report("GUANCE_SAMPLE_LOGS", message);
        }
        Some(GuanceSettings {
            route,
            endpoint: self.endpoint(route, site, url, allowed)?,
            allowed,
            secret_arn,
            workspace_id,
            console_url: console_url.or_else(|| site?.console.map(str::to_owned)),
            sample_logs,
            ca_file,
        })
    }

    fn route(&mut self, setting: &'static str) -> Option<Route> {
        let names = Route::ALL.map(Route::name).join(", ");
        let given = self.required(setting, &format!("one of {names}"));
        let given = Some(given).filter(|given| !given.is_empty())?;
        self.valid(setting, route_named(&given))
    }

    fn site(&mut self, setting: &'static str) -> Option<&'static Site> {
        let given = self.given(setting)?;
        self.valid(setting, site_named(&given))
    }

    fn endpoint(
        &mut self,
        route: Route,
        site: Option<&Site>,
        url: Option<String>,
        allowed: AllowedHosts,
    ) -> Option<Endpoint> {
        let of_site = site.and_then(|site| site.address(route));
        let of_site = of_site.map(str::to_owned);
        let wrong = match (of_site, url) {
            (Some(_), Some(_)) => (
                "GUANCE_URL",
                "is set as well as GUANCE_SITE; set only one".to_owned(),
            ),
            (Some(url), None) | (None, Some(url)) => match Endpoint::parse(&url, route, allowed) {
                Ok(endpoint) => return Some(endpoint),
                Err(wrong) => ("GUANCE_URL", wrong),
            },
            (None, None) if route == Route::Datakit => (
                "GUANCE_URL",
                "is missing; set it to the address of the DataKit, such as https://datakit.example:9529"
                    .to_owned(),
            ),
            // The unknown site was reported already.
            (None, None)
                if self
                    .problems
                    .iter()
                    .any(|one| one.setting == "GUANCE_SITE") =>
            {
                return None;
            }
            (None, None) => (
                "GUANCE_SITE",
                "is missing; set it to the site of the workspace, or set GUANCE_URL to its address".to_owned(),
            ),
        };
        self.report(wrong.0, wrong.1);
        None
    }

    fn secret(&mut self, setting: &'static str, place: &FunctionLocation) -> Option<String> {
        let arn = self.given(setting)?;
        self.valid(setting, secret_arn(&arn, place))
    }

    /// Returns a valid value, or reports its problem.
    fn valid<T>(&mut self, setting: &'static str, value: Result<T, String>) -> Option<T> {
        value.map_err(|wrong| self.report(setting, wrong)).ok()
    }

    fn topic(&mut self, setting: &'static str, place: &FunctionLocation) -> String {
        let arn = self.required(setting, "the ARN of a topic");
        if !arn.is_empty()
            && let Err(wrong) = topic_arn(&arn, place)
        {
            self.report(setting, wrong);
        }
        arn
    }

    fn bus(&mut self, setting: &'static str, place: &FunctionLocation) -> String {
        let name = self.required(setting, "the name of an event bus, such as default");
        let is_name = |name: &str| {
            let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"/.-_".contains(&byte);
            !name.is_empty() && name.len() <= NAME_CHARS_MAX && name.bytes().all(is_allowed)
        };
        let wrong = match name.strip_prefix("arn:") {
            _ if name.is_empty() || is_name(&name) => return name,
            Some(_) => match in_place(&name, "events", place) {
                Ok(rest) if rest.strip_prefix("event-bus/").is_some_and(is_name) => return name,
                Err(Some(wrong)) => wrong,
                _ => format!("{} is not the ARN of an event bus", shown(&name)),
            },
            None => format!("{} is not the name of an event bus", shown(&name)),
        };
        self.report(setting, wrong);
        name
    }

    fn workspace_id(&mut self, setting: &'static str) -> Option<String> {
        let given = self.given(setting)?;
        self.valid(setting, workspace_id(&given)).map(|()| given)
    }

    fn console_url(&mut self, setting: &'static str) -> Option<String> {
        let given = self.given(setting)?;
        let everywhere = AllowedHosts {
            custom: true,
            private: true,
        };
        // The program never connects to the console, but people open the link. So any host is allowed.
        let endpoint = Endpoint::parse(&given, Route::Dataway, everywhere);
        let endpoint = self.valid(setting, endpoint)?;
        Some(endpoint.to_string())
    }
}

/// The partition and region of the function.
struct FunctionLocation {
    partition: String,
    region: String,
}

/// Checks the ARN of a secret.
///
/// # Errors
/// What is wrong. The value is never repeated: by mistake, it may be the secret itself, and messages go to the log.
fn secret_arn(arn: &str, place: &FunctionLocation) -> Result<String, String> {
    match in_place(arn, "secretsmanager", place) {
        Ok(rest) if rest.starts_with("secret:") => Ok(arn.to_owned()),
        Ok(_) | Err(None) => Err("is not the ARN of a secret in Secrets Manager, such as \
             arn:aws:secretsmanager:eu-central-1:111122223333:secret:name-AbCdEf"
            .to_owned()),
        Err(Some(wrong)) => Err(wrong),
    }
}

/// Checks the ARN of a topic.
///
/// # Errors
/// What is wrong.
fn topic_arn(arn: &str, place: &FunctionLocation) -> Result<String, String> {
    match in_place(arn, "sns", place) {
        Ok(name) if !name.is_empty() && !name.contains(':') => Ok(arn.to_owned()),
        Ok(_) | Err(None) => Err(format!(
            "{} is not the ARN of a topic, such as arn:aws:sns:eu-central-1:111122223333:name",
            shown(arn)
        )),
        Err(Some(wrong)) => Err(wrong),
    }
}

/// Returns the settings of a further workspace as a sink. `stack` is the workspace of the stack's parameters.
///
/// # Errors
/// A sentence with the fault and what to do about it, without the name of the workspace.
fn of_workspace(
    given: &FurtherWorkspace,
    stack: &GuanceSettings,
    place: &FunctionLocation,
) -> Result<GuanceSettings, String> {
    let route = given.route.unwrap_or(stack.route);
    let of_site = given.site.and_then(|site| site.address(route));
    let endpoint = match given.url.as_deref().or(of_site) {
        Some(url) => Endpoint::parse(url, route, stack.allowed)
            .map_err(|wrong| format!("its address {wrong}"))?,
        None if given.site.is_some() => {
            return Err(format!("the route {} needs a url", route.name()));
        }
        None if route == stack.route => stack.endpoint.clone(),
        None => return Err("with a route of its own it needs a site or a url".to_owned()),
    };
    let arn = given.secret_arn.as_deref();
    let secret_arn = arn.map(|arn| secret_arn(arn, place)).transpose();
    let secret_arn = secret_arn.map_err(|wrong| format!("its secret {wrong}"))?;
    if secret_arn.is_none() && route.needs_secret() {
        return Err(format!(
            "the route {} needs the ARN of a secret",
            route.name()
        ));
    }
    let console = given.console_url.clone();
    let console = console.or_else(|| given.site?.console.map(str::to_owned));
    let is_elsewhere = given.site.is_some() || given.url.is_some();
    Ok(GuanceSettings {
        route,
        endpoint,
        allowed: stack.allowed,
        secret_arn,
        workspace_id: given.workspace_id.clone(),
        console_url: console.or_else(|| stack.console_url.clone().filter(|_| !is_elsewhere)),
        sample_logs: stack.sample_logs && route.uses_line_protocol(),
        ca_file: stack.ca_file.clone(),
    })
}

/// Returns the part of an ARN after the account, if the ARN is of `service` and in the partition and region of the
/// function.
///
/// `Err(None)` if the text is no ARN of the service. `Err(Some(message))` if its partition or region is another one.
fn in_place<'a>(
    arn: &'a str,
    service: &str,
    place: &FunctionLocation,
) -> Result<&'a str, Option<String>> {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let [
        _arn @ "arn",
        partition,
        its_service,
        its_region,
        account_id,
        rest,
    ] = parts[..]
    else {
        return Err(None);
    };
    if its_service != service || !is_account_id(account_id) {
        return Err(None);
    }
    if partition != place.partition {
        return Err(Some(format!(
            "is in partition {}, but the function is in {}",
            shown(partition),
            place.partition
        )));
    }
    if its_region != place.region {
        return Err(Some(format!(
            "is in region {}, but the function is in {}",
            shown(its_region),
            place.region
        )));
    }
    Ok(rest)
}

#[cfg(test)]
mod tests {
    use records::time::Timestamp;

    use alerts::locale::Language;

    use super::*;

    const GUANCE: [(&str, &str); 3] = [
        ("GUANCE_ROUTE", "dataway"),
        ("GUANCE_SITE", "us1"),
        (
            "GUANCE_SECRET_ARN",
            "arn:aws:secretsmanager:eu-central-1:111122223333:secret:guance-AbCdEf",
        ),
    ];

    fn parse(given: &[(&str, &str)]) -> Result<DeliverSettings, SettingProblems> {
        let all = [
            ("AWS_REGION", "eu-central-1"),
            ("TABLE_NAME", "watch-Table-1"),
            ("BUCKET_NAME", "bucket"),
            ("SINKS", "guance,sns,eventbridge"),
            ("TOPIC_ARN", "arn:aws:sns:eu-central-1:111122223333:alerts"),
            ("EVENT_BUS_NAME", "default"),
            ("OWN_ACCOUNT_ID", "111122223333"),
        ];
        let all = all.iter().chain(&GUANCE).chain(given);
        DeliverSettings::parse(all.map(|(name, value)| (name.to_string(), value.to_string())))
    }

    #[test]
    fn valid_settings_are_parsed() {
        let settings = parse(&[
            ("LANGUAGE", "zh"),
            ("TIME_ZONE", "+08:00"),
            ("ACCOUNT_NAMES", "111122223333=hub,444455556666=shop"),
            ("ACCOUNT_ROLE_NAME", "key-reader"),
            ("GUANCE_SAMPLE_LOGS", "true"),
            ("GUANCE_WORKSPACE_ID", "wksp_0a1b2c"),
        ])
        .unwrap();
        let guance = settings.guance.clone().unwrap();
        assert_eq!(
            guance.endpoint.to_string(),
            "https://us1-openway.guance.com"
        );
        assert_eq!(
            guance.console_url.unwrap(),
            "https://us1-console.guance.com"
        );
        assert!(guance.sample_logs);
        assert_eq!(settings.sinks().len(), 3);
        assert_eq!(settings.locale.language, Language::Zh);
        assert_eq!(settings.locale.zone.to_string(), "UTC+08:00");
        assert_eq!(settings.keys.dormant_days, 90);
        let members: Vec<_> = settings.keys.member_accounts.iter().collect();
        assert_eq!(members, ["444455556666"]);
    }

    #[test]
    fn alerts_link_to_the_dashboard_and_the_log_groups_of_the_stack() {
        let from = Timestamp::parse("2026-11-02T08:00:00Z").unwrap();
        let links = |given: &[(&str, &str)]| {
            let links = parse(given).unwrap().texts().links;
            let logs = links.insights("PutItem", from, from);
            let guance = links.guance_event("event-1", from, from);
            (links.dashboard(), logs, guance.is_some())
        };
        let (dashboard, logs, has_guance) = links(&[
            ("DASHBOARD_NAME", "watch-eu-central-1"),
            ("LOG_GROUP_NAMES", "trail,/aws/other"),
        ]);
        assert_eq!(
            dashboard.unwrap(),
            "https://console.aws.amazon.com/cloudwatch/home?region=eu-central-1\
             #dashboards/dashboard/watch-eu-central-1"
        );
        assert!(
            logs.unwrap()
                .ends_with("~source~(~'trail~'*2Faws*2Fother))")
        );
        assert!(has_guance);
        // A stack without a dashboard, and without Guance.
        let groups = ("LOG_GROUP_NAMES", "trail");
        let (dashboard, logs, has_guance) = links(&[("SINKS", "sns"), groups]);
        assert_eq!((dashboard, logs.is_some(), has_guance), (None, true, false));
    }

    #[test]
    fn settings_of_a_sink_that_is_not_used_are_ignored() {
        let settings = parse(&[("SINKS", "sns"), ("GUANCE_ROUTE", "nonsense")]).unwrap();
        assert_eq!(settings.guance, None);
        assert_eq!(settings.event_bus_name, None);
        assert_eq!(settings.sinks(), [SinkName::Sns]);
    }

    #[test]
    fn a_problem_has_the_name_of_its_setting() {
        for (name, value, expected) in [
            ("SINKS", "", "at least one sink"),
            ("SINKS", "mail", "guance, sns, eventbridge"),
            (
                "GUANCE_ROUTE",
                "none",
                "dataway, datakit, push_event, custom_event",
            ),
            ("GUANCE_SITE", "us9", "truewatch-us1"),
            ("GUANCE_SITE", "", "is missing"),
            ("GUANCE_URL", "https://openway.guance.com", "set only one"),
            ("GUANCE_SECRET_ARN", "", "needs the ARN of a secret"),
            ("GUANCE_SECRET_ARN", "tkn_hush", "not the ARN"),
            (
                "GUANCE_SECRET_ARN",
                "arn:aws:secretsmanager:us-east-1:111122223333:secret:guance",
                "us-east-1",
            ),
            ("GUANCE_WORKSPACE_ID", "mine", "wksp_"),
            (
                "GUANCE_CONSOLE_URL",
                "http://console.guance.com",
                "https://",
            ),
            ("GUANCE_SAMPLE_LOGS", "yes", "neither true nor false"),
            ("TOPIC_ARN", "", "is missing"),
            ("TOPIC_ARN", "alerts", "not the ARN of a topic"),
            (
                "TOPIC_ARN",
                "arn:aws:sns:us-east-1:111122223333:alerts",
                "us-east-1",
            ),
            (
                "TOPIC_ARN",
                "arn:aws-cn:sns:eu-central-1:111122223333:alerts",
                "aws-cn",
            ),
            (
                "TOPIC_ARN",
                "arn:aws:sns:eu-central-1:111122223333:alerts:sub",
                "not the ARN",
            ),
            ("EVENT_BUS_NAME", "", "is missing"),
            ("EVENT_BUS_NAME", "two words", "not the name"),
            (
                "EVENT_BUS_NAME",
                "arn:aws:events:us-east-1:111122223333:event-bus/a",
                "us-east-1",
            ),
            ("LANGUAGE", "fr", "neither en nor zh"),
            ("TIME_ZONE", "Asia/Shanghai", "not an offset from UTC"),
            ("OWN_ACCOUNT_ID", "1", "twelve digits"),
            ("DORMANT_DAYS", "0", "from 1 to 3650"),
            ("ACCOUNT_ROLE_NAME", "a b", "name of a role"),
            ("PARTITION", "arn:aws", "not a partition"),
            ("AWS_REGION", "", "is missing"),
            ("BUCKET_NAME", "", "is missing"),
        ] {
            let problems = parse(&[(name, value)]).unwrap_err().to_string();
            assert!(problems.contains(name), "{name}={value}: {problems}");
            assert!(problems.contains(expected), "{name}={value}: {problems}");
            assert!(!problems.contains("hush"), "{problems}");
        }
    }

    #[test]
    fn problems_name_the_sinks_that_they_affect() {
        for (name, sinks) in [
            ("TOPIC_ARN", &[SinkName::Sns][..]),
            ("GUANCE_SITE", &[SinkName::Guance]),
            ("EVENT_BUS_NAME", &[SinkName::EventBridge]),
            ("OWN_ACCOUNT_ID", &SinkName::ALL),
        ] {
            let found = parse(&[(name, "")]).unwrap_err().sinks();
            assert_eq!(found, sinks.iter().copied().collect());
        }
    }

    #[test]
    fn a_custom_address_has_to_be_allowed() {
        let custom = [("GUANCE_SITE", ""), ("GUANCE_URL", "https://df.example")];
        let problems = parse(&custom).unwrap_err().to_string();
        assert!(
            problems.starts_with("GUANCE_URL: is not a host of"),
            "{problems}"
        );
        let allowed = [custom[0], custom[1], ("GUANCE_ALLOW_CUSTOM", "true")];
        assert!(parse(&allowed).is_ok());
        let datakit = [
            ("GUANCE_ROUTE", "datakit"),
            ("GUANCE_SITE", ""),
            ("GUANCE_URL", "http://10.1.2.3:9529"),
        ];
        assert!(parse(&datakit).is_err());
        let allowed = [
            datakit[0],
            datakit[1],
            datakit[2],
            ("GUANCE_ALLOW_PRIVATE", "true"),
        ];
        assert!(parse(&allowed).is_ok());
    }
}
