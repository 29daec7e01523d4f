//! Builds links to the consoles of AWS and Guance, and to the techniques of MITRE ATT&CK, from checked values only.
//!
//! Messages contain no other links. A link never contains free text of a caller. Its parts are ids,
//! times, regions and names whose form is checked here. Names are percent-encoded if they may contain
//! more than letters and digits.

mod callers;

use std::fmt::Write as _;

use clusters::EventId;
use clusters::fingerprint::ClusterId;
use clusters::incident::actor::Actor;
use records::time::Timestamp;

/// The targets of the links in messages: the Guance console and the CloudWatch console of the stack, if
/// configured. By default only links to events in the CloudTrail console are built.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Links {
    guance: Option<Guance>,
    stack: Option<Stack>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Guance {
    console: String,
    workspace: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Stack {
    region: String,
    dashboard: Option<String>,
    log_groups: Vec<String>,
}

/// Why a setting for the links in messages is refused: it does not have the expected form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// The address of the console is not `https://` with a host name only.
    #[error(
        "the address of the console must be https:// and a host name, such as https://console.guance.com"
    )]
    Console,
    /// The id of the workspace does not have the form `wksp_…`.
    #[error(
        "the id of the workspace must be wksp_ and letters or digits, as in the address of the console"
    )]
    Workspace,
    /// The region does not have the form of an AWS region.
    #[error("the region must have the form of an AWS region, such as eu-central-1")]
    Region,
}

/// The largest number of log groups in a query of Logs Insights. Source: CloudWatch Logs API Reference, `StartQuery`.
const LOG_GROUPS_MAX: usize = 50;

/// The seconds that a link to events in Guance adds before and after its time range.
const AROUND_SECONDS: i64 = 900;

impl Links {
    /// Adds links to Guance. `console` is the address of its console, and `workspace` is the id of the
    /// workspace; without it, links do not name a workspace.
    ///
    /// # Errors
    /// [`LinkError::Console`] if `console` is not `https://` and a host name. [`LinkError::Workspace`] if
    /// the id of the workspace does not have the form `wksp_…`.
    pub fn with_guance(
        mut self,
        console: &str,
        workspace: Option<&str>,
    ) -> Result<Self, LinkError> {
        let console = console.trim_end_matches('/');
        let host = console.strip_prefix("https://").ok_or(LinkError::Console)?;
        if !is_host(host) {
            return Err(LinkError::Console);
        }
        let is_workspace = |id: &str| {
            let id = id.strip_prefix("wksp_").unwrap_or_default();
            (1..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric())
        };
        if workspace.is_some_and(|id| !is_workspace(id)) {
            return Err(LinkError::Workspace);
        }
        self.guance = Some(Guance {
            console: console.to_owned(),
            workspace: workspace.map(str::to_owned),
        });
        Ok(self)
    }

