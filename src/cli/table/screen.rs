//! What a table is printed on: its width, and whether it shows colours and links.

use std::io::{self, IsTerminal as _};

use supports_hyperlinks::Stream;

use crate::output;

/// The width in columns if stdout is no terminal. Lines are long enough for whole IDs.
pub const COLUMNS_WITHOUT_TERMINAL: usize = 200;

/// The width in columns of a terminal that does not know its width.
const COLUMNS_OF_UNKNOWN: usize = 80;

/// The least width in columns for which lines are fitted.
const COLUMNS_MIN: usize = 40;

/// The width from which on words are written out, instead of their short forms.
const COLUMNS_WIDE: usize = 100;

/// The width from which on IDs are whole.
const COLUMNS_OF_IDS: usize = 160;

/// What a table is printed on, and how much of each row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Screen {
    /// The number of columns, at least 40.
    pub width: usize,
    /// Whether text may have colours.
    pub colours: bool,
    /// Whether text may have links.
    pub links: bool,
    /// Whether rows have a second line with details, and times are absolute.
    pub verbose: bool,
}

impl Screen {
    /// Returns the screen that stdout is.
    pub fn of_stdout(verbose: bool) -> Self {
        let is_terminal = io::stdout().is_terminal();
        let size = terminal_size::terminal_size_of(io::stdout());
        let columns = size.map_or(COLUMNS_OF_UNKNOWN, |(width, _)| usize::from(width.0));
        let colours = output::colours();
        Self {
            width: match is_terminal {
                true => columns.max(COLUMNS_MIN),
                false => COLUMNS_WITHOUT_TERMINAL,
            },
            colours,
            links: is_terminal && colours && supports_hyperlinks::on(Stream::Stdout),
            verbose,
        }
    }

    /// Checks whether there is room for words that are written out.
    pub fn is_wide(&self) -> bool {
        self.width >= COLUMNS_WIDE
    }

    /// Checks whether there is room for whole IDs.
    pub fn has_whole_ids(&self) -> bool {
        self.width >= COLUMNS_OF_IDS
    }
}
