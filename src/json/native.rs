//! All `unsafe` code: vector instructions, and calls of the C library libdeflate.
//!
//! All public functions are safe to call. [`dispatch`] runs a [`Job`] with the widest [`Lanes`] of the
//! processor, and [`Decompressor::member`] decompresses one gzip member from a slice into a slice. The
//! program is compiled for the baseline of its target, so one binary runs on all processors. Faster
//! instructions are detected at run time.

#![allow(
    unsafe_code,
    reason = "the only module with unsafe code; a comment at each block explains why it is sound"
)]

use std::ffi::c_void;
use std::ptr::NonNull;

use libdeflate_sys as libdeflate;

/// The number of bytes in a block. A mask has one bit for each byte of a block; the first byte has the lowest bit.
pub const BLOCK: usize = 64;

/// The length of the buffer of [`Lanes::compact`]: a block, and some bytes that it may write behind its result.
pub const COMPACT_BYTES: usize = BLOCK + 8;

/// The number of blocks in a group, which are examined together: 8 masks of 64 bits fill the widest vector register.
pub const GROUP: usize = 8;

/// The bit masks of one kind of byte for a group of eight blocks: one mask for each block, in the order of the text.
pub type Row = [u64; GROUP];

/// The places in a group of eight blocks at which there are bytes with a meaning in JSON.
///
/// For each kind of byte there is a [`Row`] with one mask for each block. A mask has one bit for each of the 64 bytes
/// of its block.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Masks {
    /// Bit masks of the quotes `"` in the group: one mask for each block, with one bit for each byte.
    pub quote: Row,
    /// Bit masks of the backslashes `\` in the group: one mask for each block, with one bit for each byte.
    pub backslash: Row,
    /// Bit masks of the opening brackets `{` and `[` in the group: one mask for each block, with one bit for each byte.
    pub open: Row,
    /// Bit masks of the closing brackets `}` and `]` in the group: one mask for each block, with one bit for each byte.
    pub close: Row,
    /// Bit masks of the colons `:` in the group: one mask for each block, with one bit for each byte.
    pub colon: Row,
    /// Bit masks of the commas `,` in the group: one mask for each block, with one bit for each byte.
    pub comma: Row,
    /// Bit masks of the control characters (bytes below 0x20): one mask for each block of 64 bytes, with one bit for each byte.
    pub control: Row,
    /// Bit masks of the letters `e` in the group: one mask for each block, with one bit for each byte.
    ///
    /// They help to find keys that begin with `event` or `error`, the only keys that the
    /// [`prefilter`](crate::prefilter) reads.
    pub letter_e: Row,
}

/// The places in a 64-byte block at which there are bytes with a meaning inside of a JSON string: one bit mask for each
/// kind of byte.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StringMasks {
    /// Bit mask of the quotes `"` in the 64-byte block: one bit for each byte, the lowest bit for the first byte.
    pub quote: u64,
    /// Bit mask of the backslashes `\` in the 64-byte block: one bit for each byte, the lowest bit for the first byte.
    pub backslash: u64,
    /// Bit mask of the control characters (bytes below 0x20) in the 64-byte block: one bit for each byte, the lowest
    /// bit for the first byte.
    pub control: u64,
}

/// A set of processor instructions that computes bit masks of 64-byte blocks, or its replacement in safe Rust.
///
/// All functions must be `#[inline(always)]`, see [`Job`].
pub trait Lanes: Copy {
    /// A block that is loaded into registers.
    type Bytes: Copy;

    /// Loads a block into registers.
    fn load(self, block: &[u8; BLOCK]) -> Self::Bytes;

    /// Returns a mask of the bytes of a block that equal `byte`.
    fn places(self, bytes: Self::Bytes, byte: u8) -> u64;

    /// Returns a mask of the control characters in a block, which are the bytes below 0x20.
    fn controls(self, bytes: Self::Bytes) -> u64;

    /// Sets bit 0x20 of each byte, which makes letters lower case and turns `[` and `]` into `{` and `}`.
    fn small(self, bytes: Self::Bytes) -> Self::Bytes;

    /// Returns a mask of the places where two blocks differ.
    fn differences(self, one: &[u8; BLOCK], two: &[u8; BLOCK]) -> u64;

    /// Returns a mask in which each bit is the parity of the same bit of `bits` and of all bits below it.
    ///
    /// For a mask of quotes, the result is a mask of strings, with their opening but without their closing quotes.
    fn parity(self, bits: u64) -> u64;

