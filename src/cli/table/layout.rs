//! Lays rows out in columns that fit a width. What does not fit ends in `…`; nothing is wrapped inside a word.
//!
//! Which columns are shown depends on the width: those of rank 0 always, the others in the order of their ranks while there is room.

use alerts::severity::Severity;
use records::redact::sanitize;
use unicode_width::UnicodeWidthStr as _;

use super::screen::Screen;

/// The spaces between two columns.
const GAP: usize = 2;

/// The maximum length of a text, in characters.
const CHARS_MAX: usize = 512;

/// A column of a table.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// The head of the column.
    pub title: &'static str,
    /// When the column gets room: 0 is always, 1 before 2 and so on.
    pub rank: u8,
    /// Whether values end at the right side of the column.
    pub is_right: bool,
    /// From which width on values may be cut; `None`: they are never cut.
    pub least: Option<usize>,
}

impl Column {
    /// Returns a column whose values are never cut.
    pub const fn whole(title: &'static str, rank: u8) -> Self {
        Self {
            title,
            rank,
            is_right: false,
            least: None,
        }
    }

    /// Returns a column of numbers, which end at its right side.
    pub const fn number(title: &'static str, rank: u8) -> Self {
        Self {
            is_right: true,
            ..Self::whole(title, rank)
        }
    }

    /// Returns a column whose values may be cut down to a width.
    pub const fn text(title: &'static str, rank: u8, least: usize) -> Self {
        Self {
            least: Some(least),
            ..Self::whole(title, rank)
        }
    }
}

/// A value in a table.
#[derive(Debug, Clone, Default)]
pub struct Cell {
    text: String,
    /// What stays behind a text that is cut.
    end: String,
    colour: Option<Severity>,
    link: Option<String>,
}

impl Cell {
    /// Returns a cell with a text, which is sanitized.
    pub fn new(text: impl AsRef<str>) -> Self {
        Self {
            text: sanitize(text.as_ref(), CHARS_MAX),
            ..Self::default()
        }
    }

    /// Adds the number of further values, which stays behind the cell's text if that is cut.
    pub fn and_more(mut self, more: usize) -> Self {
        if more > 0 {
            self.end = format!(" +{more}");
        }
        self
    }

    /// Gives the cell the colour of a severity.
    pub fn coloured(mut self, severity: Severity) -> Self {
        self.colour = Some(severity);
        self
    }

    /// Links the cell to an address. An address with other characters than those of a URL is dropped.
    pub fn linked(mut self, address: Option<String>) -> Self {
        self.link = address.filter(|url| url.bytes().all(|byte| byte.is_ascii_graphic()));
        self
    }

    fn width(&self) -> usize {
        width(&self.text) + width(&self.end)
    }

    /// Returns the cell in a given width, filled up with spaces unless it is the last one of its line.
    fn fitted(&self, columns: usize, is_right: bool, is_last: bool, screen: &Screen) -> String {
        let end = width(&self.end);
        let text = match end < columns {
            true => cut(&self.text, columns - end) + &self.end,
            false => cut(&self.text, columns),
        };
        let spaces = " ".repeat(columns.saturating_sub(width(&text)));
        let (before, behind) = match (is_right, is_last) {
            (true, _) => (spaces.as_str(), ""),
            (false, true) => ("", ""),
            (false, false) => ("", spaces.as_str()),
        };
        let text = match self.colour.filter(|_| screen.colours) {
            Some(severity) => format!("\u{1b}[{}m{text}\u{1b}[0m", colour(severity)),
            None => text,
        };
        let text = match self.link.as_deref().filter(|_| screen.links) {
            Some(url) => format!("\u{1b}]8;;{url}\u{1b}\\{text}\u{1b}]8;;\u{1b}\\"),
            None => text,
        };
        [before, &text, behind].concat()
    }
}

/// A row of a table.
#[derive(Debug, Clone, Default)]
pub struct Row {
    /// The values, one for each column.
    pub cells: Vec<Cell>,
    /// Lines below the values, in the full width.
    pub below: Vec<String>,
}

fn colour(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "1;35",
        Severity::Error => "31",
        Severity::Warning => "33",
        Severity::Info => "90",
    }
}

/// Returns the number of columns that a text takes in a terminal.
pub fn width(text: &str) -> usize {
    text.width()
}

/// Returns a text in at most `columns` columns; one that is cut ends in `…`.
pub fn cut(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let fits = |(at, _): &(usize, char)| width(&text[..*at]) < columns;
    let end = text.char_indices().take_while(fits).last();
    let end = end.map_or(0, |(at, _)| at);
    format!("{}…", text[..end].trim_end())
}

