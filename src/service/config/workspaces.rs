//! Further workspaces of Guance, which the settings file names beside the workspace of the stack's parameters.
//!
//! Each is a sink of its own, `guance-NAME`, with its own queue and its own circuit breaker. What the file leaves out is as in
//! the workspace of the parameters.

use std::collections::{BTreeMap, BTreeSet};

use alerts::guance::endpoint::{AllowedHosts, Endpoint};
use alerts::guance::route::Route;
use alerts::guance::site::{self, SITES, Site};
use clusters::account_filter::AccountPattern;
use clusters::report::FURTHER_WORKSPACE;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::shown;
use crate::rulefile::FileReader;

/// The highest number of further workspaces. Each alert may become one outbox row for each of them, in one transaction.
pub const WORKSPACES_MAX: usize = 20;

/// The highest number of patterns in a list of accounts.
pub(super) const PATTERNS_MAX: usize = 1_000;

/// The longest name of a further workspace or topic, in characters.
const NAME_CHARS_MAX: usize = 20;

/// How the settings file names further sinks of one kind.
pub(super) struct SinkTable {
    /// The name of one of them, such as `topic`.
    pub kind: &'static str,
    /// The field that each has.
    pub field: &'static str,
    /// What the names of their sinks begin with.
    pub prefix: &'static str,
    /// The highest number of them.
    pub max: usize,
}

impl SinkTable {
    /// Returns the message that `what` is no table.
    fn no_table(&self, what: &str) -> String {
        let Self { kind, field, .. } = self;
        format!(
            "{what} must be a table: a line such as [{kind}s.shop], and below it {field} = \"arn:…\""
        )
    }
}

const WORKSPACES: SinkTable = SinkTable {
    kind: "workspace",
    field: "secret",
    prefix: FURTHER_WORKSPACE,
    max: WORKSPACES_MAX,
};

/// The fields of a workspace in the settings file.
const FIELDS: &str = "secret, site, url, route, workspace_id, console_url and accounts";

/// One further workspace of the settings file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FurtherWorkspace {
    /// The ARN of the secret with its token.
    pub secret_arn: Option<String>,
    /// Its site; `None` if an address is given, or for that of the stack's workspace.
    pub site: Option<&'static Site>,
    /// The address of its API, in place of a site.
    pub url: Option<String>,
    /// The API that alerts are sent to; `None` for that of the stack's workspace.
    pub route: Option<Route>,
    /// Its id, for links.
    pub workspace_id: Option<String>,
    /// The URL of its console, for links.
    pub console_url: Option<String>,
    /// The accounts whose alerts it gets; empty for all alerts, those about the whole stack included.
    pub accounts: BTreeSet<AccountPattern>,
}

/// All further workspaces of a settings file, by the names of their sinks.
pub type FurtherWorkspaces = BTreeMap<String, FurtherWorkspace>;