    /// Writes the bytes of a block whose bits are set in `kept` to the start of `output`, without gaps, and returns their
    /// number. The bytes of `output` behind them are undefined.
    fn compact(self, block: &[u8; BLOCK], kept: u64, output: &mut [u8; COMPACT_BYTES]) -> usize;

    /// Computes all masks of a block, and stores them as block number `place` of a group.
    #[inline(always)]
    fn masks(self, block: &[u8; BLOCK], masks: &mut Masks, place: usize) {
        let bytes = self.load(block);
        let small = self.small(bytes);
        masks.quote[place] = self.places(bytes, b'"');
        masks.backslash[place] = self.places(bytes, b'\\');
        masks.open[place] = self.places(small, b'{');
        masks.close[place] = self.places(small, b'}');
        masks.colon[place] = self.places(bytes, b':');
        masks.comma[place] = self.places(bytes, b',');
        masks.control[place] = self.controls(bytes);
        masks.letter_e[place] = self.places(bytes, b'e');
    }

    /// Computes the masks of a block that matter inside of a string.
    #[inline(always)]
    fn string_masks(self, block: &[u8; BLOCK]) -> StringMasks {
        let bytes = self.load(block);
        StringMasks {
            quote: self.places(bytes, b'"'),
            backslash: self.places(bytes, b'\\'),
            control: self.controls(bytes),
        }
    }
}

/// Work that is compiled once for each set of instructions, see [`Lanes`].
///
/// `run` must be `#[inline(always)]`, or it is compiled for the baseline of the target only.
pub trait Job {
    /// Result of the work.
    type Output;
    /// Does the work with the given set of instructions.
    fn run<L: Lanes>(self, lanes: L) -> Self::Output;
}

/// Runs a job with the widest instructions that the processor has: AVX-512, AVX2 or, in safe Rust, [`Scalar`].
#[inline]
pub fn dispatch<J: Job>(job: J) -> J::Output {
    #[cfg(target_arch = "x86_64")]
    {
        if x86::Avx512::is_available() {
            // SAFETY: the processor was just found to have what the function needs.
            return unsafe { x86::run_avx512(job) };
        }
        if x86::Avx2::is_available() {
            // SAFETY: the processor was just found to have what the function needs.
            return unsafe { x86::run_avx2(job) };
        }
    }
    job.run(Scalar)
}

/// The implementation of [`Lanes`] in safe Rust, for any processor.
#[derive(Debug, Clone, Copy)]
pub struct Scalar;

/// Computes a mask from a test of each place, in steps of eight places.
///
/// The compiler uses vector instructions for the first loop if the target has them. The multiplication moves the lowest
/// bit of each byte into the highest byte.
#[inline(always)]
fn mask(is_set: impl Fn(usize) -> bool) -> u64 {
    const GATHER: u64 = 0x0102_0408_1020_4080;
    let mut bits = [0_u8; BLOCK];
    for (at, bit) in bits.iter_mut().enumerate() {
        *bit = u8::from(is_set(at));
    }
    let (words, _) = bits.as_chunks();
    words.iter().rev().fold(0, |mask, word| {
        mask << 8 | u64::from_le_bytes(*word).wrapping_mul(GATHER) >> 56
    })
}

impl Lanes for Scalar {
    type Bytes = [u8; BLOCK];

    #[inline(always)]
    fn load(self, block: &[u8; BLOCK]) -> Self::Bytes {
        *block
    }

    #[inline(always)]
    fn places(self, bytes: Self::Bytes, byte: u8) -> u64 {
        mask(|at| bytes[at] == byte)
    }

    #[inline(always)]
    fn controls(self, bytes: Self::Bytes) -> u64 {
        mask(|at| bytes[at] < b' ')
    }

    #[inline(always)]
    fn small(self, bytes: Self::Bytes) -> Self::Bytes {
        bytes.map(|byte| byte | 0x20)
    }

    #[inline(always)]
    fn differences(self, one: &[u8; BLOCK], two: &[u8; BLOCK]) -> u64 {
        mask(|at| one[at] != two[at])
    }

    #[inline(always)]
    fn compact(self, block: &[u8; BLOCK], kept: u64, output: &mut [u8; COMPACT_BYTES]) -> usize {
        let mut written = 0;
        for (at, byte) in block.iter().enumerate() {
            output[written] = *byte;
            written += usize::from(kept >> at & 1 != 0);
        }
        written
    }