/// Returns a table as text: its head, and each row in one line, with the lines below it.
pub fn table(columns: &[Column], rows: &[Row], screen: &Screen) -> String {
    let naturals: Vec<usize> = (0..columns.len())
        .map(|at| {
            let cells = rows.iter().filter_map(|row| row.cells.get(at));
            match cells.map(Cell::width).max().unwrap_or_default() {
                0 => 0,
                widest => widest.max(width(columns[at].title)),
            }
        })
        .collect();
    let widths = widths(columns, &naturals, screen.width);
    let shown: Vec<(usize, usize)> = widths.into_iter().enumerate().collect();
    let shown: Vec<(usize, usize)> = shown.into_iter().filter(|(_, of)| *of > 0).collect();
    let line = |cells: &[Cell]| {
        let mut text = String::new();
        for (place, (at, columns_of)) in shown.iter().enumerate() {
            if place > 0 {
                text.push_str(&" ".repeat(GAP));
            }
            let is_last = place + 1 == shown.len();
            let cell = cells.get(*at).cloned().unwrap_or_default();
            text.push_str(&cell.fitted(*columns_of, columns[*at].is_right, is_last, screen));
        }
        text.truncate(text.trim_end().len());
        text
    };
    let head: Vec<Cell> = columns.iter().map(|of| Cell::new(of.title)).collect();
    let mut text = styled(&line(&head), "1", screen) + "\n";
    for row in rows {
        text.push_str(&line(&row.cells));
        text.push('\n');
        for below in &row.below {
            text.push_str(&styled(&cut(below, screen.width), "2", screen));
            text.push('\n');
        }
    }
    text
}

/// Returns a line in a style of the terminal, such as `1` for bold.
pub fn styled(line: &str, style: &str, screen: &Screen) -> String {
    match screen.colours {
        true => format!("\u{1b}[{style}m{line}\u{1b}[0m"),
        false => line.to_owned(),
    }
}

/// Returns the width of each column; 0 for those that are not shown, because they have no value or no room.
fn widths(columns: &[Column], naturals: &[usize], width: usize) -> Vec<usize> {
    let least: Vec<usize> = columns
        .iter()
        .zip(naturals)
        .map(|(column, natural)| column.least.map_or(*natural, |least| least.min(*natural)))
        .collect();
    let mut by_rank: Vec<usize> = (0..columns.len()).collect();
    by_rank.sort_by_key(|at| columns[*at].rank);
    let mut widths = vec![0; columns.len()];
    let mut taken = 0;
    for at in &by_rank {
        if naturals[*at] == 0 {
            continue;
        }
        let gap = if taken == 0 { 0 } else { GAP };
        let needed = taken + gap + least[*at];
        if columns[*at].rank > 0 && needed > width {
            break;
        }
        widths[*at] = least[*at];
        taken = needed;
    }
    // What is left makes texts whole; what is missing is cut from them.
    let mut left = width.saturating_sub(taken);
    let mut missing = taken.saturating_sub(width);
    for at in by_rank {
        if widths[at] == 0 || columns[at].least.is_none() {
            continue;
        }
        let more = left.min(naturals[at] - widths[at]);
        let less = missing.min(widths[at] - 1);
        widths[at] = widths[at] + more - less;
        left -= more;
        missing -= less;
    }
    widths
}

/// Returns a text in lines of at most `columns` columns, which are broken at spaces. A word that is longer stays whole.
pub fn wrapped(text: &str, columns: usize) -> String {
    let mut lines = String::new();
    for line in text.lines() {
        let mut used = 0;
        for word in line.split(' ') {
            let columns_of = width(word);
            if used > 0 && used + 1 + columns_of > columns {
                lines.push('\n');
                used = 0;
            } else if used > 0 {
                lines.push(' ');
                used += 1;
            }
            lines.push_str(word);
            used += columns_of;
        }
        lines.push('\n');
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_by_the_columns_that_it_takes() {
        for (text, columns, fitted) in [
            ("s3:GetObject", 12, "s3:GetObject"),
            ("s3:GetObject", 11, "s3:GetObje…"),
            ("s3:GetObject Denied", 14, "s3:GetObject…"),
            ("ключ доступа", 6, "ключ…"),
            ("访问被拒绝", 10, "访问被拒绝"),
            ("访问被拒绝", 9, "访问被拒…"),
            ("访问被拒绝", 8, "访问被…"),
            ("ab", 1, "…"),
        ] {
            let cut = cut(text, columns);
            assert_eq!(cut, fitted, "{text} in {columns}");
            assert!(width(&cut) <= columns);
        }
    }

    #[test]
    fn columns_come_and_go_with_the_width() {
        let columns = [
            Column::number("COUNT", 0),
            Column::text("WHAT", 0, 8),
            Column::text("WHO", 2, 4),
            Column::whole("ID", 1),
        ];
        let row = Row {
            cells: vec![
                Cell::new("46"),
                Cell::new("kms:Encrypt AccessDenied"),
                Cell::new("user/mia").and_more(2),
                Cell::new("dl5l"),
            ],
            below: vec!["  Encryption with this key is denied".to_owned()],
        };
        let at = |width| {
            let screen = Screen {
                width,
                colours: false,
                links: false,
                verbose: false,
            };
            table(&columns, std::slice::from_ref(&row), &screen)
        };
        assert_eq!(at(15), "COUNT  WHAT\n   46  kms:Enc…\n  Encryption w…\n");
        assert_eq!(at(22).lines().next().unwrap(), "COUNT  WHAT       ID");
        let narrow =
            "COUNT  WHAT                   WHO   ID\n   46  kms:Encrypt AccessDe…  … +2  dl5l\n";
        assert!(at(40).starts_with(narrow), "{}", at(40));
        let wide = "   46  kms:Encrypt AccessDenied  user/mia +2  dl5l\n";
        assert!(at(80).contains(wide), "{}", at(80));
    }
}
