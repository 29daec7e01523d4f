//! The pages of the dashboard: HTML fragments without scripts, which a custom widget of CloudWatch shows.
//!
//! An element that can be clicked is followed by an element `cwdb-action`, which has the parameters of the next call as
//! JSON. Source: Amazon CloudWatch User Guide, "Interactivity in the custom widget".
//!
//! Text from AWS callers is only ever shown as text. Parameters and confirmations contain only ids and fixed words.

pub mod account;
pub mod call;
pub mod caller;
pub mod calls;
pub mod cluster;
pub mod incident;
pub mod list;
mod parts;
mod phrase;
mod spark;
pub mod status;
#[cfg(test)]
mod tests;
pub mod top;
mod words;

use std::collections::BTreeMap;

use alerts::locale::{Language, Locale};
use alerts::terms;
use clusters::fingerprint::ClusterSubject;
use maud::{Markup, PreEscaped, html};
use serde_json::Value;

use super::shown;

const STYLE: &str = include_str!("dashboard.css");

/// Returns the documentation of the pages in Markdown. CloudWatch shows it to people who add the widget to a dashboard; these
/// need the parameters of the widget too.
pub fn description(language: Language, has_parameters: bool) -> String {
    let pages = language.pick(include_str!("describe.md"), include_str!("describe_zh.md"));
    let parameters = language.pick(
        include_str!("describe_parameters.md"),
        include_str!("describe_parameters_zh.md"),
    );
    match has_parameters {
        true => format!("{pages}\n{parameters}"),
        false => pages.to_owned(),
    }
}

/// The settings that all pages of the dashboard widget share.
#[derive(Debug, Clone, Copy)]
pub struct Frame<'a> {
    /// The ARN of the function that CloudWatch calls when a person clicks on the page; a fixed ARN if a local server
    /// answers the clicks.
    pub endpoint: &'a str,
    /// Whether the page has light text on a dark ground, for a dashboard with the dark theme.
    pub is_dark: bool,
    /// The language of the page, and the time zone of its times.
    pub locale: Locale,
    /// The names that the pages show for accounts, by account id. An account may have no name.
    pub account_names: &'a BTreeMap<String, String>,
}

/// The place where CloudWatch shows the answer to a click.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ClickTarget {
    /// Inside the widget, in place of the current page.
    Widget,
    /// In a window above the dashboard.
    Popup,
}

impl Frame<'_> {
    /// Returns a whole page as HTML.
    fn page(&self, content: &Markup) -> String {
        let theme = if self.is_dark { "ci dark" } else { "ci light" };
        let page = html! {
            div class=(theme) lang=(self.locale.language.tag()) {
                style { (PreEscaped(STYLE)) }
                (content)
            }
        };
        page.into_string()
    }

    /// Returns an HTML page that contains only one sentence, such as an error message.
    pub fn sentence(&self, sentence: &str) -> String {
        self.page(&html! { p.said { (shown(sentence)) } })
    }

    /// Returns an HTML page that says that nothing was found, and below it what to do.
    pub fn not_found(&self, sentence: &str, advice: &[&str]) -> String {
        self.page(&html! {
            p.said { (shown(sentence)) }
            ul { @for one in advice { li { (shown(one)) } } }
        })
    }

    /// Returns the `cwdb-action` element, which makes the element before it call the widget when it is clicked.
    ///
    /// If there is a confirmation, CloudWatch asks it before the call.
    fn call(&self, target: ClickTarget, params: &Value, confirmation: Option<&str>) -> Markup {
        let display = match target {
            ClickTarget::Widget => "widget",
            ClickTarget::Popup => "popup",
        };
        html! {
            cwdb-action action="call" endpoint=(self.endpoint) display=(display)
                confirmation=[confirmation] { (params.to_string()) }
        }
    }

    /// Returns the name of an account, if it has one, and its id.
    fn account(&self, account_id: &str) -> Markup {
        html! {
            @if let Some(name) = self.account_names.get(account_id) { bdi { (shown(name)) } " " }
            span.nowrap { (shown(account_id)) }
        }
    }
}

/// Returns the error code of a cluster, as the service spelled it if that is known; words for a code of this program.
fn failed(frame: &Frame<'_>, subject: &ClusterSubject, code: Option<&str>) -> String {
    let words = terms::code(&subject.code, subject.class, frame.locale.language);
    words.map_or_else(|| shown(code.unwrap_or(&subject.code)), str::to_owned)
}