    #[inline(always)]
    fn parity(self, mut bits: u64) -> u64 {
        for step in [1, 2, 4, 8, 16, 32] {
            bits ^= bits << step;
        }
        bits
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::is_x86_feature_detected;
    use std::arch::x86_64::*;

    use super::{BLOCK, COMPACT_BYTES, Job, Lanes};

    /// The implementation of [`Lanes`] with AVX2, in steps of 32 bytes. Must be created only if [`Self::is_available`]
    /// returned `true`.
    #[derive(Debug, Clone, Copy)]
    pub struct Avx2(());

    /// The implementation of [`Lanes`] with AVX-512, in steps of 64 bytes. Must be created only if
    /// [`Self::is_available`] returned `true`.
    #[derive(Debug, Clone, Copy)]
    pub struct Avx512(());

    #[target_feature(enable = "avx2,pclmulqdq,bmi1,bmi2,lzcnt,popcnt")]
    pub fn run_avx2<J: Job>(job: J) -> J::Output {
        job.run(Avx2(()))
    }

    #[target_feature(enable = "avx512f,avx512bw,avx2,pclmulqdq,bmi1,bmi2,lzcnt,popcnt")]
    pub fn run_avx512<J: Job>(job: J) -> J::Output {
        job.run(Avx512(()))
    }

    impl Avx2 {
        #[inline]
        pub fn is_available() -> bool {
            is_x86_feature_detected!("avx2")
                && is_x86_feature_detected!("pclmulqdq")
                && is_x86_feature_detected!("bmi1")
                && is_x86_feature_detected!("bmi2")
                && is_x86_feature_detected!("lzcnt")
                && is_x86_feature_detected!("popcnt")
        }
    }

    impl Avx512 {
        #[inline]
        pub fn is_available() -> bool {
            is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && Avx2::is_available()
        }
    }

    /// Computes a mask of 64 bytes, of which each is all ones or all zeros.
    ///
    /// # Safety
    /// The processor must have AVX2.
    #[inline(always)]
    unsafe fn join(low: __m256i, high: __m256i) -> u64 {
        // SAFETY: the caller guarantees that the processor has AVX2.
        let (low, high) = unsafe { (_mm256_movemask_epi8(low), _mm256_movemask_epi8(high)) };
        u64::from(low as u32) | u64::from(high as u32) << 32
    }

    /// Computes [`Lanes::parity`] as a carry-less product with all ones.
    ///
    /// # Safety
    /// The processor must have `pclmulqdq`.
    #[inline(always)]
    unsafe fn carryless_parity(bits: u64) -> u64 {
        // SAFETY: the caller guarantees that the processor has the instruction.
        unsafe {
            let product =
                _mm_clmulepi64_si128::<0>(_mm_set_epi64x(0, bits as i64), _mm_set1_epi8(-1));
            _mm_cvtsi128_si64(product) as u64
        }
    }

    /// For each mask of eight bytes, the places of the bytes whose bits are set, in their order; one byte for each place.
    static KEPT: [u64; 256] = {
        let mut all = [0; 256];
        let mut mask = 0;
        while mask < all.len() {
            let (mut place, mut count) = (0, 0);
            while place < 8 {
                if mask >> place & 1 != 0 {
                    all[mask] |= place << (8 * count);
                    count += 1;
                }
                place += 1;
            }
            mask += 1;
        }
        all
    };

    /// Does [`Lanes::compact`] by moving eight bytes at once.
    ///
    /// # Safety
    /// The processor must have AVX2.
    #[inline(always)]
    unsafe fn compact(block: &[u8; BLOCK], kept: u64, output: &mut [u8; COMPACT_BYTES]) -> usize {
        if kept == u64::MAX {
            output[..BLOCK].copy_from_slice(block);
            return BLOCK;
        }
        let (words, _) = block.as_chunks::<8>();
        let mut written = 0;
        for (word, mask) in words.iter().zip(kept.to_le_bytes()) {
            // SAFETY: the caller guarantees that the processor has AVX2, and so all instructions for registers of 128 bits.
            let moved = unsafe {
                let word = _mm_cvtsi64_si128(i64::from_le_bytes(*word));
                let places = _mm_cvtsi64_si128(KEPT[usize::from(mask)] as i64);
                _mm_cvtsi128_si64(_mm_shuffle_epi8(word, places))
            };
            output[written..][..8].copy_from_slice(&moved.to_le_bytes());
            written += mask.count_ones() as usize;
        }
        written
    }

    // Only `run_avx2` creates an `Avx2`, so the processor has AVX2 if an `Avx2` exists.
    impl Lanes for Avx2 {
        type Bytes = (__m256i, __m256i);

        #[inline(always)]
        fn load(self, block: &[u8; BLOCK]) -> Self::Bytes {
            // SAFETY: there is AVX2; both loads are within the block and need no alignment.
            unsafe {
                (
                    _mm256_loadu_si256(block.as_ptr().cast()),
                    _mm256_loadu_si256(block.as_ptr().add(32).cast()),
                )
            }
        }

        #[inline(always)]
        fn places(self, (low, high): Self::Bytes, byte: u8) -> u64 {
            // SAFETY: there is AVX2.
            unsafe {
                let byte = _mm256_set1_epi8(byte as i8);
                join(_mm256_cmpeq_epi8(low, byte), _mm256_cmpeq_epi8(high, byte))
            }
        }

        #[inline(always)]
        fn controls(self, (low, high): Self::Bytes) -> u64 {
            // SAFETY: there is AVX2.
            unsafe {
                let last = _mm256_set1_epi8(0x1f);
                let below = |lane| _mm256_cmpeq_epi8(_mm256_min_epu8(lane, last), lane);
                join(below(low), below(high))
            }
        }

        #[inline(always)]
        fn small(self, (low, high): Self::Bytes) -> Self::Bytes {
            // SAFETY: there is AVX2.
            unsafe {
                let bit = _mm256_set1_epi8(0x20);
                (_mm256_or_si256(low, bit), _mm256_or_si256(high, bit))
            }
        }

        #[inline(always)]
        fn differences(self, one: &[u8; BLOCK], two: &[u8; BLOCK]) -> u64 {
            let (one, two) = (self.load(one), self.load(two));
            // SAFETY: there is AVX2.
            unsafe {
                let same = |one, two| _mm256_cmpeq_epi8(one, two);
                !join(same(one.0, two.0), same(one.1, two.1))
            }
        }

        #[inline(always)]
        fn compact(
            self,
            block: &[u8; BLOCK],
            kept: u64,
            output: &mut [u8; COMPACT_BYTES],
        ) -> usize {
            // SAFETY: there is AVX2.
            unsafe { compact(block, kept, output) }
        }

        #[inline(always)]
        fn parity(self, bits: u64) -> u64 {
            // SAFETY: there is `pclmulqdq`, which `run_avx2` requires.
            unsafe { carryless_parity(bits) }
        }
    }

    // Only `run_avx512` creates an `Avx512`, so the processor has AVX-512 if an `Avx512` exists.
    impl Lanes for Avx512 {
        type Bytes = __m512i;

        #[inline(always)]
        fn load(self, block: &[u8; BLOCK]) -> Self::Bytes {
            // SAFETY: there is AVX-512; the load is the block and needs no alignment.
            unsafe { _mm512_loadu_si512(block.as_ptr().cast()) }
        }

        #[inline(always)]
        fn places(self, bytes: Self::Bytes, byte: u8) -> u64 {
            // SAFETY: there is AVX-512.
            unsafe { _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8(byte as i8)) }
        }

        #[inline(always)]
        fn controls(self, bytes: Self::Bytes) -> u64 {
            // SAFETY: there is AVX-512.
            unsafe { _mm512_cmplt_epu8_mask(bytes, _mm512_set1_epi8(0x20)) }
        }

        #[inline(always)]
        fn small(self, bytes: Self::Bytes) -> Self::Bytes {
            // SAFETY: there is AVX-512.
            unsafe { _mm512_or_si512(bytes, _mm512_set1_epi8(0x20)) }
        }

        #[inline(always)]
        fn differences(self, one: &[u8; BLOCK], two: &[u8; BLOCK]) -> u64 {
            // SAFETY: there is AVX-512.
            unsafe { _mm512_cmpneq_epi8_mask(self.load(one), self.load(two)) }
        }

        #[inline(always)]
        fn compact(
            self,
            block: &[u8; BLOCK],
            kept: u64,
            output: &mut [u8; COMPACT_BYTES],
        ) -> usize {
            // SAFETY: there is AVX2, which `run_avx512` requires.
            unsafe { compact(block, kept, output) }
        }

        #[inline(always)]
        fn parity(self, bits: u64) -> u64 {
            // SAFETY: there is `pclmulqdq`, which `run_avx512` requires.
            unsafe { carryless_parity(bits) }
        }
    }
}

