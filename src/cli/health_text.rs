//! The health of a stack and the links of its chain, for a terminal: one screen each.

use alerts::locale::Language;
use service::doctor::{Diagnosis, Link, LinkState};
use view::status::{RowState, StatusReport};

use crate::counts::counted;
use crate::table::Screen;
use crate::table::layout::{cut, styled, width, wrapped};

/// The maximum width of the text in columns. Longer lines are hard to read.
const COLUMNS_MAX: usize = 100;

/// The maximum number of lines of one row.
const ROW_LINES_MAX: usize = 2;

/// Returns the health of a stack as text: a sentence, a row for each fact, and what to do, each thing once.
pub fn status(report: &StatusReport, language: Language, screen: &Screen) -> String {
    let columns = screen.width.min(COLUMNS_MAX);
    let mut text = bold(&report.summary, state_style(report.state()), screen) + "\n\n";
    let names = report.rows.iter().map(|row| width(&row.name));
    let name_columns = names.max().unwrap_or_default();
    let words = report.rows.iter().map(|row| row.state.word(language));
    let word_columns = words.map(width).max().unwrap_or_default();
    for row in &report.rows {
        let word = row.state.word(language);
        let head = format!("{}  ", filled(&row.name, name_columns));
        let mark = bold(&filled(word, word_columns), state_style(row.state), screen);
        let indent = name_columns + 2 + word_columns + 2;
        let value = below(&row.value, columns.saturating_sub(indent), indent);
        text.push_str(&format!("{head}{mark}  {value}\n"));
    }
    let mut todo: Vec<&str> = Vec::new();
    for row in report.rows.iter().filter(|row| !row.advice.is_empty()) {
        if !todo.contains(&row.advice.as_str()) {
            todo.push(&row.advice);
        }
    }
    if !todo.is_empty() {
        text.push('\n');
        let title = language.pick("What to do:", "处理方法：");
        text.push_str(&(styled(title, "1", screen) + "\n"));
    }
    for advice in todo {
        // Commands are never cut.
        let lines = wrapped(advice, columns - 2);
        let mut lines = lines.lines();
        text.push_str(&format!("- {}\n", lines.next().unwrap_or_default()));
        lines.for_each(|line| text.push_str(&format!("  {line}\n")));
    }
    text
}

/// Returns the links as text: one line each, with the command below a link that is not as it should be.
pub fn doctor(diagnosis: &Diagnosis, screen: &Screen) -> String {
    let columns = screen.width.min(COLUMNS_MAX);
    let mut text = bold(&conclusion(diagnosis), conclusion_style(diagnosis), screen) + "\n\n";
    let names = diagnosis.links.iter().map(|link| width(link.name));
    let name_columns = names.max().unwrap_or_default();
    let word_columns = width(link_word(LinkState::NotChecked));
    let indent = name_columns + 2 + word_columns + 2;
    for link in &diagnosis.links {
        let Link { name, finding, .. } = link;
        let word = filled(link_word(link.state), word_columns);
        let mark = bold(&word, link_style(link.state), screen);
        let value = match link.state {
            LinkState::Broken | LinkState::Limited | LinkState::Unknown => {
                let lines = wrapped(finding, columns.saturating_sub(indent));
                let lines: Vec<&str> = lines.lines().collect();
                lines.join(&format!("\n{}", " ".repeat(indent)))
            }
            LinkState::Ok | LinkState::NotChecked => cut(finding, columns.saturating_sub(indent)),
        };
        text.push_str(&format!(
            "{}  {mark}  {value}\n",
            filled(name, name_columns)
        ));
    }
    let repairs = diagnosis.links.iter().filter(|link| {
        let is_off = !matches!(link.state, LinkState::Ok | LinkState::NotChecked);
        is_off && !link.command.is_empty()
    });
    let mut last = "";
    for link in repairs {
        // The same permission may be missing for several links in a row.
        if link.command == last {
            continue;
        }
        last = &link.command;
        let title = format!("\n{} ({}):\n", link.name, link_word(link.state));
        text.push_str(&title);
        // On one line, so that it can be copied.
        text.push_str(&format!("  {}\n", link.command));
    }
    if !diagnosis.next.is_empty() {
        text.push_str(&format!("\nNext:\n  {}\n", diagnosis.next));
    }
    text
}

fn conclusion(diagnosis: &Diagnosis) -> String {
    let unknown = diagnosis.count(LinkState::Unknown);
    let limited = diagnosis.count(LinkState::Limited);
    match (diagnosis.broken(), unknown, limited) {
        (Some(link), ..) => format!("Broken: {}", link.name),
        (None, 0, 0) => "No link is broken.".to_owned(),
        (None, 0, limited) => format!(
            "No link is broken; {} only partially.",
            match limited {
                1 => "1 works".to_owned(),
                more => format!("{more} work"),
            }
        ),
        (None, unknown, _) => format!(
            "No link is known to be broken, but {} could not be read.",
            counted(unknown as u64, "link")
        ),
    }
}

fn conclusion_style(diagnosis: &Diagnosis) -> &'static str {
    let states = [LinkState::Broken, LinkState::Unknown, LinkState::Limited];
    let found = states.into_iter().find(|of| diagnosis.count(*of) > 0);
    link_style(found.unwrap_or(LinkState::Ok))
}

/// Returns a text in at most two lines, of which the second begins below the first.
fn below(text: &str, columns: usize, indent: usize) -> String {
    let lines = wrapped(text, columns);
    let lines: Vec<&str> = lines.lines().collect();
    let rest = lines.get(ROW_LINES_MAX - 1..).unwrap_or_default().join(" ");
    let mut shown: Vec<String> = Vec::new();
    let whole = lines.iter().take(ROW_LINES_MAX - 1);
    shown.extend(whole.map(|line| cut(line, columns)));
    if !rest.is_empty() {
        shown.push(cut(&rest, columns));
    }
    shown.join(&format!("\n{}", " ".repeat(indent)))
}

fn filled(text: &str, columns: usize) -> String {
    let spaces = columns.saturating_sub(width(text));
    format!("{text}{}", " ".repeat(spaces))
}

fn bold(text: &str, style: &str, screen: &Screen) -> String {
    styled(text, style, screen)
}

fn state_style(state: RowState) -> &'static str {
    match state {
        RowState::Ok => "32",
        RowState::Warn => "33",
        RowState::Unknown => "35",
        RowState::Bad => "1;31",
    }
}

fn link_word(state: LinkState) -> &'static str {
    match state {
        LinkState::Ok => "ok",
        LinkState::Limited => "partial",
        LinkState::Broken => "broken",
        LinkState::Unknown => "unknown",
        LinkState::NotChecked => "not checked",
    }
}

fn link_style(state: LinkState) -> &'static str {
    match state {
        LinkState::Ok => "32",
        LinkState::Limited => "33",
        LinkState::Broken => "1;31",
        LinkState::Unknown => "35",
        LinkState::NotChecked => "90",
    }
}

#[cfg(test)]
mod tests;
