//! Decompresses Zstandard data: one frame after the other. Skippable frames are skipped.
//!
//! Source: RFC 8878.

use std::io::{self, BufRead, BufReader, Read};

use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

/// A reader that decompresses the frames of an input.
pub(crate) struct Frames<R: Read> {
    input: BufReader<R>,
    decoder: Box<FrameDecoder>,
    is_in_frame: bool,
}

impl<R: Read> Frames<R> {
    pub(crate) fn new(input: R) -> Self {
        Self {
            input: BufReader::with_capacity(64 * 1024, input),
            decoder: Box::new(FrameDecoder::new()),
            is_in_frame: false,
        }
    }

    /// Begins the next frame that has content. `false`: there is none.
    fn begin(&mut self) -> io::Result<bool> {
        while !self.input.fill_buf()?.is_empty() {
            match self.decoder.init(&mut self.input) {
                Ok(()) => {
                    self.is_in_frame = true;
                    return Ok(true);
                }
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    let mut frame = (&mut self.input).take(length.into());
                    if io::copy(&mut frame, &mut io::sink())? < length.into() {
                        return Err(damaged("it ends too early"));
                    }
                }
                Err(FrameDecoderError::WindowSizeTooBig { requested, .. }) => {
                    return Err(invalid(format!(
                        "the Zstandard data needs {requested} bytes of memory; unpack it first: zstd -d --long=31 FILE"
                    )));
                }
                Err(error) => return Err(damaged(error)),
            }
        }
        Ok(false)
    }
}

impl<R: Read> Read for Frames<R> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        while !target.is_empty() && (self.is_in_frame || self.begin()?) {
            let decoder = &mut *self.decoder;
            while decoder.can_collect() == 0 && !decoder.is_finished() {
                decoder
                    .decode_blocks(&mut self.input, BlockDecodingStrategy::UptoBlocks(1))
                    .map_err(damaged)?;
            }
            let count = decoder.read(target)?;
            if count > 0 {
                return Ok(count);
            }
            let written = decoder.get_checksum_from_data();
            if written.is_some() && written != decoder.get_calculated_checksum() {
                return Err(damaged("its checksum is wrong"));
            }
            self.is_in_frame = false;
        }
        Ok(0)
    }
}

fn damaged(error: impl std::fmt::Display) -> io::Error {
    invalid(format!(
        "the Zstandard data is damaged or incomplete ({error}); fetch it again"
    ))
}

fn invalid(text: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: &[u8] = include_bytes!("../../tests/fixtures/inputs/trail.json.zst");
    const SKIPPED: &[u8] = b"\x5f\x2a\x4d\x18\x04\0\0\0skip";

    fn read(parts: &[&[u8]]) -> Result<Vec<u8>, String> {
        let mut unpacked = Vec::new();
        let read = Frames::new(&parts.concat()[..]).read_to_end(&mut unpacked);
        read.map(|_| unpacked).map_err(|error| error.to_string())
    }

    #[test]
    fn frames_are_joined_and_skippable_ones_left_out() {
        let once = read(&[FRAME]).unwrap();
        assert!(once.starts_with(b"{"));
        assert_eq!(
            read(&[SKIPPED, FRAME, SKIPPED, FRAME, SKIPPED]).unwrap(),
            once.repeat(2)
        );
        assert_eq!(read(&[SKIPPED]).unwrap(), b"");
    }

    #[test]
    fn damage_is_an_error_that_says_what_to_do() {
        let (last, start) = FRAME.split_last().unwrap();
        let wide = b"\x28\xb5\x2f\xfd\0\xa8";
        for (parts, expected) in [
            (&[start, &[last ^ 1]][..], "its checksum is wrong"),
            (&[start], "damaged or incomplete"),
            (&[FRAME, &SKIPPED[..9]], "it ends too early"),
            (&[wide], "zstd -d --long=31 FILE"),
        ] {
            let error = read(parts).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }
}