    /// Adds links to CloudWatch in `region`: to the stack's dashboard and to its log groups, by their names.
    /// Without a name, that link is not built. A query has at most the first 50 log groups.
    ///
    /// # Errors
    /// [`LinkError::Region`] if `region` does not have the form of an AWS region.
    pub fn with_stack<'g>(
        mut self,
        region: &str,
        dashboard: Option<&str>,
        log_groups: impl IntoIterator<Item = &'g str>,
    ) -> Result<Self, LinkError> {
        if !is_region(region) {
            return Err(LinkError::Region);
        }
        self.stack = Some(Stack {
            region: region.to_owned(),
            dashboard: dashboard.map(str::to_owned),
            log_groups: log_groups
                .into_iter()
                .take(LOG_GROUPS_MAX)
                .map(str::to_owned)
                .collect(),
        });
        Ok(self)
    }

    /// Returns the link to an event in the CloudTrail console of `region`, which shows events for 90 days.
    /// `None` if the region is malformed or in an isolated partition.
    pub fn event(&self, region: &str, event: EventId) -> Option<String> {
        let console = console_of(region)?;
        Some(format!(
            "{console}/cloudtrailv2/home?region={region}#/events/{event}"
        ))
    }

    /// Returns the link to the stack's dashboard in CloudWatch; `None` if no dashboard is configured, or
    /// its region is in an isolated partition.
    pub fn dashboard(&self) -> Option<String> {
        let Stack {
            region, dashboard, ..
        } = self.stack.as_ref()?;
        let console = console_of(region)?;
        let name = encoded(dashboard.as_deref()?, '%');
        Some(format!(
            "{console}/cloudwatch/home?region={region}#dashboards/dashboard/{name}"
        ))
    }

    /// Returns the link to a CloudWatch Logs Insights query for all errors of one API action in the stack's
    /// log groups, from `from` until `until`.
    ///
    /// `None` if no log group is configured, if its region is in an isolated partition, or if
    /// `event_name` does not have the form of an API name.
    pub fn insights(&self, event_name: &str, from: Timestamp, until: Timestamp) -> Option<String> {
        if !is_api(event_name) {
            return None;
        }
        let query = format!(
            "fields @timestamp, eventID, errorCode, errorMessage, userIdentity.arn\n\
             | filter eventName = \"{event_name}\" and ispresent(errorCode)\n\
             | sort @timestamp desc"
        );
        self.query(&query, from, until)
    }

    /// Returns the link to a CloudWatch Logs Insights query for the successful calls of one API action in the stack's
    /// log groups, from `from` until `until`. `event_source` is that of CloudTrail, such as `iam.amazonaws.com`, and
    /// `event_name` has no version; names with a version are found as well.
    ///
    /// `None` if no log group is configured, if its region is in an isolated partition, or if source or name do not
    /// have the form of those of an API.
    pub fn insights_of_call(
        &self,
        event_source: &str,
        event_name: &str,
        from: Timestamp,
        until: Timestamp,
    ) -> Option<String> {
        if !is_api(event_name) || !is_host(event_source) {
            return None;
        }
        let query = format!(
            "fields @timestamp, eventID, userIdentity.arn, sourceIPAddress, @message\n\
             | filter eventSource = \"{event_source}\" and eventName like /^{event_name}[0-9_v]*$/ \
             and not ispresent(errorCode)\n\
             | sort @timestamp desc"
        );
        self.query(&query, from, until)
    }

    /// Returns the link to a CloudWatch Logs Insights query for all calls of some identities in the stack's log groups, from
    /// `from` until `until`, the first ones first. At most ten identities are in the query.
    ///
    /// `None` if no log group is configured, if its region is in an isolated partition, or if none of the names has the form
    /// of a name of AWS.
    pub fn insights_of_callers(
        &self,
        actors: &[Actor],
        from: Timestamp,
        until: Timestamp,
    ) -> Option<String> {
        let condition = callers::condition(actors)?;
        let query = format!(
            "fields @timestamp, eventSource, eventName, errorCode, userIdentity.arn, sourceIPAddress, eventID\n\
             | filter {condition}\n\
             | sort @timestamp asc\n\
             | limit 10000"
        );
        self.query(&query, from, until)
    }

    /// Returns the link to a query. The console has its own encoding: `*` instead of `%` inside the query, and `$`
    /// instead of `%` outside of it.
    fn query(&self, query: &str, from: Timestamp, until: Timestamp) -> Option<String> {
        let Stack {
            region, log_groups, ..
        } = self.stack.as_ref()?;
        let console = console_of(region)?;
        if log_groups.is_empty() {
            return None;
        }
        let moment = |at: Timestamp| encoded(&at.to_string().replace('Z', ".000Z"), '*');
        let groups = log_groups.iter();
        let groups: Vec<String> = groups
            .map(|name| format!("~'{}", encoded(name, '*')))
            .collect();
        Some(format!(
            "{console}/cloudwatch/home?region={region}#logsV2:logs-insights$3FqueryDetail$3D\
             ~(end~'{}~start~'{}~timeType~'ABSOLUTE~tz~'UTC~editorString~'{}~source~({}))",
            moment(until),
            moment(from),
            encoded(query, '*'),
            groups.concat(),
        ))
    }

    /// Returns the link to the samples of a cluster in the log explorer of Guance, from `from` until
    /// `until`. A sample is the redacted record of one event. `None` if Guance is not configured.
    pub fn guance_logs(
        &self,
        cluster: ClusterId,
        from: Timestamp,
        until: Timestamp,
    ) -> Option<String> {
        let guance = self.guance.as_ref()?;
        let path = format!(
            "/logIndi/log/all?time={},{}&query=source%3A{SAMPLES}%20cluster_id%3A{cluster}",
            from.seconds() * 1000,
            until.seconds() * 1000
        );
        Some(guance.link(&path))
    }

    /// Returns the link to one monitor event in Guance. `event` is its id in Guance, and the time range
    /// must contain the time of the event. `None` if Guance is not configured.
    pub fn guance_event(&self, event: &str, from: Timestamp, until: Timestamp) -> Option<String> {
        self.guance_events("df_event_id", event, from, until)
    }

    /// Returns the link to all monitor events of a cluster in Guance, from `from` until `until`. `None` if
    /// Guance is not configured.
    pub fn guance_cluster(
        &self,
        cluster: ClusterId,
        from: Timestamp,
        until: Timestamp,
    ) -> Option<String> {
        self.guance_events("cluster_id", &cluster.to_string(), from, until)
    }

    /// Returns the link to the monitor events whose tag has a value.
    fn guance_events(
        &self,
        tag: &str,
        value: &str,
        from: Timestamp,
        until: Timestamp,
    ) -> Option<String> {
        let guance = self.guance.as_ref()?;
        let path = format!(
            "/keyevents/monitor?time={}%2C{}&tags=%7B%22{tag}%22%3A%22{}%22%7D",
            (from.seconds() - AROUND_SECONDS) * 1000,
            (until.seconds() + AROUND_SECONDS) * 1000,
            encoded(value, '%')
        );
        Some(guance.link(&path))
    }

    /// Returns the scheme and host of each site that links in messages may lead to: all AWS consoles, MITRE ATT&CK,
    /// and the Guance console if it is configured.
    pub fn consoles(&self) -> Vec<&str> {
        let aws = CONSOLES.iter().map(|(_, console)| *console);
        let guance = self.guance.iter().map(|guance| guance.console.as_str());
        aws.chain([ATTACK]).chain(guance).collect()
    }
}

