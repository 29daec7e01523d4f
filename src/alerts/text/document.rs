//! The text of a message as sections of lines, and its two output forms: Markdown and plain text.
//!
//! In a line, fixed text of the program and untrusted text of callers are separate pieces.

use crate::locale::append;
use crate::safe::{code_span, defanged, readable};

/// A section of the text of a message, with its title.
#[derive(Debug)]
pub(super) struct Section {
    pub title: &'static str,
    pub lines: Vec<Line>,
}

/// One line of a [`Section`]: a paragraph or a list item.
#[derive(Debug)]
pub(super) enum Line {
    /// A separate paragraph.
    Paragraph(Pieces),
    /// An item of a list.
    Item(Pieces),
}

pub(super) type Pieces = Vec<Piece>;

/// A piece of a [`Line`]: text of the program, untrusted text, or a link.
#[derive(Debug, Clone)]
pub(super) enum Piece {
    /// Text of the program: words, numbers and times.
    Own(String),
    /// Text of the program that is emphasized.
    Strong(String),
    /// Untrusted text, after [`readable`].
    Other(String),
    /// A link to a console.
    Link { label: &'static str, url: String },
}

/// The longest untrusted text, in characters, if the caller of [`Piece::long`] sets no other limit.
const OTHER_CHARS_MAX: usize = 256;

impl Piece {
    #[expect(
        clippy::needless_pass_by_value,
        reason = "callers pass numbers, times and ids, which are small"
    )]
    pub fn own(text: impl ToString) -> Self {
        Self::Own(text.to_string())
    }

    #[expect(
        clippy::needless_pass_by_value,
        reason = "callers pass numbers, times and ids, which are small"
    )]
    pub fn strong(text: impl ToString) -> Self {
        Self::Strong(text.to_string())
    }

    pub fn other(text: &str) -> Self {
        Self::long(text, OTHER_CHARS_MAX)
    }

    pub fn long(text: &str, chars_max: usize) -> Self {
        Self::Other(readable(text, chars_max))
    }
}

/// Replaces each placeholder `{name}` in a sentence with the pieces that `values` has for this name. A
/// placeholder without pieces is removed.
pub(super) fn fill(sentence: &str, values: &[(&str, Pieces)]) -> Pieces {
    let mut pieces = Pieces::new();
    let mut parts = sentence.split('{');
    add(&mut pieces, parts.next().map(Piece::own));
    for part in parts {
        let (name, words) = part.split_once('}').unwrap_or((part, ""));
        let value = values.iter().find(|(of, _)| *of == name);
        add(
            &mut pieces,
            value.into_iter().flat_map(|(_, value)| value.clone()),
        );
        add(&mut pieces, [Piece::own(words)]);
    }
    pieces
}

/// Adds pieces to a line. Text of the program continues the piece before it, without a space between Chinese words.
fn add(pieces: &mut Pieces, more: impl IntoIterator<Item = Piece>) {
    for piece in more {
        match (pieces.last_mut(), piece) {
            (Some(Piece::Own(text)), Piece::Own(words)) => append(text, &words),
            (_, piece) => pieces.push(piece),
        }
    }
}

/// Joins several lists of pieces to one list, with the text `separator` between two of them.
pub(super) fn joined(lists: Vec<Pieces>, separator: &str) -> Pieces {
    let mut pieces = Pieces::new();
    for (place, list) in lists.into_iter().enumerate() {
        if place > 0 {
            pieces.push(Piece::own(separator));
        }
        pieces.extend(list);
    }
    pieces
}

/// Returns the sections of a message as basic Markdown: headings, paragraphs, lists, code spans, links.
pub(super) fn markdown(sections: &[Section]) -> String {
    let piece = |piece: &Piece| match piece {
        Piece::Own(text) => text.clone(),
        Piece::Strong(text) => format!("**{text}**"),
        Piece::Other(text) => code_span(text),
        Piece::Link { label, url } => format!("[{label}]({url})"),
    };
    let mut text = String::new();
    for section in sections {
        text.push_str(&format!("#### {}\n\n", section.title));
        let mut in_list = false;
        for line in &section.lines {
            let (mark, pieces) = match line {
                Line::Item(pieces) => ("- ", pieces),
                Line::Paragraph(pieces) => ("", pieces),
            };
            let is_item = !mark.is_empty();
            if in_list && !is_item {
                text.push('\n');
            }
            in_list = is_item;
            let words: String = pieces.iter().map(piece).collect();
            let end = if is_item { "\n" } else { "\n\n" };
            text.push_str(&[mark, &words, end].concat());
        }
        if in_list {
            text.push('\n');
        }
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

/// Returns the sections of a message as plain text, in which untrusted text cannot become a link, a mention
/// or a tag.
pub(super) fn plain(sections: &[Section]) -> String {
    let piece = |piece: &Piece| match piece {
        Piece::Own(text) => text.replace('`', "\""),
        Piece::Strong(text) => text.clone(),
        Piece::Other(text) => defanged(text),
        Piece::Link { label, url } => format!("{label}: {url}"),
    };
    let mut text = String::new();
    for section in sections {
        text.push_str(&format!("{}\n", section.title));
        for line in &section.lines {
            let (mark, pieces) = match line {
                Line::Item(pieces) => ("  - ", pieces),
                Line::Paragraph(pieces) => ("  ", pieces),
            };
            let words: String = pieces.iter().map(piece).collect();
            text.push_str(&[mark, &words, "\n"].concat());
        }
        text.push('\n');
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}