/// A libdeflate decompressor for gzip members, which also returns the compressed length of a member.
///
/// The usual Rust binding does not return this length, so the caller could not find a second member after the first.
#[derive(Debug)]
pub struct Decompressor(NonNull<libdeflate::libdeflate_decompressor>);

// SAFETY: the C library changes the memory behind the pointer only in calls that take `&mut self` here.
unsafe impl Send for Decompressor {}

impl Decompressor {
    /// Allocates a decompressor; `None` if there is not enough memory.
    pub fn new() -> Option<Self> {
        // SAFETY: no conditions; the result is checked for null.
        NonNull::new(unsafe { libdeflate::libdeflate_alloc_decompressor() }).map(Self)
    }

    /// Decompresses the gzip member at the start of `packed` into the start of `output`.
    ///
    /// Returns the number of bytes read from `packed` and the number of bytes written to `output`. `None`: the member
    /// is damaged or incomplete, its checksum is wrong, or `output` is too small.
    pub fn member(&mut self, packed: &[u8], output: &mut [u8]) -> Option<(usize, usize)> {
        let (mut read, mut written) = (0, 0);
        // SAFETY: the pointers and lengths are those of the two slices, which do not overlap. The
        // library reads and writes only within them (libdeflate.h). The decompressor is borrowed
        // mutably, so no other call uses it.
        let result = unsafe {
            libdeflate::libdeflate_gzip_decompress_ex(
                self.0.as_ptr(),
                packed.as_ptr().cast::<c_void>(),
                packed.len(),
                output.as_mut_ptr().cast::<c_void>(),
                output.len(),
                &raw mut read,
                &raw mut written,
            )
        };
        (result == libdeflate::libdeflate_result_LIBDEFLATE_SUCCESS).then_some((read, written))
    }
}

