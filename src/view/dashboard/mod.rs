//! The pages of a dashboard: pieces of HTML that a custom widget of CloudWatch shows, without a script.
//!
//! What one can click carries an element `cwdb-action` behind it, with the parameters of the next call
//! as JSON (Amazon CloudWatch User Guide, "Interactivity in the custom widget"). As everywhere, what
//! callers write is text and nothing else; parameters and confirmations are made of ids and of words of
//! ours.

pub mod cluster;
pub mod list;

use std::collections::BTreeMap;

use clusters::class::Class;
use clusters::fingerprint::ClusterSubject;
use clusters::triage::TriageStatus;
use maud::{Markup, PreEscaped, html};
use serde_json::Value;

use super::shown;

const STYLE: &str = include_str!("dashboard.css");

/// What the widget is, for those who put it on a dashboard.
pub const DESCRIPTION: &str = include_str!("describe.md");

/// What frames every page.
#[derive(Debug, Clone, Copy)]
pub struct Frame<'a> {
    /// What is called when something is clicked.
    pub endpoint: &'a str,
    /// Whether the dashboard is dark.
    pub is_dark: bool,
    /// What people call accounts.
    pub account_names: &'a BTreeMap<String, String>,
}

/// Where the answer to a click is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ClickTarget {
    /// In the place of the widget.
    Widget,
    /// In a window above it.
    Popup,
}

impl Frame<'_> {
    /// Returns a whole page.
    fn page(&self, content: &Markup) -> String {
        let theme = if self.is_dark { "ci dark" } else { "ci light" };
        let page = html! {
            div class=(theme) {
                style { (PreEscaped(STYLE)) }
                (content)
            }
        };
        page.into_string()
    }

    /// Returns a page that says why there is no other.
    pub fn sentence(&self, sentence: &str) -> String {
        self.page(&html! { p.said { (shown(sentence)) } })
    }

    /// Returns what makes the element before it call the widget again when it is clicked.
    fn call(&self, place: ClickTarget, params: &Value, confirmation: Option<&str>) -> Markup {
        let display = match place {
            ClickTarget::Widget => "widget",
            ClickTarget::Popup => "popup",
        };
        html! {
            cwdb-action action="call" endpoint=(self.endpoint) display=(display)
                confirmation=[confirmation] { (params.to_string()) }
        }
    }

    /// Returns an account as people call it.
    fn account(&self, account_id: &str) -> Markup {
        html! {
            @if let Some(name) = self.account_names.get(account_id) { bdi { (shown(name)) } " " }
            span.nowrap { (shown(account_id)) }
        }
    }
}

/// Says what was decided, by whom and why.
fn decided(TriageStatus { triage, ended }: TriageStatus<'_>) -> Markup {
    html! {
        strong { (triage.decision.to_string()) } " by " bdi { (shown(&triage.actor)) }
        @if !triage.reason.is_empty() { ": " bdi { (shown(&triage.reason)) } }
        @if let Some(ended) = ended { " (over: " (ended.to_string()) ")" }
    }
}

/// Returns the error of a cluster, or that its calls succeeded and are watched.
fn failed(subject: &ClusterSubject, code: Option<&str>) -> String {
    match subject.class {
        Class::Watch => "succeeded".to_owned(),
        _ => shown(code.unwrap_or(&subject.code)),
    }
}