/// The source name (measurement) of the samples of clusters in the logs of Guance. A sample is the redacted
/// record of one event.
pub const SAMPLES: &str = "aws_cloudtrail_error";

impl Guance {
    fn link(&self, path: &str) -> String {
        let workspace = self.workspace.as_deref();
        let workspace = workspace.map_or_else(String::new, |id| format!("&w={id}"));
        [&self.console, path, &workspace].concat()
    }
}

/// The site of MITRE ATT&CK, which describes techniques.
const ATTACK: &str = "https://attack.mitre.org";

/// The AWS consoles by the prefix of a region. The last is for all other regions.
///
/// Source: `aws console` of the AWS CLI, customizations/console.py in github.com/aws/aws-cli, read 2026-11-29.
const CONSOLES: [(&str, &str); 4] = [
    ("cn-", "https://console.amazonaws.cn"),
    ("us-gov-", "https://console.amazonaws-us-gov.com"),
    ("eusc-", "https://eusc-de-east-1.console.amazonaws-eusc.eu"),
    ("", "https://console.aws.amazon.com"),
];

/// Returns the AWS console of a region; `None` if the region is malformed or isolated.
fn console_of(region: &str) -> Option<&'static str> {
    // The addresses of the consoles of isolated partitions are not public.
    if !is_region(region) || region.contains("-iso") {
        return None;
    }
    let found = CONSOLES
        .iter()
        .find(|(prefix, _)| region.starts_with(prefix));
    found.map(|(_, console)| *console)
}

/// Returns `true` if a text has the form of an AWS region: at least two words of lower-case letters and a
/// number of one or two digits, joined with hyphens. The region need not exist.
pub fn is_region(text: &str) -> bool {
    let Some((words, number)) = text.rsplit_once('-') else {
        return false;
    };
    let is_word = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase());
    text.len() <= 32
        && words.contains('-')
        && words.split('-').all(is_word)
        && (1..=2).contains(&number.len())
        && number.bytes().all(|b| b.is_ascii_digit())
}

fn is_host(text: &str) -> bool {
    let is_label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    text.len() <= 253 && text.contains('.') && text.split('.').all(is_label)
}

fn is_api(text: &str) -> bool {
    (1..=128).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// Percent-encodes all bytes of `text` but ASCII letters, digits, `-`, `_` and `.`. Each escape begins with
/// `sign` instead of `%`.
pub fn encoded(text: &str, sign: char) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' => {
                encoded.push(char::from(byte));
            }
            _ => {
                // Writing to a `String` cannot fail.
                let _ = write!(encoded, "{sign}{byte:02X}");
            }
        }
    }
    encoded
}

