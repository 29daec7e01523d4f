//! Converts UTF-16 to UTF-8, as a stream. Windows PowerShell writes UTF-16 when output is redirected to a file.

use std::io::{self, Read};

/// The order of the two bytes of a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ByteOrder {
    /// The low byte comes first.
    Little,
    /// The high byte comes first.
    Big,
}

/// A reader that converts UTF-16 to UTF-8, without a byte order mark at the start. A unit that is not part of a character
/// becomes U+FFFD.
pub(crate) struct Decoder<R> {
    input: R,
    order: ByteOrder,
    /// Converted bytes that were not read yet.
    ready: Vec<u8>,
    at: usize,
    /// A byte without its second, and the first half of a pair.
    odd: Option<u8>,
    high: Option<u16>,
    is_at_start: bool,
    has_ended: bool,
}

impl<R: Read> Decoder<R> {
    pub(crate) fn new(input: R, order: ByteOrder) -> Self {
        Self {
            input,
            order,
            ready: Vec::new(),
            at: 0,
            odd: None,
            high: None,
            is_at_start: true,
            has_ended: false,
        }
    }

    fn fill(&mut self) -> io::Result<()> {
        let mut bytes = [0; 16 * 1024];
        let count = self.input.read(&mut bytes)?;
        self.ready.clear();
        self.at = 0;
        for &byte in &bytes[..count] {
            let Some(first) = self.odd.take() else {
                self.odd = Some(byte);
                continue;
            };
            self.unit(match self.order {
                ByteOrder::Little => u16::from_le_bytes([first, byte]),
                ByteOrder::Big => u16::from_be_bytes([first, byte]),
            });
        }
        if count == 0 {
            self.has_ended = true;
            if self.odd.take().is_some() | self.high.take().is_some() {
                self.letter(char::REPLACEMENT_CHARACTER);
            }
        }
        Ok(())
    }

    fn unit(&mut self, unit: u16) {
        let units = self.high.take().into_iter().chain([unit]);
        for letter in char::decode_utf16(units) {
            match letter {
                Ok(letter) => self.letter(letter),
                Err(error)
                    if error.unpaired_surrogate() == unit && (0xd800..0xdc00).contains(&unit) =>
                {
                    self.high = Some(unit);
                }
                Err(_) => self.letter(char::REPLACEMENT_CHARACTER),
            }
        }
    }

    fn letter(&mut self, letter: char) {
        if std::mem::take(&mut self.is_at_start) && letter == '\u{feff}' {
            return;
        }
        let mut bytes = [0; 4];
        self.ready.extend(letter.encode_utf8(&mut bytes).as_bytes());
    }
}

impl<R: Read> Read for Decoder<R> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        while self.at == self.ready.len() && !self.has_ended {
            self.fill()?;
        }
        let count = target.len().min(self.ready.len() - self.at);
        target[..count].copy_from_slice(&self.ready[self.at..self.at + count]);
        self.at += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_joined_and_halves_replaced() {
        let mut units: Vec<u16> = "\u{feff}a\u{feff}𝄞é".encode_utf16().collect();
        units.extend([0xd800, u16::from(b'b'), 0xdc00, 0xd800]);
        for order in [ByteOrder::Little, ByteOrder::Big] {
            let bytes: Vec<u8> = units
                .iter()
                .flat_map(|unit| match order {
                    ByteOrder::Little => unit.to_le_bytes(),
                    ByteOrder::Big => unit.to_be_bytes(),
                })
                .collect();
            let mut text = String::new();
            Decoder::new(&bytes[..], order)
                .read_to_string(&mut text)
                .unwrap();
            assert_eq!(text, "a\u{feff}𝄞é\u{fffd}b\u{fffd}\u{fffd}");
        }
    }
}