impl Drop for Decompressor {
    fn drop(&mut self) {
        // SAFETY: the decompressor was allocated by the same library, and is freed once.
        unsafe { libdeflate::libdeflate_free_decompressor(self.0.as_ptr()) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Computes all results of lanes for two blocks.
    #[derive(Clone, Copy)]
    struct AllResults<'a>(&'a [u8; BLOCK], &'a [u8; BLOCK]);

    impl Job for AllResults<'_> {
        type Output = (Masks, StringMasks, u64, u64, Vec<u8>);

        #[inline(always)]
        fn run<L: Lanes>(self, lanes: L) -> Self::Output {
            let mut masks = Masks::default();
            lanes.masks(self.0, &mut masks, 3);
            let strings = lanes.string_masks(self.0);
            let differences = lanes.differences(self.0, self.1);
            let mut compact = [0; COMPACT_BYTES];
            let length = lanes.compact(self.0, differences, &mut compact);
            let kept = compact[..length].to_vec();
            (
                masks,
                strings,
                differences,
                lanes.parity(strings.quote),
                kept,
            )
        }
    }

    fn block() -> impl Strategy<Value = [u8; BLOCK]> {
        let byte = prop_oneof![
            any::<u8>(),
            prop::sample::select(b"\"\\{}[]:, e\0\x1f\x20".to_vec())
        ];
        prop::collection::vec(byte, BLOCK).prop_map(|bytes| bytes.try_into().unwrap())
    }

    proptest! {
        #[test]
        fn all_lanes_give_the_same_masks(one in block(), two in block()) {
            let job = AllResults(&one, &two);
            let expected = job.run(Scalar);
            prop_assert_eq!(dispatch(job), expected.clone());
            #[cfg(target_arch = "x86_64")]
            if x86::Avx2::is_available() {
                // SAFETY: the processor was just found to have what the function needs.
                prop_assert_eq!(unsafe { x86::run_avx2(job) }, expected);
            }
        }
    }

    #[test]
    fn only_complete_members_are_decompressed() {
        use std::io::Write as _;
        let pack = |text: &[u8]| {
            let mut encoder =
                flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(text).unwrap();
            encoder.finish().unwrap()
        };
        let (one, two) = (pack(b"one"), pack(b"two"));
        let both = [&one[..], &two].concat();
        let mut decompressor = Decompressor::new().unwrap();
        let mut output = [0; 4];
        assert_eq!(
            decompressor.member(&both, &mut output),
            Some((one.len(), 3))
        );
        assert_eq!(&output[..3], b"one");
        assert_eq!(
            decompressor.member(&both[one.len()..], &mut output),
            Some((two.len(), 3))
        );
        for damaged in [&one[..one.len() - 1], &one[1..], b""] {
            assert_eq!(decompressor.member(damaged, &mut output), None);
        }
        assert_eq!(decompressor.member(&one, &mut output[..2]), None);
    }
}