/// The part of a settings file that has workspaces.
impl FileReader<'_> {
    /// Parses the table `workspaces`.
    pub(super) fn workspaces(&mut self, value: &Spanned<DeValue<'_>>) -> FurtherWorkspaces {
        self.further_sinks(value, &WORKSPACES, Self::workspace)
    }

    /// Parses a table of further sinks. Returns them by the names of their sinks; `read` makes one of its table.
    pub(super) fn further_sinks<T: Default>(
        &mut self,
        value: &Spanned<DeValue<'_>>,
        of: &SinkTable,
        read: impl Fn(&mut Self, &Spanned<DeValue<'_>>, &DeTable<'_>) -> T,
    ) -> BTreeMap<String, T> {
        let mut sinks = BTreeMap::new();
        let plural = format!("{}s", of.kind);
        let DeValue::Table(table) = value.get_ref() else {
            self.report(value, of.no_table(&plural));
            return sinks;
        };
        self.bound(value, &plural, table.len(), of.max);
        for (name, value) in table {
            if !is_name(name.get_ref()) {
                self.report(name, no_name(name.get_ref(), of.kind));
            }
            let sink = match value.get_ref() {
                DeValue::Table(table) => read(self, value, table),
                _ => {
                    self.report(value, of.no_table(&format!("a {}", of.kind)));
                    T::default()
                }
            };
            sinks.insert(format!("{}{}", of.prefix, name.get_ref()), sink);
        }
        sinks
    }

    fn workspace(&mut self, value: &Spanned<DeValue<'_>>, table: &DeTable<'_>) -> FurtherWorkspace {
        let mut workspace = FurtherWorkspace::default();
        for (field, value) in table {
            if &**field.get_ref() == "accounts" {
                let list = ("accounts", PATTERNS_MAX);
                workspace.accounts = self.set(value, list, AccountPattern::parse, no_pattern);
                continue;
            }
            let text = value.get_ref().as_str().unwrap_or_default().to_owned();
            let problem = match &**field.get_ref() {
                "secret" => set_secret(&mut workspace, &text),
                "site" => site_named(&text).map(|site| workspace.site = Some(site)),
                "url" => set_url(&mut workspace.url, &text),
                "console_url" => set_url(&mut workspace.console_url, &text),
                "route" => route_named(&text).map(|route| workspace.route = Some(route)),
                "workspace_id" => {
                    workspace_id(&text).map(|()| workspace.workspace_id = Some(text.clone()))
                }
                other => Err(format!("{} is not one of {FIELDS}", shown(other))),
            };
            if let Err(message) = problem {
                self.report(value, message);
            }
        }
        if workspace.site.is_some() && workspace.url.is_some() {
            self.report(value, "has a site and a url; give it one".to_owned());
        }
        workspace
    }
}

/// Returns the message about a text that is no pattern of account ids.
pub(super) fn no_pattern(text: &str) -> String {
    format!(
        "{} is not an account ID of twelve digits, or digits with * for any others, such as 1111*",
        shown(text)
    )
}

/// Returns the message about a text that is no name of a further sink; `what` is `workspace` or `topic`.
fn no_name(text: &str, what: &str) -> String {
    let shown = shown(text);
    format!(
        "{shown} is no name of a {what}: it has at most {NAME_CHARS_MAX} characters, only a-z, 0-9 and -"
    )
}

/// Checks whether a text may be the name of a further workspace or topic.
fn is_name(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !text.is_empty() && text.len() <= NAME_CHARS_MAX && text.bytes().all(is_allowed)
}

fn set_secret(workspace: &mut FurtherWorkspace, text: &str) -> Result<(), String> {
    let parts: Vec<&str> = text.split(':').collect();
    if !matches!(parts[..], ["arn", _, "secretsmanager", _, _, "secret", _]) {
        // The value is never repeated: by mistake, it may be the secret itself.
        return Err("is not the ARN of a secret in Secrets Manager, such as \
                    arn:aws:secretsmanager:eu-central-1:111122223333:secret:name-AbCdEf; never put a token here"
            .to_owned());
    }
    workspace.secret_arn = Some(text.to_owned());
    Ok(())
}

/// Whether the address may be used depends on parameters of the stack, which are not known here.
fn set_url(field: &mut Option<String>, text: &str) -> Result<(), String> {
    let everywhere = AllowedHosts {
        custom: true,
        private: true,
    };
    Endpoint::parse(text, Route::Datakit, everywhere)?;
    *field = Some(text.to_owned());
    Ok(())
}

/// Returns the site with a name, or the message about another text.
pub(super) fn site_named(text: &str) -> Result<&'static Site, String> {
    let names = || SITES.map(|site| site.name).join(", ");
    site::site(text).ok_or_else(|| format!("{} is not one of {}", shown(text), names()))
}

/// Returns the route with a name, or the message about another text.
pub(super) fn route_named(text: &str) -> Result<Route, String> {
    let names = || Route::ALL.map(Route::name).join(", ");
    Route::from_name(text).ok_or_else(|| format!("{} is not one of {}", shown(text), names()))
}

