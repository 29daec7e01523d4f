//! The JSON of `status` and `doctor`.

use serde::Serialize;
use service::doctor::Diagnosis;
use view::status::StatusReport;

use super::pretty;

/// The health of a stack.
#[derive(Serialize)]
struct StatusShape<'a> {
    stack: &'a str,
    state: &'static str,
    healthy: bool,
    summary: &'a str,
    rows: Vec<StatusRowShape<'a>>,
}

#[derive(Serialize)]
struct StatusRowShape<'a> {
    key: &'a str,
    name: &'a str,
    state: &'static str,
    value: &'a str,
    advice: &'a str,
}

/// The links between CloudTrail and the sinks.
#[derive(Serialize)]
struct DiagnosisShape<'a> {
    whole: bool,
    broken: Option<&'static str>,
    links: Vec<LinkShape<'a>>,
    next: &'a str,
}

#[derive(Serialize)]
struct LinkShape<'a> {
    link: &'static str,
    name: &'static str,
    state: &'static str,
    finding: &'a str,
    command: &'a str,
}

/// Returns the health of a stack as a JSON object with one object for each row.
pub fn status(report: &StatusReport) -> anyhow::Result<String> {
    let rows = report.rows.iter().map(|row| StatusRowShape {
        key: &row.key,
        name: &row.name,
        state: row.state.name(),
        value: &row.value,
        advice: &row.advice,
    });
    pretty(&StatusShape {
        stack: &report.stack,
        state: report.state().name(),
        healthy: report.is_healthy(),
        summary: &report.summary,
        rows: rows.collect(),
    })
}

/// Returns the links between CloudTrail and the sinks as a JSON object with one object for each link, in their order.
pub fn doctor(diagnosis: &Diagnosis) -> anyhow::Result<String> {
    let links = diagnosis.links.iter().map(|link| LinkShape {
        link: link.key,
        name: link.name,
        state: link.state.name(),
        finding: &link.finding,
        command: &link.command,
    });
    pretty(&DiagnosisShape {
        whole: diagnosis.is_whole(),
        broken: diagnosis.broken().map(|link| link.key),
        links: links.collect(),
        next: &diagnosis.next,
    })
}
