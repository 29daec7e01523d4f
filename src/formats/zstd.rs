//! Decompresses Zstandard data: one frame after the other.

use std::io::{self, BufRead, BufReader, Read};

use ruzstd::decoding::{FrameDecoder, StreamingDecoder};

/// A reader that decompresses the frames of an input.
pub(crate) struct Frames<R: Read> {
    state: State<BufReader<R>>,
}

enum State<R: Read> {
    Between(R),
    Inside(Box<StreamingDecoder<R, FrameDecoder>>),
    Ended,
}

impl<R: Read> Frames<R> {
    pub(crate) fn new(input: R) -> Self {
        Self {
            state: State::Between(BufReader::with_capacity(64 * 1024, input)),
        }
    }
}

impl<R: Read> Read for Frames<R> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        loop {
            match std::mem::replace(&mut self.state, State::Ended) {
                State::Ended => return Ok(0),
                State::Between(mut input) => {
                    if !input.fill_buf()?.is_empty() {
                        let decoder = StreamingDecoder::new(input).map_err(damaged)?;
                        self.state = State::Inside(Box::new(decoder));
                    }
                }
                State::Inside(mut decoder) => {
                    let count = decoder.read(target).map_err(damaged)?;
                    let is_over = count == 0 && !target.is_empty();
                    let frame = &decoder.decoder;
                    let written = frame.get_checksum_from_data();
                    if is_over && written.is_some() && written != frame.get_calculated_checksum() {
                        return Err(damaged("its checksum is wrong"));
                    }
                    self.state = match is_over {
                        true => State::Between(decoder.into_inner()),
                        false => State::Inside(decoder),
                    };
                    if !is_over {
                        return Ok(count);
                    }
                }
            }
        }
    }
}

fn damaged(error: impl std::fmt::Display) -> io::Error {
    let text = format!("the Zstandard data is damaged or incomplete ({error}); fetch it again");
    io::Error::new(io::ErrorKind::InvalidData, text)
}