/// Checks the id of a workspace. The error is the message about another text.
pub(super) fn workspace_id(text: &str) -> Result<(), String> {
    let rest = text.strip_prefix("wksp_").unwrap_or_default();
    match !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        true => Ok(()),
        false => Err("is not a workspace ID, which begins with wksp_".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::deliver::DeliverSettings;
    use super::super::lists::Lists;

    fn lists(text: &str) -> Result<Lists, String> {
        Lists::parse(text.as_bytes().to_vec()).map_err(|problems| {
            let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
            problems.join("\n")
        })
    }

    const SECRET: &str = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:guance-AbCdEf";

    fn settings(file: &str) -> DeliverSettings {
        let given = [
            ("AWS_REGION", "eu-central-1"),
            ("TABLE_NAME", "table"),
            ("BUCKET_NAME", "bucket"),
            ("SINKS", "guance"),
            ("OWN_ACCOUNT_ID", "111122223333"),
            ("GUANCE_ROUTE", "dataway"),
            ("GUANCE_SITE", "us1"),
            ("GUANCE_SECRET_ARN", SECRET),
        ];
        let given = given.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let file = file.replace("SECRET", SECRET);
        DeliverSettings::parse(given)
            .unwrap()
            .with(&lists(&file).unwrap())
    }

    #[test]
    fn a_workspace_is_a_sink_with_its_own_secret_and_site() {
        let settings = settings(
            "[workspaces.shop]\nsecret = \"SECRET\"\nsite = \"cn3\"\naccounts = [\"1111*\"]\n\
             [workspaces.other]\nsecret = \"SECRET\"\nworkspace_id = \"wksp_1\"\n",
        );
        assert!(settings.wrong_sinks.is_empty());
        let shop = &settings.workspaces["guance-shop"];
        assert_eq!(shop.endpoint.to_string(), "https://cn3-openway.guance.com");
        assert_eq!(
            shop.console_url.as_deref(),
            Some("https://cn3-console.guance.com")
        );
        let other = &settings.workspaces["guance-other"];
        assert_eq!(other.endpoint.to_string(), "https://us1-openway.guance.com");
        assert_eq!(
            other.console_url.as_deref(),
            Some("https://us1-console.guance.com")
        );
    }

    #[test]
    fn a_workspace_that_cannot_be_used_says_why() {
        for (file, says) in [
            ("site = \"cn3\"", "needs the ARN of a secret"),
            (
                "secret = \"SECRET\"\nurl = \"https://df.example\"",
                "its address is not a host of",
            ),
            (
                "secret = \"SECRET\"\nroute = \"custom_event\"",
                "needs a site or a url",
            ),
            ("site = \"cn3\"\nroute = \"datakit\"", "needs a url"),
            (
                "secret = \"arn:aws:secretsmanager:us-east-1:111122223333:secret:a\"",
                "its secret is in region \"us-east-1\"",
            ),
        ] {
            let settings = settings(&format!("[workspaces.shop]\n{file}"));
            let wrong = &settings.wrong_sinks["guance-shop"];
            assert!(wrong.contains(says), "{file}: {wrong}");
        }
    }

    #[test]
    fn problems_of_the_file_have_their_place_and_no_secret() {
        for (file, says) in [
            ("workspaces = []", "1:14: workspaces must be a table"),
            ("[workspaces]\nshop = 1", "2:8: a workspace must be a table"),
            (
                "[workspaces.Shop]",
                "1:13: \"Shop\" is no name of a workspace",
            ),
            (
                "[workspaces.a]\nsecret = \"tkn_hush\"",
                "2:10: is not the ARN of a secret",
            ),
            (
                "[workspaces.a]\nsite = \"us9\"",
                "2:8: \"us9\" is not one of cn1",
            ),
            ("[workspaces.a]\nroute = \"x\"", "is not one of dataway"),
            ("[workspaces.a]\nurl = \"df.example\"", "2:7: "),
            ("[workspaces.a]\nworkspace_id = \"x\"", "wksp_"),
            (
                "[workspaces.a]\naccounts = [\"shop\"]",
                "2:13: \"shop\" is not an account ID",
            ),
            (
                "[workspaces.a]\ntoken = \"x\"",
                "is not one of secret, site",
            ),
            (
                "[workspaces.a]\nsite = \"cn1\"\nurl = \"https://df.example\"",
                "give it one",
            ),
        ] {
            let problems = lists(file).unwrap_err();
            assert!(problems.contains(says), "{file}: {problems}");
            assert!(!problems.contains("hush"), "{problems}");
        }
    }
}
