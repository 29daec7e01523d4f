//! Builds links to the consoles of AWS and Guance, from checked values only.
//!
//! Messages contain no other links. A link never contains free text of a caller. Its parts are ids,
//! times, regions and names whose form is checked here. Names are percent-encoded if they may contain
//! more than letters and digits.

use std::fmt::Write as _;

use clusters::EventId;
use clusters::fingerprint::ClusterId;
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
    log_group: Option<String>,
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

    /// Adds links to CloudWatch in `region`: to the stack's dashboard and to its log group, by their names.
    /// Without a name, that link is not built.
    ///
    /// # Errors
    /// [`LinkError::Region`] if `region` does not have the form of an AWS region.
    pub fn with_stack(
        mut self,
        region: &str,
        dashboard: Option<&str>,
        log_group: Option<&str>,
    ) -> Result<Self, LinkError> {
        if !is_region(region) {
            return Err(LinkError::Region);
        }
        self.stack = Some(Stack {
            region: region.to_owned(),
            dashboard: dashboard.map(str::to_owned),
            log_group: log_group.map(str::to_owned),
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
    /// log group, from `from` until `until`.
    ///
    /// `None` if the log group is not configured, if its region is in an isolated partition, or if
    /// `event_name` does not have the form of an API name. The console has its own encoding: `*` instead of
    /// `%` inside the query, and `$` instead of `%` outside of it.
    pub fn insights(&self, event_name: &str, from: Timestamp, until: Timestamp) -> Option<String> {
        let query = format!(
            "fields @timestamp, eventID, errorCode, errorMessage, userIdentity.arn\n\
             | filter eventName = \"{event_name}\" and ispresent(errorCode)\n\
             | sort @timestamp desc"
        );
        self.query(event_name, &query, from, until)
    }

    /// Returns the link to a CloudWatch Logs Insights query for all calls of one API action in the stack's log group
    /// that succeeded, from `from` until `until`. `action` is the name of the action without a version.
    ///
    /// `None` in the cases of [`Self::insights`].
    pub fn insights_of_call(
        &self,
        action: &str,
        from: Timestamp,
        until: Timestamp,
    ) -> Option<String> {
        // Lambda and CloudFront add a version to the name, such as `AddPermission20150331v2`.
        let query = format!(
            "fields @timestamp, eventID, userIdentity.arn, sourceIPAddress, @message\n\
             | filter eventName like /^{action}(20[0-9_]+)?(v[0-9]+)?$/ and not ispresent(errorCode)\n\
             | sort @timestamp desc"
        );
        self.query(action, &query, from, until)
    }

    /// Returns the link to a query in the stack's log group. `name` is the text from outside that the query contains.
    fn query(&self, name: &str, query: &str, from: Timestamp, until: Timestamp) -> Option<String> {
        let Stack {
            region, log_group, ..
        } = self.stack.as_ref()?;
        let console = console_of(region)?;
        if !is_api(name) {
            return None;
        }
        let moment = |at: Timestamp| encoded(&at.to_string().replace('Z', ".000Z"), '*');
        let (query, group) = (encoded(query, '*'), encoded(log_group.as_deref()?, '*'));
        Some(format!(
            "{console}/cloudwatch/home?region={region}#logsV2:logs-insights$3FqueryDetail$3D\
             ~(end~'{}~start~'{}~timeType~'ABSOLUTE~tz~'UTC~editorString~'{query}~source~(~'{group}))",
            moment(until),
            moment(from),
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

    /// Returns the scheme and host of each console that links in messages may lead to: all AWS consoles,
    /// and the Guance console if it is configured.
    pub fn consoles(&self) -> Vec<&str> {
        let aws = CONSOLES.iter().map(|(_, console)| *console);
        let guance = self.guance.iter().map(|guance| guance.console.as_str());
        aws.chain(guance).collect()
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
        let call = links
            .insights_of_call("AddPermission", from, until)
            .unwrap();
        assert!(
            call.contains("like*20*2F*5EAddPermission*2820*5B0-9_*5D*2B*29*3F")
                && call.contains("not*20ispresent*28errorCode*29"),
            "{call}"
        );
        assert_eq!(links.insights_of_call("x/ or 1", from, until), None);
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