/// Returns the link to the page of a technique of MITRE ATT&CK, by its id, such as `T1098.003`. `None` if the id
/// is malformed.
pub fn technique(id: &str) -> Option<String> {
    let digits = id.strip_prefix('T')?;
    let is_number =
        |text: &str, length| text.len() == length && text.bytes().all(|b| b.is_ascii_digit());
    let page = match digits.split_once('.') {
        Some((number, sub)) if is_number(number, 4) && is_number(sub, 3) => {
            format!("T{number}/{sub}")
        }
        None if is_number(digits, 4) => id.to_owned(),
        _ => return None,
    };
    Some(format!("{ATTACK}/techniques/{page}/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    #[test]
    fn a_link_to_an_event_leads_to_the_console_of_its_partition() {
        let event = EventId::named("00000000-0000-4000-8000-000000000001");
        let links = Links::default();
        for (region, wanted) in [
            ("eu-central-1", "https://console.aws.amazon.com/"),
            ("cn-north-1", "https://console.amazonaws.cn/"),
            ("us-gov-west-1", "https://console.amazonaws-us-gov.com/"),
            (
                "eusc-de-east-1",
                "https://eusc-de-east-1.console.amazonaws-eusc.eu/",
            ),
        ] {
            let link = links.event(region, event).unwrap();
            let path = format!("cloudtrailv2/home?region={region}#/events/{event}");
            assert_eq!(link, format!("{wanted}{path}"));
        }
        for nonsense in [
            "",
            "eu",
            "eu-1",
            "eu-central-1)",
            "eu-central-1/../x-1",
            "EU-CENTRAL-1",
            "us-iso-east-1",
        ] {
            assert_eq!(links.event(nonsense, event), None, "{nonsense}");
        }
    }

    #[test]
    fn names_are_encoded_in_links() {
        let links = Links::default()
            .with_stack("eu-central-1", Some("a b"), Some("/aws/trail (x)"))
            .unwrap()
            .with_guance("https://us1-console.guance.com/", Some("wksp_1a"))
            .unwrap();
        let (from, until) = (at("2026-11-21T08:00:00Z"), at("2026-11-21T09:00:00Z"));
        assert!(
            links
                .dashboard()
                .unwrap()
                .ends_with("#dashboards/dashboard/a%20b")
        );
        let insights = links.insights("PutItem", from, until).unwrap();
        assert!(
            insights.ends_with("~source~(~'*2Faws*2Ftrail*20*28x*29))"),
            "{insights}"
        );
        assert!(!insights.contains([' ', '"', '|']), "{insights}");
        assert_eq!(links.insights("Put\" | delete", from, until), None);
        let call = |source, name| links.insights_of_call(source, name, from, until);
        let found = call("lambda.amazonaws.com", "AddPermission").unwrap();
        assert!(
            found.contains("like*20*2F*5EAddPermission*5B0-9_v*5D*2A*24*2F"),
            "{found}"
        );
        assert_eq!(call("lambda.amazonaws.com", "*"), None);
        assert_eq!(call("x\" or \"", "AddPermission"), None);
        assert_eq!(
            links
                .guance_logs(ClusterId::from_bytes([0; 16]), from, until)
                .unwrap(),
            "https://us1-console.guance.com/logIndi/log/all?time=1795248000000,1795251600000\
             &query=source%3Aaws_cloudtrail_error%20cluster_id%3Aaaaaaaaaaaaaaaaaaaaaaaaaaa\
             &w=wksp_1a"
        );
        assert_eq!(
            links.guance_event("event-1f", from, from).unwrap(),
            "https://us1-console.guance.com/keyevents/monitor?time=1795247100000%2C1795248900000\
             &tags=%7B%22df_event_id%22%3A%22event-1f%22%7D&w=wksp_1a"
        );
    }

    #[test]
    fn a_query_has_all_log_groups_of_the_stack() {
        let at = at("2026-11-21T08:00:00Z");
        let query = |groups: &[&'static str]| {
            let links = Links::default();
            let links = links.with_stack("eu-central-1", None, groups.iter().copied());
            links.unwrap().insights("PutItem", at, at)
        };
        let both = query(&["trail", "/other"]).unwrap();
        assert!(both.ends_with("~source~(~'trail~'*2Fother))"), "{both}");
        assert_eq!(query(&[]), None);
    }

    #[test]
    fn a_technique_has_a_page_if_its_id_has_the_right_form() {
        for (id, page) in [
            ("T1098", Some("https://attack.mitre.org/techniques/T1098/")),
            (
                "T1098.003",
                Some("https://attack.mitre.org/techniques/T1098/003/"),
            ),
            ("", None),
            ("1098", None),
            ("T१२३४", None),
            ("T1098.", None),
            ("T1098.0031", None),
            ("T109", None),
            ("T1098/../x", None),
        ] {
            assert_eq!(technique(id).as_deref(), page, "{id}");
        }
    }

    #[test]
    fn a_console_is_a_host_and_nothing_more() {
        let links = |console, workspace| Links::default().with_guance(console, workspace);
        for console in [
            "http://console.guance.com",
            "https://a@console.guance.com",
            "https://console.guance.com/x?y",
            "https://console",
            "https://console.guance.com)",
        ] {
            assert_eq!(links(console, None), Err(LinkError::Console), "{console}");
        }
        let console = "https://console.guance.com";
        assert_eq!(links(console, Some("x")), Err(LinkError::Workspace));
    }
}
