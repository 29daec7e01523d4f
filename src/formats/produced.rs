//! A reader of lines that are produced one by one.

use std::io::{self, Read};

/// Reads the lines that a function appends to its buffer; the function returns `false` when there is no further line.
pub(crate) struct Produced<F> {
    next: F,
    buffer: Vec<u8>,
    at: usize,
}

impl<F: FnMut(&mut Vec<u8>) -> io::Result<bool>> Produced<F> {
    pub(crate) fn new(next: F) -> Self {
        Self {
            next,
            buffer: Vec::new(),
            at: 0,
        }
    }
}

impl<F: FnMut(&mut Vec<u8>) -> io::Result<bool>> Read for Produced<F> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        while self.at == self.buffer.len() {
            self.buffer.clear();
            self.at = 0;
            if !(self.next)(&mut self.buffer)? && self.buffer.is_empty() {
                return Ok(0);
            }
        }
        let count = target.len().min(self.buffer.len() - self.at);
        target[..count].copy_from_slice(&self.buffer[self.at..self.at + count]);
        self.at += count;
        Ok(count)
    }
}

/// Maximum length of a line or a row, in bytes. The longest record that is read has 2 MiB.
pub(crate) const LINE_BYTES_MAX: u64 = 8 * 1024 * 1024;
