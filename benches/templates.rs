//! Masks each line of standard input to its template, and prints the total number of bytes of the templates.
//!
//! `instructions.py` counts the processor instructions of this program.

use std::io::{self, Read as _};

use records::message::template;

fn main() -> io::Result<()> {
    let mut messages = String::new();
    io::stdin().read_to_string(&mut messages)?;
    let bytes: usize = messages
        .lines()
        .map(|message| template(message, &[""; 0]).len())
        .sum();
    #[expect(clippy::print_stdout, reason = "the output of the benchmark")]
    {
        println!("{bytes}");
    }
    Ok(())
}
